// The I/O APIC's block of memory (Intel 82093AA data sheet, order number 290566): the register selector, the
// levels of its inputs, and 24 redirection entries of 64 bits.
//
//   entry   7:0 vector | 10:8 delivery mode | 11 logical | 12 delivery status | 13 active low | 14 remote IRR
//           15 level | 16 masked | 63:56 destination

import { IOAPIC } from "../layout";

export const SELECT: usize = IOAPIC;
/** Bits 31:24 of the identification register. */
export const IOAPIC_ID: usize = IOAPIC + 4;
/** Inputs that are asserted, whatever their polarity. */
export const ASSERTED: usize = IOAPIC + 8;
const ENTRIES: usize = IOAPIC + 0x40;
export const INPUTS: u32 = 24;

export const ENTRY_LOGICAL: u32 = 1 << 11;
export const ENTRY_REMOTE_IRR: u32 = 1 << 14;
export const ENTRY_LEVEL: u32 = 1 << 15;
export const ENTRY_MASKED: u32 = 1 << 16;

/** Address of a redirection entry: its low half, the high half behind it. */
@inline export function entryOf(input: u32): usize { return ENTRIES + (<usize>input << 3); }
@inline export function entryMode(low: u32): u32 { return (low >> 8) & 7; }
@inline export function entryDestination(entry: usize): u32 { return load<u32>(entry, 4) >> 24; }
