// Physical region pages: the memory of a command (NVM Express 1.4, 4.3). PRP1 may start anywhere in a page, on a
// doubleword; every other entry is a whole page. PRP2 is the second page when there are at most two, otherwise a
// list of quadword entries, which may itself start inside a page; the last entry of a list's page points to the
// next page of the list while more than one page of data is left.
//
// The list is copied while it is walked, so data that overwrites it changes nothing; the length of the transfer
// bounds the walk, so a list that points to itself ends.

import type { PciHost } from "../pci/function.js";
import { address } from "./command.js";
import { Refusal, Status } from "./status.js";

export interface Segment {
  readonly address: number;
  length: number;
}

const ENTRY = 8;

/** Pieces of guest memory, in order, that a transfer of `length` bytes covers. Neighbours are merged. */
export function walkPrp(host: PciHost, pageSize: number, prp1: number, prp2: number, length: number): Segment[] {
  const segments: Segment[] = [];
  const add = (at: number, size: number): void => {
    const last = segments.at(-1);
    if (last !== undefined && last.address + last.length === at) last.length += size;
    else segments.push({ address: at, length: size });
  };
  if (prp1 % 4 !== 0) throw new Refusal(Status.PRP_OFFSET_INVALID);
  const first = Math.min(length, pageSize - (prp1 % pageSize));
  add(prp1, first);
  let left = length - first;
  if (left === 0) return segments;
  if (left <= pageSize) {
    if (prp2 % pageSize !== 0) throw new Refusal(Status.PRP_OFFSET_INVALID);
    add(prp2, left);
    return segments;
  }
  if (prp2 % ENTRY !== 0) throw new Refusal(Status.PRP_OFFSET_INVALID);
  for (let list = prp2; left > 0; ) {
    const pages = Math.ceil(left / pageSize);
    const entries = (pageSize - (list % pageSize)) / ENTRY;
    const bytes = new Uint8Array(Math.min(pages, entries) * ENTRY);
    if (!host.read(list, bytes)) throw new Refusal(Status.DATA_TRANSFER_ERROR);
    const view = new DataView(bytes.buffer);
    const chained = pages > entries;
    for (let at = 0; at < bytes.length; at += ENTRY) {
      const entry = address(view.getUint32(at, true), view.getUint32(at + 4, true));
      if (entry % pageSize !== 0) throw new Refusal(Status.PRP_OFFSET_INVALID);
      if (chained && at + ENTRY === bytes.length) list = entry;
      else {
        add(entry, Math.min(left, pageSize));
        left -= Math.min(left, pageSize);
      }
    }
  }
  return segments;
}

/** Fails unless all of the segments are memory that the transfer may use. */
export function checkSegments(host: PciHost, segments: readonly Segment[], writable: boolean): void {
  for (const { address: at, length } of segments) {
    if (!host.isRam(at, length, writable)) throw new Refusal(Status.DATA_TRANSFER_ERROR);
  }
}

/** Guest memory to host. */
export function gather(host: PciHost, segments: readonly Segment[], into: Uint8Array): void {
  let done = 0;
  for (const { address: at, length } of segments) {
    if (!host.read(at, into.subarray(done, done + length))) throw new Refusal(Status.DATA_TRANSFER_ERROR);
    done += length;
  }
}

/** Host to guest memory. */
export function scatter(host: PciHost, segments: readonly Segment[], from: Uint8Array): void {
  let done = 0;
  for (const { address: at, length } of segments) {
    if (!host.write(at, from.subarray(done, done + length))) throw new Refusal(Status.DATA_TRANSFER_ERROR);
    done += length;
  }
}
