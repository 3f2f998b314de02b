// RFLAGS (SDM vol. 1, 3.4.3).
//
//   21 ID 20 VIP 19 VIF 18 AC 17 VM 16 RF 14 NT 13:12 IOPL 11 OF 10 DF 9 IF 8 TF 7 SF 6 ZF 4 AF 2 PF 1 (one) 0 CF

export const CF: u32 = 1 << 0;
export const RESERVED_ONE: u32 = 1 << 1;
export const PF: u32 = 1 << 2;
export const AF: u32 = 1 << 4;
export const ZF: u32 = 1 << 6;
export const SF: u32 = 1 << 7;
export const TF: u32 = 1 << 8;
export const IF: u32 = 1 << 9;
export const DF: u32 = 1 << 10;
export const OF: u32 = 1 << 11;
export const IOPL: u32 = 3 << 12;
export const IOPL_SHIFT: u32 = 12;
export const NT: u32 = 1 << 14;
export const RF: u32 = 1 << 16;
export const VM: u32 = 1 << 17;
export const AC: u32 = 1 << 18;
export const VIF: u32 = 1 << 19;
export const VIP: u32 = 1 << 20;
export const ID: u32 = 1 << 21;

/** The six flags that arithmetic sets; everything else is a system flag (or DF). */
export const ARITHMETIC: u32 = CF | PF | AF | ZF | SF | OF;
/** Bits that exist. */
export const IMPLEMENTED: u32 = ARITHMETIC | TF | IF | DF | IOPL | NT | RF | VM | AC | VIF | VIP | ID;
