// Runs oracle cases on the core: the memory windows of test/oracle/executor.c in long mode (64-bit and
// compatibility code) or under PAE paging, every exception intercepted, and the comparison with what the
// host processor did.

import * as L from "../../src/engine/views.js";
import { build, enter, kernelLinear, type PageTables, Place, Pte, USER_PAGE } from "../engine/environment.js";
import { Exit, Machine, Rights, Seg } from "../engine/harness.js";
import { CODE, DATA, LOW, Region } from "./builder.js";
import { compareFloat, loadFloat } from "./float-compare.js";
import type { Mode } from "./form.js";
import { type Case, codeOffset, FieldOffset, imageOf, type Outcome } from "./records.js";
import { LDT, ldtBytes, limitOf, segmentOf } from "./segments.js";

/** Frames behind the concatenated windows. */
const WINDOWS = 0x100_000;
const RF = 0x10000;
const TF = 0x100;
const NAMES = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs"];

export type Surroundings = "long" | "pae";

export class Subject {
  readonly machine: Machine;
  private readonly tables: PageTables;
  private readonly expected = new Uint8Array(Region.SIZE);
  private template = new Uint8Array(Region.SIZE);

  constructor(
    readonly surroundings: Surroundings,
    lowMapped = true,
    wasm?: string,
  ) {
    const m = new Machine(wasm === undefined ? { pages: 512 } : { pages: 512, wasm });
    this.machine = m;
    this.tables = build(m, { code: 32, paging: surroundings, cpl: 3 });
    const map = (linear: number, offset: number, pages: number, flags: bigint): void => {
      for (let i = 0; i < pages; i++) this.tables.map(BigInt(linear + i * 4096), WINDOWS + offset + i * 4096, flags);
    };
    map(CODE, Region.CODE, 2, USER_PAGE);
    map(DATA, Region.DATA, 2, USER_PAGE | Pte.NX);
    map(DATA + 0x2000, Region.READ_ONLY, 1, Pte.P | Pte.U | Pte.NX);
    if (lowMapped) map(LOW, Region.LOW, 2, USER_PAGE | Pte.NX);
    m.poke(Place.LDT, ldtBytes());
  }

  setTemplate(template: Uint8Array): void {
    this.template.set(template);
    this.expected.set(template);
    this.machine.poke(WINDOWS, template);
  }

  /** Runs one case; returns how it differs from `outcome`, empty when it does not. */
  run(item: Case, outcome: Outcome): string[] {
    const m = this.machine;
    const { input } = item;
    const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
    const code = codeOffset(input);
    const length = view.getUint16(FieldOffset.CODE_LENGTH, true);
    const patchOffset = view.getUint16(FieldOffset.PATCH_OFFSET, true);
    const patchLength = view.getUint16(FieldOffset.PATCH_LENGTH, true);
    this.place(code, input.subarray(FieldOffset.CODE, FieldOffset.CODE + length));
    if (patchLength > 0) this.place(patchOffset, input.subarray(FieldOffset.PATCH, FieldOffset.PATCH + patchLength));
    this.load(item.instance.mode, input, view);
    if (outcome.image !== undefined) {
      m.set64(L.CR4, m.get64(L.CR4) | 0x40000n);
      m.set64(L.XCR0, 3n);
      loadFloat(m, imageOf(input));
      m.core.refresh();
    }
    m.set64(L.BUDGET, 20_000n);
    const reason = m.core.run();
    for (const change of outcome.changes) this.expected[change >>> 8] = change & 0xff;
    const differences = this.compare(item, outcome, reason);
    this.restore(code, length, patchOffset, patchLength, outcome, differences.length > 0);
    return differences;
  }

  private place(offset: number, bytes: Uint8Array): void {
    this.expected.set(bytes, offset);
    this.machine.poke(WINDOWS + offset, bytes);
  }

  private restore(
    code: number,
    length: number,
    patch: number,
    patchLength: number,
    outcome: Outcome,
    all: boolean,
  ): void {
    if (all) {
      this.expected.set(this.template);
      this.machine.poke(WINDOWS, this.template);
      return;
    }
    const back = (offset: number, count: number): void =>
      this.place(offset, this.template.subarray(offset, offset + count));
    back(code, length);
    if (patchLength > 0) back(patch, patchLength);
    for (const change of outcome.changes) back(change >>> 8, 1);
  }

  private load(mode: Mode, input: Uint8Array, view: DataView): void {
    const m = this.machine;
    m.settle();
    enter(m, { code: mode, paging: this.surroundings, cpl: 3 }, this.tables.root);
    m.set64(L.CR4, m.get64(L.CR4) | 0x10000n);
    m.u8.set(input.subarray(0, 128), L.GPR);
    m.set64(L.RIP, view.getBigUint64(FieldOffset.RIP, true));
    for (let seg = 0; seg < 6; seg++) {
      const segment = segmentOf(view.getUint16(FieldOffset.SELECTORS + seg * 2, true));
      m.setSegment(seg, segment.selector, BigInt(segment.base), limitOf(segment), segment.rights);
    }
    if (mode === 64) {
      m.set64(L.SEG_BASE + Seg.FS * 8, view.getBigUint64(FieldOffset.FS_BASE, true));
      m.set64(L.SEG_BASE + Seg.GS * 8, view.getBigUint64(FieldOffset.GS_BASE, true));
      m.setSegment(Seg.LDTR, 0, 0n, 0, Rights.UNUSABLE);
    } else {
      m.setSegment(Seg.LDTR, 0x50, kernelLinear(this.surroundings) + BigInt(Place.LDT), LDT.length * 8 - 1, Rights.LDT);
    }
    m.set32(L.EXCEPTION_BITMAP, 0xffffffff);
    const step = input[FieldOffset.STEP] !== 0;
    m.core.setRflags(view.getUint32(FieldOffset.FLAGS, true) | (step ? TF : 0));
    m.core.refresh();
  }

  private compare(item: Case, outcome: Outcome, reason: number): string[] {
    const m = this.machine;
    const { record } = outcome;
    const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
    const differences: string[] = [];
    const vector = record[FieldOffset.VECTOR]!;
    // Loops on the host: must loop here.
    if (vector === LOOPS) return reason === Exit.BUDGET ? [] : [`left with reason ${reason}, the host loops`];
    if (loadedForeign(view)) return [];
    if (reason !== Exit.EXCEPTION) return [`left with reason ${reason}, expected vector ${vector}`];
    const number = (what: string, actual: number, want: number): void => {
      if (actual !== want)
        differences.push(`${what} ${(actual >>> 0).toString(16)} expected ${(want >>> 0).toString(16)}`);
    };
    const big = (what: string, actual: bigint, want: bigint): void => {
      if (actual !== want) differences.push(`${what} ${actual.toString(16)} expected ${want.toString(16)}`);
    };
    number("vector", m.get32(L.EXIT_SELECTOR), vector);
    if (WITH_ERROR.has(vector)) {
      // Where the host's kernel or the executor's own memory lies, pages may be present.
      const foreign = vector === 14 && isForeign(view.getBigUint64(FieldOffset.CR2, true)) ? 1 : 0;
      number("error", m.get32(L.EXIT_VALUE) | foreign, view.getUint32(FieldOffset.ERROR, true) | foreign);
    }
    if (vector === 14) big("cr2", m.get64(L.EXIT_LINEAR), view.getBigUint64(FieldOffset.CR2, true));
    // The handler of INT3 and INTO sees the address behind the instruction.
    const behind = vector === 3 || vector === 4 ? BigInt(m.get32(L.EXIT_LENGTH)) : 0n;
    big("ip", m.get64(L.RIP) + behind, view.getBigUint64(FieldOffset.RIP, true));
    const long = item.instance.mode === 64;
    const start = new DataView(item.input.buffer, item.input.byteOffset).getBigUint64(FieldOffset.RIP, true);
    const completed = view.getBigUint64(FieldOffset.RIP, true) !== start || vector === 0;
    const partial = !completed && item.instance.form.partial;
    for (let i = 0; i < (long ? 16 : 8); i++) {
      if (partial && i !== 4) continue;
      const at = L.GPR + i * 8;
      if (m.get32(at) !== view.getUint32(i * 8, true) || m.get32(at + 4) !== view.getUint32(i * 8 + 4, true)) {
        big(i < 8 ? (long ? "r" : "e") + NAMES[i] : `r${i}`, m.get64(at), view.getBigUint64(i * 8, true));
      }
    }
    const mask = ~(TF | RF | (completed ? item.undefined : 0));
    number("flags", m.core.rflags() & mask, view.getUint32(FieldOffset.FLAGS, true) & mask);
    if (long) {
      big("fs.base", m.get64(L.SEG_BASE + Seg.FS * 8), view.getBigUint64(FieldOffset.FS_BASE, true));
      big("gs.base", m.get64(L.SEG_BASE + Seg.GS * 8), view.getBigUint64(FieldOffset.GS_BASE, true));
    }
    for (let seg = 0; seg < 6; seg++) {
      if (long && seg !== Seg.CS && seg !== Seg.SS) continue;
      const at = FieldOffset.SELECTORS + seg * 2;
      number(SEGMENT_NAMES[seg]!, m.get32(L.SEG_SELECTOR + seg * 4), view.getUint16(at, true));
    }
    if (outcome.image !== undefined) {
      const approximate = completed ? item.instance.form.float?.approximate : undefined;
      compareFloat(differences, m, outcome.image, approximate);
    }
    if (savesMask(item)) this.settleMask();
    this.compareMemory(differences, item, partial);
    return differences;
  }

  /** MXCSR_MASK in an FXSAVE area: the host's bit 17, masked alignment checks, is AMD's own and not the core's. */
  private settleMask(): void {
    const { machine: m, expected } = this;
    const memory = m.peek(WINDOWS, Region.SIZE);
    for (let at = 30; at < Region.SIZE; at += 16) {
      if (expected[at] === 2 && memory[at] === 0 && expected[at - 1] === 0xff && memory[at - 1] === 0xff)
        m.poke8(WINDOWS + at, 2);
    }
  }

  private compareMemory(differences: string[], item: Case, partial: boolean): void {
    const memory = this.machine.peek(WINDOWS, Region.SIZE);
    if (Buffer.compare(memory, this.expected) === 0) return;
    const before = partial ? this.initialMemory(item) : undefined;
    for (let at = 0, shown = 0; at < Region.SIZE && shown < 4; at++) {
      if (memory[at] === this.expected[at] || memory[at] === before?.[at]) continue;
      shown++;
      differences.push(
        `[${linearOf(at).toString(16)}] ${memory[at]!.toString(16)} expected ${this.expected[at]!.toString(16)}`,
      );
    }
  }

  private initialMemory(item: Case): Uint8Array {
    const memory = this.template.slice();
    const view = new DataView(item.input.buffer, item.input.byteOffset);
    const length = view.getUint16(FieldOffset.PATCH_LENGTH, true);
    if (length > 0)
      memory.set(
        item.input.subarray(FieldOffset.PATCH, FieldOffset.PATCH + length),
        view.getUint16(FieldOffset.PATCH_OFFSET, true),
      );
    return memory;
  }
}

const savesMask = ({ instance: { key } }: Case): boolean => /^sse_f?xsave/.test(key);

const isForeign = (linear: bigint): boolean => linear >= 0x3001_0000n;

/** A selector from arbitrary memory hit one of the host's own GDT entries (thread-local storage, CPU number). */
function loadedForeign(record: DataView): boolean {
  for (let seg = 0; seg < 6; seg++) {
    const selector = record.getUint16(FieldOffset.SELECTORS + seg * 2, true);
    if ((selector & 4) === 0 && selector >= 0x60 && selector < 0x80) return true;
  }
  return false;
}

/** Vector of a case that the executor's timer had to stop. */
const LOOPS = 255;
const WITH_ERROR = new Set([8, 10, 11, 12, 13, 14, 17]);

/** Linear address of an offset in the concatenated windows. */
function linearOf(offset: number): number {
  if (offset >= Region.LOW) return LOW + offset - Region.LOW;
  return offset >= Region.DATA ? DATA + offset - Region.DATA : CODE + offset;
}
