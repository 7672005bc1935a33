/* The table of commands. */
#include "cli/cli.h"

#define WORKSPACE                                                                                  \
    {                                                                                              \
        "workspace", 'w', "DIR", "the workspace", "demo"                                           \
    }
#define JSON                                                                                       \
    {                                                                                              \
        "json", 0, NULL, "one JSON value on standard output, for programs", NULL                   \
    }
#define THREADS                                                                                    \
    {                                                                                              \
        "threads", 't', "N", "threads of products and loops", "all"                                \
    }

static const tj_option demo_options[] = {
    WORKSPACE,
    {"full", 0, NULL, "hours: the whole curve over N, all controls, two bases", NULL},
    {"config", 'c', "FILE", "settings in YAML; see 'tabiji config'", NULL},
    {"set", 's', "KEY=VALUE", "one setting, e.g. phase1.n_updates=4000; repeatable", NULL},
    THREADS,
    JSON,
    {"quiet", 'q', NULL, "no progress", NULL},
    {0}};

static const tj_option config_options[] = {
    {"full", 0, NULL, "those of --full", NULL},
    {"config", 'c', "FILE", "read this file over them", NULL},
    {"set", 's', "KEY=VALUE", "set one value", NULL},
    {0}};

static const tj_option report_options[] = {WORKSPACE, JSON, {0}};
static const tj_option runs_options[] = {WORKSPACE, JSON, {0}};
static const tj_option verify_options[] = {
    WORKSPACE,
    {"files", 0, NULL, "also digest the models' files", NULL},
    {"head", 0, "HASH", "a head hash noted earlier, which must be in the ledger", NULL},
    JSON,
    {0}};

static const tj_option generate_options[] = {
    {"model", 'm', "DIR", "a model folder (config.json, model.safetensors)", NULL},
    WORKSPACE,
    {"name", 'n', "NAME", "a model of the workspace, by name", "the latest journey"},
    {"temperature", 0, "T", "0: greedy", "0"},
    {"top-k", 0, "K", "keep the K likeliest tokens; 0: all", "0"},
    {"top-p", 0, "P", "keep the likeliest tokens of this mass", "1"},
    {"min-p", 0, "P", "keep tokens of at least this share of the likeliest", "0"},
    {"samples", 0, "N", "answers to each prompt", "1"},
    {"max-tokens", 0, "N", "tokens of an answer at most", "400"},
    {"seed", 0, "N", "of the random numbers", "1"},
    THREADS,
    JSON,
    {0}};

static const tj_option tree_options[] = {
    WORKSPACE, {"format", 'f', "FORM", "text, json or dot", "text"}, {0}};
static const tj_option thought_options[] = {WORKSPACE, JSON, {0}};
static const tj_option info_options[] = {JSON, {0}};
static const tj_option eval_options[] = {WORKSPACE, JSON, {0}};
static const tj_option check_options[] = {
    {"prompt", 'p', "TEXT", "the problem: 'Use 3 6 7 11 to make 36.'", NULL}, JSON, {0}};
static const tj_option no_options[] = {{0}};

const tj_command tj_commands[] = {
    {"demo", "", 0, 0, "from nothing to an honest journey-versus-shortcut report",
     "Trains a small base model on the embedded Countdown domain, grows reasoning trees\n"
     "with it, derives shortcuts and journeys from the trees, trains both arms from the\n"
     "same problems and compares them on unseen ones. Leaves DIR/report.html and\n"
     "DIR/summary.json. Stopped at any moment (Ctrl-C), it goes on when run again.",
     "  tabiji demo                      ten minutes on two cores\n"
     "  tabiji demo --full -w full       hours; resumable\n"
     "  tabiji demo -w x -s n_train=327  one setting changed",
     demo_options, tj_cmd_demo},
    {"run", "FILE", 1, 1, "the experiment with the settings of a YAML file",
     "The same as 'tabiji demo --config FILE'. 'tabiji config' prints all settings with\n"
     "their defaults; unknown keys and impossible values are refused by name.",
     "  tabiji config > my.yaml\n  tabiji run my.yaml -w my", demo_options, tj_cmd_demo},
    {"config", "", 0, 0, "print all settings and their values",
     "JSON, which is YAML too. What --config and --set change is checked first.",
     "  tabiji config --set model.width=192 > wide.yaml", config_options, tj_cmd_config},
    {"report", "", 0, 0, "write report.html and summary.json again",
     "From what the workspace holds. Every run is in it, failed ones too.",
     "  tabiji report -w demo", report_options, tj_cmd_report},
    {"runs", "", 0, 0, "list the runs of a workspace, failed ones included",
     "One line a run: number, stage, status, seconds, tokens, name.", "  tabiji runs -w demo",
     runs_options, tj_cmd_runs},
    {"verify", "", 0, 0, "check the workspace against its ledger",
     "Walks the hash chain and recomputes the digests of every run's rows. Exit status 1\n"
     "where anything differs, with one line for each place.",
     "  tabiji verify -w demo --files", verify_options, tj_cmd_verify},
    {"generate", "[PROMPT...]", 0, 64, "sample answers from a model",
     "Prompts are operands, or lines of standard input. The text of special tokens is\n"
     "ordinary text.",
     "  tabiji generate 'Use 3 6 7 11 to make 36.'\n"
     "  tabiji generate -n base-1 --temperature 1 --samples 4 'Use 2 5 9 13 to make 40.'",
     generate_options, tj_cmd_generate},
    {"tree show", "ID", 1, 1, "print a reasoning tree",
     "Marks: + correct, x invalid, - dead, . open.", "  tabiji tree show 1 -w demo", tree_options,
     tj_cmd_tree_show},
    {"thought show", "ID", 1, 1, "print a long thought span by span",
     "Each span with its action; '*' marks the path that ends in the answer.",
     "  tabiji thought show 2 -w demo", thought_options, tj_cmd_thought_show},
    {"eval", "", 0, 0, "print the comparison that the workspace holds",
     "Accuracies with intervals, the paired difference and McNemar's test, from\n"
     "summary.json's data.",
     "  tabiji eval -w demo", eval_options, tj_cmd_eval},
    {"model info", "DIR", 1, 1, "shape, parameters and digest of a model folder", "",
     "  tabiji model info demo/models/1", info_options, tj_cmd_model_info},
    {"task check", "[FILE]", 0, 1, "judge an answer to a Countdown problem line by line",
     "Reads the answer from FILE or standard input and says where the first wrong step is\n"
     "and why. Exit status 1 if the answer is not correct.",
     "  printf '1. 11 - 7 = 4 left 3 4 6\\n' | tabiji task check -p 'Use 3 6 7 11 to make 36.'",
     check_options, tj_cmd_task_check},
    {"man", "", 0, 0, "print the manual page", "", "  tabiji man | man -l -", no_options,
     tj_cmd_man},
    {"completion", "SHELL", 1, 1, "print shell completion: bash, zsh or fish", "",
     "  tabiji completion bash > ~/.local/share/bash-completion/completions/tabiji", no_options,
     tj_cmd_completion},
    {0}};
