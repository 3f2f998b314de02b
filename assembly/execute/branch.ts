// Near branches at every operand size (SDM vol. 2, JMP, Jcc, CALL, RET, LOOPcc, JCXZ). The target is cut
// to the operand size and must lie inside the code segment, in 64-bit code be canonical: #GP(0) otherwise,
// before anything is committed.

import { MODE } from "../layout";
import { MODE_CODE, MODE_CODE64 } from "../decode/mode";
import { uopAddressSize, uopDst, uopImm, uopSize } from "../decode/uop";
import { isCanonical } from "../mmu/tables";
import { raiseGP } from "../vcpu/fault";
import { condition, getZF } from "../vcpu/flags";
import { RCX, faulted, nextRip, regRead, regWrite, segLimit, setRip } from "../vcpu/state";
import { Status } from "../vcpu/status";
import { CS } from "../x86/segment";
import { readRm } from "./operand";
import { moveStack, peekStack, probePush, pushValue } from "./stack";

@inline function cut(address: u64, size: u32): u64 { return address & (~(<u64>0) >> <u64>(64 - (8 << size))); }
@inline function relativeTarget(u: usize): u64 { return cut(nextRip(u) + <u64>uopImm(u), uopSize(u)); }

@inline function isInside(target: u64): bool {
  return (load<u32>(MODE) & MODE_CODE) == MODE_CODE64 ? isCanonical(target) : target <= <u64>segLimit(CS);
}
function jumpTo(target: u64): i32 {
  if (!isInside(target)) return raiseGP(0);
  setRip(target);
  return Status.JUMP;
}
/** A stack that cannot take the return address faults before a target that cannot be reached. */
function callTo(u: usize, target: u64): i32 {
  const size = uopSize(u);
  if (!isInside(target)) return probePush(size) ? raiseGP(0) : Status.FAULT;
  if (!pushValue(nextRip(u), size)) return Status.FAULT;
  setRip(target);
  return Status.JUMP;
}

export function jmpNear(u: usize): i32 { return jumpTo(relativeTarget(u)); }
export function jccNear(u: usize): i32 {
  return condition(<u32>uopDst(u)) ? jumpTo(relativeTarget(u)) : Status.NEXT;
}
export function callNear(u: usize): i32 { return callTo(u, relativeTarget(u)); }
export function callInd(u: usize): i32 {
  const target = readRm(u, uopSize(u));
  return faulted() ? Status.FAULT : callTo(u, target);
}
export function jmpInd(u: usize): i32 {
  const target = readRm(u, uopSize(u));
  return faulted() ? Status.FAULT : jumpTo(target);
}
/** RET and RET n. */
export function retNear(u: usize): i32 {
  const size = uopSize(u);
  const target = peekStack(0, size);
  if (faulted()) return Status.FAULT;
  if (!isInside(target)) return raiseGP(0);
  moveStack((1 << size) + uopImm(u));
  setRip(target);
  return Status.JUMP;
}

/** Counts rCX (by address size) down and branches while it is not 0 and `wanted` holds. */
function countDown(u: usize, wanted: bool): i32 {
  const size = uopAddressSize(u);
  const count = cut(regRead(RCX, size) - 1, size);
  const target = relativeTarget(u);
  const taken = count != 0 && wanted;
  if (taken && !isInside(target)) return raiseGP(0);
  regWrite(RCX, size, count);
  if (!taken) return Status.NEXT;
  setRip(target);
  return Status.JUMP;
}
export function loop_(u: usize): i32 { return countDown(u, true); }
export function loope(u: usize): i32 { return countDown(u, getZF() != 0); }
export function loopne(u: usize): i32 { return countDown(u, getZF() == 0); }
/** JCXZ, JECXZ, JRCXZ. */
export function jcxz(u: usize): i32 {
  return regRead(RCX, uopAddressSize(u)) == 0 ? jumpTo(relativeTarget(u)) : Status.NEXT;
}
