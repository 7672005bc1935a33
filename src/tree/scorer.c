#include "tree/scorer.h"

#include "base/alloc.h"

void tj_score_deinit(tj_score *score)
{
    tj_free(score->reason);
    tj_free(score->raw);
    tj_free(score->error);
    *score = (tj_score){0};
}
