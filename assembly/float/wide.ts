// 128-bit integers as pairs of u64: what exact products, quotients and roots of 64-bit significands need.
// A function returns the upper half; the lower one is in `low`. "Jam" keeps a value inexact when bits are
// shifted out: bit 0 of the result then says that something was lost, which is all that rounding asks.

/** Lower half of the last result. */
export let low: u64 = 0;
/** Upper half of the second result: remainder of a root. */
export let remainderHigh: u64 = 0;
/** Remainder of a quotient; lower half of the remainder of a root. */
export let remainder: u64 = 0;

@inline function high32(a: u64): u64 { return a >> 32; }
@inline function low32(a: u64): u64 { return a & 0xffff_ffff; }

/** a * b. */
export function multiply(a: u64, b: u64): u64 {
  const ll = low32(a) * low32(b);
  const lh = low32(a) * high32(b);
  const hl = high32(a) * low32(b);
  const middle = high32(ll) + low32(lh) + low32(hl);
  low = (middle << 32) | low32(ll);
  return high32(a) * high32(b) + high32(lh) + high32(hl) + high32(middle);
}
/** Upper half of a * b alone. */
export function multiplyHigh(a: u64, b: u64): u64 {
  const lh = low32(a) * high32(b);
  const hl = high32(a) * low32(b);
  return high32(a) * high32(b) + high32(lh) + high32(hl) + high32(high32(low32(a) * low32(b)) + low32(lh) + low32(hl));
}

export function add(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): u64 {
  low = aLow + bLow;
  return aHigh + bHigh + u64(low < aLow);
}
export function subtract(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): u64 {
  low = aLow - bLow;
  return aHigh - bHigh - u64(aLow < bLow);
}

/** Shifts left by 0 to 127. */
export function shiftLeft(h: u64, l: u64, count: u32): u64 {
  if (count == 0) {
    low = l;
    return h;
  }
  if (count >= 64) {
    low = 0;
    return l << (count - 64);
  }
  low = l << count;
  return (h << count) | (l >> (64 - count));
}
/** Shifts right by any count, jamming. */
export function shiftRightJam(h: u64, l: u64, count: u32): u64 {
  if (count == 0) {
    low = l;
    return h;
  }
  if (count < 64) {
    low = (h << (64 - count)) | (l >> count) | u64(l << (64 - count) != 0);
    return h >> count;
  }
  if (count == 64) low = h | u64(l != 0);
  else if (count < 128) low = (h >> (count - 64)) | u64(((h << (128 - count)) | l) != 0);
  else low = u64((h | l) != 0);
  return 0;
}

/** (h:l) / divisor for h < divisor and bit 63 of the divisor set: the quotient; `remainder`. */
export function divide(h: u64, l: u64, divisor: u64): u64 {
  const top = high32(divisor);
  const bottom = low32(divisor);
  let digit = h / top;
  let rest = h % top;
  while (digit >> 32 != 0 || digit * bottom > ((rest << 32) | high32(l))) {
    digit--;
    rest += top;
    if (rest >> 32 != 0) break;
  }
  // Modulo 2^64 from here: the true value is known to fit.
  const middle = ((h << 32) | high32(l)) - digit * divisor;
  let second = middle / top;
  rest = middle % top;
  while (second >> 32 != 0 || second * bottom > ((rest << 32) | low32(l))) {
    second--;
    rest += top;
    if (rest >> 32 != 0) break;
  }
  remainder = ((middle << 32) | low32(l)) - second * divisor;
  return (digit << 32) + second;
}

/** Square root of a 64-bit integer, rounded down. */
function root64(a: u64): u64 {
  // The machine's root of the rounded value is at most one off.
  let root = <u64>sqrt<f64>(<f64>a);
  if (root > 0xffff_ffff) root = 0xffff_ffff;
  while (root * root > a) root--;
  while (root < 0xffff_ffff && (root + 1) * (root + 1) <= a) root++;
  return root;
}
/**
 * Square root of h:l, rounded down, for h >= 2^62; the remainder is in remainderHigh:remainder. One step of the
 * schoolbook method in base 2^32: the root of the upper half gives the lower half by a division.
 */
export function squareRoot(h: u64, l: u64): u64 {
  const top = root64(h);
  const rest = h - top * top;
  // (rest : upper digit of l) / (2 top); rest has up to 33 bits, hence the division by halves.
  const half = (rest << 31) | (l >> 33);
  const digit = half / top;
  const left = ((half % top) << 1) | ((l >> 32) & 1);
  let root = (top << 32) + digit;
  // left * 2^32 + lower digit - digit^2; digit <= 2^32.
  const squareHigh: u64 = digit >> 32;
  const squareLow: u64 = squareHigh != 0 ? 0 : digit * digit;
  let restHigh = subtract(left >> 32, (left << 32) | low32(l), squareHigh, squareLow);
  let restLow = low;
  while (<i64>restHigh < 0) {
    // (root)^2 - (root - 1)^2 = 2 (root - 1) + 1
    root--;
    restHigh = add(restHigh, restLow, root >> 63, (root << 1) | 1);
    restLow = low;
  }
  remainderHigh = restHigh;
  remainder = restLow;
  return root;
}
