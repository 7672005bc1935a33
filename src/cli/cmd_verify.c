/* verify: the workspace against its ledger. */
#include <inttypes.h>

#include "cli/common.h"

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
        printf("%zu ledger entries, nothing differs\nhead %s\n", n_entries, head);
    }
    if (rc == TJ_OK && n > 0) {
        rc = tj_fail(err, TJ_E_PARSE, "the workspace differs from its ledger in %zu places", n);
    }
    json_decref(list);
    tj_store_close(store);
    return rc;
}
