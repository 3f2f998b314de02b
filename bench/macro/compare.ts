// Guests in assembly language: what a kernel does all day, in nanoseconds per event, and the programs that the
// interpreter is measured by (--engines ours-tier0,v86-interpreter).

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BENCHMARKS, type Benchmark } from "../../test/guest/benchmarks.js";
import { assembleBenchmark } from "../../test/guest/images.js";
import type { Engine, Guest } from "../engine/engines.js";
import { type Figures, measure } from "../engine/measure.js";
import type { Time } from "../engine/protocol.js";
import type { Goal } from "../micro/goals.js";

const BUILD = fileURLToPath(new URL("../../build/guests/", import.meta.url));
const NS_PER_MS = 1e6;

/** What an event may cost, in nanoseconds; it must stay below the best of the others besides. */
const LIMITS: Readonly<Record<string, number>> = {
  "event-cr3": 800,
  "event-invlpg": 100,
  "event-fault": 350,
  "event-port": 60,
  "event-int80": 200,
  "event-patch": 1500,
  "event-mix": 100,
};

export interface EventResult {
  readonly guest: string;
  readonly kind: Benchmark["kind"];
  readonly checksum: string;
  readonly figures: Readonly<Record<string, Figures>>;
  /** Nanoseconds per event in steady rounds, engine by engine. */
  readonly eventNs?: Readonly<Record<string, number>>;
  readonly goals: readonly Goal[];
}

function build(benchmark: Benchmark, bits: 32 | 64): Guest {
  mkdirSync(BUILD, { recursive: true });
  const name = `${benchmark.name}-${bits}`;
  const image = join(BUILD, `${name}.elf`);
  writeFileSync(image, assembleBenchmark(benchmark, bits));
  return { name, bits, image };
}

/** The first engine of ours, whose figures the others are compared with. */
const isOurs = (name: string): boolean => name.startsWith("ours");

function eventGoals(name: string, ns: Readonly<Record<string, number>>): Goal[] {
  const ours = ns.ours;
  if (ours === undefined) return [];
  const goals: Goal[] = [];
  const below = (what: string, limit: number): void => {
    goals.push({ name: `${name}, ns`, value: ours, goal: `< ${limit.toFixed(0)}${what}`, met: ours < limit });
  };
  const others = Object.entries(ns).filter(([engine]) => !isOurs(engine));
  if (others.length > 0) {
    const [engine, best] = others.reduce((least, entry) => (entry[1] < least[1] ? entry : least));
    below(` (${engine})`, best);
  }
  const limit = LIMITS[name];
  if (limit !== undefined) below("", limit);
  return goals;
}

const COLUMN = 12;

export async function compareEvents(
  names: readonly string[],
  engines: readonly Engine[],
  runs: number,
  clock: keyof Time,
  print: (line: string) => void,
): Promise<EventResult[]> {
  const able = engines.filter((engine) => engine.name !== "native");
  const base = able.find((engine) => isOurs(engine.name))?.name;
  const results: EventResult[] = [];
  let heading = "";
  const head = (text: string): void => {
    if (text === heading) return;
    heading = text;
    print("");
    print(text.padEnd(34) + able.map((engine) => engine.name.slice(0, COLUMN - 1).padStart(COLUMN)).join(""));
  };
  for (const benchmark of BENCHMARKS) {
    // Only events, unless more is asked for.
    if (names.length ? !names.some((name) => benchmark.name.startsWith(name)) : benchmark.kind !== "event") continue;
    for (const bits of benchmark.wide ? ([32, 64] as const) : ([32] as const)) {
      const { guest, checksum, figures } = await measure(build(benchmark, bits), able, runs, print);
      const record = Object.fromEntries(figures);
      const columns = (of: (entry: Figures) => string): string =>
        able
          .map(({ name }) => {
            const entry = figures.get(name);
            return (entry === undefined ? "-" : of(entry)).padStart(COLUMN);
          })
          .join("");
      let eventNs: Record<string, number> | undefined;
      if (benchmark.kind === "event") {
        const ns = (entry: Figures): number => (entry.steady[clock] * NS_PER_MS) / benchmark.symbols.COUNT;
        eventNs = Object.fromEntries([...figures].map(([name, entry]) => [name, ns(entry)]));
        head("steady ns per event");
        print(benchmark.name.padEnd(34) + columns((entry) => ns(entry).toFixed(0)));
      } else {
        head("ms, and times ours: whole, steady");
        const times = (entry: Figures): string => {
          const unit = base === undefined ? undefined : figures.get(base);
          if (unit === undefined || unit === entry) return entry.whole[clock].toFixed(0);
          return `${(entry.whole[clock] / unit.whole[clock]).toFixed(2)} ${(entry.steady[clock] / unit.steady[clock]).toFixed(2)}`;
        };
        print(guest.name.padEnd(34) + columns(times));
      }
      const goals = eventNs === undefined ? [] : eventGoals(benchmark.name, eventNs);
      results.push({ guest: guest.name, kind: benchmark.kind, checksum, figures: record, eventNs, goals });
    }
  }
  return results;
}
