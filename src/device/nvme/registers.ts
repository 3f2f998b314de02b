// Register offsets and fields of an NVMe controller (NVM Express 1.4, 3.1), and the limits of this one.
//
//   00h CAP   08h VS    0Ch INTMS  10h INTMC  14h CC    1Ch CSTS   20h NSSR   24h AQA   28h ASQ   30h ACQ
//   1000h + 8q  tail of submission queue q      1004h + 8q  head of completion queue q
//   2000h MSI-X table      3000h MSI-X pending bits      (one range of 16 KiB)

export const CAP = 0x00;
export const VS = 0x08;
export const INTMS = 0x0c;
export const INTMC = 0x10;
export const CC = 0x14;
export const CSTS = 0x1c;
export const AQA = 0x24;
export const ASQ = 0x28;
export const ACQ = 0x30;
export const DOORBELLS = 0x1000;
export const MSIX_TABLE = 0x2000;
export const MSIX_PENDING = 0x3000;
export const RANGE_SIZE = 0x4000;

export const VERSION_1_4 = 0x0001_0400;

/** Queues for commands of the disk, beside the admin queue. */
export const IO_QUEUES = 16;
/** Entries of such a queue. */
export const QUEUE_ENTRIES_MAX = 1024;

/** log2 of the largest page above 4 KiB: CAP.MPSMAX. */
const MPSMAX = 4;
/** Units of 500 ms. */
const TIMEOUT = 20;
export const CAP_LOW = ((TIMEOUT << 24) | (1 << 16) | (QUEUE_ENTRIES_MAX - 1)) >>> 0;
/** CSS: the NVM command set. */
export const CAP_HIGH = (MPSMAX << 20) | (1 << 5);

export const CC_ENABLE = 1 << 0;
export const CC_SHUTDOWN = 3 << 14;
export const CC_WRITABLE = 0x00ff_fff1;

export const CSTS_READY = 1 << 0;
export const CSTS_FATAL = 1 << 1;
export const CSTS_SHUTDOWN = 3 << 2;
export const CSTS_SHUTDOWN_OCCURRING = 1 << 2;
export const CSTS_SHUTDOWN_COMPLETE = 2 << 2;

/** log2 of the entry sizes, the only ones that exist: CC.IOSQES and CC.IOCQES. */
export const SUBMISSION_ENTRY_LOG2 = 6;
export const COMPLETION_ENTRY_LOG2 = 4;

/** Page size that CC asks for; undefined when the controller cannot do what CC asks. */
export function pageSizeOf(cc: number): number | undefined {
  const commandSet = (cc >>> 4) & 7;
  const pageShift = (cc >>> 7) & 15;
  const arbitration = (cc >>> 11) & 7;
  return commandSet === 0 && arbitration === 0 && pageShift <= MPSMAX ? 0x1000 << pageShift : undefined;
}

/** log2 of the largest transfer in pages of 4 KiB: 1 MiB. */
export const MDTS = 8;
export const TRANSFER_MAX = 0x1000 << MDTS;
