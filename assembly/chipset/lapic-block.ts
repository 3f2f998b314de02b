// The local APIC's block of memory, one of LAPIC_SIZE bytes per processor (SDM vol. 3, chapter 11; APM vol. 2,
// chapter 16): where each register stands, and the questions that registers alone answer. IRR, ISR and TMR are
// 256 bits, bit = vector.
//
//   TPR 7:0 task priority        LDR 31:24 (xAPIC)   DFR 31:28 model       SVR 7:0 spurious vector | 8 enabled
//   LVT 7:0 vector | 10:8 delivery mode | 14 remote IRR | 15 level | 16 masked | 18:17 timer mode
//   ESR 4 redirectable | 5 illegal vector sent | 6 received | 7 illegal register

import { LAPIC_SIZE, LAPICS, MSR_APIC_BASE } from "../layout";
import { APIC_BASE_ENABLED, APIC_BASE_EXTENDED } from "../x86/msr";
import { cellOf } from "./processors";

export const ID: usize = 0x00;
export const TPR: usize = 0x04;
export const LDR: usize = 0x08;
export const DFR: usize = 0x0c;
export const SVR: usize = 0x10;
/** What ESR shows, and the errors since it was written last. */
export const ESR: usize = 0x14;
export const ERRORS: usize = 0x18;
export const ICR_LOW: usize = 0x1c;
export const ICR_HIGH: usize = 0x20;
export const LVT_TIMER: usize = 0x24;
export const LVT_THERMAL: usize = 0x28;
export const LVT_PERFORMANCE: usize = 0x2c;
export const LVT_LINT0: usize = 0x30;
export const LVT_LINT1: usize = 0x34;
export const LVT_ERROR: usize = 0x38;
export const TIMER_INITIAL: usize = 0x3c;
export const TIMER_DIVIDE: usize = 0x40;
/** Clock at which the timer's count was loaded (u64), NEVER while it stands still. */
export const TIMER_START: usize = 0x48;
/** IA32_TSC_DEADLINE (u64). */
export const TSC_DEADLINE: usize = 0x58;
export const IRR: usize = 0x60;
export const ISR: usize = 0x80;
export const TMR: usize = 0xa0;
/** Vector that the processor must be interrupted with, 0 none: what pending.ts looks at. */
export const OFFERED: usize = 0xc0;
/** INIT and start-up interrupts that wait for the run loop: Signal bits, and the start-up vector. */
export const SIGNAL: usize = 0xc4;
export const STARTUP: usize = 0xc8;

export const enum Signal {
  INIT = 1,
  STARTUP = 2,
}

/** Delivery modes of LVT entries, ICR, redirection entries and messages. */
export const enum Delivery {
  FIXED = 0,
  LOWEST_PRIORITY = 1,
  SMI = 2,
  NMI = 4,
  INIT = 5,
  STARTUP = 6,
  EXTINT = 7,
}

export const LVT_MASKED: u32 = 1 << 16;
export const LVT_LEVEL: u32 = 1 << 15;
export const SVR_ENABLED: u32 = 1 << 8;
export const ESR_SENT_VECTOR: u32 = 1 << 5;
export const ESR_RECEIVED_VECTOR: u32 = 1 << 6;
export const ESR_REGISTER: u32 = 1 << 7;
/** The first vector that an interrupt may have. */
export const FIRST_VECTOR: u32 = 16;

@inline export function lapic(n: u32): usize { return LAPICS + <usize>n * LAPIC_SIZE; }
@inline export function numberOf(apic: usize): u32 { return <u32>((apic - LAPICS) / LAPIC_SIZE); }

/** IA32_APIC_BASE of a processor. */
@inline export function apicBase(n: u32): u64 { return load<u64>(cellOf(n, MSR_APIC_BASE)); }
@inline export function isEnabled(n: u32): bool { return (apicBase(n) & APIC_BASE_ENABLED) != 0; }
@inline export function isX2Apic(n: u32): bool { return (apicBase(n) & APIC_BASE_EXTENDED) != 0; }
@inline export function isSoftwareEnabled(apic: usize): bool { return (load<u32>(apic, SVR) & SVR_ENABLED) != 0; }

/** Logical identifier in x2APIC mode: cluster in 31:16, one bit of the processor in 15:0. */
@inline export function logicalX2(n: u32): u32 { return ((n >> 4) << 16) | (1 << (n & 15)); }

// ---- bit fields by vector -------------------------------------------------------------------------

@inline function word(apic: usize, field: usize, vector: u32): usize { return apic + field + ((vector >> 5) << 2); }
@inline export function hasVector(apic: usize, field: usize, vector: u32): bool {
  return ((load<u32>(word(apic, field, vector)) >> (vector & 31)) & 1) != 0;
}
@inline export function addVector(apic: usize, field: usize, vector: u32): void {
  const at = word(apic, field, vector);
  store<u32>(at, load<u32>(at) | (1 << (vector & 31)));
}
@inline export function removeVector(apic: usize, field: usize, vector: u32): void {
  const at = word(apic, field, vector);
  store<u32>(at, load<u32>(at) & ~(1 << (vector & 31)));
}
/** The highest vector of a field, 0 when it is empty: vectors below 16 are never in one. */
export function highest(apic: usize, field: usize): u32 {
  for (let i: i32 = 7; i >= 0; i--) {
    const bits = load<u32>(apic + field + (<usize>i << 2));
    if (bits != 0) return (<u32>i << 5) + 31 - <u32>clz(bits);
  }
  return 0;
}
