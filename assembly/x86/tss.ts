// Task-state segments: field offsets (SDM vol. 3, 7.2.1, 7.6 and 7.7; APM vol. 2, 12.2).
//
//   80386:  0 link | 4 ESP0 8 SS0 | 0C ESP1 10 SS1 | 14 ESP2 18 SS2 | 1C CR3 | 20 EIP | 24 EFLAGS |
//           28 EAX ECX EDX EBX ESP EBP ESI EDI | 48 ES CS SS DS FS GS | 60 LDT | 64 T | 66 I/O map base
//   80286:  0 link | 2 SP0 4 SS0 | 6 SP1 8 SS1 | A SP2 C SS2 | E IP | 10 FLAGS |
//           12 AX CX DX BX SP BP SI DI | 22 ES CS SS DS | 2A LDT
//   64-bit: 4 RSP0 | C RSP1 | 14 RSP2 | 24 IST1 ... 54 IST7 | 66 I/O map base

export const TSS_LINK: u32 = 0;
export const TSS_IO_MAP: u32 = 0x66;

export const TSS32_CR3: u32 = 0x1c;
export const TSS32_EIP: u32 = 0x20;
export const TSS32_EFLAGS: u32 = 0x24;
export const TSS32_EAX: u32 = 0x28;
export const TSS32_ES: u32 = 0x48;
export const TSS32_LDT: u32 = 0x60;
export const TSS32_T: u32 = 0x64;
/** Smallest limit a task switch accepts. */
export const TSS32_LIMIT: u32 = 0x67;

export const TSS16_IP: u32 = 0x0e;
export const TSS16_FLAGS: u32 = 0x10;
export const TSS16_AX: u32 = 0x12;
export const TSS16_ES: u32 = 0x22;
export const TSS16_LDT: u32 = 0x2a;
export const TSS16_LIMIT: u32 = 0x2b;

export const TSS64_RSP0: u32 = 4;
export const TSS64_IST1: u32 = 0x24;
