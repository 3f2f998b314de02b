// String instructions without a repeat prefix (execute/string): source seg:rSI, destination ES:rDI, both at the address
// size, moving by DF. Repeated ones do more in one go than a region could, and are executed out of line.

import { SYSTEM_FLAGS } from "../../layout";
import { Prefix, uopAddressSize, uopPrefix, uopSeg, uopSize } from "../../decode/uop";
import { DF } from "../../x86/flags";
import { ES } from "../../x86/segment";
import { code64 } from "../form";
import { get, i32c, loadCell, op, set, Wasm } from "../wasm";
import { compareState, keepA, keepR, define } from "./flags";
import { arithmetic, arithmeticW, constW, getRegister, getW, setRegister, temporary } from "./locals";
import { host, loadHost, locateIn, storeHost } from "./memory";

const RAX: u32 = 0;
const RSI: u32 = 6 << 3;
const RDI: u32 = 7 << 3;

export function isRepeated(u: usize): bool { return (uopPrefix(u) & (Prefix.REP | Prefix.REPNE)) != 0; }

/** L_HOST is where an index register points; it may have to leave. */
function element(u: usize, register: u32, seg: u32, write: bool): void {
  const addressSize = uopAddressSize(u);
  const bytes = 1 << uopSize(u);
  getW(register >> 3);
  if (addressSize == 1 || (code64 && addressSize == 2)) {
    constW(addressSize == 1 ? 0xffff : 0xffff_ffff);
    arithmeticW(Wasm.I32_AND);
  }
  locateIn(seg, bytes);
  host(bytes, write);
}
/** Moves an index register by one element. */
function advance(u: usize, register: u32): void {
  const addressSize = uopAddressSize(u);
  const size = uopSize(u);
  getRegister(register, addressSize);
  // The element's size, less twice that where DF is set.
  i32c(1 << size);
  loadCell(Wasm.I32_LOAD, SYSTEM_FLAGS);
  i32c(DF);
  op(Wasm.I32_AND);
  i32c(9 - size);
  op(Wasm.I32_SHR_U);
  op(Wasm.I32_SUB);
  if (addressSize == 3) op(Wasm.I64_EXTEND_I32_S);
  arithmetic(Wasm.I32_ADD, addressSize);
  setRegister(register, addressSize);
}

export function moveString(u: usize): void {
  const size = uopSize(u);
  const value = temporary(0, size);
  element(u, RSI, uopSeg(u), false);
  loadHost(size);
  set(value);
  element(u, RDI, ES, true);
  storeHost(value, size);
  advance(u, RSI);
  advance(u, RDI);
}
export function storeString(u: usize): void {
  const size = uopSize(u);
  const value = temporary(0, size);
  element(u, RDI, ES, true);
  getRegister(RAX, size);
  set(value);
  storeHost(value, size);
  advance(u, RDI);
}
export function loadString(u: usize): void {
  const size = uopSize(u);
  element(u, RSI, uopSeg(u), false);
  loadHost(size);
  setRegister(RAX, size);
  advance(u, RSI);
}

/** Compares temporary 0 with the element at ES:rDI. */
function compareWith(u: usize): void {
  const size = uopSize(u);
  const b = temporary(1, size);
  element(u, RDI, ES, false);
  loadHost(size);
  set(b);
  get(temporary(0, size));
  keepA(size);
  get(b);
  keepR(size);
  define(compareState(size));
}
export function scanString(u: usize): void {
  const size = uopSize(u);
  getRegister(RAX, size);
  set(temporary(0, size));
  compareWith(u);
  advance(u, RDI);
}
export function compareString(u: usize): void {
  const size = uopSize(u);
  element(u, RSI, uopSeg(u), false);
  loadHost(size);
  set(temporary(0, size));
  compareWith(u);
  advance(u, RSI);
  advance(u, RDI);
}
