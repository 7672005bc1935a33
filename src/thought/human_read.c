/* Reading annotated thinking, line by line: front matter (YAML), the quoted problem, entries. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "text/text.h"
#include "thought/human.h"

typedef struct reader {
    tj_human *out;
    const char *text; /* [len] */
    size_t len;
    const char *name;
    size_t at;      /* the line at hand begins here, */
    size_t line_no; /* and has this number */
    bool in_body;   /* an entry has been read */
    bool in_entry;  /* the line before belongs to the last entry: it may be continued */
    bool has_prompt;
    tj_buf prompt, entry; /* texts at hand, which may have further lines */
} reader;

void tj_human_deinit(tj_human *human)
{
    for (size_t i = 0; i < TJ_N_META; i++) {
        tj_free(human->meta[i]);
    }
    for (size_t i = 0; i < human->n_lines; i++) {
        tj_free(human->lines[i].text);
    }
    tj_free(human->lines);
    memset(human, 0, sizeof *human);
}

/* The line at hand without its end; moves on. False at the end of the text. */
static bool next_line(reader *r, const char **line, size_t *n)
{
    if (r->at >= r->len) {
        return false;
    }
    const char *begin = r->text + r->at;
    const char *end = memchr(begin, '\n', r->len - r->at);
    size_t whole = end == NULL ? r->len - r->at : (size_t)(end - begin);
    r->at += whole + (end == NULL ? 0 : 1);
    r->line_no++;
    while (whole > 0 && begin[whole - 1] == '\r') {
        whole--;
    }
    *line = begin;
    *n = whole;
    return true;
}

static bool is_blank(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (line[i] != ' ' && line[i] != '\t') {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ front matter */

static tj_code set_meta(reader *r, tj_meta meta, const char *text, size_t n, tj_err *err)
{
    char *copy = tj_strndup(text, n);
    if (copy == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %s", r->name);
    }
    tj_free(r->out->meta[meta]);
    r->out->meta[meta] = copy;
    return TJ_OK;
}

/* One line of characters that YAML can hold as they stand. */
static bool is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i];
        size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        bool control = c < 0x20 || c == 0x7f || (c == 0xC2 && (unsigned char)text[i + 1] < 0xA0);
        bool odd =
            n == 3 &&
            (memcmp(text + i, "\xE2\x80\xA8", 3) == 0 || memcmp(text + i, "\xE2\x80\xA9", 3) == 0 ||
             memcmp(text + i, "\xEF\xBB\xBF", 3) == 0 || memcmp(text + i, "\xEF\xBF\xBE", 3) == 0 ||
             memcmp(text + i, "\xEF\xBF\xBF", 3) == 0);
        if (control || odd) {
            return false;
        }
        i += n;
    }
    return true;
}

static tj_code read_field(reader *r, const char *key, const json_t *value, tj_err *err)
{
    char number[32];
    size_t meta = tj_name_index(key, tj_meta_names);
    if (strcmp(key, "correct") == 0) {
        if (!json_is_boolean(value)) {
            return tj_fail(err, TJ_E_INVAL, "correct: expected true or false");
        }
        r->out->correct = json_is_true(value) ? TJ_YES : TJ_NO;
        return TJ_OK;
    }
    if (meta == TJ_N_META || meta == TJ_META_PROMPT) {
        return tj_fail(err, TJ_E_INVAL,
                       "%.60s: expected answer, id, level, subject, language, source, licence, "
                       "author or correct",
                       key);
    }
    if (json_is_string(value) && !is_plain(json_string_value(value), json_string_length(value))) {
        return tj_fail(err, TJ_E_INVAL, "%s: expected one line without control characters", key);
    }
    if (json_is_string(value)) {
        return set_meta(r, (tj_meta)meta, json_string_value(value), json_string_length(value), err);
    }
    if (!json_is_integer(value)) {
        return tj_fail(err, TJ_E_INVAL, "%s: expected a text or an integer", key);
    }
    int n = snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
    return set_meta(r, (tj_meta)meta, number, (size_t)n, err);
}

/* With lines as of the file if first_line is that of `yaml`; 1: as of itself. */
static tj_code read_fields_at(reader *r, const char *yaml, size_t n, size_t first_line, tj_err *err)
{
    tj_err local = {.code = TJ_OK};
    json_t *root = NULL;
    const char *key;
    const json_t *value;
    tj_buf padded; /* as many newlines before it, so that lines are those of the file */
    tj_buf_init(&padded);
    for (size_t i = 1; i < first_line; i++) {
        tj_buf_char(&padded, '\n');
    }
    tj_buf_add(&padded, yaml, n);
    tj_code rc = tj_buf_check(&padded, &local);
    if (rc == TJ_OK) {
        rc = tj_config_parse(&root, tj_buf_text(&padded), padded.len, r->name, &local);
    }
    if (rc == TJ_OK && !json_is_object(root)) {
        rc = tj_fail(&local, TJ_E_PARSE, "%s:%zu: front matter: expected fields and their values",
                     r->name, first_line);
    }
    json_object_foreach(root, key, value)
    {
        rc = rc == TJ_OK ? read_field(r, key, value, &local) : rc;
    }
    if (rc == TJ_E_INVAL) {
        tj_config_add_line(&local, tj_buf_text(&padded), padded.len, r->name);
    }
    json_decref(root);
    tj_buf_deinit(&padded);
    return rc == TJ_OK ? TJ_OK : tj_fail(err, rc, "%s", local.msg);
}

/* Where all is well nobody asks for lines, and in a file of many thoughts they are far down. */
static tj_code read_fields(reader *r, const char *yaml, size_t n, size_t first_line, tj_err *err)
{
    tj_code rc = read_fields_at(r, yaml, n, 1, err);
    return rc == TJ_OK || rc == TJ_E_NOMEM ? rc : read_fields_at(r, yaml, n, first_line, err);
}

static bool is_fence(const char *line, size_t n)
{
    return n >= 3 && memcmp(line, "---", 3) == 0 && is_blank(line + 3, n - 3);
}

/* From "---" to "---", if the text begins so. */
static tj_code read_front(reader *r, tj_err *err)
{
    const char *line = NULL;
    size_t n = 0;
    reader start = *r;
    if (!next_line(r, &line, &n) || !is_fence(line, n)) {
        *r = start;
        return TJ_OK;
    }
    size_t begin = r->at;
    size_t end = r->at;
    size_t opened = r->line_no;
    while (next_line(r, &line, &n)) {
        if (is_fence(line, n)) {
            return is_blank(r->text + begin, end - begin) && end == begin
                       ? TJ_OK
                       : read_fields(r, r->text + begin, end - begin, opened + 1, err);
        }
        end = r->at;
    }
    return tj_fail(err, TJ_E_PARSE, "%s:%zu: the front matter has no closing ---", r->name, opened);
}

/* ------------------------------------------------------------------ entries */

static tj_code take_text(reader *r, tj_buf *from, char **to, tj_err *err)
{
    tj_code rc = tj_buf_check(from, err);
    *to = rc == TJ_OK ? tj_buf_take(from) : NULL;
    return *to != NULL ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot hold %s", r->name);
}

/* The last entry gets its text. */
static tj_code end_entry(reader *r, tj_err *err)
{
    tj_human *h = r->out;
    return h->n_lines == 0 ? TJ_OK : take_text(r, &r->entry, &h->lines[h->n_lines - 1].text, err);
}

static tj_code add_entry(reader *r, tj_human_line *entry, const char *text, size_t n, tj_err *err)
{
    tj_human *h = r->out;
    if (h->n_lines >= TJ_MAX_HUMAN_LINES) {
        return tj_fail(err, TJ_E_LIMIT, "%s:%zu: more than %zu entries", r->name, r->line_no,
                       TJ_MAX_HUMAN_LINES);
    }
    entry->line_no = r->line_no;
    tj_code rc = end_entry(r, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (!tj_grow(&h->lines, &h->cap_lines, h->n_lines + 1, sizeof *h->lines)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %s", r->name);
    }
    h->lines[h->n_lines++] = *entry;
    tj_buf_add(&r->entry, text, n);
    r->in_entry = true;
    r->in_body = true;
    return TJ_OK;
}

/* "3 Back to the sum", "3" or "Back": the number, if one stands there alone or before a space. */
static tj_code read_back(reader *r, const char *text, size_t n, tj_err *err)
{
    tj_human_line entry = {.mark = TJ_HUMAN_BACK};
    size_t i = 0;
    size_t to = 0;
    for (; i < n && text[i] >= '0' && text[i] <= '9' && i < 9; i++) {
        to = 10 * to + (size_t)(text[i] - '0');
    }
    entry.has_to = i > 0 && (i == n || text[i] == ' ');
    if (entry.has_to && to > r->out->n_lines) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: back to entry %zu, but there are %zu before it",
                       r->name, r->line_no, to, r->out->n_lines);
    }
    if (entry.has_to) {
        entry.to = to;
        i += i < n ? 1 : 0;
        text += i;
        n -= i;
    } else if (n > 0 && text[0] == '\\') { /* words that begin with a number are written so */
        text++;
        n--;
    }
    return add_entry(r, &entry, text, n, err);
}

static tj_code read_entry(reader *r, const char *line, size_t n, tj_err *err)
{
    static const char marks[] = "!~?<+=";
    static const tj_human_mark meaning[] = {TJ_HUMAN_WRONG, TJ_HUMAN_DEAD,   TJ_HUMAN_REFLECT,
                                            TJ_HUMAN_BACK,  TJ_HUMAN_VERIFY, TJ_HUMAN_CONCLUDE};
    tj_human_line entry = {.mark = TJ_HUMAN_STEP};
    const char *mark = line[0] == 0 ? NULL : strchr(marks, line[0]);
    bool alone = n == 1;
    if (line[0] == '\\') {
        line++;
        n--;
    } else if (mark != NULL && (alone || line[1] == ' ')) {
        size_t skip = alone ? 1 : 2;
        entry.mark = meaning[mark - marks];
        line += skip;
        n -= skip;
        if (entry.mark == TJ_HUMAN_BACK) {
            return read_back(r, line, n, err);
        }
    }
    if (is_blank(line, n)) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: a mark without words", r->name, r->line_no);
    }
    return add_entry(r, &entry, line, n, err);
}

static tj_code read_line(reader *r, const char *line, size_t n, tj_err *err)
{
    bool comment = n >= 7 && memcmp(line, "<!--", 4) == 0 && memcmp(line + n - 3, "-->", 3) == 0;
    if (is_blank(line, n)) {
        r->in_entry = false;
        return TJ_OK;
    }
    if (comment) {
        return TJ_OK;
    }
    if (line[0] == '>' && !r->in_body) {
        size_t skip = n > 1 && line[1] == ' ' ? 2 : 1;
        if (r->has_prompt) {
            tj_buf_char(&r->prompt, '\n');
        }
        tj_buf_add(&r->prompt, line + skip, n - skip);
        r->has_prompt = true;
        return TJ_OK;
    }
    if (n > 2 && line[0] == ' ' && line[1] == ' ') {
        if (!r->in_entry) {
            return tj_fail(err, TJ_E_PARSE,
                           "%s:%zu: an indented line goes on with an entry, but "
                           "there is none just before it",
                           r->name, r->line_no);
        }
        tj_buf_char(&r->entry, '\n');
        tj_buf_add(&r->entry, line + 2, n - 2);
        return TJ_OK;
    }
    return read_entry(r, line, n, err);
}

/* Ways back without a number go to the last entry before the first wrong or dead step of the
 * attempt; where nothing is marked, to its beginning. */
static void fill_backs(tj_human *h)
{
    size_t base = 0; /* where the attempt began */
    size_t wrong = 0;
    size_t last = 0; /* the step before the one at hand */
    bool is_wrong = false;
    for (size_t i = 0; i < h->n_lines; i++) {
        tj_human_line *l = &h->lines[i];
        if (l->mark == TJ_HUMAN_BACK) {
            l->to = l->has_to ? l->to : is_wrong ? wrong : base;
            base = l->to;
            last = l->to;
            is_wrong = false;
        } else if (l->mark <= TJ_HUMAN_DEAD) {
            if (!is_wrong && l->mark != TJ_HUMAN_STEP) {
                wrong = last;
                is_wrong = true;
            }
            last = i + 1;
        }
    }
}

/* Entries up to the end, or to the front matter of the next thought. */
static tj_code read_lines(reader *r, tj_err *err)
{
    const char *line;
    size_t n;
    tj_code rc = TJ_OK;
    for (reader before = *r; rc == TJ_OK && next_line(r, &line, &n);) {
        if (r->in_body && is_fence(line, n)) {
            r->at = before.at;
            r->line_no = before.line_no;
            break;
        }
        rc = read_line(r, line, n, err);
        before.at = r->at;
        before.line_no = r->line_no;
    }
    return rc;
}

static tj_code check_text(const char *text, size_t len, const char *name, tj_err *err)
{
    if (len > TJ_MAX_HUMAN_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "%s: more than %zu bytes", name, TJ_MAX_HUMAN_BYTES);
    }
    size_t valid = tj_utf8_check(text, len);
    const char *zero = memchr(text, 0, len);
    if (valid < len || zero != NULL) {
        size_t byte = valid < len ? valid : (size_t)(zero - text);
        return tj_fail(err, TJ_E_PARSE, "%s: byte %zu is not UTF-8 text", name, byte);
    }
    return TJ_OK;
}

tj_code tj_human_read_next(tj_human *out, tj_human_place *place, const char *text, size_t len,
                           const char *name, tj_err *err)
{
    reader r = {.out = out,
                .text = text,
                .len = len,
                .name = name,
                .at = place->at,
                .line_no = place->line_no};
    memset(out, 0, sizeof *out);
    tj_buf_init(&r.prompt);
    tj_buf_init(&r.entry);
    tj_code rc = place->at == 0 ? check_text(text, len, name, err) : TJ_OK;
    if (rc == TJ_OK) {
        rc = read_front(&r, err);
    }
    if (rc == TJ_OK) {
        rc = read_lines(&r, err);
    }
    if (rc == TJ_OK && out->n_lines == 0) {
        rc = place->at == 0 ? tj_fail(err, TJ_E_PARSE, "%s: no entries", name)
                            : tj_fail(err, TJ_E_PARSE, "%s:%zu: no entries behind this line", name,
                                      place->line_no + 1);
    }
    if (rc == TJ_OK) {
        rc = end_entry(&r, err);
    }
    if (rc == TJ_OK && r.has_prompt) {
        rc = take_text(&r, &r.prompt, &out->meta[TJ_META_PROMPT], err);
    }
    tj_buf_deinit(&r.prompt);
    tj_buf_deinit(&r.entry);
    if (rc != TJ_OK) {
        tj_human_deinit(out);
        return rc;
    }
    fill_backs(out);
    *place = (tj_human_place){r.at, r.line_no};
    return TJ_OK;
}

tj_code tj_human_read(tj_human *out, const char *text, size_t len, const char *name, tj_err *err)
{
    tj_human_place place = {0};
    tj_code rc = tj_human_read_next(out, &place, text, len, name, err);
    if (rc == TJ_OK && place.at < len) {
        tj_human_deinit(out);
        rc = tj_fail(err, TJ_E_PARSE, "%s:%zu: another thought begins here, expected one", name,
                     place.line_no + 1);
    }
    return rc;
}
