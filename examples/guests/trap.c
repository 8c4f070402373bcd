/* A hostile guest: does what its request says, each of which the machine forbids. */
#include "guest.h"

typedef int (*other_type)(double, float);

static int same(const char *ptr, size_t len, const char *word) {
  for (size_t i = 0; i < len; i++)
    if (word[i] != ptr[i]) return 0;
  return word[len] == 0;
}

static volatile int one = 1, zero = 0;
static volatile int lowest = INT32_MIN, minus_one = -1;
static volatile uintptr_t wild = 0xfffffff0u;
static uint64_t (*volatile function)(const char *, size_t) = handle;
static uint64_t (*volatile nowhere)(const char *, size_t) = NULL;

uint64_t handle(const char *ptr, size_t len) {
  if (same(ptr, len, "divide")) return (uint64_t)(one / zero);
  if (same(ptr, len, "bounds")) return *(volatile uint64_t *)wild;
  if (same(ptr, len, "overflow")) return (uint64_t)(lowest / minus_one);
  if (same(ptr, len, "signature")) return (uint64_t)((other_type)function)(1.0, 2.0f);
  if (same(ptr, len, "null")) return nowhere(ptr, len);
  __builtin_trap();
}
