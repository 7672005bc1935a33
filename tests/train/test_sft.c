/* Training can be stopped at any update, or killed at any moment, and gives bit for bit the weights
 * of an unbroken run; several passes an update give the loss of one. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/par.h"
#include "base/rng.h"
#include "train/loss_testing.h"
#include "train/train.h"

#define N_UPDATES 12

static tj_code fill(void *ctx, size_t update, tj_batch *batch, tj_err *err)
{
    tj_rng rng;
    (void)ctx;
    tj_rng_init(&rng, 9, 0, update, 0);
    tj_code rc = TJ_OK;
    for (size_t s = 0; s < 4 && rc == TJ_OK; s++) {
        rc = tj_batch_begin(batch, err);
        for (size_t i = 0; i < 10 && rc == TJ_OK; i++) {
            int32_t id = (int32_t)((s + i * i + tj_rng_below(&rng, 2)) % 11);
            rc = tj_batch_add(batch, &id, 1, i == 0 ? 0.0F : 1.0F, err);
        }
    }
    return rc;
}

static tj_train_config config(void)
{
    tj_train_config c;
    tj_train_config_default(&c);
    c.optimizer.n_updates = N_UPDATES;
    c.optimizer.n_warmup = 2;
    c.save_every = 1;
    return c;
}

static void train_whole(char digest[65])
{
    tj_model *m = loss_model(false);
    tj_train_config c = config();
    assert_int_equal(tj_train_sft(m, (tj_source){fill, NULL}, &c, NULL, NULL, NULL, NULL, NULL),
                     TJ_OK);
    tj_model_digest(m, digest);
    tj_model_destroy(m);
}

typedef struct stopper {
    tj_cancel cancel;
    size_t at;
} stopper;

static void stop_at(void *ctx, const tj_update *up)
{
    stopper *s = ctx;
    if (up->update == s->at) {
        tj_cancel_ask(&s->cancel);
    }
}

static void stopping_after_any_update_changes_nothing(void **state)
{
    (void)state;
    char whole[65];
    char parts[65];
    char dir[] = "/tmp/tabiji-sft-XXXXXX";
    assert_non_null(mkdtemp(dir));
    train_whole(whole);
    for (size_t at = 0; at + 1 < N_UPDATES; at += 3) {
        stopper s = {.at = at};
        tj_job job = {.cancel = &s.cancel};
        tj_train_config c = config();
        c.save_every = 0;
        tj_model *m = loss_model(false);
        assert_int_equal(tj_train_sft(m, (tj_source){fill, NULL}, &c, dir, stop_at, &s, &job, NULL),
                         TJ_E_CANCELLED);
        tj_model_destroy(m);
        m = loss_model(false);
        assert_int_equal(tj_train_sft(m, (tj_source){fill, NULL}, &c, dir, NULL, NULL, NULL, NULL),
                         TJ_OK);
        tj_model_digest(m, parts);
        tj_model_destroy(m);
        assert_string_equal(whole, parts);
        tj_snapshot_remove(dir);
    }
}

static void die_at(void *ctx, const tj_update *up)
{
    if (up->update == *(const size_t *)ctx) {
        kill(getpid(), SIGKILL);
    }
}

/* A child trains and is killed: in the first rounds after a given update, then after a few
 * milliseconds, wherever it is, again and again, until one gets through. */
static void kill_until_done(uint64_t seed)
{
    char whole[65];
    char parts[65];
    char dir[] = "/tmp/tabiji-kill-XXXXXX";
    tj_rng rng;
    bool finished = false;
    size_t n_killed = 0;
    assert_non_null(mkdtemp(dir));
    tj_rng_init(&rng, seed, 0, 0, 0);
    for (size_t round = 0; round < 200 && !finished; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {          /* _exit: the parent's streams are not the child's to flush */
            tj_par_set_threads(1); /* a forked child has no worker threads */
            tj_train_config c = config();
            tj_model *m = loss_model(false);
            tj_update_fn die = round < 4 ? die_at : NULL;
            tj_code rc = tj_train_sft(m, (tj_source){fill, NULL}, &c, dir, die, &round, NULL, NULL);
            _exit(rc == TJ_OK ? 0 : 1);
        }
        struct timespec pause = {.tv_nsec = (long)(1000000 * (5 + tj_rng_below(&rng, 60 + round)))};
        int status = 0;
        if (round < 4) {
            waitpid(child, &status, 0);
        } else if (nanosleep(&pause, NULL), waitpid(child, &status, WNOHANG) == 0) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
        }
        n_killed += WIFSIGNALED(status) ? 1 : 0;
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        finished = WIFEXITED(status);
    }
    assert_true(n_killed > 0);
    tj_train_config c = config();
    tj_model *m = loss_model(false);
    assert_int_equal(tj_train_sft(m, (tj_source){fill, NULL}, &c, dir, NULL, NULL, NULL, NULL),
                     TJ_OK);
    tj_model_digest(m, parts);
    tj_model_destroy(m);
    train_whole(whole);
    assert_string_equal(whole, parts);
    tj_snapshot_remove(dir);
}

static void killing_at_any_moment_changes_nothing(void **state)
{
    (void)state;
    const char *asked =
        getenv("TABIJI_TEST_KILLS"); /* how many trainings are killed to their end */
    size_t n = asked == NULL ? 1 : strtoul(asked, NULL, 10);
    for (size_t i = 0; i < n; i++) {
        kill_until_done(4 + i);
    }
}

static void note_loss(void *ctx, const tj_update *up)
{
    ((double *)ctx)[up->update] = up->loss;
}

static void passes_do_not_change_the_loss(void **state)
{
    (void)state;
    double one[N_UPDATES];
    double many[N_UPDATES];
    for (int k = 0; k < 2; k++) {
        tj_train_config c = config();
        tj_model *m = loss_model(false);
        c.micro_tokens = k == 0 ? 1000 : 10;
        assert_int_equal(tj_train_sft(m, (tj_source){fill, NULL}, &c, NULL, note_loss,
                                      k == 0 ? one : many, NULL, NULL),
                         TJ_OK);
        tj_model_destroy(m);
    }
    for (size_t i = 0; i < N_UPDATES; i++) {
        assert_true(one[i] - many[i] < 1e-4 && many[i] - one[i] < 1e-4);
    }
}

static void an_impossible_rate_is_refused_by_name(void **state)
{
    (void)state;
    tj_err err;
    tj_model *m = loss_model(false);
    tj_train_config c = config();
    c.optimizer.lr_max = -1.0;
    assert_int_equal(tj_train_sft(m, (tj_source){fill, NULL}, &c, NULL, NULL, NULL, NULL, &err),
                     TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "lr_max"));
    tj_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killing_at_any_moment_changes_nothing), /* first: it forks */
        cmocka_unit_test(stopping_after_any_update_changes_nothing),
        cmocka_unit_test(passes_do_not_change_the_loss),
        cmocka_unit_test(an_impossible_rate_is_refused_by_name)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
