// Exchanges (SDM vol. 2, XCHG, XADD, CMPXCHG, CMPXCHG8B/16B). One processor of a partition runs at a time
// and leaves only between instructions, so every one of them is atomic with or without LOCK. Memory is
// always written, with the old value when a comparison fails: the write access is checked and seen.

import { uopSeg, uopSize, uopSrc } from "../decode/uop";
import { readForWrite, writeData } from "../vcpu/access";
import { linearForWrite } from "../vcpu/address";
import { raiseGP } from "../vcpu/fault";
import { arithmeticFlags, flagsEager } from "../vcpu/flags";
import { RAX, RBX, RCX, RDX, faulted, reg32, reg64, setReg32, setReg64 } from "../vcpu/state";
import { Status } from "../vcpu/status";
import { ZF } from "../x86/flags";
import { add, cmp } from "./alu";
import { getRegister, isMemory, readOperandForWrite, rewriteOperand, setRegister } from "./operand";

function xchgOf<T>(u: usize): i32 {
  const a = readOperandForWrite<T>(u);
  if (faulted()) return Status.FAULT;
  if (!rewriteOperand<T>(u, getRegister<T>(uopSrc(u)))) return Status.FAULT;
  setRegister<T>(uopSrc(u), a);
  return Status.NEXT;
}
export function xchg(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: return xchgOf<u8>(u);
    case 1: return xchgOf<u16>(u);
    case 2: return xchgOf<u32>(u);
    default: return xchgOf<u64>(u);
  }
}

function xaddOf<T>(u: usize): i32 {
  const a = readOperandForWrite<T>(u);
  if (faulted()) return Status.FAULT;
  const b = getRegister<T>(uopSrc(u));
  const sum = <T>(a + b);
  if (isMemory(u)) {
    if (!rewriteOperand<T>(u, sum)) return Status.FAULT;
    setRegister<T>(uopSrc(u), a);
  } else {
    // The destination is written last: XADD of a register with itself leaves the sum.
    setRegister<T>(uopSrc(u), a);
    rewriteOperand<T>(u, sum);
  }
  add<T>(a, b);
  return Status.NEXT;
}
export function xadd(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: return xaddOf<u8>(u);
    case 1: return xaddOf<u16>(u);
    case 2: return xaddOf<u32>(u);
    default: return xaddOf<u64>(u);
  }
}

function cmpxchgOf<T>(u: usize): i32 {
  const old = readOperandForWrite<T>(u);
  if (faulted()) return Status.FAULT;
  const expected = getRegister<T>(RAX);
  if (old == expected) {
    if (!rewriteOperand<T>(u, getRegister<T>(uopSrc(u)))) return Status.FAULT;
  } else {
    // A register destination is not written at all: its upper half stays.
    if (isMemory(u) && !rewriteOperand<T>(u, old)) return Status.FAULT;
    setRegister<T>(RAX, old);
  }
  cmp<T>(expected, old);
  return Status.NEXT;
}
export function cmpxchg(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: return cmpxchgOf<u8>(u);
    case 1: return cmpxchgOf<u16>(u);
    case 2: return cmpxchgOf<u32>(u);
    default: return cmpxchgOf<u64>(u);
  }
}

@inline function setZF(zf: bool): void {
  flagsEager((arithmeticFlags() & ~ZF) | (zf ? ZF : 0));
}

export function cmpxchg8b(u: usize): i32 {
  const at = linearForWrite(u, 8);
  const old = readForWrite<u64>(at, uopSeg(u));
  if (faulted()) return Status.FAULT;
  const equal = old == ((<u64>reg32(RDX) << 32) | <u64>reg32(RAX));
  const replacement = equal ? (<u64>reg32(RCX) << 32) | <u64>reg32(RBX) : old;
  if (!writeData<u64>(at, uopSeg(u), replacement)) return Status.FAULT;
  if (!equal) {
    setReg32(RAX, <u32>old);
    setReg32(RDX, <u32>(old >> 32));
  }
  setZF(equal);
  return Status.NEXT;
}

export function cmpxchg16b(u: usize): i32 {
  const at = linearForWrite(u, 16);
  if (faulted()) return Status.FAULT;
  if ((at & 15) != 0) return raiseGP(0);
  const low = readForWrite<u64>(at, uopSeg(u));
  const high = readForWrite<u64>(at + 8, uopSeg(u));
  if (faulted()) return Status.FAULT;
  const equal = low == reg64(RAX) && high == reg64(RDX);
  if (!writeData<u64>(at, uopSeg(u), equal ? reg64(RBX) : low)) return Status.FAULT;
  if (!writeData<u64>(at + 8, uopSeg(u), equal ? reg64(RCX) : high)) return Status.FAULT;
  if (!equal) {
    setReg64(RAX, low);
    setReg64(RDX, high);
  }
  setZF(equal);
  return Status.NEXT;
}
