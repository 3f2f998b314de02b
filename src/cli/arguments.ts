// Parsers of option values. Each says what it expected; the command line turns that into exit code 2.

import { InvalidArgumentError } from "commander";

const UNITS: Record<string, number> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
const SECONDS: Record<string, number> = { ms: 0.001, s: 1, "": 1, m: 60, h: 3600 };

/** Bytes: 268435456, 256M, 1GiB. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?$/i.exec(text.trim());
  if (match === null) throw new InvalidArgumentError("expected a size such as 256M, 1G or 65536.");
  return Number(match[1]) * UNITS[match[2].toUpperCase()];
}

/** A whole number above 0, decimal or hexadecimal. */
export function parseCount(text: string): number {
  const value = parseInteger(text);
  if (value < 1) throw new InvalidArgumentError("expected a whole number above 0.");
  return value;
}

/** An address: 0x7c00, 7C00h, 31744. */
export function parseInteger(text: string): number {
  const trimmed = text.trim().replaceAll("_", "");
  const hexadecimal = /^(?:0x([0-9a-f]+)|([0-9a-f]+)h)$/i.exec(trimmed);
  const value = hexadecimal !== null ? Number.parseInt(hexadecimal[1] ?? hexadecimal[2], 16) : Number(trimmed);
  if (!/^\d+$/.test(trimmed) && hexadecimal === null)
    throw new InvalidArgumentError("expected a whole number such as 31744 or 0x7c00.");
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError("the number is too large.");
  return value;
}

/** A linear address in hexadecimal, with or without 0x: c1000000, 0xffffffff_81000000. */
export function parseAddress(text: string): bigint {
  const digits = text.trim().replaceAll("_", "").replace(/^0x/i, "");
  if (!/^[0-9a-f]{1,16}$/i.test(digits)) throw new InvalidArgumentError("expected a hexadecimal address.");
  return BigInt(`0x${digits}`);
}

/** Seconds: 30s, 500ms, 2m. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|)$/i.exec(text.trim());
  const seconds = match === null ? 0 : Number(match[1]) * SECONDS[match[2].toLowerCase()];
  if (seconds <= 0) throw new InvalidArgumentError("expected a duration above 0 such as 30s, 500ms or 2m.");
  return seconds;
}

/** A moment: 2026-01-31T12:00:00Z; without a zone it is UTC. */
export function parseDate(text: string): Date {
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/i.test(text) || !text.includes("T") ? text : `${text}Z`;
  const date = new Date(zoned);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError("expected a moment such as 2026-01-31T12:00:00Z.");
  return date;
}

export type SerialTarget = { kind: "stdio" } | { kind: "none" } | { kind: "file"; path: string };

export function parseSerial(text: string): SerialTarget {
  if (text === "stdio" || text === "none") return { kind: text };
  if (text.startsWith("file:") && text.length > 5) return { kind: "file", path: text.slice(5) };
  throw new InvalidArgumentError("expected stdio, none or file:PATH.");
}

/** Appends to a repeatable option. */
export function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}
