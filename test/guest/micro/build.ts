// Compiles a micro kernel with gcc, once, and links the object file twice: with start.S and guest.c to a Multiboot
// guest, with native.c to a program of this host. What is newer than its sources stays as it is.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { elf32 } from "../elf.js";
import { type Bits, type Kernel, ROUNDS } from "./kernels.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const BUILD = fileURLToPath(new URL("../../../build/guests/micro", import.meta.url));
/** Where the entry code begins; start.S and guest.ld say the same. */
const LOAD = 0x100000n;

const COMMON = [
  ...["-std=gnu17", "-O2", "-Wall", "-Wextra", "-ffreestanding", "-fno-pie", "-fno-stack-protector"],
  ...["-fno-asynchronous-unwind-tables", "-fcf-protection=none", "-mtune=generic"],
  // Vectors only where a kernel asks for them, and no loop turned into a call of memset.
  ...["-fno-tree-vectorize", "-fno-tree-slp-vectorize", "-fno-tree-loop-distribute-patterns"],
];
const LINK = ["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,-z,noexecstack"];

export interface MicroOptions {
  readonly rounds?: number;
  readonly work?: number;
}

export interface MicroProgram {
  /** Multiboot image. */
  readonly image: string;
  /** The same kernel as a program of this host. */
  readonly native: string;
}

/** Why kernels cannot be built here; undefined where they can. */
export function whyNoKernels(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return "micro kernels are built on x86-64 Linux only";
  for (const bits of ["-m32", "-m64"]) {
    const { status } = spawnSync("gcc", [bits, "-x", "c", "-fsyntax-only", "-"], { input: "" });
    if (status !== 0) return `gcc ${bits} is not installed: apt-get install gcc gcc-multilib`;
  }
  return undefined;
}

function codeFlags(kernel: Kernel, bits: Bits): string[] {
  if (bits === 64) return ["-m64", "-march=x86-64"];
  if (kernel.unit === "sse2") return ["-m32", "-march=i686", "-msse2", "-mfpmath=sse"];
  return ["-m32", "-march=i686", "-mno-sse", "-mfpmath=387"];
}

function newest(): number {
  return Math.max(...readdirSync(HERE).map((name) => statSync(join(HERE, name)).mtimeMs));
}

export function buildMicro(kernel: Kernel, bits: Bits, options: MicroOptions = {}): MicroProgram {
  const { rounds = ROUNDS, work = kernel.work } = options;
  const folder = join(BUILD, rounds === ROUNDS && work === kernel.work ? "" : `${rounds}x${work}`);
  mkdirSync(folder, { recursive: true });
  const base = join(folder, `${kernel.name}-${bits}`);
  const program = { image: `${base}.elf`, native: `${base}.native` };
  if (existsSync(program.image) && statSync(program.image).mtimeMs > newest()) return program;
  const gcc = (...args: string[]): void => {
    execFileSync("gcc", args, { stdio: ["ignore", "inherit", "inherit"] });
  };
  const source = (name: string): string => join(HERE, name);
  const target = `-m${bits}`;
  const defines = Object.entries({ ...kernel.defines, WORK: work }).map(([name, value]) => `-D${name}=${value}`);
  const object = `${base}.o`;
  gcc(
    ...COMMON,
    ...codeFlags(kernel, bits),
    ...defines,
    "-c",
    source(`${kernel.source ?? kernel.name}.c`),
    "-o",
    object,
  );
  const runtime = [...COMMON, ...LINK, target, `-DROUNDS=${rounds}`, object];
  gcc(...runtime, source("native.c"), "-o", program.native);
  const linked = `${base}.linked`;
  gcc(...runtime, `-Wl,-T,${source("guest.ld")}`, source("start.S"), source("guest.c"), "-o", linked);
  const flat = `${base}.bin`;
  execFileSync("objcopy", ["-O", "binary", linked, flat]);
  const entry = BigInt(readFileSync(linked).readUInt32LE(24));
  const chunk = { address: LOAD, load: LOAD, bytes: new Uint8Array(readFileSync(flat)) };
  writeFileSync(program.image, elf32({ chunks: [chunk], symbols: new Map() }, entry));
  return program;
}
