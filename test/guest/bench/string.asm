; String instructions: long and short REP MOVS/STOS, SCAS, CMPS, and byte loops with LODS and STOS.
.include "runtime.inc"

BYTES = 0x10000
A = WINDOW
B = WINDOW + 0x20000
C = WINDOW + 0x40000

turns = DATA

prepare:
    mov xdi, A
    mov ecx, BYTES - 1
    mov eax, 1
.fill:
    imul eax, eax, 1103515245
    add eax, 12345
    mov edx, eax
    shr edx, 16
    and edx, 0x3f
    add edx, 0x40               ; 40h-7Fh: never the zero that ends the text
    mov [xdi], dl
    inc xdi
    dec ecx
    jnz .fill
    mov byte [xdi], 0
    ret

round:
    push xbp
    xor ebp, ebp
    mov dword [turns], COUNT
.turn:
    mov xsi, A                  ; copy, clear and compare in bulk
    mov xdi, B
    mov ecx, BYTES / 4
    rep movsd
    mov xdi, C
    mov ecx, BYTES / 4
    mov eax, ebp
    rep stosd
    mov xsi, A
    mov xdi, B
    mov ecx, BYTES / 4
    repe cmpsd
    add ebp, ecx
    mov xdi, B                  ; length of the text
    mov ecx, -1
    xor eax, eax
    repne scasb
    add ebp, ecx

    mov xbx, A                  ; short copies of 1-32 bytes to odd addresses
    mov edx, 2000
.short:
    mov xsi, xbx
    lea xdi, [xbx + 0x40001]
    mov ecx, edx
    and ecx, 31
    inc ecx
    rep movsb
    add xbx, 13
    dec edx
    jnz .short

    mov xsi, A                  ; byte by byte: upper case, checksum
    mov xdi, C
.byte:
    lodsb
    test al, al
    jz .done
    cmp al, 0x61
    jb .keep
    cmp al, 0x7a
    ja .keep
    sub al, 0x20
.keep:
    stosb
    movzx edx, al
    add ebp, edx
    rol ebp, 1
    jmp .byte
.done:
    dec dword [turns]
    jnz .turn
    mov eax, ebp
    pop xbp
    ret
