// Whole guest programs on Ringfence and on v86's interpreter: alternating child processes on one image, so
// that both see the same machine at nearly the same time; medians; ratios. 64-bit images run on Ringfence
// only (v86 has no long mode).

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { BENCHMARKS, type Benchmark, ROUNDS } from "../../test/guest/benchmarks.js";
import type { EngineReport } from "./protocol.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export interface Comparison {
  guest: string;
  kind: Benchmark["kind"];
  checksum: string;
  instructions: number;
  /** Medians in milliseconds from "begin" to "end". */
  ringfenceMs: number;
  v86Ms?: number;
  /** v86's time over ours. */
  ratio?: number;
  /** The same without the first round. */
  steadyRatio?: number;
  mips: number;
  v86Mips?: number;
  /** Nanoseconds per event. */
  eventNs?: number;
  v86EventNs?: number;
  readyMs: number;
  secondMs: number;
  v86ReadyMs?: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function runEngine(engine: "ringfence" | "v86", guest: string): EngineReport {
  const image = here(`../../build/guests/${guest}.elf`);
  const output = execFileSync(process.execPath, ["--import", "tsx", here(`./run-${engine}.ts`), image], {
    encoding: "utf8",
  });
  return JSON.parse(output.trim().split("\n").at(-1) as string) as EngineReport;
}

const steadyMs = (report: EngineReport): number => report.totalMs - (report.roundMs[0] as number);

function compare(benchmark: Benchmark, width: 32 | 64, runs: number): Comparison {
  const guest = `${benchmark.name}-${width}`;
  const ours: EngineReport[] = [];
  const theirs: EngineReport[] = [];
  for (let run = 0; run < runs; run++) {
    ours.push(runEngine("ringfence", guest));
    if (width === 32) theirs.push(runEngine("v86", guest));
  }
  const first = ours[0] as EngineReport;
  for (const report of [...ours, ...theirs])
    if (report.checksum !== first.checksum)
      throw new Error(`${guest}: ${report.engine} computed ${report.checksum}, not ${first.checksum}`);
  const ringfenceMs = median(ours.map((report) => report.totalMs));
  const instructions = first.instructions ?? 0;
  const result: Comparison = {
    guest,
    kind: benchmark.kind,
    checksum: first.checksum,
    instructions,
    ringfenceMs,
    mips: instructions / ringfenceMs / 1000,
    readyMs: median(ours.map((report) => report.readyMs)),
    secondMs: median(ours.map((report) => report.secondMs ?? 0)),
  };
  const events = benchmark.kind === "event" ? benchmark.symbols.COUNT * ROUNDS : 0;
  if (events) result.eventNs = (ringfenceMs * 1e6) / events;
  if (theirs.length) {
    const v86Ms = median(theirs.map((report) => report.totalMs));
    result.v86Ms = v86Ms;
    result.ratio = v86Ms / ringfenceMs;
    result.steadyRatio = median(theirs.map(steadyMs)) / median(ours.map(steadyMs));
    result.v86Mips = instructions / v86Ms / 1000;
    result.v86ReadyMs = median(theirs.map((report) => report.readyMs));
    if (events) result.v86EventNs = (v86Ms * 1e6) / events;
  }
  return result;
}

const cell = (value: number | undefined, digits: number, width: number): string =>
  (value === undefined ? "-" : value.toFixed(digits)).padStart(width);

export const HEADING = "guest             ours ms    v86 ms  ratio steady   MIPS v86 MIPS";

export function row(c: Comparison): string {
  return (
    c.guest.padEnd(16) +
    cell(c.ringfenceMs, 0, 10) +
    cell(c.v86Ms, 0, 10) +
    cell(c.ratio, 2, 7) +
    cell(c.steadyRatio, 2, 7) +
    cell(c.mips, 0, 7) +
    cell(c.v86Mips, 0, 9)
  );
}

/** Runs the benchmarks whose names begin with one of `names` (all when empty), printing a row as each is done. */
export function compareAll(names: readonly string[], runs: number, print: (line: string) => void): Comparison[] {
  const results: Comparison[] = [];
  print(HEADING);
  for (const benchmark of BENCHMARKS) {
    if (names.length && !names.some((name) => benchmark.name.startsWith(name))) continue;
    for (const width of benchmark.wide ? ([32, 64] as const) : ([32] as const)) {
      const result = compare(benchmark, width, runs);
      results.push(result);
      print(row(result));
    }
  }
  return results;
}

const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

/** The figures that have goals. */
export function summary(results: readonly Comparison[]): { name: string; value: number; goal: string; met: boolean }[] {
  const lines: { name: string; value: number; goal: string; met: boolean }[] = [];
  const ratios = results.filter((r) => r.kind === "compute" && r.ratio !== undefined).map((r) => r.ratio as number);
  if (ratios.length) {
    const lowest = Math.min(...ratios);
    const mean = geometricMean(ratios);
    lines.push({ name: "lowest ratio to v86 (CPU-bound)", value: lowest, goal: ">= 2", met: lowest >= 2 });
    lines.push({ name: "geometric mean of ratios", value: mean, goal: ">= 3", met: mean >= 3 });
  }
  const integer = results.find((r) => r.guest === "integer-32");
  if (integer)
    lines.push({ name: "MIPS on the integer loop", value: integer.mips, goal: "> 200", met: integer.mips > 200 });
  const timed = results.filter((r) => r.v86ReadyMs !== undefined);
  if (timed.length) {
    const ready = median(timed.map((r) => r.readyMs));
    const theirs = median(timed.map((r) => r.v86ReadyMs as number));
    const second = median(timed.map((r) => r.secondMs));
    lines.push({ name: "instance ready, ms", value: ready, goal: `< v86's ${theirs.toFixed(0)}`, met: ready < theirs });
    lines.push({
      name: "second partition, ms",
      value: second,
      goal: `a fraction of the first`,
      met: second < ready / 2,
    });
  }
  return lines;
}
