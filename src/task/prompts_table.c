/* The tasks. What is not marked as ours says what lm-evaluation-harness 0.4.13 has in the files of
 * lm_eval/tasks that are named: templates, stops, patterns and versions. */
#include "task/prompts.h"

/* Taken away before numbers are compared: thousands' commas, the dollar, all up to GSM8K's mark,
 * the full stop. */
static const char *const gsm8k_ignored[] = {",", "\\$", "(?s).*#### ", "\\.$", NULL};

/* The last number of any kind. */
#define FLEXIBLE                                                                                   \
    {                                                                                              \
        .name = "flexible-extract", .pattern = "(-?[$0-9.,]{2,})|(-?[0-9]+)", .last = true         \
    }
#define STRICT(regex)                                                                              \
    {                                                                                              \
        .name = "strict-match", .pattern = regex                                                   \
    }
#define WHOLE                                                                                      \
    {                                                                                              \
        .name = "none"                                                                             \
    }

#define GSM8K                                                                                      \
    .set = TJ_PROMPT_GSM8K, .description = "", .match = TJ_MATCH_EXACT, .ignored = gsm8k_ignored
#define MATH .set = TJ_PROMPT_MATH, .description = "", .delimiter = " ", .gold = TJ_TARGET_ANSWER

/* What we ask for ourselves: the answer in LaTeX's box, which our grader reads. The harness's ways
 * of finding it are then beside the point, so that there is none. */
#define BOXED_AFTER "\nPlease reason step by step, and put your final answer within \\boxed{}."
#define LINES_DESCRIPTION                                                                          \
    "Solve the problem. Write one step of reasoning a line, and number the lines. The last line "  \
    "says: The answer is \\boxed{...}.\n\n"
#define BOXED                                                                                      \
    .is_ours = true, .version = "1", .description = "", .before = "", .after = BOXED_AFTER,        \
    .delimiter = "\n", .gold = TJ_TARGET_ANSWER
#define LINES                                                                                      \
    .is_ours = true, .version = "1", .description = LINES_DESCRIPTION,                             \
    .before = "Problem: ", .after = "\nSolution:", .delimiter = "\n", .gold = TJ_TARGET_ANSWER,    \
    .until = {"Problem:", "</s>", "<|im_end|>"}, .n_shots = 4, .shots = tj_shots_lines,            \
    .n_fixed = 4

/* mgsm: questions begin with their language's word for it; examples bring it along. */
#define MGSM(word)                                                                                 \
    .set = TJ_PROMPT_MGSM, .description = "", .before = word " ", .shot_word = word,               \
    .gold = TJ_TARGET_ANSWER, .until = {word, "</s>", "<|im_end|>"}, .match = TJ_MATCH_EXACT,      \
    .ignore_punctuation = true
#define MGSM_DIRECT(word)                                                                          \
    MGSM(word), .version = "4.0", .after = "\nAnswer:", .delimiter = "",                           \
                .target = TJ_TARGET_ANSWER,                                                        \
                .filters = {{.name = "remove_whitespace", .strip = true}, FLEXIBLE}
#define MGSM_COT(word, answer, skip, regex)                                                        \
    MGSM(word), .after = "\n" answer, .delimiter = " ", .strip_target = skip,                      \
                .filters = {STRICT(regex), FLEXIBLE}

#define EN       "Question:"
#define JA       "問題："
#define ZH       "问题："
#define EN_STEPS "Step-by-Step Answer:"
#define JA_STEPS "ステップごとの答え:"
#define ZH_STEPS "逐步解答:"
#define EN_REGEX "The answer is (\\-?[0-9\\.\\,]+)"
#define JA_REGEX "答えは(\\-?[0-9\\.\\,]+)です。"
#define ZH_REGEX "答案是 (\\-?[0-9\\.\\,]+)。"

const tj_prompt_task tj_prompt_tasks[] = {
    /* gsm8k */
    {.name = "gsm8k",
     .brief = "GSM8K, examples drawn from its training problems (5-shot)",
     .version = "3.0",
     GSM8K,
     .before = "Question: ",
     .after = "\nAnswer:",
     .delimiter = " ",
     .n_shots = 5,
     .until = {"Question:", "</s>", "<|im_end|>"},
     .filters = {STRICT("#### (\\-?[0-9\\.\\,]+)"), FLEXIBLE}},
    {.name = "gsm8k_cot",
     .brief = "GSM8K, with the eight worked examples of Wei et al. (8-shot)",
     .version = "3.0",
     GSM8K,
     .before = "Q: ",
     .after = "\nA:",
     .delimiter = " ",
     .gold = TJ_TARGET_ANSWER,
     .n_shots = 8,
     .shots = tj_shots_gsm8k,
     .n_fixed = 8,
     .answer_before = "The answer is ",
     .answer_after = ".",
     .until = {"Q:", "</s>", "<|im_end|>"},
     .filters = {STRICT("The answer is (\\-?[0-9\\.\\,]+)."), FLEXIBLE}},
    {.name = "gsm8k_cot_zeroshot",
     .brief = "GSM8K, thinking step by step (0-shot)",
     .version = "3.0",
     GSM8K,
     .before = "Q: ",
     .after = "\nA: Let's think step by step.",
     .delimiter = " ",
     .until = {"Q:", "</s>", "<|im_end|>"},
     .filters = {STRICT("The answer is (\\-?[0-9\\.\\,]+)."), FLEXIBLE}},
    {.name = "gsm8k_cot_llama",
     .brief = "GSM8K as Llama 3's authors put it, for chats (8-shot)",
     .version = "4.0",
     GSM8K,
     .before =
         "Given the following problem, reason and give a final answer to the problem.\nProblem: ",
     .after = "\nYour response should end with \"The final answer is [answer]\" where [answer] is "
              "the response to the problem.\n",
     .delimiter = "",
     .gold = TJ_TARGET_ANSWER,
     .n_shots = 8,
     .shots = tj_shots_gsm8k,
     .n_fixed = 8,
     .answer_before = "The final answer is ",
     .answer_after = "",
     .until = {"<|eot_id|>", "<|start_header_id|>user<|end_header_id|>", "Q:", "</s>",
               "<|im_end|>"},
     .filters = {{.name = "strict-match",
                  .pattern = "The final answer is ((-?[$0-9.,]{2,})|(-?[0-9]+))",
                  .last = true},
                 FLEXIBLE}},
    {.name = "gsm8k_boxed",
     .brief = "GSM8K, the answer in \\boxed{} (0-shot)",
     BOXED,
     .set = TJ_PROMPT_GSM8K},
    {.name = "gsm8k_lines",
     .brief = "GSM8K, one numbered step a line, the answer in \\boxed{} (4-shot)",
     LINES,
     .set = TJ_PROMPT_GSM8K},

    /* hendrycks_math, minerva_math */
    {.name = "minerva_math500",
     .alias = "math500",
     .brief = "MATH-500, with the four worked examples of Lewkowycz et al. (4-shot)",
     .version = "3.1",
     MATH,
     .before = "Problem:\n",
     .after = "\n\nSolution:",
     .n_shots = 4,
     .shots = tj_shots_minerva,
     .n_fixed = 4,
     .until = {"Problem:"},
     .filters = {WHOLE},
     .match = TJ_MATCH_MINERVA},
    {.name = "minerva_math",
     .alias = "math",
     .brief = "MATH, the same prompt",
     .version = "3.1",
     MATH,
     .before = "Problem:\n",
     .after = "\n\nSolution:",
     .n_shots = 4,
     .shots = tj_shots_minerva,
     .n_fixed = 4,
     .until = {"Problem:"},
     .filters = {WHOLE},
     .match = TJ_MATCH_MINERVA},
    {.name = "hendrycks_math500",
     .brief = "MATH-500, the problem alone (0-shot)",
     .version = "1.0",
     MATH,
     .target = TJ_TARGET_ANSWER,
     .before = "Problem: ",
     .after = "\nAnswer:",
     .until = {"Problem:"},
     .filters = {WHOLE},
     .match = TJ_MATCH_HENDRYCKS},
    {.name = "hendrycks_math",
     .brief = "MATH, the problem alone (0-shot)",
     .version = "1.0",
     MATH,
     .target = TJ_TARGET_ANSWER,
     .before = "Problem: ",
     .after = "\nAnswer:",
     .until = {"Problem:"},
     .filters = {WHOLE},
     .match = TJ_MATCH_HENDRYCKS},
    {.name = "math_boxed",
     .brief = "MATH and MATH-500, the answer in \\boxed{} (0-shot)",
     BOXED,
     .set = TJ_PROMPT_MATH},
    {.name = "math_lines",
     .brief = "MATH and MATH-500, one numbered step a line, the answer in \\boxed{} (4-shot)",
     LINES,
     .set = TJ_PROMPT_MATH},

    /* mgsm/direct, en_cot, native_cot */
    {.name = "mgsm_direct_en", .brief = "MGSM in English, the answer at once", MGSM_DIRECT(EN)},
    {.name = "mgsm_direct_ja", .brief = "MGSM in Japanese, the answer at once", MGSM_DIRECT(JA)},
    {.name = "mgsm_direct_zh", .brief = "MGSM in Chinese, the answer at once", MGSM_DIRECT(ZH)},
    {.name = "mgsm_en_cot_en",
     .brief = "MGSM in English, step by step",
     MGSM_COT(EN, EN_STEPS, EN_STEPS " ", EN_REGEX),
     .version = "3.0"},
    {.name = "mgsm_en_cot_ja",
     .brief = "MGSM in Japanese, step by step in English",
     MGSM_COT(JA, EN_STEPS, JA_STEPS " ", EN_REGEX),
     .version = "3.0"},
    {.name = "mgsm_en_cot_zh",
     .brief = "MGSM in Chinese, step by step in English",
     MGSM_COT(ZH, EN_STEPS, ZH_STEPS " ", EN_REGEX),
     .version = "3.0"},
    {.name = "mgsm_native_cot_en",
     .alias = "mgsm_en",
     .brief = "MGSM in English, step by step",
     MGSM_COT(EN, EN_STEPS, EN_STEPS " ", EN_REGEX),
     .version = "4.0"},
    {.name = "mgsm_native_cot_ja",
     .alias = "mgsm_ja",
     .brief = "MGSM in Japanese, step by step",
     MGSM_COT(JA, JA_STEPS, JA_STEPS " ", JA_REGEX),
     .version = "4.0"},
    {.name = "mgsm_native_cot_zh",
     .alias = "mgsm_zh",
     .brief = "MGSM in Chinese, step by step",
     MGSM_COT(ZH, ZH_STEPS, ZH_STEPS " ", ZH_REGEX),
     .version = "4.0"},
    {.name = "mgsm_boxed",
     .brief = "MGSM in any language, the answer in \\boxed{} (0-shot)",
     BOXED,
     .set = TJ_PROMPT_MGSM},
    {0}};
