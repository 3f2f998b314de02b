// The commands of the disk (NVM Express 1.4, 6): Read, Write, Flush, Compare, Write Zeroes, Dataset Management, on
// one namespace without metadata. Every field is checked before the disk or the guest's memory is touched.
//
//   10-11 first block | 12 31 limited retry, 30 force unit access, 15:0 blocks - 1      (Read, Write, Compare, zeroes)
//   10 7:0 ranges - 1 | 11 2 deallocate      range of 16 bytes: 4 blocks | 8 first block (Dataset Management)

import type { Disk, Settled } from "../../storage/disk.js";
import type { PciHost } from "../pci/function.js";
import { ALL_NAMESPACES, address, type Command, IoOpcode } from "./command.js";
import type { Logs } from "./log.js";
import { checkSegments, gather, type Segment, scatter, walkPrp } from "./prp.js";
import { TRANSFER_MAX } from "./registers.js";
import { Refusal, Status } from "./status.js";
import { diskWork, done, sequence, type Work } from "./work.js";

const FORCE_UNIT_ACCESS = 1 << 30;
const DEALLOCATE = 1 << 2;
const RANGE_SIZE = 16;

export interface NamespaceContext {
  readonly host: PciHost;
  readonly pageSize: number;
  /** Writes may be lost before a flush. */
  readonly writeCache: boolean;
}

export class Namespace {
  readonly disk: Disk;
  readonly #logs: Logs;
  readonly #report: (error: unknown) => void;

  /** `report` hears of failures of the disk, of which the guest sees a status only. */
  constructor(disk: Disk, logs: Logs, report: (error: unknown) => void) {
    this.disk = disk;
    this.#logs = logs;
    this.#report = report;
  }

  /** Bytes that a command moves, for its duration; whatever its fields are. */
  weight(command: Command): number {
    const bytes = ((command.words[12] & 0xffff) + 1) * this.disk.sectorSize;
    switch (command.opcode) {
      case IoOpcode.READ:
      case IoOpcode.WRITE:
      case IoOpcode.COMPARE:
        return Math.min(bytes, TRANSFER_MAX);
      case IoOpcode.WRITE_ZEROES:
        return bytes;
      default:
        return 0;
    }
  }

  start(command: Command, context: NamespaceContext): Work {
    command.checkFlags();
    const { opcode, namespace } = command;
    if (namespace !== 1 && !(opcode === IoOpcode.FLUSH && namespace === ALL_NAMESPACES)) {
      throw new Refusal(
        Object.values<number>(IoOpcode).includes(opcode) ? Status.INVALID_NAMESPACE : Status.INVALID_OPCODE,
      );
    }
    switch (opcode) {
      case IoOpcode.FLUSH:
        return this.#work(Status.WRITE_FAULT, () => this.disk.flush());
      case IoOpcode.READ:
        return this.#read(command, context);
      case IoOpcode.WRITE:
        return this.#write(command, context);
      case IoOpcode.COMPARE:
        return this.#compare(command, context);
      case IoOpcode.WRITE_ZEROES:
        return this.#writeZeroes(command, context);
      case IoOpcode.DATASET_MANAGEMENT:
        return this.#manage(command, context);
      default:
        throw new Refusal(Status.INVALID_OPCODE);
    }
  }

  #work(status: Status, operation: () => Settled, finish: () => number = () => 0): Work {
    const report = (error: unknown): void => {
      this.#logs.countMediaError();
      this.#report(error);
    };
    return diskWork(status, report, operation, finish);
  }

  /** Place of a number of blocks on the disk, in bytes. */
  #place(first: number, blocks: number): { offset: number; length: number } {
    if (first + blocks > this.disk.length / this.disk.sectorSize) throw new Refusal(Status.LBA_OUT_OF_RANGE);
    return { offset: first * this.disk.sectorSize, length: blocks * this.disk.sectorSize };
  }

  #range({ words }: Command): { offset: number; length: number } {
    return this.#place(address(words[10], words[11]), (words[12] & 0xffff) + 1);
  }

  #checkWritable(): void {
    if (this.disk.readOnly) throw new Refusal(Status.NAMESPACE_WRITE_PROTECTED);
  }

  /** Place and memory of a command that moves data. */
  #transfer(command: Command, { host, pageSize }: NamespaceContext, toGuest: boolean) {
    const blocks = (command.words[12] & 0xffff) + 1;
    if (blocks * this.disk.sectorSize > TRANSFER_MAX) throw new Refusal(Status.INVALID_FIELD);
    const { offset, length } = this.#range(command);
    const segments: Segment[] = walkPrp(host, pageSize, command.prp1, command.prp2, length);
    checkSegments(host, segments, toGuest);
    return { offset, segments, buffer: new Uint8Array(length) };
  }

  #read(command: Command, context: NamespaceContext): Work {
    const { offset, segments, buffer } = this.#transfer(command, context, true);
    return this.#work(
      Status.UNRECOVERED_READ_ERROR,
      () => this.disk.read(offset, buffer),
      () => {
        scatter(context.host, segments, buffer);
        this.#logs.countRead(buffer.length);
        return 0;
      },
    );
  }

  #write(command: Command, context: NamespaceContext): Work {
    this.#checkWritable();
    const { offset, segments, buffer } = this.#transfer(command, context, false);
    gather(context.host, segments, buffer);
    const steps = [() => this.disk.write(offset, buffer), ...this.#durable(command, context)];
    return this.#work(
      Status.WRITE_FAULT,
      () => sequence(steps),
      () => {
        this.#logs.countWrite(buffer.length);
        return 0;
      },
    );
  }

  /** The flush behind a write that has to be durable. */
  #durable(command: Command, { writeCache }: NamespaceContext): (() => Settled)[] {
    return (command.words[12] & FORCE_UNIT_ACCESS) !== 0 || !writeCache ? [() => this.disk.flush()] : [];
  }

  #compare(command: Command, context: NamespaceContext): Work {
    const { offset, segments, buffer } = this.#transfer(command, context, false);
    return this.#work(
      Status.UNRECOVERED_READ_ERROR,
      () => this.disk.read(offset, buffer),
      () => {
        const expected = new Uint8Array(buffer.length);
        gather(context.host, segments, expected);
        if (!buffer.every((byte, at) => byte === expected[at])) throw new Refusal(Status.COMPARE_FAILURE);
        this.#logs.countRead(buffer.length);
        return 0;
      },
    );
  }

  #writeZeroes(command: Command, context: NamespaceContext): Work {
    this.#checkWritable();
    const { offset, length } = this.#range(command);
    const steps: (() => Settled)[] = [];
    const zeros = new Uint8Array(Math.min(length, TRANSFER_MAX));
    for (let at = 0; at < length; at += zeros.length) {
      const part = zeros.subarray(0, Math.min(zeros.length, length - at));
      steps.push(() => this.disk.write(offset + at, part));
    }
    return this.#work(Status.WRITE_FAULT, () => sequence([...steps, ...this.#durable(command, context)]));
  }

  #manage(command: Command, { host, pageSize }: NamespaceContext): Work {
    if ((command.words[11] & DEALLOCATE) === 0) return done();
    this.#checkWritable();
    const bytes = new Uint8Array(((command.words[10] & 0xff) + 1) * RANGE_SIZE);
    gather(host, walkPrp(host, pageSize, command.prp1, command.prp2, bytes.length), bytes);
    const view = new DataView(bytes.buffer);
    const steps: (() => Settled)[] = [];
    for (let at = 0; at < bytes.length; at += RANGE_SIZE) {
      const first = address(view.getUint32(at + 8, true), view.getUint32(at + 12, true));
      const { offset, length } = this.#place(first, view.getUint32(at + 4, true));
      if (length > 0) steps.push(() => this.disk.discard?.(offset, length));
    }
    return this.#work(Status.WRITE_FAULT, () => sequence(steps));
  }
}
