// MASKMOVQ and MASKMOVDQU (SDM vol. 2): the bytes of a register that a mask chooses go to DS:rDI. The whole operand
// must be writable, whatever the mask says (measured on an AMD processor); only the chosen bytes are written.

import { uopAddressSize, uopDst, uopSeg, uopSrc } from "../../decode/uop";
import { probeWrite, writeData } from "../../vcpu/access";
import { dataAddress } from "../../vcpu/address";
import { RDI, reg16, reg32, reg64 } from "../../vcpu/state";
import { Status } from "../../vcpu/status";
import { probeWide } from "../../vcpu/wide";
import { enterMmx, mmx, xmm } from "./operand";

/** Linear address of `size` bytes at seg:rDI. */
function target(u: usize, size: u32): u64 {
  const bytes = uopAddressSize(u);
  const offset = bytes == 3 ? reg64(RDI) : bytes == 2 ? <u64>reg32(RDI) : <u64>reg16(RDI);
  return dataAddress(uopSeg(u), offset, size, true);
}

/** Writes the bytes at `from` whose bit in `mask` is set. */
function writeChosen(u: usize, at: u64, from: usize, mask: u32): bool {
  for (; mask != 0; mask &= mask - 1) {
    const n = ctz(mask);
    if (!writeData<u8>(at + n, uopSeg(u), load<u8>(from + n))) return false;
  }
  return true;
}

export function maskMoveXmm(u: usize): i32 {
  const at = target(u, 16);
  if (!probeWide(at, uopSeg(u))) return Status.FAULT;
  const mask = i8x16.bitmask(v128.load(xmm(uopSrc(u))));
  return writeChosen(u, at, xmm(uopDst(u)), mask) ? Status.NEXT : Status.FAULT;
}
export function maskMoveMmx(u: usize): i32 {
  // The x87 state changes even if the store faults (measured on an AMD processor).
  enterMmx();
  const at = target(u, 8);
  if (!probeWrite(at, 8, uopSeg(u))) return Status.FAULT;
  const mask = i8x16.bitmask(v128.load64_zero(mmx(uopSrc(u))));
  return writeChosen(u, at, mmx(uopDst(u)), mask) ? Status.NEXT : Status.FAULT;
}
