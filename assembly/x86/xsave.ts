// Components of the extended state and the area of XSAVE (SDM vol. 1, 13.1 and 13.4).

export const XCR0_X87: u64 = 1 << 0;
export const XCR0_SSE: u64 = 1 << 1;
/** What XCR0 can enable. */
export const XCR0_IMPLEMENTED: u64 = XCR0_X87 | XCR0_SSE;

/** Offset of the header, and bytes of the area with the components above. */
export const XSAVE_HEADER: u32 = 512;
export const XSAVE_SIZE: u32 = 576;

/** MXCSR after RESET and as the initial value of the SSE component: all exceptions masked. */
export const MXCSR_DEFAULT: u32 = 0x1f80;
