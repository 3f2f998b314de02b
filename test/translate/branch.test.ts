// Loops, calls and jumps of every operand size give what their definitions say (SDM vol. 2), in as many instructions, and
// the translated ones stay in their regions.

import { describe, expect, test } from "vitest";
import * as L from "../../src/engine/views.js";
import { Exit } from "../engine/harness.js";
import { assembleFragment } from "../guest/assemble.js";
import { Random } from "../oracle/random.js";
import { codeOf, PLACES, type Place, SingleMachine, stackOf } from "./single.js";

const TURNS = 200;
interface Program {
  readonly name: string;
  readonly places: readonly Place[];
  /** What a turn of the outer loop does; xcx and xsp are the registers of the code's own width. */
  readonly body: string;
  /** EAX behind TURNS turns, and instructions that each takes. */
  readonly eax: number;
  readonly count: number;
  readonly behind?: string;
}

const ALL: readonly Place[] = ["long", "flat", "segmented", "real"];
const NARROW: readonly Place[] = ["flat", "segmented", "real"];

const PROGRAMS: readonly Program[] = [
  { name: "loop", places: ALL, body: "mov ecx, 3\n.a:\ninc eax\nloop .a", eax: 3, count: 7 },
  {
    name: "loopne ends at a zero",
    places: ALL,
    body: "mov ecx, 9\n.a:\ninc eax\ncmp ecx, 8\nloopne .a",
    eax: 2,
    count: 7,
  },
  {
    name: "loope ends without one",
    places: ALL,
    body: "mov ecx, 9\n.a:\ninc eax\ncmp ecx, 9\nloope .a",
    eax: 2,
    count: 7,
  },
  {
    name: "jecxz",
    places: ALL,
    body: "xor ecx, ecx\njecxz .a\ninc eax\n.a:\ninc ecx\njecxz .b\ninc eax\n.b:",
    eax: 1,
    count: 5,
  },
  {
    name: "call and ret n",
    places: ["long"],
    body: "push rcx\npush rcx\ncall function",
    behind: "function:\ninc eax\nret 16",
    eax: 1,
    count: 5,
  },
  {
    name: "call and ret n",
    places: ["flat", "segmented"],
    body: "push ecx\npush ecx\ncall function",
    behind: "function:\ninc eax\nret 8",
    eax: 1,
    count: 5,
  },
  {
    name: "call and ret n",
    places: ["real"],
    body: "push cx\npush cx\ncall function",
    behind: "function:\ninc eax\nret 4",
    eax: 1,
    count: 5,
  },
  {
    name: "jcc and jmp",
    places: ALL,
    body: "test eax, eax\njs .a\ninc eax\njmp .b\n.a:\ndec eax\n.b:",
    eax: 1,
    count: 4,
  },
  { name: "indirect", places: NARROW, body: "mov ebx, .a\njmp ebx\ninc eax\n.a:\ninc eax", eax: 1, count: 3 },
];

const sides = [new SingleMachine(false), new SingleMachine(true)];

describe.each(ALL)("%s", (place) => {
  test.each(PROGRAMS.filter(({ places }) => places.includes(place)))("$name", ({ body, behind, eax, count }) => {
    const origin = codeOf(place);
    const narrow = (text: string): string => (place === "real" ? text.replace("jmp ebx", "jmp bx") : text);
    const source = `xor eax, eax\nmov edi, ${TURNS}\nagain:\n${narrow(body)}\ndec edi\njnz again\nhlt\n${behind ?? ""}`;
    const code = assembleFragment(source, PLACES[place], origin);
    for (const side of sides) {
      side.enter(place);
      const m = side.machine;
      m.poke(side.codeFrame, code);
      // Regions are made between runs.
      let ticks = 0;
      for (let run = 0; run < 3; run++) {
        m.settle();
        for (let n = 0; n < 16; n++) m.setGpr(n, 0n);
        m.setGpr(4, BigInt(stackOf(place) + 0x800));
        m.set64(L.TICKS, 0n);
        m.core.setRflags(2);
        m.core.refresh();
        const before = side.count(2);
        expect(side.run(new Random(1), origin, 100_000)).toBe(Exit.HALT);
        expect(Number(m.gpr(0))).toBe(eax * TURNS);
        expect(Number(m.gpr(4))).toBe(stackOf(place) + 0x800);
        expect(Number(m.get64(L.TICKS))).toBe(3 + TURNS * (count + 2));
        ticks = side.count(2) - before;
      }
      if (side.tier1 !== undefined) expect(ticks).toBeGreaterThan(TURNS * (count + 1));
    }
  });
});
