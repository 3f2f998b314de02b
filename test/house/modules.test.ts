// The two modules of the engine share one memory: each keeps its static data where the map of that memory says, and
// within what the map gives it.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as L from "../../src/engine/views.js";

const root = new URL("../../", import.meta.url);

interface Options {
  memoryBase?: number;
  exportTable?: boolean;
}
const config = JSON.parse(readFileSync(new URL("asconfig.json", root), "utf8")) as {
  options: Options;
  targets: Record<string, Options>;
};

/** Ends of the active data segments of a module, from its bytes (WebAssembly core specification, 5.5.14). */
function dataEnd(path: string): { first: number; end: number } {
  const bytes = readFileSync(new URL(path, root));
  let at = 8;
  const unsigned = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const signed = (): number => {
    let value = 0;
    for (let shift = 0; ; ) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      shift += 7;
      if (byte < 0x80) return byte & 0x40 ? value - 2 ** shift : value;
    }
  };
  let [first, end] = [Number.POSITIVE_INFINITY, 0];
  while (at < bytes.length) {
    const id = bytes[at++];
    const next = unsigned() + at;
    if (id === 11) {
      for (let left = unsigned(); left > 0; left--) {
        if (unsigned() !== 0 || bytes[at++] !== 0x41) throw new Error("a segment that is not at a constant address");
        const start = signed();
        at++;
        const length = unsigned();
        at += length;
        first = Math.min(first, start);
        end = Math.max(end, start + length);
      }
    }
    at = next;
  }
  return { first, end };
}

test("asconfig.json puts their data where assembly/layout.ts says", () => {
  expect(config.options.memoryBase).toBe(L.STATIC_DATA);
  expect(config.targets.translator.memoryBase).toBe(L.TRANSLATOR_DATA);
  for (const target of ["debug", "release"]) expect(config.targets[target].exportTable).toBe(true);
});

test("their data stays within its room", () => {
  const core = dataEnd("build/ringfence.wasm");
  expect(core.first).toBeGreaterThanOrEqual(L.STATIC_DATA);
  expect(core.end).toBeLessThanOrEqual(L.JUMP_CACHE);
  const translator = dataEnd("build/translator.wasm");
  expect(translator.first).toBeGreaterThanOrEqual(L.TRANSLATOR_DATA);
  expect(translator.end).toBeLessThanOrEqual(L.REGION_HEADS);
});
