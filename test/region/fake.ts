// Regions made by hand: a record in the core's side tables and a few bytes of WebAssembly that keep to the contract
// between translated code and the dispatcher (assembly/region/record.ts). They stand for what the translator writes, so
// that entering, leaving and dropping regions can be tested without it.

import * as L from "../../src/engine/views.js";
import type { Machine } from "../engine/harness.js";

// ---- WebAssembly by hand: expressions are byte lists that leave one i32 ------------------------------------------

export type Code = readonly number[];

function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let v = value | 0; ; ) {
    const low = v & 0x7f;
    v >>= 7;
    if ((v === 0 && (low & 0x40) === 0) || (v === -1 && (low & 0x40) !== 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let v = value; ; v = Math.floor(v / 128)) {
    if (v < 128) return [...bytes, v];
    bytes.push((v % 128) | 0x80);
  }
}
const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const sized = (bytes: Code): Code => [...unsigned(bytes.length), ...bytes];

export const constant = (value: number): Code => [0x41, ...signed(value)];
export const load = (address: number): Code => [...constant(address), 0x28, 2, 0];
export const store = (address: number, value: Code): Code => [...constant(address), ...value, 0x36, 2, 0];
/** The 64-bit form: an i32 expression, zero-extended. */
export const store64 = (address: number, value: Code): Code => [...constant(address), ...value, 0xad, 0x37, 3, 0];
export const add = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
export const subtract = (a: Code, b: Code): Code => [...a, ...b, 0x6b];
export const isZero = (a: Code): Code => [...a, 0x45];
export const isNegative = (a: Code): Code => [...a, ...constant(0), 0x48];
export const ENTRY: Code = [0x20, 0];
export const exit = (index: number): Code => [...constant(index), 0x0f];
export const when = (condition: Code, then: Code): Code => [...condition, 0x04, 0x40, ...then, 0x0b];
/** Endless: its body leaves by `exit`. */
export const forever = (body: Code): Code => [0x03, 0x40, ...body, 0x0c, 0, 0x0b];
export const gpr = (index: number): number => L.GPR + index * 8;
/** Pays for a block, or leaves by an exit that gives the block's ticks back. */
export const pay = (ticks: number, fuelExit: number): Code => [
  ...store(L.FUEL, subtract(load(L.FUEL), constant(ticks))),
  ...when(isNegative(load(L.FUEL)), exit(fuelExit)),
];

/** A module with one region function of this body. */
export function moduleOf(body: Code): WebAssembly.Module {
  const section = (id: number, content: Code): Code => [id, ...sized(content)];
  const bytes = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([[0x60, 1, 0x7f, 1, 0x7f]])),
    ...section(2, vector([[...sized([0x65]), ...sized([0x6d]), 2, 0, 1]])),
    ...section(3, vector([[0]])),
    ...section(7, vector([[...sized([0x30]), 0, 0]])),
    ...section(10, vector([sized([0, ...body, 0, 0x0b])])),
  ];
  return new WebAssembly.Module(Uint8Array.from(bytes));
}

// ---- records -----------------------------------------------------------------------------------------------------

export interface FakeExit {
  type: number;
  /** Page index << 12 | offset. */
  place?: number;
  back?: number;
  /** FLAGS_MEMORY by default. */
  flags?: number;
  /** Micro-op of a STEP. */
  uop?: Uint8Array;
  resume?: number;
}

export interface FakeRegion {
  mode: number;
  reserve: number;
  /** [page relative to the head's, frame, first byte covered, last byte covered]. */
  pages: readonly (readonly [number, number, number, number])[];
  entries: readonly number[];
  exits: readonly FakeExit[];
  needs?: number;
  body: Code;
}

function granules(first: number, last: number): bigint {
  let bits = 0n;
  for (let granule = first >> 6; granule <= last >> 6; granule++) bits |= 1n << BigInt(granule);
  return bits;
}

/** Writes the record as the translator does; the region is PENDING. */
export function write(m: Machine, region: FakeRegion): number {
  let next = m.get32(L.META_NEXT);
  const take = (bytes: number): number => {
    const at = next;
    next += (bytes + 7) & ~7;
    return at;
  };
  const end = m.get32(L.REGIONS_END);
  let index = 0;
  while (index < end && m.get32(L.REGIONS + index * L.REGION_SIZE) !== L.RegionState.FREE) index++;
  const record = L.REGIONS + index * L.REGION_SIZE;
  m.u8.fill(0, record, record + L.REGION_SIZE);
  const pages = take(region.pages.length * 16);
  region.pages.forEach(([relative, frame, first, last], i) => {
    m.set32(pages + i * 16, relative);
    m.set32(pages + i * 16 + 4, frame);
    m.set64(pages + i * 16 + 8, granules(first, last));
  });
  const entries = take(region.entries.length * 4);
  for (const [i, place] of region.entries.entries()) m.set32(entries + i * 4, place);
  const exits = take(region.exits.length * 16);
  region.exits.forEach((one, i) => {
    const at = exits + i * 16;
    const uop = one.uop === undefined ? 0 : take(32);
    if (one.uop !== undefined) m.u8.set(one.uop, uop);
    m.set32(at, one.place ?? 0);
    m.set32(at + 4, (one.back ?? 0) | (one.type << 16) | ((one.flags ?? L.FLAGS_MEMORY) << 24));
    m.set32(at + 8, uop);
    m.set32(at + 12, one.resume ?? L.NO_ENTRY);
  });
  m.set32(record + L.REGION_RESERVE, region.reserve);
  m.set32(record + L.REGION_MODE, region.mode);
  m.set32(record + L.REGION_PAGES, pages);
  m.set32(record + L.REGION_ENTRIES, entries);
  m.set32(record + L.REGION_EXITS, exits);
  m.set32(record + L.REGION_EXIT_COUNT, region.exits.length);
  m.set32(record + L.REGION_PAGE_COUNT, region.pages.length | (region.entries.length << 16));
  m.set32(record + L.REGION_NEEDS, region.needs ?? 0);
  m.set32(record + L.REGION_STATE, L.RegionState.PENDING);
  m.set32(L.REGIONS_END, Math.max(end, index + 1));
  m.set32(L.META_NEXT, next);
  return index;
}

/** Compiles and installs a region that was written. */
export function install(m: Machine, index: number, body: Code): boolean {
  const instance = new WebAssembly.Instance(moduleOf(body), { e: { m: m.memory } });
  const slot = m.core.table.grow(1);
  m.core.table.set(slot, instance.exports["0"] as () => number);
  return m.core.regionInstall(index, slot) !== 0;
}

export function make(m: Machine, region: FakeRegion): number {
  const index = write(m, region);
  if (!install(m, index, region.body)) throw new Error("the region was not installed");
  return index;
}

export const stateOf = (m: Machine, index: number): number => m.get32(L.REGIONS + index * L.REGION_SIZE);

/** Counter of region/statistics. */
export const Counter = { ENTRIES: 0, HOPS: 8, TICKS: 16, EXITS: 24, INVALIDATIONS: 64, REFUSED: 72 } as const;
export const counter = (m: Machine, at: number): number => Number(m.get64(L.TRANSLATION_STATISTICS + at));
export const exitsOf = (m: Machine, type: number): number => counter(m, Counter.EXITS + type * 8);
