// Shifts and rotates outside the fast forms of tier 0 (execute/shift): memory operands, 8 and 16 bits, RCL and RCR,
// double shifts. The count is masked to 5 bits, 6 for 64-bit operands; a masked count of 0 leaves the flags, but
// memory is still accessed as for writing, and a 32-bit register destination still loses its upper half.

import { Op } from "../../decode/op";
import { uopImm, uopSize, uopSrc } from "../../decode/uop";
import { LazyKind } from "../../vcpu/flags";
import { AF } from "../../x86/flags";
import { close, LABEL_IF, open } from "../control";
import { blockVoid, get, i32c, i64c, op, set, tee, Wasm } from "../wasm";
import { keepR, overlayCFOF, pushCF, define, staticState, toDynamic } from "./flags";
import { lowBit, Shift, shift } from "./integer";
import { arithmetic, cut, extendSigned, getRegister, L_FLAG_CARRY, temporary } from "./locals";
import { openOperand, writeOperand } from "./operand";

// Temporaries: operand, result, count (i32), and for double shifts the second operand.
const A: u32 = 0;
const B: u32 = 1;
const R: u32 = 2;
const C: u32 = 3;
const COUNT: u32 = 4;

@inline function countMask(size: u32): u32 { return size == 3 ? 63 : 31; }
/** Bit n of the i32 on the stack. */
function bitAt(n: u32): void {
  if (n != 0) {
    i32c(n);
    op(Wasm.I32_SHR_U);
  }
  i32c(1);
  op(Wasm.I32_AND);
}
/** Pushes the count less `less`, as i32. */
function pushCount(less: u32): void {
  get(temporary(COUNT, 2));
  if (less != 0) {
    i32c(less);
    op(Wasm.I32_SUB);
  }
}
/** Pushes the count as a value of an operand size. */
function pushCountOf(size: u32): void {
  pushCount(0);
  if (size == 3) op(Wasm.I64_EXTEND_I32_U);
}
/** Ends a shift: R is the result, C the carry, the i32 on the stack OF as 0 or 1. */
function keepShifted(size: u32): void {
  i32c(11);
  op(Wasm.I32_SHL);
  get(temporary(C, 2));
  op(Wasm.I32_OR);
  i32c(AF);
  op(Wasm.I32_OR);
  set(L_FLAG_CARRY);
  get(temporary(R, size));
  keepR(size);
  define(staticState(LazyKind.RESULT, size));
}
/** Ends a rotation: C is the carry, the i32 on the stack OF as 0 or 1. */
function keepRotated(): void {
  i32c(11);
  op(Wasm.I32_SHL);
  get(temporary(C, 2));
  op(Wasm.I32_OR);
  overlayCFOF();
}

// ---- 8 and 16 bits --------------------------------------------------------------------------------

function narrowShift(kind: u32, size: u32): void {
  const bits = 8 << size;
  const r = temporary(R, size);
  const c = temporary(C, 2);
  get(temporary(A, size));
  if (kind == Shift.SAR) extendSigned(size);
  pushCount(0);
  op(kind == Shift.SHL ? Wasm.I32_SHL : kind == Shift.SHR ? Wasm.I32_SHR_U : Wasm.I32_SHR_S);
  tee(r);
  cut(size);
  if (kind == Shift.SHL) {
    get(r);
    bitAt(bits);
  } else {
    // The last bit that left.
    get(temporary(A, size));
    if (kind == Shift.SAR) extendSigned(size);
    pushCount(1);
    op(kind == Shift.SHR ? Wasm.I32_SHR_U : Wasm.I32_SHR_S);
    bitAt(0);
  }
  set(c);
  set(r);
  if (kind == Shift.SAR) i32c(0);
  else {
    get(r);
    bitAt(kind == Shift.SHL ? bits - 1 : bits - 2);
    if (kind == Shift.SHL) {
      get(c);
      op(Wasm.I32_XOR);
    }
  }
  keepShifted(size);
}
function narrowRotate(kind: u32, size: u32): void {
  const bits = 8 << size;
  const a = temporary(A, size);
  const r = temporary(R, size);
  const c = temporary(C, 2);
  get(a);
  turn(kind == Shift.ROL, bits);
  op(Wasm.I32_SHL);
  get(a);
  turn(kind == Shift.ROR, bits);
  op(Wasm.I32_SHR_U);
  op(Wasm.I32_OR);
  cut(size);
  tee(r);
  bitAt(kind == Shift.ROL ? 0 : bits - 1);
  set(c);
  get(r);
  bitAt(kind == Shift.ROL ? bits - 1 : bits - 2);
  get(c);
  op(Wasm.I32_XOR);
  keepRotated();
}
/** Pushes the count modulo the width, or the rest of the width. */
function turn(direct: bool, bits: u32): void {
  if (!direct) i32c(bits);
  pushCount(0);
  i32c(bits - 1);
  op(Wasm.I32_AND);
  if (!direct) op(Wasm.I32_SUB);
}

// ---- through the carry ----------------------------------------------------------------------------

/** RCL and RCR of up to 32 bits: the operand with CF on top turns in 64 bits. */
function rotateThrough(left: bool, size: u32): void {
  const bits = 8 << size;
  const r = temporary(R, size);
  const c = temporary(C, 2);
  const wide = temporary(0, 3);
  const n = temporary(1, 3);
  get(temporary(A, size));
  op(Wasm.I64_EXTEND_I32_U);
  pushCF();
  op(Wasm.I64_EXTEND_I32_U);
  i64c(bits);
  op(Wasm.I64_SHL);
  op(Wasm.I64_OR);
  set(wide);
  pushCount(0);
  if (size < 2) {
    i32c(bits + 1);
    op(Wasm.I32_REM_U);
  }
  op(Wasm.I64_EXTEND_I32_U);
  set(n);
  get(wide);
  get(n);
  op(left ? Wasm.I64_SHL : Wasm.I64_SHR_U);
  get(wide);
  i64c(bits + 1);
  get(n);
  op(Wasm.I64_SUB);
  op(left ? Wasm.I64_SHR_U : Wasm.I64_SHL);
  op(Wasm.I64_OR);
  tee(wide);
  op(Wasm.I32_WRAP_I64);
  cut(size);
  set(r);
  get(wide);
  i64c(bits);
  op(Wasm.I64_SHR_U);
  lowBit(3);
  set(c);
  get(r);
  bitAt(bits - 1);
  if (left) get(c);
  else {
    get(r);
    bitAt(bits - 2);
  }
  op(Wasm.I32_XOR);
  keepRotated();
}
/** The same of 64 bits, in pieces. */
function rotateThrough64(left: bool): void {
  const a = temporary(A, 3);
  const r = temporary(R, 3);
  const c = temporary(C, 2);
  get(a);
  pushCountOf(3);
  op(left ? Wasm.I64_SHL : Wasm.I64_SHR_U);
  pushCF();
  op(Wasm.I64_EXTEND_I32_U);
  if (left) pushCount(1);
  else rest(64);
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_SHL);
  op(Wasm.I64_OR);
  // By one first: the rest may be all 64 bits less one.
  get(a);
  i64c(1);
  op(left ? Wasm.I64_SHR_U : Wasm.I64_SHL);
  rest(64);
  op(Wasm.I64_EXTEND_I32_U);
  op(left ? Wasm.I64_SHR_U : Wasm.I64_SHL);
  op(Wasm.I64_OR);
  set(r);
  get(a);
  if (left) rest(64);
  else pushCount(1);
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_SHR_U);
  lowBit(3);
  set(c);
  get(r);
  i64c(63);
  op(Wasm.I64_SHR_U);
  op(Wasm.I32_WRAP_I64);
  if (left) get(c);
  else {
    get(r);
    i64c(62);
    op(Wasm.I64_SHR_U);
    lowBit(3);
  }
  op(Wasm.I32_XOR);
  keepRotated();
}
/** Pushes a width less the count, as i32. */
function rest(bits: u32): void {
  i32c(bits);
  pushCount(0);
  op(Wasm.I32_SUB);
}

// ---- by ModRM.reg of opcode group 2 ---------------------------------------------------------------

/** Shifts temporary A into R by COUNT, which is not 0; sets flags. */
function shiftValue(o: u32, size: u32): void {
  switch (o) {
    case Op.SHIFT_RCL:
    case Op.SHIFT_RCR:
      if (size == 3) rotateThrough64(o == <u32>Op.SHIFT_RCL);
      else rotateThrough(o == <u32>Op.SHIFT_RCL, size);
      return;
    case Op.SHIFT_ROL:
    case Op.SHIFT_ROR: {
      const kind = o == <u32>Op.SHIFT_ROL ? Shift.ROL : Shift.ROR;
      if (size < 2) narrowRotate(kind, size);
      else shift(kind, size, <i32>temporary(COUNT, 2), 0);
      return;
    }
  }
  const kind = o == <u32>Op.SHIFT_SHR ? Shift.SHR : o == <u32>Op.SHIFT_SAR ? Shift.SAR : Shift.SHL;
  if (size < 2) narrowShift(kind, size);
  else shift(kind, size, <i32>temporary(COUNT, 2), 0);
}

/** The count in CL is known only when the instruction runs; otherwise it is `fixed`. */
function byCl(u: usize, o: u32): bool {
  return o == <u32>Op.SHLD_CL || o == <u32>Op.SHRD_CL || (o < <u32>Op.SHLD_I && uopSrc(u) != 0);
}
@inline function isDouble(o: u32): bool { return o >= <u32>Op.SHLD_I; }
@inline function fixedCount(u: usize): u32 { return <u32>uopImm(u) & countMask(uopSize(u)); }

/** What the instruction leaves of the flags: true: nothing changes; otherwise `staticShift` says whether it is known. */
export function keepsFlags(u: usize, o: u32): bool { return !byCl(u, o) && fixedCount(u) == 0; }
export function leavesResult(u: usize, o: u32): bool { return !byCl(u, o) && (isDouble(o) || o >= <u32>Op.SHIFT_SHL); }

function compute(u: usize, o: u32, size: u32): void {
  if (!isDouble(o)) shiftValue(o, size);
  else if (o == <u32>Op.SHLD_I || o == <u32>Op.SHLD_CL) shiftLeftDouble(size);
  else shiftRightDouble(size);
}

/** SHIFT_*, SHLD and SHRD. */
export function shiftOperand(u: usize, o: u32): void {
  const size = uopSize(u);
  const a = temporary(A, size);
  const r = temporary(R, size);
  const count = temporary(COUNT, 2);
  openOperand(u, size);
  tee(a);
  set(r);
  if (isDouble(o)) {
    getRegister(<u32>uopSrc(u), size);
    set(temporary(B, size));
  }
  if (byCl(u, o)) {
    toDynamic();
    getRegister(1 << 3, 0);
    i32c(countMask(size));
    op(Wasm.I32_AND);
    tee(count);
    blockVoid(Wasm.IF);
    open(LABEL_IF);
    compute(u, o, size);
    toDynamic();
    close();
  } else if (fixedCount(u) != 0) {
    i32c(fixedCount(u));
    set(count);
    compute(u, o, size);
  }
  writeOperand(u, size, r);
}

// ---- double shifts --------------------------------------------------------------------------------

/** 16 bits by more than 16: a:b:b is shifted, or b:b:a. Pushes it as i64. */
function tripled(first: u32, second: u32, third: u32): void {
  get(temporary(first, 1));
  op(Wasm.I64_EXTEND_I32_U);
  i64c(32);
  op(Wasm.I64_SHL);
  get(temporary(second, 1));
  i32c(16);
  op(Wasm.I32_SHL);
  get(temporary(third, 1));
  op(Wasm.I32_OR);
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_OR);
}
/** Shifts A left; bits of B come in. OF: CF against the bit that A alone would have on top. */
function shiftLeftDouble(size: u32): void {
  const bits = 8 << size;
  const a = temporary(A, size);
  const r = temporary(R, size);
  const c = temporary(C, 2);
  if (size == 1) {
    tripled(A, B, B);
    pushCountOf(3);
    op(Wasm.I64_SHL);
    i64c(32);
    op(Wasm.I64_SHR_U);
    op(Wasm.I32_WRAP_I64);
    cut(1);
    set(r);
    get(a);
    pushCount(0);
    op(Wasm.I32_SHL);
    bitAt(16);
    set(c);
    get(a);
    pushCount(0);
    op(Wasm.I32_SHL);
    bitAt(15);
  } else {
    get(a);
    pushCountOf(size);
    arithmetic(Wasm.I32_SHL, size);
    get(temporary(B, size));
    restOf(bits, size);
    arithmetic(Wasm.I32_SHR_U, size);
    arithmetic(Wasm.I32_OR, size);
    set(r);
    get(a);
    restOf(bits, size);
    arithmetic(Wasm.I32_SHR_U, size);
    lowBit(size);
    set(c);
    topBit(r, size, 1);
  }
  get(c);
  op(Wasm.I32_XOR);
  keepShifted(size);
}
function shiftRightDouble(size: u32): void {
  const bits = 8 << size;
  const a = temporary(A, size);
  const r = temporary(R, size);
  if (size == 1) {
    tripled(B, B, A);
    pushCountOf(3);
    op(Wasm.I64_SHR_U);
    op(Wasm.I32_WRAP_I64);
    cut(1);
  } else {
    get(a);
    pushCountOf(size);
    arithmetic(Wasm.I32_SHR_U, size);
    get(temporary(B, size));
    restOf(bits, size);
    arithmetic(Wasm.I32_SHL, size);
    arithmetic(Wasm.I32_OR, size);
  }
  set(r);
  get(a);
  pushCount(1);
  if (size == 3) op(Wasm.I64_EXTEND_I32_U);
  arithmetic(Wasm.I32_SHR_U, size);
  lowBit(size);
  set(temporary(C, 2));
  topBit(r, size, 1);
  topBit(r, size, 2);
  op(Wasm.I32_XOR);
  keepShifted(size);
}
/** Pushes a width less the count, as a value of an operand size. */
function restOf(bits: u32, size: u32): void {
  rest(bits);
  if (size == 3) op(Wasm.I64_EXTEND_I32_U);
}
/** Pushes bit `width - from` of a local. */
function topBit(local: u32, size: u32, from: u32): void {
  get(local);
  const n = (8 << size) - from;
  if (size == 3) {
    i64c(n);
    op(Wasm.I64_SHR_U);
    lowBit(3);
  } else bitAt(n);
}
