// A processor in 64-bit mode for tests of single vector instructions: registers are set as numbers, the source is one or
// several lines of assembler, and what ends it (done, an exception, a device access) is told.
//
//   10000000 code (writable) | 20000000 data, two pages whose frames are not neighbours | 20002000 not present
//   30000000 a device page; 2FFFF000 is the RAM page before it, 30001000 the one behind it

import * as L from "../../src/engine/views.js";
import { build, type Environment, enter, type PageTables } from "../engine/environment.js";
import { Exit, Machine } from "../engine/harness.js";
import { assemble } from "../guest/assemble.js";

export const CODE = 0x1000_0000;
export const DATA = 0x2000_0000;
export const DATA2 = DATA + 0x1000;
export const HOLE = DATA + 0x2000;
export const DEVICE = 0x3000_0000;

const FRAME = { code: 0x100_000, data: 0x101_000, data2: 0x103_000, before: 0x105_000, behind: 0x107_000 } as const;
/** Guest-physical address of the device: no RAM there. */
const DEVICE_PHYSICAL = 0x4000_0000;

export interface Outcome {
  readonly kind: "done" | "exception" | "memory";
  /** Exception: vector and error code; CR2 of a page fault. */
  readonly vector?: number;
  readonly error?: bigint;
  readonly cr2?: bigint;
  /** Device access: physical address relative to the device, size, direction, value. */
  readonly offset?: bigint;
  readonly size?: number;
  readonly write?: boolean;
  readonly value?: bigint;
}

const images = new Map<string, Uint8Array>();

function bytesOf(source: string): Uint8Array {
  let bytes = images.get(source);
  if (bytes === undefined) {
    const { chunks } = assemble(`.org ${CODE}\n${source}\n`, { mode: 64, symbols: {}, name: "test" });
    bytes = chunks[0]!.bytes;
    images.set(source, bytes);
  }
  return bytes;
}

/** 128 bits as hex digits, highest byte first. */
export const hex = (value: bigint): string => value.toString(16).padStart(32, "0");

export class Processor {
  readonly machine = new Machine({ pages: 512 });
  private readonly tables: PageTables;

  constructor(private readonly environment: Environment = { code: 64, paging: "long", cpl: 3 }) {
    const m = this.machine;
    this.tables = build(m, environment);
    const map = (linear: number, physical: number): void => this.tables.map(BigInt(linear), physical);
    map(CODE, FRAME.code);
    map(DATA, FRAME.data);
    map(DATA2, FRAME.data2);
    map(DEVICE - 0x1000, FRAME.before);
    map(DEVICE, DEVICE_PHYSICAL);
    map(DEVICE + 0x1000, FRAME.behind);
    this.reset();
  }

  /** Control registers as a system with SSE sets them; registers as they are. */
  reset(): void {
    const m = this.machine;
    m.settle();
    enter(m, this.environment, this.tables.root);
    m.set32(L.EXCEPTION_BITMAP, 0xffffffff);
    m.u8[L.X87_STATUS] = 0;
    m.u8[L.X87_STATUS + 1] = 0;
    m.core.setRflags(0x202);
  }

  /** Changes bits of CR0 or CR4. */
  control(register: "cr0" | "cr4", set: bigint, clear = 0n): void {
    const cell = register === "cr0" ? L.CR0 : L.CR4;
    this.machine.set64(cell, (this.machine.get64(cell) & ~clear) | set);
  }

  /** Writes the program and points RIP at it. */
  load(source: string): number {
    const bytes = bytesOf(source);
    const m = this.machine;
    m.poke(FRAME.code, bytes);
    // UD0 behind it: it never runs.
    m.poke(FRAME.code + bytes.length, [0x0f, 0xff]);
    m.set64(L.RIP, BigInt(CODE));
    m.set32(L.FAULT, 0);
    m.core.refresh();
    return bytes.length;
  }

  /** Runs a program to its end, which must come after `count` instructions. */
  run(source: string, count = source.trim().split("\n").length): Outcome {
    this.load(source);
    return this.outcome(this.machine.core.step(0, count));
  }
  /** Answers a device access and goes on. */
  answer(value = 0n): Outcome {
    const m = this.machine;
    m.set64(L.VALUE, value);
    m.core.complete();
    return this.outcome(m.core.step(0, 1));
  }

  private outcome(reason: number): Outcome {
    const m = this.machine;
    if (reason === Exit.STEP) return { kind: "done" };
    if (reason === Exit.EXCEPTION) {
      const vector = m.get32(L.EXIT_SELECTOR);
      const base: Outcome = { kind: "exception", vector, error: m.get64(L.EXIT_VALUE) };
      return vector === 14 ? { ...base, cr2: m.get64(L.EXIT_LINEAR) } : base;
    }
    if (reason !== Exit.MEMORY) throw new Error(`left with reason ${reason}`);
    return {
      kind: "memory",
      offset: m.get64(L.EXIT_GPA) - BigInt(DEVICE_PHYSICAL),
      size: m.get32(L.EXIT_SIZE),
      write: (m.get32(L.EXIT_FLAGS) & 1) !== 0,
      value: m.get64(L.EXIT_VALUE),
    };
  }

  xmm(n: number): bigint {
    return this.machine.get64(L.YMM + n * 32) | (this.machine.get64(L.YMM + n * 32 + 8) << 64n);
  }
  setXmm(n: number, value: bigint): void {
    this.machine.set64(L.YMM + n * 32, BigInt.asUintN(64, value));
    this.machine.set64(L.YMM + n * 32 + 8, value >> 64n);
  }
  mmx(n: number): bigint {
    return this.machine.get64(L.X87 + n * 16);
  }
  setMmx(n: number, value: bigint): void {
    this.machine.set64(L.X87 + n * 16, value);
  }
  /** Sign and exponent of a physical x87 register. */
  exponent(n: number): number {
    return this.machine.u8[L.X87 + n * 16 + 8]! | (this.machine.u8[L.X87 + n * 16 + 9]! << 8);
  }

  /** TOP and the tags: what MMX instructions change besides registers. */
  get top(): number {
    return (this.machine.u8[L.X87_STATUS + 1]! >> 3) & 7;
  }
  set top(value: number) {
    this.machine.u8[L.X87_STATUS + 1] = value << 3;
  }
  get tags(): number {
    return this.machine.u8[L.X87_TAGS]!;
  }
  set tags(value: number) {
    this.machine.u8[L.X87_TAGS] = value;
  }

  private physical(linear: number): number {
    const page = linear & ~0xfff;
    const frame =
      page === CODE
        ? FRAME.code
        : page === DATA
          ? FRAME.data
          : page === DATA2
            ? FRAME.data2
            : page < DEVICE
              ? FRAME.before
              : FRAME.behind;
    return frame + (linear & 0xfff);
  }
  /** Bytes from a linear address on, up to the end of its page. */
  peek(linear: number, length: number): Uint8Array {
    return this.machine.peek(this.physical(linear), length).slice();
  }
  poke(linear: number, bytes: ArrayLike<number>): void {
    this.machine.poke(this.physical(linear), bytes);
  }
}
