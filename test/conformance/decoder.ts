// Compares the core's decoder with iced-x86 on byte strings: which are instructions, and how long they are.
//
// iced runs with two options. AMD, because the conformance vectors and the native oracle come from AMD
// processors, and the vendors differ: 66h on near branches and SYSENTER in 64-bit mode, UD0 without ModRM, and more
// (APM vol. 3). ForceReservedNop, because the hint-NOP space (0F 18-1F) stays NOP on a processor that offers
// neither MPX nor CET. NoWbnoinvd: F3 in front of WBINVD is ignored where WBNOINVD is not offered.
//
// What the core does not offer is decided from iced's CPUID-feature data, instruction by instruction: an
// instruction all of whose features are offered must decode, any other must be refused.

import { Code, CpuidFeature, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind } from "iced-x86";
import * as L from "../../src/engine/views.js";
import type { Random } from "../oracle/random.js";

/** CPUID features whose instructions the core offers completely. */
const OFFERED = new Set([
  CpuidFeature.INTEL8086,
  CpuidFeature.INTEL8086_ONLY,
  CpuidFeature.INTEL186,
  CpuidFeature.INTEL286,
  CpuidFeature.INTEL386,
  CpuidFeature.INTEL486,
  CpuidFeature.X64,
  CpuidFeature.ADX,
  CpuidFeature.AES,
  CpuidFeature.BMI1,
  CpuidFeature.BMI2,
  CpuidFeature.CLFSH,
  CpuidFeature.CMOV,
  CpuidFeature.CMPXCHG16B,
  CpuidFeature.CPUID,
  CpuidFeature.CX8,
  CpuidFeature.FPU,
  CpuidFeature.FPU287,
  CpuidFeature.FPU387,
  CpuidFeature.FSGSBASE,
  CpuidFeature.FXSR,
  CpuidFeature.INVPCID,
  CpuidFeature.LZCNT,
  CpuidFeature.MMX,
  CpuidFeature.MONITOR,
  CpuidFeature.MOVBE,
  CpuidFeature.MSR,
  CpuidFeature.MULTIBYTENOP,
  CpuidFeature.PAUSE,
  CpuidFeature.PCLMULQDQ,
  CpuidFeature.POPCNT,
  CpuidFeature.PREFETCHW,
  CpuidFeature.RDPMC,
  CpuidFeature.RDTSCP,
  CpuidFeature.SEP,
  CpuidFeature.SHA,
  CpuidFeature.SMAP,
  CpuidFeature.SSE,
  CpuidFeature.SSE2,
  CpuidFeature.SSE3,
  CpuidFeature.SSE4_1,
  CpuidFeature.SSE4_2,
  CpuidFeature.SSSE3,
  CpuidFeature.SYSCALL,
  CpuidFeature.TSC,
  CpuidFeature.XSAVE,
  CpuidFeature.XSAVEC,
  CpuidFeature.XSAVEOPT,
]);

/** Instructions whose features are not offered otherwise. */
const OFFERED_MNEMONICS = new Set([
  // 3DNow! has it too.
  Mnemonic.Prefetch,
  // Hypercalls of either vendor.
  Mnemonic.Vmcall,
  Mnemonic.Vmmcall,
  // VMMCALL with F2 or F3 where SEV-ES is not offered (APM vol. 3).
  Mnemonic.Vmgexit,
]);

/** PREFETCH with a register operand is #UD on AMD processors (tried on one), where iced has a reserved NOP. */
const PREFETCH_NOP = new Set([
  Code.Reservednop_rm16_r16_0F0D,
  Code.Reservednop_rm32_r32_0F0D,
  Code.Reservednop_rm64_r64_0F0D,
]);

/** LOCK MOV CR0 means CR8 to iced (AMD's AltMovCr8), which is not offered. */
const MOV_CR = new Set([Code.Mov_cr_r32, Code.Mov_cr_r64, Code.Mov_r32_cr, Code.Mov_r64_cr]);

function hasLock(data: Uint8Array, at: number): boolean {
  for (let i = at; data[i] !== 0x0f; i++) if (data[i] === 0xf0) return true;
  return false;
}

export type Bits = 16 | 32 | 64;
export const BITS: readonly Bits[] = [16, 32, 64];
/** Mode words (decode/mode): code size, stack size, flat. */
const MODE: Record<Bits, number> = { 16: 0, 32: 0x15, 64: 0x1a };

/** Bytes from the start of one string to the next; no instruction is longer than 15. */
export const STRIDE = 16;

const OPTIONS = DecoderOptions.AMD | DecoderOptions.ForceReservedNop | DecoderOptions.NoWbnoinvd;

/** The part of a machine that decodes. */
export interface DecodingCore {
  readonly u8: Uint8Array;
  readonly core: { decode(length: number, mode: number): number };
}

export interface Difference {
  readonly bits: Bits;
  readonly bytes: string;
  readonly ours: string;
  readonly iced: string;
}

export class DecoderComparison {
  compared = 0;
  valid = 0;
  readonly differences: Difference[] = [];
  failures = 0;
  private readonly offered = new Map<Code, boolean>();
  private readonly instruction = new Instruction();
  private readonly ours = new Int32Array(65536);

  constructor(private readonly machine: DecodingCore) {}

  /** Whether the core must decode this instruction. */
  private isOffered(code: Code): boolean {
    let known = this.offered.get(code);
    if (known === undefined) {
      const { instruction } = this;
      known =
        OFFERED_MNEMONICS.has(instruction.mnemonic) ||
        [...instruction.cpuidFeatures()].every((feature) => OFFERED.has(feature));
      this.offered.set(code, known);
    }
    return known;
  }

  private isRegisterPrefetch(code: Code): boolean {
    return PREFETCH_NOP.has(code) && this.instruction.op0Kind === OpKind.Register;
  }

  /** Compares every string of `data` (STRIDE bytes each) in one mode. */
  compare(data: Uint8Array, bits: Bits): void {
    const count = data.length / STRIDE;
    const { u8, core } = this.machine;
    for (let i = 0, at = 0; i < count; i++, at += STRIDE) {
      for (let k = 0; k < STRIDE; k++) u8[L.DECODE_BUFFER + k] = data[at + k]!;
      this.ours[i] = core.decode(STRIDE, MODE[bits]);
    }
    const decoder = new Decoder(bits, data, OPTIONS);
    const { instruction } = this;
    for (let i = 0; i < count; i++) {
      decoder.position = i * STRIDE;
      decoder.decodeOut(instruction);
      const { code } = instruction;
      const exists = code !== Code.INVALID;
      const refused = exists && (this.isRegisterPrefetch(code) || (MOV_CR.has(code) && hasLock(data, i * STRIDE)));
      const expected = exists && !refused && this.isOffered(code) ? instruction.length : -1;
      if (exists) this.valid++;
      this.compared++;
      if (expected !== this.ours[i])
        this.report(
          data.subarray(i * STRIDE, (i + 1) * STRIDE),
          bits,
          this.ours[i]!,
          exists ? `${Code[code]} ${instruction.length}` : "invalid",
        );
    }
    decoder.free();
  }

  /** Every proper prefix of a valid instruction must ask for more bytes. */
  truncated(data: Uint8Array, bits: Bits): void {
    const { u8, core } = this.machine;
    for (let at = 0; at < data.length; at += STRIDE) {
      u8.set(data.subarray(at, at + STRIDE), L.DECODE_BUFFER);
      const length = core.decode(STRIDE, MODE[bits]);
      for (let available = 0; available < length; available++) {
        this.compared++;
        const ours = core.decode(available, MODE[bits]);
        if (ours !== 0) this.report(data.subarray(at, at + length), bits, ours, `truncated to ${available}`);
      }
    }
  }

  private report(bytes: Uint8Array, bits: Bits, ours: number, iced: string): void {
    this.failures++;
    if (this.differences.length < 2000) {
      this.differences.push({
        bits,
        bytes: Buffer.from(bytes).toString("hex"),
        ours: ours < 0 ? "invalid" : String(ours),
        iced,
      });
    }
  }

  /** One line per kind of difference. */
  summary(): string[] {
    const kinds = new Map<string, { count: number; example: Difference }>();
    for (const difference of this.differences) {
      const key = `${difference.bits} ours ${difference.ours} iced ${difference.iced}`;
      const kind = kinds.get(key);
      if (kind === undefined) kinds.set(key, { count: 1, example: difference });
      else kind.count++;
    }
    return [...kinds].map(([key, { count, example }]) => `${key}: ${count}, ${example.bytes}`);
  }
}

const PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x66, 0x67, 0xf0, 0xf2, 0xf3];

/** Byte strings: random ones, and ones with prefixes, REX, a chosen map, opcode and ModRM. */
export function fillStrings(data: Uint8Array, random: Random): void {
  for (let at = 0; at < data.length; at += 4) {
    const word = random.u32();
    data[at] = word;
    data[at + 1] = word >>> 8;
    data[at + 2] = word >>> 16;
    data[at + 3] = word >>> 24;
  }
  for (let at = 0; at < data.length; at += STRIDE) {
    const kind = random.below(8);
    if (kind === 0) continue;
    let next = at;
    // Now and then enough prefixes to pass the limit of 15 bytes.
    const prefixes = kind === 1 ? random.below(15) : random.below(4) * random.below(2);
    for (let i = 0; i < prefixes; i++) data[next++] = random.pick(PREFIXES);
    // The last prefix is part of the opcode in most of the vector space.
    if (random.oneIn(4)) data[next++] = random.pick([0x66, 0xf2, 0xf3]);
    if (random.oneIn(3)) data[next++] = 0x40 | random.below(16);
    if (next > at + STRIDE - 5) continue;
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2:
        break;
      case 3:
      case 4:
        data[next] = 0x0f;
        break;
      case 5:
        data[next] = 0x0f;
        data[next + 1] = random.pick([0x38, 0x3a]);
        if (random.oneIn(2)) data[next + 2] = random.pick([0xf0, 0xf1, 0xf5, 0xf6, 0xf7, 0xf2, 0xf3]);
        break;
      case 6:
        data[next] = 0xc4;
        if (random.oneIn(2)) {
          data[next + 1] = (data[next + 1]! & 0xe0) | random.pick([1, 2, 2, 3]);
          if (random.oneIn(2)) data[next + 2]! |= 0x78;
          data[next + 3] = random.pick([0xf0, 0xf2, 0xf3, 0xf5, 0xf6, 0xf7]);
        }
        break;
      default:
        data[next] = random.pick([0xc5, 0x62, 0x8f]);
        break;
    }
  }
}
