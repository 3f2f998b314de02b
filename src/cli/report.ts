// What a run came to: the JSON object of --json, the human summary, and the exit code.

import type { Partition, PartitionOutcome, TranslationStatistics } from "../node.js";

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
  /** With --stats. */
  translation?: TranslationStatistics;
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

const number = (value: number): string => value.toLocaleString("en");
const milliseconds = (value: number): string => `${value.toFixed(1)} ms`;

/** How often something happened, and per hundred instructions. */
function rate(count: number, instructions: number): string {
  return `${number(count)} (${instructions > 0 ? ((count * 100) / instructions).toFixed(2) : "0"} per 100 instructions)`;
}

/** What translation has come to, as a table for people. */
export function describeTranslation(statistics: TranslationStatistics, instructions: number): string {
  if (!statistics.enabled) return "translation   off: everything is interpreted";
  const s = statistics;
  const exits = Object.entries(s.exits).map(([cause, count]) => `${cause} ${number(count)}`);
  const rows: readonly (readonly [string, string])[] = [
    ["tier 1", `${(s.share * 100).toFixed(1)} % of the ticks`],
    ["regions", `${number(s.regions)} of ${number(s.instructions)} instructions, ${number(s.liveRegions)} live`],
    ["requests", `${number(s.requests)}, ${number(s.declined)} of them declined`],
    [
      "code",
      `${number(s.bytes)} bytes in ${number(s.modules)} modules; live ${number(s.liveModules)}, ` +
        `in the process ${number(s.processModules)}, recycled ${number(s.recycled)}, optimized ${number(s.optimized)}`,
    ],
    [
      "time",
      `translating ${milliseconds(s.translateMs)}, compiling ${milliseconds(s.compileMs)}, ` +
        `in the background ${milliseconds(s.backgroundMs)}`,
    ],
    ["entries", rate(s.entries, instructions)],
    ["hops", rate(s.hops, instructions)],
    ["refused", number(s.refused)],
    ["exits", exits.join(", ")],
    ["invalidations", number(s.invalidations)],
  ];
  return ["translation", ...rows.map(([name, value]) => `  ${name.padEnd(14)}${value}`)].join("\n");
}
