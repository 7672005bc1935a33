/* Units and currencies, with exact factors to their base units.
 *
 * Threads: constant tables.
 */
#ifndef TJ_GRADE_UNITS_H
#define TJ_GRADE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
    int64_t num, den;               /* positive */
    int64_t offset_num, offset_den; /* 0/1 but for degrees Celsius and Fahrenheit standing alone */
    const char *name; /* MONEY: "USD"; COUNT: the folded singular noun; else the unit as written,
                       * for messages. Static or in the caller's arena */
} tj_unit;

/* The unit of a name or symbol as people write it, with or without a metric prefix, singular or
 * plural, any of its common spellings ("cm", "centimetres", "sq ft" is not one word and left to
 * the reader, "°", "%", "$", "円"). false if there is none; *out is then unchanged. */
bool tj_unit_find(tj_unit *out, const char *name, size_t len);

/* *out = a^power_a * b^power_b; false if a factor overflows 64 bits, a dimension 7 bits, or the
 * units have offsets or different MONEY or COUNT names. */
bool tj_unit_combine(tj_unit *out, const tj_unit *a, int power_a, const tj_unit *b, int power_b);

/* Whether values in the two units can be compared (dimensions and names alike). */
bool tj_unit_same_kind(const tj_unit *a, const tj_unit *b);

#endif
