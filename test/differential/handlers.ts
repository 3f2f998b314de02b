// Interrupt and exception handlers of the worlds, as source text. Faults are stepped over by the length of the
// instruction, which the program's assembler has noted in a table; page faults may instead be repaired and the
// instruction tried again. The timer's handler may change a byte of code. What cannot be helped halts for good.

import type { PagingKind } from "../engine/environment.js";
import { assemble } from "../guest/assemble.js";
import { CODE_SIZE, System, Variable, Vector, WINDOW } from "./layout.js";

export interface Handlers {
  readonly chunks: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  /** Address of the handler of a vector. */
  readonly entry: (vector: number) => number;
}

const WITH_ERROR = new Set([8, 10, 11, 12, 13, 14, 17]);
const SYMBOLS = { ...Variable, LENGTHS: System.LENGTHS, CODE_SIZE, WINDOW };
const EOI = 0x80b;

/** Handler label of a vector. */
function labelOf(vector: number, paging: PagingKind | undefined): string {
  switch (vector) {
    case 1:
    case 3:
    case 4:
      return "trap";
    case 7:
      return "unavailable";
    case 14:
      return paging === undefined ? "skip_error" : "page_fault";
    case 16:
      return "float_error";
    case Vector.TIMER:
      return "timer";
    case Vector.EXTERNAL:
      return "external";
    case Vector.CALL:
      return "call";
    case Vector.RELOAD_ROOT:
      return paging === undefined ? "external" : "reload";
    case Vector.SWITCH_ROOT:
      return paging === undefined ? "external" : "switch";
    case Vector.BACK_TO_RING0:
      return "back";
    case Vector.END:
      return "die";
    default:
      return WITH_ERROR.has(vector) ? "skip_error" : vector < 32 ? "skip" : "external";
  }
}

const REAL = `
die: cli
    hlt
skip_error:
skip:
    push bp
    mov bp, sp
    push bx
    push ds
    push ${System.LENGTHS >> 4}
    pop ds
    mov bx, [bp + 2]
    cmp bx, CODE_SIZE
    jae die
    mov bl, [bx]
    xor bh, bh
    cmp bl, 1
    adc bx, 0
    add [bp + 2], bx
    pop ds
    pop bx
    pop bp
    iret
unavailable: clts
    iret
float_error: fnclex
    iret
trap:
    push ds
    push 0
    pop ds
    inc word [TRAPS]
    pop ds
    iret
back:
external:
    iret
call:
    push ds
    push cx
    push 0
    pop ds
    mov cx, 3
.again: inc word [CALLS]
    loop .again
    pop cx
    pop ds
    iret
timer:
    push ds
    push eax
    push ecx
    push edx
    push 0
    pop ds
    inc word [TIMER]
    mov ecx, [PATCH]
    jecxz .done
    sub ecx, WINDOW
    push ${WINDOW >> 4}
    pop ds
    xor byte [ecx], 0x55
.done:
    mov ecx, ${EOI}
    xor eax, eax
    xor edx, edx
    wrmsr
    pop edx
    pop ecx
    pop eax
    pop ds
    iret
`;

/** Flat 32-bit handlers; DS is whatever the program had. */
const narrow = (paging: PagingKind | undefined): string => `
die: cli
    hlt
.macro stepover at
    and eax, ${~WINDOW >>> 0}
    cmp eax, CODE_SIZE
    jae die
    movzx eax, byte cs:[eax + LENGTHS]
    cmp al, 1
    adc eax, 0
    add [esp + \\at], eax
.endm
.macro flat
    push ds
    push 0x18
    pop ds
.endm
skip:
    push eax
    mov eax, [esp + 4]
    stepover 4
    pop eax
    iret
skip_error:
    push eax
    mov eax, [esp + 8]
    stepover 8
    pop eax
    add esp, 4
    iret
unavailable: clts
    iret
float_error: fnclex
    iret
trap:
    flat
    inc dword [TRAPS]
    pop ds
    iret
external: iret
call:
    flat
    push ecx
    mov ecx, 3
.again: inc dword [CALLS]
    rol dword [CALLS], 3
    dec ecx
    jnz .again
    pop ecx
    pop ds
    iret
back:
    mov esp, cs:[SAVED_STACK]
    jmp dword cs:[SAVED_PLACE]
timer:
    flat
    push eax
    push ecx
    push edx
    inc dword [TIMER]
    mov ecx, [PATCH]
    jecxz .done
    mov al, [PATCH_WITH]
    xor [ecx], al
.done:
    mov ecx, ${EOI}
    xor eax, eax
    xor edx, edx
    wrmsr
    pop edx
    pop ecx
    pop eax
    pop ds
    iret
reload:
    push eax
    mov eax, cr3
    mov cr3, eax
    pop eax
    iret
switch:
    flat
    push eax
    mov eax, cr3
    cmp eax, [ROOT_A]
    mov eax, [ROOT_A]
    jne .load
    mov eax, [ROOT_B]
.load:
    mov cr3, eax
    pop eax
    pop ds
    iret
${
  paging === undefined
    ? ""
    : `
page_fault:
    flat
    push eax
    push ebx
    inc dword [PAGE_FAULTS]
    mov al, [POLICY]
    test al, 1
    jz .skip
    test al, 4
    jz .repair
    test byte [PAGE_FAULTS], 1
    jz .skip
.repair:
    mov eax, cr2
    sub eax, WINDOW
    cmp eax, 0x10000
    jae .skip
    shr eax, 12
    mov ebx, cr3
    cmp ebx, [ROOT_A]
    mov ebx, [ENTRIES_A]
    je .entry
    mov ebx, [ENTRIES_B]
.entry:
    lea ebx, [ebx + eax*${paging === "32" ? 4 : 8}]
    ${paging === "32" ? "" : "btr dword [ebx + 4], 31\n    jc .repaired"}
    mov eax, [ebx]
    and al, 7
    cmp al, 7
    je .skip
    or dword [ebx], 7
.repaired:
    test byte [POLICY], 2
    jz .again
    mov eax, cr2
    invlpg [eax]
.again:
    pop ebx
    pop eax
    pop ds
    add esp, 4
    iret
.skip:
    mov eax, [esp + 16]
    stepover 16
    pop ebx
    pop eax
    pop ds
    add esp, 4
    iret`
}
`;

const WIDE = `
die: cli
    hlt
.macro stepover at
    sub rax, [BASE]
    and rax, ${-(WINDOW + 1)}
    cmp rax, CODE_SIZE
    jae die
    movzx eax, byte [rax + LENGTHS]
    cmp al, 1
    adc eax, 0
    add [rsp + \\at], rax
.endm
skip:
    push rax
    mov rax, [rsp + 8]
    stepover 8
    pop rax
    iretq
skip_error:
    push rax
    mov rax, [rsp + 16]
    stepover 16
    pop rax
    add rsp, 8
    iretq
unavailable: clts
    iretq
float_error: fnclex
    iretq
trap: inc qword [TRAPS]
    iretq
external: iretq
call:
    push rcx
    mov ecx, 3
.again: inc qword [CALLS]
    rol dword [CALLS], 3
    dec ecx
    jnz .again
    pop rcx
    iretq
system_call:
    inc qword [CALLS]
    .byte 0x48, 0x0f, 0x07 ; SYSRETQ
back:
    mov rsp, [SAVED_STACK]
    jmp qword [SAVED_PLACE]
timer:
    push rax
    push rcx
    push rdx
    inc qword [TIMER]
    mov rcx, [PATCH]
    jrcxz .done
    mov al, [PATCH_WITH]
    xor [rcx], al
.done:
    mov ecx, ${EOI}
    xor eax, eax
    xor edx, edx
    wrmsr
    pop rdx
    pop rcx
    pop rax
    iretq
reload:
    push rax
    mov rax, cr3
    mov cr3, rax
    pop rax
    iretq
switch:
    push rax
    mov rax, cr3
    cmp rax, [ROOT_A]
    mov rax, [ROOT_A]
    jne .load
    mov rax, [ROOT_B]
.load:
    mov cr3, rax
    pop rax
    iretq
page_fault:
    push rax
    push rbx
    inc qword [PAGE_FAULTS]
    mov al, [POLICY]
    test al, 1
    jz .skip
    test al, 4
    jz .repair
    test byte [PAGE_FAULTS], 1
    jz .skip
.repair:
    mov rax, cr2
    sub rax, [BASE]
    sub rax, WINDOW
    cmp rax, 0x10000
    jae .skip
    shr eax, 12
    mov rbx, cr3
    cmp rbx, [ROOT_A]
    mov rbx, [ENTRIES_A]
    je .entry
    mov rbx, [ENTRIES_B]
.entry:
    lea rbx, [rbx + rax*8]
    btr dword [rbx + 4], 31
    jc .repaired
    mov eax, [rbx]
    and al, 7
    cmp al, 7
    je .skip
    or dword [rbx], 7
.repaired:
    test byte [POLICY], 2
    jz .again
    mov rax, cr2
    invlpg [rax]
.again:
    pop rbx
    pop rax
    add rsp, 8
    iretq
.skip:
    mov rax, [rsp + 24]
    stepover 24
    pop rbx
    pop rax
    add rsp, 8
    iretq
`;

function made(text: string, origin: number, mode: 16 | 32 | 64, paging: PagingKind | undefined): Handlers {
  const { chunks, symbols } = assemble(text, { mode, origin, symbols: SYMBOLS, name: "handlers" });
  const entry = (vector: number): number => Number(symbols.get(labelOf(vector, paging)));
  return { chunks: chunks.map(({ address, bytes }) => ({ address: Number(address), bytes })), entry };
}

export const realHandlers = (): Handlers => made(REAL, System.REAL_HANDLERS, 16, undefined);
export const narrowHandlers = (paging: PagingKind | undefined): Handlers =>
  made(narrow(paging), System.HANDLERS32, 32, paging);
export function wideHandlers(): Handlers & { readonly systemCall: number } {
  const handlers = made(WIDE, System.HANDLERS64, 64, "long");
  const { symbols } = assemble(WIDE, { mode: 64, origin: System.HANDLERS64, symbols: SYMBOLS, name: "handlers" });
  return { ...handlers, systemCall: Number(symbols.get("system_call")) };
}
