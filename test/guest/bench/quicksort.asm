; Quicksort (Hoare) of pseudo-random numbers, recursive on both halves.
.include "runtime.inc"

seed = DATA

prepare:
    mov dword [seed], 42
    ret

round:
    mov xdi, WINDOW
    mov ecx, COUNT
    mov eax, [seed]
.fill:
    imul eax, eax, 1664525
    add eax, 1013904223
    mov [xdi], eax
    add xdi, 4
    dec ecx
    jnz .fill
    mov [seed], eax
    mov xsi, WINDOW
    mov xdi, WINDOW + (COUNT - 1) * 4
    call sort
    mov xsi, WINDOW             ; checksum depends on the order
    mov ecx, COUNT
    xor eax, eax
.sum:
    rol eax, 1
    add eax, [xsi]
    add xsi, 4
    dec ecx
    jnz .sum
    ret

; sorts the signed dwords from xsi to xdi, both included
sort:
    cmp xsi, xdi
    jae .done
    push xsi
    push xdi
    mov xax, xsi                ; pivot: the element in the middle
    add xax, xdi
    shr xax, 1
    and xax, -4
    mov edx, [xax]
.left:
    cmp [xsi], edx
    jge .right
    add xsi, 4
    jmp .left
.right:
    cmp [xdi], edx
    jle .both
    sub xdi, 4
    jmp .right
.both:
    cmp xsi, xdi
    ja .split
    mov eax, [xsi]
    mov ecx, [xdi]
    mov [xsi], ecx
    mov [xdi], eax
    add xsi, 4
    sub xdi, 4
    cmp xsi, xdi
    jbe .left
.split:
    mov xax, [xsp]              ; last
    mov xcx, [xsp + XSIZE]      ; first
    push xsi
    mov xsi, xcx
    call sort                   ; first .. xdi
    pop xsi
    mov xdi, [xsp]
    call sort                   ; xsi .. last
    pop xdi
    pop xsi
.done:
    ret
