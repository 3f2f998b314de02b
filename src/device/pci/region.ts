// One range of a function in the address space of the partition. It is decoded only where nothing else is: a
// guest that moves it over RAM, the interrupt controllers, the ROM, or another device's range gets a range that
// answers nowhere until it or the other one moves, as on a board where the first decoder wins.
//
//   memory: above 0 and below FEC00000h, or from 4 GiB to 2^40     ports: 100h to FFFFh

import type { DeviceBus } from "../../partition/device.js";
import type { MemoryHandler, PortHandler } from "../../partition/handlers.js";
import { HypervisorError } from "../../support/errors.js";
import type { Bar } from "./function.js";

/** I/O APIC, local APICs and ROM: the processors' own, never PCI. */
const RESERVED_FIRST = 0xfec0_0000;
const FOUR_GIB = 0x1_0000_0000;
const MEMORY_END = 2 ** 40;
/** Ports below are the main board's. */
const PORTS_FIRST = 0x100;
const PORTS_END = 0x1_0000;

/** What the partition says to a range that has no place there. */
const REFUSALS: readonly string[] = ["range-overlap", "range-limit", "invalid-range"];

export class Region {
  readonly bar: Bar;
  readonly #handler: MemoryHandler | undefined;
  #base: number | undefined;
  #registration: Disposable | undefined;

  /** `handler` serves a memory range in place of the bar's own. */
  constructor(bar: Bar, handler?: MemoryHandler) {
    this.bar = bar;
    this.#handler = bar.kind === "memory" ? (handler ?? bar.handler) : undefined;
  }

  /** Where it is decoded; undefined while it is not. */
  get base(): number | undefined {
    return this.#base;
  }

  /** Leaves its place unless that is the wanted one. */
  leave(wanted: number | undefined): void {
    if (this.#base === undefined || this.#base === wanted) return;
    this.#registration?.[Symbol.dispose]();
    this.#registration = undefined;
    this.#base = undefined;
  }

  /** Takes the wanted place when it is free. */
  enter(bus: DeviceBus, wanted: number | undefined): void {
    if (this.#base !== undefined || wanted === undefined || !this.#isPlace(wanted)) return;
    try {
      this.#registration = this.#register(bus, wanted);
      this.#base = wanted;
    } catch (error) {
      if (!(error instanceof HypervisorError) || !REFUSALS.includes(error.code)) throw error;
    }
  }

  #isPlace(base: number): boolean {
    const end = base + this.bar.size;
    if (this.bar.kind === "ports") return base >= PORTS_FIRST && end <= PORTS_END;
    return base > 0 && (end <= RESERVED_FIRST || base >= FOUR_GIB) && end <= MEMORY_END;
  }

  #register(bus: DeviceBus, base: number): Disposable {
    if (this.#handler !== undefined) return bus.memory(base, this.bar.size, this.#handler);
    const { read, write } = this.bar.handler as PortHandler;
    return bus.ports(base, this.bar.size, {
      read: read && ((port, size) => read(port - base, size)),
      write: write && ((port, size, value) => write(port - base, size, value)),
    });
  }
}
