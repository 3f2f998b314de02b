// Runs guests on engines by turns: all engines once, then all of them again, so that each sees the same machine at
// nearly the same time. Every engine must print the same checksums.

import type { Engine, Guest } from "./engines.js";
import type { RunReport, Time } from "./protocol.js";

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

/** One engine's runs of a guest. Times are medians over the runs, in milliseconds. */
export interface Figures {
  readonly engine: string;
  /** From "begin" to "end". */
  readonly whole: Time;
  /** One round of the second half: their median. */
  readonly steady: Time;
  readonly best: Time;
  /** What the whole run took longer than as many steady rounds. */
  readonly warmUp: Time;
  readonly readyMs?: number;
  readonly secondMs?: number;
  readonly instructions?: number;
  readonly runs: readonly RunReport[];
}

export interface Measured<G extends Guest = Guest> {
  readonly guest: G;
  readonly checksum: string;
  readonly figures: ReadonlyMap<string, Figures>;
}

function times(runs: readonly RunReport[], of: (run: RunReport, clock: keyof Time) => number): Time {
  const each = (clock: keyof Time): number => median(runs.map((run) => of(run, clock)));
  return { wall: each("wall"), cpu: each("cpu") };
}

const lateRounds = (run: RunReport, clock: keyof Time): number[] =>
  run.rounds.slice(run.rounds.length >> 1).map((round) => round[clock]);
const steadyOf = (run: RunReport, clock: keyof Time): number => median(lateRounds(run, clock));

function optionalMedian(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? median(known) : undefined;
}

function figuresOf(engine: string, runs: readonly RunReport[]): Figures {
  return {
    engine,
    whole: times(runs, (run, clock) => run.total[clock]),
    steady: times(runs, steadyOf),
    best: times(runs, (run, clock) => Math.min(...lateRounds(run, clock))),
    warmUp: times(runs, (run, clock) => run.total[clock] - run.rounds.length * steadyOf(run, clock)),
    readyMs: optionalMedian(runs.map((run) => run.readyMs)),
    secondMs: optionalMedian(runs.map((run) => run.secondMs)),
    instructions: runs[0]?.instructions,
    runs,
  };
}

export async function measure<G extends Guest>(
  guest: G,
  engines: readonly Engine[],
  runs: number,
  print: (line: string) => void,
): Promise<Measured<G>> {
  const taken = engines.filter((engine) => {
    const reason = engine.refuses(guest);
    if (reason !== undefined && !refused.has(reason)) {
      refused.add(reason);
      print(`left out: ${engine.name}: ${reason}`);
    }
    return reason === undefined;
  });
  const reports = new Map(taken.map((engine): [string, RunReport[]] => [engine.name, []]));
  let expected: readonly string[] | undefined;
  for (let run = 0; run < runs; run++) {
    for (const engine of taken) {
      const report = await engine.run(guest);
      expected ??= report.checksums;
      if (report.checksums.join() !== expected.join()) {
        throw new Error(
          `${guest.name}, ${guest.bits}-bit: ${engine.name} computed ${report.checksums}, not ${expected}`,
        );
      }
      reports.get(engine.name)?.push(report);
    }
  }
  return {
    guest,
    checksum: expected?.at(-1) ?? "",
    figures: new Map([...reports].map(([name, list]) => [name, figuresOf(name, list)])),
  };
}

/** Reasons that were told already. */
const refused = new Set<string>();
