// The recorded oracle cases: every integer instruction form as a real processor executed it in ring 3.

import { describe, expect, test } from "vitest";
import { describeCase } from "./report.js";
import { readSeeds } from "./seeds.js";
import { Subject, type Surroundings } from "./subject.js";

const RUNS: readonly (readonly [16 | 32 | 64, Surroundings])[] = [
  [64, "long"],
  [32, "long"],
  [32, "pae"],
  [16, "long"],
  [16, "pae"],
];

describe("oracle seeds", () => {
  test.each(RUNS)("%i-bit code, %s paging", { timeout: 120_000 }, (mode, surroundings) => {
    const { template, cases } = readSeeds(mode);
    const subject = new Subject(surroundings);
    subject.setTemplate(template);
    const failures: string[] = [];
    for (const { item, outcome } of cases) {
      const differences = subject.run(item, outcome);
      if (differences.length > 0) failures.push(describeCase(item, outcome, differences));
    }
    console.log(
      `oracle seeds, ${mode}-bit code, ${surroundings} paging: ${cases.length - failures.length} passed, ${failures.length} failed`,
    );
    expect(failures.slice(0, 20)).toEqual([]);
  });
});
