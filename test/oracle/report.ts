// Makes a failing oracle case small and readable: registers, flags and memory that do not matter are
// cleared while the two sides still differ.

import { Decoder, Formatter, FormatterSyntax } from "iced-x86";
import { hex } from "./float-compare.js";
import { Image } from "./float-state.js";
import { type Case, FieldOffset, imageOf, type Outcome } from "./records.js";

export interface Failure {
  readonly item: Case;
  readonly outcome: Outcome;
  readonly differences: string[];
}

export async function minimise(
  item: Case,
  outcome: Outcome,
  differences: readonly string[],
  retry: (item: Case) => Promise<{ outcome: Outcome; differences: string[] }>,
): Promise<Failure> {
  const first = await retry(item);
  // Depends on what ran before it: nothing to take away.
  if (first.differences.length === 0) return { item, outcome, differences: ["(not reproduced alone)", ...differences] };
  let best: Failure = { item, ...first };
  const attempt = async (change: (view: DataView) => void): Promise<void> => {
    const input = best.item.input.slice();
    change(new DataView(input.buffer));
    if (Buffer.compare(input, best.item.input) === 0) return;
    const candidate: Case = { ...best.item, input };
    const result = await retry(candidate);
    if (kindOf(result.differences) === kindOf(first.differences)) best = { item: candidate, ...result };
  };
  for (let register = 0; register < 16; register++) await attempt((view) => view.setBigUint64(register * 8, 0n, true));
  await attempt((view) => view.setUint32(FieldOffset.FLAGS, 0x202, true));
  await attempt((view) => view.setUint16(FieldOffset.PATCH_LENGTH, 0, true));
  await attempt((view) => view.setBigUint64(FieldOffset.FS_BASE, 0n, true));
  await attempt((view) => view.setBigUint64(FieldOffset.GS_BASE, 0n, true));
  if (item.input[FieldOffset.WITH_FLOAT]) await minimiseFloat(attempt);
  return best;
}

/** State at rest, then registers of zeros, where the difference stays. */
async function minimiseFloat(attempt: (change: (view: DataView) => void) => Promise<void>): Promise<void> {
  const image = FieldOffset.IMAGE;
  await attempt((view) => view.setUint32(image + Image.MXCSR, 0x1f80, true));
  await attempt((view) => view.setUint16(image + Image.FCW, 0x37f, true));
  await attempt((view) => view.setUint16(image + Image.FSW, view.getUint16(image + Image.FSW, true) & 0x3800, true));
  await attempt((view) => view.setUint16(image + Image.FSW, 0, true));
  await attempt((view) => view.setUint8(image + Image.TAGS, 0xff));
  const clear = (at: number) => (view: DataView) => {
    for (let i = 0; i < 16; i++) view.setUint8(image + at + i, 0);
  };
  await attempt((view) => {
    for (let i = 0; i < 16; i++) clear(Image.XMM + i * 16)(view);
  });
  await attempt((view) => {
    for (let i = 2; i < 8; i++) clear(Image.ST + i * 16)(view);
  });
  for (let i = 0; i < 16; i++) await attempt(clear(Image.XMM + i * 16));
  for (let i = 0; i < 8; i++) await attempt(clear(Image.ST + i * 16));
}

function describeFloat(image: Uint8Array): string[] {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const word = (at: number): string => view.getUint16(at, true).toString(16);
  const registers: string[] = [];
  for (let i = 0; i < 8; i++) {
    const value = hex(image, Image.ST + i * 16, 10);
    if (!/^0*$/.test(value)) registers.push(`st${i}=${value}`);
  }
  for (let i = 0; i < 16; i++) {
    const value = hex(image, Image.XMM + i * 16, 16);
    if (!/^0*$/.test(value)) registers.push(`xmm${i}=${value}`);
  }
  const tags = image[Image.TAGS]!.toString(16);
  const mxcsr = view.getUint32(Image.MXCSR, true).toString(16);
  return [`  fcw=${word(Image.FCW)} fsw=${word(Image.FSW)} tags=${tags} mxcsr=${mxcsr}`, `  ${registers.join(" ")}`];
}

/** What differs, without the values. */
const kindOf = (differences: readonly string[]): string =>
  differences.map((text) => (text.startsWith("vector") ? text : text.split(" ")[0])).join(" ");

const NAMES = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];

function disassemble(bytes: Uint8Array, bits: number, ip: bigint): string {
  const decoder = new Decoder(bits, bytes, 0);
  decoder.ip = ip;
  const instruction = decoder.decode();
  const formatter = new Formatter(FormatterSyntax.Intel);
  const text = formatter.format(instruction);
  for (const object of [decoder, instruction, formatter]) object.free();
  return text;
}

export function describeCase(item: Case, outcome: Outcome, differences: readonly string[]): string {
  const view = new DataView(item.input.buffer, item.input.byteOffset, item.input.byteLength);
  const { mode, key } = item.instance;
  const code = item.input.subarray(FieldOffset.CODE, FieldOffset.CODE + view.getUint16(FieldOffset.CODE_LENGTH, true));
  const ip = view.getBigUint64(FieldOffset.RIP, true);
  const registers: string[] = [];
  for (let i = 0; i < (mode === 64 ? 16 : 8); i++) {
    const value = view.getBigUint64(i * 8, true);
    if (value !== 0n) registers.push(`${i < 8 ? (mode === 64 ? "r" : "e") + NAMES[i] : `r${i}`}=${value.toString(16)}`);
  }
  const selectors = ["es", "cs", "ss", "ds", "fs", "gs"].map(
    (name, i) => `${name}=${view.getUint16(FieldOffset.SELECTORS + i * 2, true).toString(16)}`,
  );
  const patched = view.getUint16(FieldOffset.PATCH_LENGTH, true);
  const patch = item.input.subarray(FieldOffset.PATCH, FieldOffset.PATCH + patched);
  const lines = [
    `${key}: ${Buffer.from(code).toString("hex")}  ${disassemble(code, mode, ip)}`,
    `  ${registers.join(" ")} ip=${ip.toString(16)} flags=${view.getUint32(FieldOffset.FLAGS, true).toString(16)}`,
  ];
  if (mode !== 64) lines.push(`  ${selectors.join(" ")}`);
  if (item.input[FieldOffset.WITH_FLOAT]) lines.push(...describeFloat(imageOf(item.input)));
  if (patched > 0)
    lines.push(
      `  [region ${view.getUint16(FieldOffset.PATCH_OFFSET, true).toString(16)}] = ${Buffer.from(patch).toString("hex")}`,
    );
  lines.push(`  host: vector ${outcome.record[FieldOffset.VECTOR]}`, ...differences.map((text) => `    ${text}`));
  return lines.join("\n");
}
