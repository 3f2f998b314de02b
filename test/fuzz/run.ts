// npm run fuzz -- [--programs N] [--seed S] [--jobs J]: N programs (default 1,000,000) over all modes.

import { parseArgs } from "node:util";
import { type FuzzResult, fuzz } from "./fuzz.js";

const SHARE = 20_000;

const { values } = parseArgs({
  options: {
    programs: { type: "string", default: "1000000" },
    seed: { type: "string" },
    jobs: { type: "string", default: "2" },
  },
});
const seed = values.seed === undefined ? Date.now() & 0x7fffffff : Number(values.seed);
const programs = Number(values.programs);
console.log(`seed ${seed}`);
let next = 0;
const results: FuzzResult[] = [];
const failures: string[] = [];

async function job(): Promise<void> {
  while (next < programs) {
    const first = next;
    const count = Math.min(SHARE, programs - first);
    next += count;
    const result = await fuzz(first, count, seed);
    results.push(result);
    for (const failure of result.failures) if (failures.push(failure) <= 40) console.log(failure);
  }
}

const started = Date.now();
await Promise.all(Array.from({ length: Number(values.jobs) }, job));
const done = results.reduce((sum, { programs }) => sum + programs, 0);
const lowest = (pick: (result: FuzzResult) => number): number => Math.min(...results.map(pick));
console.log(
  `${done} programs, ${failures.length} failures, median of retired instructions at least ${lowest((r) => r.medianGenerated)} (generated) and ` +
    `${lowest((r) => r.medianRandom)} (random bytes), ${((Date.now() - started) / 1000).toFixed(0)} s`,
);
if (failures.length > 0) process.exitCode = 1;
