// Short programs for the oracle: several instructions in a row, memory operands with their address registers
// loaded first, conditional branches over the next instruction. They reach what single instructions cannot:
// flags that a later instruction consumes, fused pairs, blocks that end in branches, pending x87 exceptions and the
// pointers of the instruction that raised them.

import { Builder } from "./builder.js";
import type { Form, Mode } from "./form.js";
import { ARITHMETIC } from "./forms-arithmetic.js";
import { DATA_FORMS } from "./forms-data.js";
import { SSE_FORMS } from "./forms-sse.js";
import { VECTOR_FORMS } from "./forms-vector.js";
import { X87_FORMS } from "./forms-x87.js";

/** Bytes of code in an input record. */
const CODE_MAX = 272;

// Left out: implicit memory operands (their registers hold anything here), division (its faults leave flags
// undefined), and whatever loads segments.
const EXCLUDED =
  /^(div|idiv|bt[src]?_._rm_r_m|.*moffs|push|pop|enter|leave|(rep_|repne_)?(movs|cmps|stos|lods|scas)_|xlat|pusha|popa|les|lds|lss|lfs|lgs|mov_.._rm|mov_._rm_|lar|lsl|verr|verw|wr|cmpxchg(8|16)b|ud|vex|bls_|rorx_vvvv|too)/;
const usable = (mode: Mode): readonly Form[] =>
  [...ARITHMETIC, ...DATA_FORMS].filter((form) => form.modes.includes(mode) && !form.step && !EXCLUDED.test(form.name));
const FORMS: Record<Mode, readonly Form[]> = { 16: usable(16), 32: usable(32), 64: usable(64) };

// Left out: results that are only close, undefined opcodes, implicit operands, bits of MXCSR that the host alone has.
const usableFloat = (mode: Mode): readonly Form[] =>
  [...X87_FORMS, ...X87_FORMS, ...VECTOR_FORMS, ...SSE_FORMS].filter(
    (form) =>
      form.modes.includes(mode) &&
      form.float?.approximate !== "transcendental" &&
      !/ud_|maskmov|_f?xsave|_f?xrstor|ldmxcsr/.test(form.name),
  );
const FLOAT_FORMS: Record<Mode, readonly Form[]> = { 16: usableFloat(16), 32: usableFloat(32), 64: usableFloat(64) };

/** MOV register, immediate of the full width. */
function load(mode: Mode, register: number, value: bigint): number[] {
  const bytes =
    mode === 64 ? [0x48 | (register >> 3), 0xb8 | (register & 7)] : [...(mode === 16 ? [0x66] : []), 0xb8 | register];
  for (let i = 0; i < (mode === 64 ? 8 : 4); i++) bytes.push(Number((value >> BigInt(i * 8)) & 0xffn));
  return bytes;
}

/** CMP, ADD, SUB, TEST of two registers, or ADD, SUB, CMP, TEST with an immediate: all flags (TEST: but AF) become defined. */
function defineFlags(b: Builder): number[] {
  const { random: r, mode } = b;
  const prefix = mode === 64 && r.oneIn(2) ? [0x48 | (r.below(2) << 2) | r.below(2)] : r.oneIn(6) ? [0x66] : [];
  const modrm = 0xc0 | r.below(64);
  return r.oneIn(2)
    ? [...prefix, r.pick([0x01, 0x29, 0x39, 0x00, 0x28, 0x38]), modrm]
    : [...prefix, 0x83, 0xc0 | (r.pick([0, 5, 7]) << 3) | r.below(8), r.below(256)];
}

function instruction(b: Builder, offset: number): number[] {
  const { random, mode } = b;
  const float = b.form.float !== undefined && !random.oneIn(5);
  const form = random.pick(float ? FLOAT_FORMS[mode] : FORMS[mode]);
  const one = new Builder(random, mode, form, b.lowMapped);
  one.build(b);
  const loads = [...new Set(one.addressed)].flatMap((register) => load(mode, register, one.gpr[register]!));
  const bytes = one.encodeAt(b.rip + BigInt(offset + loads.length));
  const settled = form.undefined === 0 ? [] : defineFlags(b);
  return [...loads, ...bytes, ...settled];
}

export function sequenceBytes(b: Builder): number[] {
  const { random } = b;
  const program: number[] = [];
  const wanted = 3 + random.below(12);
  for (let n = 0; n < wanted; n++) {
    const chunk: number[] = [];
    // A branch over the next instruction, often behind a comparison (which the core fuses with it).
    const branch = random.oneIn(3);
    if (branch && random.oneIn(2)) chunk.push(...defineFlags(b));
    const at = program.length + chunk.length;
    const next = instruction(b, at + (branch ? 2 : 0));
    if (branch && next.length < 120) chunk.push(0x70 | random.below(16), next.length);
    else if (branch) chunk.push(0x90, 0x90);
    chunk.push(...next);
    if (program.length + chunk.length > CODE_MAX - 8) break;
    program.push(...chunk);
  }
  return program;
}
