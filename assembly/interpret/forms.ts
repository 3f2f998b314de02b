// The operand forms of the interpreter's hot arms: where operands come from and go to. What is computed
// stands in execute/alu. Functions that touch memory return false when the access failed (the fault is
// recorded, nothing is committed); the fast path of an access is inline, the rest is one call.

import { DATA_LIMIT, GPR, LAZY_A, LAZY_CARRY, LAZY_KIND, LAZY_RESULT } from "../layout";
import { UOP_CONDITION_MASK } from "../decode/branch";
import { UOP, uopDst, uopImm, uopSeg, uopSrc } from "../decode/uop";
import { adc, add, and, dec, inc, neg, or, rol, ror, sar, sbb, shl, shr, sub, xor } from "../execute/alu";
import { hostRead, hostWrite } from "../mmu/tables";
import { readSlow, writeSlow } from "../vcpu/access";
import { operand } from "../vcpu/address";
import { flagsLogic, flagsSub } from "../vcpu/flags";
import { faulted, nextRip, RBP, RSP } from "../vcpu/state";
import { SS } from "../x86/segment";

/** Two-operand kinds in encoding order, then MOV and TEST. */
export const enum Kind {
  ADD = 0,
  OR = 1,
  ADC = 2,
  SBB = 3,
  AND = 4,
  SUB = 5,
  XOR = 6,
  CMP = 7,
  TEST = 8,
  MOV = 9,
}
export const enum Unary {
  INC = 0,
  DEC = 1,
  NOT = 2,
  NEG = 3,
}
export const enum Shift {
  ROL = 0,
  ROR = 1,
  SHL = 2,
  SHR = 3,
  SAR = 4,
}

@inline export function reg<T>(offset: usize): T { return load<T>(offset, GPR); }
@inline export function setReg<T>(offset: usize, value: T): void {
  if (sizeof<T>() == 4) store<u64>(offset, <u64>value, GPR);
  else store<T>(offset, value, GPR);
}
@inline export function imm<T>(u: usize): T { return <T>uopImm(u); }

/** The looked-up host address serves an access of T at this linear address. */
@inline export function hits<T>(host: u64, at: u64): bool {
  if (sizeof<T>() == 1) return host < load<u64>(DATA_LIMIT);
  return host < load<u64>(DATA_LIMIT) && (<u32>at & 0xfff) <= 0x1000 - sizeof<T>();
}

@inline function compute<T>(kind: i32, a: T, b: T): T {
  if (kind == Kind.ADD) return add<T>(a, b);
  if (kind == Kind.OR) return or<T>(a, b);
  if (kind == Kind.ADC) return adc<T>(a, b);
  if (kind == Kind.SBB) return sbb<T>(a, b);
  if (kind == Kind.AND) return and<T>(a, b);
  if (kind == Kind.SUB) return sub<T>(a, b);
  if (kind == Kind.XOR) return xor<T>(a, b);
  if (kind == Kind.CMP) {
    flagsSub<T>(a, <T>(a - b));
    return a;
  }
  if (kind == Kind.TEST) {
    flagsLogic<T>(<T>(a & b));
    return a;
  }
  return b;
}

// ---- two operands ---------------------------------------------------------------------------------

@inline export function opRR<T>(kind: i32, u: usize): void {
  const dst = uopDst(u);
  if (kind == Kind.CMP || kind == Kind.TEST) compute<T>(kind, reg<T>(dst), reg<T>(uopSrc(u)));
  else if (kind == Kind.MOV) setReg<T>(dst, reg<T>(uopSrc(u)));
  else setReg<T>(dst, compute<T>(kind, reg<T>(dst), reg<T>(uopSrc(u))));
}
@inline export function opRI<T>(kind: i32, u: usize): void {
  const dst = uopDst(u);
  if (kind == Kind.CMP || kind == Kind.TEST) compute<T>(kind, reg<T>(dst), imm<T>(u));
  else if (kind == Kind.MOV) setReg<T>(dst, imm<T>(u));
  else setReg<T>(dst, compute<T>(kind, reg<T>(dst), imm<T>(u)));
}
@inline export function opRM<T>(kind: i32, u: usize): bool {
  const at = operand<T>(u, false);
  const host = hostRead(at);
  let value: T;
  if (hits<T>(host, at)) value = load<T>(<usize>host);
  else {
    value = <T>readSlow(at, sizeof<T>(), uopSeg(u), 0);
    if (faulted()) return false;
  }
  const dst = uopDst(u);
  if (kind == Kind.CMP) compute<T>(kind, reg<T>(dst), value);
  else if (kind == Kind.MOV) setReg<T>(dst, value);
  else setReg<T>(dst, compute<T>(kind, reg<T>(dst), value));
  return true;
}
/** Memory destination, second operand `b`. */
@inline export function opM<T>(kind: i32, u: usize, b: T): bool {
  if (kind == Kind.CMP || kind == Kind.TEST) {
    const at = operand<T>(u, false);
    const host = hostRead(at);
    let value: T;
    if (hits<T>(host, at)) value = load<T>(<usize>host);
    else {
      value = <T>readSlow(at, sizeof<T>(), uopSeg(u), 0);
      if (faulted()) return false;
    }
    compute<T>(kind, value, b);
    return true;
  }
  const at = operand<T>(u, true);
  const host = hostWrite(at);
  if (hits<T>(host, at)) {
    if (kind == Kind.MOV) store<T>(<usize>host, b);
    else store<T>(<usize>host, compute<T>(kind, load<T>(<usize>host), b));
    return true;
  }
  if (kind == Kind.MOV) return writeSlow(at, sizeof<T>(), uopSeg(u), <u64>b);
  return opMSlow<T>(kind, at, uopSeg(u), b);
}
@inline export function opMR<T>(kind: i32, u: usize): bool { return opM<T>(kind, u, reg<T>(uopSrc(u))); }
@inline export function opMI<T>(kind: i32, u: usize): bool { return opM<T>(kind, u, imm<T>(u)); }

/** Read-modify-write outside the fast path. Flags are committed only if the write is. */
function opMSlow<T>(kind: i32, at: u64, seg: u32, b: T): bool {
  const a = <T>readSlow(at, sizeof<T>(), seg, 1);
  if (faulted()) return false;
  const lazyKind = load<u32>(LAZY_KIND);
  const lazyCarry = load<u32>(LAZY_CARRY);
  const lazyResult = load<u64>(LAZY_RESULT);
  const lazyA = load<u64>(LAZY_A);
  let r: T;
  switch (kind) {
    case Kind.ADD: r = add<T>(a, b); break;
    case Kind.OR: r = or<T>(a, b); break;
    case Kind.ADC: r = adc<T>(a, b); break;
    case Kind.SBB: r = sbb<T>(a, b); break;
    case Kind.AND: r = and<T>(a, b); break;
    case Kind.SUB: r = sub<T>(a, b); break;
    case Kind.XOR: r = xor<T>(a, b); break;
    case UNARY + Unary.INC: r = inc<T>(a); break;
    case UNARY + Unary.DEC: r = dec<T>(a); break;
    case UNARY + Unary.NOT: r = <T>~a; break;
    default: r = neg<T>(a); break;
  }
  if (writeSlow(at, sizeof<T>(), seg, <u64>r)) return true;
  store<u32>(LAZY_KIND, lazyKind);
  store<u32>(LAZY_CARRY, lazyCarry);
  store<u64>(LAZY_RESULT, lazyResult);
  store<u64>(LAZY_A, lazyA);
  return false;
}
/** Unary kinds in opMSlow's numbering. */
const UNARY: i32 = 16;

// ---- one operand ----------------------------------------------------------------------------------

@inline function computeUnary<T>(kind: i32, a: T): T {
  if (kind == Unary.INC) return inc<T>(a);
  if (kind == Unary.DEC) return dec<T>(a);
  if (kind == Unary.NOT) return <T>~a;
  return neg<T>(a);
}
@inline export function unaryR<T>(kind: i32, u: usize): void {
  setReg<T>(uopDst(u), computeUnary<T>(kind, reg<T>(uopDst(u))));
}
@inline export function unaryM<T>(kind: i32, u: usize): bool {
  const at = operand<T>(u, true);
  const host = hostWrite(at);
  if (hits<T>(host, at)) {
    store<T>(<usize>host, computeUnary<T>(kind, load<T>(<usize>host)));
    return true;
  }
  return opMSlow<T>(UNARY + kind, at, uopSeg(u), 0);
}

/** Register shifted by `count`, which is masked to the operand's width and not zero. */
@inline export function shiftBy<T>(kind: i32, u: usize, count: u32): void {
  const a = reg<T>(uopDst(u));
  let r: T;
  if (kind == Shift.ROL) r = rol<T>(a, count);
  else if (kind == Shift.ROR) r = ror<T>(a, count);
  else if (kind == Shift.SHL) r = shl<T>(a, count);
  else if (kind == Shift.SHR) r = shr<T>(a, count);
  else r = sar<T>(a, count);
  setReg<T>(uopDst(u), r);
}
@inline export function shiftRI<T>(kind: i32, u: usize): void { shiftBy<T>(kind, u, <u32>uopImm(u)); }
@inline export function shiftRC<T>(kind: i32, u: usize): void {
  const count = <u32>load<u8>(8, GPR) & (sizeof<T>() * 8 - 1);
  if (count != 0) shiftBy<T>(kind, u, count);
  // A 32-bit write clears the upper half even when nothing moves.
  else if (sizeof<T>() == 4) setReg<T>(uopDst(u), reg<T>(uopDst(u)));
}

// ---- moves with conversion ------------------------------------------------------------------------

/** S is the source type (its signedness decides), D the unsigned destination type. */
@inline export function extendR<S, D>(u: usize): void { setReg<D>(uopDst(u), <D>load<S>(uopSrc(u), GPR)); }
@inline export function extendM<S, D>(u: usize): bool {
  const at = operand<S>(u, false);
  const host = hostRead(at);
  if (hits<S>(host, at)) setReg<D>(uopDst(u), <D>load<S>(<usize>host));
  else {
    const value = <S>readSlow(at, sizeof<S>(), uopSeg(u), 0);
    if (faulted()) return false;
    setReg<D>(uopDst(u), <D>value);
  }
  return true;
}
/** Value of the memory operand; `faulted()` tells whether it could be read. */
@inline export function memoryOperand<T>(u: usize): T {
  const at = operand<T>(u, false);
  const host = hostRead(at);
  if (hits<T>(host, at)) return load<T>(<usize>host);
  return <T>readSlow(at, sizeof<T>(), uopSeg(u), 0);
}

// ---- stack: 64-bit code, and 32-bit code on a flat 32-bit stack -----------------------------------

@inline export function push<T>(value: T): bool {
  const sp = <T>(reg<T>(RSP) - sizeof<T>());
  const at = <u64>sp;
  const host = hostWrite(at);
  if (hits<T>(host, at)) store<T>(<usize>host, value);
  else if (!writeSlow(at, sizeof<T>(), SS, <u64>value)) return false;
  setReg<T>(RSP, sp);
  return true;
}
/** Top of the stack, left there; `faulted()` tells whether it could be read. */
@inline export function top<T>(): T {
  const at = <u64>reg<T>(RSP);
  const host = hostRead(at);
  if (hits<T>(host, at)) return load<T>(<usize>host);
  return <T>readSlow(at, sizeof<T>(), SS, 0);
}
@inline export function drop<T>(): void { setReg<T>(RSP, <T>(reg<T>(RSP) + sizeof<T>())); }
@inline export function pop<T>(u: usize): bool {
  const value = top<T>();
  if (faulted()) return false;
  drop<T>();
  setReg<T>(uopDst(u), value);
  return true;
}
@inline export function leave<T>(): bool {
  const at = <u64>reg<T>(RBP);
  const host = hostRead(at);
  let value: T;
  if (hits<T>(host, at)) value = load<T>(<usize>host);
  else {
    value = <T>readSlow(at, sizeof<T>(), SS, 0);
    if (faulted()) return false;
  }
  setReg<T>(RSP, <T>(at + sizeof<T>()));
  setReg<T>(RBP, value);
  return true;
}
@inline export function returnAddress<T>(u: usize): T { return <T>nextRip(u); }

// ---- comparison and branch in one dispatch --------------------------------------------------------

@inline function signOf<T>(v: T): u32 { return <u32>(<u64>v >> (sizeof<T>() * 8 - 1)) & 1; }
@inline function less<T>(a: T, b: T): u32 {
  if (sizeof<T>() == 1) return u32(<i8>a < <i8>b);
  if (sizeof<T>() == 2) return u32(<i16>a < <i16>b);
  if (sizeof<T>() == 4) return u32(<i32>a < <i32>b);
  return u32(<i64>a < <i64>b);
}
/** Whether the branch behind `u` is taken, from a comparison of a with b whose difference is r. */
@inline export function takenCompare<T>(u: usize, a: T, b: T, r: T): bool {
  const index = u32(a < b) | (less<T>(a, b) << 1) | (u32(r == <T>0) << 2) | (signOf<T>(r) << 3);
  return ((<u32>load<u16>(u + UOP, UOP_CONDITION_MASK) >> index) & 1) != 0;
}
/** The same from a result with CF = OF = 0, or for conditions on sign and zero alone. */
@inline export function takenResult<T>(u: usize, r: T): bool {
  const sign = signOf<T>(r);
  const index = (sign << 1) | (u32(r == <T>0) << 2) | (sign << 3);
  return ((<u32>load<u16>(u + UOP, UOP_CONDITION_MASK) >> index) & 1) != 0;
}
@inline export function cmpTaken<T>(u: usize, a: T, b: T): bool {
  const r = <T>(a - b);
  flagsSub<T>(a, r);
  return takenCompare<T>(u, a, b, r);
}
@inline export function testTaken<T>(u: usize, a: T, b: T): bool {
  const r = <T>(a & b);
  flagsLogic<T>(r);
  return takenResult<T>(u, r);
}
