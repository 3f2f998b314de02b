// Debian's kernels from power-on to power-off, through the command line as a user starts it. Every boot runs
// the session of /init: system information, digests of fixed content, packing, floating point, processes,
// pipes, time. Expected values are computed here or known from mathematics, never recorded from a boot.
//
// `npm test` boots the cloud kernel once; `npm run test:boot` all kernels, sizes and processor counts.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { COMMAND_LINE, fetchGuest, findGuest, fixedDigest, type LinuxGuest, SESSION } from "../guest/linux/guest.js";
import { whyNoPackages } from "../guest/linux/packages.js";
import { readTranscript } from "./transcript.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const TIMEOUT = 900_000;

interface Cell {
  readonly flavour: string;
  readonly processors: number;
  readonly memory: string;
}

const FLAVOURS = ["cloud-amd64", "686", "amd64"];
const MATRIX: readonly Cell[] =
  process.env.RINGFENCE_BOOT === "all"
    ? FLAVOURS.flatMap((flavour) => [
        { flavour, processors: 1, memory: "128M" },
        { flavour, processors: 1, memory: "512M" },
        { flavour, processors: 4, memory: "256M" },
        { flavour, processors: 4, memory: "2G" },
      ])
    : [{ flavour: "cloud-amd64", processors: 1, memory: "256M" }];

/** Guests that were fetched before need no packages. */
const reason = MATRIX.every(({ flavour }) => findGuest(flavour) !== undefined) ? undefined : whyNoPackages();
const required = process.env.RINGFENCE_REQUIRE_GUESTS === "1";
if (reason !== undefined && !required) process.stderr.write(`boot tests are skipped: ${reason}\n`);

interface Boot {
  readonly code: number;
  readonly text: string;
  readonly report: { outcome: string; instructions: number; wallSeconds: number; virtualSeconds: number; mips: number };
}

function boot(guest: LinuxGuest, cell: Cell, append: string): Promise<Boot> {
  const args = [MAIN, "run", "--kernel", guest.kernel, "--initrd", guest.initrd, "--append", append, "--json"];
  args.push("--memory", cell.memory, "--processors", String(cell.processors), "--timeout", `${TIMEOUT / 1000}s`);
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const lines = stdout.trimEnd().split("\n");
      try {
        resolve({ code: child.exitCode ?? -1, text: stdout, report: JSON.parse(lines.at(-1) ?? "") });
      } catch {
        reject(new Error(`the boot ended without a report: ${stderr || error}\n${lines.slice(-40).join("\n")}`));
      }
    });
    child.stdin?.end();
  });
}

const MACHINE: Record<string, string> = { "686": "i686", amd64: "x86_64", "cloud-amd64": "x86_64" };

describe.skipIf(reason !== undefined && !required)("Linux boots", () => {
  const guests = new Map<string, LinuxGuest>();

  beforeAll(() => {
    if (reason !== undefined) throw new Error(reason);
    if (!existsSync(MAIN)) throw new Error("dist/cli/main.js is missing: npm run build");
    for (const { flavour } of MATRIX) {
      if (!guests.has(flavour)) guests.set(flavour, findGuest(flavour) ?? fetchGuest(flavour));
    }
  }, TIMEOUT);

  test.each(MATRIX)(
    "$flavour with $processors processors and $memory",
    async (cell) => {
      const guest = guests.get(cell.flavour)!;
      const { code, text, report } = await boot(guest, cell, `${COMMAND_LINE} ${SESSION}`);
      const { lines, trouble, session } = readTranscript(text);
      const show = lines.slice(-60).join("\n");
      expect(trouble, show).toEqual([]);
      expect(session.has("end"), show).toBe(true);
      expect({ code, outcome: report.outcome }, show).toEqual({ code: 0, outcome: "shutdown" });

      const release = guest.package.slice("linux-image-".length);
      expect(session.get("uname")).toBe(`Linux ${release} ${MACHINE[cell.flavour]}`);
      expect(session.get("cpus")).toBe(String(cell.processors));
      const digest = `${fixedDigest()}  -`;
      for (const name of ["digest", "round", "gunzip"]) expect(session.get(name), name).toBe(digest);
      expect(session.get("awk")).toBe(floats());
      expect(session.get("forks")).toBe("200");
      expect(session.get("pipe")).toBe(sevens());
      const [before, after] = (session.get("sleep") ?? "").split(" ").map(Number);
      expect(after - before).toBeGreaterThanOrEqual(1);
      expect(after - before).toBeLessThan(2);
      // The clock shows the day of the test's start, or the next where midnight has passed.
      const date = Date.parse(`${session.get("date")}Z`);
      expect(Math.abs(date - Date.now())).toBeLessThan(86_400_000);
      const memory = Number(session.get("memory")) * 1024;
      const size = Number.parseInt(cell.memory, 10) * (cell.memory.endsWith("G") ? 2 ** 30 : 2 ** 20);
      expect(memory).toBeLessThan(size);
      expect(memory).toBeGreaterThan(size * 0.55);
      process.stdout.write(
        `${cell.flavour} ${cell.processors} processors ${cell.memory}: ${report.instructions} instructions, ` +
          `${report.wallSeconds.toFixed(1)} s, ${report.mips.toFixed(0)} MIPS, guest clock ${report.virtualSeconds.toFixed(2)} s\n`,
      );
    },
    TIMEOUT,
  );
});

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
