// Forms that transfer control or fault: branches, calls, returns, far transfers, checks, privileged and
// undefined instructions as ring 3 sees them (SDM vol. 2; vol. 3, chapter 6).

import { type Builder, CODE, DATA } from "./builder.js";
import { ALL, type Form, form, LEGACY, LONG, type Mode, modesOf, rmForms, type Size, suffix, WDQ } from "./form.js";
import { LDT, Ldt } from "./segments.js";

const NEAR: readonly { size: Size; modes: readonly Mode[] }[] = [
  { size: 2, modes: ALL },
  { size: 4, modes: LEGACY },
  { size: 8, modes: LONG },
];

/** An offset in the code window, or now and then anywhere. */
function target(b: Builder): bigint {
  const r = b.random;
  if (r.oneIn(12)) return b.mode === 64 && r.oneIn(2) ? r.operand() : BigInt(0x21000000 + r.below(0x1000000));
  return BigInt(clearOf(b, r.below(0x2000)) + (b.mode === 16 ? 0 : CODE));
}

/** An offset in the code window away from the instruction itself. */
function clearOf(b: Builder, offset: number): number {
  const own = Number(b.rip & 0x1fffn);
  return offset >= own && offset < own + 16 ? own + 16 : offset;
}

function branches(): Form[] {
  const conditions = Array.from({ length: 16 }, (_, cc) => cc);
  return NEAR.flatMap(({ size, modes }) => {
    const base = { size, modes, default64: true, step: true };
    const key = suffix(size);
    const wide = Math.min(size, 4);
    const relative = (b: Builder): void => {
      if (b.random.oneIn(3)) b.fixedImm = BigInt.asUintN(wide * 8, BigInt(b.random.below(0x1800) - 0xc00));
    };
    return [
      ...conditions.map((cc) => form(`j${cc.toString(16)}_${key}_8`, [0x70 | cc], { ...base, imm: 1 })),
      ...conditions.map((cc) =>
        form(`j${cc.toString(16)}_${key}`, [0x0f, 0x80 | cc], { ...base, imm: wide, setup: relative }),
      ),
      form(`jmp_${key}_8`, [0xeb], { ...base, imm: 1 }),
      form(`jmp_${key}`, [0xe9], { ...base, imm: wide, setup: relative }),
      form(`call_${key}`, [0xe8], { ...base, imm: wide, setup: relative }),
      ...loops(size, modes),
      ...indirect(size, modes),
      form(`ret_${key}`, [0xc3], { ...base, setup: (b) => returnAddress(b, size) }),
      form(`ret_${key}_i`, [0xc2], { ...base, imm: 2, setup: (b) => returnAddress(b, size) }),
    ];
  });
}

function returnAddress(b: Builder, size: Size): void {
  if (b.stackLinear >= DATA && b.stackLinear < DATA + 0x1f00) b.poke(b.stackLinear, target(b), size);
}

function loops(size: Size, modes: readonly Mode[]): Form[] {
  const setup = (b: Builder): void => {
    b.setLow(
      1,
      b.addressSize,
      BigInt(b.random.oneIn(4) ? b.random.u32() : b.random.below(3)) & ((1n << BigInt(b.addressSize * 8)) - 1n),
    );
  };
  return ["loopne", "loope", "loop", "jcxz"].map((name, n) =>
    form(`${name}_${suffix(size)}`, [0xe0 | n], { size, modes, default64: true, step: true, imm: 1, setup }),
  );
}

function indirect(size: Size, modes: readonly Mode[]): Form[] {
  return (["call", "jmp"] as const).flatMap((name, n) => {
    const base = { size, modes, default64: true, reg: 2 + n * 2 };
    const registers = (b: Builder): void => {
      for (let i = 0; i < 16; i++) if (i !== 4) b.gpr[i] = b.mode === 64 ? target(b) : target(b) & 0xffff_ffffn;
    };
    const memory = (b: Builder): void => {
      b.target = b.chooseTarget(size);
      b.poke(b.target, target(b), size);
    };
    return [
      form(`${name}_${suffix(size)}_r`, [0xff], { ...base, rm: "reg", setup: registers }),
      form(`${name}_${suffix(size)}_m`, [0xff], { ...base, rm: "mem", setup: memory }),
      form(`${name}_${suffix(size)}_r_step`, [0xff], { ...base, rm: "reg", setup: registers, step: true }),
      form(`${name}_${suffix(size)}_m_step`, [0xff], { ...base, rm: "mem", setup: memory, step: true }),
    ];
  });
}

/** Code selectors that keep the width of the code, and ones that must not be entered. */
function codeSelector(b: Builder): bigint {
  const r = b.random;
  const bad = [0, 3, 0x10, 0x13, 0x1b, 0x2b, 0x80, 0xfffc, 0x4f, 0x07, 0x83];
  if (r.oneIn(4)) return BigInt(r.pick(bad));
  if (b.mode === 64) return 0x33n;
  return BigInt(r.pick([0x23, 0x23, 0x37, 0x37, 0x3f, 0x47, 0x46, 0x22, 0x20]));
}
/** An offset fit for a selector: code segments of the LDT are based at the code window. */
function offsetFor(b: Builder, selector: bigint): bigint {
  const based = selector === 0x37n || selector === 0x3fn;
  if (b.random.oneIn(10)) return BigInt(b.random.below(0x4000) + 0x1000);
  return BigInt(clearOf(b, b.random.below(0x2000)) + (based ? 0 : CODE));
}

function far(): Form[] {
  const pointer =
    (size: Size) =>
    (b: Builder): void => {
      const selector = codeSelector(b);
      b.fixedImm = BigInt.asUintN(size * 8, offsetFor(b, selector)) | (selector << BigInt(size * 8));
    };
  const memory =
    (size: Size) =>
    (b: Builder): void => {
      const selector = codeSelector(b);
      b.target = b.chooseTarget(size + 2);
      b.poke(b.target, offsetFor(b, selector) | (selector << BigInt(size * 8)), size + 2);
    };
  const frame =
    (size: Size, words: number) =>
    (b: Builder): void => {
      const selector = codeSelector(b);
      // A return to another RPL makes AMD processors read SS:SP behind the frame before they refuse it: whether
      // that can be read must not matter.
      const end = b.segments[2] === LDT[Ldt.WRAP] ? DATA + 0xf00 : DATA + 0x1e00;
      if (b.stackLinear < DATA || b.stackLinear > end) b.set(4, b.stackAddress(0x800));
      const at = b.stackLinear;
      b.poke(at, offsetFor(b, selector), size);
      b.poke(at + size, selector, size);
      if (words > 2) b.poke(at + size * 2, BigInt((b.random.u32() & ~0x20000) >>> 0), size);
      // A 64-bit IRET also pops the stack pointer.
      if (words > 2 && b.mode === 64) {
        b.poke(at + size * 3, BigInt(DATA + b.random.below(0x1000)), size);
        b.poke(at + size * 4, b.random.oneIn(4) ? BigInt(b.random.pick([0, 3, 0x10, 0x2a, 0x33, 0x80])) : 0x2bn, size);
      }
    };
  const forms: Form[] = [];
  for (const size of [2, 4] as const) {
    const base = { size, modes: LEGACY };
    forms.push(form(`call_far_${suffix(size)}`, [0x9a], { ...base, imm: size + 2, setup: pointer(size) }));
    forms.push(form(`jmp_far_${suffix(size)}`, [0xea], { ...base, imm: size + 2, setup: pointer(size) }));
  }
  for (const size of WDQ) {
    const base = { size, modes: modesOf(size) };
    const key = suffix(size);
    forms.push(
      form(`call_far_${key}_m`, [0xff], { ...base, reg: 3, rm: "mem", access: size + 2, setup: memory(size) }),
    );
    forms.push(form(`jmp_far_${key}_m`, [0xff], { ...base, reg: 5, rm: "mem", access: size + 2, setup: memory(size) }));
    const released = (b: Builder): void => {
      frame(size, 2)(b);
      b.fixedImm = BigInt(b.random.below(0x40));
    };
    forms.push(form(`ret_far_${key}`, [0xcb], { ...base, aligned: true, setup: frame(size, 2) }));
    forms.push(form(`ret_far_${key}_i`, [0xca], { ...base, imm: 2, aligned: true, setup: released }));
    forms.push(form(`iret_${key}`, [0xcf], { ...base, aligned: true, setup: frame(size, 3) }));
  }
  return forms;
}

function checks(): Form[] {
  const bound =
    (size: 2 | 4) =>
    (b: Builder): void => {
      const low = BigInt(b.random.below(0x4000));
      for (let i = 0; i < 8; i++) if (i !== 4) b.setLow(i, size, BigInt(b.random.below(0x8000)));
      b.target = b.chooseTarget(size * 2);
      if (b.random.oneIn(4)) b.poke(b.target, b.random.u64(), size * 2);
      else b.poke(b.target, low | (BigInt(0x4000 + b.random.below(0x4000)) << BigInt(size * 8)), size * 2);
    };
  const similar = (b: Builder): void => {
    for (let i = 0; i < 8; i++) if (i !== 4) b.setLow(i, 2, BigInt(b.random.below(16)));
  };
  const [register, memory] = rmForms("arpl", [0x63], { modes: LEGACY, size: 2, fixedSize: true, reg: "any" });
  return [
    ...([2, 4] as const).map((size) =>
      form(`bound_${suffix(size)}`, [0x62], {
        size,
        modes: LEGACY,
        reg: "any",
        rm: "mem",
        access: size * 2,
        setup: bound(size),
      }),
    ),
    { ...register!, setup: similar },
    memory!,
    form("into", [0xce], { modes: LEGACY, fixedSize: true }),
    form("int3", [0xcc], { fixedSize: true }),
    form("int_n", [0xcd], {
      fixedSize: true,
      imm: 1,
      setup: (b) => {
        b.fixedImm = BigInt(b.random.pick([0, 1, 2, 5, 6, 8, 13, 14, 0x20, 0x21, 0x7f, 0x81, 0xff]));
      },
    }),
  ];
}

/** Raise #GP(0) in ring 3 (I/O: IOPL 0 and no permission bitmap). */
function privileged(): Form[] {
  const plain = (name: string, opcode: readonly number[], options: Partial<Form> = {}): Form =>
    form(`gp_${name}`, opcode, { fixedSize: true, ...options });
  return [
    plain("hlt", [0xf4]),
    plain("cli", [0xfa]),
    plain("sti", [0xfb]),
    plain("in_al_i", [0xe4], { imm: 1 }),
    plain("in_eax_i", [0xe5], { imm: 1 }),
    plain("out_i_al", [0xe6], { imm: 1 }),
    plain("out_i_eax", [0xe7], { imm: 1 }),
    plain("in_al_dx", [0xec]),
    plain("in_eax_dx", [0xed]),
    plain("out_dx_al", [0xee]),
    plain("out_dx_eax", [0xef]),
    ...[0x6c, 0x6d, 0x6e, 0x6f].flatMap((opcode) => [
      plain(`io_string_${opcode.toString(16)}`, [opcode]),
      plain(`rep_io_string_${opcode.toString(16)}`, [opcode], { prefix: 0xf3 }),
    ]),
    plain("clts", [0x0f, 0x06]),
    plain("invd", [0x0f, 0x08]),
    plain("wbinvd", [0x0f, 0x09]),
    plain("wrmsr", [0x0f, 0x30]),
    plain("rdmsr", [0x0f, 0x32]),
    plain("rdpmc", [0x0f, 0x33]),
    ...[0, 2, 3, 4].flatMap((reg) => [
      plain(`mov_r_cr${reg}`, [0x0f, 0x20, 0xc0 | (reg << 3)], { bare: true }),
      plain(`mov_cr${reg}_r`, [0x0f, 0x22, 0xc0 | (reg << 3)], { bare: true }),
    ]),
    ...[0, 1, 2, 3, 6, 7].flatMap((reg) => [
      plain(`mov_r_dr${reg}`, [0x0f, 0x21, 0xc0 | (reg << 3)], { bare: true }),
      plain(`mov_dr${reg}_r`, [0x0f, 0x23, 0xc0 | (reg << 3)], { bare: true }),
    ]),
    ...rmForms("gp_lldt", [0x0f, 0x00], { reg: 2, size: 2, fixedSize: true, access: 2 }),
    ...rmForms("gp_ltr", [0x0f, 0x00], { reg: 3, size: 2, fixedSize: true, access: 2 }),
    ...rmForms("gp_lmsw", [0x0f, 0x01], { reg: 6, size: 2, fixedSize: true, access: 2 }),
    plain("lgdt", [0x0f, 0x01], { reg: 2, rm: "mem", access: 10 }),
    plain("lidt", [0x0f, 0x01], { reg: 3, rm: "mem", access: 10 }),
    plain("invlpg", [0x0f, 0x01], { reg: 7, rm: "mem", access: 1 }),
    plain("swapgs", [0x0f, 0x01, 0xf8], { modes: LONG, bare: true }),
  ];
}

/** Prefixes that change nothing, up to and beyond the limit of 15 bytes. */
function padded(b: Builder): void {
  b.padding = 8 + b.random.below(9);
}

function undefinedOpcodes(): Form[] {
  const ud = (name: string, opcode: readonly number[], options: Partial<Form> = {}): Form[] =>
    rmForms(`ud_${name}`, opcode, { fixedSize: true, ...options });
  return [
    form("ud2", [0x0f, 0x0b], { fixedSize: true }),
    ...ud("ud1", [0x0f, 0xb9], { reg: "any" }),
    form("ud0", [0x0f, 0xff], { reg: "any", rm: "reg", fixedSize: true }),
    ...[2, 3, 4, 5, 6, 7].flatMap((reg) => ud(`fe_${reg}`, [0xfe], { reg })),
    ...ud("ff_7", [0xff], { reg: 7 }),
    form("ud_ff_3_r", [0xff], { reg: 3, rm: "reg", fixedSize: true }),
    form("ud_ff_5_r", [0xff], { reg: 5, rm: "reg", fixedSize: true }),
    ...[1, 4, 6].flatMap((reg) => ud(`c6_${reg}`, [0xc6], { reg, imm: 1 })),
    ...[0, 1, 2, 3].flatMap((reg) => ud(`0fba_${reg}`, [0x0f, 0xba], { reg, imm: 1 })),
    ...[6, 7].flatMap((reg) => ud(`0f00_${reg}`, [0x0f, 0x00], { reg })),
    form("ud_lea_r", [0x8d], { reg: "any", rm: "reg" }),
    form("ud_mov_to_cs", [0x8e], { reg: 1, rm: "reg" }),
    form("ud_8c_6", [0x8c], { reg: 6, rm: "reg" }),
    ...[0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x60, 0x61, 0x82, 0x9a, 0xce, 0xea].map((opcode) =>
      form(`ud64_${opcode.toString(16)}`, [opcode], { modes: LONG, bare: true, fixedSize: true, imm: 6 }),
    ),
    ...[0x04, 0x0a, 0x0c, 0x24, 0x25, 0x26, 0x27, 0x36, 0x39, 0x3b, 0x3c, 0xa6, 0xa7].map((opcode) =>
      form(`ud_0f_${opcode.toString(16)}`, [0x0f, opcode], { bare: true, fixedSize: true, reg: 0, rm: "reg" }),
    ),
    form("too_long", [0x90], { fixedSize: true, bare: true, setup: padded }),
    ...rmForms("too_long_add", [0x81], { reg: 0, imm: 4, bare: true, setup: padded }),
  ];
}

export const CONTROL_FORMS: readonly Form[] = [
  ...branches(),
  ...far(),
  ...checks(),
  ...privileged(),
  ...undefinedOpcodes(),
];
