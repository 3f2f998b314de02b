// FSIN FCOS FSINCOS FPTAN FPATAN F2XM1 FYL2X FYL2XP1: the stack and condition codes around float/transcendental (SDM
// vol. 1, 8.3.7-8.3.10; vol. 2). C2 tells that a trigonometric argument is out of range, and nothing else happens.

import { clearFlags, flags, raiseFlags, resultExponent, ROUNDED_UP } from "../../float/control";
import { BIAS, INTEGER_BIT, invalid, isInfinite, isSpecial, special1 } from "../../float/extended";
import { beyondReduction, ext2xm1, extAtan2, extCos, extSin, extTan, extYl2x, extYl2xp1 } from "../../float/transcendental";
import {
  beginFloat,
  canUse,
  isEmpty,
  pop,
  push,
  setIndefinite,
  setResult,
  setSt,
  setStatus,
  settle,
  signExponent,
  significand,
  stackFault,
  status,
  STATUS_C1,
  STATUS_C2,
} from "./registers";

export const enum Trigonometric {
  SINE = 0,
  COSINE = 1,
  /** FSINCOS: sine, then the cosine is pushed. */
  BOTH = 2,
  /** FPTAN: tangent, then 1.0 is pushed. */
  TANGENT = 3,
}

export function trigonometric(kind: u32): void {
  const pushes = kind >= <u32>Trigonometric.BOTH;
  setStatus(status() & ~STATUS_C2);
  if (isEmpty(0) || (pushes && !isEmpty(7))) {
    if (stackFault(!isEmpty(0))) {
      setIndefinite(0);
      if (pushes) {
        push(0, 0);
        setIndefinite(0);
      }
    }
    return;
  }
  const se = signExponent(0);
  const s = significand(0);
  beginFloat();
  if (isSpecial(se, s) || isInfinite(se, s)) {
    const value = isInfinite(se, s) ? invalid() : special1(se, s);
    const exponent = resultExponent();
    if (!settle()) return;
    setSt(0, exponent, value);
    if (pushes) push(exponent, value);
    return;
  }
  if (beyondReduction(se)) {
    setStatus((status() & ~STATUS_C1) | STATUS_C2);
    return;
  }
  let first: u64;
  if (kind == Trigonometric.COSINE) first = extCos(se, s);
  else first = kind == Trigonometric.TANGENT ? extTan(se, s) : extSin(se, s);
  const exponent = resultExponent();
  let second: u64 = INTEGER_BIT;
  let secondExponent: u32 = <u32>BIAS;
  if (kind == Trigonometric.BOTH) {
    const up = flags() & ROUNDED_UP;
    second = extCos(se, s);
    secondExponent = resultExponent();
    // C1 is that of the sine.
    clearFlags(ROUNDED_UP);
    raiseFlags(up);
  }
  if (!settle()) return;
  setSt(0, exponent, first);
  if (pushes) push(secondExponent, second);
}

export function exponential(): void {
  if (!canUse(0)) return;
  beginFloat();
  const value = ext2xm1(signExponent(0), significand(0));
  if (settle()) setResult(0, value);
}

export const enum Binary {
  LOGARITHM = 0,
  LOGARITHM_PLUS_1 = 1,
  ARCTANGENT = 2,
}
/** ST(1) = f(ST(1), ST), then pops. */
export function binary(kind: u32): void {
  if (isEmpty(0) || isEmpty(1)) {
    if (!stackFault(false)) return;
    setIndefinite(1);
  } else {
    beginFloat();
    const ySe = signExponent(1);
    const y = significand(1);
    const xSe = signExponent(0);
    const x = significand(0);
    let value: u64;
    if (kind == Binary.LOGARITHM) value = extYl2x(ySe, y, xSe, x);
    else if (kind == Binary.LOGARITHM_PLUS_1) value = extYl2xp1(ySe, y, xSe, x);
    else value = extAtan2(ySe, y, xSe, x);
    if (!settle()) return;
    setResult(1, value);
  }
  pop();
}
