// Control registers (SDM vol. 3, 2.5, 4.1.2, 4.4.1, 9.8.5; APM vol. 2, 3.1, 14.6): the rules of every write,
// the activation of paging and long mode, and the PAE page-directory-pointer registers. The write functions
// raise #GP(0) and return false with nothing changed; privilege is the caller's business. The host's own
// writes pass through here too.

import { CR0, CR2, CR3, CR4, CR8, EFER, PDPTE, PHYSICAL_BITS } from "../layout";
import { readPhysical } from "../memory/physical";
import { maskA20 } from "../memory/ranges";
import {
  CR0_CD,
  CR0_EM,
  CR0_ET,
  CR0_IMPLEMENTED,
  CR0_MP,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR4_IMPLEMENTED,
  CR4_PAE,
  CR4_PCIDE,
  CR4_PGE,
  CR4_PSE,
  CR4_SMEP,
  EFER_IMPLEMENTED,
  EFER_LMA,
  EFER_LME,
} from "../x86/control";
import { PTE_P } from "../x86/pte";
import { ATTR_L, CS } from "../x86/segment";
import { taskPriorityChanged } from "./apic";
import { raiseGP } from "./fault";
import { cr0, cr4, efer, isCode64, isLongMode, markAddressSpaceStale, segAttributes } from "./state";

/** CR4 bits whose change reloads the PDPTEs under PAE paging. */
const CR4_PAGING: u64 = CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP;
/** CR3 bit 63: keep the TLB entries of the new PCID; never stored. */
const CR3_NO_FLUSH: u64 = 1 << 63;
/** Reserved in a PAE page-directory-pointer entry, besides what lies above the physical address width. */
const PDPTE_RESERVED: u64 = 0x1e6;

@inline function refuse(): bool {
  raiseGP(0);
  return false;
}
/** Bits from the physical address width up. */
@inline function aboveWidth(): u64 { return ~(<u64>0) << load<u32>(PHYSICAL_BITS); }

/** The four entries that CR3 points at are loadable: no reserved bit is set in a present one. */
function pdptesValid(cr3: u64): bool {
  const table = cr3 & 0xffff_ffe0;
  for (let i: u64 = 0; i < 4; i++) {
    const entry = readPhysical<u64>(maskA20(table + (i << 3)));
    if ((entry & PTE_P) != 0 && (entry & (PDPTE_RESERVED | aboveWidth())) != 0) return false;
  }
  return true;
}
function loadPdptes(cr3: u64): void {
  const table = cr3 & 0xffff_ffe0;
  for (let i: u64 = 0; i < 4; i++) {
    store<u64>(<usize>i << 3, readPhysical<u64>(maskA20(table + (i << 3))), PDPTE);
  }
}
@inline function isPaePaging(cr0: u64, cr4: u64, efer: u64): bool {
  return (cr0 & CR0_PG) != 0 && (cr4 & CR4_PAE) != 0 && (efer & EFER_LMA) == 0;
}

export function writeCr0(value: u64): bool {
  if (value >> 32 != 0) return refuse();
  const old = cr0();
  const next = (value & CR0_IMPLEMENTED) | CR0_ET;
  const changed = old ^ next;
  let extended = efer();
  if ((next & CR0_PG) != 0 && (next & CR0_PE) == 0) return refuse();
  if ((next & CR0_NW) != 0 && (next & CR0_CD) == 0) return refuse();
  if ((changed & CR0_PG) != 0) {
    if ((next & CR0_PG) != 0) {
      if ((extended & EFER_LME) != 0) {
        if ((cr4() & CR4_PAE) == 0 || (segAttributes(CS) & ATTR_L) != 0) return refuse();
        extended |= EFER_LMA;
      }
    } else {
      if (isCode64() || (cr4() & CR4_PCIDE) != 0) return refuse();
      extended &= ~EFER_LMA;
    }
  }
  if ((changed & (CR0_PG | CR0_CD | CR0_NW)) != 0 && isPaePaging(next, cr4(), extended)) {
    if (!pdptesValid(load<u64>(CR3))) return refuse();
    loadPdptes(load<u64>(CR3));
  }
  store<u64>(EFER, extended);
  store<u64>(CR0, next);
  if (changed != 0) markAddressSpaceStale();
  return true;
}

/** LMSW: the low four bits; PE can be set but not cleared. */
export function writeMachineStatus(value: u32): bool {
  const low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
  return writeCr0((cr0() & ~(low & ~CR0_PE)) | (<u64>value & low));
}
export function clearTaskSwitched(): void {
  store<u64>(CR0, cr0() & ~CR0_TS);
}

/** A value that MOV to CR3 or a task switch may load. */
export function isValidCr3(value: u64): bool {
  if (isLongMode()) {
    const ignored: u64 = (cr4() & CR4_PCIDE) != 0 ? CR3_NO_FLUSH : 0;
    return (value & aboveWidth() & ~ignored) == 0;
  }
  return !isPaePaging(cr0(), cr4(), efer()) || pdptesValid(value);
}
/** Loads a valid CR3, and the PDPTEs under PAE paging. */
export function loadCr3(value: u64): void {
  const next = value & ~CR3_NO_FLUSH;
  if (isPaePaging(cr0(), cr4(), efer())) loadPdptes(next);
  const same = next == load<u64>(CR3);
  store<u64>(CR3, next);
  // Cached translations always agree with the tables, so reloading the same root changes nothing.
  if (!same || isPaePaging(cr0(), cr4(), efer())) markAddressSpaceStale();
}
export function writeCr3(value: u64): bool {
  if (!isValidCr3(value)) return refuse();
  loadCr3(value);
  return true;
}

export function writeCr4(value: u64): bool {
  const changed = cr4() ^ value;
  if ((value & ~CR4_IMPLEMENTED) != 0) return refuse();
  if (isLongMode() && (value & CR4_PAE) == 0) return refuse();
  if ((changed & value & CR4_PCIDE) != 0 && (!isLongMode() || (load<u64>(CR3) & 0xfff) != 0)) return refuse();
  if ((changed & CR4_PAGING) != 0 && isPaePaging(cr0(), value, efer())) {
    if (!pdptesValid(load<u64>(CR3))) return refuse();
    loadPdptes(load<u64>(CR3));
  }
  store<u64>(CR4, value);
  markAddressSpaceStale();
  return true;
}

export function writeCr8(value: u64): bool {
  if (value > 15) return refuse();
  store<u64>(CR8, value);
  taskPriorityChanged(<u32>value);
  return true;
}

/** EFER: LME is fixed while paging is on, LMA is the processor's own. */
export function writeEfer(value: u64): bool {
  if ((value & ~EFER_IMPLEMENTED) != 0) return refuse();
  const old = efer();
  if (((old ^ value) & EFER_LME) != 0 && (cr0() & CR0_PG) != 0) return refuse();
  store<u64>(EFER, (value & ~EFER_LMA) | (old & EFER_LMA));
  markAddressSpaceStale();
  return true;
}

/** MOV to CRn; the decoder lets 0, 2, 3, 4 and 8 pass. */
export function writeControl(register: u32, value: u64): bool {
  switch (register) {
    case 0: return writeCr0(value);
    case 2: store<u64>(CR2, value); return true;
    case 3: return writeCr3(value);
    case 4: return writeCr4(value);
    default: return writeCr8(value);
  }
}
export function readControl(register: u32): u64 {
  switch (register) {
    case 0: return cr0();
    case 2: return load<u64>(CR2);
    case 3: return load<u64>(CR3);
    case 4: return cr4();
    default: return load<u64>(CR8);
  }
}
