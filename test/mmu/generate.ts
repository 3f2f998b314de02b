// Hostile page tables and addresses. The first TABLES frames are used as tables of every level at once, so
// that tables map themselves and each other, entries have reserved bits, point at ROM, devices and nothing,
// and few indices are used, so that accesses meet the same entries again and again.

import type { Random } from "../oracle/random.js";
import { LINEAR } from "./access.js";
import type { Range } from "./guest-memory.js";
import type { Paging, Regime } from "./regime.js";

/** Frames of a partition that serve as page tables. */
export const TABLES = 12;
/** Frames that the main range shows, tables included. */
export const LOW_FRAMES = 48;
export const FRAMES = 64;

const ROM_PAGE = 0x100;
const ALIAS_PAGE = 0x200;
const DEVICE_PAGE = 0x300;
const HIGH_PAGE = 0x100000;

/** RAM from 0, a ROM, a second view of eight low frames, a device, and RAM at 4 GiB. */
export const RANGES: readonly Range[] = [
  { firstPage: 0, pages: LOW_FRAMES, kind: "RAM", firstFrame: 0 },
  { firstPage: ROM_PAGE, pages: 4, kind: "ROM", firstFrame: LOW_FRAMES },
  { firstPage: ALIAS_PAGE, pages: 8, kind: "RAM", firstFrame: 8 },
  { firstPage: DEVICE_PAGE, pages: 16, kind: "MMIO", firstFrame: 0 },
  { firstPage: HIGH_PAGE, pages: 8, kind: "RAM", firstFrame: 52 },
];

export const ROM_FRAMES: readonly number[] = [48, 49, 50, 51];

export const INDEX64 = [0, 1, 2, 16, 17, 255, 256, 511] as const;
const INDEX32_DIRECTORY = [0, 1, 2, 8, 9, 512, 1023] as const;
const INDEX32_TABLE = [0, 1, 2, 512, 1023] as const;
const OFFSETS = [0, 8, 16, 128, 136, 0xff8, 0xff9, 0xffc, 0xffd, 0xffe, 0xfff] as const;

/** Flags of an entry: the ones an operating system would set are likely. */
const P = 1n << 0n;
const W = 1n << 1n;
const U = 1n << 2n;
const A = 1n << 5n;
const D = 1n << 6n;
export const PS = 1n << 7n;
const G = 1n << 8n;
const NX = 1n << 63n;
/** The flags that a walk sets. */
export const MARKS = A | D;

export class Generator {
  private recent: bigint[] = [];

  /** calm: mostly mapped pages that are used for long; otherwise most edits and accesses surprise. */
  constructor(
    readonly random: Random,
    readonly calm: boolean,
  ) {}

  private maybe(n: number, flag: bigint): bigint {
    return this.random.oneIn(n) ? flag : 0n;
  }
  private mostly(n: number, flag: bigint): bigint {
    return this.random.oneIn(n) ? 0n : flag;
  }

  /** A page number for an entry. */
  pageNumber(): bigint {
    const { random } = this;
    if (this.calm && !random.oneIn(30)) return BigInt(TABLES + random.below(LOW_FRAMES - TABLES));
    const choice = random.below(20);
    if (choice < 11) return BigInt(random.below(TABLES));
    if (choice < 14) return BigInt(random.below(LOW_FRAMES));
    if (choice === 14) return BigInt(ROM_PAGE + random.below(5));
    if (choice === 15) return BigInt(ALIAS_PAGE + random.below(8));
    if (choice === 16) return BigInt(DEVICE_PAGE);
    if (choice === 17) return BigInt(HIGH_PAGE + random.below(8));
    if (choice === 18) return random.oneIn(2) ? 0n : BigInt(HIGH_PAGE);
    return BigInt(random.below(1 << 20));
  }

  /** A page number for an entry that is to lead to a table. */
  tableNumber(): bigint {
    const { random } = this;
    return BigInt(random.oneIn(12) ? ROM_PAGE + random.below(ROM_FRAMES.length) : random.below(TABLES));
  }

  entry64(): bigint {
    const rights = this.mostly(10, P) | this.mostly(4, W) | this.mostly(3, U) | this.maybe(5, NX);
    const marks = this.maybe(2, A) | this.maybe(2, D) | this.maybe(12, PS) | this.maybe(9, G);
    const high = this.maybe(40, 1n << 52n) | this.maybe(40, 1n << BigInt(36 + this.random.below(16)));
    return rights | marks | high | (this.pageNumber() << 12n);
  }
  entry32(): bigint {
    const highFrame = this.maybe(6, (BigInt(this.random.below(512)) << 13n) & 0x3fe000n);
    return (this.entry64() & 0xffff_ffffn) | highFrame;
  }
  /** A value to store: as likely an entry as anything. */
  value(paging: Paging): bigint {
    if (this.random.oneIn(2)) return this.entry64();
    if (paging === "32-bit") return this.entry32() | (this.entry32() << 32n);
    return this.entry64() ^ (1n << BigInt(this.random.below(64)));
  }

  index64(): number {
    return this.random.pick(INDEX64);
  }
  /** Offset of an entry in a table of the paging mode. */
  entryOffset(paging: Paging): number {
    return paging === "32-bit" ? this.random.pick(INDEX32_DIRECTORY) * 4 : this.index64() * 8;
  }

  forget(): void {
    this.recent = [];
  }
  recentAddress(): bigint {
    return this.recent.length === 0 ? 0n : this.random.pick(this.recent);
  }

  /** A linear address for an access: often one seen before, now and then not canonical. */
  linear(paging: Paging): bigint {
    const { random } = this;
    if (this.recent.length > 0 && !random.oneIn(this.calm ? 12 : 3)) {
      const base = random.pick(this.recent);
      return random.oneIn(4) ? base : (base & ~0xfffn) | BigInt(random.below(4096));
    }
    const page = this.page(paging);
    const offset = random.oneIn(3) ? random.pick(OFFSETS) : random.below(4096);
    const linear = (page | BigInt(offset)) & LINEAR;
    if (this.recent.length >= (this.calm ? 80 : 12)) this.recent.splice(random.below(12), 1);
    this.recent.push(linear);
    return linear;
  }
  private page(paging: Paging): bigint {
    const { random } = this;
    const at = (shift: bigint): bigint => BigInt(this.index64()) << shift;
    if (paging === "4-level") {
      let page = at(39n) | at(30n) | at(21n) | at(12n);
      if ((page >> 47n) & 1n) page |= 0xffffn << 48n;
      return random.oneIn(60) ? page ^ (1n << BigInt(47 + random.below(17))) : page;
    }
    if (paging === "PAE") return (BigInt(random.below(4)) << 30n) | at(21n) | at(12n);
    if (paging === "32-bit") {
      return (BigInt(random.pick(INDEX32_DIRECTORY)) << 22n) | (BigInt(random.pick(INDEX32_TABLE)) << 12n);
    }
    return (this.pageNumber() << 12n) & 0xffff_ffffn;
  }

  /** Control bits for a paging mode. */
  chooseMode(regime: Regime, paging: Paging): void {
    const { random } = this;
    regime.paging = paging;
    regime.writeProtect = random.oneIn(2);
    regime.pageSizeExtensions = !random.oneIn(4);
    regime.smep = random.oneIn(3);
    regime.smap = random.oneIn(2);
    regime.noExecuteEnable = !random.oneIn(3);
    regime.code64 = paging === "4-level" && !random.oneIn(5);
    regime.flat = regime.code64 || random.oneIn(2);
  }
  /** A root, and with PAE paging the pointers that were loaded with it. */
  chooseRoot(regime: Regime): void {
    const { random } = this;
    regime.cr3 = BigInt(random.below(3)) << 12n;
    if (random.oneIn(8)) regime.cr3 = BigInt(ALIAS_PAGE + random.below(4)) << 12n;
    if (regime.paging !== "PAE") return;
    for (let i = 0; i < 4; i++) regime.pointers[i] = random.oneIn(5) ? 0n : P | (BigInt(random.below(TABLES)) << 12n);
  }
  /** Flags of an entry of a path that is meant to translate. */
  pathFlags(): bigint {
    return P | this.mostly(5, W) | this.mostly(4, U);
  }
}
