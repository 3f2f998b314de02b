// The five ways out of a region, each against the interpreter alone.

import { describe, expect, test } from "vitest";
import * as L from "../../src/engine/views.js";
import { Exit } from "../engine/harness.js";
import { assembleFragment } from "../guest/assemble.js";
import {
  add,
  Counter,
  constant,
  counter,
  ENTRY,
  exit,
  exitsOf,
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
import { AGAIN, LOOP, PROGRAM } from "./loop.js";
import { CODE, MODE32, PAGE_FRAME, STACK, World } from "./world.js";

const RESULT_OF = { INC: (6 << 2) | 2, DEC: (7 << 2) | 2 } as const;
const incremented = (register: number): number[] => [
  ...store64(gpr(register), add(load(gpr(register)), constant(1))),
  ...store(L.LAZY_CARRY, constant(0)),
  ...store(L.LAZY_RESULT, load(gpr(register))),
];

/** Offset of a label's instruction from the start of a program. */
function sizeOf(source: string): number {
  return assembleFragment(source, 32, CODE).length;
}

describe("static exits", () => {
  const first = "mov ecx, 30\nxor eax, eax\nxor ebx, ebx";
  const a = "\na: inc eax\njmp b\nnop\nnop";
  const b = "\nb: inc ebx\ndec ecx\njnz a";
  const [A, B] = [sizeOf(first), sizeOf(`${first}${a.replace("jmp b", "nop\nnop")}`)];
  const source = `${first}${a}${b}\ncli\nhlt`;
  const BEHIND = sizeOf(`${first}${a.replace("jmp b", "nop\nnop")}\ninc ebx\ndec ecx\nnop\nnop`);

  function both(): World {
    const w = new World(source);
    make(w.m, {
      mode: MODE32,
      reserve: 2,
      pages: [[0, PAGE_FRAME, A, A + 2]],
      entries: [A],
      exits: [
        { type: L.ExitType.STATIC, place: B, flags: RESULT_OF.INC },
        { type: L.ExitType.FUEL, place: A, back: 2 },
      ],
      body: [...pay(2, 1), ...incremented(0), ...exit(0)],
    });
    make(w.m, {
      mode: MODE32,
      reserve: 3,
      pages: [[0, PAGE_FRAME, B, BEHIND - 1]],
      entries: [B],
      exits: [
        { type: L.ExitType.STATIC, place: A, flags: RESULT_OF.DEC },
        { type: L.ExitType.STATIC, place: BEHIND, flags: RESULT_OF.DEC },
        { type: L.ExitType.FUEL, place: B, back: 3 },
      ],
      body: [
        ...pay(3, 2),
        ...incremented(3),
        ...store64(gpr(1), subtract(load(gpr(1)), constant(1))),
        ...store(L.LAZY_RESULT, load(gpr(1))),
        ...when(isZero(load(gpr(1))), exit(1)),
        ...exit(0),
      ],
    });
    return w;
  }

  test("one region leads to the next without the interpreter", () => {
    const w = both();
    w.finish();
    const alone = new World(source);
    alone.finish();
    expect(w.visible()).toEqual(alone.visible());
    // The first passage finds the addresses for the jump cache.
    expect(counter(w.m, Counter.HOPS)).toBeGreaterThan(50);
    expect(counter(w.m, Counter.TICKS)).toBe(150);
  });

  test("links of exits do not outlive the arena", () => {
    const [w, alone] = [both(), new World(source)];
    alone.finish();
    for (let i = 0; i < 14; i++) {
      w.m.run(11);
      w.emptyArena();
    }
    w.finish();
    expect(w.m.gpr(0)).toBe(30n);
    expect(w.m.gpr(3)).toBe(30n);
    expect(w.m.gpr(1)).toBe(0n);
    expect(w.m.get64(L.RIP)).toBe(alone.m.get64(L.RIP));
    expect(w.m.get32(L.ARENA_FLUSHES)).toBeGreaterThan(10);
    expect(counter(w.m, Counter.HOPS)).toBeGreaterThan(0);
  });

  test("every budget ends where it does for the interpreter", () => {
    for (let ticks = 1; ticks < 160; ticks += 3) {
      const [w, alone] = [both(), new World(source)];
      w.m.run(ticks);
      alone.m.run(ticks);
      expect(w.visible(), `after ${ticks} ticks`).toEqual(alone.visible());
    }
  });
});

describe("dynamic exits", () => {
  const source = "mov ecx, 20\nagain: call f\ndec ecx\njnz again\ncli\nhlt\nf: inc edx\nret";
  const F = sizeOf("mov ecx, 20\nagain: call again\ndec ecx\njnz again\ncli\nhlt");

  test("the region's RIP is where it goes on", () => {
    const [w, alone] = [new World(source), new World(source)];
    make(w.m, {
      mode: MODE32,
      reserve: 2,
      pages: [[0, PAGE_FRAME, F, F + 1]],
      entries: [F],
      exits: [
        { type: L.ExitType.DYNAMIC, flags: RESULT_OF.INC },
        { type: L.ExitType.FUEL, place: F, back: 2 },
      ],
      body: [
        ...pay(2, 1),
        ...incremented(2),
        ...store64(L.RIP, [...add(load(gpr(4)), constant(w.m.ram)), 0x28, 2, 0]),
        ...store64(gpr(4), add(load(gpr(4)), constant(4))),
        ...exit(0),
      ],
    });
    w.finish();
    alone.finish();
    expect(w.visible()).toEqual(alone.visible());
    expect(exitsOf(w.m, L.ExitType.DYNAMIC)).toBe(20);
    expect(w.m.gpr(4)).toBe(BigInt(STACK));
  });
});

describe("misses", () => {
  test("at the entry itself: the interpreter executes, and the region is not entered for nothing twice", () => {
    const [w, alone] = [new World(PROGRAM), new World(PROGRAM)];
    make(w.m, { ...LOOP, exits: [{ type: L.ExitType.MISS, place: AGAIN }], body: exit(0) });
    w.finish();
    alone.finish();
    expect(w.visible()).toEqual(alone.visible());
    expect(exitsOf(w.m, L.ExitType.MISS)).toBe(40);
  });

  test("behind the entry: what was executed before it counts, the instruction itself is tier 0's", () => {
    for (let ticks = 1; ticks < 40; ticks++) {
      const [w, alone] = [new World(PROGRAM), new World(PROGRAM)];
      make(w.m, {
        ...LOOP,
        exits: [
          { type: L.ExitType.MISS, place: AGAIN + 3, back: 2, flags: (1 << 2) | 2 },
          { type: L.ExitType.FUEL, place: AGAIN, back: 3 },
        ],
        body: [
          ...pay(3, 1),
          ...store(L.LAZY_A, load(gpr(0))),
          ...store64(gpr(0), add(load(gpr(0)), constant(3))),
          ...store(L.LAZY_RESULT, load(gpr(0))),
          ...exit(0),
        ],
      });
      w.m.run(ticks);
      alone.m.run(ticks);
      expect(w.visible(), `after ${ticks} ticks`).toEqual(alone.visible());
    }
  });

  test("an exit that makes no progress hands over to the interpreter whatever its type", () => {
    for (const type of [L.ExitType.STATIC, L.ExitType.FUEL]) {
      const [w, alone] = [new World(PROGRAM), new World(PROGRAM)];
      make(w.m, { ...LOOP, exits: [{ type, place: AGAIN }], body: exit(0) });
      w.finish();
      alone.finish();
      expect(w.visible()).toEqual(alone.visible());
    }
  });
});

describe("steps", () => {
  /** A program that executes one instruction again and again, and the region that leaves it to the core. */
  function program(instruction: string): { source: string; at: number; length: number } {
    const before = "mov ecx, 3\nmov eax, 0x12345\nmov ebx, 0x77\nmov edi, 0x9000\nmov esi, 0xa000";
    return {
      source: `${before}\nagain: ${instruction}\ninc ebp\ncmp ebp, 4\njb again\ncli\nhlt`,
      at: sizeOf(before),
      length: sizeOf(`${before}\nagain: ${instruction}`) - sizeOf(before),
    };
  }

  function install(w: World, { at, length }: { at: number; length: number }, resume: number): void {
    w.m.u8.set(w.m.peek(CODE + at, 15), L.DECODE_BUFFER);
    expect(w.m.core.decode(15, MODE32)).toBe(length);
    make(w.m, {
      mode: MODE32,
      reserve: 1,
      pages: [[0, PAGE_FRAME, at, at + length - 1]],
      entries: [at, at + length],
      exits: [
        {
          type: L.ExitType.STEP,
          place: at,
          uop: w.m.u8.slice(L.DECODE_UOP, L.DECODE_UOP + 32).fill(1, 14, 15),
          resume,
        },
        { type: L.ExitType.STATIC, place: at + length },
        { type: L.ExitType.FUEL, place: at, back: 1 },
      ],
      body: [...when(ENTRY, exit(1)), ...pay(1, 2), ...exit(0)],
    });
    // The copy in the page names its own place.
    const exits = w.m.get32(L.REGIONS + L.REGION_EXITS);
    w.m.u8[w.m.get32(exits + L.EXIT_UOP) + 12] = at;
  }

  const instructions = [
    "mul ebx",
    "xadd eax, ebx",
    "cpuid",
    "pushfd",
    "popfd",
    "cld",
    "sti",
    "lodsd",
    "rep stosb",
    "loop here\nhere:",
    "jecxz here\nhere:",
    "mov ds, [0x9100]",
    "mov cr3, eax",
    "hlt",
    "int3",
    "div dword [0x9000]",
    "enter 8, 0",
    "in al, 0x70",
  ];

  test.each(instructions)("%s", (instruction) => {
    const what = program(instruction);
    for (const resume of [1, L.NO_ENTRY]) {
      for (const budget of [1, 3, 7, 1000]) {
        const [w, alone] = [new World(what.source), new World(what.source)];
        for (const { m } of [w, alone]) {
          // #DE, #BP and #GP leave to the host.
          m.set32(L.EXCEPTION_BITMAP, 0xffff_ffff);
          m.poke(0xa000, [1, 2, 3, 4, 5, 6, 7, 8]);
          m.exposePorts();
        }
        install(w, what, resume);
        for (let i = 0; i < 60; i++) {
          const [left, reference] = [w.m.run(budget), alone.m.run(budget)];
          expect(left).toBe(reference);
          expect(w.visible(), `budget ${budget}, ${i}`).toEqual(alone.visible());
          if (left === Exit.IO_PORT) {
            for (const { m } of [w, alone]) {
              m.set64(L.VALUE, 0x5an);
              m.core.complete();
            }
          } else if (left !== Exit.BUDGET) break;
        }
        // Shorter budgets are stepped through.
        if (budget >= 7) expect(exitsOf(w.m, L.ExitType.STEP)).toBeGreaterThan(0);
        if (budget === 1000 && instruction === "mul ebx") {
          // Four steps; the region is entered again behind each where it can be.
          expect(counter(w.m, Counter.ENTRIES)).toBeGreaterThan(resume === 1 ? 7 : 4);
        }
      }
    }
  });
});
