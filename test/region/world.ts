// The place where regions are tried: one processor in flat 32-bit protected mode with a stack, code at CODE, and the
// same program in a second machine that knows no regions, to compare with.

import * as L from "../../src/engine/views.js";
import { Exit, Machine, Rights, Seg } from "../engine/harness.js";
import { assembleFragment } from "../guest/assemble.js";

export const CODE = 0x10000;
export const STACK = 0x8000;
export const MODE32 = L.MODE_CODE32 | (1 << L.MODE_STACK_SHIFT) | L.MODE_FLAT;
export const PAGE_FRAME = CODE >> 12;

const PAGES = 512;
/** Below it lies code that is executed once. */
const DETOUR = 0x60000;

export class World {
  readonly m = new Machine({ pages: PAGES });
  #detour = DETOUR;

  /** Puts a program in place and starts at its first byte. */
  constructor(source: string | Uint8Array, origin = CODE) {
    const { m } = this;
    this.load(source, origin);
    m.setControls(0x11n, 0n, 0n, 0n, 0);
    this.segments();
    for (let i = 0; i < 8; i++) m.setGpr(i, 0n);
    m.setGpr(4, BigInt(STACK));
    m.core.setRflags(2);
    m.set64(L.RIP, BigInt(origin));
    m.core.refresh();
  }

  segments(): void {
    this.m.setSegment(Seg.CS, 8, 0n, 0xffffffff, Rights.CODE32);
    for (const seg of [Seg.ES, Seg.SS, Seg.DS, Seg.FS, Seg.GS])
      this.m.setSegment(seg, 16, 0n, 0xffffffff, Rights.DATA32);
  }

  load(source: string | Uint8Array, origin = CODE): void {
    this.m.poke(origin, typeof source === "string" ? assembleFragment(source, 32, origin) : source);
  }

  /** Runs to HLT (or `reason`), serving requests for translation by doing nothing. */
  finish(reason: number = Exit.HALT): void {
    for (let i = 0; i < 1000; i++) {
      const left = this.m.run(1_000_000);
      if (left === reason) return;
      if (left !== Exit.TRANSLATE) throw new Error(`left with ${left}`);
    }
    throw new Error("does not end");
  }

  /** What a guest or a debugger can tell. */
  visible(): Record<string, string> {
    const { m } = this;
    m.core.retired();
    const seen: Record<string, string> = {
      instructions: String(m.get64(L.VALUE)),
      ticks: String(m.get64(L.VALUE + 8)),
      rip: m.get64(L.RIP).toString(16),
      flags: m.core.rflags().toString(16),
    };
    ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"].forEach((name, i) => {
      seen[name] = m.gpr(i).toString(16);
    });
    return seen;
  }

  /** Empties the arena, as the next block does that has no room there: that of an instruction somewhere else. */
  emptyArena(): void {
    const { m } = this;
    const rip = m.get64(L.RIP);
    this.#detour -= 64;
    this.load("nop", this.#detour);
    const end = L.ARENA + L.ARENA_SIZE - 64;
    m.u8.fill(0, m.get32(L.ARENA_NEXT), end);
    m.set32(L.ARENA_NEXT, end);
    m.set64(L.RIP, BigInt(this.#detour));
    m.run(1);
    m.set64(L.RIP, rip);
  }
}
