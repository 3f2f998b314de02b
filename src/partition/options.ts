// What a partition is made of, validated and completed with defaults.

import { HypervisorError } from "../support/errors.js";
import { type ResolvedTranslation, resolveTranslation, type TranslationOptions } from "../translation/index.js";
import { type CoreDevice, coreDevices, defaultDevices } from "./chipset.js";
import type { ClockKind } from "./clock.js";
import { checkMemorySize, type RomImage } from "./map.js";

/** One CPUID leaf that the guest sees instead of the default. */
export interface CpuidOverride {
  leaf: number;
  /** Only this subleaf; absent: the leaf has none. */
  subleaf?: number;
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}

export interface PartitionOptions {
  name?: string;
  /** Bytes of RAM: a multiple of 4 KiB, at most 3.5 GiB. */
  memory: number;
  processors?: number;
  /** Leaves guest-physical 0xA0000-0xBFFFF without RAM, for a display adapter. */
  vgaHole?: boolean;
  roms?: readonly RomImage[];
  /** Devices that the core serves itself. */
  devices?: readonly CoreDevice[];
  cpuid?: readonly CpuidOverride[];
  /** Nominal frequency in Hz: guest time is ticks divided by it. */
  frequency?: number;
  /**
   * "virtual" (default): guest time is ticks, the same in every run, and jumps to the next event while all
   * processors are halted. "host": guest time follows real time, and an idle guest sleeps.
   */
  clock?: ClockKind;
  physicalBits?: number;
  /** What happens when nothing answers an access: reads give all ones and writes are dropped, or it is an exit. */
  unhandled?: { ports?: "default" | "exit"; memory?: "default" | "exit" };
  /** How hot guest code becomes WebAssembly; false: it is interpreted. The guest cannot tell. */
  translation?: false | TranslationOptions;
}

export interface ResolvedOptions {
  readonly name: string;
  readonly memory: number;
  readonly processors: number;
  readonly vgaHole: boolean;
  readonly roms: readonly RomImage[];
  readonly devices: readonly CoreDevice[];
  readonly cpuid: readonly CpuidOverride[];
  readonly frequency: number;
  readonly clock: ClockKind;
  readonly physicalBits: number;
  readonly exitOnPort: boolean;
  readonly exitOnMemory: boolean;
  /** Undefined: everything is interpreted. */
  readonly translation: ResolvedTranslation | undefined;
  /** What partitions must have in common to take over one another's state. */
  readonly shape: string;
}

const PROCESSORS_MAX = 64;

function integer(value: number, low: number, high: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < low || value > high) {
    throw new HypervisorError(
      "invalid-argument",
      `${what} of ${value}: it must be a whole number from ${low} to ${high}`,
    );
  }
  return value;
}

export function resolveOptions(options: PartitionOptions): ResolvedOptions {
  checkMemorySize(options.memory);
  const processors = options.processors ?? 1;
  if (!Number.isInteger(processors) || processors < 1 || processors > PROCESSORS_MAX) {
    throw new HypervisorError(
      "invalid-processor-count",
      `${processors} processors: there can be 1 to ${PROCESSORS_MAX}`,
    );
  }
  for (const device of options.devices ?? []) {
    if (!coreDevices.includes(device))
      throw new HypervisorError("invalid-argument", `there is no core device "${device}"`);
  }
  for (const entry of options.cpuid ?? []) {
    for (const field of ["leaf", "eax", "ebx", "ecx", "edx"] as const)
      integer(entry[field], 0, 0xffff_ffff, `CPUID ${field}`);
    if (entry.subleaf !== undefined) integer(entry.subleaf, 0, 0xffff_ffff, "CPUID subleaf");
  }
  if (options.clock !== undefined && options.clock !== "virtual" && options.clock !== "host") {
    throw new HypervisorError("invalid-argument", `there is no clock "${String(options.clock)}"`);
  }
  const resolved = {
    name: options.name ?? "partition",
    memory: options.memory,
    processors,
    vgaHole: options.vgaHole ?? false,
    roms: options.roms ?? [],
    devices: options.devices ?? defaultDevices,
    cpuid: options.cpuid ?? [],
    frequency: integer(options.frequency ?? 1_000_000_000, 1_000_000, 100_000_000_000, "a frequency"),
    clock: options.clock ?? "virtual",
    physicalBits: integer(options.physicalBits ?? 40, 36, 44, "physical address bits"),
    exitOnPort: options.unhandled?.ports === "exit",
    exitOnMemory: options.unhandled?.memory === "exit",
    translation: resolveTranslation(options.translation),
  };
  const { memory, vgaHole, roms, devices, cpuid, frequency, clock, physicalBits } = resolved;
  const sizes = roms.map((rom) => [rom.base, rom.data.length]);
  const shape = {
    memory,
    processors,
    vgaHole,
    roms: sizes,
    devices: [...devices].sort(),
    cpuid,
    frequency,
    clock,
    physicalBits,
  };
  return { ...resolved, shape: JSON.stringify(shape) };
}
