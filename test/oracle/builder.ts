// Builds one oracle case: register file, memory patch and the bytes of one instruction. Memory operands are
// aimed: a target address is chosen first (inside the windows, across their edges, outside), then an
// addressing form at random, then register and displacement values that reach the target (SDM vol. 2, 2.1.5).

import { bytesOf, fillElements } from "./float-values.js";
import type { Form, Mode } from "./form.js";
import type { Random } from "./random.js";
import { LDT, Ldt, limitOf, NULL, type Segment, USER_CODE32, USER_CODE64, USER_DATA } from "./segments.js";

export const CODE = 0x20000000;
export const DATA = 0x30000000;
export const LOW = 0x4000;
/** Offsets of the windows in the concatenated regions. */
export const Region = { CODE: 0, DATA: 0x2000, READ_ONLY: 0x4000, LOW: 0x5000, SIZE: 0x7000 } as const;

const M64 = 0xffff_ffff_ffff_ffffn;
const SEGMENT_PREFIX = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
const SP = 4;
const BP = 5;

interface Operand {
  readonly modrm: number;
  readonly sib: number | undefined;
  readonly disp: number;
  readonly dispBytes: number;
  readonly x: number;
  readonly b: number;
  /** disp is to be computed from the target and the end of the instruction. */
  readonly relative: bigint | undefined;
}

export class Builder {
  readonly gpr: bigint[] = new Array(16).fill(0n);
  flags = 2;
  rip = 0n;
  fsBase = 0n;
  gsBase = 0n;
  /** ES CS SS DS FS GS. */
  segments: Segment[] = [];
  readonly patch: number[] = [];
  patchOffset = 0;
  bytes: number[] = [];
  /** Values that the form's undefined-flags function needs. */
  imm = 0n;
  lock = false;
  /** Displacement or immediate fixed by setup. */
  fixedImm: bigint | undefined;
  /** Registers whose value setup relies on. */
  private pinned = 0;
  /** Target of the memory operand fixed by setup (linear address). */
  target: number | undefined;
  noOverride = false;
  private head: number[] = [];
  private memory: Operand | undefined;
  /** Registers that the memory operand needs at their values. */
  readonly addressed: number[] = [];
  /** Meaningless prefixes to add. */
  padding = 0;
  /** Does not write over code: what came to be there might fault in the middle of what it does. */
  private sparesCode = false;
  /** Bytes of an address, and whether that takes a 67h. */
  addressSize = 8;
  private addressPrefix = false;

  constructor(
    readonly random: Random,
    readonly mode: Mode,
    readonly form: Form,
    readonly lowMapped: boolean,
    /** Flat segments and simple addresses: less to record. */
    readonly plain = false,
  ) {}

  get width(): number {
    return this.mode === 64 ? 64 : 32;
  }

  set(register: number, value: bigint): void {
    this.gpr[register] = this.mode === 64 ? value & M64 : value & 0xffff_ffffn;
    this.pinned |= 1 << register;
  }
  /** Low bits of a register, as CX of RCX. */
  setLow(register: number, bytes: number, value: bigint): void {
    const mask = (1n << BigInt(bytes * 8)) - 1n;
    this.set(register, (this.gpr[register]! & ~mask) | (value & mask));
  }
  low(register: number, bytes: number): bigint {
    return this.gpr[register]! & ((1n << BigInt(bytes * 8)) - 1n);
  }

  /** Bytes in memory at a data address, little-endian, replacing the template there. */
  poke(linear: number, value: bigint, bytes: number): void {
    if (this.patch.length === 0) this.patchOffset = linear - DATA + Region.DATA;
    const at = linear - DATA + Region.DATA - this.patchOffset;
    if (at < 0 || at + bytes > 64) return;
    while (this.patch.length < at + bytes) this.patch.push(0);
    for (let i = 0; i < bytes; i++) this.patch[at + i] = Number((value >> BigInt(i * 8)) & 0xffn);
  }
  /** The only patch, longer than `poke` allows: cases with floating-point state have room for it. */
  pokeBytes(linear: number, bytes: Uint8Array): void {
    this.patchOffset = linear - DATA + Region.DATA;
    this.patch.push(...bytes);
  }

  /** Aims the memory operand of a floating-point or vector form and fills it with such values. */
  private chooseFloatOperand(): void {
    const { float, access } = this.form;
    // 16-bit addresses of flat segments reach the low window only.
    if (float === undefined || this.form.rm !== "mem" || (this.addressSize === 2 && this.mode === 32)) return;
    this.target ??= this.aligned(this.chooseTarget(access));
    if (float.memory === undefined || this.patch.length > 0) return;
    const bytes = new Uint8Array(Math.max(access, bytesOf(float.memory)));
    fillElements(new DataView(bytes.buffer), 0, bytes.length, float.memory, this.random);
    this.pokeBytes(this.target, bytes);
  }
  private aligned(linear: number): number {
    const align = this.form.float?.align ?? 1;
    return align > 1 && !this.random.oneIn(10) ? linear - (linear % align) : linear;
  }

  /** Chooses everything; the segments are those of `program` where the instruction is part of one. */
  build(program?: Builder): void {
    const r = this.random;
    for (let i = 0; i < 16; i++) this.gpr[i] = this.mode === 64 ? r.operand() : i < 8 ? r.operand() & 0xffff_ffffn : 0n;
    this.flags = (r.u32() & 0x8d5) | 0x202 | (r.oneIn(4) ? 0x400 : 0) | (r.oneIn(40) ? 0x40000 : 0);
    if (program === undefined) {
      this.chooseSegments();
    } else {
      this.segments = program.segments;
      this.sparesCode = program.form.float !== undefined;
      // Away from where the executor itself lies.
      this.fsBase = program.fsBase;
      this.gsBase = program.gsBase;
    }
    this.chooseAddressSize();
    this.gpr[SP] = this.stackAddress(this.chooseStack());
    // Instructions may begin anywhere, also where they cross into the second page.
    const offset = r.oneIn(24) ? 0x1000 - 1 - r.below(14) : r.below(0x1e00);
    this.rip = BigInt(offset) + (this.mode === 16 ? 0n : BigInt(CODE));
    if (this.form.aligned) this.flags &= ~0x40000;
    this.form.setup?.(this);
    this.chooseFloatOperand();
    this.encode();
  }

  private chooseStack(): number {
    const r = this.random;
    switch (r.below(16)) {
      case 0:
        return r.below(0x1f80);
      case 1:
        return r.below(20);
      case 2:
        return 0x1000 - r.below(20) + r.below(20);
      case 3:
        return 0x2000 - r.below(40);
      default:
        return 0x400 + r.below(0x380) * 8;
    }
  }

  /** Which piece of an operand this long meets a limit or the end of the addresses first is the processor's own affair. */
  private get long(): boolean {
    return this.form.float !== undefined && this.form.access >= 512;
  }

  private chooseAddressSize(): void {
    const { form, mode, random: r } = this;
    this.addressSize = mode / 8;
    if (this.long && mode !== 64) {
      this.addressPrefix = mode === 16;
      this.addressSize = 4;
      return;
    }
    // 16-bit addresses reach flat memory only in the low window.
    if (
      form.bare ||
      this.plain ||
      !r.oneIn(mode === 16 ? 2 : 8) ||
      (mode === 32 && !this.lowMapped && form.rm === "mem")
    )
      return;
    this.addressPrefix = true;
    this.addressSize = mode === 32 ? 2 : 4;
  }

  /** Linear address for an implicit pointer through a segment: what an address of this size can reach. */
  pointer(segmentIndex: number, size: number): { linear: number; offset: bigint } {
    const base = this.mode === 64 ? 0 : this.segments[segmentIndex]!.base;
    const linear = this.addressSize === 2 && base === 0 ? LOW + this.random.below(0x1f00) : this.chooseTarget(size);
    return { linear, offset: BigInt.asUintN(this.addressSize * 8, BigInt(linear - base)) };
  }

  /** Stack pointer for a place in the data window, as SS sees it. */
  stackAddress(offset: number): bigint {
    return BigInt(DATA + offset - (this.mode === 64 ? 0 : this.segments[2]!.base)) & 0xffff_ffffn;
  }
  get stackLinear(): number {
    const wide = this.mode === 64 || (this.segments[2]!.rights & 0x4000) !== 0;
    const sp = this.gpr[SP]! & (wide ? 0xffff_ffffn : 0xffffn);
    return Number(sp) + (this.mode === 64 ? 0 : this.segments[2]!.base);
  }

  private chooseSegments(): void {
    const r = this.random;
    if (this.mode === 64) {
      this.segments = [NULL, USER_CODE64, USER_DATA, NULL, NULL, NULL];
      if (this.plain) return;
      this.fsBase = r.pick([0n, 0x1000n, BigInt(r.below(0x100_0000)), (r.u64() >> 18n) | (1n << 44n)]);
      this.gsBase = r.pick([0n, 0x1000n, BigInt(r.below(0x100_0000)), (r.u64() >> 18n) | (1n << 44n)]);
      return;
    }
    if (this.plain) {
      this.segments = [USER_DATA, USER_CODE32, USER_DATA, USER_DATA, USER_DATA, USER_DATA];
      return;
    }
    const data = [
      LDT[Ldt.FLAT]!,
      LDT[Ldt.DATA32]!,
      LDT[Ldt.DATA32]!,
      LDT[Ldt.DATA16]!,
      LDT[Ldt.DOWN32]!,
      LDT[Ldt.DOWN16]!,
      LDT[Ldt.WRAP]!,
    ];
    const odd = [LDT[Ldt.READ_ONLY]!, LDT[Ldt.CODE16]!, LDT[Ldt.PAGES]!, LDT[Ldt.ONE_BYTE]!, LDT[Ldt.SHORT]!, NULL];
    const any = (): Segment => (r.oneIn(4) ? r.pick(odd) : r.pick(data));
    const { long } = this;
    const flat = long || (this.mode === 32 && !r.oneIn(3));
    const stack = flat ? USER_DATA : r.pick([USER_DATA, LDT[Ldt.DATA32]!, LDT[Ldt.DATA16]!, LDT[Ldt.WRAP]!]);
    const based = this.mode === 16 && this.form.rm === "mem" ? LDT[Ldt.DATA32]! : undefined;
    this.segments = [
      flat ? USER_DATA : any(),
      this.mode === 16 ? LDT[Ldt.CODE16]! : USER_CODE32,
      this.mode === 16 && stack === USER_DATA ? LDT[long ? Ldt.DATA32 : Ldt.DATA16]! : stack,
      flat ? (based ?? USER_DATA) : r.oneIn(3) ? (based ?? USER_DATA) : any(),
      r.oneIn(2) ? NULL : long ? USER_DATA : any(),
      r.oneIn(2) ? NULL : long ? USER_DATA : any(),
    ];
  }

  /** Linear address for an operand of `size` bytes. */
  chooseTarget(size: number): number {
    const r = this.random;
    const n = Math.max(size, 1);
    switch (r.below(24)) {
      case 0:
        return DATA + 0x1000 - r.below(n + 1);
      case 1:
        return DATA + 0x2000 + r.below(0x1000 - n);
      case 2:
        return DATA + 0x2000 - r.below(n + 1);
      case 3:
        return DATA + 0x3000 - r.below(n + 1);
      case 4:
        return r.oneIn(2) ? DATA - r.below(n + 1) : DATA + 0x4000 + r.below(0x1000);
      case 5:
        return (this.sparesCode || this.long ? DATA : CODE) + r.below(0x1f00);
      case 6:
      case 7:
      case 8:
        return DATA + r.below(0x2000 / 16 - 8) * 16;
      default:
        return DATA + r.below(0x2000 - n);
    }
  }

  private segmentFor(prefix: number | undefined, usesStack: boolean): { base: bigint; segment: Segment | undefined } {
    if (this.mode === 64) {
      if (prefix === 0x64) return { base: this.fsBase, segment: undefined };
      if (prefix === 0x65) return { base: this.gsBase, segment: undefined };
      return { base: 0n, segment: undefined };
    }
    const index = prefix === undefined ? (usesStack ? 2 : 3) : SEGMENT_PREFIX.indexOf(prefix);
    const segment = this.segments[index]!;
    return { base: BigInt(segment.base), segment };
  }

  /** Chooses an addressing form and makes it reach the target. */
  private operand(addressSize: number, reg: number, override: number | undefined): Operand {
    const r = this.random;
    for (let attempt = 0; ; attempt++) {
      const made = addressSize === 2 ? this.operand16(reg, override) : this.operand32(addressSize, reg, override);
      if (made !== undefined) return made;
      if (attempt > 60) {
        // Every register is taken: an absolute address.
        const { base } = this.segmentFor(override, false);
        const disp = Number(BigInt.asIntN(32, BigInt(this.goal(false, override, addressSize)) - base));
        if (addressSize === 2)
          return { modrm: (reg << 3) | 6, sib: undefined, disp, dispBytes: 2, x: 0, b: 0, relative: undefined };
        if (this.mode === 64)
          return { modrm: (reg << 3) | 4, sib: 0x25, disp, dispBytes: 4, x: 0, b: 0, relative: undefined };
        return { modrm: (reg << 3) | 5, sib: undefined, disp, dispBytes: 4, x: 0, b: 0, relative: undefined };
      }
      r.u32();
    }
  }

  private goal(usesStack: boolean, override: number | undefined, addressSize: number): number {
    if (this.target !== undefined) return this.target;
    const { segment } = this.segmentFor(override, usesStack);
    if (addressSize === 2 && (segment === undefined || segment.base === 0))
      return this.aligned(LOW + this.random.below(0x1fe0));
    // Segments with a limit: sometimes around it, often where 16-bit offsets wrap.
    if (segment !== undefined && segment.base !== 0 && this.random.oneIn(segment === LDT[Ldt.WRAP] ? 2 : 6)) {
      return segment.base + ((limitOf(segment) + 1 - this.random.below(this.form.access + 2)) & 0xffff);
    }
    return this.chooseTarget(this.form.access);
  }

  private operand16(reg: number, override: number | undefined): Operand | undefined {
    const r = this.random;
    const mod = r.below(3);
    const rm = r.below(8);
    const usesStack = rm === 2 || rm === 3 || (rm === 6 && mod !== 0);
    const { base } = this.segmentFor(override, usesStack);
    const offset = Number(BigInt(this.goal(usesStack, override, 2)) - base) & 0xffff;
    const dispBytes = mod === 0 ? (rm === 6 ? 2 : 0) : mod;
    if (mod === 0 && rm === 6)
      return { modrm: (reg << 3) | 6, sib: undefined, disp: offset, dispBytes, x: 0, b: 0, relative: undefined };
    const [first, second] = ADDRESS16[rm]!;
    const disp = dispBytes === 1 ? r.below(256) - 128 : dispBytes === 2 ? r.u32() & 0xffff : 0;
    if ((this.pinned >> first) & 1) return undefined;
    const rest = second === undefined ? 0n : this.low(second, 2);
    this.setLow(first, 2, BigInt(offset - disp) - rest);
    this.addressed.push(first);
    if (second !== undefined) {
      this.pinned |= 1 << second;
      this.addressed.push(second);
    }
    return { modrm: (mod << 6) | (reg << 3) | rm, sib: undefined, disp, dispBytes, x: 0, b: 0, relative: undefined };
  }

  private operand32(addressSize: number, reg: number, override: number | undefined): Operand | undefined {
    const r = this.random;
    const mod = r.below(this.plain ? 2 : 3);
    const rm = this.plain ? r.pick([0, 1, 2, 3, 6, 7]) : r.below(8);
    const extended = this.mode === 64;
    const bits = addressSize * 8;
    let base: number | undefined;
    let index: number | undefined;
    let scale = 0;
    let sib: number | undefined;
    let x = 0;
    let b = extended ? r.below(2) : 0;
    if (rm === 4) {
      sib = r.below(256);
      x = extended ? r.below(2) : 0;
      index = ((sib >> 3) & 7) | (x << 3);
      if (index === 4) index = undefined;
      scale = sib >> 6;
      if (!((sib & 7) === 5 && mod === 0)) base = (sib & 7) | (b << 3);
    } else if (!(rm === 5 && mod === 0)) {
      base = rm | (b << 3);
    } else if (extended) {
      b = r.below(2);
      const target = BigInt(this.goal(false, override, addressSize)) - this.segmentFor(override, false).base;
      return { modrm: (reg << 3) | 5, sib: undefined, disp: 0, dispBytes: 4, x: 0, b, relative: target };
    }
    const usesStack = base === SP || base === BP;
    // A 32-bit stack pointer stays near the windows: the executor's own memory is elsewhere.
    const stackBase = base === SP && this.mode !== 64;
    if (stackBase && index !== undefined) return undefined;
    const goal = BigInt(this.goal(usesStack, override, addressSize)) - this.segmentFor(override, usesStack).base;
    const dispBytes = mod === 1 ? 1 : mod === 2 || base === undefined ? 4 : 0;
    let disp =
      dispBytes === 1
        ? r.below(256) - 128
        : dispBytes === 4
          ? !stackBase && r.oneIn(2)
            ? r.u32() | 0
            : r.below(4096) - 2048
          : 0;
    if (base === undefined && index === undefined) {
      disp = Number(BigInt.asIntN(32, goal));
    } else if (base === undefined || base === index) {
      const register = (base ?? index)!;
      if ((this.pinned >> register) & 1) return undefined;
      const factor = (1n << BigInt(scale)) + (base === undefined ? 0n : 1n);
      const wanted = BigInt.asUintN(bits, goal - BigInt(disp));
      this.setLow(register, addressSize, wanted / factor);
      if (dispBytes === 4) disp = (disp + Number(wanted % factor)) | 0;
    } else {
      if ((this.pinned >> base) & 1) return undefined;
      if (index !== undefined) this.pinned |= 1 << index;
      const offset = index === undefined ? 0n : this.low(index, addressSize) << BigInt(scale);
      this.setLow(base, addressSize, BigInt.asUintN(bits, goal - BigInt(disp) - offset));
    }
    for (const register of [base, index]) if (register !== undefined) this.addressed.push(register);
    return { modrm: (mod << 6) | (reg << 3) | rm, sib, disp, dispBytes, x, b, relative: undefined };
  }

  private encode(): void {
    const r = this.random;
    const { form, mode } = this;
    const prefixes: number[] = [];
    let w = 0;
    if (!form.fixedSize) {
      if (form.size === 2 && mode !== 16) prefixes.push(0x66);
      if (form.size === 4 && mode === 16) prefixes.push(0x66);
      if (form.size === 8 && !form.default64) w = 1;
    } else if (form.w === 1 || (form.w === "any" && r.oneIn(8))) {
      w = 1;
    }
    if (form.ignores66 && r.oneIn(12)) prefixes.push(0x66);
    const { addressSize } = this;
    if (this.addressPrefix) prefixes.push(0x67);
    let override: number | undefined;
    if (!form.bare && !this.noOverride && r.oneIn(8)) {
      override = r.pick(mode === 64 && r.oneIn(2) ? [0x64, 0x65] : SEGMENT_PREFIX);
      prefixes.push(override);
    }
    // In 64-bit mode the other four are ignored, and do not cancel an FS or GS before them.
    if (form.repIgnored && form.prefix === 0 && r.oneIn(12)) prefixes.push(r.pick([0xf2, 0xf3]));
    if (!form.bare && r.oneIn(form.lockable && form.rm === "mem" ? 6 : 60)) {
      prefixes.push(0xf0);
      this.lock = true;
    }
    if (form.size === 1 && form.vex === undefined && form.prefix === 0 && !form.bare && r.oneIn(16))
      prefixes.push(0x66);
    for (let i = 0; i < this.padding; i++) prefixes.push(0x2e);
    shuffle(r, prefixes);
    if (form.prefix !== 0) prefixes.splice(r.below(prefixes.length + 1), 0, form.prefix);
    // Of F2 and F3 the last one counts.
    if (form.float !== undefined && form.prefix >= 0xf2 && r.oneIn(24))
      prefixes.splice(r.below(prefixes.indexOf(form.prefix) + 1), 0, form.prefix ^ 1);

    let rexR = 0;
    let rexX = 0;
    let rexB = 0;
    let modrm: number[] = [];
    let operand: Operand | undefined;
    let opcodeRegister = 0;
    if (form.plus) {
      opcodeRegister = r.below(8);
      rexB = mode === 64 ? r.below(2) : 0;
    }
    if (form.reg !== undefined) {
      const reg = form.reg === "any" ? r.below(8) : form.reg;
      rexR = mode === 64 && r.oneIn(2) ? 1 : 0;
      if (form.rm === "mem") {
        operand = this.operand(addressSize, reg, override);
        rexX = operand.x;
        rexB = operand.b;
        modrm = [operand.modrm];
        if (operand.sib !== undefined) modrm.push(operand.sib);
      } else {
        rexB = mode === 64 ? r.below(2) : 0;
        modrm = [0xc0 | (reg << 3) | r.below(8)];
      }
    }
    const opcode = [...form.opcode];
    if (form.plus) opcode[opcode.length - 1]! |= opcodeRegister;
    const head: number[] = [];
    if (form.vex !== undefined) {
      const { map, pp, l, vvvv } = form.vex;
      if (mode !== 64) rexR = rexX = rexB = 0;
      const register = vvvv ? r.below(mode === 64 ? 16 : 8) : 0;
      const w1 = form.size === 8 || (mode !== 64 && r.oneIn(8)) ? 0x80 : 0;
      head.push(0xc4, ((rexR ^ 1) << 7) | ((rexX ^ 1) << 6) | ((rexB ^ 1) << 5) | map);
      head.push(w1 | ((~register & 15) << 3) | (l << 2) | pp);
    } else if (mode === 64 && (w | rexR | rexX | rexB || r.oneIn(4))) {
      if (form.reg === undefined) {
        rexR = r.below(2);
        rexX = r.below(2);
        if (!form.plus) rexB = r.below(2);
      }
      if (form.rm === "reg") rexX = r.below(2);
      // A REX that is not next to the opcode is ignored.
      if (!form.bare && r.oneIn(40) && prefixes.length > 0)
        prefixes.splice(r.below(prefixes.length), 0, 0x40 | r.below(16));
      head.push(0x40 | (w << 3) | (rexR << 2) | (rexX << 1) | rexB);
    }
    this.head = [...prefixes, ...head, ...opcode, ...modrm];
    this.memory = operand;
    this.imm = this.fixedImm ?? r.operand() & ((1n << BigInt(form.imm * 8)) - 1n);
    this.bytes = this.encodeAt(this.rip);
  }

  /** The bytes of the instruction at an address: RIP-relative displacements depend on it. */
  encodeAt(rip: bigint): number[] {
    const bytes = [...this.head];
    if (this.memory !== undefined) {
      let { disp } = this.memory;
      if (this.memory.relative !== undefined) {
        disp = Number(BigInt.asIntN(32, this.memory.relative - rip - BigInt(bytes.length + 4 + this.form.imm)));
      }
      for (let i = 0; i < this.memory.dispBytes; i++) bytes.push((disp >> (i * 8)) & 0xff);
    }
    for (let i = 0; i < this.form.imm; i++) bytes.push(Number((this.imm >> BigInt(i * 8)) & 0xffn));
    return bytes;
  }
}

/** Base and index of 16-bit addressing by r/m. */
const ADDRESS16: readonly (readonly [number, number | undefined])[] = [
  [3, 6],
  [3, 7],
  [5, 6],
  [5, 7],
  [6, undefined],
  [7, undefined],
  [5, undefined],
  [3, undefined],
];

function shuffle(r: Random, items: number[]): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = r.below(i + 1);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
}
