// Kernel modules of an unpacked package in the order in which they can be inserted. The package holds no
// modules.dep (depmod writes it at installation), so the dependencies are read from the modules themselves:
// the .modinfo section has a string "depends=a,b".

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

export interface KernelModule {
  readonly name: string;
  readonly data: Uint8Array;
}

/** Modules call themselves with underscores, their files with either. */
function normalize(name: string): string {
  return name.replaceAll("-", "_");
}

function dependencies(data: Buffer): string[] {
  const at = data.indexOf("\0depends=");
  if (at < 0) return [];
  const start = at + "\0depends=".length;
  const list = data.toString("latin1", start, data.indexOf(0, start));
  return list === "" ? [] : list.split(",").map(normalize);
}

/** The modules named and all they depend on; what is built into the kernel is left out. */
export function collectModules(root: string, names: readonly string[]): KernelModule[] {
  const releases = join(root, "lib/modules");
  const [release] = existsSync(releases) ? readdirSync(releases) : [];
  if (release === undefined) return [];
  const folder = join(releases, release);
  const files = new Map<string, string>();
  for (const entry of readdirSync(join(folder, "kernel"), { recursive: true })) {
    const path = String(entry);
    if (path.endsWith(".ko")) files.set(normalize(basename(path, ".ko")), join(folder, "kernel", path));
  }
  const ordered: KernelModule[] = [];
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const path = files.get(name);
    if (path === undefined) return;
    const data = readFileSync(path);
    for (const dependency of dependencies(data)) visit(dependency);
    ordered.push({ name, data });
  };
  for (const name of names) visit(normalize(name));
  return ordered;
}
