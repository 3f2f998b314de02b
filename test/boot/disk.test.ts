// A file system on the NVMe disk across boots: the guest makes an ext2 file system, fills it, unmounts and powers
// off; a second machine on the same image file finds everything, and so does e2fsck on the host. Then with a system
// on it: the guest reboots right after a sync, and the next kernel gets no initial RAM disk but the disk as its root.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileDisk, type Hypervisor, loadImage } from "../../src/node.js";
import { COMMAND_LINE, fixedContent } from "../guest/linux/guest.js";
import { createHypervisor } from "../machine/machine.js";
import { createLinux, createMachine, diskSession, type LinuxMachine, linuxGuest, whyNotBootable } from "./linux.js";
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

/** What the shell's * gives, in its order, put together. */
const MANY = Array.from({ length: 200 }, (_, n) => String(n))
  .sort()
  .map((n) => `file ${n}\n`);

/** What disk.sh finds in its files, by name. */
const CONTENT = {
  fixed: digest(fixedContent()),
  tree_1_2_3_deep: digest("deep\n"),
  sparse: digest(new Uint8Array(4096 * 1000), fixedContent()),
  many_199: digest("file 199\n"),
  renamed: digest("moved\n"),
  many: digest(...MANY),
  count: "200",
  removed: "gone",
  target: "pointed",
};

/** Of the file that is written on the running root file system. */
const COPIED = digest(fixedContent(), ...MANY);

/** The file system has the name that the guest gave it, and was unmounted before the end or not. */
function checkSuperblock(image: string, unmounted: boolean): void {
  const SUPERBLOCK = 1024;
  const superblock = readFileSync(image).subarray(SUPERBLOCK, 2 * SUPERBLOCK);
  expect(superblock.readUInt16LE(0x38)).toBe(0xef53);
  const VALID = 1;
  expect(superblock.readUInt16LE(0x3a) & VALID).toBe(unmounted ? VALID : 0);
  expect(superblock.toString("latin1", 0x78, 0x88).replaceAll("\0", "")).toBe("ringfence");
}

/** What the host's e2fsck has to say beyond its usual report. */
function complaints(image: string): string[] {
  if (!existsSync(E2FSCK)) return [];
  const { status, stdout } = spawnSync(E2FSCK, ["-fn", image], { encoding: "utf8" });
  expect(status, stdout).toBe(0);
  return stdout.split("\n").filter((line) => !/^(?:Pass \d|ringfence: \d|$)/.test(line));
}

/** Totals that Linux writes into the superblock no sooner than it unmounts. */
const LATE = /^Free (?:blocks|inodes) count wrong|^Fix\? no$/;

describe.skipIf(reason !== undefined)("a file system on the disk", () => {
  let folder: string;
  let hypervisor: Hypervisor;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "ringfence-"));
    hypervisor = await createHypervisor();
    linuxGuest(FLAVOUR);
  }, TIMEOUT);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs a machine to its end, which has to be `end`. */
  async function run(machine: LinuxMachine, name: string, end = "shutdown"): Promise<ReadonlyMap<string, string>> {
    const before = performance.now();
    const { reason: outcome } = await machine.partition.start();
    const seconds = (performance.now() - before) / 1000;
    const { lines, trouble, session } = readTranscript(machine.output);
    const show = lines.slice(-60).join("\n");
    expect(trouble, show).toEqual([]);
    expect(session.has("end"), show).toBe(true);
    expect(outcome, show).toBe(end);
    process.stdout.write(`disk ${name}: ${machine.partition.instructions} instructions, ${seconds.toFixed(1)} s\n`);
    machine.partition[Symbol.dispose]();
    return session;
  }

  async function boot(
    image: string,
    mode: "write" | "check" | "install",
    end?: string,
  ): Promise<ReadonlyMap<string, string>> {
    using disk = FileDisk.open(image);
    const machine = createLinux(hypervisor, linuxGuest(FLAVOUR), {
      ...diskSession("write"),
      append: `rdinit=/disk.sh ringfence.disk=${mode}`,
      disks: [disk],
    });
    return await run(machine, mode, end);
  }

  /** The kernel alone: everything that runs in the guest comes from the disk. */
  async function bootRoot(image: string): Promise<ReadonlyMap<string, string>> {
    using disk = FileDisk.open(image);
    const machine = createMachine(hypervisor, { disks: [disk] });
    loadImage(machine.partition, readFileSync(linuxGuest(FLAVOUR).kernel), {
      format: "linux",
      commandLine: `${COMMAND_LINE} root=/dev/nvme0n1 rootwait rw rootfstype=ext4 init=/init ringfence.disk=root`,
    });
    return await run(machine, "root");
  }

  test(
    "keeps what was written across machines",
    async () => {
      const image = join(folder, "disk.img");
      FileDisk.create(image, SIZE)[Symbol.dispose]();
      const written = await boot(image, "write");
      expect(Object.fromEntries(written)).toMatchObject({ ...CONTENT, mounted: "yes", unmounted: "yes" });
      checkSuperblock(image, true);
      expect(complaints(image)).toEqual([]);
      const found = await boot(image, "check");
      expect(Object.fromEntries(found)).toMatchObject({ ...CONTENT, mounted: "yes", unmounted: "yes" });
      expect(found.get("free")).toBe(written.get("free"));
      checkSuperblock(image, true);
      expect(complaints(image)).toEqual([]);
    },
    TIMEOUT,
  );

  test(
    "is the root of the next kernel after a sync and a reboot",
    async () => {
      const image = join(folder, "root.img");
      FileDisk.create(image, SIZE)[Symbol.dispose]();
      const installed = await boot(image, "install", "reset");
      expect(Object.fromEntries(installed)).toMatchObject({ ...CONTENT, mounted: "yes", installed: "yes" });
      checkSuperblock(image, false);
      expect(complaints(image).filter((line) => !LATE.test(line))).toEqual([]);
      const root = await bootRoot(image);
      const mounted = `${root.get("device")} ext4`;
      expect(Object.fromEntries(root)).toMatchObject({ ...CONTENT, mounted, copied: COPIED, unmounted: "yes" });
      expect(root.get("free")).toBe(installed.get("free"));
      expect(complaints(image)).toEqual([]);
      const found = await boot(image, "check");
      expect(Object.fromEntries(found)).toMatchObject({ ...CONTENT, mounted: "yes", copied: COPIED, unmounted: "yes" });
      expect(complaints(image)).toEqual([]);
    },
    TIMEOUT,
  );
});
