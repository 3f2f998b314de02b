// MASKMOVQ and MASKMOVDQU (SDM vol. 2): the bytes of a register that a mask chooses go to DS:rDI.
//
// As AMD processors do it (measured): the operand is one or two quadwords, each with its own checks of segment
// and alignment. All of it must be writable, whatever the mask says; only the chosen bytes are written.

import { uopAddressSize, uopDst, uopSeg, uopSrc } from "../../decode/uop";
import { advance, writeData } from "../../vcpu/access";
import { dataAddress } from "../../vcpu/address";
import { RDI, reg16, reg32, reg64 } from "../../vcpu/state";
import { Status } from "../../vcpu/status";
import { probeHalf } from "../../vcpu/wide";
import { enterMmx, mmx, xmm } from "./operand";

/** Linear address of the quadword `distance` bytes behind seg:rDI. */
function target(u: usize, distance: u64): u64 {
  const size = uopAddressSize(u);
  let offset = (size == 3 ? reg64(RDI) : size == 2 ? <u64>reg32(RDI) : <u64>reg16(RDI)) + distance;
  if (size != 3) offset &= (<u64>1 << (<u64>8 << size)) - 1;
  return dataAddress(uopSeg(u), offset, 8, true);
}

/** Writes the bytes at `from` whose bit in `mask` is set. */
function writeChosen(u: usize, at: u64, from: usize, mask: u32): bool {
  for (; mask != 0; mask &= mask - 1) {
    const n = ctz(mask);
    if (!writeData<u8>(advance(at, n, 0), uopSeg(u), load<u8>(from + n))) return false;
  }
  return true;
}

export function maskMoveXmm(u: usize): i32 {
  const low = target(u, 0);
  if (!probeHalf(low, uopSeg(u))) return Status.FAULT;
  const high = target(u, 8);
  if (!probeHalf(high, uopSeg(u))) return Status.FAULT;
  const mask = i8x16.bitmask(v128.load(xmm(uopSrc(u))));
  const from = xmm(uopDst(u));
  const done = writeChosen(u, low, from, mask & 0xff) && writeChosen(u, high, from + 8, <u32>mask >> 8);
  return done ? Status.NEXT : Status.FAULT;
}
export function maskMoveMmx(u: usize): i32 {
  // The x87 state changes even if the store faults (measured as well).
  enterMmx();
  const at = target(u, 0);
  if (!probeHalf(at, uopSeg(u))) return Status.FAULT;
  const mask = i8x16.bitmask(v128.load64_zero(mmx(uopSrc(u))));
  return writeChosen(u, at, mmx(uopDst(u)), mask) ? Status.NEXT : Status.FAULT;
}
