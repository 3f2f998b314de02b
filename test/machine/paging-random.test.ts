// Cached translations are never observable: long random sequences of page-table edits (by the guest, by the
// host, through aliases of the tables themselves), CR3 switches, changes of CR0.WP, SMAP and privilege, and
// accesses. Every access is compared with a walk of the tables as they stand in memory at that moment,
// written here from SDM Vol. 3, 4.3-4.8; no INVLPG is ever executed.

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "./descriptors.js";
import { CODE, Machine, STUBS } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

/** Frames that entries may name: tables (the first ones) as well as data. */
const FRAMES = 0x100000;
const FRAME_COUNT = 16;
const LARGE = [0x400000, 0x600000];
/** Where a frame holds MOV EAX, number. */
const SNIPPET = 0xf00;
const SLOTS = 4;

interface Regime {
  name: string;
  /** Registers that hold a value and an address, and the value's width. */
  registers: [string, string];
  valueBits: 32 | 64;
  setup: Parameters<Machine["setup"]>[0];
  entrySize: 4 | 8;
  /** Bits of the linear address that index the directory. */
  directoryShift: bigint;
  nx: boolean;
}

const REGIMES: Regime[] = [
  {
    name: "4-level",
    registers: ["rax", "rbx"],
    valueBits: 64,
    setup: { mode: "long" },
    entrySize: 8,
    directoryShift: 21n,
    nx: true,
  },
  {
    name: "PAE",
    registers: ["eax", "ebx"],
    valueBits: 32,
    setup: { paging: "PAE" },
    entrySize: 8,
    directoryShift: 21n,
    nx: true,
  },
  {
    name: "32-bit",
    registers: ["eax", "ebx"],
    valueBits: 32,
    setup: { paging: "32-bit" },
    entrySize: 4,
    directoryShift: 22n,
    nx: false,
  },
];

/** Deterministic pseudo-random numbers (xorshift32). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

class Model {
  readonly random: (below: number) => number;
  readonly roots: number[] = [];
  cpl = 0;
  ac = false;

  constructor(
    readonly regime: Regime,
    seed: number,
  ) {
    this.random = generator(seed);
    m.setup(regime.setup);
    m.protectPages(3);
    m.registers.set("cr4", m.registers.cr4 | (regime.entrySize === 4 ? d.CR4.PSE : 0n));
    for (let i = 0; i < FRAME_COUNT; i++) this.snippet(FRAMES + i * 0x1000, i);
    for (const [i, at] of LARGE.entries())
      for (let slot = 0; slot < SLOTS; slot++)
        this.snippet(at + (this.#firstSlot + slot) * 0x1000, 0x100 + i * SLOTS + slot);
    this.#open();
  }

  snippet(frame: number, number: number): void {
    m.memory.write(frame + SNIPPET, Uint8Array.of(0xb8, number & 0xff, number >> 8, 0, 0));
  }

  /** Two roots that share the identity map; each has a directory of its own for the region under test. */
  #open(): void {
    const { memory } = m;
    const base = Number(m.registers.cr3);
    const all = d.P | d.W | d.U;
    if (this.regime.entrySize === 4) {
      // The directory itself is the root: entries 4.. are under test.
      memory.writeUint32(FRAMES, memory.readUint32(base));
      memory.writeUint32(FRAMES + 0x1000, memory.readUint32(base));
      this.roots.push(FRAMES, FRAMES + 0x1000);
      return;
    }
    for (const [i, root] of [0x60000, 0x62000].entries()) {
      const directory = BigInt(FRAMES + i * 0x1000);
      if (this.regime.name === "PAE") {
        memory.writeUint64(root, memory.readUint64(base));
        memory.writeUint64(root + 8, directory | d.P);
      } else {
        const pointers = root + 0x1000;
        memory.writeUint64(root, BigInt(pointers) | all);
        memory.writeUint64(pointers, memory.readUint64(m.table(3)));
        memory.writeUint64(pointers + 8, directory | all);
      }
      this.roots.push(root);
    }
  }

  /** Entries under test in every frame; in 32-bit paging the root's own entry 0 maps the program. */
  get #firstSlot(): number {
    return this.regime.entrySize === 4 ? 256 : 0;
  }

  /** A random address of the region: which directory slot, which page, which entry-sized offset. */
  linear(): bigint {
    const page = BigInt(this.#firstSlot + this.random(SLOTS));
    const offset = BigInt((this.#firstSlot + this.random(SLOTS)) * this.regime.entrySize);
    return 0x40000000n + (BigInt(this.random(SLOTS)) << this.regime.directoryShift) + (page << 12n) + offset;
  }

  randomEntry(): bigint {
    const { random, regime } = this;
    let entry = 0n;
    if (random(8)) entry |= d.P;
    if (random(3)) entry |= d.W;
    if (random(3)) entry |= d.U;
    if (random(3) === 0) entry |= d.A;
    if (random(3) === 0) entry |= d.D;
    if (regime.nx && random(8) === 0) entry |= d.NX;
    // PS is a large page in a directory and PAT in a table.
    if (random(10) === 0) return entry | d.PS | BigInt(LARGE[random(regime.entrySize === 4 ? 1 : 2)] as number);
    return entry | BigInt(FRAMES + random(FRAME_COUNT) * 0x1000);
  }

  /** Address of a random slot of a random frame: an entry, if that frame serves as a table. */
  slot(): number {
    return FRAMES + this.random(FRAME_COUNT) * 0x1000 + (this.#firstSlot + this.random(SLOTS)) * this.regime.entrySize;
  }

  load(at: number): bigint {
    return this.regime.entrySize === 8 ? m.memory.readUint64(at) : BigInt(m.memory.readUint32(at));
  }

  /** The walk: fault code or physical address, and the entries it marks. */
  walk(
    linear: bigint,
    access: "read" | "write" | "fetch",
  ): { error?: number; physical: number; marks: [number, bigint][] } {
    const { regime } = this;
    const user = this.cpl === 3;
    const { cr0, cr4 } = m.registers;
    const fetchBit = access === "fetch" && (regime.nx || (cr4 & d.CR4.SMEP) !== 0n) ? d.PF_I : 0;
    const code = (access === "write" ? d.PF_W : 0) | (user ? d.PF_U : 0) | fetchBit;
    const index = Number((linear - 0x40000000n) >> regime.directoryShift);
    const root = this.roots.indexOf(Number(m.registers.cr3));
    const directory = FRAMES + root * 0x1000 + (this.#firstSlot + index) * regime.entrySize;
    const pde = this.load(directory);
    if (!(pde & d.P)) return { error: code, physical: 0, marks: [] };
    let rights = pde;
    let nx = pde & d.NX;
    let leaf = directory;
    let physical: number;
    const marks: [number, bigint][] = [];
    const size = 1n << regime.directoryShift;
    if (pde & d.PS) {
      const address = pde & 0xffff_ffff_f000n & (regime.entrySize === 4 ? 0xffff_f000n : -1n);
      // Address bits below the large page's size are reserved (bit 12 is PAT).
      if (address & (size - 1n) & ~0x1000n & (regime.entrySize === 4 ? 0x3f_e000n & 0x20_0000n : -1n))
        return { error: code | d.PF_P | d.PF_RSVD, physical: 0, marks };
      physical = Number((address & ~(size - 1n)) | (linear & (size - 1n)));
    } else {
      const page = Number((linear >> 12n) & (regime.entrySize === 4 ? 0x3ffn : 0x1ffn));
      leaf = Number(pde & 0xffff_f000n) + page * regime.entrySize;
      marks.push([directory, d.A]);
      const pte = this.load(leaf);
      if (!(pte & d.P)) return { error: code, physical: 0, marks };
      rights &= pte;
      nx |= pte & d.NX;
      physical = Number((pte & 0xffff_f000n) | (linear & 0xfffn));
    }
    let allowed: boolean;
    if (user)
      allowed = (rights & d.U) !== 0n && (access !== "write" || (rights & d.W) !== 0n) && (access !== "fetch" || !nx);
    else if (access === "fetch") allowed = !nx && !(rights & d.U && cr4 & d.CR4.SMEP);
    else
      allowed =
        !(rights & d.U && cr4 & d.CR4.SMAP && !this.ac) &&
        (access === "read" || (rights & d.W) !== 0n || !(cr0 & d.CR0.WP));
    if (!allowed) return { error: code | d.PF_P, physical, marks };
    marks.push([leaf, d.A | (access === "write" ? d.D : 0n)]);
    return { physical, marks };
  }
}

/** After a page fault the step has retired the stub's HLT. */
const STUB = BigInt(STUBS + d.VECTOR.PF * 16 + 1);

/** One access of the guest; returns what differs from the walk. */
function access(model: Model, kind: "read" | "write" | "fetch"): string | undefined {
  const { registers: r, memory } = m;
  const linear = model.linear();
  const at = kind === "fetch" ? (linear & ~0xfffn) | BigInt(SNIPPET) : linear;
  const value = model.randomEntry();
  const { error, physical, marks } = model.walk(at, kind);
  // The same address may be marked twice and overwritten at last by the store itself.
  const expected = new Map<number, bigint>();
  if (error === undefined)
    for (const [entry, bits] of marks) expected.set(entry, (expected.get(entry) ?? model.load(entry)) | bits);
  const low = (1n << BigInt(model.regime.valueBits)) - 1n;
  if (error === undefined && kind === "write") {
    const before = expected.get(physical) ?? model.load(physical);
    expected.set(physical, (before & ~low) | (value & low));
  }
  m.ring(model.cpl);
  if (model.ac) r.set("rflags", d.FLAG.ONE | d.FLAG.AC);
  r.set("rbx", at);
  r.set("rax", kind === "write" ? value : 0n);
  r.set("rip", kind === "fetch" ? at : m.label(kind));
  m.processor.step(1);
  const where = `${kind} ${at.toString(16)} CPL ${model.cpl} CR3 ${r.cr3.toString(16)}`;
  if (error !== undefined) {
    const got = r.rip === STUB ? Number(m.frame(1)[0]) : -1;
    return got === error && r.cr2 === at
      ? undefined
      : `${where}: error ${got} CR2 ${r.cr2.toString(16)}, walk says ${error}`;
  }
  if (r.rip === STUB) return `${where}: page fault ${m.frame(1)[0]}, walk says ${physical.toString(16)}`;
  for (const [entry, bits] of expected)
    if (model.load(entry) !== bits)
      return `${where}: entry ${entry.toString(16)} is ${model.load(entry).toString(16)}, walk says ${bits.toString(16)}`;
  if (kind === "read" && r.rax !== (model.load(physical) & low))
    return `${where}: read ${r.rax.toString(16)}, memory has ${model.load(physical).toString(16)}`;
  if (kind === "fetch" && r.rax !== BigInt(memory.readUint32(physical + 1)))
    return `${where}: executed ${r.rax.toString(16)}, frame has ${memory.readUint32(physical + 1).toString(16)}`;
  return undefined;
}

function edit(model: Model): void {
  const at = model.slot();
  const value = model.randomEntry();
  if (model.random(2)) {
    if (model.regime.entrySize === 8) m.memory.writeUint64(at, value);
    else m.memory.writeUint32(at, Number(value));
    return;
  }
  // The guest's own store, through the identity map of the first 2 MiB; ring 0 needs AC = 1 under SMAP.
  m.ring(0);
  m.registers.set("rflags", d.FLAG.ONE | d.FLAG.AC);
  m.registers.set("rbx", BigInt(at));
  m.registers.set("rax", value);
  m.registers.set("rip", m.label("write"));
  m.processor.step(1);
}

function step(model: Model): string | undefined {
  const { random } = model;
  const r = m.registers;
  const action = random(20);
  if (action < 6) edit(model);
  else if (action < 10) return access(model, "read");
  else if (action < 14) return access(model, "write");
  else if (action < 16) return access(model, "fetch");
  else if (action === 16) r.set("cr3", BigInt(model.roots[random(2)] as number));
  else if (action === 17) r.set("cr0", r.cr0 ^ d.CR0.WP);
  else if (action === 18) r.set("cr4", r.cr4 ^ d.CR4.SMAP);
  else {
    model.cpl = random(2) * 3;
    model.ac = random(2) === 1;
  }
  return undefined;
}

describe.each(REGIMES)("$name paging", (regime) => {
  it.each([1, 2, 3, 4])("seed %i: 6000 steps", (seed) => {
    const model = new Model(regime, seed * 0x9e3779b1);
    const [value, address] = regime.registers;
    m.load(`read: mov ${value}, [${address}]\nwrite: mov [${address}], ${value}`, {}, CODE);
    m.registers.set("cr3", BigInt(model.roots[0] as number));
    for (let i = 0; i < 6000; i++) {
      const problem = step(model);
      if (problem) expect(`step ${i}: ${problem}`).toBe("");
    }
  });
});
