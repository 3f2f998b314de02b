// x87 instructions in a region: the arithmetic, loads, stores, comparisons and moves that compiled code consists of
// (execute/x87 is tier 0's; decode/x87 says how they are coded). The others are executed out of line.
//
// A region with them needs the unit available, no exception pending, results of 64 bits and inexact ones masked
// (RegionNeeds.X87). Rounding control is looked at where it counts: programs change it to truncate.

import { Prefix, uopDst, uopImm, uopLength, uopSeg, uopSrc } from "../../../decode/uop";
import { RegionNeeds } from "../../../region/record";
import { close, isDry, missIf } from "../../control";
import { code64 } from "../../form";
import { get, i32c, i64c, memory, op, set, tee, Wasm } from "../../wasm";
import { pushCondition, setFlags } from "../flags";
import { isMemory } from "../lanes";
import { setRegister, temporary } from "../locals";
import { effective, hostOffset, instructionRelative, need, openBytes, pushHost } from "../memory";
import { fromFloat, fromInteger, toFloat, toInteger } from "./convert";
import { add, compare, divide, multiply, openIf, setExact } from "./number";
import {
  clearC1,
  condition,
  control,
  EA,
  EB,
  ER,
  forgetNearest,
  getExponent,
  getSignificand,
  isNormal,
  noteControl,
  pop,
  push,
  pushStatus,
  recordInstruction,
  recordOperand,
  requireFull,
  requireNearest,
  requireNormal,
  requireRoom,
  setExponent,
  setNormal,
  setRounded,
  setSignificand,
  setTag,
  slotOf,
  UP,
  useX87,
  XA,
  XB,
  XC,
  XH,
  XP,
} from "./stack";

const enum Binary { ADD = 0, MUL = 1, COM = 2, COMP = 3, SUB = 4, SUBR = 5, DIV = 6, DIVR = 7 }
/** Formats of memory operands of D8 to DF by the two bits that tell them apart: m32, m32int, m64, m16int. */
const enum Format { SINGLE = 0, INTEGER32 = 1, DOUBLE = 2, INTEGER16 = 3, INTEGER64 = 4 }

@inline function selector(u: usize): u32 { return (<u32>uopDst(u) << 3) | <u32>uopSrc(u); }
@inline function numberOf(u: usize): u32 { return <u32>uopImm(u) & 7; }

/** The instruction has a translation, its addressing form aside. */
export function canLowerX87(u: usize): bool {
  if (uopDst(u) > 7) return false;
  const form = selector(u);
  if (isMemory(u)) {
    switch (form) {
      case 0o11: case 0o14: case 0o16: case 0o34: case 0o36: case 0o54: case 0o55: case 0o56: case 0o74: case 0o76: return false;
      default: return true;
    }
  }
  const i = numberOf(u);
  switch (form) {
    case 0o13: case 0o16: case 0o17: case 0o34: return false;
    // FCHS, FABS, FTST.
    case 0o14: return i == 0 || i == 1 || i == 4;
    case 0o25: case 0o63: return i == 1;
    case 0o74: return i == 0;
    default: return true;
  }
}
/** It sets the flags. */
export function x87SetsFlags(u: usize): bool {
  const form = selector(u);
  return !isMemory(u) && (form == 0o35 || form == 0o36 || form == 0o75 || form == 0o76);
}

// ---- operands -------------------------------------------------------------------------------------

/** Where the offset of a memory operand is kept until the instruction completes. */
@inline function offsetLocal(): u32 { return temporary(4, code64 ? 3 : 2); }
/** Opens the memory operand of some bytes. */
function operandAt(u: usize, bytes: u32, write: bool): void {
  if (isDry()) return;
  effective(u);
  set(offsetLocal());
  openBytes(u, bytes, write, false);
}
function record(u: usize): void {
  recordInstruction(instructionRelative(u), <u32>uopImm(u) & 0x7ff);
  if (isMemory(u)) recordOperand(offsetLocal(), uopSeg(u));
}
/** XP becomes the memory operand. */
function loadOperand(u: usize, format: u32): void {
  const bytes: u32 = format == Format.DOUBLE || format == Format.INTEGER64 ? 8 : format == Format.INTEGER16 ? 2 : 4;
  operandAt(u, bytes, false);
  pushHost();
  if (bytes == 8) memory(Wasm.I64_LOAD, hostOffset);
  else if (bytes == 2) {
    memory(Wasm.I32_LOAD16_S, hostOffset);
    op(Wasm.I64_EXTEND_I32_S);
  } else {
    memory(Wasm.I32_LOAD, hostOffset);
    op(format == Format.SINGLE ? Wasm.I64_EXTEND_I32_U : Wasm.I64_EXTEND_I32_S);
  }
  set(XP());
}
/** XH ER becomes the memory operand. */
function loadNumber(u: usize, format: u32): void {
  loadOperand(u, format);
  if (format == Format.SINGLE || format == Format.DOUBLE) fromFloat(format == Format.DOUBLE);
  else fromInteger();
}
function storeOperand(bytes: u32): void {
  pushHost();
  get(XP());
  if (bytes == 8) memory(Wasm.I64_STORE, hostOffset);
  else {
    op(Wasm.I32_WRAP_I64);
    memory(bytes == 2 ? Wasm.I32_STORE16 : Wasm.I32_STORE, hostOffset);
  }
}
/** A number that is zero or normal into XA EA, or XB EB. */
function take(slot: u32, second: bool): void {
  requireNormal(slot);
  getSignificand(slot);
  set(second ? XB() : XA());
  getExponent(slot);
  set(second ? EB() : EA());
}
/** XH ER becomes the second operand, or the first. */
function takeResult(second: bool): void {
  get(XH());
  set(second ? XB() : XA());
  get(ER());
  set(second ? EB() : EA());
}
/** XH ER goes to a slot. */
function setResult(slot: u32): void {
  get(XH());
  setSignificand(slot);
  get(ER());
  setExponent(slot);
  setNormal(slot, true);
}

// ---- arithmetic -----------------------------------------------------------------------------------

/** The operands are in XA EA and XB EB. */
function compute(kind: u32): void {
  requireNearest();
  switch (kind) {
    case Binary.ADD: return add(false);
    case Binary.MUL: return multiply();
    case Binary.SUB:
    case Binary.SUBR: return add(true);
    default: divide();
  }
}
@inline function isReverse(kind: u32): bool { return kind == Binary.SUBR || kind == Binary.DIVR; }
/** ST(to) = ST(to) op ST(from). */
function arithmetic(u: usize, kind: u32, to: u32, from: u32, pops: bool): void {
  const target = slotOf(to);
  take(target, isReverse(kind));
  take(slotOf(from), !isReverse(kind));
  compute(kind);
  setResult(target);
  setRounded();
  record(u);
  if (pops) pop();
}
/** ST = ST op memory. */
function arithmeticMemory(u: usize, kind: u32, format: u32): void {
  const target = slotOf(0);
  requireNormal(target);
  loadNumber(u, format);
  takeResult(!isReverse(kind));
  take(target, isReverse(kind));
  compute(kind);
  setResult(target);
  setRounded();
  record(u);
}

// ---- comparisons ----------------------------------------------------------------------------------

function drop(pops: u32): void {
  for (; pops != 0; pops--) pop();
}
/** C3 C2 C0 of XA EA and XB EB. */
function setCondition(u: usize, pops: u32): void {
  compare();
  get(XC());
  i32c(8);
  op(Wasm.I32_SHL);
  get(UP());
  i32c(14);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
  set(condition());
  clearC1();
  record(u);
  drop(pops);
}
function compareRegisters(u: usize, i: u32, pops: u32): void {
  take(slotOf(0), false);
  take(slotOf(i), true);
  if (pops > 1) requireFull(slotOf(1));
  setCondition(u, pops);
}
function compareMemory(u: usize, format: u32, pops: u32): void {
  requireNormal(slotOf(0));
  loadNumber(u, format);
  takeResult(true);
  take(slotOf(0), false);
  setCondition(u, pops);
}
/** FTST. */
function test(u: usize): void {
  take(slotOf(0), false);
  i64c(0);
  set(XB());
  i32c(0);
  set(EB());
  setCondition(u, 0);
}
/** FCOMI, FUCOMI: ZF and CF; C1 stays. */
function compareFlags(u: usize, i: u32, pops: u32): void {
  take(slotOf(0), false);
  take(slotOf(i), true);
  compare();
  get(XC());
  get(UP());
  i32c(6);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
  setFlags();
  record(u);
  drop(pops);
}

// ---- loads and stores -----------------------------------------------------------------------------

function load(u: usize, format: u32): void {
  requireRoom();
  loadNumber(u, format);
  push();
  setResult(slotOf(0));
  clearC1();
  record(u);
}
/** FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ, the irrational ones rounded to nearest. */
function loadConstant(u: usize, i: u32): void {
  requireRoom();
  if (i != 0 && i != 6) requireNearest();
  push();
  i64c(significandOf(i));
  setSignificand(slotOf(0));
  i32c(i == 6 ? 0 : i == 1 || i == 3 ? 0x4000 : i == 4 ? 0x3ffd : i == 5 ? 0x3ffe : 0x3fff);
  setExponent(slotOf(0));
  setNormal(slotOf(0), true);
  clearC1();
  record(u);
}
function significandOf(i: u32): i64 {
  switch (i) {
    case 0: return <i64>0x8000_0000_0000_0000;
    case 1: return <i64>0xd49a_784b_cd1b_8afe;
    case 2: return <i64>0xb8aa_3b29_5c17_f0bc;
    case 3: return <i64>0xc90f_daa2_2168_c235;
    case 4: return <i64>0x9a20_9a84_fbcf_f799;
    case 5: return <i64>0xb172_17f7_d1cf_79ac;
    default: return 0;
  }
}
/** FLD of ten bytes: any value. */
function loadExtended(u: usize): void {
  requireRoom();
  operandAt(u, 10, false);
  push();
  pushHost();
  memory(Wasm.I64_LOAD, hostOffset);
  setSignificand(slotOf(0));
  pushHost();
  memory(Wasm.I32_LOAD16_U, hostOffset + 8);
  setExponent(slotOf(0));
  setNormal(slotOf(0), false);
  clearC1();
  record(u);
}
/** A copy of a slot of any value. */
function copy(from: u32, to: u32): void {
  getSignificand(from);
  setSignificand(to);
  getExponent(from);
  setExponent(to);
  setNormal(to, isNormal(from));
}
function loadRegister(u: usize, i: u32): void {
  const from = slotOf(i);
  requireFull(from);
  requireRoom();
  push();
  copy(from, slotOf(0));
  clearC1();
  record(u);
}
function storeRegister(u: usize, i: u32, pops: bool): void {
  requireFull(slotOf(0));
  setTag(slotOf(i), true);
  copy(slotOf(0), slotOf(i));
  clearC1();
  record(u);
  if (pops) pop();
}
function exchange(u: usize, i: u32): void {
  const a = slotOf(0);
  const b = slotOf(i);
  requireFull(a);
  requireFull(b);
  const known = isNormal(a);
  getSignificand(a);
  getSignificand(b);
  setSignificand(a);
  setSignificand(b);
  getExponent(a);
  getExponent(b);
  setExponent(a);
  setExponent(b);
  setNormal(a, isNormal(b));
  setNormal(b, known);
  clearC1();
  record(u);
}
function storeFloat(u: usize, double: bool, pops: bool): void {
  requireNearest();
  take(slotOf(0), false);
  operandAt(u, double ? 8 : 4, true);
  toFloat(double);
  storeOperand(double ? 8 : 4);
  setRounded();
  record(u);
  if (pops) pop();
}
function storeInteger(u: usize, bytes: u32, truncates: bool, pops: bool): void {
  take(slotOf(0), false);
  operandAt(u, bytes, true);
  toInteger(bytes << 3, truncates);
  storeOperand(bytes);
  setRounded();
  record(u);
  if (pops) pop();
}
function storeExtended(u: usize): void {
  const slot = slotOf(0);
  requireFull(slot);
  operandAt(u, 10, true);
  pushHost();
  getSignificand(slot);
  memory(Wasm.I64_STORE, hostOffset);
  pushHost();
  getExponent(slot);
  memory(Wasm.I32_STORE16, hostOffset + 8);
  clearC1();
  record(u);
  pop();
}

// ---- the rest -------------------------------------------------------------------------------------

/** FCHS, FABS: of any value. */
function changeSign(u: usize, code: u32, bits: i32): void {
  const slot = slotOf(0);
  requireFull(slot);
  getExponent(slot);
  i32c(bits);
  op(code);
  setExponent(slot);
  clearC1();
  record(u);
}
function conditionalMove(u: usize, cc: u32): void {
  const to = slotOf(0);
  const from = slotOf(numberOf(u));
  requireFull(to);
  requireFull(from);
  pushCondition(cc);
  set(XC());
  getSignificand(from);
  getSignificand(to);
  get(XC());
  op(Wasm.SELECT);
  setSignificand(to);
  getExponent(from);
  getExponent(to);
  get(XC());
  op(Wasm.SELECT);
  setExponent(to);
  setNormal(to, isNormal(to) && isNormal(from));
  record(u);
}
function free(u: usize, i: u32, pops: bool): void {
  setTag(slotOf(i), false);
  clearC1();
  record(u);
  if (pops) pop();
}
/** FNSTCW, FNSTSW to memory: the value is on the stack. They leave no record. */
function storeWord(): void {
  set(XC());
  pushHost();
  get(XC());
  memory(Wasm.I32_STORE16, hostOffset);
}
/** FLDCW of a word with 64 bits of precision that masks everything. */
function loadControl(u: usize): void {
  operandAt(u, 2, false);
  pushHost();
  memory(Wasm.I32_LOAD16_U, hostOffset);
  tee(XC());
  i32c(0x33f);
  op(Wasm.I32_AND);
  i32c(0x33f);
  op(Wasm.I32_NE);
  missIf();
  get(XC());
  i32c(0x1f3f);
  op(Wasm.I32_AND);
  i32c(0x40);
  op(Wasm.I32_OR);
  set(control());
  noteControl();
  forgetNearest();
}

// ---- by form --------------------------------------------------------------------------------------

function memoryForm(u: usize, form: u32): void {
  const kind = form & 7;
  const format = (form >> 4) & 3;
  // D8, DA, DC, DE: arithmetic.
  if ((form & 8) == 0) {
    if (kind == <u32>Binary.COM || kind == <u32>Binary.COMP) compareMemory(u, format, kind - Binary.COM);
    else arithmeticMemory(u, kind, format);
    return;
  }
  switch (form) {
    case 0o10: return load(u, Format.SINGLE);
    case 0o12: return storeFloat(u, false, false);
    case 0o13: return storeFloat(u, false, true);
    case 0o15: return loadControl(u);
    case 0o17:
      operandAt(u, 2, true);
      get(control());
      return storeWord();
    case 0o30: return load(u, Format.INTEGER32);
    case 0o31: return storeInteger(u, 4, true, true);
    case 0o32: return storeInteger(u, 4, false, false);
    case 0o33: return storeInteger(u, 4, false, true);
    case 0o35: return loadExtended(u);
    case 0o37: return storeExtended(u);
    case 0o50: return load(u, Format.DOUBLE);
    case 0o51: return storeInteger(u, 8, true, true);
    case 0o52: return storeFloat(u, true, false);
    case 0o53: return storeFloat(u, true, true);
    case 0o57:
      operandAt(u, 2, true);
      pushStatus();
      return storeWord();
    case 0o70: return load(u, Format.INTEGER16);
    case 0o71: return storeInteger(u, 2, true, true);
    case 0o72: return storeInteger(u, 2, false, false);
    case 0o73: return storeInteger(u, 2, false, true);
    case 0o75: return load(u, Format.INTEGER64);
    default: return storeInteger(u, 8, false, true);
  }
}
function registerForm(u: usize, form: u32): void {
  const i = numberOf(u);
  const kind = form & 7;
  switch (form) {
    // With DC and DE the register is the destination, and the reverse forms change places.
    case 0o00: case 0o01: case 0o04: case 0o05: case 0o06: case 0o07: return arithmetic(u, kind, 0, i, false);
    case 0o40: case 0o41: return arithmetic(u, kind, i, 0, false);
    case 0o44: case 0o45: case 0o46: case 0o47: return arithmetic(u, kind ^ 1, i, 0, false);
    case 0o60: case 0o61: return arithmetic(u, kind, i, 0, true);
    case 0o64: case 0o65: case 0o66: case 0o67: return arithmetic(u, kind ^ 1, i, 0, true);
    case 0o02: case 0o42: case 0o54: return compareRegisters(u, i, 0);
    case 0o03: case 0o43: case 0o62: case 0o55: return compareRegisters(u, i, 1);
    case 0o63: case 0o25: return compareRegisters(u, 1, 2);
    case 0o10: return loadRegister(u, i);
    case 0o11: case 0o51: case 0o71: return exchange(u, i);
    case 0o12: return record(u);
    case 0o53: case 0o72: case 0o73: return storeRegister(u, i, true);
    case 0o52: return storeRegister(u, i, false);
    case 0o14:
      if (i == 0) changeSign(u, Wasm.I32_XOR, 0x8000);
      else if (i == 1) changeSign(u, Wasm.I32_AND, 0x7fff);
      else test(u);
      return;
    case 0o15: return loadConstant(u, i);
    case 0o20: return conditionalMove(u, 2);
    case 0o21: return conditionalMove(u, 4);
    case 0o22: return conditionalMove(u, 6);
    case 0o23: return conditionalMove(u, 10);
    case 0o30: return conditionalMove(u, 3);
    case 0o31: return conditionalMove(u, 5);
    case 0o32: return conditionalMove(u, 7);
    case 0o33: return conditionalMove(u, 11);
    case 0o35: case 0o36: return compareFlags(u, i, 0);
    case 0o75: case 0o76: return compareFlags(u, i, 1);
    case 0o50: return free(u, i, false);
    case 0o74:
      pushStatus();
      return setRegister(0, 1);
    default: return free(u, i, true);
  }
}

export function lowerX87(u: usize): void {
  need(RegionNeeds.X87);
  useX87();
  if (isMemory(u)) memoryForm(u, selector(u));
  else registerForm(u, selector(u));
}
