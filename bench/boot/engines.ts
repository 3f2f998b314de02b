// How each engine is started on a kernel and an initial RAM disk, with the guest's first serial port on its
// standard output. An engine that is not installed, or cannot run the kernel, is left out with its reason.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { LinuxGuest } from "../../test/guest/linux/guest.js";
import { BOCHS } from "./bochs.js";

export interface Engine {
  readonly name: string;
  /** Who unpacks the kernel: the guest's own decompressor, or the host before the start. */
  readonly unpacks: "guest" | "host";
  /** Why this engine cannot boot the guest here; undefined: it can. */
  refuses(guest: LinuxGuest): string | undefined;
  command(guest: LinuxGuest, append: string): readonly [string, ...string[]];
}

const MEMORY = "512M";
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const MAIN = path("../../dist/cli/main.js");
const V86 = path("./run-v86.ts");
/** Firmware that v86 starts a kernel with; Debian's package seabios has it. */
export const SEABIOS = "/usr/share/seabios";

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function ringfence(unpacks: "guest" | "host"): Engine {
  return {
    name: unpacks === "host" ? "ringfence" : "ringfence --no-extract",
    unpacks,
    refuses: () => (existsSync(MAIN) ? undefined : "dist/cli/main.js is missing: npm run build"),
    command: (guest, append) => {
      const how = unpacks === "host" ? [] : ["--no-extract"];
      const files = ["--kernel", guest.kernel, "--initrd", guest.initrd];
      return [process.execPath, MAIN, "run", ...files, "--append", append, "--memory", MEMORY, "--json", ...how];
    },
  };
}

function v86(jit: boolean): Engine {
  return {
    name: jit ? "v86" : "v86, no JIT",
    unpacks: "guest",
    refuses: (guest) => {
      if (guest.flavour !== "686") return "v86 has no long mode";
      return existsSync(`${SEABIOS}/bios.bin`) ? undefined : `${SEABIOS}/bios.bin is missing: apt-get install seabios`;
    },
    command: (guest, append) => {
      const switches = jit ? [] : ["--no-jit"];
      return [process.execPath, "--import", "tsx", V86, guest.kernel, guest.initrd, append, ...switches];
    },
  };
}

const QEMU: Engine = {
  name: "qemu, TCG",
  unpacks: "guest",
  refuses: (guest) => (isInstalled(qemu(guest)) ? undefined : `${qemu(guest)} is not installed`),
  command: (guest, append) => {
    const machine = ["-M", "pc", "-accel", "tcg,thread=single", "-m", MEMORY, "-display", "none", "-no-reboot"];
    const files = ["-kernel", guest.kernel, "-initrd", guest.initrd, "-append", append];
    return [qemu(guest), ...machine, ...files, "-serial", "stdio", "-monitor", "none"];
  },
};
const qemu = (guest: LinuxGuest): string => (guest.flavour === "686" ? "qemu-system-i386" : "qemu-system-x86_64");

/** The first one is what the others are compared with. */
export const ENGINES: readonly Engine[] = [ringfence("host"), ringfence("guest"), v86(true), v86(false), QEMU, BOCHS];
