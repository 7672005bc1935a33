/* Records into the workspace: problems, trees with their rewards, solutions, refusals. */
#include <stdio.h>
#include <string.h>

#include "stage/import.h"

/* ------------------------------------------------------------------ trees */

static tj_code add_tree(tj_importer *im, int64_t *id, const tj_data_record *r, int64_t problem,
                        tj_err *err)
{
    tj_tree tree;
    *id = 0;
    tj_code rc = tj_tree_from_record(&tree, r, err);
    tree.problem = problem;
    if (rc == TJ_OK) {
        tj_origin origin = {.run = im->run, .ordinal = im->n_trees};
        rc = tj_store_add_tree(im->store, id, &origin, &tree, err);
    }
    for (size_t i = 0; i < r->n_nodes && rc == TJ_OK; i++) {
        if (r->nodes[i].meta.s != NULL) {
            rc = tj_store_add_node_meta(im->store, *id, i, r->nodes[i].meta, err);
        }
    }
    tj_tree_deinit(&tree);
    im->n_trees += rc == TJ_OK ? 1 : 0;
    return rc;
}

/* ------------------------------------------------------------------ records */

static void count(tj_import_counts *c, const tj_data_record *r, bool is_new)
{
    c->n_problems += is_new ? 1 : 0;
    c->n_known += is_new ? 0 : 1;
    c->n_solutions += r->n_solutions;
    c->n_trees += r->n_nodes > 0 ? 1 : 0;
    c->n_nodes += r->n_nodes;
    for (size_t i = 0; i < r->n_nodes; i++) {
        c->n_labels += r->nodes[i].label != TJ_NO_LABEL ? 1 : 0;
    }
    for (size_t i = 0; i < r->n_solutions; i++) {
        const tj_data_solution *s = &r->solutions[i];
        c->n_steps += s->n_steps;
        for (size_t k = 0; k < s->n_steps; k++) {
            c->n_labels += s->steps[k].label != TJ_NO_LABEL ? 1 : 0;
        }
    }
}

/* *elsewhere, with TJ_E_CONFLICT: the problem is in another split of the set. */
static tj_code add_record(tj_importer *im, bool *elsewhere, const tj_data_record *r, tj_err *err)
{
    int64_t problem;
    int64_t tree = 0;
    bool is_new;
    *elsewhere = false;
    tj_buf_clear(&im->json);
    tj_data_write_problem(&im->json, r);
    tj_code rc = tj_buf_check(&im->json, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_problem row = {.split = im->file.split,
                      .json = im->json.data,
                      .n_json = im->json.len,
                      .difficulty = r->level};
    rc = tj_store_put_problem(im->store, &problem, &is_new, im->set, &row, err);
    *elsewhere = rc == TJ_E_CONFLICT;
    if (rc == TJ_OK && r->n_nodes > 0) {
        rc = add_tree(im, &tree, r, problem, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_add_record(im->store, im->row.id, r, problem, tree, err);
    }
    if (rc == TJ_OK) {
        count(&im->file.counts, r, is_new);
    }
    return rc;
}

/* A record that is not taken: noted, or, unless bad ones are skipped, the error that ends all. */
static tj_code refuse(tj_importer *im, const tj_refusal *refusal, tj_code rc, tj_err *err)
{
    im->file.counts.n_refused++;
    if (im->listener != NULL && im->listener->refused != NULL) {
        im->listener->refused(im->listener->ctx, im->file.path, refusal);
    }
    if (!im->cfg->skip) {
        return tj_fail(err, rc == TJ_E_CONFLICT ? TJ_E_PARSE : rc, "%s:%zu: %s%s%s", im->file.path,
                       refusal->line, refusal->field, refusal->field[0] == '\0' ? "" : ": ",
                       refusal->reason);
    }
    return tj_store_add_refusal(im->store, im->row.id, refusal, err);
}

tj_code tj_import_next(tj_importer *im, tj_dataset *data, bool *more, tj_err *err)
{
    const tj_data_record *record;
    tj_import_counts *c = &im->file.counts;
    double start = tj_clock_seconds();
    tj_code rc = tj_dataset_next(data, &record, err);
    double middle = tj_clock_seconds();
    const tj_refusal *refusal = tj_dataset_refusal(data);
    *more = record != NULL || refusal != NULL;
    c->read_seconds += middle - start;
    c->n_records += *more ? 1 : 0;
    if (refusal != NULL) {
        rc = refuse(im, refusal, rc, err);
    } else if (rc == TJ_OK && *more) {
        bool elsewhere = false;
        rc = add_record(im, &elsewhere, record, err);
        if (elsewhere) {
            tj_refusal other = {.number = record->number, .line = record->line, .field = "problem"};
            (void)snprintf(other.reason, sizeof other.reason, "the same one is in another split");
            rc = refuse(im, &other, rc, err);
        }
    }
    c->add_seconds += tj_clock_seconds() - middle;
    return rc;
}
