// What the generators of one program share: the world, which registers are spoken for, where things lie in the data
// window, the flavour of instructions, and how addresses are written in this code size.

import type { Mode } from "../oracle/form.js";
import type { Random } from "../oracle/random.js";
import { CATEGORIES, type Category, type Flavour } from "./catalog.js";
import { type Emitter, type Instruction, type Label, put } from "./emitter.js";
import type { Memory } from "./encode.js";
import { ABSENT, DATA, DATA_ALIAS, DATA_END, READ_ONLY, SLOTS, SLOTS_END, TABLES, TABLES_END } from "./layout.js";
import type { World } from "./world.js";

/** A piece of a program. Its children can be left out one by one, which is how a finding is made small. */
export interface Statement {
  readonly name: string;
  readonly children: Statement[];
  emit(e: Emitter): void;
}

export interface Routine {
  readonly label: Label;
  readonly body: Statement[];
  /** Where it begins: so many bytes before the next page, or right behind what comes before it. */
  readonly beforePage: number | undefined;
  /** Bytes of arguments that it takes off the stack. */
  readonly arguments: number;
}

export const SP = 4;
const FS_PREFIX = 0x64;
const SEGMENT_PREFIXES = [0x26, 0x36, 0x3e, 0x3e, 0x36, 0x2e] as const;

export class Context {
  /** Code size, and whether segments begin at the window's base, of what is generated now. */
  mode: Mode;
  short: boolean;
  /** Registers that statements other than their owner's leave alone. */
  readonly reserved = new Set<number>([SP]);
  /** Points into the data window, if there is such a register now. */
  pointer = -1;
  pointerAligned = true;
  readonly routines: Routine[] = [];
  /** Routine that is generated: it may call those behind it. */
  routine = -1;
  depth = 0;
  /** How many iterations the surrounding loops make of what is generated now. */
  weight = 1;
  /** Labels of bytes that may be changed at any time. */
  readonly sites: { label: Label; mask: number }[] = [];
  /** Only instructions that cannot fault. */
  calm = false;
  /** Where memory operands go, instead of anywhere. */
  aim: ((size: number, align: number) => number) | undefined;
  /** Code of now runs in ring 3 though the program does not. */
  ring: 0 | 3;
  /** What must be added to an offset to get an address in the code segment of now. */
  codeBase: bigint;
  private slot = SLOTS;
  private table = TABLES;
  private readonly draws: Category[] = [];

  constructor(
    readonly random: Random,
    readonly world: World,
    readonly flavour: Flavour,
  ) {
    this.mode = world.code;
    this.short = world.short;
    this.ring = world.cpl;
    this.codeBase = world.short ? 0n : world.base;
    for (const [category, weight] of flavour)
      for (let i = 0; i < weight; i++) this.draws.push(CATEGORIES[CATEGORIES.indexOf(category)]!);
  }

  /** Bytes of an address and of a stack slot. */
  get word(): 2 | 4 | 8 {
    return (this.mode / 8) as 2 | 4 | 8;
  }
  get registers(): number {
    return this.mode === 64 ? 16 : 8;
  }
  category(): Category {
    return this.random.pick(this.draws);
  }

  /** An address of the window as code of now writes it. */
  address(offset: number): bigint {
    return this.short ? BigInt(offset) : this.world.base + BigInt(offset);
  }
  /** Absolute addresses of the window fit a displacement. */
  get reachable(): boolean {
    return this.mode !== 64 || this.world.base < 0x7fff_0000n || this.world.base >= 0xffff_ffff_8000_0000n;
  }

  /** Eight bytes of data for one statement; the oldest are given out again. */
  newSlot(): number {
    const { slot } = this;
    this.slot = slot + 8 >= SLOTS_END ? SLOTS : slot + 8;
    return slot;
  }
  /** Room for four words, or undefined. */
  newTable(): number | undefined {
    if (this.table + 32 > TABLES_END) return undefined;
    this.table += 32;
    return this.table - 32;
  }

  /** A register that statements may use as they like. */
  scratch(except = -1): number {
    for (;;) {
      const register = this.random.below(this.registers);
      if (!this.reserved.has(register) && register !== except) return register;
    }
  }
  /** Likewise, one that can be a 16-bit base. */
  baseScratch(): number {
    if (this.mode === 16) {
      const free = [3, 5, 6, 7].filter((register) => !this.reserved.has(register));
      return this.random.pick(free);
    }
    return this.scratch();
  }

  /** MOV of a full-width constant. */
  load(register: number, value: number | bigint): Instruction {
    return loadConstant(this.mode, register, value);
  }
  /** MOV of an address in the window. */
  loadAddress(register: number, offset: number): Instruction {
    return this.load(register, this.address(offset));
  }
  /** MOV of a label's address, for an access to its bytes or for a jump. */
  loadLabel(register: number, label: Label, kind: "data" | "code", add = 0): Instruction {
    const { bytes } = this.load(register, this.mode === 64 ? 0x1234_5678_9abcn : 0);
    const size = this.word;
    const base = kind === "code" ? this.codeBase : this.address(0);
    return { bytes, fixes: [{ at: bytes.length - size, size, value: () => base + BigInt(label.offset + add) }] };
  }
  /** Says what a table of jump targets will hold. */
  fillTable(table: number, labels: readonly Label[]): (e: Emitter) => void {
    const { word, codeBase } = this;
    return (e) =>
      labels.forEach((label, n) => {
        e.word(table + n * word, word, () => codeBase + BigInt(label.offset));
      });
  }

  /** Size of the addresses that reach the window: 16-bit code with flat data segments needs wider ones than its own. */
  get reach(): 2 | 4 | 8 {
    return this.mode === 16 && !this.short ? 4 : this.word;
  }
  /** A place named by its offset alone. */
  absolute(offset: number): Memory {
    const memory = { addressSize: this.reach, segment: 0, base: -1, index: -1, scale: 0, displacement: 0 };
    if (this.mode === 64 && (!this.reachable || this.random.oneIn(2)))
      return { ...memory, relative: true, displacement: offset };
    return { ...memory, displacement: Number(BigInt.asIntN(32, this.address(offset))) };
  }
  /** The byte at a label, through the code's own address or its second name. */
  atLabel(label: Label, add: number): Memory {
    const memory = { addressSize: this.reach, segment: 0, base: -1, index: -1, scale: 0, displacement: 0 };
    if (this.mode === 64 && (!this.reachable || this.random.oneIn(2))) {
      return { ...memory, relative: true, fix: (end) => label.offset + add - end };
    }
    const base = this.address(add);
    return { ...memory, fix: () => base + BigInt(label.offset) };
  }

  /** An offset in the data window for an operand of so many bytes. */
  target(size: number, align: number): number {
    const { random } = this;
    if (this.aim !== undefined && !random.oneIn(30)) return this.aim(size, align);
    if (!this.calm && random.oneIn(40)) {
      // Absent, read-only, or across the edge of one; next to what is mapped twice.
      const page = random.pick([ABSENT, ABSENT, READ_ONLY, READ_ONLY, DATA_ALIAS]);
      return random.oneIn(3) ? page + 0x1000 - random.below(size + 1) : page + random.below(0x1000 - size);
    }
    if (random.oneIn(10)) {
      const target = DATA_ALIAS + random.below(0x1000 - size);
      return target - (target % align);
    }
    // Across pages, aligned or not.
    if (random.oneIn(12) && align === 1) return DATA + 0x1000 * (1 + random.below(2)) - random.below(size + 1);
    const target = DATA + random.below(DATA_END - DATA - size);
    return align > 1 && !(random.oneIn(30) && !this.calm) ? target - (target % align) : target;
  }

  /** A memory operand, with what must be executed before it. */
  memory(size: number, align: number, before: Instruction[]): Memory {
    const memory = this.place(size, align, before);
    if (memory.segment !== 0 || this.calm || !this.random.oneIn(25)) return memory;
    // ES, SS, DS and CS begin where the operand's own segment does; only CS may not be written.
    return { ...memory, segment: this.random.pick(SEGMENT_PREFIXES) };
  }

  private place(size: number, align: number, before: Instruction[]): Memory {
    const { random, mode, word, pointer } = this;
    const other = mode === 16 ? 4 : mode === 32 ? (this.short ? 2 : 4) : this.world.base === 0x20000n ? 4 : 8;
    const addressSize = this.reach !== word ? this.reach : random.oneIn(mode === 16 ? 3 : 14) ? other : word;
    const plain: Memory = { addressSize, segment: 0, base: -1, index: -1, scale: 0, displacement: 0 };
    const kind = random.below(16);
    const flatPointer = pointer >= 0 && addressSize === word && !(align > 1 && !this.pointerAligned);
    if (kind < 7 && flatPointer) {
      const displacement = (random.below(0x200) - 0x100) & -align;
      if (kind < 5 || (mode === 16 && random.oneIn(2))) return { ...plain, base: pointer, displacement };
      // A bounded index.
      const index = mode === 16 ? random.pick([6, 7]) : this.scratch();
      if (this.reserved.has(index)) return { ...plain, base: pointer, displacement };
      const scale = mode === 16 ? 0 : random.below(4);
      before.push(mask(mode, index, (random.pick([0x1f, 0x7f, 0x3ff]) >> scale) & -align));
      return { ...plain, base: pointer, index, scale, displacement };
    }
    if (kind === 7 && mode !== 16 && addressSize === word && !this.short) {
      // Below the stack pointer.
      return { ...plain, base: SP, displacement: -((0x20 + random.below(0x80)) & -align) - size };
    }
    const target = this.target(size, align);
    if (kind === 8 && this.world.fs && mode === this.world.code && addressSize === word) {
      return { ...plain, segment: FS_PREFIX, displacement: target - DATA };
    }
    const fresh = kind > 11 || (mode === 64 && !this.reachable && addressSize === 8 && random.oneIn(2));
    if (!fresh || this.calm) {
      if (addressSize === this.reach) return this.absolute(target);
      return { ...plain, displacement: Number(BigInt.asIntN(32, this.address(target))) };
    }
    const base = addressSize === 2 ? this.freeOf([3, 5, 6, 7]) : this.scratch();
    if (base < 0) return { ...plain, displacement: Number(this.address(target)) };
    const displacement = random.oneIn(2) ? 0 : random.below(0x180) - 0xc0;
    before.push(loadConstant(mode, base, this.address(target) - BigInt(displacement), Math.max(addressSize, word)));
    return { ...plain, base, displacement };
  }
  private freeOf(registers: readonly number[]): number {
    const free = registers.filter((register) => !this.reserved.has(register));
    return free.length > 0 ? this.random.pick(free) : -1;
  }
}

/** AND register, mask in the full width. */
function mask(mode: Mode, register: number, value: number): Instruction {
  const rex = mode === 64 ? [register > 7 ? 0x41 : 0x40].slice(register > 7 ? 0 : 1) : [];
  const bytes = [...rex, 0x81, 0xe0 | (register & 7), value & 0xff, (value >> 8) & 0xff];
  if (mode !== 16) bytes.push(0, 0);
  return { bytes };
}

/** MOV register, constant of `size` bytes (the code's own width unless given). */
export function loadConstant(mode: Mode, register: number, value: number | bigint, size = mode / 8): Instruction {
  const bytes: number[] = [];
  if (size !== mode / 8 && mode === 16) bytes.push(0x66);
  if (mode === 64) {
    const wide = typeof value === "bigint" ? BigInt.asUintN(64, value) : BigInt.asUintN(64, BigInt(value));
    if (wide < 0x1_0000_0000n && size === 8 && (wide & 1n) === 0n) {
      // The short form zero-extends.
      if (register > 7) bytes.push(0x41);
      size = 4;
    } else bytes.push(0x48 | (register >> 3));
  }
  bytes.push(0xb8 | (register & 7));
  const at = bytes.length;
  for (let i = 0; i < size; i++) bytes.push(0);
  const target = Uint8Array.from(bytes);
  put(target, at, size, typeof value === "bigint" ? BigInt.asUintN(64, value) : value);
  return { bytes: [...target] };
}
