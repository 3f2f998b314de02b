// A micro kernel as a bare-metal guest. Reports on COM1 as all benchmark guests do: "begin", after each round
// "round XXXXXXXX", at the end "end XXXXXXXX" (sum of the rounds). Behind each line it writes to port F2h, where no
// PC has anything: an engine that hands out serial output late does it there. Ends by the debug-exit
// port and, where there is none, by HLT.

#include "kernel.h"

#define COM1 0x3f8
#define COM1_LINE 0x3fb
#define LINE_8N1 3
#define COM1_STATUS 0x3fd
#define STATUS_EMPTY 0x20
#define MARK 0xf2
#define DEBUG_EXIT 0xf4

static inline void out(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

static inline uint8_t in(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static void put(char c) {
  while (!(in(COM1_STATUS) & STATUS_EMPTY))
    ;
  out(COM1, c);
}

static void word_of(const char *text) {
  for (; *text; text++) put(*text);
}

static void line(const char *text, uint32_t value) {
  word_of(text);
  for (int shift = 28; shift >= 0; shift -= 4) put("0123456789ABCDEF"[value >> shift & 15]);
  put('\n');
  out(MARK, 0);
}

void guest_main(void) {
  out(COM1_LINE, LINE_8N1);
  prepare();
  word_of("begin\n");
  out(MARK, 0);
  uint32_t total = 0;
  for (int n = 0; n < ROUNDS; n++) {
    uint32_t value = run_round();
    total += value;
    line("round ", value);
  }
  line("end ", total);
  out(DEBUG_EXIT, 0);
  for (;;) __asm__ volatile("cli; hlt");
}
