// Lookup tables: linear page to host address in one load (architecture: flattened shadow paging).
//
// A table has N slots of 8 bytes. Linear address va uses slot s = (va >> 12) & (N - 1), and its host
// address is va - T[s], valid if and only if that is below LIMIT, the end of guest memory in the linear
// memory. There are no tags: with N * 4 KiB >= LIMIT + 8 KiB another page that shares the slot differs by
// at least LIMIT + 8 KiB, so its difference falls outside [0, LIMIT). An empty slot holds
// s * 4096 - LIMIT, which puts every address of the slot at or beyond LIMIT. A write slot may be *watched*: the
// page may be written, but each write must be seen. It holds page - LIMIT - 4096, which puts the page's own
// addresses into [LIMIT + 4096, LIMIT + 8192) and all others of the slot outside that and outside [0, LIMIT).
//
//   set:  context 0 | context 1 | context 2 | list of filled slots (u32 x SET_FILLED_MAX)
//   context:  read table N x 8 | write table N x 8 | reverse-map cells N x 8 (mmu/reverse)
//
// Contexts: 0 user; 1 supervisor, and implicit supervisor accesses always; 2 supervisor with AC = 1
// where CR4.SMAP is on. A write entry exists only beside a read entry for the same page.

import {
  CPL,
  CR4,
  LIMIT,
  SET_CONTEXTS,
  SETS_BASE,
  SETS_STRIDE,
  SLOT_BYTES,
  SLOT_MASK,
  SYSTEM_FLAGS,
  TABLE_READ,
  TABLE_WRITE,
} from "../layout";
import { CR4_SMAP } from "../x86/control";
import { AC } from "../x86/flags";

/** Byte offset of a linear address's slot in a table. */
@inline export function slotOffset(linear: u64): usize {
  return <usize>(<u32>(linear >> 12) & load<u32>(SLOT_MASK)) << 3;
}
/** Host address of a data read through the tables in force; a miss gives LIMIT or more. */
@inline export function hostRead(linear: u64): u64 {
  return linear - load<u64>(load<usize>(TABLE_READ) + slotOffset(linear));
}
/** The same for a write. */
@inline export function hostWrite(linear: u64): u64 {
  return linear - load<u64>(load<usize>(TABLE_WRITE) + slotOffset(linear));
}

/** Bytes of one table. */
@inline export function tableBytes(): usize { return <usize>(load<u32>(SLOT_MASK) + 1) << 3; }
@inline export function setBase(set: u32): usize {
  return load<usize>(SETS_BASE) + <usize>set * load<usize>(SETS_STRIDE);
}
/** Host address of a read table. */
@inline export function tableRead(set: u32, context: u32): usize {
  return setBase(set) + <usize>(context * 3) * tableBytes();
}
/** Host address of a write table. */
@inline export function tableWrite(set: u32, context: u32): usize {
  return tableRead(set, context) + tableBytes();
}
/** Host address of a set's list of filled slots. */
@inline export function filledList(set: u32): usize {
  return setBase(set) + <usize>(load<u32>(SLOT_MASK) + 1) * (SLOT_BYTES * SET_CONTEXTS);
}
/** Content of an empty slot, given its byte offset in the table. */
@inline export function emptySlot(offset: usize): u64 { return (<u64>offset << 9) - load<u64>(LIMIT); }

/** Content of the write slot of a page that may be written under watch. */
@inline export function watchedSlot(linear: u64): u64 { return (linear & ~(<u64>0xfff)) - load<u64>(LIMIT) - 4096; }
/** What a look-up gave names a page that may be written under watch. */
@inline export function isWatched(host: u64): bool { return host - load<u64>(LIMIT) - 4096 < 4096; }

/** Context of explicit supervisor accesses. */
@inline export function supervisorContext(): u32 {
  return (load<u64>(CR4) & CR4_SMAP) != 0 && (load<u32>(SYSTEM_FLAGS) & AC) != 0 ? 2 : 1;
}
/** Context of the running code's data accesses. */
@inline export function currentContext(): u32 { return load<u32>(CPL) == 3 ? 0 : supervisorContext(); }

/** Bits 63:47 of a 48-bit linear address are equal. */
@inline export function isCanonical(linear: u64): bool { return <u64>((<i64>linear << 16) >> 16) == linear; }
