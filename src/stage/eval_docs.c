/* The problems of an evaluation and their prompts. Examples that are fixed are the same for all
 * problems; drawn ones are drawn anew for each, from one generator, in the problems' order. */
#include <string.h>

#include "base/alloc.h"
#include "stage/eval_inner.h"

#define MAX_SHOT_POOL ((size_t)1 << 20)

static tj_code no_memory(tj_err *err)
{
    return tj_fail(err, TJ_E_NOMEM, "cannot hold the problems");
}

/* ------------------------------------------------------------ reading */

/* Calls take for each record, the first `limit` of them (0: all), and counts all. */
static tj_code each_record(const char *path, const tj_data_map *map, size_t limit,
                           tj_code (*take)(void *ctx, const tj_data_record *record, tj_err *err),
                           void *ctx, size_t *n_records, tj_dataset_info *info, tj_err *err)
{
    tj_dataset *set = NULL;
    tj_dataset_options options = {
        .map = map, .format = map != NULL ? TJ_DATA_FIELDS : TJ_DATA_AUTO, .digest = true};
    const tj_data_record *record = NULL;
    *n_records = 0;
    tj_code rc = tj_dataset_open(&set, path, &options, err);
    while (rc == TJ_OK) {
        rc = tj_dataset_next(set, &record, err);
        if (rc != TJ_OK || record == NULL) {
            break;
        }
        if (limit == 0 || *n_records < limit) {
            rc = take(ctx, record, err);
        }
        ++*n_records;
    }
    if (rc == TJ_OK) {
        tj_dataset_describe(set, info);
    }
    tj_dataset_close(set);
    return rc;
}

static tj_code copy(tj_arena *arena, tj_str *out, tj_str text, tj_err *err)
{
    *out = (tj_str){NULL, 0};
    if (text.s == NULL) {
        return TJ_OK;
    }
    out->s = tj_arena_strndup(arena, text.s, text.n);
    out->n = text.n;
    return out->s == NULL ? no_memory(err) : TJ_OK;
}

static const tj_data_solution *reference(const tj_data_record *record)
{
    for (size_t i = 0; i < record->n_solutions; i++) {
        if (record->solutions[i].role == TJ_SOLUTION_REFERENCE) {
            return &record->solutions[i];
        }
    }
    return NULL;
}

static tj_code take_doc(void *ctx, const tj_data_record *record, tj_err *err)
{
    tj_eval_docs *docs = ctx;
    const tj_data_solution *solution = reference(record);
    if (record->answer.s == NULL) {
        return tj_fail(err, TJ_E_PARSE, "line %zu: the problem has no answer to compare with",
                       record->line);
    }
    if (docs->n == TJ_EVAL_MAX_PROBLEMS) {
        return tj_fail(err, TJ_E_LIMIT, "more than %zu problems", TJ_EVAL_MAX_PROBLEMS);
    }
    if (!tj_grow(&docs->docs, &docs->cap, docs->n + 1, sizeof *docs->docs)) {
        return no_memory(err);
    }
    tj_eval_doc *doc = &docs->docs[docs->n++];
    *doc = (tj_eval_doc){.level = record->level};
    tj_code rc = copy(&docs->arena, &doc->problem, record->problem, err);
    if (rc == TJ_OK) {
        rc = copy(&docs->arena, &doc->answer, record->answer, err);
    }
    if (rc == TJ_OK && solution != NULL) {
        rc = copy(&docs->arena, &doc->solution, solution->text, err);
    }
    if (rc == TJ_OK) {
        rc = copy(&docs->arena, &doc->subject, record->subject, err);
    }
    return rc == TJ_OK ? copy(&docs->arena, &doc->id, record->id, err) : rc;
}

/* ------------------------------------------------------------ examples */

/* The examples that prompts choose from, with their texts once they are needed. */
typedef struct pool {
    const tj_prompt_task *task;
    tj_arena *arena;
    tj_shot *shots; /* [n]; tj_free */
    tj_str *questions, *targets;
    size_t n, cap;
    tj_pyrandom random;
    tj_harness *harness; /* knows what it calls an answer */
    tj_buf scratch;
} pool;

/* What stands behind the question of an example. Errors: TJ_E_PARSE. */
static tj_code shot_target(pool *p, const tj_data_record *record, tj_str *out, tj_err *err)
{
    const tj_data_solution *solution = reference(record);
    tj_str worked = solution == NULL ? (tj_str){NULL, 0} : solution->text;
    tj_code rc = TJ_OK;
    *out = worked;
    if (p->task->target == TJ_TARGET_ANSWER) {
        tj_buf_clear(&p->scratch);
        rc = tj_harness_target(p->harness, &p->scratch, worked, record->answer, err);
        *out = (tj_str){record->answer.s == NULL ? NULL : tj_buf_text(&p->scratch), p->scratch.len};
    }
    if (rc == TJ_OK && out->s == NULL) {
        rc = tj_fail(err, TJ_E_PARSE, "line %zu: the example has no %s", record->line,
                     p->task->target == TJ_TARGET_SOLUTION ? "worked solution" : "answer");
    }
    return rc;
}

static tj_code take_shot(void *ctx, const tj_data_record *record, tj_err *err)
{
    pool *p = ctx;
    tj_str target = {NULL, 0};
    tj_str question = {NULL, 0};
    tj_str kept = {NULL, 0};
    if (p->n == MAX_SHOT_POOL) {
        return tj_fail(err, TJ_E_LIMIT, "more than %zu examples", MAX_SHOT_POOL);
    }
    tj_code rc = shot_target(p, record, &target, err);
    if (rc == TJ_OK) {
        rc = copy(p->arena, &kept, target, err);
    }
    if (rc == TJ_OK) {
        rc = copy(p->arena, &question, record->problem, err);
    }
    if (rc == TJ_OK && !tj_grow(&p->shots, &p->cap, p->n + 1, sizeof *p->shots)) {
        rc = no_memory(err);
    }
    if (rc == TJ_OK) {
        p->shots[p->n++] = (tj_shot){.question = question.s, .target = kept.s};
    }
    return rc;
}

static tj_code read_pool(pool *p, const tj_eval_task_config *cfg, tj_err *err)
{
    tj_data_map map;
    tj_dataset_info info;
    size_t n_records = 0;
    if (cfg->shots_data == NULL) {
        return tj_fail(err, TJ_E_INVAL,
                       "the examples of %s are drawn from data: name its training problems, or ask "
                       "for 0 examples",
                       cfg->task->name);
    }
    tj_code rc = cfg->shots_map == NULL ? TJ_OK : tj_data_map_parse(&map, cfg->shots_map, err);
    if (rc == TJ_OK) {
        rc = tj_harness_create(&p->harness, cfg->task, err);
    }
    if (rc == TJ_OK) {
        rc = each_record(cfg->shots_data, cfg->shots_map == NULL ? NULL : &map, 0, take_shot, p,
                         &n_records, &info, err);
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "cannot read examples from %s", cfg->shots_data);
    }
    return rc;
}

static tj_code fill_pool(pool *p, const tj_eval_task_config *cfg, size_t n_shots, tj_err *err)
{
    tj_code rc = TJ_OK;
    if (n_shots == 0) {
        return TJ_OK;
    }
    if (cfg->task->shots != NULL) {
        p->n = cfg->task->n_fixed;
        p->shots = tj_calloc(p->n, sizeof *p->shots);
        if (p->shots == NULL) {
            return no_memory(err);
        }
        memcpy(p->shots, cfg->task->shots, p->n * sizeof *p->shots);
    } else {
        rc = read_pool(p, cfg, err);
    }
    if (rc == TJ_OK && p->n < n_shots) {
        rc = tj_fail(err, TJ_E_INVAL, "%zu examples are wanted, %s has %zu", n_shots,
                     cfg->task->shots != NULL ? cfg->task->name : cfg->shots_data, p->n);
    }
    p->questions = tj_calloc(p->n, sizeof *p->questions);
    p->targets = tj_calloc(p->n, sizeof *p->targets);
    if (rc == TJ_OK && (p->questions == NULL || p->targets == NULL)) {
        rc = no_memory(err);
    }
    return rc;
}

static void empty_pool(pool *p)
{
    tj_harness_destroy(p->harness);
    tj_buf_deinit(&p->scratch);
    tj_free(p->shots);
    tj_free(p->questions);
    tj_free(p->targets);
}

/* Which examples the next problem gets. */
static void choose(pool *p, size_t *which, size_t n_shots)
{
    if (p->task->shots != NULL) {
        for (size_t i = 0; i < n_shots; i++) {
            which[i] = i;
        }
    } else if (n_shots > 0) {
        /* within its bounds: fill_pool has seen to it */
        (void)tj_pyrandom_sample(&p->random, which, p->n, n_shots);
    }
}

/* ------------------------------------------------------------ prompts */

static tj_code take_text(tj_arena *arena, tj_str *out, tj_buf *text, tj_err *err)
{
    tj_code rc = tj_buf_check(text, err);
    if (rc == TJ_OK) {
        rc = copy(arena, out, (tj_str){tj_buf_text(text), text->len}, err);
    }
    tj_buf_clear(text);
    return rc;
}

static tj_code render_text(tj_eval_docs *docs, tj_eval_doc *doc, pool *p, const size_t *which,
                           tj_buf *scratch, tj_err *err)
{
    const tj_shot *shots[TJ_MAX_SHOTS];
    for (size_t i = 0; i < docs->n_shots; i++) {
        shots[i] = &p->shots[which[i]];
    }
    tj_prompt_text(scratch, p->task, shots, docs->n_shots, doc->problem);
    tj_code rc = take_text(&docs->arena, &doc->prompt, scratch, err);
    tj_sha256_hex(doc->prompt_hash, doc->prompt.s, doc->prompt.n);
    return rc;
}

/* An example's two texts, which all prompts that have it share. */
static tj_code render_shot(pool *p, size_t i, tj_buf *scratch, tj_err *err)
{
    if (p->questions[i].s != NULL) {
        return TJ_OK;
    }
    tj_prompt_shot_question(scratch, p->task, &p->shots[i]);
    tj_code rc = take_text(p->arena, &p->questions[i], scratch, err);
    if (rc == TJ_OK) {
        tj_prompt_shot_target(scratch, p->task, &p->shots[i]);
        rc = take_text(p->arena, &p->targets[i], scratch, err);
    }
    return rc;
}

static void hash_messages(tj_eval_doc *doc, tj_buf *scratch)
{
    static const char *const roles[] = {"system", "user", "assistant"};
    for (size_t i = 0; i < doc->n_messages; i++) {
        tj_buf_printf(scratch, "{\"role\":\"%s\",\"content\":", roles[doc->messages[i].role]);
        tj_buf_json(scratch, doc->messages[i].text, doc->messages[i].len);
        tj_buf_str(scratch, "}\n");
    }
    tj_sha256_hex(doc->prompt_hash, tj_buf_text(scratch), scratch->len);
    tj_buf_clear(scratch);
}

/* The system prompt: what is asked for, then the task's description. */
static tj_code system_prompt(const tj_eval_task_config *cfg, tj_eval_docs *docs, tj_str *out,
                             tj_buf *scratch, tj_err *err)
{
    bool both = cfg->system != NULL && cfg->task->description[0] != '\0';
    tj_buf_str(scratch, cfg->system == NULL ? "" : cfg->system);
    tj_buf_str(scratch, both ? TJ_PROMPT_SHOT_END : "");
    tj_buf_str(scratch, cfg->task->description);
    return take_text(&docs->arena, out, scratch, err);
}

static tj_code render_chat(tj_eval_docs *docs, tj_eval_doc *doc, pool *p, const size_t *which,
                           tj_str system, tj_buf *scratch, tj_err *err)
{
    size_t n = (system.n > 0 ? 1 : 0) + 2 * docs->n_shots + 1;
    tj_message *messages = tj_arena_calloc(&docs->arena, n, sizeof *messages);
    tj_str question = {NULL, 0};
    if (messages == NULL) {
        return no_memory(err);
    }
    size_t at = 0;
    if (system.n > 0) {
        messages[at++] = (tj_message){TJ_ROLE_SYSTEM, system.s, system.n};
    }
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < docs->n_shots && rc == TJ_OK; i++) {
        tj_str *q = &p->questions[which[i]];
        tj_str *t = &p->targets[which[i]];
        rc = render_shot(p, which[i], scratch, err);
        messages[at++] = (tj_message){TJ_ROLE_USER, q->s, q->n};
        messages[at++] = (tj_message){TJ_ROLE_ASSISTANT, t->s, t->n};
    }
    if (rc == TJ_OK) {
        tj_prompt_question(scratch, p->task, doc->problem);
        rc = take_text(&docs->arena, &question, scratch, err);
    }
    if (rc == TJ_OK) {
        messages[at++] = (tj_message){TJ_ROLE_USER, question.s, question.n};
        doc->messages = messages;
        doc->n_messages = at;
        hash_messages(doc, scratch);
    }
    return rc;
}

static tj_code render(tj_eval_docs *docs, const tj_eval_task_config *cfg, pool *p, tj_err *err)
{
    size_t which[TJ_MAX_SHOTS];
    tj_str system = {NULL, 0};
    tj_buf scratch;
    tj_buf_init(&scratch);
    tj_pyrandom_init(&p->random, cfg->shots_seed);
    tj_code rc = cfg->chat ? system_prompt(cfg, docs, &system, &scratch, err) : TJ_OK;
    for (size_t i = 0; i < docs->n && rc == TJ_OK; i++) {
        choose(p, which, docs->n_shots);
        rc = cfg->chat ? render_chat(docs, &docs->docs[i], p, which, system, &scratch, err)
                       : render_text(docs, &docs->docs[i], p, which, &scratch, err);
    }
    tj_buf_deinit(&scratch);
    return rc;
}

/* ------------------------------------------------------------ all of it */

/* A task of one data set on another's problems would be a number that means nothing. */
static tj_code check_format(const tj_eval_task_config *cfg, tj_data_format format, tj_err *err)
{
    static const struct {
        tj_prompt_set set;
        tj_data_format format;
    } known[] = {{TJ_PROMPT_GSM8K, TJ_DATA_GSM8K},
                 {TJ_PROMPT_GSM8K, TJ_DATA_GSM8K_SOLUTIONS},
                 {TJ_PROMPT_MATH, TJ_DATA_MATH},
                 {TJ_PROMPT_MATH, TJ_DATA_MATH500},
                 {TJ_PROMPT_MGSM, TJ_DATA_MGSM}};
    if (format == TJ_DATA_FIELDS) {
        return TJ_OK;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].set == cfg->task->set && known[i].format == format) {
            return TJ_OK;
        }
    }
    return tj_fail(err, TJ_E_INVAL,
                   "%s holds a data set of the format '%s', which the task %s is not about (a map "
                   "of its fields says that it is meant)",
                   cfg->data, tj_data_format_name(format), cfg->task->name);
}

tj_code tj_eval_docs_open(tj_eval_docs *docs, const tj_eval_task_config *cfg, tj_err *err)
{
    tj_data_map map;
    tj_dataset_info info = {.digest = ""};
    memset(docs, 0, sizeof *docs);
    tj_arena_init(&docs->arena, 0);
    pool p = {.task = cfg->task, .arena = &docs->arena};
    tj_buf_init(&p.scratch);
    docs->n_shots = cfg->n_shots == SIZE_MAX ? cfg->task->n_shots : cfg->n_shots;
    if (docs->n_shots > TJ_MAX_SHOTS) {
        return tj_fail(err, TJ_E_INVAL, "%zu examples, at most %d are allowed", docs->n_shots,
                       TJ_MAX_SHOTS);
    }
    tj_code rc = cfg->map == NULL ? TJ_OK : tj_data_map_parse(&map, cfg->map, err);
    if (rc == TJ_OK) {
        rc = each_record(cfg->data, cfg->map == NULL ? NULL : &map, cfg->limit, take_doc, docs,
                         &docs->n_original, &info, err);
        docs->format = info.format;
        memcpy(docs->digest, info.digest, sizeof docs->digest);
    }
    if (rc == TJ_OK) {
        rc = check_format(cfg, info.format, err);
    }
    if (rc == TJ_OK) {
        rc = fill_pool(&p, cfg, docs->n_shots, err);
    }
    if (rc == TJ_OK) {
        rc = render(docs, cfg, &p, err);
    }
    empty_pool(&p);
    return rc;
}

void tj_eval_docs_close(tj_eval_docs *docs)
{
    tj_arena_deinit(&docs->arena);
    tj_free(docs->docs);
    memset(docs, 0, sizeof *docs);
}
