// BMI1 and BMI2 (SDM vol. 2; APM vol. 3): 32 and 64 bits, destination in modrm.reg (`src`) except for
// BLSI, BLSMSK and BLSR (VEX.vvvv). The VEX.vvvv register's byte offset is in imm.

import { uopImm, uopSize, uopSrc } from "../decode/uop";
import { flagsEager, flagsLogic, flagsResult } from "../vcpu/flags";
import { RDX, faulted, reg64 } from "../vcpu/state";
import { Status } from "../vcpu/status";
import { AF, CF, PF, ZF } from "../x86/flags";
import { mulHighUnsigned } from "./alu";
import { getRegister, readOperand, setRegister } from "./operand";

@inline function vvvv(u: usize): usize { return <usize>(<u32>uopImm(u) & 0xff); }

function andnOf<T>(u: usize): i32 {
  const b = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  const r = <T>(~getRegister<T>(vvvv(u)) & b);
  setRegister<T>(uopSrc(u), r);
  flagsLogic<T>(r);
  return Status.NEXT;
}
export function andn(u: usize): i32 { return uopSize(u) == 3 ? andnOf<u64>(u) : andnOf<u32>(u); }

/** Extracts a field: control 7:0 start, 15:8 length. */
function bextrOf<T>(u: usize): i32 {
  const bits: u32 = sizeof<T>() * 8;
  const a = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  const control = <u32>getRegister<u16>(vvvv(u));
  const start = control & 0xff;
  const length = control >> 8;
  let r: T = start < bits ? a >> <T>start : 0;
  if (length < bits) r &= (<T>1 << <T>length) - 1;
  setRegister<T>(uopSrc(u), r);
  // AMD leaves AF set and SF clear.
  flagsEager(AF | (r == 0 ? ZF : 0) | ((popcnt<u32>(<u32>r & 0xff) & 1) != 0 ? 0 : PF));
  return Status.NEXT;
}
export function bextr(u: usize): i32 { return uopSize(u) == 3 ? bextrOf<u64>(u) : bextrOf<u32>(u); }

/** Isolates the lowest set bit; CF: there is one. */
function blsiOf<T>(u: usize): i32 {
  const a = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  const r = <T>((<T>0 - a) & a);
  setRegister<T>(vvvv(u), r);
  flagsResult<T>(r, u32(a != 0));
  return Status.NEXT;
}
export function blsi(u: usize): i32 { return uopSize(u) == 3 ? blsiOf<u64>(u) : blsiOf<u32>(u); }

/** Mask up to the lowest set bit; CF: there is none. */
function blsmskOf<T>(u: usize): i32 {
  const a = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  const r = <T>((a - 1) ^ a);
  setRegister<T>(vvvv(u), r);
  flagsResult<T>(r, u32(a == 0));
  return Status.NEXT;
}
export function blsmsk(u: usize): i32 { return uopSize(u) == 3 ? blsmskOf<u64>(u) : blsmskOf<u32>(u); }

/** Clears the lowest set bit; CF: there is none. */
function blsrOf<T>(u: usize): i32 {
  const a = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  const r = <T>((a - 1) & a);
  setRegister<T>(vvvv(u), r);
  flagsResult<T>(r, u32(a == 0));
  return Status.NEXT;
}
export function blsr(u: usize): i32 { return uopSize(u) == 3 ? blsrOf<u64>(u) : blsrOf<u32>(u); }

/** Clears the bits from position control 7:0 on; CF: the position is beyond the operand. */
function bzhiOf<T>(u: usize): i32 {
  const bits: u32 = sizeof<T>() * 8;
  const a = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  const n = <u32>getRegister<u8>(vvvv(u));
  const r = n < bits ? <T>(a & ((<T>1 << <T>n) - 1)) : a;
  setRegister<T>(uopSrc(u), r);
  flagsResult<T>(r, n >= bits ? CF : 0);
  return Status.NEXT;
}
export function bzhi(u: usize): i32 { return uopSize(u) == 3 ? bzhiOf<u64>(u) : bzhiOf<u32>(u); }

/** rDX * r/m without flags; the upper half is written last and wins if both destinations are one. */
export function mulx(u: usize): i32 {
  if (uopSize(u) == 3) {
    const b = readOperand<u64>(u);
    if (faulted()) return Status.FAULT;
    const a = reg64(RDX);
    setRegister<u64>(vvvv(u), a * b);
    setRegister<u64>(uopSrc(u), mulHighUnsigned(a, b));
  } else {
    const b = readOperand<u32>(u);
    if (faulted()) return Status.FAULT;
    const r = <u64>getRegister<u32>(RDX) * <u64>b;
    setRegister<u32>(vvvv(u), <u32>r);
    setRegister<u32>(uopSrc(u), <u32>(r >> 32));
  }
  return Status.NEXT;
}

function pdepOf<T>(u: usize): i32 {
  let mask = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  let a = getRegister<T>(vvvv(u));
  let r: T = 0;
  while (mask != 0) {
    if ((a & 1) != 0) r |= (<T>0 - mask) & mask;
    mask &= mask - 1;
    a >>= 1;
  }
  setRegister<T>(uopSrc(u), r);
  return Status.NEXT;
}
export function pdep(u: usize): i32 { return uopSize(u) == 3 ? pdepOf<u64>(u) : pdepOf<u32>(u); }

function pextOf<T>(u: usize): i32 {
  let mask = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  const a = getRegister<T>(vvvv(u));
  let r: T = 0;
  let bit: T = 1;
  while (mask != 0) {
    if ((a & mask & (<T>0 - mask)) != 0) r |= bit;
    mask &= mask - 1;
    bit <<= 1;
  }
  setRegister<T>(uopSrc(u), r);
  return Status.NEXT;
}
export function pext(u: usize): i32 { return uopSize(u) == 3 ? pextOf<u64>(u) : pextOf<u32>(u); }

/** Rotate and shifts without flags; the count is in imm (RORX) or in the VEX.vvvv register. */
export function rorx(u: usize): i32 {
  if (uopSize(u) == 3) {
    const a = readOperand<u64>(u);
    if (faulted()) return Status.FAULT;
    setRegister<u64>(uopSrc(u), rotr<u64>(a, <u64>uopImm(u)));
  } else {
    const a = readOperand<u32>(u);
    if (faulted()) return Status.FAULT;
    setRegister<u32>(uopSrc(u), rotr<u32>(a, <u32>uopImm(u)));
  }
  return Status.NEXT;
}
export function sarx(u: usize): i32 {
  if (uopSize(u) == 3) {
    const a = <i64>readOperand<u64>(u);
    if (faulted()) return Status.FAULT;
    setRegister<u64>(uopSrc(u), <u64>(a >> (<i64>getRegister<u8>(vvvv(u)) & 63)));
  } else {
    const a = <i32>readOperand<u32>(u);
    if (faulted()) return Status.FAULT;
    setRegister<u32>(uopSrc(u), <u32>(a >> (<i32>getRegister<u8>(vvvv(u)) & 31)));
  }
  return Status.NEXT;
}
function shlxOf<T>(u: usize): i32 {
  const a = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  setRegister<T>(uopSrc(u), a << (<T>getRegister<u8>(vvvv(u)) & (sizeof<T>() * 8 - 1)));
  return Status.NEXT;
}
export function shlx(u: usize): i32 { return uopSize(u) == 3 ? shlxOf<u64>(u) : shlxOf<u32>(u); }
function shrxOf<T>(u: usize): i32 {
  const a = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  setRegister<T>(uopSrc(u), a >> (<T>getRegister<u8>(vvvv(u)) & (sizeof<T>() * 8 - 1)));
  return Status.NEXT;
}
export function shrx(u: usize): i32 { return uopSize(u) == 3 ? shrxOf<u64>(u) : shrxOf<u32>(u); }
