// Data accesses of instructions and of the processor itself. The fast path, inlined everywhere, is one
// load of a lookup table and one comparison; what it cannot serve comes to readSlow and writeSlow: a miss,
// a page crossing, devices, ROM, frames whose writes must be seen, alignment checking, data breakpoints.
//
// Order of an access: alignment, canonical addresses of all its pages, translation of all its pages, bytes.
// So a fault leaves nothing done. Failure is only told by faulted(): a failed read returns 0.

import { CPL, DATA_CHECKED, DATA_LIMIT, LIMIT, MODE, TABLE_SET, TABLE_SYSTEM } from "../layout";
import { MODE_CODE, MODE_CODE64 } from "../decode/mode";
import { DIRTY, frameHost, frameReasons, hostFrame, READONLY, WRITES_SEEN } from "../memory/frames";
import { frameOf, kindOf, RangeKind } from "../memory/ranges";
import { loadSized, storeSized, storeTracked } from "../memory/track";
import { fill, lookup, setStale, watchedFrame } from "../mmu/fill";
import { hostRead, hostWrite, isCanonical, slotOffset, supervisorContext, tableWrite } from "../mmu/tables";
import { IMPLICIT, USER, WALK_ERROR, WALK_GPA, WRITE, walk } from "../mmu/walk";
import { DS, SS } from "../x86/segment";
import { isApicMemory, readApicMemory, writeApicMemory } from "./apic";
import { checkAlignment, noteBreakpoints } from "./data-check";
import { EXIT_UNMAPPED, EXIT_WRITE, ExitReason, hostAccess } from "./exit";
import { raisePF, raiseSegment } from "./fault";
import { faulted, isLongMode, segEffective } from "./state";

// ---- fast paths -----------------------------------------------------------------------------------

/** Reads a value of unsigned type T; 0 and faulted() on failure. */
@inline export function readData<T>(linear: u64, seg: u32): T {
  const host = hostRead(linear);
  if (host < load<u64>(DATA_LIMIT) && inPage<T>(linear)) return load<T>(<usize>host);
  return <T>readSlow(linear, sizeof<T>(), seg, 0);
}

/** Writes a value; false on failure. */
@inline export function writeData<T>(linear: u64, seg: u32, value: T): bool {
  const host = hostWrite(linear);
  if (host < load<u64>(DATA_LIMIT) && inPage<T>(linear)) {
    store<T>(<usize>host, value);
    return true;
  }
  return writeSlow(linear, sizeof<T>(), seg, <u64>value);
}

/** Reads a value that will be written back: whatever would stop the write stops the read. */
@inline export function readForWrite<T>(linear: u64, seg: u32): T {
  const host = hostWrite(linear);
  if (host < load<u64>(DATA_LIMIT) && inPage<T>(linear)) return load<T>(<usize>host);
  return <T>readSlow(linear, sizeof<T>(), seg, 1);
}

@inline function inPage<T>(linear: u64): bool {
  return sizeof<T>() == 1 || (<u32>linear & 0xfff) <= 4096 - <u32>sizeof<T>();
}

/** Reads 1, 2, 4 or 8 bytes with the rights of the running code; forWrite: see readForWrite. */
export function readSlow(linear: u64, size: u32, seg: u32, forWrite: u32): u64 {
  return readAs(linear, size, seg, dataAccess() | (forWrite != 0 ? WRITE : 0));
}

/** Writes 1, 2, 4 or 8 bytes with the rights of the running code. */
export function writeSlow(linear: u64, size: u32, seg: u32, value: u64): bool {
  return writeAs(linear, size, seg, value, dataAccess() | WRITE);
}

/** Checks that `size` bytes could be read; nothing is read. */
export function probeRead(linear: u64, size: u32, seg: u32): bool {
  return probeAs(linear, size, seg, dataAccess());
}
/** Checks that `size` bytes could be written; nothing is written. */
export function probeWrite(linear: u64, size: u32, seg: u32): bool {
  return probeAs(linear, size, seg, dataAccess() | WRITE);
}

// ---- system structures and stacks of other privilege levels ---------------------------------------

/** Implicit supervisor read (descriptor tables, task state, interrupt table). */
@inline export function readSystem<T>(linear: u64): T {
  if (!setStale() && inPage<T>(linear)) {
    const host = linear - load<u64>(load<usize>(TABLE_SYSTEM) + slotOffset(linear));
    if (host < load<u64>(LIMIT)) return load<T>(<usize>host);
  }
  return <T>readAs(linear, sizeof<T>(), DS, IMPLICIT);
}
/** Implicit supervisor write. */
@inline export function writeSystem<T>(linear: u64, value: T): bool {
  return writeAs(linear, sizeof<T>(), DS, <u64>value, IMPLICIT | WRITE);
}
export function probeSystemWrite(linear: u64, size: u32): bool {
  return probeAs(linear, size, DS, IMPLICIT | WRITE);
}

/**
 * Host address of `size` bytes of a stack that lie in one page and can simply be written; 0 otherwise.
 * Valid until the next access that can miss.
 */
export function hostForFrame(linear: u64, size: u32, userMode: bool): usize {
  if (setStale() || load<u32>(DATA_CHECKED) != 0 || (<u32>linear & 0xfff) > 4096 - size) return 0;
  const table = tableWrite(load<u32>(TABLE_SET), userMode ? 0 : supervisorContext());
  const host = linear - load<u64>(table + slotOffset(linear));
  return host < load<u64>(LIMIT) ? <usize>host : 0;
}
/** Push on the stack of a privilege level that is not the running one. */
export function writeStackAs(linear: u64, size: u32, value: u64, userMode: bool): bool {
  return writeAs(linear, size, SS, value, userMode ? USER | WRITE : WRITE);
}

// ---- host pointers for string instructions --------------------------------------------------------

/**
 * Host address of a byte that the running code may read, valid to the end of its page; 0 when the
 * ordinary path must decide (fault, device, checked accesses). Raises nothing. A pointer holds until the
 * next access that can miss.
 */
export function hostForRead(linear: u64, seg: u32): usize { return hostFor(linear, dataAccess()); }
/** The same for writing: the frame has no obligations, and its dirty bit is set already. */
export function hostForWrite(linear: u64, seg: u32): usize { return hostFor(linear, dataAccess() | WRITE); }

function hostFor(linear: u64, access: u32): usize {
  if (load<u32>(DATA_CHECKED) != 0 || faulted()) return 0;
  const write = (access & WRITE) != 0;
  let host = lookup(linear, access, write);
  if (host < load<u64>(LIMIT)) return <usize>host;
  if (!isCanonical(linear) || !walk(linear, access)) return 0;
  const frame = frameOf(load<u64>(WALK_GPA));
  if (frame < 0) return 0;
  fill(linear, access, frame);
  host = lookup(linear, access, write);
  return host < load<u64>(LIMIT) ? <usize>host : 0;
}

// ---- slow paths -----------------------------------------------------------------------------------

// What `place` answers instead of a frame.
export const DEVICE: i32 = -1;
const FAILED: i32 = -2;

@inline export function dataAccess(): u32 { return load<u32>(CPL) == 3 ? USER : 0; }

/** Address of a following byte: linear addresses wrap at 4 GiB outside 64-bit code. */
@inline export function advance(linear: u64, bytes: u32, access: u32): u64 {
  const next = linear + <u64>bytes;
  if ((load<u32>(MODE) & MODE_CODE) == MODE_CODE64) return next;
  // Gates out of compatibility mode reach 64-bit tables and stacks.
  if (isLongMode() && ((access & IMPLICIT) != 0 || linear >> 32 != 0)) return next;
  return next & 0xffff_ffff;
}

/**
 * Translates the page of an access: its frame, DEVICE (WALK_GPA holds the address), or FAILED with the
 * exception raised. Caches what it found.
 */
export function place(linear: u64, seg: u32, access: u32): i32 {
  const write = (access & WRITE) != 0;
  const host = lookup(linear, access, write);
  if (host < load<u64>(LIMIT)) return hostFrame(<usize>host);
  if (write) {
    const watched = watchedFrame(linear, access);
    if (watched >= 0) return watched;
  }
  if (!isCanonical(linear)) {
    raiseSegment(seg);
    return FAILED;
  }
  if (!walk(linear, access)) {
    raisePF(linear, load<u32>(WALK_ERROR));
    return FAILED;
  }
  const frame = frameOf(load<u64>(WALK_GPA));
  if (frame < 0) return DEVICE;
  fill(linear, access, frame);
  return frame;
}

/** Alignment comes first, even before a page fault (measured on AMD processors). False: #AC was raised. */
@inline export function aligned(linear: u64, size: u32, access: u32): bool {
  // An address that is not canonical has its own fault, which comes first.
  if (load<u32>(DATA_CHECKED) == 0 || (access & IMPLICIT) != 0 || !isCanonical(linear)) return true;
  return checkAlignment(linear, size, (access & USER) != 0);
}
/** Data breakpoints, once the access is known to succeed. */
@inline function note(linear: u64, size: u32, access: u32, write: bool): void {
  if (load<u32>(DATA_CHECKED) != 0 && (access & IMPLICIT) == 0) noteBreakpoints(linear, size, write);
}

function readAs(linear: u64, size: u32, seg: u32, access: u32): u64 {
  if (faulted() || !aligned(linear, size, access)) return 0;
  const offset = <u32>linear & 0xfff;
  if (offset + size > 4096) return readCrossing(linear, size, seg, access);
  const frame = place(linear, seg, access);
  if (frame == FAILED) return 0;
  note(linear, size, access, false);
  if (frame == DEVICE) return readDevice(load<u64>(WALK_GPA), linear, size);
  return loadSized(frameHost(frame) + offset, size);
}

function writeAs(linear: u64, size: u32, seg: u32, value: u64, access: u32): bool {
  if (faulted() || !aligned(linear, size, access)) return false;
  const offset = <u32>linear & 0xfff;
  if (offset + size > 4096) return writeCrossing(linear, size, seg, value, access);
  const frame = place(linear, seg, access);
  if (frame == FAILED) return false;
  note(linear, size, access, true);
  if (frame == DEVICE) return writeDevice(load<u64>(WALK_GPA), linear, size, value);
  writeFrame(frame, load<u64>(WALK_GPA), offset, size, value);
  return true;
}

function probeAs(linear: u64, size: u32, seg: u32, access: u32): bool {
  if (faulted()) return false;
  // Single operands only: runs of bytes and structures have no alignment of their own.
  if ((size == 2 || size == 4 || size == 8) && !aligned(linear, size, access)) return false;
  let left = size;
  let at = linear;
  while (true) {
    if (place(at, seg, access) == FAILED) return false;
    const part: u32 = 4096 - (<u32>at & 0xfff);
    if (left <= part) return true;
    left -= part;
    at = advance(at, part, access);
  }
}

/**
 * An access through a flat segment ran over its limit at 4 GiB. Other segments have been checked by
 * vcpu/address, and those with a base may wrap. 64-bit addresses wrap freely.
 */
@inline export function wraps(next: u64, linear: u64, seg: u32, access: u32): bool {
  return next < linear && next >> 32 == linear >> 32 && (access & IMPLICIT) == 0 && segEffective(seg) == 0;
}

function readCrossing(linear: u64, size: u32, seg: u32, access: u32): u64 {
  const offset = <u32>linear & 0xfff;
  const first = 4096 - offset;
  const next = advance(linear, first, access);
  // A pair with a non-canonical half faults before either page is looked at.
  if (!isCanonical(next) || wraps(next, linear, seg, access)) {
    raiseSegment(seg);
    return 0;
  }
  const frame = place(linear, seg, access);
  if (frame == FAILED) return 0;
  const gpa = load<u64>(WALK_GPA);
  const nextFrame = place(next, seg, access);
  if (nextFrame == FAILED) return 0;
  const nextGpa = load<u64>(WALK_GPA);
  note(linear, first, access, false);
  note(next, size - first, access, false);
  const low = frame == DEVICE ? readPieces(gpa, linear, first) : loadSized(frameHost(frame) + offset, first);
  const rest = size - first;
  const high = nextFrame == DEVICE ? readPieces(nextGpa, next, rest) : loadSized(frameHost(nextFrame), rest);
  return low | (high << (<u64>first << 3));
}

function writeCrossing(linear: u64, size: u32, seg: u32, value: u64, access: u32): bool {
  const offset = <u32>linear & 0xfff;
  const first = 4096 - offset;
  const next = advance(linear, first, access);
  if (!isCanonical(next) || wraps(next, linear, seg, access)) {
    raiseSegment(seg);
    return false;
  }
  const frame = place(linear, seg, access);
  if (frame == FAILED) return false;
  const gpa = load<u64>(WALK_GPA);
  const nextFrame = place(next, seg, access);
  if (nextFrame == FAILED) return false;
  const nextGpa = load<u64>(WALK_GPA);
  note(linear, first, access, true);
  note(next, size - first, access, true);
  // Devices first: an exit executes the instruction again, so no RAM may have changed before it.
  const high = value >> (<u64>first << 3);
  if (frame == DEVICE && !writePieces(gpa, linear, first, value)) return false;
  if (nextFrame == DEVICE && !writePieces(nextGpa, next, size - first, high)) return false;
  if (frame != DEVICE) writeFrame(frame, gpa, offset, first, value);
  if (nextFrame != DEVICE) writeFrame(nextFrame, nextGpa, 0, size - first, high);
  return true;
}

/** Stores into a frame. One that was found without a walk is no ROM: `gpa` is not needed. */
@inline function writeFrame(frame: u32, gpa: u64, offset: u32, size: u32, value: u64): void {
  const reasons = frameReasons(frame);
  if ((reasons & (WRITES_SEEN | DIRTY)) == DIRTY) storeSized(frameHost(frame) + offset, size, value);
  else if ((reasons & READONLY) == 0 || kindOf(gpa) != RangeKind.ROM) storeTracked(frame, offset, size, value);
}

// ---- devices --------------------------------------------------------------------------------------

function readDevice(gpa: u64, linear: u64, size: u32): u64 {
  if (isApicMemory(gpa)) return readApicMemory(gpa);
  const flags = kindOf(gpa) == RangeKind.MMIO ? 0 : EXIT_UNMAPPED;
  const value = hostAccess(ExitReason.MEMORY, 0, size, flags, 0, gpa, linear);
  return size == 8 ? value : value & ((<u64>1 << (size << 3)) - 1);
}

function writeDevice(gpa: u64, linear: u64, size: u32, value: u64): bool {
  if (isApicMemory(gpa)) return writeApicMemory(gpa, size, value);
  const flags = kindOf(gpa) == RangeKind.MMIO ? EXIT_WRITE : EXIT_WRITE | EXIT_UNMAPPED;
  const shown = size == 8 ? value : value & ((<u64>1 << (size << 3)) - 1);
  hostAccess(ExitReason.MEMORY, 0, size, flags, shown, gpa, linear);
  return !faulted();
}

/** Largest naturally aligned access at an address within `left` bytes: what a bus would carry. */
@inline function piece(gpa: u64, left: u32): u32 {
  let size: u32 = 4;
  while (size > left || (<u32>gpa & (size - 1)) != 0) size >>= 1;
  return size;
}

/** The device's part of a crossing access. */
function readPieces(gpa: u64, linear: u64, bytes: u32): u64 {
  let value: u64 = 0;
  for (let done: u32 = 0; done < bytes; ) {
    const size = piece(gpa + done, bytes - done);
    value |= readDevice(gpa + done, linear + done, size) << (<u64>done << 3);
    if (faulted()) return 0;
    done += size;
  }
  return value;
}

function writePieces(gpa: u64, linear: u64, bytes: u32, value: u64): bool {
  for (let done: u32 = 0; done < bytes; ) {
    const size = piece(gpa + done, bytes - done);
    if (!writeDevice(gpa + done, linear + done, size, value >> (<u64>done << 3))) return false;
    done += size;
  }
  return true;
}
