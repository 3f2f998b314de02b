// The way of the 8259A pair's interrupts (ExtINT, SDM vol. 3, 11.1 and 11.5.1): to the first processor while it
// has no working local APIC, else through its LINT0 input (virtual wire mode), or through input 0 of the I/O
// APIC to whatever processor the redirection entry names. The vector comes from the controllers themselves.

import { isFor } from "./destination";
import { ENTRY_LOGICAL, ENTRY_MASKED, entryDestination, entryMode, entryOf } from "./ioapic-block";
import { Delivery, isEnabled, lapic, LVT_LINT0, LVT_MASKED } from "./lapic-block";
import { hasApic, hasIoApic } from "../vcpu/presence";

/** Processor n takes the interrupts of the 8259A pair. */
export function acceptsExternal(n: u32): bool {
  if (!hasApic()) return n == 0;
  if (!isEnabled(n)) return n == 0;
  if (n == 0) {
    const entry = load<u32>(lapic(n), LVT_LINT0);
    if ((entry & LVT_MASKED) == 0 && entryMode(entry) == Delivery.EXTINT) return true;
  }
  if (!hasIoApic()) return false;
  const low = load<u32>(entryOf(0));
  if ((low & ENTRY_MASKED) != 0 || entryMode(low) != Delivery.EXTINT) return false;
  return isFor(n, entryDestination(entryOf(0)), (low & ENTRY_LOGICAL) != 0, false);
}
