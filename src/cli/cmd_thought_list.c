/* thought list: the thoughts of a run, and why filters let some not through. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/common.h"
#include "cli/flow.h"

typedef struct listing {
    tj_store *store;
    json_t *list;   /* NULL: lines */
    int64_t filter; /* only what this run refused; 0: all */
    size_t n_shown;
    char *refused; /* of the thought at hand: "run 7, jump: ..."; NULL: nobody refused it */
} listing;

/* The latest refusal is kept, unless one filter is asked about. */
static tj_code take_refusal(void *ctx, const tj_annotation *a, tj_err *err)
{
    listing *l = ctx;
    if (strcmp(a->kind, TJ_REFUSED) != 0 || (l->filter != 0 && l->filter != a->run)) {
        return TJ_OK;
    }
    tj_buf text;
    tj_buf_init(&text);
    tj_buf_printf(&text, "run %" PRId64 ", %s", a->run, a->text);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK) {
        tj_free(l->refused);
        l->refused = tj_strndup(tj_buf_text(&text), text.len);
        rc = l->refused == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a reason") : TJ_OK;
    }
    tj_buf_deinit(&text);
    return rc;
}

static void print_line(const listing *l, int64_t id, const tj_thought *t, size_t n_words,
                       int64_t tree)
{
    if (l->n_shown == 0) {
        printf("%8s %-9s %8s %8s %6s %5s %s\n", "thought", "kind", "problem", "tree", "words",
               "backs", "refused by");
    }
    printf("%8" PRId64 " %-9s %8" PRId64 " ", id, tj_thought_kind_name(t->kind), t->problem);
    if (tree != 0) {
        printf("%8" PRId64, tree);
    } else {
        printf("%8s", "-");
    }
    printf(" %6zu %5zu %s\n", n_words, t->n_backtracks, l->refused == NULL ? "-" : l->refused);
}

static tj_code add_json(listing *l, int64_t id, const tj_thought *t, size_t n_words, int64_t tree,
                        tj_err *err)
{
    json_t *row =
        json_pack("{s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:s?}", "id", (json_int_t)id, "kind",
                  tj_thought_kind_name(t->kind), "problem", (json_int_t)t->problem, "tree",
                  (json_int_t)tree, "words", (json_int_t)n_words, "spans", (json_int_t)t->n_spans,
                  "backtracks", (json_int_t)t->n_backtracks, "refused", l->refused);
    return json_array_append_new(l->list, row) == 0
               ? TJ_OK
               : tj_fail(err, TJ_E_NOMEM, "cannot list thought %" PRId64, id);
}

static tj_code show(listing *l, int64_t id, tj_err *err)
{
    tj_thought t = {0};
    tj_origin origin = {0};
    tj_facts facts = {0};
    tj_code rc = tj_store_annotation_each(l->store, 0, id, false, take_refusal, l, err);
    if (rc == TJ_OK && (l->refused != NULL || l->filter == 0)) {
        rc = tj_store_load_thought(l->store, &t, &origin, id, err);
        rc = rc == TJ_OK ? tj_facts_of(&facts, &t, err) : rc;
        if (rc == TJ_OK) {
            if (l->list != NULL) {
                rc = add_json(l, id, &t, facts.n_words, origin.tree, err);
            } else {
                print_line(l, id, &t, facts.n_words, origin.tree);
            }
            l->n_shown++;
        }
        tj_thought_deinit(&t);
    }
    tj_free(l->refused);
    l->refused = NULL;
    return rc;
}

static tj_code list_run(listing *l, const tj_args *args, int64_t run, tj_err *err)
{
    tj_row_ref *rows = NULL;
    size_t n_rows = 0;
    size_t limit = 0;
    size_t after = 0;
    size_t last = 0;
    tj_code rc = tj_args_size(args, "limit", 50, INT32_MAX, &limit, err);
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "after", 0, INT64_MAX, &after, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_list(l->store, &rows, &n_rows, TJ_ROW_THOUGHT, run, err);
    }
    while (last < n_rows && rows[last].id <= (int64_t)after) {
        last++;
    }
    for (; last < n_rows && rc == TJ_OK && (limit == 0 || l->n_shown < limit); last++) {
        rc = show(l, rows[last].id, err);
    }
    if (rc == TJ_OK && l->list == NULL) {
        printf("%zu of %zu thoughts of run %" PRId64, l->n_shown, n_rows, run);
        if (last > 0 && last < n_rows) {
            printf("; the next: --after %" PRId64, rows[last - 1].id);
        }
        putchar('\n');
    }
    tj_free(rows);
    return rc;
}

static tj_code take_filter(void *ctx, const tj_run_info *info, tj_err *err)
{
    (void)err;
    *(int64_t *)ctx = info->id;
    return TJ_OK;
}

/* What --refused lists: thoughts of the run that the filter of --run, or the newest one, read. */
static tj_code find_filtered(int64_t *source, listing *l, const tj_args *args, tj_err *err)
{
    tj_run_filter newest = {
        .statuses = TJ_RUN_BIT(TJ_RUN_DONE), .stage = "filter", .newest = true, .limit = 1};
    size_t given = 0;
    tj_code rc = tj_args_size(args, "run", 0, INT64_MAX, &given, err);
    l->filter = (int64_t)given;
    if (rc == TJ_OK && given == 0) {
        rc = tj_run_list(l->store, &newest, take_filter, &l->filter, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_thoughts_read_by(source, l->store, l->filter, err);
    }
    return rc == TJ_OK && *source == 0
               ? tj_fail(err, TJ_E_NOTFOUND, "there is no run that filtered thoughts")
               : rc;
}

tj_code tj_cmd_thought_list(const tj_args *args, tj_err *err)
{
    listing l = {.list = tj_args_has(args, "json") ? json_array() : NULL};
    int64_t run = 0;
    tj_code rc = tj_open_workspace(&l.store, args, err);
    if (rc == TJ_OK) {
        rc = tj_args_has(args, "refused")
                 ? find_filtered(&run, &l, args, err)
                 : tj_cli_source_run(&run, l.store, args, TJ_ROW_THOUGHT, err);
    }
    if (rc == TJ_OK) {
        rc = list_run(&l, args, run, err);
    }
    if (rc == TJ_OK && l.list != NULL) {
        json_t *all = json_pack("{s:I, s:O}", "run", (json_int_t)run, "thoughts", l.list);
        rc = tj_print_json(all, err);
        json_decref(all);
    }
    json_decref(l.list);
    tj_store_close(l.store);
    return rc;
}
