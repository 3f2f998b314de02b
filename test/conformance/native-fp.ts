// Runs the floating-point and vector cases of the native vectors (fp) against the core: one instruction in flat
// segments, the 16 bytes at [rSI] its memory operand. The bytes mean the same in protected and in 64-bit mode, but
// for those with a REX prefix. The rules are those of the data set's README.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import * as L from "../../src/engine/views.js";
import { build, type Environment, enter, type PageTables } from "../engine/environment.js";
import { Exit, Machine } from "../engine/harness.js";
import { compareFloat, loadFloat } from "../oracle/float-compare.js";
import { IMAGE, Image } from "../oracle/float-state.js";

/** Registers as hexadecimal numbers: x87 by ST(i), three of the XMM registers, RAX, EFLAGS, memory. */
interface State {
  readonly cw: string;
  readonly sw: string;
  readonly tw: string;
  readonly st: readonly string[];
  readonly mx: string;
  readonly x: readonly string[];
  readonly a: string;
  readonly f: string;
  readonly m: string;
}
export interface FloatCase {
  readonly n: string;
  readonly b: string;
  readonly i: State;
  readonly o: State;
}

const CODE = 0x2000_0000;
const DATA = 0x3000_0000;
const CODE_FRAME = 0x100_000;
const DATA_FRAME = 0x101_000;
const ARITHMETIC_FLAGS = 0x8d5;
const RAX = 0;
const RSI = 6;

export function readFloat(path: string): FloatCase[] {
  return JSON.parse(gunzipSync(readFileSync(path)).toString()) as FloatCase[];
}

/** REX prefixes are instructions of their own outside 64-bit mode. */
export const needs64 = (test: FloatCase): boolean => /^(66|f2|f3)?4[0-9a-f]/.test(test.b);

const little = (text: string, length: number): Buffer => Buffer.from(text.padStart(length * 2, "0"), "hex").reverse();

function imageOf(state: State): Uint8Array {
  const image = new Uint8Array(IMAGE);
  image.set(little(state.cw, 2), Image.FCW);
  image.set(little(state.sw, 2), Image.FSW);
  image.set(little(state.tw, 1), Image.TAGS);
  image.set(little(state.mx, 4), Image.MXCSR);
  state.st.forEach((value, i) => {
    image.set(little(value, 10), Image.ST + i * 16);
  });
  state.x.forEach((value, i) => {
    image.set(little(value, 16), Image.XMM + i * 16);
  });
  return image;
}

export class FloatRunner {
  readonly machine = new Machine({ pages: 512 });
  private readonly environment: Environment;
  private readonly tables: PageTables;
  private readonly wide: boolean;

  constructor(bits: 32 | 64) {
    this.wide = bits === 64;
    this.environment = { code: bits, paging: bits === 64 ? "long" : "32", cpl: 3 };
    this.tables = build(this.machine, this.environment);
    this.tables.map(BigInt(CODE), CODE_FRAME);
    this.tables.map(BigInt(DATA), DATA_FRAME);
  }

  /** Runs one case; returns how it differs from what the processor did, empty when it does not. */
  run(test: FloatCase): string[] {
    const m = this.machine;
    m.poke(CODE_FRAME, Buffer.from(test.b, "hex"));
    m.poke(DATA_FRAME, little(test.i.m, 16));
    m.settle();
    enter(m, this.environment, this.tables.root);
    for (let i = 0; i < 16; i++) m.setGpr(i, 0n);
    m.setGpr(RAX, this.register(test.i.a));
    m.setGpr(RSI, BigInt(DATA));
    m.set64(L.RIP, BigInt(CODE));
    m.set32(L.EXCEPTION_BITMAP, 0xffffffff);
    m.core.setRflags(Number.parseInt(test.i.f, 16));
    loadFloat(m, imageOf(test.i));
    m.core.refresh();
    const reason = m.core.step(0, 1);
    if (reason === Exit.EXCEPTION) return [`vector ${m.get32(L.EXIT_SELECTOR)}, expected none`];
    if (reason !== Exit.STEP) return [`left with reason ${reason}`];
    return this.compare(test);
  }

  private register(value: string): bigint {
    return BigInt.asUintN(this.wide ? 64 : 32, BigInt(`0x${value}`));
  }

  private compare(test: FloatCase): string[] {
    const m = this.machine;
    const differences: string[] = [];
    const check = (what: string, actual: bigint, want: bigint): void => {
      if (actual !== want) differences.push(`${what} ${actual.toString(16)} expected ${want.toString(16)}`);
    };
    check("ip", m.get64(L.RIP), BigInt(CODE + test.b.length / 2));
    check("rax", m.gpr(RAX), this.register(test.o.a));
    const flags = Number.parseInt(test.o.f, 16) & ARITHMETIC_FLAGS;
    check("flags", BigInt(m.core.rflags() & ARITHMETIC_FLAGS), BigInt(flags));
    const memory = Buffer.from(m.peek(DATA_FRAME, 16)).reverse().toString("hex");
    if (memory !== test.o.m.padStart(32, "0")) differences.push(`memory ${memory} expected ${test.o.m}`);
    const reciprocal = /^r(cp|sqrt)/.test(test.n);
    const approximate = test.n.endsWith("~") ? (reciprocal ? "reciprocal" : "transcendental") : undefined;
    compareFloat(differences, m, imageOf(test.o), approximate);
    return differences;
  }
}
