// The side tables of regions lie one behind the other, in the order in which the regions were written; those of dead ones
// are gaps. Moving the others together closes them. A region's tables are one run of bytes (assembly/translate/index.ts):
// pages, entries, exits, and the micro-ops that its STEP exits name.

import * as v from "../engine/views.js";
import type { RegionRecords } from "./records.js";

const UOP_SIZE = 32;
/** Fields of a record that are addresses in its tables. */
const POINTERS = [v.REGION_PAGES, v.REGION_ENTRIES, v.REGION_EXITS];

/** Bytes left for the tables of new regions. */
export function roomForTables(records: RegionRecords): number {
  return v.REGION_META_END - records.cell(v.META_NEXT);
}

/** Moves the tables of these regions, which are all that exist, together. The guest stands still. */
export function compactTables(records: RegionRecords, regions: Iterable<number>): void {
  const inOrder = [...regions].sort((a, b) => records.field(a, v.REGION_PAGES) - records.field(b, v.REGION_PAGES));
  let next = v.REGION_META;
  for (const region of inOrder) {
    const start = records.field(region, v.REGION_PAGES);
    const exits = records.field(region, v.REGION_EXITS);
    const exitsEnd = exits + records.field(region, v.REGION_EXIT_COUNT) * v.EXIT_SIZE_BYTES;
    const distance = start - next;
    let end = exitsEnd;
    for (let exit = exits; exit < exitsEnd; exit += v.EXIT_SIZE_BYTES) {
      const uop = records.cell(exit + v.EXIT_UOP);
      // Not a micro-op of the tables, but a link into the decode cache.
      if (uop < v.REGION_META) continue;
      end = Math.max(end, uop + UOP_SIZE);
      records.setCell(exit + v.EXIT_UOP, uop - distance);
    }
    records.move(start, end, next);
    for (const field of POINTERS) records.setField(region, field, records.field(region, field) - distance);
    next += end - start;
  }
  records.setCell(v.META_NEXT, next);
}
