// Statements that leave the program's mode, ring or usual conditions and come back: far jumps into code segments of
// another size, stretches in ring 3, protected mode from real mode, the trap flag, alignment checks, data breakpoints,
// CR0.TS, interrupts off and on, rounding modes.

import type { Mode } from "../oracle/form.js";
import { rmForms } from "../oracle/form.js";
import type { Context, Statement } from "./context.js";
import { type Body, emitAll } from "./control.js";
import { type Emitter, type Instruction, Label } from "./emitter.js";
import { encode, type Memory } from "./encode.js";
import { bytes, fixed, randomInstruction, statement } from "./instruction.js";
import { DATA, IMAGE_AREA, Selector, Variable, Vector, WINDOW } from "./layout.js";

const word16 = (value: number): number[] => [value & 0xff, value >> 8];

/** JMP ptr16:32 or ptr16:16 to a label, as an offset of a segment that begins at the window or at 0. */
function farJump(e: Emitter, label: Label, selector: number, based: boolean, wide: boolean): void {
  const size = wide ? 4 : 2;
  const prefix = wide === (e.mode === 16) ? [0x66] : [];
  const value = (): number => label.offset + (based ? 0 : WINDOW);
  const at = prefix.length + 1;
  const list = [...prefix, 0xea, ...new Array<number>(size).fill(0), ...word16(selector)];
  e.emit({ bytes: list, fixes: [{ at, size: size as 2 | 4, value }] });
}

interface Segment {
  readonly selector: number;
  readonly mode: Mode;
  readonly based: boolean;
}

/** Code segments that a world's code can go to by a far jump, with their sizes, and the one that it comes from. */
function segments(ctx: Context): { home: number; others: Segment[] } {
  const { cpl, code, short, kind } = ctx.world;
  const user = cpl === 3;
  const code16: Segment = { selector: user ? Selector.USER_CODE16 : Selector.CODE16, mode: 16, based: true };
  const based32: Segment = {
    selector: user ? Selector.USER_SHORT_CODE32 : Selector.SHORT_CODE32,
    mode: 32,
    based: true,
  };
  const flat32: Segment = { selector: user ? Selector.USER_CODE32 : Selector.CODE32, mode: 32, based: false };
  const flat64: Segment = { selector: user ? Selector.USER_CODE64 : Selector.CODE64, mode: 64, based: false };
  if (code === 64) return { home: flat64.selector, others: [flat32, flat32, code16, based32] };
  if (code === 32) {
    const home = short ? based32 : flat32;
    const others = [code16, code16, short ? flat32 : based32];
    if (kind === "long" && !short) others.push(flat64, flat64);
    return { home: home.selector, others };
  }
  return { home: code16.selector, others: [based32, flat32] };
}

/** A stretch in a code segment of another size or base. */
export function otherCode(ctx: Context, body: Body): Statement {
  const { random, world, mode } = ctx;
  const low = world.base === BigInt(WINDOW);
  if (world.kind === "real" || world.kind === "v86" || mode !== world.code || !low) return randomInstruction(ctx);
  const { home, others } = segments(ctx);
  const other = random.pick(others);
  const { pointer } = ctx;
  ctx.pointer = -1;
  ctx.mode = other.mode;
  // Data segments stay what they are; in 64-bit code they begin at 0.
  if (other.mode === 64) ctx.short = false;
  const { codeBase } = ctx;
  ctx.codeBase = other.based ? 0n : BigInt(WINDOW);
  const children = body(ctx, 1 + random.below(4));
  ctx.codeBase = codeBase;
  ctx.mode = mode;
  ctx.short = world.short;
  ctx.pointer = pointer;
  const there = new Label();
  const back = new Label();
  const homeBased = world.short;
  return statement(
    `code ${other.mode}${other.based ? " based" : ""}`,
    (e) => {
      leave64(e, there, other.selector, other.based);
      e.mode = other.mode;
      e.bind(there);
      emitAll(e, children);
      if (other.mode === 64) leave64(e, back, home, homeBased);
      else farJump(e, back, home, homeBased, true);
      e.mode = mode;
      e.bind(back);
    },
    children,
  );
}

/** A far transfer: 64-bit code has no direct one, so it returns far. */
function leave64(e: Emitter, label: Label, selector: number, based: boolean): void {
  if (e.mode !== 64) {
    farJump(e, label, selector, based, true);
    return;
  }
  e.raw(0x6a, selector);
  const value = (): number => label.offset + (based ? 0 : WINDOW);
  e.emit({ bytes: [0x68, 0, 0, 0, 0], fixes: [{ at: 1, size: 4, value }] });
  // RETFQ
  e.raw(0x48, 0xcb);
}

/** A variable of the handlers as an operand of flat code. */
function variable(ctx: Context, at: number): Memory {
  return { addressSize: ctx.word, segment: 0, base: -1, index: -1, scale: 0, displacement: at };
}

/** A stretch in ring 3 of a ring-0 program. */
export function ring3(ctx: Context, body: Body): Statement {
  const { random, world, mode } = ctx;
  const far = world.base !== BigInt(WINDOW);
  if (ctx.ring !== 0 || world.short || mode !== world.code || far) return randomInstruction(ctx);
  ctx.ring = 3;
  const children = body(ctx, 1 + random.below(4));
  ctx.ring = 0;
  const there = new Label();
  const back = new Label();
  const move = rmForms("mov", [0x89], { size: ctx.word, reg: "any" })[1]!;
  const store = rmForms("mov", [0xc7], { size: ctx.word, reg: 0, imm: 4 })[1]!;
  const saveStack = encode(move, mode, { reg: 4, rm: 0, memory: variable(ctx, Variable.SAVED_STACK), immediate: 0 });
  const savePlace = encode(store, mode, { reg: 0, rm: 0, memory: variable(ctx, Variable.SAVED_PLACE), immediate: 0 });
  const stack = WINDOW + 0xe800 + random.below(0x700);
  const codeSelector = mode === 64 ? Selector.USER_CODE64 : Selector.USER_CODE32;
  return statement(
    "ring 3",
    (e) => {
      const place =
        (label: Label): (() => number) =>
        () =>
          label.offset + WINDOW;
      e.emit(saveStack);
      e.emit({ bytes: savePlace.bytes, fixes: [{ at: savePlace.bytes.length - 4, size: 4, value: place(back) }] });
      e.raw(0x6a, Selector.USER_DATA);
      e.raw(0x68, stack & 0xff, (stack >> 8) & 0xff, (stack >> 16) & 0xff, 0);
      e.raw(0x9c);
      e.raw(0x6a, codeSelector);
      e.emit({ bytes: [0x68, 0, 0, 0, 0], fixes: [{ at: 1, size: 4, value: place(there) }] });
      e.raw(...(mode === 64 ? [0x48] : []), 0xcf);
      e.bind(there);
      emitAll(e, children);
      e.raw(0xcd, Vector.BACK_TO_RING0);
      e.bind(back);
    },
    children,
  );
}

/** SYSCALL out of a 64-bit program in ring 3. */
export function systemCall(ctx: Context): Statement {
  const { random, world, mode } = ctx;
  if (mode === 64 && world.cpl === 3 && !ctx.reserved.has(1) && !ctx.reserved.has(11) && random.oneIn(2))
    return fixed("syscall", bytes(0x0f, 0x05));
  return fixed("call gate", bytes(0xcd, Vector.CALL));
}

/** Protected mode for a few instructions of a real-mode program, with the segments it has. */
function unreal(ctx: Context): Statement {
  const calm = ctx.calm;
  ctx.calm = true;
  const children = Array.from({ length: 1 + ctx.random.below(4) }, () => randomInstruction(ctx));
  ctx.calm = calm;
  const flip = [bytes(0x0f, 0x20, 0xc0), bytes(0x66, 0x83, 0xf0, 0x01), bytes(0x0f, 0x22, 0xc0)];
  return statement(
    "unreal",
    (e) => {
      e.raw(0xfa);
      e.emit(...flip);
      emitAll(e, children);
      e.emit(...flip);
      e.raw(0xfb);
    },
    children,
  );
}

/** Sets flag bits through the stack. */
function flagBits(ctx: Context, bits: number, set: boolean): Instruction[] {
  const { mode } = ctx;
  // PUSHF of 32 bits in 16-bit code too, then OR or AND of the bits in place.
  const wide = mode === 16 ? [0x66] : [];
  const value = set ? bits : ~bits;
  const constant = [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >>> 24) & 0xff];
  const operation = set ? 0x0c : 0x24;
  const change =
    mode === 16 ? bytes(0x66, 0x67, 0x81, operation, 0x24, ...constant) : bytes(0x81, operation, 0x24, ...constant);
  return [bytes(...wide, 0x9c), change, bytes(...wide, 0x9d)];
}

/** Runs statements with flag bits set: TF traps every instruction, AC checks alignment. */
export function flagged(ctx: Context, body: Body): Statement {
  const { random } = ctx;
  if (ctx.mode !== ctx.world.code) return randomInstruction(ctx);
  const trap = random.oneIn(2);
  const bits = trap ? 0x100 : 0x40000;
  const children = body(ctx, 1 + random.below(2));
  const set = flagBits(ctx, bits, true);
  const clear = flagBits(ctx, bits, false);
  return statement(
    trap ? "trap flag" : "alignment",
    (e) => {
      e.emit(...set);
      emitAll(e, children);
      e.emit(...clear);
    },
    children,
  );
}

/** A data breakpoint somewhere in the data window, for some statements of a ring-0 program. */
function breakpoint(ctx: Context, body: Body): Statement {
  const { random, mode, world } = ctx;
  const address = world.base + BigInt(DATA + (random.below(0x2000) & -4));
  const register = 0;
  const children = body(ctx, 1 + random.below(3));
  const control = 0x1 | (random.pick([1, 3]) << 16) | (random.pick([0, 3]) << 18);
  const set = (number: number): Instruction => bytes(0x0f, 0x23, 0xc0 | (number << 3) | register);
  return statement(
    "breakpoint",
    (e) => {
      if (mode === 64) e.emit(ctx.load(register, address));
      else {
        const low = Number(address & 0xffff_ffffn);
        const wide = mode === 16 ? [0x66] : [];
        e.raw(...wide, 0xb8, low & 0xff, (low >> 8) & 0xff, (low >> 16) & 0xff, low >>> 24);
      }
      e.emit(set(0));
      const wide = mode === 16 ? [0x66] : [];
      e.raw(...wide, 0xb8, control & 0xff, control >> 8, control >> 16, 0);
      e.emit(set(7));
      emitAll(e, children);
      // xor eax,eax
      e.raw(...wide, 0x31, 0xc0);
      e.emit(set(7));
    },
    children,
  );
}

/** Things that only ring 0 may do. */
export function privileged(ctx: Context, body: Body): Statement {
  const { random, world } = ctx;
  if (ctx.ring !== 0 || ctx.mode !== world.code) return randomInstruction(ctx);
  switch (random.below(5)) {
    case 0:
      if (world.kind === "real") return unreal(ctx);
      return ring3(ctx, body);
    case 1:
      return breakpoint(ctx, body);
    case 2: {
      // CR0.TS: the next instruction that needs the floating-point unit clears it.
      const wide = ctx.mode === 16 ? [0x66] : [];
      return fixed("task switched", bytes(0x0f, 0x20, 0xc0), bytes(...wide, 0x83, 0xc8, 0x08), bytes(0x0f, 0x22, 0xc0));
    }
    case 3: {
      const children = body(ctx, 1 + random.below(2));
      return statement(
        "interrupts off",
        (e) => {
          e.raw(0xfa);
          emitAll(e, children);
          e.raw(0xfb);
        },
        children,
      );
    }
    default:
      // WP, AM and the like: a new mode word, the same code.
      return fixed(
        "control register",
        bytes(0x0f, 0x20, 0xc0),
        bytes(...(ctx.mode === 16 ? [0x66] : []), 0x35, 0, 0, random.oneIn(2) ? 1 : 4, 0),
        bytes(0x0f, 0x22, 0xc0),
      );
  }
}

/** MXCSR or the x87 control word: rounding, masks, flush to zero. */
export function rounding(ctx: Context): Statement {
  const { random, mode } = ctx;
  const memory = ctx.absolute(ctx.newSlot());
  const store = rmForms("mov", [0xc7], { size: 4, reg: 0, imm: 4 })[1]!;
  const x87 = random.oneIn(3);
  // Rounding modes, flush to zero, denormals as zeros, now and then an exception unmasked.
  const mxcsr = random.oneIn(3) ? 0x1f80 : 0x1fa0;
  const odd = random.oneIn(2) ? 0 : random.pick([0x2000, 0x4000, 0x6000, 0x8000, 0x40, 0x8040, 0x1000, 0x80, 0x200]);
  const value = x87 ? 0x37f ^ (random.below(4) << 10) ^ (random.oneIn(4) ? random.below(64) : 0) : mxcsr ^ odd;
  const load = x87
    ? rmForms("fldcw", [0xd9], { fixedSize: true, reg: 5 })[1]!
    : rmForms("ldmxcsr", [0x0f, 0xae], { fixedSize: true, reg: 2 })[1]!;
  return fixed(
    x87 ? "fldcw" : "ldmxcsr",
    encode(store, mode, { reg: 0, rm: 0, memory, immediate: value }),
    encode(load, mode, { reg: 0, rm: 0, memory, immediate: 0 }),
  );
}

/** Saves the floating-point and vector state, and takes it back after some statements. */
export function stateImage(ctx: Context, body: Body): Statement {
  const { mode, random } = ctx;
  const children = body(ctx, 1 + random.below(3));
  const memory = ctx.absolute(IMAGE_AREA);
  const operands = { reg: 0, rm: 0, memory, immediate: 0 };
  const save = encode(rmForms("fxsave", [0x0f, 0xae], { fixedSize: true, reg: 0 })[1]!, mode, operands);
  const restore = encode(rmForms("fxrstor", [0x0f, 0xae], { fixedSize: true, reg: 1 })[1]!, mode, operands);
  return statement(
    "fxsave",
    (e) => {
      e.emit(save);
      emitAll(e, children);
      e.emit(restore);
    },
    children,
  );
}

/** Faults and traps by instructions made for them, and others that leave the usual path. */
export function event(ctx: Context): Statement {
  const { random, mode, world } = ctx;
  const wide = mode === 16 ? [0x66] : [];
  switch (random.below(10)) {
    case 0:
      return fixed("ud2", bytes(0x0f, 0x0b));
    case 1: {
      // A divisor of zero, or a quotient that does not fit.
      const divisor = ctx.scratch();
      const rex = mode === 64 && divisor > 7 ? [0x45] : [];
      return fixed(
        "divide error",
        bytes(...rex, 0x31, 0xc0 | ((divisor & 7) << 3) | (divisor & 7)),
        bytes(...(rex.length > 0 ? [0x41] : []), 0xf7, 0xf0 | (divisor & 7)),
      );
    }
    case 2:
      return fixed("int3", bytes(0xcc));
    case 3:
      return mode === 64 ? fixed("int3", bytes(0xcd, 3)) : fixed("into", bytes(0xce));
    case 4:
      // Depends on the exact tick.
      return fixed("rdtsc", bytes(0x0f, 0x31));
    case 5:
      return fixed("cpuid", bytes(...wide, 0x31, 0xc0), bytes(0x0f, 0xa2));
    case 6:
      return fixed("interrupt flag", bytes(ctx.ring === 0 ? 0xfb : 0xfa));
    case 7:
      return fixed("fnclex", bytes(0xdb, 0xe2));
    case 8:
      return fixed("rdtsc", bytes(0x0f, 0x31));
    default:
      if (world.kind === "v86" || world.kind === "real" || mode === 64) return fixed("pause", bytes(0xf3, 0x90));
      // A segment register gets what it has: derived state is computed anew.
      return fixed("reload ds", bytes(0x1e), bytes(0x1f));
  }
}

/** A port that nobody serves: the host answers. */
export function port(ctx: Context): Statement {
  return fixed("port", bytes(0xe4 | ctx.random.below(2) | (ctx.random.below(2) << 1), 0x70));
}
