// The escape key of the raw terminal: what reaches the guest and what the terminal keeps.

import { expect, test } from "vitest";
import { EscapeFilter } from "../../src/cli/terminal.js";

function filter(...chunks: string[]): { guest: string; quits: number; helps: number } {
  let quits = 0;
  let helps = 0;
  const filter = new EscapeFilter(
    () => quits++,
    () => helps++,
  );
  const guest = chunks
    .map((chunk) => Buffer.from(filter.pass(Buffer.from(chunk, "latin1"))).toString("latin1"))
    .join("");
  return { guest, quits, helps };
}

test.each([
  ["plain text and other control keys", ["ls\r\x03\x04\xff"], { guest: "ls\r\x03\x04\xff", quits: 0, helps: 0 }],
  ["Ctrl-A x", ["a\x01xb"], { guest: "ab", quits: 1, helps: 0 }],
  ["Ctrl-A and x in two reads", ["a\x01", "xb"], { guest: "ab", quits: 1, helps: 0 }],
  ["Ctrl-A h", ["\x01h"], { guest: "", quits: 0, helps: 1 }],
  ["Ctrl-A a and Ctrl-A Ctrl-A send Ctrl-A", ["\x01a\x01\x01"], { guest: "\x01\x01", quits: 0, helps: 0 }],
  ["an unknown key behind Ctrl-A", ["\x01zx"], { guest: "x", quits: 0, helps: 0 }],
])("%s", (_name, chunks, expected) => {
  expect(filter(...chunks)).toEqual(expected);
});
