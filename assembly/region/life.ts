// A region's life: written by the translator (PENDING), put into its table slot by the host (LIVE), and dead when its
// code is overwritten or the host gives it up. Its bytes are watched from the beginning, so that code which changes
// while it is being compiled never gets in.

import { CLOCK, META_NEXT, REGION_META, REGIONS_DEAD, REGIONS_END } from "../layout";
import { codeWritten, granulesOf } from "../decode/cache";
import { Op } from "../decode/op";
import { UOP_OP } from "../decode/uop";
import { isTranslated, isWatched, nextPageOn, pageListEntry, regionOfPage, unwatchRegion, watchRegion } from "./watch";
import { markRegion, regionOfHead, unmarkRegion } from "./marks";
import {
  EXIT_SIZE_BYTES,
  EXIT_TYPE,
  EXIT_UOP,
  ExitType,
  PAGE_GRANULES,
  REGION_EXIT_COUNT,
  REGION_EXITS,
  REGION_SINCE,
  REGION_SLOT,
  REGION_STATE,
  regionRecord,
  RegionState,
} from "./record";
import { count, COUNT_INVALIDATIONS } from "./statistics";

/** META_NEXT when regions were last looked for: the translator moves it with every region. */
let adopted: u32 = 0;

export function startRegions(): void {
  store<u32>(META_NEXT, <u32>REGION_META);
  adopted = <u32>REGION_META;
}

@inline function stateOf(index: u32): u32 { return load<u32>(regionRecord(index), REGION_STATE); }

/** Puts what the translator has written since the last call under watch. Before anything may write code. */
@inline export function adoptRegions(): void {
  if (load<u32>(META_NEXT) != adopted) adoptNew();
}
function adoptNew(): void {
  adopted = load<u32>(META_NEXT);
  const end = load<u32>(REGIONS_END);
  for (let i: u32 = 0; i < end; i++) {
    if (stateOf(i) == RegionState.PENDING && !isWatched(i)) watchRegion(i);
  }
}

/** The host has moved side tables; the records tell where they are. */
export function tablesMoved(): void { adoptNew(); }

/** The clock in units of a million ticks, as far as 16 bits tell. */
export function exitClock(): u32 { return <u32>(load<u64>(CLOCK) >> 20) & 0xffff; }

/** The region's function is in a table slot. False: its code has changed meanwhile. */
export function installRegion(index: u32, slot: u32): bool {
  adoptRegions();
  if (stateOf(index) != RegionState.PENDING) return false;
  const record = regionRecord(index);
  store<u32>(record, slot, REGION_SLOT);
  store<u16>(record, exitClock(), REGION_SINCE);
  store<u32>(record, RegionState.LIVE, REGION_STATE);
  const outgrown = regionOfHead(index);
  markRegion(index);
  if (outgrown >= 0) killRegion(outgrown, RegionState.LEFT);
  return true;
}

/** An instruction that is being executed out of line may have overwritten itself: a string instruction looks (execute/string). */
function spoilSteps(record: usize): void {
  let exit = <usize>load<u32>(record, REGION_EXITS);
  for (let i: u32 = 0; i < load<u32>(record, REGION_EXIT_COUNT); i++) {
    if (load<u8>(exit, EXIT_TYPE) == ExitType.STEP) store<u16>(<usize>load<u32>(exit, EXIT_UOP), Op.STALE, UOP_OP);
    exit += EXIT_SIZE_BYTES;
  }
}

/** The region is not entered any more; the host takes its slot back and frees the record. */
export function killRegion(index: u32, as: RegionState): void {
  adoptRegions();
  const state = stateOf(index);
  if (state != RegionState.PENDING && state != RegionState.LIVE) return;
  unwatchRegion(index);
  store<u32>(regionRecord(index), as, REGION_STATE);
  spoilSteps(regionRecord(index));
  unmarkRegion(index);
  store<u32>(REGIONS_DEAD, load<u32>(REGIONS_DEAD) + 1);
}

/** A store hit a frame with decoded or translated code. Registered with memory/track. */
export function frameWritten(frame: u32, offset: u32, length: u32): void {
  if (isTranslated(frame)) {
    const written = granulesOf(offset, offset + length - 1);
    let page = nextPageOn(frame, 0);
    while (page != 0) {
      // The region's other pages may be on the same chain.
      const hit = (load<u64>(pageListEntry(page), PAGE_GRANULES) & written) != 0;
      const region = regionOfPage(page);
      if (hit) {
        killRegion(region, RegionState.DEAD);
        count(COUNT_INVALIDATIONS, 1);
      }
      page = nextPageOn(frame, hit ? 0 : page);
    }
  }
  codeWritten(frame, offset, length);
}
