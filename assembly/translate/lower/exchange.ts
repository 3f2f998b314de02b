// Exchanges (execute/atomic): XCHG, XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B. Nothing runs between two instructions of a
// region, so that LOCK asks for nothing. Memory is always written, with the old value when a comparison fails.

import { uopDst, uopSize, uopSrc } from "../../decode/uop";
import { LazyKind } from "../../vcpu/flags";
import { ZF } from "../../x86/flags";
import { missIf } from "../control";
import { get, i32c, i64c, memory, op, set, Wasm } from "../wasm";
import { compareState, keepA, keepR, pushFlags, setFlags, define, staticState } from "./flags";
import {
  arithmetic,
  compare,
  cut,
  getRegister,
  getW,
  L_ADDRESS,
  L_HOST,
  setRegister,
  setW,
  temporary,
  widen,
} from "./locals";
import { address, host, loadHost, operandHost, storeHost } from "./memory";
import { isMemory, openOperand, writeOperand } from "./operand";

const RAX: u32 = 0;
const RCX: u32 = 1 << 3;
const RDX: u32 = 2 << 3;
const RBX: u32 = 3 << 3;

export function exchange(u: usize): void {
  const size = uopSize(u);
  const a = temporary(0, size);
  const b = temporary(1, size);
  openOperand(u, size);
  set(a);
  getRegister(<u32>uopSrc(u), size);
  set(b);
  writeOperand(u, size, b);
  get(a);
  setRegister(<u32>uopSrc(u), size);
}

/** The destination is written last: XADD of a register with itself leaves the sum. */
export function exchangeAdd(u: usize): void {
  const size = uopSize(u);
  const a = temporary(0, size);
  const sum = temporary(1, size);
  openOperand(u, size);
  set(a);
  get(a);
  getRegister(<u32>uopSrc(u), size);
  arithmetic(Wasm.I32_ADD, size);
  cut(size);
  set(sum);
  get(a);
  setRegister(<u32>uopSrc(u), size);
  writeOperand(u, size, sum);
  get(a);
  keepA(size);
  get(sum);
  keepR(size);
  define(staticState(LazyKind.ADD, size));
}

/** Sets a register of 32 bits to a temporary where a condition holds; elsewhere the upper half stays too. */
function setWhere(register: u32, local: u32, condition: u32, holds: bool): void {
  if (holds) {
    get(local);
    widen(2);
    getW(register >> 3);
  } else {
    getW(register >> 3);
    get(local);
    widen(2);
  }
  get(condition);
  op(Wasm.SELECT);
  setW(register >> 3);
}
/** Sets a register of an operand size to a temporary where a condition holds. */
function replaceWhere(register: u32, size: u32, local: u32, condition: u32): void {
  if (size == 2) return setWhere(register, local, condition, true);
  get(local);
  getRegister(register, size);
  get(condition);
  op(Wasm.SELECT);
  setRegister(register, size);
}

export function compareExchange(u: usize): void {
  const size = uopSize(u);
  const old = temporary(0, size);
  const expected = temporary(1, size);
  const replacement = temporary(2, size);
  const equal = temporary(3, 2);
  openOperand(u, size);
  set(old);
  getRegister(RAX, size);
  set(expected);
  getRegister(<u32>uopSrc(u), size);
  set(replacement);
  get(old);
  get(expected);
  compare(Wasm.I32_EQ, size);
  set(equal);
  if (isMemory(u)) {
    get(replacement);
    get(old);
    get(equal);
    op(Wasm.SELECT);
    set(replacement);
    storeHost(replacement, size);
  } else replaceWhere(<u32>uopDst(u), size, replacement, equal);
  if (size == 2) setWhere(RAX, old, equal, false);
  else if (isMemory(u)) {
    // Where they were equal it changes nothing.
    get(old);
    setRegister(RAX, size);
  } else {
    getRegister(RAX, size);
    get(old);
    get(equal);
    op(Wasm.SELECT);
    setRegister(RAX, size);
  }
  get(expected);
  keepA(size);
  get(old);
  keepR(size);
  define(compareState(size));
}

/** ZF becomes a local of 0 or 1, the other flags stay. */
function setZF(equal: u32): void {
  pushFlags();
  i32c(~ZF);
  op(Wasm.I32_AND);
  get(equal);
  i32c(6);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
  setFlags();
}

/** Pushes the 64 bits of two 32-bit registers. */
function pushPair(high: u32, low: u32): void {
  getRegister(high, 2);
  op(Wasm.I64_EXTEND_I32_U);
  i64c(32);
  op(Wasm.I64_SHL);
  getRegister(low, 2);
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_OR);
}
export function compareExchange8(u: usize): void {
  const old = temporary(0, 3);
  const replacement = temporary(1, 3);
  const equal = temporary(0, 2);
  const half = temporary(1, 2);
  operandHost(u, 3, true);
  loadHost(3);
  set(old);
  get(old);
  pushPair(RDX, RAX);
  op(Wasm.I64_EQ);
  set(equal);
  pushPair(RCX, RBX);
  get(old);
  get(equal);
  op(Wasm.SELECT);
  set(replacement);
  storeHost(replacement, 3);
  get(old);
  op(Wasm.I32_WRAP_I64);
  set(half);
  setWhere(RAX, half, equal, false);
  get(old);
  i64c(32);
  op(Wasm.I64_SHR_U);
  op(Wasm.I32_WRAP_I64);
  set(half);
  setWhere(RDX, half, equal, false);
  setZF(equal);
}

/** 64-bit code only; an operand that is not aligned faults. */
export function compareExchange16(u: usize): void {
  const low = temporary(0, 3);
  const high = temporary(1, 3);
  const equal = temporary(0, 2);
  address(u, 16);
  get(L_ADDRESS);
  op(Wasm.I32_WRAP_I64);
  i32c(15);
  op(Wasm.I32_AND);
  missIf();
  host(16, true);
  loadHost(3);
  set(low);
  get(L_HOST);
  memory(Wasm.I64_LOAD, 8);
  set(high);
  get(low);
  getRegister(RAX, 3);
  op(Wasm.I64_EQ);
  get(high);
  getRegister(RDX, 3);
  op(Wasm.I64_EQ);
  op(Wasm.I32_AND);
  set(equal);
  storeHalf(RBX, low, equal, 0);
  storeHalf(RCX, high, equal, 8);
  // Where they were equal these change nothing.
  get(low);
  setRegister(RAX, 3);
  get(high);
  setRegister(RDX, 3);
  setZF(equal);
}
function storeHalf(register: u32, old: u32, equal: u32, offset: u32): void {
  get(L_HOST);
  getRegister(register, 3);
  get(old);
  get(equal);
  op(Wasm.SELECT);
  memory(Wasm.I64_STORE, offset);
}
