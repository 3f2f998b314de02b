// What a vector instruction has to check, given what is known about its operands, and what is known behind it: one
// function by which the data flow over the region and the code that is written agree.
//
// Normally an operand that is not known has to be common (facts.ts), and results are looked at no more. Numbers beyond
// that are rare; a region that meets many of them is translated again, cautiously: then operands have to be ordinary
// and results are checked.

import { Op } from "../../decode/op";
import {
  copyFacts,
  forget,
  fractionBits,
  grainOf,
  highOf,
  isAddend,
  isCommon,
  isKnown,
  isSum,
  Kind,
  learnCommon,
  learnOrdinary,
  lowKind,
  lowOf,
  MEMORY,
  safeBound,
  setBounds,
  setSum,
  wholeKind,
} from "./facts";
import { dst, immediate, isMemory, selector, src } from "./lanes";

export const enum Arithmetic { ADD = 0, MUL = 1, SUB = 2, DIV = 3, SQRT = 4, MIN = 5, MAX = 6 }

export const enum Plan {
  /** The first operand (the destination), the second one has to be common. */
  COMMON_X = 1,
  COMMON_Y = 2,
  /** It has to be ordinary. */
  ORDINARY_X = 4,
  ORDINARY_Y = 8,
  /** The result has to be normal, or zero for a reason. */
  RESULT = 16,
  /** The second operand must not be negative; must not be zero. */
  POSITIVE = 32,
  NONZERO = 64,
}

/** The region has met many uncommon numbers. */
let cautious: bool = false;
export function setCautious(value: bool): void { cautious = value; }

/** The result is a sum with one addend more. */
let sum: bool = false;
// Bounds of a result.
let low: u32 = 0;
let high: u32 = 0;
let grain: u32 = 0;

/** Bounds of x op y; true: they are inside the normal numbers. */
function combine(operation: u32, x: u32, y: u32, wide: bool): bool {
  const fraction = fractionBits(wide);
  switch (operation) {
    case Arithmetic.ADD:
    case Arithmetic.SUB:
      sum = (isSum(x) && isAddend(y, wide)) || (isSum(y) && isAddend(x, wide));
      grain = max(grainOf(x), grainOf(y));
      low = grain;
      high = max(highOf(x), highOf(y)) + 1;
      break;
    case Arithmetic.MUL:
      low = lowOf(x) + lowOf(y);
      high = highOf(x) + highOf(y);
      grain = min(low + fraction, grainOf(x) + grainOf(y));
      break;
    case Arithmetic.DIV:
      low = lowOf(x) + highOf(y);
      high = highOf(x) + lowOf(y);
      grain = low + fraction;
      break;
    case Arithmetic.SQRT:
      low = (lowOf(y) + 1) >> 1;
      high = (highOf(y) + 1) >> 1;
      grain = low + fraction;
      break;
    default: join(x, y);
  }
  return low <= safeBound(wide) && high <= safeBound(wide);
}
/** Bounds that both keep. */
function join(x: u32, y: u32): void {
  low = max(lowOf(x), lowOf(y));
  high = max(highOf(x), highOf(y));
  grain = max(grainOf(x), grainOf(y));
}
function ordinaryResult(wide: bool): void {
  low = wide ? 1022 : 126;
  high = wide ? 1024 : 128;
  grain = wide ? 1074 : 149;
}

// ---- operands -------------------------------------------------------------------------------------

/** Number of the second operand. */
function second(u: usize): u32 {
  if (!isMemory(u)) return src(u);
  forget(MEMORY);
  return MEMORY;
}
/** Kind of the elements that the last checks were for. */
export let checkedKind: u32 = 0;
/** Has the operand checked unless it is known. Returns `bit` if it is to be. */
function requireKnown(number: u32, kind: u32, bit: u32): u32 {
  if (isKnown(number, kind)) return 0;
  learnOrdinary(number, kind);
  checkedKind = kind;
  return bit;
}
function requireCommon(number: u32, kind: u32, bit: u32): u32 {
  if (isCommon(number, kind)) return 0;
  learnCommon(number, kind);
  checkedKind = kind;
  return bit;
}
/** Sets a register's low elements, or all of them; what is known about the others stays. */
function setResult(number: u32, wide: bool, whole: bool): void {
  if (sum) {
    sum = false;
    // Other elements would have to be those of a sum as well.
    const known = whole || isKnown(number, wholeKind(wide));
    setSum(number, known && (whole || isSum(number) || isAddend(number, wide)) ? wholeKind(wide) : lowKind(wide));
    return;
  }
  if (!whole && isKnown(number, wholeKind(wide))) {
    low = max(low, lowOf(number));
    high = max(high, highOf(number));
    grain = max(grain, grainOf(number));
    whole = true;
  }
  setBounds(number, whole ? wholeKind(wide) : lowKind(wide), low, high, grain);
}

// ---- arithmetic -----------------------------------------------------------------------------------

/** Checks for x op y, elements of a kind; bounds of the result. */
function operate(operation: u32, x: u32, y: u32, kind: u32, wide: bool): u32 {
  if (operation == Arithmetic.SQRT) {
    const known = isKnown(y, kind);
    if (!known) learnOrdinary(y, kind);
    combine(operation, x, y, wide);
    return known ? Plan.POSITIVE : Plan.RESULT;
  }
  if (operation >= <u32>Arithmetic.MIN) {
    const checks = requireKnown(x, kind, Plan.ORDINARY_X) | requireKnown(y, kind, Plan.ORDINARY_Y);
    combine(operation, x, y, wide);
    return checks;
  }
  let checks: u32;
  if (cautious) {
    checks = requireKnown(x, kind, Plan.ORDINARY_X) | requireKnown(y, kind, Plan.ORDINARY_Y);
    if (!combine(operation, x, y, wide)) {
      ordinaryResult(wide);
      return checks | Plan.RESULT;
    }
  } else {
    checks = isKnown(x, kind) ? 0 : requireCommon(x, kind, Plan.COMMON_X);
    if (!isKnown(y, kind)) checks |= requireCommon(y, kind, Plan.COMMON_Y);
    // Bounds that have grown too wide are drawn tighter by another check.
    if (!combine(operation, x, y, wide)) {
      const wider = lowOf(x) + highOf(x) >= lowOf(y) + highOf(y);
      checks |= wider ? requireCommon(x, kind, Plan.COMMON_X) : requireCommon(y, kind, Plan.COMMON_Y);
      if (!combine(operation, x, y, wide)) {
        checks |= requireCommon(x, kind, Plan.COMMON_X) | requireCommon(y, kind, Plan.COMMON_Y);
        combine(operation, x, y, wide);
      }
    }
  }
  return operation == Arithmetic.DIV ? checks | Plan.NONZERO : checks;
}
/** ADD to MAX, forms in the order of the mandatory prefix: PS PD SS SD. */
function arithmetic(u: usize, operation: u32, form: u32): u32 {
  const wide = (form & 1) != 0;
  const whole = form < 2;
  const checks = operate(operation, dst(u), second(u), whole ? wholeKind(wide) : lowKind(wide), wide);
  setResult(dst(u), wide, whole);
  return checks;
}
/** HADD, HSUB: neighbours of both operands, which are checked as they meet. */
function horizontal(u: usize, operation: u32, wide: bool): u32 {
  const kind = wholeKind(wide);
  const x = dst(u);
  const y = second(u);
  const known = isKnown(x, kind) && isKnown(y, kind);
  // Both stand for a mixture of the two.
  if (known) join(x, y);
  forget(MEMORY);
  if (known) setBounds(MEMORY, kind, low, high, grain);
  const checks = operate(operation, MEMORY, MEMORY, kind, wide);
  setResult(x, wide, true);
  // They are different mixtures.
  return checks | ((checks & (Plan.COMMON_X | Plan.ORDINARY_X)) << 1);
}
/** COMIS, UCOMIS. */
function compareScalar(u: usize, wide: bool): u32 {
  const kind = lowKind(wide);
  const y = second(u);
  return requireKnown(dst(u), kind, Plan.ORDINARY_X) | requireKnown(y, kind, Plan.ORDINARY_Y);
}
/** Comparisons that make masks. */
function compareMasks(u: usize, form: u32): u32 {
  const wide = (form & 1) != 0;
  const kind = form < 2 ? wholeKind(wide) : lowKind(wide);
  const y = second(u);
  const checks = requireKnown(dst(u), kind, Plan.ORDINARY_X) | requireKnown(y, kind, Plan.ORDINARY_Y);
  forget(dst(u));
  return checks;
}

// ---- conversions ----------------------------------------------------------------------------------

function integerResult(u: usize, bits: u32, wide: bool, whole: bool): u32 {
  low = 0;
  high = bits;
  grain = 0;
  setResult(dst(u), wide, whole);
  return 0;
}
/** CVTSS2SD, CVTPS2PD: what is ordinary but infinite is common as a double. */
function widen(u: usize, whole: bool): u32 {
  const kind = whole ? <u32>Kind.ALL32 : <u32>Kind.LOW32;
  const y = second(u);
  let checks: u32 = 0;
  // An infinity would not be a number within bounds any more.
  if (!isKnown(y, kind) || highOf(y) > 127) {
    checks = Plan.RESULT;
    low = 126;
    high = 128;
    grain = 149;
  } else join(y, y);
  setResult(dst(u), true, whole);
  return checks;
}
/** CVTSD2SS: a result that is not known to be a normal number is checked. */
function narrow(u: usize): u32 {
  const y = second(u);
  const fits = isKnown(y, Kind.LOW64) && lowOf(y) <= safeBound(false) && highOf(y) <= safeBound(false);
  if (fits) {
    low = lowOf(y);
    high = highOf(y);
    grain = low + fractionBits(false);
  } else ordinaryResult(false);
  setResult(dst(u), false, false);
  return fits ? 0 : Plan.RESULT;
}
/** ROUNDPS, ROUNDPD, ROUNDSS, ROUNDSD. */
function round(u: usize, form: u32): u32 {
  const wide = (form & 1) != 0;
  const whole = form < 2;
  const y = second(u);
  const checks = requireKnown(y, whole ? wholeKind(wide) : lowKind(wide), Plan.ORDINARY_Y);
  low = 0;
  high = highOf(y) + 1;
  grain = 0;
  setResult(dst(u), wide, whole);
  return checks;
}

// ---- moves ----------------------------------------------------------------------------------------

/** The destination is written with nothing known. */
function unknown(number: u32): u32 {
  forget(number);
  return 0;
}
function copy(to: u32, from: u32): u32 {
  copyFacts(to, from);
  return 0;
}
/** MOVSS, MOVSD between registers. */
function merge(to: u32, from: u32, wide: bool): u32 {
  if (!isKnown(from, lowKind(wide))) return unknown(to);
  join(from, from);
  setResult(to, wide, false);
  return 0;
}
/** Elements that come from both registers, or from one of them; `kind` is what they must be known as. */
function mix(to: u32, a: u32, b: u32, kind: u32, result: u32): u32 {
  if (!isKnown(a, kind) || !isKnown(b, kind)) return unknown(to);
  join(a, b);
  setBounds(to, result, low, high, grain);
  return 0;
}
/** Bitwise and packed integer instructions. */
function packed(u: usize): u32 {
  const to = dst(u);
  if (isMemory(u)) return unknown(to);
  const from = src(u);
  switch (selector(u) & 0xff) {
    // PXOR, PANDN, PSUB.
    case 0xdf: case 0xef: case 0xf8: case 0xf9: case 0xfa: case 0xfb:
      if (to != from) break;
      setBounds(to, Kind.ZERO, 0, 0, 0);
      return 0;
    // PUNPCKLQDQ: UNPCKLPD, PUNPCKHQDQ: UNPCKHPD, PUNPCKLDQ: UNPCKLPS, PUNPCKHDQ: UNPCKHPS.
    case 0x6c: return mix(to, to, from, Kind.LOW64, Kind.BOTH64);
    case 0x6d: return mix(to, to, from, Kind.BOTH64, Kind.BOTH64);
    case 0x62: case 0x6a: return mix(to, to, from, Kind.ALL32, Kind.ALL32);
  }
  return unknown(to);
}

/** Instructions of map 0F without an op of their own. */
function note0f(u: usize): u32 {
  const form = selector(u);
  const prefix = form >> 8;
  const to = dst(u);
  const memory = isMemory(u);
  switch (form & 0xff) {
    case 0x51: return arithmetic(u, Arithmetic.SQRT, prefix);
    case 0x5d: return arithmetic(u, Arithmetic.MIN, prefix);
    case 0x5f: return arithmetic(u, Arithmetic.MAX, prefix);
    case 0x7c: return horizontal(u, Arithmetic.ADD, prefix == 1);
    case 0x7d: return horizontal(u, Arithmetic.SUB, prefix == 1);
    case 0xd0: return arithmetic(u, Arithmetic.ADD, prefix == 1 ? 1 : 0);
    case 0xc2: return compareMasks(u, prefix);
    // CVTSI2SS, CVTSI2SD.
    case 0x2a: return integerResult(u, 64, prefix == 3, false);
    case 0x5a: return prefix == 0 ? widen(u, true) : unknown(to);
    case 0x5b: return prefix == 0 ? integerResult(u, 32, false, true) : unknown(to);
    case 0xe6: return prefix == 2 ? integerResult(u, 32, true, true) : unknown(to);
    // Moves of whole registers, and stores.
    case 0x10:
      if (memory || prefix < 2) break;
      return merge(to, src(u), prefix == 3);
    case 0x11:
      if (memory) return 0;
      return prefix < 2 ? copy(src(u), to) : merge(src(u), to, prefix == 3);
    case 0x28: return memory ? unknown(to) : copy(to, src(u));
    case 0x29: return memory ? 0 : copy(src(u), to);
    case 0x6f: return memory ? unknown(to) : copy(to, src(u));
    case 0x7f: return memory ? 0 : copy(src(u), to);
    case 0x7e:
      // MOVD, MOVQ to a general register; MOVQ between vector registers.
      if (prefix == 1) return 0;
      return memory ? unknown(to) : mix(to, src(u), src(u), Kind.LOW64, Kind.BOTH64);
    case 0xd6: return memory ? 0 : mix(src(u), to, to, Kind.LOW64, Kind.BOTH64);
    // MOVDDUP.
    case 0x12: return !memory && prefix == 3 ? mix(to, src(u), src(u), Kind.LOW64, Kind.BOTH64) : unknown(to);
    // SHUFPS, SHUFPD.
    case 0xc6: {
      const kind = wholeKind(prefix == 1);
      return memory ? unknown(to) : mix(to, to, src(u), kind, kind);
    }
    // PSHUFD.
    case 0x70:
      return memory || prefix != 1 ? unknown(to) : mix(to, src(u), src(u), Kind.ALL32, Kind.ALL32);
    // MOVLPS and MOVHPS to memory, MOVNT, MOVMSK, conversions to general registers, PEXTRW.
    case 0x13: case 0x17: case 0x2b: case 0xe7: case 0x50: case 0xd7: case 0x2c: case 0x2d: case 0xc3: case 0xc5: return 0;
    case 0x71: case 0x72: case 0x73: return unknown(src(u));
  }
  return unknown(to);
}

/**
 * Notes what an instruction does to the facts. Returns Plan bits: what it has to check for that. Every XMM register that it writes is
 * forgotten at least.
 */
export function note(u: usize, o: u32): u32 {
  switch (o) {
    case Op.VECTOR_STORE:
    case Op.VECTOR_STORE_A:
    case Op.VECTOR_STORE64:
    case Op.VECTOR_STORE32: return 0;
    case Op.VECTOR_MOVE: return copy(dst(u), src(u));
    case Op.VECTOR_PACKED: return packed(u);
    case Op.VECTOR_0F: return note0f(u);
    case Op.VECTOR_38:
      // PTEST.
      return (selector(u) & 0xff) == 0x17 ? 0 : unknown(dst(u));
    case Op.VECTOR_3A: {
      const code = selector(u) & 0xff;
      if (code >= 0x08 && code <= 0x0b) return round(u, code & 3);
      return code >= 0x14 && code <= 0x17 ? 0 : unknown(dst(u));
    }
    case Op.COMISS: return compareScalar(u, false);
    case Op.COMISD: return compareScalar(u, true);
    case Op.CVTSI2SD: return integerResult(u, 64, true, false);
    case Op.CVTTSD2SI: return 0;
    case Op.CVTSS2SD: return widen(u, false);
    case Op.CVTSD2SS: return narrow(u);
  }
  if (o < <u32>Op.ADDPS) return unknown(dst(u));
  const k = o - <u32>Op.ADDPS;
  return arithmetic(u, k >> 2, k & 3);
}
