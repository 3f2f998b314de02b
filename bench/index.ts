// `npm run bench -- [SUITE ...] [OPTION ...] [NAME ...]`: measures this machine monitor beside others, by turns, and
// prints tables; everything measured goes to bench/results/<time>.json, with a chart per width beside it.
//
//   --micro   kernels in C against the same code run natively     --macro   what a kernel does, per event
//   --boot    Debian's kernels: the boot and work in the guest    --nano    single calls of the API
//
//   --bits 32|64      micro: one width only          --runs N       how often each engine runs (5)
//   --rounds N        micro: rounds of a run (8)     --engines A,B  see engine/engines.ts and boot/engines.ts
//   --clock cpu|wall  what the tables show (cpu)     --cpu N|none   where engines are held (the last processor)
//
// Names are of kernels, events, or boots, or their beginnings. On another Node, which then runs all engines made of
// JavaScript: npx -p node@24 node --import tsx bench/index.ts --micro

import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Bits } from "../test/guest/micro/kernels.js";
import { compareBoots } from "./boot/compare.js";
import { chart } from "./chart.js";
import { enginesOf } from "./engine/engines.js";
import type { Measured } from "./engine/measure.js";
import { pinChildren } from "./engine/process.js";
import { compareEvents } from "./macro/compare.js";
import { compareMicro } from "./micro/compare.js";
import { type Goal, microGoals, printGoals } from "./micro/goals.js";
import { measureCalls } from "./nano/calls.js";

const { values, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    micro: { type: "boolean" },
    macro: { type: "boolean" },
    boot: { type: "boolean" },
    nano: { type: "boolean" },
    bits: { type: "string" },
    runs: { type: "string", default: "5" },
    rounds: { type: "string" },
    engines: { type: "string" },
    clock: { type: "string", default: "cpu" },
    cpu: { type: "string", default: "last" },
  },
});

function count(text: string, what: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${what} ${text}: it must be a whole number above 0`);
  return value;
}
function oneOf<T extends string>(text: string, choices: readonly T[], what: string): T {
  const choice = choices.find((entry) => entry === text);
  if (choice === undefined) throw new Error(`--${what} ${text}: it must be ${choices.join(" or ")}`);
  return choice;
}

const CORE_BYTES = 400_000;
const all = !values.micro && !values.macro && !values.boot && !values.nano;
const runs = count(values.runs, "runs");
const rounds = values.rounds === undefined ? undefined : count(values.rounds, "rounds");
const clock = oneOf(values.clock, ["cpu", "wall"], "clock");
const bits: Bits[] =
  values.bits === undefined ? [32, 64] : [oneOf(values.bits, ["32", "64"], "bits") === "32" ? 32 : 64];
const chosen = values.engines?.split(",");
const print = (line = ""): void => {
  console.log(line);
};
const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const processor = pinChildren(values.cpu);
const machine = { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length, processor, load: loadavg()[0] };
print(`${machine.cpu}, ${machine.cpus} processors, load ${machine.load.toFixed(1)}; Node ${machine.node}`);
const micro: Measured[] = [];
const goals: Goal[] = [];
if (values.micro || all) {
  const engines = enginesOf(chosen ?? ["native", "ours", "v86", "qemu"]);
  const results = await compareMicro({ names, bits, engines, runs, rounds, clock, print });
  micro.push(...results);
  goals.push(...microGoals(results, clock));
}
const events =
  values.macro || all
    ? await compareEvents(names, enginesOf(chosen ?? ["ours", "v86", "qemu"]), runs, clock, print)
    : [];
goals.push(...events.flatMap((event) => event.goals));
const boots = values.boot ? await compareBoots({ names, engines: chosen, runs, clock, print }) : undefined;
goals.push(...(boots?.goals ?? []));
const coreBytes = statSync(at("../build/ringfence.wasm")).size;
goals.push({ name: "core, bytes of wasm", value: coreBytes, goal: "< 400 KB", met: coreBytes < CORE_BYTES });
printGoals(goals, print);
const calls = values.nano || all ? await measureCalls() : [];

mkdirSync(at("results"), { recursive: true });
const base = at(`results/${new Date().toISOString().replace(/[:.]/g, "-")}`);
const guests = micro.map(({ guest, checksum, figures }) => ({
  ...guest,
  checksum,
  figures: Object.fromEntries(figures),
}));
const record = { machine, runs, clock, coreBytes, micro: guests, events, boots: boots?.results, goals, calls };
writeFileSync(`${base}.json`, `${JSON.stringify(record, undefined, 1)}\n`);
print();
print(`written to ${base}.json`);
for (const width of bits) {
  for (const figure of ["steady", "whole"] as const) {
    const title = `${width}-bit kernels, ${figure === "steady" ? "steady" : "whole run"}: time over native gcc -O2`;
    const drawn = chart(
      title,
      micro.filter(({ guest }) => guest.bits === width),
      (entry) => entry[figure][clock],
    );
    if (drawn !== undefined) writeFileSync(`${base}-${width}-${figure}.svg`, drawn);
  }
}
