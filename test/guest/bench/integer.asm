; Integer loop: a bitwise CRC-32 without branches on the data, as a compiler writes it.
.include "runtime.inc"

crc = DATA

prepare:
    mov dword [crc], -1
    ret

round:
    mov eax, [crc]
    mov ecx, COUNT              ; bytes
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
    mov [crc], eax
    ret
