// Translation of hot guest code: the door of this room. The room turns what assembly/translate writes (modules of region
// functions) into functions in the core's table, and decides when, how many, and for how long. It knows the engine's
// memory and nothing of partitions; the guest cannot tell whether it is there.
//
//   translation.ts   requests -> regions -> modules -> table slots, and back: the policy
//   records.ts       the region records as the host reads them      slots.ts   slots of the core's table
//   tables.ts        their side tables
//   generations.ts   the limit of live modules in the process       churn.ts   code that is overwritten too often
//   compile.ts       bytes -> functions, V8's optimising compiler   statistics.ts, inspect.ts, cells.ts   to look at

export { nameOfCell } from "./cells.js";
export { provideFlags } from "./compile.js";
export type { GuestCode, InspectedExit, InspectedRegion, InspectionTarget, TranslationInspection } from "./inspect.js";
export { type ResolvedTranslation, resolveTranslation, type TranslationOptions } from "./options.js";
export { type RegionExits, TranslationCounts, type TranslationStatistics, takeStatistics } from "./statistics.js";
export { createTranslation, Translation, type TranslationParts, type TranslatorExports } from "./translation.js";
