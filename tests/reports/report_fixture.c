/* Fills databases with plausible rows for the tests of the report. It measures nothing. */
#include "tests/reports/report_fixture.h"

#include "tests/reports/energy_fixture.h"

#include <math.h>
#include <string.h>

#define HOSTILE "</script><script>alert(1)</script>\"'&|`*_[x](y) \xE2\x80\xAE\xFF\x01"

static const char *const names[] = {"typical", "rich",      "slow",  "no-dense", "all-failed",
                                    "energy",  "simulated", "empty", NULL};

struct maker {
    struct circ_store *store;
    const char *campaign, *device;
    struct circ_error *err;
    enum circ_status status; /* of the first failure */
    const char *workload, *isa, *kind, *energy_reason;
    int batch, threads, m, n; /* of the weight matrix */
    double energy_w;          /* power of the package, for an energy figure; 0 for none */
    bool energy_pass;         /* the figure comes with windows and a trace */
    bool roofs;               /* rows stand beside a roof */
    bool cold;                /* rows have cold weights */
    const char *library;      /* variant of dense rows */
    const char *precision;
};

const char *circ_report_fixture_name(int fixture)
{
    return names[fixture];
}

static struct circ_trial blank(const struct maker *maker, const char *structure, int block)
{
    bool dense = strcmp(structure, "dense") == 0;
    struct circ_trial trial = circ_trial_unknown(
        &(struct circ_point){.workload = maker->workload,
                             .backend = "cpu",
                             .device = "cpu0",
                             .structure = structure,
                             .variant = dense                              ? maker->library
                                        : strcmp(structure, "pruned") == 0 ? "csr"
                                                                           : "bins",
                             .isa = dense ? "" : maker->isa,
                             .precision = maker->precision,
                             .pass = "infer",
                             .block = block,
                             .batch = maker->batch,
                             .threads = maker->threads,
                             .cold = maker->cold});
    trial.kind = maker->kind;
    trial.library = dense ? "OpenBLAS 0.3.21 (SkylakeX)" : "";
    trial.isa = dense ? "" : maker->isa;
    return trial;
}

static void store(struct maker *maker, const struct circ_trial *trial)
{
    if (maker->status == CIRC_OK)
        maker->status =
            circ_store_trial(maker->store, maker->campaign, maker->device, trial, maker->err);
}

static void add_samples(struct circ_trial *trial, struct circ_sample samples[5], double ns)
{
    for (int i = 0; i < 5; i++)
        samples[i] = (struct circ_sample){.start_ns = i * 1000000,
                                          .time_ns = (int64_t)(ns * (0.98 + 0.01 * i)),
                                          .device_time_ns = -1,
                                          .iterations = 10};
    trial->samples = samples;
    trial->sample_count = 5;
}

/* A row with a time in ms and an interval of +-1.5 %. */
static void add_ok(struct maker *maker, const char *structure, int block, double ms)
{
    struct circ_trial trial = blank(maker, structure, block);
    struct circ_sample samples[5];
    int64_t dense = (int64_t)maker->m * maker->n;
    bool pruned = strcmp(structure, "pruned") == 0;
    double ns = ms * 1e6;
    trial.status = CIRC_OK;
    trial.rel_rms_error = 1.1e-7 + 1e-9 * block;
    trial.error_bound = 2e-6;
    trial.max_error = 9e-7;
    trial.outputs = (int64_t)maker->m * maker->batch;
    trial.checked = trial.outputs < 4096 ? trial.outputs : 4096;
    trial.time_ns_median = (int64_t)ns;
    trial.time_ns_min = (int64_t)(ns * 0.97);
    trial.time_ns_p95 = (int64_t)(ns * 1.04);
    trial.time_ns_ci_low = (int64_t)(ns * 0.985);
    trial.time_ns_ci_high = (int64_t)(ns * 1.015);
    trial.stop_reason = block == 4 ? "timeout" : "precise";
    trial.prepare_ns = 120000000;
    trial.verify_ns = 80000000;
    trial.flop_dense = 2 * dense;
    trial.flop_executed = strcmp(structure, "dense") == 0 ? 2 * dense : 4 * dense / block;
    trial.weight_count_dense = dense;
    trial.weight_count = dense / block;
    trial.weight_bytes = dense / block * (pruned ? 8 : 4);
    if (maker->roofs && strcmp(maker->kind, "measured") == 0) {
        trial.flop_roof = trial.flop_executed;
        trial.roof_bytes = trial.weight_bytes + 4 * (int64_t)(maker->m + maker->n) * maker->batch;
        trial.roof_time_ns = ns * (block >= 64 ? .45 : .87);
        trial.roof_bound = maker->batch > 1 ? "flop" : block > 8 ? "L2" : "L3";
    }
    add_samples(&trial, samples, ns);
    trial.energy_reason = maker->energy_reason;
    if (maker->energy_w > 0) {
        trial.energy_uj_per_frame = maker->energy_w * ns / 1000 / maker->batch;
        trial.energy_uj_ci_low = trial.energy_uj_per_frame * 0.97;
        trial.energy_uj_ci_high = trial.energy_uj_per_frame * 1.03;
        trial.idle_power_uw = 4e6;
        trial.energy_source = "powercap";
        trial.energy_scope = "package";
        trial.energy_kind = "measured";
        trial.energy_quality = "ok";
        trial.energy_reason = "";
    }
    static struct energy_fixture pass;
    if (maker->energy_pass && maker->energy_w > 0)
        energy_fixture_fill(&trial, &pass, maker->energy_w, ns / maker->batch, maker->kind,
                            block == 16);
    store(maker, &trial);
}

static void add_failed(struct maker *maker, const char *structure, int block,
                       enum circ_status status, const char *reason)
{
    struct circ_trial trial = blank(maker, structure, block);
    trial.status = status;
    trial.reason = reason;
    if (status == CIRC_WRONG) {
        trial.rel_rms_error = 0.4;
        trial.max_error = 3;
        trial.error_bound = 2e-6;
        trial.checked = trial.outputs = 4096;
    }
    store(maker, &trial);
}

static void add_sweep(struct maker *maker, const char *structure, int first, const double *ms,
                      int count)
{
    for (int i = 0, block = first; i < count; i++, block *= 2)
        add_ok(maker, structure, block, ms[i]);
}

static void set_workload(struct maker *maker, const char *workload, int batch, int m, int n)
{
    maker->workload = workload;
    maker->batch = batch;
    maker->m = m;
    maker->n = n;
}

/* Of avx512, and of scalar, under which no row lies. */
static void add_ceilings(struct maker *maker)
{
    static const struct circ_ceiling ceilings[] = {
        {.metric = "fma_f32", .unit = "GFLOP/s", .value = 117.6},
        {.metric = "read", .unit = "GB/s", .level = "L1", .bytes = 16384, .value = 219},
        {.metric = "read", .unit = "GB/s", .level = "L1", .bytes = 32768, .value = 221},
        {.metric = "read", .unit = "GB/s", .level = "L2", .bytes = 262144, .value = 117},
        {.metric = "read", .unit = "GB/s", .level = "L2", .bytes = 786432, .value = 108},
        {.metric = "fork_join", .unit = "ns", .value = 640},
        {.metric = "read", .unit = "GB/s", .level = "L3", .bytes = 8388608, .value = 98},
        {.metric = "read", .unit = "GB/s", .level = "dram", .bytes = 268435456, .value = 23},
    };
    const struct circ_ceiling peak = {.metric = "fma_f32", .unit = "GFLOP/s", .value = 12};
    int count = sizeof ceilings / sizeof *ceilings;
    maker->roofs = true;
    if (maker->status == CIRC_OK)
        maker->status = circ_store_ceilings_add(maker->store, maker->device, "avx512", 1, ceilings,
                                                count, 1, maker->err);
    if (maker->status == CIRC_OK)
        maker->status = circ_store_ceilings_add(maker->store, maker->device, "scalar", 1, &peak, 1,
                                                1, maker->err);
}

static void add_typical(struct maker *maker)
{
    add_ceilings(maker);
    static const double one[] = {.2, .09, .046, .024, .0138, .0077, .0063};
    static const double one_pruned[] = {1.59, .77, .39, .2, .108, .066, .04};
    static const double many[] = {6.8, 3.54, 1.87, 1.06, .63, .425, .34};
    static const double many_pruned[] = {40, 20, 10, 5, 2.6, 1.4, .8};
    set_workload(maker, "alexnet-fc7", 1, 4096, 4096);
    add_ok(maker, "dense", 1, 2.2);
    add_sweep(maker, "circulant", 4, one, 7);
    add_sweep(maker, "pruned", 4, one_pruned, 7);
    set_workload(maker, "alexnet-fc7", 64, 4096, 4096);
    add_ok(maker, "dense", 1, 28);
    add_sweep(maker, "circulant", 4, many, 7);
    add_sweep(maker, "pruned", 4, many_pruned, 7);
}

static void add_rich(struct maker *maker)
{
    static const double avx2[] = {.9, .5, .28}, scalar[] = {4.1, 2.3, 1.4}, close[] = {.03, .02},
                        lenet[] = {.11, .06, .04, .03};
    add_typical(maker);
    maker->isa = "scalar";
    set_workload(maker, "alexnet-fc7", 1, 4096, 4096);
    struct circ_trial trial = blank(maker, "circulant", 512);
    trial.status = CIRC_TIMEOUT;
    trial.reason = "one batch takes longer than the limit of 10 s";
    store(maker, &trial);
    add_failed(maker, "circulant", 1024, CIRC_WRONG, "relative error 0.4 exceeds its bound 2e-06");
    set_workload(maker, "lenet", 1, 500, 800);
    maker->energy_w = 22;
    add_ok(maker, "dense", 1, .16);
    add_sweep(maker, "circulant", 1, lenet, 4);
    maker->energy_w = 0;
    set_workload(maker, "fc:512x512", 1, 512, 512);
    add_ok(maker, "dense", 1, .05);
    add_sweep(maker, "circulant", 8, close, 2);
    maker->cold = true;
    add_ok(maker, "dense", 1, .1);
    add_ok(maker, "circulant", 8, .06);
    add_failed(maker, "circulant", 16, CIRC_UNSUP, "too little memory for cold weights");
    maker->cold = false;
    set_workload(maker, "fc:512x512", 2, 512, 512); /* whose fastest library changes */
    add_ok(maker, "dense", 1, .05);
    maker->cold = true;
    maker->library = "onednn";
    add_ok(maker, "dense", 1, .1);
    maker->library = "openblas";
    maker->cold = false;
    set_workload(maker, "fc:1000x1000", 8, 1000, 1000);
    add_ok(maker, "dense", 1, 3.0);
    add_sweep(maker, "circulant", 8, scalar, 3);
    maker->isa = "avx2";
    add_sweep(maker, "circulant", 8, avx2, 3);
    set_workload(maker, "narrow", 1, 1000, 1000);
    add_sweep(maker, "circulant", 8, avx2, 2);
    maker->precision = "bf16";
    add_sweep(maker, "circulant", 8, avx2 + 1, 2);
    maker->precision = "f32";
    maker->kind = "emulated";
    maker->isa = "";
    set_workload(maker, "emulated-layer", 1, 256, 256);
    add_ok(maker, "dense", 1, .9);
    add_sweep(maker, "circulant", 8, avx2, 3);
    maker->kind = "measured";
    set_workload(maker, HOSTILE, 1, 64, 64);
    maker->energy_reason = HOSTILE;
    add_ok(maker, "circulant", 8, .001);
    add_failed(maker, "pruned", 8, CIRC_UNSUP, HOSTILE);
    add_failed(maker, "dense", 1, CIRC_ABSENT,
               "OpenBLAS was not found when this was built: install "
               "libopenblas-dev and rebuild");
}

static void add_slow(struct maker *maker)
{
    static const double slow[] = {.4, .3, .25}, close[] = {.24, .201, .22};
    set_workload(maker, "lenet", 1, 500, 800);
    add_ok(maker, "dense", 1, .2);
    add_sweep(maker, "circulant", 4, slow, 3);
    set_workload(maker, "lenet", 8, 500, 800);
    add_ok(maker, "dense", 1, .2);
    add_sweep(maker, "circulant", 4, close, 3);
}

/* Two batches with joules, and rows whose meter was lost. */
static void add_energy(struct maker *maker)
{
    static const double one[] = {.11, .06, .04}, one_pruned[] = {.4, .2, .1}, many[] = {.5, .3, .2};
    if (maker->status == CIRC_OK)
        maker->status = energy_fixture_meters(maker->store, maker->campaign, maker->err);
    maker->energy_pass = true;
    set_workload(maker, "lenet", 1, 500, 800);
    maker->energy_w = 30;
    add_ok(maker, "dense", 1, .16);
    maker->energy_w = 22;
    add_sweep(maker, "circulant", 8, one, 3);
    add_sweep(maker, "pruned", 8, one_pruned, 3);
    set_workload(maker, "lenet", 8, 500, 800);
    maker->energy_w = 30;
    add_ok(maker, "dense", 1, .8);
    maker->energy_w = 22;
    add_sweep(maker, "circulant", 8, many, 3);
    maker->energy_w = 0;
    maker->energy_reason = "permission to read energy_uj was lost after 3 windows";
    add_ok(maker, "pruned", 8, .9);
}

static void add_rows(struct maker *maker, enum circ_fixture fixture)
{
    static const double lenet[] = {.11, .06, .04};
    switch (fixture) {
    case CIRC_FIXTURE_TYPICAL:
        add_typical(maker);
        break;
    case CIRC_FIXTURE_RICH:
        add_rich(maker);
        break;
    case CIRC_FIXTURE_SLOW:
        add_slow(maker);
        break;
    case CIRC_FIXTURE_NO_DENSE:
        set_workload(maker, "lenet", 1, 500, 800);
        add_sweep(maker, "circulant", 4, lenet, 3);
        break;
    case CIRC_FIXTURE_ALL_FAILED:
        set_workload(maker, "lenet", 1, 500, 800);
        add_failed(maker, "circulant", 8, CIRC_DEVICE, "the device stopped answering");
        add_failed(maker, "dense", 1, CIRC_ABSENT, "no library");
        break;
    case CIRC_FIXTURE_ENERGY:
        add_energy(maker);
        break;
    case CIRC_FIXTURE_SIMULATED:
        maker->kind = "emulated";
        add_energy(maker);
        break;
    case CIRC_FIXTURE_EMPTY:
        break;
    }
}

enum circ_status circ_report_fixture_make(enum circ_fixture fixture, struct circ_store **store_out,
                                          char campaign[CIRC_KEY_SIZE], struct circ_error *err)
{
    static const struct circ_fact facts[] = {{"cpu", "AMD EPYC 9R14 96-Core Processor", true},
                                             {"sockets", "1", true},
                                             {"cores", "2", true},
                                             {"l2", "1024 KiB", true},
                                             {"memory", "15.4 GiB", true},
                                             {"governor", "unknown", false},
                                             {"turbo", "unknown", false},
                                             {"smt", "off", false},
                                             {"hypervisor", "KVM", true},
                                             {"kernel", "Linux 6.1.0", false},
                                             {"os", "Debian GNU/Linux 12", false},
                                             {"compiler", "gcc 12.2.0", false},
                                             {"libc", "glibc 2.36", false}};
    const struct circ_campaign facts_of = {
        .name = fixture == CIRC_FIXTURE_RICH ? "rich <b>" : "night run",
        .command =
            "circbench sweep -w alexnet-fc7 -s dense,circulant,pruned -k '4-256*2' -n 1,64 -b cpu",
        .axes = "axes",
        .version = "0.1.0",
        .commit = "4c1f2aa",
        .build = "gcc 12.2.0, -O3, release",
        .warnings =
            "The processor's frequency governor cannot be read here, so clock changes go "
            "unnoticed.\n"
            "Other programs used 0.7 of a core when the campaign began; stop them and repeat.",
        .created_ns = 1764025200000000000,
        .seed = 1};
    const struct circ_device_row device = {.backend = "cpu",
                                           .name = "cpu0",
                                           .description = "AMD EPYC 9R14",
                                           .device_kind = "cpu",
                                           .memory_bytes = 16535000000};
    char host[CIRC_KEY_SIZE], device_key[CIRC_KEY_SIZE];
    enum circ_status status = circ_store_open(store_out, "", CIRC_STORE_MEMORY, err);
    if (status == CIRC_OK)
        status = circ_store_host(*store_out, facts, sizeof facts / sizeof *facts, host, err);
    if (status == CIRC_OK)
        status = circ_store_device(*store_out, host, &device, device_key, err);
    if (status == CIRC_OK)
        status = circ_store_campaign(*store_out, host, &facts_of, campaign, err);
    if (status == CIRC_OK)
        status = circ_store_begin(*store_out, err);
    if (status != CIRC_OK)
        return status;
    struct maker maker = {.store = *store_out,
                          .campaign = campaign,
                          .device = device_key,
                          .err = err,
                          .isa = "avx512",
                          .library = "openblas",
                          .kind = "measured",
                          .precision = "f32",
                          .threads = 1,
                          .energy_reason =
                              "no energy counter: /sys/class/powercap is empty, as on most "
                              "virtual machines; run on the host itself"};
    add_rows(&maker, fixture);
    return maker.status == CIRC_OK ? circ_store_commit(*store_out, err) : maker.status;
}
