// A bus without a partition: ports, memory and lines that a test looks at, and a clock that it moves by
// hand, firing timers at their exact moments.

import type { Device, DeviceBus, DeviceTimer, GuestAccess } from "../../src/partition/device.js";
import type { MemoryHandler, PortHandler } from "../../src/partition/handlers.js";

interface FakeTimer extends DeviceTimer {
  deadline: number | undefined;
  expired: () => void;
}

export class FakeBus implements DeviceBus {
  readonly ram: Uint8Array;
  /** Levels of the 24 lines, and every change of one as "line+" or "line-". */
  readonly lines = new Array<boolean>(24).fill(false);
  readonly edges: string[] = [];
  readonly messages: [number, number][] = [];
  readonly memoryRanges: { base: number; size: number; handler: MemoryHandler }[] = [];
  powerOffs = 0;
  resets = 0;
  a20 = true;
  nanoseconds = 0;
  memorySize: number;
  readonly guest: GuestAccess;
  readonly #handlers = new Map<number, PortHandler>();
  readonly #timers: FakeTimer[] = [];
  /** Addresses without RAM. */
  readonly #hole: readonly [number, number];

  constructor(memorySize = 2 << 20, hole: readonly [number, number] = [0, 0]) {
    this.memorySize = memorySize;
    this.ram = new Uint8Array(memorySize);
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
    for (let port = first; port < first + count; port++) {
      if (this.#handlers.has(port)) throw new Error(`port ${port.toString(16)} is taken`);
      this.#handlers.set(port, handler);
    }
    return { [Symbol.dispose]: () => {} };
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
    this.messages.push([address, data]);
  }

  timer(expired: () => void): DeviceTimer {
    const timer: FakeTimer = {
      deadline: undefined,
      expired,
      set: (at) => {
        timer.deadline = Math.ceil(at);
      },
      cancel: () => {
        timer.deadline = undefined;
      },
    };
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

  /** Lets guest time pass. */
  advance(nanoseconds: number): void {
    const end = this.nanoseconds + nanoseconds;
    for (;;) {
      const next = this.#timers
        .filter((timer) => timer.deadline !== undefined)
        .sort((a, b) => a.deadline! - b.deadline!)[0];
      if (next === undefined || next.deadline! > end) break;
      this.nanoseconds = Math.max(this.nanoseconds, next.deadline!);
      next.deadline = undefined;
      next.expired();
    }
    this.nanoseconds = end;
  }

  /** An IN of 1, 2 or 4 bytes. */
  in(port: number, size = 1): number {
    const mask = size === 4 ? 0xffff_ffff : (1 << (size * 8)) - 1;
    return ((this.#handlers.get(port)?.read?.(port, size) ?? 0xffff_ffff) & mask) >>> 0;
  }

  out(port: number, value: number, size = 1): void {
    this.#handlers.get(port)?.write?.(port, size, value);
  }
}
