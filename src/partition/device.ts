// What a partition asks of a device that lives on the host, and what it offers it. A device connects once,
// claims its ports and ranges through the bus, and can be reset, saved and restored with the partition.

import type { MemoryHandler, PortHandler } from "./handlers.js";

/** The partition, seen from a device. Registrations are released with the partition. */
export interface DeviceBus {
  ports(first: number, count: number, handler: PortHandler): Disposable;
  memory(base: number, size: number, handler: MemoryHandler): Disposable;
  /** Drives one of the 16 inputs of the interrupt controllers. */
  interrupt(line: number, high: boolean): void;
  /** Seconds of guest time since power-on. */
  readonly virtualSeconds: number;
  /** Bytes of RAM. */
  readonly memorySize: number;
}

export interface Device {
  readonly name: string;
  connect(bus: DeviceBus): void;
  /** Power-on state. */
  reset(): void;
  /** Everything that `restore` needs, as plain JSON values. */
  save(): unknown;
  restore(state: unknown): void;
}
