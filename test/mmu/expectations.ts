// One access of the core against the model's outcome: value, fault, data breakpoints, and for devices every
// exit on the way, answered and re-executed as the host does until the access completes.

import assert from "node:assert/strict";
import {
  EXIT_UNMAPPED,
  EXIT_WRITE,
  ExitReason,
  Fault,
  VECTOR_AC,
  VECTOR_GP,
  VECTOR_PF,
  VECTOR_SS,
} from "../../src/engine/views.js";
import { breakpointHits, isCanonical, type Outcome, operand, type Part } from "./access.js";
import { deviceByte, type GuestMemory, PAGE } from "./guest-memory.js";
import type { Regime } from "./regime.js";
import { FETCH, type Subject, WALK_ONLY } from "./subject.js";
import { type Access, settle, walk } from "./walk.js";

type Read = (linear: bigint, size: number) => bigint;
type Write = (linear: bigint, size: number, value: bigint) => number;

/** An access on the bus to a device. */
interface Piece {
  readonly gpa: bigint;
  readonly size: number;
  readonly unmapped: boolean;
  /** Position in the operand. */
  readonly at: number;
}

export class Expectations {
  constructor(
    private readonly subject: Subject,
    private readonly memory: GuestMemory,
    private readonly regime: Regime,
    private readonly count: (what: string) => void,
  ) {}

  read(linear: bigint, size: number, access: Access, read: Read): void {
    const { subject } = this;
    const outcome = operand(this.regime, this.memory, linear, size, access);
    const call = (): bigint => BigInt.asUintN(size * 8, read(linear, size));
    let value = call();
    if (outcome.fault !== "none") {
      assert.equal(value, 0n, `read of ${linear.toString(16)} gives a value and faults`);
      this.fault(outcome);
      return;
    }
    for (const { size: bytes, at } of this.exits(outcome.parts, size, false)) {
      const whole = this.contents(outcome.parts);
      subject.answer(BigInt.asUintN(bytes * 8, whole >> BigInt(at * 8)));
      value = call();
    }
    this.completes(linear, size, access, outcome.parts, false);
    assert.equal(value, this.contents(outcome.parts), `read of ${size} at ${linear.toString(16)}`);
    subject.clear();
  }

  write(linear: bigint, size: number, value: bigint, access: Access, write: Write): void {
    const { subject, memory } = this;
    const outcome = operand(this.regime, memory, linear, size, access);
    let done = write(linear, size, value) !== 0;
    if (outcome.fault !== "none") {
      assert.ok(!done, `write to ${linear.toString(16)} succeeds and faults`);
      this.fault(outcome);
      return;
    }
    for (const { size: bytes, at } of this.exits(outcome.parts, size, true)) {
      assert.ok(!done, "a write to a device completes before it is answered");
      assert.equal(subject.exit().value, BigInt.asUintN(bytes * 8, value >> BigInt(at * 8)), "value for the device");
      assert.equal(subject.difference(memory), -1, "RAM is written before the device has answered");
      subject.answer(0n);
      done = write(linear, size, value) !== 0;
    }
    assert.ok(done, `write to ${linear.toString(16)}: ${JSON.stringify(subject.fault(), text)}`);
    this.completes(linear, size, access, outcome.parts, true);
    this.store(outcome.parts, value);
    subject.clear();
  }

  /** The expected fault, or none, is pending. */
  fault(outcome: Outcome): void {
    const { subject } = this;
    const { kind, vector, error, address } = subject.fault();
    this.count(outcome.fault === "none" ? "completed" : `${outcome.fault} fault`);
    if (outcome.fault === "none") assert.equal(kind, Fault.NONE, `fault ${vector}`);
    else {
      assert.equal(kind, Fault.EXCEPTION, `${outcome.fault} fault expected`);
      if (outcome.fault === "page") {
        const want = { vector: VECTOR_PF, error: outcome.error, address: outcome.address };
        assert.deepEqual({ vector, error, address }, want);
      } else if (outcome.fault === "alignment") assert.deepEqual({ vector, error }, { vector: VECTOR_AC, error: 0 });
      else {
        assert.ok(vector === VECTOR_GP || vector === VECTOR_SS, `vector ${vector} for a non-canonical address`);
        assert.equal(error, 0);
      }
    }
    subject.clear();
  }

  fetch(linear: bigint): void {
    const { subject, memory, regime } = this;
    const { driver } = subject;
    const frame = driver.fetchFrame(linear);
    if (!isCanonical(linear)) {
      assert.deepEqual([frame, driver.fetchKind()], [-1, FETCH.NON_CANONICAL]);
      return;
    }
    const found = walk(regime, memory, linear, { user: regime.cpl === 3, fetch: true });
    if (!found.ok) {
      assert.deepEqual(
        [frame, driver.fetchKind(), driver.walkError()],
        [-1, FETCH.FAULT, found.error],
        linear.toString(16),
      );
      return;
    }
    settle(memory, found, false);
    const place = memory.at(found.gpa);
    assert.equal(frame, place.frame, `fetch from ${linear.toString(16)}`);
    if (place.frame < 0) assert.equal(driver.fetchKind(), FETCH.HOST);
    else this.count("fetched");
  }

  /** Host pointers of string instructions; and a walk without side effects agrees first. */
  pointer(linear: bigint, write: boolean): void {
    const { subject, memory, regime } = this;
    const { driver } = subject;
    const user = regime.cpl === 3;
    const found = isCanonical(linear) ? walk(regime, memory, linear, { user, write }) : undefined;
    if (found !== undefined) {
      const walked = driver.translate(linear, (write ? 1 : 0) | (user ? 2 : 0) | WALK_ONLY) !== 0;
      assert.equal(walked, found.ok, "translation without side effects");
      if (found.ok) assert.equal(BigInt.asUintN(64, driver.walkGpa()), found.gpa);
      else assert.equal(driver.walkError(), found.error);
      assert.equal(subject.difference(memory), -1, "a walk without side effects has one");
    }
    if (found?.ok && !subject.checked) settle(memory, found, write);
    const host = (write ? driver.pointerToWrite(linear) : driver.pointerToRead(linear)) >>> 0;
    assert.equal(subject.fault().kind, Fault.NONE, "a host pointer raises a fault");
    const place = found?.ok ? memory.at(found.gpa) : undefined;
    if (host === 0) {
      const refused = write || place === undefined || place.frame < 0 || subject.checked;
      assert.ok(refused, `no host pointer for ${linear.toString(16)}`);
      return;
    }
    assert.ok(place !== undefined && place.frame >= 0, `a host pointer for ${linear.toString(16)}`);
    assert.equal(BigInt(host), subject.frameHost(place.frame) + (linear & 0xfffn));
    if (write) assert.equal(place.kind, "RAM", "a host pointer to write ROM");
    this.count("pointers");
  }

  /** Yields the device accesses in order, each once the core has left with it. */
  private *exits(parts: readonly Part[], size: number, write: boolean): Generator<Piece> {
    const { subject } = this;
    for (const piece of pieces(parts, size)) {
      this.count(write ? "device writes" : "device reads");
      assert.equal(subject.fault().kind, Fault.EXIT, "an exit for a device");
      const { reason, size: bytes, flags, gpa } = subject.exit();
      const want = (write ? EXIT_WRITE : 0) | (piece.unmapped ? EXIT_UNMAPPED : 0);
      assert.deepEqual(
        { reason, bytes, flags, gpa },
        { reason: ExitReason.MEMORY, bytes: piece.size, flags: want, gpa: piece.gpa },
      );
      yield piece;
    }
  }

  /** Nothing is pending, and the breakpoints are those that the bytes meet: a read for writing still reads. */
  private completes(linear: bigint, size: number, access: Access, parts: readonly Part[], stores: boolean): void {
    const { subject, regime } = this;
    const { kind, vector } = subject.fault();
    assert.equal(kind, Fault.NONE, `access at ${linear.toString(16)}: fault ${vector}`);
    this.count("completed");
    if (access.implicit) return;
    const hits = parts.reduce((all, part) => all | breakpointHits(regime, part.linear, part.bytes, stores), 0);
    if (hits !== 0) this.count("breakpoints");
    assert.equal(
      subject.debugHits,
      hits,
      `breakpoints of ${size} at ${linear.toString(16)}, DR7 ${regime.dr7.toString(16)}`,
    );
  }

  /** The operand's bytes in RAM, ROM and devices. */
  private contents(parts: readonly Part[]): bigint {
    let value = 0n;
    let shift = 0n;
    for (const { frame, gpa, bytes } of parts) {
      for (let i = 0; i < bytes; i++, shift += 8n) {
        const offset = frame * PAGE + Number(gpa & 0xfffn) + i;
        value |= BigInt(frame < 0 ? deviceByte(gpa + BigInt(i)) : (this.memory.bytes[offset] as number)) << shift;
      }
    }
    return value;
  }
  private store(parts: readonly Part[], value: bigint): void {
    let rest = value;
    for (const { kind, frame, gpa, bytes } of parts) {
      for (let i = 0; i < bytes; i++, rest >>= 8n) {
        if (kind === "RAM") this.memory.bytes[frame * PAGE + Number(gpa & 0xfffn) + i] = Number(rest & 0xffn);
      }
    }
  }
}

/** A device access inside one page is one access; of one that crosses, naturally aligned pieces. */
function pieces(parts: readonly Part[], size: number): Piece[] {
  const list: Piece[] = [];
  let at = 0;
  for (const { frame, kind, gpa, bytes } of parts) {
    for (let done = 0; frame < 0 && done < bytes; ) {
      let width = parts.length === 1 ? size : 4;
      while (parts.length > 1 && (done + width > bytes || (Number(gpa & 0xfffn) + done) % width !== 0)) width /= 2;
      list.push({ gpa: gpa + BigInt(done), size: width, unmapped: kind !== "MMIO", at: at + done });
      done += width;
    }
    at += bytes;
  }
  return list;
}

function text(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString(16) : value;
}
