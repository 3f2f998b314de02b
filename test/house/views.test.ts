// src/engine/views.ts is checked in; it must be what the generator makes of assembly/ today.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generateViews, VIEWS } from "./views.generate.js";

test("src/engine/views.ts equals what `npm run views` produces", () => {
  expect(readFileSync(VIEWS, "utf8")).toBe(generateViews());
});
