// A bus without a partition: ports, memory and lines that a test looks at, and a clock that it moves by
// hand, firing timers at their exact moments.

import type { Device, DeviceBus, DeviceTimer, GuestAccess } from "../../src/partition/device.js";
import { type MemoryHandler, type PortHandler, PortTable } from "../../src/partition/handlers.js";

class FakeTimer implements DeviceTimer {
  deadline: number | undefined;

  constructor(readonly expired: () => void) {}

  set(atNanoseconds: number): void {
    if (!Number.isFinite(atNanoseconds)) throw new Error(`a deadline of ${atNanoseconds}`);
    this.deadline = Math.ceil(atNanoseconds);
  }

  cancel(): void {
    this.deadline = undefined;
  }
}

export class FakeBus implements DeviceBus {
  readonly ram: Buffer;
  /** Levels of the 24 lines, and every change of one as "line+" or "line-". */
  readonly lines = new Array<boolean>(24).fill(false);
  readonly edges: string[] = [];
  messages: { address: number; data: number }[] = [];
  readonly memoryRanges: { base: number; size: number; handler: MemoryHandler }[] = [];
  powerOffs = 0;
  resets = 0;
  a20 = true;
  nanoseconds = 0;
  readonly memorySize: number;
  readonly guest: GuestAccess;
  readonly #ports = new PortTable();
  readonly #timers: FakeTimer[] = [];
  /** Addresses without RAM. */
  readonly #hole: readonly [number, number];

  constructor(memorySize = 2 << 20, hole: readonly [number, number] = [0, 0]) {
    this.memorySize = memorySize;
    this.ram = Buffer.alloc(memorySize);
    this.#hole = hole;
    this.guest = {
      size: memorySize,
      read: (gpa, length) => Uint8Array.from({ length }, (_, i) => (this.#isRam(gpa + i) ? this.ram[gpa + i] : 0xff)),
      write: (gpa, bytes) => {
        for (const [i, byte] of bytes.entries()) if (this.#isRam(gpa + i)) this.ram[gpa + i] = byte;
      },
      isMapped: (gpa, size) => {
        for (let i = 0; i < size; i++) if (!this.#isRam(gpa + i)) return false;
        return Number.isSafeInteger(gpa) && Number.isSafeInteger(size) && gpa >= 0;
      },
    };
  }

  #isRam(gpa: number): boolean {
    return gpa >= 0 && gpa < this.memorySize && (gpa < this.#hole[0] || gpa >= this.#hole[1]);
  }

  /** Connects and resets a device, as a partition does. */
  attach<T extends Device>(device: T): T {
    device.connect(this);
    device.reset();
    return device;
  }

  get virtualSeconds(): number {
    return this.nanoseconds / 1e9;
  }

  ports(first: number, count: number, handler: PortHandler): Disposable {
    return this.#ports.add(first, count, handler);
  }

  memory(base: number, size: number, handler: MemoryHandler): Disposable {
    this.memoryRanges.push({ base, size, handler });
    return { [Symbol.dispose]: () => {} };
  }

  interrupt(line: number, high: boolean): void {
    if (this.lines[line] !== high) this.edges.push(`${line}${high ? "+" : "-"}`);
    this.lines[line] = high;
  }

  message(address: number, data: number): void {
    this.messages.push({ address, data });
  }

  timer(expired: () => void): DeviceTimer {
    const timer = new FakeTimer(expired);
    this.#timers.push(timer);
    return timer;
  }

  powerOff(): void {
    this.powerOffs++;
  }

  reset(): void {
    this.resets++;
  }

  setA20(open: boolean): void {
    this.a20 = open;
  }

  /** Moves time to the next deadline and fires it; false when there is none until `limit`. */
  next(limit = Number.POSITIVE_INFINITY): boolean {
    let first: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.deadline !== undefined && timer.deadline < (first?.deadline ?? Number.POSITIVE_INFINITY)) first = timer;
    }
    if (first?.deadline === undefined || first.deadline > limit) return false;
    this.nanoseconds = Math.max(this.nanoseconds, first.deadline);
    first.deadline = undefined;
    first.expired();
    return true;
  }

  /** Lets guest time pass. */
  advance(nanoseconds: number): void {
    const end = this.nanoseconds + nanoseconds;
    while (this.next(end));
    this.nanoseconds = end;
  }

  /** An IN of 1, 2 or 4 bytes. */
  in(port: number, size = 1): number {
    const mask = size === 4 ? 0xffff_ffff : (1 << (size * 8)) - 1;
    return ((this.#ports.find(port)?.read?.(port, size) ?? 0xffff_ffff) & mask) >>> 0;
  }

  out(port: number, value: number, size = 1): void {
    this.#ports.find(port)?.write?.(port, size, value);
  }
}
