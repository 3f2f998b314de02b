// Dependent loads: a list of SIZE bytes in random order, walked link by link.

#include "kernel.h"

typedef struct node {
  struct node *next;
  word value;
} node;

#define COUNT (SIZE / sizeof(node))

static node nodes[COUNT];
static node *place = nodes;

/** One cycle through all nodes (Sattolo's algorithm). */
void prepare(void) {
  static uint32_t order[COUNT];
  uint32_t state = 7;
  for (uint32_t i = 0; i < COUNT; i++) order[i] = i;
  for (uint32_t i = COUNT - 1; i > 0; i--) {
    uint32_t j = next_random(&state) % i;
    uint32_t swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  for (uint32_t i = 0; i < COUNT; i++) {
    nodes[order[i]].next = &nodes[order[(i + 1) % COUNT]];
    nodes[order[i]].value = i;
  }
}

uint32_t run_round(void) {
  node *at = place;
  uint32_t sum = 0;
  for (int step = 0; step < WORK; step++) {
    sum = rotate(sum) + at->value;
    at = at->next;
  }
  place = at;
  return sum;
}
