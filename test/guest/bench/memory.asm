; Memory with paging, PARTS: 1 COUNT passes over two buffers that lie 2^22 bytes apart, 2 COUNT scattered
; reads and writes over 2^SPAN dwords.
.include "runtime.inc"

HALF = 0x400000
seed = DATA
LENGTH = 0x80000                 ; bytes of a buffer that one pass visits

prepare:
    mov xdi, WINDOW
    mov ecx, HALF / 2
    mov eax, 12345
.fill:
    imul eax, eax, 1103515245
    add eax, 12345
    mov [xdi], eax
    add xdi, 4
    dec ecx
    jnz .fill
    mov dword [seed], 1
    ret

round:
    xor ebx, ebx
.rept PARTS & 1
    push xbp
    mov ebp, COUNT
.pass:
    mov xsi, WINDOW
    mov xdi, WINDOW + HALF
    mov ecx, LENGTH / 4
.stream:
    mov eax, [xsi]
    add eax, [xdi]
    mov [xdi], eax
    add ebx, eax
    add xsi, 4
    add xdi, 4
    dec ecx
    jnz .stream
    dec ebp
    jnz .pass
    pop xbp
.endr
.rept PARTS >> 1
    mov edx, [seed]
    mov ecx, COUNT
    mov xsi, WINDOW
.scatter:
    imul edx, edx, 1664525
    add edx, 1013904223
    mov eax, edx
    shr eax, 32 - SPAN
    mov edi, [xsi + xax * 4]
    add ebx, edi
    xor eax, 1
    mov [xsi + xax * 4], ebx
    dec ecx
    jnz .scatter
    mov [seed], edx
.endr
    mov eax, ebx
    ret
