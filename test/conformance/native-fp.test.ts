// Every floating-point and vector case of the native vectors, recorded in ring 3 of a real processor, in
// protected mode and in 64-bit mode. Without the data set the suite says so and is skipped.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { FloatRunner, needs64, readFloat } from "./native-fp.js";

const folder = process.env.RINGFENCE_VECTORS ?? fileURLToPath(new URL("../../../shared/vectors", import.meta.url));
const path = join(folder, "native", "fp.json.gz");
const present = existsSync(path);
if (!present) console.warn(`native vectors not found in ${path}: skipped`);

describe.skipIf(!present).each([32, 64] as const)("native floating-point vectors, %i-bit", (bits) => {
  test("all forms", { timeout: 120_000 }, () => {
    const runner = new FloatRunner(bits);
    const forms = new Map<string, { passed: number; failed: number }>();
    const failures: string[] = [];
    for (const item of readFloat(path)) {
      if (bits === 32 && needs64(item)) continue;
      const form = forms.get(item.n) ?? { passed: 0, failed: 0 };
      forms.set(item.n, form);
      const differences = runner.run(item);
      if (differences.length === 0) {
        form.passed++;
      } else {
        form.failed++;
        failures.push(`${item.n} ${item.b}: ${differences.join(", ")}`);
      }
    }
    const lines = [...forms].map(([name, { passed, failed }]) => `${name} ${passed}/${failed}`);
    console.log(`native floating-point vectors, ${bits}-bit, passed/failed per form:\n${lines.join("  ")}`);
    const passed = [...forms.values()].reduce((sum, form) => sum + form.passed, 0);
    console.log(`native floating-point vectors, ${bits}-bit: ${passed} passed, ${failures.length} failed`);
    expect(failures.slice(0, 40)).toEqual([]);
  });
});
