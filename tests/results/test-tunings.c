/* Tunings in the database: stored, replaced by newer ones alone, and read from JSON. */
#include "tests/results/results_fixture.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

static const struct circ_tuning_row first = {.backend = "opencl",
                                             .device = "card",
                                             .variant = "fused",
                                             .op = "fc",
                                             .pass = "infer",
                                             .block = 8,
                                             .batch = 64,
                                             .tuning = "v1",
                                             .kind = "measured",
                                             .time_ns = 900,
                                             .default_time_ns = 1000,
                                             .samples = 15,
                                             .workload = "fc:8x8",
                                             .created_ns = 10};

static void test_store(struct circ_store *store)
{
    struct circ_tuning_row rows[3] = {first, first, first}, *read;
    struct circ_error err = {.message = ""};
    int count = -1;
    tap_ok(!circ_store_tunings(store, &read, &count, &err) && !count, "at first there is none");
    free(read);
    rows[1].batch = 1;
    strcpy(rows[2].device, "another");
    strcpy(rows[2].description, "driver 1");
    tap_ok(!circ_store_tunings_add(store, rows, 3, &err), "three are stored %s", err.message);
    bool ok = !circ_store_tunings(store, &read, &count, &err) && count == 3;
    tap_ok(ok && !strcmp(read[0].device, "another") && !strcmp(read[0].description, "driver 1") &&
               read[1].batch == 1 && read[2].batch == 64 && !*read[2].description &&
               read[2].time_ns == 900 && read[2].default_time_ns == 1000 && read[2].samples == 15 &&
               read[2].created_ns == 10 && !strcmp(read[2].tuning, "v1"),
           "and come back in order, whole");
    free(read);
    strcpy(rows[0].tuning, "v2");
    rows[0].created_ns = 9;
    tap_ok(!circ_store_tunings_add(store, rows, 1, &err) &&
               fixture_number(store, "SELECT count(*) FROM tuning WHERE tuning = 'v2'") == 0,
           "an older one does not replace a newer");
    rows[0].created_ns = 11;
    tap_ok(!circ_store_tunings_add(store, rows, 1, &err) &&
               fixture_number(store, "SELECT count(*) FROM tuning") == 3 &&
               fixture_number(store, "SELECT count(*) FROM tuning WHERE tuning = 'v2'") == 1,
           "a newer one replaces an older");
    rows[0].created_ns = 12;
    rows[1].samples = 0;
    rows[1].created_ns = 12;
    tap_ok(circ_store_tunings_add(store, rows, 2, &err) &&
               fixture_number(store, "SELECT max(created_ns) FROM tuning") == 11,
           "of many of which one is refused none is stored: %s", err.message);
}

static void test_parse(struct circ_store *store)
{
#define LINE(op, block, created)                                                                   \
    "{\"backend\": \"opencl\", \"device\": \"a \\\"card\\\"\", \"variant\": \"fused\", \"op\": "   \
    "\"" op "\", \"pass\": \"infer\", \"block\": " block ", \"blocks\": \"1-\", \"batch\": 1,"     \
    " \"tuning\": \"v1 r2\", \"kind\": \"measured\", \"time_ns\": 5, \"default_time_ns\": 6,"      \
    " \"gain\": 1.2, \"samples\": 15, \"workload\": \"w\", \"description\": null,"                 \
    " \"created_ns\": " created "}"
    static const struct {
        const char *line, *why;
    } bad[] = {{"", "JSON object"},
               {"text", "JSON object"},
               {"[1]", "JSON object"},
               {"{}", "\"backend\""},
               {LINE("pool", "8", "1"), "\"op\""},
               {LINE("f", "8", "1"), "\"op\""},
               {LINE("fc conv", "8", "1"), "\"op\""},
               {LINE("fc", "0", "1"), "\"block\""},
               {LINE("fc", "8.5", "1"), "\"block\""},
               {LINE("fc", "\"8\"", "1"), "\"block\""},
               {LINE("fc", "99999999999", "1"), "\"block\""},
               {LINE("fc", "8", "-1"), "\"created_ns\""},
               {LINE("fc", "8", "null"), "\"created_ns\""}};
    struct circ_tuning_row row;
    struct circ_error err = {.message = ""};
    tap_ok(!circ_store_tuning_parse(store, LINE("conv", "8", "77"), &row, &err) &&
               !strcmp(row.device, "a \"card\"") && !strcmp(row.op, "conv") && row.block == 8 &&
               row.time_ns == 5 && row.created_ns == 77 && !*row.description && !*row.version,
           "a line is read %s", err.message);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        tap_ok(circ_store_tuning_parse(store, bad[i].line, &row, &err) == CIRC_USAGE &&
                   strstr(err.message, bad[i].why),
               "%s", err.message);
    char line[600];
    snprintf(line, sizeof line, "{\"backend\": \"%0200d\"}", 1);
    tap_ok(circ_store_tuning_parse(store, line, &row, &err) == CIRC_USAGE, "%s", err.message);
}

int main(void)
{
    struct circ_store *store;
    struct circ_error err = {.message = ""};
    if (circ_store_open(&store, "", CIRC_STORE_MEMORY, &err)) {
        tap_ok(false, "%s", err.message);
        return tap_done();
    }
    test_store(store);
    test_parse(store);
    circ_store_close(store);
    return tap_done();
}
