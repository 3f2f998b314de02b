// The processor's clock: ticks retire with instructions, and the time-stamp counter derives from them, so
// that time is the same in every run and tier.

import { FUEL, FUEL_START, TICKS, TSC_OFFSET } from "../layout";

/** Ticks of this processor up to and including the instruction in execution. */
export function ticks(): u64 {
  return load<u64>(TICKS) + <u64>(<i64>(load<i32>(FUEL_START) - load<i32>(FUEL)));
}
/** IA32_TIME_STAMP_COUNTER. */
export function tsc(): u64 { return ticks() + load<u64>(TSC_OFFSET); }
export function setTsc(value: u64): void { store<u64>(TSC_OFFSET, value - ticks()); }
