// Model-specific register numbers and bits (SDM vol. 4).

export const IA32_TSC: u32 = 0x10;
export const IA32_APIC_BASE: u32 = 0x1b;
export const IA32_FEATURE_CONTROL: u32 = 0x3a;
export const IA32_TSC_ADJUST: u32 = 0x3b;
export const IA32_BIOS_SIGN_ID: u32 = 0x8b;
export const IA32_MTRRCAP: u32 = 0xfe;
export const IA32_SYSENTER_CS: u32 = 0x174;
export const IA32_SYSENTER_ESP: u32 = 0x175;
export const IA32_SYSENTER_EIP: u32 = 0x176;
export const IA32_MISC_ENABLE: u32 = 0x1a0;
export const IA32_MTRR_PHYSBASE0: u32 = 0x200;
export const IA32_MTRR_PHYSMASK7: u32 = 0x20f;
export const IA32_MTRR_FIX64K_00000: u32 = 0x250;
export const IA32_MTRR_FIX16K_80000: u32 = 0x258;
export const IA32_MTRR_FIX16K_A0000: u32 = 0x259;
export const IA32_MTRR_FIX4K_C0000: u32 = 0x268;
export const IA32_MTRR_FIX4K_F8000: u32 = 0x26f;
export const IA32_PAT: u32 = 0x277;
export const IA32_MTRR_DEF_TYPE: u32 = 0x2ff;
export const IA32_TSC_DEADLINE: u32 = 0x6e0;
/** First of the 64 registers of a local APIC in x2APIC mode. */
export const IA32_X2APIC: u32 = 0x800;
export const IA32_EFER: u32 = 0xc0000080;
export const IA32_STAR: u32 = 0xc0000081;
export const IA32_LSTAR: u32 = 0xc0000082;
export const IA32_CSTAR: u32 = 0xc0000083;
export const IA32_FMASK: u32 = 0xc0000084;
export const IA32_FS_BASE: u32 = 0xc0000100;
export const IA32_GS_BASE: u32 = 0xc0000101;
export const IA32_KERNEL_GS_BASE: u32 = 0xc0000102;
export const IA32_TSC_AUX: u32 = 0xc0000103;

/** IA32_APIC_BASE: bootstrap processor, x2APIC mode, enabled; the base starts at bit 12. */
export const APIC_BASE_BSP: u64 = 1 << 8;
export const APIC_BASE_EXTENDED: u64 = 1 << 10;
export const APIC_BASE_ENABLED: u64 = 1 << 11;
