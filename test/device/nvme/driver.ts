// A small NVMe driver of the test's own, written from NVM Express 1.4: it finds the controller on PCI, builds queues
// and PRP lists in guest memory, rings doorbells, and checks phase tags and queue heads of every completion.

import { NvmeController, type NvmeOptions } from "../../../src/device/nvme/controller.js";
import { PciBus } from "../../../src/device/pci/bus.js";
import type { Disk } from "../../../src/storage/disk.js";
import { MemoryDisk } from "../../../src/storage/memory.js";
import { TestBus } from "../pci/bus.js";

export const PAGE = 4096;
export const MIB = 1024 * 1024;
/** Opcodes of the disk's commands. */
export const FLUSH = 0;
export const WRITE = 1;
export const READ = 2;

/** Guest memory of the driver: queues below, data above. */
const QUEUES = 0x10_0000;
export const DATA = 0x40_0000;

export interface Completion {
  id: number;
  queue: number;
  result: number;
  /** Status code type and code, 11 bits. */
  status: number;
  doNotRetry: boolean;
}

export interface Entry {
  opcode: number;
  flags?: number;
  id?: number;
  namespace?: number;
  prp1?: number | bigint;
  prp2?: number | bigint;
  /** Command words 10-15. */
  words?: number[];
}

/** One submission and one completion queue, as the driver sees them. */
export class QueuePair {
  tail = 0;
  head = 0;
  phase = 1;
  /** Head of the submission queue, as the last completion said. */
  submissionHead = 0;

  constructor(
    readonly driver: Driver,
    readonly id: number,
    readonly size: number,
    readonly submission: number,
    readonly completion: number,
  ) {}

  /** Writes an entry into the ring without telling the controller. */
  put({ opcode, flags = 0, id = 0, namespace = 0, prp1 = 0, prp2 = 0, words = [] }: Entry): void {
    const at = this.submission + this.tail * 64;
    const { ram } = this.driver.bus;
    ram.fill(0, at, at + 64);
    ram.writeUInt32LE(((id << 16) | (flags << 8) | opcode) >>> 0, at);
    ram.writeUInt32LE(namespace >>> 0, at + 4);
    ram.writeBigUInt64LE(BigInt(prp1), at + 24);
    ram.writeBigUInt64LE(BigInt(prp2), at + 32);
    words.forEach((word, n) => {
      ram.writeUInt32LE(word >>> 0, at + 40 + n * 4);
    });
    this.tail = (this.tail + 1) % this.size;
  }

  ring(): void {
    this.driver.write(0x1000 + this.id * 8, this.tail);
  }

  /** The next completion, consumed; undefined when none has been posted. */
  take(): Completion | undefined {
    const { ram } = this.driver.bus;
    const at = this.completion + this.head * 16;
    const last = ram.readUInt16LE(at + 14);
    if ((last & 1) !== this.phase) return undefined;
    this.head = (this.head + 1) % this.size;
    if (this.head === 0) this.phase ^= 1;
    this.submissionHead = ram.readUInt16LE(at + 8);
    return {
      id: ram.readUInt16LE(at + 12),
      queue: ram.readUInt16LE(at + 10),
      result: ram.readUInt32LE(at),
      status: (last >> 1) & 0x7ff,
      doNotRetry: last >= 0x8000,
    };
  }

  /** Tells the controller what was consumed. */
  acknowledge(): void {
    this.driver.write(0x1000 + this.id * 8 + 4, this.head);
  }

  /** All completions that are there, acknowledged. */
  drain(): Completion[] {
    const all: Completion[] = [];
    for (let one = this.take(); one !== undefined; one = this.take()) all.push(one);
    if (all.length > 0) this.acknowledge();
    return all;
  }

  /** One command from doorbell to completion. */
  run(entry: Entry): Completion {
    this.put(entry);
    this.ring();
    for (let steps = 0; steps < 1000; steps++) {
      const [completion] = this.drain();
      if (completion !== undefined) return completion;
      if (!this.driver.bus.next()) break;
    }
    throw new Error(`command ${entry.opcode} did not complete, CSTS ${this.driver.status.toString(16)}`);
  }
}

export interface DriverOptions extends NvmeOptions {
  memory?: number;
  disk?: Disk;
  /** Other disks on the bus in front of this one. */
  before?: number;
}

export class Driver {
  readonly bus: TestBus;
  readonly pci: PciBus;
  readonly controller: NvmeController;
  readonly disk: Disk;
  /** Number on the bus. */
  readonly device: number;
  readonly base: number;
  admin!: QueuePair;

  constructor(options: DriverOptions = {}) {
    this.disk = options.disk ?? new MemoryDisk(4 * MIB);
    this.controller = new NvmeController(this.disk, options);
    const others = Array.from({ length: options.before ?? 0 }, () => new NvmeController(new MemoryDisk(512)));
    this.pci = new PciBus([...others, this.controller]);
    this.device = others.length + 1;
    this.bus = new TestBus(options.memory ?? 16 * MIB);
    this.bus.attach(this.pci);
    const low = this.bus.configRead(this.device, 0x10, 4);
    this.base = this.bus.configRead(this.device, 0x14, 4) * 2 ** 32 + (low - (low & 0xf));
    this.bus.configWrite(this.device, 4, 2, 6);
  }

  read(offset: number): number {
    return Number(this.bus.load(this.base + offset, 4));
  }

  write(offset: number, value: number): void {
    this.bus.store(this.base + offset, 4, BigInt(value >>> 0));
  }

  get status(): number {
    return this.read(0x1c);
  }

  /** Turns MSI-X on: vector n sends data 40h + n. */
  enableMsix(): void {
    for (let vector = 0; vector < 17; vector++) {
      this.bus.store(this.base + 0x2000 + vector * 16, 8, 0xfee0_0000n);
      this.bus.store(this.base + 0x2008 + vector * 16, 8, BigInt(0x40 + vector));
    }
    this.bus.configWrite(this.device, 0x52, 2, 0x8000);
  }

  /** Enables the controller with admin queues of `size` entries and pages of 4 KiB << `pageShift`. */
  enable(size = 32, pageShift = 0): this {
    this.write(0x14, 0);
    this.bus.ram.fill(0, QUEUES, DATA);
    this.admin = new QueuePair(this, 0, size, QUEUES, QUEUES + 0x4_0000);
    this.write(0x24, ((size - 1) << 16) | (size - 1));
    this.bus.store(this.base + 0x28, 8, BigInt(this.admin.submission));
    this.bus.store(this.base + 0x30, 8, BigInt(this.admin.completion));
    this.write(0x14, (4 << 20) | (6 << 16) | (pageShift << 7) | 1);
    return this;
  }

  /** Makes a pair of queues for the disk. */
  queues(id = 1, size = 32, vector = 0, interrupts = true): QueuePair {
    const submission = QUEUES + 0x8_0000 + id * 0x2_0000;
    const completion = submission + 0x1_0000;
    this.bus.ram.fill(0, submission, submission + 0x2_0000);
    const flags = 1 | (interrupts ? 2 : 0) | (vector << 16);
    const cq = this.admin.run({ opcode: 5, prp1: completion, words: [((size - 1) << 16) | id, flags] });
    const sq = this.admin.run({ opcode: 1, prp1: submission, words: [((size - 1) << 16) | id, (id << 16) | 1] });
    if (cq.status !== 0 || sq.status !== 0)
      throw new Error(`queues: ${cq.status.toString(16)} ${sq.status.toString(16)}`);
    return new QueuePair(this, id, size, submission, completion);
  }
}

/** Words 10-12 of a command that names blocks. */
export function blocks(first: number, count: number, flags = 0): number[] {
  return [first >>> 0, Math.floor(first / 2 ** 32), ((count - 1) | flags) >>> 0];
}

/** A disk of `count` blocks, each filled with its number. */
export function numbered(count: number, sectorSize: 512 | 4096 = 512): MemoryDisk {
  const disk = new MemoryDisk(count * sectorSize, { sectorSize });
  for (let n = 0; n < count; n++) disk.bytes.fill(n & 0xff, n * sectorSize, (n + 1) * sectorSize);
  return disk;
}

/** A field of text, without the blanks that pad it. */
export function text(bytes: Buffer): string {
  return bytes.toString("latin1").trimEnd();
}
