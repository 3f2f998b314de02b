// Starts fuzz processes and gathers what they find.

import { fileURLToPath } from "node:url";
import { watch } from "./watch.js";

const script = fileURLToPath(new URL("./child.ts", import.meta.url));

export interface FuzzResult {
  readonly programs: number;
  readonly failures: string[];
  readonly medianGenerated: number;
  readonly medianRandom: number;
}

/** Runs `count` programs from `first` on in a process of their own. */
export async function fuzz(first: number, count: number, seed: number): Promise<FuzzResult> {
  let medians = { medianGenerated: 0, medianRandom: 0 };
  const options = ["--first", String(first), "--count", String(count), "--seed", String(seed)];
  const failures = await watch(script, options, (line) => {
    if (!line.startsWith("DONE ")) return false;
    medians = JSON.parse(line.slice(5));
    return true;
  });
  return { programs: count, failures, medianGenerated: medians.medianGenerated, medianRandom: medians.medianRandom };
}
