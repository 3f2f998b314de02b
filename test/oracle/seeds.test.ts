// The recorded oracle cases: every instruction form as a real processor executed it in ring 3.

import { describe, expect, test } from "vitest";
import { readFloatSeeds } from "./float-seeds.js";
import { describeCase } from "./report.js";
import { readSeeds, type SeedSet } from "./seeds.js";
import { Subject, type Surroundings } from "./subject.js";

const RUNS: readonly (readonly [16 | 32 | 64, Surroundings])[] = [
  [64, "long"],
  [32, "long"],
  [32, "pae"],
  [16, "long"],
  [16, "pae"],
];

function check(what: string, { template, cases }: SeedSet, surroundings: Surroundings): void {
  const subject = new Subject(surroundings);
  subject.setTemplate(template);
  const failures: string[] = [];
  for (const { item, outcome } of cases) {
    const differences = subject.run(item, outcome);
    if (differences.length > 0) failures.push(describeCase(item, outcome, differences));
  }
  console.log(`oracle seeds, ${what}: ${cases.length - failures.length} passed, ${failures.length} failed`);
  expect(failures.slice(0, 20)).toEqual([]);
}

describe("oracle seeds", () => {
  test.each(RUNS)("%i-bit code, %s paging", { timeout: 120_000 }, (mode, surroundings) => {
    check(`${mode}-bit code, ${surroundings} paging`, readSeeds(mode), surroundings);
  });
  test.each([64, 32] as const)("floating point and vectors, %i-bit code", { timeout: 120_000 }, (mode) => {
    check(`floating point and vectors, ${mode}-bit code`, readFloatSeeds(mode), mode === 64 ? "long" : "pae");
  });
});
