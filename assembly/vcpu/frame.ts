// A stack cursor: the pushes and pops of far transfers and event delivery, on the current stack or on that
// of another privilege level, with the pointer kept aside until everything has succeeded (SDM vol. 3,
// 5.8.5, 6.12.1, 6.14). One frame is built at a time; its cells:
//
//   mask     the part of the pointer that moves: FFFFh (rest of the register kept), FFFFFFFFh or all ones
//   error    what #SS reports: 0 for the current stack, the selector for a new one
//   user     the accesses are those of ring 3
//   run      the frame lies in one writable page of a flat stack: its cells are at pointer + delta

import { GPR, SEG_BASE } from "../layout";
import { ATTR_DB, ATTR_DPL_SHIFT, ATTR_UNUSABLE, SELECTOR_RPL, SS, TR } from "../x86/segment";
import { TSS64_IST1, TSS64_RSP0 } from "../x86/tss";
import { VECTOR_TS } from "../x86/vectors";
import { loadSized, storeSized } from "../memory/track";
import { hostForFrame, readData, readSystem, writeStackAs } from "./access";
import { isCanonical } from "../mmu/tables";
import {
  descriptorAttributes,
  descriptorBase,
  descriptorDpl,
  descriptorLimit,
  fetchDescriptor,
  isNull,
  isPresent,
  isWithin,
  isWritableData,
  loadFrom,
  markAccessed,
  selectorError,
  tableAddress,
} from "./descriptor";
import { raiseSS, raiseTS } from "./fault";
import { cpl, faulted, isCode64, isFlat, RSP, segAttributes, segBase, segLimit, segSelector, setReg16, setReg32, setReg64, setSegment } from "./state";

const MASK16: u64 = 0xffff;
const MASK32: u64 = 0xffff_ffff;
const MASK64: u64 = ~(<u64>0);

let pointer: u64 = 0;
let mask: u64 = 0;
let base: u64 = 0;
let limit: u32 = 0;
let attributes: u32 = 0;
let error: u32 = 0;
let user: bool = false;
let run: bool = false;
let delta: u64 = 0;
/** Selector and descriptor of the inner stack segment; the descriptor is 0 for the null SS of long mode. */
let innerSelector: u32 = 0;
let innerDescriptor: u64 = 0;

@inline function stackMask(rights: u32): u64 { return (rights & ATTR_DB) != 0 ? MASK32 : MASK16; }

/** Works on the stack in force. */
export function openCurrentStack(): void {
  pointer = load<u64>(RSP, GPR);
  attributes = segAttributes(SS);
  mask = isCode64() ? MASK64 : stackMask(attributes);
  base = mask == MASK64 ? 0 : load<u64>(<usize>SS << 3, SEG_BASE);
  limit = segLimit(SS);
  error = 0;
  user = cpl() == 3;
  run = false;
}

/** Finds out once whether the `below` bytes under the cursor and the `above` bytes over it are a run. */
export function reserve(below: u32, above: u32): void {
  if (mask == MASK16 || (mask == MASK32 && !isFlat(base, limit, attributes))) return;
  const low = (pointer - <u64>below) & mask;
  const host = hostForFrame(low, below + above, user);
  if (host == 0) return;
  delta = <u64>host - low;
  run = true;
}
/** Goes on cell by cell: what follows lies beyond what was reserved. */
export function release(): void { run = false; }
@inline function cell(): usize { return <usize>((pointer & mask) + delta); }

/** Pointer of the frame, in full: what goes to RSP. */
export function framePointer(): u64 { return mask == MASK32 ? pointer & MASK32 : pointer; }
/** Forces the alignment that long-mode event delivery gives its frame. */
export function alignFrame(): void { pointer &= ~(<u64>15); }

/** Linear address of `size` bytes at the cursor, or raises #SS. */
function frameAddress(size: u32): u64 {
  if (mask == MASK64) {
    if (!isCanonical(pointer) || !isCanonical(pointer + <u64>(size - 1))) raiseSS(error);
    return pointer;
  }
  const offset = <u32>(pointer & mask);
  if (!isWithin(attributes, limit, offset, size)) raiseSS(error);
  return (base + <u64>offset) & MASK32;
}
@inline function move(by: i32): void {
  pointer = (pointer & ~mask) | ((pointer + <u64>(<i64>by)) & mask);
}

/** Pushes `size` bytes. False: an exception is pending. */
export function push(size: u32, value: u64): bool {
  move(-(<i32>size));
  if (run) {
    storeSized(cell(), size, value);
    return true;
  }
  const address = frameAddress(size);
  if (faulted()) return false;
  return writeStackAs(address, size, value, user);
}
/**
 * Reads the slot `index` above the cursor without moving it: returns look at the selector and the flags
 * before the offset, which shows in the address of a page fault. Callers test faulted().
 */
export function peek(size: u32, index: u32): u64 {
  const cursor = pointer;
  move(<i32>(size * index));
  const value = pop(size);
  pointer = cursor;
  return value;
}
/** Pops `size` bytes from the current stack, zero-extended. Callers test faulted(). */
export function pop(size: u32): u64 {
  if (run) {
    const value = loadSized(cell(), size);
    move(<i32>size);
    return value;
  }
  const address = frameAddress(size);
  if (faulted()) return 0;
  move(<i32>size);
  if (size == 4) return <u64>readData<u32>(address, SS);
  if (size == 8) return readData<u64>(address, SS);
  return <u64>readData<u16>(address, SS);
}
/** A 2- or 4-byte parameter of a call gate, `index` slots above the top of the caller's stack. */
export function readParameter(size: u32, index: u32): u32 {
  const rights = segAttributes(SS);
  const offset = <u32>((load<u64>(RSP, GPR) + <u64>(size * index)) & stackMask(rights));
  if (!isWithin(rights, segLimit(SS), offset, size)) {
    raiseSS(0);
    return 0;
  }
  const address = (segBase(SS) + <u64>offset) & MASK32;
  return size == 4 ? readData<u32>(address, SS) : <u32>readData<u16>(address, SS);
}
/** Moves the cursor up over `bytes` parameters. */
export function skip(bytes: u32): void { move(<i32>bytes); }

/** RSP takes the cursor: the stack segment stays as it is. */
export function commitPointer(): void { setReg64(RSP, framePointer()); }

/** RSP takes a popped pointer at the width of the stack segment now in force. */
export function setStackPointer(value: u64): void {
  if (isCode64()) setReg64(RSP, value);
  else if ((segAttributes(SS) & ATTR_DB) != 0) setReg32(RSP, <u32>value);
  else setReg16(RSP, <u32>value);
}

/** The pointer in the TSS for `level` and its selector: 16- and 32-bit TSS (SDM vol. 3, 7.2.1, 7.6). */
export function openInnerStack(level: u32): bool {
  const tss = segBase(TR);
  const wide = (segAttributes(TR) & 8) != 0;
  const offset: u32 = wide ? level * 8 + 4 : level * 4 + 2;
  if (offset + (wide ? 5 : 3) > segLimit(TR)) {
    raiseTS(selectorError(segSelector(TR)));
    return false;
  }
  const top = wide ? readSystem<u32>(tableAddress(tss, offset)) : <u32>readSystem<u16>(tableAddress(tss, offset));
  const selector = <u32>readSystem<u16>(tableAddress(tss, offset + (wide ? 4 : 2)));
  if (faulted()) return false;
  if (isNull(selector)) {
    raiseTS(0);
    return false;
  }
  const d = fetchDescriptor(selector, VECTOR_TS);
  if (faulted()) return false;
  const bad = selectorError(selector);
  if ((selector & SELECTOR_RPL) != level || descriptorDpl(d) != level || !isWritableData(d)) {
    raiseTS(bad);
    return false;
  }
  if (!isPresent(d)) {
    raiseSS(bad);
    return false;
  }
  if (!markAccessed(selector, d)) return false;
  innerSelector = selector;
  innerDescriptor = d;
  pointer = <u64>top;
  attributes = descriptorAttributes(d);
  mask = stackMask(attributes);
  base = descriptorBase(d);
  limit = descriptorLimit(d);
  error = bad;
  user = level == 3;
  run = false;
  return true;
}

/** Long mode: RSP of `level`, or of the interrupt stack table where `ist` is not 0; SS becomes null. */
export function openInnerStack64(level: u32, ist: u32): bool {
  const offset: u32 = ist != 0 ? TSS64_IST1 + (ist - 1) * 8 : TSS64_RSP0 + level * 8;
  if (offset + 7 > segLimit(TR)) {
    raiseTS(selectorError(segSelector(TR)));
    return false;
  }
  const top = readSystem<u64>(segBase(TR) + <u64>offset);
  if (faulted()) return false;
  if (!isCanonical(top)) {
    raiseSS(0);
    return false;
  }
  innerSelector = level;
  innerDescriptor = 0;
  openStack64(top, level);
  return true;
}

/** A frame on the current stack as 64-bit delivery sees it, whatever the interrupted code's width. */
export function openStack64(top: u64, level: u32): void {
  pointer = top;
  mask = MASK64;
  base = 0;
  error = 0;
  user = level == 3;
  run = false;
}

/** Loads SS and RSP of the inner stack that was opened. */
export function commitInnerStack(): void {
  if (innerDescriptor == 0) setSegment(SS, innerSelector, 0, 0, ATTR_UNUSABLE | (innerSelector << ATTR_DPL_SHIFT));
  else loadFrom(SS, innerSelector, innerDescriptor);
  commitPointer();
}
