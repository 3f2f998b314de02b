// The workspace of one translation: the region's pages, its nodes (basic blocks), the exits and entries found so far.
// All of it is dead between two calls of translate().
//
//   node, 96 bytes; node 0 is the dispatch node, which has no code:
//     0  page      u32  index of its page    4  offset   u32  offset of its first instruction in the page
//     8  uop       u32  first micro-op      12  count    u32  instructions
//    16  term      u32  Term
//    20  taken     i32  successor of a jump, a taken branch, a call; -1: none in the region
//    24  next      i32  successor by falling through, return site of a call, -1
//    28  targetPage i32 page (relative to the head's) of the taken target | 32 targetOffset u32
//    36  nextPage  i32  the same for what follows                         | 40 nextOffset u32
//    44  flags     u32  NodeFlag bits
//    48  order     i32  position in reverse postorder, -1: unreachable
//    52  dominator i32
//    56  forward   u32  edges into it that are not back edges
//    60  entry     i32  index among the targets of the dispatch node, -1
//    64  state     u32  flag state at its start (lower/flags)
//    68  ahead     u32  instructions on the longest way from it to a look at the fuel
//    72  on        u32  how a chain of nodes goes on: 1 taken, 2 next; rounds of a guard
//    80  returns   u64  return sites that a RET in it may go to, by index
//    88  stack     u32  x87 stack at its start (lower/x87/stack)

import { REGION_PAGES_MAX, TRANSLATE_WORK } from "../layout";
import { regionRecord } from "../region/record";

export const NODE_SIZE: u32 = 96;
export const NODES_MAX: u32 = 640;
export const NODE_PAGE: usize = 0;
export const NODE_OFFSET: usize = 4;
export const NODE_UOP: usize = 8;
export const NODE_COUNT: usize = 12;
export const NODE_TERM: usize = 16;
export const NODE_TAKEN: usize = 20;
export const NODE_NEXT: usize = 24;
export const NODE_TARGET_PAGE: usize = 28;
export const NODE_TARGET_OFFSET: usize = 32;
export const NODE_NEXT_PAGE: usize = 36;
export const NODE_NEXT_OFFSET: usize = 40;
export const NODE_FLAGS: usize = 44;
export const NODE_ORDER: usize = 48;
export const NODE_DOMINATOR: usize = 52;
export const NODE_FORWARD: usize = 56;
export const NODE_ENTRY: usize = 60;
export const NODE_STATE: usize = 64;
export const NODE_AHEAD: usize = 68;
export const NODE_ON: usize = 72;
export const NODE_RETURNS: usize = 80;
export const NODE_STACK: usize = 88;

/** How a node ends. */
export const enum Term {
  /** Falls through to `next`. */
  FALL = 0,
  JUMP = 1,
  BRANCH = 2,
  CALL = 3,
  RETURN = 4,
  /** Indirect jump; indirect call. */
  INDIRECT = 5,
  INDIRECT_CALL = 6,
  /** The last instruction is executed out of line and goes on at `next`, if it is an entry. */
  STEP = 7,
  /** Tier 0 goes on behind the last instruction that is counted. */
  LEAVE = 8,
  /** Has no instructions: to `taken` when the memory of the rounds there is as it should (unroll), otherwise to `next`. */
  GUARD = 9,
}

export const enum NodeFlag {
  /** Can be entered from outside. */
  ENTRY = 1,
  /** A back edge leads here. */
  HEADER = 2,
  /** The edge to `taken` (to `next`) goes through the dispatch node: it would enter a loop beside its header. */
  TAKEN_VIA = 4,
  NEXT_VIA = 8,
  /** Return site of a call. */
  RETURN_SITE = 16,
  /** Written beside another node of the same place (rotate). */
  COPY = 32,
}

const NODES: usize = TRANSLATE_WORK;
/** Page list: {i32 relative page, u32 frame, u64 granules} x REGION_PAGES_MAX. */
export const PAGES: usize = TRANSLATE_WORK + 0x10000;
/** Hash of places: {u32 place + 1, u32 node} x 1024. */
export const PLACES: usize = TRANSLATE_WORK + 0x10200;
export const PLACES_SIZE: u32 = 1024;
/** Nodes in reverse postorder (u32 each). */
export const ORDER: usize = TRANSLATE_WORK + 0x12400;
/** Stack of searches and the stack of open blocks (u32 each). */
export const STACK: usize = TRANSLATE_WORK + 0x13000;
export const OPEN: usize = TRANSLATE_WORK + 0x15000;
/** Groups of accesses that hold here, and those kept for other ways (lower/groups). */
export const GROUPS: usize = TRANSLATE_WORK + 0x16c00;
export const GROUP_STACK: usize = TRANSLATE_WORK + 0x30000;
export const GROUP_STACK_MAX: u32 = 400;
/** Regions of the module that is being written (u32 each); this one outlives the call. */
export const WRITTEN: usize = TRANSLATE_WORK + 0x16800;
/** Targets of the dispatch node: nodes (u32 each). */
export const TARGETS: usize = TRANSLATE_WORK + 0x16000;
export const TARGETS_MAX: u32 = 256;
/** Exits as they will be in the side table, 16 bytes each. */
export const EXITS: usize = TRANSLATE_WORK + 0x18000;
export const EXITS_MAX: u32 = 4096;
/** Micro-ops of STEP exits. */
export const STEPS: usize = TRANSLATE_WORK + 0x28000;
export const STEPS_MAX: u32 = 512;
/** Entries by distance, for jumps (jumps): 8 bytes per slot. */
export const JUMPS: usize = TRANSLATE_WORK + 0x1ed000;
export const JUMPS_MAX: u32 = 1024;
/** Where the module's regions have nodes: frame << 12 | offset, by hash; this table outlives the call. */
export const COVERED: usize = TRANSLATE_WORK + 0x1f0000;
export const COVERED_SIZE: u32 = 4096;
/** What is known about XMM registers here (lower/facts): 8 bytes each, then working data; at the starts of nodes. */
export const CURRENT_FACTS: usize = TRANSLATE_WORK + 0x1c0000;
export const FACTS_SIZE: u32 = 128;
export const NODE_FACTS: usize = TRANSLATE_WORK + 0x1c1000;
/** The same on the ways into a loop. */
export const ENTRY_FACTS: usize = TRANSLATE_WORK + 0x1d5000;
/** What loops demand of registers: 16 bytes per node. Nodes of the loop at hand: a byte per node. */
export const DEMANDS: usize = TRANSLATE_WORK + 0x1e9000;
export const LOOP_NODES: usize = TRANSLATE_WORK + 0x1ec000;
/** Spans that the rounds of a loop access, and by how much they have moved registers so far (unroll). */
export const STREAMS: usize = TRANSLATE_WORK + 0x1ec400;
export const MOVED: usize = TRANSLATE_WORK + 0x1ec800;
/** Code of the function's body. */
export const BODY: usize = TRANSLATE_WORK + 0x40000;
export const BODY_MAX: usize = 0x180000;

/** Index of the region that is being written. */
let self: u32 = 0;
export function setSelf(index: u32): void { self = index; }
/** Address of its record. */
@inline export function ownRecord(): usize { return regionRecord(self); }

export let nodeCount: u32 = 0;
export let pageCount: u32 = 0;
export let targetCount: u32 = 0;
export let exitCount: u32 = 0;
export let stepCount: u32 = 0;
/** Something did not fit: the translation is given up. */
export let overflowed: bool = false;

export function giveUp(): void { overflowed = true; }

export function resetWork(): void {
  nodeCount = 1;
  pageCount = 0;
  targetCount = 0;
  exitCount = 0;
  stepCount = 0;
  overflowed = false;
  memory.fill(PLACES, 0, PLACES_SIZE * 8);
  memory.fill(node(0), 0, NODE_SIZE);
  store<i32>(node(0), -1, NODE_TAKEN);
  store<i32>(node(0), -1, NODE_NEXT);
  store<i32>(node(0), -1, NODE_ENTRY);
}

@inline export function node(index: u32): usize { return NODES + <usize>index * NODE_SIZE; }
@inline export function flagsOf(n: usize): u32 { return load<u32>(n, NODE_FLAGS); }
@inline export function addFlags(n: usize, bits: u32): void { store<u32>(n, load<u32>(n, NODE_FLAGS) | bits, NODE_FLAGS); }

function slotOf(place: u32): usize {
  let slot = (place * 0x9e3779b1) >> 22;
  let at = PLACES + (<usize>slot << 3);
  while (load<u32>(at) != 0 && load<u32>(at) != place + 1) {
    slot = (slot + 1) & (PLACES_SIZE - 1);
    at = PLACES + (<usize>slot << 3);
  }
  return at;
}
/** Node that starts at a place, or -1. */
export function nodeAt(place: u32): i32 {
  const at = slotOf(place);
  return load<u32>(at) == 0 ? -1 : <i32>load<u32>(at, 4);
}
/** A new node for a place that has none; -1 when there are too many. */
export function addNode(place: u32, uop: usize): i32 {
  if (nodeCount == NODES_MAX) return -1;
  const index = nodeCount++;
  const n = node(index);
  memory.fill(n, 0, NODE_SIZE);
  store<u32>(n, place >> 12, NODE_PAGE);
  store<u32>(n, place & 0xfff, NODE_OFFSET);
  store<u32>(n, <u32>uop, NODE_UOP);
  store<i32>(n, -1, NODE_TAKEN);
  store<i32>(n, -1, NODE_NEXT);
  store<i32>(n, -1, NODE_ENTRY);
  const at = slotOf(place);
  store<u32>(at, place + 1);
  store<u32>(at, index, 4);
  return <i32>index;
}
/** Another node like one there is, for the same place; -1 when there are too many. */
export function copyNode(index: u32): i32 {
  if (nodeCount == NODES_MAX) return -1;
  memory.copy(node(nodeCount), node(index), NODE_SIZE);
  nodeCount++;
  return <i32>(nodeCount - 1);
}
/** Makes a node a target of the dispatch node. */
export function addTarget(index: u32): bool {
  const n = node(index);
  if (load<i32>(n, NODE_ENTRY) >= 0) return true;
  if (targetCount == TARGETS_MAX) return false;
  store<i32>(n, <i32>targetCount, NODE_ENTRY);
  store<u32>(TARGETS + (<usize>targetCount << 2), index);
  targetCount++;
  return true;
}
@inline export function target(index: u32): u32 { return load<u32>(TARGETS + (<usize>index << 2)); }

@inline export function pageEntry(index: u32): usize { return PAGES + (<usize>index << 4); }
/** Index of a page given relative to the head's page, or -1. */
export function pageIndex(relative: i32): i32 {
  for (let i: u32 = 0; i < pageCount; i++) if (load<i32>(pageEntry(i)) == relative) return <i32>i;
  return -1;
}
export function addPage(relative: i32, frame: u32): i32 {
  if (pageCount == REGION_PAGES_MAX) return -1;
  store<i32>(pageEntry(pageCount), relative);
  store<u32>(pageEntry(pageCount), frame, 4);
  store<u64>(pageEntry(pageCount), 0, 8);
  pageCount++;
  return <i32>(pageCount - 1);
}
/** Marks bytes of a page as covered by the region. */
export function cover(page: u32, first: u32, last: u32): void {
  const bits = (<u64>-1 << <u64>(first >> 6)) & (<u64>-1 >> <u64>(63 - (last >> 6)));
  store<u64>(pageEntry(page), load<u64>(pageEntry(page), 8) | bits, 8);
}

@inline export function exitEntry(index: u32): usize { return EXITS + (<usize>index << 4); }
export function newExit(): u32 {
  if (exitCount == EXITS_MAX) {
    overflowed = true;
    return 0;
  }
  return exitCount++;
}
@inline export function stepEntry(index: u32): usize { return STEPS + (<usize>index << 5); }
export function newStep(): u32 {
  if (stepCount == STEPS_MAX) {
    overflowed = true;
    return 0;
  }
  return stepCount++;
}
