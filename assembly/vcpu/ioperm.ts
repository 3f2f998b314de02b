// Permission to access I/O ports (SDM vol. 1, 18.5): CPL <= IOPL, or clear bits in the I/O permission bitmap
// of a 32- or 64-bit TSS. Virtual-8086 code depends on the bitmap whatever its IOPL.

import { IOPL, IOPL_SHIFT } from "../x86/flags";
import { ATTR_TYPE, ATTR_UNUSABLE, SystemType, TR } from "../x86/segment";
import { TSS32_LIMIT, TSS_IO_MAP } from "../x86/tss";
import { readSystem } from "./access";
import { tableAddress } from "./descriptor";
import { raiseGP } from "./fault";
import { cpl, faulted, isProtected, isV86, segAttributes, segBase, segLimit, systemFlags } from "./state";

/** The bitmap's bits for `size` ports from `port` are clear. Both bytes that hold them must be in the TSS. */
function bitmapAllows(port: u32, size: u32): bool {
  const attributes = segAttributes(TR);
  const limit = segLimit(TR);
  if ((attributes & ATTR_UNUSABLE) != 0 || limit < TSS32_LIMIT) return false;
  const type = attributes & ATTR_TYPE;
  if (type != SystemType.TSS32_BUSY && type != SystemType.TSS32_AVAILABLE) return false;
  const offset = <u32>readSystem<u16>(tableAddress(segBase(TR), TSS_IO_MAP)) + (port >> 3);
  if (faulted() || offset + 1 > limit) return false;
  const bits = <u32>readSystem<u16>(tableAddress(segBase(TR), offset));
  return !faulted() && (bits & (((1 << size) - 1) << (port & 7))) == 0;
}

/** `size` (1, 2, 4) ports from `port` may be accessed; otherwise an exception is pending: #GP(0). */
export function ioAllowed(port: u32, size: u32): bool {
  if (!isProtected()) return true;
  if (!isV86() && cpl() <= (systemFlags() & IOPL) >> IOPL_SHIFT) return true;
  if (bitmapAllows(port, size)) return true;
  raiseGP(0);
  return false;
}
