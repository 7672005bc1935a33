/* See show.h. */
#include "cli/show.h"

#include <string.h>

#include "base/alloc.h"
#include "cli/common.h"

static char mark_of(const tj_node *n)
{
    return n->correct ? '+' : !n->valid ? 'x' : !n->solvable ? '-' : '.';
}

/* Depth-first, without recursion: children are pushed in reverse. */
tj_code tj_print_tree(const tj_tree *t, tj_err *err)
{
    size_t *stack = tj_calloc(t->n_nodes + 1, sizeof *stack);
    size_t *children = tj_calloc(t->n_nodes + 1, sizeof *children);
    size_t depth = 1;
    if (stack == NULL || children == NULL) {
        tj_free(stack);
        tj_free(children);
        return tj_fail(err, TJ_E_NOMEM, "cannot print the tree");
    }
    stack[0] = 0;
    while (depth > 0) {
        size_t i = stack[--depth];
        const tj_node *n = &t->nodes[i];
        if (i > 0) {
            printf("%*s%c ", (int)(2 * n->depth), "", mark_of(n));
            const char *line = n->text + strspn(n->text, "\r\n"); /* a step may begin with some */
            tj_print_text(line, strcspn(line, "\n"));
            printf("%s\n", n->pruned == TJ_PRUNED_LOOP      ? "  (says it again)"
                           : n->pruned == TJ_PRUNED_ENDLESS ? "  (has no end)"
                                                            : "");
        }
        size_t n_children = tj_tree_children(t, i, children, t->n_nodes);
        for (size_t c = n_children; c-- > 0;) {
            stack[depth++] = children[c];
        }
    }
    tj_free(stack);
    tj_free(children);
    return TJ_OK;
}

tj_code tj_print_tree_dot(const tj_tree *tree, tj_err *err)
{
    tj_buf dot;
    tj_buf_init(&dot);
    tj_tree_to_dot(tree, &dot);
    tj_code rc = tj_buf_check(&dot, err);
    if (rc == TJ_OK) {
        fputs(tj_buf_text(&dot), stdout);
    }
    tj_buf_deinit(&dot);
    return rc;
}

void tj_print_spans(const tj_thought *thought)
{
    for (size_t i = 0; i < thought->n_spans; i++) {
        const tj_span *s = &thought->spans[i];
        size_t n = s->end - s->begin;
        n -= n > 0 && thought->text[s->end - 1] == '\n' ? 1 : 0;
        printf("%c %-10s ", s->on_path ? '*' : ' ', tj_action_name(s->action));
        tj_print_text(thought->text + s->begin, n);
        putchar('\n');
    }
}
