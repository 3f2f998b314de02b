// The floating-point and vector state of the core as a case's image, and its comparison with the host's. Exact
// but for what is documented otherwise: the transcendental functions may be a unit in the last place apart (and then C1,
// which says whether the result was rounded up, means nothing), RCP and RSQRT agree within their stated error. AMD
// processors save the pointers of the last x87 instruction only while an exception is pending (APM vol. 2, 11.4.4).

import * as L from "../../src/engine/views.js";
import type { Machine } from "../engine/harness.js";
import { Image } from "./float-state.js";
import type { FloatForm } from "./form.js";

const C1 = 0x200;
const ES = 0x80;
/** What the upper halves of the YMM registers hold: legacy instructions leave them alone. */
const UPPER = 0x5a;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function loadFloat(m: Machine, image: Uint8Array): void {
  const view = viewOf(image);
  const cells = viewOf(m.u8);
  const status = view.getUint16(Image.FSW, true);
  cells.setUint16(L.X87_CONTROL, view.getUint16(Image.FCW, true), true);
  cells.setUint16(L.X87_STATUS, status, true);
  m.u8[L.X87_TAGS] = image[Image.TAGS]!;
  cells.setUint16(L.X87_OPCODE, view.getUint16(Image.FOP, true), true);
  m.u8.set(image.subarray(Image.FIP, Image.FIP + 8), L.X87_IP);
  m.u8.set(image.subarray(Image.FDP, Image.FDP + 8), L.X87_DP);
  cells.setUint16(L.X87_CS, 0, true);
  cells.setUint16(L.X87_DS, 0, true);
  m.set32(L.MXCSR, view.getUint32(Image.MXCSR, true));
  for (let i = 0; i < 8; i++) {
    const at = L.X87 + physical(status, i) * 16;
    m.u8.set(image.subarray(Image.ST + i * 16, Image.ST + i * 16 + 16), at);
  }
  for (let i = 0; i < 16; i++) {
    const at = L.YMM + i * 32;
    m.u8.set(image.subarray(Image.XMM + i * 16, Image.XMM + i * 16 + 16), at);
    m.u8.fill(UPPER, at + 16, at + 32);
  }
}

const physical = (status: number, i: number): number => ((status >> 11) + i) & 7;

export function compareFloat(
  differences: string[],
  m: Machine,
  image: Uint8Array,
  approximate: FloatForm["approximate"],
): void {
  const want = viewOf(image);
  const have = viewOf(m.u8);
  const number = (what: string, actual: number, expected: number): void => {
    if (actual !== expected) differences.push(`${what} ${actual.toString(16)} expected ${expected.toString(16)}`);
  };
  const status = want.getUint16(Image.FSW, true);
  number("fcw", have.getUint16(L.X87_CONTROL, true), want.getUint16(Image.FCW, true));
  const bits = approximate === "transcendental" ? ~C1 : ~0;
  number("fsw", have.getUint16(L.X87_STATUS, true) & bits, status & bits);
  number("tags", m.u8[L.X87_TAGS]!, image[Image.TAGS]!);
  number("mxcsr", m.get32(L.MXCSR), want.getUint32(Image.MXCSR, true));
  if ((status & ES) !== 0) {
    number("fop", have.getUint16(L.X87_OPCODE, true), want.getUint16(Image.FOP, true));
    for (const [what, at, cell] of [
      ["fip", Image.FIP, L.X87_IP],
      ["fdp", Image.FDP, L.X87_DP],
    ] as const) {
      // How wide addresses are differs.
      const actual = BigInt.asUintN(48, have.getBigUint64(cell, true));
      const expected = BigInt.asUintN(48, want.getBigUint64(at, true));
      if (actual !== expected) differences.push(`${what} ${actual.toString(16)} expected ${expected.toString(16)}`);
    }
  }
  for (let i = 0; i < 8; i++) {
    const at = L.X87 + physical(status, i) * 16;
    const from = Image.ST + i * 16;
    if (approximate === "transcendental" && i === 0) transcendental.results++;
    if (same(m.u8, at, image, from, 10)) continue;
    if (approximate === "transcendental" && i < 2 && adjacent(have, at, want, from)) continue;
    differences.push(`st${i} ${hex(m.u8, at, 10)} expected ${hex(image, from, 10)}`);
  }
  for (let i = 0; i < 16; i++) {
    const at = L.YMM + i * 32;
    const from = Image.XMM + i * 16;
    if (m.u8.subarray(at + 16, at + 32).some((byte) => byte !== UPPER))
      differences.push(`upper half of ymm${i} changed`);
    if (same(m.u8, at, image, from, 16)) continue;
    if (approximate === "reciprocal" && close(have, at, want, from)) continue;
    differences.push(`xmm${i} ${hex(m.u8, at, 16)} expected ${hex(image, from, 16)}`);
  }
}

function same(a: Uint8Array, at: number, b: Uint8Array, from: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[at + i] !== b[from + i]) return false;
  return true;
}

/** Most significant byte first: the exponent, then the significand, of an x87 register. */
export function hex(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(
    bytes
      .subarray(at, at + length)
      .slice()
      .reverse(),
  ).toString("hex");
}

/** Cases with transcendental results, and how many values were a unit in the last place apart. */
export const transcendental = { results: 0, apart: 0 };

/** Finite values of one sign that are one unit in the last place apart. */
function adjacent(have: DataView, at: number, want: DataView, from: number): boolean {
  const exponents = [have.getUint16(at + 8, true), want.getUint16(from + 8, true)] as const;
  if ((exponents[0] ^ exponents[1]) & 0x8000 || (exponents[1] & 0x7fff) === 0x7fff) return false;
  const significand = (view: DataView, offset: number): bigint => view.getBigUint64(offset, true);
  // Exponent and fraction count as one number: the units of neighbouring binades follow each other.
  const position = (exponent: number, value: bigint): bigint =>
    (BigInt(exponent & 0x7fff) << 63n) | BigInt.asUintN(63, value);
  const distance = position(exponents[0], significand(have, at)) - position(exponents[1], significand(want, from));
  if (distance !== 1n && distance !== -1n) return false;
  transcendental.apart++;
  return true;
}

/** Twice the relative error of 1.5 * 2^-12 that each side may have (SDM vol. 2, RCPPS). */
const RECIPROCAL_ERROR = 3 / 4096;

function close(have: DataView, at: number, want: DataView, from: number): boolean {
  for (let lane = 0; lane < 16; lane += 4) {
    if (have.getUint32(at + lane, true) === want.getUint32(from + lane, true)) continue;
    const actual = have.getFloat32(at + lane, true);
    const expected = want.getFloat32(from + lane, true);
    if (!Number.isFinite(expected) || expected === 0) return false;
    if (!(Math.abs(actual / expected - 1) <= RECIPROCAL_ERROR)) return false;
  }
  return true;
}
