// Event delivery (SDM vol. 3, chapter 6, 20.3 for virtual-8086 mode; APM vol. 2, chapter 8): exceptions,
// interrupts and software interrupts through the real-mode vector table, the IDT's interrupt, trap and task
// gates of 16 and 32 bits, and the 64-bit gates with their interrupt stack table. Every check and memory
// access happens before registers change. A fault on the way is delivered in its turn, becomes a double
// fault, or shuts the processor down (SDM table 6-5).

import {
  ACTIVITY,
  CR2,
  DR,
  EXCEPTION_BITMAP,
  FAULT,
  FAULT_ADDRESS,
  FAULT_DR6,
  FAULT_ERROR,
  FAULT_VECTOR,
  IDTR_BASE,
  IDTR_LIMIT,
  INJECT,
  INJECT_ERROR,
  INJECT_LENGTH,
  NMI_BLOCKED,
  REPLAY_COUNT,
  REPLAY_POSITION,
  SHADOW,
  TICKS_NOT_RETIRED,
} from "../layout";
import { DR6_BD, DR6_FIXED, DR7_GD } from "../x86/control";
import { AC, IF, IOPL, NT, RF, TF, VM } from "../x86/flags";
import { CS, DS, ERROR_EXT, ERROR_IDT, ES, FS, GS, SS, SystemType } from "../x86/segment";
import {
  EventType,
  VECTOR_BP,
  VECTOR_DB,
  VECTOR_DE,
  VECTOR_DF,
  VECTOR_GP,
  VECTOR_MC,
  VECTOR_NMI,
  VECTOR_NP,
  VECTOR_OF,
  VECTOR_PF,
  VECTOR_SS,
  VECTOR_TS,
  WITH_ERROR_CODE,
} from "../x86/vectors";
import { readSystem } from "./access";
import { enterFlat32, enterFlat64 } from "./crossing";
import { dropSingleStep } from "./debug";
import {
  DESCRIPTOR_DB,
  DESCRIPTOR_L,
  descriptorDpl,
  descriptorType,
  fetchDescriptor,
  gateOffset,
  gateSelector,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isSystem,
  markAccessed,
  selectorError,
  tableAddress,
} from "./descriptor";
import { ExitReason, fillExit } from "./exit";
import { clearFault, raiseGP, raiseNP } from "./fault";
import { rflags, setRflags } from "./flags";
import {
  alignFrame,
  commitInnerStack,
  commitPointer,
  openCurrentStack,
  openInnerStack,
  openInnerStack64,
  openStack64,
  push,
  reserve,
} from "./frame";
import { checkTarget, commitCode } from "./gate";
import { loadNull, loadRealSegment } from "./load";
import {
  cpl,
  faulted,
  isLongMode,
  isProtected,
  isSettled,
  isV86,
  markContextStale,
  reg64,
  rip,
  RSP,
  segLimit,
  segSelector,
  setRip,
  systemFlags,
} from "./state";
import { Activity, Fault, Status } from "./status";
import { fetchTaskDescriptor, switchTask, TaskSwitch } from "./task";

// The event in delivery.
let eventVector: u32 = 0;
let eventType: u32 = 0;
let eventHasError: bool = false;
let eventError: u32 = 0;
/** RIP and RFLAGS that the handler finds on its stack. */
let eventRip: u64 = 0;
let eventFlags: u32 = 0;

/** INT n, INT3, INTO: the gate's DPL protects it, and error codes of their own faults have EXT clear. */
@inline function isSoftware(type: u32): bool {
  return type == EventType.SOFTWARE_INTERRUPT || type == EventType.SOFTWARE_EXCEPTION;
}
@inline function idtError(): u32 { return (eventVector << 3) | ERROR_IDT; }

/** Flags in the handler. */
function enterFlags(cleared: u32): void {
  setRflags(rflags() & ~cleared);
  markContextStale();
}

/** Real-address mode: CS:IP from the four-byte vectors, no error codes, no privileges. */
function deliverReal(): bool {
  const offset = eventVector * 4;
  if (offset + 3 > load<u32>(IDTR_LIMIT)) {
    raiseGP(idtError());
    return false;
  }
  const entry = readSystem<u32>(tableAddress(load<u64>(IDTR_BASE), offset));
  if (faulted()) return false;
  openCurrentStack();
  if (!push(2, <u64>eventFlags) || !push(2, <u64>segSelector(CS)) || !push(2, eventRip)) return false;
  if ((entry & 0xffff) > segLimit(CS)) {
    raiseGP(0);
    return false;
  }
  commitPointer();
  loadRealSegment(CS, entry >> 16);
  setRip(<u64>(entry & 0xffff));
  enterFlags(IF | TF | RF | AC);
  return true;
}

/** Reads 8 bytes of the IDT, after the checks that all gates share except the type. */
function fetchGate(size: u32): u64 {
  const offset = eventVector * size;
  if (offset + size - 1 > load<u32>(IDTR_LIMIT)) {
    raiseGP(idtError());
    return 0;
  }
  return readSystem<u64>(tableAddress(load<u64>(IDTR_BASE), offset));
}
/** DPL against software interrupts, then P. */
function checkGate(gate: u64): bool {
  if (isSoftware(eventType) && descriptorDpl(gate) < cpl()) {
    raiseGP(idtError());
    return false;
  }
  if (!isPresent(gate)) {
    raiseNP(idtError());
    return false;
  }
  return true;
}

/** The code segment that a gate names. Callers test faulted(). */
function fetchHandler(selector: u32): u64 {
  if (isNull(selector)) {
    raiseGP(0);
    return 0;
  }
  const d = fetchDescriptor(selector, VECTOR_GP);
  if (faulted()) return 0;
  const wrongWidth = isLongMode() && (d & (DESCRIPTOR_L | DESCRIPTOR_DB)) != DESCRIPTOR_L;
  if (!isCode(d) || descriptorDpl(d) > cpl() || wrongWidth) raiseGP(selectorError(selector));
  else if (!isPresent(d)) raiseNP(selectorError(selector));
  return d;
}

/** SS:SP, flags, CS:IP and the error code, at the gate's size. */
function pushFrame(size: u32, withStack: bool): bool {
  reserve(size * (3 + (withStack ? 2 : 0) + u32(eventHasError)), 0);
  if (withStack && (!push(size, <u64>segSelector(SS)) || !push(size, reg64(RSP)))) return false;
  if (!push(size, <u64>eventFlags) || !push(size, <u64>segSelector(CS)) || !push(size, eventRip)) return false;
  return !eventHasError || push(size, <u64>eventError);
}

function deliverTask(gate: u64): bool {
  const selector = gateSelector(gate);
  const d = fetchTaskDescriptor(selector, false, VECTOR_GP);
  if (faulted()) return false;
  return switchTask(selector, d, TaskSwitch.EVENT, eventRip, eventFlags, eventHasError, eventError);
}

/** Interrupt and trap gates of protected mode outside long mode. */
function deliverProtected(): bool {
  const gate = fetchGate(8);
  if (faulted()) return false;
  const type = descriptorType(gate);
  const trap = type == SystemType.TRAP_GATE16 || type == SystemType.TRAP_GATE32;
  const interrupt = type == SystemType.INTERRUPT_GATE16 || type == SystemType.INTERRUPT_GATE32;
  if (!isSystem(gate) || !(trap || interrupt || type == SystemType.TASK_GATE)) {
    raiseGP(idtError());
    return false;
  }
  if (!checkGate(gate)) return false;
  if (type == SystemType.TASK_GATE) return deliverTask(gate);

  const selector = gateSelector(gate);
  const d = fetchHandler(selector);
  if (faulted()) return false;
  const size: u32 = (type & 8) != 0 ? 4 : 2;
  const offset: u32 = size == 4 ? gateOffset(gate) : <u32>gate & 0xffff;
  const v86 = isV86();
  const inner = !isConforming(d) && descriptorDpl(d) < cpl();
  const level = inner ? descriptorDpl(d) : cpl();
  if (v86 && (!inner || level != 0)) {
    raiseGP(selectorError(selector));
    return false;
  }
  if (inner) {
    if (!openInnerStack(level)) return false;
    if (v86) {
      if (!push(size, <u64>segSelector(GS)) || !push(size, <u64>segSelector(FS))) return false;
      if (!push(size, <u64>segSelector(DS)) || !push(size, <u64>segSelector(ES))) return false;
    }
  } else openCurrentStack();
  if (!pushFrame(size, inner)) return false;
  if (!checkTarget(d, <u64>offset) || !markAccessed(selector, d)) return false;

  if (inner) commitInnerStack();
  else commitPointer();
  enterFlags((trap ? 0 : IF) | TF | NT | VM | RF);
  commitCode(selector, d, level, <u64>offset);
  if (v86) {
    loadNull(DS, 0);
    loadNull(ES, 0);
    loadNull(FS, 0);
    loadNull(GS, 0);
  }
  return true;
}

/** 64-bit gates: always a 64-bit handler, an aligned frame with SS:RSP, and possibly a stack of the IST. */
function deliverLong(): bool {
  const gate = fetchGate(16);
  if (faulted()) return false;
  const type = descriptorType(gate);
  if (!isSystem(gate) || (type != SystemType.INTERRUPT_GATE32 && type != SystemType.TRAP_GATE32)) {
    raiseGP(idtError());
    return false;
  }
  if (!checkGate(gate)) return false;
  const upper = readSystem<u64>(load<u64>(IDTR_BASE) + <u64>(eventVector * 16 + 8));
  if (faulted()) return false;
  const selector = gateSelector(gate);
  const d = fetchHandler(selector);
  if (faulted()) return false;
  const offset = (upper << 32) | <u64>gateOffset(gate);
  const inner = !isConforming(d) && descriptorDpl(d) < cpl();
  const level = inner ? descriptorDpl(d) : cpl();
  const ist = <u32>(gate >> 32) & 7;
  if (inner || ist != 0) {
    if (!openInnerStack64(level, ist)) return false;
  } else openStack64(reg64(RSP), level);
  alignFrame();
  if (!pushFrame(8, true)) return false;
  if (!checkTarget(d, offset) || !markAccessed(selector, d)) return false;

  if (inner) commitInnerStack();
  else commitPointer();
  enterFlags((type == SystemType.INTERRUPT_GATE32 ? IF : 0) | TF | NT | RF);
  commitCode(selector, d, level, offset);
  return true;
}

function enterProtected(): bool {
  const software = isSoftware(eventType);
  if (isLongMode()) {
    return enterFlat64(eventVector, software, eventHasError, eventError, eventFlags, eventRip) || deliverLong();
  }
  return enterFlat32(eventVector, software, eventHasError, eventError, eventFlags, eventRip) || deliverProtected();
}

/** One attempt at the event in the cells. True: it was delivered; a task of its own may have faulted since. */
function attempt(): bool {
  if (!(isProtected() ? enterProtected() : deliverReal())) return false;
  store<u32>(SHADOW, 0);
  store<u32>(ACTIVITY, Activity.ACTIVE);
  if (eventType == EventType.NMI) store<u32>(NMI_BLOCKED, 1);
  return true;
}

/** Classes of SDM table 6-4. */
const enum Class {
  BENIGN = 0,
  CONTRIBUTORY = 1,
  PAGE_FAULT = 2,
  DOUBLE_FAULT = 3,
}
const CONTRIBUTORY_VECTORS: u32 =
  (1 << VECTOR_DE) | (1 << VECTOR_TS) | (1 << VECTOR_NP) | (1 << VECTOR_SS) | (1 << VECTOR_GP);

function classOf(vector: u32): Class {
  if (vector == VECTOR_PF) return Class.PAGE_FAULT;
  if (vector == VECTOR_DF) return Class.DOUBLE_FAULT;
  return vector < 32 && ((CONTRIBUTORY_VECTORS >> vector) & 1) != 0 ? Class.CONTRIBUTORY : Class.BENIGN;
}

/** Registers that an exception sets before its handler is looked for. */
function recordException(vector: u32): void {
  if (vector == VECTOR_PF) store<u64>(CR2, load<u64>(FAULT_ADDRESS));
  else if (vector == VECTOR_DB) recordDebug(load<u32>(FAULT_DR6));
}
function recordDebug(dr6: u32): void {
  store<u64>(DR + 48, load<u64>(DR + 48) | <u64>(dr6 | DR6_FIXED));
  store<u64>(DR + 56, load<u64>(DR + 56) & ~<u64>DR7_GD);
  markContextStale();
}

/** Fault-class exceptions show RF set in the pushed flags; an instruction breakpoint leaves it alone. */
function setsResume(vector: u32): bool {
  switch (vector) {
    case VECTOR_DB: return (load<u32>(FAULT_DR6) & DR6_BD) != 0;
    case VECTOR_NMI:
    case VECTOR_BP:
    case VECTOR_OF:
    case VECTOR_DF:
    case VECTOR_MC: return false;
    default: return true;
  }
}

function shutDown(): void {
  store<u32>(ACTIVITY, Activity.SHUTDOWN);
  fillExit(ExitReason.TRIPLE_FAULT, 0, 0, 0);
  store<u32>(FAULT, Fault.EXIT);
}

/** INJECT word of an event (layout.ts). */
const INJECT_HAS_ERROR: u32 = 1 << 11;
const INJECT_REQUEUED: u32 = 1 << 12;
const INJECT_VALID: u32 = 1 << 31;

/** What the host answers belongs to the delivery of an event, not to an instruction. */
export function isEventReplayed(): bool {
  return (load<u32>(INJECT) & (INJECT_REQUEUED | INJECT_VALID)) == (INJECT_REQUEUED | INJECT_VALID);
}

/** Queues the event in the cells: the host must answer for the memory of its stack first. */
function requeue(): void {
  const marks = INJECT_REQUEUED | INJECT_VALID | (eventHasError ? INJECT_HAS_ERROR : 0);
  store<u32>(INJECT, eventVector | (eventType << 8) | marks);
  store<u32>(INJECT_ERROR, eventError);
  store<u32>(INJECT_LENGTH, <u32>(eventRip - rip()));
}

/**
 * Delivers an event, and whatever exceptions its delivery raises. `returnRip` is what the handler returns to;
 * `resume` sets RF in the pushed flags. Afterwards FAULT is NONE: the handler is entered, one tick is charged;
 * EXCEPTION: a nested exception is in EXCEPTION_BITMAP and waits in the FAULT cells; EXIT: triple fault, or
 * the stack is memory that the host must answer for, and the event is in the INJECT cells.
 */
function deliverEvent(vector: u32, type: u32, error: u32, hasError: bool, returnRip: u64, resume: bool): void {
  let current = type == EventType.EXCEPTION ? classOf(vector) : Class.BENIGN;
  eventVector = vector;
  eventType = type;
  eventError = error;
  eventHasError = hasError;
  eventRip = returnRip;
  eventFlags = rflags() | (resume ? RF : 0);
  store<u32>(REPLAY_POSITION, 0);
  for (;;) {
    const delivered = attempt();
    if (!faulted()) break;
    if (load<u32>(FAULT) == Fault.EXIT) {
      if (!delivered) requeue();
      return;
    }
    const second = load<u32>(FAULT_VECTOR);
    const next = classOf(second);
    if (next == Class.CONTRIBUTORY && !isSoftware(eventType)) {
      store<u32>(FAULT_ERROR, load<u32>(FAULT_ERROR) | ERROR_EXT);
    }
    if (current == Class.DOUBLE_FAULT && next != Class.BENIGN) {
      shutDown();
      return;
    }
    if (
      (current == Class.CONTRIBUTORY && next == Class.CONTRIBUTORY) ||
      (current == Class.PAGE_FAULT && next != Class.BENIGN)
    ) {
      store<u32>(FAULT_VECTOR, VECTOR_DF);
      store<u32>(FAULT_ERROR, 0);
      current = Class.DOUBLE_FAULT;
    } else current = next;
    eventVector = load<u32>(FAULT_VECTOR);
    if (((load<u32>(EXCEPTION_BITMAP) >> eventVector) & 1) != 0) return;
    recordException(second);
    eventType = EventType.EXCEPTION;
    eventError = load<u32>(FAULT_ERROR);
    eventHasError = hasErrorCode(eventVector);
    eventRip = rip();
    eventFlags = rflags() | (setsResume(eventVector) ? RF : 0);
    clearFault();
  }
  store<u32>(REPLAY_COUNT, 0);
  store<u64>(TICKS_NOT_RETIRED, load<u64>(TICKS_NOT_RETIRED) + 1);
}
@inline function hasErrorCode(vector: u32): bool { return ((WITH_ERROR_CODE >> vector) & 1) != 0; }

/** The exception in the FAULT cells, raised by the instruction at RIP. */
export function deliverPending(): void {
  const vector = load<u32>(FAULT_VECTOR);
  const error = load<u32>(FAULT_ERROR);
  const resume = setsResume(vector);
  recordException(vector);
  clearFault();
  deliverEvent(vector, EventType.EXCEPTION, error, hasErrorCode(vector), rip(), resume);
}
/** An external interrupt between instructions. */
export function deliverInterrupt(vector: u32): void {
  deliverEvent(vector, EventType.EXTERNAL, 0, false, rip(), false);
}
export function deliverNmi(): void {
  deliverEvent(VECTOR_NMI, EventType.NMI, 0, false, rip(), false);
}
/** The #DB trap behind an instruction that completed, with the DR6 bits of its causes. */
export function deliverTrapDB(dr6: u32): void {
  recordDebug(dr6);
  deliverEvent(VECTOR_DB, EventType.EXCEPTION, 0, false, rip(), false);
}
/** The event in the INJECT cells; a software event returns behind its instruction. */
export function deliverInjected(): void {
  const word = load<u32>(INJECT);
  const vector = word & 0xff;
  const type = (word >> 8) & 7;
  const behind = isSoftware(type) || type == EventType.PRIVILEGED_SOFTWARE_EXCEPTION;
  const back = behind ? rip() + <u64>load<u32>(INJECT_LENGTH) : rip();
  const error = load<u32>(INJECT_ERROR);
  store<u32>(INJECT, 0);
  const resume = type == EventType.EXCEPTION && vector != VECTOR_DB && setsResume(vector);
  deliverEvent(vector, type, error, (word & INJECT_HAS_ERROR) != 0, back, resume);
}

/**
 * INT n, INT3, INTO and INT1, by the instruction itself: a failure is a fault of that instruction. A task
 * switch may leave a fault of the new task pending with JUMP_SYNC.
 */
export function softwareInterrupt(vector: u32, type: EventType, nextRip: u64): i32 {
  if (type == EventType.SOFTWARE_INTERRUPT && isV86() && (systemFlags() & IOPL) != IOPL) return raiseGP(0);
  eventVector = vector;
  eventType = type;
  eventHasError = false;
  eventError = 0;
  eventRip = nextRip;
  eventFlags = rflags() & ~RF;
  if (!attempt()) {
    if (!isSoftware(type) && classOf(load<u32>(FAULT_VECTOR)) == Class.CONTRIBUTORY) {
      store<u32>(FAULT_ERROR, load<u32>(FAULT_ERROR) | ERROR_EXT);
    }
    return Status.FAULT;
  }
  dropSingleStep();
  return isSettled() ? Status.JUMP : Status.JUMP_SYNC;
}
