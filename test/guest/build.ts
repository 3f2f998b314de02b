// Assembles every guest program into build/guests. Run by `npm run build:guests`.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { assemble, type Image } from "./assemble.js";
import { BENCHMARKS, type Benchmark, ROUNDS } from "./benchmarks.js";
import { elf32, flat } from "./elf.js";

const HERE = dirname(fileURLToPath(import.meta.url));
const OUTPUT = join(HERE, "..", "..", "build", "guests");

function assembleFile(
  path: string,
  symbols: Record<string, number>,
  transform: (text: string) => string = (text) => text,
): Image {
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

function benchmark(name: string, source: string, symbols: Benchmark["symbols"], width: 32 | 64): void {
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
