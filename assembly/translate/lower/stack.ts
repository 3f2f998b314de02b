// The stack (execute/stack): what is moved has the operand size, the part of rSP that addresses it and moves has the
// stack's width, which the mode word tells, like whether SS needs checks. rSP changes behind all checks.

import { MODE_FLAT, MODE_STACK, MODE_STACK_SHIFT } from "../../decode/mode";
import { Op } from "../../decode/op";
import { UOP_BASE, uopDst, uopImm, uopSize, uopSrc } from "../../decode/uop";
import { SS } from "../../x86/segment";
import { SEG_SELECTOR } from "../../layout";
import { code64, mode } from "../form";
import { get, loadCell, op, set, Wasm } from "../wasm";
import { arithmeticW, constant, constW, getW, setRegister, setW, temporary } from "./locals";
import { moveBy } from "./groups";
import { host, loadHost, locateIn, openAt, openMemory, storeHost } from "./memory";
import { isMemory, pushOperand } from "./operand";

const SP: u32 = 4;
const BP: u32 = 5;
/** Temporary for what is pushed or popped. */
const B: u32 = 1;

/** The stack pointer has 16 bits. */
function isNarrow(): bool { return !code64 && (mode & MODE_STACK) >> MODE_STACK_SHIFT == 0; }

/** Stack accesses need no check of SS. */
function isFlat(): bool { return code64 || ((mode & MODE_FLAT) != 0 && !isNarrow()); }

/** Makes `bytes` bytes of the stack, at a distance from a register, what loadHost and storeHost access. */
function openStack(register: u32, distance: i64, bytes: u32, write: bool): void {
  if (isFlat()) {
    openAt(register, distance, bytes, write);
    return;
  }
  pushOffset(register, distance);
  locateIn(SS, bytes);
  host(bytes, write);
}

/** Pushes the part of rSP or rBP that addresses the stack, moved by a distance. */
function pushOffset(register: u32, distance: i64): void {
  getW(register);
  if (distance != 0) {
    constW(distance);
    arithmeticW(Wasm.I32_ADD);
  }
  if (isNarrow()) {
    constW(0xffff);
    arithmeticW(Wasm.I32_AND);
  }
}
/** Takes an offset in the stack from the stack: it becomes rSP. */
function setPointer(): void {
  if (isNarrow()) setRegister(SP << 3, 1);
  else setW(SP);
}

/** Pushes temporary B. */
export function pushValue(size: u32): void {
  const bytes = 1 << size;
  openStack(SP, -(<i64>bytes), bytes, true);
  storeHost(temporary(B, size), size);
  pushOffset(SP, -(<i64>bytes));
  moveBy(-(<i64>bytes));
  setPointer();
}
/** Loads the top of the stack into temporary B; rSP stays. */
export function peekTop(size: u32): void {
  openStack(SP, 0, 1 << size, false);
  loadHost(size);
  set(temporary(B, size));
}
/** Moves rSP up. */
export function dropTop(bytes: u32): void {
  pushOffset(SP, bytes);
  moveBy(bytes);
  setPointer();
}

/** rSP = rBP, then POP rBP. */
export function leaveFrame(size: u32): void {
  openStack(BP, 0, 1 << size, false);
  pushOffset(BP, 1 << size);
  setPointer();
  loadHost(size);
  setRegister(BP << 3, size);
}

/** A destination that is addressed by rSP sees it as it is behind the POP: tier 0's. */
export function canPop(u: usize): bool { return !isMemory(u) || load<u8>(u, UOP_BASE) != SP << 3; }

/** PUSH of any form. */
export function push(u: usize, o: u32): void {
  const size = uopSize(u);
  if (o == <u32>Op.PUSH_IMM || o == <u32>Op.PUSH_I32 || o == <u32>Op.PUSH_I64) constant(uopImm(u), size);
  else if (o == <u32>Op.PUSH_SEG) {
    loadCell(Wasm.I32_LOAD, SEG_SELECTOR + (uopSrc(u) << 2));
    if (size == 3) op(Wasm.I64_EXTEND_I32_U);
  } else pushOperand(u, size);
  set(temporary(B, size));
  pushValue(size);
}
/** POP; that of rSP keeps what it loaded. */
export function pop(u: usize): void {
  const size = uopSize(u);
  peekTop(size);
  if (isMemory(u)) {
    openMemory(u, size, true);
    storeHost(temporary(B, size), size);
    dropTop(1 << size);
  } else {
    dropTop(1 << size);
    get(temporary(B, size));
    setRegister(<u32>uopDst(u), size);
  }
}
