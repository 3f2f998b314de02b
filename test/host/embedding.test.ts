// The README's embedding example is run as it stands.

import { expect, test, vi } from "vitest";

test("the embedding example prints what its guest did", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  await import("./embedding.example.js");
  const lines = log.mock.calls.map(([line]) => line);
  log.mockRestore();
  expect(lines).toEqual(["port 16: 42 (1 byte)", "halt after 5 instructions", "ax = 7"]);
});
