// What a run of a guest program reports. All times come from the guest's own marks on COM1 ("begin", "round X",
// "end X"; test/guest/bench/runtime.inc, test/guest/micro/guest.c), so that start-up does not count, in the same
// way for all engines.

/** Milliseconds: of the wall clock, and of all processor time of the engine's process, user and system. */
export interface Time {
  wall: number;
  cpu: number;
}

export interface RunReport {
  /** From the start of instance creation to the engine being able to execute. */
  readyMs?: number;
  /** What a second partition costs in the same process. */
  secondMs?: number;
  /** Each round by itself. */
  rounds: Time[];
  /** From "begin" to "end". */
  total: Time;
  /** What the guest printed after each "round", and after "end". */
  checksums: string[];
  /** Instructions from "begin" to "end", where the engine can tell. */
  instructions?: number;
  /** The translator's own statistics, where there is one. */
  translation?: unknown;
}

const difference = (later: Time, earlier: Time): Time => ({
  wall: later.wall - earlier.wall,
  cpu: later.cpu - earlier.cpu,
});

/** This process's clocks. */
export function ownTime(): Time {
  const { user, system } = process.cpuUsage();
  return { wall: performance.now(), cpu: (user + system) / 1000 };
}

const LINE_FEED = 10;

/** Collects the guest's output and notes when each line ended. */
export class Marks {
  readonly rounds: Time[] = [];
  readonly checksums: string[] = [];
  total: Time = { wall: 0, cpu: 0 };
  ended = false;
  #line = "";
  #begin: Time = { wall: 0, cpu: 0 };
  #last: Time = { wall: 0, cpu: 0 };
  readonly #now: () => Time;
  readonly #onBegin: () => void;
  readonly #onEnd: () => void;

  /** A line that ends with two numbers brings its own times, in nanoseconds; `now` tells those of the others. */
  constructor(now: () => Time = ownTime, onEnd: () => void = () => {}, onBegin: () => void = () => {}) {
    this.#now = now;
    this.#onEnd = onEnd;
    this.#onBegin = onBegin;
  }

  bytes(bytes: Iterable<number>): void {
    for (const byte of bytes) {
      if (byte === LINE_FEED) this.#endLine();
      else this.#line += String.fromCharCode(byte);
    }
  }

  #endLine(): void {
    const [word, value = "", wall, cpu] = this.#line.split(" ");
    this.#line = "";
    if (word !== "begin" && word !== "round" && word !== "end") return;
    const now = cpu === undefined ? this.#now() : { wall: Number(wall) / 1e6, cpu: Number(cpu) / 1e6 };
    if (word === "begin") {
      this.#begin = now;
      this.#onBegin();
    } else {
      this.checksums.push(value);
      if (word === "round") this.rounds.push(difference(now, this.#last));
      else {
        this.total = difference(now, this.#begin);
        this.ended = true;
        this.#onEnd();
      }
    }
    this.#last = now;
  }

  get report(): RunReport {
    const { rounds, total, checksums } = this;
    return { rounds, total, checksums };
  }
}
