// The guests' assembler: Intel-syntax source text to an image of loadable chunks.
//
//   .code16 .code32 .code64      code size of what follows; sections of different sizes share labels
//   .org ADDRESS[, LOAD]         continues at ADDRESS (loaded at LOAD where the two differ)
//   label:   .local:             a name that begins with a dot belongs to the last label without one
//   NAME = EXPRESSION            evaluated in order, forward references allowed
//   .byte .word .long .quad      lists of expressions, or of "strings" for .byte
//   .align N  .zero N            zero bytes
//   .macro NAME a, b ... .endm   \a is the argument, \@ a number that is new in each expansion
//   .include "FILE"              through options.include
//   .rept N ... .endr            N may use the options' symbols only (0: left out); \@ counts from 0
//   mnemonic operands            with prefixes rep repe repne lock, o16 o32 o64 (that operand size only),
//                                a16 a32 a64 and fs gs ... (implied addresses); [rel label] is RIP-relative;
//                                jmp 8:label and jmp far [m] are far; `short` and `near` pick a branch's form
//   ; comment
//
// Addresses settle by repeated passes: every pass uses the label values of the pass before it.

import { Register } from "iced-x86";
import { type CodeSize, encode, isMnemonic, type Operand, type Statement } from "./encode.js";
import { evaluate, type Lookup, resolveEscapes } from "./expression.js";

export interface Chunk {
  address: bigint;
  load: bigint;
  bytes: Uint8Array;
}

export interface Image {
  chunks: Chunk[];
  symbols: Map<string, bigint>;
}

interface Line {
  text: string;
  where: string;
}

const PASSES = 60;
const SIZES: Record<string, number> = {
  byte: 1,
  word: 2,
  dword: 4,
  fword: 6,
  qword: 8,
  tword: 10,
  xmmword: 16,
  ymmword: 32,
};

const REGISTERS = new Map<string, Register>();
for (const [name, value] of Object.entries(Register)) {
  if (
    typeof value !== "number" ||
    !/^([A-D][LHX]|[ER][A-D]X|[ER]?(SP|BP|SI|DI)L?|R\d+[LWD]?|[ECSDFG]S|CR\d+|DR\d+|ST\d|MM\d|[XY]MM([0-9]|1[0-5]))$/.test(
      name,
    )
  )
    continue;
  REGISTERS.set(name.toLowerCase(), value);
  if (/^R\d+L$/.test(name)) REGISTERS.set(name.toLowerCase().replace("l", "b"), value);
}

const SEGMENTS = new Set(["es", "cs", "ss", "ds", "fs", "gs"]);

function registerOf(name: string): Register {
  return REGISTERS.get(name) as Register;
}

/** Splits at top-level occurrences of `separator`, outside brackets, parentheses and quotes. */
function split(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quote = "";
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (quote) {
      if (c === "\\") i++;
      else if (c === quote) quote = "";
    } else if (c === '"' || c === "'") quote = c;
    else if (c === "[" || c === "(") depth++;
    else if (c === "]" || c === ")") depth--;
    else if (c === separator && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(text.slice(start).trim());
  return parts;
}

function stripComment(text: string): string {
  return (split(text, ";")[0] as string).trim();
}

/** Expands macros and repetitions into a flat list of lines. */
function expand(
  lines: Line[],
  macros: Map<string, { parameters: string[]; body: Line[] }>,
  constant: Lookup,
  counter: { next: number },
  depth = 0,
): Line[] {
  if (depth > 20) throw new Error("macros nest too deeply");
  const result: Line[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as Line;
    const block = /^\.(macro|rept)\s+(.*)$/.exec(line.text);
    if (block) {
      const kind = block[1] as string;
      const end = kind === "macro" ? ".endm" : ".endr";
      let level = 1;
      let j = i + 1;
      for (; j < lines.length; j++) {
        const text = (lines[j] as Line).text;
        if (text.startsWith(`.${kind} `)) level++;
        else if (text === end && --level === 0) break;
      }
      if (j === lines.length) throw new Error(`${line.where}: ${end} is missing`);
      const body = lines.slice(i + 1, j);
      i = j;
      const head = block[2] as string;
      if (kind === "macro") {
        const [name, ...rest] = head.split(/[\s,]+/);
        macros.set(name as string, { parameters: rest.filter(Boolean), body });
      } else {
        const count = Number(evaluate(head, 0n, constant));
        for (let n = 0; n < count; n++) {
          const copy = body.map((inner) => ({ ...inner, text: inner.text.replaceAll("\\@", String(n)) }));
          result.push(...expand(copy, macros, constant, counter, depth + 1));
        }
      }
      continue;
    }
    const call = /^([\w.]+)(?:\s+(.*))?$/.exec(line.text);
    const macro = call ? macros.get(call[1] as string) : undefined;
    if (!macro || !call) {
      result.push(line);
      continue;
    }
    const values = call[2] ? split(call[2], ",") : [];
    const number = counter.next++;
    const copy = macro.body.map((inner) => {
      let text = inner.text.replaceAll("\\@", String(number));
      macro.parameters.forEach((parameter, p) => {
        text = text.replace(new RegExp(`\\\\${parameter}\\b`, "g"), () => values[p] ?? "");
      });
      return { text, where: `${line.where} (${inner.where})` };
    });
    result.push(...expand(copy, macros, constant, counter, depth + 1));
  }
  return result;
}

function fail(message: string): never {
  throw new Error(message);
}

class Assembler {
  mode: CodeSize = 32;
  here = 0n;
  scope = "";
  symbols = new Map<string, bigint>();
  undefinedNames = new Set<string>();
  chunks: { address: bigint; load: bigint; bytes: number[] }[] = [];

  constructor(private readonly before: Map<string, bigint>) {}

  value(text: string): bigint {
    return evaluate(text, this.here, (name) => {
      const full = name.startsWith(".") ? this.scope + name : name;
      const known = this.symbols.get(full) ?? this.before.get(full);
      if (known === undefined) this.undefinedNames.add(full);
      return known ?? this.here;
    });
  }

  emit(bytes: Iterable<number>): void {
    let chunk = this.chunks.at(-1);
    if (!chunk) {
      chunk = { address: this.here, load: this.here, bytes: [] };
      this.chunks.push(chunk);
    }
    for (const byte of bytes) {
      chunk.bytes.push(byte);
      this.here++;
    }
  }

  number(value: bigint, size: number): void {
    const bits = size * 8;
    const fits = value >= -(1n << BigInt(bits - 1)) && value < 1n << BigInt(bits);
    // Unknown forward references stand for this address in the first pass; the next one checks.
    if (!fits && this.undefinedNames.size === 0) fail(`${value} does not fit ${size} bytes`);
    const bytes: number[] = [];
    for (let i = 0; i < size; i++) bytes.push(Number((BigInt.asUintN(bits, value) >> BigInt(8 * i)) & 0xffn));
    this.emit(bytes);
  }

  define(name: string, value: bigint): void {
    if (this.symbols.has(name)) fail(`${name} is defined twice`);
    this.symbols.set(name, value);
  }

  line(text: string): void {
    const label = /^([A-Za-z_.][\w.]*):\s*(.*)$/.exec(text);
    if (label && !SEGMENTS.has(label[1] as string)) {
      const name = label[1] as string;
      if (!name.startsWith(".")) this.scope = name;
      this.define(name.startsWith(".") ? this.scope + name : name, this.here);
      if (label[2]) this.line(label[2]);
      return;
    }
    const equate = /^([A-Za-z_][\w.]*)\s*=\s*(.*)$/.exec(text);
    if (equate) this.define(equate[1] as string, this.value(equate[2] as string));
    else if (text.startsWith(".")) this.directive(text);
    else this.instruction(text);
  }

  directive(text: string): void {
    const [, name, rest] = /^\.(\w+)\s*(.*)$/.exec(text) as unknown as [string, string, string];
    const list = rest ? split(rest, ",") : [];
    switch (name) {
      case "code16":
      case "code32":
      case "code64":
        this.mode = Number(name.slice(4)) as CodeSize;
        return;
      case "org": {
        const address = this.value(list[0] as string);
        this.chunks.push({ address, load: list[1] ? this.value(list[1]) : address, bytes: [] });
        this.here = address;
        return;
      }
      case "byte":
      case "word":
      case "long":
      case "quad": {
        const size = { byte: 1, word: 2, long: 4, quad: 8 }[name];
        for (const item of list) {
          if (item.startsWith('"')) this.emit(Buffer.from(resolveEscapes(item.slice(1, -1)), "latin1"));
          else this.number(this.value(item), size);
        }
        return;
      }
      case "align": {
        const step = this.value(rest);
        this.emit(new Uint8Array(Number((step - (this.here % step)) % step)));
        return;
      }
      case "zero":
        this.emit(new Uint8Array(Number(this.value(rest))));
        return;
    }
    fail(`unknown directive .${name}`);
  }

  instruction(text: string): void {
    const statement: Statement = {
      mnemonic: "",
      operands: [],
      rep: "",
      lock: false,
      operandSize: 0,
      addressSize: 0,
      segment: Register.None,
    };
    let rest = text;
    for (;;) {
      const [, word, tail] = /^(\S+)\s*(.*)$/.exec(rest) as unknown as [string, string, string];
      rest = tail;
      if (word === "rep" || word === "repe" || word === "repne") statement.rep = word;
      else if (word === "repz") statement.rep = "repe";
      else if (word === "repnz") statement.rep = "repne";
      else if (word === "lock") statement.lock = true;
      else if (/^o(16|32|64)$/.test(word)) statement.operandSize = Number(word.slice(1));
      else if (/^a(16|32|64)$/.test(word)) statement.addressSize = Number(word.slice(1));
      else if (SEGMENTS.has(word)) statement.segment = registerOf(word);
      else {
        statement.mnemonic = word;
        break;
      }
    }
    if (!isMnemonic(statement.mnemonic)) fail(`unknown instruction ${statement.mnemonic}`);
    if (rest) statement.operands = split(rest, ",").map((operand) => this.operand(operand));
    this.emit(encode(statement, this.mode, this.here));
  }

  operand(text: string): Operand {
    const register = REGISTERS.get(text.toLowerCase());
    if (register !== undefined) return { kind: "register", register, size: 0, name: text.toLowerCase() };
    const memory = /^(?:(far)\s+)?(?:(\w+)\s+(?:ptr\s+)?)?(?:([cdefgs]s):)?\[(.*)\]$/.exec(text);
    if (memory) return this.memory(memory[4] as string, memory[2], memory[3], memory[1] !== undefined);
    const far = split(text, ":");
    if (far.length === 2)
      return { kind: "far", selector: this.value(far[0] as string), offset: this.value(far[1] as string) };
    const branch = /^(short|near)\s+(.*)$/.exec(text);
    return {
      kind: "immediate",
      value: this.value(branch ? (branch[2] as string) : text),
      distance: (branch?.[1] ?? "") as "" | "short" | "near",
    };
  }

  memory(inside: string, sizeName: string | undefined, segmentName: string | undefined, far: boolean): Operand {
    let body = inside.trim();
    let segment = segmentName;
    const prefixed = /^([cdefgs]s):(.*)$/.exec(body);
    if (prefixed) [, segment, body] = prefixed as unknown as [string, string, string];
    const relative = body.startsWith("rel ");
    if (relative) body = body.slice(4);
    const size = sizeName === undefined ? 0 : (SIZES[sizeName] ?? fail(`unknown operand size ${sizeName}`));
    let base = Register.None;
    let index = Register.None;
    let scale = 1;
    let addressSize = 0;
    const rest: string[] = [];
    const use = (name: string): Register => {
      addressSize = /^e|^r\d+d$/.test(name) ? 32 : /^r/.test(name) ? 64 : 16;
      return registerOf(name);
    };
    for (const term of split(body, "+")) {
      // register, register*scale, either followed by "- expression", or an expression
      const [, name = "", factor, tail] = /^(\w+)\s*(?:\*\s*([1248]))?\s*(-.*)?$/.exec(term) ?? [];
      if (!REGISTERS.has(name.toLowerCase())) rest.push(term);
      else {
        const register = use(name.toLowerCase());
        if (factor === undefined && base === Register.None) base = register;
        else index = register;
        if (factor !== undefined) scale = Number(factor);
        if (tail) rest.push(tail);
      }
    }
    const displacement = rest.length ? this.value(rest.join("+").replaceAll("+-", "-")) : undefined;
    if (!addressSize) {
      addressSize = this.mode;
      if (this.mode === 16 && (displacement ?? 0n) > 0xffffn) addressSize = 32;
    }
    return {
      kind: "memory",
      size,
      far,
      segment: segment ? registerOf(segment) : Register.None,
      base,
      index,
      scale,
      addressSize,
      displacement,
      relative,
    };
  }
}

export interface AssembleOptions {
  /** Appears in error messages. */
  name?: string;
  /** Constants that the source may use. */
  symbols?: Record<string, bigint | number>;
  mode?: CodeSize;
  origin?: bigint | number;
  /** Text of an included file. */
  include?: (name: string) => string;
}

function readLines(source: string, name: string, include: AssembleOptions["include"]): Line[] {
  return source.split("\n").flatMap((raw, i) => {
    const text = stripComment(raw);
    const where = `${name}:${i + 1}`;
    const included = /^\.include\s+"(.*)"$/.exec(text)?.[1];
    if (included === undefined) return text === "" ? [] : [{ text, where }];
    if (!include) return fail(`${where}: nothing to include from`);
    return readLines(include(included), included, include);
  });
}

export function assemble(source: string, options: AssembleOptions = {}): Image {
  const name = options.name ?? "source";
  const symbols = options.symbols ?? {};
  const constant: Lookup = (symbol) => BigInt(symbols[symbol] ?? fail(`.rept cannot depend on ${symbol}`));
  const flat = expand(readLines(source, name, options.include), new Map(), constant, { next: 0 });
  let before = new Map<string, bigint>();
  for (let pass = 0; pass < PASSES; pass++) {
    const assembler = new Assembler(before);
    assembler.mode = options.mode ?? 32;
    assembler.here = BigInt(options.origin ?? 0);
    for (const [symbol, value] of Object.entries(symbols)) assembler.symbols.set(symbol, BigInt(value));
    for (const line of flat) {
      try {
        assembler.line(line.text);
      } catch (error) {
        throw new Error(`${line.where}: ${line.text}\n  ${(error as Error).message}`);
      }
    }
    const settled =
      pass > 0 &&
      assembler.symbols.size === before.size &&
      [...assembler.symbols].every(([symbol, value]) => before.get(symbol) === value);
    if (pass > 0 && assembler.undefinedNames.size)
      throw new Error(`${name}: undefined: ${[...assembler.undefinedNames].join(", ")}`);
    if (settled) {
      const chunks = assembler.chunks
        .filter((chunk) => chunk.bytes.length)
        .map((chunk) => ({ ...chunk, bytes: Uint8Array.from(chunk.bytes) }));
      return { chunks, symbols: assembler.symbols };
    }
    before = assembler.symbols;
  }
  throw new Error(`${name}: addresses do not settle`);
}

/** Machine code of a fragment that stands at `origin`. */
export function assembleFragment(
  source: string,
  mode: CodeSize,
  origin: bigint | number,
  symbols: Record<string, bigint | number> = {},
): Uint8Array {
  const { chunks } = assemble(source, { mode, origin, symbols, name: "fragment" });
  if (chunks.length > 1) throw new Error("a fragment is one chunk");
  return chunks[0]?.bytes ?? new Uint8Array();
}
