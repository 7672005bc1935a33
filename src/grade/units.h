/* Units and currencies, with exact factors to their base units.
 *
 * Threads: constant tables.
 */
#ifndef TJ_GRADE_UNITS_H
#define TJ_GRADE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef enum tj_unit_dim {
    TJ_DIM_LENGTH,      /* metre */
    TJ_DIM_MASS,        /* kilogram */
    TJ_DIM_TIME,        /* second */
    TJ_DIM_CURRENT,     /* ampere */
    TJ_DIM_TEMPERATURE, /* kelvin */
    TJ_DIM_AMOUNT,      /* mole */
    TJ_DIM_DATA,        /* bit */
    TJ_DIM_ANGLE,       /* radian; dropped where it meets a plain number */
    TJ_DIM_MONEY,       /* one unit of `name` */
    TJ_DIM_COUNT,       /* one thing of `name` ("apples") */
    TJ_N_DIMS
} tj_unit_dim;

/* value in base units = (value * num / den) * pi^pi_power + offset_num / offset_den. */
typedef struct tj_unit {
    int8_t dims[TJ_N_DIMS];
    int8_t pi_power;                /* 1 for degrees: pi/180 rad */
    bool is_percent;                /* dims all 0, 1/100 (permille 1/1000): see docs/grader.md */
    int64_t num, den;               /* positive, without a common factor */
    int64_t offset_num, offset_den; /* 0/1 but for degrees Celsius and Fahrenheit standing alone */
    const char *name; /* MONEY: "USD"; COUNT: the folded singular noun; else "". Static or in the
                       * caller's arena */
    const char *text; /* as plain text that reads back: "km/hour", "\"apple\"" for nouns that are
                       * no unit of the tables. Static or in the caller's arena */
} tj_unit;

typedef enum tj_unit_class {
    TJ_UNIT_NONE,
    TJ_UNIT_PLAIN, /* means the unit behind any value */
    TJ_UNIT_LOOSE  /* may as well be variables ("m", "nm"): a unit among words, \text{m} */
} tj_unit_class;

/* The unit of a name or symbol as people write it, with or without a metric prefix, singular or
 * plural, any of its common spellings ("cm", "centimetres", "degrees celsius", "°", "%", "$",
 * "円"). TJ_UNIT_NONE if there is none; *out is then unchanged. */
tj_unit_class tj_unit_find(tj_unit *out, const char *name, size_t len);

/* A thing that is counted, by its noun (the plural if may_be_plural): one of it. False when the
 * arena is exhausted. */
bool tj_unit_count(tj_unit *out, tj_arena *arena, const char *noun, size_t len, bool may_be_plural);

/* *out = a^power_a * b^power_b, its text in the arena; false if a factor overflows 64 bits, a
 * dimension 7 bits, the units have offsets or different MONEY or COUNT names, or the arena is
 * exhausted. */
bool tj_unit_combine(tj_unit *out, tj_arena *arena, const tj_unit *a, int power_a, const tj_unit *b,
                     int power_b);

/* One factor of a unit's text: "hour" to the power -1 of "km/hour". */
typedef struct tj_unit_factor {
    const char *name; /* [n_name]; lent by the text, without quotes */
    size_t n_name;
    bool is_noun; /* of a thing that is counted */
    int power;
} tj_unit_factor;

/* Steps *at, which begins at a unit's text, over its next factor; false at the end. */
bool tj_unit_next_factor(const char **at, tj_unit_factor *out);

/* Whether values in the two units can be compared (dimensions and names alike). */
bool tj_unit_same_kind(const tj_unit *a, const tj_unit *b);

/* A total order; 0 exactly when the two are the same unit, however they are spelled. */
int tj_unit_compare(const tj_unit *a, const tj_unit *b);

#endif
