// Code fetches: linear page to frame, with the checks of a fetch (NX, SMEP, U/S), cached in a small
// direct-mapped table. An entry counts only while its tag equals FETCH_TAG, so that changing the context
// or raising the generation empties the fetch TLB, and the jump cache, which carries the same tags.
//
//   entry, 16 bytes:  0 linear page u64 | 8 tag u32 | 12 frame u32
//   tag:              31:8 FETCH_GENERATION (never 0) | 7:0 fetch context (vcpu/mode)

import { codeWritten } from "../decode/cache";
import {
  CONTEXT_STALE,
  CPL,
  FETCH_GENERATION,
  FETCH_TAG,
  FETCH_TLB,
  FETCH_TLB_ENTRIES,
  IN_BLOCK,
  RIP_MASK,
  RIP_PAGE,
  SEG_EFFECTIVE,
} from "../layout";
import { FETCHED, frameEntry } from "../memory/frames";
import { frameOf } from "../memory/ranges";
import { CS } from "../x86/segment";
import { isCanonical } from "./tables";
import { FETCH, UNNOTICED, USER, WALK_GPA, walk } from "./walk";

/** Why fetchFrame gave no frame. */
export const enum FetchKind {
  /** Page fault; WALK_ERROR holds the error code. */
  FAULT = 1,
  /** Neither RAM nor ROM; WALK_GPA holds the address. */
  HOST = 2,
  /** The address is not canonical: #GP(0). */
  NON_CANONICAL = 3,
}

let kind: u32 = 0;
/** FetchKind of the last failure. */
@inline export function fetchKind(): u32 { return kind; }

/** A tag that no entry carries. */
export const NO_TAG: u32 = 0xffff_ffff;
/** Value of CONTEXT_STALE when only FETCH_TAG must be recomputed; the tables in force still are right. */
const TAG_STALE: u32 = 2;

/** Frame of the running code's page when the fetch TLB was voided; -1: not known. */
let running: i32 = -1;

/** Frame of the running code's page, -1 where the fetch TLB does not tell. */
function runningFrame(): i32 {
  const tag = load<u32>(FETCH_TAG);
  if (tag == NO_TAG) return running;
  const page = ((load<u64>(RIP_PAGE) + load<u64>(SEG_EFFECTIVE + (<usize>CS << 3))) & load<u64>(RIP_MASK)) >> 12;
  const entry = FETCH_TLB + ((<usize>page & (FETCH_TLB_ENTRIES - 1)) << 4);
  return load<u64>(entry) == page && load<u32>(entry, 8) == tag ? load<i32>(entry, 12) : -1;
}

/**
 * What a frame was fetched for is void. Tier 0 goes on in a page until a jump leaves it: where this frame is the page that
 * runs, its blocks become stale, so that the very next instruction is fetched anew, wherever blocks end.
 */
export function dropFetches(frame: u32): void {
  if (load<u32>(IN_BLOCK) != 0) {
    const own = runningFrame();
    if (own == <i32>frame || own < 0) codeWritten(frame, 0, 4096);
  }
  bumpFetch();
}
/** The same where any frame may be another. */
export function dropAllFetches(): void {
  if (load<u32>(IN_BLOCK) != 0) {
    const own = runningFrame();
    if (own >= 0) codeWritten(own, 0, 4096);
  }
  bumpFetch();
}

/**
 * Voids the fetch TLB and the jump cache. The running context must register itself anew (vcpu/mode.refresh)
 * before it may cache anything under the new generation.
 */
export function bumpFetch(): void {
  running = runningFrame();
  store<u32>(FETCH_GENERATION, load<u32>(FETCH_GENERATION) + 1);
  store<u32>(FETCH_TAG, NO_TAG);
  store<u32>(CONTEXT_STALE, load<u32>(CONTEXT_STALE) | TAG_STALE);
}

/** Frame of the code page at a linear address for the running privilege level, or -1: see fetchKind. */
export function fetchFrame(linear: u64): i32 {
  const page = linear >> 12;
  const entry = FETCH_TLB + ((<usize>page & (FETCH_TLB_ENTRIES - 1)) << 4);
  if (load<u64>(entry) == page && load<u32>(entry, 8) == load<u32>(FETCH_TAG)) return load<i32>(entry, 12);
  return fetchMiss(linear, entry, FETCH);
}
/** The same for code that may not be executed after all: the guest cannot tell. -1 also where it could. */
export function peekFrame(linear: u64): i32 {
  const page = linear >> 12;
  const entry = FETCH_TLB + ((<usize>page & (FETCH_TLB_ENTRIES - 1)) << 4);
  if (load<u64>(entry) == page && load<u32>(entry, 8) == load<u32>(FETCH_TAG)) return load<i32>(entry, 12);
  return fetchMiss(linear, entry, FETCH | UNNOTICED);
}

function fetchMiss(linear: u64, entry: usize, access: u32): i32 {
  if (!isCanonical(linear)) {
    kind = FetchKind.NON_CANONICAL;
    return -1;
  }
  if (!walk(linear, load<u32>(CPL) == 3 ? access | USER : access)) {
    kind = FetchKind.FAULT;
    return -1;
  }
  const frame = frameOf(load<u64>(WALK_GPA));
  if (frame < 0) {
    kind = FetchKind.HOST;
    return -1;
  }
  const tag = load<u32>(FETCH_TAG);
  if (tag == NO_TAG) return frame;
  const record = frameEntry(frame);
  store<u32>(record, load<u32>(record) | FETCHED);
  store<u64>(entry, linear >> 12);
  store<u32>(entry, tag, 8);
  store<i32>(entry, frame, 12);
  return frame;
}
