// The disk in a real partition: a guest that finds the controller where the firmware put it, reads through queues of
// its own, sleeps with HLT until the level-triggered interrupt of the PCI pin wakes it, and does so at the same tick
// every time.

import { expect, test } from "vitest";
import { NvmeController } from "../../../src/device/nvme/controller.js";
import { PciBus } from "../../../src/device/pci/bus.js";
import { MemoryDisk } from "../../../src/storage/memory.js";
import { machine } from "../../host/machine.js";

const ADMIN_SQ = 0x20_0000;
const ADMIN_CQ = 0x20_1000;
const IO_SQ = 0x20_2000;
const IO_CQ = 0x20_3000;
const COUNT = 0x21_0000;
const DATA = 0x22_0000;
const IDT = 0x21_1000;
const HANDLER = 0x10_0800;

const GUEST = `
  ; bus mastering and memory of device 1
  mov dx, 0xcf8
  mov eax, 0x80000804
  out dx, eax
  mov dx, 0xcfc
  mov ax, 6
  out dx, ax
  ; 8259As at 20h and 28h, only line 10 open, level-triggered
  mov al, 0x11
  out 0x20, al
  out 0xa0, al
  mov al, 0x20
  out 0x21, al
  mov al, 0x28
  out 0xa1, al
  mov al, 4
  out 0x21, al
  mov al, 2
  out 0xa1, al
  mov al, 1
  out 0x21, al
  out 0xa1, al
  mov al, 0xfb
  out 0x21, al
  out 0xa1, al
  mov dx, 0x4d1
  mov al, 0x0c
  out dx, al
  lidt [idtr]
  mov ebx, 0xc0000000
  mov dword [ebx + 0x24], 0x1f001f
  mov dword [ebx + 0x28], ${ADMIN_SQ}
  mov dword [ebx + 0x30], ${ADMIN_CQ}
  mov dword [ebx + 0x14], 0x460001
ready:
  test dword [ebx + 0x1c], 1
  jz ready
  mov dword [${COUNT} + 4], 0x1004
  mov dword [${COUNT} + 8], 2
  mov dword [ebx + 0x1000], 2
  mov ecx, 1
  call wait
  mov dword [${COUNT} + 4], 0x100c
  mov dword [${COUNT} + 8], 1
  mov dword [ebx + 0x1008], 1
  mov ecx, 2
  call wait
  cli
  hlt
wait:
  cli
  cmp [${COUNT}], ecx
  je woken
  sti
  hlt
  jmp wait
woken:
  ret
idtr:
  .word 0x7ff
  .long ${IDT}
  .org ${HANDLER}
  ; consume what was posted, then end the interrupt
  push eax
  push ecx
  mov ecx, [${COUNT} + 4]
  mov eax, [${COUNT} + 8]
  mov [ebx + ecx], eax
  inc dword [${COUNT}]
  mov al, 0x20
  out 0xa0, al
  out 0x20, al
  pop ecx
  pop eax
  iretd
`;

async function run() {
  const disk = new MemoryDisk(64 * 512);
  for (let at = 0; at < disk.bytes.length; at++) disk.bytes[at] = (at * 31 + (at >> 8)) & 0xff;
  const { partition, processor } = await machine(GUEST, {}, "protected");
  partition.attach(new PciBus([new NvmeController(disk)]));
  const entry = (at: number, words: Record<number, number>): void => {
    for (const [word, value] of Object.entries(words)) partition.memory.writeUint32(at + Number(word) * 4, value);
  };
  entry(ADMIN_SQ, { 0: 0x1_0005, 6: IO_CQ, 10: 0x1f_0001, 11: 3 });
  entry(ADMIN_SQ + 64, { 0: 0x2_0001, 6: IO_SQ, 10: 0x1f_0001, 11: 0x1_0001 });
  entry(IO_SQ, { 0: 0x3_0002, 1: 1, 6: DATA, 10: 5, 12: 7 });
  partition.memory.writeUint32(IDT + 0x2a * 8, 0x0008_0000 | (HANDLER & 0xffff));
  partition.memory.writeUint32(IDT + 0x2a * 8 + 4, (HANDLER & 0xffff_0000) | 0x8e00);
  const exit = partition.run();
  const data = new Uint8Array(8 * 512);
  partition.memory.read(DATA, data);
  return { partition, processor, exit, disk, data };
}

test("a guest reads its disk and is woken by the pin", async () => {
  const { partition, exit, disk, data } = await run();
  expect(exit.reason).toBe("halt");
  expect(partition.memory.readUint32(COUNT)).toBe(2);
  expect(partition.memory.readUint32(IO_CQ + 12)).toBe(0x1_0003);
  expect(Buffer.compare(data, disk.bytes.subarray(5 * 512, 13 * 512))).toBe(0);
});

test("two runs are the same to the tick", async () => {
  const [one, two] = [await run(), await run()];
  expect(two.partition.clock).toBe(one.partition.clock);
  expect(two.partition.instructions).toBe(one.partition.instructions);
  // Two waits of 10 microseconds, and 4 KiB at half a nanosecond a byte: the guest slept.
  expect(one.partition.clock).toBeGreaterThan(22_000n);
});
