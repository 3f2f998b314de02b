// The locals of a region function, and guest registers in them. W is the type of a general register: i64 in 64-bit
// code, i32 otherwise (the upper halves are zero there). Values of 8, 16 and 32 bits are i32 on the stack,
// zero-extended; 64-bit values are i64.

import { FUEL, GPR, LAZY_A, LAZY_CARRY, LAZY_KIND, LAZY_RESULT, MXCSR, REGION_BASE, TABLE_READ, TABLE_WRITE, YMM } from "../../layout";
import { PE } from "../../float/control";
import { code64 } from "../form";
import { declareStack, loadStack, resetStack, STACK_GROUPS, storeStack, usesX87 } from "./x87/stack";
import { registerChanged } from "./groups";
import {
  blockVoid,
  get,
  i32c,
  i64c,
  loadCell,
  memory,
  op,
  set,
  TYPE_F32,
  TYPE_F64,
  TYPE_I32,
  TYPE_I64,
  TYPE_V128,
  unsigned,
  vectorMemory,
  Wasm,
} from "../wasm";

/** Parameter: which target of the dispatch node is next. */
export const L_ENTRY: u32 = 0;
const L_GPR: u32 = 1;
// Type W.
export const L_FLAG_A: u32 = 17;
export const L_FLAG_R: u32 = 18;
export const L_BASE: u32 = 19;
export const L_ADDRESS: u32 = 20;
const W_COUNT: u32 = 20;
// i32.
export const L_FLAG_KIND: u32 = 21;
export const L_FLAG_CARRY: u32 = 22;
export const L_FUEL: u32 = 23;
export const L_EXIT: u32 = 24;
export const L_READ: u32 = 25;
export const L_WRITE: u32 = 26;
export const L_HOST: u32 = 27;
/** Eight temporaries, i32 and i64. */
export const L_T: u32 = 28;
/** Host addresses of groups of accesses (lower/groups). */
export const L_GROUP: u32 = 36;
const I32_COUNT: u32 = 23;
export const L_U: u32 = 44;
const I64_COUNT: u32 = 8;
// v128.
export const L_XMM: u32 = 52;
/** Of an instruction. */
export const V_A: u32 = L_XMM + 16;
export const V_B: u32 = L_XMM + 17;
export const V_C: u32 = L_XMM + 18;
export const V_D: u32 = L_XMM + 19;
const V128_COUNT: u32 = 20;
// f64, f32: of an instruction; the last two are the operands of a comparison.
export const L_F64: u32 = L_XMM + V128_COUNT;
const FLOAT_COUNT: u32 = 5;
export const L_F32: u32 = L_F64 + FLOAT_COUNT;
/** MXCSR as it was at the entry. */
const L_MXCSR: u32 = L_F32 + FLOAT_COUNT;
/** Constants (lower/element): what V8 knows to be constant it would make anew at every use. v128. */
const L_CONSTANT: u32 = L_MXCSR + 1;
const CONSTANT_COUNT: u32 = 3;
/** The x87 stack (lower/x87/stack). */
const L_STACK: u32 = L_CONSTANT + CONSTANT_COUNT;

/** Registers that the region touches and changes, bit per number. */
export let used: u32 = 0;
export let changed: u32 = 0;
export let usedXmm: u32 = 0;
export let changedXmm: u32 = 0;
/** L_MXCSR is read. */
let asksExactness: bool = false;
/** Constants that are used, bit per number, and where they are kept. */
let usedConstants: u32 = 0;
let constants: usize = 0;

export function resetLocals(): void {
  used = 0;
  changed = 0;
  usedXmm = 0;
  changedXmm = 0;
  asksExactness = false;
  usedConstants = 0;
  resetStack(L_STACK);
}

/** Opcode on W. Arithmetic and comparison opcodes of i64 follow those of i32 at fixed distances. */
@inline export function arithmeticW(code: u32): void { op(code64 ? code + 0x12 : code); }
@inline export function compareW(code: u32): void { op(code64 ? code + 0xb : code); }
export function constW(value: i64): void {
  if (code64) i64c(value);
  else i32c(<i32>value);
}
/** The same by operand size (log2). */
@inline export function arithmetic(code: u32, size: u32): void { op(size == 3 ? code + 0x12 : code); }
@inline export function compare(code: u32, size: u32): void { op(size == 3 ? code + 0xb : code); }
export function constant(value: i64, size: u32): void {
  if (size == 3) i64c(value);
  else if (size == 2) i32c(<i32>value);
  else i32c(<i32>(value & (size == 1 ? 0xffff : 0xff)));
}
/** A value of an operand size becomes W, zero-extended; and back. */
export function widen(size: u32): void { if (code64 && size != 3) op(Wasm.I64_EXTEND_I32_U); }
export function narrow(size: u32): void { if (code64 && size != 3) op(Wasm.I32_WRAP_I64); }
/** Temporary n for a value of an operand size. */
@inline export function temporary(n: u32, size: u32): u32 { return size == 3 ? L_U + n : L_T + n; }
/** Cuts an i32 to an operand size. */
export function cut(size: u32): void {
  if (size >= 2) return;
  i32c(size == 1 ? 0xffff : 0xff);
  op(Wasm.I32_AND);
}
/** Sign-extends an i32 of 8 or 16 bits. */
export function extendSigned(size: u32): void {
  if (size == 0) op(Wasm.I32_EXTEND8_S);
  else if (size == 1) op(Wasm.I32_EXTEND16_S);
}

// ---- general registers ----------------------------------------------------------------------------

/** Register `number` as W. */
export function getW(number: u32): void {
  used |= 1 << number;
  get(L_GPR + number);
}
export function setW(number: u32): void {
  used |= 1 << number;
  changed |= 1 << number;
  registerChanged(number);
  set(L_GPR + number);
}
/** Value of the register at a byte offset of the register file (AH = 1). */
export function getRegister(offset: u32, size: u32): void {
  getW(offset >> 3);
  if (size == 3) return;
  if (code64) op(Wasm.I32_WRAP_I64);
  if (size == 2) return;
  if ((offset & 1) != 0) {
    i32c(8);
    op(Wasm.I32_SHR_U);
  }
  cut(size);
}
/** Takes a value from the stack. 32 bits clear the upper half, fewer keep the rest. Uses temporary 7. */
export function setRegister(offset: u32, size: u32): void {
  const number = offset >> 3;
  if (size >= 2) {
    widen(size);
    setW(number);
    return;
  }
  const high = (offset & 1) != 0;
  const mask: i64 = size == 1 ? 0xffff : high ? 0xff00 : 0xff;
  if (high) {
    i32c(8);
    op(Wasm.I32_SHL);
  }
  i32c(<i32>mask);
  op(Wasm.I32_AND);
  widen(0);
  getW(number);
  constW(~mask);
  arithmeticW(Wasm.I32_AND);
  arithmeticW(Wasm.I32_OR);
  setW(number);
}

// ---- vector registers -----------------------------------------------------------------------------

export function getXmm(number: u32): void {
  usedXmm |= 1 << number;
  get(L_XMM + number);
}
export function setXmm(number: u32): void {
  usedXmm |= 1 << number;
  changedXmm |= 1 << number;
  set(L_XMM + number);
}
/** Pushes 1 while PE is clear, so that an inexact result would set it, otherwise 0. */
export function getExact(): void {
  asksExactness = true;
  get(L_MXCSR);
  i32c(PE);
  op(Wasm.I32_AND);
  op(Wasm.I32_EQZ);
}
/** The other way round. */
export function inexactSeen(): void {
  getExact();
  op(Wasm.I32_EQZ);
}
/** Pushes constant n of a table of vectors. */
export function getConstant(table: usize, n: u32): void {
  constants = table;
  usedConstants |= 1 << n;
  get(L_CONSTANT + n);
}

// ---- prologue and exit ----------------------------------------------------------------------------

function declare(count: u32, type: u32): void {
  unsigned(count);
  unsigned(type);
}
function run(cell: usize, code: u32, local: u32): void {
  loadCell(code, cell);
  set(local);
}

/** Declarations of locals, and what a function does first. */
export function prologue(): void {
  // A conversion from memory to a general register needs their locals and no vector register.
  const vectors = usedXmm != 0 || asksExactness || usesX87;
  unsigned((vectors ? 8 : 3) + (usesX87 ? STACK_GROUPS : 0));
  declare(W_COUNT, code64 ? TYPE_I64 : TYPE_I32);
  declare(I32_COUNT, TYPE_I32);
  declare(I64_COUNT, TYPE_I64);
  if (vectors) {
    declare(V128_COUNT, TYPE_V128);
    declare(FLOAT_COUNT, TYPE_F64);
    declare(FLOAT_COUNT, TYPE_F32);
    declare(1, TYPE_I32);
    declare(CONSTANT_COUNT, TYPE_V128);
  }
  if (usesX87) declareStack();
  const load = code64 ? Wasm.I64_LOAD : Wasm.I32_LOAD;
  for (let n: u32 = 0; n < 16; n++) if (((used >> n) & 1) != 0) run(GPR + (<usize>n << 3), load, L_GPR + n);
  run(LAZY_A, load, L_FLAG_A);
  run(LAZY_RESULT, load, L_FLAG_R);
  run(REGION_BASE, load, L_BASE);
  run(LAZY_KIND, Wasm.I32_LOAD, L_FLAG_KIND);
  run(LAZY_CARRY, Wasm.I32_LOAD, L_FLAG_CARRY);
  run(FUEL, Wasm.I32_LOAD, L_FUEL);
  run(TABLE_READ, Wasm.I32_LOAD, L_READ);
  run(TABLE_WRITE, Wasm.I32_LOAD, L_WRITE);
  for (let n: u32 = 0; n < 16; n++) {
    if (((usedXmm >> n) & 1) == 0) continue;
    i32c(0);
    vectorMemory(0, <u32>YMM + (n << 5));
    set(L_XMM + n);
  }
  if (asksExactness) run(MXCSR, Wasm.I32_LOAD, L_MXCSR);
  for (let n: u32 = 0; n < CONSTANT_COUNT; n++) {
    if (((usedConstants >> n) & 1) == 0) continue;
    i32c(0);
    vectorMemory(0, <u32>constants + (n << 4));
    set(L_CONSTANT + n);
  }
  if (usesX87) loadStack();
  blockVoid(Wasm.BLOCK);
}

function keep(cell: usize, code: u32, local: u32): void {
  i32c(0);
  get(local);
  memory(code, <u32>cell);
}
function keepWide(cell: usize, local: u32): void {
  i32c(0);
  get(local);
  if (!code64) op(Wasm.I64_EXTEND_I32_U);
  memory(Wasm.I64_STORE, <u32>cell);
}
/** The common exit: everything that changed goes back to the state. */
export function epilogue(): void {
  op(Wasm.END);
  const store = code64 ? Wasm.I64_STORE : Wasm.I32_STORE;
  for (let n: u32 = 0; n < 16; n++) if (((changed >> n) & 1) != 0) keep(GPR + (<usize>n << 3), store, L_GPR + n);
  for (let n: u32 = 0; n < 16; n++) {
    if (((changedXmm >> n) & 1) == 0) continue;
    i32c(0);
    get(L_XMM + n);
    vectorMemory(11, <u32>YMM + (n << 5));
  }
  if (usesX87) storeStack();
  keepWide(LAZY_A, L_FLAG_A);
  keepWide(LAZY_RESULT, L_FLAG_R);
  keep(LAZY_KIND, Wasm.I32_STORE, L_FLAG_KIND);
  keep(LAZY_CARRY, Wasm.I32_STORE, L_FLAG_CARRY);
  keep(FUEL, Wasm.I32_STORE, L_FUEL);
  get(L_EXIT);
  op(Wasm.END);
}
