// The seed set of floating-point and vector forms. What can be computed is not recorded: the floating-point
// state comes from a generator seeded with the number of the case (a checksum tells when that generator has changed),
// and registers hold operands of the pool in turn, unless the case needs others. One file per code width:
//
//   u32 seed, u32 checksum of the images, u16 count of forms, forms (name, elements of x87 and XMM registers),
//   then cases until the end: form | ip offset | flags | registers that differ from the pool | code | patch
//   | vector | error | cr2 | length | flags | changed registers | changed bytes of the image, of memory

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CODE } from "./builder.js";
import { Executor } from "./executor.js";
import { IMAGE, Image, writeImage } from "./float-state.js";
import type { Element } from "./float-values.js";
import { type FloatForm, form } from "./form.js";
import { INSTANCES, type Instance } from "./forms.js";
import { Random } from "./random.js";
import {
  type Case,
  codeOffset,
  FieldOffset,
  FLOAT_INPUT,
  imageOf,
  makeCase,
  makeTemplate,
  OUTPUT,
  type Outcome,
  readOutcomes,
  sameOutcome,
} from "./records.js";
import { makePool, POOL, type SeedSet, viewOf } from "./seeds.js";
import { NULL, USER_CODE32, USER_CODE64, USER_DATA } from "./segments.js";
import { Reader, Writer } from "./stream.js";

type Width = 32 | 64;
const ELEMENTS: readonly (Element | undefined)[] = [
  undefined,
  "f32",
  "f64",
  "f80",
  "i8",
  "i16",
  "i32",
  "i64",
  "shift",
  "text",
  "raw",
];
const ES = 0x80;
const AC = 0x40000;

const pathOf = (mode: Width): string => fileURLToPath(new URL(`./seeds/float${mode}.bin.br`, import.meta.url));

/** Operands of the pool, one after the other. */
class TurningRandom extends Random {
  private turn = 0;
  constructor(
    seed: number,
    private readonly pool: readonly bigint[],
  ) {
    super(seed);
  }
  begin(turn: number): void {
    this.turn = turn;
  }
  override operand(): bigint {
    return this.pool[this.turn++ % POOL]!;
  }
}

const pools: Record<Width, readonly bigint[]> = { 32: makePool(32), 64: makePool(64) };

const registersOf = (mode: Width): number => (mode === 64 ? 16 : 8);
const turnOf = (mode: Width, index: number): number => index * registersOf(mode);
const imageRandom = (seed: number, index: number): Random => new Random((seed + Math.imul(index, 0x9e3779b1)) | 0);

const selectorsOf = (mode: Width): readonly number[] =>
  (mode === 64
    ? [NULL, USER_CODE64, USER_DATA, NULL, NULL, NULL]
    : [USER_DATA, USER_CODE32, USER_DATA, USER_DATA, USER_DATA, USER_DATA]
  ).map(({ selector }) => selector);

/** FNV-1a. */
function addChecksum(sum: number, bytes: Uint8Array): number {
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x0100_0193);
  return sum;
}

/** x87 registers by physical number: a push or pop moves none of them. */
function byPhysical(image: Uint8Array, back = false): Uint8Array {
  const result = Uint8Array.from(image);
  const top = (viewOf(image).getUint16(Image.FSW, true) >> 11) & 7;
  for (let i = 0; i < 8; i++) {
    const from = Image.ST + (back ? (i + top) & 7 : i) * 16;
    const to = Image.ST + (back ? i : (i + top) & 7) * 16;
    result.set(image.subarray(from, from + 16), to);
  }
  return result;
}

/** Changed bytes of the image: a mask of blocks of 16, and per block a mask of bytes and these. */
function writeImageChanges(w: Writer, before: Uint8Array, after: Uint8Array): void {
  const settled = Uint8Array.from(after);
  const status = viewOf(after).getUint16(Image.FSW, true);
  // Pointers that nobody compares.
  if ((status & ES) === 0) settled.set(before.subarray(Image.FOP, Image.MXCSR), Image.FOP);
  settled.set(before.subarray(Image.MXCSR_MASK, Image.ST), Image.MXCSR_MASK);
  const from = byPhysical(before);
  const to = byPhysical(settled);
  const masks = Array.from({ length: IMAGE / 16 }, (_, block) => {
    let mask = 0;
    for (let i = 0; i < 16; i++) if (from[block * 16 + i] !== to[block * 16 + i]) mask |= 1 << i;
    return mask;
  });
  w.u32(masks.reduce((sum, mask, block) => (mask === 0 ? sum : sum | (1 << block)), 0));
  masks.forEach((mask, block) => {
    if (mask === 0) return;
    w.u16(mask);
    for (let i = 0; i < 16; i++) if ((mask >> i) & 1) w.u8(to[block * 16 + i]!);
  });
}

function readImageChanges(r: Reader, before: Uint8Array): Uint8Array {
  const image = byPhysical(before);
  const blocks = r.u32();
  for (let block = 0; block < IMAGE / 16; block++) {
    if (((blocks >> block) & 1) === 0) continue;
    const mask = r.u16();
    for (let i = 0; i < 16; i++) if ((mask >> i) & 1) image[block * 16 + i] = r.u8();
  }
  return byPhysical(image, true);
}

/** Changed memory as runs of neighbouring bytes. */
function writeMemory(w: Writer, changes: Uint32Array): void {
  const runs: number[][] = [];
  for (const change of changes) {
    const last = runs.at(-1);
    if (last !== undefined && change >>> 8 === (last[0]! >>> 8) + last.length) last.push(change);
    else runs.push([change]);
  }
  w.u16(runs.length);
  for (const run of runs) {
    w.u16(run[0]! >>> 8);
    w.u16(run.length);
    for (const change of run) w.u8(change);
  }
}

function readMemory(r: Reader): Uint32Array {
  const changes: number[] = [];
  for (let runs = r.u16(); runs > 0; runs--) {
    const offset = r.u16();
    const length = r.u16();
    for (let i = 0; i < length; i++) changes.push(((offset + i) << 8) | r.u8());
  }
  return Uint32Array.from(changes);
}

function writeCase(w: Writer, mode: Width, name: number, index: number, item: Case, outcome: Outcome): void {
  const pool = pools[mode];
  const input = viewOf(item.input);
  const output = viewOf(outcome.record);
  const size = mode / 8;
  const register = (view: DataView, i: number): bigint => view.getBigUint64(i * 8, true);
  const registers = [...Array(registersOf(mode)).keys()];
  w.u16(name);
  w.u16(codeOffset(item.input));
  const flags = input.getUint32(FieldOffset.FLAGS, true);
  // Bit 15 stands for AC.
  w.u16(flags | ((flags & AC) >> 3));
  const turn = turnOf(mode, index);
  const odd = registers.filter((i) => register(input, i) !== pool[(turn + i) % POOL]);
  w.u16(odd.reduce((sum, i) => sum | (1 << i), 0));
  for (const i of odd) w.wide(register(input, i), size);
  const length = input.getUint16(FieldOffset.CODE_LENGTH, true);
  w.u8(length);
  w.raw(item.input.subarray(FieldOffset.CODE, FieldOffset.CODE + length));
  const patched = input.getUint16(FieldOffset.PATCH_LENGTH, true);
  w.u16(patched);
  if (patched > 0) w.u16(input.getUint16(FieldOffset.PATCH_OFFSET, true));
  w.raw(item.input.subarray(FieldOffset.PATCH, FieldOffset.PATCH + patched));

  const vector = outcome.record[FieldOffset.VECTOR]!;
  w.u8(vector);
  w.u16(output.getUint32(FieldOffset.ERROR, true));
  if (vector === 14) w.wide(output.getBigUint64(FieldOffset.CR2, true), size);
  w.u8(Number(output.getBigUint64(FieldOffset.RIP, true) - input.getBigUint64(FieldOffset.RIP, true)));
  w.u16(output.getUint32(FieldOffset.FLAGS, true));
  const changed = registers.filter((i) => register(output, i) !== register(input, i));
  w.u16(changed.reduce((sum, i) => sum | (1 << i), 0));
  for (const i of changed) w.wide(register(output, i), size);
  writeImageChanges(w, imageOf(item.input), outcome.image!);
  writeMemory(w, outcome.changes);
}

function readCase(
  r: Reader,
  mode: Width,
  instances: readonly Instance[],
  seed: number,
  index: number,
): SeedSet["cases"][number] {
  const pool = pools[mode];
  const size = mode / 8;
  const instance = instances[r.u16()]!;
  const input = new Uint8Array(FLOAT_INPUT);
  const view = viewOf(input);
  input[FieldOffset.WITH_FLOAT] = 1;
  writeImage(imageOf(input), instance.form.float!, mode, imageRandom(seed, index));
  view.setUint32(FieldOffset.RIP, r.u16() + CODE, true);
  const flags = r.u16();
  const alignment = (flags & 0x8000) << 3;
  view.setUint32(FieldOffset.FLAGS, (flags & 0x7fff) | alignment, true);
  const registers = [...Array(registersOf(mode)).keys()];
  const turn = turnOf(mode, index);
  const odd = r.u16();
  for (const i of registers) {
    const value = (odd >> i) & 1 ? r.wide(size) : pool[(turn + i) % POOL]!;
    view.setBigUint64(i * 8, value, true);
  }
  selectorsOf(mode).forEach((selector, i) => {
    view.setUint16(FieldOffset.SELECTORS + i * 2, selector, true);
  });
  const length = r.u8();
  view.setUint16(FieldOffset.CODE_LENGTH, length, true);
  input.set(r.raw(length), FieldOffset.CODE);
  const patched = r.u16();
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
  output.setBigUint64(FieldOffset.RIP, view.getBigUint64(FieldOffset.RIP, true) + BigInt(r.u8()), true);
  output.setUint32(FieldOffset.FLAGS, r.u16() | alignment, true);
  const changed = r.u16();
  for (const i of registers) if ((changed >> i) & 1) output.setBigUint64(i * 8, r.wide(size), true);
  const image = readImageChanges(r, imageOf(input));
  return { item: { instance, input, undefined: 0 }, outcome: { record, image, changes: readMemory(r) } };
}

/** Reads the seed set of one code width. */
export function readFloatSeeds(mode: Width): SeedSet {
  const r = Reader.unpack(readFileSync(pathOf(mode)));
  const seed = r.u32();
  const checksum = r.u32();
  const instances = Array.from({ length: r.u16() }, (): Instance => {
    const key = r.text();
    const known = INSTANCES.find((instance) => instance.key === key)?.form ?? form(key, []);
    const float: FloatForm = { ...known.float, st: ELEMENTS[r.u8()], xmm: ELEMENTS[r.u8()] };
    return { key, mode, form: { ...known, float } };
  });
  const cases: SeedSet["cases"] = [];
  let sum = 0;
  while (!r.done) {
    const entry = readCase(r, mode, instances, seed, cases.length);
    sum = addChecksum(sum, imageOf(entry.item.input));
    cases.push(entry);
  }
  if (sum >>> 0 !== checksum)
    throw new Error(
      "float-state.ts or float-values.ts makes other values than when the seeds were recorded: record them anew with `npm run oracle -- --write-float-seeds N` on an AMD processor",
    );
  return { template: makeTemplate(seed), cases };
}

/** Fewer cases where one takes hundreds of bytes, and in 32-bit mode, which decodes the same; one of what is undefined. */
function shareOf({ key, form: { access }, mode }: Instance, perForm: number): number {
  if (key.startsWith("ud_")) return 1;
  return Math.ceil(perForm / (access > 64 ? 4 : 1) / (mode === 32 ? 3 : 1));
}

/** Records `perForm` cases of every floating-point and vector form. */
export async function writeFloatSeeds(perForm: number, seed: number): Promise<void> {
  using executor = new Executor();
  for (const mode of [32, 64] as const) {
    const random = new TurningRandom(seed + mode, pools[mode]);
    const template = makeTemplate(seed);
    const instances = INSTANCES.filter(
      (instance) => instance.mode === mode && instance.form.float !== undefined && !instance.form.sequence,
    );
    const names: number[] = [];
    const cases: Case[] = [];
    instances.forEach((instance, name) => {
      for (let i = shareOf(instance, perForm); i > 0; i--) {
        random.begin(turnOf(mode, cases.length));
        names.push(name);
        cases.push(makeCase(instance, random, true, imageRandom(seed, cases.length)));
      }
    });
    const inputs = cases.map(({ input }) => input);
    const run = async (): Promise<Outcome[]> => [...readOutcomes(await executor.run(mode, template, inputs))];
    const outcomes = await run();
    const again = await run();
    // An interrupt between loses the pointers of the last x87 instruction.
    if (!outcomes.every((outcome, i) => sameOutcome(outcome, again[i]!)))
      throw new Error("the host did not do the same twice: try another seed or a quieter machine");
    const w = new Writer();
    w.u32(seed);
    w.u32(inputs.reduce((sum, input) => addChecksum(sum, imageOf(input)), 0) >>> 0);
    w.u16(instances.length);
    for (const { key, form } of instances) {
      w.text(key);
      w.u8(ELEMENTS.indexOf(form.float?.st));
      w.u8(ELEMENTS.indexOf(form.float?.xmm));
    }
    cases.forEach((item, i) => {
      writeCase(w, mode, names[i]!, i, item, outcomes[i]!);
    });
    const packed = w.pack();
    writeFileSync(pathOf(mode), packed);
    console.log(`${mode}-bit: ${cases.length} floating-point and vector cases, ${packed.length} bytes`);
  }
}
