// Counters of translated execution, u64 each at TRANSLATION_STATISTICS. Plain memory: the host reads them at any time.
//
//   0 entries | 8 hops | 16 ticks | 24 exits by ExitType (5) | 64 invalidations | 72 refused

import { TRANSLATION_STATISTICS } from "../layout";

/** Calls of region functions. */
export const COUNT_ENTRIES: usize = 0;
/** Entries out of another region, without the interpreter in between. */
export const COUNT_HOPS: usize = 8;
/** Ticks executed by region functions. */
export const COUNT_TICKS: usize = 16;
export const COUNT_EXITS: usize = 24;
/** Regions that died because their code was overwritten. */
export const COUNT_INVALIDATIONS: usize = 64;
/** Entries that were reached and could not be used. */
export const COUNT_REFUSED: usize = 72;

@inline export function count(counter: usize, n: u64): void {
  const at = TRANSLATION_STATISTICS + counter;
  store<u64>(at, load<u64>(at) + n);
}
