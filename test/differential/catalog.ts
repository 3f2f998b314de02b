// The oracle's instruction forms sorted by what programs of a flavour want: the integer core that translated code is
// made of, then what is rarer. Left out is what would derail a structured program rather than test it: transfers,
// stack pointers, whole state images, implicit pointers; those have statements of their own or none.

import type { Form, Mode } from "../oracle/form.js";
import { ARITHMETIC } from "../oracle/forms-arithmetic.js";
import { DATA_FORMS } from "../oracle/forms-data.js";
import { SSE_FORMS } from "../oracle/forms-sse.js";
import { VECTOR_FORMS } from "../oracle/forms-vector.js";
import { X87_FORMS } from "../oracle/forms-x87.js";

export const CATEGORIES = [
  "alu",
  "move",
  "extend",
  "address",
  "unary",
  "shift",
  "multiply",
  "divide",
  "condition",
  "bits",
  "exchange",
  "flags",
  "odd",
  "scalar",
  "packed",
  "integer",
  "mmx",
  "x87",
] as const;
export type Category = (typeof CATEGORIES)[number];

/** First match decides. */
const INTEGER: readonly (readonly [RegExp, Category | undefined])[] = [
  [/_ud|^ud|^bls_\d/, undefined],
  [/^(push|pop(?!cnt)|enter|leave|xlat|std|wr[fg]sbase|l[defgs]s_|mov_.s_rm)/, undefined],
  [/(movs|cmps|stos|lods|scas)_[bwdq]$/, undefined],
  [/^(add|or|adc|sbb|and|sub|xor|cmp|test)_/, "alu"],
  [/^mov_[bwdq]_(rm_[ri]|r_rm|short)/, "move"],
  [/^mov_[bwdq]_(load|store)_moffs/, "address"],
  [/^(movzx|movsx|movsxd)_/, "extend"],
  [/^lea_/, "address"],
  [/^(inc|dec|neg|not)_/, "unary"],
  [/^(rol|ror|rcl|rcr|shl|shr|sal|sar|shld|shrd)_/, "shift"],
  [/^i?mul/, "multiply"],
  [/^i?div_/, "divide"],
  [/^(cmov|set)[0-9a-f]/, "condition"],
  [/^(bt[src]?|bsf|bsr|tzcnt|lzcnt|popcnt|andn|bls|bextr|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx)/, "bits"],
  [/^(xchg|xadd|cmpxchg|bswap|cbw|cwd)/, "exchange"],
  [/^(lahf|sahf|cmc|clc|stc|cld|salc)/, "flags"],
  [/./, "odd"],
];

function ofInteger(form: Form): Category | undefined {
  return INTEGER.find(([pattern]) => pattern.test(form.name))?.[1];
}

function ofVector(form: Form): Category | undefined {
  const { name } = form;
  if (/ud_|maskmov|ldmxcsr|fx?save|fxrstor|xrstor/.test(name)) return undefined;
  if (name.startsWith("mmx")) return "mmx";
  if (VECTOR_FORMS.includes(form)) return "integer";
  return /(ss|sd|si)(_q)?(_\d)?_[rm]$|(ss|sd)_/.test(name) ? "scalar" : "packed";
}

function ofX87(form: Form): Category | undefined {
  return /ud_|fldenv|frstor|fldcw|fnsave|xsave|xrstor|mxcsr|fptan|fpatan|fyl2x|fsin|fcos|f2xm1/.test(form.name)
    ? undefined
    : "x87";
}

type Catalog = Readonly<Record<Category, readonly Form[]>>;

function build(mode: Mode): Catalog {
  const catalog = Object.fromEntries(CATEGORIES.map((category) => [category, [] as Form[]])) as Record<
    Category,
    Form[]
  >;
  const add = (forms: readonly Form[], sort: (form: Form) => Category | undefined): void => {
    for (const form of forms) {
      if (!form.modes.includes(mode) || form.step || form.sequence) continue;
      const category = sort(form);
      if (category !== undefined) catalog[category].push(form);
    }
  };
  add([...ARITHMETIC, ...DATA_FORMS], ofInteger);
  add([...VECTOR_FORMS, ...SSE_FORMS], ofVector);
  add(X87_FORMS, ofX87);
  return catalog;
}

export const CATALOG: Readonly<Record<Mode, Catalog>> = { 16: build(16), 32: build(32), 64: build(64) };

/** How often a program draws from each category. */
export type Flavour = readonly (readonly [Category, number])[];

const CORE: Flavour = [
  ["alu", 30],
  ["move", 18],
  ["extend", 6],
  ["address", 6],
  ["unary", 7],
  ["shift", 9],
  ["multiply", 3],
  ["divide", 1],
  ["condition", 7],
  ["bits", 3],
  ["exchange", 4],
  ["flags", 2],
  ["odd", 1],
];
const scaled = (flavour: Flavour, factor: number): Flavour =>
  flavour.map(([category, weight]) => [category, weight * factor] as const);

export const FLAVOURS: readonly Flavour[] = [
  CORE,
  CORE,
  CORE,
  [...CORE, ["scalar", 40], ["x87", 4]],
  [...CORE, ["integer", 40], ["packed", 25], ["scalar", 10]],
  [...CORE, ["x87", 30], ["mmx", 12]],
  [...scaled(CORE, 0.4), ["bits", 15], ["exchange", 15], ["odd", 15], ["divide", 4], ["shift", 15]],
  [...CORE, ["odd", 6], ["x87", 6], ["mmx", 3], ["integer", 10], ["packed", 6], ["scalar", 10]],
];
