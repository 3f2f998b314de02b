// What the guest's CPUID answers instead of the machine's defaults: rows of the core's table (assembly/vcpu/cpuid),
// of which the first that matches a query counts.

import type { Core } from "../engine/core.js";
import { CPUID_COUNT, CPUID_MAX, CPUID_TABLE } from "../engine/views.js";
import { HypervisorError } from "../support/errors.js";
import type { CpuidOverride } from "./options.js";

/** Words of a row: leaf, subleaf, flags, EAX, EBX, ECX, EDX, unused. */
const ROW_WORDS = 8;
/** Flag of a row: its subleaf counts. */
const SUBLEAF_SIGNIFICANT = 1;

const at = (row: number, word: number): number => CPUID_TABLE + (row * ROW_WORDS + word) * 4;

/**
 * Applies one override. Without a subleaf it stands for the whole leaf; with one it goes before the leaf's other
 * rows, so that a default which ignores subleaves still answers the rest.
 */
export function overrideCpuid(core: Core, entry: CpuidOverride): void {
  const rows = Array.from({ length: core.getU32(CPUID_COUNT) }, (_, row) =>
    Array.from({ length: ROW_WORDS }, (_, word) => core.getU32(at(row, word))),
  );
  const { leaf, subleaf, eax, ebx, ecx, edx } = entry;
  const flags = subleaf === undefined ? 0 : SUBLEAF_SIGNIFICANT;
  const replaced = (row: readonly number[]): boolean =>
    row[0] === leaf && (subleaf === undefined || (row[1] === subleaf && row[2] === SUBLEAF_SIGNIFICANT));
  const first = rows.findIndex((row) => row[0] === leaf);
  const kept = rows.filter((row) => !replaced(row));
  kept.splice(first < 0 ? kept.length : first, 0, [leaf, subleaf ?? 0, flags, eax, ebx, ecx, edx, 0]);
  if (kept.length > CPUID_MAX) {
    throw new HypervisorError("invalid-argument", `the CPUID table holds at most ${CPUID_MAX} entries`);
  }
  for (const [row, words] of kept.entries())
    for (const [word, value] of words.entries()) core.setU32(at(row, word), value);
  core.setU32(CPUID_COUNT, kept.length);
}
