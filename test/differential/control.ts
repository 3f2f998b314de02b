// Statements that shape a program: loops with counters in registers and memory, two-way branches, switches through
// jump tables, computed jumps, calls of the routines that come later, recursion of bounded depth, stack traffic.
// Loop bounds shrink with the depth, so that a program ends within its budget more often than not.

import { rmForms } from "../oracle/form.js";
import type { Random } from "../oracle/random.js";
import { type Context, SP, type Statement } from "./context.js";
import { Branch, type Emitter, type Instruction, Label } from "./emitter.js";
import { encode } from "./encode.js";
import { bytes, comparison, fixed, randomInstruction, reserve, statement } from "./instruction.js";
import { DATA } from "./layout.js";

export const emitAll = (e: Emitter, list: readonly Statement[]): void => {
  for (const child of list) child.emit(e);
};

/** A list as one statement. */
export const group = (name: string, children: Statement[]): Statement =>
  statement(name, (e) => emitAll(e, children), children);

/** Generates a list of statements; given by the program, which knows all kinds. */
export type Body = (ctx: Context, count: number) => Statement[];

/** Iterations of a loop at this depth. */
function trips(ctx: Context): number {
  const { random } = ctx;
  const most = Math.max(2, Math.min(ctx.depth === 0 ? 60 : 24, Math.floor(600 / ctx.weight)));
  return random.oneIn(8) ? 1 + random.below(2) : 2 + random.below(most);
}

function inside<T>(ctx: Context, times: number, make: () => T): T {
  ctx.depth++;
  const { weight } = ctx;
  ctx.weight = weight * times;
  const made = make();
  ctx.weight = weight;
  ctx.depth--;
  return made;
}

const INC_DEC = [2, 4, 8].map((size) => ({
  size,
  inc: rmForms("inc", [0xff], { size: size as 2 | 4 | 8, reg: 0 }),
  dec: rmForms("dec", [0xff], { size: size as 2 | 4 | 8, reg: 1 }),
  add: rmForms("add", [0x83], { size: size as 2 | 4 | 8, reg: 0, imm: 1 }),
  sub: rmForms("sub", [0x83], { size: size as 2 | 4 | 8, reg: 5, imm: 1 }),
  cmp: rmForms("cmp", [0x83], { size: size as 2 | 4 | 8, reg: 7, imm: 1 }),
  mov: rmForms("mov", [0xc7], { size: size as 2 | 4 | 8, reg: 0, imm: Math.min(size, 4) }),
}));
export const sized = (ctx: Context): (typeof INC_DEC)[number] => {
  const sizes = ctx.mode === 64 ? 3 : 2;
  return INC_DEC[ctx.random.below(sizes)]!;
};
const NZ = 5;
const EITHER_END = [NZ, 0xf, 7] as const;

/** A loop whose counter is in a register, in memory or in CX. */
export function loop(ctx: Context, body: Body): Statement {
  const { random } = ctx;
  const count = trips(ctx);
  switch (random.below(6)) {
    case 0:
    case 1:
      return registerLoop(ctx, body, count);
    case 2:
      return pointerLoop(ctx, body, count);
    case 3:
      return countedLoop(ctx, body, count);
    case 4:
      return whileLoop(ctx, body, count);
    default:
      return memoryLoop(ctx, body, count);
  }
}

function registerLoop(ctx: Context, body: Body, count: number): Statement {
  const { random, mode } = ctx;
  const register = reserve(ctx, [3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  if (register < 0) return memoryLoop(ctx, body, count);
  const forms = sized(ctx);
  const children = inside(ctx, count, () => body(ctx, 1 + random.below(5)));
  ctx.reserved.delete(register);
  const start = ctx.load(register, count);
  const operands = { reg: 0, rm: register, immediate: 1 };
  const down = random.oneIn(2) ? encode(forms.dec[0]!, mode, operands) : encode(forms.sub[0]!, mode, operands);
  const condition = random.pick(EITHER_END);
  const top = new Label();
  return statement(
    `loop ${count} register`,
    (e) => {
      e.emit(start);
      e.bind(top);
      emitAll(e, children);
      e.emit(down);
      e.branch(condition === 0xf ? 0xf : NZ, top);
    },
    children,
  );
}

function memoryLoop(ctx: Context, body: Body, count: number): Statement {
  const { random, mode } = ctx;
  const forms = sized(ctx);
  const memory = ctx.absolute(ctx.newSlot());
  const children = inside(ctx, count, () => body(ctx, 1 + random.below(5)));
  const operands = { reg: 0, rm: 0, memory };
  const start = encode(forms.mov[1]!, mode, { ...operands, immediate: count });
  const down = encode(random.oneIn(2) ? forms.dec[1]! : forms.sub[1]!, mode, { ...operands, immediate: 1 });
  const top = new Label();
  return statement(
    `loop ${count} memory`,
    (e) => {
      e.emit(start);
      e.bind(top);
      emitAll(e, children);
      e.emit(down);
      e.branch(NZ, top);
    },
    children,
  );
}

/** LOOP, LOOPE, LOOPNE, with CX saved around the body. */
function countedLoop(ctx: Context, body: Body, count: number): Statement {
  const { random } = ctx;
  if (ctx.reserved.has(1)) return memoryLoop(ctx, body, count);
  const saved = !random.oneIn(3);
  if (!saved) ctx.reserved.add(1);
  const children = inside(ctx, count, () => body(ctx, 1 + random.below(3)));
  ctx.reserved.delete(1);
  const start = ctx.load(1, count);
  const kind = random.oneIn(3) ? random.pick([Branch.LOOPE, Branch.LOOPNE]) : Branch.LOOP;
  const top = new Label();
  return statement(
    `loop ${count} cx`,
    (e) => {
      e.emit(start);
      e.bind(top);
      if (saved) e.raw(0x51);
      emitAll(e, children);
      if (saved) e.raw(0x59);
      e.branch(kind, top);
    },
    children,
  );
}

/** Walks the pointer through memory up to an end. */
export function pointerLoop(ctx: Context, body: Body, count: number): Statement {
  const { random, mode } = ctx;
  if (ctx.pointer >= 0 || (!ctx.short && mode === 16)) return memoryLoop(ctx, body, count);
  const register = reserve(ctx, [3, 5, 6, 7, 8, 12, 13, 15]);
  if (register < 0) return memoryLoop(ctx, body, count);
  const step = random.pick([1, 2, 4, 4, 8, 16, 16, 20]);
  const first = ctx.aim?.(0x200, 16) ?? DATA + 0x200 + (random.below(0x2000) & -16);
  const outer = { pointer: ctx.pointer, aligned: ctx.pointerAligned };
  // 16-bit addresses know BX and BP, or SI and DI without an index.
  ctx.pointer = mode === 16 && register > 5 ? -1 : register;
  ctx.pointerAligned = step % 16 === 0;
  const children = inside(ctx, count, () => body(ctx, 2 + random.below(5)));
  ctx.pointer = outer.pointer;
  ctx.pointerAligned = outer.aligned;
  ctx.reserved.delete(register);
  const start = ctx.loadAddress(register, first);
  const limit = reserve(
    ctx,
    [0, 1, 2, 3, 5, 6, 7].filter((candidate) => candidate !== register),
  );
  if (limit >= 0) ctx.reserved.delete(limit);
  const full = INC_DEC[mode === 16 ? 0 : mode === 32 ? 1 : 2]!;
  const forward = encode(full.add[0]!, mode, { reg: 0, rm: register, immediate: step });
  const end = ctx.loadAddress(limit, first + step * count);
  const rex = mode === 64 ? [0x48 | (register >> 3)] : [];
  const compare = bytes(...rex, 0x39, 0xc0 | (limit << 3) | (register & 7));
  const condition = random.pick([NZ, 2]);
  const top = new Label();
  return statement(
    `loop ${count} pointer`,
    (e) => {
      e.emit(start);
      e.bind(top);
      emitAll(e, children);
      e.emit(forward, end, compare);
      e.branch(condition, top);
    },
    children,
  );
}

/** Tests at the top, may leave from the middle or go on with the next iteration. */
function whileLoop(ctx: Context, body: Body, count: number): Statement {
  const { random, mode } = ctx;
  const forms = sized(ctx);
  const memory = ctx.absolute(ctx.newSlot());
  const operands = { reg: 0, rm: 0, memory };
  const top = new Label();
  const out = new Label();
  const children = inside(ctx, count, () => {
    const list = body(ctx, 2 + random.below(4));
    if (random.oneIn(2)) list.splice(random.below(list.length + 1), 0, leave(ctx, random.oneIn(2) ? top : out));
    return list;
  });
  const start = encode(forms.mov[1]!, mode, { ...operands, immediate: 0 });
  const compare = encode(forms.cmp[1]!, mode, { ...operands, immediate: Math.min(count, 100) });
  const up = encode(random.oneIn(2) ? forms.inc[1]! : forms.add[1]!, mode, { ...operands, immediate: 1 });
  return statement(
    `while ${count}`,
    (e) => {
      e.emit(start);
      e.bind(top);
      e.emit(compare);
      e.branch(3, out);
      e.emit(up);
      emitAll(e, children);
      e.branch(Branch.JMP, top);
      e.bind(out);
    },
    children,
  );
}

function leave(ctx: Context, label: Label): Statement {
  const test = comparison(ctx);
  const condition = ctx.random.below(16);
  return statement("leave", (e) => {
    e.emit(...test);
    e.branch(condition, label);
  });
}

/** If, with or without else. */
export function branches(ctx: Context, body: Body): Statement {
  const { random } = ctx;
  const test = comparison(ctx);
  const condition = random.below(random.oneIn(12) ? 17 : 16);
  const first = group("then", body(ctx, 1 + random.below(3)));
  const second = group("else", random.oneIn(2) ? body(ctx, 1 + random.below(3)) : []);
  const children = [first, second];
  const otherwise = new Label();
  const end = new Label();
  return statement(
    "if",
    (e) => {
      e.emit(...test);
      e.branch(condition === 16 ? Branch.JCXZ : condition, otherwise);
      if (children.includes(first)) first.emit(e);
      const hasElse = children.includes(second) && second.children.length > 0;
      if (hasElse) e.branch(Branch.JMP, end);
      e.bind(otherwise);
      if (hasElse) second.emit(e);
      e.bind(end);
    },
    children,
  );
}

/** ADD r, r or SHL by steps so that an index scales in 16-bit addresses; returns the address of a table's entry. */
function tableJump(ctx: Context, table: number, index: number, digit: number): Instruction[] {
  const { mode } = ctx;
  const low = index & 7;
  if (mode === 16)
    return [
      bytes(0x01, 0xc0 | (low << 3) | low),
      bytes(0xff, 0x80 | (digit << 3) | rm16(index), table & 0xff, table >> 8),
    ];
  const scale = mode === 64 ? 3 : 2;
  const x = index > 7 ? 2 : 0;
  const address = ctx.address(table);
  if (ctx.reachable) {
    const value = Number(BigInt.asIntN(32, address));
    return [
      bytes(
        ...(x ? [0x40 | x] : []),
        0xff,
        (digit << 3) | 4,
        (scale << 6) | (low << 3) | 5,
        value & 0xff,
        (value >> 8) & 0xff,
        (value >> 16) & 0xff,
        value >>> 24,
      ),
    ];
  }
  const base = ctx.scratch(index);
  if ((base & 7) === 5) return tableJump(ctx, table, index, digit);
  return [
    ctx.load(base, address),
    bytes(0x40 | x | (base >> 3), 0xff, (digit << 3) | 4, (scale << 6) | (low << 3) | (base & 7)),
  ];
}
const rm16 = (register: number): number => ({ 3: 7, 5: 6, 6: 4, 7: 5 })[register] ?? 7;

/** AND r, 3 of the full width. */
const low2 = (ctx: Context, register: number): Instruction =>
  bytes(...(ctx.mode === 64 ? [0x48 | (register >> 3)] : []), 0x83, 0xe0 | (register & 7), 3);

/** Jumps into one of four arms: through a table, or to an address in a register or on the stack. */
export function choice(ctx: Context, body: Body): Statement {
  const { random, mode } = ctx;
  const table = ctx.newTable();
  if (table === undefined || (!ctx.short && mode === 16)) return branches(ctx, body);
  const index = ctx.baseScratch();
  const arms = Array.from({ length: 4 }, (_, n) => group(`arm ${n}`, body(ctx, random.below(3))));
  // By a counter that goes round, or by what a register happens to hold.
  const select = random.oneIn(2) ? stepAndLoad(ctx, ctx.newSlot(), index) : [];
  const jump = [low2(ctx, index), ...tableJump(ctx, table, index, 4)];
  const all = [...arms];
  const labels = arms.map(() => new Label());
  const fill = ctx.fillTable(table, labels);
  const end = new Label();
  return statement(
    "choice",
    (e) => {
      fill(e);
      e.emit(...select, ...jump);
      arms.forEach((arm, n) => {
        e.bind(labels[n]!);
        if (all.includes(arm)) arm.emit(e);
        if (n < 3) e.branch(Branch.JMP, end);
      });
      e.bind(end);
    },
    all,
  );
}

/** INC of a counter in memory, then a load of it. */
function stepAndLoad(ctx: Context, slot: number, register: number): Instruction[] {
  const { mode } = ctx;
  const memory = ctx.absolute(slot);
  const forms = INC_DEC[mode === 16 ? 0 : mode === 32 ? 1 : 2]!;
  const load = rmForms("mov", [0x8b], { size: (mode / 8) as 2 | 4 | 8, reg: "any" })[1]!;
  return [
    encode(forms.inc[1]!, mode, { reg: 0, rm: 0, memory, immediate: 0 }),
    encode(load, mode, { reg: register, rm: 0, memory, immediate: 0 }),
  ];
}

/** Goes to a label by way of a register, or of the stack and RET. */
export function computedJump(ctx: Context): Statement {
  const { random } = ctx;
  const register = ctx.scratch();
  const byReturn = random.oneIn(2);
  const rest = Array.from({ length: random.below(3) }, () => randomInstruction(ctx));
  const target = new Label();
  const load = ctx.loadLabel(register, target, "code");
  return statement(
    "computed jump",
    (e) => {
      e.emit(load);
      const rex = register > 7 ? [0x41] : [];
      if (byReturn) e.emit(bytes(...rex, 0x50 | (register & 7)), bytes(0xc3));
      else e.emit(bytes(...rex, 0xff, 0xe0 | (register & 7)));
      emitAll(e, rest);
      e.bind(target);
    },
    rest,
  );
}

/** Calls a routine that comes later: directly, through a register, or through a table whose entries take turns. */
export function call(ctx: Context): Statement {
  const { random, mode } = ctx;
  const later = ctx.routines.slice(ctx.routine + 1);
  if (later.length === 0 || (!ctx.short && mode === 16) || mode !== ctx.world.code) return randomInstruction(ctx);
  const routine = random.pick(later);
  const push: Instruction[] = Array.from({ length: routine.arguments / ctx.word }, () =>
    bytes(0x6a, random.below(128)),
  );
  const kind = random.below(6);
  if (kind < 3 || routine.arguments > 0) {
    return statement("call", (e) => {
      e.emit(...push);
      e.branch(Branch.CALL, routine.label);
    });
  }
  if (kind === 3) {
    const register = ctx.scratch();
    const load = ctx.loadLabel(register, routine.label, "code");
    const through = bytes(...(register > 7 ? [0x41] : []), 0xff, 0xd0 | (register & 7));
    return statement("call register", (e) => e.emit(load, through));
  }
  const table = ctx.newTable();
  const plain = later.filter((other) => other.arguments === 0);
  if (table === undefined || plain.length === 0) {
    return statement("call", (e) => e.branch(Branch.CALL, routine.label));
  }
  const targets = Array.from({ length: 4 }, () => random.pick(plain).label);
  const index = ctx.baseScratch();
  const through = [...stepAndLoad(ctx, ctx.newSlot(), index), low2(ctx, index), ...tableJump(ctx, table, index, 2)];
  const fill = ctx.fillTable(table, targets);
  return statement("call table", (e) => {
    fill(e);
    e.emit(...through);
  });
}

/** Within a routine: calls itself while a counter lasts. */
export function recursion(ctx: Context, self: Label, slot: number): Statement {
  const { mode, random } = ctx;
  const forms = INC_DEC[random.below(mode === 64 ? 3 : 2)]!;
  const down = encode(forms.dec[1]!, mode, { reg: 0, rm: 0, memory: ctx.absolute(slot), immediate: 0 });
  const out = new Label();
  const condition = random.pick([8, 0xe]);
  return statement("recursion", (e) => {
    e.emit(down);
    e.branch(condition, out);
    e.branch(Branch.CALL, self);
    e.bind(out);
  });
}
/** Sets the counter of a recursion, then calls. */
export function recursiveCall(ctx: Context, label: Label, slot: number): Statement {
  const { mode, random } = ctx;
  const forms = INC_DEC[mode === 64 ? 2 : 1]!;
  const set = encode(forms.mov[1]!, mode, {
    reg: 0,
    rm: 0,
    memory: ctx.absolute(slot),
    immediate: 1 + random.below(9),
  });
  return statement("recursive call", (e) => {
    e.emit(set);
    e.branch(Branch.CALL, label);
  });
}

/** Pushes and pops around statements, in several ways. */
export function stack(ctx: Context, body: Body): Statement {
  const { random, mode } = ctx;
  const children = body(ctx, 1 + random.below(3));
  const rexed = (register: number, opcode: number): Instruction =>
    bytes(...(register > 7 ? [0x41] : []), opcode | (register & 7));
  const around = (name: string, before: Instruction[], after: Instruction[]): Statement =>
    statement(
      name,
      (e) => {
        e.emit(...before);
        emitAll(e, children);
        e.emit(...after);
      },
      children,
    );
  const narrow = random.oneIn(6) ? [0x66] : [];
  switch (random.below(7)) {
    case 0:
      return around("pushf", [bytes(...narrow, 0x9c)], [bytes(...narrow, 0x9d)]);
    case 1: {
      const size = random.pick([8, 16, 24, 64, 0x78]);
      const rex = mode === 64 ? [0x48] : [];
      return around("frame", [bytes(...rex, 0x83, 0xec, size)], [bytes(...rex, 0x83, 0xc4, size)]);
    }
    case 2:
      if (mode !== 64) return around("pusha", [bytes(...narrow, 0x60)], [bytes(...narrow, 0x61)]);
      break;
    case 3:
      if (!ctx.reserved.has(5)) {
        const locals = random.below(0x40);
        ctx.reserved.add(5);
        const framed = body(ctx, 1 + random.below(3));
        ctx.reserved.delete(5);
        return statement(
          "enter",
          (e) => {
            e.raw(0xc8, locals, 0, 0);
            emitAll(e, framed);
            e.raw(0xc9);
          },
          framed,
        );
      }
      break;
    case 4: {
      const memory = ctx.absolute(ctx.newSlot());
      const form = { size: ctx.word, default64: true } as const;
      const push = encode(rmForms("push", [0xff], { ...form, reg: 6 })[1]!, mode, {
        reg: 0,
        rm: 0,
        memory,
        immediate: 0,
      });
      const pop = encode(rmForms("pop", [0x8f], { ...form, reg: 0 })[1]!, mode, {
        reg: 0,
        rm: 0,
        memory,
        immediate: 0,
      });
      return around("push memory", [push], [pop]);
    }
    case 5: {
      const register = ctx.scratch();
      return around(
        "push constant",
        [bytes(...narrow, 0x6a, random.below(256))],
        [{ bytes: [...narrow, ...rexed(register, 0x58).bytes] }],
      );
    }
    default:
  }
  const registers = Array.from({ length: 1 + random.below(4) }, () => random.below(ctx.registers)).filter(
    (register) => register !== SP,
  );
  const free = registers.map((register) => (ctx.reserved.has(register) ? register : ctx.scratch()));
  return around(
    "push",
    registers.map((register) => rexed(register, 0x50)),
    // Reserved registers get back what they had: in reverse order.
    [...free].reverse().map((register) => rexed(register, 0x58)),
  );
}

/** Moves the pointer register, or sets it anew. */
export function movePointer(ctx: Context): Statement {
  const { random, pointer } = ctx;
  if (pointer < 0) return randomInstruction(ctx);
  return fixed("pointer", ctx.loadAddress(pointer, pointerPlace(random, ctx.pointerAligned)));
}
export function pointerPlace(random: Random, aligned: boolean): number {
  const place = DATA + 0x180 + random.below(0x2800);
  return aligned ? place & -16 : place;
}

/** Executes a statement in one of so many rounds. */
export function rarely(ctx: Context, body: Statement): Statement {
  const { mode, random } = ctx;
  const forms = INC_DEC[0]!;
  const memory = ctx.absolute(ctx.newSlot());
  const step = encode(forms.inc[1]!, mode, { reg: 0, rm: 0, memory, immediate: 0 });
  const [, test] = rmForms("test", [0xf6], { size: 1, reg: 0, imm: 1 });
  const look = encode(test!, mode, { reg: 0, rm: 0, memory, immediate: random.pick([3, 7, 15, 31]) });
  const children = [body];
  const skip = new Label();
  return statement(
    "rarely",
    (e) => {
      e.emit(step, look);
      e.branch(NZ, skip);
      emitAll(e, children);
      e.bind(skip);
    },
    children,
  );
}

/** Repeats a statement so often, with a counter in memory. */
export function repeat(ctx: Context, slot: number, count: number, body: Statement): Statement {
  const { mode } = ctx;
  const forms = INC_DEC[mode === 16 ? 0 : 1]!;
  const memory = ctx.absolute(slot);
  const operands = { reg: 0, rm: 0, memory };
  const start = encode(forms.mov[1]!, mode, { ...operands, immediate: count });
  const down = encode(forms.dec[1]!, mode, { ...operands, immediate: 0 });
  const top = new Label();
  return statement(
    "repeat",
    (e) => {
      e.emit(start);
      e.bind(top);
      body.emit(e);
      e.emit(down);
      e.branch(NZ, top);
    },
    [body],
  );
}
