// The r/m operand of an out-of-line instruction: a general register, or memory at the address that the
// micro-op describes (decode/uop). T is the unsigned type of the operand size; the functions that take
// `size` (log2 of bytes) serve handlers for which one body per size would not pay.
//
// Restart rule: an instruction that reads and writes memory uses readForWrite and rewrite, so that all that
// can fault has faulted before anything is committed. Only a device can still refuse the write (an exit to
// the host, after which the instruction runs again): keepFlags and restoreFlags take flags back then.

import { GPR, LAZY_A, LAZY_CARRY, LAZY_KIND, LAZY_RESULT } from "../layout";
import { Ea, uopDst, uopEa, uopSeg } from "../decode/uop";
import { readData, readForWrite, writeData } from "../vcpu/access";
import { linear, linearForWrite } from "../vcpu/address";
import { regRead, regWrite } from "../vcpu/state";

@inline export function isMemory(u: usize): bool { return uopEa(u) != Ea.REGISTER; }

// ---- registers by byte offset ---------------------------------------------------------------------

@inline export function getRegister<T>(offset: usize): T { return load<T>(offset, GPR); }
/** 8 and 16 bits keep the rest of the register, 32 bits clear the upper half. */
@inline export function setRegister<T>(offset: usize, value: T): void {
  if (sizeof<T>() == 4) store<u64>(offset, <u64>value, GPR);
  else store<T>(offset, value, GPR);
}

// ---- r/m by type ----------------------------------------------------------------------------------

/** Linear address of the memory operand that the last readOperandForWrite read. */
let address: u64 = 0;

/** Reads r/m; 0 and faulted() on failure. */
export function readOperand<T>(u: usize): T {
  if (!isMemory(u)) return getRegister<T>(uopDst(u));
  return readData<T>(linear(u, sizeof<T>()), uopSeg(u));
}
/** Reads r/m for an instruction that will write it back with rewriteOperand. */
export function readOperandForWrite<T>(u: usize): T {
  if (!isMemory(u)) return getRegister<T>(uopDst(u));
  return readMemoryForWrite<T>(u, linearForWrite(u, sizeof<T>()));
}
/** The same for a memory operand whose address the caller has formed. */
export function readMemoryForWrite<T>(u: usize, at: u64): T {
  address = at;
  return readForWrite<T>(at, uopSeg(u));
}
/** Writes r/m that readOperandForWrite read; false when the write left to the host. */
export function rewriteOperand<T>(u: usize, value: T): bool {
  if (isMemory(u)) return writeData<T>(address, uopSeg(u), value);
  setRegister<T>(uopDst(u), value);
  return true;
}
/** Writes r/m that was not read. */
export function writeOperand<T>(u: usize, value: T): bool {
  if (isMemory(u)) return writeData<T>(linearForWrite(u, sizeof<T>()), uopSeg(u), value);
  setRegister<T>(uopDst(u), value);
  return true;
}

// ---- r/m by size ----------------------------------------------------------------------------------

/** Reads 1 << size bytes at a linear address. */
export function readMemory(at: u64, size: u32, seg: u32): u64 {
  switch (size) {
    case 0: return <u64>readData<u8>(at, seg);
    case 1: return <u64>readData<u16>(at, seg);
    case 2: return <u64>readData<u32>(at, seg);
    default: return readData<u64>(at, seg);
  }
}
export function writeMemory(at: u64, size: u32, seg: u32, value: u64): bool {
  switch (size) {
    case 0: return writeData<u8>(at, seg, <u8>value);
    case 1: return writeData<u16>(at, seg, <u16>value);
    case 2: return writeData<u32>(at, seg, <u32>value);
    default: return writeData<u64>(at, seg, value);
  }
}
export function readRm(u: usize, size: u32): u64 {
  if (!isMemory(u)) return regRead(uopDst(u), size);
  return readMemory(linear(u, 1 << size), size, uopSeg(u));
}
export function readRmForWrite(u: usize, size: u32): u64 {
  switch (size) {
    case 0: return <u64>readOperandForWrite<u8>(u);
    case 1: return <u64>readOperandForWrite<u16>(u);
    case 2: return <u64>readOperandForWrite<u32>(u);
    default: return readOperandForWrite<u64>(u);
  }
}
export function writeRm(u: usize, size: u32, value: u64): bool {
  if (isMemory(u)) return writeMemory(linearForWrite(u, 1 << size), size, uopSeg(u), value);
  regWrite(uopDst(u), size, value);
  return true;
}

// ---- flags of an instruction whose write may be refused -------------------------------------------

let keptKind: u32 = 0;
let keptCarry: u32 = 0;
let keptResult: u64 = 0;
let keptA: u64 = 0;

export function keepFlags(): void {
  keptKind = load<u32>(LAZY_KIND);
  keptCarry = load<u32>(LAZY_CARRY);
  keptResult = load<u64>(LAZY_RESULT);
  keptA = load<u64>(LAZY_A);
}
export function restoreFlags(): void {
  store<u32>(LAZY_KIND, keptKind);
  store<u32>(LAZY_CARRY, keptCarry);
  store<u64>(LAZY_RESULT, keptResult);
  store<u64>(LAZY_A, keptA);
}
