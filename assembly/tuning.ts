// Thresholds that affect speed and never meaning.

/** Most instructions in one decoded block; also bounds how far a decode runs ahead of execution. */
export const BLOCK_MAX: u32 = 48;
/** Ticks a processor runs before the next one of the partition, if there is one, gets its turn. */
export const TURN_TICKS: u32 = 20_000;
/** Ticks of one uninterrupted stay in the interpreter: V8 swaps in optimised code only between calls. */
export const SLICE_TICKS: u32 = 200_000;
/** Stores into a traced page table without a walk through it, after which its tracing ends. */
export const TABLE_WRITES_MAX: u32 = 64;
/** Lower tables that one edited entry may drop one by one; beyond it all sets are emptied. */
export const TABLE_DROP_MAX: i32 = 64;
