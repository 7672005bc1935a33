/* The contract of docs/report.md as tables. A document is checked whole before a byte is written:
 * types, ranges, required and unknown keys by the tables, then what tables cannot say (unique keys,
 * parents before children, spans inside their text). The walk down the tables is a recursion whose
 * depth the tables bound, not the document. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "report/report.h"

typedef enum kind {
    TEXT,
    TIME, /* RFC 3339, UTC, whole seconds: sorts as text */
    BOOL,
    COUNT,    /* integer, at least 0 */
    INTEGER,  /* any */
    NUMBER,   /* finite */
    POSITIVE, /* finite, at least 0 */
    SHARE,    /* in [0, 1] */
    POINTS,   /* in [-1, 1] */
    WORD,     /* one of `words` */
    OBJECT,   /* by `fields` */
    FREE,     /* an object with any content */
    PAIRS     /* a list of [number, number] */
} kind;

typedef struct field {
    const char *key; /* NULL ends the table */
    kind kind;
    bool optional;
    bool list; /* a list of these */
    const struct field *fields;
    const char *const *words;
} field;

#define REQ(k, t)                                                                                  \
    {                                                                                              \
        k, t, false, false, NULL, NULL                                                             \
    }
#define OPT(k, t)                                                                                  \
    {                                                                                              \
        k, t, true, false, NULL, NULL                                                              \
    }
#define REQ_LIST(k, t)                                                                             \
    {                                                                                              \
        k, t, false, true, NULL, NULL                                                              \
    }
#define OPT_LIST(k, t)                                                                             \
    {                                                                                              \
        k, t, true, true, NULL, NULL                                                               \
    }
#define REQ_OBJ(k, f)                                                                              \
    {                                                                                              \
        k, OBJECT, false, false, f, NULL                                                           \
    }
#define OPT_OBJ(k, f)                                                                              \
    {                                                                                              \
        k, OBJECT, true, false, f, NULL                                                            \
    }
#define REQ_OBJS(k, f)                                                                             \
    {                                                                                              \
        k, OBJECT, false, true, f, NULL                                                            \
    }
#define OPT_OBJS(k, f)                                                                             \
    {                                                                                              \
        k, OBJECT, true, true, f, NULL                                                             \
    }
#define REQ_WORD(k, w)                                                                             \
    {                                                                                              \
        k, WORD, false, false, NULL, w                                                             \
    }
#define OPT_WORD(k, w)                                                                             \
    {                                                                                              \
        k, WORD, true, false, NULL, w                                                              \
    }
#define END_OF_FIELDS()                                                                            \
    {                                                                                              \
        NULL, TEXT, false, false, NULL, NULL                                                       \
    }

static const char *const STATUSES[] = {"done",    "failed",  "cancelled", "abandoned",
                                       "running", "pending", NULL};
static const char *const BUDGETS[] = {"epochs", "updates", "tokens", "none", NULL};
static const char *const DECODINGS[] = {"greedy", "sampled", "majority", "verified", NULL};
static const char *const ACTIONS[] = {"propose", "continue", "reflect", "backtrack",
                                      "verify",  "conclude", NULL};
static const char *const CASES[] = {"journey_wrong", "journey_lost", "journey_won",
                                    "shortcut_wrong", NULL};
static const char *const LINES[] = {"step", "reached", "failed", "back", "other", NULL};
static const char *const ORDERS[] = {"sampled", "paper", NULL};

static const field ENVIRONMENT[] = {
    REQ("version", TEXT),   REQ("build_id", TEXT), OPT("compiler", TEXT),      REQ("isa", TEXT),
    REQ("threads", COUNT),  OPT("cpu", TEXT),      OPT("memory_bytes", COUNT), OPT("os", TEXT),
    OPT("precision", TEXT), END_OF_FIELDS()};

static const field TASK[] = {REQ("name", TEXT),           REQ("description", TEXT),
                             OPT("n_multisets", COUNT),   OPT("n_problems", COUNT),
                             OPT("count_is_bound", BOOL), REQ_LIST("difficulties", TEXT),
                             OPT("config", FREE),         END_OF_FIELDS()};

static const field MODEL[] = {REQ("parameters", COUNT),    REQ("layers", COUNT),
                              REQ("width", COUNT),         REQ("heads", COUNT),
                              REQ("kv_heads", COUNT),      REQ("feed_forward", COUNT),
                              REQ("vocabulary", COUNT),    OPT("context", COUNT),
                              OPT("tokenizer_hash", TEXT), END_OF_FIELDS()};

static const field PIPELINE[] = {REQ("stage", TEXT),      REQ("title", TEXT),
                                 OPT("detail", TEXT),     OPT("in", TEXT),
                                 OPT("out", TEXT),        OPT("seconds", POSITIVE),
                                 OPT("tokens", POSITIVE), REQ_WORD("status", STATUSES),
                                 END_OF_FIELDS()};

static const field SETS[] = {REQ("name", TEXT), REQ("split", TEXT),  REQ("n", COUNT),
                             OPT("what", TEXT), OPT("digest", TEXT), END_OF_FIELDS()};
static const field SPLITS[] = {REQ("split", TEXT), OPT("n_multisets", COUNT),
                               REQ("n_problems", COUNT), END_OF_FIELDS()};
static const field EXAMPLE[] = {REQ("prompt", TEXT), OPT("shortcut", TEXT), OPT("journey", TEXT),
                                END_OF_FIELDS()};
static const field DATA[] = {REQ_OBJS("sets", SETS), OPT_OBJS("splits", SPLITS),
                             OPT_OBJ("example", EXAMPLE), OPT("disjoint", TEXT), END_OF_FIELDS()};

/* What one stratum of difficulty and the whole have in common. */
#define PROCESS_FIELDS                                                                             \
    REQ("n_answers", COUNT), REQ("n_correct", COUNT), REQ("n_tokens", COUNT),                      \
        REQ("n_truncated", COUNT), REQ("n_attempts", COUNT), REQ("n_wrong", COUNT),                \
        REQ("n_wrong_invalid", COUNT), REQ("n_wrong_end", COUNT), REQ("n_noticed", COUNT),         \
        REQ("n_missed", COUNT), REQ("n_missed_claimed", COUNT), REQ("n_missed_went_on", COUNT),    \
        REQ("n_missed_stopped", COUNT), REQ("n_noticed_late", COUNT),                              \
        REQ("n_answers_wrong", COUNT), REQ("n_recovered", COUNT), REQ("n_backtracks", COUNT),      \
        REQ("n_answers_backtrack", COUNT), REQ("n_backtracks_needless", COUNT),                    \
        REQ("n_backtracks_early", COUNT), REQ("n_backtracks_bad", COUNT),                          \
        REQ("n_repeated", COUNT), REQ("n_claims", COUNT), REQ("n_false_claims", COUNT),            \
        REQ("n_denials", COUNT), REQ("n_false_denials", COUNT), REQ_LIST("tried", COUNT),          \
        REQ_LIST("succeeded", COUNT), OPT_LIST("success_by_attempt", SHARE),                       \
        OPT("accuracy", SHARE), OPT("tokens_per_answer", POSITIVE),                                \
        OPT("attempts_per_answer", POSITIVE), OPT("wrong_per_answer", POSITIVE),                   \
        OPT("noticed_rate", SHARE), OPT("missed_rate", SHARE), OPT("recovered_rate", SHARE),       \
        OPT("needless_rate", SHARE), OPT("repeated_rate", SHARE), OPT("false_claim_rate", SHARE)

static const field STRATUM[] = {REQ("name", TEXT), PROCESS_FIELDS, END_OF_FIELDS()};
static const field PROCESS[] = {PROCESS_FIELDS, OPT_OBJS("by_difficulty", STRATUM),
                                END_OF_FIELDS()};

static const field ARM[] = {REQ("key", TEXT),
                            REQ("label", TEXT),
                            REQ("accuracy", SHARE),
                            REQ("ci_low", SHARE),
                            REQ("ci_high", SHARE),
                            OPT("tokens_per_answer", POSITIVE),
                            REQ_LIST("by_seed", SHARE),
                            OPT("seed_sd", POSITIVE),
                            REQ_WORD("budget", BUDGETS),
                            REQ_WORD("decoding", DECODINGS),
                            OPT("n_samples", POSITIVE),
                            OPT("n_problems", COUNT),
                            OPT("note", TEXT),
                            OPT_OBJ("process", PROCESS),
                            END_OF_FIELDS()};

static const field SEED_ROW[] = {
    REQ("seed", INTEGER),    REQ("a", SHARE),        REQ("b", SHARE),
    REQ("points", POINTS),   REQ("only_a", COUNT),   REQ("only_b", COUNT),
    OPT("p_mcnemar", SHARE), OPT("log10_p", NUMBER), END_OF_FIELDS()};
#define DIFFERENCE_FIELDS                                                                          \
    REQ("points", POINTS), REQ("ci_low", POINTS), REQ("ci_high", POINTS),                          \
        OPT("seed_sd", POSITIVE), OPT("n_problems", COUNT), REQ_OBJS("seeds", SEED_ROW),           \
        OPT("a", TEXT), OPT("b", TEXT)
static const field DIFFERENCE[] = {DIFFERENCE_FIELDS, OPT("label", TEXT), END_OF_FIELDS()};
static const field DIFFERENCES[] = {DIFFERENCE_FIELDS, REQ("label", TEXT), END_OF_FIELDS()};

static const field LEARNING[] = {
    REQ("label", TEXT), OPT("run", INTEGER), OPT("seed", INTEGER),     OPT("arm", TEXT),
    OPT("phase", TEXT), REQ("loss", PAIRS),  OPT("validation", PAIRS), END_OF_FIELDS()};

static const field CURVE_ARM[] = {REQ("accuracy", SHARE), REQ("ci_low", SHARE),
                                  REQ("ci_high", SHARE), OPT("tokens_per_answer", POSITIVE),
                                  END_OF_FIELDS()};
static const field CURVE_DIFFERENCE[] = {REQ("points", POINTS), REQ("ci_low", POINTS),
                                         REQ("ci_high", POINTS), END_OF_FIELDS()};
static const field CURVE_POINT[] = {REQ("n", COUNT),
                                    OPT_OBJ("base", CURVE_ARM),
                                    OPT_OBJ("shortcut", CURVE_ARM),
                                    OPT_OBJ("journey", CURVE_ARM),
                                    OPT_OBJ("journey_masked", CURVE_ARM),
                                    OPT_OBJ("difference", CURVE_DIFFERENCE),
                                    OPT("n_seeds", COUNT),
                                    END_OF_FIELDS()};
static const field CURVE[] = {REQ_OBJS("points", CURVE_POINT), OPT("note", TEXT), END_OF_FIELDS()};

static const field NODE[] = {
    REQ("id", INTEGER),     OPT("parent", INTEGER), REQ("text", TEXT),
    OPT("valid", BOOL),     OPT("solvable", BOOL),  REQ("correct", BOOL),
    OPT("terminal", BOOL),  OPT("pruned", BOOL),    OPT("on_path", BOOL),
    OPT("logprob", NUMBER), OPT("reason", TEXT),    OPT("n_duplicates", COUNT),
    END_OF_FIELDS()};
static const field SPAN[] = {REQ("begin", COUNT),         REQ("end", COUNT),
                             REQ_WORD("action", ACTIONS), OPT("node", INTEGER),
                             REQ("on_path", BOOL),        END_OF_FIELDS()};
static const field THOUGHT[] = {REQ("text", TEXT), REQ_OBJS("spans", SPAN),
                                OPT("n_backtracks", COUNT), END_OF_FIELDS()};
static const field TREE[] = {
    REQ("problem", TEXT),    OPT("difficulty", TEXT),      OPT("seed", INTEGER),
    REQ_OBJS("nodes", NODE), OPT_OBJ("shortcut", THOUGHT), OPT_OBJ("journey", THOUGHT),
    END_OF_FIELDS()};

static const field LINE[] = {REQ("begin", COUNT), REQ("end", COUNT),   REQ_WORD("kind", LINES),
                             REQ("valid", BOOL),  OPT("reason", TEXT), END_OF_FIELDS()};
static const field ANSWER[] = {REQ("arm", TEXT),        REQ("correct", BOOL), REQ("text", TEXT),
                               OPT_OBJS("lines", LINE), OPT("tokens", COUNT), OPT("verdict", TEXT),
                               END_OF_FIELDS()};
static const field CASE[] = {REQ_WORD("kind", CASES), REQ("problem", TEXT),
                             OPT("difficulty", TEXT), OPT("seed", INTEGER),
                             OPT("note", TEXT),       REQ_OBJS("answers", ANSWER),
                             END_OF_FIELDS()};

static const field RUN[] = {REQ("id", INTEGER),
                            REQ("stage", TEXT),
                            OPT("label", TEXT),
                            REQ_WORD("status", STATUSES),
                            REQ("started", TIME),
                            OPT("seconds", POSITIVE),
                            OPT("tokens", POSITIVE),
                            OPT("updates", COUNT),
                            OPT("seed", INTEGER),
                            OPT("error", TEXT),
                            OPT("config_digest", TEXT),
                            OPT("output_digest", TEXT),
                            END_OF_FIELDS()};

static const field THOUGHTS[] = {REQ("run", INTEGER), REQ("stage", TEXT), REQ("name", TEXT),
                                 REQ("n", COUNT),     REQ("stats", FREE), END_OF_FIELDS()};
static const field SCORE[] = {REQ("filter", TEXT), REQ("metric", TEXT), REQ("mean", SHARE),
                              REQ("low", SHARE),   REQ("high", SHARE),  END_OF_FIELDS()};
static const field EVALUATION[] = {REQ("run", INTEGER),       REQ("label", TEXT),
                                   REQ("problems", COUNT),    REQ("samples", COUNT),
                                   REQ_OBJS("scores", SCORE), END_OF_FIELDS()};

static const field DECLARATION[] = {
    REQ("entry", INTEGER),   REQ("hash", TEXT), REQ("time", TIME), REQ("text", TEXT),
    OPT("first_look", TIME), OPT("body", TEXT), END_OF_FIELDS()};
static const field LEDGER[] = {REQ("head", TEXT),
                               REQ("n_entries", COUNT),
                               OPT("key", TEXT),
                               OPT("signature", TEXT),
                               OPT_OBJ("declaration", DECLARATION),
                               END_OF_FIELDS()};

static const field DOCUMENT[] = {REQ("report_version", COUNT),
                                 REQ("title", TEXT),
                                 REQ("created", TIME),
                                 REQ("profile", TEXT),
                                 REQ("command", TEXT),
                                 REQ("seconds", POSITIVE),
                                 REQ("finished", BOOL),
                                 REQ("n_train", COUNT),
                                 REQ("n_test", COUNT),
                                 REQ_LIST("seeds", INTEGER),
                                 OPT("level", SHARE),
                                 OPT("n_resamples", COUNT),
                                 OPT_WORD("walk_order", ORDERS),
                                 REQ_OBJ("environment", ENVIRONMENT),
                                 REQ_OBJ("task", TASK),
                                 OPT_OBJ("model", MODEL),
                                 REQ_OBJS("pipeline", PIPELINE),
                                 REQ("config", FREE),
                                 REQ_OBJ("data", DATA),
                                 REQ_OBJS("arms", ARM),
                                 OPT_OBJ("difference", DIFFERENCE),
                                 OPT_OBJS("differences", DIFFERENCES),
                                 OPT_OBJS("learning", LEARNING),
                                 OPT_OBJ("curve", CURVE),
                                 OPT_OBJS("thoughts", THOUGHTS),
                                 OPT_OBJS("trees", TREE),
                                 OPT_OBJS("cases", CASE),
                                 OPT_OBJS("evaluations", EVALUATION),
                                 REQ_OBJS("runs", RUN),
                                 REQ_OBJ("ledger", LEDGER),
                                 OPT_LIST("limits", TEXT),
                                 OPT_LIST("notes", TEXT),
                                 END_OF_FIELDS()};

/* ------------------------------------------------------------ types by the tables */

#define WHERE_BYTES 160

static bool is_count(const json_t *v)
{
    return json_is_integer(v) && json_integer_value(v) >= 0;
}

static bool in_range(const json_t *v, double low, double high)
{
    double x = json_number_value(v);
    return json_is_number(v) && x >= low && x <= high;
}

static bool is_word(const json_t *v, const char *const *words)
{
    for (size_t i = 0; json_is_string(v) && words[i] != NULL; i++) {
        if (strcmp(json_string_value(v), words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_pairs(const json_t *v)
{
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *pair = json_array_get(v, i);
        if (json_array_size(pair) != 2 || !json_is_number(json_array_get(pair, 0)) ||
            !json_is_number(json_array_get(pair, 1))) {
            return false;
        }
    }
    return json_is_array(v);
}

/* Text without a zero byte inside, which would end it early for whoever reads it as C does. */
static bool is_text(const json_t *v)
{
    return json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v);
}

static bool is_time(const json_t *v)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    const char *s = json_string_value(v);
    if (s == NULL || json_string_length(v) != sizeof form - 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof form - 1; i++) {
        bool digit = s[i] >= '0' && s[i] <= '9';
        if (form[i] == 'd' ? !digit : s[i] != form[i]) {
            return false;
        }
    }
    return true;
}

/* NULL when the value fits, else what was expected. OBJECT is checked by its own fields. */
static const char *expected(const field *f, const json_t *v)
{
    switch (f->kind) {
    case TEXT:
        return is_text(v) ? NULL : "a string without zero bytes";
    case TIME:
        return is_time(v) ? NULL : "a time like 2025-01-31T12:00:00Z";
    case BOOL:
        return json_is_boolean(v) ? NULL : "true or false";
    case COUNT:
        return is_count(v) ? NULL : "an integer, 0 or more";
    case INTEGER:
        return json_is_integer(v) ? NULL : "an integer";
    case NUMBER:
        return json_is_number(v) ? NULL : "a number";
    case POSITIVE:
        return in_range(v, 0.0, HUGE_VAL) ? NULL : "a number, 0 or more";
    case SHARE:
        return in_range(v, 0.0, 1.0) ? NULL : "a number from 0 to 1";
    case POINTS:
        return in_range(v, -1.0, 1.0) ? NULL : "a number from -1 to 1";
    case WORD:
        return is_word(v, f->words) ? NULL : "one of the words of docs/report.md";
    case OBJECT:
    case FREE:
        return json_is_object(v) ? NULL : "an object";
    case PAIRS:
        return is_pairs(v) ? NULL : "a list of [update, value]";
    }
    return "another kind";
}

static tj_code misfit(tj_err *err, const char *where, const char *key, const char *what)
{
    return tj_fail(err, TJ_E_INVAL, "report data: %s%s%.80s: expected %s", where,
                   where[0] == '\0' ? "" : ".", key, what);
}

static tj_code check_object(json_t *object, const field *fields, const char *where, tj_err *err);

static tj_code check_value(json_t *value, const field *f, const char *where, const char *place,
                           tj_err *err)
{
    const char *what = expected(f, value);
    if (what != NULL) {
        return misfit(err, where, place, what);
    }
    if (f->kind != OBJECT) {
        return TJ_OK;
    }
    char inner[WHERE_BYTES];
    (void)snprintf(inner, sizeof inner, "%s%s%s", where, where[0] == '\0' ? "" : ".", place);
    return check_object(value, f->fields, inner, err);
}

static tj_code check_field(json_t *value, const field *f, const char *where, tj_err *err)
{
    if (!f->list) {
        return check_value(value, f, where, f->key, err);
    }
    if (!json_is_array(value)) {
        return misfit(err, where, f->key, "a list");
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        char place[64];
        (void)snprintf(place, sizeof place, "%s[%zu]", f->key, i);
        json_t *item = json_array_get(value, i);
        if (f->kind == SHARE && f->optional && json_is_null(item)) {
            continue; /* a rate of nothing */
        }
        tj_code rc = check_value(item, f, where, place, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

static tj_code check_object(json_t *object, const field *fields, const char *where, tj_err *err)
{
    size_t n_known = 0;
    for (const field *f = fields; f->key != NULL; f++) {
        json_t *value = json_object_get(object, f->key);
        n_known += value != NULL;
        if (value == NULL || json_is_null(value)) {
            if (f->optional) {
                continue;
            }
            return misfit(err, where, f->key, "a value, but there is none");
        }
        tj_code rc = check_field(value, f, where, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    if (n_known == json_object_size(object)) {
        return TJ_OK;
    }
    for (void *it = json_object_iter(object); it != NULL; it = json_object_iter_next(object, it)) {
        const field *f = fields;
        while (f->key != NULL && strcmp(f->key, json_object_iter_key(it)) != 0) {
            f++;
        }
        if (f->key == NULL) {
            return misfit(err, where, json_object_iter_key(it), "no such field");
        }
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ what tables cannot say */

static json_int_t integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key, size_t *len)
{
    const json_t *value = json_object_get(object, key);
    *len = json_string_length(value);
    return json_string_value(value);
}

/* A byte offset that does not fall inside a character. */
static bool at_boundary(const char *text, size_t len, size_t at)
{
    return at <= len && (at == len || ((unsigned char)text[at] & 0xC0) != 0x80);
}

/* Spans or lines: in order, apart, inside the text, at characters. */
static tj_code check_ranges(const json_t *owner, const char *list, const char *where, tj_err *err)
{
    size_t len;
    const char *text = text_of(owner, "text", &len);
    size_t reached = 0;
    size_t i;
    const json_t *range;
    json_array_foreach(json_object_get(owner, list), i, range)
    {
        size_t begin = (size_t)integer(range, "begin");
        size_t end = (size_t)integer(range, "end");
        if (begin < reached || end < begin || !at_boundary(text, len, begin) ||
            !at_boundary(text, len, end)) {
            return tj_fail(err, TJ_E_INVAL,
                           "report data: %s.%s[%zu] is [%zu, %zu): expected an ordered part of a "
                           "text of %zu bytes, cut between characters",
                           where, list, i, begin, end, len);
        }
        reached = end;
    }
    return TJ_OK;
}

/* Index of the node with that id before `end`; `end` if there is none. */
static size_t find_node(const json_t *nodes, json_int_t id, size_t end)
{
    for (size_t i = end; i-- > 0;) {
        if (integer(json_array_get(nodes, i), "id") == id) {
            return i;
        }
    }
    return end;
}

static tj_code check_nodes(const json_t *nodes, const char *where, tj_err *err)
{
    size_t n = json_array_size(nodes);
    if (n == 0 || n > TJ_REPORT_MAX_NODES) {
        return tj_fail(err, TJ_E_INVAL, "report data: %s.nodes: %zu, expected 1 to %d", where, n,
                       TJ_REPORT_MAX_NODES);
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *node = json_array_get(nodes, i);
        const json_t *parent = json_object_get(node, "parent");
        bool has_parent = json_is_integer(parent);
        if (has_parent != (i > 0) ||
            (has_parent && find_node(nodes, json_integer_value(parent), i) == i) ||
            find_node(nodes, integer(node, "id"), i) != i) {
            return tj_fail(err, TJ_E_INVAL,
                           "report data: %s.nodes[%zu]: expected %s and an id of its own", where, i,
                           i == 0 ? "a root without parent" : "a parent that stands before it");
        }
    }
    return TJ_OK;
}

static tj_code check_thought(const json_t *tree, const char *name, const char *where, tj_err *err)
{
    const json_t *thought = json_object_get(tree, name);
    if (!json_is_object(thought)) {
        return TJ_OK;
    }
    char inner[WHERE_BYTES];
    (void)snprintf(inner, sizeof inner, "%s.%s", where, name);
    tj_code rc = check_ranges(thought, "spans", inner, err);
    const json_t *nodes = json_object_get(tree, "nodes");
    size_t n = json_array_size(nodes);
    size_t i;
    const json_t *span;
    json_array_foreach(json_object_get(thought, "spans"), i, span)
    {
        const json_t *node = json_object_get(span, "node");
        if (rc == TJ_OK && json_is_integer(node) &&
            find_node(nodes, json_integer_value(node), n) == n) {
            rc = tj_fail(err, TJ_E_INVAL, "report data: %s.spans[%zu]: the tree has no node %lld",
                         inner, i, (long long)json_integer_value(node));
        }
    }
    return rc;
}

static tj_code check_trees(const json_t *data, tj_err *err)
{
    tj_code rc = TJ_OK;
    size_t i;
    const json_t *tree;
    json_array_foreach(json_object_get(data, "trees"), i, tree)
    {
        char where[32];
        (void)snprintf(where, sizeof where, "trees[%zu]", i);
        rc = rc != TJ_OK ? rc : check_nodes(json_object_get(tree, "nodes"), where, err);
        rc = rc != TJ_OK ? rc : check_thought(tree, "shortcut", where, err);
        rc = rc != TJ_OK ? rc : check_thought(tree, "journey", where, err);
    }
    return rc;
}

static tj_code check_arms(const json_t *data, tj_err *err)
{
    const json_t *arms = json_object_get(data, "arms");
    for (size_t i = 0; i < json_array_size(arms); i++) {
        const json_t *arm = json_array_get(arms, i);
        const json_t *key = json_object_get(arm, "key");
        for (size_t j = 0; j < i; j++) {
            if (json_equal(key, json_object_get(json_array_get(arms, j), "key"))) {
                return tj_fail(err, TJ_E_INVAL,
                               "report data: arms[%zu].key: '%.80s' is there twice", i,
                               json_string_value(key));
            }
        }
        if (json_array_size(json_object_get(arm, "by_seed")) == 0) {
            return tj_fail(err, TJ_E_INVAL, "report data: arms[%zu].by_seed: expected values", i);
        }
    }
    return TJ_OK;
}

static tj_code check_cases(const json_t *data, tj_err *err)
{
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(data, "cases"), i, one)
    {
        size_t k;
        const json_t *answer;
        json_array_foreach(json_object_get(one, "answers"), k, answer)
        {
            char where[64];
            (void)snprintf(where, sizeof where, "cases[%zu].answers[%zu]", i, k);
            tj_code rc = check_ranges(answer, "lines", where, err);
            if (rc != TJ_OK) {
                return rc;
            }
        }
    }
    return TJ_OK;
}

tj_code tj_report_check(const json_t *data, tj_err *err)
{
    if (!json_is_object(data)) {
        return tj_fail(err, TJ_E_INVAL, "report data: expected an object");
    }
    const json_t *version = json_object_get(data, "report_version");
    if (json_is_integer(version) && json_integer_value(version) != TJ_REPORT_VERSION) {
        return tj_fail(err, TJ_E_INVAL, "report data: report_version is %lld, expected %d",
                       (long long)json_integer_value(version), TJ_REPORT_VERSION);
    }
    /* Jansson iterates over objects that are not const only; nothing is written. */
    json_t *root = (json_t *)(uintptr_t)data; /* NOLINT(performance-no-int-to-ptr) */
    tj_code rc = check_object(root, DOCUMENT, "", err);
    rc = rc != TJ_OK ? rc : check_arms(data, err);
    rc = rc != TJ_OK ? rc : check_trees(data, err);
    return rc != TJ_OK ? rc : check_cases(data, err);
}
