// Vector instructions in translated loops, held against the interpreter: every form of the oracle's with XMM registers,
// with operands that find mistakes, aligned and not, across pages, under all kinds of MXCSR.

import { expect, test } from "vitest";
import * as L from "../../src/engine/views.js";
import { INSTANCES, type Instance } from "../oracle/forms.js";
import { Random } from "../oracle/random.js";
import { choose, compare, elementsOf, LoopMachine, makeLoop, type Width } from "./loop.js";

const MXCSR = [0x1fa0, 0x1fa0, 0x1f80, 0x1f80, 0x9fa0, 0x1fe0, 0x3fa0, 0x5f80, 0x1f00, 0x0000, 0x1fbf, 0xffe0];
const FLAGS = /comi|ptest/;

const forms = INSTANCES.filter(
  ({ mode, form }) =>
    mode !== 16 && form.float?.xmm !== undefined && form.reg !== undefined && form.rm !== undefined && !form.sequence,
);

test("vector instructions run alike interpreted and translated", { timeout: 120_000 }, () => {
  const below = new LoopMachine(false);
  const above = new LoopMachine(true);
  const differences: string[] = [];
  let ticks = 0;
  const run = ({ key, form, mode }: Instance, n: number, r: Random): void => {
    const width = mode as Width;
    const rows = 40;
    const loop = makeLoop(choose(form, width, r, r.below(r.oneIn(3) ? 256 : 40)), width, {
      rows,
      // Somewhere in the loop a row lies across two pages if it is misaligned.
      offset: 4096 - 64 * r.below(rows) + (r.oneIn(4) ? r.below(16) : 0),
      mxcsr: r.pick(MXCSR),
      flags: FLAGS.test(key),
      control: r.oneIn(3),
      fill: elementsOf(form, r),
    });
    const lines = compare(below, above, loop, n);
    ticks += Number(below.machine.get64(L.TICKS));
    if (lines.length > 0) differences.push(`${key} ${Buffer.from(loop.code).toString("hex")}`, ...lines.slice(0, 6));
  };
  for (let n = 0; n < 3; n++) {
    const r = new Random(7000 + n);
    for (const instance of forms) run(instance, n, r);
  }
  expect(differences.slice(0, 40)).toEqual([]);
  expect(above.counts.ticks / ticks).toBeGreaterThan(0.4);
});
