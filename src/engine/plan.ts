// The plan of a partition's linear memory behind the fixed part (assembly/layout.ts):
//
//   DYNAMIC   frame table | lookup-table sets | guest RAM and ROM   LIMIT
//
// Scheme E of the lookup tables (architecture, section 5) is exact without tags only if the slots of one
// table span LIMIT: N * 4 KiB >= LIMIT + 8 KiB. N is a power of two, and the sets themselves lie below
// LIMIT, so the plan tries every N and keeps the one that leaves room for the most sets under the cap.

import { alignUp } from "../support/bytes.js";
import { HypervisorError } from "../support/errors.js";
import { DYNAMIC, FRAME_SIZE, SET_CONTEXTS, SET_FILLED_MAX, SET_RECORDS_MAX, SLOT_BYTES } from "./views.js";

export const PAGE = 4096;
/** Host addresses are 32 bits and a sum must not wrap: the end of guest memory stays below this. */
export const LIMIT_MAX = 0xf000_0000;
const SETS_CAP = 64 * 1024 * 1024;
const SETS_MIN = 2;
const WASM_PAGE = 65536;

export interface MemoryPlan {
  readonly frameTable: number;
  readonly setsBase: number;
  readonly setsStride: number;
  readonly setsCount: number;
  readonly slotMask: number;
  readonly ramBase: number;
  readonly ramFrames: number;
  /** End of guest memory in the linear memory. */
  readonly limit: number;
  /** Size of the WebAssembly memory in its own 64 KiB pages. */
  readonly wasmPages: number;
}

/** Bytes of one set: three arrays of 8 bytes per slot and context, the list of filled slots, a page of bookkeeping. */
export function setStride(slots: number): number {
  return slots * SLOT_BYTES * SET_CONTEXTS + SET_FILLED_MAX * 4 + PAGE;
}

/** Plans a partition with this many 4 KiB frames of RAM and ROM. */
export function planMemory(frames: number): MemoryPlan {
  const setsBase = alignUp(DYNAMIC + frames * FRAME_SIZE, PAGE);
  let best: MemoryPlan | undefined;
  for (let slots = 1024; slots <= 1 << 20; slots *= 2) {
    const setsStride = setStride(slots);
    const room = Math.min(slots * PAGE - 2 * PAGE, LIMIT_MAX) - setsBase - frames * PAGE;
    const fitting = Math.floor(room / setsStride);
    const setsCount = Math.min(fitting, SET_RECORDS_MAX, Math.max(SETS_MIN, Math.floor(SETS_CAP / setsStride)));
    if (setsCount < SETS_MIN || (best !== undefined && setsCount <= best.setsCount)) continue;
    const ramBase = alignUp(setsBase + setsStride * setsCount, PAGE);
    const limit = ramBase + frames * PAGE;
    best = {
      frameTable: DYNAMIC,
      setsBase,
      setsStride,
      setsCount,
      slotMask: slots - 1,
      ramBase,
      ramFrames: frames,
      limit,
      wasmPages: Math.ceil(limit / WASM_PAGE),
    };
  }
  if (best === undefined) {
    throw new HypervisorError("invalid-memory-size", `${frames} pages of RAM and ROM do not fit a 32-bit engine`);
  }
  return best;
}
