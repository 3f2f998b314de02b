// 64-bit arithmetic, in pairs of registers where they are narrower: shifts, rotations, products, additions with
// carry, comparisons.

#include "kernel.h"

static uint64_t state = 0x9e3779b97f4a7c15;

void prepare(void) {}

static uint64_t turn(uint64_t value, int by) { return value << by | value >> (64 - by); }

uint32_t run_round(void) {
  uint64_t x = state;
  uint64_t sum = 0;
  uint64_t largest = 0;
  for (int step = 0; step < WORK; step++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    uint64_t mixed = x * 0x2545f4914f6cdd1d;
    sum += turn(mixed, 23) - (mixed >> (x & 31));
    if (mixed > largest) largest = mixed - sum;
    if ((int64_t)(sum ^ mixed) < 0) sum += largest;
  }
  state = x;
  return sum ^ sum >> 32 ^ largest;
}
