/* Units combine by adding their dimensions; factors stay fractions of 64 bits in lowest terms. */
#include "grade/units.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "grade/units_table.h"
#include "grade/words.h"

#define MAX_NAME 48 /* longer than any unit's name */

tj_unit_class tj_unit_find(tj_unit *out, const char *name, size_t len)
{
    if (len == 0 || len > MAX_NAME) {
        return TJ_UNIT_NONE;
    }
    tj_unit_class how = TJ_UNIT_NONE;
    const tj_unit *found = tj_unit_by_spelling(&how, name, len);
    if (found == NULL && len > 3) { /* names, unlike symbols, whatever their case */
        char folded[MAX_NAME];
        for (size_t i = 0; i < len; i++) {
            folded[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
        }
        found = tj_unit_by_spelling(&how, folded, len);
    }
    if (found == NULL) {
        return TJ_UNIT_NONE;
    }
    *out = *found;
    return how;
}

bool tj_unit_count(tj_unit *out, tj_arena *arena, const char *noun, size_t len, bool may_be_plural)
{
    const char *name =
        may_be_plural ? tj_words_fold_noun(arena, noun, len) : tj_words_fold(arena, noun, len);
    if (name == NULL) {
        return false;
    }
    size_t n = strlen(name);
    char *text = tj_arena_calloc(arena, n + 3, 1);
    if (text == NULL) {
        return false;
    }
    text[0] = '"';
    memcpy(text + 1, name, n);
    text[n + 1] = '"';
    *out = (tj_unit){.dims = {[TJ_DIM_COUNT] = 1},
                     .num = 1,
                     .den = 1,
                     .offset_den = 1,
                     .name = name,
                     .text = text};
    return true;
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* *num / *den times (num2 / den2), in lowest terms. */
static bool multiply(int64_t *num, int64_t *den, int64_t num2, int64_t den2)
{
    int64_t left = gcd(*num, den2), right = gcd(num2, *den);
    return !__builtin_mul_overflow(*num / left, num2 / right, num) &&
           !__builtin_mul_overflow(*den / right, den2 / left, den);
}

static bool apply(tj_unit *out, const tj_unit *unit, int power)
{
    int dims[TJ_N_DIMS];
    for (size_t i = 0; i < TJ_N_DIMS; i++) {
        dims[i] = out->dims[i] + power * unit->dims[i];
        if (dims[i] > 63 || dims[i] < -63) {
            return false;
        }
        out->dims[i] = (int8_t)dims[i];
    }
    int pi_power = out->pi_power + power * unit->pi_power;
    if (pi_power > 63 || pi_power < -63) {
        return false;
    }
    out->pi_power = (int8_t)pi_power;
    for (int i = 0; i < (power < 0 ? -power : power); i++) {
        if (!multiply(&out->num, &out->den, power < 0 ? unit->den : unit->num,
                      power < 0 ? unit->num : unit->den)) {
            return false;
        }
    }
    return true;
}

bool tj_unit_next_factor(const char **at, tj_unit_factor *out)
{
    if (**at == '\0') {
        return false;
    }
    int sign = **at == '/' ? -1 : 1;
    *at += **at == '/' || **at == '*';
    *out = (tj_unit_factor){.is_noun = **at == '"', .power = sign};
    *at += out->is_noun;
    out->name = *at;
    out->n_name = strcspn(*at, out->is_noun ? "\"" : "*/^");
    *at += out->n_name;
    *at += **at == '"';
    if (**at == '^') {
        bool minus = (*at)[1] == '-';
        int power = 0;
        for (*at += 1 + minus; **at >= '0' && **at <= '9'; (*at)++) {
            power = 10 * power + (**at - '0');
        }
        out->power = minus ? -sign * power : sign * power;
    }
    return true;
}

/* Appends the factors of a text to text[n .. room), each to the power given. */
static size_t append_factors(char *text, size_t n, size_t room, const char *factors, int power)
{
    tj_unit_factor factor;
    while (power != 0 && tj_unit_next_factor(&factors, &factor)) {
        int total = factor.power * power;
        bool divides = n > 0 && total < 0;
        char raised[16] = "";
        int shown = divides ? -total : total;
        if (shown != 1) {
            snprintf(raised, sizeof raised, "^%d", shown);
        }
        const char *quote = factor.is_noun ? "\"" : "";
        n += (size_t)snprintf(text + n, room - n, "%s%s%.*s%s%s",
                              n == 0    ? ""
                              : divides ? "/"
                                        : "*",
                              quote, (int)factor.n_name, factor.name, quote, raised);
        TJ_ASSERT(n < room);
    }
    return n;
}

/* "a*b^2/c" of two texts: the factors of both, which are read again one by one. */
static const char *join_texts(tj_arena *arena, const tj_unit *a, int power_a, const tj_unit *b,
                              int power_b)
{
    /* a power makes a factor, of two bytes or more with its sign, longer by at most four */
    size_t room = 4 * (strlen(a->text) + strlen(b->text)) + 16;
    char *text = tj_arena_calloc(arena, room, 1);
    if (text != NULL) {
        append_factors(text, append_factors(text, 0, room, a->text, power_a), room, b->text,
                       power_b);
    }
    return text;
}

bool tj_unit_combine(tj_unit *out, tj_arena *arena, const tj_unit *a, int power_a, const tj_unit *b,
                     int power_b)
{
    bool names_differ = a->name[0] != '\0' && b->name[0] != '\0' && strcmp(a->name, b->name) != 0;
    if (a->offset_num != 0 || b->offset_num != 0 ||
        (names_differ && power_a != 0 && power_b != 0) || power_a > 20 || power_a < -20 ||
        power_b > 20 || power_b < -20) {
        return false;
    }
    tj_unit made = {.num = 1, .den = 1, .offset_den = 1};
    if (!apply(&made, a, power_a) || !apply(&made, b, power_b)) {
        return false;
    }
    made.is_percent = a->is_percent && power_a == 1 && power_b == 0;
    made.name = a->name[0] != '\0' && power_a != 0 ? a->name : power_b != 0 ? b->name : "";
    made.text = join_texts(arena, a, power_a, b, power_b);
    if (made.text == NULL) {
        return false;
    }
    *out = made;
    return true;
}

bool tj_unit_same_kind(const tj_unit *a, const tj_unit *b)
{
    return memcmp(a->dims, b->dims, sizeof a->dims) == 0 && strcmp(a->name, b->name) == 0;
}

static int order_of(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int tj_unit_compare(const tj_unit *a, const tj_unit *b)
{
    int order = 0;
    for (size_t i = 0; order == 0 && i < TJ_N_DIMS; i++) {
        order = order_of(a->dims[i], b->dims[i]);
    }
    const int64_t left[] = {a->pi_power, a->is_percent, a->num, a->den, a->offset_num};
    const int64_t right[] = {b->pi_power, b->is_percent, b->num, b->den, b->offset_num};
    for (size_t i = 0; order == 0 && i < sizeof left / sizeof left[0]; i++) {
        order = order_of(left[i], right[i]);
    }
    return order != 0 ? order : strcmp(a->name, b->name);
}
