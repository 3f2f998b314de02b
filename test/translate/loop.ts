// One instruction in a hot loop, on two machines: one interprets it, the other translates the loop as soon as it can.
// Each turn loads the registers that the instruction may read from a row of the input, executes it, and stores
// what it may have written into a row of the output; at the end both machines must agree about memory, registers, flags
// and MXCSR, and about how many instructions have been executed.
//
//   row, 64 bytes:  00 register of ModRM.reg | 10 that of ModRM.rm, or the memory operand | 20 XMM0
//                   30 general register of ModRM.reg | 38 that of ModRM.rm
//   the output has the flags in 20, one byte each: CF ZF SF PF OF

import * as L from "../../src/engine/views.js";
import { hasTranslator, Tier1 } from "../differential/tier1.js";
import { build, type Environment, enter, type PageTables } from "../engine/environment.js";
import { Exit, Machine } from "../engine/harness.js";
import { type Element, fillElements } from "../oracle/float-values.js";
import type { Form } from "../oracle/form.js";
import { Random } from "../oracle/random.js";

const CODE = 0x1000_0000;
const INPUT = 0x2000_0000;
const OUTPUT = 0x2001_0000;
const ROW = 64;
const PAGES = 3;
/** Frames in no order, so that what crosses a page crosses into another one. */
const FRAME = { code: 0x60_000, input: [0x52_000, 0x50_000, 0x54_000], output: [0x5a_000, 0x5e_000, 0x58_000] };

export type Width = 32 | 64;
const ENVIRONMENTS: Record<Width, Environment> = {
  32: { code: 32, paging: "32", cpl: 3 },
  64: { code: 64, paging: "long", cpl: 3 },
};

/** An instruction with its operands chosen. */
export interface Chosen {
  readonly bytes: number[];
  readonly reg: number;
  readonly rm: number;
}

const FIXED_REGISTERS = [1, 4, 6, 7];

function someRegister(r: Random, width: Width): number {
  for (;;) {
    const n = r.below(width === 64 ? 16 : 8);
    if (!FIXED_REGISTERS.includes(n)) return n;
  }
}

/** Encodes a form: its memory operand is [rSI + 10h]. */
export function choose(form: Form, width: Width, r: Random, immediate = r.below(256)): Chosen {
  const reg = typeof form.reg === "number" ? form.reg : someRegister(r, width);
  const rm = r.oneIn(6) && form.reg === "any" ? reg : someRegister(r, width);
  const memory = form.rm === "mem";
  const bytes: number[] = [];
  if (form.prefix !== 0) bytes.push(form.prefix);
  if (width === 64) {
    const w = form.size === 8 && !form.fixedSize ? 8 : 0;
    const rex = 0x40 | w | ((reg >> 3) << 2) | (memory ? 0 : rm >> 3);
    if (rex !== 0x40) bytes.push(rex);
  }
  bytes.push(...form.opcode);
  if (memory) bytes.push(0x46 | ((reg & 7) << 3), 0x10);
  else bytes.push(0xc0 | ((reg & 7) << 3) | (rm & 7));
  for (let i = 0; i < form.imm; i++) bytes.push(immediate);
  return { bytes, reg, rm: memory ? -1 : rm };
}

class Code {
  readonly bytes: number[] = [];
  constructor(private readonly width: Width) {}

  add(...bytes: number[]): this {
    this.bytes.push(...bytes);
    return this;
  }
  /** opcode with a register and [base + disp8]. */
  private memory(
    prefix: readonly number[],
    opcode: readonly number[],
    register: number,
    base: number,
    disp: number,
    w = 0,
  ): this {
    const rex = 0x40 | (w << 3) | ((register >> 3) << 2);
    const extra = this.width === 64 && rex !== 0x40 ? [rex] : [];
    return this.add(...prefix, ...extra, ...opcode, 0x40 | ((register & 7) << 3) | base, disp);
  }
  loadVector(n: number, disp: number): this {
    return this.memory([], [0x0f, 0x10], n, 6, disp);
  }
  storeVector(n: number, disp: number): this {
    return this.memory([], [0x0f, 0x11], n, 7, disp);
  }
  loadGeneral(n: number, disp: number): this {
    return this.memory([], [0x8b], n, 6, disp, this.width === 64 ? 1 : 0);
  }
  storeGeneral(n: number, disp: number): this {
    return this.memory([], [0x89], n, 7, disp, this.width === 64 ? 1 : 0);
  }
  /** setcc BL; mov [rDI + disp], BL */
  storeCondition(cc: number, disp: number): this {
    return this.add(0x0f, 0x90 | cc, 0xc3).add(0x88, 0x5f, disp);
  }
}

export interface Loop {
  readonly width: Width;
  readonly code: Uint8Array;
  readonly rows: number;
  readonly input: Uint8Array;
  /** Where the first row lies: not 0 makes memory operands misaligned. */
  readonly offset: number;
  readonly mxcsr: number;
  /** Bytes in front of where rBP points. */
  readonly control?: Uint8Array;
}

export interface LoopOptions {
  readonly rows?: number;
  readonly offset?: number;
  readonly mxcsr?: number;
  readonly flags?: boolean;
  /** Reads MXCSR out in every turn and sets it back. */
  readonly control?: boolean;
  readonly fill: (view: DataView, at: number, length: number, memory: boolean, stride: number) => void;
}

/** The loop around one or several instructions that share their registers. */
export function makeLoop(chosen: Chosen, width: Width, options: LoopOptions): Loop {
  const { rows = 40, offset = 0, mxcsr = 0x1fa0 } = options;
  const { reg, rm, bytes } = chosen;
  const c = new Code(width);
  const general = (n: number): boolean => n >= 0 && !FIXED_REGISTERS.includes(n);
  c.loadVector(0, 0x20).loadVector(reg, 0x00);
  if (rm >= 0) c.loadVector(rm, 0x10);
  if (general(reg)) c.loadGeneral(reg, 0x30);
  if (general(rm)) c.loadGeneral(rm, 0x38);
  // cmp esi, ecx: flags that the instruction may leave alone.
  c.add(0x39, 0xce).add(...bytes);
  c.storeVector(reg, 0x00);
  if (rm >= 0) c.storeVector(rm, 0x10);
  if (general(reg)) c.storeGeneral(reg, 0x30);
  if (general(rm)) c.storeGeneral(rm, 0x38);
  if (options.flags) for (const [n, cc] of [2, 4, 8, 10, 0].entries()) c.storeCondition(cc, 0x20 + n);
  // stmxcsr [rdi + 28h]; ldmxcsr [rbp]
  if (options.control) c.add(0x0f, 0xae, 0x5f, 0x28).add(0x0f, 0xae, 0x55, 0x00);
  // add rsi, 64; add rdi, 64
  const wide = width === 64 ? [0x48] : [];
  c.add(...wide, 0x83, 0xc6, ROW).add(...wide, 0x83, 0xc7, ROW);
  // dec ecx; jnz; hlt
  c.add(...(width === 64 ? [0xff, 0xc9] : [0x49]));
  const back = -(c.bytes.length + 2);
  if (back >= -128) c.add(0x75, back & 0xff);
  else c.add(0x0f, 0x85, ...[0, 8, 16, 24].map((n) => ((back - 4) >> n) & 0xff));
  c.add(0xf4);
  const input = new Uint8Array(rows * ROW);
  const view = new DataView(input.buffer);
  for (let row = 0; row < rows; row++) {
    const at = row * ROW;
    options.fill(view, at, 16, false, 0);
    options.fill(view, at + 16, 16, true, 16);
    options.fill(view, at + 32, 16, false, 0);
    options.fill(view, at + 48, 8, false, 0);
    options.fill(view, at + 56, 8, true, 8);
  }
  return { width, code: Uint8Array.from(c.bytes), rows, input, offset, mxcsr };
}

/** Fills rows with elements of a form. */
export function elementsOf(form: Form, r: Random): LoopOptions["fill"] {
  const first: Element = form.float?.xmm ?? "raw";
  const second: Element = form.float?.memory ?? first;
  return (view, at, length, memory, stride) => fillElements(view, at, length, memory ? second : first, r, stride);
}

/** MXCSR in the row behind the input: rBP points there. */
const CONTROL_ROW = INPUT + PAGES * 4096 - ROW;

export class LoopMachine {
  readonly machine = new Machine({ pages: 160, sets: 4 });
  readonly tier1: Tier1 | undefined;
  private readonly tables = new Map<Width, PageTables>();

  constructor(translated: boolean) {
    const m = this.machine;
    for (const [n, width] of ([32, 64] as const).entries()) {
      const tables = build(m, ENVIRONMENTS[width], 0x10000 + n * 0x10000);
      tables.map(BigInt(CODE), FRAME.code);
      for (const [page, frame] of FRAME.input.entries()) tables.map(BigInt(INPUT + page * 4096), frame);
      for (const [page, frame] of FRAME.output.entries()) tables.map(BigInt(OUTPUT + page * 4096), frame);
      this.tables.set(width, tables);
    }
    if (translated && hasTranslator(m)) this.tier1 = new Tier1(m);
  }

  private pages(frames: readonly number[], bytes: Uint8Array): void {
    for (const [page, frame] of frames.entries()) {
      this.machine.poke(frame, bytes.subarray(page * 4096, page * 4096 + 4096));
    }
  }

  load(loop: Loop): void {
    const m = this.machine;
    const environment = ENVIRONMENTS[loop.width];
    m.settle();
    enter(m, environment, this.tables.get(loop.width)!.root);
    m.set32(L.EXCEPTION_BITMAP, 0xffff_ffff);
    m.u8.fill(0, L.YMM, L.YMM + 512);
    for (let n = 0; n < 16; n++) m.setGpr(n, 0n);
    m.setGpr(1, BigInt(loop.rows));
    m.setGpr(5, BigInt(CONTROL_ROW));
    m.setGpr(6, BigInt(INPUT + loop.offset));
    m.setGpr(7, BigInt(OUTPUT));
    m.set32(L.MXCSR, loop.mxcsr);
    m.u8.fill(0, L.X87, L.X87 + 128);
    m.u8.fill(0, L.X87_CONTROL, L.MXCSR);
    m.u8.set([0x7f, 0x03], L.X87_CONTROL);
    const input = new Uint8Array(PAGES * 4096);
    input.set(loop.input.subarray(0, input.length - ROW - loop.offset), loop.offset);
    new DataView(input.buffer).setUint32(input.length - ROW, loop.mxcsr, true);
    if (loop.control !== undefined) input.set(loop.control, input.length - ROW - loop.control.length);
    this.pages(FRAME.input, input);
    this.pages(FRAME.output, new Uint8Array(PAGES * 4096));
    m.poke(FRAME.code, loop.code);
    m.set64(L.TICKS, 0n);
    m.set64(L.RIP, BigInt(CODE));
    m.core.setRflags(0x202);
    m.core.refresh();
    m.set32(L.HOT_THRESHOLD, this.tier1 === undefined ? 0 : 1);
  }

  /** Runs to the end, in pieces. */
  run(r: Random): number {
    for (let pieces = 0; pieces < 10_000; pieces++) {
      this.tier1?.serve(r);
      const reason = this.machine.run(20 + r.below(200));
      if (reason !== Exit.BUDGET && reason !== Exit.TRANSLATE) return reason;
    }
    throw new Error("the loop does not end");
  }

  /** All that must be the same, as text. */
  state(): string[] {
    const m = this.machine;
    const hex = (from: number, length: number): string =>
      Buffer.from(m.u8.subarray(from, from + length)).toString("hex");
    const lines = [
      `rip ${m.get64(L.RIP).toString(16)} ticks ${m.get64(L.TICKS)} flags ${m.core.rflags().toString(16)}`,
      `mxcsr ${m.get32(L.MXCSR).toString(16)} exit ${m.get32(L.EXIT_SELECTOR)}`,
    ];
    lines.push(`x87 ${hex(L.X87_CONTROL, 5)} ${hex(L.X87_OPCODE, 22)}`);
    for (let n = 0; n < 8; n++) lines.push(`st ${n} ${hex(L.X87 + n * 16, 10)}`);
    for (let n = 0; n < 16; n++) lines.push(`r${n} ${m.gpr(n).toString(16)}`, `x${n} ${hex(L.YMM + n * 32, 16)}`);
    for (const [name, frames] of [
      ["in", FRAME.input],
      ["out", FRAME.output],
    ] as const) {
      frames.forEach((frame, page) => {
        for (let at = 0; at < 4096; at += ROW)
          lines.push(`${name} ${page * 64 + at / ROW} ${hex(m.ram + frame + at, ROW)}`);
      });
    }
    return lines;
  }

  /** Counts of translation: entries, ticks in regions, exits that gave an instruction to tier 0. */
  get counts(): { ticks: number; misses: number } {
    const cell = (n: number): number => Number(this.machine.get64(L.TRANSLATION_STATISTICS + n * 8));
    return { ticks: cell(2), misses: cell(3 + L.ExitType.MISS) };
  }
}

/** Runs a loop on both machines; the lines in which they differ. */
export function compare(below: LoopMachine, above: LoopMachine, loop: Loop, seed: number): string[] {
  const states = [below, above].map((side) => {
    side.load(loop);
    const reason = side.run(new Random(seed));
    return [`reason ${reason}`, ...side.state()];
  }) as [string[], string[]];
  const differences: string[] = [];
  states[0].forEach((line, n) => {
    if (line !== states[1][n]) differences.push(`- ${line}`, `+ ${states[1][n]}`);
  });
  return differences;
}
