/* Tables describe structs; one walk over table and JSON does the reading. It runs twice: first to
 * check, with nowhere to write, then to write what is known to be right, so that a refused
 * configuration changes nothing. Recursion follows tables, whose depth is ours, never the input. */
#include "base/config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/fs.h"

#define MAX_WHERE 256 /* a dotted path in a message; longer ones are cut */

static const char *json_type_name(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "a table";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "nothing";
    }
    return "unknown";
}

/* ---------------------------------------------------------------- reading */

/* Copies a value into the struct; `into` is NULL while only checking. */
static void put(void *into, size_t offset, const void *value, size_t n)
{
    if (into != NULL) {
        memcpy((char *)into + offset, value, n);
    }
}

/* A bound as the integer it stands for; bounds beyond 2^64 count as no bound. */
static uint64_t bound_u64(double bound)
{
    if (bound <= 0) {
        return 0;
    }
    return bound >= 0x1p64 ? UINT64_MAX : (uint64_t)bound;
}

static tj_code read_size(size_t *out, const tj_field *field, const json_t *json, const char *where,
                         tj_err *err)
{
    uint64_t min = bound_u64(field->min);
    uint64_t max = bound_u64(field->max);
    if (!json_is_integer(json)) {
        return tj_fail(err, TJ_E_INVAL,
                       "%s: expected an integer from %" PRIu64 " to %" PRIu64 ", found %s", where,
                       min, max, json_type_name(json));
    }
    json_int_t value = json_integer_value(json);
    if (value < 0 || (uint64_t)value < min || (uint64_t)value > max) {
        return tj_fail(err, TJ_E_INVAL,
                       "%s: %" JSON_INTEGER_FORMAT " is not from %" PRIu64 " to %" PRIu64, where,
                       value, min, max);
    }
    *out = (size_t)value;
    return TJ_OK;
}

/* JSON integers of ours end at 2^63 - 1; the upper half of a uint64_t is written as text. */
static tj_code read_u64(uint64_t *out, const json_t *json, const char *where, tj_err *err)
{
    if (json_is_integer(json) && json_integer_value(json) >= 0) {
        *out = (uint64_t)json_integer_value(json);
        return TJ_OK;
    }
    if (json_is_integer(json)) {
        return tj_fail(err, TJ_E_INVAL, "%s: %" JSON_INTEGER_FORMAT " is negative", where,
                       json_integer_value(json));
    }
    if (!json_is_string(json)) {
        return tj_fail(err, TJ_E_INVAL, "%s: expected an integer from 0, found %s", where,
                       json_type_name(json));
    }
    const char *text = json_string_value(json);
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0) {
        return tj_fail(err, TJ_E_INVAL, "%s: '%.40s' is not an integer from 0 to %" PRIu64, where,
                       text, UINT64_MAX);
    }
    *out = value;
    return TJ_OK;
}

static tj_code read_double(double *out, const tj_field *field, const json_t *json,
                           const char *where, tj_err *err)
{
    if (!json_is_number(json)) {
        return tj_fail(err, TJ_E_INVAL, "%s: expected a number from %g to %g, found %s", where,
                       field->min, field->max, json_type_name(json));
    }
    double value = json_number_value(json);
    if (!(value >= field->min && value <= field->max)) {
        return tj_fail(err, TJ_E_INVAL, "%s: %.17g is not from %g to %g", where, value, field->min,
                       field->max);
    }
    *out = value;
    return TJ_OK;
}

static tj_code read_string(void *into, const tj_field *field, const json_t *json, const char *where,
                           tj_err *err)
{
    if (!json_is_string(json)) {
        return tj_fail(err, TJ_E_INVAL, "%s: expected text, found %s", where, json_type_name(json));
    }
    size_t n = json_string_length(json);
    if (n >= field->size) {
        return tj_fail(err, TJ_E_INVAL, "%s: text of %zu bytes, at most %zu are allowed", where, n,
                       field->size - 1);
    }
    if (strlen(json_string_value(json)) != n) {
        return tj_fail(err, TJ_E_INVAL, "%s: text with a zero byte", where);
    }
    put(into, field->offset, json_string_value(json), n + 1);
    return TJ_OK;
}

static tj_code read_enum(int *out, const tj_field *field, const json_t *json, const char *where,
                         tj_err *err)
{
    char choices[TJ_ERR_MSG_BYTES / 2];
    size_t len = 0;
    choices[0] = '\0';
    for (int i = 0; field->names[i] != NULL; i++) {
        if (json_is_string(json) && strcmp(json_string_value(json), field->names[i]) == 0) {
            *out = i;
            return TJ_OK;
        }
        int n = snprintf(choices + len, sizeof choices - len, "%s%s", i == 0 ? "" : ", ",
                         field->names[i]);
        len = n < 0 || (size_t)n >= sizeof choices - len ? sizeof choices - 1 : len + (size_t)n;
    }
    if (!json_is_string(json)) {
        return tj_fail(err, TJ_E_INVAL, "%s: expected one of %s, found %s", where, choices,
                       json_type_name(json));
    }
    return tj_fail(err, TJ_E_INVAL, "%s: '%.40s' is not one of %s", where, json_string_value(json),
                   choices);
}

static tj_code read_sizes(void *into, const tj_field *field, const json_t *json, const char *where,
                          tj_err *err)
{
    if (!json_is_array(json)) {
        return tj_fail(err, TJ_E_INVAL, "%s: expected a list of integers, found %s", where,
                       json_type_name(json));
    }
    size_t n = json_array_size(json);
    if (n > field->size) {
        return tj_fail(err, TJ_E_INVAL, "%s: %zu items, at most %zu are allowed", where, n,
                       field->size);
    }
    for (size_t i = 0; i < n; i++) {
        char item[MAX_WHERE + 24];
        snprintf(item, sizeof item, "%s[%zu]", where, i);
        size_t value;
        tj_code rc = read_size(&value, field, json_array_get(json, i), item, err);
        if (rc != TJ_OK) {
            return rc;
        }
        put(into, field->offset + i * sizeof value, &value, sizeof value);
    }
    put(into, field->count_offset, &n, sizeof n);
    return TJ_OK;
}

static tj_code read_table(void *into, const tj_field *fields, const json_t *json, const char *where,
                          tj_err *err);

/* `into` is the struct, or NULL to check only. */
static tj_code read_field(void *into, const tj_field *field, const json_t *json, const char *where,
                          tj_err *err)
{
    union {
        size_t size;
        uint64_t u64;
        double real;
        int choice;
        bool flag;
    } value;
    tj_code rc = TJ_OK;
    switch (field->type) {
    case TJ_FIELD_T_SIZE:
        rc = read_size(&value.size, field, json, where, err);
        if (rc == TJ_OK) {
            put(into, field->offset, &value.size, sizeof value.size);
        }
        return rc;
    case TJ_FIELD_T_U64:
        rc = read_u64(&value.u64, json, where, err);
        if (rc == TJ_OK) {
            put(into, field->offset, &value.u64, sizeof value.u64);
        }
        return rc;
    case TJ_FIELD_T_DOUBLE:
        rc = read_double(&value.real, field, json, where, err);
        if (rc == TJ_OK) {
            put(into, field->offset, &value.real, sizeof value.real);
        }
        return rc;
    case TJ_FIELD_T_BOOL:
        if (!json_is_boolean(json)) {
            return tj_fail(err, TJ_E_INVAL, "%s: expected true or false, found %s", where,
                           json_type_name(json));
        }
        value.flag = json_is_true(json);
        put(into, field->offset, &value.flag, sizeof value.flag);
        return TJ_OK;
    case TJ_FIELD_T_STRING:
        return read_string(into, field, json, where, err);
    case TJ_FIELD_T_ENUM:
        rc = read_enum(&value.choice, field, json, where, err);
        if (rc == TJ_OK) {
            put(into, field->offset, &value.choice, sizeof value.choice);
        }
        return rc;
    case TJ_FIELD_T_TABLE:
        return read_table(into == NULL ? NULL : (char *)into + field->offset, field->fields, json,
                          where, err);
    case TJ_FIELD_T_SIZES:
        return read_sizes(into, field, json, where, err);
    }
    TJ_ASSERT(field->type <= TJ_FIELD_T_SIZES); /* there is no other */
    return TJ_E_INVAL;
}

static const tj_field *find_field(const tj_field *fields, const char *name)
{
    for (; fields->name != NULL; fields++) {
        if (strcmp(fields->name, name) == 0) {
            return fields;
        }
    }
    return NULL;
}

static tj_code unknown_field(const tj_field *fields, const char *where, tj_err *err)
{
    char known[TJ_ERR_MSG_BYTES / 2];
    size_t len = 0;
    known[0] = '\0';
    for (size_t i = 0; fields[i].name != NULL && len < sizeof known - 1; i++) {
        int n =
            snprintf(known + len, sizeof known - len, "%s%s", i == 0 ? "" : ", ", fields[i].name);
        len = n < 0 || (size_t)n >= sizeof known - len ? sizeof known - 1 : len + (size_t)n;
    }
    return tj_fail(err, TJ_E_INVAL, "%s: unknown field, expected one of %s", where, known);
}

static tj_code read_table(void *into, const tj_field *fields, const json_t *json, const char *where,
                          tj_err *err)
{
    if (!json_is_object(json)) {
        return tj_fail(err, TJ_E_INVAL, "%s: expected a table, found %s",
                       where[0] == '\0' ? "configuration" : where,
                       json == NULL ? "nothing" : json_type_name(json));
    }
    /* Jansson iterates over a const object through this cast of its own macro's kind; nothing is
     * written. Keys come in the order of the file. */
    json_t *object = (json_t *)(uintptr_t)json;
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        char path[MAX_WHERE];
        snprintf(path, sizeof path, "%s%s%s", where, where[0] == '\0' ? "" : ".", key);
        const tj_field *field = find_field(fields, key);
        tj_code rc = field == NULL ? unknown_field(fields, path, err)
                                   : read_field(into, field, json_object_iter_value(at), path, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

tj_code tj_config_read(void *into, const tj_field *fields, const json_t *json, const char *where,
                       tj_err *err)
{
    const char *path = where == NULL ? "" : where;
    tj_code rc = read_table(NULL, fields, json, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    return read_table(into, fields, json, path, err);
}

/* ---------------------------------------------------------------- writing */

static json_t *json_from_u64(uint64_t value)
{
    if (value <= INT64_MAX) {
        return json_integer((json_int_t)value);
    }
    return json_sprintf("%" PRIu64, value);
}

static json_t *json_from_sizes(const char *items, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n && array != NULL; i++) {
        size_t value;
        memcpy(&value, items + i * sizeof value, sizeof value);
        if (json_array_append_new(array, json_from_u64(value)) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static json_t *write_field(const char *from, const tj_field *field)
{
    const char *at = from + field->offset;
    union {
        size_t size;
        uint64_t u64;
        double real;
        int choice;
        bool flag;
    } value;
    switch (field->type) {
    case TJ_FIELD_T_SIZE:
        memcpy(&value.size, at, sizeof value.size);
        return json_from_u64(value.size);
    case TJ_FIELD_T_U64:
        memcpy(&value.u64, at, sizeof value.u64);
        return json_from_u64(value.u64);
    case TJ_FIELD_T_DOUBLE:
        memcpy(&value.real, at, sizeof value.real);
        TJ_ASSERT(isfinite(value.real));
        return json_real(value.real);
    case TJ_FIELD_T_BOOL:
        memcpy(&value.flag, at, sizeof value.flag);
        return json_boolean(value.flag);
    case TJ_FIELD_T_STRING:
        return json_stringn(at, strnlen(at, field->size));
    case TJ_FIELD_T_ENUM:
        memcpy(&value.choice, at, sizeof value.choice);
        return json_string(field->names[value.choice]);
    case TJ_FIELD_T_TABLE:
        return tj_config_write(at, field->fields);
    case TJ_FIELD_T_SIZES:
        memcpy(&value.size, from + field->count_offset, sizeof value.size);
        TJ_ASSERT(value.size <= field->size);
        return json_from_sizes(at, value.size);
    }
    return NULL;
}

json_t *tj_config_write(const void *from, const tj_field *fields)
{
    json_t *object = json_object();
    for (; object != NULL && fields->name != NULL; fields++) {
        /* json_object_set_new takes the value, and refuses the NULL of a failed write. */
        if (json_object_set_new(object, fields->name, write_field(from, fields)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

/* ---------------------------------------------------------------- YAML with comments */

#define COMMENT_COLUMN 32

/* The fewest digits that give the same number again. */
static void print_real(tj_buf *out, double value)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    tj_buf_str(out, text);
    tj_buf_str(out, strpbrk(text, ".e") == NULL ? ".0" : "");
}

static void print_value(tj_buf *out, const char *from, const tj_field *field)
{
    if (field->type == TJ_FIELD_T_DOUBLE) {
        double value;
        memcpy(&value, from + field->offset, sizeof value);
        print_real(out, value);
        return;
    }
    json_t *json = write_field(from, field);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_ENCODE_ANY);
    tj_buf_str(out, text == NULL ? "" : text);
    free(text);
    json_decref(json);
}

/* What the field is, and what it may be. */
static void print_comment(tj_buf *out, const tj_field *field)
{
    tj_buf_printf(out, "# %s", field->help);
    if (field->type == TJ_FIELD_T_SIZE || field->type == TJ_FIELD_T_DOUBLE) {
        tj_buf_printf(out, "; %.10g to %.10g", field->min, field->max);
    }
    for (size_t i = 0; field->type == TJ_FIELD_T_ENUM && field->names[i] != NULL; i++) {
        tj_buf_printf(out, "%s%s", i == 0 ? "; " : ", ", field->names[i]);
    }
    tj_buf_char(out, '\n');
}

void tj_config_print(tj_buf *out, const void *from, const tj_field *fields, size_t depth)
{
    for (; fields->name != NULL; fields++) {
        size_t begin = out->len;
        tj_buf_printf(out, "%*s%s:", (int)(2 * depth), "", fields->name);
        if (fields->type != TJ_FIELD_T_TABLE) {
            tj_buf_char(out, ' ');
            print_value(out, from, fields);
        }
        size_t n = out->len - begin;
        tj_buf_printf(out, "%*s", n < COMMENT_COLUMN ? (int)(COMMENT_COLUMN - n) : 1, "");
        print_comment(out, fields);
        if (fields->type == TJ_FIELD_T_TABLE) {
            tj_config_print(out, (const char *)from + fields->offset, fields->fields, depth + 1);
        }
    }
}

/* ---------------------------------------------------------------- files and assignments */

tj_code tj_config_load(json_t **out, const char *path, tj_err *err)
{
    *out = NULL;
    char *text;
    size_t len;
    tj_code rc = tj_fs_read(&text, &len, path, TJ_MAX_CONFIG_BYTES, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_config_parse(out, text, len, path, err);
    tj_free(text);
    return rc;
}

/* The length of the first name of a dotted path. */
static size_t name_length(const char *path)
{
    return strcspn(path, ".");
}

/* Puts `value` (taken, also on failure) at `path`, changing the tree by one insertion: what is
 * missing on the way is built around the value first. */
static tj_code set_path(json_t *root, char *path, json_t *value, tj_err *err)
{
    json_t *object = root;
    char *name = path;
    for (;;) {
        size_t n = name_length(name);
        if (name[n] == '\0') {
            break;
        }
        name[n] = '\0';
        json_t *next = json_object_get(object, name);
        if (next == NULL) {
            name[n] = '.';
            break;
        }
        if (!json_is_object(next)) {
            json_decref(value);
            return tj_fail(err, TJ_E_INVAL, "cannot set a field inside '%s': it is not a table",
                           path);
        }
        name[n] = '.';
        object = next;
        name += n + 1;
    }
    for (char *dot; value != NULL && (dot = strrchr(name, '.')) != NULL;) {
        json_t *around = json_object();
        if (around == NULL || json_object_set_new(around, dot + 1, value) != 0) {
            if (around == NULL) {
                json_decref(value);
            }
            json_decref(around);
            around = NULL;
        }
        value = around;
        *dot = '\0';
    }
    if (value == NULL || json_object_set_new(object, name, value) != 0) {
        return tj_fail(err, TJ_E_NOMEM, "cannot set '%s'", path);
    }
    return TJ_OK;
}

/* Tables and lists around the innermost value; what tj_config_parse gave is no deeper than
 * TJ_MAX_CONFIG_DEPTH. */
static size_t depth_of(json_t *json)
{
    size_t inner = 0;
    size_t i;
    json_t *value;
    json_array_foreach(json, i, value)
    {
        size_t depth = depth_of(value);
        inner = depth > inner ? depth : inner;
    }
    const char *key;
    json_object_foreach(json, key, value)
    {
        size_t depth = depth_of(value);
        inner = depth > inner ? depth : inner;
    }
    return inner + (json_is_array(json) || json_is_object(json) ? 1 : 0);
}

/* The tables around a value at path[0..len), the configuration itself being one. */
static size_t tables_in(const char *path, size_t len)
{
    size_t tables = 1;
    for (size_t i = 0; i < len; i++) {
        tables += path[i] == '.' ? 1 : 0;
    }
    return tables;
}

tj_code tj_config_set(json_t *root, const char *assignment, tj_err *err)
{
    const char *equals = strchr(assignment, '=');
    if (!json_is_object(root)) {
        return tj_fail(err, TJ_E_INVAL, "cannot set '%s': the configuration is not a table",
                       assignment);
    }
    if (equals == NULL) {
        return tj_fail(err, TJ_E_INVAL, "'%s' is not of the form name=value", assignment);
    }
    size_t n_path = (size_t)(equals - assignment);
    for (size_t i = 0; i <= n_path;
         i++) { /* an empty name: at the start, between dots, at the end */
        if ((i == n_path || assignment[i] == '.') && (i == 0 || assignment[i - 1] == '.')) {
            return tj_fail(err, TJ_E_INVAL, "'%s' has an empty name in its path", assignment);
        }
    }
    json_t *value;
    tj_code rc = tj_config_parse(&value, equals + 1, strlen(equals + 1), "value", err);
    if (rc != TJ_OK) {
        tj_err_context(err, "cannot set '%.*s'", (int)n_path, assignment);
        if (rc == TJ_E_PARSE && err != NULL) {
            err->code = TJ_E_INVAL;
        }
        return rc == TJ_E_PARSE ? TJ_E_INVAL : rc;
    }
    if (tables_in(assignment, n_path) + depth_of(value) > TJ_MAX_CONFIG_DEPTH) {
        json_decref(value);
        return tj_fail(err, TJ_E_INVAL, "cannot set '%.*s': nested deeper than %d levels",
                       (int)n_path, assignment, TJ_MAX_CONFIG_DEPTH);
    }
    char *path = tj_strndup(assignment, n_path);
    if (path == NULL) {
        json_decref(value);
        return tj_fail(err, TJ_E_NOMEM, "cannot set '%s'", assignment);
    }
    rc = set_path(root, path, value, err);
    tj_free(path);
    return rc;
}

static int dump_to_buf(const char *bytes, size_t n, void *ctx)
{
    tj_buf *buf = ctx;
    tj_buf_add(buf, bytes, n);
    return buf->failed ? -1 : 0;
}

static char *dump(const json_t *json, size_t flags)
{
    tj_buf buf;
    tj_buf_init(&buf);
    if (json_dump_callback(json, dump_to_buf, &buf, JSON_COMPACT | JSON_ENCODE_ANY | flags) != 0) {
        tj_buf_deinit(&buf);
        return NULL;
    }
    return tj_buf_take(&buf);
}

char *tj_json_canonical(const json_t *json)
{
    return dump(json, JSON_SORT_KEYS);
}

char *tj_json_ordered(const json_t *json)
{
    return dump(json, JSON_REAL_PRECISION(15));
}
