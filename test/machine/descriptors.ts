// Descriptors, gates, task-state segments and page-table entries as the manuals draw them, built from
// named fields (SDM Vol. 3, 3.4.5, 3.5, 5.8.3, 6.11, 4.3-4.5). Nothing here comes from the engine.

/** Types of code and data descriptors (S = 1): SDM Vol. 3, table 3-1. */
export const DATA_RO = 0x1;
export const DATA_RW = 0x3;
export const DATA_RW_DOWN = 0x7;
export const CODE_X = 0x9;
export const CODE_XR = 0xb;
export const CODE_X_CONFORMING = 0xd;
export const CODE_XR_CONFORMING = 0xf;

/** Types of system descriptors (S = 0): SDM Vol. 3, table 3-2. */
export const TSS16 = 1;
export const LDT = 2;
export const TSS16_BUSY = 3;
export const CALL_GATE16 = 4;
export const TASK_GATE = 5;
export const INTERRUPT_GATE16 = 6;
export const TRAP_GATE16 = 7;
export const TSS32 = 9;
export const TSS32_BUSY = 11;
export const CALL_GATE32 = 12;
export const INTERRUPT_GATE32 = 14;
export const TRAP_GATE32 = 15;

export interface SegmentFields {
  base?: number;
  /** In bytes; granularity is chosen unless given. */
  limit?: number;
  type: number;
  system?: boolean;
  dpl?: number;
  present?: boolean;
  long?: boolean;
  /** D/B bit. */
  big?: boolean;
  granularity?: boolean;
}

export function segment(fields: SegmentFields): bigint {
  const {
    base = 0,
    limit = 0xffff_ffff,
    type,
    system = false,
    dpl = 0,
    present = true,
    long = false,
    big = true,
  } = fields;
  const granularity = fields.granularity ?? limit > 0xf_ffff;
  const units = BigInt(granularity ? limit >>> 12 : limit);
  const access = BigInt(type | (system ? 0 : 0x10) | (dpl << 5) | (present ? 0x80 : 0));
  const flags = BigInt((long ? 2 : 0) | (big && !long && !system ? 4 : 0) | (granularity ? 8 : 0));
  const b = BigInt(base);
  return (
    (units & 0xffffn) |
    ((b & 0xff_ffffn) << 16n) |
    (access << 40n) |
    (((units >> 16n) & 0xfn) << 48n) |
    (flags << 52n) |
    (((b >> 24n) & 0xffn) << 56n)
  );
}

export interface GateFields {
  type: number;
  selector: number;
  offset?: bigint | number;
  dpl?: number;
  present?: boolean;
  /** Parameter count of a call gate, or IST of a 64-bit gate. */
  count?: number;
}

/** The 8-byte form of a gate; the 16-byte form adds `gateHigh`. */
export function gate({ type, selector, offset = 0, dpl = 0, present = true, count = 0 }: GateFields): bigint {
  const o = BigInt(offset);
  return (
    (o & 0xffffn) |
    (BigInt(selector) << 16n) |
    (BigInt(count) << 32n) |
    (BigInt(type | (dpl << 5) | (present ? 0x80 : 0)) << 40n) |
    (((o >> 16n) & 0xffffn) << 48n)
  );
}

/** Second half of a 64-bit gate or of a 64-bit TSS or LDT descriptor. */
export const high = (address: bigint | number): bigint => (BigInt(address) >> 32n) & 0xffff_ffffn;

// Page-table entries: SDM Vol. 3, tables 4-5, 4-15 ff.
export const P = 1n;
export const W = 2n;
export const U = 4n;
export const A = 0x20n;
export const D = 0x40n;
export const PS = 0x80n;
export const G = 0x100n;
export const NX = 1n << 63n;

// Page-fault error code: SDM Vol. 3, figure 4-12.
export const PF_P = 1;
export const PF_W = 2;
export const PF_U = 4;
export const PF_RSVD = 8;
export const PF_I = 16;

// Vectors: SDM Vol. 3, table 6-1.
export const VECTOR = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
} as const;
const WITH_ERROR = new Set<number>([8, 10, 11, 12, 13, 14, 17]);
export const hasErrorCode = (vector: number): boolean => WITH_ERROR.has(vector);

// Control-register bits.
export const CR0 = {
  PE: 1n,
  MP: 2n,
  EM: 4n,
  TS: 8n,
  ET: 0x10n,
  NE: 0x20n,
  WP: 0x10000n,
  AM: 0x40000n,
  PG: 0x80000000n,
} as const;
export const CR4 = {
  VME: 1n,
  TSD: 4n,
  DE: 8n,
  PSE: 0x10n,
  PAE: 0x20n,
  PGE: 0x80n,
  OSFXSR: 0x200n,
  UMIP: 0x800n,
  SMEP: 0x100000n,
  SMAP: 0x200000n,
} as const;
export const EFER = { SCE: 1n, LME: 0x100n, LMA: 0x400n, NXE: 0x800n } as const;
export const FLAG = {
  CF: 1n,
  ONE: 2n,
  TF: 0x100n,
  IF: 0x200n,
  DF: 0x400n,
  OF: 0x800n,
  NT: 0x4000n,
  RF: 0x10000n,
  VM: 0x20000n,
  AC: 0x40000n,
  ID: 0x200000n,
} as const;
