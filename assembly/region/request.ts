// Asking for translation: a block that has been entered often enough by branches is put into the ring of requests, with
// what the translator needs to follow its code. The run loop leaves for the host at the end of the slice.
//
//   request, 32 bytes (region/record): frame | offset | mode | FETCH_TAG | RIP of the block | CS base

import { FETCH_TAG, HOT_THRESHOLD, REQUESTS, REQUESTS_MAX, REQUESTS_NOTED, REQUESTS_READ, REQUESTS_WRITTEN } from "../layout";
import { blockFrame, blockFrame2, blockMode, NO_FRAME, setBlockHeat } from "../decode/cache";
import { MODE_CHECKED } from "../decode/mode";
import { Op } from "../decode/op";
import { uopOffset, uopOp } from "../decode/uop";
import { ripOf, segEffective } from "../vcpu/state";
import { CS } from "../x86/segment";
import {
  REQUEST_BASE,
  REQUEST_FRAME,
  REQUEST_MODE,
  REQUEST_OFFSET,
  REQUEST_RIP,
  REQUEST_SIZE,
  REQUEST_TAG,
} from "./record";

/** A block that nothing came of may ask again after as many entries more, as a power of two times the threshold. */
const RETRY: u32 = 6;
/** The same in the ring's overflow. */
const RETRY_FULL: u32 = 1;

@inline function requestAt(n: u32): usize { return REQUESTS + <usize>(n % REQUESTS_MAX) * REQUEST_SIZE; }

function isWaiting(frame: u32, offset: u32, mode: u32): bool {
  const end = load<u32>(REQUESTS_WRITTEN);
  for (let n = load<u32>(REQUESTS_READ); n != end; n++) {
    const r = requestAt(n);
    const same = load<u32>(r, REQUEST_FRAME) == frame && load<u32>(r, REQUEST_OFFSET) == offset;
    if (same && load<u32>(r, REQUEST_MODE) == mode) return true;
  }
  return false;
}

/** The block that begins at micro-op `u`, in the page that RIP_PAGE names, has become hot. */
export function requestBlock(u: usize): void {
  const threshold = load<u32>(HOT_THRESHOLD);
  const mode = blockMode(u);
  // A region stands here already, or none may.
  if (threshold == 0 || uopOp(u) == Op.REGION || (mode & MODE_CHECKED) != 0 || blockFrame2(u) != NO_FRAME) {
    setBlockHeat(u, 0);
    return;
  }
  const written = load<u32>(REQUESTS_WRITTEN);
  if (written - load<u32>(REQUESTS_READ) >= REQUESTS_MAX) {
    setBlockHeat(u, threshold << RETRY_FULL);
    return;
  }
  setBlockHeat(u, threshold << RETRY);
  const frame = blockFrame(u);
  const offset = uopOffset(u);
  if (isWaiting(frame, offset, mode)) return;
  const r = requestAt(written);
  store<u32>(r, frame, REQUEST_FRAME);
  store<u32>(r, offset, REQUEST_OFFSET);
  store<u32>(r, mode, REQUEST_MODE);
  store<u32>(r, load<u32>(FETCH_TAG), REQUEST_TAG);
  store<u64>(r, ripOf(u), REQUEST_RIP);
  store<u64>(r, segEffective(CS), REQUEST_BASE);
  store<u32>(REQUESTS_WRITTEN, written + 1);
}

/** Blocks have become hot since the run loop last asked. */
export function takeNotice(): bool {
  const written = load<u32>(REQUESTS_WRITTEN);
  if (written == load<u32>(REQUESTS_NOTED)) return false;
  store<u32>(REQUESTS_NOTED, written);
  return written != load<u32>(REQUESTS_READ);
}
