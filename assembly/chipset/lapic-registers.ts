// The registers of a local APIC as programs address them (SDM vol. 3, table 11-1 and 11-6; APM vol. 2, 16.3 and
// 16.11): number n stands at offset n * 10h of the page in xAPIC mode and is MSR 800h + n in x2APIC mode.
//
//   ICR   7:0 vector | 10:8 delivery mode | 11 logical | 12 status | 14 assert | 15 level
//         19:18 shorthand: none, self, all, all but self | destination in 63:56, in x2APIC mode 63:32

import { CR8, PROCESSOR_COUNT } from "../layout";
import { deliverTo, send } from "./messages";
import { ioapicEndOfInterrupt } from "./ioapic";
import { endOfInterrupt, processorPriority, reportError, update } from "./lapic";
import {
  Delivery,
  DFR,
  ERRORS,
  ESR,
  ESR_SENT_VECTOR,
  FIRST_VECTOR,
  ICR_HIGH,
  ICR_LOW,
  ID,
  IRR,
  ISR,
  isSoftwareEnabled,
  isX2Apic,
  LDR,
  logicalX2,
  LVT_ERROR,
  LVT_LINT0,
  LVT_MASKED,
  LVT_TIMER,
  numberOf,
  SVR,
  SVR_ENABLED,
  TIMER_DIVIDE,
  TIMER_INITIAL,
  TMR,
  TPR,
} from "./lapic-block";
import { armTimer, settleTimer, timerCount, writeDivide, writeInitialCount, writeTimerEntry } from "./lapic-timer";
import { hasIoApic } from "../vcpu/presence";

export const enum Register {
  ID = 0x02,
  VERSION = 0x03,
  TPR = 0x08,
  APR = 0x09,
  PPR = 0x0a,
  EOI = 0x0b,
  REMOTE_READ = 0x0c,
  LDR = 0x0d,
  DFR = 0x0e,
  SVR = 0x0f,
  ISR = 0x10,
  TMR = 0x18,
  IRR = 0x20,
  ESR = 0x28,
  ICR_LOW = 0x30,
  ICR_HIGH = 0x31,
  LVT_TIMER = 0x32,
  LVT_THERMAL = 0x33,
  LVT_PERFORMANCE = 0x34,
  LVT_LINT0 = 0x35,
  LVT_LINT1 = 0x36,
  LVT_ERROR = 0x37,
  TIMER_INITIAL = 0x38,
  TIMER_CURRENT = 0x39,
  TIMER_DIVIDE = 0x3e,
  SELF_IPI = 0x3f,
}

/** An integrated APIC with six LVT entries. */
const VERSION: u32 = 0x0005_0014;
const DFR_ONES: u32 = 0x0fff_ffff;
export const SVR_WRITABLE: u32 = 0x3ff;
const ICR_LOGICAL: u32 = 1 << 11;
const ICR_ASSERT: u32 = 1 << 14;
const ICR_LEVEL: u32 = 1 << 15;
export const ICR_WRITABLE: u32 = 0xc_cfff;

const enum Shorthand {
  NONE = 0,
  SELF = 1,
  ALL = 2,
  OTHERS = 3,
}

/** Bits that software writes of an LVT entry. */
export function entryWritable(register: u32): u32 {
  switch (register) {
    case Register.LVT_TIMER: return 0x7_00ff;
    case Register.LVT_ERROR: return 0x1_00ff;
    case Register.LVT_LINT0:
    case Register.LVT_LINT1: return 0x1_a7ff;
    default: return 0x1_07ff;
  }
}

@inline function isEntry(register: u32): bool {
  return register >= <u32>Register.LVT_TIMER && register <= <u32>Register.LVT_ERROR;
}
@inline function entryCell(apic: usize, register: u32): usize {
  return apic + LVT_TIMER + ((register - Register.LVT_TIMER) << 2);
}

/** The register exists. */
export function isRegister(register: u32): bool {
  if (register >= <u32>Register.ISR && register <= <u32>Register.ESR) return true;
  if (isEntry(register)) return true;
  switch (register) {
    case Register.ID:
    case Register.VERSION:
    case Register.TPR:
    case Register.APR:
    case Register.PPR:
    case Register.EOI:
    case Register.REMOTE_READ:
    case Register.LDR:
    case Register.DFR:
    case Register.SVR:
    case Register.ICR_LOW:
    case Register.ICR_HIGH:
    case Register.TIMER_INITIAL:
    case Register.TIMER_CURRENT:
    case Register.TIMER_DIVIDE: return true;
    default: return false;
  }
}

export function readRegister(apic: usize, register: u32): u32 {
  if (register >= <u32>Register.ISR && register < <u32>Register.ESR) {
    const at = apic + (((register - Register.ISR) & 7) << 2);
    if (register >= <u32>Register.IRR) return load<u32>(at, IRR);
    return register >= <u32>Register.TMR ? load<u32>(at, TMR) : load<u32>(at, ISR);
  }
  if (isEntry(register)) return load<u32>(entryCell(apic, register));
  const n = numberOf(apic);
  switch (register) {
    case Register.ID: return isX2Apic(n) ? n : load<u32>(apic, ID);
    case Register.VERSION: return VERSION;
    case Register.TPR: return load<u32>(apic, TPR);
    case Register.APR:
    case Register.PPR: return processorPriority(apic);
    case Register.LDR: return isX2Apic(n) ? logicalX2(n) : load<u32>(apic, LDR);
    case Register.DFR: return load<u32>(apic, DFR);
    case Register.SVR: return load<u32>(apic, SVR);
    case Register.ESR: return load<u32>(apic, ESR);
    case Register.ICR_LOW: return load<u32>(apic, ICR_LOW);
    case Register.ICR_HIGH: return load<u32>(apic, ICR_HIGH);
    case Register.TIMER_INITIAL: return load<u32>(apic, TIMER_INITIAL);
    case Register.TIMER_CURRENT: return timerCount(apic);
    case Register.TIMER_DIVIDE: return load<u32>(apic, TIMER_DIVIDE);
    default: return 0;
  }
}

/** Task priority, which CR8 shows too: the register belongs to the running processor. */
export function writeTaskPriority(apic: usize, value: u32): void {
  store<u32>(apic, value, TPR);
  store<u64>(CR8, <u64>(value >> 4));
  update(apic);
}

/** Sends what ICR says, to a 32-bit destination when `wide`. */
export function sendCommand(apic: usize, low: u32, destination: u32, wide: bool): void {
  const n = numberOf(apic);
  const mode = (low >> 8) & 7;
  const vector = low & 0xff;
  const shorthand = (low >> 18) & 3;
  if (mode <= <u32>Delivery.LOWEST_PRIORITY && vector < FIRST_VECTOR) {
    reportError(apic, ESR_SENT_VECTOR);
    return;
  }
  // INIT de-assert only synchronised the arbitration of buses that are gone.
  if (mode == Delivery.INIT && (low & (ICR_LEVEL | ICR_ASSERT)) == ICR_LEVEL) return;
  if (shorthand == Shorthand.NONE) {
    send(destination, (low & ICR_LOGICAL) != 0, wide, mode, vector, false);
    return;
  }
  // To itself a processor can only send fixed interrupts.
  if (shorthand != Shorthand.OTHERS && mode == Delivery.FIXED) deliverTo(n, mode, vector, false);
  if (shorthand == Shorthand.SELF) return;
  for (let i: u32 = 0; i < load<u32>(PROCESSOR_COUNT); i++) {
    if (i != n) deliverTo(i, mode, vector, false);
  }
}

function writeSpurious(apic: usize, value: u32): void {
  settleTimer(apic);
  store<u32>(apic, value & SVR_WRITABLE, SVR);
  if ((value & SVR_ENABLED) == 0) {
    for (let entry = apic + LVT_TIMER; entry <= apic + LVT_ERROR; entry += 4) {
      store<u32>(entry, load<u32>(entry) | LVT_MASKED);
    }
  }
  armTimer(apic);
  update(apic);
}

function writeEntry(apic: usize, register: u32, value: u32): void {
  let entry = value & entryWritable(register);
  if (!isSoftwareEnabled(apic)) entry |= LVT_MASKED;
  if (register == Register.LVT_TIMER) writeTimerEntry(apic, entry);
  else store<u32>(entryCell(apic, register), entry);
  // LINT0 may open or close the way of the 8259A pair.
  update(apic);
}

function writeEndOfInterrupt(apic: usize): void {
  const level = endOfInterrupt(apic);
  if (level != 0 && hasIoApic()) ioapicEndOfInterrupt(level);
}

/** Writes a register; what cannot be written stays. */
export function writeRegister(apic: usize, register: u32, value: u32): void {
  if (isEntry(register)) {
    writeEntry(apic, register, value);
    return;
  }
  switch (register) {
    case Register.ID: store<u32>(apic, value & 0xff00_0000, ID); break;
    case Register.TPR: writeTaskPriority(apic, value & 0xff); break;
    case Register.EOI: writeEndOfInterrupt(apic); break;
    case Register.LDR: store<u32>(apic, value & 0xff00_0000, LDR); break;
    case Register.DFR: store<u32>(apic, value | DFR_ONES, DFR); break;
    case Register.SVR: writeSpurious(apic, value); break;
    case Register.ESR:
      store<u32>(apic, load<u32>(apic, ERRORS), ESR);
      store<u32>(apic, 0, ERRORS);
      break;
    case Register.ICR_LOW:
      store<u32>(apic, value & ICR_WRITABLE, ICR_LOW);
      sendCommand(apic, value, load<u32>(apic, ICR_HIGH) >> 24, false);
      break;
    case Register.ICR_HIGH: store<u32>(apic, value & 0xff00_0000, ICR_HIGH); break;
    case Register.TIMER_INITIAL: writeInitialCount(apic, value); break;
    case Register.TIMER_DIVIDE: writeDivide(apic, value); break;
    default: break;
  }
}
