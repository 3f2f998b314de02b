// A command under way: what it waits for, and what remains to be done then. The two halves exist because only the
// second may touch the guest: a command that was dropped while its disk was busy leaves no trace in memory.

import type { Settled } from "../../storage/disk.js";
import { Refusal, type Status } from "./status.js";

export interface Work {
  /** Settles (and never rejects) when `finish` may be called; absent when it may be at once. */
  readonly waiting?: Promise<void>;
  /** Ends the command: the result for its completion, or a Refusal. */
  finish(): number;
}

/** Work that is done already. */
export function done(result = 0): Work {
  return { finish: () => result };
}

/** Work that ended in a refusal. */
export function refused(refusal: Refusal): Work {
  return {
    finish: () => {
      throw refusal;
    },
  };
}

/** An operation of a disk and what follows it; a failure of the disk becomes `status`. */
export function diskWork(
  status: Status,
  report: (error: unknown) => void,
  operation: () => Settled,
  finish: () => number,
): Work {
  let failed = false;
  const fail = (error: unknown): void => {
    failed = true;
    report(error);
  };
  let waiting: Settled;
  try {
    waiting = operation()?.catch(fail);
  } catch (error) {
    fail(error);
  }
  return {
    waiting,
    finish: () => {
      if (failed) throw new Refusal(status);
      return finish();
    },
  };
}

/** Steps one after another, without a pause while they are done at once. */
export function sequence(steps: Iterable<() => Settled>): Settled {
  const iterator = steps[Symbol.iterator]();
  const run = (): Settled => {
    for (let step = iterator.next(); step.done !== true; step = iterator.next()) {
      const waiting = step.value();
      if (waiting !== undefined) return waiting.then(run);
    }
  };
  return run();
}
