// The PC's devices in a partition: that they fit beside those of the core, what they tell of the machine, and
// that a saved machine goes on as it would have.

import { beforeAll, expect, test } from "vitest";
import { PciBus } from "../../src/device/pci/bus.js";
import {
  attachBios,
  attachPc,
  coreDevices,
  type Hypervisor,
  type Partition,
  type Pc,
  resetRom,
} from "../../src/node.js";
import { MemoryDisk } from "../../src/storage/memory.js";
import { assembleBootDisk } from "../guest/images.js";
import { createHypervisor } from "../machine/machine.js";

const MIB = 1 << 20;
let hypervisor: Hypervisor;

beforeAll(async () => {
  hypervisor = await createHypervisor();
});

test("every device at once, beside every device of the core", () => {
  const partition = hypervisor.createPartition({ memory: 16 * MIB, processors: 3, devices: coreDevices });
  const pc = attachPc(partition, { pci: new PciBus(), testDevice: true, files: { "opt/x": Uint8Array.of(1) } });
  const tables = pc.acpi!.tables;
  const bytes = new Uint8Array(tables.length);
  partition.memory.read(pc.acpi!.rsdp, bytes);
  expect(bytes).toEqual(tables);
  const text = Buffer.from(tables).toString("latin1");
  for (const name of ["APIC", "PCI0", "COM1", "COM2", "C002"]) expect(text).toContain(name);
  expect(text).not.toContain("C003");
  expect([pc.screen.columns, pc.screen.rows]).toEqual([80, 25]);
  partition[Symbol.dispose]();
});

test("only what there is", () => {
  const partition = hypervisor.createPartition({ memory: 4 * MIB, devices: ["pic", "pit"] });
  const text = Buffer.from(attachPc(partition).acpi!.tables).toString("latin1");
  for (const name of ["APIC", "PCI0", "COM1"]) expect(text).not.toContain(name);
  expect(attachPc(hypervisor.createPartition({ memory: 4 * MIB }), { acpi: false }).acpi).toBeUndefined();
});

function machine(): { partition: Partition; pc: Pc } {
  const partition = hypervisor.createPartition({ memory: 4 * MIB, roms: [resetRom()], devices: coreDevices });
  const pc = attachPc(partition, { start: new Date(Date.UTC(2024, 1, 28)), pci: new PciBus() });
  attachBios(partition, pc, { disks: [new MemoryDisk(assembleBootDisk())] });
  return { partition, pc };
}

function finish({ partition, pc }: { partition: Partition; pc: Pc }): unknown {
  let exit = partition.run({ ticks: 100_000 });
  while (exit.reason === "budget") exit = partition.run({ ticks: 10_000_000 });
  return { reason: exit.reason, hash: partition.hash(), text: pc.screen.text, nanoseconds: partition.nanoseconds };
}

test("saved at any moment of a boot, a machine ends in the same state", () => {
  const original = machine();
  original.pc.i8042.keyboard.type("Ringfence!\n");
  const saved = [];
  // Around the wait of a tenth of a second and while keys come.
  for (const ticks of [3000, 40_000, 55_003, 90_000_000, 20_000, 30_017]) {
    original.partition.run({ ticks });
    saved.push(structuredClone(original.partition.save()));
  }
  const expected = finish(original);
  expect(expected).toMatchObject({ reason: "shutdown" });
  for (const state of saved) {
    const copy = machine();
    copy.partition.restore(state);
    expect(finish(copy)).toEqual(expected);
    copy.partition[Symbol.dispose]();
  }
});
