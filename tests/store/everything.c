#include "store/everything.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/must.h"
#include "support/workspace.h"

int64_t everything_clock(void *ctx)
{
    int64_t *at = ctx;
    *at += 1000;
    return *at;
}

size_t everything_mismatches(const char *dir, const tj_verify_options *options)
{
    size_t n = 0;
    tj_err err = {.msg = ""};
    tj_store *s = workspace_open_at(dir, TJ_STORE_READ, NULL);
    must(tj_store_verify(s, &n, options, NULL, NULL, NULL, &err), &err);
    tj_store_close(s);
    return n;
}

static int64_t begin(tj_store *s, const char *stage, const tj_run_input *inputs, size_t n,
                     tj_err *err)
{
    int64_t run;
    json_t *config = json_pack("{s:i, s:s}", "x", 1, "stage", stage);
    tj_run_spec spec = {.stage = stage,
                        .name = "a name",
                        .config = config,
                        .seed = UINT64_MAX,
                        .inputs = inputs,
                        .n_inputs = n,
                        .build_id = "v1",
                        .isa = "avx2",
                        .n_threads = 3};
    must(tj_run_begin(s, &run, &spec, err), err);
    json_decref(config);
    return run;
}

static void end(tj_store *s, int64_t run, tj_run_status status, tj_err *err)
{
    json_t *metrics = json_pack("{s:f}", "loss", 0.25);
    tj_run_file file = {"report.html",
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"};
    tj_run_outcome outcome = {.status = status,
                              .error = status == TJ_RUN_FAILED ? "the policy said nothing" : NULL,
                              .metrics = metrics,
                              .cost = {.tokens = 7, .updates = 2, .seconds = 1.5, .money = 0.125},
                              .files = &file,
                              .n_files = 1};
    must(tj_run_end(s, run, &outcome, err), err);
    json_decref(metrics);
}

static void add_sets(tj_store *s, everything *e, tj_err *err)
{
    json_t *config = json_pack("{s:i}", "difficulty", 2);
    const tj_problem problems[] = {
        {.split = TJ_SPLIT_TRAIN, .json = "{\"problem\":\"a\"}", .n_json = 15, .difficulty = 2},
        {.split = TJ_SPLIT_TEST, .json = "{\"problem\":\"b\"}", .n_json = 15}};
    tj_problems loaded;
    must(tj_store_add_problem_set(s, &e->set, e->import_run, "set", "mathematics", config, problems,
                                  2, err),
         err);
    must(tj_store_load_problems(s, &loaded, e->set, TJ_SPLIT_TRAIN, 0, 1, err), err);
    e->problem = loaded.rows[0].id;
    tj_problems_deinit(&loaded);
    must(tj_store_add_tokenizer(s, &e->tokenizer, e->import_run, "letters", "00ff", "{}", 2, err),
         err);
    char *folder = NULL;
    must(tj_store_next_model(s, &e->model, &folder, err), err);
    char *path = tj_fs_join(folder, "config.json");
    must(tj_fs_write(path, "{}", 2, err), err);
    tj_free(path);
    tj_free(folder);
    tj_model_spec spec = {.id = e->model,
                          .run = e->import_run,
                          .name = "tiny",
                          .family = "llama",
                          .config = config,
                          .digest = "d0",
                          .tokenizer = e->tokenizer};
    must(tj_store_add_model(s, &e->model, &spec, err), err);
    json_decref(config);
}

static void add_records(tj_store *s, const everything *e, tj_err *err)
{
    const tj_data_step steps[] = {{{"right", 5}, 1}, {{"none", 4}, TJ_NO_LABEL}};
    tj_data_solution solution = {.role = TJ_SOLUTION_ATTEMPT,
                                 .author = {"phase1", 6},
                                 .text = {"text", 4},
                                 .answer = {"7", 1},
                                 .correct = 1,
                                 .steps = steps,
                                 .n_steps = 2};
    tj_data_file file = {.run = e->import_run,
                         .set = e->set,
                         .path = "a.jsonl",
                         .format = "prm800k",
                         .source = "somewhere",
                         .licence = "MIT",
                         .framing = "lines",
                         .compression = "none",
                         .digest = "d1",
                         .content_digest = "d2",
                         .content_bytes = 99,
                         .n_records = 2,
                         .n_refused = 1};
    tj_data_record record = {
        .number = 1, .line = 1, .meta = {"{\"k\":1}", 7}, .solutions = &solution, .n_solutions = 1};
    tj_refusal refusal = {.number = 2, .line = 2, .field = "steps", .reason = "expected a list"};
    int64_t id;
    must(tj_store_add_data_file(s, &id, &file, err), err);
    must(tj_store_add_record(s, id, &record, e->problem, e->tree, err), err);
    must(tj_store_add_refusal(s, id, &refusal, err), err);
    must(tj_store_end_data_file(s, id, &file, err), err);
    must(tj_store_add_node_meta(s, e->tree, 1, (tj_str){"{\"m\":2}", 7}, err), err);
}

static void add_tree(tj_store *s, everything *e, tj_err *err)
{
    static const int32_t ids[] = {1, 2, 3};
    static const float logprobs[] = {-0.0F, -1.5F, -1e-30F};
    tj_tree t = {.problem = e->problem, .seed = UINT64_MAX, .run = 5};
    size_t n;
    t.prompt_ids = tj_calloc(2, sizeof *t.prompt_ids);
    assert_non_null(t.prompt_ids);
    t.n_prompt = 2;
    must(tj_tree_add_node(&t, &n, TJ_NO_NODE, "", NULL, NULL, 0, err), err);
    must(tj_tree_add_node(&t, &n, 0, "1. 4 * 3 = 12\n", ids, logprobs, 3, err), err);
    t.nodes[n].valid = t.nodes[n].solvable = TJ_LABEL_YES;
    must(tj_tree_add_node(&t, &n, 0, "1. 4 + 3 = 8\n", ids, logprobs, 2, err), err);
    t.nodes[n].terminal = true;
    t.nodes[n].pruned = TJ_PRUNED;
    must(tj_tree_add_node(&t, &n, 1, "Answer: 4 * 3\n", ids, logprobs, 1, err), err);
    t.nodes[n].terminal = t.nodes[n].correct = true;
    t.nodes[n].valid = TJ_LABEL_YES;
    const tj_reward rewards[] = {
        {.node = 1, .rewarder = "verifier", .value = 1.0},
        {.node = 2, .rewarder = "verifier", .value = 0.0, .reason = "4 + 3 is 7, not 8"},
        {.node = 1, .rewarder = "solver", .meaning = TJ_SOLVABLE, .value = 1.0}};
    for (size_t i = 0; i < 3; i++) {
        must(tj_tree_add_reward(&t, &rewards[i], err), err);
    }
    tj_origin origin = {
        .run = e->import_run, .ordinal = 4, .model = e->model, .tokenizer = e->tokenizer};
    must(tj_store_add_tree(s, &e->tree, &origin, &t, err), err);
    tj_tree_deinit(&t);
}

static void add_texts(tj_store *s, everything *e, tj_err *err)
{
    char text[] = "1. 4 + 3 = 8\nWrong.\n";
    tj_span spans[] = {
        {.begin = 0, .end = 13, .action = TJ_PROPOSE, .node = 2, .mark = TJ_MARK_INVALID},
        {.begin = 13,
         .end = 20,
         .action = TJ_REFLECT,
         .node = TJ_NO_NODE,
         .editor = TJ_BY_HUMAN,
         .annotation = 2,
         .back_to = 1,
         .has_value = true,
         .value = 0.75,
         .name = "j. doe"}};
    tj_record record = {.thought = {.problem = e->problem,
                                    .kind = TJ_HUMAN,
                                    .text = text,
                                    .n_text = sizeof text - 1,
                                    .spans = spans,
                                    .n_spans = 2,
                                    .n_backtracks = 1},
                        .correct = TJ_YES,
                        .n_tokens = 9};
    must(tj_record_set(&record, TJ_META_LICENCE, "CC0", 3, err), err);
    must(tj_record_set(&record, TJ_META_ANSWER, "12", 2, err), err);
    tj_origin origin = {.run = e->import_run, .ordinal = 1, .tree = e->tree};
    must(tj_store_put_thought(s, &e->thought, &origin, &record, "{\"k\":3}", "[\"a\",\"b\"]", err),
         err);
    tj_free(record.meta[TJ_META_LICENCE]);
    tj_free(record.meta[TJ_META_ANSWER]);
    tj_output output = {.origin = {.run = e->import_run, .model = e->model},
                        .problem = e->problem,
                        .sampling = "{\"temperature\":1}",
                        .text = "hi",
                        .n_text = 2,
                        .n_tokens = 1,
                        .correct = 1,
                        .metrics = "{}"};
    must(tj_store_add_output(s, &e->output, &output, err), err);
}

static void judge(tj_store *s, everything *e, tj_err *err)
{
    json_t *config = json_pack("{s:s}", "prompt", "Is this step right?");
    tj_rewarder_spec spec = {.name = "judge-a",
                             .kind = TJ_REWARDER_JUDGE,
                             .url = "http://127.0.0.1:1/v1",
                             .config = config};
    must(tj_store_add_rewarder(s, &e->judge, e->judge_run, &spec, err), err);
    json_decref(config);
    const tj_reward by_prm[] = {
        {.node = 1, .rewarder = "prm", .meaning = TJ_PROGRESS, .value = 0.5},
        {.node = 2, .rewarder = "prm", .meaning = TJ_PROGRESS, .value = 0.25}};
    must(tj_store_add_rewards(s, e->tree, e->judge_run, by_prm, 2, err), err);
    const tj_reward by_judge = {.node = 2, .rewarder = "judge-a", .value = -1.0, .reason = "no"};
    tj_judgement j = {.run = e->judge_run,
                      .rewarder = e->judge,
                      .tree = e->tree,
                      .node = 2,
                      .n_tries = 2,
                      .answer = "{\"verdict\": -1}",
                      .cost = {.tokens = 30, .seconds = 0.5, .money = 0.0625},
                      .rewards = &by_judge,
                      .n_rewards = 1};
    must(tj_store_add_judgement(s, &e->judgement, &j, err), err);
    tj_judgement failed = {.run = e->judge_run,
                           .ordinal = 1,
                           .rewarder = e->judge,
                           .tree = e->tree,
                           .node = TJ_NO_NODE,
                           .failed = true,
                           .n_tries = 3,
                           .answer = "I think so",
                           .error = "no JSON",
                           .cost = {.tokens = 12, .seconds = 0.25, .money = 0.0625}};
    must(tj_store_add_judgement(s, &e->failed_judgement, &failed, err), err);
    tj_annotation a = {.run = e->judge_run,
                       .tree = e->tree,
                       .node = 2,
                       .span = TJ_NO_NODE,
                       .author = "j. doe",
                       .kind = "label",
                       .text = "a slip"};
    must(tj_store_add_annotation(s, &e->annotation, &a, err), err);
    a.supersedes = e->annotation;
    a.text = "a slip of the pen";
    must(tj_store_add_annotation(s, &e->newer_annotation, &a, err), err);
    tj_annotation b = {.run = e->judge_run,
                       .thought = e->thought,
                       .node = TJ_NO_NODE,
                       .span = 1,
                       .author = "j. doe",
                       .kind = "style",
                       .text = "curt"};
    int64_t id;
    must(tj_store_add_annotation(s, &id, &b, err), err);
}

void everything_make(tj_store *s, everything *e)
{
    tj_err err = {.msg = ""};
    memset(e, 0, sizeof *e);
    tj_run_input file = {"problems.jsonl", "file", 0,
                         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"};
    e->import_run = begin(s, "import", &file, 1, &err);
    add_sets(s, e, &err);
    add_tree(s, e, &err);
    add_records(s, e, &err);
    add_texts(s, e, &err);
    must(tj_run_metric(s, e->import_run, "loss", 1, 0.5, &err), &err);
    end(s, e->import_run, TJ_RUN_DONE, &err);
    tj_run_input trees = {"trees", "run", e->import_run, NULL};
    e->judge_run = begin(s, "judge", &trees, 1, &err);
    judge(s, e, &err);
    end(s, e->judge_run, TJ_RUN_DONE, &err);
    e->failed_run = begin(s, "eval", NULL, 0, &err);
    end(s, e->failed_run, TJ_RUN_FAILED, &err);
    e->open_run = begin(s, "grow", NULL, 0, &err);
    must(tj_store_set_cursor(s, e->open_run, "next", "4", &err), &err);
    json_t *declaration = json_pack("{s:i}", "n", 327);
    int64_t seq;
    must(tj_store_declare(s, &seq, declaration, &err), &err);
    json_decref(declaration);
}
