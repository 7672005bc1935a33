/* What a run made, by ordinal. */
#include <stdio.h>

#include "base/alloc.h"
#include "store/inner.h"

static const struct {
    const char *list, *count;
} row_kinds[] = {
    {"SELECT id, row_number() OVER (ORDER BY id) - 1 FROM problem_set WHERE run = ? ORDER BY id",
     "SELECT count(*) FROM problem_set WHERE run = ?"},
    {"SELECT id, row_number() OVER (ORDER BY id) - 1 FROM tokenizer WHERE run = ? ORDER BY id",
     "SELECT count(*) FROM tokenizer WHERE run = ?"},
    {"SELECT id, row_number() OVER (ORDER BY id) - 1 FROM model WHERE run = ? ORDER BY id",
     "SELECT count(*) FROM model WHERE run = ?"},
    {"SELECT id, ordinal FROM tree WHERE run = ? ORDER BY ordinal",
     "SELECT count(*) FROM tree WHERE run = ?"},
    {"SELECT id, ordinal FROM thought WHERE run = ? ORDER BY ordinal",
     "SELECT count(*) FROM thought WHERE run = ?"},
    {"SELECT id, ordinal FROM output WHERE run = ? ORDER BY ordinal",
     "SELECT count(*) FROM output WHERE run = ?"}};

tj_code tj_store_list(tj_store *store, tj_row_ref **rows, size_t *n, tj_row_kind kind, int64_t run,
                      tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    size_t cap = 0;
    *rows = NULL;
    *n = 0;
    tj_code rc = tj_stmt_open(&st, store->db, row_kinds[kind].list, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        if (!tj_grow(rows, &cap, *n + 1, sizeof **rows)) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot list the rows of run %lld", (long long)run);
            break;
        }
        (*rows)[(*n)++] = (tj_row_ref){tj_stmt_get_int(st, 0), tj_stmt_get_size(st, 1)};
    }
    tj_stmt_close(st);
    if (rc != TJ_OK) {
        tj_free(*rows);
        *rows = NULL;
        *n = 0;
    }
    return rc;
}

tj_code tj_store_count(tj_store *store, size_t *n, tj_row_kind kind, int64_t run, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    *n = 0;
    tj_code rc = tj_stmt_open(&st, store->db, row_kinds[kind].count, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    rc = tj_stmt_step(st, &row, err);
    *n = rc == TJ_OK && row ? tj_stmt_get_size(st, 0) : 0;
    tj_stmt_close(st);
    return rc;
}
