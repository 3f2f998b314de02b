// Copies of 32 KiB, word by word or, with STRING, by REP MOVS. DISTANCE lies between source and destination: a
// power of two is the worst case of a look-up table that is indexed by address bits.

#include "kernel.h"

#define SIZE 0x8000
#define WORDS (SIZE / sizeof(word))

static uint8_t memory[DISTANCE + SIZE] __attribute__((aligned(4096)));

void prepare(void) {
  uint32_t state = 5;
  for (int i = 0; i < SIZE; i++) memory[i] = next_random(&state);
}

static void copy(word *to, const word *from) {
#ifdef STRING
  word count = WORDS;
#ifdef __x86_64__
  __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
#else
  __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
#endif
#else
  for (word i = 0; i < WORDS; i++) to[i] = from[i];
#endif
}

uint32_t run_round(void) {
  word *source = (word *)memory;
  word *target = (word *)(memory + DISTANCE);
  uint32_t sum = 0;
  for (int pass = 0; pass < WORK; pass++) {
    source[pass % WORDS] += pass;
    copy(target, source);
    sum = rotate(sum) + target[(pass * 7u) % WORDS];
  }
  return sum;
}
