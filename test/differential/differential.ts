// Starts processes of the differential fuzzer and adds up what they find.

import { fileURLToPath } from "node:url";
import { watch } from "../fuzz/watch.js";
import type { Result } from "./pair.js";

const script = fileURLToPath(new URL("./child.ts", import.meta.url));
/** Upper ends of the classes that retired instructions are counted in. */
const CLASSES = [10, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, Number.POSITIVE_INFINITY];

export class Statistics {
  programs = 0;
  tooLarge = 0;
  ticks = 0;
  retired = 0;
  /** Ticks that regions executed. */
  translated = 0;
  /** Programs by length. */
  readonly lengths = CLASSES.map(() => 0);

  add(result: Result): void {
    this.programs++;
    this.ticks += result.ticks;
    this.retired += result.retired;
    this.translated += result.translated;
    this.lengths[CLASSES.findIndex((end) => result.retired < end)]!++;
  }
  merge(other: Statistics): void {
    this.programs += other.programs;
    this.tooLarge += other.tooLarge;
    this.ticks += other.ticks;
    this.retired += other.retired;
    this.translated += other.translated;
    other.lengths.forEach((count, n) => {
      this.lengths[n]! += count;
    });
  }
  /** What the median program retires, at least. */
  get median(): number {
    let sum = 0;
    for (const [n, count] of this.lengths.entries()) {
      sum += count;
      if (sum * 2 >= this.programs) return n === 0 ? 0 : CLASSES[n - 1]!;
    }
    return 0;
  }
  /** Share of all ticks that regions executed. */
  get share(): number {
    return this.ticks === 0 ? 0 : this.translated / this.ticks;
  }
}

export interface Found {
  readonly statistics: Statistics;
  readonly failures: readonly string[];
}

/** Runs programs in a process of their own. */
export async function differential(
  first: number,
  count: number,
  seed: number,
  { findings = 3, optimize = false } = {},
): Promise<Found> {
  const statistics = new Statistics();
  const failures: string[] = [];
  const numbers = { first, count, seed, findings };
  const options = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
  if (optimize) options.push("--optimize");
  const outcome = await watch(script, options, (line) => {
    if (!line.startsWith("DONE ")) return false;
    statistics.merge(JSON.parse(line.slice(5)));
    return true;
  });
  failures.push(...outcome);
  return { statistics, failures };
}
