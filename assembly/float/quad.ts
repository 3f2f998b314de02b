// Values of 128 significant bits for the transcendental functions: enough that the one rounding at the end decides
// (error below 2^-120, results of 64 bits). Truncated, not rounded, in between.
//
//   floating   +-(high:low) / 2^127 * 2^exponent, bit 127 set; functions return high and leave `low` and `exponent`
//   fixed      (high:low) / 2^128, in [0, 1); functions return high and leave `low`
//
// Polynomials are evaluated in fixed point by Horner's rule over tables of coefficients below 1.

import * as wide from "./wide";

export let low: u64 = 0;
export let exponent: i32 = 0;

const LEADING: u64 = 1 << 63;

// ---- fixed point ----------------------------------------------------------------------------------

/** a * b. */
export function fixedMultiply(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): u64 {
  const high = wide.multiply(aHigh, bHigh);
  const cross1 = wide.multiplyHigh(aHigh, bLow);
  const first = wide.low + cross1;
  const carry1 = u64(first < cross1);
  const cross2 = wide.multiplyHigh(aLow, bHigh);
  low = first + cross2;
  return high + carry1 + u64(low < cross2);
}
/** table[0] - z (table[1] - z (table[2] - ... )), for `count` coefficients. */
export function alternating(table: usize, count: u32, zHigh: u64, zLow: u64): u64 {
  let at = table + ((count - 1) << 4);
  let high = load<u64>(at);
  low = load<u64>(at, 8);
  while (at > table) {
    at -= 16;
    const product = fixedMultiply(high, low, zHigh, zLow);
    high = wide.subtract(load<u64>(at), load<u64>(at, 8), product, low);
    low = wide.low;
  }
  return high;
}
/** table[0] + z (table[1] + z (table[2] + ... )). */
export function ascending(table: usize, count: u32, zHigh: u64, zLow: u64): u64 {
  let at = table + ((count - 1) << 4);
  let high = load<u64>(at);
  low = load<u64>(at, 8);
  while (at > table) {
    at -= 16;
    const product = fixedMultiply(high, low, zHigh, zLow);
    high = wide.add(load<u64>(at), load<u64>(at, 8), product, low);
    low = wide.low;
  }
  return high;
}
/** A floating value below 1 in fixed point. */
export function toFixed(e: i32, high: u64, low_: u64): u64 {
  const result = wide.shiftRightJam(high, low_, -1 - e);
  low = wide.low;
  return result;
}

// ---- floating -------------------------------------------------------------------------------------

/** Brings the leading bit of a non-zero value up to bit 127. */
export function normalize(e: i32, high: u64, low_: u64): u64 {
  const count: u32 = high != 0 ? <u32>clz(high) : 64 + <u32>clz(low_);
  const result = wide.shiftLeft(high, low_, count);
  low = wide.low;
  exponent = e - <i32>count;
  return result;
}
/** 1 + f and 1 - f for a fixed f; 1 - 0 falls short by 2^-128. */
export function onePlus(high: u64, low_: u64): u64 {
  exponent = 0;
  low = (high << 63) | (low_ >> 1);
  return LEADING | (high >> 1);
}
export function oneMinus(high: u64, low_: u64): u64 {
  const zero = (high | low_) == 0;
  const rest = zero ? ~<u64>0 : wide.subtract(0, 0, high, low_);
  return normalize(-1, rest, zero ? ~<u64>0 : wide.low);
}
export function multiply(aExponent: i32, aHigh: u64, aLow: u64, bExponent: i32, bHigh: u64, bLow: u64): u64 {
  const high = fixedMultiply(aHigh, aLow, bHigh, bLow);
  return normalize(aExponent + bExponent + 1, high, low);
}
/** a / b by two digits in base 2^64. */
export function divide(aExponent: i32, aHigh: u64, aLow: u64, bExponent: i32, bHigh: u64, bLow: u64): u64 {
  let e = aExponent - bExponent - 1;
  if (aHigh > bHigh || (aHigh == bHigh && aLow >= bLow)) {
    // Halve the dividend so that the quotient stays below 1.
    e++;
    aLow = (aLow >> 1) | (aHigh << 63);
    aHigh >>= 1;
  }
  const first = digit(aHigh, aLow, bHigh, bLow);
  const second = digit(restHigh, restLow, bHigh, bLow);
  return normalize(e, first, second);
}
let restHigh: u64 = 0;
let restLow: u64 = 0;
/** (a * 2^64) / b for a < b, 128 bits each; what is left in restHigh:restLow. */
function digit(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): u64 {
  let q: u64;
  // top:middle:bottom, what is left of a:0; negative while q is too large.
  let top: u64 = 0;
  let middle: u64;
  if (aHigh >= bHigh) {
    q = ~<u64>0;
    // (aHigh:aLow) - (2^64 - 1) bHigh = (aHigh - bHigh):aLow + bHigh
    middle = aLow + bHigh;
    top = aHigh - bHigh + u64(middle < aLow);
  } else {
    q = wide.divide(aHigh, aLow, bHigh);
    middle = wide.remainder;
  }
  const correctionHigh = wide.multiply(q, bLow);
  // (top:middle:0) - (0:correctionHigh:low)
  const taken = correctionHigh + u64(wide.low != 0);
  let bottom: u64 = 0 - wide.low;
  top -= u64(middle < taken);
  middle -= taken;
  while (<i64>top < 0) {
    q--;
    middle = wide.add(middle, bottom, bHigh, bLow);
    bottom = wide.low;
    top += u64(middle < bHigh || (middle == bHigh && bottom < bLow));
  }
  restHigh = middle;
  restLow = bottom;
  return q;
}
