// Encodings next to the vector instructions that must not exist: an opcode of theirs with a mandatory prefix that
// it does not have, a register where only memory goes, memory where only registers go, digits of the shift groups.

import { type Form, form, LONG } from "./form.js";

const PREFIXES = [0, 0x66, 0xf3, 0xf2];
/** Neighbours that other extensions define: MOVNTSS and MOVNTSD, bit counts, CRC32, state images, MOVNTI's group. */
const ELSEWHERE = new Set(["f3:2b", "f2:2b", "0:ae", "66:ae", "f3:ae", "f2:ae", "0:c7", "66:c7", "f3:c7", "f2:c7"]);

const hex = (bytes: readonly number[]): string => bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
const keyOf = (prefix: number, opcode: readonly number[]): string =>
  `${prefix.toString(16)}:${hex(opcode.slice(opcode[0] === 0x0f ? 1 : 0))}`;

/** Undefined encodings around `defined`, one form each. */
export function undefinedAround(defined: readonly Form[]): Form[] {
  const operands = new Map<string, Set<string>>();
  const opcodes = new Map<string, readonly number[]>();
  for (const { prefix, opcode, rm, reg, float } of defined) {
    if (float === undefined || opcode[0] !== 0x0f || (reg !== "any" && rm !== undefined)) continue;
    const key = keyOf(prefix, opcode);
    operands.set(key, (operands.get(key) ?? new Set()).add(rm ?? "none"));
    opcodes.set(hex(opcode), opcode);
  }
  const forms: Form[] = [];
  for (const opcode of opcodes.values()) {
    for (const prefix of PREFIXES) {
      const key = keyOf(prefix, opcode);
      if (ELSEWHERE.has(key)) continue;
      for (const rm of ["reg", "mem"] as const) {
        const known = operands.get(key);
        if (known?.has(rm) || known?.has("none")) continue;
        forms.push(undefinedForm(`ud_${prefix.toString(16)}_${hex(opcode)}_${rm}`, prefix, opcode, "any", rm));
      }
    }
  }
  return [...forms, ...shiftDigits()];
}

function undefinedForm(
  name: string,
  prefix: number,
  opcode: readonly number[],
  reg: number | "any",
  rm: "reg" | "mem",
): Form {
  // All modes decode alike: one each.
  const modes = rm === "reg" ? LONG : ([32] as const);
  return form(name, opcode, { modes, fixedSize: true, prefix, reg, rm, w: "any", float: { xmm: "i32" } });
}

/** Groups 12 to 14: 0F 71-73 have shifts by an immediate of registers only. */
function shiftDigits(): Form[] {
  const digits: Record<number, readonly number[]> = { 113: [2, 4, 6], 114: [2, 4, 6], 115: [2, 6] };
  return [0x71, 0x72, 0x73].flatMap((opcode) =>
    [0, 1, 2, 3, 4, 5, 6, 7].flatMap((reg) =>
      PREFIXES.flatMap((prefix) => {
        const exists =
          prefix <= 0x66 &&
          (digits[opcode]!.includes(reg) || (prefix === 0x66 && opcode === 0x73 && (reg === 3 || reg === 7)));
        const name = `ud_${prefix.toString(16)}_0f${opcode.toString(16)}_${reg}`;
        return [
          ...(exists ? [] : [undefinedForm(`${name}_reg`, prefix, [0x0f, opcode], reg, "reg")]),
          undefinedForm(`${name}_mem`, prefix, [0x0f, opcode], reg, "mem"),
        ];
      }),
    ),
  );
}
