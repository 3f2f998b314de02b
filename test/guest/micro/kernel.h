// What a micro kernel is: `prepare` once, then `run_round` again and again, each time the same amount of work
// (WORK, from kernels.ts) with a checksum of what it computed. The object file that gcc makes of it is linked
// twice, into a bare-metal guest (guest.c) and into a native program (native.c): both execute the same
// machine code.

#pragma once
#include <stddef.h>
#include <stdint.h>

typedef unsigned long word; // as wide as a register

void prepare(void);
uint32_t run_round(void);

static inline uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static inline uint32_t rotate(uint32_t value) { return value << 1 | value >> 31; }
