// One fuzz process: runs programs [first, first + count) of a seed and prints a line for each block of them,
// so that the parent sees a hang. Fails on an engine trap, a host exception or a budget that is not exact.

import { parseArgs } from "node:util";
import * as L from "../../src/engine/views.js";
import { Exit } from "../engine/harness.js";
import { Random } from "../oracle/random.js";
import { generated, randomBytes } from "./program.js";
import { FuzzMachine, WORLDS } from "./world.js";

const BUDGET = 2000;
const EXITS_MAX = 300;
const REPORT_EVERY = 500;

const { values } = parseArgs({
  options: {
    first: { type: "string", default: "0" },
    count: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    verbose: { type: "boolean" },
  },
});
const first = Number(values.first);
const count = Number(values.count);
const seed = Number(values.seed);

let fuzz = new FuzzMachine();

function ticks(): bigint {
  fuzz.machine.core.retired();
  return fuzz.machine.get64(L.VALUE + 8);
}
function retired(): bigint {
  fuzz.machine.core.retired();
  return fuzz.machine.get64(L.VALUE);
}

/** Runs program `index`; returns retired instructions or throws. */
function runProgram(index: number): number {
  const random = new Random(Math.imul(seed, 0x9e3779b9) ^ index);
  const world = WORLDS[index % WORLDS.length]!;
  const program = (index / WORLDS.length) & 1 ? randomBytes(random) : generated(world.code, random, world.cpl === 0);
  if (values.verbose) console.log(index, world.name, Buffer.from(program).toString("hex"));
  fuzz.load(world, program, random);
  const m = fuzz.machine;
  const startTicks = ticks();
  const startRetired = retired();
  m.set64(L.BUDGET, BigInt(BUDGET));
  for (let exits = 0; exits < EXITS_MAX; exits++) {
    const reason = m.core.run();
    const spent = ticks() - startTicks;
    const left = m.get64(L.BUDGET);
    if (spent > BigInt(BUDGET) || spent + left !== BigInt(BUDGET))
      throw new Error(`${spent} ticks spent, ${left} left of ${BUDGET} (exit ${reason})`);
    if (reason === Exit.IO_PORT || reason === Exit.MEMORY || reason === Exit.MSR || reason === Exit.HYPERCALL) {
      m.set64(L.VALUE, random.u64());
      m.core.complete();
    } else if (reason === Exit.CPUID) {
      for (let i = 0; i < 4; i++) {
        m.set64(L.VALUE, BigInt(random.u32()));
        m.core.complete();
      }
    } else if (reason === Exit.BUDGET) {
      if (left !== 0n) throw new Error(`budget exit with ${left} ticks left`);
      break;
    } else if (reason !== Exit.OUTPUT) {
      break;
    }
  }
  return Number(retired() - startRetired);
}

const lengths: [number[], number[]] = [[], []];
let failures = 0;
for (let index = first; index < first + count; index++) {
  try {
    lengths[(index / WORLDS.length) & 1]!.push(runProgram(index));
  } catch (error) {
    failures++;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    console.log(`FAIL ${index} ${WORLDS[index % WORLDS.length]!.name}: ${text}`);
    fuzz = new FuzzMachine();
  }
  if ((index - first) % REPORT_EVERY === REPORT_EVERY - 1) console.log(`AT ${index + 1}`);
}
const median = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1] ?? 0;
console.log(
  `DONE ${JSON.stringify({ programs: count, failures, medianGenerated: median(lengths[0]), medianRandom: median(lengths[1]) })}`,
);
