// String instructions with their pointers set first: with and without REP, forwards and backwards, overlapping,
// across pages and into pages that are not there.

import { type Context, loadConstant, type Statement } from "./context.js";
import type { Instruction } from "./emitter.js";
import { bytes, fixed, randomInstruction } from "./instruction.js";

const OPERATIONS = [0xa4, 0xa6, 0xaa, 0xac, 0xae] as const;

export function strings(ctx: Context): Statement {
  const { random, mode } = ctx;
  if ([1, 6, 7].some((register) => ctx.reserved.has(register)) || (!ctx.short && mode === 16))
    return randomInstruction(ctx);
  const sizes = mode === 64 ? [1, 2, 4, 8] : [1, 2, 4];
  const size = random.pick(sizes);
  const opcode = random.pick(OPERATIONS) | (size === 1 ? 0 : 1);
  const prefix: number[] = [];
  if (size === 2 && mode !== 16) prefix.push(0x66);
  if (size === 4 && mode === 16) prefix.push(0x66);
  const repeat = random.oneIn(4) ? [] : [random.pick([0xf3, 0xf3, 0xf2])];
  const rex = size === 8 ? [0x48] : [];
  // Other address sizes where they reach the same places, and segments that begin at the same place.
  const narrow = mode === 32 ? ctx.short : mode === 16 || ctx.world.base === 0x20000n;
  const other = narrow && random.oneIn(6);
  if (other) prefix.push(0x67);
  if (random.oneIn(8)) prefix.push(random.pick([0x26, 0x36, 0x3e, 0x2e]));
  const count = random.oneIn(5) ? random.below(200) : random.below(20);
  const backward = random.oneIn(5);
  const span = size * (repeat.length > 0 ? count : 1) + size;
  const source = ctx.target(span + size, random.oneIn(2) ? size : 1);
  const overlap = random.oneIn(3) ? source + random.below(17) - 8 : ctx.target(span + size, random.oneIn(2) ? size : 1);
  const end = backward ? span - size : 0;
  const load = (register: number, value: number | bigint): Instruction =>
    loadConstant(mode, register, value, mode === 16 && other ? 4 : mode / 8);
  const before: Instruction[] = [
    load(6, ctx.address(source + end)),
    load(7, ctx.address(Math.max(overlap, 0x8000) + end)),
    ...(repeat.length > 0 ? [load(1, count)] : []),
    bytes(backward ? 0xfd : 0xfc),
  ];
  const times = repeat.length > 0 ? 1 : 1 + random.below(3);
  const instruction = bytes(...prefix, ...repeat, ...rex, opcode);
  const after = backward ? [bytes(0xfc)] : [];
  return fixed("string", ...before, ...Array.from({ length: times }, () => instruction), ...after);
}
