// What translation has come to: counts of the host and those that the core keeps (assembly/region/statistics.ts).

import * as v from "../engine/views.js";
import type { RegionRecords } from "./records.js";

/** Why regions were left. */
export interface RegionExits {
  /** At a fixed address: the rest of the way is another region's or the interpreter's. */
  readonly static: number;
  /** At a computed address: a return, an indirect jump or call. */
  readonly dynamic: number;
  /** An access that the lookup tables do not serve, or a value that the translated form excludes. */
  readonly miss: number;
  /** An instruction that is always executed out of line. */
  readonly step: number;
  /** The slice was used up. */
  readonly fuel: number;
}

/** A snapshot of a partition's translation. All counts are since the partition was created. */
export interface TranslationStatistics {
  /** False: everything is interpreted. */
  readonly enabled: boolean;
  /** Times that a block was reported hot. */
  readonly requests: number;
  /** Requests that made no region: nothing to gain, known already, or code that is overwritten too often. */
  readonly declined: number;
  /** Regions translated, and those among them that can be entered now. */
  readonly regions: number;
  readonly liveRegions: number;
  /** Guest instructions in all regions translated. */
  readonly instructions: number;
  /** WebAssembly bytes of all modules made, and their number. */
  readonly bytes: number;
  readonly modules: number;
  /** Modules of this partition alive now, and of all partitions of the process. */
  readonly liveModules: number;
  readonly processModules: number;
  /** Modules that were compiled once more by the optimising compiler. */
  readonly optimized: number;
  /** Modules given up to make room for others. */
  readonly recycled: number;
  /** Milliseconds spent translating. */
  readonly translateMs: number;
  /** Milliseconds the partition spent compiling, and those from a background compile's start to its end. */
  readonly compileMs: number;
  readonly backgroundMs: number;
  /** Ticks executed by regions, and their share of all ticks, 0 to 1. */
  readonly ticks: number;
  readonly share: number;
  /** Regions entered from the interpreter, and from another region. */
  readonly entries: number;
  readonly hops: number;
  /** Entries that the processor's state did not allow. */
  readonly refused: number;
  readonly exits: RegionExits;
  /** Regions that died because their code was overwritten. */
  readonly invalidations: number;
}

/** The host's part. */
export class TranslationCounts {
  declined = 0;
  regions = 0;
  instructions = 0;
  bytes = 0;
  modules = 0;
  optimized = 0;
  recycled = 0;
  translateMs = 0;
  compileMs = 0;
  backgroundMs = 0;
}

/** The core's counters, in order, 64 bits each. */
const CORE_COUNTERS = [
  "entries",
  "hops",
  "ticks",
  "static",
  "dynamic",
  "miss",
  "step",
  "fuel",
  "invalidations",
  "refused",
] as const;

type CoreCounts = Record<(typeof CORE_COUNTERS)[number], number>;

function coreCounts(records: RegionRecords): CoreCounts {
  return Object.fromEntries(
    CORE_COUNTERS.map((name, n) => [name, records.number(v.TRANSLATION_STATISTICS + n * 8)]),
  ) as CoreCounts;
}

const NOTHING: CoreCounts = Object.fromEntries(CORE_COUNTERS.map((name) => [name, 0])) as CoreCounts;

interface Now {
  records: RegionRecords;
  liveRegions: number;
  liveModules: number;
  processModules: number;
  /** Ticks that the partition's processors have executed in either tier. */
  executed: number;
}

/** The snapshot; without `now` that of a partition that does not translate. */
export function takeStatistics(counts: TranslationCounts, now?: Now): TranslationStatistics {
  const records = now?.records;
  const executed = now?.executed ?? 0;
  const core = records === undefined ? NOTHING : coreCounts(records);
  const milliseconds = (value: number): number => Math.round(value * 1000) / 1000;
  return Object.freeze({
    enabled: records !== undefined,
    requests: records === undefined ? 0 : records.cell(v.REQUESTS_WRITTEN),
    ...counts,
    liveRegions: now?.liveRegions ?? 0,
    liveModules: now?.liveModules ?? 0,
    processModules: now?.processModules ?? 0,
    translateMs: milliseconds(counts.translateMs),
    compileMs: milliseconds(counts.compileMs),
    backgroundMs: milliseconds(counts.backgroundMs),
    ticks: core.ticks,
    share: executed > 0 ? Math.min(1, core.ticks / executed) : 0,
    entries: core.entries,
    hops: core.hops,
    refused: core.refused,
    exits: Object.freeze({
      static: core.static,
      dynamic: core.dynamic,
      miss: core.miss,
      step: core.step,
      fuel: core.fuel,
    }),
    invalidations: core.invalidations,
  });
}
