// Guest-physical address space: a sorted table of page ranges. What no range covers is unmapped: reads
// and writes there leave to the host, like those of MMIO ranges. RAM and ROM ranges are backed by frames
// of the partition's memory; several ranges may show the same frames (a firmware ROM below 1 MiB and
// below 4 GiB), so obligations are kept per frame (memory/frames) and read-only-ness per range.
//
//   one range, 32 bytes:  0 firstPage u32 | 4 pages u32 | 8 kind u32 | 12 firstFrame u32 | 16-31 unused

import { A20_MASK, RAM_FRAMES, RANGE_COUNT, RANGES, RANGES_MAX } from "../layout";
import { frameEntry, READONLY } from "./frames";
import { mappingChanged, protect } from "./track";

export const enum RangeKind {
  UNMAPPED = 0,
  RAM = 1,
  ROM = 2,
  MMIO = 3,
}

export const RANGE_SIZE: usize = 32;
const FIRST: usize = 0;
const PAGES: usize = 4;
const KIND: usize = 8;
const FRAME: usize = 12;

// The RAM or ROM range that answered last, unpacked: accesses cluster.
let recentFirst: u64 = 0;
let recentPages: u64 = 0;
let recentFrame: u32 = 0;

/** Applies the A20 gate to a guest-physical address. */
@inline export function maskA20(gpa: u64): u64 { return gpa & load<u64>(A20_MASK); }

/** Range that holds a page, or 0. */
function findRange(page: u64): usize {
  let low: u32 = 0;
  let high = load<u32>(RANGE_COUNT);
  while (low < high) {
    const middle = (low + high) >> 1;
    const range = RANGES + <usize>middle * RANGE_SIZE;
    const first = <u64>load<u32>(range, FIRST);
    if (page < first) high = middle;
    else if (page - first < <u64>load<u32>(range, PAGES)) return range;
    else low = middle + 1;
  }
  return 0;
}

/** Frame behind a guest-physical address (A20 applied by the caller): -1 unless it is RAM or ROM. */
export function frameOf(gpa: u64): i32 {
  const page = gpa >> 12;
  if (page - recentFirst < recentPages) return <i32>(recentFrame + <u32>(page - recentFirst));
  const range = findRange(page);
  if (range == 0 || load<u32>(range, KIND) == RangeKind.MMIO) return -1;
  recentFirst = <u64>load<u32>(range, FIRST);
  recentPages = <u64>load<u32>(range, PAGES);
  recentFrame = load<u32>(range, FRAME);
  return <i32>(recentFrame + <u32>(page - recentFirst));
}

/** RangeKind of a guest-physical address. */
export function kindOf(gpa: u64): u32 {
  const range = findRange(gpa >> 12);
  return range == 0 ? RangeKind.UNMAPPED : load<u32>(range, KIND);
}

/** Adds a range. False: no room, overlap, nonsense, or frames that do not exist. */
export function addRange(firstPage: u32, pages: u32, kind: u32, firstFrame: u32): bool {
  const count = load<u32>(RANGE_COUNT);
  if (count >= RANGES_MAX || pages == 0 || kind == RangeKind.UNMAPPED || kind > <u32>RangeKind.MMIO) return false;
  const end = <u64>firstPage + <u64>pages;
  if (end > 0x1_0000_0000) return false;
  if (kind != RangeKind.MMIO && <u64>firstFrame + <u64>pages > <u64>load<u32>(RAM_FRAMES)) return false;
  let at = RANGES;
  const behind = RANGES + <usize>count * RANGE_SIZE;
  while (at < behind && load<u32>(at, FIRST) < firstPage) at += RANGE_SIZE;
  if (at > RANGES) {
    const before = at - RANGE_SIZE;
    if (<u64>load<u32>(before, FIRST) + <u64>load<u32>(before, PAGES) > <u64>firstPage) return false;
  }
  if (at < behind && <u64>load<u32>(at, FIRST) < end) return false;
  memory.copy(at + RANGE_SIZE, at, behind - at);
  store<u32>(at, firstPage, FIRST);
  store<u32>(at, pages, PAGES);
  store<u32>(at, kind, KIND);
  store<u32>(at, firstFrame, FRAME);
  store<u32>(RANGE_COUNT, count + 1);
  if (kind == RangeKind.ROM) markReadOnly(at);
  mappingChanged();
  return true;
}

/** Removes the range that starts at a page. */
export function removeRange(firstPage: u32): bool {
  const count = load<u32>(RANGE_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const range = RANGES + <usize>i * RANGE_SIZE;
    if (load<u32>(range, FIRST) != firstPage) continue;
    const wasRom = load<u32>(range, KIND) == RangeKind.ROM;
    if (wasRom) {
      const frame = load<u32>(range, FRAME);
      for (let n: u32 = 0; n < load<u32>(range, PAGES); n++) {
        const entry = frameEntry(frame + n);
        store<u32>(entry, load<u32>(entry) & ~READONLY);
      }
    }
    memory.copy(range, range + RANGE_SIZE, <usize>(count - i - 1) * RANGE_SIZE);
    memory.fill(RANGES + <usize>(count - 1) * RANGE_SIZE, 0, RANGE_SIZE);
    store<u32>(RANGE_COUNT, count - 1);
    recentPages = 0;
    if (wasRom) remarkRom();
    mappingChanged();
    return true;
  }
  return false;
}

function markReadOnly(range: usize): void {
  const frame = load<u32>(range, FRAME);
  for (let n: u32 = 0; n < load<u32>(range, PAGES); n++) protect(frame + n, READONLY);
}

/** Frames of a removed ROM range may still be shown by another one. */
function remarkRom(): void {
  for (let i: u32 = 0; i < load<u32>(RANGE_COUNT); i++) {
    const range = RANGES + <usize>i * RANGE_SIZE;
    if (load<u32>(range, KIND) == RangeKind.ROM) markReadOnly(range);
  }
}
