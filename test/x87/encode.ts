// The x87 instructions that the tests' assembler has no text for, as bytes: environments, whose operand has no size
// of its own, and operations on ST(i). Memory operands are [base+displacement] with base BX (EBX, RBX) or ECX.

const ENVIRONMENT: Record<string, readonly [opcode: number, reg: number]> = {
  fldenv: [0xd9, 4],
  fnstenv: [0xd9, 6],
  frstor: [0xdd, 4],
  fnsave: [0xdd, 6],
};
const STACK: Record<string, string> = {
  "fdivp st(1), st(0)": "0xde, 0xf9",
  "ffree st(3)": "0xdd, 0xc3",
  "fstp st(0)": "0xdd, 0xd8",
};

function environment(name: string, base: string, displacement: number, small: boolean): string {
  const [opcode, reg] = ENVIRONMENT[name] as readonly [number, number];
  const rm = base === "ecx" ? 1 : small ? 7 : 3;
  const bytes = [opcode, 0x80 | (reg << 3) | rm];
  for (let i = 0; i < (small ? 2 : 4); i++) bytes.push((displacement >> (i * 8)) & 0xff);
  return `.byte ${bytes.join(", ")}`;
}

/** Replaces those instructions in a fragment; `small`: 16-bit addresses. */
export function x87(source: string, small = false): string {
  let text = source;
  for (const [instruction, bytes] of Object.entries(STACK)) text = text.replaceAll(instruction, `.byte ${bytes}`);
  return text.replace(
    /\b(fldenv|fnstenv|frstor|fnsave) \[([a-z]+)([+-]\d+)?\]/g,
    (_, name: string, base: string, displacement?: string) => environment(name, base, Number(displacement ?? 0), small),
  );
}
