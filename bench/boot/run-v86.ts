// Boots a Linux kernel on the npm package v86: `node run-v86.ts KERNEL INITRD APPEND MEGABYTES [--no-jit]`. The
// guest's first serial port goes to standard output.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { V86 } from "v86";
import { SEABIOS } from "./engines.js";
import { START } from "./session.js";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { "no-jit": { type: "boolean" } } });
const [kernel, initrd, append, megabytes] = positionals as [string, string, string, string];
const file = (path: string): { buffer: ArrayBuffer } => ({ buffer: new Uint8Array(readFileSync(path)).buffer });
console.log(START);
const emulator = new V86({
  wasm_path: join(dirname(createRequire(import.meta.url).resolve("v86")), "v86.wasm"),
  bios: file(join(SEABIOS, "bios.bin")),
  vga_bios: file(join(SEABIOS, "vgabios-stdvga.bin")),
  bzimage: file(kernel),
  initrd: file(initrd),
  cmdline: append,
  memory_size: Number(megabytes) << 20,
  vga_memory_size: 8 << 20,
  disable_jit: values["no-jit"] === true,
  autostart: true,
});
let line = "";
emulator.add_listener("serial0-output-byte", (byte: number) => {
  line += String.fromCharCode(byte);
  if (byte !== 10) return;
  process.stdout.write(line);
  line = "";
});
