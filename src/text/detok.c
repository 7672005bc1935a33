/* Tokens may end inside a character. Bytes go through one place at which the beginning of a
 * character waits for its end; what no character begins with is given at once. */
#include <string.h>

#include "text/tokenizer.h"
#include "text/utf8.h"

void tj_detok_init(tj_detok *detok, const tj_tokenizer *tok, tj_detok_options options)
{
    *detok = (tj_detok){.tok = tok, .options = options};
    detok->drop_space = options.at_start && tok->drops_space;
}

static void add_wrong(const tj_detok *detok, tj_buf *out, const char *bytes, size_t n)
{
    if (detok->options.raw) {
        tj_buf_add(out, bytes, n);
    } else {
        tj_buf_str(out, TJ_REPLACEMENT);
    }
}

/* Gives the characters in what is held, after one more byte was put there: the byte may complete
 * the character, go on with it, or show that there is none; then it is looked at once more alone.
 */
static void settle(tj_detok *detok, tj_buf *out)
{
    while (detok->n_held > 0) {
        size_t n;
        tj_utf8_kind kind = tj_utf8_next(detok->held, detok->n_held, &n);
        if (kind == TJ_UTF8_CUT) {
            return;
        }
        if (kind == TJ_UTF8_CHAR) {
            tj_buf_add(out, detok->held, n);
        } else {
            add_wrong(detok, out, detok->held, n);
        }
        detok->n_held -= n;
        memmove(detok->held, detok->held + n, detok->n_held);
    }
}

void tj_detok_add(tj_detok *detok, tj_buf *out, int32_t id)
{
    if (!detok->options.with_special && tj_tokenizer_is_special(detok->tok, id)) {
        return;
    }
    size_t n;
    const char *bytes = tj_tokenizer_bytes(detok->tok, id, &n);
    if (n > 0 && detok->drop_space) {
        size_t drop = bytes[0] == ' ' && !tj_tokenizer_is_special(detok->tok, id) ? 1 : 0;
        bytes += drop;
        n -= drop;
        detok->drop_space = false;
    }
    while (n > 0) {
        size_t valid = detok->n_held == 0 ? tj_utf8_check(bytes, n) : 0;
        tj_buf_add(out, bytes, valid);
        bytes += valid;
        n -= valid;
        if (n > 0) {
            detok->held[detok->n_held++] = *bytes++;
            n--;
            settle(detok, out);
        }
    }
}

void tj_detok_flush(tj_detok *detok, tj_buf *out)
{
    if (detok->n_held > 0) {
        add_wrong(detok, out, detok->held, detok->n_held);
    }
    detok->n_held = 0;
    detok->drop_space = false;
}
