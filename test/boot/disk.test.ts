// A file system on the NVMe disk across two boots: the guest makes an ext2 file system, fills it, unmounts and
// powers off; a second machine on the same image file finds everything, and so does e2fsck on the host.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileDisk, type Hypervisor } from "../../src/node.js";
import { fixedContent } from "../guest/linux/guest.js";
import { createHypervisor } from "../machine/machine.js";
import { createLinux, diskSession, linuxGuest, whyNotBootable } from "./linux.js";
import { readTranscript } from "./transcript.js";

const FLAVOUR = "cloud-amd64";
const TIMEOUT = 900_000;
const SIZE = 64 << 20;
/** Where Debian puts it; not in the path of most users. */
const E2FSCK = "/sbin/e2fsck";

const reason = whyNotBootable(FLAVOUR);

function digest(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return `${hash.digest("hex")}  -`;
}

/** What disk.sh finds in its files, by name. */
function expected(): Record<string, string> {
  const numbers = Array.from({ length: 200 }, (_, n) => String(n)).sort();
  return {
    mounted: "yes",
    fixed: digest(fixedContent()),
    tree_1_2_3_deep: digest("deep\n"),
    sparse: digest(new Uint8Array(4096 * 1000), fixedContent()),
    many_199: digest("file 199\n"),
    renamed: digest("moved\n"),
    many: digest(...numbers.map((n) => `file ${n}\n`)),
    count: "200",
    removed: "gone",
    target: "pointed",
    unmounted: "yes",
  };
}

/** The file system is without fault, unmounted, and has the name that the guest gave it. */
function checkFileSystem(image: string): void {
  const SUPERBLOCK = 1024;
  const superblock = readFileSync(image).subarray(SUPERBLOCK, 2 * SUPERBLOCK);
  expect(superblock.readUInt16LE(0x38)).toBe(0xef53);
  const VALID = 1;
  expect(superblock.readUInt16LE(0x3a)).toBe(VALID);
  expect(superblock.toString("latin1", 0x78, 0x88).replaceAll("\0", "")).toBe("ringfence");
  if (!existsSync(E2FSCK)) return;
  const { status, stdout } = spawnSync(E2FSCK, ["-fn", image], { encoding: "utf8" });
  expect({ status, trouble: /error|fix\?|WARNING/i.exec(stdout) }, stdout).toEqual({ status: 0, trouble: null });
}

describe.skipIf(reason !== undefined)("a file system on the disk", () => {
  let folder: string;
  let hypervisor: Hypervisor;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "ringfence-"));
    hypervisor = await createHypervisor();
    linuxGuest(FLAVOUR);
  }, TIMEOUT);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function boot(image: string, mode: "write" | "check"): Promise<ReadonlyMap<string, string>> {
    using disk = FileDisk.open(image);
    const machine = createLinux(hypervisor, linuxGuest(FLAVOUR), {
      ...diskSession(mode),
      disks: [disk],
    });
    const before = performance.now();
    const { reason: outcome } = await machine.partition.start();
    const seconds = (performance.now() - before) / 1000;
    const { lines, trouble, session } = readTranscript(machine.output);
    const show = lines.slice(-60).join("\n");
    expect(trouble, show).toEqual([]);
    expect(session.has("end"), show).toBe(true);
    expect(outcome, show).toBe("shutdown");
    process.stdout.write(`disk ${mode}: ${machine.partition.instructions} instructions, ${seconds.toFixed(1)} s\n`);
    machine.partition[Symbol.dispose]();
    return session;
  }

  test(
    "keeps what was written across machines",
    async () => {
      const image = join(folder, "disk.img");
      FileDisk.create(image, SIZE)[Symbol.dispose]();
      const written = await boot(image, "write");
      expect(Object.fromEntries(written)).toMatchObject(expected());
      checkFileSystem(image);
      const found = await boot(image, "check");
      expect(Object.fromEntries(found)).toMatchObject(expected());
      expect(found.get("free")).toBe(written.get("free"));
      checkFileSystem(image);
    },
    TIMEOUT,
  );
});
