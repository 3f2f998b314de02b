// One instruction at a time, on two machines: one interprets, the other has translated a short piece of code around it.
// The piece is run again and again from its start with other registers, flags and memory; what sets flags before the
// instruction and what consumes them behind it are chosen with it, so that all representations of the flags meet.

import * as L from "../../src/engine/views.js";
import { encode, type Memory } from "../differential/encode.js";
import { Tier1 } from "../differential/tier1.js";
import { build, type Environment, enter, type PageTables, Pte } from "../engine/environment.js";
import { Exit, Machine, Rights, Seg } from "../engine/harness.js";
import type { Form, Mode } from "../oracle/form.js";
import { Random } from "../oracle/random.js";

const CODE = 0x1_0000;
/** Two pages of operands, with nothing mapped before and behind them, and a page of stack. */
const DATA = 0x2_0000;
export const DATA_SIZE = 0x2000;
const STACK = 0x2_8000;
const FRAMES = { code: 0x60_000, data: [0x52_000, 0x50_000], stack: 0x54_000 } as const;
const BASED = 0x1_0000;

export type Place = "long" | "flat" | "segmented" | "real";
export const PLACES: Record<Place, Mode> = { long: 64, flat: 32, segmented: 32, real: 16 };

/** What comes before the instruction: flags of every kind, in encodings that all modes share. */
const BEFORE: readonly (readonly number[])[] = [
  [],
  [0x39, 0xc8],
  [0x01, 0xd0],
  [0xff, 0xc0],
  [0xff, 0xc9],
  [0xd1, 0xe2],
  [0x21, 0xe8],
  [0xd1, 0xc0],
  [0x0f, 0xa3, 0xc8],
  [0x11, 0xd0],
  [0x19, 0xd0],
  [0xd3, 0xe0],
  [0x38, 0xe0],
  [0xf6, 0xd8],
  [0x0f, 0xaf, 0xc2],
  [0xf9],
  [0x0f, 0xbc, 0xc2],
  [0x9e],
  // The same under a carry of its own.
  [0xff, 0xc0, 0xf5],
  [0xff, 0xc9, 0xf8],
  [0x01, 0xd0, 0xf5],
  [0x11, 0xd0, 0xf9],
  [0x29, 0xd0, 0xf8],
  [0x19, 0xd0, 0xf5],
  [0x21, 0xe8, 0xf9],
  [0xd1, 0xe2, 0xf5],
  [0x28, 0xe0, 0xd3, 0xc2],
];
/** What follows: nothing, SETcc AL, CMOVcc, Jcc over a NOP, ADC, LAHF, PUSHF and POP. */
function behind(r: Random): number[] {
  const cc = r.below(16);
  switch (r.below(8)) {
    case 0:
      return [0x0f, 0x90 | cc, 0xc0];
    case 1:
      return [0x0f, 0x40 | cc, 0xc1];
    case 2:
      return [0x70 | cc, 1, 0x90];
    case 3:
      return [0x11, 0xc9];
    case 4:
      return [0x9f];
    case 5:
      return [0x9c, 0x58];
    default:
      return [];
  }
}

const LONG: Environment = { code: 64, paging: "long", cpl: 0 };
const FLAT: Environment = { code: 32, paging: "32", cpl: 0 };

export class SingleMachine {
  readonly machine = new Machine({ pages: 160, sets: 4 });
  readonly tier1: Tier1 | undefined;
  readonly codeFrame = FRAMES.code;
  private readonly tables = new Map<string, PageTables>();

  constructor(translated: boolean) {
    const m = this.machine;
    for (const [n, environment] of [LONG, FLAT].entries()) {
      const tables = build(m, environment, 0x10000 + n * 0x10000);
      const kernel = Pte.P | Pte.W;
      tables.map(BigInt(CODE), FRAMES.code, kernel);
      for (const [page, frame] of FRAMES.data.entries()) tables.map(BigInt(DATA + page * 4096), frame, kernel);
      tables.map(BigInt(STACK), FRAMES.stack, kernel);
      this.tables.set(environment.paging, tables);
    }
    if (translated) this.tier1 = new Tier1(m);
  }

  enter(place: Place): void {
    const m = this.machine;
    m.settle();
    const environment = place === "long" ? LONG : FLAT;
    enter(m, environment, this.tables.get(environment.paging)!.root);
    if (place === "real") {
      m.setControls(0x10n, 0n, 0n, 0n, 0);
      for (const seg of [Seg.ES, Seg.CS, Seg.SS, Seg.DS, Seg.FS, Seg.GS]) m.setRealSegment(seg, FRAMES.data[0] >> 4);
    } else if (place === "segmented") {
      for (const seg of [Seg.ES, Seg.SS, Seg.DS])
        m.setSegment(seg, 0x18, BigInt(BASED), 0x1_8fff, Rights.DATA32 & ~0x8000);
    }
    m.set32(L.EXCEPTION_BITMAP, 0xffff_ffff);
    m.set32(L.HOT_THRESHOLD, this.tier1 === undefined ? 0 : 1);
  }

  /** Host addresses of the pages of operands, of the stack and of the code. */
  get pages(): number[] {
    return [...FRAMES.data, FRAMES.stack, FRAMES.code].map((frame) => this.machine.ram + frame);
  }

  run(r: Random, rip: number, budget = 200): number {
    const m = this.machine;
    m.set64(L.RIP, BigInt(rip));
    m.set64(L.BUDGET, BigInt(budget));
    for (;;) {
      this.tier1?.serve(r);
      const reason = m.core.run();
      if (reason !== Exit.TRANSLATE) return reason;
    }
  }

  count(cell: number): number {
    return Number(this.machine.get64(L.TRANSLATION_STATISTICS + cell * 8));
  }
}

/** Real mode has its code and operands in one segment, which begins with the first page of operands. */
export const codeOf = (place: Place): number => (place === "real" ? FRAMES.code - FRAMES.data[0] : CODE);
export const dataOf = (place: Place): number => (place === "real" ? 0 : place === "segmented" ? DATA - BASED : DATA);
export const stackOf = (place: Place): number =>
  place === "real" ? FRAMES.stack - FRAMES.data[0] : place === "segmented" ? STACK - BASED : STACK;

/** Cells of the statistics: ticks, exits by misses and by steps. */
const COUNTS = [2, 3 + L.ExitType.MISS, 3 + L.ExitType.STEP] as const;

export interface Tally {
  /** Runs, and the ticks that regions executed in them. */
  runs: number;
  ticks: number;
  misses: number;
  steps: number;
}

export class Single {
  private readonly below = new SingleMachine(false);
  private readonly above = new SingleMachine(true);

  /** A number where a memory operand may lie: mostly inside the pages. */
  private target(r: Random, place: Place, bytes: number): number {
    const data = dataOf(place);
    switch (r.below(12)) {
      case 0:
        return data + 0x1000 - r.below(bytes + 1);
      case 1:
        return data + DATA_SIZE - r.below(bytes + 1);
      case 2:
        return data + r.below((DATA_SIZE - bytes) / 16) * 16 + 16;
      default:
        return data + r.below(DATA_SIZE - bytes);
    }
  }

  /** Runs a form with random operands; the first difference, or undefined. */
  check(form: Form, place: Place, seed: number, pieces: number, turns: number, tally?: Tally): string | undefined {
    const mode = PLACES[place];
    const r = new Random(seed);
    for (let piece = 0; piece < pieces; piece++) {
      const byte = form.size === 1;
      const wide = mode === 64 ? 16 : 8;
      const rex = mode === 64 && r.oneIn(2);
      const number = (): number => r.below(byte && !rex ? 8 : wide);
      const reg = number();
      const rm = number();
      const memory: Memory | undefined =
        form.rm === "mem"
          ? {
              addressSize: (mode / 8) as 2 | 4 | 8,
              segment: 0,
              base: 3,
              index: -1,
              scale: 0,
              displacement: r.pick([0, 4, -3]),
            }
          : undefined;
      const second = r.below(wide);
      const immediate = r.oneIn(2) ? r.below(70) : r.u32() | 0;
      const instruction = encode(form, mode, {
        reg,
        rm,
        memory,
        immediate,
        second,
        rex,
        lock: form.lockable && memory !== undefined && r.oneIn(4),
      });
      const before = r.pick(BEFORE);
      const code = [0xeb, 0x00, ...before, ...instruction.bytes, ...behind(r), 0xeb, 0x00, 0xf4];
      for (const side of [this.below, this.above]) {
        side.enter(place);
        side.machine.poke(FRAMES.code, code);
      }
      const [ticks, misses, steps] = COUNTS.map((cell) => this.above.count(cell)) as [number, number, number];
      for (let turn = 0; turn < turns; turn++) {
        const difference = this.turn(form, place, r, memory?.displacement, code);
        if (difference !== undefined) return difference;
        if (tally !== undefined) tally.runs++;
      }
      if (tally !== undefined) {
        tally.ticks += this.above.count(COUNTS[0]) - ticks;
        tally.misses += this.above.count(COUNTS[1]) - misses;
        tally.steps += this.above.count(COUNTS[2]) - steps;
      }
    }
    return undefined;
  }

  private turn(
    form: Form,
    place: Place,
    r: Random,
    displacement: number | undefined,
    code: readonly number[],
  ): string | undefined {
    const mode = PLACES[place];
    const sides = [this.below, this.above];
    const registers = Array.from({ length: 16 }, (_, n) =>
      mode === 64 ? r.operand() : n < 8 ? r.operand() & 0xffff_ffffn : 0n,
    );
    const value = registers[r.below(8)]!;
    for (let n = 0; n < 8; n++) if (r.oneIn(6)) registers[n] = value;
    // Counts and bit offsets that stay near.
    for (let n = 0; n < wideOf(mode); n++) {
      if (r.oneIn(3))
        registers[n] = BigInt.asUintN(
          mode === 64 ? 64 : 32,
          BigInt(r.oneIn(3) ? r.below(0x4000) - 0x2000 : r.below(80)),
        );
    }
    const divides = /^i?div/.test(form.name);
    if (r.oneIn(3) || (divides && r.oneIn(2)))
      registers[2] = r.oneIn(2)
        ? 0n
        : BigInt.asUintN(mode === 64 ? 64 : 32, BigInt.asIntN(mode === 16 ? 16 : mode, registers[0]!) < 0n ? -1n : 0n);
    registers[4] = BigInt(stackOf(place) + 0x800 + r.below(0x20) * (r.oneIn(4) ? 1 : 8));
    let at = this.target(r, place, form.access);
    if (form.access === 16 && !r.oneIn(8)) at &= ~15;
    if (displacement !== undefined) registers[3] = BigInt.asUintN(mode === 64 ? 64 : 32, BigInt(at - displacement));
    for (const n of [5, 6, 7]) if (r.oneIn(2)) registers[n] = BigInt(this.target(r, place, form.size));
    const flags = (r.u32() & 0x8d5) | 2 | (r.oneIn(3) ? 0x400 : 0);
    const bytes = new Uint8Array(64);
    for (let i = 0; i < 64; i += 8)
      new DataView(bytes.buffer).setBigUint64(i, r.oneIn(3) ? registers[0]! : r.operand(), true);
    if (/^cmpxchg(8|16)b/.test(form.name) && r.oneIn(2)) {
      // The memory operand is what the comparison expects.
      const view = new DataView(bytes.buffer);
      view.setBigUint64(16, registers[0]!, true);
      view.setBigUint64(16 + form.access / 2, registers[2]!, true);
    }
    const fill = r.u32();
    const seed = r.u32();
    const reasons = sides.map((side) => {
      const m = side.machine;
      for (let n = 0; n < 16; n++) m.setGpr(n, registers[n]!);
      for (const page of side.pages.slice(0, 3)) m.u8.fill(fill & 0xff, page, page + 4096);
      const offset = at - dataOf(place);
      for (let i = -16; i < 48; i++) {
        const page = side.pages[(offset + i) >> 12];
        if (offset + i >= 0 && offset + i < DATA_SIZE) m.u8[page! + ((offset + i) & 0xfff)] = bytes[i + 16]!;
      }
      for (let i = 0; i < 16; i++) m.u8[side.pages[2]! + 0x800 + i * 17] = fill >> (i & 7);
      m.set64(L.TICKS, 0n);
      m.set32(L.ACTIVITY, 0);
      m.set32(L.FAULT, 0);
      m.core.setRflags(flags);
      m.core.refresh();
      return side.run(new Random(seed), codeOf(place));
    });
    const [a, b] = sides.map((side, n) => this.state(side, reasons[n]!, mode)) as [string[], string[]];
    const lines = a.flatMap((line, n) => (line === b[n] ? [] : [`- ${line}`, `+ ${b[n]}`]));
    if (lines.length === 0) return undefined;
    const hex = Buffer.from(code).toString("hex");
    const started = registers.map((register, n) => `r${n} ${register.toString(16)}`).join(" ");
    return [`${form.name} ${place} ${hex}`, `from ${started} flags ${flags.toString(16)}`, ...lines].join("\n");
  }

  private state(side: SingleMachine, reason: number, mode: Mode): string[] {
    const m = side.machine;
    const lines = [
      `reason ${reason} ${reason === Exit.EXCEPTION ? m.get32(L.EXIT_SELECTOR) : ""}`,
      `rip ${m.get64(L.RIP).toString(16)} ticks ${m.get64(L.TICKS)}`,
      `flags ${(m.core.rflags() >>> 0).toString(16)}`,
    ];
    for (let n = 0; n < wideOf(mode); n++) lines.push(`r${n} ${m.gpr(n).toString(16)}`);
    for (const [n, page] of side.pages.entries()) {
      for (let i = 0; i < 4096; i += 256)
        lines.push(
          `page ${n} ${i.toString(16)} ${Buffer.from(m.u8.subarray(page + i, page + i + 256)).toString("hex")}`,
        );
    }
    return lines;
  }
}
const wideOf = (mode: Mode): number => (mode === 64 ? 16 : 8);
