// Shuffles, blends and extensions of XMM registers whose control is an immediate or an implied register (SDM
// vol. 2, SHUFPS, PSHUFD, UNPCK, PALIGNR, BLEND, PBLEND, INSERTPS, PMOVSX, PMOVZX, MPSADBW, PTEST).

import { flagsEager } from "../../vcpu/flags";
import { Status } from "../../vcpu/status";
import { CF, ZF } from "../../x86/flags";
import { isMemory } from "../operand";
import { slidingDistances } from "./integer";
import { immediate, source128, source16, source32, source64, xmm, xmmDst } from "./operand";
import { bytesRight } from "./shift";

// ---- immediate shuffles ---------------------------------------------------------------------------

/** Element n of four, chosen by bits 2n+1:2n of a control byte. */
@inline function chosen<T>(base: usize, selection: u32, n: u32): T {
  return load<T>(base + (((selection >> (n << 1)) & 3) * sizeof<T>()));
}
/** Four doublewords chosen from one register. */
@inline function fourOf(base: usize, selection: u32): v128 {
  const low = <u64>chosen<u32>(base, selection, 0) | (<u64>chosen<u32>(base, selection, 1) << 32);
  const high = <u64>chosen<u32>(base, selection, 2) | (<u64>chosen<u32>(base, selection, 3) << 32);
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}
/** Four words chosen from the quadword at `base`; PSHUFW too. */
export function fourWords(base: usize, selection: u32): u64 {
  return (
    <u64>chosen<u16>(base, selection, 0) |
    (<u64>chosen<u16>(base, selection, 1) << 16) |
    (<u64>chosen<u16>(base, selection, 2) << 32) |
    (<u64>chosen<u16>(base, selection, 3) << 48)
  );
}
/** PSHUFD. */
export function shuffleDoublewords(u: usize): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  v128.store(xmmDst(u), fourOf(source, immediate(u)));
  return Status.NEXT;
}
/** PSHUFLW. */
export function shuffleLowWords(u: usize): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const words = fourWords(source, immediate(u));
  v128.store(xmmDst(u), i64x2.replace_lane(v128.load(source), 0, words));
  return Status.NEXT;
}
/** PSHUFHW. */
export function shuffleHighWords(u: usize): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const words = fourWords(source + 8, immediate(u));
  v128.store(xmmDst(u), i64x2.replace_lane(v128.load(source), 1, words));
  return Status.NEXT;
}
/** SHUFPS: the low half from the destination, the high half from the source. */
export function shuffleSingle(u: usize): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const at = xmmDst(u);
  const c = immediate(u);
  const low = <u64>chosen<u32>(at, c, 0) | (<u64>chosen<u32>(at, c, 1) << 32);
  const high = <u64>chosen<u32>(source, c, 2) | (<u64>chosen<u32>(source, c, 3) << 32);
  store<u64>(at, low);
  store<u64>(at, high, 8);
  return Status.NEXT;
}
/** SHUFPD. */
export function shuffleDouble(u: usize): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const at = xmmDst(u);
  const c = immediate(u);
  const low = load<u64>(at + ((c & 1) << 3));
  const high = load<u64>(source + (((c >> 1) & 1) << 3));
  store<u64>(at, low);
  store<u64>(at, high, 8);
  return Status.NEXT;
}
/** PALIGNR. */
export function alignRight(u: usize): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const at = xmmDst(u);
  v128.store(at, bytesRight(v128.load(source), v128.load(at), immediate(u)));
  return Status.NEXT;
}
/** MPSADBW. */
export function sumAbsoluteBlocks(u: usize): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const at = xmmDst(u);
  v128.store(at, slidingDistances(v128.load(at), v128.load(source), immediate(u)));
  return Status.NEXT;
}

/** INSERTPS: 7:6 element of a source register | 5:4 element of the destination | 3:0 elements to clear. */
export function insertSingle(u: usize): i32 {
  const c = immediate(u);
  const source = source32(u);
  if (source == 0) return Status.FAULT;
  const value = load<u32>(isMemory(u) ? source : source + ((c >> 6) << 2));
  const at = xmmDst(u);
  store<u32>(at + (((c >> 4) & 3) << 2), value);
  for (let n: u32 = 0; n < 4; n++) if (((c >> n) & 1) != 0) store<u32>(at + (n << 2), 0);
  return Status.NEXT;
}

// ---- blends ---------------------------------------------------------------------------------------

/** Spreads bits of a control byte over elements: all ones where the bit in `places` is set. */
@inline function blendMask(selection: u32, width: u32): v128 {
  if (width == 2) {
    const places = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
    return i16x8.eq(v128.and(i16x8.splat(<i16>selection), places), places);
  }
  if (width == 4) {
    const places = i32x4(1, 2, 4, 8);
    return i32x4.eq(v128.and(i32x4.splat(selection), places), places);
  }
  const places = i64x2(1, 2);
  return i64x2.eq(v128.and(i64x2.splat(selection), places), places);
}
/** BLENDPS, BLENDPD, PBLENDW by the width of an element. */
export function blend(u: usize, width: u32): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const at = xmmDst(u);
  v128.store(at, v128.bitselect(v128.load(source), v128.load(at), blendMask(immediate(u), width)));
  return Status.NEXT;
}
/** PBLENDVB, BLENDVPS, BLENDVPD: the sign bits of XMM0 choose. */
export function blendVariable(u: usize, width: u32): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const chooser = v128.load(xmm(0));
  const mask = width == 1 ? i8x16.shr_s(chooser, 7) : width == 4 ? i32x4.shr_s(chooser, 31) : i64x2.shr_s(chooser, 63);
  const at = xmmDst(u);
  v128.store(at, v128.bitselect(v128.load(source), v128.load(at), mask));
  return Status.NEXT;
}

/** PTEST: ZF when they have no bit in common, CF when the source has none outside the destination. */
export function test(u: usize): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const a = v128.load(xmmDst(u));
  const b = v128.load(source);
  let flags: u32 = 0;
  if (!v128.any_true(v128.and(a, b))) flags |= ZF;
  if (!v128.any_true(v128.andnot(b, a))) flags |= CF;
  flagsEager(flags);
  return Status.NEXT;
}

// ---- extensions -----------------------------------------------------------------------------------

// Each doubles the width of the low elements; bytes to doublewords take two steps.
@inline function bytesSigned(a: v128): v128 { return i16x8.extend_low_i8x16_s(a); }
@inline function wordsSigned(a: v128): v128 { return i32x4.extend_low_i16x8_s(a); }
@inline function doublewordsSigned(a: v128): v128 { return i64x2.extend_low_i32x4_s(a); }
@inline function bytesUnsigned(a: v128): v128 { return i16x8.extend_low_i8x16_u(a); }
@inline function wordsUnsigned(a: v128): v128 { return i32x4.extend_low_i16x8_u(a); }
@inline function doublewordsUnsigned(a: v128): v128 { return i64x2.extend_low_i32x4_u(a); }

/** PMOVSX (opcodes 20h-25h) and PMOVZX (30h-35h): BW BD BQ WD WQ DQ. Only the bytes that count are read. */
export function extend(u: usize, opcode: u32): i32 {
  let source: usize;
  let a: v128;
  switch (opcode & 15) {
    case 0: case 3: case 5:
      source = source64(u);
      if (source == 0) return Status.FAULT;
      a = v128.load64_zero(source);
      break;
    case 2:
      source = source16(u);
      if (source == 0) return Status.FAULT;
      a = i32x4.splat(<i32>load<u16>(source));
      break;
    default:
      source = source32(u);
      if (source == 0) return Status.FAULT;
      a = v128.load32_zero(source);
  }
  v128.store(xmmDst(u), extended(opcode, a));
  return Status.NEXT;
}
function extended(opcode: u32, a: v128): v128 {
  switch (opcode) {
    case 0x20: return bytesSigned(a);
    case 0x21: return wordsSigned(bytesSigned(a));
    case 0x22: return doublewordsSigned(wordsSigned(bytesSigned(a)));
    case 0x23: return wordsSigned(a);
    case 0x24: return doublewordsSigned(wordsSigned(a));
    case 0x25: return doublewordsSigned(a);
    case 0x30: return bytesUnsigned(a);
    case 0x31: return wordsUnsigned(bytesUnsigned(a));
    case 0x32: return doublewordsUnsigned(wordsUnsigned(bytesUnsigned(a)));
    case 0x33: return wordsUnsigned(a);
    case 0x34: return doublewordsUnsigned(wordsUnsigned(a));
    default: return doublewordsUnsigned(a);
  }
}
