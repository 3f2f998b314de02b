// Intercept bits (INTERCEPTS cell): events that leave to the host although the core could serve them.
// Exceptions have a bitmap of their own (EXCEPTION_BITMAP). One bit, one kind of event; the technique's
// policy and the host API both write here.

export const INTERCEPT_HLT: u32 = 1 << 0;
export const INTERCEPT_CPUID: u32 = 1 << 1;
export const INTERCEPT_MSR: u32 = 1 << 2;
export const INTERCEPT_HYPERCALL: u32 = 1 << 3;
