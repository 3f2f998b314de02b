// Much code, each part of it warm and none of it hot, with branches of every kind: a compiler of a small language.
// A text of random assignments and conditions is read into tokens, parsed to trees, folded, given out as code
// for a stack machine with a peephole, and executed.

#include "kernel.h"

#define SOURCE_SIZE 12000
#define NODES 8192
#define CODE_SIZE 16384
#define NAMES 64

enum token { T_END, T_NUMBER, T_NAME, T_IF, T_ELSE, T_SYMBOL };
enum kind { N_NUMBER, N_VARIABLE, N_UNARY, N_BINARY };
enum operation { O_PUSH, O_LOAD, O_STORE, O_UNARY, O_BINARY, O_ADD_NUMBER, O_JUMP, O_JUMP_ZERO, O_STOP };

typedef struct {
  uint8_t kind;
  char operator;
  uint16_t left, right;
  int32_t value;
} node;

typedef struct {
  uint8_t operation;
  char operator;
  int32_t value;
} instruction;

static char source[SOURCE_SIZE + 64];
static const char *at;
static enum token token;
static int32_t token_value;

static char names[NAMES][8];
static int32_t variables[NAMES];
static int name_count;

static node nodes[NODES];
static int node_count;
static instruction code[CODE_SIZE];
static int code_count, barrier;

// ---- the text

static uint32_t seed = 11;
static char *out;

static void write_text(const char *text) {
  while (*text) *out++ = *text++;
}

static void write_expression(int depth) {
  uint32_t choice = next_random(&seed) % (depth > 4 ? 2 : 8);
  static const char *const operators[] = {" + ", " - ", " * ", "/", "%", " & ", "|", "^", " < ", " == ", "<<", ">>", "&&", " || "};
  static const char *const variable[] = {"a", "b", "total", "count", "x1", "y", "index", "limit", "flag", "tmp"};
  if (choice == 0) {
    uint32_t number = next_random(&seed) % 1000;
    char digits[4];
    int n = 0;
    do digits[n++] = '0' + number % 10;
    while (number /= 10);
    while (n) *out++ = digits[--n];
  } else if (choice == 1) write_text(variable[next_random(&seed) % 10]);
  else if (choice == 2) {
    *out++ = "-~!"[next_random(&seed) % 3];
    write_text("(");
    write_expression(depth + 1);
    write_text(")");
  } else {
    if (choice & 1) write_text("(");
    write_expression(depth + 1);
    write_text(operators[next_random(&seed) % 14]);
    write_expression(depth + 1);
    if (choice & 1) write_text(")");
  }
}

static void write_statement(int depth) {
  static const char *const targets[] = {"a", "b", "total", "count", "x1", "y", "tmp"};
  if (depth < 3 && next_random(&seed) % 4 == 0) {
    write_text("if (");
    write_expression(2);
    write_text(") {\n");
    for (uint32_t n = 1 + next_random(&seed) % 2; n; n--) write_statement(depth + 1);
    write_text("} else {\n");
    write_statement(depth + 1);
    write_text("}\n");
  } else {
    write_text(targets[next_random(&seed) % 7]);
    write_text(" = ");
    write_expression(1);
    write_text(";\n");
  }
}

/** Statements as long as whole ones fit: the longest stays far below 4,000 characters. */
void prepare(void) {
  out = source;
  while (out < source + SOURCE_SIZE - 4000) write_statement(0);
  *out = 0;
}

// ---- tokens

static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static int is_digit(char c) { return c >= '0' && c <= '9'; }

static int same(const char *one, const char *other) {
  while (*one && *one == *other) one++, other++;
  return *one == *other;
}

static int name_index(const char *name) {
  for (int i = 0; i < name_count; i++)
    if (same(names[i], name)) return i;
  char *to = names[name_count];
  while ((*to++ = *name++))
    ;
  return name_count++;
}

static void advance(void) {
  while (*at == ' ' || *at == '\n') at++;
  if (*at == 0) token = T_END;
  else if (is_digit(*at)) {
    token = T_NUMBER;
    token_value = 0;
    while (is_digit(*at)) token_value = token_value * 10 + (*at++ - '0');
  } else if (is_letter(*at)) {
    char name[8];
    int n = 0;
    while (is_letter(*at) || is_digit(*at)) {
      if (n < 7) name[n++] = *at;
      at++;
    }
    name[n] = 0;
    if (same(name, "if")) token = T_IF;
    else if (same(name, "else")) token = T_ELSE;
    else {
      token = T_NAME;
      token_value = name_index(name);
    }
  } else {
    token = T_SYMBOL;
    token_value = *at++;
    // Two characters: the letter that stands for them inside.
    if (token_value == '=' && *at == '=') token_value = 'e', at++;
    else if (token_value == '<' && *at == '<') token_value = 'l', at++;
    else if (token_value == '>' && *at == '>') token_value = 'r', at++;
    else if (token_value == '&' && *at == '&') token_value = 'a', at++;
    else if (token_value == '|' && *at == '|') token_value = 'o', at++;
  }
}

// ---- trees

static int32_t compute(char operator, int32_t a, int32_t b) {
  switch (operator) {
    case '+': return (uint32_t)a + (uint32_t)b;
    case '-': return (uint32_t)a - (uint32_t)b;
    case '*': return (uint32_t)a * (uint32_t)b;
    case '/': return b == 0 || b == -1 ? 0 : a / b;
    case '%': return b == 0 || b == -1 ? 0 : a % b;
    case '&': return a & b;
    case '|': return a | b;
    case '^': return a ^ b;
    case '<': return a < b;
    case 'e': return a == b;
    case 'l': return (uint32_t)a << (b & 31);
    case 'r': return a >> (b & 31);
    case 'a': return a && b;
    case 'o': return a || b;
    default: return 0;
  }
}

static int32_t compute_unary(char operator, int32_t a) {
  return operator == '-' ? (int32_t)(0 - (uint32_t)a) : operator == '~' ? ~a : !a;
}

static int precedence(int symbol) {
  switch (symbol) {
    case 'o': return 1;
    case 'a': return 2;
    case '|': return 3;
    case '^': return 4;
    case '&': return 5;
    case 'e': return 6;
    case '<': return 7;
    case 'l':
    case 'r': return 8;
    case '+':
    case '-': return 9;
    case '*':
    case '/':
    case '%': return 10;
    default: return 0;
  }
}

static int make(uint8_t kind, char operator, int left, int right, int32_t value) {
  node *made = &nodes[node_count];
  made->kind = kind;
  made->operator = operator;
  made->left = left;
  made->right = right;
  made->value = value;
  return node_count++;
}

static int make_binary(char operator, int left, int right) {
  node *a = &nodes[left], *b = &nodes[right];
  if (a->kind == N_NUMBER && b->kind == N_NUMBER) return make(N_NUMBER, 0, 0, 0, compute(operator, a->value, b->value));
  if (b->kind == N_NUMBER) {
    if (b->value == 0 && (operator == '+' || operator == '-' || operator == '|' || operator == '^')) return left;
    if (b->value == 1 && (operator == '*' || operator == '/')) return left;
    if (b->value == 0 && (operator == '*' || operator == '&')) return right;
  } else if (a->kind == N_NUMBER && (operator == '+' || operator == '*' || operator == '&'))
    return make_binary(operator, right, left);
  return make(N_BINARY, operator, left, right, 0);
}

static int parse_expression(int least);

static int parse_operand(void) {
  int made = 0;
  int32_t value = token_value;
  if (token == T_NUMBER) {
    advance();
    made = make(N_NUMBER, 0, 0, 0, value);
  } else if (token == T_NAME) {
    advance();
    made = make(N_VARIABLE, 0, 0, 0, value);
  } else if (value == '(') {
    advance();
    made = parse_expression(1);
    advance();
  } else {
    advance();
    int operand = parse_operand();
    if (nodes[operand].kind == N_NUMBER) made = make(N_NUMBER, 0, 0, 0, compute_unary(value, nodes[operand].value));
    else if (nodes[operand].kind == N_UNARY && value != '!' && nodes[operand].operator == value) made = nodes[operand].left;
    else made = make(N_UNARY, value, operand, 0, 0);
  }
  return made;
}

static int parse_expression(int least) {
  int left = parse_operand();
  while (token == T_SYMBOL) {
    int operator = token_value;
    int rank = precedence(operator);
    if (rank < least || rank == 0) break;
    advance();
    left = make_binary(operator, left, parse_expression(rank + 1));
  }
  return left;
}

// ---- code

static int emit(uint8_t operation, char operator, int32_t value) {
  instruction *last = code_count > barrier ? &code[code_count - 1] : 0;
  if (operation == O_BINARY && last && last->operation == O_PUSH && (operator == '+' || operator == '-')) {
    last->operation = O_ADD_NUMBER;
    if (operator == '-') last->value = 0 - (uint32_t)last->value;
    if (code_count - 1 > barrier && last[-1].operation == O_ADD_NUMBER) {
      last[-1].value += (uint32_t)last->value;
      code_count--;
    }
    return code_count - 1;
  }
  if (operation == O_UNARY && last && last->operation == O_UNARY && operator == '~' && last->operator == '~') {
    code_count--;
    return code_count - 1;
  }
  code[code_count] = (instruction){operation, operator, value};
  return code_count++;
}

static void generate(int index) {
  const node *tree = &nodes[index];
  switch (tree->kind) {
    case N_NUMBER:
      emit(O_PUSH, 0, tree->value);
      break;
    case N_VARIABLE:
      emit(O_LOAD, 0, tree->value);
      break;
    case N_UNARY:
      generate(tree->left);
      emit(O_UNARY, tree->operator, 0);
      break;
    default:
      generate(tree->left);
      generate(tree->right);
      emit(O_BINARY, tree->operator, 0);
  }
}

static void land(int jump) { code[jump].value = barrier = code_count; }

static void statement(void);

static void block(void) {
  advance(); // {
  while (token != T_END && !(token == T_SYMBOL && token_value == '}')) statement();
  advance();
}

static void statement(void) {
  node_count = 1;
  if (token == T_IF) {
    advance();
    generate(parse_expression(1));
    int around = emit(O_JUMP_ZERO, 0, 0);
    block();
    int end = emit(O_JUMP, 0, 0);
    land(around);
    advance(); // else
    block();
    land(end);
  } else {
    int name = token_value;
    advance();
    advance(); // =
    generate(parse_expression(1));
    advance(); // ;
    emit(O_STORE, 0, name);
  }
}

static void execute(void) {
  int32_t stack[64];
  int32_t *top = stack;
  for (const instruction *next = code;; next++) switch (next->operation) {
      case O_PUSH:
        *++top = next->value;
        break;
      case O_LOAD:
        *++top = variables[next->value];
        break;
      case O_STORE:
        variables[next->value] = *top--;
        break;
      case O_UNARY:
        *top = compute_unary(next->operator, *top);
        break;
      case O_BINARY:
        top--;
        *top = compute(next->operator, *top, top[1]);
        break;
      case O_ADD_NUMBER:
        *top += (uint32_t)next->value;
        break;
      case O_JUMP:
        next = &code[next->value - 1];
        break;
      case O_JUMP_ZERO:
        if (!*top--) next = &code[next->value - 1];
        break;
      default:
        return;
    }
}

uint32_t run_round(void) {
  uint32_t sum = 0;
  for (int pass = 0; pass < WORK; pass++) {
    name_count = code_count = barrier = 0;
    at = source;
    advance();
    while (token != T_END) statement();
    emit(O_STOP, 0, 0);
    execute();
    for (int i = 0; i < code_count; i++) sum = rotate(sum) ^ ((uint32_t)code[i].value + code[i].operation);
    for (int i = 0; i < name_count; i++) {
      sum = rotate(sum) + variables[i];
      variables[i] += pass;
    }
  }
  return sum;
}
