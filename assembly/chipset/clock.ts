// The partition's clock and its events. CLOCK counts ticks; the earliest event stands in NEXT_EVENT, where
// the run loop ends its slices, so that every timer fires at its exact tick.

import { CLOCK, HOST_DEADLINE, NEXT_EVENT } from "../layout";

/** An event that is not due until the end of time. */
export const NEVER: u64 = ~(<u64>0);

/** Recomputes NEXT_EVENT. */
export function schedule(): void {
  store<u64>(NEXT_EVENT, load<u64>(HOST_DEADLINE));
}

/** Power-on: no event is pending and no time has passed. */
export function clockReset(): void {
  store<u64>(CLOCK, 0);
  store<u64>(HOST_DEADLINE, NEVER);
  schedule();
}

/** A message-signalled interrupt. */
export function message(address: u32, data: u32): void {}
