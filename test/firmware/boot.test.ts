// A boot disk on the real engine: reset vector, power-on, boot sector, the services, and what the screen shows
// in the end.

import { beforeAll, expect, test } from "vitest";
import { attachBios, attachPc, type Hypervisor, type Partition, resetRom, startBios } from "../../src/node.js";
import { MemoryDisk } from "../../src/storage/memory.js";
import { assembleBootDisk } from "../guest/images.js";
import { createHypervisor } from "../machine/machine.js";

const MIB = 1 << 20;
let hypervisor: Hypervisor;

beforeAll(async () => {
  hypervisor = await createHypervisor();
});

function run(partition: Partition): string {
  for (let n = 0; n < 2000; n++) {
    const exit = partition.run({ ticks: 1_000_000 });
    if (exit.reason !== "budget") return exit.reason;
  }
  return "budget";
}

test.each([
  ["at the reset vector", true, false],
  ["entered by the host", false, false],
  ["with a display adapter that brings its own memory", true, true],
])("a boot sector prints, reads sectors and takes keys: %s", (_how, fromReset, vgaHole) => {
  const partition = hypervisor.createPartition({ memory: 4 * MIB, roms: fromReset ? [resetRom()] : [], vgaHole });
  const pc = attachPc(partition, { start: new Date(Date.UTC(2024, 1, 28)) });
  attachBios(partition, pc, { disks: [new MemoryDisk(assembleBootDisk())] });
  if (!fromReset) startBios(partition);
  pc.i8042.keyboard.type("Ringfence!\n");
  expect(run(partition)).toBe("shutdown");
  const { lines } = pc.screen;
  expect(lines.slice(0, 10)).toEqual([
    "Boot sector of drive 80",
    "Loaded by INT 13h",
    "Same through the extensions",
    "00000000 0009FC00 01",
    "0009FC00 00000400 02",
    "000F0000 00010000 02",
    "00100000 00300000 01",
    "The timer ticks",
    "Name: Ringfence!",
    "Hello, Ringfence!",
  ]);
  expect(lines[24]).toBe(`${" ".repeat(79)}#`);
  expect(pc.screen.cursor).toEqual({ column: 17, row: 9, visible: true });
  partition[Symbol.dispose]();
});

test("without a disk the BIOS says so and halts", () => {
  const partition = hypervisor.createPartition({ memory: 4 * MIB, roms: [resetRom()] });
  const pc = attachPc(partition);
  attachBios(partition, pc);
  expect(run(partition)).toBe("halt");
  expect(pc.screen.lines[0]).toBe("No bootable disk");
  partition[Symbol.dispose]();
});

test("a machine that is reset boots again", async () => {
  const partition = hypervisor.createPartition({ memory: 4 * MIB, roms: [resetRom()] });
  const pc = attachPc(partition);
  attachBios(partition, pc, { disks: [new MemoryDisk(assembleBootDisk())] });
  for (const name of ["one", "two"]) {
    pc.i8042.keyboard.type(`${name}\n`);
    expect(run(partition)).toBe("shutdown");
    expect(pc.screen.lines).toContain(`Hello, ${name}`);
    await partition.reset();
  }
  partition[Symbol.dispose]();
});
