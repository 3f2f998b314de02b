// Boots a Linux kernel on Ringfence: `node run-ringfence.ts KERNEL INITRD APPEND MEGABYTES [--packed] [--tier0]`.
// --packed: the guest unpacks the kernel. --tier0: without the translator. The guest's first serial port goes to
// standard output; behind it comes a line of JSON with what the engine tells about the boot.

import { readFileSync, writeSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { attachPc, defaultDevices, Hypervisor, loadImage, type PartitionOptions, PciBus } from "../../src/node.js";
import { START } from "./session.js";

export interface BootReport {
  readonly instructions: number;
  /** The longest that the event loop was held, in milliseconds. */
  readonly pauseMs: number;
  readonly translation?: unknown;
}

const SETTLE_MS = 10;
const LINGER_MS = 1000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { packed: { type: "boolean" }, tier0: { type: "boolean" } },
});
const [kernel, initrd, append, megabytes] = positionals as [string, string, string, string];
writeSync(1, `${START}\n`);
const hypervisor = await Hypervisor.create();
const options: PartitionOptions = {
  memory: Number(megabytes) << 20,
  devices: [...defaultDevices, "apic", "ioapic"],
  ...(values.tier0 ? { translation: false } : {}),
};
const partition = hypervisor.createPartition(options);
attachPc(partition, { pci: new PciBus([]) });
loadImage(partition, readFileSync(kernel), {
  format: "linux",
  commandLine: append,
  initrd: readFileSync(initrd),
  extract: values.packed ? false : undefined,
});
partition.chipset.onOutput("com1", (bytes) => {
  writeSync(1, bytes);
});
// Loading held the event loop, too: only the guest's own share counts.
await setTimeout(SETTLE_MS);
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const { reason } = await partition.start();
delay.disable();
if (reason !== "shutdown") throw new Error(`the boot ended with "${reason}"`);
const report: BootReport = {
  instructions: Number(partition.instructions),
  pauseMs: delay.max / 1e6,
  translation: partition.translation,
};
writeSync(1, `${JSON.stringify(report)}\n`);
// Whoever measures this process asks for its processor time first.
await setTimeout(LINGER_MS);
process.exit(0);
