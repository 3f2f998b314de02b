// Turns of several processors around what the host does: an access that the host answers belongs to the
// processor that made it, and where the host ends a run decides nothing about what the guest sees.

import { expect, test } from "vitest";
import type { Partition } from "../../src/node.js";
import { machine } from "./machine.js";

// Processor 0 counts interrupts of line 0 and sleeps; processor 1 reads a port of the host for ever.
const READER = `
    mov word [0x20 * 4], handler
    mov word [0x20 * 4 + 2], 0
    mov al, 0x11
    out 0x20, al
    mov al, 0x20
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov al, 0xfe
    out 0x21, al
    sti
sleep:
    hlt
    jmp sleep
handler:
    inc dword [0x500]
    mov al, 0x20
    out 0x20, al
    iret
.org 0x7d00
    mov dx, 0x300
read:
    in al, dx
    inc dword [0x504]
    jmp read`;

async function second(source: string): Promise<Partition> {
  const { partition } = await machine(source, { processors: 2 });
  partition.processors[1].startup(0x07);
  partition.processors[1].registers.rip = 0xd00n;
  return partition;
}

test("a processor keeps its turn until the host's answer has been used", async () => {
  const partition = await second(READER);
  let reads = 0;
  partition.onPorts(0x300, 1, {
    // The other processor is woken while the answer is under way.
    read: () => {
      partition.chipset.setInterruptLine(0, false);
      partition.chipset.setInterruptLine(0, true);
      return ++reads & 0xff;
    },
  });
  expect(partition.run({ ticks: 1_000_000 }).reason).toBe("budget");
  expect(reads).toBeGreaterThan(100_000);
  expect(partition.memory.readUint32(0x504)).toBeGreaterThanOrEqual(reads - 1);
  expect(partition.memory.readUint32(0x500)).toBeGreaterThan(10);
});

// Two processors share a lock, log who got it, and PAUSE while they wait for it and when they have let go of it.
const LOCK = `
    mov bl, 'a'
    jmp start
.org 0x7d00
    mov bl, 'b'
start:
    xor ax, ax
    mov ds, ax
    mov es, ax
again:
    mov al, 1
    xchg [0x500], al
    test al, al
    jz taken
    pause
    jmp again
taken:
    mov di, [0x502]
    mov [di + 0x1000], bl
    inc di
    and di, 0xfff
    mov [0x502], di
    mov cx, 37
work:
    loop work
    mov byte [0x500], 0
    pause
    jmp again`;

test("PAUSE hands the turn over at the same instruction however the host slices the run", async () => {
  const states = [];
  for (const slice of [400_000, 1_000, 777, 13]) {
    const partition = await second(LOCK);
    for (let left = 400_000; left > 0; left -= slice) partition.run({ ticks: Math.min(slice, left) });
    const log = new Uint8Array(4096);
    partition.memory.read(0x1000, log);
    states.push({ log: new TextDecoder().decode(log), ticks: partition.processors.map(({ ticks }) => ticks) });
  }
  expect(states[0].log).toMatch(/ab/);
  for (const state of states) expect(state).toEqual(states[0]);
});
