// What a boot test reads from the serial line: the kernel's messages, and the lines "[name] value" of the
// session that /init runs (test/guest/linux/init.sh).

/** Anything a healthy kernel does not say. */
const TROUBLE =
  /\b(?:BUG|WARNING|Oops|general protection fault|Kernel panic|soft lockup|hard LOCKUP|rcu_\w+ detected stalls|segfault at|invalid opcode|traps: )|[Cc]all [Tt]race|Unable to handle/;

export interface Transcript {
  readonly lines: readonly string[];
  /** Lines that tell of trouble. */
  readonly trouble: readonly string[];
  /** The session's results by name. */
  readonly session: ReadonlyMap<string, string>;
}

export function readTranscript(text: string): Transcript {
  const lines = text.split(/\r*\n/);
  const session = new Map<string, string>();
  for (const line of lines) {
    const match = /^\[(\w+)\] ?(.*)$/.exec(line);
    if (match !== null) session.set(match[1], match[2].trim());
  }
  return { lines, trouble: lines.filter((line) => TROUBLE.test(line)), session };
}
