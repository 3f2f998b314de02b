// Reads AML back into a tree, written from ACPI 6.5 chapter 20 alone: the test's view of what the encoder
// made. Knows the terms that a description without behaviour has; anything else is an error.

export type Value = number | string | Uint8Array | Value[] | { path: string } | { argument: number };

export interface Term {
  kind: "name" | "scope" | "device" | "method" | "store" | "if" | "return";
  path?: string;
  value?: Value;
  terms?: Term[];
  argumentCount?: number;
}

class Reader {
  at = 0;
  constructor(readonly bytes: Uint8Array) {}

  byte(): number {
    if (this.at >= this.bytes.length) throw new Error(`AML ends at ${this.at}`);
    return this.bytes[this.at++];
  }

  integer(size: number): number {
    let value = 0;
    for (let n = 0; n < size; n++) value += this.byte() * 256 ** n;
    return value;
  }

  /** End of a package whose length is read here. */
  packageEnd(): number {
    const start = this.at;
    const lead = this.byte();
    const more = lead >> 6;
    if (more === 0) return start + (lead & 0x3f);
    if ((lead & 0x30) !== 0) throw new Error(`reserved bits in the package length at ${start}`);
    let length = lead & 15;
    for (let n = 0; n < more; n++) length += this.byte() * 2 ** (4 + 8 * n);
    const end = start + length;
    if (end > this.bytes.length) throw new Error(`package at ${start} ends at ${end}, behind the table`);
    return end;
  }

  path(): string {
    let text = "";
    if (this.bytes[this.at] === 0x5c) {
      this.at++;
      text = "\\";
    }
    const lead = this.bytes[this.at];
    let count = 1;
    if (lead === 0) {
      this.at++;
      return text;
    }
    if (lead === 0x2e) count = 2;
    else if (lead === 0x2f) count = this.bytes[this.at + 1];
    this.at += lead === 0x2e ? 1 : lead === 0x2f ? 2 : 0;
    const names: string[] = [];
    for (let n = 0; n < count; n++) {
      const name = String.fromCharCode(...this.bytes.subarray(this.at, this.at + 4));
      if (!/^[A-Z_][A-Z0-9_]{3}$/.test(name)) throw new Error(`"${name}" at ${this.at} is not a name`);
      names.push(name);
      this.at += 4;
    }
    return text + names.join(".");
  }

  value(): Value {
    const op = this.bytes[this.at];
    if (op === 0x5c || op === 0x5f || op === 0x2e || op === 0x2f || (op >= 0x41 && op <= 0x5a))
      return { path: this.path() };
    this.at++;
    switch (op) {
      case 0x00:
      case 0x01:
        return op;
      case 0x0a:
        return this.integer(1);
      case 0x0b:
        return this.integer(2);
      case 0x0c:
        return this.integer(4);
      case 0x0e:
        return this.integer(8);
      case 0x0d: {
        let text = "";
        for (let character = this.byte(); character !== 0; character = this.byte())
          text += String.fromCharCode(character);
        return text;
      }
      case 0x11: {
        const end = this.packageEnd();
        const size = this.value();
        const data = this.bytes.slice(this.at, end);
        if (size !== data.length) throw new Error(`a buffer of ${size} bytes has ${data.length}`);
        this.at = end;
        return data;
      }
      case 0x12: {
        const end = this.packageEnd();
        const count = this.byte();
        const elements: Value[] = [];
        while (this.at < end) elements.push(this.value());
        if (this.at !== end || elements.length !== count)
          throw new Error(`a package of ${count} has ${elements.length}`);
        return elements;
      }
      default:
        if (op >= 0x68 && op <= 0x6e) return { argument: op - 0x68 };
        throw new Error(`opcode ${op.toString(16)} at ${this.at - 1}`);
    }
  }

  terms(end: number): Term[] {
    const list: Term[] = [];
    while (this.at < end) list.push(this.term());
    if (this.at !== end) throw new Error(`terms end at ${this.at}, their package at ${end}`);
    return list;
  }

  term(): Term {
    const op = this.byte();
    switch (op) {
      case 0x08:
        return { kind: "name", path: this.path(), value: this.value() };
      case 0x10: {
        const end = this.packageEnd();
        return { kind: "scope", path: this.path(), terms: this.terms(end) };
      }
      case 0x14: {
        const end = this.packageEnd();
        return { kind: "method", path: this.path(), argumentCount: this.byte() & 7, terms: this.terms(end) };
      }
      case 0x5b: {
        if (this.byte() !== 0x82) throw new Error(`extended opcode at ${this.at - 1}`);
        const end = this.packageEnd();
        return { kind: "device", path: this.path(), terms: this.terms(end) };
      }
      case 0x70:
        return { kind: "store", value: this.value(), path: this.path() };
      case 0xa0: {
        const end = this.packageEnd();
        return { kind: "if", value: this.value(), terms: this.terms(end) };
      }
      case 0xa4:
        return { kind: "return", value: this.value() };
      default:
        throw new Error(`opcode ${op.toString(16)} at ${this.at - 1} is no term`);
    }
  }
}

export function parseAml(bytes: Uint8Array): Term[] {
  return new Reader(bytes).terms(bytes.length);
}

/** The seven characters of a compressed identifier. */
export function eisaText(value: number): string {
  const bytes = [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
  const vendor = (bytes[0] << 8) | bytes[1];
  const letters = [vendor >> 10, vendor >> 5, vendor].map((code) => String.fromCharCode(0x40 + (code & 31))).join("");
  return letters + ((bytes[2] << 8) | bytes[3]).toString(16).toUpperCase().padStart(4, "0");
}

/** Resource descriptors as [type, ...fields]. */
export function parseResources(bytes: Uint8Array): (string | number)[][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const list: (string | number)[][] = [];
  for (let at = 0; ; ) {
    const lead = bytes[at];
    if (lead === 0x79) {
      if (at + 2 !== bytes.length) throw new Error("the end tag is not the end");
      return list;
    }
    const large = (lead & 0x80) !== 0;
    const body = at + (large ? 3 : 1);
    const length = large ? view.getUint16(at + 1, true) : lead & 7;
    if (lead === 0x22) list.push(["irq", Math.log2(view.getUint16(body, true))]);
    else if (lead === 0x47) list.push(["ports", view.getUint16(body + 1, true), bytes[body + 6]]);
    else if (lead === 0x87 || lead === 0x88) {
      const word = (n: number): number =>
        lead === 0x87 ? view.getUint32(body + 3 + n * 4, true) : view.getUint16(body + 3 + n * 2, true);
      if (word(2) - word(1) + 1 !== word(4)) throw new Error("a window's length is not that of its range");
      list.push([["memory", "ports", "bus"][bytes[body]], word(1), word(2)]);
    } else throw new Error(`resource descriptor ${lead?.toString(16)}`);
    at = body + length;
  }
}
