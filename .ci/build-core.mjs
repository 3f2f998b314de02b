// Compiles the core to build/ringfence.wasm unless the module is newer than every source it depends on.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const output = "build/ringfence.wasm";
const sources = ["asconfig.json", "package-lock.json"];
for (const entry of readdirSync("assembly", { recursive: true })) {
  if (String(entry).endsWith(".ts")) sources.push(join("assembly", String(entry)));
}
const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs));
if (!existsSync(output) || statSync(output).mtimeMs < newest) {
  console.log("compiling the core (assembly/ -> build/ringfence.wasm), about half a minute");
  const result = spawnSync(process.execPath, ["node_modules/assemblyscript/bin/asc.js", "--target", "release"], {
    stdio: "inherit",
  });
  process.exit(result.status ?? 1);
}
