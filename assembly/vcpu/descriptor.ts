// Segment and system descriptors (SDM vol. 3, 3.4.5 and 3.5; APM vol. 2, 4.7-4.8): where they are, how
// they are fetched with the right error code, and what their fields say. A descriptor is handled as the
// u64 that memory holds:
//
//   63:56 base 31:24 | 55 G | 54 D/B | 53 L | 52 AVL | 51:48 limit 19:16 | 47 P | 46:45 DPL | 44 S |
//   43:40 type | 39:16 base 23:0 | 15:0 limit 15:0
//   gate:  63:48 offset 31:16 | 47 P | 46:45 DPL | 44 0 | 43:40 type | 36:32 parameters, 34:32 IST |
//   31:16 selector | 15:0 offset 15:0
//
// In long mode LDT, TSS and gate descriptors have a second half: base or offset 63:32 and zeros.

import { GDTR_BASE, GDTR_LIMIT } from "../layout";
import { ATTR_DB, ATTR_S, ATTR_UNUSABLE, LDTR, SELECTOR_TI, TYPE_CODE, TYPE_DC, TYPE_RW } from "../x86/segment";
import { readSystem, writeSystem } from "./access";
import { raise } from "./fault";
import { faulted, isLongMode, segAttributes, segBase, segLimit, setSegment } from "./state";

export const DESCRIPTOR_L: u64 = 1 << 53;
export const DESCRIPTOR_DB: u64 = 1 << 54;
export const DESCRIPTOR_P: u64 = 1 << 47;
export const DESCRIPTOR_S: u64 = 1 << 44;
const ACCESSED: u64 = 1 << 40;
/** Bit 41: busy TSS. */
const BUSY: u8 = 2;

@inline export function descriptorBase(d: u64): u64 { return ((d >> 16) & 0xff_ffff) | ((d >> 32) & 0xff00_0000); }
@inline export function descriptorLimit(d: u64): u32 {
  const limit = (<u32>d & 0xffff) | (<u32>(d >> 32) & 0xf_0000);
  return (d >> 55) & 1 ? (limit << 12) | 0xfff : limit;
}
/** In the format of SEG_ATTRIBUTES (x86/segment). */
@inline export function descriptorAttributes(d: u64): u32 { return <u32>(d >> 40) & 0xf0ff; }
@inline export function descriptorType(d: u64): u32 { return <u32>(d >> 40) & 0xf; }
@inline export function descriptorDpl(d: u64): u32 { return <u32>(d >> 45) & 3; }
@inline export function isPresent(d: u64): bool { return (d & DESCRIPTOR_P) != 0; }
@inline export function isSystem(d: u64): bool { return (d & DESCRIPTOR_S) == 0; }
@inline export function isCode(d: u64): bool {
  return (descriptorAttributes(d) & (ATTR_S | TYPE_CODE)) == (ATTR_S | TYPE_CODE);
}
@inline export function isConforming(d: u64): bool { return (descriptorType(d) & TYPE_DC) != 0; }
@inline export function isWritableData(d: u64): bool {
  return (descriptorAttributes(d) & (ATTR_S | TYPE_CODE | TYPE_RW)) == (ATTR_S | TYPE_RW);
}
/** Data segment, or code segment that may be read. */
@inline export function isReadable(d: u64): bool {
  return !isSystem(d) && (descriptorType(d) & (TYPE_CODE | TYPE_RW)) != TYPE_CODE;
}
/** Data or non-conforming code: DPL protects it against outer levels. */
@inline export function isGuarded(d: u64): bool {
  return (descriptorType(d) & (TYPE_CODE | TYPE_DC)) != (TYPE_CODE | TYPE_DC);
}
@inline export function gateSelector(d: u64): u32 { return <u32>(d >> 16) & 0xffff; }
@inline export function gateOffset(d: u64): u32 { return (<u32>d & 0xffff) | (<u32>(d >> 32) & 0xffff_0000); }

@inline export function isNull(selector: u32): bool { return (selector & 0xfffc) == 0; }
/** Selector form of an error code; the delivery of an event adds EXT. */
@inline export function selectorError(selector: u32): u32 { return selector & 0xfffc; }

/** Linear address inside a system table or segment: 32 bits wide outside long mode. */
@inline export function tableAddress(base: u64, offset: u32): u64 {
  const address = base + <u64>offset;
  return isLongMode() ? address : address & 0xffff_ffff;
}
export function descriptorAddress(selector: u32): u64 {
  return tableAddress((selector & SELECTOR_TI) != 0 ? segBase(LDTR) : load<u64>(GDTR_BASE), selector & 0xfff8);
}

/** The descriptor's `bytes` (8, or 16 for system descriptors in long mode) lie inside its table. */
export function isInTable(selector: u32, bytes: u32): bool {
  const last = (selector & 0xfff8) + bytes - 1;
  if ((selector & SELECTOR_TI) == 0) return last <= load<u32>(GDTR_LIMIT);
  return (segAttributes(LDTR) & ATTR_UNUSABLE) == 0 && last <= segLimit(LDTR);
}

/** Fetches a descriptor; outside its table raises `vector` with the selector. Callers test faulted(). */
export function fetchDescriptor(selector: u32, vector: u32): u64 {
  if (!isInTable(selector, 8)) {
    raise(vector, selectorError(selector));
    return 0;
  }
  return readSystem<u64>(descriptorAddress(selector));
}

/** Second half of a long-mode system descriptor; its type field must be zero. */
export function fetchUpperHalf(selector: u32, vector: u32): u64 {
  if (!isInTable(selector, 16)) {
    raise(vector, selectorError(selector));
    return 0;
  }
  const upper = readSystem<u64>(descriptorAddress(selector) + 8);
  if (!faulted() && ((upper >> 40) & 0x1f) != 0) raise(vector, selectorError(selector));
  return upper;
}

/** Sets the accessed bit of a code or data descriptor in memory. */
export function markAccessed(selector: u32, d: u64): bool {
  if ((d & ACCESSED) != 0) return true;
  return writeSystem<u8>(descriptorAddress(selector) + 5, <u8>((d | ACCESSED) >> 40));
}

/** Sets or clears the busy bit of a TSS descriptor in memory. */
export function markBusy(selector: u32, busy: bool): bool {
  const address = descriptorAddress(selector) + 5;
  const rights = readSystem<u8>(address);
  if (faulted()) return false;
  return writeSystem<u8>(address, busy ? rights | BUSY : rights & ~BUSY);
}

/** Loads a segment register from a checked descriptor. */
export function loadFrom(seg: u32, selector: u32, d: u64): void {
  const accessed = isSystem(d) ? 0 : <u32>1;
  setSegment(seg, selector, descriptorBase(d), descriptorLimit(d), descriptorAttributes(d) | accessed);
}

/** Offsets [offset, offset + size) lie within a segment of 32 or 16 bits. */
export function isWithin(attributes: u32, limit: u32, offset: u32, size: u32): bool {
  const last = offset + size - 1;
  if (last < offset) return false;
  if ((attributes & (ATTR_S | TYPE_CODE | TYPE_DC)) == (ATTR_S | TYPE_DC)) {
    return offset > limit && last <= ((attributes & ATTR_DB) != 0 ? <u32>0xffff_ffff : <u32>0xffff);
  }
  return last <= limit;
}
