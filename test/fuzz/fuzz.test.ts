// A short run of the fuzzer; `npm run fuzz` goes on from there.

import { expect, test } from "vitest";
import { fuzz } from "./fuzz.js";

test("random programs in every mode neither trap nor hang the engine", { timeout: 180_000 }, async () => {
  const result = await fuzz(0, 5_000, 286);
  console.log(
    `fuzz: ${result.programs} programs, median ${result.medianGenerated} retired (generated), ${result.medianRandom} (random bytes)`,
  );
  expect(result.failures.slice(0, 10)).toEqual([]);
  expect(result.medianGenerated).toBeGreaterThanOrEqual(50);
});
