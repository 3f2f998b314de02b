// Loading of the engine's two modules, the core and the translator: each is compiled once per process and shared by
// every partition, whose creation then costs one instantiation and one memory reservation.

import { HypervisorError } from "../support/errors.js";

export type CoreSource = BufferSource | URL | WebAssembly.Module;

type Load = () => Promise<BufferSource | Response>;
/** Where a platform keeps the modules. */
export interface PlatformModules {
  core: Load;
  translator: Load;
}

let platform: PlatformModules | undefined;
const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** Tells where the modules come from when a hypervisor is created without (called by the platform entries). */
export function provideModules(modules: PlatformModules): void {
  platform = modules;
}

async function compile(source: BufferSource | Response): Promise<WebAssembly.Module> {
  if (typeof Response !== "undefined" && source instanceof Response) return WebAssembly.compileStreaming(source);
  return WebAssembly.compile(source as BufferSource);
}

function unavailable(what: string, cause: unknown): HypervisorError {
  return new HypervisorError("core-unavailable", `the ${what} could not be loaded: ${String(cause)}`, { cause });
}

function once(key: string, what: string, load: Load): Promise<WebAssembly.Module> {
  let module = compiled.get(key);
  if (module === undefined) {
    module = load()
      .then(compile)
      .catch((cause: unknown) => {
        compiled.delete(key);
        throw unavailable(what, cause);
      });
    compiled.set(key, module);
  }
  return module;
}

async function loadModule(what: keyof PlatformModules, source?: CoreSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof URL) return once(source.href, what, () => fetch(source));
  if (source !== undefined) {
    return compile(source).catch((cause: unknown) => {
      throw new HypervisorError("core-unavailable", `not a usable ${what}: ${String(cause)}`, { cause });
    });
  }
  if (platform === undefined) {
    throw new HypervisorError("core-unavailable", `import ringfence through its platform entry, or pass the ${what}`);
  }
  return once(`default ${what}`, what, platform[what]);
}

/** The compiled core from a given source, or from the platform's own. */
export function loadCore(source?: CoreSource): Promise<WebAssembly.Module> {
  return loadModule("core", source);
}

/** The compiled translator from a given source, or from the platform's own. */
export function loadTranslator(source?: CoreSource): Promise<WebAssembly.Module> {
  return loadModule("translator", source);
}
