// npm run guest:linux -- FLAVOUR|PACKAGE... [--module NAME]...
//
// Fetches Debian kernels, packs an initial RAM disk for each, and prints the command that boots it.

import { relative } from "node:path";
import { parseArgs } from "node:util";
import { COMMAND_LINE, FLAVOURS, fetchGuest, MODULES } from "./guest.js";
import { whyNoPackages } from "./packages.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { module: { type: "string", multiple: true, default: [] } },
});

const reason = whyNoPackages();
if (reason !== undefined) {
  process.stderr.write(`${reason}\n`);
  process.exit(2);
}
for (const name of positionals.length > 0 ? positionals : FLAVOURS) {
  const guest = fetchGuest(name, [...MODULES, ...values.module]);
  const path = (file: string): string => relative(process.cwd(), file);
  process.stdout.write(
    `${guest.package} ${guest.version}\n` +
      `  npx ringfence run --kernel ${path(guest.kernel)} --initrd ${path(guest.initrd)} --append "${COMMAND_LINE}"\n`,
  );
}
