#include "report/report_sample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/rng.h"
#include "eval/eval.h"
#include "task/task.h"
#include "thought/thought.h"

#define N_SEEDS 3

static const tj_countdown_config CFG = {.n_numbers = 4,
                                        .number_min = 1,
                                        .number_max = 13,
                                        .target_min = 10,
                                        .target_max = 100,
                                        .value_max = 200};
static const uint64_t SEEDS[N_SEEDS] = {1, 2, 3};

static void put(json_t *object, const char *key, json_t *value)
{
    assert_int_equal(json_object_set_new(object, key, value), 0);
}

static void push(json_t *array, json_t *value)
{
    assert_int_equal(json_array_append_new(array, value), 0);
}

static json_t *text_of(tj_buf *buf)
{
    json_t *text = json_stringn(buf->len == 0 ? "" : buf->data, buf->len);
    tj_buf_clear(buf);
    assert_non_null(text);
    return text;
}

static void made_up_hash(char *out, uint64_t seed)
{
    tj_rng rng;
    tj_rng_init(&rng, seed, 99, 0, 0);
    for (size_t i = 0; i < 64; i++) {
        out[i] = "0123456789abcdef"[tj_rng_below(&rng, 16)];
    }
    out[64] = '\0';
}

static json_t *hash_json(uint64_t seed)
{
    char hash[65];
    made_up_hash(hash, seed);
    return json_string(hash);
}

/* ------------------------------------------------------------ problems */

static tj_countdown_problem draw_problem(uint64_t seed, uint64_t i)
{
    tj_rng rng;
    tj_rng_init(&rng, seed, 7, i, 0);
    tj_countdown_problem p;
    assert_int_equal(tj_countdown_draw(&p, &CFG, TJ_SPLIT_TEST, 1, &rng, NULL), TJ_OK);
    return p;
}

static json_t *prompt_json(const tj_countdown_problem *p)
{
    tj_buf buf;
    tj_buf_init(&buf);
    tj_countdown_write_prompt(&buf, p);
    json_t *text = text_of(&buf);
    tj_buf_deinit(&buf);
    return text;
}

/* ------------------------------------------------------------ answers */

typedef struct skill {
    double first;   /* solves at the first attempt */
    double later;   /* right after a backtrack */
    double forge;   /* forges its last step's arithmetic */
    double notice;  /* says so at a wrong end, and goes back */
    size_t n_tries; /* attempts at most */
} skill;

static const skill SHORTCUT = {.first = 0.30, .forge = 0.05, .notice = 0.6, .n_tries = 1};
static const skill JOURNEY = {
    .first = 0.27, .later = 0.04, .forge = 0.03, .notice = 0.93, .n_tries = 4};

/* One attempt from a state to its end; true when the goal was reached. */
static bool attempt_text(tj_buf *out, const tj_countdown_state *from, bool solve, bool forge,
                         tj_countdown_state *end, tj_rng *rng)
{
    tj_countdown_step steps[TJ_COUNTDOWN_MAX_NUMBERS];
    tj_countdown_state s = *from;
    solve = solve && tj_countdown_solve(&CFG, &s, steps, rng);
    for (size_t i = 0; s.n_numbers > 1; i++) {
        tj_countdown_step step;
        if (solve) {
            step = steps[i];
        } else if (!tj_countdown_random_step(&CFG, &s, &step, rng)) {
            break;
        }
        tj_countdown_apply(&s, &step);
        if (!solve && forge && s.n_numbers == 1) {
            step.result = s.target;
            s.numbers[0] = s.target;
        }
        tj_countdown_write_step(out, from->n_given - s.n_numbers, &step, &s);
    }
    *end = s;
    return s.n_numbers == 1 && s.numbers[0] == s.target;
}

static void answer_text(tj_buf *out, const tj_countdown_problem *p, const skill *k, double ease,
                        tj_rng *rng)
{
    tj_countdown_state first;
    tj_countdown_first_state(&first, p);
    for (size_t t = 0; t < k->n_tries; t++) {
        tj_countdown_state end;
        bool solve = tj_rng_double(rng) < ease * (t == 0 ? k->first : k->later);
        bool forge = tj_rng_double(rng) < k->forge;
        if (attempt_text(out, &first, solve, forge, &end, rng)) {
            tj_countdown_write_reached(out, p->target);
            return;
        }
        if (tj_rng_double(rng) > k->notice) {
            if (tj_rng_double(rng) < 0.5) {
                tj_countdown_write_reached(out, p->target);
            }
            return;
        }
        tj_countdown_write_failed(out, end.numbers[0], p->target);
        if (t + 1 < k->n_tries) {
            tj_buf_str(out, t % 2 == 0 ? "That is not it, so another way.\n" : "Let me go back.\n");
            tj_countdown_write_back(out, &first);
        }
    }
}

/* Everything simulated about one arm. */
typedef struct arm_result {
    double *scores, *tokens; /* [N_SEEDS, n_test] */
    tj_process_table table;
} arm_result;

static double ease_of(size_t difficulty)
{
    return fmax(0.5, 2.6 - 0.45 * (double)difficulty);
}

static void simulate(arm_result *out, const tj_task *task, const skill *k, size_t n_test,
                     uint64_t arm, size_t n_samples)
{
    *out = (arm_result){.scores = calloc(N_SEEDS * n_test, sizeof(double)),
                        .tokens = calloc(N_SEEDS * n_test, sizeof(double))};
    tj_buf text;
    tj_buf_init(&text);
    for (size_t i = 0; i < n_test; i++) {
        tj_countdown_problem p = draw_problem(5, i);
        tj_countdown_state start;
        tj_task_state first;
        tj_countdown_first_state(&start, &p);
        tj_countdown_pack(&first, &start);
        size_t difficulty = task->difficulty(task->ctx, &first);
        for (size_t j = 0; j < N_SEEDS * n_samples; j++) {
            size_t s = j / n_samples;
            tj_rng rng;
            tj_rng_init(&rng, SEEDS[s], 1000 + arm, i, j % n_samples);
            tj_buf_clear(&text);
            answer_text(&text, &p, k, ease_of(difficulty), &rng);
            tj_walk walk;
            tj_process process;
            size_t n_tokens = text.len / 3 + 1;
            assert_int_equal(
                task->walk(task->ctx, &walk, &first, tj_buf_text(&text), text.len, NULL), TJ_OK);
            assert_int_equal(tj_eval_process(&process, &walk, &first, n_tokens, false, NULL),
                             TJ_OK);
            tj_process_table_add(&out->table, &process, difficulty);
            double *score = &out->scores[s * n_test + i];
            *score = walk.correct ? 1.0 : *score;
            out->tokens[s * n_test + i] += (double)n_tokens;
            tj_walk_deinit(&walk);
        }
    }
    tj_buf_deinit(&text);
}

static void free_result(arm_result *r)
{
    free(r->scores);
    free(r->tokens);
}

static json_t *arm_json(const arm_result *r, size_t n_test, const char *key, const char *label,
                        const char *budget, const char *decoding)
{
    tj_boot_config boot = {.n_resamples = 1000, .level = 0.95, .seed = 1};
    tj_scores scores = {r->scores, N_SEEDS, n_test};
    tj_accuracy accuracy;
    assert_int_equal(tj_eval_accuracy(&accuracy, &scores, r->tokens, &boot, NULL), TJ_OK);
    json_t *arm = tj_accuracy_json(&accuracy);
    put(arm, "key", json_string(key));
    put(arm, "label", json_string(label));
    put(arm, "budget", json_string(budget));
    put(arm, "decoding", json_string(decoding));
    return arm;
}

static json_t *difference(const arm_result *a, const arm_result *b, size_t n_test,
                          const char *label)
{
    tj_boot_config boot = {.n_resamples = 1000, .level = 0.95, .seed = 1};
    tj_scores sa = {a->scores, N_SEEDS, n_test};
    tj_scores sb = {b->scores, N_SEEDS, n_test};
    tj_difference d;
    assert_int_equal(tj_eval_difference(&d, &sa, &sb, &boot, NULL), TJ_OK);
    json_t *json = tj_difference_json(&d, SEEDS);
    if (label != NULL) {
        put(json, "label", json_string(label));
    }
    return json;
}

/* ------------------------------------------------------------ trees and journeys */

#define MAX_NODES 64

typedef struct node {
    tj_countdown_state state;
    tj_line_verdict verdict;
    size_t parent, depth;
    bool leads, on_path;
    char text[64];
} node;

typedef struct grown {
    node nodes[MAX_NODES];
    size_t n;
    tj_rng rng;
} grown;

static void add_node(grown *g, size_t parent, const tj_countdown_step *step, bool spoil)
{
    if (g->n == MAX_NODES) {
        return;
    }
    node *at = &g->nodes[g->n];
    const node *up = &g->nodes[parent];
    *at = (node){.parent = parent, .depth = up->depth + 1, .state = up->state};
    tj_countdown_state after = up->state;
    tj_countdown_step written = *step;
    tj_countdown_apply(&after, step);
    written.result += spoil;
    tj_buf buf;
    tj_buf_init(&buf);
    tj_countdown_write_step(&buf, at->depth, &written, &after);
    (void)snprintf(at->text, sizeof at->text, "%s", tj_buf_text(&buf));
    tj_buf_deinit(&buf);
    tj_countdown_judge_line(&CFG, &up->state, at->text, strlen(at->text) - 1, &at->verdict,
                            &at->state);
    at->verdict.solvable = at->verdict.valid && tj_countdown_solvable(&CFG, &at->state);
    for (size_t i = 1; i < g->n; i++) { /* distinct steps only */
        if (g->nodes[i].parent == parent && strcmp(g->nodes[i].verdict.key, at->verdict.key) == 0) {
            return;
        }
    }
    g->n++;
}

static void grow(grown *g, const tj_countdown_problem *p, uint64_t seed)
{
    *g = (grown){.n = 1};
    tj_rng_init(&g->rng, seed, 55, 0, 0);
    tj_countdown_first_state(&g->nodes[0].state, p);
    g->nodes[0].verdict.valid = g->nodes[0].verdict.solvable = true;
    for (size_t i = 0; i < g->n; i++) {
        node *at = &g->nodes[i];
        if (at->state.n_numbers < 2 || !(at->verdict.valid || i == 0)) {
            continue;
        }
        for (size_t k = 0; k < 3; k++) {
            tj_countdown_step steps[TJ_COUNTDOWN_MAX_NUMBERS];
            bool solve = k == 1 && tj_countdown_solve(&CFG, &at->state, steps, &g->rng);
            if (solve || tj_countdown_random_step(&CFG, &at->state, &steps[0], &g->rng)) {
                add_node(g, i, &steps[0], !solve && tj_rng_below(&g->rng, 12) == 0);
            }
        }
    }
    for (size_t i = g->n; i-- > 1;) {
        g->nodes[i].leads = g->nodes[i].leads || g->nodes[i].verdict.correct;
        g->nodes[g->nodes[i].parent].leads |= g->nodes[i].leads;
    }
}

static json_t *tree_nodes(const grown *g)
{
    json_t *nodes = json_array();
    for (size_t i = 0; i < g->n; i++) {
        const node *at = &g->nodes[i];
        json_t *json = json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)(10 * i),
                                 "text", at->text, "valid", at->verdict.valid, "solvable",
                                 at->verdict.solvable, "correct", at->verdict.correct, "terminal",
                                 i > 0 && at->verdict.terminal, "on_path", at->on_path);
        assert_non_null(json);
        if (i == 0) {
            tj_countdown_problem p = {.n_numbers = at->state.n_numbers, .target = at->state.target};
            memcpy(p.numbers, at->state.numbers, sizeof p.numbers);
            put(json, "text", prompt_json(&p));
            put(json, "parent", json_null());
        } else {
            put(json, "parent", json_integer((json_int_t)(10 * at->parent)));
            put(json, "logprob", json_real(-0.2 - (double)(i * 37 % 100) / 25.0));
            put(json, "reason", json_string(at->verdict.reason));
        }
        push(nodes, json);
    }
    return nodes;
}

typedef struct writer {
    tj_buf text;
    json_t *spans;
    size_t n_backtracks;
} writer;

static void span(writer *w, size_t begin, const char *action, size_t node_at, bool on_path)
{
    json_t *json = json_pack("{s:I, s:I, s:s, s:b}", "begin", (json_int_t)begin, "end",
                             (json_int_t)w->text.len, "action", action, "on_path", on_path);
    put(json, "node", node_at == SIZE_MAX ? json_null() : json_integer((json_int_t)(10 * node_at)));
    push(w->spans, json);
}

static void say_step(writer *w, const grown *g, size_t i, bool fresh, bool on_path)
{
    size_t begin = w->text.len;
    tj_buf_str(&w->text, g->nodes[i].text);
    span(w, begin, fresh ? "propose" : "continue", i, on_path);
}

/* Down a wrong branch by first children to its leaf; then what is noticed, and back. */
static void wrong_branch(writer *w, const grown *g, size_t from, size_t back_to)
{
    size_t at = from;
    say_step(w, g, at, true, false);
    for (size_t i = at + 1; i < g->n; i++) {
        if (g->nodes[i].parent == at && at != 0) {
            at = i;
            say_step(w, g, at, false, false);
        }
    }
    size_t begin = w->text.len;
    const node *end = &g->nodes[at];
    if (end->verdict.valid && end->verdict.terminal) {
        tj_countdown_write_failed(&w->text, end->state.numbers[0], end->state.target);
    } else {
        tj_buf_str(&w->text, "Wait, that step is wrong.\n");
    }
    span(w, begin, "reflect", at, false);
    begin = w->text.len;
    tj_countdown_write_back(&w->text, &g->nodes[back_to].state);
    span(w, begin, "backtrack", back_to, false);
    w->n_backtracks++;
}

static json_t *thought(grown *g, bool journey)
{
    writer w = {.spans = json_array()};
    tj_buf_init(&w.text);
    size_t at = 0;
    bool fresh = true;
    for (size_t i = 1; i < g->n; i++) {
        if (g->nodes[i].parent != at) {
            continue;
        }
        if (g->nodes[i].leads) {
            g->nodes[i].on_path = true;
            say_step(&w, g, i, fresh, true);
            fresh = false;
            at = i;
        } else if (journey) {
            wrong_branch(&w, g, i, at);
            fresh = true;
        }
    }
    size_t begin = w.text.len;
    tj_countdown_write_reached(&w.text, g->nodes[0].state.target);
    span(&w, begin, "conclude", at, true);
    json_t *json = json_object();
    put(json, "text", text_of(&w.text));
    put(json, "spans", w.spans);
    put(json, "n_backtracks", json_integer((json_int_t)w.n_backtracks));
    tj_buf_deinit(&w.text);
    return json;
}

static json_t *trees(size_t n, json_t *example)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        tj_countdown_problem p = draw_problem(8, i);
        static grown g;
        grow(&g, &p, i);
        json_t *shortcut = thought(&g, false);
        json_t *journey = thought(&g, true);
        if (i == 0) {
            put(example, "prompt", prompt_json(&p));
            put(example, "shortcut", json_deep_copy(json_object_get(shortcut, "text")));
            put(example, "journey", json_deep_copy(json_object_get(journey, "text")));
        }
        json_t *tree = json_object();
        put(tree, "problem", prompt_json(&p));
        put(tree, "difficulty", json_string(i % 2 == 0 ? "2 to 3 solutions" : "1 solution"));
        put(tree, "seed", json_integer(1));
        put(tree, "nodes", tree_nodes(&g));
        put(tree, "shortcut", shortcut);
        put(tree, "journey", journey);
        push(list, tree);
    }
    return list;
}

/* ------------------------------------------------------------ cases */

static json_t *answer_json(const tj_task *task, const tj_countdown_problem *p, const char *arm,
                           const skill *k, uint64_t draw, bool *correct)
{
    tj_countdown_state start;
    tj_task_state first;
    tj_countdown_first_state(&start, p);
    tj_countdown_pack(&first, &start);
    tj_rng rng;
    tj_rng_init(&rng, 1, 2000, p->target, draw);
    tj_buf text;
    tj_buf_init(&text);
    answer_text(&text, p, k, ease_of(task->difficulty(task->ctx, &first)), &rng);
    tj_walk walk;
    assert_int_equal(task->walk(task->ctx, &walk, &first, tj_buf_text(&text), text.len, NULL),
                     TJ_OK);
    static const char *const kinds[] = {"step", "reached", "failed", "back", "other"};
    json_t *lines = json_array();
    for (size_t i = 0; i < walk.n_lines; i++) {
        const tj_walk_line *l = &walk.lines[i];
        push(lines, json_pack("{s:I, s:I, s:s, s:b, s:s}", "begin", (json_int_t)l->begin, "end",
                              (json_int_t)l->end, "kind", kinds[l->verdict.kind], "valid",
                              l->verdict.valid, "reason", l->verdict.reason));
    }
    *correct = walk.correct;
    json_t *json = json_object();
    put(json, "arm", json_string(arm));
    put(json, "correct", json_boolean(walk.correct));
    put(json, "tokens", json_integer((json_int_t)(text.len / 3 + 1)));
    put(json, "text", text_of(&text));
    put(json, "lines", lines);
    tj_walk_deinit(&walk);
    tj_buf_deinit(&text);
    return json;
}

static json_t *cases(const tj_task *task, size_t n)
{
    json_t *list = json_array();
    for (uint64_t i = 0; json_array_size(list) < n && i < 200; i++) {
        tj_countdown_problem p = draw_problem(9, i);
        bool journey_right;
        bool shortcut_right;
        json_t *answers = json_array();
        push(answers, answer_json(task, &p, "journey", &JOURNEY, i, &journey_right));
        push(answers, answer_json(task, &p, "shortcut", &SHORTCUT, i, &shortcut_right));
        const char *kind =
            !journey_right ? (shortcut_right ? "journey_lost" : "journey_wrong") : "journey_won";
        if (journey_right && shortcut_right) {
            json_decref(answers);
            continue;
        }
        json_t *one = json_object();
        put(one, "kind", json_string(kind));
        put(one, "problem", prompt_json(&p));
        put(one, "difficulty", json_string("1 solution"));
        put(one, "seed", json_integer(1));
        put(one, "answers", answers);
        push(list, one);
    }
    return list;
}

/* ------------------------------------------------------------ the rest of the document */

static json_t *learning_curve(const char *label, const char *arm, const char *phase, uint64_t seed,
                              size_t n_updates, double from, double to, bool validation)
{
    tj_rng rng;
    tj_rng_init(&rng, seed, 70, 0, 0);
    json_t *loss = json_array();
    json_t *valid = json_array();
    for (size_t u = 1; u <= n_updates; u++) {
        double t = (double)u / (double)n_updates;
        double y = to + (from - to) * exp(-7.0 * t) + 0.012 * tj_rng_normal(&rng) * (1.2 - t);
        push(loss, json_pack("[I, f]", (json_int_t)u, fmax(y, 0.01)));
        if (u % (n_updates / 8) == 0) {
            push(valid, json_pack("[I, f]", (json_int_t)u, 0.3 * (1.0 - exp(-4.0 * t))));
        }
    }
    json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:o}", "label", label, "arm", arm, "phase",
                             phase, "seed", (json_int_t)seed, "loss", loss);
    if (validation) {
        put(json, "validation", valid);
    } else {
        json_decref(valid);
    }
    return json;
}

static json_t *learning(void)
{
    json_t *list = json_array();
    push(list, learning_curve("base", "base", "Phase 1: many shortcuts", 1, 2400, 4.6, 0.31, true));
    for (uint64_t s = 1; s <= N_SEEDS; s++) {
        char label[32];
        (void)snprintf(label, sizeof label, "shortcut, seed %d", (int)s);
        push(list, learning_curve(label, "shortcut", "Phase 2: N problems", 10 + s, 160,
                                  0.36 + 0.01 * (double)s, 0.27, false));
        (void)snprintf(label, sizeof label, "journey, seed %d", (int)s);
        push(list, learning_curve(label, "journey", "Phase 2: N problems", 20 + s, 160,
                                  0.62 + 0.01 * (double)s, 0.33, false));
    }
    return list;
}

static json_t *run_json(json_t *list, const char *stage, const char *label, const char *status,
                        double seconds, double tokens, json_int_t updates)
{
    json_int_t id = (json_int_t)json_array_size(list) + 1;
    char started[32];
    (void)snprintf(started, sizeof started, "2025-02-03T10:%02d:%02dZ", (int)(id / 2 % 60),
                   (int)(id * 7 % 60));
    json_t *run = json_pack("{s:I, s:s, s:s, s:s, s:s, s:f, s:f, s:o}", "id", id, "stage", stage,
                            "label", label, "status", status, "started", started, "seconds",
                            seconds, "tokens", tokens, "config_digest", hash_json((uint64_t)id));
    assert_non_null(run);
    if (updates > 0) {
        put(run, "updates", json_integer(updates));
    }
    push(list, run);
    return run;
}

static json_t *runs(bool with_failures)
{
    json_t *list = json_array();
    (void)run_json(list, "data", "problem sets", "done", 1.9, 0, 0);
    (void)run_json(list, "train", "phase 1 base", "done", 214.6, 11.3e6, 2400);
    if (with_failures) {
        json_t *bad = run_json(list, "train", "phase 1 base, lr 0.02", "failed", 12.2, 0.61e6, 130);
        put(bad, "error",
            json_string("update 131: the gradient norm of 'model.layers.2.mlp.down_proj.weight' is "
                        "not finite"));
        bad = run_json(list, "grow", "trees, seed 1", "cancelled", 8.4, 0.2e6, 0);
        put(bad, "error", json_string("the caller asked to stop"));
        (void)run_json(list, "grow", "trees, seed 1", "abandoned", 3.0, 0, 0);
    }
    static const char *const stages[] = {"grow", "derive", "train", "train", "eval", "eval"};
    static const char *const labels[] = {"trees",         "journeys", "shortcut model",
                                         "journey model", "shortcut", "journey"};
    static const double seconds[] = {14.2, 0.8, 11.3, 18.9, 12.4, 24.8};
    static const double tokens[] = {0.72e6, 0.05e6, 0.9e6, 1.5e6, 0.31e6, 0.71e6};
    for (int s = 1; s <= N_SEEDS; s++) {
        for (size_t i = 0; i < 6; i++) {
            char label[64];
            (void)snprintf(label, sizeof label, "%s, seed %d", labels[i], s);
            json_t *run = run_json(list, stages[i], label, "done", seconds[i] + s * 0.3, tokens[i],
                                   strcmp(stages[i], "train") == 0 ? 160 : 0);
            put(run, "seed", json_integer(s));
        }
    }
    return list;
}

static json_t *stage_json(const char *stage, const char *title, const char *detail, const char *in,
                          const char *out, double seconds, double tokens)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:s}", "stage", stage, "title", title,
                     "detail", detail, "in", in, "out", out, "seconds", seconds, "tokens", tokens,
                     "status", "done");
}

static json_t *pipeline(void)
{
    json_t *list = json_array();
    push(list, stage_json("data", "Draw problems", "splits disjoint by the multiset of numbers", "",
                          "106,981 problems", 1.9, 0));
    push(list, stage_json("train", "Train the base",
                          "phase 1: shortcuts of many problems, one third honest failures",
                          "100,000 problems", "base model", 214.6, 11.3e6));
    push(list, stage_json("grow", "Grow trees", "width 3, depth 3, by the base itself",
                          "3 × 327 problems", "981 trees", 43.0, 2.2e6));
    push(list, stage_json("derive", "Derive shortcuts and journeys", "order: sampled", "981 trees",
                          "2 × 981 texts", 2.4, 0.15e6));
    push(list, stage_json("train", "Train both arms", "phase 2, with phase-1 replay in both",
                          "2 × 3 × 327 texts", "6 models", 90.6, 7.2e6));
    push(list, stage_json("eval", "Evaluate", "greedy, and sampled at the same tokens",
                          "2,000 unseen problems", "36,000 answers", 111.6, 3.1e6));
    return list;
}

static json_t *data_sets(json_t *example)
{
    json_t *sets = json_array();
    push(sets,
         json_pack("{s:s, s:s, s:i, s:s, s:o}", "name", "phase 1", "split", "train", "n", 100000,
                   "what", "shortcuts and honest failures for the base", "digest", hash_json(301)));
    push(sets, json_pack("{s:s, s:s, s:i, s:s, s:o}", "name", "phase 2", "split", "train", "n", 981,
                         "what", "3 × 327, one set a seed", "digest", hash_json(302)));
    push(sets, json_pack("{s:s, s:s, s:i, s:s, s:o}", "name", "validation", "split", "valid", "n",
                         500, "what", "choosing settings", "digest", hash_json(303)));
    push(sets,
         json_pack("{s:s, s:s, s:i, s:s, s:o}", "name", "test", "split", "test", "n", 2000, "what",
                   "looked at once, after the declaration", "digest", hash_json(304)));
    json_t *splits = json_array();
    push(splits, json_pack("{s:s, s:i, s:i}", "split", "train", "n_multisets", 5572, "n_problems",
                           1013443));
    push(splits,
         json_pack("{s:s, s:i, s:i}", "split", "valid", "n_multisets", 302, "n_problems", 55102));
    push(splits,
         json_pack("{s:s, s:i, s:i}", "split", "test", "n_multisets", 311, "n_problems", 57320));
    return json_pack(
        "{s:o, s:o, s:o, s:s}", "sets", sets, "splits", splits, "example", example, "disjoint",
        "No multiset of numbers is in two splits, so no test problem shares its numbers "
        "with one seen in training.");
}

static json_t *curve(void)
{
    static const int ns[] = {0, 82, 164, 327, 1000, 3000};
    static const double a[] = {0.281, 0.262, 0.277, 0.289, 0.303, 0.316};
    static const double b[] = {0.281, 0.251, 0.281, 0.318, 0.371, 0.422};
    static const double m[] = {0.281, 0.243, 0.262, 0.291, 0.330, 0.371};
    json_t *points = json_array();
    for (size_t i = 0; i < 6; i++) {
        json_t *p = json_pack("{s:i, s:i}", "n", ns[i], "n_seeds", 3);
        const char *const keys[] = {"shortcut", "journey", "journey_masked"};
        const double *const ys[] = {a, b, m};
        for (size_t k = 0; k < 3 && i > 0; k++) {
            put(p, keys[k],
                json_pack("{s:f, s:f, s:f}", "accuracy", ys[k][i], "ci_low", ys[k][i] - 0.017,
                          "ci_high", ys[k][i] + 0.017));
        }
        if (i == 0) {
            put(p, "base",
                json_pack("{s:f, s:f, s:f}", "accuracy", a[0], "ci_low", 0.262, "ci_high", 0.300));
        } else {
            put(p, "difference",
                json_pack("{s:f, s:f, s:f}", "points", b[i] - a[i], "ci_low", b[i] - a[i] - 0.014,
                          "ci_high", b[i] - a[i] + 0.014));
        }
        push(points, p);
    }
    return json_pack("{s:o}", "points", points);
}

static json_t *environment(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:I, s:s, s:s}", "version", "0.1.0",
                     "build_id", "9f2c81d04e7b", "compiler", "gcc 12.2.0", "isa", "avx512-bf16",
                     "threads", 2, "cpu", "Intel Xeon Processor", "memory_bytes",
                     (json_int_t)16642998272, "os", "Debian GNU/Linux 12", "precision",
                     "bf16 products, f32 sums");
}

static json_t *config(void)
{
    return json_pack(
        "{s:{s:i, s:i, s:i, s:i, s:i}, s:{s:i, s:i, s:i, s:i, s:b}, s:{s:f, s:f, s:i, s:s}, "
        "s:{s:i, s:i, s:f}, s:{s:s, s:i, s:b}}",
        "task", "n_numbers", 4, "number_min", 1, "number_max", 13, "target_max", 100, "value_max",
        200, "model", "n_layers", 4, "width", 128, "n_heads", 4, "n_kv_heads", 2, "tied", 1,
        "train", "lr_max", 0.003, "weight_decay", 0.1, "epochs", 3, "schedule", "cosine", "grow",
        "width", 3, "depth", 3, "temperature", 0.9, "derive", "order", "sampled", "max_trials", 2,
        "restate", 1);
}

static json_t *document(size_t n_test, bool full)
{
    json_t *doc =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:f, s:b, s:i, s:I, s:[i,i,i], s:s}", "report_version",
                  1, "title", "The first journey", "created", "2025-02-03T10:24:40Z", "profile",
                  full ? "full" : "demo", "command", full ? "tabiji demo --full" : "tabiji demo",
                  "seconds", full ? 31542.0 : 481.3, "finished", 1, "n_train", 327, "n_test",
                  (json_int_t)n_test, "seeds", 1, 2, 3, "walk_order", "sampled");
    assert_non_null(doc);
    put(doc, "environment", environment());
    put(doc, "task",
        json_pack("{s:s, s:s, s:i, s:i, s:[s,s,s]}", "name", "countdown", "description",
                  "Combine the four given numbers, each once, by + − × ÷ to reach the target.",
                  "n_multisets", 6185, "n_problems", 1125865, "difficulties", "4 or more solutions",
                  "2 to 3 solutions", "1 solution"));
    put(doc, "model",
        json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o}", "parameters", 812416, "layers",
                  4, "width", 128, "heads", 4, "kv_heads", 2, "feed_forward", 384, "vocabulary",
                  131, "context", 512, "tokenizer_hash", hash_json(500)));
    put(doc, "config", config());
    put(doc, "ledger",
        json_pack(
            "{s:o, s:i, s:{s:i, s:o, s:s, s:s, s:s}}", "head", hash_json(600), "n_entries", 58,
            "declaration", "entry", 21, "hash", hash_json(601), "time", "2025-02-03T10:12:02Z",
            "text",
            "N = 327, seeds 1 2 3, journey against shortcut at equal epochs, greedy, all test "
            "problems; McNemar’s exact test on seed 1.",
            "first_look", "2025-02-03T10:16:31Z"));
    return doc;
}

static json_t *minimal(void)
{
    json_t *doc = document(2000, false);
    put(doc, "finished", json_false());
    put(doc, "pipeline", json_array());
    put(doc, "data", json_pack("{s:[]}", "sets"));
    put(doc, "arms", json_array());
    put(doc, "runs", json_array());
    put(doc, "config", json_object());
    put(doc, "ledger", json_pack("{s:s, s:i}", "head", "", "n_entries", 0));
    return doc;
}

static void add_arms(json_t *doc, const tj_task *task, size_t n_test, const skill *journey_skill,
                     bool full)
{
    arm_result base;
    arm_result shortcut;
    arm_result journey;
    arm_result again;
    arm_result many;
    const skill base_skill = {.first = 0.28, .forge = 0.04, .notice = 0.5, .n_tries = 1};
    simulate(&base, task, &base_skill, n_test, 1, 1);
    simulate(&shortcut, task, &SHORTCUT, n_test, 2, 1);
    simulate(&journey, task, journey_skill, n_test, 3, 1);
    simulate(&again, task, &SHORTCUT, n_test, 4, 1);
    simulate(&many, task, &SHORTCUT, n_test, 5, 3);
    json_t *arms = json_array();
    json_t *arm = arm_json(&base, n_test, "base", "Base model", "none", "greedy");
    put(arm, "process", tj_process_table_json(&base.table, task));
    push(arms, arm);
    arm = arm_json(&shortcut, n_test, "shortcut", "Shortcut", "epochs", "greedy");
    put(arm, "process", tj_process_table_json(&shortcut.table, task));
    push(arms, arm);
    arm = arm_json(&journey, n_test, "journey", "Journey", "epochs", "greedy");
    put(arm, "process", tj_process_table_json(&journey.table, task));
    push(arms, arm);
    arm = arm_json(&again, n_test, "shortcut_same_tokens", "Shortcut, same tokens", "epochs",
                   "majority");
    put(arm, "n_samples", json_real(3));
    put(arm, "tokens_per_answer",
        json_real(3.0 * json_number_value(json_object_get(arm, "tokens_per_answer"))));
    push(arms, arm);
    arm = arm_json(&many, n_test, "shortcut_verified_same_tokens",
                   "Shortcut, same tokens, verifier chooses", "epochs", "verified");
    put(arm, "n_samples", json_real(3));
    put(arm, "note", json_string("an upper bound: the verifier knows the answer"));
    push(arms, arm);
    put(doc, "difference", difference(&journey, &shortcut, n_test, NULL));
    if (full) {
        push(arms, arm_json(&shortcut, n_test, "shortcut_equal_updates", "Shortcut", "updates",
                            "greedy"));
        push(arms,
             arm_json(&journey, n_test, "journey_equal_updates", "Journey", "updates", "greedy"));
        push(arms, arm_json(&again, n_test, "journey_masked", "Journey, wrong branches masked",
                            "epochs", "greedy"));
        json_t *more = json_array();
        json_t *same =
            difference(&journey, &again, n_test, "Journey − shortcut at the same tokens");
        put(same, "a", json_string("journey"));
        put(same, "b", json_string("shortcut_same_tokens"));
        push(more, same);
        push(more, difference(&journey, &base, n_test, "Journey − base"));
        json_t *other = difference(&shortcut, &base, n_test, "Shortcut − base");
        put(other, "a", json_string("shortcut"));
        push(more, other);
        put(doc, "differences", more);
    }
    put(doc, "arms", arms);
    free_result(&base);
    free_result(&shortcut);
    free_result(&journey);
    free_result(&again);
    free_result(&many);
}

/* ------------------------------------------------------------ thoughts in numbers */

/* A person's thinking with i wrong turns at level i, and a text without spans. */
static void add_thinking(tj_stats *stats, const tj_templates *templates, size_t i)
{
    tj_buf notes;
    tj_human human;
    tj_record record;
    tj_rng rng;
    tj_rng_init(&rng, 1, 0, i, 0);
    tj_buf_init(&notes);
    tj_buf_printf(&notes, "---\nlevel: %zu\nanswer: %zu\ncorrect: %s\n---\n> What is it?\n\n",
                  i % 4 + 1, i, i % 3 == 0 ? "false" : "true");
    for (size_t k = 0; k < i % 4 + 1; k++) {
        tj_buf_printf(&notes, "%s %zu + %zu = %zu\n? Wait, but that is not it%s.\n< 0\n",
                      k == 1 ? "~" : "!", i, k, i + k, k == 0 ? ", I made a mistake" : "");
    }
    tj_buf_printf(&notes, "%zu + 0 = %zu\n= The answer is %zu.\n", i, i, i);
    assert_int_equal(tj_human_read(&human, tj_buf_text(&notes), notes.len, "notes", NULL), TJ_OK);
    assert_int_equal(tj_human_to_record(&record, &human, NULL, -1, templates, &rng, NULL), TJ_OK);
    record.n_tokens = 40 * (i % 4 + 1) + i;
    assert_int_equal(tj_stats_add(stats, &record, NULL), TJ_OK);
    tj_record_deinit(&record);
    tj_human_deinit(&human);
    tj_buf_deinit(&notes);
}

static json_t *thoughts(size_t n)
{
    tj_stats_config cfg;
    tj_stats *stats;
    tj_templates *templates;
    json_t *json;
    tj_stats_config_default(&cfg);
    assert_int_equal(tj_stats_create(&stats, &cfg, NULL), TJ_OK);
    assert_int_equal(tj_templates_create(&templates, NULL), TJ_OK);
    for (size_t i = 0; i < n; i++) {
        add_thinking(stats, templates, i);
    }
    assert_int_equal(tj_stats_json(stats, &json, NULL), TJ_OK);
    tj_templates_destroy(templates);
    tj_stats_destroy(stats);
    json_t *list = json_pack("[{s:i, s:s, s:s, s:I, s:o}]", "run", 4, "stage", "import-thoughts",
                             "name", "import thoughts", "n", (json_int_t)n, "stats", json);
    assert_non_null(list);
    return list;
}

/* Replaces every string of the document that is free text, whatever it was. */
static void poison(json_t *value, size_t depth)
{
    static const char *const fixed[] = {"key",     "arm",  "status",    "budget",     "decoding",
                                        "action",  "kind", "phase",     "walk_order", "created",
                                        "started", "time", "first_look"};
    static const char evil[] =
        "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;\x01\x1b[31m"
        "\xE2\x80\xAE" /* right-to-left override */
        "</style></title><!-- "
        "endlesswordendlesswordendlesswordendlesswordendlesswordendlesswordendlesswordendlessword";
    assert_true(depth < 32);
    const char *key;
    json_t *inner;
    json_object_foreach(value, key, inner)
    {
        bool keep = false;
        for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
            keep = keep || strcmp(key, fixed[i]) == 0;
        }
        /* Text that offsets point into stays as it is. */
        bool pointed =
            json_object_get(value, "spans") != NULL || json_object_get(value, "lines") != NULL;
        keep = strcmp(key, "text") == 0 ? pointed : keep;
        if (json_is_string(inner) && !keep) {
            assert_int_equal(json_string_set(inner, evil), 0);
        }
        poison(inner, depth + 1);
    }
    size_t i;
    json_array_foreach(value, i, inner)
    {
        poison(inner, depth + 1);
        if (json_is_string(inner)) {
            assert_int_equal(json_string_set(inner, evil), 0);
        }
    }
}

json_t *tj_sample_report(tj_sample kind, size_t n_test)
{
    if (kind == TJ_SAMPLE_MINIMAL) {
        return minimal();
    }
    tj_task task;
    tj_countdown_task(&task, &CFG);
    bool full = kind == TJ_SAMPLE_FULL || kind == TJ_SAMPLE_HOSTILE;
    json_t *doc = document(n_test, full);
    skill journey = JOURNEY;
    if (kind == TJ_SAMPLE_NEGATIVE) {
        journey.first = 0.12;
        journey.later = 0.03;
        put(json_object_get(json_object_get(doc, "ledger"), "declaration"), "first_look",
            json_string("2025-02-03T10:01:00Z"));
    } else if (kind == TJ_SAMPLE_NULL) {
        journey = SHORTCUT;
    }
    add_arms(doc, &task, n_test, &journey, full);
    json_t *example = json_object();
    put(doc, "trees", trees(10, example));
    put(doc, "thoughts", thoughts(12));
    put(doc, "data", data_sets(example));
    put(doc, "pipeline", pipeline());
    put(doc, "learning", learning());
    put(doc, "cases", cases(&task, 14));
    put(doc, "runs", runs(full));
    put(doc, "evaluations",
        json_pack("[{s:i, s:s, s:i, s:i, s:[{s:s, s:s, s:f, s:f, s:f}]}]", "run", 9, "label",
                  "math500: tuned", "problems", 500, "samples", 8, "scores", "filter", "grader",
                  "metric", "graded", "mean", 0.25, "low", 0.22, "high", 0.28));
    if (full) {
        put(doc, "curve", curve());
    }
    put(doc, "limits",
        json_pack("[s]", "The base is shared by the seeds, so its own randomness is not in the "
                         "spread."));
    if (kind == TJ_SAMPLE_HOSTILE) {
        poison(doc, 0);
    }
    return doc;
}
