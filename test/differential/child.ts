// One process of the differential fuzzer: runs programs [first, first + count) of a seed on one pair of machines and
// prints a line for each block of them, so that the parent sees a hang. A difference is looked into at once.

import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { Statistics } from "./differential.js";
import { locate, minimise } from "./minimise.js";
import { Pair } from "./pair.js";
import { report } from "./report.js";
import { WORLDS } from "./world.js";

const REPORT_EVERY = 200;
/** Programs before one that fails only behind them. */
const HISTORY = 400;

const { values } = parseArgs({
  options: {
    first: { type: "string", default: "0" },
    count: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    /** Findings that are made small and printed in full. */
    findings: { type: "string", default: "3" },
    /** Regions are compiled by the optimising compiler from the beginning: slow. */
    optimize: { type: "boolean", default: false },
  },
});
const first = Number(values.first);
const count = Number(values.count);
const seed = Number(values.seed);
let findings = Number(values.findings);

let pair = new Pair();
if (values.optimize) setFlagsFromString("--no-liftoff");
const statistics = new Statistics();

/** Tells of a failure; by itself if it shows by itself, otherwise with as many programs before it as it takes. */
async function look(index: number, what: string): Promise<void> {
  const name = `FAIL ${index} seed ${seed} ${WORLDS[index % WORLDS.length]!.name}: ${what}`;
  if (findings-- <= 0) return console.log(name);
  const fresh = new Pair();
  const program = fresh.generate(seed, index);
  const small = minimise(fresh, program);
  const { program: located, difference } = locate(fresh, small);
  if (difference !== undefined) return console.log(await report(fresh, name, located, difference));
  const from = Math.max(first, index - HISTORY);
  console.log(`${name}\nonly behind other programs: --first ${from} --programs ${index - from + 1}`);
}

for (let index = first; index < first + count; index++) {
  const program = pair.generate(seed, index);
  const assembled = pair.assemble(program);
  if (assembled === undefined) {
    statistics.tooLarge++;
  } else {
    try {
      const result = pair.run(program, assembled);
      statistics.add(result);
      if (result.difference !== undefined) {
        await look(index, result.difference.what);
        pair = new Pair();
      }
    } catch (error) {
      await look(index, error instanceof Error ? (error.stack ?? error.message) : String(error));
      pair = new Pair();
    }
  }
  if ((index - first) % REPORT_EVERY === REPORT_EVERY - 1) console.log(`AT ${index + 1}`);
}
console.log(`DONE ${JSON.stringify(statistics)}`);
