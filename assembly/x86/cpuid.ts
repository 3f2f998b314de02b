// CPUID feature bits (APM vol. 3, appendix E; SDM vol. 2, CPUID). Only names: what is offered is decided in
// vcpu/cpuid.

// Leaf 1, EDX.
export const CPUID_FPU: u32 = 1 << 0;
export const CPUID_DE: u32 = 1 << 2;
export const CPUID_PSE: u32 = 1 << 3;
export const CPUID_TSC: u32 = 1 << 4;
export const CPUID_MSR: u32 = 1 << 5;
export const CPUID_PAE: u32 = 1 << 6;
export const CPUID_MCE: u32 = 1 << 7;
export const CPUID_CX8: u32 = 1 << 8;
export const CPUID_APIC: u32 = 1 << 9;
export const CPUID_SEP: u32 = 1 << 11;
export const CPUID_MTRR: u32 = 1 << 12;
export const CPUID_PGE: u32 = 1 << 13;
export const CPUID_MCA: u32 = 1 << 14;
export const CPUID_CMOV: u32 = 1 << 15;
export const CPUID_PAT: u32 = 1 << 16;
export const CPUID_PSE36: u32 = 1 << 17;
export const CPUID_CLFSH: u32 = 1 << 19;
export const CPUID_MMX: u32 = 1 << 23;
export const CPUID_FXSR: u32 = 1 << 24;
export const CPUID_SSE: u32 = 1 << 25;
export const CPUID_SSE2: u32 = 1 << 26;
export const CPUID_HTT: u32 = 1 << 28;

// Leaf 1, ECX.
export const CPUID_SSE3: u32 = 1 << 0;
export const CPUID_PCLMULQDQ: u32 = 1 << 1;
export const CPUID_SSSE3: u32 = 1 << 9;
export const CPUID_FMA: u32 = 1 << 12;
export const CPUID_CX16: u32 = 1 << 13;
export const CPUID_PCID: u32 = 1 << 17;
export const CPUID_SSE41: u32 = 1 << 19;
export const CPUID_SSE42: u32 = 1 << 20;
export const CPUID_X2APIC: u32 = 1 << 21;
export const CPUID_MOVBE: u32 = 1 << 22;
export const CPUID_POPCNT: u32 = 1 << 23;
export const CPUID_TSC_DEADLINE: u32 = 1 << 24;
export const CPUID_AES: u32 = 1 << 25;
export const CPUID_XSAVE: u32 = 1 << 26;
export const CPUID_OSXSAVE: u32 = 1 << 27;
export const CPUID_AVX: u32 = 1 << 28;
export const CPUID_F16C: u32 = 1 << 29;
export const CPUID_RDRAND: u32 = 1 << 30;
export const CPUID_HYPERVISOR: u32 = 1 << 31;

// Leaf 7, EBX.
export const CPUID7_FSGSBASE: u32 = 1 << 0;
export const CPUID7_BMI1: u32 = 1 << 3;
export const CPUID7_AVX2: u32 = 1 << 5;
export const CPUID7_SMEP: u32 = 1 << 7;
export const CPUID7_BMI2: u32 = 1 << 8;
export const CPUID7_INVPCID: u32 = 1 << 10;
export const CPUID7_ADX: u32 = 1 << 19;
export const CPUID7_SMAP: u32 = 1 << 20;
export const CPUID7_SHA: u32 = 1 << 29;
// Leaf 7, ECX.
export const CPUID7_UMIP: u32 = 1 << 2;

// Leaf 0Dh, subleaf 1, EAX.
export const CPUIDD_XSAVEOPT: u32 = 1 << 0;
export const CPUIDD_XSAVEC: u32 = 1 << 1;
export const CPUIDD_XGETBV1: u32 = 1 << 2;

// Leaf 8000_0001h, ECX.
export const CPUIDX_LAHF: u32 = 1 << 0;
export const CPUIDX_CMP_LEGACY: u32 = 1 << 1;
export const CPUIDX_ABM: u32 = 1 << 5;
export const CPUIDX_PREFETCHW: u32 = 1 << 8;
// Leaf 8000_0001h, EDX: bits 0-9, 12-17, 23 and 24 repeat those of leaf 1.
export const CPUIDX_REPEATED: u32 = 0x0183_f3ff;
export const CPUIDX_SYSCALL: u32 = 1 << 11;
export const CPUIDX_NX: u32 = 1 << 20;
export const CPUIDX_MMXEXT: u32 = 1 << 22;
export const CPUIDX_PAGE1GB: u32 = 1 << 26;
export const CPUIDX_RDTSCP: u32 = 1 << 27;
export const CPUIDX_LM: u32 = 1 << 29;

// Leaf 8000_0007h, EDX.
export const CPUIDX_INVARIANT_TSC: u32 = 1 << 8;

// Leaf 8000_0008h, EBX.
export const CPUIDX_XSAVEERPTR: u32 = 1 << 2;
