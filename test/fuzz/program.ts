// Programs for the fuzzer: random bytes, or sequences of valid instructions over every form of the oracle and
// the system instructions it cannot try in ring 3.

import { Builder } from "../oracle/builder.js";
import type { Form, Mode } from "../oracle/form.js";
import { FORMS } from "../oracle/forms.js";
import type { Random } from "../oracle/random.js";
import { DATA } from "./world.js";

const SIZE = 1024;

const formsOf = (mode: Mode): readonly Form[] =>
  FORMS.filter(
    (form) => form.modes.includes(mode) && !/^(ud|gp_hlt|too_long|hint|iret|ret_|jmp_|call_|int_n)/.test(form.name),
  );
const BY_MODE: Record<Mode, readonly Form[]> = { 16: formsOf(16), 32: formsOf(32), 64: formsOf(64) };
const TRANSFERS: Record<Mode, readonly Form[]> = { 16: [], 32: [], 64: [] };
for (const mode of [16, 32, 64] as const) {
  TRANSFERS[mode] = FORMS.filter(
    (form) => form.modes.includes(mode) && /^(iret|ret_|jmp_|call_|int_n)/.test(form.name),
  );
}

/** System instructions: opcode bytes, then a random ModRM where the flag says so. */
const SYSTEM: readonly (readonly [opcode: readonly number[], modrm: boolean])[] = [
  [[0x0f, 0x20], true],
  [[0x0f, 0x22], true],
  [[0x0f, 0x21], true],
  [[0x0f, 0x23], true],
  [[0x0f, 0x00], true],
  [[0x0f, 0x01], true],
  [[0x0f, 0x02], true],
  [[0x0f, 0x03], true],
  [[0x0f, 0xae], true],
  [[0x0f, 0xc7], true],
  [[0x8e], true],
  [[0xf3, 0x0f, 0xae], true],
  [[0x66, 0x0f, 0x38, 0x82], true],
  [[0x0f, 0x05], false],
  [[0x0f, 0x07], false],
  [[0x0f, 0x06], false],
  [[0x0f, 0x08], false],
  [[0x0f, 0x09], false],
  [[0x0f, 0x30], false],
  [[0x0f, 0x31], false],
  [[0x0f, 0x32], false],
  [[0x0f, 0x34], false],
  [[0x0f, 0x35], false],
  [[0x0f, 0xa2], false],
  [[0x0f, 0x01, 0xf8], false],
  [[0x0f, 0x01, 0xf9], false],
  [[0x0f, 0x01, 0xca], false],
  [[0x0f, 0x01, 0xcb], false],
  [[0xd8], true],
  [[0xdf], true],
  [[0x0f, 0x10], true],
  [[0x9b], false],
  [[0xfa], false],
  [[0xfb], false],
  [[0xcc], false],
  [[0xcd, 0x30], false],
  [[0xcd, 0x40], false],
];

/** Registers that pick MSRs which exist, now and then. */
const MSRS = [
  0x10, 0x1b, 0x174, 0x175, 0x176, 0x277, 0x2ff, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000100, 0xc0000101,
  0xc0000102, 0x200, 0x250,
];

export function randomBytes(random: Random): Uint8Array {
  const program = new Uint8Array(SIZE);
  random.fill(program);
  return program;
}

export function generated(mode: Mode, random: Random, ring0: boolean): Uint8Array {
  const program: number[] = [];
  while (program.length < SIZE - 64) {
    const kind = random.below(40);
    if (kind === 0) program.push(...transfer(mode, random));
    else if (kind <= (ring0 ? 3 : 1)) program.push(...system(mode, random));
    else program.push(...instruction(mode, random.pick(BY_MODE[mode]), random));
  }
  // The end leads back to the start.
  const back = -(program.length + (mode === 16 ? 3 : 5));
  program.push(0xe9, back & 0xff, (back >> 8) & 0xff);
  if (mode !== 16) program.push((back >> 16) & 0xff, (back >> 24) & 0xff);
  return Uint8Array.from(program);
}

/** An instruction with its address registers loaded, mostly with a place in the data window. */
function instruction(mode: Mode, form: Form, random: Random): number[] {
  const b = new Builder(random, mode, form, true);
  const offset = random.oneIn(12) ? random.u32() : random.below(0xe000);
  b.target = mode === 16 ? offset & 0xffff : DATA + offset;
  b.build();
  const load = random.oneIn(8) ? [] : b.addressed.flatMap((register) => loadRegister(mode, register, b.gpr[register]!));
  return [...load, ...b.bytes];
}

function loadRegister(mode: Mode, register: number, value: bigint): number[] {
  const size = mode === 64 ? 8 : mode === 32 ? 4 : 2;
  // A stack pointer that goes astray ends the program.
  if (register === 4) return [];
  const bytes = mode === 64 ? [0x48 | (register >> 3), 0xb8 | (register & 7)] : [0xb8 | register];
  for (let i = 0; i < size; i++) bytes.push(Number((value >> BigInt(i * 8)) & 0xffn));
  return bytes;
}

function transfer(mode: Mode, random: Random): number[] {
  if (random.oneIn(2)) return [0xeb, random.below(16)];
  const b = new Builder(random, mode, random.pick(TRANSFERS[mode]), true);
  b.build();
  return b.bytes;
}

function system(mode: Mode, random: Random): number[] {
  const [opcode, modrm] = random.pick(SYSTEM);
  const bytes: number[] = [];
  if (opcode[1] === 0x30 || opcode[1] === 0x32) {
    const msr = random.pick(MSRS);
    bytes.push(
      ...(mode === 16 ? [0x66] : []),
      0xb9,
      msr & 0xff,
      (msr >> 8) & 0xff,
      (msr >> 16) & 0xff,
      (msr >>> 24) & 0xff,
    );
  }
  bytes.push(...opcode);
  if (modrm) {
    // A register operand, or [disp] in the data window.
    const reg = random.below(8) << 3;
    if (random.oneIn(2)) bytes.push(0xc0 | reg | random.below(8));
    else if (mode === 16) bytes.push(reg | 6, random.below(256), random.below(0xe0));
    else if (mode === 32) bytes.push(reg | 5, random.below(256), random.below(0xe0), DATA >> 16, 0);
    else bytes.push(reg | 4, 0x25, random.below(256), random.below(0xe0), DATA >> 16, 0);
  }
  return bytes;
}
