// A thin harness that drives the core's WebAssembly exports without the host API: conformance runners and
// fuzzers need millions of short runs, so state is written as cells and compared as bytes.
//
// What is modelled: one partition of one processor with RAM at 0, the environments a user or kernel
// program runs in (real mode, protected 16/32-bit, long mode, compatibility mode, with or without paging), built
// with the architectural tables in guest memory (SDM vol. 3, chapters 3-5).

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as L from "../../src/engine/views.js";

/** Exports of assembly/index.ts that tests use. */
export interface Core {
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
  writeControl(register: number): number;
  addRange(firstPage: number, pages: number, kind: number, firstFrame: number): number;
  removeRange(firstPage: number): number;
  frameOf(page: number): number;
  memoryWritten(frame: number, offset: number, length: number): void;
  translate(processor: number, access: number): number;
  cpuidDefaults(): void;
  setA20(on: number): void;
  decode(length: number, mode: number): number;
  retired(): void;
  regionInstall(index: number, slot: number): number;
  regionKill(index: number): void;
  readonly table: WebAssembly.Table;
}

/** ExitReason of vcpu/exit. */
export const Exit = {
  NONE: 0,
  BUDGET: 1,
  IO_PORT: 2,
  MEMORY: 3,
  MSR: 4,
  CPUID: 5,
  HYPERCALL: 6,
  HALT: 7,
  EXCEPTION: 8,
  INTERRUPT_WINDOW: 9,
  TRIPLE_FAULT: 10,
  CANCELED: 11,
  DEBUG_EXIT: 12,
  STEP: 13,
  IDLE: 14,
  OUTPUT: 15,
  BREAKPOINT: 16,
  RESET: 17,
  TIMER: 18,
  SHUTDOWN: 19,
  TRANSLATE: 20,
} as const;

export const Seg = { ES: 0, CS: 1, SS: 2, DS: 3, FS: 4, GS: 5, LDTR: 6, TR: 7 } as const;

/** Access rights in the layout of x86/segment.ts. */
export const Rights = {
  REAL: 0x93,
  REAL_CODE: 0x9b,
  CODE16: 0x009b,
  CODE32: 0xc09b,
  CODE64: 0xa09b,
  DATA16: 0x0093,
  DATA32: 0xc093,
  LDT: 0x0082,
  TSS32: 0x008b,
  USER: 0x60,
  UNUSABLE: 0x10000,
} as const;

const PAGE = 4096;

export interface MachineOptions {
  /** RAM in pages, all of it at guest-physical 0. */
  readonly pages?: number;
  readonly sets?: number;
  readonly wasm?: string;
}

/** The core under test: RINGFENCE_WASM, or the release build. */
export function wasmPath(): string {
  return process.env.RINGFENCE_WASM ?? fileURLToPath(new URL("../../build/ringfence.wasm", import.meta.url));
}

const modules = new Map<string, WebAssembly.Module>();

function moduleOf(path: string): WebAssembly.Module {
  let module = modules.get(path);
  if (module === undefined) {
    if (!existsSync(path)) throw new Error(`${path} is missing: run "npm run build" first`);
    module = new WebAssembly.Module(readFileSync(path));
    modules.set(path, module);
  }
  return module;
}

/** Bytes of linear memory for a partition: {slots, setsBase, stride, ramBase, limit} (contract of the plan cells). */
function planZone(pages: number, sets: number) {
  const frameTable = L.DYNAMIC;
  const setsBase = align(frameTable + pages * L.FRAME_SIZE);
  for (let slots = 4096; ; slots *= 2) {
    const stride = slots * L.SLOT_BYTES * L.SET_CONTEXTS + L.SET_FILLED_MAX * 4 + PAGE;
    const ramBase = align(setsBase + sets * stride);
    const limit = ramBase + pages * PAGE;
    if (slots * PAGE >= limit + 2 * PAGE) return { frameTable, setsBase, slots, stride, ramBase, limit };
  }
}

const align = (value: number): number => Math.ceil(value / PAGE) * PAGE;

export class Machine {
  readonly core: Core;
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  readonly u64: BigUint64Array;
  readonly memory: WebAssembly.Memory;
  readonly pages: number;
  readonly ram: number;
  readonly limit: number;

  constructor(options: MachineOptions = {}) {
    this.pages = options.pages ?? 4096;
    const sets = options.sets ?? 8;
    const plan = planZone(this.pages, sets);
    const wasmPages = Math.ceil(plan.limit / 65536);
    this.memory = new WebAssembly.Memory({ initial: wasmPages, maximum: Math.max(wasmPages, 65536) });
    this.u8 = new Uint8Array(this.memory.buffer);
    this.u32 = new Uint32Array(this.memory.buffer);
    this.u64 = new BigUint64Array(this.memory.buffer);
    const abort = (): never => {
      throw new Error("core aborted");
    };
    const instance = new WebAssembly.Instance(moduleOf(options.wasm ?? wasmPath()), {
      env: { memory: this.memory, abort },
    });
    this.core = instance.exports as unknown as Core;
    this.ram = plan.ramBase;
    this.limit = plan.limit;
    this.set32(L.RAM_BASE, plan.ramBase);
    this.set32(L.RAM_FRAMES, this.pages);
    this.u64[L.LIMIT / 8] = BigInt(plan.limit);
    this.set32(L.FRAME_TABLE, plan.frameTable);
    this.set32(L.SETS_BASE, plan.setsBase);
    this.set32(L.SETS_STRIDE, plan.stride);
    this.set32(L.SETS_COUNT, sets);
    this.set32(L.SLOT_MASK, plan.slots - 1);
    this.set32(L.PROCESSOR_COUNT, 1);
    this.set32(L.PHYSICAL_BITS, 40);
    this.u64[L.TSC_FREQUENCY / 8] = 1_000_000_000n;
    this.core.init();
    this.core.addRange(0, this.pages, 1, 0);
    this.core.cpuidDefaults();
    this.core.select(0);
    this.core.reset(0);
  }

  get32(cell: number): number {
    return this.u32[cell >>> 2] as number;
  }
  set32(cell: number, value: number): void {
    this.u32[cell >>> 2] = value;
  }
  get64(cell: number): bigint {
    return this.u64[cell >>> 3] as bigint;
  }
  set64(cell: number, value: bigint): void {
    this.u64[cell >>> 3] = value;
  }

  /** All ports, also those the core serves itself, leave to the host. */
  exposePorts(): void {
    this.u8.fill(0, L.PORT_MAP, L.PORT_MAP + 8192);
  }

  // Guest-physical memory; writes tell the core, so that decoded code and derived translations die.
  poke(physical: number, bytes: ArrayLike<number>): void {
    this.u8.set(bytes, this.ram + physical);
    for (let at = physical, end = physical + bytes.length; at < end; ) {
      const length = Math.min(PAGE - (at & (PAGE - 1)), end - at);
      this.core.memoryWritten(at >>> 12, at & (PAGE - 1), length);
      at += length;
    }
  }
  poke8(physical: number, value: number): void {
    this.u8[this.ram + physical] = value;
    this.core.memoryWritten(physical >>> 12, physical & (PAGE - 1), 1);
  }
  peek(physical: number, length: number): Uint8Array {
    return this.u8.subarray(this.ram + physical, this.ram + physical + length);
  }

  gpr(index: number): bigint {
    return this.get64(L.GPR + index * 8);
  }
  setGpr(index: number, value: bigint): void {
    this.set64(L.GPR + index * 8, value);
  }

  setSegment(seg: number, selector: number, base: bigint, limit: number, attributes: number): void {
    this.set32(L.SEG_SELECTOR + seg * 4, selector);
    this.set32(L.SEG_ATTRIBUTES + seg * 4, attributes);
    this.set32(L.SEG_LIMIT + seg * 4, limit);
    this.set64(L.SEG_BASE + seg * 8, base);
  }
  setRealSegment(seg: number, selector: number): void {
    this.setSegment(seg, selector, BigInt(selector << 4), 0xffff, seg === Seg.CS ? Rights.REAL_CODE : Rights.REAL);
  }

  setControls(cr0: bigint, cr3: bigint, cr4: bigint, efer: bigint, cpl: number): void {
    this.set64(L.CR0, cr0);
    this.set64(L.CR3, cr3);
    this.set64(L.CR4, cr4);
    this.set64(L.EFER, efer);
    this.set32(L.CPL, cpl);
  }

  /** Forgets events, shadows and activity of the previous case. */
  settle(): void {
    this.set32(L.ACTIVITY, 0);
    this.set32(L.SHADOW, 0);
    this.set32(L.NMI_BLOCKED, 0);
    this.set32(L.NMI_PENDING, 0);
    this.set32(L.INTERRUPT_REQUEST, 0);
    this.set32(L.INJECT, 0);
    this.set32(L.TRAP_PENDING, 0);
    this.set32(L.DEBUG_HITS, 0);
    this.set32(L.FAULT, 0);
    this.set32(L.REPLAY_COUNT, 0);
    this.set32(L.REPLAY_POSITION, 0);
  }

  /** Runs up to `ticks` ticks; returns the ExitReason. */
  run(ticks: number): number {
    this.set64(L.BUDGET, BigInt(ticks));
    return this.core.run();
  }
}
