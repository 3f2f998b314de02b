// Debian's kernels from power-on to power-off, through the command line as a user starts it. Every boot runs
// the session of /init: system information, digests of fixed content, packing, floating point, processes,
// pipes, time. `npm test` boots the cloud kernel once; `npm run test:boot` all kernels, sizes, processor
// counts, ways to enter them, and ends.

import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { fixedContent, REBOOT } from "../guest/linux/guest.js";
import { boot, everything, expectSession, type Machine, prepare, printTimes, TIMEOUT, whySkip } from "./boot.js";

const FLAVOURS = everything ? ["cloud-amd64", "686", "amd64"] : ["cloud-amd64"];
const MATRIX: readonly Machine[] = everything
  ? FLAVOURS.flatMap((flavour) => [
      { flavour, processors: 1, memory: "128M" },
      { flavour, processors: 1, memory: "512M" },
      { flavour, processors: 4, memory: "256M" },
      { flavour, processors: 4, memory: "2G" },
    ])
  : [{ flavour: "cloud-amd64", processors: 1, memory: "256M" }];

describe.skipIf(whySkip(FLAVOURS) !== undefined)("Linux boots", () => {
  beforeAll(() => prepare(FLAVOURS), TIMEOUT);

  test.each(MATRIX)(
    "$flavour with $processors processors and $memory",
    async (machine) => {
      const result = await boot(machine);
      expectSession(result);
      printTimes(result);
    },
    TIMEOUT,
  );

  describe.runIf(everything)("entered and ended in other ways", () => {
    // The kernel's own decompressor runs in the guest: LZ4 in the cloud kernel, XZ in the other two.
    test.each<[string, Machine]>([
      ["PVH", { flavour: "cloud-amd64", options: ["--entry", "pvh"] }],
      ["not extracted, 64-bit entry", { flavour: "cloud-amd64", options: ["--no-extract"] }],
      ["not extracted, 32-bit entry", { flavour: "cloud-amd64", options: ["--no-extract", "--entry", "protected"] }],
      ["not extracted", { flavour: "686", options: ["--no-extract"] }],
    ])(
      "%s: %o",
      async (_name, machine) => {
        const result = await boot(machine);
        expectSession(result);
        printTimes(result);
      },
      TIMEOUT,
    );

    // A PC of 8259A pair and interval timer, which has no way to switch itself off.
    test.each(["cloud-amd64", "686"])(
      "%s without APICs and ACPI halts at the end",
      async (flavour) => {
        expectSession(await boot({ flavour, append: "nolapic noapic acpi=off" }), "halt");
      },
      TIMEOUT,
    );

    test.each(["cloud-amd64", "686"])(
      "%s reboots",
      async (flavour) => {
        const { report, code, transcript, tail } = await boot({ flavour }, REBOOT);
        expect(transcript.trouble).toEqual([]);
        expect({ code, outcome: report.outcome }, tail).toEqual({ code: 0, outcome: "reset" });
      },
      TIMEOUT,
    );

    test(
      "two boots of one machine are the same to the instruction",
      async () => {
        const machine = { flavour: "cloud-amd64", processors: 2, memory: "128M" };
        const [first, second] = [await boot(machine), await boot(machine)];
        expect(second.text).toBe(first.text);
        expect(second.report.instructions).toBe(first.report.instructions);
        expect(second.report.virtualSeconds).toBe(first.report.virtualSeconds);
      },
      TIMEOUT,
    );

    test(
      "the host's clock drives a guest",
      async () => {
        const { report, transcript, tail } = await boot({ flavour: "cloud-amd64", options: ["--clock", "host"] });
        expect(transcript.trouble, tail).toEqual([]);
        expect(transcript.session.has("end"), tail).toBe(true);
        expect(report.outcome).toBe("shutdown");
        expect(report.virtualSeconds).toBeGreaterThan(1);
      },
      TIMEOUT,
    );
  });

  describe.runIf(everything)("with a disk", () => {
    // The cloud kernel has NVMe built in; the others load it from the initial RAM disk.
    test.each(["cloud-amd64", "686", "amd64"])(
      "%s reads and writes an NVMe disk",
      async (flavour) => {
        const folder = mkdtempSync(join(tmpdir(), "ringfence-"));
        try {
          const path = join(folder, "disk.img");
          const contents = Uint8Array.from({ length: 4 * 2 ** 20 }, (_, n) => (n >> 9) ^ (n * 7));
          writeFileSync(path, contents);
          const result = await boot({ flavour, options: ["--disk", path] });
          expectSession(result);
          const { session } = result.transcript;
          const digest = createHash("sha256").update(contents).digest("hex");
          expect(session.get("disk"), result.tail).toBe(`${contents.length / 512} ${digest}  -`);
          contents.set(fixedContent(), 16 * 4096);
          expect(session.get("written")).toBe(`${createHash("sha256").update(fixedContent()).digest("hex")}  -`);
          expect(Buffer.compare(readFileSync(path), contents)).toBe(0);
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
      TIMEOUT,
    );
  });
});
