// One instance of the core: its exports, its memory and the typed views of the fixed part. Nothing in
// here knows what a partition is; 64-bit values cross the boundary through the VALUE cells.

import type { MemoryPlan } from "./plan.js";
import {
  CORE_DEVICES,
  DYNAMIC,
  FRAME_TABLE,
  LIMIT,
  PHYSICAL_BITS,
  PROCESSOR_COUNT,
  RAM_BASE,
  RAM_FRAMES,
  SETS_BASE,
  SETS_COUNT,
  SETS_STRIDE,
  SLOT_MASK,
  TSC_FREQUENCY,
  VALUE,
} from "./views.js";

/** What assembly/index.ts exports (asc's generated bindings drop an imported memory, so this is kept by hand). */
export interface CoreExports {
  init(): void;
  select(processor: number): void;
  reset(processor: number): void;
  refresh(): void;
  run(): number;
  step(processor: number, count: number): number;
  complete(): void;
  completeFault(vector: number, hasError: number, error: number): void;
  rflags(): number;
  setRflags(value: number): void;
  /** 0: refused. EFER is register 0x80. */
  writeControl(register: number): number;
  addRange(firstPage: number, pages: number, kind: number, firstFrame: number): number;
  removeRange(firstPage: number): number;
  frameOf(page: number): number;
  memoryWritten(frame: number, offset: number, length: number): void;
  translate(processor: number, access: number): number;
  cpuidDefaults(): void;
  setA20(open: number): void;
  /** Lines 0-23; see DeviceBus.interrupt. */
  setInterruptLine(line: number, high: number): void;
  /** A write to FEExxxxxh. */
  message(address: number, data: number): void;
  /** HOST_DEADLINE has changed. */
  schedule(): void;
  /** Selects a processor and gives its state its one form. */
  canonicalize(processor: number): void;
  /** VALUE[0] = digest of VALUE[0] and a piece of linear memory. */
  digest(address: number, length: number): void;
  /** A saved chipset and clock are in place. */
  chipsetRestored(): void;
  resetChipset(): void;
  decode(length: number, mode: number): number;
  retired(): void;
  uartInput(port: number, byte: number): number;
  /** The region's function is in this slot of the table: it can be entered. */
  regionInstall(index: number, slot: number): void;
  /** The region is not entered any more. */
  regionKill(index: number): void;
  /** The host has moved the side tables of regions. */
  regionsMoved(): void;
  /** What regions are called through; the host adds their functions behind the core's own. */
  readonly table: WebAssembly.Table;
}

export interface CoreParameters {
  processors: number;
  physicalBits: number;
  frequency: bigint;
  /** CoreDevice bits. */
  devices: number;
}

export class Core {
  readonly exports: CoreExports;
  readonly memory: WebAssembly.Memory;
  /** All of the linear memory. */
  readonly bytes: Uint8Array;
  /** The fixed part, below DYNAMIC. */
  readonly u32: Uint32Array;
  readonly u64: BigUint64Array;

  constructor(
    module: WebAssembly.Module,
    readonly plan: MemoryPlan,
    parameters: CoreParameters,
  ) {
    const memory = new WebAssembly.Memory({ initial: plan.wasmPages, maximum: plan.wasmPages });
    this.memory = memory;
    this.bytes = new Uint8Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer, 0, DYNAMIC / 4);
    this.u64 = new BigUint64Array(memory.buffer, 0, DYNAMIC / 8);
    this.exports = this.instantiate<CoreExports>(module);
    this.setU32(RAM_BASE, plan.ramBase);
    this.setU32(RAM_FRAMES, plan.ramFrames);
    this.setU64(LIMIT, BigInt(plan.limit));
    this.setU32(FRAME_TABLE, plan.frameTable);
    this.setU32(SETS_BASE, plan.setsBase);
    this.setU32(SETS_STRIDE, plan.setsStride);
    this.setU32(SETS_COUNT, plan.setsCount);
    this.setU32(SLOT_MASK, plan.slotMask);
    this.setU32(PROCESSOR_COUNT, parameters.processors);
    this.setU32(PHYSICAL_BITS, parameters.physicalBits);
    this.setU64(TSC_FREQUENCY, parameters.frequency);
    this.setU32(CORE_DEVICES, parameters.devices);
    this.exports.init();
  }

  /** Instantiates a module of the engine on this core's memory. */
  instantiate<Exports>(module: WebAssembly.Module): Exports {
    const abort = (_message: number, _file: number, line: number, column: number): never => {
      throw new WebAssembly.RuntimeError(`assertion failed at ${line}:${column}`);
    };
    const instance = new WebAssembly.Instance(module, { env: { memory: this.memory, abort } });
    return instance.exports as unknown as Exports;
  }

  getU32(address: number): number {
    return this.u32[address >>> 2];
  }
  setU32(address: number, value: number): void {
    this.u32[address >>> 2] = value;
  }
  getU64(address: number): bigint {
    return this.u64[address >>> 3];
  }
  setU64(address: number, value: bigint): void {
    this.u64[address >>> 3] = value;
  }
  /** A 64-bit cell as a number, exact below 2^53, without a big integer. */
  getNumber(address: number): number {
    const index = address >>> 2;
    return this.u32[index + 1] * 0x1_0000_0000 + this.u32[index];
  }
  setNumber(address: number, value: number): void {
    const index = address >>> 2;
    this.u32[index] = value >>> 0;
    this.u32[index + 1] = Math.floor(value / 0x1_0000_0000);
  }

  /** VALUE[n]: arguments and results of calls that move 64-bit values. */
  value(n: number): bigint {
    return this.getU64(VALUE + n * 8);
  }
  setValue(n: number, value: bigint): void {
    this.setU64(VALUE + n * 8, value);
  }
}
