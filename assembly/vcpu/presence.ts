// Which of the optional parts of the interrupt path a partition has. The host writes CORE_DEVICES before the
// chipset's reset; the 8259A pair is always there, though its ports may be closed.

import { CORE_DEVICES } from "../layout";

export const enum CoreDevice {
  APIC = 1,
  IOAPIC = 2,
}

@inline export function hasApic(): bool { return (load<u32>(CORE_DEVICES) & CoreDevice.APIC) != 0; }
@inline export function hasIoApic(): bool { return (load<u32>(CORE_DEVICES) & CoreDevice.IOAPIC) != 0; }
