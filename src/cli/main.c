/* The program: finds the command, parses its arguments by its table, runs it, and turns an error
 * into one line and an exit status. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/par.h"
#include "cli/cli.h"

#define MAX_VALUES   64 /* options given on one command line */
#define MAX_OPERANDS 256

struct tj_args {
    const tj_command *command;
    struct {
        const tj_option *option;
        const char *value;
    } given[MAX_VALUES];
    size_t n_given;
    const char *operands[MAX_OPERANDS];
    size_t n_operands;
    bool help;
};

int tj_exit_status(tj_code code)
{
    switch (code) {
    case TJ_OK:
        return TJ_EXIT_OK;
    case TJ_E_INVAL:
        return TJ_EXIT_USAGE;
    case TJ_E_NOTFOUND:
        return TJ_EXIT_NOTFOUND;
    case TJ_E_CONFLICT:
        return TJ_EXIT_CONFLICT;
    case TJ_E_CANCELLED:
        return TJ_EXIT_CANCELLED;
    case TJ_E_NOMEM:
    case TJ_E_PARSE:
    case TJ_E_IO:
    case TJ_E_LIMIT:
    case TJ_E_NUMERIC:
    case TJ_E_BACKEND:
        break;
    }
    return TJ_EXIT_FAILED;
}

static int status_of_success; /* set by the command that runs, before the program ends with it */

void tj_cli_set_status(int status)
{
    status_of_success = status;
}

const char *tj_args_nth(const tj_args *a, const char *name, size_t i)
{
    for (size_t g = 0; g < a->n_given; g++) {
        if (strcmp(a->given[g].option->name, name) == 0 && i-- == 0) {
            return a->given[g].value;
        }
    }
    return NULL;
}

const char *tj_args_get(const tj_args *a, const char *name)
{
    const char *last = NULL;
    for (size_t i = 0; tj_args_nth(a, name, i) != NULL; i++) {
        last = tj_args_nth(a, name, i);
    }
    return last;
}

bool tj_args_has(const tj_args *a, const char *name)
{
    return tj_args_nth(a, name, 0) != NULL;
}

size_t tj_args_n_operands(const tj_args *a)
{
    return a->n_operands;
}

const char *tj_args_operand(const tj_args *a, size_t i)
{
    return i < a->n_operands ? a->operands[i] : NULL;
}

tj_code tj_args_size(const tj_args *a, const char *name, size_t fallback, size_t max, size_t *out,
                     tj_err *err)
{
    const char *text = tj_args_get(a, name);
    char *end = NULL;
    *out = fallback;
    if (text == NULL) {
        return TJ_OK;
    }
    unsigned long long n = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != 0 || n > max) {
        return tj_fail(err, TJ_E_INVAL, "--%s is '%s', expected a number from 0 to %zu", name, text,
                       max);
    }
    *out = (size_t)n;
    return TJ_OK;
}

tj_code tj_args_double(const tj_args *a, const char *name, double fallback, double *out,
                       tj_err *err)
{
    const char *text = tj_args_get(a, name);
    char *end = NULL;
    *out = fallback;
    if (text == NULL) {
        return TJ_OK;
    }
    double x = strtod(text, &end);
    if (end == text || *end != 0 || !isfinite(x)) {
        return tj_fail(err, TJ_E_INVAL, "--%s is '%s', expected a number", name, text);
    }
    *out = x;
    return TJ_OK;
}

/* ------------------------------------------------------------------ parsing */

static const tj_option *find_option(const tj_command *c, const char *name, size_t n, char letter)
{
    for (const tj_option *o = c->options; o != NULL && o->name != NULL; o++) {
        bool by_name = name != NULL && strlen(o->name) == n && strncmp(o->name, name, n) == 0;
        if (by_name || (letter != 0 && o->letter == letter)) {
            return o;
        }
    }
    return NULL;
}

static tj_code parse_option(tj_args *a, int argc, char **argv, int *i, tj_err *err)
{
    const char *arg = argv[*i];
    bool is_long = arg[1] == '-';
    const char *name = is_long ? arg + 2 : NULL;
    size_t n = is_long ? strcspn(name, "=") : 0;
    const tj_option *o = find_option(a->command, name, n, is_long ? 0 : arg[1]);
    const char *value = is_long && name[n] == '=' ? name + n + 1 : NULL;
    if (o == NULL || (!is_long && arg[2] != 0)) {
        return tj_fail(err, TJ_E_INVAL, "'%s' is not an option of 'tabiji %s'; try --help", arg,
                       a->command->name);
    }
    if (o->value == NULL && value != NULL) {
        return tj_fail(err, TJ_E_INVAL, "--%s takes no value", o->name);
    }
    if (o->value != NULL && value == NULL) {
        if (*i + 1 >= argc) {
            return tj_fail(err, TJ_E_INVAL, "--%s needs a value: %s", o->name, o->value);
        }
        value = argv[++*i];
    }
    if (a->n_given >= MAX_VALUES) {
        return tj_fail(err, TJ_E_INVAL, "more than %d options", MAX_VALUES);
    }
    a->given[a->n_given].option = o;
    a->given[a->n_given++].value = value == NULL ? "" : value;
    return TJ_OK;
}

/* Letters and dashes begin options; "-" alone is standard input, and "-5" an answer. */
static bool is_option(const char *arg)
{
    char c = arg[0] == '-' ? arg[1] : 0;
    return c == '-' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static tj_code parse(tj_args *a, int argc, char **argv, int first, tj_err *err)
{
    bool only_operands = false;
    for (int i = first; i < argc; i++) {
        const char *arg = argv[i];
        if (!only_operands && (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)) {
            a->help = true;
        } else if (!only_operands && strcmp(arg, "--") == 0) {
            only_operands = true;
        } else if (!only_operands && is_option(arg)) {
            tj_code rc = parse_option(a, argc, argv, &i, err);
            if (rc != TJ_OK) {
                return rc;
            }
        } else if (a->n_operands >= MAX_OPERANDS) {
            return tj_fail(err, TJ_E_INVAL, "more than %d operands", MAX_OPERANDS);
        } else {
            a->operands[a->n_operands++] = arg;
        }
    }
    const tj_command *c = a->command;
    if (!a->help && (a->n_operands < c->min_operands || a->n_operands > c->max_operands)) {
        return tj_fail(err, TJ_E_INVAL, "usage: tabiji %s [options]%s%s", c->name,
                       c->operands[0] != 0 ? " " : "", c->operands);
    }
    return TJ_OK;
}

/* The command with the most words that the arguments begin with; *used is how many words. */
static const tj_command *find_command(int argc, char **argv, int *used)
{
    const tj_command *best = NULL;
    *used = 0;
    for (const tj_command *c = tj_commands; c->name != NULL; c++) {
        const char *at = c->name;
        int words = 0;
        bool same = true;
        while (same && *at != 0) {
            size_t n = strcspn(at, " ");
            same = words + 1 < argc && strlen(argv[words + 1]) == n &&
                   strncmp(argv[words + 1], at, n) == 0;
            words++;
            at += n + (at[n] == ' ' ? 1 : 0);
        }
        if (same && words > *used) {
            best = c;
            *used = words;
        }
    }
    return best;
}

/* command NULL: none was found. */
static int fail(const tj_command *command, const tj_err *err)
{
    bool grades = command != NULL && command->run == tj_cmd_grade;
    tj_cli_progress_end();
    fprintf(stderr, "tabiji: %s\n", err->msg);
    return grades && err->code != TJ_E_CANCELLED ? TJ_EXIT_GRADE_ERROR : tj_exit_status(err->code);
}

/* Threads that wait busily for each other gain nothing here, and where anything else runs they make
 * a small model's training several times slower (docs/architecture.md, "Threads that wait"). OpenMP
 * reads how to wait before main begins, so the program begins once more; where that is not possible
 * it goes on as it is. */
static void wait_passively(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") == NULL && getenv("GOMP_SPINCOUNT") == NULL &&
        setenv("OMP_WAIT_POLICY", "passive", 1) == 0) {
        (void)execv("/proc/self/exe", argv);
    }
}

int main(int argc, char **argv)
{
    wait_passively(argv);
    tj_cli_catch_signals();
    static tj_args args;
    tj_err err = {.code = TJ_OK};
    int used = 0;
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        (strcmp(argv[1], "help") == 0 && argc == 2)) {
        tj_help_all(stdout);
        return argc < 2 ? TJ_EXIT_USAGE : TJ_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("tabiji %s (%s)\n", TJ_VERSION, tj_build_id());
        return TJ_EXIT_OK;
    }
    bool asks = strcmp(argv[1], "help") == 0;
    args.command = find_command(argc - (asks ? 1 : 0), argv + (asks ? 1 : 0), &used);
    if (args.command == NULL) {
        (void)tj_fail(&err, TJ_E_INVAL, "'%s' is not a command; 'tabiji --help' lists them",
                      argv[asks ? 2 : 1]);
        return fail(args.command, &err);
    }
    if (asks) {
        tj_help_command(stdout, args.command);
        return TJ_EXIT_OK;
    }
    tj_code rc = parse(&args, argc, argv, used + 1, &err);
    if (rc == TJ_OK && args.help) {
        tj_help_command(stdout, args.command);
        return TJ_EXIT_OK;
    }
    if (rc == TJ_OK && tj_args_has(&args, "quiet")) {
        tj_cli_quiet();
    }
    if (rc == TJ_OK) {
        rc = args.command->run(&args, &err);
    }
    if (rc != TJ_OK) {
        return fail(args.command, &err);
    }
    tj_cli_progress_end();
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)tj_fail(&err, TJ_E_IO, "cannot write to standard output");
        return fail(args.command, &err);
    }
    return status_of_success;
}
