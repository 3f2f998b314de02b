// The Identify data structures (NVM Express 1.4, 5.15.2) and what names a disk: serial number, model, and a UUID
// made from them, so that a partition that is built again has the same disk again.

import type { Disk } from "../../storage/disk.js";
import { HypervisorError } from "../../support/errors.js";
import type { PciIdentity } from "../pci/function.js";
import { EVENT_REQUESTS } from "./events.js";
import { ERROR_ENTRIES } from "./log.js";
import { COMPLETION_ENTRY_LOG2, MDTS, SUBMISSION_ENTRY_LOG2, VERSION_1_4 } from "./registers.js";

const IDENTIFY_SIZE = 4096;
/** Kelvin. */
export const TEMPERATURE_WARNING = 343;
const TEMPERATURE_CRITICAL = 373;
/** Abort commands at the same time, less one. */
const ABORT_LIMIT = 3;
const ONCS_COMPARE = 1 << 0;
const ONCS_DATASET_MANAGEMENT = 1 << 2;
const ONCS_WRITE_ZEROES = 1 << 3;
/** A volatile write cache, and a flush of all namespaces at once is understood. */
const VWC = 0b111;
/** Log pages have offsets and 32-bit lengths. */
const LPA_EXTENDED = 1 << 2;
const SERIAL_LENGTH = 20;
const MODEL_LENGTH = 40;

export interface DiskIdentity {
  readonly serial: string;
  readonly model: string;
  readonly uuid: Uint8Array;
}

export const FIRMWARE_REVISION = ascii("1.0", 8);

/** ASCII, padded with spaces. */
function ascii(text: string, length: number): Uint8Array {
  return new Uint8Array(length).fill(0x20).map((space, at) => (at < text.length ? text.charCodeAt(at) : space));
}

/** Fails unless the names fit their fields. */
export function identityOf(serial: string, model: string): DiskIdentity {
  for (const [what, text, length] of [
    ["serial number", serial, SERIAL_LENGTH],
    ["model", model, MODEL_LENGTH],
  ] as const) {
    if (text.length > length || !/^[ -~]+$/.test(text)) {
      throw new HypervisorError(
        "invalid-argument",
        `the ${what} "${text}" of an NVMe disk must be 1 to ${length} printable ASCII characters`,
      );
    }
  }
  return { serial, model, uuid: uuidOf(`${serial}\n${model}`) };
}

/** A UUID of version 8 (RFC 9562: contents of one's own choice) from a text, by FNV-1a. */
function uuidOf(text: string): Uint8Array {
  const uuid = new Uint8Array(16);
  const view = new DataView(uuid.buffer);
  for (let word = 0; word < 4; word++) {
    let hash = 0x811c9dc5 ^ word;
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
    view.setUint32(word * 4, hash, false);
  }
  uuid[6] = (uuid[6] & 0x0f) | 0x80;
  uuid[8] = (uuid[8] & 0x3f) | 0x80;
  return uuid;
}

function uuidText(uuid: Uint8Array): string {
  const digits = [...uuid].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

export function identifyController(pci: PciIdentity, { serial, model, uuid }: DiskIdentity): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, pci.vendor, true);
  view.setUint16(2, pci.subsystemVendor, true);
  bytes.set(ascii(serial, SERIAL_LENGTH), 4);
  bytes.set(ascii(model, MODEL_LENGTH), 24);
  bytes.set(FIRMWARE_REVISION, 64);
  bytes[77] = MDTS;
  view.setUint32(80, VERSION_1_4, true);
  bytes[111] = 1; // CNTRLTYPE: an I/O controller
  bytes[258] = ABORT_LIMIT;
  bytes[259] = EVENT_REQUESTS - 1;
  bytes[260] = (1 << 1) | 1; // FRMW: one slot, read-only
  bytes[261] = LPA_EXTENDED;
  bytes[262] = ERROR_ENTRIES - 1;
  view.setUint16(266, TEMPERATURE_WARNING, true);
  view.setUint16(268, TEMPERATURE_CRITICAL, true);
  bytes[512] = (SUBMISSION_ENTRY_LOG2 << 4) | SUBMISSION_ENTRY_LOG2;
  bytes[513] = (COMPLETION_ENTRY_LOG2 << 4) | COMPLETION_ENTRY_LOG2;
  view.setUint32(516, 1, true); // NN: namespaces
  view.setUint16(520, ONCS_COMPARE | ONCS_DATASET_MANAGEMENT | ONCS_WRITE_ZEROES, true);
  bytes[525] = VWC;
  bytes.set(new TextEncoder().encode(`nqn.2014-08.org.nvmexpress:uuid:${uuidText(uuid)}`), 768);
  view.setUint16(2048, 2500, true); // power state 0: 25 W
  return bytes;
}

export function identifyNamespace(disk: Disk): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_SIZE);
  const view = new DataView(bytes.buffer);
  const blocks = BigInt(disk.length / disk.sectorSize);
  view.setBigUint64(0, blocks, true);
  view.setBigUint64(8, blocks, true);
  view.setBigUint64(16, blocks, true);
  view.setBigUint64(48, BigInt(disk.length), true);
  bytes[99] = disk.readOnly ? 1 : 0; // NSATTR: write-protected
  bytes[130] = Math.log2(disk.sectorSize); // format 0, the only one
  return bytes;
}

/** Namespace identifiers above `after`: there is one namespace. */
export function identifyActive(after: number): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_SIZE);
  bytes[0] = after < 1 ? 1 : 0;
  return bytes;
}

/** Descriptors: the UUID (type 3). */
export function identifyDescriptors({ uuid }: DiskIdentity): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_SIZE);
  bytes[0] = 3;
  bytes[1] = uuid.length;
  bytes.set(uuid, 4);
  return bytes;
}
