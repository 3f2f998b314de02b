// Which regions a frame's bytes have gone into. Every page of a region that is being compiled or can be entered is on
// the chain of its frame; a frame with a chain carries the reason TRANSLATED, so that every store into it is seen.
//
//   page   1 + region * REGION_PAGES_MAX + index in its page list; 0 = none
//   head   u32 per hash of the frame: first page
//   link   u32 per page: 31 on a chain | 15:0 next page

import { REGION_HEADS, REGION_HEADS_ENTRIES, REGION_LINKS, REGION_PAGES_MAX } from "../layout";
import { frameReasons, TRANSLATED } from "../memory/frames";
import { protect, unprotect } from "../memory/track";
import { PAGE_FRAME, REGION_PAGE_COUNT, REGION_PAGE_SIZE, REGION_PAGES, regionRecord } from "./record";

const ON_CHAIN: u32 = 1 << 31;
const NUMBER: u32 = 0xffff;

@inline function headOf(frame: u32): usize {
  return REGION_HEADS + (<usize>(((frame * 0x9e3779b1) >> 16) & (REGION_HEADS_ENTRIES - 1)) << 2);
}
@inline function linkOf(page: u32): usize { return REGION_LINKS + (<usize>(page - 1) << 2); }

/** Region of a page, its index in that region's page list, its entry there. */
@inline export function regionOfPage(page: u32): u32 { return (page - 1) / REGION_PAGES_MAX; }
@inline export function pageIndexOf(page: u32): u32 { return (page - 1) % REGION_PAGES_MAX; }
@inline export function pageListEntry(page: u32): usize {
  const list = <usize>load<u32>(regionRecord(regionOfPage(page)), REGION_PAGES);
  return list + <usize>pageIndexOf(page) * REGION_PAGE_SIZE;
}

/** The next page of a region that lies on a frame, behind page `after` (0: from the start); 0: there are no more. */
export function nextPageOn(frame: u32, after: u32): u32 {
  let page = after == 0 ? load<u32>(headOf(frame)) : load<u32>(linkOf(after)) & NUMBER;
  while (page != 0 && load<u32>(pageListEntry(page), PAGE_FRAME) != frame) page = load<u32>(linkOf(page)) & NUMBER;
  return page;
}

export function isWatched(index: u32): bool {
  return (load<u32>(linkOf(index * REGION_PAGES_MAX + 1)) & ON_CHAIN) != 0;
}

export function watchRegion(index: u32): void {
  const count = load<u16>(regionRecord(index), REGION_PAGE_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const page = index * REGION_PAGES_MAX + i + 1;
    const frame = load<u32>(pageListEntry(page), PAGE_FRAME);
    const head = headOf(frame);
    store<u32>(linkOf(page), ON_CHAIN | load<u32>(head));
    store<u32>(head, page);
    protect(frame, TRANSLATED);
  }
}

export function unwatchRegion(index: u32): void {
  const count = load<u16>(regionRecord(index), REGION_PAGE_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const page = index * REGION_PAGES_MAX + i + 1;
    const frame = load<u32>(pageListEntry(page), PAGE_FRAME);
    let at = headOf(frame);
    while ((load<u32>(at) & NUMBER) != page) at = linkOf(load<u32>(at) & NUMBER);
    store<u32>(at, (load<u32>(at) & ~NUMBER) | (load<u32>(linkOf(page)) & NUMBER));
    store<u32>(linkOf(page), 0);
    if (nextPageOn(frame, 0) == 0) unprotect(frame, TRANSLATED);
  }
}

/** Some region derives from the frame. */
@inline export function isTranslated(frame: u32): bool { return (frameReasons(frame) & TRANSLATED) != 0; }
