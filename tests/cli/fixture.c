/* Writes the database that the golden command lines read: fixture FILE.db. Two campaigns, "base"
 * and "new", whose points differ in known ways; everything in it is made up and the same at every
 * run. */
#include "harness/stats.h"
#include "results/store.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SAMPLES     20
#define WINDOWS     6
#define BASE_NS     1000000.0
#define CREATED_NS  1700000000000000000LL /* 2023-11-14 22:13 UTC */
#define CREATED_GAP 3600000000000LL

/* One point: its time in each campaign relative to BASE_NS, 0 where it was not measured. */
static const struct {
    const char *structure, *variant;
    int block, batch;
    double base, new;
    int new_samples;
    double base_uj, new_uj; /* per frame; 0: no meter */
    const char *new_status; /* of a failure in "new"; NULL: ok */
} points[] = {
    {"dense", "openblas", 1, 1, 4.0, 4.0, SAMPLES, 400, 400, NULL},  /* same */
    {"circulant", "fused", 8, 1, 1.0, 1.2, SAMPLES, 100, 130, NULL}, /* slower, more energy */
    {"circulant", "fused", 16, 1, 1.0, 0.8, SAMPLES, 100, 80, NULL}, /* faster */
    {"circulant", "fused", 32, 1, 1.0, 1.03, SAMPLES, 0, 0, NULL},   /* at the floor: unclear */
    {"circulant", "fused", 64, 1, 1.0, 1.5, 1, 0, 0, NULL},          /* too few samples */
    {"circulant", "fused", 128, 1, 1.0, 0, 0, 0, 0, "wrong"},        /* failed */
    {"circulant", "fused", 256, 1, 1.0, 0, 0, 0, 0, NULL},           /* base only */
    {"circulant", "fused", 512, 1, 0, 1.0, SAMPLES, 0, 0, NULL},     /* new only */
    {"pruned", "csr", 8, 1, 6.0, 6.0, SAMPLES, 0, 0, NULL},          /* same */
    {"dense", "openblas", 1, 64, 100.0, 100.0, SAMPLES, 0, 0, NULL}, /* same */
    {"circulant", "fused", 8, 64, 20.0, 20.0, SAMPLES, 0, 0, NULL},  /* same */
};

static const struct circ_fact facts[] = {
    {"cpu", "Example CPU", true}, {"cores", "2", true}, {"governor", "performance", false}};

static struct circ_sample samples[SAMPLES];
static struct circ_energy_window windows[WINDOWS];

/* Samples within +-1 % of the centre, in a shuffled order. */
static enum circ_status fill_times(struct circ_trial *trial, double scale, int count,
                                   struct circ_error *err)
{
    double values[SAMPLES];
    struct circ_summary summary;
    for (int i = 0; i < count; i++) {
        double place = count > 1 ? (i * 7 % SAMPLES) / (SAMPLES - 1.0) : 0.5;
        values[i] = BASE_NS * scale * (0.99 + 0.02 * place);
        samples[i] = (struct circ_sample){.start_ns = i * 1000000LL,
                                          .time_ns = (int64_t)values[i],
                                          .device_time_ns = -1,
                                          .iterations = 4};
    }
    enum circ_status status = circ_stats_summarize(values, (size_t)count, 1, &summary, err);
    if (status == CIRC_OK) {
        trial->samples = samples;
        trial->sample_count = (size_t)count;
        trial->time_ns_median = llround(summary.median);
        trial->time_ns_min = llround(summary.min);
        trial->time_ns_p95 = llround(summary.p95);
        trial->time_ns_ci_low = llround(summary.ci.low);
        trial->time_ns_ci_high = llround(summary.ci.high);
        trial->stop_reason = "precise";
    }
    return status;
}

static void fill_energy(struct circ_trial *trial, double uj)
{
    for (int i = 0; i < WINDOWS; i++) {
        windows[i] = (struct circ_energy_window){.source = "powercap",
                                                 .channel = "package-0",
                                                 .scope = "package",
                                                 .grade = "ok",
                                                 .place = i,
                                                 .chosen = true,
                                                 .used = true,
                                                 .duration_ns = 1000000000,
                                                 .frames = 1000,
                                                 .raw_start = i * 1000000LL,
                                                 .raw_end = (i + 1) * 1000000LL,
                                                 .energy_uj = 1000 * uj * (1 + 0.001 * i),
                                                 .bound_uj = 100};
    }
    trial->windows = windows;
    trial->window_count = WINDOWS;
    trial->energy_uj_per_frame = uj;
    trial->energy_uj_ci_low = uj;
    trial->energy_uj_ci_high = uj * 1.005;
    trial->energy_source = "powercap";
    trial->energy_scope = "package";
    trial->energy_kind = "measured";
    trial->energy_quality = "ok";
    trial->energy_reason = "";
}

static enum circ_status write_point(struct circ_store *store, const char *campaign,
                                    const char *device, size_t index, bool new,
                                    struct circ_error *err)
{
    double scale = new ? points[index].new : points[index].base;
    double uj = new ? points[index].new_uj : points[index].base_uj;
    const char *failure = new ? points[index].new_status : NULL;
    if (scale <= 0 && !failure) {
        return CIRC_OK;
    }
    int64_t weights = 4096 * 4096 / points[index].block;
    struct circ_trial trial =
        circ_trial_unknown(&(struct circ_point){.workload = "alexnet-fc7",
                                                .backend = "cpu",
                                                .device = "Example CPU",
                                                .structure = points[index].structure,
                                                .variant = points[index].variant,
                                                .isa = "",
                                                .precision = "f32",
                                                .pass = "infer",
                                                .block = points[index].block,
                                                .batch = points[index].batch,
                                                .threads = 2});
    trial.status = failure ? CIRC_WRONG : CIRC_OK;
    trial.reason = failure ? "relative RMS error 0.5 is above 2e-6" : "";
    trial.kind = "measured";
    trial.isa = "avx2";
    trial.rel_rms_error = failure ? 0.5 : 1e-7;
    trial.max_error = failure ? 1 : 1e-6;
    trial.error_bound = 2e-6;
    trial.checked = 4096;
    trial.outputs = 4096;
    trial.prepare_ns = 1000;
    trial.upload_ns = 1000;
    trial.download_ns = 1000;
    trial.verify_ns = 1000;
    trial.flop_dense = 2 * 4096 * 4096;
    trial.flop_executed = 2 * weights;
    trial.weight_count = weights;
    trial.weight_count_dense = 4096 * 4096;
    trial.weight_bytes = 4 * weights;
    trial.energy_reason = "no energy counter";
    enum circ_status status = CIRC_OK;
    if (!failure) {
        status = fill_times(&trial, scale, new ? points[index].new_samples : SAMPLES, err);
    }
    if (!failure && uj > 0) {
        fill_energy(&trial, uj);
    }
    return status == CIRC_OK ? circ_store_trial(store, campaign, device, &trial, err) : status;
}

static enum circ_status write_campaign(struct circ_store *store, bool new, struct circ_error *err)
{
    const struct circ_device_row row = {"cpu", "Example CPU", "an example", "cpu", 1 << 30};
    const struct circ_campaign campaign = {.name = new ? "new" : "base",
                                           .command = "circbench sweep -k '8-512*2'",
                                           .axes = new ? "n" : "b",
                                           .version = "0.1.0",
                                           .commit = "0000000",
                                           .build = "example",
                                           .warnings = "",
                                           .created_ns = CREATED_NS + (new ? CREATED_GAP : 0),
                                           .seed = 1};
    char host[CIRC_KEY_SIZE], device[CIRC_KEY_SIZE], key[CIRC_KEY_SIZE];
    enum circ_status status = circ_store_begin(store, err);
    if (status == CIRC_OK) {
        status = circ_store_host(store, facts, sizeof facts / sizeof *facts, host, err);
    }
    if (status == CIRC_OK) {
        status = circ_store_device(store, host, &row, device, err);
    }
    if (status == CIRC_OK) {
        status = circ_store_campaign(store, host, &campaign, key, err);
    }
    for (size_t i = 0; i < sizeof points / sizeof *points && status == CIRC_OK; i++) {
        status = write_point(store, key, device, i, new, err);
    }
    return status == CIRC_OK ? circ_store_commit(store, err) : status;
}

int main(int argc, char **argv)
{
    struct circ_store *store = NULL;
    struct circ_error err = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: fixture FILE.db\n");
        return 2;
    }
    enum circ_status status = circ_store_open(&store, argv[1], CIRC_STORE_WRITE, &err);
    if (status == CIRC_OK) {
        status = write_campaign(store, false, &err);
    }
    if (status == CIRC_OK) {
        status = write_campaign(store, true, &err);
    }
    circ_store_close(store);
    if (status != CIRC_OK) {
        fprintf(stderr, "fixture: %s\n", err.message);
    }
    return status != CIRC_OK;
}
