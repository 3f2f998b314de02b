// A boot disk on the real engine: reset vector, power-on, boot sector, the services, and what the screen shows
// in the end.

import { beforeAll, expect, test } from "vitest";
import { attachBios, attachPc, type Hypervisor, type Partition, type Pc, resetRom, startBios } from "../../src/node.js";
import { MemoryDisk } from "../../src/storage/memory.js";
import { assemble } from "../guest/assemble.js";
import { flat } from "../guest/elf.js";
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

/** A machine that boots one sector of `source`, entered at 0:7C00 with DS = ES = 0. */
function booting(source: string): { partition: Partition; pc: Pc } {
  const sector = new Uint8Array(512);
  sector.set(flat(assemble(`.code16\n.org 0x7c00\n${source}\n`, { name: "sector" })));
  sector.set([0x55, 0xaa], 510);
  const partition = hypervisor.createPartition({ memory: 4 * MIB, roms: [resetRom()] });
  const pc = attachPc(partition, { start: new Date(Date.UTC(2024, 1, 28, 12)) });
  attachBios(partition, pc, { disks: [new MemoryDisk(sector)] });
  return { partition, pc };
}

test("INT 14h drives the serial port: settings, sending, status, receiving, time-out", () => {
  const { partition } = booting(`
    mov ax, 0x00e3        ; 9600 baud, 8 data bits
    xor dx, dx
    int 0x14
    mov [0x600], ax
    mov ax, 0x0100 + 'R'
    int 0x14
    mov [0x602], ax
    mov ah, 3
    int 0x14
    mov [0x604], ax
    mov ah, 2
    int 0x14
    mov [0x606], ax
    mov ah, 2             ; nothing more comes
    int 0x14
    mov [0x608], ax
    mov dx, 1             ; no such port
    mov ax, 0x0300
    int 0x14
    mov [0x60a], ax
    mov dx, 0x3fb
    in al, dx
    mov [0x60c], al
    or al, 0x80
    out dx, al
    mov dx, 0x3f8
    in al, dx
    mov [0x60e], al
    cli
    hlt`);
  let sent = "";
  partition.chipset.onOutput("com1", (bytes) => {
    sent += String.fromCharCode(...bytes);
  });
  partition.send("com1", "Q");
  expect(run(partition)).toBe("halt");
  const word = (at: number): number => partition.memory.readUint16(at);
  expect(sent).toBe("R");
  const TRANSMITTER_EMPTY = 0x6000;
  expect(word(0x600) & TRANSMITTER_EMPTY).toBe(TRANSMITTER_EMPTY);
  expect(word(0x602) & 0xa0ff).toBe(0x2000 | 0x52);
  expect(word(0x604) & 0x0100).toBe(0x0100); // a character waits
  expect(word(0x606) & 0xff).toBe("Q".charCodeAt(0));
  expect(word(0x606) & 0x9e00).toBe(0);
  expect(word(0x608) & 0x8000).toBe(0x8000);
  expect(word(0x60a) >> 8).toBe(0x80);
  expect([word(0x60c) & 0xff, word(0x60e) & 0xff]).toEqual([3, 12]); // 115,200 / 12 = 9,600
  partition[Symbol.dispose]();
});

test("interrupt handlers: user tick, alarm, keyboard intercept, and what stands for the absent printer", () => {
  const { partition, pc } = booting(`
    mov word [0x1c * 4], tick
    mov word [0x1c * 4 + 2], 0
    mov word [0x4a * 4], alarm
    mov word [0x4a * 4 + 2], 0
    mov ah, 6             ; in two seconds
    mov cx, 0x1200
    mov dx, 0x0200
    int 0x1a
    mov [0x606], ax
  .wait:
    hlt
    cmp byte [0x602], 0
    je .wait
    mov eax, [0x15 * 4]
    mov [old], eax
    mov word [0x15 * 4], intercept
    mov word [0x15 * 4 + 2], 0
    mov ah, 0             ; the second key: the first is taken away
    int 0x16
    mov [0x604], ax
    xor ax, ax
    int 0x17
    mov [0x608], ax
    cli
    hlt
  tick:
    inc word cs:[0x600]
    iret
  alarm:
    inc byte cs:[0x602]
    iret
  intercept:
    cmp ax, 0x4f1e
    je .take
    jmp far cs:[old]
  .take:
    push bp
    mov bp, sp
    and byte [bp + 6], 0xfe
    pop bp
    iret
  old: .long 0`);
  for (let n = 0; n < 400 && partition.memory.readUint8(0x602) === 0; n++) partition.run({ ticks: 10_000_000 });
  expect(partition.memory.readUint8(0x602)).toBe(1);
  const ticks = partition.memory.readUint16(0x600);
  expect(ticks).toBeGreaterThanOrEqual(35);
  expect(ticks).toBeLessThanOrEqual(38);
  partition.run({ ticks: 1_000_000 });
  pc.i8042.keyboard.type("ab");
  expect(run(partition)).toBe("halt");
  expect(partition.memory.readUint16(0x604)).toBe(0x3062);
  expect(partition.memory.readUint16(0x608) >> 8).toBe(1);
  partition[Symbol.dispose]();
});

test("a shutdown code of 0Ah resumes through 40:67 instead of booting", async () => {
  const { partition } = booting(`
    mov word [0x467], resumed
    mov word [0x469], 0
    mov al, 0x0f
    out 0x70, al
    mov al, 0x0a
    out 0x71, al
    mov al, 0xfe
    out 0x64, al
  .wait:
    hlt
    jmp .wait
  resumed:
    mov word [0x600], 0x1234
    cli
    hlt`);
  expect(run(partition)).toBe("reset");
  await partition.reset();
  expect(run(partition)).toBe("halt");
  expect(partition.memory.readUint16(0x600)).toBe(0x1234);
  partition[Symbol.dispose]();
});
