// Runs a script in a process of its own and watches it: one that says nothing for too long hangs. Lines "AT n" tell
// how far it is; other lines go to the caller, and what the caller does not know is a failure.

import { spawn } from "node:child_process";

const SILENCE_MS = 60_000;

/** Failures, in the script's own words. `take` tells whether it understood a line; one must be the last. */
export function watch(script: string, options: readonly string[], take: (line: string) => boolean): Promise<string[]> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--import", "tsx", script, ...options], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const failures: string[] = [];
    let last = "its first program";
    let done = false;
    const expire = (): void => {
      failures.push(`hang behind ${last} (${options.join(" ")})`);
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
        if (line.startsWith("AT ")) last = line.slice(3);
        else if (take(line)) done = true;
        else failures.push(line);
      }
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      if (!done && failures.length === 0)
        failures.push(`process ended with ${code} behind ${last} (${options.join(" ")})`);
      resolve(failures);
    });
  });
}
