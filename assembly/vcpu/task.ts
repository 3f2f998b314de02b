// Hardware task switches (SDM vol. 3, 7.3): JMP, CALL and IRET to a TSS, task gates, and events through task
// gates in the IDT. The order is the manual's: check the new TSS, make sure that everything to be written
// can be, save the old state, then load the new one. From there on the new task runs, and what is wrong
// with its segments is a fault of the new task (#TS, #NP, #SS with its CS:EIP).

import { CR0, DR, GPR, NMI_BLOCKED, SHADOW, TRAP_PENDING } from "../layout";
import { CR0_PG, CR0_TS, DR6_BT } from "../x86/control";
import { NT, RESERVED_ONE, RF, VM } from "../x86/flags";
import {
  ATTR_DPL_SHIFT,
  ATTR_UNUSABLE,
  CS,
  DS,
  ES,
  FS,
  GS,
  LDTR,
  SELECTOR_RPL,
  SELECTOR_TI,
  SS,
  SystemType,
  TR,
} from "../x86/segment";
import {
  TSS16_AX,
  TSS16_ES,
  TSS16_FLAGS,
  TSS16_IP,
  TSS16_LDT,
  TSS16_LIMIT,
  TSS32_CR3,
  TSS32_EAX,
  TSS32_EFLAGS,
  TSS32_EIP,
  TSS32_ES,
  TSS32_LDT,
  TSS32_LIMIT,
  TSS32_T,
  TSS_LINK,
} from "../x86/tss";
import { VECTOR_TS } from "../x86/vectors";
import { probeSystemWrite, readSystem, writeSystem } from "./access";
import { isValidCr3, loadCr3 } from "./control";
import { noteResumeFlag } from "./debug";
import {
  descriptorAddress,
  descriptorAttributes,
  descriptorBase,
  descriptorDpl,
  descriptorLimit,
  descriptorType,
  fetchDescriptor,
  isCode,
  isConforming,
  isGuarded,
  isInTable,
  isNull,
  isPresent,
  isReadable,
  isSystem,
  isWritableData,
  loadFrom,
  markAccessed,
  markBusy,
  selectorError,
  tableAddress,
} from "./descriptor";
import { raiseGP, raiseNP, raiseSS, raiseTS } from "./fault";
import { rflags, setRflags } from "./flags";
import { commitPointer, openCurrentStack, push } from "./frame";
import { loadNull, loadV86Segment } from "./load";
import {
  cpl,
  cr0,
  faulted,
  isV86,
  rip,
  segAttributes,
  segBase,
  segLimit,
  segSelector,
  setCpl,
  setReg32,
  setRip,
  setSegment,
  systemFlags,
} from "./state";

/** What causes the switch: decides on busy bits, NT and the back link. */
export const enum TaskSwitch {
  JUMP = 0,
  CALL = 1,
  EVENT = 2,
  RETURN = 3,
}

/** Bytes of the new task's state that are read ahead: a whole 386 TSS. */
const image: usize = memory.data(0x68, 8);

@inline function is32(type: u32): bool { return (type & 8) != 0; }
@inline function field(base: u64, offset: u32): u64 { return tableAddress(base, offset); }

/**
 * The descriptor that a task switch names: a TSS in the GDT of the wanted kind, present. Raises `vector`
 * (#GP, or #TS for IRET) or #NP with the selector.
 */
export function fetchTaskDescriptor(selector: u32, busy: bool, vector: u32): u64 {
  const error = selectorError(selector);
  if (isNull(selector) || (selector & SELECTOR_TI) != 0 || !isInTable(selector, 8)) {
    refuseTask(vector, error);
    return 0;
  }
  const d = fetchDescriptor(selector, vector);
  if (faulted()) return 0;
  const type = descriptorType(d);
  const wanted = busy
    ? type == SystemType.TSS16_BUSY || type == SystemType.TSS32_BUSY
    : type == SystemType.TSS16_AVAILABLE || type == SystemType.TSS32_AVAILABLE;
  if (!isSystem(d) || !wanted) refuseTask(vector, error);
  else if (!isPresent(d)) raiseNP(error);
  return d;
}
function refuseTask(vector: u32, error: u32): void {
  if (vector == VECTOR_TS) raiseTS(error);
  else raiseGP(error);
}

/** Every byte that the switch reads or writes can be: before the first one is written. */
function probeSwitch(selector: u32, d: u64, cause: TaskSwitch): bool {
  const old32 = is32(segAttributes(TR));
  const oldBase = segBase(TR);
  const saved: u32 = old32 ? TSS32_EIP : TSS16_IP;
  if (!probeSystemWrite(field(oldBase, saved), (old32 ? 0x60 : 0x2a) - saved)) return false;
  if (cause == TaskSwitch.JUMP || cause == TaskSwitch.RETURN) {
    if (!probeSystemWrite(descriptorAddress(segSelector(TR)) + 5, 1)) return false;
  }
  if (cause != TaskSwitch.RETURN && !probeSystemWrite(descriptorAddress(selector) + 5, 1)) return false;
  const base = descriptorBase(d);
  const nested = cause == TaskSwitch.CALL || cause == TaskSwitch.EVENT;
  if (nested && !probeSystemWrite(field(base, TSS_LINK), 2)) return false;
  readSystem<u8>(base);
  if (faulted()) return false;
  readSystem<u8>(field(base, is32(descriptorType(d)) ? TSS32_LIMIT : TSS16_LIMIT));
  if (faulted()) return false;
  // A page-directory base that cannot be loaded under PAE paging makes the TSS invalid.
  if (is32(descriptorType(d)) && (cr0() & CR0_PG) != 0) {
    const root = readSystem<u32>(field(base, TSS32_CR3));
    if (faulted()) return false;
    if (!isValidCr3(<u64>root)) {
      raiseTS(selectorError(selector));
      return false;
    }
  }
  return true;
}

/** Saves EIP, EFLAGS, the general registers and the segment selectors in the TSS of the old task. */
function saveTask(nextRip: u64, flags: u32): void {
  const base = segBase(TR);
  if (is32(segAttributes(TR))) {
    writeSystem<u32>(field(base, TSS32_EIP), <u32>nextRip);
    writeSystem<u32>(field(base, TSS32_EFLAGS), flags);
    for (let i: u32 = 0; i < 8; i++) writeSystem<u32>(field(base, TSS32_EAX + i * 4), load<u32>(<usize>i << 3, GPR));
    for (let seg: u32 = ES; seg <= GS; seg++) writeSystem<u16>(field(base, TSS32_ES + seg * 4), <u16>segSelector(seg));
  } else {
    writeSystem<u16>(field(base, TSS16_IP), <u16>nextRip);
    writeSystem<u16>(field(base, TSS16_FLAGS), <u16>flags);
    for (let i: u32 = 0; i < 8; i++) writeSystem<u16>(field(base, TSS16_AX + i * 2), load<u16>(<usize>i << 3, GPR));
    for (let seg: u32 = ES; seg <= DS; seg++) writeSystem<u16>(field(base, TSS16_ES + seg * 2), <u16>segSelector(seg));
  }
}

/** Reads the new task's TSS into `image`. */
function readTask(base: u64, wide: bool): void {
  const bytes: u32 = wide ? TSS32_LIMIT + 1 : TSS16_LIMIT + 1;
  for (let i: u32 = 0; i < bytes; i += 2) store<u16>(image + <usize>i, readSystem<u16>(field(base, i)));
}
@inline function imageSelector(wide: bool, seg: u32): u32 {
  return load<u16>(image + <usize>(wide ? TSS32_ES + seg * 4 : TSS16_ES + seg * 2));
}

/** The new task's LDT: a fault is one of the new task. */
function loadTaskLdt(selector: u32): bool {
  loadNull(LDTR, selector);
  if (isNull(selector)) return true;
  const error = selectorError(selector);
  if ((selector & SELECTOR_TI) != 0) {
    raiseTS(error);
    return false;
  }
  const d = fetchDescriptor(selector, VECTOR_TS);
  if (faulted()) return false;
  if (!isSystem(d) || descriptorType(d) != SystemType.LDT || !isPresent(d)) {
    raiseTS(error);
    return false;
  }
  loadFrom(LDTR, selector, d);
  return true;
}

/** Code and stack segment of the new task: the privilege level is CS.RPL. */
function loadTaskStack(selector: u32): bool {
  const level = cpl();
  const error = selectorError(selector);
  if (isNull(selector)) {
    raiseTS(error);
    return false;
  }
  const d = fetchDescriptor(selector, VECTOR_TS);
  if (faulted()) return false;
  if (!isWritableData(d) || descriptorDpl(d) != level || (selector & SELECTOR_RPL) != level) {
    raiseTS(error);
    return false;
  }
  if (!isPresent(d)) {
    raiseSS(error);
    return false;
  }
  if (!markAccessed(selector, d)) return false;
  loadFrom(SS, selector, d);
  return true;
}
function loadTaskCode(selector: u32): bool {
  const level = cpl();
  const error = selectorError(selector);
  if (isNull(selector)) {
    raiseTS(error);
    return false;
  }
  const d = fetchDescriptor(selector, VECTOR_TS);
  if (faulted()) return false;
  if (!isCode(d) || (isConforming(d) ? descriptorDpl(d) > level : descriptorDpl(d) != level)) {
    raiseTS(error);
    return false;
  }
  if (!isPresent(d)) {
    raiseNP(error);
    return false;
  }
  if (!markAccessed(selector, d)) return false;
  loadFrom(CS, selector, d);
  return true;
}
function loadTaskData(seg: u32, selector: u32): bool {
  if (isNull(selector)) return true;
  const error = selectorError(selector);
  const d = fetchDescriptor(selector, VECTOR_TS);
  if (faulted()) return false;
  if (!isReadable(d) || (isGuarded(d) && descriptorDpl(d) < max(selector & SELECTOR_RPL, cpl()))) {
    raiseTS(error);
    return false;
  }
  if (!isPresent(d)) {
    raiseNP(error);
    return false;
  }
  if (!markAccessed(selector, d)) return false;
  loadFrom(seg, selector, d);
  return true;
}

/** Loads and checks the segments of the new task, LDT first. */
function loadTaskSegments(wide: bool): bool {
  const v86 = isV86();
  for (let seg: u32 = ES; seg <= GS; seg++) {
    const selector: u32 = wide || seg <= DS ? imageSelector(wide, seg) : 0;
    if (v86) loadV86Segment(seg, selector);
    else setSegment(seg, selector, 0, 0, ATTR_UNUSABLE | (seg == SS ? cpl() << ATTR_DPL_SHIFT : 0));
  }
  if (!loadTaskLdt(load<u16>(image + <usize>(wide ? TSS32_LDT : TSS16_LDT)))) return false;
  if (v86) return true;
  if (!loadTaskStack(segSelector(SS)) || !loadTaskCode(segSelector(CS))) return false;
  return (
    loadTaskData(DS, segSelector(DS)) &&
    loadTaskData(ES, segSelector(ES)) &&
    loadTaskData(FS, segSelector(FS)) &&
    loadTaskData(GS, segSelector(GS))
  );
}

/** Instruction pointer, flags and general registers of the new task. */
function loadTaskRegisters(wide: bool, nested: bool): void {
  setRip(wide ? <u64>load<u32>(image, TSS32_EIP) : <u64>load<u16>(image, TSS16_IP));
  const flags = wide ? load<u32>(image, TSS32_EFLAGS) : <u32>load<u16>(image, TSS16_FLAGS);
  setRflags((nested ? flags | NT : flags) | RESERVED_ONE);
  if ((flags & RF) != 0) noteResumeFlag();
  for (let i: u32 = 0; i < 8; i++) {
    // A 286 TSS leaves the upper words as FFFFh (SDM vol. 3, 7.6).
    setReg32(
      <usize>i << 3,
      wide ? load<u32>(image + <usize>(TSS32_EAX + i * 4)) : 0xffff_0000 | <u32>load<u16>(image + <usize>(TSS16_AX + i * 2)),
    );
  }
}

/**
 * Switches to the TSS `selector` whose descriptor has been checked. `nextRip` and `flags` are what the old
 * task's TSS keeps; an event's error code goes onto the new task's stack. False: nothing has happened and an
 * exception is pending. True: the new task runs, possibly with an exception of its own pending; RIP is set.
 */
export function switchTask(
  selector: u32,
  d: u64,
  cause: TaskSwitch,
  nextRip: u64,
  flags: u32,
  hasError: bool = false,
  error: u32 = 0,
): bool {
  const wide = is32(descriptorType(d));
  const base = descriptorBase(d);
  if (descriptorLimit(d) < (wide ? TSS32_LIMIT : TSS16_LIMIT)) {
    raiseTS(selectorError(selector));
    return false;
  }
  if (!probeSwitch(selector, d, cause)) return false;

  const nested = cause == TaskSwitch.CALL || cause == TaskSwitch.EVENT;
  const oldSelector = segSelector(TR);
  if (!nested) markBusy(oldSelector, false);
  saveTask(nextRip, cause == TaskSwitch.RETURN ? flags & ~NT : flags);
  if (nested) writeSystem<u16>(field(base, TSS_LINK), <u16>oldSelector);
  if (cause != TaskSwitch.RETURN) markBusy(selector, true);
  readTask(base, wide);
  if (faulted()) return false;

  setSegment(TR, selector, base, descriptorLimit(d), descriptorAttributes(d) | 2);
  store<u64>(CR0, cr0() | CR0_TS);
  if (wide && (cr0() & CR0_PG) != 0) loadCr3(<u64>load<u32>(image, TSS32_CR3));
  loadTaskRegisters(wide, nested);
  setCpl((systemFlags() & VM) != 0 ? 3 : imageSelector(wide, CS) & SELECTOR_RPL);
  // The local breakpoint enables L0-L3 and LE belong to the task.
  store<u64>(DR + 56, load<u64>(DR + 56) & ~(<u64>0x155));
  store<u32>(SHADOW, 0);
  if (cause == TaskSwitch.RETURN) store<u32>(NMI_BLOCKED, 0);
  if (wide && (load<u16>(image, TSS32_T) & 1) != 0) store<u32>(TRAP_PENDING, load<u32>(TRAP_PENDING) | DR6_BT);

  if (!loadTaskSegments(wide)) return true;
  if (hasError) {
    openCurrentStack();
    if (!push(wide ? 4 : 2, <u64>error)) return true;
    commitPointer();
  }
  if (rip() > <u64>segLimit(CS)) raiseGP(0);
  return true;
}

/** IRET with NT set: back to the task that the current TSS links to. */
export function returnToLinkedTask(nextRip: u64): bool {
  const selector = <u32>readSystem<u16>(field(segBase(TR), TSS_LINK));
  if (faulted()) return false;
  const d = fetchTaskDescriptor(selector, true, VECTOR_TS);
  if (faulted()) return false;
  return switchTask(selector, d, TaskSwitch.RETURN, nextRip, rflags() & ~RF);
}
