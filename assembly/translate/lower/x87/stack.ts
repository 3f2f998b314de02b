// The x87 register stack in a region (execute/x87/registers is tier 0's). Registers are kept in locals by *slot*: their distance
// from TOP at the region's entry, so that the code need not know TOP. How far TOP has moved since is known at every point of
// the code (`depth`); where ways with different depths meet the slots are turned round on the way.
//
// Also known are slots that hold a value, slots that are empty, values that are zero or normal numbers, and whether the
// rounding control says nearest. What is not known is checked; results that are anything else are tier 0's.
//
//   state:  2:0 depth | 7 nearest | 15:8 full | 23:16 empty | 31:24 normal or zero, bit per slot

import { REGION_BASE, RIP_MASK, SEG_SELECTOR, X87, X87_CONTROL, X87_CS, X87_DP, X87_DS, X87_IP, X87_OPCODE, X87_STATUS, X87_TAGS } from "../../../layout";
import { CS } from "../../../x86/segment";
import { close, LABEL_IF, missIf, open } from "../../control";
import { code64 } from "../../form";
import { blockVoid, get, i32c, i64c, loadCell, memory, op, set, TYPE_I32, TYPE_I64, unsigned, Wasm } from "../../wasm";

// Locals, from the number that the caller gives (lower/locals). i64:
let first: u32 = 0;
@inline function significandLocal(slot: u32): u32 { return first + slot; }
/** Operands, result high and low, two more. */
@inline export function XA(): u32 { return first + 8; }
@inline export function XB(): u32 { return first + 9; }
@inline export function XH(): u32 { return first + 10; }
@inline export function XL(): u32 { return first + 11; }
@inline export function XP(): u32 { return first + 12; }
@inline export function XQ(): u32 { return first + 13; }
/** Not 0 once a result was inexact. */
@inline function lost(): u32 { return first + 14; }
const I64_COUNT: u32 = 15;
// i32: sign and exponent, as in memory.
@inline function exponentLocal(slot: u32): u32 { return first + 15 + slot; }
@inline export function EA(): u32 { return first + 23; }
@inline export function EB(): u32 { return first + 24; }
@inline export function ER(): u32 { return first + 25; }
@inline export function XS(): u32 { return first + 26; }
@inline export function XC(): u32 { return first + 27; }
/** The result was rounded up. */
@inline export function UP(): u32 { return first + 28; }
/** Bit per slot that holds a value. */
@inline function tags(): u32 { return first + 29; }
/** C1 as 0 or 1; C0, C2, C3 at their places in the status word. */
@inline export function rose(): u32 { return first + 30; }
@inline export function condition(): u32 { return first + 31; }
@inline function statusLocal(): u32 { return first + 32; }
@inline export function control(): u32 { return first + 33; }
/** TOP at the entry; how far it has moved. */
@inline function top(): u32 { return first + 34; }
@inline function depthLocal(): u32 { return first + 35; }
/** FOP of the last instruction, -1 if there was none; segment of its operand, -1. */
@inline function opcodeLocal(): u32 { return first + 36; }
@inline function segmentLocal(): u32 { return first + 37; }
const I32_COUNT: u32 = 23;
// W: FIP from the head page's start; FDP.
@inline function pointer(): u32 { return first + 38; }
@inline function dataPointer(): u32 { return first + 39; }

/** There are x87 instructions in the region. */
export let usesX87: bool = false;
let usedSlots: u32 = 0;
let changedSlots: u32 = 0;
let changesControl: bool = false;

let depth: u32 = 0;
let full: u32 = 0;
let empty: u32 = 0;
let normal: u32 = 0;
let nearest: bool = false;

/** Starts a region; the locals begin at a number. */
export function resetStack(number: u32): void {
  first = number;
  usesX87 = false;
  usedSlots = 0;
  changedSlots = 0;
  changesControl = false;
  setStackState(0);
}
export function useX87(): void { usesX87 = true; }
export function noteControl(): void { changesControl = true; }

export function stackState(): u32 { return depth | (nearest ? 0x80 : 0) | (full << 8) | (empty << 16) | (normal << 24); }
export function setStackState(value: u32): void {
  depth = value & 7;
  nearest = (value & 0x80) != 0;
  full = (value >> 8) & 0xff;
  empty = (value >> 16) & 0xff;
  normal = value >> 24;
}
function turned(mask: u32, by: u32): u32 { return ((mask >> by) | (mask << (8 - by))) & 0xff; }
/** A state as it is with another depth. */
export function withDepth(value: u32, wanted: u32): u32 {
  const by = ((value & 7) - wanted) & 7;
  return wanted | (value & 0x80) | (turned((value >> 8) & 0xff, by) << 8) | (turned((value >> 16) & 0xff, by) << 16) | (turned(value >> 24, by) << 24);
}

// ---- registers ------------------------------------------------------------------------------------

/** Slot of ST(i). */
@inline export function slotOf(i: u32): u32 { return (depth + i) & 7; }
export function getSignificand(slot: u32): void {
  usedSlots |= 1 << slot;
  get(significandLocal(slot));
}
export function getExponent(slot: u32): void {
  usedSlots |= 1 << slot;
  get(exponentLocal(slot));
}
export function setSignificand(slot: u32): void {
  usedSlots |= 1 << slot;
  changedSlots |= 1 << slot;
  set(significandLocal(slot));
}
export function setExponent(slot: u32): void {
  usedSlots |= 1 << slot;
  changedSlots |= 1 << slot;
  set(exponentLocal(slot));
}
/** What is known about the number in a slot that has been set. */
export function setNormal(slot: u32, value: bool): void {
  normal = value ? normal | (1 << slot) : normal & ~(1 << slot);
}
@inline export function isNormal(slot: u32): bool { return ((normal >> slot) & 1) != 0; }

function testTag(slot: u32): void {
  get(tags());
  i32c(1 << slot);
  op(Wasm.I32_AND);
}
/** Leaves if the slot is empty. */
export function requireFull(slot: u32): void {
  if (((full >> slot) & 1) != 0) return;
  testTag(slot);
  op(Wasm.I32_EQZ);
  missIf();
  full |= 1 << slot;
  empty &= ~(1 << slot);
}
/** Leaves unless there is room for a push. */
export function requireRoom(): void {
  const slot = slotOf(7);
  if (((empty >> slot) & 1) != 0) return;
  testTag(slot);
  missIf();
  empty |= 1 << slot;
  full &= ~(1 << slot);
}
/** Leaves unless the slot holds zero or a normal number. */
export function requireNormal(slot: u32): void {
  requireFull(slot);
  if (isNormal(slot)) return;
  getExponent(slot);
  i32c(0x7fff);
  op(Wasm.I32_AND);
  i32c(1);
  op(Wasm.I32_SUB);
  i32c(0x7ffe);
  op(Wasm.I32_GE_U);
  getSignificand(slot);
  i64c(0);
  op(Wasm.I64_GE_S);
  op(Wasm.I32_OR);
  blockVoid(Wasm.IF);
  open(LABEL_IF);
  getSignificand(slot);
  getExponent(slot);
  i32c(0x7fff);
  op(Wasm.I32_AND);
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_OR);
  op(Wasm.I64_EQZ);
  op(Wasm.I32_EQZ);
  missIf();
  close();
  setNormal(slot, true);
}
/** Leaves unless results are rounded to nearest. */
export function requireNearest(): void {
  if (nearest) return;
  get(control());
  i32c(0xc00);
  op(Wasm.I32_AND);
  missIf();
  nearest = true;
}
@inline export function isNearest(): bool { return nearest; }
export function forgetNearest(): void { nearest = false; }

/** Moves TOP to a new register, ST(0) from now on; there must be room. */
export function push(): void {
  move(7);
  setTag(depth, true);
}
export function pop(): void {
  setTag(depth, false);
  move(1);
}
function move(by: u32): void {
  depth = (depth + by) & 7;
  i32c(depth);
  set(depthLocal());
}
/** A slot gets or loses its value. */
export function setTag(slot: u32, holds: bool): void {
  const bit = 1 << slot;
  if (holds ? (full & bit) != 0 : (empty & bit) != 0) return;
  get(tags());
  i32c(holds ? bit : ~bit);
  op(holds ? Wasm.I32_OR : Wasm.I32_AND);
  set(tags());
  full = holds ? full | bit : full & ~bit;
  empty = holds ? empty & ~bit : empty | bit;
  if (!holds) normal &= ~bit;
}

/** Code that turns the slots so that the depth is another one. */
export function turnTo(wanted: u32): void {
  const by = (depth - wanted) & 7;
  if (by == 0) return;
  usedSlots = 0xff;
  changedSlots = 0xff;
  for (let k: u32 = 0; k < 8; k++) get(significandLocal((k + by) & 7));
  for (let k: u32 = 0; k < 8; k++) get(exponentLocal((k + by) & 7));
  for (let k: u32 = 8; k != 0; k--) set(exponentLocal(k - 1));
  for (let k: u32 = 8; k != 0; k--) set(significandLocal(k - 1));
  get(tags());
  i32c(by);
  op(Wasm.I32_SHR_U);
  get(tags());
  i32c(8 - by);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
  i32c(0xff);
  op(Wasm.I32_AND);
  set(tags());
  get(top());
  i32c(by);
  op(Wasm.I32_ADD);
  set(top());
  setStackState(withDepth(stackState(), wanted));
  i32c(wanted);
  set(depthLocal());
}

// ---- the status word, and what is recorded --------------------------------------------------------

/** C1 becomes 0. */
export function clearC1(): void {
  i32c(0);
  set(rose());
}
/** The result is inexact if XL is not 0, and was rounded up if UP. */
export function setRounded(): void {
  get(lost());
  get(XL());
  op(Wasm.I64_OR);
  set(lost());
  get(UP());
  set(rose());
}
/** Pushes the status word. */
export function pushStatus(): void {
  get(statusLocal());
  // Without TOP and C0 to C3.
  i32c(0x80ff);
  op(Wasm.I32_AND);
  get(top());
  get(depthLocal());
  op(Wasm.I32_ADD);
  i32c(7);
  op(Wasm.I32_AND);
  i32c(11);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
  get(rose());
  i32c(9);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
  get(condition());
  op(Wasm.I32_OR);
  get(lost());
  op(Wasm.I64_EQZ);
  op(Wasm.I32_EQZ);
  i32c(5);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
}
/** FIP and FOP of an instruction; where it has a memory operand of a segment, FDP from a local of type W. */
export function recordInstruction(relative: i64, opcode: u32): void {
  if (code64) i64c(relative);
  else i32c(<i32>relative);
  set(pointer());
  i32c(opcode);
  set(opcodeLocal());
}
export function recordOperand(local: u32, segment: u32): void {
  get(local);
  set(dataPointer());
  i32c(segment);
  set(segmentLocal());
}

// ---- prologue and exit ----------------------------------------------------------------------------

export const STACK_GROUPS: u32 = 3;
export function declareStack(): void {
  unsigned(I64_COUNT);
  unsigned(TYPE_I64);
  unsigned(I32_COUNT);
  unsigned(TYPE_I32);
  unsigned(2);
  unsigned(code64 ? TYPE_I64 : TYPE_I32);
}

/** Pushes the address of a slot less X87. */
function address(slot: u32): void {
  get(top());
  i32c(slot);
  op(Wasm.I32_ADD);
  i32c(7);
  op(Wasm.I32_AND);
  i32c(4);
  op(Wasm.I32_SHL);
}
export function loadStack(): void {
  loadCell(Wasm.I32_LOAD16_U, X87_STATUS);
  set(statusLocal());
  get(statusLocal());
  i32c(11);
  op(Wasm.I32_SHR_U);
  i32c(7);
  op(Wasm.I32_AND);
  set(top());
  get(statusLocal());
  i32c(9);
  op(Wasm.I32_SHR_U);
  i32c(1);
  op(Wasm.I32_AND);
  set(rose());
  get(statusLocal());
  i32c(0x4500);
  op(Wasm.I32_AND);
  set(condition());
  loadCell(Wasm.I32_LOAD16_U, X87_CONTROL);
  set(control());
  // Tags by slot: turned right by TOP.
  loadCell(Wasm.I32_LOAD8_U, X87_TAGS);
  i32c(0x101);
  op(Wasm.I32_MUL);
  get(top());
  op(Wasm.I32_SHR_U);
  i32c(0xff);
  op(Wasm.I32_AND);
  set(tags());
  i32c(-1);
  set(opcodeLocal());
  i32c(-1);
  set(segmentLocal());
  for (let slot: u32 = 0; slot < 8; slot++) {
    if (((usedSlots >> slot) & 1) == 0) continue;
    address(slot);
    memory(Wasm.I64_LOAD, <u32>X87);
    set(significandLocal(slot));
    address(slot);
    memory(Wasm.I32_LOAD16_U, <u32>X87 + 8);
    set(exponentLocal(slot));
  }
}
export function storeStack(): void {
  for (let slot: u32 = 0; slot < 8; slot++) {
    if (((changedSlots >> slot) & 1) == 0) continue;
    address(slot);
    get(significandLocal(slot));
    memory(Wasm.I64_STORE, <u32>X87);
    address(slot);
    get(exponentLocal(slot));
    memory(Wasm.I32_STORE16, <u32>X87 + 8);
  }
  i32c(0);
  pushStatus();
  memory(Wasm.I32_STORE16, <u32>X87_STATUS);
  i32c(0);
  get(tags());
  i32c(0x101);
  op(Wasm.I32_MUL);
  i32c(8);
  get(top());
  i32c(7);
  op(Wasm.I32_AND);
  op(Wasm.I32_SUB);
  op(Wasm.I32_SHR_U);
  memory(Wasm.I32_STORE8, <u32>X87_TAGS);
  if (changesControl) {
    i32c(0);
    get(control());
    memory(Wasm.I32_STORE16, <u32>X87_CONTROL);
  }
  storeRecord();
}
function storeRecord(): void {
  get(opcodeLocal());
  i32c(0);
  op(Wasm.I32_GE_S);
  blockVoid(Wasm.IF);
  i32c(0);
  get(opcodeLocal());
  memory(Wasm.I32_STORE16, <u32>X87_OPCODE);
  i32c(0);
  loadCell(Wasm.I64_LOAD, REGION_BASE);
  get(pointer());
  if (!code64) op(Wasm.I64_EXTEND_I32_S);
  op(Wasm.I64_ADD);
  loadCell(Wasm.I64_LOAD, RIP_MASK);
  op(Wasm.I64_AND);
  memory(Wasm.I64_STORE, <u32>X87_IP);
  i32c(0);
  loadCell(Wasm.I32_LOAD, SEG_SELECTOR + (<usize>CS << 2));
  memory(Wasm.I32_STORE16, <u32>X87_CS);
  op(Wasm.END);
  get(segmentLocal());
  i32c(0);
  op(Wasm.I32_GE_S);
  blockVoid(Wasm.IF);
  i32c(0);
  get(dataPointer());
  if (!code64) op(Wasm.I64_EXTEND_I32_U);
  memory(Wasm.I64_STORE, <u32>X87_DP);
  i32c(0);
  get(segmentLocal());
  i32c(2);
  op(Wasm.I32_SHL);
  memory(Wasm.I32_LOAD, <u32>SEG_SELECTOR);
  memory(Wasm.I32_STORE16, <u32>X87_DS);
  op(Wasm.END);
}
