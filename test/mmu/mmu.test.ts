// The memory rooms of the core against a model that walks page tables anew for every access: random
// sessions in every paging mode, and the exactness of the lookup tables over the whole linear space.
// `npm run mmu` runs longer sessions.

import { beforeAll, describe, expect, it } from "vitest";
import { planMemory } from "../../src/engine/plan.js";
import { Random } from "../oracle/random.js";
import { compileDriver } from "./compile.js";
import { checkLookups, checkTables, passed } from "./exactness.js";
import { GuestMemory, PAGE, type Range } from "./guest-memory.js";
import { Invariants } from "./invariants.js";
import { PAGINGS, Regime } from "./regime.js";
import { Session } from "./session.js";
import { Subject } from "./subject.js";

let driver: WebAssembly.Module;
beforeAll(async () => {
  driver = await compileDriver(false);
});

describe.each([...PAGINGS, "mixed" as const])("paging: %s", (paging) => {
  it.each([
    [1, "hostile", 3],
    [2, "hostile", 2],
    [3, "calm", 3],
    [4, "calm", 5],
  ] as const)("session %i (%s, %i table sets) agrees with the model", (seed, profile, sets) => {
    const session = new Session(driver, { seed, paging, profile, sets, operations: 2500 });
    session.run();
    expect(session.counts.get("completed")).toBeGreaterThan(100);
  });
});

describe("a set of tables that is filled to the last slot", () => {
  const SLOTS = 8192;
  const RAM: Range = { firstPage: 0, pages: 64, kind: "RAM", firstFrame: 0 };
  const P = 1n;
  const W = 2n;
  const U = 4n;
  const MARKED = 0x60n;

  /** 1 GiB whose pages all show frames 16 to 23, through one page table. */
  function machine() {
    const regime = new Regime(40);
    const memory = new GuestMemory(RAM.pages, [RAM]);
    const subject = new Subject(driver, { frames: RAM.pages, slots: SLOTS, sets: 1, physicalBits: 40, ranges: [RAM] });
    const store = (frame: number, index: number, entry: bigint): void => {
      memory.store(frame * PAGE + index * 8, 8, entry);
      subject.driver.storeTracked(frame, index * 8, 8, entry);
    };
    const map = (user: bigint): void => {
      for (let i = 0; i < 512; i++) store(3, i, (BigInt(16 + (i % 8)) << 12n) | P | W | MARKED | user);
    };
    store(0, 0, 0x1000n | P | W | U | MARKED);
    store(1, 0, 0x2000n | P | W | U | MARKED);
    for (let i = 0; i < 512; i++) store(2, i, 0x3000n | P | W | U | MARKED);
    map(U);
    Object.assign(regime, { paging: "4-level", code64: true, smap: true, cpl: 3 });
    subject.put(regime);
    const touch = (): void => {
      for (let page = 0; page < SLOTS; page++) {
        subject.driver.write(BigInt(page) << 12n, 4, BigInt(page));
        memory.store((16 + (page % 8)) * PAGE, 4, BigInt(page));
      }
      expect(subject.fault().kind).toBe(0);
    };
    const fillAllContexts = (): void => {
      map(U);
      Object.assign(regime, { cpl: 3, ac: false });
      subject.put(regime);
      touch();
      Object.assign(regime, { cpl: 0, ac: true });
      subject.put(regime);
      touch();
    };
    return { regime, memory, subject, map, touch, fillAllContexts, store };
  }

  it("is emptied as a whole, by a flush and by recycling", () => {
    const { regime, memory, subject, map, touch, fillAllContexts } = machine();
    // Supervisor pages in context 1 first: its slots stay in the list of filled ones when they are dropped.
    map(0n);
    Object.assign(regime, { cpl: 0 });
    subject.put(regime);
    touch();
    expect(checkTables(subject, memory, regime)).toBe(SLOTS);
    fillAllContexts();
    expect(checkTables(subject, memory, regime)).toBe(2 * SLOTS);
    expect(new Invariants(subject, memory, regime).reverseMap()).toBe(2 * SLOTS);
    subject.driver.flushAll();
    expect(checkTables(subject, memory, regime)).toBe(0);

    subject.put(regime);
    touch();
    expect(checkTables(subject, memory, regime)).toBe(SLOTS);
    subject.put(Object.assign(regime, { cr3: 0x4000n }));
    expect(checkTables(subject, memory, regime)).toBe(0);
  });

  it("loses exactly what an edited page table derived", () => {
    const { regime, memory, subject, fillAllContexts, store } = machine();
    fillAllContexts();
    // One page-table entry serves every 512th page, and its frame every eighth: dropping goes by frame.
    store(3, 5, (21n << 12n) | P | MARKED);
    expect(checkTables(subject, memory, regime)).toBe(2 * SLOTS * (7 / 8));
    expect(subject.difference(memory)).toBe(-1);
  });

  it("passes nothing else through the compiled lookups", () => {
    const { subject, fillAllContexts } = machine();
    fillAllContexts();
    checkLookups(subject, new Random(1));
  });
});

describe("exactness for every size of a partition", () => {
  it("a slot passes the page it holds and nothing else of the linear space; an empty one passes nothing", () => {
    const random = new Random(2);
    const sizes = [1, 2, 255, 256, 4096, 65536, 229376, 500_000, 880_000];
    for (let i = 0; i < 40; i++) sizes.push(1 + random.below(880_000));
    for (const frames of sizes) {
      const plan = planMemory(frames);
      const slots = plan.slotMask + 1;
      const limit = BigInt(plan.limit);
      const slotOf = (page: bigint): number => Number((page >> 12n) & BigInt(plan.slotMask));
      for (const slot of [0, 1, slots - 1, random.below(slots)]) {
        const empty = BigInt.asUintN(64, BigInt(slot * PAGE) - limit);
        expect(passed(empty, slot, slots, limit)).toEqual([]);
      }
      const edges = [0n, 0xffff_f000n, 0x7fff_ffff_f000n, 0xffff_8000_0000_0000n, 0xffff_ffff_ffff_f000n];
      for (const page of [...edges, random.u64() & ~0xfffn, BigInt(random.u32()) << 12n]) {
        for (const frame of [0, frames - 1, random.below(frames)]) {
          const content = BigInt.asUintN(64, page - BigInt(plan.ramBase + frame * PAGE));
          expect(passed(content, slotOf(page), slots, limit)).toEqual([{ first: page, end: page + 4096n }]);
        }
      }
    }
  });
});
