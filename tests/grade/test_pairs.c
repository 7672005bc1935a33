/* The pairs of tests/grade/pairs, whose verdicts were reasoned by hand (README.md there): the
 * grader gives each its verdict, and the same one in the other order. Every wrong pair is printed,
 * so that one run shows all. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "grade/grade.h"

#define FOLDER "tests/grade/pairs/"
#define N_MIN  1500 /* pairs that the set must have */

typedef struct pair {
    const char *id, *kind, *gold, *pred; /* lent by the set's JSON */
    tj_verdict expected;
    bool undecided_ok; /* true by mathematics, but beyond any fixed budget: undecided is allowed */
} pair;

typedef struct pair_set {
    json_t *lines; /* array of all objects, which owns the strings */
    pair *pairs;   /* [n] */
    size_t n;
    tj_grader *grader;
} pair_set;

static int is_jsonl(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".jsonl") == 0;
}

static void load_file(json_t *lines, const char *name)
{
    char path[256], line[8192];
    assert_true((size_t)snprintf(path, sizeof path, FOLDER "%s", name) < sizeof path);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (int n = 1; fgets(line, sizeof line, file) != NULL; n++) {
        json_error_t why;
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &why);
        if (object == NULL) {
            fail_msg("%s:%d: %s", path, n, why.text);
        }
        size_t stem = strlen(name) - strlen(".jsonl");
        const char *kind = json_string_value(json_object_get(object, "kind"));
        if (kind == NULL || strlen(kind) != stem || strncmp(kind, name, stem) != 0) {
            fail_msg("%s:%d: the kind must be the file's name", path, n);
        }
        assert_int_equal(json_array_append_new(lines, object), 0);
    }
    fclose(file);
}

static pair pair_of(const json_t *object)
{
    const json_t *expected = json_object_get(object, "expected");
    pair p = {
        .id = json_string_value(json_object_get(object, "id")),
        .kind = json_string_value(json_object_get(object, "kind")),
        .gold = json_string_value(json_object_get(object, "gold")),
        .pred = json_string_value(json_object_get(object, "pred")),
        .expected = json_is_true(expected)    ? TJ_VERDICT_EQUAL
                    : json_is_false(expected) ? TJ_VERDICT_DIFFERENT
                                              : TJ_VERDICT_UNDECIDED,
        .undecided_ok = json_is_true(json_object_get(object, "undecided_ok")),
    };
    if (p.id == NULL || p.gold == NULL || p.pred == NULL || expected == NULL) {
        fail_msg("a pair of kind %s lacks id, gold, pred or expected", p.kind);
    }
    return p;
}

static int load(void **state)
{
    pair_set *set = calloc(1, sizeof *set);
    assert_non_null(set);
    struct dirent **names;
    int n_files = scandir(FOLDER, &names, is_jsonl, alphasort);
    assert_true(n_files > 0);
    set->lines = json_array();
    for (int i = 0; i < n_files; i++) {
        load_file(set->lines, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    set->n = json_array_size(set->lines);
    set->pairs = calloc(set->n, sizeof *set->pairs);
    assert_non_null(set->pairs);
    for (size_t i = 0; i < set->n; i++) {
        set->pairs[i] = pair_of(json_array_get(set->lines, i));
    }
    tj_err err;
    tj_grade_options options = tj_grade_defaults();
    options.normalize = true;
    assert_int_equal(tj_grader_create(&set->grader, &options, &err), TJ_OK);
    *state = set;
    return 0;
}

static int unload(void **state)
{
    pair_set *set = *state;
    tj_grader_destroy(set->grader);
    free(set->pairs);
    json_decref(set->lines);
    free(set);
    return 0;
}

typedef struct outcome {
    tj_code code;
    tj_verdict verdict;
    const char *method, *witness;
    bool spelled; /* an answer is printed as no people write it */
    tj_err err;
} outcome;

static outcome grade(tj_grader *grader, const char *gold, const char *pred)
{
    outcome got = {.err = {.msg = ""}};
    tj_grade out;
    got.code = tj_grade_pair(&out, grader, gold, strlen(gold), pred, strlen(pred), &got.err);
    got.verdict = out.verdict;
    got.method = out.method;
    got.witness = out.witness;
    got.spelled = strncmp(out.normalized_gold, "tree(", 5) == 0 ||
                  strncmp(out.normalized_pred, "tree(", 5) == 0;
    return got;
}

static const char *name_of(const outcome *got)
{
    return got->code == TJ_OK ? tj_verdict_name(got->verdict) : got->err.msg;
}

static void every_pair_has_its_verdict(void **state)
{
    const pair_set *set = *state;
    size_t n_wrong = 0;
    for (size_t i = 0; i < set->n; i++) {
        const pair *p = &set->pairs[i];
        outcome got = grade(set->grader, p->gold, p->pred);
        bool allowed = p->undecided_ok && got.verdict == TJ_VERDICT_UNDECIDED;
        assert_false(got.spelled);
        if (got.code != TJ_OK || (got.verdict != p->expected && !allowed)) {
            n_wrong++;
            print_message("%s: \"%s\" and \"%s\" should be %s, got %s (%s%s%s)\n", p->id, p->gold,
                          p->pred, tj_verdict_name(p->expected), name_of(&got),
                          got.method == NULL ? "" : got.method,
                          got.witness == NULL || got.witness[0] == '\0' ? "" : ": ",
                          got.witness == NULL ? "" : got.witness);
        }
    }
    print_message("%zu of %zu pairs have another verdict\n", n_wrong, set->n);
    assert_int_equal(n_wrong, 0);
}

/* With an answer that is missing or cannot be read as the reference, the other order is an error,
 * and so no reward. */
static void the_other_order_has_the_same_verdict(void **state)
{
    const pair_set *set = *state;
    size_t n_wrong = 0;
    for (size_t i = 0; i < set->n; i++) {
        const pair *p = &set->pairs[i];
        outcome there = grade(set->grader, p->gold, p->pred);
        bool readable = there.method == NULL || (strcmp(there.method, "no answer") != 0 &&
                                                 strcmp(there.method, "unreadable") != 0);
        outcome back = grade(set->grader, p->pred, p->gold);
        bool same = readable ? back.code == there.code && back.verdict == there.verdict
                             : back.code == TJ_E_PARSE && back.verdict == TJ_VERDICT_UNDECIDED;
        if (!same) {
            n_wrong++;
            print_message("%s: \"%s\" and \"%s\": %s, but the other way round %s\n", p->id, p->gold,
                          p->pred, name_of(&there), name_of(&back));
        }
    }
    print_message("%zu of %zu pairs depend on the order\n", n_wrong, set->n);
    assert_int_equal(n_wrong, 0);
}

static int by_id(const void *a, const void *b)
{
    const pair *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

static void ids_are_unique_and_begin_with_the_kind(void **state)
{
    const pair_set *set = *state;
    const pair **sorted = calloc(set->n, sizeof *sorted);
    assert_non_null(sorted);
    for (size_t i = 0; i < set->n; i++) {
        sorted[i] = &set->pairs[i];
        assert_memory_equal(sorted[i]->id, sorted[i]->kind, strlen(sorted[i]->kind));
    }
    qsort(sorted, set->n, sizeof *sorted, by_id);
    for (size_t i = 1; i < set->n; i++) {
        assert_string_not_equal(sorted[i - 1]->id, sorted[i]->id);
    }
    free(sorted);
}

static void the_set_is_large_and_balanced(void **state)
{
    const pair_set *set = *state;
    size_t n[3] = {0};
    for (size_t i = 0; i < set->n; i++) {
        n[set->pairs[i].expected]++;
    }
    assert_true(set->n >= N_MIN);
    assert_true(n[TJ_VERDICT_EQUAL] > set->n * 2 / 5);
    assert_true(n[TJ_VERDICT_DIFFERENT] > set->n * 2 / 5);
    assert_true(n[TJ_VERDICT_UNDECIDED] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_unique_and_begin_with_the_kind),
        cmocka_unit_test(the_set_is_large_and_balanced),
        cmocka_unit_test(every_pair_has_its_verdict),
        cmocka_unit_test(the_other_order_has_the_same_verdict),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
