// Memory operands: the linear address in L_ADDRESS, the host address in L_HOST through the lookup tables (mmu/tables:
// host = address - T[slot], valid below LIMIT). What does not hit (a miss, a device, a page crossing) is tier 0's. In
// 16- and 32-bit code the subtraction may be done in 32 bits: the slots of a table span a power of two that divides
// 2^32, so that wrapping maps no other page of the slot below LIMIT.

import { LIMIT, SEG_BASE, SEG_EFFECTIVE, SEG_LIMIT, SLOT_MASK } from "../../layout";
import { MODE_FLAT } from "../../decode/mode";
import { RIP_MARKER } from "../../decode/modrm";
import { Ea, UOP_BASE, UOP_DISP, UOP_IMM, UOP_INDEX, UOP_SCALE, uopEa, uopLength, uopSeg, ZERO_OFFSET } from "../../decode/uop";
import { RegionNeeds } from "../../region/record";
import { DS, ES, FS, SS } from "../../x86/segment";
import { missIf, missSplitIf } from "../control";
import { code64, mode } from "../form";
import { baseOf, formOf, indexOf, keyOf, NONE, operandDisplacement, scaleOf, segmentOf } from "./access";
import { find, found, isAligned, noteAligned, offset, pin, plan, plannedLow, planSpan, plannedShared, plannedSpan, plannedWrite, settle, stackKey } from "./groups";
import { get, i32c, i64c, loadCell, memory, op, set, tee, Wasm } from "../wasm";
import {
  arithmeticW,
  constW,
  getW,
  L_ADDRESS,
  L_BASE,
  L_GROUP,
  L_HOST,
  L_READ,
  L_U,
  L_WRITE,
} from "./locals";

/** RegionNeeds of the region so far. */
export let needs: u32 = 0;
export function resetNeeds(): void { needs = 0; }
export function need(bits: u32): void { needs |= bits; }

/** Bytes from the head page's start to behind the instruction, for operands relative to RIP. */
let nextRelative: i64 = 0;
export function setNextRelative(value: i64): void { nextRelative = value; }
/** The same to its first byte. */
export function instructionRelative(u: usize): i64 { return nextRelative - <i64>uopLength(u); }

export function canAddress(u: usize): bool {
  const form = uopEa(u);
  return form != Ea.SEG32_IN64;
}

@inline function isRelative(u: usize): bool {
  return uopEa(u) == Ea.RIP64 || (uopEa(u) == Ea.BASE64 && load<u8>(u, UOP_SCALE) == RIP_MARKER);
}
/** Sum of two registers or none (16), as W. */
function sum(base: u32, index: u32, scale: u32): void {
  if (base != NONE) getW(base);
  else if (index == NONE) constW(0);
  if (index == NONE) return;
  getW(index);
  if (scale != 0) {
    constW(scale);
    arithmeticW(Wasm.I32_SHL);
  }
  if (base != NONE) arithmeticW(Wasm.I32_ADD);
}
function registers(u: usize): void {
  sum(<u32>load<u8>(u, UOP_BASE) >> 3, <u32>load<u8>(u, UOP_INDEX) >> 3, load<u8>(u, UOP_SCALE));
}
/** The same of a group's operands. */
function registersOf(key: u32): void {
  if (formOf(key) == <u32>Ea.RIP64) get(L_BASE);
  else sum(baseOf(key), indexOf(key), scaleOf(key));
}

/** Offset of the operand within its segment, as W: what LEA gives. */
export function effective(u: usize): void {
  const form = uopEa(u);
  if (form == Ea.MOFFS64) {
    i64c(load<i64>(u, UOP_IMM));
    return;
  }
  if (isRelative(u)) {
    get(L_BASE);
    i64c(nextRelative + <i64>load<i32>(u, UOP_DISP));
    op(Wasm.I64_ADD);
    return;
  }
  registers(u);
  constW(load<i32>(u, UOP_DISP));
  arithmeticW(Wasm.I32_ADD);
  wrap(u);
}
/** Cuts an offset on the stack as the operand's form does. */
export function wrap(u: usize): void {
  const form = uopEa(u);
  if (form == Ea.SEG16) {
    constW(0xffff);
    arithmeticW(Wasm.I32_AND);
  } else if (code64 && (form == Ea.FLAT32 || form == Ea.SEG32)) {
    i64c(0xffff_ffff);
    op(Wasm.I64_AND);
  }
}

/** Leaves the region unless the limit of the segment lets through `bytes` at the offset in L_ADDRESS. */
function checkLimit(seg: u32, bytes: u32): void {
  need(1 << (<u32>RegionNeeds.SEGMENT_SHIFT + seg));
  get(L_ADDRESS);
  loadCell(Wasm.I32_LOAD, SEG_LIMIT + (<usize>seg << 2));
  if (bytes > 1) {
    i32c(bytes - 1);
    op(Wasm.I32_SUB);
  }
  op(Wasm.I32_GT_U);
  missIf();
}

/** Takes an offset from the stack that the limit of a segment is to let through: L_ADDRESS is its linear address. */
function limited(seg: u32, bytes: u32): void {
  set(L_ADDRESS);
  checkLimit(seg, bytes);
  get(L_ADDRESS);
  loadCell(Wasm.I32_LOAD, SEG_BASE + (<usize>seg << 3));
  op(Wasm.I32_ADD);
  set(L_ADDRESS);
}
/** Takes the offset of the operand of `bytes` bytes from the stack: L_ADDRESS is its linear address. */
export function locate(u: usize, bytes: u32): void {
  const form = uopEa(u);
  const seg = uopSeg(u);
  if (form == Ea.SEG16 || form == Ea.SEG32) return limited(seg, bytes);
  if (form == Ea.BASE64 || form == Ea.MOFFS64) {
    loadCell(Wasm.I64_LOAD, SEG_EFFECTIVE + (<usize>seg << 3));
    op(Wasm.I64_ADD);
  }
  set(L_ADDRESS);
}
/** The same for an operand that an instruction implies, in a segment that it names. */
export function locateIn(seg: u32, bytes: u32): void {
  const usuallyFlat = seg == ES || seg == SS || seg == DS;
  if (!code64 && !(usuallyFlat && (mode & MODE_FLAT) != 0)) return limited(seg, bytes);
  if (code64 && seg >= FS) {
    loadCell(Wasm.I64_LOAD, SEG_EFFECTIVE + (<usize>seg << 3));
    op(Wasm.I64_ADD);
  }
  set(L_ADDRESS);
}
/** Sets L_ADDRESS to the linear address of the operand of `bytes` bytes. */
export function address(u: usize, bytes: u32): void {
  effective(u);
  locate(u, bytes);
}

/** Sets L_HOST to the host address of L_ADDRESS, or leaves. */
export function host(bytes: u32, write: bool): void { hostOf(bytes, write, false); }
/** `shared`: the bytes are those of several accesses. */
function hostOf(bytes: u32, write: bool, shared: bool): void {
  hostLocal = L_HOST;
  hostOffset = 0;
  const slots = <i32>(load<u32>(SLOT_MASK) << 3);
  const limit = load<u32>(LIMIT);
  get(L_ADDRESS);
  get(L_ADDRESS);
  if (code64) {
    i64c(9);
    op(Wasm.I64_SHR_U);
    op(Wasm.I32_WRAP_I64);
  } else {
    i32c(9);
    op(Wasm.I32_SHR_U);
  }
  i32c(slots);
  op(Wasm.I32_AND);
  get(write ? L_WRITE : L_READ);
  op(Wasm.I32_ADD);
  if (code64) {
    memory(Wasm.I64_LOAD, 0);
    op(Wasm.I64_SUB);
    tee(L_U + 7);
    i64c(limit);
    op(Wasm.I64_GE_U);
    missIf();
    get(L_U + 7);
    op(Wasm.I32_WRAP_I64);
    set(L_HOST);
  } else {
    memory(Wasm.I32_LOAD, 0);
    op(Wasm.I32_SUB);
    tee(L_HOST);
    i32c(limit);
    op(Wasm.I32_GE_U);
    missIf();
  }
  if (bytes == 1) return;
  get(L_ADDRESS);
  if (code64) op(Wasm.I32_WRAP_I64);
  i32c(0xfff);
  op(Wasm.I32_AND);
  i32c(0x1000 - bytes);
  op(Wasm.I32_GT_U);
  if (shared) missSplitIf();
  else missIf();
}

/** Where loadHost and storeHost access: a local that holds a host address, and the distance from there. */
let hostLocal: u32 = 0;
export let hostOffset: u32 = 0;

/** Host address of the operand of `u` in L_HOST. */
export function operandHost(u: usize, size: u32, write: bool): void {
  address(u, 1 << size);
  host(1 << size, write);
}
function useGroup(): void {
  hostLocal = L_GROUP + found;
  hostOffset = offset;
}
/** Leaves unless the address on the stack is a multiple of 16. */
function checkAligned(): void {
  i32c(15);
  op(Wasm.I32_AND);
  missIf();
}
/** Checks the planned group, whose registers' sum is on the stack; `aligned`: 16 bytes at `offset` have to be aligned. */
function checkGroup(key: u32, aligned: bool): void {
  constW(plannedLow);
  arithmeticW(Wasm.I32_ADD);
  const segment = segmentOf(key);
  if (code64 && segment != 0) {
    loadCell(Wasm.I64_LOAD, SEG_EFFECTIVE + (<usize>segment << 3));
    op(Wasm.I64_ADD);
  }
  set(L_ADDRESS);
  if (aligned) {
    get(L_ADDRESS);
    if (code64) op(Wasm.I32_WRAP_I64);
    if ((offset & 15) != 0) {
      i32c(offset);
      op(Wasm.I32_ADD);
    }
    checkAligned();
  }
  // What is aligned does not cross a page.
  hostOf(aligned && plannedSpan == 16 ? 1 : plannedSpan, plannedWrite, plannedShared);
  get(L_HOST);
  set(L_GROUP + found);
  settle(key);
  if (aligned) noteAligned(offset);
  useGroup();
}
/** Makes `bytes` bytes at the operand of `u` what is accessed, in a group where that is possible; 16 bytes may have to be aligned. */
export function openBytes(u: usize, bytes: u32, write: bool, aligned: bool): void {
  const key = keyOf(u);
  const at = operandDisplacement(u, nextRelative);
  if (key != 0 && find(key, at, bytes, write)) {
    useGroup();
    if (!aligned || isAligned(offset)) return;
    get(hostLocal);
    if ((offset & 15) != 0) {
      i32c(offset);
      op(Wasm.I32_ADD);
    }
    checkAligned();
    noteAligned(offset);
  } else if (key != 0 && plan(key, at, bytes, write)) {
    registersOf(key);
    checkGroup(key, aligned);
  } else {
    address(u, bytes);
    if (aligned) {
      get(L_ADDRESS);
      if (code64) op(Wasm.I32_WRAP_I64);
      checkAligned();
    }
    host(aligned ? 1 : bytes, write);
  }
}
export function openMemory(u: usize, size: u32, write: bool): void { openBytes(u, 1 << size, write, false); }
/** Checks a span of memory for all of the code that one way leads to from here; 16 bytes at a distance may have to be aligned. */
export function checkSpan(key: u32, from: i64, bytes: u32, write: bool, aligned: bool, distance: u32): void {
  planSpan(from, bytes, write, distance);
  registersOf(key);
  checkGroup(key, aligned);
  pin();
}
/** Makes an access at a distance from a register what loadHost and storeHost access. */
export function openAt(register: u32, at: i64, bytes: u32, write: bool): void {
  const key = stackKey(register);
  if (find(key, at, bytes, write)) useGroup();
  else {
    plan(key, at, bytes, write);
    getW(register);
    checkGroup(key, false);
  }
}
/** Pushes the local's part of the address that was opened; the rest is `hostOffset`. */
export function pushHost(): void { get(hostLocal); }
/** Pushes the value that was opened. */
export function loadHost(size: u32): void {
  get(hostLocal);
  memory(
    size == 3 ? Wasm.I64_LOAD : size == 2 ? Wasm.I32_LOAD : size == 1 ? Wasm.I32_LOAD16_U : Wasm.I32_LOAD8_U,
    hostOffset,
  );
}
/** Stores a temporary there. */
export function storeHost(local: u32, size: u32): void {
  get(hostLocal);
  get(local);
  memory(
    size == 3 ? Wasm.I64_STORE : size == 2 ? Wasm.I32_STORE : size == 1 ? Wasm.I32_STORE16 : Wasm.I32_STORE8,
    hostOffset,
  );
}
