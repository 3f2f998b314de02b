// The host's clock as a guest's: with the option clock: "host" the partition's clock follows real time. It is
// brought up to date before every stay in the core, never backwards, and stands still while the guest is paused
// or being moved.

import type { Core } from "../engine/core.js";
import * as v from "../engine/views.js";

export type ClockKind = "virtual" | "host";

/** Most ticks of one stay in the core where the host's clock matters: the guest's follows it, or the run ends by it. */
export const TIMED_SLICE = 200_000;

export class RealTime {
  readonly #core: Core;
  readonly #frequency: number;
  readonly #now: () => number;
  /** Moment of the host's clock in milliseconds at which the guest's showed `#base`; undefined until it runs. */
  #start: number | undefined;
  #base = 0;

  constructor(core: Core, frequency: number, now: () => number = () => performance.now()) {
    this.#core = core;
    this.#frequency = frequency;
    this.#now = now;
    core.setU32(v.REAL_TIME, 1);
  }

  /** Lets the guest's clock go on from what it shows when the guest runs next. */
  rebase(): void {
    this.#start = undefined;
  }

  /** Brings the guest's clock up to date. */
  refresh(): void {
    const shown = this.#core.getNumber(v.CLOCK);
    const now = this.#now();
    if (this.#start === undefined) {
      this.#start = now;
      this.#base = shown;
    }
    const real = this.#base + Math.floor(((now - this.#start) * this.#frequency) / 1000);
    if (real > shown) this.#core.setNumber(v.CLOCK, real);
  }
}
