/* task check: an answer judged line by line. */
#include <string.h>

#include "cli/common.h"
#include "cli/domain.h"

static void print_walk(const tj_walk *walk, const char *text)
{
    for (size_t i = 0; i < walk->n_lines; i++) {
        const tj_walk_line *l = &walk->lines[i];
        size_t n = l->end - l->begin;
        n -= n > 0 && text[l->end - 1] == '\n' ? 1 : 0;
        const char *mark = !l->verdict.valid                                         ? "wrong"
                           : l->verdict.kind == TJ_LINE_STEP && !l->verdict.solvable ? "dead "
                                                                                     : "ok   ";
        printf("%s  ", mark);
        tj_print_text(text + l->begin, n);
        fputs(l->verdict.reason[0] == 0 ? "" : "   <- ", stdout);
        tj_print_text(l->verdict.reason, strlen(l->verdict.reason));
        putchar('\n');
    }
    printf("%s\n", walk->correct ? "correct" : "not correct");
}

tj_code tj_cmd_task_check(const tj_args *args, tj_err *err)
{
    const char *prompt = tj_args_get(args, "prompt");
    tj_countdown_problem problem;
    tj_domain domain = {.tok = NULL};
    tj_buf text;
    tj_walk walk = {0};
    tj_buf_init(&text);
    tj_code rc = prompt == NULL ? tj_fail(err, TJ_E_INVAL, "--prompt is needed")
                                : tj_domain_problem(&problem, prompt, err);
    if (rc == TJ_OK) {
        rc = tj_domain_open(&domain, err);
    }
    if (rc == TJ_OK) {
        rc = tj_read_input(&text, tj_args_operand(args, 0), TJ_WALK_MAX_BYTES, err);
    }
    if (rc == TJ_OK) {
        rc = tj_countdown_walk(&walk, &domain.cfg, &problem, tj_buf_text(&text), text.len, err);
    }
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        json_t *j = json_pack("{s:b, s:s, s:o}", "correct", (int)walk.correct, "expression",
                              walk.expression, "first_wrong",
                              walk.first_wrong == SIZE_MAX
                                  ? json_null()
                                  : json_integer((json_int_t)walk.first_wrong + 1));
        rc = tj_print_json(j, err);
        json_decref(j);
    } else if (rc == TJ_OK) {
        print_walk(&walk, tj_buf_text(&text));
    }
    if (rc == TJ_OK && !walk.correct) {
        rc = tj_fail(err, TJ_E_PARSE, "the answer is not correct");
    }
    tj_walk_deinit(&walk);
    tj_buf_deinit(&text);
    tj_domain_close(&domain);
    return rc;
}
