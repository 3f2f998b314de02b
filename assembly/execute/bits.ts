// Bit test, scan and count, byte reversal (SDM vol. 2, BT, BTS, BTR, BTC, BSF, BSR, TZCNT, LZCNT, POPCNT,
// MOVBE, BSWAP). With a register offset and a memory operand the bit string reaches beyond the operand:
// the signed offset selects another operand-sized unit of memory.

import { uopDst, uopImm, uopSeg, uopSize, uopSrc } from "../decode/uop";
import { readData } from "../vcpu/access";
import { linearWithOffset } from "../vcpu/address";
import { flagsEager, getOF } from "../vcpu/flags";
import { faulted, setReg16 } from "../vcpu/state";
import { Status } from "../vcpu/status";
import { CF, OF, PF, ZF } from "../x86/flags";
import { setCF } from "./alu";
import {
  getRegister,
  isMemory,
  readMemoryForWrite,
  readOperand,
  readOperandForWrite,
  rewriteOperand,
  setRegister,
  writeOperand,
} from "./operand";

const enum Change { NONE, SET, RESET, COMPLEMENT }

@inline function signed<T>(a: T): i64 {
  if (sizeof<T>() == 2) return <i64><i16>a;
  if (sizeof<T>() == 4) return <i64><i32>a;
  return <i64>a;
}

/** Tests bit `offset` of r/m and changes it; `far`: the offset may leave a memory operand. */
function bitOperand<T>(u: usize, change: Change, offset: T, far: bool): i32 {
  const width: u32 = sizeof<T>() * 8;
  const bit = <T>1 << (offset & <T>(width - 1));
  let a: T;
  if (isMemory(u) && far) {
    const bytes = (signed<T>(offset) >> 3) & -<i64>sizeof<T>();
    const at = linearWithOffset(u, bytes, sizeof<T>(), change != Change.NONE);
    a = change == Change.NONE ? readData<T>(at, uopSeg(u)) : readMemoryForWrite<T>(u, at);
  } else a = change == Change.NONE ? readOperand<T>(u) : readOperandForWrite<T>(u);
  if (faulted()) return Status.FAULT;
  if (change != Change.NONE) {
    const r = change == Change.SET ? a | bit : change == Change.RESET ? a & ~bit : a ^ bit;
    if (!rewriteOperand<T>(u, r)) return Status.FAULT;
  }
  setCF(u32((a & bit) != 0));
  return Status.NEXT;
}
function bitRegister(u: usize, change: Change): i32 {
  switch (uopSize(u)) {
    case 1: return bitOperand<u16>(u, change, getRegister<u16>(uopSrc(u)), true);
    case 2: return bitOperand<u32>(u, change, getRegister<u32>(uopSrc(u)), true);
    default: return bitOperand<u64>(u, change, getRegister<u64>(uopSrc(u)), true);
  }
}
function bitImmediate(u: usize, change: Change): i32 {
  switch (uopSize(u)) {
    case 1: return bitOperand<u16>(u, change, <u16>uopImm(u), false);
    case 2: return bitOperand<u32>(u, change, <u32>uopImm(u), false);
    default: return bitOperand<u64>(u, change, <u64>uopImm(u), false);
  }
}
export function btR(u: usize): i32 { return bitRegister(u, Change.NONE); }
export function btsR(u: usize): i32 { return bitRegister(u, Change.SET); }
export function btrR(u: usize): i32 { return bitRegister(u, Change.RESET); }
export function btcR(u: usize): i32 { return bitRegister(u, Change.COMPLEMENT); }
export function btI(u: usize): i32 { return bitImmediate(u, Change.NONE); }
export function btsI(u: usize): i32 { return bitImmediate(u, Change.SET); }
export function btrI(u: usize): i32 { return bitImmediate(u, Change.RESET); }
export function btcI(u: usize): i32 { return bitImmediate(u, Change.COMPLEMENT); }

// ---- scan and count -------------------------------------------------------------------------------

@inline function parity(r: u32): u32 { return (popcnt<u32>(r) & 1) != 0 ? 0 : PF; }

/** A source of 0 sets ZF and leaves the destination untouched, upper half included. */
function scan<T>(u: usize, forward: bool): i32 {
  const a = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  if (a == 0) {
    flagsEager(ZF | PF);
    return Status.NEXT;
  }
  const r: u32 = forward ? <u32>ctz<u64>(<u64>a) : 63 - <u32>clz<u64>(<u64>a);
  setRegister<T>(uopSrc(u), <T>r);
  flagsEager(parity(r));
  return Status.NEXT;
}
export function bsf(u: usize): i32 {
  switch (uopSize(u)) {
    case 1: return scan<u16>(u, true);
    case 2: return scan<u32>(u, true);
    default: return scan<u64>(u, true);
  }
}
export function bsr(u: usize): i32 {
  switch (uopSize(u)) {
    case 1: return scan<u16>(u, false);
    case 2: return scan<u32>(u, false);
    default: return scan<u64>(u, false);
  }
}

/** TZCNT and LZCNT: CF for a source of 0, ZF for a result of 0, OF stays, the others clear. */
function countZeros<T>(u: usize, trailing: bool): i32 {
  const bits: u32 = sizeof<T>() * 8;
  const a = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  let r = bits;
  if (a != 0) r = trailing ? <u32>ctz<u64>(<u64>a) : <u32>clz<u64>(<u64>a) - (64 - bits);
  setRegister<T>(uopSrc(u), <T>r);
  flagsEager((a == 0 ? CF : 0) | (r == 0 ? ZF : 0) | (getOF() != 0 ? OF : 0));
  return Status.NEXT;
}
export function tzcnt(u: usize): i32 {
  switch (uopSize(u)) {
    case 1: return countZeros<u16>(u, true);
    case 2: return countZeros<u32>(u, true);
    default: return countZeros<u64>(u, true);
  }
}
export function lzcnt(u: usize): i32 {
  switch (uopSize(u)) {
    case 1: return countZeros<u16>(u, false);
    case 2: return countZeros<u32>(u, false);
    default: return countZeros<u64>(u, false);
  }
}

function countOnes<T>(u: usize): i32 {
  const a = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  setRegister<T>(uopSrc(u), <T>popcnt<u64>(<u64>a));
  flagsEager(a == 0 ? ZF : 0);
  return Status.NEXT;
}
function countBits(u: usize): i32 {
  switch (uopSize(u)) {
    case 1: return countOnes<u16>(u);
    case 2: return countOnes<u32>(u);
    default: return countOnes<u64>(u);
  }
}
// Inside this file the name is the WebAssembly instruction's.
export { countBits as popcnt };

// ---- byte order -----------------------------------------------------------------------------------

function loadReversed<T>(u: usize): i32 {
  const a = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  setRegister<T>(uopSrc(u), bswap<T>(a));
  return Status.NEXT;
}
export function movbeLoad(u: usize): i32 {
  switch (uopSize(u)) {
    case 1: return loadReversed<u16>(u);
    case 2: return loadReversed<u32>(u);
    default: return loadReversed<u64>(u);
  }
}
function storeReversed<T>(u: usize): i32 {
  return writeOperand<T>(u, bswap<T>(getRegister<T>(uopSrc(u)))) ? Status.NEXT : Status.FAULT;
}
export function movbeStore(u: usize): i32 {
  switch (uopSize(u)) {
    case 1: return storeReversed<u16>(u);
    case 2: return storeReversed<u32>(u);
    default: return storeReversed<u64>(u);
  }
}
/** BSWAP of a 16-bit register: undefined, processors clear it. */
export function bswap16(u: usize): i32 {
  setReg16(uopDst(u), 0);
  return Status.NEXT;
}
