// Regions die with their code, whoever changes it, and never run a stale instruction (SDM vol. 3, 8.1.3 asks for less:
// here every store is effective at once). What is left of them is ordinary code.

import { describe, expect, test } from "vitest";
import * as L from "../../src/engine/views.js";
import { PageTables } from "../engine/environment.js";
import type { Machine } from "../engine/harness.js";
import {
  add,
  Counter,
  constant,
  counter,
  ENTRY,
  exit,
  type FakeRegion,
  gpr,
  install,
  load,
  make,
  pay,
  stateOf,
  store,
  store64,
  when,
  write,
} from "./fake.js";
import { AGAIN, LOOP, PROGRAM } from "./loop.js";
import { CODE, MODE32, PAGE_FRAME, World } from "./world.js";

const { RegionState } = L;
const ADD32 = (1 << 2) | 2;

/** Region of `add eax, value` at an offset of the page, which goes on behind it. */
function addition(at: number, value: number, last = at + 2): FakeRegion {
  return {
    mode: MODE32,
    reserve: 1,
    pages: [[0, PAGE_FRAME, at, last]],
    entries: [at],
    exits: [
      { type: L.ExitType.STATIC, place: at + 3, flags: ADD32 },
      { type: L.ExitType.FUEL, place: at, back: 1 },
    ],
    body: [
      ...pay(1, 1),
      ...store(L.LAZY_A, load(gpr(0))),
      ...store64(gpr(0), add(load(gpr(0)), constant(value))),
      ...store(L.LAZY_RESULT, load(gpr(0))),
      ...exit(0),
    ],
  };
}

/** The first micro-ops of all blocks in the arena that have one of these places. */
function ops(m: Machine): number[] {
  const found: number[] = [];
  for (let block = L.ARENA; block < m.get32(L.ARENA_NEXT); ) {
    found.push(m.get32(block + 64) & 0xffff);
    block += 64 + 32 * ((m.get32(block + 28) & 0xffff) + 1);
  }
  return found;
}
const OP_REGION = 5;

describe("overwriting", () => {
  test("an instruction that the guest changes in every round of the loop", () => {
    const source = "mov ecx, 20\nagain: mov byte [patch + 2], cl\npatch: add eax, 0x7f\ndec ecx\njnz again\ncli\nhlt";
    const [w, alone] = [new World(source), new World(source)];
    const region = make(w.m, addition(12, 0x7f));
    w.finish();
    alone.finish();
    expect(w.visible()).toEqual(alone.visible());
    expect(w.m.gpr(0)).toBe(210n);
    expect(counter(w.m, Counter.ENTRIES)).toBe(0);
    expect(counter(w.m, Counter.INVALIDATIONS)).toBe(1);
    expect(stateOf(w.m, region)).toBe(RegionState.DEAD);
    expect(w.m.get32(L.REGIONS_DEAD)).toBe(1);
  });

  test("in the middle of its life, from code in another page", () => {
    const source =
      "mov ecx, 20\nagain: add eax, 1\ncmp ecx, 5\njne skip\ncall 0x20000\nskip: dec ecx\njnz again\ncli\nhlt";
    const [w, alone] = [new World(source), new World(source)];
    for (const one of [w, alone]) one.load(`mov byte [${CODE + 7}], 100\nret`, 0x20000);
    make(w.m, addition(5, 1));
    w.finish();
    alone.finish();
    expect(w.visible()).toEqual(alone.visible());
    expect(w.m.gpr(0)).toBe(16n + 400n);
    expect(counter(w.m, Counter.ENTRIES)).toBe(16);
  });

  test("through another address of the same frame", () => {
    const source = `mov ecx, 20\nagain: add eax, 1\nmov byte [0x80007], cl\ndec ecx\njnz again\ncli\nhlt`;
    const worlds = [new World(source), new World(source)] as const;
    for (const { m } of worlds) {
      const tables = new PageTables(m, "32", 0x40000);
      for (let page = 0; page < 0x60; page++) tables.map(BigInt(page << 12), page << 12);
      tables.map(0x80000n, CODE);
      m.setControls(0x8000_0011n, 0x40000n, 0n, 0n, 0);
      m.core.refresh();
    }
    make(worlds[0].m, addition(5, 1));
    for (const w of worlds) w.finish();
    expect(worlds[0].visible()).toEqual(worlds[1].visible());
    expect(counter(worlds[0].m, Counter.ENTRIES)).toBe(1);
  });

  test("by the host, as a device does", () => {
    const w = new World(PROGRAM);
    const region = make(w.m, LOOP);
    w.m.run(20);
    w.m.poke(CODE + AGAIN + 2, [5]);
    expect(stateOf(w.m, region)).toBe(RegionState.DEAD);
    w.finish();
    // mov and five rounds of 3, as far as 20 ticks reach: 19 = 6 rounds and an addition.
    expect(w.m.gpr(0)).toBe(7n * 3n + 33n * 5n);
  });

  test("while it waits to be compiled: it never gets in", () => {
    const w = new World(PROGRAM);
    const region = write(w.m, LOOP);
    w.m.run(1);
    w.m.poke(CODE + AGAIN + 2, [5]);
    expect(install(w.m, region, LOOP.body)).toBe(false);
    expect(stateOf(w.m, region)).toBe(RegionState.DEAD);
    w.finish();
    expect(w.m.gpr(0)).toBe(200n);
    // The same before the guest has run again.
    const again = write(w.m, LOOP);
    w.m.poke(CODE + AGAIN + 2, [6]);
    expect(install(w.m, again, LOOP.body)).toBe(false);
  });

  test("next to it: other granules of the page are not its business", () => {
    const source = "mov ecx, 20\nagain: add eax, 1\nmov [0x10100], ecx\ndec ecx\njnz again\ncli\nhlt";
    const [w, alone] = [new World(source), new World(source)];
    const region = make(w.m, addition(5, 1));
    w.finish();
    alone.finish();
    expect(w.visible()).toEqual(alone.visible());
    expect(stateOf(w.m, region)).toBe(RegionState.LIVE);
    expect(counter(w.m, Counter.ENTRIES)).toBe(20);
    w.m.poke(CODE + 60, [0]);
    expect(stateOf(w.m, region)).toBe(RegionState.DEAD);
  });

  test("by an instruction of its own that the core executes: what follows is not resumed", () => {
    // stosb turns `add eax, 1` into `add eax, 9`.
    const source =
      "mov edi, patch + 2\nmov ebp, 3\nmov eax, 9\nagain: stosb\npatch: add eax, 1\ndec edi\ndec ebp\njnz again\ncli\nhlt";
    const [w, alone] = [new World(source), new World(source)];
    const at = 15;
    w.m.u8.set([0xaa], L.DECODE_BUFFER);
    expect(w.m.core.decode(15, MODE32)).toBe(1);
    const uop = w.m.u8.slice(L.DECODE_UOP, L.DECODE_UOP + 32);
    uop[12] = at;
    uop[14] = 1;
    make(w.m, {
      ...addition(at + 1, 1),
      pages: [[0, PAGE_FRAME, at, at + 3]],
      entries: [at, at + 1],
      exits: [
        { type: L.ExitType.STEP, place: at, uop, resume: 1 },
        { type: L.ExitType.STATIC, place: at + 4, flags: ADD32 },
        { type: L.ExitType.FUEL, place: at, back: 1 },
      ],
      body: [
        ...when(ENTRY, [
          ...pay(1, 2),
          ...store(L.LAZY_A, load(gpr(0))),
          ...store64(gpr(0), add(load(gpr(0)), constant(1))),
          ...store(L.LAZY_RESULT, load(gpr(0))),
          ...exit(1),
        ]),
        ...pay(1, 2),
        ...exit(0),
      ],
    });
    w.finish();
    alone.finish();
    expect(w.visible()).toEqual(alone.visible());
    expect(counter(w.m, Counter.ENTRIES)).toBe(1);
  });
});

describe("marks", () => {
  test("a region that is given up leaves the code as it was", () => {
    const w = new World(PROGRAM);
    w.m.run(20);
    const before = ops(w.m);
    const region = make(w.m, LOOP);
    expect(ops(w.m)).toContain(OP_REGION);
    w.m.core.regionKill(region);
    // The first block ran over the entry.
    expect(ops(w.m).slice(1, before.length)).toEqual(before.slice(1));
    expect(ops(w.m)).not.toContain(OP_REGION);
    w.finish();
    expect(w.m.gpr(0)).toBe(120n);
    expect(counter(w.m, Counter.ENTRIES)).toBe(0);
    w.m.core.regionKill(region);
    expect(w.m.get32(L.REGIONS_DEAD)).toBe(1);
  });

  test("a block that ran over the entry is cut there", () => {
    // The loop is entered by falling into it: its first block begins before the entry.
    const source = "inc edx\ninc edx\nadd eax, 1\ninc edx\njmp on\non: cmp edx, 12\njb 0x10000\ncli\nhlt";
    const [w, alone] = [new World(source), new World(source)];
    w.m.run(7);
    alone.m.run(7);
    make(w.m, addition(2, 1));
    w.finish();
    alone.finish();
    expect(w.visible()).toEqual(alone.visible());
    expect(counter(w.m, Counter.ENTRIES)).toBe(3);
  });

  test("they come back after the arena was emptied", () => {
    const w = new World(PROGRAM.replace("40", "1000"));
    const alone = new World(PROGRAM.replace("40", "1000"));
    make(w.m, LOOP);
    alone.finish();
    for (let i = 0; i < 40; i++) {
      w.m.run(70);
      w.emptyArena();
    }
    w.finish();
    expect({ ...w.visible(), instructions: "", ticks: "" }).toEqual({
      ...alone.visible(),
      instructions: "",
      ticks: "",
    });
    expect(w.m.get32(L.ARENA_FLUSHES)).toBeGreaterThan(30);
    expect(counter(w.m, Counter.ENTRIES)).toBeGreaterThan(30);
    expect(counter(w.m, Counter.TICKS)).toBeGreaterThan(2000);
  });

  test("where several regions have an entry, the one that begins there is entered, then whichever is left", () => {
    const source = "mov ecx, 30\nagain: add eax, 1\ndec ecx\njnz again\ncli\nhlt";
    const w = new World(source);
    // One that has the place as its second entry, and does nothing there.
    const second = make(w.m, {
      ...addition(5, 1),
      entries: [64, 5],
      exits: [{ type: L.ExitType.MISS, place: 5 }],
      body: exit(0),
    });
    const head = make(w.m, addition(5, 1));
    w.m.run(31);
    const ran = counter(w.m, Counter.ENTRIES);
    expect(w.m.get32(L.REGIONS + head * L.REGION_SIZE + L.REGION_ENTERED)).toBe(0);
    expect(counter(w.m, Counter.TICKS)).toBe(ran);
    w.m.core.regionKill(head);
    w.m.run(30);
    expect(counter(w.m, Counter.TICKS)).toBe(ran);
    expect(counter(w.m, Counter.ENTRIES)).toBeGreaterThan(ran);
    w.m.core.regionKill(second);
    w.finish();
    expect(w.m.gpr(0)).toBe(30n);
  });

  test("a page without regions is open to writes again once its decoded code is gone too", () => {
    const w = new World(PROGRAM);
    const region = make(w.m, LOOP);
    w.m.run(20);
    w.m.core.regionKill(region);
    const reasons = (): number => w.m.get32(w.m.get32(L.FRAME_TABLE) + PAGE_FRAME * L.FRAME_SIZE) & 0xff;
    expect(reasons()).toBe(1);
    w.m.poke(CODE, new Uint8Array(4096));
    expect(reasons()).toBe(0);
  });

  test("a thousand regions on a few frames come and go", () => {
    const w = new World(PROGRAM);
    const live: number[] = [];
    for (let i = 0; i < 3000; i++) {
      if (live.length > 200 || (i % 3 === 0 && live.length > 0)) {
        const [index] = live.splice((i * 7) % live.length, 1) as [number];
        w.m.core.regionKill(index);
        expect(stateOf(w.m, index)).toBe(RegionState.DEAD);
        w.m.set32(L.REGIONS + index * L.REGION_SIZE, RegionState.FREE);
      } else {
        const frame = (i * 13) % 40;
        const at = (i * 64) % 4096;
        const index = write(w.m, {
          ...addition(0, 1),
          pages: [
            [0, frame, at, at],
            [1, (frame + 17) % 40, at, at],
          ],
          entries: [at],
        });
        w.m.run(1);
        live.push(index);
      }
      if (w.m.get32(L.META_NEXT) > L.REGION_META_END - 0x10000) break;
    }
    const table = w.m.get32(L.FRAME_TABLE);
    const watched = (frame: number): boolean => (w.m.get32(table + frame * L.FRAME_SIZE) & 0x20) !== 0;
    expect([...Array(40).keys()].every(watched)).toBe(true);
    // A page written whole takes all its regions with it, and only them.
    const of = (frame: number): number[] =>
      live.filter((index) => {
        const pages = w.m.get32(L.REGIONS + index * L.REGION_SIZE + L.REGION_PAGES);
        return w.m.get32(pages + 4) === frame || w.m.get32(pages + 20) === frame;
      });
    const doomed = of(3);
    w.m.core.memoryWritten(3, 0, 4096);
    for (const index of live) {
      expect(stateOf(w.m, index)).toBe(doomed.includes(index) ? RegionState.DEAD : RegionState.PENDING);
    }
    for (const index of live) w.m.core.regionKill(index);
    expect([...Array(40).keys()].some(watched)).toBe(false);
  });
});
