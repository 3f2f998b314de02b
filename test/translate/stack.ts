// Random programs of x87 instructions: loops in loops and branches on comparisons over a stack that stays balanced most of the
// time. Numbers are mostly ordinary ones of all formats, so that translated code has something to do, and sometimes at
// the borders of formats, subnormal, infinite or not numbers at all.

import { fillElements } from "../oracle/float-values.js";
import type { Random } from "../oracle/random.js";
import type { Loop, Width } from "./loop.js";

const ROW = 64;
/** ModRM.reg with [rSI + disp8] for sources, [rDI + disp8] for destinations. */
const SOURCE = 0x46;
const DESTINATION = 0x47;

/** What lies in a row of the input: [offset, format]. */
const PLACE = {
  single: 0x00,
  double: 0x08,
  integer16: 0x10,
  integer32: 0x14,
  integer64: 0x18,
  extended: 0x20,
} as const;
/** Control words behind the row that rBP points to: nearest, truncating, 53 bits, upwards, zero divide unmasked. */
const CONTROLS = [0x37f, 0xf7f, 0x27f, 0xb7f, 0x37b];

class Program {
  readonly bytes: number[] = [];
  /** Values on the stack. */
  private held = 0;
  constructor(
    private readonly r: Random,
    private readonly width: Width,
    private readonly careless: number,
  ) {}

  private add(...bytes: number[]): void {
    this.bytes.push(...bytes);
  }
  private source(opcode: number, reg: number, place: number): void {
    this.add(opcode, SOURCE | (reg << 3), place);
  }
  /** Another register that holds a value; any one, now and then. */
  private other(): number {
    return this.r.oneIn(this.careless) ? this.r.below(8) : this.r.below(Math.max(1, Math.min(8, this.held)));
  }
  private load(): void {
    const { r } = this;
    const kinds: (() => void)[] = [
      () => this.source(0xd9, 0, PLACE.single),
      () => this.source(0xdd, 0, PLACE.double),
      () => this.source(0xdd, 0, PLACE.double),
      () => this.source(0xdf, 0, PLACE.integer16),
      () => this.source(0xdb, 0, PLACE.integer32),
      () => this.source(0xdf, 5, PLACE.integer64),
      () => this.source(0xdb, 5, PLACE.extended),
      () => this.add(0xd9, 0xc0 | this.other()),
      () => this.add(0xd9, 0xe8 + r.below(7)),
    ];
    r.pick(this.held === 0 ? kinds.slice(0, 7) : kinds)();
    this.held++;
  }
  private store(): void {
    const { r } = this;
    const place = r.below(4) * 16;
    const forms: [opcode: number, reg: number, pops: boolean][] = [
      [0xd9, 2, false],
      [0xd9, 3, true],
      [0xdd, 2, false],
      [0xdd, 3, true],
      [0xdb, 7, true],
      [0xdb, 2, false],
      [0xdb, 3, true],
      [0xdf, 2, false],
      [0xdf, 3, true],
      [0xdf, 7, true],
      [0xdb, 1, true],
      [0xdd, 1, true],
      [0xdf, 1, true],
    ];
    const [opcode, reg, pops] = r.pick(forms);
    this.add(opcode, DESTINATION | (reg << 3), place);
    if (pops) this.held--;
  }
  private arithmetic(): void {
    const { r } = this;
    const reg = r.pick([0, 0, 1, 1, 4, 5, 6, 7]);
    const kind = r.below(6);
    if (kind === 0) this.source(r.pick([0xd8, 0xdc]), reg, 0);
    else if (kind === 1) this.source(0xdc, reg, PLACE.double);
    else if (kind === 2) this.source(r.pick([0xda, 0xde]), reg, PLACE.integer32);
    else if (kind === 3 && this.held > 1) {
      this.add(0xde, 0xc0 | (reg << 3) | (r.oneIn(this.careless) ? r.below(8) : 1 + r.below(this.held - 1)));
      this.held--;
    } else this.add(r.oneIn(3) ? 0xdc : 0xd8, 0xc0 | (reg << 3) | this.other());
  }
  private compare(): void {
    const { r } = this;
    const i = this.other();
    const forms: (() => number)[] = [
      () => this.pair(0xd8, 0xd0 | i, 0),
      () => this.pair(0xd8, 0xd8 | i, 1),
      () => this.pair(0xdd, 0xe0 | i, 0),
      () => this.pair(0xdd, 0xe8 | i, 1),
      () => this.pair(0xdb, 0xf0 | i, 0),
      () => this.pair(0xdb, 0xe8 | i, 0),
      () => this.pair(0xdf, 0xf0 | i, 1),
      () => this.pair(0xd9, 0xe4, 0),
      () => this.memory(0xd8, 2, PLACE.single, 0),
      () => this.memory(0xdc, 3, PLACE.double, 1),
      () => this.memory(0xda, 2, PLACE.integer32, 0),
      () => (this.held > 1 ? this.pair(0xde, 0xd9, 2) : this.pair(0xd9, 0xe4, 0)),
      () => (this.held > 1 ? this.pair(0xda, 0xe9, 2) : this.pair(0xd9, 0xe4, 0)),
    ];
    this.held -= r.pick(forms)();
    // fnstsw ax; sahf
    if (r.oneIn(2)) this.add(0xdf, 0xe0, 0x9e);
  }
  private pair(first: number, second: number, pops: number): number {
    this.add(first, second);
    return pops;
  }
  private memory(opcode: number, reg: number, place: number, pops: number): number {
    this.source(opcode, reg, place);
    return pops;
  }
  private control(): void {
    const { r } = this;
    // fldcw [rBP - n]: nearest most of the time.
    const kind = r.below(5);
    if (kind === 0) this.add(0xd9, 0x7f, r.below(4) * 16);
    else if (kind === 1) this.add(0xdd, 0x7f, r.below(4) * 16);
    else this.loadControl(r.oneIn(3) ? r.below(CONTROLS.length) : 0);
  }
  loadControl(n: number): void {
    this.add(0xd9, 0x6d, (-2 * (n + 1)) & 0xff);
  }
  /** A cast: fldcw truncating; fistp; fldcw nearest. */
  private cast(): void {
    this.loadControl(1);
    this.add(0xdb, DESTINATION | (3 << 3), 0);
    this.loadControl(0);
    this.held--;
  }
  /** A random instruction that the stack allows. */
  instruction(): void {
    const { r } = this;
    if (this.held <= 0 || (this.held < 3 && r.oneIn(2))) this.load();
    else if (this.held > 6) this.store();
    else {
      const kind = r.below(20);
      if (kind < 9) this.arithmetic();
      else if (kind < 11) this.load();
      else if (kind < 13) this.store();
      else if (kind === 13) this.add(0xd9, 0xc8 | this.other());
      else if (kind === 14) this.compare();
      else if (kind === 15) this.add(0xd9, 0xe0 | r.below(2));
      else if (kind === 16) this.add(r.pick([0xda, 0xdb]), 0xc0 | (r.below(4) << 3) | this.other());
      else if (kind === 17) this.control();
      else if (kind === 18) this.cast();
      else this.rare();
    }
    if (r.oneIn(this.careless * 4)) this.held = r.below(8);
  }
  /** fst st(i); fnop; fsqrt; frndint; ffree; fincstp; fxam; fnclex */
  private rare(): void {
    const { r } = this;
    const forms = [
      [0xdd, 0xd0 | this.other()],
      [0xd9, 0xd0],
      [0xd9, 0xfa],
      [0xd9, 0xfc],
      [0xd9, 0xe5],
      [0xdb, 0xe2],
      [0xdd, 0xd0 | this.other()],
      [0xd9, 0xf7],
    ];
    const form = r.pick(forms.slice(0, r.oneIn(this.careless) ? forms.length : forms.length - 1));
    this.add(...form);
  }
  block(length: number): void {
    for (let n = 0; n < length; n++) this.instruction();
  }
  /** A comparison and a branch over what `body` adds, which leaves as many values as it finds, mostly. */
  branch(body: () => void): void {
    const { r } = this;
    this.compare();
    this.add(0x0f, 0x80 | r.pick([2, 3, 4, 5, 6, 7, 10, 11]), 0, 0, 0, 0);
    const from = this.bytes.length;
    const before = this.held;
    body();
    if (!r.oneIn(this.careless)) this.balance(before);
    this.held = before;
    this.patch(from - 4, this.bytes.length - from);
  }
  /** Loads and drops values until there are so many. */
  balance(wanted: number): void {
    while (this.held < wanted) this.load();
    while (this.held > wanted) {
      this.add(0xdd, 0xd8);
      this.held--;
    }
  }
  loop(register: number, body: () => void): void {
    const start = this.bytes.length;
    const before = this.held;
    body();
    if (!this.r.oneIn(this.careless)) this.balance(before);
    this.held = before;
    if (this.width === 64) this.add(0xff, 0xc8 | register);
    else this.add(0x48 | register);
    this.add(0x0f, 0x85, 0, 0, 0, 0);
    this.patch(this.bytes.length - 4, start - this.bytes.length);
  }
  private patch(at: number, distance: number): void {
    for (let n = 0; n < 4; n++) this.bytes[at + n] = (distance >> (n * 8)) & 0xff;
  }
  /** fninit */
  reset(): void {
    this.add(0xdb, 0xe3);
    this.held = 0;
  }
  /** add rSI, n; add rDI, n */
  advance(register: 6 | 7, by: number): void {
    if (this.width === 64) this.add(0x48);
    this.add(0x81, 0xc0 | register, by & 0xff, by >> 8, 0, 0);
  }
}

function putNumber(view: DataView, at: number, wide: boolean, r: Random, wild: number): void {
  if (r.oneIn(wild)) {
    fillElements(view, at, wide ? 8 : 4, wide ? "f64" : "f32", r);
    return;
  }
  const sign = r.oneIn(2) ? -1 : 1;
  let value = r.oneIn(2) ? r.below(1000) : (1 + r.below(1 << 30) / (1 << 30)) * 2 ** (r.below(60) - 30);
  if (r.oneIn(12)) value = 0;
  if (wide) view.setFloat64(at, sign * value, true);
  else view.setFloat32(at, sign * value, true);
}
/** A row of the input: every format at its place, and an extended number of many bits. */
function fillRow(view: DataView, at: number, r: Random, wild: number): void {
  putNumber(view, at + PLACE.single, false, r, wild);
  putNumber(view, at + PLACE.double, true, r, wild);
  view.setInt16(at + PLACE.integer16, r.oneIn(3) ? r.u32() : r.below(200) - 100, true);
  view.setInt32(at + PLACE.integer32, r.oneIn(3) ? r.u32() : r.below(200) - 100, true);
  view.setBigInt64(at + PLACE.integer64, r.oneIn(3) ? r.u64() : BigInt(r.below(200) - 100), true);
  if (r.oneIn(wild)) fillElements(view, at + PLACE.extended, 10, "f80", r);
  else {
    view.setBigUint64(at + PLACE.extended, r.u64() | (1n << 63n), true);
    view.setUint16(at + PLACE.extended + 8, (r.oneIn(2) ? 0x8000 : 0) | (0x3fff + r.below(60) - 30), true);
  }
}

/** A program in the form that loop.ts runs. */
export function someStack(width: Width, r: Random): Loop {
  const p = new Program(r, width, r.pick([8, 100, 100_000, 100_000]));
  const piece = (depth: number): void => {
    switch (r.below(depth > 0 ? 4 : 2)) {
      case 0:
        p.instruction();
        p.branch(() => p.block(r.below(6)));
        break;
      case 2:
        p.bytes.push(0xba, 1 + r.below(4), 0, 0, 0);
        p.loop(2, () => {
          p.block(1 + r.below(6));
          if (r.oneIn(2)) piece(0);
        });
        break;
      default:
        p.block(1 + r.below(10));
    }
  };
  const rows = 30 + r.below(40);
  p.reset();
  p.loadControl(0);
  for (let n = r.below(4); n > 0; n--) p.instruction();
  p.loop(1, () => {
    if (r.oneIn(4)) p.reset();
    if (r.oneIn(8)) p.loadControl(r.below(CONTROLS.length));
    for (let n = 1 + r.below(4); n > 0; n--) piece(1);
    p.advance(6, r.pick([0, 64]));
    p.advance(7, 64);
  });
  p.bytes.push(0xf4);
  const input = new Uint8Array(rows * ROW + 256);
  const view = new DataView(input.buffer);
  const wild = r.pick([6, 60, 1_000_000]);
  for (let at = 0; at + ROW <= input.length; at += ROW) fillRow(view, at, r, wild);
  const control = new Uint8Array(CONTROLS.length * 2);
  const words = new DataView(control.buffer);
  for (const [n, word] of CONTROLS.entries()) words.setUint16((CONTROLS.length - 1 - n) * 2, word, true);
  return { width, code: Uint8Array.from(p.bytes), rows, input, offset: 0, mxcsr: 0x1f80, control };
}
