/* The stages of finding an answer, in their order; each is tried on what follows the thinking:
 *
 *   1. the last \boxed{...}; boxes in a row are a list
 *   2. what follows "the answer is" and its kin, to the end of the sentence
 *   3. what follows ####
 *   4. the last **...** that is no heading
 *   5. the text itself, if it is short and reads as mathematics, or is no sentence; of one that
 *      names its value, the value
 *   6. the last formula, number or choice (A) of the text
 *   7. the text itself, if it is short
 *
 * Whether a piece of prose is mathematics the reader decides. A formula is taken whole or not at
 * all: where the one that was found cannot be read, no other is looked for. */
#include "grade/extract.h"

#include <string.h>

#include "grade/read.h"

#define MAX_SENTENCE    1024 /* bytes of what may follow a cue */
#define MAX_SHORT       256  /* bytes of a text that is an answer in words */
#define MAX_WORDS_BYTES 96   /* of an answer in words within an output */
#define MAX_LABEL       64   /* of words before "=" or ":" that name a value */

/* ------------------------------------------------------------------ what is no output */

/* Thinking ends with the last closing mark; one that opens behind it never ends. */
static bool strip_thinking(tj_span *at, const char *s)
{
    static const struct {
        const char *open, *close;
    } marks[] = {
        {"<think>", "</think>"},
        {"<thinking>", "</thinking>"},
        {"<thought>", "</thought>"},
        {"<reasoning>", "</reasoning>"},
        {"<seed:think>", "</seed:think>"},
        {"<|begin_of_thought|>", "<|end_of_thought|>"},
        {"<|channel|>analysis", "<|channel|>final<|message|>"},
        {"[THINK]", "[/THINK]"},
        {"◁think▷", "◁/think▷"},
    };
    size_t n_marks = sizeof marks / sizeof marks[0];
    for (size_t i = at->end; i-- > at->begin;) {
        if (s[i] != '<' && s[i] != '[' && s[i] != '\xe2') {
            continue;
        }
        for (size_t k = 0; k < n_marks; k++) {
            size_t n = strlen(marks[k].close);
            if (at->end - i >= n && memcmp(s + i, marks[k].close, n) == 0) {
                at->begin = i + n;
                return true;
            }
            n = strlen(marks[k].open);
            if (at->end - i >= n && memcmp(s + i, marks[k].open, n) == 0) {
                return false;
            }
        }
    }
    return true;
}

/* Tokens that end an output and that some engines print. */
static void strip_specials(tj_span *at, const char *s)
{
    static const char *const specials[] = {"<|im_end|>",      "<|endoftext|>", "<|eot_id|>",
                                           "<|end_of_text|>", "<end_of_turn>", "<eos>",
                                           "<|return|>",      "</s>"};
    bool found = true;
    while (found) {
        found = false;
        *at = tj_span_trim(s, *at);
        for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
            size_t n = strlen(specials[i]);
            if (at->end - at->begin >= n && memcmp(s + at->end - n, specials[i], n) == 0) {
                at->end -= n;
                found = true;
            }
        }
    }
}

/* ------------------------------------------------------------------ reading */

tj_reads tj_extract_read(tj_extractor *x, tj_span at)
{
    x->tree = NULL;
    x->read = at;
    if (tj_span_empty(at) || at.end - at.begin > TJ_EX_MAX_BYTES ||
        tj_read(&x->tree, x->arena, x->s + at.begin, at.end - at.begin, NULL) != TJ_OK) {
        return TJ_READS_NOT;
    }
    return x->tree->kind == TJ_EX_TEXT ? TJ_READS_WORDS : TJ_READS_MATH;
}

static bool found(tj_extraction *out, const tj_extractor *x, const char *rule, tj_span at)
{
    at = tj_span_trim(x->s, at);
    if (tj_span_empty(at)) {
        return false;
    }
    *out = (tj_extraction){.rule = rule, .begin = at.begin, .end = at.end};
    return true;
}

/* Without what Markdown and a sentence put around its value; the verb at the end of a Japanese one
 * is no counter of things. */
static tj_span bare(const char *s, tj_span at)
{
    static const char stops[] = " \t\r\n.,;:*\"`";
    static const char *const ends[] = {"。",     "、",         "！",         "です", "である",
                                       "でした", "となります", "になります", "だ"};
    bool again = true;
    while (at.begin < at.end && memchr(" \t\r\n*:\"`", s[at.begin], 8) != NULL) {
        at.begin++;
    }
    while (again) {
        again = false;
        while (at.begin < at.end && memchr(stops, s[at.end - 1], sizeof stops - 1) != NULL) {
            at.end--;
        }
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            size_t n = strlen(ends[i]);
            if (at.end - at.begin > n && memcmp(s + at.end - n, ends[i], n) == 0) {
                at.end -= n;
                again = true;
            }
        }
    }
    return at;
}

/* "5ではない": not 5. */
static bool denies(const char *s, tj_span at)
{
    static const char *const ends[] = {"ではない", "ではありません", "じゃない", "でない"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t n = strlen(ends[i]);
        if (at.end - at.begin > n && memcmp(s + at.end - n, ends[i], n) == 0) {
            return true;
        }
    }
    return false;
}

/* Without words or a calculation in brackets at the end: "12 (twelve)", "18 (9 * 2 = 18)". */
static tj_span without_remark(const char *s, tj_span at)
{
    if (tj_span_empty(at) || s[at.end - 1] != ')') {
        return at;
    }
    size_t open = at.end - 1;
    while (open > at.begin && s[open] != '(') {
        open--;
    }
    bool remark = open > at.begin && tj_is_space(s[open - 1]) &&
                  (tj_has_words(s, open, at.end, 1) || tj_span_find(s, open, at.end, "=") < at.end);
    tj_span rest = tj_span_trim(s, (tj_span){at.begin, remark ? open : at.end});
    return tj_value_first(s, rest).rule != NULL ? rest : at;
}

/* "I choose C" is a sentence, no product. */
static bool speaks_of_itself(const char *s, tj_span text)
{
    return text.end - text.begin > 3 && s[text.begin] == 'I' && s[text.begin + 1] == ' ' &&
           tj_is_lower(s[text.begin + 2]) && tj_is_lower(s[text.begin + 3]);
}

/* Of "Yes, since it is even" the word that is the answer; other words are an answer as they are. */
static tj_span without_reason(const char *s, tj_span words)
{
    static const char *const answers[] = {"yes", "no", "true", "false"};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        size_t past = words.begin + strlen(answers[i]);
        if (past < words.end && tj_span_starts(s, words.begin, words.end, answers[i]) &&
            memchr(",.;:!", s[past], 5) != NULL) {
            return (tj_span){words.begin, past};
        }
    }
    return words;
}

/* What a sentence says: all of it if it reads as mathematics, else the value that it begins with,
 * else its last one, else its words. */
static tj_reads pick(tj_span *out, tj_extractor *x, tj_span sentence)
{
    sentence = bare(x->s, sentence);
    if (denies(x->s, sentence)) {
        *out = sentence;
        return TJ_READS_NOT;
    }
    sentence = without_remark(x->s, sentence);
    tj_reads reads = tj_extract_read(x, sentence);
    tj_value value = {.at = sentence, .rule = reads == TJ_READS_MATH ? "" : NULL};
    if (value.rule == NULL) {
        value = tj_value_first(x->s, sentence);
    }
    if (value.rule == NULL) {
        value = tj_value_last(x->s, sentence);
    }
    *out = value.rule == NULL ? without_reason(x->s, sentence) : value.at;
    return tj_span_empty(sentence) || (value.rule == NULL && value.negated) ? TJ_READS_NOT
           : value.rule == NULL                                             ? TJ_READS_WORDS
                                                                            : TJ_READS_MATH;
}

/* ------------------------------------------------------------------ stages */

static bool from_cue(tj_extraction *out, tj_extractor *x, tj_span text)
{
    tj_span rest, value;
    size_t before = text.end;
    bool words = false;
    for (size_t n = 0; n < TJ_MAX_CUES && tj_find_cue(&rest, &before, x->s, text, before); n++) {
        rest = tj_span_trim(x->s, rest);
        size_t most = rest.end - rest.begin > MAX_SENTENCE ? rest.begin + MAX_SENTENCE : rest.end;
        rest = bare(x->s, (tj_span){rest.begin, most});
        tj_span sentence = {rest.begin, tj_sentence_end(x->s, rest.begin, rest.end)};
        tj_reads reads = pick(&value, x, sentence);
        if (reads == TJ_READS_MATH) {
            return found(out, x, "final answer", value);
        }
        if (reads == TJ_READS_WORDS && !words && value.end - value.begin <= MAX_WORDS_BYTES) {
            words = found(out, x, "final answer", value); /* unless an earlier one says more */
        }
    }
    return words;
}

static bool is_heading(const char *s, tj_span bold, tj_span text)
{
    static const char *const words[] = {"step ",    "case ",    "part ", "method ", "problem",
                                        "question", "solution", "note",  "example", "approach"};
    size_t line = bold.begin - 2, past = bold.end + 2;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (tj_span_starts(s, bold.begin, bold.end, words[i])) {
            return true;
        }
    }
    while (line > text.begin && s[line - 1] != '\n') {
        line--;
    }
    tj_span head = tj_span_trim(s, (tj_span){line, bold.begin - 2});
    bool numbered =
        tj_is_digit(s[bold.begin]) && (tj_span_starts(s, bold.begin + 1, bold.end, ". ") ||
                                       tj_span_starts(s, bold.begin + 1, bold.end, ") "));
    return s[bold.end - 1] == ':' || (past < text.end && s[past] == ':') ||
           (numbered && tj_span_empty(head));
}

/* Words in bold are mostly emphasis: they are an answer only where the last line has no value. */
static bool from_bold(tj_extraction *out, tj_extractor *x, tj_span text)
{
    tj_span bold, value;
    size_t before = text.end;
    bool first = true;
    for (size_t n = 0; n < TJ_MAX_CUES && tj_find_bold(&bold, x->s, text, before); n++) {
        before = bold.begin - 2;
        if (bold.end - bold.begin > MAX_SENTENCE || is_heading(x->s, bold, text)) {
            continue;
        }
        tj_reads reads = pick(&value, x, bold);
        if (reads == TJ_READS_MATH) {
            return found(out, x, "bold", value);
        }
        size_t line = text.end;
        while (line > text.begin && x->s[line - 1] != '\n') {
            line--;
        }
        bool alone = first && line <= before && value.end - value.begin <= MAX_WORDS_BYTES &&
                     tj_value_last(x->s, (tj_span){line, text.end}).rule == NULL;
        if (reads == TJ_READS_WORDS && alone) {
            return found(out, x, "bold", value);
        }
        first = false;
    }
    return false;
}

/* Letters and the spaces between them, of at most MAX_LABEL bytes: "Total cost", "合計". */
static bool is_label(const char *s, tj_span at)
{
    size_t n_letters = 0;
    for (size_t i = at.begin; i < at.end; i++) {
        bool wide = (unsigned char)s[i] >= 0xE3 ||
                    (n_letters > 0 && (unsigned char)s[i] >= 0x80 && (unsigned char)s[i] < 0xC0);
        if (!tj_is_letter(s[i]) && !wide && s[i] != ' ' && s[i] != '\'') {
            return false;
        }
        n_letters += s[i] != ' ';
    }
    return n_letters > 1 && at.end - at.begin <= MAX_LABEL;
}

/* "Total cost = 9 * 2 = $18", "Area: 25": the value behind the words that name it, of a text that
 * does not read as a whole. */
static bool from_label(tj_extraction *out, tj_extractor *x, tj_span text)
{
    const char *s = x->s;
    size_t sign = text.begin;
    while (sign < text.end && s[sign] != '=' && s[sign] != ':') {
        sign++;
    }
    if (sign == text.end || !is_label(s, tj_span_trim(s, (tj_span){text.begin, sign}))) {
        return false;
    }
    size_t begin = s[sign] == '=' ? text.end : sign + 1;
    while (s[begin - 1] != s[sign]) {
        begin--;
    }
    tj_span value = bare(s, (tj_span){begin, text.end});
    return tj_extract_read(x, value) == TJ_READS_MATH && found(out, x, "label", value);
}

/* A formula that cannot be read may hold words too: those of a label, or names of functions. What
 * does not end as a sentence does ("quarter past 3") is taken for one. */
static bool may_be_formula(const char *s, tj_span text)
{
    if (s[text.end - 1] != '.') {
        return true;
    }
    for (size_t i = text.begin; i < text.end; i++) {
        if (s[i] == '=' || (s[i] == '(' && i > text.begin && tj_is_letter(s[i - 1]))) {
            return true;
        }
    }
    return false;
}

static bool is_bare(tj_extractor *x, tj_span text)
{
    if (text.end - text.begin > TJ_MAX_BARE_BYTES || speaks_of_itself(x->s, text)) {
        return false;
    }
    tj_reads reads = tj_extract_read(x, text);
    bool lines = memchr(x->s + text.begin, '\n', text.end - text.begin) != NULL;
    bool annotated = tj_span_find(x->s, text.begin, text.end, "<<") < text.end;
    size_t words = reads == TJ_READS_WORDS      ? 5
                   : annotated                  ? 0
                   : lines                      ? 1
                   : may_be_formula(x->s, text) ? 3
                                                : 2;
    return reads == TJ_READS_MATH || tj_count_prose(x->s, text, words) < words;
}

void tj_extract(tj_extraction *out, tj_extractor *x, size_t len)
{
    tj_span text = {0, len}, at;
    tj_box_state box;
    *out = (tj_extraction){.rule = NULL};
    x->tree = NULL;
    x->read = (tj_span){0, 0};
    if (!strip_thinking(&text, x->s)) {
        return;
    }
    strip_specials(&text, x->s);
    if (tj_span_empty(text)) {
        return;
    }
    if (tj_find_boxed(&at, &box, x->s, text)) {
        (void)found(out, x, "boxed", at);
        return;
    }
    if (box == TJ_BOX_CUT || from_cue(out, x, text)) {
        return;
    }
    if (tj_find_hashes(&at, x->s, text) && pick(&at, x, at) != TJ_READS_NOT) {
        (void)found(out, x, "####", at);
        return;
    }
    if (from_bold(out, x, text)) {
        return;
    }
    if (box == TJ_BOX_EMPTY || denies(x->s, bare(x->s, text))) {
        return; /* the answer was to stand in the box */
    }
    if (is_bare(x, text)) {
        bool labelled = x->tree == NULL && from_label(out, x, text);
        (void)(labelled || found(out, x, "whole", without_reason(x->s, text)));
        return;
    }
    tj_value value = tj_value_last(x->s, text);
    if (value.rule != NULL) {
        (void)found(out, x, value.rule, value.at);
        return;
    }
    at = without_reason(x->s, text);
    if (text.end - text.begin <= MAX_SHORT && (!value.negated || at.end < text.end)) {
        (void)found(out, x, "whole", at);
    }
}
