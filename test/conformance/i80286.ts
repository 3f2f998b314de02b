// Runs the 80286 real-mode cases against the core: the rules (what to load, when to stop, what to
// compare, what only a 286 does) are those of the data set's README.

import * as L from "../../src/engine/views.js";
import { Exit, Machine, Seg } from "../engine/harness.js";
import { type MooCase, MooReg } from "./moo.js";

/** Encoding order of the eight word registers. */
const GENERAL = [MooReg.AX, MooReg.CX, MooReg.DX, MooReg.BX, MooReg.SP, MooReg.BP, MooReg.SI, MooReg.DI] as const;
const SEGMENTS = [
  [Seg.ES, MooReg.ES],
  [Seg.CS, MooReg.CS],
  [Seg.SS, MooReg.SS],
  [Seg.DS, MooReg.DS],
] as const;
const NAMES = ["ax", "bx", "cx", "dx", "cs", "ss", "ds", "es", "sp", "bp", "si", "di", "ip", "flags"];
const FLAG_BITS = 0x0fff;
/** A REP string of 65,535 elements and then some. */
const TICKS_MAX = 70_000;
const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0xf2, 0xf3]);

/** Why a case cannot hold on a 386 or later; undefined where it can. */
export function skipReason(test: MooCase): string | undefined {
  let at = 0;
  for (; at < test.bytes.length; at++) {
    const byte = test.bytes[at] as number;
    if (byte === 0xf0) return "LOCK prefix";
    if (!PREFIXES.has(byte)) break;
  }
  // The closing HLT does not count.
  if (test.bytes.length - 1 > 10) return "longer than 10 bytes";
  const opcode = test.bytes[at] as number;
  const modrm = test.bytes[at + 1] as number;
  if (test.exception?.vector === 13 && usesStackSegment(test, at)) return "stack-segment limit raises 13 on a 286";
  // The README's baseline skips exceptions; this one a 386 does not raise.
  const names4or5 = (opcode === 0x8c || opcode === 0x8e) && (modrm & 0x30) === 0x20;
  if (names4or5 && test.exception?.vector === 6) return "FS and GS do not exist on a 286";
  return undefined;
}

/** A string that faults: a 286 leaves its pointers and count where they stood, a 386 takes them back. */
function advances(test: MooCase): boolean {
  const opcode = test.bytes.find((byte) => !PREFIXES.has(byte)) as number;
  return test.exception?.vector === 13 && STRINGS.has(opcode);
}

/** Whether a limit violation of this case is one of SS: by override, by BP addressing, or by the stack itself. */
function usesStackSegment(test: MooCase, opcodeAt: number): boolean {
  const opcode = test.bytes[opcodeAt] as number;
  let override: number | undefined;
  for (let i = 0; i < opcodeAt; i++) {
    const byte = test.bytes[i] as number;
    if (byte !== 0xf2 && byte !== 0xf3) override = byte;
  }
  if (STACK_OPCODES.has(opcode)) return true;
  if (opcode === 0xff && (((test.bytes[opcodeAt + 1] as number) >> 3) & 7) === 6) return true;
  if (override !== undefined) return override === 0x36;
  if (!MODRM.has(opcode)) return false;
  const modrm = test.bytes[opcodeAt + 1] as number;
  const mod = modrm >> 6;
  const rm = modrm & 7;
  return mod !== 3 && (rm === 2 || rm === 3 || (rm === 6 && mod !== 0));
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const STACK_OPCODES = new Set([
  ...[0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x60, 0x61, 0x68, 0x6a, 0x8f, 0x9a, 0x9c, 0x9d],
  ...[0xc2, 0xc3, 0xc9, 0xca, 0xcb, 0xcf, 0xe8],
  ...range(0x50, 0x5f),
]);
/** What is left out of the comparison then: all else, memory and the exception's frame, must agree. */
const ADVANCED = new Set<number>([MooReg.CX, MooReg.SI, MooReg.DI]);
const STRINGS = new Set([...range(0x6c, 0x6f), ...range(0xa4, 0xa7), ...range(0xaa, 0xaf)]);
const MODRM = new Set([
  ...range(0, 0x3f).filter((o) => (o & 7) < 4),
  ...[0x62, 0x69, 0x6b, 0xc0, 0xc1, 0xc4, 0xc5, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xff],
  ...range(0x80, 0x8f),
  ...range(0xd0, 0xd3),
  ...range(0xd8, 0xdf),
]);

export class Runner286 {
  readonly machine: Machine;
  private readonly touched: number[] = [];

  constructor() {
    this.machine = new Machine({ pages: 512 });
    this.machine.exposePorts();
    this.machine.core.setA20(1);
  }

  /** Runs one case; returns the differences, empty when it passes. */
  run(test: MooCase, flagsMask: number): string[] {
    const m = this.machine;
    for (const [address, value] of test.initial.ram) {
      m.poke8(address, value);
      this.touched.push(address);
    }
    this.load(test);
    const failure = this.untilHalt(test);
    const differences = failure === undefined ? this.compare(test, flagsMask) : [failure];
    for (const [address] of test.final.ram) this.touched.push(address);
    for (const address of this.touched) if (m.u8[m.ram + address] !== 0) m.poke8(address, 0);
    this.touched.length = 0;
    return differences;
  }

  /** First address that is not zero between two cases: a write that no case accounts for. */
  strayByte(): number {
    const m = this.machine;
    const words = m.u32.subarray(m.ram / 4, (m.ram + m.pages * 4096) / 4);
    const at = words.findIndex((word) => word !== 0);
    if (at < 0) return -1;
    words.fill(0);
    for (let page = 0; page < m.pages; page++) m.core.memoryWritten(page, 0, 4096);
    return at * 4;
  }

  private load(test: MooCase): void {
    const m = this.machine;
    const initial = test.initial.registers as number[];
    m.settle();
    m.setControls(0x10n, 0n, 0n, 0n, 0);
    GENERAL.forEach((register, i) => {
      m.setGpr(i, BigInt(initial[register] as number));
    });
    for (const [seg, register] of SEGMENTS) m.setRealSegment(seg, initial[register] as number);
    m.setRealSegment(Seg.FS, 0);
    m.setRealSegment(Seg.GS, 0);
    m.set64(L.IDTR_BASE, 0n);
    m.set32(L.IDTR_LIMIT, 0x3ff);
    m.set64(L.RIP, BigInt(initial[MooReg.IP] as number));
    // No coprocessor took part: after FNINIT one only reads its operands, and nothing is pending.
    m.set32(L.X87_CONTROL, 0x37f);
    m.set32(L.X87_TAGS, 0);
    m.core.setRflags(((initial[MooReg.FLAGS] as number) & FLAG_BITS) | 2);
    m.core.refresh();
  }

  /** Tick by tick until HLT retires or an exception handler's first byte is reached. */
  private untilHalt(test: MooCase): string | undefined {
    const m = this.machine;
    for (let ticks = 0; ticks < TICKS_MAX; ) {
      const reason = m.run(1);
      if (reason === Exit.IO_PORT) {
        m.set64(L.VALUE, 0xffffffffffffffffn);
        m.core.complete();
        continue;
      }
      if (reason === Exit.HALT || m.get32(L.ACTIVITY) === 1) return undefined;
      if (reason !== Exit.BUDGET) return `left with reason ${reason}`;
      ticks++;
      if (test.exception !== undefined && this.atHandler(test.exception.vector)) {
        m.set64(L.RIP, (m.get64(L.RIP) + 1n) & 0xffffn);
        return undefined;
      }
    }
    return `no HLT within ${TICKS_MAX} ticks`;
  }

  private atHandler(vector: number): boolean {
    const m = this.machine;
    const entry = m.u32[(m.ram >> 2) + vector] as number;
    return m.get64(L.RIP) === BigInt(entry & 0xffff) && m.get32(L.SEG_SELECTOR + Seg.CS * 4) === entry >>> 16;
  }

  private compare(test: MooCase, flagsMask: number): string[] {
    const m = this.machine;
    const differences: string[] = [];
    const expected = test.initial.registers.map((value, i) => test.final.registers[i] ?? value) as number[];
    const check = (register: number, actual: number, mask = 0xffff): void => {
      const want = (expected[register] as number) & mask;
      if (want !== (actual & mask)) differences.push(`${NAMES[register]} ${hex(actual & mask)} expected ${hex(want)}`);
    };
    const advanced = advances(test) ? ADVANCED : new Set<number>();
    GENERAL.forEach((register, i) => {
      if (!advanced.has(register)) check(register, Number(m.gpr(i) & 0xffffffffn));
    });
    for (const [seg, register] of SEGMENTS) check(register, m.get32(L.SEG_SELECTOR + seg * 4));
    check(MooReg.IP, Number(m.get64(L.RIP) & 0xffffffffn));
    check(MooReg.FLAGS, m.core.rflags(), FLAG_BITS & flagsMask);
    const pushed = pushedFlags(test);
    const mask = FLAG_BITS & flagsMask;
    for (const [address, value] of test.final.ram) {
      let bits = 0xff;
      if (address === pushed) bits = mask & 0xff;
      if (address === pushed + 1 || this.highFlags(test, address)) bits = mask >> 8;
      const actual = m.u8[m.ram + address] as number;
      if (((actual ^ value) & bits) !== 0) differences.push(`[${hex(address)}] ${hex(actual)} expected ${hex(value)}`);
    }
    return differences;
  }

  /** The upper byte of a FLAGS image that PUSHF stored. */
  private highFlags(test: MooCase, address: number): boolean {
    const opcode = test.bytes.find((byte) => !PREFIXES.has(byte));
    if (opcode !== 0x9c) return false;
    const sp = ((test.initial.registers[MooReg.SP] as number) - 1) & 0xffff;
    return address === ((test.initial.registers[MooReg.SS] as number) << 4) + sp;
  }
}

/** Where an exception pushed FLAGS. The data gives the address of the aligned word that it begins in. */
function pushedFlags(test: MooCase): number {
  if (test.exception === undefined) return -1;
  const sp = ((test.initial.registers[MooReg.SP] as number) - 2) & 0xffff;
  const address = ((test.initial.registers[MooReg.SS] as number) << 4) + sp;
  return (address & ~1) === test.exception.flagsAddress ? address : test.exception.flagsAddress;
}

const hex = (value: number): string => value.toString(16);
