// BMI1 and BMI2 of 64-bit code (execute/bmi), ADCX and ADOX. Elsewhere they depend on the mode and are executed out of
// line, as are PDEP and PEXT, which loop.

import { Op } from "../../decode/op";
import { uopImm, uopSize, uopSrc } from "../../decode/uop";
import { LazyKind } from "../../vcpu/flags";
import { AF } from "../../x86/flags";
import { get, i32c, i64c, op, set, tee, Wasm } from "../wasm";
import { keepR, overlayCF, overlayCFOF, pushCF, pushOF, setFlags, define, staticState } from "./flags";
import { unsignedHigh } from "./integer";
import { arithmetic, compare, constant, getRegister, L_FLAG_CARRY, setRegister, temporary } from "./locals";
import { pushOperand } from "./operand";

const RDX: u32 = 2 << 3;

const A: u32 = 0;
const B: u32 = 1;
const R: u32 = 2;
const N: u32 = 3;

@inline function vvvv(u: usize): u32 { return <u32>uopImm(u) & 0xff; }
@inline function notZero(local: u32, size: u32): void {
  get(local);
  constant(0, size);
  compare(Wasm.I32_NE, size);
}
/** The i32 on the stack is CF, R the result. */
function keepResult(size: u32): void {
  set(L_FLAG_CARRY);
  get(temporary(R, size));
  keepR(size);
  define(staticState(LazyKind.RESULT, size));
}

export function andNot(u: usize): void {
  const size = uopSize(u);
  const r = temporary(R, size);
  pushOperand(u, size);
  getRegister(vvvv(u), size);
  constant(-1, size);
  arithmetic(Wasm.I32_XOR, size);
  arithmetic(Wasm.I32_AND, size);
  tee(r);
  setRegister(<u32>uopSrc(u), size);
  get(r);
  keepR(size);
  define(staticState(LazyKind.LOGIC, size));
}

/** BLSI, BLSMSK, BLSR: the lowest bit alone, the mask up to it, all but it. */
export function lowestBit(u: usize, o: u32): void {
  const size = uopSize(u);
  const a = temporary(A, size);
  pushOperand(u, size);
  set(a);
  if (o == <u32>Op.BLSI) {
    constant(0, size);
    get(a);
  } else {
    get(a);
    constant(1, size);
  }
  arithmetic(Wasm.I32_SUB, size);
  get(a);
  arithmetic(o == <u32>Op.BLSMSK ? Wasm.I32_XOR : Wasm.I32_AND, size);
  tee(temporary(R, size));
  setRegister(vvvv(u), size);
  notZero(a, size);
  if (o != <u32>Op.BLSI) op(Wasm.I32_EQZ);
  keepResult(size);
}

/** Pushes the n lowest bits set for an i32 local n below the width, all bits otherwise. */
function pushMask(n: u32, size: u32): void {
  constant(1, size);
  get(n);
  if (size == 3) op(Wasm.I64_EXTEND_I32_U);
  arithmetic(Wasm.I32_SHL, size);
  constant(1, size);
  arithmetic(Wasm.I32_SUB, size);
  constant(-1, size);
  isBelow(n, size);
  op(Wasm.SELECT);
}
/** Pushes whether an i32 local is below the width. */
function isBelow(n: u32, size: u32): void {
  get(n);
  i32c(8 << size);
  op(Wasm.I32_LT_U);
}

/** Clears the bits from a position on; CF: the position is beyond the operand. */
export function zeroHigh(u: usize): void {
  const size = uopSize(u);
  const n = temporary(N, 2);
  pushOperand(u, size);
  getRegister(vvvv(u), 0);
  set(n);
  pushMask(n, size);
  arithmetic(Wasm.I32_AND, size);
  tee(temporary(R, size));
  setRegister(<u32>uopSrc(u), size);
  isBelow(n, size);
  op(Wasm.I32_EQZ);
  keepResult(size);
}

/** Extracts a field: control 7:0 start, 15:8 length. AF is set, SF clear, ZF and PF follow the result. */
export function extractField(u: usize): void {
  const size = uopSize(u);
  const n = temporary(N, 2);
  const r = temporary(R, size);
  pushOperand(u, size);
  getRegister(vvvv(u), 0);
  tee(n);
  if (size == 3) op(Wasm.I64_EXTEND_I32_U);
  arithmetic(Wasm.I32_SHR_U, size);
  constant(0, size);
  isBelow(n, size);
  op(Wasm.SELECT);
  getRegister(vvvv(u), 1);
  i32c(8);
  op(Wasm.I32_SHR_U);
  set(n);
  pushMask(n, size);
  arithmetic(Wasm.I32_AND, size);
  tee(r);
  setRegister(<u32>uopSrc(u), size);
  notZero(r, size);
  op(Wasm.I32_EQZ);
  i32c(6);
  op(Wasm.I32_SHL);
  get(r);
  if (size == 3) op(Wasm.I32_WRAP_I64);
  i32c(0xff);
  op(Wasm.I32_AND);
  op(Wasm.I32_POPCNT);
  i32c(1);
  op(Wasm.I32_AND);
  op(Wasm.I32_EQZ);
  i32c(2);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
  i32c(AF);
  op(Wasm.I32_OR);
  setFlags();
}

/** rDX * r/m; the upper half is written last and wins if both destinations are one. */
export function multiplyPlain(u: usize): void {
  const size = uopSize(u);
  pushOperand(u, size);
  set(temporary(B, size));
  getRegister(RDX, size);
  set(temporary(A, size));
  const r = temporary(R, 3);
  if (size == 3) {
    unsignedHigh();
    set(r);
    get(temporary(A, 3));
    get(temporary(B, 3));
    op(Wasm.I64_MUL);
    setRegister(vvvv(u), 3);
    get(r);
  } else {
    get(temporary(A, 2));
    op(Wasm.I64_EXTEND_I32_U);
    get(temporary(B, 2));
    op(Wasm.I64_EXTEND_I32_U);
    op(Wasm.I64_MUL);
    tee(r);
    op(Wasm.I32_WRAP_I64);
    setRegister(vvvv(u), 2);
    get(r);
    i64c(32);
    op(Wasm.I64_SHR_U);
    op(Wasm.I32_WRAP_I64);
  }
  setRegister(<u32>uopSrc(u), size);
}

/** RORX, SARX, SHLX, SHRX: WebAssembly takes the count modulo the width, as they do. */
export function shiftPlain(u: usize, o: u32): void {
  const size = uopSize(u);
  pushOperand(u, size);
  if (o == <u32>Op.RORX) constant(uopImm(u), size);
  else {
    getRegister(vvvv(u), 0);
    if (size == 3) op(Wasm.I64_EXTEND_I32_U);
  }
  switch (o) {
    case Op.RORX: arithmetic(Wasm.I32_ROTR, size); break;
    case Op.SARX: arithmetic(Wasm.I32_SHR_S, size); break;
    case Op.SHLX: arithmetic(Wasm.I32_SHL, size); break;
    default: arithmetic(Wasm.I32_SHR_U, size);
  }
  setRegister(<u32>uopSrc(u), size);
}

/** ADCX and ADOX: an addition whose carry chain lives in CF, in OF. */
export function addCarry(u: usize, o: u32): void {
  const size = uopSize(u);
  const a = temporary(A, size);
  const r = temporary(R, size);
  const carry = temporary(N, 2);
  pushOperand(u, size);
  set(r);
  if (o == <u32>Op.ADCX) pushCF();
  else pushOF();
  set(carry);
  getRegister(<u32>uopSrc(u), size);
  tee(a);
  get(r);
  arithmetic(Wasm.I32_ADD, size);
  get(carry);
  if (size == 3) op(Wasm.I64_EXTEND_I32_U);
  arithmetic(Wasm.I32_ADD, size);
  tee(r);
  setRegister(<u32>uopSrc(u), size);
  // With a carry in, a result as large as before has gone round as well.
  get(r);
  get(a);
  compare(Wasm.I32_LT_U, size);
  get(r);
  get(a);
  compare(Wasm.I32_EQ, size);
  get(carry);
  op(Wasm.I32_AND);
  op(Wasm.I32_OR);
  if (o == <u32>Op.ADCX) return overlayCF();
  i32c(11);
  op(Wasm.I32_SHL);
  pushCF();
  op(Wasm.I32_OR);
  overlayCFOF();
}
