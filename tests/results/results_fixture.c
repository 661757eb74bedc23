/* Scratch databases and trials for the tests of results. It tests nothing itself. */
#include "tests/results/results_fixture.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fixture_path(char *path, size_t size)
{
    char folder[] = "/tmp/circ-test-XXXXXX";

    if (!mkdtemp(folder)) {
        perror("mkdtemp");
        exit(1);
    }
    snprintf(path, size, "%s/test.db", folder);
}

void fixture_remove(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char name[512];

    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    snprintf(name, sizeof name, "%s", path);
    *strrchr(name, '/') = '\0';
    rmdir(name);
}

struct circ_trial fixture_trial(const char *workload, const char *structure, int block)
{
    static const struct circ_sample samples[] = {
        {.start_ns = 100, .time_ns = 1500, .device_time_ns = -1, .iterations = 10, .warmup = true},
        {.start_ns = 200, .time_ns = 990, .device_time_ns = -1, .iterations = 10},
        {.start_ns = 300,
         .time_ns = 1010,
         .device_time_ns = 900,
         .iterations = 10,
         .outlier = true},
    };
    static const struct circ_counter counters[] = {
        {.name = "task-clock", .unit = "ns", .source = "papi", .value = 1000, .running = 1},
        {.name = "ipc",
         .unit = "1",
         .source = "group:default",
         .value = NAN,
         .running = NAN,
         .reason = "no cycles"},
    };
    static const struct circ_energy_window windows[] = {
        {.source = "powercap",
         .channel = "package-0",
         .scope = "package",
         .grade = "ok",
         .idle = true,
         .chosen = true,
         .duration_ns = 1000000000,
         .raw_start = 5,
         .raw_end = 10,
         .energy_uj = 1e6,
         .bound_uj = 10},
        {.source = "powercap",
         .channel = "package-0",
         .scope = "package",
         .grade = "ok",
         .place = 1,
         .chosen = true,
         .used = true,
         .duration_ns = 2000000000,
         .frames = 1000000,
         .raw_start = 10,
         .raw_end = 20,
         .energy_uj = 8e6,
         .bound_uj = -1},
    };

    struct circ_trial trial = circ_trial_unknown(&(struct circ_point){.workload = workload,
                                                                      .backend = "cpu",
                                                                      .device = "cpu0",
                                                                      .structure = structure,
                                                                      .variant = "fused",
                                                                      .isa = "",
                                                                      .precision = "f32",
                                                                      .pass = "infer",
                                                                      .block = block,
                                                                      .batch = 1,
                                                                      .threads = 2});
    trial.status = CIRC_OK;
    trial.kind = "measured";
    trial.isa = "avx2";
    trial.rel_rms_error = 1e-7;
    trial.max_error = 4e-7;
    trial.error_bound = 1e-6;
    trial.checked = 10;
    trial.outputs = 10;
    trial.time_ns_median = 1000;
    trial.time_ns_min = 980;
    trial.time_ns_p95 = 1009;
    trial.time_ns_ci_low = 990;
    trial.time_ns_ci_high = 1010;
    trial.stop_reason = "precise";
    trial.prepare_ns = 5000;
    trial.upload_ns = 60;
    trial.download_ns = 70;
    trial.verify_ns = 800;
    trial.flop_dense = 8000;
    trial.flop_executed = 2000;
    trial.weight_count = 1000;
    trial.weight_count_dense = 4000;
    trial.weight_bytes = 4000;
    trial.energy_reason = "no counter";
    trial.samples = samples;
    trial.sample_count = 3;
    trial.counters = counters;
    trial.counter_count = 2;
    trial.windows = windows;
    trial.window_count = 2;
    return trial;
}

#define WINDOW(from, which, ...)                                                                   \
    {                                                                                              \
        .source = (from), .channel = "package-0", .scope = "package", .place = (which),            \
        .frames = 1000000, .start_ns = (which)*3000000000, __VA_ARGS__                             \
    }

void fixture_energy(struct circ_trial *trial)
{
    static const struct circ_energy_window windows[] = {
        WINDOW("powercap", 0, .grade = "ok", .idle = true, .chosen = true,
               .duration_ns = 1000000000, .energy_uj = 1e6, .bound_uj = 10),
        WINDOW("powercap", 1, .grade = "ok", .chosen = true, .used = true,
               .duration_ns = 2000000000, .energy_uj = 8e6, .bound_uj = 1e4),
        WINDOW("perf:power", 1, .grade = "ok", .used = true, .duration_ns = 2000000000,
               .energy_uj = 8.5e6, .bound_uj = 1e4),
        WINDOW("powercap", 2, .grade = "short", .chosen = true, .used = true,
               .duration_ns = 2000000000, .energy_uj = 8e6, .bound_uj = 1e4),
        WINDOW("perf:power", 2, .grade = "ok", .used = true, .duration_ns = 2000000000,
               .energy_uj = 8.01e6, .bound_uj = 1e4),
        WINDOW("powercap", 3, .grade = "ambiguous", .reason = "it may have wrapped twice",
               .chosen = true, .duration_ns = 9000000000, .energy_uj = -1, .bound_uj = -1),
    };
    static const struct circ_power_sample powers[] = {
        {"powercap", "package-0", 3000000000, 4.0e6}, {"powercap", "package-0", 3010000000, 4.4e6},
        {"powercap", "package-0", 3010000000, 9.9e6}, {"powercap", "package-0", 3020000000, NAN},
        {"powercap", "package-0", 3030000000, 3.6e6},
    };

    trial->energy_uj_per_frame = 8;
    trial->energy_uj_ci_low = 7.2;
    trial->energy_uj_ci_high = 8.8;
    trial->energy_bound_uj = 0.02;
    trial->idle_power_uw = 1e6;
    trial->power_uw = 4e6;
    trial->power_uw_ci_low = 3.6e6;
    trial->power_uw_ci_high = 4.4e6;
    trial->energy_source = "powercap";
    trial->energy_scope = "package";
    trial->energy_kind = "measured";
    trial->energy_quality = "short";
    trial->energy_reason = "";
    trial->energy_remark = "perf:power disagrees in 1 of 2 windows";
    trial->before = (struct circ_conditions){45000, 2.0e6};
    trial->after = (struct circ_conditions){61000, NAN};
    trial->windows = windows;
    trial->window_count = sizeof windows / sizeof *windows;
    trial->powers = powers;
    trial->power_count = sizeof powers / sizeof *powers;
}

static void require(enum circ_status status, const struct circ_error *err)
{
    if (status) {
        printf("Bail out! %s\n", err->message);
        exit(1);
    }
}

struct circ_store *fixture_store(const char *path, enum circ_store_mode mode, const char *name,
                                 struct fixture_keys *keys)
{
    static const struct circ_fact facts[] = {
        {"cpu", "Test CPU", true}, {"load", "0.25", false}, {"kernel", "6.1", true}};
    static const struct circ_device_row device = {"cpu", "cpu0", "Test CPU", "cpu", 1 << 30};
    const struct circ_campaign campaign = {.name = name,
                                           .command = "circbench sweep -k 8",
                                           .axes = "k=8",
                                           .version = "0.1.0",
                                           .commit = "abc",
                                           .build = "gcc -O3",
                                           .warnings = "",
                                           .created_ns = 1700000000000000000,
                                           .seed = UINT64_MAX};
    struct circ_store *store;
    struct circ_error err;

    require(circ_store_open(&store, path, mode, &err), &err);
    require(circ_store_host(store, facts, 3, keys->host, &err), &err);
    require(circ_store_device(store, keys->host, &device, keys->device, &err), &err);
    require(circ_store_campaign(store, keys->host, &campaign, keys->campaign, &err), &err);
    return store;
}

enum circ_status fixture_add(struct circ_store *store, const struct fixture_keys *keys,
                             const struct circ_trial *trial, struct circ_error *err)
{
    enum circ_status status = circ_store_begin(store, err);

    if (!status)
        status = circ_store_trial(store, keys->campaign, keys->device, trial, err);
    return status ? status : circ_store_commit(store, err);
}

double fixture_number(struct circ_store *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    double value = -1;

    if (sqlite3_prepare_v2(circ_store_handle(store), sql, -1, &statement, NULL))
        printf("# %s: %s\n", sql, sqlite3_errmsg(circ_store_handle(store)));
    else if (sqlite3_step(statement) == SQLITE_ROW &&
             sqlite3_column_type(statement, 0) != SQLITE_NULL)
        value = sqlite3_column_double(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

char *fixture_text(struct circ_store *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    char *text = NULL;

    if (sqlite3_prepare_v2(circ_store_handle(store), sql, -1, &statement, NULL))
        printf("# %s: %s\n", sql, sqlite3_errmsg(circ_store_handle(store)));
    else if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0))
        text = strdup((const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return text;
}

char *fixture_read(FILE *file)
{
    long size;
    char *text;

    fflush(file);
    size = ftell(file);
    rewind(file);
    text = calloc(1, (size_t)size + 1);
    if (!text || fread(text, 1, (size_t)size, file) != (size_t)size)
        exit(1);
    return text;
}
