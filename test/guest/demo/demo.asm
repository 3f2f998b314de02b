.code16
.org 0x7c00
hlt
