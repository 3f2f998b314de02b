// INT 13h, the disk services (IBM PS/2 and PC BIOS interface technical reference, "Interrupt 13h"; Phoenix Enhanced
// Disk Drive Specification 3.0 for 41h-48h). Sectors go straight between disk and guest memory; a request is
// checked against both before either is touched. A disk that answers later makes the caller wait.

import type { GuestAccess } from "../partition/device.js";
import type { Settled } from "../storage/disk.js";
import { type DataArea, Field, ROM_SEGMENT } from "./data-area.js";
import { type Drive, SECTOR } from "./drive.js";
import type { Frame } from "./frame.js";
import { RomEntry } from "./rom.js";

const Status = {
  OK: 0x00,
  INVALID: 0x01,
  WRITE_PROTECTED: 0x03,
  NOT_FOUND: 0x04,
  BAD_PARAMETERS: 0x07,
  DMA_BOUNDARY: 0x09,
  CONTROLLER: 0x20,
  TIMEOUT: 0x80,
} as const;

const EXTENSIONS_2 = 0x21;
const PACKET_ACCESS = 0x0001;
const PACKET_SIZE = 16;
const PARAMETERS_SIZE = 26;
const GEOMETRY_VALID = 0x0002;
const DISKETTE_WITHOUT_CHANGE_LINE = 1;
const HARD_DISK = 3;

/** Work that goes on after the service has been asked for. */
export interface Pending {
  readonly promise: Promise<void>;
  /** Fills in the answer. */
  finish(frame: Frame, failed: boolean): void;
}

interface Transfer {
  readonly drive: Drive;
  readonly first: number;
  readonly count: number;
  readonly address: number;
  readonly kind: "read" | "write" | "verify";
}

export class DiskServices {
  readonly #drives: readonly Drive[];
  readonly #area: DataArea;
  readonly #guest: GuestAccess;

  constructor(drives: readonly Drive[], area: DataArea, guest: GuestAccess) {
    this.#drives = drives;
    this.#area = area;
    this.#guest = guest;
  }

  #drive(number: number): Drive | undefined {
    return this.#drives.find((drive) => drive.number === number);
  }

  serve(frame: Frame): Pending | undefined {
    const drive = this.#drive(frame.dl);
    const statusField = (frame.dl & 0x80) !== 0 ? Field.DISK_STATUS : Field.DISKETTE_STATUS;
    const answer = (status: number): undefined => {
      this.#area.set(statusField, status);
      frame.ah = status;
      frame.carry = status !== Status.OK;
    };
    switch (frame.ah) {
      case 0x00: // reset
      case 0x0d:
        return answer(Status.OK);
      case 0x01: {
        const status = this.#area.get(statusField);
        frame.ah = status;
        frame.al = status;
        frame.carry = status !== Status.OK;
        return undefined;
      }
      case 0x08:
        return answer(this.#parameters(frame, drive));
      case 0x15:
        this.#type(frame, drive);
        return undefined;
      default:
        break;
    }
    if (drive === undefined) return answer(frame.ah === 0x41 ? Status.INVALID : Status.TIMEOUT);
    switch (frame.ah) {
      case 0x02:
      case 0x03:
      case 0x04:
        return this.#sectors(frame, drive, answer);
      case 0x09: // initialise, seek, ready, recalibrate, diagnostic
      case 0x0c:
      case 0x10:
      case 0x11:
      case 0x14:
      case 0x16:
      case 0x47:
        return answer(Status.OK);
      case 0x41:
        if (frame.bx !== 0x55aa || !drive.isHardDisk) return answer(Status.INVALID);
        frame.bx = 0xaa55;
        frame.cx = PACKET_ACCESS;
        frame.ah = EXTENSIONS_2;
        frame.carry = false;
        return undefined;
      case 0x42:
      case 0x43:
      case 0x44:
        return this.#packet(frame, drive, answer);
      case 0x48:
        return answer(this.#extendedParameters(frame, drive));
      default:
        return answer(Status.INVALID);
    }
  }

  /** Functions 02h-04h: AL sectors from cylinder CH, head DH, sector CL. */
  #sectors(frame: Frame, drive: Drive, answer: (status: number) => undefined): Pending | undefined {
    const { cylinders, heads, sectors } = drive.geometry;
    const cylinder = frame.ch | ((frame.cl & 0xc0) << 2);
    const sector = frame.cl & 0x3f;
    const count = frame.al;
    const inside = cylinder < cylinders && frame.dh < heads && sector >= 1 && sector <= sectors && count > 0;
    if (!inside) {
      frame.al = 0;
      return answer(count === 0 ? Status.INVALID : Status.NOT_FOUND);
    }
    const kind = ({ 2: "read", 3: "write", 4: "verify" } as const)[frame.ah as 2 | 3 | 4];
    const first = (cylinder * heads + frame.dh) * sectors + sector - 1;
    const transfer = { drive, first, count, address: frame.es * 16 + frame.bx, kind };
    return this.#transfer(transfer, frame, (at, status) => {
      at.al = status === Status.OK ? count : 0;
      this.#finish(at, drive, status);
    });
  }

  /** Functions 42h-44h: what DS:SI describes. */
  #packet(frame: Frame, drive: Drive, answer: (status: number) => undefined): Pending | undefined {
    const at = frame.ds * 16 + frame.si;
    if (!drive.isHardDisk || !this.#guest.isMapped(at, PACKET_SIZE)) return answer(Status.INVALID);
    const packet = new DataView(this.#guest.read(at, PACKET_SIZE).buffer);
    const count = packet.getUint16(2, true);
    const block = packet.getBigUint64(8, true);
    if (packet.getUint8(0) < PACKET_SIZE || count === 0) return answer(Status.INVALID);
    const kind = ({ 66: "read", 67: "write", 68: "verify" } as const)[frame.ah as 0x42 | 0x43 | 0x44];
    const address = packet.getUint16(6, true) * 16 + packet.getUint16(4, true);
    const first = block < BigInt(drive.sectors) ? Number(block) : drive.sectors;
    return this.#transfer({ drive, first, count, address, kind }, frame, (done, status) => {
      if (status !== Status.OK) this.#guest.write(at + 2, Uint8Array.of(0, 0));
      this.#finish(done, drive, status);
    });
  }

  #finish(frame: Frame, drive: Drive, status: number): void {
    this.#area.set(drive.isHardDisk ? Field.DISK_STATUS : Field.DISKETTE_STATUS, status);
    frame.ah = status;
    frame.carry = status !== Status.OK;
  }

  #transfer(
    { drive, first, count, address, kind }: Transfer,
    frame: Frame,
    finish: (frame: Frame, status: number) => void,
  ): Pending | undefined {
    const size = count * SECTOR;
    let status: number = Status.OK;
    if (first + count > drive.sectors) status = Status.NOT_FOUND;
    else if (kind === "write" && drive.disk.readOnly) status = Status.WRITE_PROTECTED;
    else if (kind !== "verify" && !this.#guest.isMapped(address, size, kind === "read")) status = Status.DMA_BOUNDARY;
    let settled: Settled;
    let bytes: Uint8Array | undefined;
    if (status === Status.OK && kind !== "verify") {
      bytes = kind === "write" ? this.#guest.read(address, size) : new Uint8Array(size);
      try {
        settled = kind === "write" ? drive.disk.write(first * SECTOR, bytes) : drive.disk.read(first * SECTOR, bytes);
      } catch {
        status = Status.CONTROLLER;
      }
    }
    const complete = (at: Frame, failed: boolean): void => {
      if (failed) status = Status.CONTROLLER;
      if (status === Status.OK && kind === "read" && bytes !== undefined) this.#guest.write(address, bytes);
      finish(at, status);
    };
    if (settled !== undefined) return { promise: settled, finish: complete };
    complete(frame, false);
    return undefined;
  }

  #parameters(frame: Frame, drive: Drive | undefined): number {
    if (drive === undefined) return Status.BAD_PARAMETERS;
    const { cylinders, heads, sectors } = drive.geometry;
    const last = cylinders - 1;
    frame.al = 0;
    frame.ch = last;
    frame.cl = ((last >> 2) & 0xc0) | sectors;
    frame.dh = heads - 1;
    frame.dl = this.#drives.filter((other) => other.isHardDisk === drive.isHardDisk).length;
    if (!drive.isHardDisk) {
      frame.bx = drive.type;
      frame.es = ROM_SEGMENT;
      frame.di = RomEntry.diskette;
    }
    return Status.OK;
  }

  #type(frame: Frame, drive: Drive | undefined): void {
    frame.carry = false;
    if (drive === undefined) frame.ah = 0;
    else if (!drive.isHardDisk) frame.ah = DISKETTE_WITHOUT_CHANGE_LINE;
    else {
      frame.ah = HARD_DISK;
      const sectors = Math.min(drive.sectors, 0xffff_ffff);
      frame.cx = Math.floor(sectors / 0x10000);
      frame.dx = sectors & 0xffff;
    }
  }

  #extendedParameters(frame: Frame, drive: Drive): number {
    const at = frame.ds * 16 + frame.si;
    if (!drive.isHardDisk || !this.#guest.isMapped(at, PARAMETERS_SIZE, true)) return Status.INVALID;
    const room = this.#guest.read(at, 2);
    if ((room[0] | (room[1] << 8)) < PARAMETERS_SIZE) return Status.INVALID;
    const view = new DataView(new ArrayBuffer(PARAMETERS_SIZE));
    view.setUint16(0, PARAMETERS_SIZE, true);
    view.setUint16(2, GEOMETRY_VALID, true);
    view.setUint32(4, drive.geometry.cylinders, true);
    view.setUint32(8, drive.geometry.heads, true);
    view.setUint32(12, drive.geometry.sectors, true);
    view.setBigUint64(16, BigInt(drive.sectors), true);
    view.setUint16(24, SECTOR, true);
    this.#guest.write(at, new Uint8Array(view.buffer));
    return Status.OK;
  }
}
