// The benchmark guests: which source, which constants, which widths. COUNT is the work of one round,
// sized so that an interpreter takes seconds for all of them.

export interface Benchmark {
  name: string;
  /** File in bench/ without its ending; absent: the name. */
  source?: string;
  symbols: { COUNT: number; PARTS?: number; SPAN?: number };
  /** Also assembled as 64-bit code. */
  wide: boolean;
  /**
   * What the guest exercises. "memory-bound" waits for the host's own caches most of the time, so no engine can
   * stand out there. Events are reported per event, the others as whole programs.
   */
  kind: "compute" | "memory-bound" | "privileged" | "event";
}

/** Rounds of every guest: the first warms the engine up. */
export const ROUNDS = 4;

export const BENCHMARKS: readonly Benchmark[] = [
  { name: "integer", symbols: { COUNT: 1_000_000 }, wide: true, kind: "compute" },
  { name: "copy", source: "memory", symbols: { COUNT: 32, PARTS: 1 }, wide: true, kind: "compute" },
  { name: "scatter", source: "memory", symbols: { COUNT: 3_500_000, PARTS: 2, SPAN: 18 }, wide: true, kind: "compute" },
  {
    name: "scatter8m",
    source: "memory",
    symbols: { COUNT: 1_500_000, PARTS: 2, SPAN: 21 },
    wide: false,
    kind: "memory-bound",
  },
  { name: "calls", symbols: { COUNT: 31 }, wide: true, kind: "compute" },
  { name: "bytecode", symbols: { COUNT: 300_000 }, wide: true, kind: "compute" },
  { name: "string", symbols: { COUNT: 60 }, wide: false, kind: "compute" },
  { name: "sieve", symbols: { COUNT: 6 }, wide: false, kind: "compute" },
  { name: "quicksort", symbols: { COUNT: 300_000 }, wide: true, kind: "compute" },
  { name: "privileged", symbols: { COUNT: 200_000, PARTS: 127 }, wide: false, kind: "privileged" },
  { name: "event-mix", source: "privileged", symbols: { COUNT: 1_000_000, PARTS: 1 }, wide: false, kind: "event" },
  { name: "event-int80", source: "privileged", symbols: { COUNT: 1_000_000, PARTS: 2 }, wide: false, kind: "event" },
  { name: "event-fault", source: "privileged", symbols: { COUNT: 500_000, PARTS: 4 }, wide: false, kind: "event" },
  { name: "event-port", source: "privileged", symbols: { COUNT: 1_000_000, PARTS: 8 }, wide: false, kind: "event" },
  { name: "event-cr3", source: "privileged", symbols: { COUNT: 300_000, PARTS: 16 }, wide: false, kind: "event" },
  { name: "event-invlpg", source: "privileged", symbols: { COUNT: 1_000_000, PARTS: 64 }, wide: false, kind: "event" },
  { name: "event-patch", source: "privileged", symbols: { COUNT: 200_000, PARTS: 32 }, wide: false, kind: "event" },
];
