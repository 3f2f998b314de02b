// The policy of translation against a core and a translator that only keep the protocol (fake.ts).

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as v from "../../src/engine/views.js";
import { provideFlags } from "../../src/translation/compile.js";
import { Generations } from "../../src/translation/generations.js";
import { resolveTranslation } from "../../src/translation/options.js";
import { codeOf } from "../host/machine.js";
import { bench, FREQUENCY, FUTILE } from "./fake.js";

const { FREE, PENDING, LIVE } = v.RegionState;
const frames = (count: number, first = 1): number[] => Array.from({ length: count }, (_, n) => first + n);
const setClock = (core: { setCell(address: number, value: number): void }, ticks: number): void => {
  core.setCell(v.CLOCK, ticks);
};
/** Lets background compiles arrive. */
async function arrive(pending: () => number): Promise<void> {
  while (pending() > 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe("options", () => {
  test("have defaults", () => {
    expect(resolveTranslation(undefined)).toEqual({ threshold: 6000, batch: 16, optimize: false, maxModules: 4000 });
    expect(resolveTranslation(false)).toBeUndefined();
  });

  test.each([
    { threshold: 0 },
    { threshold: 1.5 },
    { threshold: 2 ** 31 },
    { batch: 0 },
    { batch: 65 },
    { maxModules: 0 },
    { maxModules: 65_000 },
    { optimize: 1 as unknown as boolean },
    true as unknown as false,
    null as unknown as false,
  ])("%o is refused", (options) => {
    expect(codeOf(() => resolveTranslation(options))).toBe("invalid-argument");
  });

  test("the threshold is the core's", () => {
    expect(bench({ threshold: 7 }).core.cell(v.HOT_THRESHOLD)).toBe(7);
  });
});

describe("a batch", () => {
  test("is compiled at once when the host does not yield, and its regions are installed in free slots", () => {
    const { core, translation } = bench();
    core.request(...frames(8));
    translation.serve();
    expect(core.regions(LIVE)).toHaveLength(8);
    expect(new Set(core.installed.map(({ slot }) => slot)).size).toBe(8);
    for (const { slot } of core.installed) expect(slot).toBeGreaterThanOrEqual(7);
    for (const region of core.regions(LIVE)) expect(core.enter(region)).toBe(region);
    expect(translation.statistics(0)).toMatchObject({ requests: 8, regions: 8, modules: 1, instructions: 80 });
  });

  test("is not larger than the option says", () => {
    const { core, translation, serveAll } = bench({ batch: 4 });
    core.request(...frames(10));
    translation.serve();
    expect(core.regions(LIVE)).toHaveLength(4);
    serveAll();
    expect(translation.statistics(0)).toMatchObject({ regions: 10, modules: 3 });
  });

  test("waits for company, but not for ever", () => {
    const { core, translation } = bench();
    core.request(1);
    translation.serve();
    expect(core.waiting).toBe(1);
    expect(translation.slice).toBeLessThan(300_000);
    setClock(core, 300_000);
    translation.serve();
    expect(core.waiting).toBe(0);
    expect(translation.slice).toBe(Number.POSITIVE_INFINITY);
    expect(core.regions(LIVE)).toHaveLength(1);
  });

  test("of requests that gain nothing is no module", () => {
    const { core, translation, serveAll } = bench();
    core.request(...frames(8, FUTILE));
    serveAll();
    expect(translation.statistics(0)).toMatchObject({ declined: 8, regions: 0, modules: 0, bytes: 0 });
  });

  test("that the engine refuses is a typed error, in either way of compiling", async () => {
    const now = bench({ batch: 1 });
    now.translator.broken = true;
    now.core.request(1);
    expect(codeOf(() => now.translation.serve())).toBe("engine-trap");
    expect(codeOf(() => now.translation.serve())).toBe("engine-trap");

    const later = bench({ batch: 1 });
    later.translator.broken = true;
    later.core.request(1);
    await later.translation.inBackground(async () => {
      later.translation.serve();
      await arrive(() => later.translation.pending);
    });
    expect(codeOf(() => later.translation.serve())).toBe("engine-trap");
    expect(later.core.regions(PENDING)).toEqual([]);
  });
});

describe("in the background", () => {
  test("a batch is installed when it arrives", async () => {
    const { core, translation } = bench();
    await translation.inBackground(async () => {
      core.request(...frames(8));
      translation.serve();
      expect(core.regions(PENDING)).toHaveLength(8);
      await arrive(() => translation.pending);
    });
    expect(core.regions(LIVE)).toHaveLength(8);
    for (const region of core.regions(LIVE)) expect(core.enter(region)).toBe(region);
  });

  test("two batches are under way at most, and the rest waits", async () => {
    const { core, translation } = bench({ batch: 4 });
    await translation.inBackground(async () => {
      core.request(...frames(12));
      for (let n = 0; n < 5; n++) translation.serve();
      expect(translation.pending).toBe(2);
      expect(core.waiting).toBe(4);
      await arrive(() => translation.pending);
      translation.serve();
      expect(core.waiting).toBe(0);
      await arrive(() => translation.pending);
    });
    expect(core.regions(LIVE)).toHaveLength(12);
  });

  test("a region that died meanwhile is dropped, even if its record holds another one by then", async () => {
    const { core, translation } = bench({ batch: 4 });
    await translation.inBackground(async () => {
      core.request(1, 2, 3, 4);
      translation.serve();
      core.die(1);
      core.die(2);
      translation.reclaim();
      expect(core.regions(FREE)).toEqual([1, 2]);
      core.request(5, 6, 7, 8);
      translation.serve();
      core.die(1);
      await arrive(() => translation.pending);
    });
    // Records 1 and 2 were taken again by the second batch; 1 died again.
    expect(core.regions(LIVE)).toEqual([0, 2, 3, 4, 5]);
    expect(core.frameOf(2)).toBe(6);
    for (const region of core.regions(LIVE)) expect(core.enter(region)).toBe(region);
  });

  test("what arrives after the end of the partition is dropped", async () => {
    const { core, translation } = bench();
    await translation.inBackground(async () => {
      core.request(...frames(8));
      translation.serve();
      translation[Symbol.dispose]();
      await arrive(() => translation.pending);
    });
    expect(core.installed).toEqual([]);
  });
});

describe("regions that die", () => {
  test("give their slot to the next one, and their module goes with the last of them", () => {
    const { core, translation, serveAll } = bench({ batch: 8 });
    core.request(...frames(8));
    serveAll();
    const slots = core.installed.map(({ slot }) => slot);
    for (const region of frames(7, 0)) core.die(region);
    translation.reclaim();
    expect(translation.statistics(0)).toMatchObject({ liveModules: 1, liveRegions: 1 });
    core.die(7);
    translation.reclaim();
    expect(translation.statistics(0)).toMatchObject({ liveModules: 0, liveRegions: 0 });
    for (const slot of slots) expect(core.exports.table.get(slot)).toBeNull();
    core.request(...frames(8, 100));
    serveAll();
    expect(core.installed.slice(8).map(({ slot }) => slot)).toEqual(expect.arrayContaining(slots));
    expect(core.exports.table.length).toBe(7 + 256);
  });

  test("again and again leave their frame to the interpreter for a second, then for two", () => {
    const { core, translation, serveAll } = bench({ batch: 1 });
    const churn = (times: number): void => {
      for (let n = 0; n < times; n++) {
        core.request(5);
        serveAll();
        for (const region of core.regions(LIVE)) core.die(region);
        translation.reclaim();
      }
    };
    setClock(core, 1000);
    churn(9);
    const regionsAt = (clock: number): number => {
      const before = translation.statistics(0).regions;
      setClock(core, clock);
      core.request(5, 6);
      serveAll();
      for (const region of core.regions(LIVE)) if (core.frameOf(region) !== 5) core.die(region);
      translation.reclaim();
      return translation.statistics(0).regions - before;
    };
    // Only frame 6 is translated while frame 5 rests.
    expect(regionsAt(1000)).toBe(1);
    expect(regionsAt(1000 + FREQUENCY - 1)).toBe(1);
    expect(regionsAt(1000 + FREQUENCY)).toBe(2);
    for (const region of core.regions(LIVE)) core.die(region);
    translation.reclaim();
    churn(9);
    expect(regionsAt(1000 + 3 * FREQUENCY - 1)).toBe(1);
    expect(regionsAt(1000 + 3 * FREQUENCY)).toBe(2);
  });

  test("now and then are translated anew every time", () => {
    const { core, translation, serveAll } = bench({ batch: 1 });
    for (let n = 0; n < 50; n++) {
      setClock(core, n * (FREQUENCY / 7));
      core.request(5);
      serveAll();
      core.die(0);
      translation.reclaim();
    }
    expect(translation.statistics(0)).toMatchObject({ regions: 50, declined: 0 });
  });
});

describe("the limit of live modules", () => {
  test("holds for all partitions together", () => {
    const generations = new Generations();
    const first = bench({ batch: 1, maxModules: 32 }, generations);
    const second = bench({ batch: 1, maxModules: 32 }, generations);
    for (let n = 0; n < 100; n++) {
      const { core, serveAll } = n % 3 === 0 ? first : second;
      core.request(n);
      serveAll();
      expect(generations.live).toBeLessThanOrEqual(32);
    }
    const statistics = [first.translation.statistics(0), second.translation.statistics(0)];
    expect(statistics[0].recycled + statistics[1].recycled).toBe(100 - generations.live);
    expect(statistics[0].processModules).toBe(generations.live);
  });

  test("takes what was entered least recently, not what is oldest", () => {
    const { core, translation, serveAll } = bench({ batch: 1, maxModules: 64 });
    core.request(...frames(8));
    serveAll();
    const kept = core.regions(LIVE);
    for (let n = 0; n < 200; n++) {
      for (const region of kept) core.setField(region, v.REGION_ENTERED, n + 1);
      core.request(1000 + n);
      serveAll();
    }
    for (const region of kept) expect(core.frameOf(region)).toBeLessThanOrEqual(8);
    expect(kept.every((region) => core.state(region) === LIVE)).toBe(true);
    expect(translation.statistics(0).recycled).toBeGreaterThan(100);
  });

  test("forgets partitions that are gone", () => {
    const generations = new Generations();
    const gone = bench({ batch: 1 }, generations);
    gone.core.request(1, 2, 3);
    gone.serveAll();
    expect(generations.live).toBe(3);
    gone.translation[Symbol.dispose]();
    expect(generations.live).toBe(0);
  });
});

describe("when room runs out", () => {
  test("in the side tables, the gaps of dead regions are closed", () => {
    const { core, translation, serveAll } = bench();
    core.request(...frames(16));
    serveAll();
    for (const region of [0, 3, 4, 5, 15]) core.die(region);
    const used = core.cell(v.META_NEXT) - v.REGION_META;
    core.setCell(v.META_NEXT, v.REGION_META_END - 1000);
    core.request(...frames(8, 20));
    serveAll();
    expect(core.moves).toBe(1);
    expect(core.cell(v.META_NEXT) - v.REGION_META).toBe((used / 16) * (11 + 8));
    const found = core.regions(LIVE).map((region) => core.frameOf(region));
    expect(found.sort((a, b) => a - b)).toEqual([2, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15, ...frames(8, 20)]);
    for (const region of core.regions(LIVE)) expect(core.enter(region)).toBe(region);
    expect(translation.statistics(0).recycled).toBe(0);
  });

  test("of records, a quarter of the regions goes: those that were entered least recently", () => {
    const { core, translation, serveAll } = bench({ batch: 64 });
    core.request(...frames(64));
    serveAll();
    const kept = core.regions(LIVE);
    let most = 0;
    for (let n = 0; n < 2 * v.REGIONS_MAX; n += 64) {
      for (const region of kept) core.setField(region, v.REGION_ENTERED, n + 1);
      core.request(...frames(64, 100 + n));
      serveAll();
      most = Math.max(most, core.regions(LIVE).length);
    }
    expect(most).toBeGreaterThan(v.REGIONS_MAX * 0.9);
    expect(translation.statistics(0).declined).toBe(0);
    expect(kept.map((region) => core.frameOf(region))).toEqual(frames(64));
    for (const region of core.regions(LIVE)) expect(core.enter(region)).toBe(region);
  });
});

test("statistics are a frozen snapshot with the share of ticks", () => {
  const { core, translation } = bench();
  core.setCell(v.TRANSLATION_STATISTICS + 2 * 8, 750);
  const statistics = translation.statistics(1000);
  expect(statistics).toMatchObject({ enabled: true, ticks: 750, share: 0.75 });
  expect(Object.isFrozen(statistics) && Object.isFrozen(statistics.exits)).toBe(true);
  core.setCell(v.TRANSLATION_STATISTICS, 5);
  expect(statistics.entries).toBe(0);
  expect(translation.statistics(1000).entries).toBe(5);
});

test("hot modules are compiled again by the optimising compiler, and the flags are put back", async () => {
  const flags: string[] = [];
  provideFlags((flag) => flags.push(flag));
  const { core, translation, serveAll } = bench({ batch: 4, optimize: true });
  core.request(1, 2, 3, 4);
  serveAll();
  const before = core.exports.table.get(core.field(2, v.REGION_SLOT));
  const count = core.field(2, v.REGION_EXITS) + v.EXIT_TAKEN;
  core.bytes.set([0xff, 0xff], count);
  for (let n = 0; n < 64; n++) translation.afterRun();
  expect(flags).toContain("--no-liftoff");
  core.request(5);
  translation.serve();
  expect(core.waiting).toBe(1);
  while (translation.statistics(0).optimized === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(flags.at(-1)).not.toMatch(/--no/);
  for (const region of core.regions(LIVE)) expect(core.enter(region)).toBe(region);
  expect(core.exports.table.get(core.field(2, v.REGION_SLOT))).not.toBe(before);
  flags.length = 0;
  for (let n = 0; n < 64; n++) translation.afterRun();
  expect(flags).toEqual([]);
});

type Event =
  | { kind: "request"; frame: number }
  | { kind: "die"; n: number }
  | { kind: "serve" }
  | { kind: "yield" }
  | { kind: "switch" };

test("whatever happens, a live region's slot holds its code and no other slot holds any", async () => {
  const event: fc.Arbitrary<Event> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("request" as const), frame: fc.nat(30) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("die" as const), n: fc.nat(40) }) },
    { weight: 2, arbitrary: fc.constant({ kind: "serve" as const }) },
    { weight: 2, arbitrary: fc.constant({ kind: "yield" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "switch" as const }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 150 }), fc.integer({ min: 1, max: 8 }), async (events, batch) => {
      const { core, translation } = bench({ batch, maxModules: 6 });
      let background = false;
      const step = async (e: Event): Promise<void> => {
        if (e.kind === "request") core.request(e.frame);
        else if (e.kind === "serve") translation.serve();
        else if (e.kind === "yield") await arrive(() => translation.pending);
        else if (e.kind === "switch") background = !background;
        else {
          const alive = [...core.regions(LIVE), ...core.regions(PENDING)];
          if (alive.length > 0) core.die(alive[e.n % alive.length]);
        }
      };
      for (const e of events) await (background ? translation.inBackground(() => step(e)) : step(e));
      await arrive(() => translation.pending);
      translation.reclaim();
      const live = core.regions(LIVE);
      for (const region of live) if (core.enter(region) !== region) return false;
      const used = new Set(live.map((region) => core.field(region, v.REGION_SLOT)));
      const { table } = core.exports;
      for (let slot = 0; slot < table.length; slot++) if ((table.get(slot) !== null) !== used.has(slot)) return false;
      return used.size === live.length && translation.modules.size <= 6 && core.regions(PENDING).length === 0;
    }),
    { numRuns: 200 },
  );
});
