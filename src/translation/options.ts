// How a partition translates hot guest code, validated and completed with defaults. None of it is visible to the guest.

import { HypervisorError } from "../support/errors.js";

export interface TranslationOptions {
  /** How often a block must be entered by a taken branch until it is translated; 6000 unless given. */
  threshold?: number;
  /** Most regions compiled as one WebAssembly module; 16 unless given. */
  batch?: number;
  /**
   * Node only: modules that are entered often are compiled once more, in the background and by V8's optimising compiler
   * alone. It switches flags of the whole process while such a compile is under way.
   */
  optimize?: boolean;
  /**
   * Most modules of translated code in the process, all partitions together, when this partition adds one: beyond it
   * those that were entered least recently go. 4000 unless given.
   */
  maxModules?: number;
}

export type ResolvedTranslation = Readonly<Required<TranslationOptions>>;

const BATCH_MAX = 64;
/** V8 fails hard near 65,000 modules. */
const MODULES_MAX = 32_768;
const THRESHOLD_MAX = 0x7fff_ffff;

function integer(value: unknown, high: number, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > high) {
    throw new HypervisorError(
      "invalid-argument",
      `${what} of ${String(value)}: it must be a whole number from 1 to ${high}`,
    );
  }
  return value as number;
}

/** The options with defaults; undefined where translation is switched off. */
export function resolveTranslation(options: false | TranslationOptions | undefined): ResolvedTranslation | undefined {
  if (options === false) return undefined;
  if (options !== undefined && (typeof options !== "object" || options === null)) {
    throw new HypervisorError("invalid-argument", `translation is false or an object, not ${String(options)}`);
  }
  const { threshold = 6000, batch = 16, optimize = false, maxModules = 4000 } = options ?? {};
  if (typeof optimize !== "boolean") {
    throw new HypervisorError("invalid-argument", `optimize is true or false, not ${String(optimize)}`);
  }
  return {
    threshold: integer(threshold, THRESHOLD_MAX, "a threshold"),
    batch: integer(batch, BATCH_MAX, "a batch"),
    optimize,
    maxModules: integer(maxModules, MODULES_MAX, "a limit of modules"),
  };
}
