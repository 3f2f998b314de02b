; Sieve of Eratosthenes over a byte array, counting the primes and adding them up.
.include "runtime.inc"

SIZE = 0x80000

prepare:
    ret

round:
    push xbp
    mov ebp, COUNT
.again:
    mov xdi, WINDOW
    mov ecx, SIZE / 4
    mov eax, 0x01010101
    rep stosd
    mov xsi, WINDOW
    mov ebx, 2
.candidate:
    cmp byte [xsi + xbx], 0
    je .composite
    mov eax, ebx
    imul eax, ebx
.strike:
    cmp eax, SIZE
    jae .composite
    mov byte [xsi + xax], 0
    add eax, ebx
    jmp .strike
.composite:
    inc ebx
    cmp ebx, 725                ; 725^2 > SIZE
    jb .candidate
    xor eax, eax
    mov ebx, 2
.count:
    cmp byte [xsi + xbx], 0
    je .skip
    lea eax, [xax + xbx + 1]
.skip:
    inc ebx
    cmp ebx, SIZE
    jb .count
    dec ebp
    jnz .again
    pop xbp
    ret
