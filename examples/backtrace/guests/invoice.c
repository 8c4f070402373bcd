// Adds up an invoice, one line of which has no pieces: its price per piece is a division by zero, some calls deep.
// Built with debug information, for ../backtrace.rs.
#include "invoice.h"

static const struct line lines[] = {
    {.pieces = 4, .price = 1000},
    {.pieces = 5, .price = 750},
    {.pieces = 0, .price = 99},
};

__attribute__((noinline)) static int cheapest(const struct line *line, int so_far) {
    int price = price_per_piece(line);
    return price < so_far ? price : so_far;
}

__attribute__((noinline)) static int cheapest_of(int count) {
    int cheapest_so_far = 1 << 30;
    for (int i = 0; i < count; i++) {
        cheapest_so_far = cheapest(&lines[i], cheapest_so_far);
    }
    return cheapest_so_far;
}

__attribute__((export_name("discount"))) int discount(int count) {
    return cheapest_of(count) / 10;
}
