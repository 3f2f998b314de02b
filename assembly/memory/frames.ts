// The frame table: what must be known about each 4 KiB page of the partition's RAM and ROM.
//
//   one frame, 32 bytes:
//     0  reasons   u32  7:0 why a write must be seen (Reason bits) | 8 DIRTY | 9 FETCHED
//     4  reverse   u32  first reverse-map cell: the lookup-table slots that show this frame (mmu/reverse)
//     8  code      u32  first decoded block on the page, 0 = none (decode cache)
//    12  table     u32  5:0 how walkers use it as a page table (TableUse) | 31:16 writes since the last walk
//    16  granules  u64  bit per 64 bytes that decoded code covers
//    24  shared    u64  bit per 64 bytes that more than one decoded block may cover
//
// A lookup table may hold a write entry for the frame only while bits 7:0 of `reasons` are all zero:
// that is what makes dirty logging, code caching and table tracing free until the first write.

import { FRAME_SIZE, FRAME_TABLE, RAM_BASE } from "../layout";

/** Decoded code lies on the page. */
export const CODE: u32 = 1 << 0;
/** Cached translations derive from the page: it is a traced page table. */
export const TABLE: u32 = 1 << 1;
/** The next write is to be logged. */
export const DIRTY_LOG: u32 = 1 << 2;
/** A ROM range shows the page. */
export const READONLY: u32 = 1 << 3;
/** A watchpoint of the host lies on the page. */
export const WATCH: u32 = 1 << 4;
/** Translated code derives from the page (region/watch). */
export const TRANSLATED: u32 = 1 << 5;
/** All reasons that forbid write entries. */
export const WRITES_SEEN: u32 = 0xff;
/** Written, or open to writes, since it was last cleared. */
export const DIRTY: u32 = 1 << 8;
/** A fetch-TLB entry may show the page. */
export const FETCHED: u32 = 1 << 9;

export const FRAME_REVERSE: usize = 4;
export const FRAME_CODE: usize = 8;
export const FRAME_TABLE_USE: usize = 12;
export const FRAME_GRANULES: usize = 16;
export const FRAME_SHARED: usize = 24;

/** Host address of a frame's record. */
@inline export function frameEntry(frame: u32): usize {
  return load<usize>(FRAME_TABLE) + <usize>frame * FRAME_SIZE;
}
/** Host address of a frame's first byte. */
@inline export function frameHost(frame: u32): usize { return load<usize>(RAM_BASE) + (<usize>frame << 12); }
/** Frame that holds a host address of guest memory. */
@inline export function hostFrame(host: usize): u32 { return <u32>((host - load<usize>(RAM_BASE)) >> 12); }
@inline export function frameReasons(frame: u32): u32 { return load<u32>(frameEntry(frame)); }
