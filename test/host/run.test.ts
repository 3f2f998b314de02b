// Partition.run and step: budgets, exits and their completion.

import { expect, test } from "vitest";
import { codeOf, createPartition, hypervisor, machine } from "./machine.js";

test("run leaves with halt and idle when the only processor halts", async () => {
  const { partition } = await machine("hlt");
  const exit = partition.run();
  expect(exit.reason === "halt" && exit.idle).toBe(true);
  expect(exit.instructions).toBe(1n);
});

test("run stops after exactly the given ticks", async () => {
  const { partition, processor } = await machine("mov cx, 1000\nagain: inc ax\nloop again\nhlt");
  expect(partition.run({ ticks: 777 }).reason).toBe("budget");
  expect(processor.ticks).toBe(777n);
  expect(processor.instructions).toBe(777n);
});

test("run leaves after the given time, whatever the guest does", async () => {
  const { partition } = await machine("again: in al, 0x10\njmp again");
  using _ports = partition.onPorts(0x10, 1, { read: () => 0 });
  expect(partition.run({ milliseconds: 5 }).reason).toBe("budget");
  expect(partition.run({ milliseconds: 5, ticks: 3 }).reason).toBe("budget");
  expect(codeOf(() => partition.run({ milliseconds: 0 }))).toBe("invalid-argument");
});

test("a REP string takes a tick per element and retires once", async () => {
  const { partition, processor } = await machine("cld\nmov cx, 100\nmov di, 0x500\nrep stosb\nhlt");
  partition.run();
  expect(processor.instructions).toBe(5n);
  expect(processor.ticks).toBe(104n);
});

test("step retires exactly n instructions on one processor", async () => {
  const { processor } = await machine("inc ax\ninc bx\ninc cx\nhlt");
  expect(processor.step(2).reason).toBe("step");
  expect(processor.registers.ax).toBe(1n);
  expect(processor.registers.bx).toBe(1n);
  expect(processor.registers.cx).toBe(0n);
});

test("a port without a device reads as ones and drops writes, and is counted", async () => {
  const { partition, processor } = await machine("mov dx, 0x1234\nxor ax, ax\nout dx, al\nin ax, dx\nhlt");
  expect(partition.run().reason).toBe("halt");
  expect(processor.registers.ax).toBe(0xffffn);
  expect(partition.exits).toMatchObject({ ioPort: 2, unhandledPort: 2 });
});

test("a port read leaves and takes the value that completes it", async () => {
  const { partition, processor } = await machine("mov dx, 0x1234\nin eax, dx\nhlt", { unhandled: { ports: "exit" } });
  const exit = partition.run();
  if (exit.reason !== "ioPort") throw new Error(exit.reason);
  expect(exit).toMatchObject({ port: 0x1234, size: 4, write: false, rep: false });
  expect(exit.rip).toBe(0x7c03n);
  exit.complete(0xdeadbeef);
  expect(partition.run().reason).toBe("halt");
  expect(processor.registers.eax).toBe(0xdeadbeefn);
});

test("a port write leaves with its value", async () => {
  const { partition } = await machine("mov al, 0x5a\nout 0x10, al\nhlt", { unhandled: { ports: "exit" } });
  const exit = partition.run();
  if (exit.reason !== "ioPort") throw new Error(exit.reason);
  expect(exit).toMatchObject({ port: 0x10, size: 1, write: true, value: 0x5a });
  exit.complete();
  expect(partition.run().reason).toBe("halt");
});

test("string input reports REP and stores what completes each element", async () => {
  const { partition } = await machine("cld\nmov dx, 0x60\nmov di, 0x500\nmov cx, 3\nrep insb\nhlt", {
    unhandled: { ports: "exit" },
  });
  for (const byte of [0x11, 0x22, 0x33]) {
    const exit = partition.run();
    if (exit.reason !== "ioPort") throw new Error(exit.reason);
    expect(exit).toMatchObject({ string: true, rep: true, write: false });
    exit.complete(byte);
  }
  expect(partition.run().reason).toBe("halt");
  expect(partition.memory.readUint32(0x500)).toBe(0x332211);
});

test("running with an exit that is not completed is refused", async () => {
  const { partition, processor } = await machine("in al, 0x10\nhlt", { unhandled: { ports: "exit" } });
  partition.run();
  expect(codeOf(() => partition.run())).toBe("exit-pending");
  expect(codeOf(() => processor.step())).toBe("exit-pending");
});

test("completing twice is refused", async () => {
  const { partition } = await machine("in al, 0x10\nhlt", { unhandled: { ports: "exit" } });
  const exit = partition.run();
  if (exit.reason !== "ioPort") throw new Error(exit.reason);
  exit.complete(1);
  expect(codeOf(() => exit.complete(2))).toBe("exit-not-pending");
});

test("unmapped memory reads as ones and drops writes", async () => {
  const { partition, processor } = await machine(
    "mov eax, [0xd0000000]\nmov dword [0xd0000000], 1\nmov ebx, [0xd0000000]\nhlt",
    {},
    "protected",
  );
  expect(partition.run().reason).toBe("halt");
  expect(processor.registers.eax).toBe(0xffffffffn);
  expect(processor.registers.ebx).toBe(0xffffffffn);
  expect(partition.exits.unhandledMemory).toBe(3);
});

test("an access to unmapped memory leaves where the host wants it", async () => {
  const { partition, processor } = await machine(
    "mov al, [0xd0000010]\nmov word [0xd0000020], 0x1234\nhlt",
    { unhandled: { memory: "exit" } },
    "protected",
  );
  const read = partition.run();
  if (read.reason !== "memoryAccess") throw new Error(read.reason);
  expect(read).toMatchObject({ gpa: 0xd0000010, linear: 0xd0000010n, size: 1, access: "read", unmapped: true });
  read.complete(0x42);
  const write = partition.run();
  if (write.reason !== "memoryAccess") throw new Error(write.reason);
  expect(write).toMatchObject({ gpa: 0xd0000020, size: 2, access: "write", value: 0x1234n });
  write.complete();
  expect(partition.run().reason).toBe("halt");
  expect(processor.registers.al).toBe(0x42n);
});

test("execution from unmapped memory leaves, and completing it raises #UD", async () => {
  const { partition, processor } = await machine("mov eax, 0xd0000000\njmp eax", {}, "protected");
  processor.intercept({ exceptions: [6] });
  const exit = partition.run();
  if (exit.reason !== "memoryAccess") throw new Error(exit.reason);
  expect(exit.access).toBe("execute");
  exit.complete();
  processor.intercept({ exceptions: 0 });
  expect(partition.run().reason).toBe("tripleFault");
});

test("CPUID leaves when it is intercepted and takes other results", async () => {
  const { partition, processor } = await machine("xor eax, eax\nxor ecx, ecx\ncpuid\nhlt");
  processor.intercept({ cpuid: true });
  const exit = partition.run();
  if (exit.reason !== "cpuid") throw new Error(exit.reason);
  expect(exit.leaf).toBe(0);
  expect(exit.result.eax).toBeGreaterThan(0);
  exit.complete({ eax: 1, ebx: 2, ecx: 3, edx: 0xffffffff });
  partition.run();
  const { eax, ebx, ecx, edx } = processor.registers;
  expect([eax, ebx, ecx, edx]).toEqual([1n, 2n, 3n, 0xffffffffn]);
});

test("a CPUID subleaf can be given to a leaf that has none, and the leaf answers the others", async () => {
  const override = { leaf: 0x8000_0000, subleaf: 5, eax: 1, ebx: 2, ecx: 3, edx: 4 };
  const { processor } = await machine(
    "mov eax, 0x80000000\nmov ecx, 5\ncpuid\nmov esi, eax\nmov eax, 0x80000000\nxor ecx, ecx\ncpuid\nhlt",
    { cpuid: [override] },
  );
  processor.step(7);
  expect([processor.registers.esi, processor.registers.eax]).toEqual([1n, 0x8000_0008n]);
});

test("a CPUID leaf can be overridden for the partition", async () => {
  const override = { leaf: 0x40000000, eax: 0x40000001, ebx: 0x11111111, ecx: 0x22222222, edx: 0x33333333 };
  const { partition, processor } = await machine("mov eax, 0x40000000\ncpuid\nhlt", { cpuid: [override] });
  partition.run();
  expect(processor.registers.ebx).toBe(0x11111111n);
  expect(processor.registers.edx).toBe(0x33333333n);
});

test("an unknown MSR leaves when MSRs are intercepted", async () => {
  const { partition, processor } = await machine("mov ecx, 0x12345\nrdmsr\nhlt");
  processor.intercept({ msr: true });
  const exit = partition.run();
  if (exit.reason !== "msr") throw new Error(exit.reason);
  expect(exit).toMatchObject({ msr: 0x12345, write: false });
  exit.complete(0x1122334455667788n);
  expect(partition.run().reason).toBe("halt");
  expect(processor.registers.eax).toBe(0x55667788n);
  expect(processor.registers.edx).toBe(0x11223344n);
});

test("an MSR exit can raise #GP instead", async () => {
  const { partition, processor } = await machine("mov ecx, 0x12345\nrdmsr\nhlt");
  processor.intercept({ msr: true, exceptions: [13] });
  const exit = partition.run();
  if (exit.reason !== "msr") throw new Error(exit.reason);
  exit.fault();
  // The vector-13 handler of the empty real-mode table is 0000:0000.
  processor.step();
  expect(processor.registers.rip).not.toBe(0x7c06n);
});

test("an intercepted exception leaves with vector and error code, and can be delivered", async () => {
  const { partition, processor } = await machine("xor dx, dx\nxor cx, cx\ndiv cx\nhlt");
  partition.memory.writeUint32(0, 0x00007c80); // INT 0 handler
  partition.memory.writeUint8(0x7c80, 0xf4);
  processor.intercept({ exceptions: [0] });
  const exit = partition.run();
  if (exit.reason !== "exception") throw new Error(exit.reason);
  expect(exit).toMatchObject({ vector: 0, errorCode: undefined });
  expect(exit.rip).toBe(0x7c04n);
  exit.complete("deliver");
  expect(partition.run().reason).toBe("halt");
  expect(processor.registers.rip).toBe(0x7c81n);
});

test("an intercepted exception can be repaired and retried", async () => {
  const { partition, processor } = await machine("mov ax, 6\nxor dx, dx\nxor cx, cx\ndiv cx\nhlt");
  processor.intercept({ exceptions: [0] });
  const exit = partition.run();
  if (exit.reason !== "exception") throw new Error(exit.reason);
  processor.registers.cx = 3n;
  exit.complete("retry");
  expect(partition.run().reason).toBe("halt");
  expect(processor.registers.ax).toBe(2n);
});

test("an intercepted HLT leaves before it halts, and goes on behind when completed", async () => {
  const { partition, processor } = await machine("hlt\ninc ax\nhlt");
  processor.intercept({ hlt: true });
  const exit = partition.run();
  if (exit.reason !== "halt") throw new Error(exit.reason);
  expect(exit.idle).toBe(false);
  expect(processor.activity).toBe("active");
  exit.complete();
  expect(partition.run()).toMatchObject({ reason: "halt", idle: false });
  expect(processor.registers.ax).toBe(1n);
});

test("a guest without handlers ends in a triple fault", async () => {
  const { partition } = await machine("lidt [none]\nint 3\nnone: .word 0\n.long 0");
  expect(partition.run().reason).toBe("tripleFault");
});

test("the debug-exit port leaves with (value << 1) | 1", async () => {
  const { partition } = await machine("mov al, 5\nout 0xf4, al\nhlt");
  const exit = partition.run();
  if (exit.reason !== "debugExit") throw new Error(exit.reason);
  expect(exit.status).toBe(11);
  exit.complete();
  expect(partition.run().reason).toBe("halt");
});

test("port 92h asks for a reset", async () => {
  const { partition } = await machine("mov al, 1\nout 0x92, al\nhlt");
  expect(partition.run().reason).toBe("reset");
});

test("port 92h gates address line 20", async () => {
  const source = `
    mov ax, 0xffff
    mov es, ax
    mov byte [0x500], 1
    in al, 0x92
    and al, 0xfd
    out 0x92, al
    mov byte es:[0x510], 2
    mov bl, [0x500]
    hlt`;
  const { partition, processor } = await machine(source);
  partition.run();
  expect(processor.registers.bl).toBe(2n);
});

test("snapshot keeps an exit that later exits would overwrite", async () => {
  const { partition } = await machine("in al, 0x10\nin al, 0x11\nhlt", { unhandled: { ports: "exit" } });
  const first = partition.run();
  const kept = first.snapshot();
  if (first.reason === "ioPort") first.complete(0);
  partition.run();
  expect(kept).toMatchObject({ reason: "ioPort", port: 0x10, instructions: 0n });
});

test("processors of a partition take turns deterministically", async () => {
  const counts = async (): Promise<bigint[]> => {
    const { partition } = await machine("again: inc ax\njmp again", { processors: 2 });
    partition.processors[1].startup(0x07);
    partition.processors[1].registers.rip = 0xc00n;
    partition.run({ ticks: 123_456 });
    partition.processors[0].registers.get("rax");
    partition.run({ ticks: 50_000 });
    return partition.processors.map((processor) => processor.instructions);
  };
  const first = await counts();
  expect(first[0] + first[1]).toBe(173_456n);
  expect(first[1]).toBeGreaterThan(0n);
  expect(await counts()).toEqual(first);
});

test("a disposed partition cannot run", async () => {
  const partition = await createPartition();
  partition[Symbol.dispose]();
  expect(codeOf(() => partition.run())).toBe("disposed");
  expect(codeOf(() => partition.processors[0].registers.rax)).toBe("disposed");
  expect((await hypervisor()).partitions).not.toContain(partition);
});

test("a budget that is not a whole number above 0 is refused", async () => {
  const partition = await createPartition();
  for (const ticks of [0, -1, 1.5, Number.NaN]) expect(codeOf(() => partition.run({ ticks }))).toBe("invalid-argument");
});

test("a handler cannot run the partition it serves", async () => {
  const { partition } = await machine("in al, 0x10\nhlt");
  let code: string | undefined;
  partition.onPorts(0x10, 1, {
    read: () => {
      code = codeOf(() => partition.run());
      return 0;
    },
  });
  partition.run();
  expect(code).toBe("running");
});

test("requestStop from a handler ends the run with canceled", async () => {
  const { partition } = await machine("again: in al, 0x10\njmp again");
  partition.onPorts(0x10, 1, {
    read: () => {
      partition.requestStop();
      return 0;
    },
  });
  expect(partition.run().reason).toBe("canceled");
});
