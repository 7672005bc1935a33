/* The digest of a model: SHA-256 by libsodium over names, shapes and weights. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "nn/model.h"

void tj_model_digest_params(const tj_model *m, size_t n_params, char out[65])
{
    crypto_hash_sha256_state state;
    unsigned char hash[crypto_hash_sha256_BYTES];
    char line[160];
    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < n_params; i++) {
        const tj_param *p = &m->params[i];
        int n = snprintf(line, sizeof line, "%s %zu %zu\n", p->name, p->shape[0], p->shape[1]);
        crypto_hash_sha256_update(&state, (const unsigned char *)line, (unsigned long long)n);
        crypto_hash_sha256_update(&state, (const unsigned char *)p->weight, p->n * sizeof(float));
    }
    crypto_hash_sha256_final(&state, hash);
    sodium_bin2hex(out, 65, hash, sizeof hash);
}

void tj_model_digest(const tj_model *m, char out[65])
{
    tj_model_digest_params(m, m->n_params, out);
}
