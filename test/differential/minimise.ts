// Makes a program that shows a difference small: statements are left out, singly and in groups, bodies take the place
// of their loops, and what surrounds the program is simplified, as long as some difference remains.

import type { Statement } from "./context.js";
import type { Difference, Pair } from "./pair.js";
import type { Program } from "./program.js";
import { NO_LIMITS } from "./world.js";

/** Removes what can be removed from a list: halves, quarters ... single statements. */
function thin(list: Statement[], fails: () => boolean): boolean {
  let changed = false;
  for (let size = list.length; size >= 1; size >>= 1) {
    for (let at = list.length - size; at >= 0; at -= size) {
      const removed = list.splice(at, size);
      if (fails()) changed = true;
      else list.splice(at, 0, ...removed);
      if (at === 0) break;
      if (at - size < 0) at = size;
    }
  }
  return changed;
}

/** Puts the children of a statement in its place. */
function unwrap(list: Statement[], fails: () => boolean): boolean {
  let changed = false;
  for (let at = 0; at < list.length; at++) {
    const statement = list[at]!;
    if (statement.children.length === 0) continue;
    list.splice(at, 1, ...statement.children);
    if (fails()) changed = true;
    else list.splice(at, statement.children.length, statement);
  }
  return changed;
}

function reduce(list: Statement[], fails: () => boolean): boolean {
  let changed = thin(list, fails);
  changed = unwrap(list, fails) || changed;
  for (const statement of list) changed = reduce(statement.children, fails) || changed;
  return changed;
}

/** Simpler surroundings, tried one after the other. */
const SIMPLER: readonly ((program: Program) => Partial<Program> | undefined)[] = [
  (p) => (p.period > 0 ? { period: 0 } : undefined),
  (p) => (p.patch !== undefined ? { patch: undefined } : undefined),
  (p) => (p.interrupts.size > 0 ? { interrupts: new Set() } : undefined),
  (p) => (p.writes.size > 0 ? { writes: new Map() } : undefined),
  (p) => (p.settled.size > 0 ? { settled: new Set() } : undefined),
  (p) => (p.slicing > 0 ? { slicing: 0 } : undefined),
  (p) => (p.policy !== 0 ? { policy: 0 } : undefined),
  (p) => (p.origin !== 0 ? { origin: 0 } : undefined),
  (p) => (p.rounds > 2 ? { rounds: p.rounds >> 1 } : undefined),
  (p) => (p.regionSize !== 300 ? { regionSize: 300 } : undefined),
  (p) => (p.stops.length > 1 ? { stops: p.stops.slice(0, -1) } : undefined),
  (p) => (p.stops.length > 1 ? { stops: [p.stops[0]! + p.stops[1]!, ...p.stops.slice(2)] } : undefined),
  (p) => (p.controls.cr0 !== 0 ? { controls: { ...p.controls, cr0: 0 } } : undefined),
  (p) => (p.controls.codeLimit !== 0xffff ? { controls: { ...p.controls, codeLimit: 0xffff } } : undefined),
  (p) => (p.controls.dataLimit !== 0xffff ? { controls: { ...p.controls, ...NO_LIMITS } } : undefined),
];

/** Runs a program; what the engine or the host throws is a difference too. */
function attempt(pair: Pair, program: Program): Difference | undefined {
  const assembled = pair.assemble(program);
  if (assembled === undefined) return undefined;
  try {
    return pair.run(program, assembled).difference;
  } catch (error) {
    return { stop: 0, ticks: 0, what: String(error) };
  }
}

export function minimise(pair: Pair, program: Program): Program {
  let best = program;
  const fails = (): boolean => attempt(pair, best) !== undefined;
  for (let round = 0; round < 6; round++) {
    let changed = reduce(best.main, fails);
    for (const routine of best.routines) changed = reduce(routine.body, fails) || changed;
    for (const simpler of SIMPLER) {
      for (;;) {
        const other = simpler(best);
        if (other === undefined || attempt(pair, { ...best, ...other }) === undefined) break;
        best = { ...best, ...other };
        changed = true;
      }
    }
    if (!changed) break;
  }
  return best;
}

/** Shortens the last stop to where the difference first shows: stops up to it and one tick less, and it. */
export function locate(pair: Pair, program: Program): { program: Program; difference: Difference | undefined } {
  const withStops = (stops: readonly number[]): Difference | undefined => attempt(pair, { ...program, stops });
  const found = withStops(program.stops);
  if (found === undefined) return { program, difference: undefined };
  const before = program.stops.slice(0, found.stop);
  let low = 0;
  let high = program.stops[found.stop]!;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (withStops([...before, middle])?.stop === found.stop) high = middle;
    else low = middle;
  }
  const located = { ...program, stops: [...before, high] };
  return { program: located, difference: withStops(located.stops) };
}
