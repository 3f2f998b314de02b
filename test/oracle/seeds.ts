// The seed set: recorded oracle cases in a compact form, so that `npm test` needs neither a compiler nor the
// host processor. One file per code width; brotli over a stream of variable-length fields:
//
//   u32 template seed, u16 count of names, names (u8 length, ASCII), then cases until the end:
//   name | undefined flags | ip offset | flags | step | registers | selectors or FS/GS base | code | patch
//   | vector | error | cr2 | ip | flags | changed registers | selectors or bases | changed bytes
//
// A register is one byte (index in the pool of operands that the seed generator draws from) or FF and the value.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CODE } from "./builder.js";
import { Executor } from "./executor.js";
import type { Mode } from "./form.js";
import { INSTANCES, type Instance } from "./forms.js";
import { Random } from "./random.js";
import {
  type Case,
  codeOffset,
  FieldOffset,
  INPUT,
  makeCase,
  makeTemplate,
  OUTPUT,
  type Outcome,
  readOutcomes,
} from "./records.js";
import { Reader, Writer } from "./stream.js";

export const POOL = 255;

/** Draws operands from a pool, which makes them one byte each in the file. */
class PooledRandom extends Random {
  constructor(
    seed: number,
    private readonly pool: readonly bigint[],
  ) {
    super(seed);
  }
  override operand(): bigint {
    return this.pick(this.pool);
  }
}

export function makePool(mode: Mode): bigint[] {
  const random = new Random(0x5eed);
  const pool = Array.from({ length: POOL }, () => random.operand());
  return mode === 64 ? pool : pool.map((value) => value & 0xffff_ffffn);
}

const pathOf = (mode: Mode): string => fileURLToPath(new URL(`./seeds/user${mode}.bin.br`, import.meta.url));

interface Layout {
  readonly mode: Mode;
  readonly size: number;
  readonly registers: number;
  readonly pool: readonly bigint[];
  readonly indices: Map<bigint, number>;
}

function layoutOf(mode: Mode): Layout {
  const pool = makePool(mode);
  const indices = new Map(pool.map((value, i) => [value, i]));
  return { mode, size: mode === 64 ? 8 : 4, registers: mode === 64 ? 16 : 8, pool, indices };
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function writeCase(w: Writer, layout: Layout, name: number, item: Case, outcome: Outcome): void {
  const { size, registers, indices, mode } = layout;
  const input = viewOf(item.input);
  const output = viewOf(outcome.record);
  const register = (value: bigint): void => {
    const index = indices.get(value);
    w.u8(index ?? 0xff);
    if (index === undefined) w.wide(value, size);
  };
  w.u16(name);
  w.u16(item.undefined);
  w.u16(codeOffset(item.input));
  w.u32(input.getUint32(FieldOffset.FLAGS, true));
  w.u8(item.input[FieldOffset.STEP]!);
  for (let i = 0; i < registers; i++) register(input.getBigUint64(i * 8, true));
  if (mode === 64) {
    register(input.getBigUint64(FieldOffset.FS_BASE, true));
    register(input.getBigUint64(FieldOffset.GS_BASE, true));
  }
  w.raw(item.input.subarray(FieldOffset.SELECTORS, FieldOffset.SELECTORS + 12));
  const length = input.getUint16(FieldOffset.CODE_LENGTH, true);
  w.u16(length);
  w.raw(item.input.subarray(FieldOffset.CODE, FieldOffset.CODE + length));
  const patched = input.getUint16(FieldOffset.PATCH_LENGTH, true);
  w.u8(patched);
  if (patched > 0) w.u16(input.getUint16(FieldOffset.PATCH_OFFSET, true));
  w.raw(item.input.subarray(FieldOffset.PATCH, FieldOffset.PATCH + patched));

  const vector = outcome.record[FieldOffset.VECTOR]!;
  w.u8(vector);
  w.u16(output.getUint32(FieldOffset.ERROR, true));
  if (vector === 14) w.wide(output.getBigUint64(FieldOffset.CR2, true), size);
  w.wide(output.getBigUint64(FieldOffset.RIP, true), size);
  w.u32(output.getUint32(FieldOffset.FLAGS, true));
  const fields = [...Array(registers).keys()].map((i) => i * 8);
  if (mode === 64) fields.push(FieldOffset.FS_BASE, FieldOffset.GS_BASE);
  const changed = fields.filter((at) => input.getBigUint64(at, true) !== output.getBigUint64(at, true));
  w.u8(changed.length);
  for (const at of changed) {
    w.u8(at >> 3);
    register(output.getBigUint64(at, true));
  }
  w.raw(outcome.record.subarray(FieldOffset.SELECTORS, FieldOffset.SELECTORS + 12));
  w.u16(outcome.changes.length);
  for (const change of outcome.changes) w.u16(change >>> 8);
  for (const change of outcome.changes) w.u8(change);
}

function readCase(r: Reader, layout: Layout, instances: readonly Instance[]): { item: Case; outcome: Outcome } {
  const { size, registers, pool, mode } = layout;
  const register = (): bigint => {
    const index = r.u8();
    return index === 0xff ? r.wide(size) : pool[index]!;
  };
  const instance = instances[r.u16()]!;
  const undefinedFlags = r.u16();
  const input = new Uint8Array(INPUT);
  const view = viewOf(input);
  const offset = r.u16();
  view.setUint32(FieldOffset.RIP, offset + (mode === 16 ? 0 : CODE), true);
  view.setUint32(FieldOffset.FLAGS, r.u32(), true);
  input[FieldOffset.STEP] = r.u8();
  for (let i = 0; i < registers; i++) view.setBigUint64(i * 8, register(), true);
  if (mode === 64) {
    view.setBigUint64(FieldOffset.FS_BASE, register(), true);
    view.setBigUint64(FieldOffset.GS_BASE, register(), true);
  }
  input.set(r.raw(12), FieldOffset.SELECTORS);
  const length = r.u16();
  view.setUint16(FieldOffset.CODE_LENGTH, length, true);
  input.set(r.raw(length), FieldOffset.CODE);
  const patched = r.u8();
  view.setUint16(FieldOffset.PATCH_LENGTH, patched, true);
  if (patched > 0) view.setUint16(FieldOffset.PATCH_OFFSET, r.u16(), true);
  input.set(r.raw(patched), FieldOffset.PATCH);

  const record = new Uint8Array(OUTPUT);
  record.set(input.subarray(0, FieldOffset.VECTOR));
  const output = viewOf(record);
  const vector = r.u8();
  record[FieldOffset.VECTOR] = vector;
  output.setUint32(FieldOffset.ERROR, r.u16(), true);
  if (vector === 14) output.setBigUint64(FieldOffset.CR2, r.wide(size), true);
  output.setBigUint64(FieldOffset.RIP, r.wide(size), true);
  output.setUint32(FieldOffset.FLAGS, r.u32(), true);
  for (let count = r.u8(); count > 0; count--) {
    const at = r.u8() << 3;
    output.setBigUint64(at, register(), true);
  }
  record.set(r.raw(12), FieldOffset.SELECTORS);
  const changes = new Uint32Array(r.u16());
  for (let i = 0; i < changes.length; i++) changes[i] = r.u16() << 8;
  for (let i = 0; i < changes.length; i++) changes[i]! |= r.u8();
  return { item: { instance, input, undefined: undefinedFlags }, outcome: { record, image: undefined, changes } };
}

export interface SeedSet {
  readonly template: Uint8Array;
  readonly cases: { item: Case; outcome: Outcome }[];
}

/** Reads the seed set of one code width. Forms that no longer exist keep their name. */
export function readSeeds(mode: Mode): SeedSet {
  const r = Reader.unpack(readFileSync(pathOf(mode)));
  const template = makeTemplate(r.u32());
  const instances = Array.from({ length: r.u16() }, () => {
    const key = r.text();
    return INSTANCES.find((instance) => instance.key === key) ?? { key, mode, form: INSTANCES[0]!.form };
  });
  const layout = layoutOf(mode);
  const cases: SeedSet["cases"] = [];
  while (!r.done) cases.push(readCase(r, layout, instances));
  return { template, cases };
}

/** Records `perForm` cases of every form. */
export async function writeSeeds(perForm: number, seed: number): Promise<void> {
  using executor = new Executor();
  for (const mode of [16, 32, 64] as const) {
    const layout = layoutOf(mode);
    const instances = INSTANCES.filter(({ mode: own, form }) => own === mode && form.float === undefined);
    const random = new PooledRandom(seed + mode, layout.pool);
    const template = makeTemplate(seed);
    const cases = instances.flatMap((instance) =>
      Array.from({ length: perForm }, () => makeCase(instance, random, true)),
    );
    const outcomes = [
      ...readOutcomes(
        await executor.run(
          mode,
          template,
          cases.map(({ input }) => input),
        ),
      ),
    ];
    const w = new Writer();
    w.u32(seed);
    w.u16(instances.length);
    for (const { key } of instances) w.text(key);
    cases.forEach((item, i) => {
      writeCase(w, layout, Math.floor(i / perForm), item, outcomes[i]!);
    });
    const packed = w.pack();
    writeFileSync(pathOf(mode), packed);
    console.log(`${mode}-bit: ${cases.length} cases, ${packed.length} bytes`);
  }
}
