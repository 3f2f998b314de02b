// FCHS FABS FSQRT FRNDINT FSCALE FXTRACT FPREM FPREM1 and the constants (SDM vol. 1, 8.3.4, 8.3.5; vol. 2).

import { Rounding, rounding } from "../../float/control";
import { extSqrt, INDEFINITE, INDEFINITE_EXPONENT } from "../../float/extended";
import { extRoundIntegral } from "../../float/extended-convert";
import {
  extExtract,
  extRemainder,
  extScale,
  fraction,
  fractionExponent,
  incomplete,
  quotient,
  reduced,
} from "../../float/extended-remainder";
import {
  beginFloat,
  canUse,
  clearC1,
  isEmpty,
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
  STATUS_C0,
  STATUS_C1,
  STATUS_C2,
  STATUS_C3,
  STATUS_CONDITION,
} from "./registers";
import { loadConstant } from "./transfer";

/** FCHS and FABS touch the sign of anything, NaNs and unsupported values included. */
export function changeSign(flip: u32, keep: u32): void {
  if (!canUse(0)) return;
  clearC1();
  setSt(0, (signExponent(0) & keep) ^ flip, significand(0));
}

/** ST = f(ST), rounded. */
export function squareRoot(): void {
  if (!canUse(0)) return;
  beginFloat();
  const value = extSqrt(signExponent(0), significand(0));
  if (settle()) setResult(0, value);
}
export function roundToInteger(): void {
  if (!canUse(0)) return;
  beginFloat();
  const value = extRoundIntegral(signExponent(0), significand(0));
  if (settle()) setResult(0, value);
}
/** ST = ST * 2^trunc(ST(1)). */
export function scale(): void {
  if (!canUse(1)) return;
  beginFloat();
  const value = extScale(signExponent(0), significand(0), signExponent(1), significand(1));
  if (settle()) setResult(0, value);
}
/** FPREM, FPREM1: C2 says that the reduction must go on, C0 C3 C1 are bits 2, 1 and 0 of the quotient. */
export function partialRemainder(nearest: bool): void {
  setStatus(status() & ~STATUS_C2);
  if (!canUse(1)) return;
  beginFloat();
  const value = extRemainder(signExponent(0), significand(0), signExponent(1), significand(1), nearest);
  if (!settle()) return;
  setResult(0, value);
  if (!reduced) return;
  let bits: u32 = 0;
  if (incomplete) bits = STATUS_C2;
  if ((quotient & 4) != 0) bits |= STATUS_C0;
  if ((quotient & 2) != 0) bits |= STATUS_C3;
  if ((quotient & 1) != 0) bits |= STATUS_C1;
  setStatus((status() & ~STATUS_CONDITION) | bits);
}
/** FXTRACT: ST becomes the exponent, then the significand is pushed. */
export function extract(): void {
  if (isEmpty(0) || !isEmpty(7)) {
    const overflow = !isEmpty(0);
    if (stackFault(overflow)) {
      setIndefinite(0);
      push(INDEFINITE_EXPONENT, INDEFINITE);
    }
    return;
  }
  beginFloat();
  const value = extExtract(signExponent(0), significand(0));
  if (!settle()) return;
  setResult(0, value);
  push(fractionExponent, fraction);
}

// ---- constants ------------------------------------------------------------------------------------

/** Pushes high:low / 2^127 * 2^(exponent - 3FFFh), rounded by rounding control alone; raises nothing. */
export function loadIrrational(exponent: u32, high: u64, low: u64): void {
  beginFloat();
  const mode = rounding();
  const up = mode == Rounding.NEAREST ? low >> 63 != 0 : mode == Rounding.UP;
  loadConstant(exponent, high + u64(up));
}
