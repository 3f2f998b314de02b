// One instruction of Intel-syntax text, already split into operands, to machine code.
//
// There is no table of instructions here: iced-x86 describes every encoding it knows (mnemonic, operand
// kinds, sizes, modes), so the encoder tries each description that fits the operands and keeps the
// shortest encoding, the first in iced's order where lengths are equal. A memory operand whose size
// neither the text nor another operand settles is an error, not a guess.

import {
  Code,
  CpuidFeature,
  Encoder,
  EncodingKind,
  Instruction,
  OpCodeOperandKind as Kind,
  MemorySizeExt,
  Mnemonic,
  OpKind,
  Register,
} from "iced-x86";

export type CodeSize = 16 | 32 | 64;

export type Operand =
  | { kind: "register"; register: Register; size: number; name: string }
  | {
      kind: "memory";
      size: number; // bytes, 0 where the text gives none
      far: boolean;
      segment: Register;
      base: Register;
      index: Register;
      scale: number;
      addressSize: number; // 16, 32, 64
      displacement: bigint | undefined;
      relative: boolean; // displacement is an address to be reached from RIP
    }
  | { kind: "immediate"; value: bigint; distance: "" | "short" | "near" }
  | { kind: "far"; selector: bigint; offset: bigint };

export interface Statement {
  mnemonic: string;
  operands: Operand[];
  rep: "" | "rep" | "repe" | "repne";
  lock: boolean;
  operandSize: number; // 16, 32, 64: only encodings with that operand size; 0 any
  addressSize: number; // the same for implied addresses (string instructions, LOOP, JCXZ)
  segment: Register; // override of an implied address
}

interface Form {
  code: Code;
  kinds: Kind[];
  operandSize: number;
  addressSize: number;
  memorySize: number;
  modes: ReadonlySet<number>;
  far: boolean;
}

const ALIASES: Record<string, string[]> = {
  pushf: ["pushf", "pushfd", "pushfq"],
  popf: ["popf", "popfd", "popfq"],
  iret: ["iret", "iretd", "iretq"],
  iretw: ["iret"],
  pusha: ["pusha", "pushad"],
  popa: ["popa", "popad"],
  xlat: ["xlatb"],
  sal: ["shl"],
  loopz: ["loope"],
  loopnz: ["loopne"],
};
const CONDITIONS: [string, string][] = [
  ["z", "e"], ["nz", "ne"], ["c", "b"], ["nc", "ae"], ["nae", "b"], ["nb", "ae"], ["na", "be"], ["nbe", "a"],
  ["pe", "p"], ["po", "np"], ["nge", "l"], ["nl", "ge"], ["ng", "le"], ["nle", "g"],
]; // biome-ignore format: a table
for (const [alias, name] of CONDITIONS)
  for (const family of ["j", "set", "cmov"]) ALIASES[family + alias] = [family + name];

/** Memory operands of these may take the natural size of the mode: an unstated size is no ambiguity. */
const NATURAL = new Set([
  "call",
  "jmp",
  "push",
  "pop",
  "lgdt",
  "lidt",
  "sgdt",
  "sidt",
  "fxsave",
  "fxrstor",
  "invlpg",
  "lea",
  "nop",
]);

/** With an immediate or a branch target these have the operand size of the mode unless o16 o32 o64 says otherwise. */
const SIZED_BY_MODE = /^(push|call|j\w+|loop\w*)$/;

let forms: Map<string, Form[]> | undefined;

function tableOfForms(): Map<string, Form[]> {
  if (forms) return forms;
  forms = new Map();
  const instruction = new Instruction();
  for (const [name, code] of Object.entries(Code)) {
    if (typeof code !== "number" || name.includes("KNC")) continue;
    instruction.code = code;
    const info = instruction.opCode;
    const known = info.encoding === EncodingKind.Legacy || info.encoding === EncodingKind.VEX;
    const odd = instruction
      .cpuidFeatures()
      .some((feature) => feature === CpuidFeature.CYRIX_SMM || feature === CpuidFeature.UDBG);
    if (info.isInstruction && known && !odd) {
      const mnemonic = (Mnemonic[info.mnemonic] as string).toLowerCase();
      const list = forms.get(mnemonic) ?? [];
      const modes = new Set([info.mode16 ? 16 : 0, info.mode32 ? 32 : 0, info.mode64 ? 64 : 0]);
      list.push({
        code,
        kinds: Array.from({ length: info.opCount }, (_, i) => info.opKind(i)),
        operandSize: info.operandSize,
        addressSize: info.addressSize,
        memorySize: info.memorySize ? MemorySizeExt.size(info.memorySize) : 0,
        modes,
        far: /_m16(16|32|64)$/.test(name) && /^(Jmp|Call)/.test(name),
      });
      forms.set(mnemonic, list);
    }
    info.free();
  }
  instruction.free();
  return forms;
}

export function isMnemonic(name: string): boolean {
  return name in ALIASES || tableOfForms().has(name);
}

const REGISTER_KINDS: [RegExp, RegExp][] = [
  [/^r8_/, /^([abcd][lh]|(sp|bp|si|di)l|r\d+[lb])$/],
  [/^r16_/, /^([abcd]x|sp|bp|si|di|r\d+w)$/],
  [/^r32_/, /^(e[abcd]x|e(sp|bp|si|di)|r\d+d)$/],
  [/^r64_/, /^(r[abcd]x|r(sp|bp|si|di)|r\d+)$/],
  [/^seg_reg$/, /^[ecsdfg]s$/],
  [/^mm_/, /^mm\d$/],
  [/^xmm_/, /^xmm\d+$/],
  [/^ymm_/, /^ymm\d+$/],
  [/^cr_/, /^cr\d+$/],
  [/^dr_/, /^dr\d+$/],
  [/^sti_/, /^st\d$/],
];
const FIXED = /^(es|cs|ss|ds|fs|gs|al|cl|ax|dx|eax|rax|st0)$/;

function kindTakesRegister(kind: string, name: string): boolean {
  if (FIXED.test(kind)) return kind === name;
  return REGISTER_KINDS.some(([k, r]) => k.test(kind) && r.test(name));
}

const takesMemory = (kind: string): boolean => /^mem$|^mem_(mib|offs)$|_or_mem$/.test(kind);

function fitsSigned(value: bigint, width: number, bits: number): boolean {
  const signed = BigInt.asIntN(width, value);
  if (BigInt.asUintN(width, value) !== BigInt.asUintN(width, signed)) return false;
  return inRange(value, width) && signed === BigInt.asIntN(bits, signed);
}

function inRange(value: bigint, width: number): boolean {
  return value >= -(1n << BigInt(width - 1)) && value < 1n << BigInt(width);
}

/** Sets operand `i` of `target`; false: the operand does not fit this kind. */
function setOperand(target: Instruction, i: number, kindNumber: Kind, operand: Operand, ip: bigint): boolean {
  const kind = Kind[kindNumber] as string;
  if (operand.kind === "register") {
    if (!kindTakesRegister(kind, operand.name)) return false;
    target.setOpKind(i, OpKind.Register);
    target.setOpRegister(i, operand.register);
    return true;
  }
  if (operand.kind === "memory") {
    if (!takesMemory(kind)) return false;
    if (kind === "mem_offs" && (operand.base !== Register.None || operand.index !== Register.None || operand.relative))
      return false;
    target.setOpKind(i, OpKind.Memory);
    target.segmentPrefix = operand.segment;
    target.memoryBase = operand.relative ? Register.RIP : operand.base;
    target.memoryIndex = operand.index;
    target.memoryIndexScale = operand.scale;
    const value = operand.displacement;
    target.memoryDisplacement = value === undefined ? 0n : BigInt.asUintN(operand.addressSize, value);
    const absolute = operand.base === Register.None;
    if (operand.relative) target.memoryDisplSize = 8;
    else if (value === undefined) target.memoryDisplSize = 0;
    else if (!absolute) target.memoryDisplSize = 1;
    else if (kind === "mem_offs") target.memoryDisplSize = operand.addressSize / 8;
    else {
      if (operand.addressSize === 64 && !fitsSigned(value, 64, 32)) return false;
      target.memoryDisplSize = operand.addressSize / 8;
    }
    return true;
  }
  if (operand.kind === "far") {
    if (kind !== "farbr2_2" && kind !== "farbr4_2") return false;
    target.setOpKind(i, kind === "farbr2_2" ? OpKind.FarBranch16 : OpKind.FarBranch32);
    target.farBranchSelector = Number(operand.selector);
    if (kind === "farbr2_2") {
      if (operand.offset > 0xffffn) return false;
      target.farBranch16 = Number(operand.offset);
    } else target.farBranch32 = Number(operand.offset);
    return true;
  }
  const value = operand.value;
  const branch = /^br(16|32|64)_(\d)$/.exec(kind);
  if (branch) {
    if ((operand.distance === "short") !== (branch[2] === "1") && operand.distance !== "") return false;
    // Offsets wrap at the operand size; the target is written as an absolute address.
    if (branch[1] === "16") {
      target.setOpKind(i, OpKind.NearBranch16);
      target.nearBranch16 = Number(BigInt.asUintN(16, value));
      if (value - ip > 0xffffn || ip - value > 0xffffn) return false;
    } else if (branch[1] === "32") {
      target.setOpKind(i, OpKind.NearBranch32);
      target.nearBranch32 = Number(BigInt.asUintN(32, value));
    } else {
      target.setOpKind(i, OpKind.NearBranch64);
      target.nearBranch64 = BigInt.asUintN(64, value);
    }
    return true;
  }
  switch (kind) {
    case "imm8":
      if (!inRange(value, 8)) return false;
      target.setOpKind(
        i,
        i > 0 && target.opKind(i - 1) === OpKind.Immediate16 ? OpKind.Immediate8_2nd : OpKind.Immediate8,
      );
      target.setImmediateU32(i, Number(BigInt.asUintN(8, value)));
      return true;
    case "imm8_const_1":
      target.setOpKind(i, OpKind.Immediate8);
      target.setImmediateU32(i, 1);
      return value === 1n;
    case "imm16":
      if (!inRange(value, 16)) return false;
      target.setOpKind(i, OpKind.Immediate16);
      target.setImmediateU32(i, Number(BigInt.asUintN(16, value)));
      return true;
    case "imm32":
      if (!inRange(value, 32)) return false;
      target.setOpKind(i, OpKind.Immediate32);
      target.setImmediateU32(i, Number(BigInt.asUintN(32, value)));
      return true;
    case "imm64":
      target.setOpKind(i, OpKind.Immediate64);
      target.setImmediateU64(i, BigInt.asUintN(64, value));
      return true;
  }
  const extended = /^imm(8|32)sex(16|32|64)$/.exec(kind);
  if (!extended) return false;
  const width = Number(extended[2]);
  if (!fitsSigned(value, width, Number(extended[1]))) return false;
  const opKind =
    extended[1] === "32"
      ? OpKind.Immediate32to64
      : { 16: OpKind.Immediate8to16, 32: OpKind.Immediate8to32, 64: OpKind.Immediate8to64 }[width as CodeSize];
  target.setOpKind(i, opKind);
  target.setImmediateI64(i, BigInt.asIntN(width, value));
  return true;
}

const IMPLIED = /^(seg_rSI|es_rDI|seg_rDI|seg_rBX_al)$/;

/** Operands that string instructions and XLAT have without naming them. */
function setImplied(target: Instruction, i: number, kind: Kind, addressSize: number, segment: Register): void {
  const column = { 16: 0, 32: 1, 64: 2 }[addressSize as CodeSize];
  if (kind === Kind.seg_rBX_al) {
    target.setOpKind(i, OpKind.Memory);
    target.memoryBase = [Register.BX, Register.EBX, Register.RBX][column] as Register;
    target.memoryIndex = Register.AL;
    target.memoryIndexScale = 1;
  } else {
    const first = {
      [Kind.seg_rSI]: OpKind.MemorySegSI,
      [Kind.seg_rDI]: OpKind.MemorySegDI,
      [Kind.es_rDI]: OpKind.MemoryESDI,
    }[kind as number] as number;
    target.setOpKind(i, first + column);
  }
  if (segment !== Register.None) target.segmentPrefix = segment;
}

const encoders = new Map<CodeSize, Encoder>();

export function encode(statement: Statement, mode: CodeSize, ip: bigint): Uint8Array {
  const names = ALIASES[statement.mnemonic] ?? [statement.mnemonic];
  const candidates = names.flatMap((name) => tableOfForms().get(name) ?? []);
  if (candidates.length === 0) throw new Error(`unknown instruction ${statement.mnemonic}`);
  let encoder = encoders.get(mode);
  if (!encoder) {
    encoder = new Encoder(mode);
    encoders.set(mode, encoder);
  }
  let best: Uint8Array | undefined;
  const sizes = new Set<number>();
  let reason = "no encoding takes these operands";
  for (const form of candidates) {
    if (!form.modes.has(mode)) continue;
    if (statement.operandSize && form.operandSize !== statement.operandSize) continue;
    const implied = form.kinds.some((kind) => IMPLIED.test(Kind[kind] as string));
    if (
      form.addressSize &&
      statement.mnemonic.startsWith("loop") &&
      form.addressSize !== (statement.addressSize || mode)
    )
      continue;
    const sized =
      form.kinds.some((kind) => /^(br|farbr|imm)/.test(Kind[kind] as string)) && SIZED_BY_MODE.test(statement.mnemonic);
    if (sized && !statement.operandSize && form.operandSize !== mode) continue;
    const memory = statement.operands.find((operand) => operand.kind === "memory");
    if (memory && memory.far !== form.far) continue;
    if (
      memory?.size &&
      !memory.far &&
      form.memorySize &&
      memory.size !== form.memorySize &&
      !NATURAL_SIZELESS.has(statement.mnemonic)
    )
      continue;
    const target = new Instruction();
    target.code = form.code;
    let next = 0;
    let fits = true;
    for (const [i, kind] of form.kinds.entries()) {
      const name = Kind[kind] as string;
      if (IMPLIED.test(name)) {
        setImplied(target, i, kind, statement.addressSize || mode, statement.segment);
        continue;
      }
      const operand = statement.operands[next];
      if (operand) next++;
      // String instructions name no operand at all, not even the accumulator.
      if (!operand && implied && FIXED.test(name)) {
        target.setOpKind(i, OpKind.Register);
        target.setOpRegister(i, Register[name.toUpperCase() as keyof typeof Register]);
      } else if (!operand || !setOperand(target, i, kind, operand, ip)) fits = false;
    }
    if (fits && next === statement.operands.length) {
      target.hasLockPrefix = statement.lock;
      target.hasRepPrefix = statement.rep === "rep" || statement.rep === "repe";
      target.hasRepnePrefix = statement.rep === "repne";
      try {
        encoder.encode(target, ip);
        const bytes = encoder.takeBuffer();
        if (memory) sizes.add(form.memorySize);
        if (!best || bytes.length < best.length) best = bytes;
      } catch (error) {
        encoder.takeBuffer();
        reason = String(error);
      }
    }
    target.free();
  }
  if (!best) throw new Error(`${statement.mnemonic}: ${reason}`);
  const stated = statement.operands.some((operand) => operand.kind === "memory" && (operand.size || operand.far));
  if (sizes.size > 1 && !stated && !NATURAL.has(statement.mnemonic))
    throw new Error(`${statement.mnemonic}: the size of the memory operand is not stated`);
  return best;
}

/** Instructions whose memory operand is an address or a structure: a stated size is ignored. */
const NATURAL_SIZELESS = new Set(["lgdt", "lidt", "sgdt", "sidt", "invlpg", "lea", "fxsave", "fxrstor"]);
