// A bare PC for tests of the interrupt path: a flat 32-bit program at 100000h with an interrupt table whose gates
// lead to labels of the program, and a 16-bit start for application processors.
//
//   00800 GDT: 08 code, 10 data     01000 IDT     02000 data that tests look at (RESULTS)
//   08000 where application processors start      100000 code and, below it, the stack

import { type CoreDevice, defaultDevices, type Partition, type PartitionOptions } from "../../src/node.js";
import { assemble } from "../guest/assemble.js";
import { CODE_XR, DATA_RW, gate, INTERRUPT_GATE32, segment } from "./descriptors.js";
import { createHypervisor } from "./machine.js";

export const GDT = 0x800;
export const IDT = 0x1000;
export const RESULTS = 0x2000;
export const CODE = 0x100000;
export const FREQUENCY = 1_000_000_000n;
const PIT_RATE = 1_193_182n;

export const apicDevices: readonly CoreDevice[] = [...defaultDevices, "apic", "ioapic"];

export interface Platform {
  readonly partition: Partition;
  /** The dword at RESULTS + n * 4. */
  result(n: number): number;
  /** The quadword at RESULTS + n * 8. */
  result64(n: number): bigint;
  label(name: string): number;
}

const shared = createHypervisor();

/** Masters the 8259A pair at vectors 20h and 28h with the given masks. */
export const startPic = (master: number, slave = 0xff): string =>
  [
    [0x20, 0x11],
    [0x21, 0x20],
    [0x21, 0x04],
    [0x21, 0x01],
    [0xa0, 0x11],
    [0xa1, 0x28],
    [0xa1, 0x02],
    [0xa1, 0x01],
    [0x21, master],
    [0xa1, slave],
  ]
    .map(([port, value]) => `mov al, ${value}\nout ${port}, al`)
    .join("\n");

/** Names of local and I/O APIC registers, and where application processors come from real to protected mode. */
const PRELUDE = `
APIC = 0xfee00000
APIC_ID = APIC + 0x20
APIC_TPR = APIC + 0x80
APIC_PPR = APIC + 0xa0
APIC_EOI = APIC + 0xb0
APIC_SVR = APIC + 0xf0
APIC_ICR = APIC + 0x300
APIC_ICR_HIGH = APIC + 0x310
APIC_TIMER = APIC + 0x320
APIC_LINT0 = APIC + 0x350
APIC_INITIAL = APIC + 0x380
APIC_CURRENT = APIC + 0x390
APIC_DIVIDE = APIC + 0x3e0
IOAPIC = 0xfec00000
RESULTS = ${RESULTS}
.org 0x8000
.code16
    cli
    xor ax, ax
    mov ds, ax
    lgdt [.gdtr]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    o32 jmp 8:.protected
.gdtr: .word 23
    .long ${GDT}
.code32
.protected:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    lidt [.idtr]
    mov esi, [APIC_ID]
    shr esi, 24
    mov esp, esi
    shl esp, 10
    add esp, 0x40000
    jmp application
.idtr: .word 0x7ff
    .long ${IDT}
`;

/** A partition about to run \`source\`; \`handlers\` are vectors and the labels they lead to. */
export async function platform(
  source: string,
  handlers: Record<number, string> = {},
  options: Partial<PartitionOptions> = {},
): Promise<Platform> {
  const partition = (await shared).createPartition({ memory: 4 << 20, ...options });
  const application = source.includes("application:") ? "" : "\napplication: cli\nhlt\n";
  const text = `${PRELUDE}\n.org ${CODE}\n.code32\n${source}\n${application}`;
  const { chunks, symbols } = assemble(text, { name: "platform" });
  for (const chunk of chunks) partition.memory.write(Number(chunk.load), chunk.bytes);
  const label = (name: string): number => {
    const value = symbols.get(name);
    if (value === undefined) throw new Error(`no label ${name}`);
    return Number(value);
  };
  partition.memory.writeUint64(GDT + 0x08, segment({ type: CODE_XR }));
  partition.memory.writeUint64(GDT + 0x10, segment({ type: DATA_RW }));
  for (const [vector, name] of Object.entries(handlers)) {
    partition.memory.writeUint64(
      IDT + Number(vector) * 8,
      gate({ type: INTERRUPT_GATE32, selector: 0x08, offset: label(name) }),
    );
  }
  const { registers } = partition.processors[0];
  registers.gdtr.base = BigInt(GDT);
  registers.gdtr.limit = 23;
  registers.idtr.base = BigInt(IDT);
  registers.idtr.limit = 0x7ff;
  registers.cr0 = 0x31n;
  const load = (name: "cs" | "ss" | "ds" | "es", selector: number, attributes: number): void => {
    Object.assign(registers[name], { selector, base: 0n, limit: 0xffff_ffff, attributes });
  };
  load("cs", 0x08, 0xc09b);
  for (const name of ["ss", "ds", "es"] as const) load(name, 0x10, 0xc093);
  registers.rip = BigInt(CODE);
  registers.rsp = BigInt(CODE);
  return {
    partition,
    result: (n) => partition.memory.readUint32(RESULTS + n * 4),
    result64: (n) => partition.memory.readUint64(RESULTS + n * 8),
    label,
  };
}

/** CLK pulses of the 8254 up to a tick at the default frequency, and the first tick of a pulse. */
export const pulsesAt = (tick: bigint): bigint => (tick * PIT_RATE) / FREQUENCY;
export const tickOf = (pulse: bigint): bigint => (pulse * FREQUENCY + PIT_RATE - 1n) / PIT_RATE;
