// Boots of Debian's kernels to the shell prompt, engine by engine in turn, as whole processes: from the start
// of the process to the prompt on the serial port. Medians over the runs, and each engine's time over ours.

import { spawn } from "node:child_process";
import { COMMAND_LINE, FLAVOURS, fetchGuest, findGuest, type LinuxGuest } from "../../test/guest/linux/guest.js";
import { median } from "../macro/compare.js";
import { ENGINES, type Engine } from "./engines.js";

/** What busybox prints when it waits for a command. */
const PROMPT = "\n/ # ";
const TIMEOUT_MS = 300_000;

export interface BootResult {
  readonly kernel: string;
  readonly engine: string;
  readonly unpacks: Engine["unpacks"];
  /** Median seconds from the start of the process to the prompt. */
  readonly seconds: number;
  /** This engine's time over ours. */
  readonly ratio: number;
  /** Instructions to the prompt, where the engine tells. */
  readonly instructions?: number;
}

interface Boot {
  readonly seconds: number;
  readonly instructions?: number;
}

/** One boot. The engine is interrupted at the prompt; ours then reports what it has executed. */
function boot(engine: Engine, guest: LinuxGuest): Promise<Boot> {
  const [program, ...args] = engine.command(guest, COMMAND_LINE);
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
    let text = "";
    let seconds = 0;
    const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
    child.stdout.setEncoding("latin1").on("data", (part: string) => {
      text += part;
      if (seconds !== 0 || !text.includes(PROMPT)) return;
      seconds = (performance.now() - start) / 1000;
      child.kill("SIGINT");
      setTimeout(() => child.kill("SIGKILL"), 5000).unref();
    });
    child.on("error", reject).on("close", () => {
      clearTimeout(timer);
      if (seconds === 0) {
        reject(new Error(`${engine.name}: ${guest.flavour} did not reach its prompt\n${text.slice(-2000)}`));
        return;
      }
      resolve({ seconds, instructions: reported(text) });
    });
  });
}

/** Instruction count of the JSON report that ends our output. */
function reported(text: string): number | undefined {
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) return undefined;
  return (JSON.parse(line) as { instructions?: number }).instructions;
}

async function compareKernel(guest: LinuxGuest, runs: number, print: (line: string) => void): Promise<BootResult[]> {
  const boots = new Map<Engine, Boot[]>();
  for (const engine of ENGINES) {
    const reason = engine.refuses(guest);
    if (reason === undefined) boots.set(engine, []);
    else print(`${guest.flavour.padEnd(14)}${engine.name.padEnd(24)}left out: ${reason}`);
  }
  for (let run = 0; run < runs; run++) for (const [engine, list] of boots) list.push(await boot(engine, guest));
  const results: BootResult[] = [];
  for (const [engine, list] of boots) {
    const seconds = median(list.map((one) => one.seconds));
    const ours = results[0]?.seconds ?? seconds;
    const result: BootResult = {
      kernel: guest.flavour,
      engine: engine.name,
      unpacks: engine.unpacks,
      seconds,
      ratio: seconds / ours,
      instructions: list[0]?.instructions,
    };
    results.push(result);
    print(row(result));
  }
  return results;
}

export const BOOT_HEADING = "kernel        engine                  unpacked by  seconds   ratio  instructions";
function row(result: BootResult): string {
  return (
    result.kernel.padEnd(14) +
    result.engine.padEnd(24) +
    result.unpacks.padEnd(11) +
    result.seconds.toFixed(1).padStart(9) +
    result.ratio.toFixed(2).padStart(8) +
    (result.instructions === undefined ? "-" : `${(result.instructions / 1e6).toFixed(0)} M`).padStart(14)
  );
}

/** Boots the kernels whose flavour begins with one of `names` (all when empty). */
export async function compareBoots(
  names: readonly string[],
  runs: number,
  print: (line: string) => void,
): Promise<BootResult[]> {
  print(BOOT_HEADING);
  const results: BootResult[] = [];
  for (const flavour of FLAVOURS) {
    if (names.length && !names.some((name) => flavour.startsWith(name))) continue;
    results.push(...(await compareKernel(findGuest(flavour) ?? fetchGuest(flavour), runs, print)));
  }
  return results;
}
