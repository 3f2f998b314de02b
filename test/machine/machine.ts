// A machine for tests of one behaviour each: processor state is set from outside, a few instructions run,
// and whatever event ends them is read off the stack as the processor pushed it.
//
//   01000 IDT            every vector leads to its own HLT in the stubs, in the current width
//   02000 GDT            fixed entries (SELECTOR), free ones from SELECTOR.FREE on
//   03000 LDT            free
//   04000 TSS            stacks of rings 0-2, IST 1-7; 05000, 05200 ... further TSSs
//   08000 stubs          HLT x 256, 16 bytes apart
//   10000 page tables    identity for the first 2 MiB where paging is on
//   20000 stacks         one page each, top at the page's end
//   30000 code           where `run` puts the fragment
//   40000 data           free
//
// A fragment that comes to its end executes INT F0h (`done`), whose gate ring 3 may use.

import { readFileSync } from "node:fs";
import { Hypervisor, type Partition, type VirtualProcessor, type VmExit } from "../../src/node.js";
import { assemble } from "../guest/assemble.js";
import type { CodeSize } from "../guest/encode.js";
import * as d from "./descriptors.js";
import { hasErrorCode } from "./descriptors.js";

export const IDT = 0x1000;
export const GDT = 0x2000;
export const LDT = 0x3000;
export const TSS = 0x4000;
export const TSS_B = 0x5000;
export const TSS_C = 0x5200;
export const STUBS = 0x8000;
export const TABLES = 0x10000;
export const CODE = 0x30000;
export const DATA = 0x40000;
export const DONE = 0xf0;
const GDT_ENTRIES = 256;

/** Top of the stack of a ring; "inner" is where the TSS points, `ist` where IST n points. */
export const STACK = {
  ring0: 0x21000,
  ring1: 0x22000,
  ring2: 0x23000,
  ring3: 0x24000,
  inner0: 0x25000,
  inner1: 0x26000,
  inner2: 0x27000,
  ist: 0x28000,
};
export const ringStack = (ring: number): number => STACK.ring0 + ring * 0x1000;
export const innerStack = (ring: number): number => STACK.inner0 + ring * 0x1000;

/** Fixed selectors, with the RPL of their ring. */
export const SELECTOR = {
  code: [0x08, 0x10 | 1, 0x18 | 2, 0x20 | 3],
  data: [0x28, 0x30 | 1, 0x38 | 2, 0x40 | 3],
  code16: 0x48,
  data16: 0x50,
  TSS: 0x58, // 16 bytes in long mode
  LDT: 0x68, // 16 bytes in long mode
  FREE: 0x80,
} as const;

export type Mode = "real" | "protected16" | "protected32" | "long" | "compatibility" | "virtual8086";

export interface Setup {
  mode?: Mode;
  cpl?: number;
  /** Outside long mode: 32-bit or PAE paging. Long mode always has 4-level paging. */
  paging?: false | "32-bit" | "PAE";
  flags?: bigint;
  iopl?: number;
}

export interface Outcome {
  /** Vector that ended the fragment; DONE, or -1 where no event did (see exit). */
  vector: number;
  error: number | undefined;
  /** What the processor pushed. */
  rip: bigint;
  cs: number;
  flags: bigint;
  rsp: bigint | undefined;
  ss: number | undefined;
  exit: VmExit["reason"];
}

const WIDTH: Record<Mode, CodeSize> = {
  real: 16,
  protected16: 16,
  protected32: 32,
  long: 64,
  compatibility: 32,
  virtual8086: 16,
};
const code64 = (dpl: number): bigint => d.segment({ type: d.CODE_XR, dpl, long: true });

/** RINGFENCE_WASM names another build of the core than the package's own, for instance a debug build. */
export async function createHypervisor(): Promise<Hypervisor> {
  const other = process.env.RINGFENCE_WASM;
  return Hypervisor.create(other ? { wasm: readFileSync(other) } : {});
}

export class Machine {
  readonly processor: VirtualProcessor;
  mode: Mode = "protected32";
  /** Address of the fragment's labels after `load`. */
  labels = new Map<string, bigint>();
  origin = CODE;
  /** Size of a page-table entry in force. */
  #entrySize: 4 | 8 = 4;

  constructor(readonly partition: Partition) {
    this.processor = partition.processors[0] as VirtualProcessor;
  }

  static async create(processors = 1): Promise<Machine> {
    const hypervisor = await createHypervisor();
    return new Machine(hypervisor.createPartition({ memory: 16 << 20, processors }));
  }

  get registers(): VirtualProcessor["registers"] {
    return this.processor.registers;
  }
  get memory(): Partition["memory"] {
    return this.partition.memory;
  }

  /** Wide events are 64-bit: the IDT has 16-byte gates, frames are made of quadwords. */
  get #long(): boolean {
    return this.mode === "long" || this.mode === "compatibility";
  }

  /** Resets everything and enters a mode at a privilege level. */
  setup({ mode = "protected32", cpl = 0, paging = false, flags = 0n, iopl = 0 }: Setup = {}): this {
    this.mode = mode;
    this.memory.fill(0, 0x80000);
    void this.partition.reset();
    const r = this.registers;
    const long = this.#long;
    for (let vector = 0; vector < 256; vector++) this.memory.writeUint8(STUBS + vector * 16, 0xf4);
    if (mode === "real") {
      for (let vector = 0; vector < 256; vector++) this.memory.writeUint32(vector * 4, STUBS + vector * 16);
      r.set("idtr.base", 0n);
      r.set("idtr.limit", 0x3ff);
    } else {
      for (let vector = 0; vector < 256; vector++) this.gate(vector, { dpl: vector === DONE ? 3 : 0 });
      r.set("idtr.base", BigInt(IDT));
      r.set("idtr.limit", 256 * (long ? 16 : 8) - 1);
      this.#tables();
    }
    if (paging || long) this.#identityPaging(long ? "4-level" : (paging as "32-bit" | "PAE"));
    // CR4 and EFER first, then CR0, as the manual demands of software too.
    r.set("cr4", long || paging === "PAE" ? d.CR4.PAE : 0n);
    if (paging === "PAE") r.set("efer", d.EFER.NXE);
    if (long) r.set("efer", d.EFER.LME | d.EFER.SCE | d.EFER.NXE);
    r.set("cr3", BigInt(TABLES));
    r.set("cr0", d.CR0.ET | (mode === "real" ? 0n : d.CR0.PE) | (paging || long ? d.CR0.PG : 0n));
    if (mode === "virtual8086") r.set("rflags", d.FLAG.ONE | d.FLAG.VM);
    this.ring(cpl);
    r.set("rflags", d.FLAG.ONE | flags | (BigInt(iopl) << 12n) | (mode === "virtual8086" ? d.FLAG.VM : 0n));
    return this;
  }

  #tables(): void {
    const long = this.#long;
    for (let ring = 0; ring < 4; ring++) {
      this.descriptor(
        SELECTOR.code[ring] as number,
        this.mode === "long" ? code64(ring) : d.segment({ type: d.CODE_XR, dpl: ring }),
      );
      this.descriptor(SELECTOR.data[ring] as number, d.segment({ type: d.DATA_RW, dpl: ring }));
    }
    // Events in compatibility mode enter 64-bit code.
    if (this.mode === "compatibility") this.descriptor(SELECTOR.FREE - 8, code64(0));
    this.descriptor(SELECTOR.code16, d.segment({ type: d.CODE_XR, limit: 0xffff, big: false }));
    this.descriptor(SELECTOR.data16, d.segment({ type: d.DATA_RW, limit: 0xffff, big: false }));
    this.descriptor(SELECTOR.TSS, d.segment({ type: d.TSS32_BUSY, system: true, base: TSS, limit: 0x67 }));
    const r = this.registers;
    r.set("gdtr.base", BigInt(GDT));
    r.set("gdtr.limit", GDT_ENTRIES * 8 - 1);
    this.#load("tr", SELECTOR.TSS, { base: TSS, limit: 0x67, attributes: 0x8b });
    this.#load("ldtr", SELECTOR.LDT, { base: LDT, limit: 0xfff, attributes: 0x82 });
    this.descriptor(SELECTOR.LDT, d.segment({ type: d.LDT, system: true, base: LDT, limit: 0xfff }));
    if (long) {
      for (let ring = 0; ring < 3; ring++) this.memory.writeUint64(TSS + 4 + ring * 8, BigInt(innerStack(ring)));
      for (let ist = 1; ist < 8; ist++)
        this.memory.writeUint64(TSS + 0x1c + ist * 8, BigInt(STACK.ist + (ist - 1) * 0x400 + 0x400));
    } else {
      for (let ring = 0; ring < 3; ring++) {
        this.memory.writeUint32(TSS + 4 + ring * 8, innerStack(ring));
        this.memory.writeUint32(TSS + 8 + ring * 8, SELECTOR.data[ring] as number);
      }
    }
    this.memory.writeUint16(TSS + 0x66, 0x68);
  }

  #load(
    name: "tr" | "ldtr" | "cs" | "ss" | "ds" | "es" | "fs" | "gs",
    selector: number,
    value: { base: number; limit: number; attributes: number },
  ): void {
    const r = this.registers;
    r.set(`${name}.selector`, selector);
    r.set(`${name}.base`, BigInt(value.base));
    r.set(`${name}.limit`, value.limit);
    r.set(`${name}.attributes`, value.attributes);
  }

  /** Loads all segment registers for a privilege level of the current mode; the processor may be halted. */
  ring(cpl: number): void {
    const r = this.registers;
    this.processor.activity = "active";
    r.set("rflags", d.FLAG.ONE | (r.rflags & d.FLAG.VM));
    const data = ["ss", "ds", "es", "fs", "gs"] as const;
    if (this.mode === "real" || this.mode === "virtual8086") {
      const dpl = this.mode === "real" ? 0 : 3;
      this.#load("cs", 0, { base: 0, limit: 0xffff, attributes: 0x93 | (dpl << 5) });
      for (const name of data) this.#load(name, 0, { base: 0, limit: 0xffff, attributes: 0x93 | (dpl << 5) });
      r.set("cpl", dpl);
      r.set("rsp", 0x7000n);
      this.origin = 0x7000;
      return;
    }
    this.origin = CODE;
    if (this.mode === "protected16") {
      this.#load("cs", SELECTOR.code16, { base: 0, limit: 0xffff, attributes: 0x9b });
      for (const name of data) this.#load(name, SELECTOR.data16, { base: 0, limit: 0xffff, attributes: 0x93 });
      r.set("rsp", 0x7000n);
      this.origin = 0x7000;
    } else {
      const size = this.mode === "long" ? 0xa000 : 0xc000;
      const dpl = cpl << 5;
      this.#load("cs", SELECTOR.code[cpl] as number, { base: 0, limit: 0xffff_ffff, attributes: size | 0x9b | dpl });
      for (const name of data)
        this.#load(name, SELECTOR.data[cpl] as number, { base: 0, limit: 0xffff_ffff, attributes: 0xc093 | dpl });
      r.set("rsp", BigInt(ringStack(cpl)));
    }
    r.set("cpl", cpl);
  }

  /** Writes a descriptor into the GDT, or the LDT where the selector's TI bit says so. */
  descriptor(selector: number, ...words: bigint[]): void {
    const table = selector & 4 ? LDT : GDT;
    for (const [i, word] of words.entries()) this.memory.writeUint64(table + (selector & 0xfff8) + i * 8, word);
  }

  /** Points a vector somewhere: by default an interrupt gate to its stub, in ring 0. */
  gate(vector: number, fields: Partial<d.GateFields> = {}): void {
    const selector = this.mode === "compatibility" ? SELECTOR.FREE - 8 : SELECTOR.code[0];
    const all = { type: d.INTERRUPT_GATE32, selector: selector as number, offset: STUBS + vector * 16, ...fields };
    if (this.#long) {
      this.memory.writeUint64(IDT + vector * 16, d.gate(all));
      this.memory.writeUint64(IDT + vector * 16 + 8, d.high(all.offset));
    } else this.memory.writeUint64(IDT + vector * 8, d.gate(all));
  }

  /** Page tables that map the first 2 MiB (4 MiB) to itself for every ring. */
  #identityPaging(kind: "32-bit" | "PAE" | "4-level"): void {
    const all = d.P | d.W | d.U | d.A;
    this.#entrySize = kind === "32-bit" ? 4 : 8;
    if (kind === "32-bit") this.memory.writeUint32(this.table(2), this.table(1) | Number(all));
    else if (kind === "PAE") {
      this.memory.writeUint64(this.table(3), BigInt(this.table(2)) | d.P);
      this.memory.writeUint64(this.table(2), BigInt(this.table(1)) | all);
    } else
      for (const level of [4, 3, 2]) this.memory.writeUint64(this.table(level), BigInt(this.table(level - 1)) | all);
    for (let page = 0; page < 4096 / this.#entrySize; page++) this.setEntry(page << 12, BigInt(page << 12) | all | d.D);
  }

  /** Table of a level in the identity map: 1 holds pages, 2 is the directory ... CR3 names the highest. */
  table(level: number): number {
    const levels = this.#long ? 4 : this.#entrySize === 8 ? 3 : 2;
    return TABLES + (levels - level) * 0x1000;
  }

  /** Entry that maps a linear address below 2 MiB at a level. */
  entryAddress(linear: number, level = 1): number {
    return this.table(level) + (level === 1 ? (linear >>> 12) * this.#entrySize : 0);
  }
  setEntry(linear: number, value: bigint, level = 1): void {
    if (this.#entrySize === 8) this.memory.writeUint64(this.entryAddress(linear, level), value);
    else this.memory.writeUint32(this.entryAddress(linear, level), Number(value & 0xffff_ffffn));
  }
  entry(linear: number, level = 1): bigint {
    const at = this.entryAddress(linear, level);
    return this.#entrySize === 8 ? this.memory.readUint64(at) : BigInt(this.memory.readUint32(at));
  }

  /** Leaves only what a ring needs to it: for ring 3 the code and stack pages, nothing for ring 0. */
  protectPages(cpl: number): void {
    for (let page = 0; page < 512; page++) {
      const linear = page << 12;
      const open = cpl === 3 && (linear === CODE || linear === ringStack(3) - 0x1000);
      this.setEntry(linear, BigInt(linear) | d.P | d.W | d.A | d.D | (open ? d.U : 0n));
    }
  }

  /** Assembles a fragment for the current mode, ends it with `done`, and points RIP at it. */
  load(source: string, symbols: Record<string, number | bigint> = {}, origin = this.origin): this {
    const text = `.org ${origin}\nfragment_start:\n${source}\nfragment_end: int ${DONE}\n`;
    const { chunks, symbols: labels } = cachedAssemble(text, WIDTH[this.mode], symbols);
    for (const chunk of chunks) this.memory.write(Number(chunk.load), chunk.bytes);
    this.labels = labels;
    this.registers.set("rip", BigInt(origin));
    return this;
  }

  label(name: string): bigint {
    const value = this.labels.get(name);
    if (value === undefined) throw new Error(`no label ${name}`);
    return value;
  }

  /** Runs a fragment (or what is loaded already) until an event reaches a stub. */
  run(source?: string, symbols: Record<string, number | bigint> = {}): Outcome {
    if (source !== undefined) this.load(source, symbols);
    const exit = this.partition.run({ ticks: 20_000 });
    return this.outcome(exit);
  }

  outcome(exit: VmExit): Outcome {
    const r = this.registers;
    const none: Outcome = {
      vector: -1,
      error: undefined,
      rip: r.rip,
      cs: Number(r.cs.selector),
      flags: r.rflags,
      rsp: undefined,
      ss: undefined,
      exit: exit.reason,
    };
    const stub = Number(r.rip) - STUBS - 1;
    if (exit.reason !== "halt" || stub < 0 || stub >= 4096 || stub % 16 !== 0) return none;
    const vector = stub / 16;
    const error = vector < 32 && this.mode !== "real" && hasErrorCode(vector);
    const words = this.frame(error ? 6 : 5);
    const code = error ? Number(words.shift()) : undefined;
    const [rip, cs, flags, rsp, ss] = words as [bigint, bigint, bigint, bigint, bigint];
    const outer = this.#long || (Number(cs) & 3) !== 0 || (flags & d.FLAG.VM) !== 0n;
    return {
      vector,
      error: code,
      rip,
      cs: Number(cs & 0xffffn),
      flags,
      rsp: outer ? rsp : undefined,
      ss: outer ? Number(ss & 0xffffn) : undefined,
      exit: exit.reason,
    };
  }

  /** Words at the top of the stack in the width that events push in this mode. */
  frame(count: number): bigint[] {
    const { rsp, sp, ss } = this.registers;
    // Bit 14: B, the stack pointer is ESP.
    const at = Number(this.#long ? rsp : (ss.attributes & 0x4000 ? rsp : sp) + ss.base);
    if (this.#long) return Array.from({ length: count }, (_, i) => this.memory.readUint64(at + i * 8));
    if (this.mode === "real")
      return Array.from({ length: count }, (_, i) => BigInt(this.memory.readUint16(at + i * 2)));
    return Array.from({ length: count }, (_, i) => BigInt(this.memory.readUint32(at + i * 4)));
  }
}

const assembled = new Map<string, ReturnType<typeof assemble>>();

function cachedAssemble(
  text: string,
  mode: CodeSize,
  symbols: Record<string, number | bigint>,
): ReturnType<typeof assemble> {
  const key = `${mode} ${Object.entries(symbols).join()} ${text}`;
  let image = assembled.get(key);
  if (!image) {
    image = assemble(text, { mode, symbols, name: "fragment" });
    assembled.set(key, image);
  }
  return image;
}
