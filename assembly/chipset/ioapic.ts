// The I/O APIC at FEC00000h (Intel 82093AA data sheet; the EOI register is that of later ones, version 20h): 24
// inputs, each with a redirection entry that makes a message of it. An edge is sent once, and lost while masked;
// a level is sent while it lasts, but not again before the processor's end of interrupt (remote IRR).
//
//   00h register selector | 10h window | 40h EOI
//   registers: 0 identification | 1 version | 2 arbitration | 10h + 2n entry n, low half, high half behind it

import { IOAPIC } from "../layout";
import {
  ASSERTED,
  ENTRY_LEVEL,
  ENTRY_LOGICAL,
  ENTRY_MASKED,
  ENTRY_REMOTE_IRR,
  entryDestination,
  entryMode,
  entryOf,
  INPUTS,
  IOAPIC_ID,
  SELECT,
} from "./ioapic-block";
import { Delivery } from "./lapic-block";
import { send } from "./messages";
import { updatePending } from "./pending";

export const IOAPIC_BASE: u64 = 0xfec0_0000;
const WINDOW: u32 = 0x10;
const EOI: u32 = 0x40;
const VERSION: u32 = 0x20 | ((INPUTS - 1) << 16);
const ID_MASK: u32 = 0x0f00_0000;
/** Bits of the low half that software writes: not the delivery status and remote IRR. */
const ENTRY_WRITABLE: u32 = 0x1_afff;
const REGISTER_ENTRIES: u32 = 0x10;

export function ioapicReset(): void {
  memory.fill(IOAPIC, 0, 0x40);
  for (let input: u32 = 0; input < INPUTS; input++) store<u64>(entryOf(input), <u64>ENTRY_MASKED);
}

@inline function isAsserted(input: u32): bool { return ((load<u32>(ASSERTED) >> input) & 1) != 0; }

/** Sends what an input asks for. */
function forward(input: u32): void {
  const entry = entryOf(input);
  const low = load<u32>(entry);
  const mode = entryMode(low);
  // ExtINT has no vector here: the processor fetches it (chipset/external).
  if ((low & ENTRY_MASKED) != 0 || mode == Delivery.EXTINT) return;
  // Only fixed interrupts can be levels.
  const level = (low & ENTRY_LEVEL) != 0 && mode <= <u32>Delivery.LOWEST_PRIORITY;
  if (level && ((low & ENTRY_REMOTE_IRR) != 0 || !isAsserted(input))) return;
  const taken = send(entryDestination(entry), (low & ENTRY_LOGICAL) != 0, false, mode, low & 0xff, level);
  if (level && taken) store<u32>(entry, low | ENTRY_REMOTE_IRR);
}

/** A device drives an input. `high` means asserted: polarity is a matter of wires that are not modelled. */
export function ioapicInput(input: u32, high: bool): void {
  const bit: u32 = 1 << input;
  const before = load<u32>(ASSERTED);
  if (((before & bit) != 0) == high) return;
  store<u32>(ASSERTED, before ^ bit);
  if (high) forward(input);
}

/** A processor has ended a level-triggered interrupt. */
export function ioapicEndOfInterrupt(vector: u32): void {
  for (let input: u32 = 0; input < INPUTS; input++) {
    const entry = entryOf(input);
    const low = load<u32>(entry);
    if ((low & 0xff) != vector || (low & ENTRY_REMOTE_IRR) == 0) continue;
    store<u32>(entry, low & ~ENTRY_REMOTE_IRR);
    forward(input);
  }
}

function readRegister(register: u32): u32 {
  if (register == 0 || register == 2) return load<u32>(IOAPIC_ID);
  if (register == 1) return VERSION;
  const n = register - REGISTER_ENTRIES;
  return register >= REGISTER_ENTRIES && n < INPUTS * 2 ? load<u32>(entryOf(n >> 1) + ((n & 1) << 2)) : 0;
}

function writeRegister(register: u32, value: u32): void {
  if (register == 0) store<u32>(IOAPIC_ID, value & ID_MASK);
  const n = register - REGISTER_ENTRIES;
  if (register < REGISTER_ENTRIES || n >= INPUTS * 2) return;
  const input = n >> 1;
  const entry = entryOf(input);
  if ((n & 1) != 0) store<u32>(entry, value & 0xff00_0000, 4);
  else {
    // An edge has no end of interrupt to wait for.
    const remote = (value & ENTRY_LEVEL) != 0 ? load<u32>(entry) & ENTRY_REMOTE_IRR : 0;
    store<u32>(entry, (value & ENTRY_WRITABLE) | remote);
    if ((value & ENTRY_LEVEL) != 0) forward(input);
  }
  // Input 0 may have become the way of the 8259A pair, or ceased to be.
  if (input == 0) updatePending();
}

/** Reads the 32-bit register at an offset of the page. */
export function ioapicRead(offset: u32): u32 {
  if (offset == 0) return load<u32>(SELECT);
  return offset == WINDOW ? readRegister(load<u32>(SELECT)) : 0;
}
export function ioapicWrite(offset: u32, value: u32): void {
  if (offset == 0) store<u32>(SELECT, value & 0xff);
  else if (offset == WINDOW) writeRegister(load<u32>(SELECT), value);
  else if (offset == EOI) ioapicEndOfInterrupt(value & 0xff);
}
