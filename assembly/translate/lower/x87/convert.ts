// Conversions between memory's formats and extended numbers in translated code (float/extended-convert is tier 0's): numbers that
// are zero or normal in both formats, integers in range. What comes from memory is in XP; the number in XA EA or XH ER; XL
// and UP say how a result was rounded (number.ts).

import { close, missIf } from "../../control";
import { get, i32c, i64c, op, set, tee, Wasm } from "../../wasm";
import { decide, openIf, setExact } from "./number";
import { control, EA, ER, isNearest, UP, XA, XC, XH, XL, XP } from "./stack";

const LEADING: i64 = 1 << 63;
/** Exponent of the format's numbers, as extended ones have it, less their own. */
@inline function excess(double: bool): i32 { return double ? 16383 - 1023 : 16383 - 127; }
@inline function fractionBits(double: bool): i64 { return double ? 52 : 23; }

// ---- from memory ----------------------------------------------------------------------------------

/** XH ER becomes the double or single with the bits XP. */
export function fromFloat(double: bool): void {
  const fraction = fractionBits(double);
  get(XP());
  i64c(fraction);
  op(Wasm.I64_SHR_U);
  op(Wasm.I32_WRAP_I64);
  i32c(double ? 0x7ff : 0xff);
  op(Wasm.I32_AND);
  tee(XC());
  i32c(1);
  op(Wasm.I32_SUB);
  i32c(double ? 0x7fe : 0xfe);
  op(Wasm.I32_GE_U);
  openIf();
  // Zero, or tier 0's.
  get(XP());
  i64c(double ? 1 : 33);
  op(Wasm.I64_SHL);
  i64c(0);
  op(Wasm.I64_NE);
  missIf();
  i64c(0);
  set(XH());
  i32c(0);
  set(ER());
  op(Wasm.ELSE);
  get(XP());
  i64c(63 - fraction);
  op(Wasm.I64_SHL);
  i64c(LEADING);
  op(Wasm.I64_OR);
  set(XH());
  get(XC());
  i32c(excess(double));
  op(Wasm.I32_ADD);
  set(ER());
  close();
  get(ER());
  get(XP());
  i64c(double ? 48 : 16);
  op(Wasm.I64_SHR_U);
  op(Wasm.I32_WRAP_I64);
  i32c(0x8000);
  op(Wasm.I32_AND);
  op(Wasm.I32_OR);
  set(ER());
}
/** XH ER becomes the integer XP. */
export function fromInteger(): void {
  get(XP());
  i64c(63);
  op(Wasm.I64_SHR_S);
  set(XL());
  get(XP());
  get(XL());
  op(Wasm.I64_XOR);
  get(XL());
  op(Wasm.I64_SUB);
  tee(XH());
  op(Wasm.I64_CLZ);
  set(XP());
  // 0 has no leading bit, and exponent 0.
  i32c(0x403e);
  get(XP());
  op(Wasm.I32_WRAP_I64);
  op(Wasm.I32_SUB);
  i32c(0);
  get(XH());
  i64c(0);
  op(Wasm.I64_NE);
  op(Wasm.SELECT);
  get(XL());
  op(Wasm.I32_WRAP_I64);
  i32c(0x8000);
  op(Wasm.I32_AND);
  op(Wasm.I32_OR);
  set(ER());
  get(XH());
  get(XP());
  op(Wasm.I64_SHL);
  set(XH());
}

// ---- to memory ------------------------------------------------------------------------------------

/** XP becomes the bits of XA EA as a double or single. */
export function toFloat(double: bool): void {
  const fraction = fractionBits(double);
  get(EA());
  i32c(0x7fff);
  op(Wasm.I32_AND);
  i32c(excess(double) + 1);
  op(Wasm.I32_SUB);
  tee(XC());
  // Normal numbers that stay so if they are rounded up.
  i32c(double ? 0x7fd : 0xfd);
  op(Wasm.I32_GE_U);
  openIf();
  get(XA());
  i64c(0);
  op(Wasm.I64_NE);
  missIf();
  i64c(0);
  set(XH());
  setExact();
  op(Wasm.ELSE);
  get(XA());
  i64c(fraction + 1);
  op(Wasm.I64_SHL);
  set(XL());
  get(XA());
  i64c(63 - fraction);
  op(Wasm.I64_SHR_U);
  set(XH());
  decide();
  // The leading bit counts the exponent up by one, a carry by another.
  get(XH());
  get(UP());
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_ADD);
  get(XC());
  op(Wasm.I64_EXTEND_I32_U);
  i64c(fraction);
  op(Wasm.I64_SHL);
  op(Wasm.I64_ADD);
  set(XH());
  close();
  get(XH());
  get(EA());
  i32c(0x8000);
  op(Wasm.I32_AND);
  op(Wasm.I64_EXTEND_I32_U);
  i64c(double ? 48 : 16);
  op(Wasm.I64_SHL);
  op(Wasm.I64_OR);
  set(XP());
}
/** XP becomes XA EA as an integer of some bits; the least one is tier 0's. */
export function toInteger(bits: u32, truncates: bool): void {
  // How far the units are below the significand's leading bit, and one more.
  i32c(16383 + 63);
  get(EA());
  i32c(0x7fff);
  op(Wasm.I32_AND);
  op(Wasm.I32_SUB);
  tee(XC());
  i32c(65 - <i32>bits);
  op(Wasm.I32_LT_S);
  missIf();
  get(XC());
  i32c(64);
  op(Wasm.I32_GT_S);
  openIf();
  // Below a half.
  i64c(0);
  set(XH());
  get(XA());
  i64c(0);
  op(Wasm.I64_NE);
  op(Wasm.I64_EXTEND_I32_U);
  set(XL());
  op(Wasm.ELSE);
  get(XA());
  i64c(1);
  op(Wasm.I64_SHR_U);
  get(XC());
  op(Wasm.I64_EXTEND_I32_U);
  i64c(1);
  op(Wasm.I64_SUB);
  op(Wasm.I64_SHR_U);
  set(XH());
  get(XA());
  i64c(64);
  get(XC());
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_SUB);
  op(Wasm.I64_SHL);
  set(XL());
  close();
  if (truncates) {
    i32c(0);
    set(UP());
  } else {
    decide();
    if (!isNearest()) chop();
  }
  get(XH());
  get(UP());
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_ADD);
  tee(XH());
  i64c(bits - 1);
  op(Wasm.I64_SHR_U);
  i64c(0);
  op(Wasm.I64_NE);
  missIf();
  // Negated where the sign says so.
  i64c(0);
  get(EA());
  i32c(15);
  op(Wasm.I32_SHR_U);
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_SUB);
  tee(XP());
  get(XH());
  op(Wasm.I64_XOR);
  get(XP());
  op(Wasm.I64_SUB);
  set(XP());
}
/** Nothing is rounded up where the rounding control says so; directed rounding is tier 0's. */
function chop(): void {
  get(control());
  i32c(0xc00);
  op(Wasm.I32_AND);
  tee(XC());
  openIf();
  get(XC());
  i32c(0xc00);
  op(Wasm.I32_NE);
  missIf();
  i32c(0);
  set(UP());
  close();
}
