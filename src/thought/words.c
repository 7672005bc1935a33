/* See words.h. */
#include "thought/words.h"

#include <string.h>

static bool is_alnum(unsigned char c)
{
    unsigned char lower = c | 0x20;
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

static unsigned char lower_of(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? c + 0x20 : c;
}

/* The character at text and its length; of bytes that are not UTF-8, one byte as U+FFFD. */
static uint32_t decode(const char *text, size_t n, size_t *len)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t want = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    uint32_t c = want == 1 ? p[0] : want == 0 ? 0xFFFD : p[0] & (0x7Fu >> want);
    for (size_t i = 1; i < want; i++) {
        if (i >= n || (p[i] & 0xC0) != 0x80) {
            want = 0;
            break;
        }
        c = c << 6 | (p[i] & 0x3Fu);
    }
    *len = want == 0 ? 1 : want;
    return want == 0 ? 0xFFFD : c;
}

static bool is_kana(uint32_t c)
{
    return (c >= 0x3041 && c <= 0x309F) || (c >= 0x30A1 && c <= 0x30FF) ||
           (c >= 0xFF66 && c <= 0xFF9F);
}

static bool is_han(uint32_t c)
{
    return (c >= 0x3400 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0x20000 && c <= 0x3FFFF) || c == 0x3005;
}

static bool is_single(uint32_t c)
{
    return is_kana(c) || is_han(c) || (c >= 0xAC00 && c <= 0xD7A3);
}

/* Letters of other alphabets; what is below are signs and punctuation of Latin-1. */
static bool is_letter(uint32_t c)
{
    bool sign = (c >= 0x2000 && c <= 0x2BFF) || (c >= 0x3000 && c <= 0x303F) ||
                (c >= 0xFE00 && c <= 0xFE6F) ||
                (c >= 0xFF00 && c <= 0xFF65 && !(c >= 0xFF10 && c <= 0xFF19)) || c >= 0x1F000 ||
                c == 0xD7 || c == 0xF7 || c == 0xFFFD || c == 0xFEFF;
    return c >= 0xC0 && !sign;
}

bool tj_next_word(const char *text, size_t len, size_t *at, tj_word *out)
{
    size_t i = *at;
    size_t n = 0;
    uint32_t c = 0;
    for (; i < len; i += n) {
        c = decode(text + i, len - i, &n);
        if (c < 0x80 ? is_alnum((unsigned char)c) : is_single(c) || is_letter(c)) {
            break;
        }
    }
    *out = (tj_word){.begin = i, .single = i < len && is_single(c)};
    if (i >= len) {
        *at = len;
        return false;
    }
    for (i += n; i < len && !out->single; i += n) {
        c = decode(text + i, len - i, &n);
        bool inside = c == '\'' && i + 1 < len && is_alnum((unsigned char)text[i + 1]);
        if (!(c < 0x80 ? inside || is_alnum((unsigned char)c) : is_letter(c) && !is_single(c))) {
            break;
        }
    }
    out->end = i;
    *at = i;
    return true;
}

size_t tj_count_words(const char *text, size_t len)
{
    tj_word word;
    size_t n = 0;
    for (size_t at = 0; tj_next_word(text, len, &at, &word);) {
        n++;
    }
    return n;
}

bool tj_next_line(const char *text, size_t len, size_t *at, tj_line *out)
{
    while (*at < len) {
        const char *end = memchr(text + *at, '\n', len - *at);
        size_t begin = *at;
        size_t stop = end == NULL ? len : (size_t)(end - text);
        *at = stop + (end == NULL ? 0 : 1);
        while (begin < stop && strchr(" \t\r", text[begin]) != NULL) {
            begin++;
        }
        while (stop > begin && strchr(" \t\r", text[stop - 1]) != NULL) {
            stop--;
        }
        if (begin < stop) {
            *out = (tj_line){begin, stop};
            return true;
        }
    }
    return false;
}

#define FNV_BASE  0xCBF29CE484222325u
#define FNV_PRIME 0x100000001B3u

uint64_t tj_word_hash(const char *text, const tj_word *word)
{
    uint64_t h = FNV_BASE;
    for (size_t i = word->begin; i < word->end; i++) {
        h = (h ^ lower_of((unsigned char)text[i])) * FNV_PRIME;
    }
    return h;
}

uint64_t tj_fnv64(const char *bytes, size_t n)
{
    uint64_t h = FNV_BASE;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ (unsigned char)bytes[i]) * FNV_PRIME;
    }
    return h;
}

static size_t find_from(const char *text, size_t len, const char *phrase, size_t from)
{
    size_t n = strlen(phrase);
    bool head = n > 0 && is_alnum((unsigned char)phrase[0]);
    bool tail = n > 0 && is_alnum((unsigned char)phrase[n - 1]);
    for (size_t i = from; n > 0 && i + n <= len; i++) {
        size_t k = 0;
        while (k < n && lower_of((unsigned char)text[i + k]) == (unsigned char)phrase[k]) {
            k++;
        }
        if (k == n && !(head && i > 0 && is_alnum((unsigned char)text[i - 1])) &&
            !(tail && i + n < len && is_alnum((unsigned char)text[i + n]))) {
            return i;
        }
    }
    return SIZE_MAX;
}

size_t tj_find_phrase(const char *text, size_t len, const char *phrase)
{
    return find_from(text, len, phrase, 0);
}

size_t tj_count_phrase(const char *text, size_t len, const char *phrase)
{
    size_t n = 0;
    for (size_t i = find_from(text, len, phrase, 0); i != SIZE_MAX;
         i = find_from(text, len, phrase, i + strlen(phrase))) {
        n++;
    }
    return n;
}

/* ------------------------------------------------------------------ numbers */

/* The digit at text, and its length: 1, or 3 where it is full-width; 0 where there is none. */
static size_t digit_at(const char *text, size_t n, char *digit)
{
    const unsigned char *p = (const unsigned char *)text;
    if (n >= 1 && p[0] >= '0' && p[0] <= '9') {
        *digit = text[0];
        return 1;
    }
    if (n >= 3 && p[0] == 0xEF && p[1] == 0xBC && p[2] >= 0x90 && p[2] <= 0x99) {
        *digit = (char)('0' + (p[2] - 0x90));
        return 3;
    }
    return 0;
}

static size_t digits_at(const char *text, size_t n)
{
    char d;
    size_t count = 0;
    for (size_t i = 0, k; (k = digit_at(text + i, n - i, &d)) > 0; i += k) {
        count++;
    }
    return count;
}

static void canonical(char *text, size_t n)
{
    size_t zeros = strspn(text, "0");
    zeros -= zeros > 0 && (text[zeros] == 0 || text[zeros] == '.') ? 1 : 0;
    memmove(text, text + zeros, n - zeros + 1);
    n -= zeros;
    if (strchr(text, '.') != NULL) {
        while (text[n - 1] == '0') {
            text[--n] = 0;
        }
        if (text[n - 1] == '.') {
            text[n - 1] = 0;
        }
    }
}

bool tj_next_number(const char *text, size_t len, size_t *at, tj_number_at *out)
{
    char digit = '0';
    size_t i = *at;
    size_t n = 0;
    bool point = false;
    for (; i < len && digit_at(text + i, len - i, &digit) == 0; i++) {
    }
    *out = (tj_number_at){.begin = i};
    while (i < len) {
        size_t k = digit_at(text + i, len - i, &digit);
        char add = digit;
        if (k == 0 && text[i] == ',' && !point && digits_at(text + i + 1, len - i - 1) == 3) {
            i++;
            continue;
        }
        if (k == 0 && text[i] == '.' && !point && digits_at(text + i + 1, len - i - 1) > 0) {
            point = true;
            add = '.';
            k = 1;
        } else if (k == 0) {
            break;
        }
        if (n + 1 < sizeof out->text) {
            out->text[n++] = add;
        }
        i += k;
    }
    out->end = i;
    *at = i;
    if (out->end > out->begin) {
        canonical(out->text, n);
    }
    return out->end > out->begin;
}

const char *tj_guess_language(const char *text, size_t len)
{
    size_t n_kana = 0;
    size_t n_han = 0;
    size_t n_words = 0;
    tj_word word;
    for (size_t at = 0; tj_next_word(text, len, &at, &word);) {
        size_t n;
        uint32_t c = decode(text + word.begin, word.end - word.begin, &n);
        n_words++;
        n_kana += is_kana(c) ? 1 : 0;
        n_han += is_han(c) ? 1 : 0;
    }
    if (10 * (n_kana + n_han) < n_words || n_kana + n_han == 0) {
        return "en";
    }
    return 10 * n_kana >= n_han ? "ja" : "zh";
}
