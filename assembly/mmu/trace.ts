// Page-table tracing. A frame that a walk passed is a traced table: stores to it come here with the old
// content of what they touched, and what the old entries gave rise to is dropped from every set. That
// makes cached translations invisible: they always agree with the tables in memory.
//
// Only an entry that was present and accessed can have given rise to anything (walks set A). Dropping
// goes by frame, over the reverse map, so it may drop more than the entry derived, never less.
//
// A table that is written again and again without a walk between has become ordinary data, or is being
// rebuilt as a whole: all it derived is dropped at once and its tracing ends until it is walked again.

import { TABLE_DROP_MAX, TABLE_WRITES_MAX } from "../tuning";
import { FRAME_TABLE_USE, frameEntry, frameHost, frameReasons, READONLY, TABLE } from "../memory/frames";
import { frameOf, maskA20 } from "../memory/ranges";
import { unprotect } from "../memory/track";
import { PTE_A, PTE_D, PTE_FRAME, PTE_NX, PTE_P, PTE_PS, PTE_U, PTE_W } from "../x86/pte";
import { TABLE_USES, TableUse } from "./entry";
import { dropFrame } from "./reverse";
import { flushAll } from "./sets";
import { largeFrame32 } from "./walk-32";

const USES_64: u32 = TableUse.PT | TableUse.PD | TableUse.PDPT | TableUse.PML4;
const USES_32: u32 = TableUse.PT32 | TableUse.PD32;
const DERIVED: u64 = PTE_P | PTE_A;
/** Bits of an entry that translations depend on; 62:52 are reserved in PAE paging. */
const MEANING_64: u64 = PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_PS | PTE_NX | PTE_FRAME | 0x7ff0_0000_0000_0000;
const MEANING_32: u32 = <u32>(PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_PS | 0xffff_f000);

/** Tables that one drop may still visit; below zero everything is flushed instead. */
let allowance: i32 = 0;

/** A store hit a traced table: `old` and `oldLast` are the 8-byte units at `first` and `last` before it. */
export function tableWritten(frame: u32, first: u32, old: u64, last: u32, oldLast: u64): void {
  const uses = load<u32>(frameEntry(frame), FRAME_TABLE_USE) & TABLE_USES;
  const host = frameHost(frame);
  allowance = TABLE_DROP_MAX;
  dropUnit(uses, old, load<u64>(host + first));
  if (last != first) dropUnit(uses, oldLast, load<u64>(host + last));

  const entry = frameEntry(frame);
  const writes = (load<u32>(entry, FRAME_TABLE_USE) >> 16) + 1;
  if (writes < TABLE_WRITES_MAX) store<u32>(entry, uses | (writes << 16), FRAME_TABLE_USE);
  else {
    dropTable(frame, uses);
    store<u32>(entry, 0, FRAME_TABLE_USE);
    unprotect(frame, TABLE);
  }
  if (allowance < 0) flushAll();
}

function dropUnit(uses: u32, old: u64, now: u64): void {
  if (old == now) return;
  if ((uses & USES_64) != 0 && (old & DERIVED) == DERIVED && lessens((old ^ now) & MEANING_64, now)) drop64(old, uses);
  if ((uses & USES_32) != 0) {
    dropHalf(uses, <u32>old, <u32>now);
    dropHalf(uses, <u32>(old >> 32), <u32>(now >> 32));
  }
}

@inline function dropHalf(uses: u32, old: u32, now: u32): void {
  if ((old & <u32>DERIVED) == <u32>DERIVED && lessens((old ^ now) & MEANING_32, now)) drop32(old, uses);
}

/** A change that only sets W or D leaves all read entries valid, and there was no write entry. */
@inline function lessens(changed: u64, now: u64): bool {
  return (changed & ~(PTE_W | PTE_D)) != 0 || (changed & ~now) != 0;
}

/** Drops what the entries of a table derived. */
function dropTable(frame: u32, uses: u32): void {
  // Accessed bits of a table in ROM are never set.
  const derived = (frameReasons(frame) & READONLY) != 0 ? PTE_P : DERIVED;
  const host = frameHost(frame);
  for (let offset: usize = 0; offset < 4096 && allowance >= 0; offset += 8) {
    const unit = load<u64>(host + offset);
    if ((uses & USES_64) != 0 && (unit & derived) == derived) drop64(unit, uses);
    if ((uses & USES_32) != 0) {
      if ((unit & derived) == derived) drop32(<u32>unit, uses);
      if (((unit >> 32) & derived) == derived) drop32(<u32>(unit >> 32), uses);
    }
  }
}

/** Drops what an 8-byte entry derived, at every level its table served. */
function drop64(entry: u64, uses: u32): void {
  const address = entry & PTE_FRAME;
  if ((uses & TableUse.PT) != 0) dropPages(address, 1);
  if ((uses & TableUse.PD) != 0) {
    if ((entry & PTE_PS) != 0) dropPages(address & ~0x001f_ffff, 512);
    else dropBelow(address, TableUse.PT);
  }
  if ((uses & TableUse.PDPT) != 0) {
    if ((entry & PTE_PS) != 0) allowance = -1;
    else dropBelow(address, TableUse.PD);
  }
  if ((uses & TableUse.PML4) != 0) dropBelow(address, TableUse.PDPT);
}

/** Drops what a 4-byte entry derived. Sets with and without CR4.PSE read a directory entry differently. */
function drop32(entry: u32, uses: u32): void {
  const address = <u64>(entry & 0xffff_f000);
  if ((uses & TableUse.PT32) != 0) dropPages(address, 1);
  if ((uses & TableUse.PD32) != 0) {
    if ((entry & <u32>PTE_PS) != 0) dropPages(largeFrame32(entry), 1024);
    dropBelow(address, TableUse.PT32);
  }
}

/** Drops what a lower table derived. If it isn't traced as one, nothing derives from it. */
function dropBelow(address: u64, use: u32): void {
  const frame = frameOf(maskA20(address));
  if (frame < 0) return;
  if ((load<u32>(frameEntry(frame), FRAME_TABLE_USE) & use) == 0) return;
  if (--allowance >= 0) dropTable(frame, use);
}

function dropPages(address: u64, count: u32): void {
  if (count > 1) allowance--;
  for (let i: u32 = 0; i < count; i++) {
    const frame = frameOf(maskA20(address + (<u64>i << 12)));
    if (frame >= 0) dropFrame(frame);
  }
}
