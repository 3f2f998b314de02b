// Groups of accesses: operands with the same registers and different displacements share one look-up. The first access
// checks the whole span that its node is going to use, which must lie in one page; the others are at fixed distances
// from its host address. Pushes and pops are accesses relative to RSP, whose steps are known, as are those of other
// registers that move by constants. A mapping cannot change while the region runs: whatever changes one leaves first.
// A span that does not lie in one page gives the access, and with it the rest of the way, to tier 0: spans are short. Where
// that happens all the time, as on a stack that calls always find at the same depth, the node does without (region/caution).
//
//   group, 16 bytes:  0 key u32 | 4 low i32: displacement, from the registers as they are now, of the host address |
//                     8 span u32 | 12 write u8 (0: reads only) | 13 pinned u8 |
//                     14 aligned u8: 1 + distance from the host address, below 16, at which 16 bytes are aligned; 0 unknown
//   key: lower/access

import { Ea, UOP, UOP_PLAIN, uopEa, uopLength, uopOffset } from "../../decode/uop";
import { code64 } from "../form";
import { GROUP_STACK, GROUP_STACK_MAX, GROUPS } from "../work";
import {
  accessBytes,
  accessWrites,
  baseOf,
  effectOn,
  indexOf,
  KEEPS,
  keyOf,
  lookAt,
  MOVES,
  NONE,
  operandDisplacement,
  scaleOf,
  SP,
  SPOILS,
  stackStep,
  stepAhead,
  VALID,
} from "./access";

export const GROUPS_MAX: u32 = 8;
const SIZE: u32 = 16;
const KEY: usize = 0;
const LOW: usize = 4;
const SPAN: usize = 8;
const WRITE: usize = 12;
const PINNED: usize = 13;
const ALIGNED: usize = 14;
const BP: u32 = 5;
/** Longest span of a group, and of one on the stack: the share of spans that two pages share is span / 4096. */
const SPAN_MAX: i64 = 96;
const STACK_SPAN_MAX: i64 = 256;

@inline function group(n: u32): usize { return GROUPS + <usize>n * SIZE; }
let next: u32 = 0;

export function clearGroups(): void { for (let n: u32 = 0; n < GROUPS_MAX; n++) store<u32>(group(n), 0, KEY); }

let saved: u32 = 0;
export function resetGroups(): void {
  saved = 0;
  next = 0;
  clearGroups();
}
/** Keeps the groups of a way while another is written; restoreGroups brings them back. */
export function saveGroups(): void {
  if (saved < GROUP_STACK_MAX) {
    const at = GROUP_STACK + <usize>(saved * GROUPS_MAX * SIZE);
    for (let i: u32 = 0; i < GROUPS_MAX * SIZE; i += 8) store<u64>(at + i, load<u64>(GROUPS + i));
  }
  saved++;
}
export function restoreGroups(): void {
  saved--;
  if (saved >= GROUP_STACK_MAX) {
    clearGroups();
    return;
  }
  const at = GROUP_STACK + <usize>(saved * GROUPS_MAX * SIZE);
  for (let i: u32 = 0; i < GROUPS_MAX * SIZE; i += 8) store<u64>(GROUPS + i, load<u64>(at + i));
}

/** By how much the next change of a register moves it; only counts for that change. */
let step: i64 = 0;
let stepKnown: bool = false;
export function moveBy(amount: i64): void {
  step = amount;
  stepKnown = true;
}
/** A general register gets a new value. */
export function registerChanged(number: u32): void {
  const known = stepKnown;
  stepKnown = false;
  for (let n: u32 = 0; n < GROUPS_MAX; n++) {
    const g = group(n);
    const key = load<u32>(g, KEY);
    if (key == 0 || (baseOf(key) != number && indexOf(key) != number)) continue;
    let by: i64 = baseOf(key) == number ? step : 0;
    if (indexOf(key) == number) by += step << <i64>scaleOf(key);
    const low = <i64>load<i32>(g, LOW) - by;
    if (!known || low != <i64><i32>low) store<u32>(g, 0, KEY);
    else store<i32>(g, <i32>low, LOW);
  }
}

/** Announces the step of a register that a micro-op is about to write (registerChanged). */
export function announceStep(u: usize, number: u32): void {
  if (effectOn(u, number) == MOVES) moveBy(stepAhead);
}

// ---- the span that a node will use ----------------------------------------------------------------

/** Micro-ops of the node from the current one on. */
let ahead: usize = 0;
let aheadCount: u32 = 0;
let aheadRelative: i64 = 0;
export function setAhead(u: usize, count: u32, nextRelative: i64): void {
  ahead = u;
  aheadCount = count;
  aheadRelative = nextRelative;
}

let low: i64 = 0;
let high: i64 = 0;
let writesAny: bool = false;
/** Takes an access into the span if it stays short enough. */
function include(from: i64, bytes: u32, write: bool, most: i64): bool {
  const first = min(low, from);
  const last = max(high, from + bytes);
  if (last - first > most) return false;
  low = first;
  high = last;
  if (write) writesAny = true;
  return true;
}
/** Extends the span [low, high) over what the instructions behind the current one access by the same registers. */
function survey(key: u32): void {
  const base = baseOf(key);
  const index = indexOf(key);
  const stack = base == SP && index == NONE;
  const most = stack || base == BP ? STACK_SPAN_MAX : SPAN_MAX;
  const absolute = base == NONE && index == NONE;
  let moved: i64 = 0;
  let u = ahead;
  let relative = aheadRelative;
  for (let i: u32 = 0; i < aheadCount; i++) {
    if (i != 0) {
      if (keyOf(u) == key && uopEa(u) != Ea.REGISTER) {
        lookAt(u);
        if (accessBytes != 0 && !include(operandDisplacement(u, relative) + moved, accessBytes, accessWrites, most)) return;
      }
      if (stack) {
        const by = stackStep(<u32>load<u16>(u, UOP_PLAIN));
        if (by < 0 && !include(moved + by, <u32>-by, true, most)) return;
        if (by > 0 && !include(moved, <u32>by, false, most)) return;
      }
    }
    if (!absolute) {
      if (base != NONE) {
        const effect = effectOn(u, base);
        if (effect == SPOILS) return;
        if (effect == MOVES) moved += stepAhead;
      }
      if (index != NONE) {
        const effect = effectOn(u, index);
        if (effect == SPOILS) return;
        if (effect == MOVES) moved += stepAhead << <i64>scaleOf(key);
      }
    }
    const before = uopOffset(u) + uopLength(u);
    u += UOP;
    relative += <i64>(uopOffset(u) + uopLength(u)) - <i64>before;
  }
}

// ---- use ------------------------------------------------------------------------------------------

/** Of the last find or plan: the group, the displacement of its host address, the span, and whether it is for writes. */
export let found: u32 = 0;
export let offset: u32 = 0;
export let plannedLow: i64 = 0;
export let plannedSpan: u32 = 0;
export let plannedWrite: bool = false;
/** The span is that of several instructions. */
export let plannedShared: bool = false;
/** Spans of this node have often lain in two pages: accesses are looked up one by one. */
let split: bool = false;
export function setSplitNode(value: bool): void { split = value; }

/** Key of the operand of a micro-op, of a stack access. */
export function operandKey(u: usize): u32 { return keyOf(u); }
export function stackKey(register: u32): u32 {
  return VALID | register | (NONE << 5) | ((code64 ? <u32>Ea.FLAT64 : <u32>Ea.FLAT32) << 12);
}

/** A group serves the access: `found` and `offset` say how. */
export function find(key: u32, at: i64, bytes: u32, write: bool): bool {
  for (let n: u32 = 0; n < GROUPS_MAX; n++) {
    const g = group(n);
    if (load<u32>(g, KEY) != key || (write && load<u8>(g, WRITE) == 0)) continue;
    const distance = at - <i64>load<i32>(g, LOW);
    if (distance < 0 || distance + bytes > <i64>load<u32>(g, SPAN)) continue;
    found = n;
    offset = <u32>distance;
    return true;
  }
  return false;
}
/** Plans a group around an access of the current instruction. False: displacements are too large. */
export function plan(key: u32, at: i64, bytes: u32, write: bool): bool {
  low = at;
  high = at + bytes;
  writesAny = write;
  if (!split) survey(key);
  if (low != <i64><i32>low) return false;
  take();
  plannedLow = low;
  plannedSpan = <u32>(high - low);
  plannedWrite = writesAny;
  plannedShared = plannedSpan > bytes;
  offset = <u32>(at - low);
  return true;
}
/** The next group in turn that is not pinned. */
function take(): void {
  do {
    found = next;
    next = (next + 1) % GROUPS_MAX;
  } while (load<u32>(group(found), KEY) != 0 && load<u8>(group(found), PINNED) != 0);
}
/** Plans a group around a span that is known; once it is settled, none is put in its place. */
export function planSpan(from: i64, bytes: u32, write: bool, distance: u32): void {
  take();
  plannedLow = from;
  plannedSpan = bytes;
  plannedWrite = write;
  plannedShared = false;
  offset = distance;
}
/** 16 bytes at a distance from the host address of the group found are known to be aligned; have been seen to be. */
export function isAligned(distance: u32): bool { return load<u8>(group(found), ALIGNED) == 1 + (distance & 15); }
export function noteAligned(distance: u32): void { store<u8>(group(found), 1 + (distance & 15), ALIGNED); }
export function pin(): void { store<u8>(group(found), 1, PINNED); }
/** The planned group has been checked. */
export function settle(key: u32): void {
  const g = group(found);
  store<u32>(g, key, KEY);
  store<i32>(g, <i32>plannedLow, LOW);
  store<u32>(g, plannedSpan, SPAN);
  store<u32>(g, u32(plannedWrite), WRITE);
}
