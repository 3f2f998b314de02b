// With the real core and translator: what regions learn from how they are left, and where they stay by themselves. The
// truth is the interpreter's state; how often regions were entered tells whether anything was learned.

import { describe, expect, test } from "vitest";
import type { Partition, TranslationOptions } from "../../src/node.js";
import { machine } from "../host/machine.js";

const ROUNDS = 600_000;

/** Runs a program to its HLT, translated and not. */
async function run(source: string, translation: TranslationOptions = { threshold: 1000 }): Promise<Partition> {
  const alone = (await machine(source, { translation: false }, "protected")).partition;
  const { partition } = await machine(source, { translation }, "protected");
  expect(alone.run().reason).toBe("halt");
  expect(partition.run().reason).toBe("halt");
  expect(partition.instructions).toBe(alone.instructions);
  expect(partition.hash()).toBe(alone.hash());
  return partition;
}

describe("regions that are left again and again", () => {
  test("take in what was cold when they were formed", async () => {
    const partition = await run(`
      mov ecx, ${ROUNDS}
again: cmp ecx, ${ROUNDS - 100_000}
      jb late
      add eax, ecx
back: dec ecx
      jnz again
      hlt
late: xor eax, ecx
      rol eax, 3
      jmp back`);
    // Of half a million rounds by way of what was unknown.
    expect(partition.translation.entries).toBeLessThan(150_000);
  });

  test("look up one by one what lies in two pages all the time", async () => {
    const partition = await run(`
      mov esp, 0x90008
      mov ecx, ${ROUNDS}
again: push ecx
      push eax
      push ebx
      push edx
      add eax, [esp + 12]
      add esp, 16
      dec ecx
      jnz again
      hlt`);
    expect(partition.translation.exits.miss).toBeLessThan(150_000);
    expect(partition.translation.share).toBeGreaterThan(0.6);
  });
});

describe("regions stay by themselves", () => {
  test("where a jump table leads to their own code", async () => {
    const partition = await run(`
      mov ecx, ${ROUNDS}
again: mov edx, ecx
      and edx, 7
      jmp dword ptr [table + edx * 4]
a:    add eax, ecx
      jmp next
b:    xor eax, ecx
      jmp next
c:    rol eax, 5
      jmp next
d:    sub eax, 77
next: dec ecx
      jnz again
      hlt
table: .long a, b, c, d, b, a, d, c`);
    expect(partition.translation.entries).toBeLessThan(150_000);
  });

  test("where functions return to many places", async () => {
    const calls = Array.from({ length: 12 }, (_, n) => `mov edx, ${n + 3}\ncall mix\nadd ebx, edx`).join("\n");
    const partition = await run(`
      mov esp, 0x90000
      mov ecx, ${ROUNDS / 10}
again: ${calls}
      dec ecx
      jnz again
      hlt
mix:  add eax, edx
      ror eax, 7
      ret`);
    expect(partition.translation.entries).toBeLessThan(150_000);
  });

  test("where they read the time-stamp counter", async () => {
    const partition = await run(`
      mov ecx, ${ROUNDS}
again: rdtsc
      add ebx, eax
      adc esi, edx
      dec ecx
      jnz again
      hlt`);
    expect(partition.translation.exits.step).toBeLessThan(1000);
    expect(partition.translation.share).toBeGreaterThan(0.7);
  });

  test("and read it as the interpreter does with every threshold and slice", async () => {
    const source = "mov ecx, 3000\nagain: rdtsc\nror eax, cl\nadd ebx, eax\nloop again\nhlt";
    const alone = (await machine(source, { translation: false }, "protected")).partition;
    alone.run();
    for (const slice of [7, 333, 5000]) {
      const { partition } = await machine(source, { translation: { threshold: 1, batch: 1 } }, "protected");
      while (partition.run({ ticks: slice }).reason === "budget");
      expect(partition.hash(), `slices of ${slice}`).toBe(alone.hash());
    }
  });
});
