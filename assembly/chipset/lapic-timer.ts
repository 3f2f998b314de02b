// The timer of a local APIC (SDM vol. 3, 11.5.4): a count that falls once every 1, 2, 4 ... 128 ticks of the
// partition's clock, once or again and again, or a deadline of the time-stamp counter. Nothing counts here: the
// count follows from the clock at which it was loaded.

import { TSC_OFFSET } from "../layout";
import { clock } from "../vcpu/ticks";
import { accept } from "./lapic";
import {
  isSoftwareEnabled,
  LVT_MASKED,
  LVT_TIMER,
  numberOf,
  TIMER_DIVIDE,
  TIMER_INITIAL,
  TIMER_START,
  TSC_DEADLINE,
} from "./lapic-block";
import { cellOf } from "./processors";
import { LAPIC_DEADLINE, NEVER, schedule } from "./schedule";

export const DIVIDE_WRITABLE: u32 = 0xb;

const enum TimerMode {
  ONE_SHOT = 0,
  PERIODIC = 1,
  TSC = 2,
}

@inline function modeOf(entry: u32): u32 { return (entry >> 17) & 3; }
@inline function mode(apic: usize): u32 { return modeOf(load<u32>(apic, LVT_TIMER)); }

/** log2 of the divider: 3, 1 and 0 of the divide configuration; 111 stands for 1. */
function divideShift(apic: usize): u32 {
  const value = load<u32>(apic, TIMER_DIVIDE);
  return (((value & 3) | ((value >> 1) & 4)) + 1) & 7;
}
/** Ticks from load to zero. */
@inline function period(apic: usize): u64 { return <u64>load<u32>(apic, TIMER_INITIAL) << divideShift(apic); }
@inline function isRunning(apic: usize): bool {
  return load<u64>(apic, TIMER_START) != NEVER && load<u32>(apic, TIMER_INITIAL) != 0;
}
@inline function tscOf(apic: usize, now: u64): u64 { return now + load<u64>(cellOf(numberOf(apic), TSC_OFFSET)); }

/** The current count. */
export function timerCount(apic: usize): u32 {
  if (mode(apic) == TimerMode.TSC || !isRunning(apic)) return 0;
  const all = period(apic);
  let elapsed = clock() - load<u64>(apic, TIMER_START);
  if (elapsed >= all) {
    if (mode(apic) == TimerMode.ONE_SHOT) return 0;
    elapsed %= all;
  }
  return load<u32>(apic, TIMER_INITIAL) - <u32>(elapsed >> divideShift(apic));
}

/** IA32_TSC_DEADLINE: 0 outside its mode and once the deadline has passed. */
export function tscDeadline(apic: usize): u64 {
  const deadline = load<u64>(apic, TSC_DEADLINE);
  return deadline > tscOf(apic, clock()) ? deadline : 0;
}

/** Clock of the next expiry, NEVER when none will interrupt. */
function nextExpiry(apic: usize, now: u64): u64 {
  if ((load<u32>(apic, LVT_TIMER) & LVT_MASKED) != 0 || !isSoftwareEnabled(apic)) return NEVER;
  if (mode(apic) == TimerMode.TSC) {
    const deadline = load<u64>(apic, TSC_DEADLINE);
    if (deadline == 0) return NEVER;
    const tsc = tscOf(apic, now);
    const left = deadline > tsc ? deadline - tsc : 0;
    return left < NEVER - now ? now + left : NEVER;
  }
  if (!isRunning(apic)) return NEVER;
  const start = load<u64>(apic, TIMER_START);
  const all = period(apic);
  const elapsed = now - start;
  if (elapsed < all) return start + all;
  return mode(apic) == TimerMode.PERIODIC ? now + all - (elapsed % all) : NEVER;
}

/** Recomputes the deadline after any change. */
export function armTimer(apic: usize): void {
  store<u64>(apic, nextExpiry(apic, clock()), LAPIC_DEADLINE);
  schedule();
}

/** The deadline has come. */
export function timerExpire(apic: usize): void {
  const entry = load<u32>(apic, LVT_TIMER);
  switch (modeOf(entry)) {
    case TimerMode.TSC: store<u64>(apic, 0, TSC_DEADLINE); break;
    case TimerMode.ONE_SHOT: store<u64>(apic, NEVER, TIMER_START); break;
  }
  accept(apic, entry & 0xff, false);
  armTimer(apic);
}

/** Before a change: what is due at the end of this very instruction is not lost by it. */
export function settleTimer(apic: usize): void {
  if (load<u64>(apic, LAPIC_DEADLINE) <= clock()) timerExpire(apic);
}

export function writeInitialCount(apic: usize, value: u32): void {
  settleTimer(apic);
  if (mode(apic) == TimerMode.TSC) return;
  store<u32>(apic, value, TIMER_INITIAL);
  store<u64>(apic, value != 0 ? clock() : NEVER, TIMER_START);
  armTimer(apic);
}

/** The count stays and falls at another pace from now on. */
export function writeDivide(apic: usize, value: u32): void {
  settleTimer(apic);
  const count = timerCount(apic);
  store<u32>(apic, value & DIVIDE_WRITABLE, TIMER_DIVIDE);
  if (count != 0) {
    const done = <u64>(load<u32>(apic, TIMER_INITIAL) - count) << divideShift(apic);
    store<u64>(apic, clock() - done, TIMER_START);
  }
  armTimer(apic);
}

/** A new LVT entry: a change between counting and deadlines disarms the timer. */
export function writeTimerEntry(apic: usize, entry: u32): void {
  settleTimer(apic);
  const before = mode(apic);
  const after = modeOf(entry);
  // A deadline that passed while the entry was masked is over.
  if (tscDeadline(apic) == 0) store<u64>(apic, 0, TSC_DEADLINE);
  if (before != after) {
    if (before == TimerMode.TSC || after == TimerMode.TSC) {
      store<u64>(apic, NEVER, TIMER_START);
      store<u64>(apic, 0, TSC_DEADLINE);
    } else if (isRunning(apic)) {
      // The cycle under way becomes the only one, or the first one; what has run out stands still.
      const start = load<u64>(apic, TIMER_START);
      const elapsed = clock() - start;
      const all = period(apic);
      if (before == TimerMode.PERIODIC) store<u64>(apic, start + elapsed - (elapsed % all), TIMER_START);
      else if (elapsed >= all) store<u64>(apic, NEVER, TIMER_START);
    }
  }
  store<u32>(apic, entry, LVT_TIMER);
  armTimer(apic);
}

export function writeTscDeadline(apic: usize, value: u64): void {
  settleTimer(apic);
  if (mode(apic) != TimerMode.TSC) return;
  store<u64>(apic, value, TSC_DEADLINE);
  armTimer(apic);
}
