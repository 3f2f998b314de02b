; The demonstration guest: from real mode to ring 3 in one program, telling on COM1 what it sees.
;
; A flat image for 0000:7C00 in real mode. Its first sector is a boot sector as well: started by a PC's
; firmware from a disk, it first reads the rest behind itself.
;
; It halts with interrupts off when everything was as expected. Otherwise it says FAILED and writes the
; number of the failed check to the debug-exit port F4h.

.include "print.inc"

; Memory below and above the program
PROTECTED_IDT = 0x1000          ; 32-bit gates
LONG_IDT = 0x2000               ; 64-bit gates
TASK = 0x3000                   ; 64-bit TSS
STACK = 0x7c00
PML4 = 0x10000                  ; page tables of the program itself: PML4, PDPT, PD, PT
PML4_USER = 0x14000             ; PDPT, PD, PT of FAR_PAGE
USER_STACK = 0x18000            ; one page below
INTERRUPT_STACK = 0x20000
FRAME = 0x30000                 ; what the page-fault handler maps
FAR_PAGE = 0x00007fff00001000
CRC = 0x5920e9bb                ; of the bytes that ring 3 makes up

; Selectors
CODE32 = 0x08
DATA = 0x10
CODE64 = 0x18
USER_DATA = 0x28 | 3
USER_CODE = 0x30 | 3
TASK_SELECTOR = 0x38

.code16
.org 0x7c00
start:
    jmp 0:.here
.here:
    cli
    cld
    xor eax, eax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, STACK
    cmp dword [rest], 0x474e4952        ; "RING": all of the image is here
    je rest.begin
    mov bx, rest                        ; INT 13h, AH = 2: read sectors of the drive in DL
    mov cx, 2
    mov dh, 0
    mov ax, 0x0200 + (end_of_image - rest + 511) / 512
    int 0x13
    jmp rest.begin

.zero 0x1fe - ($ - start)
.word 0xaa55

rest:
    .byte "RING"
.begin:
    mov dx, 0x3fb                       ; UART: 115200 baud, 8 data bits
    mov al, 0x80
    out dx, al
    mov dx, 0x3f8
    mov al, 1
    out dx, al
    inc dx
    mov al, 0
    out dx, al
    mov dx, 0x3fb
    mov al, 3
    out dx, al
    inc dx
    mov al, 0x0b                        ; OUT2 connects the interrupt line
    out dx, al

    say 16, "Ringfence demonstration guest\n\n"
    say 16, "[real]       16-bit code at 0000:7C00, CR0 = "
    mov eax, cr0
    value 16, eax, 8
    mov eax, cr0
    and eax, 1
    expect 16, 1, eax, 0

    ; ---- real mode: an interrupt through the vector table at address 0
    mov word [0x21 * 4], real_handler
    mov word [0x21 * 4 + 2], 0
    mov word [seen], 0
    int 0x21
    say 16, "[real]       INT 21h went through the vector table to 0000:"
    value 16, [0x21 * 4], 4
    say 16, " and came back"
    expect 16, 2, word [seen], 0x21

    ; ---- A20: with the gate open FFFF:0510 is another byte than 0000:0500
    in al, 0x92
    or al, 2
    and al, 0xfe
    out 0x92, al
    mov ax, 0xffff
    mov fs, ax
    mov byte [0x500], 0x55
    mov byte fs:[0x510], 0xaa
    say 16, "[real]       A20 is on: 0000:0500 holds "
    value 16, [0x500], 2
    say 16, ", FFFF:0510 holds "
    value 16, fs:[0x510], 2
    expect 16, 3, byte [0x500], 0x55

    lgdt [gdt_register]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    o32 jmp CODE32:protected

real_handler:
    mov word [seen], 0x21
    iret

print_library 16

; ------------------------------------------------------------------------------- protected mode
.code32
protected:
    mov eax, DATA
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov esp, STACK
    say 32, "[protected]  32-bit code, CS = "
    value 32, cs, 4
    say 32, ", CR0 = "
    mov eax, cr0
    value 32, eax, 8
    mov eax, cs
    expect 32, 4, eax, CODE32

    mov edi, PROTECTED_IDT
    mov ecx, 0x2000 / 4
    xor eax, eax
    rep stosd
    gate32 6, invalid_opcode
    gate32 13, protection
    lidt [protected_idt_register]

    mov dword [seen], 0
undefined:
    ud2
    say 32, "[protected]  UD2 at "
    value 32, [seen_address], 8
    say 32, " raised #UD"
    expect 32, 5, dword [seen_address], undefined

    mov eax, 0x1234                     ; index 246h: far behind the GDT's end
    mov fs, eax
    say 32, "[protected]  loading selector 1234h into FS raised #GP, error code "
    value 32, [error_code], 4
    expect 32, 6, dword [error_code], 0x1234

    ; ---- page tables: the first 2 MiB as they are, one page of them for ring 3, and the way to FAR_PAGE
    mov edi, PML4
    mov ecx, 0x8000 / 4
    xor eax, eax
    rep stosd
    mov dword [PML4], PML4 + 0x1007
    mov dword [PML4 + 0x1000], PML4 + 0x2007
    mov dword [PML4 + 0x2000], PML4 + 0x3007
    mov edi, PML4 + 0x3000
    mov eax, 3                          ; present, writable, supervisor
.page:
    mov [edi], eax
    add edi, 8
    add eax, 0x1000
    cmp edi, PML4 + 0x4000
    jb .page
    or dword [PML4 + 0x3000 + (user >> 12) * 8], 4
    or dword [PML4 + 0x3000 + (USER_STACK >> 12) * 8 - 8], 4
    mov dword [PML4 + (FAR_PAGE >> 39 & 511) * 8], PML4_USER + 7
    mov dword [PML4_USER + (FAR_PAGE >> 30 & 511) * 8], PML4_USER + 0x1007
    mov dword [PML4_USER + 0x1000 + (FAR_PAGE >> 21 & 511) * 8], PML4_USER + 0x2007

    mov eax, cr4
    or eax, 0x20                        ; PAE
    mov cr4, eax
    mov eax, PML4
    mov cr3, eax
    mov ecx, 0xc0000080                 ; EFER: LME, SCE
    rdmsr
    or eax, 0x101
    wrmsr
    mov eax, cr0
    or eax, 0x80010000                  ; PG, WP
    mov cr0, eax
    jmp CODE64:long

invalid_opcode:
    push eax
    mov eax, [esp + 4]
    mov [seen_address], eax
    add dword [esp + 4], 2              ; behind UD2
    pop eax
    iretd

protection:
    push eax
    mov eax, [esp + 4]
    mov [error_code], eax
    add dword [esp + 8], 2              ; behind MOV FS, EAX
    pop eax
    add esp, 4
    iretd

print_library 32

; ------------------------------------------------------------------------------------ long mode
.code64
long:
    mov rsp, STACK
    mov eax, DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    say 64, "[long]       64-bit code, EFER = "
    mov ecx, 0xc0000080
    rdmsr
    value 64, eax, 8
    say 64, ", CR0 = "
    mov rax, cr0
    value 64, eax, 8
    say 64, ", CR4 = "
    mov rax, cr4
    value 64, eax, 8
    mov ecx, 0xc0000080
    rdmsr
    and eax, 0x400                      ; LMA
    expect 64, 7, eax, 0x400

    mov rax, 0x0123456789abcdef
    mov r15, rax
    ror r15, 32
    say 64, "[long]       RAX and R15 hold 64 bits: "
    mov rax, r15
    value 64, eax, 8
    mov rax, r15
    shr rax, 32
    value 64, eax, 8
    mov rax, 0x89abcdef01234567
    expect 64, 8, r15, rax

    ; ---- IDT and TSS
    mov edi, LONG_IDT
    mov ecx, 0x2000 / 8
    xor eax, eax
    rep stosq
    gate64 13, user_protection, 0x8e00
    gate64 14, page_fault, 0x8e00
    gate64 0x24, serial_interrupt, 0x8e00
    gate64 0x30, user_call, 0xee00
    lidt [long_idt_register]
    mov dword [TASK + 4], INTERRUPT_STACK
    mov eax, TASK_SELECTOR
    ltr ax

    ; ---- an interrupt of the UART through the 8259s
    mov al, 0x11                        ; ICW1: edge, cascade, ICW4 follows
    out 0x20, al
    out 0xa0, al
    mov al, 0x20                        ; ICW2: vectors 20h and 28h
    out 0x21, al
    mov al, 0x28
    out 0xa1, al
    mov al, 4                           ; ICW3: the second one hangs on line 2
    out 0x21, al
    mov al, 2
    out 0xa1, al
    mov al, 1                           ; ICW4: 8086 mode
    out 0x21, al
    out 0xa1, al
    mov al, 0xef                        ; only IRQ 4
    out 0x21, al
    mov al, 0xff
    out 0xa1, al
    mov dword [seen], 0
    mov dx, 0x3f9
    mov al, 2                           ; IER: transmitter empty
    out dx, al
.wait:
    sti
    hlt
    cli
    cmp dword [seen], 0
    je .wait
    say 64, "[long]       IRQ 4: vector 24h while halted, the UART says transmitter empty (IIR = "
    value 64, [seen], 2
    say 64, ")"
    mov eax, [seen]
    and eax, 0x0f
    expect 64, 9, eax, 2

    ; ---- ring 3
    mov ecx, 0xc0000081                 ; STAR: SYSCALL loads CS = CODE64, SS = the next one
    xor eax, eax
    mov edx, CODE64
    wrmsr
    mov ecx, 0xc0000082                 ; LSTAR
    mov eax, system_call
    xor edx, edx
    wrmsr
    push USER_DATA
    push USER_STACK
    push 2
    push USER_CODE
    push user
    iretq

; INT 30h from ring 3
user_call:
    say 64, "[ring 3]     INT 30h from CS = "
    value 64, [rsp + 8], 4
    say 64, ", RSP = "
    value 64, [rsp + 24], 8
    say 64, " reached ring 0 on the TSS's stack"
    expect 64, 10, qword [rsp + 8], USER_CODE
    iretq

user_protection:
    say 64, "[ring 3]     HLT at "
    value 64, [rsp + 8], 8
    say 64, " raised #GP, error code "
    value 64, [rsp], 4
    expect 64, 11, qword [rsp + 8], user.forbidden
    add rsp, 8
    inc qword [rsp]                     ; behind HLT
    iretq

page_fault:
    push rax
    push rbx
    push rcx
    push rdx
    push rsi
    push rdi
    say 64, "[ring 3]     write to "
    mov rax, cr2
    shr rax, 32
    value 64, eax, 8
    mov rax, cr2
    value 64, eax, 8
    say 64, " (CR2) raised #PF, error code "
    value 64, [rsp + 48], 4
    expect 64, 12, qword [rsp + 48], 6  ; user, write, not present
    mov dword [PML4_USER + 0x2000 + (FAR_PAGE >> 12 & 511) * 8], FRAME + 7
    say 64, "[ring 3]     mapped it to frame "
    mov ebx, FRAME
    value 64, ebx, 8
    say 64, "; the instruction is restarted"
    mov rax, cr2
    mov rbx, FAR_PAGE
    expect 64, 13, rax, rbx
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rbx
    pop rax
    add rsp, 8
    iretq

serial_interrupt:
    push rax
    push rdx
    mov dx, 0x3fa
    in al, dx                           ; IIR: reading it ends the transmitter's request
    movzx eax, al
    mov [seen], eax
    mov dx, 0x3f9
    mov al, 0
    out dx, al
    mov al, 0x20
    out 0x20, al
    pop rdx
    pop rax
    iretq

; SYSCALL: rdi = what ring 3 read back from its new page
system_call:
    mov rsp, INTERRUPT_STACK
    mov r12, rdi
    mov r13, rcx
    say 64, "[ring 3]     SYSCALL at "
    lea eax, [r13 - 2]
    value 64, eax, 8
    say 64, " hands over the CRC of a million bytes from that page: "
    value 64, [FRAME], 8
    expect 64, 14, r12d, CRC
    cmp dword [passed], 14
    mov al, 15
    jne failed64
    say 64, "\nAll 14 checks passed: halting.\n"
    cli
.halt:
    hlt
    jmp .halt

print_library 64

; -------------------------------------------------------------------------------------- tables
.align 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff            ; 08 code, 32-bit
    .quad 0x00cf93000000ffff            ; 10 data
    .quad 0x00af9b000000ffff            ; 18 code, 64-bit
    .quad 0x00cf93000000ffff            ; 20 data, for SYSCALL
    .quad 0x00cff3000000ffff            ; 28 data, ring 3
    .quad 0x00affb000000ffff            ; 30 code, 64-bit, ring 3
    .quad 0x0000890000000067 | TASK << 16
    .quad 0                             ; 38 the TSS, 16 bytes
gdt_register:
    .word $ - gdt - 1
    .long gdt
protected_idt_register:
    .word 32 * 8 - 1
    .long PROTECTED_IDT
long_idt_register:
    .word 0x31 * 16 - 1
    .quad LONG_IDT

hex_digits:   .byte "0123456789ABCDEF"
text_failed:  .byte 10, "FAILED", 10, 0
.align 4
seen:         .long 0                   ; what a handler noted
seen_address: .long 0
error_code:   .long 0
passed:       .long 0
failed_check: .long 0

; ------------------------------------------------------------- ring 3, on a page of its own
.align 0x1000
user:
    int 0x30
.forbidden:
    hlt
    mov eax, -1                         ; some work: CRC-32 of a million bytes, bit by bit
    mov ecx, 1000000
.byte:
    movzx ebx, cl
    xor eax, ebx
    mov edx, 8
.bit:
    mov ebx, eax
    and ebx, 1
    neg ebx
    and ebx, 0xedb88320
    shr eax, 1
    xor eax, ebx
    dec edx
    jnz .bit
    dec ecx
    jnz .byte
    mov rdi, FAR_PAGE
    mov ebx, eax
    mov [rdi], rbx
    mov rdi, [rdi]
    syscall
end_of_image:
