/* data: import, list and compare data sets. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/common.h"
#include "stage/stage.h"

#define MAX_SHOWN  20   /* refused records a file, and texts that are shared, on the terminal */
#define MAX_LISTED 1000 /* refused records in the JSON; the workspace has them all */

static const char *const splits[] = {"train", "valid", "test", NULL};

/* ------------------------------------------------------------------ import */

typedef struct importing {
    json_t *files, *refusals; /* NULL: for people */
    size_t n_shown;           /* of the file at hand */
    bool any_refused, stops;  /* at the first, which is then the error */
} importing;

static void print_refusal(void *ctx, const char *path, const tj_refusal *r)
{
    importing *im = ctx;
    im->any_refused = true;
    if (im->refusals != NULL && json_array_size(im->refusals) < MAX_LISTED) {
        json_array_append_new(im->refusals,
                              json_pack("{s:s, s:I, s:I, s:s, s:o}", "file", path, "record",
                                        (json_int_t)r->number, "line", (json_int_t)r->line, "field",
                                        r->field, "reason",
                                        tj_json_text(r->reason, strlen(r->reason))));
    }
    if (im->refusals == NULL && !im->stops && im->n_shown++ < MAX_SHOWN) {
        tj_cli_progress_end();
        fprintf(stderr, "%s:%zu: %s%s%s\n", path, r->line, r->field, r->field[0] == 0 ? "" : ": ",
                r->reason);
    }
}

static json_t *counts_json(const tj_import_counts *c)
{
    json_t *json = tj_import_counts_json(c);
    json_t *seconds = json_pack("{s:f, s:f, s:f}", "read_seconds", c->read_seconds, "hash_seconds",
                                c->hash_seconds, "add_seconds", c->add_seconds);
    if (json_object_update(json, seconds) != 0) {
        json_decref(json);
        json = NULL;
    }
    json_decref(seconds);
    return json;
}

static void print_counts(const tj_import_counts *c)
{
    printf("%zu records, %zu refused; %zu problems", c->n_records, c->n_refused, c->n_problems);
    const struct {
        const char *name;
        size_t n;
    } parts[] = {{"solutions", c->n_solutions},
                 {"steps", c->n_steps},
                 {"labels", c->n_labels},
                 {"trees", c->n_trees},
                 {"nodes", c->n_nodes}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].n > 0) {
            printf(", %zu %s", parts[i].n, parts[i].name);
        }
    }
    putchar('\n');
}

static void print_file(void *ctx, const tj_import_file *f)
{
    importing *im = ctx;
    const char *format = tj_data_format_name(f->info.format);
    if (im->files != NULL) {
        json_array_append_new(im->files,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "file", f->path, "format",
                                        format, "framing", f->info.framing, "compression",
                                        f->info.compression, "split", splits[f->split], "counts",
                                        counts_json(&f->counts)));
        return;
    }
    tj_cli_progress_end();
    if (im->n_shown > MAX_SHOWN) {
        fprintf(stderr, "%s: %zu more refused, in the workspace's table refusal\n", f->path,
                im->n_shown - MAX_SHOWN);
    }
    im->n_shown = 0;
    printf("%s: %s (%s%s%s), %s: ", f->path, format, f->info.framing,
           strcmp(f->info.compression, "none") == 0 ? "" : ", ",
           strcmp(f->info.compression, "none") == 0 ? "" : f->info.compression, splits[f->split]);
    print_counts(&f->counts);
}

/* The configuration that the options and operands say; paths [TJ_IMPORT_MAX_FILES] is filled in. */
static tj_code read_config(tj_import_config *cfg, const char **paths, const tj_args *args,
                           tj_err *err)
{
    static const char *const errors[] = {"stop", "skip", NULL};
    static const char *const split_choices[] = {"train", "valid", "test", "auto", NULL};
    size_t on_error = 0;
    size_t split = 3;
    *cfg = (tj_import_config){.paths = paths,
                              .set = tj_args_get(args, "set"),
                              .source = tj_args_get(args, "source"),
                              .licence = tj_args_get(args, "licence"),
                              .map = tj_args_get(args, "map")};
    cfg->source = cfg->source == NULL ? "" : cfg->source;
    cfg->licence = cfg->licence == NULL ? "" : cfg->licence;
    /* the first operand may be a format; a file of such a name is ./math */
    size_t first = tj_data_format_find(&cfg->format, tj_args_operand(args, 0)) ? 1 : 0;
    cfg->format = first == 0 && cfg->map != NULL ? TJ_DATA_FIELDS : cfg->format;
    for (size_t i = first; i < tj_args_n_operands(args); i++) {
        if (cfg->n_paths == TJ_IMPORT_MAX_FILES) {
            return tj_fail(err, TJ_E_INVAL, "more than %d files", TJ_IMPORT_MAX_FILES);
        }
        paths[cfg->n_paths++] = tj_args_operand(args, i);
    }
    if (cfg->n_paths == 0) {
        return tj_fail(err, TJ_E_INVAL, "no file to import");
    }
    if (cfg->set == NULL) {
        return tj_fail(err, TJ_E_INVAL, "--set is needed: the name of the problem set");
    }
    tj_code rc = tj_args_choice(args, "on-error", errors, 0, &on_error, err);
    if (rc == TJ_OK) {
        rc = tj_args_choice(args, "split", split_choices, 3, &split, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "limit", 0, SIZE_MAX, &cfg->limit, err);
    }
    cfg->skip = on_error == 1;
    cfg->split = split == 3 ? -1 : (int)split;
    return rc;
}

static void print_total(const tj_import_result *r, const tj_import_config *cfg)
{
    const tj_import_counts *c = &r->counts;
    if (r->was_done) {
        printf("set '%s' is there: run %" PRId64 " did this import\n", cfg->set, r->run);
        return;
    }
    printf("all: ");
    print_counts(c);
    if (c->read_seconds > 0.0 && c->add_seconds > 0.0) {
        printf("read and mapped %.1f MB in %.2f s (%.0f MB/s), hashed in %.2f s, added in %.2f s\n",
               (double)c->n_bytes / 1e6, c->read_seconds,
               (double)c->n_bytes / 1e6 / c->read_seconds, c->hash_seconds, c->add_seconds);
    }
    printf("set '%s' is number %" PRId64 ", by run %" PRId64 "\n", cfg->set, r->set, r->run);
}

tj_code tj_cmd_data_import(const tj_args *args, tj_err *err)
{
    const char *paths[TJ_IMPORT_MAX_FILES];
    tj_import_config cfg;
    tj_import_result result = {0};
    tj_store *store = NULL;
    bool json = tj_args_has(args, "json");
    const char *dir = tj_args_get(args, "workspace");
    importing im = {.files = json ? json_array() : NULL, .refusals = json ? json_array() : NULL};
    tj_import_listener listener = {.refused = print_refusal, .done = print_file, .ctx = &im};
    if (json) {
        tj_cli_quiet();
    }
    tj_code rc = read_config(&cfg, paths, args, err);
    if (rc == TJ_OK) {
        im.stops = !cfg.skip;
        rc = tj_store_open(&store, dir == NULL ? "demo" : dir, TJ_STORE_CREATE, NULL, err);
    }
    if (rc == TJ_OK) {
        rc = tj_import(store, &result, &cfg, tj_build_id(), &listener, tj_cli_job(), err);
    }
    tj_cli_progress_end();
    if (rc != TJ_OK && im.any_refused && im.stops) {
        fprintf(stderr, "nothing was kept; --on-error skip passes over records that are refused\n");
    }
    if (rc == TJ_OK && !json) {
        print_total(&result, &cfg);
    } else if (rc == TJ_OK) {
        json_t *all =
            json_pack("{s:I, s:I, s:b, s:O, s:O, s:o}", "run", (json_int_t)result.run, "set",
                      (json_int_t)result.set, "done_before", (int)result.was_done, "files",
                      im.files, "refusals", im.refusals, "total", counts_json(&result.counts));
        rc = tj_print_json(all, err);
        json_decref(all);
    }
    json_decref(im.files);
    json_decref(im.refusals);
    tj_store_close(store);
    return rc;
}

/* ------------------------------------------------------------------ list */

typedef struct listing {
    tj_store *store;
    json_t *sets;  /* NULL: for people */
    json_t *files; /* of the set at hand */
} listing;

static tj_code list_file(void *ctx, const tj_data_file *f, tj_err *err)
{
    (void)err;
    listing *l = ctx;
    if (l->files != NULL) {
        json_array_append_new(
            l->files,
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "path", f->path,
                      "format", f->format, "split", splits[f->split], "licence", f->licence,
                      "source", f->source, "digest", f->digest, "content_digest", f->content_digest,
                      "content_bytes", (json_int_t)f->content_bytes, "records",
                      (json_int_t)f->n_records, "refused", (json_int_t)f->n_refused));
        return TJ_OK;
    }
    printf("       %-15s %-5s %7zu records %5zu refused  %.12s  %s%s%s\n", f->format,
           splits[f->split], f->n_records, f->n_refused, f->digest, f->path,
           f->licence[0] == 0 ? "" : ", ", f->licence);
    return TJ_OK;
}

static tj_code list_set(void *ctx, const tj_problem_set *set, tj_err *err)
{
    listing *l = ctx;
    bool sealed = set->digest[0] != 0;
    if (l->sets == NULL) {
        printf("%4" PRId64 "  %-24s %7zu train %6zu valid %6zu test%s\n", set->id, set->name,
               set->n_problems[0], set->n_problems[1], set->n_problems[2],
               sealed ? "" : "  (unfinished)");
        return tj_store_data_file_each(l->store, set->id, list_file, l, err);
    }
    l->files = json_array();
    tj_code rc = tj_store_data_file_each(l->store, set->id, list_file, l, err);
    json_array_append_new(l->sets,
                          json_pack("{s:I, s:I, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:o}", "id",
                                    (json_int_t)set->id, "run", (json_int_t)set->run, "name",
                                    set->name, "task", set->task, "digest", set->digest, "finished",
                                    (int)sealed, "train", (json_int_t)set->n_problems[0], "valid",
                                    (json_int_t)set->n_problems[1], "test",
                                    (json_int_t)set->n_problems[2], "files", l->files));
    l->files = NULL;
    return rc;
}

tj_code tj_cmd_data_list(const tj_args *args, tj_err *err)
{
    listing l = {0};
    tj_code rc = tj_open_workspace(&l.store, args, err);
    if (rc != TJ_OK) {
        return rc;
    }
    l.sets = tj_args_has(args, "json") ? json_array() : NULL;
    rc = tj_store_problem_set_each(l.store, list_set, &l, err);
    if (rc == TJ_OK && l.sets != NULL) {
        rc = tj_print_json(l.sets, err);
    }
    json_decref(l.sets);
    tj_store_close(l.store);
    return rc;
}

/* ------------------------------------------------------------------ check */

/* The problems of a set of the workspace or, where there is none of that name, of a file; what is
 * learnt may be examples, too. */
static tj_code load_texts(tj_store *store, tj_texts *out, const char *name, bool is_learned,
                          tj_err *err)
{
    tj_problem_set set = {0};
    memset(out, 0, sizeof *out);
    tj_code rc = store == NULL ? TJ_E_NOTFOUND : tj_store_find_problem_set(store, &set, name, NULL);
    if (rc == TJ_OK) {
        rc = tj_texts_of_set(store, out, set.id, TJ_SPLIT_ANY, err);
    } else if (tj_fs_exists(name)) {
        rc = is_learned ? tj_texts_of_learned(out, name, err)
                        : tj_texts_of_file(out, name, NULL, err);
    } else {
        rc = tj_fail(err, TJ_E_NOTFOUND, "there is no set and no file '%s'", name);
    }
    tj_problem_set_deinit(&set);
    return rc;
}

typedef struct comparison {
    const char *learned_name, *measured_name;
    const tj_texts *learned, *measured;
    size_t n_words;
} comparison;

/* A text on one line, cut. */
static void print_line(const char *text, size_t n)
{
    char line[96];
    size_t len = 0;
    for (size_t i = 0; i < n && len < sizeof line; i++) {
        line[len++] = text[i] == '\n' || text[i] == '\t' ? ' ' : text[i];
    }
    while (len > 0 && len == sizeof line && ((unsigned char)line[len - 1] & 0xC0) == 0x80) {
        len--; /* not amid a character */
    }
    tj_print_text(line, len);
}

static void print_comparison(const comparison *c, const tj_contamination *found)
{
    printf("%s (%zu problems to learn from), %s (%zu measured)\n", c->learned_name,
           found->n_learned, c->measured_name, found->n_measured);
    printf("  the same text:            %6zu of the former, %6zu of the latter\n",
           found->same_learned, found->same_measured);
    printf("  held whole:               %6zu of the former, %6zu of the latter\n",
           found->whole_learned, found->whole_measured);
    printf("  %2zu words in a row shared: %6zu of the former, %6zu of the latter\n", c->n_words,
           found->shared_learned, found->shared_measured);
    for (size_t i = 0; i < found->n_list && i < MAX_SHOWN; i++) {
        const tj_shared_text *s = &found->list[i];
        printf("    %" PRId64 " = %" PRId64 "  %s %zu/%zu  ", c->learned->ids[s->learned],
               c->measured->ids[s->measured],
               s->is_same ? "same  " : (s->is_whole ? "holds " : "shares"), s->n_shared, s->n_runs);
        print_line(c->learned->all[s->learned] + s->begin, s->end - s->begin);
        putchar('\n');
    }
    if (found->n_list > MAX_SHOWN) {
        printf("    ... and %zu more (--json lists all)\n", found->n_list - MAX_SHOWN);
    }
}

static json_t *comparison_json(const comparison *c, const tj_contamination *found)
{
    json_t *list = json_array();
    for (size_t i = 0; i < found->n_list; i++) {
        const tj_shared_text *s = &found->list[i];
        const char *text = c->learned->all[s->learned];
        json_array_append_new(
            list, json_pack("{s:I, s:I, s:b, s:b, s:I, s:I, s:I, s:o}", "learned",
                            (json_int_t)c->learned->ids[s->learned], "measured",
                            (json_int_t)c->measured->ids[s->measured], "same", (int)s->is_same,
                            "whole", (int)s->is_whole, "measured_like_it", (json_int_t)s->n_items,
                            "shared", (json_int_t)s->n_shared, "of", (json_int_t)s->n_runs, "text",
                            tj_json_text(text + s->begin, s->end - s->begin)));
    }
    json_t *all = tj_contamination_json(found, c->learned_name, c->measured_name);
    json_object_set_new(all, "words", json_integer((json_int_t)c->n_words));
    json_object_set_new(all, "list", list);
    return all;
}

/* Compares the first operand with one of the others. */
static tj_code check_one(tj_store *store, comparison *c, json_t *out, tj_err *err)
{
    tj_texts measured;
    tj_contamination found;
    tj_code rc = load_texts(store, &measured, c->measured_name, false, err);
    c->measured = &measured;
    if (rc == TJ_OK) {
        rc = tj_contamination_check(&found, c->learned, &measured, c->n_words, tj_cli_job(), err);
    }
    tj_cli_progress_end();
    if (rc == TJ_OK) {
        if (out != NULL) {
            json_array_append_new(out, comparison_json(c, &found));
        } else {
            print_comparison(c, &found);
        }
        tj_contamination_deinit(&found);
    }
    tj_texts_deinit(&measured);
    return rc;
}

/* The workspace, if there is one: files can be compared without. */
static tj_code open_if_there(tj_store **store, const tj_args *args, tj_err *err)
{
    tj_code rc = tj_open_workspace(store, args, err);
    return rc == TJ_E_NOTFOUND && tj_args_get(args, "workspace") == NULL ? TJ_OK : rc;
}

tj_code tj_cmd_data_check(const tj_args *args, tj_err *err)
{
    tj_store *store = NULL;
    tj_texts learned = {0};
    comparison c = {.learned_name = tj_args_operand(args, 0), .learned = &learned};
    json_t *out = tj_args_has(args, "json") ? json_array() : NULL;
    if (out != NULL) {
        tj_cli_quiet();
    }
    tj_code rc =
        tj_args_size(args, "words", TJ_OVERLAP_WORDS, TJ_OVERLAP_MAX_WORDS, &c.n_words, err);
    if (rc == TJ_OK) {
        rc = open_if_there(&store, args, err);
    }
    if (rc == TJ_OK) {
        rc = load_texts(store, &learned, c.learned_name, true, err);
    }
    for (size_t i = 1; i < tj_args_n_operands(args) && rc == TJ_OK; i++) {
        c.measured_name = tj_args_operand(args, i);
        rc = check_one(store, &c, out, err);
    }
    if (rc == TJ_OK && out != NULL) {
        rc = tj_print_json(out, err);
    }
    json_decref(out);
    tj_texts_deinit(&learned);
    tj_store_close(store);
    return rc;
}
