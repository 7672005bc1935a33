/* thought derive: shortcuts and journeys from trees, of files or of a workspace.
 *
 * A file is not to be trusted: before anything is derived from a tree, each of its steps is judged
 * again by the verifier, and its token ids must spell its text; in words the grader looks again at
 * the answers that are called right. A tree that claims more than that is refused, since what is
 * derived from it would teach something false. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/par.h"
#include "cli/common.h"
#include "cli/domain.h"
#include "cli/flow.h"
#include "cli/show.h"

#define STREAM_DERIVE   203                 /* of the random numbers, the derive stage's */
#define MAX_TREES_BYTES ((size_t)256 << 20) /* as much as a workspace stores in one piece */

typedef struct derivation {
    tj_domain domain;
    tj_derive_config cfg;
    tj_templates *templates;
    size_t seed;
    bool shortcut, journey, as_json;
    const char *name; /* of what is read, */
    tj_code (*each)(struct derivation *d, const json_t *json, const char *where, tj_err *err);
    struct voices *voices; /* whose rewards the trees have */
    size_t n_trees, n_skipped, n_printed;
    tj_ends *ends;     /* grades answers in words; NULL: none was met yet */
    bool has_language; /* --language is given */
    bool has_back;     /* --back-to-root is given, */
    bool has_tell;     /* and --tell */
    tj_cli_flow flow;  /* with --workspace */
} derivation;

enum { BOTH, SHORTCUT, JOURNEY };

static tj_code read_chance(const tj_args *args, const char *name, double fallback, double *out,
                           tj_err *err)
{
    tj_code rc = tj_args_double(args, name, fallback, out, err);
    return rc != TJ_OK || (*out >= 0.0 && *out <= 1.0)
               ? rc
               : tj_fail(err, TJ_E_INVAL, "--%s is %g, expected 0 to 1", name, *out);
}

/* Which children, how deep, how many, where. */
static tj_code read_rules(tj_derive_config *cfg, const tj_args *args, tj_err *err)
{
    static const char *const orders[] = {"sampled", "paper", NULL};
    static const char *const picks[] = {"first", "random", "likeliest", "best", NULL};
    static const char *const tells[] = {"dead", "invalid", "both", NULL};
    size_t order = 0;
    size_t pick = 0;
    size_t tell = 0;
    tj_code rc = tj_args_choice(args, "order", orders, TJ_ORDER_SAMPLED, &order, err);
    if (rc == TJ_OK) {
        rc = tj_args_choice(args, "pick", picks, TJ_PICK_FIRST, &pick, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_choice(args, "tell", tells, 0, &tell, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "trials", 2, 64, &cfg->max_trials, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "max-backtracks", 4, 4096, &cfg->max_backtracks, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "branch", 0, 4096, &cfg->max_branch, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "from-depth", 0, 4096, &cfg->from_depth, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "to-depth", 0, 4096, &cfg->to_depth, err);
    }
    if (rc == TJ_OK) {
        rc = read_chance(args, "explore", 1.0, &cfg->p_explore, err);
    }
    cfg->order = (tj_walk_order)order;
    cfg->pick = (tj_walk_pick)pick;
    cfg->tell_invalid = tell != 0;
    cfg->tell_dead = tell != 1;
    return rc;
}

static tj_code read_sentences(derivation *d, const tj_args *args, tj_err *err)
{
    const char *language = tj_args_get(args, "language");
    d->has_language = language != NULL;
    tj_code rc = tj_templates_create(&d->templates, err);
    for (size_t i = 0; rc == TJ_OK && tj_args_nth(args, "sentences", i) != NULL; i++) {
        rc = tj_templates_add_file(d->templates, tj_args_nth(args, "sentences", i), err);
    }
    if (rc == TJ_OK && language != NULL) {
        size_t n = strlen(language);
        if (n >= sizeof d->cfg.language || !tj_templates_has(d->templates, language)) {
            return tj_fail(err, TJ_E_INVAL, "--language: there are no sentences in '%s'", language);
        }
        memcpy(d->cfg.language, language, n + 1);
    }
    d->cfg.templates = d->templates;
    return rc;
}

static tj_code read_config(derivation *d, const tj_args *args, tj_err *err)
{
    static const char *const kinds[] = {"both", "shortcut", "journey", NULL};
    static const char *const answers[] = {"no", "yes", NULL};
    size_t kind = BOTH;
    size_t back = 1;
    tj_derive_config_default(&d->cfg);
    tj_code rc = tj_args_choice(args, "kind", kinds, BOTH, &kind, err);
    if (rc == TJ_OK) {
        rc = read_rules(&d->cfg, args, err);
    }
    if (rc == TJ_OK) {
        rc = read_sentences(d, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_choice(args, "back-to-root", answers, 1, &back, err);
    }
    if (rc == TJ_OK) {
        rc = read_chance(args, "connectives", 0.15, &d->cfg.p_connective, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "seed", 1, SIZE_MAX, &d->seed, err);
    }
    d->has_back = tj_args_has(args, "back-to-root");
    d->has_tell = tj_args_has(args, "tell");
    d->cfg.back_to_root = back == 1;
    d->shortcut = kind != JOURNEY;
    d->journey = kind != SHORTCUT;
    d->as_json = tj_args_has(args, "json");
    return rc;
}

/* ------------------------------------------------------------------ checking a tree */

/* The first state must be a problem's: what its prompt says, and nothing else. */
static tj_code check_first(const tj_tree *tree, const char *where, tj_err *err)
{
    tj_countdown_state s;
    tj_countdown_problem problem = {.n_numbers = 0};
    tj_task_state again;
    memcpy(&s, tree->first.bytes, sizeof s); /* may hold anything: not unpacked yet */
    bool fits = s.n_numbers >= 2 && s.n_numbers <= TJ_COUNTDOWN_MAX_NUMBERS && s.target >= 1 &&
                s.target <= TJ_COUNTDOWN_MAX_VALUE;
    for (size_t i = 0; fits && i < s.n_numbers; i++) {
        problem.numbers[i] = s.numbers[i];
        fits = s.numbers[i] >= 1 && s.numbers[i] <= TJ_COUNTDOWN_MAX_VALUE &&
               (i == 0 || s.numbers[i] >= s.numbers[i - 1]);
    }
    if (fits) {
        problem.n_numbers = s.n_numbers;
        problem.target = s.target;
        tj_countdown_first_state(&s, &problem);
        tj_countdown_pack(&again, &s);
        fits = memcmp(&again, &tree->first, sizeof again) == 0;
    }
    return fits ? TJ_OK : tj_fail(err, TJ_E_PARSE, "%s: first: not a Countdown problem", where);
}

static bool ids_spell_text(const derivation *d, const tj_node *n)
{
    size_t n_vocab = tj_tokenizer_n_vocab(d->domain.tok);
    for (size_t i = 0; i < n->n_ids; i++) {
        if (n->ids[i] < 0 || (size_t)n->ids[i] >= n_vocab) {
            return false;
        }
    }
    tj_buf text;
    tj_buf_init(&text);
    tj_tokenizer_decode(d->domain.tok, &text, n->ids, n->n_ids, true);
    bool same = !text.failed && strcmp(tj_buf_text(&text), n->text) == 0;
    tj_buf_deinit(&text);
    return same;
}

static tj_code check_node(const derivation *d, const tj_tree *tree, size_t i, const char *where,
                          tj_err *err)
{
    const tj_task *task = &d->domain.task;
    const tj_node *n = &tree->nodes[i];
    const tj_node *parent = &tree->nodes[n->parent];
    tj_line_verdict verdict;
    tj_task_state after;
    size_t len = strcspn(n->text, "\n");
    task->judge_line(task->ctx, &parent->state, n->text, len, &verdict, &after);
    bool valid = verdict.kind == TJ_LINE_STEP && verdict.valid;
    const char *wrong = NULL;
    if (!ids_spell_text(d, n)) {
        wrong = "its token ids do not spell its text";
    } else if (n->valid && (!valid || !parent->valid || strcmp(n->text + len, "\n") != 0)) {
        wrong = "it is called valid, but is not";
    } else if (n->valid && (n->terminal != verdict.terminal || n->correct != verdict.correct)) {
        wrong = "it is terminal or correct where it should not be, or the reverse";
    } else if (!n->valid && (n->terminal || n->correct)) {
        wrong = "it is not valid, but called terminal or correct";
    } else if (memcmp(&n->state, n->valid ? &after : &parent->state, sizeof after) != 0) {
        wrong = "its state is not where its step leads";
    }
    return wrong == NULL ? TJ_OK : tj_fail(err, TJ_E_PARSE, "%s: node %zu: %s", where, i, wrong);
}

/* In words an answer is right where the grader does not find it different: what it cannot decide
 * may be right by somebody's word. Nobody knows of which tokenizer the ids are. */
static tj_code check_words(derivation *d, tj_tree *tree, const char *where, tj_err *err)
{
    tj_code rc = d->ends != NULL ? TJ_OK : tj_ends_create(&d->ends, tj_par_threads(), err);
    for (size_t i = 0; i < tree->n_nodes && rc == TJ_OK; i++) {
        tj_words_verdict v;
        tj_node *n = &tree->nodes[i];
        n->n_ids = 0; /* the array is freed with the tree */
        if (!n->correct) {
            continue;
        }
        if (i == 0 || !n->terminal) {
            return tj_fail(err, TJ_E_PARSE, "%s: node %zu: it is called correct, but is no end",
                           where, i);
        }
        rc = tj_ends_judge(d->ends, &v, tree, i, tj_cli_job(), err);
        if (rc == TJ_OK && v.right == TJ_LABEL_NO) {
            rc = tj_fail(err, TJ_E_PARSE, "%s: node %zu: it is called correct, but %s", where, i,
                         v.reason);
        }
    }
    return rc;
}

static tj_code check_states(const derivation *d, const tj_tree *tree, const json_t *json,
                            const char *where, tj_err *err)
{
    const char *task = json_string_value(json_object_get(json, "task"));
    if (task == NULL || strcmp(task, d->domain.task.name) != 0) {
        return tj_fail(err, TJ_E_PARSE, "%s: task: expected \"%s\"", where, d->domain.task.name);
    }
    tj_code rc = check_first(tree, where, err);
    const tj_node *root = &tree->nodes[0];
    if (rc == TJ_OK && (memcmp(&root->state, &tree->first, sizeof tree->first) != 0 ||
                        !root->valid || root->terminal || root->correct)) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: node 0: the root is not the problem's first state",
                     where);
    }
    for (size_t i = 1; i < tree->n_nodes && rc == TJ_OK; i++) {
        rc = check_node(d, tree, i, where, err);
    }
    return rc;
}

/* ------------------------------------------------------------------ telling */

/* What one tree is told with: problems in words have other sentences, and no state to say again. */
typedef struct telling {
    tj_derive_config cfg;
    const tj_task *task; /* NULL: in words */
    const tj_tokenizer *tok;
    int32_t eos;
} telling;

/* tok: of the ids of a tree in words; NULL: it has none. has_ids: of Countdown's, whose tokenizer
 * is known. */
static telling telling_of(const derivation *d, bool is_countdown, const tj_tokenizer *tok,
                          bool has_ids)
{
    telling t = {.cfg = d->cfg, .tok = tok};
    t.eos = t.tok == NULL ? -1 : tj_tokenizer_get_extras(t.tok)->eos;
    if (is_countdown) {
        t.task = &d->domain.task;
        t.tok = has_ids ? d->domain.tok : NULL;
        t.eos = d->domain.eos;
        return t;
    }
    if (!d->has_language) {
        memcpy(t.cfg.language, "en-open", sizeof "en-open");
    }
    t.cfg.back_to_root = d->has_back && d->cfg.back_to_root;
    t.cfg.tell_invalid = !d->has_tell || d->cfg.tell_invalid;
    return t;
}

/* The thought of a tree, into the record that says what it is about. */
static tj_code derive_into(const derivation *d, tj_record *record, const tj_tree *tree,
                           const telling *t, tj_thought_kind kind, tj_err *err)
{
    tj_rng rng;
    tj_rng_init(&rng, d->seed, STREAM_DERIVE, (uint64_t)tree->problem, 0);
    tj_code rc =
        kind == TJ_JOURNEY
            ? tj_derive_journey(&record->thought, tree, t->task, t->tok, t->eos, &t->cfg, &rng, err)
            : tj_derive_shortcut(&record->thought, tree, t->task, t->tok, t->eos, &t->cfg, err);
    record->correct = TJ_YES;
    return rc == TJ_OK ? tj_record_set(record, TJ_META_LANGUAGE, t->cfg.language, 2, err) : rc;
}

/* ------------------------------------------------------------------ who says what is wrong */

#define MAX_VOICES 64
/* Whose scale is seen from what they gave. */
typedef struct voices {
    const char *name; /* NULL: all rewarders of the trees */
    struct {
        int64_t rewarder;                                   /* its row; 0: of a file, */
        char name[sizeof((tj_derive_config *)0)->rewarder]; /* where its name tells it apart */
        double low;
    } heard[MAX_VOICES];
    size_t n;
    tj_run_input
        *inputs; /* [TJ_STORE_MAX_INPUTS]: the runs that they gave rewards in; NULL: a file */
    size_t *n_inputs;
} voices;

/* *heard: it is one of those that are asked. row 0: of a file. */
static tj_code hear(voices *v, bool *heard, const tj_reward *reward, int64_t row, tj_err *err)
{
    size_t i = 0;
    *heard = v->name == NULL || strcmp(reward->rewarder, v->name) == 0;
    if (!*heard) {
        return TJ_OK;
    }
    while (i < v->n && (v->heard[i].rewarder != row ||
                        (row == 0 && strcmp(v->heard[i].name, reward->rewarder) != 0))) {
        i++;
    }
    if (i == MAX_VOICES) {
        return tj_fail(err, TJ_E_LIMIT,
                       "the trees have more than %d rewarders: name one with --rewarder",
                       MAX_VOICES);
    }
    if (i == v->n) {
        v->heard[v->n].low = 0.0;
        v->heard[v->n].rewarder = row;
        snprintf(v->heard[v->n++].name, sizeof v->heard[0].name, "%s", reward->rewarder);
    }
    v->heard[i].low = reward->value < v->heard[i].low ? reward->value : v->heard[i].low;
    return TJ_OK;
}

/* A value of 0 is wrong on a scale from 0 to 1 and neutral on one from -1: both together have no
 * threshold, unless somebody names one. */
static tj_code find_scale(derivation *d, const voices *v, const tj_args *args, tj_err *err)
{
    size_t n_signed = 0;
    for (size_t i = 0; i < v->n; i++) {
        n_signed += v->heard[i].low < 0.0 ? 1 : 0;
    }
    if (n_signed > 0 && n_signed < v->n && !tj_args_has(args, "threshold")) {
        return tj_fail(err, TJ_E_INVAL,
                       "some rewards are from 0 to 1, others from -1 to 1: name a --rewarder");
    }
    d->cfg.from_minus_one = n_signed > 0;
    d->cfg.threshold = n_signed > 0 ? 0.0 : 0.5;
    return tj_args_double(args, "threshold", d->cfg.threshold, &d->cfg.threshold, err);
}

/* That the name of --rewarder is one, and their scale. */
static tj_code choose_scale(derivation *d, const voices *v, const tj_args *args, tj_err *err)
{
    if (v->name != NULL && v->n == 0) {
        return tj_fail(err, TJ_E_NOTFOUND, "no rewarder '%s' gave these trees rewards", v->name);
    }
    if (v->name != NULL) {
        memcpy(d->cfg.rewarder, v->name, strlen(v->name) + 1);
    }
    return find_scale(d, v, args, err);
}

static tj_code begin_voices(const derivation *d, voices *v, const tj_args *args, tj_err *err)
{
    *v = (voices){.name = tj_args_get(args, "rewarder")};
    return v->name != NULL && strlen(v->name) >= sizeof d->cfg.rewarder
               ? tj_fail(err, TJ_E_INVAL, "--rewarder: no rewarder has so long a name")
               : TJ_OK;
}

/* ------------------------------------------------------------------ deriving */

static tj_code print_thought(derivation *d, const tj_record *record, tj_err *err)
{
    const char *prompt = tj_record_get(record, TJ_META_PROMPT);
    if (d->as_json) {
        json_t *json = tj_record_to_json(record);
        tj_code rc = tj_print_json_line(json, err);
        json_decref(json);
        d->n_printed++;
        return rc;
    }
    printf("%s%s  %.*s\n", d->n_printed++ > 0 ? "\n" : "",
           tj_thought_kind_name(record->thought.kind), (int)strcspn(prompt, "\n"), prompt);
    tj_print_spans(&record->thought);
    return TJ_OK;
}

static tj_code set_text(tj_record *about, tj_meta meta, const char *text, tj_err *err)
{
    return text == NULL ? TJ_OK : tj_record_set(about, meta, text, strlen(text), err);
}

/* What a tree is about. */
static tj_code describe(const derivation *d, tj_record *about, const tj_tree *tree, tj_err *err)
{
    const tj_task *task = &d->domain.task;
    const char *level = NULL;
    tj_buf prompt;
    tj_buf_init(&prompt);
    if (tree->question == NULL) {
        level = task->difficulty_name(task->ctx, task->difficulty(task->ctx, &tree->first));
        task->write_prompt(task->ctx, &tree->first, &prompt);
    } else {
        tj_buf_str(&prompt, tree->question);
    }
    tj_code rc = tj_buf_check(&prompt, err);
    if (rc == TJ_OK) {
        rc = set_text(about, TJ_META_PROMPT, tj_buf_text(&prompt), err);
    }
    if (rc == TJ_OK) {
        rc = set_text(about, TJ_META_ANSWER, tree->answer, err);
    }
    if (rc == TJ_OK) {
        rc = set_text(about, TJ_META_LEVEL, level, err);
    }
    if (rc == TJ_OK) {
        rc = set_text(about, TJ_META_SOURCE, tree->question == NULL ? task->name : TJ_WORDS_TASK,
                      err);
    }
    tj_buf_deinit(&prompt);
    return rc;
}

static tj_code derive_kind(derivation *d, tj_record *about, const tj_tree *tree,
                           tj_thought_kind kind, tj_err *err)
{
    telling t = telling_of(d, tree->question == NULL, NULL, true);
    tj_code rc = derive_into(d, about, tree, &t, kind, err);
    if (rc == TJ_OK) {
        rc = print_thought(d, about, err);
    }
    tj_thought_deinit(&about->thought);
    memset(&about->thought, 0, sizeof about->thought);
    return rc;
}

static tj_code derive_checked(derivation *d, const tj_tree *tree, const char *where, tj_err *err)
{
    tj_err why;
    tj_record about = {.correct = TJ_UNKNOWN};
    tj_code rc = describe(d, &about, tree, err);
    if (rc != TJ_OK) {
        tj_record_deinit(&about);
        return rc;
    }
    rc = d->shortcut ? derive_kind(d, &about, tree, TJ_SHORTCUT, &why) : TJ_OK;
    if (rc == TJ_OK && d->journey) {
        rc = derive_kind(d, &about, tree, TJ_JOURNEY, &why);
    }
    if (rc == TJ_E_NOTFOUND) {
        const char *prompt = tj_record_get(&about, TJ_META_PROMPT);
        d->n_skipped++;
        tj_job_log(tj_cli_job(), "%s: no correct path, skipped: %.*s", where,
                   (int)strcspn(prompt, "\n"), prompt);
        rc = TJ_OK;
    }
    tj_record_deinit(&about);
    return rc == TJ_OK ? TJ_OK : tj_fail(err, rc, "%s", why.msg);
}

static tj_code derive_tree(derivation *d, const json_t *json, const char *where, tj_err *err)
{
    tj_tree tree;
    tj_code rc = tj_tree_from_json(&tree, json, where, err);
    if (rc != TJ_OK) {
        return rc;
    }
    d->n_trees++;
    rc = tree.question != NULL ? check_words(d, &tree, where, err)
                               : check_states(d, &tree, json, where, err);
    if (rc == TJ_OK) {
        rc = derive_checked(d, &tree, where, err);
    }
    tj_tree_deinit(&tree);
    return rc;
}

/* A tree, or a list of trees; ctx is the derivation. */
static tj_code each_value(void *ctx, const json_t *json, size_t line, tj_err *err)
{
    derivation *d = ctx;
    char where[256];
    size_t i;
    const json_t *one;
    tj_code rc = TJ_OK;
    if (!json_is_array(json)) {
        snprintf(where, sizeof where, "%.200s:%zu", d->name, line);
        rc = d->each(d, json, where, err);
    }
    json_array_foreach(json, i, one)
    {
        snprintf(where, sizeof where, "%.200s:%zu: tree %zu of the list", d->name, line, i + 1);
        rc = rc == TJ_OK ? d->each(d, one, where, err) : rc;
    }
    return rc == TJ_OK ? tj_job_check(tj_cli_job(), err) : rc;
}

/* ------------------------------------------------------------------ in a workspace */

static tj_code note_run(voices *v, int64_t run, tj_err *err)
{
    for (size_t i = 0; i < *v->n_inputs; i++) {
        if (v->inputs[i].id == run) {
            return TJ_OK;
        }
    }
    if (*v->n_inputs == TJ_STORE_MAX_INPUTS) {
        return tj_fail(err, TJ_E_LIMIT, "the trees have rewards of more than %d runs",
                       TJ_STORE_MAX_INPUTS - 1);
    }
    v->inputs[(*v->n_inputs)++] = (tj_run_input){.role = "rewards", .kind = "run", .id = run};
    return TJ_OK;
}

static tj_code hear_row(void *ctx, const tj_reward_row *row, tj_err *err)
{
    voices *v = ctx;
    bool heard = false;
    tj_code rc = hear(v, &heard, &row->reward, row->rewarder, err);
    return rc == TJ_OK && heard ? note_run(v, row->run, err) : rc;
}

static tj_code choose_rewarder(derivation *d, const tj_args *args, tj_run_input *inputs,
                               size_t *n_inputs, tj_err *err)
{
    voices v;
    tj_code rc = begin_voices(d, &v, args, err);
    v.inputs = inputs;
    v.n_inputs = n_inputs;
    for (size_t i = 0; i < d->flow.n_rows && rc == TJ_OK; i++) {
        rc = tj_store_reward_each(d->flow.store, d->flow.rows[i].id, 0, hear_row, &v, err);
    }
    return rc == TJ_OK ? choose_scale(d, &v, args, err) : rc;
}

static json_t *config_json(const derivation *d)
{
    static const char *const orders[] = {"sampled", "paper"};
    static const char *const picks[] = {"first", "random", "likeliest", "best"};
    const tj_derive_config *c = &d->cfg;
    return json_pack("{s:b, s:b, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:b, s:i, s:s, s:s, "
                     "s:s, s:f}",
                     "shortcut", (int)d->shortcut, "journey", (int)d->journey, "order",
                     orders[c->order], "pick", picks[c->pick], "trials", (json_int_t)c->max_trials,
                     "max_backtracks", (json_int_t)c->max_backtracks, "branch",
                     (json_int_t)c->max_branch, "from_depth", (json_int_t)c->from_depth, "to_depth",
                     (json_int_t)c->to_depth, "explore", c->p_explore, "connectives",
                     c->p_connective, "tell_dead", (int)c->tell_dead, "tell_invalid",
                     d->has_tell ? (int)c->tell_invalid : 2, "back_to_root",
                     !d->has_back      ? "by kind"
                     : c->back_to_root ? "yes"
                                       : "no",
                     "language", d->has_language ? c->language : "by kind", "rewarder", c->rewarder,
                     "threshold", c->threshold);
}

static tj_code keep_kind(derivation *d, tj_told_tree *told, int64_t tree, tj_thought_kind kind,
                         tj_err *err)
{
    telling t = telling_of(d, told->is_countdown, d->flow.tok, told->origin.tokenizer != 0);
    tj_record *record = &told->about; /* takes the thought for a while */
    int64_t id;
    tj_code rc = derive_into(d, record, &told->tree, &t, kind, err);
    tj_thought_row row = {.record = record, .tree = tree, .tokenizer = told->origin.tokenizer};
    if (rc == TJ_OK) {
        rc = tj_thought_run_put(d->flow.run, &id, &row, err);
    }
    if (rc == TJ_OK) {
        rc = tj_thought_run_count(d->flow.run, tj_thought_kind_name(kind), 1, err);
    }
    if (rc == TJ_OK && kind == TJ_JOURNEY) {
        rc = tj_thought_run_count(d->flow.run, "ways back", record->thought.n_backtracks, err);
    }
    if (rc == TJ_OK && kind == TJ_JOURNEY && record->thought.n_backtracks > 0) {
        rc = tj_thought_run_count(d->flow.run, "journeys that go back", 1, err);
    }
    tj_thought_deinit(&record->thought);
    return rc;
}

static tj_code derive_item(void *ctx, tj_thought_run *run, size_t item, tj_err *err)
{
    derivation *d = ctx;
    tj_told_tree told;
    int64_t tree = d->flow.rows[item].id;
    tj_code rc = tj_told_tree_load(&told, d->flow.store, tree, err);
    if (rc == TJ_OK) {
        d->flow.origin = told.origin;
        rc = tj_cli_flow_tokenizer(&d->flow, err);
    }
    if (rc != TJ_OK) {
        tj_told_tree_deinit(&told);
        return rc;
    }
    if (d->shortcut) {
        rc = keep_kind(d, &told, tree, TJ_SHORTCUT, err);
    }
    if (rc == TJ_OK && d->journey) {
        rc = keep_kind(d, &told, tree, TJ_JOURNEY, err);
    }
    tj_told_tree_deinit(&told);
    return rc == TJ_E_NOTFOUND ? tj_thought_run_count(run, "without a correct path", 1, err) : rc;
}

static tj_code run_in_workspace(derivation *d, const tj_args *args, tj_err *err)
{
    tj_run_input inputs[TJ_STORE_MAX_INPUTS];
    size_t n_inputs = 1;
    int64_t source = 0;
    tj_cli_flow *f = &d->flow;
    if (tj_args_n_operands(args) > 0) {
        return tj_fail(err, TJ_E_INVAL,
                       "with --workspace trees come from there: bring files in with 'tabiji tree "
                       "import'");
    }
    tj_code rc = tj_cli_flow_open(f, args, false, err);
    if (rc == TJ_OK) {
        rc = tj_cli_source_run(&source, f->store, args, TJ_ROW_TREE, err);
    }
    inputs[0] = (tj_run_input){.role = "trees", .kind = "run", .id = source};
    if (rc == TJ_OK) {
        rc = tj_store_list(f->store, &f->rows, &f->n_rows, TJ_ROW_TREE, source, err);
    }
    if (rc == TJ_OK) {
        rc = choose_rewarder(d, args, inputs, &n_inputs, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_flow_begin(f, "derive", config_json(d), d->seed, inputs, n_inputs, err);
    }
    if (rc == TJ_OK) {
        rc = tj_thought_run_items(f->run, f->n_rows, derive_item, d, err);
        rc = tj_cli_flow_end(f, args, rc, NULL, 0, err);
    }
    return rc;
}

/* ------------------------------------------------------------------ the command */

/* Countdown's trees have the verifier's and the solver's labels; a name asks of them, too. */
static tj_code hear_tree(derivation *d, const json_t *json, const char *where, tj_err *err)
{
    tj_tree tree;
    bool heard;
    tj_code rc = tj_tree_from_json(&tree, json, where, err);
    if (rc != TJ_OK) {
        return rc;
    }
    bool asked = tree.question != NULL || d->voices->name != NULL;
    for (size_t i = 0; asked && i < tree.n_rewards && rc == TJ_OK; i++) {
        rc = hear(d->voices, &heard, &tree.rewards[i], 0, err);
    }
    tj_tree_deinit(&tree);
    return rc;
}

static tj_code walk_file(derivation *d, const tj_buf *text,
                         tj_code (*each)(derivation *d, const json_t *json, const char *where,
                                         tj_err *err),
                         tj_err *err)
{
    d->each = each;
    return tj_json_values_each(tj_buf_text(text), text->len, d->name, 0, each_value, d, err);
}

/* Twice over the file: on which scale its rewards are is known at its end. */
static tj_code run_on_file(derivation *d, const tj_args *args, tj_err *err)
{
    const char *path = tj_args_operand(args, 0);
    voices v;
    tj_buf text;
    tj_buf_init(&text);
    d->name = path == NULL || strcmp(path, "-") == 0 ? "standard input" : path;
    d->voices = &v;
    tj_code rc = begin_voices(d, &v, args, err);
    if (rc == TJ_OK) {
        rc = tj_read_input(&text, path, MAX_TREES_BYTES, err);
    }
    if (rc == TJ_OK) {
        rc = walk_file(d, &text, hear_tree, err);
    }
    if (rc == TJ_OK) {
        rc = choose_scale(d, &v, args, err);
    }
    if (rc == TJ_OK) {
        rc = walk_file(d, &text, derive_tree, err);
    }
    if (rc == TJ_OK && d->n_trees == 0) {
        rc = tj_fail(err, TJ_E_PARSE, "%s has no trees", d->name);
    }
    if (rc == TJ_OK && d->n_skipped > 0) {
        tj_job_log(tj_cli_job(), "%zu of %zu trees have no correct path and were skipped",
                   d->n_skipped, d->n_trees);
    }
    tj_buf_deinit(&text);
    return rc;
}

tj_code tj_cmd_thought_derive(const tj_args *args, tj_err *err)
{
    derivation d = {.n_trees = 0};
    tj_code rc = read_config(&d, args, err);
    if (rc == TJ_OK) {
        rc = tj_domain_open(&d.domain, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_has_workspace(args) ? run_in_workspace(&d, args, err)
                                        : run_on_file(&d, args, err);
    }
    tj_ends_destroy(d.ends);
    tj_templates_destroy(d.templates);
    tj_domain_close(&d.domain);
    tj_cli_flow_close(&d.flow);
    return rc;
}
