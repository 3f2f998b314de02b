// Integer MMX and SSE instructions up to SSE4.2, AES, PCLMULQDQ and SHA, as the opcode maps list them (SDM vol. 2,
// A.3; APM vol. 3, A.1): opcodes that work on MMX registers without a prefix and on XMM registers with 66 appear
// twice.

import type { Builder } from "./builder.js";
import type { Element } from "./float-values.js";
import { ALL, type FloatForm, type Form, form, LEGACY, LONG } from "./form.js";

const base: Partial<Form> = { modes: ALL, fixedSize: true, reg: "any" };

interface Shape {
  /** Bytes of the memory operand; 0: registers only. */
  readonly memory: number;
  /** A memory operand only. */
  readonly memoryOnly?: boolean;
  readonly unaligned?: boolean;
  readonly imm?: number;
  /** Elements in memory, unless those of the registers. */
  readonly from?: Element;
  readonly options?: Partial<Form>;
}

/** Forms with XMM registers. */
export function xmmForms(
  name: string,
  prefix: number,
  opcode: readonly number[],
  element: Element,
  shape: Shape,
): Form[] {
  const { memory, imm = 0, from = element, options = {} } = shape;
  const align = memory === 16 && !shape.unaligned ? 16 : 1;
  const float: FloatForm = { xmm: element, memory: from, align, ...options.float };
  const common: Partial<Form> = {
    ...base,
    w: "any",
    ignores66: prefix === 0xf2 || prefix === 0xf3,
    prefix,
    imm,
    access: memory,
    ...options,
    float,
  };
  const forms: Form[] = [];
  if (!shape.memoryOnly) forms.push(form(`${name}_r`, opcode, { ...common, rm: "reg" }));
  if (memory > 0) forms.push(form(`${name}_m`, opcode, { ...common, rm: "mem" }));
  return forms;
}

/** Forms with MMX registers. */
function mmxForms(name: string, opcode: readonly number[], element: Element, shape: Shape): Form[] {
  const { memory, imm = 0, from = element, options = {} } = shape;
  const float: FloatForm = { st: element, memory: from, ...options.float };
  const common: Partial<Form> = { ...base, w: "any", imm, access: memory, ...options, float };
  const forms: Form[] = [];
  if (!shape.memoryOnly) forms.push(form(`${name}_r`, opcode, { ...common, rm: "reg" }));
  if (memory > 0) forms.push(form(`${name}_m`, opcode, { ...common, rm: "mem" }));
  return forms;
}

/** 0F 60-FE: [opcode, name, element, bytes of an MMX memory operand]. */
const BOTH: readonly (readonly [opcode: number, name: string, element: Element, memory?: number])[] = [
  [0x60, "punpcklbw", "i8", 4],
  [0x61, "punpcklwd", "i16", 4],
  [0x62, "punpckldq", "i32", 4],
  [0x63, "packsswb", "i16"],
  [0x64, "pcmpgtb", "i8"],
  [0x65, "pcmpgtw", "i16"],
  [0x66, "pcmpgtd", "i32"],
  [0x67, "packuswb", "i16"],
  [0x68, "punpckhbw", "i8"],
  [0x69, "punpckhwd", "i16"],
  [0x6a, "punpckhdq", "i32"],
  [0x6b, "packssdw", "i32"],
  [0x74, "pcmpeqb", "i8"],
  [0x75, "pcmpeqw", "i16"],
  [0x76, "pcmpeqd", "i32"],
  [0xd1, "psrlw", "shift"],
  [0xd2, "psrld", "shift"],
  [0xd3, "psrlq", "shift"],
  [0xd4, "paddq", "i64"],
  [0xd5, "pmullw", "i16"],
  [0xd8, "psubusb", "i8"],
  [0xd9, "psubusw", "i16"],
  [0xda, "pminub", "i8"],
  [0xdb, "pand", "i64"],
  [0xdc, "paddusb", "i8"],
  [0xdd, "paddusw", "i16"],
  [0xde, "pmaxub", "i8"],
  [0xdf, "pandn", "i64"],
  [0xe0, "pavgb", "i8"],
  [0xe1, "psraw", "shift"],
  [0xe2, "psrad", "shift"],
  [0xe3, "pavgw", "i16"],
  [0xe4, "pmulhuw", "i16"],
  [0xe5, "pmulhw", "i16"],
  [0xe8, "psubsb", "i8"],
  [0xe9, "psubsw", "i16"],
  [0xea, "pminsw", "i16"],
  [0xeb, "por", "i64"],
  [0xec, "paddsb", "i8"],
  [0xed, "paddsw", "i16"],
  [0xee, "pmaxsw", "i16"],
  [0xef, "pxor", "i64"],
  [0xf1, "psllw", "shift"],
  [0xf2, "pslld", "shift"],
  [0xf3, "psllq", "shift"],
  [0xf4, "pmuludq", "i32"],
  [0xf5, "pmaddwd", "i16"],
  [0xf6, "psadbw", "i8"],
  [0xf8, "psubb", "i8"],
  [0xf9, "psubw", "i16"],
  [0xfa, "psubd", "i32"],
  [0xfb, "psubq", "i64"],
  [0xfc, "paddb", "i8"],
  [0xfd, "paddw", "i16"],
  [0xfe, "paddd", "i32"],
];

/** 0F 38: the same. */
const BOTH_38: typeof BOTH = [
  [0x00, "pshufb", "i8"],
  [0x01, "phaddw", "i16"],
  [0x02, "phaddd", "i32"],
  [0x03, "phaddsw", "i16"],
  [0x04, "pmaddubsw", "i8"],
  [0x05, "phsubw", "i16"],
  [0x06, "phsubd", "i32"],
  [0x07, "phsubsw", "i16"],
  [0x08, "psignb", "i8"],
  [0x09, "psignw", "i16"],
  [0x0a, "psignd", "i32"],
  [0x0b, "pmulhrsw", "i16"],
  [0x1c, "pabsb", "i8"],
  [0x1d, "pabsw", "i16"],
  [0x1e, "pabsd", "i32"],
];

function both(): Form[] {
  return [
    ...BOTH.flatMap(([opcode, name, element, memory = 8]) => [
      ...mmxForms(`mmx_${name}`, [0x0f, opcode], element, { memory }),
      ...xmmForms(`sse2_${name}`, 0x66, [0x0f, opcode], element, { memory: 16 }),
    ]),
    ...BOTH_38.flatMap(([opcode, name, element]) => [
      ...mmxForms(`mmx_${name}`, [0x0f, 0x38, opcode], element, { memory: 8 }),
      ...xmmForms(`ssse3_${name}`, 0x66, [0x0f, 0x38, opcode], element, { memory: 16 }),
    ]),
    ...mmxForms("mmx_palignr", [0x0f, 0x3a, 0x0f], "i8", { memory: 8, imm: 1 }),
    ...xmmForms("ssse3_palignr", 0x66, [0x0f, 0x3a, 0x0f], "i8", { memory: 16, imm: 1 }),
    ...mmxForms("mmx_pshufw", [0x0f, 0x70], "i16", { memory: 8, imm: 1 }),
    ...xmmForms("sse2_pshufd", 0x66, [0x0f, 0x70], "i32", { memory: 16, imm: 1 }),
    ...xmmForms("sse2_pshufhw", 0xf3, [0x0f, 0x70], "i16", { memory: 16, imm: 1 }),
    ...xmmForms("sse2_pshuflw", 0xf2, [0x0f, 0x70], "i16", { memory: 16, imm: 1 }),
    ...xmmForms("sse2_punpcklqdq", 0x66, [0x0f, 0x6c], "i64", { memory: 16 }),
    ...xmmForms("sse2_punpckhqdq", 0x66, [0x0f, 0x6d], "i64", { memory: 16 }),
  ];
}

/** Shifts by an immediate: small counts, and some beyond the width. */
function immediateShifts(): Form[] {
  const forms: Form[] = [];
  const setup = (b: Builder): void => {
    if (!b.random.oneIn(6)) b.fixedImm = BigInt(b.random.below(70));
  };
  for (const [opcode, digits] of [
    [0x71, [2, 4, 6]],
    [0x72, [2, 4, 6]],
    [0x73, [2, 3, 6, 7]],
  ] as const) {
    for (const reg of digits) {
      const options = { reg, setup };
      const key = `shift_${opcode.toString(16)}_${reg}`;
      if (reg !== 3 && reg !== 7)
        forms.push(...mmxForms(`mmx_${key}`, [0x0f, opcode], "i64", { memory: 0, imm: 1, options }));
      forms.push(...xmmForms(`sse2_${key}`, 0x66, [0x0f, opcode], "i64", { memory: 0, imm: 1, options }));
    }
  }
  return forms;
}

/** Moves, and transfers between register files. */
function moves(): Form[] {
  const quad: Partial<Form> = { fixedSize: false, size: 8, modes: LONG, w: 0 };
  const narrow: Partial<Form> = { w: 0 };
  const stores = { memoryOnly: true };
  const mixed = { options: { float: { st: "i64" as const, xmm: "i64" as const } } };
  /** DS:rDI of MASKMOVQ and MASKMOVDQU. */
  const masked = (b: Builder): void => {
    b.setLow(7, b.addressSize, b.pointer(3, 16).offset);
  };
  return [
    ...mmxForms("mmx_movd_load", [0x0f, 0x6e], "i32", { memory: 4, options: narrow }),
    ...mmxForms("mmx_movd_store", [0x0f, 0x7e], "i32", { memory: 4, options: narrow }),
    ...mmxForms("mmx_movd_q_load", [0x0f, 0x6e], "i64", { memory: 8, options: quad }),
    ...mmxForms("mmx_movd_q_store", [0x0f, 0x7e], "i64", { memory: 8, options: quad }),
    ...mmxForms("mmx_movq_load", [0x0f, 0x6f], "i64", { memory: 8 }),
    ...mmxForms("mmx_movq_store", [0x0f, 0x7f], "i64", { memory: 8 }),
    ...mmxForms("mmx_movntq", [0x0f, 0xe7], "i64", { memory: 8, ...stores }),
    ...mmxForms("mmx_pinsrw", [0x0f, 0xc4], "i16", { memory: 2, imm: 1 }),
    ...mmxForms("mmx_pextrw", [0x0f, 0xc5], "i16", { memory: 0, imm: 1 }),
    ...mmxForms("mmx_pmovmskb", [0x0f, 0xd7], "i8", { memory: 0 }),
    ...mmxForms("mmx_maskmovq", [0x0f, 0xf7], "i8", { memory: 0, options: { setup: masked } }),
    form("mmx_emms", [0x0f, 0x77], { ...base, reg: undefined, w: "any", float: { st: "i64" } }),
    ...xmmForms("sse2_movd_load", 0x66, [0x0f, 0x6e], "i32", { memory: 4, options: narrow }),
    ...xmmForms("sse2_movd_store", 0x66, [0x0f, 0x7e], "i32", { memory: 4, options: narrow }),
    ...xmmForms("sse2_movd_q_load", 0x66, [0x0f, 0x6e], "i64", { memory: 8, options: quad }),
    ...xmmForms("sse2_movd_q_store", 0x66, [0x0f, 0x7e], "i64", { memory: 8, options: quad }),
    ...xmmForms("sse2_movdqa_load", 0x66, [0x0f, 0x6f], "i64", { memory: 16 }),
    ...xmmForms("sse2_movdqa_store", 0x66, [0x0f, 0x7f], "i64", { memory: 16 }),
    ...xmmForms("sse2_movdqu_load", 0xf3, [0x0f, 0x6f], "i64", { memory: 16, unaligned: true }),
    ...xmmForms("sse2_movdqu_store", 0xf3, [0x0f, 0x7f], "i64", { memory: 16, unaligned: true }),
    ...xmmForms("sse3_lddqu", 0xf2, [0x0f, 0xf0], "i64", { memory: 16, unaligned: true, ...stores }),
    ...xmmForms("sse2_movq_load", 0xf3, [0x0f, 0x7e], "i64", { memory: 8 }),
    ...xmmForms("sse2_movq_store", 0x66, [0x0f, 0xd6], "i64", { memory: 8 }),
    ...xmmForms("sse2_movntdq", 0x66, [0x0f, 0xe7], "i64", { memory: 16, ...stores }),
    ...xmmForms("sse41_movntdqa", 0x66, [0x0f, 0x38, 0x2a], "i64", { memory: 16, ...stores }),
    ...xmmForms("sse2_pinsrw", 0x66, [0x0f, 0xc4], "i16", { memory: 2, imm: 1 }),
    ...xmmForms("sse2_pextrw", 0x66, [0x0f, 0xc5], "i16", { memory: 0, imm: 1 }),
    ...xmmForms("sse2_pmovmskb", 0x66, [0x0f, 0xd7], "i8", { memory: 0 }),
    ...xmmForms("sse2_maskmovdqu", 0x66, [0x0f, 0xf7], "i8", { memory: 0, options: { setup: masked } }),
    ...xmmForms("sse2_movq2dq", 0xf3, [0x0f, 0xd6], "i64", { memory: 0, ...mixed }),
    ...xmmForms("sse2_movdq2q", 0xf2, [0x0f, 0xd6], "i64", { memory: 0, ...mixed }),
    form("sse2_movnti", [0x0f, 0xc3], { ...base, rm: "mem", access: 4, float: { xmm: "i32" } }),
    form("sse2_movnti_q", [0x0f, 0xc3], { ...base, ...quad, rm: "mem", access: 8, float: { xmm: "i64" } }),
  ];
}

/** 66 0F 38: [opcode, name, element, bytes of memory]. */
const SSE4: typeof BOTH = [
  [0x10, "pblendvb", "i8"],
  [0x14, "blendvps", "i32"],
  [0x15, "blendvpd", "i64"],
  [0x17, "ptest", "i64"],
  [0x20, "pmovsxbw", "i8", 8],
  [0x21, "pmovsxbd", "i8", 4],
  [0x22, "pmovsxbq", "i8", 2],
  [0x23, "pmovsxwd", "i16", 8],
  [0x24, "pmovsxwq", "i16", 4],
  [0x25, "pmovsxdq", "i32", 8],
  [0x28, "pmuldq", "i32"],
  [0x29, "pcmpeqq", "i64"],
  [0x2b, "packusdw", "i32"],
  [0x30, "pmovzxbw", "i8", 8],
  [0x31, "pmovzxbd", "i8", 4],
  [0x32, "pmovzxbq", "i8", 2],
  [0x33, "pmovzxwd", "i16", 8],
  [0x34, "pmovzxwq", "i16", 4],
  [0x35, "pmovzxdq", "i32", 8],
  [0x37, "pcmpgtq", "i64"],
  [0x38, "pminsb", "i8"],
  [0x39, "pminsd", "i32"],
  [0x3a, "pminuw", "i16"],
  [0x3b, "pminud", "i32"],
  [0x3c, "pmaxsb", "i8"],
  [0x3d, "pmaxsd", "i32"],
  [0x3e, "pmaxuw", "i16"],
  [0x3f, "pmaxud", "i32"],
  [0x40, "pmulld", "i32"],
  [0x41, "phminposuw", "i16"],
  [0xdb, "aesimc", "i8"],
  [0xdc, "aesenc", "i8"],
  [0xdd, "aesenclast", "i8"],
  [0xde, "aesdec", "i8"],
  [0xdf, "aesdeclast", "i8"],
];

/** 66 0F 3A with an immediate. */
const SSE4_IMMEDIATE: typeof BOTH = [
  [0x0c, "blendps", "i32"],
  [0x0d, "blendpd", "i64"],
  [0x0e, "pblendw", "i16"],
  [0x14, "pextrb", "i8", 1],
  [0x15, "pextrw", "i16", 2],
  [0x17, "extractps", "i32", 4],
  [0x20, "pinsrb", "i8", 1],
  [0x21, "insertps", "i32", 4],
  [0x42, "mpsadbw", "i8"],
  [0x44, "pclmulqdq", "i64"],
  [0xdf, "aeskeygenassist", "i8"],
];

function sse4(): Form[] {
  const group = (name: string): string => (name.startsWith("aes") ? "aes" : name.startsWith("pcl") ? "clmul" : "sse4");
  // Lengths of explicit strings: often within the vector.
  const lengths = (b: Builder): void => {
    for (const register of [0, 2])
      if (!b.random.oneIn(4)) b.set(register, BigInt.asUintN(64, BigInt(b.random.below(41) - 20)));
  };
  const wide: Partial<Form> = { fixedSize: false, size: 8, modes: LONG, w: 0 };
  return [
    ...SSE4.flatMap(([opcode, name, element, memory = 16]) =>
      xmmForms(`${group(name)}_${name}`, 0x66, [0x0f, 0x38, opcode], element, { memory }),
    ),
    ...SSE4_IMMEDIATE.flatMap(([opcode, name, element, memory = 16]) =>
      xmmForms(`${group(name)}_${name}`, 0x66, [0x0f, 0x3a, opcode], element, { memory, imm: 1 }),
    ),
    ...[0x60, 0x61, 0x62, 0x63].flatMap((opcode) => {
      const explicit = opcode < 0x62;
      const name = `sse42_pcmp${explicit ? "e" : "i"}str${opcode & 1 ? "i" : "m"}`;
      const shape = { memory: 16, unaligned: true, imm: 1 };
      const options = { modes: LEGACY, ...(explicit ? { setup: lengths } : {}) };
      return [
        ...xmmForms(name, 0x66, [0x0f, 0x3a, opcode], "text", { ...shape, options }),
        // REX.W makes the lengths 64 bits wide.
        ...xmmForms(`${name}_64`, 0x66, [0x0f, 0x3a, opcode], "text", {
          ...shape,
          options: { ...options, modes: LONG, w: 0 },
        }),
        ...xmmForms(`${name}_w`, 0x66, [0x0f, 0x3a, opcode], "text", {
          ...shape,
          options: { ...options, modes: LONG, w: 1 },
        }),
      ];
    }),
    ...[0x16, 0x22].flatMap((opcode) => {
      const name = opcode === 0x16 ? "pextr" : "pinsr";
      return [
        ...xmmForms(`sse4_${name}d`, 0x66, [0x0f, 0x3a, opcode], "i32", { memory: 4, imm: 1, options: { w: 0 } }),
        ...xmmForms(`sse4_${name}q`, 0x66, [0x0f, 0x3a, opcode], "i64", { memory: 8, imm: 1, options: wide }),
      ];
    }),
  ];
}

function sha(): Form[] {
  return [
    ...["nexte", "msg1", "msg2", "256rnds2", "256msg1", "256msg2"].flatMap((name, n) =>
      xmmForms(`sha_${n < 3 ? `1${name}` : name}`, 0, [0x0f, 0x38, 0xc8 + n], "i32", { memory: 16 }),
    ),
    ...xmmForms("sha_1rnds4", 0, [0x0f, 0x3a, 0xcc], "i32", { memory: 16, imm: 1 }),
  ];
}

export const VECTOR_FORMS: readonly Form[] = [...both(), ...immediateShifts(), ...moves(), ...sse4(), ...sha()];
