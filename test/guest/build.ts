// Assembles every guest program into build/guests. Run by `npm run build:guests`.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BENCHMARKS } from "./benchmarks.js";
import { flat } from "./elf.js";
import { assembleBenchmark, assembleBootDisk, assembleDemo } from "./images.js";

const output = fileURLToPath(new URL("../../build/guests", import.meta.url));
mkdirSync(output, { recursive: true });
for (const benchmark of BENCHMARKS) {
  for (const width of benchmark.wide ? ([32, 64] as const) : ([32] as const)) {
    writeFileSync(join(output, `${benchmark.name}-${width}.elf`), assembleBenchmark(benchmark, width));
  }
}
writeFileSync(join(output, "demo.bin"), flat(assembleDemo()));
writeFileSync(join(output, "boot.img"), assembleBootDisk());
