// Indirect jumps: a stack machine with one-byte operations, interpreted by a switch that gcc makes a jump table
// of. Its program counts down, mixing two variables in ways that depend on their bits.

#include "kernel.h"

enum { PUSH, LOAD, STORE, ADD, SUB, MUL, XOR, SHR, AND, DUP, BRANCH, END };

static const int8_t program[] = {
    LOAD, 1, PUSH, 75, MUL, PUSH, 74, ADD, DUP, STORE, 1, // x = x * 75 + 74
    PUSH, 7, SHR, PUSH, 1, AND, BRANCH, 11,               // if (x >> 7 & 1) goto odd
    LOAD, 2, LOAD, 1, ADD, STORE, 2,                      // sum += x
    PUSH, 1, BRANCH, 7,                                   // goto join
    LOAD, 2, LOAD, 1, XOR, STORE, 2,                      // odd: sum ^= x
    LOAD, 0, PUSH, 1, SUB, DUP, STORE, 0, BRANCH, -47,    // join: if (--turns) goto start
    END,
};

static uint32_t variables[3] = {0, 1, 0};

void prepare(void) {}

static void interpret(const int8_t *at) {
  uint32_t operands[16];
  uint32_t *top = operands;
  for (;;) {
    switch (*at++) {
      case PUSH:
        *++top = *at++;
        break;
      case LOAD:
        *++top = variables[*at++];
        break;
      case STORE:
        variables[*at++] = *top--;
        break;
      case ADD:
        top--;
        *top += top[1];
        break;
      case SUB:
        top--;
        *top -= top[1];
        break;
      case MUL:
        top--;
        *top *= top[1];
        break;
      case XOR:
        top--;
        *top ^= top[1];
        break;
      case SHR:
        top--;
        *top >>= top[1] & 31;
        break;
      case AND:
        top--;
        *top &= top[1];
        break;
      case DUP:
        top++;
        *top = top[-1];
        break;
      case BRANCH:
        at += *top-- ? *at + 1 : 1;
        break;
      case END:
        return;
    }
  }
}

uint32_t run_round(void) {
  variables[0] = WORK;
  interpret(program);
  return variables[2];
}
