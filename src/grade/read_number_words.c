/* Numbers in English words: cardinals by their rule, fractions, mixed numbers. */
#include "grade/reader.h"
#include "grade/words.h"

static tj_number_word next_number_word(const tj_reader *r, size_t ahead, int64_t *value)
{
    const tj_token *token = tj_reader_peek(r, ahead);
    return token->kind == TJ_TOK_WORD ? tj_words_number(value, token->text, token->n_text)
                                      : TJ_WORD_NO_NUMBER;
}

/* A cardinal below 10^15 from the token `ahead` on; *end is the token behind it. */
static bool find_cardinal(const tj_reader *r, size_t ahead, int64_t *out, size_t *end)
{
    int64_t total = 0, group = 0, value;
    bool any = false;
    tj_number_word last = TJ_WORD_NO_NUMBER;
    for (;;) {
        size_t skip = tj_reader_is_word(r, ahead, "and") && any &&
                      (last == TJ_WORD_HUNDRED || last == TJ_WORD_POWER);
        skip += skip == 0 && any && last == TJ_WORD_TENS &&
                tj_reader_peek(r, ahead)->kind == TJ_TOK_MINUS;
        tj_number_word kind = next_number_word(r, ahead + skip, &value);
        if (kind == TJ_WORD_UNITS || kind == TJ_WORD_TENS) {
            if (last == TJ_WORD_UNITS || (last == TJ_WORD_TENS && kind == TJ_WORD_TENS) ||
                (last == TJ_WORD_TENS && (value == 0 || value > 9))) {
                return false;
            }
            group += value;
        } else if (kind == TJ_WORD_HUNDRED && any && group > 0 && group < 100 && skip == 0) {
            group *= 100;
        } else if (kind == TJ_WORD_POWER && any && group > 0 && total < 1000000 && skip == 0) {
            total += group * value;
            group = 0;
        } else {
            break;
        }
        any = true;
        last = kind;
        ahead += skip + 1;
    }
    *out = total + group;
    *end = ahead;
    return any;
}

/* "two and a half", "two and three quarters": a mixed number. */
static const tj_ex *read_and_fraction(tj_reader *r, const tj_ex *whole)
{
    int64_t num = 1, den;
    size_t end = 2;
    if (!tj_reader_is_word(r, 0, "and") ||
        (!tj_reader_is_word(r, 1, "a") && !find_cardinal(r, 1, &num, &end))) {
        return whole;
    }
    end += tj_reader_peek(r, end)->kind == TJ_TOK_MINUS;
    if (next_number_word(r, end, &den) != TJ_WORD_FRACTION || num <= 0 || num >= den) {
        return whole;
    }
    r->at += end + 1;
    return tj_reader_binary(
        r, TJ_EX_ADD, whole,
        tj_reader_binary(r, TJ_EX_DIV, tj_reader_integer(r, num), tj_reader_integer(r, den)));
}

/* Behind a fraction: "half an hour", "three quarters of a mile". */
static void skip_unit_article(tj_reader *r)
{
    size_t of = tj_reader_is_word(r, 0, "of");
    const tj_token *name = tj_reader_peek(r, of + 1);
    tj_unit unit;
    if ((tj_reader_is_word(r, of, "a") || tj_reader_is_word(r, of, "an")) &&
        name->kind == TJ_TOK_WORD &&
        tj_unit_find(&unit, name->text, name->n_text) == TJ_UNIT_PLAIN) {
        r->at += of + 1;
    }
}

const tj_ex *tj_reader_number_words(tj_reader *r)
{
    int64_t whole, den;
    size_t end;
    bool article = tj_reader_is_word(r, 0, "a") || tj_reader_is_word(r, 0, "an");
    tj_number_word after_article = article ? next_number_word(r, 1, &den) : TJ_WORD_NO_NUMBER;
    if (after_article == TJ_WORD_DOZEN) {
        r->at += 2;
        return tj_reader_integer(r, 12);
    }
    if (after_article == TJ_WORD_HUNDRED || after_article == TJ_WORD_POWER) {
        r->at += 2;
        return tj_reader_integer(r, den);
    }
    if (!article && next_number_word(r, 0, &den) == TJ_WORD_FRACTION && den == 2) { /* half */
        whole = 1;
        end = 0;
    } else if (article && after_article == TJ_WORD_FRACTION) {
        whole = 1;
        end = 1;
    } else if (!find_cardinal(r, 0, &whole, &end)) {
        return NULL;
    }
    size_t hyphen = tj_reader_peek(r, end)->kind == TJ_TOK_MINUS;
    if (next_number_word(r, end + hyphen, &den) == TJ_WORD_FRACTION && whole > 0) {
        r->at += end + hyphen + 1;
        skip_unit_article(r);
        return tj_reader_binary(r, TJ_EX_DIV, tj_reader_integer(r, whole),
                                tj_reader_integer(r, den));
    }
    if (next_number_word(r, end, &den) == TJ_WORD_DOZEN) {
        whole *= 12;
        end++;
    }
    r->at += end;
    return read_and_fraction(r, tj_reader_integer(r, whole));
}
