// Data accesses of 16 bytes: what vcpu/access does for up to 8. The fast path (one table lookup, no page
// crossing) is the caller's; here are misses, crossings, devices and pages whose writes must be seen.
//
// The order is that of every access: alignment, canonical addresses and translation of all pages, then bytes.
// They travel as two halves; where a RAM page and a device's meet, the device's half goes first, because an
// exit executes the instruction again.

import { WRITE } from "../mmu/walk";
import { isCanonical } from "../mmu/tables";
import { advance, aligned, dataAccess, DEVICE, place, probeRead, probeWrite, readSlow, wraps, writeSlow } from "./access";
import { raiseSegment } from "./fault";
import { faulted } from "./state";

const WIDE: u32 = 16;
const HALF: u32 = 8;

@inline function crosses(linear: u64, size: u32): bool { return (<u32>linear & 0xfff) > 4096 - size; }

/** What comes before the translation of `size` bytes whose alignment is that of `unit`; false: the fault is raised. */
export function admissible(linear: u64, size: u32, unit: u32, seg: u32, access: u32): bool {
  if (faulted() || !aligned(linear, unit, access)) return false;
  if (!crosses(linear, size)) return true;
  const last = advance(linear, size - 1, access);
  if (isCanonical(linear) && isCanonical(last) && !wraps(last, linear, seg, access)) return true;
  raiseSegment(seg);
  return false;
}

/** Reads 16 bytes to the address `to`; false on failure. */
export function readWide(linear: u64, seg: u32, to: usize): bool {
  const access = dataAccess();
  if (!admissible(linear, WIDE, WIDE, seg, access)) return false;
  if (crosses(linear, WIDE) && !probeRead(linear, WIDE, seg)) return false;
  const low = readSlow(linear, HALF, seg, 0);
  const high = readSlow(advance(linear, HALF, access), HALF, seg, 0);
  store<u64>(to, low);
  store<u64>(to, high, HALF);
  return !faulted();
}

/** Checks that 8 bytes can be written; nothing is written. */
export function probeHalf(linear: u64, seg: u32): bool {
  return admissible(linear, HALF, HALF, seg, dataAccess() | WRITE) && probeWrite(linear, HALF, seg);
}

/** Writes 16 bytes from the address `from`; false on failure. */
export function writeWide(linear: u64, seg: u32, from: usize): bool {
  const access = dataAccess() | WRITE;
  if (!admissible(linear, WIDE, WIDE, seg, access)) return false;
  const next = advance(linear, HALF, access);
  if (crosses(linear, WIDE)) {
    if (!probeWrite(linear, WIDE, seg)) return false;
    if (place(advance(linear, WIDE - 1, access), seg, access) == DEVICE) {
      return writeSlow(next, HALF, seg, load<u64>(from, HALF)) && writeSlow(linear, HALF, seg, load<u64>(from));
    }
  }
  return writeSlow(linear, HALF, seg, load<u64>(from)) && writeSlow(next, HALF, seg, load<u64>(from, HALF));
}
