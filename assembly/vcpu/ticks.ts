// Time as a processor sees it. Ticks retire with instructions; the partition's clock is the sum of all
// processors' ticks and of the time that passed while all of them were halted, so that it is the same in
// every run and tier. The time-stamp counters of all processors follow it.

import { CLOCK, FUEL, FUEL_START, TICKS, TSC_OFFSET } from "../layout";

/** Ticks of the slice up to and including the instruction in execution. */
@inline function used(): u64 { return <u64>(<i64>(load<i32>(FUEL_START) - load<i32>(FUEL))); }

/** Ticks of this processor up to and including the instruction in execution. */
export function ticks(): u64 { return load<u64>(TICKS) + used(); }
/** The partition's clock, likewise. */
export function clock(): u64 { return load<u64>(CLOCK) + used(); }
/** IA32_TIME_STAMP_COUNTER. */
export function tsc(): u64 { return clock() + load<u64>(TSC_OFFSET); }
export function setTsc(value: u64): void { store<u64>(TSC_OFFSET, value - clock()); }
