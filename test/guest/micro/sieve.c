// Byte stores with growing strides: the sieve of Eratosthenes.

#include "kernel.h"

#define SIZE 32768

static uint8_t composite[SIZE];

void prepare(void) {}

uint32_t run_round(void) {
  uint32_t sum = 0;
  for (int pass = 0; pass < WORK; pass++) {
    for (int n = 0; n < SIZE; n++) composite[n] = 0;
    for (int n = 2; n < SIZE; n++) {
      if (composite[n]) continue;
      sum += n + pass;
      for (int multiple = n + n; multiple < SIZE; multiple += n) composite[multiple] = 1;
    }
  }
  return sum;
}
