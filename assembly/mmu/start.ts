// Start of the memory rooms: called once the host has written the plan cells, before anything else.

import { A20_MASK, FETCH_GENERATION } from "../layout";
import { setFlushCallback, setRevokeCallback, setTableCallback } from "../memory/track";
import { revokeWrites } from "./reverse";
import { flushAll, resetSets } from "./sets";
import { tableWritten } from "./trace";

export function startMmu(): void {
  const revoke: (frame: u32) => void = revokeWrites;
  const table: (frame: u32, first: u32, old: u64, last: u32, oldLast: u64) => void = tableWritten;
  const flush: () => void = flushAll;
  setRevokeCallback(revoke.index);
  setTableCallback(table.index);
  setFlushCallback(flush.index);
  store<u64>(A20_MASK, ~(<u64>0));
  // Tag 0 marks entries that were never filled.
  store<u32>(FETCH_GENERATION, 1);
  resetSets();
}
