/* The depth-first walk of sec. 3.4 of the O1 Replication Journey (arXiv:2410.18982): a node on the
 * correct path may first explore wrong children, each down to a leaf; a node off the path follows
 * one random child; at most K trials on each correct node. Departures: children are visited in the
 * order the policy sampled them (order: sampled), since a text that always errs first teaches to
 * err first; and going back restates the state and the goal. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "thought/thought.h"

void tj_derive_config_default(tj_derive_config *cfg)
{
    *cfg = (tj_derive_config){.order = TJ_ORDER_SAMPLED,
                              .max_trials = 2,
                              .max_backtracks = 4,
                              .restate = true,
                              .p_connective = 0.5,
                              .language = "en",
                              .tell_dead = true,
                              .p_explore = 1.0,
                              .threshold = 0.5};
}

/* ------------------------------------------------------------------ what is known of nodes */

typedef struct known {
    tj_mark mark;
    bool has_value;
    double value;   /* the chance of success after it */
    bool arrives;   /* a correct leaf is at or below it, by a way without an invalid step */
    bool tells;     /* a branch that begins with it may be told as a wrong one */
    size_t by;      /* the reward that says it is wrong; SIZE_MAX: none */
    tj_known valid; /* what rewards say of the step, */
    tj_known open;  /* and of the goal being in reach */
} known;

/* A reward's say. Where one rewarder is asked, its last word counts; where all are, a bad one. */
static void hear(known *k, const tj_reward *r, size_t index, const tj_derive_config *cfg)
{
    bool wrong = r->value < cfg->threshold;
    tj_known *says = r->meaning == TJ_VALID ? &k->valid : &k->open;
    if (cfg->rewarder[0] != 0 || wrong || *says == TJ_UNKNOWN) {
        *says = wrong ? TJ_NO : TJ_YES;
        k->by = wrong ? index : k->by;
    }
    if (r->meaning != TJ_VALID) {
        k->has_value = true;
        k->value = cfg->from_minus_one ? (r->value + 1.0) / 2.0 : r->value;
    }
}

static void hear_all(known *k, const tj_tree *tree, const tj_derive_config *cfg)
{
    for (size_t i = 0; i < tree->n_rewards; i++) {
        const tj_reward *r = &tree->rewards[i];
        if (cfg->rewarder[0] == 0 || strcmp(cfg->rewarder, r->rewarder) == 0) {
            hear(&k[r->node], r, i, cfg);
        }
    }
    for (size_t i = 0; i < tree->n_nodes; i++) {
        k[i].mark = k[i].valid == TJ_NO                           ? TJ_MARK_INVALID
                    : k[i].open == TJ_NO                          ? TJ_MARK_DEAD
                    : k[i].valid == TJ_YES || k[i].open == TJ_YES ? TJ_MARK_RIGHT
                                                                  : TJ_MARK_NONE;
    }
}

/* The labels of the task's verifier and solver; a reward of progress is a better value. */
static void read_labels(known *k, const tj_tree *tree)
{
    for (size_t i = 0; i < tree->n_nodes; i++) {
        const tj_node *n = &tree->nodes[i];
        k[i].mark = !n->valid ? TJ_MARK_INVALID : n->solvable ? TJ_MARK_RIGHT : TJ_MARK_DEAD;
        k[i].has_value = true;
        k[i].value = k[i].mark == TJ_MARK_RIGHT ? 1.0 : 0.0;
    }
    for (size_t i = 0; i < tree->n_rewards; i++) {
        const tj_reward *r = &tree->rewards[i];
        if (r->meaning == TJ_PROGRESS) {
            k[r->node].value = r->value;
        }
        if (r->value <= 0.0 && r->reason[0] != 0 && k[r->node].by == SIZE_MAX) {
            k[r->node].by = i;
        }
    }
}

/* Children stand behind their parents, so one pass from the end sees all that is below. */
static void look_below(known *k, const tj_tree *tree, const tj_derive_config *cfg, bool by_rewards)
{
    for (size_t i = tree->n_nodes; i-- > 0;) {
        const tj_node *n = &tree->nodes[i];
        bool is_invalid = k[i].mark == TJ_MARK_INVALID;
        k[i].arrives = !is_invalid && (k[i].arrives || n->correct);
        if (by_rewards && k[i].arrives && k[i].mark == TJ_MARK_DEAD) {
            k[i].mark = TJ_MARK_RIGHT; /* an estimate yields to an answer that was found */
        }
        bool wrong = is_invalid || (k[i].mark == TJ_MARK_DEAD && cfg->tell_dead);
        k[i].tells = by_rewards   ? (k[i].tells || wrong) && (!is_invalid || cfg->tell_invalid)
                     : is_invalid ? cfg->tell_invalid
                                  : cfg->tell_dead;
        if (n->parent != TJ_NO_NODE) {
            k[n->parent].arrives = k[n->parent].arrives || k[i].arrives;
            k[n->parent].tells = k[n->parent].tells || (by_rewards && k[i].tells);
        }
    }
}

/* ------------------------------------------------------------------ writing */

typedef struct writer {
    const tj_tree *tree;
    const tj_task *task; /* NULL: a problem in words */
    known *known;        /* [n_nodes] */
    const tj_derive_config *cfg;
    const tj_templates *templates;
    tj_rng *rng;
    tj_scribe scribe;
    size_t n_backtracks;
    bool fresh;   /* the next step begins an attempt */
    size_t last;  /* the sentence said last */
    size_t *path; /* [n_path] nodes of the correct path, root first */
    size_t n_path;
    size_t *children; /* [n_nodes] scratch */
    size_t *wrong;    /* [n_nodes] scratch */
} writer;

static tj_span span_of(const writer *w, tj_action action, tj_editor editor, size_t node,
                       bool on_path)
{
    const known *k = &w->known[node];
    tj_span span = {.action = action, .editor = editor, .node = node, .on_path = on_path};
    if (tj_is_step(&span)) {
        span.mark = k->mark;
        span.has_value = k->has_value;
        span.value = k->value;
    }
    return span;
}

/* A text that a policy ended without a newline gets one: what follows is another line. */
static tj_code add_whole(writer *w, const tj_span *span, const tj_node *n, tj_err *err)
{
    tj_buf text;
    tj_ids ids = {0};
    size_t len = strlen(n->text);
    bool is_line = len > 0 && n->text[len - 1] == '\n';
    if (is_line && n->n_ids > 0) {
        return tj_scribe_add_ids(&w->scribe, span, n->text, len, n->ids, n->n_ids, err);
    }
    tj_buf_init(&text);
    tj_buf_add(&text, n->text, len);
    tj_buf_str(&text, is_line ? "" : "\n");
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK && n->n_ids == 0) { /* nobody sampled it */
        rc = tj_scribe_add(&w->scribe, span, tj_buf_text(&text), text.len, err);
    } else if (rc == TJ_OK) {
        rc = tj_ids_add(&ids, n->ids, n->n_ids, err);
        if (rc == TJ_OK && w->scribe.tok != NULL) {
            rc = tj_tokenizer_encode(w->scribe.tok, &ids, "\n", 1, false, err);
        }
        if (rc == TJ_OK) {
            rc = tj_scribe_add_ids(&w->scribe, span, tj_buf_text(&text), text.len, ids.ids, ids.n,
                                   err);
        }
    }
    tj_ids_deinit(&ids);
    tj_buf_deinit(&text);
    return rc;
}

/* Does a text say what the answer is, and not only compute it? */
static bool states_answer(const char *text)
{
    tj_final_answer found;
    tj_answer_find(&found, text, strlen(text));
    return found.rule != NULL && strcmp(found.rule, "last number") != 0;
}

/* A step in the node's own text and ids. In words, the step that ends the path is the conclusion
 * where it states the answer. */
static tj_code add_step(writer *w, size_t node, bool on_path, tj_err *err)
{
    const tj_node *n = &w->tree->nodes[node];
    bool concludes = w->task == NULL && on_path && n->correct && states_answer(n->text);
    tj_action action = concludes ? TJ_CONCLUDE : w->fresh ? TJ_PROPOSE : TJ_CONTINUE;
    tj_span span = span_of(w, action, TJ_BY_POLICY, node, on_path);
    w->fresh = false;
    return add_whole(w, &span, n, err);
}

typedef void (*write_fn)(const void *ctx, const tj_task_state *state, tj_buf *out);

static tj_code add_line(writer *w, write_fn write, const tj_task_state *state, tj_action action,
                        size_t node, bool on_path, tj_err *err)
{
    tj_buf line;
    tj_span span = span_of(w, action, TJ_BY_TASK, node, on_path);
    tj_buf_init(&line);
    write(w->task->ctx, state, &line);
    tj_code rc = tj_buf_check(&line, err);
    if (rc == TJ_OK) {
        rc = tj_scribe_add(&w->scribe, &span, tj_buf_text(&line), line.len, err);
    }
    tj_buf_deinit(&line);
    return rc;
}

/* Why a reward calls a node wrong, in its own words; "" if none says. */
static const char *reason_of(const writer *w, size_t node)
{
    size_t by = w->known[node].by;
    return by == SIZE_MAX ? "" : w->tree->rewards[by].reason;
}

static tj_code say(writer *w, tj_action action, tj_why why, bool must, size_t node, size_t of,
                   tj_err *err)
{
    if (!must && tj_rng_double(w->rng) >= w->cfg->p_connective) {
        return TJ_OK;
    }
    tj_saying what = {
        .language = w->cfg->language, .action = action, .why = why, .reason = reason_of(w, of)};
    size_t chosen = tj_templates_choose(w->templates, &what, w->last, w->rng);
    if (chosen == TJ_NO_SENTENCE) {
        return TJ_OK;
    }
    tj_buf line;
    tj_span span = span_of(w, action, TJ_BY_TEMPLATE, node, false);
    tj_span_set_name(&span, w->cfg->language);
    tj_buf_init(&line);
    tj_templates_write(w->templates, chosen, &what, &line);
    tj_code rc = tj_buf_check(&line, err);
    if (rc == TJ_OK) {
        rc = tj_scribe_add(&w->scribe, &span, tj_buf_text(&line), line.len, err);
    }
    w->last = chosen;
    tj_buf_deinit(&line);
    return rc;
}

/* ------------------------------------------------------------------ the walk */

/* The correct leaf that a depth-first walk in sampled order meets first, and the way to it. */
static bool find_path(writer *w)
{
    size_t at = 0;
    w->n_path = 0;
    if (!w->known[0].arrives) {
        return false;
    }
    w->path[w->n_path++] = at;
    while (!w->tree->nodes[at].correct) {
        size_t n = tj_tree_children(w->tree, at, w->children, w->tree->n_nodes);
        size_t next = TJ_NO_NODE;
        for (size_t i = 0; i < n && next == TJ_NO_NODE; i++) {
            next = w->known[w->children[i]].arrives ? w->children[i] : TJ_NO_NODE;
        }
        at = next;
        w->path[w->n_path++] = at;
    }
    return true;
}

/* A line of a task is told only if it is whole. */
static bool can_be_told(const writer *w, size_t node)
{
    const tj_node *n = &w->tree->nodes[node];
    size_t len = strlen(n->text);
    bool whole = len > 0 && (w->task == NULL || n->text[len - 1] == '\n');
    return whole && (w->known[node].mark != TJ_MARK_INVALID || w->cfg->tell_invalid);
}

/* Leaves in w->children [n] those that a wrong branch may go on with after `at`, and returns their
 * number: once something wrong was told, any; before that, those that come to something wrong. */
static size_t ways_on(writer *w, size_t at, bool was_wrong)
{
    size_t all = tj_tree_children(w->tree, at, w->children, w->tree->n_nodes);
    size_t n = 0;
    for (size_t i = 0; i < all; i++) {
        size_t c = w->children[i];
        if (can_be_told(w, c) && !w->known[c].arrives &&
            (w->task != NULL || was_wrong || w->known[c].tells)) {
            w->children[n++] = c;
        }
    }
    return n;
}

static bool is_wrong(const writer *w, size_t node)
{
    tj_mark mark = w->known[node].mark;
    return mark == TJ_MARK_INVALID || mark == TJ_MARK_DEAD;
}

/* A node off the path follows one random child. */
static tj_code follow_branch(writer *w, size_t child, size_t *leaf, tj_err *err)
{
    size_t at = child;
    bool was_wrong = is_wrong(w, at);
    tj_code rc = add_step(w, at, false, err);
    for (size_t n_steps = 1; rc == TJ_OK && w->known[at].mark != TJ_MARK_INVALID; n_steps++) {
        size_t n = ways_on(w, at, was_wrong);
        if (n == 0 || n_steps == w->cfg->max_branch) {
            break;
        }
        at = w->children[tj_rng_below(w->rng, n)];
        was_wrong = was_wrong || is_wrong(w, at);
        rc = add_step(w, at, false, err);
    }
    *leaf = at;
    return rc;
}

/* A wrong child down to a leaf, then what is wrong and the way back to `from`. */
static tj_code explore(writer *w, size_t child, size_t from, tj_err *err)
{
    size_t at = child;
    tj_code rc = follow_branch(w, child, &at, err);
    const tj_node *leaf = &w->tree->nodes[at];
    tj_mark mark = w->known[at].mark;
    tj_why why = mark == TJ_MARK_INVALID ? TJ_WHY_INVALID
                 : leaf->terminal        ? TJ_WHY_FAILED
                 : mark == TJ_MARK_DEAD  ? TJ_WHY_DEAD
                                         : TJ_WHY_LONG;
    bool has_verdict = leaf->terminal && w->task != NULL;
    bool restates = w->cfg->restate && w->task != NULL;
    size_t to = w->cfg->back_to_root ? 0 : from;
    if (rc == TJ_OK && has_verdict) {
        rc = add_line(w, w->task->write_failed, &leaf->state, TJ_REFLECT, at, false, err);
    }
    if (rc == TJ_OK) {
        rc = say(w, TJ_REFLECT, why, !has_verdict, at, at, err);
    }
    if (rc == TJ_OK) {
        rc = say(w, TJ_BACKTRACK, why, !restates, restates ? from : to, at, err);
    }
    if (rc == TJ_OK && restates) {
        rc = add_line(w, w->task->write_back, &w->tree->nodes[to].state, TJ_BACKTRACK, to, false,
                      err);
    }
    w->fresh = true;
    w->n_backtracks++;
    for (size_t i = 1; w->cfg->back_to_root && rc == TJ_OK && w->path[i - 1] != from; i++) {
        rc = add_step(w, w->path[i], true, err); /* down again to where it went wrong */
    }
    return rc;
}

static double mean_logprob(const tj_node *n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n->n_ids; i++) {
        sum += (double)n->logprobs[i];
    }
    return n->n_ids == 0 ? (double)-INFINITY : sum / (double)n->n_ids;
}

static double worth(const writer *w, size_t node)
{
    return w->cfg->pick == TJ_PICK_LIKELIEST ? mean_logprob(&w->tree->nodes[node])
                                             : w->known[node].value;
}

/* Leaves the k of wrong [n] that the rule picks, in the order they were in. */
static void pick_some(writer *w, size_t *wrong, size_t n, size_t k)
{
    for (; n > k; n--) { /* one goes after the other: lists are short */
        size_t out = n - 1;
        if (w->cfg->pick == TJ_PICK_RANDOM) {
            out = (size_t)tj_rng_below(w->rng, n);
        }
        for (size_t i = n - 1; i-- > 0 && w->cfg->pick > TJ_PICK_RANDOM;) {
            out = worth(w, wrong[i]) < worth(w, wrong[out]) ? i : out;
        }
        memmove(wrong + out, wrong + out + 1, (n - 1 - out) * sizeof *wrong);
    }
}

/* Wrong children of the path's node at `depth` that the walk tries before `good`: w->wrong. */
static size_t choose_wrong(writer *w, size_t depth, size_t good)
{
    const tj_derive_config *cfg = w->cfg;
    if (depth < cfg->from_depth || (cfg->to_depth > 0 && depth > cfg->to_depth) ||
        (cfg->p_explore < 1.0 && tj_rng_double(w->rng) >= cfg->p_explore)) {
        return 0;
    }
    size_t n = tj_tree_children(w->tree, w->path[depth], w->children, w->tree->n_nodes);
    size_t n_wrong = 0;
    for (size_t i = 0; i < n; i++) {
        size_t c = w->children[i];
        bool before = w->tree->nodes[c].order < w->tree->nodes[good].order;
        bool forced = cfg->order == TJ_ORDER_PAPER && n_wrong == 0;
        if (c != good && (before || forced) && can_be_told(w, c) && w->known[c].tells &&
            !w->known[c].arrives) {
            w->wrong[n_wrong++] = c;
        }
    }
    pick_some(w, w->wrong, n_wrong, cfg->max_trials);
    return n_wrong < cfg->max_trials ? n_wrong : cfg->max_trials;
}

/* A path that came to the answer without stating it is given a conclusion. */
static tj_code conclude_in_words(writer *w, size_t leaf, tj_err *err)
{
    const char *answer = w->tree->answer;
    bool japanese = strcmp(w->cfg->language, "ja") == 0;
    if (answer == NULL || states_answer(w->tree->nodes[leaf].text)) {
        return TJ_OK;
    }
    tj_buf line;
    tj_span span = span_of(w, TJ_CONCLUDE, TJ_BY_TASK, leaf, true);
    tj_buf_init(&line);
    tj_buf_str(&line, japanese ? "答えは " : "The answer is ");
    tj_buf_str(&line, answer);
    tj_buf_str(&line, japanese ? " です。\n" : ".\n");
    tj_code rc = tj_buf_check(&line, err);
    if (rc == TJ_OK) {
        rc = tj_scribe_add(&w->scribe, &span, tj_buf_text(&line), line.len, err);
    }
    tj_buf_deinit(&line);
    return rc;
}

static tj_code walk_path(writer *w, bool journey, tj_err *err)
{
    tj_code rc = TJ_OK;
    w->fresh = true;
    for (size_t i = 0; i + 1 < w->n_path && rc == TJ_OK; i++) {
        size_t n = journey ? choose_wrong(w, i, w->path[i + 1]) : 0;
        for (size_t k = 0; k < n && rc == TJ_OK; k++) {
            if (w->cfg->max_backtracks == 0 || w->n_backtracks < w->cfg->max_backtracks) {
                rc = explore(w, w->wrong[k], w->path[i], err);
            }
        }
        if (rc == TJ_OK) {
            rc = add_step(w, w->path[i + 1], true, err);
        }
    }
    size_t leaf = w->path[w->n_path - 1];
    if (rc == TJ_OK && w->task == NULL) {
        return conclude_in_words(w, leaf, err);
    }
    if (rc == TJ_OK) {
        rc = add_line(w, w->task->write_reached, &w->tree->nodes[leaf].state, TJ_CONCLUDE, leaf,
                      true, err);
    }
    return rc;
}

static void find_known(writer *w)
{
    bool by_rewards = w->task == NULL || w->cfg->rewarder[0] != 0;
    for (size_t i = 0; i < w->tree->n_nodes; i++) {
        w->known[i].by = SIZE_MAX;
    }
    if (by_rewards) {
        hear_all(w->known, w->tree, w->cfg);
    } else {
        read_labels(w->known, w->tree);
    }
    look_below(w->known, w->tree, w->cfg, by_rewards);
}

static tj_code derive(tj_thought *out, tj_thought_kind kind, writer *w, const tj_tokenizer *tok,
                      int32_t eos, tj_err *err)
{
    size_t n = w->tree->n_nodes + 1;
    size_t *scratch = tj_calloc(n, 3 * sizeof *scratch);
    memset(out, 0, sizeof *out);
    w->known = tj_calloc(n, sizeof *w->known);
    if (scratch == NULL || w->known == NULL) {
        tj_free(scratch);
        tj_free(w->known);
        return tj_fail(err, TJ_E_NOMEM, "cannot walk the tree");
    }
    w->path = scratch;
    w->children = scratch + n;
    w->wrong = scratch + 2 * n;
    w->last = TJ_NO_SENTENCE;
    find_known(w);
    tj_scribe_init(&w->scribe, tok);
    tj_code rc = !find_path(w) ? tj_fail(err, TJ_E_NOTFOUND, "the tree has no correct path")
                               : walk_path(w, kind == TJ_JOURNEY, err);
    if (rc == TJ_OK) {
        rc = tj_scribe_end(&w->scribe, out, eos, err);
    }
    tj_scribe_deinit(&w->scribe);
    tj_free(scratch);
    tj_free(w->known);
    if (rc == TJ_OK) {
        out->problem = w->tree->problem;
        out->kind = kind;
        out->n_backtracks = w->n_backtracks;
    }
    return rc;
}

tj_code tj_derive_shortcut(tj_thought *out, const tj_tree *tree, const tj_task *task,
                           const tj_tokenizer *tok, int32_t eos, const tj_derive_config *cfg,
                           tj_err *err)
{
    tj_derive_config plain;
    tj_derive_config_default(&plain);
    writer w = {.tree = tree, .task = task, .cfg = cfg == NULL ? &plain : cfg};
    return derive(out, TJ_SHORTCUT, &w, tok, eos, err);
}

static tj_code check_config(const tj_derive_config *cfg, const tj_templates *templates, tj_err *err)
{
    if (!(cfg->p_connective >= 0.0 && cfg->p_connective <= 1.0)) {
        return tj_fail(err, TJ_E_INVAL, "p_connective is %g, expected 0 to 1", cfg->p_connective);
    }
    if (!(cfg->p_explore >= 0.0 && cfg->p_explore <= 1.0)) {
        return tj_fail(err, TJ_E_INVAL, "p_explore is %g, expected 0 to 1", cfg->p_explore);
    }
    if (!isfinite(cfg->threshold)) {
        return tj_fail(err, TJ_E_INVAL, "threshold is %g, expected a number", cfg->threshold);
    }
    if (!tj_templates_has(templates, cfg->language)) {
        return tj_fail(err, TJ_E_INVAL, "no sentences in the language '%s'", cfg->language);
    }
    return TJ_OK;
}

tj_code tj_derive_journey(tj_thought *out, const tj_tree *tree, const tj_task *task,
                          const tj_tokenizer *tok, int32_t eos, const tj_derive_config *cfg,
                          tj_rng *rng, tj_err *err)
{
    tj_templates *own = NULL;
    memset(out, 0, sizeof *out);
    tj_code rc = cfg->templates == NULL ? tj_templates_create(&own, err) : TJ_OK;
    const tj_templates *templates = own == NULL ? cfg->templates : own;
    if (rc == TJ_OK) {
        rc = check_config(cfg, templates, err);
    }
    if (rc == TJ_OK) {
        writer w = {.tree = tree, .task = task, .cfg = cfg, .templates = templates, .rng = rng};
        rc = derive(out, TJ_JOURNEY, &w, tok, eos, err);
    }
    tj_templates_destroy(own);
    return rc;
}
