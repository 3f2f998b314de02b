// Running on the event loop: outcomes, aborts, pauses, waiting for input, and the serial line.

import { expect, test } from "vitest";
import { SerialLine } from "../../src/node.js";
import { codeOf, createPartition, machine } from "./machine.js";

const LOOP = "again: inc dword [0x500]\njmp again";
/** Echoes COM1 input in upper case by interrupt until it has seen a full stop. */
const ECHO = `
    mov word [0x24 * 4], handler
    mov word [0x24 * 4 + 2], 0
    mov al, 0x11
    out 0x20, al
    mov al, 0x20
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov dx, 0x3f9
    out dx, al
    sti
again:
    hlt
    cmp byte [0x500], '.'
    jne again
    cli
    hlt
handler:
    mov dx, 0x3f8
    in al, dx
    mov [0x500], al
    and al, 0xdf
    out dx, al
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jnz handler
    mov al, 0x20
    out 0x20, al
    iret`;

test("start resolves with halt when the guest is done", async () => {
  const { partition } = await machine("hlt");
  await expect(partition.start()).resolves.toMatchObject({ reason: "halt" });
});

test("start resolves with the debug-exit status", async () => {
  const { partition } = await machine("mov al, 3\nout 0xf4, al");
  await expect(partition.start()).resolves.toMatchObject({ reason: "debugExit", status: 7 });
});

test("an abort ends the run with canceled", async () => {
  const { partition } = await machine(LOOP);
  const running = partition.start({ signal: AbortSignal.timeout(50) });
  await expect(running).resolves.toMatchObject({ reason: "canceled" });
  expect(partition.instructions).toBeGreaterThan(0n);
});

test("an instruction limit is exact, REP strings included", async () => {
  const { partition } = await machine("again: mov cx, 100\nmov di, 0x500\nrep stosb\njmp again");
  await expect(partition.start({ instructions: 10_001 })).resolves.toMatchObject({ reason: "budget" });
  expect(partition.instructions).toBe(10_001n);
});

test("pause stands still until resume", async () => {
  const { partition } = await machine(LOOP);
  const running = partition.start();
  await new Promise((resolve) => setTimeout(resolve, 30));
  await partition.pause();
  const before = partition.instructions;
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(partition.instructions).toBe(before);
  partition.resume();
  await new Promise((resolve) => setTimeout(resolve, 30));
  await partition.stop();
  await expect(running).resolves.toMatchObject({ reason: "stopped" });
  expect(partition.instructions).toBeGreaterThan(before);
});

test("a second start while running is refused", async () => {
  const { partition } = await machine(LOOP);
  const running = partition.start();
  await expect(partition.start()).rejects.toMatchObject({ code: "running" });
  await partition.stop();
  await running;
});

test("reset puts the processor back to the reset vector", async () => {
  const { partition, processor } = await machine(LOOP);
  const running = partition.start();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await partition.pause();
  await partition.reset();
  expect(processor.registers.cs.base + processor.registers.rip).toBe(0xfffffff0n);
  await partition.stop();
  await running;
});

test("a disposed partition ends its run", async () => {
  const { partition } = await machine(LOOP);
  const running = partition.start();
  await new Promise((resolve) => setTimeout(resolve, 20));
  partition[Symbol.dispose]();
  await expect(running).resolves.toMatchObject({ reason: "stopped" });
});

test("exits that no handler serves go to onExit", async () => {
  const { partition, processor } = await machine("in al, 0x10\nhlt", { unhandled: { ports: "exit" } });
  const outcome = await partition.start({
    onExit: (exit) => {
      if (exit.reason !== "ioPort") return false;
      exit.complete(0x42);
      return true;
    },
  });
  expect(outcome.reason).toBe("halt");
  expect(processor.registers.al).toBe(0x42n);
});

test("without onExit such an exit ends the run and is kept", async () => {
  const { partition } = await machine("in al, 0x10\nhlt", { unhandled: { ports: "exit" } });
  const outcome = await partition.start();
  expect(outcome).toMatchObject({ reason: "ioPort", exit: { port: 0x10 } });
});

test("a halted guest waits for serial input and is woken by it", async () => {
  const { partition } = await machine(ECHO);
  const line = new SerialLine(partition);
  async function* input(): AsyncGenerator<string> {
    for (const part of ["hel", "lo", "."]) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      yield part;
    }
  }
  const pumping = line.pump(input());
  await expect(partition.start()).resolves.toMatchObject({ reason: "halt" });
  await pumping;
  expect(line.text.slice(0, 5)).toBe("HELLO");
});

test("a halted guest ends when the input does", async () => {
  const { partition } = await machine(ECHO);
  const line = new SerialLine(partition);
  async function* input(): AsyncGenerator<string> {
    yield "x";
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  void line.pump(input());
  await expect(partition.start()).resolves.toMatchObject({ reason: "halt" });
  expect(line.text).toBe("X");
});

test("output larger than the ring arrives complete and in order", async () => {
  const { partition } = await machine(
    "mov dx, 0x3f8\nmov cx, 30000\nagain: mov al, cl\nand al, 0x3f\nadd al, 0x20\nout dx, al\nloop again\nhlt",
  );
  const line = new SerialLine(partition);
  partition.run();
  expect(line.text).toHaveLength(30_000);
  expect(line.text).toBe(
    Array.from({ length: 30_000 }, (_, i) => String.fromCharCode(((30_000 - i) & 0x3f) + 0x20)).join(""),
  );
});

test("input larger than the ring waits its turn", async () => {
  const { partition } = await machine(`
    mov cx, 10000
    mov dx, 0x3fd
again:
    in al, dx
    test al, 1
    jz again
    mov dx, 0x3f8
    in al, dx
    out dx, al
    mov dx, 0x3fd
    loop again
    hlt`);
  const line = new SerialLine(partition);
  const text = Array.from({ length: 10_000 }, (_, i) => String.fromCharCode(0x30 + (i % 40))).join("");
  line.send(text);
  await partition.start();
  expect(line.text).toBe(text);
});

test("the debug console and the POST port reach the host", async () => {
  const { partition } = await machine("mov al, 'k'\nout 0xe9, al\nmov al, 0x5a\nout 0x80, al\nhlt");
  const bytes: number[] = [];
  partition.chipset.onOutput("debugcon", (chunk) => bytes.push(...chunk));
  partition.run();
  expect(bytes).toEqual([0x6b]);
  expect(partition.chipset.postCode).toBe(0x5a);
});

test("a bad limit is refused", async () => {
  const partition = await createPartition();
  await expect(partition.start({ instructions: 0 })).rejects.toMatchObject({ code: "invalid-argument" });
  expect(codeOf(() => partition.chipset.setInterruptLine(24, true))).toBe("invalid-argument");
});
