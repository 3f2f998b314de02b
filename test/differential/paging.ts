// Statements that change page tables: pages of data and of code move to other frames, come and go, lose rights or
// their accessed and dirty bits; with INVLPG, a reload of CR3, a change to the other address space, or nothing.

import { type Form, rmForms } from "../oracle/form.js";
import type { Context, Statement } from "./context.js";
import { type Body, emitAll } from "./control.js";
import type { Instruction } from "./emitter.js";
import { encode, type Memory } from "./encode.js";
import { bytes, randomInstruction, statement } from "./instruction.js";
import { Vector } from "./layout.js";
import type { Placement, Prepared } from "./world.js";

const [, XOR] = rmForms("xor", [0x81], { size: 4, reg: 6, imm: 4 });
const [, AND] = rmForms("and", [0x81], { size: 4, reg: 4, imm: 4 });
const [, OR] = rmForms("or", [0x81], { size: 4, reg: 1, imm: 4 });
const [, MOV] = rmForms("mov", [0xc7], { size: 4, reg: 0, imm: 4 });
const GS = 0x65;
const [P, W, U, A, D] = [1, 2, 4, 0x20, 0x40];
/** A frame that is no RAM: accesses leave to the host. */
const OUTSIDE = 0x100;

/** Pages of the window by what they are for. */
const DATA_PAGES = [8, 9, 10, 11, 12, 13];
const CODE_PAGES = [0, 1, 2, 3];

/** The entry of a page of the window, as a memory operand. */
function entry(ctx: Context, prepared: Prepared, page: number, space: number): Memory {
  const { entries, entrySize } = prepared;
  const offset = page * entrySize;
  const plain = { addressSize: ctx.word, base: -1, index: -1, scale: 0 };
  if (ctx.short) return { ...plain, segment: GS, displacement: offset + entries[space]! - entries[0] };
  return { ...plain, addressSize: ctx.reach, segment: 0, displacement: entries[space]! + offset };
}

/** What makes the processor look at its tables again, or not. */
function invalidate(ctx: Context, page: number): Instruction[] {
  const { random } = ctx;
  const kind = random.below(4);
  if (kind === 0) return [];
  if (ctx.ring !== 0 || kind === 1) return [bytes(0xcd, Vector.RELOAD_ROOT)];
  const register = ctx.baseScratch();
  if (kind === 2) {
    // mov reg,cr3; mov cr3,reg
    const rex = register > 7 ? [0x41] : [];
    return [bytes(...rex, 0x0f, 0x20, 0xd8 | (register & 7)), bytes(...rex, 0x0f, 0x22, 0xd8 | (register & 7))];
  }
  const form = rmForms("invlpg", [0x0f, 0x01], { fixedSize: true, reg: 7 })[1]!;
  if (!ctx.reachable || ctx.short) return [bytes(0xcd, Vector.RELOAD_ROOT)];
  const memory: Memory = {
    addressSize: ctx.word,
    segment: 0,
    base: -1,
    index: -1,
    scale: 0,
    displacement: Number(BigInt.asIntN(32, ctx.address(page * 4096 + random.below(4096)))),
  };
  return [encode(form, ctx.mode, { reg: 0, rm: 0, memory, immediate: 0 })];
}

/** Change of an entry of the code: to the frame with the same code but other constants, and back; accessed and absent. */
function changeCode(ctx: Context, make: Make, own: number, other: number): Instruction {
  const { random } = ctx;
  if (own === other || random.oneIn(4)) return make(AND, ~(random.oneIn(2) ? A | D : D));
  return random.oneIn(12) ? make(XOR, P) : make(XOR, (own ^ other) << 12);
}

/** Change of an entry of the data: rights, presence, accessed and dirty bits, the frame. */
function changeData(ctx: Context, make: Make, own: number, frames: readonly number[]): Instruction {
  const { random } = ctx;
  switch (random.below(9)) {
    case 0:
      return make(XOR, W);
    case 1:
      return make(XOR, P);
    case 2:
      return make(AND, ~D);
    case 3:
      return make(AND, ~(A | D));
    case 4:
      return make(XOR, U);
    case 5:
      return make(OR, W | P);
    case 6:
      return make(MOV, ((random.oneIn(6) ? OUTSIDE : own) << 12) | P | W | U);
    default: {
      // To the frame of another page of data, and back the next time.
      const frame = frames[random.pick(DATA_PAGES)]!;
      return make(XOR, frame === own ? W : (own ^ frame) << 12);
    }
  }
}

type Make = (form: Form | undefined, immediate: number) => Instruction;

/** Changes one entry. */
export function changeEntry(ctx: Context, prepared: Prepared, placement: Placement): Statement {
  const { random, mode } = ctx;
  if (ctx.world.paging === undefined || mode !== ctx.world.code) return randomInstruction(ctx);
  const space = random.oneIn(4) ? 1 : 0;
  const lock = random.oneIn(8);
  const [frames, others] = placement.frames;
  const change = (page: number, isCode: boolean): Instruction[] => {
    const memory = entry(ctx, prepared, page, space);
    const make: Make = (form, immediate) =>
      encode(form!, mode, { reg: 0, rm: 0, memory, immediate, lock: lock && form !== MOV });
    const made = isCode
      ? changeCode(ctx, make, frames[page]!, others[page]!)
      : changeData(ctx, make, frames[page]!, frames);
    return [made, ...invalidate(ctx, page)];
  };
  const touch = random.oneIn(2) ? [randomInstruction(ctx)] : [];
  const isCode = random.oneIn(3);
  const variants = isCode ? CODE_PAGES.map((page) => change(page, true)) : [change(random.pick(DATA_PAGES), false)];
  const choice = random.below(CODE_PAGES.length);
  return statement(
    isCode ? "page table, code" : "page table",
    (e) => {
      // Every other time of a page that the change itself does not lie in.
      const elsewhere = CODE_PAGES.filter((page) => page !== e.here >> 12 && page !== (e.here + 0x60) >> 12);
      const page = isCode ? (choice < 2 ? choice : elsewhere[choice & 1]!) : 0;
      e.emit(...variants[page]!);
      emitAll(e, touch);
    },
    touch,
  );
}

/** Goes over to the other address space for some statements. */
export function otherSpace(ctx: Context, body: Body): Statement {
  const { random } = ctx;
  if (ctx.world.paging === undefined || ctx.mode !== ctx.world.code) return randomInstruction(ctx);
  const children = body(ctx, 1 + random.below(4));
  return statement(
    "other space",
    (e) => {
      e.raw(0xcd, Vector.SWITCH_ROOT);
      emitAll(e, children);
      e.raw(0xcd, Vector.SWITCH_ROOT);
    },
    children,
  );
}
