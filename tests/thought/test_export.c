/* Exports: the fields of each form, that what is preferred was told beside what is rejected, and
 * that what a record does not have is counted, not made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/script_policy.h"
#include "thought/thought.h"

#define RECORD                                                                                     \
    "{\"prompt\":\"p\",\"answer\":\"42\",\"licence\":\"MIT\",\"correct\":true,\"completion\":"     \
    "\"a\\nx\\ny\\n"                                                                               \
    "no\\nback\\na\\nb\\nend\\n\",\"spans\":["                                                     \
    "{\"action\":\"propose\",\"node\":1,\"mark\":\"right\",\"text\":\"a\\n\"},"                    \
    "{\"action\":\"continue\",\"node\":2,\"mark\":\"invalid\",\"text\":\"x\\n\"},"                 \
    "{\"action\":\"continue\",\"node\":3,\"mark\":\"dead\",\"text\":\"y\\n\"},"                    \
    "{\"action\":\"reflect\",\"node\":3,\"text\":\"no\\n\"},"                                      \
    "{\"action\":\"backtrack\",\"node\":0,\"text\":\"back\\n\"},"                                  \
    "{\"action\":\"propose\",\"node\":1,\"mark\":\"right\",\"on_path\":true,\"text\":\"a\\n\"},"   \
    "{\"action\":\"continue\",\"node\":4,\"mark\":\"right\",\"on_path\":true,\"text\":\"b\\n\"},"  \
    "{\"action\":\"conclude\",\"node\":4,\"on_path\":true,\"text\":\"end\\n\"}]}"

static size_t export_as(const char *json, tj_export_format format, bool think, char *out, size_t n)
{
    tj_export_config cfg = {.format = format, .think = think};
    tj_exporter *x;
    tj_record r;
    tj_buf rows;
    tj_err err;
    json_t *j = json_loads(json, 0, NULL);
    assert_non_null(j);
    assert_int_equal(tj_record_from_json(&r, j, "x", NULL), TJ_OK);
    assert_int_equal(tj_exporter_create(&x, &cfg, NULL), TJ_OK);
    tj_buf_init(&rows);
    if (tj_exporter_add(x, &rows, &r, "x", &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    size_t n_rows = tj_exporter_n_rows(x);
    assert_true(rows.len < n);
    memcpy(out, tj_buf_text(&rows), rows.len);
    out[rows.len] = 0;
    tj_buf_deinit(&rows);
    tj_exporter_destroy(x);
    tj_record_deinit(&r);
    json_decref(j);
    return n_rows;
}

static void every_form_has_its_fields(void **state)
{
    (void)state;
    static const struct {
        tj_export_format format;
        const char *rows;
    } cases[] = {
        {TJ_EXPORT_TRL,
         "{\"prompt\": \"p\\n\", \"completion\": \"a\\nx\\ny\\nno\\nback\\na\\nb\\nend\\n\"}\n"},
        {TJ_EXPORT_TRL_MESSAGES,
         "{\"messages\": [{\"role\": \"user\", \"content\": \"p\"}, {\"role\": \"assistant\", "
         "\"content\": \"a\\nx\\ny\\nno\\nback\\na\\nb\\nend\\n\"}]}\n"},
        {TJ_EXPORT_TRL_DPO,
         "{\"prompt\": \"p\\na\\n\", \"chosen\": \"b\\nend\\n\", \"rejected\": \"x\\ny\\n\"}\n"},
        {TJ_EXPORT_TRL_PRM,
         "{\"prompt\": \"p\\n\", \"completions\": [\"a\", \"x\", \"y\"], \"labels\": [true, false, "
         "false]}\n{\"prompt\": \"p\\n\", \"completions\": [\"a\", \"b\"], \"labels\": [true, "
         "true]}\n"},
        {TJ_EXPORT_OPENRLHF,
         "{\"input\": \"p\", \"output\": \"a\\nx\\ny\\nno\\nback\\na\\nb\\nend\\n\"}\n"},
        {TJ_EXPORT_OPENRLHF_PRM,
         "{\"input\": \"p\\na \xd0\xba\xd0\xb8\\nx \xd0\xba\xd0\xb8\\ny \xd0\xba\xd0\xb8\\n\", "
         "\"value\": [\"+\", \"-\", \"-\"]}\n{\"input\": \"p\\na \xd0\xba\xd0\xb8\\nb "
         "\xd0\xba\xd0\xb8\\n\", \"value\": [\"+\", \"+\"]}\n"},
        {TJ_EXPORT_LLAMA_FACTORY, "{\"instruction\": \"p\", \"input\": \"\", \"output\": "
                                  "\"a\\nx\\ny\\nno\\nback\\na\\nb\\nend\\n\"}\n"},
        {TJ_EXPORT_LLAMA_FACTORY_DPO, "{\"instruction\": \"p\\na\\n\", \"input\": \"\", "
                                      "\"chosen\": \"b\\nend\\n\", \"rejected\": "
                                      "\"x\\ny\\n\"}\n"},
        {TJ_EXPORT_STEP_DPO,
         "{\"prompt\": \"p\", \"initial_reason_steps\": \"a\\n\", \"chosen\": \"b\\n\", "
         "\"rejected\": \"x\\n\"}\n"},
        {TJ_EXPORT_PRM800K,
         "{\"labeler\": \"tabiji\", \"timestamp\": null, \"generation\": null, "
         "\"is_quality_control_question\": false, \"is_initial_screening_question\": false, "
         "\"question\": {\"problem\": \"p\", \"ground_truth_answer\": \"42\"}, \"label\": "
         "{\"steps\": "
         "[{\"completions\": [{\"text\": \"a\", \"rating\": 1, \"flagged\": false}], "
         "\"human_completion\": null, \"chosen_completion\": 0}, {\"completions\": [{\"text\": "
         "\"b\", "
         "\"rating\": 1, \"flagged\": false}, {\"text\": \"x\", \"rating\": -1, \"flagged\": "
         "false}], "
         "\"human_completion\": null, \"chosen_completion\": 0}], \"total_time\": null, "
         "\"finish_reason\": \"solution\"}}\n"}};
    char rows[4096];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        export_as(RECORD, cases[i].format, false, rows, sizeof rows);
        assert_string_equal(rows, cases[i].rows);
    }
    export_as(RECORD, TJ_EXPORT_TRL, true, rows, sizeof rows);
    assert_string_equal(
        rows, "{\"prompt\": \"p\\n\", \"completion\": \"<think>\\na\\nx\\ny\\nno\\nback\\n"
              "a\\nb\\n</think>\\nend\\n\"}\n");
}

/* Where only ends were graded no step is known to be the first wrong one, but the branch is. */
static void a_branch_with_a_wrong_end_is_rejected_whole(void **state)
{
    (void)state;
    static const char record[] =
        "{\"prompt\":\"p\",\"correct\":true,\"completion\":\"a\\nx\\ny\\nback\\nb\\nend\\n\","
        "\"spans\":["
        "{\"action\":\"propose\",\"node\":1,\"on_path\":true,\"text\":\"a\\n\"},"
        "{\"action\":\"continue\",\"node\":2,\"text\":\"x\\n\"},"
        "{\"action\":\"continue\",\"node\":3,\"mark\":\"dead\",\"text\":\"y\\n\"},"
        "{\"action\":\"backtrack\",\"node\":1,\"text\":\"back\\n\"},"
        "{\"action\":\"propose\",\"node\":4,\"on_path\":true,\"text\":\"b\\n\"},"
        "{\"action\":\"conclude\",\"node\":5,\"on_path\":true,\"text\":\"end\\n\"}]}";
    char rows[4096];
    assert_int_equal(export_as(record, TJ_EXPORT_TRL_DPO, false, rows, sizeof rows), 1);
    assert_string_equal(rows, "{\"prompt\": \"p\\na\\n\", \"chosen\": \"b\\nend\\n\", "
                              "\"rejected\": \"x\\ny\\n\"}\n");
    assert_int_equal(export_as(record, TJ_EXPORT_STEP_DPO, false, rows, sizeof rows), 0);
}

static void every_row_is_json(void **state)
{
    (void)state;
    char rows[4096];
    for (size_t f = 0; f + 1 < TJ_N_EXPORTS; f++) {
        size_t n = export_as(RECORD, (tj_export_format)f, false, rows, sizeof rows);
        assert_true(n > 0);
        for (char *line = rows; *line != 0; n--) {
            char *end = strchr(line, '\n');
            json_t *j = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);
            assert_non_null(j);
            json_decref(j);
            line = end + 1;
        }
        assert_int_equal(n, 0);
    }
}

static void what_is_not_there_is_not_made_up(void **state)
{
    (void)state;
    char rows[4096];
    static const char plain[] = "{\"prompt\":\"p\",\"completion\":\"a\"}";
    static const char bare[] = "{\"completion\":\"a\"}";
    assert_int_equal(export_as(plain, TJ_EXPORT_TRL, false, rows, sizeof rows), 1);
    assert_int_equal(export_as(plain, TJ_EXPORT_STEP_DPO, false, rows, sizeof rows), 0);
    assert_int_equal(export_as(plain, TJ_EXPORT_TRL_PRM, false, rows, sizeof rows), 0);
    assert_int_equal(export_as(plain, TJ_EXPORT_PRM800K, false, rows, sizeof rows), 0);
    assert_int_equal(export_as(plain, TJ_EXPORT_MARKDOWN, false, rows, sizeof rows), 0);
    assert_int_equal(export_as(bare, TJ_EXPORT_TRL, false, rows, sizeof rows), 0);
    assert_int_equal(export_as(bare, TJ_EXPORT_JSONL, false, rows, sizeof rows), 1);
}

static void the_card_counts_and_names(void **state)
{
    (void)state;
    static const char *const inputs[] = {"a|b.jsonl"};
    static const char *const digests[] = {"00ff"};
    tj_export_config cfg = {.format = TJ_EXPORT_STEP_DPO};
    tj_exporter *x;
    tj_buf rows;
    tj_buf card;
    assert_int_equal(tj_exporter_create(&x, &cfg, NULL), TJ_OK);
    tj_buf_init(&rows);
    tj_buf_init(&card);
    static const char *const records[] = {RECORD, "{\"prompt\":\"p\",\"completion\":\"a\"}"};
    for (size_t i = 0; i < 2; i++) {
        tj_record r;
        json_t *j = json_loads(records[i], 0, NULL);
        assert_int_equal(tj_record_from_json(&r, j, "x", NULL), TJ_OK);
        assert_int_equal(tj_exporter_add(x, &rows, &r, "x", NULL), TJ_OK);
        tj_record_deinit(&r);
        json_decref(j);
    }
    tj_exporter_card(x,
                     &(tj_card){.title = "T",
                                .inputs = inputs,
                                .digests = digests,
                                .n_inputs = 1,
                                .settings = "{}",
                                .made_by = "m"},
                     &card);
    static const char *const wanted[] = {
        "# T\n",       "| records read | 2 |", "| rows written | 1 |",    "| it has no spans | 1 |",
        "| MIT | 1 |", "| not stated | 1 |",   "| a\\|b.jsonl | `00ff` |"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (strstr(tj_buf_text(&card), wanted[i]) == NULL) {
            fail_msg("no '%s' in\n%s", wanted[i], tj_buf_text(&card));
        }
    }
    tj_buf_deinit(&rows);
    tj_buf_deinit(&card);
    tj_exporter_destroy(x);
}

/* A second way to the answer: over many scripted trees, each pair's sides are a wrong and a right
 * child of one node of the tree. */
static tj_code check_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    const script *s = ctx;
    tj_record r = {.correct = TJ_YES};
    tj_derive_config cfg;
    tj_rng rng;
    char rows[16384];
    tj_derive_config_default(&cfg);
    cfg.back_to_root = tree->problem % 2 == 0;
    tj_rng_init(&rng, 3, 0, (uint64_t)tree->problem, 0);
    if (tj_derive_journey(&r.thought, tree, &s->task, s->tok, s->eos, &cfg, &rng, err) != TJ_OK) {
        return TJ_OK;
    }
    assert_int_equal(tj_record_set(&r, TJ_META_PROMPT, "p", 1, NULL), TJ_OK);
    json_t *json = tj_record_to_json(&r);
    char *text = json_dumps(json, 0);
    export_as(text, TJ_EXPORT_STEP_DPO, false, rows, sizeof rows);
    for (char *line = rows; *line != 0;) {
        char *end = strchr(line, '\n');
        json_t *j = json_loadb(line, (size_t)(end - line), 0, NULL);
        const char *good = json_string_value(json_object_get(j, "chosen"));
        const char *bad = json_string_value(json_object_get(j, "rejected"));
        bool found = false;
        for (size_t a = 1; a < tree->n_nodes; a++) {
            for (size_t b = 1; b < tree->n_nodes; b++) {
                found = found || (tree->nodes[a].parent == tree->nodes[b].parent &&
                                  tree->nodes[a].solvable && !tree->nodes[b].solvable &&
                                  strcmp(tree->nodes[a].text, good) == 0 &&
                                  strcmp(tree->nodes[b].text, bad) == 0);
            }
        }
        assert_true(found);
        json_decref(j);
        line = end + 1;
    }
    free(text);
    json_decref(json);
    tj_record_deinit(&r);
    return TJ_OK;
}

static void pairs_are_siblings_of_the_tree(void **state)
{
    (void)state;
    static tj_grow_item items[60];
    script s;
    tj_grow_config grow;
    script_open(&s, 0.15);
    script_items(&s, items, 60, 11);
    tj_grow_config_default(&grow);
    grow.depth = 3;
    assert_int_equal(script_grow(&s, &grow, items, 60, 5, check_tree, &s), TJ_OK);
    script_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_has_its_fields),
        cmocka_unit_test(a_branch_with_a_wrong_end_is_rejected_whole),
        cmocka_unit_test(every_row_is_json),
        cmocka_unit_test(what_is_not_there_is_not_made_up),
        cmocka_unit_test(the_card_counts_and_names),
        cmocka_unit_test(pairs_are_siblings_of_the_tree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
