// The MC146818 real-time clock and its CMOS RAM at ports 70h/71h (Motorola data sheet; PC/AT technical
// reference for the memory-size bytes). Time runs with the guest's virtual clock from a given start. There
// are no alarm or periodic interrupts; update-in-progress never shows.
//
//   0 seconds 2 minutes 4 hours 6 weekday 7 day 8 month 9 year 32h century | 0Ah-0Dh status A-D
//   15h-16h base memory KiB  17h-18h, 30h-31h extended KiB  34h-35h above 16 MiB  5Bh-5Dh above 4 GiB (64 KiB units)

import type { Device, DeviceBus } from "../partition/device.js";

const INDEX_PORT = 0x70;
const SIZE = 128;
const STATUS_A = 0x0a;
const STATUS_B = 0x0b;
const STATUS_C = 0x0c;
const STATUS_D = 0x0d;
/** Divider for a 32.768 kHz crystal, 1.024 kHz rate. */
const DIVIDER = 0x26;
const HOURS_24 = 0x02;
const BINARY = 0x04;
const VALID = 0x80;
const FOUR_GIB = 0x1_0000_0000;
/** RAM of a partition ends here below 4 GiB. */
const LOW_MAX = 0xc000_0000;

interface CmosState {
  index: number;
  ram: number[];
}

export class Cmos implements Device {
  readonly name = "cmos";
  readonly #start: number;
  #bus: DeviceBus | undefined;
  #index = 0;
  readonly #ram = new Uint8Array(SIZE);

  /** `start` is the time at power-on. */
  constructor(start: Date = new Date(Date.UTC(2026, 0, 1))) {
    this.#start = start.getTime();
  }

  connect(bus: DeviceBus): void {
    this.#bus = bus;
    bus.ports(INDEX_PORT, 2, {
      read: (port) => (port === INDEX_PORT ? 0xff : this.#read(this.#index)),
      write: (port, _size, value) => {
        // Bit 7 of the index masks NMI on a PC; no NMI source is connected here.
        if (port === INDEX_PORT) this.#index = value & 0x7f;
        else if (this.#index !== STATUS_C && this.#index !== STATUS_D) this.#ram[this.#index] = value;
      },
    });
  }

  reset(): void {
    this.#index = 0;
    this.#ram.fill(0);
    this.#ram[STATUS_A] = DIVIDER;
    this.#ram[STATUS_B] = HOURS_24;
    const size = this.#bus?.memorySize ?? 0;
    const low = Math.min(size, LOW_MAX);
    const put16 = (at: number, value: number): void => {
      this.#ram[at] = value & 0xff;
      this.#ram[at + 1] = (value >> 8) & 0xff;
    };
    const extended = Math.min(Math.max(low / 1024 - 1024, 0), 0xffff);
    put16(0x15, Math.min(low / 1024, 640));
    put16(0x17, extended);
    put16(0x30, extended);
    put16(0x34, Math.min(Math.max((low - 0x100_0000) / 0x10000, 0), 0xffff));
    const high = Math.max(size - low, 0) / 0x10000;
    put16(0x5b, high & 0xffff);
    this.#ram[0x5d] = Math.min(Math.floor(high / FOUR_GIB), 0xff);
  }

  save(): CmosState {
    return { index: this.#index, ram: [...this.#ram] };
  }

  restore(state: unknown): void {
    const { index, ram } = state as CmosState;
    this.#index = index & 0x7f;
    this.#ram.set(ram.slice(0, SIZE));
  }

  #read(index: number): number {
    const now = new Date(this.#start + (this.#bus?.virtualSeconds ?? 0) * 1000);
    switch (index) {
      case 0x00:
        return this.#digits(now.getUTCSeconds());
      case 0x02:
        return this.#digits(now.getUTCMinutes());
      case 0x04:
        return this.#hours(now.getUTCHours());
      case 0x06:
        return this.#digits(now.getUTCDay() + 1);
      case 0x07:
        return this.#digits(now.getUTCDate());
      case 0x08:
        return this.#digits(now.getUTCMonth() + 1);
      case 0x09:
        return this.#digits(now.getUTCFullYear() % 100);
      case 0x32:
        return this.#digits(Math.floor(now.getUTCFullYear() / 100));
      case STATUS_C:
        return 0;
      case STATUS_D:
        return VALID;
      default:
        return this.#ram[index];
    }
  }

  #digits(value: number): number {
    return (this.#ram[STATUS_B] & BINARY) !== 0 ? value : (Math.floor(value / 10) << 4) | (value % 10);
  }

  #hours(hours: number): number {
    if ((this.#ram[STATUS_B] & HOURS_24) !== 0) return this.#digits(hours);
    return this.#digits(hours % 12 === 0 ? 12 : hours % 12) | (hours >= 12 ? 0x80 : 0);
  }
}
