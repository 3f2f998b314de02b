// Asking for translation: a block that has been entered often enough by branches is put into the ring of requests, with
// what the translator needs to follow its code. The run loop leaves for the host at the end of the slice.
//
// A region that is often left for code it could have had in it, which was cold when it was formed, asks for a larger one.
//
//   request, 32 bytes (region/record): frame | offset, asked | mode | FETCH_TAG | RIP of the block | CS base

import {
  FETCH_TAG,
  HOT_THRESHOLD,
  REGION_BASE,
  REQUESTS,
  REQUESTS_MAX,
  REQUESTS_NOTED,
  REQUESTS_READ,
  REQUESTS_WRITTEN,
  RIP_MASK,
} from "../layout";
import { blockAsked, blockFrame, blockFrame2, blockMode, findBlock, NO_FRAME, setBlockAsked, setBlockHeat } from "../decode/cache";
import { MODE_CHECKED } from "../decode/mode";
import { Op } from "../decode/op";
import { uopOffset, uopOp } from "../decode/uop";
import { ripOf, segEffective } from "../vcpu/state";
import { CS } from "../x86/segment";
import {
  PAGE_FRAME,
  REGION_ENTRIES,
  REGION_MODE,
  REGION_PAGE_SIZE,
  REGION_PAGES,
  REQUEST_ASKED,
  REQUEST_BASE,
  REQUEST_FRAME,
  REQUEST_GROWS,
  REQUEST_MODE,
  REQUEST_OFFSET,
  REQUEST_RIP,
  REQUEST_SIZE,
  REQUEST_TAG,
} from "./record";

/** A block that nothing came of may ask again after as many entries more, as a power of two times the threshold. */
const RETRY: u32 = 3;
/** The same in the ring's overflow. */
const RETRY_FULL: u32 = 1;
/** A region may grow as often. */
const GROWTHS_MAX: u32 = 4;

@inline function requestAt(n: u32): usize { return REQUESTS + <usize>(n % REQUESTS_MAX) * REQUEST_SIZE; }

@inline function isFull(): bool { return load<u32>(REQUESTS_WRITTEN) - load<u32>(REQUESTS_READ) >= REQUESTS_MAX; }
function isWaiting(frame: u32, offset: u32, mode: u32): bool {
  const end = load<u32>(REQUESTS_WRITTEN);
  for (let n = load<u32>(REQUESTS_READ); n != end; n++) {
    const r = requestAt(n);
    const same = load<u32>(r, REQUEST_FRAME) == frame && <u32>load<u16>(r, REQUEST_OFFSET) == offset;
    if (same && load<u32>(r, REQUEST_MODE) == mode) return true;
  }
  return false;
}
/** Writes a request for the block at `u` and address `at`, unless it waits already. */
function ask(u: usize, at: u64, grows: u32): void {
  const frame = blockFrame(u);
  const offset = uopOffset(u);
  const mode = blockMode(u);
  if (isWaiting(frame, offset, mode)) return;
  const asked = blockAsked(u);
  setBlockAsked(u, asked + 1);
  const written = load<u32>(REQUESTS_WRITTEN);
  const r = requestAt(written);
  store<u32>(r, frame, REQUEST_FRAME);
  store<u16>(r, offset, REQUEST_OFFSET);
  store<u16>(r, min<u32>(asked, REQUEST_GROWS - 1) | grows, REQUEST_ASKED);
  store<u32>(r, mode, REQUEST_MODE);
  store<u32>(r, load<u32>(FETCH_TAG), REQUEST_TAG);
  store<u64>(r, at, REQUEST_RIP);
  store<u64>(r, segEffective(CS), REQUEST_BASE);
  store<u32>(REQUESTS_WRITTEN, written + 1);
}

/** The block that begins at micro-op `u`, in the page that RIP_PAGE names, has become hot. */
export function requestBlock(u: usize): void {
  const threshold = load<u32>(HOT_THRESHOLD);
  // A region stands here already, or none may.
  if (threshold == 0 || uopOp(u) == Op.REGION || (blockMode(u) & MODE_CHECKED) != 0 || blockFrame2(u) != NO_FRAME) {
    setBlockHeat(u, 0);
    return;
  }
  if (isFull()) {
    setBlockHeat(u, threshold << RETRY_FULL);
    return;
  }
  setBlockHeat(u, threshold << RETRY);
  ask(u, ripOf(u), 0);
}

/** A region at REGION_BASE is left all the time for what was cold or unknown when it was formed: asks for a larger one. */
export function requestGrowth(region: usize): void {
  const place = load<u32>(<usize>load<u32>(region, REGION_ENTRIES));
  const page = <usize>load<u32>(region, REGION_PAGES) + <usize>(place >> 12) * REGION_PAGE_SIZE;
  const u = findBlock(load<u32>(page, PAGE_FRAME), place & 0xfff, load<u32>(region, REGION_MODE));
  if (u == 0 || blockAsked(u) > GROWTHS_MAX || isFull()) return;
  ask(u, (load<u64>(REGION_BASE) + <u64>(place & 0xfff)) & load<u64>(RIP_MASK), REQUEST_GROWS);
}

/** Blocks have become hot since the run loop last asked. */
export function takeNotice(): bool {
  const written = load<u32>(REQUESTS_WRITTEN);
  if (written == load<u32>(REQUESTS_NOTED)) return false;
  store<u32>(REQUESTS_NOTED, written);
  return written != load<u32>(REQUESTS_READ);
}
