// What a person needs to look into a difference: the program's surroundings, its statements as a tree, its
// disassembly, the state before the stop that differs, and what differs.

import { loadDisassembler } from "../../src/debug/disassemble.js";
import * as v from "../../src/engine/views.js";
import type { Mode } from "../oracle/form.js";
import type { Statement } from "./context.js";
import type { Assembled } from "./emitter.js";
import { CODE_SIZE } from "./layout.js";
import { cellName, type Difference, type Pair } from "./pair.js";
import type { Program } from "./program.js";

const hex = (value: number | bigint, digits = 0): string => value.toString(16).padStart(digits, "0");

/** Instructions in the order of their addresses; `mark` points at one. */
export async function listing(assembled: Assembled, mark?: number): Promise<string[]> {
  const disassembler = await loadDisassembler();
  const lines: string[] = [];
  for (let at = 0; at < CODE_SIZE; at++) {
    const length = assembled.lengths[at]!;
    if (length === 0) continue;
    const bytes = assembled.code.slice(at, at + length);
    const mode = assembled.modes[at] as Mode;
    const { text } = disassembler.decode(bytes, mode, BigInt(at));
    const sign = at === mark ? ">" : " ";
    lines.push(`${sign} ${hex(at, 4)} ${mode}  ${Buffer.from(bytes).toString("hex").padEnd(24)} ${text}`);
  }
  return lines;
}

function tree(list: readonly Statement[], depth: number): string[] {
  return list.flatMap(({ name, children }) => [`${"  ".repeat(depth)}${name}`, ...tree(children, depth + 1)]);
}

/** Registers of one side. */
function registers(pair: Pair, side: "plain" | "translated"): string {
  const m = pair[side].machine;
  const names = Array.from({ length: 16 }, (_, i) => `${cellName(v.GPR + i * 8)} ${hex(m.gpr(i))}`);
  return `${names.join(" ")} rip ${hex(m.get64(v.RIP))} flags ${hex(m.core.rflags() >>> 0)}`;
}

export async function report(
  pair: Pair,
  title: string,
  program: Program,
  difference: Difference | undefined,
): Promise<string> {
  const assembled = pair.assemble(program);
  if (assembled === undefined) return `${title}: too large`;
  const { prepared, stops, threshold, regionSize, period, policy, rounds, placement, patch, controls } = program;
  const lines = [
    title,
    `world ${prepared.world.name}; threshold ${threshold}, region size ${regionSize}, rounds ${rounds}, period ${period}, ` +
      `page faults ${policy}, slices ${program.slicing}, cr0 ${hex(controls.cr0)}, cr4 ${hex(controls.cr4)}, limits ${hex(controls.codeLimit)} ${controls.down ? "down " : ""}${hex(controls.dataLimit)}, mxcsr ${hex(program.mxcsr)}`,
    `stops ${stops.join(" ")}; interrupts at ${[...program.interrupts].join(" ") || "none"}; host writes at ${[...program.writes.keys()].join(" ") || "none"}; settled at ${[...program.settled].join(" ") || "none"}; timer changes ${patch === undefined ? "nothing" : hex(patch.offset)}`,
    `frames ${placement.frames[0].map((frame) => hex(frame)).join(" ")} | ${placement.frames[1].map((frame) => hex(frame)).join(" ")}`,
    "",
    ...tree(program.main, 0),
    ...program.routines.flatMap(({ body }, n) => [`routine ${n}`, ...tree(body, 1)]),
  ];
  // The state one tick before the stop at which they differ.
  let mark: number | undefined;
  if (difference !== undefined && difference.ticks > 0 && stops.length === difference.stop + 1) {
    const before = [...stops.slice(0, -1), stops.at(-1)! - 1].filter((ticks) => ticks > 0);
    pair.run({ ...program, stops: before }, assembled);
    const place = Number(
      BigInt.asUintN(16, pair.plain.machine.get64(v.RIP) - (prepared.world.short ? 0n : prepared.world.base)),
    );
    mark = place;
    lines.push(
      "",
      "one tick before, interpreted:",
      registers(pair, "plain"),
      "and translated:",
      registers(pair, "translated"),
    );
    pair.run(program, assembled);
    lines.push("then interpreted:", registers(pair, "plain"), "and translated:", registers(pair, "translated"));
  }
  lines.push("", ...(await listing(assembled, mark)), "");
  lines.push(
    difference === undefined
      ? "no difference any more"
      : `stop ${difference.stop}, tick ${difference.ticks}: ${difference.what}`,
  );
  return lines.join("\n");
}
