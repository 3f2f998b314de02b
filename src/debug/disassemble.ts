// Disassembly through iced-x86, loaded on first use: it is 0.8 MB of WebAssembly and its glue is CommonJS
// for Node only. The interface is ours, so that browsers can put another decoder behind it.

export interface DisassembledInstruction {
  readonly address: bigint;
  /** 1 to 15; 1 for bytes that are no instruction. */
  readonly length: number;
  readonly text: string;
  readonly valid: boolean;
}

export interface Disassembler {
  /** The instruction at the start of `bytes`. */
  decode(bytes: Uint8Array, bits: 16 | 32 | 64, address: bigint): DisassembledInstruction;
}

let loaded: Promise<Disassembler> | undefined;

export function loadDisassembler(): Promise<Disassembler> {
  loaded ??= create();
  return loaded;
}

async function create(): Promise<Disassembler> {
  const { Code, Decoder, DecoderOptions, Formatter, FormatterSyntax } = await import("iced-x86");
  const formatter = new Formatter(FormatterSyntax.Nasm);
  return {
    decode(bytes, bits, address) {
      const decoder = new Decoder(bits, bytes, DecoderOptions.None);
      decoder.ip = address;
      const instruction = decoder.decode();
      try {
        const valid = instruction.code !== Code.INVALID;
        return {
          address,
          length: valid ? instruction.length : 1,
          text: valid
            ? formatter.format(instruction)
            : `db ${bytes.length > 0 ? `0x${bytes[0].toString(16).padStart(2, "0")}` : "?"}`,
          valid,
        };
      } finally {
        instruction.free();
        decoder.free();
      }
    },
  };
}
