// Filling a lookup-table slot after a successful walk. Where it is cached follows from the access, and what
// a context comes to hold from the walks that succeed for such accesses:
//
//   context 0  user pages
//   context 1  supervisor pages; user pages unless CR4.SMAP is on
//   context 2  everything (used only with SMAP and AC = 1)
//   write      page writable (or CR0.WP = 0 and not context 0) and the leaf's D already set; watched as long
//              as the frame has a reason to see its writes, none at all for ROM; always beside the read
//              entry of the same page

import { CONTEXT_STALE, CR0, SET_FILLED_MAX, SLOT_MASK, TABLE_SET } from "../layout";
import { DIRTY, frameEntry, frameHost, hostFrame, READONLY, WRITES_SEEN } from "../memory/frames";
import { CR0_WP } from "../x86/control";
import { CELL_LINK, LISTED, linkCell, unlinkCell } from "./reverse";
import { RECORD_FILLED, RECORD_OVERFLOW, setRecord } from "./sets";
import {
  emptySlot,
  filledList,
  isWatched,
  slotOffset,
  supervisorContext,
  tableBytes,
  tableRead,
  watchedSlot,
} from "./tables";
import { DIRTY_LEAF, IMPLICIT, USER, WALK_FLAGS, WRITABLE } from "./walk";

/** Lookup-table context of an access (bits of mmu/walk). */
@inline export function contextOf(access: u32): u32 {
  return (access & USER) != 0 ? 0 : (access & IMPLICIT) != 0 ? 1 : supervisorContext();
}

/** TABLE_SET may belong to another address space: control registers have changed since it was chosen. */
@inline export function setStale(): bool { return (load<u32>(CONTEXT_STALE) & 1) != 0; }

/** Host address through the tables of the set in force, LIMIT or more when missing. */
export function lookup(linear: u64, access: u32, write: bool): u64 {
  if (setStale()) return ~(<u64>0);
  let table = tableRead(load<u32>(TABLE_SET), contextOf(access));
  if (write) table += tableBytes();
  return linear - load<u64>(table + slotOffset(linear));
}

/** Caches the last walk (WALK_FLAGS), which translated `linear` to a page of `frame` for `access`. */
export function fill(linear: u64, access: u32, frame: u32): void {
  if (setStale()) return;
  const flags = load<u32>(WALK_FLAGS);
  const context = contextOf(access);
  const set = load<u32>(TABLE_SET);
  const offset = slotOffset(linear);
  const bytes = tableBytes();
  const read = tableRead(set, context) + offset;
  const write = read + bytes;
  const content = (linear & ~(<u64>0xfff)) - <u64>frameHost(frame);
  if (load<u64>(read) != content) {
    const cell = write + bytes;
    unlinkCell(cell);
    store<u64>(read, content);
    store<u64>(write, emptySlot(offset));
    if ((load<u32>(cell, CELL_LINK) & LISTED) == 0) list(set, cell, context, <u32>(offset >> 3));
    linkCell(cell, frame);
  }
  if ((flags & DIRTY_LEAF) == 0) return;
  if ((flags & WRITABLE) == 0 && (context == 0 || (load<u64>(CR0) & CR0_WP) != 0)) return;
  const entry = frameEntry(frame);
  const reasons = load<u32>(entry);
  if ((reasons & WRITES_SEEN) != 0) {
    if ((reasons & READONLY) == 0) store<u64>(write, watchedSlot(linear));
    return;
  }
  store<u32>(entry, reasons | DIRTY);
  store<u64>(write, content);
}

/**
 * Frame of a page whose write slot, for this access, is watched; -1 otherwise. The slot becomes a write entry
 * when nothing has to see the writes any more.
 */
export function watchedFrame(linear: u64, access: u32): i32 {
  if (setStale()) return -1;
  const read = tableRead(load<u32>(TABLE_SET), contextOf(access)) + slotOffset(linear);
  const write = read + tableBytes();
  if (!isWatched(linear - load<u64>(write))) return -1;
  const content = load<u64>(read);
  const frame = hostFrame(<usize>(linear - content));
  const entry = frameEntry(frame);
  const reasons = load<u32>(entry);
  if ((reasons & WRITES_SEEN) == 0) {
    store<u32>(entry, reasons | DIRTY);
    store<u64>(write, content);
  }
  return frame;
}

/** Enters a slot in the set's list, so that emptying the set need not look at every slot. */
function list(set: u32, cell: usize, context: u32, slot: u32): void {
  const record = setRecord(set);
  const count = load<u32>(record, RECORD_FILLED);
  if (count >= SET_FILLED_MAX) {
    store<u32>(record, 1, RECORD_OVERFLOW);
    return;
  }
  store<u32>(filledList(set) + (<usize>count << 2), context * (load<u32>(SLOT_MASK) + 1) + slot);
  store<u32>(record, count + 1, RECORD_FILLED);
  store<u32>(cell, load<u32>(cell, CELL_LINK) | LISTED, CELL_LINK);
}
