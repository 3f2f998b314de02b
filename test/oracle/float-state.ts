// The x87, MMX and SSE state of a case as bytes 0-415 of an FXSAVE image (SDM vol. 1, table 10-2): random control
// words, stack depths and values where the form uses them, a fixed state at rest where it does not.

import { fillElements } from "./float-values.js";
import type { FloatForm, Mode } from "./form.js";
import type { Random } from "./random.js";

export const IMAGE = 416;
export const Image = {
  FCW: 0,
  FSW: 2,
  TAGS: 4,
  FOP: 6,
  FIP: 8,
  FDP: 16,
  MXCSR: 24,
  MXCSR_MASK: 28,
  ST: 32,
  XMM: 160,
} as const;

/** Summary of unmasked exceptions, and the busy bit that follows it. */
const ES_B = 0x8080;

function someControl(r: Random): number {
  const precision = r.pick([3, 3, 3, 3, 3, 2, 2, 0]);
  const masks = r.oneIn(6) ? r.u32() & 0x3f : 0x3f;
  return 0x40 | masks | (precision << 8) | (r.oneIn(2) ? 0 : r.below(4) << 10) | (r.oneIn(8) ? 0x1000 : 0);
}

function someStatus(r: Random, control: number): number {
  let flags = r.oneIn(2) ? 0 : r.u32() & 0x7f;
  // A pending exception stops most instructions: not too often.
  if ((flags & ~control & 0x3f) !== 0 && !r.oneIn(4)) flags &= control;
  const pending = (flags & ~control & 0x3f) !== 0;
  return flags | (r.u32() & 0x7f00) | (pending ? ES_B : 0);
}

/** Registers in use, by physical number: all, some from the top down, or any. */
function someTags(r: Random, top: number): number {
  const kind = r.below(20);
  if (kind < 7) return 0xff;
  if (kind > 17) return r.u32() & 0xff;
  const used = (1 << (1 + r.below(7))) - 1;
  const turned = used << top;
  return (turned | (turned >> 8)) & 0xff;
}

export function someMxcsr(r: Random): number {
  const masks = r.oneIn(6) ? r.u32() & 0x1f80 : 0x1f80;
  const flags = r.oneIn(2) ? 0 : r.u32() & 0x3f;
  const zeros = (r.oneIn(6) ? 0x8000 : 0) | (r.oneIn(6) ? 0x40 : 0);
  return masks | flags | zeros | (r.oneIn(2) ? 0 : r.below(4) << 13);
}

/** Writes the state for a form. */
export function writeImage(bytes: Uint8Array, form: FloatForm, mode: Mode, r: Random): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { st, xmm } = form;
  view.setUint16(Image.FCW, 0x37f, true);
  view.setUint32(Image.MXCSR, xmm === undefined ? 0x1f80 : someMxcsr(r), true);
  if (st === undefined) {
    for (let i = 0; i < 8; i++) bytes.fill(0x11 * (i + 1), Image.ST + i * 16, Image.ST + i * 16 + 10);
  } else {
    const control = someControl(r);
    const status = someStatus(r, control);
    view.setUint16(Image.FCW, control, true);
    view.setUint16(Image.FSW, status, true);
    bytes[Image.TAGS] = someTags(r, (status >> 11) & 7);
    view.setUint16(Image.FOP, r.u32() & 0x7ff, true);
    // Canonical in 64-bit mode, 32 bits wide elsewhere.
    view.setUint32(Image.FIP, r.u32(), true);
    view.setUint32(Image.FDP, r.u32(), true);
    if (mode === 64) {
      view.setUint32(Image.FIP + 4, r.u32() & 0x7fff, true);
      view.setUint32(Image.FDP + 4, r.u32() & 0x7fff, true);
    }
    for (let i = 0; i < 8; i++) {
      const at = Image.ST + i * 16;
      if (st === "f80") {
        fillElements(view, at, 10, st, r, i === 0 ? 0 : 16);
      } else {
        fillElements(view, at, 8, st, r, i === 0 ? 0 : 16);
        view.setUint16(at + 8, r.oneIn(2) ? 0xffff : r.u32() & 0xffff, true);
      }
    }
  }
  for (let i = 0; i < 16; i++) {
    const at = Image.XMM + i * 16;
    if (xmm === undefined) bytes.fill(0x0f * i, at, at + 16);
    else fillElements(view, at, 16, xmm, r, i === 0 ? 0 : 16);
  }
}
