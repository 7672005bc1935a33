/* man, completion. */
#include "cli/cli.h"

tj_code tj_cmd_man(const tj_args *args, tj_err *err)
{
    (void)args;
    (void)err;
    tj_write_manual(stdout);
    return TJ_OK;
}

tj_code tj_cmd_completion(const tj_args *args, tj_err *err)
{
    const char *shell = tj_args_operand(args, 0);
    return tj_write_completion(stdout, shell)
               ? TJ_OK
               : tj_fail(err, TJ_E_INVAL, "'%s' is not bash, zsh or fish", shell);
}
