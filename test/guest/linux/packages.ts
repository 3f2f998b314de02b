// Debian packages without installing them: apt with a configuration of its own resolves and downloads for
// either architecture, whatever the host's is, and leaves the host's package state alone.

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Architecture = "i386" | "amd64";

const MIRROR = process.env.RINGFENCE_DEBIAN_MIRROR ?? "http://deb.debian.org";
const RELEASE = "bookworm";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Why packages cannot be had here; undefined where they can. */
export function whyNoPackages(): string | undefined {
  for (const tool of ["apt-get", "apt-cache", "dpkg-deb"]) {
    if (!(process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, tool)))) {
      return `${tool} is not installed: Linux guests come from Debian's packages`;
    }
  }
  return existsSync(KEYRING) ? undefined : `${KEYRING} is missing: Debian's packages cannot be verified`;
}

function configuration(folder: string, architecture: Architecture): string {
  return [
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    `Dir "${folder}";`,
    `Dir::State "${folder}";`,
    `Dir::State::status "${folder}/status";`,
    `Dir::State::lists "${folder}/lists";`,
    `Dir::Cache "${folder}";`,
    `Dir::Cache::archives "${folder}/archives";`,
    `Dir::Etc::sourcelist "${folder}/sources.list";`,
    'Dir::Etc::sourceparts "-";',
    'Dir::Etc::preferencesparts "-";',
    // The host's settings name its proxy.
    'Dir::Etc::parts "/etc/apt/apt.conf.d";',
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    "",
  ].join("\n");
}

export class PackageSource {
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;

  constructor(folder: string, architecture: Architecture) {
    this.#folder = folder;
    for (const part of ["lists/partial", "archives/partial", "download"]) {
      mkdirSync(join(folder, part), { recursive: true });
    }
    const signed = `deb [signed-by=${KEYRING}] ${MIRROR}`;
    writeFileSync(
      join(folder, "sources.list"),
      `${signed}/debian ${RELEASE} main\n${signed}/debian-security ${RELEASE}-security main\n`,
    );
    writeFileSync(join(folder, "status"), "");
    const file = join(folder, "apt.conf");
    writeFileSync(file, configuration(folder, architecture));
    this.#environment = { ...process.env, APT_CONFIG: file, LC_ALL: "C" };
  }

  #run(tool: string, ...args: string[]): string {
    return execFileSync(tool, args, {
      env: this.#environment,
      cwd: join(this.#folder, "download"),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** Reads the package lists. A list that cannot be had (a mirror in the middle of an update) is left out. */
  update(): void {
    try {
      this.#run("apt-get", "update", "-q");
    } catch (cause) {
      process.stderr.write(`apt-get update: ${(cause as { stderr: string }).stderr.trim().split("\n").at(-1)}\n`);
    }
  }

  /** The package itself, or for a package of no contents the kernel that it stands for. */
  resolve(name: string): string {
    const depends = this.#run("apt-cache", "depends", "--important", name);
    return /Depends: (linux-image-\d\S*)/.exec(depends)?.[1] ?? name;
  }

  /** Downloads and unpacks a package; returns its version. */
  unpack(name: string, into: string): string {
    const download = join(this.#folder, "download");
    rmSync(download, { recursive: true, force: true });
    mkdirSync(download);
    this.#run("apt-get", "download", "-q", name);
    const file = readdirSync(download).find((entry) => entry.endsWith(".deb"));
    if (file === undefined) throw new Error(`apt-get download ${name} brought no package`);
    mkdirSync(into, { recursive: true });
    this.#run("dpkg-deb", "-x", file, into);
    return this.#run("dpkg-deb", "-f", file, "Version").trim();
  }
}

/** A copy of the one file in `folder` whose name starts with `prefix`. */
export function copyOnly(folder: string, prefix: string, to: string): void {
  const [name, ...more] = readdirSync(folder).filter((entry) => entry.startsWith(prefix));
  if (name === undefined || more.length > 0) throw new Error(`${folder} has not exactly one ${prefix}*`);
  copyFileSync(join(folder, name), to);
}
