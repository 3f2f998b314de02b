// Packed shifts (SDM vol. 2, PSLL, PSRL, PSRA, PSLLDQ, PSRLDQ): the count is one for all elements. A count beyond
// the element gives zero, or copies of the sign; WebAssembly would take it modulo the width.

import { uopDst, uopImm, uopSrc } from "../../decode/uop";
import { Status } from "../../vcpu/status";
import { immediate, mmx, setMmx, xmm } from "./operand";

@inline function clamp(count: u64, most: u64): i32 { return <i32>min<u64>(count, most); }

/**
 * A shift by the opcode of its register form, D1h-D3h, E1h, E2h or F1h-F3h.
 *
 *   7:4 D logical right, E arithmetic right, F left      1:0 1 words, 2 doublewords, 3 quadwords
 */
@inline export function shifted(opcode: u32, a: v128, count: u64): v128 {
  switch (opcode) {
    case 0xe1: return i16x8.shr_s(a, clamp(count, 15));
    case 0xe2: return i32x4.shr_s(a, clamp(count, 31));
    case 0xd1: if (count < 16) return i16x8.shr_u(a, <i32>count); break;
    case 0xd2: if (count < 32) return i32x4.shr_u(a, <i32>count); break;
    case 0xd3: if (count < 64) return i64x2.shr_u(a, <i32>count); break;
    case 0xf1: if (count < 16) return i16x8.shl(a, <i32>count); break;
    case 0xf2: if (count < 32) return i32x4.shl(a, <i32>count); break;
    default: if (count < 64) return i64x2.shl(a, <i32>count);
  }
  return i64x2.splat(0);
}

/** Row of the register form, by the opcode extension: 2 logical right, 4 arithmetic right, 6 left. */
@inline function registerForm(u: usize): u32 {
  const extension = <u32>uopDst(u);
  const row: u32 = extension == 2 ? 0xd0 : extension == 4 ? 0xe0 : 0xf0;
  return row | ((<u32>uopImm(u) >> 8) & 3);
}

/** Groups 71h-73h on XMM registers; extensions 3 and 7 of 73h shift the whole register by bytes. */
export function shiftGroup(u: usize): i32 {
  const at = xmm(uopSrc(u));
  const a = v128.load(at);
  const count = immediate(u);
  const extension = uopDst(u);
  if (extension == 3) v128.store(at, bytesRight(a, i64x2.splat(0), count));
  else if (extension == 7) v128.store(at, bytesLeft(a, count));
  else v128.store(at, shifted(registerForm(u), a, count));
  return Status.NEXT;
}
/** The same on MMX registers. */
export function shiftGroupMmx(u: usize): i32 {
  const n = uopSrc(u);
  const a = v128.load64_zero(mmx(n));
  setMmx(n, i64x2.extract_lane(shifted(registerForm(u), a, immediate(u)), 0));
  return Status.NEXT;
}

/** 0, 1 ... 15. */
@inline function ramp(): v128 { return i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
/** Bytes `count` to `count` + 15 of high:low, with zeros above. */
@inline export function bytesRight(low: v128, high: v128, count: u32): v128 {
  if (count >= 32) return i64x2.splat(0);
  // An index out of range selects zero: each part drops out where the other one is meant.
  const index = i8x16.add(ramp(), i8x16.splat(<i8>count));
  return v128.or(i8x16.swizzle(low, index), i8x16.swizzle(high, i8x16.sub(index, i8x16.splat(16))));
}
@inline function bytesLeft(a: v128, count: u32): v128 {
  if (count >= 16) return i64x2.splat(0);
  return i8x16.swizzle(a, i8x16.sub(ramp(), i8x16.splat(<i8>count)));
}
