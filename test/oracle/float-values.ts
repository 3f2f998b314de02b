// Operand values of floating-point and vector instructions: every class of every format (zeros, infinities, NaNs
// of both kinds, denormals, the encodings that the 80-bit format alone has), values at the edges of the narrower
// formats, halfway cases of each rounding, integers and their boundaries, and values close to others in the same
// image, which cancel or compare equal (SDM vol. 1, 4.2 and 8.2).

import type { Random } from "./random.js";

export type Element = "f32" | "f64" | "f80" | "i8" | "i16" | "i32" | "i64" | "shift" | "text" | "bcd" | "raw";

const BYTES: Record<Element, number> = {
  f32: 4,
  f64: 8,
  f80: 10,
  i8: 1,
  i16: 2,
  i32: 4,
  i64: 8,
  shift: 8,
  text: 1,
  bcd: 10,
  raw: 1,
};

/** Bytes of one element. */
export const bytesOf = (element: Element): number => BYTES[element];

const Class = { ZERO: 0, INFINITY: 1, QUIET: 2, SIGNALLING: 3, DENORMAL: 4, FINITE: 5 } as const;

/** A value before it is put into a format: significand with its integer bit in bit 31 of `high`. */
interface Value {
  class: number;
  negative: boolean;
  exponent: number;
  high: number;
  low: number;
}

const FORMAT = {
  f32: { minimum: -126, maximum: 127 },
  f64: { minimum: -1022, maximum: 1023 },
  f80: { minimum: -16382, maximum: 16383 },
} as const;
type Float = keyof typeof FORMAT;

function someExponent(r: Random, format: Float): number {
  const { minimum, maximum } = FORMAT[format];
  switch (r.below(12)) {
    case 0:
      return minimum + r.below(4);
    case 1:
      return maximum - r.below(3);
    case 2:
      return minimum + r.below(maximum - minimum + 1);
    case 3:
      // Around what the narrower formats hold, their denormals included.
      return r.pick([-149, -126, 127, -1074, -1022, 1023]) + r.below(7) - 3;
    case 4:
      return r.pick([7, 14, 15, 30, 31, 52, 62, 63, 64]) + r.below(3) - 1;
    case 5:
      return r.below(130) - 65;
    case 6:
      return minimum + r.below(70);
    case 7:
      return Math.trunc((minimum + r.below(maximum - minimum + 1)) / 2) + r.below(5) - 2;
    default:
      return r.below(9) - 4;
  }
}

/** Fraction bits behind which a format's significand ends, or an integer's. */
const ENDS = [24, 53, 64, 16, 32, 23, 52, 63];

function someSignificand(r: Random, value: Value): void {
  value.high = (r.u32() | 0x8000_0000) >>> 0;
  value.low = r.u32();
  switch (r.below(10)) {
    case 0:
      value.high = 0x8000_0000;
      value.low = 0;
      break;
    case 1:
      value.high = 0xffff_ffff;
      value.low = 0xffff_ffff;
      break;
    case 2:
      // Few bits.
      value.high = (0x8000_0000 | (1 << r.below(31))) >>> 0;
      value.low = r.oneIn(3) ? 1 << r.below(32) : 0;
      break;
    case 3:
    case 4:
      cut(value, r.pick(ENDS) + r.below(2), r.below(4), r);
      break;
    case 5:
      value.low = 0;
      break;
    case 6:
      // A small integer or a half of one.
      value.high = ((r.below(256) | 0x80) << 24) >>> 0;
      value.low = 0;
      break;
  }
}

/** Makes the bits behind the first `bits` zero, a half, or next to a half or to zero. */
function cut(value: Value, bits: number, kind: number, r: Random): void {
  const keepHigh = bits >= 32 ? 0xffff_ffff : ~(0xffff_ffff >>> bits);
  const keepLow = bits <= 32 ? 0 : bits >= 64 ? 0xffff_ffff : ~(0xffff_ffff >>> (bits - 32));
  value.high = (value.high & keepHigh) >>> 0;
  value.low = (value.low & keepLow) >>> 0;
  if (kind === 0 || bits >= 64) return;
  // The half.
  if (bits < 32) value.high = (value.high | (0x8000_0000 >>> bits)) >>> 0;
  else value.low = (value.low | (0x8000_0000 >>> (bits - 32))) >>> 0;
  if (kind === 2) value.low = (value.low | 1) >>> 0;
  if (kind === 3) {
    if (value.low === 0) value.high = (value.high - 1) >>> 0;
    value.low = (value.low - r.below(2) - 1) >>> 0;
    value.high = (value.high | 0x8000_0000) >>> 0;
  }
}

const made: Value = { class: Class.ZERO, negative: false, exponent: 0, high: 0, low: 0 };

function someValue(r: Random, format: Float): Value {
  made.negative = r.oneIn(2);
  made.exponent = 0;
  someSignificand(r, made);
  switch (r.below(24)) {
    case 0:
    case 1:
      made.class = Class.ZERO;
      break;
    case 2:
      made.class = Class.INFINITY;
      break;
    case 3:
      made.class = Class.QUIET;
      break;
    case 4:
      made.class = Class.SIGNALLING;
      break;
    case 5:
    case 6:
      made.class = Class.DENORMAL;
      break;
    case 7:
      // A small integer.
      made.class = Class.FINITE;
      made.exponent = r.below(8);
      made.high = ((0x80 | r.below(128)) << 24) >>> 0;
      made.low = 0;
      break;
    default:
      made.class = Class.FINITE;
      made.exponent = someExponent(r, format);
  }
  return made;
}

/** Bits of `value` in f32. */
function encode32(r: Random, value: Value): number {
  const sign = value.negative ? 0x8000_0000 : 0;
  const fraction = (value.high >>> 8) & 0x7f_ffff;
  switch (value.class) {
    case Class.ZERO:
      return sign;
    case Class.INFINITY:
      return sign | 0x7f80_0000;
    case Class.QUIET:
      return sign | 0x7fc0_0000 | fraction;
    case Class.SIGNALLING:
      return sign | 0x7f80_0000 | (fraction & 0x3f_ffff) | 1;
    case Class.DENORMAL:
      return sign | (((fraction | 0x80_0000) >>> (1 + r.below(23))) & 0x7f_ffff);
    default: {
      const { exponent } = value;
      if (exponent < -126) return sign | ((0x80_0000 | fraction) >>> Math.min(-126 - exponent, 31));
      return sign | ((Math.min(exponent, 127) + 127) << 23) | fraction;
    }
  }
}

function encode64(view: DataView, at: number, r: Random, value: Value): void {
  const sign = value.negative ? 0x8000_0000 : 0;
  let high = (value.high >>> 11) & 0xf_ffff;
  let low = ((value.high << 21) | (value.low >>> 11)) >>> 0;
  switch (value.class) {
    case Class.ZERO:
      high = low = 0;
      break;
    case Class.INFINITY:
      high = 0x7ff0_0000;
      low = 0;
      break;
    case Class.QUIET:
      high |= 0x7ff8_0000;
      break;
    case Class.SIGNALLING:
      high = 0x7ff0_0000 | (high & 0x7_ffff);
      low |= 1;
      break;
    case Class.DENORMAL: {
      const places = r.below(52);
      low = places >= 32 ? high >>> (places - 32) : places === 0 ? low : (low >>> places) | (high << (32 - places));
      high = places >= 32 ? 0 : high >>> places;
      break;
    }
    default:
      if (value.exponent >= -1022) {
        high |= (Math.min(value.exponent, 1023) + 1023) << 20;
        break;
      }
      high |= 0x10_0000;
      for (let places = Math.min(-1022 - value.exponent, 60); places > 0; places--) {
        low = ((low >>> 1) | (high << 31)) >>> 0;
        high >>>= 1;
      }
  }
  view.setUint32(at, low, true);
  view.setUint32(at + 4, (sign | high) >>> 0, true);
}

function encode80(view: DataView, at: number, r: Random, value: Value): void {
  let exponent = 0x7fff;
  let { high, low } = value;
  switch (value.class) {
    case Class.ZERO:
      exponent = high = low = 0;
      break;
    case Class.INFINITY:
      high = 0x8000_0000;
      low = 0;
      break;
    case Class.QUIET:
      high |= 0xc000_0000;
      break;
    case Class.SIGNALLING:
      high = (high & 0xbfff_ffff) | 0x8000_0000;
      low |= 1;
      break;
    case Class.DENORMAL: {
      exponent = 0;
      // A pseudo-denormal keeps its integer bit.
      for (let places = r.oneIn(4) ? 0 : 1 + r.below(63); places > 0; places--) {
        low = ((low >>> 1) | (high << 31)) >>> 0;
        high >>>= 1;
      }
      break;
    }
    default:
      exponent = value.exponent + 16383;
  }
  // Unnormals, pseudo-infinities and pseudo-NaNs: invalid operands.
  if (exponent !== 0 && r.oneIn(40)) high &= 0x7fff_ffff;
  view.setUint32(at, low >>> 0, true);
  view.setUint32(at + 4, high >>> 0, true);
  view.setUint16(at + 8, (value.negative ? 0x8000 : 0) | exponent, true);
}

function putFloat(view: DataView, at: number, format: Float, r: Random): void {
  if (r.oneIn(12)) {
    for (let i = 0; i < BYTES[format]; i++) view.setUint8(at + i, r.u32() >>> 24);
    return;
  }
  const value = someValue(r, format);
  if (format === "f32") view.setUint32(at, encode32(r, value) >>> 0, true);
  else if (format === "f64") encode64(view, at, r, value);
  else encode80(view, at, r, value);
}

/** Bit 0 of the exponent of a format, in the upper half word. */
const EXPONENT_BIT = { f32: 0x80, f64: 0x10, f80: 1 } as const;

/** A value near the one at `from`: equal, negated, a few units in the last place away, or of close exponent. */
function putNear(view: DataView, at: number, from: number, format: Float, r: Random): void {
  const size = BYTES[format];
  for (let i = 0; i < size; i++) view.setUint8(at + i, view.getUint8(from + i));
  const top = at + size - 2;
  const kind = r.below(6);
  if (kind & 1) view.setUint8(top + 1, view.getUint8(top + 1) ^ 0x80);
  if (kind >= 2) view.setUint8(at, view.getUint8(at) ^ (1 << r.below(kind === 2 ? 2 : 8)));
  if (kind >= 4) {
    const step = EXPONENT_BIT[format] * (r.below(7) - 3);
    view.setUint16(top, (view.getUint16(top, true) + step) & 0xffff, true);
  }
}

const LANE_EXTREMES = [0, 0x7f, 0x80, 0xff, 1, 0xfe, 0x81];

function putInteger(view: DataView, at: number, size: number, r: Random): void {
  const kind = r.below(4);
  if (kind <= 1) {
    for (let i = 0; i < size; i++) view.setUint8(at + i, r.u32() >>> 24);
    return;
  }
  // Extremes of this width, or of a narrower one sign-extended.
  const width = kind === 2 ? size : 1 << r.below(4);
  const top = r.pick(LANE_EXTREMES);
  const rest = r.pick([0, 0xff, 0xff, 1]);
  for (let i = 0; i < size; i++) {
    const byte = i === width - 1 ? top : i < width ? rest : top & 0x80 ? 0xff : 0;
    view.setUint8(at + i, byte);
  }
}

const ALPHABET = [0, 0x61, 0x62, 0x7a, 0x41, 0x80, 0xff];

function putText(view: DataView, at: number, r: Random): void {
  view.setUint8(at, r.oneIn(20) ? r.u32() & 0xff : r.pick(ALPHABET));
}

function putDecimal(view: DataView, at: number, r: Random): void {
  const digits = r.below(19);
  for (let i = 0; i < 9; i++) {
    const low = i * 2 < digits ? r.below(10) : 0;
    const high = i * 2 + 1 < digits ? r.below(10) : 0;
    view.setUint8(at + i, low | (high << 4));
  }
  view.setUint8(at + 9, r.oneIn(10) ? r.u32() & 0xff : r.pick([0, 0x80]));
}

/** Fills `length` bytes with elements, whole ones only; `stride` back lies the same lane of the operand before. */
export function fillElements(
  view: DataView,
  at: number,
  length: number,
  element: Element,
  r: Random,
  stride = 0,
): void {
  const size = BYTES[element];
  if (element === "text" && r.oneIn(2)) {
    // Characters of 16 bits.
    for (let i = 0; i + 2 <= length; i += 2) {
      putText(view, at + i, r);
      view.setUint8(at + i + 1, r.oneIn(12) ? 0x80 : 0);
    }
    return;
  }
  for (let i = 0; i + size <= length; i += size) {
    const place = at + i;
    switch (element) {
      case "f32":
      case "f64":
      case "f80":
        if (stride > 0 && r.oneIn(4)) putNear(view, place, place - stride, element, r);
        else putFloat(view, place, element, r);
        break;
      case "i8":
      case "i16":
      case "i32":
      case "i64":
        if (stride > 0 && r.oneIn(6)) {
          for (let j = 0; j < size; j++) view.setUint8(place + j, view.getUint8(place + j - stride));
        } else {
          putInteger(view, place, size, r);
        }
        break;
      case "shift":
        view.setUint32(place, r.oneIn(12) ? r.u32() : r.below(r.oneIn(3) ? 256 : 70), true);
        view.setUint32(place + 4, r.oneIn(12) ? r.u32() : 0, true);
        break;
      case "text":
        putText(view, place, r);
        break;
      case "bcd":
        putDecimal(view, place, r);
        break;
      case "raw":
        view.setUint8(place, r.u32() >>> 24);
        break;
    }
  }
}
