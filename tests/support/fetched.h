/* Real models, where scripts/fetch-models has put them. */
#ifndef TJ_TESTS_SUPPORT_FETCHED_H
#define TJ_TESTS_SUPPORT_FETCHED_H

#define SMOLLM2 "SmolLM2-135M-Instruct.Q4_1.gguf"
#define GEMMA3  "gemma-3-270m-q4_k_m.gguf"

/* The path of a fetched model; skips the test where it is not there. */
const char *fetched(const char *name);

#endif
