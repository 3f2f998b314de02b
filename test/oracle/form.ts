// What the oracle knows about one instruction form: how it is encoded, which operands it has, and which
// preparation makes its interesting behaviour likely.

import type { Builder } from "./builder.js";
import type { Element } from "./float-values.js";

export type Mode = 16 | 32 | 64;

export interface Form {
  readonly name: string;
  readonly modes: readonly Mode[];
  /** Mandatory prefix (66, F2, F3) or 0. */
  readonly prefix: number;
  /** Escape bytes and opcode; the last byte takes a register number with `plus`. */
  readonly opcode: readonly number[];
  readonly plus: boolean;
  /** Operand size in bytes, encoded with 66 or REX.W unless `fixedSize`. */
  readonly size: 1 | 2 | 4 | 8;
  readonly fixedSize: boolean;
  /** In 64-bit mode the operand size is 8 without REX.W (stack and near branches). */
  readonly default64: boolean;
  /** undefined: no ModRM. Otherwise the reg field (digit) or "any", and the kind of r/m operand. */
  readonly reg: number | "any" | undefined;
  readonly rm: "reg" | "mem" | undefined;
  /** Bytes of immediate; "z" is min(size, 4). */
  readonly imm: number;
  /** Bytes the memory operand covers. */
  readonly access: number;
  readonly lockable: boolean;
  /** F2 and F3 change nothing (they may be added at random). */
  readonly repIgnored: boolean;
  readonly vex: { readonly map: number; readonly pp: number; readonly l: number; readonly vvvv: boolean } | undefined;
  /** Mask of undefined flags, given the case. */
  readonly undefined: number | ((b: Builder) => number);
  /** Sets registers and memory before the instruction is encoded. */
  readonly setup: ((b: Builder) => void) | undefined;
  /** Ends with a single step instead of the HLT behind it. */
  readonly step: boolean;
  /** Stands for a short program of other forms. */
  readonly sequence: boolean;
  /** AC stays clear: what a processor probes for alignment is its own affair. */
  readonly aligned: boolean;
  /** A fault may leave part of what the instruction pushes in memory, or pops in registers. */
  readonly partial: boolean;
  /** Random prefixes (segment, 66, REX noise, LOCK) would make it another instruction. */
  readonly bare: boolean;
  /** REX.W of a form of fixed size. */
  readonly w: 0 | 1 | "any";
  /** 66 changes nothing (it may be added at random). */
  readonly ignores66: boolean;
  /** Works on x87, MMX or SSE state, which the case then carries. */
  readonly float: FloatForm | undefined;
}

/** What the registers and memory of a floating-point or vector form hold; a part left out stays at rest. */
export interface FloatForm {
  /** x87 registers (f80) or MMX registers (the others). */
  readonly st?: Element;
  readonly xmm?: Element;
  readonly memory?: Element;
  /** Memory operands are mostly aligned to this. */
  readonly align?: number;
  /** The result is an approximation: of the transcendental functions, or of 1/x and 1/sqrt(x). */
  readonly approximate?: "transcendental" | "reciprocal";
}

const DEFAULTS: Omit<Form, "name" | "opcode"> = {
  modes: [16, 32, 64],
  prefix: 0,
  plus: false,
  size: 4,
  fixedSize: false,
  default64: false,
  reg: undefined,
  rm: undefined,
  imm: 0,
  access: 0,
  lockable: false,
  repIgnored: false,
  vex: undefined,
  undefined: 0,
  setup: undefined,
  step: false,
  sequence: false,
  aligned: false,
  partial: false,
  bare: false,
  w: 0,
  ignores66: false,
  float: undefined,
};

export function form(name: string, opcode: readonly number[], options: Partial<Form> = {}): Form {
  const merged = { ...DEFAULTS, ...options, name, opcode };
  return { ...merged, access: options.access ?? merged.size };
}

export const LEGACY: readonly Mode[] = [16, 32];
export const LONG: readonly Mode[] = [64];
export const ALL: readonly Mode[] = [16, 32, 64];
const SUFFIX = { 1: "b", 2: "w", 4: "d", 8: "q" } as const;
export type Size = 1 | 2 | 4 | 8;

export const suffix = (size: Size): string => SUFFIX[size];

/** Modes in which an operand size exists. */
export const modesOf = (size: Size): readonly Mode[] => (size === 8 ? LONG : ALL);

/** Register and memory variants of a ModRM form. */
export function rmForms(name: string, opcode: readonly number[], options: Partial<Form>): Form[] {
  return [form(`${name}_r`, opcode, { ...options, rm: "reg" }), form(`${name}_m`, opcode, { ...options, rm: "mem" })];
}

export const WDQ: readonly Size[] = [2, 4, 8];
export const BWDQ: readonly Size[] = [1, 2, 4, 8];
export const DQ: readonly Size[] = [4, 8];
