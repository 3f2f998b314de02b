// npm run differential -- [--programs N] [--seed S] [--first I] [--jobs J]: N programs (default 1,000,000), interpreted
// and translated, with --optimize by V8's optimising compiler alone; --one I looks at a single one, -v with its listing.

import { parseArgs } from "node:util";
import { differential, Statistics } from "./differential.js";
import { locate, minimise } from "./minimise.js";
import { Pair } from "./pair.js";
import { report } from "./report.js";

const SHARE = 10_000;
const SHOWN = 400;

const { values } = parseArgs({
  options: {
    programs: { type: "string", default: "1000000" },
    seed: { type: "string" },
    first: { type: "string", default: "0" },
    one: { type: "string" },
    jobs: { type: "string", default: "1" },
    findings: { type: "string", default: "3" },
    /** Largest piece of a stretch on the translated side, instead of the program's own. */
    slices: { type: "string" },
    /** Optimised code only. */
    optimize: { type: "boolean", default: false },
    /** Leaves the program as it is. */
    whole: { type: "boolean", default: false },
    verbose: { type: "boolean", short: "v" },
  },
});
const seed = values.seed === undefined ? Date.now() & 0x7fffffff : Number(values.seed);

async function one(index: number): Promise<void> {
  const pair = new Pair();
  const generated = pair.generate(seed, index);
  const program = values.slices === undefined ? generated : { ...generated, slicing: Number(values.slices) };
  const assembled = pair.assemble(program);
  if (assembled === undefined) return console.log("too large");
  const result = pair.run(program, assembled);
  const title = `program ${index} of seed ${seed}`;
  console.log(title, result);
  if (result.difference === undefined) {
    if (values.verbose) console.log(await report(pair, title, program, undefined));
    return;
  }
  const small = values.whole ? program : minimise(pair, program);
  const { program: located, difference } = locate(pair, small);
  console.log(await report(pair, title, located, difference));
  process.exitCode = 1;
}

async function many(): Promise<void> {
  const end = Number(values.first) + Number(values.programs);
  let next = Number(values.first);
  console.log(`seed ${seed}`);
  const statistics = new Statistics();
  let failures = 0;
  const started = Date.now();
  const seconds = (): string => ((Date.now() - started) / 1000).toFixed(0);
  const job = async (): Promise<void> => {
    while (next < end) {
      const first = next;
      const count = Math.min(SHARE, end - first);
      next += count;
      const { optimize } = values;
      const found = await differential(first, count, seed, { findings: Number(values.findings), optimize });
      statistics.merge(found.statistics);
      for (const line of found.failures) {
        if (line.startsWith("FAIL") || line.startsWith("hang") || line.startsWith("process")) failures++;
        if (failures <= SHOWN) console.log(line);
      }
      if (values.verbose) console.log(`${statistics.programs} programs, ${failures} failures, ${seconds()} s`);
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, job));
  console.log(
    `${statistics.programs} programs, ${failures} failures; median of at least ${statistics.median} retired instructions, ` +
      `${(statistics.share * 100).toFixed(1)} % of ticks translated, ${statistics.tooLarge} too large, ${seconds()} s`,
  );
  if (failures > 0) process.exitCode = 1;
}

await (values.one === undefined ? many() : one(Number(values.one)));
