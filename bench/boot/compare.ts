// Boots of Debian's kernels, engine by engine in turn: seconds of each phase (session.sh), medians over the runs.

import { FLAVOURS } from "../../test/guest/linux/guest.js";
import { median } from "../engine/measure.js";
import { runChild } from "../engine/process.js";
import type { Time } from "../engine/protocol.js";
import type { Goal } from "../micro/goals.js";
import { BOOT_ENGINES, type BootEngine } from "./engines.js";
import type { BootReport } from "./run-ringfence.js";
import { type Boot, bootOf, PHASES, type Phase, SessionReader } from "./session.js";

const MEGABYTES = 256;
const TIMEOUT_MS = 600_000;
/** What may be resident besides the guest's memory. */
const OVERHEAD = 300 << 20;
const PAUSE_MS = 50;

export type Row = Phase | "all";
const ROWS: readonly Row[] = [...PHASES, "all"];

/** Seconds of the peer over ours at least, boot or phase. */
const AHEAD: Readonly<
  Record<string, readonly { readonly engine: string; readonly row: Row; readonly ratio: number }[]>
> = {
  "686": [
    { engine: "v86", row: "init", ratio: 2 },
    { engine: "qemu", row: "init", ratio: 1 / 2.5 },
    { engine: "v86", row: "sha256", ratio: 2.5 },
    { engine: "v86", row: "gzip", ratio: 2.5 },
    { engine: "v86", row: "awk", ratio: 2.5 },
    { engine: "v86", row: "fork", ratio: 4 },
    { engine: "ours-tier0", row: "init", ratio: 1 },
  ],
  amd64: [{ engine: "ours-tier0", row: "init", ratio: 1 }],
  "cloud-amd64": [
    { engine: "qemu", row: "init", ratio: 1 / 2.5 },
    { engine: "ours-tier0", row: "init", ratio: 1 },
  ],
};

interface BootRun {
  readonly seconds: Readonly<Record<Row, Time>>;
  readonly values: string;
  /** Largest resident set, in bytes. */
  readonly peak?: number;
  readonly report?: BootReport;
}

export interface BootResult {
  readonly kernel: string;
  readonly engine: string;
  /** Medians. */
  readonly seconds: Readonly<Record<Row, Time>>;
  readonly peak?: number;
  readonly pauseMs?: number;
  readonly runs: readonly BootRun[];
}

/** The JSON that ends our output. */
function reported(text: string): BootReport | undefined {
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  return line.startsWith("{") ? (JSON.parse(line) as BootReport) : undefined;
}

function secondsOf(reader: SessionReader): Record<Row, Time> {
  const seconds = {} as Record<Row, Time>;
  let before: Time = { wall: 0, cpu: 0 };
  for (const { phase, at } of reader.ends) {
    seconds[phase] = { wall: (at.wall - before.wall) / 1000, cpu: (at.cpu - before.cpu) / 1000 };
    before = at;
  }
  seconds.all = { wall: before.wall / 1000, cpu: before.cpu / 1000 };
  return seconds;
}

const PATIENCE_MS = 5000;

async function runBoot(engine: BootEngine, boot: Boot): Promise<BootRun> {
  const start: Time = { wall: performance.now(), cpu: 0 };
  let reader: SessionReader | undefined;
  let peak: number | undefined;
  let ending = false;
  const errors = await runChild(engine.command(boot), {
    timeoutMs: TIMEOUT_MS,
    onOutput: (bytes, child) => {
      reader ??= new SessionReader(start, child.now);
      reader.read(bytes.toString("latin1"));
      peak = child.peak() ?? peak;
      if (!reader.complete || ending) return;
      ending = true;
      // An engine that can power off has something to say behind it.
      setTimeout(child.end, PATIENCE_MS).unref();
    },
  });
  if (!reader?.complete) {
    throw new Error(`${engine.name}: ${boot.flavour} did not come to its end\n${reader?.text.slice(-2000)}${errors}`);
  }
  const values = reader.ends.map(({ value }) => value).join("; ");
  return { seconds: secondsOf(reader), values, peak, report: reported(reader.text) };
}

const optionalMedian = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? median(known) : undefined;
};

function resultOf(kernel: string, engine: string, runs: readonly BootRun[]): BootResult {
  const each = (row: Row, clock: keyof Time): number => median(runs.map((run) => run.seconds[row][clock]));
  const seconds = {} as Record<Row, Time>;
  for (const row of ROWS) seconds[row] = { wall: each(row, "wall"), cpu: each(row, "cpu") };
  return {
    kernel,
    engine,
    seconds,
    peak: optionalMedian(runs.map((run) => run.peak)),
    pauseMs: optionalMedian(runs.map((run) => run.report?.pauseMs)),
    runs,
  };
}

function goalsOf(results: readonly BootResult[], clock: keyof Time): Goal[] {
  const goals: Goal[] = [];
  const ours = results.find(({ engine }) => engine === "ours");
  if (ours === undefined) return goals;
  const { kernel } = ours;
  // The others unpack the kernel in the guest: so does what their boots are compared with.
  const packed = results.find(({ engine }) => engine === "ours-packed") ?? ours;
  for (const { engine, row, ratio } of AHEAD[kernel] ?? []) {
    const peer = results.find((result) => result.engine === engine);
    if (peer === undefined) continue;
    const base = row === "init" && engine !== "ours-tier0" ? packed : ours;
    const value = peer.seconds[row][clock] / base.seconds[row][clock];
    goals.push({
      name: `${kernel}: ${row}, ${engine} over ours`,
      value,
      goal: `>= ${ratio.toFixed(2)}`,
      met: value >= ratio,
    });
  }
  if (ours.peak !== undefined) {
    const value = ours.peak / 2 ** 20;
    const limit = MEGABYTES + OVERHEAD / 2 ** 20;
    goals.push({ name: `${kernel}: resident, MiB`, value, goal: `< ${limit}`, met: value < limit });
  }
  if (ours.pauseMs !== undefined) {
    const value = ours.pauseMs;
    goals.push({ name: `${kernel}: longest pause, ms`, value, goal: `<= ${PAUSE_MS}`, met: value <= PAUSE_MS });
  }
  return goals;
}

const NAME = 14;
const ENGINE = 17;
const COLUMN = 10;

function line(result: BootResult, clock: keyof Time): string {
  const cells = ROWS.map((row) => result.seconds[row][clock].toFixed(2).padStart(COLUMN));
  const { peak, pauseMs } = result;
  cells.push((peak === undefined ? "-" : (peak / 2 ** 20).toFixed(0)).padStart(COLUMN));
  cells.push((pauseMs === undefined ? "-" : pauseMs.toFixed(0)).padStart(COLUMN));
  return result.kernel.padEnd(NAME) + result.engine.padEnd(ENGINE) + cells.join("");
}

export interface BootOptions {
  /** Kernels, by the beginnings of their names; all when empty. */
  readonly names: readonly string[];
  readonly engines?: readonly string[];
  readonly runs: number;
  readonly clock: keyof Time;
  readonly print: (line: string) => void;
}

export async function compareBoots(options: BootOptions): Promise<{ results: BootResult[]; goals: Goal[] }> {
  const { names, engines, runs, clock, print } = options;
  const heading = [...ROWS, "MiB", "pause ms"].map((title) => title.padStart(COLUMN)).join("");
  print("");
  print(`${`seconds, ${clock}`.padEnd(NAME + ENGINE)}${heading}`);
  const results: BootResult[] = [];
  const goals: Goal[] = [];
  for (const flavour of FLAVOURS) {
    if (names.length && !names.some((name) => flavour.startsWith(name))) continue;
    const boot = bootOf(flavour, MEGABYTES);
    const lists = new Map<BootEngine, BootRun[]>();
    for (const engine of BOOT_ENGINES) {
      if (engines === undefined ? !engine.usual : !engines.includes(engine.name)) continue;
      const reason = engine.refuses(boot);
      if (reason === undefined) lists.set(engine, []);
      else print(`${flavour.padEnd(NAME)}${engine.name.padEnd(ENGINE)}left out: ${reason}`);
    }
    let expected: string | undefined;
    for (let run = 0; run < runs; run++) {
      for (const [engine, list] of lists) {
        const done = await runBoot(engine, boot);
        expected ??= done.values;
        if (done.values !== expected) throw new Error(`${engine.name} computed ${done.values}, not ${expected}`);
        list.push(done);
      }
    }
    const kernel = [...lists].map(([engine, list]) => resultOf(flavour, engine.name, list));
    for (const result of kernel) print(line(result, clock));
    results.push(...kernel);
    goals.push(...goalsOf(kernel, clock));
  }
  return { results, goals };
}
