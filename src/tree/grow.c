/* The loop of growing, the same for every search method (search.c).
 *
 * A sample's stream is (seed, run, problem, draw) with draw a hash of the parent's draw and the
 * number of the try, so that a tree depends on nothing but (seed, run, problem), the policy and the
 * scorer. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "tree/search.h"

void tj_grow_config_default(tj_grow_config *cfg)
{
    *cfg = (tj_grow_config){.width = 3,
                            .depth = 10,
                            .max_tries = 6,
                            .temperature = 1.0,
                            .temperature_rise = 0.2,
                            .max_step_tokens = 64,
                            .batch_problems = 64,
                            .exploration = 1.4};
}

tj_code tj_grow_config_check(const tj_grow_config *cfg, tj_err *err)
{
    bool endless = cfg->method == TJ_SEARCH_BEST_FIRST || cfg->method == TJ_SEARCH_UCT ||
                   cfg->method == TJ_SEARCH_PUCT;
    bool bounded = cfg->max_rounds > 0 || cfg->max_nodes > 0 || cfg->max_tokens > 0 ||
                   cfg->max_seconds > 0.0 || cfg->max_answers > 0;
    bool needs_k = cfg->method == TJ_SEARCH_BEAM || cfg->method == TJ_SEARCH_DVTS;
    if (cfg->width == 0 || cfg->depth == 0 || cfg->max_tries == 0) {
        return tj_fail(err, TJ_E_INVAL, "width %zu, depth %zu, max_tries %zu: expected 1 or more",
                       cfg->width, cfg->depth, cfg->max_tries);
    }
    if (needs_k && cfg->prune_k == 0) {
        return tj_fail(err, TJ_E_INVAL, "%s needs prune_k: how many go on",
                       tj_search_names[cfg->method]);
    }
    return !endless || bounded
               ? TJ_OK
               : tj_fail(err, TJ_E_INVAL,
                         "%s needs a bound: max_rounds, max_nodes, max_tokens, max_answers or "
                         "max_seconds",
                         tj_search_names[cfg->method]);
}

/* A mixing of two words (the finaliser of splitmix64, Steele et al. 2014). */
static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t x = a * 0x9e3779b97f4a7c15ULL + b + 0x632be59bd9b4e019ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

/* ------------------------------------------------------------------ slots */

bool tj_slot_grows(const tj_grower *g, const tj_slot *slot, size_t node)
{
    const tj_node *n = &slot->tree.nodes[node];
    return n->valid != TJ_LABEL_NO && !n->terminal && n->pruned == TJ_KEPT &&
           n->depth < g->cfg->depth;
}

tj_code tj_slot_want(tj_slot *slot, const tj_want *want, tj_err *err)
{
    if (!tj_grow(&slot->wants, &slot->cap_wants, slot->n_wants + 1, sizeof *slot->wants)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot ask after %zu nodes", slot->n_wants + 1);
    }
    slot->wants[slot->n_wants++] = *want;
    return TJ_OK;
}

static void free_slot(tj_slot *slot)
{
    for (size_t i = 0; i < slot->n_unscored; i++) {
        tj_score_deinit(slot->unscored[i].score);
        tj_free(slot->unscored[i].score);
    }
    tj_free(slot->unscored);
    tj_tree_deinit(&slot->tree);
    tj_buf_deinit(&slot->problem);
    tj_free(slot->sides);
    tj_free(slot->wants);
    tj_free(slot->fronts);
    tj_free(slot->owners);
    *slot = (tj_slot){.live = false};
}

static tj_code add_side(tj_slot *slot, tj_err *err)
{
    if (!tj_grow(&slot->sides, &slot->cap_sides, slot->tree.n_nodes, sizeof *slot->sides)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot search among %zu nodes", slot->tree.n_nodes);
    }
    slot->sides[slot->tree.n_nodes - 1] = (tj_side){.has_score = false};
    return TJ_OK;
}

static tj_code begin_slot(const tj_grower *g, tj_slot *slot, const tj_grow_item *item, tj_err *err)
{
    const tj_growth *o = g->growth;
    tj_tree *tree = &slot->tree;
    size_t root;
    tj_code rc = TJ_OK;
    *slot = (tj_slot){.simulated = TJ_NO_NODE, .begun = tj_clock_seconds()};
    tj_buf_init(&slot->problem);
    *tree = (tj_tree){.problem = item->problem, .first = item->first, .seed = o->seed};
    tree->run = o->run;
    if (item->question != NULL) {
        rc = tj_tree_set_question(tree, item->question, strlen(item->question), item->answer,
                                  item->answer == NULL ? 0 : strlen(item->answer), err);
        tj_buf_str(&slot->problem, item->question);
    } else {
        o->task->write_prompt(o->task->ctx, &item->first, &slot->problem);
    }
    if (rc == TJ_OK) {
        rc = tj_buf_check(&slot->problem, err);
    }
    if (rc == TJ_OK) {
        rc = o->policy->begin(o->policy->ctx, tree, err);
    }
    if (rc == TJ_OK) {
        rc = tj_tree_add_node(tree, &root, TJ_NO_NODE, "", NULL, NULL, 0, err);
    }
    if (rc == TJ_OK) {
        if (item->question != NULL) {
            tree->nodes[0].solvable = TJ_LABEL_UNKNOWN;
        }
        rc = add_side(slot, err);
    }
    if (rc == TJ_OK) {
        rc = tj_search_begin(g, slot, err);
    }
    slot->live = rc == TJ_OK;
    if (rc != TJ_OK) {
        free_slot(slot);
    }
    return rc;
}

/* ------------------------------------------------------------------ asking the policy */

/* Budgets end a tree between two calls of the policy. */
static bool has_budget(const tj_grower *g, const tj_slot *slot)
{
    const tj_grow_config *c = g->cfg;
    return (c->max_nodes == 0 || slot->tree.n_nodes < c->max_nodes) &&
           (c->max_tokens == 0 || slot->n_tokens < c->max_tokens) &&
           (c->max_answers == 0 || slot->n_answers < c->max_answers) &&
           (c->max_seconds <= 0.0 || tj_clock_seconds() - slot->begun < c->max_seconds);
}

static size_t lacks(const tj_slot *slot, const tj_want *want, size_t round)
{
    if (want->exact > 0) {
        return round == 0 ? want->exact : 0;
    }
    size_t have = slot->tree.nodes[want->node].n_children;
    size_t tried = slot->sides[want->node].n_samples;
    size_t missing = have < want->width ? want->width - have : 0;
    size_t left = tried < want->tries ? want->tries - tried : 0;
    return missing < left ? missing : left;
}

/* Asks for the steps that the wanted nodes of a tree lack. */
static tj_code collect(tj_grower *g, tj_slot *slot, size_t round, tj_err *err)
{
    for (size_t w = 0; w < slot->n_wants && has_budget(g, slot); w++) {
        const tj_want *want = &slot->wants[w];
        size_t n = lacks(slot, want, round);
        if (!tj_grow(&g->requests, &g->cap_requests, g->n_requests + n, sizeof *g->requests)) {
            return tj_fail(err, TJ_E_NOMEM, "cannot ask for %zu steps", g->n_requests + n);
        }
        for (size_t k = 0; k < n; k++) {
            g->requests[g->n_requests++] = (tj_step_request){
                .tree = &slot->tree,
                .node = want->node,
                .draw = mix(slot->tree.nodes[want->node].draw, slot->sides[want->node].n_samples++),
                .temperature = g->cfg->temperature + (double)round * g->cfg->temperature_rise,
                .turn = g->turn};
        }
    }
    return TJ_OK;
}

static void free_requests(tj_grower *g)
{
    for (size_t i = 0; i < g->n_requests; i++) {
        tj_free(g->requests[i].ids);
        tj_free(g->requests[i].logprobs);
        tj_free(g->requests[i].text);
    }
    g->n_requests = 0;
}

/* ------------------------------------------------------------------ judging */

/* A step as it will stand in the tree. */
typedef struct judged {
    char key[TJ_STEP_KEY_BYTES];
    tj_task_state state;
    tj_label valid, solvable;
    bool terminal, correct;
    tj_pruned pruned;
    char reason[TJ_STEP_REASON_BYTES]; /* of the verdict on validity; in words of the end's */
} judged;

static void judge_state(const tj_grower *g, const tj_step_request *r, judged *j)
{
    const tj_task *task = g->growth->task;
    const tj_task_state *before = &r->tree->nodes[r->node].state;
    tj_line_verdict v;
    size_t len = strlen(r->text);
    while (len > 0 && r->text[len - 1] == '\n') { /* a token may hold two */
        len--;
    }
    task->judge_line(task->ctx, before, r->text, len, &v, &j->state);
    bool is_step = v.kind == TJ_LINE_STEP && r->whole;
    if (!is_step) {
        (void)snprintf(v.reason, sizeof v.reason, "%s",
                       r->whole ? "this is not a step" : "the step has no end");
        j->state = *before;
    }
    j->valid = is_step && v.valid ? TJ_LABEL_YES : TJ_LABEL_NO;
    bool valid = j->valid == TJ_LABEL_YES;
    j->solvable = valid && v.solvable ? TJ_LABEL_YES : TJ_LABEL_NO;
    j->terminal = valid && (v.terminal || r->last);
    j->correct = valid && v.correct;
    memcpy(j->key, v.key, sizeof j->key);
    if (j->key[0] == 0) { /* cannot be read: its own text tells it apart */
        (void)snprintf(j->key, sizeof j->key, "%.*s", (int)len, r->text);
    }
    (void)snprintf(j->reason, sizeof j->reason, "%s", v.reason);
}

static bool was_said(const tj_tree *tree, size_t node, const char *key)
{
    for (size_t i = node; i != 0; i = tree->nodes[i].parent) {
        if (strcmp(tree->nodes[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static tj_code judge_words(const tj_grower *g, const tj_step_request *r, judged *j, tj_err *err)
{
    const tj_tree *tree = r->tree;
    tj_words_verdict v;
    tj_buf path;
    size_t len = strlen(r->text);
    tj_buf_init(&path);
    tj_tree_path_text(tree, r->node, &path);
    size_t begin = path.len;
    tj_buf_add(&path, r->text, len);
    tj_code rc = tj_buf_check(&path, err);
    if (rc == TJ_OK) {
        tj_words_end end = r->last ? TJ_WORDS_LAST : r->cut ? TJ_WORDS_CUT : TJ_WORDS_STEP;
        rc = tj_words_judge(&v, g->grader, tree->answer, tj_buf_text(&path), path.len, begin, end,
                            err);
    }
    tj_buf_deinit(&path);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_step_key(j->key, r->text, len);
    j->valid = TJ_LABEL_UNKNOWN;
    j->terminal = r->whole && (v.states_answer || r->last);
    j->solvable = j->terminal ? v.right : TJ_LABEL_UNKNOWN;
    j->correct = j->solvable == TJ_LABEL_YES;
    if (!j->terminal) {
        j->pruned = !r->whole                         ? TJ_PRUNED_ENDLESS
                    : was_said(tree, r->node, j->key) ? TJ_PRUNED_LOOP
                                                      : TJ_KEPT;
    }
    (void)snprintf(j->reason, sizeof j->reason, "%s", v.reason);
    return TJ_OK;
}

/* ------------------------------------------------------------------ taking steps in */

static tj_code add_label(tj_tree *tree, size_t node, const char *rewarder, tj_meaning meaning,
                         bool value, const char *reason, tj_err *err)
{
    tj_reward reward = {.node = node, .rewarder = rewarder, .meaning = meaning, .value = value};
    (void)snprintf(reward.reason, sizeof reward.reason, "%s", reason);
    return tj_tree_add_reward(tree, &reward, err);
}

/* What is known becomes rewards; what is not does not. */
static tj_code add_labels(tj_tree *tree, size_t id, const judged *j, tj_err *err)
{
    if (tree->question != NULL) {
        return j->terminal && j->solvable != TJ_LABEL_UNKNOWN
                   ? add_label(tree, id, "verifier", TJ_SOLVABLE, j->solvable == TJ_LABEL_YES,
                               j->reason, err)
                   : TJ_OK;
    }
    tj_code rc =
        add_label(tree, id, "verifier", TJ_VALID, j->valid == TJ_LABEL_YES, j->reason, err);
    if (rc == TJ_OK) {
        bool solvable = j->solvable == TJ_LABEL_YES;
        const char *reason = solvable                  ? ""
                             : j->valid == TJ_LABEL_NO ? "the step is not valid"
                             : j->terminal             ? "the target was missed"
                                                       : "the target is out of reach";
        rc = add_label(tree, id, "solver", TJ_SOLVABLE, solvable, reason, err);
    }
    return rc;
}

static size_t find_sibling(const tj_tree *tree, size_t parent, const judged *j)
{
    for (size_t i = parent + 1; i < tree->n_nodes; i++) {
        const tj_node *n = &tree->nodes[i];
        if (n->parent == parent && n->valid == j->valid && strcmp(n->key, j->key) == 0) {
            return i;
        }
    }
    return TJ_NO_NODE;
}

static tj_code add_step(tj_grower *g, tj_slot *slot, const tj_step_request *r, const judged *j,
                        size_t *id, tj_err *err)
{
    tj_tree *tree = &slot->tree;
    tj_code rc = tj_tree_add_node(tree, id, r->node, r->text, r->ids, r->logprobs, r->n_ids, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_node *n = &tree->nodes[*id];
    memcpy(n->key, j->key, sizeof n->key);
    n->draw = r->draw;
    n->state = j->state;
    n->valid = j->valid;
    n->solvable = j->solvable;
    n->terminal = j->terminal;
    n->correct = j->correct;
    n->pruned = j->pruned;
    slot->n_answers += j->terminal ? 1 : 0;
    g->stats.n_nodes++;
    g->stats.n_loops += j->pruned == TJ_PRUNED_LOOP ? 1 : 0;
    g->stats.n_endless += j->pruned == TJ_PRUNED_ENDLESS ? 1 : 0;
    rc = add_side(slot, err);
    return rc == TJ_OK ? add_labels(tree, *id, j, err) : rc;
}

/* Puts one sampled step into its tree, or counts it as a duplicate of a sibling. */
static tj_code take(tj_grower *g, tj_slot *slot, const tj_step_request *r, tj_err *err)
{
    tj_tree *tree = &slot->tree;
    judged j = {.state = tree->nodes[r->node].state};
    tj_code rc = TJ_OK;
    if (tree->question == NULL) {
        judge_state(g, r, &j);
    } else {
        rc = judge_words(g, r, &j, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    slot->n_tokens += r->n_tokens;
    g->stats.n_tokens += r->n_tokens;
    size_t id = find_sibling(tree, r->node, &j);
    if (id != TJ_NO_NODE) {
        tree->nodes[id].n_duplicates++;
        g->stats.n_duplicates++;
    } else {
        rc = add_step(g, slot, r, &j, &id, err);
    }
    if (rc == TJ_OK) {
        tj_search_landed(g, slot, r->node, id);
    }
    return rc;
}

static tj_slot *slot_of(const tj_grower *g, const tj_tree *tree)
{
    for (size_t s = 0; s < g->n_slots; s++) {
        if (&g->slots[s].tree == tree) {
            return &g->slots[s];
        }
    }
    return NULL;
}

/* Samples what all trees want, again and again while steps are missing. */
static tj_code expand(tj_grower *g, tj_err *err)
{
    tj_code rc = TJ_OK;
    g->turn++;
    for (size_t round = 0; rc == TJ_OK && round < g->cfg->max_tries; round++) {
        g->n_requests = 0;
        for (size_t s = 0; s < g->n_slots && rc == TJ_OK; s++) {
            rc = g->slots[s].live ? collect(g, &g->slots[s], round, err) : TJ_OK;
        }
        if (rc != TJ_OK || g->n_requests == 0) {
            break;
        }
        const tj_policy *policy = g->growth->policy;
        rc = policy->sample(policy->ctx, g->requests, g->n_requests, g->growth->job, err);
        for (size_t i = 0; i < g->n_requests && rc == TJ_OK; i++) {
            const tj_step_request *r = &g->requests[i];
            rc = take(g, slot_of(g, r->tree), r, err);
        }
        free_requests(g);
    }
    free_requests(g);
    return rc;
}

/* ------------------------------------------------------------------ scoring */

typedef struct scoring {
    tj_score_ask *asks; /* [n] */
    size_t *slots;      /* [n] whose they are */
    tj_score *scores;   /* [n] */
    const char **texts; /* of all steps, path after path */
    size_t n, n_texts;
} scoring;

/* Steps that are known to be no steps, to be wrong or to go in circles need no score. */
static bool is_scored(const tj_slot *slot, size_t node)
{
    const tj_node *n = &slot->tree.nodes[node];
    return n->valid != TJ_LABEL_NO && n->pruned == TJ_KEPT;
}

static void count_asks(const tj_grower *g, scoring *s)
{
    for (size_t k = 0; k < g->n_slots; k++) {
        const tj_slot *slot = &g->slots[k];
        for (size_t i = slot->first_new; slot->live && i < slot->tree.n_nodes; i++) {
            s->n += is_scored(slot, i) ? 1 : 0;
            s->n_texts += is_scored(slot, i) ? slot->tree.nodes[i].depth : 0;
        }
    }
}

static void fill_asks(const tj_grower *g, scoring *s)
{
    size_t n = 0;
    size_t at = 0;
    for (size_t k = 0; k < g->n_slots; k++) {
        const tj_slot *slot = &g->slots[k];
        const tj_tree *tree = &slot->tree;
        for (size_t i = slot->first_new; slot->live && i < tree->n_nodes; i++) {
            if (!is_scored(slot, i)) {
                continue;
            }
            size_t depth = tree->nodes[i].depth;
            size_t up = i;
            for (size_t d = depth; d-- > 0; up = tree->nodes[up].parent) {
                s->texts[at + d] = tree->nodes[up].text;
            }
            s->slots[n] = k;
            s->asks[n++] = (tj_score_ask){.problem = tj_buf_text(&slot->problem),
                                          .answer = tree->answer,
                                          .steps = s->texts + at,
                                          .n_steps = depth,
                                          .tree = tree,
                                          .node = i,
                                          .key = mix((uint64_t)tree->problem, tree->nodes[i].draw)};
            at += depth;
        }
    }
}

/* Keeps a score that failed; takes it. */
static tj_code keep_failure(tj_grower *g, tj_slot *slot, size_t node, tj_score *score, tj_err *err)
{
    if (g->stats.n_failed++ == 0) {
        (void)snprintf(g->stats.failure, sizeof g->stats.failure, "%s",
                       score->error == NULL ? "no reason is given" : score->error);
    }
    tj_score *kept = tj_calloc(1, sizeof *kept);
    if (kept == NULL || !tj_grow(&slot->unscored, &slot->cap_unscored, slot->n_unscored + 1,
                                 sizeof *slot->unscored)) {
        tj_free(kept);
        return tj_fail(err, TJ_E_NOMEM, "cannot keep a score that failed");
    }
    *kept = *score;
    *score = (tj_score){.failed = true};
    slot->unscored[slot->n_unscored++] = (tj_unscored){node, kept};
    return TJ_OK;
}

static tj_code take_score(tj_grower *g, tj_slot *slot, size_t node, tj_score *score, tj_err *err)
{
    const tj_scorer *scorer = g->growth->scorer;
    tj_side *side = &slot->sides[node];
    g->stats.n_scores++;
    g->stats.score_tokens += score->tokens;
    g->stats.score_money += score->money;
    slot->score_tokens += score->tokens;
    slot->score_money += score->money;
    if (score->failed) {
        return keep_failure(g, slot, node, score, err);
    }
    side->has_score = true;
    side->score = score->value;
    const char *name = tj_tree_keep_name(&slot->tree, scorer->name);
    if (name == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot keep a rewarder's name");
    }
    tj_reward reward = {
        .node = node, .rewarder = name, .meaning = scorer->meaning, .value = score->value};
    (void)snprintf(reward.reason, sizeof reward.reason, "%s",
                   score->reason == NULL ? "" : score->reason);
    return tj_tree_add_reward(&slot->tree, &reward, err);
}

/* Scores the new nodes of all trees in one call. */
static tj_code score_new(tj_grower *g, tj_err *err)
{
    const tj_scorer *scorer = g->growth->scorer;
    scoring s = {.n = 0};
    count_asks(g, &s);
    if (scorer == NULL || s.n == 0) {
        return TJ_OK;
    }
    s.asks = tj_calloc(s.n, sizeof *s.asks);
    s.slots = tj_calloc(s.n, sizeof *s.slots);
    s.scores = tj_calloc(s.n, sizeof *s.scores);
    s.texts = tj_calloc(s.n_texts, sizeof *s.texts);
    tj_code rc = TJ_OK;
    if (s.asks == NULL || s.slots == NULL || s.scores == NULL || s.texts == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot score %zu steps", s.n);
    }
    if (rc == TJ_OK) {
        fill_asks(g, &s);
        rc = scorer->score(scorer->ctx, s.scores, s.asks, s.n, g->growth->job, err);
        for (size_t i = 0; i < s.n && rc == TJ_OK; i++) {
            rc = take_score(g, &g->slots[s.slots[i]], s.asks[i].node, &s.scores[i], err);
        }
        for (size_t i = 0; i < s.n; i++) {
            tj_score_deinit(&s.scores[i]);
        }
    }
    tj_free(s.asks);
    tj_free(s.slots);
    tj_free(s.scores);
    tj_free(s.texts);
    return rc;
}

/* ------------------------------------------------------------------ rounds */

/* Lets the methods choose; trees that may cost no more are done. */
static tj_code select_nodes(tj_grower *g, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t s = 0; s < g->n_slots && rc == TJ_OK; s++) {
        tj_slot *slot = &g->slots[s];
        slot->n_wants = 0;
        slot->first_new = slot->tree.n_nodes;
        slot->done = slot->live && !has_budget(g, slot);
        if (slot->live && !slot->done) {
            rc = tj_search_select(g, slot, err);
        }
    }
    return rc;
}

static tj_code end_slot(tj_grower *g, tj_slot *slot, tj_err *err)
{
    const tj_growth *o = g->growth;
    g->stats.n_trees++;
    g->stats.n_solved += tj_tree_leads_to_correct(&slot->tree, 0) ? 1 : 0;
    if (o->cost != NULL) {
        *o->cost = (tj_tree_cost){.tokens = slot->n_tokens + slot->score_tokens,
                                  .seconds = tj_clock_seconds() - slot->begun,
                                  .money = slot->score_money,
                                  .unscored = slot->unscored,
                                  .n_unscored = slot->n_unscored};
    }
    if (o->stats != NULL) {
        *o->stats = g->stats;
    }
    tj_code rc = o->done(o->ctx, &slot->tree, err);
    free_slot(slot);
    return rc;
}

static void say_progress(const tj_grower *g, size_t n_items)
{
    char note[96];
    double seconds = tj_clock_seconds() - g->begun;
    (void)snprintf(note, sizeof note, "%llu nodes, %.0f tokens/s, %zu solved",
                   (unsigned long long)g->stats.n_nodes,
                   seconds > 0.0 ? (double)g->stats.n_tokens / seconds : 0.0, g->stats.n_solved);
    tj_job_progress(g->growth->job, "growing", g->stats.n_trees, n_items, "trees", note);
}

static tj_code end_done(tj_grower *g, size_t *n_live, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t s = 0; s < g->n_slots && rc == TJ_OK; s++) {
        if (g->slots[s].live && g->slots[s].done) {
            rc = end_slot(g, &g->slots[s], err);
            (*n_live)--;
        }
    }
    return rc;
}

static tj_code fill_slots(tj_grower *g, const tj_grow_item *items, size_t n_items, size_t *next,
                          size_t *n_live, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t s = 0; s < g->n_slots && *next < n_items && rc == TJ_OK; s++) {
        if (!g->slots[s].live) {
            rc = begin_slot(g, &g->slots[s], &items[*next], err);
            if (rc != TJ_OK) {
                tj_err_context(err, "problem %lld", (long long)items[*next].problem);
            }
            (*next)++;
            (*n_live) += rc == TJ_OK ? 1 : 0;
        }
    }
    return rc;
}

static tj_code grow_round(tj_grower *g, tj_err *err)
{
    tj_code rc = tj_job_check(g->growth->job, err);
    if (rc == TJ_OK) {
        rc = expand(g, err);
    }
    if (rc == TJ_OK) {
        rc = score_new(g, err);
    }
    for (size_t s = 0; s < g->n_slots && rc == TJ_OK; s++) {
        rc = g->slots[s].live ? tj_search_update(g, &g->slots[s], err) : TJ_OK;
    }
    return rc;
}

static tj_code grow_all(tj_grower *g, const tj_grow_item *items, size_t n_items, tj_err *err)
{
    size_t next = 0;
    size_t n_live = 0;
    tj_code rc = TJ_OK;
    while (rc == TJ_OK && (next < n_items || n_live > 0)) {
        rc = fill_slots(g, items, n_items, &next, &n_live, err);
        if (rc == TJ_OK) {
            rc = select_nodes(g, err);
        }
        if (rc == TJ_OK) {
            rc = end_done(g, &n_live, err);
        }
        if (rc == TJ_OK && n_live > 0) {
            rc = grow_round(g, err);
        }
        say_progress(g, n_items);
    }
    return rc;
}

tj_code tj_trees_grow(const tj_growth *growth, const tj_grow_item *items, size_t n_items,
                      tj_err *err)
{
    tj_grower g = {.growth = growth, .cfg = growth->cfg, .begun = tj_clock_seconds()};
    bool words = false;
    for (size_t i = 0; i < n_items; i++) {
        words = words || items[i].question != NULL;
    }
    tj_code rc = tj_grow_config_check(g.cfg, err);
    if (rc == TJ_OK && words) {
        rc = tj_grader_create(&g.grader, NULL, err);
    }
    g.n_slots = g.cfg->batch_problems > 0 ? g.cfg->batch_problems : 1;
    g.n_slots = g.n_slots < n_items ? g.n_slots : n_items;
    if (rc == TJ_OK && n_items > 0) {
        g.slots = tj_calloc(g.n_slots, sizeof *g.slots);
        rc = g.slots == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot grow %zu trees", g.n_slots)
                             : grow_all(&g, items, n_items, err);
    }
    for (size_t s = 0; g.slots != NULL && s < g.n_slots; s++) {
        free_slot(&g.slots[s]);
    }
    if (growth->stats != NULL) {
        *growth->stats = g.stats;
    }
    tj_free(g.slots);
    tj_free(g.requests);
    tj_grader_destroy(g.grader);
    return rc;
}
