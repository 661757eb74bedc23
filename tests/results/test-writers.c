/* Several processes and one file: creating it at once, writing at once, a writer that is killed. */
#include "tests/results/results_fixture.h"
#include "tests/tap.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITERS 4
#define GROUPS  20

/* Each writer makes its own campaign, all on the file that is not there yet. */
static void write_groups(const char *path)
{
    struct fixture_keys keys;
    struct circ_store *store = fixture_store(path, CIRC_STORE_WRITE, "same", &keys);
    struct circ_error err;

    for (int group = 0; group < GROUPS; group++) {
        struct circ_trial trial = fixture_trial("net", "circulant", 8);

        if (circ_store_begin(store, &err))
            _exit(2);
        for (int i = 0; i < 3; i++) {
            trial.point.block = 3 * group + i + 1;
            if (circ_store_trial(store, keys.campaign, keys.device, &trial, &err))
                _exit(3);
        }
        if (circ_store_commit(store, &err))
            _exit(4);
    }
    circ_store_close(store);
}

static bool intact(struct circ_store *store)
{
    char *text = fixture_text(store, "PRAGMA integrity_check");
    bool ok = text && !strcmp(text, "ok");

    free(text);
    return ok && fixture_number(store, "SELECT count(*) FROM pragma_foreign_key_check") == 0;
}

static void test_concurrent(void)
{
    char path[256];
    pid_t children[WRITERS];
    struct circ_store *store;
    struct circ_error err;
    int bad = 0;

    fixture_path(path, sizeof path);
    fflush(stdout);
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        if (!children[i]) {
            write_groups(path);
            _exit(0);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;

        bad += waitpid(children[i], &status, 0) < 0 || status;
    }
    tap_ok(!bad, "%d processes create and write one file at once", WRITERS);
    tap_ok(!circ_store_open(&store, path, CIRC_STORE_READ, &err), "it opens");
    tap_ok(fixture_number(store, "SELECT count(*) FROM trial") == WRITERS * GROUPS * 3,
           "every trial is there");
    tap_ok(fixture_number(store, "SELECT count(*) FROM point") == GROUPS * 3,
           "equal points are one row");
    tap_ok(fixture_number(store, "SELECT count(DISTINCT name) FROM campaign") == WRITERS,
           "every campaign has a name of its own");
    tap_ok(intact(store), "integrity and foreign keys");
    circ_store_close(store);
    fixture_remove(path);
}

/* The child dies when the second trial of its second group is in the database but not committed. */
static void test_killed(void)
{
    char path[256];
    struct circ_store *store;
    struct circ_error err;
    struct circ_trial trial = fixture_trial("net", "circulant", 8);
    struct fixture_keys keys;
    bool has = true;
    int status;
    pid_t child;

    fixture_path(path, sizeof path);
    fflush(stdout);
    child = fork();
    if (!child) {
        store = fixture_store(path, CIRC_STORE_WRITE, "killed", &keys);
        if (fixture_add(store, &keys, &trial, &err) || circ_store_begin(store, &err))
            _exit(2);
        for (int block = 16; block <= 17; block++) {
            trial.point.block = block;
            if (circ_store_trial(store, keys.campaign, keys.device, &trial, &err))
                _exit(3);
        }
        kill(getpid(), SIGKILL);
    }
    waitpid(child, &status, 0);
    tap_ok(WIFSIGNALED(status), "a writer is killed inside its group");
    tap_ok(!circ_store_open(&store, path, CIRC_STORE_WRITE, &err), "the file opens for writing");
    tap_ok(intact(store), "integrity and foreign keys");
    tap_ok(fixture_number(store, "SELECT count(*) FROM trial") == 1 &&
               fixture_number(store, "SELECT count(*) FROM sample") == 3 &&
               fixture_number(store, "SELECT count(*) FROM point") == 1,
           "the committed group is whole and the other one is gone");
    tap_ok(!circ_store_campaign_resume(store, "k=8", keys.campaign, &err), "it is resumed");
    trial.point.block = 16;
    tap_ok(!circ_store_has(store, keys.campaign, &trial.point, &has, &err) && !has,
           "the lost point is missing");
    trial.point.block = 8;
    tap_ok(!circ_store_has(store, keys.campaign, &trial.point, &has, &err) && has,
           "the stored one is not");
    circ_store_close(store);
    fixture_remove(path);
}

int main(void)
{
    test_concurrent();
    test_killed();
    return tap_done();
}
