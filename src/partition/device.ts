// What a partition asks of a device that lives on the host, and what it offers it. A device connects once,
// claims its ports and ranges through the bus, and can be reset, saved and restored with the partition.
//
// Time is the guest's: nanoseconds of the partition's clock since power-on. A timer fires between two
// instructions, with a virtual clock at an exact tick, so a device that keeps time only this way is
// deterministic. Nothing a device does may depend on the host's own clock or on when it is called.

import type { MemoryHandler, PortHandler } from "./handlers.js";

/** A one-shot timer on guest time. Its deadline belongs to the saved state of the device that owns it. */
export interface DeviceTimer {
  /** Fires once when the guest's clock reaches `atNanoseconds`; a moment that has passed is due at once. */
  set(atNanoseconds: number): void;
  cancel(): void;
  /** Nanoseconds at which it will fire; undefined while it is not set. */
  readonly deadline: number | undefined;
}

/** Guest memory as a bus master sees it: nothing here throws, whatever addresses a guest makes up. */
export interface GuestAccess {
  /** Copies bytes out; what is neither RAM nor ROM reads as ones. */
  read(gpa: number, length: number): Uint8Array;
  /** Copies bytes in; what is not RAM stays as it is. */
  write(gpa: number, bytes: Uint8Array): void;
  /** Whether all of [gpa, gpa + size) is RAM (or ROM, unless `writable`). */
  isMapped(gpa: number, size: number, writable?: boolean): boolean;
  /** Bytes of RAM. */
  readonly size: number;
}

/** The partition, seen from a device. Registrations are released with the partition. */
export interface DeviceBus {
  ports(first: number, count: number, handler: PortHandler): Disposable;
  memory(base: number, size: number, handler: MemoryHandler): Disposable;
  /**
   * Drives an interrupt line, 0-23; `high` means that the device asks. Lines 0-15 are the ISA interrupts and
   * reach the 8259A pair and the I/O APIC (line 0 on its input 2), 16-23 reach the I/O APIC only.
   */
  interrupt(line: number, high: boolean): void;
  /** A message-signalled interrupt: a write of `data` to FEExxxxxh. */
  message(address: number, data: number): void;
  timer(expired: () => void): DeviceTimer;
  /** Guest time since power-on in nanoseconds. */
  readonly nanoseconds: number;
  /** The same in seconds. */
  readonly virtualSeconds: number;
  /** Memory for transfers that the device makes by itself. */
  readonly guest: GuestAccess;
  /** Bytes of RAM. */
  readonly memorySize: number;
  /** Ends the run with the outcome "shutdown" as soon as the current instruction is answered. */
  powerOff(): void;
  /** Ends the run with the outcome "reset". */
  reset(): void;
  setA20(open: boolean): void;
}

export interface Device {
  readonly name: string;
  connect(bus: DeviceBus): void;
  /** Power-on state. */
  reset(): void;
  /** Everything that `restore` needs, as plain JSON values and byte arrays. */
  save(): unknown;
  restore(state: unknown): void;
}
