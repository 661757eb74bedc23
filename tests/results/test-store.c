/* The store through one handle: opening, refusing, keys, campaigns, trials, hostile strings. */
#include "tests/results/results_fixture.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char hostile[] = "'; DROP TABLE trial; --\"\n\xc3\xa9\xe2\x82\xac\t%s|,";

static void test_create_and_reopen(void)
{
    char path[256];
    struct fixture_keys keys, again;
    struct circ_error err;
    struct circ_store *store;
    struct circ_trial trial = fixture_trial("net", "circulant", 8);
    bool has;

    fixture_path(path, sizeof path);
    store = fixture_store(path, CIRC_STORE_WRITE, "first", &keys);
    tap_ok(!fixture_add(store, &keys, &trial, &err), "a trial is stored");
    tap_ok(fixture_number(store, "PRAGMA user_version") == 6, "the schema is counted");
    tap_ok(fixture_number(store, "PRAGMA application_id") == 0x43495243, "the file is marked");
    tap_ok(fixture_number(store, "PRAGMA foreign_keys") == 1, "foreign keys are on");
    circ_store_close(store);

    tap_ok(!circ_store_open(&store, path, CIRC_STORE_READ, &err), "reopened for reading");
    tap_ok(fixture_number(store, "SELECT count(*) FROM v_result") == 1, "the row is there");
    tap_ok(!circ_store_has(store, keys.campaign, &trial.point, &has, &err) && has,
           "and is found by its point");
    trial.point.cold = true;
    tap_ok(!circ_store_has(store, keys.campaign, &trial.point, &has, &err) && !has,
           "another point is not");
    tap_ok(sqlite3_exec(circ_store_handle(store), "DELETE FROM trial", NULL, NULL, NULL) ==
               SQLITE_READONLY,
           "a reading handle cannot change anything");
    tap_ok(circ_store_campaign_delete(store, keys.campaign, &err) == CIRC_IO, "%s", err.message);
    circ_store_close(store);

    store = fixture_store(path, CIRC_STORE_WRITE, "first", &again);
    tap_ok(!strcmp(keys.host, again.host) && !strcmp(keys.device, again.device),
           "host and device are found again by their content");
    tap_ok(fixture_number(store, "SELECT count(*) FROM campaign WHERE name = 'first-2'") == 1,
           "a name given twice gets a suffix");
    circ_store_close(store);
    fixture_remove(path);
}

static void test_values(void)
{
    struct fixture_keys keys;
    struct circ_error err;
    struct circ_store *store = fixture_store(NULL, CIRC_STORE_MEMORY, "", &keys);
    struct circ_trial trial = fixture_trial("net", "circulant", 8);
    char *text;

    tap_ok(!fixture_add(store, &keys, &trial, &err), "stored in memory");
    text = fixture_text(store, "SELECT name FROM campaign");
    tap_ok(text && !strcmp(text, "20231114-221320"), "a name is made of the date: %s", text);
    free(text);
    text = fixture_text(store, "SELECT seed FROM campaign");
    tap_ok(text && !strcmp(text, "18446744073709551615"), "64 bits of seed are kept");
    free(text);
    tap_ok(fixture_number(store, "SELECT count(*) FROM campaign_fact WHERE key = 'load'") == 1,
           "the campaign has its snapshot of facts");
    tap_ok(fixture_number(store, "SELECT count(*) FROM trial WHERE cycles IS NULL AND library IS "
                                 "NULL AND device_time_ns_median IS NULL AND energy_kind IS NULL "
                                 "AND energy_reason = 'no counter' AND samples = 2") == 1,
           "unknown is NULL, warm-up is not counted");
    tap_ok(fixture_number(store, "SELECT count(*) FROM point WHERE block_conv IS NULL AND isa IS "
                                 "NULL") == 1,
           "block_conv 0 is NULL");
    tap_ok(fixture_number(store, "SELECT sum(time_ns) FROM sample") == 3500 &&
               fixture_number(store, "SELECT device_time_ns FROM sample WHERE number = 2") == 900 &&
               fixture_number(store, "SELECT count(*) FROM energy_window WHERE bound_uj IS NULL") ==
                   1 &&
               fixture_number(store, "SELECT value FROM counter WHERE reason IS NULL") == 1000 &&
               fixture_number(store, "SELECT value IS NULL AND running IS NULL AND reason = 'no "
                                     "cycles' FROM counter WHERE name = 'ipc'") == 1,
           "samples, windows and counters are there");
    trial.point.block = 16;
    trial.status = CIRC_WRONG;
    trial.rel_rms_error = NAN;
    trial.energy_uj_per_frame = 5;
    tap_ok(!fixture_add(store, &keys, &trial, &err), "a wrong trial is stored");
    tap_ok(fixture_number(store, "SELECT count(*) FROM v_result WHERE status = 'wrong' AND "
                                 "time_ns_median IS NULL AND energy_uj_per_frame IS NULL AND "
                                 "samples IS NULL AND frames_per_s IS NULL AND rel_rms_error IS "
                                 "NULL AND checked = 10 AND prepare_ns = 5000") == 1,
           "it has a verdict, and no time and no energy");
    tap_ok(fixture_number(store, "SELECT count(*) FROM sample") == 3, "nor samples");
    trial.point.block = 32;
    trial.status = CIRC_MEMORY;
    tap_ok(fixture_add(store, &keys, &trial, &err) == CIRC_INTERNAL, "%s", err.message);
    circ_store_close(store);
}

static void test_transactions(void)
{
    struct fixture_keys keys;
    struct circ_error err;
    struct circ_store *store = fixture_store(NULL, CIRC_STORE_MEMORY, "t", &keys);
    struct circ_trial trial = fixture_trial("net", "circulant", 8);

    tap_ok(circ_store_trial(store, keys.campaign, keys.device, &trial, &err) == CIRC_INTERNAL, "%s",
           err.message);
    tap_ok(!circ_store_begin(store, &err) &&
               !circ_store_trial(store, keys.campaign, keys.device, &trial, &err),
           "a trial in a transaction");
    tap_ok(circ_store_trial(store, keys.campaign, keys.device, &trial, &err) == CIRC_USAGE, "%s",
           err.message);
    tap_ok(fixture_number(store, "SELECT count(*) FROM trial") == 0 &&
               fixture_number(store, "SELECT count(*) FROM point") == 0,
           "a failure rolls the whole group back");
    tap_ok(!circ_store_begin(store, &err) &&
               !circ_store_trial(store, keys.campaign, keys.device, &trial, &err),
           "the next group starts");
    circ_store_rollback(store);
    circ_store_rollback(store);
    tap_ok(fixture_number(store, "SELECT count(*) FROM sample") == 0, "rolled back, twice");
    tap_ok(!circ_store_begin(store, &err) &&
               circ_store_trial(store, "no such campaign", keys.device, &trial, &err) ==
                   CIRC_INTERNAL,
           "%s", err.message);
    circ_store_close(store);
}

static void test_campaigns(void)
{
    struct fixture_keys keys, other;
    char key[CIRC_KEY_SIZE], prefix[9];
    struct circ_error err;
    struct circ_store *store = fixture_store(NULL, CIRC_STORE_MEMORY, "alpha", &keys);
    struct circ_trial trial = fixture_trial("net", "circulant", 8);
    const struct circ_campaign late = {
        .name = "beta", .command = "", .axes = "k=9", .created_ns = 1800000000000000000};
    const struct circ_campaign reserved = {.name = "latest", .command = "", .axes = ""};

    tap_ok(!circ_store_campaign(store, keys.host, &late, other.campaign, &err),
           "a second campaign");
    tap_ok(circ_store_campaign(store, keys.host, &reserved, key, &err) == CIRC_USAGE, "%s",
           err.message);
    snprintf(prefix, sizeof prefix, "%.8s", keys.campaign);
    tap_ok(!circ_store_campaign_find(store, "alpha", key, &err) && !strcmp(key, keys.campaign),
           "found by name");
    tap_ok(!circ_store_campaign_find(store, keys.campaign, key, &err) &&
               !strcmp(key, keys.campaign),
           "by key");
    tap_ok(!circ_store_campaign_find(store, prefix, key, &err) && !strcmp(key, keys.campaign),
           "by prefix");
    tap_ok(!circ_store_campaign_find(store, "latest", key, &err) && !strcmp(key, other.campaign),
           "latest is the newest");
    tap_ok(circ_store_campaign_find(store, "alhpa", key, &err) == CIRC_USAGE &&
               strstr(err.message, "'alpha'"),
           "%s", err.message);
    tap_ok(!circ_store_campaign_resume(store, "k=8", key, &err) && !strcmp(key, keys.campaign),
           "resume finds the axes");
    tap_ok(circ_store_campaign_resume(store, "k=10", key, &err) == CIRC_NOTHING, "%s", err.message);
    tap_ok(circ_store_campaign_rename(store, keys.campaign, "beta", &err) == CIRC_USAGE, "%s",
           err.message);
    tap_ok(circ_store_campaign_rename(store, keys.campaign, "", &err) == CIRC_USAGE, "%s",
           err.message);
    tap_ok(!circ_store_campaign_rename(store, keys.campaign, "gamma", &err) &&
               !circ_store_campaign_find(store, "gamma", key, &err),
           "renamed");

    tap_ok(!fixture_add(store, &keys, &trial, &err), "a trial in gamma");
    snprintf(other.device, sizeof other.device, "%s", keys.device);
    trial.point.block = 16;
    tap_ok(!fixture_add(store, &other, &trial, &err), "a trial in beta");
    tap_ok(!circ_store_campaign_delete(store, keys.campaign, &err), "gamma is deleted");
    tap_ok(fixture_number(store, "SELECT count(*) FROM trial") == 1 &&
               fixture_number(store, "SELECT count(*) FROM sample") == 3 &&
               fixture_number(store, "SELECT count(*) FROM counter") == 2 &&
               fixture_number(store, "SELECT count(*) FROM verdict") == 1 &&
               fixture_number(store, "SELECT count(*) FROM energy_window") == 2 &&
               fixture_number(store, "SELECT count(*) FROM point") == 1 &&
               fixture_number(store, "SELECT count(*) FROM host") == 1,
           "with its trials, samples and points, and nothing of the other");
    tap_ok(circ_store_campaign_delete(store, keys.campaign, &err) == CIRC_USAGE, "%s", err.message);
    tap_ok(!circ_store_campaign_delete(store, other.campaign, &err) &&
               fixture_number(store, "SELECT count(*) FROM host") == 0 &&
               fixture_number(store, "SELECT count(*) FROM host_fact") == 0 &&
               fixture_number(store, "SELECT count(*) FROM device") == 0 &&
               fixture_number(store, "SELECT count(*) FROM sample") == 0,
           "the last campaign takes host and devices along");
    tap_ok(circ_store_campaign_find(store, "latest", key, &err) == CIRC_USAGE, "%s", err.message);
    circ_store_close(store);
}

static void test_hostile_strings(void)
{
    struct fixture_keys keys;
    char key[CIRC_KEY_SIZE];
    struct circ_error err;
    struct circ_store *store = fixture_store(NULL, CIRC_STORE_MEMORY, hostile, &keys);
    struct circ_trial trial = fixture_trial(hostile, "circulant", 8);
    char *text;
    bool has;

    trial.reason = hostile;
    tap_ok(!fixture_add(store, &keys, &trial, &err), "stored");
    text = fixture_text(store, "SELECT workload FROM v_result");
    tap_ok(text && !strcmp(text, hostile), "workload faithful");
    free(text);
    text = fixture_text(store, "SELECT campaign FROM v_result WHERE reason = campaign");
    tap_ok(text && !strcmp(text, hostile), "campaign and reason faithful");
    free(text);
    tap_ok(!circ_store_campaign_find(store, hostile, key, &err) && !strcmp(key, keys.campaign),
           "found by its name");
    tap_ok(!circ_store_has(store, keys.campaign, &trial.point, &has, &err) && has, "has");
    circ_store_close(store);
}

static void test_point_keys(void)
{
    struct fixture_keys keys;
    struct circ_error err;
    struct circ_store *store = fixture_store(NULL, CIRC_STORE_MEMORY, "k", &keys);
    struct circ_trial a = fixture_trial("net", "circulant", 8), b = a;
    char *text;

    /* The same characters, cut into columns elsewhere. */
    a.point.backend = "cpu\ndevice=4:cpu0";
    a.point.device = "x";
    b.point.backend = "cpu";
    b.point.device = "cpu0\nx";
    tap_ok(!fixture_add(store, &keys, &a, &err) && !fixture_add(store, &keys, &b, &err),
           "points that differ only in where a column ends are different");
    a = fixture_trial("net", "circulant", 8);
    tap_ok(!fixture_add(store, &keys, &a, &err), "a plain point");
    text = fixture_text(store, "SELECT key FROM point WHERE device = 'cpu0'");
    tap_ok(text && !strcmp(text, "af3d96a1-3519-5b47-98a6-b7ab21086d84"),
           "has the same key on every machine: %s", text);
    free(text);
    circ_store_close(store);
}

static void refuse(const char *path, enum circ_store_mode mode, enum circ_status expected,
                   const char *words)
{
    struct circ_store *store;
    struct circ_error err = {.message = ""};
    enum circ_status status = circ_store_open(&store, path, mode, &err);

    tap_ok(status == expected && !store && strstr(err.message, words), "%s: %s",
           circ_status_name(status), err.message);
    circ_store_close(store);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    if (!file || fputs(text, file) < 0 || fclose(file))
        exit(1);
}

static void test_refusals(void)
{
    static const char not_ours[] = "CREATE TABLE t (x); INSERT INTO t VALUES (1);";
    char path[256], below[300];
    struct stat before, after;
    sqlite3 *db;

    fixture_path(path, sizeof path);
    refuse(path, CIRC_STORE_READ, CIRC_USAGE, "no such file");
    refuse("", CIRC_STORE_WRITE, CIRC_USAGE, "empty");
    refuse("/tmp", CIRC_STORE_WRITE, CIRC_USAGE, "is a directory");
    refuse("/dev/null", CIRC_STORE_WRITE, CIRC_USAGE, "not a regular file");
    snprintf(below, sizeof below, "%s.d/x.db", path);
    refuse(below, CIRC_STORE_WRITE, CIRC_USAGE, "no such folder");
    write_file(path, "this is a text of some length, and certainly not a database\n");
    refuse(path, CIRC_STORE_READ, CIRC_USAGE, "not a database");
    refuse(path, CIRC_STORE_WRITE, CIRC_USAGE, "not a database");
    snprintf(below, sizeof below, "%s/x.db", path);
    refuse(below, CIRC_STORE_WRITE, CIRC_USAGE, "Not a directory");
    write_file(path, "");
    refuse(path, CIRC_STORE_READ, CIRC_USAGE, "holds no results yet");

    if (sqlite3_open(path, &db) || sqlite3_exec(db, not_ours, NULL, NULL, NULL))
        exit(1);
    sqlite3_close(db);
    stat(path, &before);
    refuse(path, CIRC_STORE_WRITE, CIRC_USAGE, "another application");
    stat(path, &after);
    tap_ok(before.st_size == after.st_size && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec &&
               before.st_mtim.tv_sec == after.st_mtim.tv_sec,
           "and left untouched");
    fixture_remove(path);
}

/* As a user whom permissions bind; the tests may run as root, whom they do not. */
static void test_permissions(void)
{
    char path[256], folder[256];
    struct fixture_keys keys;
    struct circ_trial trial = fixture_trial("net", "circulant", 8);
    struct circ_error err;
    struct circ_store *store;
    int status, bits;
    pid_t child;

    fixture_path(path, sizeof path);
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    store = fixture_store(path, CIRC_STORE_WRITE, "p", &keys);
    tap_ok(!fixture_add(store, &keys, &trial, &err), "a file");
    circ_store_close(store);
    chmod(path, 0444);
    chmod(folder, 0555);
    fflush(stdout);
    child = fork();
    if (!child) {
        char fresh[300];

        if (!geteuid() && seteuid(65534))
            _exit(128);
        snprintf(fresh, sizeof fresh, "%s/fresh.db", folder);
        bits = circ_store_open(&store, path, CIRC_STORE_READ, &err) ? 1 : 0;
        bits |= !bits && fixture_number(store, "SELECT count(*) FROM sample") == 3 ? 0 : 2;
        circ_store_close(store);
        bits |= circ_store_open(&store, path, CIRC_STORE_WRITE, &err) == CIRC_IO ? 0 : 4;
        printf("# %s\n", err.message);
        bits |= circ_store_open(&store, fresh, CIRC_STORE_WRITE, &err) == CIRC_IO ? 0 : 8;
        printf("# %s\n", err.message);
        fflush(stdout);
        _exit(bits);
    }
    waitpid(child, &status, 0);
    bits = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    chmod(folder, 0755);
    tap_ok(!(bits & 3), "a read-only file in a read-only folder is read (%d)", bits);
    tap_ok(!(bits & 4), "a read-only file is refused for writing");
    tap_ok(!(bits & 8), "a file that cannot be created is refused");
    fixture_remove(path);
}

static void test_full_disk(void)
{
    char path[256];
    struct fixture_keys keys;
    struct circ_error err;
    struct circ_store *store;
    struct circ_trial trial = fixture_trial("net", "circulant", 8);
    enum circ_status status = CIRC_OK;
    char *text;

    fixture_path(path, sizeof path);
    store = fixture_store(path, CIRC_STORE_WRITE, "full", &keys);
    tap_ok(!fixture_add(store, &keys, &trial, &err), "a first trial");
    text = fixture_text(store, "SELECT 'PRAGMA max_page_count = ' || page_count FROM "
                               "pragma_page_count");
    tap_ok(text && fixture_number(store, text) > 0, "no page more: %s", text);
    free(text);
    for (int i = 0; i < 2000 && !status; i++) {
        trial.point.block = 16 + i;
        status = fixture_add(store, &keys, &trial, &err);
    }
    tap_ok(status == CIRC_IO && strstr(err.message, "disk full") && strstr(err.message, path), "%s",
           err.message);
    text = fixture_text(store, "PRAGMA integrity_check");
    tap_ok(text && !strcmp(text, "ok") && fixture_number(store, "SELECT count(*) FROM trial") > 0,
           "what was committed is kept");
    free(text);
    circ_store_close(store);
    fixture_remove(path);
}

int main(void)
{
    test_create_and_reopen();
    test_values();
    test_transactions();
    test_campaigns();
    test_hostile_strings();
    test_point_keys();
    test_refusals();
    test_permissions();
    test_full_disk();
    return tap_done();
}
