// Statements that change code: immediates, opcodes, conditions and jump distances of instructions that were just
// executed, are executed next, or lie in another page; through the code's own addresses or the second names of its
// frames; by plain, locked, wide and string stores. Whole routines are copied over one another.

import { type Form, rmForms } from "../oracle/form.js";
import { CATALOG } from "./catalog.js";
import { type Context, loadConstant, type Statement } from "./context.js";
import { type Body, emitAll } from "./control.js";
import { Branch, type Instruction, Label } from "./emitter.js";
import { encode } from "./encode.js";
import { bytes, comparison, operand32, randomInstruction, statement } from "./instruction.js";
import { CODE_ALIAS } from "./layout.js";

const find = (name: string): Form => CATALOG[64].alu.find((form) => form.name === name) as Form;
const XOR_BYTE = find("xor_b_rm_i_m");
const ADD_BYTE = find("add_b_rm_i_m");
const ADD_DWORD = find("add_d_rm_i_m");
const XOR_DWORD = find("xor_d_rm_i_m");
const XOR_REGISTER = find("xor_b_rm_r_m");
const [, INC_BYTE] = rmForms("inc", [0xfe], { size: 1, reg: 0 });
const [, MOV_BYTE] = rmForms("mov", [0x88], { size: 1, reg: "any" });

/** Instructions that change the byte at a label in the bits of a mask. */
function change(ctx: Context, label: Label, mask: number): Instruction[] {
  const { random, mode } = ctx;
  const alias = ctx.world.paging !== undefined && random.oneIn(3) ? CODE_ALIAS : 0;
  const memory = ctx.atLabel(label, alias);
  const operands = { reg: 0, rm: 0, memory, immediate: 0 };
  const lock = random.oneIn(6);
  if (mask !== 0xff) {
    const wanted = random.below(256) & mask;
    return [encode(XOR_BYTE, mode, { ...operands, immediate: wanted === 0 ? mask & -mask : wanted, lock })];
  }
  switch (random.below(6)) {
    case 0:
      return [encode(INC_BYTE!, mode, { ...operands, lock })];
    case 1:
      return [encode(MOV_BYTE!, mode, { ...operands, reg: random.below(4) })];
    case 2:
      return [encode(ADD_BYTE, mode, { ...operands, immediate: 1 + random.below(255), lock })];
    case 3:
      return [encode(XOR_REGISTER, mode, { ...operands, reg: random.below(4) })];
    default:
      return [encode(XOR_BYTE, mode, { ...operands, immediate: 1 + random.below(255), lock })];
  }
}

/** An instruction with a byte that may be anything, or several. */
interface Site {
  readonly instruction: Instruction;
  /** Offset of the byte in it, and which of its bits may change. */
  readonly at: number;
  readonly mask: number;
}

function site(ctx: Context): Site {
  const { random, mode } = ctx;
  const register = ctx.scratch();
  const rex = mode === 64 && register > 7 ? [0x41] : [];
  const low = register & 7;
  const wide = mode === 16 ? 2 : 4;
  const value = operand32(random);
  const constant = Array.from({ length: wide }, (_, i) => (value >> (i * 8)) & 0xff);
  const at = (list: number[], offset: number, mask = 0xff): Site => ({ instruction: bytes(...list), at: offset, mask });
  switch (random.below(6)) {
    case 0:
      return at([...rex, 0xb8 | low, ...constant], rex.length + 1 + random.below(wide));
    case 1:
      return at([...rex, 0x83, 0xc0 | low, random.below(256)], rex.length + 2);
    case 2:
      return at([...rex, 0x81, 0xf0 | low, ...constant], rex.length + 2 + random.below(wide));
    // Which of the eight operations it is.
    case 3:
      return at([...rex, 0x83, 0xc0 | (random.below(8) << 3) | low, random.below(256)], rex.length + 1, 0x38);
    case 4:
      return at([...rex, 0xc1, 0xe0 | low, random.below(32)], rex.length + 2);
    default:
      return at([0xa8, random.below(256)], 1);
  }
}

/** A store into an instruction that follows, or that was executed before it. */
export function modify(ctx: Context): Statement {
  const { random } = ctx;
  const { instruction, at, mask } = site(ctx);
  const label = new Label();
  const store = change(ctx, label, mask);
  const between = Array.from({ length: random.below(4) }, () => randomInstruction(ctx));
  const before = random.oneIn(3);
  ctx.sites.push({ label, mask });
  return statement(
    before ? "modify behind" : "modify ahead",
    (e) => {
      const place = (): void => {
        label.offset = e.here + at;
        e.soft(label, mask);
        e.emit(instruction);
      };
      if (before) place();
      else e.emit(...store);
      emitAll(e, between);
      if (before) e.emit(...store);
      else place();
    },
    between,
  );
}

/** A store into an instruction of another statement, perhaps of another page. */
export function modifyElsewhere(ctx: Context): Statement {
  const { random } = ctx;
  if (ctx.sites.length === 0) return modify(ctx);
  const { label, mask } = random.pick(ctx.sites);
  const store = change(ctx, label, mask);
  return statement("modify elsewhere", (e) => e.emit(...store));
}

/** The condition of a branch changes from one iteration to the next. */
export function modifyCondition(ctx: Context, body: Body): Statement {
  const { random } = ctx;
  const children = body(ctx, 1 + random.below(2));
  const test = comparison(ctx);
  const label = new Label();
  const end = new Label();
  const store = change(ctx, label, random.pick([1, 0x0f]));
  const condition = random.below(16);
  const first = random.oneIn(2);
  return statement(
    "modify condition",
    (e) => {
      if (first) e.emit(...store);
      e.emit(...test);
      // The short form, padded over by the near one where the body is long: the byte changed is its last opcode byte.
      label.offset = e.here;
      const from = e.here;
      e.branch(condition, end);
      if (e.here - from > 2) label.offset++;
      emitAll(e, children);
      e.bind(end);
      if (!first) e.emit(...store);
    },
    children,
  );
}

/** A direct jump whose distance alternates between two places. */
export function modifyJump(ctx: Context): Statement {
  const { random, mode } = ctx;
  const arms = [0, 1].map(() => Array.from({ length: 1 + random.below(3) }, () => randomInstruction(ctx)));
  const all = [...arms[0]!, ...arms[1]!];
  const label = new Label();
  const [first, second, end] = [new Label(), new Label(), new Label()];
  const store = encode(XOR_BYTE, mode, { reg: 0, rm: 0, memory: ctx.atLabel(label, 0), immediate: 0 });
  const at = store.bytes.length - 1;
  const late = random.oneIn(2);
  return statement(
    "modify jump",
    (e) => {
      const distances = (): number => (first.offset - label.offset - 1) ^ (second.offset - label.offset - 1);
      const flip = { bytes: store.bytes, fixes: [...(store.fixes ?? []), { at, size: 1 as const, value: distances }] };
      if (!late) e.emit(flip);
      label.offset = e.here + 1;
      e.emit({ bytes: [0xeb, 0], fixes: [{ at: 1, size: 1, value: (end) => first.offset - end }] });
      e.bind(first);
      emitAll(
        e,
        arms[0]!.filter((child) => all.includes(child)),
      );
      e.branch(Branch.JMP, end);
      e.bind(second);
      emitAll(
        e,
        arms[1]!.filter((child) => all.includes(child)),
      );
      e.bind(end);
      if (late) e.emit(flip);
    },
    all,
  );
}

/** A call whose target alternates between two routines. */
export function modifyCall(ctx: Context): Statement {
  const { random, mode } = ctx;
  const plain = ctx.routines.slice(ctx.routine + 1).filter((routine) => routine.arguments === 0);
  if (plain.length < 2 || mode === 16 || mode !== ctx.world.code) return modify(ctx);
  const [a, b] = [random.pick(plain).label, random.pick(plain).label];
  const label = new Label();
  const store = encode(XOR_DWORD, mode, { reg: 0, rm: 0, memory: ctx.atLabel(label, 0), immediate: 0 });
  const at = store.bytes.length - 4;
  return statement("modify call", (e) => {
    const difference = (): number => (a.offset - label.offset - 4) ^ (b.offset - label.offset - 4);
    e.emit({ bytes: store.bytes, fixes: [...(store.fixes ?? []), { at, size: 4, value: difference }] });
    label.offset = e.here + 1;
    e.branch(Branch.CALL, a);
  });
}

/** Adds to a constant of four bytes, all of them at once. */
export function modifyConstant(ctx: Context): Statement {
  const { random, mode } = ctx;
  if (mode === 16) return modify(ctx);
  const register = ctx.scratch();
  const label = new Label();
  const alias = ctx.world.paging !== undefined && random.oneIn(3) ? CODE_ALIAS : 0;
  const store = encode(ADD_DWORD, mode, {
    reg: 0,
    rm: 0,
    memory: ctx.atLabel(label, alias),
    immediate: operand32(random),
  });
  const rex = register > 7 ? [0x41] : [];
  const value = operand32(random);
  const between = Array.from({ length: random.below(2) }, () => randomInstruction(ctx));
  return statement(
    "modify constant",
    (e) => {
      e.emit(store);
      emitAll(e, between);
      label.offset = e.here + rex.length + 1;
      e.raw(...rex, 0xb8 | (register & 7), value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24);
    },
    between,
  );
}

/** REP MOVSB of one of two templates over a buffer that is called then. */
export function copyRoutine(ctx: Context): Statement {
  const { random, mode } = ctx;
  if (ctx.reserved.has(6) || ctx.reserved.has(7) || ctx.reserved.has(1) || (!ctx.short && mode === 16))
    return modify(ctx);
  const calm = ctx.calm;
  ctx.calm = true;
  const make = (): Statement[] => Array.from({ length: 1 + random.below(4) }, () => randomInstruction(ctx));
  const templates = [make(), make()];
  ctx.calm = calm;
  const all = [...templates[0]!, ...templates[1]!];
  const buffer = new Label();
  const starts = [new Label(), new Label()];
  const skip = new Label();
  const slot = ctx.absolute(ctx.newSlot());
  const alias = ctx.world.paging !== undefined && random.oneIn(2) ? CODE_ALIAS : 0;
  const flip = encode(XOR_BYTE, mode, { reg: 0, rm: 0, memory: slot, immediate: 1 });
  const choose = new Label();
  const sources = starts.map((start) => ctx.loadLabel(6, start, "data"));
  const destination = ctx.loadLabel(7, buffer, "data", alias);
  const load = (length: number): Instruction => loadConstant(mode, 1, length);
  return statement(
    "copy routine",
    (e) => {
      e.branch(Branch.JMP, skip);
      let length = 0;
      starts.forEach((start, n) => {
        e.bind(start);
        emitAll(
          e,
          templates[n]!.filter((child) => all.includes(child)),
        );
        e.raw(0xc3);
        length = Math.max(length, e.here - start.offset);
      });
      e.bind(buffer);
      for (let i = 0; i < length; i++) e.raw(0x90);
      e.raw(0xc3);
      e.bind(skip);
      e.raw(0xfc);
      e.emit(sources[0]!, flip);
      e.branch(4, choose);
      e.emit(sources[1]!);
      e.bind(choose);
      e.emit(destination, load(length));
      e.raw(0xf3, 0xa4);
      e.branch(Branch.CALL, buffer);
    },
    all,
  );
}
