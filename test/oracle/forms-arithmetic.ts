// Forms of arithmetic, logic, shifts, bit and BMI instructions (SDM vol. 2; opcode maps in appendix A).

import type { Builder } from "./builder.js";
import { ALL, BWDQ, DQ, type Form, form, LEGACY, LONG, modesOf, rmForms, type Size, suffix, WDQ } from "./form.js";
import { doubleShiftUndefined, rotateUndefined, shiftUndefined, Undefined } from "./undefined.js";

const byteBit = (size: Size): number => (size === 1 ? 0 : 1);
const immOf = (size: Size): number => Math.min(size, 4);

function alu(): Form[] {
  const names = ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"];
  return names.flatMap((name, n) =>
    BWDQ.flatMap((size) => {
      const undefinedFlags = n === 1 || n === 4 || n === 6 ? Undefined.LOGIC : 0;
      const lockable = n !== 7;
      const base = { size, modes: modesOf(size), undefined: undefinedFlags, repIgnored: true };
      const at = n * 8;
      const key = `${name}_${suffix(size)}`;
      const forms = [
        ...rmForms(`${key}_rm_r`, [at | byteBit(size)], { ...base, reg: "any", lockable }),
        ...rmForms(`${key}_r_rm`, [at | 2 | byteBit(size)], { ...base, reg: "any" }),
        form(`${key}_a_i`, [at | 4 | byteBit(size)], { ...base, imm: immOf(size) }),
        ...rmForms(`${key}_rm_i`, [0x80 | byteBit(size)], { ...base, reg: n, imm: immOf(size), lockable }),
      ];
      if (size === 1)
        forms.push(...rmForms(`${key}_rm_i_82`, [0x82], { ...base, modes: LEGACY, reg: n, imm: 1, lockable }));
      else forms.push(...rmForms(`${key}_rm_i8`, [0x83], { ...base, reg: n, imm: 1, lockable }));
      return forms;
    }),
  );
}

/** Makes half of the divisions fit: a small or sign-extended upper half. */
function divide(size: Size): (b: Builder) => void {
  return (b) => {
    if (b.random.oneIn(3)) return;
    const bits = BigInt(size * 8);
    const upper = b.random.pick([0n, 0n, (1n << bits) - 1n, BigInt(b.random.below(100))]);
    if (size === 1) b.setLow(0, 2, (upper << 8n) | b.low(0, 1));
    else b.setLow(2, size, upper);
  };
}

function unary(): Form[] {
  return BWDQ.flatMap((size) => {
    const base = { size, modes: modesOf(size), repIgnored: true };
    const key = suffix(size);
    const f6 = [0xf6 | byteBit(size)];
    const fe = [0xfe | byteBit(size)];
    return [
      ...[0, 1].flatMap((reg) =>
        rmForms(`test_${key}_i_${reg}`, f6, { ...base, reg, imm: immOf(size), undefined: Undefined.LOGIC }),
      ),
      form(`test_${key}_a_i`, [0xa8 | byteBit(size)], { ...base, imm: immOf(size), undefined: Undefined.LOGIC }),
      ...rmForms(`test_${key}_rm_r`, [0x84 | byteBit(size)], { ...base, reg: "any", undefined: Undefined.LOGIC }),
      ...rmForms(`not_${key}`, f6, { ...base, reg: 2, lockable: true }),
      ...rmForms(`neg_${key}`, f6, { ...base, reg: 3, lockable: true }),
      ...rmForms(`mul_${key}`, f6, { ...base, reg: 4, undefined: Undefined.MULTIPLY }),
      ...rmForms(`imul_${key}`, f6, { ...base, reg: 5, undefined: Undefined.MULTIPLY }),
      ...rmForms(`div_${key}`, f6, { ...base, reg: 6, undefined: Undefined.DIVIDE, setup: divide(size) }),
      ...rmForms(`idiv_${key}`, f6, { ...base, reg: 7, undefined: Undefined.DIVIDE, setup: divide(size) }),
      ...rmForms(`inc_${key}`, fe, { ...base, reg: 0, lockable: true }),
      ...rmForms(`dec_${key}`, fe, { ...base, reg: 1, lockable: true }),
    ];
  });
}

function incDecShort(): Form[] {
  return ([2, 4] as const).flatMap((size) => [
    form(`inc_${suffix(size)}_short`, [0x40], { size, modes: LEGACY, plus: true }),
    form(`dec_${suffix(size)}_short`, [0x48], { size, modes: LEGACY, plus: true }),
  ]);
}

function multiply(): Form[] {
  return WDQ.flatMap((size) => {
    const base = { size, modes: modesOf(size), reg: "any" as const, undefined: Undefined.MULTIPLY };
    return [
      ...rmForms(`imul2_${suffix(size)}`, [0x0f, 0xaf], base),
      ...rmForms(`imul3_${suffix(size)}_i`, [0x69], { ...base, imm: immOf(size), repIgnored: true }),
      ...rmForms(`imul3_${suffix(size)}_i8`, [0x6b], { ...base, imm: 1, repIgnored: true }),
    ];
  });
}

const countMask = (size: Size): number => (size === 8 ? 63 : 31);

/** CL: any byte, mostly a count that does something. */
function anyCount(b: Builder): void {
  b.setLow(1, 1, BigInt(b.random.oneIn(3) ? b.random.below(256) : b.random.below(34)));
}
function anyImmediateCount(b: Builder): void {
  b.fixedImm = BigInt(b.random.oneIn(3) ? b.random.below(256) : b.random.below(34));
}

function shifts(): Form[] {
  const names = ["rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar"];
  return names.flatMap((name, reg) =>
    BWDQ.flatMap((size) => {
      const mask = countMask(size);
      const flags = (count: number): number =>
        reg < 4 ? rotateUndefined(count) : shiftUndefined(count, size * 8, reg === 7);
      const base = { size, modes: modesOf(size), reg, repIgnored: true };
      const key = `${name}_${suffix(size)}`;
      return [
        ...rmForms(`${key}_1`, [0xd0 | byteBit(size)], { ...base, undefined: flags(1) }),
        ...rmForms(`${key}_cl`, [0xd2 | byteBit(size)], {
          ...base,
          setup: anyCount,
          undefined: (b) => flags(Number(b.low(1, 1)) & mask),
        }),
        ...rmForms(`${key}_i`, [0xc0 | byteBit(size)], {
          ...base,
          imm: 1,
          setup: anyImmediateCount,
          undefined: (b) => flags(Number(b.imm) & mask),
        }),
      ];
    }),
  );
}

function doubleShifts(): Form[] {
  return WDQ.flatMap((size) =>
    (["shld", "shrd"] as const).flatMap((name, n) => {
      const mask = countMask(size);
      const base = { size, modes: modesOf(size), reg: "any" as const };
      // By more than 16 the 16-bit forms leave operand and flags undefined.
      const count = (b: Builder): bigint => {
        const any = b.random.below(256);
        return BigInt(size === 2 && (any & 31) > 16 ? any & 0xef : any);
      };
      return [
        ...rmForms(`${name}_${suffix(size)}_i`, [0x0f, 0xa4 | (n << 3)], {
          ...base,
          imm: 1,
          setup: (b) => {
            b.fixedImm = count(b);
          },
          undefined: (b) => doubleShiftUndefined(Number(b.imm) & mask),
        }),
        ...rmForms(`${name}_${suffix(size)}_cl`, [0x0f, 0xa5 | (n << 3)], {
          ...base,
          setup: (b) => b.setLow(1, 1, count(b)),
          undefined: (b) => doubleShiftUndefined(Number(b.low(1, 1)) & mask),
        }),
      ];
    }),
  );
}

/** A register bit offset reaches memory far away: keep it within the windows. */
function bitOffset(b: Builder): void {
  for (let i = 0; i < 16; i++) {
    if (i === 4 || b.random.oneIn(3)) continue;
    b.gpr[i] = BigInt.asUintN(b.width, BigInt(b.random.below(0x4000) - 0x2000));
  }
}

function bits(): Form[] {
  return WDQ.flatMap((size) => {
    const key = suffix(size);
    const base = { size, modes: modesOf(size) };
    const test = ["bt", "bts", "btr", "btc"].flatMap((name, n) => {
      const options = { ...base, undefined: Undefined.BIT_TEST, lockable: n !== 0, repIgnored: true };
      const [register, memory] = rmForms(`${name}_${key}_rm_r`, [0x0f, 0xa3 | (n << 3)], { ...options, reg: "any" });
      return [
        register!,
        { ...memory!, setup: bitOffset },
        ...rmForms(`${name}_${key}_i`, [0x0f, 0xba], { ...options, reg: 4 + n, imm: 1 }),
      ];
    });
    const scan = (name: string, prefix: number, opcode: number, undefinedFlags: number): Form[] =>
      rmForms(`${name}_${key}`, [0x0f, opcode], { ...base, prefix, reg: "any", undefined: undefinedFlags });
    return [
      ...test,
      ...scan("bsf", 0, 0xbc, Undefined.BIT_SCAN),
      ...scan("bsr", 0, 0xbd, Undefined.BIT_SCAN),
      ...scan("tzcnt", 0xf3, 0xbc, Undefined.COUNT_ZEROS),
      ...scan("lzcnt", 0xf3, 0xbd, Undefined.COUNT_ZEROS),
      ...scan("popcnt", 0xf3, 0xb8, 0),
    ];
  });
}

function bmi(): Form[] {
  const modes = [32, 64, 16] as const;
  return DQ.flatMap((size) => {
    const key = suffix(size);
    const base = { size, modes: size === 8 ? LONG : modes, fixedSize: true, reg: "any" as const };
    const vex = (name: string, map: number, pp: number, opcode: number, options: Partial<Form>, vvvv = true): Form[] =>
      rmForms(`${name}_${key}`, [opcode], { ...base, vex: { map, pp, l: 0, vvvv }, ...options });
    const small = (b: Builder): void => {
      for (let i = 0; i < 16; i++)
        if (i !== 4 && b.random.oneIn(2)) b.setLow(i, 2, BigInt(b.random.below(80) | (b.random.below(80) << 8)));
    };
    return [
      ...vex("andn", 2, 0, 0xf2, { undefined: Undefined.BMI }),
      ...vex("blsr", 2, 0, 0xf3, { reg: 1, undefined: Undefined.BMI }),
      ...vex("blsmsk", 2, 0, 0xf3, { reg: 2, undefined: Undefined.BMI }),
      ...vex("blsi", 2, 0, 0xf3, { reg: 3, undefined: Undefined.BMI }),
      ...vex("bextr", 2, 0, 0xf7, { undefined: Undefined.BEXTR, setup: small }),
      ...vex("bzhi", 2, 0, 0xf5, { undefined: Undefined.BMI, setup: small }),
      ...vex("mulx", 2, 3, 0xf6, {}),
      ...vex("pdep", 2, 3, 0xf5, {}),
      ...vex("pext", 2, 2, 0xf5, {}),
      ...vex("rorx", 3, 3, 0xf0, { imm: 1 }, false),
      ...vex("sarx", 2, 2, 0xf7, {}),
      ...vex("shlx", 2, 1, 0xf7, {}),
      ...vex("shrx", 2, 3, 0xf7, {}),
      ...vex("vex_l1_ud", 2, 0, 0xf2, { vex: { map: 2, pp: 0, l: 1, vvvv: true } }),
      ...vex("bls_0_ud", 2, 0, 0xf3, { reg: 0 }),
      ...vex("bls_7_ud", 2, 0, 0xf3, { reg: 7 }),
      ...vex("rorx_vvvv_ud", 3, 3, 0xf0, { imm: 1 }),
    ];
  });
}

function wide(): Form[] {
  return [
    ...DQ.flatMap((size) => [
      ...rmForms(`adcx_${suffix(size)}`, [0x0f, 0x38, 0xf6], { size, modes: modesOf(size), prefix: 0x66, reg: "any" }),
      ...rmForms(`adox_${suffix(size)}`, [0x0f, 0x38, 0xf6], { size, modes: modesOf(size), prefix: 0xf3, reg: "any" }),
    ]),
    ...BWDQ.flatMap((size) =>
      rmForms(`crc32_${suffix(size)}`, [0x0f, 0x38, 0xf0 | byteBit(size)], {
        size,
        modes: modesOf(size),
        prefix: 0xf2,
        reg: "any",
      }),
    ),
    ...WDQ.flatMap((size) => [
      form(`movbe_load_${suffix(size)}`, [0x0f, 0x38, 0xf0], { size, modes: modesOf(size), reg: "any", rm: "mem" }),
      form(`movbe_store_${suffix(size)}`, [0x0f, 0x38, 0xf1], { size, modes: modesOf(size), reg: "any", rm: "mem" }),
      form(`movbe_ud_${suffix(size)}`, [0x0f, 0x38, 0xf0], { size, modes: modesOf(size), reg: "any", rm: "reg" }),
    ]),
  ];
}

function decimal(): Form[] {
  const legacy = { size: 1 as const, modes: LEGACY };
  const adjusted = (b: Builder): void => {
    if (b.random.oneIn(2)) b.setLow(0, 1, BigInt((b.random.below(16) << 4) | b.random.below(16)));
  };
  return [
    form("daa", [0x27], { ...legacy, undefined: Undefined.DECIMAL_ADJUST, setup: adjusted }),
    form("das", [0x2f], { ...legacy, undefined: Undefined.DECIMAL_ADJUST, setup: adjusted }),
    form("aaa", [0x37], { ...legacy, undefined: Undefined.ASCII_ADJUST, setup: adjusted }),
    form("aas", [0x3f], { ...legacy, undefined: Undefined.ASCII_ADJUST, setup: adjusted }),
    form("aam", [0xd4], { ...legacy, imm: 1, undefined: Undefined.ASCII_SCALE, setup: zeroSometimes }),
    form("aad", [0xd5], { ...legacy, imm: 1, undefined: Undefined.ASCII_SCALE, setup: zeroSometimes }),
    form("salc", [0xd6], legacy),
    ...[0x27, 0x2f, 0x37, 0x3f, 0xd4, 0xd5, 0xd6].map((opcode) =>
      form(`ud64_${opcode.toString(16)}`, [opcode], { modes: LONG, size: 1, imm: 1, bare: true }),
    ),
  ];
}
function zeroSometimes(b: Builder): void {
  b.fixedImm = BigInt(b.random.oneIn(6) ? 0 : b.random.oneIn(2) ? 10 : b.random.below(256));
}

/** Registers equal to the accumulator, or memory equal to it: comparisons that match. */
function matching(size: Size, memory: boolean): (b: Builder) => void {
  return (b) => {
    if (!b.random.oneIn(2)) return;
    if (!memory) {
      for (let i = 1; i < 16; i++) if (i !== 4) b.gpr[i] = b.gpr[0]!;
      return;
    }
    b.target = b.chooseTarget(size);
    b.poke(b.target, b.gpr[0]!, size);
  };
}

function exchange(): Form[] {
  return BWDQ.flatMap((size) => {
    const base = { size, modes: modesOf(size), reg: "any" as const, lockable: true };
    const key = suffix(size);
    const low = byteBit(size);
    const [register, memory] = rmForms(`cmpxchg_${key}`, [0x0f, 0xb0 | low], { ...base, repIgnored: true });
    return [
      ...rmForms(`xchg_${key}`, [0x86 | low], { ...base, repIgnored: true }),
      ...rmForms(`xadd_${key}`, [0x0f, 0xc0 | low], { ...base, repIgnored: true }),
      { ...register!, setup: matching(size, false) },
      { ...memory!, setup: matching(size, true) },
    ];
  });
}

function exchangeWide(): Form[] {
  const pair =
    (size: 4 | 8) =>
    (b: Builder): void => {
      const bytes = size * 2;
      const align = b.random.oneIn(8) ? 1 : bytes;
      b.target = b.chooseTarget(bytes);
      b.target -= b.target % align;
      const bits = BigInt(size * 8);
      if (b.random.oneIn(2)) b.poke(b.target, (b.low(2, size) << bits) | b.low(0, size), bytes);
    };
  return [
    form("cmpxchg8b", [0x0f, 0xc7], {
      reg: 1,
      rm: "mem",
      access: 8,
      fixedSize: true,
      lockable: true,
      modes: ALL,
      setup: pair(4),
      repIgnored: true,
    }),
    form("cmpxchg16b", [0x0f, 0xc7], {
      size: 8,
      reg: 1,
      rm: "mem",
      access: 16,
      lockable: true,
      modes: LONG,
      setup: pair(8),
      repIgnored: true,
    }),
    form("cmpxchg8b_reg_ud", [0x0f, 0xc7], { reg: 1, rm: "reg", fixedSize: true }),
  ];
}

export const ARITHMETIC: readonly Form[] = [
  ...alu(),
  ...unary(),
  ...incDecShort(),
  ...multiply(),
  ...shifts(),
  ...doubleShifts(),
  ...bits(),
  ...bmi(),
  ...wide(),
  ...decimal(),
  ...exchange(),
  ...exchangeWide(),
];
