/*
 * Executes single instructions (or short programs) on the host processor in ring 3 and records what they did.
 *
 * Input (stdin): 28 KiB of memory template, then cases, with or without an image of the x87 and SSE state. Output
 * (stdout): one record per case, followed by the image of that state where the case has one, and by the bytes of
 * memory that changed. Everything happens inside one signal handler: the kernel hands
 * it the complete register context of the case that just trapped, it records that, loads the context of the next case,
 * and returns, which starts it. A case ends with the first exception: a single step (TF), the fault of the instruction
 * itself, or #GP of the HLT (F4) that fills the code pages; one that loops is stopped by a timer of its own running time (vector 255). Built with -m64 for 64-bit code and with
 * -m32 for 32-bit and (through the LDT) 16-bit code.
 *
 * Memory:  code 20000000 + 2 pages (rwx), data 30000000 + 2 pages (rw), 30002000 1 page (r), low 4000 + 2 pages (rw;
 * operands of 16-bit addressing; needs root, absent otherwise). What is next to them is not mapped.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096u
#define REGIONS 4
static const struct { uintptr_t base; unsigned size; int protection; } region[REGIONS] = {
  { 0x20000000u, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC },
  { 0x30000000u, 2 * PAGE, PROT_READ | PROT_WRITE },
  { 0x30002000u, PAGE, PROT_READ },
  { 0x4000u, 2 * PAGE, PROT_READ | PROT_WRITE },
};
#define TOTAL (7 * PAGE)
#define CODE 0x20000000u
#define SHORT_INPUT 512
#define IMAGE 416

/* Segments in the order ES CS SS DS FS GS; integers little-endian. */
struct input {
  uint64_t gpr[16], rip, fs_base, gs_base;
  uint32_t flags;
  uint16_t selector[6];
  uint8_t single_step, with_float;
  uint16_t code_length, patch_offset, patch_length; /* the patch lies in the concatenated regions */
  uint8_t code[272], patch[64];
  /* With with_float only: more of the patch, and FCW to XMM15 of an FXSAVE image (64-bit format, SDM vol. 1, 10.5.1). */
  uint8_t patch_rest[576], image[IMAGE];
};
struct output {
  uint64_t gpr[16], rip, fs_base, gs_base;
  uint32_t flags;
  uint16_t selector[6];
  uint8_t vector, with_float;
  uint16_t changes;
  uint32_t error;
  uint64_t cr2;
};
_Static_assert(sizeof(struct input) == 512 + 576 + IMAGE, "input record");
_Static_assert(sizeof(struct output) == 184, "output record");

static uint8_t template[TOTAL];
static struct input **cases;
static long case_count, current = -1, at_last_tick = -1;
static uint8_t *out;
static size_t out_used;
static int low_mapped;
static unsigned long home_fs;
static unsigned home_gs;

#ifdef __x86_64__
static const int order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                               REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };
#define GPRS 16
#define IP REG_RIP
#else
static const int order[8] = { REG_EAX, REG_ECX, REG_EDX, REG_EBX, REG_ESP, REG_EBP, REG_ESI, REG_EDI };
#define GPRS 8
#define IP REG_EIP
#endif

static unsigned offset_of(const struct input *c) {
  /* rip is relative to CS; code segments are flat or based at CODE (16-bit programs). */
  return (unsigned)(c->rip >= CODE ? c->rip - CODE : c->rip) & (2 * PAGE - 1);
}

/* The FXSAVE image in the frame of a signal; behind it lie the parts that XSAVE adds. */
static uint8_t *image_of(ucontext_t *context) {
#ifdef __x86_64__
  return (uint8_t *)context->uc_mcontext.fpregs;
#else
  return (uint8_t *)context->uc_mcontext.fpregs + 112;
#endif
}

static void load_float(ucontext_t *context, const struct input *c) {
  uint8_t *image = image_of(context);
  memcpy(image, c->image, IMAGE);
  /* XSTATE_BV, where the frame has one (FP_XSTATE_MAGIC1): both parts are to be loaded. */
  if (*(uint32_t *)(image + 464) == 0x46505853u) image[512] |= 3;
#ifndef __x86_64__
  /* The kernel takes the x87 part of a 32-bit frame from the FSAVE image before it. */
  uint32_t *environment = (uint32_t *)context->uc_mcontext.fpregs;
  const uint16_t *word = (const uint16_t *)c->image;
  uint32_t tags = 0;
  for (unsigned n = 0; n < 8; n++)
    if (!(c->image[4] >> n & 1)) tags |= 3u << (2 * n);
  environment[0] = 0xffff0000u | word[0];
  environment[1] = 0xffff0000u | word[1];
  environment[2] = 0xffff0000u | tags;
  memcpy(&environment[3], c->image + 8, 4);
  environment[4] = (uint32_t)word[3] << 16;
  memcpy(&environment[5], c->image + 16, 4);
  environment[6] = 0;
  for (unsigned n = 0; n < 8; n++) memcpy((uint8_t *)environment + 28 + 10 * n, c->image + 32 + 16 * n, 10);
#endif
}

static void record_changes(struct output *o) {
  const struct input *c = cases[current];
  uint32_t *list = (uint32_t *)((uint8_t *)(o + 1) + (o->with_float ? IMAGE : 0));
  unsigned count = 0, at = 0;
  static uint8_t before[TOTAL];
  memcpy(before, template, TOTAL);
  memcpy(before + offset_of(c), c->code, c->code_length);
  memcpy(before + c->patch_offset, c->patch, c->patch_length);
  for (int r = 0; r < REGIONS; at += region[r].size, r++) {
    uint8_t *memory = (uint8_t *)region[r].base;
    if (!(region[r].protection & PROT_WRITE) || (r == 3 && !low_mapped)) continue;
    if (memcmp(memory, before + at, region[r].size) == 0) continue;
    for (unsigned i = 0; i < region[r].size; i++)
      if (memory[i] != before[at + i]) list[count++] = (at + i) << 8 | memory[i];
    memcpy(memory, before + at, region[r].size);
  }
  o->changes = (uint16_t)count;
  out_used = (size_t)((uint8_t *)(list + count) - out);
}

static void record(ucontext_t *context, unsigned long fs, unsigned long gs) {
  struct output *o = (struct output *)(out + out_used);
  greg_t *g = context->uc_mcontext.gregs;
  memset(o, 0, sizeof *o);
  for (int i = 0; i < GPRS; i++) o->gpr[i] = (unsigned long)g[order[i]];
  o->rip = (unsigned long)g[IP];
  o->flags = (uint32_t)g[REG_EFL];
  o->vector = (uint8_t)g[REG_TRAPNO];
  o->error = (uint32_t)g[REG_ERR];
  o->with_float = cases[current]->with_float;
  o->fs_base = fs;
  o->gs_base = gs;
#ifdef __x86_64__
  o->cr2 = (uint64_t)g[REG_CR2];
  o->selector[1] = (uint16_t)g[REG_CSGSFS];
  o->selector[2] = (uint16_t)((uint64_t)g[REG_CSGSFS] >> 48);
#else
  o->cr2 = context->uc_mcontext.cr2;
  static const int segments[6] = { REG_ES, REG_CS, REG_SS, REG_DS, REG_FS, REG_GS };
  for (int i = 0; i < 6; i++) o->selector[i] = (uint16_t)g[segments[i]];
#endif
  if (o->with_float) memcpy(o + 1, image_of(context), IMAGE);
  record_changes(o);
}

static void finish(void) {
  for (size_t done = 0; done < out_used;) {
    ssize_t n = write(1, out + done, out_used - done);
    if (n <= 0) _exit(3);
    done += (size_t)n;
  }
  _exit(0);
}

static void load(ucontext_t *context) {
  const struct input *c = cases[current];
  greg_t *g = context->uc_mcontext.gregs;
  for (int i = 0; i < GPRS; i++) g[order[i]] = (greg_t)c->gpr[i];
  g[IP] = (greg_t)c->rip;
  g[REG_EFL] = (greg_t)(c->flags | (c->single_step ? 0x100 : 0));
  if (c->with_float) load_float(context, c);
  uint8_t *code = (uint8_t *)(uintptr_t)CODE + offset_of(c);
  memcpy(code, c->code, c->code_length);
  unsigned at = 0;
  for (int r = 0; r < REGIONS; at += region[r].size, r++) {
    if (c->patch_length && c->patch_offset >= at && c->patch_offset < at + region[r].size &&
        (r != 3 || low_mapped))
      memcpy((uint8_t *)region[r].base + (c->patch_offset - at), c->patch, c->patch_length);
  }
#ifdef __x86_64__
  /* CS, GS, FS, SS: a far return may have left for another code segment. */
  g[REG_CSGSFS] = (greg_t)(0x33ull | 0x2bull << 48);
#else
  static const int segments[6] = { REG_ES, REG_CS, REG_SS, REG_DS, REG_FS, REG_GS };
  for (int i = 0; i < 6; i++) g[segments[i]] = c->selector[i];
#endif
}

/* The previous case's memory is put back before the next one's is written: by record_changes for what the
 * case changed, here for its code and patch. */
static void clear_case(void) {
  const struct input *c = cases[current];
  memcpy((uint8_t *)(uintptr_t)CODE + offset_of(c), template + offset_of(c), c->code_length);
  unsigned at = 0;
  for (int r = 0; r < REGIONS; at += region[r].size, r++)
    if (c->patch_length && c->patch_offset >= at && c->patch_offset < at + region[r].size && (r != 3 || low_mapped))
      memcpy((uint8_t *)region[r].base + (c->patch_offset - at), template + c->patch_offset, c->patch_length);
}

static void on_signal(int number, siginfo_t *info, void *argument) {
  ucontext_t *context = argument;
  (void)info;
  unsigned long fs = 0, gs = 0;
#ifdef __x86_64__
  __asm__ volatile("pushq $0x202; popfq; rdfsbase %0; rdgsbase %1; wrfsbase %2"
                   : "=&r"(fs), "=&r"(gs) : "r"(home_fs) : "cc", "memory");
#else
  __asm__ volatile("pushl $0x202; popfl; mov %0, %%gs" : : "r"(home_gs) : "cc", "memory");
#endif
  if (number == SIGVTALRM) {
    int stuck = current >= 0 && current == at_last_tick;
    at_last_tick = current;
    if (!stuck) {
#ifdef __x86_64__
      __asm__ volatile("wrfsbase %0; wrgsbase %1" : : "r"(fs), "r"(gs));
#endif
      return;
    }
    context->uc_mcontext.gregs[REG_TRAPNO] = 255;
  }
  if (current >= 0) {
    record(context, fs, gs);
    clear_case();
  }
  if (++current == case_count) finish();
  load(context);
#ifdef __x86_64__
  __asm__ volatile("wrfsbase %0; wrgsbase %1" : : "r"(cases[current]->fs_base), "r"(cases[current]->gs_base));
#endif
}

#ifndef __x86_64__
/* The LDT of the cases; test/oracle/segments.ts has the same table. */
static const struct { unsigned base, limit, wide, contents, read_only, pages, absent; } ldt[] = {
  { 0, 0xfffff, 1, 0, 0, 1, 0 },
  { 0x30000000, 0x1fff, 1, 0, 0, 0, 0 },
  { 0x30000000, 0x1fff, 0, 0, 0, 0, 0 },
  { 0x30000000, 0x0fff, 1, 1, 0, 0, 0 },
  { 0x30000000, 0x0fff, 0, 1, 0, 0, 0 },
  { 0x30000000, 0x1fff, 1, 0, 1, 0, 0 },
  { 0x20000000, 0x1fff, 0, 2, 0, 0, 0 },
  { 0x20000000, 0x1fff, 1, 2, 1, 0, 0 },
  { 0, 0xfffff, 1, 2, 0, 1, 0 },
  { 0x30000000, 0x1fff, 1, 0, 0, 0, 1 },
  { 0x2ffff000, 0x2, 1, 0, 0, 1, 0 },
  { 0x30000010, 0x0, 1, 0, 0, 0, 0 },
  { 0x30000ff0, 0x0017, 0, 0, 0, 0, 0 },
  { 0x2fff1000, 0xffff, 0, 0, 0, 0, 0 },
};

static void make_ldt(void) {
  for (unsigned i = 0; i < sizeof ldt / sizeof *ldt; i++) {
    struct user_desc d = { 0 };
    d.entry_number = i;
    d.base_addr = ldt[i].base;
    d.limit = ldt[i].limit;
    d.seg_32bit = ldt[i].wide;
    d.contents = ldt[i].contents;
    d.read_exec_only = ldt[i].read_only;
    d.limit_in_pages = ldt[i].pages;
    d.seg_not_present = ldt[i].absent;
    d.useable = 1;
    if (syscall(SYS_modify_ldt, 0x11, &d, sizeof d) != 0) _exit(4);
  }
}
#endif

static uint8_t *read_all(size_t *length) {
  size_t capacity = 1 << 20, used = 0;
  uint8_t *data = malloc(capacity);
  for (;;) {
    if (used == capacity) data = realloc(data, capacity *= 2);
    ssize_t n = read(0, data + used, capacity - used);
    if (n <= 0) break;
    used += (size_t)n;
  }
  *length = used;
  return data;
}

int main(void) {
  size_t length;
  uint8_t *data = read_all(&length);
  if (length < TOTAL) return 2;
  memcpy(template, data, TOTAL);
  cases = malloc((length / SHORT_INPUT + 1) * sizeof *cases);
  for (size_t position = TOTAL; position + SHORT_INPUT <= length; case_count++) {
    struct input *c = (struct input *)(data + position);
    cases[case_count] = c;
    position += c->with_float ? sizeof *c : SHORT_INPUT;
  }
  unsigned at = 0;
  for (int r = 0; r < REGIONS; at += region[r].size, r++) {
    void *p = mmap((void *)region[r].base, region[r].size, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p == MAP_FAILED && r == 3) continue;
    if (p == MAP_FAILED) return 5;
    if (r == 3) low_mapped = 1;
    memcpy(p, template + at, region[r].size);
    mprotect(p, region[r].size, region[r].protection);
  }
#ifdef __x86_64__
  __asm__ volatile("rdfsbase %0" : "=r"(home_fs));
#else
  __asm__ volatile("mov %%gs, %0" : "=r"(home_gs));
  make_ldt();
#endif
  out = malloc((size_t)case_count * (sizeof(struct output) + IMAGE + 4 * 1024) + TOTAL * 4);
  stack_t alternate = { 0 };
  alternate.ss_size = 1 << 16;
  alternate.ss_sp = malloc(alternate.ss_size);
  sigaltstack(&alternate, 0);
  struct sigaction action = { 0 };
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaddset(&action.sa_mask, SIGVTALRM);
  static const int signals[] = { SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGUSR1, SIGVTALRM };
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, 0);
  struct itimerval timer = { { 0, 100000 }, { 0, 100000 } };
  setitimer(ITIMER_VIRTUAL, &timer, 0);
  raise(SIGUSR1);
  return 6;
}
