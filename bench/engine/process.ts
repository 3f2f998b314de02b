// Child processes of a measurement: held on one processor, so that engines with helper threads have no more of the
// machine than others, and their clocks.

import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import type { Time } from "./protocol.js";

const NANOSECONDS_PER_MS = 1e6;
/** /proc counts in hundredths of a second, whatever the kernel's own clock is. */
const TICK_MS = 10;

export function isInstalled(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args.length > 0 ? args : ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** The last processor that this process may run on. */
function lastProcessor(): number | undefined {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    return list === undefined ? undefined : Number(list.split(/[,-]/).at(-1));
  } catch {
    return undefined;
  }
}

let processor: number | undefined;
/** Holds all later children on a processor: "none", "last", or its number. Returns what it has come to. */
export function pinChildren(where: string): number | undefined {
  processor =
    where === "none" || !isInstalled("taskset") ? undefined : where === "last" ? lastProcessor() : Number(where);
  return processor;
}

/** Processor time of all threads of a process in milliseconds. */
function processorTime(pid: number): number {
  let sum = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ")[0]);
    }
    return sum / NANOSECONDS_PER_MS;
  } catch {
    // A kernel without scheduler statistics.
  }
  try {
    // The second field is a name in parentheses; user and system time are the 14th and 15th.
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return Number.NaN;
  }
}

/** Largest resident set of a process so far, in bytes. */
export function peakMemory(pid: number): number | undefined {
  try {
    const peak = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
    return peak === undefined ? undefined : Number(peak) * 1024;
  } catch {
    return undefined;
  }
}

export interface Child {
  readonly now: () => Time;
  readonly peak: () => number | undefined;
  readonly stdin: NodeJS.WritableStream;
  /** Interrupts it; it goes in any case. */
  readonly end: () => void;
}

export interface ChildOptions {
  /** Sees standard output as it comes. */
  readonly onOutput: (bytes: Buffer, child: Child) => void;
  readonly timeoutMs: number;
}

const PATIENCE_MS = 5000;

/** Runs a command to its end; resolves with what it wrote to standard error. Its exit code is no concern of ours. */
export function runChild(command: readonly [string, ...string[]], options: ChildOptions): Promise<string> {
  const [program, ...args] =
    processor === undefined ? command : (["taskset", "-c", String(processor), ...command] as const);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    const pid = child.pid as number;
    let timedOut = false;
    const handle: Child = {
      now: () => ({ wall: performance.now(), cpu: processorTime(pid) }),
      peak: () => peakMemory(pid),
      stdin: child.stdin,
      end: () => {
        child.kill("SIGINT");
        setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS).unref();
      },
    };
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, options.timeoutMs);
    let errors = "";
    (child.stderr as Readable).setEncoding("latin1").on("data", (text: string) => {
      errors = (errors + text).slice(-4000);
    });
    child.stdin.on("error", () => {});
    child.stdout.on("data", (bytes: Buffer) => options.onOutput(bytes, handle));
    child.on("error", (cause) => {
      clearTimeout(timer);
      reject(cause);
    });
    child.on("close", () => {
      clearTimeout(timer);
      if (timedOut) reject(new Error(`${command.join(" ")}: no end after ${options.timeoutMs / 1000} s\n${errors}`));
      else resolve(errors);
    });
  });
}
