// The README's embedding example is the file beside this test, and is run as it stands.

import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";

test("the embedding example prints what its guest did", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  await import("./embedding.example.js");
  const lines = log.mock.calls.map(([line]) => line);
  log.mockRestore();
  expect(lines).toEqual(["port 16: 42 (1 byte)", "halt after 5 instructions", "ax = 7"]);
});

test("the README shows the same example", () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const shown = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
  const example = readFileSync(new URL("./embedding.example.ts", import.meta.url), "utf8");
  const body = example.slice(example.indexOf("import")).replace("../../src/node.js", "ringfence");
  expect(shown).toBe(body);
});
