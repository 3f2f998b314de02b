// 4-level paging (SDM vol. 3, 4.5): four levels of 8-byte entries; 1 GiB and 2 MiB pages.
//
//   linear    47:39 PML4 | 38:30 directory pointer | 29:21 directory | 20:12 table | 11:0 offset
//   reserved  51 down to the physical width; NX without EFER.NXE; PS in a PML4E;
//             29:13 of a 1 GiB page, 20:13 of a 2 MiB page

import { CR3, EFER, PHYSICAL_BITS } from "../layout";
import { maskA20 } from "../memory/ranges";
import { EFER_NXE } from "../x86/control";
import { PTE_D, PTE_FRAME, PTE_NX, PTE_P, PTE_PS, PTE_U, PTE_W } from "../x86/pte";
import { TableUse, visit64 } from "./entry";
import { DIRTY_LEAF, NO_EXECUTE, NOT_PRESENT, RESERVED, USER_PAGE, WALK_GPA, WRITABLE } from "./walk";

/** Rights of a leaf: W and U must be set on every level, NX on any, D counts in the leaf. */
@inline export function rights64(all: u64, any: u64, leaf: u64): u32 {
  return (
    ((all & PTE_W) != 0 ? WRITABLE : 0) |
    ((all & PTE_U) != 0 ? USER_PAGE : 0) |
    ((any & PTE_NX) != 0 ? NO_EXECUTE : 0) |
    ((leaf & PTE_D) != 0 ? DIRTY_LEAF : 0)
  );
}

export function walk4(linear: u64): u32 {
  const reserved =
    (PTE_FRAME & ~(((<u64>1) << <u64>load<u32>(PHYSICAL_BITS)) - 1)) | ((load<u64>(EFER) & EFER_NXE) == 0 ? PTE_NX : 0);

  const pml4e = visit64(maskA20((load<u64>(CR3) & PTE_FRAME) | ((linear >> 36) & 0xff8)), TableUse.PML4);
  if ((pml4e & PTE_P) == 0) return NOT_PRESENT;
  if ((pml4e & (reserved | PTE_PS)) != 0) return RESERVED;

  const pdpte = visit64(maskA20((pml4e & PTE_FRAME) | ((linear >> 27) & 0xff8)), TableUse.PDPT);
  if ((pdpte & PTE_P) == 0) return NOT_PRESENT;
  if ((pdpte & reserved) != 0) return RESERVED;
  let all = pml4e & pdpte;
  let any = pml4e | pdpte;
  if ((pdpte & PTE_PS) != 0) {
    if ((pdpte & 0x3fff_e000) != 0) return RESERVED;
    store<u64>(WALK_GPA, (pdpte & PTE_FRAME & ~0x3fff_ffff) | (linear & 0x3fff_ffff));
    return rights64(all, any, pdpte);
  }

  const pde = visit64(maskA20((pdpte & PTE_FRAME) | ((linear >> 18) & 0xff8)), TableUse.PD);
  if ((pde & PTE_P) == 0) return NOT_PRESENT;
  if ((pde & reserved) != 0) return RESERVED;
  all &= pde;
  any |= pde;
  if ((pde & PTE_PS) != 0) {
    if ((pde & 0x001f_e000) != 0) return RESERVED;
    store<u64>(WALK_GPA, (pde & PTE_FRAME & ~0x001f_ffff) | (linear & 0x001f_ffff));
    return rights64(all, any, pde);
  }

  const pte = visit64(maskA20((pde & PTE_FRAME) | ((linear >> 9) & 0xff8)), TableUse.PT);
  if ((pte & PTE_P) == 0) return NOT_PRESENT;
  if ((pte & reserved) != 0) return RESERVED;
  store<u64>(WALK_GPA, (pte & PTE_FRAME) | (linear & 0xfff));
  return rights64(all & pte, any | pte, pte);
}
