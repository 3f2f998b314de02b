// A disk as INT 13h shows it: a number and a geometry. Diskettes have the geometry of their size, hard disks the
// one that BIOSes agreed on for their capacity (LBA assist: 63 sectors, as few heads as give 1,024 cylinders).

import type { Disk } from "../storage/disk.js";
import { HypervisorError } from "../support/errors.js";

export const SECTOR = 512;
const FIRST_HARD_DISK = 0x80;
const CYLINDERS_MAX = 1024;

export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
}

/** Diskettes by their number of sectors: geometry, and the drive type that function 08h reports. */
const DISKETTES: Readonly<Record<number, Geometry & { readonly type: number }>> = {
  320: { cylinders: 40, heads: 1, sectors: 8, type: 1 },
  360: { cylinders: 40, heads: 1, sectors: 9, type: 1 },
  640: { cylinders: 40, heads: 2, sectors: 8, type: 1 },
  720: { cylinders: 40, heads: 2, sectors: 9, type: 1 },
  1440: { cylinders: 80, heads: 2, sectors: 9, type: 3 },
  2400: { cylinders: 80, heads: 2, sectors: 15, type: 2 },
  2880: { cylinders: 80, heads: 2, sectors: 18, type: 4 },
  5760: { cylinders: 80, heads: 2, sectors: 36, type: 5 },
};
const DISKETTE_1440K = 4;

/** An image of so many bytes is one of a diskette. */
export function isDisketteSize(length: number): boolean {
  return Object.hasOwn(DISKETTES, length / SECTOR);
}

function hardDiskGeometry(sectors: number): Geometry {
  const perTrack = 63;
  const heads = [16, 32, 64, 128].find((count) => sectors <= CYLINDERS_MAX * count * perTrack) ?? 255;
  const cylinders = Math.max(1, Math.min(CYLINDERS_MAX, Math.floor(sectors / (heads * perTrack))));
  return { cylinders, heads, sectors: perTrack };
}

export class Drive {
  readonly disk: Disk;
  readonly number: number;
  readonly geometry: Geometry;
  /** Drive type of a diskette, 0 for a hard disk. */
  readonly type: number;

  constructor(disk: Disk, number: number) {
    if (disk.sectorSize !== SECTOR) {
      throw new HypervisorError(
        "invalid-argument",
        `the BIOS knows sectors of ${SECTOR} bytes only, disk "${disk.name}" has ${disk.sectorSize}: open it with ${SECTOR}`,
      );
    }
    this.disk = disk;
    this.number = number;
    const diskette = number < FIRST_HARD_DISK ? DISKETTES[this.sectors] : undefined;
    this.geometry = diskette ?? (this.isHardDisk ? hardDiskGeometry(this.sectors) : DISKETTES[2880]);
    this.type = this.isHardDisk ? 0 : (diskette?.type ?? DISKETTE_1440K);
  }

  get isHardDisk(): boolean {
    return this.number >= FIRST_HARD_DISK;
  }

  get sectors(): number {
    return this.disk.length / SECTOR;
  }
}

/** Diskettes are drives 00h on, hard disks 80h on. */
export function numberDrives(hardDisks: readonly Disk[], diskettes: readonly Disk[]): Drive[] {
  return [
    ...hardDisks.map((disk, n) => new Drive(disk, FIRST_HARD_DISK + n)),
    ...diskettes.map((disk, n) => new Drive(disk, n)),
  ];
}
