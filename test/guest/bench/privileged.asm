; Privileged mix: what a kernel does. PARTS selects (one bit each, COUNT events per part and round):
;   1 flags, CR0, segment loads, LIDT   2 INT 80h from ring 3 and IRET   4 page fault, handler, IRET, INVLPG
;   8 port I/O (UART scratch register)  16 CR3 reload and 16 page touches   32 patched code, called 8 times
;   64 INVLPG of a page that is touched
.include "runtime.inc"

KERNEL_CODE = 0x08
KERNEL_DATA = 0x10
USER_CODE = 0x18 | 3
USER_DATA = 0x20 | 3
TASK = 0x28
LAZY = WINDOW                   ; the page that comes and goes
LAZY_ENTRY = TABLES + 0x9000
sum = DATA
kernel_stack = DATA + 4
lazy_value = DATA + 8
task = DATA + 0x100
idt = DATA + 0x200

.align 8
gdt2:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff
task_descriptor:
    .word 0x67, 0
    .byte 0, 0x89, 0, 0
gdt2_register:
    .word $ - gdt2 - 1
    .long gdt2
idt_register:
    .word 0x82 * 8 - 1
    .long idt

.macro gate vector, handler, attributes
    mov eax, \handler
    mov [idt + \vector * 8], ax
    mov word [idt + \vector * 8 + 2], KERNEL_CODE
    mov word [idt + \vector * 8 + 4], \attributes
    shr eax, 16
    mov [idt + \vector * 8 + 6], ax
.endm

prepare:
    mov al, 0xff                ; no interrupts from the 8259s
    out 0x21, al
    out 0xa1, al
    gate 14, page_fault, 0x8e00
    gate 0x80, system_call, 0xee00
    gate 0x81, leave_user, 0xee00
    mov eax, task
    mov [task_descriptor + 2], ax
    shr eax, 16
    mov [task_descriptor + 4], al
    mov [task_descriptor + 7], ah
    mov dword [task + 4], STACK - 0x8000
    mov dword [task + 8], KERNEL_DATA
    mov word [task + 102], 104
    lgdt [gdt2_register]
    lidt [idt_register]
    mov eax, TASK
    ltr ax
    mov esi, TABLES             ; ring 3 may use the identity-mapped part
    mov ecx, 8
.user_directory:
    or dword [esi], 4
    add esi, 4
    dec ecx
    jnz .user_directory
    mov esi, TABLES + 0x1000
    mov ecx, 1024
.user_pages:
    or dword [esi], 4
    add esi, 4
    dec ecx
    jnz .user_pages
    mov eax, cr3
    mov cr3, eax
    mov eax, [LAZY_ENTRY]
    mov [lazy_value], eax
    ret

round:
    mov dword [sum], 0
.rept PARTS & 1
    mov ecx, COUNT
.mix:
    pushfd
    cli
    mov eax, cr0
    mov cr0, eax
    mov eax, KERNEL_DATA
    mov es, eax
    push fs
    pop fs
    lidt [idt_register]
    sti
    popfd
    inc dword [sum]
    dec ecx
    jnz .mix
.endr
.rept PARTS >> 1 & 1
    mov [kernel_stack], esp
    push USER_DATA
    push STACK - 0x10000
    push 2
    push USER_CODE
    push user
    mov ecx, COUNT
    mov eax, USER_DATA          ; IRET would empty segments that ring 3 may not use
    mov ds, eax
    mov es, eax
    iretd
back:
.endr
.rept PARTS >> 2 & 1
    mov ecx, COUNT
.fault:
    mov dword [LAZY_ENTRY], 0
    invlpg [LAZY]
    inc dword [LAZY]
    dec ecx
    jnz .fault
    mov eax, [LAZY]
    add [sum], eax
.endr
.rept PARTS >> 3 & 1
    mov ecx, COUNT
    mov edx, 0x3ff
    xor ebx, ebx
.port:
    mov al, cl
    out dx, al
    in al, dx
    add bl, al
    dec ecx
    jnz .port
    add [sum], ebx
.endr
.rept PARTS >> 4 & 1
    mov ecx, COUNT
.context:
    mov eax, cr3
    mov cr3, eax
    mov esi, WINDOW + 0x10000
    mov edx, 16
.touch:
    add [esi], ecx
    add esi, 0x1000
    dec edx
    jnz .touch
    dec ecx
    jnz .context
    mov eax, [WINDOW + 0x10000]
    add [sum], eax
.endr
.rept PARTS >> 5 & 1
    mov ecx, COUNT
    xor ebx, ebx
.patch:
    mov [patched + 1], ecx
    mov edx, 8
.call:
    call patched
    add ebx, eax
    dec edx
    jnz .call
    dec ecx
    jnz .patch
    add [sum], ebx
.endr
.rept PARTS >> 6 & 1
    mov ecx, COUNT
.invalidate:
    invlpg [WINDOW + 0x20000]
    add [WINDOW + 0x20000], ecx
    dec ecx
    jnz .invalidate
    mov eax, [WINDOW + 0x20000]
    add [sum], eax
.endr
    mov eax, [sum]
    ret

.align 64
patched:
    mov eax, 0
    ret
.align 64

user:
    int 0x80
    dec ecx
    jnz user
    int 0x81

system_call:
    inc dword [sum]
    iretd

leave_user:
    mov eax, KERNEL_DATA
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov esp, [kernel_stack]
.rept PARTS >> 1 & 1
    jmp back
.endr

page_fault:
    push eax
    mov eax, cr2
    cmp eax, LAZY
    jne .bad
    mov eax, [lazy_value]
    mov [LAZY_ENTRY], eax
    pop eax
    add esp, 4
    iretd
.bad:
    mov al, 1
    out 0xf4, al
    jmp stop

