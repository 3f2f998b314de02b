// The reset control register at CF9h (Intel ICH and PIIX data sheets, "Reset control register"): bit 2 going
// from 0 to 1 resets the processors, bit 1 says whether the whole system goes with them. Here it always does.

import type { Device, DeviceBus } from "../partition/device.js";

export const RESET_PORT = 0xcf9;
const FULL_RESET = 0x08;
const RESET_CPU = 0x04;
const SYSTEM_RESET = 0x02;
/** What the ACPI reset register is written with. */
export const RESET_VALUE = RESET_CPU | SYSTEM_RESET;

export class ResetControl implements Device {
  readonly name = "reset-control";
  #value = 0;

  connect(bus: DeviceBus): void {
    bus.ports(RESET_PORT, 1, {
      read: () => this.#value,
      write: (_port, _size, value) => {
        const rises = (value & RESET_CPU) !== 0 && (this.#value & RESET_CPU) === 0;
        this.#value = value & (FULL_RESET | RESET_CPU | SYSTEM_RESET);
        if (rises) bus.reset();
      },
    });
  }

  reset(): void {
    this.#value = 0;
  }

  save(): number {
    return this.#value;
  }

  restore(state: unknown): void {
    this.#value = Number(state);
  }
}
