// What a PCI function tells the bus about itself, and what the bus offers it. The bus keeps the configuration
// space, the base addresses and the interrupt capabilities; the function sees accesses at offsets inside its
// ranges and reaches memory and interrupts only through its host, which obeys the command register.

import type { DeviceTimer } from "../../partition/device.js";
import type { MemoryHandler, PortHandler } from "../../partition/handlers.js";

export interface PciIdentity {
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** Base class, sub-class and programming interface, for example 010802h. */
  readonly classCode: number;
  readonly subsystemVendor: number;
  readonly subsystem: number;
}

/** A memory range: a power of two of at least 4 KiB, so that ranges never share a page. */
export interface MemoryBar {
  readonly kind: "memory";
  /** Number of its base address register; a 64-bit one takes the next as well. */
  readonly index: number;
  readonly size: number;
  readonly wide?: boolean;
  readonly prefetchable?: boolean;
  readonly handler: MemoryHandler;
}

/** A port range: a power of two from 4 to 256; the handler is given offsets in place of port numbers. */
export interface PortBar {
  readonly kind: "ports";
  readonly index: number;
  readonly size: number;
  readonly handler: PortHandler;
}

export type Bar = MemoryBar | PortBar;

/** Where the MSI-X table and its pending bits lie inside one of the memory ranges. */
export interface MsixLayout {
  readonly vectors: number;
  readonly bar: number;
  readonly table: number;
  readonly pending: number;
}

export type InterruptMode = "pin" | "msi" | "msix";

/** The bus, seen from a function. */
export interface PciHost {
  /** "device.function" on bus 0, for messages and serial numbers. */
  readonly address: string;
  /** The guest lets the function transfer and send messages. */
  readonly busMaster: boolean;
  readonly interruptMode: InterruptMode;
  /** Fills `into` from guest memory; false when any of it is not RAM or ROM, or the function is no bus master. */
  read(address: number, into: Uint8Array): boolean;
  /** Stores into guest memory; false and nothing stored when any of it is not RAM, or likewise. */
  write(address: number, from: Uint8Array): boolean;
  isRam(address: number, size: number, writable?: boolean): boolean;
  /** Level of the interrupt pin; it reaches the controllers only in the mode "pin". */
  setPin(high: boolean): void;
  /** Sends a message of the current mode; nothing in the mode "pin". */
  sendMessage(vector: number): void;
  timer(expired: () => void): DeviceTimer;
  readonly nanoseconds: number;
}

export interface PciFunction {
  readonly name: string;
  readonly identity: PciIdentity;
  readonly bars: readonly Bar[];
  /** Interrupt pin: 1 INTA to 4 INTD; none when absent. */
  readonly pin?: 1 | 2 | 3 | 4;
  /** One message without a table. */
  readonly msi?: boolean;
  readonly msix?: MsixLayout;
  connect(host: PciHost): void;
  /** Power-on state. */
  reset(): void;
  save(): unknown;
  restore(state: unknown): void;
  /** The guest changed bus mastering or the interrupt mode. */
  configured?(): void;
}
