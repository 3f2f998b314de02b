// A micro kernel as a native program without a C library. Prints the lines of the guest, each followed by two
// times in nanoseconds: of the wall clock and of the processor.

#include "kernel.h"

#ifdef __x86_64__
#define SYS_WRITE 1
#define SYS_CLOCK_GETTIME 228
#define SYS_EXIT_GROUP 231
static long system_call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}
__asm__(".globl _start\n_start: xor %ebp, %ebp\n call native_main");
#else
#define SYS_WRITE 4
#define SYS_CLOCK_GETTIME 265
#define SYS_EXIT_GROUP 252
static long system_call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
  return result;
}
__asm__(".globl _start\n_start: xor %ebp, %ebp\n and $-16, %esp\n call native_main");
#endif

#define CLOCK_MONOTONIC 1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define STDOUT 1

static char text[128];
static int length;

static void put(char c) { text[length++] = c; }

static void word_of(const char *from) {
  for (; *from; from++) put(*from);
}

static void decimal(uint32_t value, uint32_t unit) {
  for (; unit; unit /= 10) put('0' + value / unit % 10);
}

static void time_of(int clock) {
  struct {
    long seconds, nanoseconds;
  } time;
  system_call(SYS_CLOCK_GETTIME, clock, (long)&time, 0);
  put(' ');
  decimal(time.seconds, 1000000000);
  decimal(time.nanoseconds, 100000000);
}

static void end_line(void) {
  time_of(CLOCK_MONOTONIC);
  time_of(CLOCK_PROCESS_CPUTIME_ID);
  put('\n');
  system_call(SYS_WRITE, STDOUT, (long)text, length);
  length = 0;
}

static void line(const char *name, uint32_t value) {
  word_of(name);
  for (int shift = 28; shift >= 0; shift -= 4) put("0123456789ABCDEF"[value >> shift & 15]);
  end_line();
}

void native_main(void) {
  prepare();
  word_of("begin -");
  end_line();
  uint32_t total = 0;
  for (int n = 0; n < ROUNDS; n++) {
    uint32_t value = run_round();
    total += value;
    line("round ", value);
  }
  line("end ", total);
  system_call(SYS_EXIT_GROUP, 0, 0, 0);
}
