// Lays out the machine code of one program: instructions with values that depend on where labels come to lie,
// branches that are as short as they can be, and beside the bytes the length of each instruction (which the fault
// handlers step over) and the code size that it is for.

import type { Mode } from "../oracle/form.js";
import { CODE_SIZE } from "./layout.js";

export class Label {
  /** Offset in the code, once laid out. */
  offset = 0;
}

/** A field of an instruction that depends on places: given the offset of the instruction's end. */
export interface Fix {
  readonly at: number;
  readonly size: number;
  readonly value: (end: number) => number | bigint;
}

export interface Instruction {
  readonly bytes: readonly number[];
  readonly fixes?: readonly Fix[];
}

/** What a branch does: a condition code, or one of these. */
export const Branch = { JMP: 16, CALL: 17, LOOPNE: 18, LOOPE: 19, LOOP: 20, JCXZ: 21 } as const;

export interface Assembled {
  readonly code: Uint8Array;
  /** Length of the instruction that begins at an offset, 0 elsewhere. */
  readonly lengths: Uint8Array;
  /** Code size in bytes of the operand: 16, 32, 64 by offset of instructions. */
  readonly modes: Uint8Array;
  readonly end: number;
  /** Bytes that may have another value without the program going astray. */
  readonly soft: readonly { readonly offset: number; readonly mask: number }[];
  /** Words in the data window that hold places in the code. */
  readonly words: readonly { readonly offset: number; readonly size: number; readonly value: bigint }[];
}

/** The program does not fit the code window. */
export class TooLarge extends Error {}

interface Pending {
  readonly at: number;
  readonly end: number;
  readonly fix: Fix;
}
interface Jump {
  readonly number: number;
  readonly at: number;
  readonly label: Label;
}

export class Emitter {
  readonly code = new Uint8Array(CODE_SIZE);
  readonly lengths = new Uint8Array(CODE_SIZE);
  readonly modes = new Uint8Array(CODE_SIZE);
  here = 0;
  private readonly pending: Pending[] = [];
  private readonly jumps: Jump[] = [];
  private readonly softBytes: { label: Label; mask: number }[] = [];
  private readonly tables: { offset: number; size: number; value: () => bigint }[] = [];
  private branches = 0;

  constructor(
    public mode: Mode,
    private readonly long: ReadonlySet<number>,
  ) {}

  bind(label: Label): void {
    label.offset = this.here;
  }
  org(offset: number): void {
    this.here = offset;
  }

  emit(...instructions: readonly Instruction[]): void {
    for (const { bytes, fixes } of instructions) {
      const { here } = this;
      if (here + bytes.length + 16 > CODE_SIZE) throw new TooLarge();
      this.code.set(bytes, here);
      this.lengths[here] = bytes.length;
      this.modes[here] = this.mode;
      this.here += bytes.length;
      if (fixes !== undefined) for (const fix of fixes) this.pending.push({ at: here, end: this.here, fix });
    }
  }
  raw(...bytes: readonly number[]): void {
    this.emit({ bytes });
  }

  /** The byte at a label may be changed: whatever it is, the program goes on. */
  soft(label: Label, mask: number): void {
    this.softBytes.push({ label, mask });
  }
  /** A word in the data window that holds an address in the code. */
  word(offset: number, size: number, value: () => bigint): void {
    this.tables.push({ offset, size, value });
  }

  /** A branch, mostly with a displacement of one byte if that reaches. */
  branch(kind: number, label: Label): void {
    const number = this.branches++;
    // Some have the long form without need.
    const isLong = this.long.has(number) || (kind < Branch.CALL && number % 9 === 4);
    if (!isLong && kind !== Branch.CALL) {
      const opcode = kind < 16 ? 0x70 | kind : kind === Branch.JMP ? 0xeb : 0xe0 + kind - Branch.LOOPNE;
      this.jumps.push({ number, at: this.here, label });
      this.raw(opcode, 0);
      return;
    }
    if (kind === Branch.JCXZ) {
      // test ecx,ecx; jz
      this.raw(0x85, 0xc9);
      this.wide([0x0f, 0x84], label);
    } else if (kind >= Branch.LOOPNE) {
      // lea ecx,[ecx-1] of the address size; jecxz is out of reach as well: dec, jnz.
      this.raw(...(this.mode === 64 ? [0x48, 0xff, 0xc9] : [0xff, 0xc9]));
      this.wide([0x0f, 0x85], label);
    } else if (kind === Branch.CALL) {
      this.wide([0xe8], label);
    } else if (kind === Branch.JMP) {
      this.wide([0xe9], label);
    } else {
      this.wide([0x0f, 0x80 | kind], label);
    }
  }
  private wide(opcode: readonly number[], label: Label): void {
    const size = this.mode === 16 ? 2 : 4;
    const bytes = [...opcode, ...new Array<number>(size).fill(0)];
    this.emit({ bytes, fixes: [{ at: opcode.length, size, value: (end) => label.offset - end }] });
  }

  /** Resolves everything, or names the branches that do not reach. */
  finish(): Assembled | Set<number> {
    const far = new Set(this.long);
    for (const { number, at, label } of this.jumps) {
      const distance = label.offset - (at + 2);
      if (distance < -128 || distance > 127) far.add(number);
      this.code[at + 1] = distance;
    }
    if (far.size > this.long.size) return far;
    for (const { at, end, fix } of this.pending) put(this.code, at + fix.at, fix.size, fix.value(end));
    return {
      code: this.code,
      lengths: this.lengths,
      modes: this.modes,
      end: this.here,
      soft: this.softBytes.map(({ label, mask }) => ({ offset: label.offset, mask })),
      words: this.tables.map(({ offset, size, value }) => ({ offset, size, value: value() })),
    };
  }
}

/** Writes a value in little-endian order. */
export function put(bytes: Uint8Array, at: number, size: number, value: number | bigint): void {
  if (typeof value === "number") {
    for (let i = 0; i < size; i++) bytes[at + i] = i < 4 ? value >> (i * 8) : value < 0 ? 0xff : 0;
    return;
  }
  for (let i = 0; i < size; i++) bytes[at + i] = Number((value >> BigInt(i * 8)) & 0xffn);
}

/** Emits until every branch reaches. */
export function assembleWith(mode: Mode, emit: (emitter: Emitter) => void): Assembled {
  let long: Set<number> = new Set();
  for (;;) {
    const emitter = new Emitter(mode, long);
    emit(emitter);
    const result = emitter.finish();
    if (!(result instanceof Set)) return result;
    long = result;
  }
}
