/* Characters beyond ASCII: signs by a table sorted by code point, raised and lowered ones, vulgar
 * fractions, and kanji numerals by the rule that they are spoken by. */
#include <string.h>

#include "grade/expr.h"
#include "grade/lex_tables.h"

typedef struct character {
    uint32_t c;
    tj_lex_entry entry;
} character;

/* clang-format off */
static const character characters[] = {
    {0x00A2, {NULL, TJ_LEX_TOKEN, TJ_TOK_UNIT, 0, "¢"}}, /* ¢ */
    {0x00A3, {NULL, TJ_LEX_TOKEN, TJ_TOK_MONEY, 0, "£"}}, /* £ */
    {0x00A5, {NULL, TJ_LEX_TOKEN, TJ_TOK_MONEY, 0, "¥"}}, /* ¥ */
    {0x00B0, {NULL, TJ_LEX_TOKEN, TJ_TOK_UNIT, 0, "°"}}, /* ° */
    {0x00B1, {NULL, TJ_LEX_TOKEN, TJ_TOK_PM, 0, NULL}}, /* ± */
    {0x00B7, {NULL, TJ_LEX_TOKEN, TJ_TOK_TIMES, 1, NULL}}, /* · */
    {0x00BA, {NULL, TJ_LEX_TOKEN, TJ_TOK_UNIT, 0, "°"}}, /* º */
    {0x00D7, {NULL, TJ_LEX_TOKEN, TJ_TOK_TIMES, 1, NULL}}, /* × */
    {0x00F7, {NULL, TJ_LEX_TOKEN, TJ_TOK_SLASH, 0, NULL}}, /* ÷ */
    {0x0127, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "hbar"}}, /* ħ */
    {0x0393, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "Gamma"}}, /* Γ */
    {0x0394, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "Delta"}}, /* Δ */
    {0x0398, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "Theta"}}, /* Θ */
    {0x039B, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "Lambda"}}, /* Λ */
    {0x039E, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "Xi"}}, /* Ξ */
    {0x03A0, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "Π"}}, /* Π */
    {0x03A3, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "Sigma"}}, /* Σ */
    {0x03A5, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "Upsilon"}}, /* Υ */
    {0x03A6, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "Phi"}}, /* Φ */
    {0x03A8, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "Psi"}}, /* Ψ */
    {0x03A9, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "Omega"}}, /* Ω */
    {0x03B1, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "alpha"}}, /* α */
    {0x03B2, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "beta"}}, /* β */
    {0x03B3, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "gamma"}}, /* γ */
    {0x03B4, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "delta"}}, /* δ */
    {0x03B5, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "epsilon"}}, /* ε */
    {0x03B6, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "zeta"}}, /* ζ */
    {0x03B7, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "eta"}}, /* η */
    {0x03B8, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "theta"}}, /* θ */
    {0x03B9, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "iota"}}, /* ι */
    {0x03BA, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "kappa"}}, /* κ */
    {0x03BB, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "lambda"}}, /* λ */
    {0x03BC, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "mu"}}, /* μ */
    {0x03BD, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "nu"}}, /* ν */
    {0x03BE, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "xi"}}, /* ξ */
    {0x03BF, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "omicron"}}, /* ο */
    {0x03C0, {NULL, TJ_LEX_TOKEN, TJ_TOK_CONST, TJ_CONST_PI, NULL}}, /* π */
    {0x03C1, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "rho"}}, /* ρ */
    {0x03C2, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "sigma"}}, /* ς */
    {0x03C3, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "sigma"}}, /* σ */
    {0x03C4, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "tau"}}, /* τ */
    {0x03C5, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "upsilon"}}, /* υ */
    {0x03C6, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "phi"}}, /* φ */
    {0x03C7, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "chi"}}, /* χ */
    {0x03C8, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "psi"}}, /* ψ */
    {0x03C9, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "omega"}}, /* ω */
    {0x03D1, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "theta"}}, /* ϑ */
    {0x03D5, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "phi"}}, /* ϕ */
    {0x03F5, {NULL, TJ_LEX_TOKEN, TJ_TOK_NAME, 0, "epsilon"}}, /* ϵ */
    {0x2016, {NULL, TJ_LEX_TOKEN, TJ_TOK_NORM, 0, NULL}}, /* ‖ */
    {0x2022, {NULL, TJ_LEX_TOKEN, TJ_TOK_TIMES, 0, NULL}}, /* • */
    {0x2026, {NULL, TJ_LEX_TOKEN, TJ_TOK_DOTS, 0, NULL}}, /* … */
    {0x2030, {NULL, TJ_LEX_TOKEN, TJ_TOK_UNIT, 0, "‰"}}, /* ‰ */
    {0x2032, {NULL, TJ_LEX_TOKEN, TJ_TOK_PRIME, 1, NULL}}, /* ′ */
    {0x2033, {NULL, TJ_LEX_TOKEN, TJ_TOK_PRIME, 2, NULL}}, /* ″ */
    {0x2044, {NULL, TJ_LEX_TOKEN, TJ_TOK_SLASH, 1, NULL}}, /* ⁄ */
    {0x20A9, {NULL, TJ_LEX_TOKEN, TJ_TOK_MONEY, 0, "₩"}}, /* ₩ */
    {0x20AC, {NULL, TJ_LEX_TOKEN, TJ_TOK_MONEY, 0, "€"}}, /* € */
    {0x20B9, {NULL, TJ_LEX_TOKEN, TJ_TOK_MONEY, 0, "₹"}}, /* ₹ */
    {0x20BD, {NULL, TJ_LEX_TOKEN, TJ_TOK_MONEY, 0, "₽"}}, /* ₽ */
    {0x2102, {NULL, TJ_LEX_TOKEN, TJ_TOK_NUMBERS, TJ_NUMBERS_COMPLEX, NULL}}, /* ℂ */
    {0x2103, {NULL, TJ_LEX_TOKEN, TJ_TOK_UNIT, 0, "°C"}}, /* ℃ */
    {0x2109, {NULL, TJ_LEX_TOKEN, TJ_TOK_UNIT, 0, "°F"}}, /* ℉ */
    {0x2115, {NULL, TJ_LEX_TOKEN, TJ_TOK_NUMBERS, TJ_NUMBERS_NATURAL, NULL}}, /* ℕ */
    {0x211A, {NULL, TJ_LEX_TOKEN, TJ_TOK_NUMBERS, TJ_NUMBERS_RATIONAL, NULL}}, /* ℚ */
    {0x211D, {NULL, TJ_LEX_TOKEN, TJ_TOK_NUMBERS, TJ_NUMBERS_REAL, NULL}}, /* ℝ */
    {0x2124, {NULL, TJ_LEX_TOKEN, TJ_TOK_NUMBERS, TJ_NUMBERS_INTEGER, NULL}}, /* ℤ */
    {0x212F, {NULL, TJ_LEX_TOKEN, TJ_TOK_CONST, TJ_CONST_E, NULL}}, /* ℯ */
    {0x2147, {NULL, TJ_LEX_TOKEN, TJ_TOK_CONST, TJ_CONST_E, NULL}}, /* ⅇ */
    {0x2148, {NULL, TJ_LEX_TOKEN, TJ_TOK_CONST, TJ_CONST_I, NULL}}, /* ⅈ */
    {0x2200, {NULL, TJ_LEX_TOKEN, TJ_TOK_FORALL, 0, NULL}}, /* ∀ */
    {0x2205, {NULL, TJ_LEX_TOKEN, TJ_TOK_EMPTYSET, 0, NULL}}, /* ∅ */
    {0x2208, {NULL, TJ_LEX_TOKEN, TJ_TOK_REL, TJ_REL_IN, NULL}}, /* ∈ */
    {0x220F, {NULL, TJ_LEX_TOKEN, TJ_TOK_PROD, 0, NULL}}, /* ∏ */
    {0x2211, {NULL, TJ_LEX_TOKEN, TJ_TOK_SUM, 0, NULL}}, /* ∑ */
    {0x2213, {NULL, TJ_LEX_TOKEN, TJ_TOK_PM, 1, NULL}}, /* ∓ */
    {0x2216, {NULL, TJ_LEX_TOKEN, TJ_TOK_SETMINUS, 0, NULL}}, /* ∖ */
    {0x2217, {NULL, TJ_LEX_TOKEN, TJ_TOK_TIMES, 0, NULL}}, /* ∗ */
    {0x2219, {NULL, TJ_LEX_TOKEN, TJ_TOK_TIMES, 0, NULL}}, /* ∙ */
    {0x221A, {NULL, TJ_LEX_TOKEN, TJ_TOK_SQRT, 2, NULL}}, /* √ */
    {0x221B, {NULL, TJ_LEX_TOKEN, TJ_TOK_SQRT, 3, NULL}}, /* ∛ */
    {0x221C, {NULL, TJ_LEX_TOKEN, TJ_TOK_SQRT, 4, NULL}}, /* ∜ */
    {0x221E, {NULL, TJ_LEX_TOKEN, TJ_TOK_CONST, TJ_CONST_INFINITY, NULL}}, /* ∞ */
    {0x2220, {NULL, TJ_LEX_TOKEN, TJ_TOK_SHAPE, 0, "angle"}}, /* ∠ */
    {0x2225, {NULL, TJ_LEX_TOKEN, TJ_TOK_NORM, 0, NULL}}, /* ∥ */
    {0x2227, {NULL, TJ_LEX_TOKEN, TJ_TOK_WORD, 0, "and"}}, /* ∧ */
    {0x2228, {NULL, TJ_LEX_TOKEN, TJ_TOK_WORD, 0, "or"}}, /* ∨ */
    {0x2229, {NULL, TJ_LEX_TOKEN, TJ_TOK_CAP, 0, NULL}}, /* ∩ */
    {0x222A, {NULL, TJ_LEX_TOKEN, TJ_TOK_CUP, 0, NULL}}, /* ∪ */
    {0x2243, {NULL, TJ_LEX_TOKEN, TJ_TOK_REL, TJ_REL_APPROX, NULL}}, /* ≃ */
    {0x2245, {NULL, TJ_LEX_TOKEN, TJ_TOK_REL, TJ_REL_APPROX, NULL}}, /* ≅ */
    {0x2248, {NULL, TJ_LEX_TOKEN, TJ_TOK_REL, TJ_REL_APPROX, NULL}}, /* ≈ */
    {0x2260, {NULL, TJ_LEX_TOKEN, TJ_TOK_REL, TJ_REL_NE, NULL}}, /* ≠ */
    {0x2261, {NULL, TJ_LEX_TOKEN, TJ_TOK_REL, TJ_REL_CONGRUENT, NULL}}, /* ≡ */
    {0x2264, {NULL, TJ_LEX_TOKEN, TJ_TOK_REL, TJ_REL_LE, NULL}}, /* ≤ */
    {0x2265, {NULL, TJ_LEX_TOKEN, TJ_TOK_REL, TJ_REL_GE, NULL}}, /* ≥ */
    {0x2266, {NULL, TJ_LEX_TOKEN, TJ_TOK_REL, TJ_REL_LE, NULL}}, /* ≦ */
    {0x2267, {NULL, TJ_LEX_TOKEN, TJ_TOK_REL, TJ_REL_GE, NULL}}, /* ≧ */
    {0x2299, {NULL, TJ_LEX_TOKEN, TJ_TOK_SHAPE, 0, "circle"}}, /* ⊙ */
    {0x22C2, {NULL, TJ_LEX_TOKEN, TJ_TOK_CAP, 0, NULL}}, /* ⋂ */
    {0x22C3, {NULL, TJ_LEX_TOKEN, TJ_TOK_CUP, 0, NULL}}, /* ⋃ */
    {0x22C5, {NULL, TJ_LEX_TOKEN, TJ_TOK_TIMES, 1, NULL}}, /* ⋅ */
    {0x22EF, {NULL, TJ_LEX_TOKEN, TJ_TOK_DOTS, 0, NULL}}, /* ⋯ */
    {0x2308, {NULL, TJ_LEX_TOKEN, TJ_TOK_LCEIL, 0, NULL}}, /* ⌈ */
    {0x2309, {NULL, TJ_LEX_TOKEN, TJ_TOK_RCEIL, 0, NULL}}, /* ⌉ */
    {0x230A, {NULL, TJ_LEX_TOKEN, TJ_TOK_LFLOOR, 0, NULL}}, /* ⌊ */
    {0x230B, {NULL, TJ_LEX_TOKEN, TJ_TOK_RFLOOR, 0, NULL}}, /* ⌋ */
    {0x25B3, {NULL, TJ_LEX_TOKEN, TJ_TOK_SHAPE, 0, "triangle"}}, /* △ */
    {0x2715, {NULL, TJ_LEX_TOKEN, TJ_TOK_TIMES, 1, NULL}}, /* ✕ */
    {0x2716, {NULL, TJ_LEX_TOKEN, TJ_TOK_TIMES, 1, NULL}}, /* ✖ */
    {0x27E8, {NULL, TJ_LEX_TOKEN, TJ_TOK_LANGLE, 0, NULL}}, /* ⟨ */
    {0x27E9, {NULL, TJ_LEX_TOKEN, TJ_TOK_RANGLE, 0, NULL}}, /* ⟩ */
    {0x2A7D, {NULL, TJ_LEX_TOKEN, TJ_TOK_REL, TJ_REL_LE, NULL}}, /* ⩽ */
    {0x2A7E, {NULL, TJ_LEX_TOKEN, TJ_TOK_REL, TJ_REL_GE, NULL}}, /* ⩾ */
    {0x3008, {NULL, TJ_LEX_TOKEN, TJ_TOK_LANGLE, 0, NULL}}, /* 〈 */
    {0x3009, {NULL, TJ_LEX_TOKEN, TJ_TOK_RANGLE, 0, NULL}}, /* 〉 */
};
/* clang-format on */

#define N_CHARACTERS (sizeof characters / sizeof characters[0])

const tj_lex_entry *tj_lex_character(uint32_t c)
{
    size_t low = 0, high = N_CHARACTERS;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (characters[middle].c == c) {
            return &characters[middle].entry;
        }
        if (characters[middle].c < c) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

uint32_t tj_lex_decode(const char *text, size_t *n)
{
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0x80) {
        *n = 1;
        return p[0];
    }
    *n = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    uint32_t c = p[0] & (0x7Fu >> *n);
    for (size_t i = 1; i < *n; i++) {
        c = c << 6 | (p[i] & 0x3Fu);
    }
    return c;
}

char tj_lex_script(uint32_t c, bool *is_sub)
{
    static const char signs[] = "+-=()";
    *is_sub = c >= 0x2080 && c < 0x2090;
    if (c == 0xB2 || c == 0xB3) {
        return c == 0xB2 ? '2' : '3';
    }
    if (c == 0xB9) {
        return '1';
    }
    if (c >= 0x2070 && c < 0x2090) {
        uint32_t at = c & 0xF;
        if (at == 1 && !*is_sub) {
            return 'i';
        }
        if (at < 10) {
            return (at == 2 || at == 3) && !*is_sub ? '\0' : (char)('0' + at);
        }
        return at < 15 ? signs[at - 10] : c == 0x207F ? 'n' : '\0';
    }
    static const char letters[] = "aeox";
    if (c >= 0x2090 && c <= 0x2093) {
        *is_sub = true;
        return letters[c - 0x2090];
    }
    *is_sub = c == 0x2099 || c == 0x1D62;
    return c == 0x2099 ? 'n' : c == 0x1D62 ? 'i' : '\0';
}

int32_t tj_lex_vulgar(uint32_t c)
{
    static const int32_t early[] = {0x104, 0x102, 0x304};                 /* U+00BC */
    static const int32_t late[] = {0x107, 0x109, 0x10A, 0x103, 0x203,     /* U+2150 */
                                   0x105, 0x205, 0x305, 0x405, 0x106,     /* U+2155 */
                                   0x506, 0x108, 0x308, 0x508, 0x708, 0}; /* U+215A */
    if (c >= 0xBC && c <= 0xBE) {
        return early[c - 0xBC];
    }
    return c >= 0x2150 && c < 0x2160 ? late[c - 0x2150] : 0;
}

/* ------------------------------------------------------------ kanji numerals */

/* 0 to 9; 10, 100 and 1000 as 11, 12, 13; 10^4, 10^8, 10^12 as 24, 28, 32; -1 for other characters.
 */
static int numeral_of(uint32_t c)
{
    static const uint32_t digits[] = {0x96F6, 0x4E00, 0x4E8C, 0x4E09, 0x56DB,
                                      0x4E94, 0x516D, 0x4E03, 0x516B, 0x4E5D};
    for (int i = 0; i < 10; i++) {
        if (digits[i] == c) {
            return i;
        }
    }
    switch (c) {
    case 0x3007:
        return 0;
    case 0x5341:
        return 11;
    case 0x767E:
        return 12;
    case 0x5343:
        return 13;
    case 0x4E07:
    case 0x842C:
        return 24;
    case 0x5104:
    case 0x4EBF:
        return 28;
    case 0x5146:
        return 32;
    default:
        return -1;
    }
}

#define MAX_KANJI 32 /* more numerals than any number below 10^16 has */

static size_t write_digits(uint64_t value, char *out)
{
    char reversed[24];
    size_t n = 0;
    do {
        reversed[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < n; i++) {
        out[i] = reversed[n - 1 - i];
    }
    return n;
}

typedef struct numeral {
    bool is_power;
    int power;      /* 11 to 13, 24, 28, 32: as numeral_of() */
    uint64_t value; /* of digits */
} numeral;

/* Spoken: each group below 10^4 is digits times 1000, 100, 10 falling, and is followed by its power
 * of 10^4, falling too. */
static bool value_of(const numeral *numerals, size_t n, uint64_t *out)
{
    uint64_t total = 0, group = 0, digit = 0;
    bool has_digit = false;
    int last_small = 14, last_big = 33;
    for (size_t i = 0; i < n; i++) {
        int v = numerals[i].power;
        if (!numerals[i].is_power) {
            if (has_digit) {
                return false;
            }
            digit = numerals[i].value;
            has_digit = true;
        } else if (v < 20) {
            static const uint64_t tens[] = {10, 100, 1000};
            if (v >= last_small || (has_digit && digit > 9)) {
                return false;
            }
            group += (has_digit ? digit : 1) * tens[v - 11];
            has_digit = false;
            last_small = v;
        } else {
            uint64_t power = v == 24 ? 10000 : v == 28 ? 100000000 : 1000000000000;
            group += has_digit ? digit : 0;
            if (v >= last_big || group == 0 || group > 9999) {
                return false;
            }
            total += group * power;
            group = 0;
            has_digit = false;
            last_small = 14;
            last_big = v;
        }
    }
    *out = total + group + (has_digit ? digit : 0);
    return true;
}

/* A digit of kanji, a power, or digits of ours (at most four); the bytes it takes, 0 if none is
 * there. */
static size_t read_numeral(const char *text, size_t len, numeral *out)
{
    size_t n = 0;
    *out = (numeral){.value = 0};
    while (n < len && n < 5 && text[n] >= '0' && text[n] <= '9') {
        out->value = out->value * 10 + (uint64_t)(text[n] - '0');
        n++;
    }
    if (n > 0) {
        return n < 5 ? n : 0;
    }
    if (len == 0 || (unsigned char)text[0] < 0xE0) {
        return 0;
    }
    int v = numeral_of(tj_lex_decode(text, &n));
    out->is_power = v >= 10;
    out->power = v;
    out->value = v >= 0 && v < 10 ? (uint64_t)v : 0;
    return v < 0 ? 0 : n;
}

size_t tj_lex_kanji(const char *text, size_t len, char *out, size_t *n_digits)
{
    numeral numerals[MAX_KANJI];
    size_t n = 0, at = 0, n_bytes, n_powers = 0, n_ours = 0;
    while (n < MAX_KANJI && (n_bytes = read_numeral(text + at, len - at, &numerals[n])) > 0) {
        n_powers += numerals[n].is_power;
        n_ours += (unsigned char)text[at] < 0x80;
        n++;
        at += n_bytes;
    }
    uint64_t value;
    if (n == 0 || (n_powers == 0 && n_ours > 0)) {
        return 0;
    }
    if (n_powers == 0) { /* written like ours: 二〇二五 */
        for (size_t i = 0; i < n; i++) {
            out[i] = (char)('0' + numerals[i].value);
        }
        *n_digits = n;
        return at;
    }
    if (!value_of(numerals, n, &value)) {
        return 0;
    }
    *n_digits = write_digits(value, out);
    return at;
}
