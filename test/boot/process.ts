// Boots in processes of their own (child.ts), and what two of them must have in common.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Job, Result } from "./child.js";

const CHILD = fileURLToPath(new URL("child.ts", import.meta.url));

export async function bootProcess(job: Job): Promise<Result> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", CHILD, JSON.stringify(job)], {
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Result;
}

/** All of a result that does not tell which process came to it. */
export function essence({ instructions, ticks, clock, skipped, hash, devices, output }: Result): Partial<Result> {
  return { instructions, ticks, clock, skipped, hash, devices, output };
}

export function tell(what: string, { instructions, work, seconds }: Result): void {
  process.stdout.write(`${what}: ${work} of ${instructions} instructions, ${seconds.toFixed(1)} s\n`);
}
