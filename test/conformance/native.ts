// Runs the native ring-3 cases (user32, user64) against the core: flat segments, one page of code filled
// with HLT, one page of data, nothing else present. The rules are those of the data set's README.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import * as L from "../../src/engine/views.js";
import { build, type Environment, enter, type PageTables } from "../engine/environment.js";
import { Exit, Machine } from "../engine/harness.js";

interface Outcome {
  readonly r: string[];
  readonly ip: string;
  readonly f: string;
  readonly w: [string, string | number][];
  readonly u?: string;
  readonly x?: number;
  readonly e?: number | string;
  readonly cr2?: string;
}
export interface NativeCase {
  readonly n: string;
  readonly b: string;
  readonly i: { r: string[]; ip: string; f: string; m: [string, string][] };
  readonly o: Outcome;
}

const CODE = 0x2000_0000;
const DATA = 0x3000_0000;
/** Frames that back the two pages. */
const CODE_FRAME = 0x100_000;
const DATA_FRAME = 0x101_000;
/** Flags compared: arithmetic flags, DF and IF (reads 1). TF and RF are the recorder's own. */
const FLAGS = 0x0ed5;
/** NT, AC and ID come into being by POPF only; signal return does not set them for the cases behind it. */
const POPPED_FLAGS = FLAGS | 0x24_4000;
const NAMES = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];

export function readNative(path: string): NativeCase[] {
  return JSON.parse(gunzipSync(readFileSync(path)).toString()) as NativeCase[];
}

export class NativeRunner {
  readonly machine = new Machine({ pages: 512 });
  private readonly tables: PageTables;
  private readonly environment: Environment;
  private readonly wide: boolean;
  private readonly expected = new Uint8Array(8192);

  constructor(bits: 32 | 64) {
    this.wide = bits === 64;
    this.environment = { code: bits, paging: bits === 64 ? "long" : "32", cpl: 3 };
    this.tables = build(this.machine, this.environment);
    this.tables.map(BigInt(CODE), CODE_FRAME);
    this.tables.map(BigInt(DATA), DATA_FRAME);
  }

  run(test: NativeCase): string[] {
    const m = this.machine;
    const expected = this.expected;
    expected.fill(0xf4, 0, 4096);
    expected.fill(0, 4096);
    const code = Buffer.from(test.b, "hex");
    expected.set(code, Number.parseInt(test.i.ip, 16) - CODE);
    for (const [address, bytes] of test.i.m) expected.set(Buffer.from(bytes, "hex"), offsetOf(address));
    m.poke(CODE_FRAME, expected);
    for (const [address, byte] of test.o.w) {
      expected[offsetOf(address)] = typeof byte === "number" ? byte : Number.parseInt(byte, 16);
    }
    m.settle();
    enter(m, this.environment, this.tables.root);
    test.i.r.forEach((value, i) => {
      m.setGpr(i, BigInt(`0x${value}`));
    });
    m.set64(L.RIP, BigInt(`0x${test.i.ip}`));
    m.set32(L.EXCEPTION_BITMAP, 0xffffffff);
    m.core.setRflags(Number.parseInt(test.i.f, 16));
    m.core.refresh();
    const reason = m.core.step(0, 1);
    return this.compare(test, reason, code.length);
  }

  private compare(test: NativeCase, reason: number, length: number): string[] {
    const m = this.machine;
    const differences: string[] = [];
    const { o } = test;
    const check = (what: string, actual: bigint, want: bigint): void => {
      if (actual !== want) differences.push(`${what} ${actual.toString(16)} expected ${want.toString(16)}`);
    };
    let ip = m.get64(L.RIP);
    if (reason === Exit.EXCEPTION) {
      const vector = m.get32(L.EXIT_SELECTOR);
      check("vector", BigInt(vector), BigInt(o.x ?? -1));
      // The handler of a trap sees the address behind the instruction.
      if ((vector === 3 || vector === 4) && o.x === vector) ip += BigInt(length);
      if (vector === 14) check("cr2", m.get64(L.EXIT_LINEAR), BigInt(`0x${o.cr2 ?? "0"}`));
      const error = typeof o.e === "string" ? BigInt(`0x${o.e}`) : BigInt(o.e ?? 0);
      if (o.x !== undefined) check("error", m.get64(L.EXIT_VALUE), error);
    } else if (reason !== Exit.STEP) {
      differences.push(`left with reason ${reason}`);
    } else if (o.x !== undefined) {
      differences.push(`no exception, expected vector ${o.x}`);
    }
    check("ip", ip, BigInt(`0x${o.ip}`));
    o.r.forEach((value, i) => {
      check(i < 8 ? (this.wide ? "r" : "e") + NAMES[i] : `r${i}`, m.gpr(i), BigInt(`0x${value}`));
    });
    const mask = (test.n.startsWith("popf") ? POPPED_FLAGS : FLAGS) & ~Number.parseInt(o.u ?? "0", 16);
    check("flags", BigInt(m.core.rflags() & mask), BigInt(Number.parseInt(o.f, 16) & mask));
    const memory = m.peek(CODE_FRAME, 8192);
    if (Buffer.compare(memory, this.expected) !== 0) {
      const unknown = this.unknownBytes(test);
      const at = memory.findIndex((byte, i) => byte !== this.expected[i] && !unknown.has(i));
      if (at < 0) return differences;
      const address = at < 4096 ? CODE + at : DATA + at - 4096;
      check(`[${address.toString(16)}]`, BigInt(memory[at] as number), BigInt(this.expected[at] as number));
    }
    return differences;
  }

  /**
   * What a case pushes below its initial window of the stack replaces bytes of earlier cases; the data lists
   * a byte as changed only where it differs from those.
   */
  private unknownBytes(test: NativeCase): Set<number> {
    const stack = (Number.parseInt(test.i.r[4] as string, 16) - DATA) | 0;
    const unknown = new Set<number>();
    for (let at = stack - 64; at < stack; at++) unknown.add(at + 4096);
    const known = [
      ...test.i.m.flatMap(([address, bytes]) => [...Array(bytes.length / 2).keys()].map((i) => offsetOf(address) + i)),
    ];
    for (const at of known) unknown.delete(at);
    for (const [address] of test.o.w) unknown.delete(offsetOf(address));
    return unknown;
  }
}

/** Offset in the pair of pages (code, data) of a linear address. */
function offsetOf(address: string): number {
  const value = Number.parseInt(address, 16);
  return value >= DATA ? value - DATA + 4096 : value - CODE;
}
