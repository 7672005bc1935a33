/* The rows of choices: read whole before anything is scored, so that a damaged one is told at once.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "stage/contamination.h"
#include "stage/eval_inner.h"

#define MAX_ROW_DEPTH 8
#define MAX_CHOICES   256

/* ------------------------------------------------------------ a row */

static tj_str text_of(const json_t *value)
{
    return (tj_str){json_string_value(value), json_string_length(value)};
}

tj_str tj_choice_query(const tj_choice_row *row)
{
    return text_of(json_object_get(row->json, "query"));
}

tj_str tj_choice_text(const tj_choice_row *row, size_t choice)
{
    return text_of(json_array_get(json_object_get(row->json, "choices"), choice));
}

static size_t n_characters(tj_str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        n += ((unsigned char)text.s[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return n;
}

size_t tj_choice_best(const tj_choice_row *row)
{
    size_t best = 0;
    for (size_t i = 1; i < row->n; i++) {
        best = row->scores[i].logprob > row->scores[best].logprob ? i : best;
    }
    return best;
}

/* The log-likelihood of a choice a character; no choice is empty. */
static double norm_of(const tj_choice_row *row, size_t choice)
{
    return row->scores[choice].logprob / (double)n_characters(tj_choice_text(row, choice));
}

size_t tj_choice_best_norm(const tj_choice_row *row)
{
    size_t best = 0;
    for (size_t i = 1; i < row->n; i++) {
        best = norm_of(row, i) > norm_of(row, best) ? i : best;
    }
    return best;
}

/* The index of the right choice, which may be named by its text. */
static tj_code read_row(tj_choice_row *out, tj_err *err)
{
    const json_t *choices = json_object_get(out->json, "choices");
    const json_t *right = json_object_get(out->json, "gold");
    out->n = json_array_size(choices);
    out->gold = SIZE_MAX;
    if (!json_is_string(json_object_get(out->json, "query"))) {
        return tj_fail(err, TJ_E_PARSE, "query: expected text");
    }
    if (out->n == 0 || out->n > MAX_CHOICES) {
        return tj_fail(err, TJ_E_PARSE, "choices: expected a list of 1 to %d texts", MAX_CHOICES);
    }
    for (size_t i = 0; i < out->n; i++) {
        const json_t *choice = json_array_get(choices, i);
        if (json_string_length(choice) == 0) {
            return tj_fail(err, TJ_E_PARSE, "choices: number %zu is not a text, or empty", i);
        }
        if (json_is_string(right) && json_equal(choice, right) && out->gold == SIZE_MAX) {
            out->gold = i;
        }
    }
    if (json_is_integer(right) && json_integer_value(right) >= 0) {
        out->gold = (size_t)json_integer_value(right);
    }
    return out->gold < out->n
               ? TJ_OK
               : tj_fail(err, TJ_E_PARSE,
                         "gold: expected the index of a choice (from 0), or its text");
}

/* ------------------------------------------------------------ the file */

static tj_code add_row(tj_choice_rows *r, const char *text, size_t n, size_t line, tj_err *err)
{
    if (r->n == TJ_EVAL_MAX_PROBLEMS) {
        return tj_fail(err, TJ_E_LIMIT, "more than %zu rows", TJ_EVAL_MAX_PROBLEMS);
    }
    if (!tj_grow(&r->rows, &r->cap, r->n + 1, sizeof *r->rows)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu rows", r->n + 1);
    }
    tj_choice_row *row = &r->rows[r->n];
    *row = (tj_choice_row){.line = line};
    tj_code rc = tj_json_parse(&row->json, text, n, MAX_ROW_DEPTH, "a row", err);
    if (rc == TJ_OK) {
        r->n++; /* from now on it is freed with the others */
        rc = read_row(row, err);
    }
    return rc;
}

static tj_code add_all(tj_choice_rows *r, const char *text, size_t len, size_t limit, size_t *line,
                       tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t at = 0; at < len && rc == TJ_OK && (limit == 0 || r->n < limit);) {
        const char *newline = memchr(text + at, '\n', len - at);
        size_t n = newline == NULL ? len - at : (size_t)(newline - (text + at));
        ++*line;
        if (n > 0) {
            rc = add_row(r, text + at, n, *line, err);
        }
        at += n + 1;
    }
    return rc;
}

tj_code tj_choice_rows_parse(tj_choice_rows *out, const char *bytes, size_t n_bytes,
                             const char *path, size_t limit, tj_err *err)
{
    size_t line = 0;
    memset(out, 0, sizeof *out);
    tj_sha256_hex(out->digest, bytes, n_bytes);
    tj_code rc = add_all(out, bytes, n_bytes, limit, &line, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s:%zu", path, line);
    }
    return rc == TJ_OK && out->n == 0 ? tj_fail(err, TJ_E_PARSE, "%s has no rows", path) : rc;
}

tj_code tj_choice_rows_open(tj_choice_rows *out, const char *path, size_t limit, tj_err *err)
{
    tj_fs_map map = {NULL, 0};
    memset(out, 0, sizeof *out);
    tj_code rc = tj_fs_map_open(&map, path, err);
    if (rc == TJ_OK) {
        const char *bytes = map.n_bytes == 0 ? "" : (const char *)map.data;
        rc = tj_choice_rows_parse(out, bytes, map.n_bytes, path, limit, err);
        tj_fs_map_close(&map);
    }
    return rc;
}

void tj_choice_rows_close(tj_choice_rows *r)
{
    for (size_t i = 0; i < r->n; i++) {
        json_decref(r->rows[i].json);
        tj_free(r->rows[i].scores);
    }
    tj_free(r->rows);
    memset(r, 0, sizeof *r);
}

/* ------------------------------------------------------------ contamination */

tj_code tj_texts_of_choices(tj_texts *out, const char *path, tj_err *err)
{
    tj_choice_rows rows;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_choice_rows_open(&rows, path, 0, err);
    for (size_t i = 0; i < rows.n && rc == TJ_OK; i++) {
        tj_str query = tj_choice_query(&rows.rows[i]);
        if (query.n > 0) { /* one without a query asks for nothing that could be known */
            rc = tj_texts_add(out, (int64_t)i + 1, query.s, query.n, err);
        }
    }
    tj_choice_rows_close(&rows);
    if (rc != TJ_OK) {
        tj_texts_deinit(out);
    }
    return rc;
}
