// A submission queue entry (NVM Express 1.4, 4.2), copied from guest memory before anything looks at it.
//
//   0 31:16 command id, 15:14 PRP or SGL, 9:8 fused, 7:0 opcode | 1 namespace | 6-7 PRP1 | 8-9 PRP2 | 10-15 by opcode

import { Refusal, Status } from "./status.js";

export const COMMAND_SIZE = 64;
const WORDS = COMMAND_SIZE / 4;

export const ALL_NAMESPACES = 0xffff_ffff;

export const AdminOpcode = {
  DELETE_SQ: 0x00,
  CREATE_SQ: 0x01,
  GET_LOG_PAGE: 0x02,
  DELETE_CQ: 0x04,
  CREATE_CQ: 0x05,
  IDENTIFY: 0x06,
  ABORT: 0x08,
  SET_FEATURES: 0x09,
  GET_FEATURES: 0x0a,
  ASYNC_EVENT_REQUEST: 0x0c,
} as const;

export const IoOpcode = {
  FLUSH: 0x00,
  WRITE: 0x01,
  READ: 0x02,
  COMPARE: 0x05,
  WRITE_ZEROES: 0x08,
  DATASET_MANAGEMENT: 0x09,
} as const;

export class Command {
  readonly words: Uint32Array;

  constructor(words: Iterable<number>) {
    this.words = new Uint32Array(WORDS);
    let at = 0;
    for (const word of words) {
      if (at < WORDS) this.words[at++] = word;
    }
  }

  static from(bytes: Uint8Array): Command {
    const view = new DataView(bytes.buffer, bytes.byteOffset, COMMAND_SIZE);
    return new Command(Array.from({ length: WORDS }, (_, n) => view.getUint32(n * 4, true)));
  }

  get opcode(): number {
    return this.words[0] & 0xff;
  }

  get id(): number {
    return this.words[0] >>> 16;
  }

  get namespace(): number {
    return this.words[1];
  }

  get prp1(): number {
    return address(this.words[6], this.words[7]);
  }

  get prp2(): number {
    return address(this.words[8], this.words[9]);
  }

  /** Neither fused operations nor scatter-gather lists exist here. */
  checkFlags(): void {
    if ((this.words[0] & 0xc300) !== 0) throw new Refusal(Status.INVALID_FIELD);
  }
}

/** A 64-bit address or block number as a number; above 2^53 it is inexact, and outside of everything. */
export function address(low: number, high: number): number {
  return high * 0x1_0000_0000 + low;
}
