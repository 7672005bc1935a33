/* The program from outside: what it prints, what it refuses and with which status, and that its
 * commands make a chain: train, generate, tree grow, thought derive, train again. Each test runs
 * the built program as a process of its own; a tiny model is trained once for all of them. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "store/store.h"
#include "support/command.h"

#define MAX_ARGS   48
#define MAX_OUTPUT ((size_t)1 << 24)

/* A model that trains in milliseconds. */
#define TINY                                                                                       \
    "--new", "--shape", "width=32", "--shape", "n_layers=2", "--shape", "n_heads=2", "--shape",    \
        "n_kv_heads=2", "--shape", "head_dim=16", "--shape", "ffn_width=64", "-t", "1"

typedef struct result {
    int status; /* exit status; 128 + the number of the signal that ended it */
    char *out, *err;
} result;

static void redirect(const char *path, int flags, int fd)
{
    int file = open(path, flags, 0644);
    if (file < 0 || dup2(file, fd) < 0) {
        _exit(126);
    }
}

static pid_t start(const char *in, const char *const *args)
{
    const char *argv[MAX_ARGS] = {TJ_PROGRAM};
    size_t n = 1;
    for (; args[n - 1] != NULL; n++) {
        assert_true(n + 1 < MAX_ARGS);
        argv[n] = args[n - 1];
    }
    argv[n] = NULL;
    if (in != NULL) {
        command_write("stdin", in);
    }
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        redirect(in == NULL ? "/dev/null" : "stdin", O_RDONLY, STDIN_FILENO);
        redirect("stdout", O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
        redirect("stderr", O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
        execv(TJ_PROGRAM, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

static int wait_for(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        assert_int_equal(errno, EINTR);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static result run_list(const char *in, const char *const *args)
{
    result r = {.status = wait_for(start(in, args))};
    r.out = command_read("stdout");
    r.err = command_read("stderr");
    return r;
}

#define RUN(in, ...) run_list(in, (const char *const[]){__VA_ARGS__, NULL})

static void done(result *r)
{
    tj_free(r->out);
    tj_free(r->err);
}

/* Ends the test with what the program said, if it did not end as expected. */
static void expect_status(const result *r, int status)
{
    if (r->status != status) {
        fail_msg("status %d, expected %d; it said:\n%s\n%s", r->status, status, r->out, r->err);
    }
}

/* The program refuses with this status and says this on standard error, in one line. */
static void expect_refusal(result r, int status, const char *says)
{
    expect_status(&r, status);
    command_expect_text(r.err, says);
    assert_string_equal(r.out, "");
    command_expect_text(r.err, "tabiji: ");
    assert_ptr_equal(strchr(r.err, '\n'), r.err + strlen(r.err) - 1);
    done(&r);
}

/* The output of a run that succeeds, as JSON. */
static json_t *expect_json(result r)
{
    expect_status(&r, 0);
    json_t *json = command_json(r.out);
    done(&r);
    return json;
}

/* ------------------------------------------------------------------ the folder of the tests */

static const char lesson[] =
    "{\"prompt\": \"Use 3 4 to make 12.\\n\", \"completion\": \"1. 4 * 3 = 12 left 12\\nReached "
    "12.\\n\", \"other\": [1]}\n"
    "\n"
    "{\"prompt\": \"Use 2 5 to make 7.\\n\", \"completion\": \"1. 5 + 2 = 7 left 7\\nReached "
    "7.\\n\"}\n";

static int make_dir(void **state)
{
    (void)state;
    if (command_begin("cli") != 0) {
        return -1;
    }
    /* threads that wait busily would make a loaded machine slower still; in builds without OpenMP
     * oneDNN has some of its own */
    if (setenv("OMP_WAIT_POLICY", "passive", 1) != 0 || setenv("OMP_NUM_THREADS", "1", 1) != 0) {
        return -1;
    }
    command_write("lessons.jsonl", lesson);
    result r = RUN(NULL, "train", "lessons.jsonl", TINY, "--out", "model", "--lr", "0.01",
                   "--epochs", "80", "--save-every", "0", "-q");
    expect_status(&r, 0);
    done(&r);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return command_end();
}

/* ------------------------------------------------------------------ the command line */

static void wrong_usage_exits_2_and_is_named(void **state)
{
    (void)state;
    expect_refusal(RUN(NULL, "explode"), 2, "'explode' is not a command");
    expect_refusal(RUN(NULL, "tree"), 2, "'tree' is not a command");
    expect_refusal(RUN(NULL, "runs", "--colour"), 2,
                   "'--colour' is not an option of 'tabiji runs'");
    expect_refusal(RUN(NULL, "runs", "-x"), 2, "'-x' is not an option");
    expect_refusal(RUN(NULL, "runs", "--json=1"), 2, "--json takes no value");
    expect_refusal(RUN(NULL, "generate", "--seed"), 2, "--seed needs a value");
    expect_refusal(RUN(NULL, "generate", "--seed", "many"), 2, "--seed is 'many'");
    expect_refusal(RUN(NULL, "generate", "--temperature", "hot"), 2, "--temperature is 'hot'");
    expect_refusal(RUN(NULL, "tree", "show", "first"), 2, "'first' is not a row number");
    expect_refusal(RUN(NULL, "tree", "show"), 2, "usage: tabiji tree show");
    expect_refusal(RUN(NULL, "tree", "show", "1", "-f", "xml"), 2,
                   "--format is 'xml', expected text, json, dot or omegaprm");
    expect_refusal(RUN(NULL, "tree", "grow", "-f", "xml", "x"), 2, "--format is 'xml'");
    expect_refusal(RUN(NULL, "tree", "grow", "--width", "0", "x"), 2, "--width is 0");
    expect_refusal(RUN(NULL, "thought", "derive", "--kind", "long"), 2, "--kind is 'long'");
    expect_refusal(RUN(NULL, "train", "lessons.jsonl", "--new"), 2, "--out is needed");
    expect_refusal(RUN(NULL, "train", "lessons.jsonl", "--out", "x"), 2, "--from DIR");
    expect_refusal(RUN(NULL, "train", "lessons.jsonl", "--out", "x", "--new", "--from", "model"), 2,
                   "--from DIR");
    expect_refusal(RUN(NULL, "train", "lessons.jsonl", "--out", "model", "--from", "model"), 2,
                   "--out model is the model");
    expect_refusal(RUN(NULL, "train", "lessons.jsonl", "--out", "x", "--new", "--lr", "-1"), 2,
                   "--lr is -1");
    expect_refusal(
        RUN(NULL, "train", "lessons.jsonl", "--out", "x", "--new", "--shape", "width=no"), 2,
        "--shape.width");
    expect_refusal(RUN(NULL, "completion", "tcsh"), 2, "'tcsh' is not bash, zsh or fish");
    assert_false(tj_fs_exists("x"));
}

/* Calls fn with the name of each command that --help lists. */
static size_t each_command(void (*fn)(const char *name, const char *ctx), const char *ctx)
{
    result r = RUN(NULL, "--help");
    size_t n = 0;
    expect_status(&r, 0);
    char *at = strstr(r.out, "commands:\n");
    assert_non_null(at);
    for (at = strchr(at, '\n') + 1; strncmp(at, "  ", 2) == 0; at = strchr(at, '\n') + 1) {
        char name[17] = "";
        snprintf(name, sizeof name, "%.16s", at + 2);
        for (size_t i = strlen(name); i-- > 0 && name[i] == ' ';) {
            name[i] = 0;
        }
        fn(name, ctx);
        n++;
    }
    done(&r);
    return n;
}

static void expect_narrow(const char *text, size_t width)
{
    for (const char *at = text; *at != 0;) {
        size_t n = strcspn(at, "\n");
        if (n > width) {
            fail_msg("%zu columns: %.*s", n, (int)n, at);
        }
        at += n + (at[n] == '\n' ? 1 : 0);
    }
}

static void help_of(const char *name, const char *ctx)
{
    (void)ctx;
    const char *space = strchr(name, ' ');
    char first[17];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(name, " "), name);
    result r = space == NULL ? RUN(NULL, first, "--help") : RUN(NULL, first, space + 1, "--help");
    expect_status(&r, 0);
    command_expect_text(r.out, name);
    command_expect_text(r.out, "usage: tabiji ");
    command_expect_text(r.out, "options:\n");
    expect_narrow(r.out, 80);
    assert_string_equal(r.err, "");
    done(&r);
}

static void every_commands_help_fits_80_columns(void **state)
{
    (void)state;
    assert_true(each_command(help_of, NULL) >= 17);
    result r = RUN(NULL, "--help");
    expect_narrow(r.out, 80);
    done(&r);
}

static void is_in(const char *name, const char *text)
{
    command_expect_text(text, name);
}

static void manual_and_completion_know_every_command(void **state)
{
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    result man = RUN(NULL, "man");
    expect_status(&man, 0);
    each_command(is_in, man.out);
    command_expect_text(man.out, ".SH EXIT STATUS");
    done(&man);
    for (size_t i = 0; i < 3; i++) {
        result r = RUN(NULL, "completion", shells[i]);
        expect_status(&r, 0);
        command_expect_text(r.out, "train");
        command_expect_text(r.out, "save-every");
        done(&r);
    }
    /* what is completed behind a command is its own, though another's name begins alike */
    command_write("words.sh", "COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1))\n"
                              ". ./tabiji.bash; _tabiji; echo \"${COMPREPLY[@]}\"\n");
    result bash = RUN(NULL, "completion", "bash");
    command_write("tabiji.bash", bash.out);
    done(&bash);
    command_expect("bash words.sh tabiji runs --st; bash words.sh tabiji train prm --lora; "
                   "bash words.sh tabiji train x --met; bash words.sh tabiji thought de",
                   0);
    command_expect_text(command_out, "--stage --status\n--lora-rank");
    command_expect_text(command_out, "--method\n");
    command_expect_text(command_out, "derive debate\n");
}

/* ------------------------------------------------------------------ configurations, workspaces */

static void a_wrong_configuration_names_its_field(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"n_trains: 3\n", "wrong.yaml:1: n_trains"},
        {"# slow\nphase1:\n  chains: many\n", "wrong.yaml:3: phase1.chains"},
        {"eval:\n  temperature: -1\n", "wrong.yaml:2: eval.temperature"},
        {"model:\n  widht: 3\n", "wrong.yaml:2: model.widht"},
        {"model:\n  n_heads: 4\n  n_kv_heads: 3\n", "n_kv_heads"},
        {"[1, 2]\n", "wrong.yaml: expected a mapping"},
        {"task:\n  number_min: 9\n  number_max: 3\n", "number_m"},
        {"n_train: 5\nseeds: [1, 2, 1]\n", "wrong.yaml:2: seeds: 1 is there twice"},
        {"n_train: [1\n", "wrong.yaml:"},
        {"n_train: 1\nn_train: 2\n", "wrong.yaml:2: key 'n_train' is there twice"},
        {"", "wrong.yaml:1: nothing in it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        command_write("wrong.yaml", cases[i][0]);
        expect_refusal(RUN(NULL, "config", "-c", "wrong.yaml"), 2, cases[i][1]);
        expect_refusal(RUN(NULL, "run", "wrong.yaml", "-w", "unmade"), 2, cases[i][1]);
    }
    expect_refusal(RUN(NULL, "config", "-s", "model.width=wide"), 2, "--set: model.width");
    expect_refusal(RUN(NULL, "config", "-c", "none.yaml"), 3, "none.yaml");
    assert_false(tj_fs_exists("unmade"));
    command_write("right.yaml", "model: {width: 64}\nn_train: 9\n");
    json_t *all = expect_json(RUN(NULL, "config", "-c", "right.yaml", "-s", "n_train=8", "--json"));
    assert_int_equal(json_integer_value(json_object_get(all, "n_train")), 8);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(all, "model"), "width")),
                     64);
    json_decref(all);
}

static void printed_settings_are_read_as_the_same(void **state)
{
    (void)state;
    result printed = RUN(NULL, "config", "--full", "-s", "phase1.lr_max=1e-7");
    expect_status(&printed, 0);
    command_expect_text(printed.out, "# peak learning rate; 0 to 1");
    command_write("printed.yaml", printed.out);
    done(&printed);
    json_t *asked =
        expect_json(RUN(NULL, "config", "--full", "-s", "phase1.lr_max=1e-7", "--json"));
    json_t *again = expect_json(RUN(NULL, "config", "-c", "printed.yaml", "--json"));
    assert_true(json_equal(asked, again));
    json_decref(asked);
    json_decref(again);
}

static void a_workspace_in_use_exits_4(void **state)
{
    (void)state;
    tj_store *store;
    assert_int_equal(tj_store_open(&store, "held", TJ_STORE_CREATE, NULL, NULL), TJ_OK);
    expect_refusal(RUN(NULL, "demo", "-w", "held"), 4, "held is in use by process");
    json_t *runs = expect_json(RUN(NULL, "runs", "-w", "held", "--json")); /* reading is allowed */
    assert_int_equal(json_array_size(runs), 0);
    json_decref(runs);
    tj_store_close(store);
    json_t *verified = expect_json(RUN(NULL, "ledger", "verify", "-w", "held", "--json"));
    assert_int_equal(json_array_size(json_object_get(verified, "mismatches")), 0);
    json_decref(verified);
}

static void a_ledger_is_signed_shown_and_verified(void **state)
{
    (void)state;
    char head[TJ_SHA256_HEX];
    tj_store *store;
    assert_int_equal(tj_store_open(&store, "signed", TJ_STORE_CREATE, NULL, NULL), TJ_OK);
    tj_store_close(store);
    result made = RUN(NULL, "ledger", "keygen", "lab");
    expect_status(&made, 0);
    command_expect_text(made.out, "lab.pub");
    done(&made);
    expect_refusal(RUN(NULL, "ledger", "keygen", "lab"), 4, "lab is there already");
    expect_refusal(RUN(NULL, "ledger", "sign", "-w", "signed"), 2, "--key is missing");
    json_t *is = expect_json(RUN(NULL, "ledger", "sign", "-w", "signed", "--key", "lab", "--json"));
    assert_int_equal(json_integer_value(json_object_get(is, "entries")), 2);
    snprintf(head, sizeof head, "%s", json_string_value(json_object_get(is, "head")));
    assert_non_null(json_object_get(is, "signature"));
    json_t *again = expect_json(RUN(NULL, "ledger", "head", "-w", "signed", "--json"));
    assert_true(json_equal(is, again));
    json_decref(is);
    json_decref(again);
    result ok = RUN(NULL, "ledger", "verify", "-w", "signed", "--files", "--public-key", "lab.pub",
                    "--head", head);
    expect_status(&ok, 0);
    command_expect_text(ok.out, "2 ledger entries, nothing differs");
    command_expect_text(ok.out, "signed by ");
    done(&ok);
    result shown = RUN(NULL, "ledger", "show", "-w", "signed", "--kind", "key");
    expect_status(&shown, 0);
    command_expect_text(shown.out, "     2 ");
    command_expect_text(shown.out, "{\"public\":");
    done(&shown);
    json_t *entry =
        expect_json(RUN(NULL, "ledger", "show", "-w", "signed", "--kind", "created", "--json"));
    assert_int_equal(json_integer_value(json_object_get(entry, "entry")), 1);
    assert_true(json_is_object(json_object_get(entry, "body")));
    json_decref(entry);
}

/* The head goes back to an earlier one: what is told, what is refused, and how to go on. */
static void a_ledger_that_differs_exits_1_until_it_is_adopted(void **state)
{
    (void)state;
    tj_store *store;
    int64_t seq;
    json_t *body = json_object();
    assert_int_equal(tj_store_open(&store, "differs", TJ_STORE_CREATE, NULL, NULL), TJ_OK);
    char *before = command_read("differs/ledger.head");
    assert_int_equal(tj_ledger_add(store, &seq, "accessed", 0, body, NULL), TJ_OK);
    tj_store_close(store);
    json_decref(body);
    command_write("differs/ledger.head", before);
    tj_free(before);
    result wrong = RUN(NULL, "ledger", "verify", "-w", "differs");
    expect_status(&wrong, 1);
    command_expect_text(wrong.out, "entry 2, head: entries after 1 were added by hand");
    command_expect_text(wrong.err, "in 1 place");
    done(&wrong);
    expect_refusal(RUN(NULL, "migrate", "-w", "differs"), 1, "ledger adopt");
    expect_refusal(RUN(NULL, "ledger", "verify", "-w", "differs", "--public-key", "none"), 3,
                   "none");
    result adopted = RUN(NULL, "ledger", "adopt", "-w", "differs");
    expect_status(&adopted, 0);
    command_expect_text(adopted.out, "entry 3");
    done(&adopted);
    result right = RUN(NULL, "ledger", "verify", "-w", "differs");
    expect_status(&right, 0);
    command_expect_text(right.out, "not signed");
    done(&right);
    result same = RUN(NULL, "migrate", "-w", "differs");
    expect_status(&same, 0);
    command_expect_text(same.out, "schema ");
    done(&same);
}

/* Trees of two runs; the second run's have an answer. */
static void make_trees(const char *where)
{
    tj_store *store;
    json_t *config = json_object();
    const tj_problem problem = {.json = "{}", .n_json = 2};
    assert_int_equal(tj_store_open(&store, where, TJ_STORE_CREATE, NULL, NULL), TJ_OK);
    for (size_t r = 0; r < 2; r++) {
        tj_run_spec spec = {.stage = "grow",
                            .name = r == 0 ? "first" : "second",
                            .config = config,
                            .seed = r,
                            .build_id = "b",
                            .isa = ""};
        int64_t run;
        int64_t set;
        int64_t id;
        size_t node;
        assert_int_equal(tj_run_begin(store, &run, &spec, NULL), TJ_OK);
        if (r == 0) {
            assert_int_equal(
                tj_store_add_problem_set(store, &set, run, "sums", "t", config, &problem, 1, NULL),
                TJ_OK);
        }
        for (size_t i = 0; i < 3; i++) {
            tj_tree tree = {.problem = 1};
            tj_reward reward = {.node = 0, .rewarder = "prm", .value = 0.25 * (double)i};
            assert_int_equal(tj_tree_add_node(&tree, &node, TJ_NO_NODE, "", NULL, NULL, 0, NULL),
                             TJ_OK);
            tree.nodes[0].terminal = true;
            tree.nodes[0].correct = r == 1;
            assert_int_equal(tj_tree_add_reward(&tree, &reward, NULL), TJ_OK);
            tj_origin origin = {.run = run, .ordinal = i};
            assert_int_equal(tj_store_add_tree(store, &id, &origin, &tree, NULL), TJ_OK);
            tj_tree_deinit(&tree);
        }
        tj_run_outcome end = {.status = r == 0 ? TJ_RUN_DONE : TJ_RUN_FAILED,
                              .error = r == 0 ? NULL : "why"};
        assert_int_equal(tj_run_end(store, run, &end, NULL), TJ_OK);
    }
    json_decref(config);
    tj_store_close(store);
}

static void trees_and_runs_are_listed_page_by_page(void **state)
{
    (void)state;
    make_trees("listed");
    result all = RUN(NULL, "tree", "list", "-w", "listed", "--set", "sums", "-n", "4");
    expect_status(&all, 0);
    command_expect_text(all.out, "0 of 1");
    command_expect_text(all.out, "4 of 6 trees; the next: --after 4");
    done(&all);
    result rest = RUN(NULL, "tree", "list", "-w", "listed", "--after", "4", "--solved", "yes");
    expect_status(&rest, 0);
    command_expect_text(rest.out, "2 of 3 trees\n");
    done(&rest);
    json_t *rewarded =
        expect_json(RUN(NULL, "tree", "list", "-w", "listed", "--rewarder", "prm", "--measure",
                        "mean", "--min-reward", "0.5", "--newest", "--json"));
    const json_t *trees = json_object_get(rewarded, "trees");
    assert_int_equal(json_integer_value(json_object_get(rewarded, "n")), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(trees, 0), "id")), 6);
    assert_int_equal(json_array_size(json_object_get(json_array_get(trees, 0), "rewards")), 1);
    json_decref(rewarded);
    expect_refusal(RUN(NULL, "tree", "list", "-w", "listed", "--set", "products"), 3, "products");
    expect_refusal(RUN(NULL, "tree", "list", "-w", "listed", "--min-reward", "1"), 2, "--rewarder");
    expect_refusal(RUN(NULL, "tree", "list", "-w", "listed", "--solved", "maybe"), 2, "--solved");
    json_t *failed = expect_json(RUN(NULL, "runs", "-w", "listed", "--status", "failed", "--json"));
    assert_int_equal(json_array_size(failed), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(failed, 0), "name")),
                        "second");
    json_decref(failed);
    result newest = RUN(NULL, "runs", "-w", "listed", "--newest", "-n", "1");
    expect_status(&newest, 0);
    command_expect_text(newest.out, "second");
    assert_null(strstr(newest.out, "first"));
    done(&newest);
    expect_refusal(RUN(NULL, "runs", "-w", "listed", "--status", "lost"), 2, "--status");
}

static void a_missing_workspace_or_model_exits_3(void **state)
{
    (void)state;
    expect_refusal(RUN(NULL, "runs", "-w", "nowhere"), 3, "nowhere");
    expect_refusal(RUN(NULL, "ledger", "verify", "-w", "nowhere"), 3, "nowhere");
    expect_refusal(RUN(NULL, "report", "-w", "nowhere"), 3, "nowhere");
    expect_refusal(RUN(NULL, "tree", "show", "1", "-w", "nowhere"), 3, "nowhere");
    expect_refusal(RUN(NULL, "tree", "list", "-w", "nowhere"), 3, "nowhere");
    expect_refusal(RUN(NULL, "ledger", "head", "-w", "nowhere"), 3, "nowhere");
    expect_refusal(RUN(NULL, "thought", "show", "1", "-w", "nowhere"), 3, "nowhere");
    expect_refusal(RUN(NULL, "generate", "-w", "nowhere", "x"), 3, "nowhere");
    expect_refusal(RUN(NULL, "tree", "grow", "-m", "nothing", "Use 3 4 to make 12."), 3, "nothing");
    expect_refusal(RUN(NULL, "thought", "derive", "none.jsonl"), 3, "none.jsonl");
    expect_refusal(RUN(NULL, "train", "none.jsonl", "--new", "--out", "x"), 3, "none.jsonl");
    assert_false(tj_fs_exists("nowhere"));
}

/* ------------------------------------------------------------------ the chain */

static void a_trained_model_answers(void **state)
{
    (void)state;
    result r = RUN(NULL, "generate", "-m", "model", "Use 3 4 to make 12.");
    expect_status(&r, 0);
    assert_string_equal(r.out, "1. 4 * 3 = 12 left 12\nReached 12.\n");
    result check = RUN(r.out, "task", "check", "-p", "Use 3 4 to make 12.");
    expect_status(&check, 0);
    done(&check);
    done(&r);
    json_t *list =
        expect_json(RUN("Use 3 4 to make 12.\nUse 2 5 to make 7.\n", "generate", "-m", "model",
                        "--samples", "2", "--temperature", "5", "--max-tokens", "40", "--json"));
    assert_int_equal(json_array_size(list), 4); /* nonsense, but all of it is there */
    json_decref(list);
    json_t *info = expect_json(RUN(NULL, "model", "info", "model", "--json"));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(info, "shape"), "width")),
                     32);
    json_decref(info);
    expect_refusal(RUN(NULL, "task", "check", "--prompt", "Make 3."), 1, "prompt is not of the");
}

/* A server of a model at a free port of this machine; its URL goes to *url. */
static pid_t start_server(char url[128])
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        redirect("/dev/null", O_RDONLY, STDIN_FILENO);
        redirect("served", O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
        redirect("served.err", O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
        const char *const argv[] = {
            TJ_PROGRAM, "serve", "-m", "served-model", "--port", "0", "--json", "-t", "1", NULL};
        execv(TJ_PROGRAM, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    for (size_t tries = 0; tries < 2000; tries++) { /* 20 s: a busy machine under sanitizers */
        char *said = tj_fs_exists("served") ? command_read("served") : NULL;
        if (said != NULL && strchr(said, '\n') != NULL) {
            json_t *event = command_json(said);
            snprintf(url, 128, "%s", json_string_value(json_object_get(event, "url")));
            json_decref(event);
            tj_free(said);
            return pid;
        }
        tj_free(said);
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    (void)kill(pid, SIGKILL);
    fail_msg("the server did not say where it listens: %s", command_read("served.err"));
    return -1;
}

/* The trained model with its tokenizer beside it, as models of other domains come. */
static void make_served_model(void)
{
    size_t n_tokenizer, n_weights;
    const char *tokenizer = tj_countdown_tokenizer_json(&n_tokenizer);
    char *config = command_read("model/config.json"), *weights = NULL;
    tj_err err;
    if (tj_fs_mkdirs("served-model", &err) != TJ_OK ||
        tj_fs_write("served-model/tokenizer.json", tokenizer, n_tokenizer, &err) != TJ_OK ||
        tj_fs_write("served-model/config.json", config, strlen(config), &err) != TJ_OK ||
        tj_fs_read(&weights, &n_weights, "model/model.safetensors", MAX_OUTPUT, &err) != TJ_OK ||
        tj_fs_write("served-model/model.safetensors", weights, n_weights, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_free(weights);
    tj_free(config);
}

static void a_served_model_answers_as_it_does_here(void **state)
{
    (void)state;
    char url[128];
    make_served_model();
    pid_t server = start_server(url);
    result here = RUN(NULL, "generate", "-m", "model", "Use 3 4 to make 12.");
    result there = RUN(NULL, "generate", "-m", url, "--raw", "--cache", "answers", "--remote-model",
                       "served-model", "Use 3 4 to make 12.\n");
    expect_status(&there, 0);
    assert_string_equal(there.out, here.out);
    result absent =
        RUN(NULL, "generate", "-m", url, "--raw", "--remote-model", "other", "Use 3 4 to make 12.");
    expect_status(&absent, 3);
    command_expect_text(absent.err, "status 404: there is no model 'other' here");
    done(&absent);
    assert_int_equal(kill(server, SIGTERM), 0);
    assert_int_equal(wait_for(server), 0);
    /* nobody listens any more, and nobody needs to: the answer was kept */
    result kept = RUN(NULL, "generate", "-m", url, "--raw", "--cache", "answers", "--remote-model",
                      "served-model", "Use 3 4 to make 12.\n");
    expect_status(&kept, 0);
    assert_string_equal(kept.out, here.out);
    done(&kept);
    done(&there);
    done(&here);
}

static void trees_grow_and_thoughts_are_derived_and_learnt(void **state)
{
    (void)state;
    const char *problems = "Use 3 4 to make 12.\nUse 2 5 to make 7.\n\nUse 3 4 to make 1.\n";
    result grown =
        RUN(problems, "tree", "grow", "-m", "model", "-f", "jsonl", "--temperature", "0.3", "-q");
    expect_status(&grown, 0);
    result again = RUN(problems, "tree", "grow", "-m", "model", "-f", "jsonl", "--temperature",
                       "0.3", "-q", "-t", "2");
    assert_string_equal(grown.out, again.out);
    done(&again);
    result text =
        RUN(NULL, "tree", "grow", "-m", "model", "Use 3 4 to make 12.", "--temperature", "0.3");
    command_expect_text(text.out, "Use 3 4 to make 12.\n  + 1. 4 * 3 = 12 left 12\n");
    done(&text);
    result dot = RUN(NULL, "tree", "grow", "-m", "model", "-f", "dot", "Use 3 4 to make 12.");
    command_expect_text(dot.out, "digraph tree {");
    done(&dot);

    command_write("trees.jsonl", grown.out);
    result derived = RUN(NULL, "thought", "derive", "trees.jsonl", "--json");
    expect_status(&derived, 0);
    command_write("thoughts.jsonl", derived.out);
    size_t n = 0;
    for (char *line = derived.out; *line != 0; n++) {
        char *end = strchr(line, '\n');
        *end = 0;
        json_t *j = command_json(line);
        assert_string_equal(json_string_value(json_object_get(j, "kind")),
                            n % 2 == 0 ? "shortcut" : "journey");
        command_expect_text(json_string_value(json_object_get(j, "completion")), "Reached ");
        json_t *spans = json_object_get(j, "spans");
        assert_true(json_array_size(spans) >= 2);
        const json_t *last = json_array_get(spans, json_array_size(spans) - 1);
        assert_string_equal(json_string_value(json_object_get(last, "action")), "conclude");
        assert_true(json_is_true(json_object_get(last, "on_path")));
        json_decref(j);
        line = end + 1;
    }
    assert_true(n >= 4); /* of the two problems that were learnt */
    if (n == 4) {        /* the third has no answer that this model knows */
        command_expect_text(derived.err,
                            "trees.jsonl:3: no correct path, skipped: Use 3 4 to make 1.");
        command_expect_text(derived.err, "1 of 3 trees have no correct path");
    }
    done(&derived);
    result shown = RUN(grown.out, "thought", "derive", "--kind", "shortcut");
    expect_status(&shown, 0);
    command_expect_text(shown.out,
                        "shortcut  Use 3 4 to make 12.\n* propose    1. 4 * 3 = 12 left 12\n");
    done(&shown);
    done(&grown);

    json_t *trained = expect_json(RUN(NULL, "train", "thoughts.jsonl", "--from", "model", "--out",
                                      "model-2", "--json", "-t", "1"));
    assert_int_equal(json_integer_value(json_object_get(trained, "examples")), (json_int_t)n);
    json_decref(trained);
    assert_true(tj_fs_exists("model-2/model.safetensors"));
    assert_false(tj_fs_exists("model-2/snapshots"));
}

/* The tree of one problem, changed by hand, must not be told. */
static void a_tree_that_claims_too_much_is_refused(void **state)
{
    (void)state;
    json_t *list = expect_json(RUN(NULL, "tree", "grow", "-m", "model", "-f", "json",
                                   "--temperature", "0.3", "Use 3 4 to make 12."));
    const struct {
        const char *field, *value, *says;
    } changes[] = {{"text", "\"1. 4 * 3 = 13 left 13\\n\"", "do not spell"},
                   {"ids", "[1, 2]", "node 1"},
                   {"ids", "[99999999]", "node 1"},
                   {"valid", "false", "node 1"},
                   {"correct", "false", "terminal or correct"},
                   {"terminal", "false", "terminal or correct"},
                   {"parent", "1", "node 1"}};
    char *whole = json_dumps(list, JSON_COMPACT);
    result r = RUN(whole, "thought", "derive");
    expect_status(&r, 0);
    done(&r);
    free(whole);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        json_t *copy = json_deep_copy(list);
        json_t *tree = json_array_get(copy, 0);
        json_t *node = json_array_get(json_object_get(tree, "nodes"), 1);
        json_object_set_new(node, changes[i].field,
                            json_loads(changes[i].value, JSON_DECODE_ANY, NULL));
        char *text = json_dumps(copy, JSON_COMPACT);
        expect_refusal(RUN(text, "thought", "derive"), 1, changes[i].says);
        free(text);
        json_decref(copy);
    }
    json_t *tree = json_array_get(list, 0);
    json_object_set_new(tree, "first", json_string("zz"));
    char *text = json_dumps(list, JSON_COMPACT);
    expect_refusal(RUN(text, "thought", "derive"), 1, "first");
    free(text);
    json_decref(list);
    expect_refusal(RUN("[]\n\n{\"a\":\n1 2}", "thought", "derive"), 1,
                   "standard input:4: not JSON");
    expect_refusal(RUN("{\"a\": 1}\n", "thought", "derive", "-"), 1, "standard input:1: ");
    expect_refusal(RUN("", "thought", "derive"), 1, "has no trees");
    expect_refusal(RUN("Use 4 3 to make 12.\n", "tree", "grow", "-m", "model"), 1, "problem 1: ");
}

/* ------------------------------------------------------------------ training */

static void a_bad_line_is_named_and_nothing_is_written(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"prompt\": \"x\"}", "bad.jsonl:4: completion is missing"},
        {"{\"completion\": \"x\"}", "bad.jsonl:4: prompt is missing"},
        {"{\"prompt\": 3, \"completion\": \"x\"}", "bad.jsonl:4: prompt: expected text, found an"},
        {"{\"prompt\": \"x\", \"completion\": [{}]}", "bad.jsonl:4: completion: expected text"},
        {"[\"x\"]", "bad.jsonl:4: expected an object"},
        {"{\"prompt\": \"x\", \"completion\": \"x\"", "bad.jsonl:4: not JSON"},
        {"{\"prompt\": \"x\", \"prompt\": \"x\"}", "bad.jsonl:4: not JSON"},
        {"{\"prompt\": \"\xff\", \"completion\": \"x\"}", "bad.jsonl:4: not UTF-8 at byte 13"},
        {"{\"prompt\": \"\\u0000\", \"completion\": \"x\"}", "bad.jsonl:4: not JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s%s\n%s", lesson, cases[i][0], lesson);
        command_write("bad.jsonl", text);
        expect_refusal(RUN(NULL, "train", "bad.jsonl", TINY, "--out", "unmade"), 1, cases[i][1]);
        assert_false(tj_fs_exists("unmade"));
    }
    command_write("bad.jsonl", "\n \n");
    expect_refusal(RUN(NULL, "train", "bad.jsonl", TINY, "--out", "unmade"), 1, "has no examples");
    command_write("bad.jsonl", lesson);
    expect_refusal(
        RUN(NULL, "train", "bad.jsonl", TINY, "--shape", "max_positions=16", "--out", "unmade"), 1,
        "bad.jsonl:1: 21 tokens");
    assert_false(tj_fs_exists("unmade"));
}

static void pause_ms(long ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000};
    nanosleep(&t, NULL);
}

#define LONG_TRAINING                                                                              \
    "train", "lessons.jsonl", TINY, "--epochs", "60", "--batch", "1", "--lr", "0.003",             \
        "--save-every", "5"

static void a_killed_training_goes_on_to_the_same_bits(void **state)
{
    (void)state;
    size_t n_killed = 0;
    const char *const broken[] = {LONG_TRAINING, "--out", "broken", NULL};
    result whole = RUN(NULL, LONG_TRAINING, "--out", "whole");
    expect_status(&whole, 0);
    done(&whole);
    for (size_t i = 0; i < 2; i++) { /* each time after the first snapshot of its own */
        char *before = i == 0 ? NULL : command_read("broken/snapshots/current");
        pid_t pid = start(NULL, broken);
        bool saved = false;
        for (size_t waited = 0; !saved && waited < 60000; waited++) {
            pause_ms(1);
            char *now = NULL;
            size_t len;
            if (tj_fs_read(&now, &len, "broken/snapshots/current", 64, NULL) == TJ_OK) {
                saved = before == NULL || strcmp(before, now) != 0;
            }
            tj_free(now);
        }
        tj_free(before);
        assert_true(saved);
        kill(pid, SIGKILL);
        n_killed += wait_for(pid) == 128 + SIGKILL ? 1 : 0;
        assert_false(tj_fs_exists("broken/model.safetensors"));
    }
    assert_int_equal(n_killed, 2);
    result last = run_list(NULL, broken);
    expect_status(&last, 0);
    command_expect_text(last.err, "going on from broken/snapshots");
    command_expect_text(last.out, "of them now");
    done(&last);
    char a[TJ_SHA256_HEX];
    char b[TJ_SHA256_HEX];
    assert_int_equal(tj_sha256_file(a, "whole/model.safetensors", NULL), TJ_OK);
    assert_int_equal(tj_sha256_file(b, "broken/model.safetensors", NULL), TJ_OK);
    assert_string_equal(a, b);
    assert_false(tj_fs_exists("broken/snapshots"));
}

static void what_is_there_is_not_overwritten(void **state)
{
    (void)state;
    const char *const stopped[] = {LONG_TRAINING, "--out", "stopped", NULL};
    char before[TJ_SHA256_HEX];
    char after[TJ_SHA256_HEX];
    assert_int_equal(tj_sha256_file(before, "model/model.safetensors", NULL), TJ_OK);
    expect_refusal(RUN(NULL, "train", "lessons.jsonl", TINY, "--out", "model"), 4,
                   "model holds a model already");
    assert_int_equal(tj_sha256_file(after, "model/model.safetensors", NULL), TJ_OK);
    assert_string_equal(before, after);
    assert_false(tj_fs_exists("model/snapshots"));

    pid_t pid = start(NULL, stopped);
    for (size_t waited = 0; !tj_fs_exists("stopped/snapshots/current") && waited < 60000;
         waited++) {
        pause_ms(1);
    }
    kill(pid, SIGTERM); /* as Ctrl-C: it saves and says how to go on */
    assert_int_equal(wait_for(pid), 130);
    char *said = command_read("stderr");
    command_expect_text(said, "run the same command to go on");
    tj_free(said);
    result other = RUN(NULL, LONG_TRAINING, "--decay", "0.5", "--out", "stopped");
    expect_status(&other, 4);
    command_expect_text(other.err, "was begun with another decay (0.05, now 0.5)");
    done(&other);
    result forced =
        RUN(NULL, "train", "lessons.jsonl", TINY, "--epochs", "1", "--force", "--out", "stopped");
    expect_status(&forced, 0);
    done(&forced);
    assert_false(tj_fs_exists("stopped/snapshots"));
    assert_true(tj_fs_exists("stopped/model.safetensors"));
}

/* ------------------------------------------------------------------ tokenize */

/* The vocabulary: letters, a merge, a special token, one that is always recognised, bytes. */
static void write_tokenizer(void)
{
    command_write(
        "tok.json",
        "{\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,"
        "\"<0xE2>\":3,\"<0x82>\":4,\"<0xAC>\":5,\"\\n\":6,\"\uFFFD\":7,\" \":8,\"<\":10,\">\":11,"
        "\"s\":12},\"merges\":[\"a b\"]},"
        "\"added_tokens\":[{\"id\":9,\"content\":\"<s>\",\"special\":true}],"
        "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":"
        "\"<s>\"}},{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{\"<s>\":{\"ids\":[9]}}}}");
}

static void expect_out(result r, const char *out)
{
    expect_status(&r, 0);
    assert_string_equal(r.out, out);
    done(&r);
}

#define TOKENIZE "tokenize", "--tokenizer", "tok.json"

static void texts_become_ids_and_come_back(void **state)
{
    (void)state;
    write_tokenizer();
    expect_out(RUN("ab\na", TOKENIZE), "2 6 0\n");
    expect_out(RUN("", TOKENIZE), "\n");
    expect_out(RUN("a<s>", TOKENIZE), "0 10 12 11\n");
    expect_out(RUN("a<s>", TOKENIZE, "--parse-special", "--add-special"), "9 0 9\n");
    expect_out(RUN("ab\n\nb a\nb", TOKENIZE, "--lines"), "2\n\n1 8 0\n1\n");
    expect_out(RUN("a\xE2\x82\xAC", TOKENIZE, "--json"),
               "{\"ids\":[0,3,4,5],\"pieces\":[\"a\",\"\uFFFD\",\"\uFFFD\",\"\uFFFD\"]}\n");
    expect_out(RUN("9 0, 3 4 5\n2", TOKENIZE, "--decode"), "<s>a\xE2\x82\xAC"
                                                           "ab");
    expect_out(RUN("0 3 4\n2 6\n", TOKENIZE, "--decode", "--lines"), "a\xE2\x82\nab\n\n");
    expect_out(RUN("0 3 4", TOKENIZE, "--decode", "--json"), "{\"text\":\"a\uFFFD\"}\n");
    expect_out(RUN("a\xE2\x82"
                   "b\xFF",
                   TOKENIZE, "--replace-invalid"),
               "0 7 1 7\n");
}

static void what_cannot_be_tokenized_is_named(void **state)
{
    (void)state;
    write_tokenizer();
    expect_refusal(RUN("a", "tokenize"), 2, "--tokenizer is missing");
    expect_refusal(RUN("a", "tokenize", "--tokenizer", "none.gguf"), 3, "none.gguf");
    expect_refusal(RUN("ab\xFF", TOKENIZE), 1, "text is not UTF-8 at byte 2 (0xff)");
    expect_refusal(RUN("abz", TOKENIZE), 2, "cannot spell byte 0x7a at byte 2 of the text");
    expect_refusal(RUN("1 x", TOKENIZE, "--decode"), 1, "at byte 2 there is none");
    expect_refusal(RUN("1 13", TOKENIZE, "--decode"), 1, "token id 13 at byte 2, but");
    expect_refusal(RUN("99999999999999", TOKENIZE, "--decode"), 1, "at byte 0 there is none");
    result r = RUN("ab\na\xFF\n", TOKENIZE, "--lines"); /* what came before is printed */
    expect_status(&r, 1);
    assert_string_equal(r.out, "2\n");
    command_expect_text(r.err, "line 2: text is not UTF-8 at byte 1");
    done(&r);
}

/* ------------------------------------------------------------------ files of models */

/* The number of checks of a list, and of those that failed. */
static size_t count_checks(const json_t *all, size_t *n_failed)
{
    size_t i;
    const json_t *one, *checks = json_object_get(all, "checks");
    *n_failed = 0;
    json_array_foreach(checks, i, one)
    {
        *n_failed += json_is_true(json_object_get(one, "ok")) ? 0 : 1;
    }
    return json_array_size(checks);
}

static void a_model_is_converted_and_back_and_checked(void **state)
{
    (void)state;
    size_t n_failed;
    json_t *there = expect_json(RUN(NULL, "model", "convert", "model", "m.gguf", "--json"));
    assert_string_equal(json_string_value(json_object_get(there, "family")), "llama");
    json_decref(there);
    result r = RUN(NULL, "model", "convert", "m.gguf", "back");
    expect_status(&r, 0);
    command_expect_text(r.out, "written         back\n");
    command_expect_text(r.out, "no tokenizer");
    done(&r);
    json_t *a = expect_json(RUN(NULL, "model", "info", "model", "--json"));
    json_t *b = expect_json(RUN(NULL, "model", "info", "back", "--json"));
    assert_string_equal(json_string_value(json_object_get(a, "digest")),
                        json_string_value(json_object_get(b, "digest")));
    json_decref(a);
    json_decref(b);
    r = RUN(NULL, "model", "info", "m.gguf");
    expect_status(&r, 0);
    command_expect_text(r.out, "family          llama (GGUF)\n");
    command_expect_text(r.out, "tokenizer       m.gguf holds no tokenizer\n");
    done(&r);
    json_t *checks = expect_json(RUN(NULL, "model", "check", "m.gguf", "--json"));
    assert_int_equal(count_checks(checks, &n_failed), 5);
    assert_int_equal(n_failed, 0);
    json_decref(checks);
    r = RUN(NULL, "model", "check", "back");
    expect_status(&r, 0);
    command_expect_text(r.out, "ok      values          all ");
    done(&r);
}

static void a_wrong_model_fails_its_check(void **state)
{
    (void)state;
    size_t n_failed;
    result r = RUN(NULL, "model", "convert", "model", "bad");
    expect_status(&r, 0);
    done(&r);
    json_t *config = json_load_file("bad/config.json", 0, NULL);
    json_object_set_new(config, "num_hidden_layers", json_integer(1));
    assert_int_equal(json_dump_file(config, "bad/config.json", 0), 0);
    json_decref(config);
    r = RUN(NULL, "model", "check", "bad");
    expect_status(&r, 1);
    command_expect_text(r.out, "FAILED  other tensors   ");
    command_expect_text(r.err, "tabiji: bad: 1 of 5 checks failed\n");
    for (const char *line = r.out; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") <= 80);
    }
    done(&r);
    r = RUN(NULL, "model", "check", "bad", "--json");
    expect_status(&r, 1);
    json_t *checks = command_json(r.out);
    count_checks(checks, &n_failed);
    assert_int_equal(n_failed, 1);
    assert_true(json_is_false(json_object_get(checks, "ok")));
    json_decref(checks);
    done(&r);
    expect_refusal(RUN(NULL, "model", "check", "nothing"), 3, "there is no nothing");
    expect_refusal(RUN(NULL, "model", "convert", "model", "x.gguf", "--type", "q9"), 2, "'q9'");
    expect_refusal(RUN(NULL, "model", "convert", "nothing", "x.gguf"), 3, "nothing/config.json");
    expect_refusal(RUN(NULL, "model", "convert", "model"), 2, "usage: tabiji model convert");
}

/* Each method learns from its own kind of file, tells what its loss does, and refuses others. */
static void each_method_takes_its_examples(void **state)
{
    (void)state;
    command_write("pairs.jsonl",
                  "{\"prompt\": \"Use 1 2 to make 3.\\n\", \"chosen\": \"1 + 2 = 3\", "
                  "\"rejected\": \"1 + 2 = 4\"}\n");
    command_write("steps.jsonl",
                  "{\"prompt\": \"Use 1 2 to make 3.\\n\", \"completions\": [\"1 + 2 = 4\", "
                  "\"1 + 2 = 3\"], \"labels\": [false, true]}\n");
    json_t *told = expect_json(RUN(NULL, "train", "pairs.jsonl", "--method", "dpo", TINY, "--out",
                                   "preferring", "--epochs", "20", "--lr", "0.01", "--json"));
    json_t *metrics = json_object_get(told, "metrics");
    assert_true(fabs(json_number_value(json_object_get(told, "loss_first")) - log(2.0)) < 1e-6);
    assert_true(json_number_value(json_object_get(metrics, "rewards/margins")) > 0.1);
    assert_true(json_number_value(json_object_get(told, "sharing_ratio")) > 1.5);
    json_decref(told);
    told = expect_json(RUN(NULL, "train", "steps.jsonl", "--method", "prm", TINY, "--out",
                           "judging", "--epochs", "40", "--lr", "0.01", "--json"));
    metrics = json_object_get(told, "metrics");
    assert_true(json_number_value(json_object_get(metrics, "accuracy")) == 1.0);
    json_decref(told);
    char *config = command_read("judging/config.json");
    assert_non_null(strstr(config, "\"tabiji_value_head\": true"));
    tj_free(config);
    expect_refusal(RUN(NULL, "train", "pairs.jsonl", TINY, "--out", "x"), 2,
                   "pairs.jsonl holds preference pairs: they are for --method dpo, not sft");
    expect_refusal(RUN(NULL, "train", "steps.jsonl", "--method", "dpo", TINY, "--out", "x"), 2,
                   "--method prm, not dpo");
    expect_refusal(RUN(NULL, "train", "pairs.jsonl", TINY, "--out", "x", "--beta", "1"), 2,
                   "--beta is for --method dpo");
    expect_refusal(
        RUN(NULL, "train", "pairs.jsonl", "--method", "dpo", TINY, "--out", "x", "--beta", "0"), 2,
        "beta is 0");
    assert_false(tj_fs_exists("x"));
}

/* Adapters are trained from a model, by themselves in their folder, and added to it. */
static void adapters_are_trained_described_and_merged(void **state)
{
    (void)state;
    json_t *told =
        expect_json(RUN(NULL, "train", "lessons.jsonl", "--from", "model", "--out", "adapter",
                        "--lora-rank", "2", "--lora-targets", "all-linear", "--merged", "merged",
                        "--epochs", "20", "--lr", "0.01", "-t", "1", "--json"));
    json_int_t n = json_integer_value(json_object_get(told, "trainable"));
    assert_true(n > 0 && n < 5000);
    json_decref(told);
    json_t *info = expect_json(RUN(NULL, "model", "info", "adapter", "--json"));
    assert_int_equal(json_integer_value(json_object_get(info, "rank")), 2);
    assert_int_equal(json_integer_value(json_object_get(info, "parameters")), n);
    assert_string_equal(json_string_value(json_object_get(info, "base")), "model");
    json_decref(info);
    result r = RUN(NULL, "model", "info", "adapter");
    expect_status(&r, 0);
    command_expect_text(r.out, "rank            2, alpha 32\n");
    done(&r);
    r = RUN(NULL, "model", "merge", "--base", "model", "--adapter", "adapter", "--out", "again");
    expect_status(&r, 0);
    done(&r);
    char digests[3][TJ_SHA256_HEX];
    static const char *const files[] = {"merged/model.safetensors", "again/model.safetensors",
                                        "model/model.safetensors"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tj_sha256_file(digests[i], files[i], NULL), TJ_OK);
    }
    assert_string_equal(digests[0], digests[1]);
    assert_string_not_equal(digests[0], digests[2]);
    expect_refusal(
        RUN(NULL, "train", "lessons.jsonl", "--from", "model", "--out", "x", "--lora-alpha", "8"),
        2, "give --lora-rank too");
    expect_refusal(RUN(NULL, "train", "lessons.jsonl", TINY, "--out", "x", "--lora-rank", "8"), 2,
                   "not --new");
    expect_refusal(
        RUN(NULL, "train", "lessons.jsonl", "--from", "model", "--out", "x", "--lora-rank", "0"), 2,
        "--lora-rank is 0");
    expect_refusal(RUN(NULL, "train", "lessons.jsonl", "--from", "model", "--out", "x",
                       "--lora-rank", "2", "--lora-targets", "lm_head"),
                   2, "'lm_head'");
    expect_refusal(
        RUN(NULL, "train", "lessons.jsonl", "--from", "model", "--out", "adapter", "--force"), 4,
        "holds adapters");
    expect_refusal(RUN(NULL, "model", "merge", "--base", "model", "--out", "x"), 2, "--adapter");
    expect_refusal(
        RUN(NULL, "model", "merge", "--base", "model", "--adapter", "model", "--out", "x"), 3,
        "model/adapter_config.json");
    assert_false(tj_fs_exists("x/config.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_ids_and_come_back),
        cmocka_unit_test(what_cannot_be_tokenized_is_named),
        cmocka_unit_test(wrong_usage_exits_2_and_is_named),
        cmocka_unit_test(every_commands_help_fits_80_columns),
        cmocka_unit_test(manual_and_completion_know_every_command),
        cmocka_unit_test(a_wrong_configuration_names_its_field),
        cmocka_unit_test(printed_settings_are_read_as_the_same),
        cmocka_unit_test(a_workspace_in_use_exits_4),
        cmocka_unit_test(a_ledger_is_signed_shown_and_verified),
        cmocka_unit_test(a_ledger_that_differs_exits_1_until_it_is_adopted),
        cmocka_unit_test(trees_and_runs_are_listed_page_by_page),
        cmocka_unit_test(a_missing_workspace_or_model_exits_3),
        cmocka_unit_test(a_trained_model_answers),
        cmocka_unit_test(a_served_model_answers_as_it_does_here),
        cmocka_unit_test(trees_grow_and_thoughts_are_derived_and_learnt),
        cmocka_unit_test(a_tree_that_claims_too_much_is_refused),
        cmocka_unit_test(a_bad_line_is_named_and_nothing_is_written),
        cmocka_unit_test(a_killed_training_goes_on_to_the_same_bits),
        cmocka_unit_test(each_method_takes_its_examples),
        cmocka_unit_test(adapters_are_trained_described_and_merged),
        cmocka_unit_test(what_is_there_is_not_overwritten),
        cmocka_unit_test(a_model_is_converted_and_back_and_checked),
        cmocka_unit_test(a_wrong_model_fails_its_check),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
