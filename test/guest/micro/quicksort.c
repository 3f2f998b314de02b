// Branches that cannot be predicted: quicksort (Hoare's partition), recursive on both halves.

#include "kernel.h"

#define COUNT 20000

static int32_t values[COUNT];
static uint32_t seed = 42;

void prepare(void) {}

static void sort(int32_t *first, int32_t *last) {
  while (first < last) {
    int32_t pivot = first[(last - first) >> 1];
    int32_t *left = first;
    int32_t *right = last;
    while (left <= right) {
      while (*left < pivot) left++;
      while (*right > pivot) right--;
      if (left > right) break;
      int32_t swapped = *left;
      *left++ = *right;
      *right-- = swapped;
    }
    sort(first, right);
    first = left;
  }
}

uint32_t run_round(void) {
  uint32_t sum = 0;
  for (int pass = 0; pass < WORK; pass++) {
    for (int i = 0; i < COUNT; i++) values[i] = next_random(&seed);
    sort(values, values + COUNT - 1);
    for (int i = 0; i < COUNT; i++) sum = rotate(sum) + values[i];
  }
  return sum;
}
