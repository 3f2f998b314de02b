// Starts fuzz processes and watches them: one that says nothing for too long hangs.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("./child.ts", import.meta.url));
const SILENCE_MS = 60_000;

export interface FuzzResult {
  readonly programs: number;
  readonly failures: string[];
  readonly medianGenerated: number;
  readonly medianRandom: number;
}

/** Runs `count` programs from `first` on in a process of their own. */
export function fuzz(first: number, count: number, seed: number): Promise<FuzzResult> {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      ["--import", "tsx", script, "--first", String(first), "--count", String(count), "--seed", String(seed)],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const failures: string[] = [];
    let last = first;
    let done: { medianGenerated: number; medianRandom: number } | undefined;
    const expire = (): void => {
      failures.push(`hang in programs ${last} to ${last + 500} of seed ${seed}`);
      child.kill("SIGKILL");
    };
    let timer = setTimeout(expire, SILENCE_MS);
    let rest = "";
    child.stdout.on("data", (chunk: Buffer) => {
      clearTimeout(timer);
      timer = setTimeout(expire, SILENCE_MS);
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("AT ")) last = Number(line.slice(3));
        else if (line.startsWith("DONE ")) done = JSON.parse(line.slice(5));
        else failures.push(line);
      }
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      if (done === undefined && failures.length === 0)
        failures.push(`fuzz process ended with ${code} in programs ${last} to ${last + 500}`);
      resolve({
        programs: count,
        failures,
        medianGenerated: done?.medianGenerated ?? 0,
        medianRandom: done?.medianRandom ?? 0,
      });
    });
  });
}
