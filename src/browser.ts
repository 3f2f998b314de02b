// Entry for browsers: the public API, with the core and the translator fetched from beside the package.

import { provideModules } from "./engine/module.js";

provideModules({
  core: () => fetch(new URL("../build/ringfence.wasm", import.meta.url)),
  translator: () => fetch(new URL("../build/translator.wasm", import.meta.url)),
});

export * from "./index.js";
