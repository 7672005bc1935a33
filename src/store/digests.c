/* Digests of what a run made. In form 2 a row is written as, for each column, a letter for its type
 * (n, i, r, t, b); then of integers and reals their 8 bytes, of texts and blobs their length in 8
 * bytes and their bytes; numbers little-endian. The digest is SHA-256 over all rows.
 *
 * Form 1, of schemas 1 and 2, wrote numbers as decimal text with their length, had fewer columns,
 * and folded pieces of a megabyte. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/inner.h"

#define FLUSH_BYTES ((size_t)1 << 16)

/* The same in both forms. */
#define NODES                                                                                      \
    "SELECT n.tree, n.ordinal, n.parent, n.depth, n.sampled, n.ids, n.logprobs, n.text, n.key,"    \
    " n.state, n.draw, n.valid, n.solvable, n.terminal, n.correct, n.pruned, n.n_duplicates"       \
    " FROM tree t CROSS JOIN node n ON n.tree = t.id WHERE t.run = ? ORDER BY t.ordinal,"          \
    " n.ordinal"
#define DATA_FILES                                                                                 \
    "SELECT ordinal, set_id, path, format, split, source, licence, framing, compression, digest,"  \
    " content_bytes, content_digest, n_records, n_refused FROM data_file WHERE run = ?"            \
    " ORDER BY ordinal"
#define RECORDS                                                                                    \
    "SELECT f.ordinal, r.number, r.line, r.problem, r.tree, r.meta FROM data_file f"               \
    " CROSS JOIN record r ON r.file = f.id WHERE f.run = ? ORDER BY f.ordinal, r.number"
#define REFUSALS                                                                                   \
    "SELECT f.ordinal, r.number, r.line, r.field, r.reason FROM data_file f"                       \
    " CROSS JOIN refusal r ON r.file = f.id WHERE f.run = ? ORDER BY f.ordinal, r.number"
#define SOLUTIONS                                                                                  \
    "SELECT f.ordinal, s.number, s.ordinal, s.role, s.author, s.text, s.answer, s.correct,"        \
    " s.labeller, s.n_steps FROM data_file f CROSS JOIN solution s ON s.file = f.id"               \
    " WHERE f.run = ? ORDER BY f.ordinal, s.number, s.ordinal"
#define SOLUTION_STEPS                                                                             \
    "SELECT t.ordinal, t.text, t.label FROM data_file f"                                           \
    " CROSS JOIN solution s ON s.file = f.id CROSS JOIN solution_step t ON t.solution = s.id"      \
    " WHERE f.run = ? ORDER BY f.ordinal, s.number, s.ordinal, t.ordinal"
#define NODE_META                                                                                  \
    "SELECT t.ordinal, m.node, m.json FROM tree t CROSS JOIN node_meta m ON m.tree = t.id"         \
    " WHERE t.run = ? ORDER BY t.ordinal, m.node"

/* CROSS JOIN keeps the order of the tables, so that the indexes give that of the rows. A kind keeps
 * its place: it is the row's ordinal in run_output. */
static const struct {
    const char *name, *sql;
    const char *sql_1; /* in form 1; NULL: it had no such kind */
} kinds[TJ_N_ROW_KINDS] = {
    {"problem_set",
     "SELECT id, name, task, config, digest FROM problem_set WHERE run = ? ORDER BY id",
     "SELECT name, task, config, digest FROM problem_set WHERE run = ? ORDER BY id"},
    {"problem",
     "SELECT p.id, p.set_id, p.split, p.ordinal, p.json, p.digest, p.difficulty FROM problem_set s"
     " CROSS JOIN problem p ON p.set_id = s.id WHERE s.run = ? ORDER BY s.id, p.split, p.ordinal",
     "SELECT p.split, p.ordinal, p.json, p.difficulty FROM problem p JOIN problem_set s"
     " ON p.set_id = s.id WHERE s.run = ? ORDER BY p.id"},
    {"tokenizer", "SELECT id, name, hash, json FROM tokenizer WHERE run = ? ORDER BY id",
     "SELECT name, hash, json FROM tokenizer WHERE run = ? ORDER BY id"},
    {"model",
     "SELECT id, name, family, config, path, digest, parent, tokenizer FROM model WHERE run = ?"
     " ORDER BY id",
     "SELECT name, family, config, path, digest, parent FROM model WHERE run = ? ORDER BY id"},
    {"model_file",
     "SELECT f.model, f.name, f.n_bytes, f.digest FROM model m"
     " CROSS JOIN model_file f ON f.model = m.id WHERE m.run = ? ORDER BY m.id, f.name",
     "SELECT f.name, f.n_bytes, f.digest FROM model_file f JOIN model m ON f.model = m.id"
     " WHERE m.run = ? ORDER BY m.id, f.name"},
    {"tree",
     "SELECT t.id, t.ordinal, t.problem, t.model, t.tokenizer, t.seed, t.stream, t.prompt_ids,"
     " t.first, s.run, s.set_id, s.problem, s.n_nodes, s.depth, s.n_leaves, s.n_correct,"
     " s.n_tokens FROM tree t LEFT JOIN tree_summary s ON s.tree = t.id WHERE t.run = ?"
     " ORDER BY t.ordinal",
     "SELECT ordinal, problem, model, tokenizer, seed, stream, prompt_ids, first FROM tree"
     " WHERE run = ? ORDER BY ordinal"},
    {"node", NODES, NODES},
    {"reward",
     "SELECT r.tree, r.node, r.ordinal, w.name, r.rewarder, r.meaning, r.value, r.reason,"
     " r.judgement FROM (SELECT DISTINCT tree FROM tree_reward WHERE run = ?1) x"
     " CROSS JOIN reward r ON r.tree = x.tree AND r.run = ?1"
     " CROSS JOIN rewarder w ON w.id = r.rewarder ORDER BY r.tree, r.ordinal",
     "SELECT r.node, r.ordinal, w.name, r.meaning, r.value, r.reason FROM tree t"
     " CROSS JOIN reward r ON r.tree = t.id AND r.run = t.run"
     " CROSS JOIN rewarder w ON w.id = r.rewarder WHERE t.run = ? ORDER BY t.ordinal, r.ordinal"},
    {"thought",
     "SELECT id, ordinal, problem, tree, tokenizer, kind, text, ids, n_backtracks, config, origin,"
     " meta FROM thought WHERE run = ? ORDER BY ordinal",
     "SELECT ordinal, problem, tree, kind, text, ids, n_backtracks, config FROM thought"
     " WHERE run = ? ORDER BY ordinal"},
    {"span",
     "SELECT s.thought, s.ordinal, s.begin_byte, s.end_byte, s.ids_begin, s.ids_end, s.action,"
     " s.node, s.on_path, s.editor, s.editor_name, s.mark, s.annotation, s.back_to, s.value"
     " FROM thought t CROSS JOIN span s ON s.thought = t.id WHERE t.run = ?"
     " ORDER BY t.ordinal, s.ordinal",
     "SELECT s.thought, s.ordinal, s.begin_byte, s.end_byte, s.ids_begin, s.ids_end, s.action,"
     " s.node, s.on_path FROM thought t CROSS JOIN span s ON s.thought = t.id WHERE t.run = ?"
     " ORDER BY t.ordinal, s.ordinal"},
    {"output",
     "SELECT id, ordinal, problem, model, tokenizer, sampling, seed, stream, draw, text, ids,"
     " logprobs, n_tokens, finish, correct, metrics FROM output WHERE run = ? ORDER BY ordinal",
     "SELECT ordinal, problem, model, sampling, seed, stream, draw, text, ids, logprobs, n_tokens,"
     " finish, correct, metrics FROM output WHERE run = ? ORDER BY ordinal"},
    {"data_file", DATA_FILES, DATA_FILES},
    {"record", RECORDS, RECORDS},
    {"refusal", REFUSALS, REFUSALS},
    {"solution", SOLUTIONS, SOLUTIONS},
    {"solution_step", SOLUTION_STEPS, SOLUTION_STEPS},
    {"node_meta", NODE_META, NODE_META},
    {"rewarder",
     "SELECT id, name, kind, model, url, config FROM rewarder WHERE run = ? ORDER BY id", NULL},
    {"judgement",
     "SELECT id, ordinal, rewarder, tree, node, failed, n_tries, answer, error, tokens, seconds, "
     "money,"
     " time_us FROM judgement WHERE run = ? ORDER BY ordinal",
     NULL},
    {"tree_reward",
     "SELECT tree, rewarder, meaning, n, low, high, total FROM tree_reward WHERE run = ?"
     " ORDER BY tree, rewarder, meaning",
     NULL},
    {"annotation",
     "SELECT id, tree, node, thought, span, author, kind, text, time_us, supersedes"
     " FROM annotation WHERE run = ? ORDER BY id",
     NULL},
    {"metric", "SELECT name, at, value FROM metric WHERE run = ? ORDER BY name, at", NULL},
};

const char *tj_row_kind_name(size_t kind)
{
    return kinds[kind].name;
}

/* ------------------------------------------------------------------ form 1 */

static void add_column_1(tj_buf *out, tj_stmt *st, int column)
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

static tj_code digest_1(char out[TJ_SHA256_HEX], size_t *n_rows, tj_stmt *st, tj_err *err)
{
    bool row = false;
    tj_buf piece;
    tj_code rc;
    tj_buf_init(&piece);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        for (int c = 0; c < tj_stmt_n_columns(st); c++) {
            add_column_1(&piece, st, c);
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
    return rc;
}

/* ------------------------------------------------------------------ form 2 */

static void add_number(tj_buf *out, char letter, uint64_t bits)
{
    char bytes[9] = {letter};
    for (size_t i = 0; i < 8; i++) {
        bytes[1 + i] = (char)(unsigned char)(bits >> (8 * i) & 0xffU);
    }
    tj_buf_add(out, bytes, sizeof bytes);
}

static void add_bytes(tj_buf *out, char letter, tj_stmt *st, int column)
{
    size_t n;
    const void *bytes = tj_stmt_get_bytes(st, column, &n);
    add_number(out, letter, n);
    if (n > 0) {
        tj_buf_add(out, bytes, n);
    }
}

static void add_column(tj_buf *out, tj_stmt *st, int column)
{
    double real;
    uint64_t bits;
    switch (tj_stmt_type(st, column)) {
    case TJ_COLUMN_NULL:
        tj_buf_char(out, 'n');
        break;
    case TJ_COLUMN_INT:
        add_number(out, 'i', tj_stmt_get_u64(st, column));
        break;
    case TJ_COLUMN_REAL:
        real = tj_stmt_get_real(st, column);
        memcpy(&bits, &real, sizeof bits);
        add_number(out, 'r', bits);
        break;
    case TJ_COLUMN_TEXT:
        add_bytes(out, 't', st, column);
        break;
    case TJ_COLUMN_BLOB:
        add_bytes(out, 'b', st, column);
        break;
    }
}

static tj_code digest_2(char out[TJ_SHA256_HEX], size_t *n_rows, tj_stmt *st, tj_err *err)
{
    bool row = false;
    tj_buf some;
    tj_sha256 hash;
    tj_code rc;
    tj_buf_init(&some);
    tj_sha256_begin(&hash);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        for (int c = 0; c < tj_stmt_n_columns(st); c++) {
            add_column(&some, st, c);
        }
        (*n_rows)++;
        if (some.len > FLUSH_BYTES && !some.failed) {
            tj_sha256_add(&hash, tj_buf_text(&some), some.len);
            tj_buf_clear(&some);
        }
    }
    if (rc == TJ_OK) {
        rc = tj_buf_check(&some, err);
        tj_sha256_add(&hash, tj_buf_text(&some), some.len);
    }
    tj_sha256_end(&hash, out);
    tj_buf_deinit(&some);
    return rc;
}

tj_code tj_list_digest(tj_store *store, char out[TJ_SHA256_HEX], tj_run_list_kind list, int64_t run,
                       tj_err *err)
{
    static const char *const lists[] = {
        "SELECT ordinal, role, kind, ref, digest FROM run_input WHERE run = ? ORDER BY ordinal",
        "SELECT ordinal, kind, name, n_rows, digest FROM run_output WHERE run = ?"
        " ORDER BY ordinal"};
    tj_stmt *st;
    size_t n_rows = 0;
    tj_code rc = tj_stmt_open(&st, store->db, lists[list], err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    rc = digest_2(out, &n_rows, st, err);
    tj_stmt_close(st);
    return rc;
}

tj_code tj_rows_digest(tj_store *store, char out[TJ_SHA256_HEX], size_t *n_rows, size_t kind,
                       int64_t form, int64_t run, tj_err *err)
{
    tj_stmt *st;
    const char *sql = form == 1 ? kinds[kind].sql_1 : kinds[kind].sql;
    *n_rows = 0;
    out[0] = 0;
    if (sql == NULL) {
        return TJ_OK;
    }
    tj_code rc = tj_stmt_open(&st, store->db, sql, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    rc = form == 1 ? digest_1(out, n_rows, st, err) : digest_2(out, n_rows, st, err);
    tj_stmt_close(st);
    return rc;
}
