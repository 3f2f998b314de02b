// PAE paging (SDM vol. 3, 4.4): four page-directory-pointer registers (loaded and checked with CR3),
// then two levels of 8-byte entries; 2 MiB pages.
//
//   linear    31:30 pointer register | 29:21 directory | 20:12 table | 11:0 offset
//   reserved  62:52 and everything from the physical width up; NX without EFER.NXE; 20:13 of a 2 MiB page

import { EFER, PDPTE, PHYSICAL_BITS } from "../layout";
import { maskA20 } from "../memory/ranges";
import { EFER_NXE } from "../x86/control";
import { PTE_FRAME, PTE_NX, PTE_P, PTE_PS } from "../x86/pte";
import { TableUse, visit64 } from "./entry";
import { rights64 } from "./walk-4level";
import { NOT_PRESENT, RESERVED, WALK_GPA } from "./walk";

export function walkPae(linear: u32): u32 {
  const pointer = load<u64>(<usize>(linear >> 30) << 3, PDPTE);
  if ((pointer & PTE_P) == 0) return NOT_PRESENT;
  const reserved =
    (~(((<u64>1) << <u64>load<u32>(PHYSICAL_BITS)) - 1) & ~PTE_NX) | ((load<u64>(EFER) & EFER_NXE) == 0 ? PTE_NX : 0);

  const pde = visit64(maskA20((pointer & PTE_FRAME) | <u64>((linear >> 18) & 0xff8)), TableUse.PD);
  if ((pde & PTE_P) == 0) return NOT_PRESENT;
  if ((pde & reserved) != 0) return RESERVED;
  if ((pde & PTE_PS) != 0) {
    if ((pde & 0x001f_e000) != 0) return RESERVED;
    store<u64>(WALK_GPA, (pde & PTE_FRAME & ~0x001f_ffff) | <u64>(linear & 0x001f_ffff));
    return rights64(pde, pde, pde);
  }
  const pte = visit64(maskA20((pde & PTE_FRAME) | <u64>((linear >> 9) & 0xff8)), TableUse.PT);
  if ((pte & PTE_P) == 0) return NOT_PRESENT;
  if ((pte & reserved) != 0) return RESERVED;
  store<u64>(WALK_GPA, (pte & PTE_FRAME) | <u64>(linear & 0xfff));
  return rights64(pde & pte, pde | pte, pte);
}
