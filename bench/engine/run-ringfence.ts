// Runs one guest image on Ringfence and prints its report: `node run-ringfence.js IMAGE.elf`.

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Hypervisor, loadImage } from "../../src/node.js";
import { type EngineReport, Marks } from "./protocol.js";

const MEMORY = 64 << 20;
/** Short enough to note a line of output when it is written, long enough to cost nothing. */
const SLICE = 500_000;

const path = process.argv[2] as string;
const image = readFileSync(path);
const start = performance.now();
const hypervisor = await Hypervisor.create();
const partition = hypervisor.createPartition({ memory: MEMORY });
const readyMs = performance.now() - start;
const again = performance.now();
hypervisor.createPartition({ memory: MEMORY })[Symbol.dispose]();
const secondMs = performance.now() - again;

loadImage(partition, image, { format: "multiboot" });
let ended = false;
let instructionsAtEnd = 0;
const instructions = (): number => Number(partition.instructions);
const marks = new Marks(instructions, () => {
  ended = true;
  instructionsAtEnd = instructions();
});
partition.chipset.onOutput("com1", (bytes) => {
  for (const byte of bytes) marks.byte(byte);
});
while (!ended) {
  const exit = partition.run({ ticks: SLICE });
  if (exit.reason !== "budget" && !ended)
    throw new Error(`${path}: the guest left with ${JSON.stringify(exit.snapshot())}`);
}
const report: EngineReport = {
  engine: "ringfence",
  guest: basename(path, ".elf"),
  readyMs,
  secondMs,
  roundMs: marks.roundMs,
  totalMs: marks.totalMs,
  checksum: marks.checksum,
  instructions: instructionsAtEnd - marks.instructionsAtBegin,
};
console.log(JSON.stringify(report));
