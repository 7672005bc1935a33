/* Pairs over base/workers.h. A request is the reference's length and the two texts; a response is
 * what a tj_grade holds, its texts ended by zeros. Methods and rules are static texts in the
 * worker; here they are texts of the response. */
#include <string.h>

#include "base/alloc.h"
#include "base/workers.h"
#include "grade/grade.h"

#define MAX_TEXT_BYTES     15000 /* of a text in a response; longer ones are cut */
#define MAX_RESPONSE_BYTES (1024 + 8 * (MAX_TEXT_BYTES + 1))
#define CPU_SECONDS        2.0 /* 20 times what the budget of work needs at most */
#define WALL_SECONDS       30.0
#define MEMORY_BYTES       ((size_t)1 << 30)

struct tj_grade_pool {
    tj_grade_options options;
    tj_workers *workers;
    tj_buf request;
    char reason[128];
};

tj_grade_limits tj_grade_limits_defaults(void)
{
    return (tj_grade_limits){
        .memory_bytes = MEMORY_BYTES, .cpu_seconds = CPU_SECONDS, .wall_seconds = WALL_SECONDS};
}

/* ------------------------------------------------------------------ in the worker */

typedef struct response_head {
    tj_code code;
    tj_verdict verdict;
    double seconds;
    size_t begin[2], end[2]; /* of the two extractions */
    bool found[2];
} response_head;

static void add_text(tj_buf *out, const char *text)
{
    size_t n = strlen(text);
    if (n > MAX_TEXT_BYTES) {
        n = MAX_TEXT_BYTES;
        while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) {
            n--; /* not within a character */
        }
    }
    tj_buf_add(out, text, n);
    tj_buf_char(out, '\0');
}

static tj_code start(void **state, void *ctx, tj_err *err)
{
    tj_grader *grader = NULL;
    tj_code rc = tj_grader_create(&grader, ctx, err);
    *state = grader;
    return rc;
}

static tj_code answer(void *state, tj_buf *out, const char *request, size_t n)
{
    size_t gold_len;
    tj_grade g;
    tj_err err = {.msg = ""};
    memcpy(&gold_len, request, sizeof gold_len);
    const char *gold = request + sizeof gold_len, *pred = gold + gold_len;
    double before = tj_clock_seconds();
    tj_code rc =
        tj_grade_pair(&g, state, gold, gold_len, pred, n - sizeof gold_len - gold_len, &err);
    if (rc != TJ_OK && rc != TJ_E_PARSE) {
        return rc;
    }
    response_head head = {.code = rc,
                          .verdict = g.verdict,
                          .seconds = tj_clock_seconds() - before,
                          .begin = {g.gold.begin, g.pred.begin},
                          .end = {g.gold.end, g.pred.end},
                          .found = {g.gold.rule != NULL, g.pred.rule != NULL}};
    tj_buf_add(out, (const char *)&head, sizeof head);
    add_text(out, g.method);
    add_text(out, g.reason);
    add_text(out, g.witness);
    add_text(out, g.normalized_gold);
    add_text(out, g.normalized_pred);
    add_text(out, head.found[0] ? g.gold.rule : "");
    add_text(out, head.found[1] ? g.pred.rule : "");
    return TJ_OK;
}

/* ------------------------------------------------------------------ in the caller */

tj_code tj_grade_pool_create(tj_grade_pool **out, size_t n_workers, const tj_grade_options *options,
                             const tj_grade_limits *limits, tj_err *err)
{
    tj_grade_limits l = limits == NULL ? tj_grade_limits_defaults() : *limits;
    tj_grade_pool *p = tj_calloc(1, sizeof *p);
    *out = NULL;
    if (p == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot make %zu graders", n_workers);
    }
    p->options = options == NULL ? tj_grade_defaults() : *options;
    tj_buf_init(&p->request);
    tj_workers_config config = {.n_workers = n_workers,
                                .max_request_bytes = sizeof(size_t) + 2 * TJ_MAX_OUTPUT_BYTES,
                                .max_response_bytes = MAX_RESPONSE_BYTES,
                                .memory_bytes = l.memory_bytes,
                                .cpu_seconds = l.cpu_seconds,
                                .wall_seconds = l.wall_seconds,
                                .ctx = &p->options,
                                .start = start,
                                .answer = answer};
    tj_code rc = tj_workers_create(&p->workers, &config, err);
    if (rc != TJ_OK) {
        tj_grade_pool_destroy(p);
        return rc;
    }
    *out = p;
    return TJ_OK;
}

void tj_grade_pool_destroy(tj_grade_pool *p)
{
    if (p != NULL) {
        tj_workers_destroy(p->workers);
        tj_buf_deinit(&p->request);
        tj_free(p);
    }
}

bool tj_grade_pool_has_room(const tj_grade_pool *p, size_t gold_len, size_t pred_len)
{
    return gold_len <= TJ_MAX_OUTPUT_BYTES && pred_len <= TJ_MAX_OUTPUT_BYTES &&
           tj_workers_has_room(p->workers, sizeof(size_t) + gold_len + pred_len);
}

tj_code tj_grade_pool_push(tj_grade_pool *p, const char *gold, size_t gold_len, const char *pred,
                           size_t pred_len, tj_err *err)
{
    if (gold_len > TJ_MAX_OUTPUT_BYTES || pred_len > TJ_MAX_OUTPUT_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "a text of %zu bytes, expected at most %zu",
                       gold_len > pred_len ? gold_len : pred_len, TJ_MAX_OUTPUT_BYTES);
    }
    tj_buf_clear(&p->request);
    tj_buf_add(&p->request, (const char *)&gold_len, sizeof gold_len);
    tj_buf_add(&p->request, gold, gold_len);
    tj_buf_add(&p->request, pred, pred_len);
    tj_code rc = tj_buf_check(&p->request, err);
    return rc == TJ_OK ? tj_workers_push(p->workers, p->request.data, p->request.len, err) : rc;
}

size_t tj_grade_pool_pending(const tj_grade_pool *p)
{
    return tj_workers_pending(p->workers);
}

static const char *next_text(const char **at)
{
    const char *text = *at;
    *at += strlen(text) + 1;
    return text;
}

static void read_response(tj_graded *out, const char *bytes)
{
    response_head head;
    memcpy(&head, bytes, sizeof head);
    const char *at = bytes + sizeof head;
    out->code = head.code;
    out->seconds = head.seconds;
    out->grade.verdict = head.verdict;
    out->grade.method = next_text(&at);
    out->grade.reason = next_text(&at);
    out->grade.witness = next_text(&at);
    out->grade.normalized_gold = next_text(&at);
    out->grade.normalized_pred = next_text(&at);
    const char *rules[2] = {next_text(&at), NULL};
    rules[1] = next_text(&at);
    tj_extraction *sides[2] = {&out->grade.gold, &out->grade.pred};
    for (size_t i = 0; i < 2; i++) {
        *sides[i] = (tj_extraction){
            .rule = head.found[i] ? rules[i] : NULL, .begin = head.begin[i], .end = head.end[i]};
    }
}

tj_code tj_grade_pool_pull(tj_grade_pool *p, tj_graded *out, const tj_job *job, tj_err *err)
{
    tj_response r;
    *out = (tj_graded){.grade = {.verdict = TJ_VERDICT_UNDECIDED,
                                 .method = "limit",
                                 .reason = "",
                                 .witness = "",
                                 .normalized_gold = "",
                                 .normalized_pred = ""}};
    tj_code rc = tj_workers_pull(p->workers, &r, job, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (r.lost != NULL) {
        size_t n = strnlen(r.lost, sizeof p->reason - 16);
        memcpy(p->reason, "stopped: ", 9);
        memcpy(p->reason + 9, r.lost, n);
        p->reason[9 + n] = 0;
        out->grade.reason = p->reason;
        out->limit = true;
    } else {
        read_response(out, r.bytes);
    }
    return TJ_OK;
}

tj_code tj_grade_pool_pair(tj_grade_pool *p, tj_graded *out, const char *gold, size_t gold_len,
                           const char *pred, size_t pred_len, const tj_job *job, tj_err *err)
{
    tj_code rc = tj_grade_pool_push(p, gold, gold_len, pred, pred_len, err);
    return rc == TJ_OK ? tj_grade_pool_pull(p, out, job, err) : rc;
}
