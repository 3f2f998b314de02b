// FSIN FCOS FPTAN F2XM1 FYL2X FYL2XP1 FPATAN on extended values (SDM vol. 1, 8.3.7-8.3.10; vol. 2; APM vol. 1, 6.4.6).
// The value is computed to some 120 bits and rounded once, so it is the nearest one in all but the rarest cases; the
// processor's own is within one unit of it.
//
// Trigonometric arguments are reduced with the processor's pi, which has 66 bits: sin(FLDPI) is -2^-64.

import { PE, raiseFlags, resultExponent, UE, ZE } from "./control";
import { ARCTANGENTS, COSINE, EXPONENTIAL, RECIPROCALS, SINE } from "./coefficients";
import {
  BIAS,
  exponentOf,
  finish,
  infinite,
  INTEGER_BIT,
  invalid,
  isInfinite,
  isNegative,
  isSpecial,
  isZero,
  noteSubnormal,
  result,
  SIGN,
  significandOf,
  special,
  special1,
  zero,
} from "./extended";
import {
  alternating,
  ascending,
  divide,
  exponent,
  fixedMultiply,
  low,
  multiply,
  normalize,
  oneMinus,
  onePlus,
  toFixed,
} from "./quad";
import * as wide from "./wide";

const LEADING: u64 = 1 << 63;
/** pi with 128 bits, exponent 1; 3 pi / 4 has exponent 1, too. */
const PI_HIGH: u64 = 0xc90f_daa2_2168_c234;
const PI_LOW: u64 = 0xc4c6_628b_80dc_1cd1;
const PI_3_4_HIGH: u64 = 0x96cb_e3f9_990e_91a7;
const PI_3_4_LOW: u64 = 0x9394_c9e8_a0a5_159d;
/** The 66 bits of pi that the reduction uses: PI66_HIGH:PI66_LOW / 2^64. */
const PI66_HIGH: u64 = 0x3;
const PI66_LOW: u64 = 0x243f_6a88_85a3_08d3;
/** ln 2, exponent -1; 2 / ln 2, exponent 1. */
const LN2_HIGH: u64 = 0xb172_17f7_d1cf_79ab;
const LN2_LOW: u64 = 0xc9e3_b398_03f2_f6af;
const TWO_LOG2E_HIGH: u64 = 0xb8aa_3b29_5c17_f0bb;
const TWO_LOG2E_LOW: u64 = 0xbe87_fed0_691d_3e89;
/** Significand of sqrt(2). */
const SQRT2: u64 = 0xb504_f333_f9de_6484;

/** Rounds an inexact value. */
@inline function inexact(sign: u32, e: i32, high: u64, low_: u64): u64 {
  return finish(sign, e, high, low_ | 1, 64);
}

// ---- trigonometric functions ----------------------------------------------------------------------

/** Argument out of range: |x| >= 2^63. */
@inline export function beyondReduction(se: u32): bool { return <i32>(se & 0x7fff) >= BIAS + 63; }

/** The reduced argument r, |r| <= pi/4, and the multiple of pi/2 taken away, modulo 4. */
let rNegative: bool = false;
let rExponent: i32 = 0;
let rHigh: u64 = 0;
let rLow: u64 = 0;
let quadrant: u32 = 0;

function reduce(se: u32, s: u64): void {
  const e = exponentOf(se, s);
  let high = significandOf(s);
  rNegative = isNegative(se);
  quadrant = 0;
  if (e < -1 || (e == -1 && high <= PI_HIGH)) {
    rExponent = e;
    rHigh = high;
    rLow = 0;
    return;
  }
  // In units of 2^-65, in which pi/2 is the 66-bit number: x has its leading bit at e + 65, at most 127.
  const start = wide.shiftRightJam(high, 0, <u32>(62 - e));
  let restHigh = start;
  let restLow = wide.low;
  let count: u32 = 0;
  for (let shift: i32 = e; shift >= 0; shift--) {
    const pHigh = wide.shiftLeft(PI66_HIGH, PI66_LOW, shift);
    const pLow = wide.low;
    count <<= 1;
    if (restHigh > pHigh || (restHigh == pHigh && restLow >= pLow)) {
      restHigh = wide.subtract(restHigh, restLow, pHigh, pLow);
      restLow = wide.low;
      count |= 1;
    }
  }
  // Beyond pi/4: one more, and the other way.
  const otherHigh = wide.subtract(PI66_HIGH, PI66_LOW, restHigh, restLow);
  const otherLow = wide.low;
  let flip = false;
  if (restHigh > otherHigh || (restHigh == otherHigh && restLow > otherLow)) {
    restHigh = otherHigh;
    restLow = otherLow;
    count++;
    flip = true;
  }
  quadrant = (rNegative ? 0 - count : count) & 3;
  if (flip) rNegative = !rNegative;
  rHigh = (restHigh | restLow) == 0 ? 0 : normalize(62, restHigh, restLow);
  rLow = (restHigh | restLow) == 0 ? 0 : low;
  rExponent = exponent;
}

/** Square of r in fixed point. */
let zHigh: u64 = 0;
let zLow: u64 = 0;
function square(): void {
  const high = toFixed(rExponent, rHigh, rLow);
  const low_ = low;
  zHigh = fixedMultiply(high, low_, high, low_);
  zLow = low;
}
/** |sin r| as a floating value; 0 for r = 0. */
function sineOf(): u64 {
  if (rHigh == 0) return 0;
  let high = alternating(SINE, 16, zHigh, zLow);
  high = fixedMultiply(high, low, zHigh, zLow);
  high = oneMinus(high, low);
  return multiply(rExponent, rHigh, rLow, exponent, high, low);
}
/** cos r. */
function cosineOf(): u64 {
  let high = alternating(COSINE, 17, zHigh, zLow);
  high = fixedMultiply(high, low, zHigh, zLow);
  return oneMinus(high, low);
}

/** Rounds sin(r + quarter pi/2). */
function sineIn(quarter: u32): u64 {
  const high = (quarter & 1) != 0 ? cosineOf() : sineOf();
  if (high == 0) return zero(0);
  const sign = (quarter & 1) != 0 ? (quarter & 2) != 0 : ((quarter & 2) != 0) != rNegative;
  return inexact(sign ? SIGN : 0, exponent, high, low);
}

/** Sine of a finite value within the range of the reduction. */
export function extSin(se: u32, s: u64): u64 {
  if (isZero(se, s)) return zero(se);
  noteSubnormal(se, s);
  reduce(se, s);
  square();
  return sineIn(quadrant);
}
export function extCos(se: u32, s: u64): u64 {
  if (isZero(se, s)) return result(<u32>BIAS, INTEGER_BIT);
  noteSubnormal(se, s);
  reduce(se, s);
  square();
  return sineIn(quadrant + 1);
}
export function extTan(se: u32, s: u64): u64 {
  if (isZero(se, s)) return zero(se);
  noteSubnormal(se, s);
  reduce(se, s);
  // tan r = r (1 + r^2/3 + ...)
  if ((quadrant & 1) == 0 && rExponent < -66 && rHigh != 0) return inexact(rNegative ? SIGN : 0, rExponent, rHigh, rLow);
  square();
  const sHigh = sineOf();
  const sLow = low;
  const sExponent = exponent;
  const cHigh = cosineOf();
  const cLow = low;
  const cExponent = exponent;
  if ((quadrant & 1) == 0) {
    const high = divide(sExponent, sHigh, sLow, cExponent, cHigh, cLow);
    return inexact(rNegative ? SIGN : 0, exponent, high, low);
  }
  const high = divide(cExponent, cHigh, cLow, sExponent, sHigh, sLow);
  return inexact(rNegative ? 0 : SIGN, exponent, high, low);
}

// ---- 2^x - 1 --------------------------------------------------------------------------------------

/** For |x| <= 1; what lies beyond is undefined and comes back as it is, with PE. */
export function ext2xm1(se: u32, s: u64): u64 {
  if (isSpecial(se, s)) return special1(se, s);
  if (isZero(se, s)) return zero(se);
  if (isInfinite(se, s)) return isNegative(se) ? result(SIGN | <u32>BIAS, INTEGER_BIT) : infinite(0);
  noteSubnormal(se, s);
  const e = exponentOf(se, s);
  const significand = significandOf(s);
  const negative = isNegative(se);
  if (e >= 0) {
    raiseFlags(PE);
    if (e > 0 || significand != LEADING) return result(se, s);
    return negative ? result(SIGN | <u32>(BIAS - 1), INTEGER_BIT) : result(<u32>BIAS, INTEGER_BIT);
  }
  // t = x ln 2, e^t - 1 = t (1 + t/2! + t^2/3! + ...)
  const tHigh = multiply(e, significand, 0, -1, LN2_HIGH, LN2_LOW);
  const tLow = low;
  const tExponent = exponent;
  const fHigh = toFixed(tExponent, tHigh, tLow);
  const fLow = low;
  let high: u64;
  if (negative) {
    high = alternating(EXPONENTIAL, 32, fHigh, fLow);
    high = fixedMultiply(high, low, fHigh, fLow);
    high = oneMinus(high, low);
  } else {
    high = ascending(EXPONENTIAL, 32, fHigh, fLow);
    high = fixedMultiply(high, low, fHigh, fLow);
    high = onePlus(high, low);
  }
  high = multiply(tExponent, tHigh, tLow, exponent, high, low);
  return inexact(se & SIGN, exponent, high, low);
}

// ---- logarithms -----------------------------------------------------------------------------------

/** log2((1 + q) / (1 - q)) = 2 atanh(q) / ln 2 for q = n / d, floating values. */
function logarithmOf(nExponent: i32, nHigh: u64, nLow: u64, dExponent: i32, dHigh: u64, dLow: u64): u64 {
  const qHigh = divide(nExponent, nHigh, nLow, dExponent, dHigh, dLow);
  const qLow = low;
  const qExponent = exponent;
  const fHigh = toFixed(qExponent, qHigh, qLow);
  const fLow = low;
  const high = fixedMultiply(fHigh, fLow, fHigh, fLow);
  const low_ = low;
  let series = ascending(RECIPROCALS, 26, high, low_);
  series = fixedMultiply(series, low, high, low_);
  series = onePlus(series, low);
  series = multiply(qExponent, qHigh, qLow, exponent, series, low);
  return multiply(exponent, series, low, 1, TWO_LOG2E_HIGH, TWO_LOG2E_LOW);
}

/** Result of y * log for infinite and zero operands and logarithms; both factors may be 0 or infinite. */
function specialProduct(ySe: u32, y: u64, logSign: u32, logInfinite: bool): u64 {
  const sign = (ySe & SIGN) ^ logSign;
  if (logInfinite) return isZero(ySe, y) ? invalid() : infinite(sign);
  return isInfinite(ySe, y) ? invalid() : zero(sign);
}

/** y * log2(x). */
export function extYl2x(ySe: u32, y: u64, xSe: u32, x: u64): u64 {
  if (isSpecial(xSe, x) || isSpecial(ySe, y)) return special(xSe, x, ySe, y);
  if (isZero(xSe, x)) {
    if (isZero(ySe, y)) return invalid();
    if (isInfinite(ySe, y)) return infinite((ySe & SIGN) ^ SIGN);
    raiseFlags(ZE);
    return infinite((ySe & SIGN) ^ SIGN);
  }
  if (isNegative(xSe)) return invalid();
  noteSubnormal(xSe, x);
  noteSubnormal(ySe, y);
  if (isInfinite(xSe, x)) return specialProduct(ySe, y, 0, true);
  let k = exponentOf(xSe, x);
  const significand = significandOf(x);
  if (k == 0 && significand == LEADING) return specialProduct(ySe, y, 0, false);
  const below = k < 0;
  if (isInfinite(ySe, y)) return infinite((ySe & SIGN) ^ (below ? SIGN : 0));
  if (isZero(ySe, y)) return zero((ySe & SIGN) ^ (below ? SIGN : 0));
  const yExponent = exponentOf(ySe, y);
  const ySignificand = significandOf(y);
  const sign = (ySe & SIGN) ^ (below ? SIGN : 0);
  if (significand == LEADING) {
    // A power of two: exact but for the product's rounding, and reported as inexact all the same.
    raiseFlags(PE);
    const amount = <u64>(below ? -k : k);
    const count = <i32>clz<u64>(amount);
    const high = wide.multiply(ySignificand, amount << count);
    const product = normalize(yExponent + 64 - count, high, wide.low);
    const value = finish(sign, exponent, product, low, 64);
    if ((resultExponent() & 0x7fff) == 0) raiseFlags(UE);
    return value;
  }
  const log = logarithm(k, significand, 0);
  const product = multiply(yExponent, ySignificand, 0, exponent, log, low);
  return inexact(sign, exponent, product, low);
}

/** |log2| of a floating value that is not 1. */
function logarithm(k: i32, high: u64, low_: u64): u64 {
  // 2^k m with m between sqrt(1/2) and sqrt(2); log2(m) = 2 atanh((m - 1) / (m + 1)) / ln 2
  const upper = high >= SQRT2;
  if (upper) k++;
  const difference = upper ? wide.subtract(0, 0, high, low_) : wide.subtract(high, low_, LEADING, 0);
  const nHigh = normalize(upper ? -1 : 0, difference, wide.low);
  const nLow = low;
  const nExponent = exponent;
  // m + 1, halved in the second case: m / 2 + 1 / 2
  const dHigh: u64 = upper ? LEADING | (high >> 1) : LEADING | ((high - LEADING) >> 1);
  const dLow: u64 = (high << 63) | (low_ >> 1);
  const fraction = logarithmOf(nExponent, nHigh, nLow, upper ? 0 : 1, dHigh, dLow);
  if (k == 0) return fraction;
  // |k| +- |log2(m)| in fixed point with 16 integer bits.
  const fHigh = wide.shiftRightJam(fraction, low, <u32>(15 - exponent));
  const fLow = wide.low;
  const kHigh = <u64>(k < 0 ? -k : k) << 48;
  const total = k < 0 == upper ? wide.add(kHigh, 0, fHigh, fLow) : wide.subtract(kHigh, 0, fHigh, fLow);
  return normalize(15, total, wide.low);
}

/**
 * y * log2(x + 1). The manuals define it for 1/sqrt(2) <= x + 1 <= sqrt(2); the processor goes on with the true value
 * above and down to x > -1, and gives x itself below.
 */
export function extYl2xp1(ySe: u32, y: u64, xSe: u32, x: u64): u64 {
  if (isSpecial(xSe, x) || isSpecial(ySe, y)) return special(xSe, x, ySe, y);
  const sign = (xSe ^ ySe) & SIGN;
  if (isInfinite(xSe, x) && isNegative(xSe)) return invalid();
  noteSubnormal(xSe, x);
  noteSubnormal(ySe, y);
  if (isZero(xSe, x)) return specialProduct(ySe, y, xSe & SIGN, false);
  if (isInfinite(xSe, x)) return specialProduct(ySe, y, 0, true);
  if (isInfinite(ySe, y)) return infinite(sign);
  if (isZero(ySe, y)) return zero(sign);
  const e = exponentOf(xSe, x);
  if (e >= 0 && isNegative(xSe)) {
    raiseFlags(PE);
    return result(xSe, x);
  }
  const significand = significandOf(x);
  let log: u64;
  if (e >= -2) {
    const oneHigh = wide.shiftRightJam(LEADING, 0, e > 0 ? e : 0);
    const oneLow = wide.low;
    const xHigh = wide.shiftRightJam(significand, 0, e > 0 ? 0 : -e);
    const xLow = wide.low;
    // Halved, so that 1 + x < 2^(e + 2) keeps its leading bit.
    const halfHigh = xHigh >> 1;
    const halfLow = (xHigh << 63) | (xLow >> 1) | (xLow & 1);
    const otherHigh = oneHigh >> 1;
    const otherLow = (oneHigh << 63) | (oneLow >> 1) | (oneLow & 1);
    const total = isNegative(xSe)
      ? wide.subtract(otherHigh, otherLow, halfHigh, halfLow)
      : wide.add(otherHigh, otherLow, halfHigh, halfLow);
    const value = normalize((e > 0 ? e : 0) + 1, total, wide.low);
    log = logarithm(exponent, value, low);
  } else {
    // x / (2 + x); x in units of 2^-126, where 2 is bit 127
    const shifted = wide.shiftRightJam(significand, 0, <u32>(1 - e));
    const dHigh = isNegative(xSe) ? wide.subtract(LEADING, 0, shifted, wide.low) : wide.add(LEADING, 0, shifted, wide.low);
    const d = normalize(1, dHigh, wide.low);
    log = logarithmOf(e, significand, 0, exponent, d, low);
  }
  const product = multiply(exponentOf(ySe, y), significandOf(y), 0, exponent, log, low);
  return inexact(sign, exponent, product, low);
}

// ---- arctangent -----------------------------------------------------------------------------------

/** atan(u) = u (1 - u^2/3 + u^4/5 - ...) for 0 < u <= 1/16. */
function arctangentSeries(e: i32, high: u64, low_: u64): u64 {
  const fHigh = toFixed(e, high, low_);
  const fLow = low;
  const squareHigh = fixedMultiply(fHigh, fLow, fHigh, fLow);
  const squareLow = low;
  let series = alternating(RECIPROCALS, 16, squareHigh, squareLow);
  series = fixedMultiply(series, low, squareHigh, squareLow);
  series = oneMinus(series, low);
  return multiply(e, high, low_, exponent, series, low);
}
/** atan(t) for 0 < t <= 1: atan(k/16) + atan((t - k/16) / (1 + t k/16)). */
function arctangent(e: i32, high: u64, low_: u64): u64 {
  const fHigh = e >= 0 ? ~<u64>0 : toFixed(e, high, low_);
  const fLow = low;
  const k = <u64>(e >= 0 ? 16 : fHigh >> 60);
  if (k == 0) return arctangentSeries(e, high, low_);
  let sumHigh = load<u64>(ARCTANGENTS + (<usize>k << 4));
  let sumLow = load<u64>(ARCTANGENTS + (<usize>k << 4), 8);
  const restHigh = fHigh & 0x0fff_ffff_ffff_ffff;
  if (k < 16 && (restHigh | fLow) != 0) {
    const productHigh = fixedMultiply(fHigh, fLow, k << 60, 0);
    const dHigh = onePlus(productHigh, low);
    const dLow = low;
    const nHigh = normalize(-1, restHigh, fLow);
    const quotient = divide(exponent, nHigh, low, 0, dHigh, dLow);
    const term = arctangentSeries(exponent, quotient, low);
    const fixed = toFixed(exponent, term, low);
    sumHigh = wide.add(sumHigh, sumLow, fixed, low);
    sumLow = wide.low;
  }
  return normalize(-1, sumHigh, sumLow);
}

/** atan(y / x) in the quadrant of (x, y). */
export function extAtan2(ySe: u32, y: u64, xSe: u32, x: u64): u64 {
  if (isSpecial(xSe, x) || isSpecial(ySe, y)) return special(xSe, x, ySe, y);
  noteSubnormal(xSe, x);
  noteSubnormal(ySe, y);
  const sign = ySe & SIGN;
  const left = isNegative(xSe);
  if (isZero(ySe, y) || (isInfinite(xSe, x) && !isInfinite(ySe, y))) {
    return left ? inexact(sign, 1, PI_HIGH, PI_LOW) : zero(sign);
  }
  if (isInfinite(ySe, y)) {
    if (!isInfinite(xSe, x)) return inexact(sign, 0, PI_HIGH, PI_LOW);
    return left ? inexact(sign, 1, PI_3_4_HIGH, PI_3_4_LOW) : inexact(sign, -1, PI_HIGH, PI_LOW);
  }
  if (isZero(xSe, x)) return inexact(sign, 0, PI_HIGH, PI_LOW);
  const xExponent = exponentOf(xSe, x);
  const yExponent = exponentOf(ySe, y);
  const xHigh = significandOf(x);
  const yHigh = significandOf(y);
  const steep = yExponent > xExponent || (yExponent == xExponent && yHigh > xHigh);
  const ratio = steep ? divide(xExponent, xHigh, 0, yExponent, yHigh, 0) : divide(yExponent, yHigh, 0, xExponent, xHigh, 0);
  const high = arctangent(exponent, ratio, low);
  if (!steep && !left) return inexact(sign, exponent, high, low);
  // pi/2 - a, pi/2 + a, pi - a; in units of 2^-126, as pi stands.
  const aHigh = wide.shiftRightJam(high, low, <u32>(1 - exponent));
  const aLow = wide.low;
  const baseHigh = steep ? PI_HIGH >> 1 : PI_HIGH;
  const baseLow = steep ? (PI_HIGH << 63) | (PI_LOW >> 1) : PI_LOW;
  const sum = steep && left ? wide.add(baseHigh, baseLow, aHigh, aLow) : wide.subtract(baseHigh, baseLow, aHigh, aLow);
  const total = normalize(1, sum, wide.low);
  return inexact(sign, exponent, total, low);
}
