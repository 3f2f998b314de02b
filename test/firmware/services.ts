// The BIOS on a bus without a processor: a test makes the frame that an entry of the ROM would make, has it
// served, and reads the registers back.

import { I8042 } from "../../src/device/i8042/controller.js";
import { Rtc } from "../../src/device/rtc.js";
import { Vga } from "../../src/device/vga/vga.js";
import { Bios } from "../../src/firmware/bios.js";
import type { MemoryRegion } from "../../src/loader/e820.js";
import type { Disk } from "../../src/storage/disk.js";
import { FakeBus } from "../device/bus.js";

const MIB = 1 << 20;
/** Stack of the caller. */
const STACK = { ss: 0x2000, sp: 0x0100 };
const FRAME = STACK.ss * 16 + STACK.sp;

const PLACES = {
  es: [0, 2], ds: [2, 2], di: [4, 2], si: [8, 2], bp: [12, 2],
  ebx: [20, 4], bx: [20, 2], bl: [20, 1], bh: [21, 1],
  edx: [24, 4], dx: [24, 2], dl: [24, 1], dh: [25, 1],
  ecx: [28, 4], cx: [28, 2], cl: [28, 1], ch: [29, 1],
  eax: [32, 4], ax: [32, 2], al: [32, 1], ah: [33, 1],
  service: [36, 2], ip: [38, 2], cs: [40, 2], flags: [42, 2],
} as const; // biome-ignore format: a table
export type Registers = { -readonly [Name in keyof typeof PLACES]?: number };

export class Caller {
  readonly bus: FakeBus;
  readonly rtc = new Rtc({ start: new Date(Date.UTC(2024, 1, 28, 13, 59, 58)) });
  readonly i8042 = new I8042();
  readonly screen = new Vga();
  readonly bios: Bios;
  readonly #view: DataView;
  readonly memoryMap: readonly MemoryRegion[];

  constructor(disks: readonly Disk[] = [], diskettes: readonly Disk[] = [], memorySize = 2 * MIB) {
    this.bus = new FakeBus(memorySize);
    this.#view = new DataView(this.bus.ram.buffer);
    this.memoryMap = [
      { base: 0, size: 0x9fc00, type: 1 },
      { base: 0xf0000, size: 0x10000, type: 2 },
      { base: MIB, size: memorySize - MIB, type: 1 },
    ];
    for (const device of [this.rtc, this.i8042, this.screen]) this.bus.attach(device);
    const { rtc, i8042, screen, memoryMap } = this;
    this.bios = this.bus.attach(new Bios({ rtc, i8042, screen, memoryMap, serialPorts: [0x3f8], disks, diskettes }));
    this.call(0xfe);
  }

  /** One trap of an entry: registers before, registers after. */
  call(
    service: number,
    registers: Registers = {},
  ): Required<Registers> & { carry: boolean; zero: boolean; waits: boolean } {
    this.bus.ram.fill(0, FRAME, FRAME + 44);
    this.#set({ service, flags: 0x0202, cs: 0x1234, ip: 0x5678, ...registers });
    return this.again();
  }

  /** The trap of an entry that was told to wait. */
  again(): ReturnType<Caller["call"]> {
    this.#set({ service: this.#get("service") & 0x7fff });
    this.bus.out(0xb10, ((STACK.ss << 16) | STACK.sp) >>> 0, 4);
    const result = Object.fromEntries(
      (Object.keys(PLACES) as (keyof typeof PLACES)[]).map((name) => [name, this.#get(name)]),
    ) as Required<Registers>;
    const { flags, service } = result;
    return { ...result, carry: (flags & 1) !== 0, zero: (flags & 0x40) !== 0, waits: (service & 0x8000) !== 0 };
  }

  #get(name: keyof typeof PLACES): number {
    const [at, size] = PLACES[name];
    if (size === 4) return this.#view.getUint32(FRAME + at, true);
    return size === 2 ? this.#view.getUint16(FRAME + at, true) : this.#view.getUint8(FRAME + at);
  }

  #set(registers: Registers): void {
    for (const [name, value] of Object.entries(registers)) {
      const [at, size] = PLACES[name as keyof typeof PLACES];
      for (let n = 0; n < size; n++) this.bus.ram[FRAME + at + n] = value >>> (n * 8);
    }
  }

  word(at: number): number {
    return this.#view.getUint16(at, true);
  }
  dword(at: number): number {
    return this.#view.getUint32(at, true);
  }
  /** Text through function 0Eh. */
  print(text: string): void {
    for (const character of text) this.call(0x10, { ah: 0x0e, al: character.charCodeAt(0) });
  }
  /** Scan codes of set 1 through INT 9. */
  scan(...codes: number[]): void {
    for (const al of codes) this.call(0x09, { al });
  }
}
