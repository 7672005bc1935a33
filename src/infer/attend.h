/* Attention of rows of tokens over their paths in the KV forest, as the callback of tj_infer.
 *
 * A block holds, for each layer, the keys [D, T] of each KV head and then the values [T, Dv] of
 * each (T tokens; Dv: D padded to whole vectors), in f32, or in bf16 where the model computes in
 * bf16.
 *
 *     block: layer 0: K [G,D,T], V [G,T,Dv] | layer 1: ...
 *
 * Ownership: a call borrows everything; the engine lays it out anew for each call of tj_infer.
 * Threads:   items, one for each KV head of a few rows, are shared out among threads; what a row
 * gets depends on its q and on the keys and values of its path alone.
 */
#ifndef TJ_INFER_ATTEND_H
#define TJ_INFER_ATTEND_H

#include <stdbool.h>
#include <stddef.h>

#include "infer/infer_kernels.h"
#include "infer/kvforest.h"
#include "nn/nn.h"

typedef struct tj_attn_layout {
    const tj_model_config *cfg; /* borrowed */
    const tj_infer_kernels *kernels;
    tj_dtype dtype;
    size_t block_tokens; /* T, a multiple of TJ_KV_LANES */
    size_t value_width;  /* Dv */
    size_t block_bytes;
} tj_attn_layout;

/* Errors: TJ_E_INVAL (block_tokens not a positive multiple of TJ_KV_LANES), TJ_E_LIMIT (a block
 * has more bytes than a size_t). */
TJ_MUST_USE tj_code tj_attn_layout_init(tj_attn_layout *layout, const tj_model_config *cfg,
                                        tj_dtype dtype, size_t block_tokens, tj_err *err);

/* One row: the token at path position pos of the path that chunks [n_chunks] spell from position 0
 * on (they may go on past pos). */
typedef struct tj_attn_row {
    const tj_kvchunk *chunks;
    size_t n_chunks;
    size_t pos;
    unsigned char *block; /* its own place in the cache; NULL: it is stored already */
    size_t slot;
} tj_attn_row;

typedef struct tj_attn_call {
    const tj_attn_layout *layout;
    const tj_attn_row *rows; /* [n_rows], those of tj_infer */
    size_t n_rows;
    size_t max_len; /* every row's pos is below it */
    float *scratch; /* [tj_par_threads(), tj_attn_scratch_floats of max_len] */
    size_t *common; /* [n_rows]; set by tj_attn_attend, for each bundle of rows: the path positions
                     * that lie in the same places of the cache for all of them */
    /* set by tj_attn_attend, alike for every item of the call */
    size_t bundle_rows, scratch_floats;
} tj_attn_call;

/* Floats of one thread's scratch for rows at positions below max_len; a multiple of 16.
 * SIZE_MAX when that cannot be counted. */
size_t tj_attn_scratch_floats(const tj_attn_layout *layout, size_t max_len);

/* What tj_infer is to call: stores k and v of all rows that have a block, then attends, so that
 * rows see the earlier rows of the same call. The call is borrowed. */
tj_attend tj_attn_attend(tj_attn_call *call);

#endif
