// Encodes a form of the oracle's tables with operands that the caller has chosen (SDM vol. 2, chapter 2). The oracle's
// own builder aims single instructions at memory by setting every register; structured programs need to say which
// registers an instruction may touch.

import type { Form, Mode } from "../oracle/form.js";
import type { Fix, Instruction } from "./emitter.js";

export interface Memory {
  readonly addressSize: 2 | 4 | 8;
  /** Segment-override prefix, 0 for none. */
  readonly segment: number;
  /** Registers, -1 where absent. */
  readonly base: number;
  readonly index: number;
  readonly scale: number;
  readonly displacement: number;
  /** The displacement is an offset in the window, to be reached from RIP. */
  readonly relative?: boolean;
  /** Computes the displacement when places are known. */
  readonly fix?: (end: number) => number | bigint;
}

export interface Operands {
  readonly reg: number;
  /** Register operand, unless there is a memory operand. */
  readonly rm: number;
  readonly memory?: Memory | undefined;
  readonly immediate: number | bigint;
  /** Second source of VEX forms. */
  readonly second?: number;
  readonly lock?: boolean;
  /** Forces a REX prefix in 64-bit mode, so that registers 4-7 of one byte are SPL-DIL. */
  readonly rex?: boolean;
}

/** Base and index of 16-bit addressing by r/m. */
const ADDRESS16: readonly (readonly [base: number, index: number])[] = [
  [3, 6],
  [3, 7],
  [5, 6],
  [5, 7],
  [6, -1],
  [7, -1],
  [5, -1],
  [3, -1],
];

interface Encoded {
  /** ModRM and SIB without the reg field. */
  readonly bytes: number[];
  readonly displacementSize: number;
  readonly x: number;
  readonly b: number;
}

const fitsByte = (value: number): boolean => value >= -128 && value <= 127;

function encode16(m: Memory): Encoded {
  if (m.base < 0) return { bytes: [0x06], displacementSize: 2, x: 0, b: 0 };
  const rm = ADDRESS16.findIndex(([base, index]) => base === m.base && index === m.index);
  if (rm < 0) throw new Error(`no 16-bit address of registers ${m.base} and ${m.index}`);
  const size = m.fix !== undefined ? 2 : m.displacement === 0 && rm !== 6 ? 0 : fitsByte(m.displacement) ? 1 : 2;
  return { bytes: [(size << 6) | rm], displacementSize: size, x: 0, b: 0 };
}

function encode32(mode: Mode, m: Memory): Encoded {
  if (m.relative) return { bytes: [0x05], displacementSize: 4, x: 0, b: 0 };
  const x = m.index > 7 ? 1 : 0;
  if (m.base < 0) {
    if (m.index < 0 && mode !== 64) return { bytes: [0x05], displacementSize: 4, x: 0, b: 0 };
    const index = m.index < 0 ? 4 : m.index & 7;
    return { bytes: [0x04, (m.scale << 6) | (index << 3) | 5], displacementSize: 4, x, b: 0 };
  }
  const low = m.base & 7;
  const size = m.fix !== undefined ? 4 : m.displacement === 0 && low !== 5 ? 0 : fitsByte(m.displacement) ? 1 : 4;
  const mod = size === 0 ? 0 : size === 1 ? 0x40 : 0x80;
  const b = m.base > 7 ? 1 : 0;
  if (m.index < 0 && low !== 4) return { bytes: [mod | low], displacementSize: size, x: 0, b };
  const index = m.index < 0 ? 4 : m.index & 7;
  return { bytes: [mod | 4, (m.scale << 6) | (index << 3) | low], displacementSize: size, x, b };
}

export function encode(form: Form, mode: Mode, operands: Operands): Instruction {
  const { memory } = operands;
  const bytes: number[] = [];
  if (memory !== undefined) {
    if (memory.segment !== 0) bytes.push(memory.segment);
    if (memory.addressSize !== mode / 8) bytes.push(0x67);
  }
  let w = 0;
  if (!form.fixedSize) {
    if (form.vex === undefined && ((form.size === 2 && mode !== 16) || (form.size === 4 && mode === 16)))
      bytes.push(0x66);
    if (form.size === 8 && !form.default64) w = 1;
  } else if (form.w === 1) w = 1;
  if (operands.lock) bytes.push(0xf0);
  if (form.prefix !== 0) bytes.push(form.prefix);

  const place = memory === undefined ? undefined : memory.addressSize === 2 ? encode16(memory) : encode32(mode, memory);
  const reg = typeof form.reg === "number" ? form.reg : operands.reg;
  const b = place?.b ?? (form.plus || form.rm === "reg" ? operands.rm >> 3 : 0);
  const x = place?.x ?? 0;
  const r = form.reg === undefined ? 0 : reg >> 3;
  const opcode = [...form.opcode];
  if (form.plus) opcode[opcode.length - 1]! |= operands.rm & 7;
  if (form.vex !== undefined) {
    const { map, pp, l, vvvv } = form.vex;
    bytes.push(0xc4, ((r ^ 1) << 7) | ((x ^ 1) << 6) | ((b ^ 1) << 5) | map);
    bytes.push((form.size === 8 ? 0x80 : 0) | ((~(vvvv ? (operands.second ?? 0) : 0) & 15) << 3) | (l << 2) | pp);
  } else if (mode === 64 && (w | r | x | b || operands.rex)) {
    bytes.push(0x40 | (w << 3) | (r << 2) | (x << 1) | b);
  }
  bytes.push(...opcode);
  const fixes: Fix[] = [];
  if (form.reg !== undefined) {
    if (place === undefined || memory === undefined) {
      bytes.push(0xc0 | ((reg & 7) << 3) | (operands.rm & 7));
    } else {
      place.bytes[0]! |= (reg & 7) << 3;
      bytes.push(...place.bytes);
      const { fix, displacement } = memory;
      if (fix !== undefined) fixes.push({ at: bytes.length, size: place.displacementSize, value: fix });
      else if (memory.relative)
        fixes.push({ at: bytes.length, size: place.displacementSize, value: (end) => displacement - end });
      for (let i = 0; i < place.displacementSize; i++) bytes.push((displacement >> (i * 8)) & 0xff);
    }
  }
  const { immediate } = operands;
  if (typeof immediate === "number")
    for (let i = 0; i < form.imm; i++) bytes.push(i < 4 ? (immediate >> (i * 8)) & 0xff : immediate < 0 ? 0xff : 0);
  else for (let i = 0; i < form.imm; i++) bytes.push(Number((immediate >> BigInt(i * 8)) & 0xffn));
  return fixes.length > 0 ? { bytes, fixes } : { bytes };
}
