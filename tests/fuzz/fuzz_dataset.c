/* Any bytes as a data set's file, in the format that the first byte chooses. A record that is given
 * holds together: its problem is a text, labels are labels, nodes stand behind their parents; one
 * that is refused says why, and the file comes to an end. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "support/one_file.h"
#include "task/task.h"
#include "text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(tj_str text)
{
    if (text.s != NULL) {
        TJ_ASSERT(tj_utf8_check(text.s, text.n) == text.n);
        TJ_ASSERT(memchr(text.s, 0, text.n) == NULL);
    }
}

static void check_solution(const tj_data_solution *s)
{
    TJ_ASSERT(s->correct >= -1 && s->correct <= 1);
    check_text(s->author);
    check_text(s->text);
    check_text(s->answer);
    for (size_t i = 0; i < s->n_steps; i++) {
        TJ_ASSERT(s->steps[i].text.s != NULL);
        TJ_ASSERT(s->steps[i].label >= -1 && s->steps[i].label <= TJ_NO_LABEL);
        check_text(s->steps[i].text);
    }
}

static void check_record(const tj_data_record *r)
{
    TJ_ASSERT(r->problem.s != NULL && r->problem.n > 0 && r->level <= 5 && r->line > 0);
    check_text(r->problem);
    check_text(r->answer);
    check_text(r->meta);
    for (size_t i = 0; i < r->n_solutions; i++) {
        check_solution(&r->solutions[i]);
    }
    for (size_t i = 0; i < r->n_nodes; i++) {
        const tj_data_node *n = &r->nodes[i];
        TJ_ASSERT(i == 0 ? n->parent == SIZE_MAX : n->parent < i);
        TJ_ASSERT(n->label >= -1 && n->label <= TJ_NO_LABEL);
        TJ_ASSERT(!n->has_score || r->scorer != NULL);
        TJ_ASSERT(n->label == TJ_NO_LABEL || r->labeller != NULL);
        check_text(n->text);
        check_text(n->meta);
    }
    tj_buf json;
    tj_buf_init(&json);
    tj_data_write_problem(&json, r);
    tj_jtape tape;
    tj_jscan_end end;
    tj_jtape_init(&tape);
    TJ_ASSERT(tj_jscan(&tape, json.data, json.len, &end) == TJ_JSCAN_OK && end.at == json.len);
    tj_jtape_deinit(&tape);
    tj_buf_deinit(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tj_data_map map;
    tj_err err = {.msg = ""};
    tj_dataset *set;
    if (size == 0) {
        return 0;
    }
    tj_code rc = tj_data_map_parse(
        &map, "problem=p,answer=a,solution=s,steps=t,labels=l,id=i,subject=u,level=v,author=w",
        NULL);
    TJ_ASSERT(rc == TJ_OK);
    tj_dataset_options options = {
        .format = (tj_data_format)(data[0] % TJ_N_DATA_FORMATS), .map = &map, .digest = true};
    const char *path = one_file(data + 1, size - 1);
    if (tj_dataset_open(&set, path, &options, &err) != TJ_OK) {
        TJ_ASSERT(strstr(err.msg, path) != NULL);
        return 0;
    }
    const tj_data_record *record = NULL;
    for (size_t n = 0;; n++) {
        TJ_ASSERT(n <= size + 1); /* every call takes a byte at least */
        rc = tj_dataset_next(set, &record, &err);
        if (tj_dataset_refusal(set) != NULL) {
            TJ_ASSERT(rc != TJ_OK && record == NULL);
            TJ_ASSERT(tj_dataset_refusal(set)->reason[0] != '\0');
        } else if (rc != TJ_OK || record == NULL) {
            break;
        } else {
            check_record(record);
        }
    }
    tj_dataset_close(set);
    return 0;
}
