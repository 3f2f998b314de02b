// The translation of one partition's hot code. The core reports hot blocks and leaves with ExitReason.TRANSLATE when there
// are new ones; `serve` has the translator (a second module over the same memory) write regions for a batch of them,
// compiles the batch and installs its functions in the core's table. Nothing here touches what the guest can see: a
// region does exactly what the interpreter does, so when its code arrives is of no consequence.
//
// While the host does not yield (`run`) a batch is compiled on the spot, and each stay is kept short; on the event loop
// (`start`) a large one is compiled in the background, and its regions are installed when it arrives, if they are still
// wanted.

import type { Core } from "../engine/core.js";
import * as v from "../engine/views.js";
import { HypervisorError } from "../support/errors.js";
import { Churn } from "./churn.js";
import { instantiate, optimizer, type RegionFunctions } from "./compile.js";
import { type Generations, generations, type ModuleOwner, type TranslatedModule } from "./generations.js";
import { type InspectionTarget, TranslationInspection } from "./inspect.js";
import type { ResolvedTranslation } from "./options.js";
import { RegionRecords, RegionState, type TranslatedCore } from "./records.js";
import { Slots } from "./slots.js";
import { TranslationCounts, type TranslationStatistics, takeStatistics } from "./statistics.js";
import { compactTables, roomForTables } from "./tables.js";

/** The exports of assembly/translate/index.ts. */
export interface TranslatorExports {
  /** Starts an empty module. */
  begin(): void;
  /** Writes the region of a request into the module: its index, or -1 if there is nothing to gain or no room. */
  translate(request: number): number;
  /** Writes what the last region covers: how many stretches of code, their list's address in VALUE[0]. */
  listing(): number;
  /** Ends the module: its length, its address in VALUE[0]; 0 when no region was written. */
  finish(): number;
}

/** Longest uninterrupted work of the translator in one stay, in milliseconds. */
const STAY_MS = 2;
/** Modules should not be made of one region each: a request waits for this many, or for this many ticks. */
const ENOUGH = 8;
const PATIENCE = 300_000;
/** Most ticks between two looks at requests that wait. */
const WAITING_SLICE = 100_000;
/**
 * Largest module, in bytes, that is compiled at once on the event loop too. V8 holds it for 0.1-0.3 ms; the way over its
 * background threads costs the loop as much, and takes 10-40 ms in which hot code is interpreted.
 */
const AT_ONCE = 65_536;
/** Background compiles under way at once. */
const PENDING_MAX = 2;
/** Exits of a module's regions that make it worth optimising. */
const HOT = 4000;
/** Stays in the core without new regions before one is looked for: what runs first meanwhile is optimised on the spot. */
const CALM = 32;
/** Room for side tables, in bytes, and for records that one batch may need. */
const TABLES_RESERVE = 0x40000;
const RECORDS_RESERVE = 64;
/** Share of the regions that goes when they have used up the room. */
const SHARE_RETIRED = 4;

/** The module of one batch: which regions it holds and in which slots they are. */
interface Batch extends TranslatedModule {
  /** Slot by region, for the regions that are live. */
  readonly slots: Map<number, number>;
  /** Number of each region's function in the module. */
  readonly functions: Map<number, number>;
  /** Kept while it may be optimised. */
  bytes: Uint8Array | undefined;
  /** Sum of its regions' `entered` when it was last observed. */
  observed: number;
}

export interface TranslationParts {
  readonly core: TranslatedCore;
  /** Makes the translator, when it is needed first. */
  readonly translator: () => TranslatorExports;
  /** Ticks of the guest's clock in a second. */
  readonly frequency: number;
  /** Where modules are counted; the process's unless given. */
  readonly generations?: Generations;
  /** Milliseconds of the host's clock. */
  readonly now?: () => number;
  /** Largest module that is compiled at once everywhere. */
  readonly atOnce?: number;
}

export class Translation implements ModuleOwner<Batch> {
  readonly #core: TranslatedCore;
  readonly #records: RegionRecords;
  readonly #options: ResolvedTranslation;
  readonly #makeTranslator: () => TranslatorExports;
  readonly #slots: Slots;
  readonly #churn: Churn;
  readonly #generations: Generations;
  readonly #now: () => number;
  readonly #atOnce: number;
  readonly #counts = new TranslationCounts();
  readonly #modules = new Set<Batch>();
  /** Batch of every region that is pending or live. */
  readonly #owners = new Map<number, Batch>();
  #translator: TranslatorExports | undefined;
  #pending = 0;
  #ticksMoved = 0;
  /** Clock at which the oldest request began to wait; undefined while there is none. */
  #waitingSince: number | undefined;
  /** Stays in the core since regions were installed. */
  #calm = 0;
  #disposed = false;
  #inspection: TranslationInspection | undefined;
  #failure: unknown;

  /** Batches are compiled in the background: the host will yield to the event loop. */
  #background = false;

  constructor(parts: TranslationParts, options: ResolvedTranslation) {
    this.#core = parts.core;
    this.#records = new RegionRecords(parts.core);
    this.#options = options;
    this.#makeTranslator = parts.translator;
    this.#slots = new Slots(parts.core.exports.table);
    this.#churn = new Churn(parts.frequency);
    this.#generations = parts.generations ?? generations;
    this.#atOnce = parts.atOnce ?? AT_ONCE;
    this.#now = parts.now ?? (() => performance.now());
    this.#generations.join(this);
    this.#records.setCell(v.HOT_THRESHOLD, options.threshold);
  }

  get modules(): ReadonlySet<Batch> {
    return this.#modules;
  }

  get pending(): number {
    return this.#pending;
  }

  /** Most ticks of the next stay in the core: requests that wait are looked at again behind it. */
  get slice(): number {
    return this.#records.waiting > 0 ? WAITING_SLICE : Number.POSITIVE_INFINITY;
  }

  /** Takes requests, as many as the policy allows now. Called before every stay in the core. */
  serve(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const records = this.#records;
    const { waiting } = records;
    if (this.#inspection !== undefined) {
      this.#inspection.serve();
      return;
    }
    if (waiting === 0 || this.#pending >= PENDING_MAX || optimizer.busy) return;
    const clock = records.number(v.CLOCK);
    this.#waitingSince ??= clock;
    if (waiting < Math.min(ENOUGH, this.#options.batch) && clock - this.#waitingSince < PATIENCE) return;
    this.#waitingSince = undefined;
    this.reclaim();
    this.#makeRoom();
    const regions: number[] = [];
    const started = this.#now();
    const translator = this.#ready();
    translator.begin();
    while (records.waiting > 0 && regions.length < this.#options.batch) {
      const request = records.oldest;
      const region = this.#churn.rests(records.requestFrame(request), clock) ? -1 : translator.translate(request);
      records.advance();
      if (region < 0) this.#counts.declined++;
      else regions.push(region);
      if (this.#now() - started >= STAY_MS) break;
    }
    const length = translator.finish();
    this.#counts.translateMs += this.#now() - started;
    if (length > 0) this.#compile(regions, records.cell(v.VALUE), length);
  }

  /** Once per stay of the host in the core, whatever it came back for. */
  afterRun(): void {
    this.reclaim();
    if (this.#options.optimize && ++this.#calm >= CALM && optimizer.free) void this.#optimizeHottest();
  }

  /** Compiles in the background while `work`, which yields to the event loop, is under way. */
  async inBackground<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#background;
    this.#background = true;
    try {
      return await work();
    } finally {
      this.#background = before;
    }
  }

  /** From now on nothing is translated but for a look at one place. */
  inspect(target: InspectionTarget): TranslationInspection {
    this.#inspection = new TranslationInspection(this.#core, this.#records, this.#ready(), target);
    return this.#inspection;
  }

  #ready(): TranslatorExports {
    this.#translator ??= this.#makeTranslator();
    return this.#translator;
  }

  #compile(regions: readonly number[], address: number, length: number): void {
    const bytes = this.#core.bytes.slice(address, address + length);
    const serial = this.#generations.admit(this.#options.maxModules);
    const batch: Batch = {
      serial,
      used: this.#generations.epoch,
      slots: new Map(),
      functions: new Map(regions.map((region, n) => [region, n])),
      bytes: this.#options.optimize ? bytes : undefined,
      observed: 0,
    };
    this.#counts.modules++;
    this.#counts.bytes += length;
    for (const region of regions) {
      this.#owners.set(region, batch);
      this.#counts.regions++;
      this.#counts.instructions += this.#records.instructions(region);
    }
    const started = this.#now();
    if (this.#background && length > this.#atOnce) {
      void this.#compileLater(batch, bytes, started);
      return;
    }
    try {
      this.#install(batch, instantiate(new WebAssembly.Module(bytes), this.#core.memory));
    } catch (cause) {
      // Browsers limit what their main thread may compile at once.
      if (this.#background && cause instanceof RangeError) void this.#compileLater(batch, bytes, started);
      else this.#failed(batch, cause);
      if (this.#failure !== undefined) throw this.#failure;
    }
    this.#counts.compileMs += this.#now() - started;
  }

  async #compileLater(batch: Batch, bytes: Uint8Array<ArrayBuffer>, started: number): Promise<void> {
    this.#pending++;
    try {
      const module = await WebAssembly.compile(bytes);
      const arrived = this.#now();
      this.#counts.backgroundMs += arrived - started;
      if (this.#disposed) return;
      this.#install(batch, instantiate(module, this.#core.memory));
      this.#counts.compileMs += this.#now() - arrived;
    } catch (cause) {
      this.#failed(batch, cause);
    } finally {
      this.#pending--;
    }
  }

  /** Puts the functions of a batch into the table, but for regions that died meanwhile. */
  #install(batch: Batch, functions: RegionFunctions): void {
    for (const [region, n] of batch.functions) {
      if (this.#owners.get(region) !== batch) continue;
      if (this.#records.state(region) !== RegionState.PENDING) continue;
      const slot = this.#slots.take(functions[n]);
      batch.slots.set(region, slot);
      this.#core.exports.regionInstall(region, slot);
    }
    this.#calm = 0;
    if (batch.slots.size > 0) this.#modules.add(batch);
    this.reclaim();
  }

  /**
   * The engine would not take the module: for want of memory its regions are given up; anything else is a bug, which the
   * next run reports.
   */
  #failed(batch: Batch, cause: unknown): void {
    for (const region of batch.functions.keys()) if (this.#owners.get(region) === batch) this.#kill(region);
    if (cause instanceof RangeError) return;
    this.#failure = new HypervisorError("engine-trap", `the translator wrote an invalid module: ${String(cause)}`, {
      cause,
    });
  }

  #kill(region: number): void {
    const { exports } = this.#core;
    exports.regionKill(region);
    this.#free(region);
  }

  /** Takes back what a dead region holds. */
  #free(region: number): void {
    const batch = this.#owners.get(region);
    this.#owners.delete(region);
    this.#records.setState(region, RegionState.FREE);
    if (batch === undefined) return;
    batch.functions.delete(region);
    const slot = batch.slots.get(region);
    if (slot === undefined) return;
    this.#slots.release(slot);
    batch.slots.delete(region);
    if (batch.slots.size === 0) this.#modules.delete(batch);
  }

  /** Takes back the slots of regions whose code was overwritten, or has another translation. */
  reclaim(): void {
    const records = this.#records;
    if (records.cell(v.REGIONS_DEAD) === 0) return;
    records.setCell(v.REGIONS_DEAD, 0);
    const clock = records.number(v.CLOCK);
    const end = records.cell(v.REGIONS_END);
    for (let region = 0; region < end; region++) {
      const state = records.state(region);
      if (state !== RegionState.DEAD && state !== RegionState.LEFT) continue;
      if (state === RegionState.DEAD) this.#churn.invalidated(records.headFrame(region), clock);
      this.#free(region);
    }
  }

  /** Makes room for one more batch: closes the gaps of dead regions, and gives up a part of them if that is not enough. */
  #makeRoom(): void {
    const records = this.#records;
    const full = (): boolean => this.#owners.size > v.REGIONS_MAX - RECORDS_RESERVE;
    if (roomForTables(records) >= TABLES_RESERVE && !full()) return;
    const compact = (): void => {
      compactTables(records, this.#owners.keys());
      this.#core.exports.regionsMoved();
    };
    compact();
    if (roomForTables(records) >= (v.REGION_META_END - v.REGION_META) / SHARE_RETIRED && !full()) return;
    this.#generations.endEpoch();
    const goal = this.#owners.size * (1 - 1 / SHARE_RETIRED);
    for (const batch of [...this.#modules].sort((a, b) => a.used - b.used || a.serial - b.serial)) {
      if (this.#owners.size <= goal) break;
      this.retire(batch);
    }
    compact();
  }

  observe(epoch: number): void {
    for (const batch of this.#modules) {
      let sum = 0;
      for (const region of batch.slots.keys()) sum = (sum + this.#records.entered(region)) >>> 0;
      if (sum === batch.observed) continue;
      batch.observed = sum;
      batch.used = epoch;
    }
  }

  retire(batch: Batch): void {
    for (const region of [...batch.slots.keys()]) this.#kill(region);
    this.#counts.recycled++;
  }

  /** Compiles the module whose regions were left most often once more, and puts that code in its place. */
  async #optimizeHottest(): Promise<void> {
    let hottest: Batch | undefined;
    let most = HOT;
    for (const batch of this.#modules) {
      if (batch.bytes === undefined) continue;
      let taken = 0;
      for (const region of batch.slots.keys()) taken += this.#records.taken(region);
      if (taken < most) continue;
      most = taken;
      hottest = batch;
    }
    this.#calm = 0;
    if (hottest?.bytes === undefined) return;
    const { bytes } = hottest;
    hottest.bytes = undefined;
    try {
      const module = await optimizer.compile(bytes);
      if (this.#disposed) return;
      const functions = instantiate(module, this.#core.memory);
      for (const [region, slot] of hottest.slots) {
        this.#slots.replace(slot, functions[hottest.functions.get(region) as number]);
      }
      this.#counts.optimized++;
    } catch {
      // The code that is there is as right; it goes on.
    }
  }

  /** The partition's ticks have become others without being executed. */
  ticksMoved(by: number): void {
    this.#ticksMoved += by;
  }

  /** `ticks`: what the partition's processors show. */
  statistics(ticks: number): TranslationStatistics {
    return takeStatistics(this.#counts, {
      records: this.#records,
      liveRegions: [...this.#modules].reduce((sum, batch) => sum + batch.slots.size, 0),
      liveModules: this.#modules.size,
      processModules: this.#generations.live,
      executed: ticks - this.#ticksMoved,
    });
  }

  /** Lets go of everything; the partition does not run again. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#generations.leave(this);
    for (const batch of this.#modules) for (const slot of batch.slots.values()) this.#slots.release(slot);
    this.#modules.clear();
    this.#owners.clear();
  }
}

/** The translation of a core's hot code; undefined where it is switched off, or the modules know nothing of it. */
export function createTranslation(
  core: Core,
  translator: WebAssembly.Module | undefined,
  frequency: number,
  options: ResolvedTranslation | undefined,
): Translation | undefined {
  if (options === undefined || translator === undefined || core.exports.regionInstall === undefined) return undefined;
  return new Translation({ core, translator: () => core.instantiate(translator), frequency }, options);
}
