// What a trap inside the engine becomes: a typed error that names the guest instruction.

import type { Core } from "../engine/core.js";
import * as v from "../engine/views.js";
import { hex } from "../support/bytes.js";
import { EngineError } from "../support/errors.js";

/** The error that a trap stands for; undefined for what a handler has thrown. */
export function engineFailure(core: Core, cause: unknown): EngineError | undefined {
  if (!(cause instanceof WebAssembly.RuntimeError) && !isStackOverflow(cause)) return undefined;
  const processor = core.getU32(v.CURRENT_PROCESSOR);
  const rip = core.getU64(v.RIP);
  return new EngineError(
    `the core failed (${String(cause)}) on processor ${processor} at or behind rip ${hex(rip)}; this is a bug of the engine`,
    processor,
    rip,
    cause,
  );
}

function isStackOverflow(cause: unknown): boolean {
  return cause instanceof RangeError && /call stack/i.test(cause.message);
}
