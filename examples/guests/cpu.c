/* A well-behaved guest that computes for a millisecond or two: counts the primes below a number by Eratosthenes' sieve,
   and checks its own result by trial division of the last prime. */
#include "guest.h"

#define DEFAULT 300000u
#define LIMIT 1000000u

static uint8_t composite[LIMIT];
static char answer[64];

static uint32_t parse(const char *ptr, size_t len) {
  uint32_t n = 0;
  for (size_t i = 0; i < len; i++) {
    if (ptr[i] < '0' || ptr[i] > '9' || n > LIMIT) return DEFAULT;
    n = n * 10 + (uint32_t)(ptr[i] - '0');
  }
  return n == 0 || n > LIMIT ? DEFAULT : n;
}

static size_t print(char *out, uint32_t n) {
  char digits[10];
  size_t len = 0;
  do digits[len++] = (char)('0' + n % 10); while (n /= 10);
  for (size_t i = 0; i < len; i++) out[i] = digits[len - 1 - i];
  return len;
}

static int is_prime(uint32_t n) {
  for (uint32_t d = 2; d * d <= n; d++)
    if (n % d == 0) return 0;
  return n > 1;
}

uint64_t handle(const char *ptr, size_t len) {
  uint32_t n = parse(ptr, len), count = 0, last = 2;
  for (uint32_t i = 2; i < n; i++) {
    if (composite[i]) continue;
    count++;
    last = i;
    for (uint64_t j = (uint64_t)i * i; j < n; j += i) composite[j] = 1;
  }
  if (!is_prime(last)) __builtin_trap();
  size_t end = print(answer, count);
  for (const char *s = " primes below "; *s; s++) answer[end++] = *s;
  end += print(answer + end, n);
  answer[end++] = '\n';
  return (uint64_t)(uintptr_t)answer << 32 | end;
}
