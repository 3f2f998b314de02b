// The output of the 8259A pair: straight to the processor or through LINT0 as ExtINT (chipset/external), and to
// whatever else its wire ends at: LINT0 in a mode of its own, and input 0 of the I/O APIC.

import { PIC_INTR } from "../layout";
import { ioapicInput } from "./ioapic";
import { entryMode } from "./ioapic-block";
import { Delivery, lapic, LVT_LEVEL, LVT_LINT0, LVT_MASKED } from "./lapic-block";
import { deliverTo } from "./messages";
import { updatePending } from "./pending";
import { hasApic, hasIoApic } from "../vcpu/presence";

/** INTR of the pair changes to a level. */
export function setPairOutput(high: bool): void {
  if ((load<u32>(PIC_INTR) != 0) == high) return;
  store<u32>(PIC_INTR, u32(high));
  if (hasApic()) {
    const entry = load<u32>(lapic(0), LVT_LINT0);
    const mode = entryMode(entry);
    if (high && (entry & LVT_MASKED) == 0 && mode != Delivery.EXTINT) {
      deliverTo(0, mode, entry & 0xff, (entry & LVT_LEVEL) != 0);
    }
    if (hasIoApic()) ioapicInput(0, high);
  }
  updatePending();
}
