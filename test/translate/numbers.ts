// Random programs of floating-point instructions: straight code, branches on comparisons, loops in loops, over registers
// that are loaded, combined, moved and converted. Numbers are mostly of ordinary size and now and then next to the
// borders of what translated code takes for granted, so that bounds and checks of many kinds come together.

import type { Random } from "../oracle/random.js";
import type { Loop, Width } from "./loop.js";

const ROW = 64;
const PREFIX = [0, 0x66, 0xf3, 0xf2] as const;

/** [opcode, mandatory prefixes that it exists with (by number), immediate] of 0F instructions xmm, xmm/m. */
const OPERATIONS: readonly (readonly [opcode: number, prefixes: readonly number[], immediate?: number])[] = [
  ...[0x58, 0x58, 0x59, 0x59, 0x59, 0x59, 0x5c, 0x5c, 0x5e, 0x5d, 0x5f, 0x51].map(
    (opcode) => [opcode, [0, 1, 2, 3]] as const,
  ),
  [0x5a, [0, 1, 2, 3]],
  [0x5b, [0]],
  [0xe6, [2]],
  [0x28, [0, 1]],
  [0x28, [0, 1]],
  [0x10, [2, 3]],
  [0x14, [0, 1]],
  [0x15, [0, 1]],
  [0x7c, [1, 3]],
  [0xd0, [1, 3]],
  [0x12, [3]],
  [0xc6, [0, 1], 256],
  [0x70, [1], 256],
  [0xc2, [0, 1, 2, 3], 8],
  [0x54, [1]],
  [0x57, [1]],
  [0x7e, [2]],
];

/** What the numbers of a program are like: one in `wild` is special, most are of an exponent from `first` on. */
interface Profile {
  readonly wild: number;
  readonly first: number;
  readonly span: number;
}
function someProfile(wide: boolean, r: Random): Profile {
  const wild = r.pick([8, 60, 400, 1_000_000]);
  if (r.oneIn(2)) return { wild, first: -10, span: 20 };
  // Just inside of what is common.
  const border = wide ? 256 : 32;
  return { wild, first: r.oneIn(2) ? -border : border - 10, span: r.pick([1, 10]) };
}
/** A number: sometimes at a border, seldom special. */
function someNumber(wide: boolean, r: Random, { wild, first, span }: Profile): number {
  const sign = r.oneIn(2) ? -1 : 1;
  const fraction = r.oneIn(3) ? 1 : 1 + r.below(1 << 20) / (1 << 20);
  if (!r.oneIn(wild)) {
    if (r.oneIn(10)) return r.oneIn(2) ? 0 : -0;
    if (first === -10 && r.oneIn(2)) return sign * r.below(64);
    return sign * fraction * 2 ** (first + r.below(span));
  }
  if (r.oneIn(7)) return r.pick([Infinity, NaN, Number.MIN_VALUE, 1e-310, 1e-40, Number.MAX_VALUE, 3.4e38]) * sign;
  const borders = wide ? [256, 512, 564, 820, 1021, 1022, 500, 126] : [32, 64, 87, 125, 126, 127, 55, 20];
  return sign * fraction * 2 ** ((r.oneIn(2) ? -1 : 1) * (r.pick(borders) + r.below(5) - 2));
}
function putNumber(view: DataView, at: number, wide: boolean, r: Random, profile: Profile): void {
  const size = wide ? 8 : 4;
  if (at >= 16 && r.oneIn(6)) {
    // Next to another one: their difference is small.
    for (let n = 0; n < size; n++) view.setUint8(at + n, view.getUint8(at + n - 16) ^ (n === 0 ? r.below(2) : 0));
  } else if (r.oneIn(profile.wild * 8)) {
    // Any bits.
    for (let n = 0; n < size; n++) view.setUint8(at + n, r.below(256));
  } else if (wide) view.setFloat64(at, someNumber(wide, r, profile), true);
  else view.setFloat32(at, someNumber(wide, r, profile), true);
}

class Program {
  readonly bytes: number[] = [];
  /** Mandatory prefix of a program that is all arithmetic: chains of operations, whose results stay in bounds or not. */
  private readonly chain: number | undefined;
  constructor(
    private readonly r: Random,
    private readonly width: Width,
    private readonly registers: number,
    private readonly wide: boolean,
  ) {
    if (r.oneIn(2)) this.chain = PREFIX[(wide ? 1 : 0) + (r.oneIn(2) ? 2 : 0)];
  }

  register(): number {
    return this.r.below(this.registers);
  }
  /** prefix, REX, 0F opcode, ModRM: registers, or [rSI + disp32]. */
  encode(prefix: number, opcode: number, reg: number, rm: number | undefined, disp = 0, base = 6): void {
    if (prefix !== 0) this.bytes.push(prefix);
    const rex = 0x40 | ((reg >> 3) << 2) | ((rm ?? 0) >> 3);
    if (this.width === 64 && rex !== 0x40) this.bytes.push(rex);
    this.bytes.push(0x0f, opcode);
    if (rm !== undefined) this.bytes.push(0xc0 | ((reg & 7) << 3) | (rm & 7));
    else this.bytes.push(0x80 | ((reg & 7) << 3) | base, ...[0, 8, 16, 24].map((n) => (disp >> n) & 0xff));
  }
  private place(): number {
    return this.r.below(8) * 16;
  }
  /** A random instruction; most of one precision. */
  instruction(): void {
    const { r } = this;
    const kind = r.below(12);
    if (kind === 0 || (this.chain === undefined && kind < 3)) this.load();
    else if (this.chain !== undefined) this.link(this.chain);
    else if (kind === 3) this.fromInteger();
    // CVTTSD2SI, CVTSD2SI ... into EAX.
    else if (kind === 4) this.encode(this.wide ? 0xf2 : 0xf3, r.oneIn(2) ? 0x2c : 0x2d, 0, this.register());
    else this.operation();
  }
  private link(prefix: number): void {
    const { r } = this;
    const opcode = r.pick([0x59, 0x59, 0x59, 0x5e, 0x58, 0x5c, 0x28]);
    const source = r.oneIn(3) ? undefined : this.register();
    this.encode(opcode === 0x28 ? 0 : prefix, opcode, this.register(), source, this.place());
  }
  /** CVTSI2SD, CVTSI2SS of ECX; MOVD from ECX. */
  private fromInteger(): void {
    if (this.r.oneIn(4)) this.encode(0x66, 0x6e, this.register(), 1);
    else this.encode(this.wide ? 0xf2 : 0xf3, 0x2a, this.register(), 1);
  }
  private operation(): void {
    const { r } = this;
    const [opcode, prefixes, immediate] = r.pick(OPERATIONS);
    const mine = prefixes.filter((n) => (n & 1) === (this.wide ? 1 : 0));
    const prefix = PREFIX[r.pick(mine.length > 0 && !r.oneIn(6) ? mine : prefixes)]!;
    const source = r.oneIn(5) ? undefined : this.register();
    this.encode(prefix, opcode, this.register(), source, this.place());
    if (immediate !== undefined) this.bytes.push(r.below(immediate));
  }
  /** MOVSD, MOVSS, MOVAPS from the row. */
  load(): void {
    const { r } = this;
    const whole = r.oneIn(3);
    this.encode(whole ? 0 : this.wide ? 0xf2 : 0xf3, whole ? 0x28 : 0x10, this.register(), undefined, this.place());
  }
  block(length: number): void {
    for (let n = 0; n < length; n++) this.instruction();
  }
  compare(): void {
    this.encode(this.wide ? 0x66 : 0, this.r.oneIn(2) ? 0x2e : 0x2f, this.register(), this.register());
  }
  /** A conditional branch over what `body` adds. */
  skip(cc: number, body: () => void): void {
    this.bytes.push(0x0f, 0x80 | cc, 0, 0, 0, 0);
    const from = this.bytes.length;
    body();
    this.patch(from - 4, this.bytes.length - from);
  }
  private patch(at: number, distance: number): void {
    for (let n = 0; n < 4; n++) this.bytes[at + n] = (distance >> (n * 8)) & 0xff;
  }
  /** Counts a register down around what `body` adds. */
  loop(register: number, body: () => void): void {
    const start = this.bytes.length;
    body();
    // dec r32; jnz start
    if (this.width === 64) this.bytes.push(0xff, 0xc8 | register);
    else this.bytes.push(0x48 | register);
    this.bytes.push(0x0f, 0x85, 0, 0, 0, 0);
    this.patch(this.bytes.length - 4, start - this.bytes.length);
  }
  /** add rSI, n; add rDI, n */
  advance(register: 6 | 7, by: number): void {
    if (this.width === 64) this.bytes.push(0x48);
    this.bytes.push(0x81, 0xc0 | register, by & 0xff, by >> 8, 0, 0);
  }
  store(register: number, disp: number): void {
    this.encode(0, 0x11, register, undefined, disp, 7);
  }
}

/** A program in the form that loop.ts runs: rCX turns over rows of 64 bytes. */
export function someNumbers(width: Width, r: Random): Loop {
  const wide = r.oneIn(2);
  const registers = r.pick([4, 8, width === 64 ? 16 : 8]);
  const p = new Program(r, width, registers, wide);
  const conditions = [2, 3, 4, 5, 6, 7, 10, 11];
  for (let n = 0; n < registers; n++) p.encode(0, 0x28, n, undefined, r.below(8) * 16);
  const piece = (depth: number): void => {
    switch (r.below(depth > 0 ? 4 : 2)) {
      case 0:
        p.compare();
        p.skip(r.pick(conditions), () => p.block(r.below(6)));
        break;
      case 2:
        p.bytes.push(0xba, 1 + r.below(4), 0, 0, 0);
        p.loop(2, () => {
          p.block(1 + r.below(5));
          if (r.oneIn(2)) piece(0);
        });
        break;
      default:
        p.block(1 + r.below(8));
    }
  };
  const rows = 30 + r.below(40);
  const control = !r.oneIn(3);
  p.loop(1, () => {
    for (let n = 1 + r.below(4); n > 0; n--) piece(1);
    for (let n = 0; n < 3; n++) p.store(p.register(), n * 16);
    // stmxcsr [rDI + 30h]; ldmxcsr [rBP]: flags of this turn alone.
    if (control) p.bytes.push(0x0f, 0xae, 0x5f, 0x30, 0x0f, 0xae, 0x55, 0x00);
    p.advance(6, r.pick([0, 16, 64]));
    p.advance(7, 64);
  });
  p.bytes.push(0xf4);
  const input = new Uint8Array(rows * ROW + 256);
  const view = new DataView(input.buffer);
  const profile = someProfile(wide, r);
  const size = wide ? 8 : 4;
  for (let at = 0; at < input.length; at += size) putNumber(view, at, wide, r, profile);
  return {
    width,
    code: Uint8Array.from(p.bytes),
    rows,
    input,
    offset: 0,
    mxcsr: r.pick([0x1fa0, 0x1fa0, 0x1fa0, 0x1f80, 0x1f80, 0x9fe0, 0x1000]),
  };
}
