/* 'tabiji train prm' and 'tabiji reward eval' from outside: a tiny model learns labels, is loaded
 * back as a rewarder and measured; what does not fit is refused with line and status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "support/command.h"

#define TINY                                                                                       \
    "--new --shape width=32 --shape n_layers=2 --shape n_heads=2 --shape n_kv_heads=2 "            \
    "--shape head_dim=16 --shape ffn_width=64 --quiet"

/* Solutions whose wrong steps say so; in ProcessBench's form. */
static int make_folder(void **state)
{
    tj_buf text;
    (void)state;
    if (command_begin("reward") != 0) {
        return -1;
    }
    tj_buf_init(&text);
    for (int i = 0; i < 40; i++) {
        tj_buf_printf(&text,
                      "{\"id\":\"%d\",\"generator\":\"g\",\"problem\":\"What is %d?\",\"steps\":"
                      "[\"fine %d\",\"%s %d\"],\"final_answer_correct\":%s,\"label\":%d}\n",
                      i, i, i, i % 2 == 0 ? "fine" : "wrong", i, i % 2 == 0 ? "true" : "false",
                      i % 2 == 0 ? -1 : 1);
    }
    command_write("set.jsonl", tj_buf_text(&text));
    tj_buf_deinit(&text);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return command_end();
}

static void a_model_learns_labels_and_is_measured(void **state)
{
    (void)state;
    command_expect(
        "$T train prm set.jsonl " TINY " --epochs 12 --batch 8 --lr 0.01 --out prm --json", 0);
    json_t *made = command_json(command_out);
    assert_int_equal(json_integer_value(json_object_get(made, "examples")), 40);
    assert_true(json_real_value(json_object_get(made, "loss_last")) <
                json_real_value(json_object_get(made, "loss_first")));
    json_decref(made);
    char *form = command_read("prm/prm.json");
    command_expect_text(form, "\"prompt_end\":\"\\n\\n\"");
    tj_free(form);
    command_expect(
        "$T reward eval set.jsonl --rewarder prm:prm --rewarder constant,value=0.6,name=flat "
        "--valid-part 0.3 --resamples 100 --json --quiet",
        0);
    json_t *tables = command_json(command_out);
    const json_t *rows = json_object_get(json_array_get(tables, 0), "rewarders");
    assert_int_equal(json_array_size(rows), 4);
    const json_t *prm = json_array_get(rows, 2);
    assert_string_equal(json_string_value(json_object_get(prm, "rewarder")), "prm");
    const json_t *auc = json_object_get(json_object_get(prm, "figures"), "auc");
    assert_true(json_real_value(json_object_get(auc, "value")) > 0.9);
    assert_true(json_real_value(json_object_get(prm, "sharing_ratio")) > 1.2);
    json_decref(tables);
}

static void adapters_beside_a_head_are_learnt_and_added(void **state)
{
    (void)state;
    command_expect("$T train prm set.jsonl " TINY " --epochs 1 --batch 8 --out first", 0);
    command_expect(
        "$T train prm set.jsonl --from first --lora-rank 4 --lora-targets all-linear --epochs 12 "
        "--batch 8 --lr 0.02 --out adapted --json --quiet",
        0);
    json_t *made = command_json(command_out);
    /* of 2 layers q, k, v, o [32, 32], gate, up, down [64, 32]; and the head */
    json_int_t n = json_integer_value(json_object_get(made, "trainable"));
    assert_int_equal(n, 2 * 4 * (4 * (32 + 32) + 3 * (32 + 64)) + 33);
    assert_true(json_real_value(json_object_get(made, "loss_last")) <
                json_real_value(json_object_get(made, "loss_first")));
    json_decref(made);
    command_expect(
        "$T reward eval set.jsonl --rewarder prm:adapted --valid-part 0.3 --resamples 100 --json "
        "--quiet",
        0);
    json_t *tables = command_json(command_out);
    const json_t *rows = json_object_get(json_array_get(tables, 0), "rewarders");
    const json_t *auc = json_object_get(json_object_get(json_array_get(rows, 2), "figures"), "auc");
    assert_true(json_real_value(json_object_get(auc, "value")) > 0.9);
    json_decref(tables);
    command_expect("$T train prm set.jsonl --from first --lora-rank 4 --epochs 1 --out adapted", 4);
    command_expect_text(command_err, "adapted holds a model already");
    command_write("steps.jsonl",
                  "{\"prompt\":\"What?\",\"completions\":[\"a\"],\"labels\":[true]}\n");
    command_expect(
        "$T train steps.jsonl --method prm --from first --lora-rank 4 --merged m --out other", 2);
    command_expect_text(command_err, "--merged is not for --method prm");
}

static void the_table_is_80_columns_wide(void **state)
{
    (void)state;
    command_expect(
        "$T reward eval set.jsonl set.jsonl set.jsonl set.jsonl "
        "-r constant,value=0.6,name=a-name-that-is-too-long-for-it --resamples 100 --quiet",
        0);
    command_expect_text(command_out, "F1(w)");
    command_expect_text(command_out, "F1(w) | F1 first                [1]");
    command_expect_text(command_out, "\n[4] set.jsonl\n");
    command_expect_text(command_out, "first wrong step");
    command_expect_text(command_out, "always right");
    for (const char *line = command_out; *line != 0;) {
        size_t n = strcspn(line, "\n");
        if (n > 80) {
            fail_msg("%zu columns: %.*s", n, (int)n, line);
        }
        line += n + (line[n] == '\n' ? 1 : 0);
    }
}

static void sets_of_a_workspace_are_measured_as_their_files(void **state)
{
    (void)state;
    command_expect("$T reward eval set.jsonl --resamples 100 --json --quiet", 0);
    json_t *from_file = command_json(command_out);
    command_expect("$T data import set.jsonl --set mine -w ws", 0);
    command_expect("$T reward eval set:mine -w ws --resamples 100 --json --quiet", 0);
    json_t *from_set = command_json(command_out);
    assert_true(json_equal(json_object_get(json_array_get(from_file, 0), "test"),
                           json_object_get(json_array_get(from_set, 0), "test")));
    assert_true(json_equal(json_object_get(json_array_get(from_file, 0), "rewarders"),
                           json_object_get(json_array_get(from_set, 0), "rewarders")));
    json_decref(from_file);
    json_decref(from_set);
    command_expect("$T reward eval set:other -w ws", 3);
    command_expect_text(command_err, "the set other");
}

static void trl_forms_keep_their_prompts(void **state)
{
    (void)state;
    command_write("trl.jsonl",
                  "{\"prompt\":\"What?\\n\",\"completions\":[\"a\",\"b\"],\"labels\":[true,"
                  "false]}\n");
    command_expect("$T train prm trl.jsonl " TINY " --epochs 1 --out trl", 0);
    char *form = command_read("trl/prm.json");
    command_expect_text(form, "\"prompt_end\":\"\"");
    tj_free(form);
    command_expect("$T train prm trl.jsonl set.jsonl " TINY " --out trl2", 2);
    command_expect_text(command_err, "trl.jsonl has prompts of its own");
}

static void label_counts_must_be_step_counts(void **state)
{
    (void)state;
    command_write("bad.jsonl",
                  "{\"prompt\":\"What?\",\"completions\":[\"a\"],\"labels\":[true]}\n"
                  "{\"prompt\":\"What?\",\"completions\":[\"a\",\"b\"],\"labels\":[true]}\n");
    command_expect("$T train prm bad.jsonl " TINY " --out bad", 1);
    command_expect_text(command_err, "bad.jsonl:2: 2 completions, but 1 labels");
    command_write("bad.jsonl",
                  "{\"id\":\"0\",\"generator\":\"g\",\"problem\":\"P\",\"steps\":[\"a\"],"
                  "\"final_answer_correct\":true,\"label\":-1}\n"
                  "{\"id\":\"1\",\"generator\":\"g\",\"problem\":\"P\",\"steps\":[\"a\"],"
                  "\"final_answer_correct\":true,\"label\":2}\n");
    command_expect("$T train prm bad.jsonl " TINY " --out bad", 1);
    command_expect_text(command_err, "bad.jsonl:2");
    command_expect("$T train prm bad.jsonl " TINY " --epochs 1 --skip-refused --out bad", 0);
    command_expect("$T reward eval set.jsonl --rewarder prm:nowhere", 3);
    command_expect("$T reward eval set.jsonl --rewarder oracle", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_learns_labels_and_is_measured),
        cmocka_unit_test(adapters_beside_a_head_are_learnt_and_added),
        cmocka_unit_test(the_table_is_80_columns_wide),
        cmocka_unit_test(sets_of_a_workspace_are_measured_as_their_files),
        cmocka_unit_test(trl_forms_keep_their_prompts),
        cmocka_unit_test(label_counts_must_be_step_counts),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
