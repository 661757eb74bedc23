/* Migrations: numbering, one that fails, newer files, older files, two processes at once. */
#include "results/migrate.h"
#include "tests/results/results_fixture.h"
#include "tests/tap.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIGRATION(name, sql)                                                                       \
    {                                                                                              \
        name, (const unsigned char *)(sql), sizeof(sql) - 1                                        \
    }

static const struct circ_embedded good[] = {
    MIGRATION("001_a.sql", "CREATE TABLE a (x); INSERT INTO a VALUES (1);"),
    MIGRATION("002_b.sql", "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1;"),
    MIGRATION("003_c.sql", "INSERT INTO a VALUES (3, 4);"),
};
static const struct circ_embedded bad[] = {
    MIGRATION("001_a.sql", "CREATE TABLE a (x); INSERT INTO a VALUES (1);"),
    MIGRATION("002_bad.sql", "DELETE FROM a; CREATE TABLE b (z); SELECT nonsense FROM nowhere;"),
};

static void open_file(struct circ_connection *connection, const char *path)
{
    struct circ_error err;

    memset(connection, 0, sizeof *connection);
    if (circ_connection_open(connection, path, CIRC_CONNECTION_WRITE, CIRC_MIGRATE_APPLICATION_ID,
                             &err)) {
        printf("Bail out! %s\n", err.message);
        exit(1);
    }
}

static int64_t number(struct circ_connection *connection, const char *sql)
{
    struct circ_error err;
    int64_t value;

    return circ_connection_integer(connection, sql, &value, &err) ? -1 : value;
}

static void test_list(void)
{
    int count, numbered = 0;
    const struct circ_embedded *list = circ_migrate_list(&count);

    for (int i = 0; i < count; i++)
        numbered += atoi(list[i].name) == i + 1 && list[i].name[3] == '_';
    tap_ok(count > 0 && numbered == count, "%d migrations are numbered from 1", count);
}

static void test_steps(void)
{
    char path[256];
    struct circ_connection connection;
    struct circ_error err;

    fixture_path(path, sizeof path);
    open_file(&connection, path);
    tap_ok(!circ_migrate_run(&connection, good, 1, &err) &&
               number(&connection, "PRAGMA user_version") == 1,
           "the first");
    tap_ok(!circ_migrate_run(&connection, good, 3, &err) &&
               number(&connection, "PRAGMA user_version") == 3 &&
               number(&connection, "SELECT sum(10 * x + y) FROM a") == 46,
           "only the missing ones, in order");
    tap_ok(!circ_migrate_run(&connection, good, 3, &err) &&
               number(&connection, "SELECT count(*) FROM a") == 2,
           "none twice");
    tap_ok(circ_migrate_run(&connection, good, 2, &err) == CIRC_USAGE &&
               strstr(err.message, "schema 3 is newer than this program's 2"),
           "%s", err.message);
    tap_ok(circ_migrate_check(&connection, 2, &err) == CIRC_USAGE, "%s", err.message);
    tap_ok(circ_migrate_check(&connection, 4, &err) == CIRC_USAGE &&
               strstr(err.message, "older than this program's 4"),
           "%s", err.message);
    tap_ok(!circ_migrate_check(&connection, 3, &err), "the same is fine");
    circ_connection_close(&connection);
    fixture_remove(path);
}

static void test_failure(void)
{
    char path[256];
    struct circ_connection connection;
    struct circ_error err;

    fixture_path(path, sizeof path);
    open_file(&connection, path);
    tap_ok(circ_migrate_run(&connection, bad, 2, &err) == CIRC_INTERNAL &&
               strstr(err.message, "002_bad.sql"),
           "%s", err.message);
    tap_ok(number(&connection, "PRAGMA user_version") == 1 &&
               number(&connection, "SELECT count(*) FROM a") == 1 &&
               number(&connection, "SELECT count(*) FROM sqlite_schema") == 1,
           "a migration that fails leaves nothing behind");
    tap_ok(!circ_migrate_run(&connection, good, 3, &err), "the corrected one runs");
    circ_connection_close(&connection);
    fixture_remove(path);
}

static void test_first_failure(void)
{
    char path[256];
    struct circ_connection connection;
    struct circ_error err;

    fixture_path(path, sizeof path);
    open_file(&connection, path);
    tap_ok(circ_migrate_run(&connection, bad + 1, 1, &err) == CIRC_INTERNAL &&
               !number(&connection, "PRAGMA application_id") &&
               !number(&connection, "SELECT count(*) FROM sqlite_schema"),
           "a fresh file stays unmarked when the first one fails");
    circ_connection_close(&connection);
    fixture_remove(path);
}

static void test_newer_file(void)
{
    char path[256];
    struct fixture_keys keys;
    struct circ_error err;
    struct circ_store *store;

    fixture_path(path, sizeof path);
    store = fixture_store(path, CIRC_STORE_WRITE, "n", &keys);
    fixture_number(store, "PRAGMA user_version = 77");
    circ_store_close(store);
    for (int mode = CIRC_STORE_READ; mode <= CIRC_STORE_WRITE; mode++)
        tap_ok(circ_store_open(&store, path, (enum circ_store_mode)mode, &err) == CIRC_USAGE &&
                   strstr(err.message, "schema 77 is newer") &&
                   strstr(err.message, "it calls itself 0.1.0"),
               "%s", err.message);
    static const char *const lost[] = {"PRAGMA user_version = -3", "PRAGMA user_version = 0"};
    for (int i = 0; i < 2; i++) {
        sqlite3 *db = NULL;
        bool set = sqlite3_open(path, &db) == SQLITE_OK &&
                   sqlite3_exec(db, lost[i], NULL, NULL, NULL) == SQLITE_OK;
        sqlite3_close(db);
        for (int mode = CIRC_STORE_READ; mode <= CIRC_STORE_WRITE; mode++)
            tap_ok(set &&
                       circ_store_open(&store, path, (enum circ_store_mode)mode, &err) ==
                           CIRC_USAGE &&
                       strstr(err.message, "never one of ours"),
                   "%s: %s", lost[i], err.message);
    }
    fixture_remove(path);
}

/* A file of each earlier schema, with a row and its energy, becomes one of today's and keeps both:
 * which windows the energy came from, no file said before. */
static void test_older_file(void)
{
    static const char rows[] =
        "INSERT INTO host VALUES ('00000000-0000-5000-8000-000000000001');"
        "INSERT INTO device SELECT key, key, 'cpu', 'cpu0', NULL, 'cpu', NULL FROM host;"
        "INSERT INTO campaign SELECT key, key, 'old', 'c', 'a', NULL, NULL, NULL, NULL, 1, '1'"
        " FROM host;"
        "INSERT INTO point SELECT key, 'net', NULL, 'cpu', 'cpu0', 'circulant', 'fused', NULL,"
        " 'f32', 'infer', 8, NULL, 1, 1, 0 FROM host;"
        "INSERT INTO trial (key, campaign, point, device, status, kind, time_ns_median,"
        " energy_uj_per_frame, energy_kind, energy_source, energy_scope, idle_power_uw)"
        " SELECT key, key, key, key, 'ok', 'measured', 1000, 8, 'measured', 'powercap', 'package', "
        "1e6"
        " FROM host;"
        "WITH w (number, channel, scope, grade, idle, duration_ns) AS (VALUES"
        " (0, 'package-0', 'package', 'ok', 1, 9), (1, 'dram-0', 'dram', 'ok', 0, 4000),"
        " (2, 'package-0', 'package', 'short', 0, 2000), (3, 'dram-0', 'dram', 'ok', 0, 4000),"
        " (4, 'package-0', 'package', 'lost', 0, 7000))"
        "INSERT INTO energy_window (trial, number, source, channel, scope, grade, idle, "
        "duration_ns,"
        " frames, raw_start, raw_end) SELECT key, number, 'powercap', channel, scope, grade, idle,"
        " duration_ns, 1, 0, 0 FROM host, w;";
    int count;
    const struct circ_embedded *list = circ_migrate_list(&count);

    for (int schema = 1; schema < count; schema++) {
        char path[256];
        struct circ_connection connection;
        struct circ_error err = {.message = ""};
        struct circ_store *store = NULL;

        fixture_path(path, sizeof path);
        open_file(&connection, path);
        tap_ok(!circ_migrate_run(&connection, list, schema, &err) &&
                   !circ_connection_execute(&connection, rows, "filling it", &err),
               "a file of schema %d %s", schema, err.message);
        circ_connection_close(&connection);
        tap_ok(circ_store_open(&store, path, CIRC_STORE_READ, &err) == CIRC_USAGE, "%s",
               err.message);
        tap_ok(!circ_store_open(&store, path, CIRC_STORE_WRITE, &err) &&
                   fixture_number(store, "SELECT sum(time_ns_median) FROM v_result WHERE"
                                         " block = 8 AND roof_fraction IS NULL") == 1000 &&
                   fixture_number(store, "PRAGMA user_version") == count,
               "opened for writing it is one of schema %d, with its row", count);
        tap_ok(
            fixture_number(store, "SELECT energy_net_uj_per_frame FROM v_result") == 6 &&
                fixture_number(store, "SELECT energy_windows FROM v_result") == 1 &&
                fixture_number(store, "SELECT number FROM energy_window WHERE place = 1 AND used"
                                      " AND chosen") == 2 &&
                fixture_number(store, "SELECT power_uw FROM v_result") == -1,
            "its energy comes from the one window that could be read, and of power none is known");
        circ_store_close(store);
        fixture_remove(path);
    }
}

static void test_two_at_once(void)
{
    char path[256];
    struct circ_connection connection;
    struct circ_error err;
    pid_t children[4];
    int failed = 0;

    fixture_path(path, sizeof path);
    fflush(stdout);
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (!children[i]) {
            open_file(&connection, path);
            int status = circ_migrate_run(&connection, good, 3, &err);
            if (status)
                fprintf(stderr, "# %s\n", err.message);
            _exit(status);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status;

        failed += waitpid(children[i], &status, 0) < 0 || status;
    }
    open_file(&connection, path);
    tap_ok(!failed && number(&connection, "SELECT count(*) FROM a") == 2,
           "four processes migrate one fresh file, each step once");
    circ_connection_close(&connection);
    fixture_remove(path);
}

int main(void)
{
    test_list();
    test_steps();
    test_failure();
    test_first_failure();
    test_newer_file();
    test_older_file();
    test_two_at_once();
    return tap_done();
}
