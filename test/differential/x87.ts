// x87 code as compilers write it: values are loaded, worked on within the register stack, compared, and stored again,
// so that the stack is where it was at the end of each stretch.

import { type Form, rmForms } from "../oracle/form.js";
import { X87_FORMS } from "../oracle/forms-x87.js";
import type { Context, Statement } from "./context.js";
import { type Body, emitAll, loop } from "./control.js";
import { type Instruction, Label } from "./emitter.js";
import { encode } from "./encode.js";
import { bytes, fixed, statement } from "./instruction.js";
import { NUMBERS, NUMBERS_END } from "./layout.js";

const DEEPEST = 6;

const named = (...names: readonly string[]): readonly Form[] =>
  names.map((name) => X87_FORMS.find((form) => form.name === `x87_${name}`) as Form);
const LOADS = named("fld_m64", "fld_m64", "fld_m32", "fild_m32", "fild_m16", "fild_m64", "fld_m80");
const ARITHMETIC = named(
  "fadd_m64",
  "fmul_m64",
  "fsub_m64",
  "fsubr_m64",
  "fdiv_m64",
  "fadd_m32",
  "fmul_m32",
  "fiadd_m32",
);
const STORES = named("fstp_m64", "fstp_m64", "fstp_m32", "fistp_m32", "fisttp_m32", "fstp_m80", "fistp_m64");
const [, STORE_STATUS] = rmForms("fnstsw", [0xdd], { reg: 7, fixedSize: true });
/** Halves of the numbers by the size of the operand. */
const HALF = (NUMBERS_END - NUMBERS) >> 1;

class Stack {
  depth = 0;
  constructor(
    private readonly ctx: Context,
    private readonly body: Body,
  ) {}

  private memory(form: Form): Statement {
    const { ctx } = this;
    const before: Instruction[] = [];
    const { aim } = ctx;
    const first = form.access === 4 ? NUMBERS + HALF : NUMBERS;
    ctx.aim = (size) => {
      const place = first + ctx.random.below(HALF - size);
      return ctx.random.oneIn(8) ? place : place - (place % Math.min(form.access, 8));
    };
    const memory = ctx.memory(form.access, 1, before);
    ctx.aim = aim;
    return fixed(form.name, ...before, encode(form, ctx.mode, { reg: 0, rm: 0, memory, immediate: 0 }));
  }
  load(): Statement {
    const { random } = this.ctx;
    const { depth } = this;
    this.depth++;
    if (random.oneIn(5)) return fixed("fld constant", bytes(0xd9, random.pick([0xe8, 0xee, 0xeb])));
    if (depth > 0 && random.oneIn(4)) return fixed("fld st", bytes(0xd9, 0xc0 | random.below(depth)));
    return this.memory(random.pick(LOADS));
  }
  store(): Statement {
    this.depth--;
    return this.memory(this.ctx.random.pick(STORES));
  }
  /** Something with one or two of the values that are there. */
  work(): Statement {
    const { random } = this.ctx;
    const other = random.below(this.depth);
    const operation = random.pick([0, 0, 1, 1, 4, 5, 6, 7]);
    switch (random.below(9)) {
      case 0:
        return this.memory(random.pick(ARITHMETIC));
      case 1:
        return fixed("x87 to st", bytes(0xd8, 0xc0 | (operation << 3) | other));
      case 2:
        return fixed("x87 to st(i)", bytes(0xdc, 0xc0 | (operation << 3) | other));
      case 3:
        if (this.depth < 2) break;
        this.depth--;
        return fixed("x87 pop", bytes(0xde, 0xc0 | (operation << 3) | (1 + random.below(this.depth))));
      case 4:
        return fixed("fxch", bytes(0xd9, 0xc8 | other));
      case 5:
        return fixed("fchs", bytes(0xd9, random.pick([0xe0, 0xe1, 0xfa, 0xfc])));
      case 6:
        return this.compare(other);
      case 7:
        return fixed("fcmov", bytes(random.pick([0xda, 0xdb]), 0xc0 | (random.below(4) << 3) | other));
      default:
    }
    return fixed("x87 to st", bytes(0xd8, 0xc0 | (operation << 3) | other));
  }
  /** FCOMI or FUCOMI, or by way of the status word, and a branch. */
  private compare(other: number): Statement {
    const { random, mode } = this.ctx;
    const children = this.body(this.ctx, 1);
    const skip = new Label();
    const before: Instruction[] = [];
    let condition = random.pick([2, 3, 6, 7, 4, 5, 10, 11]);
    if (random.oneIn(3)) {
      // FCOM or FUCOM; FNSTSW AX; SAHF.
      const ordered = random.oneIn(2);
      before.push(ordered ? bytes(0xd8, 0xd0 | other) : bytes(0xdd, 0xe0 | other), bytes(0xdf, 0xe0), bytes(0x9e));
    } else if (random.oneIn(8)) {
      const memory = this.ctx.absolute(this.ctx.newSlot());
      before.push(encode(STORE_STATUS!, mode, { reg: 0, rm: 0, memory, immediate: 0 }));
      condition = random.below(16);
    } else before.push(bytes(0xdb, random.pick([0xe8, 0xf0]) | other));
    return statement(
      "x87 compare",
      (e) => {
        e.emit(...before);
        e.branch(condition, skip);
        emitAll(e, children);
        e.bind(skip);
      },
      children,
    );
  }
}

/** A stretch of such code in a loop. */
export function x87(ctx: Context, body: Body): Statement {
  const { random } = ctx;
  const inner: Body = (_, count) => {
    const stack = new Stack(ctx, ctx.depth < 4 ? body : () => []);
    const list: Statement[] = [];
    for (let n = 2 + count * 2; n > 0; n--) {
      if (stack.depth === 0 || (stack.depth < DEEPEST && random.oneIn(4))) list.push(stack.load());
      else if (random.oneIn(6)) list.push(stack.store());
      else list.push(stack.work());
    }
    while (stack.depth > 0) list.push(stack.store());
    return list;
  };
  ctx.depth++;
  const made = loop(ctx, inner);
  ctx.depth--;
  return made;
}
