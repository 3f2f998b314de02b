// Loads and stores: FLD FST FSTP FILD FIST FISTP FISTTP FBLD FBSTP, and the moves within the stack (SDM vol. 1,
// 8.3.2-8.3.4; vol. 2; APM vol. 1, 6.4.1).
//
// A store converts first, then writes, then commits: a write that faults leaves the unit untouched. An unmasked
// IE, OE or UE keeps the result and the pop away, but not the faults of the operand; PE does not.

import {
  clearFlags,
  EARLY,
  IE,
  OE,
  PE,
  resultExponent,
  ROUNDED_UP,
  Rounding,
  rounding,
  UE,
  unmasked,
} from "../../float/control";
import { INDEFINITE, INDEFINITE_EXPONENT } from "../../float/extended";
import {
  decimalTop,
  extFromDecimal,
  extFromF32,
  extFromF64,
  extFromInteger,
  extToDecimal,
  extToF32,
  extToF64,
  extToInteger,
} from "../../float/extended-convert";
import { uopSeg } from "../../decode/uop";
import { probeWrite, readData } from "../../vcpu/access";
import { linear, linearForWrite } from "../../vcpu/address";
import { faulted } from "../../vcpu/state";
import { Status } from "../../vcpu/status";
import { writeMemory } from "../operand";
import { record } from "./ready";
import {
  beginFloat,
  canPush,
  clearC1,
  controlWord,
  isEmpty,
  markEmpty,
  pop,
  push,
  setIndefinite,
  setSt,
  settle,
  signExponent,
  significand,
  stackFault,
} from "./registers";
import { readSpan, SPAN, writeSpan } from "./span";

// ---- loads ----------------------------------------------------------------------------------------

/** Pushes what float/ has just converted. An unmasked IE keeps it away, DE does not. */
function pushResult(value: u64): void {
  const exponent = resultExponent();
  if (canPush() && (settle() || (unmasked() & IE) == 0)) push(exponent, value);
}
export function loadF32(u: usize): i32 {
  const value = readData<u32>(linear(u, 4), uopSeg(u));
  if (faulted()) return Status.FAULT;
  record(u);
  beginFloat();
  pushResult(extFromF32(value));
  return Status.NEXT;
}
export function loadF64(u: usize): i32 {
  const value = readData<u64>(linear(u, 8), uopSeg(u));
  if (faulted()) return Status.FAULT;
  record(u);
  beginFloat();
  pushResult(extFromF64(value));
  return Status.NEXT;
}
export function loadExtended(u: usize): i32 {
  if (!readSpan(u, 10)) return Status.FAULT;
  record(u);
  if (canPush()) {
    clearC1();
    push(load<u16>(SPAN, 8), load<u64>(SPAN));
  }
  return Status.NEXT;
}
/** Signed integers of 1 << size bytes. */
export function loadInteger(u: usize, size: u32): i32 {
  const at = linear(u, 1 << size);
  let value: i64;
  if (size == 1) value = <i64><i16>readData<u16>(at, uopSeg(u));
  else if (size == 2) value = <i64><i32>readData<u32>(at, uopSeg(u));
  else value = <i64>readData<u64>(at, uopSeg(u));
  if (faulted()) return Status.FAULT;
  record(u);
  beginFloat();
  pushResult(extFromInteger(value));
  return Status.NEXT;
}
export function loadDecimal(u: usize): i32 {
  if (!readSpan(u, 10)) return Status.FAULT;
  record(u);
  beginFloat();
  pushResult(extFromDecimal(load<u64>(SPAN), load<u16>(SPAN, 8)));
  return Status.NEXT;
}
/** FLD ST(i). */
export function loadRegister(i: u32): void {
  if (isEmpty(i)) {
    if (stackFault(false)) push(INDEFINITE_EXPONENT, INDEFINITE);
  } else loadConstant(signExponent(i), significand(i));
}
/** FLD1 ... FLDZ. */
export function loadConstant(exponent: u32, value: u64): void {
  if (!canPush()) return;
  clearC1();
  push(exponent, value);
}

// ---- stores ---------------------------------------------------------------------------------------

/** Exceptions that keep a memory destination from being written; OE and UE then come without PE. */
function keepsAway(): bool {
  const open = unmasked();
  if ((open & (OE | UE)) != 0) clearFlags(PE | ROUNDED_UP);
  return (open & (EARLY | OE | UE)) != 0;
}

/** Ends a store of 1 << size bytes; `empty`: of a register that was. */
function commit(u: usize, size: u32, value: u64, pops: bool, empty: bool): i32 {
  const at = linearForWrite(u, 1 << size);
  const away = empty ? (controlWord() & IE) == 0 : keepsAway();
  if (away ? !probeWrite(at, 1 << size, uopSeg(u)) : !writeMemory(at, size, uopSeg(u), value)) return Status.FAULT;
  finish(u, pops, empty, away);
  return Status.NEXT;
}
function finish(u: usize, pops: bool, empty: bool, away: bool): void {
  record(u);
  if (empty) stackFault(false);
  else settle();
  if (pops && !away) pop();
}

export function storeF32(u: usize, pops: bool): i32 {
  const empty = isEmpty(0);
  beginFloat();
  return commit(u, 2, empty ? 0xffc0_0000 : <u64>extToF32(signExponent(0), significand(0)), pops, empty);
}
export function storeF64(u: usize, pops: bool): i32 {
  const empty = isEmpty(0);
  beginFloat();
  return commit(u, 3, empty ? 0xfff8_0000_0000_0000 : extToF64(signExponent(0), significand(0)), pops, empty);
}
/** FIST, FISTP; FISTTP truncates. */
export function storeInteger(u: usize, size: u32, truncate: bool, pops: bool): i32 {
  const empty = isEmpty(0);
  beginFloat();
  const bits: u32 = 8 << size;
  const mode: u32 = truncate ? Rounding.ZERO : rounding();
  const value = empty ? <u64>0 - (<u64>1 << (bits - 1)) : extToInteger(signExponent(0), significand(0), mode, bits);
  return commit(u, size, value, pops, empty);
}
/** Ends a store of ten bytes. */
function commitTen(u: usize, empty: bool): i32 {
  const away = empty ? (controlWord() & IE) == 0 : keepsAway();
  if (!writeSpan(u, 10, !away)) return Status.FAULT;
  finish(u, true, empty, away);
  return Status.NEXT;
}
export function storeExtended(u: usize): i32 {
  const empty = isEmpty(0);
  beginFloat();
  store<u64>(SPAN, empty ? INDEFINITE : significand(0));
  store<u16>(SPAN, empty ? INDEFINITE_EXPONENT : signExponent(0), 8);
  return commitTen(u, empty);
}
export function storeDecimal(u: usize): i32 {
  const empty = isEmpty(0);
  beginFloat();
  store<u64>(SPAN, empty ? 0xc000_0000_0000_0000 : extToDecimal(signExponent(0), significand(0), rounding()));
  store<u16>(SPAN, empty ? 0xffff : decimalTop, 8);
  return commitTen(u, empty);
}

/** FST ST(i), FSTP ST(i). */
export function storeRegister(i: u32, pops: bool): void {
  if (isEmpty(0)) {
    if (!stackFault(false)) return;
    setIndefinite(i);
  } else {
    clearC1();
    setSt(i, signExponent(0), significand(0));
  }
  if (pops) pop();
}
/** FXCH. An empty register takes part as the indefinite value. */
export function exchange(i: u32): void {
  if (isEmpty(0) || isEmpty(i)) {
    if (!stackFault(false)) return;
    if (isEmpty(0)) setIndefinite(0);
    if (isEmpty(i)) setIndefinite(i);
  } else clearC1();
  const exponent = signExponent(0);
  const value = significand(0);
  setSt(0, signExponent(i), significand(i));
  setSt(i, exponent, value);
}
/** D9 D8+i, an alias of FSTP ST(i) but for an empty ST, which it takes for nothing to store. */
export function storeRegisterQuietly(i: u32): void {
  if (!isEmpty(0)) storeRegister(i, true);
  else free(0, true);
}
/** FFREE, FFREEP. */
export function free(i: u32, pops: bool): void {
  clearC1();
  markEmpty(i);
  if (pops) pop();
}
