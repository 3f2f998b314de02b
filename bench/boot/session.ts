// What a measured boot does, and how its output is read: session.sh in the place of /init prints a mark behind
// each phase; the kernel's own last word ends the last one.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CpioWriter } from "../../test/guest/linux/cpio.js";
import { COMMAND_LINE, fetchGuest, findGuest, type LinuxGuest } from "../../test/guest/linux/guest.js";
import type { Time } from "../engine/protocol.js";

export const PHASES = ["init", "sha256", "gzip", "awk", "fork", "power-off"] as const;
export type Phase = (typeof PHASES)[number];

const APPEND = `${COMMAND_LINE} rdinit=/session.sh`;
const MARK = "[bench] ";
/** The second where there is no ACPI. */
const POWER_OFF = /reboot: (?:Power down|System halted)/;
/** An engine that starts as a program of Node prints this line when it begins with the guest. */
export const START = "[start]";

export interface Boot {
  readonly flavour: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly append: string;
  readonly megabytes: number;
}

/** The guest with session.sh laid over its initial RAM disk. */
export function bootOf(flavour: string, megabytes: number): Boot {
  const guest: LinuxGuest = findGuest(flavour) ?? fetchGuest(flavour);
  const overlay = new CpioWriter();
  overlay.file("session.sh", readFileSync(fileURLToPath(new URL("session.sh", import.meta.url))), 0o755);
  const folder = join(dirname(guest.initrd), "bench");
  mkdirSync(folder, { recursive: true });
  const initrd = join(folder, "initramfs.cpio");
  writeFileSync(initrd, Buffer.concat([readFileSync(guest.initrd), overlay.finish()]));
  return { flavour, kernel: guest.kernel, initrd, append: APPEND, megabytes };
}

export interface PhaseEnd {
  readonly phase: Phase;
  /** Milliseconds since the start. */
  readonly at: Time;
  readonly value: string;
}

/** Reads the guest's output as it comes and notes the time of every mark. */
export class SessionReader {
  readonly ends: PhaseEnd[] = [];
  /** Everything read, for those who want to know what went wrong. */
  text = "";
  #line = "";
  #start: Time = { wall: 0, cpu: 0 };
  readonly #now: () => Time;

  constructor(start: Time, now: () => Time) {
    this.#start = start;
    this.#now = now;
  }

  get complete(): boolean {
    return this.ends.length === PHASES.length;
  }

  read(part: string): void {
    this.text = (this.text + part).slice(-100_000);
    const lines = (this.#line + part).split(/\r*\n/);
    this.#line = lines.pop() ?? "";
    for (const line of lines) {
      if (line === START) this.#start = this.#now();
      else if (POWER_OFF.test(line)) this.#end("power-off", "");
      else if (line.startsWith(MARK)) {
        const [phase, ...value] = line.slice(MARK.length).split(" ");
        this.#end(phase as Phase, value.join(" "));
      }
    }
  }

  #end(phase: Phase, value: string): void {
    if (PHASES[this.ends.length] !== phase) return;
    const { wall, cpu } = this.#now();
    this.ends.push({ phase, at: { wall: wall - this.#start.wall, cpu: cpu - this.#start.cpu }, value });
  }
}
