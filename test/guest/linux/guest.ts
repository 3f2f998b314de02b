// Linux guests of the boot tests: a Debian kernel as its package has it, and an initial RAM disk with a
// static busybox of the same architecture. Everything lands in build/guests/linux/<flavour>/ and stays.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { CpioWriter } from "./cpio.js";
import { collectModules } from "./modules.js";
import { type Architecture, copyOnly, PackageSource } from "./packages.js";

export const FLAVOURS = ["686", "amd64", "cloud-amd64"] as const;

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const FOLDER = join(ROOT, "build/guests/linux");

/** Command line of every boot: messages on the serial line, no self-tests of the crypto manager. */
export const COMMAND_LINE = "console=ttyS0 panic=-1 nokaslr mitigations=off cryptomgr.notests=1";
/** Makes /init run the scripted session and switch the machine off. */
export const SESSION = "ringfence.session=test";
/** Makes /init reboot at once. */
export const REBOOT = "ringfence.session=reboot";

export interface LinuxGuest {
  readonly flavour: string;
  readonly kernel: string;
  readonly initrd: string;
  /** Package and version of the kernel. */
  readonly package: string;
  readonly version: string;
}

/** 256 KiB that neither repeat nor compress to nothing: a multiplicative generator of Lehmer's kind. */
export function fixedContent(): Uint8Array {
  const bytes = new Uint8Array(256 * 1024);
  let state = 1;
  for (let n = 0; n < bytes.length; n++) {
    state = (state * 48271) % 0x7fff_ffff;
    // Every other block of 64 is text-like, so that there is something to compress.
    bytes[n] = (n & 64) === 0 ? state & 0xff : 0x61 + (state & 7);
  }
  return bytes;
}

export function fixedDigest(): string {
  return createHash("sha256").update(fixedContent()).digest("hex");
}

const APPLETS = [
  ..."sh mount insmod cat uname grep awk dd sha256sum gzip gunzip true seq sort head tr cut sleep date sync".split(" "),
  ..."setsid cttyhack poweroff reboot halt ls ps dmesg echo mkdir mknod umount vi less more top free df env".split(" "),
  ..."find xargs sed wc tail tee od hexdump md5sum sha1sum tar cp mv rm ln chmod test expr time stty clear".split(" "),
];

/** The initial RAM disk, from what a fetch has left in the guest's folder. */
function initramfs(folder: string): Uint8Array {
  const archive = new CpioWriter();
  for (const name of ["bin", "dev", "proc", "sys", "tmp", "root", "mnt", "modules"]) archive.directory(name);
  archive.characterDevice("dev/console", 5, 1);
  archive.characterDevice("dev/null", 1, 3, 0o666);
  archive.file("bin/busybox", readFileSync(join(folder, "busybox")), 0o755);
  for (const applet of APPLETS) archive.link(`bin/${applet}`, "busybox");
  archive.file("init", readFileSync(new URL("init.sh", import.meta.url)), 0o755);
  archive.file("float.awk", readFileSync(new URL("float.awk", import.meta.url)));
  archive.file("fixed", fixedContent());
  archive.file("fixed.gz", gzipSync(fixedContent(), { level: 9 }));
  const order = readFileSync(join(folder, "modules/order"), "utf8");
  for (const name of order.split("\n").filter((line) => line !== "")) {
    archive.file(`modules/${name}.ko`, readFileSync(join(folder, `modules/${name}.ko`)));
  }
  archive.file("modules/order", order);
  return archive.finish();
}

/** A guest that was fetched before, if it was. Its RAM disk is packed anew: /init may have changed. */
export function findGuest(flavour: string): LinuxGuest | undefined {
  const folder = join(FOLDER, flavour);
  if (!existsSync(join(folder, "guest.json"))) return undefined;
  const origin = JSON.parse(readFileSync(join(folder, "guest.json"), "utf8")) as { package: string; version: string };
  const guest: LinuxGuest = {
    flavour,
    kernel: join(folder, "vmlinuz"),
    initrd: join(folder, "initramfs.cpio"),
    ...origin,
  };
  const archive = initramfs(folder);
  if (!existsSync(guest.initrd) || Buffer.compare(readFileSync(guest.initrd), archive) !== 0) {
    writeFileSync(guest.initrd, archive);
  }
  return guest;
}

/** Modules that every guest gets where its kernel does not have them built in: the path to a disk. */
export const MODULES = ["nvme"] as const;

/** Fetches the packages and packs the guest. `name` is a flavour or a whole package name. */
export function fetchGuest(name: string, modules: readonly string[] = MODULES): LinuxGuest {
  const wanted = name.startsWith("linux-image-") ? name : `linux-image-${name}`;
  const flavour = wanted.slice("linux-image-".length);
  const architecture: Architecture = wanted.endsWith("amd64") ? "amd64" : "i386";
  const folder = join(FOLDER, flavour);
  const source = new PackageSource(join(FOLDER, `apt-${architecture}`), architecture);
  source.update();
  const packageName = source.resolve(wanted);
  const root = join(folder, "root");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "modules"), { recursive: true });
  const version = source.unpack(packageName, root);
  source.unpack("busybox-static", root);
  copyOnly(join(root, "boot"), "vmlinuz-", join(folder, "vmlinuz"));
  copyOnly(join(root, "bin"), "busybox", join(folder, "busybox"));
  const found = collectModules(root, modules);
  for (const module of found) writeFileSync(join(folder, `modules/${module.name}.ko`), module.data);
  writeFileSync(join(folder, "modules/order"), found.map((module) => `${module.name}\n`).join(""));
  rmSync(root, { recursive: true });
  writeFileSync(join(folder, "guest.json"), `${JSON.stringify({ package: packageName, version }, undefined, 2)}\n`);
  return findGuest(flavour)!;
}
