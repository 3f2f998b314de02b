// Memory operands longer than 8 bytes: extended and decimal values, environments, the whole state. They pass
// through a buffer. All of an operand is checked before any of it is read or written, so a fault commits nothing;
// a device that answers in the middle has the instruction executed again, which writes the same bytes.
//
// The processor moves an operand in units, of 8 and 2 bytes for ten, of 2 or 4 bytes for an environment or state; each
// has its own segment check, and their offsets wrap on their own. Which byte a fault names was measured: of environments
// the first unit is touched, then the last byte, then the rest; of an area that is larger than what is used of it
// (FXSAVE), the last byte, then the rest.

import { Ea, uopEa, uopSeg } from "../../decode/uop";
import { WRITE } from "../../mmu/walk";
import { advance, dataAccess, probeRead, probeWrite, readData, writeData } from "../../vcpu/access";
import { effectiveAddress, linear, linearForWrite, linearWithOffset } from "../../vcpu/address";
import { faulted } from "../../vcpu/state";
import { admissible } from "../../vcpu/wide";

/** Buffer of the operand, dead between instructions. */
export const SPAN: usize = memory.data(512, 16);

/** Reads `size` bytes into SPAN; of `extent` bytes from the same address, the last one must be readable, too. */
export function readSpanAt(at: u64, seg: u32, size: u32, extent: u32 = size): bool {
  const access = dataAccess();
  if (!admissible(at, extent, 8, seg, access)) return false;
  if (extent != size && !probeRead(advance(at, extent - 1, access), 1, seg)) return false;
  if (!probeRead(at, extent, seg)) return false;
  let done: u32 = 0;
  for (; size - done >= 8; done += 8) store<u64>(SPAN + done, readData<u64>(advance(at, done, access), seg));
  for (; size != done; done += 2) store<u16>(SPAN + done, readData<u16>(advance(at, done, access), seg));
  return !faulted();
}
/** Writes `size` bytes from SPAN; `commits` false: only checks that it could. */
export function writeSpanAt(at: u64, seg: u32, size: u32, commits: bool, extent: u32 = size): bool {
  const access = dataAccess() | WRITE;
  if (!admissible(at, extent, 8, seg, access)) return false;
  if (extent != size && !probeWrite(advance(at, extent - 1, access), 1, seg)) return false;
  if (!probeWrite(at, extent, seg)) return false;
  if (!commits) return true;
  let done: u32 = 0;
  for (; size - done >= 8; done += 8) {
    if (!writeData<u64>(advance(at, done, access), seg, load<u64>(SPAN + done))) return false;
  }
  for (; size != done; done += 2) {
    if (!writeData<u16>(advance(at, done, access), seg, load<u16>(SPAN + done))) return false;
  }
  return true;
}

/** The operand needs no segment check and does not wrap around: one address stands for all of it. */
function isPlain(u: usize, extent: u32): bool {
  const ea = uopEa(u);
  if (ea == Ea.FLAT32) return <u32>effectiveAddress(u) <= 0 - extent;
  return ea <= <u32>Ea.BASE64;
}

/** Reads `size` bytes of the memory operand, of which `extent` must be there, in units of 8 bytes and a last one of 2. */
export function readSpan(u: usize, size: u32, extent: u32 = size): bool {
  if (isPlain(u, extent)) return readSpanAt(linear(u, extent), uopSeg(u), size, extent);
  if (extent != size && !probeUnit(u, extent - 1, 1, false)) return false;
  const whole = size & ~7;
  if (!probeUnits(u, 0, whole, 8, false) || !probeUnits(u, whole, size, 2, false)) return false;
  const seg = uopSeg(u);
  for (let done: u32 = 0; done < whole; done += 8) {
    store<u64>(SPAN + done, readData<u64>(linearWithOffset(u, done, 8, false), seg));
  }
  if (whole != size) store<u16>(SPAN + whole, readData<u16>(linearWithOffset(u, whole, 2, false), seg));
  return !faulted();
}
/** Writes them; `commits` false: only checks that it could. */
export function writeSpan(u: usize, size: u32, commits: bool, extent: u32 = size): bool {
  if (isPlain(u, extent)) return writeSpanAt(linearForWrite(u, extent), uopSeg(u), size, commits, extent);
  if (extent != size && !probeUnit(u, extent - 1, 1, true)) return false;
  const whole = size & ~7;
  if (!probeUnits(u, 0, whole, 8, true) || !probeUnits(u, whole, size, 2, true)) return false;
  if (!commits) return true;
  const seg = uopSeg(u);
  for (let done: u32 = 0; done < whole; done += 8) {
    if (!writeData<u64>(linearWithOffset(u, done, 8, true), seg, load<u64>(SPAN + done))) return false;
  }
  return whole == size || writeData<u16>(linearWithOffset(u, whole, 2, true), seg, load<u16>(SPAN + whole));
}

/** Checks one run of bytes of the operand. */
function probeUnit(u: usize, offset: u32, size: u32, write: bool): bool {
  const at = linearWithOffset(u, offset, size, write);
  return write ? probeWrite(at, size, uopSeg(u)) : probeRead(at, size, uopSeg(u));
}
function probeUnits(u: usize, from: u32, to: u32, unit: u32, write: bool): bool {
  for (let done = from; done < to; done += unit) if (!probeUnit(u, done, unit, write)) return false;
  return true;
}

// ---- environments ---------------------------------------------------------------------------------

function probeEnvironment(u: usize, size: u32, unit: u32, write: bool): bool {
  return probeUnit(u, 0, unit, write) && probeUnit(u, size - 1, 1, write) && probeUnits(u, unit, size, unit, write);
}
/** Reads `size` bytes into SPAN in units of 2 or 4. */
export function readUnits(u: usize, size: u32, unit: u32): bool {
  if (!probeEnvironment(u, size, unit, false)) return false;
  const seg = uopSeg(u);
  for (let done: u32 = 0; done < size; done += unit) {
    const at = linearWithOffset(u, done, unit, false);
    if (unit == 4) store<u32>(SPAN + done, readData<u32>(at, seg));
    else store<u16>(SPAN + done, readData<u16>(at, seg));
  }
  return !faulted();
}
export function writeUnits(u: usize, size: u32, unit: u32): bool {
  if (!probeEnvironment(u, size, unit, true)) return false;
  const seg = uopSeg(u);
  for (let done: u32 = 0; done < size; done += unit) {
    const at = linearWithOffset(u, done, unit, true);
    if (!(unit == 4 ? writeData<u32>(at, seg, load<u32>(SPAN + done)) : writeData<u16>(at, seg, load<u16>(SPAN + done)))) {
      return false;
    }
  }
  return true;
}
