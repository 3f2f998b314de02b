// INTR: whether the running processor has an interrupt to take from the interrupt controllers. It is one cell,
// kept up to date by everything that can change it, because the run loop and some instructions look at it all
// the time.
//
// Two ways lead to a processor: the vector that its local APIC offers, and the 8259A pair, whose output goes to
// the first processor directly, or through LINT0 or input 0 of the I/O APIC as an external interrupt (ExtINT).

import { CURRENT_PROCESSOR, INTR, PIC_INTR } from "../layout";
import { acceptsExternal } from "./external";
import { lapic, OFFERED } from "./lapic-block";
import { hasApic } from "../vcpu/presence";

/** Vector that processor n's local APIC offers, 0 none. */
@inline export function offeredVector(n: u32): u32 {
  return hasApic() ? load<u32>(lapic(n), OFFERED) : 0;
}

/** Processor n has an interrupt to take. */
export function hasInterrupt(n: u32): bool {
  return offeredVector(n) != 0 || (load<u32>(PIC_INTR) != 0 && acceptsExternal(n));
}

/** Recomputes INTR: after any change of a controller, and when another processor runs. */
export function updatePending(): void {
  store<u32>(INTR, u32(hasInterrupt(load<u32>(CURRENT_PROCESSOR))));
}

/** The running processor has an interrupt to take. */
@inline export function interruptPending(): bool { return load<u32>(INTR) != 0; }
