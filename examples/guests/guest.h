/* What every C guest shares: its exports, and the buffer the host writes a request to. */
#ifndef GUEST_H
#define GUEST_H

#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name))) name

static char request[4096];

/* Where the host may write a request of `len` bytes; null if that is too long. */
char *EXPORT(buffer)(size_t len) { return len <= sizeof request ? request : NULL; }

/* Answers the request in `ptr[..len]`; returns the answer's address and length in one word. */
uint64_t EXPORT(handle)(const char *ptr, size_t len);

#endif
