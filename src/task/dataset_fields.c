/* A record's fields. Every function checks the type and says what was found instead. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "task/dataset_inner.h"

/* ------------------------------------------------------------------ refusals */

tj_code tj_map_refuse(tj_mapper *m, const char *field, const char *fmt, ...)
{
    va_list args;
    (void)snprintf(m->refusal.field, sizeof m->refusal.field, "%s", field);
    va_start(args, fmt);
    (void)vsnprintf(m->refusal.reason, sizeof m->refusal.reason, fmt, args);
    va_end(args);
    return TJ_E_PARSE;
}

tj_code tj_map_wrong_type(tj_mapper *m, const char *field, const char *expected, size_t value)
{
    if (value == 0) {
        return tj_map_refuse(m, field, "is missing");
    }
    return tj_map_refuse(m, field, "expected %s, found %s", expected,
                         tj_json_kind_name((tj_json_kind)m->tape.nodes[value].kind));
}

tj_code tj_map_alloc(tj_mapper *m, void *items, size_t n, size_t size)
{
    void *made = tj_arena_calloc(&m->arena, n, size);
    memcpy(items, &made, sizeof made);
    return made == NULL ? TJ_E_NOMEM : TJ_OK;
}

/* ------------------------------------------------------------------ one field */

static tj_json_kind kind_at(const tj_mapper *m, size_t value)
{
    return (tj_json_kind)m->tape.nodes[value].kind;
}

tj_code tj_map_find(tj_mapper *m, size_t *value, size_t object, const char *field)
{
    bool twice;
    *value = tj_jtape_member(&m->tape, object, field, &twice);
    return twice ? tj_map_refuse(m, field, "stands twice in one object") : TJ_OK;
}

tj_code tj_map_value(tj_mapper *m, size_t *value, size_t object, const char *field,
                     tj_json_kind kind)
{
    tj_code rc = tj_map_find(m, value, object, field);
    if (rc == TJ_OK && (*value == 0 || kind_at(m, *value) != kind)) {
        rc = tj_map_wrong_type(m, field, tj_json_kind_name(kind), *value);
    }
    return rc;
}

tj_code tj_map_text(tj_mapper *m, tj_str *out, size_t object, const char *field)
{
    size_t value;
    tj_code rc = tj_map_value(m, &value, object, field, TJ_JSON_STRING);
    if (rc == TJ_OK) {
        *out = tj_jtape_text(&m->tape, value);
        rc = tj_str_trim(*out).n == 0 ? tj_map_refuse(m, field, "is empty") : TJ_OK;
    }
    return rc;
}

static bool is_absent(const tj_mapper *m, size_t value)
{
    return value == 0 || kind_at(m, value) == TJ_JSON_NULL;
}

tj_code tj_map_optional(tj_mapper *m, tj_str *out, size_t object, const char *field)
{
    size_t value;
    tj_code rc = tj_map_find(m, &value, object, field);
    *out = (tj_str){NULL, 0};
    if (rc != TJ_OK || is_absent(m, value)) {
        return rc;
    }
    if (kind_at(m, value) != TJ_JSON_STRING) {
        return tj_map_wrong_type(m, field, "text or null", value);
    }
    *out = tj_jtape_text(&m->tape, value);
    return TJ_OK;
}

tj_code tj_map_scalar(tj_mapper *m, tj_str *out, size_t object, const char *field)
{
    size_t value;
    tj_code rc = tj_map_find(m, &value, object, field);
    *out = (tj_str){NULL, 0};
    if (rc != TJ_OK || is_absent(m, value)) {
        return rc;
    }
    const tj_jnode *node = &m->tape.nodes[value];
    if (node->kind == TJ_JSON_NUMBER) {
        *out = (tj_str){m->tape.text + node->at, node->n};
        return TJ_OK;
    }
    if (node->kind != TJ_JSON_STRING) {
        return tj_map_wrong_type(m, field, "text or a number", value);
    }
    *out = tj_jtape_text(&m->tape, value);
    return TJ_OK;
}

tj_code tj_map_bool(tj_mapper *m, bool *out, size_t object, const char *field)
{
    size_t value;
    tj_code rc = tj_map_find(m, &value, object, field);
    if (rc == TJ_OK) {
        tj_json_kind kind = value == 0 ? TJ_JSON_NULL : kind_at(m, value);
        *out = kind == TJ_JSON_TRUE;
        rc = kind == TJ_JSON_TRUE || kind == TJ_JSON_FALSE
                 ? TJ_OK
                 : tj_map_wrong_type(m, field, "true or false", value);
    }
    return rc;
}

tj_code tj_map_int(tj_mapper *m, int64_t *out, size_t object, const char *field)
{
    size_t value;
    tj_code rc = tj_map_find(m, &value, object, field);
    if (rc == TJ_OK && (value == 0 || !tj_jtape_int(&m->tape, value, out))) {
        rc = tj_map_wrong_type(m, field, "an integer", value);
    }
    return rc;
}

tj_code tj_map_rating(tj_mapper *m, int *out, size_t object, const char *field)
{
    size_t value;
    int64_t rating = 0;
    tj_code rc = tj_map_find(m, &value, object, field);
    *out = TJ_NO_LABEL;
    if (rc != TJ_OK || (value != 0 && kind_at(m, value) == TJ_JSON_NULL)) {
        return rc;
    }
    if (value == 0 || !tj_jtape_int(&m->tape, value, &rating)) {
        return tj_map_wrong_type(m, field, "-1, 0, 1 or null", value);
    }
    if (rating < -1 || rating > 1) {
        return tj_map_refuse(m, field, "expected -1, 0, 1 or null, found %lld", (long long)rating);
    }
    *out = (int)rating;
    return TJ_OK;
}

/* ------------------------------------------------------------------ steps */

tj_code tj_map_steps(tj_mapper *m, tj_data_step **out, size_t *n, size_t n_more, size_t object,
                     const char *field)
{
    size_t array;
    tj_code rc = tj_map_value(m, &array, object, field, TJ_JSON_ARRAY);
    if (rc != TJ_OK) {
        return rc;
    }
    *n = m->tape.nodes[array].count;
    rc = tj_map_alloc(m, out, *n + n_more, sizeof **out);
    size_t value = array + 1;
    for (size_t i = 0; i < *n && rc == TJ_OK; i++) {
        if (kind_at(m, value) != TJ_JSON_STRING) {
            char name[TJ_DATA_FIELD];
            (void)snprintf(name, sizeof name, "%s[%zu]", field, i);
            return tj_map_wrong_type(m, name, "text", value);
        }
        (*out)[i] = (tj_data_step){tj_jtape_text(&m->tape, value), TJ_NO_LABEL};
        value = m->tape.nodes[value].past;
    }
    return rc;
}

void tj_label_by_first_wrong(tj_data_step *steps, size_t n, size_t first_wrong)
{
    for (size_t i = 0; i < n; i++) {
        steps[i].label = i < first_wrong ? 1 : i == first_wrong ? -1 : TJ_NO_LABEL;
    }
}

tj_code tj_map_solution(tj_mapper *m, const tj_data_solution *solution)
{
    tj_data_solution *made;
    tj_code rc = tj_map_alloc(m, &made, 1, sizeof *made);
    if (rc == TJ_OK) {
        *made = *solution;
        m->record.solutions = made;
        m->record.n_solutions = 1;
    }
    return rc;
}

/* ------------------------------------------------------------------ nodes */

tj_code tj_map_alloc_nodes(tj_mapper *m, tj_data_node **nodes, size_t n, const char *field)
{
    if (n > TJ_DATA_MAX_NODES) {
        return tj_map_refuse(m, field, "%zu nodes, at most %d are read", n, TJ_DATA_MAX_NODES);
    }
    tj_code rc = tj_map_alloc(m, nodes, n, sizeof **nodes);
    m->record.nodes = rc == TJ_OK ? *nodes : NULL;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        (*nodes)[i].label = TJ_NO_LABEL;
    }
    if (rc == TJ_OK && n > 0) {
        (*nodes)[0].parent = SIZE_MAX;
    }
    return rc;
}

tj_code tj_map_inside(tj_mapper *m, tj_code rc, const char *field, size_t index)
{
    if (rc == TJ_E_PARSE) {
        char whole[2 * TJ_DATA_FIELD];
        (void)snprintf(whole, sizeof whole, "%s[%zu].%s", field, index, m->refusal.field);
        (void)snprintf(m->refusal.field, sizeof m->refusal.field, "%.*s", TJ_DATA_FIELD - 1, whole);
    }
    return rc;
}

/* ------------------------------------------------------------------ what is carried along */

tj_code tj_map_meta(tj_mapper *m, size_t object, const char *const *fields)
{
    tj_buf *out = &m->meta;
    tj_buf_clear(out);
    for (size_t i = 0; fields[i] != NULL; i++) {
        size_t value;
        tj_code rc = tj_map_find(m, &value, object, fields[i]);
        if (rc != TJ_OK) {
            return rc;
        }
        if (is_absent(m, value)) {
            continue;
        }
        const tj_jnode *node = &m->tape.nodes[value];
        tj_buf_char(out, out->len == 0 ? '{' : ',');
        tj_buf_json(out, fields[i], strlen(fields[i]));
        tj_buf_char(out, ':');
        if (node->kind == TJ_JSON_STRING) {
            tj_str text = tj_jtape_text(&m->tape, value);
            tj_buf_json(out, text.s, text.n);
        } else if (node->kind < TJ_JSON_STRING) {
            tj_buf_add(out, m->tape.text + node->at, node->n);
        } else {
            return tj_map_wrong_type(m, fields[i], "text, a number, true or false", value);
        }
    }
    if (out->len > 0) {
        tj_buf_char(out, '}');
        m->record.meta = (tj_str){out->data, out->len};
    }
    return out->failed ? TJ_E_NOMEM : TJ_OK;
}

/* ------------------------------------------------------------------ texts */

tj_str tj_str_trim(tj_str t)
{
    while (t.n > 0 && strchr(" \t\r\n", t.s[t.n - 1]) != NULL) {
        t.n--;
    }
    while (t.n > 0 && strchr(" \t\r\n", t.s[0]) != NULL) {
        t.s++;
        t.n--;
    }
    return t;
}

static bool stands_at(tj_str text, size_t at, const char *find, size_t n)
{
    return text.n - at >= n && memcmp(text.s + at, find, n) == 0;
}

size_t tj_str_find(tj_str text, const char *find)
{
    size_t n = strlen(find);
    for (size_t at = 0; at + n <= text.n; at++) {
        const char *first = memchr(text.s + at, find[0], text.n - at);
        if (first == NULL) {
            break;
        }
        at = (size_t)(first - text.s);
        if (stands_at(text, at, find, n)) {
            return at;
        }
    }
    return SIZE_MAX;
}

size_t tj_str_find_last(tj_str text, const char *find)
{
    size_t n = strlen(find);
    for (size_t at = text.n; at-- > 0;) {
        if (text.s[at] == find[0] && stands_at(text, at, find, n)) {
            return at;
        }
    }
    return SIZE_MAX;
}

tj_str tj_str_from(tj_str text, size_t begin)
{
    return (tj_str){text.s + begin, text.n - begin};
}
