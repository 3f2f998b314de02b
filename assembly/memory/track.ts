// Page tracking: who must learn that a frame was written. Fast stores go through write entries of the
// lookup tables, which exist only for frames without obligations; every other store comes here. The
// parties live in rooms further right (decode cache, mmu), so they register function indices.
//
//   code     (frame, offset, length)                     after a store into a page with decoded or translated code
//   table    (frame, first, old, last, oldLast)          after a store into a traced page table; old
//                                                        values of the one or two 8-byte units it touched
//   revoke   (frame)                                     drop every write entry of the frame
//   flush    ()                                          everything derived from guest tables is void

import { RAM_FRAMES } from "../layout";
import {
  CODE,
  DIRTY,
  DIRTY_LOG,
  FRAME_REVERSE,
  FRAME_TABLE_USE,
  frameEntry,
  frameHost,
  TABLE,
  TRANSLATED,
  WRITES_SEEN,
} from "./frames";

let codeCallback: u32 = 0;
let tableCallback: u32 = 0;
let revokeCallback: u32 = 0;
let flushCallback: u32 = 0;

export function setCodeCallback(index: u32): void { codeCallback = index; }
export function setTableCallback(index: u32): void { tableCallback = index; }
export function setRevokeCallback(index: u32): void { revokeCallback = index; }
export function setFlushCallback(index: u32): void { flushCallback = index; }

/** From now on writes to the frame must be seen for this reason. */
export function protect(frame: u32, reason: u32): void {
  const entry = frameEntry(frame);
  const reasons = load<u32>(entry);
  if ((reasons & reason) == reason) return;
  store<u32>(entry, reasons | reason);
  // With another reason in force there is no write entry to revoke.
  if ((reasons & WRITES_SEEN) == 0 && load<u32>(entry, FRAME_REVERSE) != 0) call_indirect<void>(revokeCallback, frame);
}

/** The reason is gone; write entries come back with the next write. */
export function unprotect(frame: u32, reason: u32): void {
  const entry = frameEntry(frame);
  store<u32>(entry, load<u32>(entry) & ~reason);
}

/** The relation of guest-physical addresses to frames changed. */
export function mappingChanged(): void {
  if (flushCallback != 0) call_indirect<void>(flushCallback);
}

/** Starts a new round of dirty logging for a frame: the next write sets DIRTY again. */
export function clearDirty(frame: u32): void {
  const entry = frameEntry(frame);
  store<u32>(entry, load<u32>(entry) & ~DIRTY);
  protect(frame, DIRTY_LOG);
}

/** Loads 1 to 8 bytes. */
export function loadSized(host: usize, size: u32): u64 {
  if (size == 4) return <u64>load<u32>(host);
  if (size == 8) return load<u64>(host);
  if (size == 1) return <u64>load<u8>(host);
  if (size == 2) return <u64>load<u16>(host);
  let value: u64 = 0;
  for (let i: u32 = 0; i < size; i++) value |= <u64>load<u8>(host + i) << (<u64>i << 3);
  return value;
}

/** Stores 1 to 8 bytes. */
export function storeSized(host: usize, size: u32, value: u64): void {
  if (size == 4) store<u32>(host, <u32>value);
  else if (size == 8) store<u64>(host, value);
  else if (size == 1) store<u8>(host, <u8>value);
  else if (size == 2) store<u16>(host, <u16>value);
  else for (let i: u32 = 0; i < size; i++) store<u8>(host + i, <u8>(value >> (<u64>i << 3)));
}

/** Stores 1 to 8 bytes inside one frame and meets the frame's obligations. */
export function storeTracked(frame: u32, offset: u32, size: u32, value: u64): void {
  const entry = frameEntry(frame);
  const host = frameHost(frame) + offset;
  const reasons = load<u32>(entry);
  if ((reasons & (DIRTY | DIRTY_LOG)) != DIRTY) store<u32>(entry, (reasons & ~DIRTY_LOG) | DIRTY);
  if ((reasons & TABLE) != 0) {
    // A traced table drops what its old entries gave rise to, so these are read before the store.
    const first = host & ~7;
    const last = (host + size - 1) & ~7;
    const old = load<u64>(first);
    const oldLast = load<u64>(last);
    storeSized(host, size, value);
    call_indirect<void>(tableCallback, frame, <u32>first & 0xfff, old, <u32>last & 0xfff, oldLast);
  } else storeSized(host, size, value);
  if ((reasons & (CODE | TRANSLATED)) != 0) call_indirect<void>(codeCallback, frame, offset, size);
}

/**
 * Bytes of one frame were changed from outside the guest's instructions (host, DMA); they have landed
 * already. What an overwritten page table gave rise to can no longer be told, so everything is dropped.
 */
export function noteWrite(frame: u32, offset: u32, length: u32): void {
  const entry = frameEntry(frame);
  const reasons = load<u32>(entry);
  store<u32>(entry, (reasons & ~(DIRTY_LOG | TABLE)) | DIRTY);
  if ((reasons & TABLE) != 0) {
    store<u32>(entry, 0, FRAME_TABLE_USE);
    mappingChanged();
  }
  if ((reasons & (CODE | TRANSLATED)) != 0) call_indirect<void>(codeCallback, frame, offset, length);
}

/** The same for a run of bytes that may span frames. */
export function hostWrote(frame: u32, offset: u32, length: u32): void {
  frame += offset >> 12;
  offset &= 0xfff;
  while (length != 0 && frame < load<u32>(RAM_FRAMES)) {
    const part = min(length, 4096 - offset);
    noteWrite(frame, offset, part);
    length -= part;
    offset = 0;
    frame++;
  }
}
