// Page-table entries (SDM vol. 3, 4.3-4.5).
//
//   63 NX | 51:12 frame | 8 G | 7 PS/PAT | 6 D | 5 A | 4 PCD | 3 PWT | 2 U | 1 W | 0 P

export const PTE_P: u64 = 1 << 0;
export const PTE_W: u64 = 1 << 1;
export const PTE_U: u64 = 1 << 2;
export const PTE_PWT: u64 = 1 << 3;
export const PTE_PCD: u64 = 1 << 4;
export const PTE_A: u64 = 1 << 5;
export const PTE_D: u64 = 1 << 6;
export const PTE_PS: u64 = 1 << 7;
export const PTE_G: u64 = 1 << 8;
export const PTE_NX: u64 = 1 << 63;
/** Frame address of a PAE or 4-level entry. */
export const PTE_FRAME: u64 = 0x000f_ffff_ffff_f000;
