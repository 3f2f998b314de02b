// Entry for Node: the public API, with the core and the translator read from the package's own files.

import { readFile } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { provideModules } from "./engine/module.js";
import { provideFlags } from "./translation/index.js";

provideModules({
  core: () => readFile(new URL("../build/ringfence.wasm", import.meta.url)),
  translator: () => readFile(new URL("../build/translator.wasm", import.meta.url)),
});
provideFlags(setFlagsFromString);

export { type DisassembledInstruction, type Disassembler, loadDisassembler } from "./debug/disassemble.js";
export * from "./index.js";
export { AsyncFileDisk, FileDisk } from "./storage/file.js";
