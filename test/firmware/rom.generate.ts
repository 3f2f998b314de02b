// Assembles src/firmware/rom.asm into src/firmware/rom.ts:
//   node --import tsx test/firmware/rom.generate.ts

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assemble } from "../guest/assemble.js";

const SOURCE = new URL("../../src/firmware/rom.asm", import.meta.url);
const TARGET = new URL("../../src/firmware/rom.ts", import.meta.url);
const ROW = 48;

/** Labels that the host needs: vectors, tables, the entry after reset. */
const ENTRIES =
  "int10 int11 int12 int13 int14 int15 int16 int17 int18 int19 int1a irq0 irq1 irq8 irq9 irq12 irq13 " +
  "slave master ignored diskette configuration post";

export function romModule(): string {
  const { chunks, symbols } = assemble(readFileSync(SOURCE, "latin1"), { name: "rom.asm" });
  const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
  const rows = chunks.flatMap(({ address, bytes }) =>
    Array.from({ length: Math.ceil(bytes.length / ROW) }, (_, n) => {
      const row = Buffer.from(bytes.subarray(n * ROW, (n + 1) * ROW)).toString("hex");
      return `  [${hex(Number(address) + n * ROW)}, "${row}"],`;
    }),
  );
  const entries = ENTRIES.split(" ").map((name) => {
    const offset = symbols.get(name);
    if (offset === undefined) throw new Error(`rom.asm has no label ${name}`);
    return `  ${name}: ${hex(offset)},`;
  });
  return [
    "// Generated from rom.asm by test/firmware/rom.generate.ts. Offsets are in segment F000h.",
    "",
    "/** The ROM's bytes: offset and contents of each row. */",
    "export const ROM_ROWS: readonly (readonly [offset: number, hex: string])[] = [",
    ...rows,
    "];",
    "",
    "/** Entries and tables by their labels. */",
    "export const RomEntry = {",
    ...entries,
    "} as const;",
    "",
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(TARGET, romModule());
