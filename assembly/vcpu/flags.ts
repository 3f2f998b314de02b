// Lazy arithmetic flags. An instruction stores what it computed; a consumer derives the flags it needs.
//
//   LAZY_KIND  u32  LazyKind << 2 | log2 of the operand size in bytes
//   LAZY_RESULT u64 result, zero-extended from its size
//   LAZY_A     u64  first operand, zero-extended (the second is derived: result - a, or a - result)
//   LAZY_CARRY u32  INC, DEC: CF. RESULT: CF | AF | OF at their RFLAGS positions. EAGER: all six.

import { LAZY_A, LAZY_CARRY, LAZY_KIND, LAZY_RESULT, SYSTEM_FLAGS } from "../layout";
import { AF, ARITHMETIC, CF, IMPLEMENTED, OF, PF, RESERVED_ONE, SF, ZF } from "../x86/flags";

export const enum LazyKind {
  /** LAZY_CARRY holds all six flags. */
  EAGER = 0,
  ADD = 1,
  /** Addition with a carry in of 1. */
  ADC = 2,
  SUB = 3,
  /** Subtraction with a borrow in of 1. */
  SBB = 4,
  /** CF = OF = AF = 0. */
  LOGIC = 5,
  INC = 6,
  DEC = 7,
  /** SF ZF PF from the result, CF AF OF in LAZY_CARRY. */
  RESULT = 8,
}

@inline function sizeOf<T>(): u32 {
  return sizeof<T>() == 1 ? 0 : sizeof<T>() == 2 ? 1 : sizeof<T>() == 4 ? 2 : 3;
}
/** T is an unsigned type of the operand size. */
@inline export function flagsAdd<T>(a: T, r: T): void {
  store<u32>(LAZY_KIND, (LazyKind.ADD << 2) | sizeOf<T>());
  store<u64>(LAZY_A, <u64>a);
  store<u64>(LAZY_RESULT, <u64>r);
}
@inline export function flagsAdc<T>(a: T, r: T, carry: u32): void {
  store<u32>(LAZY_KIND, ((LazyKind.ADD + carry) << 2) | sizeOf<T>());
  store<u64>(LAZY_A, <u64>a);
  store<u64>(LAZY_RESULT, <u64>r);
}
@inline export function flagsSub<T>(a: T, r: T): void {
  store<u32>(LAZY_KIND, (LazyKind.SUB << 2) | sizeOf<T>());
  store<u64>(LAZY_A, <u64>a);
  store<u64>(LAZY_RESULT, <u64>r);
}
@inline export function flagsSbb<T>(a: T, r: T, borrow: u32): void {
  store<u32>(LAZY_KIND, ((LazyKind.SUB + borrow) << 2) | sizeOf<T>());
  store<u64>(LAZY_A, <u64>a);
  store<u64>(LAZY_RESULT, <u64>r);
}
@inline export function flagsLogic<T>(r: T): void {
  store<u32>(LAZY_KIND, (LazyKind.LOGIC << 2) | sizeOf<T>());
  store<u64>(LAZY_RESULT, <u64>r);
}
/** INC and DEC keep CF: pass it. */
@inline export function flagsInc<T>(r: T, cf: u32): void {
  store<u32>(LAZY_CARRY, cf);
  store<u32>(LAZY_KIND, (LazyKind.INC << 2) | sizeOf<T>());
  store<u64>(LAZY_RESULT, <u64>r);
}
@inline export function flagsDec<T>(r: T, cf: u32): void {
  store<u32>(LAZY_CARRY, cf);
  store<u32>(LAZY_KIND, (LazyKind.DEC << 2) | sizeOf<T>());
  store<u64>(LAZY_RESULT, <u64>r);
}
/** SF, ZF, PF of the result; CF, AF and OF given as RFLAGS bits. */
@inline export function flagsResult<T>(r: T, cfAfOf: u32): void {
  store<u32>(LAZY_CARRY, cfAfOf);
  store<u32>(LAZY_KIND, (LazyKind.RESULT << 2) | sizeOf<T>());
  store<u64>(LAZY_RESULT, <u64>r);
}
/** All six at once, as RFLAGS bits. */
@inline export function flagsEager(bits: u32): void {
  store<u32>(LAZY_CARRY, bits & ARITHMETIC);
  store<u32>(LAZY_KIND, LazyKind.EAGER << 2);
}

@inline function msb(value: u64, size: u32): u32 {
  return <u32>(value >> ((8 << size) - 1)) & 1;
}


export function getCF(): u32 {
  const word = load<u32>(LAZY_KIND);
  const kind = word >> 2;
  switch (kind) {
    case LazyKind.ADD: return u32(load<u64>(LAZY_RESULT) < load<u64>(LAZY_A));
    case LazyKind.ADC: return u32(load<u64>(LAZY_RESULT) <= load<u64>(LAZY_A));
    case LazyKind.SUB: return u32(load<u64>(LAZY_RESULT) > load<u64>(LAZY_A));
    case LazyKind.SBB: return u32(load<u64>(LAZY_RESULT) >= load<u64>(LAZY_A));
    case LazyKind.LOGIC: return 0;
    default: return load<u32>(LAZY_CARRY) & CF;
  }
}
export function getZF(): u32 {
  if (load<u32>(LAZY_KIND) >> 2 == LazyKind.EAGER) return (load<u32>(LAZY_CARRY) >> 6) & 1;
  return u32(load<u64>(LAZY_RESULT) == 0);
}
export function getSF(): u32 {
  const word = load<u32>(LAZY_KIND);
  if (word >> 2 == LazyKind.EAGER) return (load<u32>(LAZY_CARRY) >> 7) & 1;
  return msb(load<u64>(LAZY_RESULT), word & 3);
}
export function getPF(): u32 {
  if (load<u32>(LAZY_KIND) >> 2 == LazyKind.EAGER) return (load<u32>(LAZY_CARRY) >> 2) & 1;
  return ~popcnt<u32>(<u32>load<u8>(LAZY_RESULT)) & 1;
}
export function getOF(): u32 {
  const word = load<u32>(LAZY_KIND);
  const size = word & 3;
  const r = load<u64>(LAZY_RESULT);
  const a = load<u64>(LAZY_A);
  switch (word >> 2) {
    // Overflow: operands alike in sign, result not (for subtraction: operands unlike).
    case LazyKind.ADD: return msb((a ^ r) & ((r - a) ^ r), size);
    case LazyKind.ADC: return msb((a ^ r) & ((r - a - 1) ^ r), size);
    case LazyKind.SUB: return msb((a ^ r) & (a ^ (a - r)), size);
    case LazyKind.SBB: return msb((a ^ r) & (a ^ (a - r - 1)), size);
    case LazyKind.LOGIC: return 0;
    case LazyKind.INC: return u32(r == <u64>1 << ((8 << size) - 1));
    case LazyKind.DEC: return u32(r == (<u64>1 << ((8 << size) - 1)) - 1);
    default: return (load<u32>(LAZY_CARRY) >> 11) & 1;
  }
}
export function getAF(): u32 {
  const word = load<u32>(LAZY_KIND);
  const r = load<u64>(LAZY_RESULT);
  const a = load<u64>(LAZY_A);
  switch (word >> 2) {
    case LazyKind.ADD: return <u32>((a ^ r ^ (r - a)) >> 4) & 1;
    case LazyKind.ADC: return <u32>((a ^ r ^ (r - a - 1)) >> 4) & 1;
    case LazyKind.SUB: return <u32>((a ^ r ^ (a - r)) >> 4) & 1;
    case LazyKind.SBB: return <u32>((a ^ r ^ (a - r - 1)) >> 4) & 1;
    case LazyKind.LOGIC: return 0;
    case LazyKind.INC: return u32((r & 15) == 0);
    case LazyKind.DEC: return u32((r & 15) == 15);
    default: return (load<u32>(LAZY_CARRY) >> 4) & 1;
  }
}
/** The six arithmetic flags as RFLAGS bits: all from the carries out of each bit, in one go. */
export function arithmeticFlags(): u32 {
  const word = load<u32>(LAZY_KIND);
  const kind = word >> 2;
  if (kind == LazyKind.EAGER) return load<u32>(LAZY_CARRY);
  const r = load<u64>(LAZY_RESULT);
  const top = (<u64>8 << <u64>(word & 3)) - 1;
  const sign = <u32>(r >> top) & 1;
  const szp = (sign << 7) | (u32(r == 0) << 6) | ((~popcnt<u32>(<u32>r & 0xff) & 1) << 2);
  if (kind == LazyKind.RESULT) return szp | (load<u32>(LAZY_CARRY) & (CF | AF | OF));
  if (kind == LazyKind.LOGIC) return szp;
  if (kind == LazyKind.INC) {
    return szp | (load<u32>(LAZY_CARRY) & CF) | (u32((r & 15) == 0) << 4) | (u32(r == <u64>1 << top) << 11);
  }
  if (kind == LazyKind.DEC) {
    return szp | (load<u32>(LAZY_CARRY) & CF) | (u32((r & 15) == 15) << 4) | (u32(r == (<u64>1 << top) - 1) << 11);
  }
  const a = load<u64>(LAZY_A);
  const carryIn = <u64>(kind == LazyKind.ADC || kind == LazyKind.SBB);
  let carries: u64;
  if (kind <= <u32>LazyKind.ADC) {
    const b = r - a - carryIn;
    carries = (a & b) | ((a | b) & ~r);
  } else {
    const b = a - r - carryIn;
    carries = (~a & b) | ((~a | b) & r);
  }
  const carry = <u32>(carries >> top) & 1;
  const below = <u32>(carries >> (top - 1)) & 1;
  return szp | carry | ((<u32>carries & 8) << 1) | ((carry ^ below) << 11);
}
/** RFLAGS as the guest sees it. */
export function rflags(): u32 {
  return load<u32>(SYSTEM_FLAGS) | arithmeticFlags() | RESERVED_ONE;
}
/** Writes all of RFLAGS (bits that do not exist are dropped). The caller handles IF, TF, VM and AC effects. */
export function setRflags(value: u32): void {
  store<u32>(SYSTEM_FLAGS, value & IMPLEMENTED & ~ARITHMETIC);
  flagsEager(value);
}

/** Condition of Jcc, SETcc, CMOVcc: cc as encoded (0 O, 1 NO, 2 B, ... 15 G). */
export function condition(cc: u32): bool {
  let taken: u32;
  switch (cc >> 1) {
    case 0: taken = getOF(); break;
    case 1: taken = getCF(); break;
    case 2: taken = getZF(); break;
    case 3: taken = getCF() | getZF(); break;
    case 4: taken = getSF(); break;
    case 5: taken = getPF(); break;
    case 6: taken = getSF() ^ getOF(); break;
    default: taken = getZF() | (getSF() ^ getOF()); break;
  }
  return (taken ^ (cc & 1)) != 0;
}
