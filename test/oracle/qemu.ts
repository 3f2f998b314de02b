// npm run qemu -- [--cases N] [--seed S]: random system-level cases (segment loads, gates, far transfers, task
// switches, paging, control registers) on the core and on QEMU TCG, compared by what the common driver
// reports. QEMU is no authority: every difference is a question for the manual.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as L from "../../src/engine/views.js";
import { Exit, Machine, Rights, Seg } from "../engine/harness.js";
import { assemble } from "../guest/assemble.js";
import { describeTables, makeSystemCase, type SystemCase } from "./qemu-cases.js";
import { CASE_SIZE, CASES, LOAD, REPORT_SIZE, REPORT_WORDS, SOURCE } from "./qemu-driver.js";
import { Random } from "./random.js";

const BATCH = 400;
/** Number of cases, where the driver reads it. */
const COUNT = 0x1ffff0;
const TICKS = 40_000_000;

const image = assemble(SOURCE);
const driver = image.chunks[0]!.bytes;
const entry = Number(image.symbols.get("entry")!);

function buildImage(cases: readonly SystemCase[]): Uint8Array {
  const bytes = new Uint8Array(CASES - LOAD + cases.length * CASE_SIZE);
  bytes.set(driver);
  const view = new DataView(bytes.buffer);
  view.setUint32(20, LOAD + bytes.length, true);
  view.setUint32(24, LOAD + bytes.length, true);
  view.setUint32(COUNT - LOAD, cases.length, true);
  cases.forEach((item, i) => {
    bytes.set(item.bytes, CASES - LOAD + i * CASE_SIZE);
  });
  return bytes;
}

function runQemu(folder: string, bytes: Uint8Array): Uint8Array {
  const kernel = join(folder, "image");
  const output = join(folder, "output");
  writeFileSync(kernel, bytes);
  writeFileSync(output, "");
  const result = spawnSync(
    "qemu-system-i386",
    [
      "-accel",
      "tcg",
      "-cpu",
      "max,-smap,-smep",
      "-m",
      "32",
      "-display",
      "none",
      "-monitor",
      "none",
      "-serial",
      "none",
      "-no-reboot",
      "-net",
      "none",
    ].concat([...["-kernel", kernel, "-debugcon", `file:${output}`, "-device", "isa-debug-exit,iobase=0xf4,iosize=1"]]),
    { timeout: 60_000 },
  );
  if (result.error !== undefined && (result.error as NodeJS.ErrnoException).code === "ENOENT")
    throw new Error("qemu-system-i386 is not installed");
  return new Uint8Array(readFileSync(output));
}

class OurMachine {
  private readonly machine = new Machine({ pages: 8192 });

  run(bytes: Uint8Array): Uint8Array {
    const m = this.machine;
    m.u8.fill(0, m.ram, m.ram + m.pages * 4096);
    for (let page = 0; page < m.pages; page++) m.core.memoryWritten(page, 0, 4096);
    m.core.reset(0);
    m.core.setA20(1);
    m.exposePorts();
    m.settle();
    m.poke(LOAD, bytes);
    m.setControls(0x11n, 0n, 0n, 0n, 0);
    m.setSegment(Seg.CS, 8, 0n, 0xffffffff, Rights.CODE32);
    for (const seg of [Seg.ES, Seg.SS, Seg.DS, Seg.FS, Seg.GS]) m.setSegment(seg, 16, 0n, 0xffffffff, Rights.DATA32);
    m.set64(L.RIP, BigInt(entry));
    m.core.setRflags(2);
    m.core.refresh();
    const output: number[] = [];
    m.set64(L.BUDGET, BigInt(TICKS));
    for (;;) {
      const reason = m.core.run();
      if (reason !== Exit.IO_PORT && reason !== Exit.MEMORY) return Uint8Array.from(output);
      const port = reason === Exit.IO_PORT ? m.get32(L.EXIT_SELECTOR) : -1;
      if (port === 0xf4) return Uint8Array.from(output);
      if (port === 0xe9) output.push(m.get32(L.EXIT_VALUE) & 0xff);
      m.set64(L.VALUE, 0xffffffffffffffffn);
      m.core.complete();
    }
  }
}

/** RF in the pushed image: QEMU leaves it clear on faults. */
const RF = 0x10000;

/**
 * What the manual settles against QEMU TCG 7.2, seen from its report: far transfers leave the Accessed bit of the
 * code segment clear (SDM vol. 3, 3.4.5.1); a TSS selector in the LDT gives #TS where CALL, JMP and INT give #GP;
 * offsets beyond the limit of the target segment name the selector in the error code (SDM: #GP(0)).
 */
function settled(name: string, ours: number, theirs: number): boolean {
  if (!name.startsWith("gdt") && !name.startsWith("ldt[")) return false;
  return (ours & ~0x100) === theirs && (ours & 0x1800) === 0x1800;
}

function compareReports(ours: Uint8Array, theirs: Uint8Array): string[] {
  const a = new DataView(ours.buffer, ours.byteOffset, ours.byteLength);
  const b = new DataView(theirs.buffer, theirs.byteOffset, theirs.byteLength);
  const differences: string[] = [];
  const vector = b.getUint32(12 * 4, true);
  const ourVector = a.getUint32(12 * 4, true);
  if (ourVector === 13 && vector === 10) return [];
  if (
    ourVector === 13 &&
    vector === 13 &&
    a.getUint32(13 * 4, true) === 0 &&
    b.getUint32(16, true) === a.getUint32(16, true)
  )
    return [];
  const sameLevel = (b.getUint32(15 * 4, true) & 3) === 0;
  for (let at = 0; at < REPORT_SIZE; at += 4) {
    const name = REPORT_WORDS[at >> 2] ?? place(at);
    let x = a.getUint32(at, true);
    let y = b.getUint32(at, true);
    if (name === "eflags") {
      x &= ~RF;
      y &= ~RF;
    }
    if (["gs", "fs", "es", "ds", "cs", "ss", "tr", "ldtr"].includes(name)) {
      x &= 0xffff;
      y &= 0xffff;
    }
    // Not pushed without a change of privilege; esp0 is PUSHAD's own.
    if (sameLevel && (name === "esp" || name === "ss")) continue;
    if (name === "cr2" && vector !== 14) continue;
    // QEMU reports the read of a read-modify-write access, processors the write (the native oracle shows it).
    if (name === "error" && vector === 14) {
      x |= 2;
      y |= 2;
    }
    if (x === y || settled(name, x, y)) continue;
    differences.push(`${name} ${(x >>> 0).toString(16)}, QEMU ${(y >>> 0).toString(16)}`);
  }
  return differences;
}

function place(at: number): string {
  const rest = at - REPORT_WORDS.length * 4;
  if (rest < 128) return `gdt[${(0x80 + (rest & ~7)).toString(16)}]+${rest & 7}`;
  if (rest < 192) return `ldt[${((rest - 128) & ~7).toString(16)}]+${rest & 7}`;
  if (rest < 256) return `pte[${(rest - 192) >> 2}]`;
  return `tss+${(rest - 256).toString(16)}`;
}

const { values } = parseArgs({
  options: { cases: { type: "string", default: "20000" }, seed: { type: "string" }, verbose: { type: "boolean" } },
});
const seed = values.seed === undefined ? Date.now() & 0x7fffffff : Number(values.seed);
console.log(`seed ${seed}`);
const random = new Random(seed);
const folder = mkdtempSync(join(tmpdir(), "ringfence-qemu-"));
const ours = new OurMachine();
const kinds = new Map<string, number>();
let done = 0;
let different = 0;
let died = 0;
while (done < Number(values.cases)) {
  let cases = Array.from({ length: BATCH }, () => makeSystemCase(random));
  done += cases.length;
  while (cases.length > 0) {
    const bytes = buildImage(cases);
    const a = ours.run(bytes);
    const b = runQemu(folder, bytes);
    const complete = Math.floor(Math.min(a.length, b.length) / REPORT_SIZE);
    for (let i = 0; i < complete; i++) {
      const differences = compareReports(
        a.subarray(i * REPORT_SIZE, (i + 1) * REPORT_SIZE),
        b.subarray(i * REPORT_SIZE, (i + 1) * REPORT_SIZE),
      );
      if (differences.length === 0) continue;
      different++;
      const kind = `${cases[i]!.kind}: ${differences.map((text) => text.split(" ")[0]).join(" ")}`;
      const seen = kinds.get(kind) ?? 0;
      kinds.set(kind, seen + 1);
      if (seen < 2) console.log(`${cases[i]!.text}\n    ${differences.slice(0, 8).join("\n    ")}`);
      if (seen < 2 && values.verbose) console.log(`    ${describeTables(cases[i]!)}`);
    }
    if (complete === cases.length) break;
    // The case behind the last report shut one of the machines down: both must agree on that.
    died++;
    if (a.length !== b.length) {
      different++;
      console.log(
        `${cases[complete]!.text}\n    ${a.length < b.length ? "the core" : "QEMU"} shut down, the other went on`,
      );
    }
    cases = cases.slice(complete + 1);
  }
}
rmSync(folder, { recursive: true, force: true });
for (const [kind, count] of [...kinds].sort((x, y) => y[1] - x[1]).slice(0, 40)) console.log(`${count} ${kind}`);
console.log(`${done} cases, ${different} differ, ${died} shut the machine down`);
if (different > 0) process.exitCode = 1;
