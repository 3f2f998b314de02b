; Call-heavy: recursive Fibonacci with frames and arguments on the stack.
.include "runtime.inc"

prepare:
    ret

round:
    push xax
    mov eax, COUNT
    push xax
    call fib
    add xsp, XSIZE * 2
    ret

.align 16
fib:
    push xbp
    mov xbp, xsp
    push xbx
    push xsi
    mov ebx, [xbp + XSIZE * 2]
    mov eax, ebx
    cmp ebx, 2
    jb .leaf
    lea eax, [xbx - 1]
    push xax
    call fib
    mov esi, eax
    lea eax, [xbx - 2]
    mov [xsp], xax
    call fib
    add eax, esi
    add xsp, XSIZE
.leaf:
    pop xsi
    pop xbx
    pop xbp
    ret
