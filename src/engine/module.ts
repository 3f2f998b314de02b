// Loading of the core: the module is compiled once per process and shared by every partition, whose
// creation then costs one instantiation and one memory reservation.

import { HypervisorError } from "../support/errors.js";

export type CoreSource = BufferSource | URL | WebAssembly.Module;

let defaultSource: (() => Promise<BufferSource | Response>) | undefined;
const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** Tells where the core comes from when a hypervisor is created without one (called by the platform entries). */
export function provideCore(load: () => Promise<BufferSource | Response>): void {
  defaultSource = load;
}

async function compile(source: BufferSource | Response): Promise<WebAssembly.Module> {
  if (typeof Response !== "undefined" && source instanceof Response) return WebAssembly.compileStreaming(source);
  return WebAssembly.compile(source as BufferSource);
}

function once(key: string, load: () => Promise<BufferSource | Response>): Promise<WebAssembly.Module> {
  let module = compiled.get(key);
  if (module === undefined) {
    module = load()
      .then(compile)
      .catch((cause: unknown) => {
        compiled.delete(key);
        throw new HypervisorError("core-unavailable", `the core could not be loaded: ${String(cause)}`, { cause });
      });
    compiled.set(key, module);
  }
  return module;
}

/** The compiled core from a given source, or from the platform's own. */
export async function loadCore(source?: CoreSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof URL) return once(source.href, () => fetch(source));
  if (source !== undefined) {
    return compile(source).catch((cause: unknown) => {
      throw new HypervisorError("core-unavailable", `not a usable core: ${String(cause)}`, { cause });
    });
  }
  if (defaultSource === undefined) {
    throw new HypervisorError("core-unavailable", "import ringfence through its platform entry, or pass { wasm }");
  }
  return once("", defaultSource);
}
