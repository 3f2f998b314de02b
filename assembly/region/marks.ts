// Marks: where tier 0 finds the way into regions. The first micro-op of a block at a live region's entry is REGION; a
// body, the copy of the block without the mark, stands behind it for when the region cannot be entered. Blocks end in
// front of entries, so that no path of tier 0 runs past one.
//
// Marks are made when a region is installed and whenever a block at an entry is decoded again, so the arena may be
// emptied at any time without regions being lost.

import { HOT_THRESHOLD } from "../layout";
import {
  blockFrame,
  blockLast,
  blockMode,
  bodyOf,
  cutBlocks,
  decodeBlock,
  findBlock,
  granulesOf,
  setBlockHeat,
} from "../decode/cache";
import { Op } from "../decode/op";
import { copyUop, UOP_DISP, UOP_IMM, UOP_LINK, UOP_OP, uopImm, uopOffset, uopOp } from "../decode/uop";
import {
  PAGE_FRAME,
  PAGE_GRANULES,
  PAGE_RELATIVE,
  REGION_ENTRIES,
  REGION_ENTRY_COUNT,
  REGION_MODE,
  REGION_PAGE_SIZE,
  REGION_PAGES,
  REGION_STATE,
  regionRecord,
  RegionState,
} from "./record";
import { isTranslated, nextPageOn, pageIndexOf, pageListEntry, regionOfPage } from "./watch";

/** Index of a region and number of its entry. */
@inline export function markOf(u: usize): u32 { return <u32>uopImm(u); }
/** First micro-op of what tier 0 executes at a block: its body if it is marked. */
@inline export function unmarked(u: usize): usize { return uopOp(u) == Op.REGION ? <usize>load<u32>(u, UOP_LINK) : u; }

@inline function entryPlace(record: usize, entry: u32): u32 {
  return load<u32>(<usize>load<u32>(record, REGION_ENTRIES) + (<usize>entry << 2));
}
@inline function isLive(record: usize, mode: u32): bool {
  return load<u32>(record, REGION_STATE) == RegionState.LIVE && load<u32>(record, REGION_MODE) == mode;
}

/** Offset of the first entry of a live region behind an offset of a frame, 4096 if there is none. */
function entryBehind(frame: u32, offset: u32, mode: u32): u32 {
  let first: u32 = 4096;
  for (let page = nextPageOn(frame, 0); page != 0; page = nextPageOn(frame, page)) {
    const record = regionRecord(regionOfPage(page));
    if (!isLive(record, mode)) continue;
    const index = pageIndexOf(page);
    const count = <u32>load<u16>(record, REGION_ENTRY_COUNT);
    for (let i: u32 = 0; i < count; i++) {
      const place = entryPlace(record, i);
      const at = place & 0xfff;
      if (place >> 12 == index && at > offset && at < first) first = at;
    }
  }
  return first;
}

/** Marks a block if a live region has an entry there: the one that begins there, if there are several. */
function markBlock(u: usize): void {
  const frame = blockFrame(u);
  const offset = uopOffset(u);
  const mode = blockMode(u);
  for (let page = nextPageOn(frame, 0); page != 0; page = nextPageOn(frame, page)) {
    const region = regionOfPage(page);
    const record = regionRecord(region);
    if (!isLive(record, mode)) continue;
    const place = (pageIndexOf(page) << 12) | offset;
    const count = <u32>load<u16>(record, REGION_ENTRY_COUNT);
    for (let i: u32 = 0; i < count; i++) {
      if (entryPlace(record, i) != place) continue;
      setMark(u, (region << 8) | i, pageListEntry(page));
      if (i == 0) return;
      break;
    }
  }
}
/** `page`: entry of the block's page in the region's page list. */
function setMark(u: usize, mark: u32, page: usize): void {
  if (uopOp(u) != Op.REGION) {
    const body = bodyOf(u);
    if (body == 0) return;
    store<u16>(u, Op.REGION, UOP_OP);
    store<u32>(u, <u32>body, UOP_LINK);
  }
  store<i64>(u, <i64>mark, UOP_IMM);
  store<i32>(u, load<i32>(page, PAGE_RELATIVE) << 12, UOP_DISP);
  // A store that makes the block stale must reach the region that its mark names.
  const covered = granulesOf(uopOffset(u), blockLast(u));
  store<u64>(page, load<u64>(page, PAGE_GRANULES) | covered, PAGE_GRANULES);
}

/** decodeBlock on a frame that may hold translated code. */
export function decodeMarked(frame: u32, offset: u32, mode: u32): usize {
  if (!isTranslated(frame)) return decodeBlock(frame, offset, mode, 4096);
  const u = decodeBlock(frame, offset, mode, entryBehind(frame, offset, mode));
  if (u != 0) markBlock(u);
  return u;
}

/** The region whose mark, as of its own head, stands where this one has its head; -1: none. */
export function regionOfHead(index: u32): i32 {
  const record = regionRecord(index);
  const place = entryPlace(record, 0);
  const page = <usize>load<u32>(record, REGION_PAGES) + <usize>(place >> 12) * REGION_PAGE_SIZE;
  const u = findBlock(load<u32>(page, PAGE_FRAME), place & 0xfff, load<u32>(record, REGION_MODE));
  if (u == 0 || uopOp(u) != Op.REGION || (markOf(u) & 0xff) != 0) return -1;
  return <i32>(markOf(u) >> 8);
}

/** A region has become live: marks the blocks at its entries; those that run over one are decoded again when next met. */
export function markRegion(index: u32): void {
  const record = regionRecord(index);
  const mode = load<u32>(record, REGION_MODE);
  const pages = <usize>load<u32>(record, REGION_PAGES);
  const count = <u32>load<u16>(record, REGION_ENTRY_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const place = entryPlace(record, i);
    const frame = load<u32>(pages + <usize>(place >> 12) * REGION_PAGE_SIZE, PAGE_FRAME);
    cutBlocks(frame, place & 0xfff, mode);
    const u = findBlock(frame, place & 0xfff, mode);
    // It was formed when more was known than when another with the same entry was: whoever comes in goes here.
    if (u != 0) setMark(u, (index << 8) | i, pages + <usize>(place >> 12) * REGION_PAGE_SIZE);
  }
}

/** A region has died: its marks go, or become those of another region, and its code may become hot again. */
export function unmarkRegion(index: u32): void {
  const record = regionRecord(index);
  const mode = load<u32>(record, REGION_MODE);
  const pages = <usize>load<u32>(record, REGION_PAGES);
  const count = <u32>load<u16>(record, REGION_ENTRY_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const place = entryPlace(record, i);
    const frame = load<u32>(pages + <usize>(place >> 12) * REGION_PAGE_SIZE, PAGE_FRAME);
    const u = findBlock(frame, place & 0xfff, mode);
    if (u == 0) continue;
    setBlockHeat(u, load<u32>(HOT_THRESHOLD));
    if (uopOp(u) != Op.REGION || markOf(u) >> 8 != index) continue;
    copyUop(u, <usize>load<u32>(u, UOP_LINK));
    markBlock(u);
  }
}
