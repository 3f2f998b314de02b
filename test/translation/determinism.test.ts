// With the real core and translator: the guest cannot tell whether, when and in what order its code was translated.
// Guests run to the same points with every policy and are compared by digest.

import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { loadImage, type Partition, type TranslationOptions } from "../../src/node.js";
import { createPartition, machine } from "../host/machine.js";

const MIB = 1 << 20;
/** Points of comparison, in ticks: none of them a multiple of a slice. */
const POINTS = [123_457, 1_000_003, 3_333_333];

interface Way {
  /** On the event loop, part of the way. */
  background?: boolean;
  /** Nothing is compiled at once. */
  late?: boolean;
  slices?: number;
}
type Policy = false | (TranslationOptions & Way);

const POLICIES: readonly Policy[] = [
  { threshold: 1, batch: 1 },
  { threshold: 2, slices: 777 },
  { threshold: 7, batch: 64 },
  { threshold: 1, batch: 3, maxModules: 5 },
  { threshold: 1, background: true },
  { threshold: 1, background: true, late: true },
  { threshold: 30, batch: 2, maxModules: 2, background: true, late: true },
  { threshold: 300 },
];

/** Runs until the partition's processors have executed so many ticks. */
async function runTo(partition: Partition, point: number, policy: Policy): Promise<void> {
  for (;;) {
    const left = point - Number(partition.ticks);
    if (left <= 0) return;
    const slices = policy === false ? undefined : policy.slices;
    const exit = partition.run({ ticks: Math.min(left, slices ?? left) });
    // Background compiles arrive here.
    if (policy !== false && policy.background) await new Promise((resolve) => setTimeout(resolve, 1));
    if (exit.reason !== "budget") return;
  }
}

async function digests(create: (translation: Policy) => Promise<Partition>, policy: Policy): Promise<string[]> {
  const partition = await create(policy);
  if (policy !== false && policy.late) {
    vi.spyOn(WebAssembly, "Module").mockImplementation(function refuse() {
      throw new RangeError("too large for the main thread");
    });
  }
  const found: string[] = [];
  for (const point of POINTS) {
    if (policy !== false && policy.background) {
      // Started and stopped at the very point.
      await partition.start({ instructions: Math.max(1, Math.floor(point / 2)) });
    }
    await runTo(partition, point, policy);
    found.push(`${partition.ticks} ${partition.hash()}`);
  }
  // At higher thresholds short code without a loop is not worth a region.
  if (policy !== false && !policy.late && policy.threshold! < 64)
    expect(partition.translation.regions, JSON.stringify(policy)).toBeGreaterThan(0);
  // What is being compiled arrives some time, on a fast host after the last point.
  if (policy !== false && policy.late)
    await vi.waitFor(() => expect(partition.translation.backgroundMs).toBeGreaterThan(0), 20_000);
  vi.restoreAllMocks();
  partition[Symbol.dispose]();
  return found;
}

async function compare(create: (translation: Policy) => Promise<Partition>): Promise<void> {
  const expected = await digests(create, false);
  for (const policy of POLICIES) expect(await digests(create, policy), JSON.stringify(policy)).toEqual(expected);
}

const options = (policy: Policy): false | TranslationOptions => {
  if (policy === false) return false;
  const { background: _background, late: _late, slices: _slices, ...translation } = policy;
  return translation;
};

describe("digests do not depend on translation", () => {
  const guests = ["bytecode-32", "bytecode-64", "calls-32", "calls-64", "integer-64", "quicksort-32", "event-mix-32"];
  test.each([...guests, "event-patch-32", "string-32", "privileged-32"])("%s", async (name) => {
    const path = new URL(`../../build/guests/${name}.elf`, import.meta.url);
    if (!existsSync(path)) throw new Error(`${path.pathname} is missing: npm run build:guests`);
    const image = readFileSync(path);
    await compare(async (policy) => {
      const partition = await createPartition({ memory: 32 * MIB, translation: options(policy) });
      loadImage(partition, image);
      return partition;
    });
  });

  test("code that changes itself all the time", async () => {
    // Patches the immediate of an ADD in the loop's own body, every time and every 64th time.
    const source = `
      cld
      mov ecx, 400000
      xor eax, eax
again:
      add eax, 0x11
patched:
      add eax, 0x01020304
      test ecx, 63
      jnz skip
      mov [patched + 1], eax
skip: inc dword ptr [counter]
      dec ecx
      jnz again
      hlt
counter: .long 0`;
    await compare(async (policy) => (await machine(source, { translation: options(policy) }, "protected")).partition);
  });
});

test("a partition that does not translate says so", async () => {
  const { partition } = await machine("again: loop again\nhlt", { translation: false });
  partition.run();
  expect(partition.translation).toMatchObject({ enabled: false, regions: 0, share: 0 });
});

test("what is hot is executed by regions, and serving requests is no exit", async () => {
  const { partition } = await machine(
    "mov ecx, 1000000\nagain: add eax, ecx\ndec ecx\njnz again\nhlt",
    {},
    "protected",
  );
  expect(partition.run().reason).toBe("halt");
  expect(partition.instructions).toBe(3_000_002n);
  expect(partition.exits).toEqual({ halt: 1 });
  const { translation } = partition;
  expect(translation.share).toBeGreaterThan(0.8);
  expect(translation.liveModules).toBeGreaterThan(0);
  expect(Object.values(translation.exits).reduce((sum, count) => sum + count)).toBe(translation.entries);
});

test("save and restore work between partitions that translate and those that do not", async () => {
  const source = "mov ecx, 3000000\nagain: add eax, ecx\nror eax, 5\nloop again\nhlt";
  const translated = (await machine(source, { translation: { threshold: 1 } }, "protected")).partition;
  const interpreted = (await machine(source, { translation: false }, "protected")).partition;
  translated.run({ ticks: 1_234_567 });
  interpreted.restore(translated.save());
  translated.run();
  interpreted.run();
  expect(interpreted.hash()).toBe(translated.hash());
  // What was restored was not executed.
  const late = translated.save();
  const fresh = (await machine(source, { translation: { threshold: 1 } }, "protected")).partition;
  fresh.restore(late);
  expect(fresh.translation.share).toBe(0);
  expect(translated.translation.share).toBeGreaterThan(0.9);
});
