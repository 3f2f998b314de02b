// Shifts and rotates outside the interpreter's fast forms: memory operands, 8 and 16 bits, RCL and RCR,
// double shifts (SDM vol. 2, RCL/RCR/ROL/ROR, SAL/SAR/SHL/SHR, SHLD, SHRD). The count is masked to 5 bits,
// 6 for 64-bit operands; a masked count of 0 leaves the flags, but memory is still accessed as for
// writing, and a 32-bit register destination still loses its upper half.

import { uopImm, uopSize, uopSrc } from "../decode/uop";
import { flagsResult } from "../vcpu/flags";
import { RCX, faulted, reg8 } from "../vcpu/state";
import { Status } from "../vcpu/status";
import { AF } from "../x86/flags";
import { rcl, rcr, rol, ror, sar, shl, shr } from "./alu";
import {
  getRegister,
  isMemory,
  keepFlags,
  readOperandForWrite,
  restoreFlags,
  rewriteOperand,
} from "./operand";

/** ModRM.reg of opcode group 2. */
const enum Shift { ROL = 0, ROR = 1, RCL = 2, RCR = 3, SHL = 4, SHR = 5, SAL = 6, SAR = 7 }

function shiftValue<T>(kind: u32, a: T, count: u32): T {
  switch (kind) {
    case Shift.ROL: return rol<T>(a, count);
    case Shift.ROR: return ror<T>(a, count);
    case Shift.RCL: return rcl<T>(a, count);
    case Shift.RCR: return rcr<T>(a, count);
    case Shift.SHR: return shr<T>(a, count);
    case Shift.SAR: return sar<T>(a, count);
    default: return shl<T>(a, count);
  }
}

function shiftOperand<T>(u: usize, kind: u32): i32 {
  const count = (uopSrc(u) != 0 ? reg8(RCX) : <u32>uopImm(u)) & (sizeof<T>() == 8 ? 63 : 31);
  const a = readOperandForWrite<T>(u);
  if (faulted()) return Status.FAULT;
  if (isMemory(u)) {
    if (count == 0) return Status.NEXT;
    keepFlags();
    if (!rewriteOperand<T>(u, shiftValue<T>(kind, a, count))) {
      restoreFlags();
      return Status.FAULT;
    }
  } else rewriteOperand<T>(u, count == 0 ? a : shiftValue<T>(kind, a, count));
  return Status.NEXT;
}
function shift(u: usize, kind: u32): i32 {
  switch (uopSize(u)) {
    case 0: return shiftOperand<u8>(u, kind);
    case 1: return shiftOperand<u16>(u, kind);
    case 2: return shiftOperand<u32>(u, kind);
    default: return shiftOperand<u64>(u, kind);
  }
}
export function shiftRol(u: usize): i32 { return shift(u, Shift.ROL); }
export function shiftRor(u: usize): i32 { return shift(u, Shift.ROR); }
export function shiftRcl(u: usize): i32 { return shift(u, Shift.RCL); }
export function shiftRcr(u: usize): i32 { return shift(u, Shift.RCR); }
export function shiftShl(u: usize): i32 { return shift(u, Shift.SHL); }
export function shiftShr(u: usize): i32 { return shift(u, Shift.SHR); }
export function shiftSal(u: usize): i32 { return shift(u, Shift.SAL); }
export function shiftSar(u: usize): i32 { return shift(u, Shift.SAR); }

// ---- double shifts --------------------------------------------------------------------------------

@inline function bitOf<T>(a: T, n: u32): u32 { return <u32>(<u64>a >> n) & 1; }

/** Shifts a left; bits of b come in. 16 bits by more than 16: AMD shifts a:b:b. */
function shldValue<T>(a: T, b: T, count: u32): T {
  const bits: u32 = sizeof<T>() * 8;
  let r: T;
  let cf: u32;
  // OF: CF against the bit that a alone would have on top.
  let top: u32;
  if (sizeof<T>() == 2) {
    const wide = (<u64>a << 32) | (<u64>b << 16) | <u64>b;
    r = <T>((wide << count) >> 32);
    cf = <u32>((<u64>a << count) >> 16) & 1;
    top = <u32>((<u64>a << count) >> 15) & 1;
  } else {
    r = <T>((a << <T>count) | (b >> <T>(bits - count)));
    cf = bitOf<T>(a, bits - count);
    top = bitOf<T>(r, bits - 1);
  }
  flagsResult<T>(r, AF | cf | ((top ^ cf) << 11));
  return r;
}
function shrdValue<T>(a: T, b: T, count: u32): T {
  const bits: u32 = sizeof<T>() * 8;
  let r: T;
  if (sizeof<T>() == 2) r = <T>(((<u64>b << 32) | (<u64>b << 16) | <u64>a) >> count);
  else r = <T>((a >> <T>count) | (b << <T>(bits - count)));
  const cf = bitOf<T>(a, count - 1);
  flagsResult<T>(r, AF | cf | ((bitOf<T>(r, bits - 1) ^ bitOf<T>(r, bits - 2)) << 11));
  return r;
}

function doubleShift<T>(u: usize, left: bool, count: u32): i32 {
  count &= sizeof<T>() == 8 ? 63 : 31;
  const a = readOperandForWrite<T>(u);
  if (faulted()) return Status.FAULT;
  const memory = isMemory(u);
  if (count == 0) {
    if (!memory) rewriteOperand<T>(u, a);
    return Status.NEXT;
  }
  if (memory) keepFlags();
  const b = getRegister<T>(uopSrc(u));
  if (!rewriteOperand<T>(u, left ? shldValue<T>(a, b, count) : shrdValue<T>(a, b, count))) {
    restoreFlags();
    return Status.FAULT;
  }
  return Status.NEXT;
}
function doubleShiftOf(u: usize, left: bool, count: u32): i32 {
  switch (uopSize(u)) {
    case 1: return doubleShift<u16>(u, left, count);
    case 2: return doubleShift<u32>(u, left, count);
    default: return doubleShift<u64>(u, left, count);
  }
}
export function shldI(u: usize): i32 { return doubleShiftOf(u, true, <u32>uopImm(u)); }
export function shldCl(u: usize): i32 { return doubleShiftOf(u, true, reg8(RCX)); }
export function shrdI(u: usize): i32 { return doubleShiftOf(u, false, <u32>uopImm(u)); }
export function shrdCl(u: usize): i32 { return doubleShiftOf(u, false, reg8(RCX)); }
