/* runs, verify, tree show, thought show: looking into a workspace. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/common.h"

static tj_code print_run(void *ctx, const tj_run_info *r, tj_err *err)
{
    (void)err;
    json_t *list = ctx;
    const char *status = tj_run_status_name(r->status);
    if (list != NULL) {
        json_array_append_new(list,
                              json_pack("{s:I, s:s, s:s, s:s, s:f, s:I, s:s?}", "id",
                                        (json_int_t)r->id, "stage", r->stage, "name", r->name,
                                        "status", status, "seconds", r->cost.seconds, "tokens",
                                        (json_int_t)r->cost.tokens, "error", r->error));
        return TJ_OK;
    }
    printf("%4" PRId64 " %-7.7s %-9.9s %8.1f s %10" PRIu64 " tok  %.34s\n", r->id, r->stage, status,
           r->cost.seconds, r->cost.tokens, r->name);
    if (r->error != NULL) {
        printf("     %.74s\n", r->error);
    }
    return TJ_OK;
}

tj_code tj_cmd_runs(const tj_args *args, tj_err *err)
{
    tj_store *store;
    tj_code rc = tj_open_workspace(&store, args, err);
    if (rc != TJ_OK) {
        return rc;
    }
    json_t *list = tj_args_has(args, "json") ? json_array() : NULL;
    rc = tj_run_each(store, TJ_RUN_ANY, print_run, list, err);
    if (rc == TJ_OK && list != NULL) {
        rc = tj_print_json(list, err);
    }
    json_decref(list);
    tj_store_close(store);
    return rc;
}

static tj_code print_mismatch(void *ctx, const tj_mismatch *m, tj_err *err)
{
    (void)err;
    json_t *list = ctx;
    if (list != NULL) {
        json_array_append_new(list,
                              json_pack("{s:I, s:I, s:s, s:s}", "entry", (json_int_t)m->seq, "run",
                                        (json_int_t)m->run, "field", m->field, "what", m->what));
    } else {
        printf("entry %" PRId64 ", run %" PRId64 ", %s: %s\n", m->seq, m->run, m->field, m->what);
    }
    return TJ_OK;
}

tj_code tj_cmd_verify(const tj_args *args, tj_err *err)
{
    tj_store *store;
    size_t n = 0;
    size_t n_entries = 0;
    char head[TJ_SHA256_HEX] = "";
    tj_verify_options options = {.files = tj_args_has(args, "files"),
                                 .known_head = tj_args_get(args, "head")};
    tj_code rc = tj_open_workspace(&store, args, err);
    if (rc != TJ_OK) {
        return rc;
    }
    json_t *list = tj_args_has(args, "json") ? json_array() : NULL;
    rc = tj_store_verify(store, &n, &options, print_mismatch, list, tj_cli_job(), err);
    if (rc == TJ_OK) {
        rc = tj_ledger_head(store, head, &n_entries, err);
    }
    if (rc == TJ_OK && list != NULL) {
        json_t *all = json_pack("{s:I, s:s, s:O}", "entries", (json_int_t)n_entries, "head", head,
                                "mismatches", list);
        rc = tj_print_json(all, err);
        json_decref(all);
    } else if (rc == TJ_OK && n == 0) {
        printf("%zu ledger entries, nothing differs; head %s\n", n_entries, head);
    }
    if (rc == TJ_OK && n > 0) {
        rc = tj_fail(err, TJ_E_PARSE, "the workspace differs from its ledger in %zu places", n);
    }
    json_decref(list);
    tj_store_close(store);
    return rc;
}

/* ------------------------------------------------------------------ trees */

static char mark_of(const tj_node *n)
{
    return n->correct ? '+' : !n->valid ? 'x' : !n->solvable ? '-' : '.';
}

/* Depth-first, without recursion: children are pushed in reverse. */
static tj_code print_tree(const tj_tree *t, tj_err *err)
{
    size_t *stack = tj_calloc(t->n_nodes + 1, sizeof *stack);
    size_t *children = tj_calloc(t->n_nodes + 1, sizeof *children);
    size_t depth = 1;
    if (stack == NULL || children == NULL) {
        tj_free(stack);
        tj_free(children);
        return tj_fail(err, TJ_E_NOMEM, "cannot print the tree");
    }
    stack[0] = 0;
    while (depth > 0) {
        size_t i = stack[--depth];
        const tj_node *n = &t->nodes[i];
        if (i > 0) {
            printf("%*s%c %s", (int)(2 * n->depth), "", mark_of(n), n->text);
            printf("%s", strchr(n->text, '\n') == NULL ? "\n" : "");
        }
        size_t n_children = tj_tree_children(t, i, children, t->n_nodes);
        for (size_t c = n_children; c-- > 0;) {
            stack[depth++] = children[c];
        }
    }
    tj_free(stack);
    tj_free(children);
    return TJ_OK;
}

static tj_code print_tree_json(const tj_tree *tree, tj_err *err)
{
    tj_countdown_config cfg = {0};
    tj_task task;
    tj_countdown_task(&task, &cfg);
    json_t *json = tj_tree_to_json(tree, &task);
    tj_code rc = tj_print_json(json, err);
    json_decref(json);
    return rc;
}

static tj_code print_tree_dot(const tj_tree *tree, tj_err *err)
{
    tj_buf dot;
    tj_buf_init(&dot);
    tj_tree_to_dot(tree, &dot);
    tj_code rc = tj_buf_check(&dot, err);
    if (rc == TJ_OK) {
        fputs(tj_buf_text(&dot), stdout);
    }
    tj_buf_deinit(&dot);
    return rc;
}

tj_code tj_cmd_tree_show(const tj_args *args, tj_err *err)
{
    const char *format = tj_args_get(args, "format");
    tj_store *store = NULL;
    tj_tree tree = {0};
    int64_t id;
    tj_code rc = tj_operand_id(args, &id, err);
    if (rc == TJ_OK) {
        rc = tj_open_workspace(&store, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_load_tree(store, &tree, NULL, id, err);
    }
    if (rc == TJ_OK && (format == NULL || strcmp(format, "text") == 0)) {
        rc = print_tree(&tree, err);
    } else if (rc == TJ_OK && strcmp(format, "json") == 0) {
        rc = print_tree_json(&tree, err);
    } else if (rc == TJ_OK && strcmp(format, "dot") == 0) {
        rc = print_tree_dot(&tree, err);
    } else if (rc == TJ_OK) {
        rc = tj_fail(err, TJ_E_INVAL, "--format is '%s', expected text, json or dot", format);
    }
    tj_tree_deinit(&tree);
    tj_store_close(store);
    return rc;
}

/* ------------------------------------------------------------------ thoughts */

tj_code tj_cmd_thought_show(const tj_args *args, tj_err *err)
{
    tj_store *store = NULL;
    tj_thought t = {0};
    int64_t id;
    tj_code rc = tj_operand_id(args, &id, err);
    if (rc == TJ_OK) {
        rc = tj_open_workspace(&store, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_load_thought(store, &t, NULL, id, err);
    }
    json_t *spans = json_array();
    for (size_t i = 0; rc == TJ_OK && i < t.n_spans; i++) {
        const tj_span *s = &t.spans[i];
        int n = (int)(s->end - s->begin);
        if (tj_args_has(args, "json")) {
            json_array_append_new(
                spans, json_pack("{s:s, s:b, s:s%}", "action", tj_action_name(s->action), "on_path",
                                 (int)s->on_path, "text", t.text + s->begin, s->end - s->begin));
        } else {
            n -= n > 0 && t.text[s->end - 1] == '\n' ? 1 : 0;
            printf("%c %-10s %.*s\n", s->on_path ? '*' : ' ', tj_action_name(s->action), n,
                   t.text + s->begin);
        }
    }
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        rc = tj_print_json(spans, err);
    }
    json_decref(spans);
    tj_thought_deinit(&t);
    tj_store_close(store);
    return rc;
}
