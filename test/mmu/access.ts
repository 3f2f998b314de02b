// Reference data access: an operand of up to eight bytes, or a probed run, at a linear address. Alignment
// checks (SDM vol. 3, 6.15, #AC; before page faults, as AMD processors have it), canonical addresses (SDM
// vol. 1, 3.3.7.1; that of the first byte counts before alignment), wrap-around at 4 GiB outside 64-bit code, translation of every page before any byte
// moves, data breakpoints (SDM vol. 3, 18.2).

import type { GuestMemory, Place } from "./guest-memory.js";
import type { Regime } from "./regime.js";
import { type Access, settle, walk } from "./walk.js";

export interface Part extends Place {
  readonly gpa: bigint;
  readonly linear: bigint;
  readonly bytes: number;
}

export type Outcome =
  | { readonly fault: "none"; readonly parts: readonly Part[] }
  /** #GP(0) or #SS(0): not canonical, or over the limit of a flat segment. */
  | { readonly fault: "segment" }
  | { readonly fault: "page"; readonly error: number; readonly address: bigint }
  | { readonly fault: "alignment" };

export const LINEAR = 0xffff_ffff_ffff_ffffn;

export function isCanonical(linear: bigint): boolean {
  const top = linear >> 47n;
  return top === 0n || top === 0x1ffffn;
}

/** First byte of the page after the one that ends `bytes` further on. */
function following(regime: Regime, linear: bigint, bytes: number, access: Access): bigint {
  const next = (linear + BigInt(bytes)) & LINEAR;
  const wide = regime.code64 || (regime.longMode && (access.implicit || linear >> 32n !== 0n));
  return wide ? next : next & 0xffff_ffffn;
}

/** Splits a run of bytes at page boundaries. */
function split(regime: Regime, linear: bigint, size: number, access: Access): { linear: bigint; bytes: number }[] {
  const parts: { linear: bigint; bytes: number }[] = [];
  for (let at = linear, left = size; ; ) {
    const bytes = Math.min(left, 4096 - Number(at & 0xfffn));
    parts.push({ linear: at, bytes });
    left -= bytes;
    if (left === 0) return parts;
    at = following(regime, at, bytes, access);
  }
}

/** Translates all pages of an access in order, with the accessed and dirty flags that leaves behind. */
function translateAll(
  regime: Regime,
  memory: GuestMemory,
  pieces: readonly { linear: bigint; bytes: number }[],
  access: Access,
): Outcome {
  const parts: Part[] = [];
  for (const { linear, bytes } of pieces) {
    if (!isCanonical(linear)) return { fault: "segment" };
    const result = walk(regime, memory, linear, access);
    if (!result.ok) return { fault: "page", error: result.error, address: linear };
    settle(memory, result, access.write === true);
    parts.push({ ...memory.at(result.gpa), gpa: result.gpa, linear, bytes });
  }
  return { fault: "none", parts };
}

function misaligned(regime: Regime, linear: bigint, size: number, { user }: Access): boolean {
  const checked = user && regime.cpl === 3 && regime.alignmentMask && regime.ac;
  return checked === true && isCanonical(linear) && (linear & BigInt(size - 1)) !== 0n;
}

/** An operand: it must be aligned where that is checked, and canonical as a whole, before any page counts. */
export function operand(regime: Regime, memory: GuestMemory, linear: bigint, size: number, access: Access): Outcome {
  if (misaligned(regime, linear, size, access)) return { fault: "alignment" };
  const pieces = split(regime, linear, size, access);
  const second = pieces[1];
  if (second !== undefined) {
    const wraps = second.linear < linear && !access.implicit && regime.flat;
    if (wraps || !isCanonical(second.linear)) return { fault: "segment" };
  }
  return translateAll(regime, memory, pieces, access);
}

/** A run that is only probed, page by page; of the size of an operand, it is checked as one. */
export function probe(regime: Regime, memory: GuestMemory, linear: bigint, size: number, access: Access): Outcome {
  if ((size === 2 || size === 4 || size === 8) && misaligned(regime, linear, size, access))
    return { fault: "alignment" };
  return translateAll(regime, memory, split(regime, linear, size, access), access);
}

/** DR6 bits of the data breakpoints that a run of bytes meets: 18.2.5, tables 18-1 and 18-2. */
export function breakpointHits(regime: Regime, linear: bigint, size: number, write: boolean): number {
  let hits = 0;
  for (let n = 0; n < 4; n++) {
    const enabled = (regime.dr7 >> (2 * n)) & 3;
    const kind = (regime.dr7 >> (16 + 4 * n)) & 3;
    if (enabled === 0 || !(kind === 3 || (kind === 1 && write))) continue;
    const length = ([1n, 2n, 8n, 4n] as const)[((regime.dr7 >> (18 + 4 * n)) & 3) as 0 | 1 | 2 | 3];
    const start = (regime.breakpoints[n] as bigint) & ~(length - 1n);
    for (let i = 0n; i < BigInt(size); i++) {
      const byte = (linear + i) & LINEAR;
      if (byte >= start && byte < start + length) hits |= 1 << n;
    }
  }
  return hits;
}
