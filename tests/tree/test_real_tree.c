/* Trees of a problem in words by a real model: steps are lines that end, in its chat template and
 * as plain text; a tree is the same alone and beside another, also where its search comes back to
 * old nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/fetched.h"
#include "tree/tree.h"

static const tj_grow_item items[] = {
    {.problem = 1,
     .question =
         "Ann sold 48 clips in April and half as many in May. How many did she sell in all?",
     .answer = "72"},
    {.problem = 2, .question = "A pen costs 3 dollars. How much do 4 pens cost?", .answer = "12"}};

typedef struct forest {
    tj_tree trees[2];
} forest;

static tj_code keep(void *ctx, tj_tree *tree, tj_err *err)
{
    forest *f = ctx;
    (void)err;
    f->trees[tree->problem - 1] = *tree;
    memset(tree, 0, sizeof *tree); /* taken */
    return TJ_OK;
}

static void drop(forest *f)
{
    tj_tree_deinit(&f->trees[0]);
    tj_tree_deinit(&f->trees[1]);
}

static tj_code encode(void *ctx, tj_ids *ids, const tj_task *task, const tj_tree *tree, tj_err *err)
{
    tj_voice *voice = ctx;
    (void)task;
    if (voice->chats) {
        tj_words_chat chat;
        tj_code rc = tj_words_chat_begin(&chat, NULL, tree->question, err);
        if (rc == TJ_OK) {
            rc = tj_voice_encode_chat(voice, ids, chat.messages, chat.n, err);
            tj_words_chat_end(&chat);
        }
        return rc;
    }
    tj_words_prompt prompt = {NULL, 4};
    tj_buf text;
    tj_buf_init(&text);
    tj_words_write_prompt(&text, &prompt, tree->question);
    tj_code rc = tj_voice_encode_text(voice, ids, tj_buf_text(&text), text.len, err);
    tj_buf_deinit(&text);
    return rc;
}

static void grow(tj_voice *voice, tj_search method, tj_step_form form, size_t first, size_t n,
                 forest *out)
{
    tj_policy policy;
    tj_step_options options = {.form = form,
                               .max_tokens = form == TJ_STEPS_TOKENS ? 8 : 24,
                               .top_p = 0.9,
                               .keep_tokens = 4096};
    tj_grow_config c;
    tj_err err = {.msg = ""};
    tj_tree_model model = {.engine = voice->engine,
                           .tok = voice->tok,
                           .encode = encode,
                           .ctx = voice,
                           .ends = voice->ends,
                           .n_ends = voice->n_ends};
    tj_grow_config_default(&c);
    c.method = method;
    c.width = 2;
    c.depth = 3;
    c.max_tries = 3;
    c.prune_k = 1;
    c.max_rounds = 3;
    c.temperature = 0.8;
    memset(out, 0, sizeof *out);
    assert_int_equal(tj_policy_of_model(&policy, &model, NULL, &options, &err), TJ_OK);
    tj_growth growth = {
        .policy = &policy, .cfg = &c, .seed = 3, .run = 1, .done = keep, .ctx = out};
    if (tj_trees_grow(&growth, items + first, n, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_policy_close(&policy);
}

static void check(const tj_voice *voice, const tj_tree *t, tj_step_form form)
{
    assert_true(t->n_nodes > 2 && t->n_prompt > 10);
    for (size_t i = 1; i < t->n_nodes; i++) {
        const tj_node *n = &t->nodes[i];
        size_t len = strlen(n->text);
        tj_buf text;
        tj_buf_init(&text);
        tj_tokenizer_decode(voice->tok, &text, n->ids, n->n_ids, true);
        assert_memory_equal(tj_buf_text(&text), n->text, len); /* but for the end of an answer */
        tj_buf_deinit(&text);
        bool open = !n->terminal && n->pruned == TJ_KEPT;
        assert_true(!open || n->text[strspn(n->text, " \n")] != '\0');
        assert_true(!open || form != TJ_STEPS_LINES || strchr(n->text, '\n') != NULL);
        assert_true(!open || form != TJ_STEPS_TOKENS || n->n_ids == 8);
        print_message("  %*s%s", (int)(2 * n->depth), "", n->text);
    }
}

static void trees_of_a_real_model(void **state)
{
    (void)state;
    static const struct {
        tj_search method;
        tj_step_form form;
        bool raw;
    } cases[] = {{TJ_SEARCH_BEAM, TJ_STEPS_LINES, false},
                 {TJ_SEARCH_PUCT, TJ_STEPS_LINES, true},
                 {TJ_SEARCH_BREADTH, TJ_STEPS_PARAGRAPHS, false},
                 {TJ_SEARCH_BEST_FIRST, TJ_STEPS_TOKENS, true}};
    const char *path = fetched(SMOLLM2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_voice voice;
        forest both;
        forest one;
        tj_voice_options options = {.raw = cases[i].raw};
        assert_int_equal(tj_voice_load(&voice, path, &options, NULL), TJ_OK);
        grow(&voice, cases[i].method, cases[i].form, 0, 2, &both);
        grow(&voice, cases[i].method, cases[i].form, 1, 1, &one);
        check(&voice, &both.trees[0], cases[i].form);
        check(&voice, &both.trees[1], cases[i].form);
        json_t *a = tj_tree_to_json(&both.trees[1], NULL);
        json_t *b = tj_tree_to_json(&one.trees[1], NULL);
        assert_true(json_equal(a, b));
        json_decref(a);
        json_decref(b);
        drop(&both);
        drop(&one);
        tj_voice_close(&voice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(trees_of_a_real_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
