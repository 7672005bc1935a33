/* From a spec to a rewarder: a short text becomes the same object that a file holds, what all kinds
 * have is taken out of it, and the kind's own function reads the rest. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "tree/scorer_kinds.h"

static const struct {
    const char *name;
    tj_scorer_open_fn open;
} kinds[] = {{"constant", tj_scorer_open_constant},
             {"prm", tj_scorer_open_prm},
             {"remote", tj_scorer_open_remote},
             {"verifier", tj_scorer_open_verifier}};

#define N_KINDS (sizeof kinds / sizeof kinds[0])

/* ------------------------------------------------------------ specs */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text);
    size_t n_end = strlen(end);
    return n > n_end && strcmp(text + n - n_end, end) == 0;
}

static bool is_file(const char *spec)
{
    return ends_with(spec, ".yaml") || ends_with(spec, ".yml") || ends_with(spec, ".json");
}

/* Whether a setting begins at text: a dotted name and "=". A comma before anything else belongs to
 * the value, as in a path. */
static bool is_setting(const char *text)
{
    size_t n = 0;
    while ((text[n] >= 'a' && text[n] <= 'z') || (n > 0 && text[n] >= '0' && text[n] <= '9') ||
           (n > 0 && (text[n] == '_' || text[n] == '.'))) {
        n++;
    }
    return n > 0 && text[n] == '=';
}

/* The bytes up to the next setting, or the end. */
static size_t part_length(const char *text)
{
    size_t n = strcspn(text, ",");
    while (text[n] != 0 && !is_setting(text + n + 1)) {
        n += 1 + strcspn(text + n + 1, ",");
    }
    return n;
}

static tj_code set_text(json_t *settings, const char *key, const char *text, size_t n, tj_err *err)
{
    return json_object_set_new(settings, key, json_stringn(text, n)) == 0
               ? TJ_OK
               : tj_fail(err, TJ_E_INVAL, "%s is not UTF-8", key);
}

/* Sets what `part` [n], "key=value", says. */
static tj_code set_part(json_t *settings, const char *part, size_t n, tj_err *err)
{
    char *copy = tj_strndup(part, n);
    if (copy == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot read a rewarder");
    }
    char *equals = strchr(copy, '='); /* there is one: is_setting saw it */
    *equals = 0;
    bool twice = json_object_get(settings, copy) != NULL;
    *equals = '=';
    tj_code rc = twice ? tj_fail(err, TJ_E_INVAL, "%.*s is set twice", (int)(equals - copy), copy)
                       : tj_config_set(settings, copy, err);
    tj_free(copy);
    return rc;
}

static tj_code parse_short(json_t *settings, const char *spec, tj_err *err)
{
    size_t n = part_length(spec);
    const char *colon = memchr(spec, ':', n);
    size_t n_kind = colon == NULL ? n : (size_t)(colon - spec);
    tj_code rc = set_text(settings, "kind", spec, n_kind, err);
    if (rc == TJ_OK && colon != NULL) {
        rc = set_text(settings, "where", colon + 1, n - n_kind - 1, err);
    }
    for (const char *at = spec + n; rc == TJ_OK && *at != 0; at += n) {
        at++; /* the comma */
        n = part_length(at);
        rc = set_part(settings, at, n, err);
    }
    return rc;
}

tj_code tj_scorer_spec_parse(json_t **out, const char *spec, tj_err *err)
{
    *out = NULL;
    if (strlen(spec) > TJ_MAX_SPEC_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "a rewarder of more than %zu bytes", TJ_MAX_SPEC_BYTES);
    }
    if (is_file(spec)) {
        return tj_config_load(out, spec, err);
    }
    json_t *settings = json_object();
    tj_code rc = settings == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot read a rewarder")
                                  : parse_short(settings, spec, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "rewarder '%.100s'", spec);
        json_decref(settings);
        settings = NULL;
    }
    *out = settings;
    return rc;
}

/* ------------------------------------------------------------ opening */

static tj_code find_kind(size_t *out, const json_t *settings, tj_err *err)
{
    const char *name = json_string_value(json_object_get(settings, "kind"));
    char names[256] = "";
    for (size_t i = 0; i < N_KINDS; i++) {
        if (name != NULL && strcmp(kinds[i].name, name) == 0) {
            *out = i;
            return TJ_OK;
        }
        size_t n = strlen(names);
        (void)snprintf(names + n, sizeof names - n, "%s%s", i == 0 ? "" : ", ", kinds[i].name);
    }
    return name == NULL ? tj_fail(err, TJ_E_INVAL, "kind: expected one of %s", names)
                        : tj_fail(err, TJ_E_INVAL, "kind: '%.40s' is none of %s", name, names);
}

static tj_code read_threshold(tj_scorer *scorer, const json_t *value, tj_err *err)
{
    if (value == NULL) {
        return TJ_OK;
    }
    double x = json_number_value(value);
    if (!json_is_number(value) || !(x >= scorer->low && x <= scorer->high)) {
        return tj_fail(err, TJ_E_INVAL, "threshold: expected a number from %g to %g", scorer->low,
                       scorer->high);
    }
    scorer->threshold = x;
    return TJ_OK;
}

/* A copy of the settings for the kind, which always has a name. */
static json_t *own_settings(const json_t *settings, const char *kind)
{
    json_t *own = json_copy((json_t *)(uintptr_t)settings);
    int failed = own == NULL ? -1 : json_object_del(own, "kind");
    if (own != NULL && json_object_get(own, "threshold") != NULL) {
        failed |= json_object_del(own, "threshold");
    }
    if (own != NULL && json_object_get(own, "name") == NULL) {
        failed |= json_object_set_new(own, "name", json_string(kind));
    }
    if (failed != 0) {
        json_decref(own);
        own = NULL;
    }
    return own;
}

tj_code tj_scorer_open_settings(tj_scorer *out, const json_t *settings, const char *where,
                                const tj_scorer_options *options, tj_err *err)
{
    static const tj_scorer_options none = {.task = NULL};
    size_t kind = 0;
    *out = (tj_scorer){.ctx = NULL};
    tj_code rc = find_kind(&kind, settings, err);
    json_t *own = rc == TJ_OK ? own_settings(settings, kinds[kind].name) : NULL;
    if (rc == TJ_OK && own == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot open a rewarder");
    }
    if (rc == TJ_OK) {
        rc = kinds[kind].open(out, own, options == NULL ? &none : options, err);
    }
    if (rc == TJ_OK) {
        rc = read_threshold(out, json_object_get(settings, "threshold"), err);
    }
    json_decref(own);
    if (rc != TJ_OK) {
        tj_scorer_close(out);
        tj_err_context(err, "%s", where);
    }
    return rc;
}

tj_code tj_scorer_open(tj_scorer *out, const char *spec, const tj_scorer_options *options,
                       tj_err *err)
{
    json_t *settings;
    char where[160];
    *out = (tj_scorer){.ctx = NULL};
    tj_code rc = tj_scorer_spec_parse(&settings, spec, err);
    if (rc == TJ_OK) {
        (void)snprintf(where, sizeof where, "rewarder '%.120s'", spec);
        rc = tj_scorer_open_settings(out, settings, where, options, err);
    }
    json_decref(settings);
    return rc;
}
