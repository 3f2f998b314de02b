// Bochs, which has no loader for kernels: it boots from a CD image with ISOLINUX on it. So its time includes its
// BIOS and the boot loader. Debian builds Bochs with its debugger, which waits for "c" before the first instruction;
// a Bochs without it never reads the two commands.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LinuxGuest } from "../../test/guest/linux/guest.js";
import type { Engine } from "./engines.js";

const ISOLINUX = "/usr/lib/ISOLINUX/isolinux.bin";
const MODULE = "/usr/lib/syslinux/modules/bios/ldlinux.c32";

/** The text display draws on standard output, which is thrown away; the serial port is descriptor 3. */
const CONFIGURATION = `config_interface: textconfig
display_library: term
memory: guest=512, host=512
cpu: ips=50000000
boot: cdrom
com1: enabled=1, mode=file, dev=/dev/fd/3
clock: sync=none
panic: action=fatal
log: /dev/null
`;

/** Continue; quit when the interrupt of the prompt comes. */
const COMMANDS = "c\nq\n";
/** Takes "Quit now" in the menu, which Bochs shows once it has loaded its display. */
const QUIT = "7\n";

function refuses(): string | undefined {
  const { error, status } = spawnSync("bochs", ["-n", "display_library: term"], { input: QUIT, timeout: 10_000 });
  if (error !== undefined) return "bochs is not installed: apt-get install bochs bochs-term";
  if (status !== 0) return "bochs has no text display: apt-get install bochs-term";
  if (spawnSync("xorriso", ["-version"]).error !== undefined)
    return "xorriso is not installed: apt-get install xorriso";
  const missing = [ISOLINUX, MODULE].find((file) => !existsSync(file));
  return missing === undefined ? undefined : `${missing} is missing: apt-get install isolinux syslinux-common`;
}

/** A folder with everything a boot needs; it goes when this process ends. */
function prepare(guest: LinuxGuest, append: string): string {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-bochs-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("isolinux.cfg"), `DEFAULT linux\nLABEL linux\nKERNEL vmlinuz\nINITRD initrd\nAPPEND ${append}\n`);
  const files = {
    "isolinux.bin": ISOLINUX,
    "ldlinux.c32": MODULE,
    "isolinux.cfg": at("isolinux.cfg"),
    vmlinuz: guest.kernel,
    initrd: guest.initrd,
  };
  const boot = ["-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"];
  const grafts = Object.entries(files).map(([name, file]) => `/${name}=${file}`);
  const disc = at("boot.iso");
  const { status, stderr } = spawnSync(
    "xorriso",
    ["-as", "mkisofs", "-quiet", "-o", disc, ...boot, "-graft-points", ...grafts],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`xorriso made no CD image of ${guest.kernel}:\n${stderr}`);
  writeFileSync(at("bochsrc"), `${CONFIGURATION}ata0-master: type=cdrom, path=${disc}, status=inserted\n`);
  writeFileSync(at("commands"), COMMANDS);
  return folder;
}

export const BOCHS: Engine = {
  name: "bochs",
  unpacks: "guest",
  refuses,
  command: (guest, append) => {
    const start = 'TERM=vt100 exec bochs -q -f "$0/bochsrc" 3>&1 >/dev/null <"$0/commands"';
    return ["sh", "-c", start, prepare(guest, append)];
  },
};
