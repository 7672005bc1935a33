/* What dialogues have in common. */
#include <string.h>

#include "thought/critique.h"

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
