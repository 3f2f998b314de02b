// The decode cache: blocks of micro-ops in an arena, found by (frame, offset, mode word).
//
//   block header, 64 bytes, followed by `count` micro-ops and a terminator:
//     0  hashNext   u32   next block of the same hash chain
//     4  frame      u32   frame of the first byte
//     8  pageNext   u32   next block in `frame`'s list
//    12  frame2     u32   frame of the bytes behind the page's end, NO_FRAME if there are none
//    16  pageNext2  u32   next block in `frame2`'s list
//    20  mode       u32
//    24  first      u16   offset of the first byte | 26  last u16  offset of the last byte (past 4095: in frame2)
//    28  count      u16   | 30  live u16     Live
//    32  heat       i32   entries by a branch until the block is hot (region/request)
//    36  body       u32   first micro-op of its copy without the mark of a region (region/marks), 0 = none
//
// A block never leaves its page, except that an instruction across the page's end makes a block of its
// own. Every frame with blocks carries the reason CODE, so that stores into it arrive at `codeWritten`,
// which turns the micro-ops of overlapping blocks into STALE ones: whoever holds a pointer to them (a
// link, the jump cache, the running interpreter) finds out at the very next instruction. The arena is
// emptied as a whole when it is full.
//
// Where a translated region begins the block is marked (region/marks); its body, a copy without the mark, is on the
// frame's list, so that it becomes stale too, and not in the hash: no address leads to it.

import {
  ARENA,
  ARENA_FLUSHES,
  ARENA_NEXT,
  ARENA_SIZE,
  BLOCK_HASH,
  BLOCK_HASH_ENTRIES,
  HOT_THRESHOLD,
  JUMP_CACHE,
  JUMP_CACHE_ENTRIES,
} from "../layout";
import { CODE, FRAME_CODE, FRAME_GRANULES, FRAME_SHARED, frameEntry, frameHost } from "../memory/frames";
import { protect, unprotect } from "../memory/track";
import { BLOCK_MAX } from "../tuning";
import { fuse } from "./branch";
import { decode, endsBlock } from "./decode";
import { Op } from "./op";
import { clearUop, UOP, UOP_OFFSET, UOP_OP, UOP_PLAIN, UOP_REMAIN } from "./uop";

export const HEADER: usize = 64;
const HASH_NEXT: usize = 0;
const FRAME: usize = 4;
const PAGE_NEXT: usize = 8;
const FRAME2: usize = 12;
const PAGE_NEXT2: usize = 16;
const BLOCK_MODE: usize = 20;
const FIRST: usize = 24;
const LAST: usize = 26;
const COUNT: usize = 28;
const LIVE: usize = 30;
const HEAT: usize = 32;
const BODY: usize = 36;
const ASKED: usize = 40;

const enum Live {
  STALE = 0,
  /** In the hash and on the lists of its frames. */
  FOUND = 1,
  /** A body: on the lists only. */
  BODY = 2,
}

export const NO_FRAME: u32 = 0xffff_ffff;
/** Room that the largest block needs. */
const BLOCK_BYTES: usize = HEADER + (<usize>BLOCK_MAX + 1) * UOP;

@inline function bucket(frame: u32, offset: u32, mode: u32): usize {
  const h = (frame << 12 | offset) * 0x9e3779b1 ^ mode * 0x85ebca6b;
  return BLOCK_HASH + (<usize>((h >> 8) & (BLOCK_HASH_ENTRIES - 1)) << 2);
}

/** First micro-op of the block at a place, or 0. `blockFrame2` tells what it needs of the next page. */
export function findBlock(frame: u32, offset: u32, mode: u32): usize {
  let block = <usize>load<u32>(bucket(frame, offset, mode));
  while (block != 0) {
    if (load<u32>(block, FRAME) == frame && load<u16>(block, FIRST) == offset && load<u32>(block, BLOCK_MODE) == mode) {
      return block + HEADER;
    }
    block = load<u32>(block, HASH_NEXT);
  }
  return 0;
}
// Of the block whose first micro-op is `u`:
/** Second frame, NO_FRAME if it stays in its page. */
@inline export function blockFrame2(u: usize): u32 { return load<u32>(u - HEADER, FRAME2); }
@inline export function blockFrame(u: usize): u32 { return load<u32>(u - HEADER, FRAME); }
@inline export function blockMode(u: usize): u32 { return load<u32>(u - HEADER, BLOCK_MODE); }
/** Offset of its last byte. */
@inline export function blockLast(u: usize): u32 { return load<u16>(u - HEADER, LAST); }
@inline export function blockHeat(u: usize): u32 { return load<u32>(u - HEADER, HEAT); }
/** A branch leads to the block: counts that. Zero or less: it is hot (region/request). */
@inline export function warmBlock(u: usize): i32 {
  const heat = load<i32>(u - HEADER, HEAT) - 1;
  store<i32>(u - HEADER, heat, HEAT);
  return heat;
}
/** How often the block has asked for translation. */
@inline export function blockAsked(u: usize): u32 { return load<u32>(u - HEADER, ASKED); }
@inline export function setBlockAsked(u: usize, times: u32): void { store<u32>(u - HEADER, times, ASKED); }
/** The block has become hot, and nobody was told. */
@inline export function isHot(u: usize): bool { return load<i32>(u - HEADER, HEAT) <= 0; }
/** Lets a block become hot after `entries` entries; 0: hardly ever. */
export function setBlockHeat(u: usize, entries: u32): void {
  store<i32>(u - HEADER, entries == 0 || <i32>entries < 0 ? i32.MAX_VALUE : <i32>entries, HEAT);
}

export function resetCache(): void {
  memory.fill(BLOCK_HASH, 0, BLOCK_HASH_ENTRIES * 4);
  memory.fill(JUMP_CACHE, 0, JUMP_CACHE_ENTRIES * 16);
  store<u32>(ARENA_NEXT, ARENA);
}

/** Empties the arena and everything that points into it. */
export function flushCache(): void {
  let block = ARENA;
  const end = <usize>load<u32>(ARENA_NEXT);
  while (block < end) {
    if (load<u16>(block, LIVE) != 0) {
      forget(load<u32>(block, FRAME));
      const second = load<u32>(block, FRAME2);
      if (second != NO_FRAME) forget(second);
    }
    block += HEADER + (<usize>load<u16>(block, COUNT) + 1) * UOP;
  }
  resetCache();
  store<u32>(ARENA_FLUSHES, load<u32>(ARENA_FLUSHES) + 1);
}
function forget(frame: u32): void {
  const entry = frameEntry(frame);
  store<u32>(entry, 0, FRAME_CODE);
  clearGranules(entry);
  unprotect(frame, CODE);
}
@inline function clearGranules(entry: usize): void {
  store<u64>(entry, 0, FRAME_GRANULES);
  store<u64>(entry, 0, FRAME_SHARED);
}

/** Opens a block at the arena's end. */
function open(frame: u32, offset: u32, mode: u32): usize {
  if (<usize>load<u32>(ARENA_NEXT) + BLOCK_BYTES > ARENA + ARENA_SIZE) flushCache();
  const block = <usize>load<u32>(ARENA_NEXT);
  store<u32>(block, frame, FRAME);
  store<u32>(block, NO_FRAME, FRAME2);
  store<u32>(block, mode, BLOCK_MODE);
  store<u16>(block, offset, FIRST);
  store<u16>(block, Live.FOUND, LIVE);
  setBlockHeat(block + HEADER, load<u32>(HOT_THRESHOLD));
  store<u32>(block, 0, BODY);
  store<u32>(block, 0, ASKED);
  return block;
}

/** Closes a block of `count` micro-ops that ends before offset `end`, and files it. */
function close(block: usize, count: u32, end: u32): usize {
  const terminator = block + HEADER + <usize>count * UOP;
  clearUop(terminator);
  store<u16>(terminator, Op.GOTO, UOP_OP);
  store<u16>(terminator, Op.GOTO, UOP_PLAIN);
  store<u16>(terminator, end, UOP_OFFSET);
  for (let i: u32 = 0; i < count; i++) store<u8>(block + HEADER + <usize>i * UOP, count - i, UOP_REMAIN);
  store<u16>(block, count, COUNT);
  store<u16>(block, end - 1, LAST);
  store<u32>(ARENA_NEXT, terminator + UOP);

  const frame = load<u32>(block, FRAME);
  const first = <u32>load<u16>(block, FIRST);
  const head = bucket(frame, first, load<u32>(block, BLOCK_MODE));
  store<u32>(block, load<u32>(head), HASH_NEXT);
  store<u32>(head, block);
  const second = load<u32>(block, FRAME2);
  file(block, PAGE_NEXT, frame, first, second == NO_FRAME ? end : 4096);
  // An alias: both pages of the instruction are the same frame, which lists the block once.
  if (second == frame) watch(frame, 0, end - 4096);
  else if (second != NO_FRAME) file(block, PAGE_NEXT2, second, 0, end - 4096);
  return block + HEADER;
}
/** Puts a block on a frame's list and its bytes [from, to) under watch. */
function file(block: usize, next: usize, frame: u32, from: u32, to: u32): void {
  const entry = frameEntry(frame);
  store<u32>(block + next, load<u32>(entry, FRAME_CODE));
  store<u32>(entry, block, FRAME_CODE);
  watch(frame, from, to);
  protect(frame, CODE);
}
function watch(frame: u32, from: u32, to: u32): void {
  const entry = frameEntry(frame);
  const before = load<u64>(entry, FRAME_GRANULES);
  const covered = granulesOf(from, to - 1);
  store<u64>(entry, load<u64>(entry, FRAME_SHARED) | (before & covered), FRAME_SHARED);
  store<u64>(entry, before | covered, FRAME_GRANULES);
}
/** Bit per 64 bytes from offset `first` to offset `last`. */
@inline export function granulesOf(first: u32, last: u32): u64 {
  return (<u64>-1 << <u64>(first >> 6)) & (<u64>-1 >> <u64>(63 - (last >> 6)));
}

/**
 * Decodes the block at an offset of a frame, up to offset `stop` if an instruction begins there or beyond it.
 * Returns its first micro-op, or 0 when already the first instruction reaches beyond the page
 * (decodeCrossing's job).
 */
export function decodeBlock(frame: u32, offset: u32, mode: u32, stop: u32): usize {
  const block = open(frame, offset, mode);
  const page = frameHost(frame);
  let u = block + HEADER;
  let count: u32 = 0;
  let at = offset;
  while (count < BLOCK_MAX && at < stop) {
    const length = decode(page + at, 4096 - at, mode, u);
    if (length == 0) break;
    store<u16>(u, at, UOP_OFFSET);
    count++;
    at += length;
    if (load<u16>(u, UOP_PLAIN) == Op.JCC && count > 1) fuse(u);
    if (endsBlock(u)) break;
    u += UOP;
  }
  if (count == 0) return 0;
  return close(block, count, at);
}

/**
 * Decodes the one instruction that starts in `frame` and ends in `frame2`: its bytes have been gathered
 * at `bytes` (at least 15).
 */
export function decodeCrossing(frame: u32, frame2: u32, offset: u32, bytes: usize, mode: u32): usize {
  const block = open(frame, offset, mode);
  store<u32>(block, frame2, FRAME2);
  const u = block + HEADER;
  const length = decode(bytes, 15, mode, u);
  store<u16>(u, offset, UOP_OFFSET);
  return close(block, 1, offset + length);
}

/**
 * First micro-op of the body of the block whose first micro-op is `u`: a copy that no address leads to. 0 when
 * the arena has no room for it, or the block reaches into another page.
 */
export function bodyOf(u: usize): usize {
  const block = u - HEADER;
  const known = <usize>load<u32>(block, BODY);
  if (known != 0) return known;
  const bytes = HEADER + (<usize>load<u16>(block, COUNT) + 1) * UOP;
  const body = <usize>load<u32>(ARENA_NEXT);
  if (body + bytes > ARENA + ARENA_SIZE || load<u32>(block, FRAME2) != NO_FRAME) return 0;
  memory.copy(body, block, bytes);
  store<u16>(body, Live.BODY, LIVE);
  store<u32>(ARENA_NEXT, body + bytes);
  store<u32>(block, body + HEADER, BODY);
  file(body, PAGE_NEXT, load<u32>(block, FRAME), load<u16>(block, FIRST), <u32>load<u16>(block, LAST) + 1);
  return body + HEADER;
}

/** Discards the blocks of a mode that run over an address, which is to begin a block of its own. */
export function cutBlocks(frame: u32, offset: u32, mode: u32): void {
  const entry = frameEntry(frame);
  let block = <usize>load<u32>(entry, FRAME_CODE);
  while (block != 0) {
    const isFirst = load<u32>(block, FRAME) == frame;
    const next = <usize>(isFirst ? load<u32>(block, PAGE_NEXT) : load<u32>(block, PAGE_NEXT2));
    const over = <u32>load<u16>(block, FIRST) < offset && <u32>load<u16>(block, LAST) >= offset;
    if (isFirst && over && load<u32>(block, BLOCK_MODE) == mode && load<u32>(block, FRAME2) == NO_FRAME) {
      discard(block, frame);
    }
    block = next;
  }
  if (load<u32>(entry, FRAME_CODE) == 0) forget(frame);
}

/** A store hit a frame with decoded code: what overlaps becomes stale. */
export function codeWritten(frame: u32, offset: u32, length: u32): void {
  const entry = frameEntry(frame);
  const written = granulesOf(offset, offset + length - 1);
  const covered = load<u64>(entry, FRAME_GRANULES);
  if ((covered & written) == 0) return;
  // In a granule of its own the first block found is the only one; code that is patched again and again is
  // decoded last, which puts it in front.
  const alone = ((load<u64>(entry, FRAME_SHARED) & written) | (written & (written - 1))) == 0;
  let block = <usize>load<u32>(entry, FRAME_CODE);
  let left: u64 = 0;
  let shared: u64 = 0;
  while (block != 0) {
    const isFirst = load<u32>(block, FRAME) == frame;
    const next = <usize>(isFirst ? load<u32>(block, PAGE_NEXT) : load<u32>(block, PAGE_NEXT2));
    // Byte range of the block within this frame.
    const second = load<u32>(block, FRAME2);
    const first: u32 = isFirst && second != frame ? load<u16>(block, FIRST) : 0;
    let last: u32 = load<u16>(block, LAST);
    if (isFirst && second != NO_FRAME) last = 4095;
    else if (!isFirst) last -= 4096;
    const granules = granulesOf(first, last);
    if (first < offset + length && last >= offset) {
      discard(block, frame);
      if (alone) {
        shared = load<u64>(entry, FRAME_SHARED);
        // What an instruction across the page's end covers is not known here where both pages are this frame.
        left = second == frame ? covered : covered & ~(granules & ~shared);
        break;
      }
    } else {
      if (alone && (granules & written) != 0) return;
      shared |= left & granules;
      left |= granules;
    }
    block = next;
  }
  store<u64>(entry, left, FRAME_GRANULES);
  store<u64>(entry, shared, FRAME_SHARED);
  if (load<u32>(entry, FRAME_CODE) == 0) unprotect(frame, CODE);
}

/** Makes a block's micro-ops stale and takes it out of the hash and its frames' lists. */
function discard(block: usize, writtenFrame: u32): void {
  const count = <u32>load<u16>(block, COUNT);
  for (let i: u32 = 0; i <= count; i++) {
    const u = block + HEADER + <usize>i * UOP;
    store<u16>(u, Op.STALE, UOP_OP);
    store<u16>(u, Op.STALE, UOP_PLAIN);
  }
  const frame = load<u32>(block, FRAME);
  if (load<u16>(block, LIVE) == Live.FOUND) {
    let at = bucket(frame, load<u16>(block, FIRST), load<u32>(block, BLOCK_MODE));
    while (<usize>load<u32>(at) != block) at = <usize>load<u32>(at) + HASH_NEXT;
    store<u32>(at, load<u32>(block, HASH_NEXT));
  }
  store<u16>(block, Live.STALE, LIVE);
  unlist(block, frame);
  const second = load<u32>(block, FRAME2);
  if (second == NO_FRAME || second == frame) return;
  unlist(block, second);
  const other = frame == writtenFrame ? second : frame;
  const entry = frameEntry(other);
  if (load<u32>(entry, FRAME_CODE) == 0) {
    clearGranules(entry);
    unprotect(other, CODE);
  }
}
function unlist(block: usize, frame: u32): void {
  const entry = frameEntry(frame);
  let at = entry + FRAME_CODE;
  for (;;) {
    const b = <usize>load<u32>(at);
    if (b == block) break;
    at = b + (load<u32>(b, FRAME) == frame ? PAGE_NEXT : PAGE_NEXT2);
  }
  store<u32>(at, load<u32>(block + (load<u32>(block, FRAME) == frame ? PAGE_NEXT : PAGE_NEXT2)));
}
