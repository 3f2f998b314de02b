// Counts of exits by reason, and of accesses that nothing answered.

import { ExitReason } from "../engine/views.js";
import { exitReasonName, type VmExitReason } from "./exit.js";

export type ExitCountName = VmExitReason | "output" | "timer" | "unhandledPort" | "unhandledMemory";

export class ExitStatistics {
  readonly #byCode = new Float64Array(64);
  unhandledPort = 0;
  unhandledMemory = 0;

  count(code: number): void {
    this.#byCode[code]++;
  }

  /** Non-zero counts by name. */
  get counts(): Partial<Record<ExitCountName, number>> {
    const counts: Partial<Record<ExitCountName, number>> = {};
    this.#byCode.forEach((count, code) => {
      if (count === 0) return;
      const name = exitReasonName(code) ?? (code === ExitReason.TIMER ? "timer" : "output");
      counts[name] = (counts[name] ?? 0) + count;
    });
    if (this.unhandledPort > 0) counts.unhandledPort = this.unhandledPort;
    if (this.unhandledMemory > 0) counts.unhandledMemory = this.unhandledMemory;
    return counts;
  }
}
