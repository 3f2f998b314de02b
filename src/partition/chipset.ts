// The devices that live in the core (assembly/chipset): which of them a partition has, the interrupt
// lines, and the byte streams between guest and host. Output is drained after every stay in the core;
// input is queued here when the UART's ring is full.

import type { Core } from "../engine/core.js";
import * as v from "../engine/views.js";
import { HypervisorError } from "../support/errors.js";
import { Listeners } from "../support/events.js";

/** Ports of each core device: first port and count. */
const DEVICE_PORTS = {
  /** The 8259A pair, and the latch between the coprocessor's error output and its line 13. */
  pic: [
    [0x20, 2],
    [0xa0, 2],
    [0x4d0, 2],
    [0xf0, 2],
  ],
  /** Interval timer, and the port that gates its speaker counter. */
  pit: [
    [0x40, 4],
    [0x61, 1],
  ],
  /** A local APIC in every processor, at FEE00000h and as x2APIC. */
  apic: [],
  /** I/O APIC at FEC00000h. */
  ioapic: [],
  com1: [[0x3f8, 8]],
  com2: [[0x2f8, 8]],
  /** System control port A: A20 gate and fast reset. */
  "port-92": [[0x92, 1]],
  "post-code": [[0x80, 1]],
  debugcon: [[0xe9, 1]],
  "debug-exit": [[0xf4, 1]],
} as const satisfies Record<string, readonly (readonly [first: number, count: number])[]>;

/** Pages that belong to core devices. */
const DEVICE_PAGES: Partial<Record<keyof typeof DEVICE_PORTS, number>> = { apic: 0xfee0_0000, ioapic: 0xfec0_0000 };

export type CoreDevice = keyof typeof DEVICE_PORTS;
export const coreDevices = Object.keys(DEVICE_PORTS) as readonly CoreDevice[];
/** What a partition has unless it is told otherwise. */
export const defaultDevices: readonly CoreDevice[] = [
  "pic",
  "pit",
  "com1",
  "port-92",
  "post-code",
  "debugcon",
  "debug-exit",
];

/** What the core is told about its devices. */
export function coreDeviceBits(devices: readonly CoreDevice[]): number {
  let bits = 0;
  if (devices.includes("apic")) bits |= v.CoreDevice.APIC;
  if (devices.includes("ioapic")) bits |= v.CoreDevice.IOAPIC;
  return bits;
}

export type OutputChannel = "com1" | "com2" | "debugcon";
export type InputChannel = "com1" | "com2";

interface Stream {
  readonly channel: OutputChannel;
  readonly ring: number;
  readonly written: number;
  readonly read: number;
  readonly listeners: Listeners<Uint8Array>;
}

function stream(channel: OutputChannel, ring: number, written: number, read: number): Stream {
  return { channel, ring, written, read, listeners: new Listeners() };
}

export class Chipset {
  readonly #core: Core;
  readonly #enabled: ReadonlySet<CoreDevice>;
  readonly #streams: readonly Stream[] = [
    stream("com1", v.UART_OUTPUT, v.UART_OUTPUT_WRITTEN, v.UART_OUTPUT_READ),
    stream("com2", v.UART_OUTPUT + v.UART_RING, v.UART_OUTPUT_WRITTEN + v.UART_SIZE, v.UART_OUTPUT_READ + v.UART_SIZE),
    stream("debugcon", v.DEBUGCON_OUTPUT, v.DEBUGCON_WRITTEN, v.DEBUGCON_READ),
  ];
  readonly #input: Uint8Array[][] = [[], []];

  constructor(core: Core, devices: readonly CoreDevice[]) {
    this.#core = core;
    this.#enabled = new Set(devices);
    for (const device of this.#enabled) {
      const ports = DEVICE_PORTS[device];
      if (ports === undefined) throw new HypervisorError("invalid-argument", `there is no core device "${device}"`);
      for (const [first, count] of ports) {
        for (let port = first; port < first + count; port++) core.bytes[v.PORT_MAP + (port >> 3)] |= 1 << (port & 7);
      }
    }
  }

  has(device: CoreDevice): boolean {
    return this.#enabled.has(device);
  }

  /** The core serves this port itself. */
  ownsPort(port: number): boolean {
    return ((this.#core.bytes[v.PORT_MAP + (port >> 3)] >> (port & 7)) & 1) !== 0;
  }

  /** The core serves this page itself, as far as the APICs are where they are after reset. */
  ownsMemory(base: number, size: number): boolean {
    return [...this.#enabled].some((device) => {
      const page = DEVICE_PAGES[device];
      return page !== undefined && base <= page && page < base + size;
    });
  }

  reset(): void {
    this.drain();
    this.#core.exports.resetChipset();
  }

  setInterruptLine(line: number, high: boolean): void {
    if (!Number.isInteger(line) || line < 0 || line > 23) {
      throw new HypervisorError("invalid-argument", `interrupt line ${line} does not exist`);
    }
    this.#core.exports.setInterruptLine(line, high ? 1 : 0);
  }

  /** A message-signalled interrupt; addresses outside FEExxxxxh reach no interrupt controller. */
  message(address: number, data: number): void {
    if (address <= 0xffff_ffff) this.#core.exports.message(address, data);
  }

  setA20(open: boolean): void {
    this.#core.exports.setA20(open ? 1 : 0);
  }

  get postCode(): number {
    return this.#core.getU32(v.POST_CODE);
  }

  onOutput(channel: OutputChannel, listener: (bytes: Uint8Array) => void): Disposable {
    const stream = this.#streams.find((entry) => entry.channel === channel);
    if (stream === undefined) throw new HypervisorError("invalid-argument", `there is no output channel "${channel}"`);
    return stream.listeners.add(listener);
  }

  /** Hands what the guest wrote to the listeners and frees the rings. */
  drain(): void {
    for (let i = 0; i < this.#streams.length; i++) {
      const { written, read } = this.#streams[i];
      const end = this.#core.getU32(written);
      const start = this.#core.getU32(read);
      if (end !== start) this.#deliver(this.#streams[i], start, (end - start) >>> 0);
    }
    if (this.#input[0].length !== 0) this.#feed(0);
    if (this.#input[1].length !== 0) this.#feed(1);
  }

  #deliver(stream: Stream, start: number, count: number): void {
    const bytes = new Uint8Array(Math.min(count, v.UART_RING));
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#core.bytes[stream.ring + ((start + i) & (v.UART_RING - 1))];
    this.#core.setU32(stream.read, start + count);
    stream.listeners.fire(bytes);
  }

  /** Input that the guest's serial ports have had no room for yet. */
  saveInput(): Uint8Array[][] {
    return this.#input.map((queue) => queue.map((chunk) => chunk.slice()));
  }
  checkInput(saved: readonly (readonly Uint8Array[])[]): void {
    if (saved.length === this.#input.length && saved.every((queue) => queue.every(ArrayBuffer.isView))) return;
    throw new HypervisorError("incompatible-state", "the saved input of the serial ports is not made of bytes");
  }
  restoreInput(saved: readonly (readonly Uint8Array[])[]): void {
    for (const [n, queue] of this.#input.entries()) {
      queue.splice(0, queue.length, ...saved[n].map((chunk) => Uint8Array.from(chunk)));
    }
  }

  /** Queues bytes for the guest to receive. */
  send(channel: InputChannel, bytes: Uint8Array): void {
    const n = channel === "com1" ? 0 : 1;
    if (bytes.length === 0) return;
    this.#input[n].push(Uint8Array.from(bytes));
    this.#feed(n);
  }

  #feed(n: 0 | 1): void {
    const queue = this.#input[n];
    for (let chunk = queue[0]; chunk !== undefined; chunk = queue[0]) {
      let taken = 0;
      while (taken < chunk.length && this.#core.exports.uartInput(n, chunk[taken]) !== 0) taken++;
      if (taken < chunk.length) {
        queue[0] = chunk.subarray(taken);
        return;
      }
      queue.shift();
    }
  }
}
