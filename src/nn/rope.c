/* Frequencies of rotary embeddings (Su et al. 2021, arXiv:2104.09864) and their scalings for longer
 * texts than a model was trained on. */
#include <math.h>

#include "nn/nn.h"

#define TWO_PI 6.28318530717958647692

/* Kept where a wavelength is short beside the length of training, divided where it is long, and in
 * between a mixture by how often it turns within that length (Llama 3.1's rope scaling). */
static double llama3(const tj_rope *r, double freq)
{
    double turns = r->original_positions * freq / TWO_PI;
    if (turns < r->low_freq_factor) {
        return freq / r->factor;
    }
    if (turns > r->high_freq_factor) {
        return freq;
    }
    double smooth = (turns - r->low_freq_factor) / (r->high_freq_factor - r->low_freq_factor);
    return (1.0 - smooth) * freq / r->factor + smooth * freq;
}

/* The pair, as a real number, that turns `turns` times within the length of training (YaRN,
 * sec. 3.2). */
static double pair_of_turns(const tj_rope *r, double turns, size_t head_dim)
{
    return (double)head_dim * log(r->original_positions / (turns * TWO_PI)) / (2.0 * log(r->theta));
}

/* As llama3, with a ramp over pairs instead of wavelengths (YaRN, eq. 13). */
static double yarn(const tj_rope *r, size_t i, size_t head_dim, double freq)
{
    double low = pair_of_turns(r, r->beta_fast, head_dim);
    double high = pair_of_turns(r, r->beta_slow, head_dim);
    if (!r->untruncated) {
        low = floor(low);
        high = ceil(high);
    }
    low = fmax(low, 0.0);
    high = fmin(high, (double)head_dim - 1.0);
    if (low == high) {
        high += 0.001;
    }
    double ramp = fmin(fmax(((double)i - low) / (high - low), 0.0), 1.0);
    return freq / r->factor * ramp + freq * (1.0 - ramp);
}

double tj_rope_frequency(const tj_rope *r, size_t i, size_t head_dim)
{
    double freq = pow(r->theta, -2.0 * (double)i / (double)head_dim);
    switch (r->kind) {
    case TJ_ROPE_DEFAULT:
        return freq;
    case TJ_ROPE_LINEAR:
        return freq / r->factor;
    case TJ_ROPE_LLAMA3:
        return llama3(r, freq);
    case TJ_ROPE_YARN:
        return yarn(r, i, head_dim, freq);
    }
    return freq;
}

double tj_rope_amplitude(const tj_rope *r)
{
    if (r->kind != TJ_ROPE_YARN) {
        return 1.0;
    }
    if (r->attention_factor > 0.0) {
        return r->attention_factor;
    }
    return r->factor <= 1.0 ? 1.0 : 0.1 * log(r->factor) + 1.0;
}
