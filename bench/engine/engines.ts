// The engines that guest programs are run on, each as a child process: how it is started on a Multiboot image with
// its first serial port on standard output, and who takes the times. An engine that is not installed, or cannot
// run the guest, is left out with its reason.

import { fileURLToPath } from "node:url";
import { bochsCommand, whyNoBochs } from "./bochs.js";
import { isInstalled, runChild } from "./process.js";
import { Marks, type RunReport } from "./protocol.js";

/** A program that tells its rounds on COM1. */
export interface Guest {
  readonly name: string;
  readonly bits: 32 | 64;
  /** Multiboot image. */
  readonly image: string;
  /** The same as a program of this host, where there is one. */
  readonly native?: string;
}

export interface Engine {
  readonly name: string;
  /** Why this engine cannot run the guest here; undefined: it can. */
  refuses(guest: Guest): string | undefined;
  run(guest: Guest): Promise<RunReport>;
}

const MEGABYTES = 64;
const TIMEOUT_MS = 600_000;
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

type Command = readonly [string, ...string[]];

/** An engine that reports by itself: the last line of its output. */
async function reporting(command: Command): Promise<RunReport> {
  let text = "";
  const errors = await runChild(command, {
    timeoutMs: TIMEOUT_MS,
    onOutput: (bytes) => {
      text += bytes.toString("latin1");
    },
  });
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) throw new Error(`${command.join(" ")} gave no report\n${text}${errors}`);
  return JSON.parse(line) as RunReport;
}

/** An engine whose output is the guest's: times are taken when a line arrives, unless it brings its own. */
async function observed(command: Command): Promise<RunReport> {
  let marks: Marks | undefined;
  const errors = await runChild(command, {
    timeoutMs: TIMEOUT_MS,
    onOutput: (bytes, child) => {
      marks ??= new Marks(child.now, child.end);
      marks.bytes(bytes);
    },
  });
  if (!marks?.ended) throw new Error(`${command.join(" ")}: the guest did not come to its end\n${errors}`);
  return marks.report;
}

function once<T>(compute: () => T): () => T {
  let result: { value: T } | undefined;
  return () => {
    result ??= { value: compute() };
    return result.value;
  };
}

const node = (script: string, ...args: string[]): Command => [
  process.execPath,
  "--import",
  "tsx",
  here(script),
  ...args,
];

function ringfence(name: string, ...switches: string[]): Engine {
  return {
    name,
    refuses: () => undefined,
    run: (guest) => reporting(node("run-ringfence.ts", guest.image, ...switches)),
  };
}

function v86(name: string, ...switches: string[]): Engine {
  return {
    name,
    refuses: (guest) => (guest.bits === 64 ? "v86 has no long mode" : undefined),
    run: (guest) => reporting(node("run-v86.ts", guest.image, ...switches)),
  };
}

const qemuOf = (guest: Guest): string => (guest.bits === 32 ? "qemu-system-i386" : "qemu-system-x86_64");
const qemuInstalled = {
  32: once(() => isInstalled("qemu-system-i386")),
  64: once(() => isInstalled("qemu-system-x86_64")),
};

const QEMU: Engine = {
  name: "qemu",
  refuses: (guest) => (qemuInstalled[guest.bits]() ? undefined : `${qemuOf(guest)} is not installed`),
  run: (guest) => {
    const machine = ["-M", "pc", "-accel", "tcg,thread=single", "-m", `${MEGABYTES}M`, "-nic", "none", "-no-reboot"];
    const output = ["-display", "none", "-monitor", "none", "-serial", "stdio"];
    // No debug-exit device: the halted machine is asked for its processor time before it goes.
    return observed([qemuOf(guest), ...machine, ...output, "-kernel", guest.image]);
  },
};

const bochsReason = once(whyNoBochs);
const BOCHS: Engine = {
  name: "bochs",
  refuses: () => bochsReason(),
  run: (guest) => observed(bochsCommand({ kernel: guest.image, megabytes: MEGABYTES })),
};

const NATIVE: Engine = {
  name: "native",
  refuses: (guest) => (guest.native === undefined ? "the guest needs a machine of its own" : undefined),
  run: (guest) => observed([guest.native as string]),
};

export const ENGINES: readonly Engine[] = [
  NATIVE,
  ringfence("ours"),
  ringfence("ours-sync", "--sync"),
  ringfence("ours-tier0", "--tier0"),
  v86("v86"),
  v86("v86-interpreter", "--no-jit"),
  QEMU,
  BOCHS,
];

/** The engines of these names in the order of the list above. */
export function enginesOf(names: readonly string[]): Engine[] {
  const unknown = names.find((name) => !ENGINES.some((engine) => engine.name === name));
  if (unknown !== undefined) {
    throw new Error(`there is no engine "${unknown}"; there are ${ENGINES.map((engine) => engine.name).join(", ")}`);
  }
  return ENGINES.filter((engine) => names.includes(engine.name));
}
