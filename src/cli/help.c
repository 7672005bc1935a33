/* Help, manual and shell completion, all from the table of commands. */
#include <string.h>

#include "cli/cli.h"

void tj_help_all(FILE *out)
{
    fputs("tabiji - teach language models to reason by journeys, and see how they do it\n\n"
          "usage: tabiji COMMAND [options] [operands]\n\ncommands:\n",
          out);
    for (const tj_command *c = tj_commands; c->name != NULL; c++) {
        fprintf(out, "  %-16s %s\n", c->name, c->brief);
    }
    fputs("\n'tabiji COMMAND --help' explains one. Begin with 'tabiji demo'.\n"
          "\nexit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 not found,\n"
          "4 workspace in use or different, 130 stopped by Ctrl-C after saving.\n"
          "'tabiji grade' tells its verdict by it: see its help.\n",
          out);
}

static void option_left(const tj_option *o, char *to, size_t n)
{
    char letter[8] = "";
    if (o->letter != 0) {
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    }
    snprintf(to, n, "%s--%s%s%s", letter, o->name, o->value == NULL ? "" : " ",
             o->value == NULL ? "" : o->value);
}

/* Words from column `col` on, in lines of at most 79 columns that begin at `indent`; an empty line
 * stays. */
static void wrap(FILE *out, const char *text, size_t col, size_t indent)
{
    bool first = true;
    while (*text != 0) {
        size_t n = strcspn(text, " \n");
        if (!first && col + 1 + n > 79) {
            fprintf(out, "\n%*s", (int)indent, "");
            col = indent;
            first = true;
        }
        fprintf(out, "%s%.*s", first ? "" : " ", (int)n, text);
        col += n + (first ? 0 : 1);
        first = false;
        text += n;
        if (strncmp(text, "\n\n", 2) == 0) {
            fprintf(out, "\n\n%*s", (int)indent, "");
            col = indent;
            first = true;
        }
        text += strspn(text, " \n");
    }
    fputc('\n', out);
}

void tj_help_command(FILE *out, const tj_command *c)
{
    char help[256];
    char left[64];
    fprintf(out, "tabiji %s - %s\n\nusage: tabiji %s [options]%s%s\n", c->name, c->brief, c->name,
            c->operands[0] != 0 ? " " : "", c->operands);
    if (c->details[0] != 0) {
        fputc('\n', out);
        wrap(out, c->details, 0, 0);
    }
    fputs("\noptions:\n", out);
    for (const tj_option *o = c->options; o != NULL && o->name != NULL; o++) {
        option_left(o, left, sizeof left);
        snprintf(help, sizeof help, o->fallback == NULL ? "%s" : "%s (default %s)", o->help,
                 o->fallback);
        fprintf(out, "  %-24s ", left);
        wrap(out, help, 27, 27);
    }
    fprintf(out, "  %-24s %s\n", "-h, --help", "this text");
    if (c->examples[0] != 0) {
        fprintf(out, "\nexamples:\n%s\n", c->examples);
    }
}

/* ------------------------------------------------------------------ manual */

/* Text for troff: backslashes and leading dots or quotes would be commands. */
static void roff(FILE *out, const char *text)
{
    bool at_start = true;
    for (; *text != 0; text++) {
        if (at_start && (*text == '.' || *text == '\'')) {
            fputs("\\&", out);
        }
        if (*text == '\\') {
            fputs("\\e", out);
        } else if (*text == '-') {
            fputs("\\-", out);
        } else {
            fputc(*text, out);
        }
        at_start = *text == '\n';
    }
}

void tj_write_manual(FILE *out)
{
    fprintf(out, ".TH TABIJI 1 \"\" \"tabiji %s\" \"User Commands\"\n", TJ_VERSION);
    fputs(".SH NAME\ntabiji \\- teach language models to reason by journeys\n"
          ".SH SYNOPSIS\n.B tabiji\n.I command\n[options] [operands]\n.SH COMMANDS\n",
          out);
    for (const tj_command *c = tj_commands; c->name != NULL; c++) {
        fprintf(out, ".SS \"tabiji %s %s\"\n", c->name, c->operands);
        roff(out, c->brief);
        fputs(".\n.PP\n.nf\n", out);
        roff(out, c->details);
        fputs("\n.fi\n", out);
        for (const tj_option *o = c->options; o != NULL && o->name != NULL; o++) {
            char left[64];
            option_left(o, left, sizeof left);
            fputs(".TP\n.B ", out);
            roff(out, left);
            fputc('\n', out);
            roff(out, o->help);
            if (o->fallback != NULL) {
                fputs(" (default ", out);
                roff(out, o->fallback);
                fputc(')', out);
            }
            fputc('\n', out);
        }
        if (c->examples[0] != 0) {
            fputs(".PP\nExamples:\n.PP\n.nf\n", out);
            roff(out, c->examples);
            fputs("\n.fi\n", out);
        }
    }
    fputs(
        ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage or configuration, 3 not found, 4 "
        "workspace in use or different, 130 stopped by Ctrl\\-C after saving; 'tabiji grade' tells "
        "its verdict by it.\n",
        out);
}

/* ------------------------------------------------------------------ completion */

/* Text between single quotes of fish, within which a quote and a backslash are escaped. */
static void quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text != 0; text++) {
        if (*text == '\'' || *text == '\\') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
    fputc('\'', out);
}

static void list_options(FILE *out, const tj_command *c, const char *before, const char *after)
{
    for (const tj_option *o = c->options; o != NULL && o->name != NULL; o++) {
        fprintf(out, "%s--%s%s", before, o->name, after);
    }
    fprintf(out, "%s--help%s", before, after);
}

/* Whether no command before it begins with the same word, of n bytes. */
static bool is_first(const tj_command *command, int n)
{
    for (const tj_command *c = tj_commands; c != command; c++) {
        if (strncmp(c->name, command->name, (size_t)n) == 0 &&
            (c->name[n] == ' ' || c->name[n] == '\0')) {
            return false;
        }
    }
    return true;
}

/* The words that may follow a command. One of one word may have operands behind it. */
static void bash_case(FILE *out, const tj_command *c)
{
    fprintf(out, "    \"%s\"", c->name);
    if (strchr(c->name, ' ') == NULL) {
        fprintf(out, "|\"%s \"*", c->name);
    }
    fputs(") words=\"", out);
    list_options(out, c, "", " ");
    fputs("\" ;;\n", out);
}

static void bash_completion(FILE *out)
{
    fputs("# bash completion for tabiji\n_tabiji()\n{\n"
          "    local cur=\"${COMP_WORDS[COMP_CWORD]}\" cmd words\n"
          "    cmd=\"${COMP_WORDS[1]}\"\n"
          "    [ \"$COMP_CWORD\" -gt 2 ] && cmd=\"$cmd ${COMP_WORDS[2]}\"\n"
          "    case \"$cmd\" in\n",
          out);
    for (int two = 1; two >= 0; two--) { /* "train prm" before what begins with "train" */
        for (const tj_command *c = tj_commands; c->name != NULL; c++) {
            if ((strchr(c->name, ' ') != NULL) == two) {
                bash_case(out, c);
            }
        }
    }
    fputs("    esac\n    if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"", out);
    for (const tj_command *c = tj_commands; c->name != NULL; c++) {
        int n = (int)strcspn(c->name, " ");
        if (is_first(c, n)) {
            fprintf(out, "%.*s ", n, c->name);
        }
    }
    fputs("\"; fi\n", out);
    for (const tj_command *c = tj_commands; c->name != NULL; c++) {
        const char *space = strchr(c->name, ' ');
        if (space != NULL) {
            fprintf(out,
                    "    [ \"$COMP_CWORD\" -eq 2 ] && [ \"${COMP_WORDS[1]}\" = %.*s ] && "
                    "words=\"$words %s\"\n",
                    (int)(space - c->name), c->name, space + 1);
        }
    }
    fputs("    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\") $(compgen -f -- \"$cur\"))\n"
          "}\ncomplete -o filenames -F _tabiji tabiji\n",
          out);
}

static void zsh_completion(FILE *out)
{
    fputs("#compdef tabiji\nautoload -U bashcompinit && bashcompinit\n", out);
    bash_completion(out);
}

/* The names that may follow the first word of a command of two, or of one that has such brothers.
 */
static void fish_seconds(FILE *out, const char *first, int n)
{
    for (const tj_command *c = tj_commands; c->name != NULL; c++) {
        if (strncmp(c->name, first, (size_t)n) == 0 && c->name[n] == ' ') {
            fprintf(out, " %s", c->name + n + 1);
        }
    }
}

static void fish_completion(FILE *out)
{
    fputs("# fish completion for tabiji\n", out);
    for (const tj_command *c = tj_commands; c->name != NULL; c++) {
        int n = (int)strcspn(c->name, " ");
        const char *second = c->name[n] == ' ' ? c->name + n + 1 : NULL;
        if (is_first(c, n)) {
            fprintf(out, "complete -c tabiji -n __fish_use_subcommand -a %.*s", n, c->name);
            fputs(second == NULL ? " -d " : "\n", out);
            if (second == NULL) {
                quoted(out, c->brief);
                fputc('\n', out);
            }
        }
        if (second != NULL) {
            fprintf(out,
                    "complete -c tabiji -n '__fish_seen_subcommand_from %.*s; and not "
                    "__fish_seen_subcommand_from",
                    n, c->name);
            fish_seconds(out, c->name, n);
            fprintf(out, "' -a %s -d ", second);
            quoted(out, c->brief);
            fputc('\n', out);
        }
        for (const tj_option *o = c->options; o != NULL && o->name != NULL; o++) {
            fprintf(out, "complete -c tabiji -n '__fish_seen_subcommand_from %.*s", n, c->name);
            if (second != NULL) {
                fprintf(out, "; and __fish_seen_subcommand_from %s", second);
            }
            fprintf(out, "' -l %s%s -d ", o->name, o->value == NULL ? "" : " -r");
            quoted(out, o->help);
            fputc('\n', out);
        }
    }
}

bool tj_write_completion(FILE *out, const char *shell)
{
    if (strcmp(shell, "bash") == 0) {
        bash_completion(out);
    } else if (strcmp(shell, "zsh") == 0) {
        zsh_completion(out);
    } else if (strcmp(shell, "fish") == 0) {
        fish_completion(out);
    } else {
        return false;
    }
    return true;
}
