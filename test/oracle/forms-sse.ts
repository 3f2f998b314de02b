// Floating-point instructions of SSE to SSE4.1 (SDM vol. 2, A.3; APM vol. 4): packed and scalar arithmetic,
// comparison, conversion, shuffles and moves.

import { type Form, LONG } from "./form.js";
import { xmmForms } from "./forms-vector.js";

/** The four precisions an opcode of 0F 51-5F has: mandatory prefix, suffix, element, bytes of memory. */
const PRECISIONS = [
  [0, "ps", "f32", 16],
  [0x66, "pd", "f64", 16],
  [0xf3, "ss", "f32", 4],
  [0xf2, "sd", "f64", 8],
] as const;

const group = (suffix: string): string => (suffix.endsWith("s") ? "sse" : "sse2");

function arithmetic(): Form[] {
  const names: readonly (readonly [number, string])[] = [
    [0x51, "sqrt"],
    [0x58, "add"],
    [0x59, "mul"],
    [0x5c, "sub"],
    [0x5d, "min"],
    [0x5e, "div"],
    [0x5f, "max"],
  ];
  return [
    ...names.flatMap(([opcode, name]) =>
      PRECISIONS.flatMap(([prefix, suffix, element, memory]) =>
        xmmForms(`${group(suffix)}_${name}${suffix}`, prefix, [0x0f, opcode], element, { memory }),
      ),
    ),
    ...[0x52, 0x53].flatMap((opcode) =>
      PRECISIONS.filter(([, , element]) => element === "f32").flatMap(([prefix, suffix, element, memory]) =>
        xmmForms(`sse_${opcode === 0x52 ? "rsqrt" : "rcp"}${suffix}`, prefix, [0x0f, opcode], element, {
          memory,
          options: { float: { approximate: "reciprocal" } },
        }),
      ),
    ),
    ...PRECISIONS.flatMap(([prefix, suffix, element, memory]) =>
      xmmForms(`${group(suffix)}_cmp${suffix}`, prefix, [0x0f, 0xc2], element, {
        memory,
        imm: 1,
        options: {
          setup: (b) => {
            if (!b.random.oneIn(4)) b.fixedImm = BigInt(b.random.below(8));
          },
        },
      }),
    ),
    ...PRECISIONS.slice(0, 2).flatMap(([prefix, , element]) => {
      const memory = element === "f32" ? 4 : 8;
      const suffix = element === "f32" ? "ss" : "sd";
      return [
        ...xmmForms(`${group(suffix)}_ucomi${suffix}`, prefix, [0x0f, 0x2e], element, { memory }),
        ...xmmForms(`${group(suffix)}_comi${suffix}`, prefix, [0x0f, 0x2f], element, { memory }),
      ];
    }),
    ...horizontal(),
    ...rounding(),
  ];
}

/** SSE3 sums, SSE4.1 dot products. */
function horizontal(): Form[] {
  return [
    ...[
      [0x7c, "hadd"],
      [0x7d, "hsub"],
      [0xd0, "addsub"],
    ].flatMap(([opcode, name]) => [
      ...xmmForms(`sse3_${name}ps`, 0xf2, [0x0f, opcode as number], "f32", { memory: 16 }),
      ...xmmForms(`sse3_${name}pd`, 0x66, [0x0f, opcode as number], "f64", { memory: 16 }),
    ]),
    ...xmmForms("sse4_dpps", 0x66, [0x0f, 0x3a, 0x40], "f32", { memory: 16, imm: 1 }),
    ...xmmForms("sse4_dppd", 0x66, [0x0f, 0x3a, 0x41], "f64", { memory: 16, imm: 1 }),
  ];
}

function rounding(): Form[] {
  return (
    [
      ["ps", "f32", 16],
      ["pd", "f64", 16],
      ["ss", "f32", 4],
      ["sd", "f64", 8],
    ] as const
  ).flatMap(([suffix, element, memory], n) =>
    xmmForms(`sse4_round${suffix}`, 0x66, [0x0f, 0x3a, 8 + n], element, {
      memory,
      imm: 1,
      options: {
        setup: (b) => {
          if (!b.random.oneIn(4)) b.fixedImm = BigInt(b.random.below(16));
        },
      },
    }),
  );
}

function conversions(): Form[] {
  const quad: Partial<Form> = { fixedSize: false, size: 8, modes: LONG, w: 0 };
  return [
    ...xmmForms("sse2_cvtps2pd", 0, [0x0f, 0x5a], "f32", { memory: 8 }),
    ...xmmForms("sse2_cvtpd2ps", 0x66, [0x0f, 0x5a], "f64", { memory: 16 }),
    ...xmmForms("sse2_cvtss2sd", 0xf3, [0x0f, 0x5a], "f32", { memory: 4 }),
    ...xmmForms("sse2_cvtsd2ss", 0xf2, [0x0f, 0x5a], "f64", { memory: 8 }),
    ...xmmForms("sse2_cvtdq2ps", 0, [0x0f, 0x5b], "i32", { memory: 16 }),
    ...xmmForms("sse2_cvtps2dq", 0x66, [0x0f, 0x5b], "f32", { memory: 16 }),
    ...xmmForms("sse2_cvttps2dq", 0xf3, [0x0f, 0x5b], "f32", { memory: 16 }),
    ...xmmForms("sse2_cvttpd2dq", 0x66, [0x0f, 0xe6], "f64", { memory: 16 }),
    ...xmmForms("sse2_cvtdq2pd", 0xf3, [0x0f, 0xe6], "i32", { memory: 8 }),
    ...xmmForms("sse2_cvtpd2dq", 0xf2, [0x0f, 0xe6], "f64", { memory: 16 }),
    // Between XMM and MMX registers.
    ...([0, 0x66] as const).flatMap((prefix) => {
      const element = prefix === 0 ? "f32" : "f64";
      const type = prefix === 0 ? "ps" : "pd";
      const memory = prefix === 0 ? 8 : 16;
      const options = { float: { st: "i32" as const } };
      return [
        ...xmmForms(`mmx_cvtpi2${type}`, prefix, [0x0f, 0x2a], element, { memory: 8, from: "i32", options }),
        ...xmmForms(`mmx_cvtt${type}2pi`, prefix, [0x0f, 0x2c], element, { memory, options }),
        ...xmmForms(`mmx_cvt${type}2pi`, prefix, [0x0f, 0x2d], element, { memory, options }),
      ];
    }),
    // Between XMM and general-purpose registers.
    ...([0xf3, 0xf2] as const).flatMap((prefix) => {
      const element = prefix === 0xf3 ? "f32" : "f64";
      const type = prefix === 0xf3 ? "ss" : "sd";
      const memory = prefix === 0xf3 ? 4 : 8;
      return [{ w: 0 as const }, quad].flatMap((options, n) => [
        ...xmmForms(`sse_cvtsi2${type}${n ? "_q" : ""}`, prefix, [0x0f, 0x2a], element, {
          memory: n ? 8 : 4,
          from: n ? "i64" : "i32",
          options,
        }),
        ...xmmForms(`sse_cvtt${type}2si${n ? "_q" : ""}`, prefix, [0x0f, 0x2c], element, { memory, options }),
        ...xmmForms(`sse_cvt${type}2si${n ? "_q" : ""}`, prefix, [0x0f, 0x2d], element, { memory, options }),
      ]);
    }),
  ];
}

function moves(): Form[] {
  const stores = { memoryOnly: true };
  return [
    ...PRECISIONS.flatMap(([prefix, suffix, element, memory]) =>
      [0x10, 0x11].flatMap((opcode) =>
        xmmForms(
          `${group(suffix)}_mov${prefix < 0x67 ? "u" : ""}${suffix}_${opcode & 1}`,
          prefix,
          [0x0f, opcode],
          element,
          { memory, unaligned: true },
        ),
      ),
    ),
    ...PRECISIONS.slice(0, 2).flatMap(([prefix, suffix, element]) => {
      const key = (name: string): string => `${group(suffix)}_${name}${suffix}`;
      const half = { memory: 8, memoryOnly: prefix !== 0 };
      return [
        ...xmmForms(key("movl"), prefix, [0x0f, 0x12], element, half),
        ...xmmForms(key("movl_store_"), prefix, [0x0f, 0x13], element, { memory: 8, ...stores }),
        ...xmmForms(key("movh"), prefix, [0x0f, 0x16], element, half),
        ...xmmForms(key("movh_store_"), prefix, [0x0f, 0x17], element, { memory: 8, ...stores }),
        ...xmmForms(key("unpckl"), prefix, [0x0f, 0x14], element, { memory: 16 }),
        ...xmmForms(key("unpckh"), prefix, [0x0f, 0x15], element, { memory: 16 }),
        ...xmmForms(key("mova"), prefix, [0x0f, 0x28], element, { memory: 16 }),
        ...xmmForms(key("mova_store_"), prefix, [0x0f, 0x29], element, { memory: 16 }),
        ...xmmForms(key("movnt"), prefix, [0x0f, 0x2b], element, { memory: 16, ...stores }),
        ...xmmForms(key("movmsk"), prefix, [0x0f, 0x50], element, { memory: 0 }),
        ...xmmForms(key("and"), prefix, [0x0f, 0x54], element, { memory: 16 }),
        ...xmmForms(key("andn"), prefix, [0x0f, 0x55], element, { memory: 16 }),
        ...xmmForms(key("or"), prefix, [0x0f, 0x56], element, { memory: 16 }),
        ...xmmForms(key("xor"), prefix, [0x0f, 0x57], element, { memory: 16 }),
        ...xmmForms(key("shuf"), prefix, [0x0f, 0xc6], element, { memory: 16, imm: 1 }),
      ];
    }),
    ...xmmForms("sse3_movddup", 0xf2, [0x0f, 0x12], "f64", { memory: 8 }),
    ...xmmForms("sse3_movsldup", 0xf3, [0x0f, 0x12], "f32", { memory: 16 }),
    ...xmmForms("sse3_movshdup", 0xf3, [0x0f, 0x16], "f32", { memory: 16 }),
  ];
}

export const SSE_FORMS: readonly Form[] = [...arithmetic(), ...conversions(), ...moves()];
