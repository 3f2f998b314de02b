// The memory rooms of the core (assembly/memory, assembly/mmu, vcpu/access, vcpu/mode) behind plain
// exports, so that a test can drive them without an interpreter. AssemblyScript: compiled by compile.ts.
// Everything else of the machine is absent; decoded code is a callback that counts.

import { CONTEXT_STALE } from "../../assembly/layout";
import { CODE } from "../../assembly/memory/frames";
import { setCodeCallback, unprotect } from "../../assembly/memory/track";
import { startMmu } from "../../assembly/mmu/start";
import { hostRead, hostWrite } from "../../assembly/mmu/tables";
import { WALK_ERROR, WALK_FLAGS, WALK_GPA, walk } from "../../assembly/mmu/walk";
import {
  hostForRead,
  hostForWrite,
  probeWrite,
  readData,
  readForWrite,
  readSystem,
  writeData,
  writeStackAs,
  writeSystem,
} from "../../assembly/vcpu/access";
import { refresh as refreshMode } from "../../assembly/vcpu/mode";
import { DS } from "../../assembly/x86/segment";

export { addRange, frameOf, kindOf, removeRange } from "../../assembly/memory/ranges";
export { clearDirty, hostWrote, protect, storeTracked, unprotect } from "../../assembly/memory/track";
export { fetchFrame, fetchKind } from "../../assembly/mmu/fetch";
export { flushAll, setA20 } from "../../assembly/mmu/sets";

let codeWrites: u32 = 0;
function codeWritten(frame: u32, offset: u32, length: u32): void {
  codeWrites++;
  unprotect(frame, CODE);
}
/** Stores that a page with decoded code has seen. */
export function codeWriteCount(): u32 {
  return codeWrites;
}

export function start(): void {
  startMmu();
  const code: (frame: u32, offset: u32, length: u32) => void = codeWritten;
  setCodeCallback(code.index);
}

export function refresh(): void {
  refreshMode();
}
/** As the run loop does after an instruction that changed state. */
export function refreshIfStale(): void {
  if (load<u32>(CONTEXT_STALE) != 0) refreshMode();
}

export function read(linear: u64, size: u32): u64 {
  if (size == 1) return readData<u8>(linear, DS);
  if (size == 2) return readData<u16>(linear, DS);
  if (size == 4) return readData<u32>(linear, DS);
  return readData<u64>(linear, DS);
}
export function readToWrite(linear: u64, size: u32): u64 {
  if (size == 1) return readForWrite<u8>(linear, DS);
  if (size == 2) return readForWrite<u16>(linear, DS);
  if (size == 4) return readForWrite<u32>(linear, DS);
  return readForWrite<u64>(linear, DS);
}
export function write(linear: u64, size: u32, value: u64): bool {
  if (size == 1) return writeData<u8>(linear, DS, <u8>value);
  if (size == 2) return writeData<u16>(linear, DS, <u16>value);
  if (size == 4) return writeData<u32>(linear, DS, <u32>value);
  return writeData<u64>(linear, DS, value);
}
export function readImplicit(linear: u64, size: u32): u64 {
  if (size == 1) return readSystem<u8>(linear);
  if (size == 2) return readSystem<u16>(linear);
  if (size == 4) return readSystem<u32>(linear);
  return readSystem<u64>(linear);
}
export function writeImplicit(linear: u64, size: u32, value: u64): bool {
  if (size == 1) return writeSystem<u8>(linear, <u8>value);
  if (size == 2) return writeSystem<u16>(linear, <u16>value);
  if (size == 4) return writeSystem<u32>(linear, <u32>value);
  return writeSystem<u64>(linear, value);
}
export function writeStack(linear: u64, size: u32, value: u64, user: bool): bool {
  return writeStackAs(linear, size, value, user);
}
export function probe(linear: u64, size: u32): bool {
  return probeWrite(linear, size, DS);
}
export function pointerToRead(linear: u64): u32 {
  return <u32>hostForRead(linear, DS);
}
export function pointerToWrite(linear: u64): u32 {
  return <u32>hostForWrite(linear, DS);
}
export function lookupRead(linear: u64): u64 {
  return hostRead(linear);
}
export function lookupWrite(linear: u64): u64 {
  return hostWrite(linear);
}
export function translate(linear: u64, access: u32): bool {
  return walk(linear, access);
}
export function walkGpa(): u64 {
  return load<u64>(WALK_GPA);
}
export function walkError(): u32 {
  return load<u32>(WALK_ERROR);
}
export function walkFlags(): u32 {
  return load<u32>(WALK_FLAGS);
}
