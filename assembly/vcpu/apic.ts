// The way from the processor to its local APIC and the I/O APIC, which live in chipset/ to the right of this
// room and register function indices at start-up: memory accesses that no RAM answers, MSRs, CR8, and the
// time-stamp counter, which the timer compares with.
//
// A register's value may depend on the clock and a write to one may change what happens next, so an access is
// made only where the clock is exact and the run loop looks afterwards: out of a block it fails with
// Fault.ALONE, and the run loop executes that instruction again by itself.

import { FAULT, IN_BLOCK } from "../layout";
import { IA32_APIC_BASE, IA32_TSC_DEADLINE, IA32_X2APIC } from "../x86/msr";
import { hasApic } from "./presence";
import { Fault } from "./status";

let claimsIndex: u32 = 0;
let readIndex: u32 = 0;
let writeIndex: u32 = 0;
let readMsrIndex: u32 = 0;
let writeMsrIndex: u32 = 0;
let priorityIndex: u32 = 0;
let tscIndex: u32 = 0;

export function connectApic(
  claims: u32,
  read: u32,
  write: u32,
  readMsr: u32,
  writeMsr: u32,
  priority: u32,
  tsc: u32,
): void {
  claimsIndex = claims;
  readIndex = read;
  writeIndex = write;
  readMsrIndex = readMsr;
  writeMsrIndex = writeMsr;
  priorityIndex = priority;
  tscIndex = tsc;
}

/** A guest-physical address belongs to an APIC. */
export function isApicMemory(gpa: u64): bool { return claimsIndex != 0 && call_indirect<bool>(claimsIndex, gpa); }

/** False: the instruction must be executed by itself. */
function isAlone(): bool {
  if (load<u32>(IN_BLOCK) == 0) return true;
  if (load<u32>(FAULT) == Fault.NONE) store<u32>(FAULT, Fault.ALONE);
  return false;
}
export function readApicMemory(gpa: u64): u64 { return isAlone() ? call_indirect<u64>(readIndex, gpa) : 0; }
export function writeApicMemory(gpa: u64, size: u32, value: u64): bool {
  if (!isAlone()) return false;
  call_indirect<void>(writeIndex, gpa, size, value);
  return true;
}

/** An MSR belongs to the local APIC. */
export function isApicMsr(index: u32): bool {
  return hasApic() && (index - IA32_X2APIC < 0x40 || index == IA32_APIC_BASE || index == IA32_TSC_DEADLINE);
}
/** Raises #GP(0) for what cannot be read. */
export function readApicMsr(index: u32): u64 { return call_indirect<u64>(readMsrIndex, index); }
/** False: #GP(0) was raised and nothing has changed. */
export function writeApicMsr(index: u32, value: u64): bool { return call_indirect<bool>(writeMsrIndex, index, value); }

/** CR8 has a new value. */
export function taskPriorityChanged(value: u32): void {
  if (priorityIndex != 0) call_indirect<void>(priorityIndex, value);
}
/** The time-stamp counter was set. */
export function tscChanged(): void {
  if (tscIndex != 0) call_indirect<void>(tscIndex);
}
