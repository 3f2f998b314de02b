// What a run came to: the JSON object of --json, the human summary, and the exit code.

import type { Partition, PartitionOutcome } from "../node.js";

export type Outcome = "halt" | "debug-exit" | "triple-fault" | "shutdown" | "reset" | "budget" | "timeout";

export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;
export const EXIT_TRIPLE_FAULT = 4;
const EXIT_TIMEOUT = 124;
export const EXIT_CANCELED = 130;

export interface Report {
  outcome: Outcome;
  /** The debug-exit status where the guest used it, the exit code otherwise. */
  status: number;
  instructions: number;
  ticks: number;
  wallSeconds: number;
  virtualSeconds: number;
  mips: number;
  exits: Record<string, number>;
  /** What the screen shows in the end, where it is the guest's console. */
  screen?: readonly string[];
}

/** Why the run was cut short from outside, if it was. */
export type Interruption = "timeout" | "signal" | "quit" | undefined;

/** Outcome and exit code. A guest that resets itself is not started again. */
export function conclude(result: PartitionOutcome, interruption: Interruption): { outcome: Outcome; code: number } {
  switch (result.reason) {
    case "halt":
      return { outcome: "halt", code: EXIT_OK };
    case "debugExit":
      return { outcome: "debug-exit", code: (result.status ?? 0) % 256 };
    case "reset":
      return { outcome: "reset", code: EXIT_OK };
    case "tripleFault":
      return { outcome: "triple-fault", code: EXIT_TRIPLE_FAULT };
    case "budget":
      return { outcome: "budget", code: EXIT_OK };
    case "canceled":
    case "stopped":
      if (interruption === "timeout") return { outcome: "timeout", code: EXIT_TIMEOUT };
      return { outcome: "shutdown", code: interruption === "signal" ? EXIT_CANCELED : EXIT_OK };
    default:
      return { outcome: "shutdown", code: EXIT_OK };
  }
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

export function createReport(partition: Partition, outcome: Outcome, status: number, wallSeconds: number): Report {
  const instructions = Number(partition.instructions);
  return {
    outcome,
    status,
    instructions,
    ticks: Number(partition.ticks),
    wallSeconds: rounded(wallSeconds, 6),
    virtualSeconds: rounded(partition.virtualSeconds, 9),
    mips: rounded(wallSeconds > 0 ? instructions / wallSeconds / 1e6 : 0, 3),
    exits: partition.exits as Record<string, number>,
  };
}

/** The summary for people. */
export function describe(report: Report): string {
  const exits = Object.entries(report.exits)
    .map(([reason, count]) => `${reason} ${count.toLocaleString("en")}`)
    .join(", ");
  const status = report.outcome === "debug-exit" ? ` (status ${report.status})` : "";
  return [
    `outcome       ${report.outcome}${status}`,
    `instructions  ${report.instructions.toLocaleString("en")} (${report.ticks.toLocaleString("en")} ticks)`,
    `time          ${report.wallSeconds.toFixed(3)} s, guest clock ${report.virtualSeconds.toFixed(6)} s`,
    `speed         ${report.mips.toFixed(1)} MIPS`,
    `exits         ${exits || "none"}`,
  ].join("\n");
}
