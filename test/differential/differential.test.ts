// A short run of the differential fuzzer; `npm run differential` goes on from there.

import { expect, test } from "vitest";
import { differential } from "./differential.js";

test("random structured programs run alike interpreted and translated", { timeout: 180_000 }, async () => {
  const { statistics, failures } = await differential(0, 4_000, 386);
  console.log(
    `differential: ${statistics.programs} programs, median of at least ${statistics.median} retired, ` +
      `${(statistics.share * 100).toFixed(1)} % of ticks translated`,
  );
  expect(failures.slice(0, 60)).toEqual([]);
  expect(statistics.median).toBeGreaterThanOrEqual(200);
  expect(statistics.share).toBeGreaterThanOrEqual(0.5);
});
