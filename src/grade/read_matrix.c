/* Matrices, and the lines of systems: LaTeX's environments and lists of lists. */
#include "grade/reader.h"

typedef struct rows {
    tj_nodes cells;
    uint32_t n_rows;
    size_t n_columns;
} rows;

static bool end_row(tj_reader *r, rows *m, size_t n_cells)
{
    if (m->n_rows > 0 && n_cells != m->n_columns) {
        tj_reader_fail(r, "rows of equal length");
        return false;
    }
    m->n_columns = n_cells;
    m->n_rows++;
    return true;
}

static const tj_ex *matrix_of(tj_reader *r, const rows *m)
{
    for (size_t i = 0; i < m->cells.n; i++) {
        if (!tj_ex_is_value(m->cells.items[i])) {
            return tj_reader_fail(r, "values in a matrix");
        }
    }
    tj_ex *ex = tj_reader_from(r, TJ_EX_MATRIX, &m->cells);
    if (ex != NULL) {
        ex->n_rows = m->n_rows;
    }
    return ex;
}

/* ------------------------------------------------------------ environments */

static bool read_cells(tj_reader *r, rows *m)
{
    while (!tj_reader_at(r, TJ_TOK_ENV_END)) {
        size_t before = m->cells.n;
        do {
            if (!tj_nodes_add(r, &m->cells, tj_reader_sum(r))) {
                return false;
            }
        } while (tj_reader_accept(r, TJ_TOK_AMP));
        if (!end_row(r, m, m->cells.n - before)) {
            return false;
        }
        if (!tj_reader_accept(r, TJ_TOK_NEWLINE) && !tj_reader_at(r, TJ_TOK_ENV_END)) {
            tj_reader_fail(r, "'&', '\\\\' or the end of a matrix");
            return false;
        }
    }
    if (m->n_rows == 0) {
        tj_reader_fail(r, "a matrix that is not empty");
    }
    return r->rc == TJ_OK;
}

static const tj_ex *read_matrix(tj_reader *r, tj_tok_env env)
{
    rows m = {0};
    tj_place place = r->place;
    unsigned n_bars = r->n_bars;
    bool bar_separates = r->bar_separates;
    r->place = TJ_PLACE_SCALAR;
    r->n_bars = 0;
    r->bar_separates = false;
    bool ok = read_cells(r, &m);
    r->place = place;
    r->n_bars = n_bars;
    r->bar_separates = bar_separates;
    const tj_ex *matrix = ok ? matrix_of(r, &m) : NULL;
    return matrix == NULL || env == TJ_ENV_MATRIX
               ? matrix
               : tj_reader_call(r, env == TJ_ENV_DET ? TJ_FN_DET : TJ_FN_ABS, matrix, NULL);
}

/* A line of cases: a statement, or a value and the condition under which it is one. */
static const tj_ex *read_line(tj_reader *r)
{
    const tj_ex *ex = tj_reader_statement(r);
    if (ex == NULL || ex->kind == TJ_EX_RELATION) {
        tj_reader_accept(r, TJ_TOK_COMMA);
        return ex;
    }
    bool comma = tj_reader_accept(r, TJ_TOK_COMMA);
    comma = tj_reader_accept(r, TJ_TOK_COMMA) || comma;
    bool word = tj_reader_accept_word(r, "if") || tj_reader_accept_word(r, "for") ||
                tj_reader_accept_word(r, "when") || tj_reader_accept_word(r, "where");
    if ((!comma && !word) || tj_reader_at(r, TJ_TOK_NEWLINE) || tj_reader_at(r, TJ_TOK_ENV_END)) {
        return ex;
    }
    const tj_ex *condition = tj_reader_statement(r);
    if (condition != NULL && condition->kind != TJ_EX_RELATION) {
        return tj_reader_fail(r, "a condition before this");
    }
    tj_reader_accept(r, TJ_TOK_COMMA);
    return tj_reader_binary(r, TJ_EX_WHERE, ex, condition);
}

static const tj_ex *read_lines(tj_reader *r)
{
    tj_nodes lines = {0};
    bool all_relations = true;
    while (!tj_reader_at(r, TJ_TOK_ENV_END)) {
        const tj_ex *line = read_line(r);
        if (!tj_nodes_add(r, &lines, line)) {
            return NULL;
        }
        all_relations = all_relations && line->kind == TJ_EX_RELATION;
        tj_reader_accept(r, TJ_TOK_SEMICOLON);
        if (!tj_reader_accept(r, TJ_TOK_NEWLINE) && !tj_reader_at(r, TJ_TOK_ENV_END)) {
            return tj_reader_fail(r, "a new line");
        }
    }
    if (lines.n == 0) {
        return tj_reader_fail(r, "a line");
    }
    if (lines.n == 1) {
        return lines.items[0];
    }
    bool system = all_relations && tj_ex_is_system(lines.items, lines.n);
    return tj_reader_from(r, system ? TJ_EX_AND : TJ_EX_LIST, &lines);
}

const tj_ex *tj_reader_environment(tj_reader *r)
{
    tj_tok_env env = (tj_tok_env)tj_reader_peek(r, 0)->id;
    tj_reader_next(r);
    if (!tj_reader_enter(r)) {
        return NULL;
    }
    bool lines = env == TJ_ENV_CASES || env == TJ_ENV_LINES;
    const tj_ex *ex = lines ? read_lines(r) : read_matrix(r, env);
    tj_reader_leave(r);
    return ex != NULL && tj_reader_expect(r, TJ_TOK_ENV_END, "\\end") ? ex : NULL;
}

/* ------------------------------------------------------------ [[1, 2], [3, 4]] */

/* Whether brackets from here on are "[[...], [...], ...]". */
bool tj_reader_at_plain_matrix(const tj_reader *r)
{
    if (!tj_reader_at(r, TJ_TOK_LBRACKET) || tj_reader_peek(r, 1)->kind != TJ_TOK_LBRACKET) {
        return false;
    }
    size_t depth = 0;
    for (size_t ahead = 0;; ahead++) {
        tj_tok_kind kind = (tj_tok_kind)tj_reader_peek(r, ahead)->kind;
        tj_tok_kind next = (tj_tok_kind)tj_reader_peek(r, ahead + 1)->kind;
        depth += kind == TJ_TOK_LBRACKET;
        if (kind == TJ_TOK_END || (depth == 1 && kind != TJ_TOK_LBRACKET && kind != TJ_TOK_COMMA)) {
            return false;
        }
        if (depth == 1 && next != TJ_TOK_LBRACKET) {
            return false; /* a row begins here, or else the matrix is no matrix */
        }
        if (kind == TJ_TOK_RBRACKET && --depth == 1 && next != TJ_TOK_COMMA) {
            return next == TJ_TOK_RBRACKET;
        }
    }
}

const tj_ex *tj_reader_plain_matrix(tj_reader *r)
{
    rows m = {0};
    tj_place place = r->place;
    if (!tj_reader_enter(r)) {
        return NULL;
    }
    tj_reader_next(r);
    r->place = TJ_PLACE_LIST;
    bool ok = true;
    do {
        size_t before = m.cells.n;
        ok = tj_reader_expect(r, TJ_TOK_LBRACKET, "'['");
        do {
            ok = ok && tj_nodes_add(r, &m.cells, tj_reader_sum(r));
        } while (ok && tj_reader_accept(r, TJ_TOK_COMMA));
        ok =
            ok && tj_reader_expect(r, TJ_TOK_RBRACKET, "']'") && end_row(r, &m, m.cells.n - before);
    } while (ok && tj_reader_accept(r, TJ_TOK_COMMA));
    r->place = place;
    tj_reader_leave(r);
    return ok && tj_reader_expect(r, TJ_TOK_RBRACKET, "']' behind a matrix") ? matrix_of(r, &m)
                                                                             : NULL;
}
