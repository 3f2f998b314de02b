// Assembles every guest program into build/guests. Run by `npm run guests`.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { assemble, type Image } from "./assemble.js";
import { elf32, flat } from "./elf.js";

const HERE = dirname(fileURLToPath(import.meta.url));
const OUTPUT = join(HERE, "..", "..", "build", "guests");

function assembleFile(path: string, symbols: Record<string, number>, transform: (text: string) => string = (text) => text): Image {
  const folder = dirname(join(HERE, path));
  const read = (name: string): string => transform(readFileSync(join(folder, name), "latin1"));
  return assemble(transform(readFileSync(join(HERE, path), "latin1")), { name: path, symbols, include: read });
}

/** Benchmark sources are written once for both widths: xax is eax or rax, xword a dword or qword. */
function forWidth(width: 32 | 64): (text: string) => string {
  const letter = width === 32 ? "e" : "r";
  return (text) =>
    text
      .replace(/\bx(ax|bx|cx|dx|si|di|bp|sp)\b/g, `${letter}$1`)
      .replace(/\bxword\b/g, width === 32 ? "dword" : "qword")
      .replace(/\.xlong\b/g, width === 32 ? ".long" : ".quad")
      .replace(/\bXSIZE\b/g, String(width / 8));
}

const ROUNDS = 4;

/** Benchmark guests: source, symbols, widths. COUNT is work per round, sized for seconds on an interpreter. */
const BENCHMARKS: { name: string; source?: string; symbols: Record<string, number>; wide: boolean }[] = [
  { name: "integer", symbols: { COUNT: 1_000_000 }, wide: true },
  { name: "memory", symbols: { COUNT: 3_000_000 }, wide: true },
  { name: "calls", symbols: { COUNT: 31 }, wide: true },
  { name: "bytecode", symbols: { COUNT: 300_000 }, wide: true },
  { name: "string", symbols: { COUNT: 60 }, wide: false },
  { name: "sieve", symbols: { COUNT: 6 }, wide: false },
  { name: "quicksort", symbols: { COUNT: 300_000 }, wide: true },
  { name: "privileged", symbols: { COUNT: 200_000, PARTS: 63 }, wide: false },
  { name: "event-mix", source: "privileged", symbols: { COUNT: 200_000, PARTS: 1 }, wide: false },
  { name: "event-int80", source: "privileged", symbols: { COUNT: 200_000, PARTS: 2 }, wide: false },
  { name: "event-fault", source: "privileged", symbols: { COUNT: 200_000, PARTS: 4 }, wide: false },
  { name: "event-port", source: "privileged", symbols: { COUNT: 200_000, PARTS: 8 }, wide: false },
  { name: "event-cr3", source: "privileged", symbols: { COUNT: 200_000, PARTS: 16 }, wide: false },
  { name: "event-patch", source: "privileged", symbols: { COUNT: 200_000, PARTS: 32 }, wide: false },
];

function benchmark(name: string, source: string, symbols: Record<string, number>, width: 32 | 64): void {
  const image = assembleFile(`bench/${source}.asm`, { ...symbols, ROUNDS, WIDTH: width }, forWidth(width));
  const entry = image.symbols.get("start");
  if (entry === undefined) throw new Error(`${source}: no start`);
  writeFileSync(join(OUTPUT, `${name}${width}.elf`), elf32(image, entry));
}

mkdirSync(OUTPUT, { recursive: true });
for (const { name, source, symbols, wide } of BENCHMARKS) {
  benchmark(name, source ?? name, symbols, 32);
  if (wide) benchmark(name, source ?? name, symbols, 64);
}
writeFileSync(join(OUTPUT, "demo.bin"), flat(assembleFile("demo/demo.asm", {})));
