// One of the two machines that run the same program: interpreted, or translated as soon as possible. It is made once
// and used for many programs; each finds the memory, the processor and the clock as the first one did, while decoded
// code and regions of the last one must die by themselves.

import * as v from "../../src/engine/views.js";
import { Exit, Machine, Seg } from "../engine/harness.js";
import { assembleFragment } from "../guest/assemble.js";
import type { Random } from "../oracle/random.js";
import type { Assembled } from "./emitter.js";
import { CODE_SIZE, NUMBERS, RAM_PAGES, System, Variable, Vector } from "./layout.js";
import type { Program } from "./program.js";
import { hasTranslator, Tier1 } from "./tier1.js";
import { enter, limit, type Prepared, place, prepare, type World } from "./world.js";

const APIC = 1;
const TIMER_INITIAL = 0x838;
/** Starts the local APIC's timer: its period is in EDI. */
const START_TIMER = assembleFragment(
  `
  mov ecx, 0x1b
  mov eax, 0xfee00d00
  xor edx, edx
  wrmsr
  mov ecx, 0x80f
  mov eax, 0x1ff
  wrmsr
  mov ecx, 0x83e
  mov eax, 0xb
  wrmsr
  mov ecx, 0x832
  mov eax, ${0x20000 | Vector.TIMER}
  wrmsr
  mov ecx, ${TIMER_INITIAL}
  mov eax, edi
  wrmsr
  hlt
  `,
  16,
  System.PRELUDE,
);

export class Side {
  readonly machine = new Machine({ pages: RAM_PAGES, sets: 6 });
  readonly tier1: Tier1 | undefined;
  private readonly prepared = new Map<World, Prepared>();

  constructor(readonly translated: boolean) {
    const m = this.machine;
    m.set32(v.CORE_DEVICES, APIC);
    m.core.init();
    if (translated && hasTranslator(m)) this.tier1 = new Tier1(m);
  }

  prepare(world: World): Prepared {
    let prepared = this.prepared.get(world);
    if (prepared === undefined) {
      prepared = prepare(this.machine, world);
      this.prepared.set(world, prepared);
    }
    return prepared;
  }

  /** Puts a program in place, about to begin. */
  load(program: Program, image: Uint8Array): void {
    const m = this.machine;
    m.u8.set(image, m.ram);
    m.core.memoryWritten(0, 0, RAM_PAGES * 4096);
    m.core.select(0);
    m.set64(v.TICKS, 0n);
    m.set64(v.TICKS_NOT_RETIRED, 0n);
    m.set64(v.CLOCK, 0n);
    m.set32(v.FUEL, 0);
    m.set32(v.FUEL_START, 0);
    m.set32(v.RECLIP, 0);
    m.set32(v.TURN_LEFT, 20_000);
    m.core.reset(0);
    m.settle();
    m.core.setA20(1);
    (m.core as unknown as { schedule(): void }).schedule();
    if (program.period > 0) this.startTimer(program.period);
    enter(m, program.prepared, program.controls);
    for (const [register, value] of program.registers.entries()) m.setGpr(register, value);
    for (let i = 0; i < 16; i++) {
      m.u8.set(program.vectors.subarray(i * 16, i * 16 + 16), v.YMM + i * 32);
      m.u8.fill(0, v.YMM + i * 32 + 16, v.YMM + i * 32 + 32);
    }
    m.set32(v.MXCSR, program.mxcsr);
    m.u8.set([0x7f, 0x03], v.X87_CONTROL);
    m.u8[v.X87_TAGS] = 0;
    const { world } = program.prepared;
    m.set64(v.RIP, BigInt(program.origin) + (world.short ? 0n : world.base));
    m.core.setRflags(program.flags);
    m.core.refresh();
    m.set32(v.HOT_THRESHOLD, this.tier1 === undefined ? 0 : program.threshold);
    m.set32(v.REGION_INSTRUCTIONS, program.regionSize);
  }

  private startTimer(period: number): void {
    const m = this.machine;
    m.u8.set(START_TIMER, m.ram + System.PRELUDE);
    m.setRealSegment(Seg.CS, System.PRELUDE >> 4);
    m.set64(v.RIP, 0n);
    m.setGpr(7, BigInt(period));
    m.core.setRflags(2);
    m.core.refresh();
    m.core.step(0, 16);
  }

  /** Runs until the budget is used up or the host is needed, in one go or in pieces of up to `slicing` ticks; translates on the way. */
  run(random: Random, slicing = 0): number {
    const m = this.machine;
    let later = 0n;
    for (;;) {
      this.tier1?.serve(random);
      if (slicing > 0) {
        const all = m.get64(v.BUDGET) + later;
        const now = BigInt(Math.min(1 + random.below(slicing), Number(all)));
        m.set64(v.BUDGET, now);
        later = all - now;
      }
      const reason = m.core.run();
      m.set64(v.BUDGET, m.get64(v.BUDGET) + later);
      if (reason === TRANSLATE || (reason === Exit.BUDGET && later > 0n)) {
        later = 0n;
        continue;
      }
      return reason;
    }
  }

  /** Gives the state its one form and has everything derived anew. */
  settle(): void {
    const core = this.machine.core as unknown as { canonicalize(processor: number): void };
    core.canonicalize(0);
    this.machine.core.refresh();
  }

  get ticks(): number {
    return Number(this.machine.get64(v.TICKS));
  }
  get retired(): number {
    return Number(this.machine.get64(v.TICKS) - this.machine.get64(v.TICKS_NOT_RETIRED));
  }
}

const TRANSLATE = (v.ExitReason as Record<string, number>).TRANSLATE ?? -1;

/** RAM at a program's start: the world's, with the program's code, tables and placement. */
export function imageOf(program: Program, assembled: Assembled): Uint8Array {
  const { prepared, placement, policy } = program;
  const image = prepared.image.slice();
  const view = new DataView(image.buffer);
  if (prepared.world.paging !== undefined) place(image, prepared, placement);
  view.setUint8(Variable.POLICY, policy);
  limit(image, program.controls);
  const { code, lengths, soft, words } = assembled;
  const changed = code.slice();
  for (const { offset, mask } of soft) changed[offset]! ^= mask & 0x55 || mask;
  for (let page = 0; page < CODE_SIZE >> 12; page++) {
    const [own, other] = [placement.frames[0][page]!, placement.frames[1][page]!];
    if (other !== own) image.set(changed.subarray(page << 12, (page + 1) << 12), other << 12);
    image.set(code.subarray(page << 12, (page + 1) << 12), own << 12);
  }
  image.set(lengths, System.LENGTHS);
  image.set(program.numbers, (placement.frames[0][NUMBERS >> 12]! << 12) | (NUMBERS & 0xfff));
  for (const { offset, size, value } of words) {
    const at = (placement.frames[0][offset >> 12]! << 12) | (offset & 0xfff);
    if (size === 2) view.setUint16(at, Number(value & 0xffffn), true);
    else if (size === 4) view.setUint32(at, Number(value & 0xffff_ffffn), true);
    else view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }
  if (program.patch !== undefined) {
    view.setBigUint64(Variable.PATCH, BigInt.asUintN(64, prepared.world.base + BigInt(program.patch.offset)), true);
    view.setUint8(Variable.PATCH_WITH, program.patchWith);
  }
  return image;
}
