// Arithmetic on 80-bit extended numbers in translated code: operands that are zero or normal, to 64 bits, to nearest
// (float/extended, finite and round are tier 0's; here are their common paths in straight code). Operands are in XA EA and
// XB EB, a number being a significand with its leading bit in bit 63 and an exponent word with the sign in bit 15; the
// result goes to XH ER. XL gets what was rounded away, UP whether that was upwards. Results that are subnormal or
// overflow leave the region.

import { close, LABEL_IF, missIf, open } from "../../control";
import { blockVoid, get, i32c, i64c, op, set, tee, Wasm } from "../../wasm";
import { EA, EB, ER, UP, XA, XB, XC, XH, XL, XP, XQ, XS } from "./stack";

const SIGN: i32 = 0x8000;
const FIELD: i32 = 0x7fff;
const LEADING: i64 = 1 << 63;

export function openIf(): void {
  blockVoid(Wasm.IF);
  open(LABEL_IF);
}
/** Sets a local to a constant. */
function put32(local: u32, value: i32): void {
  i32c(value);
  set(local);
}
function put64(local: u32, value: i64): void {
  i64c(value);
  set(local);
}
/** Pushes local op constant. */
function with32(local: u32, code: u32, value: i32): void {
  get(local);
  i32c(value);
  op(code);
}
function with64(local: u32, code: u32, value: i64): void {
  get(local);
  i64c(value);
  op(code);
}
/** Pushes a op b, locals. */
function both(a: u32, code: u32, b: u32): void {
  get(a);
  get(b);
  op(code);
}

// ---- rounding -------------------------------------------------------------------------------------

/** UP: whether XL, a fraction of a unit in 64 bits, rounds the integer in XH up, to nearest and even. */
export function decide(): void {
  with64(XL(), Wasm.I64_SHL, 1);
  with64(XH(), Wasm.I64_AND, 1);
  op(Wasm.I64_OR);
  i64c(0);
  op(Wasm.I64_NE);
  with64(XL(), Wasm.I64_SHR_U, 63);
  op(Wasm.I32_WRAP_I64);
  op(Wasm.I32_AND);
  set(UP());
}
export function addUp(): void {
  get(XH());
  get(UP());
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_ADD);
  set(XH());
}
/** Rounds XH XL, whose leading bit is in place; exponent field in ER, sign in XS. */
function round(): void {
  decide();
  addUp();
  get(XH());
  op(Wasm.I64_EQZ);
  openIf();
  put64(XH(), LEADING);
  with32(ER(), Wasm.I32_ADD, 1);
  set(ER());
  close();
  with32(ER(), Wasm.I32_SUB, 1);
  i32c(0x7ffe);
  op(Wasm.I32_GE_U);
  missIf();
  both(ER(), Wasm.I32_OR, XS());
  set(ER());
}
/** The result is exact. */
export function setExact(): void {
  put64(XL(), 0);
  put32(UP(), 0);
}
/** The result is zero, its sign on the stack. */
function setZero(): void {
  set(ER());
  put64(XH(), 0);
  setExact();
}
/** Shifts XH XL left by XP, which is below 64. */
function shiftLeft(): void {
  both(XH(), Wasm.I64_SHL, XP());
  with64(XL(), Wasm.I64_SHR_U, 1);
  i64c(63);
  get(XP());
  op(Wasm.I64_SUB);
  op(Wasm.I64_SHR_U);
  op(Wasm.I64_OR);
  set(XH());
  both(XL(), Wasm.I64_SHL, XP());
  set(XL());
}
/** ER -= XP. */
function lower(): void {
  get(ER());
  get(XP());
  op(Wasm.I32_WRAP_I64);
  op(Wasm.I32_SUB);
  set(ER());
}

// ---- sums -----------------------------------------------------------------------------------------

/** Exchanges the operands if the i32 in XC is set. */
function exchangeIf(): void {
  for (let k: u32 = 0; k < 2; k++) {
    const a = k == 0 ? XA() : EA();
    const b = k == 0 ? XB() : EB();
    get(b);
    get(a);
    get(XC());
    op(Wasm.SELECT);
    get(a);
    get(b);
    get(XC());
    op(Wasm.SELECT);
    set(b);
    set(a);
  }
}
/** Pushes the exponent field of a local. */
function field(local: u32): void { with32(local, Wasm.I32_AND, FIELD); }

/** XB XL: XB shifted right by XC, what is lost jammed. */
function align(): void {
  with32(XC(), Wasm.I32_LT_U, 64);
  openIf();
  get(XC());
  op(Wasm.I64_EXTEND_I32_U);
  set(XP());
  with64(XB(), Wasm.I64_SHL, 1);
  i64c(63);
  get(XP());
  op(Wasm.I64_SUB);
  op(Wasm.I64_SHL);
  set(XL());
  both(XB(), Wasm.I64_SHR_U, XP());
  set(XB());
  op(Wasm.ELSE);
  // By 64 and more: two bits below those that count are enough.
  with32(XC(), Wasm.I32_SUB, 64);
  tee(XC());
  i32c(63);
  op(Wasm.I32_LT_U);
  openIf();
  get(XC());
  op(Wasm.I64_EXTEND_I32_U);
  set(XP());
  both(XB(), Wasm.I64_SHR_U, XP());
  with64(XB(), Wasm.I64_SHL, 1);
  i64c(63);
  get(XP());
  op(Wasm.I64_SUB);
  op(Wasm.I64_SHL);
  i64c(0);
  op(Wasm.I64_NE);
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_OR);
  set(XL());
  op(Wasm.ELSE);
  with64(XB(), Wasm.I64_NE, 0);
  op(Wasm.I64_EXTEND_I32_U);
  set(XL());
  close();
  put64(XB(), 0);
  close();
}

/** XA + XB, or XA - XB. */
export function add(subtract: bool): void {
  if (subtract) {
    with32(EB(), Wasm.I32_XOR, SIGN);
    set(EB());
  }
  // The larger one first.
  field(EA());
  field(EB());
  op(Wasm.I32_LT_U);
  field(EA());
  field(EB());
  op(Wasm.I32_EQ);
  both(XA(), Wasm.I64_LT_U, XB());
  op(Wasm.I32_AND);
  op(Wasm.I32_OR);
  set(XC());
  exchangeIf();
  field(EA());
  tee(ER());
  field(EB());
  op(Wasm.I32_SUB);
  set(XC());
  with32(EA(), Wasm.I32_AND, SIGN);
  set(XS());
  align();
  both(EA(), Wasm.I32_XOR, EB());
  i32c(SIGN);
  op(Wasm.I32_AND);
  openIf();
  // Signs differ.
  both(XA(), Wasm.I64_SUB, XB());
  with64(XL(), Wasm.I64_NE, 0);
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_SUB);
  set(XH());
  i64c(0);
  get(XL());
  op(Wasm.I64_SUB);
  set(XL());
  get(XH());
  op(Wasm.I64_EQZ);
  openIf();
  get(XL());
  set(XH());
  put64(XL(), 0);
  with32(ER(), Wasm.I32_SUB, 64);
  set(ER());
  // Nothing left: +0.
  i32c(0);
  get(XS());
  get(XH());
  op(Wasm.I64_EQZ);
  op(Wasm.SELECT);
  set(XS());
  close();
  get(XH());
  op(Wasm.I64_CLZ);
  i64c(63);
  op(Wasm.I64_AND);
  set(XP());
  shiftLeft();
  lower();
  op(Wasm.ELSE);
  both(XA(), Wasm.I64_ADD, XB());
  tee(XH());
  get(XA());
  op(Wasm.I64_LT_U);
  openIf();
  // A carry.
  with64(XH(), Wasm.I64_SHL, 63);
  with64(XL(), Wasm.I64_SHR_U, 1);
  op(Wasm.I64_OR);
  with64(XL(), Wasm.I64_AND, 1);
  op(Wasm.I64_OR);
  set(XL());
  with64(XH(), Wasm.I64_SHR_U, 1);
  i64c(LEADING);
  op(Wasm.I64_OR);
  set(XH());
  with32(ER(), Wasm.I32_ADD, 1);
  set(ER());
  close();
  close();
  with64(XH(), Wasm.I64_LT_S, 0);
  openIf();
  round();
  op(Wasm.ELSE);
  get(XS());
  setZero();
  close();
}

// ---- products and quotients -----------------------------------------------------------------------

/** XS: sign of a product. */
function signOfProduct(): void {
  both(EA(), Wasm.I32_XOR, EB());
  i32c(SIGN);
  op(Wasm.I32_AND);
  set(XS());
}
function upper(local: u32): void { with64(local, Wasm.I64_SHR_U, 32); }
function lowerHalf(local: u32): void { with64(local, Wasm.I64_AND, 0xffff_ffff); }

export function multiply(): void {
  signOfProduct();
  both(XA(), Wasm.I64_AND, XB());
  i64c(0);
  op(Wasm.I64_LT_S);
  openIf();
  // XL = low * low; XP = high * low + upper half of it; XQ = low * high + lower half of that.
  lowerHalf(XA());
  lowerHalf(XB());
  op(Wasm.I64_MUL);
  set(XL());
  upper(XA());
  lowerHalf(XB());
  op(Wasm.I64_MUL);
  upper(XL());
  op(Wasm.I64_ADD);
  set(XP());
  lowerHalf(XA());
  upper(XB());
  op(Wasm.I64_MUL);
  lowerHalf(XP());
  op(Wasm.I64_ADD);
  set(XQ());
  upper(XA());
  upper(XB());
  op(Wasm.I64_MUL);
  upper(XP());
  op(Wasm.I64_ADD);
  upper(XQ());
  op(Wasm.I64_ADD);
  set(XH());
  with64(XQ(), Wasm.I64_SHL, 32);
  lowerHalf(XL());
  op(Wasm.I64_OR);
  set(XL());
  field(EA());
  field(EB());
  op(Wasm.I32_ADD);
  i32c(0x3ffe);
  op(Wasm.I32_SUB);
  set(ER());
  with64(XH(), Wasm.I64_SHR_U, 63);
  i64c(1);
  op(Wasm.I64_XOR);
  set(XP());
  shiftLeft();
  lower();
  round();
  op(Wasm.ELSE);
  get(XS());
  setZero();
  close();
}

/**
 * One digit of base 2^32 of a quotient (Knuth, The Art of Computer Programming, vol. 2, 4.3.1, algorithm D): XP becomes
 * XH / XB, the local with the next 32 bits of the dividend shifted in below XH; XH becomes the rest.
 */
function digit(pushNext: u32): void {
  // Guess by the upper half of the divisor, at most two too large.
  get(XH());
  upper(XB());
  op(Wasm.I64_DIV_U);
  set(XP());
  get(XH());
  get(XP());
  upper(XB());
  op(Wasm.I64_MUL);
  op(Wasm.I64_SUB);
  set(XQ());
  for (let k: u32 = 0; k < 2; k++) {
    upper(XP());
    i64c(0);
    op(Wasm.I64_NE);
    get(XP());
    lowerHalf(XB());
    op(Wasm.I64_MUL);
    with64(XQ(), Wasm.I64_SHL, 32);
    next(pushNext);
    op(Wasm.I64_OR);
    op(Wasm.I64_GT_U);
    op(Wasm.I32_OR);
    // Once the rest is beyond 32 bits the guess is right.
    upper(XQ());
    op(Wasm.I64_EQZ);
    op(Wasm.I32_AND);
    openIf();
    with64(XP(), Wasm.I64_SUB, 1);
    set(XP());
    get(XQ());
    upper(XB());
    op(Wasm.I64_ADD);
    set(XQ());
    close();
  }
  // Modulo 2^64: the true value is known to fit.
  with64(XH(), Wasm.I64_SHL, 32);
  next(pushNext);
  op(Wasm.I64_OR);
  both(XP(), Wasm.I64_MUL, XB());
  op(Wasm.I64_SUB);
  set(XH());
}
/** Pushes 32 bits of what follows the dividend: those on top of XL, or zeros. */
function next(which: u32): void {
  if (which == 0) upper(XL());
  else i64c(0);
}

export function divide(): void {
  signOfProduct();
  // By zero is tier 0's.
  get(XB());
  op(Wasm.I64_EQZ);
  missIf();
  with64(XA(), Wasm.I64_LT_S, 0);
  openIf();
  field(EA());
  field(EB());
  op(Wasm.I32_SUB);
  i32c(0x3fff);
  op(Wasm.I32_ADD);
  set(ER());
  // XH XL, below XB: the dividend, halved where it is not smaller.
  both(XA(), Wasm.I64_GE_U, XB());
  tee(XC());
  op(Wasm.I64_EXTEND_I32_U);
  set(XP());
  both(XA(), Wasm.I64_SHR_U, XP());
  set(XH());
  with64(XP(), Wasm.I64_AND, 1);
  get(XA());
  op(Wasm.I64_AND);
  i64c(63);
  op(Wasm.I64_SHL);
  set(XL());
  get(ER());
  get(XC());
  op(Wasm.I32_EQZ);
  op(Wasm.I32_SUB);
  set(ER());
  digit(0);
  with64(XP(), Wasm.I64_SHL, 32);
  set(XA());
  digit(1);
  // The rest, doubled, against the divisor: what lies below the quotient's last bit.
  get(XB());
  get(XH());
  op(Wasm.I64_SUB);
  set(XQ());
  i64c(LEADING);
  i64c(<i64>0xc000_0000_0000_0000);
  i64c(1);
  both(XH(), Wasm.I64_GT_U, XQ());
  op(Wasm.SELECT);
  both(XH(), Wasm.I64_EQ, XQ());
  op(Wasm.SELECT);
  i64c(0);
  with64(XH(), Wasm.I64_NE, 0);
  op(Wasm.SELECT);
  set(XL());
  both(XA(), Wasm.I64_ADD, XP());
  set(XH());
  round();
  op(Wasm.ELSE);
  get(XS());
  setZero();
  close();
}

// ---- comparison -----------------------------------------------------------------------------------

/** XC: XA below XB; UP: equal. Both as 0 or 1; zeros are equal. */
export function compare(): void {
  // Neither is zero or they are of one sign: by sign, exponent, significand.
  both(EA(), Wasm.I32_XOR, EB());
  i32c(SIGN);
  op(Wasm.I32_AND);
  openIf();
  both(XA(), Wasm.I64_OR, XB());
  op(Wasm.I64_EQZ);
  set(UP());
  with32(EA(), Wasm.I32_SHR_U, 15);
  get(UP());
  op(Wasm.I32_EQZ);
  op(Wasm.I32_AND);
  set(XC());
  op(Wasm.ELSE);
  both(EA(), Wasm.I32_EQ, EB());
  set(XC());
  both(XA(), Wasm.I64_EQ, XB());
  get(XC());
  op(Wasm.I32_AND);
  set(UP());
  // The magnitude is less; among negative numbers that is the greater one.
  both(EA(), Wasm.I32_LT_U, EB());
  both(XA(), Wasm.I64_LT_U, XB());
  get(XC());
  op(Wasm.I32_AND);
  op(Wasm.I32_OR);
  with32(EA(), Wasm.I32_SHR_U, 15);
  op(Wasm.I32_XOR);
  get(UP());
  op(Wasm.I32_EQZ);
  op(Wasm.I32_AND);
  set(XC());
  close();
}
