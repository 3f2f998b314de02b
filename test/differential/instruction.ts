// One random instruction as a statement: a form of the program's flavour, registers that are free, a memory operand
// aimed at the data window, and what must come before it (an address loaded, an index bounded, a division that fits).

import type { Form, Mode } from "../oracle/form.js";
import type { Random } from "../oracle/random.js";
import { CATALOG, type Category } from "./catalog.js";
import type { Context, Statement } from "./context.js";
import type { Emitter, Instruction } from "./emitter.js";
import { encode, type Memory } from "./encode.js";

export function statement(name: string, emit: (e: Emitter) => void, children: Statement[] = []): Statement {
  return { name, children, emit };
}
/** Instructions that depend on nothing. */
export function fixed(name: string, ...instructions: readonly Instruction[]): Statement {
  return statement(name, (e) => e.emit(...instructions));
}
export const bytes = (...list: readonly number[]): Instruction => ({ bytes: list });

/** A 32-bit operand value: boundaries, single bits, small numbers. */
export function operand32(r: Random): number {
  switch (r.below(8)) {
    case 0:
      return 1 << r.below(32);
    case 1:
      return (1 << r.pick([7, 8, 15, 16, 31, 0])) + r.below(5) - 2;
    case 2:
      return r.below(5) - 2;
    case 3:
      return r.below(256);
    case 4:
      return Math.imul(r.below(256), 0x01010101);
    default:
      return r.u32() | 0;
  }
}

/** Forms whose reg field is only read, and those whose r/m operand is. */
const READS_REG = /^[a-z]+_[bwdq]_rm_r_|^(cmp|test|shld|shrd)_|^movbe_store/;
const READS_RM = /_[bwdq]_r_rm_|^(cmp|test|cmov.|movzx|movsxd?|bsf|bsr|tzcnt|lzcnt|popcnt|imul[23]?|crc32|bt)_/;

class Picker {
  readonly rex: boolean;
  constructor(
    private readonly ctx: Context,
    private readonly mode: Mode,
    private readonly byte: boolean,
    /** Another operand may bring a REX prefix along, with which 4-7 are other registers. */
    private readonly mixed: boolean,
  ) {
    this.rex = mode === 64 && ctx.random.oneIn(3);
  }
  /** Number of an operand register; `any`: it is only read. */
  register(any: boolean): number {
    const { random, reserved } = this.ctx;
    const count = this.mode === 64 && (this.rex || !this.byte) ? 16 : 8;
    for (;;) {
      const number = random.below(count);
      if (any) return number;
      const high = this.byte && !this.rex && number > 3;
      if (!reserved.has(high ? number - 4 : number) && !(high && this.mixed && reserved.has(number))) return number;
    }
  }
}

function immediate(form: Form, category: Category, ctx: Context): number | bigint {
  const { random } = ctx;
  if (form.imm === 0) return 0;
  if (form.imm === 8) return random.operand();
  if (category === "shift" && !random.oneIn(6)) return random.below(34);
  if (form.imm === 1)
    return random.oneIn(3) ? random.below(256) : random.pick([0, 1, 2, 3, 4, 7, 8, 15, 31, 0xff, 0x80]);
  return operand32(random);
}

/** What makes a form behave most of the time. */
function prepare(form: Form, category: Category, ctx: Context, reg: number, rm: number, before: Instruction[]): void {
  const { random, mode } = ctx;
  const rex = mode === 64 && form.size === 8 ? 8 : 0;
  const size66 = (form.size === 2) === (mode !== 16) && form.size !== 8 && form.size !== 1 ? [0x66] : [];
  if (category === "divide" && !random.oneIn(ctx.calm ? 1 : 8)) {
    // An upper half that fits, and a divisor that is not zero.
    if (form.size === 1) before.push(bytes(0xb4, random.below(3)));
    else if (/^idiv/.test(form.name) && random.oneIn(2)) before.push(bytes(...size66, ...(rex ? [0x48] : []), 0x99));
    else before.push(bytes(0x31, 0xd2));
    if (form.rm === "reg" && form.size !== 1 && rm !== 0 && rm !== 2 && !ctx.reserved.has(rm)) {
      const prefix = mode === 64 && (rex || rm > 7) ? [0x40 | rex | (rm >> 3)] : [];
      before.push(bytes(...size66, ...prefix, 0x83, 0xc8 | (rm & 7), 3 + random.below(100)));
    }
  } else if (/^bt[src]?_[wdq]_rm_r_m/.test(form.name)) {
    // A bit offset that stays near.
    const prefix = mode === 64 && reg > 7 ? [0x41] : [];
    before.push(bytes(...prefix, 0x83, 0xe0 | (reg & 7), 0x7f));
  } else if (category === "shift" && /_cl$|_cl_[rm]$/.test(form.name) && !ctx.reserved.has(1) && random.oneIn(2)) {
    before.push(bytes(0xb1, random.below(40)));
  }
}

/** A division or the like that may fault is none in a calm stretch. */
const isCalm = (form: Form, category: Category): boolean =>
  category !== "divide" && category !== "odd" && category !== "x87" && form.vex === undefined;

export function randomInstruction(ctx: Context): Statement {
  const { random, mode } = ctx;
  for (;;) {
    const category = ctx.category();
    const forms = CATALOG[mode][category];
    const form = random.pick(forms);
    if (ctx.calm && (!isCalm(form, category) || form.rm === "mem" || form.name.includes("moffs"))) continue;
    const made = instructionOf(ctx, category, form);
    if (made !== undefined) return made;
  }
}

export function instructionOf(ctx: Context, category: Category, form: Form): Statement | undefined {
  const { random, mode } = ctx;
  const before: Instruction[] = [];
  const vector = form.float !== undefined;
  const picker = new Picker(ctx, mode, form.size === 1 && !vector, mode === 64 && form.rm === "mem");
  const reg = form.reg === "any" ? picker.register(!vector && READS_REG.test(form.name)) : 0;
  let rm = 0;
  let memory: Memory | undefined;
  if (form.rm === "mem") {
    const align = form.float?.align ?? (form.access === 16 ? 16 : random.oneIn(2) ? Math.min(form.access, 8) : 1);
    memory = ctx.memory(Math.max(form.access, 1), Math.max(align, 1), before);
  } else if (form.plus || form.rm === "reg") {
    rm = picker.register(form.rm === "reg" && !vector && READS_RM.test(form.name));
    // MOV to a register that holds nothing but an address would lose it: the short forms write r/m.
    if (form.plus && ctx.reserved.has(rm)) return undefined;
  }
  if (form.name.startsWith("mov_") && form.name.includes("moffs")) {
    if (!ctx.short && mode === 16) return undefined;
    const target = ctx.address(ctx.target(form.size, 1));
    return fixed(form.name, encode(form, mode, { reg, rm, immediate: target }));
  }
  const second = form.vex?.vvvv ? ctx.scratch() : 0;
  const first: Instruction[] = [];
  prepare(form, category, ctx, reg, rm, first);
  if (first.length > 0 && category === "bits" && memory?.base === reg) return undefined;
  const instruction = encode(form, mode, {
    reg,
    rm,
    memory,
    immediate: immediate(form, category, ctx),
    second,
    lock: form.lockable && memory !== undefined && random.oneIn(8),
    rex: picker.rex,
  });
  return fixed(form.name, ...first, ...before, instruction);
}

/** Compares something, so that a branch behind it goes both ways. */
export function comparison(ctx: Context): Instruction[] {
  const { random, mode } = ctx;
  const before: Instruction[] = [];
  const narrow = random.oneIn(5) ? [0x66] : [];
  const a = ctx.scratch();
  const b = ctx.scratch();
  const rexB = (register: number): number[] => (mode === 64 && register > 7 ? [0x41] : []);
  switch (random.below(7)) {
    case 0:
      return [
        bytes(
          ...narrow,
          ...(mode === 64 ? [0x40 | ((b >> 3) << 2) | (a >> 3) | (random.below(2) << 3)] : []),
          0x39,
          0xc0 | ((b & 7) << 3) | (a & 7),
        ),
      ];
    case 1:
      return [
        bytes(
          ...narrow,
          ...(mode === 64 ? [0x40 | ((a >> 3) << 2) | (a >> 3) | (random.below(2) << 3)] : []),
          0x85,
          0xc0 | ((a & 7) << 3) | (a & 7),
        ),
      ];
    case 2:
      return [bytes(...rexB(a), 0x83, 0xf8 | (a & 7), random.below(256))];
    case 3: {
      // test al, bit
      return [bytes(0xa8, 1 << random.below(8))];
    }
    case 4:
      return [bytes(...rexB(a), 0x0f, 0xba, 0xe0 | (a & 7), random.below(16))];
    case 5: {
      const memory = ctx.memory(1, 1, before);
      const form = COMPARE_BYTE;
      return [...before, encode(form, mode, { reg: 7, rm: 0, memory, immediate: random.below(256) })];
    }
    default:
      // What the last instruction left.
      return [];
  }
}
const COMPARE_BYTE = CATALOG[32].alu.find((form) => form.name === "cmp_b_rm_i_m") as Form;

/** Reserves a register that 16-bit addresses can use as well, or -1. */
export function reserve(ctx: Context, candidates: readonly number[]): number {
  const free = candidates.filter((register) => register < ctx.registers && !ctx.reserved.has(register));
  if (free.length === 0) return -1;
  const register = ctx.random.pick(free);
  ctx.reserved.add(register);
  return register;
}
