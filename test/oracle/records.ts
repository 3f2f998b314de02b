// Binary records that travel between the hunter and test/oracle/executor.c (struct input, struct output), and
// the memory template both sides start a batch from. Records of floating-point forms carry an FXSAVE image more.

import { Builder, Region } from "./builder.js";
import { IMAGE, writeImage } from "./float-state.js";
import type { Instance } from "./forms.js";
import { Random } from "./random.js";
import { sequenceBytes } from "./sequence.js";

export const INPUT = 512;
/** Input with more room for the patch and the image. */
export const FLOAT_INPUT = 512 + 576 + IMAGE;
export const OUTPUT = 184;
export const FieldOffset = {
  RIP: 128,
  FS_BASE: 136,
  GS_BASE: 144,
  FLAGS: 152,
  SELECTORS: 156,
  // input
  STEP: 168,
  WITH_FLOAT: 169,
  CODE_LENGTH: 170,
  PATCH_OFFSET: 172,
  PATCH_LENGTH: 174,
  CODE: 176,
  PATCH: 448,
  IMAGE: 1088,
  // output
  VECTOR: 168,
  CHANGES: 170,
  ERROR: 172,
  CR2: 176,
} as const;

/** The initial memory of a batch: HLT in the code window, operand-like values elsewhere. */
export function makeTemplate(seed: number): Uint8Array {
  const random = new Random(seed);
  const bytes = new Uint8Array(Region.SIZE);
  random.fill(bytes);
  const view = new DataView(bytes.buffer);
  for (let at = Region.DATA; at < Region.SIZE; at += 8)
    if (random.oneIn(2)) view.setBigUint64(at, random.operand(), true);
  bytes.fill(0xf4, Region.CODE, Region.DATA);
  return bytes;
}

/** One case: the input record and what the comparison needs besides. */
export interface Case {
  readonly instance: Instance;
  readonly input: Uint8Array;
  /** Undefined flags when the instruction completes. */
  readonly undefined: number;
}

/** With `image` the floating-point state comes from that source, and all else is kept simple. */
export function makeCase(instance: Instance, random: Random, lowMapped: boolean, image?: Random): Case {
  const b = new Builder(random, instance.mode, instance.form, lowMapped, image !== undefined);
  b.build();
  if (instance.form.sequence) b.bytes = sequenceBytes(b);
  const { float } = instance.form;
  const input = new Uint8Array(float === undefined ? INPUT : FLOAT_INPUT);
  const view = new DataView(input.buffer);
  if (float !== undefined) {
    input[FieldOffset.WITH_FLOAT] = 1;
    writeImage(imageOf(input), float, instance.mode, image ?? random);
  }
  b.gpr.forEach((value, i) => {
    view.setBigUint64(i * 8, value, true);
  });
  view.setBigUint64(FieldOffset.RIP, b.rip, true);
  view.setBigUint64(FieldOffset.FS_BASE, b.fsBase, true);
  view.setBigUint64(FieldOffset.GS_BASE, b.gsBase, true);
  view.setUint32(FieldOffset.FLAGS, b.flags, true);
  b.segments.forEach((segment, i) => {
    view.setUint16(FieldOffset.SELECTORS + i * 2, segment.selector, true);
  });
  input[FieldOffset.STEP] = instance.form.step ? 1 : 0;
  view.setUint16(FieldOffset.CODE_LENGTH, b.bytes.length, true);
  view.setUint16(FieldOffset.PATCH_OFFSET, b.patchOffset, true);
  // A patch that leaves the data window would overwrite the read-only one.
  const fits = b.patchOffset + b.patch.length <= Region.READ_ONLY && b.patchOffset >= Region.DATA;
  view.setUint16(FieldOffset.PATCH_LENGTH, fits ? b.patch.length : 0, true);
  input.set(b.bytes, FieldOffset.CODE);
  if (fits) input.set(b.patch, FieldOffset.PATCH);
  const undefinedFlags =
    typeof instance.form.undefined === "number" ? instance.form.undefined : instance.form.undefined(b);
  return { instance, input, undefined: undefinedFlags };
}

/** Offset of the code in the code window. */
export function codeOffset(input: Uint8Array): number {
  const rip = new DataView(input.buffer, input.byteOffset).getUint32(FieldOffset.RIP, true);
  return rip & 0x1fff;
}

/** The image in the input of a floating-point case. */
export const imageOf = (input: Uint8Array): Uint8Array => input.subarray(FieldOffset.IMAGE);

/** What one side did: record, image where the case has one, then changed bytes as offset << 8 | value. */
export interface Outcome {
  readonly record: Uint8Array;
  readonly image: Uint8Array | undefined;
  readonly changes: Uint32Array;
}

export function* readOutcomes(data: Uint8Array): Generator<Outcome> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let at = 0; at < data.length; ) {
    const count = view.getUint16(at + FieldOffset.CHANGES, true);
    const changes = new Uint32Array(count);
    const record = data.subarray(at, at + OUTPUT);
    at += OUTPUT;
    const image = record[FieldOffset.WITH_FLOAT] ? data.subarray(at, at + IMAGE) : undefined;
    if (image !== undefined) at += IMAGE;
    for (let i = 0; i < count; i++) changes[i] = view.getUint32(at + i * 4, true);
    yield { record, image, changes };
    at += count * 4;
  }
}

/** CR2 counts for page faults only: otherwise it is that of the last one. */
export function sameOutcome(a: Outcome, b: Outcome): boolean {
  const compared = a.record[FieldOffset.VECTOR] === 14 ? OUTPUT : FieldOffset.CR2;
  return (
    Buffer.compare(a.record.subarray(0, compared), b.record.subarray(0, compared)) === 0 &&
    Buffer.compare(a.image ?? a.record, b.image ?? b.record) === 0 &&
    a.changes.length === b.changes.length &&
    a.changes.every((change, i) => change === b.changes[i])
  );
}
