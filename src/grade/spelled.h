/* Trees spelled out, node by node: what tj_ex_print() falls back on where nothing that people write
 * would be read as the tree.
 *
 *     tree(quantity(unit("km"; 1); unit("hour"; -1); neg(number("5"))))
 *
 * No rule of the language applies inside, so that any tree that can be read at all can be written
 * so. What is spelled keeps the bounds of expr.h and the numbers and kinds of arguments that the
 * reader's own trees have.
 */
#ifndef TJ_GRADE_SPELLED_H
#define TJ_GRADE_SPELLED_H

#include <stdbool.h>

#include "base/buf.h"
#include "grade/reader.h"

void tj_ex_spell(tj_buf *out, const tj_ex *ex);

/* Whether each node has the number and the kinds of arguments that its own kind asks for, such as
 * values in a sum: not the logarithm to the base of all integers. The tree nests at most
 * TJ_EX_MAX_DEPTH deep. */
bool tj_ex_suits(const tj_ex *ex);

/* The tree that the whole text spells; NULL, with nothing read and without an error, if it spells
 * none. Errors: TJ_E_LIMIT, TJ_E_NOMEM. */
const tj_ex *tj_reader_spelled(tj_reader *r);

#endif
