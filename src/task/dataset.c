/* The table of formats, and the loop over a file's records. */
#include "task/dataset.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "task/dataset_inner.h"

static const struct {
    const char *name;
    tj_code (*map)(tj_mapper *m);
    bool is_test;
} formats[TJ_N_DATA_FORMATS] = {
    [TJ_DATA_AUTO] = {"auto", NULL, false},
    [TJ_DATA_MATH] = {"math", tj_map_math, false},
    [TJ_DATA_MATH500] = {"math500", tj_map_math, true},
    [TJ_DATA_GSM8K] = {"gsm8k", tj_map_gsm8k, false},
    [TJ_DATA_GSM8K_SOLUTIONS] = {"gsm8k-solutions", tj_map_gsm8k_solutions, true},
    [TJ_DATA_MGSM] = {"mgsm", tj_map_mgsm, true},
    [TJ_DATA_PRM800K] = {"prm800k", tj_map_prm800k, false},
    [TJ_DATA_CRITIC] = {"prm800k-critic", tj_map_critic, false},
    [TJ_DATA_PROCESSBENCH] = {"processbench", tj_map_processbench, true},
    [TJ_DATA_MR_GSM8K] = {"mr-gsm8k", tj_map_mr_gsm8k, true},
    [TJ_DATA_PRMBENCH] = {"prmbench", tj_map_prmbench, true},
    [TJ_DATA_REASONEVAL] = {"reasoneval", tj_map_reasoneval, true},
    [TJ_DATA_MATH_SHEPHERD] = {"math-shepherd", tj_map_math_shepherd, false},
    [TJ_DATA_OMEGAPRM] = {"omegaprm", tj_map_omegaprm, false},
    [TJ_DATA_TREES] = {"trees", tj_map_trees, false},
    [TJ_DATA_FIELDS] = {"fields", tj_map_fields, false},
};

struct tj_dataset {
    char *path;
    tj_data_source source;
    tj_mapper mapper;
    tj_data_format format;
    size_t n_records;
    bool has_peeked; /* the tape holds a record that next has not given yet */
    size_t peeked_line;
    bool refused; /* by the last call */
};

const char *tj_data_format_name(tj_data_format format)
{
    return formats[format].name;
}

bool tj_data_format_find(tj_data_format *out, const char *name)
{
    for (size_t i = 0; i < TJ_N_DATA_FORMATS; i++) {
        if (strcmp(formats[i].name, name) == 0) {
            *out = (tj_data_format)i;
            return true;
        }
    }
    return false;
}

bool tj_data_format_is_test(tj_data_format format)
{
    return formats[format].is_test;
}

/* ------------------------------------------------------------------ seeing the format */

static bool has(tj_mapper *m, const char *field)
{
    return tj_jtape_member(&m->tape, 0, field, NULL) != 0;
}

static bool has_kind(tj_mapper *m, const char *field, tj_json_kind kind)
{
    size_t value = tj_jtape_member(&m->tape, 0, field, NULL);
    return value != 0 && m->tape.nodes[value].kind == kind;
}

/* By the fields that no other format has. Reads no text that a mapping will read. */
static tj_data_format see_format(tj_mapper *m)
{
    if (m->text.s != NULL) {
        return TJ_DATA_MGSM;
    }
    static const struct {
        const char *a, *b;
        tj_data_format format;
    } signs[] = {{"reasoning_steps", "question", TJ_DATA_OMEGAPRM},
                 {"nodes", "source", TJ_DATA_TREES},
                 {"next_response", "responses", TJ_DATA_CRITIC},
                 {"model_output_steps", "question", TJ_DATA_MR_GSM8K},
                 {"model_output_step_format", "question", TJ_DATA_REASONEVAL},
                 {"error_steps", "modified_process", TJ_DATA_PRMBENCH},
                 {"steps", "final_answer_correct", TJ_DATA_PROCESSBENCH},
                 {"ground_truth", "175b_verification", TJ_DATA_GSM8K_SOLUTIONS},
                 {"problem", "unique_id", TJ_DATA_MATH500},
                 {"problem", "solution", TJ_DATA_MATH},
                 {"problem", "difficulty", TJ_DATA_MATH},
                 {"question", "answer_number", TJ_DATA_MGSM}};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (has(m, signs[i].a) && has(m, signs[i].b)) {
            return signs[i].format;
        }
    }
    if (has_kind(m, "question", TJ_JSON_OBJECT) && has_kind(m, "label", TJ_JSON_OBJECT)) {
        return TJ_DATA_PRM800K;
    }
    if (has_kind(m, "input", TJ_JSON_STRING) && has_kind(m, "label", TJ_JSON_STRING)) {
        return TJ_DATA_MATH_SHEPHERD;
    }
    size_t answer = tj_jtape_member(&m->tape, 0, "answer", NULL);
    if (answer != 0 && has(m, "question")) {
        bool marked = m->tape.nodes[answer].kind == TJ_JSON_STRING &&
                      tj_str_find(tj_jtape_text(&m->tape, answer), "####") != SIZE_MAX;
        return marked ? TJ_DATA_GSM8K : TJ_DATA_AUTO;
    }
    return TJ_DATA_AUTO;
}

static tj_code peek(tj_dataset *d, tj_err *err)
{
    tj_mapper *m = &d->mapper;
    char why[TJ_DATA_REASON];
    tj_code rc = tj_data_source_next(&d->source, &m->tape, &m->text, &d->peeked_line, why, err);
    if (rc != TJ_OK && d->peeked_line == 0) {
        return rc;
    }
    if (rc != TJ_OK) {
        return tj_fail(err, rc, "%s:%zu: %s (name the format to go on behind it)", d->path,
                       d->peeked_line, why);
    }
    if (d->peeked_line == 0) {
        return tj_fail(err, TJ_E_PARSE, "%s has no record", d->path);
    }
    d->has_peeked = true;
    d->format = see_format(m);
    return d->format != TJ_DATA_AUTO
               ? TJ_OK
               : tj_fail(err, TJ_E_PARSE,
                         "%s:%zu: no known format has these fields: name one, or map fields",
                         d->path, d->peeked_line);
}

/* ------------------------------------------------------------------ a file */

static tj_code open_file(tj_dataset *d, const tj_dataset_options *options, tj_err *err)
{
    if (options->format == TJ_DATA_FIELDS && options->map == NULL) {
        return tj_fail(err, TJ_E_INVAL, "the format 'fields' needs a map of fields");
    }
    tj_code rc = tj_data_source_open(&d->source, d->path, options->digest, err);
    d->format = options->format;
    if (rc == TJ_OK && d->format == TJ_DATA_AUTO) {
        rc = peek(d, err);
    }
    bool tabs = d->source.framing == TJ_FRAMING_TABS;
    if (rc == TJ_OK && tabs && d->format != TJ_DATA_MGSM) {
        rc = tj_fail(err, TJ_E_PARSE, "%s is tab-separated, which '%s' is not", d->path,
                     tj_data_format_name(d->format));
    }
    return rc;
}

tj_code tj_dataset_open(tj_dataset **out, const char *path, const tj_dataset_options *options,
                        tj_err *err)
{
    static const tj_dataset_options defaults = {.format = TJ_DATA_AUTO};
    *out = NULL;
    options = options == NULL ? &defaults : options;
    tj_dataset *d = tj_calloc(1, sizeof *d);
    if (d == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open %s", path);
    }
    tj_jtape_init(&d->mapper.tape);
    tj_arena_init(&d->mapper.arena, 0);
    tj_buf_init(&d->mapper.meta);
    d->mapper.map = options->map;
    d->path = tj_strdup(path);
    tj_code rc = d->path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot open %s", path)
                                 : open_file(d, options, err);
    if (rc != TJ_OK) {
        tj_dataset_close(d);
        return rc;
    }
    *out = d;
    return TJ_OK;
}

void tj_dataset_close(tj_dataset *d)
{
    if (d == NULL) {
        return;
    }
    tj_data_source_close(&d->source);
    tj_jtape_deinit(&d->mapper.tape);
    tj_arena_deinit(&d->mapper.arena);
    tj_buf_deinit(&d->mapper.meta);
    tj_free(d->path);
    tj_free(d);
}

/* ------------------------------------------------------------------ records */

static tj_code map_record(tj_dataset *d)
{
    tj_mapper *m = &d->mapper;
    if (m->text.s == NULL && m->tape.nodes[0].kind != TJ_JSON_OBJECT) {
        return tj_map_refuse(m, "", "expected an object, found %s",
                             tj_json_kind_name((tj_json_kind)m->tape.nodes[0].kind));
    }
    return formats[d->format].map(m);
}

tj_code tj_dataset_next(tj_dataset *d, const tj_data_record **record, tj_err *err)
{
    tj_mapper *m = &d->mapper;
    size_t line = d->peeked_line;
    tj_code rc = TJ_OK;
    *record = NULL;
    d->refused = false;
    m->refusal = (tj_refusal){.number = d->n_records + 1};
    if (!d->has_peeked) {
        rc = tj_data_source_next(&d->source, &m->tape, &m->text, &line, m->refusal.reason, err);
        if (line == 0) {
            return rc;
        }
    }
    d->has_peeked = false;
    d->n_records++;
    m->record = (tj_data_record){.number = d->n_records, .line = line};
    m->refusal.line = line;
    tj_arena_clear(&m->arena);
    if (rc == TJ_OK) {
        rc = map_record(d);
    }
    if (rc == TJ_OK) {
        *record = &m->record;
        return TJ_OK;
    }
    if (rc == TJ_E_NOMEM) {
        return tj_fail(err, rc, "%s:%zu: cannot hold a record", d->path, line);
    }
    d->refused = true;
    return tj_fail(err, rc, "%s:%zu: %s%s%s", d->path, line, m->refusal.field,
                   m->refusal.field[0] == '\0' ? "" : ": ", m->refusal.reason);
}

const tj_refusal *tj_dataset_refusal(const tj_dataset *d)
{
    return d->refused ? &d->mapper.refusal : NULL;
}

void tj_dataset_describe(const tj_dataset *d, tj_dataset_info *out)
{
    static const char *const framings[] = {"lines", "array", "objects", "tab-separated"};
    *out = (tj_dataset_info){.format = d->format,
                             .framing = framings[d->source.framing],
                             .compression = tj_stream_compression(d->source.stream),
                             .n_bytes = d->source.n_bytes,
                             .hash_seconds = d->source.hash_seconds,
                             .n_records = d->n_records};
    memcpy(out->digest, d->source.digest, sizeof out->digest);
}

/* ------------------------------------------------------------------ the problem as JSON */

static void write_name(tj_buf *out, bool *first, const char *name)
{
    tj_buf_printf(out, "%c\"%s\":", *first ? '{' : ',', name);
    *first = false;
}

void tj_data_write_problem(tj_buf *out, const tj_data_record *r)
{
    const struct {
        const char *name;
        tj_str text;
    } fields[] = {{"answer", r->answer},
                  {"id", r->id},
                  {"level", {NULL, 0}},
                  {"problem", r->problem},
                  {"subject", r->subject}};
    bool first = true;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (fields[i].text.s != NULL) {
            write_name(out, &first, fields[i].name);
            tj_buf_json(out, fields[i].text.s, fields[i].text.n);
        } else if (i == 2 && r->level != 0) {
            write_name(out, &first, fields[i].name);
            tj_buf_printf(out, "%zu", r->level);
        }
    }
    tj_buf_char(out, '}');
}
