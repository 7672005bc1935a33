/* The files of migrations/, embedded by the build and zero-terminated. Internal to store. */
#ifndef TJ_STORE_MIGRATIONS_H
#define TJ_STORE_MIGRATIONS_H

#include <stddef.h>

extern const unsigned char tj_schema_0001[];
extern const size_t tj_schema_0001_n;
extern const unsigned char tj_schema_0002[];
extern const size_t tj_schema_0002_n;
extern const unsigned char tj_schema_0003[];
extern const size_t tj_schema_0003_n;

#endif
