// The one place where results are rounded (SDM vol. 1, 4.8.4 and 4.9; APM vol. 1, 4.7.4): an exact or jammed
// value becomes a number of a format.
//
//   value = +-(high:low) / 2^127 * 2^exponent, bit 127 set     format: precision p, bias, maximum = 2 bias + 1
//
// Tininess is found after rounding: a value that rounds up to the smallest normal number is not tiny. What is
// delivered for unmasked underflow and overflow is the rounded value with `wrap` added to or taken from its
// exponent (the x87's register destinations); SSE and memory destinations have no result then.

import {
  CONTROL_FTZ,
  control,
  isMasked,
  OE,
  PE,
  raiseFlags,
  ROUNDED_UP,
  Rounding,
  rounding,
  setResultExponent,
  UE,
} from "./control";
import { low, shiftRightJam } from "./wide";

const LEADING: u64 = 1 << 63;

/** Significand of the value cut to p bits, and the unit of its last bit. */
@inline function kept(high: u64, p: u32): u64 { return p == 64 ? high : high & ~((<u64>1 << (64 - p)) - 1); }
@inline function unit(p: u32): u64 { return <u64>1 << (64 - p); }
/** What lies below the kept bits, as a fraction of a unit in 64 bits, jammed. */
@inline function fraction(high: u64, low: u64, p: u32): u64 { return p == 64 ? low : (high << p) | u64(low != 0); }

/** The rounding decision, of integers too: whether a magnitude goes up by a unit, `rest` being what lies below it. */
export function roundsUp(mode: u32, sign: bool, lastBit: bool, rest: u64): bool {
  switch (mode) {
    case Rounding.NEAREST: return rest > LEADING || (rest == LEADING && lastBit);
    case Rounding.DOWN: return sign && rest != 0;
    case Rounding.UP: return !sign && rest != 0;
    default: return false;
  }
}

/**
 * Rounds a non-zero value to a format. Returns the significand, left-aligned with its leading bit explicit, and
 * leaves the biased exponent in RESULT_EXPONENT: 0 for subnormal results and zero, `maximum` for infinity.
 */
export function round(sign: bool, exponent: i32, high: u64, low: u64, p: u32, bias: i32, wrap: i32): u64 {
  const significand = kept(high, p);
  const rest = fraction(high, low, p);
  const up = roundsUp(rounding(), sign, (significand & unit(p)) != 0, rest);
  let biased = exponent + bias;
  const maximum = 2 * bias + 1;
  let rounded = significand;
  if (up) {
    rounded += unit(p);
    if (rounded == 0) {
      rounded = LEADING;
      biased++;
    }
  }
  if (biased <= 0) return tiny(sign, exponent + bias, biased, high, low, rounded, rest, up, p, wrap);
  if (biased >= maximum) {
    if (isMasked(OE)) {
      const infinite = overflowsToInfinity(sign);
      raiseFlags(OE | PE | (infinite ? ROUNDED_UP : 0));
      setResultExponent(infinite ? maximum : maximum - 1);
      return infinite ? LEADING : kept(~(<u64>0), p);
    }
    raiseFlags(OE);
    biased -= wrap;
    if (wrap != 0 && biased >= maximum) {
      // Beyond what the bias can bring back.
      raiseFlags(PE | ROUNDED_UP);
      setResultExponent(maximum);
      return LEADING;
    }
  }
  if (rest != 0) raiseFlags(up ? PE | ROUNDED_UP : PE);
  setResultExponent(biased);
  return rounded;
}

/** Overflow, masked: infinity or the largest number, by rounding mode. */
@inline function overflowsToInfinity(sign: bool): bool {
  const mode = rounding();
  return mode == Rounding.NEAREST || mode == (sign ? Rounding.DOWN : Rounding.UP);
}

/** The rounded value lies below the smallest normal number. `wide` is what an unbounded exponent would give. */
function tiny(
  sign: bool, biased: i32, wideBiased: i32, high: u64, low_: u64, wide: u64, wideRest: u64, wideUp: bool, p: u32, wrap: i32,
): u64 {
  if (!isMasked(UE)) {
    raiseFlags(UE);
    const wrapped = wideBiased + wrap;
    if (wrap != 0 && wrapped <= 0) {
      raiseFlags(PE);
      setResultExponent(0);
      return 0;
    }
    if (wideRest != 0) raiseFlags(wideUp ? PE | ROUNDED_UP : PE);
    setResultExponent(wrapped);
    return wide;
  }
  if ((control() & CONTROL_FTZ) != 0) {
    raiseFlags(UE | PE);
    setResultExponent(0);
    return 0;
  }
  // The exponent of subnormal numbers is that of the smallest normal one: biased 1.
  const shifted = shiftRightJam(high, low_, <u32>(1 - biased));
  let significand = kept(shifted, p);
  const rest = fraction(shifted, low, p);
  setResultExponent(0);
  if (rest == 0) return significand;
  raiseFlags(UE | PE);
  if (roundsUp(rounding(), sign, (significand & unit(p)) != 0, rest)) {
    raiseFlags(ROUNDED_UP);
    significand += unit(p);
    if ((significand & LEADING) != 0) setResultExponent(1);
  }
  return significand;
}
