// Code that is overwritten again and again is not worth translating: a frame whose regions are invalidated more than
// eight times within a second of guest time stays with the interpreter for a second, then for twice as long as before
// whenever it happens again. Time is the guest's clock, so that runs are alike.

/** Invalidations within one second that are still put up with. */
const TOLERATED = 8;
/** Longest rest, in seconds. */
const REST_MAX = 8;
/** Frames remembered before those that have calmed down are forgotten. */
const FRAMES_MAX = 1024;

interface Record {
  /** Clock at which the count began. */
  since: number;
  count: number;
  /** Seconds of the last rest, 0 before the first. */
  rest: number;
  until: number;
}

export class Churn {
  readonly #frames = new Map<number, Record>();
  readonly #second: number;

  /** `frequency`: ticks of the guest's clock in a second. */
  constructor(frequency: number) {
    this.#second = frequency;
  }

  /** A region of this frame was overwritten at clock `now`. */
  invalidated(frame: number, now: number): void {
    let record = this.#frames.get(frame);
    if (record === undefined) {
      if (this.#frames.size >= FRAMES_MAX) this.#forget(now);
      record = { since: now, count: 0, rest: 0, until: 0 };
      this.#frames.set(frame, record);
    }
    if (now - record.since >= this.#second) {
      // A calm time as long as the longest rest starts over.
      if (now - record.since >= this.#second * REST_MAX * 2) record.rest = 0;
      record.since = now;
      record.count = 0;
    }
    record.count++;
    if (record.count <= TOLERATED) return;
    record.count = 0;
    record.rest = Math.min(REST_MAX, Math.max(1, record.rest * 2));
    record.until = now + record.rest * this.#second;
  }

  /** Code of this frame is left to the interpreter. */
  rests(frame: number, now: number): boolean {
    const record = this.#frames.get(frame);
    return record !== undefined && now < record.until;
  }

  #forget(now: number): void {
    for (const [frame, record] of this.#frames) {
      if (now >= record.until && now - record.since >= this.#second) this.#frames.delete(frame);
    }
    // Everything churns: what is oldest goes.
    for (const frame of this.#frames.keys()) {
      if (this.#frames.size < FRAMES_MAX) break;
      this.#frames.delete(frame);
    }
  }
}
