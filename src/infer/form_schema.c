/* JSON Schemas to forms. What a schema asks for and is not known here is refused by name, since an
 * answer might then not be what it says; what only describes is passed over. */
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "infer/form.h"

/* What is being compiled. */
typedef struct maker {
    tj_form *form;
    size_t depth; /* containers around */
    tj_err *err;
} maker;

static const char *const descriptive[] = {"title",    "description", "$schema",  "$id",
                                          "$comment", "default",     "examples", "deprecated",
                                          "readOnly", "writeOnly",   NULL};

/* Names of `type`, what kind they are, and the keywords that may stand beside them. */
static const struct type {
    const char *name;
    tj_form_kind kind;
    const char *keywords[4];
} types[] = {
    {"object", TJ_FORM_OBJECT, {"properties", "required", "additionalProperties", NULL}},
    {"array", TJ_FORM_ARRAY, {"items", "minItems", "maxItems", NULL}},
    {"string", TJ_FORM_STRING, {"minLength", "maxLength", NULL}},
    {"number", TJ_FORM_NUMBER, {NULL}},
    {"integer", TJ_FORM_INTEGER, {NULL}},
    {"boolean", TJ_FORM_LITERALS, {NULL}},
    {"null", TJ_FORM_LITERALS, {NULL}},
    {NULL, TJ_FORM_ANY, {NULL}}, /* no type is given */
};

static const struct type any_of = {NULL, TJ_FORM_ANY, {"anyOf", NULL}};

static bool is_among(const char *const *names, const char *name)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static tj_code no_memory(const maker *m)
{
    return tj_fail(m->err, TJ_E_NOMEM, "cannot hold a form");
}

/* ------------------------------------------------------------ parts of a form */

static tj_code add_node(maker *m, uint32_t *out, tj_form_node node)
{
    tj_form *f = m->form;
    if (f->n_nodes == TJ_FORM_MAX_NODES) {
        return tj_fail(m->err, TJ_E_LIMIT, "a form has at most %d values", TJ_FORM_MAX_NODES);
    }
    if (!tj_grow(&f->nodes, &f->cap_nodes, f->n_nodes + 1, sizeof *f->nodes)) {
        return no_memory(m);
    }
    *out = (uint32_t)f->n_nodes;
    f->nodes[f->n_nodes++] = node;
    return TJ_OK;
}

/* The JSON of a scalar, into the slab. */
static tj_code add_text(maker *m, tj_form_text *out, const json_t *value)
{
    tj_form *f = m->form;
    char *text = tj_json_ordered(value);
    size_t n = text == NULL ? 0 : strlen(text);
    tj_code rc = TJ_OK;
    if (text == NULL) {
        rc = no_memory(m);
    } else if (n > TJ_FORM_MAX_TEXT - f->n_slab) {
        rc = tj_fail(m->err, TJ_E_LIMIT, "names and values have at most %d bytes in all",
                     TJ_FORM_MAX_TEXT);
    } else if (!tj_grow(&f->slab, &f->cap_slab, f->n_slab + n, 1)) {
        rc = no_memory(m);
    } else {
        memcpy(f->slab + f->n_slab, text, n);
        *out = (tj_form_text){(uint32_t)f->n_slab, (uint32_t)n};
        f->n_slab += n;
    }
    tj_free(text);
    return rc;
}

static tj_code add_literal(maker *m, const json_t *value)
{
    tj_form *f = m->form;
    if (f->n_literals == TJ_FORM_MAX_LITERALS) {
        return tj_fail(m->err, TJ_E_LIMIT, "a form has at most %d fixed values",
                       TJ_FORM_MAX_LITERALS);
    }
    if (!tj_grow(&f->literals, &f->cap_literals, f->n_literals + 1, sizeof *f->literals)) {
        return no_memory(m);
    }
    return add_text(m, &f->literals[f->n_literals++], value);
}

static int compare_literals(const tj_form *f, const tj_form_text *a, const tj_form_text *b)
{
    size_t n = a->n < b->n ? a->n : b->n;
    int order = memcmp(f->slab + a->begin, f->slab + b->begin, n);
    return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

/* Sorts the literals from `first` on and drops those that are there already: by insertion, into the
 * part that is sorted. */
static void sort_literals(tj_form *f, size_t first)
{
    size_t n = first;
    for (size_t i = first; i < f->n_literals; i++) {
        tj_form_text one = f->literals[i];
        size_t at = n;
        while (at > first && compare_literals(f, &f->literals[at - 1], &one) > 0) {
            at--;
        }
        if (at > first && compare_literals(f, &f->literals[at - 1], &one) == 0) {
            continue;
        }
        memmove(&f->literals[at + 1], &f->literals[at], (n - at) * sizeof one);
        f->literals[at] = one;
        n++;
    }
    f->n_literals = n;
}

static tj_code add_literals(maker *m, uint32_t *out, size_t first)
{
    tj_form *f = m->form;
    sort_literals(f, first);
    return add_node(m, out,
                    (tj_form_node){.kind = TJ_FORM_LITERALS,
                                   .first = (uint32_t)first,
                                   .n = (uint32_t)(f->n_literals - first)});
}

/* ------------------------------------------------------------ values of keywords */

static tj_code read_count(maker *m, uint32_t *out, const json_t *schema, const char *name,
                          size_t most)
{
    const json_t *value = json_object_get(schema, name);
    json_int_t n = json_integer_value(value);
    if (value == NULL) {
        return TJ_OK;
    }
    if (!json_is_integer(value) || n < 0 || n > (json_int_t)most) {
        return tj_fail(m->err, TJ_E_INVAL, "%s is not a whole number from 0 to %zu", name, most);
    }
    *out = (uint32_t)n;
    return TJ_OK;
}

static tj_code read_counts(maker *m, tj_form_node *node, const json_t *schema, const char *min,
                           const char *max, size_t most)
{
    node->min = 0;
    node->max = TJ_FORM_NO_LIMIT;
    tj_code rc = read_count(m, &node->min, schema, min, most);
    if (rc == TJ_OK) {
        rc = read_count(m, &node->max, schema, max, most);
    }
    if (rc == TJ_OK && node->min > node->max) {
        return tj_fail(m->err, TJ_E_INVAL, "%s is %u, more than %s, which is %u", min,
                       (unsigned)node->min, max, (unsigned)node->max);
    }
    return rc;
}

static bool is_of_type(const json_t *value, const char *type)
{
    return type == NULL || (strcmp(type, "string") == 0 && json_is_string(value)) ||
           (strcmp(type, "number") == 0 && json_is_number(value)) ||
           (strcmp(type, "integer") == 0 && json_is_integer(value)) ||
           (strcmp(type, "boolean") == 0 && json_is_boolean(value)) ||
           (strcmp(type, "null") == 0 && json_is_null(value));
}

/* The other of two types, one of which is null; NULL: it is no such list. */
static const json_t *beside_null(const json_t *list)
{
    for (size_t i = 0; json_array_size(list) == 2 && i < 2; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name != NULL && strcmp(name, "null") == 0) {
            return json_array_get(list, 1 - i);
        }
    }
    return NULL;
}

static tj_code read_fixed(maker *m, uint32_t *out, const json_t *schema, const char *type)
{
    const json_t *list = json_object_get(schema, "enum");
    const json_t *one = json_object_get(schema, "const");
    const json_t *named = json_object_get(schema, "type");
    const char *name = list != NULL ? "enum" : "const";
    const size_t first = m->form->n_literals;
    tj_code rc = TJ_OK;
    if (list != NULL && (one != NULL || json_array_size(list) == 0)) {
        return tj_fail(m->err, TJ_E_INVAL, "enum is no list of values, or stands beside const");
    }
    for (size_t i = 0; i < (list != NULL ? json_array_size(list) : 1) && rc == TJ_OK; i++) {
        const json_t *value = list != NULL ? json_array_get(list, i) : one;
        if (json_is_object(value) || json_is_array(value)) {
            rc = tj_fail(m->err, TJ_E_INVAL, "%s: objects and arrays are not supported", name);
        } else if (!is_of_type(value, type) &&
                   !(json_is_null(value) && beside_null(named) != NULL)) {
            rc = tj_fail(m->err, TJ_E_INVAL, "%s: value %zu is not of type %s", name, i, type);
        } else {
            rc = add_literal(m, value);
        }
    }
    return rc == TJ_OK ? add_literals(m, out, first) : rc;
}

static tj_code read_word(maker *m, uint32_t *out, bool is_null)
{
    const size_t first = m->form->n_literals;
    tj_code rc = add_literal(m, is_null ? json_null() : json_false());
    if (rc == TJ_OK && !is_null) {
        rc = add_literal(m, json_true());
    }
    return rc == TJ_OK ? add_literals(m, out, first) : rc;
}

/* ------------------------------------------------------------ containers */

static tj_code read_schema(maker *m, uint32_t *out, const json_t *schema);

static tj_code descend(maker *m, uint32_t *out, const json_t *schema, const char *where,
                       const char *name)
{
    m->depth++;
    tj_code rc = read_schema(m, out, schema);
    m->depth--;
    if (rc != TJ_OK) {
        tj_err_context(m->err, "%s%.64s", where, name);
    }
    return rc;
}

static tj_code read_array(maker *m, uint32_t *out, const json_t *schema)
{
    tj_form_node node = {.kind = TJ_FORM_ARRAY, .first = TJ_FORM_NODE_ANY};
    const json_t *items = json_object_get(schema, "items");
    tj_code rc = read_counts(m, &node, schema, "minItems", "maxItems", TJ_FORM_MAX_ITEMS);
    if (rc == TJ_OK && items != NULL) {
        rc = descend(m, &node.first, items, "items", "");
    }
    return rc == TJ_OK ? add_node(m, out, node) : rc;
}

static tj_code check_required(maker *m, const json_t *required, const json_t *properties)
{
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (name == NULL || json_object_get(properties, name) == NULL) {
            return tj_fail(m->err, TJ_E_INVAL, "required: '%.64s' is not in properties",
                           name == NULL ? "" : name);
        }
    }
    return required == NULL || json_is_array(required)
               ? TJ_OK
               : tj_fail(m->err, TJ_E_INVAL, "required is not a list of names");
}

static tj_code read_members(maker *m, uint32_t *out, json_t *properties)
{
    tj_form *f = m->form;
    tj_form_node node = {.kind = TJ_FORM_OBJECT,
                         .first = (uint32_t)f->n_members,
                         .n = (uint32_t)json_object_size(properties)};
    const char *key;
    json_t *value;
    size_t at = f->n_members;
    if (node.n > TJ_FORM_MAX_NODES ||
        !tj_grow(&f->members, &f->cap_members, f->n_members + node.n, sizeof *f->members)) {
        return node.n > TJ_FORM_MAX_NODES
                   ? tj_fail(m->err, TJ_E_LIMIT, "an object has at most %d members",
                             TJ_FORM_MAX_NODES)
                   : no_memory(m);
    }
    f->n_members += node.n; /* those of its values come behind */
    json_object_foreach(properties, key, value)
    {
        uint32_t child = 0;
        json_t *name = json_string(key);
        tj_code rc = name == NULL ? no_memory(m) : add_text(m, &f->members[at].key, name);
        json_decref(name);
        if (rc == TJ_OK) {
            rc = descend(m, &child, value, "properties.", key);
        }
        if (rc != TJ_OK) {
            return rc;
        }
        f->members[at++].node = child;
    }
    return add_node(m, out, node);
}

static tj_code read_object(maker *m, uint32_t *out, const json_t *schema)
{
    json_t *properties = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    tj_code rc = check_required(m, json_object_get(schema, "required"), properties);
    if (rc != TJ_OK) {
        return rc;
    }
    if (properties != NULL && !json_is_object(properties)) {
        return tj_fail(m->err, TJ_E_INVAL, "properties is not an object");
    }
    if (properties == NULL && others != NULL && !json_is_boolean(others)) {
        return tj_fail(m->err, TJ_E_INVAL,
                       "additionalProperties: a schema is not supported without properties");
    }
    return properties == NULL && !json_is_false(others)
               ? add_node(m, out, (tj_form_node){.kind = TJ_FORM_ANY_OBJECT})
               : read_members(m, out, properties);
}

/* ------------------------------------------------------------ schemas */

static const struct type *find_type(const char *name)
{
    const struct type *type = types;
    while (type->name != NULL && (name == NULL || strcmp(type->name, name) != 0)) {
        type++;
    }
    return type;
}

/* Refuses keywords that the type does not know. A fixed value has no need of others. */
static tj_code check_keywords(maker *m, json_t *schema, const struct type *type, bool fixed)
{
    const char *key;
    json_t *value;
    json_object_foreach(schema, key, value)
    {
        bool is_known = strcmp(key, "type") == 0 || is_among(descriptive, key) ||
                        strcmp(key, "enum") == 0 || strcmp(key, "const") == 0 ||
                        (!fixed && is_among(type->keywords, key));
        if (!is_known) {
            return tj_fail(m->err, TJ_E_INVAL, "%.64s is not supported%s%s", key,
                           type->name != NULL ? " beside type " : " without a type",
                           type->name != NULL ? type->name : "");
        }
    }
    return TJ_OK;
}

static tj_code read_of_type(maker *m, uint32_t *out, const json_t *schema, const struct type *type)
{
    tj_form_node node = {.kind = type->kind};
    tj_code rc = TJ_OK;
    switch (type->kind) {
    case TJ_FORM_OBJECT:
        return read_object(m, out, schema);
    case TJ_FORM_ARRAY:
        return read_array(m, out, schema);
    case TJ_FORM_LITERALS:
        return read_word(m, out, strcmp(type->name, "null") == 0);
    case TJ_FORM_ANY:
        *out = TJ_FORM_NODE_ANY;
        return TJ_OK;
    case TJ_FORM_STRING:
        rc = read_counts(m, &node, schema, "minLength", "maxLength", TJ_FORM_MAX_CHARACTERS);
        break;
    case TJ_FORM_NUMBER:
    case TJ_FORM_INTEGER:
    case TJ_FORM_ANY_OBJECT: /* no type's */
        break;
    }
    return rc == TJ_OK ? add_node(m, out, node) : rc;
}

static tj_code too_deep(const maker *m)
{
    return tj_fail(m->err, TJ_E_LIMIT, "values are nested deeper than %d", TJ_FORM_MAX_DEPTH);
}

static bool is_fixed(const json_t *schema)
{
    return json_object_get(schema, "enum") != NULL || json_object_get(schema, "const") != NULL;
}

static bool is_null_schema(const json_t *schema)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    return type != NULL && strcmp(type, "null") == 0 && json_object_size(schema) == 1;
}

/* {"anyOf": [X, {"type": "null"}]}: *x is then X, or NULL where it is another anyOf. */
static bool find_any_of(const json_t **x, const json_t *schema)
{
    const json_t *list = json_object_get(schema, "anyOf");
    *x = NULL;
    if (json_array_size(list) == 2 && json_object_get(schema, "type") == NULL) {
        bool is_first = is_null_schema(json_array_get(list, 0));
        bool is_second = is_null_schema(json_array_get(list, 1));
        *x = is_first != is_second ? json_array_get(list, is_first ? 1 : 0) : NULL;
    }
    return *x != NULL;
}

static tj_code read_one(maker *m, uint32_t *out, const json_t *schema, const json_t *named);

/* Compiles a schema to a node. The recursion is as deep as containers may be nested. */
static tj_code read_schema(maker *m, uint32_t *out, const json_t *schema)
{
    const json_t *named = json_object_get(schema, "type");
    const json_t *other = beside_null(named);
    const json_t *x;
    bool is_any_of = find_any_of(&x, schema);
    tj_code rc;
    if (is_any_of && m->depth == TJ_FORM_MAX_DEPTH) {
        return too_deep(m);
    }
    if (is_any_of) {
        rc = check_keywords(m, (json_t *)(uintptr_t)schema, &any_of, false);
        rc = rc == TJ_OK ? descend(m, out, x, "anyOf", "") : rc;
    } else {
        rc = read_one(m, out, schema, other != NULL ? other : named);
    }
    bool or_null = is_any_of || (other != NULL && !is_fixed(schema));
    if (rc == TJ_OK && or_null && *out != TJ_FORM_NODE_ANY) {
        m->form->nodes[*out].or_null = true;
    }
    return rc;
}

static tj_code read_one(maker *m, uint32_t *out, const json_t *schema, const json_t *named)
{
    const char *name = json_string_value(named);
    const struct type *type = find_type(name);
    if (!json_is_object(schema)) {
        return tj_fail(m->err, TJ_E_INVAL, "it is not an object");
    }
    if (named != NULL && type->name == NULL) {
        return tj_fail(m->err, TJ_E_INVAL, "type: '%.64s' is not supported",
                       name != NULL ? name : "a list");
    }
    bool is_container = type->kind == TJ_FORM_OBJECT || type->kind == TJ_FORM_ARRAY;
    if (is_container && m->depth == TJ_FORM_MAX_DEPTH) {
        return too_deep(m);
    }
    bool fixed = is_fixed(schema);
    tj_code rc = check_keywords(m, (json_t *)(uintptr_t)schema, type, fixed);
    if (rc != TJ_OK) {
        return rc;
    }
    return fixed ? read_fixed(m, out, schema, name) : read_of_type(m, out, schema, type);
}

/* The nodes that all forms have, in the order of their names. */
static tj_code add_common(maker *m)
{
    uint32_t at;
    tj_code rc = add_node(m, &at, (tj_form_node){.kind = TJ_FORM_ANY});
    if (rc == TJ_OK) {
        rc = add_node(m, &at,
                      (tj_form_node){.kind = TJ_FORM_ARRAY,
                                     .first = TJ_FORM_NODE_ANY,
                                     .max = TJ_FORM_NO_LIMIT});
    }
    if (rc == TJ_OK) {
        rc = add_literal(m, json_true());
    }
    if (rc == TJ_OK) {
        rc = add_literal(m, json_false());
    }
    if (rc == TJ_OK) {
        rc = add_literal(m, json_null());
    }
    if (rc == TJ_OK) {
        rc = add_literals(m, &at, 0);
    }
    if (rc == TJ_OK) {
        rc = read_word(m, &at, true);
    }
    if (rc == TJ_OK) {
        rc = add_node(m, &at, (tj_form_node){.kind = TJ_FORM_STRING, .max = TJ_FORM_NO_LIMIT});
    }
    return rc;
}

/* The schema's text, members in its order: that of the answer. */
static tj_code keep_schema(maker *m, const json_t *schema)
{
    m->form->schema = tj_json_ordered(schema);
    if (m->form->schema == NULL) {
        return no_memory(m);
    }
    tj_sha256_hex(m->form->digest, m->form->schema, strlen(m->form->schema));
    return TJ_OK;
}

tj_code tj_form_create(tj_form **out, const json_t *schema, const char *where, tj_err *err)
{
    tj_err own;
    maker m = {.form = tj_calloc(1, sizeof(tj_form)), .err = err != NULL ? err : &own};
    *out = NULL;
    if (m.form == NULL) {
        return no_memory(&m);
    }
    tj_code rc = add_common(&m);
    if (rc == TJ_OK) {
        rc = read_schema(&m, &m.form->root, schema);
    }
    if (rc == TJ_OK) {
        rc = keep_schema(&m, schema);
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "%s", where);
        tj_form_destroy(m.form);
        return rc;
    }
    *out = m.form;
    return TJ_OK;
}

void tj_form_destroy(tj_form *form)
{
    if (form != NULL) {
        tj_free(form->nodes);
        tj_free(form->members);
        tj_free(form->literals);
        tj_free(form->slab);
        tj_free(form->schema);
        tj_free(form);
    }
}
