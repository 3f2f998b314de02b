// Property of the lookup tables over the whole 64-bit linear space (mmu/tables): no linear address reaches a
// host address outside the partition's RAM, and what a table in force reaches is what the guest's page
// tables map at this moment.
//
// A slot s serves the pages va = s * 4096 + k * N * 4096, for every k. With D = T[s] - s * 4096 the host address
// is k * N * 4096 + offset - D, so only the k next to D / (N * 4096) can fall below LIMIT: looking at those
// decides the question for all 2^64 addresses of the slot. The tables are filled by a guest whose page tables
// are made to collide in slots, to leave RAM, and to change underneath.

import { describe, expect, test } from "vitest";
import * as L from "../../src/engine/views.js";
import { build, type Environment, enter, type PageTables, type PagingKind, Pte } from "../engine/environment.js";
import { Exit, Machine } from "../engine/harness.js";
import { Random } from "../oracle/random.js";

const M64 = 0xffff_ffff_ffff_ffffn;
const PAGES = 512;
const PROGRAM = 0x100_000;
const CODE = 0x20_0000n;
const ROOTS = [0x10000, 0x60000, 0xb0000];
const ROUNDS = 12;
const ACCESSES = 400;
/** mov al,[reg]; mov [reg],al with the register that survives: (R)BX. */
const LOAD = [0x8a, 0x03];
const STORE = [0x88, 0x03];

interface Reach {
  readonly linear: bigint;
  readonly host: bigint;
}

class TableWalker {
  private readonly slots: number;
  private readonly limit: bigint;

  constructor(private readonly machine: Machine) {
    this.slots = machine.get32(L.SLOT_MASK) + 1;
    this.limit = machine.get64(L.LIMIT);
  }

  /** Every page that the table at a host address reaches; throws where one leaves guest RAM. */
  reach(table: number): Reach[] {
    const { machine: m, slots, limit } = this;
    const period = BigInt(slots) * 4096n;
    const found: Reach[] = [];
    for (let slot = 0; slot < slots; slot++) {
      const entry = m.u64[table / 8 + slot]!;
      const place = BigInt(slot) * 4096n;
      if (entry === ((place - limit) & M64)) continue;
      const d = (entry - place) & M64;
      for (const k of [d / period - 1n, d / period, d / period + 1n]) {
        const linear = (place + k * period) & M64;
        const first = (linear - entry) & M64;
        const last = (linear + 4095n - entry) & M64;
        if (first >= limit && last >= limit) continue;
        if (first < BigInt(m.ram) || last >= limit || (first & 4095n) !== 0n) {
          throw new Error(`linear ${linear.toString(16)} reaches host ${first.toString(16)}`);
        }
        found.push({ linear, host: first });
      }
    }
    return found;
  }

  /** An empty slot must not be reachable either: checked once, since it does not depend on its content. */
  emptySlotsAreOut(): boolean {
    const period = BigInt(this.slots) * 4096n;
    return period >= this.limit + 8192n && period * ((M64 + 1n) / period) === M64 + 1n;
  }

  /** Tables of every set and context: bounds only. */
  sweep(): number {
    const m = this.machine;
    const bytes = this.slots * 8;
    let reached = 0;
    for (let set = 0; set < m.get32(L.SETS_COUNT); set++) {
      // A set is emptied when it is first taken into use.
      const record = L.SET_RECORDS + set * 64;
      if (m.u8.subarray(record, record + 64).every((byte) => byte === 0)) continue;
      const base = m.get32(L.SETS_BASE) + set * m.get32(L.SETS_STRIDE);
      for (let context = 0; context < L.SET_CONTEXTS; context++) {
        reached +=
          this.reach(base + context * 3 * bytes).length + this.reach(base + context * 3 * bytes + bytes).length;
      }
    }
    return reached;
  }
}

class Adversary {
  readonly machine = new Machine({ pages: PAGES });
  readonly walker = new TableWalker(this.machine);
  private readonly tables: PageTables[];
  private readonly linears: bigint[] = [];
  private readonly environment: Environment;
  private root = 0;

  constructor(
    private readonly kind: PagingKind,
    private readonly random: Random,
    cpl: 0 | 3,
  ) {
    this.environment = { code: kind === "long" ? 64 : 32, paging: kind, cpl };
    this.tables = ROOTS.map((root) => build(this.machine, this.environment, root));
    this.machine.poke(PROGRAM, [...LOAD, ...STORE]);
    for (const tables of this.tables) tables.map(CODE, PROGRAM, Pte.P | Pte.W | Pte.U);
    for (let i = 0; i < 24; i++) this.linears.push(this.anyLinear());
    for (let i = 0; i < 200; i++) this.remap();
  }

  /** Pages that share slots, pages of both halves, pages near the ends. */
  private anyLinear(): bigint {
    const { random, kind } = this;
    const period = BigInt(this.machine.get32(L.SLOT_MASK) + 1) * 4096n;
    const page =
      BigInt(
        random.pick([random.below(64), 0x300 + random.below(16), this.machine.get32(L.SLOT_MASK) - random.below(4)]),
      ) * 4096n;
    if (kind !== "long") return (page + period * BigInt(random.below(64))) & 0xffff_f000n;
    const any = (page + period * (random.u64() >> BigInt(16 + random.below(40)))) & M64;
    return BigInt.asUintN(64, BigInt.asIntN(48, any)) & ~0xfffn;
  }

  /** Changes one translation: in RAM, beyond it, read-only, supervisor only, absent. */
  remap(): void {
    const { random } = this;
    const linear = random.pick(this.linears);
    if (linear === CODE) return;
    const frame = random.oneIn(5) ? random.u32() & 0x3fff_f000 : (0x120 + random.below(PAGES - 0x120)) * 4096;
    let flags = random.oneIn(8) ? 0n : Pte.P;
    if (!random.oneIn(4)) flags |= Pte.W;
    if (!random.oneIn(4)) flags |= Pte.U;
    random.pick(this.tables).map(linear, frame, flags);
  }

  enter(): void {
    const m = this.machine;
    m.settle();
    this.root = this.random.pick(ROOTS);
    enter(m, this.environment, this.root);
    m.core.setRflags(2);
    m.set32(L.EXCEPTION_BITMAP, 0xffffffff);
  }

  access(): void {
    const { random, machine: m } = this;
    const linear = (random.pick(this.linears) + BigInt(random.below(4096))) & M64;
    m.setGpr(3, random.oneIn(20) ? random.u64() & (this.kind === "long" ? M64 : 0xffff_ffffn) : linear);
    m.set64(L.RIP, CODE + (random.oneIn(2) ? 0n : 2n));
    m.core.refresh();
    const reason = m.core.step(0, 1);
    if (reason === Exit.MEMORY) {
      m.set64(L.VALUE, 0n);
      m.core.complete();
      m.core.step(0, 1);
    }
  }

  /** What the tables in force reach must be what `translate` says, at this very moment. */
  checkCurrent(): number {
    const m = this.machine;
    m.core.refresh();
    // One access makes the derived state current.
    this.access();
    const user = this.environment.cpl === 3 ? 2 : 0;
    let checked = 0;
    for (const [cell, write] of [
      [L.TABLE_READ, 0],
      [L.TABLE_WRITE, 1],
    ] as const) {
      for (const { linear, host } of this.walker.reach(m.get32(cell))) {
        m.set64(L.VALUE, linear);
        const mapped = m.core.translate(0, user | write);
        expect(mapped, `${linear.toString(16)} is still reachable`).toBe(1);
        expect(m.get64(L.VALUE), `${linear.toString(16)}`).toBe(host - BigInt(m.ram));
        checked++;
      }
    }
    return checked;
  }
}

describe.each<PagingKind>(["long", "pae", "32"])("lookup tables, %s paging", (kind) => {
  test.each([0, 3] as const)("no linear address leaves guest RAM, ring %i", { timeout: 120_000 }, (cpl) => {
    const random = new Random(kind.length * 16 + cpl);
    const adversary = new Adversary(kind, random, cpl);
    expect(adversary.walker.emptySlotsAreOut()).toBe(true);
    let reached = 0;
    for (let round = 0; round < ROUNDS; round++) {
      adversary.enter();
      for (let i = 0; i < ACCESSES; i++) {
        if (random.oneIn(6)) adversary.remap();
        adversary.access();
      }
      reached += adversary.checkCurrent();
      if (round % 4 === 3) reached += adversary.walker.sweep();
    }
    expect(reached).toBeGreaterThan(50);
  });
});
