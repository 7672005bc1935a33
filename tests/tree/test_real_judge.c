/* Small models as judges: held to the form they give a verdict with a reason at the first try,
 * where left to the prompt they give prose. Whether the verdict is right is another matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/fetched.h"
#include "tree/judge.h"

static const char *const steps[] = {"In May she sold 48 / 2 = 24 clips.\n",
                                    "In all she sold 48 + 24 = 62 clips."};

static void judge(const char *path, double temperature)
{
    static const tj_scorer_options options = {.seed = 1};
    tj_scorer scorer;
    tj_score scores[2];
    tj_err err = {.msg = ""};
    tj_score_ask asks[2];
    for (size_t i = 0; i < 2; i++) {
        asks[i] = (tj_score_ask){.problem = "Ann sold 48 clips in April and half as many in May. "
                                            "How many did she sell in all?",
                                 .answer = "72",
                                 .steps = steps,
                                 .n_steps = i + 1,
                                 .node = TJ_NO_NODE,
                                 .key = i};
    }
    json_t *settings =
        json_pack("{s:s, s:f, s:i}", "where", path, "temperature", temperature, "tries", 1);
    if (tj_scorer_open_judge(&scorer, settings, &options, &err) != TJ_OK ||
        scorer.score(scorer.ctx, scores, asks, 2, NULL, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    for (size_t i = 0; i < 2; i++) {
        if (scores[i].failed) {
            fail_msg("%s", scores[i].error);
        }
        assert_true(scores[i].reason[strspn(scores[i].reason, " \t\r\n")] != 0);
        print_message("  %g: %s\n", scores[i].value, scores[i].reason);
        tj_score_deinit(&scores[i]);
    }
    tj_scorer_close(&scorer);
    json_decref(settings);
}

static void smollm2_gives_verdicts(void **state)
{
    (void)state;
    judge(fetched(SMOLLM2), 0.0);
    judge(fetched(SMOLLM2), 1.0);
}

static void gemma_gives_verdicts(void **state)
{
    (void)state;
    judge(fetched(GEMMA3), 0.0);
    judge(fetched(GEMMA3), 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(smollm2_gives_verdicts),
                                       cmocka_unit_test(gemma_gives_verdicts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
