// Runs one guest image on the npm package v86 and prints its report: `node run-v86.ts IMAGE [--no-jit]`. v86 loads
// Multiboot images itself; no firmware is used.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { V86 } from "v86";
import { Marks, type RunReport } from "./protocol.js";

const MEMORY = 64 << 20;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { "no-jit": { type: "boolean" } } });
const [path] = positionals as [string];
const multiboot = new Uint8Array(readFileSync(path)).buffer;
const wasm = join(dirname(createRequire(import.meta.url).resolve("v86")), "v86.wasm");
const start = performance.now();
let readyMs = 0;
const emulator = new V86({
  wasm_path: wasm,
  memory_size: MEMORY,
  vga_memory_size: 2 << 20,
  multiboot: { buffer: multiboot },
  disable_jit: values["no-jit"] === true,
  disable_keyboard: true,
  disable_mouse: true,
  disable_speaker: true,
  autostart: true,
});
emulator.add_listener("emulator-loaded", () => {
  readyMs = performance.now() - start;
});
const marks = new Marks(undefined, () => {
  const report: RunReport = { ...marks.report, readyMs };
  console.log(JSON.stringify(report));
  process.exit(0);
});
emulator.add_listener("serial0-output-byte", (byte: number) => marks.bytes([byte]));
