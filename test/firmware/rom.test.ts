// The ROM in rom.ts is what rom.asm says.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { biosRom, resetRom } from "../../src/firmware/bios.js";
import { RomEntry } from "../../src/firmware/rom.js";
import { romModule } from "./rom.generate.js";

test("rom.ts is up to date: node --import tsx test/firmware/rom.generate.ts", () => {
  expect(readFileSync(new URL("../../src/firmware/rom.ts", import.meta.url), "latin1")).toBe(romModule());
});

test("the ROM fills 8 KiB and begins after reset with a jump to the power-on entry", () => {
  const rom = biosRom();
  expect(rom).toHaveLength(0x2000);
  const { post } = RomEntry;
  expect([...rom.subarray(0x1ff0, 0x1ff5)]).toEqual([0xea, post & 0xff, post >> 8, 0x00, 0xf0]);
  expect(rom[0x1ffe]).toBe(0xfc); // model: PC/AT
  expect(resetRom().base + rom.length).toBe(0x1_0000_0000);
});
