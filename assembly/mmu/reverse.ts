// Reverse map: from a frame to every lookup-table slot that shows it, exactly. Each slot of each context
// of each set has a cell; the cells of one frame form a doubly-linked list headed in the frame table.
// The address of a cell tells its tables: the write entry lies one table below it, the read entry two.
//
//   cell, 8 bytes:  0 next cell u32, 0 = end | 4 link u32
//   link:           31:2 address of the word that points at this cell, 0 = not linked | 0 LISTED
//
// LISTED: the slot is in its set's list of filled slots (it stays there when the slot is emptied).

import { FETCHED, FRAME_REVERSE, frameEntry, frameHost } from "../memory/frames";
import { dropFetches } from "./fetch";
import { emptySlot, slotOffset, tableBytes, watchedSlot } from "./tables";

export const CELL_NEXT: usize = 0;
export const CELL_LINK: usize = 4;
export const LISTED: u32 = 1;

/** Puts an unlinked cell at the head of a frame's list. */
@inline export function linkCell(cell: usize, frame: u32): void {
  const head = frameEntry(frame) + FRAME_REVERSE;
  const next = load<u32>(head);
  store<u32>(cell, next, CELL_NEXT);
  store<u32>(cell, (load<u32>(cell, CELL_LINK) & LISTED) | <u32>head, CELL_LINK);
  if (next != 0) store<u32>(next, (load<u32>(next, CELL_LINK) & LISTED) | <u32>cell, CELL_LINK);
  store<u32>(head, <u32>cell);
}

/** Takes a cell out of its list, if it is in one. */
@inline export function unlinkCell(cell: usize): void {
  const link = load<u32>(cell, CELL_LINK);
  const pointer = link & ~LISTED;
  if (pointer == 0) return;
  const next = load<u32>(cell, CELL_NEXT);
  store<u32>(pointer, next);
  if (next != 0) store<u32>(next, (load<u32>(next, CELL_LINK) & LISTED) | pointer, CELL_LINK);
  store<u32>(cell, link & LISTED, CELL_LINK);
}

/** Puts every write entry of a frame under watch: something must see its next write. */
export function revokeWrites(frame: u32): void {
  const bytes = tableBytes();
  const host = <u64>frameHost(frame);
  let cell = load<usize>(frameEntry(frame), FRAME_REVERSE);
  while (cell != 0) {
    const write = cell - bytes;
    const content = load<u64>(write - bytes);
    if (load<u64>(write) == content) store<u64>(write, watchedSlot(content + host));
    cell = load<usize>(cell, CELL_NEXT);
  }
}

/** Drops everything cached about a frame: translations in every set, and fetches from it. */
export function dropFrame(frame: u32): void {
  const entry = frameEntry(frame);
  let cell = load<usize>(entry, FRAME_REVERSE);
  if (cell != 0) {
    const bytes = tableBytes();
    const host = <u64>frameHost(frame);
    store<u32>(entry, 0, FRAME_REVERSE);
    do {
      const write = cell - bytes;
      const read = write - bytes;
      const empty = emptySlot(slotOffset(load<u64>(read) + host));
      store<u64>(read, empty);
      store<u64>(write, empty);
      const next = load<usize>(cell, CELL_NEXT);
      store<u32>(cell, load<u32>(cell, CELL_LINK) & LISTED, CELL_LINK);
      cell = next;
    } while (cell != 0);
  }
  const reasons = load<u32>(entry);
  if ((reasons & FETCHED) != 0) {
    store<u32>(entry, reasons & ~FETCHED);
    dropFetches(frame);
  }
}
