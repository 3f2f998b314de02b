// A region counts ticks exactly: wherever a budget ends, the machine stands where the interpreter alone would stand.

import { describe, expect, test } from "vitest";
import * as L from "../../src/engine/views.js";
import { Counter, counter, exitsOf, make } from "./fake.js";
import { LOOP, PROGRAM } from "./loop.js";
import { CODE, World } from "./world.js";

describe("budgets", () => {
  test("every tick of a loop is the interpreter's", () => {
    for (let ticks = 1; ticks < 125; ticks++) {
      const alone = new World(PROGRAM);
      const both = new World(PROGRAM);
      make(both.m, LOOP);
      alone.m.run(ticks);
      both.m.run(ticks);
      expect(both.visible(), `after ${ticks} ticks`).toEqual(alone.visible());
      if (ticks > 10) expect(counter(both.m, Counter.ENTRIES)).toBeGreaterThan(0);
    }
  });

  test.each([1, 2, 3, 4, 5, 7, 17])("slices of %i ticks end like one run", (slice) => {
    const alone = new World(PROGRAM);
    const both = new World(PROGRAM);
    make(both.m, LOOP);
    alone.finish();
    for (let i = 0; i < 500; i++) if (both.m.run(slice) !== 1) break;
    expect(both.visible()).toEqual(alone.visible());
  });

  test("steps execute marked instructions one by one", () => {
    const alone = new World(PROGRAM);
    const both = new World(PROGRAM);
    make(both.m, LOOP);
    for (let i = 0; i < 30; i++) {
      alone.m.core.step(0, 1);
      both.m.core.step(0, 1);
      expect(both.visible()).toEqual(alone.visible());
    }
  });

  test("the region executes what the reserve allows, and says so", () => {
    const both = new World(PROGRAM);
    make(both.m, LOOP);
    both.finish();
    expect(counter(both.m, Counter.TICKS)).toBe(120);
    expect(counter(both.m, Counter.ENTRIES)).toBe(1);
    expect(exitsOf(both.m, L.ExitType.STATIC)).toBe(1);
    expect(both.m.gpr(0)).toBe(120n);
    expect(both.m.gpr(3)).toBe(7n);
    expect(both.m.get64(L.RIP)).toBe(BigInt(CODE + 18));
  });
});
