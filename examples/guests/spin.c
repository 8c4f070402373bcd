/* A hostile guest: an endless loop. */
#include "guest.h"

uint64_t handle(const char *ptr, size_t len) {
  volatile uint32_t turns = 0;
  for (;;) turns++;
}
