// Moves that are not plain MOVs, and instructions on the flags themselves (execute/move, execute/flags).

import { CLOCK, CPL, CR4, FUEL_START, MSR_TSC_AUX, SEG_SELECTOR, SYSTEM_FLAGS, TSC_OFFSET } from "../../layout";
import { Op } from "../../decode/op";
import { uopAddressSize, uopDst, uopImm, uopSeg, uopSize, uopSrc } from "../../decode/uop";
import { REGION_RESERVE } from "../../region/record";
import { CR4_TSD } from "../../x86/control";
import { AF, CF, DF, IF, IOPL, IOPL_SHIFT, PF, RESERVED_ONE, RF, SF, VM, ZF } from "../../x86/flags";
import { missIf, paidBehind } from "../control";
import { code64 } from "../form";
import { ownRecord } from "../work";
import { get, i32c, i64c, loadCell, memory, op, set, tee, Wasm } from "../wasm";
import { overlayCF, pushCF, pushCondition, pushFlags, pushLowFlags, pushOF, setFlags } from "./flags";
import { arithmeticW, constW, extendSigned, getRegister, getW, L_FUEL, setRegister, temporary } from "./locals";
import { host, loadHost, locateIn, operandHost, storeHost } from "./memory";
import { isMemory, pushOperand } from "./operand";
import { pushValue } from "./stack";

const AH: u32 = 1;
const RAX: u32 = 0;
const RCX: u32 = 1 << 3;
const RDX: u32 = 2 << 3;

/** CMOV of 16 bits. */
export function conditionalMove(u: usize): void {
  const size = uopSize(u);
  pushOperand(u, size);
  getRegister(<u32>uopSrc(u), size);
  pushCondition(<u32>uopImm(u));
  op(Wasm.SELECT);
  setRegister(<u32>uopSrc(u), size);
}
export function setCondition(u: usize): void {
  operandHost(u, 0, true);
  pushCondition(<u32>uopImm(u));
  i32c(0);
  op(Wasm.I32_NE);
  set(temporary(0, 0));
  storeHost(temporary(0, 0), 0);
}
/** AL to AX; AX to DX:AX. */
export function extendByte(): void {
  getRegister(RAX, 0);
  extendSigned(0);
  setRegister(RAX, 1);
}
export function extendWord(): void {
  getRegister(RAX, 1);
  extendSigned(1);
  i32c(15);
  op(Wasm.I32_SHR_S);
  setRegister(RDX, 1);
}

/** AL = [rBX + AL]. */
export function translateByte(u: usize): void {
  const size = uopAddressSize(u);
  getW(3);
  getRegister(RAX, 0);
  if (code64) op(Wasm.I64_EXTEND_I32_U);
  arithmeticW(Wasm.I32_ADD);
  if (size == 1 || (code64 && size == 2)) {
    constW(size == 1 ? 0xffff : 0xffff_ffff);
    arithmeticW(Wasm.I32_AND);
  }
  locateIn(uopSeg(u), 1);
  host(1, false);
  loadHost(0);
  setRegister(RAX, 0);
}

/** Reading a segment register: 16 bits to memory, zero-extended to a register. */
export function readSelector(u: usize): void {
  const size = isMemory(u) ? 1 : uopSize(u);
  if (isMemory(u)) operandHost(u, 1, true);
  loadCell(Wasm.I32_LOAD, SEG_SELECTOR + (uopSrc(u) << 2));
  if (size == 3) op(Wasm.I64_EXTEND_I32_U);
  if (isMemory(u)) {
    set(temporary(0, 1));
    storeHost(temporary(0, 1), 1);
  } else setRegister(<u32>uopDst(u), size);
}

// ---- flags ----------------------------------------------------------------------------------------

/** CLC, STC, CMC. */
export function changeCarry(o: u32): void {
  if (o == <u32>Op.CMC) {
    pushCF();
    op(Wasm.I32_EQZ);
  } else i32c(o == <u32>Op.STC ? 1 : 0);
  overlayCF();
}
export function flagsToAH(): void {
  pushLowFlags();
  i32c(RESERVED_ONE);
  op(Wasm.I32_OR);
  setRegister(AH, 0);
}
export function flagsFromAH(): void {
  pushOF();
  i32c(11);
  op(Wasm.I32_SHL);
  getRegister(AH, 0);
  i32c(CF | PF | AF | ZF | SF);
  op(Wasm.I32_AND);
  op(Wasm.I32_OR);
  setFlags();
}
/** Clears a bit of SYSTEM_FLAGS, or sets it. */
function changeSystemFlag(bit: u32, value: bool): void {
  i32c(0);
  loadCell(Wasm.I32_LOAD, SYSTEM_FLAGS);
  i32c(value ? bit : ~bit);
  op(value ? Wasm.I32_OR : Wasm.I32_AND);
  memory(Wasm.I32_STORE, <u32>SYSTEM_FLAGS);
}
/** CLD and STD. */
export function changeDirection(value: bool): void { changeSystemFlag(DF, value); }
/** CLI where CPL <= IOPL. */
export function disableInterrupts(): void {
  loadCell(Wasm.I32_LOAD, CPL);
  loadCell(Wasm.I32_LOAD, SYSTEM_FLAGS);
  i32c(IOPL_SHIFT);
  op(Wasm.I32_SHR_U);
  i32c(IOPL >> IOPL_SHIFT);
  op(Wasm.I32_AND);
  op(Wasm.I32_GT_U);
  missIf();
  changeSystemFlag(IF, false);
}
/** RDTSC, RDTSCP (vcpu/ticks). A processor that keeps it from programs does so itself. */
export function readTimeStamp(withProcessor: bool): void {
  loadCell(Wasm.I32_LOAD, CR4);
  i32c(<i32>CR4_TSD);
  op(Wasm.I32_AND);
  missIf();
  const value = temporary(0, 3);
  loadCell(Wasm.I64_LOAD, CLOCK);
  loadCell(Wasm.I64_LOAD, TSC_OFFSET);
  op(Wasm.I64_ADD);
  // The ticks of the slice: FUEL_START less what is left, of which the dispatcher and this node have kept some back.
  loadCell(Wasm.I32_LOAD, FUEL_START);
  get(L_FUEL);
  op(Wasm.I32_SUB);
  loadCell(Wasm.I32_LOAD, ownRecord() + REGION_RESERVE);
  op(Wasm.I32_SUB);
  i32c(paidBehind());
  op(Wasm.I32_SUB);
  op(Wasm.I64_EXTEND_I32_S);
  op(Wasm.I64_ADD);
  tee(value);
  op(Wasm.I32_WRAP_I64);
  setRegister(RAX, 2);
  get(value);
  i64c(32);
  op(Wasm.I64_SHR_U);
  op(Wasm.I32_WRAP_I64);
  setRegister(RDX, 2);
  if (!withProcessor) return;
  loadCell(Wasm.I32_LOAD, MSR_TSC_AUX);
  setRegister(RCX, 2);
}
/** PUSHF: in virtual-8086 mode only at IOPL 3. */
export function pushAllFlags(u: usize): void {
  const size = uopSize(u);
  const value = temporary(1, size);
  if (!code64) {
    // VM set and IOPL below 3: VM alone up to VM with an IOPL of 2.
    loadCell(Wasm.I32_LOAD, SYSTEM_FLAGS);
    i32c(VM | IOPL);
    op(Wasm.I32_AND);
    i32c(VM);
    op(Wasm.I32_SUB);
    i32c(IOPL);
    op(Wasm.I32_LT_U);
    missIf();
  }
  pushFlags();
  loadCell(Wasm.I32_LOAD, SYSTEM_FLAGS);
  i32c(~(VM | RF));
  op(Wasm.I32_AND);
  op(Wasm.I32_OR);
  i32c(RESERVED_ONE);
  op(Wasm.I32_OR);
  if (size == 3) op(Wasm.I64_EXTEND_I32_U);
  set(value);
  pushValue(size);
}
