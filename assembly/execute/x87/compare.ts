// FCOM, FUCOM, FICOM, FTST, FCOMI, FUCOMI, FXAM and FCMOV (SDM vol. 1, 8.3.6; vol. 2; APM vol. 1, 6.4.5). Comparisons
// set C3 C2 C0, or ZF PF CF, to the same pattern: 000 greater, 001 less, 100 equal, 111 unordered.

import { Relation } from "../../float/control";
import {
  exponentField,
  extCompare,
  INTEGER_BIT,
  isNaN,
  isUnsupported,
  MAXIMUM,
} from "../../float/extended";
import { condition, flagsEager } from "../../vcpu/flags";
import {
  beginFloat,
  canUse,
  isEmpty,
  pop,
  setSt,
  setStatus,
  settle,
  signExponent,
  significand,
  stackFault,
  status,
  STATUS_C0,
  STATUS_C1,
  STATUS_C2,
  STATUS_C3,
  STATUS_CONDITION,
} from "./registers";

const RELATION: u32 = STATUS_C0 | STATUS_C2 | STATUS_C3;

@inline function setRelation(relation: u32): void { setStatus((status() & ~RELATION) | (relation << 8)); }
@inline function drop(pops: u32): void {
  if (pops > 0) pop();
  if (pops > 1) pop();
}

/** C0-C3 are set also where an unmasked exception keeps ST from being popped. */
function conclude(relation: u32, pops: u32): void {
  const completed = settle();
  setRelation(relation);
  if (completed) drop(pops);
}
function underflow(pops: u32): void {
  const masked = stackFault(false);
  setRelation(Relation.UNORDERED);
  if (masked) drop(pops);
}

/** Compares ST with ST(i) into C0-C3. */
export function compare(i: u32, signalling: bool, pops: u32): void {
  if (isEmpty(0) || isEmpty(i)) {
    underflow(pops);
    return;
  }
  beginFloat();
  conclude(extCompare(signExponent(0), significand(0), signExponent(i), significand(i), signalling), pops);
}
/** Compares ST with an operand that float/ has been prepared for. */
export function compareWith(se: u32, value: u64, pops: u32): void {
  if (isEmpty(0)) underflow(pops);
  else conclude(extCompare(signExponent(0), significand(0), se, value, true), pops);
}
/** FTST: with +0.0. */
export function test(): void {
  beginFloat();
  compareWith(0, 0, 0);
}
/** FCOMI, FUCOMI: into EFLAGS, where OF, SF and AF become 0. C1 is left alone but by a stack fault. */
export function compareFlags(i: u32, signalling: bool, pops: u32): void {
  let relation: u32 = Relation.UNORDERED;
  let completed: bool;
  if (isEmpty(0) || isEmpty(i)) completed = stackFault(false);
  else {
    const c1 = status() & STATUS_C1;
    beginFloat();
    relation = extCompare(signExponent(0), significand(0), signExponent(i), significand(i), signalling);
    completed = settle();
    setStatus(status() | c1);
  }
  flagsEager(relation);
  if (completed) drop(pops);
}

/** FXAM: C3 C2 C0 = 000 unsupported, 001 NaN, 010 normal, 011 infinity, 100 zero, 101 empty, 110 denormal. C1: sign. */
export function examine(): void {
  const se = signExponent(0);
  const s = significand(0);
  let bits: u32 = (se & 0x8000) != 0 ? STATUS_C1 : 0;
  if (isEmpty(0)) bits |= STATUS_C3 | STATUS_C0;
  else if (exponentField(se) == 0) bits |= s == 0 ? STATUS_C3 : STATUS_C3 | STATUS_C2;
  else if (isNaN(se, s)) bits |= STATUS_C0;
  else if (exponentField(se) == MAXIMUM && s == INTEGER_BIT) bits |= STATUS_C2 | STATUS_C0;
  else if (!isUnsupported(se, s)) bits |= STATUS_C2;
  setStatus((status() & ~STATUS_CONDITION) | bits);
}

/** FCMOVcc: B E BE U and their negations are the conditions C, Z, C or Z, P of EFLAGS. */
export function conditionalMove(i: u32, cc: u32): void {
  if (canUse(i) && condition(cc)) setSt(0, signExponent(i), significand(i));
}
