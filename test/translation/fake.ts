// A core and a translator that do nothing but keep their half of the protocol: regions are functions that give their
// own number, written as real WebAssembly modules, so that compiling, tables and recycling are the real thing.

import * as v from "../../src/engine/views.js";
import { Generations } from "../../src/translation/generations.js";
import { resolveTranslation, type TranslationOptions } from "../../src/translation/options.js";
import type { TranslatedCore } from "../../src/translation/records.js";
import { Translation, type TranslatorExports } from "../../src/translation/translation.js";

const UOP_SIZE = 32;
/** An address in the arena. */
const LINK = v.ARENA + 64;
/** The core's own functions, which nobody may touch. */
const OWN_SLOTS = 7;

export class FakeCore implements TranslatedCore {
  readonly memory = new WebAssembly.Memory({ initial: v.DYNAMIC / 65536 });
  readonly bytes = new Uint8Array(this.memory.buffer);
  readonly u32 = new Uint32Array(this.memory.buffer);
  /** Times that side tables were moved. */
  moves = 0;
  readonly installed: { index: number; slot: number }[] = [];
  readonly exports = {
    frameOf: (page: number): number => page,
    table: new WebAssembly.Table({ initial: OWN_SLOTS, element: "anyfunc" }),
    regionInstall: (index: number, slot: number): void => {
      if (this.state(index) !== v.RegionState.PENDING) throw new Error(`region ${index} is not pending`);
      this.setField(index, v.REGION_STATE, v.RegionState.LIVE);
      this.setField(index, v.REGION_SLOT, slot);
      this.installed.push({ index, slot });
    },
    regionKill: (index: number): void => this.die(index),
    regionsMoved: (): void => {
      this.moves++;
    },
  };

  constructor() {
    this.setCell(v.META_NEXT, v.REGION_META);
  }

  cell(address: number): number {
    return this.u32[address >>> 2];
  }
  setCell(address: number, value: number): void {
    this.u32[address >>> 2] = value;
  }
  field(index: number, offset: number): number {
    return this.cell(v.REGIONS + index * v.REGION_SIZE + offset);
  }
  setField(index: number, offset: number, value: number): void {
    this.setCell(v.REGIONS + index * v.REGION_SIZE + offset, value);
  }
  state(index: number): number {
    return this.field(index, v.REGION_STATE);
  }

  /** The code of a region is overwritten, or it is killed. */
  die(index: number): void {
    this.setField(index, v.REGION_STATE, v.RegionState.DEAD);
    this.setCell(v.REGIONS_DEAD, this.cell(v.REGIONS_DEAD) + 1);
  }

  /** Blocks at the start of these frames have become hot. */
  request(...frames: number[]): void {
    for (const frame of frames) {
      const position = this.cell(v.REQUESTS_WRITTEN);
      this.setCell(v.REQUESTS + (position % v.REQUESTS_MAX) * v.REQUEST_SIZE + v.REQUEST_FRAME, frame);
      this.setCell(v.REQUESTS_WRITTEN, position + 1);
    }
  }

  get waiting(): number {
    return this.cell(v.REQUESTS_WRITTEN) - this.cell(v.REQUESTS_READ);
  }

  regions(state: number): number[] {
    const found: number[] = [];
    for (let i = 0; i < this.cell(v.REGIONS_END); i++) if (this.state(i) === state) found.push(i);
    return found;
  }

  /** Frame of a region, which its page list and the micro-op of its second exit must agree on. */
  frameOf(index: number): number {
    const frame = this.cell(this.field(index, v.REGION_PAGES) + v.PAGE_FRAME);
    const exits = this.field(index, v.REGION_EXITS);
    const step = this.cell(exits + v.EXIT_SIZE_BYTES + v.EXIT_UOP);
    if (this.cell(step) !== frame || this.cell(exits + v.EXIT_LINK) !== LINK)
      throw new Error(`torn tables of ${index}`);
    return frame;
  }

  /** What the function in a live region's slot gives: the region's number, if all is well. */
  enter(index: number): number {
    const code = this.exports.table.get(this.field(index, v.REGION_SLOT)) as (entry: number) => number;
    return code(0);
  }
}

/** Frames whose code nothing is gained by translating. */
export const FUTILE = 0xf000;

export class FakeTranslator implements TranslatorExports {
  readonly #core: FakeCore;
  #regions: number[] = [];
  /** Writes nonsense in place of a module. */
  broken = false;

  constructor(core: FakeCore) {
    this.#core = core;
  }

  begin(): void {
    this.#regions = [];
  }

  translate(request: number): number {
    const core = this.#core;
    const frame = core.cell(v.REQUESTS + request * v.REQUEST_SIZE + v.REQUEST_FRAME);
    if (frame >= FUTILE) return -1;
    let index = 0;
    while (core.state(index) !== v.RegionState.FREE) if (++index === v.REGIONS_MAX) return -1;
    const meta = core.cell(v.META_NEXT);
    // One page, one entry (16 bytes), two exits: one linked into the arena, one with a micro-op that tells the frame again.
    const entries = meta + v.REGION_PAGE_SIZE;
    const exits = entries + 16;
    const uop = exits + 2 * v.EXIT_SIZE_BYTES;
    core.setCell(v.META_NEXT, uop + UOP_SIZE);
    core.bytes.fill(0, meta, uop + UOP_SIZE);
    core.setField(index, v.REGION_STATE, v.RegionState.PENDING);
    core.setField(index, v.REGION_PAGES, meta);
    core.setField(index, v.REGION_ENTRIES, entries);
    core.setField(index, v.REGION_EXITS, exits);
    core.setField(index, v.REGION_EXIT_COUNT, 2);
    core.setCell(exits + v.EXIT_LINK, LINK);
    core.bytes[exits + v.EXIT_SIZE_BYTES + v.EXIT_TYPE] = v.ExitType.STEP;
    core.setCell(exits + v.EXIT_SIZE_BYTES + v.EXIT_UOP, uop);
    core.setCell(uop, frame);
    core.setField(index, v.REGION_COUNT, 10);
    core.setCell(meta + 4, frame);
    core.setCell(v.REGIONS_END, Math.max(core.cell(v.REGIONS_END), index + 1));
    this.#regions.push(index);
    return index;
  }

  listing(): number {
    return 0;
  }

  finish(): number {
    if (this.#regions.length === 0) return 0;
    const bytes = this.broken ? [1, 2, 3] : moduleOf(this.#regions);
    this.#core.bytes.set(bytes, v.TRANSLATE_OUTPUT);
    this.#core.setCell(v.VALUE, v.TRANSLATE_OUTPUT);
    return bytes.length;
  }
}

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}
/** Signed, for values below 2^13. */
function sleb(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, value >>> 7];
}
function vector(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}
function section(id: number, body: readonly number[]): number[] {
  return [id, ...leb(body.length), ...body];
}
function name(text: string): number[] {
  return [...leb(text.length), ...new TextEncoder().encode(text)];
}

/** A module whose function "n" gives the nth of these numbers. */
function moduleOf(results: readonly number[]): number[] {
  const bodies = results.map((result) => [0, 0x41, ...sleb(result), 0x0b]);
  return [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([[0x60, 1, 0x7f, 1, 0x7f]])),
    ...section(2, vector([[...name("e"), ...name("m"), 2, 0, 1]])),
    ...section(3, vector(results.map(() => [0]))),
    ...section(7, vector(results.map((_, n) => [...name(`${n}`), 0, ...leb(n)]))),
    ...section(10, vector(bodies.map((body) => [...leb(body.length), ...body]))),
  ];
}

export interface Bench {
  readonly core: FakeCore;
  readonly translator: FakeTranslator;
  readonly translation: Translation;
  /** Serves until no request waits. */
  serveAll(): void;
}

export const FREQUENCY = 1_000_000;

export function bench(options: TranslationOptions = {}, generations = new Generations()): Bench {
  const core = new FakeCore();
  const translator = new FakeTranslator(core);
  const resolved = resolveTranslation(options);
  if (resolved === undefined) throw new Error("translation is on");
  const translation = new Translation(
    { core, translator: () => translator, frequency: FREQUENCY, generations, now: () => 0, atOnce: 0 },
    resolved,
  );
  const serveAll = (): void => {
    const clock = core.cell(v.CLOCK);
    for (; core.waiting > 0; core.setCell(v.CLOCK, core.cell(v.CLOCK) + 300_000)) translation.serve();
    core.setCell(v.CLOCK, clock);
  };
  return { core, translator, translation, serveAll };
}
