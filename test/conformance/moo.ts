// Reader of the MOO format of the SingleStepTests suites (little-endian chunks: 4 ASCII bytes, u32 length,
// payload; chunks nest). One file holds the cases of one opcode.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** Register numbers of a REGS chunk. */
export const MooReg = {
  AX: 0,
  BX: 1,
  CX: 2,
  DX: 3,
  CS: 4,
  SS: 5,
  DS: 6,
  ES: 7,
  SP: 8,
  BP: 9,
  SI: 10,
  DI: 11,
  IP: 12,
  FLAGS: 13,
} as const;

export interface MooState {
  /** 14 registers; undefined where the chunk does not name one. */
  readonly registers: (number | undefined)[];
  /** [physical address, value] pairs. */
  readonly ram: (readonly [number, number])[];
}

export interface MooCase {
  readonly index: number;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly initial: MooState;
  readonly final: MooState;
  readonly exception: { readonly vector: number; readonly flagsAddress: number } | undefined;
}

type Chunk = readonly [type: string, start: number, end: number];

function* chunks(view: DataView, start: number, end: number): Generator<Chunk> {
  for (let at = start; at < end; ) {
    const type = String.fromCharCode(
      view.getUint8(at),
      view.getUint8(at + 1),
      view.getUint8(at + 2),
      view.getUint8(at + 3),
    );
    const length = view.getUint32(at + 4, true);
    yield [type, at + 8, at + 8 + length];
    at += 8 + length;
  }
}

function readState(view: DataView, start: number, end: number): MooState {
  const registers: (number | undefined)[] = new Array(14).fill(undefined);
  const ram: [number, number][] = [];
  for (const [type, at] of chunks(view, start, end)) {
    if (type === "REGS") {
      const mask = view.getUint16(at, true);
      for (let i = 0, next = at + 2; i < 14; i++) {
        if (((mask >> i) & 1) === 0) continue;
        registers[i] = view.getUint16(next, true);
        next += 2;
      }
    } else if (type === "RAM ") {
      const count = view.getUint32(at, true);
      for (let i = 0; i < count; i++) ram.push([view.getUint32(at + 4 + i * 5, true), view.getUint8(at + 8 + i * 5)]);
    }
  }
  return { registers, ram };
}

function readCase(view: DataView, start: number, end: number): MooCase {
  const empty: MooState = { registers: [], ram: [] };
  let name = "";
  let bytes: Uint8Array = new Uint8Array();
  let initial = empty;
  let final = empty;
  let exception: MooCase["exception"];
  for (const [type, from, to] of chunks(view, start + 4, end)) {
    switch (type) {
      case "NAME":
        name = new TextDecoder().decode(
          new Uint8Array(view.buffer, view.byteOffset + from + 4, view.getUint32(from, true)),
        );
        break;
      case "BYTS":
        bytes = new Uint8Array(view.buffer, view.byteOffset + from + 4, view.getUint32(from, true));
        break;
      case "INIT":
        initial = readState(view, from, to);
        break;
      case "FINA":
        final = readState(view, from, to);
        break;
      case "EXCP":
        exception = { vector: view.getUint8(from), flagsAddress: view.getUint32(from + 1, true) };
        break;
    }
  }
  return { index: view.getUint32(start, true), name, bytes, initial, final, exception };
}

export function readMoo(path: string): MooCase[] {
  const data = gunzipSync(readFileSync(path));
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const cases: MooCase[] = [];
  for (const [type, start, end] of chunks(view, 0, view.byteLength)) {
    if (type === "TEST") cases.push(readCase(view, start, end));
  }
  return cases;
}
