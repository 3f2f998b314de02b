// What a benchmark run reports, and how it is timed: an engine process prints one JSON line. All times come
// from the guest's own marks on COM1 ("begin", "round X", "end X"; test/guest/bench/runtime.inc), so that
// start-up does not count, in the same way for both engines.

export interface EngineReport {
  engine: "ringfence" | "v86";
  guest: string;
  /** From the start of instance creation to the engine being able to execute. */
  readyMs: number;
  /** From "begin" to the end of each round. */
  roundMs: number[];
  /** From "begin" to "end". */
  totalMs: number;
  /** What the guest printed after "end". */
  checksum: string;
  /** Instructions from "begin" to "end", where the engine can tell. */
  instructions?: number;
  /** What a second partition costs in the same process. */
  secondMs?: number;
}

/** Collects the guest's output and notes when each line ended. */
export class Marks {
  readonly roundMs: number[] = [];
  checksum = "";
  totalMs = 0;
  instructionsAtBegin = 0;
  #line = "";
  #begin = 0;

  constructor(
    private readonly instructions: () => number = () => 0,
    private readonly onEnd: () => void = () => {},
  ) {}

  byte(byte: number): void {
    if (byte !== 10) {
      this.#line += String.fromCharCode(byte);
      return;
    }
    const now = performance.now();
    const [word, value = ""] = this.#line.split(" ");
    this.#line = "";
    if (word === "begin") {
      this.#begin = now;
      this.instructionsAtBegin = this.instructions();
    } else if (word === "round") this.roundMs.push(now - this.#begin);
    else if (word === "end") {
      this.totalMs = now - this.#begin;
      this.checksum = value;
      this.onEnd();
    }
  }
}
