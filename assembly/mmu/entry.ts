// Paging-structure entries on the way of one walk. Reading is bounds-checked: what no RAM or ROM backs is
// all ones. When the walk has succeeded, `settle` sets the accessed bits, the leaf's dirty bit, and traces
// every table passed, so that a later write to one of them drops what is cached because of it.
//
//   one step, 8 bytes:  0 frame i32, -1 not backed | 4 offset in the frame, TableUse << 16 u32

import { FRAME_TABLE_USE, frameEntry, frameHost, READONLY, TABLE } from "../memory/frames";
import { frameOf } from "../memory/ranges";
import { protect, storeTracked } from "../memory/track";
import { PTE_A, PTE_D } from "../x86/pte";

/** How a frame serves as a page table: level and width of its entries (bits of FRAME_TABLE_USE). */
export const enum TableUse {
  /** 512 entries of 8 bytes: PAE and 4-level paging. */
  PT = 1,
  PD = 2,
  PDPT = 4,
  PML4 = 8,
  /** 1024 entries of 4 bytes: 32-bit paging. */
  PT32 = 16,
  PD32 = 32,
}
export const TABLE_USES: u32 = 63;

const STEPS: usize = memory.data(4 * 8, 8);
let steps: u32 = 0;

@inline export function beginWalk(): void { steps = 0; }

@inline function step(frame: i32, offset: u32, use: u32): void {
  const at = STEPS + (<usize>steps << 3);
  store<i32>(at, frame);
  store<u32>(at, offset | (use << 16), 4);
  steps++;
}

/** Reads an 8-byte entry at a guest-physical address (A20 applied). */
export function visit64(gpa: u64, use: u32): u64 {
  const frame = frameOf(gpa);
  const offset = <u32>gpa & 0xfff;
  step(frame, offset, use);
  return frame < 0 ? ~(<u64>0) : load<u64>(frameHost(frame) + offset);
}

/** Reads a 4-byte entry. */
export function visit32(gpa: u64, use: u32): u32 {
  const frame = frameOf(gpa);
  const offset = <u32>gpa & 0xfff;
  step(frame, offset, use);
  return frame < 0 ? ~(<u32>0) : load<u32>(frameHost(frame) + offset);
}

/** The accessed bits that a walk would set are set. Tables in ROM keep theirs. */
export function isAccessed(): bool {
  for (let i: u32 = 0; i < steps; i++) {
    const at = STEPS + (<usize>i << 3);
    const frame = load<i32>(at);
    if (frame < 0 || (load<u32>(frameEntry(frame)) & READONLY) != 0) continue;
    if (((<u32>load<u8>(frameHost(frame) + (load<u32>(at, 4) & 0xfff))) & <u32>PTE_A) == 0) return false;
  }
  return true;
}

/** Commits a successful walk; the last step is the leaf. Accessed and dirty lie in an entry's low byte. */
export function settle(write: bool): void {
  const count = steps;
  for (let i: u32 = 0; i < count; i++) {
    const at = STEPS + (<usize>i << 3);
    const frame = load<i32>(at);
    if (frame < 0) continue;
    const where = load<u32>(at, 4);
    const offset = where & 0xfff;
    // Notes the use and resets the count of writes since the last walk.
    const entry = frameEntry(frame);
    const uses = load<u32>(entry, FRAME_TABLE_USE);
    const now = (uses & TABLE_USES) | (where >> 16);
    if (uses != now) store<u32>(entry, now, FRAME_TABLE_USE);
    if ((load<u32>(entry) & READONLY) == 0) {
      const bits = <u32>(write && i + 1 == count ? PTE_A | PTE_D : PTE_A);
      const low = <u32>load<u8>(frameHost(frame) + offset);
      if ((low & bits) != bits) storeTracked(frame, offset, 1, low | bits);
    }
    if ((load<u32>(entry) & TABLE) == 0) protect(frame, TABLE);
  }
}
