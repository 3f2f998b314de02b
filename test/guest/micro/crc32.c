// Integer arithmetic in one dependent chain: CRC-32 bit by bit, without branches on the data.

#include "kernel.h"

#define SIZE 4096

static uint8_t data[SIZE];
static uint32_t crc = ~0u;

void prepare(void) {
  uint32_t state = 1;
  for (int i = 0; i < SIZE; i++) data[i] = next_random(&state);
}

uint32_t run_round(void) {
  uint32_t value = crc;
  for (int pass = 0; pass < WORK; pass++)
    for (int i = 0; i < SIZE; i++) {
      value ^= data[i];
      for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (0xedb88320u & -(value & 1));
    }
  return crc = value;
}
