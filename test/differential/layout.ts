// Where things lie in the machine of the differential fuzzer: 256 KiB of RAM, the lower half for the system, the
// upper half a pool of frames. Programs live in a window of 64 KiB, named by offsets: in 16-bit and segmented
// 32-bit code all segments begin at the window, in flat code it lies at a linear base. With paging its pages are
// scattered over the pool, and two of its parts are second names for the frames of others.
//
//   window   0000 code   4000 the frames of the code again   8000 data   b000 absent   c000 read-only
//            d000 the frame of 8000 again   e000 stack

/** Bytes of RAM. */
export const RAM_PAGES = 64;
/** Guest-physical place of the window where nothing is remapped, and of its CS base in segmented code. */
export const WINDOW = 0x20000;
export const WINDOW_PAGES = 16;
/** First frame of the pool that paging worlds take the window's frames from. */
export const POOL_FIRST = 32;

export const CODE_SIZE = 0x4000;
export const CODE_ALIAS = 0x4000;
export const DATA = 0x8000;
/** End of what random stores aim at; behind it, ordinary floating-point numbers. */
export const DATA_END = 0xa400;
export const NUMBERS = 0xa400;
export const NUMBERS_END = 0xac00;
/** Loop counters and the like, 8 bytes each. */
export const SLOTS = 0xac00;
export const SLOTS_END = 0xad00;
/** Jump tables, then an area for FXSAVE. */
export const TABLES = 0xad00;
export const TABLES_END = 0xae00;
export const IMAGE_AREA = 0xae00;
export const ABSENT = 0xb000;
export const READ_ONLY = 0xc000;
export const DATA_ALIAS = 0xd000;
export const STACK = 0xe000;
export const STACK_TOP = 0xff00;

/** System structures. */
export const System = {
  REAL_HANDLERS: 0x600,
  GDT: 0x1000,
  TSS: 0x2000,
  IDT32: 0x3000,
  IDT64: 0x4000,
  HANDLERS32: 0x5000,
  HANDLERS64: 0x5800,
  VARIABLES: 0x6000,
  RING0_STACK: 0x7ff0,
  /** Seven pages each, off the round addresses that stray stores go to. */
  TABLES_A: 0x9000,
  TABLES_A_END: 0x10000,
  TABLES_B: 0x11000,
  TABLES_B_END: 0x18000,
  /** Length of the instruction at each offset of the code, for handlers that step over it. */
  LENGTHS: 0x18000,
  PRELUDE: 0x1c000,
} as const;

/** Variables of the handlers. */
export const Variable = {
  /** PageFault bits. */
  POLICY: 0x6000,
  /** Addresses of the page-table entries of the window's first page, and the roots. */
  ENTRIES_A: 0x6008,
  ENTRIES_B: 0x6010,
  ROOT_A: 0x6018,
  ROOT_B: 0x6020,
  /** Linear base of the window less its guest-physical place. */
  BASE: 0x6028,
  /** Linear address of a code byte that the timer's handler changes, or 0, and with what. */
  PATCH: 0x6030,
  PATCH_WITH: 0x6038,
  /** Stack pointer and address to go on at behind a stretch in ring 3. */
  SAVED_STACK: 0x6040,
  SAVED_PLACE: 0x6048,
  PAGE_FAULTS: 0x6080,
  TIMER: 0x6088,
  CALLS: 0x6090,
  TRAPS: 0x6098,
} as const;

/** What the page-fault handler does. */
export const PageFault = { REPAIR: 1, INVLPG: 2, EVERY_OTHER: 4 } as const;

export const Selector = {
  CODE32: 0x08,
  CODE64: 0x10,
  DATA: 0x18,
  USER_CODE32: 0x23,
  USER_DATA: 0x2b,
  USER_CODE64: 0x33,
  /** Window-based segments of 64 KiB; data of both rings, stacks of ring 0. */
  CODE16: 0x38,
  DATA16: 0x43,
  USER_CODE16: 0x4b,
  STACK16: 0x50,
  TSS: 0x58,
  SHORT_CODE32: 0x68,
  USER_SHORT_CODE32: 0x73,
  SHORT_DATA32: 0x7b,
  SHORT_STACK32: 0x80,
  /** Page tables, and the data part of the window. */
  ENTRIES: 0x8b,
  FS: 0x93,
} as const;
export const GDT_LIMIT = 0x97;

/** Vectors of the handlers that programs call. */
export const Vector = {
  TIMER: 0x20,
  EXTERNAL: 0x22,
  CALL: 0x30,
  RELOAD_ROOT: 0x31,
  SWITCH_ROOT: 0x32,
  BACK_TO_RING0: 0x41,
  END: 0xf0,
} as const;
