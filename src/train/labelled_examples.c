/* Examples for process reward models from labelled trees: a sequence for each way to a deepest
 * labelled step, each label once. The sequences of a tree are one line, so that they stand in one
 * update and their beginnings are computed once. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "train/train.h"

typedef struct builder {
    tj_examples *out;
    const tj_labelled_tree *tree;
    const tj_prm_form *form;
    tj_encoder *encoder;
    size_t max_tokens;
    tj_ids ids;
    bool *is_needed; /* [n_steps] a label is at the step or below it, */
    bool *goes_on;   /* [n_steps] or only below it */
    bool *is_given;  /* [n_steps] its label is in a sequence, or too far from the root */
    size_t *path;    /* [n_steps] */
    size_t n_cut;    /* labels beyond max_tokens */
    size_t cap_lines;
    tj_err *err;
} builder;

/* ------------------------------------------------------------ sequences */

static tj_code add_label(builder *b, size_t at, double target)
{
    tj_examples *out = b->out;
    if (!tj_grow(&out->labels, &out->cap_labels, out->n_labels + 1, sizeof *out->labels)) {
        return tj_fail(b->err, TJ_E_NOMEM, "cannot hold %zu labels", out->n_labels + 1);
    }
    out->labels[out->n_labels++] = (tj_step_label){at, (float)target};
    return TJ_OK;
}

/* Steps of the path as far as they fit, with the labels that are not given yet. */
static tj_code add_steps(builder *b, size_t n_path)
{
    const tj_example *e = &b->out->examples[b->out->n - 1];
    bool fits = b->ids.n - e->begin <= b->max_tokens;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < n_path && rc == TJ_OK; i++) {
        const tj_labelled_step *step = &b->tree->steps[b->path[i]];
        bool is_new = !isnan(step->target) && !b->is_given[b->path[i]];
        size_t before = b->ids.n;
        rc = fits ? tj_prm_form_step(b->form, b->encoder, &b->ids, step->text, b->err) : TJ_OK;
        if (rc == TJ_OK && fits && b->ids.n - e->begin > b->max_tokens) {
            fits = false;
            b->ids.n = before;
        }
        if (rc == TJ_OK && is_new) {
            b->is_given[b->path[i]] = true;
            b->n_cut += fits ? 0 : 1;
            rc = fits ? add_label(b, b->ids.n - 1 - e->begin, step->target) : TJ_OK;
        }
    }
    return rc;
}

/* The sequence that ends at a step; none where no label is left for it. */
static tj_code add_sequence(builder *b, size_t tip)
{
    tj_examples *out = b->out;
    size_t n_path = b->tree->steps[tip].depth;
    size_t at = tip;
    if (!tj_grow(&out->examples, &out->cap, out->n + 1, sizeof *out->examples)) {
        return tj_fail(b->err, TJ_E_NOMEM, "cannot hold %zu examples", out->n + 1);
    }
    for (size_t i = n_path; i-- > 0; at = b->tree->steps[at].parent) {
        b->path[i] = at;
    }
    out->examples[out->n++] = (tj_example){.begin = b->ids.n, .first_label = out->n_labels};
    tj_example *e = &out->examples[out->n - 1];
    tj_code rc = tj_prm_form_problem(b->form, b->encoder, &b->ids, b->tree->problem, b->err);
    if (rc == TJ_OK) {
        rc = add_steps(b, n_path);
    }
    e->n = b->ids.n - e->begin;
    e->n_labels = out->n_labels - e->first_label;
    if (e->n_labels == 0) {
        b->ids.n = e->begin;
        out->n--;
    }
    return rc;
}

/* ------------------------------------------------------------ trees */

static tj_code add_line(builder *b, size_t first)
{
    tj_examples *out = b->out;
    if (!tj_grow(&out->lines, &b->cap_lines, out->n_lines + 2, sizeof *out->lines)) {
        return tj_fail(b->err, TJ_E_NOMEM, "cannot hold %zu trees", out->n_lines + 1);
    }
    out->lines[out->n_lines++] = first;
    out->lines[out->n_lines] = out->n;
    return TJ_OK;
}

static void free_marks(builder *b)
{
    tj_free(b->is_needed);
    tj_free(b->goes_on);
    tj_free(b->is_given);
    tj_free(b->path);
    b->is_needed = b->goes_on = b->is_given = NULL;
    b->path = NULL;
}

static tj_code begin_tree(builder *b, const tj_labelled_tree *tree)
{
    b->tree = tree;
    b->is_needed = tj_calloc(tree->n_steps, sizeof *b->is_needed);
    b->goes_on = tj_calloc(tree->n_steps, sizeof *b->goes_on);
    b->is_given = tj_calloc(tree->n_steps, sizeof *b->is_given);
    b->path = tj_calloc(tree->n_steps, sizeof *b->path);
    if (b->is_needed == NULL || b->goes_on == NULL || b->is_given == NULL || b->path == NULL) {
        return tj_fail(b->err, TJ_E_NOMEM, "cannot hold a tree of %zu steps", tree->n_steps);
    }
    for (size_t i = tree->n_steps; i-- > 0;) { /* children stand behind their parents */
        const tj_labelled_step *s = &tree->steps[i];
        b->is_needed[i] = b->is_needed[i] || !isnan(s->target);
        if (s->parent != SIZE_MAX && b->is_needed[i]) {
            b->is_needed[s->parent] = b->goes_on[s->parent] = true;
        }
    }
    return TJ_OK;
}

static tj_code add_tree(builder *b, const tj_labelled_tree *tree)
{
    size_t first = b->out->n;
    tj_code rc = begin_tree(b, tree);
    for (size_t i = 0; i < tree->n_steps && rc == TJ_OK; i++) {
        if (b->is_needed[i] && !b->goes_on[i]) {
            rc = add_sequence(b, i);
        }
    }
    if (rc != TJ_OK) {
        tj_err_context(b->err, "the record at line %zu", tree->line);
    }
    free_marks(b);
    return rc == TJ_OK && b->out->n > first ? add_line(b, first) : rc;
}

/* ------------------------------------------------------------ sets */

/* Of what is learnt: problems, steps and targets. */
static void add_to_digest(tj_sha256 *hash, const tj_labelled_tree *tree)
{
    tj_sha256_add(hash, tree->problem, strlen(tree->problem) + 1);
    for (size_t i = 0; i < tree->n_steps; i++) {
        const tj_labelled_step *s = &tree->steps[i];
        uint64_t parent = s->parent == SIZE_MAX ? UINT64_MAX : s->parent;
        double target = isnan(s->target) ? -1.0 : s->target;
        tj_sha256_add(hash, s->text, strlen(s->text) + 1);
        tj_sha256_add(hash, &parent, sizeof parent);
        tj_sha256_add(hash, &target, sizeof target);
    }
}

tj_code tj_examples_from_labelled(tj_examples *out, size_t *n_cut, const tj_labelled *set,
                                  const tj_prm_form *form, const tj_example_format *format,
                                  tj_err *err)
{
    tj_sha256 hash;
    builder b = {.out = out, .form = form, .max_tokens = format->max_tokens, .err = err};
    *out = (tj_examples){.kind = TJ_EXAMPLE_STEPS};
    tj_sha256_begin(&hash);
    tj_code rc = tj_encoder_create(&b.encoder, format->tok, err);
    for (size_t i = 0; i < set->n_trees && rc == TJ_OK; i++) {
        rc = add_tree(&b, &set->trees[i]);
        add_to_digest(&hash, &set->trees[i]);
    }
    tj_encoder_destroy(b.encoder);
    out->ids = b.ids.ids; /* taken: all are freed with tj_free */
    out->n_ids = b.ids.n;
    out->learned = rc == TJ_OK ? tj_calloc(out->n_ids, sizeof *out->learned) : NULL;
    if (rc == TJ_OK && out->n == 0) {
        rc = tj_fail(err, TJ_E_INVAL, "no labelled step is within %zu tokens", b.max_tokens);
    }
    if (rc == TJ_OK && out->learned == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot hold %zu tokens", out->n_ids);
    }
    *n_cut = b.n_cut;
    tj_sha256_end(&hash, out->digest);
    if (rc != TJ_OK) {
        tj_examples_deinit(out);
    }
    return rc;
}
