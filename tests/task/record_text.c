#include "task/record_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void add(tj_buf *out, const char *name, tj_str text)
{
    if (text.s != NULL) {
        tj_buf_printf(out, " %s:%.*s", name, (int)text.n, text.s);
    }
}

static char mark_of(int label)
{
    return label == 1 ? '+' : label == 0 ? '0' : label == -1 ? '-' : '?';
}

static void add_solution(tj_buf *out, const tj_data_solution *s)
{
    tj_buf_str(out, s->role == TJ_SOLUTION_REFERENCE ? "  ref" : "  att");
    add(out, "by", s->author);
    add(out, "text", s->text);
    add(out, "answer", s->answer);
    tj_buf_str(out, s->correct == 1 ? " right" : s->correct == 0 ? " wrong" : "");
    for (size_t i = 0; i < s->n_steps; i++) {
        tj_buf_printf(out, " [%.*s]%c", (int)s->steps[i].text.n, s->steps[i].text.s,
                      mark_of(s->steps[i].label));
    }
    tj_buf_char(out, '\n');
}

static void add_node(tj_buf *out, const tj_data_node *n, size_t i)
{
    tj_buf_printf(out, "  %zu<%d", i, n->parent == SIZE_MAX ? -1 : (int)n->parent);
    add(out, "text", n->text);
    tj_buf_printf(out, " %c", mark_of(n->label));
    if (n->has_score) {
        tj_buf_printf(out, " %g", n->score);
    }
    tj_buf_printf(out, "%s%s%s", n->terminal ? " terminal" : "", n->correct ? " correct" : "",
                  n->pruned ? " pruned" : "");
    add(out, "meta", n->meta);
    tj_buf_char(out, '\n');
}

void record_text(tj_buf *out, const tj_data_record *r)
{
    tj_buf_printf(out, "%zu", r->number);
    add(out, "P", r->problem);
    add(out, "A", r->answer);
    add(out, "S", r->subject);
    add(out, "I", r->id);
    if (r->level != 0) {
        tj_buf_printf(out, " L%zu", r->level);
    }
    add(out, "M", r->meta);
    tj_buf_char(out, '\n');
    for (size_t i = 0; i < r->n_solutions; i++) {
        add_solution(out, &r->solutions[i]);
    }
    for (size_t i = 0; i < r->n_nodes; i++) {
        add_node(out, &r->nodes[i], i);
    }
}

void file_text(tj_buf *out, const char *path, const tj_dataset_options *options)
{
    tj_dataset *data;
    tj_err err;
    const tj_data_record *record;
    if (tj_dataset_open(&data, path, options, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    for (;;) {
        tj_code rc = tj_dataset_next(data, &record, &err);
        const tj_refusal *refusal = tj_dataset_refusal(data);
        if (refusal != NULL) {
            assert_int_not_equal(rc, TJ_OK);
            tj_buf_printf(out, "! %zu %zu %s: %s\n", refusal->number, refusal->line, refusal->field,
                          refusal->reason);
        } else if (rc != TJ_OK) {
            tj_buf_printf(out, "!! %s\n", err.msg);
            break;
        } else if (record == NULL) {
            break;
        } else {
            record_text(out, record);
        }
    }
    tj_dataset_close(data);
}
