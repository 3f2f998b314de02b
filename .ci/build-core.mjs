// Compiles the engine's two modules, each unless it is newer than every source it may depend on: the core to
// build/ringfence.wasm, and the translator, which is instantiated on the same memory, to build/translator.wasm.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const modules = [
  { target: "release", entry: "assembly/index.ts", output: "build/ringfence.wasm", without: "translate" },
  { target: "translator", entry: "assembly/translate/index.ts", output: "build/translator.wasm", without: "execute" },
];

function newest(without) {
  const sources = ["asconfig.json", "package-lock.json"];
  for (const entry of readdirSync("assembly", { recursive: true })) {
    const path = String(entry);
    if (path.endsWith(".ts") && !path.startsWith(without)) sources.push(join("assembly", path));
  }
  return Math.max(...sources.map((path) => statSync(path).mtimeMs));
}

function compile({ target, entry }) {
  return new Promise((resolve) => {
    const asc = "node_modules/assemblyscript/bin/asc.js";
    spawn(process.execPath, [asc, entry, "--target", target], { stdio: "inherit" }).on("exit", (code) =>
      resolve(code ?? 1),
    );
  });
}

const stale = modules.filter(
  ({ output, without }) => !existsSync(output) || statSync(output).mtimeMs < newest(without),
);
if (stale.length > 0) {
  console.log(`compiling assembly/ -> ${stale.map(({ output }) => output).join(", ")}, about a minute`);
  const codes = await Promise.all(stale.map(compile));
  process.exit(Math.max(...codes));
}
