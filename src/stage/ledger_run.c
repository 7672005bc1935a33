#include "stage/ledger_run.h"

tj_code tj_ledger_run_find_done(tj_store *store, int64_t *run, bool *done, const tj_run_spec *spec,
                                tj_err *err)
{
    tj_code rc = tj_run_find(store, run, spec, TJ_RUN_BIT(TJ_RUN_DONE), err);
    *done = rc == TJ_OK && *run != 0;
    return rc;
}

tj_code tj_ledger_run_go_on(tj_store *store, int64_t *run, bool *resumed, const tj_run_spec *spec,
                            tj_err *err)
{
    tj_code rc = tj_run_find(store, run, spec, TJ_RUN_RESUMABLE, err);
    *resumed = rc == TJ_OK && *run != 0;
    if (rc != TJ_OK) {
        return rc;
    }
    return *resumed ? tj_run_resume(store, *run, spec, err) : tj_run_begin(store, run, spec, err);
}

tj_code tj_ledger_run_take_up(tj_store *store, int64_t *run, bool *done, bool *resumed,
                              const tj_run_spec *spec, tj_err *err)
{
    *resumed = false;
    tj_code rc = tj_ledger_run_find_done(store, run, done, spec, err);
    return rc == TJ_OK && !*done ? tj_ledger_run_go_on(store, run, resumed, spec, err) : rc;
}

tj_code tj_ledger_run_end(tj_store *store, int64_t run, tj_code rc, tj_run_outcome *outcome,
                          tj_err *err)
{
    tj_err end_err;
    outcome->status = rc == TJ_OK            ? TJ_RUN_DONE
                      : rc == TJ_E_CANCELLED ? TJ_RUN_CANCELLED
                                             : TJ_RUN_FAILED;
    outcome->error = rc == TJ_OK || err == NULL ? NULL : err->msg;
    tj_code end = tj_run_end(store, run, outcome, &end_err);
    return rc == TJ_OK && end != TJ_OK ? tj_fail(err, end, "%s", end_err.msg) : rc;
}
