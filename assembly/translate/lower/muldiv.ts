// Multiplication and division out of line (execute/muldiv). Multiplications keep SF ZF AF PF; divisions set AF, clear
// SF ZF PF and keep CF OF. What faults, and what takes a dividend of 128 bits, is tier 0's.

import { Op } from "../../decode/op";
import { uopImm, uopSize, uopSrc } from "../../decode/uop";
import { AF } from "../../x86/flags";
import { close, LABEL_IF, missIf, open } from "../control";
import { blockVoid, get, i32c, i64c, op, set, tee, Wasm } from "../wasm";
import { pushCF, pushOF, setFlags } from "./flags";
import { multiply32, multiply64, pushOverflow, signedHigh, unsignedHigh } from "./integer";
import { compare, constant, cut, extendSigned, getRegister, setRegister, temporary } from "./locals";
import { pushOperand } from "./operand";

const RAX: u32 = 0;
const RDX: u32 = 2 << 3;

const A: u32 = 0;
const B: u32 = 1;
const R: u32 = 2;
const C: u32 = 3;

// ---- multiplication -------------------------------------------------------------------------------

/** Pushes whether an i32 local is not the sign extension of its low half of 8 or 16 bits. */
function overflows(local: u32, size: u32): void {
  get(local);
  extendSigned(size);
  get(local);
  op(Wasm.I32_NE);
}

/** MUL and IMUL with one operand. */
export function multiply(u: usize, isSigned: bool): void {
  const size = uopSize(u);
  const a = temporary(A, size);
  const b = temporary(B, size);
  const r = temporary(R, size);
  pushOperand(u, size);
  set(b);
  getRegister(RAX, size);
  set(a);
  if (size == 3) return multiplyWide(isSigned);
  if (size == 2) {
    const product = temporary(R, 3);
    const extension = isSigned ? Wasm.I64_EXTEND_I32_S : Wasm.I64_EXTEND_I32_U;
    get(a);
    op(extension);
    get(b);
    op(extension);
    op(Wasm.I64_MUL);
    set(product);
    get(product);
    op(Wasm.I32_WRAP_I64);
    setRegister(RAX, 2);
    get(product);
    i64c(32);
    op(Wasm.I64_SHR_U);
    op(Wasm.I32_WRAP_I64);
    tee(r);
    setRegister(RDX, 2);
    if (isSigned) {
      get(product);
      op(Wasm.I64_EXTEND32_S);
      get(product);
      op(Wasm.I64_NE);
    } else {
      get(r);
      i32c(0);
      op(Wasm.I32_NE);
    }
    return pushOverflow();
  }
  get(a);
  if (isSigned) extendSigned(size);
  get(b);
  if (isSigned) extendSigned(size);
  op(Wasm.I32_MUL);
  tee(r);
  setRegister(RAX, 1);
  if (size == 1) {
    get(r);
    i32c(16);
    op(Wasm.I32_SHR_U);
    setRegister(RDX, 1);
  }
  if (isSigned) overflows(r, size);
  else {
    get(r);
    i32c(8 << size);
    op(Wasm.I32_SHR_U);
    i32c(0);
    op(Wasm.I32_NE);
  }
  pushOverflow();
}
function multiplyWide(isSigned: bool): void {
  const low = temporary(R, 3);
  const high = temporary(C, 3);
  if (isSigned) signedHigh();
  else unsignedHigh();
  set(high);
  get(temporary(A, 3));
  get(temporary(B, 3));
  op(Wasm.I64_MUL);
  tee(low);
  setRegister(RAX, 3);
  get(high);
  setRegister(RDX, 3);
  get(high);
  if (isSigned) {
    get(low);
    i64c(63);
    op(Wasm.I64_SHR_S);
  } else i64c(0);
  op(Wasm.I64_NE);
  pushOverflow();
}

/** IMUL with two or three operands. */
export function multiplyTo(u: usize, o: u32): void {
  const size = uopSize(u);
  const a = temporary(A, size);
  const b = temporary(B, size);
  const r = temporary(R, size);
  pushOperand(u, size);
  set(a);
  if (o == <u32>Op.IMUL3) constant(uopImm(u), size);
  else getRegister(<u32>uopSrc(u), size);
  set(b);
  if (size == 3) multiply64();
  else if (size == 2) multiply32();
  else {
    get(a);
    extendSigned(1);
    get(b);
    extendSigned(1);
    op(Wasm.I32_MUL);
    set(r);
    overflows(r, 1);
    pushOverflow();
  }
  get(r);
  setRegister(<u32>uopSrc(u), size);
}

// ---- division -------------------------------------------------------------------------------------

function keepDivided(): void {
  pushCF();
  pushOF();
  i32c(11);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
  i32c(AF);
  op(Wasm.I32_OR);
  setFlags();
}
/** Sets rAX to R and rDX to what is left of a dividend in A: a - r * b. */
function setQuotient(size: u32, dividend: u32, divisor: u32, quotient: u32, wide: bool): void {
  get(quotient);
  if (wide && size != 3) op(Wasm.I32_WRAP_I64);
  setRegister(RAX, size);
  get(dividend);
  get(quotient);
  get(divisor);
  op(wide ? Wasm.I64_MUL : Wasm.I32_MUL);
  op(wide ? Wasm.I64_SUB : Wasm.I32_SUB);
  if (wide && size != 3) op(Wasm.I32_WRAP_I64);
  setRegister(RDX, size);
}

/** DIV: the quotient fits if and only if the upper half is below the divisor. */
export function divide(u: usize): void {
  const size = uopSize(u);
  const b = temporary(B, size);
  const high = temporary(C, size);
  pushOperand(u, size);
  set(b);
  if (size == 0) getRegister(1, 0);
  else getRegister(RDX, size);
  tee(high);
  get(b);
  compare(Wasm.I32_GE_U, size);
  missIf();
  if (size == 3) {
    // b > high = 0.
    get(high);
    i64c(0);
    op(Wasm.I64_NE);
    missIf();
    divideUnsigned(3);
  } else if (size == 2) {
    get(high);
    op(Wasm.I32_EQZ);
    blockVoid(Wasm.IF);
    open(LABEL_IF);
    divideUnsigned(2);
    op(Wasm.ELSE);
    pushDividend32();
    set(temporary(A, 3));
    get(b);
    op(Wasm.I64_EXTEND_I32_U);
    set(temporary(B, 3));
    get(temporary(A, 3));
    get(temporary(B, 3));
    op(Wasm.I64_DIV_U);
    set(temporary(R, 3));
    setQuotient(2, temporary(A, 3), temporary(B, 3), temporary(R, 3), true);
    close();
  } else divideNarrow(size, false);
  keepDivided();
}
/** rAX / B where the upper half is 0. */
function divideUnsigned(size: u32): void {
  const a = temporary(A, size);
  const b = temporary(B, size);
  const r = temporary(R, size);
  getRegister(RAX, size);
  tee(a);
  get(b);
  op(size == 3 ? Wasm.I64_DIV_U : Wasm.I32_DIV_U);
  set(r);
  setQuotient(size, a, b, r, size == 3);
}
/** EDX:EAX as i64. */
function pushDividend32(): void {
  getRegister(RDX, 2);
  op(Wasm.I64_EXTEND_I32_U);
  i64c(32);
  op(Wasm.I64_SHL);
  getRegister(RAX, 2);
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_OR);
}
/** AX, or DX:AX, into temporary A as i32. */
function takeDividend(size: u32): void {
  if (size == 1) {
    getRegister(RDX, 1);
    i32c(16);
    op(Wasm.I32_SHL);
    getRegister(RAX, 1);
    op(Wasm.I32_OR);
  } else getRegister(RAX, 1);
  set(temporary(A, 2));
}
/** Division of AX or DX:AX by B, in 32 bits; the quotient of a signed one may turn out not to fit. */
function divideNarrow(size: u32, isSigned: bool): void {
  const a = temporary(A, 2);
  const b = temporary(B, 2);
  const r = temporary(R, 2);
  takeDividend(size);
  if (isSigned && size == 0) {
    get(a);
    op(Wasm.I32_EXTEND16_S);
    set(a);
  }
  get(a);
  get(b);
  op(isSigned ? Wasm.I32_DIV_S : Wasm.I32_DIV_U);
  set(r);
  if (isSigned) {
    overflows(r, size);
    missIf();
  }
  if (size == 1) return setQuotient(1, a, b, r, false);
  // AL the quotient, AH the remainder.
  get(a);
  get(r);
  get(b);
  op(Wasm.I32_MUL);
  op(Wasm.I32_SUB);
  i32c(8);
  op(Wasm.I32_SHL);
  get(r);
  cut(0);
  op(Wasm.I32_OR);
  setRegister(RAX, 1);
}

/** IDIV. */
export function divideSigned(u: usize): void {
  const size = uopSize(u);
  const b = temporary(B, size);
  pushOperand(u, size);
  if (size < 2) extendSigned(size);
  tee(b);
  op(size == 3 ? Wasm.I64_EQZ : Wasm.I32_EQZ);
  missIf();
  if (size < 2) {
    if (size == 1) {
      // -2^31 / -1 would trap in WebAssembly; it does not fit either.
      takeDividend(1);
      get(temporary(A, 2));
      i32c(i32.MIN_VALUE);
      op(Wasm.I32_EQ);
      missIf();
    }
    divideNarrow(size, true);
  } else {
    const a = temporary(A, 3);
    const r = temporary(R, 3);
    const divisor = temporary(B, 3);
    if (size == 3) {
      getRegister(RAX, 3);
      tee(a);
      i64c(63);
      op(Wasm.I64_SHR_S);
      getRegister(RDX, 3);
      op(Wasm.I64_NE);
      missIf();
    } else {
      pushDividend32();
      set(a);
      get(b);
      op(Wasm.I64_EXTEND_I32_S);
      set(divisor);
    }
    // The least number by -1 would trap.
    get(divisor);
    i64c(-1);
    op(Wasm.I64_EQ);
    get(a);
    i64c(i64.MIN_VALUE);
    op(Wasm.I64_EQ);
    op(Wasm.I32_AND);
    missIf();
    get(a);
    get(divisor);
    op(Wasm.I64_DIV_S);
    set(r);
    if (size == 2) {
      get(r);
      op(Wasm.I64_EXTEND32_S);
      get(r);
      op(Wasm.I64_NE);
      missIf();
    }
    setQuotient(size, a, divisor, r, true);
  }
  keepDivided();
}
