// The timers of the devices on the host: one-shot deadlines on guest time. The earliest one stands in a cell
// of the core, which stops the processors at exactly that tick and leaves to here.

import type { Core } from "../engine/core.js";
import * as v from "../engine/views.js";
import { HypervisorError } from "../support/errors.js";
import type { DeviceTimer } from "./device.js";

/** Nanoseconds and tick of a deadline. */
export type SavedTimer = readonly [deadline: number, tick: number] | null;

const NANOSECONDS = 1_000_000_000;
/** Deadlines from here on never come. */
const TICK_MAX = Number.MAX_SAFE_INTEGER;
/** The cell's value for "never". */
const NEVER = 0xffff_ffff_ffff_ffffn;

class Timer implements DeviceTimer {
  deadline: number | undefined;
  /** Tick at which it fires. */
  tick = 0;

  constructor(
    readonly expired: () => void,
    readonly changed: () => void,
  ) {}

  set(atNanoseconds: number): void {
    this.deadline = atNanoseconds;
    this.changed();
  }

  cancel(): void {
    if (this.deadline === undefined) return;
    this.deadline = undefined;
    this.changed();
  }
}

export class Timers {
  readonly #core: Core;
  readonly #frequency: number;
  readonly #timers: Timer[] = [];

  constructor(core: Core, frequency: number) {
    this.#core = core;
    this.#frequency = frequency;
  }

  add(expired: () => void): DeviceTimer {
    const timer: Timer = new Timer(expired, () => {
      // Never at once: a device that always sets what has passed must not stop the guest's time.
      const soonest = this.#core.getNumber(v.CLOCK) + 1;
      if (timer.deadline !== undefined) timer.tick = Math.max(soonest, this.#tickOf(timer.deadline));
      this.#publish();
    });
    this.#timers.push(timer);
    return timer;
  }

  /** First tick at which the clock shows at least that many nanoseconds. */
  #tickOf(nanoseconds: number): number {
    const whole = Math.max(0, Math.ceil(nanoseconds));
    if (this.#frequency === NANOSECONDS || !Number.isSafeInteger(whole)) return whole;
    const scaled = BigInt(whole) * BigInt(this.#frequency) + BigInt(NANOSECONDS - 1);
    return Number(scaled / BigInt(NANOSECONDS));
  }

  #publish(): void {
    const earliest = this.#earliest();
    if (earliest === undefined) this.#core.setU64(v.HOST_DEADLINE, NEVER);
    else this.#core.setNumber(v.HOST_DEADLINE, earliest.tick);
    this.#core.exports.schedule();
  }

  /** The timer that fires first, of several the one that was created first. */
  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    let tick = TICK_MAX;
    for (const timer of this.#timers) {
      if (timer.deadline === undefined || !(timer.tick < tick)) continue;
      earliest = timer;
      tick = timer.tick;
    }
    return earliest;
  }

  /** Deadlines in the order of creation; null where a timer is not set. */
  save(): SavedTimer[] {
    return this.#timers.map(({ deadline, tick }) => (deadline === undefined ? null : [deadline, tick]));
  }

  /** Fails unless as many timers were saved as there are, each due at a whole tick. */
  check(saved: readonly SavedTimer[]): void {
    if (saved.length !== this.#timers.length) {
      throw new HypervisorError(
        "incompatible-state",
        `${saved.length} saved timers, not ${this.#timers.length}: the devices are not those of the saved partition`,
      );
    }
    for (const timer of saved) {
      if (timer === null || timer[1] >= TICK_MAX || (Number.isInteger(timer[1]) && timer[1] >= 0)) continue;
      throw new HypervisorError("incompatible-state", `a saved timer is due at tick ${timer[1]}, which does not exist`);
    }
  }

  restore(saved: readonly SavedTimer[]): void {
    this.#timers.forEach((timer, i) => {
      [timer.deadline, timer.tick] = saved[i] ?? [undefined, 0];
    });
    this.#publish();
  }

  /** Fires what is due, in the order of deadlines and then of creation. */
  expire(): void {
    const now = this.#core.getNumber(v.CLOCK);
    // One may set or cancel those behind it; what is set now is due later.
    for (let due = this.#earliest(); due !== undefined && due.tick <= now; due = this.#earliest()) {
      due.deadline = undefined;
      due.expired();
    }
    this.#publish();
  }
}
