/* See dialogue.h. */
#include "thought/dialogue.h"

#include <string.h>

const char *const tj_outcome_names[TJ_N_OUTCOMES + 1] = {"answered", "budget", "loop", "failed",
                                                         NULL};

void tj_dialogue_deinit(tj_dialogue *dialogue)
{
    tj_record_deinit(&dialogue->record);
    json_decref(dialogue->transcript);
    memset(dialogue, 0, sizeof *dialogue);
}

json_t *tj_dialogue_json(const tj_dialogue *dialogue, const tj_talk *talk)
{
    json_t *json = tj_record_to_json(&dialogue->record);
    int bad = json == NULL ? 1 : 0;
    if (!bad) {
        bad |=
            json_object_set_new(json, "outcome", json_string(tj_outcome_names[dialogue->outcome]));
        bad |= json_object_set_new(json, "turns", json_integer((json_int_t)dialogue->n_turns));
        bad |= json_object_set(json, "transcript", dialogue->transcript);
        bad |= json_object_set_new(json, "failures", tj_talk_failures_json(talk));
    }
    if (bad) {
        json_decref(json);
        return NULL;
    }
    return json;
}

tj_code tj_dialogue_begin(tj_dialogue *out, const char *problem, size_t n, tj_err *err)
{
    memset(out, 0, sizeof *out);
    out->transcript = json_array();
    return out->transcript == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a dialogue")
                                   : tj_record_set(&out->record, TJ_META_PROMPT, problem, n, err);
}

tj_code tj_dialogue_note(tj_dialogue *out, json_t *entry, tj_err *err)
{
    return json_array_append_new(out->transcript, entry) == 0
               ? TJ_OK
               : tj_fail(err, TJ_E_NOMEM, "cannot write down what was said");
}

/* ------------------------------------------------------------------ lines of the thought */

tj_code tj_dialogue_line(tj_scribe *scribe, const tj_span *span, const char *words, tj_err *err)
{
    tj_buf line;
    tj_buf_init(&line);
    tj_buf_str(&line, words);
    tj_buf_char(&line, '\n');
    tj_code rc = tj_buf_check(&line, err);
    if (rc == TJ_OK) {
        rc = tj_scribe_add(scribe, span, tj_buf_text(&line), line.len, err);
    }
    tj_buf_deinit(&line);
    return rc;
}

tj_code tj_dialogue_way_back(tj_scribe *scribe, tj_span *span, const tj_templates *templates,
                             const char *language, size_t *last, tj_rng *rng, tj_err *err)
{
    tj_buf words;
    tj_saying what = {.language = language, .action = TJ_BACKTRACK, .why = TJ_WHY_ANY};
    size_t chosen = tj_templates_choose(templates, &what, *last, rng);
    if (chosen == TJ_NO_SENTENCE) {
        return tj_fail(err, TJ_E_INVAL, "no sentences for ways back in '%s'", language);
    }
    *last = chosen;
    span->action = TJ_BACKTRACK;
    span->editor = TJ_BY_TEMPLATE;
    tj_span_set_name(span, language);
    tj_buf_init(&words);
    tj_templates_write(templates, chosen, &what, &words);
    tj_code rc = tj_buf_check(&words, err);
    if (rc == TJ_OK) {
        rc = tj_scribe_add(scribe, span, tj_buf_text(&words), words.len, err);
    }
    tj_buf_deinit(&words);
    return rc;
}

tj_code tj_dialogue_conclude(tj_scribe *scribe, tj_span *span, const char *who, const char *answer,
                             const char *language, tj_err *err)
{
    tj_buf words;
    bool japanese = strcmp(language, "ja") == 0;
    span->action = TJ_CONCLUDE;
    span->editor = TJ_BY_AGENT;
    span->on_path = true;
    tj_span_set_name(span, who);
    tj_buf_init(&words);
    tj_buf_str(&words, japanese ? "答えは " : "The answer is ");
    tj_buf_str(&words, answer);
    tj_buf_str(&words, japanese ? "。" : ".");
    tj_code rc = tj_buf_check(&words, err);
    if (rc == TJ_OK) {
        rc = tj_dialogue_line(scribe, span, tj_buf_text(&words), err);
    }
    tj_buf_deinit(&words);
    return rc;
}
