/* The schema and its migrations. Internal to store. */
#ifndef TJ_STORE_SCHEMA_H
#define TJ_STORE_SCHEMA_H

#include "store/db.h"
#include "store/store.h"

/* Brings a database to TJ_STORE_SCHEMA_VERSION; *fresh: it had no schema at all.
 * Errors: TJ_E_INVAL (newer than this build, or older and not writable). */
TJ_MUST_USE tj_code tj_schema_migrate(tj_db *db, const char *where, bool writable, int64_t now_us,
                                      bool *fresh, tj_err *err);

#endif
