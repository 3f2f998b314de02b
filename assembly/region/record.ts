// The record of a translated region: what the translator writes and the dispatcher reads (region/dispatch).
//
//   region, 64 bytes:
//     0  state      u32  RegionState
//     4  slot       u32  index of its function in the core's table
//     8  reserve    u32  ticks that must be left to enter it: no path between two looks at the fuel is longer
//    12  mode       u32  mode word of its code (decode/mode)
//    16  pages      u32  address of its page list: {i32 page relative to the head's, u32 frame, u64 granules of 64 bytes covered} x pageCount,
//                   behind it the table that its indirect jumps look at (translate/jumps)
//    20  entries    u32  address of its entry list: u32 place x entryCount; entry 0 is the head
//    24  exits      u32  address of its exit list: 16 bytes x exitCount
//    28  exitCount  u32
//    32  pageCount  u16 | 34 entryCount u16
//    36  needs      u32  RegionNeeds bits
//    40  base       u64  REGION_BASE that its pages were last checked for,
//    48  tag        u32  and FETCH_TAG
//    52  entered    u32  clock of its last use, for recycling
//    56  bytes      u32  size of its function
//    60  count      u16  guest instructions in it
//    62  since      u16  clock, in 2^20 ticks, at which its exits began to be counted (region/dispatch)
//
//   The lists and the micro-ops that exits name are one run of bytes, which the host moves as a whole to close gaps
//   (src/translation/tables.ts).
//
//   place: page index << 12 | offset in the page
//
//   exit, 16 bytes:
//     0  place      u32  of the instruction to go on at
//     4  back       u16  ticks of its block that were paid and not used
//     6  type       u8   ExitType
//     7  flags      u8   how the flags are to be completed: FLAGS_MEMORY, FLAGS_DYNAMIC or a lazy kind (below)
//     8  uop        u32  STEP: address of a copy of the micro-op (32 bytes)
//        link       u32  STATIC, MISS, FUEL: first micro-op of the block at `place`, 0 while unknown (region/dispatch)
//    12  resume     u16  STEP: entry to go on at when the instruction completes, NO_ENTRY if none; MISS: UNCOMMON or NO_ENTRY;
//                   STATIC, DYNAMIC: GROWS or NO_ENTRY; MISS: SPLIT as well
//    14  count      u16  taken so often (saturates)

import { REGION_SIZE, REGIONS } from "../layout";

export const enum RegionState {
  FREE = 0,
  /** Its code is written; the host compiles it. */
  PENDING = 1,
  /** In its table slot, its entries are marked. */
  LIVE = 2,
  /** Its code was overwritten or it was recycled; the host takes the slot back. */
  DEAD = 3,
  /** The same, where another translation of its code takes its place: the code did not change. */
  LEFT = 4,
}

export const enum RegionNeeds {
  /** SSE instructions are available: CR0.EM = CR0.TS = 0, CR4.OSFXSR = 1. */
  SSE = 1,
  /** MXCSR rounds to nearest and masks inexact results (translate/lower/float says why this is enough). */
  FLOAT = 2,
  /** The x87 is available, no exception is pending, precision is 64 bits and inexact results are masked. */
  X87 = 4,
  /** Bit 8 + n: segment n is usable and in protected mode an expand-up data segment open to writes, with room for any operand. */
  SEGMENT_SHIFT = 8,
}

export const enum ExitType {
  /** Go on at `place`. */
  STATIC = 0,
  /** Go on at RIP, which the region stored; it is a valid target. */
  DYNAMIC = 1,
  /** The instruction at `place` is tier 0's: an access that missed the tables, a value the fast form excludes. */
  MISS = 2,
  /** The instruction at `place` is executed out of line (execute/slow), paid already. */
  STEP = 3,
  /** The fuel does not reach to the next look at it. */
  FUEL = 4,
}

/** The LAZY cells hold the flags already. */
export const FLAGS_MEMORY: u32 = 0xff;
/** All four LAZY cells were stored as they are to be. */
export const FLAGS_DYNAMIC: u32 = 0xfe;
/** Bits of LAZY_KIND that only such an exit leaves: CF and OF, or CF alone, are those in LAZY_CARRY, the others follow from the rest. */
export const OVERLAY_CFOF: u32 = 0x40;
export const OVERLAY_CF: u32 = 0x80;
/** With a lazy kind word (kind << 2 | size): LAZY_RESULT holds the second operand, not the result. */
export const FLAGS_OPERAND: u32 = 0x80;

export const NO_ENTRY: u32 = 0xffff;
/** In place of an entry in a MISS exit: a number was met that the code was not made for (translate/lower/plan). */
export const UNCOMMON: u32 = 0xfffe;
/** In its place in an exit whose target the region could have had in it (region/request). */
export const GROWS: u32 = 0xfffd;
/** In its place in a MISS exit: accesses that were looked up as one span lie in two pages (translate/lower/groups). */
export const SPLIT: u32 = 0xfffc;

export const REGION_STATE: usize = 0;
export const REGION_SLOT: usize = 4;
export const REGION_RESERVE: usize = 8;
export const REGION_MODE: usize = 12;
export const REGION_PAGES: usize = 16;
export const REGION_ENTRIES: usize = 20;
export const REGION_EXITS: usize = 24;
export const REGION_EXIT_COUNT: usize = 28;
export const REGION_PAGE_COUNT: usize = 32;
export const REGION_ENTRY_COUNT: usize = 34;
export const REGION_NEEDS: usize = 36;
export const REGION_CHECKED_BASE: usize = 40;
export const REGION_CHECKED_TAG: usize = 48;
export const REGION_ENTERED: usize = 52;
export const REGION_BYTES: usize = 56;
export const REGION_COUNT: usize = 60;
export const REGION_SINCE: usize = 62;

export const REGION_PAGE_SIZE: u32 = 16;
export const PAGE_RELATIVE: usize = 0;
export const PAGE_FRAME: usize = 4;
export const PAGE_GRANULES: usize = 8;

export const EXIT_SIZE_BYTES: u32 = 16;
export const EXIT_PLACE: usize = 0;
export const EXIT_BACK: usize = 4;
export const EXIT_TYPE: usize = 6;
export const EXIT_LAZY: usize = 7;
export const EXIT_UOP: usize = 8;
export const EXIT_LINK: usize = 8;
export const EXIT_RESUME: usize = 12;
export const EXIT_TAKEN: usize = 14;

@inline export function regionRecord(index: u32): usize { return REGIONS + <usize>index * REGION_SIZE; }

//   request, 32 bytes: 0 frame u32 | 4 offset u16 | 6 asked u16: times before, REQUEST_GROWS | 8 mode u32 | 12 FETCH_TAG u32 | 16 RIP of the block u64 | 24 CS base u64
export const REQUEST_SIZE: u32 = 32;
export const REQUEST_FRAME: usize = 0;
export const REQUEST_OFFSET: usize = 4;
export const REQUEST_ASKED: usize = 6;
export const REQUEST_MODE: usize = 8;
export const REQUEST_TAG: usize = 12;
export const REQUEST_RIP: usize = 16;
export const REQUEST_BASE: usize = 24;
/** Bit of `asked`: there is a region, and it is left for what could be in it. */
export const REQUEST_GROWS: u32 = 0x8000;
