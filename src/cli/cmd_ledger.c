/* ledger: verify, show, head, keygen, sign, adopt. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "cli/common.h"

/* ------------------------------------------------------------------ verify */

static tj_code print_mismatch(void *ctx, const tj_mismatch *m, tj_err *err)
{
    (void)err;
    json_t *list = ctx;
    if (list != NULL) {
        json_array_append_new(list, json_pack("{s:I, s:I, s:s, s:o}", "entry", (json_int_t)m->seq,
                                              "run", (json_int_t)m->run, "field", m->field, "what",
                                              tj_json_text(m->what, strlen(m->what))));
        return TJ_OK;
    }
    if (m->seq != 0) {
        printf("entry %" PRId64 ", ", m->seq);
    }
    if (m->run != 0) {
        printf("run %" PRId64 ", ", m->run);
    }
    printf("%s: ", m->field);
    tj_print_text(m->what, strlen(m->what)); /* names files, whose names may be anything */
    printf("\n");
    return TJ_OK;
}

static void print_head(const tj_head *head)
{
    printf("head %s\n", head->hash);
    if (head->is_signed) {
        printf("signed by %s\n", head->key);
    } else {
        printf("not signed\n");
    }
}

static json_t *head_json(const tj_head *head)
{
    json_t *json =
        json_pack("{s:I, s:s}", "entries", (json_int_t)head->n_entries, "head", head->hash);
    if (head->is_signed) {
        json_object_set_new(json, "key", json_string(head->key));
        json_object_set_new(json, "signature", json_string(head->signature));
    }
    return json;
}

static tj_code verify(tj_store *store, const tj_verify_options *options, bool as_json, tj_err *err)
{
    size_t n = 0;
    tj_head head;
    json_t *list = as_json ? json_array() : NULL;
    tj_code rc = tj_store_verify(store, &n, options, print_mismatch, list, tj_cli_job(), err);
    if (rc == TJ_OK) {
        rc = tj_ledger_signed_head(store, &head, err);
    }
    if (rc == TJ_OK && as_json) {
        json_t *all = head_json(&head);
        json_object_set(all, "mismatches", list);
        rc = tj_print_json(all, err);
        json_decref(all);
    } else if (rc == TJ_OK && n == 0) {
        printf("%" PRId64 " ledger entries, nothing differs\n", head.n_entries);
        print_head(&head);
    }
    json_decref(list);
    return rc == TJ_OK && n > 0
               ? tj_fail(err, TJ_E_PARSE, "the workspace differs from its ledger in %zu place%s", n,
                         n == 1 ? "" : "s")
               : rc;
}

tj_code tj_cmd_ledger_verify(const tj_args *args, tj_err *err)
{
    tj_store *store = NULL;
    char public_hex[TJ_KEY_HEX];
    tj_verify_options options = {.files = tj_args_has(args, "files"),
                                 .known_head = tj_args_get(args, "head")};
    const char *key = tj_args_get(args, "public-key");
    tj_code rc = TJ_OK;
    if (key != NULL) {
        rc = tj_ledger_public_key(key, public_hex, err);
        options.public_key = public_hex;
    }
    if (rc == TJ_OK) {
        rc = tj_open_workspace(&store, args, err);
    }
    if (rc == TJ_OK) {
        rc = verify(store, &options, tj_args_has(args, "json"), err);
    }
    tj_store_close(store);
    return rc;
}

/* ------------------------------------------------------------------ show and head */

static void print_time(int64_t time_us)
{
    char text[32];
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL || strftime(text, sizeof text, "%FT%TZ", &tm) == 0) {
        printf("%20s", "?");
    } else {
        printf("%20s", text);
    }
}

static tj_code print_entry_json(const tj_ledger_entry *e, tj_err *err)
{
    json_t *body = json_loads(e->body, 0, NULL);
    json_t *json =
        json_pack("{s:I, s:I, s:o, s:o, s:s, s:s}", "entry", (json_int_t)e->seq, "time_us",
                  (json_int_t)e->time_us, "kind", tj_json_text(e->kind, strlen(e->kind)), "body",
                  body != NULL ? body : tj_json_text(e->body, strlen(e->body)), "prev", e->prev,
                  "hash", e->hash);
    if (e->run != 0) {
        json_object_set_new(json, "run", json_integer((json_int_t)e->run));
    }
    tj_code rc = tj_print_json_line(json, err);
    json_decref(json);
    return rc;
}

static tj_code print_entry(void *ctx, const tj_ledger_entry *e, tj_err *err)
{
    if (*(const bool *)ctx) {
        return print_entry_json(e, err);
    }
    printf("%6" PRId64 " ", e->seq);
    print_time(e->time_us);
    printf(" ");
    tj_print_text(e->kind, strlen(e->kind));
    if (e->run != 0) {
        printf(" run %" PRId64, e->run);
    }
    printf("\n       %.12s ", e->hash);
    tj_print_text(e->body, strlen(e->body));
    printf("\n");
    return TJ_OK;
}

tj_code tj_cmd_ledger_show(const tj_args *args, tj_err *err)
{
    tj_store *store = NULL;
    size_t run;
    bool as_json = tj_args_has(args, "json");
    tj_code rc = tj_args_size(args, "run", 0, (size_t)INT64_MAX, &run, err);
    if (rc == TJ_OK) {
        rc = tj_open_workspace(&store, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_ledger_each(store, tj_args_get(args, "kind"), (int64_t)run, print_entry, &as_json,
                            err);
    }
    tj_store_close(store);
    return rc;
}

static tj_code tell_head(tj_store *store, const tj_args *args, tj_err *err)
{
    tj_head head;
    tj_code rc = tj_ledger_signed_head(store, &head, err);
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        json_t *json = head_json(&head);
        rc = tj_print_json(json, err);
        json_decref(json);
    } else if (rc == TJ_OK) {
        printf("entry %" PRId64 "\n", head.n_entries);
        print_head(&head);
    }
    return rc;
}

tj_code tj_cmd_ledger_head(const tj_args *args, tj_err *err)
{
    tj_store *store;
    tj_code rc = tj_open_workspace(&store, args, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tell_head(store, args, err);
    tj_store_close(store);
    return rc;
}

/* ------------------------------------------------------------------ keys */

tj_code tj_cmd_ledger_keygen(const tj_args *args, tj_err *err)
{
    char public_hex[TJ_KEY_HEX];
    const char *path = tj_args_operand(args, 0);
    tj_code rc = tj_ledger_keygen(path, public_hex, err);
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        json_t *json =
            json_pack("{s:o, s:s}", "file", tj_json_text(path, strlen(path)), "public", public_hex);
        rc = tj_print_json(json, err);
        json_decref(json);
    } else if (rc == TJ_OK) {
        printf("%s: the secret; keep it for yourself\n%s.pub: for those who verify\npublic %s\n",
               path, path, public_hex);
    }
    return rc;
}

/* Opens for writing with these options, which is all that is needed, and tells the head. */
static tj_code open_with(const tj_args *args, const tj_store_options *options, tj_err *err)
{
    tj_store *store;
    const char *dir = tj_args_get(args, "workspace");
    tj_code rc = tj_store_open(&store, dir == NULL ? "demo" : dir, TJ_STORE_WRITE, options, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tell_head(store, args, err);
    tj_store_close(store);
    return rc;
}

tj_code tj_cmd_ledger_sign(const tj_args *args, tj_err *err)
{
    tj_store_options options = {.ledger_key = tj_args_get(args, "key"), .change_key = true};
    if (options.ledger_key == NULL) {
        return tj_fail(err, TJ_E_INVAL, "--key is missing: the file of 'tabiji ledger keygen'");
    }
    return open_with(args, &options, err);
}

tj_code tj_cmd_ledger_adopt(const tj_args *args, tj_err *err)
{
    tj_store_options options = {.adopt = true, .ledger_key = tj_args_get(args, "key")};
    options.change_key = options.ledger_key != NULL; /* the old one may be lost */
    return open_with(args, &options, err);
}
