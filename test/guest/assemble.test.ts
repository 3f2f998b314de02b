// The guests' assembler: encodings against iced-x86's decoder, and what the directives promise.

import { Decoder, DecoderOptions, Formatter, FormatterSyntax } from "iced-x86";
import { describe, expect, it } from "vitest";
import { assemble, assembleFragment } from "./assemble.js";
import { elf32, flat } from "./elf.js";
import type { CodeSize } from "./encode.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("encoding", () => {
  it.each<[CodeSize, string, string]>([
    [16, "mov ax, 1", "b80100"],
    [16, "mov eax, cr0", "0f20c0"],
    [16, "jmp 8:0x1234", "ea34120800"],
    [16, "o32 jmp 8:0x12345678", "66ea785634120800"],
    [16, "lgdt [0x1234]", "0f01163412"],
    [16, "retf", "cb"],
    [32, "push 5", "6a05"],
    [32, "push 0x1234", "6834120000"],
    [32, "mov eax, fs:[0x10]", "64a110000000"],
    [32, "rep movsd", "f3a5"],
    [32, "jmp far [0x1000]", "ff2d00100000"],
    [32, "iretd", "cf"],
    [32, "pushfd", "9c"],
    [32, "lock xadd [ebx], eax", "f00fc103"],
    [32, "shl eax, 1", "d1e0"],
    [64, "iretq", "48cf"],
    [64, "sysretq", "480f07"],
    [64, "mov rax, 0x1122334455667788", "48b88877665544332211"],
    [64, "mov rax, 0xffffffff80000000", "48c7c000000080"],
    [64, "mov rax, [r13 + rax*8 - 8]", "498b44c5f8"],
    [64, "mov cr3, rax", "0f22d8"],
    [64, "o64 retf", "48cb"],
    [64, "mov r8b, 1", "41b001"],
    [64, "andn eax, ebx, ecx", "c4e260f2c1"],
  ])("%i-bit: %s", (mode, source, bytes) => {
    expect(hex(assembleFragment(source, mode, 0x1000))).toBe(bytes);
  });

  it.each<[CodeSize, string]>([
    [16, "mov al,[bx+si+4]"],
    [32, "lea ecx,[edx+esi*4+12345678h]"],
    [32, "cmpxchg8b [edi]"],
    [32, "imul eax,[ebx],1234h"],
    [64, "bextr rax,[rbx],rcx"],
    [64, "crc32 eax,r9b"],
    [64, "shld [rax],rdx,cl"],
    [64, "cmovge r15,[rsp+8]"],
  ])("%i-bit: %s survives disassembly", (mode, text) => {
    const source = text.replace(/([0-9a-f]+)h\b/g, "0x$1");
    const decoder = new Decoder(mode, assembleFragment(source, mode, 0), DecoderOptions.None);
    const formatter = new Formatter(FormatterSyntax.Masm);
    const instruction = decoder.decode();
    expect(formatter.format(instruction).replace(/ds:|\w+ ptr /g, "")).toBe(text);
    for (const object of [instruction, formatter, decoder]) object.free();
  });

  it("an operand size that nothing states is an error", () => {
    for (const source of ["inc [eax]", "mov [eax], 5", "movzx eax, [esi]"])
      expect(() => assembleFragment(source, 32, 0)).toThrow(/not stated/);
  });
  it("operands that do not exist in the mode are an error", () => {
    for (const source of ["mov rax, 1", "mov al, [rbx]", "foo eax"])
      expect(() => assembleFragment(source, 32, 0)).toThrow();
  });
});

describe("branches", () => {
  it("are short where the target is near and near where it is far", () => {
    expect(hex(assembleFragment("a: jmp a", 32, 0x100))).toBe("ebfe");
    expect(assembleFragment("jz b\n.zero 127\nb:", 32, 0)).toHaveLength(2 + 127);
    expect(assembleFragment("jz b\n.zero 128\nb:", 32, 0)).toHaveLength(6 + 128);
  });
  it("grow until all addresses settle", () => {
    const source = `${Array.from({ length: 40 }, (_, i) => `l${i}: jmp m${i}`).join("\n")}\n.zero 60\n${Array.from({ length: 40 }, (_, i) => `m${i}: jmp l${i}`).join("\n")}`;
    const { symbols, chunks } = assemble(source);
    expect(Number(symbols.get("m39")) + (Number(symbols.get("m39")) - Number(symbols.get("l39")) > 126 ? 5 : 2)).toBe(
      (chunks[0] as { bytes: Uint8Array }).bytes.length,
    );
  });
});

describe("directives", () => {
  it("labels and equates work across sections and code sizes", () => {
    const { chunks, symbols } = assemble(
      ".code16\n.org 0x7c00\nmov eax, far_label\n.code64\n.org 0x100000, 0x8000\nfar_label: mov eax, X\nX = 7 + Y * 2\nY = 4",
    );
    expect(symbols.get("far_label")).toBe(0x100000n);
    expect(chunks.map(({ address, load }) => [address, load])).toEqual([
      [0x7c00n, 0x7c00n],
      [0x100000n, 0x8000n],
    ]);
    expect(hex((chunks[1] as { bytes: Uint8Array }).bytes)).toBe("b80f000000");
  });
  it("data, strings, alignment", () => {
    expect(hex(assembleFragment('.byte 1, "a\\n", -1\n.align 4\n.word 0x1234\n.zero 2\n.long $', 32, 0x10))).toBe(
      "01610aff3412000018000000",
    );
  });
  it("local labels belong to the last global one", () => {
    expect(hex(assembleFragment("a: .x: jmp .x\nb: .x: jmp .x\njmp a.x", 32, 0))).toBe("ebfeebfeebfa");
  });
  it("macros with arguments and own labels; repetitions", () => {
    const source =
      ".macro twice what, count\n.l\\@: \\what\njmp .l\\@\n.endm\ntwice nop\ntwice inc eax\n.rept 3\n.byte \\@\n.endr";
    expect(hex(assembleFragment(source, 32, 0))).toBe("90ebfd40ebfd000102");
  });
  it("errors name the line", () => {
    expect(() => assemble("nop\nbad eax", { name: "x.asm" })).toThrow(/x\.asm:2/);
    expect(() => assemble("jmp nowhere", { name: "x.asm" })).toThrow(/undefined: nowhere/);
    expect(() => assemble("a: nop\na: nop", { name: "x.asm" })).toThrow(/twice/);
  });
});

describe("images", () => {
  it("flat images fill the gaps, overlaps are refused", () => {
    expect(hex(flat(assemble(".org 0x10\n.byte 1\n.org 0x13\n.byte 2")))).toBe("01000002");
    expect(() => flat(assemble(".org 0x10\n.long 1\n.org 0x12\n.byte 2"))).toThrow(/overlap/);
  });
  it("ELF files hold one segment per chunk, congruent to its address", () => {
    const file = elf32(assemble(".org 0x100004\n.byte 1\n.org 0x200008\n.byte 2"), 0x100004n);
    const view = new DataView(file.buffer);
    expect(view.getUint32(24, true)).toBe(0x100004);
    expect(view.getUint16(44, true)).toBe(2);
    for (const header of [52, 84]) {
      const [offset, address] = [view.getUint32(header + 4, true), view.getUint32(header + 12, true)];
      expect(offset % 0x1000).toBe(address % 0x1000);
      expect(file[offset]).toBe(header === 52 ? 1 : 2);
    }
  });
});
