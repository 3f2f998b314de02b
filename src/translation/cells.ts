// Names of the addresses that generated code has in it: cells of the running processor's state, for people who read it.

import * as v from "../engine/views.js";

const REGISTERS = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"];
const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"];

function nameAll(): Map<number, string> {
  const names = new Map<number, string>([
    [v.LAZY_KIND, "lazy flags: kind"],
    [v.LAZY_CARRY, "lazy flags: carry"],
    [v.LAZY_RESULT, "lazy flags: result"],
    [v.LAZY_A, "lazy flags: operand"],
    [v.SYSTEM_FLAGS, "system flags"],
    [v.RIP, "rip"],
    [v.FUEL, "fuel"],
    [v.TABLE_READ, "read table"],
    [v.TABLE_WRITE, "write table"],
    [v.REGION_BASE, "base of the head's page"],
    [v.LIMIT, "end of guest memory"],
    [v.SLOT_MASK, "slot mask of the tables"],
    [v.MXCSR, "mxcsr"],
  ]);
  for (let n = 0; n < 16; n++) {
    names.set(v.GPR + n * 8, REGISTERS[n] ?? `r${n}`);
    names.set(v.YMM + n * 32, `xmm${n}`);
    names.set(v.YMM + n * 32 + 8, `xmm${n}, high half`);
  }
  for (const [n, name] of SEGMENTS.entries()) names.set(v.SEG_EFFECTIVE + n * 8, `${name} base`);
  return names;
}

let names: Map<number, string> | undefined;

/** What a constant address in generated code stands for; undefined for those that are none. */
export function nameOfCell(address: number): string | undefined {
  names ??= nameAll();
  return names.get(address);
}
