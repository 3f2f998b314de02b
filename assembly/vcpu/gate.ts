// Far CALL and JMP (SDM vol. 2, CALL, JMP; vol. 3, 5.8): direct, through call gates of 16, 32 and 64 bits,
// and to tasks. Returns are in vcpu/return. The functions give a Status; on FAULT nothing has been changed. A task
// switch may complete (JUMP_SYNC) and leave a fault of the new task pending: execute/far delivers it.

import { CS, SELECTOR_RPL, SS, SystemType } from "../x86/segment";
import { RF } from "../x86/flags";
import { VECTOR_GP } from "../x86/vectors";
import { isCanonical } from "../mmu/tables";
import {
  DESCRIPTOR_DB,
  DESCRIPTOR_L,
  descriptorDpl,
  descriptorLimit,
  descriptorType,
  fetchDescriptor,
  fetchUpperHalf,
  gateOffset,
  gateSelector,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isSystem,
  loadFrom,
  markAccessed,
  selectorError,
} from "./descriptor";
import { raiseGP, raiseNP } from "./fault";
import { rflags } from "./flags";
import { commitInnerStack, commitPointer, openCurrentStack, openInnerStack, openInnerStack64, push, readParameter } from "./frame";
import { loadRealSegment } from "./load";
import { cpl, faulted, isLongMode, isRealOrV86, reg64, RSP, segLimit, segSelector, setCpl, setRip } from "./state";
import { Status } from "./status";
import { fetchTaskDescriptor, switchTask, TaskSwitch } from "./task";

/** Parameters of a call gate on their way to the inner stack. */
const parameters: usize = memory.data(32 * 4, 4);

/** Long mode and a 64-bit code segment. */
@inline export function isLongCode(d: u64): bool { return isLongMode() && (d & DESCRIPTOR_L) != 0; }
/** The combination of L and D that is reserved in long mode. */
@inline export function isReservedCode(d: u64): bool {
  return isLongMode() && (d & (DESCRIPTOR_L | DESCRIPTOR_DB)) == (DESCRIPTOR_L | DESCRIPTOR_DB);
}
/** Instruction pointer as the target segment takes it. */
@inline export function targetRip(d: u64, offset: u64): u64 { return isLongCode(d) ? offset : offset & 0xffff_ffff; }

/** The target's offset lies in its segment: #GP(0) otherwise. */
export function checkTarget(d: u64, offset: u64): bool {
  if (isLongCode(d) ? isCanonical(offset) : (offset & 0xffff_ffff) <= <u64>descriptorLimit(d)) return true;
  raiseGP(0);
  return false;
}

/** CS takes a checked code segment at privilege `level`; execution goes on at `offset`. */
export function commitCode(selector: u32, d: u64, level: u32, offset: u64): void {
  const rip = targetRip(d, offset);
  loadFrom(CS, (selector & ~SELECTOR_RPL) | level, d);
  setCpl(level);
  setRip(rip);
}

/** Direct far transfer to a code segment: privilege does not change. */
function checkDirect(selector: u32, d: u64): bool {
  const level = cpl();
  const allowed = isConforming(d)
    ? descriptorDpl(d) <= level
    : (selector & SELECTOR_RPL) <= level && descriptorDpl(d) == level;
  if (!allowed || isReservedCode(d)) {
    raiseGP(selectorError(selector));
    return false;
  }
  if (!isPresent(d)) {
    raiseNP(selectorError(selector));
    return false;
  }
  return true;
}

/** Gates and TSS are protected by their DPL against both CPL and RPL. */
function checkGate(selector: u32, d: u64): bool {
  if (descriptorDpl(d) < max(cpl(), selector & SELECTOR_RPL)) {
    raiseGP(selectorError(selector));
    return false;
  }
  return true;
}

/** Call gate: its offset, 64 bits in long mode. */
function callGateOffset(selector: u32, gate: u64): u64 {
  if (isLongMode()) return (fetchUpperHalf(selector, VECTOR_GP) << 32) | <u64>gateOffset(gate);
  return descriptorType(gate) == SystemType.CALL_GATE16 ? gate & 0xffff : <u64>gateOffset(gate);
}

/** The code segment that a call gate names; a jump must stay at its level. Callers test faulted(). */
function fetchGateCode(selector: u32, jump: bool): u64 {
  if (isNull(selector)) {
    raiseGP(0);
    return 0;
  }
  const d = fetchDescriptor(selector, VECTOR_GP);
  if (faulted()) return 0;
  const wrongWidth = isLongMode() && (d & (DESCRIPTOR_L | DESCRIPTOR_DB)) != DESCRIPTOR_L;
  const wrongLevel = descriptorDpl(d) > cpl() || (jump && !isConforming(d) && descriptorDpl(d) != cpl());
  if (!isCode(d) || wrongLevel || wrongWidth) raiseGP(selectorError(selector));
  else if (!isPresent(d)) raiseNP(selectorError(selector));
  return d;
}

function jumpGate(selector: u32, gate: u64): i32 {
  const offset = callGateOffset(selector, gate);
  if (faulted()) return Status.FAULT;
  const target = gateSelector(gate);
  const d = fetchGateCode(target, true);
  if (faulted()) return Status.FAULT;
  if (!checkTarget(d, offset) || !markAccessed(target, d)) return Status.FAULT;
  commitCode(target, d, cpl(), offset);
  return Status.JUMP_SYNC;
}

/** CALL through a gate to an inner level: the new stack gets SS:SP, the parameters and CS:IP. */
function callInner(gate: u64, target: u32, d: u64, offset: u64, size: u32, next: u64): i32 {
  const level = descriptorDpl(d);
  const wide = isLongMode();
  const count: u32 = wide ? 0 : <u32>(gate >> 32) & 0x1f;
  if (!(wide ? openInnerStack64(level, 0) : openInnerStack(level))) return Status.FAULT;
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(parameters + (<usize>i << 2), readParameter(size, i));
    if (faulted()) return Status.FAULT;
  }
  if (!push(size, <u64>segSelector(SS)) || !push(size, reg64(RSP))) return Status.FAULT;
  for (let i = count; i > 0; i--) {
    if (!push(size, <u64>load<u32>(parameters + (<usize>(i - 1) << 2)))) return Status.FAULT;
  }
  if (!push(size, <u64>segSelector(CS)) || !push(size, next)) return Status.FAULT;
  if (!checkTarget(d, offset) || !markAccessed(target, d)) return Status.FAULT;
  commitInnerStack();
  commitCode(target, d, level, offset);
  return Status.JUMP_SYNC;
}

function callGate(selector: u32, gate: u64, next: u64): i32 {
  const offset = callGateOffset(selector, gate);
  if (faulted()) return Status.FAULT;
  const target = gateSelector(gate);
  const d = fetchGateCode(target, false);
  if (faulted()) return Status.FAULT;
  const size: u32 = isLongMode() ? 8 : descriptorType(gate) == SystemType.CALL_GATE16 ? 2 : 4;
  if (!isConforming(d) && descriptorDpl(d) < cpl()) return callInner(gate, target, d, offset, size, next);
  return callSame(target, d, offset, size, next);
}

/** CALL to a checked code segment at the same level. */
function callSame(selector: u32, d: u64, offset: u64, size: u32, next: u64): i32 {
  openCurrentStack();
  if (!push(size, <u64>segSelector(CS)) || !push(size, next)) return Status.FAULT;
  if (!checkTarget(d, offset) || !markAccessed(selector, d)) return Status.FAULT;
  commitPointer();
  commitCode(selector, d, cpl(), offset);
  return Status.JUMP_SYNC;
}

function transferToTask(selector: u32, cause: TaskSwitch, next: u64): i32 {
  const d = fetchTaskDescriptor(selector, false, VECTOR_GP);
  if (faulted()) return Status.FAULT;
  return switchTask(selector, d, cause, next, rflags() & ~RF) ? Status.JUMP_SYNC : Status.FAULT;
}

/** A far CALL or JMP whose selector names a system descriptor. */
function transferThroughSystem(selector: u32, d: u64, cause: TaskSwitch, next: u64): i32 {
  const type = descriptorType(d);
  const wide = isLongMode();
  switch (type) {
    case SystemType.CALL_GATE16:
    case SystemType.CALL_GATE32:
      if (wide && type == SystemType.CALL_GATE16) break;
      if (!checkGate(selector, d)) return Status.FAULT;
      if (!isPresent(d)) return raiseNP(selectorError(selector));
      return cause == TaskSwitch.CALL ? callGate(selector, d, next) : jumpGate(selector, d);
    case SystemType.TASK_GATE:
      if (wide) break;
      if (!checkGate(selector, d)) return Status.FAULT;
      if (!isPresent(d)) return raiseNP(selectorError(selector));
      return transferToTask(gateSelector(d), cause, next);
    case SystemType.TSS16_AVAILABLE:
    case SystemType.TSS32_AVAILABLE:
      if (wide) break;
      if (!checkGate(selector, d)) return Status.FAULT;
      return transferToTask(selector, cause, next);
  }
  return raiseGP(selectorError(selector));
}

/** JMP FAR. `next` is the address of the following instruction, kept by a task switch. */
export function farJump(selector: u32, offset: u64, next: u64): i32 {
  if (isRealOrV86()) {
    if (offset > <u64>segLimit(CS)) return raiseGP(0);
    loadRealSegment(CS, selector);
    setRip(offset);
    return Status.JUMP_SYNC;
  }
  if (isNull(selector)) return raiseGP(0);
  const d = fetchDescriptor(selector, VECTOR_GP);
  if (faulted()) return Status.FAULT;
  if (isSystem(d)) return transferThroughSystem(selector, d, TaskSwitch.JUMP, next);
  if (!isCode(d)) return raiseGP(selectorError(selector));
  if (!checkDirect(selector, d) || !checkTarget(d, offset) || !markAccessed(selector, d)) return Status.FAULT;
  commitCode(selector, d, cpl(), offset);
  return Status.JUMP_SYNC;
}

/** CALL FAR with an operand size of `size` bytes, returning to `next`. */
export function farCall(selector: u32, offset: u64, size: u32, next: u64): i32 {
  if (isRealOrV86()) {
    openCurrentStack();
    if (!push(size, <u64>segSelector(CS)) || !push(size, next)) return Status.FAULT;
    if (offset > <u64>segLimit(CS)) return raiseGP(0);
    commitPointer();
    loadRealSegment(CS, selector);
    setRip(offset);
    return Status.JUMP_SYNC;
  }
  if (isNull(selector)) return raiseGP(0);
  const d = fetchDescriptor(selector, VECTOR_GP);
  if (faulted()) return Status.FAULT;
  if (isSystem(d)) return transferThroughSystem(selector, d, TaskSwitch.CALL, next);
  if (!isCode(d)) return raiseGP(selectorError(selector));
  if (!checkDirect(selector, d)) return Status.FAULT;
  return callSame(selector, d, offset, size, next);
}
