// Reference page walk: SDM vol. 3, 4.3 (32-bit), 4.4 (PAE), 4.5 (4-level), 4.6 (access rights), 4.7 (error
// code), 4.8 (accessed and dirty flags). Written from the tables of those sections, level by level, with
// nothing cached, as the opposite of what the core does.

import { PF_FETCH, PF_PRESENT, PF_RESERVED, PF_USER, PF_WRITE } from "../../src/engine/views.js";
import { type GuestMemory, PAGE } from "./guest-memory.js";
import type { Regime } from "./regime.js";

export interface Access {
  readonly write?: boolean;
  /** A user-mode access: CPL 3 and explicit. */
  readonly user?: boolean;
  readonly fetch?: boolean;
  /** Supervisor access to a system structure. */
  readonly implicit?: boolean;
}

export interface Translation {
  readonly ok: true;
  readonly gpa: bigint;
  /** U/S of all levels: a user page. */
  readonly user: boolean;
  /** Addresses of the entries used, root first. */
  readonly entries: readonly bigint[];
}
export interface PageFault {
  readonly ok: false;
  readonly error: number;
}

/** What the levels of a walk yield before rights are checked. */
interface Leaf {
  readonly gpa: bigint;
  readonly writable: boolean;
  readonly user: boolean;
  readonly noExecute: boolean;
  readonly entries: readonly bigint[];
}
type Stop = "not present" | "reserved";

const P = 1n << 0n;
const W = 1n << 1n;
const U = 1n << 2n;
const PS = 1n << 7n;
const NX = 1n << 63n;
const FRAME = 0x000f_ffff_ffff_f000n;
export const ACCESSED = 0x20;
export const DIRTY = 0x40;

export function walk(regime: Regime, memory: GuestMemory, linear: bigint, access: Access): Translation | PageFault {
  if (regime.paging === "none") return { ok: true, gpa: memory.gate(linear & 0xffff_ffffn), user: true, entries: [] };
  const leaf = regime.paging === "32-bit" ? walk32(regime, memory, linear) : walk64(regime, memory, linear);
  if (leaf === "not present") return { ok: false, error: errorCode(regime, access, 0) };
  if (leaf === "reserved") return { ok: false, error: errorCode(regime, access, PF_PRESENT | PF_RESERVED) };
  if (!allowed(regime, leaf, access)) return { ok: false, error: errorCode(regime, access, PF_PRESENT) };
  return { ok: true, gpa: memory.gate(leaf.gpa), user: leaf.user, entries: leaf.entries };
}

/** 4.6: the rights of the linear address against the access. */
function allowed(regime: Regime, leaf: Leaf, { write, user, fetch, implicit }: Access): boolean {
  if (fetch && leaf.noExecute) return false;
  if (user) return leaf.user && (!write || leaf.writable);
  if (leaf.user && fetch && regime.smep) return false;
  if (leaf.user && !fetch && regime.smap && (implicit || !regime.ac)) return false;
  return !write || leaf.writable || !regime.writeProtect;
}

/** 4.7. The I/D flag exists with NX (PAE and 4-level paging) or SMEP. */
function errorCode(regime: Regime, { write, user, fetch }: Access, cause: number): number {
  const tellsFetch = regime.smep || (regime.noExecuteEnable && regime.paging !== "32-bit");
  return cause | (write ? PF_WRITE : 0) | (user ? PF_USER : 0) | (fetch && tellsFetch ? PF_FETCH : 0);
}

const mask = (width: number): bigint => (1n << BigInt(width)) - 1n;
const field = (value: bigint, low: number, width: number): bigint => (value >> BigInt(low)) & mask(width);

function walk32(regime: Regime, memory: GuestMemory, linear: bigint): Leaf | Stop {
  const directoryEntry = (regime.cr3 & 0xffff_f000n) + field(linear, 22, 10) * 4n;
  const pde = memory.entry(directoryEntry, 4);
  if ((pde & P) === 0n) return "not present";
  if ((pde & PS) !== 0n && regime.pageSizeExtensions) {
    // Table 4-4: bits 20:13 are address bits 39:32 as far as the physical width goes; the rest is reserved.
    const high = field(pde, 13, 8) << 32n;
    if (field(pde, 21, 1) !== 0n || high >> BigInt(regime.physicalBits) !== 0n) return "reserved";
    const gpa = (pde & 0xffc0_0000n) | high | field(linear, 0, 22);
    return { gpa, writable: (pde & W) !== 0n, user: (pde & U) !== 0n, noExecute: false, entries: [directoryEntry] };
  }
  const tableEntry = (pde & 0xffff_f000n) + field(linear, 12, 10) * 4n;
  const pte = memory.entry(tableEntry, 4);
  if ((pte & P) === 0n) return "not present";
  return {
    gpa: (pte & 0xffff_f000n) | field(linear, 0, 12),
    writable: (pde & pte & W) !== 0n,
    user: (pde & pte & U) !== 0n,
    noExecute: false,
    entries: [directoryEntry, tableEntry],
  };
}

/** Reserved bits of an entry: tables 4-8 to 4-11 (PAE), 4-14 to 4-20 (4-level). */
function reserved64(regime: Regime, level: number, entry: bigint): bigint {
  let bits = FRAME & ~mask(regime.physicalBits);
  if (regime.paging === "PAE") bits |= mask(11) << 52n;
  if (!regime.noExecuteEnable) bits |= NX;
  if ((entry & PS) !== 0n) {
    if (level === 4) bits |= PS;
    if (level === 3) bits |= mask(17) << 13n;
    if (level === 2) bits |= mask(8) << 13n;
  }
  return bits;
}

function walk64(regime: Regime, memory: GuestMemory, linear: bigint): Leaf | Stop {
  let level = 4;
  let table = regime.cr3 & FRAME;
  if (regime.paging === "PAE") {
    const pointer = regime.pointers[Number(field(linear, 30, 2))] as bigint;
    if ((pointer & P) === 0n) return "not present";
    level = 2;
    table = pointer & FRAME;
  }
  const entries: bigint[] = [];
  let writable = true;
  let user = true;
  let noExecute = false;
  for (; ; level--) {
    const shift = 12 + 9 * (level - 1);
    const address = table + field(linear, shift, 9) * 8n;
    const entry = memory.entry(address, 8);
    entries.push(address);
    if ((entry & P) === 0n) return "not present";
    if ((entry & reserved64(regime, level, entry)) !== 0n) return "reserved";
    writable &&= (entry & W) !== 0n;
    user &&= (entry & U) !== 0n;
    noExecute ||= (entry & NX) !== 0n;
    if (level === 1 || (entry & PS) !== 0n) {
      return { gpa: (entry & FRAME & ~mask(shift)) | field(linear, 0, shift), writable, user, noExecute, entries };
    }
    table = entry & FRAME;
  }
}

/** Offset in memory.bytes of the low byte of an entry that can be written, or -1. */
export function entryOffset(memory: GuestMemory, address: bigint): number {
  const { frame } = memory.at(address);
  return frame < 0 || memory.isRom(frame) ? -1 : frame * PAGE + Number(address & 0xfffn);
}

/** 4.8: a translation that is used sets A in all its entries, and D in the last one when it writes. */
export function settle(memory: GuestMemory, { entries }: Translation, write: boolean): void {
  entries.forEach((address, i) => {
    const offset = entryOffset(memory, address);
    if (offset < 0) return;
    memory.bytes[offset] |= ACCESSED | (write && i === entries.length - 1 ? DIRTY : 0);
  });
}
