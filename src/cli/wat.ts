// WebAssembly text of a module, by binaryen: a tool of those who look into the engine, not one of its dependencies.

import { nameOfCell } from "../node.js";
import { UsageError } from "./machine.js";

async function loadBinaryen(): Promise<typeof import("binaryen")["default"]> {
  try {
    return (await import("binaryen")).default;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new UsageError("WebAssembly text is printed by the npm package binaryen: npm install binaryen");
  }
}

/** The text, with comments behind addresses that mean something. */
export async function textOf(wasm: Uint8Array): Promise<string> {
  const binaryen = await loadBinaryen();
  const module = binaryen.readBinary(wasm);
  try {
    return module.emitText().split("\n").map(annotate).join("\n");
  } finally {
    module.dispose();
  }
}

/** An access through a constant has its whole address in the offset. */
function annotate(line: string): string {
  const offset = /\boffset=(\d+)/.exec(line);
  const name = offset === null ? undefined : nameOfCell(Number(offset[1]));
  return name === undefined ? line : `${line} ;; ${name}`;
}
