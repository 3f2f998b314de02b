// Every x87 instruction: the eight escape opcodes with memory operands and with each register row, undocumented
// aliases and undefined encodings included (SDM vol. 2, A.5; APM vol. 3, A.1.2, "x87 encodings").

import type { Builder } from "./builder.js";
import { IMAGE, Image, someMxcsr, writeImage } from "./float-state.js";
import { type Element, fillElements } from "./float-values.js";
import { ALL, type FloatForm, type Form, form, LONG } from "./form.js";

const X87: FloatForm = { st: "f80" };
const base: Partial<Form> = { modes: ALL, fixedSize: true, repIgnored: true, ignores66: true, w: "any", float: X87 };

type Operand = readonly [name: string, bytes: number, memory: Element];

const arithmetic = (suffix: string, bytes: number, memory: Element, prefix = "f"): Operand[] =>
  ["add", "mul", "com", "comp", "sub", "subr", "div", "divr"].map((name) => [
    `${prefix}${name}_${suffix}`,
    bytes,
    memory,
  ]);

const UNDEFINED: Operand = ["ud", 4, "raw"];
/** Environments and state images have forms of their own. */
const APART: Operand = ["", 0, "raw"];

/** Memory operands of D8-DF by the reg field. */
const MEMORY: readonly (readonly Operand[])[] = [
  arithmetic("m32", 4, "f32"),
  [
    ["fld_m32", 4, "f32"],
    UNDEFINED,
    ["fst_m32", 4, "raw"],
    ["fstp_m32", 4, "raw"],
    APART,
    ["fldcw", 2, "raw"],
    APART,
    ["fnstcw", 2, "raw"],
  ],
  arithmetic("m32", 4, "i32", "fi"),
  [
    ["fild_m32", 4, "i32"],
    ["fisttp_m32", 4, "raw"],
    ["fist_m32", 4, "raw"],
    ["fistp_m32", 4, "raw"],
    UNDEFINED,
    ["fld_m80", 10, "f80"],
    UNDEFINED,
    ["fstp_m80", 10, "raw"],
  ],
  arithmetic("m64", 8, "f64"),
  [
    ["fld_m64", 8, "f64"],
    ["fisttp_m64", 8, "raw"],
    ["fst_m64", 8, "raw"],
    ["fstp_m64", 8, "raw"],
    APART,
    UNDEFINED,
    APART,
    ["fnstsw_m", 2, "raw"],
  ],
  arithmetic("m16", 2, "i16", "fi"),
  [
    ["fild_m16", 2, "i16"],
    ["fisttp_m16", 2, "raw"],
    ["fist_m16", 2, "raw"],
    ["fistp_m16", 2, "raw"],
    ["fbld", 10, "bcd"],
    ["fild_m64", 8, "i64"],
    ["fbstp", 10, "raw"],
    ["fistp_m64", 8, "raw"],
  ],
];

function memoryForms(): Form[] {
  return MEMORY.flatMap((row, group) =>
    row.flatMap(([name, access, memory], reg) => {
      if (access === 0) return [];
      const opcode = 0xd8 + group;
      const key = name === "ud" ? `x87_ud_${opcode.toString(16)}_${reg}_m` : `x87_${name}`;
      return form(key, [opcode], { ...base, reg, rm: "mem", access, float: { ...X87, memory } });
    }),
  );
}

/** Rows C0, C8 ... F8 of D8-DF. A string is one operation on any ST(i); a list has one per encoding. */
const UD = "ud";
const REGISTER: readonly (readonly (string | readonly string[])[])[] = [
  ["fadd", "fmul", "fcom", "fcomp", "fsub", "fsubr", "fdiv", "fdivr"],
  [
    "fld",
    "fxch",
    ["fnop", UD, UD, UD, UD, UD, UD, UD],
    "fstp1",
    ["fchs", "fabs", UD, UD, "ftst", "fxam", UD, UD],
    ["fld1", "fldl2t", "fldl2e", "fldpi", "fldlg2", "fldln2", "fldz", UD],
    ["f2xm1~", "fyl2x~", "fptan~", "fpatan~", "fxtract", "fprem1", "fdecstp", "fincstp"],
    ["fprem", "fyl2xp1~", "fsqrt", "fsincos~", "frndint", "fscale", "fsin~", "fcos~"],
  ],
  ["fcmovb", "fcmove", "fcmovbe", "fcmovu", UD, [UD, "fucompp", UD, UD, UD, UD, UD, UD], UD, UD],
  [
    "fcmovnb",
    "fcmovne",
    "fcmovnbe",
    "fcmovnu",
    ["fneni", "fndisi", "fnclex", "fninit", "fnsetpm", UD, UD, UD],
    "fucomi",
    "fcomi",
    UD,
  ],
  ["fadd_to", "fmul_to", "fcom2", "fcomp3", "fsubr_to", "fsub_to", "fdivr_to", "fdiv_to"],
  ["ffree", "fxch4", "fst", "fstp", "fucom", "fucomp", UD, UD],
  ["faddp", "fmulp", "fcomp5", [UD, "fcompp", UD, UD, UD, UD, UD, UD], "fsubrp", "fsubp", "fdivrp", "fdivp"],
  ["ffreep", "fxch7", "fstp8", "fstp9", ["fnstsw_ax", UD, UD, UD, UD, UD, UD, UD], "fucomip", "fcomip", UD],
];

function registerForms(): Form[] {
  return REGISTER.flatMap((rows, group) =>
    rows.flatMap((row, reg) => {
      const opcode = 0xd8 + group;
      if (typeof row === "string") {
        const key = row === UD ? `x87_ud_${opcode.toString(16)}_${reg}_r` : `x87_${row}_st`;
        return form(key, [opcode], { ...base, reg, rm: "reg" });
      }
      return row.map((name, rm) => {
        const second = 0xc0 | (reg << 3) | rm;
        const key = name === UD ? `ud_${opcode.toString(16)}_${second.toString(16)}` : name.replace("~", "");
        const float: FloatForm = name.endsWith("~") ? { ...X87, approximate: "transcendental" } : X87;
        return form(`x87_${key}`, [opcode, second], { ...base, float });
      });
    }),
  );
}

/** An environment or state image: control, status and tag words, pointers, then the registers (SDM vol. 1, 8.1.10). */
function environment(b: Builder, size: number, length: number): void {
  const r = b.random;
  b.target = b.chooseTarget(length);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  fillElements(view, 0, length, "raw", r);
  view.setUint16(0, r.oneIn(3) ? 0x37f : r.u32() & 0x1f7f, true);
  if (r.oneIn(2)) view.setUint16(size, r.u32() & 0x7f7f, true);
  for (let at = size * 7; at + 10 <= length; at += 10) fillElements(view, at, 10, "f80", r);
  b.pokeBytes(b.target, bytes);
}

function environments(): Form[] {
  const state = (name: string, opcode: number, reg: number, size: 2 | 4, length: number, load: boolean): Form =>
    form(`x87_${name}_${size * 8}`, [opcode], {
      ...base,
      ignores66: false,
      fixedSize: false,
      size,
      reg,
      rm: "mem",
      access: length,
      ...(load ? { setup: (b: Builder) => environment(b, size, length) } : {}),
    });
  return ([2, 4] as const).flatMap((size) => [
    state("fldenv", 0xd9, 4, size, size * 7, true),
    state("fnstenv", 0xd9, 6, size, size * 7, false),
    state("frstor", 0xdd, 4, size, size * 7 + 80, true),
    state("fnsave", 0xdd, 6, size, size * 7 + 80, false),
  ]);
}

/** FXSAVE area: most fields as they are saved, reserved bits of MXCSR sometimes set. */
function area(b: Builder): void {
  const r = b.random;
  const at = b.chooseTarget(512);
  b.target = r.oneIn(12) ? at : at & ~15;
  const bytes = new Uint8Array(512);
  fillElements(new DataView(bytes.buffer), IMAGE, 512 - IMAGE, "raw", r);
  writeImage(bytes, { st: "f80", xmm: "raw" }, b.mode, r);
  const view = new DataView(bytes.buffer);
  if (r.oneIn(3)) view.setUint16(Image.FCW, r.u32() & 0xffff, true);
  if (r.oneIn(3)) view.setUint16(Image.FSW, r.u32() & 0xffff, true);
  if (r.oneIn(20)) view.setUint32(Image.MXCSR, reservedMxcsr(r.u32()), true);
  b.pokeBytes(b.target, bytes);
}

/** Bit 17 is left out: with it AMD processors mask alignment checks. */
const reservedMxcsr = (value: number): number => (value & ~0x2_0000) >>> 0;

function images(): Form[] {
  const whole: Partial<Form> = {
    modes: ALL,
    fixedSize: true,
    rm: "mem",
    access: 512,
    float: { st: "f80", xmm: "raw", align: 16 },
  };
  const control: Partial<Form> = { modes: ALL, fixedSize: true, rm: "mem", access: 4, w: "any", float: { xmm: "f32" } };
  const mxcsr = (b: Builder): void => {
    const { random: r } = b;
    b.target = b.chooseTarget(4);
    b.poke(b.target, BigInt(r.oneIn(8) ? reservedMxcsr(r.u32()) : someMxcsr(r)), 4);
  };
  return [
    form("sse_fxsave", [0x0f, 0xae], { ...whole, reg: 0 }),
    form("sse_fxrstor", [0x0f, 0xae], { ...whole, reg: 1, setup: area }),
    form("sse_fxsave64", [0x0f, 0xae], { ...whole, modes: LONG, w: 1, reg: 0 }),
    form("sse_fxrstor64", [0x0f, 0xae], { ...whole, modes: LONG, w: 1, reg: 1, setup: area }),
    form("sse_ldmxcsr", [0x0f, 0xae], { ...control, reg: 2, setup: mxcsr }),
    form("sse_stmxcsr", [0x0f, 0xae], { ...control, reg: 3 }),
  ];
}

/** RFBM of XSAVE and XRSTOR: of x87 and SSE, which every processor has. */
function components(b: Builder): void {
  b.set(0, BigInt(b.random.pick([3, 3, 3, 2, 1, 0])));
  b.set(2, 0n);
}

/** XSAVE area: an FXSAVE area and a header, mostly one that can be loaded. */
function extendedArea(b: Builder): void {
  const r = b.random;
  components(b);
  const at = b.chooseTarget(576);
  b.target = r.oneIn(12) ? at : at & ~63;
  const bytes = new Uint8Array(576);
  writeImage(bytes, { st: "f80", xmm: "raw" }, b.mode, r);
  const view = new DataView(bytes.buffer);
  bytes[512] = r.below(4) | (r.oneIn(16) ? 8 : 0);
  if (r.oneIn(3)) {
    bytes[520] = r.pick([3, 3, 3, 2, 1, 0]) | (r.oneIn(16) ? 8 : 0);
    bytes[527] = r.oneIn(16) ? 0x81 : 0x80;
  }
  if (r.oneIn(16)) bytes[528 + r.below(48)] = 1;
  if (r.oneIn(20)) view.setUint32(Image.MXCSR, reservedMxcsr(r.u32()), true);
  b.pokeBytes(b.target, bytes);
}

function extended(): Form[] {
  const whole: Partial<Form> = {
    modes: ALL,
    fixedSize: true,
    rm: "mem",
    access: 576,
    float: { st: "f80", xmm: "raw", align: 64 },
  };
  return ([0, 1] as const).flatMap((w) => {
    const suffix = w ? "64" : "";
    const common: Partial<Form> = { ...whole, w, ...(w ? { modes: LONG } : {}) };
    return [
      form(`sse_xsave${suffix}`, [0x0f, 0xae], { ...common, reg: 4, setup: components }),
      form(`sse_xsaveopt${suffix}`, [0x0f, 0xae], { ...common, reg: 6, setup: components }),
      form(`sse_xsavec${suffix}`, [0x0f, 0xc7], { ...common, reg: 4, setup: components }),
      form(`sse_xrstor${suffix}`, [0x0f, 0xae], { ...common, reg: 5, setup: extendedArea }),
    ];
  });
}

export const X87_FORMS: readonly Form[] = [
  ...memoryForms(),
  ...registerForms(),
  ...environments(),
  ...images(),
  ...extended(),
  form("x87_fwait", [0x9b], base),
];
