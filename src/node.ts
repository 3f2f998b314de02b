// Entry for Node: the public API, with the core read from the package's own files.

import { readFile } from "node:fs/promises";
import { provideCore } from "./engine/module.js";

provideCore(() => readFile(new URL("../build/ringfence.wasm", import.meta.url)));

export { type DisassembledInstruction, type Disassembler, loadDisassembler } from "./debug/disassemble.js";
export * from "./index.js";
export { AsyncFileDisk, FileDisk } from "./storage/file.js";
