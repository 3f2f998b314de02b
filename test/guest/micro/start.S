// Entry of the micro guests, 32- and 64-bit, by Multiboot: own GDT, floating point switched on, paging with 4 KiB
// pages. The program is linked at PAYLOAD and lies behind this code in the file; each of its pages is
// copied to a frame of its own, and the frames are scrambled, so that no two neighbouring pages have
// neighbouring frames: code, data and stack alike. Only this code is mapped where it is.

#define FRAMES 0x1000000
#define FRAME_COUNT 8192 /* a power of two */
#define TABLES 0x400000
#define PAYLOAD 0x40000000
#define CODE64 0x18
#define PRESENT_WRITABLE 3

  .section .start, "ax"
  .code32
  .long 0x1badb002, 0, -0x1badb002

  .balign 8
gdt:
  .quad 0
  .quad 0x00cf9b000000ffff // 08h code, 32-bit
  .quad 0x00cf93000000ffff // 10h data
  .quad 0x00af9b000000ffff // 18h code, 64-bit
gdt_register:
  .word . - gdt - 1
  .long gdt

  .globl start
start:
  cli
  cld
  lgdt gdt_register
  ljmp $0x08, $flat
flat:
  mov $0x10, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  mov %eax, %fs
  mov %eax, %gs

  mov $0x80000, %esp
  xor %ebx, %ebx // page of the program
copy_page:
  call frame_of_page
  mov %eax, %edi
  mov $1024, %ecx
  mov %ebx, %esi
  shl $12, %esi
  cmp $payload_file_size, %esi
  jae clear_page
  add $payload_load, %esi
  rep movsl
  jmp page_done
clear_page:
  xor %eax, %eax
  rep stosl
page_done:
  inc %ebx
  cmp $payload_pages, %ebx
  jb copy_page

  mov $TABLES, %edi
  mov $64 * 1024, %ecx
  xor %eax, %eax
  rep stosl

#ifdef __x86_64__
// PML4, page directory pointers, two directories, one table for this code, then those of the program.
#define ENTRY_SIZE 8
#define IDENTITY (TABLES + 0x4000)
#define TABLE (TABLES + 0x5000)
#else
// Directory, one table for this code, then those of the program.
#define ENTRY_SIZE 4
#define IDENTITY (TABLES + 0x1000)
#define TABLE (TABLES + 0x2000)
#endif
  mov $IDENTITY + 0x100 * ENTRY_SIZE, %edi // from 1 MiB
  mov $0x100000 + PRESENT_WRITABLE, %eax
identity:
  mov %eax, (%edi)
  add $ENTRY_SIZE, %edi
  add $0x1000, %eax
  cmp $0x110000, %eax
  jb identity

  mov $TABLE, %edi
  xor %ebx, %ebx
program:
  call frame_of_page
  or $PRESENT_WRITABLE, %eax
  mov %eax, (%edi)
  add $ENTRY_SIZE, %edi
  inc %ebx
  cmp $payload_pages, %ebx
  jb program

  mov $TABLE + PRESENT_WRITABLE, %eax
#ifdef __x86_64__
  movl $TABLES + 0x1000 + PRESENT_WRITABLE, TABLES
  movl $TABLES + 0x2000 + PRESENT_WRITABLE, TABLES + 0x1000
  movl $TABLES + 0x3000 + PRESENT_WRITABLE, TABLES + 0x1000 + (PAYLOAD >> 30) * 8
  movl $IDENTITY + PRESENT_WRITABLE, TABLES + 0x2000
  mov $TABLES + 0x3000, %edi
#else
  movl $IDENTITY + PRESENT_WRITABLE, TABLES
  mov $TABLES + (PAYLOAD >> 22) * 4, %edi
#endif
  mov $FRAME_COUNT / (4096 / ENTRY_SIZE), %ecx
directory:
  mov %eax, (%edi)
  add $ENTRY_SIZE, %edi
  add $0x1000, %eax
  loop directory

  mov $TABLES, %eax
  mov %eax, %cr3
  mov %cr4, %eax
  or $0x600, %eax // OSFXSR, OSXMMEXCPT
#ifdef __x86_64__
  or $0x20, %eax // PAE
  mov %eax, %cr4
  mov $0xc0000080, %ecx // EFER
  rdmsr
  or $0x100, %eax // LME
  wrmsr
#else
  mov %eax, %cr4
#endif
  mov %cr0, %eax
  and $~0xc, %eax // not EM, not TS
  or $0x80010022, %eax // PG, WP, NE, MP
  mov %eax, %cr0
  fninit
#ifdef __x86_64__
  ljmp $CODE64, $wide
  .code64
wide:
  mov $stack_end, %esp
#else
  jmp paged
paged:
  mov $stack_end, %esp
#endif
  xor %ebp, %ebp
  call guest_main

// ebx: page of the program; eax: address of its frame. Loses edx.
  .code32
frame_of_page:
  imul $1021, %ebx, %eax
  add $37, %eax
  and $FRAME_COUNT - 1, %eax
  shl $12, %eax
  add $FRAMES, %eax
  ret

  .bss
  .balign 4096
  .skip 0x100000
stack_end:

  .section .note.GNU-stack, "", @progbits
