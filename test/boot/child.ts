// One boot of a Debian kernel in a process of its own, told by a JSON object in the first argument; the last
// line of its output is the JSON of a Result. Where the boot stands still is counted in retired instructions:
// the same point whatever the slices are.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { deserialize, serialize } from "node:v8";
import { MemoryDisk, type Partition, type SavedPartition } from "../../src/node.js";
import type { LinuxGuest } from "../guest/linux/guest.js";
import { createHypervisor } from "../machine/machine.js";
import { createLinux, createMachine, diskSession, type LinuxMachine, type LinuxOptions } from "./linux.js";

export interface Job {
  readonly guest: LinuxGuest;
  readonly processors?: number;
  /** Runs the session of disk.sh on an empty disk of so many bytes instead of a shell. */
  readonly disk?: number;
  /** Instructions after which the boot ends, or the text behind which it does, at the next multiple of ROUND; absent: power-off. */
  readonly until?: number | string;
  /** Most ticks of a slice; "irregular" for slices of all sizes, "start" for those of the event loop. */
  readonly slice?: number | "irregular" | "start";
  /** Saves the partition to a file at the end of the slice in which a text has appeared. */
  readonly save?: readonly { readonly text: string; readonly file: string }[];
  /** Goes on from a saved partition instead of booting. */
  readonly restore?: string;
}

export interface Result {
  readonly instructions: number;
  readonly ticks: number;
  /** Guest clock in ticks, and what of it was skipped while all processors were halted. */
  readonly clock: number;
  readonly skipped: number;
  readonly hash: string;
  /** Digest of what the host's devices and timers have saved. */
  readonly devices: string;
  readonly output: string;
  /** Instructions at which partitions were saved, in the order of the job. */
  readonly saved: readonly number[];
  /** What this process did of it: instructions, and seconds for them. */
  readonly work: number;
  readonly seconds: number;
}

/** What a checkpoint file holds. */
interface Checkpoint {
  readonly partition: SavedPartition;
  readonly output: string;
}

const SLICE = 4_000_000;
const ROUND = 10_000_000;

/** Numbers from 1 to some millions, small ones as often as large ones, the same in every process. */
function* irregular(): Generator<number, never> {
  for (let state = 1; ; ) {
    state = (state * 48271) % 0x7fff_ffff;
    yield 1 + (state >>> (9 + (state % 22)));
  }
}

/** A slice can retire no more instructions than it has ticks, so that the last one ends at exactly `limit`. */
function runSlice(partition: Partition, limit: number, ticks: number): string {
  const left = limit - Number(partition.instructions);
  return partition.run({ ticks: Math.min(left, ticks) }).reason;
}

function deviceDigest({ timers, devices }: SavedPartition): string {
  const text = JSON.stringify([timers, devices], (_key, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value,
  );
  return createHash("sha256").update(text).digest("hex");
}

async function run(job: Job, machine: LinuxMachine, before: string): Promise<Result> {
  const { partition } = machine;
  const first = Number(partition.instructions);
  const sizes = irregular();
  const size = (): number => (job.slice === "irregular" ? sizes.next().value : Number(job.slice ?? SLICE));
  const saved: number[] = [];
  let limit = typeof job.until === "number" ? job.until : Number.POSITIVE_INFINITY;
  const started = performance.now();
  if (job.slice === "start") {
    const { reason } = await partition.start({ instructions: limit });
    if (reason !== "budget") throw new Error(`the boot ended with "${reason}"`);
  }
  while (Number(partition.instructions) < limit) {
    const reason = runSlice(partition, limit, size());
    if (reason === "shutdown" && job.until === undefined) break;
    if (reason !== "budget") throw new Error(`the boot ended with "${reason}"`);
    const next = job.save?.[saved.length];
    if (next !== undefined && machine.output.includes(next.text)) {
      const checkpoint: Checkpoint = { partition: partition.save(), output: machine.output };
      writeFileSync(next.file, serialize(checkpoint));
      saved.push(Number(partition.instructions));
    }
    if (typeof job.until === "string" && limit === Number.POSITIVE_INFINITY && machine.output.includes(job.until)) {
      limit = Math.ceil(Number(partition.instructions) / ROUND) * ROUND;
    }
  }
  const seconds = (performance.now() - started) / 1000;
  // Reads the output's last bytes, too.
  const devices = deviceDigest(partition.save());
  return {
    instructions: Number(partition.instructions),
    ticks: Number(partition.ticks),
    clock: Number(partition.clock),
    skipped: Number(partition.skipped),
    hash: partition.hash(),
    devices,
    output: before + machine.output,
    saved,
    work: Number(partition.instructions) - first,
    seconds,
  };
}

const job = JSON.parse(process.argv[2]) as Job;
const hypervisor = await createHypervisor();
const options: LinuxOptions =
  job.disk === undefined
    ? { processors: job.processors }
    : { processors: job.processors, disks: [new MemoryDisk(job.disk)], ...diskSession("write") };
let machine: LinuxMachine;
let before = "";
if (job.restore === undefined) machine = createLinux(hypervisor, job.guest, options);
else {
  machine = createMachine(hypervisor, options);
  const checkpoint = deserialize(readFileSync(job.restore)) as Checkpoint;
  machine.partition.restore(checkpoint.partition);
  before = checkpoint.output;
}
process.stdout.write(`${JSON.stringify(await run(job, machine, before))}\n`);
