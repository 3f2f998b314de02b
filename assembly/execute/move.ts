// Moves that are not plain MOVs (SDM vol. 2, CMOVcc, SETcc, XLAT, MOV Sreg, LDS/LES/LSS/LFS/LGS) and the
// hint instructions that do nothing.

import { CONTEXT_STALE } from "../layout";
import { uopAddressSize, uopDst, uopImm, uopSeg, uopSize, uopSrc } from "../decode/uop";
import { readData, writeData } from "../vcpu/access";
import { linear, linearForWrite, linearWithOffset, segmentAddress } from "../vcpu/address";
import { condition } from "../vcpu/flags";
import { loadSegment } from "../vcpu/load";
import { RAX, RBX, faulted, reg64, reg8, regRead, regWrite, segSelector, setReg8 } from "../vcpu/state";
import { Shadow, Status } from "../vcpu/status";
import { castShadow } from "./shadow";
import { SS } from "../x86/segment";
import { isMemory, readMemory, readOperand, readRm, writeOperand } from "./operand";

/** The source is read whether the condition holds or not; a 32-bit destination is always written. */
export function cmov(u: usize): i32 {
  const size = uopSize(u);
  const value = readRm(u, size);
  if (faulted()) return Status.FAULT;
  regWrite(uopSrc(u), size, condition(<u32>uopImm(u)) ? value : regRead(uopSrc(u), size));
  return Status.NEXT;
}
export function setccM(u: usize): i32 {
  return writeOperand<u8>(u, <u8>condition(<u32>uopImm(u))) ? Status.NEXT : Status.FAULT;
}

/** Part of an address register that counts, given log2 of the address size. */
@inline function addressMask(size: u32): u64 { return ~(<u64>0) >> <u64>(64 - (8 << size)); }

/** AL = [rBX + AL]. */
export function xlat(u: usize): i32 {
  const offset = (reg64(RBX) + <u64>reg8(RAX)) & addressMask(uopAddressSize(u));
  const value = readData<u8>(segmentAddress(uopSeg(u), offset, 1, false), uopSeg(u));
  if (faulted()) return Status.FAULT;
  setReg8(RAX, value);
  return Status.NEXT;
}

/** To a register at the operand size, zero-extended; to memory always 16 bits. */
export function movFromSeg(u: usize): i32 {
  const selector = segSelector(<u32>uopSrc(u));
  if (isMemory(u)) return writeData<u16>(linearForWrite(u, 2), uopSeg(u), <u16>selector) ? Status.NEXT : Status.FAULT;
  regWrite(uopDst(u), uopSize(u), <u64>selector);
  return Status.NEXT;
}
export function movToSeg(u: usize): i32 {
  const selector = <u32>readOperand<u16>(u);
  if (faulted()) return Status.FAULT;
  return loadSegmentRegister(<u32>uopSrc(u), selector);
}
/** Loads a segment register; SS keeps interrupts and traps off until the next instruction is done. */
export function loadSegmentRegister(seg: u32, selector: u32): i32 {
  if (!loadSegment(seg, selector)) return Status.FAULT;
  if (seg == SS) return castShadow(Shadow.MOV_SS);
  return load<u32>(CONTEXT_STALE) != 0 ? Status.SYNC : Status.NEXT;
}

/** LDS, LES, LSS, LFS, LGS: the offset, then the selector behind it; each is checked as it is read. */
export function loadFar(u: usize): i32 {
  const size = uopSize(u);
  const bytes = 1 << size;
  const offset = readMemory(linear(u, bytes), size, uopSeg(u));
  if (faulted()) return Status.FAULT;
  const selector = <u32>readData<u16>(linearWithOffset(u, bytes, 2, false), uopSeg(u));
  if (faulted() || !loadSegment(<u32>uopImm(u), selector)) return Status.FAULT;
  regWrite(uopSrc(u), size, offset);
  return Status.SYNC;
}

/** Multi-byte NOP and hints: the operand is not accessed. */
export function nopRm(u: usize): i32 { return Status.NEXT; }
