// Blocks that branches lead to often enough are reported, once, and the run leaves for the translator at the end of the
// slice, at no cost in ticks.

import { expect, test } from "vitest";
import * as L from "../../src/engine/views.js";
import { Exit } from "../engine/harness.js";
import { make } from "./fake.js";
import { AGAIN, LOOP, PROGRAM } from "./loop.js";
import { CODE, MODE32, PAGE_FRAME, World } from "./world.js";

const LONG = PROGRAM.replace("40", "100000");

function hot(source: string, threshold: number): World {
  const w = new World("nop");
  w.m.set32(L.HOT_THRESHOLD, threshold);
  w.load(source);
  return w;
}

test("a loop is reported with what the translator needs", () => {
  const w = hot(LONG, 1000);
  expect(w.m.run(2900)).toBe(Exit.BUDGET);
  expect(w.m.get32(L.REQUESTS_WRITTEN)).toBe(0);
  expect(w.m.run(1_000_000)).toBe(Exit.TRANSLATE);
  expect(w.m.get32(L.REQUESTS_WRITTEN)).toBe(1);
  const request = L.REQUESTS;
  expect(w.m.get32(request + L.REQUEST_FRAME)).toBe(PAGE_FRAME);
  expect(w.m.get32(request + L.REQUEST_OFFSET)).toBe(AGAIN);
  expect(w.m.get32(request + L.REQUEST_MODE)).toBe(MODE32);
  expect(w.m.get32(request + L.REQUEST_TAG)).toBe(w.m.get32(L.FETCH_TAG));
  expect(w.m.get64(request + L.REQUEST_RIP)).toBe(BigInt(CODE + AGAIN));
  expect(w.m.get64(request + L.REQUEST_BASE)).toBe(0n);
});

test("the run leaves once, and ends where it would without", () => {
  const [w, alone] = [hot(LONG, 100), new World(LONG)];
  let left = 0;
  for (w.m.set64(L.BUDGET, 250_000n); ; left++) if (w.m.core.run() !== Exit.TRANSLATE) break;
  alone.m.run(250_000);
  expect(w.visible()).toEqual(alone.visible());
  // Once for the loop, which asks again when nothing comes of it.
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(250_000 / 3 / 6400 + 2);
  w.m.set32(L.REQUESTS_READ, w.m.get32(L.REQUESTS_WRITTEN));
});

test("nothing is reported at threshold 0, nor where a region stands", () => {
  const none = hot(LONG, 0);
  expect(none.m.run(200_000)).toBe(Exit.BUDGET);
  const w = hot(LONG, 10);
  // A region that never lets go makes no progress: the interpreter executes the loop under its mark.
  make(w.m, { ...LOOP, exits: [{ type: L.ExitType.MISS, place: AGAIN }], body: [0x41, 0, 0x0f] });
  expect(w.m.run(200_000)).toBe(Exit.BUDGET);
  for (const { m } of [none, w]) expect(m.get32(L.REQUESTS_WRITTEN)).toBe(0);
});

test("calls and returns heat what they lead to", () => {
  const w = hot("mov ecx, 100\nagain: call f\ndec ecx\njnz again\ncli\nhlt\nf: inc edx\nret", 20);
  w.m.run(1_000_000);
  const offsets = new Set<number>();
  for (let n = 0; n < w.m.get32(L.REQUESTS_WRITTEN); n++)
    offsets.add(w.m.get32(L.REQUESTS + n * 32 + L.REQUEST_OFFSET));
  expect([...offsets].sort((a, b) => a - b)).toEqual([5, 10, 15]);
});

test("a full ring drops requests, and the blocks ask again", () => {
  // 300 little loops in a row.
  const loops = Array.from({ length: 300 }, (_, i) => `mov ecx, 50\nl${i}: dec ecx\njnz l${i}`).join("\n");
  const source = `mov ebp, 8\nround: ${loops}\ndec ebp\njnz round\ncli\nhlt`;
  const w = hot(source, 20);
  for (let i = 0; i < 100; i++) if (w.m.run(1_000_000) !== Exit.TRANSLATE) break;
  expect(w.m.get32(L.REQUESTS_WRITTEN)).toBe(L.REQUESTS_MAX);
  w.m.set32(L.REQUESTS_READ, L.REQUESTS_MAX);
  w.m.settle();
  w.m.set64(L.RIP, BigInt(CODE));
  w.m.core.refresh();
  for (let i = 0; i < 100; i++) if (w.m.run(1_000_000) !== Exit.TRANSLATE) break;
  expect(w.m.get32(L.REQUESTS_WRITTEN)).toBeGreaterThan(L.REQUESTS_MAX + 40);
});
