/* Every backend, structure and ISA row against the oracle, under the judge, in guarded buffers. */
#include "backends/core/judge.h"
#include "backends/core/random.h"
#include "backends/registry.h"
#include "tests/core/network_fixture.h"
#include "tests/tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FFTW's planner has no time here: right answers want no fast plan. */
__attribute__((weak)) void __real_fftwf_set_timelimit(double seconds); /* absent without FFTW */
void __wrap_fftwf_set_timelimit(double seconds);
void __wrap_fftwf_set_timelimit(double seconds)
{
    (void)seconds;
    __real_fftwf_set_timelimit(0);
}

static const enum circ_structure structures[] = {CIRC_CIRCULANT, CIRC_DENSE, CIRC_PRUNED};

/* A network with its input and the oracle's answer, shared by all that compute it. */
struct problem {
    struct circ_network net;
    struct circ_model model;
    int batch;
    float *input;
    double *want;
    double scale;
    struct circ_selection all;
    bool hostile; /* NaN and infinity in the input: outputs are compared one by one */
};

static bool pose(struct problem *p, struct circ_shape in, const struct circ_layer *layers,
                 int count, enum circ_structure structure, int k, int batch)
{
    struct circ_error err = {0};
    memset(p, 0, sizeof *p);
    p->batch = batch;
    bool ok = !network_fixture_build(&p->net, in, layers, count, structure, k, &err) &&
              !circ_weights_create(&p->model, &p->net, &err) &&
              !circ_oracle_select(&p->net, batch, 1e12, 1, &p->all, &err);
    if (!ok) {
        tap_ok(false, "problem: %s", err.message);
        return false;
    }
    size_t inputs = (size_t)circ_network_elements(in) * (size_t)batch;
    size_t outputs = (size_t)circ_network_elements(circ_network_output(&p->net)) * (size_t)batch;
    struct circ_random random = circ_random_seed(21, (uint64_t)k);
    p->input = malloc(inputs * sizeof *p->input);
    p->want = malloc(outputs * sizeof *p->want);
    if (!p->input || !p->want) {
        tap_ok(false, "no memory");
        return false;
    }
    circ_random_fill(&random, p->input, inputs, 1);
    circ_weights_random(&p->model, 17);
    return !circ_oracle_network(&p->model, p->input, &p->all, p->want, &p->scale, NULL);
}

static void forget(struct problem *p)
{
    circ_weights_free(&p->model);
    circ_oracle_selection_free(&p->all);
    free(p->input);
    free(p->want);
}

/* NaN where the oracle has NaN, infinity where it has infinity, near it elsewhere. */
static bool alike(const float *got, const double *want, size_t count, double tolerance)
{
    for (size_t i = 0; i < count; i++)
        if (isnan(want[i])
                ? !isnan(got[i])
                : got[i] != want[i] && !(fabs(got[i] - want[i]) <= tolerance * (1 + fabs(want[i]))))
            return false;
    return true;
}

/* Error over bound of one way to compute the problem; INFINITY when it is wrong, NAN when it is not
 * offered. */
static double solve(const struct problem *p, const struct circ_backend *backend,
                    const char *variant, const char *precision, const char *isa, int threads,
                    char *why, size_t why_size)
{
    struct circ_session *session = NULL;
    struct circ_program *program = NULL;
    struct circ_error err = {0};
    struct circ_request request = {.model = &p->model,
                                   .batch = p->batch,
                                   .threads = threads,
                                   .precision = precision,
                                   .variant = variant,
                                   .isa = isa};
    size_t outputs = (size_t)circ_network_elements(circ_network_output(&p->net));
    float *got = circ_judge_guarded_alloc(outputs * (size_t)p->batch);
    double result = INFINITY;
    int64_t ns;
    enum circ_status status = backend->open("", &session, &err);
    if (!status)
        status = backend->supports(session, &request, &err);
    bool offered = status != CIRC_ABSENT && status != CIRC_UNSUP;
    if (!status)
        status = backend->prepare(session, &request, &program, &err);
    if (!status)
        status = backend->upload(program, p->input, NULL, &err);
    for (int i = 0; i < 2 && !status; i++) { /* twice: a launch may not eat its input */
        status = backend->launch(program, &err);
        if (!status)
            status = backend->wait(program, &ns, &err);
    }
    if (!status)
        status = backend->download(program, got, &err);
    snprintf(why, why_size, "%s", err.message);
    if (!status) {
        struct circ_verdict v = circ_judge_selection(got, (int64_t)outputs, p->batch, &p->all,
                                                     p->want, p->scale, circ_judge_bound(&p->net));
        if (p->hostile) {
            v = (struct circ_verdict){.bound = 1};
            v.right = alike(got, p->want, outputs * (size_t)p->batch,
                            strcmp(precision, "f32") ? 2e-2 : 1e-4);
            snprintf(v.reason, sizeof v.reason, "%s", v.right ? "" : "NaN is not where it belongs");
        }
        bool intact = circ_judge_guards_intact(got, outputs * (size_t)p->batch);
        snprintf(why, why_size, "%s%s", v.reason, intact ? "" : " guard zone written");
        result = v.right && intact ? v.rel_rms_error / v.bound : INFINITY;
    }
    backend->release(program);
    backend->close(session);
    circ_judge_guarded_free(got);
    return offered ? result : NAN;
}

/* What became of the ways to compute one problem. */
struct tally {
    int ran, wrong;
    double worst; /* error over bound */
    char detail[800];
};

/* One variant on all ISA rows, on one thread and on two in turn. */
static void check_variant(const struct problem *p, const struct circ_backend *backend,
                          const char *variant, const char *precision, struct tally *tally)
{
    const char *isas[CIRC_MAX_VARIANTS] = {NULL};
    int isa_count = backend->isas(isas);
    for (int i = 0; i < (isa_count ? isa_count : 1); i++) {
        char why[600];
        int threads = strcmp(backend->name, "cpu") ? 1 : 1 + (i + p->batch) % 2;
        struct circ_device devices[CIRC_MAX_DEVICES];
        int device_count;
        if (threads > 1 && !backend->probe(devices, &device_count, NULL) && devices[0].threads < 2)
            threads = 1;
        double error = solve(p, backend, variant, precision, isas[i], threads, why, sizeof why);
        if (isnan(error))
            continue;
        tally->ran++;
        tally->worst = error > tally->worst ? error : tally->worst;
        if (!isfinite(error)) {
            tally->wrong++;
            snprintf(tally->detail, sizeof tally->detail, ": %s %s %s %s: %s", backend->name,
                     variant, precision, isas[i] ? isas[i] : "", why);
        }
    }
}

/* The backend that is asked; NULL: all but those that need a process or a compiler for each
 * problem, which tests/peers and test-opencl.py ask for less. */
static const char *only;

static bool chosen(const struct circ_backend *backend)
{
    return only ? !strcmp(backend->name, only) : !backend->apart && !backend->compiles;
}

/* All backends, variants and ISA rows on one problem with its spectra in one precision. */
static struct tally check_precision(const struct problem *problem, enum circ_structure structure,
                                    enum circ_precision precision)
{
    int backend_count;
    struct tally tally = {0};
    struct problem p = *problem;
    p.model.network = &p.net;
    circ_network_set_precision(&p.net, precision);
    const struct circ_backend *const *backends = circ_registry_list(&backend_count);
    for (int b = 0; b < backend_count; b++) {
        if (!chosen(backends[b]))
            continue;
        const struct circ_variant *variants;
        int count = backends[b]->variants(&variants);
        for (int v = 0; v < count; v++)
            if (variants[v].structure == structure)
                check_variant(&p, backends[b], variants[v].name,
                              circ_network_precision_name(precision), &tally);
    }
    return tally;
}

/* One line for each problem. */
static void check(const char *what, const struct problem *p, enum circ_structure structure)
{
    struct tally wide = check_precision(p, structure, CIRC_F32);
    struct tally narrow = check_precision(p, structure, CIRC_BF16);
    if (wide.ran)
        tap_ok(!wide.wrong && !narrow.wrong,
               "%s: %d ways, worst %.2f of the bound; %d in bf16, worst %.2f%s%s", what, wide.ran,
               wide.worst, narrow.ran, narrow.worst, wide.detail, narrow.detail);
    else
        tap_skip("no backend of this build offers it", "%s", what);
}

static void check_fc(int m, int n, int k, int batch)
{
    for (size_t s = 0; s < 3; s++) {
        struct circ_layer fc = {.op = CIRC_OP_FC, .out.c = m, .bias = true, .compressible = true};
        struct circ_layer layers[2] = {fc, {.op = CIRC_OP_RELU}};
        struct problem p;
        char what[96];
        if (structures[s] != CIRC_CIRCULANT && k % 8 != 1)
            continue; /* dense has no block, and pruned only a count */
        snprintf(what, sizeof what, "fc %dx%d %s k %d batch %d", m, n,
                 circ_network_structure_name(structures[s]), k, batch);
        if (pose(&p, (struct circ_shape){n, 1, 1}, layers, 1 + (m + k) % 2, structures[s], k,
                 batch))
            check(what, &p, structures[s]);
        forget(&p);
    }
}

static void test_fc(void)
{
    static const int batches[] = {1, 2, 3, 15, 16, 17, 31, 33, 64};
    for (int k = 1; k <= 64; k++) {
        struct circ_random random = circ_random_seed(33, (uint64_t)k);
        for (int i = 0; i < 3; i++) {
            int p = 1 + (int)circ_random_below(&random, 17),
                q = 1 + (int)circ_random_below(&random, 17);
            int m = p * k - (int)circ_random_below(&random, (uint64_t)k);
            int n = q * k - (int)circ_random_below(&random, (uint64_t)k);
            check_fc(m, n, k, batches[(k + 3 * i) % 9]);
        }
    }
}

static void test_selected(void)
{
    static const int ks[] = {80,  96,  100, 127, 128, 160, 192,  243,  256, 320,
                             384, 500, 509, 512, 640, 768, 1000, 1021, 1024};
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
        check_fc(ks[i] + 3, 2 * ks[i] - 1, ks[i], 1);
        check_fc(3 * ks[i] - 1, ks[i] + 1, ks[i], i % 2 ? 5 : 16);
    }
    check_fc(1000, 700, 4, 1); /* many block rows: whole vectors of them, and a rest */
    check_fc(1000, 700, 4, 4);
    check_fc(5, 7, 64, 1); /* one block larger than the matrix */
    check_fc(1, 1, 1, 1);
    for (int k = 1; k <= 64; k *= 2) /* one output: all may cancel */
        for (int n = 7; n <= 1024; n *= 3)
            check_fc(1, n, k, 1);
    check_fc(10, 1024, 16, 64);
}

static const struct conv_case {
    int taps_h, taps_w, in, out, h, w, stride, pad, groups;
} conv_cases[] = {
    {3, 3, 16, 24, 9, 9, 1, 1, 1},
    {1, 1, 20, 12, 7, 5, 1, 0, 1},
    {5, 5, 8, 8, 12, 10, 1, 2, 2},
    {3, 3, 12, 20, 13, 13, 2, 1, 1},
    {11, 11, 3, 16, 35, 35, 4, 0, 1},
    {3, 1, 6, 10, 8, 17, 3, 2, 2},
    {2, 3, 5, 7, 6, 33, 2, 1, 1},
    {3, 3, 32, 32, 4, 20, 1, 1, 4},
    {1, 1, 16, 16, 9, 9, 3, 0, 1},
    {7, 7, 4, 4, 7, 7, 1, 0, 1},
    {3, 3, 160, 13, 7, 13, 1, 1, 1},
    {5, 5, 96, 20, 9, 14, 1, 2, 2},
    {9, 10, 2, 40, 21, 70, 4, 3, 1},
    {2, 3, 6, 10, 4, 17, 5, 1, 2},
    {5, 5, 16, 32, 12, 12, 1, 0, 1},
    {3, 3, 4, 8, 1, 3, 3, 5, 1}, /* some windows have padding alone */
};

static void check_conv(const struct conv_case *c, enum circ_structure structure, int k, int batch,
                       int layer_count)
{
    struct circ_layer conv = {.op = CIRC_OP_CONV,
                              .out.c = c->out,
                              .taps_h = c->taps_h,
                              .taps_w = c->taps_w,
                              .stride = c->stride,
                              .pad = c->pad,
                              .groups = c->groups,
                              .bias = true,
                              .compressible = true};
    struct circ_layer layers[2] = {conv, {.op = CIRC_OP_RELU}};
    struct problem p;
    char what[128];
    snprintf(what, sizeof what,
             "conv %dx%d %d->%d @ %dx%d stride %d pad %d groups %d %s k %d batch %d", c->taps_h,
             c->taps_w, c->in, c->out, c->h, c->w, c->stride, c->pad, c->groups,
             circ_network_structure_name(structure), k, batch);
    if (pose(&p, (struct circ_shape){c->in, c->h, c->w}, layers, layer_count, structure, k, batch))
        check(what, &p, structure);
    forget(&p);
}

static void test_conv(void)
{
    static const int ks[] = {1, 2, 3, 4, 5, 8, 12, 16, 17, 32};
    static const int batches[] = {1, 2, 3, 16, 17};
    int turn = 0;
    size_t c = 0;
    for (; c < sizeof conv_cases / sizeof *conv_cases; c++) {
        for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
            for (size_t s = 0; s < 3; s++) {
                if (structures[s] != CIRC_CIRCULANT && i % 5 != c % 5)
                    continue;
                int batch = batches[turn++ % 5];
                check_conv(&conv_cases[c], structures[s], ks[i], batch, 1 + turn % 2);
            }
        }
        /* the kernels of dense layers: strides are channels there */
        for (int i = 0; conv_cases[c].stride > 1 && i < 5; i += 3)
            check_conv(&conv_cases[c], CIRC_CIRCULANT, 1, batches[i], 2 - i % 2);
    }
    /* threads share the rows of a single sample, someone's of padding alone */
    check_conv(&conv_cases[c - 1], CIRC_DENSE, 1, 1, 1);
}

static void test_network(void)
{
    static const int batches[] = {1, 3, 16, 32, 48};
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        for (int k = 4; k <= 32; k *= 2) {
            for (size_t s = 0; s < 3; s++) {
                struct problem p;
                char what[96];
                if (structures[s] == CIRC_DENSE && k > 4)
                    continue; /* dense has no block */
                snprintf(what, sizeof what, "thirteen layers %s k %d batch %d",
                         circ_network_structure_name(structures[s]), k, batches[b]);
                if (pose(&p, (struct circ_shape){3, 21, 17}, network_fixture_layers,
                         NETWORK_FIXTURE_LAYERS, structures[s], k, batches[b]))
                    check(what, &p, structures[s]);
                forget(&p);
            }
        }
    }
    static const struct {
        const char *what;
        struct circ_shape in;
        struct circ_layer layer;
    } singles[] = {
        {"softmax of 100000", {100000, 1, 1}, {.op = CIRC_OP_SOFTMAX}},
        {"average of 64x64", {3, 64, 64}, {.op = CIRC_OP_POOL_AVG, .taps_h = 64, .taps_w = 64}},
        {"averages of 31x31", {3, 40, 40}, {.op = CIRC_OP_POOL_AVG, .taps_h = 31, .taps_w = 31}},
        {"steep LRN",
         {100, 4, 4},
         {.op = CIRC_OP_LRN, .lrn_size = 99, .lrn_alpha = 100, .lrn_beta = 3, .lrn_bias = 1}},
    };
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
        struct problem single;
        if (pose(&single, singles[i].in, &singles[i].layer, 1, CIRC_DENSE, 1, 2))
            check(singles[i].what, &single, CIRC_DENSE);
        forget(&single);
    }
    struct problem p;
    struct circ_layer flat = {.op = CIRC_OP_FLATTEN};
    if (pose(&p, (struct circ_shape){3, 4, 5}, &flat, 1, CIRC_DENSE, 1, 3))
        check("nothing but flatten", &p, CIRC_DENSE);
    forget(&p);
}

/* Windows at edges, with and without an LRN before them, which is then computed with them. */
static void test_windows(void)
{
    static const struct {
        int taps_h, taps_w, stride, pad, h, w;
    } cases[] = {
        {2, 2, 2, 0, 24, 24}, {3, 3, 2, 0, 15, 15}, {3, 3, 2, 1, 13, 70}, {2, 2, 3, 0, 11, 19},
        {3, 2, 1, 0, 5, 40},  {1, 1, 2, 0, 7, 7},   {5, 5, 1, 2, 6, 9},   {7, 7, 4, 3, 20, 33},
        {2, 3, 2, 0, 8, 66},  {3, 3, 5, 2, 12, 90}, {1, 9, 1, 0, 3, 9},   {9, 1, 2, 0, 9, 1},
        {3, 3, 2, 0, 3, 3},   {4, 4, 3, 1, 17, 18}, {2, 2, 2, 1, 1, 1},   {11, 11, 1, 5, 11, 11},
    };
    static const struct circ_layer lrns[] = {
        {.op = CIRC_OP_LRN, .lrn_size = 5, .lrn_alpha = 1e-1f, .lrn_beta = 0.75f, .lrn_bias = 1},
        {.op = CIRC_OP_LRN, .lrn_size = 7, .lrn_alpha = 100, .lrn_beta = 0.75f, .lrn_bias = 1e-3f},
        {.op = CIRC_OP_LRN, .lrn_size = 3, .lrn_alpha = 1, .lrn_beta = 0.6f, .lrn_bias = 2},
        {.op = CIRC_OP_LRN, .lrn_size = 1, .lrn_alpha = 0, .lrn_beta = 0.75f, .lrn_bias = 3},
    };
    static const int batches[] = {1, 2, 3, 15, 16, 17, 32};
    int turn = 0;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int kind = 0; kind < 4; kind++, turn++) {
            struct circ_layer pool = {.op = kind % 2 ? CIRC_OP_POOL_AVG : CIRC_OP_POOL_MAX,
                                      .taps_h = cases[c].taps_h,
                                      .taps_w = cases[c].taps_w,
                                      .stride = cases[c].stride,
                                      .pad = cases[c].pad};
            struct circ_layer layers[2] = {kind < 2 ? pool : lrns[(c + (size_t)kind) % 4], pool};
            int channels = 1 + (int)c % 7, batch = batches[turn % 7];
            struct problem p;
            char what[128];
            snprintf(what, sizeof what, "%s%s %dx%d stride %d pad %d @ %dx%dx%d batch %d",
                     kind < 2 ? "" : "LRN and ", circ_network_op_name(pool.op), pool.taps_h,
                     pool.taps_w, pool.stride, pool.pad, channels, cases[c].h, cases[c].w, batch);
            if (pose(&p, (struct circ_shape){channels, cases[c].h, cases[c].w}, layers,
                     kind < 2 ? 1 : 2, CIRC_DENSE, 1, batch))
                check(what, &p, CIRC_DENSE);
            forget(&p);
        }
    }
}

/* NaN in single values, in a whole window and in one sample of a batch goes where the oracle sends
 * it, and nowhere else: lanes keep to themselves. */
static void test_hostile(void)
{
    static const struct circ_layer
        max = {.op = CIRC_OP_POOL_MAX, .taps_h = 3, .taps_w = 3, .stride = 2},
        mean = {.op = CIRC_OP_POOL_AVG, .taps_h = 2, .taps_w = 2, .stride = 2, .pad = 1},
        relu = {.op = CIRC_OP_RELU},
        lrn = {.op = CIRC_OP_LRN, .lrn_size = 5, .lrn_alpha = 1, .lrn_beta = 0.75f, .lrn_bias = 1},
        fc = {.op = CIRC_OP_FC, .out.c = 40, .bias = true, .compressible = true};
    const struct {
        const char *what;
        bool one_sample, infinite;
        int count;
        struct circ_layer layers[3];
    } cases[] = {
        {"max", false, true, 1, {max}},
        {"mean", false, true, 1, {mean}},
        {"ReLU", false, true, 1, {relu}},
        {"LRN", false, false, 1, {lrn}},
        {"LRN, max", false, false, 2, {lrn, max}},
        {"max, ReLU", false, true, 2, {max, relu}},
        {"fc, ReLU", true, true, 2, {fc, relu}},
        {"max, fc", true, false, 3, {relu, max, fc}},
    };
    static const int batches[] = {1, 3, 16, 32};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int b = 0; b < 4; b++) {
            struct circ_shape in = {8, 9, 20};
            struct problem p;
            char what[96];
            snprintf(what, sizeof what, "NaN through %s, batch %d", cases[c].what, batches[b]);
            if (pose(&p, in, cases[c].layers, cases[c].count, CIRC_CIRCULANT, 8, batches[b])) {
                struct circ_random random = circ_random_seed(5, (uint64_t)b);
                size_t frame = (size_t)circ_network_elements(in);
                size_t count = cases[c].one_sample ? frame : frame * (size_t)batches[b];
                float *from =
                    p.input + (cases[c].one_sample ? frame * (size_t)(batches[b] / 2) : 0);
                for (size_t i = 0; i < count; i++)
                    if (!circ_random_below(&random, 9))
                        from[i] = circ_random_below(&random, 3) || !cases[c].infinite ? NAN
                                  : circ_random_below(&random, 2)                     ? INFINITY
                                                                                      : -INFINITY;
                for (int i = 0; i < 3 * in.w; i++) /* whole windows of NaN */
                    from[i] = NAN;
                p.hostile = true;
                if (circ_oracle_network(&p.model, p.input, &p.all, p.want, &p.scale, NULL))
                    tap_ok(false, "%s: oracle", what);
                else
                    check(what, &p,
                          circ_network_has_weights(&cases[c].layers[0]) || cases[c].count == 3
                              ? CIRC_CIRCULANT
                              : CIRC_DENSE);
            }
            forget(&p);
        }
    }
}

/* Subnormal inputs, all of them or every third: right within what a float's range allows. */
static void test_subnormal(void)
{
    static const struct circ_layer fc = {
        .op = CIRC_OP_FC, .out.c = 200, .bias = false, .compressible = true};
    static const int batches[] = {1, 16, 32};
    for (int b = 0; b < 3; b++) {
        for (int every = 1; every <= 3; every += 2) {
            struct circ_shape in = {300, 1, 1};
            struct problem p;
            char what[96];
            snprintf(what, sizeof what, "%s subnormal, batch %d",
                     every == 1 ? "all inputs" : "every third input", batches[b]);
            if (pose(&p, in, &fc, 1, CIRC_CIRCULANT, 16, batches[b])) {
                for (int i = 0; i < 300 * batches[b]; i += every)
                    p.input[i] *= 0x1p-130f;
                if (circ_oracle_network(&p.model, p.input, &p.all, p.want, &p.scale, NULL))
                    tap_ok(false, "%s: oracle", what);
                else
                    check(what, &p, CIRC_CIRCULANT);
            }
            forget(&p);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } groups[] = {{"fc", test_fc},
                  {"selected", test_selected},
                  {"conv", test_conv},
                  {"network", test_network},
                  {"windows", test_windows},
                  {"hostile", test_hostile},
                  {"subnormal", test_subnormal}};
    only = argc > 2 ? argv[2] : NULL;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (argc < 2 || !strcmp(argv[1], "all") || !strcmp(argv[1], groups[i].name))
            groups[i].run();
    return tap_done();
}
