// Builds test/oracle/executor.c for both widths and runs batches of cases on the host processor.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Mode } from "./form.js";

const source = fileURLToPath(new URL("./executor.c", import.meta.url));
// Statically linked at an address that no special operand value points at.
const COMMON = ["-O1", "-Wall", "-fno-stack-protector", "-static", "-no-pie", "-Wl,-Ttext-segment=0x6b000000"];

export class Executor {
  private readonly folder = mkdtempSync(join(tmpdir(), "ringfence-oracle-"));

  constructor() {
    this.compile("executor64", ["-m64", "-mfsgsbase"]);
    this.compile("executor32", ["-m32"]);
  }

  private compile(name: string, flags: string[]): void {
    const result = spawnSync("gcc", [...COMMON, ...flags, "-o", join(this.folder, name), source], { encoding: "utf8" });
    if (result.status !== 0) {
      throw new Error(
        `gcc cannot build the executor (needs gcc and gcc-multilib):\n${result.error?.message ?? result.stderr}`,
      );
    }
  }

  /**
   * Runs cases of one width: input records in, output records out. Once in some millions of cases a random address
   * is one of the executor's own, which then ends; at the addresses of another attempt it does not.
   */
  async run(mode: Mode, template: Uint8Array, inputs: readonly Uint8Array[]): Promise<Buffer> {
    try {
      return await this.attempt(mode, template, inputs);
    } catch {
      return await this.attempt(mode, template, inputs);
    }
  }

  private attempt(mode: Mode, template: Uint8Array, inputs: readonly Uint8Array[]): Promise<Buffer> {
    const child = spawn(join(this.folder, mode === 64 ? "executor64" : "executor32"), [], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    const data = Buffer.concat([template, ...inputs]);
    child.stdin.on("error", () => {});
    child.stdin.end(data);
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => {
        if (code === 0) resolve(Buffer.concat(chunks));
        else reject(new Error(`the executor ended with ${signal ?? `status ${code}`}`));
      });
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
