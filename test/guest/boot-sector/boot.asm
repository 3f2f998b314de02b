; A boot disk of four sectors. The first is the boot sector: it says hello through INT 10h and loads the others
; with INT 13h, first by cylinder, head and sector, then as one packet of the extensions. The program in them
; shows the memory map, sets the timer's count against the clock, reads a line from the keyboard and switches the
; machine off.

.code16
.org 0x7c00
start:
  jmp 0:.begin
.begin:
  cli
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov sp, 0x7c00
  sti
  mov [drive], dl
  mov si, hello
  call print
  mov al, dl
  call hex8
  mov si, newline
  call print
  mov cx, 0x0002        ; cylinder 0, sector 2
  mov dh, 0
  mov dl, [drive]
  mov bx, program
  mov ax, 0x0203
  int 0x13
  jc failed
  cmp al, 3
  jne failed
  mov si, loaded
  call print
  jmp program
failed:
  mov si, broken
  call print
  cli
.stop:
  hlt
  jmp .stop

print:
  push ax
  push bx
.next:
  lodsb
  test al, al
  je .done
  mov ah, 0x0e
  mov bx, 0x0007
  int 0x10
  jmp .next
.done:
  pop bx
  pop ax
  ret

hex32:
  push eax
  shr eax, 16
  call hex16
  pop eax
hex16:
  push ax
  mov al, ah
  call hex8
  pop ax
hex8:
  push ax
  shr al, 4
  call .digit
  pop ax
.digit:
  push ax
  push bx
  and al, 0x0f
  cmp al, 10
  jb .decimal
  add al, 'A' - 10 - '0'
.decimal:
  add al, '0'
  mov ah, 0x0e
  mov bx, 0x0007
  int 0x10
  pop bx
  pop ax
  ret

hello: .byte "Boot sector of drive \0"
newline: .byte "\r\n\0"
loaded: .byte "Loaded by INT 13h\r\n\0"
broken: .byte "Disk error\r\n\0"
drive: .byte 0
.org 0x7dfe
  .word 0xaa55

.org 0x7e00
program:
  ; the same sectors once more, through the extensions
  mov bx, 0x55aa
  mov ah, 0x41
  mov dl, [drive]
  int 0x13
  jc near failed
  cmp bx, 0xaa55
  jne near failed
  mov si, packet
  mov ah, 0x42
  mov dl, [drive]
  int 0x13
  jc near failed
  mov si, program
  mov di, 0x9000
  mov cx, 0x600 / 2
  cld
  repe cmpsw
  jne near failed
  mov si, same
  call print

  ; memory map
  xor ebx, ebx
.region:
  mov eax, 0xe820
  mov edx, 0x534d4150
  mov ecx, 20
  mov di, region
  int 0x15
  jc near failed
  push ebx
  mov eax, [region]
  call hex32
  mov si, space
  call print
  mov eax, [region + 8]
  call hex32
  mov si, space
  call print
  mov eax, [region + 16]
  call hex8
  mov si, newline
  call print
  pop ebx
  test ebx, ebx
  jne .region

  ; a tenth of a second: one or two ticks of the timer
  mov ah, 0
  int 0x1a
  push dx
  mov cx, 1
  mov dx, 100000 - 65536
  mov ah, 0x86
  int 0x15
  jc near failed
  mov ah, 0
  int 0x1a
  pop ax
  sub dx, ax
  cmp dx, 1
  jb near failed
  cmp dx, 2
  ja near failed
  mov si, ticked
  call print

  ; a line from the keyboard
  mov si, prompt
  call print
  mov di, line
.key:
  mov ah, 0
  int 0x16
  cmp al, 13
  je .entered
  mov ah, 0x0e
  mov bx, 7
  int 0x10
  stosb
  jmp .key
.entered:
  xor al, al
  stosb
  mov si, newline
  call print
  mov si, answer
  call print
  mov si, line
  call print

  ; straight to the screen: the last cell
  mov ax, 0xb800
  mov es, ax
  mov word es:[(24 * 80 + 79) * 2], 0x1f00 + '#'

  mov dx, 0x604         ; S5
  mov ax, 0x3400
  out dx, ax
.stop:
  cli
  hlt
  jmp .stop

packet:
  .byte 16, 0
  .word 3, 0x9000, 0
  .quad 1
same: .byte "Same through the extensions\r\n\0"
space: .byte " \0"
ticked: .byte "The timer ticks\r\n\0"
prompt: .byte "Name: \0"
answer: .byte "Hello, \0"
.align 4
region: .zero 24
line: .zero 64
.org 0x83ff
  .byte 0
