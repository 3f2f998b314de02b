// One boot of a Debian guest through the command line, in a process of its own, and what a good session shows.
// Expected values are computed here or known from mathematics, never recorded from a boot.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { COMMAND_LINE, fetchGuest, findGuest, fixedDigest, type LinuxGuest, SESSION } from "../guest/linux/guest.js";
import { whyNoPackages } from "../guest/linux/packages.js";
import { readTranscript, type Transcript } from "./transcript.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
export const TIMEOUT = 900_000;

/** Everything is booted, or only what `npm test` has time for. */
export const everything = process.env.RINGFENCE_BOOT === "all";
const required = process.env.RINGFENCE_REQUIRE_GUESTS === "1";

/** Fetches the guests that are missing; returns why that is not possible. */
function obtain(flavours: readonly string[]): string | undefined {
  for (const flavour of flavours) {
    if (findGuest(flavour) !== undefined) continue;
    const reason = whyNoPackages();
    if (reason !== undefined) return reason;
    try {
      fetchGuest(flavour);
    } catch (cause) {
      return `linux-image-${flavour} cannot be fetched: ${(cause as Error).message.trim().split("\n").at(-1)}`;
    }
  }
  return undefined;
}

/** Why guests cannot be booted here. Where they are required, `prepare` fails with the reason instead. */
export function whySkip(flavours: readonly string[]): string | undefined {
  if (required) return undefined;
  const reason = obtain(flavours);
  if (reason !== undefined) process.stderr.write(`boot tests are skipped: ${reason}\n`);
  return reason;
}

export function prepare(flavours: readonly string[]): void {
  if (!existsSync(MAIN)) throw new Error("dist/cli/main.js is missing: npm run build");
  const reason = obtain(flavours);
  if (reason !== undefined) throw new Error(reason);
}

export interface Machine {
  readonly flavour: string;
  readonly processors?: number;
  readonly memory?: string;
  /** Further words of the kernel's command line. */
  readonly append?: string;
  /** Further options of `ringfence run`. */
  readonly options?: readonly string[];
}

export interface Boot {
  readonly guest: LinuxGuest;
  readonly machine: Machine;
  readonly code: number;
  readonly text: string;
  readonly transcript: Transcript;
  readonly report: {
    readonly outcome: string;
    readonly instructions: number;
    readonly ticks: number;
    readonly wallSeconds: number;
    readonly virtualSeconds: number;
    readonly mips: number;
  };
  /** The last lines, for messages. */
  readonly tail: string;
}

/** What the real-time clock shows at power-on. */
const POWER_ON = "2026-03-01T12:34:56Z";

export async function boot(machine: Machine, session = SESSION): Promise<Boot> {
  const guest = findGuest(machine.flavour)!;
  const append = [COMMAND_LINE, session, machine.append ?? ""].join(" ").trim();
  const args = ["run", "--kernel", guest.kernel, "--initrd", guest.initrd, "--append", append, "--json"];
  args.push("--memory", machine.memory ?? "256M", "--processors", String(machine.processors ?? 1));
  args.push("--date", POWER_ON, "--timeout", `${TIMEOUT / 1000}s`, ...(machine.options ?? []));
  const { code, stdout, stderr } = await run(args);
  const lines = stdout.trimEnd().split("\n");
  const tail = lines.slice(-60).join("\n");
  try {
    const report = JSON.parse(lines.at(-1) ?? "") as Boot["report"];
    const text = lines.slice(0, -1).join("\n");
    return { guest, machine, code, text, transcript: readTranscript(text), report, tail };
  } catch {
    throw new Error(`the boot ended without a report: ${stderr}\n${tail}`);
  }
}

function run(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { maxBuffer: 1 << 26 }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
    child.stdin?.end();
  });
}

const MACHINE_NAME: Record<string, string> = { "686": "i686", amd64: "x86_64", "cloud-amd64": "x86_64" };

/** The whole session went well and the machine ended as it should. */
export function expectSession({ guest, machine, transcript, report, code, tail }: Boot, outcome = "shutdown"): void {
  const { trouble, session } = transcript;
  expect(trouble, tail).toEqual([]);
  expect(session.has("end"), tail).toBe(true);
  expect({ code, outcome: report.outcome }, tail).toEqual({ code: 0, outcome });

  const release = guest.package.slice("linux-image-".length);
  expect(session.get("uname")).toBe(`Linux ${release} ${MACHINE_NAME[machine.flavour]}`);
  expect(session.get("cpus")).toBe(String(machine.processors ?? 1));
  for (const name of ["digest", "round", "gunzip"]) expect(session.get(name), name).toBe(`${fixedDigest()}  -`);
  expect(session.get("awk")).toBe(floats());
  expect(session.get("forks")).toBe("200");
  expect(session.get("pipe")).toBe(sevens());
  // Hundredths of seconds.
  const [before, after] = (session.get("sleep") ?? "").split(" ").map((seconds) => Math.round(Number(seconds) * 100));
  expect(after - before).toBeGreaterThanOrEqual(100);
  expect(after - before).toBeLessThan(200);
  // The clock shows power-on, and the seconds since.
  const seconds = (Date.parse(`${session.get("date")}Z`) - Date.parse(POWER_ON)) / 1000;
  expect(seconds).toBeGreaterThanOrEqual(1);
  expect(seconds).toBeLessThan(30);
  const size = Number.parseInt(machine.memory ?? "256M", 10) * (machine.memory?.endsWith("G") ? 2 ** 30 : 2 ** 20);
  const memory = Number(session.get("memory")) * 1024;
  expect(memory).toBeLessThan(size);
  expect(memory).toBeGreaterThan(size * 0.55);
}

/** What float.awk computes: the inverse squares to 2000, sqrt(2), e^-3.5, sin(1). */
function floats(): string {
  let sum = 0;
  for (let n = 1; n <= 2000; n++) sum += 1 / (n * n);
  return [sum, Math.SQRT2, Math.exp(-3.5), Math.sin(1)].map((value) => value.toFixed(9)).join(" ");
}

/** seq 1 2000 | grep 7 | sort -rn | head -n 5 */
function sevens(): string {
  const found = [];
  for (let n = 2000; found.length < 5; n--) if (String(n).includes("7")) found.push(n);
  return found.join(" ");
}

export function printTimes({ machine, report }: Boot): void {
  process.stdout.write(
    `${machine.flavour}, ${machine.processors ?? 1} processors, ${machine.memory ?? "256M"}: ` +
      `${(report.instructions / 1e6).toFixed(0)} M instructions, ${report.wallSeconds.toFixed(1)} s, ` +
      `${report.mips.toFixed(0)} MIPS, guest clock ${report.virtualSeconds.toFixed(2)} s\n`,
  );
}
