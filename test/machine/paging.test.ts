// Page-level protection: every combination of entry flags, access, privilege and control bits; reserved
// bits; accessed and dirty flags. SDM Vol. 3, 4.6 (access rights), 4.7 (error code), 4.8 (A and D).

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "./descriptors.js";
import { DONE, Machine, type Setup } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

const PAGE = 0x100000;
const FRAME = 0x1f0000n;
const ACCESS = { read: "mov al, [ebx]", write: "mov [ebx], al", fetch: "jmp ebx" } as const;
const ACCESS64 = { read: "mov al, [rbx]", write: "mov [rbx], al", fetch: "jmp rbx" } as const;
type Access = keyof typeof ACCESS;

interface Control {
  wp: boolean;
  nxe: boolean;
  smep: boolean;
  smap: boolean;
  ac: boolean;
}

/** Error code of the page fault that SDM Vol. 3, 4.6 and 4.7 demand; undefined: the access is allowed. */
function fault(entry: bigint, access: Access, user: boolean, control: Control): number | undefined {
  const bit = (mask: bigint) => (entry & mask) !== 0n;
  const code =
    (access === "write" ? d.PF_W : 0) |
    (user ? d.PF_U : 0) |
    (access === "fetch" && (control.nxe || control.smep) ? d.PF_I : 0);
  if (!bit(d.P)) return code;
  if (bit(d.NX) && !control.nxe) return code | d.PF_P | d.PF_RSVD;
  let allowed: boolean;
  if (user) allowed = bit(d.U) && (access !== "write" || bit(d.W)) && (access !== "fetch" || !bit(d.NX));
  else if (access === "fetch") allowed = !bit(d.NX) && !(bit(d.U) && control.smep);
  else allowed = !(bit(d.U) && control.smap && !control.ac) && (access === "read" || bit(d.W) || !control.wp);
  return allowed ? undefined : code | d.PF_P;
}

const bools = [false, true] as const;
const combinations = (nxes: readonly boolean[]): Control[] =>
  bools.flatMap((wp) =>
    nxes.flatMap((nxe) =>
      bools.flatMap((smep) => bools.flatMap((smap) => bools.map((ac) => ({ wp, nxe, smep, smap, ac })))),
    ),
  );

/** Runs one access to PAGE under the given entry; returns what is wrong, or undefined. */
function check(setup: Setup, entry: bigint, access: Access, control: Control): string | undefined {
  const user = setup.cpl === 3;
  const r = m.registers;
  m.ring(setup.cpl as number);
  m.setEntry(PAGE, entry);
  r.set("rbx", BigInt(PAGE));
  r.set("cr2", 0n);
  if (control.ac) r.set("rflags", d.FLAG.ONE | d.FLAG.AC);
  const outcome = m.run((setup.mode === "long" ? ACCESS64 : ACCESS)[access]);
  const want = fault(entry, access, user, control);
  const got = outcome.vector === d.VECTOR.PF ? outcome.error : outcome.vector === DONE ? undefined : -outcome.vector;
  const after = m.entry(PAGE);
  const marks = want !== undefined || after === (entry | d.A | (access === "write" ? d.D : 0n));
  const cr2 = want === undefined || r.cr2 === BigInt(PAGE);
  if (got === want && marks && cr2) return undefined;
  const flags = `${entry & d.P ? "P" : "-"}${entry & d.W ? "W" : "-"}${entry & d.U ? "U" : "-"}${entry & d.NX ? "X" : "-"}`;
  return `${flags} ${access} ${user ? "user" : "supervisor"} ${JSON.stringify(control)}: ${got} (CR2 ${r.cr2.toString(16)}, entry ${after.toString(16)}), manual ${want}`;
}

function matrix(setup: Setup, flags: readonly bigint[], nxes: readonly boolean[]): string[] {
  const wrong: string[] = [];
  m.setup(setup);
  m.protectPages(setup.cpl as number);
  m.memory.write(Number(FRAME), Uint8Array.of(0xcd, DONE));
  const { cr0, cr4, efer } = m.registers;
  for (const control of combinations(nxes)) {
    m.registers.set("cr0", control.wp ? cr0 | d.CR0.WP : cr0);
    m.registers.set("cr4", cr4 | (control.smep ? d.CR4.SMEP : 0n) | (control.smap ? d.CR4.SMAP : 0n));
    if (nxes.length > 1 || nxes[0]) m.registers.set("efer", control.nxe ? efer | d.EFER.NXE : efer & ~d.EFER.NXE);
    for (const entry of flags)
      for (const access of ["read", "write", "fetch"] as const) {
        const problem = check(setup, FRAME | entry, access, control);
        if (problem) wrong.push(problem);
      }
  }
  return wrong;
}

/** Every combination of the bits. */
function subsets(bits: readonly bigint[]): bigint[] {
  let all = [0n];
  for (const bit of bits) all = all.concat(all.map((value) => value | bit));
  return all;
}

describe("permission matrix: P, W, U, NX x read, write, fetch x WP, NXE, SMEP, SMAP, AC", () => {
  it.each([0, 3])("4-level paging, CPL %i", (cpl) => {
    expect(matrix({ mode: "long", cpl }, subsets([d.P, d.W, d.U, d.NX]), bools)).toEqual([]);
  });
  it.each([0, 3])("PAE paging, CPL %i", (cpl) => {
    expect(matrix({ paging: "PAE", cpl }, subsets([d.P, d.W, d.U, d.NX]), bools)).toEqual([]);
  });
  it.each([0, 3])("32-bit paging, CPL %i", (cpl) => {
    expect(matrix({ paging: "32-bit", cpl }, subsets([d.P, d.W, d.U]), [false])).toEqual([]);
  });
  it.each([1, 2])("rings 1 and 2 are supervisors: CPL %i", (cpl) => {
    m.setup({ paging: "32-bit", cpl });
    m.setEntry(PAGE, FRAME | d.P | d.W);
    expect(m.run(`mov al, [${PAGE}]`).vector).toBe(DONE);
  });
});

describe("rights of all levels are combined", () => {
  it.each([2, 3, 4])("U = 0 in the level-%i entry denies ring 3, W = 0 denies its writes", (level) => {
    const denied: [bigint, Access, number][] = [
      [d.U, "read", d.PF_P | d.PF_U],
      [d.W, "write", d.PF_P | d.PF_U | d.PF_W],
    ];
    for (const [bit, access, error] of denied) {
      m.setup({ mode: "long", cpl: 3 });
      // A second path to PAGE, so that the code's own path stays open: entry 1 of the level's table.
      const linear = [0, 0, 0x200000, 0x40000000, 0x8000000000][level] as number;
      for (let l = 4; l > 1; l--) {
        const at = 0x60000 + l * 0x1000;
        const from =
          l === 4 ? m.table(4) + (level === 4 ? 8 : 0) : l > level ? m.table(l) : l === level ? m.table(l) + 8 : at;
        if (l >= level)
          m.memory.writeUint64(from, BigInt(l > level ? m.table(l - 1) : 0x60000 + (l - 1) * 0x1000) | d.P | d.W | d.U);
        else m.memory.writeUint64(at, BigInt(0x60000 + (l - 1) * 0x1000) | d.P | d.W | d.U);
        if (l === level) m.memory.writeUint64(from, m.memory.readUint64(from) & ~bit);
      }
      m.memory.writeUint64(0x61000, FRAME | d.P | d.W | d.U);
      m.registers.set("rbx", BigInt(linear));
      expect(m.run(ACCESS64[access])).toMatchObject({ vector: d.VECTOR.PF, error });
      expect(m.registers.cr2).toBe(BigInt(linear));
    }
  });
});

describe("reserved bits (SDM Vol. 3, 4.7: error code bit 3)", () => {
  const reserved = { vector: d.VECTOR.PF, error: d.PF_P | d.PF_RSVD };
  it("4-level: physical-address bits above the width, at every level", () => {
    for (const level of [1, 2, 3]) {
      m.setup({ mode: "long" });
      m.load(`mov al, [${level === 1 ? PAGE : level === 2 ? 0x200000 : 0x40000000}]`);
      if (level === 1) m.setEntry(PAGE, FRAME | d.P | (1n << 51n));
      else m.memory.writeUint64(m.table(level) + 8, BigInt(m.table(level - 1)) | d.P | (1n << 51n));
      expect(m.run()).toMatchObject(reserved);
    }
  });
  it("4-level: PS = 1 in a PML4 entry", () => {
    m.setup({ mode: "long" });
    m.memory.writeUint64(m.table(4) + 8, BigInt(m.table(3)) | d.P | d.PS);
    expect(m.run("mov rbx, 0x8000000000\nmov al, [rbx]")).toMatchObject(reserved);
  });
  it.each([13, 20])("2 MiB page: address bit %i", (bit) => {
    m.setup({ mode: "long" });
    m.memory.writeUint64(m.table(2) + 8, 0x200000n | d.P | d.PS | (1n << BigInt(bit)));
    expect(m.run("mov al, [0x200000]")).toMatchObject(reserved);
  });
  it.each([13, 29])("1 GiB page: address bit %i", (bit) => {
    m.setup({ mode: "long" });
    m.memory.writeUint64(m.table(3) + 8, d.P | d.PS | (1n << BigInt(bit)));
    expect(m.run("mov al, [0x40000000]")).toMatchObject(reserved);
  });
  it("32-bit: bit 21 of a 4 MiB page", () => {
    m.setup({ paging: "32-bit" });
    m.registers.set("cr4", d.CR4.PSE);
    m.memory.writeUint32(m.table(2) + 4, Number(0x400000n | d.P | d.PS | (1n << 21n)));
    expect(m.run("mov al, [0x400000]")).toMatchObject(reserved);
  });
  it("32-bit: PS is ignored without CR4.PSE", () => {
    m.setup({ paging: "32-bit" });
    m.memory.writeUint32(m.table(2) + 4, Number(BigInt(m.table(1)) | d.P | d.PS));
    m.setEntry(0, FRAME | d.P | d.W);
    m.memory.writeUint8(Number(FRAME), 0x5a);
    expect(m.run("mov al, [0x400000]").vector).toBe(DONE);
    expect(m.registers.al).toBe(0x5an);
  });
  it("PAE: loading CR3 with a reserved bit in a present PDPTE raises #GP(0) (SDM Vol. 3, 4.4.1)", () => {
    m.setup({ paging: "PAE" });
    m.memory.writeUint64(m.table(3) + 8, d.P | d.W);
    expect(m.run(`mov eax, ${m.table(3)}\nmov cr3, eax`)).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it("PAE: PDPTEs are read when CR3 is loaded, not when memory changes", () => {
    m.setup({ paging: "PAE" });
    m.memory.writeUint64(m.table(3) + 8, BigInt(m.table(2)) | d.P);
    expect(m.run("mov al, [0x40000000]")).toMatchObject({ vector: d.VECTOR.PF, error: 0 });
    m.ring(0);
    expect(m.run(`mov eax, ${m.table(3)}\nmov cr3, eax\nmov al, [0x40000000]`).vector).toBe(DONE);
  });
});

describe("large pages", () => {
  it("2 MiB page in 4-level paging", () => {
    m.setup({ mode: "long" });
    m.memory.writeUint64(m.table(2) + 8, 0x400000n | d.P | d.W | d.PS);
    m.memory.writeUint32(0x412344, 0xcafe);
    m.run("mov eax, [0x212344]\nmov [0x200000], eax");
    expect(m.registers.rax).toBe(0xcafen);
    expect(m.memory.readUint64(m.table(2) + 8)).toBe(0x400000n | d.P | d.W | d.PS | d.A | d.D);
  });
  it("1 GiB page in 4-level paging", () => {
    m.setup({ mode: "long" });
    m.memory.writeUint64(m.table(3) + 8, d.P | d.W | d.PS);
    m.memory.writeUint32(0x812344, 0xbeef);
    m.run("mov eax, [0x40812344]");
    expect(m.registers.rax).toBe(0xbeefn);
  });
  it("4 MiB page with PSE", () => {
    m.setup({ paging: "32-bit" });
    m.registers.set("cr4", d.CR4.PSE);
    m.memory.writeUint32(m.table(2) + 8, Number(0x400000n | d.P | d.W | d.PS));
    m.memory.writeUint32(0x412344, 0xf00d);
    m.run("mov eax, [0x812344]");
    expect(m.registers.rax).toBe(0xf00dn);
  });
});

describe("accessed and dirty flags (SDM Vol. 3, 4.8)", () => {
  it("a read sets A in every level and D in none", () => {
    m.setup({ mode: "long" });
    m.setEntry(PAGE, FRAME | d.P | d.W);
    m.run(`mov al, [${PAGE}]`);
    expect(m.entry(PAGE)).toBe(FRAME | d.P | d.W | d.A);
  });
  it("a write after a read sets D at that moment", () => {
    m.setup({ mode: "long" });
    m.setEntry(PAGE, FRAME | d.P | d.W);
    m.run(`mov al, [${PAGE}]\nmov r8, [${m.entryAddress(PAGE)}]\nmov [${PAGE}], al\nmov r9, [${m.entryAddress(PAGE)}]`);
    expect(m.registers.r8 & d.D).toBe(0n);
    expect(m.registers.r9 & d.D).toBe(d.D);
  });
  it("clearing D in memory makes the next write set it again", () => {
    m.setup({ mode: "long" });
    m.setEntry(PAGE, FRAME | d.P | d.W);
    const entry = m.entryAddress(PAGE);
    m.run(`mov [${PAGE}], al\nand byte [${entry}], ~0x60 & 0xff\ninvlpg [${PAGE}]\nmov [${PAGE}], al`);
    expect(m.entry(PAGE)).toBe(FRAME | d.P | d.W | d.A | d.D);
  });
  it("an instruction that only fetches from a page sets A", () => {
    m.setup({ mode: "long" });
    m.setEntry(PAGE, FRAME | d.P);
    m.memory.write(Number(FRAME), Uint8Array.of(0xcd, DONE));
    m.run(`mov eax, ${PAGE}\njmp rax`);
    expect(m.entry(PAGE)).toBe(FRAME | d.P | d.A);
  });
});

describe("changes of the tables take effect", () => {
  it("a present entry after a fault needs no INVLPG", () => {
    m.setup({ mode: "long" });
    m.setEntry(PAGE, 0n);
    expect(m.run(`mov al, [${PAGE}]`).error).toBe(0);
    m.setEntry(PAGE, FRAME | d.P);
    m.ring(0);
    m.registers.set("rip", m.label("fragment_start"));
    expect(m.run().vector).toBe(DONE);
  });
  it("INVLPG after a change of frame shows the new frame", () => {
    m.setup({ mode: "long" });
    m.memory.writeUint8(Number(FRAME), 0x11);
    m.memory.writeUint8(Number(FRAME) - 0x1000, 0x22);
    m.setEntry(PAGE, FRAME | d.P);
    m.run(
      `mov al, [${PAGE}]\nmov bl, al\nmov rcx, ${(FRAME - 0x1000n) | d.P}\nmov [${m.entryAddress(PAGE)}], rcx\ninvlpg [${PAGE}]\nmov al, [${PAGE}]`,
    );
    expect([m.registers.bl, m.registers.al]).toEqual([0x11n, 0x22n]);
  });
  it("a CR3 load switches address spaces and back", () => {
    m.setup({ paging: "32-bit" });
    m.memory.writeUint32(0x70000, Number(0x71000n | d.P | d.W));
    for (let page = 0; page < 1024; page++)
      m.memory.writeUint32(0x71000 + page * 4, Number(BigInt(page << 12) | d.P | d.W));
    m.memory.writeUint32(0x71000 + (PAGE >> 12) * 4, Number((FRAME - 0x1000n) | d.P));
    m.setEntry(PAGE, FRAME | d.P);
    m.memory.writeUint8(Number(FRAME), 0x11);
    m.memory.writeUint8(Number(FRAME) - 0x1000, 0x22);
    m.run(
      `mov al, [${PAGE}]\nmov ecx, 0x70000\nmov edx, cr3\nmov cr3, ecx\nmov ah, [${PAGE}]\nmov cr3, edx\nmov bl, [${PAGE}]`,
    );
    expect([m.registers.al, m.registers.ah, m.registers.bl]).toEqual([0x11n, 0x22n, 0x11n]);
  });
});
