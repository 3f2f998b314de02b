// Events that the host puts into a processor: injections, interrupts with and without a window, NMI.

import { expect, test } from "vitest";
import { codeOf, createPartition, type Machine, machine } from "./machine.js";

/** Handlers that halt at 0x1000 + vector * 16. */
async function withHandlers(source: string): Promise<Machine> {
  const made = await machine(source);
  for (let vector = 0; vector < 256; vector++) {
    made.partition.memory.writeUint32(vector * 4, 0x1000 + vector * 16);
    made.partition.memory.writeUint8(0x1000 + vector * 16, 0xf4);
  }
  return made;
}

/** Vector whose handler has halted. */
function handled({ processor }: Machine): number {
  return (Number(processor.registers.rip) - 1 - 0x1000) / 16;
}

test("an injected exception is delivered before the next instruction", async () => {
  const made = await withHandlers("inc ax\nhlt");
  made.processor.inject(13, { errorCode: 0 });
  made.partition.run();
  expect(handled(made)).toBe(13);
  expect(made.processor.registers.ax).toBe(0n);
});

test("an injected software interrupt returns behind its instruction", async () => {
  const made = await withHandlers("int 0x80\nhlt");
  made.processor.inject(0x80, { type: "softwareInterrupt", instructionLength: 2 });
  made.partition.run();
  expect(handled(made)).toBe(0x80);
  const { ss, rsp } = made.processor.registers;
  expect(made.partition.memory.readUint16(Number(ss.base + rsp))).toBe(0x7c02);
});

test("an interrupt request waits for the interrupt flag", async () => {
  const made = await withHandlers("cli\nnop\nnop\nsti\nnop\nhlt");
  made.processor.interrupt(0x40);
  made.processor.step(3);
  expect(made.processor.interruptRequested).toBe(true);
  made.partition.run();
  expect(handled(made)).toBe(0x40);
  expect(made.processor.interruptRequested).toBe(false);
});

test("an interrupt request ends HLT", async () => {
  const made = await withHandlers("sti\nhlt\nhlt");
  expect(made.partition.run().reason).toBe("halt");
  made.processor.interrupt(0x41);
  made.partition.run();
  expect(handled(made)).toBe(0x41);
});

test("NMI ends HLT with interrupts disabled", async () => {
  const made = await withHandlers("cli\nhlt\nhlt");
  made.partition.run();
  made.processor.nmi();
  made.partition.run();
  expect(handled(made)).toBe(2);
});

test("a requested window leaves as soon as an interrupt could be taken", async () => {
  const { partition, processor } = await machine("cli\nnop\nsti\nnop\nnop\nhlt");
  processor.step();
  processor.requestInterruptWindow();
  expect(partition.run().reason).toBe("interruptWindow");
  // STI opens the window one instruction later.
  expect(processor.registers.rip).toBe(0x7c04n);
});

test("an interrupt that arrives while the host answers an access waits for the instruction", async () => {
  const made = await withHandlers("sti\nnop\nin al, 0x10\nnop\nhlt");
  let reads = 0;
  made.partition.onPorts(0x10, 1, {
    read: () => {
      reads++;
      made.processor.interrupt(0x40);
      return 7;
    },
  });
  made.partition.run();
  expect(reads).toBe(1);
  expect(handled(made)).toBe(0x40);
  expect(made.processor.registers.al).toBe(7n);
  // It returns behind the IN: STI 1, NOP 1, IN 2 bytes.
  const { ss, rsp } = made.processor.registers;
  expect(made.partition.memory.readUint16(Number(ss.base + rsp))).toBe(0x7c04);
});

test("an event whose frame goes to a device ends HLT and is delivered once", async () => {
  const made = await withHandlers("sti\nhlt\nhlt");
  const written: number[] = [];
  made.partition.onMemory(0xf000_0000, 4096, { write: (offset, _size, value) => written.push(offset, Number(value)) });
  const { registers } = made.processor;
  registers.set("ss.base", 0xf000_0000n);
  registers.set("rsp", 0x100n);
  made.partition.run({ ticks: 100 });
  made.processor.interrupt(0x41);
  made.partition.run({ ticks: 100 });
  expect(handled(made)).toBe(0x41);
  // FLAGS, CS, IP behind the HLT.
  expect(written).toEqual([0xfe, 0x202, 0xfc, 0, 0xfa, 0x7c02]);
});

test("a single-step trap behind HLT is taken whatever the budget", async () => {
  const whole = await withHandlers("pushf\npop ax\nor ax, 0x100\npush ax\npopf\nhlt\nhlt");
  whole.partition.run();
  expect(handled(whole)).toBe(1);
  const steps = await withHandlers("pushf\npop ax\nor ax, 0x100\npush ax\npopf\nhlt\nhlt");
  for (let n = 0; n < 6; n++) expect(steps.partition.run({ ticks: 1 }).reason).toBe("budget");
  steps.partition.run();
  expect(handled(steps)).toBe(1);
});

test("vectors and types outside their range are refused", async () => {
  const processor = (await createPartition()).processors[0];
  expect(codeOf(() => processor.inject(256))).toBe("invalid-argument");
  expect(codeOf(() => processor.interrupt(-1))).toBe("invalid-argument");
  expect(codeOf(() => processor.inject(3, { type: "nonsense" as "nmi" }))).toBe("invalid-argument");
  expect(codeOf(() => processor.intercept({ exceptions: [32] }))).toBe("invalid-argument");
  expect(codeOf(() => processor.step(0))).toBe("invalid-argument");
});
