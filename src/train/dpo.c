/* Direct preference optimisation (Rafailov et al. 2023, arXiv:2305.18290, eq. 7). Of a pair, with
 * log-probabilities c and r of the chosen and the rejected completion, and those of the reference
 * policy, c' and r':
 *
 *     h = (c - c') - (r - r')
 *     loss = -(1 - s) log sigmoid(beta h) - s log sigmoid(-beta h)
 *
 * where s is the label smoothing (eq. 3 of the note on conservative DPO, Mitchell 2023); or, by IPO
 * (Azar et al. 2023, arXiv:2310.12036, eq. 17), with both sides of h divided by their numbers of
 * tokens, as TRL does and IPO's authors did,
 *
 *     loss = (h - 1 / (2 beta))^2
 *
 * The update's loss is the mean over its pairs, plus rpo_alpha times the mean negative
 * log-probability of all chosen tokens (Pang et al. 2024, arXiv:2404.19733; the mean as TRL's). */
#include <math.h>

#include "base/alloc.h"
#include "train/train.h"

void tj_dpo_config_default(tj_dpo_config *cfg)
{
    *cfg = (tj_dpo_config){.kind = TJ_DPO_SIGMOID, .beta = 0.1};
}

tj_code tj_dpo_config_check(const tj_dpo_config *cfg, tj_err *err)
{
    if (!(cfg->beta > 0.0) || !isfinite(cfg->beta)) {
        return tj_fail(err, TJ_E_INVAL, "dpo: beta is %g, expected more than 0", cfg->beta);
    }
    if (!(cfg->label_smoothing >= 0.0 && cfg->label_smoothing < 0.5)) {
        return tj_fail(err, TJ_E_INVAL, "dpo: label_smoothing is %g, expected 0 to below 0.5",
                       cfg->label_smoothing);
    }
    if (cfg->kind == TJ_DPO_IPO && cfg->label_smoothing > 0.0) {
        return tj_fail(err, TJ_E_INVAL, "dpo: label_smoothing is of the sigmoid loss, not of ipo");
    }
    if (!(cfg->rpo_alpha >= 0.0) || !isfinite(cfg->rpo_alpha)) {
        return tj_fail(err, TJ_E_INVAL, "dpo: rpo_alpha is %g, expected at least 0",
                       cfg->rpo_alpha);
    }
    return TJ_OK;
}

/* What a sequence's targets sum up to. */
typedef struct side {
    double logp, reference;
    double weight; /* of the targets: their number */
    double d;      /* of the loss, with respect to the log-probability of each */
} side;

/* log(1 + e^x), without overflow. */
static double softplus(double x)
{
    return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double sigmoid(double x)
{
    return x >= 0.0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x));
}

/* The loss of a pair and its derivatives. */
static double pair_loss(const tj_dpo_config *cfg, side *chosen, side *rejected)
{
    double c = chosen->logp - chosen->reference;
    double r = rejected->logp - rejected->reference;
    if (cfg->kind == TJ_DPO_IPO) {
        double n_c = fmax(chosen->weight, 1.0);
        double n_r = fmax(rejected->weight, 1.0);
        double miss = c / n_c - r / n_r - 1.0 / (2.0 * cfg->beta);
        chosen->d = 2.0 * miss / n_c;
        rejected->d = -2.0 * miss / n_r;
        return miss * miss;
    }
    double h = cfg->beta * (c - r);
    double s = cfg->label_smoothing;
    chosen->d = cfg->beta * (s * sigmoid(h) - (1.0 - s) * sigmoid(-h));
    rejected->d = -chosen->d;
    return (1.0 - s) * softplus(-h) + s * softplus(h);
}

/* sides [n] of the pass's sequences. */
static tj_code sum_sides(side *sides, const tj_train_pass *pass, tj_err *err)
{
    for (size_t i = 0; i < pass->n; i++) {
        sides[i].reference = tj_batch_reference(pass->batch, pass->first + i);
        if (isnan(sides[i].reference)) {
            return tj_fail(err, TJ_E_INVAL,
                           "sequence %zu has no log-probability under the reference policy",
                           pass->first + i);
        }
    }
    for (size_t i = 0; i < pass->rows->n_loss; i++) {
        side *s = &sides[pass->rows->sequence[i] - pass->first];
        s->logp += (double)pass->rows->weights[i] * (double)pass->logp[i];
        s->weight += (double)pass->rows->weights[i];
    }
    return TJ_OK;
}

static void add_metrics(const tj_dpo_config *cfg, const side *chosen, const side *rejected,
                        double n_pairs, tj_update *up)
{
    double c = cfg->beta * (chosen->logp - chosen->reference);
    double r = cfg->beta * (rejected->logp - rejected->reference);
    tj_update_add(up, "rewards/chosen", c / n_pairs);
    tj_update_add(up, "rewards/rejected", r / n_pairs);
    tj_update_add(up, "rewards/accuracies", c > r ? 1.0 / n_pairs : 0.0);
    tj_update_add(up, "rewards/margins", (c - r) / n_pairs);
    tj_update_add(up, "logps/chosen", chosen->logp / n_pairs);
    tj_update_add(up, "logps/rejected", rejected->logp / n_pairs);
}

static void derive_pairs(const tj_dpo_config *cfg, side *sides, const tj_train_pass *pass,
                         tj_update *up)
{
    double n_pairs = (double)(tj_batch_n_sequences(pass->batch) / 2);
    double n_chosen = 0.0; /* tokens of the SFT term */
    for (size_t i = 0; cfg->rpo_alpha > 0.0 && i < tj_batch_n_sequences(pass->batch); i += 2) {
        n_chosen += tj_batch_sequence_weight(pass->batch, i);
    }
    for (size_t i = 0; i < pass->n; i += 2) {
        double nll = n_chosen > 0.0 ? -sides[i].logp / n_chosen : 0.0;
        up->loss += pair_loss(cfg, &sides[i], &sides[i + 1]) / n_pairs + cfg->rpo_alpha * nll;
        add_metrics(cfg, &sides[i], &sides[i + 1], n_pairs, up);
        if (cfg->rpo_alpha > 0.0) {
            tj_update_add(up, "nll_loss", nll);
        }
        sides[i].d = sides[i].d / n_pairs - (n_chosen > 0.0 ? cfg->rpo_alpha / n_chosen : 0.0);
        sides[i + 1].d /= n_pairs;
    }
}

static tj_code derive(void *ctx, const tj_train_pass *pass, float *dlogp, float *dvalues,
                      tj_update *up, tj_err *err)
{
    const tj_dpo_config *cfg = ctx;
    (void)dvalues;
    side *sides = tj_calloc(pass->n, sizeof *sides);
    if (sides == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu sequences", pass->n);
    }
    tj_code rc = sum_sides(sides, pass, err);
    if (rc == TJ_OK) {
        derive_pairs(cfg, sides, pass, up);
    }
    for (size_t i = 0; rc == TJ_OK && i < pass->rows->n_loss; i++) {
        dlogp[i] = (float)((double)pass->rows->weights[i] *
                           sides[pass->rows->sequence[i] - pass->first].d);
    }
    tj_free(sides);
    return rc;
}

tj_loss tj_dpo_loss(tj_dpo_config *cfg)
{
    return (tj_loss){.derive = derive, .ctx = cfg, .group = 2};
}
