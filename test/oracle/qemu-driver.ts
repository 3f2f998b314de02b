// The guest that runs system-level cases, the same on the core and on QEMU: a flat multiboot image. For each
// case it rebuilds every table, enters the case's code in ring 0 or 3 with paging on, and whatever event ends it is
// reported over port E9: registers, frame, control registers, tables as the processor left them.
//
//   100000 driver   200000 cases   300000 GDT   301000 LDT   302000 IDT   303000 TSS, 303100 second TSS
//   304000 page directory   305000 page table of 0-4 MiB   306000 page table of 4-8 MiB (test pages at 700000)
//   310000 ring-0 stack   320000 case stack   330000 ring-3 stack   340000 case code   350000 data   360000 report

export const LOAD = 0x100000;
export const CASES = 0x200000;
export const CASE_SIZE = 1024;
export const CODE = 0x340000;
export const DATA = 0x350000;
export const TEST_PAGES = 0x700000;

/** Offsets in a case. */
export const At = {
  CODE: 0,
  GDT: 256,
  LDT: 384,
  GATES: 448,
  PTES: 512,
  REGISTERS: 576,
  EFLAGS: 604,
  RING3: 608,
  CR0: 612,
  CR4: 616,
} as const;

export const Selector = {
  CODE: 0x08,
  DATA: 0x10,
  USER_CODE: 0x1b,
  USER_DATA: 0x23,
  TSS: 0x28,
  LDT: 0x30,
  TSS2: 0x38,
  FREE: 0x80,
} as const;

/** Report: 19 words of frame, then CR0 CR2 CR4 TR LDTR, GDT slots, LDT, test page entries, both TSSs. */
export const REPORT_WORDS = [
  ...[
    "edi",
    "esi",
    "ebp",
    "esp0",
    "ebx",
    "edx",
    "ecx",
    "eax",
    "gs",
    "fs",
    "es",
    "ds",
    "vector",
    "error",
    "eip",
    "cs",
    "eflags",
    "esp",
    "ss",
  ],
  ...["cr0", "cr2", "cr4", "tr", "ldtr"],
];
export const REPORT_SIZE = REPORT_WORDS.length * 4 + 128 + 64 + 64 + 0x200;

const WITH_ERROR = new Set([8, 10, 11, 12, 13, 14, 17]);

export const SOURCE = `
.code32
.org 0x100000
header: .long 0x1BADB002, 0x00010000, 0xE4514FFE
  .long 0x100000, 0x100000, image_end, image_end, entry
entry:
  mov esp, 0x1ff000
  mov dword ptr [next], 0
  mov al, 0xff
  out 0x21, al
  out 0xa1, al
case_loop:
  push 2
  popfd
  cld
  mov eax, dword ptr [next]
  cmp eax, dword ptr [0x1ffff0]
  jae finished
  shl eax, 10
  add eax, 0x200000
  mov ebp, eax
  ; paging off while the tables are rebuilt
  mov eax, 0x11
  mov cr0, eax
  mov edi, 0x300000
  mov ecx, 0x1c00
  xor eax, eax
  rep stosd
  mov esi, gdt
  mov edi, 0x300000
  mov ecx, 16
  rep movsd
  lea esi, [ebp+256]
  mov edi, 0x300080
  mov ecx, 32
  rep movsd
  mov edi, 0x301000
  mov ecx, 16
  rep movsd
  ; interrupt gates for every vector, then those of the case at 40h
  mov edi, 0x302000
  mov eax, stubs
  mov ecx, 256
gates:
  mov edx, eax
  mov word ptr [edi], ax
  mov word ptr [edi+2], 8
  mov word ptr [edi+4], 0x8e00
  shr edx, 16
  mov word ptr [edi+6], dx
  add eax, 16
  add edi, 8
  dec ecx
  jnz gates
  mov byte ptr [0x302000+0xf0*8+5], 0xee
  lea esi, [ebp+448]
  mov edi, 0x302000+0x40*8
  mov ecx, 16
  rep movsd
  ; two task state segments
  mov esi, tss
  mov edi, 0x303000
  mov ecx, 26
  rep movsd
  mov esi, tss
  mov edi, 0x303100
  mov ecx, 26
  rep movsd
  ; page tables: identity, user and writable, but for the 16 test pages
  mov dword ptr [0x304000], 0x305007
  mov dword ptr [0x304004], 0x306007
  mov edi, 0x305000
  mov eax, 7
  mov ecx, 2048
pages:
  mov dword ptr [edi], eax
  add edi, 4
  add eax, 4096
  dec ecx
  jnz pages
  lea esi, [ebp+512]
  mov edi, 0x306c00
  mov ecx, 16
  rep movsd
  ; code with INT F0h behind it, data, stacks
  mov edi, 0x340000
  mov ecx, 1024
  mov eax, 0xf0cdf0cd
  rep stosd
  mov esi, ebp
  mov edi, 0x340000
  mov ecx, 64
  rep movsd
  mov edi, 0x350000
  mov ecx, 1024
  rep stosd
  ; segments based at 0 find the same code there
  xor edi, edi
  mov ecx, 1024
  rep stosd
  mov edi, 0x30f800
  mov ecx, 0x200
  rep stosd
  mov edi, 0x31f800
  mov ecx, 0x200
  rep stosd
  mov edi, 0x32f800
  mov ecx, 0x200
  rep stosd
  lgdt fword ptr [gdtr]
  lidt fword ptr [idtr]
  jmp 8:.flat
.flat:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ss, ax
  mov eax, 0x304000
  mov cr3, eax
  xor eax, eax
  mov cr2, eax
  mov eax, dword ptr [ebp+616]
  mov cr4, eax
  mov eax, dword ptr [ebp+612]
  mov cr0, eax
  mov ax, 0x30
  lldt ax
  mov ax, 0x28
  ltr ax
  inc dword ptr [next]
  cmp dword ptr [ebp+608], 0
  jne ring3
  mov esp, 0x320000
  push dword ptr [ebp+604]
  push 8
  push 0x340000
  jmp go
ring3:
  push 0x23
  push 0x330000
  push dword ptr [ebp+604]
  push 0x1b
  push 0x340000
  mov ax, 0x23
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
go:
  mov eax, dword ptr cs:[ebp+576]
  mov ecx, dword ptr cs:[ebp+580]
  mov edx, dword ptr cs:[ebp+584]
  mov ebx, dword ptr cs:[ebp+588]
  mov esi, dword ptr cs:[ebp+596]
  mov edi, dword ptr cs:[ebp+600]
  mov ebp, dword ptr cs:[ebp+592]
  iretd

common:
  push ds
  push es
  push fs
  push gs
  pushad
  cld
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov esi, esp
  mov edi, 0x360000
  mov ecx, 19
.copy:
  mov eax, dword ptr ss:[esi]
  add esi, 4
  stosd
  dec ecx
  jnz .copy
  mov ax, 0x10
  mov ss, ax
  mov esp, 0x1ff000
  mov eax, cr0
  stosd
  mov eax, cr2
  stosd
  mov eax, cr4
  stosd
  str eax
  stosd
  sldt eax
  stosd
  mov eax, 0x11
  mov cr0, eax
  mov esi, 0x300080
  mov ecx, 32
  rep movsd
  mov esi, 0x301000
  mov ecx, 16
  rep movsd
  mov esi, 0x306c00
  mov ecx, 16
  rep movsd
  mov esi, 0x303000
  mov ecx, 128
  rep movsd
  mov esi, 0x360000
  mov ecx, ${REPORT_SIZE}
  mov dx, 0xe9
  rep outsb
  jmp case_loop

finished:
  mov dx, 0xf4
  mov al, 0
  out dx, al
.stop:
  hlt
  jmp .stop

.align 16
gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff
  .quad 0x0000893030000067, 0x000082301000003f, 0x0000893031000067
gdtr: .word 0xff
  .long 0x300000
idtr: .word 0x7ff
  .long 0x302000
next: .long 0
.align 16
tss: .long 0, 0x310000, 0x10, 0x30e000, 0x11, 0x30c000, 0x12, 0x304000, 0x340080, 2
  .long 1, 2, 3, 4, 0x320000, 6, 7, 8, 0x10, 8, 0x10, 0x10, 0x10, 0x10, 0, 0x680000
.align 16
stubs:
${Array.from({ length: 256 }, (_, n) => `.align 16\n${WITH_ERROR.has(n) ? "" : "  push 0\n"}  push ${n}\n  jmp common`).join("\n")}
image_end:
`;
