// A partition for devices under test: ports, memory ranges, RAM as one buffer, a clock that the test moves, and a
// record of what reached the interrupt controllers. It has the rules of the real one: ranges are whole pages, do
// not overlap one another or RAM, and end up in typed errors otherwise.

import type { Device, DeviceBus, DeviceTimer } from "../../../src/partition/device.js";
import { type MemoryHandler, PortTable, RangeTable } from "../../../src/partition/handlers.js";
import { HypervisorError } from "../../../src/support/errors.js";

const PAGE = 0x1000;

class Timer implements DeviceTimer {
  deadline: number | undefined;

  constructor(readonly expired: () => void) {}

  set(atNanoseconds: number): void {
    if (!Number.isFinite(atNanoseconds)) throw new Error(`a deadline of ${atNanoseconds}`);
    this.deadline = atNanoseconds;
  }

  cancel(): void {
    this.deadline = undefined;
  }
}

export class TestBus implements DeviceBus {
  readonly ram: Buffer;
  readonly lines = new Array<boolean>(24).fill(false);
  messages: { address: number; data: number }[] = [];
  nanoseconds = 0;
  readonly #ports = new PortTable();
  readonly #ranges = new RangeTable<MemoryHandler>("memory range", 2 ** 44 - 1);
  readonly #timers: Timer[] = [];

  constructor(size: number) {
    this.ram = Buffer.alloc(size);
  }

  attach(device: Device): void {
    device.connect(this);
    device.reset();
  }

  get virtualSeconds(): number {
    return this.nanoseconds / 1e9;
  }

  get memorySize(): number {
    return this.ram.length;
  }

  readonly guest = {
    isMapped: (gpa: number, size: number): boolean =>
      Number.isSafeInteger(gpa) && Number.isSafeInteger(size) && gpa >= 0 && size >= 0 && gpa + size <= this.ram.length,
    read: (gpa: number, length: number): Uint8Array => {
      if (!this.guest.isMapped(gpa, length)) throw new Error(`the device read ${length} bytes at ${gpa}`);
      return this.ram.subarray(gpa, gpa + length);
    },
    write: (gpa: number, bytes: Uint8Array): void => {
      if (!this.guest.isMapped(gpa, bytes.length)) throw new Error(`the device wrote ${bytes.length} bytes at ${gpa}`);
      this.ram.set(bytes, gpa);
    },
    get size(): number {
      return 0;
    },
  };

  ports: DeviceBus["ports"] = (first, count, handler) => this.#ports.add(first, count, handler);

  memory(base: number, size: number, handler: MemoryHandler): Disposable {
    if (base % PAGE !== 0 || size % PAGE !== 0) throw new HypervisorError("invalid-range", "not whole pages");
    if (base < this.ram.length) throw new HypervisorError("range-overlap", "over RAM");
    if (this.#ranges.size >= 64) throw new HypervisorError("range-limit", "table full");
    const entry = this.#ranges.add(base, size, handler);
    return { [Symbol.dispose]: () => void this.#ranges.remove(entry) };
  }

  interrupt(line: number, high: boolean): void {
    this.lines[line] = high;
  }

  message(address: number, data: number): void {
    this.messages.push({ address, data });
  }

  timer(expired: () => void): DeviceTimer {
    const timer = new Timer(expired);
    this.#timers.push(timer);
    return timer;
  }

  powerOff(): void {}
  reset(): void {}
  setA20(): void {}

  /** Moves time to the next deadline and fires it; false when there is none (until `limit`). */
  next(limit = Number.POSITIVE_INFINITY): boolean {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.deadline !== undefined && timer.deadline < (first?.deadline ?? Number.POSITIVE_INFINITY)) first = timer;
    }
    if (first?.deadline === undefined || first.deadline > limit) return false;
    this.nanoseconds = Math.max(this.nanoseconds, first.deadline);
    first.deadline = undefined;
    first.expired();
    return true;
  }

  in(port: number, size: number): number {
    const value = this.#ports.find(port)?.read?.(port, size) ?? 0xffff_ffff;
    return size === 4 ? value >>> 0 : value & (2 ** (size * 8) - 1);
  }

  out(port: number, size: number, value: number): void {
    this.#ports.find(port)?.write?.(port, size, value);
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
    this.out(0xcf8, 4, (0x8000_0000 | (device << 11) | (offset & 0xfc)) >>> 0);
    return this.in(0xcfc + (offset & 3), size);
  }

  configWrite(device: number, offset: number, size: number, value: number): void {
    this.out(0xcf8, 4, (0x8000_0000 | (device << 11) | (offset & 0xfc)) >>> 0);
    this.out(0xcfc + (offset & 3), size, value);
  }
}
