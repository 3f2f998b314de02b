// Two loads and a multiplication in a short loop: the product of integer matrices.

#include "kernel.h"

#define SIZE 96

static int32_t a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

void prepare(void) {
  uint32_t state = 3;
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++) {
      a[i][j] = next_random(&state) & 0xff;
      b[i][j] = next_random(&state) & 0xff;
    }
}

uint32_t run_round(void) {
  uint32_t sum = 0;
  for (int pass = 0; pass < WORK; pass++) {
    for (int i = 0; i < SIZE; i++)
      for (int j = 0; j < SIZE; j++) {
        int32_t product = 0;
        for (int k = 0; k < SIZE; k++) product += a[i][k] * b[k][j];
        c[i][j] = product;
      }
    sum = rotate(sum) + c[pass % SIZE][pass / SIZE % SIZE];
    a[pass % SIZE][0] += 1;
  }
  return sum;
}
