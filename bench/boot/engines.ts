// How each engine is started on a Debian kernel and an initial RAM disk, with the guest's first serial port on its
// standard output. An engine that is not installed, or cannot run the kernel, is left out with its reason.
//
// All enter the same compressed image by the boot protocol and let the guest unpack it, but "ours", which
// unpacks it as it is loaded; "ours-packed" does as the others do. Bochs comes by its BIOS and a boot loader besides.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bochsCommand, whyNoBochs } from "../engine/bochs.js";
import { isInstalled } from "../engine/process.js";
import type { Boot } from "./session.js";

export interface BootEngine {
  readonly name: string;
  /** Taken where none are named. */
  readonly usual: boolean;
  /** Why this engine cannot boot the guest here; undefined: it can. */
  refuses(boot: Boot): string | undefined;
  command(boot: Boot): [string, ...string[]];
}

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** Firmware that v86 starts a kernel with; Debian's package seabios has it. */
export const SEABIOS = "/usr/share/seabios";

function script(name: string, boot: Boot, switches: readonly string[]): [string, ...string[]] {
  const { kernel, initrd, append, megabytes } = boot;
  return [process.execPath, "--import", "tsx", path(name), kernel, initrd, append, String(megabytes), ...switches];
}

function ringfence(name: string, usual: boolean, ...switches: string[]): BootEngine {
  return {
    name,
    usual,
    refuses: () => undefined,
    command: (boot) => script("run-ringfence.ts", boot, switches),
  };
}

function v86(name: string, usual: boolean, ...switches: string[]): BootEngine {
  return {
    name,
    usual,
    refuses: ({ flavour }) => {
      if (flavour !== "686") return "v86 has no long mode";
      return existsSync(`${SEABIOS}/bios.bin`) ? undefined : `${SEABIOS}/bios.bin is missing: apt-get install seabios`;
    },
    command: (boot) => script("run-v86.ts", boot, switches),
  };
}

const qemu = ({ flavour }: Boot): string => (flavour === "686" ? "qemu-system-i386" : "qemu-system-x86_64");
const QEMU: BootEngine = {
  name: "qemu",
  usual: true,
  refuses: (boot) => (isInstalled(qemu(boot)) ? undefined : `${qemu(boot)} is not installed`),
  command: (boot) => {
    const { kernel, initrd, append, megabytes } = boot;
    const machine = ["-M", "pc", "-accel", "tcg,thread=single", "-m", `${megabytes}M`, "-nic", "none", "-no-reboot"];
    const files = ["-kernel", kernel, "-initrd", initrd, "-append", append];
    // Stays when it is switched off, so that it can be asked for its processor time.
    return [
      qemu(boot),
      ...machine,
      "-no-shutdown",
      ...files,
      "-display",
      "none",
      "-monitor",
      "none",
      "-serial",
      "stdio",
    ];
  },
};

const BOCHS: BootEngine = {
  name: "bochs",
  usual: false,
  refuses: () => whyNoBochs(),
  command: ({ kernel, initrd, append, megabytes }) => bochsCommand({ kernel, linux: { initrd, append }, megabytes }),
};

/** The first of ours is what the others are compared with. */
export const BOOT_ENGINES: readonly BootEngine[] = [
  ringfence("ours", true),
  ringfence("ours-packed", true, "--packed"),
  ringfence("ours-tier0", true, "--tier0"),
  v86("v86", true),
  v86("v86-interpreter", false, "--no-jit"),
  QEMU,
  BOCHS,
];
