// The command line as a user meets it: the built program in a process of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TranslationStatistics } from "../../src/node.js";
import { assembleBootDisk } from "../guest/images.js";
import { program } from "../host/machine.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

let folder: string;

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error("dist/cli/main.js is missing: npm run build");
  folder = mkdtempSync(join(tmpdir(), "ringfence-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a guest and returns its path. */
function guest(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, typeof bytes === "string" ? program(bytes) : bytes);
  return path;
}

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[]): { child: ChildProcess; finished: Promise<Finished> } {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("latin1");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const finished = new Promise<Finished>((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
  return { child, finished };
}

/** Runs to the end with the given standard input. */
function ringfence(args: readonly string[], input = ""): Promise<Finished> {
  const { child, finished } = start(args);
  child.stdin?.end(input);
  return finished;
}

interface Json {
  outcome: string;
  status: number;
  instructions: number;
  ticks: number;
  wallSeconds: number;
  virtualSeconds: number;
  mips: number;
  exits: Record<string, number>;
  screen?: string[];
  translation?: TranslationStatistics;
}

/** The JSON object on the last line of standard output. */
function lastLine({ stdout }: Finished): Json {
  return JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as Json;
}

const PRINT = "mov dx, 0x3f8\nmov al, 'o'\nout dx, al\nmov al, 'k'\nout dx, al\nhlt";
const LOOP = "again: jmp again";

test("run prints the serial output and a summary, and exits 0 on halt", async () => {
  const result = await ringfence(["run", guest("print.bin", PRINT)]);
  expect(result.code).toBe(0);
  expect(result.stdout).toBe("ok\n");
  expect(result.stderr).toMatch(/outcome\s+halt[\s\S]*instructions\s+6[\s\S]*MIPS[\s\S]*exits/);
});

test("--json prints exactly one object as the last line", async () => {
  const result = await ringfence(["run", guest("json.bin", PRINT), "--json"]);
  expect(result.stdout.split("\n").filter((line) => line.startsWith("{"))).toHaveLength(1);
  const report = lastLine(result);
  expect(Object.keys(report)).toEqual([
    "outcome",
    "status",
    "instructions",
    "ticks",
    "wallSeconds",
    "virtualSeconds",
    "mips",
    "exits",
  ]);
  expect(report).toMatchObject({ outcome: "halt", status: 0, instructions: 6, ticks: 6 });
});

test("the debug-exit status becomes the exit code", async () => {
  const result = await ringfence(["run", guest("exit.bin", "mov al, 5\nout 0xf4, al"), "--json"]);
  expect(result.code).toBe(11);
  expect(lastLine(result)).toMatchObject({ outcome: "debug-exit", status: 11 });
});

test("the exit code is the debug-exit status modulo 256", async () => {
  const result = await ringfence(["run", guest("wide.bin", "mov eax, 0x1234\nout 0xf4, eax"), "--json"]);
  expect(lastLine(result).status).toBe(0x2469);
  expect(result.code).toBe(0x69);
});

test("a triple fault exits with 4", async () => {
  const result = await ringfence(["run", guest("triple.bin", "lidt [none]\nint 3\nnone: .word 0\n.long 0"), "--json"]);
  expect(result.code).toBe(4);
  expect(lastLine(result).outcome).toBe("triple-fault");
});

test("a reset by the guest ends the run", async () => {
  const result = await ringfence(["run", guest("reset.bin", "mov al, 1\nout 0x92, al\nhlt"), "--json"]);
  expect(result.code).toBe(0);
  expect(lastLine(result).outcome).toBe("reset");
});

test("--max-instructions stops after exactly as many", async () => {
  const result = await ringfence(["run", guest("loop.bin", LOOP), "--max-instructions", "123457", "--json"]);
  expect(result.code).toBe(0);
  expect(lastLine(result)).toMatchObject({ outcome: "budget", instructions: 123_457 });
});

test("--timeout exits with 124", async () => {
  const result = await ringfence(["run", guest("timeout.bin", LOOP), "--timeout", "300ms", "--json"]);
  expect(result.code).toBe(124);
  expect(lastLine(result).outcome).toBe("timeout");
});

test.each(["SIGINT", "SIGTERM"] as const)("%s stops cleanly with a report", async (signal) => {
  const { child, finished } = start([
    "run",
    guest(`${signal}.bin`, `mov dx, 0x3f8\nmov al, '!'\nout dx, al\n${LOOP}`),
    "--json",
  ]);
  child.stdout?.once("data", () => child.kill(signal));
  const result = await finished;
  expect(result.code).toBe(130);
  expect(lastLine(result).outcome).toBe("shutdown");
});

test("standard input reaches the guest", async () => {
  const echo = `
    mov cx, 5
    mov dx, 0x3fd
again:
    in al, dx
    test al, 1
    jz again
    mov dx, 0x3f8
    in al, dx
    out dx, al
    mov dx, 0x3fd
    loop again
    hlt`;
  const result = await ringfence(["run", guest("echo.bin", echo)], "hello");
  expect(result.stdout).toBe("hello\n");
});

test("--serial file: and none keep standard output free", async () => {
  const path = join(folder, "serial.txt");
  const image = guest("serial.bin", PRINT);
  expect((await ringfence(["run", image, "--serial", `file:${path}`])).stdout).toBe("");
  expect(readFileSync(path, "latin1")).toBe("ok");
  expect((await ringfence(["run", image, "--serial", "none"])).stdout).toBe("");
});

test("--load and --mode place a flat image", async () => {
  const path = guest("protected.bin", program("mov eax, 0x12345678\nmov [0x200000], eax\nhlt", "protected"));
  const result = await ringfence(["run", path, "--mode", "protected", "--load", "0x100000", "--json"]);
  expect(lastLine(result)).toMatchObject({ outcome: "halt", instructions: 3 });
});

test("--append and --module reach a multiboot kernel", async () => {
  // Prints the command line, then the first module's bytes, both NUL-terminated.
  const kernel = program(
    `
    .long 0x1badb002, 0x10000, -0x1badb002 - 0x10000
    .long 0x100000, 0x100000, 0, 0, start
start:
    mov edx, 0x3f8
    mov esi, [ebx + 16]
    call print
    mov esi, [ebx + 24]
    mov esi, [esi]
    mov esp, 0x90000
    call print
    hlt
print:
    lodsb
    test al, al
    jz done
    out dx, al
    jmp print
done:
    ret`.replace("mov edx", "mov esp, 0x90000\nmov edx"),
    "protected",
  );
  const image = guest("kernel.elf", kernel);
  const module = guest("module.txt", Buffer.from("|module\0"));
  const result = await ringfence(["run", image, "--append", "one two", "--module", module]);
  expect(result.stdout).toBe(`${image} one two|module\n`);
});

test("an image with a boot sector is the BIOS's first disk; keys come from standard input, and the screen is printed", async () => {
  const image = guest("boot.img", assembleBootDisk());
  const result = await ringfence(["run", image, "--mode", "real", "--timeout", "30s"], "Ringfence!\n");
  expect(result.code).toBe(0);
  expect(result.stderr).toMatch(/outcome\s+shutdown/);
  const lines = result.stdout.split("\n");
  expect(lines.slice(0, 3)).toEqual(["Boot sector of drive 80", "Loaded by INT 13h", "Same through the extensions"]);
  expect(lines).toContain("Hello, Ringfence!");
  const json = lastLine(await ringfence(["run", image, "--timeout", "30s", "--json"], "again\n"));
  expect(json).toMatchObject({ outcome: "shutdown", status: 0 });
  expect(json.screen).toContain("Hello, again");
});

test("an image of a diskette's size is drive 0", async () => {
  const image = new Uint8Array(1440 * 1024);
  image.set(assembleBootDisk());
  const result = await ringfence(["run", guest("diskette.img", image), "--max-instructions", "100000"]);
  expect(result.stdout.split("\n")[0]).toBe("Boot sector of drive 00");
});

test("a load address makes a boot sector a program without a BIOS", async () => {
  const image = new Uint8Array(512);
  image.set(program(PRINT));
  image.set([0x55, 0xaa], 510);
  const result = await ringfence(["run", guest("sector.img", image), "--load", "0x7c00", "--json"]);
  expect(result.stdout.split("\n")[0]).toBe("ok");
  expect(lastLine(result)).toMatchObject({ outcome: "halt", instructions: 6 });
  expect(lastLine(result).screen).toBeUndefined();
});

test("step prints address, bytes, disassembly and changed registers", async () => {
  const result = await ringfence(["step", guest("step.bin", "mov ax, 0x1234\ninc ax\nhlt"), "--count", "2"]);
  expect(result.code).toBe(0);
  const lines = result.stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/^0000:7c00 {2}b8 34 12 +mov ax,1234h +rax=1234/);
  expect(lines[1]).toMatch(/^0000:7c03 {2}40 +inc ax +rax=1235/);
});

test("step shows 64-bit code", async () => {
  const path = guest("long.bin", program("mov r9, 0x1122334455667788", "long"));
  const result = await ringfence(["step", path, "--mode", "long", "--count", "1"]);
  expect(result.stdout).toMatch(
    /^0000000000100000 {2}49 b9 88 77 66 55 44 33 22 11 +mov r9,1122334455667788h +r9=1122334455667788/,
  );
});

const HOT = "cld\nmov ecx, 1000000\nagain: add eax, ecx\nror eax, 3\ndec ecx\njnz again\nhlt";

test("--stats reports the translation of hot code, as a table and in the JSON object", async () => {
  const image = guest("hot.bin", program(HOT, "protected"));
  const table = await ringfence(["run", image, "--mode", "protected", "--stats"]);
  expect(table.stderr).toMatch(/translation\n {2}tier 1 +\d+\.\d % of the ticks\n {2}regions +\d+ of \d+ instructions/);
  expect(table.stderr).toMatch(/exits +static \d+, dynamic \d+, miss \d+, step \d+, fuel \d+/);
  const json = lastLine(await ringfence(["run", image, "--mode", "protected", "--stats", "--json"]));
  expect(json.translation).toMatchObject({ enabled: true, invalidations: 0 });
  expect(json.translation?.regions).toBeGreaterThan(0);
});

test("--no-translation interprets everything", async () => {
  const image = guest("cold.bin", program(HOT, "protected"));
  const result = await ringfence(["run", image, "--mode", "protected", "--stats", "--no-translation"]);
  expect(result.stderr).toMatch(/translation +off/);
});

test("translate-dump prints the guest code of a region, its exits and its WebAssembly text", async () => {
  const image = guest("dump.bin", program(HOT, "protected"));
  // CLD and MOV ECX take six bytes.
  const result = await ringfence(["translate-dump", image, "--mode", "protected", "--at", "0x100006"]);
  expect(result.stderr).toBe("");
  expect(result.code).toBe(0);
  expect(result.stdout).toMatch(/^region at 00100006: \d+ instructions of 32-bit code/);
  const guestCode = /^00100006: {2}entry 0\n {2}00100006 {2}01 c8 +add eax,ecx\n {2}00100008 {2}c1 c8 03 +ror eax,3$/m;
  expect(result.stdout).toMatch(guestCode);
  expect(result.stdout).toMatch(/^exits\n +0 {2}(?:static|dynamic|miss|step|fuel)/m);
  expect(result.stdout).toMatch(/^\(module\n/m);
  expect(result.stdout).toMatch(/\(export "0" \(func/);
  expect(result.stdout).toMatch(/offset=\d+.*;; rax/);
});

test("translate-dump finds what has run without becoming hot, and says so where it finds nothing", async () => {
  const source = "mov ecx, 10\nagain: add eax, eax\nxor eax, ecx\ndec ecx\njnz again\nhlt";
  const image = guest("once.bin", program(source, "protected"));
  const found = await ringfence(["translate-dump", image, "--mode", "protected", "--at", "100005"]);
  expect(found.stdout).toMatch(/^ {2}00100005 .* add eax,eax$/m);
  const missed = await ringfence(["translate-dump", image, "--mode", "protected", "--at", "200000"]);
  expect(missed.stderr).toMatch(/no block at .*200000 has become hot within 42 ticks \(the guest left with halt\)/);
  expect(missed.stderr).toMatch(/leaves what is there to the interpreter; hot blocks: none; --threshold 1/);
  expect(missed.code).toBe(2);
});

test.each([
  ["a missing file", ["run", "/nonexistent/image"], /no such file/],
  ["a directory", ["run", tmpdir()], /directory/],
  ["memory of 0", ["run", "IMAGE", "--memory", "0"], /memory/],
  ["memory above 3.5 GiB", ["run", "IMAGE", "--memory", "3585M"], /3\.5 GiB/],
  ["memory that is no size", ["run", "IMAGE", "--memory", "lots"], /expected a size/],
  ["no processors", ["run", "IMAGE", "--processors", "0"], /above 0/],
  ["too many processors", ["run", "IMAGE", "--processors", "65"], /processors/],
  ["an unknown option", ["run", "IMAGE", "--frobnicate"], /unknown option/],
  ["an unknown command", ["frobnicate"], /unknown command/],
  ["no image", ["run"], /missing required argument/],
  ["an unknown format", ["run", "IMAGE", "--format", "coff"], /Allowed choices/],
  ["an unknown mode", ["run", "IMAGE", "--mode", "virtual"], /Allowed choices/],
  ["a bad serial target", ["run", "IMAGE", "--serial", "modem"], /expected stdio/],
  ["a serial file that cannot be written", ["run", "IMAGE", "--serial", "file:/nonexistent/x"], /cannot write/],
  ["a bad duration", ["run", "IMAGE", "--timeout", "soon"], /expected a duration/],
  [
    "a load address outside RAM",
    ["run", "IMAGE", "--mode", "protected", "--load", "0xf0000000"],
    /outside the partition's RAM/,
  ],
  ["an initial RAM disk for a flat image", ["run", "IMAGE", "--initrd", "IMAGE"], /no meaning/],
  ["a kernel that is none", ["run", "--kernel", "IMAGE"], /too short for a Linux kernel/],
  ["a missing disk", ["run", "IMAGE", "--disk", "/nonexistent/disk"], /\/nonexistent\/disk/],
  ["a bad date", ["run", "IMAGE", "--date", "soon"], /expected a moment/],
  ["an unknown clock", ["run", "IMAGE", "--clock", "sundial"], /Allowed choices/],
  ["an image and a kernel", ["run", "IMAGE", "--kernel", "IMAGE"], /only one/],
  ["a command line for a flat image", ["run", "IMAGE", "--append", "x"], /no meaning/],
  ["a missing module", ["run", "IMAGE", "--module", "/nonexistent/module"], /no such file/],
  ["an image that is not what it should be", ["run", "IMAGE", "--format", "elf"], /not an ELF/],
  ["a bad count", ["step", "IMAGE", "--count", "none"], /whole number/],
  ["a dump of nothing", ["translate-dump", "IMAGE"], /--at/],
  ["a dump at what is no address", ["translate-dump", "IMAGE", "--at", "start"], /hexadecimal/],
  ["a dump without translation", ["translate-dump", "IMAGE", "--at", "7c00", "--no-translation"], /does not translate/],
])("%s is a usage error: exit code 2 and a clear message", async (_name, args, message) => {
  const image = guest("usage.bin", PRINT);
  const result = await ringfence(args.map((arg) => (arg === "IMAGE" ? image : arg)));
  expect(result.stderr).toMatch(message);
  expect(result.code).toBe(2);
  expect(result.stderr).not.toMatch(/\n\s+at /);
});

test("an ELF for another machine is a usage error", async () => {
  const bytes = new Uint8Array(84);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  bytes.set([2, 0, 40, 0, 1], 16);
  const result = await ringfence(["run", guest("arm.elf", bytes)]);
  expect(result.code).toBe(2);
  expect(result.stderr).toMatch(/machine 40/);
});

test("--help and --version exit 0", async () => {
  expect((await ringfence(["--help"])).code).toBe(0);
  expect((await ringfence(["run", "--help"])).stdout).toMatch(/--max-instructions/);
  expect((await ringfence(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
