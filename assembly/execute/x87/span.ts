// Memory operands longer than 8 bytes: extended and decimal values, environments, the whole state. They pass
// through a buffer. All of an operand is checked before any of it is read or written, so a fault commits nothing;
// a device that answers in the middle has the instruction executed again, which writes the same bytes.
//
// Which byte a page fault names was measured: of environments and states (units of 2 and 4 bytes) the first unit is
// touched, then the last byte, then the rest; of an area that is larger than what is used of it (FXSAVE), the last
// byte, then the rest.

import { uopSeg } from "../../decode/uop";
import { isCanonical } from "../../mmu/tables";
import { WRITE } from "../../mmu/walk";
import { advance, aligned, dataAccess, probeRead, probeWrite, readData, wraps, writeData } from "../../vcpu/access";
import { linear, linearForWrite } from "../../vcpu/address";
import { raiseSegment } from "../../vcpu/fault";
import { faulted } from "../../vcpu/state";

/** Buffer of the operand, dead between instructions. */
export const SPAN: usize = memory.data(512, 16);

/** What comes before translation; `unit`: the alignment that #AC asks for. */
function admissible(at: u64, size: u32, unit: u32, seg: u32, access: u32): bool {
  if (faulted() || !aligned(at, unit, access)) return false;
  const last = advance(at, size - 1, access);
  if (isCanonical(at) && isCanonical(last) && !wraps(last, at, seg, access)) return true;
  raiseSegment(seg);
  return false;
}

/** Reads `size` bytes of the memory operand into SPAN, in pieces of `unit` (8, 4, 2) and a rest of 2. */
export function readSpan(u: usize, size: u32, unit: u32 = 8): bool { return readSpanAt(linear(u, size), uopSeg(u), size, unit); }
export function readSpanAt(at: u64, seg: u32, size: u32, unit: u32, extent: u32 = size): bool {
  const access = dataAccess();
  if (!admissible(at, extent, unit, seg, access)) return false;
  const last = advance(at, extent - 1, access);
  if (unit < 8 && !(probeRead(at, unit, seg) && probeRead(last, 1, seg))) return false;
  if (extent != size && !probeRead(last, 1, seg)) return false;
  if (!probeRead(at, extent, seg)) return false;
  for (let done: u32 = 0; done < size; ) {
    const from = advance(at, done, access);
    const to = SPAN + done;
    if (unit == 8 && size - done >= 8) {
      store<u64>(to, readData<u64>(from, seg));
      done += 8;
    } else if (unit >= 4 && size - done >= 4) {
      store<u32>(to, readData<u32>(from, seg));
      done += 4;
    } else {
      store<u16>(to, readData<u16>(from, seg));
      done += 2;
    }
  }
  return !faulted();
}

/** Writes `size` bytes from SPAN to the memory operand; `commits` false: only checks that it could. */
export function writeSpan(u: usize, size: u32, commits: bool, unit: u32 = 8): bool {
  return writeSpanAt(linearForWrite(u, size), uopSeg(u), size, commits, unit);
}
export function writeSpanAt(at: u64, seg: u32, size: u32, commits: bool, unit: u32, extent: u32 = size): bool {
  const access = dataAccess() | WRITE;
  if (!admissible(at, extent, unit, seg, access)) return false;
  const last = advance(at, extent - 1, access);
  if (unit < 8 && !(probeWrite(at, unit, seg) && probeWrite(last, 1, seg))) return false;
  if (extent != size && !probeWrite(last, 1, seg)) return false;
  if (!probeWrite(at, extent, seg)) return false;
  if (!commits) return true;
  for (let done: u32 = 0; done < size; ) {
    const to = advance(at, done, access);
    const from = SPAN + done;
    if (unit == 8 && size - done >= 8) {
      if (!writeData<u64>(to, seg, load<u64>(from))) return false;
      done += 8;
    } else if (unit >= 4 && size - done >= 4) {
      if (!writeData<u32>(to, seg, load<u32>(from))) return false;
      done += 4;
    } else {
      if (!writeData<u16>(to, seg, load<u16>(from))) return false;
      done += 2;
    }
  }
  return true;
}
