// Every integer case of the native vectors, recorded in ring 3 of a real processor, in protected mode with
// 32-bit paging and in long mode. Without the data set the suite says so and is skipped.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type NativeCase, NativeRunner, readNative } from "./native.js";

const folder = process.env.RINGFENCE_VECTORS ?? fileURLToPath(new URL("../../../shared/vectors", import.meta.url));
const data = join(folder, "native");

for (const bits of [32, 64] as const) {
  const path = join(data, `user${bits}.json.gz`);
  const present = existsSync(path);
  if (!present) console.warn(`native vectors not found in ${path}: skipped`);
  describe.skipIf(!present)(`native vectors, ${bits}-bit`, () => {
    test("all forms", { timeout: 120_000 }, () => {
      const runner = new NativeRunner(bits);
      const forms = new Map<string, { passed: number; failed: number }>();
      const failures: string[] = [];
      for (const item of readNative(path)) {
        const form = formOf(forms, item);
        const differences = runner.run(item);
        if (differences.length === 0) {
          form.passed++;
        } else {
          form.failed++;
          failures.push(`${item.n} ${item.b}: ${differences.join(", ")}`);
        }
      }
      const lines = [...forms].map(([name, { passed, failed }]) => `${name} ${passed}/${failed}`);
      console.log(`native vectors, ${bits}-bit, passed/failed per form:\n${lines.join("  ")}`);
      const passed = [...forms.values()].reduce((sum, form) => sum + form.passed, 0);
      console.log(`native vectors, ${bits}-bit: ${passed} passed, ${failures.length} failed`);
      expect(failures.slice(0, 40)).toEqual([]);
    });
  });
}

function formOf(forms: Map<string, { passed: number; failed: number }>, item: NativeCase) {
  let form = forms.get(item.n);
  if (form === undefined) {
    form = { passed: 0, failed: 0 };
    forms.set(item.n, form);
  }
  return form;
}
