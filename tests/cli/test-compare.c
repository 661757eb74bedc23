/* The judgement of compare: what is same, faster, slower and unclear, what may not be compared, and
 * the rule of --fail-on. */
#include "harness/compare.h"
#include "tests/tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COUNT = 20 };

/* Evenly spread within +-spread of center, in a shuffled order: 7 and COUNT have no common divisor.
 */
static void fill(double *values, size_t count, double center, double spread)
{
    for (size_t i = 0; i < count; i++) {
        double place = count > 1 ? (double)(i * 7 % count) / (double)(count - 1) : 0.5;
        values[i] = center * (1 + spread * (2 * place - 1));
    }
}

static void expect(const char *name, double new_center, double spread, size_t new_count,
                   enum circ_compare_verdict verdict)
{
    double base[COUNT], new[COUNT];
    struct circ_compare_contrast contrast;
    struct circ_error err = {0};
    fill(base, COUNT, 1e6, spread);
    fill(new, new_count, new_center, spread);
    enum circ_status status =
        circ_compare_samples(base, COUNT, new, new_count, CIRC_COMPARE_FLOOR, 1, &contrast, &err);
    const char *word = circ_compare_verdict_name(contrast.verdict, false);
    tap_ok(status == CIRC_OK && contrast.verdict == verdict,
           "%s: %s, ratio %.4f [%.4f, %.4f], p %.3g %s", name, word ? word : "none", contrast.ratio,
           contrast.interval.low, contrast.interval.high, contrast.p, contrast.reason);
    tap_ok(!!*contrast.reason == (verdict == CIRC_COMPARE_UNCLEAR), "a reason only where unclear");
}

static void test_verdicts(void)
{
    expect("equal", 1e6, 0.01, COUNT, CIRC_COMPARE_SAME);
    expect("1 % slower, significant, below the floor", 1.01e6, 0.001, COUNT, CIRC_COMPARE_SAME);
    expect("20 % slower", 1.2e6, 0.01, COUNT, CIRC_COMPARE_SLOWER);
    expect("20 % faster", 0.8e6, 0.01, COUNT, CIRC_COMPARE_FASTER);
    expect("at the floor", 1.03e6, 0.01, COUNT, CIRC_COMPARE_UNCLEAR);
    expect("noise larger than the floor", 1.02e6, 0.3, COUNT, CIRC_COMPARE_UNCLEAR);
    expect("two samples", 2e6, 0.01, 2, CIRC_COMPARE_SLOWER); /* 20 and 2: p can reach 0.0087 */
    expect("one sample", 2e6, 0.01, 1, CIRC_COMPARE_UNCLEAR);

    struct circ_compare_contrast contrast;
    double base[COUNT];
    fill(base, COUNT, 1e6, 0.01);
    enum circ_status status =
        circ_compare_samples(base, COUNT, NULL, 0, CIRC_COMPARE_FLOOR, 1, &contrast, NULL);
    tap_ok(status == CIRC_OK && contrast.verdict == CIRC_COMPARE_NONE && isnan(contrast.ratio) &&
               isnan(contrast.new) && contrast.base > 0,
           "one side without samples has no verdict and no ratio");
}

static void test_rules(void)
{
    static const char *const bad[] = {"",          "time",     "time>",     "time>3",   "time<3%",
                                      "speed>3%",  "time>0%",  "time>-3%",  "time>3%x", "time>nan%",
                                      "time>0x3%", "time>3%%", "time>2000%"};
    struct circ_compare_rule rule;
    struct circ_error err = {0};
    tap_ok(circ_compare_rule_parse(NULL, &rule, &err) == CIRC_OK && !rule.energy &&
               rule.floor == CIRC_COMPARE_FLOOR,
           "no rule: the default floor");
    tap_ok(circ_compare_rule_parse("time>5%", &rule, &err) == CIRC_OK && !rule.energy &&
               fabs(rule.floor - 0.05) < 1e-12,
           "time>5%%");
    tap_ok(circ_compare_rule_parse(" energy > 2.5 % ", &rule, &err) == CIRC_OK && rule.energy &&
               fabs(rule.floor - 0.025) < 1e-12,
           "energy > 2.5 %%, with blanks");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tap_ok(circ_compare_rule_parse(bad[i], &rule, &err) == CIRC_USAGE &&
                   strstr(err.message, "--fail-on 'time>3%'"),
               "'%s' is refused", bad[i]);
    }
}

/* A campaign with one trial, whose package takes the joules of two windows from two dies. */
static void add_campaign(struct circ_store *store, const char *name, const char *kind,
                         const char *source, const char *scope)
{
    static const struct circ_fact facts[] = {{"cpu", "Test CPU", true}};
    static const struct circ_device_row device = {"cpu", "cpu0", "Test CPU", "cpu", 1 << 30};
    const struct circ_campaign campaign = {.name = name,
                                           .command = "circbench sweep",
                                           .axes = name,
                                           .version = "",
                                           .commit = "",
                                           .build = "",
                                           .warnings = "",
                                           .created_ns = 1};
    struct circ_energy_window windows[8];
    for (int i = 0; i < 8; i++) { /* two dies, an idle window, two used ones, one that is not */
        windows[i] = (struct circ_energy_window){.source = source,
                                                 .channel = i % 2 ? "package-1" : "package-0",
                                                 .scope = scope,
                                                 .pci = "",
                                                 .grade = i / 2 == 2 ? "short" : "ok",
                                                 .place = i / 2,
                                                 .idle = i < 2,
                                                 .chosen = true,
                                                 .used = i / 2 == 1 || i / 2 == 2,
                                                 .duration_ns = 1000000000,
                                                 .frames = i < 2 ? 0 : 10,
                                                 .energy_uj = 100 * (i + 1),
                                                 .bound_uj = 1};
    }
    struct circ_trial trial = circ_trial_unknown(&(struct circ_point){.workload = "net",
                                                                      .backend = "cpu",
                                                                      .device = "cpu0",
                                                                      .structure = "circulant",
                                                                      .variant = "fused",
                                                                      .isa = "",
                                                                      .precision = "f32",
                                                                      .pass = "infer",
                                                                      .block = 8,
                                                                      .batch = 1,
                                                                      .threads = 1});
    trial.status = CIRC_OK;
    trial.kind = "measured";
    trial.time_ns_median = 1000;
    trial.stop_reason = "precise";
    trial.energy_uj_per_frame = 90;
    trial.energy_kind = kind;
    trial.energy_source = source;
    trial.energy_scope = scope;
    trial.windows = windows;
    trial.window_count = 8;
    char host[CIRC_KEY_SIZE], device_key[CIRC_KEY_SIZE], key[CIRC_KEY_SIZE];
    struct circ_error err = {0};
    bool stored =
        !circ_store_host(store, facts, 1, host, &err) &&
        !circ_store_device(store, host, &device, device_key, &err) &&
        !circ_store_campaign(store, host, &campaign, key, &err) && !circ_store_begin(store, &err) &&
        !circ_store_trial(store, key, device_key, &trial, &err) && !circ_store_commit(store, &err);
    tap_ok(stored, "campaign %s %s", name, err.message);
}

/* The energies of two campaigns, as cmd_compare.c contrasts them. */
static void expect_energy(const char *path, const char *other, bool refused, const char *reason)
{
    struct circ_compare_side base = {.role = "BASE"}, new = {.role = "NEW"};
    struct circ_compare_contrast contrast = {0};
    struct circ_error err = {0};
    if (tap_ok(!circ_compare_read(&base, "measured", path, &err) &&
                   !circ_compare_read(&new, other, path, &err) && base.count == 1 && new.count == 1,
               "measured and %s are read %s", other, err.message)) {
        const struct circ_compare_entry *a = base.entries, *b = new.entries;
        tap_ok(a->energy_count == 2 && a->energy_uj[0] == 70 && a->energy_uj[1] == 110,
               "two windows are used, of each the sum of its dies");
        bool done = !circ_compare_samples(a->energy_uj, a->energy_count, b->energy_uj,
                                          b->energy_count, 0.03, 1, &contrast, &err);
        tap_ok(circ_compare_refuse(a, b, true, &contrast) == refused, "%s: refused or not", other);
        tap_ok(done && contrast.verdict == CIRC_COMPARE_UNCLEAR &&
                   strstr(contrast.reason, reason) && isnan(contrast.ratio) == refused,
               "%s: ratio %g, %s", other, contrast.ratio, contrast.reason);
        contrast.reason[0] = 0;
        contrast.verdict = CIRC_COMPARE_SAME;
        circ_compare_refuse(a, b, false, &contrast);
        tap_ok(contrast.verdict == CIRC_COMPARE_SAME && !*contrast.reason,
               "%s: their times may be compared", other);
    }
    circ_compare_free(&new);
    circ_compare_free(&base);
}

static void test_energy(void)
{
    char folder[] = "/tmp/circ-compare-XXXXXX", path[64];
    struct circ_store *store = NULL;
    struct circ_error err = {0};
    bool made = mkdtemp(folder) != NULL;
    snprintf(path, sizeof path, "%s/energy.db", folder);
    if (!tap_ok(made && !circ_store_open(&store, path, CIRC_STORE_WRITE, &err), "a database %s",
                err.message)) {
        return;
    }
    add_campaign(store, "measured", "measured", "powercap:intel-rapl", "package");
    add_campaign(store, "again", "measured", "powercap:intel-rapl", "package");
    add_campaign(store, "simulated", "emulated", "powercap:intel-rapl", "package");
    add_campaign(store, "board", "measured", "powercap:intel-rapl", "board");
    add_campaign(store, "other", "measured", "perf:power", "package");
    circ_store_close(store);
    expect_energy(path, "again", false, "2 and 2 samples cannot reach");
    expect_energy(path, "simulated", true, "kinds differ: measured and emulated");
    expect_energy(path, "board", true, "scopes differ: package and board");
    expect_energy(path, "other", true, "sources differ: powercap:intel-rapl and perf:power");
    tap_ok(unlink(path) == 0, "the database is removed");
    static const char *const rests[] = {"-wal", "-shm"};
    for (int i = 0; i < 2; i++) {
        char rest[80];
        snprintf(rest, sizeof rest, "%s%s", path, rests[i]);
        unlink(rest);
    }
    rmdir(folder);
}

int main(void)
{
    test_verdicts();
    test_rules();
    test_energy();
    return tap_done();
}
