// The guest programs as assembled images: sources in demo/ and bench/.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { assemble, type Image } from "./assemble.js";
import { type Benchmark, ROUNDS } from "./benchmarks.js";
import { elf32, flat } from "./elf.js";

const HERE = dirname(fileURLToPath(import.meta.url));

function assembleFile(
  path: string,
  symbols: Record<string, number>,
  transform: (text: string) => string = (text) => text,
): Image {
  const folder = dirname(join(HERE, path));
  const read = (name: string): string => transform(readFileSync(join(folder, name), "latin1"));
  return assemble(transform(readFileSync(join(HERE, path), "latin1")), { name: path, symbols, include: read });
}

/** Flat image for 7C00h in real mode. */
export function assembleDemo(): Image {
  return assembleFile("demo/demo.asm", {});
}

/** A boot disk of four sectors. */
export function assembleBootDisk(): Uint8Array {
  return flat(assembleFile("boot-sector/boot.asm", {}));
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

/** Multiboot ELF file of a benchmark guest; both widths are entered in 32-bit protected mode. */
export function assembleBenchmark(
  benchmark: Pick<Benchmark, "name" | "source" | "symbols">,
  width: 32 | 64,
): Uint8Array {
  const source = benchmark.source ?? benchmark.name;
  const image = assembleFile(
    `bench/${source}.asm`,
    { PARTS: 0, SPAN: 21, ...benchmark.symbols, ROUNDS, WIDTH: width },
    forWidth(width),
  );
  const entry = image.symbols.get("start");
  if (entry === undefined) throw new Error(`${source}: no start`);
  return elf32(image, entry);
}
