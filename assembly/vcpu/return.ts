// Far returns: RETF and IRET in every mode (SDM vol. 2, RET, IRET; vol. 3, 5.8.6, 6.12.1, 20.3). IRET also
// goes to virtual-8086 mode and, with NT set, to the task that the TSS links to. The functions give a
// Status; on FAULT nothing has been changed.

import { NMI_BLOCKED } from "../layout";
import { ARITHMETIC, AC, DF, ID, IF, IOPL, IOPL_SHIFT, NT, RF, TF, VIF, VIP, VM } from "../x86/flags";
import { CS, DS, ES, FS, GS, SELECTOR_RPL, SS } from "../x86/segment";
import { VECTOR_GP } from "../x86/vectors";
import { returnFlat32, returnFlat64 } from "./crossing";
import { noteResumeFlag } from "./debug";
import {
  descriptorDpl,
  fetchDescriptor,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isWritableData,
  loadFrom,
  markAccessed,
  selectorError,
} from "./descriptor";
import { raiseGP, raiseNP, raiseSS } from "./fault";
import { rflags, setRflags } from "./flags";
import {
  commitPointer,
  openCurrentStack,
  peek,
  pop,
  release,
  reserve,
  setStackPointer,
  skip,
} from "./frame";
import { checkTarget, commitCode, isLongCode, isReservedCode } from "./gate";
import { dropInnerSegments, loadNull, loadRealSegment, loadV86Segment } from "./load";
import {
  cpl,
  faulted,
  isCode64,
  isLongMode,
  isProtected,
  isRealOrV86,
  isSettled,
  isV86,
  markContextStale,
  segLimit,
  setCpl,
  setReg32,
  setRip,
  RSP,
  systemFlags,
} from "./state";
import { Status } from "./status";
import { returnToLinkedTask } from "./task";

/** Flags that an IRET may always change. */
const PLAIN: u32 = ARITHMETIC | TF | DF | NT | RF | AC | ID;

/** Flags that IRET may change at the current privilege and operand size. */
function iretMask(size: u32): u32 {
  let mask = PLAIN;
  if (!isProtected()) mask |= IF | IOPL;
  else if (isV86()) mask |= IF;
  else {
    const level = cpl();
    if (level <= (systemFlags() & IOPL) >> IOPL_SHIFT) mask |= IF;
    if (level == 0) mask |= IOPL | VIF | VIP;
  }
  return size == 2 ? mask & 0xffff : mask;
}
function loadFlags(image: u32, mask: u32): void {
  setRflags((rflags() & ~mask) | (image & mask));
  if ((image & mask & RF) != 0) noteResumeFlag();
  markContextStale();
}

/** The code segment that a return names. Callers test faulted(). */
function fetchReturnCode(selector: u32): u64 {
  if (isNull(selector)) {
    raiseGP(0);
    return 0;
  }
  const d = fetchDescriptor(selector, VECTOR_GP);
  if (faulted()) return 0;
  const level = selector & SELECTOR_RPL;
  const wrongLevel = isConforming(d) ? descriptorDpl(d) > level : descriptorDpl(d) != level;
  if (!isCode(d) || level < cpl() || wrongLevel || isReservedCode(d)) raiseGP(selectorError(selector));
  else if (!isPresent(d)) raiseNP(selectorError(selector));
  return d;
}

/** The stack segment that a return names; 0 for the null SS of 64-bit code. Callers test faulted(). */
function fetchReturnStack(selector: u32, level: u32, long: bool): u64 {
  const error = selectorError(selector);
  if (isNull(selector)) {
    if (!long || level == 3 || (selector & SELECTOR_RPL) != level) raiseGP(0);
    return 0;
  }
  const d = fetchDescriptor(selector, VECTOR_GP);
  if (faulted()) return 0;
  if ((selector & SELECTOR_RPL) != level || !isWritableData(d) || descriptorDpl(d) != level) raiseGP(error);
  else if (!isPresent(d)) raiseSS(error);
  else markAccessed(selector, d);
  return d;
}
@inline function commitReturnStack(selector: u32, d: u64, pointer: u64): void {
  if (isNull(selector)) loadNull(SS, selector);
  else loadFrom(SS, selector, d);
  setStackPointer(pointer);
}

/** RETF: `size` bytes an operand, `drop` bytes of parameters released. */
export function farReturn(size: u32, drop: u32): i32 {
  openCurrentStack();
  const selector = <u32>peek(size, 1) & 0xffff;
  if (faulted()) return Status.FAULT;
  const offset = pop(size);
  if (faulted()) return Status.FAULT;
  skip(size);
  if (isRealOrV86()) {
    if (offset > <u64>segLimit(CS)) return raiseGP(0);
    skip(drop);
    commitPointer();
    loadRealSegment(CS, selector);
    setRip(offset);
    return Status.JUMP_SYNC;
  }
  const level = selector & SELECTOR_RPL;
  skip(drop);
  // Where the level changes, even to one that will be refused, the stack is read first (as AMD processors do).
  let pointer: u64 = 0;
  let stackSelector: u32 = 0;
  if (level != cpl()) {
    stackSelector = <u32>peek(size, 1) & 0xffff;
    if (faulted()) return Status.FAULT;
    pointer = pop(size);
    if (faulted()) return Status.FAULT;
  }
  const d = fetchReturnCode(selector);
  if (faulted()) return Status.FAULT;
  if (level == cpl()) {
    if (!checkTarget(d, offset) || !markAccessed(selector, d)) return Status.FAULT;
    commitPointer();
    commitCode(selector, d, level, offset);
    return Status.JUMP_SYNC;
  }
  const stack = fetchReturnStack(stackSelector, level, isLongCode(d));
  if (faulted() || !checkTarget(d, offset) || !markAccessed(selector, d)) return Status.FAULT;
  commitCode(selector, d, level, offset);
  commitReturnStack(stackSelector, stack, pointer + <u64>drop);
  dropInnerSegments(level);
  return Status.JUMP_SYNC;
}

function returnReal(size: u32): i32 {
  if (isV86() && (systemFlags() & IOPL) != IOPL) return raiseGP(0);
  openCurrentStack();
  const image = <u32>peek(size, 2);
  if (faulted()) return Status.FAULT;
  const selector = <u32>peek(size, 1) & 0xffff;
  if (faulted()) return Status.FAULT;
  const offset = pop(size);
  if (faulted()) return Status.FAULT;
  skip(2 * size);
  if (offset > <u64>segLimit(CS)) return raiseGP(0);
  commitPointer();
  loadRealSegment(CS, selector);
  setRip(offset);
  loadFlags(image, iretMask(size));
  store<u32>(NMI_BLOCKED, 0);
  return Status.JUMP_SYNC;
}

/** IRETD at CPL 0 with VM set in the flags image: nine doublewords lead to virtual-8086 mode. */
function returnToV86(offset: u64, code: u32, image: u32): i32 {
  const pointer = pop(4);
  if (faulted()) return Status.FAULT;
  const stack = <u32>pop(4) & 0xffff;
  if (faulted()) return Status.FAULT;
  const es = <u32>pop(4) & 0xffff;
  if (faulted()) return Status.FAULT;
  const ds = <u32>pop(4) & 0xffff;
  if (faulted()) return Status.FAULT;
  const fs = <u32>pop(4) & 0xffff;
  if (faulted()) return Status.FAULT;
  const gs = <u32>pop(4) & 0xffff;
  if (faulted()) return Status.FAULT;
  if (offset > 0xffff) return raiseGP(0);
  loadFlags(image, PLAIN | IF | IOPL | VM | VIF | VIP);
  loadV86Segment(CS, code);
  loadV86Segment(SS, stack);
  loadV86Segment(ES, es);
  loadV86Segment(DS, ds);
  loadV86Segment(FS, fs);
  loadV86Segment(GS, gs);
  setReg32(RSP, <u32>pointer);
  setRip(offset);
  setCpl(3);
  store<u32>(NMI_BLOCKED, 0);
  return Status.JUMP_SYNC;
}

/**
 * IRET with an operand size of `size` bytes; `next` is the address behind it, kept by a task switch. JUMP: nothing
 * but an event that IF let through could ask for the run loop.
 */
export function interruptReturn(size: u32, next: u64): i32 {
  if (isRealOrV86()) return returnReal(size);
  if (size == 8 ? returnFlat64() : size == 4 && returnFlat32()) return isSettled() ? Status.JUMP : Status.JUMP_SYNC;
  if ((systemFlags() & NT) != 0) {
    if (isLongMode()) return raiseGP(0);
    return returnToLinkedTask(next) ? Status.JUMP_SYNC : Status.FAULT;
  }
  openCurrentStack();
  reserve(0, 5 * size);
  const image = <u32>peek(size, 2);
  if (faulted()) return Status.FAULT;
  const selector = <u32>peek(size, 1) & 0xffff;
  if (faulted()) return Status.FAULT;
  const offset = pop(size);
  if (faulted()) return Status.FAULT;
  skip(2 * size);
  if (size == 4 && (image & VM) != 0 && cpl() == 0 && !isLongMode()) {
    release();
    return returnToV86(offset, selector, image);
  }

  const d = fetchReturnCode(selector);
  if (faulted()) return Status.FAULT;
  const level = selector & SELECTOR_RPL;
  const outer = level != cpl();
  const mask = iretMask(size);
  // 64-bit code always pops SS:RSP.
  if (!outer && !isCode64()) {
    if (!checkTarget(d, offset) || !markAccessed(selector, d)) return Status.FAULT;
    commitPointer();
    commitCode(selector, d, level, offset);
  } else {
    const pointer = pop(size);
    if (faulted()) return Status.FAULT;
    const stackSelector = <u32>pop(size) & 0xffff;
    if (faulted()) return Status.FAULT;
    const stack = fetchReturnStack(stackSelector, level, isLongCode(d));
    if (faulted() || !checkTarget(d, offset) || !markAccessed(selector, d)) return Status.FAULT;
    commitCode(selector, d, level, offset);
    commitReturnStack(stackSelector, stack, pointer);
    if (outer) dropInnerSegments(level);
  }
  loadFlags(image, mask);
  store<u32>(NMI_BLOCKED, 0);
  return Status.JUMP_SYNC;
}
