// Several processors share the regions of the code that they run: regions belong to physical places. Turns, budgets and
// code that one processor changes under another stay what they are for the interpreter alone.

import { describe, expect, test } from "vitest";
import type { Partition, TranslationOptions } from "../../src/node.js";
import { assembleFragment } from "../guest/assemble.js";
import { createPartition } from "../host/machine.js";

const SHARED = 0x9000;
const CODE = 0x10000;

/** Processors in flat protected mode, all at the same code; EBP tells them apart. */
async function processors(count: number, source: string, translation: false | TranslationOptions): Promise<Partition> {
  const partition = await createPartition({ memory: 1 << 20, processors: count, translation });
  partition.memory.write(CODE, assembleFragment(source, 32, CODE));
  for (const processor of partition.processors) {
    const r = processor.registers;
    r.set("cr0", 0x11n);
    for (const name of ["cs", "ss", "ds", "es"] as const) {
      r.set(`${name}.selector`, name === "cs" ? 8 : 16);
      r.set(`${name}.base`, 0n);
      r.set(`${name}.limit`, 0xffff_ffff);
      r.set(`${name}.attributes`, name === "cs" ? 0xc09b : 0xc093);
    }
    r.set("rip", BigInt(CODE));
    r.set("rsp", BigInt(0x8000 - processor.index * 0x400));
    r.set("rbp", BigInt(processor.index));
    processor.activity = "active";
  }
  return partition;
}

/** Every processor mixes its number into a shared word, by plain and by locked instructions, and spins for a lock. */
const MIX = `
  mov ecx, 8000
again:
  mov eax, [${SHARED}]
  imul eax, eax, 31
  lea eax, [eax + ebp + 1]
  mov [${SHARED}], eax
  lock xadd [${SHARED + 4}], eax
take:
  mov edx, 1
  xchg [${SHARED + 8}], edx
  test edx, edx
  jz taken
  pause
  jmp take
taken:
  inc dword ptr [${SHARED + 12}]
  mov dword ptr [${SHARED + 8}], 0
  call work
  dec ecx
  jnz again
  cli
  hlt
work:
  mov esi, 9
round:
  add edi, esi
  rol edi, 3
  dec esi
  jnz round
  ret`;

/** Processor 0 changes an immediate that the others add. */
const PATCH = `
  mov ecx, 60000
again:
  test ebp, ebp
  jnz work
  mov [work + 2], cl
work:
  add eax, 1
  dec ecx
  jnz again
  mov [${SHARED} + ebp * 4], eax
  cli
  hlt`;

describe.each([
  ["plain and locked accesses", MIX],
  ["cross-modifying code", PATCH],
])("%s", (_name, source) => {
  test.each([2, 3, 5])("%i processors: the same in every tier and slice", async (count) => {
    const outcomes = new Set<string>();
    for (const translation of [
      false,
      { threshold: 1, batch: 1 },
      { threshold: 5, batch: 2 },
      { threshold: 100, batch: 1 },
    ] as const) {
      for (const ticks of [50_000_000, 2003, 20_011]) {
        const partition = await processors(count, source, translation);
        for (let n = 0; n < 100_000; n++) if (partition.run({ ticks }).reason !== "budget") break;
        if (translation !== false) expect(partition.translation.entries).toBeGreaterThan(0);
        outcomes.add(`${partition.ticks} ${partition.hash()}`);
        partition[Symbol.dispose]();
      }
    }
    expect(outcomes.size).toBe(1);
  });
});
