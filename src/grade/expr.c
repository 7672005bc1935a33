/* Nodes are plain data in an arena; comparing and printing recurse, which TJ_EX_MAX_DEPTH bounds.
 */
#include "grade/expr.h"

tj_ex *tj_ex_new(tj_arena *arena, tj_ex_kind kind, size_t n_args)
{
    tj_ex *ex = tj_arena_calloc(arena, 1, sizeof *ex);
    const tj_ex **args = tj_arena_calloc(arena, n_args, sizeof *args);
    if (ex == NULL || args == NULL) {
        return NULL;
    }
    ex->kind = kind;
    ex->n_args = (uint32_t)n_args;
    ex->args = args;
    return ex;
}
