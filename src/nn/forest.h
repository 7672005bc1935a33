/* The forest's inside, for the rest of nn: its layout as the kernels see it.
 *
 * Tokens are laid out in depth-first preorder, so that the tokens below a segment are a contiguous
 * range that begins with it. Then one integer a key says who sees it:
 *
 *     query q sees key k  <=>  k <= q < end[k]      (and, with a window, pos[q] - pos[k] < window)
 *
 * where end[k] is one past the last token below k's segment.
 */
#ifndef TJ_NN_FOREST_H
#define TJ_NN_FOREST_H

#include <stdint.h>

#include "nn/nn.h"

typedef struct tj_layout {
    size_t n_tokens; /* N */
    size_t n_padded; /* N rounded up to whole tiles; rows past N are zero and see nothing */
    int32_t *ids;    /* [n_padded] */
    uint32_t *pos;   /* [n_padded] */
    uint32_t *end;   /* [n_padded] 0 for padding */
    uint32_t *root;  /* [n_padded] first token of the tree it is in */
    size_t n_trees;
    uint32_t *tree_begin; /* [n_trees + 1] */
    /* Unique positions that have loss rows, ascending, and the rows of each (CSR). */
    size_t n_pos;        /* P */
    uint32_t *loss_pos;  /* [P] token index */
    uint32_t *row_begin; /* [P + 1] */
    uint32_t *rows;      /* [R] row numbers */
    int32_t *target;     /* [R] by row number */
    uint32_t *value_tok; /* [n value rows] token index */
    size_t n_rows, n_values;
    /* Capacities, in items, of the arrays above; scratch. */
    size_t cap_tokens, cap_trees, cap_pos, cap_rows, cap_values, cap_segments;
    size_t *seg_first, *seg_child, *seg_next, *seg_size; /* [n_segments] */
    uint32_t *pos_of; /* [n_padded] scratch: position index + 1 of a token */
} tj_layout;

/* Lays a forest out; grows `layout` (zeroed before first use). Rows of tokens are padded to a
 * multiple of `tile`. Errors: TJ_E_NOMEM; TJ_E_INVAL (an id not in [0, n_vocab), a position not
 * below max_positions). */
TJ_MUST_USE tj_code tj_forest_layout(const tj_forest *forest, tj_layout *layout, size_t tile,
                                     size_t n_vocab, size_t max_positions, tj_err *err);
void tj_layout_deinit(tj_layout *layout);

#endif
