/* v_result by hand-computed rows, the canned queries, and what a query may not do. */
#include "results/query.h"
#include "tests/results/results_fixture.h"
#include "tests/tap.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* The contract: names and order never change, new columns go to the end. */
static const char contract[] =
    "campaign workload backend device device_kind structure variant library tuning isa block "
    "block_conv batch threads precision pass status reason kind rel_rms_error time_ns_median "
    "time_ns_min time_ns_p95 time_ns_ci_low time_ns_ci_high samples stop_reason "
    "device_time_ns_median prepare_ns upload_ns download_ns frames_per_s flop_dense "
    "flop_executed gflops_dense gflops_executed weight_count weight_bytes compression cycles "
    "instructions energy_uj_per_frame energy_uj_ci_low energy_uj_ci_high energy_source "
    "energy_scope energy_kind energy_quality energy_reason idle_power_uw frames_per_j "
    "speedup_vs_dense energy_gain_vs_dense roof_time_ns roof_bound roof_fraction "
    "accuracy_top1 dense_variant speedup_ci_low speedup_ci_high verify_ns max_error "
    "error_bound checked outputs noise energy_net_uj_per_frame cold trial campaign_key "
    "started command flop_roof roof_bytes energy_bound_uj energy_remark power_uw power_uw_ci_low "
    "power_uw_ci_high idle_share idle_share_ci_low idle_share_ci_high frames_per_j_ci_low "
    "frames_per_j_ci_high energy_gain_ci_low energy_gain_ci_high edp_uj_ns edp_uj_ns_ci_low "
    "edp_uj_ns_ci_high gflops_per_w_executed gflops_per_w_executed_ci_low "
    "gflops_per_w_executed_ci_high gflops_per_w_dense gflops_per_w_dense_ci_low "
    "gflops_per_w_dense_ci_high energy_windows temperature_before_mc temperature_after_mc "
    "frequency_before_khz frequency_after_khz ";
#define SCHEMA 6 /* migrations */

static void test_columns(struct circ_store *store)
{
    sqlite3_stmt *statement = NULL;
    char columns[2 * sizeof contract] = "";
    int used = 0;

    sqlite3_prepare_v2(circ_store_handle(store), "SELECT * FROM v_result", -1, &statement, NULL);
    for (int i = 0; i < sqlite3_column_count(statement) && used < (int)sizeof columns; i++)
        used += snprintf(columns + used, sizeof columns - (size_t)used, "%s ",
                         sqlite3_column_name(statement, i));
    tap_ok(!strcmp(columns, contract), "v_result has its columns in order: %s", columns);
    sqlite3_finalize(statement);
}

static void add(struct circ_store *store, const struct fixture_keys *keys,
                const struct circ_trial *trial)
{
    struct circ_error err;

    if (fixture_add(store, keys, trial, &err)) {
        printf("Bail out! %s\n", err.message);
        exit(1);
    }
}

static void set_time(struct circ_trial *trial, int64_t median, int64_t low, int64_t high)
{
    trial->time_ns_median = median;
    trial->time_ns_ci_low = low;
    trial->time_ns_ci_high = high;
}

static void set_energy(struct circ_trial *trial, double uj, const char *kind, const char *scope)
{
    trial->energy_uj_per_frame = uj;
    trial->energy_uj_ci_low = 0.9 * uj;
    trial->energy_uj_ci_high = 1.1 * uj;
    trial->idle_power_uw = 1e6;
    trial->energy_kind = kind;
    trial->energy_scope = scope;
    trial->energy_source = "powercap";
    trial->energy_quality = "ok";
    trial->energy_reason = "";
}

static void set_roof(struct circ_trial *trial)
{
    trial->flop_roof = 1800;
    trial->roof_bytes = 5000;
    trial->roof_time_ns = 800;
    trial->roof_bound = "L2";
}

static void unset_roof(struct circ_trial *trial)
{
    trial->flop_roof = trial->roof_bytes = -1;
    trial->roof_time_ns = NAN;
    trial->roof_bound = "";
}

/* Ceilings of the fixture's device, measured twice: the better of each is kept. */
static void add_ceilings(struct circ_store *store, const struct fixture_keys *keys)
{
    struct circ_ceiling ceilings[] = {
        {.metric = "read", .unit = "GB/s", .level = "L1", .bytes = 32768, .value = 300},
        {.metric = "read", .unit = "GB/s", .level = "L2", .bytes = 65536, .value = 150},
        {.metric = "fork_join", .unit = "ns", .value = 500},
        {.metric = "fma_f32", .unit = "GFLOP/s", .value = 200},
    };
    struct circ_ceiling best[CIRC_MAX_CEILINGS];
    struct circ_error err = {.message = ""};
    int count = -1, none = -1, rates = 0;

    for (int64_t turn = 1; turn <= 2; turn++) {
        tap_ok(!circ_store_ceilings_add(store, keys->device, "avx2", 2, ceilings, 4, turn, &err),
               "ceilings are stored %s", err.message);
        ceilings[0].value = 290; /* a worse bandwidth, a better start, a better peak */
        ceilings[2].value = 400;
        ceilings[3].value = 210;
    }
    tap_ok(circ_store_ceilings_add(store, keys->device, "avx2", 2, ceilings, 4, 2, &err) &&
               fixture_number(store, "SELECT count(*) FROM ceiling") == 8,
           "a measurement is one row: %s", err.message);
    tap_ok(!circ_store_ceilings_best(store, keys->device, "avx2", 2, best, &count, &err) &&
               count == 4,
           "four are known");
    for (int i = 0; i < count; i++)
        rates += best[i].value == (!strcmp(best[i].metric, "fma_f32")     ? 210
                                   : !strcmp(best[i].metric, "fork_join") ? 400
                                   : best[i].bytes == 32768               ? 300
                                                                          : 150);
    tap_ok(rates == 4, "of a rate the greatest, of a time the least");
    tap_ok(count == 4 && best[2].bytes == 32768 && best[3].bytes == 65536 &&
               !strcmp(best[2].level, "L1") && !*best[0].level,
           "reads in order, with their level");
    tap_ok(!circ_store_ceilings_best(store, keys->device, "avx2", 1, best, &none, &err) && !none,
           "of another thread count nothing");
}

/* Two dense variants (the slower one first), circulant of three blocks, and rows that must not be
 * divided by them. */
static void fill(struct circ_store *store, const struct fixture_keys *keys)
{
    struct circ_trial trial = fixture_trial("net", "dense", 1);

    trial.point.variant = "onednn";
    trial.weight_count = 4000;
    set_time(&trial, 9000, 8900, 9100);
    add(store, keys, &trial);
    trial.point.variant = "openblas";
    set_time(&trial, 8000, 7900, 8200);
    set_energy(&trial, 40, "measured", "package");
    add(store, keys, &trial);

    trial = fixture_trial("net", "circulant", 8);
    fixture_energy(&trial);
    set_roof(&trial);
    add(store, keys, &trial);
    unset_roof(&trial);
    trial.power_count = 0;
    trial.window_count = 1; /* the idle one */
    trial.point.block = 16;
    set_time(&trial, 500, 490, 520);
    set_energy(&trial, 8, "modelled", "package");
    add(store, keys, &trial);
    trial.point.block = 32;
    set_energy(&trial, 8, "measured", "board");
    trial.kind = "emulated";
    add(store, keys, &trial);

    trial = fixture_trial("net", "circulant", 64);
    trial.status = CIRC_WRONG;
    trial.reason = "too far off";
    set_roof(&trial);
    add(store, keys, &trial);
    trial = fixture_trial("net", "circulant", 8);
    trial.point.batch = 64; /* no dense row of this batch */
    trial.point.block_conv = 4;
    add(store, keys, &trial);
    trial.point.batch = 1;
    trial.point.block_conv = 0;
    trial.point.cold = true; /* nor a cold one */
    add(store, keys, &trial);
    trial = fixture_trial("net", "circulant", 8);
    trial.point.batch = 2;
    add(store, keys, &trial);
    trial.point.precision = "bf16";
    trial.weight_bytes /= 2;
    set_time(&trial, 600, 590, 610);
    add(store, keys, &trial);
    trial.point.precision = "q16";
    trial.reason = "SQNR 70.1 dB";
    add(store, keys, &trial);
    trial = fixture_trial("net", "pruned", 8);
    trial.point.variant = "csr";
    set_time(&trial, 2000, 1900, 2100);
    add(store, keys, &trial);
    trial = fixture_trial("net", "circulant", 128);
    trial.status = CIRC_UNSUP;
    trial.reason = "no";
    trial.isa = "";
    trial.point.isa = "avx512";
    trial.checked = 0;
    add(store, keys, &trial);
}

static double value(struct circ_store *store, const char *column, const char *where)
{
    char sql[256];

    snprintf(sql, sizeof sql, "SELECT %s FROM v_result WHERE cold = 0 AND %s", column, where);
    return fixture_number(store, sql);
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fabs(b);
}

static void test_values(struct circ_store *store)
{
    static const char k8[] = "structure = 'circulant' AND block = 8 AND batch = 1";
    static const char k16[] = "block = 16", k32[] = "block = 32", k64[] = "block = 64";
    static const char dense[] = "variant = 'openblas'", slow[] = "variant = 'onednn'";
    char *text = fixture_text(store, "SELECT dense_variant FROM v_result WHERE block = 16");

    tap_ok(text && !strcmp(text, "openblas"), "the fastest dense variant is the baseline: %s",
           text);
    free(text);
    tap_ok(near(value(store, "speedup_vs_dense", k8), 8), "speed-up 8000/1000");
    tap_ok(near(value(store, "speedup_ci_low", k8), 7900.0 / 1010) &&
               near(value(store, "speedup_ci_high", k8), 8200.0 / 990),
           "its interval is conservative");
    tap_ok(near(value(store, "speedup_vs_dense", dense), 1) &&
               near(value(store, "speedup_vs_dense", slow), 8000.0 / 9000),
           "dense rows are compared too");
    tap_ok(near(value(store, "energy_gain_vs_dense", k8), 5), "energy gain 40/8");
    tap_ok(value(store, "energy_gain_vs_dense", k16) == -1 &&
               near(value(store, "speedup_vs_dense", k16), 16),
           "measured joules are not divided by modelled ones");
    tap_ok(value(store, "speedup_vs_dense", k32) == -1 &&
               value(store, "energy_gain_vs_dense", k32) == -1,
           "emulated times are not divided by measured ones");
    tap_ok(value(store, "speedup_vs_dense", k64) == -1 && value(store, "dense_variant", k64) == -1,
           "a failed row has no speed-up");
    tap_ok(value(store, "speedup_vs_dense", "batch = 64") == -1, "nor one without dense beside it");
    tap_ok(fixture_number(store, "SELECT speedup_vs_dense FROM v_result WHERE cold") == -1,
           "nor a cold row without cold dense");
    tap_ok(near(value(store, "frames_per_s", k8), 1e6) &&
               near(value(store, "frames_per_s", "batch = 64"), 64e6),
           "frames per second");
    tap_ok(near(value(store, "gflops_dense", "batch = 64"), 512) &&
               near(value(store, "gflops_executed", "batch = 64"), 128),
           "rates");
    tap_ok(near(value(store, "compression", k8), 4) && near(value(store, "compression", dense), 1),
           "compression");
    tap_ok(near(value(store, "frames_per_j", k8), 125000), "frames per joule");
    tap_ok(near(value(store, "energy_net_uj_per_frame", k8), 6), "net energy 8 - 1 W x 2 us");
    tap_ok(near(value(store, "noise", k8), 0.01), "noise");
    tap_ok(value(store, "block_conv", k8) == -1 && value(store, "block_conv", "batch = 64") == 4,
           "block_conv");
    tap_ok(value(store, "accuracy_top1", k8) == -1, "accuracy is not known yet");
    tap_ok(near(value(store, "roof_time_ns", k8), 800) &&
               near(value(store, "roof_fraction", k8), 0.8) &&
               near(value(store, "flop_roof", k8), 1800) &&
               near(value(store, "roof_bytes", k8), 5000),
           "a roof of 800 ns under a time of 1000");
    text = fixture_text(store, "SELECT roof_bound FROM v_result WHERE roof_time_ns IS NOT NULL");
    tap_ok(text && !strcmp(text, "L2"), "and what it comes from: %s", text);
    free(text);
    tap_ok(value(store, "roof_fraction", k16) == -1 && value(store, "roof_fraction", k64) == -1,
           "no roof where none is known, nor for a row that failed");
    text = fixture_text(store, "SELECT started || isa FROM v_result WHERE status = 'unsup'");
    tap_ok(text && !strcmp(text, "2023-11-14T22:13:20Zavx512"),
           "the date, and the ISA that was asked for: %s", text);
    free(text);
}

static enum circ_status run(struct circ_store *store, const char *sql, const char *where,
                            const char *campaign, int64_t *rows, char **text,
                            struct circ_error *err)
{
    FILE *file = tmpfile();
    enum circ_status status;

    if (!file)
        exit(1);
    status = circ_query_run(store, sql, where, campaign, CIRC_CSV, file, rows, err);
    if (text)
        *text = fixture_read(file);
    fclose(file);
    return status;
}

static void test_canned(struct circ_store *store, const char *campaign, bool filled)
{
    /* What a filled database must answer; -1: any number. */
    static const struct {
        const char *name;
        int64_t rows;
    } expected[] = {{"all", 13},        {"summary", 13},      {"failures", 2},
                    {"fixed-point", 1}, {"best-block", 7},    {"pruned-vs-circulant", 1},
                    {"counters", 22},   {"samples", 11},      {"verify", 12},
                    {"hosts", 3},       {"ceilings", 4},      {"roof", 1},
                    {"cold", 1},        {"noise", 11},        {"edp", 4},
                    {"pareto", 3},      {"disagreements", 1}, {"power", 3},
                    {"meters", 2},      {"peers", 4},         {"precision", 2}};
    int count;
    const struct circ_query *list = circ_query_list(&count);

    for (int i = 0; i < count; i++) {
        struct circ_error err = {.message = ""};
        int64_t rows = -1, other = -1;
        bool ok = *list[i].description && !run(store, list[i].sql, NULL, NULL, &rows, NULL, &err) &&
                  !run(store, list[i].sql, "1", campaign, &other, NULL, &err);

        for (size_t j = 0; j < sizeof expected / sizeof *expected; j++)
            if (filled && !strcmp(list[i].name, expected[j].name))
                ok &= rows == expected[j].rows;
        ok &= filled ? rows > 0 && rows == other : !rows;
        ok &= !run(store, list[i].sql, "1 = 0", "none", &other, NULL, &err) && !other;
        tap_ok(ok, "%s: %lld rows %s", list[i].name, (long long)rows, err.message);
        ok = i == 0 || strcmp(list[i - 1].name, list[i].name) < 0;
        tap_ok(ok, "%s is in its place", list[i].name);
    }
}

static void test_find(void)
{
    const struct circ_query *query;
    struct circ_error err;

    tap_ok(!circ_query_find("summary", &query, &err) && !strcmp(query->name, "summary"), "summary");
    tap_ok(circ_query_find("sumary", &query, &err) == CIRC_USAGE &&
               strstr(err.message, "'summary'"),
           "%s", err.message);
    tap_ok(circ_query_find("zzzzzz", &query, &err) == CIRC_USAGE, "%s", err.message);
}

static void test_where(struct circ_store *store, const char *campaign)
{
    struct circ_error err;
    int64_t rows;
    char *text;

    tap_ok(!run(store, "SELECT block FROM v_result ORDER BY block DESC; -- blocks",
                "block > 8 -- large ones", NULL, &rows, &text, &err) &&
               !strcmp(text, "block\r\n128\r\n64\r\n32\r\n16\r\n"),
           "a condition keeps the order, comments do no harm");
    free(text);
    tap_ok(!run(store, "SELECT count(*) AS n FROM v_result WHERE campaign_key = :campaign", NULL,
                campaign, &rows, &text, &err) &&
               !strcmp(text, "n\r\n13\r\n"),
           ":campaign is bound");
    free(text);
    tap_ok(!run(store, "WITH a(x) AS (VALUES (1), (2)) SELECT x FROM a", "x = 2", NULL, &rows, NULL,
                &err) &&
               rows == 1,
           "WITH and VALUES");
}

static void test_refused(struct circ_store *store)
{
    static const struct {
        const char *sql, *where, *words;
    } cases[] = {
        {"SELEC 1", NULL, "syntax error"},
        {"", NULL, "empty"},
        {" -- nothing", NULL, "empty"},
        {"SELECT weight FROM v_result", NULL, "no such column"},
        {"SELECT 1 FROM nowhere", NULL, "no such table"},
        {"SELECT 1", "weight = 1", "no such column"},
        {"SELECT 1; SELECT 2", NULL, "more than one"},
        {"SELECT 1; DROP TABLE trial", NULL, "more than one"},
        {"SELECT 1 AS x", "1; DROP TABLE trial", "more than one"},
        {"SELECT 1 AS x", "x IN (DELETE FROM trial)", "syntax error"},
        {"DELETE FROM trial", NULL, "nothing can be changed"},
        {"INSERT INTO host VALUES ('x')", NULL, "nothing can be changed"},
        {"UPDATE trial SET reason = 'x' RETURNING key", NULL, "nothing can be changed"},
        {"PRAGMA user_version = 9", NULL, "nothing can be changed"},
        {"ATTACH '/tmp/circ-attach.db' AS a", NULL, "nothing can be changed"},
        {"BEGIN", NULL, "nothing can be changed"},
        {"VACUUM INTO '/tmp/circ-vacuum.db'", NULL, "nothing can be changed"},
        {"CREATE TEMP TABLE t (x)", NULL, "nothing can be changed"},
        {"SELECT ?1", NULL, "parameter"},
        {"SELECT :name", NULL, "parameter"},
        {"SELECT x'00' AS b", NULL, "hex"},
        {"SELECT abs(-9223372036854775807 - 1)", NULL, "overflow"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct circ_error err = {.message = ""};
        int64_t rows;
        enum circ_status status = run(store, cases[i].sql, cases[i].where, NULL, &rows, NULL, &err);

        tap_ok(status == CIRC_USAGE && strstr(err.message, cases[i].words), "%s [%s]: %s",
               cases[i].sql, cases[i].where ? cases[i].where : "", err.message);
    }
    tap_ok(fixture_number(store, "SELECT count(*) FROM trial") == 13 &&
               fixture_number(store, "PRAGMA user_version") == SCHEMA,
           "nothing was changed");
}

/* The cost must grow with the rows, not with their square. */
static void test_many(void)
{
    struct fixture_keys keys;
    struct circ_error err;
    struct circ_store *store = fixture_store(NULL, CIRC_STORE_MEMORY, "many", &keys);
    struct circ_trial trial = fixture_trial("net", "circulant", 8);
    sqlite3_stmt *statement = NULL;
    int steps;

    if (circ_store_begin(store, &err))
        exit(1);
    for (int i = 0; i < 1000; i++) {
        trial.point.structure = i % 10 ? "circulant" : "dense";
        trial.point.batch = 1 + i / 10;
        trial.point.block = 1 + i % 10;
        if (circ_store_trial(store, keys.campaign, keys.device, &trial, &err))
            exit(1);
    }
    if (circ_store_commit(store, &err))
        exit(1);
    sqlite3_prepare_v2(circ_store_handle(store),
                       "SELECT count(speedup_vs_dense) FROM v_result WHERE campaign = 'many'", -1,
                       &statement, NULL);
    tap_ok(sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_int(statement, 0) == 1000,
           "a thousand rows have their dense row");
    steps = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0);
    tap_ok(steps < 400000, "in %d steps of SQLite's machine", steps);
    sqlite3_finalize(statement);
    circ_store_close(store);
}

int main(void)
{
    struct fixture_keys keys;
    struct circ_store *store, *empty;
    struct circ_error err;

    if (circ_store_open(&empty, NULL, CIRC_STORE_MEMORY, &err))
        return 1;
    store = fixture_store(NULL, CIRC_STORE_MEMORY, "filled", &keys);
    test_columns(empty);
    test_canned(empty, NULL, false);
    circ_store_close(empty);
    fill(store, &keys);
    add_ceilings(store, &keys);
    test_values(store);
    test_canned(store, keys.campaign, true);
    test_find();
    test_where(store, keys.campaign);
    test_refused(store);
    test_many();
    circ_store_close(store);
    return tap_done();
}
