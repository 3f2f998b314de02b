// Byte loads and compares: lengths of lines, words in them, a search for a short text, letters in either case.

#include "kernel.h"

#define SIZE 16384

static char text[SIZE + 1];
static const char needle[] = "whale";

void prepare(void) {
  static const char letters[] = "etaoinshrdlu whale ETAOIN";
  uint32_t state = 9;
  for (int i = 0; i < SIZE; i++) {
    uint32_t random = next_random(&state) >> 4;
    text[i] = random % 61 == 0 ? '\n' : letters[random % (sizeof letters - 1)];
  }
}

static uint32_t length_of(const char *at) {
  const char *end = at;
  while (*end && *end != '\n') end++;
  return end - at;
}

static uint32_t words_in(const char *at) {
  uint32_t count = 0;
  for (int inside = 0; *at; at++) {
    if (*at == ' ' || *at == '\n') inside = 0;
    else if (!inside) {
      inside = 1;
      count++;
    }
  }
  return count;
}

static uint32_t occurrences(const char *at) {
  uint32_t count = 0;
  for (; *at; at++) {
    int n = 0;
    while (needle[n] && (at[n] | 0x20) == needle[n]) n++;
    if (!needle[n]) count++;
  }
  return count;
}

uint32_t run_round(void) {
  uint32_t sum = 0;
  for (int pass = 0; pass < WORK; pass++) {
    for (const char *line = text; *line;) {
      uint32_t length = length_of(line);
      sum = rotate(sum) + length;
      line += length + (line[length] == '\n');
    }
    sum += words_in(text) + occurrences(text);
    text[pass % SIZE] = "aeiou"[pass % 5];
  }
  return sum;
}
