// Calls: Fibonacci's numbers by recursion.

#include "kernel.h"

void prepare(void) {}

__attribute__((noinline)) static uint32_t fib(uint32_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

uint32_t run_round(void) {
  volatile uint32_t n = WORK;
  return fib(n);
}
