/* Tests what a report says, on databases made through the store: the right numbers, the right words
 * for failures, and nothing invented. How it looks is test-browser.py's. */
#include "reports/report.h"
#include "tests/reports/report_fixture.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/circbench-report-XXXXXX";

/* The report as text; NULL, and a failed test, when it could not be made. Owned by the caller. */
static char *read_report(enum circ_fixture fixture, enum circ_report_format format)
{
    struct circ_store *store = NULL;
    struct circ_error err = {0};
    char campaign[CIRC_KEY_SIZE], path[128], *text = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/report", folder);
    enum circ_status status = circ_report_fixture_make(fixture, &store, campaign, &err);
    if (status == CIRC_OK)
        status = circ_report_write(store, campaign, format, path, &err);
    circ_store_close(store);
    tap_ok(status == CIRC_OK, "%s: written %s", circ_report_fixture_name(fixture), err.message);
    FILE *file = status == CIRC_OK ? fopen(path, "r") : NULL;
    FILE *copy = open_memstream(&text, &size);
    for (int c; file && copy && (c = fgetc(file)) != EOF;)
        fputc(c, copy);
    if (file)
        fclose(file);
    if (copy)
        fclose(copy);
    unlink(path);
    return text;
}

static void has(const char *text, const char *part)
{
    tap_ok(text && strstr(text, part), "it says: %.*s", (int)strcspn(part, "\n"), part);
}

static void lacks(const char *text, const char *part)
{
    tap_ok(text && !strstr(text, part), "it does not say: %.120s", part);
}

static void verdict_is(enum circ_fixture fixture, const char *want)
{
    struct circ_store *store = NULL;
    struct circ_error err = {0};
    char campaign[CIRC_KEY_SIZE], *text = NULL;
    enum circ_status status = circ_report_fixture_make(fixture, &store, campaign, &err);
    if (status == CIRC_OK)
        status = circ_report_verdict(store, campaign, &text, &err);
    if (!tap_ok(status == CIRC_OK && strcmp(text, want) == 0, "verdict of %s",
                circ_report_fixture_name(fixture)))
        tap_note("got: %s%s", text ? text : "", err.message);
    free(text);
    circ_store_close(store);
}

static void test_verdicts(void)
{
    verdict_is(CIRC_FIXTURE_TYPICAL, "alexnet-fc7, batch 1: circulant k=256 is 349x faster than "
                                     "dense (openblas) [339, 360], 256x "
                                     "less weight.\n"
                                     "alexnet-fc7, batch 64: circulant k=256 is 82.4x faster than "
                                     "dense (openblas) [79.9, 84.9], "
                                     "256x less weight.\n"
                                     "Energy was not measured: no energy counter: "
                                     "/sys/class/powercap is empty, as on most virtual "
                                     "machines; run on the host itself.\n");
    verdict_is(
        CIRC_FIXTURE_SLOW,
        "lenet, batch 1: no block size beats dense: the best, k=16, has 0.800x the speed of dense "
        "(openblas) [0.776, 0.824], 16x less weight.\n"
        "lenet, batch 8: no block size is clearly faster than dense: the best, k=8, has 0.995x the "
        "speed of dense (openblas) [0.966, 1.025], 8x less weight.\n"
        "Energy was not measured: no energy counter: /sys/class/powercap is empty, as on most "
        "virtual "
        "machines; run on the host itself.\n");
    verdict_is(
        CIRC_FIXTURE_NO_DENSE,
        "lenet, batch 1: no dense baseline to compare with; the fastest block is k=16 at 40.0 µs "
        "[39.4, "
        "40.6], 16x less weight.\n"
        "Energy was not measured: no energy counter: /sys/class/powercap is empty, as on most "
        "virtual "
        "machines; run on the host itself.\n");
    verdict_is(
        CIRC_FIXTURE_ALL_FAILED,
        "lenet, batch 1: no circulant row has a time (device: the device stopped answering).\n");
    verdict_is(CIRC_FIXTURE_RICH,
               "</script><script>alert(1)</script>\"'&|`*_[x](y) \uFFFD\uFFFD\uFFFD, batch 1: no "
               "dense baseline to "
               "compare with; the fastest block is k=8 at 1.00 µs [0.98, 1.01], 8x less weight.\n"
               "alexnet-fc7, batch 1: circulant k=256 is 349x faster than dense (openblas) [339, "
               "360], 256x "
               "less weight.\n"
               "7 more are in the report.\n");
}

static void test_typical(void)
{
    char *md = read_report(CIRC_FIXTURE_TYPICAL, CIRC_REPORT_MD);
    has(md, "# What block-circulant weights buy on AMD EPYC 9R14 96-Core Processor\n");
    has(md, "**alexnet-fc7, batch 1: k = 256 is 349× faster [339, 360]**");
    has(md, "- Weights: 256 KiB instead of 64 MiB (256× fewer).");
    has(md, "- Time of a batch: 6.30 µs [6.21, 6.39]; dense with openblas: 2.20 ms [2.17, 2.23].");
    has(md, "- Faster than dense from k = 4 (11.0× [10.7, 11.3]) on.");
    has(md, "> Warning: Other programs used 0.7 of a core");
    has(md, "| cpu | cpu0 | dense | openblas | OpenBLAS 0.3.21 (SkylakeX) |");
    has(md, "| dense (openblas) | none | 2.20 ms [2.17, 2.23] | 1× the baseline | 64 MiB | 1× | "
            "measured |");
    has(md, "| circulant | 4 | 200 µs [197, 203] stopped by the timeout | 11.0× [10.7, 11.3] | 16 "
            "MiB | 4× | "
            "measured |");
    has(md, "| pruned | 4 | 40.0 ms [39.4, 40.6] stopped by the timeout | 0.700× [0.679, 0.721] | "
            "32 MiB |");
    has(md, "| 256 | 256 KiB | 256× | **349×** [339, 360] | **55.0×** [53.4, 56.7] | **82.4×** "
            "[79.9, 84.9] "
            "| **35.0×** [34.0, 36.1] |");
    has(md, "| avx512 | 1 | 118 | 640 ns | 221 | 108 | 98.0 | 23.0 |");
    lacks(md, "| scalar | 1 |");
    lacks(md, "memory GB/s");
    has(md, "| circulant | 1 | 4 | 200 µs [197, 203] | 174 µs | 87.0 % | L3 | 83.9 | 0.998 |");
    has(md, "| dense (openblas) | 64 | none | 28.0 ms [27.6, 28.4] | 24.4 ms | 87.0 % | flop |");
    has(md, "machines; run on the host itself (30 points)");
    has(md, "Every point of the campaign was measured.");
    has(md,
        "circbench sweep -w alexnet-fc7 -s dense,circulant,pruned -k '4-256*2' -n 1,64 -b cpu\n");
    has(md, "reproduces the method, not that figure");
    lacks(md, "Warm and cold");
    lacks(md, "nan");
    lacks(md, "(null)");
    free(md);
}

static void test_rich(void)
{
    char *md = read_report(CIRC_FIXTURE_RICH, CIRC_REPORT_MD);
    has(md, "### emulated-layer, batch 1\n");
    has(md, "**emulated-layer, batch 1 (emulated): k = 32 is 3.21× faster [3.12, 3.31]**");
    has(md, "| circulant, avx2 | 8 |");
    has(md, "| circulant, scalar | 8 |");
    has(md, "- Energy: 660 µJ [640, 680] per frame; dense needs 5.33× [5.02, 5.66] "
            "(measured, package).");
    has(md, "| circulant | 8 | 660 µJ [640, 680] | – | – | – | 5.33× [5.02, 5.66] | measured | ok "
            "| powercap, package |");
    has(md, "| wrong: it ran and the answer was wrong | relative error 0.4 exceeds its bound 2e-06 "
            "| 1 | "
            "alexnet-fc7 | cpu circulant | 1024 |");
    has(md, "| timeout: too slow for the time limit | one batch takes longer than the limit of 10 "
            "s | 1 |");
    has(md,
        "| absent: hardware, driver, library or permission is missing | OpenBLAS was not found");
    has(md, "## Warm and cold weights\n");
    has(md, "| dense (openblas) | 1 | none | 1 MiB | 50.0 µs [49.2, 50.7] | 100 µs [98, 101] | "
            "2.00× [1.94, 2.06] | 1× the baseline | 1× the baseline |");
    has(md, "| circulant, bins | 1 | 8 | 128 KiB | 30.0 µs [29.6, 30.4] | 60.0 µs [59.1, 60.9] | "
            "2.00× [1.94, 2.06] | 1.67× [1.62, 1.72] | 1.67× [1.62, 1.72] |");
    lacks(md, "| circulant, bins | 1 | 16 | 64 KiB |");
    has(md, "| dense (openblas) | 2 | none | 1 MiB | 50.0 µs [49.2, 50.7] | 100 µs [98, 101] with "
            "onednn | 2.00× [1.94, 2.06] | 1× the baseline | 1× the baseline |");
    has(md, "| circulant, cold weights | 8 |");
    has(md, "| cpu | circulant | scalar | f32 |");
    has(md, "## Fewer bits for the weights\n");
    has(md,
        "| narrow, batch 1 | circulant, bf16 | 8 | 900 µs [886, 913] | 500 µs [492, 507] | 1.80×");
    has(md, "| 512 | – | – | – timeout | – | – | – |");
    lacks(md, "<script>");
    lacks(md, "nan");
    free(md);
    char *html = read_report(CIRC_FIXTURE_RICH, CIRC_REPORT_HTML);
    lacks(html, "<script>alert(1)");
    lacks(html, "nan,");
    has(html, "&lt;/script&gt;&lt;script&gt;alert(1)");
    if (circ_report_has_charts(NULL))
        has(html, "\"label\":\"circulant\",\"kind\":\"emulated\"");
    else
        has(html, "There are no charts: this program was built without d3");
    free(html);
}

/* A whole energy pass: joules kept apart by total, idle and net, what follows, traces, meters. */
static void test_energy(void)
{
    char *md = read_report(CIRC_FIXTURE_ENERGY, CIRC_REPORT_MD);
    if (!md)
        return;
    has(md, "| circulant | 16 | 1.32 mJ [1.31, 1.33] | 0.400 % | 240 µJ | 1.08 mJ | 3.64× [3.56, "
            "3.71] | measured | ok, 5 | powercap:intel-rapl, package |");
    has(md, "| circulant | 16 | 22.0 W [21.8, 22.2] | 18.2 % [18.0, 18.4] | 758 [750, 765] | 79.2 "
            "nJ s [77.2, 81.2] |");
    has(md, "| 45 → 61 °C | 3.1 → 2.9 GHz |");
    has(md, "- perf:power and powercap:intel-rapl disagree over package-0 in 7 of 7 windows");
    has(md, "- permission to read energy_uj was lost after 3 windows (1 point)");
    has(md, "| hwmon | absent | no sensor under /sys/class/hwmon gives energy or power");
    has(md, "| exec | not asked for |");
    has(md, "| package-0 | powercap:intel-rapl | package | 77 | 55 | 77 ok |");
    has(md, "| psys | powercap:intel-rapl | psys | 77 | 0 | 66 ok, 11 without a tick | the counter "
            "did not move in 1.00 s |");
    has(md, "Disagreements:");
    has(md,
        "| lenet, batch 1: circulant, k = 16 | measured | package-0 | powercap:intel-rapl | 700 "
        "| 6.99 s |");
    lacks(md, "All energy here is emulated");
    free(md);
    md = read_report(CIRC_FIXTURE_SIMULATED, CIRC_REPORT_MD);
    if (!md)
        return;
    has(md, "All energy here is emulated: the counters were those of a replayed or simulated "
            "machine.");
    lacks(md, "| measured | ok, 5 |");
    lacks(md, "Drawn are the mean");
    free(md);
}

static void test_failures(void)
{
    struct circ_store *store = NULL;
    struct circ_error err = {0};
    char campaign[CIRC_KEY_SIZE], path[128], *text = NULL;
    bool made = circ_report_fixture_make(CIRC_FIXTURE_EMPTY, &store, campaign, &err) == CIRC_OK;
    snprintf(path, sizeof path, "%s/none", folder);
    tap_ok(made && circ_report_write(store, campaign, CIRC_REPORT_MD, path, &err) == CIRC_NOTHING &&
               access(path, F_OK) != 0,
           "a campaign without rows: NOTHING, and no file");
    tap_ok(made && circ_report_verdict(store, campaign, &text, &err) == CIRC_NOTHING && !text,
           "nor a verdict");
    tap_ok(made && circ_report_verdict(store, "no such key", &text, &err) == CIRC_NOTHING && !text,
           "nor one of a campaign that is not there");
    circ_store_close(store);
    store = NULL;
    made = circ_report_fixture_make(CIRC_FIXTURE_TYPICAL, &store, campaign, &err) == CIRC_OK;
    tap_ok(made &&
               circ_report_write(store, campaign, CIRC_REPORT_MD, "/nowhere/report.md", &err) ==
                   CIRC_USAGE &&
               strstr(err.message, "/nowhere/report.md"),
           "a folder that is not there: usage, with the path");
    snprintf(path, sizeof path, "%s/kept", folder);
    mkdir(path, 0700);
    tap_ok(made && circ_report_write(store, campaign, CIRC_REPORT_MD, path, &err) == CIRC_IO &&
               rmdir(path) == 0,
           "a path that cannot be replaced: IO");
    circ_store_close(store);
}

int main(void)
{
    if (!mkdtemp(folder)) {
        tap_ok(false, "a temporary folder");
        return tap_done();
    }
    test_verdicts();
    test_typical();
    test_rich();
    test_energy();
    test_failures();
    tap_ok(rmdir(folder) == 0, "no temporary file is left");
    return tap_done();
}
