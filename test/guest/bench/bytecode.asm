; Interpreter-like: a stack machine with one-byte operations and a jump table.
; xsi program counter, xdi operand stack (grows up, top in eax), xbx locals.
.include "runtime.inc"

locals = DATA
operands = DATA + 64

prepare:
    ret

round:
    push xbx
    mov xsi, program
    mov xdi, operands
    mov xbx, locals
    mov dword [xbx], COUNT      ; local 0: turns left
    mov dword [xbx + 4], 1      ; local 1: x
    mov dword [xbx + 8], 0      ; local 2: sum
    jmp next

.macro op
    movzx ecx, byte [xsi]
    inc xsi
    jmp [table + xcx * XSIZE]
.endm

next:
    op
op_push:
    mov [xdi], eax
    add xdi, 4
    movsx eax, byte [xsi]
    inc xsi
    op
op_load:
    mov [xdi], eax
    add xdi, 4
    movzx ecx, byte [xsi]
    inc xsi
    mov eax, [xbx + xcx * 4]
    op
op_store:
    movzx ecx, byte [xsi]
    inc xsi
    mov [xbx + xcx * 4], eax
    sub xdi, 4
    mov eax, [xdi]
    op
op_add:
    sub xdi, 4
    add eax, [xdi]
    op
op_sub:
    sub xdi, 4
    mov ecx, [xdi]
    sub ecx, eax
    mov eax, ecx
    op
op_mul:
    sub xdi, 4
    imul eax, [xdi]
    op
op_xor:
    sub xdi, 4
    xor eax, [xdi]
    op
op_shr:
    mov ecx, eax
    sub xdi, 4
    mov eax, [xdi]
    shr eax, cl
    op
op_and:
    sub xdi, 4
    and eax, [xdi]
    op
op_dup:
    mov [xdi], eax
    add xdi, 4
    op
op_branch:                      ; pops; taken where not zero
    movsx xcx, byte [xsi]
    inc xsi
    mov edx, eax
    sub xdi, 4
    mov eax, [xdi]
    test edx, edx
    jz next
    add xsi, xcx
    op
op_end:
    mov eax, [xbx + 8]
    pop xbx
    ret

program:
loop_start:
    .byte LOAD, 1, PUSH, 75, MUL, PUSH, 74, ADD, DUP, STORE, 1      ; x = x * 75 + 74
    .byte PUSH, 7, SHR, PUSH, 1, AND, BRANCH, odd - $ - 1           ; if (x >> 7) & 1
    .byte LOAD, 2, LOAD, 1, ADD, STORE, 2                           ;   sum += x
    .byte PUSH, 1, BRANCH, join - $ - 1
odd:
    .byte LOAD, 2, LOAD, 1, XOR, STORE, 2                           ; else sum ^= x
join:
    .byte LOAD, 0, PUSH, 1, SUB, DUP, STORE, 0, BRANCH, loop_start - $ - 1
    .byte END

PUSH = 0
LOAD = 1
STORE = 2
ADD = 3
SUB = 4
MUL = 5
XOR = 6
SHR = 7
AND = 8
DUP = 9
BRANCH = 10
END = 11

.align 8
table:
    .xlong op_push, op_load, op_store, op_add, op_sub, op_mul, op_xor, op_shr, op_and, op_dup, op_branch, op_end
