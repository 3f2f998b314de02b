// The "newc" cpio archive that Linux unpacks its initial RAM disk from (initramfs buffer format): a header of
// 6 magic and 13 * 8 hexadecimal digits, the name, the data; each part padded to four bytes.

const S_IFCHR = 0o020000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

export class CpioWriter {
  readonly #parts: Uint8Array[] = [];
  #inode = 1;

  directory(name: string, mode = 0o755): void {
    this.#entry(name, S_IFDIR | mode, new Uint8Array(), 0, 0);
  }

  file(name: string, data: Uint8Array | string, mode = 0o644): void {
    this.#entry(name, S_IFREG | mode, typeof data === "string" ? new TextEncoder().encode(data) : data, 0, 0);
  }

  link(name: string, target: string): void {
    this.#entry(name, S_IFLNK | 0o777, new TextEncoder().encode(target), 0, 0);
  }

  characterDevice(name: string, major: number, minor: number, mode = 0o600): void {
    this.#entry(name, S_IFCHR | mode, new Uint8Array(), major, minor);
  }

  finish(): Uint8Array {
    this.#inode = 0;
    this.#entry("TRAILER!!!", 0, new Uint8Array(), 0, 0);
    const size = this.#parts.reduce((sum, part) => sum + part.length, 0);
    const archive = new Uint8Array(Math.ceil(size / 512) * 512);
    let at = 0;
    for (const part of this.#parts) {
      archive.set(part, at);
      at += part.length;
    }
    return archive;
  }

  #entry(name: string, mode: number, data: Uint8Array, major: number, minor: number): void {
    // inode, mode, uid, gid, links, mtime, size, device major and minor, special major and minor, name size, check
    const fields = [this.#inode++, mode, 0, 0, 1, 0, data.length, 0, 0, major, minor, name.length + 1, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}\0`;
    this.#pad(new TextEncoder().encode(header));
    this.#pad(data);
  }

  #pad(bytes: Uint8Array): void {
    const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
    padded.set(bytes);
    this.#parts.push(padded);
  }
}
