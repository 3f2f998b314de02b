// Registers by name. One table says where each name lives in the running processor's state and how wide
// it is; RegisterFile, bulk reads and the debugger all go through it. Reading or writing first makes the
// core's hot state hold the processor in question.

import type { Core } from "../engine/core.js";
import * as v from "../engine/views.js";
import { HypervisorError } from "../support/errors.js";

const GPR64 = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] as const;
const GPR32 = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"] as const;
const GPR16 = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"] as const;
const GPR8 = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"] as const;
const GPR8_HIGH = ["ah", "ch", "dh", "bh"] as const;
const EXTENDED = ["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"] as const;
const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"] as const;
const TABLES = ["gdtr", "idtr"] as const;

type Extended = (typeof EXTENDED)[number];
export type GeneralRegisterName =
  | (typeof GPR64)[number]
  | (typeof GPR32)[number]
  | (typeof GPR16)[number]
  | (typeof GPR8)[number]
  | (typeof GPR8_HIGH)[number]
  | Extended
  | `${Extended}${"d" | "w" | "b"}`;
export type SegmentName = (typeof SEGMENTS)[number];
export type TableName = (typeof TABLES)[number];
export type ControlRegisterName = "cr0" | "cr2" | "cr3" | "cr4" | "cr8" | "efer" | "xcr0";
export type DebugRegisterName = "dr0" | "dr1" | "dr2" | "dr3" | "dr6" | "dr7";
export type MsrName =
  | "star"
  | "lstar"
  | "cstar"
  | "sfmask"
  | "kernelGsBase"
  | "sysenterCs"
  | "sysenterEsp"
  | "sysenterEip"
  | "pat"
  | "apicBase"
  | "tsc"
  | "tscAux"
  | "miscEnable"
  | "mtrrDefType";
type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;
/** Control word, status word, abridged tags as FXSAVE keeps them, last opcode and pointers; STn counts from TOP. */
export type FloatRegisterName = "fcw" | "fsw" | "ftw" | "fop" | "fip" | "fdp" | `${"st" | "mm"}${Digit}`;
export type VectorRegisterName = "mxcsr" | `xmm${Digit | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15}`;
export type ScalarRegisterName =
  | GeneralRegisterName
  | FloatRegisterName
  | VectorRegisterName
  | "rip"
  | "eip"
  | "ip"
  | "rflags"
  | "eflags"
  | "flags"
  | "cpl"
  | ControlRegisterName
  | DebugRegisterName
  | MsrName;
export type RegisterName =
  | ScalarRegisterName
  | `${SegmentName}.${"selector" | "base" | "limit" | "attributes"}`
  | `${TableName}.${"base" | "limit"}`;

/** How a register is stored and what a write to it means. */
type Kind = "plain" | "general32" | "flags" | "control" | "state" | "tsc" | "stack";
type Size = 1 | 2 | 4 | 8 | 10 | 16;

interface RegisterCell {
  readonly name: RegisterName;
  readonly kind: Kind;
  readonly address: number;
  /** Bytes read and written at `address`. */
  readonly size: Size;
  /** Largest value a write may have. */
  readonly max: bigint;
  /** Register number for writeControl. */
  readonly control: number;
  /** Reserved bits that always read as one. */
  readonly ones: bigint;
}

const cells = new Map<string, RegisterCell>();

function define(
  name: RegisterName,
  address: number,
  size: Size,
  kind: Kind = "plain",
  bits = size * 8,
  control = -1,
  ones = 0,
): void {
  cells.set(name, { name, kind, address, size, max: (1n << BigInt(bits)) - 1n, control, ones: BigInt(ones) });
}

for (let n = 0; n < 16; n++) {
  const address = v.GPR + n * 8;
  if (n < 8) {
    define(GPR64[n], address, 8);
    define(GPR32[n], address, 4, "general32");
    define(GPR16[n], address, 2);
    define(GPR8[n], address, 1);
    if (n < 4) define(GPR8_HIGH[n], address + 1, 1);
  } else {
    const name = EXTENDED[n - 8];
    define(name, address, 8);
    define(`${name}d`, address, 4, "general32");
    define(`${name}w`, address, 2);
    define(`${name}b`, address, 1);
  }
}
define("rip", v.RIP, 8, "state");
define("eip", v.RIP, 4, "general32");
define("ip", v.RIP, 2, "general32");
define("rflags", 0, 8, "flags");
define("eflags", 0, 4, "flags");
define("flags", 0, 2, "flags");
define("cpl", v.CPL, 4, "state", 2);
SEGMENTS.forEach((name, n) => {
  define(`${name}.selector`, v.SEG_SELECTOR + n * 4, 4, "state", 16);
  define(`${name}.attributes`, v.SEG_ATTRIBUTES + n * 4, 4, "state", 17);
  define(`${name}.limit`, v.SEG_LIMIT + n * 4, 4, "state");
  define(`${name}.base`, v.SEG_BASE + n * 8, 8, "state");
});
define("gdtr.base", v.GDTR_BASE, 8);
define("gdtr.limit", v.GDTR_LIMIT, 4, "plain", 16);
define("idtr.base", v.IDTR_BASE, 8);
define("idtr.limit", v.IDTR_LIMIT, 4, "plain", 16);
define("cr0", v.CR0, 8, "control", 64, 0);
define("cr2", v.CR2, 8);
define("cr3", v.CR3, 8, "control", 64, 3);
define("cr4", v.CR4, 8, "control", 64, 4);
define("cr8", v.CR8, 8, "control", 4, 8);
define("efer", v.EFER, 8, "control", 64, 0x80);
define("xcr0", v.XCR0, 8);
for (const n of [0, 1, 2, 3] as const) define(`dr${n}`, v.DR + n * 8, 8, "state");
define("dr6", v.DR + 6 * 8, 8, "state", 32, -1, v.DR6_FIXED);
define("dr7", v.DR + 7 * 8, 8, "state", 32, -1, v.DR7_FIXED);
define("star", v.MSR_STAR, 8);
define("lstar", v.MSR_LSTAR, 8);
define("cstar", v.MSR_CSTAR, 8);
define("sfmask", v.MSR_SFMASK, 8);
define("kernelGsBase", v.MSR_KERNEL_GS_BASE, 8);
define("sysenterCs", v.MSR_SYSENTER_CS, 8);
define("sysenterEsp", v.MSR_SYSENTER_ESP, 8);
define("sysenterEip", v.MSR_SYSENTER_EIP, 8);
define("pat", v.MSR_PAT, 8);
define("apicBase", v.MSR_APIC_BASE, 8);
define("tsc", v.TSC_OFFSET, 8, "tsc");
define("tscAux", v.MSR_TSC_AUX, 8, "plain", 32);
define("miscEnable", v.MSR_MISC_ENABLE, 8);
define("mtrrDefType", v.MSR_MTRR_DEF_TYPE, 8);

define("fcw", v.X87_CONTROL, 2);
define("fsw", v.X87_STATUS, 2);
define("ftw", v.X87_TAGS, 1);
define("fop", v.X87_OPCODE, 2, "plain", 11);
define("fip", v.X87_IP, 8);
define("fdp", v.X87_DP, 8);
for (let n = 0; n < 8; n++) {
  define(`st${n as Digit}`, n, 10, "stack");
  define(`mm${n as Digit}`, v.X87 + n * 16, 8);
}
for (let n = 0; n < 16; n++) define(`xmm${n as Digit}`, v.YMM + n * 32, 16);
define("mxcsr", v.MXCSR, 4, "plain", 16);

/** Every register name, in the order of the table. */
export const registerNames: readonly RegisterName[] = [...cells.keys()] as RegisterName[];

/** The parts are independent, as in a VMCS: writing a selector loads no descriptor, and CPL is a register of its own. */
export interface SegmentRegister {
  selector: number;
  base: bigint;
  /** In bytes, granularity applied. */
  limit: number;
  /** Access rights as VT-x writes them: type, S, DPL, P, AVL, L, D/B, G; bit 16 unusable. */
  attributes: number;
}

export interface TableRegister {
  base: bigint;
  limit: number;
}

const MASK64 = (1n << 64n) - 1n;

/** Registers of one processor: `get`/`set` by name, and a property per name (`file.rax`, `file.cs.base`). */
export class RegisterAccess {
  readonly #core: Core;
  readonly #select: () => void;
  #bulk: BigUint64Array | undefined;
  #halves: Uint32Array = new Uint32Array(0);

  constructor(core: Core, select: () => void) {
    this.#core = core;
    this.#select = select;
  }

  #cell(name: string): RegisterCell {
    const cell = cells.get(name);
    if (cell === undefined) throw new HypervisorError("unknown-register", `there is no register "${name}"`);
    return cell;
  }

  get(name: RegisterName): bigint {
    const cell = this.#cell(name);
    this.#select();
    if (cell.kind === "flags") return BigInt(this.#core.exports.rflags() >>> 0) & cell.max;
    if (cell.kind === "tsc") {
      return (this.#core.getU64(v.CLOCK) + this.#core.getU64(cell.address)) & MASK64;
    }
    if (cell.size === 8) return this.#core.getU64(cell.address);
    if (cell.size > 8) {
      const address = this.#address(cell);
      return this.#core.getU64(address) | ((this.#core.getU64(address + 8) << 64n) & cell.max);
    }
    return BigInt(this.#small(cell));
  }

  /** Where the bytes lie: the x87 stack turns with TOP, bits 13:11 of the status word. */
  #address(cell: RegisterCell): number {
    if (cell.kind !== "stack") return cell.address;
    return v.X87 + (((this.#core.bytes[v.X87_STATUS + 1] >> 3) + cell.address) & 7) * 16;
  }

  #small(cell: RegisterCell): number {
    if (cell.size === 4) return this.#core.getU32(cell.address);
    if (cell.size === 2) return this.#core.bytes[cell.address] | (this.#core.bytes[cell.address + 1] << 8);
    return this.#core.bytes[cell.address];
  }

  set(name: RegisterName, value: bigint | number): void {
    const cell = this.#cell(name);
    const wide = typeof value === "number" ? this.#integer(name, value) : value;
    if (wide < 0n || wide > cell.max) {
      throw new HypervisorError("invalid-register-value", `${name} cannot hold 0x${wide.toString(16)}`);
    }
    this.#select();
    const core = this.#core;
    switch (cell.kind) {
      case "flags": {
        const kept = BigInt(core.exports.rflags() >>> 0) & ~cell.max;
        core.exports.setRflags(Number((kept | wide) & 0xffff_ffffn));
        return;
      }
      case "control":
        core.setValue(0, wide);
        if (core.exports.writeControl(cell.control) === 0) {
          throw new HypervisorError(
            "invalid-register-value",
            `the processor does not accept 0x${wide.toString(16)} in ${name}`,
          );
        }
        return;
      case "tsc":
        core.setU64(cell.address, (wide - core.getU64(v.CLOCK)) & MASK64);
        return;
      case "general32":
        core.setU64(cell.address, wide);
        break;
      default:
        this.#store(cell, wide | cell.ones);
    }
    if (cell.kind === "state" || cell.address === v.RIP) core.exports.refresh();
  }

  #store(cell: RegisterCell, value: bigint): void {
    if (cell.size === 8) this.#core.setU64(cell.address, value);
    else {
      const address = this.#address(cell);
      for (let i = 0; i < cell.size; i++) this.#core.bytes[address + i] = Number((value >> BigInt(i * 8)) & 0xffn);
    }
  }

  #integer(name: string, value: number): bigint {
    if (!Number.isSafeInteger(value)) {
      throw new HypervisorError("invalid-register-value", `${name} cannot hold ${value}: not an exact integer`);
    }
    return BigInt(value);
  }

  /** Reads many registers of up to 64 bits without allocating: the same array should be passed again. */
  read(names: readonly RegisterName[], into: BigUint64Array): void {
    if (into.length < names.length) {
      throw new HypervisorError("invalid-argument", `${names.length} registers do not fit ${into.length} elements`);
    }
    if (this.#bulk !== into) {
      this.#bulk = into;
      this.#halves = new Uint32Array(into.buffer, into.byteOffset, into.length * 2);
    }
    this.#select();
    const halves = this.#halves;
    const core = this.#core;
    for (let i = 0; i < names.length; i++) {
      const cell = this.#cell(names[i]);
      if (cell.size > 8) throw new HypervisorError("invalid-argument", `${cell.name} is wider than 64 bits: use get`);
      let low: number;
      let high = 0;
      if (cell.kind === "flags") {
        low = core.exports.rflags() & (cell.size === 2 ? 0xffff : -1);
      } else if (cell.kind === "tsc") {
        const tsc = this.get(cell.name);
        low = Number(tsc & 0xffff_ffffn);
        high = Number(tsc >> 32n);
      } else if (cell.size === 8) {
        low = core.getU32(cell.address);
        high = core.getU32(cell.address + 4);
      } else low = this.#small(cell);
      halves[i * 2] = low;
      halves[i * 2 + 1] = high;
    }
  }
}

export type RegisterFile = RegisterAccess & { [Name in ScalarRegisterName]: bigint } & {
  [Name in SegmentName]: SegmentRegister;
} & { [Name in TableName]: TableRegister };

// A property per name. Compound registers get a small view object per file, made on first use.
const views = new WeakMap<RegisterAccess, Map<string, object>>();

function compound(file: RegisterAccess, prefix: string, fields: readonly string[]): object {
  const known = views.get(file) ?? new Map<string, object>();
  views.set(file, known);
  let view = known.get(prefix);
  if (view === undefined) {
    view = {};
    for (const field of fields) {
      const name = `${prefix}.${field}` as RegisterName;
      Object.defineProperty(view, field, {
        enumerable: true,
        get: () => (field === "base" ? file.get(name) : Number(file.get(name))),
        set: (value: bigint | number) => file.set(name, value),
      });
    }
    known.set(prefix, view);
  }
  return view;
}

for (const name of cells.keys()) {
  const [prefix, field] = name.split(".");
  if (field === undefined) {
    Object.defineProperty(RegisterAccess.prototype, name, {
      enumerable: true,
      get(this: RegisterAccess) {
        return this.get(name as RegisterName);
      },
      set(this: RegisterAccess, value: bigint | number) {
        this.set(name as RegisterName, value);
      },
    });
  } else if (field === "base") {
    const fields =
      prefix === "gdtr" || prefix === "idtr" ? ["base", "limit"] : ["selector", "base", "limit", "attributes"];
    Object.defineProperty(RegisterAccess.prototype, prefix, {
      enumerable: true,
      get(this: RegisterAccess) {
        return compound(this, prefix, fields);
      },
    });
  }
}
