/* One training step of every backend, structure and ISA row against the oracle's: outputs, input
 * gradients, and the gradients by which weights and biases moved, under the judge, in guarded
 * buffers. */
#include "backends/core/random.h"
#include "backends/core/training.h"
#include "backends/registry.h"
#include "tests/core/network_fixture.h"
#include "tests/tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A network with its lesson and the oracle's step, shared by all that take it. */
struct problem {
    struct circ_network net;
    struct circ_model model;
    struct circ_training training;
    int batch;
    size_t inputs, outputs; /* of the batch */
    float *input, *target;
};

static bool pose(struct problem *p, struct circ_shape in, const struct circ_layer *layers,
                 int count, enum circ_structure structure, int k, int batch)
{
    struct circ_error err = {0};
    memset(p, 0, sizeof *p);
    p->batch = batch;
    bool ok = !network_fixture_build(&p->net, in, layers, count, structure, k, &err) &&
              !circ_weights_create(&p->model, &p->net, &err);
    if (ok) {
        p->inputs = (size_t)circ_network_elements(in) * (size_t)batch;
        p->outputs = (size_t)circ_network_elements(circ_network_output(&p->net)) * (size_t)batch;
        p->input = malloc(p->inputs * sizeof *p->input);
        p->target = malloc(p->outputs * sizeof *p->target);
    }
    if (!p->input || !p->target) {
        tap_ok(false, "problem: %s", err.message);
        return false;
    }
    struct circ_random random = circ_random_seed(22, (uint64_t)k);
    circ_random_fill(&random, p->input, p->inputs, 1);
    circ_random_fill(&random, p->target, p->outputs, 1);
    circ_weights_random(&p->model, 18);
    return !circ_training_solve(&p->training, &p->model, p->input, p->target, batch, batch, NULL);
}

static void forget(struct problem *p)
{
    circ_training_free(&p->training);
    circ_weights_free(&p->model);
    free(p->input);
    free(p->target);
}

/* Error over bound of one way to take the step; INFINITY when it is wrong, NAN when it is not
 * offered. */
static double solve(const struct problem *p, const struct circ_backend *backend,
                    const char *variant, const char *isa, int threads, char *why, size_t why_size)
{
    struct circ_session *session = NULL;
    struct circ_program *program = NULL;
    struct circ_model after = {0};
    struct circ_error err = {0};
    struct circ_request request = {.model = &p->model,
                                   .batch = p->batch,
                                   .threads = threads,
                                   .pass = CIRC_TRAIN,
                                   .precision = "f32",
                                   .variant = variant,
                                   .isa = isa};
    const struct circ_lesson lesson = {p->target, p->training.rate};
    float *y = circ_judge_guarded_alloc(p->outputs), *dx = circ_judge_guarded_alloc(p->inputs);
    double result = INFINITY;
    int64_t ns;
    enum circ_status status = backend->open("", &session, &err);
    if (!status)
        status = backend->supports(session, &request, &err);
    bool offered = status != CIRC_ABSENT && status != CIRC_UNSUP;
    if (!status)
        status = backend->prepare(session, &request, &program, &err);
    if (!status)
        status = backend->upload(program, p->input, &lesson, &err);
    if (!status)
        status = backend->launch(program, &err);
    if (!status)
        status = backend->wait(program, &ns, &err);
    if (!status)
        status = backend->download(program, y, &err);
    if (!status)
        status = circ_weights_create(&after, &p->net, &err);
    if (!status)
        status = backend->learned(program, &after, dx, &err);
    snprintf(why, why_size, "%s", err.message);
    if (!status) {
        struct circ_verdict v = circ_training_judge(&p->training, &p->model, y, dx, &after);
        bool intact =
            circ_judge_guards_intact(y, p->outputs) && circ_judge_guards_intact(dx, p->inputs);
        snprintf(why, why_size, "%s%s", v.reason, intact ? "" : " guard zone written");
        result = v.right && intact ? v.rel_rms_error / v.bound : INFINITY;
    }
    circ_weights_free(&after);
    backend->release(program);
    backend->close(session);
    circ_judge_guarded_free(y);
    circ_judge_guarded_free(dx);
    return offered ? result : NAN;
}

/* Two threads where the device has them and the turn is theirs. */
static int threads_of(const struct circ_backend *backend, int turn)
{
    struct circ_device devices[CIRC_MAX_DEVICES];
    int count;
    bool two = !backend->probe(devices, &count, NULL) && devices[0].threads > 1;
    return two ? 1 + turn % 2 : 1;
}

/* The backend that is asked; NULL: all but those that compile for each problem, which
 * test-opencl.py asks for less. */
static const char *only;

static bool chosen(const struct circ_backend *backend)
{
    return backend->learned && (only ? !strcmp(backend->name, only) : !backend->compiles);
}

/* All backends, variants and ISA rows on one problem; one line for each problem, the worst error
 * over bound. */
static void check(const char *what, const struct problem *p, enum circ_structure structure)
{
    int backend_count, wrong = 0, ran = 0;
    double worst = 0;
    char detail[800] = "", why[600];
    const struct circ_backend *const *backends = circ_registry_list(&backend_count);
    for (int b = 0; b < backend_count; b++) {
        const char *isas[CIRC_MAX_VARIANTS] = {NULL};
        const struct circ_variant *variants;
        int isa_count = backends[b]->isas(isas), variant_count = backends[b]->variants(&variants);
        for (int i = 0; chosen(backends[b]) && i < variant_count * (isa_count ? isa_count : 1);
             i++) {
            const struct circ_variant *variant = &variants[i % variant_count];
            const char *isa = isas[i / variant_count];
            if (variant->structure != structure)
                continue;
            double error =
                solve(p, backends[b], variant->name, isa,
                      threads_of(backends[b], i / variant_count + p->batch), why, sizeof why);
            if (isnan(error))
                continue;
            ran++;
            worst = error > worst ? error : worst;
            if (!isfinite(error)) {
                wrong++;
                snprintf(detail, sizeof detail, ": %s %s %s: %s", backends[b]->name, variant->name,
                         isa ? isa : "", why);
            }
        }
    }
    if (ran)
        tap_ok(!wrong, "%s: %d ways, worst %.2f of the bound%s", what, ran, worst, detail);
    else
        tap_skip("no backend of this build offers it", "%s", what);
}

static void check_fc(int m, int n, enum circ_structure structure, int k, int batch)
{
    struct circ_layer layers[2] = {
        {.op = CIRC_OP_FC, .out.c = m, .bias = true, .compressible = true}, {.op = CIRC_OP_RELU}};
    struct problem p;
    char what[96];
    snprintf(what, sizeof what, "fc %dx%d %s k %d batch %d", m, n,
             circ_network_structure_name(structure), k, batch);
    if (pose(&p, (struct circ_shape){n, 1, 1}, layers, 1 + (m + k) % 2, structure, k, batch))
        check(what, &p, structure);
    forget(&p);
}

static void test_fc(void)
{
    static const int batches[] = {1, 2, 3, 15, 16, 17, 31, 33, 64};
    for (int k = 1; k <= 64; k++) {
        struct circ_random random = circ_random_seed(34, (uint64_t)k);
        for (int i = 0; i < 2; i++) {
            int p = 1 + (int)circ_random_below(&random, 17),
                q = 1 + (int)circ_random_below(&random, 17);
            int m = p * k - (int)circ_random_below(&random, (uint64_t)k);
            int n = q * k - (int)circ_random_below(&random, (uint64_t)k);
            check_fc(m, n, CIRC_CIRCULANT, k, batches[(k + 3 * i) % 9]);
            if (k % 8 == 1)
                check_fc(m, n, CIRC_DENSE, 1, batches[(k / 8 + 3 * i) % 9]);
        }
    }
}

static void test_selected(void)
{
    static const int ks[] = {80, 96, 100, 127, 128, 160, 243, 256, 384, 509, 512, 1000, 1024};
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
        check_fc(ks[i] + 3, 2 * ks[i] - 1, CIRC_CIRCULANT, ks[i], 1);
        check_fc(3 * ks[i] - 1, ks[i] + 1, CIRC_CIRCULANT, ks[i], i % 2 ? 5 : 16);
    }
    for (int batch = 1; batch <= 17; batch += 4) {
        check_fc(300, 700, CIRC_CIRCULANT, 4, batch); /* many blocks each way */
        check_fc(700, 300, CIRC_CIRCULANT, 8, batch);
        check_fc(300, 700, CIRC_DENSE, 1, batch);
    }
    check_fc(5, 7, CIRC_CIRCULANT, 64, 1); /* one block larger than the matrix */
    check_fc(1, 1, CIRC_CIRCULANT, 1, 1);
    check_fc(1, 1, CIRC_DENSE, 1, 1);
    check_fc(10, 1024, CIRC_CIRCULANT, 16, 64);
    check_fc(513, 260, CIRC_CIRCULANT, 2, 130); /* more than one band of samples */
}

static void test_conv(void)
{
    static const struct {
        int taps_h, taps_w, in, out, h, w, stride, pad, groups;
    } cases[] = {
        {3, 3, 16, 24, 9, 9, 1, 1, 1},    {1, 1, 20, 12, 7, 5, 1, 0, 1},
        {5, 5, 8, 8, 12, 10, 1, 2, 2},    {3, 3, 12, 20, 13, 13, 2, 1, 1},
        {11, 11, 3, 16, 35, 35, 4, 0, 1}, {3, 1, 6, 10, 8, 17, 3, 2, 2},
        {2, 3, 5, 7, 6, 33, 2, 1, 1},     {3, 3, 32, 32, 4, 20, 1, 1, 4},
        {1, 1, 16, 16, 9, 9, 3, 0, 1},    {7, 7, 4, 4, 7, 7, 1, 0, 1},
        {5, 5, 1, 6, 12, 12, 1, 0, 1},
    };
    static const int ks[] = {1, 2, 3, 4, 5, 8, 12, 16, 17, 32};
    static const int batches[] = {1, 2, 3, 16, 17};
    int turn = 0;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (size_t i = 0; i < 2 * sizeof ks / sizeof *ks; i++) {
            enum circ_structure structure = i % 2 ? CIRC_DENSE : CIRC_CIRCULANT;
            int k = ks[i / 2], batch = batches[turn++ % 5];
            if (structure == CIRC_DENSE && i / 2 % 5 != c % 5)
                continue;
            struct circ_layer layers[2] = {{.op = CIRC_OP_CONV,
                                            .out.c = cases[c].out,
                                            .taps_h = cases[c].taps_h,
                                            .taps_w = cases[c].taps_w,
                                            .stride = cases[c].stride,
                                            .pad = cases[c].pad,
                                            .groups = cases[c].groups,
                                            .bias = true,
                                            .compressible = true},
                                           {.op = CIRC_OP_RELU}};
            struct problem p;
            char what[128];
            snprintf(what, sizeof what,
                     "conv %dx%d %d->%d @ %dx%d stride %d pad %d groups %d %s k %d batch %d",
                     cases[c].taps_h, cases[c].taps_w, cases[c].in, cases[c].out, cases[c].h,
                     cases[c].w, cases[c].stride, cases[c].pad, cases[c].groups,
                     circ_network_structure_name(structure), k, batch);
            if (pose(&p, (struct circ_shape){cases[c].in, cases[c].h, cases[c].w}, layers,
                     1 + turn % 2, structure, k, batch))
                check(what, &p, structure);
            forget(&p);
        }
    }
}

static void test_network(void)
{
    static const int batches[] = {1, 3, 16, 20};
    for (size_t b = 0; b < 4; b++) {
        for (int k = 4; k <= 32; k *= 2) {
            for (int s = 0; s < (k == 4 ? 2 : 1); s++) {
                enum circ_structure structure = s ? CIRC_DENSE : CIRC_CIRCULANT;
                struct problem p;
                char what[96];
                snprintf(what, sizeof what, "thirteen layers %s k %d batch %d",
                         circ_network_structure_name(structure), k, batches[b]);
                if (pose(&p, (struct circ_shape){3, 21, 17}, network_fixture_layers,
                         NETWORK_FIXTURE_LAYERS, structure, k, batches[b]))
                    check(what, &p, structure);
                forget(&p);
            }
        }
    }
    static const struct {
        const char *what;
        struct circ_shape in;
        struct circ_layer layer;
    } singles[] = {
        {"softmax of 1000", {1000, 1, 1}, {.op = CIRC_OP_SOFTMAX}},
        {"average of 64x64", {3, 64, 64}, {.op = CIRC_OP_POOL_AVG, .taps_h = 64, .taps_w = 64}},
        {"maxima with stride 2",
         {3, 17, 16},
         {.op = CIRC_OP_POOL_MAX, .taps_h = 3, .taps_w = 2, .stride = 2, .pad = 1}},
        {"wide LRN",
         {100, 4, 4},
         {.op = CIRC_OP_LRN, .lrn_size = 99, .lrn_alpha = 1, .lrn_beta = 1.5f, .lrn_bias = 1}},
        {"nothing but flatten", {3, 4, 5}, {.op = CIRC_OP_FLATTEN}},
    };
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
        struct problem p;
        if (pose(&p, singles[i].in, &singles[i].layer, 1, CIRC_DENSE, 1, 3))
            check(singles[i].what, &p, CIRC_DENSE);
        forget(&p);
    }
}

/* Pruned layers do not train, and every backend says so. */
static void test_refusal(void)
{
    struct circ_network net;
    struct circ_layer fc = {.op = CIRC_OP_FC, .out.c = 8, .compressible = true};
    if (network_fixture_build(&net, (struct circ_shape){8, 1, 1}, &fc, 1, CIRC_PRUNED, 4, NULL)) {
        tap_ok(false, "set-up");
        return;
    }
    struct circ_model model = {.network = &net};
    int count;
    const struct circ_backend *const *backends = circ_registry_list(&count);
    for (int b = 0; b < count; b++) {
        const struct circ_variant *variants;
        int variant_count = backends[b]->variants(&variants);
        for (int v = 0; v < variant_count; v++) {
            struct circ_session *session = NULL;
            struct circ_error err = {0};
            struct circ_request request = {.model = &model,
                                           .batch = 1,
                                           .threads = 1,
                                           .pass = CIRC_TRAIN,
                                           .precision = "f32",
                                           .variant = variants[v].name};
            if (variants[v].structure != CIRC_PRUNED || backends[b]->open("", &session, &err))
                continue;
            tap_ok(backends[b]->supports(session, &request, &err) == CIRC_UNSUP && err.message[0],
                   "%s %s: %s", backends[b]->name, variants[v].name, err.message);
            backends[b]->close(session);
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
                  {"refusal", test_refusal}};
    only = argc > 2 ? argv[2] : NULL;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (argc < 2 || !strcmp(argv[1], groups[i].name))
            groups[i].run();
    return tap_done();
}
