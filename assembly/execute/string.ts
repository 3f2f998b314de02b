// String instructions (SDM vol. 2, MOVS, STOS, LODS, SCAS, CMPS, INS, OUTS, REP; vol. 1, 7.3.9). The source
// is seg:rSI, the destination ES:rDI, the count rCX, all at the address size.
//
// A repeated instruction keeps all its progress in these registers after every element, so that it can
// stop anywhere: at a fault, an exit to the host, the end of the slice, a trap. Elements whose pages are
// mapped go in runs straight through host pointers; whatever a run cannot do is left to single elements,
// which take the ordinary path and raise what there is to raise. Ticks: one per element, in runs too.

import {
  DATA_LIMIT,
  DEBUG_HITS,
  FUEL,
  REPLAY_COUNT,
  REPLAY_POSITION,
  SYSTEM_FLAGS,
  TICKS_NOT_RETIRED,
} from "../layout";
import { Op } from "../decode/op";
import { Prefix, uopAddressSize, uopOp, uopPrefix, uopSeg, uopSize } from "../decode/uop";
import { hostForRead, hostForWrite, probeWrite, readData, writeData } from "../vcpu/access";
import { BAD_LINEAR, dataAddress } from "../vcpu/address";
import { EXIT_REP, EXIT_STRING } from "../vcpu/exit";
import { noteResumeFlag } from "../vcpu/debug";
import { clearFault } from "../vcpu/fault";
import { getZF } from "../vcpu/flags";
import { ioAllowed } from "../vcpu/ioperm";
import { hostRead, hostWrite } from "../mmu/tables";
import {
  RAX,
  RCX,
  RDI,
  RDX,
  RSI,
  faulted,
  markContextStale,
  reg16,
  reg32,
  reg64,
  ripOf,
  segEffective,
  setReg16,
  setReg32,
  setReg64,
  setRip,
  systemFlags,
} from "../vcpu/state";
import { Status } from "../vcpu/status";
import { DF, RF, TF } from "../x86/flags";
import { ES } from "../x86/segment";
import { cmp } from "./alu";
import { afterOutput, portInput, portOutput } from "./io";
import { getRegister, setRegister } from "./operand";

const PAGE: u32 = 4096;

@inline function isRepeated(u: usize): bool { return (uopPrefix(u) & (Prefix.REP | Prefix.REPNE)) != 0; }
@inline function isBackward(): bool { return (load<u32>(SYSTEM_FLAGS) & DF) != 0; }
/** Distance from one element to the next. */
@inline function step<T>(): i64 { return isBackward() ? -(<i64>sizeof<T>()) : <i64>sizeof<T>(); }
// Index and count registers at the address size (1, 2 or 3).
@inline function index(register: usize, size: u32): u64 {
  return size == 3 ? reg64(register) : size == 2 ? <u64>reg32(register) : <u64>reg16(register);
}
@inline function setIndex(register: usize, size: u32, value: u64): void {
  if (size == 3) setReg64(register, value);
  else if (size == 2) setReg32(register, <u32>value);
  else setReg16(register, <u32>value);
}
@inline function advance(register: usize, size: u32, distance: i64): void {
  setIndex(register, size, index(register, size) + <u64>distance);
}

// ---- repetition -----------------------------------------------------------------------------------

/** Elements this execution may do: the count, the rest of the slice, one while single-stepping. */
function elementLimit(count: u64): u32 {
  const fuel = (systemFlags() & TF) != 0 ? 1 : 1 + <u64>max<i32>(load<i32>(FUEL), 0);
  return <u32>min<u64>(count, fuel);
}
/** Counts an element down that took the ordinary path; its answered host accesses are used up. */
function countElement(size: u32): void {
  advance(RCX, size, -1);
  store<u32>(REPLAY_POSITION, 0);
  store<u32>(REPLAY_COUNT, 0);
}
/** Accounts for `done` elements and says how the instruction ended; `more`: it is to be continued. */
function settle(u: usize, done: u32, more: bool): i32 {
  const failed = faulted();
  const extra = failed ? done : done - 1;
  store<u32>(FUEL, load<u32>(FUEL) - extra);
  if (failed || !more) {
    store<u64>(TICKS_NOT_RETIRED, load<u64>(TICKS_NOT_RETIRED) + <u64>extra);
    return failed ? Status.FAULT : Status.NEXT;
  }
  store<u64>(TICKS_NOT_RETIRED, load<u64>(TICKS_NOT_RETIRED) + <u64>done);
  setRip(ripOf(u));
  // What interrupts a repeated string instruction finds RF set (SDM vol. 3, 18.3.1.1).
  store<u32>(SYSTEM_FLAGS, systemFlags() | RF);
  noteResumeFlag();
  markContextStale();
  return Status.JUMP_SYNC;
}
/**
 * The element that took the ordinary path ends this execution: it met a data breakpoint, whose trap comes
 * between two elements, or it overwrote this block's code, perhaps this very instruction.
 */
@inline function mustStop(u: usize): bool { return load<u32>(DEBUG_HITS) != 0 || uopOp(u) == Op.STALE; }

// ---- runs -----------------------------------------------------------------------------------------

/** Elements from `offset` on, at most `count`, that lie in one page and do not wrap at the address size. */
function runLength<T>(seg: u32, offset: u64, size: u32, count: u32): u32 {
  const inPage = (<u32>offset + <u32>segEffective(seg)) & (PAGE - 1);
  if (inPage + sizeof<T>() > PAGE) return 0;
  if (isBackward()) {
    count = min<u32>(count, inPage / sizeof<T>() + 1);
    return <u32>min<u64>(<u64>count, offset / sizeof<T>() + 1);
  }
  count = min<u32>(count, (PAGE - inPage) / sizeof<T>());
  const wrap = ~(<u64>0) >> <u64>(64 - (8 << size));
  return <u32>min<u64>(<u64>count, (wrap - offset) / sizeof<T>());
}
/** Linear address of the first of `n` elements, or BAD_LINEAR (nothing raised) when one of them would fault. */
function runAddress<T>(seg: u32, offset: u64, n: u32, write: bool): u64 {
  const below = isBackward() ? <u64>(n - 1) * sizeof<T>() : 0;
  const lowest = dataAddress(seg, offset - below, n * sizeof<T>(), write);
  if (lowest == BAD_LINEAR) {
    clearFault();
    return BAD_LINEAR;
  }
  return lowest + below;
}
/** Host address for a run in one page, 0 when there is none. */
@inline function runForRead(linear: u64, seg: u32): usize {
  const host = hostRead(linear);
  return host < load<u64>(DATA_LIMIT) ? <usize>host : hostForRead(linear, seg);
}
@inline function runForWrite(linear: u64): usize {
  const host = hostWrite(linear);
  return host < load<u64>(DATA_LIMIT) ? <usize>host : hostForWrite(linear, ES);
}

// ---- MOVS -----------------------------------------------------------------------------------------

function moveElement<T>(u: usize, size: u32): bool {
  const seg = uopSeg(u);
  const value = readData<T>(dataAddress(seg, index(RSI, size), sizeof<T>(), false), seg);
  if (faulted()) return false;
  if (!writeData<T>(dataAddress(ES, index(RDI, size), sizeof<T>(), true), ES, value)) return false;
  advance(RSI, size, step<T>());
  advance(RDI, size, step<T>());
  return true;
}
/** Moves up to `count` elements; 0: the next one needs the ordinary path. */
function moveRun<T>(u: usize, size: u32, count: u32): u32 {
  const seg = uopSeg(u);
  const source = index(RSI, size);
  const target = index(RDI, size);
  const n = runLength<T>(ES, target, size, runLength<T>(seg, source, size, count));
  if (n == 0) return 0;
  const from = runAddress<T>(seg, source, n, false);
  const to = runAddress<T>(ES, target, n, true);
  if (from == BAD_LINEAR || to == BAD_LINEAR) return 0;
  let s = runForRead(from, seg);
  if (s == 0) return 0;
  let d = runForWrite(to);
  if (d == 0) return 0;
  const length = <usize>n * sizeof<T>();
  const stride = <isize>step<T>();
  if (stride > 0) {
    // Where the destination starts inside the source, each element repeats what was just stored.
    if (d <= s || d >= s + length) memory.copy(d, s, length);
    else for (let i: u32 = 0; i < n; i++, s += sizeof<T>(), d += sizeof<T>()) store<T>(d, load<T>(s));
  } else {
    const below = length - sizeof<T>();
    if (d >= s || d + length <= s) memory.copy(d - below, s - below, length);
    else for (let i: u32 = 0; i < n; i++, s -= sizeof<T>(), d -= sizeof<T>()) store<T>(d, load<T>(s));
  }
  advance(RSI, size, <i64>stride * n);
  advance(RDI, size, <i64>stride * n);
  return n;
}
function movsOf<T>(u: usize): i32 {
  const size = uopAddressSize(u);
  if (!isRepeated(u)) return moveElement<T>(u, size) ? Status.NEXT : Status.FAULT;
  const count = index(RCX, size);
  if (count == 0) return Status.NEXT;
  const limit = elementLimit(count);
  let done: u32 = 0;
  while (done < limit) {
    const n = moveRun<T>(u, size, limit - done);
    if (n != 0) {
      advance(RCX, size, -(<i64>n));
      done += n;
      continue;
    }
    if (!moveElement<T>(u, size)) break;
    countElement(size);
    done++;
    if (mustStop(u)) break;
  }
  return settle(u, done, <u64>done < count);
}
export function movs(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: return movsOf<u8>(u);
    case 1: return movsOf<u16>(u);
    case 2: return movsOf<u32>(u);
    default: return movsOf<u64>(u);
  }
}

// ---- STOS -----------------------------------------------------------------------------------------

function storeElement<T>(size: u32): bool {
  const at = dataAddress(ES, index(RDI, size), sizeof<T>(), true);
  if (!writeData<T>(at, ES, getRegister<T>(RAX))) return false;
  advance(RDI, size, step<T>());
  return true;
}
/** All bytes of the value are alike. */
@inline function isUniform<T>(value: T): bool {
  if (sizeof<T>() == 1) return true;
  return value == rotl<T>(value, <T>8);
}
function storeRun<T>(size: u32, count: u32): u32 {
  const target = index(RDI, size);
  const n = runLength<T>(ES, target, size, count);
  if (n == 0) return 0;
  const to = runAddress<T>(ES, target, n, true);
  if (to == BAD_LINEAR) return 0;
  let d = runForWrite(to);
  if (d == 0) return 0;
  const value = getRegister<T>(RAX);
  const length = <usize>n * sizeof<T>();
  if (isBackward()) d -= length - sizeof<T>();
  if (isUniform<T>(value)) memory.fill(d, <u8>value, length);
  else for (const end = d + length; d < end; d += sizeof<T>()) store<T>(d, value);
  advance(RDI, size, step<T>() * n);
  return n;
}
function stosOf<T>(u: usize): i32 {
  const size = uopAddressSize(u);
  if (!isRepeated(u)) return storeElement<T>(size) ? Status.NEXT : Status.FAULT;
  const count = index(RCX, size);
  if (count == 0) return Status.NEXT;
  const limit = elementLimit(count);
  let done: u32 = 0;
  while (done < limit) {
    const n = storeRun<T>(size, limit - done);
    if (n != 0) {
      advance(RCX, size, -(<i64>n));
      done += n;
      continue;
    }
    if (!storeElement<T>(size)) break;
    countElement(size);
    done++;
    if (mustStop(u)) break;
  }
  return settle(u, done, <u64>done < count);
}
export function stos(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: return stosOf<u8>(u);
    case 1: return stosOf<u16>(u);
    case 2: return stosOf<u32>(u);
    default: return stosOf<u64>(u);
  }
}

// ---- LODS -----------------------------------------------------------------------------------------

function loadElement<T>(u: usize, size: u32): bool {
  const seg = uopSeg(u);
  const value = readData<T>(dataAddress(seg, index(RSI, size), sizeof<T>(), false), seg);
  if (faulted()) return false;
  setRegister<T>(RAX, value);
  advance(RSI, size, step<T>());
  return true;
}
/** Only the last element of a run is seen. */
function loadRun<T>(u: usize, size: u32, count: u32): u32 {
  const seg = uopSeg(u);
  const source = index(RSI, size);
  const n = runLength<T>(seg, source, size, count);
  if (n == 0) return 0;
  const from = runAddress<T>(seg, source, n, false);
  if (from == BAD_LINEAR) return 0;
  const s = runForRead(from, seg);
  if (s == 0) return 0;
  setRegister<T>(RAX, load<T>(s + <isize>step<T>() * (n - 1)));
  advance(RSI, size, step<T>() * n);
  return n;
}
function lodsOf<T>(u: usize): i32 {
  const size = uopAddressSize(u);
  if (!isRepeated(u)) return loadElement<T>(u, size) ? Status.NEXT : Status.FAULT;
  const count = index(RCX, size);
  if (count == 0) return Status.NEXT;
  const limit = elementLimit(count);
  let done: u32 = 0;
  while (done < limit) {
    const n = loadRun<T>(u, size, limit - done);
    if (n != 0) {
      advance(RCX, size, -(<i64>n));
      done += n;
      continue;
    }
    if (!loadElement<T>(u, size)) break;
    countElement(size);
    done++;
    if (mustStop(u)) break;
  }
  return settle(u, done, <u64>done < count);
}
export function lods(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: return lodsOf<u8>(u);
    case 1: return lodsOf<u16>(u);
    case 2: return lodsOf<u32>(u);
    default: return lodsOf<u64>(u);
  }
}

// ---- SCAS and CMPS --------------------------------------------------------------------------------

/** REPE goes on while elements are equal, REPNE while they differ. */
@inline function goesOnEqual(u: usize): bool { return (uopPrefix(u) & Prefix.REPNE) == 0; }

function scanElement<T>(size: u32): bool {
  const value = readData<T>(dataAddress(ES, index(RDI, size), sizeof<T>(), false), ES);
  if (faulted()) return false;
  cmp<T>(getRegister<T>(RAX), value);
  advance(RDI, size, step<T>());
  return true;
}
/** Compares up to `count` elements and stops behind the one that ends the repetition. */
function scanRun<T>(size: u32, count: u32, equal: bool): u32 {
  const target = index(RDI, size);
  const n = runLength<T>(ES, target, size, count);
  if (n == 0) return 0;
  const from = runAddress<T>(ES, target, n, false);
  if (from == BAD_LINEAR) return 0;
  let d = runForRead(from, ES);
  if (d == 0) return 0;
  const a = getRegister<T>(RAX);
  const stride = <isize>step<T>();
  let value = load<T>(d);
  let done: u32 = 1;
  while (done < n && (value == a) == equal) {
    d += stride;
    value = load<T>(d);
    done++;
  }
  cmp<T>(a, value);
  advance(RDI, size, <i64>stride * done);
  return done;
}
function scasOf<T>(u: usize): i32 {
  const size = uopAddressSize(u);
  if (!isRepeated(u)) return scanElement<T>(size) ? Status.NEXT : Status.FAULT;
  const count = index(RCX, size);
  if (count == 0) return Status.NEXT;
  const limit = elementLimit(count);
  const equal = goesOnEqual(u);
  let done: u32 = 0;
  let ended = false;
  while (done < limit && !ended) {
    const n = scanRun<T>(size, limit - done, equal);
    if (n != 0) {
      advance(RCX, size, -(<i64>n));
      done += n;
    } else {
      if (!scanElement<T>(size)) break;
      countElement(size);
      done++;
    }
    ended = (getZF() != 0) != equal;
    if (mustStop(u)) break;
  }
  return settle(u, done, !ended && <u64>done < count);
}
export function scas(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: return scasOf<u8>(u);
    case 1: return scasOf<u16>(u);
    case 2: return scasOf<u32>(u);
    default: return scasOf<u64>(u);
  }
}

function compareElement<T>(u: usize, size: u32): bool {
  const seg = uopSeg(u);
  const a = readData<T>(dataAddress(seg, index(RSI, size), sizeof<T>(), false), seg);
  if (faulted()) return false;
  const b = readData<T>(dataAddress(ES, index(RDI, size), sizeof<T>(), false), ES);
  if (faulted()) return false;
  cmp<T>(a, b);
  advance(RSI, size, step<T>());
  advance(RDI, size, step<T>());
  return true;
}
function compareRun<T>(u: usize, size: u32, count: u32, equal: bool): u32 {
  const seg = uopSeg(u);
  const source = index(RSI, size);
  const target = index(RDI, size);
  const n = runLength<T>(ES, target, size, runLength<T>(seg, source, size, count));
  if (n == 0) return 0;
  const from = runAddress<T>(seg, source, n, false);
  const to = runAddress<T>(ES, target, n, false);
  if (from == BAD_LINEAR || to == BAD_LINEAR) return 0;
  let s = runForRead(from, seg);
  if (s == 0) return 0;
  let d = runForRead(to, ES);
  if (d == 0) return 0;
  const stride = <isize>step<T>();
  let a = load<T>(s);
  let b = load<T>(d);
  let done: u32 = 1;
  while (done < n && (a == b) == equal) {
    s += stride;
    d += stride;
    a = load<T>(s);
    b = load<T>(d);
    done++;
  }
  cmp<T>(a, b);
  advance(RSI, size, <i64>stride * done);
  advance(RDI, size, <i64>stride * done);
  return done;
}
function cmpsOf<T>(u: usize): i32 {
  const size = uopAddressSize(u);
  if (!isRepeated(u)) return compareElement<T>(u, size) ? Status.NEXT : Status.FAULT;
  const count = index(RCX, size);
  if (count == 0) return Status.NEXT;
  const limit = elementLimit(count);
  const equal = goesOnEqual(u);
  let done: u32 = 0;
  let ended = false;
  while (done < limit && !ended) {
    const n = compareRun<T>(u, size, limit - done, equal);
    if (n != 0) {
      advance(RCX, size, -(<i64>n));
      done += n;
    } else {
      if (!compareElement<T>(u, size)) break;
      countElement(size);
      done++;
    }
    ended = (getZF() != 0) != equal;
    if (mustStop(u)) break;
  }
  return settle(u, done, !ended && <u64>done < count);
}
export function cmps(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: return cmpsOf<u8>(u);
    case 1: return cmpsOf<u16>(u);
    case 2: return cmpsOf<u32>(u);
    default: return cmpsOf<u64>(u);
  }
}

// ---- INS and OUTS ---------------------------------------------------------------------------------

@inline function exitFlags(u: usize): u32 { return isRepeated(u) ? EXIT_STRING | EXIT_REP : EXIT_STRING; }

/** The destination is checked before the port is read: reading a port has effects. */
function insertElement<T>(u: usize, size: u32): bool {
  const at = dataAddress(ES, index(RDI, size), sizeof<T>(), true);
  if (!probeWrite(at, sizeof<T>(), ES)) return false;
  const value = <T>portInput(reg16(RDX), sizeof<T>(), exitFlags(u));
  if (faulted() || !writeData<T>(at, ES, value)) return false;
  advance(RDI, size, step<T>());
  return true;
}
function outputElement<T>(u: usize, size: u32): bool {
  const seg = uopSeg(u);
  const value = readData<T>(dataAddress(seg, index(RSI, size), sizeof<T>(), false), seg);
  if (faulted() || !portOutput(reg16(RDX), sizeof<T>(), <u32>value, exitFlags(u))) return false;
  advance(RSI, size, step<T>());
  return true;
}
@inline function portElement<T>(u: usize, size: u32, write: bool): bool {
  return write ? outputElement<T>(u, size) : insertElement<T>(u, size);
}
@inline function afterTransfer(write: bool): i32 { return write ? afterOutput(reg16(RDX)) : Status.NEXT; }
function transfer<T>(u: usize, write: bool): i32 {
  if (!ioAllowed(reg16(RDX), sizeof<T>())) return Status.FAULT;
  const size = uopAddressSize(u);
  if (!isRepeated(u)) return portElement<T>(u, size, write) ? afterTransfer(write) : Status.FAULT;
  const count = index(RCX, size);
  if (count == 0) return Status.NEXT;
  const limit = elementLimit(count);
  let done: u32 = 0;
  while (done < limit) {
    if (!portElement<T>(u, size, write)) break;
    countElement(size);
    done++;
    if (mustStop(u)) break;
  }
  const status = settle(u, done, <u64>done < count);
  return status == Status.NEXT ? afterTransfer(write) : status;
}
export function ins(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: return transfer<u8>(u, false);
    case 1: return transfer<u16>(u, false);
    default: return transfer<u32>(u, false);
  }
}
export function outs(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: return transfer<u8>(u, true);
    case 1: return transfer<u16>(u, true);
    default: return transfer<u32>(u, true);
  }
}
