// ACPI Machine Language (ACPI 6.5, chapter 20) in bytes: the terms that a PC's description needs. Each function
// encodes one term; terms nest by passing their bytes on.
//
//   PkgLength  00 length (6)  |  count of further bytes (2) . 0 . length 3:0  | length 11:4 | ...
//
// The length counts its own bytes.

import { HypervisorError } from "../../support/errors.js";

export type Aml = readonly number[];

const Op = {
  ZERO: 0x00,
  ONE: 0x01,
  NAME: 0x08,
  BYTE: 0x0a,
  WORD: 0x0b,
  DWORD: 0x0c,
  STRING: 0x0d,
  QWORD: 0x0e,
  SCOPE: 0x10,
  BUFFER: 0x11,
  PACKAGE: 0x12,
  METHOD: 0x14,
  DUAL_NAME: 0x2e,
  MULTI_NAME: 0x2f,
  EXTENDED: 0x5b,
  ROOT: 0x5c,
  ARGUMENT_0: 0x68,
  STORE: 0x70,
  DEVICE: 0x82,
  IF: 0xa0,
  RETURN: 0xa4,
} as const;

/** Little-endian bytes of a whole number below 2^53. */
export function littleEndian(value: number, size: number): number[] {
  const bytes: number[] = [];
  for (let rest = value, i = 0; i < size; i++) {
    bytes.push(rest % 256);
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

/** A length prefix in front of what it measures. */
function packaged(body: Aml): Aml {
  const length = body.length;
  if (length + 1 < 0x40) return [length + 1, ...body];
  for (let more = 1; more <= 3; more++) {
    const total = length + 1 + more;
    if (total < 2 ** (4 + 8 * more)) {
      return [(more << 6) | (total & 15), ...littleEndian(Math.floor(total / 16), more), ...body];
    }
  }
  throw new HypervisorError("invalid-argument", `an AML package of ${length} bytes is too long`);
}

/** Four characters: shorter names are filled with underscores. */
function segment(name: string): number[] {
  if (!/^[A-Z_][A-Z0-9_]{0,3}$/.test(name)) {
    throw new HypervisorError("invalid-argument", `"${name}" is not an ACPI name: one to four of A-Z, 0-9 and _`);
  }
  return [...name.padEnd(4, "_")].map((character) => character.charCodeAt(0));
}

/** A path such as "\_SB.PCI0" or "_HID". */
export function path(text: string): Aml {
  const root = text.startsWith("\\");
  const names = (root ? text.slice(1) : text).split(".").filter((name) => name !== "");
  const segments = names.flatMap(segment);
  const prefix = root ? [Op.ROOT] : [];
  if (names.length === 0) return [...prefix, 0];
  if (names.length === 1) return [...prefix, ...segments];
  if (names.length === 2) return [...prefix, Op.DUAL_NAME, ...segments];
  return [...prefix, Op.MULTI_NAME, names.length, ...segments];
}

export function integer(value: number): Aml {
  if (value === 0) return [Op.ZERO];
  if (value === 1) return [Op.ONE];
  if (value <= 0xff) return [Op.BYTE, value];
  if (value <= 0xffff) return [Op.WORD, ...littleEndian(value, 2)];
  if (value <= 0xffff_ffff) return [Op.DWORD, ...littleEndian(value, 4)];
  return [Op.QWORD, ...littleEndian(value, 8)];
}

/** ASCII text with its terminating zero. */
export function string(text: string): Aml {
  return [Op.STRING, ...[...text].map((character) => character.charCodeAt(0) & 0x7f), 0];
}

/** A seven-character plug-and-play identifier such as "PNP0501", compressed into an integer. */
export function eisaId(id: string): Aml {
  if (!/^[A-Z]{3}[0-9A-F]{4}$/.test(id))
    throw new HypervisorError("invalid-argument", `"${id}" is not an EISA identifier`);
  const letter = (n: number): number => id.charCodeAt(n) - 0x40;
  const vendor = (letter(0) << 10) | (letter(1) << 5) | letter(2);
  const product = Number.parseInt(id.slice(3), 16);
  return [Op.DWORD, vendor >> 8, vendor & 0xff, product >> 8, product & 0xff];
}

export function name(at: string, value: Aml): Aml {
  return [Op.NAME, ...path(at), ...value];
}

export function scope(at: string, ...terms: Aml[]): Aml {
  return [Op.SCOPE, ...packaged([...path(at), ...terms.flat()])];
}

export function device(at: string, ...terms: Aml[]): Aml {
  return [Op.EXTENDED, Op.DEVICE, ...packaged([...path(at), ...terms.flat()])];
}

export function method(at: string, argumentCount: number, ...terms: Aml[]): Aml {
  return [Op.METHOD, ...packaged([...path(at), argumentCount, ...terms.flat()])];
}

export function packageOf(...elements: Aml[]): Aml {
  return [Op.PACKAGE, ...packaged([elements.length, ...elements.flat()])];
}

export function buffer(bytes: readonly number[]): Aml {
  return [Op.BUFFER, ...packaged([...integer(bytes.length), ...bytes])];
}

/** Argument n of the method around it. */
export function argument(n: number): Aml {
  return [Op.ARGUMENT_0 + n];
}

export function store(value: Aml, target: string): Aml {
  return [Op.STORE, ...value, ...path(target)];
}

export function when(condition: Aml, ...terms: Aml[]): Aml {
  return [Op.IF, ...packaged([...condition, ...terms.flat()])];
}

export function returning(value: Aml): Aml {
  return [Op.RETURN, ...value];
}
