// The test device that kernel test programs expect on a PC: ports that a test can write and read back, and
// ports that raise interrupt lines.
//
//   E0h-E3h     a register of 32 bits for accesses of any width
//   E4h         flush of a guest page: nothing is cached that could be stale
//   E8h-EBh     the same register, byte by byte
//   2000h + n   level of interrupt line n (0-23)

import type { Device, DeviceBus } from "../partition/device.js";
import { bytewise } from "./bytewise.js";

const REGISTER = 0xe0;
const FLUSH = 0xe4;
const BYTES = 0xe8;
const LINES = 0x2000;
const LINE_COUNT = 24;

export class TestDevice implements Device {
  readonly name = "test-device";
  readonly #register = new Uint8Array(4);

  connect(bus: DeviceBus): void {
    for (const base of [REGISTER, BYTES]) {
      const registers = {
        read: (port: number) => this.#register[port - base],
        write: (port: number, value: number) => {
          this.#register[port - base] = value;
        },
      };
      bus.ports(base, 4, bytewise(base, 4, registers));
    }
    bus.ports(FLUSH, 4, {});
    bus.ports(LINES, LINE_COUNT, { write: (port, _size, value) => bus.interrupt(port - LINES, value !== 0) });
  }

  reset(): void {
    this.#register.fill(0);
  }

  save(): number[] {
    return [...this.#register];
  }

  restore(state: unknown): void {
    this.#register.set((state as number[]).slice(0, 4));
  }
}
