// The core's memory rooms under test: plan, cells, faults and exits of one instance of the driver, and its
// frame table and lookup tables as they lie in memory (assembly/memory/frames.ts, assembly/mmu/tables.ts,
// assembly/mmu/sets.ts).

import * as L from "../../src/engine/views.js";
import { type GuestMemory, KIND_NUMBER, PAGE, type Range } from "./guest-memory.js";
import type { Regime } from "./regime.js";

export interface Driver {
  start(): void;
  refresh(): void;
  refreshIfStale(): void;
  addRange(firstPage: number, pages: number, kind: number, firstFrame: number): number;
  removeRange(firstPage: number): number;
  storeTracked(frame: number, offset: number, size: number, value: bigint): void;
  hostWrote(frame: number, offset: number, length: number): void;
  protect(frame: number, reason: number): void;
  unprotect(frame: number, reason: number): void;
  clearDirty(frame: number): void;
  codeWriteCount(): number;
  fetchFrame(linear: bigint): number;
  fetchKind(): number;
  flushAll(): void;
  setA20(on: number): void;
  read(linear: bigint, size: number): bigint;
  readToWrite(linear: bigint, size: number): bigint;
  write(linear: bigint, size: number, value: bigint): number;
  readImplicit(linear: bigint, size: number): bigint;
  writeImplicit(linear: bigint, size: number, value: bigint): number;
  writeStack(linear: bigint, size: number, value: bigint, user: number): number;
  probe(linear: bigint, size: number): number;
  pointerToRead(linear: bigint): number;
  pointerToWrite(linear: bigint): number;
  lookupRead(linear: bigint): bigint;
  lookupWrite(linear: bigint): bigint;
  translate(linear: bigint, access: number): number;
  walkGpa(): bigint;
  walkError(): number;
}

// Bits of a frame's reasons (assembly/memory/frames.ts).
export const CODE = 1 << 0;
export const TABLE = 1 << 1;
export const READONLY = 1 << 3;
export const WATCH = 1 << 4;
/** FetchKind of assembly/mmu/fetch.ts. */
export const FETCH = { FAULT: 1, HOST: 2, NON_CANONICAL: 3 } as const;
/** NO_SIDE_EFFECTS of assembly/mmu/walk.ts: translate only. */
export const WALK_ONLY = 16;

const NO_TAG = 0xffff_ffff;
/** Stale bits of assembly/vcpu/status.ts. */
const STALE = { ADDRESS_SPACE: 1, MODE: 4 } as const;
const RECORD_SIZE = 64;
const RECORD_STATE = 24;
const KEYED = 2;
/** The generation behind which vcpu/mode starts again. */
const GENERATION_END = 0xff_ffff;

export interface SubjectOptions {
  readonly frames: number;
  readonly slots: number;
  readonly sets: number;
  readonly physicalBits: number;
  readonly ranges: readonly Range[];
  /** Fetch generations that are left before they start again. */
  readonly generations?: number;
}

export interface FetchEntry {
  readonly page: bigint;
  readonly frame: number;
}

export class Subject {
  readonly driver: Driver;
  readonly ram: Uint8Array;
  readonly ramBase: number;
  readonly limit: number;
  readonly slots: number;
  readonly sets: number;
  readonly frames: number;
  readonly stride: number;
  private readonly frameTable = L.DYNAMIC;
  private readonly setsBase: number;
  private readonly view: DataView;
  readonly u64: BigUint64Array;

  constructor(module: WebAssembly.Module, options: SubjectOptions) {
    this.frames = options.frames;
    this.slots = options.slots;
    this.sets = options.sets;
    this.stride = options.slots * L.SLOT_BYTES * L.SET_CONTEXTS + L.SET_FILLED_MAX * 4 + PAGE;
    this.setsBase = align(this.frameTable + options.frames * L.FRAME_SIZE);
    this.ramBase = align(this.setsBase + this.stride * options.sets);
    this.limit = this.ramBase + options.frames * PAGE;
    if (options.slots * PAGE < this.limit + 2 * PAGE) throw new Error("too few slots for the tables to be exact");
    const memory = new WebAssembly.Memory({ initial: Math.ceil(this.limit / 65536), maximum: 65536 });
    const abort = (): never => {
      throw new Error("the core aborted");
    };
    const instance = new WebAssembly.Instance(module, { env: { memory, abort } });
    this.driver = instance.exports as unknown as Driver;
    this.view = new DataView(memory.buffer);
    this.u64 = new BigUint64Array(memory.buffer);
    this.ram = new Uint8Array(memory.buffer, this.ramBase, options.frames * PAGE);
    this.set32(L.RAM_BASE, this.ramBase);
    this.set32(L.RAM_FRAMES, options.frames);
    this.set64(L.LIMIT, BigInt(this.limit));
    this.set32(L.FRAME_TABLE, this.frameTable);
    this.set32(L.SETS_BASE, this.setsBase);
    this.set32(L.SETS_STRIDE, this.stride);
    this.set32(L.SETS_COUNT, options.sets);
    this.set32(L.SLOT_MASK, options.slots - 1);
    this.set32(L.PHYSICAL_BITS, options.physicalBits);
    this.driver.start();
    if (options.generations !== undefined) this.set32(L.FETCH_GENERATION, GENERATION_END - options.generations);
    for (const range of options.ranges) if (!this.addRange(range)) throw new Error("range refused");
  }

  get32(cell: number): number {
    return this.view.getUint32(cell, true);
  }
  set32(cell: number, value: number): void {
    this.view.setUint32(cell, value, true);
  }
  get64(cell: number): bigint {
    return this.view.getBigUint64(cell, true);
  }
  set64(cell: number, value: bigint): void {
    this.view.setBigUint64(cell, value, true);
  }

  addRange({ firstPage, pages, kind, firstFrame }: Range): boolean {
    return this.driver.addRange(firstPage, pages, KIND_NUMBER[kind], firstFrame) !== 0;
  }

  /** Writes the architectural state and has derived state recomputed; sameSpace: paging is as it was. */
  put(regime: Regime, sameSpace = false): void {
    this.set64(L.CR0, regime.cr0);
    this.set64(L.CR3, regime.cr3);
    this.set64(L.CR4, regime.cr4);
    this.set64(L.EFER, regime.efer);
    regime.pointers.forEach((pointer, n) => {
      this.set64(L.PDPTE + n * 8, pointer);
    });
    regime.breakpoints.forEach((address, n) => {
      this.set64(L.DR + n * 8, address);
    });
    this.set32(L.DR + 7 * 8, regime.dr7 >>> 0);
    this.set32(L.CPL, regime.cpl);
    this.set32(L.SYSTEM_FLAGS, regime.rflags);
    this.set32(L.SEG_ATTRIBUTES + L.CS * 4, regime.code64 ? L.ATTR_L : L.ATTR_DB);
    for (const segment of [L.DS, L.SS]) this.set64(L.SEG_BASE + segment * 8, regime.flat ? 0n : 0x1000n);
    const stale = sameSpace ? STALE.MODE : STALE.ADDRESS_SPACE;
    this.set32(L.CONTEXT_STALE, this.get32(L.CONTEXT_STALE) | stale);
    this.driver.refresh();
  }

  // ---- failures and exits

  fault(): { kind: number; vector: number; error: number; address: bigint } {
    return {
      kind: this.get32(L.FAULT),
      vector: this.get32(L.FAULT_VECTOR),
      error: this.get32(L.FAULT_ERROR),
      address: this.get64(L.FAULT_ADDRESS),
    };
  }
  exit(): { reason: number; size: number; flags: number; gpa: bigint; value: bigint } {
    return {
      reason: this.get32(L.EXIT_REASON),
      size: this.get32(L.EXIT_SIZE),
      flags: this.get32(L.EXIT_FLAGS),
      gpa: this.get64(L.EXIT_GPA),
      value: this.get64(L.EXIT_VALUE),
    };
  }
  /** Answers the pending exit; the access is to be executed again. */
  answer(value: bigint): void {
    const count = this.get32(L.REPLAY_COUNT);
    this.set64(L.REPLAY + count * 8, value);
    this.set32(L.REPLAY_COUNT, count + 1);
    this.set32(L.REPLAY_POSITION, 0);
    this.set32(L.FAULT, 0);
    this.set32(L.DEBUG_HITS, 0);
  }
  /** The instruction is over. */
  clear(): void {
    this.set32(L.FAULT, 0);
    this.set32(L.DEBUG_HITS, 0);
    this.set32(L.REPLAY_COUNT, 0);
    this.set32(L.REPLAY_POSITION, 0);
  }
  get debugHits(): number {
    return this.get32(L.DEBUG_HITS);
  }
  get checked(): boolean {
    return this.get32(L.DATA_CHECKED) !== 0;
  }
  /** The chosen set may not belong to the state. */
  get setStale(): boolean {
    return (this.get32(L.CONTEXT_STALE) & 1) !== 0;
  }
  get currentSet(): number {
    return this.get32(L.TABLE_SET);
  }

  // ---- frame table and lookup tables

  reasons(frame: number): number {
    return this.get32(this.frameTable + frame * L.FRAME_SIZE);
  }
  /** Address of the word that heads a frame's reverse map. */
  reverseHead(frame: number): number {
    return this.frameTable + frame * L.FRAME_SIZE + 4;
  }
  frameHost(frame: number): bigint {
    return BigInt(this.ramBase + frame * PAGE);
  }
  isKeyed(set: number): boolean {
    return this.get32(L.SET_RECORDS + set * RECORD_SIZE + RECORD_STATE) === KEYED;
  }
  /** Bytes of one table. */
  get tableBytes(): number {
    return this.slots * 8;
  }
  /** Address of the read table of a context; the write table and the reverse-map cells follow it. */
  tableAt(set: number, context: number): number {
    return this.setsBase + set * this.stride + context * 3 * this.tableBytes;
  }
  /** Set, context and slot of a reverse-map cell. */
  cellPlace(cell: number): { set: number; context: number; slot: number } {
    const set = Math.floor((cell - this.setsBase) / this.stride);
    const inside = (cell - this.setsBase) % this.stride;
    const context = Math.floor(inside / (3 * this.tableBytes));
    return { set, context, slot: (inside - (context * 3 + 2) * this.tableBytes) / 8 };
  }
  /** Content of an empty slot. */
  emptySlot(slot: number): bigint {
    return BigInt.asUintN(64, BigInt(slot * PAGE - this.limit));
  }
  /** Content of the write slot of a page whose writes must be seen. */
  watchedSlot(page: bigint): bigint {
    return BigInt.asUintN(64, page - BigInt(this.limit + PAGE));
  }
  /** Linear address of the page that a slot's content maps to a frame. */
  shownAt(content: bigint, frame: number): bigint {
    return BigInt.asUintN(64, content + this.frameHost(frame));
  }

  /** Entries of the fetch TLB that the running context would use. */
  fetchEntries(): FetchEntry[] {
    const tag = this.get32(L.FETCH_TAG);
    const entries: FetchEntry[] = [];
    if (tag === NO_TAG) return entries;
    for (let at = L.FETCH_TLB; at < L.FETCH_TLB + L.FETCH_TLB_ENTRIES * 16; at += 16) {
      if (this.get32(at + 8) === tag) entries.push({ page: this.get64(at), frame: this.get32(at + 12) });
    }
    return entries;
  }

  /** First byte at which guest memory differs from the model's, or -1. */
  difference(memory: GuestMemory): number {
    if (Buffer.compare(this.ram, memory.bytes) === 0) return -1;
    return this.ram.findIndex((byte, i) => byte !== memory.bytes[i]);
  }
}

function align(address: number): number {
  return Math.ceil(address / PAGE) * PAGE;
}
