/* Python's random module, as far as drawing examples needs it. The generator and its seeding by an
 * array are MT19937 as published; how Python makes the array of an integer, bounded numbers of
 * words, and samples of these is documented in its library's random.py. */
#include <string.h>

#include "task/prompts.h"

#define MT_N     624
#define MT_M     397
#define MAX_POOL (21 + 256) /* set_size(TJ_MAX_SHOTS) */

static void seed_word(tj_pyrandom *r, uint32_t seed)
{
    r->state[0] = seed;
    for (uint32_t i = 1; i < MT_N; i++) {
        uint32_t before = r->state[i - 1];
        r->state[i] = UINT32_C(1812433253) * (before ^ (before >> 30)) + i;
    }
    r->at = MT_N;
}

/* Mixes one word into state[*i] and steps on. */
static void mix(tj_pyrandom *r, size_t *i, uint32_t factor, uint32_t add)
{
    uint32_t before = r->state[*i - 1];
    r->state[*i] = (r->state[*i] ^ ((before ^ (before >> 30)) * factor)) + add;
    if (++*i >= MT_N) {
        r->state[0] = r->state[MT_N - 1];
        *i = 1;
    }
}

void tj_pyrandom_init(tj_pyrandom *r, uint64_t seed)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const size_t n_key = key[1] != 0 ? 2 : 1;
    size_t i = 1;
    seed_word(r, 19650218);
    for (size_t k = 0; k < MT_N; k++) {
        uint32_t j = (uint32_t)(k % n_key);
        mix(r, &i, 1664525, key[j] + j);
    }
    for (size_t k = 0; k < MT_N - 1; k++) {
        mix(r, &i, 1566083941, 0 - (uint32_t)i);
    }
    r->state[0] = UINT32_C(0x80000000);
}

static void twist(tj_pyrandom *r)
{
    uint32_t *s = r->state;
    for (size_t k = 0; k < MT_N; k++) {
        uint32_t y = (s[k] & UINT32_C(0x80000000)) | (s[(k + 1) % MT_N] & UINT32_C(0x7fffffff));
        s[k] = s[(k + MT_M) % MT_N] ^ (y >> 1) ^ ((y & 1) != 0 ? UINT32_C(0x9908b0df) : 0);
    }
    r->at = 0;
}

uint32_t tj_pyrandom_u32(tj_pyrandom *r)
{
    if (r->at >= MT_N) {
        twist(r);
    }
    uint32_t y = r->state[r->at++];
    y ^= y >> 11;
    y ^= (y << 7) & UINT32_C(0x9d2c5680);
    y ^= (y << 15) & UINT32_C(0xefc60000);
    return y ^ (y >> 18);
}

/* In [0, n), n > 0: the top bits that n needs, drawn again while they are too large. */
static uint32_t below(tj_pyrandom *r, uint32_t n)
{
    int bits = 0;
    for (uint32_t rest = n; rest != 0; rest >>= 1) {
        bits++;
    }
    uint32_t drawn;
    do {
        drawn = tj_pyrandom_u32(r) >> (32 - bits);
    } while (drawn >= n);
    return drawn;
}

static bool is_among(const size_t *list, size_t n, size_t value)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i] == value) {
            return true;
        }
    }
    return false;
}

/* Python keeps a set of what it drew where that is smaller than a list of all: 21 stands for a
 * small set, and above five it is a table of four times the next power of four. */
static size_t set_size(size_t k)
{
    size_t table = 1;
    while (k > 5 && table < 3 * k) {
        table *= 4;
    }
    return 21 + (k > 5 ? table : 0);
}

bool tj_pyrandom_sample(tj_pyrandom *r, size_t *out, size_t n, size_t k)
{
    if (k > n || k > TJ_MAX_SHOTS || n >= UINT32_MAX) {
        return false;
    }
    if (n > set_size(k)) {
        for (size_t i = 0; i < k; i++) {
            do {
                out[i] = below(r, (uint32_t)n);
            } while (is_among(out, i, out[i]));
        }
        return true;
    }
    size_t pool[MAX_POOL];
    for (size_t i = 0; i < n; i++) {
        pool[i] = i;
    }
    for (size_t i = 0; i < k; i++) {
        size_t j = below(r, (uint32_t)(n - i));
        out[i] = pool[j];
        pool[j] = pool[n - i - 1];
    }
    return true;
}
