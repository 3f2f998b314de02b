// `npm run bench -- [--runs N] [--macro] [--nano] [--boot] [name ...]`: whole guests against v86's interpreter, the
// size of the core, what single engine calls cost; with --boot, boots of Debian's kernels against v86 and QEMU.
// Prints tables and writes bench/results/<time>.json.

import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compareBoots } from "./boot/compare.js";
import { compareAll, summary } from "./macro/compare.js";
import { measureCalls } from "./nano/calls.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "5" },
    nano: { type: "boolean" },
    macro: { type: "boolean" },
    boot: { type: "boolean" },
  },
});
const all = !values.nano && !values.macro && !values.boot;
const print = (line = ""): void => {
  console.log(line);
};
const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const coreBytes = statSync(at("../build/ringfence.wasm")).size;
const results = values.macro || all ? compareAll(positionals, Number(values.runs), print) : [];

const events = results.filter((r) => r.eventNs !== undefined);
if (events.length) {
  print();
  print("ns per event          ours     v86");
  for (const r of events)
    print(
      r.guest.padEnd(16) +
        (r.eventNs as number).toFixed(0).padStart(10) +
        (r.v86EventNs?.toFixed(0) ?? "-").padStart(8),
    );
}

const goals = summary(results);
goals.push({ name: "core, bytes of wasm", value: coreBytes, goal: "< 400 KB", met: coreBytes < 400_000 });
print();
for (const goal of goals)
  print(
    `${goal.name.padEnd(34)}${goal.value.toFixed(goal.value > 1000 ? 0 : 2).padStart(10)}  ${goal.goal.padEnd(24)} ${goal.met ? "met" : "MISSED"}`,
  );

const boots = values.boot ? await compareBoots(positionals, Number(values.runs), print) : [];
const calls = values.nano || all ? await measureCalls() : [];

mkdirSync(at("./results"), { recursive: true });
const file = at(`./results/${new Date().toISOString().replace(/[:.]/g, "-")}.json`);
const machine = { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length };
writeFileSync(
  file,
  `${JSON.stringify({ machine, runs: Number(values.runs), results, goals, boots, calls }, undefined, 2)}\n`,
);
print();
print(`written to ${file}`);
