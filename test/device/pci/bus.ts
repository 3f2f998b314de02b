// A bus for functions behind PCI: the fake bus with memory ranges that are decoded, and configuration accesses. Here
// it is as strict as a partition, and stricter: ranges are whole pages and do not overlap one another or RAM, and
// a transfer that leaves RAM fails the test.

import type { GuestAccess } from "../../../src/partition/device.js";
import { type MemoryHandler, RangeTable } from "../../../src/partition/handlers.js";
import { HypervisorError } from "../../../src/support/errors.js";
import { FakeBus } from "../bus.js";

const PAGE = 0x1000;
const RANGES_MAX = 64;

export class TestBus extends FakeBus {
  readonly #ranges = new RangeTable<MemoryHandler>("memory range", 2 ** 44 - 1);

  override readonly guest: GuestAccess = {
    size: this.memorySize,
    isMapped: (gpa, size) =>
      Number.isSafeInteger(gpa) && Number.isSafeInteger(size) && gpa >= 0 && size >= 0 && gpa + size <= this.ram.length,
    read: (gpa, length) => {
      if (!this.guest.isMapped(gpa, length)) throw new Error(`the device read ${length} bytes at ${gpa}`);
      return Uint8Array.from(this.ram.subarray(gpa, gpa + length));
    },
    write: (gpa, bytes) => {
      if (!this.guest.isMapped(gpa, bytes.length)) throw new Error(`the device wrote ${bytes.length} bytes at ${gpa}`);
      this.ram.set(bytes, gpa);
    },
  };

  override memory(base: number, size: number, handler: MemoryHandler): Disposable {
    if (base % PAGE !== 0 || size % PAGE !== 0) throw new HypervisorError("invalid-range", "not whole pages");
    if (base < this.ram.length) throw new HypervisorError("range-overlap", "over RAM");
    if (this.#ranges.size >= RANGES_MAX) throw new HypervisorError("range-limit", "table full");
    const entry = this.#ranges.add(base, size, handler);
    return { [Symbol.dispose]: () => void this.#ranges.remove(entry) };
  }

  load(gpa: number, size: number): bigint {
    const entry = this.#ranges.find(gpa);
    const value = entry?.handler.read?.(gpa - entry.first, size) ?? -1n;
    return BigInt.asUintN(size * 8, BigInt(value));
  }

  store(gpa: number, size: number, value: bigint): void {
    const entry = this.#ranges.find(gpa);
    entry?.handler.write?.(gpa - entry.first, size, BigInt.asUintN(size * 8, value));
  }

  /** Configuration mechanism #1. */
  configRead(device: number, offset: number, size: number): number {
    this.out(0xcf8, (0x8000_0000 | (device << 11) | (offset & 0xfc)) >>> 0, 4);
    return this.in(0xcfc + (offset & 3), size);
  }

  configWrite(device: number, offset: number, size: number, value: number): void {
    this.out(0xcf8, (0x8000_0000 | (device << 11) | (offset & 0xfc)) >>> 0, 4);
    this.out(0xcfc + (offset & 3), value, size);
  }
}
