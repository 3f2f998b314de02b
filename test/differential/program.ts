// A whole program: a main part that is repeated, routines behind it, and all that its run depends on: registers,
// placement of its frames, the timer, what the page-fault handler does, the threshold of the translator, the stops.

import { fillElements } from "../oracle/float-values.js";
import type { Random } from "../oracle/random.js";
import { FLAVOURS } from "./catalog.js";
import { Context, type Routine, type Statement } from "./context.js";
import * as control from "./control.js";
import { type Assembled, assembleWith, type Emitter, Label } from "./emitter.js";
import { randomInstruction, statement } from "./instruction.js";
import { CODE_ALIAS, CODE_SIZE, PageFault, POOL_FIRST, RAM_PAGES, STACK_TOP, Vector, WINDOW_PAGES } from "./layout.js";
import * as modes from "./modes.js";
import { numeric, someNumbers } from "./numeric.js";
import * as paging from "./paging.js";
import * as selfmodify from "./selfmodify.js";
import { strings } from "./strings.js";
import { type Controls, NO_LIMITS, type Placement, type Prepared } from "./world.js";
import { x87 } from "./x87.js";

export interface Program {
  readonly prepared: Prepared;
  readonly main: Statement[];
  readonly routines: readonly Routine[];
  readonly origin: number;
  /** How often the main part is executed. */
  readonly rounds: number;
  readonly roundSlot: number;
  readonly controls: Controls;
  readonly placement: Placement;
  readonly registers: readonly bigint[];
  readonly flags: number;
  /** Content of the window from NUMBERS on. */
  readonly numbers: Uint8Array;
  /** XMM0-15, as 256 bytes, and MXCSR. */
  readonly vectors: Uint8Array;
  readonly mxcsr: number;
  readonly policy: number;
  /** Ticks between interrupts of the timer, 0 for none. */
  readonly period: number;
  /** The timer's handler changes this byte. */
  readonly patch: Label | undefined;
  readonly patchWith: number;
  readonly threshold: number;
  /** Most guest instructions in a region. */
  readonly regionSize: number;
  /** Ticks from stop to stop. */
  readonly stops: readonly number[];
  /** The translated side gets all stretches but the last in pieces of up to so many ticks; 0: in one. */
  readonly slicing: number;
  /** At these stops an external interrupt arrives. */
  readonly interrupts: ReadonlySet<number>;
  /** At these the host changes a byte of code, as a device would. */
  readonly writes: ReadonlyMap<number, { readonly label: Label; readonly mask: number }>;
  /** At these the state is put into its one form and derived anew. */
  readonly settled: ReadonlySet<number>;
}

type Kind = (ctx: Context, body: control.Body) => Statement;

/** What a program is made of, how often, and how deep it may nest. */
function kinds(prepared: Prepared, placement: Placement, random: Random): Kind[] {
  const { world } = prepared;
  const list: Kind[] = [];
  const add = (times: number, ...some: readonly Kind[]): void => {
    for (const kind of some) for (let i = 0; i < times; i++) list.push(kind);
  };
  add(60, randomInstruction);
  add(11, control.loop);
  add(8, control.branches);
  add(3, control.choice, control.movePointer);
  add(2, control.computedJump);
  add(5, control.call, control.stack);
  if (random.oneIn(2)) add(3, strings);
  if (random.oneIn(3)) add(random.oneIn(2) ? 4 : 20, numeric);
  if (random.oneIn(5)) add(random.oneIn(2) ? 4 : 20, x87);
  // What ends blocks, drops regions or leaves for the run loop: of each sort in some programs only, and there often in
  // some of the rounds only, or nothing would stay translated for long.
  const seldom = (kind: Kind): Kind => (random.oneIn(4) ? kind : (ctx, body) => control.rarely(ctx, kind(ctx, body)));
  const sort = (often: number, times: number, ...some: readonly Kind[]): void => {
    if (random.oneIn(often)) add(random.oneIn(4) ? times * 4 : times, ...some.map(seldom));
  };
  const { modify, modifyElsewhere, modifyCondition, modifyJump, modifyCall, modifyConstant } = selfmodify;
  sort(3, 1, modify, modifyElsewhere, modifyCondition, modifyJump, modifyCall, modifyConstant);
  sort(6, 1, selfmodify.copyRoutine);
  sort(3, 2, modes.event);
  sort(3, 2, modes.systemCall);
  sort(4, 2, modes.otherCode);
  sort(6, 2, modes.flagged);
  sort(4, 2, modes.privileged);
  sort(4, 2, modes.rounding);
  sort(10, 2, modes.stateImage);
  sort(20, 1, modes.port);
  if (world.paging !== undefined) {
    sort(2, 3, (ctx) => paging.changeEntry(ctx, prepared, placement));
    sort(4, 2, paging.otherSpace);
  }
  return list;
}

const NESTING = 5;

/** Frames of the window: scattered over the pool where there is paging. */
function placementOf(prepared: Prepared, random: Random): Placement {
  const pool = Array.from({ length: RAM_PAGES - POOL_FIRST }, (_, n) => POOL_FIRST + n);
  // Sometimes pages that follow one another do so in memory too.
  if (prepared.world.paging !== undefined && !random.oneIn(4))
    for (let i = pool.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [pool[i], pool[j]] = [pool[j]!, pool[i]!];
    }
  const a = pool.slice(0, WINDOW_PAGES);
  const flags = new Array<number>(WINDOW_PAGES).fill(random.oneIn(3) ? 0x07 : 0x67);
  if (prepared.world.paging !== undefined) {
    for (let page = 0; page < 4; page++) a[page + (CODE_ALIAS >> 12)] = a[page]!;
    a[13] = a[8]!;
    flags[11]! &= ~1;
    flags[12]! &= ~2;
  }
  const b = [...a];
  const spare = pool.slice(WINDOW_PAGES);
  if (prepared.world.paging !== undefined) {
    b[9] = spare[0]!;
    // The other code pages hold the same code with other constants.
    for (let page = 0; page < 4; page++) {
      if (random.oneIn(3)) continue;
      b[page] = spare[page + 1]!;
      b[page + (CODE_ALIAS >> 12)] = b[page]!;
    }
  }
  return { frames: [a, b], flags };
}

export function generate(prepared: Prepared, random: Random): Program {
  const { world } = prepared;
  const placement = placementOf(prepared, random);
  const ctx = new Context(random, world, random.pick(FLAVOURS));
  const list = kinds(prepared, placement, random);
  let size = 30 + random.below(70);
  const body: control.Body = (inner, count) => {
    const made: Statement[] = [];
    for (let i = 0; i < count; i++) {
      size--;
      if (inner.depth >= NESTING || size < 0) made.push(randomInstruction(inner));
      else {
        inner.depth++;
        made.push(random.pick(list)(inner, body));
        inner.depth--;
      }
    }
    return made;
  };
  for (let n = 1 + random.below(5); n > 0; n--) {
    ctx.routines.push({
      label: new Label(),
      body: [],
      beforePage: random.oneIn(3) ? random.below(70) : undefined,
      arguments: random.oneIn(4) ? ctx.word * (1 + random.below(3)) : 0,
    });
  }
  const roundSlot = ctx.newSlot();
  const rounds = 4 + random.below(random.oneIn(2) ? 200 : 40);
  // A pointer into the data for the whole program, in a register that 16-bit addresses can use.
  const pointer = random.oneIn(6) ? -1 : random.pick(world.code === 64 ? [3, 5, 8, 12, 13, 14] : [3, 5]);
  if (pointer >= 0) ctx.reserved.add(pointer);
  ctx.pointer = pointer;
  ctx.pointerAligned = !random.oneIn(3);
  ctx.weight = rounds;
  const start = pointer >= 0 ? [control.movePointer(ctx)] : [];
  const main = [...start, ...body(ctx, 3 + random.below(8))];
  const calls = ctx.routines.map((routine, n) => {
    // Each routine is called from the main part at least once.
    const slot = ctx.newSlot();
    ctx.routine = n;
    ctx.weight = rounds * 3;
    size = Math.max(size, 4) + 6;
    routine.body.push(...body(ctx, 2 + random.below(5)));
    const recursive = routine.arguments === 0 && random.oneIn(3);
    if (!recursive) return undefined;
    routine.body.splice(random.below(routine.body.length), 0, control.recursion(ctx, routine.label, slot));
    return control.recursiveCall(ctx, routine.label, slot);
  });
  ctx.routine = -1;
  for (const call of calls) if (call !== undefined) main.splice(1 + random.below(main.length), 0, call);
  const registers = Array.from({ length: 16 }, (_, i) =>
    i < (world.code === 64 ? 16 : 8) ? BigInt.asUintN(world.code === 64 ? 64 : 32, random.operand()) : 0n,
  );
  const stack = STACK_TOP - (random.oneIn(4) ? random.below(16) : 0) - (random.oneIn(3) ? 0xef0 : 0);
  registers[4] = BigInt(stack) + (world.short ? 0n : world.base);
  const vectors = new Uint8Array(256);
  const view = new DataView(vectors.buffer);
  for (let i = 0; i < 16; i++)
    fillElements(view, i * 16, 16, random.pick(["f64", "f32", "f64", "i32", "i64", "i8"]), random);
  const numbers = someNumbers(random);
  if (random.oneIn(2)) vectors.set(numbers.subarray(random.below(64) * 8).subarray(0, 256));
  const period = random.oneIn(3) ? 40 + random.below(1200) : 0;
  const site = ctx.sites.length > 0 && random.oneIn(3) ? random.pick(ctx.sites) : undefined;
  const stops = stopsOf(random);
  const interruptsOn = period > 0 || random.oneIn(2);
  const some = (often: number): number[] => stops.map((_, n) => n).filter(() => random.oneIn(often));
  return {
    prepared,
    main,
    routines: ctx.routines,
    origin: random.oneIn(2) ? 0x1000 * (1 + random.below(2)) - random.below(200) : 0,
    rounds,
    roundSlot,
    controls: controlsOf(prepared, random),
    placement,
    registers,
    numbers,
    flags:
      2 |
      (random.u32() & 0x8d5) |
      (interruptsOn ? 0x200 : 0) |
      (world.kind === "v86" ? 0x23000 : random.oneIn(2) ? 0x3000 : 0),
    vectors,
    mxcsr: random.oneIn(4) ? 0x1f80 : 0x1fa0,
    policy:
      (random.oneIn(2) ? PageFault.REPAIR : 0) |
      (random.oneIn(2) ? PageFault.INVLPG : 0) |
      (random.oneIn(2) ? PageFault.EVERY_OTHER : 0),
    period,
    patch: site?.label,
    patchWith: site === undefined ? 0 : site.mask & -site.mask,
    threshold: 1 + random.below(random.oneIn(2) ? 2 : 8),
    regionSize: random.oneIn(3) ? 2 + random.below(60) : 300,
    stops,
    slicing: random.oneIn(4) ? random.pick([2, 30, 400]) : 0,
    interrupts: new Set(interruptsOn ? some(8) : []),
    writes: new Map(ctx.sites.length > 0 ? some(6).map((stop) => [stop, random.pick(ctx.sites)]) : []),
    settled: new Set(some(10)),
  };
}

function controlsOf({ world }: Prepared, random: Random): Controls {
  const cr0 = (random.oneIn(2) ? 0x10000 : 0) | (random.oneIn(3) ? 0x40000 : 0);
  const cr4 = random.oneIn(2) ? 0x10000 : 0;
  if (!world.short || world.kind === "real" || world.kind === "v86" || !random.oneIn(3))
    return { cr0, cr4, ...NO_LIMITS };
  // Ring 3 needs its stack, which ends with the window.
  const down = random.oneIn(4);
  const shorter = random.oneIn(2) && (world.cpl === 0 || down);
  return {
    cr0,
    cr4,
    codeLimit: random.oneIn(3) ? 0x3fff : random.oneIn(3) ? 0x3000 + random.below(0xfff) : 0xffff,
    dataLimit: down ? 0x7fff - random.below(2) * 0x4321 : shorter ? 0xcfff + random.below(3) * 0x800 : 0xffff,
    down,
  };
}

/** Short stretches first, so that what becomes hot is soon there, then a long one of what is there. */
function stopsOf(random: Random): number[] {
  const stops: number[] = [];
  for (let n = 2 + random.below(3); n > 0; n--) stops.push(20 + random.below(300));
  for (let n = 1 + random.below(3); n > 0; n--) stops.push(1 + random.below(random.oneIn(2) ? 800 : 2000));
  stops.push(6000 + random.below(8000));
  return stops;
}

/** The main part with its loop and its end, then the routines. */
export function emitProgram(program: Program, e: Emitter): void {
  const { main, routines, origin, rounds, roundSlot, prepared } = program;
  const ctx = new Context(NO_CHOICE, prepared.world, FLAVOURS[0]!);
  const body = statement("main", (emitter) => control.emitAll(emitter, main), main);
  e.org(origin);
  control.repeat(ctx, roundSlot, rounds, body).emit(e);
  e.raw(0xcd, Vector.END);
  e.raw(0xeb, 0xfe);
  for (const { label, body: list, beforePage, arguments: count } of routines) {
    if (beforePage !== undefined) {
      const place = ((e.here + beforePage + 0xfff) & ~0xfff) - beforePage;
      if (place + 0x400 < CODE_SIZE) e.org(place);
    }
    e.bind(label);
    control.emitAll(e, list);
    if (count > 0) e.raw(0xc2, count, 0);
    else e.raw(0xc3);
  }
}

/** For addresses that leave nothing to chance. */
const NO_CHOICE = { oneIn: () => false, below: () => 0 } as unknown as Random;

export function assemble(program: Program): Assembled {
  return assembleWith(program.prepared.world.code, (e) => emitProgram(program, e));
}
