// Random programs of floating-point instructions, interpreted and translated.

import { expect, test } from "vitest";
import * as L from "../../src/engine/views.js";
import { Random } from "../oracle/random.js";
import { compare, LoopMachine } from "./loop.js";
import { someNumbers } from "./numbers.js";

test.each([false, true])(
  "floating-point programs run alike interpreted and translated, cautiously: %s",
  {
    timeout: 120_000,
  },
  (cautious) => {
    const below = new LoopMachine(false);
    const above = new LoopMachine(true);
    if (cautious) above.machine.u8.fill(0xff, L.CAUTIOUS, L.CAUTIOUS + (1 << (L.CAUTIOUS_BITS - 3)));
    const differences: string[] = [];
    let ticks = 0;
    for (let n = 0; n < 2_000; n++) {
      const seed = n * 2 + Number(cautious);
      const loop = someNumbers(n & 1 ? 64 : 32, new Random(seed));
      const lines = compare(below, above, loop, seed);
      ticks += Number(below.machine.get64(L.TICKS));
      if (lines.length > 0) differences.push(`seed ${seed}`, ...lines.slice(0, 6));
    }
    expect(differences.slice(0, 40)).toEqual([]);
    expect(above.counts.ticks / ticks).toBeGreaterThan(0.25);
  },
);

test("code that meets many uncommon numbers is translated cautiously", () => {
  const above = new LoopMachine(true);
  // movsd xmm0, [rsi]; mulsd xmm0, [rsi + 8]; movsd [rdi], xmm0; dec ecx; jnz
  const code = [
    0xf2, 0x0f, 0x10, 0x06, 0xf2, 0x0f, 0x59, 0x46, 0x08, 0xf2, 0x0f, 0x11, 0x07, 0xff, 0xc9, 0x75, 0xef, 0xf4,
  ];
  const input = new Uint8Array(64);
  const view = new DataView(input.buffer);
  view.setFloat64(0, 2 ** 300, true);
  view.setFloat64(8, 1.5, true);
  above.load({ width: 64, code: Uint8Array.from(code), rows: 60_000, input, offset: 0, mxcsr: 0x1fa0 });
  above.run(new Random(1));
  const { misses } = above.counts;
  expect(misses).toBeGreaterThan(9_000);
  expect(misses).toBeLessThan(12_000);
  expect(new Float64Array(above.machine.peek(0x5a_000, 8).slice().buffer)[0]).toBe(2 ** 300 * 1.5);
});
