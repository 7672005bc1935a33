/* See templates.h. A file is read whole into a list of its own and then joined to the set, so that
 * one that is refused leaves nothing behind. */
#include "thought/templates.h"

#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/fs.h"
#include "thought/sentences.h"

#define PLACE "{reason}"

const char *const tj_why_names[TJ_N_WHYS + 1] = {"any", "invalid", "dead", "failed", "long", NULL};

typedef struct sentence {
    char language[TJ_LANGUAGE_BYTES];
    tj_action action;
    tj_why why;
    bool takes_reason;
    char *text; /* without its newline */
} sentence;

typedef struct list {
    sentence *items;
    size_t n, cap;
} list;

struct tj_templates {
    list sentences;
};

static void free_list(list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        tj_free(l->items[i].text);
    }
    tj_free(l->items);
    *l = (list){.n = 0};
}

/* ------------------------------------------------------------------ reading */

typedef struct reader {
    list *into;
    char language[TJ_LANGUAGE_BYTES];
} reader;

static tj_code check_text(const char *text, size_t len, const char *where, tj_err *err)
{
    if (len == 0 || len > TJ_MAX_SENTENCE_BYTES) {
        return tj_fail(err, TJ_E_INVAL, "%s: a sentence of %zu bytes, expected 1 to %d", where, len,
                       TJ_MAX_SENTENCE_BYTES);
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return tj_fail(err, TJ_E_INVAL, "%s: a sentence is one line without control characters",
                           where);
        }
        bool is_place = strncmp(text + i, PLACE, strlen(PLACE)) == 0;
        if ((text[i] == '{' && !is_place) ||
            (text[i] == '}' && (i + 1 < strlen(PLACE) || strncmp(text + i + 1 - strlen(PLACE),
                                                                 PLACE, strlen(PLACE)) != 0))) {
            return tj_fail(err, TJ_E_INVAL, "%s: braces stand in %s only", where, PLACE);
        }
    }
    return TJ_OK;
}

static tj_code read_sentence(reader *r, const json_t *value, tj_action action, tj_why why,
                             const char *where, tj_err *err)
{
    const char *text = json_string_value(value);
    if (text == NULL) {
        return tj_fail(err, TJ_E_INVAL, "%s: expected a sentence in text", where);
    }
    tj_code rc = check_text(text, json_string_length(value), where, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (r->into->n >= TJ_MAX_TEMPLATES) {
        return tj_fail(err, TJ_E_LIMIT, "%s: more than %d sentences", where, TJ_MAX_TEMPLATES);
    }
    sentence one = {.action = action,
                    .why = why,
                    .takes_reason = strstr(text, PLACE) != NULL,
                    .text = tj_strdup(text)};
    memcpy(one.language, r->language, sizeof one.language);
    if (one.text == NULL ||
        !tj_grow(&r->into->items, &r->into->cap, r->into->n + 1, sizeof *r->into->items)) {
        tj_free(one.text);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a sentence");
    }
    r->into->items[r->into->n++] = one;
    return TJ_OK;
}

static tj_code read_action(reader *r, const json_t *whys, tj_action action, tj_err *err)
{
    const char *action_name = tj_action_name(action);
    const char *key;
    const json_t *sentences;
    tj_code rc = TJ_OK;
    if (!json_is_object(whys)) {
        return tj_fail(err, TJ_E_INVAL,
                       "%s: expected a table of lists: any, invalid, dead, failed "
                       "or long",
                       action_name);
    }
    json_object_foreach((json_t *)(uintptr_t)whys, key, sentences)
    {
        char where[160];
        size_t why = tj_name_index(key, tj_why_names);
        snprintf(where, sizeof where, "%s.%.60s", action_name, key);
        if (why == TJ_N_WHYS) {
            return tj_fail(err, TJ_E_INVAL, "%s: expected any, invalid, dead, failed or long",
                           where);
        }
        if (!json_is_array(sentences) || json_array_size(sentences) == 0) {
            return tj_fail(err, TJ_E_INVAL, "%s: expected a list of sentences", where);
        }
        for (size_t i = 0; i < json_array_size(sentences) && rc == TJ_OK; i++) {
            snprintf(where, sizeof where, "%s.%.60s[%zu]", action_name, key, i);
            rc = read_sentence(r, json_array_get(sentences, i), action, (tj_why)why, where, err);
        }
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

static tj_code read_file(reader *r, const json_t *root, tj_err *err)
{
    const char *key;
    const json_t *value;
    const char *language = json_string_value(json_object_get(root, "language"));
    if (!json_is_object(root) || language == NULL || language[0] == 0 ||
        strlen(language) >= TJ_LANGUAGE_BYTES) {
        return tj_fail(err, TJ_E_INVAL, "language: expected a name of 1 to %d bytes, as \"en\"",
                       TJ_LANGUAGE_BYTES - 1);
    }
    memcpy(r->language, language, strlen(language) + 1);
    json_object_foreach((json_t *)(uintptr_t)root, key, value)
    {
        size_t action = tj_name_index(key, tj_action_names);
        if (action == TJ_N_ACTIONS && strcmp(key, "language") != 0) {
            return tj_fail(err, TJ_E_INVAL,
                           "%.60s: expected language or an action: propose, continue, reflect, "
                           "backtrack, verify or conclude",
                           key);
        }
        tj_code rc = action == TJ_N_ACTIONS ? TJ_OK : read_action(r, value, (tj_action)action, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return r->into->n > 0 ? TJ_OK : tj_fail(err, TJ_E_INVAL, "language: the file has no sentences");
}

tj_code tj_templates_add(tj_templates *set, const char *text, size_t len, const char *name,
                         tj_err *err)
{
    tj_err local = {.code = TJ_OK};
    json_t *root = NULL;
    list more = {.n = 0};
    reader r = {.into = &more};
    list *to = &set->sentences;
    tj_code rc = tj_config_parse(&root, text, len, name, &local);
    if (rc == TJ_OK) {
        rc = read_file(&r, root, &local);
        if (rc == TJ_E_INVAL) {
            tj_config_add_line(&local, text, len, name);
        }
    }
    json_decref(root);
    if (rc == TJ_OK && to->n + more.n > TJ_MAX_TEMPLATES) {
        rc = tj_fail(&local, TJ_E_LIMIT, "%s: more than %d sentences", name, TJ_MAX_TEMPLATES);
    }
    if (rc == TJ_OK && !tj_grow(&to->items, &to->cap, to->n + more.n, sizeof *to->items)) {
        rc = tj_fail(&local, TJ_E_NOMEM, "cannot hold %zu sentences", to->n + more.n);
    }
    if (rc != TJ_OK) {
        free_list(&more);
        return tj_fail(err, rc, "%s", local.msg);
    }
    memcpy(to->items + to->n, more.items, more.n * sizeof *more.items);
    to->n += more.n;
    tj_free(more.items);
    return TJ_OK;
}

tj_code tj_templates_add_file(tj_templates *set, const char *path, tj_err *err)
{
    char *text = NULL;
    size_t len = 0;
    tj_code rc = tj_fs_read(&text, &len, path, TJ_MAX_CONFIG_BYTES, err);
    if (rc == TJ_OK) {
        rc = tj_templates_add(set, text, len, path, err);
    }
    tj_free(text);
    return rc;
}

static tj_code add_built_in(tj_templates *set, const unsigned char *text, size_t n,
                            const char *name, tj_err *err)
{
    return tj_templates_add(set, (const char *)text, n, name, err);
}

tj_code tj_templates_create(tj_templates **out, tj_err *err)
{
    tj_templates *set = tj_calloc(1, sizeof *set);
    *out = NULL;
    tj_code rc = set == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold sentences")
                             : add_built_in(set, tj_sentences_en, tj_sentences_en_n,
                                            "sentences.en.yaml", err);
    if (rc == TJ_OK) {
        rc = add_built_in(set, tj_sentences_en_open, tj_sentences_en_open_n,
                          "sentences.en-open.yaml", err);
    }
    if (rc == TJ_OK) {
        rc = add_built_in(set, tj_sentences_ja, tj_sentences_ja_n, "sentences.ja.yaml", err);
    }
    if (rc != TJ_OK) {
        tj_templates_destroy(set);
        return rc;
    }
    *out = set;
    return TJ_OK;
}

void tj_templates_destroy(tj_templates *set)
{
    if (set != NULL) {
        free_list(&set->sentences);
        tj_free(set);
    }
}

/* ------------------------------------------------------------------ choosing */

bool tj_templates_has(const tj_templates *set, const char *language)
{
    for (size_t i = 0; i < set->sentences.n; i++) {
        if (strcmp(set->sentences.items[i].language, language) == 0) {
            return true;
        }
    }
    return false;
}

static bool fits(const tj_templates *set, size_t i, const tj_saying *what, tj_why why, size_t last)
{
    const sentence *s = &set->sentences.items[i];
    return s->action == what->action && s->why == why &&
           (!s->takes_reason || (what->reason != NULL && what->reason[0] != 0)) &&
           strcmp(s->language, what->language) == 0 &&
           (last == TJ_NO_SENTENCE || strcmp(s->text, set->sentences.items[last].text) != 0);
}

static size_t count_fit(const tj_templates *set, const tj_saying *what, tj_why why, size_t last)
{
    size_t n = 0;
    for (size_t i = 0; i < set->sentences.n; i++) {
        n += fits(set, i, what, why, last) ? 1 : 0;
    }
    return n;
}

size_t tj_templates_choose(const tj_templates *set, const tj_saying *what, size_t last, tj_rng *rng)
{
    tj_why why = what->why;
    size_t n = count_fit(set, what, why, last);
    if (n == 0) {
        why = TJ_WHY_ANY;
        n = count_fit(set, what, why, last);
    }
    if (n == 0) {
        return TJ_NO_SENTENCE;
    }
    size_t k = (size_t)tj_rng_below(rng, n);
    size_t i = 0;
    for (;; i++) {
        if (fits(set, i, what, why, last) && k-- == 0) {
            return i;
        }
    }
}

void tj_templates_write(const tj_templates *set, size_t i, const tj_saying *what, tj_buf *out)
{
    const char *text = set->sentences.items[i].text;
    for (const char *place = strstr(text, PLACE); place != NULL; place = strstr(text, PLACE)) {
        tj_buf_add(out, text, (size_t)(place - text));
        for (const char *c = what->reason; c != NULL && *c != 0; c++) { /* a sentence is a line */
            tj_buf_char(out, *c == '\n' || *c == '\r' ? ' ' : *c);
        }
        text = place + strlen(PLACE);
    }
    tj_buf_str(out, text);
    tj_buf_char(out, '\n');
}

const char *tj_templates_nth(const tj_templates *set, size_t i)
{
    return i < set->sentences.n ? set->sentences.items[i].text : NULL;
}

const char *tj_templates_language(const tj_templates *set, size_t i)
{
    return set->sentences.items[i].language;
}

tj_action tj_templates_action(const tj_templates *set, size_t i)
{
    return set->sentences.items[i].action;
}
