// Makes a failing oracle case small and readable: registers, flags and memory that do not matter are
// cleared while the two sides still differ.

import { Decoder, Formatter, FormatterSyntax } from "iced-x86";
import { type Case, FieldOffset, type Outcome } from "./records.js";

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
  return best;
}

/** What differs, without the values. */
const kindOf = (differences: readonly string[]): string =>
  differences.map((text) => (text.startsWith("vector") ? text : text.split(" ")[0])).join(" ");

const NAMES = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];

export function disassemble(bytes: Uint8Array, bits: number, ip: bigint): string {
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
  if (patched > 0)
    lines.push(
      `  [region ${view.getUint16(FieldOffset.PATCH_OFFSET, true).toString(16)}] = ${Buffer.from(patch).toString("hex")}`,
    );
  lines.push(`  host: vector ${outcome.record[FieldOffset.VECTOR]}`, ...differences.map((text) => `    ${text}`));
  return lines.join("\n");
}
