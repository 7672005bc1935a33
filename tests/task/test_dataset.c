/* Data sets: what each format's records become, that it does not depend on how the file is framed
 * or compressed, and that what a format does not allow is refused by line, field and reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "support/one_file.h"
#include "task/record_text.h"

#define FOLDER "tests/golden/datasets/"

static const char *path; /* of what was written last */

static void write_file(const void *bytes, size_t n)
{
    path = one_file(bytes, n);
}

/* What a text as a file becomes; free with tj_free. */
static char *read_text(const char *text, tj_data_format format)
{
    tj_dataset_options options = {.format = format};
    tj_buf out;
    tj_buf_init(&out);
    write_file(text, strlen(text));
    file_text(&out, path, &options);
    return tj_buf_take(&out);
}

static void assert_reads(const char *text, tj_data_format format, const char *want)
{
    char *got = read_text(text, format);
    assert_string_equal(got, want);
    tj_free(got);
}

/* ------------------------------------------------------------------ what records become */

static const struct {
    const char *file;
    tj_data_format format;
} samples[] = {{"math.json", TJ_DATA_MATH},
               {"math.jsonl", TJ_DATA_MATH},
               {"math-one.json", TJ_DATA_MATH},
               {"math500.jsonl", TJ_DATA_MATH500},
               {"gsm8k.jsonl", TJ_DATA_GSM8K},
               {"gsm8k-solutions.jsonl", TJ_DATA_GSM8K_SOLUTIONS},
               {"mgsm_ja.tsv", TJ_DATA_MGSM},
               {"mgsm.jsonl", TJ_DATA_MGSM},
               {"prm800k.jsonl", TJ_DATA_PRM800K},
               {"prm800k-critic.jsonl", TJ_DATA_CRITIC},
               {"processbench.json", TJ_DATA_PROCESSBENCH},
               {"mr-gsm8k.json", TJ_DATA_MR_GSM8K},
               {"prmbench.jsonl", TJ_DATA_PRMBENCH},
               {"reasoneval-first.json", TJ_DATA_REASONEVAL},
               {"reasoneval-rated.json", TJ_DATA_REASONEVAL},
               {"math-shepherd.jsonl", TJ_DATA_MATH_SHEPHERD},
               {"omegaprm-tree.jsonl", TJ_DATA_OMEGAPRM},
               {"omegaprm-flat.jsonl", TJ_DATA_OMEGAPRM},
               {"trees.json", TJ_DATA_TREES}};
#define N_SAMPLES (sizeof samples / sizeof samples[0])

static char *sample_path(size_t i)
{
    return tj_fs_join(FOLDER, samples[i].file);
}

static void every_sample_becomes_what_stands_beside_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        char *file = sample_path(i);
        char beside[256];
        char *want;
        size_t n;
        tj_buf got;
        tj_buf_init(&got);
        (void)snprintf(beside, sizeof beside, "%s.txt", file);
        file_text(&got, file, NULL);
        assert_int_equal(tj_fs_read(&want, &n, beside, 1 << 20, NULL), TJ_OK);
        assert_string_equal(tj_buf_text(&got), want);
        tj_buf_deinit(&got);
        tj_free(want);
        tj_free(file);
    }
}

static void the_format_is_seen_from_the_first_record(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        char *file = sample_path(i);
        tj_dataset *data;
        tj_dataset_info info;
        assert_int_equal(tj_dataset_open(&data, file, NULL, NULL), TJ_OK);
        tj_dataset_describe(data, &info);
        assert_string_equal(tj_data_format_name(info.format),
                            tj_data_format_name(samples[i].format));
        tj_dataset_close(data);
        tj_free(file);
    }
}

static void fields_are_found_by_a_map(void **state)
{
    (void)state;
    tj_data_map map;
    tj_buf got;
    tj_buf_init(&got);
    assert_int_equal(
        tj_data_map_parse(&map, "problem=q,answer=final,steps=chain,labels=ok,author=who", NULL),
        TJ_OK);
    tj_dataset_options options = {.format = TJ_DATA_FIELDS, .map = &map};
    file_text(&got, FOLDER "fields.jsonl", &options);
    assert_string_equal(tj_buf_text(&got), "1 P:What is 8/4? A:2\n"
                                           "  att by:model-c [8/4=2.]+\n"
                                           "2 P:What is 9/3? A:3\n"
                                           "  att [9/3=4.]- [No: 3.]?\n");
    tj_buf_deinit(&got);
}

static void wrong_maps_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",           "problem",
                                        "=a",         "problem=",
                                        "answer=a",   "problem=a,problem=b",
                                        "problem=a,", "problem=a,labels=b",
                                        "text=a"};
    tj_data_map map;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(tj_data_map_parse(&map, wrong[i], NULL), TJ_E_INVAL);
    }
}

/* ------------------------------------------------------------------ framing */

#define ONE  "{\"question\":\"a\",\"answer\":\"x\\n#### 1\"}"
#define TWO  "{\"question\":\"b\",\"answer\":\"y\\n#### 2\"}"
#define AS_1 "1 P:a A:1\n  ref text:x\n#### 1 answer:1 [x]?\n"
#define AS_2 "2 P:b A:2\n  ref text:y\n#### 2 answer:2 [y]?\n"

static void framing_does_not_matter(void **state)
{
    (void)state;
    static const char *const texts[] = {
        ONE "\n" TWO "\n",
        ONE "\n" TWO,
        ONE "\r\n\r\n \n" TWO "\r\n",
        "\xEF\xBB\xBF" ONE "\n" TWO,
        "[" ONE "," TWO "]",
        " [\n" ONE "\n,\n" TWO "\n]\n",
        "{\n"
        "\"question\":\"a\",\"answer\":\"x\\n#### 1\"}\n{\"question\":\"b\",\n"
        "\"answer\":\"y\\n#### 2\"}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_reads(texts[i], TJ_DATA_AUTO, AS_1 AS_2);
    }
}

static size_t gzip_member(unsigned char *out, size_t cap, const char *text, size_t n)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t made = cap - z.avail_out;
    deflateEnd(&z);
    return made;
}

static void compression_does_not_matter(void **state)
{
    (void)state;
    static const char text[] = ONE "\n" TWO "\n";
    unsigned char bytes[1024];
    size_t half = sizeof ONE; /* two members, as gzip's files may have */
    size_t n = gzip_member(bytes, sizeof bytes, text, half);
    n += gzip_member(bytes + n, sizeof bytes - n, text + half, sizeof text - 1 - half);
    for (int zstd = 0; zstd < 2; zstd++) {
        tj_buf got;
        tj_buf_init(&got);
        n = zstd ? ZSTD_compress(bytes, sizeof bytes, text, sizeof text - 1, 3) : n;
        write_file(bytes, n);
        file_text(&got, path, NULL);
        assert_string_equal(tj_buf_text(&got), AS_1 AS_2);
        tj_buf_deinit(&got);
    }
}

static void the_digest_is_of_the_decompressed_bytes(void **state)
{
    (void)state;
    static const char text[] = ONE "\n" TWO "\n";
    unsigned char bytes[1024];
    char want[TJ_SHA256_HEX];
    tj_dataset *data;
    tj_dataset_info info;
    const tj_data_record *record;
    tj_dataset_options options = {.digest = true};
    tj_sha256_hex(want, text, sizeof text - 1);
    write_file(bytes, gzip_member(bytes, sizeof bytes, text, sizeof text - 1));
    assert_int_equal(tj_dataset_open(&data, path, &options, NULL), TJ_OK);
    do {
        assert_int_equal(tj_dataset_next(data, &record, NULL), TJ_OK);
    } while (record != NULL);
    tj_dataset_describe(data, &info);
    assert_string_equal(info.digest, want);
    assert_int_equal(info.n_bytes, sizeof text - 1);
    assert_int_equal(info.n_records, 2);
    assert_string_equal(info.compression, "gzip");
    tj_dataset_close(data);
}

/* The n-th of many records, of every length around the reader's window of a megabyte. */
static void write_long(tj_buf *out, size_t n)
{
    tj_buf_printf(out, "{\"question\":\"%zu ", n);
    for (size_t i = 0; i < (n * n * 7919) % 700001; i++) {
        tj_buf_char(out, (char)('a' + (n + i) % 26));
    }
    tj_buf_printf(out, "\",\"answer\":\"#### %zu\"}", n);
}

static void records_may_lie_anywhere_in_the_file(void **state)
{
    (void)state;
    enum { N = 40 };
    for (int array = 0; array < 2; array++) {
        tj_buf all;
        tj_dataset *data;
        const tj_data_record *record;
        tj_buf_init(&all);
        tj_buf_str(&all, array ? "[" : "");
        for (size_t i = 0; i < N; i++) {
            tj_buf_str(&all, i == 0 ? "" : array ? ",\n" : "\n");
            write_long(&all, i);
        }
        tj_buf_str(&all, array ? "]" : "");
        write_file(all.data, all.len);
        assert_int_equal(tj_dataset_open(&data, path, NULL, NULL), TJ_OK);
        for (size_t i = 0; i < N; i++) {
            tj_buf want;
            tj_buf_init(&want);
            write_long(&want, i);
            assert_int_equal(tj_dataset_next(data, &record, NULL), TJ_OK);
            assert_non_null(record);
            assert_int_equal(record->line, i + 1);
            assert_memory_equal(want.data + strlen("{\"question\":\""), record->problem.s,
                                record->problem.n);
            assert_int_equal(want.data[strlen("{\"question\":\"") + record->problem.n], '"');
            tj_buf_deinit(&want);
        }
        assert_int_equal(tj_dataset_next(data, &record, NULL), TJ_OK);
        assert_null(record);
        tj_dataset_close(data);
        tj_buf_deinit(&all);
    }
}

static void the_rest_goes_on_behind_a_bad_record(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {ONE "\n{\"question\": \n" TWO "\n",
         AS_1 "! 2 2 : not JSON: the text ends inside a value, at byte 14 of the line\n"
              "3 P:b A:2\n  ref text:y\n#### 2 answer:2 [y]?\n"},
        {ONE "\n" TWO "x\n",
         AS_1 "! 2 2 : not JSON: more behind the value, at byte 38 of the line\n"},
        {ONE "\n[1]\n", AS_1 "! 2 2 : expected an object, found an array\n"},
        {"[" ONE ",\n{\"question\": NaN},\n" TWO "]",
         AS_1 "! 2 2 : not JSON: NaN, which is not JSON, at byte 14 of the record\n"
              "3 P:b A:2\n  ref text:y\n#### 2 answer:2 [y]?\n"},
        {"[" ONE "\n" TWO "]",
         AS_1 "! 2 2 : not JSON: expected a comma or ] after an item; the rest cannot be read\n"},
        {"[" ONE, AS_1 "! 2 1 : the file ends inside its array\n"},
        {"[" ONE ", {\"a\"",
         AS_1 "! 2 1 : not JSON: the text ends inside a value, at byte 5 of the record\n"
              "! 3 1 : the file ends inside its array\n"},
        {"[" ONE "] x", AS_1 "! 2 1 : more behind the array\n"},
        {ONE "\n{\"question\":\"\xFF\"}\n",
         AS_1 "! 2 2 : not JSON: not UTF-8, at byte 14 of the line\n"},
        {ONE "\n{\"question\":\"\\ud800\"}\n", AS_1
         "! 2 2 : not JSON: half of a surrogate pair, which is no character, at byte 14 of the "
         "line\n"},
        {ONE "\n{\"question\":\"\\u0000\"}\n",
         AS_1 "! 2 2 : not JSON: a zero character in a text, at byte 14 of the line\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_reads(cases[i].text, TJ_DATA_GSM8K, cases[i].want);
    }
}

static void what_is_no_data_set_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {{"", "is empty"},
                 {" \n\n", "is empty"},
                 {"PAR1xxxx", "Parquet"},
                 {"one line of words\n", "no data set"},
                 {"{\"a\":1}\n", "no known format"},
                 {"{\"a\"\n", "not JSON"},
                 {"[]", "has no record"},
                 {"\x1F\x8B\x08rubbish and more rubbish", "gzip"},
                 {"\x28\xB5\x2F\xFDrubbish and more", "zstd"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_dataset *data;
        tj_err err;
        write_file(cases[i].text, strlen(cases[i].text));
        tj_code rc = tj_dataset_open(&data, path, NULL, &err);
        if (rc == TJ_OK) { /* damage may show only later */
            const tj_data_record *record;
            rc = tj_dataset_next(data, &record, &err);
            tj_dataset_close(data);
        }
        assert_int_not_equal(rc, TJ_OK);
        assert_non_null(strstr(err.msg, cases[i].says));
        assert_non_null(strstr(err.msg, path));
    }
}

/* ------------------------------------------------------------------ refusals */

#define PRM(step)                                                                                  \
    "{\"question\":{\"problem\":\"p\"},\"label\":{\"finish_reason\":\"x\",\"steps\":[" step "]}}"
#define GOOD "{\"completions\":[{\"text\":\"a\",\"rating\":1}],\"chosen_completion\":0}"
#define MR(steps, right, first)                                                                    \
    "{\"question\":\"q\",\"model_output_steps\":" steps ",\"model_output_solution_correctness\":"  \
    "\"" right "\",\"model_output_answer_correctness\":\"wrong\","                                 \
    "\"model_output_solution_first_error_step\":" first "}"
#define BENCH(steps, errors, class)                                                                \
    "{\"modified_question\":\"q\",\"original_process\":[],\"modified_process\":" steps             \
    ",\"error_steps\":" errors ",\"classification\":\"" class "\"}"
#define TREE(nodes) "{\"source\":\"s\",\"nodes\":[" nodes "]}"
#define ROOT(children)                                                                             \
    "{\"id\":0,\"child_steps\":" children                                                          \
    ",\"base_conversation\":[{\"role\":\"user\",\"content\":\"p\"}]}"
#define STEP(id, parent, children)                                                                 \
    "{\"id\":" id ",\"parent_step\":" parent ",\"child_steps\":" children                          \
    ",\"step_message\":{\"content\":\"s\"},\"aborted\":false}"
#define MARK "\xD0\xBA\xD0\xB8"

static void what_a_format_does_not_allow_is_refused(void **state)
{
    (void)state;
    static const struct {
        tj_data_format format;
        const char *record, *want;
    } cases[] = {
        {TJ_DATA_MATH, "{\"problem\":\" \",\"answer\":\"1\"}", "problem: is empty"},
        {TJ_DATA_MATH, "{\"problem\":\"p\"}",
         "answer: is missing or null, and there is no solution"},
        {TJ_DATA_MATH, "{\"problem\":\"p\",\"solution\":\"$\\\\boxed{}$\"}",
         "solution: has no \\boxed{...} with an answer in it"},
        {TJ_DATA_MATH, "{\"problem\":\"p\",\"answer\":\"1\",\"level\":\"Level 9\"}",
         "level: expected Level 1 to Level 5, Level ?, or 1 to 5"},
        {TJ_DATA_MATH, "{\"problem\":\"p\",\"problem\":\"p\",\"answer\":\"1\"}",
         "problem: stands twice in one object"},
        {TJ_DATA_MATH, "{\"problem\":[],\"answer\":\"1\"}",
         "problem: expected text, found an array"},
        {TJ_DATA_GSM8K, "{\"question\":\"q\",\"answer\":\"no mark\"}",
         "answer: does not end in #### and the final answer"},
        {TJ_DATA_GSM8K_SOLUTIONS,
         "{\"question\":\"q\",\"ground_truth\":\"x\\nA: 1\",\"m\":{\"solution\":\"s\"}}",
         "is_correct: is missing"},
        {TJ_DATA_MGSM, "{\"question\":\"q\",\"answer\":null}", "answer: is missing, null or empty"},
        {TJ_DATA_PROCESSBENCH,
         "{\"problem\":\"p\",\"steps\":[\"a\"],\"label\":1,\"final_answer_correct\":true}",
         "label: is 1, but there are 1 steps (from 0; -1: all right)"},
        {TJ_DATA_PROCESSBENCH,
         "{\"problem\":\"p\",\"steps\":[\"a\"],\"label\":-2,\"final_answer_correct\":true}",
         "label: is -2, but there are 1 steps (from 0; -1: all right)"},
        {TJ_DATA_PROCESSBENCH,
         "{\"problem\":\"p\",\"steps\":[\"a\",3],\"label\":-1,\"final_answer_correct\":true}",
         "steps[1]: expected text, found a number"},
        {TJ_DATA_PROCESSBENCH,
         "{\"problem\":\"p\",\"steps\":[],\"label\":-1,\"final_answer_correct\":true}",
         "label: is -1, but there are 0 steps (from 0; -1: all right)"},
        {TJ_DATA_MR_GSM8K, MR("[\"a\"]", "wrong", "2"),
         "model_output_solution_first_error_step: names step 2 of 1"},
        {TJ_DATA_MR_GSM8K, MR("[\"a\"]", "wrong", "0"),
         "model_output_solution_first_error_step: names step 0 of 1"},
        {TJ_DATA_MR_GSM8K, MR("[\"a\"]", "correct", "1"),
         "model_output_solution_first_error_step: names step 1 of a solution that is called "
         "correct"},
        {TJ_DATA_MR_GSM8K, MR("[\"a\"]", "wrong", "\"N/A\""),
         "model_output_solution_first_error_step: is N/A, but the solution is called wrong"},
        {TJ_DATA_MR_GSM8K, MR("[]", "correct", "\"N/A\""), "model_output_steps: has no step"},
        {TJ_DATA_PRMBENCH, BENCH("[\"a\"]", "[2]", "circular"), "error_steps: names step 2 of 1"},
        {TJ_DATA_PRMBENCH, BENCH("[\"a\"]", "[]", "circular"),
         "error_steps: names no step of a solution with an error"},
        {TJ_DATA_PRMBENCH, BENCH("[\"a\"]", "[true]", "circular"),
         "error_steps: expected integers, found true"},
        {TJ_DATA_REASONEVAL,
         "{\"question\":\"q\",\"model_output_step_format\":[[\"a\"],[\"b\"]],\"rating\":[1]}",
         "rating: 1 ratings for 2 steps"},
        {TJ_DATA_REASONEVAL,
         "{\"question\":\"q\",\"model_output_step_format\":[[\"a\"]],\"rating\":[2]}",
         "rating: the one of step 1 is not -1, 0 or 1"},
        {TJ_DATA_CRITIC, "{\"instruction\":\"q\",\"responses\":[],\"next_response\":\"a\"}",
         "rating: is missing"},
        {TJ_DATA_CRITIC,
         "{\"instruction\":\"q\",\"responses\":[],\"next_response\":\"a\",\"rating\":2}",
         "rating: expected -1, 0, 1 or null, found 2"},
        {TJ_DATA_CRITIC,
         "{\"instruction\":\"q\",\"responses\":[],\"next_response\":\"a\",\"rating\":true}",
         "rating: expected -1, 0, 1 or null, found true"},
        {TJ_DATA_MATH_SHEPHERD, "{\"input\":\"q Step 1: a " MARK "\",\"label\":\"q Step 1: b +\"}",
         "label: is not what input has"},
        {TJ_DATA_MATH_SHEPHERD, "{\"input\":\"q Step 1: a " MARK "\",\"label\":\"q Step 1: a 0\"}",
         "label: has no + or - where input has a step's mark"},
        {TJ_DATA_MATH_SHEPHERD,
         "{\"input\":\"q Step 1: a " MARK " Step 2: b\",\"label\":\"q Step 1: a + Step 2: b\"}",
         "input: a step without a mark at the end"},
        {TJ_DATA_MATH_SHEPHERD, "{\"input\":\"q a\",\"label\":\"q a\"}",
         "input: has no problem before Step 1:"},
        {TJ_DATA_PRM800K, PRM(""), "label.steps: has no completion"},
        {TJ_DATA_PRM800K, PRM("{\"completions\":[{\"text\":\"a\"}],\"chosen_completion\":0}"),
         "label.steps[0].rating: is missing"},
        {TJ_DATA_PRM800K,
         PRM("{\"completions\":[{\"text\":\"a\",\"rating\":1}],\"chosen_completion\":1}"),
         "label.steps[0].chosen_completion: is 1 of 1 completions (from 0)"},
        {TJ_DATA_PRM800K,
         PRM("{\"completions\":[{\"text\":\"a\",\"rating\":1}],\"chosen_completion\":null}," GOOD),
         "label.steps[1].completions: follow a step of which nothing was chosen"},
        {TJ_DATA_OMEGAPRM,
         "{\"question\":\"q\",\"reasoning_steps\":{\"text\":\"q\",\"mc_value\":1.5,"
         "\"children\":[]}}",
         "node[0].mc_value: is 1.5, not in [0, 1]"},
        {TJ_DATA_OMEGAPRM,
         "{\"question\":\"q\",\"reasoning_steps\":{\"text\":\"x\",\"mc_value\":1,"
         "\"children\":[]}}",
         "reasoning_steps: the tree does not begin with the question"},
        {TJ_DATA_OMEGAPRM,
         "{\"question\":\"q\",\"reasoning_steps\":[{\"solution_prefix\":\"q\",\"mc_value\":1},"
         "{\"solution_prefix\":\"qa\",\"mc_value\":1}]}",
         "reasoning_steps: a solution_prefix goes on from no other one"},
        {TJ_DATA_OMEGAPRM,
         "{\"question\":\"q\",\"reasoning_steps\":[{\"solution_prefix\":\"q\",\"mc_value\":1},"
         "{\"solution_prefix\":\"q\",\"mc_value\":0}]}",
         "reasoning_steps: the same solution_prefix twice"},
        {TJ_DATA_TREES, TREE(ROOT("[1]") "," STEP("2", "0", "[]")),
         "nodes[1].id: is 2; nodes are numbered from 0"},
        {TJ_DATA_TREES, TREE(ROOT("[1]") "," STEP("1", "1", "[]")),
         "nodes[1].parent_step: is 1, which does not stand before the node"},
        {TJ_DATA_TREES, TREE(ROOT("[]") "," STEP("1", "0", "[]")),
         "nodes: a node is nobody's child"},
        {TJ_DATA_TREES, TREE(ROOT("[1,1]") "," STEP("1", "0", "[]")),
         "nodes[0].child_steps: names a node whose parent is another, or one twice, or out of "
         "order"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char want[512];
        (void)snprintf(want, sizeof want, "! 1 1 %s\n", cases[i].want);
        assert_reads(cases[i].record, cases[i].format, want);
    }
}

static void mgsm_lines_have_one_tab(void **state)
{
    (void)state;
    assert_reads("q\t1\nno tab\nq\t1\t2\n\t3\nq\t \nr\xFF\t4\ns\t1,000\r\n", TJ_DATA_MGSM,
                 "1 P:q A:1\n"
                 "! 2 2 : expected a question, a tab and an answer\n"
                 "! 3 3 : more than one tab in the line\n"
                 "! 4 4 question: is empty\n"
                 "! 5 5 answer: is empty\n"
                 "! 6 6 : not UTF-8 at byte 2\n"
                 "7 P:s A:1,000\n");
}

/* Whatever the lengths of steps and labels: as many labels as steps, or a refusal. */
static void labels_are_as_many_as_steps(void **state)
{
    (void)state;
    tj_data_map map;
    tj_dataset_options options = {.format = TJ_DATA_FIELDS, .map = &map};
    assert_int_equal(tj_data_map_parse(&map, "problem=p,steps=s,labels=l", NULL), TJ_OK);
    for (size_t n_steps = 0; n_steps < 5; n_steps++) {
        for (size_t n_labels = 0; n_labels < 5; n_labels++) {
            tj_buf text;
            tj_buf got;
            tj_buf_init(&text);
            tj_buf_init(&got);
            tj_buf_str(&text, "{\"p\":\"q\",\"s\":[");
            for (size_t i = 0; i < n_steps; i++) {
                tj_buf_str(&text, i == 0 ? "\"t\"" : ",\"t\"");
            }
            tj_buf_str(&text, "],\"l\":[");
            for (size_t i = 0; i < n_labels; i++) {
                tj_buf_printf(&text, "%s%d", i == 0 ? "" : ",", (int)(i % 3) - 1);
            }
            tj_buf_str(&text, "]}");
            write_file(text.data, text.len);
            file_text(&got, path, &options);
            assert_int_equal(tj_buf_text(&got)[0] == '!', n_steps != n_labels);
            tj_buf_deinit(&text);
            tj_buf_deinit(&got);
        }
    }
}

/* ------------------------------------------------------------------ the problem as JSON */

static void problems_are_written_with_sorted_keys(void **state)
{
    (void)state;
    tj_data_record r = {.problem = {"a \"b\"", 5}, .answer = {"1", 1}, .level = 3, .id = {"x", 1}};
    tj_buf out;
    tj_buf_init(&out);
    tj_data_write_problem(&out, &r);
    assert_string_equal(tj_buf_text(&out),
                        "{\"answer\":\"1\",\"id\":\"x\",\"level\":3,\"problem\":\"a \\\"b\\\"\"}");
    tj_buf_clear(&out);
    r = (tj_data_record){.problem = {"p", 1}, .subject = {"s", 1}};
    tj_data_write_problem(&out, &r);
    assert_string_equal(tj_buf_text(&out), "{\"problem\":\"p\",\"subject\":\"s\"}");
    tj_buf_deinit(&out);
}

/* ------------------------------------------------------------------ memory */

static void memory_that_fails_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    for (size_t s = 0; s < N_SAMPLES; s++) {
        char *file = sample_path(s);
        tj_code rc = TJ_E_NOMEM;
        for (size_t k = 0; rc != TJ_OK; k++) {
            tj_dataset *data = NULL;
            const tj_data_record *record = NULL;
            assert_true(k < 1000);
            tj_alloc_fail_after(k);
            rc = tj_dataset_open(&data, file, NULL, NULL);
            while (rc == TJ_OK) {
                rc = tj_dataset_next(data, &record, NULL);
                if (record == NULL) {
                    break;
                }
            }
            tj_alloc_fail_after(SIZE_MAX);
            assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
            tj_dataset_close(data);
        }
        tj_free(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_becomes_what_stands_beside_it),
        cmocka_unit_test(the_format_is_seen_from_the_first_record),
        cmocka_unit_test(fields_are_found_by_a_map),
        cmocka_unit_test(wrong_maps_are_refused),
        cmocka_unit_test(framing_does_not_matter),
        cmocka_unit_test(compression_does_not_matter),
        cmocka_unit_test(the_digest_is_of_the_decompressed_bytes),
        cmocka_unit_test(records_may_lie_anywhere_in_the_file),
        cmocka_unit_test(the_rest_goes_on_behind_a_bad_record),
        cmocka_unit_test(what_is_no_data_set_is_refused_by_name),
        cmocka_unit_test(what_a_format_does_not_allow_is_refused),
        cmocka_unit_test(mgsm_lines_have_one_tab),
        cmocka_unit_test(labels_are_as_many_as_steps),
        cmocka_unit_test(problems_are_written_with_sorted_keys),
        cmocka_unit_test(memory_that_fails_is_an_error_and_leaks_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
