// Vectors of two doubles: the product of matrices, written with SSE2's intrinsics.

#include <emmintrin.h>

#include "kernel.h"

#define SIZE 64

static double a[SIZE][SIZE] __attribute__((aligned(16)));
static double b[SIZE][SIZE] __attribute__((aligned(16)));
static double c[SIZE][SIZE] __attribute__((aligned(16)));

void prepare(void) {
  uint32_t state = 3;
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++) {
      a[i][j] = (int)(next_random(&state) & 0xff) - 128;
      b[i][j] = (int)(next_random(&state) & 0xff) * 0.0625;
    }
}

static uint32_t digest(__m128d pair) {
  __m128i bits = _mm_castpd_si128(pair);
  bits = _mm_xor_si128(bits, _mm_srli_si128(bits, 8));
  bits = _mm_xor_si128(bits, _mm_srli_epi64(bits, 32));
  return _mm_cvtsi128_si32(bits);
}

uint32_t run_round(void) {
  uint32_t sum = 0;
  for (int pass = 0; pass < WORK; pass++) {
    for (int i = 0; i < SIZE; i++)
      for (int j = 0; j < SIZE; j += 4) {
        __m128d low = _mm_setzero_pd();
        __m128d high = _mm_setzero_pd();
        for (int k = 0; k < SIZE; k++) {
          __m128d factor = _mm_set1_pd(a[i][k]);
          low = _mm_add_pd(low, _mm_mul_pd(factor, _mm_load_pd(&b[k][j])));
          high = _mm_add_pd(high, _mm_mul_pd(factor, _mm_load_pd(&b[k][j + 2])));
        }
        _mm_store_pd(&c[i][j], low);
        _mm_store_pd(&c[i][j + 2], high);
      }
    sum = rotate(sum) + digest(_mm_load_pd(&c[pass % SIZE][pass / SIZE % SIZE & ~1]));
    a[pass % SIZE][0] += 1;
  }
  return sum;
}
