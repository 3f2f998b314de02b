// Runs one guest image on the npm package v86 without its just-in-time compiler (disable_jit: true) and
// prints its report: `node run-v86.js IMAGE.elf`. v86 loads multiboot images itself; no firmware is used.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { V86 } from "v86";
import { type EngineReport, Marks } from "./protocol.js";

const MEMORY = 64 << 20;

const path = process.argv[2] as string;
const image = readFileSync(path);
const multiboot = new Uint8Array(image).buffer;
const wasm = join(dirname(createRequire(import.meta.url).resolve("v86")), "v86.wasm");
const start = performance.now();
let readyMs = 0;
const emulator = new V86({
  wasm_path: wasm,
  memory_size: MEMORY,
  vga_memory_size: 2 << 20,
  multiboot: { buffer: multiboot },
  disable_jit: true,
  disable_keyboard: true,
  disable_mouse: true,
  disable_speaker: true,
  autostart: true,
});
emulator.add_listener("emulator-loaded", () => {
  readyMs = performance.now() - start;
});
const marks = new Marks(undefined, () => {
  const report: EngineReport = {
    engine: "v86",
    guest: basename(path, ".elf"),
    readyMs,
    roundMs: marks.roundMs,
    totalMs: marks.totalMs,
    checksum: marks.checksum,
  };
  console.log(JSON.stringify(report));
  process.exit(0);
});
emulator.add_listener("serial0-output-byte", (byte: number) => marks.byte(byte));
