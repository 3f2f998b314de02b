// Runs one guest image on Ringfence and prints its report:
// `node run-ringfence.ts IMAGE [--tier0] [--sync]`. --tier0: without the translator. --sync: by run(), which never
// gives the event loop a turn, instead of start().

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Hypervisor, loadImage, type PartitionOptions } from "../../src/node.js";
import { Marks, type RunReport } from "./protocol.js";

const MEMORY = 64 << 20;
const SLICE = 5_000_000;
/** Guests write here behind every line. Serial output is handed out whenever the core is left, and so it is left. */
const MARK = 0xf2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tier0: { type: "boolean" }, sync: { type: "boolean" } },
});
const [path] = positionals as [string];
const image = readFileSync(path);
const start = performance.now();
const hypervisor = await Hypervisor.create();
const options: PartitionOptions = { memory: MEMORY, ...(values.tier0 ? { translation: false } : {}) };
const partition = hypervisor.createPartition(options);
const readyMs = performance.now() - start;
const again = performance.now();
hypervisor.createPartition({ memory: MEMORY })[Symbol.dispose]();
const secondMs = performance.now() - again;

loadImage(partition, image, { format: "multiboot" });
const instructions: number[] = [];
partition.onPorts(MARK, 1, { write: () => instructions.push(Number(partition.instructions)) });
const marks = new Marks();
partition.chipset.onOutput("com1", (bytes) => marks.bytes(bytes));

if (values.sync) {
  let exit = partition.run({ ticks: SLICE });
  while (exit.reason === "budget") exit = partition.run({ ticks: SLICE });
} else await partition.start();
if (!marks.ended) throw new Error(`${path}: the guest ended before its last mark`);
const report: RunReport = {
  ...marks.report,
  readyMs,
  secondMs,
  instructions: instructions.length > 1 ? (instructions.at(-1) as number) - instructions[0] : undefined,
  translation: partition.translation,
};
console.log(JSON.stringify(report));
process.exit(0);
