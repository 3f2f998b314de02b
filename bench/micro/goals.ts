// What the micro kernels are measured against: geometric means over the kernels that do not wait for memory, the
// prototypes of the translator's design on single ones, the best of the other engines.

import { geometricMean, type Measured, median } from "../engine/measure.js";
import type { Time } from "../engine/protocol.js";
import type { MicroGuest } from "./compare.js";

export interface Goal {
  readonly name: string;
  readonly value: number;
  readonly goal: string;
  readonly met: boolean;
}

type Results = readonly Measured<MicroGuest>[];

/** Time over native of the prototypes, with data pages scattered; a kernel may come to PROTOTYPE_ROOM of it. */
const PROTOTYPES: Readonly<Record<32 | 64, Readonly<Record<string, number>>>> = {
  32: { crc32: 1.1, sieve: 2.1, chase: 2.8, fib: 2.2, bytecode: 1.9, quicksort: 1.85, matmul: 4 },
  64: { crc32: 0.93, sieve: 2.1, chase: 2.7, fib: 1.8, bytecode: 1.9, quicksort: 1.44, matmul: 3.6 },
};
const PROTOTYPE_ROOM = 1.4;
const MEAN: Readonly<Record<32 | 64, number>> = { 32: 2.6, 64: 2.9 };
const ALIASING = 1.1;

function ratios(
  results: Results,
  engine: string,
  base: string,
  figure: "steady" | "whole" | "warmUp",
  clock: keyof Time,
): number[] {
  return results.flatMap(({ figures }) => {
    const [value, unit] = [figures.get(engine)?.[figure][clock], figures.get(base)?.[figure][clock]];
    return value === undefined || unit === undefined ? [] : [value / unit];
  });
}

export function microGoals(all: Results, clock: keyof Time): Goal[] {
  const goals: Goal[] = [];
  const least = (name: string, values: readonly number[], limit: number, of = geometricMean): void => {
    if (values.length === 0) return;
    const value = of(values);
    goals.push({ name, value, goal: `>= ${limit}`, met: value >= limit });
  };
  const most = (name: string, values: readonly number[], limit: number): void => {
    if (values.length === 0) return;
    const value = geometricMean(values);
    goals.push({ name, value, goal: `<= ${limit.toFixed(2)}`, met: value <= limit });
  };
  const lowest = (values: readonly number[]): number => Math.min(...values);
  for (const bits of [32, 64] as const) {
    const every = all.filter(({ guest }) => guest.bits === bits);
    const results = every.filter(({ guest }) => guest.kind === "compute");
    most(`${bits}-bit: ours over native, steady`, ratios(results, "ours", "native", "steady", clock), MEAN[bits]);
    for (const figure of ["steady", "whole"] as const) {
      least(`${bits}-bit: v86 over ours, ${figure}`, ratios(results, "v86", "ours", figure, clock), 3);
      least(`${bits}-bit: v86 over ours, ${figure}, lowest`, ratios(every, "v86", "ours", figure, clock), 1, lowest);
      least(`${bits}-bit: QEMU over ours, ${figure}`, ratios(results, "qemu", "ours", figure, clock), 1);
    }
    const sum = (engine: string): number =>
      results.reduce((total, { figures }) => total + (figures.get(engine)?.warmUp[clock] ?? Number.NaN), 0);
    if (results.some(({ figures }) => figures.has("v86") && figures.has("ours")))
      most(`${bits}-bit: our warm-up over v86's`, [sum("ours") / sum("v86")], 0.25);
    const prototyped = results.filter(({ guest }) => PROTOTYPES[bits][guest.name] !== undefined);
    most(
      `${bits}-bit: the prototypes' kernels over native`,
      ratios(prototyped, "ours", "native", "steady", clock),
      MEAN[bits],
    );
    for (const result of prototyped) {
      const prototype = PROTOTYPES[bits][result.guest.name];
      if (prototype === undefined) continue;
      const name = `${bits}-bit: ${result.guest.name} over native`;
      most(name, ratios([result], "ours", "native", "steady", clock), prototype * PROTOTYPE_ROOM);
    }
    for (const name of ["copy", "movs"]) {
      const ours = (kernel: string): number | undefined =>
        results.find(({ guest }) => guest.name === kernel)?.figures.get("ours")?.steady[clock];
      const [other, power] = [ours(name), ours(`${name}-power`)];
      if (other !== undefined && power !== undefined)
        most(`${bits}-bit: ${name} 2^n apart over others`, [power / other], ALIASING);
    }
  }
  return [...goals, ...readyGoals(all)];
}

/** How soon an engine can execute, and what a second partition costs in the same process: wall time, in milliseconds. */
function readyGoals(all: Results): Goal[] {
  const of = (engine: string, figure: "readyMs" | "secondMs"): number => {
    const known = all.flatMap(({ figures }) => figures.get(engine)?.[figure] ?? []);
    return known.length === 0 ? Number.NaN : median(known);
  };
  const [ready, second, theirs] = [of("ours", "readyMs"), of("ours", "secondMs"), of("v86", "readyMs")];
  const goals: Goal[] = [];
  const below = (name: string, value: number, limit: number, what: string): void => {
    if (!Number.isNaN(value) && !Number.isNaN(limit)) goals.push({ name, value, goal: what, met: value < limit });
  };
  below("ready to execute, ms", ready, theirs, `< v86's ${theirs.toFixed(0)}`);
  below("second partition, ms", second, ready / 2, "a fraction of the first");
  return goals;
}

export function printGoals(goals: readonly Goal[], print: (line: string) => void): void {
  if (goals.length > 0) print("");
  for (const { name, value, goal, met } of goals) {
    const shown = value.toFixed(value > 1000 ? 0 : 2);
    print(`${name.padEnd(44)}${shown.padStart(10)}  ${goal.padEnd(24)} ${met ? "met" : "MISSED"}`);
  }
}
