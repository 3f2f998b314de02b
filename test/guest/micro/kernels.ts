// The micro kernels: which source, compiled how, how much work one round is. WORK is chosen so that a native
// round takes some 80 ms where a translator stays within a few times native, and less where it cannot: whole runs
// stay in the same seconds.

export type Bits = 32 | 64;

export interface Kernel {
  readonly name: string;
  /** File in this folder without its ending; absent: the name. */
  readonly source?: string;
  readonly work: number;
  readonly defines?: Readonly<Record<string, string | number>>;
  /** Unit of floating point: none at all unless it is named. 64-bit code has SSE2 in any case. */
  readonly unit?: "x87" | "sse2";
  readonly bits: readonly Bits[];
  /** "memory-bound" waits for the host's own caches most of the time, so no engine can stand out there. */
  readonly kind: "compute" | "memory-bound";
}

/** Rounds of a whole run: the first ones warm the engine up, the second half is its steady state. */
export const ROUNDS = 8;

const BOTH: readonly Bits[] = [32, 64];
const compute = { bits: BOTH, kind: "compute" } as const;
/** Buffers a power of two apart, and nine pages more. */
const POWER = { DISTANCE: "0x400000" };
const OTHER = { DISTANCE: "0x409000" };
const STRING = { STRING: 1 };

export const KERNELS: readonly Kernel[] = [
  { name: "crc32", work: 2_000, ...compute },
  { name: "sieve", work: 1_400, ...compute },
  { name: "chase", work: 70_000_000, defines: { SIZE: "0x4000" }, ...compute },
  {
    name: "chase-memory",
    source: "chase",
    work: 600_000,
    defines: { SIZE: "0x1000000" },
    bits: BOTH,
    kind: "memory-bound",
  },
  { name: "fib", work: 38, ...compute },
  { name: "bytecode", work: 2_500_000, ...compute },
  { name: "quicksort", work: 70, ...compute },
  { name: "matmul", work: 220, ...compute },
  { name: "mandelbrot", unit: "sse2", work: 650, ...compute },
  { name: "mandelbrot-x87", source: "mandelbrot", unit: "x87", work: 50, bits: [32], kind: "compute" },
  { name: "sse2", unit: "sse2", work: 300, ...compute },
  { name: "copy", work: 12_000, defines: OTHER, ...compute },
  { name: "copy-power", source: "copy", work: 12_000, defines: POWER, ...compute },
  { name: "movs", source: "copy", work: 20_000, defines: { ...OTHER, ...STRING }, ...compute },
  { name: "movs-power", source: "copy", work: 20_000, defines: { ...POWER, ...STRING }, ...compute },
  { name: "scan", work: 2_400, ...compute },
  { name: "wide", work: 8_000_000, ...compute },
  { name: "compiler", work: 2_000, ...compute },
];
