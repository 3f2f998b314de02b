// Floating-point code as compilers write it: a few registers, constants and arrays of ordinary numbers, loops over
// them, comparisons that branch. Random bits are NaNs and denormals too often for such code to stay on its fast ways.

import type { Form } from "../oracle/form.js";
import type { Random } from "../oracle/random.js";
import { CATALOG } from "./catalog.js";
import type { Context, Statement } from "./context.js";
import { type Body, emitAll, loop, pointerLoop } from "./control.js";
import { Label } from "./emitter.js";
import { encode } from "./encode.js";
import { fixed, statement } from "./instruction.js";
import { NUMBERS, NUMBERS_END } from "./layout.js";

const REGISTERS = 5;
const PRECISIONS = ["sd", "sd", "ss", "pd", "ps"] as const;
type Precision = (typeof PRECISIONS)[number];

const all = (mode: 16 | 32 | 64): readonly Form[] => [
  ...CATALOG[mode].scalar,
  ...CATALOG[mode].packed,
  ...CATALOG[mode].integer,
];

/** What code of a precision is made of, the common operations more than once. */
function formsOf(mode: 16 | 32 | 64, precision: Precision): readonly Form[] {
  const scalar = precision.startsWith("s");
  const wide = precision.endsWith("d");
  const often = new RegExp(`_(add|sub|mul)${precision}_[rm]$`);
  const arithmetic = new RegExp(`_(div|min|max|sqrt|cmp)${precision}_[rm]$`);
  const moves = scalar
    ? new RegExp(`_mov${precision}_[01]_[rm]$|_mova(ps|pd)_r$|_(and|xor|andn|or)(ps|pd)_r$`)
    : new RegExp(
        `_mov[au]${precision}_|_(unpck.|shuf|mov[hl]|and|andn|or|xor)${precision}_[rm]$|_mova_store_${precision}_m$`,
      );
  const conversions = scalar
    ? new RegExp(
        `_cvt(si2${precision}|t?${precision}2si|${wide ? "sd2ss|ss2sd" : "ss2sd"})(_q)?_[rm]$|_round${precision}_`,
      )
    : new RegExp(
        `_cvt(dq2${precision}|t?${precision}2dq|ps2pd|pd2ps)_[rm]$|_movmsk${precision}_r$|hadd${precision}_r$`,
      );
  const matching = (pattern: RegExp): Form[] => all(mode).filter((form) => pattern.test(form.name));
  const load = new RegExp(scalar ? `_mov${precision}_0_m$` : `_mov[au]?${precision}(_0)?_m$`);
  return [
    ...[0, 1, 2, 3].flatMap(() => [...matching(often), ...matching(load), ...matching(load)]),
    ...matching(arithmetic),
    ...matching(moves),
    ...matching(conversions),
  ];
}

const known = new Map<string, readonly Form[]>();
function forms(mode: 16 | 32 | 64, precision: Precision): readonly Form[] {
  const key = `${mode}${precision}`;
  let list = known.get(key);
  if (list === undefined) {
    list = formsOf(mode, precision);
    known.set(key, list);
  }
  return list;
}

/** Forms with a general register as an operand. */
const GENERAL_REG = /2si|movmsk|pmovmskb/;
const GENERAL_RM = /cvtsi2/;

function operation(ctx: Context, precision: Precision): Statement {
  const { random, mode } = ctx;
  const form = random.pick(forms(mode, precision));
  const before: { bytes: number[] }[] = [];
  const memory = form.rm === "mem" ? ctx.memory(form.access, form.float?.align ?? 1, before as never) : undefined;
  const reg = GENERAL_REG.test(form.name) ? ctx.scratch() : random.below(REGISTERS);
  const rm = GENERAL_RM.test(form.name) ? ctx.scratch() : random.below(REGISTERS);
  const immediate = form.imm === 0 ? 0 : random.below(8);
  return fixed(form.name, ...before, encode(form, mode, { reg, rm, memory, immediate }));
}

/** UCOMIS or COMIS, and a branch over what follows. */
function compared(ctx: Context, precision: Precision, body: Body): Statement {
  const { random, mode } = ctx;
  const wide = precision.endsWith("d");
  const pattern = new RegExp(`_u?comi${wide ? "sd" : "ss"}_[rm]$`);
  const form = random.pick(all(mode).filter(({ name }) => pattern.test(name)));
  const before: { bytes: number[] }[] = [];
  const memory = form.rm === "mem" ? ctx.memory(form.access, 1, before as never) : undefined;
  const operands = { reg: random.below(REGISTERS), rm: random.below(REGISTERS), memory, immediate: 0 };
  const compare = encode(form, mode, operands);
  const children = body(ctx, 1 + random.below(2));
  const condition = random.pick([2, 3, 6, 7, 4, 5, 10, 11]);
  const skip = new Label();
  return statement(
    "compared",
    (e) => {
      e.emit(...before, compare);
      e.branch(condition, skip);
      emitAll(e, children);
      e.bind(skip);
    },
    children,
  );
}

/** A stretch of such code, mostly a loop. */
export function numeric(ctx: Context): Statement {
  const { random } = ctx;
  const precision = random.pick(PRECISIONS);
  const body: Body = (inner, count) =>
    Array.from({ length: count + 1 }, () =>
      inner.depth < 4 && random.oneIn(6) ? compared(inner, precision, body) : operation(inner, precision),
    );
  const { aim } = ctx;
  // Doubles are in the first half.
  const wide = precision.endsWith("d");
  const half = (NUMBERS_END - NUMBERS) >> 1;
  ctx.aim = (size, align) => {
    const place = (wide ? NUMBERS : NUMBERS + half) + random.below(half - size);
    return place - (place % Math.max(align, wide ? 8 : 4));
  };
  ctx.depth++;
  const made = random.oneIn(3) ? pointerLoop(ctx, body, 2 + random.below(20)) : loop(ctx, body);
  ctx.depth--;
  ctx.aim = aim;
  return made;
}

/** Ordinary numbers: of both precisions, short and long ones, with zeros and a few others between them. */
export function someNumbers(random: Random): Uint8Array {
  const bytes = new Uint8Array(NUMBERS_END - NUMBERS);
  const view = new DataView(bytes.buffer);
  const value = (): number => {
    if (random.oneIn(24)) return random.pick([0, -0, 1e-320, Number.POSITIVE_INFINITY, Number.NaN, 1e300, 1e-300]);
    const size = 2 ** (random.below(9) - 4);
    const number = random.oneIn(2) ? random.below(64) / 8 : random.u32() / 0x1_0000_0000 + 0.5;
    return (random.oneIn(2) ? -number : number) * size;
  };
  const middle = bytes.length >> 1;
  for (let at = 0; at < middle; at += 8) view.setFloat64(at, value(), true);
  for (let at = middle; at < bytes.length; at += 4) view.setFloat32(at, value(), true);
  return bytes;
}
