// Memtest86+ as Debian packages it: a program of its own with the header of a Linux kernel. It lands in
// build/guests/memtest86+/ and stays.

import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { copyOnly, PackageSource } from "./packages.js";

const PACKAGE = "memtest86+";
const FOLDER = fileURLToPath(new URL("../../../build/guests/memtest86+", import.meta.url));

export const MEMTEST_VARIANTS = ["ia32", "x64"] as const;
export type MemtestVariant = (typeof MEMTEST_VARIANTS)[number];

function memtestPath(variant: MemtestVariant): string {
  return join(FOLDER, `memtest86+${variant}.bin`);
}

export function findMemtest(variant: MemtestVariant): string | undefined {
  const path = memtestPath(variant);
  return existsSync(path) ? path : undefined;
}

/** Fetches the package and keeps its programs. */
export function fetchMemtest(): void {
  const fresh = `${FOLDER}.new`;
  rmSync(fresh, { recursive: true, force: true });
  const root = join(fresh, "root");
  mkdirSync(root, { recursive: true });
  const source = new PackageSource(join(fresh, "apt"), "amd64");
  source.update();
  source.unpack(PACKAGE, root);
  for (const variant of MEMTEST_VARIANTS) {
    const name = `memtest86+${variant}.bin`;
    copyOnly(join(root, "boot"), name, join(fresh, name));
  }
  rmSync(root, { recursive: true });
  rmSync(join(fresh, "apt"), { recursive: true });
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(dirname(FOLDER), { recursive: true });
  renameSync(fresh, FOLDER);
}
