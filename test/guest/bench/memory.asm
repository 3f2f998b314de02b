; Memory with paging: a pass over two buffers that lie 2^22 bytes apart, then scattered reads and
; writes over the whole window.
.include "runtime.inc"

HALF = 0x400000
seed = DATA

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
    mov xsi, WINDOW
    mov xdi, WINDOW + HALF
    mov ecx, HALF / 4
    xor ebx, ebx
.stream:
    mov eax, [xsi]
    add eax, [xdi]
    mov [xdi], eax
    add ebx, eax
    add xsi, 4
    add xdi, 4
    dec ecx
    jnz .stream

    mov edx, [seed]
    mov ecx, COUNT
    mov xsi, WINDOW
.scatter:
    imul edx, edx, 1664525
    add edx, 1013904223
    mov eax, edx
    shr eax, 11                 ; 2^21 dwords
    mov edi, [xsi + xax * 4]
    add ebx, edi
    xor eax, 1
    mov [xsi + xax * 4], ebx
    dec ecx
    jnz .scatter
    mov [seed], edx
    mov eax, ebx
    ret
