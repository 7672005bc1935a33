/* The table of commands. */
#include "cli/cli.h"

#define WORKSPACE                                                                                  \
    {                                                                                              \
        "workspace", 'w', "DIR", "the workspace", "demo"                                           \
    }
#define IN_WORKSPACE                                                                               \
    {                                                                                              \
        "workspace", 'w', "DIR", "read rows of this workspace and write rows, as a run", NULL      \
    }
#define OF_RUN                                                                                     \
    {                                                                                              \
        "run", 0, "N", "of --workspace: what this run made", "the newest"                          \
    }
#define JSON                                                                                       \
    {                                                                                              \
        "json", 0, NULL, "one JSON value on standard output, for programs", NULL                   \
    }
#define LIMIT                                                                                      \
    {                                                                                              \
        "limit", 'n', "N", "at most so many", "all"                                                \
    }
#define THREADS                                                                                    \
    {                                                                                              \
        "threads", 't', "N", "threads of products and loops", "all"                                \
    }

#define MODEL                                                                                      \
    {                                                                                              \
        "model", 'm', "PATH", "a model folder (config.json, model.safetensors) or GGUF file", NULL \
    }
#define SENTENCES                                                                                  \
    {                                                                                              \
        "sentences", 0, "FILE", "more sentences (YAML; docs/formats.md); repeatable", NULL         \
    }
#define TOKENIZER                                                                                  \
    {                                                                                              \
        "tokenizer", 0, "PATH", "count tokens by a FILE.gguf, a tokenizer.json, or its folder",    \
            NULL                                                                                   \
    }
#define JSON_LINES                                                                                 \
    {                                                                                              \
        "json", 0, NULL, "one JSON object a line, for programs", NULL                              \
    }
#define CHAT_TEMPLATE                                                                              \
    {                                                                                              \
        "chat-template", 0, "NAME", "chatml, smollm2, qwen2.5, qwen3, llama3, llama3.1 or gemma",  \
            "the model's"                                                                          \
    }
#define CONTAMINATION(fallback)                                                                    \
    {"check-against", 0, "SET-OR-FILE",                                                            \
     "tell which problems stand both here and there; repeatable", NULL},                           \
    {                                                                                              \
        "contaminated", 0, "WHAT",                                                                 \
            "of problems that are both learnt and measured: refuse or warn", fallback              \
    }
#define QUIET                                                                                      \
    {                                                                                              \
        "quiet", 'q', NULL, "no progress", NULL                                                    \
    }
#define FIRST_MODEL                                                                                \
    {"out", 'o', "DIR", "folder of the new model", NULL},                                          \
        {"from", 0, "PATH", "start from this model folder or GGUF file", NULL},                    \
        {"name", 'n', "NAME", "start from a model of the workspace, by name", NULL}, WORKSPACE,    \
        {"new", 0, NULL, "start from random weights in the shape of the demo's model", NULL},      \
    {                                                                                              \
        "shape", 0, "KEY=VALUE",                                                                   \
            "of --new, e.g. width=64; keys as under 'model' in 'tabiji config'; repeatable", NULL  \
    }
#define UPDATES(rate)                                                                              \
    {"lr", 0, "X", "peak learning rate; the last is a tenth of it", rate},                         \
        {"warmup", 0, "N", "updates of linear warm-up", "10"},                                     \
        {"decay", 0, "X", "weight decay", "0.05"},                                                 \
        {"schedule", 0, "NAME", "cosine, linear or constant learning rate", "cosine"},             \
    {                                                                                              \
        "save-every", 0, "N", "updates between snapshots; 0: only when stopped", "100"             \
    }
#define RECOMPUTE                                                                                  \
    {                                                                                              \
        "recompute", 0, NULL, "less memory, a third more time", NULL                               \
    }
#define REPLACE_TRAINING                                                                           \
    {                                                                                              \
        "force", 0, NULL, "replace a model in --out, or another training's snapshots", NULL        \
    }
#define REMOTE                                                                                     \
    {"remote-model", 0, "NAME", "of a URL: which of the server's models", NULL},                   \
        {"remote-config", 0, "FILE",                                                               \
         "of a URL: settings in YAML (time-outs, retries, prices, ...)", NULL},                    \
        {"remote-set", 0, "KEY=VALUE", "of a URL: one setting, e.g. stream=true; repeatable",      \
         NULL},                                                                                    \
    {                                                                                              \
        "cache", 0, "DIR", "of a URL: keep answers here, and pay for none twice", NULL             \
    }
#define REWARDERS_REMOTE                                                                           \
    {"remote-config", 0, "FILE", "of a URL: settings in YAML (time-outs, retries, prices, ...)",   \
     NULL},                                                                                        \
        {"remote-set", 0, "KEY=VALUE", "of a URL: one setting; repeatable", NULL},                 \
    {                                                                                              \
        "remote-model", 0, "NAME", "of a URL: the model, where a rewarder does not say it", NULL   \
    }

static const tj_option demo_options[] = {
    WORKSPACE,
    {"full", 0, NULL, "hours: the whole curve over N, all controls, two bases", NULL},
    {"config", 'c', "FILE", "settings in YAML; see 'tabiji config'", NULL},
    {"set", 's', "KEY=VALUE", "one setting, e.g. phase1.n_updates=4000; repeatable", NULL},
    THREADS,
    JSON,
    QUIET,
    {0}};

static const tj_option config_options[] = {
    {"full", 0, NULL, "those of --full", NULL},
    {"config", 'c', "FILE", "read this file over them", NULL},
    {"set", 's', "KEY=VALUE", "set one value", NULL},
    JSON,
    {0}};

static const tj_option report_options[] = {
    WORKSPACE,
    {"data", 0, "FILE", "also write the report's data, as docs/report.md says", NULL},
    JSON,
    {0}};
static const tj_option runs_options[] = {
    WORKSPACE,
    {"stage", 0, "NAME", "those of a stage", NULL},
    {"status", 0, "NAME", "those that are started, done, failed, cancelled or abandoned", NULL},
    {"newest", 0, NULL, "the latest first", NULL},
    LIMIT,
    {"after", 0, "RUN", "go on behind this one", NULL},
    JSON,
    {0}};
static const tj_option workspace_options[] = {WORKSPACE, JSON, {0}};
static const tj_option ledger_verify_options[] = {
    WORKSPACE,
    {"files", 0, NULL,
     "also the models' files, and the database's own structure and references (may be long)", NULL},
    {"head", 0, "HASH", "a head noted earlier, e.g. in a report, which must be in the ledger",
     NULL},
    {"public-key", 0, "FILE", "the key that must have signed the head", "what the ledger names"},
    JSON,
    {0}};
static const tj_option ledger_show_options[] = {
    WORKSPACE,
    {"run", 0, "N", "entries of this run", NULL},
    {"kind", 0, "NAME", "entries of this kind: started, done, declared, ...", NULL},
    JSON_LINES,
    {0}};
static const tj_option ledger_keygen_options[] = {JSON, {0}};
static const tj_option ledger_adopt_options[] = {
    WORKSPACE,
    {"key", 'k', "FILE", "sign with this key from now on", "the key until now"},
    JSON,
    {0}};
static const tj_option ledger_sign_options[] = {
    WORKSPACE, {"key", 'k', "FILE", "the key, of 'tabiji ledger keygen'; needed", NULL}, JSON, {0}};

static const tj_option generate_options[] = {
    {"model", 'm', "PATH-OR-URL",
     "a model folder (config.json, model.safetensors), a GGUF file, or the base URL of an "
     "OpenAI-compatible server",
     NULL},
    WORKSPACE,
    {"name", 'n', "NAME", "a model of the workspace, by name", "the latest journey"},
    {"temperature", 0, "T", "0: greedy", "0"},
    {"top-k", 0, "K", "keep the K likeliest tokens; 0: all", "0"},
    {"top-p", 0, "P", "keep the likeliest tokens of this mass", "1"},
    {"min-p", 0, "P", "keep tokens of at least this share of the likeliest", "0"},
    {"samples", 0, "N", "answers to each prompt", "1"},
    {"max-tokens", 0, "N", "tokens of an answer at most", "400"},
    {"seed", 0, "N", "of the random numbers", "1"},
    CHAT_TEMPLATE,
    {"system", 0, "TEXT", "a system prompt", NULL},
    {"no-thinking", 0, NULL, "qwen3: answer without thoughts", NULL},
    {"raw", 0, NULL, "continue the prompt as it stands, without a template", NULL},
    {"logprobs", 0, "N", "with --json: each token's log-probability and N alternatives", NULL},
    REMOTE,
    THREADS,
    JSON,
    {0}};

static const tj_option serve_options[] = {
    MODEL,
    {"name", 'n', "NAME", "what clients call the model", "its file's or folder's name"},
    {"host", 0, "HOST", "address to listen at", "127.0.0.1"},
    {"port", 0, "N", "port to listen at; 0: any that is free, which is then printed", "8080"},
    {"keys-file", 0, "FILE", "keys that clients must send, one a line", "$TABIJI_API_KEYS"},
    {"no-keys", 0, NULL, "without keys on an address that other machines reach", NULL},
    {"tls-cert", 0, "FILE", "serve HTTPS with this certificate chain (PEM)", NULL},
    {"tls-key", 0, "FILE", "and its private key (PEM)", NULL},
    {"max-tokens", 0, "N", "tokens of an answer at most; a request for more is refused", "4096"},
    {"max-running", 0, "N", "answers written at once; further requests wait", "64"},
    {"kv-memory", 0, "MIB", "of keys and values; the longest unused ones are forgotten", "1024"},
    {"max-queue", 0, "N", "requests that wait at most; further ones get status 429", "256"},
    {"max-body", 0, "BYTES", "of a request at most", "4194304"},
    {"max-connections", 0, "N", "open connections at most; further ones wait", "256"},
    {"timeout", 0, "SECONDS", "for a request from its arrival to its end; then status 504", "600"},
    {"read-timeout", 0, "SECONDS", "for a client to send a whole request", "30"},
    CHAT_TEMPLATE,
    {"system", 0, "TEXT", "a system prompt for conversations that bring none", NULL},
    {"no-thinking", 0, NULL, "qwen3: answer without thoughts unless a request asks for them", NULL},
    {"parse-special", 0, NULL,
     "in prompts of /v1/completions the texts of special tokens are those tokens", NULL},
    THREADS,
    {"json", 0, NULL, "log lines and the address as JSON, for programs", NULL},
    {"quiet", 'q', NULL, "no log lines", NULL},
    {0}};

#define VALUES                                                                                     \
    {                                                                                              \
        "values", 0, "REWARDER",                                                                   \
            "omegaprm: whose rewards are the values; then the share of right ends below",          \
            "rollout or monte-carlo"                                                               \
    }
static const tj_option tree_options[] = {
    WORKSPACE, {"format", 'f', "FORM", "text, json, dot or omegaprm", "text"}, VALUES, {0}};
static const tj_option tree_export_options[] = {
    WORKSPACE,
    {"format", 'f', "FORM",
     "jsonl (a tree a line; docs/formats.md), dot (GraphViz), omegaprm (nested, with Monte-Carlo "
     "values)",
     "jsonl"},
    VALUES,
    {"set", 0, "NAME", "trees of a problem set, by name or number", NULL},
    {"run", 0, "N", "trees that a run made", NULL},
    {"problem", 0, "N", "trees of a problem", NULL},
    {"solved", 0, "YES-OR-NO", "those with a correct leaf, or without", NULL},
    {"limit", 'n', "N", "at most so many; 0: all", "0"},
    {"after", 0, "TREE", "those behind this one", NULL},
    {0}};
static const tj_option tree_import_options[] = {
    WORKSPACE,
    {"set", 0, "NAME", "into the workspace, as a new problem set of this name", "standard output"},
    {"from", 0, "FORMAT",
     "prm800k, critic, omegaprm, trees, math-shepherd, processbench, ... as 'data import' names "
     "them",
     "seen from the file"},
    {"split", 0, "NAME", "of the new set: train, valid or test", "train"},
    QUIET,
    {0}};
static const tj_option tree_list_options[] = {
    WORKSPACE,
    {"set", 0, "NAME", "trees of a problem set, by name or number", NULL},
    {"run", 0, "N", "trees that a run grew", NULL},
    {"problem", 0, "N", "trees of a problem", NULL},
    {"solved", 0, "YES-OR-NO", "those with a correct leaf, or without", NULL},
    {"min-nodes", 0, "N", "those with at least so many nodes", NULL},
    {"max-nodes", 0, "N", "those with at most so many", NULL},
    {"rewarder", 0, "NAME", "whose rewards --min-reward and --max-reward are about", NULL},
    {"measure", 0, "NAME", "of the rewards of a tree: high, mean or low", "high"},
    {"min-reward", 0, "VALUE", "those where it is at least this", NULL},
    {"max-reward", 0, "VALUE", "those where it is at most this", NULL},
    {"newest", 0, NULL, "the latest first", NULL},
    {"limit", 'n', "N", "at most so many; 0: all", "50"},
    {"after", 0, "TREE", "go on behind this one", NULL},
    {"json", 0, NULL, "one JSON value with the rewards of each tree, for programs", NULL},
    {0}};
static const tj_option grow_options[] = {
    {"model", 'm', "PATH-OR-URL",
     "a model folder, a GGUF file, or the base URL of an OpenAI-compatible server", NULL},
    WORKSPACE,
    {"name", 'n', "NAME", "a model of the workspace, by name", "the latest base"},
    {"task", 0, "TASK", "countdown, or math: problems in words", "countdown; math with --data"},
    {"data", 0, "FILE", "problems of a data set's file, e.g. JSON lines with question and answer",
     NULL},
    {"set", 0, "NAME", "problems of the workspace's set, and the trees into the workspace", NULL},
    {"split", 0, "NAME", "of --set: train, valid or test", "train"},
    {"offset", 0, "N", "leave out the first N problems of --data or --set", "0"},
    {"limit", 0, "N", "at most so many problems of --data or --set; 0: all", "0"},
    {"answer", 0, "TEXT", "the reference answer, where the problem is an operand", NULL},
    {"method", 0, "METHOD", "breadth, best-first, beam, dvts, uct, puct or best-of-n", "breadth"},
    {"rewarder", 'r', "SPEC",
     "who scores new steps, e.g. prm:DIR; see docs/rewards.md. Without, paths rank by the policy's "
     "own probabilities",
     "none"},
    {"width", 0, "W", "distinct steps sought at each node; answers of best-of-n", "3; 8"},
    {"depth", 0, "D", "steps of a path at most", "5; 16 in words"},
    {"max-tries", 0, "N", "samples a node at most, to find W distinct steps", "6"},
    {"temperature", 0, "T", "of a node's first samples", "0.8"},
    {"temperature-rise", 0, "T", "so much more in each further round", "0.2"},
    {"top-p", 0, "P", "keep the likeliest tokens of this mass", "1"},
    {"prune", 0, "HOW",
     "which nodes of a level breadth grows on: none (all), top_k (the best), at_most_k_correct "
     "(the "
     "first K live and the first K dead ones)",
     "none"},
    {"prune-k", 0, "K", "nodes kept a level by --prune; beams; subtrees of dvts", "2"},
    {"rounds", 0, "N", "nodes that best-first, uct and puct choose; 0: no bound", "32"},
    {"exploration", 0, "C", "constant of uct and puct", "1.4"},
    {"max-nodes", 0, "N", "nodes of a tree; 0: no bound", "0"},
    {"max-tokens", 0, "N", "tokens sampled for a tree; 0: no bound", "0"},
    {"max-seconds", 0, "S", "of a tree; 0: no bound", "0"},
    {"max-answers", 0, "N", "ends after which a tree grows no further; 0: no bound", "0"},
    {"steps", 0, "FORM", "in words: lines, paragraphs, or chunks of --step-tokens tokens", "lines"},
    {"step-tokens", 0, "N", "tokens of a step at most", "64; in words 160, 320 or 32"},
    {"prompt", 0, "NAME", "how problems in words are put; 'tabiji eval --task list' has the names",
     "math_lines"},
    {"shots", 0, "N", "worked examples before a problem in words", "0 in chats, else all"},
    {"batch", 0, "N", "problems grown together", "64"},
    {"seed", 0, "N", "of the random numbers", "1"},
    {"format", 'f', "FORM", "text, json (a list), jsonl (a tree a line) or dot", "text"},
    {"output", 'o', "FILE", "write there, whole or not at all", "standard output"},
    CHAT_TEMPLATE,
    {"no-thinking", 0, NULL, "qwen3: answer without thoughts", NULL},
    {"raw", 0, NULL, "put problems as plain text that is continued, without a template", NULL},
    REMOTE,
    THREADS,
    QUIET,
    {0}};
static const tj_option derive_options[] = {
    IN_WORKSPACE,
    OF_RUN,
    {"rewarder", 0, "NAME", "whose rewards say what is wrong", "all, in words"},
    {"threshold", 0, "X", "below it a reward says wrong", "0.5; 0 of rewards from -1"},
    {"kind", 'k', "KIND", "shortcut, journey or both", "both"},
    {"order", 0, "ORDER",
     "wrong steps are told where the model sampled them before the right one (sampled), or one is "
     "told first wherever there is one (paper)",
     "sampled"},
    {"trials", 0, "K", "wrong steps tried at each node of the path at most", "2"},
    {"pick", 0, "HOW",
     "which of more than K: first (sampled first), random, likeliest (to the policy) or best (of "
     "the highest value)",
     "first"},
    {"tell", 0, "WHICH",
     "wrong steps that are told: dead (valid, but the goal is out of reach), invalid, or both",
     "dead"},
    {"branch", 0, "N", "steps of a wrong branch at most; 0: down to its end", "0"},
    {"max-backtracks", 0, "N", "of a journey at most; 0: any", "4"},
    {"from-depth", 0, "N", "wrong steps are tried after N steps of the path or more", "0"},
    {"to-depth", 0, "N", "and after N at most; 0: anywhere", "0"},
    {"explore", 0, "P", "chance that a place where wrong steps may be tried has some", "1"},
    {"language", 0, "NAME", "of the sentences between steps: en, en-open, ja, or a file's", "en"},
    SENTENCES,
    {"back-to-root", 0, "yes|no",
     "after a wrong branch, begin again (yes) or go back to where it left the path (no)", "yes"},
    {"connectives", 0, "P", "chance of a sentence beside verdict and return", "0.15"},
    {"seed", 0, "N", "of the random numbers", "1"},
    {"json", 0, NULL, "one JSON object a line: training data for 'tabiji train'", NULL},
    {0}};
static const tj_option thought_import_options[] = {
    IN_WORKSPACE,
    SENTENCES,
    TOKENIZER,
    {"by-rules", 0, NULL, "find spans by rules where records have none", NULL},
    {"seed", 0, "N", "of the random numbers", "1"},
    JSON_LINES,
    {0}};
static const tj_option filter_options[] = {
    IN_WORKSPACE,
    OF_RUN,
    {"set", 's', "RULE=VALUE", "one rule, e.g. min_backtracks=1; repeatable", NULL},
    {"config", 0, "FILE", "rules in YAML", NULL},
    {"out", 'o', "FILE", "what passes, JSON lines", "standard output"},
    {"rejected", 0, "FILE", "what does not, JSON lines with rule and reason", NULL},
    {"by-rules", 0, NULL, "find spans by rules where there are none", NULL},
    TOKENIZER,
    {"json", 0, NULL, "the counts on standard error as JSON, for programs", NULL},
    {0}};
static const tj_option export_options[] = {
    IN_WORKSPACE,
    OF_RUN,
    {"format", 'f', "FORM",
     "jsonl, trl, trl-messages, trl-dpo, trl-prm, openrlhf, openrlhf-prm, llama-factory, "
     "llama-factory-dpo, step-dpo, prm800k or markdown",
     "trl"},
    {"think", 0, NULL, "put the thinking in <think> ... </think>, the conclusion after it", NULL},
    {"out", 'o', "FILE", "the rows", "standard output"},
    {"card", 0, "FILE", "also write a data card (Markdown)", NULL},
    {"title", 0, "TEXT", "of the card", "Long thoughts"},
    {"by-rules", 0, NULL, "find spans by rules where there are none", NULL},
    TOKENIZER,
    {0}};
#define OF_SET                                                                                     \
    {"problems", 0, "SET", "of --workspace: the problems of this set", NULL},                      \
        {"split", 0, "NAME", "of --problems: train, valid or test", "train"},                      \
    {                                                                                              \
        "limit", 'n', "N", "of --problems: at most so many", "all"                                 \
    }
#define TALK                                                                                       \
    {"model", 'm', "PATH-OR-URL", "a model here, or the base URL of an OpenAI-compatible server",  \
     NULL},                                                                                        \
        {"temperature", 0, "T", "of a first attempt; 0.2 more at each further one", "0.7"},        \
        {"max-tokens", 0, "N", "tokens of an answer at most", "1024"},                             \
        {"tries", 0, "N", "attempts at an answer that can be read", "3"},                          \
        {"seed", 0, "N", "of the random numbers", "1"},                                            \
        {"chat-template", 0, "NAME", "of a model here", "its files'"},                             \
        {"no-thinking", 0, NULL, "qwen3: answer without thoughts", NULL},                          \
        {"remote-model", 0, "NAME", "of a URL: which of the server's models", NULL},               \
        {"remote-config", 0, "FILE", "of a URL: settings in YAML", NULL},                          \
        {"remote-set", 0, "KEY=VALUE", "of a URL: one setting; repeatable", NULL},                 \
    {                                                                                              \
        "cache", 0, "DIR", "of a URL: keep answers here, and pay for none twice", NULL             \
    }
static const tj_option rewrite_options[] = {
    IN_WORKSPACE,
    OF_RUN,
    {"line", 0, "NAME",
     "coherence, granularity (finer steps), gradual (no jumps) or explorer; repeatable, in turn",
     "coherence"},
    {"spans", 0, "N", "spans that are given at once", "16"},
    TALK,
    TOKENIZER,
    THREADS,
    {"json", 0, NULL, "of --workspace: what the run made as one JSON value, for programs", NULL},
    {0}};
static const tj_option critique_options[] = {
    IN_WORKSPACE,
    OF_SET,
    {"critic", 0, "PATH-OR-URL", "another model as the critic", "the same"},
    {"critic-model", 0, "NAME", "of a URL: which of the critic's models", NULL},
    {"turns", 0, "N", "steps proposed at most", "24"},
    {"max-backtracks", 0, "N", "ways back at most", "6"},
    {"budget", 0, "N", "tokens of all answers at most; 0: any", "0"},
    {"language", 0, "NAME", "of the sentences of ways back", "en-open"},
    SENTENCES,
    TALK,
    THREADS,
    JSON_LINES,
    {0}};
static const tj_option debate_options[] = {
    IN_WORKSPACE,
    OF_SET,
    {"roles", 0, "NAME", "debate (proposer, doubter, checker) or teacher (student, teacher)",
     "debate"},
    {"agent", 0, "NAME=ROLE",
     "an agent of your own in place of --roles, who is told ROLE; repeatable, 1 to 8", NULL},
    {"rounds", 0, "N", "rounds at most", "4"},
    {"own-words", 0, NULL, "leave the agents' words as they are: no rewording to one voice", NULL},
    {"critic", 0, "PATH-OR-URL", "another model as the moderator", "the same"},
    {"critic-model", 0, "NAME", "of a URL: which of the moderator's models", NULL},
    {"budget", 0, "N", "tokens of all answers at most; 0: any", "0"},
    {"language", 0, "NAME", "of the sentences of ways back", "en-open"},
    SENTENCES,
    TALK,
    THREADS,
    JSON_LINES,
    {0}};
static const tj_option stats_options[] = {
    IN_WORKSPACE,
    OF_RUN,
    TOKENIZER,
    {"keyword", 0, "TEXT", "count this instead of the usual words; repeatable", NULL},
    {"by-rules", 0, NULL, "find spans by rules also where there are some", NULL},
    {"max-run", 0, "N", "words of a run that may mark reflection, at most 6", "4"},
    {"top", 0, "N", "runs listed of each language", "12"},
    {"min-count", 0, "N", "times that a run stands in reflection at least", "3"},
    JSON,
    {0}};
/* clang-format off */
#define LORA_SETTINGS \
    {"lora-alpha", 0, "X", "their scale is X / R", "32"}, \
    {"lora-targets", 0, "LIST", \
     "which matrices: of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj with commas " \
     "between, or all-linear", \
     "q_proj,v_proj"}, \
    {"lora-rslora", 0, NULL, "their scale is X / sqrt(R)", NULL}
/* clang-format on */
static const tj_option train_options[] = {
    FIRST_MODEL,
    {"method", 0, "NAME",
     "sft: completions; dpo: preference pairs; prm: labelled steps, read by a value head", "sft"},
    {"beta", 0, "X", "dpo: how much leaving the first model costs", "0.1"},
    {"loss", 0, "NAME", "dpo: sigmoid or ipo", "sigmoid"},
    {"label-smoothing", 0, "X", "dpo: the share of pairs that may be the wrong way round", "0"},
    {"rpo-alpha", 0, "X", "dpo: weight of the SFT loss of what was chosen", "0"},
    {"step-separator", 0, "TEXT", "prm: what ends a step, and bears its label", "a newline"},
    {"neutral", 0, "NAME",
     "prm: labels are -1, 0 and 1, and 0 is to skip, right or wrong; none: labels are 0 and 1",
     "none"},
    {"epochs", 0, "N", "times through all examples", "4"},
    {"batch", 0, "N", "examples an update", "4"},
    UPDATES("0.001; 2e-05 for a model with its own tokenizer"),
    {"seed", 0, "N", "of the examples' order and of --new weights", "1"},
    CHAT_TEMPLATE,
    RECOMPUTE,
    {"lora-rank", 0, "R", "train adapters of this rank (LoRA), not the model; DIR gets them alone",
     NULL},
    LORA_SETTINGS,
    {"merged", 0, "DIR2", "also write the model with the adapters added, in its own type", NULL},
    REPLACE_TRAINING,
    CONTAMINATION("refuse"),
    THREADS,
    JSON,
    QUIET,
    {0}};
static const tj_option train_prm_options[] = {
    FIRST_MODEL,
    {"neutral", 0, "NAME", "a neutral step is right, is wrong, or has no label: right, wrong, skip",
     "right"},
    {"rewarder", 0, "NAME", "of our own trees: whose rewards are the labels", "verifier"},
    {"prompt-end", 0, "TEXT", "what stands between a problem and its first step", "two newlines"},
    {"step-separator", 0, "TEXT", "what ends a step, and bears its label", "a newline"},
    {"max-tokens", 0, "N", "cut paths off before the step that is beyond so many tokens",
     "what the model reads"},
    {"limit", 0, "N", "read the first N records of each file", "all"},
    {"skip-refused", 0, NULL, "count records that a format does not allow, instead of failing",
     NULL},
    {"epochs", 0, "N", "times through all problems", "4"},
    {"batch", 0, "N", "problems an update, each with all its steps", "4"},
    UPDATES("0.001; 2e-05 for a model with its own tokenizer, 2e-04 for its adapters"),
    {"seed", 0, "N", "of the problems' order, of the value head and of --new weights", "1"},
    RECOMPUTE,
    {"lora-rank", 0, "R",
     "train adapters of this rank (LoRA) and the head, not the model; DIR gets the sum", NULL},
    LORA_SETTINGS,
    REPLACE_TRAINING,
    THREADS,
    JSON,
    QUIET,
    {0}};
static const tj_option reward_eval_options[] = {
    {"rewarder", 'r', "SPEC", "who gives rewards; repeatable; see above", NULL},
    {"valid-part", 0, "X",
     "share of the problems, by their texts, that thresholds are chosen on and nothing is measured "
     "on; 0: thresholds are the rewarders' own",
     "0.2"},
    {"threshold-by", 0, "NAME",
     "what a threshold is best for: first (F1 of the first wrong step), wrong (F1 of wrong steps), "
     "or auto: first where the set has whole solutions",
     "auto"},
    {"neutral", 0, "NAME", "a neutral label is right, is wrong, or is none: right, wrong, skip",
     "right"},
    {"limit", 0, "N", "the first N records of each file", "all"},
    WORKSPACE,
    {"resamples", 0, "N", "of the bootstrap, over problems", "1000"},
    {"seed", 0, "N", "of rewarders that draw", "1"},
    {"task", 0, "NAME", "countdown: the verifier judges its steps exactly", NULL},
    {"labels-of", 0, "NAME", "of our own trees: the rewarder whose rewards are the labels",
     "verifier"},
    REWARDERS_REMOTE,
    {"cache", 0, "DIR", "of a URL: keep answers here, and pay for none twice", NULL},
    JSON,
    QUIET,
    {0}};
static const tj_option reward_score_options[] = {
    {"rewarder", 'r', "SPEC", "who gives rewards; see above", NULL},
    {"workspace", 'w', "DIR", "score the trees of this workspace", NULL},
    {"set", 0, "NAME", "of these the trees of a problem set", "all"},
    {"run", 0, "N", "of these the trees that a run grew or imported", "all"},
    {"tree", 0, "N", "this tree; repeatable", NULL},
    {"input", 'i', "FILE", "score solutions in JSON lines instead; - is standard input", NULL},
    {"piece", 0, "N", "steps put to the rewarder at once, and recorded together", "32"},
    {"seed", 0, "N", "of the random numbers", "1"},
    REWARDERS_REMOTE,
    {"cache", 0, "DIR", "of --input and a URL: keep answers here, and pay for none twice", NULL},
    JSON,
    QUIET,
    {0}};
static const tj_option thought_list_options[] = {
    WORKSPACE,
    OF_RUN,
    {"refused", 0, NULL, "what the filter of --run refused (default the newest filter)", NULL},
    {"limit", 'n', "N", "at most so many; 0: all", "50"},
    {"after", 0, "THOUGHT", "go on behind this one", NULL},
    JSON,
    {0}};
static const tj_option thought_options[] = {WORKSPACE, JSON, {0}};
static const tj_option info_options[] = {JSON, {0}};
static const tj_option convert_options[] = {
    {"type", 0, "TYPE",
     "of the matrices: f32, f16 or bf16, in a GGUF also q8_0, q4_0, q4_1, q5_0 or q5_1", "keep"},
    JSON,
    {0}};
static const tj_option merge_options[] = {
    {"base", 0, "PATH", "the model below: a folder or GGUF file", NULL},
    {"adapter", 0, "DIR", "the adapters: adapter_config.json, adapter_model.safetensors", NULL},
    {"out", 'o', "PATH", "the new model: a folder, or a GGUF file if it ends in .gguf", NULL},
    {"type", 0, "TYPE", "of the matrices, as in 'model convert'", "keep"},
    JSON,
    {0}};
static const tj_option eval_options[] = {
    WORKSPACE,
    {"task", 0, "NAME", "which data set in which prompt; 'list' prints all", NULL},
    {"data", 0, "FILE", "its problems, as 'data import' reads them", NULL},
    {"map", 0, "FIELDS", "of --data: problem=question,answer=final,...", "the format's own"},
    {"model", 'm', "PATH-OR-URL",
     "a model folder, a GGUF file, or the base URL of an OpenAI-compatible server", NULL},
    {"out", 'o', "DIR", "answers, results and samples go here; the same DIR goes on", NULL},
    {"limit", 0, "N", "the first N problems; 0: all", "0"},
    {"shots", 0, "N", "worked examples in the prompt", "the task's"},
    {"shots-from", 0, "FILE", "training problems that examples are drawn from (gsm8k)", NULL},
    {"shots-map", 0, "FIELDS", "of --shots-from, as --map", "the format's own"},
    {"shots-seed", 0, "N", "of the drawing", "1234"},
    {"greedy", 0, NULL, "the likeliest token each time, one answer a problem (the default)", NULL},
    {"samples", 0, "K", "answers to each problem: mean, pass@k, majority", "1"},
    {"temperature", 0, "T", "of the samples; 0: greedy", "0"},
    {"top-k", 0, "K", "keep the K likeliest tokens; 0: all", "0"},
    {"top-p", 0, "P", "keep the likeliest tokens of this mass", "1"},
    {"min-p", 0, "P", "keep tokens of at least this share of the likeliest", "0"},
    {"max-tokens", 0, "N", "tokens of an answer at most", "256"},
    {"seed", 0, "N", "of the random numbers", "1"},
    {"chat", 0, NULL, "as a conversation, an example a turn; else as a text to continue", NULL},
    CHAT_TEMPLATE,
    {"system", 0, "TEXT", "with --chat: a system prompt", NULL},
    {"no-thinking", 0, NULL, "qwen3: answer without thoughts", NULL},
    {"answers", 0, "FILE", "score these answers (the harness's samples, or answers.jsonl)", NULL},
    {"prompts", 0, NULL,
     "print the prompts as JSON lines (with --chat-template also as its text) and ask nothing",
     NULL},
    {"force", 0, NULL, "forget what --out has of another evaluation", NULL},
    CONTAMINATION("warn"),
    REMOTE,
    THREADS,
    JSON,
    QUIET,
    {0}};
static const tj_option grade_options[] = {
    {"explain", 'e', NULL, "say how the two were read and compared; of a file, list disagreements",
     NULL},
    {"summary", 's', NULL, "of a file: counts, and agreement with its `expected` field", NULL},
    {"out", 'o', "FILE", "of a file: write the verdicts there instead", "standard output"},
    {"jobs", 'j', "N", "of a file: worker processes", "all processors"},
    {"digits", 0, "N",
     "a decimal with at least N significant digits may be a rounding (0.333 of 1/3); 0: never",
     "3"},
    {"strict-units", 0, NULL, "a unit that only one side has makes them different", NULL},
    JSON,
    {0}};
static const tj_option check_options[] = {
    {"prompt", 'p', "TEXT", "the problem: 'Use 3 6 7 11 to make 36.'", NULL}, JSON, {0}};
static const tj_option tokenize_options[] = {
    {"tokenizer", 0, "PATH", "a FILE.gguf, a tokenizer.json, or a folder that holds one", NULL},
    {"parse-special", 0, NULL, "texts of special tokens become those tokens", NULL},
    {"add-special", 0, NULL, "with the tokens that the file wants at both ends of a text", NULL},
    {"decode", 0, NULL, "ids to the bytes of the text, special tokens included", NULL},
    {"lines", 0, NULL, "each line of the input is a text, and gives a line", NULL},
    {"replace-invalid", 0, NULL,
     "what is not UTF-8 becomes U+FFFD, one for each maximal subpart of a character", NULL},
    {"json", 0, NULL, "a JSON object for each text: `ids` and `pieces`, or `text`", NULL},
    {0}};
static const tj_option import_options[] = {
    WORKSPACE,
    {"set", 0, "NAME", "the problem set that the files make; needed", NULL},
    {"split", 0, "NAME", "train, valid or test, of all files", "auto"},
    {"source", 0, "TEXT", "where the data are from, kept with the files", NULL},
    {"licence", 0, "TEXT", "their terms, kept with the files", NULL},
    {"map", 0, "MAP", "of any JSON: problem=question,answer=final", NULL},
    {"on-error", 0, "WHAT", "of a record that is refused: stop or skip", "stop"},
    {"limit", 0, "N", "records of each file at most; 0: all", "0"},
    JSON,
    QUIET,
    {0}};
static const tj_option data_list_options[] = {WORKSPACE, JSON, {0}};
static const tj_option data_check_options[] = {
    WORKSPACE, {"words", 0, "N", "in a row that count as shared", "8"}, JSON, QUIET, {0}};
static const tj_option data_steps_options[] = {
    {"out", 'o', "FILE", "the examples, JSON lines", "standard output"},
    {"rejected", 0, "FILE", "what is left out: file, line, reason", NULL},
    {"calculations", 0, NULL, "of GSM8K: keep <<48/2=24>>", NULL},
    {"map", 0, "MAP", "of any JSON: problem=question,solution=text,answer=final", NULL},
    {"after", 0, "N", "pass over the first N records of each file", "0"},
    LIMIT,
    {"json", 0, NULL, "the counts on standard error as JSON, for programs", NULL},
    {0}};
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
     "As YAML, with what each is and may be. What --config and --set change is\n"
     "checked first.",
     "  tabiji config --set model.width=192 > wide.yaml\n  tabiji config --full --json",
     config_options, tj_cmd_config},
    {"report", "", 0, 0, "write report.html and summary.json again",
     "From what the workspace holds. Every run is in it, failed ones too.",
     "  tabiji report -w demo", report_options, tj_cmd_report},
    {"runs", "", 0, 0, "list the runs of a workspace, failed ones included",
     "One line a run: number, stage, status, seconds, tokens, name.",
     "  tabiji runs -w demo\n"
     "  tabiji runs -w demo --status failed --newest -n 5",
     runs_options, tj_cmd_runs},
    {"ledger verify", "", 0, 0, "check the workspace against its ledger",
     "Walks the hash chain, holds the head beside the database against it, and recomputes\n"
     "the digests of every run's rows. Exit status 1 where anything differs, with one line\n"
     "for each place. docs/workspace.md says what this proves, and what it cannot.",
     "  tabiji ledger verify -w demo --files\n"
     "  tabiji ledger verify -w demo --public-key lab.pub --head 17a78749d851...",
     ledger_verify_options, tj_cmd_ledger_verify},
    {"ledger show", "", 0, 0, "print the ledger's entries",
     "One line an entry: number, time, kind, run, and what it says.",
     "  tabiji ledger show -w demo --kind declared\n"
     "  tabiji ledger show -w demo --run 3 --json",
     ledger_show_options, tj_cmd_ledger_show},
    {"ledger head", "", 0, 0, "print number and hash of the last entry, and who signed it",
     "Noted elsewhere, it is what nobody can change who changes the workspace.",
     "  tabiji ledger head -w demo", workspace_options, tj_cmd_ledger_head},
    {"ledger keygen", "FILE", 1, 1, "make a key that signs ledgers",
     "FILE holds the secret and is for you alone; FILE.pub is for those who verify.\n"
     "\n"
     "A ledger is signed where $TABIJI_LEDGER_KEY names such a file as a workspace is\n"
     "opened for writing, or after 'tabiji ledger sign'.",
     "  tabiji ledger keygen ~/.config/tabiji.key", ledger_keygen_options, tj_cmd_ledger_keygen},
    {"ledger sign", "", 0, 0, "sign the ledger with a key from now on",
     "Adds an entry with the public half, signs the head, and notes in the workspace where\n"
     "the key is. With another key than before it changes the key: the entry stays.",
     "  tabiji ledger sign -w demo --key ~/.config/tabiji.key", ledger_sign_options,
     tj_cmd_ledger_sign},
    {"ledger adopt", "", 0, 0, "go on with a ledger that does not agree with its head",
     "A workspace is not written to while its ledger's last entry is not what the head\n"
     "beside it says, as after a database alone was restored from a copy. This adds an\n"
     "entry that says what differed, for good, and makes the head anew.",
     "  tabiji ledger verify -w demo || tabiji ledger adopt -w demo", ledger_adopt_options,
     tj_cmd_ledger_adopt},
    {"migrate", "", 0, 0, "bring a workspace to this build's schema",
     "Commands that write do so by themselves; those that read refuse an older schema.\n"
     "Everything that is there stays, and the ledger says what was done.",
     "  tabiji migrate -w demo", workspace_options, tj_cmd_migrate},
    {"generate", "[PROMPT...]", 0, 64, "sample answers from a model",
     "Prompts are operands, or lines of standard input. The text of special tokens is\n"
     "ordinary text. A model that brings its tokenizer (a GGUF file, or a folder with\n"
     "tokenizer.json) is asked in its chat template; other models are of the embedded\n"
     "domain.\n"
     "\n"
     "A URL (http:// or https://, up to and with /v1) is a server's: prompts go to its\n"
     "chat completions, with --raw to its completions. Its key is in the environment\n"
     "variable TABIJI_API_KEY, or else OPENAI_API_KEY, or where the settings say. What was\n"
     "asked and what it cost ends standard error.",
     "  tabiji generate 'Use 3 6 7 11 to make 36.'\n"
     "  tabiji generate -m model.gguf 'What is the capital of Japan?'\n"
     "  tabiji generate -n 'base 1' --temperature 1 --samples 4 \\\n"
     "    'Use 2 5 9 13 to make 40.'\n"
     "  tabiji generate -m http://127.0.0.1:8080/v1 --remote-model NAME \\\n"
     "    --cache answers 'What is the capital of Japan?'",
     generate_options, tj_cmd_generate},
    {"serve", "", 0, 0, "serve a model to clients of OpenAI's protocol",
     "Answers /v1/completions and /v1/chat/completions, whole or streamed, besides\n"
     "/v1/models, /health and /metrics (Prometheus). Requests that come together are\n"
     "computed together, and prompts that begin alike share their keys and values.\n"
     "With response_format answers are held to a JSON Schema (docs/formats.md).\n"
     "\n"
     "Clients send 'Authorization: Bearer KEY' where there are keys: those of --keys-file, or\n"
     "of the environment variable TABIJI_API_KEYS with commas between. Without keys only\n"
     "this machine is served.\n"
     "\n"
     "A line a request goes to standard error: never a prompt, never a key. SIGTERM or\n"
     "Ctrl-C lets the requests at hand end and refuses others; a second one ends at once.",
     "  tabiji serve -m model.gguf\n"
     "  tabiji serve -m model.gguf --host 0.0.0.0 --keys-file keys \\\n"
     "    --tls-cert cert.pem --tls-key key.pem\n"
     "  curl http://127.0.0.1:8080/v1/chat/completions \\\n"
     "    -H 'Content-Type: application/json' \\\n"
     "    -d '{\"model\": \"model\", \"messages\": [{\"role\": \"user\", \"content\": "
     "\"Hello\"}]}'",
     serve_options, tj_cmd_serve},
    {"tree grow", "[PROBLEM...]", 0, 64, "grow a reasoning tree for each problem with a model",
     "A node of the tree is one step. In each round a search method chooses nodes, the model\n"
     "is asked for their next steps until W are distinct, all trees together, and each is\n"
     "judged as it comes. Marks: + correct, x invalid, - dead (the target is out of reach, or\n"
     "the answer is wrong), . open. docs/trees.md says what each method does.\n"
     "\n"
     "Problems are operands, lines of standard input, a data set's file or a set of the\n"
     "workspace. In words they are text or JSON ({\"problem\" or \"question\", \"answer\"}); a\n"
     "path ends where a step states an answer, and the grader compares it with the reference.\n"
     "What nobody knows of the steps between stays unknown.\n"
     "\n"
     "A tree depends on the model, the settings, the seed, and which in the list of problems\n"
     "it is; not on the other problems or the threads. With --set the trees are a run of the\n"
     "workspace, which goes on where it was stopped.",
     "  tabiji tree grow 'Use 3 6 7 11 to make 36.'\n"
     "  tabiji tree grow -m model --format jsonl < problems.txt > trees.jsonl\n"
     "  tabiji tree grow -m model.gguf --task math --answer 72 --method best-of-n \\\n"
     "    'Ann sold 48 clips in April and half as many in May. How many in all?'\n"
     "  tabiji tree grow -m model.gguf --data test.jsonl --limit 100 --method dvts \\\n"
     "    --prune-k 4 --rewarder prm:prm -f jsonl -o trees.jsonl\n"
     "  tabiji tree grow -m http://127.0.0.1:8080/v1 --remote-model NAME -w work \\\n"
     "    --set gsm8k --cache answers --method puct --rounds 20",
     grow_options, tj_cmd_tree_grow},
    {"tree import", "FILE...", 1, 64, "read trees of data sets and of other programs",
     "Reads trees as 'tree grow' and 'tree export' write them, PRM800K's rated alternatives,\n"
     "Monte-Carlo trees (OmegaPRM's form, nested or flat), the released best-first trees, and\n"
     "labelled solutions such as Math-Shepherd's, of which those of one problem that follow\n"
     "each other become one tree. Labels and scores become rewards; answers of which nobody\n"
     "says whether they are right are graded; what else nobody labelled is unknown.\n"
     "A tree with a cycle, an orphan, a second root or a path of more than 4096\n"
     "steps is refused by file, line and node. Writes JSON lines, or with --set a new set of\n"
     "the workspace with its trees.",
     "  tabiji tree import math-aps.jsonl > trees.jsonl\n"
     "  tabiji tree import phase2_train.jsonl -w work --set prm800k-trees",
     tree_import_options, tj_cmd_tree_import},
    {"tree export", "", 0, 0, "write the trees of a workspace",
     "With the rewards of all runs. What cannot be said in a form is counted on standard\n"
     "error.",
     "  tabiji tree export -w work --set gsm8k > trees.jsonl\n"
     "  tabiji tree export -w work --run 7 -f omegaprm > mc.jsonl",
     tree_export_options, tj_cmd_tree_export},
    {"tree list", "", 0, 0, "list the trees of a workspace",
     "One line a tree: number, run, problem, nodes, depth, tokens, and how many of its\n"
     "leaves are correct. The last line says how many there are in all, and how to see the\n"
     "next ones.",
     "  tabiji tree list -w work --set math-train --solved yes -n 20\n"
     "  tabiji tree list -w work --rewarder prm --measure mean --min-reward 0.8",
     tree_list_options, tj_cmd_tree_list},
    {"tree show", "ID", 1, 1, "print a reasoning tree",
     "Marks: + correct, x invalid, - dead, . open.", "  tabiji tree show 1 -w demo", tree_options,
     tj_cmd_tree_show},
    {"thought derive", "[FILE]", 0, 1, "derive shortcuts and journeys from trees",
     "Reads trees from FILE or standard input, as 'tree grow' and 'tree show' write them\n"
     "with --format json or jsonl. A shortcut is a correct path written out; a journey\n"
     "reaches the same answer after going wrong, noticing it and going back. Every step is\n"
     "judged again first, in words each answer that is called right, and a tree that claims\n"
     "too much is refused. Trees without a correct path are named on standard error and\n"
     "skipped. Each span is shown with its action; '*' marks the path that ends in the answer.\n"
     "\n"
     "In words a step is wrong where a reward says so (invalid, or dead); what no reward speaks\n"
     "of is not known and never told as wrong. With --workspace the trees of a run become\n"
     "thoughts of a new run, and one that was stopped goes on.",
     "  tabiji tree grow -f json 'Use 3 6 7 11 to make 36.' | tabiji thought derive\n"
     "  tabiji thought derive trees.jsonl --kind journey --json > journeys.jsonl",
     derive_options, tj_cmd_thought_derive},
    {"thought filter", "[FILE...]", 0, 4096, "let good long thoughts through, and say why not",
     "Reads records ('thought derive --json', 'thought import --json') or texts of others\n"
     "(docs/formats.md), writes those that pass as JSON lines, and counts on standard error\n"
     "what the others broke. Rules: need_right, refuse_wrong (on), need_conclusion,\n"
     "no_jumps (on), max_loop (3), min_loop_words (12), max_repeated_attempts, min_ and\n"
     "max_ of tokens, words, lines and backtracks, no_backtracks, max_needless. With\n"
     "--workspace what passes is a run's, and each thought that does not has an annotation\n"
     "with the rule and the reason.",
     "  tabiji thought filter -s min_backtracks=1 -s max_tokens=2048 \\\n"
     "    --rejected no.jsonl journeys.jsonl > good.jsonl",
     filter_options, tj_cmd_thought_filter},
    {"thought export", "[FILE...]", 0, 4096, "write long thoughts as training data",
     "Reads records as 'thought filter' does. trl, trl-messages, openrlhf and\n"
     "llama-factory have whole texts; trl-dpo, llama-factory-dpo and step-dpo prefer the\n"
     "right step over the wrong one told beside it; trl-prm, openrlhf-prm and prm800k have\n"
     "steps with their labels. What a form needs and a record does not have is never made\n"
     "up: the card counts such records with the reason. markdown is the annotated form\n"
     "that 'thought import' reads.",
     "  tabiji thought export good.jsonl -f trl -o sft.jsonl --card README.md\n"
     "  tabiji thought export good.jsonl -f step-dpo > pairs.jsonl",
     export_options, tj_cmd_thought_export},
    {"thought import", "[FILE...]", 0, 4096, "read annotated thinking in Markdown",
     "A line is a step; a mark before it says what it is: ! wrong, ~ right but leading\n"
     "nowhere, ? a reflection, < back (or < 3, to after the third entry), + a check, = the\n"
     "answer. Lines that begin with > quote the problem, and front matter between two\n"
     "lines --- has answer, author, licence and more. docs/formats.md has the exact form.\n"
     "With --json each file becomes a record that 'thought filter', 'thought export' and\n"
     "'thought stats' read. Files that end in .json or .jsonl have records. With --workspace\n"
     "each thought becomes rows: its problem, its spans, the tree of what was tried, and what\n"
     "its author says of each step as annotations and rewards.",
     "  tabiji thought import notes.md\n"
     "  tabiji thought import *.md --json > human.jsonl",
     thought_import_options, tj_cmd_thought_import},
    {"thought critique", "[PROBLEM...]", 0, 64, "long thoughts by proposing and criticising",
     "One model proposes the next step, another (or the same) decides: continue, reflect,\n"
     "go back, or end. A step that was tried from the same place is refused. Problems are\n"
     "operands or lines of standard input, as text or as JSON with prompt (or problem, or\n"
     "question) and answer. Answers of models that cannot be read are asked for again within\n"
     "--tries, then recorded as failed; nothing is guessed. With --workspace dialogues become\n"
     "rows: the thought, the tree of what was tried, the critic's verdicts as judgements.",
     "  tabiji thought critique -m http://127.0.0.1:8080/v1 --remote-model NAME \\\n"
     "    'What is the sum of the first 20 odd numbers?'\n"
     "  tabiji thought critique -m model.gguf --json < problems.jsonl > thoughts.jsonl",
     critique_options, tj_cmd_thought_critique},
    {"thought debate", "[PROBLEM...]", 0, 64, "long thoughts out of a debate or a lesson",
     "Agents speak in turn in their roles; after each round a moderator decides whether it\n"
     "is settled. What was said becomes one explorer's thought, entry by entry; where the\n"
     "rewording would change its mathematics, the agent's own words stay. Problems as for\n"
     "'thought critique'.",
     "  tabiji thought debate --roles teacher -m model.gguf 'What is 12 * 13?'\n"
     "  tabiji thought debate --agent 'Aiko=You propose one step at a time.' \\\n"
     "    --agent 'Ben=You look for what is wrong.' -m model.gguf 'What is 12 * 13?'",
     debate_options, tj_cmd_thought_debate},
    {"thought rewrite", "[FILE...]", 0, 4096, "reword long thoughts with a language model",
     "Reads records as 'thought filter' does and writes them reworded, JSON lines with the\n"
     "fate of each span. New words are taken only if they keep the span's mathematics:\n"
     "numbers, operators and formulas in their order, and the final answer; for granularity\n"
     "and gradual also more of them, where true equations give them. Else the span stays as\n"
     "it was.",
     "  tabiji thought rewrite journeys.jsonl -m model.gguf > reworded.jsonl\n"
     "  tabiji thought rewrite human.jsonl --line granularity --line explorer \\\n"
     "    -m http://127.0.0.1:8080/v1 --remote-model NAME > augmented.jsonl",
     rewrite_options, tj_cmd_thought_rewrite},
    {"thought list", "", 0, 0, "list the thoughts of a run",
     "One line a thought: number, kind, problem, tree, words, ways back, and, where a filter\n"
     "refused it, the filter's run with the rule and the reason.",
     "  tabiji thought list -w work\n"
     "  tabiji thought list -w work --refused",
     thought_list_options, tj_cmd_thought_list},
    {"thought show", "ID", 1, 1, "print a long thought span by span",
     "Each span with its action; '*' marks the path that ends in the answer.",
     "  tabiji thought show 2 -w demo", thought_options, tj_cmd_thought_show},
    {"thought stats", "[FILE...]", 0, 4096, "statistics over long thoughts",
     "Lengths, keywords, actions, ways back with and without reason, how soon a wrong step\n"
     "is noticed, what choices cost, redundancy, and the words that mark reflection in\n"
     "English, Japanese and Chinese; by level of difficulty and by whether the answer is\n"
     "right. Texts without spans are counted by spans that rules find; how far the rules\n"
     "are right is measured on records with spans.",
     "  tabiji thought stats journeys.jsonl --tokenizer model.gguf\n"
     "  tabiji thought stats texts.json --json > stats.json",
     stats_options, tj_cmd_thought_stats},
    {"train", "FILE", 1, 1, "fine-tune a model on JSON lines",
     "FILE has one JSON object a line, in the forms of TRL: `prompt` and `completion` as\n"
     "texts; `messages`, a list of {role, content}; or `prompt` as messages and as\n"
     "`completion` one of the assistant. Other fields are passed over. Only completions,\n"
     "what the assistant says, and the token that ends them are learnt. Texts are joined as\n"
     "they stand: end a prompt with its newline, as 'thought derive --json' does. Messages\n"
     "are put into the model's chat template.\n"
     "\n"
     "With --method dpo a line has `chosen` and `rejected` and, unless it is what those\n"
     "begin with, a `prompt`, all as texts or as messages; the first model is the\n"
     "reference. With --method prm it has a `prompt`, `completions`, the texts of its\n"
     "steps, and `labels`, true or false for each: the model gets a value head, which\n"
     "reads a step's last token.\n"
     "\n"
     "A model that brings its tokenizer (a GGUF file, or a folder with tokenizer.json) is\n"
     "trained with it; other models are of the embedded domain. Model folders hold\n"
     "config.json and model.safetensors as transformers opens them.\n"
     "\n"
     "Stopped at any moment (Ctrl-C, or killed), the same command goes on from\n"
     "DIR/snapshots and ends in the same bits as if it had never stopped.\n"
     "\n"
     "Given --workspace, the training is a run in its ledger, and FILE is held against all that\n"
     "its evaluations measured; --check-against names further sets of the workspace, or files.\n"
     "Examples that hold a measured problem whole are refused, those that share eight words in\n"
     "a row with one are told.\n"
     "\n"
     "With --lora-rank small matrices beside the model's are trained instead of it (LoRA),\n"
     "in a fraction of the memory; the quantised weights of a GGUF file become f32 there. DIR\n"
     "then holds them as PEFT does; 'model merge' adds them to the model.",
     "  tabiji train journeys.jsonl --name 'base 1' --out journey-model\n"
     "  tabiji train texts.jsonl --new --shape width=64 --epochs 8 --out small\n"
     "  tabiji train chats.jsonl --from model.gguf --lora-rank 16 --out adapter\n"
     "  tabiji train pairs.jsonl --method dpo --from model.gguf --out preferred\n"
     "  tabiji generate -m journey-model 'Use 3 6 7 11 to make 36.'",
     train_options, tj_cmd_train},
    {"train prm", "FILE...", 1, 16, "train a process reward model on labelled steps",
     "The model gets a value head, a linear map read at each step's last token, whose value is\n"
     "the logit of the step being right. DIR holds the model with its head and prm.json, how\n"
     "its texts are written; 'tabiji reward eval --rewarder prm:DIR' measures it.\n"
     "\n"
     "A FILE is any data set with labelled steps, plain or compressed: PRM800K as released or\n"
     "one candidate a row, Math-Shepherd, ProcessBench, PRMBench and so on\n"
     "(docs/datasets.md); Monte-Carlo trees, whose shares of successful rollouts are learnt as\n"
     "they are; trees of 'tree grow --format jsonl'; or, alone, TRL's form: `prompt`,\n"
     "`completions`, `labels`. There must be as many labels as steps, or loading fails and\n"
     "names the line. Steps of one problem are one update's forest: what they share is\n"
     "computed once.\n"
     "\n"
     "With --lora-rank adapters (LoRA) and the head are trained, in a fraction of the memory;\n"
     "DIR holds the model with the adapters added, and is used as any other.\n"
     "\n"
     "Stopped at any moment, the same command goes on, as with 'tabiji train'.",
     "  tabiji train prm phase1.jsonl.gz --from model.gguf --max-tokens 512 -o prm\n"
     "  tabiji train prm trees.jsonl --name 'base 1' -w demo --out prm",
     train_prm_options, tj_cmd_train_prm},
    {"reward eval", "FILE...", 1, 16, "measure rewarders against people's labels",
     "FILE is a data set with labelled steps (docs/datasets.md): PRM800K, ProcessBench,\n"
     "MR-GSM8K, PRMBench and so on, plain or compressed; or, with -w, set:NAME is one that\n"
     "'data import' put into the workspace. Each rewarder scores every labelled\n"
     "step after those before it; the table has precision, recall and F1 of detecting wrong\n"
     "steps (w) and of passing right ones (r), the Brier score, calibration (ECE), AUC and,\n"
     "for whole solutions, how often the first wrong step is found, with 95% intervals over\n"
     "problems. Two baselines stand beside: every step is right, and the majority's share.\n"
     "\n"
     "SPEC is KIND, or KIND:WHERE, then settings after commas, or a YAML file of them:\n"
     "prm:DIR is a model of 'tabiji train prm'; remote:URL,format=F,model=NAME one behind a\n"
     "server, asked as math-shepherd, rlhflow or qwen; verifier grades final answers;\n"
     "constant,value=X is what it says. docs/rewards.md has all kinds and settings.\n"
     "\n"
     "A threshold is chosen on the validation part alone, unless SPEC has threshold=X.",
     "  tabiji reward eval processbench.json --rewarder prm:my-prm\n"
     "  tabiji reward eval test.jsonl.gz -r prm:a -r prm:b,threshold=0.4 --json\n"
     "  tabiji reward eval pb.json --cache answers \\\n"
     "    -r remote:http://127.0.0.1:8000/v1,format=qwen,model=Qwen2.5-Math-PRM-7B",
     reward_eval_options, tj_cmd_reward_eval},
    {"reward score", "", 0, 0, "rewards for the steps of trees, or of solutions",
     "Puts every step of the trees of a workspace to a rewarder, in a run of its own: what\n"
     "came of it, given or failed, with the answers, the tries and the cost, is recorded\n"
     "with the reward. Stopped at any moment (Ctrl-C, or killed), the same command goes on;\n"
     "answers of servers that were paid for are in the workspace and asked for no more.\n"
     "\n"
     "SPEC is KIND, or KIND:WHERE, then settings after commas, or a YAML file of them:\n"
     "judge:URL,model=NAME asks a language model for verdicts in JSON; rollout:MODEL and\n"
     "search:MODEL go on from steps and grade the answers; consensus (a file with members)\n"
     "keeps what several agree on; the others are as for 'reward eval'. docs/rewards.md has\n"
     "all kinds and settings.\n"
     "\n"
     "With --input each line is {\"problem\", \"steps\": [text, ...], \"answer\"}, and is\n"
     "written with its scores.",
     "  tabiji reward score -w DIR -r judge:http://127.0.0.1:8080/v1,model=m,votes=3\n"
     "  tabiji reward score -w DIR --run 4 -r rollout:policy.gguf,rollouts=16\n"
     "  tabiji reward score -i solutions.jsonl -r judges.yaml --cache answers",
     reward_score_options, tj_cmd_reward_score},
    {"eval", "", 0, 0, "measure a model on a data set, or what a workspace holds",
     "With --task: puts the problems of --data to the model in the prompt, and with the\n"
     "stops, of lm-evaluation-harness, and scores the answers twice: as the harness does\n"
     "(strict-match, flexible-extract) and by 'tabiji grade'. Thoughts are never scored.\n"
     "With --samples and --temperature also pass@k (unbiased) and the majority's answer.\n"
     "\n"
     "DIR gets results_DATE.json and samples_TASK_DATE.jsonl as the harness writes them,\n"
     "eval.json with intervals, tokens and seconds, and answers.jsonl, from which a run that\n"
     "was stopped goes on when the same command is given again.\n"
     "\n"
     "Given --workspace, the evaluation is a run in its ledger, each sample an output with its\n"
     "verdict, and the problems are held against all that the ledger knows the model to have\n"
     "learnt from; --check-against names further sets of the workspace, or files, examples of\n"
     "'tabiji train' too. What is shared is told, and stands in eval.json.\n"
     "\n"
     "The task 'choices' takes JSON lines {\"query\", \"choices\", \"gold\"} and chooses by\n"
     "log-likelihood (acc, acc_norm), with a model here; in a workspace each item is an output.\n"
     "\n"
     "Without --task: the workspace's evaluations, and of an experiment the accuracies with\n"
     "intervals, the paired difference and McNemar's test.",
     "  tabiji eval --task list\n"
     "  tabiji eval --task gsm8k --data test.jsonl --shots-from train.jsonl \\\n"
     "    -m model.gguf --out gsm8k\n"
     "  tabiji eval --task math_boxed --data math500.jsonl --remote-model NAME \\\n"
     "    -m http://127.0.0.1:8080/v1 --chat --samples 8 --temperature 0.7 -o m500\n"
     "  tabiji eval --task gsm8k --data test.jsonl --shots 0 --answers samples.jsonl\n"
     "  tabiji eval --task math500 --data math500.jsonl -m model -o m500 -w work \\\n"
     "    --check-against train.jsonl\n"
     "  tabiji eval -w demo",
     eval_options, tj_cmd_eval},
    {"model info", "PATH", 1, 1, "what a model folder or GGUF file holds",
     "Family, shape, tensors and their types, context, RoPE and its scaling, tokenizer and\n"
     "chat template, from the files alone; of a workspace's model its digest and shape; of\n"
     "adapters (PEFT) their rank, scale and targets.",
     "  tabiji model info model.gguf\n  tabiji model info demo/models/1", info_options,
     tj_cmd_model_info},
    {"model convert", "FROM TO", 2, 2, "write a model as a folder or a GGUF file",
     "FROM is a Hugging Face folder or a GGUF file; TO becomes a GGUF file if it ends in\n"
     ".gguf, else a folder, which transformers opens. Families are llama, qwen2, qwen3 and\n"
     "gemma3. The tokenizer comes along: as keys of the GGUF, which llama.cpp reads, or as\n"
     "tokenizer.json. Without --type, tensors keep their types; in a folder quantised ones\n"
     "become f32. Norms and biases of a GGUF made of a folder are F32, embeddings of the\n"
     "type of the rest. What the new file cannot say is refused, and TO is left as it was.",
     "  tabiji model convert model.gguf folder\n"
     "  tabiji model convert folder model-q8_0.gguf --type q8_0",
     convert_options, tj_cmd_model_convert},
    {"model merge", "", 0, 0, "add adapters to the weights of their model",
     "Writes W + s B A for each adapted matrix W, and all else as 'model convert' does. The\n"
     "adapters are those of 'tabiji train --lora-rank' or of PEFT (LoRA; what its other\n"
     "settings would change is refused by name). Without --type matrices keep their types; in\n"
     "a folder quantised ones become f32.",
     "  tabiji model merge --base model.gguf --adapter adapter --out merged\n"
     "  tabiji model merge --base base --adapter adapter --out merged.gguf --type q8_0",
     merge_options, tj_cmd_model_merge},
    {"model check", "PATH", 1, 1, "look through all of a model's files for what is wrong",
     "The configuration, every tensor with its shape and its values, tensors that belong to\n"
     "nothing, the tokenizer, whether its vocabulary fits the embedding, and whether the\n"
     "chat template is known. Exit status 1 where a check failed.",
     "  tabiji model check model.gguf", info_options, tj_cmd_model_check},
    {"tokenize", "", 0, 0, "turn a text into token ids, or back",
     "Reads one text from standard input and prints its ids on one line. GGUF files need\n"
     "not hold more than a vocabulary. The text of special tokens is ordinary text, and no\n"
     "tokens are added, unless asked for.\n"
     "\n"
     "Input that is not UTF-8 is refused with the offset of the first wrong byte. With\n"
     "--replace-invalid each maximal subpart of a character (Unicode 3.9) becomes U+FFFD,\n"
     "as in browsers (WHATWG Encoding) and in Python with errors='replace': of the bytes\n"
     "e2 82 41, the first two become one U+FFFD.",
     "  printf 'Hello, world' | tabiji tokenize --tokenizer model.gguf\n"
     "  printf '9707 11 1879' | tabiji tokenize --tokenizer dir --decode\n"
     "  tabiji tokenize --tokenizer tokenizer.json --lines < texts.txt > ids.txt",
     tokenize_options, tj_cmd_tokenize},
    {"grade", "REFERENCE ANSWER | FILE", 1, 2, "say whether two answers are equal",
     "Reads LaTeX, plain mathematics and words, and decides by exact arithmetic: equal,\n"
     "different (with a place where they part) or undecided, never a guess. Each of the two\n"
     "may be a bare answer or the whole output of a model, in which the answer is looked for:\n"
     "the last \\boxed{...}, 'the answer is ...', '#### ...', **...**, the last formula or\n"
     "number; never within <think>...</think>. What counts as equal is in docs/grader.md.\n"
     "\n"
     "With two operands the exit status is 0 equal, 1 different, 2 undecided, 3 error: the\n"
     "reference cannot be read, or wrong usage. An answer that begins with a minus and a\n"
     "letter stands behind '--'.\n"
     "\n"
     "With one, FILE (or '-', standard input; gzip and zstd too) has one JSON object a line\n"
     "with `gold`, `pred`, and perhaps `id`, `kind` and `expected` (true or false). Verdicts\n"
     "come as JSON lines in the same order. Bad lines and references that cannot be read are\n"
     "told on standard error, and the exit status is then 3. Workers have limits of time and\n"
     "memory far above what any answer needs; what one stops is undecided, its method\n"
     "'limit'.",
     "  tabiji grade '\\frac{\\pi}{4}' 'pi/4' --explain\n"
     "  tabiji grade '1/3' 'So we get \\boxed{0.333}.'\n"
     "  tabiji grade -- -x^2 '-x \\cdot x'\n"
     "  tabiji grade pairs.jsonl > verdicts.jsonl\n"
     "  tabiji grade pairs.jsonl --summary --explain\n"
     "  printf '{\"gold\": \"5\", \"pred\": \"five\"}\\n' | tabiji grade -",
     grade_options, tj_cmd_grade},
    {"task check", "[FILE]", 0, 1, "judge an answer to a Countdown problem line by line",
     "Reads the answer from FILE or standard input and says where the first wrong step is\n"
     "and why. Exit status 1 if the answer is not correct.",
     "  printf '1. 11 - 7 = 4 left 3 4 6\\n' |\n"
     "    tabiji task check -p 'Use 3 6 7 11 to make 36.'",
     check_options, tj_cmd_task_check},
    {"data import", "[FORMAT] FILE...", 1, 65, "import data sets into the workspace",
     "Problems with reference solutions, solutions with labelled steps, reasoning trees.\n"
     "FORMAT is math, math500, gsm8k, gsm8k-solutions, mgsm, prm800k, prm800k-critic,\n"
     "processbench, mr-gsm8k, prmbench, reasoneval, math-shepherd, omegaprm, trees, or fields\n"
     "(any JSON, by --map); without one it is seen from each file's first record. Files are\n"
     "JSON lines, JSON arrays, JSON objects or tab-separated; plain, gzip or zstd.\n"
     "\n"
     "All files make one set, in one run of the ledger; with each file its hash, source and\n"
     "licence are kept, with each problem the records that it stands in. A record that its\n"
     "format does not allow is named with file, line, field and reason, and ends the import,\n"
     "or is passed over with --on-error skip. Of a file that fails nothing is kept.\n"
     "\n"
     "Targets of --map are problem (needed), answer, solution, steps, labels (as many as\n"
     "steps: -1, 0, 1, true, false or null), id, subject, level and author.",
     "  tabiji data import -w work --set math-train math/train/*.json --on-error skip\n"
     "  tabiji data import -w work --set bench prmbench/*.gz --on-error skip\n"
     "  tabiji data import -w work --set mine a.jsonl --map problem=q,answer=final",
     import_options, tj_cmd_data_import},
    {"data list", "", 0, 0, "list the problem sets of a workspace and their files",
     "Of each set its problems by split; of each file its format, records, and the\n"
     "beginning of its SHA-256.",
     "  tabiji data list -w work", data_list_options, tj_cmd_data_list},
    {"data check", "LEARNED MEASURED...", 2, 64, "say which problems share text with which",
     "Contamination: compares a set to learn from with sets that are measured, both of the\n"
     "workspace or files. Texts are folded first: case, way of writing and punctuation do\n"
     "not count, operators do. Told are problems with the same text, those that stand whole in\n"
     "a longer text, and those that share eight words in a row. LEARNED may be a file of\n"
     "examples as 'tabiji train' takes them.",
     "  tabiji data check -w work math-train math500 mgsm-ja\n"
     "  tabiji data check train.jsonl.gz test.jsonl --json",
     data_check_options, tj_cmd_data_check},
    {"data steps", "FILE...", 1, 64, "turn reference solutions into numbered steps, to train on",
     "Conversations for 'tabiji train': the problem as 'tabiji eval --task gsm8k_lines\n"
     "--shots 0 --chat' puts it, and the solution as one numbered step a line, the last one\n"
     "'The answer is \\boxed{...}.' Steps are the lines of GSM8K, the sentences of MATH (never\n"
     "cut inside of mathematics), the steps of PRM800K's paths that were rated right to their\n"
     "end. An example is written only if the grader finds its answer equal to the reference;\n"
     "what is left out is counted by reason.",
     "  tabiji data steps gsm8k/train.jsonl.gz -o steps.jsonl\n"
     "  tabiji data steps math/*.json prm800k/*.jsonl --rejected no.jsonl -o all.jsonl\n"
     "  tabiji train --from model.gguf --out stepped steps.jsonl",
     data_steps_options, tj_cmd_data_steps},
    {"man", "", 0, 0, "print the manual page", "", "  tabiji man | man -l -", no_options,
     tj_cmd_man},
    {"completion", "SHELL", 1, 1, "print shell completion: bash, zsh or fish", "",
     "  tabiji completion bash > ~/.local/share/bash-completion/completions/tabiji", no_options,
     tj_cmd_completion},
    {0}};
