/* Lists of trees over tree_summary, whose rows are short. Where a run, a problem or a set is given,
 * its index (which holds the ids in order) is walked, else the table itself; every other filter is
 * looked at row by row. So a page costs at most one walk over the short rows. */
#include <math.h>
#include <stdio.h>

#include "store/inner.h"

#define MEASURED                                                                                   \
    "CASE ?11 WHEN 0 THEN r.high WHEN 1 THEN r.total / r.n ELSE r.low END BETWEEN ?8 AND ?9"       \
    " AND r.rewarder IN (SELECT id FROM rewarder WHERE name = ?7)"
#define FILTER                                                                                     \
    "(?1 IS NULL OR s.run = ?1) AND (?2 IS NULL OR s.problem = ?2) AND (?3 IS NULL OR"             \
    " s.set_id = ?3) AND (?4 = 0 OR (s.n_correct > 0) = (?4 = 1)) AND s.n_nodes >= ?5"             \
    " AND (?6 IS NULL OR s.n_nodes <= ?6) AND (?7 IS NULL OR "
/* A page looks tree by tree, until it is full; the number needs all, and walks the rewards once. */
#define BY_TREE "EXISTS (SELECT 1 FROM tree_reward r WHERE r.tree = s.tree AND " MEASURED "))"
#define AT_ONCE "s.tree IN (SELECT r.tree FROM tree_reward r WHERE " MEASURED "))"
#define COLUMNS                                                                                    \
    "SELECT s.tree, s.run, s.set_id, s.problem, t.model, s.n_nodes, s.depth, s.n_leaves,"          \
    " s.n_correct, s.n_tokens FROM tree_summary s CROSS JOIN tree t ON t.id = s.tree WHERE "
#define UP    FILTER BY_TREE " AND (?10 IS NULL OR s.tree > ?10) ORDER BY s.tree LIMIT ?12"
#define DOWN  FILTER BY_TREE " AND (?10 IS NULL OR s.tree < ?10) ORDER BY s.tree DESC LIMIT ?12"
#define ALL   FILTER AT_ONCE
#define COUNT "SELECT count(*) FROM tree_summary s WHERE ?10 IS NULL AND ?12 < 0 AND "

/* By what is walked, and then: a page upwards, downwards, the number of all. */
static const char *const statements[4][3] = {
    {COLUMNS UP, COLUMNS DOWN, COUNT ALL},
    {COLUMNS "s.run = ?1 AND " UP, COLUMNS "s.run = ?1 AND " DOWN, COUNT "s.run = ?1 AND " ALL},
    {COLUMNS "s.problem = ?2 AND " UP, COLUMNS "s.problem = ?2 AND " DOWN,
     COUNT "s.problem = ?2 AND " ALL},
    {COLUMNS "s.set_id = ?3 AND " UP, COLUMNS "s.set_id = ?3 AND " DOWN,
     COUNT "s.set_id = ?3 AND " ALL}};

static const char *choose(const tj_tree_filter *f, size_t what)
{
    size_t walk = f->problem != 0 ? 2 : f->run != 0 ? 1 : f->set != 0 ? 3 : 0;
    return statements[walk][what];
}

static tj_code open_list(tj_store *store, tj_stmt **st, const tj_tree_filter *f, size_t what,
                         int64_t after, int64_t limit, tj_err *err)
{
    *st = NULL;
    if (f->rewarder != NULL && (isnan(f->min_reward) || isnan(f->max_reward))) {
        return tj_fail(err, TJ_E_INVAL, "a reward between %g and %g", f->min_reward, f->max_reward);
    }
    tj_code rc = tj_stmt_open(st, store->db, choose(f, what), err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_id(*st, f->run);
    tj_stmt_id(*st, f->problem);
    tj_stmt_id(*st, f->set);
    tj_stmt_int(*st, (int64_t)f->solved);
    tj_stmt_size(*st, f->min_nodes);
    if (f->max_nodes == 0) {
        tj_stmt_null(*st);
    } else {
        tj_stmt_size(*st, f->max_nodes);
    }
    tj_stmt_str(*st, f->rewarder);
    tj_stmt_real(*st, f->min_reward);
    tj_stmt_real(*st, f->max_reward);
    tj_stmt_id(*st, after);
    tj_stmt_int(*st, (int64_t)f->measure);
    tj_stmt_int(*st, limit);
    return TJ_OK;
}

tj_code tj_store_tree_list(tj_store *store, const tj_tree_filter *f, tj_tree_row_fn fn, void *ctx,
                           tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    int64_t limit = f->limit == 0 || f->limit > (size_t)INT32_MAX ? -1 : (int64_t)f->limit;
    tj_code rc = open_list(store, &st, f, f->newest ? 1 : 0, f->after, limit, err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        tj_tree_row r = {.id = tj_stmt_get_int(st, 0),
                         .run = tj_stmt_get_int(st, 1),
                         .set = tj_stmt_get_int(st, 2),
                         .problem = tj_stmt_get_int(st, 3),
                         .model = tj_stmt_get_int(st, 4),
                         .n_nodes = tj_stmt_get_size(st, 5),
                         .depth = tj_stmt_get_size(st, 6),
                         .n_leaves = tj_stmt_get_size(st, 7),
                         .n_correct = tj_stmt_get_size(st, 8),
                         .n_tokens = tj_stmt_get_size(st, 9)};
        rc = fn(ctx, &r, err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_tree_count(tj_store *store, size_t *n, const tj_tree_filter *f, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    *n = 0;
    tj_code rc = open_list(store, &st, f, 2, 0, -1, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_stmt_step(st, &row, err);
    *n = rc == TJ_OK && row ? tj_stmt_get_size(st, 0) : 0;
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_tree_reward_each(tj_store *store, int64_t tree, tj_tree_reward_fn fn, void *ctx,
                                  tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT run, rewarder, meaning, n, low, high, total / n"
                              " FROM tree_reward WHERE tree = ? ORDER BY run, rewarder, meaning",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, tree);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        tj_tree_reward r = {.run = tj_stmt_get_int(st, 0),
                            .rewarder = tj_stmt_get_int(st, 1),
                            .meaning = (tj_meaning)tj_stmt_get_int(st, 2),
                            .n = tj_stmt_get_size(st, 3),
                            .low = tj_stmt_get_real(st, 4),
                            .high = tj_stmt_get_real(st, 5),
                            .mean = tj_stmt_get_real(st, 6)};
        rc = fn(ctx, &r, err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}
