// Bit test, scan and count, byte order (execute/bits). With a register offset and a memory operand the bit string
// reaches beyond the operand. Scans leave flags that look like those of a logic instruction: zero for a source of 0,
// otherwise not zero with the parity of the result.

import { Op } from "../../decode/op";
import { uopDst, uopImm, uopSize, uopSrc } from "../../decode/uop";
import { LazyKind } from "../../vcpu/flags";
import { code64 } from "../form";
import { get, i32c, op, set, tee, Wasm } from "../wasm";
import { overlayCF, pushOF, setFlags, define, staticState } from "./flags";
import { lowBit, swapBytes } from "./integer";
import {
  arithmetic,
  arithmeticW,
  constant,
  constW,
  cut,
  extendSigned,
  getRegister,
  getW,
  L_FLAG_R,
  setRegister,
  setW,
  temporary,
  widen,
} from "./locals";
import { effective, host, loadHost, locate, operandHost, storeHost, wrap } from "./memory";
import { isMemory, openOperand, pushOperand, writeOperand } from "./operand";

const enum Change { NONE = 0, SET = 1, RESET = 2, COMPLEMENT = 3 }

/** BT, BTS, BTR, BTC. */
export function testBit(u: usize, o: u32): void {
  const size = uopSize(u);
  const change = (o - <u32>Op.BT_R) & 3;
  const byRegister = o < <u32>Op.BT_I;
  const a = temporary(0, size);
  const n = temporary(1, size);
  const r = temporary(2, size);
  if (byRegister) getRegister(<u32>uopSrc(u), size);
  else constant(uopImm(u) & ((8 << size) - 1), size);
  set(n);
  if (byRegister && isMemory(u)) {
    bitString(u, size, n);
    host(1 << size, change != Change.NONE);
    loadHost(size);
  } else if (change == Change.NONE) pushOperand(u, size);
  else openOperand(u, size);
  set(a);
  if (size == 1) {
    // WebAssembly cuts wider counts by itself.
    get(n);
    i32c(15);
    op(Wasm.I32_AND);
    set(n);
  }
  if (change != Change.NONE) {
    get(a);
    constant(1, size);
    get(n);
    arithmetic(Wasm.I32_SHL, size);
    if (change == Change.RESET) {
      constant(-1, size);
      arithmetic(Wasm.I32_XOR, size);
    }
    arithmetic(change == Change.SET ? Wasm.I32_OR : change == Change.RESET ? Wasm.I32_AND : Wasm.I32_XOR, size);
    set(r);
    writeOperand(u, size, r);
  }
  get(a);
  get(n);
  arithmetic(Wasm.I32_SHR_U, size);
  lowBit(size);
  overlayCF();
}
/** Linear address of the unit of a bit string that holds the bit at the signed offset in a local. */
function bitString(u: usize, size: u32, n: u32): void {
  effective(u);
  get(n);
  extendSigned(size);
  if (code64 && size != 3) op(Wasm.I64_EXTEND_I32_S);
  constW(3);
  arithmeticW(Wasm.I32_SHR_S);
  constW(-(<i64>1 << size));
  arithmeticW(Wasm.I32_AND);
  arithmeticW(Wasm.I32_ADD);
  wrap(u);
  locate(u, 1 << size);
}

// ---- scan and count -------------------------------------------------------------------------------

/** Pushes whether a local of an operand size is 0, as 0 or 1. */
function isZero(local: u32, size: u32): void {
  get(local);
  op(size == 3 ? Wasm.I64_EQZ : Wasm.I32_EQZ);
}

/** BSF and BSR: a source of 0 leaves the destination untouched, upper half included. */
export function scan(u: usize, forward: bool): void {
  const size = uopSize(u);
  const a = temporary(0, size);
  const r = temporary(1, size);
  pushOperand(u, size);
  tee(a);
  op(forward ? (size == 3 ? Wasm.I64_CTZ : Wasm.I32_CTZ) : size == 3 ? Wasm.I64_CLZ : Wasm.I32_CLZ);
  if (!forward) {
    constant(size == 3 ? 63 : 31, size);
    arithmetic(Wasm.I32_XOR, size);
  }
  set(r);
  const to = <u32>uopSrc(u);
  if (size == 1) {
    getRegister(to, 1);
    get(r);
    isZero(a, size);
    op(Wasm.SELECT);
    setRegister(to, 1);
  } else {
    getW(to >> 3);
    get(r);
    widen(size);
    isZero(a, size);
    op(Wasm.SELECT);
    setW(to >> 3);
  }
  constW(0);
  get(r);
  widen(size);
  constW(0x100);
  arithmeticW(Wasm.I32_OR);
  isZero(a, size);
  op(Wasm.SELECT);
  set(L_FLAG_R);
  define(staticState(LazyKind.LOGIC, 2));
}

/** TZCNT and LZCNT: CF for a source of 0, ZF for a result of 0, OF stays, the others clear. */
export function countZeros(u: usize, trailing: bool): void {
  const size = uopSize(u);
  const a = temporary(0, size);
  const r = temporary(1, size);
  pushOperand(u, size);
  tee(a);
  if (trailing) {
    if (size == 1) {
      i32c(0x10000);
      op(Wasm.I32_OR);
    }
    op(size == 3 ? Wasm.I64_CTZ : Wasm.I32_CTZ);
  } else {
    op(size == 3 ? Wasm.I64_CLZ : Wasm.I32_CLZ);
    if (size == 1) {
      i32c(16);
      op(Wasm.I32_SUB);
    }
  }
  tee(r);
  setRegister(<u32>uopSrc(u), size);
  isZero(a, size);
  isZero(r, size);
  i32c(6);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
  pushOF();
  i32c(11);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
  setFlags();
}

/** POPCNT: ZF alone. */
export function countOnes(u: usize): void {
  const size = uopSize(u);
  const a = temporary(0, size);
  pushOperand(u, size);
  tee(a);
  op(size == 3 ? Wasm.I64_POPCNT : Wasm.I32_POPCNT);
  setRegister(<u32>uopSrc(u), size);
  isZero(a, size);
  i32c(6);
  op(Wasm.I32_SHL);
  setFlags();
}

// ---- byte order -----------------------------------------------------------------------------------

/** Reverses the bytes of a value on the stack. */
function reverse(size: u32): void {
  if (size != 1) return swapBytes(size);
  const a = temporary(0, 1);
  tee(a);
  i32c(8);
  op(Wasm.I32_SHL);
  get(a);
  i32c(8);
  op(Wasm.I32_SHR_U);
  op(Wasm.I32_OR);
  cut(1);
}
export function loadReversed(u: usize): void {
  const size = uopSize(u);
  pushOperand(u, size);
  reverse(size);
  setRegister(<u32>uopSrc(u), size);
}
export function storeReversed(u: usize): void {
  const size = uopSize(u);
  operandHost(u, size, true);
  getRegister(<u32>uopSrc(u), size);
  reverse(size);
  set(temporary(1, size));
  storeHost(temporary(1, size), size);
}
/** BSWAP of a 16-bit register clears it. */
export function clearWord(u: usize): void {
  i32c(0);
  setRegister(<u32>uopDst(u), 1);
}
