/* Process reward models here: a model with a value head, read at the last token of each step. The
 * probability that a step is right is sigmoid(value), as tj_prm_loss trains it.
 *
 * Asks become trees (ask_trie.h), and trees branches of the KV forest. Tip by tip, the path to a
 * tip forks from the branch that has the most of it already, and one reading of the rest gives the
 * values of all its steps that are not known yet: each token of the trees is computed once. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "nn/nn.h"
#include "tree/ask_trie.h"
#include "tree/prm_form.h"
#include "tree/scorer_kinds.h"

typedef struct prm_settings {
    char name[TJ_SCORER_NAME_BYTES];
    char where[TJ_SCORER_WHERE_BYTES];
    size_t kv_mib;
} prm_settings;

typedef struct prm {
    prm_settings cfg;
    tj_prm_form form;
    tj_tokenizer *tok;
    tj_encoder *encoder;
    tj_model *model;
    tj_engine *engine;
} prm;

/* What is known of a node of the trie. */
typedef struct reading {
    tj_branch branch; /* one that goes through it; TJ_NO_BRANCH: none does yet */
    size_t end;       /* of its tokens on the path */
} reading;

/* One call of score. */
typedef struct work {
    prm *p;
    tj_ask_trie trie;
    reading *readings; /* [trie.n_nodes] */
    tj_score *scores;  /* [trie.n_nodes] of those that are asked about */
    tj_ids ids;        /* of the path at hand, from the place where it forks */
    float *values;
    size_t cap_values;
    tj_branch *branches; /* of the problem at hand */
    size_t n_branches, cap_branches;
} work;

/* ------------------------------------------------------------ one path */

static double sigmoid(double z)
{
    double small = exp(-fabs(z)); /* never overflows */
    return (z >= 0.0 ? 1.0 : small) / (1.0 + small);
}

/* The deepest node on the way to `tip` that a branch goes through; TJ_NO_NODE: none. */
static size_t find_fork(const work *w, size_t tip)
{
    while (tip != TJ_NO_NODE && w->readings[tip].branch == TJ_NO_BRANCH) {
        tip = w->trie.nodes[tip].parent;
    }
    return tip;
}

/* Appends the tokens of the nodes from below `fork` down to `at` to w->ids, and says where they
 * stand. Errors: those of encoding. */
static tj_code encode_down(work *w, size_t fork, const size_t *way, size_t n_way, tj_err *err)
{
    size_t before = fork == TJ_NO_NODE ? 0 : w->readings[fork].end;
    tj_code rc = TJ_OK;
    w->ids.n = 0;
    for (size_t i = n_way; i-- > 0 && rc == TJ_OK;) {
        const tj_ask_node *node = &w->trie.nodes[way[i]];
        reading *r = &w->readings[way[i]];
        rc = node->parent == TJ_NO_NODE
                 ? tj_prm_form_problem(&w->p->form, w->p->encoder, &w->ids, node->text, err)
                 : tj_prm_form_step(&w->p->form, w->p->encoder, &w->ids, node->text, err);
        r->end = before + w->ids.n;
    }
    return rc;
}

/* The branch of a path: a new root, or a fork of what is there. */
static tj_code make_branch(work *w, tj_branch *out, size_t fork, tj_err *err)
{
    tj_engine *engine = w->p->engine;
    if (!tj_grow(&w->branches, &w->cap_branches, w->n_branches + 1, sizeof *w->branches)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a branch");
    }
    tj_code rc = TJ_OK;
    if (fork == TJ_NO_NODE) {
        rc = tj_engine_root(engine, out, w->ids.ids, w->ids.n, err);
    } else {
        rc = tj_engine_fork(engine, out, w->readings[fork].branch, w->readings[fork].end, err);
    }
    if (rc == TJ_OK) {
        w->branches[w->n_branches++] = *out;
        rc = fork == TJ_NO_NODE ? TJ_OK : tj_engine_append(engine, *out, w->ids.ids, w->ids.n, err);
    }
    return rc;
}

/* Takes the value of each node on the way, as read from `begin` on. */
static tj_code take_values(work *w, const size_t *way, size_t n_way, size_t begin, uint64_t n_rows,
                           tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = n_way; i-- > 0 && rc == TJ_OK;) {
        size_t at = way[i];
        const reading *r = &w->readings[at];
        tj_score *score = &w->scores[at];
        if (w->trie.nodes[at].ask == TJ_NO_NODE) {
            continue;
        }
        double z = (double)w->values[r->end - 1 - begin];
        score->path_tokens = r->end;
        score->n_tries = 1;
        score->tokens = n_rows; /* of all that this reading computed: the first step's */
        n_rows = 0;
        score->value = sigmoid(z);
        if (!isfinite(z)) {
            rc = tj_score_fail(score, err, "the value head gives %g", z);
        }
    }
    return rc;
}

static bool is_of_the_text(tj_code rc)
{
    return rc == TJ_E_INVAL || rc == TJ_E_PARSE || rc == TJ_E_LIMIT || rc == TJ_E_NUMERIC;
}

/* Reads the path to a tip from below `fork` on. */
static tj_code read_way(work *w, size_t fork, const size_t *way, size_t n_way, tj_err *err)
{
    tj_engine *engine = w->p->engine;
    tj_branch branch = TJ_NO_BRANCH;
    size_t begin = fork == TJ_NO_NODE ? 0 : w->readings[fork].end;
    uint64_t before = tj_engine_get_stats(engine).n_rows;
    tj_code rc = encode_down(w, fork, way, n_way, err);
    size_t end = begin + w->ids.n;
    if (rc == TJ_OK && end > tj_model_cfg(w->p->model)->max_positions) {
        rc = tj_fail(err, TJ_E_LIMIT, "%zu tokens, the model reads at most %zu", end,
                     tj_model_cfg(w->p->model)->max_positions);
    }
    if (rc == TJ_OK && !tj_grow(&w->values, &w->cap_values, w->ids.n, sizeof *w->values)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu values", w->ids.n);
    }
    if (rc == TJ_OK) {
        rc = make_branch(w, &branch, fork, err);
    }
    if (rc == TJ_OK) {
        rc = tj_engine_value(engine, branch, begin, end, w->values, err);
    }
    if (rc == TJ_OK) {
        for (size_t i = 0; i < n_way; i++) {
            w->readings[way[i]].branch = branch;
        }
        rc = take_values(w, way, n_way, begin, tj_engine_get_stats(engine).n_rows - before, err);
    }
    return rc;
}

/* The nodes from `tip` up to below `fork`: gives *way [*n_way], the tip first (tj_free). */
static tj_code find_way(const work *w, size_t **way, size_t *n_way, size_t fork, size_t tip,
                        tj_err *err)
{
    size_t at = tip;
    *n_way = w->trie.nodes[tip].depth + 1; /* with the problem */
    *n_way -= fork == TJ_NO_NODE ? 0 : w->trie.nodes[fork].depth + 1;
    *way = tj_calloc(*n_way, sizeof **way);
    if (*way == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a path");
    }
    for (size_t i = 0; i < *n_way; i++, at = w->trie.nodes[at].parent) {
        (*way)[i] = at;
    }
    return TJ_OK;
}

/* Reads the way to a tip. Where its text cannot be read (too long for the model, not UTF-8), the
 * tip has no score, and what is before it is read all the same. */
static tj_code read_tip(work *w, size_t tip, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t at = tip; rc == TJ_OK && at != TJ_NO_NODE && w->readings[at].branch == TJ_NO_BRANCH;
         at = w->trie.nodes[at].parent) {
        tj_err why = {.code = TJ_OK};
        size_t *way;
        size_t n_way;
        size_t fork = find_fork(w, at);
        rc = find_way(w, &way, &n_way, fork, at, err);
        if (rc != TJ_OK) {
            return rc;
        }
        rc = read_way(w, fork, way, n_way, &why);
        tj_free(way);
        if (is_of_the_text(rc)) {
            tj_score *score = &w->scores[at];
            rc = w->trie.nodes[at].ask == TJ_NO_NODE || score->failed
                     ? TJ_OK
                     : tj_score_fail(score, err, "%s", why.msg);
        } else if (rc != TJ_OK) {
            rc = tj_fail(err, rc, "%s", why.msg);
        }
    }
    return rc;
}

/* ------------------------------------------------------------ all of them */

static void drop_branches(work *w)
{
    for (size_t i = 0; i < w->n_branches; i++) {
        tj_engine_drop(w->p->engine, w->branches[i]);
    }
    w->n_branches = 0;
}

/* Every node of the trie is on the way to an ask, so that those without children are the tips. They
 * are read in the order of a walk: what two share is then still in memory. */
static tj_code read_all(work *w, const tj_job *job, tj_err *err)
{
    const tj_ask_node *nodes = w->trie.nodes;
    size_t n_done = 0;
    tj_code rc = TJ_OK;
    for (size_t root = w->trie.first_root; root != TJ_NO_NODE && rc == TJ_OK;
         root = nodes[root].next) {
        for (size_t at = root; at != TJ_NO_NODE && rc == TJ_OK;) {
            if (nodes[at].first_child != TJ_NO_NODE) {
                at = nodes[at].first_child;
                continue;
            }
            rc = tj_job_check(job, err);
            if (rc == TJ_OK) {
                rc = read_tip(w, at, err);
            }
            while (at != TJ_NO_NODE && nodes[at].next == TJ_NO_NODE &&
                   nodes[at].parent != TJ_NO_NODE) {
                n_done++;
                at = nodes[at].parent;
            }
            n_done++;
            at = nodes[at].parent == TJ_NO_NODE ? TJ_NO_NODE : nodes[at].next;
        }
        drop_branches(w);
        tj_job_progress(job, "scoring", n_done, w->trie.n_nodes, "steps", NULL);
    }
    return rc;
}

static void end_work(work *w)
{
    for (size_t i = 0; i < w->trie.n_nodes && w->scores != NULL; i++) {
        tj_score_deinit(&w->scores[i]);
    }
    drop_branches(w);
    tj_ask_trie_deinit(&w->trie);
    tj_ids_deinit(&w->ids);
    tj_free(w->readings);
    tj_free(w->scores);
    tj_free(w->values);
    tj_free(w->branches);
}

static tj_code score(void *ctx, tj_score *out, const tj_score_ask *asks, size_t n,
                     const tj_job *job, tj_err *err)
{
    work w = {.p = ctx};
    double start = tj_clock_seconds();
    memset(out, 0, n * sizeof *out);
    tj_code rc = tj_ask_trie_init(&w.trie, asks, n, err);
    if (rc == TJ_OK && n > 0) {
        w.readings = tj_calloc(w.trie.n_nodes, sizeof *w.readings);
        w.scores = tj_calloc(w.trie.n_nodes, sizeof *w.scores);
        if (w.readings == NULL || w.scores == NULL) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot hold %zu scores", n);
        }
    }
    for (size_t i = 0; i < w.trie.n_nodes && rc == TJ_OK; i++) {
        w.readings[i].branch = TJ_NO_BRANCH;
    }
    if (rc == TJ_OK) {
        rc = read_all(&w, job, err);
    }
    if (rc == TJ_OK) {
        rc = tj_ask_trie_give(&w.trie, out, w.scores, err);
    }
    double each = n == 0 ? 0.0 : (tj_clock_seconds() - start) / (double)n;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        out[i].seconds = each;
    }
    end_work(&w);
    return rc;
}

/* ------------------------------------------------------------ opening */

static void close_prm(void *ctx)
{
    prm *p = ctx;
    tj_engine_destroy(p->engine);
    tj_model_destroy(p->model);
    tj_encoder_destroy(p->encoder);
    tj_tokenizer_destroy(p->tok);
    tj_free(p);
}

/* The tokenizer in the folder; a model of the embedded domain has none there. */
static tj_code load_tokenizer(prm *p, tj_err *err)
{
    char *path = tj_fs_join(p->cfg.where, "tokenizer.json");
    size_t len;
    tj_code rc = TJ_OK;
    if (path == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot open %s", p->cfg.where);
    } else if (tj_fs_exists(path)) {
        rc = tj_tokenizer_load(&p->tok, p->cfg.where, err);
    } else {
        const char *json = tj_countdown_tokenizer_json(&len);
        rc = tj_tokenizer_parse(&p->tok, json, len, "the countdown tokenizer", err);
    }
    tj_free(path);
    return rc;
}

static tj_code open_parts(prm *p, tj_err *err)
{
    tj_engine_config engine;
    tj_engine_config_default(&engine);
    engine.kv_bytes = p->cfg.kv_mib << 20;
    tj_code rc = tj_model_open(&p->model, p->cfg.where, err);
    if (rc == TJ_OK && !tj_model_cfg(p->model)->value_head) {
        rc = tj_fail(err, TJ_E_INVAL,
                     "%s has no value head: it is no process reward model ('tabiji train prm' "
                     "makes one)",
                     p->cfg.where);
    }
    if (rc == TJ_OK) {
        rc = tj_prm_form_load(&p->form, p->cfg.where, err);
    }
    if (rc == TJ_OK) {
        rc = load_tokenizer(p, err);
    }
    if (rc == TJ_OK && tj_tokenizer_n_vocab(p->tok) > tj_model_cfg(p->model)->n_vocab) {
        rc = tj_fail(err, TJ_E_INVAL, "%s: the tokenizer has %zu tokens, the model only %zu",
                     p->cfg.where, tj_tokenizer_n_vocab(p->tok), tj_model_cfg(p->model)->n_vocab);
    }
    if (rc == TJ_OK) {
        rc = tj_encoder_create(&p->encoder, p->tok, err);
    }
    return rc == TJ_OK ? tj_engine_create(&p->engine, p->model, p->tok, &engine, err) : rc;
}

tj_code tj_scorer_open_prm(tj_scorer *out, const json_t *settings, const tj_scorer_options *options,
                           tj_err *err)
{
    static const tj_field fields[] = {
        TJ_FIELD_STRING(prm_settings, name, "the rewarder's name"),
        TJ_FIELD_STRING(prm_settings, where, "folder of the model"),
        TJ_FIELD_SIZE(prm_settings, kv_mib, 1, 1 << 20, "memory for keys and values, MiB"),
        TJ_FIELD_END};
    (void)options;
    prm *p = tj_calloc(1, sizeof *p);
    if (p == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open a rewarder");
    }
    p->cfg.kv_mib = 1024;
    tj_code rc = tj_config_read(&p->cfg, fields, settings, "settings", err);
    if (rc == TJ_OK && p->cfg.where[0] == 0) {
        rc = tj_fail(err, TJ_E_INVAL, "where: expected the model's folder (prm:DIR)");
    }
    if (rc == TJ_OK) {
        rc = open_parts(p, err);
    }
    if (rc != TJ_OK) {
        close_prm(p);
        return rc;
    }
    *out = (tj_scorer){.name = p->cfg.name,
                       .meaning = TJ_VALID,
                       .high = 1.0,
                       .threshold = 0.5,
                       .score = score,
                       .close = close_prm,
                       .ctx = p};
    return TJ_OK;
}
