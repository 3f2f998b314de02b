// Arithmetic on binary32 and binary64 with the SSE rules (SDM vol. 1, 11.5; APM vol. 1, 4.6-4.8): T is u32 or
// u64, the bit pattern. single.ts and double.ts name the instances.
//
//   NaN operands: the first one that is a NaN, made quiet; else the operation's own default NaN.
//   DE is raised for subnormal operands unless an operand is a NaN; with DAZ they are zeros without DE.

import {
  CONTROL_DAZ,
  control,
  DE,
  IE,
  PE,
  raiseFlags,
  Relation,
  resultExponent,
  Rounding,
  rounding,
  ZE,
} from "./control";
import { difference, exponent, flipped, product, quotient, root, sum, tail } from "./finite";
import { round, roundsUp } from "./round";

/** Significant bits, exponent bias, width of the fraction field. */
@inline export function precision<T>(): u32 { return sizeof<T>() == 4 ? 24 : 53; }
@inline export function bias<T>(): i32 { return sizeof<T>() == 4 ? 127 : 1023; }
@inline function fractionBits<T>(): u32 { return precision<T>() - 1; }
@inline export function signBit<T>(): T { return <T>1 << (<T>sizeof<T>() * 8 - 1); }
@inline export function infinity<T>(): T { return <T>(2 * bias<T>() + 1) << <T>fractionBits<T>(); }
@inline export function quietBit<T>(): T { return <T>1 << <T>(fractionBits<T>() - 1); }
/** What an invalid operation delivers. */
@inline function indefinite<T>(): T { return signBit<T>() | infinity<T>() | quietBit<T>(); }

@inline export function isNegative<T>(a: T): bool { return (a & signBit<T>()) != 0; }
@inline function magnitude<T>(a: T): T { return a & ~signBit<T>(); }
@inline export function isNaN<T>(a: T): bool { return magnitude<T>(a) > infinity<T>(); }
@inline export function isSignalling<T>(a: T): bool { return isNaN<T>(a) && (a & quietBit<T>()) == 0; }
@inline export function isInfinite<T>(a: T): bool { return magnitude<T>(a) == infinity<T>(); }
@inline export function isZero<T>(a: T): bool { return magnitude<T>(a) == 0; }
@inline export function isSubnormal<T>(a: T): bool { return magnitude<T>(a) - 1 < (<T>1 << <T>fractionBits<T>()) - 1; }

/** Left-aligned significand of a finite non-zero value; the leading bit is bit 63. */
@inline export function significandOf<T>(a: T): u64 {
  const aligned = <u64>a << (<u64>64 - <u64>precision<T>());
  if (!isSubnormal<T>(a)) return aligned | (<u64>1 << 63);
  const fraction = aligned << 1 >> 1;
  return fraction << clz<u64>(fraction);
}
/** Exponent of the leading bit. */
@inline export function exponentOf<T>(a: T): i32 {
  const biased = <i32>(magnitude<T>(a) >> <T>fractionBits<T>());
  if (biased != 0) return biased - bias<T>();
  const fraction = <u64>magnitude<T>(a) << (<u64>64 - <u64>precision<T>());
  return 1 - bias<T>() - <i32>clz<u64>(fraction);
}

/** Bit pattern of a rounded significand with its biased exponent. */
@inline export function pack<T>(sign: T, biased: u32, significand: u64): T {
  return sign | (<T>biased << <T>fractionBits<T>()) | <T>((significand << 1) >> (<u64>65 - <u64>precision<T>()));
}
/** Rounds and packs a finite non-zero result. */
export function finish<T>(sign: T, e: i32, high: u64, low: u64): T {
  const significand = round(sign != 0, e, high, low, precision<T>(), bias<T>(), 0);
  return pack<T>(sign, resultExponent(), significand);
}

/** Zero in place of a subnormal number where DAZ asks for it. */
@inline export function flushed<T>(a: T): T {
  return isSubnormal<T>(a) && (control() & CONTROL_DAZ) != 0 ? a & signBit<T>() : a;
}
/** An operand as the operation sees it: DE for a subnormal one, or zero in its place. */
@inline export function operand<T>(a: T): T {
  const seen = flushed<T>(a);
  if (isSubnormal<T>(seen)) raiseFlags(DE);
  return seen;
}
export function invalid<T>(): T {
  raiseFlags(IE);
  return indefinite<T>();
}
/** A NaN operand's result. */
function quieted<T>(a: T): T {
  if (isSignalling<T>(a)) raiseFlags(IE);
  return a | quietBit<T>();
}
function propagate<T>(a: T, b: T): T {
  if (isSignalling<T>(a) || isSignalling<T>(b)) raiseFlags(IE);
  return (isNaN<T>(a) ? a : b) | quietBit<T>();
}

/** a + b, or a - b where `flip` is the sign bit. */
export function add<T>(a: T, b: T, flip: T): T {
  if (isNaN<T>(a) || isNaN<T>(b)) return propagate<T>(a, b);
  a = operand<T>(a);
  b = operand<T>(b) ^ flip;
  const sign = a & signBit<T>();
  const opposite = ((a ^ b) & signBit<T>()) != 0;
  if (isInfinite<T>(a)) return isInfinite<T>(b) && opposite ? invalid<T>() : a;
  if (isInfinite<T>(b)) return b;
  const cancelled = rounding() == Rounding.DOWN ? signBit<T>() : 0;
  if (isZero<T>(a)) {
    if (!isZero<T>(b)) return isSubnormal<T>(b) ? finish<T>(b & signBit<T>(), exponentOf<T>(b), significandOf<T>(b), 0) : b;
    return opposite ? <T>cancelled : a;
  }
  if (isZero<T>(b)) return isSubnormal<T>(a) ? finish<T>(sign, exponentOf<T>(a), significandOf<T>(a), 0) : a;
  if (!opposite) {
    const high = sum(exponentOf<T>(a), significandOf<T>(a), exponentOf<T>(b), significandOf<T>(b));
    return finish<T>(sign, exponent, high, tail);
  }
  const high = difference(exponentOf<T>(a), significandOf<T>(a), exponentOf<T>(b), significandOf<T>(b));
  if (high == 0) return <T>cancelled;
  return finish<T>(flipped ? sign ^ signBit<T>() : sign, exponent, high, tail);
}

export function multiply<T>(a: T, b: T): T {
  if (isNaN<T>(a) || isNaN<T>(b)) return propagate<T>(a, b);
  const sign = (a ^ b) & signBit<T>();
  a = operand<T>(a);
  b = operand<T>(b);
  if (isInfinite<T>(a) || isInfinite<T>(b)) {
    return isZero<T>(a) || isZero<T>(b) ? invalid<T>() : sign | infinity<T>();
  }
  if (isZero<T>(a) || isZero<T>(b)) return sign;
  const high = product(exponentOf<T>(a), significandOf<T>(a), exponentOf<T>(b), significandOf<T>(b));
  return finish<T>(sign, exponent, high, tail);
}

export function divide<T>(a: T, b: T): T {
  if (isNaN<T>(a) || isNaN<T>(b)) return propagate<T>(a, b);
  const sign = (a ^ b) & signBit<T>();
  if (isZero<T>(flushed<T>(b)) && !isInfinite<T>(a)) {
    // Comes before DE.
    if (isZero<T>(flushed<T>(a))) return invalid<T>();
    raiseFlags(ZE);
    return sign | infinity<T>();
  }
  a = operand<T>(a);
  b = operand<T>(b);
  if (isInfinite<T>(a)) return isInfinite<T>(b) ? invalid<T>() : sign | infinity<T>();
  if (isInfinite<T>(b)) return sign;
  if (isZero<T>(a)) return sign;
  const high = quotient(exponentOf<T>(a), significandOf<T>(a), exponentOf<T>(b), significandOf<T>(b));
  return finish<T>(sign, exponent, high, tail);
}

export function squareRoot<T>(a: T): T {
  if (isNaN<T>(a)) return quieted<T>(a);
  // A negative number is invalid before it is subnormal.
  if (isNegative<T>(a) && !isZero<T>(flushed<T>(a))) return invalid<T>();
  a = operand<T>(a);
  if (isZero<T>(a) || isInfinite<T>(a)) return a;
  const high = root(exponentOf<T>(a), significandOf<T>(a));
  return finish<T>(0, exponent, high, tail);
}

/** Orders bit patterns as numbers: negative ones downwards. */
@inline function isLess<T>(a: T, b: T): bool {
  if (isZero<T>(a) && isZero<T>(b)) return false;
  if (isNegative<T>(a) != isNegative<T>(b)) return isNegative<T>(a);
  return isNegative<T>(a) ? b < a : a < b;
}
@inline function isEqual<T>(a: T, b: T): bool { return a == b || (isZero<T>(a) && isZero<T>(b)); }

export function compare<T>(a: T, b: T, signalling: bool): Relation {
  if (isNaN<T>(a) || isNaN<T>(b)) {
    if (signalling || isSignalling<T>(a) || isSignalling<T>(b)) raiseFlags(IE);
    return Relation.UNORDERED;
  }
  a = operand<T>(a);
  b = operand<T>(b);
  return isEqual<T>(a, b) ? Relation.EQUAL : isLess<T>(a, b) ? Relation.LESS : Relation.GREATER;
}
/** MINSS: the second operand where either is a NaN or both are zeros. */
export function minimum<T>(a: T, b: T): T {
  if (isNaN<T>(a) || isNaN<T>(b)) {
    raiseFlags(IE);
    return flushed<T>(b);
  }
  a = operand<T>(a);
  b = operand<T>(b);
  return isLess<T>(a, b) ? a : b;
}
export function maximum<T>(a: T, b: T): T {
  if (isNaN<T>(a) || isNaN<T>(b)) {
    raiseFlags(IE);
    return flushed<T>(b);
  }
  a = operand<T>(a);
  b = operand<T>(b);
  return isLess<T>(b, a) ? a : b;
}

/** Integral value in the same format. Subnormal operands raise no DE here. */
export function toIntegral<T>(a: T, mode: u32): T {
  if (isNaN<T>(a)) return quieted<T>(a);
  a = flushed<T>(a);
  if (isZero<T>(a)) return a;
  const e = exponentOf<T>(a);
  const point = <i32>fractionBits<T>();
  if (e >= point) return a;
  const sign = a & signBit<T>();
  if (e < 0) {
    raiseFlags(PE);
    // 0 or 1. Of a number below a half it only counts that it is not 0.
    const up = roundsUp(mode, sign != 0, false, e == -1 ? significandOf<T>(a) : 1);
    return up ? sign | (<T>bias<T>() << <T>point) : sign;
  }
  const unit = <T>1 << <T>(point - e);
  const whole = a & ~(unit - 1);
  if (whole == a) return a;
  raiseFlags(PE);
  // Below 2 the unit of the integer is the implicit bit: adding it carries into the exponent, which is right.
  const up = roundsUp(mode, sign != 0, (whole & unit) != 0, <u64>(a - whole) << <u64>(64 - point + e));
  return up ? whole + unit : whole;
}
