/* The kinds of rewarders, each opened from its settings. Inside tree only; others use scorers.h.
 *
 * settings always has `name`, a text; `where` where it was given; `kind` and `threshold` are
 * already taken out. What is not known is refused, as tj_config_read does.
 */
#ifndef TJ_TREE_SCORER_KINDS_H
#define TJ_TREE_SCORER_KINDS_H

#include "base/config.h"
#include "tree/scorers.h"
#include "tree/tree.h"

#define TJ_SCORER_NAME_BYTES  96
#define TJ_SCORER_WHERE_BYTES 2048 /* a path or a URL */

typedef tj_code (*tj_scorer_open_fn)(tj_scorer *out, const json_t *settings,
                                     const tj_scorer_options *options, tj_err *err);

TJ_MUST_USE tj_code tj_scorer_open_constant(tj_scorer *out, const json_t *settings,
                                            const tj_scorer_options *options, tj_err *err);
TJ_MUST_USE tj_code tj_scorer_open_prm(tj_scorer *out, const json_t *settings,
                                       const tj_scorer_options *options, tj_err *err);
TJ_MUST_USE tj_code tj_scorer_open_remote(tj_scorer *out, const json_t *settings,
                                          const tj_scorer_options *options, tj_err *err);
TJ_MUST_USE tj_code tj_scorer_open_verifier(tj_scorer *out, const json_t *settings,
                                            const tj_scorer_options *options, tj_err *err);

#endif
