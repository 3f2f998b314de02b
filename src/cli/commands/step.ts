// `ringfence step`: executes an image one instruction at a time and prints address, bytes, disassembly and
// the registers that changed.

import type { Command } from "commander";
import { type Disassembler, loadDisassembler, type RegisterName, type VirtualProcessor } from "../../node.js";
import { parseCount } from "../arguments.js";
import { addMachineOptions, createMachine, type MachineOptions } from "../machine.js";
import { EXIT_OK, EXIT_TRIPLE_FAULT } from "../report.js";

interface StepOptions extends MachineOptions {
  count: number;
}

const INSTRUCTION_MAX = 15;
const MODE_LONG = 0x400n;
const RFLAGS_VM = 0x20000n;
const ATTRIBUTE_LONG = 0x2000;
const ATTRIBUTE_BIG = 0x4000;

/** What a line may show as changed; the instruction pointer shows in the next line. */
const WATCHED: readonly RegisterName[] = [
  ...([
    "rax",
    "rbx",
    "rcx",
    "rdx",
    "rsi",
    "rdi",
    "rbp",
    "rsp",
    "r8",
    "r9",
    "r10",
    "r11",
    "r12",
    "r13",
    "r14",
    "r15",
  ] as const),
  ...(["rflags", "es.selector", "cs.selector", "ss.selector", "ds.selector", "fs.selector", "gs.selector"] as const),
  ...(["ldtr.selector", "tr.selector", "gdtr.base", "idtr.base", "cr0", "cr2", "cr3", "cr4", "efer", "cpl"] as const),
];

function codeBits(processor: VirtualProcessor): 16 | 32 | 64 {
  const { registers } = processor;
  const { attributes } = registers.cs;
  if ((registers.efer & MODE_LONG) !== 0n && (attributes & ATTRIBUTE_LONG) !== 0) return 64;
  const protectedMode = (registers.cr0 & 1n) !== 0n && (registers.rflags & RFLAGS_VM) === 0n;
  return protectedMode && (attributes & ATTRIBUTE_BIG) !== 0 ? 32 : 16;
}

/** The bytes at CS:RIP, as many as can be read. */
function fetch(processor: VirtualProcessor, linear: bigint): Uint8Array {
  const bytes = new Uint8Array(INSTRUCTION_MAX);
  let length = 0;
  while (length < INSTRUCTION_MAX) {
    const at = processor.translate(BigInt.asUintN(64, linear + BigInt(length)), "execute");
    if (!at.ok) break;
    try {
      processor.readMemory(BigInt.asUintN(64, linear + BigInt(length)), bytes.subarray(length, length + 1));
    } catch {
      break;
    }
    length++;
  }
  return bytes.subarray(0, length);
}

function describeNext(processor: VirtualProcessor, disassembler: Disassembler): string {
  const { registers } = processor;
  const bits = codeBits(processor);
  const rip = registers.rip;
  const linear = bits === 64 ? rip : BigInt.asUintN(32, registers.cs.base + rip);
  const bytes = fetch(processor, linear);
  const address =
    bits === 64
      ? rip.toString(16).padStart(16, "0")
      : `${registers.cs.selector.toString(16).padStart(4, "0")}:${rip.toString(16).padStart(bits / 4, "0")}`;
  if (bytes.length === 0) return `${address}  (cannot be read)`;
  const { length, text } = disassembler.decode(bytes, bits, rip);
  const dump = [...bytes.subarray(0, length)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `${address}  ${dump.padEnd(24)} ${text.padEnd(32)}`;
}

function changes(before: BigUint64Array, after: BigUint64Array): string {
  const texts: string[] = [];
  WATCHED.forEach((name, n) => {
    if (before[n] !== after[n]) texts.push(`${name.replace(".selector", "")}=${after[n].toString(16)}`);
  });
  return texts.join(" ");
}

async function step(path: string | undefined, options: StepOptions): Promise<number> {
  const disassembler = await loadDisassembler();
  const { hypervisor, partition } = await createMachine(path, options);
  try {
    const processor = partition.processors[0];
    const before = new BigUint64Array(WATCHED.length);
    const after = new BigUint64Array(WATCHED.length);
    processor.read(WATCHED, before);
    for (let n = 0; n < options.count; n++) {
      const line = describeNext(processor, disassembler);
      const exit = processor.step();
      processor.read(WATCHED, after);
      process.stdout.write(`${`${line} ${changes(before, after)}`.trimEnd()}\n`);
      before.set(after);
      if (exit.reason === "step") continue;
      if (exit.reason === "memoryAccess" && exit.access === "execute") {
        exit.complete();
        continue;
      }
      process.stdout.write(`-- ${exit.reason}\n`);
      if (exit.reason === "debugExit") return exit.status % 256;
      return exit.reason === "tripleFault" ? EXIT_TRIPLE_FAULT : EXIT_OK;
    }
    return EXIT_OK;
  } finally {
    hypervisor[Symbol.dispose]();
  }
}

export function addStepCommand(program: Command, finish: (code: number) => void): void {
  addMachineOptions(program.command("step").description("execute an image instruction by instruction"))
    .argument("[image]", "flat binary, multiboot kernel or ELF executable")
    .option("--count <n>", "number of instructions", parseCount, 20)
    .action(async (image: string | undefined, options: StepOptions) => finish(await step(image, options)));
}
