// Small partitions for tests of the host API: assembles a program, loads it, and hands out the parts.

import {
  Hypervisor,
  loadImage,
  type Partition,
  type PartitionOptions,
  type StartMode,
  type VirtualProcessor,
} from "../../src/node.js";
import { assemble } from "../guest/assemble.js";
import { flat } from "../guest/elf.js";

const MIB = 1024 * 1024;
const CODE: Record<StartMode, string> = { real: ".code16", protected: ".code32", long: ".code64" };
const ORIGIN: Record<StartMode, number> = { real: 0x7c00, protected: 0x100000, long: 0x100000 };

let shared: Promise<Hypervisor> | undefined;

/** One hypervisor per test file: the core is compiled once. */
export function hypervisor(): Promise<Hypervisor> {
  shared ??= Hypervisor.create();
  return shared;
}

export async function createPartition(options: Partial<PartitionOptions> = {}): Promise<Partition> {
  return (await hypervisor()).createPartition({ memory: 4 * MIB, ...options });
}

/** Bytes of a program for the start address of a mode. */
export function program(source: string, mode: StartMode = "real"): Uint8Array {
  return flat(assemble(`${CODE[mode]}\n.org ${ORIGIN[mode]}\n${source}\n`, { name: "test" }));
}

export interface Machine {
  readonly partition: Partition;
  readonly processor: VirtualProcessor;
}

/** A partition about to execute `source`. */
export async function machine(
  source: string,
  options: Partial<PartitionOptions> = {},
  mode: StartMode = "real",
): Promise<Machine> {
  const partition = await createPartition(options);
  loadImage(partition, program(source, mode), { format: "flat", mode });
  return { partition, processor: partition.processors[0] };
}

/** The code of a HypervisorError that `action` throws. */
export function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
}
