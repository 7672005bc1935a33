/* The data card of an export, in Markdown. */
#include <string.h>

#include "thought/export_inner.h"

/* A cell of a table: one line, bars escaped. */
static void cell(tj_buf *out, const char *text)
{
    for (; *text != 0; text++) {
        tj_buf_str(out, *text == '|' ? "\\|" : *text == '\n' || *text == '\r' ? " " : "");
        if (strchr("|\n\r", *text) == NULL) {
            tj_buf_char(out, *text);
        }
    }
}

static void tally_table(const tj_exporter *x, tj_tally_kind kind, const char *head, tj_buf *out)
{
    const tj_tally *t = &x->tallies[kind];
    tj_buf_printf(out, "\n| %s | records |\n| --- | ---: |\n", head);
    for (size_t i = 0; i < t->n; i++) {
        tj_buf_str(out, "| ");
        cell(out, t->items[i].name);
        tj_buf_printf(out, " | %zu |\n", t->items[i].count);
    }
    if (t->n_others > 0) {
        tj_buf_printf(out, "| others | %zu |\n", t->n_others);
    }
}

static void counts(const tj_exporter *x, tj_buf *out)
{
    tj_buf_str(out, "## What is in it\n\n| | |\n| --- | ---: |\n");
    tj_buf_printf(out, "| records read | %zu |\n| rows written | %zu |\n", x->n_records, x->n_rows);
    tj_buf_printf(out, "| bytes of thoughts | %zu |\n", x->n_bytes);
    if (x->n_counted > 0) {
        tj_buf_printf(out, "| tokens (of %zu records) | %zu |\n", x->n_counted, x->n_tokens);
    }
    tj_buf_printf(out,
                  "| ways back | %zu |\n| answers right | %zu |\n| answers wrong | %zu |\n"
                  "| answers not judged | %zu |\n",
                  x->n_backtracks, x->by_correct[TJ_YES], x->by_correct[TJ_NO],
                  x->by_correct[TJ_UNKNOWN]);
    for (size_t i = 0; i < TJ_N_KINDS; i++) {
        if (x->by_kind[i] > 0) {
            tj_buf_printf(out, "| kind: %s | %zu |\n", tj_thought_kind_names[i], x->by_kind[i]);
        }
    }
    tj_buf_str(out, "\n| action | spans | bytes |\n| --- | ---: | ---: |\n");
    for (size_t i = 0; i < TJ_N_ACTIONS; i++) {
        tj_buf_printf(out, "| %s | %zu | %zu |\n", tj_action_names[i], x->spans[i], x->bytes[i]);
    }
}

static void origins(const tj_exporter *x, const tj_card *card, tj_buf *out)
{
    static const char *const who[] = {"a policy, as it sampled them",
                                      "templates",
                                      "the task's own lines",
                                      "a language model's rewriting",
                                      "people",
                                      "a critic",
                                      "agents in dialogue",
                                      "not known: cut by rules or whole"};
    tj_buf_str(out, "\n## Licences\n");
    tally_table(x, TJ_TALLY_LICENCE, "licence", out);
    tj_buf_str(out, "\nWhere no licence is stated, none is granted by this card.\n");
    tj_buf_str(out, "\n## Where it is from\n");
    tally_table(x, TJ_TALLY_SOURCE, "source", out);
    tally_table(x, TJ_TALLY_LANGUAGE, "language", out);
    tj_buf_str(out, "\n| whose words | bytes |\n| --- | ---: |\n");
    for (size_t i = 0; i < TJ_N_EDITORS; i++) {
        if (x->by_editor[i] > 0) {
            tj_buf_printf(out, "| %s | %zu |\n", who[i], x->by_editor[i]);
        }
    }
    if (card->n_inputs > 0) {
        tj_buf_str(out, "\n| read from | SHA-256 |\n| --- | --- |\n");
    }
    for (size_t i = 0; i < card->n_inputs; i++) {
        tj_buf_str(out, "| ");
        cell(out, card->inputs[i]);
        tj_buf_printf(out, " | `%s` |\n", card->digests[i]);
    }
}

void tj_exporter_card(const tj_exporter *x, const tj_card *card, tj_buf *out)
{
    tj_buf_str(out, "# ");
    cell(out, card->title);
    tj_buf_printf(out, "\n\nLong thoughts in the form `%s`, written by %s.\n\n",
                  tj_export_names[x->cfg.format], card->made_by);
    counts(x, out);
    if (x->tallies[TJ_TALLY_SKIPPED].n > 0) {
        tj_buf_str(out, "\nRecords that gave no row:\n");
        tally_table(x, TJ_TALLY_SKIPPED, "why", out);
    }
    origins(x, card, out);
    tj_buf_str(out, "\n## Settings\n\n```json\n");
    tj_buf_str(out, card->settings);
    tj_buf_str(out, "\n```\n");
    if (x->cfg.format == TJ_EXPORT_PRM800K) {
        tj_buf_str(out, "\nRatings: 1 right, 0 valid but leading nowhere, -1 invalid.\n");
    }
    if (x->cfg.format == TJ_EXPORT_OPENRLHF_PRM) {
        tj_buf_str(out, "\nSteps end with the token `" TJ_STEP_TOKEN
                        "`; values are `+` and `-`, one a token.\n");
    }
}
