// Host handlers for ports, memory-mapped ranges and MSRs, and their registration rules.

import { expect, test } from "vitest";
import type { Device, DeviceBus } from "../../src/node.js";
import { codeOf, createPartition, machine } from "./machine.js";

test("a port handler answers reads and sees writes", async () => {
  const { partition, processor } = await machine("mov al, 7\nout 0x50, al\nin ax, 0x51\nhlt");
  const written: number[][] = [];
  partition.onPorts(0x50, 4, {
    read: (port, size) => port * 256 + size,
    write: (...access) => void written.push(access),
  });
  partition.run();
  expect(processor.registers.ax).toBe(0x5102n);
  expect(written).toEqual([[0x50, 1, 7]]);
});

test("a disposed registration answers no more", async () => {
  const { partition, processor } = await machine("in al, 0x50\nhlt");
  partition.onPorts(0x50, 1, { read: () => 1 })[Symbol.dispose]();
  partition.run();
  expect(processor.registers.al).toBe(0xffn);
});

test("overlapping port ranges are refused", async () => {
  const partition = await createPartition();
  partition.onPorts(0x50, 4, {});
  for (const [first, count] of [
    [0x53, 1],
    [0x4f, 2],
    [0x4f, 0x10],
  ]) {
    expect(codeOf(() => partition.onPorts(first, count, {}))).toBe("range-overlap");
  }
  partition.onPorts(0x54, 1, {});
});

test("ports of the core's devices are taken unless the device is left out", async () => {
  const full = await createPartition();
  expect(codeOf(() => full.onPorts(0x3f8, 8, {}))).toBe("range-overlap");
  const bare = await createPartition({ devices: [] });
  bare.onPorts(0x3f8, 8, {});
});

test("port ranges outside the port space are refused", async () => {
  const partition = await createPartition();
  for (const [first, count] of [
    [-1, 1],
    [0xffff, 2],
    [0, 0],
    [0.5, 1],
  ]) {
    expect(codeOf(() => partition.onPorts(first, count, {}))).toBe("invalid-range");
  }
});

test("a memory-mapped range answers by offset", async () => {
  const source = "mov eax, [0xe0000008]\nmov dword [0xe0000010], 0x12345678\nhlt";
  const { partition, processor } = await machine(source, {}, "protected");
  const written: unknown[] = [];
  partition.onMemory(0xe0000000, 0x1000, {
    read: (offset, size) => offset * 256 + size,
    write: (...access) => void written.push(access),
  });
  partition.run();
  expect(processor.registers.eax).toBe(0x804n);
  expect(written).toEqual([[0x10, 4, 0x12345678n]]);
});

test("a read-modify-write of a memory-mapped register reads once and writes once", async () => {
  const { partition } = await machine("or dword [0xe0000000], 0x100\nhlt", {}, "protected");
  const accesses: unknown[] = [];
  partition.onMemory(0xe0000000, 0x1000, {
    read: (offset) => {
      accesses.push(["read", offset]);
      return 0x23;
    },
    write: (offset, _size, value) => void accesses.push(["write", offset, value]),
  });
  partition.run();
  expect(accesses).toEqual([
    ["read", 0],
    ["write", 0, 0x123n],
  ]);
});

test("eight bytes are answered by a big integer", async () => {
  const { partition, processor } = await machine("mov rbx, 0xe0000000\nmov rax, [rbx]\nhlt", {}, "long");
  partition.onMemory(0xe0000000, 0x1000, { read: () => 0x1122334455667788n });
  partition.run();
  expect(processor.registers.rax).toBe(0x1122334455667788n);
});

test("memory-mapped ranges are whole pages without RAM, and do not overlap", async () => {
  const partition = await createPartition();
  expect(codeOf(() => partition.onMemory(0xe0000100, 0x1000, {}))).toBe("invalid-range");
  expect(codeOf(() => partition.onMemory(0xe0000000, 0, {}))).toBe("invalid-range");
  expect(codeOf(() => partition.onMemory(0x1000, 0x1000, {}))).toBe("range-overlap");
  const first = partition.onMemory(0xe0000000, 0x2000, {});
  expect(codeOf(() => partition.onMemory(0xe0001000, 0x1000, {}))).toBe("range-overlap");
  first[Symbol.dispose]();
  partition.onMemory(0xe0001000, 0x1000, {});
});

test("the core's table of ranges is finite and says so", async () => {
  const partition = await createPartition();
  const add = (): void => {
    for (let n = 0; n < 100; n++) partition.onMemory(0xe0000000 + n * 0x2000, 0x1000, {});
  };
  expect(codeOf(add)).toBe("range-limit");
});

test("an MSR handler serves its registers", async () => {
  const source = "mov ecx, 0x4b564d00\nmov eax, 0x11\nmov edx, 0x22\nwrmsr\nrdmsr\nhlt";
  const { partition, processor } = await machine(source);
  let value = 0n;
  partition.onMsrs(0x4b564d00, 2, {
    read: () => value + 1n,
    write: (_msr, written) => {
      value = written;
      return true;
    },
  });
  partition.run();
  expect(value).toBe(0x0000002200000011n);
  expect(processor.registers.eax).toBe(0x12n);
});

test("an MSR handler can refuse, and unknown registers still raise #GP", async () => {
  for (const msr of [0x4b564d00, 0x4b564dff]) {
    const { partition, processor } = await machine(`mov ecx, ${msr}\nwrmsr\nhlt`);
    partition.onMsrs(0x4b564d00, 1, { write: () => false });
    partition.memory.writeUint32(13 * 4, 0x7c80);
    partition.memory.writeUint8(0x7c80, 0xf4);
    expect(partition.run().reason).toBe("halt");
    expect(processor.registers.rip).toBe(0x7c81n);
  }
});

test("a device connects, drives an interrupt line and is reset with the partition", async () => {
  const events: string[] = [];
  let bus: DeviceBus | undefined;
  const device: Device = {
    name: "bell",
    connect: (to) => {
      bus = to;
      to.ports(0x50, 1, { write: () => to.interrupt(5, true) });
    },
    reset: () => void events.push("reset"),
    save: () => null,
    restore: () => {},
  };
  const source = `
    mov al, 0x11
    out 0x20, al
    mov al, 0x20
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov word [0x25 * 4], 0x7c80
    mov word [0x25 * 4 + 2], 0
    sti
    out 0x50, al
    nop
    hlt`;
  const { partition, processor } = await machine(source);
  partition.memory.writeUint8(0x7c80, 0xf4);
  partition.attach(device);
  partition.run();
  expect(processor.registers.rip).toBe(0x7c81n);
  await partition.reset();
  expect(events).toEqual(["reset", "reset"]);
  expect(bus?.memorySize).toBe(partition.memory.size);
});
