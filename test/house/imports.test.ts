// The architecture's import directions, read from the sources: a room may import only from rooms to its
// left. Rooms that share a place in the order do not import one another, except where noted.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const ASSEMBLY_ORDER: readonly (readonly string[])[] = [
  ["x86"],
  ["layout", "tuning"],
  ["observe"],
  ["memory"],
  ["float"],
  ["decode"],
  ["mmu"],
  ["vcpu"],
  ["chipset"],
  ["hyperv"],
  ["vmbus"],
  ["execute"],
  ["vmm"],
  ["region"],
  ["translate"],
  ["interpret"],
  ["run"],
  ["index"],
];

const SOURCE_ORDER: readonly (readonly string[])[] = [
  ["support"],
  ["engine", "network", "storage"],
  ["translation"],
  ["partition"],
  ["device", "vmbus", "loader", "checkpoint"],
  ["firmware", "vsp", "replay", "debug"],
  ["migration"],
  ["cluster"],
  ["index"],
  ["node", "browser"],
  ["cli", "lab", "web"],
];

/** Rooms that know nothing but what is listed. */
const ONLY: Record<string, readonly string[]> = {
  network: ["support"],
  storage: ["support"],
  cli: ["node", "browser"],
  lab: ["node", "browser"],
  web: ["node", "browser"],
};

interface Import {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .map((entry) => join(folder, String(entry)))
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts") && !path.includes("__tests__"));
}

/** First part of a path inside its tree: a room, or a file at the top without its ending. */
function room(path: string): string {
  return path.split("/")[0].replace(/\.(?:ts|js)$/, "");
}

/** Relative imports and re-exports of every file of a tree, by room. */
function imports(folder: string): Import[] {
  const found: Import[] = [];
  for (const file of sources(folder)) {
    const inside = relative(folder, file).replaceAll("\\", "/");
    const text = readFileSync(join(ROOT, file), "utf8");
    for (const match of text.matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^;"']*?from\s*["'](\.[^"']+)["']|\bimport\(["'](\.[^"']+)["']\)/g,
    )) {
      const target = posix.normalize(posix.join(dirname(inside), match[1] ?? match[2]));
      found.push({ file, from: room(inside), to: room(target) });
    }
  }
  return found;
}

function violations(found: readonly Import[], order: readonly (readonly string[])[]): string[] {
  const rank = (name: string): number => order.findIndex((rooms) => rooms.includes(name));
  return found
    .filter(
      ({ from, to }) =>
        from !== to && (ONLY[from] !== undefined ? !ONLY[from].includes(to) : rank(to) >= rank(from) || rank(to) < 0),
    )
    .map(({ file, to }) => `${file} imports ${to}`);
}

describe("import directions", () => {
  test("assembly/ imports only to the left", () => {
    expect(violations(imports("assembly"), ASSEMBLY_ORDER)).toEqual([]);
  });

  test("src/ imports only to the left, applications only the platform entries", () => {
    expect(violations(imports("src"), SOURCE_ORDER)).toEqual([]);
  });

  test("every room has a place in the order", () => {
    const rooms = (folder: string): string[] => [
      ...new Set(sources(folder).map((path) => room(relative(folder, path)))),
    ];
    expect(rooms("assembly").filter((name) => !ASSEMBLY_ORDER.flat().includes(name))).toEqual([]);
    expect(rooms("src").filter((name) => !SOURCE_ORDER.flat().includes(name))).toEqual([]);
  });

  test("bench/ knows nothing of src/ but the platform entries", () => {
    const reaching = imports("bench").filter(({ file }) => {
      const text = readFileSync(join(ROOT, file), "utf8");
      return [...text.matchAll(/["']((?:\.\.\/)+src\/[^"']+)["']/g)].some(
        ([, path]) => !/src\/(?:node|browser)\.js$/.test(path),
      );
    });
    expect(reaching.map(({ file }) => file)).toEqual([]);
  });
});
