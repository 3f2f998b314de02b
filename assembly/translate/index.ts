// The translator: hot guest code becomes WebAssembly. A module of its own over the partition's memory, so that a machine
// that never gets hot never loads it. It reads the micro-ops that tier 0 has decoded and writes functions that do the
// same to the same state (protocol: region/record); what it does not know ends the region there.
//
//   form       which instructions: nodes over physical pages, into direct callees
//   graph      order, dominators, loops; irreducible edges through one dispatch node
//   unroll     short loops over memory several times in a row
//   rotate     loops begin where their flags agree
//   jumps      where jumps whose target only their operand tells stay in the region
//   structure  nested blocks and loops, edges, terminators, fuel
//   lower/     single instructions: registers and flags in locals, memory through the lookup tables
//   wasm       bytes
//
// Imports decode/ (micro-ops, finding blocks), region/record, x86/ and layout: pure code over memory.
//
// What measured otherwise than the prototypes (32-bit kernels of `npm run bench -- --micro`, time against native):
//   windows     the page that a base register hit last in locals, one comparison instead of the tables: 3.39 against
//               2.93 without, as pages are scattered one by one; there are none
//   groups      accesses with the same registers share one look-up of a short span: fib 5.3 -> 3.4
//   flags       the common exit stores all four flag locals, which keeps every value alive that was ever in one of
//               them: letting go of what a state does not need takes matmul from 8.5 to 7.0, loops rotated to where
//               their flags agree to 4.2
//   unrolling   four rounds behind one look at their memory: copy 4.7 -> 1.8, matmul 4.2 -> 3.3; where branches mostly
//               leave the chain it costs half as much again (scan), so the numbers of entries decide
//   threshold   a kernel's boot runs few instructions often: below some 3000 entries compiling costs more than it gains;
//               short straight functions are worth it only as parts of their callers
//   batches     a module of eight small regions costs about 0.12 ms and 35 KB; compiled at once even on the event loop
//   size        regions of 200 instructions leave one another 1.4 times in 100 instructions of a program that is all warm
//               code (compiler: 16 times native), those of 1,200 hardly ever (5); a kernel's boot takes as long with either
//   jumps       the region's own table instead of the jump cache: bytecode 4.3 -> 3.5
//   x87         80-bit arithmetic in straight code: 87 -> 7.3; in long regions its state makes every way longer, and an awk
//               that prints numbers takes half as long again, so that these leave it to tier 0
//   leaves      a copy of a short callee per call gains nothing measurable; there are none
//   hops        18 ns each, mostly the mispredicted call and the way of FUEL through memory

import {
  HOT_THRESHOLD,
  META_NEXT,
  REGION_META_END,
  REGIONS_END,
  REGIONS_MAX,
  REQUESTS,
  REQUESTS_MAX,
  TRANSLATE_OUTPUT,
  TRANSLATE_OUTPUT_END,
  VALUE,
} from "../layout";
import { UOP, uopLength, uopOffset } from "../decode/uop";
import {
  EXIT_SIZE_BYTES,
  EXIT_UOP,
  PAGE_FRAME,
  REGION_BYTES,
  REGION_CHECKED_TAG,
  REGION_COUNT,
  REGION_ENTERED,
  REGION_ENTRIES,
  REGION_ENTRY_COUNT,
  REGION_EXIT_COUNT,
  REGION_EXITS,
  REGION_MODE,
  REGION_NEEDS,
  REGION_PAGE_COUNT,
  REGION_PAGE_SIZE,
  REGION_PAGES,
  REGION_RESERVE,
  REGION_STATE,
  RegionState,
  regionRecord,
  REQUEST_ASKED,
  REQUEST_FRAME,
  REQUEST_GROWS,
  REQUEST_MODE,
  REQUEST_OFFSET,
  REQUEST_SIZE,
} from "../region/record";
import { isCautious } from "../region/caution";
import { resetLabels } from "./control";
import { form, instructions, meetsX87, mode, setTakesX87 } from "./form";
import { analyse, dispatches, dispatchLoops, inOrder, ordered, orderOf, successor } from "./graph";
import { resetGroups } from "./lower/groups";
import { jumpBytes, resetJumps } from "./jumps";
import { flowFacts } from "./known";
import { epilogue, prologue, resetLocals } from "./lower/locals";
import { needs, resetNeeds } from "./lower/memory";
import { setCautious } from "./lower/plan";
import { flowStack } from "./lower/x87/flow";
import { rotate } from "./rotate";
import { emitTree, flowStates } from "./structure";
import { unroll } from "./unroll";
import { append, byte, cursor, moveCursor, op, patch, TYPE_I32, unsigned, Wasm } from "./wasm";
import {
  BODY,
  BODY_MAX,
  COVERED,
  COVERED_SIZE,
  exitCount,
  exitEntry,
  flagsOf,
  node,
  NODE_AHEAD,
  NODE_COUNT,
  NODE_OFFSET,
  NODE_PAGE,
  NODE_TERM,
  NODE_UOP,
  NodeFlag,
  overflowed,
  pageCount,
  pageEntry,
  JUMPS,
  PAGES,
  resetWork,
  setSelf,
  stepCount,
  STACK,
  STEPS,
  target,
  targetCount,
  Term,
  WRITTEN,
} from "./work";

export { listing } from "./listing";

/** Least instructions of a region without a loop, and the threshold from which on that counts. */
const STRAIGHT_MIN: u32 = 100;
const CHOOSY: u32 = 64;
/**
 * Most instructions of a region that translates x87 instructions: its state in locals makes all ways longer, which is worth
 * it in loops of arithmetic and not where now and then a number is printed.
 */
const X87_MAX: u32 = 250;

/** Functions in the module, and where the code section's length and count stand. */
let functions: u32 = 0;
/** Code entries are collected here, behind room for the sections before them. */
const HEADER_ROOM: usize = 0x8000;
const CODE: usize = TRANSLATE_OUTPUT + HEADER_ROOM;
let end: usize = CODE;

export function begin(): void {
  functions = 0;
  end = CODE;
  memory.fill(COVERED, 0, COVERED_SIZE << 2);
}

@inline function placeKey(frame: u32, offset: u32): u32 { return (frame << 12) | offset; }
@inline function coveredSlot(key: u32): usize { return COVERED + (<usize>((key * 0x9e37_79b1) >> 20) << 2); }
/**
 * A region of this module has the place in it: what follows hot code is hot, and does not need a region of its own. A loop
 * does, as long as it runs.
 */
function isCovered(key: u32): bool { return load<u32>(coveredSlot(key)) == key; }
function noteCovered(): void {
  for (let i: u32 = 1; i < ordered; i++) {
    const n = node(inOrder(i));
    if ((flagsOf(n) & NodeFlag.HEADER) != 0) continue;
    const key = placeKey(load<u32>(pageEntry(load<u32>(n, NODE_PAGE)), PAGE_FRAME), load<u32>(n, NODE_OFFSET));
    store<u32>(coveredSlot(key), key);
  }
}

/** A free region record, -1 if there is none. */
function freeRegion(): i32 {
  const used = load<u32>(REGIONS_END);
  for (let i: u32 = 0; i < used; i++) if (load<u32>(regionRecord(i)) == RegionState.FREE) return i;
  if (used == REGIONS_MAX) return -1;
  store<u32>(REGIONS_END, used + 1);
  return used;
}

/** A region of this module can be entered at a place: what asked for it became hot together with it. */
function isEntry(frame: u32, offset: u32, modeWord: u32): bool {
  for (let i: u32 = 0; i < functions; i++) {
    const r = regionRecord(load<u32>(WRITTEN + (<usize>i << 2)));
    if (load<u32>(r, REGION_MODE) != modeWord) continue;
    const entries = <usize>load<u32>(r, REGION_ENTRIES);
    for (let k: u32 = 0; k < <u32>load<u16>(r, REGION_ENTRY_COUNT); k++) {
      const place = load<u32>(entries + (<usize>k << 2));
      const page = <usize>load<u32>(r, REGION_PAGES) + <usize>((place >> 12) << 4);
      if ((place & 0xfff) == offset && load<u32>(page, PAGE_FRAME) == frame) return true;
    }
  }
  return false;
}

/** Instructions on the longest way between two looks at the fuel: loop headers and the dispatch node have them. */
function longest(): u32 {
  let most: u32 = 0;
  for (let i = <i32>ordered - 1; i > 0; i--) {
    const index = inOrder(i);
    let behind: u32 = 0;
    for (let k: u32 = 0; k < 2; k++) {
      const to = successor(index, k);
      if (to > 0 && orderOf(to) > i && (flagsOf(node(to)) & NodeFlag.HEADER) == 0) behind = max(behind, load<u32>(node(to), NODE_AHEAD));
    }
    const n = node(index);
    const length = load<u32>(n, NODE_COUNT) + behind;
    store<u32>(n, length, NODE_AHEAD);
    most = max(most, length);
  }
  return most;
}

/** Moves the side tables into the meta zone and fills the record. False: no room. */
function record(region: u32, bytes: u32): bool {
  const list = pageCount * REGION_PAGE_SIZE;
  const pages = list + jumpBytes();
  const entries = (targetCount * 4 + 15) & ~15;
  const exits = exitCount * EXIT_SIZE_BYTES;
  const steps = stepCount * 32;
  let at = <usize>load<u32>(META_NEXT);
  if (at + pages + entries + exits + steps > REGION_META_END) return false;
  store<u32>(META_NEXT, <u32>at + pages + entries + exits + steps);
  const r = regionRecord(region);
  memory.fill(r, 0, 64);
  memory.copy(at, PAGES, list);
  memory.copy(at + list, JUMPS, jumpBytes());
  store<u32>(r, <u32>at, REGION_PAGES);
  store<u16>(r, pageCount, REGION_PAGE_COUNT);
  at += pages;
  for (let i: u32 = 0; i < targetCount; i++) {
    const n = node(target(i));
    store<u32>(at + (<usize>i << 2), (load<u32>(n, NODE_PAGE) << 12) | load<u32>(n, NODE_OFFSET));
  }
  store<u32>(r, <u32>at, REGION_ENTRIES);
  store<u16>(r, targetCount, REGION_ENTRY_COUNT);
  at += entries;
  const stepsAt = at + exits;
  for (let i: u32 = 0; i < exitCount; i++) {
    const e = exitEntry(i);
    const step = load<u32>(e, EXIT_UOP);
    if (step != 0) store<u32>(e, <u32>stepsAt + (step - 1) * 32, EXIT_UOP);
  }
  memory.copy(at, exitEntry(0), exits);
  store<u32>(r, <u32>at, REGION_EXITS);
  store<u32>(r, exitCount, REGION_EXIT_COUNT);
  memory.copy(stepsAt, STEPS, steps);
  store<u32>(r, longest(), REGION_RESERVE);
  store<u32>(r, mode, REGION_MODE);
  store<u32>(r, needs, REGION_NEEDS);
  store<u32>(r, 0, REGION_CHECKED_TAG);
  store<u32>(r, 0, REGION_ENTERED);
  store<u32>(r, bytes, REGION_BYTES);
  store<u16>(r, instructions, REGION_COUNT);
  store<u32>(r, RegionState.PENDING, REGION_STATE);
  return true;
}

/**
 * Entering and leaving cost as much as some 30 instructions of tier 0. A function without a loop is worth it when it is
 * long; a short one will be part of its callers' regions, unless it asks again. Where everything is to be translated there is no such question.
 */
function isWorthwhile(): bool {
  if (instructions >= STRAIGHT_MIN || load<u32>(HOT_THRESHOLD) < CHOOSY) return true;
  for (let i: u32 = 1; i < ordered; i++) {
    const n = node(inOrder(i));
    // Loops are found by back edges, and by indirect jumps that may stay inside.
    if ((flagsOf(n) & NodeFlag.HEADER) != 0 || (load<u32>(n, NODE_TERM) == Term.INDIRECT && dispatches())) return true;
  }
  return dispatchLoops;
}

/** Translates a request of the ring. Returns the region's index, -1 if there is nothing to gain or no room. */
export function translate(request: u32): i32 {
  const q = REQUESTS + <usize>(request % REQUESTS_MAX) * REQUEST_SIZE;
  resetWork();
  resetLocals();
  resetNeeds();
  resetGroups();
  resetLabels();
  resetJumps();
  const frame = load<u32>(q, REQUEST_FRAME);
  const offset = <u32>load<u16>(q, REQUEST_OFFSET);
  const asked = <u32>load<u16>(q, REQUEST_ASKED);
  const modeWord = load<u32>(q, REQUEST_MODE);
  if (isEntry(frame, offset, modeWord) || (asked == 0 && isCovered(placeKey(frame, offset)))) return -1;
  setTakesX87(true);
  if (!form(q, (asked & REQUEST_GROWS) != 0)) return -1;
  if (meetsX87 && instructions > X87_MAX) {
    resetWork();
    setTakesX87(false);
    if (!form(q, (asked & REQUEST_GROWS) != 0)) return -1;
  }
  const region = freeRegion();
  if (region < 0) return -1;
  setSelf(region);
  analyse();
  if (overflowed) return -1;
  if (asked == 0 && !isWorthwhile()) return -1;
  flowStates();
  if (unroll()) {
    analyse();
    flowStates();
  }
  if (rotate()) {
    analyse();
    flowStates();
  }
  const cautious = isCautious(frame, offset);
  setCautious(cautious);
  flowFacts(!cautious);
  flowStack();
  moveCursor(BODY);
  emitTree(0);
  const bodyLength = cursor - BODY;
  if (overflowed || bodyLength > BODY_MAX) return -1;
  if (end + bodyLength + 0x1000 > TRANSLATE_OUTPUT_END) return -1;
  // Function: its length, declarations and prologue, the body, the common exit.
  const start = end;
  moveCursor(start + 5);
  prologue();
  append(BODY, <u32>bodyLength);
  op(Wasm.UNREACHABLE);
  epilogue();
  patch(start, <u32>(cursor - start - 5));
  if (!record(region, <u32>(cursor - start))) return -1;
  end = cursor;
  store<u32>(WRITTEN + (<usize>functions << 2), region);
  functions++;
  noteCovered();
  return region;
}

/**
 * What the last region covers, for people who look at it: {u32 place, u32 bytes} per node that is reached. Returns how
 * many there are; their address goes to VALUE[0].
 */
export function listing(): u32 {
  let count: u32 = 0;
  for (let i: u32 = 1; i < ordered; i++) {
    const n = node(inOrder(i));
    if ((flagsOf(n) & NodeFlag.COPY) != 0) continue;
    const at = STACK + (<usize>count << 3);
    store<u32>(at, (load<u32>(n, NODE_PAGE) << 12) | load<u32>(n, NODE_OFFSET));
    store<u32>(at, bytesOf(n), 4);
    count++;
  }
  store<u64>(VALUE, STACK);
  return count;
}
function bytesOf(n: usize): u32 {
  const count = load<u32>(n, NODE_COUNT);
  if (count == 0) return 0;
  const last = <usize>load<u32>(n, NODE_UOP) + <usize>(count - 1) * UOP;
  return uopOffset(last) + uopLength(last) - load<u32>(n, NODE_OFFSET);
}

function section(id: u32, length: u32): void {
  byte(id);
  unsigned(length);
}
@inline function sizeOf(value: u32): u32 { return value < 0x80 ? 1 : 2; }
@inline function digits(value: u32): u32 { return value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : 4; }
function decimal(value: u32): void {
  for (let n = digits(value); n != 0; n--) {
    let divisor: u32 = 1;
    for (let i: u32 = 1; i < n; i++) divisor *= 10;
    byte(0x30 + ((value / divisor) % 10));
  }
}

/** Completes the module. Its address goes to VALUE[0]; returns its length, 0 if it has no function. */
export function finish(): u32 {
  if (functions == 0) return 0;
  moveCursor(TRANSLATE_OUTPUT);
  // "\0asm", version 1.
  store<u64>(cursor, 0x1_6d73_6100);
  moveCursor(cursor + 8);
  // Type 0: (i32) -> i32.
  section(1, 6);
  byte(1);
  byte(0x60);
  byte(1);
  byte(TYPE_I32);
  byte(1);
  byte(TYPE_I32);
  // Import "e" "m": memory of at least one page.
  section(2, 8);
  byte(1);
  byte(1);
  byte(0x65);
  byte(1);
  byte(0x6d);
  byte(2);
  byte(0);
  byte(1);
  section(3, sizeOf(functions) + functions);
  unsigned(functions);
  for (let i: u32 = 0; i < functions; i++) byte(0);
  let exports = sizeOf(functions);
  for (let i: u32 = 0; i < functions; i++) exports += 2 + digits(i) + sizeOf(i);
  section(7, exports);
  unsigned(functions);
  for (let i: u32 = 0; i < functions; i++) {
    byte(digits(i));
    decimal(i);
    byte(0);
    unsigned(i);
  }
  section(10, <u32>(end - CODE) + sizeOf(functions));
  unsigned(functions);
  append(CODE, <u32>(end - CODE));
  store<u64>(VALUE, TRANSLATE_OUTPUT);
  return <u32>(cursor - TRANSLATE_OUTPUT);
}
