/* thought derive: shortcuts and journeys from trees, of files (which are checked first,
 * check_tree.c) or of a workspace. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/check_tree.h"
#include "cli/common.h"
#include "cli/domain.h"
#include "cli/flow.h"
#include "cli/show.h"
#include "cli/voices.h"

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
    tj_voices *voices; /* whose rewards the trees have */
    size_t n_trees, n_skipped, n_printed;
    tj_ends *ends;     /* grades answers in words; NULL: none was met yet */
    bool has_language; /* --language is given */
    bool has_back;     /* --back-to-root is given, */
    bool has_tell;     /* and --tell */
    tj_cli_flow flow;  /* with --workspace */
} derivation;

enum { BOTH, SHORTCUT, JOURNEY };

static const char *const orders[] = {"sampled", "paper", NULL}; /* by tj_walk_order */
static const char *const picks[] = {"first", "random", "likeliest", "best", NULL};

/* Which children, how deep, how many, where. */
static tj_code read_rules(tj_derive_config *cfg, const tj_args *args, tj_err *err)
{
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
        rc = tj_args_number(args, "explore", 1.0, 1.0, &cfg->p_explore, err);
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
        rc = tj_args_number(args, "connectives", 0.15, 1.0, &d->cfg.p_connective, err);
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
    rc = tj_cli_check_tree(&d->domain, &d->ends, &tree, json, where, err);
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

static tj_code choose_rewarder(derivation *d, const tj_args *args, tj_run_input *inputs,
                               size_t *n_inputs, tj_err *err)
{
    tj_voices v;
    tj_code rc = tj_voices_begin(&v, args, err);
    v.inputs = inputs;
    v.n_inputs = n_inputs;
    for (size_t i = 0; i < d->flow.n_rows && rc == TJ_OK; i++) {
        rc =
            tj_store_reward_each(d->flow.store, d->flow.rows[i].id, 0, tj_voices_hear_row, &v, err);
    }
    return rc == TJ_OK ? tj_voices_choose_scale(&d->cfg, &v, args, err) : rc;
}

static json_t *config_json(const derivation *d)
{
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
        rc = tj_voices_hear(d->voices, &heard, &tree.rewards[i], 0, err);
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
    tj_voices v;
    tj_buf text;
    tj_buf_init(&text);
    d->name = path == NULL || strcmp(path, "-") == 0 ? "standard input" : path;
    d->voices = &v;
    tj_code rc = tj_voices_begin(&v, args, err);
    if (rc == TJ_OK) {
        rc = tj_read_input(&text, path, MAX_TREES_BYTES, err);
    }
    if (rc == TJ_OK) {
        rc = walk_file(d, &text, hear_tree, err);
    }
    if (rc == TJ_OK) {
        rc = tj_voices_choose_scale(&d->cfg, &v, args, err);
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
