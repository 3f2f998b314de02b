// With the real core and translator, side tables that are always full: every batch moves the tables of all regions, and
// every third one gives up a quarter of them first. The guest must not notice.

import { existsSync, readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { loadImage } from "../../src/node.js";
import { createPartition } from "../host/machine.js";

const asked = vi.hoisted(() => ({ count: 0, batches: 0 }));
vi.mock("../../src/translation/tables.js", async (original) => {
  const { compactTables } = await original<typeof import("../../src/translation/tables.js")>();
  return {
    compactTables,
    // Asked before a batch and, when there is no room, again behind a compaction.
    roomForTables: () => {
      if (asked.count++ % 2 === 0) return 0;
      return asked.batches++ % 3 === 0 ? 0 : Number.MAX_SAFE_INTEGER;
    },
  };
});

afterEach(() => {
  asked.count = 0;
  asked.batches = 0;
});

const MIB = 1 << 20;

test.each([
  ["bytecode-32", 2],
  ["calls-64", 1],
  ["event-mix-32", 5],
  ["event-patch-32", 5],
  ["privileged-32", 1],
  ["string-32", 3],
])("%s", async (name, threshold) => {
  const path = new URL(`../../build/guests/${name}.elf`, import.meta.url);
  if (!existsSync(path)) throw new Error(`${path.pathname} is missing: npm run build:guests`);
  const digests: string[] = [];
  for (const translation of [false as const, { threshold, batch: 1 }]) {
    const partition = await createPartition({ memory: 32 * MIB, translation });
    loadImage(partition, readFileSync(path));
    for (const ticks of [100_000, 1_000_000, 2_500_000]) {
      partition.run({ ticks });
      digests.push(partition.hash());
    }
    if (translation !== false) expect(asked.batches).toBeGreaterThan(2);
    partition[Symbol.dispose]();
  }
  expect(digests.slice(3)).toEqual(digests.slice(0, 3));
});
