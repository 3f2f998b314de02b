// Arithmetic on finite non-zero numbers of any format, before rounding: exact, or jammed to 128 bits.
//
//   operand: significand with bit 63 set, exponent of that bit      result: high:low with bit 127 set, `exponent`

import { divide, low, multiply, remainder, remainderHigh, shiftLeft, shiftRightJam, squareRoot, subtract } from "./wide";

/** The last result: exponent of its leading bit, lower half, and whether it has the sign of b (differences). */
export let exponent: i32 = 0;
export let tail: u64 = 0;
export let flipped: bool = false;

const LEADING: u64 = 1 << 63;
/** Tails that stand for a remainder of less than and more than half a unit. */
const BELOW_HALF: u64 = 1;
const ABOVE_HALF: u64 = 0xc000_0000_0000_0000;

/** |a| + |b|. */
export function sum(aExponent: i32, a: u64, bExponent: i32, b: u64): u64 {
  if (aExponent < bExponent) {
    const e = aExponent;
    aExponent = bExponent;
    bExponent = e;
    const s = a;
    a = b;
    b = s;
  }
  const shifted = shiftRightJam(b, 0, aExponent - bExponent);
  let result = a + shifted;
  exponent = aExponent;
  tail = low;
  if (result < a) {
    tail = (result << 63) | (tail >> 1) | (tail & 1);
    result = LEADING | (result >> 1);
    exponent++;
  }
  return result;
}

/** |a| - |b|; `flipped` when |b| is larger; 0 when they are equal. */
export function difference(aExponent: i32, a: u64, bExponent: i32, b: u64): u64 {
  flipped = aExponent < bExponent || (aExponent == bExponent && a < b);
  if (flipped) {
    const e = aExponent;
    aExponent = bExponent;
    bExponent = e;
    const s = a;
    a = b;
    b = s;
  }
  const shifted = shiftRightJam(b, 0, aExponent - bExponent);
  const result = subtract(a, 0, shifted, low);
  if ((result | low) == 0) return 0;
  return normalize(result, low, aExponent);
}

/** Moves the leading bit of a non-zero value to bit 127. */
function normalize(h: u64, l: u64, e: i32): u64 {
  const count: u32 = h != 0 ? <u32>clz(h) : 64 + <u32>clz(l);
  const result = shiftLeft(h, l, count);
  exponent = e - <i32>count;
  tail = low;
  return result;
}

export function product(aExponent: i32, a: u64, bExponent: i32, b: u64): u64 {
  const result = multiply(a, b);
  if ((result & LEADING) != 0) {
    exponent = aExponent + bExponent + 1;
    tail = low;
    return result;
  }
  exponent = aExponent + bExponent;
  tail = low << 1;
  return (result << 1) | (low >> 63);
}

export function quotient(aExponent: i32, a: u64, bExponent: i32, b: u64): u64 {
  exponent = aExponent - bExponent;
  let result: u64;
  if (a >= b) result = divide(a >> 1, a << 63, b);
  else {
    exponent--;
    result = divide(a, 0, b);
  }
  const rest = remainder;
  tail = rest == 0 ? 0 : rest == b - rest ? LEADING : rest < b - rest ? BELOW_HALF : ABOVE_HALF;
  return result;
}

export function root(aExponent: i32, a: u64): u64 {
  // An even exponent halves; the root of [1, 4) is in [1, 2).
  const odd = (aExponent & 1) != 0;
  const result = odd ? squareRoot(a, 0) : squareRoot(a >> 1, a << 63);
  exponent = aExponent >> 1;
  // Never exactly half: (r + 1/2)^2 is not an integer.
  tail = (remainder | remainderHigh) == 0 ? 0 : remainderHigh != 0 || remainder > result ? ABOVE_HALF : BELOW_HALF;
  return result;
}

