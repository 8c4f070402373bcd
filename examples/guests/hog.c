/* A hostile guest: takes memory, and touches it, for as long as the host gives it any. */
#include "guest.h"

#define WASM_PAGE 65536u
#define HOST_PAGE 4096u

uint64_t handle(const char *ptr, size_t len) {
  for (;;) {
    size_t page = __builtin_wasm_memory_grow(0, 1);
    if (page == (size_t)-1) continue;
    for (size_t i = 0; i < WASM_PAGE; i += HOST_PAGE)
      ((volatile char *)(page * WASM_PAGE))[i] = 1;
  }
}
