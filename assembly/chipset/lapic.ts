// The local APIC of each processor: which interrupts it has accepted, which of them the processor must take
// now, and its state after reset (SDM vol. 3, 11.8; APM vol. 2, 16.6). What programs address is in
// lapic-registers, the timer in lapic-timer, messages between APICs in messages.

import { LAPIC_SIZE } from "../layout";
import {
  addVector,
  Delivery,
  DFR,
  ERRORS,
  ESR_RECEIVED_VECTOR,
  FIRST_VECTOR,
  hasVector,
  highest,
  ID,
  IRR,
  ISR,
  isEnabled,
  isSoftwareEnabled,
  lapic,
  LVT_ERROR,
  LVT_LINT0,
  LVT_LINT1,
  LVT_MASKED,
  LVT_TIMER,
  numberOf,
  OFFERED,
  removeVector,
  SIGNAL,
  STARTUP,
  SVR,
  TIMER_START,
  TMR,
  TPR,
} from "./lapic-block";
import { updatePending } from "./pending";
import { LAPIC_DEADLINE, NEVER, schedule } from "./schedule";

// ---- priorities -----------------------------------------------------------------------------------

/** Processor priority: the task's, or that of the interrupt in service. */
export function processorPriority(apic: usize): u32 {
  const task = load<u32>(apic, TPR);
  const service = highest(apic, ISR);
  return task >> 4 >= service >> 4 ? task : service & 0xf0;
}

/** Recomputes what the processor must be told after any change. */
export function update(apic: usize): void {
  let offered: u32 = 0;
  if (isSoftwareEnabled(apic)) {
    const vector = highest(apic, IRR);
    if (vector >> 4 > processorPriority(apic) >> 4) offered = vector;
  }
  store<u32>(apic, offered, OFFERED);
  updatePending();
}

/** The error interrupt, if an error is new and the entry is open. */
export function reportError(apic: usize, error: u32): void {
  store<u32>(apic, load<u32>(apic, ERRORS) | error, ERRORS);
  const entry = load<u32>(apic, LVT_ERROR);
  if ((entry & LVT_MASKED) != 0) return;
  // A handler that cannot be named would be an error again.
  if ((entry & 0xff) >= FIRST_VECTOR) accept(apic, entry & 0xff, false);
}

// ---- interrupts -----------------------------------------------------------------------------------

/** A fixed interrupt arrives. False: the APIC is switched off. */
export function accept(apic: usize, vector: u32, level: bool): bool {
  if (!isEnabled(numberOf(apic)) || !isSoftwareEnabled(apic)) return false;
  if (vector < FIRST_VECTOR) {
    reportError(apic, ESR_RECEIVED_VECTOR);
    return true;
  }
  if (level) addVector(apic, TMR, vector);
  else removeVector(apic, TMR, vector);
  addVector(apic, IRR, vector);
  update(apic);
  return true;
}

/** The processor takes an interrupt: the offered vector goes into service, or the spurious one is answered. */
export function takeInterrupt(apic: usize): u32 {
  const vector = load<u32>(apic, OFFERED);
  if (vector == 0) return load<u32>(apic, SVR) & 0xff;
  removeVector(apic, IRR, vector);
  addVector(apic, ISR, vector);
  update(apic);
  return vector;
}

/** End of interrupt: returns the vector if it was level-triggered and the I/O APIC must hear of it, else 0. */
export function endOfInterrupt(apic: usize): u32 {
  const vector = highest(apic, ISR);
  if (vector == 0) return 0;
  removeVector(apic, ISR, vector);
  update(apic);
  return hasVector(apic, TMR, vector) ? vector : 0;
}

// ---- reset ----------------------------------------------------------------------------------------

/** Registers after INIT or when the APIC was switched off; the identifier and what waits for the run loop stay. */
export function initLapic(apic: usize): void {
  const id = load<u32>(apic, ID);
  const signal = load<u32>(apic, SIGNAL);
  const startup = load<u32>(apic, STARTUP);
  memory.fill(apic, 0, LAPIC_SIZE);
  store<u32>(apic, id, ID);
  store<u32>(apic, signal, SIGNAL);
  store<u32>(apic, startup, STARTUP);
  store<u32>(apic, 0xffff_ffff, DFR);
  store<u32>(apic, 0xff, SVR);
  for (let entry = LVT_TIMER; entry <= LVT_ERROR; entry += 4) store<u32>(apic + entry, LVT_MASKED);
  store<u64>(apic, NEVER, TIMER_START);
  store<u64>(apic, NEVER, LAPIC_DEADLINE);
}

/**
 * State after power-on. As a board's firmware leaves it, the first processor's local inputs are wired to the
 * 8259A pair and to NMI (virtual wire mode), since there may be no firmware to do it.
 */
export function resetLapic(n: u32): void {
  const apic = lapic(n);
  memory.fill(apic, 0, LAPIC_SIZE);
  initLapic(apic);
  store<u32>(apic, n << 24, ID);
  if (n == 0) {
    store<u32>(apic, <u32>Delivery.EXTINT << 8, LVT_LINT0);
    store<u32>(apic, <u32>Delivery.NMI << 8, LVT_LINT1);
  }
  update(apic);
  schedule();
}
