// The saved state of a partition's core: processors, chipset, clock and memory, and nothing that can be derived
// from them. Decoded code, translations and lookup tables are left behind and come back by themselves, without
// the guest being able to tell. The same pieces are what `digest` is a digest of.

import type { Core } from "../engine/core.js";
import { PAGE } from "../engine/plan.js";
import * as v from "../engine/views.js";
import { HypervisorError } from "../support/errors.js";

type Piece = readonly [address: number, end: number];

/** The architectural parts of a processor's state (assembly/layout.ts); between them lies what is derived or dead. */
const PROCESSOR: readonly Piece[] = [
  [v.GPR, v.RIP_PAGE],
  [v.SYSTEM_FLAGS, v.LAZY_RESULT],
  [v.TICKS, v.REPLAY_POSITION],
  [v.SEG_SELECTOR, v.SEG_EFFECTIVE],
  [v.GDTR_BASE, v.MODE],
  [v.ACTIVITY, v.DATA_LIMIT],
  [v.SHADOW_AT, v.SHADOW_AT + 8],
  [v.X87, v.FLOAT_SCRATCH],
];
/** Everything of the chipset, with the rings of the serial ports. */
const CHIPSET: readonly Piece[] = [
  [v.CHIPSET, v.DEBUGCON_OUTPUT + v.UART_RING],
  [v.LAPICS, v.INTERRUPT_PATH_END],
];
/** What of it a guest can tell: how far the host has emptied a ring is not part of it. */
const CHIPSET_VISIBLE: readonly Piece[] = [
  [v.PIC, v.PIC_INTR + 4],
  [v.UART, v.UART_INPUT_WRITTEN],
  [v.UART + v.UART_SIZE, v.UART_INPUT_WRITTEN + v.UART_SIZE],
  [v.POST_CODE, v.DEBUGCON_WRITTEN],
  [v.LAPICS, v.INTERRUPT_PATH_END],
];
/** Variables of the scheduler and the clock. */
const SCHEDULER: readonly Piece[] = [
  [v.TURN_LEFT, v.TURN_LEFT + 4],
  [v.CLOCK, v.CLOCK + 8],
  [v.SIGNALS, v.SIGNALS + 4],
  [v.SKIPPED, v.SKIPPED + 8],
];
/** The same and the answers to an instruction that is not finished: how many, whose, and what they are. */
const VARIABLES: readonly Piece[] = [
  ...SCHEDULER,
  [v.REPLAY_COUNT, v.REPLAY_PROCESSOR + 4],
  [v.REPLAY, v.REPLAY + v.REPLAY_MAX * 8],
];
const A20_OPEN = 0xffff_ffff_ffff_ffffn;

export interface SavedMemory {
  /** Frames that are not all zeros, in order, and their bytes one after the other. */
  readonly frames: Uint32Array;
  readonly bytes: Uint8Array;
}

export interface SavedCore {
  readonly processors: readonly Uint8Array[];
  readonly chipset: Uint8Array;
  readonly variables: Uint8Array;
  /** Processor whose turn it is. */
  readonly turn: number;
  readonly a20: boolean;
  readonly memory: SavedMemory;
}

function sizeOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, [address, end]) => sum + end - address, 0);
}

function copyOut(core: Core, pieces: readonly Piece[]): Uint8Array {
  const bytes = new Uint8Array(sizeOf(pieces));
  let at = 0;
  for (const [address, end] of pieces) {
    bytes.set(core.bytes.subarray(address, end), at);
    at += end - address;
  }
  return bytes;
}

function checkSize(bytes: Uint8Array, pieces: readonly Piece[], what: string): void {
  if (!ArrayBuffer.isView(bytes) || bytes.length !== sizeOf(pieces)) {
    throw new HypervisorError(
      "incompatible-state",
      `saved ${what} of ${bytes.length} bytes, not ${sizeOf(pieces)}: another version of the engine wrote it`,
    );
  }
}

function copyIn(core: Core, pieces: readonly Piece[], bytes: Uint8Array): void {
  let at = 0;
  for (const [address, end] of pieces) {
    core.bytes.set(bytes.subarray(at, at + end - address), address);
    at += end - address;
  }
}

function ramWords(core: Core): Uint32Array {
  return new Uint32Array(core.bytes.buffer, core.plan.ramBase, (core.plan.limit - core.plan.ramBase) / 4);
}

function isZero(words: Uint32Array, frame: number): boolean {
  const end = ((frame + 1) * PAGE) / 4;
  for (let i = (frame * PAGE) / 4; i < end; i++) if (words[i] !== 0) return false;
  return true;
}

function saveMemory(core: Core): SavedMemory {
  const words = ramWords(core);
  const frames: number[] = [];
  for (let frame = 0; frame < core.plan.ramFrames; frame++) if (!isZero(words, frame)) frames.push(frame);
  const bytes = new Uint8Array(frames.length * PAGE);
  frames.forEach((frame, i) => {
    const host = core.plan.ramBase + frame * PAGE;
    bytes.set(core.bytes.subarray(host, host + PAGE), i * PAGE);
  });
  return { frames: Uint32Array.from(frames), bytes };
}

function restoreMemory(core: Core, { frames, bytes }: SavedMemory): void {
  const words = ramWords(core);
  let next = 0;
  for (let frame = 0; frame < core.plan.ramFrames; frame++) {
    const host = core.plan.ramBase + frame * PAGE;
    if (frames[next] === frame) {
      core.bytes.set(bytes.subarray(next * PAGE, (next + 1) * PAGE), host);
      next++;
    } else if (isZero(words, frame)) continue;
    else core.bytes.fill(0, host, host + PAGE);
    core.exports.memoryWritten(frame, 0, PAGE);
  }
}

/** `turn` is the processor whose turn it is; looking at the others leaves the last one selected. */
export function saveCore(core: Core, processors: number, turn: number): SavedCore {
  const states: Uint8Array[] = [];
  for (let n = 0; n < processors; n++) {
    core.exports.canonicalize(n);
    states.push(copyOut(core, PROCESSOR));
  }
  return {
    processors: states,
    chipset: copyOut(core, CHIPSET),
    variables: copyOut(core, VARIABLES),
    turn,
    a20: core.getU64(v.A20_MASK) === A20_OPEN,
    memory: saveMemory(core),
  };
}

/** Fails with nothing changed unless a saved core fits this one. */
export function checkCore(core: Core, saved: SavedCore, processors: number): void {
  if (saved.processors.length !== processors) {
    throw new HypervisorError("incompatible-state", `${saved.processors.length} saved processors, not ${processors}`);
  }
  for (const state of saved.processors) checkSize(state, PROCESSOR, "processor");
  checkSize(saved.chipset, CHIPSET, "chipset");
  checkSize(saved.variables, VARIABLES, "variables");
  const { buffer, byteOffset } = saved.variables;
  const replay = new DataView(buffer, byteOffset + sizeOf(SCHEDULER));
  const [count, owner] = [replay.getUint32(0, true), replay.getUint32(4, true)];
  if (![saved.turn, owner].every((n) => Number.isInteger(n) && n >= 0 && n < processors) || count > v.REPLAY_MAX) {
    throw new HypervisorError("incompatible-state", "the saved turn or answers are of processors that do not exist");
  }
  const { frames, bytes } = saved.memory;
  const ordered = frames.every((frame, i) => frame < core.plan.ramFrames && (i === 0 || frame > frames[i - 1]));
  if (!ordered || !ArrayBuffer.isView(bytes) || bytes.length !== frames.length * PAGE) {
    throw new HypervisorError("incompatible-state", "the saved memory is not made of frames of this partition");
  }
}

/** The part of a saved state that devices can reach while they are restored. */
export function restoreChipset(core: Core, saved: SavedCore): void {
  core.exports.setA20(saved.a20 ? 1 : 0);
  copyIn(core, VARIABLES, saved.variables);
  copyIn(core, CHIPSET, saved.chipset);
  core.exports.chipsetRestored();
}

/** Puts a checked state in place. */
export function restoreCore(core: Core, saved: SavedCore): void {
  restoreMemory(core, saved.memory);
  saved.processors.forEach((state, n) => {
    core.exports.select(n);
    copyIn(core, PROCESSOR, state);
    core.exports.refresh();
  });
  core.exports.select(saved.turn);
  restoreChipset(core, saved);
}

/** Digest of everything that the guest can tell, and of the scheduler's next step. */
export function digestCore(core: Core, processors: number, turn: number): string {
  core.setValue(0, BigInt(turn));
  const add = (pieces: readonly Piece[]): void => {
    for (const [address, end] of pieces) core.exports.digest(address, end - address);
  };
  for (let n = 0; n < processors; n++) {
    core.exports.canonicalize(n);
    add(PROCESSOR);
  }
  add(CHIPSET_VISIBLE);
  add(SCHEDULER);
  core.exports.digest(v.A20_MASK, 8);
  core.exports.digest(core.plan.ramBase, core.plan.limit - core.plan.ramBase);
  return core.value(0).toString(16).padStart(16, "0");
}
