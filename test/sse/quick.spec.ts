// The quick ways of SSE arithmetic against the exact functions of float/ (which the native cases prove): every
// instruction that may let an operator of WebAssembly compute, on special, close, random and barely inexact operands,
// under MXCSR values around the condition that allows it. Result and flags must be the same.

import { CR0, CR4, FAULT, GPR, MXCSR, SCRATCH_UOP, YMM } from "../../assembly/layout";
import { Ea, UOP_DST, UOP_EA, UOP_IMM, UOP_PREFIX, UOP_SRC } from "../../assembly/decode/uop";
import { vector0f, vector3a } from "../../assembly/execute/sse/dispatch";
import { Arithmetic } from "../../assembly/execute/sse/element";
import {
  begin,
  clearFlags,
  EXCEPTIONS,
  flags,
  PE,
  Relation,
  rounding,
  Rounding,
  unmasked,
} from "../../assembly/float/control";
import * as convert from "../../assembly/float/convert";
import { f64Add, f64Compare, f64Div, f64Max, f64Min, f64Mul, f64Round, f64Sqrt, f64Sub } from "../../assembly/float/double";
import { f32Add, f32Compare, f32Div, f32Max, f32Min, f32Mul, f32Round, f32Sqrt, f32Sub } from "../../assembly/float/single";
import {
  compareFloat,
  doubleFromInteger,
  integerFromDouble,
  narrowFloat,
  packedFloat,
  scalarFloat,
  widenFloat,
} from "../../assembly/interpret/float";
import { arithmeticFlags } from "../../assembly/vcpu/flags";
import { Status } from "../../assembly/vcpu/status";

const ROUNDS: i32 = 20000;

// ---- operands -------------------------------------------------------------------------------------

let seed: u64 = 0x9e3779b97f4a7c15;
function random(): u64 {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed * 0x2545f4914f6cdd1d;
}
function below(n: u32): u32 { return <u32>(random() >> 32) % n; }

const SPECIAL64: StaticArray<u64> = [
  0, 0x3ff0000000000000, 0x4000000000000000, 0x3fe0000000000000, 1, 0x000fffffffffffff, 0x0010000000000000,
  0x0010000000000001, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001,
  0x41e0000000000000, 0x41dfffffffffffff, 0x43e0000000000000, 0x433fffffffffffff, 0x380fffffffffffff,
  0x3810000000000000, 0x380fffffe0000000, 0x47efffffefffffff, 0x47effffff0000000, 0x1ff8000000000000, 0x2000000000000000,
];
const SPECIAL32: StaticArray<u32> = [
  0, 0x3f800000, 0x40000000, 0x3f000000, 1, 0x007fffff, 0x00800000, 0x00800001, 0x7f7fffff, 0x7f800000,
  0x7fc00000, 0x7f800001, 0x4f000000, 0x4effffff, 0x5f000000, 0x4b7fffff, 0x1f800000, 0x20000000, 0x3f7fffff,
];
function double(): u64 {
  const sign = random() & (1 << 63);
  switch (below(6)) {
    case 0: return sign | SPECIAL64[below(SPECIAL64.length)];
    case 1: return reinterpret<u64>(<f64>(<i64>random() >> below(64)));
    case 2: return sign | (<u64>(1013 + below(20)) << 52) | (random() >> 12 >> below(52) << below(52) & 0xfffffffffffff);
    case 3: return sign | (<u64>below(60) << 52) | (random() >> 12);
    case 4: return sign | (<u64>(1023 + below(2) * 900 - below(2) * 900) << 52) | (random() >> 12);
    default: return random();
  }
}
function single(): u32 {
  const sign = <u32>random() & 0x80000000;
  switch (below(6)) {
    case 0: return sign | SPECIAL32[below(SPECIAL32.length)];
    case 1: return reinterpret<u32>(<f32>(<i64>random() >> below(64)));
    case 2: return sign | ((117 + below(20)) << 23) | (<u32>random() >> 9 >> below(23) << below(23) & 0x7fffff);
    case 3: return sign | (below(30) << 23) | (<u32>random() >> 9);
    case 4: return sign | ((127 + below(2) * 100 - below(2) * 100) << 23) | (<u32>random() >> 9);
    default: return <u32>random();
  }
}
/** Operands whose product is tiny but rounds to the smallest normal number, or does not reach it. */
const PAIRS64: StaticArray<u64> = [
  0x3fefffffffffffff, 0x0010000000000000, 0x3feffffffffffffe, 0x0010000000000001, 0x1ff0000000000000, 0x2000000000000000,
];
const PAIRS32: StaticArray<u32> = [0x3f7fffff, 0x00800000, 0x3f7ffffe, 0x00800001, 0x1f800000, 0x20800000];

/** Masked and nearest as a rule, with and without flags; sometimes anything. */
function controlWord(): u32 {
  switch (below(8)) {
    case 0: return <u32>random() & 0xffff;
    case 1: return 0x1f80 | (<u32>random() & 0xe07f);
    case 2: case 3: return 0x1f80;
    default: return 0x1fa0;
  }
}

// ---- one instruction ------------------------------------------------------------------------------

const A: usize = YMM;
const B: usize = YMM + 32;

function prepare(): void {
  store<u64>(CR0, 0x31);
  store<u64>(CR4, 0x600);
}
/** Executes prefix opcode xmm0, xmm1; false: it raised an exception. */
function execute(map3a: bool, prefix: u32, opcode: u32, imm: u32, wide: bool = false): bool {
  store<u32>(FAULT, 0);
  store<u8>(SCRATCH_UOP, 0, UOP_DST);
  store<u8>(SCRATCH_UOP, 1, UOP_SRC);
  store<u8>(SCRATCH_UOP, <u8>Ea.REGISTER, UOP_EA);
  store<u8>(SCRATCH_UOP, wide ? 3 << 3 : 2 << 3, UOP_PREFIX);
  store<i64>(SCRATCH_UOP, <i64>((prefix << 16) | (opcode << 8) | imm), UOP_IMM);
  return (map3a ? vector3a(SCRATCH_UOP) : vector0f(SCRATCH_UOP)) == Status.NEXT;
}
/** The same through the interpreter's short path, where there is one; both must agree. */
function shortPath(prefix: u32, opcode: u32): bool {
  store<u32>(FAULT, 0);
  const u = SCRATCH_UOP;
  switch ((opcode << 2) | prefix) {
    case (0x58 << 2) | 0: return packedFloat<f32, u32>(Arithmetic.ADD, u);
    case (0x58 << 2) | 1: return packedFloat<f64, u64>(Arithmetic.ADD, u);
    case (0x58 << 2) | 2: return scalarFloat<f32>(Arithmetic.ADD, u);
    case (0x58 << 2) | 3: return scalarFloat<f64>(Arithmetic.ADD, u);
    case (0x59 << 2) | 0: return packedFloat<f32, u32>(Arithmetic.MUL, u);
    case (0x59 << 2) | 1: return packedFloat<f64, u64>(Arithmetic.MUL, u);
    case (0x59 << 2) | 2: return scalarFloat<f32>(Arithmetic.MUL, u);
    case (0x59 << 2) | 3: return scalarFloat<f64>(Arithmetic.MUL, u);
    case (0x5c << 2) | 0: return packedFloat<f32, u32>(Arithmetic.SUB, u);
    case (0x5c << 2) | 1: return packedFloat<f64, u64>(Arithmetic.SUB, u);
    case (0x5c << 2) | 2: return scalarFloat<f32>(Arithmetic.SUB, u);
    case (0x5c << 2) | 3: return scalarFloat<f64>(Arithmetic.SUB, u);
    case (0x5e << 2) | 0: return packedFloat<f32, u32>(Arithmetic.DIV, u);
    case (0x5e << 2) | 1: return packedFloat<f64, u64>(Arithmetic.DIV, u);
    case (0x5e << 2) | 2: return scalarFloat<f32>(Arithmetic.DIV, u);
    case (0x5e << 2) | 3: return scalarFloat<f64>(Arithmetic.DIV, u);
    case (0x2a << 2) | 3: return doubleFromInteger(u);
    case (0x2c << 2) | 3: return integerFromDouble(u);
    case (0x2f << 2) | 0: return compareFloat<f32>(u);
    case (0x2f << 2) | 1: return compareFloat<f64>(u);
    case (0x5a << 2) | 2: return widenFloat(u);
    case (0x5a << 2) | 3: return narrowFloat(u);
    default: return vector0f(u) == Status.NEXT;
  }
}
function exact64(opcode: u32, a: u64, b: u64): u64 {
  switch (opcode) {
    case 0x51: return f64Sqrt(b);
    case 0x58: return f64Add(a, b);
    case 0x59: return f64Mul(a, b);
    case 0x5c: return f64Sub(a, b);
    case 0x5d: return f64Min(a, b);
    case 0x5e: return f64Div(a, b);
    default: return f64Max(a, b);
  }
}
function exact32(opcode: u32, a: u32, b: u32): u32 {
  switch (opcode) {
    case 0x51: return f32Sqrt(b);
    case 0x58: return f32Add(a, b);
    case 0x59: return f32Mul(a, b);
    case 0x5c: return f32Sub(a, b);
    case 0x5d: return f32Min(a, b);
    case 0x5e: return f32Div(a, b);
    default: return f32Max(a, b);
  }
}

let failures: i32 = 0;
/** Repeats what `execute` did on the short path. */
function repeat(prefix: u32, opcode: u32, control: u32): bool {
  memory.copy(A, before, 16);
  store<u32>(MXCSR, control);
  return shortPath(prefix, opcode);
}
/** Compares with what the exact functions have left, in XMM0 and in MXCSR. */
function check(what: string, control: u32, completed: bool, size: u32, want: usize, a: usize): void {
  const open = unmasked();
  let same = completed == (open == 0) && load<u32>(MXCSR) == (control | (flags() & EXCEPTIONS));
  const expected = open == 0 ? want : a;
  for (let at: usize = 0; at < size; at++) if (load<u8>(A + at) != load<u8>(expected + at)) same = false;
  if (!same && failures++ < 5) {
    trace(what + " mxcsr " + control.toString(16) + " gave " + load<u32>(MXCSR).toString(16) + " a " +
      load<u64>(a).toString(16) + " " + load<u64>(a, 8).toString(16) + " b " + load<u64>(B).toString(16) + " " +
      load<u64>(B, 8).toString(16) + " r " + load<u64>(A).toString(16) + " " + load<u64>(A, 8).toString(16));
  }
}

const before: usize = memory.data(16, 16);
const want: usize = memory.data(16, 16);

function load64(): void {
  for (let i: usize = 0; i < 2; i++) {
    store<u64>(A + i * 8, double());
    store<u64>(B + i * 8, below(8) == 0 ? load<u64>(A + i * 8) : double());
    if (below(16) == 0) {
      const pair = below(3) * 2;
      store<u64>(A + i * 8, PAIRS64[pair]);
      store<u64>(B + i * 8, PAIRS64[pair + 1]);
    }
  }
  memory.copy(before, A, 16);
  memory.copy(want, A, 16);
}
function load32(): void {
  for (let i: usize = 0; i < 4; i++) {
    store<u32>(A + i * 4, single());
    store<u32>(B + i * 4, below(8) == 0 ? load<u32>(A + i * 4) : single());
    if (below(16) == 0) {
      const pair = below(3) * 2;
      store<u32>(A + i * 4, PAIRS32[pair]);
      store<u32>(B + i * 4, PAIRS32[pair + 1]);
    }
  }
  memory.copy(before, A, 16);
  memory.copy(want, A, 16);
}

function arithmetic(opcode: u32): i32 {
  prepare();
  failures = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const control = controlWord();
    const lanes64: usize = (round & 1) == 0 ? 1 : 2;
    load64();
    store<u32>(MXCSR, control);
    let completed = execute(false, lanes64 == 1 ? 3 : 1, opcode, 0);
    begin(control);
    for (let i: usize = 0; i < lanes64; i++) {
      store<u64>(want + i * 8, exact64(opcode, load<u64>(before + i * 8), load<u64>(B + i * 8)));
    }
    check("double " + opcode.toString(16), control, completed, 16, want, before);
    completed = repeat(lanes64 == 1 ? 3 : 1, opcode, control);
    check("short double " + opcode.toString(16), control, completed, 16, want, before);

    const lanes32: usize = (round & 1) == 0 ? 1 : 4;
    load32();
    store<u32>(MXCSR, control);
    completed = execute(false, lanes32 == 1 ? 2 : 0, opcode, 0);
    begin(control);
    for (let i: usize = 0; i < lanes32; i++) {
      store<u32>(want + i * 4, exact32(opcode, load<u32>(before + i * 4), load<u32>(B + i * 4)));
    }
    check("single " + opcode.toString(16), control, completed, 16, want, before);
    completed = repeat(lanes32 == 1 ? 2 : 0, opcode, control);
    check("short single " + opcode.toString(16), control, completed, 16, want, before);
  }
  return failures;
}

/** EQ LT LE UNORD and their negations of a relation. */
function holds(predicate: u32, r: Relation): bool {
  const order = predicate & 3;
  const positive =
    order == 0 ? r == Relation.EQUAL
    : order == 1 ? r == Relation.LESS
    : order == 2 ? r == Relation.LESS || r == Relation.EQUAL
    : r == Relation.UNORDERED;
  return positive != (predicate > 3);
}
function comparisons(): i32 {
  prepare();
  failures = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const control = controlWord();
    const predicate = below(8);
    const signalling = (predicate & 3) == 1 || (predicate & 3) == 2;
    load64();
    store<u32>(MXCSR, control);
    let completed = execute(false, 1, 0xc2, predicate);
    begin(control);
    for (let i: usize = 0; i < 16; i += 8) {
      store<u64>(want + i, holds(predicate, f64Compare(load<u64>(before + i), load<u64>(B + i), signalling)) ? ~<u64>0 : 0);
    }
    check("cmppd", control, completed, 16, want, before);
    memory.copy(A, before, 16);
    store<u32>(MXCSR, control);
    completed = execute(false, 3, 0xc2, predicate);
    begin(control);
    store<u64>(want, holds(predicate, f64Compare(load<u64>(before), load<u64>(B), signalling)) ? ~<u64>0 : 0);
    store<u64>(want + 8, load<u64>(before + 8));
    check("cmpsd", control, completed, 16, want, before);
    load32();
    store<u32>(MXCSR, control);
    completed = execute(false, 0, 0xc2, predicate);
    begin(control);
    for (let i: usize = 0; i < 16; i += 4) {
      store<u32>(want + i, holds(predicate, f32Compare(load<u32>(before + i), load<u32>(B + i), signalling)) ? ~<u32>0 : 0);
    }
    check("cmpps", control, completed, 16, want, before);
    memory.copy(A, before, 16);
    store<u32>(MXCSR, control);
    completed = execute(false, 2, 0xc2, predicate);
    begin(control);
    store<u32>(want, holds(predicate, f32Compare(load<u32>(before), load<u32>(B), signalling)) ? ~<u32>0 : 0);
    memory.copy(want + 4, before + 4, 12);
    check("cmpss", control, completed, 16, want, before);
  }
  return failures;
}

function conversions(): i32 {
  prepare();
  failures = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const control = controlWord();
    load64();
    store<u32>(MXCSR, control);
    let completed = execute(false, 3, 0x5a, 0);
    begin(control);
    store<u32>(want, convert.f64ToF32(load<u64>(B)));
    check("cvtsd2ss", control, completed, 4, want, before);
    completed = repeat(3, 0x5a, control);
    check("short cvtsd2ss", control, completed, 4, want, before);

    load32();
    store<u32>(MXCSR, control);
    completed = execute(false, 2, 0x5a, 0);
    begin(control);
    store<u64>(want, convert.f32ToF64(load<u32>(B)));
    check("cvtss2sd", control, completed, 8, want, before);
    completed = repeat(2, 0x5a, control);
    check("short cvtss2sd", control, completed, 8, want, before);

    // Packed conversions to doublewords.
    load32();
    const truncates = below(2) == 0;
    store<u32>(MXCSR, control);
    completed = execute(false, truncates ? 2 : 1, 0x5b, 0);
    begin(control);
    const mode: u32 = truncates ? Rounding.ZERO : rounding();
    for (let i: usize = 0; i < 16; i += 4) store<u32>(want + i, convert.f32ToI32(load<u32>(B + i), mode));
    check("cvtps2dq", control, completed, 16, want, before);

    load64();
    store<u32>(MXCSR, control);
    completed = execute(false, truncates ? 1 : 3, 0xe6, 0);
    begin(control);
    for (let i: usize = 0; i < 2; i++) store<u32>(want + i * 4, convert.f64ToI32(load<u64>(B + i * 8), mode));
    store<u64>(want + 8, 0);
    check("cvtpd2dq", control, completed, 16, want, before);

    load32();
    for (let i: usize = 0; i < 16; i += 4) store<u32>(B + i, <u32>(<i32>random() >> below(32)));
    store<u32>(MXCSR, control);
    completed = execute(false, 0, 0x5b, 0);
    begin(control);
    for (let i: usize = 0; i < 16; i += 4) store<u32>(want + i, convert.i32ToF32(load<i32>(B + i)));
    check("cvtdq2ps", control, completed, 16, want, before);

    // Quadword of RCX, the register with number 1.
    load64();
    store<i64>(GPR + 8, <i64>random() >> below(64));
    store<u32>(MXCSR, control);
    completed = execute(false, 3, 0x2a, 0, true);
    begin(control);
    store<u64>(want, convert.i64ToF64(load<i64>(GPR + 8)));
    check("cvtsi2sd", control, completed, 8, want, before);
    load32();
    store<u32>(MXCSR, control);
    completed = execute(false, 2, 0x2a, 0, true);
    begin(control);
    store<u32>(want, convert.i64ToF32(load<i64>(GPR + 8)));
    check("cvtsi2ss", control, completed, 4, want, before);
  }
  return failures;
}

/** To and from doublewords, and COMISD, COMISS: results outside XMM0 are moved there to be compared. */
function outside(): i32 {
  prepare();
  failures = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const control = controlWord();
    const wide = (round & 1) != 0;
    for (let way = 0; way < 2; way++) {
      if (way == 0) load64();
      else memory.copy(A, before, 16);
      store<u32>(MXCSR, control);
      store<u64>(GPR, load<u64>(before));
      let completed = way == 0 ? execute(false, 3, 0x2c, 0, wide) : shortPath(3, 0x2c);
      begin(control);
      if (wide) store<u64>(want, convert.f64ToI64(load<u64>(B), Rounding.ZERO));
      else store<u64>(want, <u64>convert.f64ToI32(load<u64>(B), Rounding.ZERO));
      store<u64>(A, load<u64>(GPR));
      check(way == 0 ? "cvttsd2si" : "short cvttsd2si", control, completed, 8, want, before);
    }
    for (let way = 0; way < 2; way++) {
      if (way == 0) {
        load64();
        store<i64>(GPR + 8, <i64>random() >> below(64));
      } else memory.copy(A, before, 16);
      store<u32>(MXCSR, control);
      const completed = way == 0 ? execute(false, 3, 0x2a, 0, false) : shortPath(3, 0x2a);
      begin(control);
      store<u64>(want, convert.i64ToF64(load<i32>(GPR + 8)));
      check(way == 0 ? "cvtsi2sd" : "short cvtsi2sd", control, completed, 8, want, before);
    }
    for (let way = 0; way < 4; way++) {
      const narrow = way >= 2;
      if (way == 0) load64();
      if (way == 2) load32();
      store<u32>(MXCSR, control);
      const prefix: u32 = narrow ? 0 : 1;
      const completed = (way & 1) == 0 ? execute(false, prefix, 0x2f, 0) : shortPath(prefix, 0x2f);
      begin(control);
      const r = narrow
        ? f32Compare(load<u32>(before), load<u32>(B), true)
        : f64Compare(load<u64>(before), load<u64>(B), true);
      const kept = load<u64>(A);
      store<u64>(want, r);
      if (completed) store<u64>(A, arithmeticFlags());
      check("comis", control, completed, 8, want, before);
      store<u64>(A, kept);
    }
  }
  return failures;
}

function roundings(): i32 {
  prepare();
  failures = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const control = controlWord();
    const imm = below(16);
    load64();
    store<u32>(MXCSR, control);
    let completed = execute(true, 1, 0x09, imm);
    begin(control);
    const mode: u32 = (imm & 4) != 0 ? rounding() : imm & 3;
    for (let i: usize = 0; i < 16; i += 8) store<u64>(want + i, f64Round(load<u64>(B + i), mode));
    if ((imm & 8) != 0) clearFlags(PE);
    check("roundpd", control, completed, 16, want, before);
    load32();
    store<u32>(MXCSR, control);
    completed = execute(true, 1, 0x08, imm);
    begin(control);
    for (let i: usize = 0; i < 16; i += 4) store<u32>(want + i, f32Round(load<u32>(B + i), mode));
    if ((imm & 8) != 0) clearFlags(PE);
    check("roundps", control, completed, 16, want, before);
  }
  return failures;
}

describe("the quick way of SSE gives what the exact one gives", () => {
  test("ADD", () => { expect(arithmetic(0x58)).toBe(0); });
  test("SUB", () => { expect(arithmetic(0x5c)).toBe(0); });
  test("MUL", () => { expect(arithmetic(0x59)).toBe(0); });
  test("DIV", () => { expect(arithmetic(0x5e)).toBe(0); });
  test("SQRT", () => { expect(arithmetic(0x51)).toBe(0); });
  test("MIN", () => { expect(arithmetic(0x5d)).toBe(0); });
  test("MAX", () => { expect(arithmetic(0x5f)).toBe(0); });
  test("CMP", () => { expect(comparisons()).toBe(0); });
  test("CVT", () => { expect(conversions()).toBe(0); });
  test("CVTTSD2SI, CVTSI2SD, COMIS", () => { expect(outside()).toBe(0); });
  test("ROUND", () => { expect(roundings()).toBe(0); });
});
