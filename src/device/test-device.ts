// The test device that kernel test programs expect on a PC: ports that a test can write and read back, and
// ports that raise interrupt lines.
//
//   E0h-E3h     a register of 32 bits for accesses of any width
//   E4h         flush of a guest page: nothing is cached that could be stale
//   E8h-EBh     the same register, byte by byte; E9h by itself is the debug console's
//   2000h + n   level of interrupt line n (0-23)

import type { Device, DeviceBus } from "../partition/device.js";
import { bytewise } from "./bytewise.js";

const REGISTER = 0xe0;
const FLUSH = 0xe4;
const BYTES = 0xe8;
/** Ports claimed of each base: offset and count. */
const CLAIMS = [
  [REGISTER, [[0, 4]]],
  [
    BYTES,
    [
      [0, 1],
      [2, 2],
    ],
  ],
] as const;
const LINES = 0x2000;
const LINE_COUNT = 24;

export class TestDevice implements Device {
  readonly name = "test-device";
  readonly #register = new Uint8Array(4);

  connect(bus: DeviceBus): void {
    for (const [base, places] of CLAIMS) {
      const registers = {
        read: (port: number) => this.#register[port - base],
        write: (port: number, value: number) => {
          this.#register[port - base] = value;
        },
      };
      const handler = bytewise(base, 4, registers);
      for (const [offset, count] of places) bus.ports(base + offset, count, handler);
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
