// The run loop: turns of the partition's processors, and within a turn the order of things between two
// instructions (SDM vol. 3, 6.9 priority among simultaneous events): pending fault, injected event,
// traps of the instruction before, NMI, external interrupt, then the next instruction, in a block
// (interpret) or alone (step).
//
// Ticks: one per instruction, per REP element beyond the first, and per delivered event. BUDGET, turns and
// slices count ticks, so every loop of a guest ends and any stop point is exact. CLOCK adds the ticks of all
// processors; a slice ends where the next event of a device is due, and where all processors are halted a
// virtual clock jumps there. Skipped time counts against BUDGET too.

import { canWake, expireTimers, isHostDue } from "./chipset/clock";
import { acknowledge, hasInterrupt, interruptPending, updatePending } from "./chipset/interrupts";
import { cellOf } from "./chipset/processors";
import { hasSignal, takeSignal } from "./chipset/signals";
import { eventsWait } from "./execute/shadow";
import { interpret } from "./interpret/interpret";
import { enterStep } from "./interpret/enter";
import {
  ACTIVITY,
  BUDGET,
  CLOCK,
  CODE_PARTIAL,
  CONTEXT_STALE,
  CURRENT_PROCESSOR,
  EXCEPTION_BITMAP,
  EXIT_REASON,
  FAULT,
  FAULT_ADDRESS,
  FAULT_ERROR,
  FAULT_VECTOR,
  FUEL,
  FUEL_START,
  IN_BLOCK,
  INJECT,
  INTERRUPT_REQUEST,
  NEXT_EVENT,
  NMI_BLOCKED,
  NMI_PENDING,
  PROCESSOR_COUNT,
  PROCESSORS,
  REAL_TIME,
  RECLIP,
  REPLAY_COUNT,
  REPLAY_POSITION,
  REPLAY_PROCESSOR,
  SHADOW,
  SHADOW_AT,
  SIGNALS,
  SINGLE_STEP,
  SKIPPED,
  STATE,
  STATE_SIZE,
  STOP_REQUEST,
  SYSTEM_FLAGS,
  TICKS,
  TICKS_NOT_RETIRED,
  TRAP_PENDING,
  TURN_LEFT,
  WANT_WINDOW,
} from "./layout";
import { adoptRegions } from "./region/life";
import { takeNotice } from "./region/request";
import { SLICE_TICKS, TURN_TICKS } from "./tuning";
import { beginStep, endStep, instructionBreakpoint } from "./vcpu/debug";
import {
  deliverInjected,
  deliverInterrupt,
  deliverNmi,
  deliverPending,
  deliverTrapDB,
  isEventReplayed,
} from "./vcpu/deliver";
import { EXIT_HAS_ERROR, ExitReason, fillExit } from "./vcpu/exit";
import { clearFault, raiseDB } from "./vcpu/fault";
import { refresh } from "./vcpu/mode";
import { markAddressSpaceStale, rip, segEffective } from "./vcpu/state";
import { Activity, Fault, Shadow } from "./vcpu/status";
import { ticks } from "./vcpu/ticks";
import { IF, RF, TF } from "./x86/flags";
import { CS } from "./x86/segment";
import { VECTOR_DB, WITH_ERROR_CODE } from "./x86/vectors";

// ---- one processor --------------------------------------------------------------------------------

/** Adds the ticks that were used to the processor's and the partition's count. */
@inline function settle(): void {
  const used = <u64>(load<i32>(FUEL_START) - load<i32>(FUEL));
  store<u64>(TICKS, load<u64>(TICKS) + used);
  store<u64>(CLOCK, load<u64>(CLOCK) + used);
  store<i32>(FUEL_START, load<i32>(FUEL));
}
/** An event that was delivered costs a tick; one that failed is still pending in the FAULT cells. */
@inline function payEvent(): void {
  if (load<u32>(FAULT) == Fault.NONE) store<i32>(FUEL, load<i32>(FUEL) - 1);
}
@inline function interruptsEnabled(): bool {
  return (load<u32>(SYSTEM_FLAGS) & IF) != 0 && load<u32>(SHADOW) == 0;
}
@inline function isHaltedOpen(n: u32): bool {
  return load<u32>(cellOf(n, ACTIVITY)) == Activity.HALTED && (load<u32>(cellOf(n, SYSTEM_FLAGS)) & IF) != 0;
}

/** Processor n could go on if it were given ticks. */
function runnable(n: u32): bool {
  const activity = load<u32>(cellOf(n, ACTIVITY));
  if (activity == Activity.ACTIVE) return true;
  if (activity != Activity.HALTED) return false;
  return (
    (load<u32>(cellOf(n, INJECT)) >> 31) != 0 ||
    load<u32>(cellOf(n, TRAP_PENDING)) != 0 ||
    load<u32>(cellOf(n, FAULT)) != 0 ||
    (load<u32>(cellOf(n, NMI_PENDING)) != 0 && load<u32>(cellOf(n, NMI_BLOCKED)) == 0) ||
    (isHaltedOpen(n) && (load<u32>(cellOf(n, INTERRUPT_REQUEST)) != 0 || hasInterrupt(n)))
  );
}

/** A fault is pending: to the host if it asked for it, otherwise to the guest. Returns an exit reason. */
function handleFault(): u32 {
  const kind = load<u32>(FAULT);
  if (kind == Fault.EXIT) {
    clearFault();
    return load<u32>(EXIT_REASON);
  }
  store<u32>(REPLAY_COUNT, 0);
  const vector = load<u32>(FAULT_VECTOR);
  if (((load<u32>(EXCEPTION_BITMAP) >> vector) & 1) != 0) {
    const hasError = ((WITH_ERROR_CODE >> vector) & 1) != 0 ? EXIT_HAS_ERROR : 0;
    fillExit(ExitReason.EXCEPTION, vector, 0, hasError, <u64>load<u32>(FAULT_ERROR), 0, load<u64>(FAULT_ADDRESS));
    clearFault();
    return ExitReason.EXCEPTION;
  }
  deliverPending();
  payEvent();
  return ExitReason.NONE;
}

/** Something may have to be delivered or reported before an instruction. */
@inline function eventsPending(): bool {
  return eventsWait() || (load<u32>(SINGLE_STEP) & ~RF) != 0;
}

/** Delivers at most one event that is due before the next instruction. True if something was done. */
function deliverDue(): bool {
  if (load<u32>(INJECT) >> 31 != 0) {
    store<u32>(ACTIVITY, Activity.ACTIVE);
    deliverInjected();
    payEvent();
    return true;
  }
  const traps = load<u32>(TRAP_PENDING);
  if (traps != 0 && (load<u32>(SHADOW) & Shadow.MOV_SS) == 0) {
    store<u32>(TRAP_PENDING, 0);
    store<u32>(ACTIVITY, Activity.ACTIVE);
    deliverTrapDB(traps);
    payEvent();
    return true;
  }
  if (load<u32>(NMI_PENDING) != 0 && load<u32>(NMI_BLOCKED) == 0 && load<u32>(SHADOW) == 0) {
    store<u32>(NMI_PENDING, 0);
    store<u32>(ACTIVITY, Activity.ACTIVE);
    deliverNmi();
    payEvent();
    return true;
  }
  if (!interruptsEnabled()) return false;
  const request = load<u32>(INTERRUPT_REQUEST);
  if (request != 0) {
    store<u32>(INTERRUPT_REQUEST, 0);
    store<u32>(ACTIVITY, Activity.ACTIVE);
    deliverInterrupt(request & 0xff);
    payEvent();
    return true;
  }
  if (interruptPending()) {
    store<u32>(ACTIVITY, Activity.ACTIVE);
    deliverInterrupt(acknowledge());
    payEvent();
    return true;
  }
  return false;
}

/** Executes one instruction by itself, with breakpoints, traps, shadow and replay observed. */
function step(): void {
  beginStep();
  const hits = instructionBreakpoint(rip() + segEffective(CS));
  if (hits != 0 && (load<u32>(SHADOW) & Shadow.MOV_SS) == 0) {
    raiseDB(hits);
    return;
  }
  const u = enterStep(rip());
  if (u == 0) return;
  const shadow = load<u32>(SHADOW);
  const tf = (load<u32>(SYSTEM_FLAGS) & TF) != 0;
  store<u32>(SHADOW, 0);
  store<u32>(REPLAY_POSITION, 0);
  // The instruction may use exactly one tick; what is left of the slice is set aside.
  const rest = load<i32>(FUEL) - 1;
  store<i32>(FUEL_START, load<i32>(FUEL_START) - rest);
  store<i32>(FUEL, 0);
  interpret(u);
  store<i32>(FUEL, load<i32>(FUEL) + rest);
  store<i32>(FUEL_START, load<i32>(FUEL_START) + rest);
  if (load<u32>(FAULT) != 0) {
    store<u32>(SHADOW, shadow);
    return;
  }
  store<u32>(REPLAY_COUNT, 0);
  const traps = endStep(tf);
  if (traps != 0) store<u32>(TRAP_PENDING, traps);
}

/** Runs the current processor for up to `allowance` ticks. Returns an exit reason, NONE when the ticks are used or it halted. */
function slice(allowance: i32): u32 {
  store<i32>(FUEL, allowance);
  store<i32>(FUEL_START, allowance);
  for (;;) {
    const fault = load<u32>(FAULT);
    const alone = fault == Fault.ALONE;
    if (alone) clearFault();
    else if (fault != Fault.NONE) {
      // A fault that an instruction which completed left behind waits for a tick of its own.
      if (load<i32>(FUEL) <= 0 && fault == Fault.EXCEPTION) return ExitReason.NONE;
      const reason = handleFault();
      if (reason != ExitReason.NONE) return reason;
      continue;
    }
    if (load<u32>(CONTEXT_STALE) != 0) refresh();
    if (load<i32>(FUEL) <= 0 || load<u32>(RECLIP) != 0) return ExitReason.NONE;
    // A shadow is one instruction long, and with nothing pending it holds nothing back.
    if (load<u32>(SHADOW) != 0 && (load<u64>(SHADOW_AT) != ticks() || !eventsPending())) store<u32>(SHADOW, 0);
    if (load<u32>(TRAP_PENDING) != 0 && (load<u32>(EXCEPTION_BITMAP) & (1 << VECTOR_DB)) != 0) {
      fillExit(ExitReason.EXCEPTION, VECTOR_DB, 0, 0, <u64>load<u32>(TRAP_PENDING));
      store<u32>(TRAP_PENDING, 0);
      return ExitReason.EXCEPTION;
    }
    // An instruction that the host has answered goes on before any event: its answer must not be lost.
    if ((load<u32>(REPLAY_COUNT) == 0 || isEventReplayed()) && eventsPending() && deliverDue()) continue;
    if (load<u32>(ACTIVITY) != Activity.ACTIVE) return ExitReason.NONE;
    if (load<u32>(WANT_WINDOW) != 0 && load<u32>(REPLAY_COUNT) == 0 && interruptsEnabled()) {
      store<u32>(WANT_WINDOW, 0);
      fillExit(ExitReason.INTERRUPT_WINDOW, 0, 0, 0);
      return ExitReason.INTERRUPT_WINDOW;
    }
    // RF without armed breakpoints has done its work once interrupts have had their chance.
    if (load<u32>(SINGLE_STEP) == RF) {
      store<u32>(SYSTEM_FLAGS, load<u32>(SYSTEM_FLAGS) & ~RF);
      store<u32>(SINGLE_STEP, 0);
    }
    const before = load<i32>(FUEL);
    if (
      alone ||
      (load<u32>(SINGLE_STEP) | load<u32>(SHADOW) | load<u32>(REPLAY_COUNT) | load<u32>(CODE_PARTIAL) | load<u32>(TRAP_PENDING)) != 0
    ) {
      step();
    } else {
      store<u32>(IN_BLOCK, 1);
      interpret(0);
      store<u32>(IN_BLOCK, 0);
      // Nothing was executed: the next block costs more than what is left.
      if (load<i32>(FUEL) == before && (load<u32>(FAULT) | load<u32>(CONTEXT_STALE) | load<u32>(CODE_PARTIAL)) == 0) step();
    }
  }
  return ExitReason.NONE;
}

// ---- the partition --------------------------------------------------------------------------------

/** Makes STATE hold a processor's state. */
export function select(processor: u32): void {
  const current = load<u32>(CURRENT_PROCESSOR);
  if (processor == current) return;
  memory.copy(PROCESSORS + <usize>current * STATE_SIZE, STATE, STATE_SIZE);
  memory.copy(STATE, PROCESSORS + <usize>processor * STATE_SIZE, STATE_SIZE);
  store<u32>(CURRENT_PROCESSOR, processor);
  // Table sets and fetch contexts may have been recycled meanwhile.
  markAddressSpaceStale();
  updatePending();
}

/** Selects the next processor that is runnable, starting behind the current one. False: there is none. */
function selectNext(): bool {
  const count = load<u32>(PROCESSOR_COUNT);
  const first = load<u32>(CURRENT_PROCESSOR);
  for (let i: u32 = 1; i <= count; i++) {
    let n = first + i;
    if (n >= count) n -= count;
    if (!runnable(n)) continue;
    select(n);
    return true;
  }
  return false;
}

/** INIT and start-up messages reach their processors. */
function takeSignals(): void {
  store<u32>(SIGNALS, 0);
  const current = load<u32>(CURRENT_PROCESSOR);
  for (let n: u32 = 0; n < load<u32>(PROCESSOR_COUNT); n++) {
    if (!hasSignal(n)) continue;
    select(n);
    takeSignal(n);
  }
  select(current);
}

/** What is due now happens. True: the host's devices are due too, and the exit record says so. */
function serveEvents(): bool {
  store<u32>(RECLIP, 0);
  if (load<u32>(SIGNALS) != 0) takeSignals();
  if (load<u64>(NEXT_EVENT) > load<u64>(CLOCK)) return false;
  expireTimers();
  if (!isHostDue()) return false;
  fillExit(ExitReason.TIMER, 0, 0, 0);
  return true;
}

/** The machine stands still for good, or nothing in it can tell. */
function standStill(): u32 {
  const down = load<u32>(ACTIVITY) == Activity.SHUTDOWN;
  const reason = down ? ExitReason.TRIPLE_FAULT : ExitReason.HALT;
  fillExit(reason, 0, 0, 0);
  return reason;
}

/** No processor can run: time passes until a device may wake one. Returns an exit reason. */
function idle(): u32 {
  let waiting = false;
  for (let n: u32 = 0; n < load<u32>(PROCESSOR_COUNT); n++) if (isHaltedOpen(n)) waiting = true;
  if (!waiting || !canWake()) return standStill();
  const next = load<u64>(NEXT_EVENT);
  if (load<u32>(REAL_TIME) != 0) {
    fillExit(ExitReason.IDLE, 0, 0, 0, next);
    return ExitReason.IDLE;
  }
  const skipped = min(next - load<u64>(CLOCK), load<u64>(BUDGET));
  store<u64>(CLOCK, load<u64>(CLOCK) + skipped);
  store<u64>(SKIPPED, load<u64>(SKIPPED) + skipped);
  store<u64>(BUDGET, load<u64>(BUDGET) - skipped);
  return ExitReason.NONE;
}

/** One processor alone has no turns: its slices end where nothing can tell. */
@inline function hasTurns(): bool { return load<u32>(PROCESSOR_COUNT) > 1; }
/** Ticks of the next slice. */
@inline function ticksFor(budget: u64): i32 {
  const turn: u32 = hasTurns() && load<u32>(TURN_LEFT) < SLICE_TICKS ? load<u32>(TURN_LEFT) : SLICE_TICKS;
  return <i32>min(min(budget, <u64>turn), load<u64>(NEXT_EVENT) - load<u64>(CLOCK));
}

/**
 * Runs the partition's processors in turns until BUDGET ticks are used or something needs the host. The
 * exit record says what, and which processor; BUDGET holds what is left.
 */
export function run(): u32 {
  adoptRegions();
  // A replayed instruction belongs to the processor that left in the middle of it.
  if (load<u32>(REPLAY_COUNT) != 0) select(load<u32>(REPLAY_PROCESSOR));
  for (;;) {
    if (load<u32>(STOP_REQUEST) != 0) {
      store<u32>(STOP_REQUEST, 0);
      fillExit(ExitReason.CANCELED, 0, 0, 0);
      return ExitReason.CANCELED;
    }
    if (takeNotice()) {
      fillExit(ExitReason.TRANSLATE, 0, 0, 0);
      return ExitReason.TRANSLATE;
    }
    if (serveEvents()) return ExitReason.TIMER;
    const budget = load<u64>(BUDGET);
    if (budget == 0) {
      fillExit(ExitReason.BUDGET, 0, 0, 0);
      return ExitReason.BUDGET;
    }
    // INIT has taken the processor away from the instruction that was to be replayed.
    if (load<u32>(REPLAY_COUNT) != 0 && load<u32>(ACTIVITY) != Activity.ACTIVE) store<u32>(REPLAY_COUNT, 0);
    if (load<u32>(REPLAY_COUNT) != 0) {
      // No other processor gets its turn in the middle of an instruction.
      if (load<u32>(TURN_LEFT) == 0) store<u32>(TURN_LEFT, 1);
    } else if (load<u32>(TURN_LEFT) == 0 || !runnable(load<u32>(CURRENT_PROCESSOR))) {
      if (!selectNext()) {
        const reason = idle();
        if (reason != ExitReason.NONE) return reason;
        continue;
      }
      store<u32>(TURN_LEFT, TURN_TICKS);
    }
    const allowance = ticksFor(budget);
    const reason = slice(allowance);
    const used = <u32>(allowance - load<i32>(FUEL));
    settle();
    store<u64>(BUDGET, budget - <u64>used);
    const turn = load<u32>(TURN_LEFT);
    if (hasTurns()) store<u32>(TURN_LEFT, turn > used ? turn - used : 0);
    if (reason != ExitReason.NONE) return reason;
  }
  return 0;
}

/**
 * Retires `count` instructions on one processor; event deliveries in between are not counted. Another processor's
 * instruction that the host has answered is finished first: the log belongs to it.
 */
export function stepProcessor(processor: u32, count: u32): u32 {
  adoptRegions();
  while (load<u32>(REPLAY_COUNT) != 0 && load<u32>(REPLAY_PROCESSOR) != processor) {
    select(load<u32>(REPLAY_PROCESSOR));
    if (load<u32>(ACTIVITY) != Activity.ACTIVE) store<u32>(REPLAY_COUNT, 0);
    if (serveEvents()) return ExitReason.TIMER;
    const reason = slice(1);
    settle();
    if (reason != ExitReason.NONE) return reason;
  }
  select(processor);
  const goal = retired() + <u64>count;
  while (retired() < goal) {
    if (serveEvents()) return ExitReason.TIMER;
    if (!runnable(processor)) return standStill();
    const reason = slice(1);
    settle();
    if (reason != ExitReason.NONE) return reason;
  }
  fillExit(ExitReason.STEP, 0, 0, 0);
  return ExitReason.STEP;
}

/** Instructions that the selected processor has retired. */
export function retired(): u64 { return load<u64>(TICKS) - load<u64>(TICKS_NOT_RETIRED); }
