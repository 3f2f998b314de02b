// The same program in lockstep on both machines: after every stay in the core the exits must be the same, and at every
// stop all that a guest can tell must be: registers, flags, pending events, the count of instructions, memory, the
// interrupt path. The first difference is described and ends the program.

import * as v from "../../src/engine/views.js";
import { Exit } from "../engine/harness.js";
import { Random } from "../oracle/random.js";
import { type Assembled, TooLarge } from "./emitter.js";
import { RAM_PAGES, Vector } from "./layout.js";
import { assemble, generate, type Program } from "./program.js";
import { imageOf, Side } from "./side.js";
import { WORLDS } from "./world.js";

export interface Difference {
  /** Number of the stop, and ticks executed up to it. */
  readonly stop: number;
  readonly ticks: number;
  readonly what: string;
}
export interface Result {
  readonly difference: Difference | undefined;
  readonly retired: number;
  readonly ticks: number;
  readonly translated: number;
  readonly exit: number;
}

/** Parts of the processor's state that are the same whatever tier executed: what lies between is derived or dead. */
const PIECES: readonly (readonly [string, number, number])[] = [
  ["registers", v.GPR, v.RIP_PAGE],
  ["system flags", v.SYSTEM_FLAGS, v.LAZY_KIND],
  ["ticks", v.TICKS, v.FAULT_VECTOR],
  ["segments", v.SEG_SELECTOR, v.SEG_EFFECTIVE],
  ["system registers", v.GDTR_BASE, v.SHADOW],
  ["control registers", v.CR0, v.MODE],
  ["activity", v.ACTIVITY, v.SCRATCH_UOP - 0x20],
  ["floating point", v.X87, v.FLOAT_SCRATCH],
];
const CHIPSET: readonly (readonly [string, number, number])[] = [
  ["interrupt path", v.LAPICS, v.INTERRUPT_PATH_END],
  ["clock", v.CLOCK, v.NEXT_EVENT + 8],
];
const EXITS_MAX = 400;

export class Pair {
  readonly plain = new Side(false);
  readonly translated = new Side(true);
  private readonly views: { name: string; start: number; a: Buffer; b: Buffer }[];
  private readonly ram: { a: Buffer; b: Buffer };

  constructor() {
    const view = (side: Side, start: number, end: number): Buffer =>
      Buffer.from(side.machine.memory.buffer, start, end - start);
    this.views = [...PIECES, ...CHIPSET].map(([name, start, end]) => ({
      name,
      start,
      a: view(this.plain, start, end),
      b: view(this.translated, start, end),
    }));
    const ram = (side: Side): Buffer => view(side, side.machine.ram, side.machine.ram + RAM_PAGES * 4096);
    this.ram = { a: ram(this.plain), b: ram(this.translated) };
  }

  /** Program `index` of a seed, or undefined where it became too large. */
  generate(seed: number, index: number): Program {
    const world = WORLDS[index % WORLDS.length]!;
    const prepared = this.plain.prepare(world);
    return generate(prepared, new Random(Math.imul(seed, 0x9e3779b9) ^ index));
  }

  /** Undefined: the program is too large. */
  assemble(program: Program): Assembled | undefined {
    try {
      return assemble(program);
    } catch (error) {
      if (error instanceof TooLarge) return undefined;
      throw error;
    }
  }

  run(program: Program, assembled: Assembled, stopAt = Number.POSITIVE_INFINITY): Result {
    const { plain, translated } = this;
    const image = imageOf(program, assembled);
    plain.load(program, image);
    translated.load(program, image);
    const random = new Random(program.threshold);
    const before = translated.tier1?.ticks ?? 0;
    let difference: Difference | undefined;
    let exit: number = Exit.BUDGET;
    const [a, b] = [plain.machine, translated.machine];
    for (let stop = 0, exits = 0; stop < program.stops.length && stop < stopAt && difference === undefined; stop++) {
      const budget = BigInt(program.stops[stop]!);
      a.set64(v.BUDGET, budget);
      b.set64(v.BUDGET, budget);
      if (program.interrupts.has(stop)) {
        for (const m of [a, b]) m.set32(v.INTERRUPT_REQUEST, 0x100 | Vector.EXTERNAL);
      }
      const write = program.writes.get(stop);
      if (write !== undefined) this.change(program, write.label.offset, write.mask);
      if (program.settled.has(stop)) for (const side of [plain, translated]) side.settle();
      const pieces = stop === program.stops.length - 1 ? 0 : program.slicing;
      do {
        exit = plain.run(random);
        const other = translated.run(random, pieces);
        const what = this.compareExits(exit, other) ?? this.compareState(true);
        if (what !== undefined) {
          difference = { stop, ticks: plain.ticks, what };
          break;
        }
      } while (exit !== Exit.BUDGET && this.answer(exit) && ++exits < EXITS_MAX);
      if (exit !== Exit.BUDGET) break;
    }
    return {
      difference,
      retired: plain.retired,
      ticks: plain.ticks,
      translated: (translated.tier1?.ticks ?? 0) - before,
      exit,
    };
  }

  /** The host changes a byte of the code on both sides. */
  private change(program: Program, offset: number, mask: number): void {
    const at = (program.placement.frames[0][offset >> 12]! << 12) | (offset & 0xfff);
    for (const { machine: m } of [this.plain, this.translated]) m.poke8(at, m.u8[m.ram + at]! ^ (mask & -mask));
  }

  /** Answers an exit on both sides; false: the program is over. */
  private answer(exit: number): boolean {
    const sides = [this.plain.machine, this.translated.machine];
    if (exit === Exit.IO_PORT || exit === Exit.MEMORY || exit === Exit.MSR || exit === Exit.HYPERCALL) {
      const value = BigInt.asUintN(64, sides[0]!.get64(v.EXIT_GPA) * 0x9e37_79b9_7f4a_7c15n + 0x1234n);
      for (const m of sides) {
        m.set64(v.VALUE, value);
        m.core.complete();
      }
      return true;
    }
    return false;
  }

  private compareExits(a: number, b: number): string | undefined {
    if (a !== b) return `exit ${a} interpreted, ${b} translated`;
    const [m, n] = [this.plain.machine, this.translated.machine];
    if (m.get64(v.BUDGET) !== n.get64(v.BUDGET))
      return `budget left ${m.get64(v.BUDGET)} interpreted, ${n.get64(v.BUDGET)} translated`;
    if (a === Exit.BUDGET || a === Exit.HALT || a === Exit.TRIPLE_FAULT) return undefined;
    for (const [name, cell] of EXIT_CELLS)
      if (m.get64(cell) !== n.get64(cell))
        return `exit ${a}: ${name} ${m.get64(cell).toString(16)} interpreted, ${n.get64(cell).toString(16)} translated`;
    return undefined;
  }

  compareState(memory: boolean): string | undefined {
    const [m, n] = [this.plain.machine, this.translated.machine];
    for (const { name, start, a, b } of this.views) {
      if (a.equals(b)) continue;
      const at = firstDifference(a, b) & ~7;
      return `${name}: ${cellName(start + at)} = ${m.get64(start + at).toString(16)} interpreted, ${n.get64(start + at).toString(16)} translated`;
    }
    const [f, g] = [m.core.rflags(), n.core.rflags()];
    if (f !== g) return `flags ${(f >>> 0).toString(16)} interpreted, ${(g >>> 0).toString(16)} translated`;
    if (memory && !this.ram.a.equals(this.ram.b)) {
      const at = firstDifference(this.ram.a, this.ram.b) & ~7;
      return `memory at ${at.toString(16)}: ${this.ram.a.readBigUInt64LE(at).toString(16)} interpreted, ${this.ram.b.readBigUInt64LE(at).toString(16)} translated`;
    }
    return undefined;
  }
}

const EXIT_CELLS = [
  ["selector and size", v.EXIT_SELECTOR],
  ["flags", v.EXIT_FLAGS],
  ["gpa", v.EXIT_GPA],
  ["linear", v.EXIT_LINEAR],
  ["value", v.EXIT_VALUE],
] as const;

function firstDifference(a: Buffer, b: Buffer): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return i;
  return 0;
}

const GPR_NAMES = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");

/** The name of a cell of the state: a register's, or the nearest constant of the layout. */
export function cellName(address: number): string {
  if (address >= v.GPR && address < v.GPR + 128) return GPR_NAMES[(address - v.GPR) >> 3]!;
  let best = "";
  let place = -1;
  for (const [name, value] of Object.entries(v)) {
    if (typeof value !== "number" || !/^[A-Z]/.test(name) || value > address || value <= place || value < v.STATE)
      continue;
    best = name;
    place = value;
  }
  return address === place ? best : `${best}+${(address - place).toString(16)}`;
}
