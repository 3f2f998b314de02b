// Bochs, which has no loader for kernels: it boots from a CD image with ISOLINUX on it. So its time from the start
// includes its BIOS and the boot loader. Debian builds Bochs with its debugger, which waits for "c" before the first
// instruction; a Bochs without it never reads the two commands.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ISOLINUX = "/usr/lib/ISOLINUX/isolinux.bin";
const MODULES = "/usr/lib/syslinux/modules/bios";
/** Loads Multiboot kernels. */
const MULTIBOOT = ["mboot.c32", "libcom32.c32"];

/** The text display draws on standard output, which is thrown away; the serial port is a named pipe. */
const configuration = (megabytes: number, serial: string): string => `config_interface: textconfig
display_library: term
memory: guest=${megabytes}, host=${megabytes}
cpu: ips=50000000
boot: cdrom
com1: enabled=1, mode=file, dev=${serial}
clock: sync=none
panic: action=fatal
log: /dev/null
`;

/** Continue; quit when the interrupt comes. */
const COMMANDS = "c\nq\n";
/** Chosen in the menu, which Bochs shows once it has loaded its display. */
const QUIT = { key: "7\n", text: "Quit now" };

export function whyNoBochs(): string | undefined {
  const { error, stdout } = spawnSync("bochs", ["-n", "display_library: term"], { input: QUIT.key, timeout: 10_000 });
  if (error !== undefined) return "bochs is not installed: apt-get install bochs bochs-term";
  if (!stdout.includes(QUIT.text)) return "bochs has no text display: apt-get install bochs-term";
  if (spawnSync("xorriso", ["-version"]).error !== undefined)
    return "xorriso is not installed: apt-get install xorriso";
  const files = [ISOLINUX, ...["ldlinux.c32", ...MULTIBOOT].map((name) => join(MODULES, name))];
  const missing = files.find((file) => !existsSync(file));
  return missing === undefined ? undefined : `${missing} is missing: apt-get install isolinux syslinux-common`;
}

export interface BochsGuest {
  readonly kernel: string;
  /** Of a Linux kernel; without it, the kernel is a Multiboot one. */
  readonly linux?: { readonly initrd: string; readonly append: string };
  readonly megabytes: number;
}

/** A folder with everything a boot needs; it goes when this process ends. */
function prepare({ kernel, linux, megabytes }: BochsGuest): string {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-bochs-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string): string => join(folder, name);
  const files: Record<string, string> = { "isolinux.bin": ISOLINUX, "isolinux.cfg": at("isolinux.cfg"), kernel };
  const modules = linux === undefined ? ["ldlinux.c32", ...MULTIBOOT] : ["ldlinux.c32"];
  for (const name of modules) files[name] = join(MODULES, name);
  let boot = "KERNEL mboot.c32\nAPPEND kernel\n";
  if (linux !== undefined) {
    files.initrd = linux.initrd;
    boot = `LINUX kernel\nINITRD initrd\nAPPEND ${linux.append}\n`;
  }
  writeFileSync(at("isolinux.cfg"), `DEFAULT guest\nLABEL guest\n${boot}`);
  const flags = ["-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"];
  const grafts = Object.entries(files).map(([name, file]) => `/${name}=${file}`);
  const disc = at("boot.iso");
  const { status, stderr } = spawnSync(
    "xorriso",
    ["-as", "mkisofs", "-quiet", "-o", disc, ...flags, "-graft-points", ...grafts],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`xorriso made no CD image of ${kernel}:\n${stderr}`);
  const disk = `ata0-master: type=cdrom, path=${disc}, status=inserted\n`;
  writeFileSync(at("bochsrc"), configuration(megabytes, at("serial")) + disk);
  writeFileSync(at("commands"), COMMANDS);
  execFileSync("mkfifo", [at("serial")]);
  return folder;
}

export function bochsCommand(guest: BochsGuest): [string, ...string[]] {
  const copy = 'cat "$0/serial" &';
  const start = 'TERM=vt100 exec bochs -q -f "$0/bochsrc" >/dev/null <"$0/commands"';
  return ["sh", "-c", `${copy} ${start}`, prepare(guest)];
}
