/* Two stages, each with bytes that it holds back. The first cuts at the earliest stop string and
 * holds the longest end of the text that begins one. The second looks for <think> at the very
 * beginning and then for </think>; it holds what may be the beginning of a mark, and newlines
 * around the marks, which belong to neither part (as tj_split_thinking has it). */
#include "web/speech.h"

#include <string.h>

#include "base/alloc.h"

#define OPEN  "<think>"
#define CLOSE "</think>"

typedef enum where { BEFORE, THINKING, AFTER, ANSWERING } where;

struct tj_speech {
    tj_detok detok;
    char *const *stop; /* [n_stop] */
    size_t n_stop;
    tj_buf open; /* characters that are not settled */
    bool stopped;
    where at;    /* of what `held` continues */
    tj_buf held; /* settled, but not given to a part yet */
    bool failed;
};

tj_speech *tj_speech_create(const tj_tokenizer *tok, char *const *stop, size_t n_stop,
                            bool splits_thought)
{
    tj_speech *s = tj_calloc(1, sizeof *s);
    if (s != NULL) {
        tj_detok_init(&s->detok, tok, (tj_detok_options){.with_special = false});
        s->stop = stop;
        s->n_stop = n_stop;
        s->at = splits_thought ? BEFORE : ANSWERING;
        tj_buf_init(&s->open);
        tj_buf_init(&s->held);
    }
    return s;
}

void tj_speech_destroy(tj_speech *s)
{
    if (s != NULL) {
        tj_buf_deinit(&s->open);
        tj_buf_deinit(&s->held);
        tj_free(s);
    }
}

bool tj_speech_is_thinking(const tj_speech *s)
{
    return s->at == THINKING;
}

tj_code tj_speech_check(const tj_speech *s, tj_err *err)
{
    return s->failed ? tj_fail(err, TJ_E_NOMEM, "cannot hold the text of a continuation") : TJ_OK;
}

static void drop_front(tj_buf *buf, size_t n)
{
    if (n > 0) {
        memmove(buf->data, buf->data + n, buf->len - n + 1); /* with the zero */
        buf->len -= n;
    }
}

/* The length of the longest end of the text that begins `mark`, and is not all of it. */
static size_t beginning_of(const char *text, size_t len, const char *mark)
{
    size_t n = strlen(mark) - 1;
    for (n = n < len ? n : len; n > 0; n--) {
        if (memcmp(text + len - n, mark, n) == 0) {
            break;
        }
    }
    return n;
}

/* Where `mark` is first; the length of the text if it is not there. */
static size_t find(const tj_buf *text, const char *mark)
{
    size_t n = strlen(mark);
    for (size_t i = 0; i + n <= text->len; i++) {
        if (memcmp(text->data + i, mark, n) == 0) {
            return i;
        }
    }
    return text->len;
}

/* ------------------------------------------------------------ thoughts */

/* At the beginning: newlines, then perhaps <think>. True if a decision fell. */
static bool begin(tj_speech *s)
{
    const char *text = tj_buf_text(&s->held);
    size_t skip = strspn(text, "\r\n");
    size_t n = s->held.len - skip;
    size_t n_open = strlen(OPEN);
    if (n < n_open) {
        if (memcmp(text + skip, OPEN, n) == 0) {
            return false;
        }
        s->at = ANSWERING;
    } else if (memcmp(text + skip, OPEN, n_open) == 0) {
        drop_front(&s->held, skip + n_open);
        s->at = THINKING;
    } else {
        s->at = ANSWERING;
    }
    return true;
}

/* Within the thought, up to </think>, without newlines before it and (where it has begun nothing
 * yet) after <think>. True if it ended. */
static bool think(tj_speech *s, tj_buf *thought)
{
    if (thought->len == 0) {
        drop_front(&s->held, strspn(tj_buf_text(&s->held), "\r\n"));
    }
    const char *text = tj_buf_text(&s->held);
    size_t n = find(&s->held, CLOSE);
    bool closes = n < s->held.len;
    n -= closes ? 0 : beginning_of(text, n, CLOSE);
    size_t n_shown = n;
    while (n_shown > 0 && (text[n_shown - 1] == '\n' || text[n_shown - 1] == '\r')) {
        n_shown--;
    }
    tj_buf_add(thought, text, n_shown);
    drop_front(&s->held, closes ? n + strlen(CLOSE) : n_shown);
    s->at = closes ? AFTER : THINKING;
    return closes;
}

/* Hands what is held to the parts. */
static void split(tj_speech *s, tj_buf *text, tj_buf *thought)
{
    if (s->at == BEFORE && !begin(s)) {
        return;
    }
    if (s->at == THINKING && !think(s, thought)) {
        return;
    }
    if (s->at == AFTER) {
        drop_front(&s->held, strspn(tj_buf_text(&s->held), "\r\n"));
        s->at = s->held.len > 0 ? ANSWERING : AFTER;
    }
    tj_buf_add(text, tj_buf_text(&s->held), s->held.len);
    tj_buf_clear(&s->held);
}

/* ------------------------------------------------------------ stop strings */

static void settle(tj_speech *s, tj_buf *text, tj_buf *thought, bool is_end)
{
    size_t n = s->open.len; /* where the earliest stop string begins */
    for (size_t i = 0; i < s->n_stop; i++) {
        size_t at = find(&s->open, s->stop[i]);
        n = at < n ? at : n;
    }
    s->stopped = n < s->open.len;
    size_t hold = 0;
    for (size_t i = 0; i < s->n_stop && !s->stopped && !is_end; i++) {
        size_t m = beginning_of(tj_buf_text(&s->open), s->open.len, s->stop[i]);
        hold = m > hold ? m : hold;
    }
    tj_buf_add(&s->held, tj_buf_text(&s->open), n - hold);
    drop_front(&s->open, n - hold);
    split(s, text, thought);
    s->failed = s->failed || s->open.failed || s->held.failed || text->failed || thought->failed;
}

bool tj_speech_add(tj_speech *s, tj_buf *text, tj_buf *thought, int32_t id)
{
    if (!s->stopped) {
        size_t before = s->open.len;
        tj_detok_add(&s->detok, &s->open, id);
        if (s->open.len > before) {
            settle(s, text, thought, false);
        }
    }
    return s->stopped;
}

void tj_speech_end(tj_speech *s, tj_buf *text, tj_buf *thought)
{
    if (!s->stopped) {
        tj_detok_flush(&s->detok, &s->open);
        settle(s, text, thought, true);
    }
    tj_buf_add(s->at == THINKING ? thought : text, tj_buf_text(&s->held), s->held.len);
    s->failed = s->failed || text->failed || thought->failed;
    tj_buf_clear(&s->held);
}
