// Compiles driver.ts in memory with the compiler's own interface: nothing is left behind on disk.

import { fileURLToPath } from "node:url";
import * as asc from "assemblyscript/asc";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The memory rooms with the driver's exports. `optimise`: slower to compile, four times as fast to run. */
export async function compileDriver(optimise: boolean): Promise<WebAssembly.Module> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [
      "test/mmu/driver.ts",
      ...["--baseDir", ROOT, "--config", "none", "--outFile", "driver.wasm"],
      ...["--runtime", "stub", "--importMemory", "--initialMemory", "64", "--maximumMemory", "65536"],
      ...["--memoryBase", "655360", "--enable", "simd", ...(optimise ? ["-O3", "--noAssert"] : ["-O1"])],
    ],
    {
      writeFile: (_name, contents) => {
        if (contents instanceof Uint8Array) binary = contents;
      },
    },
  );
  if (error !== null || binary === undefined) throw new Error(`driver.ts does not compile\n${stderr.toString()}`);
  return new WebAssembly.Module(binary as BufferSource);
}
