/* Tables are short and searched in order; words are met in few answers. */
#include "grade/words.h"

#include <string.h>

#include "grade/lex_tables.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

bool tj_words_equal(const char *word, size_t n, const char *want)
{
    for (size_t i = 0; i < n; i++) {
        if (want[i] == '\0' || lower(word[i]) != want[i]) {
            return false;
        }
    }
    return want[n] == '\0';
}

/* ------------------------------------------------------------ folding */

static bool is_article(const char *word, size_t n)
{
    return tj_words_equal(word, n, "a") || tj_words_equal(word, n, "an") ||
           tj_words_equal(word, n, "the");
}

/* Letters, digits and what is not ASCII; an apostrophe is dropped without ending the word. */
static bool is_kept(char c)
{
    return is_lower(c) || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* Punctuation beyond ASCII that folding leaves: general punctuation and CJK's. */
static size_t wide_punctuation(const char *p)
{
    return strncmp(p, "\xE2\x80", 2) == 0 || strncmp(p, "\xE3\x80\x81", 3) == 0 ||
                   strncmp(p, "\xE3\x80\x82", 3) == 0
               ? 3
               : 0;
}

/* Moves the kept characters of text[0 .. n) to its front, word by word, without articles (all words
 * if with_articles); returns how many. *last is where the last word begins. */
static size_t keep_words(char *text, size_t n, bool with_articles, size_t *last)
{
    size_t to = 0, at = 0;
    *last = 0;
    while (at < n) {
        size_t begin = to;
        while (at < n) {
            size_t wide = wide_punctuation(text + at);
            if (wide > 0 || (!is_kept(text[at]) && text[at] != '\'')) {
                at += wide > 0 ? wide : 1;
                break;
            }
            if (text[at] != '\'') {
                text[to++] = text[at];
            }
            at++;
        }
        if (!with_articles && is_article(text + begin, to - begin)) {
            to = begin;
        } else if (to > begin) {
            *last = begin;
        }
    }
    return to;
}

/* Folding may leave signs that the reader takes for ASCII's, as the minus of a raised one: they are
 * made so once more, or words that were folded would fold otherwise. Ends in a zero. */
static char *fold_wide(tj_arena *arena, const char *text, size_t len, size_t *n)
{
    const uint32_t *origin;
    const char *plain;
    size_t n_folded;
    char *folded = tj_words_casefold(arena, text, len, &n_folded);
    if (folded == NULL) {
        return NULL;
    }
    tj_code rc = tj_lex_normalize(&plain, n, &origin, arena, folded, n_folded, NULL);
    if (rc == TJ_E_PARSE) { /* not UTF-8: as it is */
        *n = n_folded;
        return folded;
    }
    return rc == TJ_OK ? tj_arena_strndup(arena, plain, *n) : NULL;
}

static char *fold(tj_arena *arena, const char *text, size_t len, size_t *n, size_t *last)
{
    bool ascii = true;
    for (size_t i = 0; i < len; i++) {
        ascii = ascii && (unsigned char)text[i] < 0x80;
    }
    char *made = NULL;
    size_t n_made = len;
    if (ascii) {
        made = tj_arena_strndup(arena, text, len);
        for (size_t i = 0; made != NULL && i < len; i++) {
            made[i] = lower(made[i]);
        }
    } else {
        made = fold_wide(arena, text, len, &n_made);
    }
    char *copy = made == NULL ? NULL : tj_arena_strndup(arena, made, n_made);
    if (copy == NULL) {
        return NULL;
    }
    *n = keep_words(made, n_made, false, last);
    if (*n == 0) {
        made = copy;
        *n = keep_words(made, n_made, true, last);
    }
    if (!ascii) { /* marks that a blank parted have an order among each other */
        made = fold_wide(arena, made, *n, n);
        *last = *last < *n ? *last : *n;
    } else {
        made[*n] = '\0';
    }
    return made;
}

const char *tj_words_fold(tj_arena *arena, const char *text, size_t len)
{
    size_t n, last;
    return fold(arena, text, len, &n, &last);
}

static bool ends_with(const char *word, size_t n, const char *end)
{
    size_t n_end = strlen(end);
    return n > n_end && memcmp(word + n - n_end, end, n_end) == 0;
}

/* The length of the singular of word[0 .. n), in place. */
static size_t singular(char *word, size_t n)
{
    static const char *const irregular[][2] = {
        {"children", "child"},  {"people", "person"}, {"men", "man"},     {"women", "woman"},
        {"feet", "foot"},       {"mice", "mouse"},    {"teeth", "tooth"}, {"geese", "goose"},
        {"vertices", "vertex"}, {"indices", "index"}, {"dice", "die"},    {"knives", "knife"},
        {"loaves", "loaf"},     {"leaves", "leaf"},   {"halves", "half"}, {"matrices", "matrix"},
        {"buses", "bus"},       {"series", "series"}, {"axes", "axis"},   {"gases", "gas"},
    };
    for (size_t i = 0; i < sizeof irregular / sizeof irregular[0]; i++) {
        if (tj_words_equal(word, n, irregular[i][0])) {
            n = strlen(irregular[i][1]);
            memcpy(word, irregular[i][1], n);
            return n;
        }
    }
    if (n < 4 || !ends_with(word, n, "s") || ends_with(word, n, "ss") || ends_with(word, n, "us") ||
        ends_with(word, n, "is")) {
        return n;
    }
    if (ends_with(word, n, "ies") && n > 4) {
        word[n - 3] = 'y';
        return n - 2;
    }
    bool has_e = ends_with(word, n, "ches") || ends_with(word, n, "shes") ||
                 ends_with(word, n, "sses") || ends_with(word, n, "xes") ||
                 ends_with(word, n, "toes");
    return n - (has_e ? 2 : 1);
}

const char *tj_words_fold_noun(tj_arena *arena, const char *text, size_t len)
{
    size_t n, last;
    char *made = fold(arena, text, len, &n, &last);
    if (made != NULL) {
        made[last + singular(made + last, n - last)] = '\0';
    }
    return made;
}

/* ------------------------------------------------------------ numbers, months */

tj_number_word tj_words_number(int64_t *value, const char *word, size_t n)
{
    static const struct {
        const char *word;
        tj_number_word kind;
        int64_t value;
    } words[] = {
        {"zero", TJ_WORD_UNITS, 0},
        {"one", TJ_WORD_UNITS, 1},
        {"two", TJ_WORD_UNITS, 2},
        {"three", TJ_WORD_UNITS, 3},
        {"four", TJ_WORD_UNITS, 4},
        {"five", TJ_WORD_UNITS, 5},
        {"six", TJ_WORD_UNITS, 6},
        {"seven", TJ_WORD_UNITS, 7},
        {"eight", TJ_WORD_UNITS, 8},
        {"nine", TJ_WORD_UNITS, 9},
        {"ten", TJ_WORD_UNITS, 10},
        {"eleven", TJ_WORD_UNITS, 11},
        {"twelve", TJ_WORD_UNITS, 12},
        {"thirteen", TJ_WORD_UNITS, 13},
        {"fourteen", TJ_WORD_UNITS, 14},
        {"fifteen", TJ_WORD_UNITS, 15},
        {"sixteen", TJ_WORD_UNITS, 16},
        {"seventeen", TJ_WORD_UNITS, 17},
        {"eighteen", TJ_WORD_UNITS, 18},
        {"nineteen", TJ_WORD_UNITS, 19},
        {"twenty", TJ_WORD_TENS, 20},
        {"thirty", TJ_WORD_TENS, 30},
        {"forty", TJ_WORD_TENS, 40},
        {"fourty", TJ_WORD_TENS, 40},
        {"fifty", TJ_WORD_TENS, 50},
        {"sixty", TJ_WORD_TENS, 60},
        {"seventy", TJ_WORD_TENS, 70},
        {"eighty", TJ_WORD_TENS, 80},
        {"ninety", TJ_WORD_TENS, 90},
        {"hundred", TJ_WORD_HUNDRED, 100},
        {"thousand", TJ_WORD_POWER, 1000},
        {"million", TJ_WORD_POWER, 1000000},
        {"billion", TJ_WORD_POWER, 1000000000},
        {"trillion", TJ_WORD_POWER, 1000000000000},
        {"tenthousand", TJ_WORD_POWER, 10000},
        {"hundredmillion", TJ_WORD_POWER, 100000000},
        {"dozen", TJ_WORD_DOZEN, 12},
        {"half", TJ_WORD_FRACTION, 2},
        {"halves", TJ_WORD_FRACTION, 2},
        {"third", TJ_WORD_FRACTION, 3},
        {"thirds", TJ_WORD_FRACTION, 3},
        {"quarter", TJ_WORD_FRACTION, 4},
        {"quarters", TJ_WORD_FRACTION, 4},
        {"fourth", TJ_WORD_FRACTION, 4},
        {"fourths", TJ_WORD_FRACTION, 4},
        {"fifth", TJ_WORD_FRACTION, 5},
        {"fifths", TJ_WORD_FRACTION, 5},
        {"sixth", TJ_WORD_FRACTION, 6},
        {"sixths", TJ_WORD_FRACTION, 6},
        {"seventh", TJ_WORD_FRACTION, 7},
        {"sevenths", TJ_WORD_FRACTION, 7},
        {"eighth", TJ_WORD_FRACTION, 8},
        {"eighths", TJ_WORD_FRACTION, 8},
        {"ninth", TJ_WORD_FRACTION, 9},
        {"ninths", TJ_WORD_FRACTION, 9},
        {"tenth", TJ_WORD_FRACTION, 10},
        {"tenths", TJ_WORD_FRACTION, 10},
    };
    if (n >= 3 && n <= 14) {
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            if (tj_words_equal(word, n, words[i].word)) {
                *value = words[i].value;
                return words[i].kind;
            }
        }
    }
    return TJ_WORD_NO_NUMBER;
}

int tj_words_month(const char *word, size_t n)
{
    static const char *const months[] = {"january",   "february", "march",    "april",
                                         "may",       "june",     "july",     "august",
                                         "september", "october",  "november", "december"};
    if (n < 3) {
        return 0;
    }
    for (int m = 0; m < 12; m++) {
        if (tj_words_equal(word, n, months[m])) {
            return m + 1;
        }
        size_t i = 0;
        while (i < n && months[m][i] != '\0' && lower(word[i]) == months[m][i]) {
            i++;
        }
        bool capital = word[0] >= 'A' && word[0] <= 'Z'; /* "dec" is a product */
        if (i == n && capital && (n == 3 || (n == 4 && m == 8))) {
            return m + 1;
        }
    }
    return 0;
}

/* ------------------------------------------------------------ prose */

static bool is_short_word(const char *word, size_t n)
{
    static const char *const words[] = {
        "no",  "yes",  "odd", "red", "all", "any", "one", "two", "six", "ten", "the", "and",
        "or",  "not",  "is",  "it",  "we",  "he",  "she", "her", "his", "him", "you", "are",
        "was", "has",  "had", "can", "may", "day", "hat", "dog", "cat", "car", "box", "boy",
        "son", "mom",  "dad", "man", "men", "sum", "low", "big", "new", "old", "up",  "on",
        "off", "of",   "to",  "by",  "at",  "as",  "if",  "so",  "be",  "do",  "go",  "us",
        "me",  "my",   "out", "set", "map", "lie", "cow", "pig", "hen", "bee", "ant", "bus",
        "tan", "for",  "mon", "tue", "wed", "thu", "fri", "sat", "sun", "key", "cup", "pen",
        "hot", "dry",  "wet", "raw", "sky", "sea", "ice", "fun", "win", "tie", "few", "way",
        "row", "gray", "in",  "its", "but", "who", "how", "why", "let", "per", "pie", "nor",
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (tj_words_equal(word, n, words[i])) {
            return true;
        }
    }
    return false;
}

bool tj_words_is_prose(const char *word, size_t n)
{
    bool ascending = true, has_vowel = false, lower_seen = false, upper_inside = false;
    for (size_t i = 0; i < n; i++) {
        char c = word[i];
        if ((unsigned char)c >= 0x80 || c == '\'') {
            return true;
        }
        ascending = ascending && (i == 0 || word[i - 1] < c);
        has_vowel = has_vowel || (c != '\0' && strchr("aeiou", lower(c)) != NULL);
        lower_seen = lower_seen || is_lower(c);
        upper_inside = upper_inside || (i > 0 && !is_lower(c));
    }
    if (n < 2 || !lower_seen) { /* AB is a length, ABC a triangle */
        return false;
    }
    if (n <= 4 && is_short_word(word, n)) {
        return true;
    }
    if (n == 2 || upper_inside) { /* nRT */
        return n > 5 && has_vowel;
    }
    bool capitalised = !is_lower(word[0]);
    if (n == 3) {
        return capitalised && has_vowel;
    }
    return capitalised || (has_vowel && !ascending) || n > 6;
}

/* ------------------------------------------------------------ Japanese and Chinese */

typedef struct translation {
    const char *word;
    const char *english; /* NULL: a unit */
} translation;

static const translation translations[] = {
    {"または", "or"},
    {"又は", "or"},
    {"あるいは", "or"},
    {"或", "or"},
    {"或者", "or"},
    {"かつ", "and"},
    {"および", "and"},
    {"及び", "and"},
    {"と", "and"},
    {"和", "and"},
    {"答えは", "answer"},
    {"解は", "answer"},
    {"答案是", "answer"},
    {"答案", "answer"},
    {"答え", "answer"},
    {"答", "answer"},
    {"です", "."},
    {"である", "."},
    {"になります", "."},
    {"となります", "."},
    {"となる", "."},
    {"解なし", "nosolution"},
    {"解なしです", "nosolution"},
    {"無解", "nosolution"},
    {"无解", "nosolution"},
    {"すべての実数", "allreals"},
    {"全ての実数", "allreals"},
    {"実数全体", "allreals"},
    {"全体实数", "allreals"},
    {"すべての整数", "allintegers"},
    {"全ての整数", "allintegers"},
    {"万", "tenthousand"}, /* behind a decimal; else a numeral */
    {"億", "hundredmillion"},
    {"分の", "overunder"},
    {"分之", "overunder"},
    {"約", "approximately"},
    {"およそ", "approximately"},
    {"约", "approximately"},
    {"午前", "am"},
    {"午後", "pm"},
    {"上午", "am"},
    {"下午", "pm"},
    {"は整数", "isinteger"},
    {"は任意の整数", "isinteger"},
    {"整数", "integer"},
    {"円", NULL},
    {"元", NULL},
    {"ドル", NULL},
    {"美元", NULL},
    {"セント", NULL},
    {"ユーロ", NULL},
    {"個", NULL},
    {"个", NULL},
    {"つ", NULL},
    {"人", NULL},
    {"名", NULL},
    {"本", NULL},
    {"枚", NULL},
    {"匹", NULL},
    {"頭", NULL},
    {"台", NULL},
    {"冊", NULL},
    {"回", NULL},
    {"通り", NULL},
    {"点", NULL},
    {"杯", NULL},
    {"羽", NULL},
    {"軒", NULL},
    {"歳", NULL},
    {"才", NULL},
    {"年", NULL},
    {"年間", NULL},
    {"か月", NULL},
    {"ヶ月", NULL},
    {"カ月", NULL},
    {"週間", NULL},
    {"月", NULL},
    {"日", NULL},
    {"日間", NULL},
    {"時間", NULL},
    {"小时", NULL},
    {"時", NULL},
    {"分", NULL},
    {"分間", NULL},
    {"分钟", NULL},
    {"秒", NULL},
    {"秒間", NULL},
    {"キロメートル", NULL},
    {"メートル", NULL},
    {"センチメートル", NULL},
    {"センチ", NULL},
    {"ミリメートル", NULL},
    {"キログラム", NULL},
    {"キロ", NULL},
    {"グラム", NULL},
    {"トン", NULL},
    {"リットル", NULL},
    {"ミリリットル", NULL},
    {"米", NULL},
    {"厘米", NULL},
    {"千米", NULL},
    {"公里", NULL},
    {"千克", NULL},
    {"平方メートル", NULL},
    {"平方センチメートル", NULL},
    {"立方センチメートル", NULL},
    {"立方メートル", NULL},
    {"マイル", NULL},
    {"インチ", NULL},
    {"フィート", NULL},
    {"ポンド", NULL},
    {"ガロン", NULL},
    {"度", NULL},
    {"パーセント", NULL},
    {"割", NULL},
};

static const translation *find_translation(const char *text, size_t len)
{
    const translation *best = NULL;
    size_t n_best = 0;
    for (size_t i = 0; i < sizeof translations / sizeof translations[0]; i++) {
        size_t n = strlen(translations[i].word);
        if (n > n_best && n <= len && memcmp(text, translations[i].word, n) == 0) {
            best = &translations[i];
            n_best = n;
        }
    }
    return best;
}

size_t tj_words_japanese(const char *text, size_t len)
{
    const translation *found = find_translation(text, len);
    return found == NULL ? 0 : strlen(found->word);
}

const char *tj_words_translate(const char *word, size_t n)
{
    const translation *found = find_translation(word, n);
    return found != NULL && strlen(found->word) == n ? found->english : NULL;
}
