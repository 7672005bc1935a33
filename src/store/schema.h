/* The schema and its migrations. Internal to store. */
#ifndef TJ_STORE_SCHEMA_H
#define TJ_STORE_SCHEMA_H

#include "store/db.h"
#include "store/store.h"

/* The version of a database that is tabiji's; 0: it is empty. Errors: TJ_E_INVAL (newer than this
 * build, or older and not writable), TJ_E_PARSE (of something else). */
TJ_MUST_USE tj_code tj_schema_version(tj_db *db, int64_t *version, const char *where, bool writable,
                                      tj_err *err);
/* Brings a database from a version to TJ_STORE_SCHEMA_VERSION, within the bracket at hand. */
TJ_MUST_USE tj_code tj_schema_migrate(tj_db *db, int64_t from, int64_t now_us, tj_err *err);

#endif
