/* YAML text to json_t by libyaml's event parser. Events rather than its document tree, because each
 * brings its line, and because anchors, tags and depth can be refused as they come.
 *
 * Open containers stand on a stack of fixed depth; each belongs to its parent (the first to the
 * builder) from the moment it is made, so that one json_decref of the root frees all.
 *
 * Plain scalars are resolved by the core schema of YAML 1.2, section 10.3.2 (so `no` and `012` are
 * the text "no" and the number 12), anything in quotes or a block is text. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/config.h"

typedef struct frame {
    json_t *container; /* belongs to its parent */
    char *key;         /* of an object, once read and until its value came; tj_free */
    size_t path_len;   /* length of the container's own path */
} frame;

typedef struct builder {
    yaml_parser_t parser;
    const char *name; /* of the file */
    const char *text; /* its bytes, [len] */
    size_t len;
    json_t *root;
    size_t depth; /* open containers */
    frame stack[TJ_MAX_CONFIG_DEPTH];
    /* For finding a field's line: the path of the value at hand, and the wanted one. */
    const char *wanted; /* NULL: nothing is looked for, and path is not kept */
    size_t wanted_len;
    tj_buf path;
    size_t found_len; /* of the longest path found that is the wanted one or a table around it */
    size_t found_line;
} builder;

static size_t event_line(const yaml_event_t *event)
{
    return event->start_mark.line + 1; /* libyaml counts from 0 */
}

static tj_code no_memory(const builder *b, tj_err *err)
{
    return tj_fail(err, TJ_E_NOMEM, "cannot allocate the configuration of %s", b->name);
}

/* ---------------------------------------------------------------- scalars */

static bool is_one_of(const char *s, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(s, *words) == 0) {
            return true;
        }
    }
    return false;
}

#define DIGITS "0123456789"

/* [-+]? [0-9]+, 0o [0-7]+ or 0x [0-9a-fA-F]+: its base, and where its digits begin; 0: no integer.
 */
static int integer_base(const char *s, const char **digits)
{
    if (s[0] == '0' && (s[1] == 'o' || s[1] == 'x')) {
        const char *allowed = s[1] == 'o' ? "01234567" : DIGITS "abcdefABCDEF";
        *digits = s + 2;
        return s[2] != '\0' && s[2 + strspn(s + 2, allowed)] == '\0' ? (s[1] == 'o' ? 8 : 16) : 0;
    }
    const char *p = s + (s[0] == '-' || s[0] == '+' ? 1 : 0);
    *digits = s;
    return *p != '\0' && p[strspn(p, DIGITS)] == '\0' ? 10 : 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *s)
{
    s += *s == '-' || *s == '+' ? 1 : 0;
    size_t whole = strspn(s, DIGITS);
    s += whole;
    if (*s == '.') {
        s++;
        size_t fraction = strspn(s, DIGITS);
        if (whole + fraction == 0) {
            return false;
        }
        s += fraction;
    } else if (whole == 0) {
        return false;
    }
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+' ? 1 : 0;
        size_t digits = strspn(s, DIGITS);
        if (digits == 0) {
            return false;
        }
        s += digits;
    }
    return *s == '\0';
}

static tj_code number_from_plain(const builder *b, json_t **out, const char *s, size_t line,
                                 tj_err *err)
{
    static const char *const infinite[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
                                           "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
                                           ".NaN",  ".NAN",  NULL};
    const char *digits;
    int base = integer_base(s, &digits);
    if (base != 0) {
        errno = 0;
        long long value = strtoll(digits, NULL, base);
        if (errno != 0) {
            return tj_fail(err, TJ_E_PARSE,
                           "%s:%zu: integer '%.40s' does not fit in 64 bits (a seed from 2^63 on "
                           "is written in quotes)",
                           b->name, line, s);
        }
        *out = json_integer(value);
        return *out == NULL ? no_memory(b, err) : TJ_OK;
    }
    bool number = is_float(s);
    double value = number ? strtod(s, NULL) : 0;
    if (is_one_of(s, infinite) || !isfinite(value)) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: '%.40s' is not a finite number", b->name, line, s);
    }
    if (number) {
        *out = json_real(value);
        return *out == NULL ? no_memory(b, err) : TJ_OK;
    }
    return TJ_OK; /* no number at all: *out stays NULL */
}

static tj_code scalar(const builder *b, json_t **out, const yaml_event_t *event, tj_err *err)
{
    static const char *const nulls[] = {"", "null", "Null", "NULL", "~", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    const char *s = (const char *)event->data.scalar.value; /* libyaml ends it with a zero */
    size_t len = event->data.scalar.length;
    *out = NULL;
    if (strlen(s) != len) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: text with a zero byte", b->name,
                       event_line(event));
    }
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        if (is_one_of(s, nulls)) {
            *out = json_null();
        } else if (is_one_of(s, trues)) {
            *out = json_true();
        } else if (is_one_of(s, falses)) {
            *out = json_false();
        } else {
            tj_code rc = number_from_plain(b, out, s, event_line(event), err);
            if (rc != TJ_OK) {
                return rc;
            }
        }
    }
    if (*out == NULL) {
        *out = json_stringn(s, len);
    }
    return *out == NULL ? no_memory(b, err) : TJ_OK;
}

/* ---------------------------------------------------------------- structure */

/* Sets path to that of the value or key at hand, and remembers its line if it is the wanted field
 * or a table around it. */
static void note_line(builder *b, const char *key, size_t line)
{
    if (b->wanted == NULL || b->depth == 0) {
        return;
    }
    const frame *top = &b->stack[b->depth - 1];
    b->path.len = top->path_len < b->path.len ? top->path_len : b->path.len;
    if (key == NULL) {
        tj_buf_printf(&b->path, "[%zu]", json_array_size(top->container));
    } else {
        tj_buf_printf(&b->path, "%s%s", b->path.len == 0 ? "" : ".", key);
    }
    size_t n = b->path.len;
    if (!b->path.failed && n > b->found_len && n <= b->wanted_len &&
        memcmp(b->path.data, b->wanted, n) == 0 && strchr(".[", b->wanted[n]) != NULL) {
        b->found_len = n;
        b->found_line = line;
    }
}

/* Takes value (also on failure) into the open container, or as the root. */
static tj_code attach(builder *b, json_t *value, size_t line, tj_err *err)
{
    if (b->depth == 0) {
        b->root = value;
        return TJ_OK;
    }
    frame *top = &b->stack[b->depth - 1];
    int failed;
    if (json_is_array(top->container)) {
        note_line(b, NULL, line);
        failed = json_array_append_new(top->container, value);
    } else {
        failed = json_object_set_new(top->container, top->key, value);
        tj_free(top->key);
        top->key = NULL;
    }
    return failed != 0 ? no_memory(b, err) : TJ_OK;
}

static tj_code open_container(builder *b, json_t *container, size_t line, tj_err *err)
{
    if (container == NULL) {
        return no_memory(b, err);
    }
    if (b->depth == TJ_MAX_CONFIG_DEPTH) {
        json_decref(container);
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: nested deeper than %d levels", b->name, line,
                       TJ_MAX_CONFIG_DEPTH);
    }
    tj_code rc = attach(b, container, line, err);
    if (rc == TJ_OK) {
        b->stack[b->depth++] = (frame){.container = container, .path_len = b->path.len};
    }
    return rc;
}

/* A scalar where an object waits for a key. */
static tj_code take_key(builder *b, const yaml_event_t *event, tj_err *err)
{
    frame *top = &b->stack[b->depth - 1];
    const char *key = (const char *)event->data.scalar.value;
    size_t line = event_line(event);
    if (strlen(key) != event->data.scalar.length) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: key with a zero byte", b->name, line);
    }
    if (json_object_get(top->container, key) != NULL) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: key '%.80s' is there twice", b->name, line, key);
    }
    top->key = tj_strdup(key);
    if (top->key == NULL) {
        return no_memory(b, err);
    }
    note_line(b, key, line);
    return TJ_OK;
}

static bool wants_key(const builder *b)
{
    return b->depth > 0 && json_is_object(b->stack[b->depth - 1].container) &&
           b->stack[b->depth - 1].key == NULL;
}

static tj_code refuse_extras(const builder *b, const yaml_event_t *event, tj_err *err)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    } else if (event->type == YAML_ALIAS_EVENT) {
        anchor = event->data.alias.anchor;
    }
    if (anchor != NULL) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: anchors and aliases ('%.40s') are not allowed",
                       b->name, event_line(event), (const char *)anchor);
    }
    if (tag != NULL) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: tags ('%.40s') are not allowed", b->name,
                       event_line(event), (const char *)tag);
    }
    return TJ_OK;
}

static tj_code take_event(builder *b, const yaml_event_t *event, tj_err *err)
{
    size_t line = event_line(event);
    tj_code rc = refuse_extras(b, event, err);
    if (rc != TJ_OK) {
        return rc;
    }
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->root != NULL) {
            return tj_fail(err, TJ_E_PARSE, "%s:%zu: a second document begins", b->name, line);
        }
        return TJ_OK;
    case YAML_SCALAR_EVENT: {
        if (wants_key(b)) {
            return take_key(b, event, err);
        }
        json_t *value;
        rc = scalar(b, &value, event, err);
        return rc != TJ_OK ? rc : attach(b, value, line, err);
    }
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        if (wants_key(b)) {
            return tj_fail(err, TJ_E_PARSE, "%s:%zu: a key must be text", b->name, line);
        }
        return open_container(
            b, event->type == YAML_MAPPING_START_EVENT ? json_object() : json_array(), line, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        return TJ_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_ALIAS_EVENT: /* refused above */
        return TJ_OK;
    }
    return TJ_OK;
}

/* The line of a byte, counted from 1. */
static size_t line_of(const char *text, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at; i++) {
        line += text[i] == '\n' ? 1 : 0;
    }
    return line;
}

/* What libyaml says of text that is not YAML. */
static tj_code syntax_error(const builder *b, tj_err *err)
{
    const yaml_parser_t *parser = &b->parser;
    if (parser->error == YAML_MEMORY_ERROR) {
        return no_memory(b, err);
    }
    const char *problem = parser->problem == NULL ? "malformed text" : parser->problem;
    if (parser->error == YAML_READER_ERROR) { /* it read ahead: its own line is an earlier one */
        size_t at = parser->problem_offset;
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: %s at byte %zu", b->name, line_of(b->text, at),
                       problem, at);
    }
    size_t line = parser->problem_mark.line + 1;
    size_t last = line_of(b->text, b->len);
    line = line > last ? last : line; /* it counts the end of the text as a line more */
    if (parser->context != NULL) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: %s (%s)", b->name, line, problem, parser->context);
    }
    return tj_fail(err, TJ_E_PARSE, "%s:%zu: %s", b->name, line, problem);
}

/* Runs the parser over text. *out is the tree, a new reference. */
static tj_code build(builder *b, json_t **out, const char *text, size_t len, tj_err *err)
{
    if (yaml_parser_initialize(&b->parser) == 0) {
        return no_memory(b, err);
    }
    b->text = text;
    b->len = len;
    yaml_parser_set_input_string(&b->parser, (const unsigned char *)text, len);
    yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING); /* no guessing of UTF-16 */
    tj_code rc = TJ_OK;
    for (bool more = true; more && rc == TJ_OK;) {
        yaml_event_t event;
        if (yaml_parser_parse(&b->parser, &event) == 0) {
            rc = syntax_error(b, err);
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        rc = take_event(b, &event, err);
        yaml_event_delete(&event);
    }
    if (rc == TJ_OK && b->root == NULL) {
        rc = tj_fail(err, TJ_E_PARSE, "%s:1: nothing in it", b->name);
    }
    for (size_t i = 0; i < TJ_MAX_CONFIG_DEPTH; i++) {
        tj_free(b->stack[i].key);
    }
    yaml_parser_delete(&b->parser);
    if (rc == TJ_OK) {
        *out = b->root;
    } else {
        json_decref(b->root);
    }
    return rc;
}

/* True for JSON that stands alone within our bounds. libyaml reads nearly all JSON, but not \u
 * escapes in surrogate pairs, nor a key that begins more than 1024 bytes before its colon. */
static bool parse_json(json_t **out, const char *text, size_t len)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) { /* Jansson's own bound on depth is 2048 calls */
        if (quoted && text[i] == '\\') {
            i++; /* the escaped character */
        } else if (quoted) {
            quoted = text[i] != '"';
        } else if (text[i] == '"') {
            quoted = true;
        } else if (text[i] == '[' || text[i] == '{') {
            depth++;
        } else if (text[i] == ']' || text[i] == '}') {
            depth -= depth > 0 ? 1 : 0;
        }
        if (depth > TJ_MAX_CONFIG_DEPTH) {
            return false;
        }
    }
    *out = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    return *out != NULL;
}

tj_code tj_config_parse(json_t **out, const char *text, size_t len, const char *name, tj_err *err)
{
    *out = NULL;
    if (len > TJ_MAX_CONFIG_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "%s has %zu bytes, at most %zu are allowed", name, len,
                       TJ_MAX_CONFIG_BYTES);
    }
    if (len > 0 && (text[0] == '{' || text[0] == '[') && parse_json(out, text, len)) {
        return TJ_OK;
    }
    builder b = {.name = name};
    return build(&b, out, text, len, err);
}

void tj_config_add_line(tj_err *err, const char *text, size_t len, const char *name)
{
    if (err == NULL) {
        return;
    }
    builder b = {.name = name, .wanted = err->msg, .wanted_len = strcspn(err->msg, ":")};
    char wanted[TJ_ERR_MSG_BYTES + 1]; /* the path alone, ended by '.' so that note_line can look */
    memcpy(wanted, err->msg, b.wanted_len);
    wanted[b.wanted_len] = '.';
    b.wanted = wanted;
    tj_buf_init(&b.path);
    json_t *tree = NULL;
    if (len <= TJ_MAX_CONFIG_BYTES && build(&b, &tree, text, len, NULL) == TJ_OK) {
        json_decref(tree);
    }
    tj_buf_deinit(&b.path);
    if (b.found_line > 0) {
        tj_err_context(err, "%s:%zu", name, b.found_line);
    } else {
        tj_err_context(err, "%s", name);
    }
}
