/* The units that are known, and how they are spelled. Part of units.c.
 *
 * Threads: constant tables.
 */
#ifndef TJ_GRADE_UNITS_TABLE_H
#define TJ_GRADE_UNITS_TABLE_H

#include "grade/units.h"

/* Gives the unit of exactly this spelling; NULL if there is none. */
const tj_unit *tj_unit_by_spelling(tj_unit_class *how, const char *spelling, size_t n);

#endif
