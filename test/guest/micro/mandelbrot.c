// Scalar floating point in double precision: iterations of the Mandelbrot set over a small picture.

#include "kernel.h"

#define SIZE 32
#define LIMIT 200

static uint32_t turn;

void prepare(void) {}

static int iterations(double x0, double y0) {
  double x = 0, y = 0;
  int n = 0;
  while (n < LIMIT && x * x + y * y <= 4) {
    double next = x * x - y * y + x0;
    y = 2 * x * y + y0;
    x = next;
    n++;
  }
  return n;
}

uint32_t run_round(void) {
  uint32_t sum = 0;
  for (int pass = 0; pass < WORK; pass++) {
    double shift = (turn++ & 63) * (1.0 / 4096);
    for (int row = 0; row < SIZE; row++)
      for (int column = 0; column < SIZE; column++)
        sum = rotate(sum) + iterations(column * (3.0 / SIZE) - 2.25 + shift, row * (2.5 / SIZE) - 1.25);
  }
  return sum;
}
