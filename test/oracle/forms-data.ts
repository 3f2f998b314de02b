// Forms that move data: moves, stack, strings, conversions, segment registers, flags (SDM vol. 2).

import { type Builder, CODE, DATA } from "./builder.js";
import { ALL, BWDQ, DQ, type Form, form, LEGACY, LONG, modesOf, rmForms, type Size, suffix, WDQ } from "./form.js";
import { LDT } from "./segments.js";

const byteBit = (size: Size): number => (size === 1 ? 0 : 1);
const immOf = (size: Size): number => Math.min(size, 4);

function moves(): Form[] {
  return BWDQ.flatMap((size) => {
    const base = { size, modes: modesOf(size), repIgnored: true };
    const key = suffix(size);
    return [
      ...rmForms(`mov_${key}_rm_r`, [0x88 | byteBit(size)], { ...base, reg: "any" }),
      ...rmForms(`mov_${key}_r_rm`, [0x8a | byteBit(size)], { ...base, reg: "any" }),
      ...rmForms(`mov_${key}_rm_i`, [0xc6 | byteBit(size)], { ...base, reg: 0, imm: immOf(size) }),
      form(`mov_${key}_short`, [size === 1 ? 0xb0 : 0xb8], { ...base, plus: true, imm: size }),
      ...moffs(size),
    ];
  });
}

/** A0-A3: the address is an immediate of the address size. */
function moffs(size: Size): Form[] {
  const key = suffix(size);
  return [0xa0, 0xa2].flatMap((opcode) =>
    ([16, 32, 64] as const)
      .filter((mode) => size !== 8 || mode === 64)
      .map((mode) =>
        form(`mov_${key}_${opcode === 0xa0 ? "load" : "store"}_moffs${mode}`, [opcode | byteBit(size)], {
          size,
          modes: [mode],
          bare: true,
          imm: mode / 8,
          setup: (b) => {
            const linear = b.chooseTarget(size);
            b.fixedImm = mode === 64 ? BigInt(linear) : BigInt.asUintN(mode, BigInt(linear - b.segments[3]!.base));
          },
        }),
      ),
  );
}

/** Of the 16-bit form of MOVSXD vendors read 2 or 4 bytes: where that shows is left out. */
const inside: Partial<Form> = {
  aligned: true,
  setup: (b) => {
    b.target = DATA + b.random.below(0x1f00);
  },
};

function extensions(): Form[] {
  return WDQ.flatMap((size) => {
    const base = { size, modes: modesOf(size), reg: "any" as const, repIgnored: true };
    const key = suffix(size);
    return [
      ...rmForms(`movzx_${key}_b`, [0x0f, 0xb6], { ...base, access: 1 }),
      ...rmForms(`movzx_${key}_w`, [0x0f, 0xb7], { ...base, access: 2 }),
      ...rmForms(`movsx_${key}_b`, [0x0f, 0xbe], { ...base, access: 1 }),
      ...rmForms(`movsx_${key}_w`, [0x0f, 0xbf], { ...base, access: 2 }),
      ...rmForms(`movsxd_${key}`, [0x63], { ...base, modes: LONG, access: 4, ...(size === 2 ? inside : {}) }),
      form(`cbw_${key}`, [0x98], { size, modes: modesOf(size), repIgnored: true }),
      form(`cwd_${key}`, [0x99], { size, modes: modesOf(size), repIgnored: true }),
      form(`xchg_${key}_short`, [0x90], { size, modes: modesOf(size), plus: true }),
      form(`lea_${key}`, [0x8d], { size, modes: modesOf(size), reg: "any", rm: "mem", repIgnored: true }),
      ...cmov(size),
      ...(size === 2
        ? []
        : [form(`bswap_${key}`, [0x0f, 0xc8], { size, modes: modesOf(size), plus: true, repIgnored: true })]),
    ];
  });
}

function cmov(size: Size): Form[] {
  return Array.from({ length: 16 }, (_, cc) =>
    rmForms(`cmov${cc.toString(16)}_${suffix(size)}`, [0x0f, 0x40 | cc], { size, modes: modesOf(size), reg: "any" }),
  ).flat();
}

function setcc(): Form[] {
  return Array.from({ length: 16 }, (_, cc) =>
    rmForms(`set${cc.toString(16)}`, [0x0f, 0x90 | cc], { size: 1, reg: "any", repIgnored: true }),
  ).flat();
}

/** Stack forms: in 64-bit mode the operand is 8 bytes, or 2 with 66h. */
const STACK_SIZES: readonly { size: Size; modes: readonly (16 | 32 | 64)[] }[] = [
  { size: 2, modes: ALL },
  { size: 4, modes: LEGACY },
  { size: 8, modes: LONG },
];

function stack(): Form[] {
  return STACK_SIZES.flatMap(({ size, modes }) => {
    const base = { size, modes, default64: true, repIgnored: true };
    const key = suffix(size);
    const framed = (b: Builder): void => {
      b.setLow(
        5,
        b.mode === 64 ? 8 : 4,
        b.stackAddress(b.random.oneIn(5) ? b.random.below(0x2000) : 0x400 + b.random.below(0x380) * 8),
      );
    };
    const enter = (b: Builder): void => {
      framed(b);
      const level = b.random.oneIn(2) ? 0 : b.random.below(b.random.oneIn(4) ? 256 : 40);
      b.fixedImm = BigInt((b.random.oneIn(8) ? b.random.below(0x10000) : b.random.below(0x300)) | (level << 16));
    };
    return [
      form(`push_${key}`, [0x50], { ...base, plus: true }),
      form(`pop_${key}`, [0x58], { ...base, plus: true }),
      ...rmForms(`push_${key}_rm`, [0xff], { ...base, reg: 6 }),
      ...rmForms(`pop_${key}_rm`, [0x8f], { ...base, reg: 0 }),
      form(`push_${key}_i`, [0x68], { ...base, imm: immOf(size) }),
      form(`push_${key}_i8`, [0x6a], { ...base, imm: 1 }),
      form(`pushf_${key}`, [0x9c], base),
      form(`popf_${key}`, [0x9d], { ...base, setup: popFlags }),
      form(`enter_${key}`, [0xc8], { ...base, imm: 3, setup: enter, aligned: true, partial: true }),
      form(`leave_${key}`, [0xc9], { ...base, setup: framed }),
      ...(size === 8 ? [] : [form(`pusha_${key}`, [0x60], { ...base, modes: LEGACY, partial: true })]),
      ...(size === 8 ? [] : [form(`popa_${key}`, [0x61], { ...base, modes: LEGACY, partial: true })]),
      ...[0xa0, 0xa8].map((opcode) =>
        form(`push_${key}_${opcode === 0xa0 ? "fs" : "gs"}`, [0x0f, opcode], { ...base, bare: true }),
      ),
    ];
  });
}

function popFlags(b: Builder): void {
  const image = b.random.u32() & ~(1 << 17);
  if (b.stackLinear >= DATA && b.stackLinear < DATA + 0x1f00) b.poke(b.stackLinear, BigInt(image >>> 0), 4);
}

const REPEATS = [
  ["", 0],
  ["rep_", 0xf3],
  ["repne_", 0xf2],
] as const;

function strings(): Form[] {
  const operations = [
    ["movs", 0xa4, 3],
    ["cmps", 0xa6, 3],
    ["stos", 0xaa, 1],
    ["lods", 0xac, 2],
    ["scas", 0xae, 1],
  ] as const;
  return operations.flatMap(([name, opcode, pointers]) =>
    BWDQ.flatMap((size) =>
      REPEATS.map(([repeat, prefix]) =>
        form(`${repeat}${name}_${suffix(size)}`, [opcode | byteBit(size)], {
          size,
          modes: modesOf(size),
          prefix,
          setup: (b) => stringOperands(b, size, pointers, prefix !== 0),
        }),
      ),
    ),
  );
}

/** Pointers of a string instruction; counts stay small unless the operands soon leave the windows. */
function stringOperands(b: Builder, size: Size, pointers: number, repeated: boolean): void {
  const r = b.random;
  // A repeated store that runs over its own bytes may or may not be fetched again in between.
  const place = (segment: number): bigint => {
    for (;;) {
      const { linear, offset } = b.pointer(segment, size);
      if (linear < CODE || linear >= DATA - 0x1000) return offset;
    }
  };
  // Narrow addresses: the upper halves are equal, or a Zen 5 takes overlapping operands for disjoint ones.
  if (repeated && pointers === 3) for (const register of [6, 7]) b.set(register, 0n);
  if (pointers & 2) b.setLow(6, b.addressSize, place(3));
  if (pointers & 1) {
    // Often equal or overlapping operands.
    const same = pointers === 3 && r.oneIn(3);
    const value = same ? b.low(6, b.addressSize) + BigInt(r.below(5) - 2) * BigInt(r.oneIn(2) ? 1 : size) : place(0);
    b.setLow(7, b.addressSize, BigInt.asUintN(b.addressSize * 8, value));
  }
  if (repeated) b.setLow(1, b.addressSize, BigInt(r.oneIn(6) ? r.below(600) : r.below(20)));
  if (name16(b)) b.noOverride = r.oneIn(2);
}
const name16 = (b: Builder): boolean => b.addressSize === 2;

function flags(): Form[] {
  return [
    ...(
      [
        ["lahf", 0x9f],
        ["sahf", 0x9e],
        ["cmc", 0xf5],
        ["clc", 0xf8],
        ["stc", 0xf9],
        ["cld", 0xfc],
        ["std", 0xfd],
      ] as const
    ).map(([name, opcode]) => form(name, [opcode], { repIgnored: true, fixedSize: true })),
    form("xlat", [0xd7], {
      size: 1,
      fixedSize: true,
      setup: (b) => b.setLow(3, b.addressSize, b.pointer(3, 1).offset - b.low(0, 1)),
    }),
    form("nop_pause", [0x90], { prefix: 0xf3, fixedSize: true }),
    ...[0x18, 0x19, 0x1c, 0x1d, 0x1f].flatMap((opcode) =>
      rmForms(`hint_nop_${opcode.toString(16)}`, [0x0f, opcode], { reg: opcode === 0x1f ? 0 : 7 }),
    ),
    form("prefetchw", [0x0f, 0x0d], { reg: 1, rm: "mem", fixedSize: true }),
    ...["lfence", "mfence", "sfence"].map((name, n) =>
      form(name, [0x0f, 0xae, 0xe8 | (n << 3)], { bare: true, fixedSize: true }),
    ),
  ];
}

/** Selectors a ring-3 program may meet: valid, null, wrong type, wrong privilege, absent, beyond the limit. */
function someSelector(b: Builder): bigint {
  const r = b.random;
  if (r.oneIn(3) || b.mode === 64)
    return BigInt(r.pick([0, 3, 1, 0x2b, 0x28, 0x23, 0x10, 0x13, 0x18, 0x1b, 0x08, 0x80, 0x83, 0xfff8, 0xffff, 0x200]));
  return BigInt(
    r.oneIn(10)
      ? (LDT.length + r.below(40)) * 8 + 4 + r.below(4)
      : r.below(LDT.length) * 8 + 4 + (r.oneIn(4) ? r.below(4) : 3),
  );
}
const everySelector = (b: Builder): void => {
  for (let i = 0; i < 16; i++) if (i !== 4) b.setLow(i, 2, someSelector(b));
  // The stack pointer is a selector as well: not one of the entries that the host's GDT has for itself (60h-7Fh).
  if ((b.low(4, 2) & 0xffe0n) === 0x60n) b.set(4, b.stackAddress(0x800));
};
const memorySelector =
  (offset: number) =>
  (b: Builder): void => {
    b.target = b.chooseTarget(offset + 2);
    // Selectors in memory are always chosen: the host's GDT has entries of its own. Behind the windows a 16-bit
    // address would fall into the low one.
    if (b.target < DATA - 16 || b.target >= DATA + 0x1f00) b.target = DATA + b.random.below(0x1f00);
    // A scaled index can fall short of the target by its remainder: what is before it makes no such selector.
    for (let at = Math.max(b.target - 8, DATA); at < b.target; at++) b.poke(at, 0xffn, 1);
    b.poke(b.target, b.random.operand(), offset);
    b.poke(b.target + offset, someSelector(b), 2);
  };

function segmentRegisters(): Form[] {
  const names = ["es", "cs", "ss", "ds", "fs", "gs"];
  const forms: Form[] = [];
  for (const size of WDQ) {
    const base = { size, modes: modesOf(size) };
    for (const [n, name] of names.entries()) {
      // A 64-bit process keeps what it loads in DS, ES, FS and GS: only reading is tried there.
      forms.push(
        ...rmForms(`mov_${suffix(size)}_rm_${name}`, [0x8c], {
          ...base,
          reg: n,
          access: 2,
          repIgnored: true,
          bare: true,
        }),
      );
    }
    forms.push(
      ...["lar", "lsl"].flatMap((name, n) => {
        const [register, memory] = rmForms(`${name}_${suffix(size)}`, [0x0f, 2 + n], {
          ...base,
          reg: "any",
          access: 2,
        });
        return [
          { ...register!, setup: everySelector },
          { ...memory!, setup: memorySelector(0) },
        ];
      }),
    );
  }
  for (const [n, name] of ["verr", "verw"].entries()) {
    const [register, memory] = rmForms(name, [0x0f, 0x00], { reg: 4 + n, size: 2, fixedSize: true });
    forms.push({ ...register!, setup: everySelector }, { ...memory!, setup: memorySelector(0) });
  }
  for (const [n, name] of names.entries()) {
    if (n === 1) continue;
    const [register, memory] = rmForms(`mov_${name}_rm`, [0x8e], { modes: LEGACY, reg: n, access: 2 });
    forms.push({ ...register!, setup: everySelector }, { ...memory!, setup: memorySelector(0) });
  }
  return [...forms, ...pushPopSegments(), ...loadFar()];
}

function pushPopSegments(): Form[] {
  const forms: Form[] = [];
  for (const [push, pop, name] of [
    [[0x06], [0x07], "es"],
    [[0x0e], undefined, "cs"],
    [[0x16], [0x17], "ss"],
    [[0x1e], [0x1f], "ds"],
    [undefined, [0x0f, 0xa1], "fs"],
    [undefined, [0x0f, 0xa9], "gs"],
  ] as const) {
    for (const size of [2, 4] as const) {
      const base = { size, modes: LEGACY };
      if (push !== undefined) forms.push(form(`push_${suffix(size)}_${name}`, push, base));
      if (pop === undefined) continue;
      const setup = (b: Builder): void => {
        if (b.stackLinear >= DATA && b.stackLinear < DATA + 0x1f00) b.poke(b.stackLinear, someSelector(b), 2);
      };
      forms.push(form(`pop_${suffix(size)}_${name}`, pop, { ...base, setup }));
    }
  }
  return forms;
}

function loadFar(): Form[] {
  return (
    [
      ["les", [0xc4]],
      ["lds", [0xc5]],
      ["lss", [0x0f, 0xb2]],
      ["lfs", [0x0f, 0xb4]],
      ["lgs", [0x0f, 0xb5]],
    ] as const
  ).flatMap(([name, opcode]) =>
    ([2, 4] as const).map((size) =>
      form(`${name}_${suffix(size)}`, opcode, {
        size,
        modes: LEGACY,
        reg: "any",
        rm: "mem",
        access: size + 2,
        setup: memorySelector(size),
      }),
    ),
  );
}

function bases(): Form[] {
  return ["rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase"].flatMap((name, n) =>
    DQ.map((size) =>
      form(`${name}_${suffix(size)}`, [0x0f, 0xae], { size, modes: LONG, prefix: 0xf3, reg: n, rm: "reg" }),
    ),
  );
}

export const DATA_FORMS: readonly Form[] = [
  ...moves(),
  ...extensions(),
  ...setcc(),
  ...stack(),
  ...strings(),
  ...flags(),
  ...segmentRegisters(),
  ...bases(),
];
