// Exceptions and interrupts: vector, error code, saved address; shadows, single step, NMI blocking, double and
// triple fault. SDM Vol. 3, chapter 6, 17.3.1 (debug exceptions); Vol. 2 (INT n, BOUND, STI, MOV, HLT).

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "./descriptors.js";
import { CODE, DATA, DONE, innerStack, Machine, ringStack, SELECTOR, STACK, STUBS, TSS } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

const at = (name: string) => m.label(name);
const IF = d.FLAG.IF;

describe("faults save the address of the instruction, traps of the next one (SDM Vol. 3, 6.5)", () => {
  it.each([
    ["div by zero", "xor ecx, ecx\nhere: div ecx", d.VECTOR.DE, undefined],
    ["div overflow", "mov edx, 5\nmov ecx, 5\nhere: div ecx", d.VECTOR.DE, undefined],
    [
      "idiv of the most negative by -1",
      "mov eax, 0x80000000\ncdq\nmov ecx, -1\nhere: idiv ecx",
      d.VECTOR.DE,
      undefined,
    ],
    ["aam 0", "here: aam 0", d.VECTOR.DE, undefined],
    ["int3", "int3\nhere:", d.VECTOR.BP, undefined],
    ["int 3", "int 3\nhere:", d.VECTOR.BP, undefined],
    ["int1", "int1\nhere:", d.VECTOR.DB, undefined],
    ["into with OF", "mov al, 0x7f\nadd al, 1\ninto\nhere:", d.VECTOR.OF, undefined],
    ["into without OF", "xor eax, eax\ninto\nhere:", DONE, undefined],
    [
      "bound below",
      "mov eax, -1\nhere: bound eax, [bounds]\njmp end\nbounds: .long 0, 9\nend:",
      d.VECTOR.BR,
      undefined,
    ],
    [
      "bound above",
      "mov eax, 10\nhere: bound eax, [bounds]\njmp end\nbounds: .long 0, 9\nend:",
      d.VECTOR.BR,
      undefined,
    ],
    ["ud2", "here: ud2", d.VECTOR.UD, undefined],
    ["lock on a register form", "here: .byte 0xf0, 0x01, 0xc0", d.VECTOR.UD, undefined],
    ["lock on a load", "here: .byte 0xf0, 0x8b, 0x00", d.VECTOR.UD, undefined],
    ["mov to cs", "here: .byte 0x8e, 0xc8", d.VECTOR.UD, undefined],
    [
      "sixteen bytes of prefixes",
      "here: .byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90",
      d.VECTOR.GP,
      0,
    ],
  ] as const)("%s", (_, source, vector, error) => {
    const outcome = m.setup().run(source);
    expect(outcome).toMatchObject({ vector, error });
    if (vector !== DONE) expect(outcome.rip).toBe(at("here"));
  });

  it("BOUND accepts both limits", () => {
    for (const value of [0, 9])
      expect(m.setup().run(`mov eax, ${value}\nbound eax, [bounds]\njmp end\nbounds: .long 0, 9\nend:`).vector).toBe(
        DONE,
      );
  });
  it.each([
    "in al, 0x80",
    "out 0x80, al",
    "hlt",
    "cli",
    "sti",
    "mov eax, cr0",
    "mov cr3, eax",
    "lgdt [0]",
    "lidt [0]",
    "ltr ax",
    "lldt ax",
    "lmsw ax",
    "clts",
    "invlpg [0]",
    "rdmsr",
    "wrmsr",
    "invd",
    "wbinvd",
    "mov eax, dr0",
    "mov dr7, eax",
  ])("%s is privileged: #GP(0) in ring 3", (instruction) => {
    const outcome = m.setup({ cpl: 3 }).run(`here: ${instruction}`);
    expect(outcome).toMatchObject({ vector: d.VECTOR.GP, error: 0, rip: at("here") });
  });
  it("IOPL = 3 lets ring 3 use CLI, STI and ports", () => {
    expect(m.setup({ cpl: 3, iopl: 3 }).run("cli\nsti\nin al, 0x80").vector).toBe(DONE);
  });
  it("the I/O permission bitmap lets single ports through (SDM Vol. 1, 19.5.2)", () => {
    const withMap = (instruction: string) => {
      m.setup({ cpl: 3 });
      m.registers.set("tr.limit", 0x68 + 0x20);
      m.memory.fill(0x4068, 0x21, 0xff);
      m.memory.writeUint8(0x4068 + (0x80 >> 3), 0xfe);
      return m.run(instruction);
    };
    expect(withMap("in al, 0x80").vector).toBe(DONE);
    expect(withMap("in al, 0x81")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
    expect(withMap("in ax, 0x80")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it("RDTSC in ring 3 with CR4.TSD raises #GP(0)", () => {
    m.setup({ cpl: 3 }).registers.set("cr4", d.CR4.TSD);
    expect(m.run("rdtsc")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it.each(["sgdt [0x40000]", "sidt [0x40000]", "sldt ax", "str ax", "smsw ax"])(
    "%s in ring 3 with CR4.UMIP raises #GP(0)",
    (instruction) => {
      m.setup({ cpl: 3 }).registers.set("cr4", d.CR4.UMIP);
      expect(m.run(instruction)).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
      expect(m.setup({ cpl: 3 }).run(instruction).vector).toBe(DONE);
    },
  );
  it.each([
    ["TS", d.CR0.TS, "fninit", d.VECTOR.NM],
    ["EM", d.CR0.EM, "fninit", d.VECTOR.NM],
    ["TS and MP", d.CR0.TS | d.CR0.MP, "wait", d.VECTOR.NM],
  ] as const)("CR0.%s makes a floating-point instruction raise #NM", (_, bits, instruction, vector) => {
    m.setup().registers.set("cr0", m.registers.cr0 | bits);
    expect(m.run(instruction)).toMatchObject({ vector, rip: BigInt(CODE) });
  });
});

describe("interrupt shadow (SDM Vol. 2, STI, MOV, POP)", () => {
  it("an interrupt waits until the instruction after STI has run", () => {
    m.setup().load("sti\nnop\nhere: nop");
    m.processor.interrupt(0x60);
    expect(m.run()).toMatchObject({ vector: 0x60, rip: at("here") });
  });
  it("STI with IF = 1 already makes no shadow", () => {
    m.setup({ flags: IF }).load("sti\nhere: nop");
    m.load("nop\nsti\nhere: nop\nnop");
    m.processor.step(2);
    m.processor.interrupt(0x60);
    expect(m.run()).toMatchObject({ vector: 0x60, rip: at("here") });
  });
  it.each(["mov ss, eax", "pop ss"])("an interrupt waits until the instruction after %s has run", (instruction) => {
    m.setup({ flags: IF }).load(`mov eax, ${SELECTOR.data[0]}\npush eax\nnop\n${instruction}\nnop\nhere: nop`);
    m.processor.step(4);
    m.processor.interrupt(0x60);
    expect(m.run()).toMatchObject({ vector: 0x60, rip: at("here") });
  });
  it("POPF and IRET that set IF make no shadow", () => {
    m.setup().load("push 0x202\npopfd\nhere: nop\nnop");
    m.processor.interrupt(0x60);
    expect(m.run()).toMatchObject({ vector: 0x60, rip: at("here") });
  });
  it("STI; HLT wakes on the waiting interrupt with the address behind HLT", () => {
    m.setup().load("sti\nhlt\nhere: nop");
    m.processor.interrupt(0x60);
    expect(m.run()).toMatchObject({ vector: 0x60, rip: at("here") });
  });
  it("with IF = 0 an interrupt waits for ever", () => {
    m.setup().load("nop\nnop");
    m.processor.interrupt(0x60);
    expect(m.run().vector).toBe(DONE);
    expect(m.processor.interruptRequested).toBe(true);
  });
  it("an interrupt between elements saves RF = 1 (SDM Vol. 3, 17.3.1.1)", () => {
    m.setup({ flags: IF }).load("mov ecx, 100\nmov edi, 0x40000\nrep stosb");
    m.processor.step(2);
    m.partition.run({ ticks: 10 });
    m.processor.interrupt(0x60);
    expect(m.run().flags & d.FLAG.RF).toBe(d.FLAG.RF);
  });
  it("an interrupt is taken between the elements of a REP, which then continues", () => {
    m.setup({ flags: IF }).load("mov ecx, 100\nmov edi, 0x40000\nhere: rep stosb\nafter:");
    m.processor.step(2);
    m.partition.run({ ticks: 10 });
    m.processor.interrupt(0x60);
    expect(m.run()).toMatchObject({ vector: 0x60, rip: at("here") });
    expect(m.registers.rcx).toBe(90n);
  });
});

describe("NMI (SDM Vol. 3, 6.7)", () => {
  it("is taken with IF = 0", () => {
    m.setup().load("nop\nhere: nop\nnop");
    m.processor.step(1);
    m.processor.nmi();
    expect(m.run()).toMatchObject({ vector: d.VECTOR.NMI, rip: at("here") });
  });
  it("a second one waits for IRET", () => {
    m.setup().load("nop\nnop\nafter: nop\njmp end\nhandler: nop\nnop\ninside: iretd\nend:");
    m.gate(d.VECTOR.NMI, { offset: at("handler") });
    m.processor.step(1);
    m.processor.nmi();
    m.processor.step(1);
    m.processor.nmi();
    m.gate(d.VECTOR.NMI, {});
    const outcome = m.run();
    // The second one arrives on the first instruction boundary after the IRET.
    expect(outcome.vector).toBe(d.VECTOR.NMI);
    expect(outcome.rip).toBe(m.label("fragment_start") + 1n);
  });
});

describe("single step (SDM Vol. 3, 17.3.1.4)", () => {
  const BS = 0x4000n;
  it("TF traps after the instruction that follows POPF", () => {
    const outcome = m.setup().run("push 0x102\npopfd\nnop\nhere: nop");
    expect(outcome).toMatchObject({ vector: d.VECTOR.DB, rip: at("here") });
    expect(m.registers.dr6 & BS).toBe(BS);
    expect(outcome.flags & d.FLAG.TF).toBe(d.FLAG.TF);
    expect(m.registers.rflags & d.FLAG.TF).toBe(0n);
  });
  it("a REP string traps after each element, at the same instruction", () => {
    const outcome = m.setup().run("mov ecx, 5\nmov edi, 0x40000\npush 0x102\npopfd\nhere: rep stosb");
    expect(outcome).toMatchObject({ vector: d.VECTOR.DB, rip: at("here") });
    expect(m.registers.rcx).toBe(4n);
  });
  it("the last element traps behind the instruction", () => {
    expect(m.setup().run("mov ecx, 1\nmov edi, 0x40000\npush 0x102\npopfd\nrep stosb\nhere: nop")).toMatchObject({
      vector: d.VECTOR.DB,
      rip: at("here"),
    });
  });
  it("INT n clears TF before it could trap", () => {
    m.setup().gate(0x40, {});
    expect(m.run("push 0x102\npopfd\nint 0x40").vector).toBe(0x40);
  });
  it("MOV SS holds it back for one instruction", () => {
    const outcome = m.setup().run(`mov eax, ${SELECTOR.data[0]}\npush 0x102\npopfd\nmov ss, eax\nnop\nhere: nop`);
    expect(outcome).toMatchObject({ vector: d.VECTOR.DB, rip: at("here") });
  });
  it("a fault of the stepped instruction comes instead of the trap", () => {
    expect(m.setup().run("push 0x102\npopfd\nhere: ud2")).toMatchObject({ vector: d.VECTOR.UD, rip: at("here") });
  });
  it("the instruction that sets TF does not trap itself, the one that clears it does", () => {
    const outcome = m.setup().run("push 2\npush 0x102\npopfd\npopfd\nhere: nop");
    expect(outcome).toMatchObject({ vector: d.VECTOR.DB, rip: at("here") });
    expect(outcome.flags & d.FLAG.TF).toBe(0n);
  });
  it("SYSCALL with TF in FMASK does not trap; without, it traps on the handler's first instruction", () => {
    for (const masked of [true, false]) {
      m.setup({ mode: "long", cpl: 3 });
      m.registers.set("star", (0x08n << 32n) | (0x1bn << 48n));
      m.registers.set("lstar", BigInt(STUBS + 0x70 * 16));
      m.registers.set("sfmask", masked ? d.FLAG.TF : 0n);
      const outcome = m.run("push 0x102\npopfq\nsyscall");
      if (masked) expect(outcome.vector).toBe(0x70);
      else expect(outcome).toMatchObject({ vector: d.VECTOR.DB, rip: BigInt(STUBS + 0x70 * 16) });
    }
  });
  it("IRET into ring 3 with TF steps one instruction there", () => {
    const outcome = m
      .setup()
      .run(
        `push ${SELECTOR.data[3]}\npush ${ringStack(3)}\npush 0x102\npush ${SELECTOR.code[3]}\npush next\niretd\nnext: nop\nhere: nop`,
      );
    expect(outcome).toMatchObject({ vector: d.VECTOR.DB, rip: at("here"), cs: SELECTOR.code[3] });
  });
  it("a taken branch traps at its target", () => {
    expect(m.setup().run("push 0x102\npopfd\njmp here\nnop\nhere: nop")).toMatchObject({
      vector: d.VECTOR.DB,
      rip: at("here"),
    });
  });
  it("real mode traps too", () => {
    expect(m.setup({ mode: "real" }).run("push 0x102\npopf\nnop\nhere: nop")).toMatchObject({
      vector: d.VECTOR.DB,
      rip: at("here"),
    });
  });
});

describe("debug registers (SDM Vol. 3, 17.2, 17.3.1)", () => {
  const arm = (n: number, address: bigint, kind: number, length: number) => {
    m.registers.set(`dr${n}` as "dr0", address);
    m.registers.set("dr7", (2n << BigInt(2 * n)) | (BigInt(kind | (length << 2)) << BigInt(16 + 4 * n)) | 0x400n);
  };
  it.each([0, 1, 2, 3])("DR%i stops before an instruction and sets its bit", (n) => {
    m.setup().load("nop\nhere: nop\nnop");
    arm(n, at("here"), 0, 0);
    expect(m.run()).toMatchObject({ vector: d.VECTOR.DB, rip: at("here") });
    expect(m.registers.dr6 & 0xfn).toBe(1n << BigInt(n));
  });
  it("RF = 1 in the flags that IRET loads skips the instruction breakpoint once", () => {
    m.setup().load(`push 0x10002\npush ${SELECTOR.code[0]}\npush here\niretd\nhere: nop\nnop`);
    arm(0, at("here"), 0, 0);
    expect(m.run().vector).toBe(DONE);
  });
  it("the saved RF is 1 for faults, but 0 for an instruction breakpoint (SDM Vol. 3, 17.3.1.1)", () => {
    expect(m.setup().run("ud2").flags & d.FLAG.RF).toBe(d.FLAG.RF);
    m.setup().load("nop\nhere: nop");
    arm(0, at("here"), 0, 0);
    expect(m.run().flags & d.FLAG.RF).toBe(0n);
  });
  it("the saved RF is 0 for traps and 1 for a trap inside a REP string", () => {
    expect(m.setup().run("int3").flags & d.FLAG.RF).toBe(0n);
    expect(m.setup().run("push 0x102\npopfd\nnop\nnop").flags & d.FLAG.RF).toBe(0n);
    expect(m.setup().run(`mov edi, ${DATA}\nmov ecx, 3\npush 0x102\npopfd\nrep stosb`).flags & d.FLAG.RF).toBe(
      d.FLAG.RF,
    );
  });
  it.each([
    ["write of the byte", 1, 0, `mov byte [${DATA}], 1`, true],
    ["read under a write breakpoint", 1, 0, `mov al, [${DATA}]`, false],
    ["read under a read-write breakpoint", 3, 0, `mov al, [${DATA}]`, true],
    ["dword write that only overlaps", 1, 0, `mov dword [${DATA - 3}], 1`, true],
    ["write beside it", 1, 0, `mov byte [${DATA + 1}], 1`, false],
    ["write to the last of four bytes", 1, 3, `mov byte [${DATA + 3}], 1`, true],
    ["write behind four bytes", 1, 3, `mov byte [${DATA + 4}], 1`, false],
    ["read-modify-write under a write breakpoint", 1, 3, `add dword [${DATA}], 1`, true],
    ["push", 1, 3, `mov esp, ${DATA + 4}\npush eax`, true],
  ] as const)("data: %s", (_, kind, length, instruction, hits) => {
    m.setup().load(`${instruction}\nhere: nop`);
    arm(1, BigInt(DATA), kind, length);
    const outcome = m.run();
    if (!hits) expect(outcome.vector).toBe(DONE);
    else {
      expect(outcome).toMatchObject({ vector: d.VECTOR.DB, rip: at("here") });
      expect(m.registers.dr6 & 0xfn).toBe(2n);
    }
  });
  it("a REP string traps after the element that hit", () => {
    m.setup().load(`mov edi, ${DATA}\nmov ecx, 8\nhere: rep stosb`);
    arm(0, BigInt(DATA + 2), 1, 0);
    expect(m.run()).toMatchObject({ vector: d.VECTOR.DB, rip: at("here") });
    expect(m.registers.rcx).toBe(5n);
  });
  it("DR7.GD makes a MOV from a debug register raise #DB with BD, and is cleared", () => {
    m.setup().load("here: mov eax, dr0");
    m.registers.set("dr7", 0x2400n);
    expect(m.run()).toMatchObject({ vector: d.VECTOR.DB, rip: at("here") });
    expect(m.registers.dr6 & 0x2000n).toBe(0x2000n);
    expect(m.registers.dr7 & 0x2000n).toBe(0n);
  });
  it("DR4 and DR5 are DR6 and DR7, with CR4.DE they raise #UD", () => {
    m.setup().run(".byte 0x0f, 0x21, 0xe0\nmov ebx, dr6");
    expect(m.registers.rax).toBe(m.registers.rbx);
    m.setup().registers.set("cr4", d.CR4.DE);
    expect(m.run(".byte 0x0f, 0x21, 0xe0").vector).toBe(d.VECTOR.UD);
  });
  it("DR6 after reset is FFFF0FF0h, DR7 is 400h", () => {
    m.setup();
    expect([m.registers.dr6, m.registers.dr7]).toEqual([0xffff_0ff0n, 0x400n]);
  });
});

describe("double fault (SDM Vol. 3, 6.15, table 6-5)", () => {
  it("a contributory exception during a contributory one: #DF with error code 0", () => {
    m.setup().gate(d.VECTOR.GP, { present: false });
    expect(m.run("mov eax, 0xfff0\nmov ds, eax")).toMatchObject({ vector: d.VECTOR.DF, error: 0 });
  });
  it("a page fault during a page fault: #DF", () => {
    m.setup({ mode: "long", cpl: 3 });
    m.memory.writeUint64(TSS + 4, 0x900000n); // RSP0 in a missing page
    m.gate(d.VECTOR.DF, { count: 1 });
    expect(m.run("mov al, [0x800000]")).toMatchObject({ vector: d.VECTOR.DF, error: 0, cs: SELECTOR.code[3] });
  });
  it("a benign exception followed by another is delivered in its place", () => {
    m.setup().gate(d.VECTOR.UD, { present: false });
    expect(m.run("ud2")).toMatchObject({ vector: d.VECTOR.NP, error: d.VECTOR.UD * 8 + 3 });
  });
  it("a contributory exception during a page fault: #DF", () => {
    m.setup({ paging: "32-bit" }).gate(d.VECTOR.PF, { present: false });
    expect(m.run("mov al, [0x800000]")).toMatchObject({ vector: d.VECTOR.DF, error: 0 });
  });
  it("a page fault during a contributory exception is delivered in its place", () => {
    m.setup({ mode: "long", cpl: 3 });
    m.memory.writeUint64(TSS + 4, 0x900000n); // RSP0 in a missing page
    m.gate(d.VECTOR.PF, { count: 1 });
    expect(m.run("hlt")).toMatchObject({ vector: d.VECTOR.PF, error: d.PF_W });
    expect(m.registers.cr2).toBe(0x8ffff8n);
  });
  it("its handler may have a stack of its own (IST)", () => {
    m.setup({ mode: "long" });
    m.gate(d.VECTOR.DF, { count: 1 });
    m.registers.set("rsp", 0x900000n);
    expect(m.run("ud2")).toMatchObject({ vector: d.VECTOR.DF, error: 0, rsp: 0x900000n });
    expect(m.registers.rsp).toBe(BigInt(STACK.ist + 0x400 - 48));
  });
});

describe("triple fault", () => {
  it("an exception during the delivery of #DF shuts the processor down", () => {
    m.setup().registers.set("idtr.limit", 0);
    expect(m.run("ud2").exit).toBe("tripleFault");
  });
});

describe("IRET (SDM Vol. 2, IRET)", () => {
  const back = (ring: number, flags: number) =>
    `push ${SELECTOR.data[ring]}\npush ${ringStack(ring)}\npush ${flags}\npush ${SELECTOR.code[ring]}\npush next\niretd\nnext:`;
  it.each([1, 2, 3])("to ring %i loads SS:ESP", (ring) => {
    expect(m.setup().run(back(ring, 2))).toMatchObject({
      vector: DONE,
      cs: SELECTOR.code[ring],
      rsp: BigInt(ringStack(ring)),
      ss: SELECTOR.data[ring],
    });
    expect(m.registers.rsp).toBe(BigInt(innerStack(0) - 20));
  });
  it("in ring 3 cannot change IOPL or IF", () => {
    const outcome = m.setup({ cpl: 3 }).run(`push 0x3202\npush ${SELECTOR.code[3]}\npush next\niretd\nnext:`);
    expect(outcome.flags & 0x3200n).toBe(0n);
  });
  it("in ring 3 with IOPL 3 changes IF, not IOPL", () => {
    const outcome = m.setup({ cpl: 3, iopl: 3 }).run(`push 0x202\npush ${SELECTOR.code[3]}\npush next\niretd\nnext:`);
    expect(outcome.flags & 0x3200n).toBe(0x3200n);
  });
  it("to an inner ring raises #GP(selector)", () => {
    expect(m.setup({ cpl: 3 }).run(`push 2\npush ${SELECTOR.code[0]}\npush next\niretd\nnext:`)).toMatchObject({
      vector: d.VECTOR.GP,
      error: SELECTOR.code[0],
    });
  });
  it("64-bit always pops SS:RSP, and ring 0 may take a null SS", () => {
    const outcome = m
      .setup({ mode: "long" })
      .run(`push 0\npush ${ringStack(1)}\npush 2\npush ${SELECTOR.code[0]}\npush next\niretq\nnext:`);
    expect(outcome).toMatchObject({ vector: DONE, ss: 0, rsp: BigInt(ringStack(1)) });
  });
  it("64-bit to ring 3 with a null SS raises #GP(0)", () => {
    expect(
      m
        .setup({ mode: "long" })
        .run(`push 0\npush ${ringStack(3)}\npush 2\npush ${SELECTOR.code[3]}\npush next\niretq\nnext:`),
    ).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it("64-bit with NT = 1 raises #GP(0)", () => {
    expect(m.setup({ mode: "long", flags: d.FLAG.NT }).run("iretq")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
});

describe("POPF (SDM Vol. 2, POPF)", () => {
  it.each([
    [0, 0, 0x3200n],
    [3, 0, 0n],
    [3, 3, 0x200n],
    [1, 1, 0x200n],
    [1, 0, 0n],
  ] as const)("CPL %i with IOPL %i: which of IF and IOPL change", (cpl, iopl, changed) => {
    m.setup({ cpl, iopl, flags: 0n });
    const before = BigInt(iopl) << 12n;
    const outcome = m.run(`push ${(0x3202 ^ (iopl << 12)) & 0xffff}\npopfd`);
    expect((outcome.flags ^ before) & 0x3200n).toBe(changed);
  });
});

describe("real mode", () => {
  it("pushes FLAGS, CS, IP and takes CS:IP from the vector table", () => {
    const outcome = m.setup({ mode: "real" }).run("int 0x40\nback:");
    expect(outcome).toMatchObject({ vector: 0x40, rip: at("back"), cs: 0 });
    expect(m.registers.rsp).toBe(0x7000n - 6n);
  });
  it("a vector behind the IDT's limit raises vector 13, which pushes no error code", () => {
    m.setup({ mode: "real" }).registers.set("idtr.limit", 0x40 * 4 + 2);
    expect(m.run("int 0x40")).toMatchObject({ vector: d.VECTOR.GP });
    expect(m.registers.rsp).toBe(0x7000n - 6n);
  });
  it("a word at offset FFFFh raises vector 13; through SS vector 12", () => {
    expect(m.setup({ mode: "real" }).run("mov bx, 0xffff\nmov ax, [bx]").vector).toBe(d.VECTOR.GP);
    expect(m.setup({ mode: "real" }).run("mov bp, 0xffff\nmov ax, [bp]").vector).toBe(d.VECTOR.SS);
  });
  it("stubs are where the vector table points", () => {
    expect(m.memory.readUint32(4)).toBe(STUBS + 16);
  });
});
