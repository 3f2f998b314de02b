// Translation without a policy: every request that waits is served at once, in batches of random size, compiled on the
// spot. What src/translation does about batches, churn and limits is not what programs are compared for here.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as v from "../../src/engine/views.js";
import { RegionRecords, RegionState } from "../../src/translation/records.js";
import { Slots } from "../../src/translation/slots.js";
import type { Machine } from "../engine/harness.js";
import type { Random } from "../oracle/random.js";

interface Translator {
  begin(): void;
  translate(request: number): number;
  finish(): number;
}
interface TranslatedCore {
  readonly table: WebAssembly.Table;
  regionInstall(index: number, slot: number): void;
  regionKill(index: number): void;
}

/** Side tables and records are started over when less than this is left. */
const META_RESERVE = 0x40000;
const isDead = (state: number): boolean => state === RegionState.DEAD || state === RegionState.LEFT;
const REGIONS_FULL = v.REGIONS_MAX - 128;

/** RINGFENCE_TRANSLATOR names another build, like RINGFENCE_WASM for the core. */
export function translatorPath(): string {
  return process.env.RINGFENCE_TRANSLATOR ?? fileURLToPath(new URL("../../build/translator.wasm", import.meta.url));
}

let module: WebAssembly.Module | undefined;

export function hasTranslator(machine: Machine): boolean {
  const core = machine.core as unknown as Partial<TranslatedCore>;
  return core.regionInstall !== undefined && existsSync(translatorPath());
}

export class Tier1 {
  readonly translator: Translator;
  private readonly core: TranslatedCore;
  private readonly records: RegionRecords;
  private readonly slots: Slots;
  /** Slot of every region that has one. */
  private readonly taken = new Map<number, number>();
  regions = 0;
  declined = 0;
  modules = 0;
  /** The last module, for a look at it. */
  last: Uint8Array | undefined;

  constructor(private readonly machine: Machine) {
    module ??= new WebAssembly.Module(readFileSync(translatorPath()));
    const abort = (): never => {
      throw new Error("translator aborted");
    };
    const imports = { env: { memory: machine.memory, abort } };
    this.translator = new WebAssembly.Instance(module, imports).exports as unknown as Translator;
    this.core = machine.core as unknown as TranslatedCore;
    this.records = new RegionRecords({ u32: machine.u32, bytes: machine.u8 });
    this.slots = new Slots(this.core.table);
  }

  get waiting(): boolean {
    return this.records.waiting > 0;
  }

  /** Serves the requests that wait. */
  serve(random: Random): void {
    const { records, translator, machine } = this;
    this.reclaim();
    while (records.waiting > 0) {
      this.makeRoom();
      const batch = random.oneIn(4) ? 1 + random.below(8) : 64;
      const regions: number[] = [];
      translator.begin();
      while (records.waiting > 0 && regions.length < batch) {
        const region = translator.translate(records.oldest);
        records.advance();
        if (region < 0) this.declined++;
        else regions.push(region);
      }
      const length = translator.finish();
      if (length === 0) continue;
      const address = machine.get32(v.VALUE);
      const bytes = machine.u8.slice(address, address + length);
      this.last = bytes;
      const functions = new WebAssembly.Instance(new WebAssembly.Module(bytes), { e: { m: machine.memory } }).exports;
      this.modules++;
      regions.forEach((region, n) => {
        if (records.state(region) !== RegionState.PENDING) return;
        const slot = this.slots.take(functions[n]!);
        this.taken.set(region, slot);
        this.regions++;
        this.core.regionInstall(region, slot);
      });
    }
  }

  /** Takes back what regions held that have died. */
  reclaim(): void {
    const { records } = this;
    if (records.cell(v.REGIONS_DEAD) === 0) return;
    records.setCell(v.REGIONS_DEAD, 0);
    for (let region = records.cell(v.REGIONS_END) - 1; region >= 0; region--)
      if (isDead(records.state(region))) this.free(region);
  }
  private free(region: number): void {
    const slot = this.taken.get(region);
    if (slot !== undefined) this.slots.release(slot);
    this.taken.delete(region);
    this.records.setState(region, RegionState.FREE);
  }

  private makeRoom(): void {
    const { records } = this;
    if (v.REGION_META_END - records.cell(v.META_NEXT) >= META_RESERVE && this.taken.size < REGIONS_FULL) return;
    this.reclaim();
    for (const region of [...this.taken.keys()]) {
      this.core.regionKill(region);
      this.free(region);
    }
    records.setCell(v.REGIONS_DEAD, 0);
    records.setCell(v.META_NEXT, v.REGION_META);
  }

  /** Ticks that regions have executed since the machine was made. */
  get ticks(): number {
    return this.records.number(v.TRANSLATION_STATISTICS + 16);
  }
}
