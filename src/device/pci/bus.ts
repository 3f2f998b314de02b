// PCI bus 0: configuration mechanism #1 (PCI Local Bus 3.0, 3.2.2.3.2), the host bridge, the functions behind
// it, and what a PC's firmware does for them at power-on: every range gets an address, every pin a line.
// Kernels that are started without firmware rely on those addresses.
//
//   CF8h (doubleword)  31 enable | 23:16 bus | 15:11 device | 10:8 function | 7:2 register
//   CFCh-CFFh          the bytes of that register
//
// Pins reach the I/O APIC inputs 16-19 (INTA-INTD of every device alike) and, for systems without it, the
// 8259A lines 10 (INTA, INTC) and 11 (INTB, INTD), which are level-triggered.

import type { Device, DeviceBus } from "../../partition/device.js";
import { alignUp } from "../../support/bytes.js";
import { HypervisorError } from "../../support/errors.js";
import type { Bar, PciFunction } from "./function.js";
import { HostBridge } from "./host-bridge.js";
import * as r from "./registers.js";
import { PciSlot } from "./slot.js";

const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
const ENABLE = 0x8000_0000;
const ADDRESS_MASK = 0x80ff_fffc;
const DEVICES = 32;

/** Ranges are assigned from here; RAM never reaches into it. */
const MEMORY_WINDOW = { base: 0xc000_0000, end: 0xfec0_0000 };
const PORT_WINDOW = { base: 0xc000, end: 0x1_0000 };

const FIRST_GSI = 16;
const PINS = 4;
const PIC_LINES = [10, 11, 10, 11] as const;

interface BusState {
  address: number;
  slots: { device: number; name: string; saved: unknown }[];
}

/** Where an interrupt pin (1 INTA to 4 INTD) leads: the I/O APIC's input and the 8259A line. */
export function interruptRoute(pin: number): { gsi: number; line: number } {
  return { gsi: FIRST_GSI + pin - 1, line: PIC_LINES[pin - 1] };
}

export class PciBus implements Device {
  readonly name = "pci";
  readonly #functions: { device: number; fn: PciFunction }[] = [];
  readonly #slots: (PciSlot | undefined)[] = new Array(DEVICES).fill(undefined);
  /** Per pin, who asks for an interrupt. */
  readonly #asking = Array.from({ length: PINS }, () => new Set<PciSlot>());
  #bus: DeviceBus | undefined;
  #address = 0;

  constructor(functions: readonly PciFunction[] = []) {
    this.add(new HostBridge(), 0);
    for (const fn of functions) this.add(fn);
  }

  /** Puts a function in a device slot, by default the first free one; before the bus is attached. */
  add(fn: PciFunction, device = this.#freeDevice()): void {
    if (this.#bus !== undefined) {
      throw new HypervisorError(
        "invalid-argument",
        `PCI function "${fn.name}" is too late: add it before the bus is attached to the partition`,
      );
    }
    const taken = this.#functions.some((entry) => entry.device === device);
    if (!Number.isInteger(device) || device < 0 || device >= DEVICES || taken) {
      throw new HypervisorError(
        "invalid-argument",
        `PCI device ${device} is taken or does not exist: bus 0 has devices 0 (the host bridge) to ${DEVICES - 1}`,
      );
    }
    this.#functions.push({ device, fn });
  }

  #freeDevice(): number {
    for (let device = 0; device < DEVICES; device++) {
      if (!this.#functions.some((entry) => entry.device === device)) return device;
    }
    return DEVICES;
  }

  connect(bus: DeviceBus): void {
    this.#bus = bus;
    for (const { device, fn } of this.#functions) {
      this.#slots[device] = new PciSlot(device, fn, bus, (slot, high) => this.#drive(slot, high));
    }
    // Only whole doublewords reach the address register; CF9h is the chipset's reset control.
    bus.ports(CONFIG_ADDRESS, 1, {
      read: (_port, size) => (size === 4 ? this.#address : 0xffff_ffff),
      write: (_port, size, value) => {
        if (size === 4) this.#address = (value & ADDRESS_MASK) >>> 0;
      },
    });
    bus.ports(CONFIG_DATA, 4, {
      read: (port, size) => this.#readData(port - CONFIG_DATA, size),
      write: (port, size, value) => this.#writeData(port - CONFIG_DATA, size, value),
    });
  }

  /** Power-on state, with addresses and lines assigned. */
  reset(): void {
    this.#address = 0;
    for (const slot of this.#slots) slot?.reset();
    this.assign();
  }

  /** Gives every range an address and every pin a line, and enables decoding, as firmware does. */
  assign(): void {
    let memory = MEMORY_WINDOW.base;
    let port = PORT_WINDOW.base;
    for (const slot of this.#slots) {
      if (slot === undefined) continue;
      let decode = 0;
      // The largest first: then none needs a gap for its alignment.
      for (const { bar } of [...slot.regions].sort((a, b) => b.bar.size - a.bar.size)) {
        const next = bar.kind === "memory" ? memory : port;
        const base = alignUp(next, bar.size);
        const end = bar.kind === "memory" ? MEMORY_WINDOW.end : PORT_WINDOW.end;
        if (base + bar.size > end) continue;
        this.#setBase(slot, bar, base);
        if (bar.kind === "memory") memory = base + bar.size;
        else port = base + bar.size;
        decode |= bar.kind === "memory" ? r.COMMAND_MEMORY_SPACE : r.COMMAND_IO_SPACE;
      }
      if (slot.fn.pin !== undefined) slot.config.write(r.INTERRUPT_LINE, 1, interruptRoute(slot.fn.pin).line);
      slot.config.write(r.COMMAND, 2, slot.config.command | decode);
      slot.configure();
    }
    this.#place();
  }

  #setBase(slot: PciSlot, bar: Bar, base: number): void {
    slot.config.write(r.BASE_ADDRESS + bar.index * 4, 4, base);
  }

  /** Where a function's range is decoded now; undefined while it is not. */
  decoded(device: number, index: number): number | undefined {
    return this.#slots[device]?.regions.find((region) => region.bar.index === index)?.base;
  }

  /** Brings all ranges to their places: first all leave, then those find room that were refused before. */
  #place(): void {
    const bus = this.#bus;
    if (bus === undefined) return;
    for (const slot of this.#slots) {
      for (const region of slot?.regions ?? []) region.leave(slot?.wanted(region));
    }
    for (const slot of this.#slots) {
      for (const region of slot?.regions ?? []) region.enter(bus, slot?.wanted(region));
    }
  }

  /** The function that the address register names. */
  get #selected(): PciSlot | undefined {
    const onBus0 = (this.#address & ENABLE) !== 0 && ((this.#address >>> 16) & 0xff) === 0;
    const isFunction0 = ((this.#address >>> 8) & 7) === 0;
    return onBus0 && isFunction0 ? this.#slots[(this.#address >>> 11) & (DEVICES - 1)] : undefined;
  }

  #readData(lane: number, size: number): number {
    const slot = this.#selected;
    // An access that runs over the end of the doubleword is split by the bus: no one answers its rest.
    const count = Math.min(size, 4 - lane);
    if (slot === undefined) return 0xffff_ffff;
    const value = slot.config.read((this.#address & 0xfc) + lane, count);
    return count === size ? value : (value | (-1 << (count * 8))) >>> 0;
  }

  #writeData(lane: number, size: number, value: number): void {
    const slot = this.#selected;
    if (slot === undefined) return;
    const offset = (this.#address & 0xfc) + lane;
    slot.config.write(offset, Math.min(size, 4 - lane), value);
    slot.configure();
    if (offset < r.BASE_ADDRESS + r.BASE_ADDRESSES * 4) this.#place();
  }

  /** Lines are shared: one is high while any function asks on it. */
  #drive(slot: PciSlot, high: boolean): void {
    const { pin } = slot.fn;
    if (pin === undefined || this.#bus === undefined) return;
    const asking = this.#asking[pin - 1];
    if (asking.has(slot) === high) return;
    if (high) asking.add(slot);
    else asking.delete(slot);
    const { gsi, line } = interruptRoute(pin);
    this.#bus.interrupt(gsi, asking.size > 0);
    this.#bus.interrupt(
      line,
      PIC_LINES.some((other, n) => other === line && this.#asking[n].size > 0),
    );
  }

  save(): BusState {
    const slots: BusState["slots"] = [];
    for (const slot of this.#slots) {
      if (slot !== undefined) slots.push({ device: slot.device, name: slot.fn.name, saved: slot.save() });
    }
    return { address: this.#address, slots };
  }

  restore(state: unknown): void {
    const { address, slots } = state as BusState;
    const present = this.#slots.filter((slot) => slot !== undefined);
    const same =
      present.length === slots.length &&
      present.every((slot, n) => slot.fn.name === slots[n].name && slot.device === slots[n].device);
    if (!same) {
      throw new HypervisorError(
        "incompatible-state",
        `the saved state has the PCI functions ${slots.map(({ device, name }) => `${device} ${name}`).join(", ")}, ` +
          `this bus ${present.map(({ device, fn }) => `${device} ${fn.name}`).join(", ")}: build the same bus first`,
      );
    }
    this.#address = (address & ADDRESS_MASK) >>> 0;
    present.forEach((slot, n) => {
      slot.restore(slots[n].saved);
    });
    this.#place();
  }
}
