// Random programs of x87 instructions, interpreted and translated.

import { expect, test } from "vitest";
import * as L from "../../src/engine/views.js";
import { Random } from "../oracle/random.js";
import { compare, LoopMachine } from "./loop.js";
import { someStack } from "./stack.js";

test("x87 programs run alike interpreted and translated", { timeout: 120_000 }, () => {
  const below = new LoopMachine(false);
  const above = new LoopMachine(true);
  const differences: string[] = [];
  let ticks = 0;
  for (let seed = 1; seed <= 2_000; seed++) {
    const loop = someStack(seed & 1 ? 64 : 32, new Random(seed));
    const lines = compare(below, above, loop, seed);
    ticks += Number(below.machine.get64(L.TICKS));
    if (lines.length > 0) differences.push(`seed ${seed}`, ...lines.slice(0, 6));
  }
  expect(differences.slice(0, 40)).toEqual([]);
  expect(above.counts.ticks / ticks).toBeGreaterThan(0.3);
});
