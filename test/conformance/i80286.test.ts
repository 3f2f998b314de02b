// Every case of the 80286 vectors, captured from silicon: one vitest case per opcode file. The data set
// stands beside the repository; without it the suite says so and is skipped.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { Runner286, skipReason } from "./i80286.js";
import { readMoo } from "./moo.js";

const folder = process.env.RINGFENCE_VECTORS ?? fileURLToPath(new URL("../../../shared/vectors", import.meta.url));
const data = join(folder, "80286");
const present = existsSync(join(data, "flags-mask.json"));
if (!present) console.warn(`80286 vectors not found in ${data}: skipped`);

describe.skipIf(!present)("80286 vectors", () => {
  if (!present) return;
  const masks = JSON.parse(readFileSync(join(data, "flags-mask.json"), "utf8")) as Record<string, number>;
  const runner = new Runner286();
  const summary: string[] = [];
  const total = { passed: 0, failed: 0, skipped: 0 };

  for (const file of readdirSync(data).filter((name) => name.endsWith(".MOO.gz"))) {
    const opcode = file.slice(0, -".MOO.gz".length);
    test(opcode, () => {
      const failures: string[] = [];
      let passed = 0;
      let skipped = 0;
      for (const item of readMoo(join(data, file))) {
        if (skipReason(item) !== undefined) {
          skipped++;
          continue;
        }
        const differences = runner.run(item, masks[opcode] ?? 0xffff);
        if (differences.length === 0) passed++;
        else failures.push(`#${item.index} ${item.name}: ${differences.join(", ")}`);
      }
      const stray = runner.strayByte();
      if (stray >= 0) failures.push(`a case wrote to ${stray.toString(16)}`);
      total.passed += passed;
      total.failed += failures.length;
      total.skipped += skipped;
      summary.push(`${opcode} ${passed}/${failures.length}`);
      expect(failures.slice(0, 10)).toEqual([]);
    });
  }

  afterAll(() => {
    console.log(`80286 vectors, passed/failed per opcode:\n${summary.join("  ")}`);
    console.log(`80286 vectors: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped by the rules`);
  });
});
