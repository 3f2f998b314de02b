// A random session: guest accesses, page-table edits, host writes and changes of state, done to the core
// and to the model alike and compared after every step. Reproducible from {seed, paging, profile}.

import assert from "node:assert/strict";
import { Random } from "../oracle/random.js";
import { LINEAR, probe } from "./access.js";
import { checkEmptySlots, checkLookups, checkTables } from "./exactness.js";
import { Expectations } from "./expectations.js";
import { FRAMES, Generator, INDEX64, LOW_FRAMES, MARKS, PS, RANGES, ROM_FRAMES, TABLES } from "./generate.js";
import { GuestMemory, PAGE } from "./guest-memory.js";
import { Invariants } from "./invariants.js";
import { PAGINGS, type Paging, Regime } from "./regime.js";
import { CODE, Subject, WATCH } from "./subject.js";

export type Profile = "hostile" | "calm";

export interface SessionOptions {
  readonly seed: number;
  /** One paging mode, or all of them in turn. */
  readonly paging: Paging | "mixed";
  readonly profile: Profile;
  readonly operations: number;
  readonly sets?: number;
}

type Operation =
  | "read"
  | "write"
  | "edit"
  | "rebuild"
  | "hostWrite"
  | "fetch"
  | "pointer"
  | "probe"
  | "implicit"
  | "loadRoot"
  | "context"
  | "mode"
  | "a20"
  | "protect"
  | "plant"
  | "flush";

/** How often each operation is chosen. */
const WEIGHTS: Record<Profile, Record<Operation, number>> = {
  hostile: {
    ...{
      read: 300,
      write: 300,
      edit: 120,
      rebuild: 20,
      hostWrite: 20,
      fetch: 30,
      pointer: 30,
      probe: 20,
      implicit: 20,
    },
    ...{ loadRoot: 40, context: 30, mode: 10, a20: 10, protect: 20, plant: 20, flush: 10 },
  },
  calm: {
    ...{ read: 390, write: 380, edit: 20, rebuild: 3, hostWrite: 3, fetch: 30, pointer: 23, probe: 20, implicit: 20 },
    ...{ loadRoot: 12, context: 10, mode: 3, a20: 3, protect: 7, plant: 75, flush: 1 },
  },
};

const SIZES = [1, 2, 4, 8] as const;
const SLOTS = 8192;
const INVARIANTS_EVERY = 16;
const EXACTNESS_EVERY = 500;

export class Session {
  readonly random: Random;
  readonly generator: Generator;
  readonly regime: Regime;
  readonly memory: GuestMemory;
  readonly subject: Subject;
  readonly counts = new Map<string, number>();
  private readonly invariants: Invariants;
  private readonly expect: Expectations;
  private readonly pagings: readonly Paging[];
  private readonly deck: Operation[];
  private operation = 0;

  constructor(
    module: WebAssembly.Module,
    private readonly options: SessionOptions,
  ) {
    this.random = new Random(options.seed);
    this.generator = new Generator(this.random, options.profile === "calm");
    this.regime = new Regime(this.random.pick([36, 40, 52]));
    this.memory = new GuestMemory(FRAMES, RANGES);
    this.subject = new Subject(module, {
      frames: FRAMES,
      slots: SLOTS,
      sets: options.sets ?? 3,
      physicalBits: this.regime.physicalBits,
      ranges: [...RANGES].sort(() => this.random.below(3) - 1),
      ...(this.random.oneIn(3) ? { generations: 20 } : {}),
    });
    this.invariants = new Invariants(this.subject, this.memory, this.regime);
    this.expect = new Expectations(this.subject, this.memory, this.regime, (what) => this.count(what));
    this.pagings = options.paging === "mixed" ? PAGINGS : [options.paging];
    this.deck = Object.entries(WEIGHTS[options.profile]).flatMap(([name, weight]) =>
      new Array<Operation>(weight).fill(name as Operation),
    );
  }

  private count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
  private atLeast(what: string, value: number): void {
    this.counts.set(what, Math.max(this.counts.get(what) ?? 0, value));
  }

  /** Runs the session; throws an error that tells how to run it again. */
  run(): void {
    const { seed, paging, profile, operations } = this.options;
    let name: Operation | "start" = "start";
    try {
      this.begin();
      for (this.operation = 0; this.operation < operations; this.operation++) {
        name = this.random.pick(this.deck);
        this.count(name);
        this[name]();
        this.compare();
      }
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      const state = `${this.regime.paging} paging, CPL ${this.regime.cpl}, CR0 ${this.regime.cr0.toString(16)}, CR4 ${this.regime.cr4.toString(16)}`;
      const again = `--seed ${seed} --paging ${paging} --profile ${profile} --operations ${operations}`;
      throw new Error(`${again}: ${name}, operation ${this.operation} (${state}): ${text}`, { cause });
    }
  }

  private begin(): void {
    const { generator, memory, random, subject } = this;
    generator.chooseMode(this.regime, random.pick(this.pagings));
    generator.chooseRoot(this.regime);
    // ROM holds tables too; their accessed flags can never be set.
    const tables = [...Array(TABLES).keys(), ...ROM_FRAMES];
    for (const table of tables) {
      for (const index of INDEX64) {
        const entry = random.oneIn(2) ? generator.entry64() : (generator.entry64() & ~PS) | 1n;
        memory.store(table * PAGE + index * 8, 8, ROM_FRAMES.includes(table) ? entry & ~MARKS : entry);
      }
    }
    subject.ram.set(memory.bytes);
    subject.put(this.regime);
    checkEmptySlots(subject);
  }

  private compare(): void {
    const { subject, memory, operation } = this;
    assert.ok(!subject.setStale, "the set in force is stale");
    const at = subject.difference(memory);
    if (at >= 0) {
      assert.fail(`frame ${at >> 12} differs at ${at & 4095}: core ${subject.ram[at]}, model ${memory.bytes[at]}`);
    }
    if (operation % INVARIANTS_EVERY === 0) {
      this.atLeast("most filled slots", this.invariants.reverseMap());
      this.atLeast("most cached fetches", this.invariants.fetches());
    }
    if (operation % EXACTNESS_EVERY === 0) {
      const filled = checkTables(subject, memory, this.regime);
      assert.equal(filled, this.invariants.reverseMap(), "filled slots and reverse-map cells");
      checkLookups(subject, this.random);
    }
  }

  /** Explicit accesses of 32-bit code stay below 4 GiB. */
  private linear(): bigint {
    const linear = this.generator.linear(this.regime.paging);
    return this.regime.code64 ? linear : linear & 0xffff_ffffn;
  }
  private get user(): boolean {
    return this.regime.cpl === 3;
  }
  /** A guest store by a path that does not matter here. */
  private storeEntry(frame: number, offset: number, size: 4 | 8, entry: bigint): void {
    this.subject.driver.storeTracked(frame, offset, size, entry);
    this.memory.store(frame * PAGE + offset, size, entry);
  }

  // ---- accesses

  private read(): void {
    const forWrite = this.random.oneIn(4);
    const { driver } = this.subject;
    const call = forWrite ? driver.readToWrite : driver.read;
    this.expect.read(this.linear(), this.random.pick(SIZES), { user: this.user, write: forWrite }, call);
  }

  private write(): void {
    const { random, regime, user } = this;
    const { driver } = this.subject;
    const size = random.pick(SIZES);
    const value = BigInt.asUintN(size * 8, this.generator.value(regime.paging));
    const way = random.below(10);
    if (way === 0) {
      this.expect.write(
        this.generator.linear(regime.paging),
        size,
        value,
        { implicit: true, write: true },
        driver.writeImplicit,
      );
    } else if (way === 1) {
      // Pushes on the stack of the own or of an inner privilege level.
      const outer = user && random.oneIn(2);
      const push = (at: bigint, bytes: number, data: bigint): number =>
        driver.writeStack(at, bytes, data, outer ? 1 : 0);
      this.expect.write(this.generator.linear(regime.paging), size, value, { user: outer, write: true }, push);
    } else this.expect.write(this.linear(), size, value, { user, write: true }, driver.write);
  }

  private implicit(): void {
    const linear = this.generator.linear(this.regime.paging);
    this.expect.read(linear, this.random.pick(SIZES), { implicit: true }, this.subject.driver.readImplicit);
  }

  private probe(): void {
    const linear = this.linear();
    const size = this.random.oneIn(2) ? this.random.pick(SIZES) : 1 + this.random.below(6000);
    const outcome = probe(this.regime, this.memory, linear, size, { user: this.user, write: true });
    const possible = this.subject.driver.probe(linear, size) !== 0;
    assert.equal(possible, outcome.fault === "none", "probe");
    this.expect.fault(outcome);
  }

  private fetch(): void {
    this.subject.driver.refreshIfStale();
    this.expect.fetch(this.linear());
  }

  private pointer(): void {
    this.expect.pointer(this.linear(), this.random.oneIn(2));
  }

  // ---- tables

  /** One entry of a table changes, often by a single bit. */
  private edit(): void {
    const { random, generator, memory } = this;
    const { paging } = this.regime;
    const frame = random.below(TABLES);
    if (random.oneIn(8)) {
      this.editAcross(frame);
      return;
    }
    const offset = generator.entryOffset(paging);
    if (paging === "32-bit") {
      this.storeEntry(frame, offset, 4, generator.entry32());
      return;
    }
    const old = memory.load(frame * PAGE + offset, 8);
    const flipped = old ^ random.pick([2n, 4n, 0x20n, 0x40n, 1n, 1n << 63n, PS]);
    this.storeEntry(frame, offset, 8, random.oneIn(3) ? flipped : generator.entry64());
  }

  /** A misaligned store ends in the next entry and changes a flag there. */
  private editAcross(frame: number): void {
    const { random, memory } = this;
    const into = 1 + random.below(7);
    const offset = random.pick([0, 8, 128, 255 * 8]) + into;
    const flag = BigInt((8 - into) * 8 + random.pick([0, 1, 2, 5, 6, 7]));
    this.storeEntry(frame, offset, 8, memory.load(frame * PAGE + offset, 8) ^ (1n << flag));
  }

  /** A table is rewritten as a whole, which ends its tracing. */
  private rebuild(): void {
    const frame = this.random.below(TABLES);
    const count = 40 + this.random.below(80);
    for (let i = 0; i < count; i++) this.storeEntry(frame, this.generator.index64() * 8, 8, this.generator.entry64());
  }

  private hostWrite(): void {
    const { random, subject, memory } = this;
    const frame = random.below(FRAMES);
    const offset = random.below(PAGE);
    const length = Math.min(1 + random.below(16), (FRAMES - frame) * PAGE - offset);
    for (let i = 0; i < length; i++) {
      const byte = random.below(256);
      memory.bytes[frame * PAGE + offset + i] = byte;
      subject.ram[frame * PAGE + offset + i] = byte;
    }
    subject.driver.hostWrote(frame, offset, length);
  }

  /** Stores the entries of a path that translates an address, and uses it. */
  private plant(): void {
    const linear = this.linear();
    if (this.regime.paging === "32-bit") this.plant32(linear);
    else if (this.regime.paging !== "none") this.plant64(linear);
    const { driver } = this.subject;
    this.expect.read(linear, 4, { user: this.user }, driver.read);
  }
  private plant32(linear: bigint): void {
    const { random, generator } = this;
    const flags = generator.pathFlags();
    const at = (this.regime.cr3 & 0xffff_f000n) + ((linear >> 22n) & 0x3ffn) * 4n;
    const kept = this.keptTable(this.memory.entry(at, 4));
    const large = kept === undefined && random.oneIn(6);
    const table = kept ?? generator.tableNumber() << 12n;
    const frame = large ? PS | (random.oneIn(2) ? 0x2000n : 0n) : table;
    if (kept === undefined) this.plantEntry(at, 4, frame | flags);
    if (large) return;
    const page = (generator.pageNumber() << 12n) & 0xffff_ffffn;
    this.plantEntry(table + ((linear >> 12n) & 0x3ffn) * 4n, 4, page | flags);
  }
  private plant64(linear: bigint): void {
    const { random, generator, regime } = this;
    const flags = generator.pathFlags();
    const pae = regime.paging === "PAE";
    let table = pae ? (regime.pointers[Number((linear >> 30n) & 3n)] as bigint) : regime.cr3;
    for (let level = pae ? 2 : 4; level >= 1; level--) {
      const at = (table & 0x000f_ffff_ffff_f000n) + ((linear >> BigInt(12 + 9 * (level - 1))) & 0x1ffn) * 8n;
      const kept = level > 1 ? this.keptTable(this.memory.entry(at, 8)) : undefined;
      if (kept !== undefined) {
        table = kept;
        continue;
      }
      const large = (level === 2 || level === 3) && random.oneIn(12);
      const page = large ? 0n : level > 1 ? generator.tableNumber() : generator.pageNumber();
      this.plantEntry(at, 8, (page << 12n) | flags | (large ? PS : 0n));
      if (large) return;
      table = page << 12n;
    }
  }
  /** A calm session builds on the tables that it finds, so that more and more pages are mapped. */
  private keptTable(entry: bigint): bigint | undefined {
    const usable =
      (entry & (1n | PS)) === 1n && (entry >> 12n) % (1n << 40n) < TABLES && ((entry >> 52n) & 0x7ffn) === 0n;
    return this.generator.calm && usable ? entry & 0x000f_ffff_ffff_f000n : undefined;
  }
  private plantEntry(gpa: bigint, size: 4 | 8, entry: bigint): void {
    const offset = this.memory.writable(gpa);
    if (offset >= 0)
      this.storeEntry(Math.floor(offset / PAGE), offset % PAGE, size, entry & (size === 4 ? 0xffff_ffffn : LINEAR));
  }

  // ---- state

  private loadRoot(): void {
    this.generator.chooseRoot(this.regime);
    this.subject.put(this.regime);
  }

  private context(): void {
    const { random, regime, generator } = this;
    regime.cpl = random.oneIn(2) ? 3 : 0;
    regime.ac = random.oneIn(2);
    if (random.oneIn(3)) regime.alignmentMask = !regime.alignmentMask;
    if (regime.longMode && random.oneIn(4)) regime.code64 = !regime.code64;
    regime.flat = regime.code64 || random.oneIn(2);
    regime.dr7 = random.oneIn(4) ? random.below(256) | (random.below(65536) << 16) : 0;
    for (let n = 0; n < 4; n++) regime.breakpoints[n] = generator.recentAddress();
    this.subject.put(regime, true);
  }

  private mode(): void {
    const { random, regime, generator } = this;
    if (random.oneIn(3)) {
      generator.chooseMode(regime, random.pick(this.pagings));
      generator.chooseRoot(regime);
      generator.forget();
    } else {
      regime.writeProtect = !regime.writeProtect;
      if (random.oneIn(4)) regime.smep = !regime.smep;
      if (random.oneIn(4)) regime.smap = !regime.smap;
      if (random.oneIn(3)) regime.noExecuteEnable = !regime.noExecuteEnable;
      if (random.oneIn(3)) regime.pageSizeExtensions = !regime.pageSizeExtensions;
    }
    this.subject.put(regime);
  }

  private a20(): void {
    const { memory, subject } = this;
    memory.a20 = this.random.oneIn(4) ? !memory.a20 : true;
    subject.driver.setA20(memory.a20 ? 1 : 0);
    subject.put(this.regime);
  }

  private protect(): void {
    const { driver } = this.subject;
    const frame = this.random.below(LOW_FRAMES);
    const way = this.random.below(4);
    if (way === 0) driver.protect(frame, CODE);
    else if (way === 1) driver.clearDirty(frame);
    else {
      driver.protect(frame, WATCH);
      if (way === 2) driver.unprotect(frame, WATCH);
    }
  }

  private flush(): void {
    const { subject } = this;
    if (this.random.oneIn(3)) subject.driver.flushAll();
    const alias = RANGES[2];
    if (alias === undefined || !this.random.oneIn(3)) return;
    assert.ok(subject.driver.removeRange(alias.firstPage), "a range cannot be removed");
    assert.ok(subject.addRange(alias), "a removed range cannot be added again");
  }
}
