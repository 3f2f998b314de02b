// When the devices of the interrupt path want to be called. Each keeps a deadline on the partition's clock;
// the earliest one stands in NEXT_EVENT, where the run loop ends its slices, so that every timer fires at its
// exact tick.

import { HOST_DEADLINE, LAPIC_SIZE, LAPICS, NEXT_EVENT, PIT, PROCESSOR_COUNT, RECLIP } from "../layout";
import { hasApic } from "../vcpu/presence";

/** A deadline that does not come. */
export const NEVER: u64 = ~(<u64>0);
/** Clock of the next change of the interval timer's output (u64). */
export const PIT_DEADLINE: usize = PIT + 0xc0;
/** Offset in a local APIC's block: clock at which its timer expires (u64). */
export const LAPIC_DEADLINE: usize = 0x50;

/** The earliest deadline of a local APIC timer. */
export function lapicDeadline(): u64 {
  let first = NEVER;
  if (!hasApic()) return first;
  const end = LAPICS + <usize>load<u32>(PROCESSOR_COUNT) * LAPIC_SIZE;
  for (let apic = LAPICS; apic < end; apic += LAPIC_SIZE) first = min(first, load<u64>(apic, LAPIC_DEADLINE));
  return first;
}

/** Recomputes NEXT_EVENT after a deadline has changed; a slice under way ends if it must look again. */
export function schedule(): void {
  const next = min(min(load<u64>(HOST_DEADLINE), load<u64>(PIT_DEADLINE)), lapicDeadline());
  if (next == load<u64>(NEXT_EVENT)) return;
  store<u64>(NEXT_EVENT, next);
  store<u32>(RECLIP, 1);
}
