// Entry for browsers: the public API, with the core fetched from beside the package.

import { provideCore } from "./engine/module.js";

provideCore(() => fetch(new URL("../build/ringfence.wasm", import.meta.url)));

export * from "./index.js";
