// A line of an invoice.
struct line {
    int pieces;
    int price;
};

static inline int price_per_piece(const struct line *line) {
    return line->price / line->pieces;
}
