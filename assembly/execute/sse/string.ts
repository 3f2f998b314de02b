// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: text comparison (SDM vol. 2, 4.1; vol. 1, 12.10.4-12.10.7).
//
//   imm8  1:0 elements: 0 unsigned bytes, 1 unsigned words, 2 signed bytes, 3 signed words
//         3:2 aggregation: 0 equal any, 1 ranges, 2 equal each, 3 equal ordered
//         5:4 polarity: 1 negated, 3 negated within the second string
//         6   index of the last one instead of the first; mask of elements instead of bits
//
// The first string is the destination register (its length in EAX), the second the source (EDX). A string ends
// at its length, or, for the implicit forms, before the first zero; elements behind it are invalid.

import { uopSize } from "../../decode/uop";
import { flagsEager } from "../../vcpu/flags";
import { RAX, RCX, RDX, reg32, reg64, setReg32 } from "../../vcpu/state";
import { Status } from "../../vcpu/status";
import { CF, OF, SF, ZF } from "../../x86/flags";
import { immediate, source128u, xmm, xmmDst } from "./operand";

const WORDS: u32 = 1;
const SIGNED: u32 = 2;
const EQUAL_ANY: u32 = 0;
const RANGES: u32 = 1;
const EQUAL_EACH: u32 = 2;
const NEGATED: u32 = 0x10;
const WITHIN: u32 = 0x20;
const LAST: u32 = 0x40;

/** The operands of the instruction: addresses, lengths in elements, elements of a register, control byte. */
let first: usize = 0;
let second: usize = 0;
let firstLength: u32 = 0;
let secondLength: u32 = 0;
let elements: u32 = 0;
let control: u32 = 0;

/** Element n, widened as its type says. */
function element(base: usize, n: u32): i32 {
  if ((control & WORDS) != 0) {
    return (control & SIGNED) != 0 ? <i32>load<i16>(base + (n << 1)) : <i32>load<u16>(base + (n << 1));
  }
  return (control & SIGNED) != 0 ? <i32>load<i8>(base + n) : <i32>load<u8>(base + n);
}

/** Length given in a register: its magnitude, at most all elements. */
function explicitLength(register: usize, wide: bool): u32 {
  const value = wide ? <i64>reg64(register) : <i64>(<i32>reg32(register));
  const most = <i64>elements;
  return value > most || value < -most ? elements : <u32>abs<i64>(value);
}
/** Elements before the first zero. */
function implicitLength(base: usize): u32 {
  const a = v128.load(base);
  if ((control & WORDS) != 0) return min<u32>(ctz<u32>(i16x8.bitmask(i16x8.eq(a, i16x8.splat(0)))), 8);
  return min<u32>(ctz<u32>(i8x16.bitmask(i8x16.eq(a, i8x16.splat(0)))), 16);
}

/** Equal any: second[j] is one of the first string. */
function equalAny(): u32 {
  let result: u32 = 0;
  for (let j: u32 = 0; j < secondLength; j++) {
    const value = element(second, j);
    for (let i: u32 = 0; i < firstLength; i++) if (element(first, i) == value) result |= 1 << j;
  }
  return result;
}
/** Ranges: second[j] lies between the ends of a pair of the first string. */
function ranges(): u32 {
  let result: u32 = 0;
  for (let j: u32 = 0; j < secondLength; j++) {
    const value = element(second, j);
    for (let i: u32 = 0; i + 1 < firstLength; i += 2) {
      if (element(first, i) <= value && value <= element(first, i + 1)) result |= 1 << j;
    }
  }
  return result;
}
/** Equal each: the strings agree at j; behind the ends of both they do, behind one they don't. */
function equalEach(): u32 {
  let result: u32 = 0;
  for (let j: u32 = 0; j < elements; j++) {
    const valid = <u32>(j < firstLength) + <u32>(j < secondLength);
    if (valid == 0 || (valid == 2 && element(first, j) == element(second, j))) result |= 1 << j;
  }
  return result;
}
/** Equal ordered: the first string occurs in the second at j, perhaps cut off by the end of the register. */
function equalOrdered(): u32 {
  let result: u32 = 0;
  for (let j: u32 = 0; j < elements; j++) {
    let found = true;
    for (let i: u32 = 0; i < firstLength && i + j < elements; i++) {
      found = found && i + j < secondLength && element(first, i) == element(second, i + j);
    }
    if (found) result |= 1 << j;
  }
  return result;
}

/** Compares and sets the flags; the result has a bit per element of the second string. */
function compare(u: usize, explicit: bool): u32 {
  control = immediate(u);
  elements = (control & WORDS) != 0 ? 8 : 16;
  first = xmmDst(u);
  firstLength = explicit ? explicitLength(RAX, uopSize(u) == 3) : implicitLength(first);
  secondLength = explicit ? explicitLength(RDX, uopSize(u) == 3) : implicitLength(second);
  const aggregation = (control >> 2) & 3;
  let result =
    aggregation == EQUAL_ANY ? equalAny()
    : aggregation == RANGES ? ranges()
    : aggregation == EQUAL_EACH ? equalEach()
    : equalOrdered();
  if ((control & NEGATED) != 0) result ^= (1 << ((control & WITHIN) != 0 ? secondLength : elements)) - 1;
  let flags: u32 = 0;
  if (result != 0) flags |= CF;
  if (secondLength < elements) flags |= ZF;
  if (firstLength < elements) flags |= SF;
  if ((result & 1) != 0) flags |= OF;
  flagsEager(flags);
  return result;
}

/** PCMPESTRI, PCMPISTRI: the index of the first or last element found, or the number of elements, in ECX. */
export function compareIndex(u: usize, explicit: bool): i32 {
  second = source128u(u);
  if (second == 0) return Status.FAULT;
  const result = compare(u, explicit);
  let index = elements;
  if (result != 0) index = (control & LAST) != 0 ? 31 - clz(result) : ctz(result);
  setReg32(RCX, index);
  return Status.NEXT;
}

/** PCMPESTRM, PCMPISTRM: the result in XMM0, a bit or an element of ones for each. */
export function compareMask(u: usize, explicit: bool): i32 {
  second = source128u(u);
  if (second == 0) return Status.FAULT;
  const result = compare(u, explicit);
  v128.store(xmm(0), (control & LAST) != 0 ? spread(result) : i64x2.replace_lane(i64x2.splat(0), 0, <i64>result));
  return Status.NEXT;
}
function spread(bits: u32): v128 {
  if ((control & WORDS) != 0) {
    const places = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
    return i16x8.eq(v128.and(i16x8.splat(<i16>bits), places), places);
  }
  const places = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  const bytes = v128.shuffle<i8>(i16x8.splat(<i16>bits), i16x8.splat(0), 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  return i8x16.eq(v128.and(bytes, places), places);
}
