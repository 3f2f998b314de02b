// Groups of accesses: operands with the same registers and different displacements share one look-up. The first access
// checks the whole span that its node is going to use, which must lie in one page; the others are at fixed distances
// from its host address. Pushes and pops are accesses relative to RSP, whose steps are known, as are those of other
// registers that move by constants. A mapping cannot change while the region runs: whatever changes one leaves first.
// A span that does not lie in one page gives the access, and with it the rest of the way, to tier 0: spans are short.
//
//   group, 16 bytes:  0 key u32 | 4 low i32: displacement, from the registers as they are now, of the host address |
//                     8 span u32 | 12 write u32 (0: reads only)
//   key: 4:0 base (16 none) | 9:5 index | 11:10 scale | 15:12 form | 19:16 segment | 31 valid

import { Op } from "../../decode/op";
import {
  Ea,
  UOP,
  UOP_BASE,
  UOP_DISP,
  UOP_INDEX,
  UOP_PLAIN,
  UOP_SCALE,
  uopDst,
  uopEa,
  uopImm,
  uopLength,
  uopOffset,
  uopSeg,
  ZERO_OFFSET,
} from "../../decode/uop";
import { RIP_MARKER } from "../../decode/modrm";
import { code64 } from "../form";
import { GROUP_STACK, GROUP_STACK_MAX, GROUPS } from "../work";

export const GROUPS_MAX: u32 = 8;
const SIZE: u32 = 16;
const KEY: usize = 0;
const LOW: usize = 4;
const SPAN: usize = 8;
const WRITE: usize = 12;
const VALID: u32 = 1 << 31;
const NONE: u32 = 16;
const SP: u32 = 4;
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

@inline function baseOf(key: u32): u32 { return key & 31; }
@inline function indexOf(key: u32): u32 { return (key >> 5) & 31; }

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
    const low = <i64>load<i32>(g, LOW) - step;
    if (!known || indexOf(key) == number || low != <i64><i32>low) store<u32>(g, 0, KEY);
    else store<i32>(g, <i32>low, LOW);
  }
}

/** Key of the memory operand of a micro-op; 0: it cannot share. */
function keyOf(u: usize): u32 {
  const form = uopEa(u);
  const relative = form == Ea.RIP64 || (form == Ea.BASE64 && load<u8>(u, UOP_SCALE) == RIP_MARKER);
  if (form != Ea.FLAT64 && form != Ea.RIP64 && form != Ea.BASE64 && !(form == Ea.FLAT32 && !code64)) return 0;
  if (relative) return VALID | NONE | (NONE << 5) | (<u32>Ea.RIP64 << 12) | ((form == Ea.BASE64 ? uopSeg(u) : 0) << 16);
  const base = <u32>load<u8>(u, UOP_BASE);
  const index = <u32>load<u8>(u, UOP_INDEX);
  const segment: u32 = form == Ea.BASE64 ? uopSeg(u) : 0;
  return VALID | (base >> 3) | ((index >> 3) << 5) | (<u32>load<u8>(u, UOP_SCALE) << 10) | (form << 12) | (segment << 16);
}
/** Displacement of an operand from its key's registers; of RIP-relative ones from the head page's start. */
@inline function displacement(u: usize, nextRelative: i64): i64 {
  const disp = <i64>load<i32>(u, UOP_DISP);
  const form = uopEa(u);
  return form == Ea.RIP64 || (form == Ea.BASE64 && load<u8>(u, UOP_SCALE) == RIP_MARKER) ? disp + nextRelative : disp;
}

// ---- what the instructions ahead access -----------------------------------------------------------

/** Of an access: bytes (0: none that is known) and whether it writes. */
let bytesAhead: u32 = 0;
let writesAhead: bool = false;
function look(u: usize): void {
  const o = <u32>load<u16>(u, UOP_PLAIN);
  bytesAhead = 0;
  writesAhead = false;
  if (o >= <u32>Op.ADD_RR8 && o < <u32>Op.TEST_RR8) {
    const k = o - <u32>Op.ADD_RR8;
    const form = k % 5;
    if (form < 2) return;
    bytesAhead = 1 << ((k % 20) / 5);
    writesAhead = form > 2 && k / 20 != 7;
  } else if (o >= <u32>Op.TEST_RR8 && o < <u32>Op.MOV_RR8) {
    const k = o - <u32>Op.TEST_RR8;
    if ((k & 2) != 0) bytesAhead = 1 << (k >> 2);
  } else if (o >= <u32>Op.MOV_RR8 && o < <u32>Op.MOVZX_8_16_R) {
    const k = o - <u32>Op.MOV_RR8;
    if (k % 5 < 2) return;
    bytesAhead = 1 << (k / 5);
    writesAhead = k % 5 > 2;
  } else if (o >= <u32>Op.INC_R8 && o <= <u32>Op.NEG_M64) {
    const k = o - <u32>Op.INC_R8;
    if ((k & 1) == 0) return;
    bytesAhead = 1 << ((k >> 1) & 3);
    writesAhead = true;
  } else {
    switch (o) {
      case Op.MOVZX_8_16_M:
      case Op.MOVZX_8_32_M:
      case Op.MOVSX_8_16_M:
      case Op.MOVSX_8_32_M:
      case Op.MOVSX_8_64_M: bytesAhead = 1; return;
      case Op.MOVZX_16_32_M:
      case Op.MOVSX_16_32_M:
      case Op.MOVSX_16_64_M: bytesAhead = 2; return;
      case Op.MOVSX_32_64_M:
      case Op.CMOV_RM32:
      case Op.IMUL_RM32:
      case Op.JMP_M32:
      case Op.CALL_M32: bytesAhead = 4; return;
      case Op.CMOV_RM64:
      case Op.IMUL_RM64:
      case Op.JMP_M64:
      case Op.CALL_M64: bytesAhead = 8; return;
    }
  }
}
/** How a micro-op pushes or pops through RSP: the step in bytes, negative for pushes; 0: it does not. */
function stackStep(o: u32): i64 {
  switch (o) {
    case Op.PUSH_R32:
    case Op.PUSH_I32:
    case Op.CALL_REL32: return -4;
    case Op.PUSH_R64:
    case Op.PUSH_I64:
    case Op.CALL_REL64: return -8;
    case Op.POP_R32:
    case Op.RET32: return 4;
    case Op.POP_R64:
    case Op.RET64: return 8;
  }
  return 0;
}

const KEEPS: u32 = 0;
const MOVES: u32 = 1;
const SPOILS: u32 = 2;
let stepAhead: i64 = 0;
/** What a micro-op does to a register. */
function effectOn(u: usize, number: u32): u32 {
  const o = <u32>load<u16>(u, UOP_PLAIN);
  const full: u32 = code64 ? 3 : 2;
  stepAhead = 0;
  const stack = stackStep(o);
  if (stack != 0) {
    const popped = (o == <u32>Op.POP_R32 || o == <u32>Op.POP_R64) && <u32>uopDst(u) >> 3 == number;
    if (popped) return SPOILS;
    if (number != SP) return KEEPS;
    stepAhead = stack;
    return MOVES;
  }
  if (o >= <u32>Op.ADD_RR8 && o < <u32>Op.TEST_RR8) {
    const k = o - <u32>Op.ADD_RR8;
    const kind = k / 20;
    const form = k % 5;
    if (kind == 7 || form > 2 || <u32>uopDst(u) >> 3 != number) return KEEPS;
    if (form != 1 || (k % 20) / 5 != full || (kind != 0 && kind != 5)) return SPOILS;
    stepAhead = kind == 0 ? uopImm(u) : -uopImm(u);
    return MOVES;
  }
  if (o >= <u32>Op.TEST_RR8 && o < <u32>Op.MOV_RR8) return KEEPS;
  if (o >= <u32>Op.MOV_RR8 && o < <u32>Op.LEA16) {
    if (o < <u32>Op.MOVZX_8_16_R && (o - <u32>Op.MOV_RR8) % 5 > 2) return KEEPS;
    return <u32>uopDst(u) >> 3 == number ? SPOILS : KEEPS;
  }
  if (o == <u32>Op.LEA16 + full - 1) {
    if (<u32>uopDst(u) >> 3 != number) return KEEPS;
    const plain = load<u8>(u, UOP_INDEX) == ZERO_OFFSET && <u32>load<u8>(u, UOP_BASE) >> 3 == number;
    if (!plain || (uopEa(u) != Ea.FLAT64 && uopEa(u) != Ea.FLAT32)) return SPOILS;
    stepAhead = <i64>load<i32>(u, UOP_DISP);
    return MOVES;
  }
  if (o >= <u32>Op.INC_R8 && o <= <u32>Op.NEG_M64) {
    const k = o - <u32>Op.INC_R8;
    if ((k & 1) != 0 || <u32>uopDst(u) >> 3 != number) return KEEPS;
    if (((k >> 1) & 3) != full || k >> 3 > 1) return SPOILS;
    stepAhead = k >> 3 == 0 ? 1 : -1;
    return MOVES;
  }
  if ((o >= <u32>Op.ROL_RI32 && o <= <u32>Op.IMUL_RM64) || o == <u32>Op.SETCC_R || (o >= <u32>Op.CMOV_RR32 && o <= <u32>Op.CMOV_RM64)) {
    return <u32>uopDst(u) >> 3 == number ? SPOILS : KEEPS;
  }
  const harmless =
    o == <u32>Op.NOP || o == <u32>Op.JCC || o == <u32>Op.JMP_REL || (o >= <u32>Op.BT_RI32 && o <= <u32>Op.BT_RR64) ||
    (o >= <u32>Op.VECTOR_LOAD && o <= <u32>Op.VECTOR_STORE32) || (o >= <u32>Op.ADDPS && o <= <u32>Op.CVTSI2SD);
  return harmless ? KEEPS : SPOILS;
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
        look(u);
        if (bytesAhead != 0 && !include(displacement(u, relative) + moved, bytesAhead, writesAhead, most)) return;
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
      if (index != NONE && effectOn(u, index) != KEEPS) return;
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

/** Key of the operand of a micro-op, of a stack access. */
export function operandKey(u: usize): u32 { return keyOf(u); }
export function stackKey(register: u32): u32 {
  return VALID | register | (NONE << 5) | ((code64 ? <u32>Ea.FLAT64 : <u32>Ea.FLAT32) << 12);
}
export function operandDisplacement(u: usize, nextRelative: i64): i64 { return displacement(u, nextRelative); }

/** A group serves the access: `found` and `offset` say how. */
export function find(key: u32, at: i64, bytes: u32, write: bool): bool {
  for (let n: u32 = 0; n < GROUPS_MAX; n++) {
    const g = group(n);
    if (load<u32>(g, KEY) != key || (write && load<u32>(g, WRITE) == 0)) continue;
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
  survey(key);
  if (low != <i64><i32>low) return false;
  found = next;
  next = (next + 1) % GROUPS_MAX;
  plannedLow = low;
  plannedSpan = <u32>(high - low);
  plannedWrite = writesAny;
  offset = <u32>(at - low);
  return true;
}
/** The planned group has been checked. */
export function settle(key: u32): void {
  const g = group(found);
  store<u32>(g, key, KEY);
  store<i32>(g, <i32>plannedLow, LOW);
  store<u32>(g, plannedSpan, SPAN);
  store<u32>(g, u32(plannedWrite), WRITE);
}
