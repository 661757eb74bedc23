/* What the energy pass stores, and the columns and queries that are made of it, by hand-computed
 * rows. */
#include "results/query.h"
#include "tests/results/results_fixture.h"
#include "tests/tap.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static void add(struct circ_store *store, const struct fixture_keys *keys,
                const struct circ_trial *trial)
{
    struct circ_error err;

    if (fixture_add(store, keys, trial, &err)) {
        printf("Bail out! %s\n", err.message);
        exit(1);
    }
}

/* A dense row that takes eight times as long and five times the energy, and the circulant one of
 * the fixture, as a batch of two. */
static void fill(struct circ_store *store, const struct fixture_keys *keys)
{
    struct circ_trial trial = fixture_trial("net", "dense", 1);

    trial.point.batch = 2;
    fixture_energy(&trial);
    trial.energy_remark = "";
    trial.window_count = 2;
    trial.power_count = 0;
    trial.time_ns_median = 8000;
    trial.time_ns_ci_low = 7900;
    trial.time_ns_ci_high = 8200;
    trial.energy_uj_per_frame = 40;
    trial.energy_uj_ci_low = 36;
    trial.energy_uj_ci_high = 44;
    add(store, keys, &trial);
    trial = fixture_trial("net", "circulant", 8);
    trial.point.batch = 2;
    fixture_energy(&trial);
    add(store, keys, &trial);
}

static void test_columns(struct circ_store *store)
{
    static const struct {
        const char *column;
        double value;
    } expected[] = {
        {"energy_bound_uj", 0.02},
        {"power_uw", 4e6},
        {"power_uw_ci_low", 3.6e6},
        {"power_uw_ci_high", 4.4e6},
        {"idle_share", 0.25},
        {"idle_share_ci_low", 1 / 4.4},
        {"idle_share_ci_high", 1 / 3.6},
        {"energy_net_uj_per_frame", 6}, /* 8 - 1 W x 2 us, of the used windows */
        {"frames_per_j", 125000},
        {"frames_per_j_ci_low", 1e6 / 8.8},
        {"frames_per_j_ci_high", 1e6 / 7.2},
        {"energy_gain_vs_dense", 5},
        {"energy_gain_ci_low", 36 / 8.8},
        {"energy_gain_ci_high", 44 / 7.2},
        {"edp_uj_ns", 8 * 500}, /* of a frame; the batch is two */
        {"edp_uj_ns_ci_low", 7.2 * 495},
        {"edp_uj_ns_ci_high", 8.8 * 505},
        {"gflops_per_w_executed", 2000 / 8e3},
        {"gflops_per_w_executed_ci_low", 2000 / 8.8e3},
        {"gflops_per_w_executed_ci_high", 2000 / 7.2e3},
        {"gflops_per_w_dense", 8000 / 8e3},
        {"gflops_per_w_dense_ci_low", 8000 / 8.8e3},
        {"gflops_per_w_dense_ci_high", 8000 / 7.2e3},
        {"energy_windows", 2},
        {"temperature_before_mc", 45000},
        {"temperature_after_mc", 61000},
        {"frequency_before_khz", 2e6},
        {"frequency_after_khz", -1},
    };

    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        char sql[160];

        snprintf(sql, sizeof sql, "SELECT %s FROM v_result WHERE block = 8", expected[i].column);
        double value = fixture_number(store, sql);
        tap_ok(fabs(value - expected[i].value) <= 1e-12 * fabs(expected[i].value), "%s is %.9g",
               expected[i].column, value);
    }
    char *remark = fixture_text(store, "SELECT energy_remark FROM v_result WHERE block = 8");
    tap_ok(remark && strstr(remark, "disagrees"), "the remark is kept: %s", remark);
    free(remark);
    tap_ok(fixture_number(store, "SELECT count(*) FROM v_result WHERE energy_remark IS NULL") == 1,
           "and is NULL where there is none");
}

static void test_rows(struct circ_store *store)
{
    tap_ok(fixture_number(store, "SELECT count(*) FROM power_sample") == 3 &&
               fixture_number(store, "SELECT max(power_uw) FROM power_sample") == 4.4e6,
           "three powers: one is not known, and of two at one moment the first is kept");
    char *text = fixture_text(store, "SELECT reason FROM energy_window WHERE place = 3");
    tap_ok(text && !strcmp(text, "it may have wrapped twice"), "why a window is not used: %s",
           text);
    free(text);
    tap_ok(fixture_number(store,
                          "SELECT count(*) FROM energy_window WHERE reason IS NULL AND pci IS"
                          " NULL AND start_ns = 3000000000 AND chosen AND used") == 2,
           "what a window has nothing to say of is NULL");
}

static void test_disagreement(struct circ_store *store)
{
    tap_ok(
        fixture_number(store, "SELECT count(*) FROM v_disagreement") == 1 &&
            fixture_number(store, "SELECT place FROM v_disagreement") == 1 &&
            fabs(fixture_number(store, "SELECT difference_over_bounds FROM v_disagreement") - 25) <
                1e-9,
        "two sources differ by 25 times their bounds in the first window, and not in the second");
}

static void test_meters(struct circ_store *store, const struct fixture_keys *keys)
{
    static const struct circ_meter_row first[] = {{"powercap", "absent", "no such folder"}};
    static const struct circ_meter_row rows[] = {{"powercap", "ok", "2 packages"},
                                                 {"nvml", "absent", "no libnvidia-ml.so.1"},
                                                 {"exec", "off", ""}};
    static const struct circ_meter_row bad[] = {{"powercap", "maybe", ""}};
    struct circ_error err = {.message = ""};

    tap_ok(!circ_store_meters(store, keys->campaign, first, 1, &err) &&
               !circ_store_meters(store, keys->campaign, rows, 3, &err) &&
               fixture_number(store, "SELECT count(*) FROM campaign_meter") == 3 &&
               fixture_number(store, "SELECT position FROM campaign_meter WHERE meter = 'exec' AND"
                                     " detail IS NULL") == 2,
           "meters are stored, a second call replaces them %s", err.message);
    tap_ok(circ_store_meters(store, keys->campaign, bad, 1, &err) &&
               fixture_number(store, "SELECT count(*) FROM campaign_meter") == 3,
           "a state that is none leaves them as they were: %s", err.message);
    tap_ok(circ_store_meters(store, "none", rows, 3, &err) != CIRC_OK, "no such campaign: %s",
           err.message);
    tap_ok(!circ_store_marker(store, keys->campaign, 1700000000123456789, &err) &&
               fixture_number(store, "SELECT marker_ns = 1700000000123456789 FROM campaign") == 1,
           "the marker's moment, to the nanosecond");
}

/* The first column of a canned query, in its order, with commas. */
static char *column(struct circ_store *store, const char *name, const char *expression)
{
    const struct circ_query *query;
    struct circ_error err;
    char sql[8192];

    if (circ_query_find(name, &query, &err))
        return NULL;
    snprintf(sql, sizeof sql, "SELECT group_concat(%s) FROM (%s)", expression, query->sql);
    return fixture_text(store, sql);
}

static void test_queries(struct circ_store *store)
{
    static const struct {
        const char *name, *expression, *expected;
    } cases[] = {
        {"edp", "structure || ' ' || place", "circulant 1,dense 2"},
        {"pareto", "structure || ' ' || best_in_time_energy || best_in_time_energy_weight",
         "circulant 11"},
        {"disagreements", "source || ' ' || other_source || ' ' || place", "perf:power powercap 1"},
        {"power", "power_uw", "4000000.0,4400000.0,3600000.0"},
        {"meters",
         "meter || ' ' || state || ' ' || coalesce(windows, 0) || ' ' || coalesce(used, 0)",
         "powercap ok 6 3,nvml absent 0 0,exec off 0 0,perf ok 2 0"},
        {"energy-by-block", "coalesce(energy_windows, 0)", "1,2"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = column(store, cases[i].name, cases[i].expression);

        tap_ok(text && !strcmp(text, cases[i].expected), "%s: %s", cases[i].name,
               text ? text : "no rows");
        free(text);
    }
}

/* Three points of which each is the best in something, and one that is not. */
static void test_pareto(void)
{
    static const struct {
        int block;
        int64_t time_ns, bytes;
        double uj;
    } points[] = {{2, 500, 4000, 9}, {4, 600, 4000, 8}, {8, 700, 1000, 9}, {16, 700, 4000, 9}};
    struct fixture_keys keys;
    struct circ_store *store = fixture_store(NULL, CIRC_STORE_MEMORY, "pareto", &keys);

    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        struct circ_trial trial = fixture_trial("net", "circulant", points[i].block);

        fixture_energy(&trial);
        trial.time_ns_median = points[i].time_ns;
        trial.weight_bytes = points[i].bytes;
        trial.energy_uj_per_frame = points[i].uj;
        add(store, &keys, &trial);
    }
    struct circ_trial trial = fixture_trial("net", "circulant", 32); /* another kind: no rival */
    fixture_energy(&trial);
    trial.kind = trial.energy_kind = "emulated";
    trial.time_ns_median = 1;
    trial.energy_uj_per_frame = 1;
    add(store, &keys, &trial);
    char *text = column(store, "pareto",
                        "block || ' ' || best_in_time_energy || best_in_time_energy_weight");
    tap_ok(text && !strcmp(text, "32 11,2 11,4 11,8 01"), "who is not beaten, and in what: %s",
           text);
    free(text);
    circ_store_close(store);
}

static void test_delete(struct circ_store *store, const struct fixture_keys *keys)
{
    struct circ_error err;

    tap_ok(!circ_store_campaign_delete(store, keys->campaign, &err) &&
               !fixture_number(store, "SELECT (SELECT count(*) FROM power_sample)"
                                      " + (SELECT count(*) FROM campaign_meter)"
                                      " + (SELECT count(*) FROM energy_window)"),
           "with the campaign all of it goes");
}

int main(void)
{
    struct fixture_keys keys;
    struct circ_store *store = fixture_store(NULL, CIRC_STORE_MEMORY, "energy", &keys);

    fill(store, &keys);
    test_columns(store);
    test_rows(store);
    test_disagreement(store);
    test_meters(store, &keys);
    test_queries(store);
    test_pareto();
    test_delete(store, &keys);
    circ_store_close(store);
    return tap_done();
}
