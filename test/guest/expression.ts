// Integer expressions of the guest assembler: C's operators and precedence on 64-bit-plus integers,
// `$` for the address of the statement, symbols looked up through a callback.

export type Lookup = (symbol: string) => bigint;

const TOKEN = /\s*(?:(0x[0-9a-f_]+|0b[01_]+|\d[\d_]*)|'(\\.|[^'])'|([A-Za-z_.][\w.]*)|(<<|>>|[-+*/%&|^~()$]))/iy;
const ESCAPES: Record<string, string> = { n: "\n", r: "\r", t: "\t", "0": "\0", e: "\x1b" };

const PRECEDENCE: Record<string, number> = {
  "|": 1,
  "^": 2,
  "&": 3,
  "<<": 4,
  ">>": 4,
  "+": 5,
  "-": 5,
  "*": 6,
  "/": 6,
  "%": 6,
};

/** Text between quotes with its backslash escapes resolved. */
export function resolveEscapes(text: string): string {
  return text.replace(/\\(x[0-9a-f]{2}|.)/gi, (_, code: string) =>
    code.length > 1 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
  );
}

export function evaluate(text: string, here: bigint, lookup: Lookup): bigint {
  let position = 0;
  let token: { value?: bigint; operator?: string } | undefined;

  function advance(): void {
    if (/^\s*$/.test(text.slice(position))) {
      token = undefined;
      return;
    }
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(text);
    if (!match) throw new Error(`cannot read the expression "${text}"`);
    position = TOKEN.lastIndex;
    if (match[1]) token = { value: BigInt(match[1].replaceAll("_", "")) };
    else if (match[2]) token = { value: BigInt(resolveEscapes(match[2]).charCodeAt(0)) };
    else if (match[3]) token = { value: lookup(match[3]) };
    else if (match[4] === "$") token = { value: here };
    else token = { operator: match[4] as string };
  }

  function primary(): bigint {
    const current = token;
    if (!current) throw new Error(`the expression "${text}" is incomplete`);
    advance();
    if (current.value !== undefined) return current.value;
    if (current.operator === "-") return -primary();
    if (current.operator === "+") return primary();
    if (current.operator === "~") return ~primary();
    if (current.operator !== "(") throw new Error(`unexpected "${current.operator}" in "${text}"`);
    const value = binary(1);
    if (token?.operator !== ")") throw new Error(`")" is missing in "${text}"`);
    advance();
    return value;
  }

  function binary(lowest: number): bigint {
    let left = primary();
    for (;;) {
      const operator = token?.operator ?? "";
      const precedence = PRECEDENCE[operator];
      if (precedence === undefined || precedence < lowest) return left;
      advance();
      const right = binary(precedence + 1);
      if (operator === "+") left += right;
      else if (operator === "-") left -= right;
      else if (operator === "*") left *= right;
      else if (operator === "/") left /= right;
      else if (operator === "%") left %= right;
      else if (operator === "<<") left <<= right;
      else if (operator === ">>") left >>= right;
      else if (operator === "&") left &= right;
      else if (operator === "|") left |= right;
      else left ^= right;
    }
  }

  advance();
  const value = binary(1);
  if (token) throw new Error(`unexpected text after "${text}"`);
  return value;
}
