; The ROM of the BIOS: entries of the services and interrupt handlers, at F000:E000-FFFF. What a service does
; is decided on the host: its entry saves the registers and writes where they are (SS in the high half, SP in
; the low half) to a port that no hardware has. The host works on this frame and on memory, and the entry
; returns to the caller with what it finds there:
;
;   +0 ES  +2 DS  +4 EDI  +8 ESI  +12 EBP  +16 ESP (ignored)  +20 EBX  +24 EDX  +28 ECX  +32 EAX
;   +36 service number; bit 15 set by the host: not done, wait for an interrupt and ask again
;   +38 IP  +40 CS  +42 FLAGS of the caller
;
; Entries that programs jump to are where the PC/AT had them (IBM PC/AT technical reference, "ROM BIOS"). Some services
; drive hardware that is not the host's (serial ports, interrupt controllers, timer) and are done here.
; test/firmware/rom.generate.ts assembles this file into rom.ts.

TRAP = 0xb10
SERVICE_POST = 0xfe
SERVICE_KEY = 0x09
PIC1 = 0x20
PIC2 = 0xa0
PIT = 0x40
RTC_INDEX = 0x70
EOI = 0x20

.macro SERVICE number
  push \number
  jmp near service
.endm

.code16
.org 0xe000
  .byte "Ringfence BIOS\0"

.align 16
int10:
  SERVICE 0x10
int11:
  SERVICE 0x11
int12:
  SERVICE 0x12
int13:
  SERVICE 0x13
int15:
  SERVICE 0x15
int16:
  SERVICE 0x16
int19:
  SERVICE 0x19
int1a:
  SERVICE 0x1a

; Services run with interrupts enabled, as those of a PC do.
service:
  sti
trap:
  pushad
  push ds
  push es
.ask:
  mov ax, ss
  shl eax, 16
  mov ax, sp
  mov dx, TRAP
  out dx, eax
  mov bp, sp
  test byte [bp + 37], 0x80
  jne .wait
  pop es
  pop ds
  popad
  add sp, 2
  iret
.wait:
  and byte [bp + 37], 0x7f
  sti
  hlt
  jmp .ask

; ---- serial port, DX = 0-3: 0 initialise, 1 send, 2 receive, 3 status
int14:
  sti
  push ds
  push bx
  push cx
  push dx
  push si
  push 0x40
  pop ds
  cmp dx, 3
  ja .none
  mov bx, dx
  add bx, bx
  mov si, [bx]          ; base port, from the BIOS data area
  test si, si
  je .none
  cmp ah, 1
  jb .initialise
  je .send
  cmp ah, 3
  jb .receive
  je .status
.none:
  mov ah, 0x80
.end:
  pop si
  pop dx
  pop cx
  pop bx
  pop ds
  iret
.initialise:
  mov cl, al
  shr al, 4
  and ax, 0x0e
  mov bx, ax
  mov bx, cs:[bx + divisors]
  lea dx, [si + 3]
  mov al, 0x80          ; divisor latch
  out dx, al
  mov dx, si
  mov al, bl
  out dx, al
  inc dx
  mov al, bh
  out dx, al
  lea dx, [si + 3]
  mov al, cl
  and al, 0x1f
  out dx, al
  lea dx, [si + 1]
  xor al, al
  out dx, al
.status:
  lea dx, [si + 5]
  in al, dx
  mov ah, al
  inc dx
  in al, dx
  jmp .end
.send:
  mov bl, al
  mov ah, 0x20
  call near .ready
  jne .timeout
  mov al, bl
  out dx, al
  mov ah, bh
  jmp .end
.receive:
  mov bl, al
  mov ah, 0x01
  call near .ready
  jne .timeout
  in al, dx
  mov ah, bh
  and ah, 0x1e
  jmp .end
.timeout:
  mov ah, bh
  or ah, 0x80
  mov al, bl
  jmp .end
; Waits until the bits AH are set in the line status. ZF: they are. BH the status, DX the data register.
.ready:
  lea dx, [si + 5]
  xor cx, cx
.poll:
  in al, dx
  mov bh, al
  and al, ah
  cmp al, ah
  loopne .poll
  mov dx, si
  ret
divisors:
  .word 1047, 768, 384, 192, 96, 48, 24, 12

; ---- no printer
int17:
  mov ah, 0x01
  iret

; ---- no boot sector was found
int18:
  push cs
  pop ds
  mov si, .message
  cld
.next:
  lodsb
  test al, al
  je .stop
  mov ah, 0x0e
  mov bx, 0x0007
  int 0x10
  jmp .next
.stop:
  cli
  hlt
  jmp .stop
.message:
  .byte "No bootable disk\r\n\0"

; ---- IRQ 0: 18.2 ticks a second
irq0:
  push ds
  push ax
  push dx
  push 0x40
  pop ds
  inc dword [0x6c]
  cmp dword [0x6c], 0x1800b0
  jb .today
  mov dword [0x6c], 0
  inc byte [0x70]
.today:
  int 0x1c
  cli
  mov al, EOI
  out PIC1, al
  pop dx
  pop ax
  pop ds
  iret

; ---- IRQ 1: a key, offered to INT 15h, AH=4Fh first
irq1:
  push ax
  in al, 0x60
  mov ah, 0x4f
  stc
  int 0x15
  jnc .taken
  pushf
  push cs
  call near .service
.taken:
  cli
  mov al, EOI
  out PIC1, al
  pop ax
  iret
.service:
  push SERVICE_KEY
  jmp near trap

; ---- IRQ 8: real-time clock
irq8:
  push ax
  mov al, 0x0c
  out RTC_INDEX, al
  in al, RTC_INDEX + 1
  test al, 0x20
  je .noalarm
  int 0x4a
.noalarm:
  cli
  mov al, EOI
  out PIC2, al
  out PIC1, al
  pop ax
  iret

; ---- IRQ 9 appears as IRQ 2 of the PC
irq9:
  push ax
  mov al, EOI
  out PIC2, al
  pop ax
  int 0x0a
  iret

; ---- IRQ 12: a byte of the mouse that nobody waits for
irq12:
  push ax
  in al, 0x60
  mov al, EOI
  out PIC2, al
  out PIC1, al
  pop ax
  iret

; ---- IRQ 13: the coprocessor's error is what NMI was on a PC
irq13:
  push ax
  xor al, al
  out 0xf0, al
  mov al, EOI
  out PIC2, al
  out PIC1, al
  pop ax
  int 0x02
  iret

; ---- interrupts of devices that nobody drives
slave:
  push ax
  mov al, EOI
  out PIC2, al
  out PIC1, al
  pop ax
  iret
master:
  push ax
  mov al, EOI
  out PIC1, al
  pop ax
  iret

; ---- power-on and reset
post:
  cli
  cld
  xor ax, ax
  mov ds, ax
  mov ss, ax
  mov sp, 0x7c00
  ; A program that resets the processor to leave protected mode says so in the shutdown byte.
  mov al, 0x8f
  out RTC_INDEX, al
  in al, RTC_INDEX + 1
  mov bl, al
  mov al, 0x8f
  out RTC_INDEX, al
  xor al, al
  out RTC_INDEX + 1, al
  cmp bl, 0x0a
  je .resume
  cmp bl, 0x05
  jne .cold
  mov al, EOI
  out PIC2, al
  out PIC1, al
.resume:
  jmp far [0x467]
.cold:
  mov al, 0x11
  out PIC1, al
  out PIC2, al
  mov al, 0x08
  out PIC1 + 1, al
  mov al, 0x70
  out PIC2 + 1, al
  mov al, 0x04
  out PIC1 + 1, al
  mov al, 0x02
  out PIC2 + 1, al
  mov al, 0x01
  out PIC1 + 1, al
  out PIC2 + 1, al
  mov al, 0xf8          ; timer, keyboard, cascade
  out PIC1 + 1, al
  mov al, 0xfe          ; real-time clock
  out PIC2 + 1, al
  mov al, 0x36          ; channel 0, mode 3, 65,536
  out PIT + 3, al
  xor al, al
  out PIT, al
  out PIT, al
  pushf
  push cs
  call near .service
  sti
  int 0x19
  jmp int18
.service:
  push SERVICE_POST
  jmp near trap

; ---- INT 1Eh: parameters of the diskette drives
.org 0xefc7
diskette:
  .byte 0xaf, 0x02, 0x25, 0x02, 0x12, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08

; ---- INT 15h, AH=C0h: an AT with a second interrupt controller, clock, keyboard intercept, extended data area
.org 0xe6f5
configuration:
  .word 8
  .byte 0xfc, 0x01, 0x00, 0x74, 0x40, 0x00, 0x00, 0x00

.org 0xff53
ignored:
  iret

.org 0xfff0
  jmp 0xf000:post
  .byte "01/01/26"
  .byte 0
  .byte 0xfc
  .byte 0
