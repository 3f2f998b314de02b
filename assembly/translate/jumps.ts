// The table of a region's own entries for jumps whose target only their operand tells: returns, jump tables, calls by pointer.
// The pages of a region lie side by side as they did when it was formed (region/enterable looks at that), so a target
// at the distance of an entry from the head's page is that entry, and the region goes on there without asking anybody.
//
//   slot, 8 bytes: i32 distance | u32 entry       2^bits slots, hashed by the distance times a factor
//
// The factor is looked for until hardly any two entries want the same slot; of those that do the first stays. An empty
// slot holds an entry that belongs elsewhere, which nothing that hashes here equals.

import { JUMPS, JUMPS_MAX, node, NODE_OFFSET, NODE_PAGE, pageEntry, target, targetCount } from "./work";

/** Slots per entry, and factors that are tried. */
const SPARSITY: u32 = 4;
const TRIES: u32 = 40;
const FIRST_FACTOR: u32 = 0x9e37_79b1;
const NEXT_FACTOR: u32 = 0x0019_660d;

export let jumpBits: u32 = 0;
export let jumpFactor: u32 = 0;

export function resetJumps(): void { jumpBits = 0; }
/** Bytes of the table: none where the region has not asked for it. */
export function jumpBytes(): u32 { return jumpBits == 0 ? 0 : 8 << jumpBits; }

function distanceOf(entry: u32): i64 {
  const n = node(target(entry));
  return (<i64>load<i32>(pageEntry(load<u32>(n, NODE_PAGE))) << 12) + load<u32>(n, NODE_OFFSET);
}
@inline function slotOf(distance: i64): usize { return JUMPS + (<usize>((<u32>distance * jumpFactor) >> (32 - jumpBits)) << 3); }

/** Fills the table with entries. Returns how many found no place. */
function fill(): u32 {
  memory.fill(JUMPS, 0xff, 8 << jumpBits);
  let homeless: u32 = 0;
  for (let i: u32 = 0; i < targetCount; i++) {
    const distance = distanceOf(i);
    // 64-bit code may lead farther in two calls.
    if (distance != <i64><i32>distance) continue;
    const slot = slotOf(distance);
    if (load<i32>(slot, 4) != -1) homeless++;
    else {
      store<i32>(slot, <i32>distance);
      store<u32>(slot, i, 4);
    }
  }
  return homeless;
}
/** Makes the table, unless it is there. */
export function needJumps(): void {
  if (jumpBits != 0) return;
  jumpBits = 3;
  while (<u32>1 << jumpBits < targetCount * SPARSITY && <u32>1 << jumpBits < JUMPS_MAX) jumpBits++;
  let best: u32 = 0;
  let least: u32 = u32.MAX_VALUE;
  jumpFactor = FIRST_FACTOR;
  for (let i: u32 = 0; i < TRIES && least != 0; i++) {
    const homeless = fill();
    if (homeless < least) {
      least = homeless;
      best = jumpFactor;
    }
    jumpFactor *= NEXT_FACTOR;
  }
  jumpFactor = best;
  fill();
  // Entry 0 came first, so it has its slot.
  const head = <i32>distanceOf(0);
  for (let i: u32 = 0; i < <u32>1 << jumpBits; i++) {
    const slot = JUMPS + (<usize>i << 3);
    if (load<i32>(slot, 4) != -1) continue;
    store<i32>(slot, head);
    store<u32>(slot, 0, 4);
  }
}
