// 32-bit paging (SDM vol. 3, 4.3): two levels of 4-byte entries, 4 MiB pages with CR4.PSE, whose frame
// may lie above 4 GiB (PSE-36). There is no NX.
//
//   linear    31:22 directory | 21:12 table | 11:0 offset
//   PDE, PS   31:22 frame 31:22 | 21 reserved | 20:13 frame 39:32 | 12 PAT

import { CR3, CR4, PHYSICAL_BITS } from "../layout";
import { maskA20 } from "../memory/ranges";
import { CR4_PSE } from "../x86/control";
import { PTE_D, PTE_P, PTE_PS, PTE_U, PTE_W } from "../x86/pte";
import { TableUse, visit32 } from "./entry";
import { DIRTY_LEAF, NOT_PRESENT, RESERVED, USER_PAGE, WALK_GPA, WRITABLE } from "./walk";

/** Frame address of a 4 MiB page. */
@inline export function largeFrame32(entry: u32): u64 {
  return <u64>(entry & 0xffc0_0000) | (<u64>(entry & 0x001f_e000) << 19);
}

@inline function rights(allowed: u32, leaf: u32): u32 {
  return (
    ((allowed & <u32>PTE_W) != 0 ? WRITABLE : 0) |
    ((allowed & <u32>PTE_U) != 0 ? USER_PAGE : 0) |
    ((leaf & <u32>PTE_D) != 0 ? DIRTY_LEAF : 0)
  );
}

export function walk32(linear: u32): u32 {
  const directory = load<u64>(CR3) & 0xffff_f000;
  const pde = visit32(maskA20(directory | <u64>((linear >> 20) & 0xffc)), TableUse.PD32);
  if ((pde & <u32>PTE_P) == 0) return NOT_PRESENT;
  if ((pde & <u32>PTE_PS) != 0 && (load<u64>(CR4) & CR4_PSE) != 0) {
    // Bits 21 down to the last one that extends the address are reserved.
    const width = min(load<u32>(PHYSICAL_BITS), 40);
    const reserved = <u32>(0x003f_ffff & ~((1 << (width - 19)) - 1));
    if ((pde & reserved) != 0) return RESERVED;
    store<u64>(WALK_GPA, largeFrame32(pde) | <u64>(linear & 0x003f_ffff));
    return rights(pde, pde);
  }
  const pte = visit32(maskA20(<u64>(pde & 0xffff_f000) | <u64>((linear >> 10) & 0xffc)), TableUse.PT32);
  if ((pte & <u32>PTE_P) == 0) return NOT_PRESENT;
  store<u64>(WALK_GPA, <u64>(pte & 0xffff_f000) | <u64>(linear & 0xfff));
  return rights(pde & pte, pte);
}
