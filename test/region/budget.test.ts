// A region counts ticks exactly: wherever a budget ends, the machine stands where the interpreter alone would stand.

import { describe, expect, test } from "vitest";
import * as L from "../../src/engine/views.js";
import {
  add,
  Counter,
  constant,
  counter,
  exit,
  exitsOf,
  type FakeRegion,
  forever,
  gpr,
  isZero,
  load,
  make,
  pay,
  store,
  store64,
  subtract,
  when,
} from "./fake.js";
import { CODE, MODE32, PAGE_FRAME, World } from "./world.js";

const PROGRAM = "mov ecx, 40\nagain: add eax, 3\ndec ecx\njnz again\nmov ebx, 7\ncli\nhlt";
const AGAIN = 5;
const BEHIND = 11;
/** DEC of 32 bits; CF is that of the addition. */
const DEC32 = (7 << 2) | 2;

/** What a translator makes of the loop. */
export const LOOP: FakeRegion = {
  mode: MODE32,
  reserve: 3,
  pages: [[0, PAGE_FRAME, AGAIN, BEHIND - 1]],
  entries: [AGAIN],
  exits: [
    { type: L.ExitType.STATIC, place: BEHIND, flags: DEC32 },
    { type: L.ExitType.FUEL, place: AGAIN, back: 3 },
  ],
  body: forever([
    ...pay(3, 1),
    ...store64(gpr(0), add(load(gpr(0)), constant(3))),
    ...store64(gpr(1), subtract(load(gpr(1)), constant(1))),
    // The addition never carries here.
    ...store(L.LAZY_CARRY, constant(0)),
    ...store(L.LAZY_RESULT, load(gpr(1))),
    ...store(L.LAZY_KIND, constant(DEC32)),
    ...when(isZero(load(gpr(1))), exit(0)),
  ]),
};

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
