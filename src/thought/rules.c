/* See rules.h. Cues are phrases in lower case, matched as whole words. Order matters: a sentence
 * that goes back often also says why ("That is wrong, let me go back"), and one that states the
 * answer may mention a check. */
#include "thought/rules.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "thought/words.h"

static const char *const concludes[] = {"answer is",
                                        "answer:",
                                        "final answer",
                                        "\\boxed",
                                        "####",
                                        "in conclusion",
                                        "to conclude",
                                        "to sum up",
                                        "in summary",
                                        "so that is the answer",
                                        "that settles it",
                                        "we conclude",
                                        "this is what was asked for",
                                        "答えは",
                                        "答えだ",
                                        "結論",
                                        "答案",
                                        "综上",
                                        "得られた",
                                        "これで決まり",
                                        NULL};
static const char *const backs[] = {"go back",
                                    "going back",
                                    "back to",
                                    "back up",
                                    "return to where",
                                    "take that step back",
                                    "try another",
                                    "try a different",
                                    "try something else",
                                    "try again",
                                    "another way",
                                    "another approach",
                                    "another branch",
                                    "different approach",
                                    "different way",
                                    "start over",
                                    "start again",
                                    "begin again",
                                    "undo that",
                                    "rethink",
                                    "think again",
                                    "do that step again",
                                    "so back i go",
                                    "chosen differently",
                                    "let me reconsider",
                                    "alternatively",
                                    "戻",
                                    "別の",
                                    "やり直",
                                    "もう一度やって",
                                    "考え直",
                                    "回到",
                                    "重新",
                                    "换一",
                                    "另一种",
                                    "换个",
                                    NULL};
static const char *const verifies[] = {
    "check",   "checking",      "verify",       "verifying", "double-check", "make sure",
    "confirm", "plugging back", "plug it back", "plug back", "確かめ",       "確認",
    "検算",    "检查",          "验证",         "验算",      "确认",         NULL};
static const char *const reflects[] = {"wait",
                                       "hmm",
                                       "hm",
                                       "hold on",
                                       "mistake",
                                       "wrong",
                                       "error",
                                       "oops",
                                       "not right",
                                       "can't be",
                                       "cannot be",
                                       "is not",
                                       "isn't",
                                       "does not work",
                                       "doesn't work",
                                       "didn't work",
                                       "not work",
                                       "no luck",
                                       "dead end",
                                       "misses",
                                       "not what",
                                       "does not fit",
                                       "doesn't fit",
                                       "does not look",
                                       "doesn't look",
                                       "doesn't seem",
                                       "does not seem",
                                       "not convinced",
                                       "but no",
                                       "off here",
                                       "out of reach",
                                       "leads nowhere",
                                       "not getting closer",
                                       "without getting closer",
                                       "had better not",
                                       "so that attempt fails",
                                       "contradict",
                                       "contradiction",
                                       "actually",
                                       "however",
                                       "on the other hand",
                                       "but then",
                                       "but wait",
                                       "i wonder",
                                       "not sure",
                                       "not so sure",
                                       "really",
                                       "is that right",
                                       "do not see how",
                                       "this is getting long",
                                       "not to the right one",
                                       "cannot get there",
                                       "待って",
                                       "間違",
                                       "違う",
                                       "誤り",
                                       "おかしい",
                                       "行き止まり",
                                       "うまくいか",
                                       "ではない",
                                       "届かない",
                                       "道がない",
                                       "失敗",
                                       "近づいていない",
                                       "ここまでにしよう",
                                       "ならなかった",
                                       "しかし",
                                       "成り立たない",
                                       "等等",
                                       "等一下",
                                       "不对",
                                       "错",
                                       "矛盾",
                                       "但是",
                                       "不是",
                                       "有问题",
                                       "奇怪",
                                       NULL};

static bool has_cue(const char *text, size_t len, const char *const *cues)
{
    for (; *cues != NULL; cues++) {
        if (tj_find_phrase(text, len, *cues) != SIZE_MAX) {
            return true;
        }
    }
    return false;
}

tj_action tj_rules_action(const char *s, size_t n)
{
    bool claims = n > 8 && tj_find_phrase(s, 8, "reached") == 0; /* as Countdown's answers begin */
    return claims || has_cue(s, n, concludes) ? TJ_CONCLUDE
           : has_cue(s, n, backs)             ? TJ_BACKTRACK
           : has_cue(s, n, verifies)          ? TJ_VERIFY
           : has_cue(s, n, reflects)          ? TJ_REFLECT
                                              : TJ_CONTINUE;
}

/* ------------------------------------------------------------------ cutting */

/* Where the sentence that begins at `at` ends: after . ! ? and a blank, after 。！？, or after the
 * newline with the blank lines that follow it. "1. 2 + 2" is no sentence of its own. */
static size_t sentence_end(const char *text, size_t len, size_t at)
{
    size_t i = at;
    for (; i < len && text[i] != '\n'; i++) {
        bool stop =
            strchr(".!?", text[i]) != NULL && text[i] != 0 && i + 1 < len && text[i + 1] == ' ';
        bool number = text[i] == '.' && i > at && text[i - 1] >= '0' && text[i - 1] <= '9';
        if (stop && !number) {
            i++;
            while (i < len && text[i] == ' ') {
                i++;
            }
            return i;
        }
        if (i + 3 <= len && (memcmp(text + i, "。", 3) == 0 || memcmp(text + i, "！", 3) == 0 ||
                             memcmp(text + i, "？", 3) == 0)) {
            i += 3;
            if (i < len && text[i] != '\n') {
                return i;
            }
            break;
        }
    }
    while (i < len && strchr(" \t\r\n", text[i]) != NULL && text[i] != 0) {
        i++;
    }
    return i;
}

static bool ends_line(const char *text, size_t end)
{
    return end > 0 && text[end - 1] == '\n';
}

/* The length of a tag that opens a thought, with the blanks after it; 0 if there is none. */
static size_t opening_tag(const char *text, size_t len)
{
    static const char *const tags[] = {"<thought>", "<think>"};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        size_t n = strlen(tags[i]);
        if (len >= n && tj_find_phrase(text, n, tags[i]) == 0) {
            while (n < len && strchr(" \t\r\n", text[n]) != NULL && text[n] != 0) {
                n++;
            }
            return n;
        }
    }
    return 0;
}

/* What stands after the thinking is the answer. */
static bool closes_thought(const char *text, size_t len)
{
    return tj_find_phrase(text, len, "</thought>") != SIZE_MAX ||
           tj_find_phrase(text, len, "</think>") != SIZE_MAX ||
           tj_find_phrase(text, len, "<output>") != SIZE_MAX;
}

/* A text is cut sentence by sentence; the answer behind the thinking is in one piece. */
static tj_code cut(tj_scribe *scribe, const char *text, size_t len, tj_err *err)
{
    size_t at = 0;
    bool fresh = true;
    tj_code rc = TJ_OK;
    while (at < len && strchr(" \t\r\n", text[at]) != NULL && text[at] != 0) {
        at++; /* blank at the beginning goes with the first span */
    }
    at += opening_tag(text + at, len - at);
    for (size_t begin = 0; begin < len && rc == TJ_OK; begin = at) {
        size_t end = sentence_end(text, len, at);
        tj_action action = TJ_CONCLUDE;
        if (closes_thought(text + at, end - at)) {
            end = len;
        } else {
            action = tj_rules_action(text + at, end - at);
        }
        while (end < len && !ends_line(text, end)) { /* neighbours of one line that are the same */
            size_t more = sentence_end(text, len, end);
            if (closes_thought(text + end, more - end) ||
                tj_rules_action(text + end, more - end) != action) {
                break;
            }
            end = more;
        }
        tj_span span = {.action = action == TJ_CONTINUE && fresh ? TJ_PROPOSE : action,
                        .node = TJ_SPAN_NO_NODE,
                        .editor = TJ_BY_RULES};
        fresh = action == TJ_BACKTRACK || (fresh && action != TJ_CONTINUE);
        rc = tj_scribe_add(scribe, &span, text + begin, end - begin, err);
        at = end;
    }
    return rc;
}

static void find_path(tj_thought *t)
{
    size_t i = t->n_spans;
    for (; i-- > 0 && t->spans[i].action != TJ_BACKTRACK;) {
        t->spans[i].on_path = tj_is_step(&t->spans[i]) || t->spans[i].action == TJ_CONCLUDE;
    }
}

static size_t count_backs(const tj_span *spans, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += spans[i].action == TJ_BACKTRACK && (i == 0 || spans[i - 1].action != TJ_BACKTRACK)
                     ? 1
                     : 0;
    }
    return count;
}

tj_code tj_rules_spans(tj_thought *t, tj_err *err)
{
    tj_scribe scribe;
    tj_scribe_init(&scribe, NULL);
    tj_code rc = cut(&scribe, t->text, t->n_text, err);
    if (rc == TJ_OK) {
        tj_free(t->spans);
        t->spans = scribe.spans;
        t->n_spans = scribe.n_spans;
        scribe.spans = NULL;
        t->n_backtracks = count_backs(t->spans, t->n_spans);
        tj_free(t->ids); /* the spans do not know their tokens */
        t->ids = NULL;
        t->n_ids = 0;
        find_path(t);
    }
    tj_scribe_deinit(&scribe);
    return rc;
}

/* ------------------------------------------------------------------ measuring */

static tj_action coarse(tj_action action)
{
    return action == TJ_CONTINUE ? TJ_PROPOSE : action;
}

tj_code tj_rules_measure(tj_rules_score *score, const tj_thought *t, tj_err *err)
{
    tj_scribe scribe;
    tj_scribe_init(&scribe, NULL);
    tj_code rc = cut(&scribe, t->text, t->n_text, err);
    size_t k = 0;
    for (size_t i = 0; i < t->n_spans && rc == TJ_OK; i++) {
        const tj_span *s = &t->spans[i];
        tj_action truth = coarse(s->action);
        size_t right = 0;
        for (size_t at = s->begin; at < s->end;) {
            while (scribe.spans[k].end <= at) {
                k++;
            }
            size_t end = scribe.spans[k].end < s->end ? scribe.spans[k].end : s->end;
            tj_action called = coarse(scribe.spans[k].action);
            score->bytes[truth][called] += end - at;
            right += called == truth ? end - at : 0;
            at = end;
        }
        score->spans[truth]++;
        score->hits[truth] += 2 * right > s->end - s->begin ? 1 : 0;
    }
    if (rc == TJ_OK) {
        score->n_backtracks += count_backs(t->spans, t->n_spans);
        score->n_found += count_backs(scribe.spans, scribe.n_spans);
    }
    tj_scribe_deinit(&scribe);
    return rc;
}

double tj_rules_precision(const tj_rules_score *score, tj_action action)
{
    uint64_t all = 0;
    for (size_t t = 0; t < TJ_N_ACTIONS; t++) {
        all += score->bytes[t][action];
    }
    return all == 0 ? (double)NAN : (double)score->bytes[action][action] / (double)all;
}

double tj_rules_recall(const tj_rules_score *score, tj_action action)
{
    uint64_t all = 0;
    for (size_t c = 0; c < TJ_N_ACTIONS; c++) {
        all += score->bytes[action][c];
    }
    return all == 0 ? (double)NAN : (double)score->bytes[action][action] / (double)all;
}
