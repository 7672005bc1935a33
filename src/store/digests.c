/* Digests of what a run made. A row is written as, for each column, a letter for its type (n, i, r,
 * t, b), the number of bytes, ':' and the bytes; integers and reals as decimal text with 17 digits.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/inner.h"

static const struct {
    const char *name, *sql;
} kinds[TJ_N_ROW_KINDS] = {
    {"problem_set", "SELECT name, task, config, digest FROM problem_set WHERE run = ? ORDER BY id"},
    {"problem", "SELECT p.split, p.ordinal, p.json, p.difficulty FROM problem p JOIN problem_set s"
                " ON p.set_id = s.id WHERE s.run = ? ORDER BY p.id"},
    {"tokenizer", "SELECT name, hash, json FROM tokenizer WHERE run = ? ORDER BY id"},
    {"model", "SELECT m.name, m.family, m.config, m.path, m.digest, m.parent FROM model m"
              " WHERE m.run = ? ORDER BY m.id"},
    {"model_file", "SELECT f.name, f.n_bytes, f.digest FROM model_file f JOIN model m"
                   " ON f.model = m.id WHERE m.run = ? ORDER BY m.id, f.name"},
    {"tree", "SELECT ordinal, problem, model, tokenizer, seed, stream, prompt_ids, first FROM tree"
             " WHERE run = ? ORDER BY ordinal"},
    {"node", "SELECT n.* FROM tree t JOIN node n ON n.tree = t.id WHERE t.run = ?"
             " ORDER BY t.ordinal, n.ordinal"},
    {"reward", "SELECT r.node, r.ordinal, r.rewarder, r.meaning, r.value, r.reason FROM tree t"
               " JOIN reward r ON r.tree = t.id AND r.run = t.run WHERE t.run = ?"
               " ORDER BY t.ordinal, r.ordinal"},
    {"thought", "SELECT ordinal, problem, tree, kind, text, ids, n_backtracks, config FROM thought"
                " WHERE run = ? ORDER BY ordinal"},
    {"span", "SELECT s.* FROM thought t JOIN span s ON s.thought = t.id WHERE t.run = ?"
             " ORDER BY t.ordinal, s.ordinal"},
    {"output", "SELECT ordinal, problem, model, sampling, seed, stream, draw, text, ids, logprobs,"
               " n_tokens, finish, correct, metrics FROM output WHERE run = ? ORDER BY ordinal"},
    /* CROSS JOIN keeps the order of the tables, so that the indexes give that of the rows */
    {"data_file", "SELECT ordinal, set_id, path, format, split, source, licence, framing,"
                  " compression, digest, content_bytes, content_digest, n_records, n_refused"
                  " FROM data_file WHERE run = ? ORDER BY ordinal"},
    {"record", "SELECT f.ordinal, r.number, r.line, r.problem, r.tree, r.meta FROM data_file f"
               " CROSS JOIN record r ON r.file = f.id WHERE f.run = ?"
               " ORDER BY f.ordinal, r.number"},
    {"refusal", "SELECT f.ordinal, r.number, r.line, r.field, r.reason FROM data_file f"
                " CROSS JOIN refusal r ON r.file = f.id WHERE f.run = ?"
                " ORDER BY f.ordinal, r.number"},
    {"solution", "SELECT f.ordinal, s.number, s.ordinal, s.role, s.author, s.text, s.answer,"
                 " s.correct, s.labeller, s.n_steps FROM data_file f"
                 " CROSS JOIN solution s ON s.file = f.id WHERE f.run = ?"
                 " ORDER BY f.ordinal, s.number, s.ordinal"},
    {"solution_step", "SELECT t.ordinal, t.text, t.label FROM data_file f"
                      " CROSS JOIN solution s ON s.file = f.id"
                      " CROSS JOIN solution_step t ON t.solution = s.id WHERE f.run = ?"
                      " ORDER BY f.ordinal, s.number, s.ordinal, t.ordinal"},
    {"node_meta", "SELECT t.ordinal, m.node, m.json FROM tree t"
                  " CROSS JOIN node_meta m ON m.tree = t.id WHERE t.run = ?"
                  " ORDER BY t.ordinal, m.node"},
};

const char *tj_row_kind_name(size_t kind)
{
    return kinds[kind].name;
}

static void add_column(tj_buf *out, tj_stmt *st, int column)
{
    char number[40];
    const void *bytes = number;
    size_t n = 0;
    char letter = 'n';
    switch (tj_stmt_type(st, column)) {
    case TJ_COLUMN_NULL:
        break;
    case TJ_COLUMN_INT:
        letter = 'i';
        n = (size_t)snprintf(number, sizeof number, "%" PRId64, tj_stmt_get_int(st, column));
        break;
    case TJ_COLUMN_REAL:
        letter = 'r';
        n = (size_t)snprintf(number, sizeof number, "%.17g", tj_stmt_get_real(st, column));
        break;
    case TJ_COLUMN_TEXT:
        letter = 't';
        bytes = tj_stmt_get_bytes(st, column, &n);
        break;
    case TJ_COLUMN_BLOB:
        letter = 'b';
        bytes = tj_stmt_get_bytes(st, column, &n);
        break;
    }
    tj_buf_printf(out, "%c%zu:", letter, n);
    if (n > 0) {
        tj_buf_add(out, bytes, n);
    }
}

/* Rows are chained in pieces of about a megabyte: digest = SHA-256(digest so far, piece). */
static void fold(char digest[TJ_SHA256_HEX], tj_buf *piece)
{
    tj_buf whole;
    tj_buf_init(&whole);
    tj_buf_str(&whole, digest);
    tj_buf_add(&whole, tj_buf_text(piece), piece->len);
    tj_sha256_hex(digest, tj_buf_text(&whole), whole.len);
    tj_buf_deinit(&whole);
    tj_buf_clear(piece);
}

tj_code tj_rows_digest(tj_store *store, char out[TJ_SHA256_HEX], size_t *n_rows, size_t kind,
                       int64_t run, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_buf piece;
    *n_rows = 0;
    out[0] = 0;
    tj_code rc = tj_stmt_open(&st, store->db, kinds[kind].sql, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_buf_init(&piece);
    tj_stmt_int(st, run);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        for (int c = 0; c < tj_stmt_n_columns(st); c++) {
            add_column(&piece, st, c);
        }
        (*n_rows)++;
        if (piece.len > 1 << 20) {
            fold(out, &piece);
        }
    }
    if (rc == TJ_OK) {
        rc = tj_buf_check(&piece, err);
        fold(out, &piece);
    }
    tj_buf_deinit(&piece);
    tj_stmt_close(st);
    return rc;
}
