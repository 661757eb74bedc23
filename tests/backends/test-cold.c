/* Cold weights: every launch reads a set of weights of its own memory, all sets have their turn and
 * fill what was asked for, none lies beside the one before it, and the answers stay right. A
 * poisoned set shows in the launch whose turn it is, and in no other. */
#include "backends/core/judge.h"
#include "backends/core/random.h"
#include "backends/cpu/isa.h"
#include "backends/cpu/rotation.h"
#include "backends/registry.h"
#include "circ_config.h"
#include "tests/tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IN = 48, OUT = 33, MOST = 4096 };

struct layer {
    const char *what;
    enum circ_structure structure;
    int k;
    bool conv;
    circ_step_create *create;
};

static bool build(struct circ_network *net, const struct layer *layer)
{
    struct circ_layer fc = {.op = CIRC_OP_FC, .out.c = OUT, .bias = true, .compressible = true};
    struct circ_layer conv = fc;
    conv.op = CIRC_OP_CONV;
    conv.taps_h = conv.taps_w = 3;
    conv.pad = 1;
    struct circ_shape in = {IN, 1, 1};
    if (layer->conv)
        in = (struct circ_shape){3, 4, 4};
    return !circ_network_begin(net, layer->what, in, NULL) &&
           !circ_network_append(net, layer->conv ? &conv : &fc, NULL) &&
           !circ_network_compress(net, layer->structure, layer->k, layer->k, NULL);
}

/* Runs the step on its one thread; y [out][1]. */
static void run(const struct circ_step *step, const float *x, float *y, float *scratch)
{
    size_t outputs = (size_t)circ_network_elements(step->layer->out);
    for (size_t i = 0; i < outputs; i++)
        y[i] = NAN;
    step->run(step, x, y, scratch, 0);
}

static void poison(struct circ_step *step)
{
    memset(step->weights, 0, step->weight_floats * sizeof *step->weights);
}

/* A whole round: whether all sets differ in place, none follows its neighbour, and each answers as
 * want does but for the one at `bad`, which must not. */
static void go_round(const struct layer *layer, struct circ_step *step,
                     struct circ_rotation *rotation, const float *x, const float *want, float *y,
                     float *scratch, const float *bad)
{
    static const float *seen[MOST];
    size_t copies = (size_t)circ_rotation_copies(rotation);
    size_t outputs = (size_t)circ_network_elements(step->layer->out);
    size_t bytes = (step->weight_floats + 15) / 16 * 64;
    int twice = 0, near = 0, wrong = 0, noticed = 0;
    for (size_t turn = 0; turn < copies && turn < MOST; turn++) {
        circ_rotation_turn(rotation);
        seen[turn] = step->weights;
        for (size_t other = 0; other < turn; other++)
            twice += seen[other] == seen[turn];
        near += turn && labs((long)((const char *)seen[turn] - (const char *)seen[turn - 1])) <=
                            (long)bytes;
        run(step, x, y, scratch);
        bool same = !memcmp(y, want, outputs * sizeof *y);
        noticed += seen[turn] == bad && !same;
        wrong += seen[turn] != bad && !same;
    }
    tap_ok(!twice && !near, "%s: %zu sets, each once a round, none after its neighbour",
           layer->what, copies);
    tap_ok(!wrong && noticed == (bad ? 1 : 0), "%s: %s", layer->what,
           bad ? "a poisoned set shows in its turn and in no other" : "all answer alike");
}

static void test_step(const struct layer *layer, const struct circ_kernels *kernels)
{
    struct circ_network net;
    struct circ_model model;
    struct circ_step *step = NULL;
    struct circ_rotation *rotation = NULL;
    struct circ_error err = {0};
    const int64_t asked = 300000;
    struct circ_place place = {.kernels = kernels, .batch = 1, .panels = 1, .threads = 1};
    if (!build(&net, layer) || circ_weights_create(&model, &net, NULL)) {
        tap_ok(false, "%s: set-up", layer->what);
        return;
    }
    circ_weights_random(&model, 3);
    size_t inputs = (size_t)circ_network_elements(net.input);
    size_t outputs = (size_t)circ_network_elements(circ_network_output(&net));
    float *x = circ_step_floats(inputs), *y = circ_step_floats(outputs);
    float *want = circ_step_floats(outputs), *scratch = NULL;
    enum circ_status status =
        layer->create(&step, &net.layers[0], &model.layers[0], place, false, &err);
    if (!status)
        scratch = circ_step_floats(step->scratch_floats);
    if (!status && x && y && want && scratch) {
        struct circ_random random = circ_random_seed(5, 6);
        circ_random_fill(&random, x, inputs, 1);
        run(step, x, want, scratch);
        status = circ_rotation_create(&rotation, &step, 1, asked, &err);
    }
    if (tap_ok(!status && rotation, "%s: rotates %s", layer->what, err.message)) {
        int64_t set = (int64_t)(step->weight_floats * sizeof(float));
        int64_t copies = circ_rotation_copies(rotation);
        tap_ok(copies * (set + 60) > asked && (copies - 1) * set <= asked,
               "%s: %lld sets of %lld bytes are more than %lld, and not one too many", layer->what,
               (long long)copies, (long long)set, (long long)asked);
        go_round(layer, step, rotation, x, want, y, scratch, NULL);
        for (int turn = 0; turn < 2; turn++)
            circ_rotation_turn(rotation);
        const float *bad = step->weights;
        poison(step);
        go_round(layer, step, rotation, x, want, y, scratch, bad);
    }
    circ_rotation_free(rotation);
    circ_step_free(step);
    free(scratch);
    free(want);
    free(y);
    free(x);
    circ_weights_free(&model);
}

static void test_refused(const struct circ_kernels *kernels)
{
    struct circ_network net;
    struct circ_layer relu = {.op = CIRC_OP_RELU};
    struct circ_step *step = NULL;
    struct circ_rotation *rotation;
    struct circ_error err = {0};
    struct circ_place place = {.kernels = kernels, .batch = 1, .panels = 1, .threads = 1};
    bool ok = !circ_network_begin(&net, "relu", (struct circ_shape){4, 1, 1}, NULL) &&
              !circ_network_append(&net, &relu, NULL) &&
              !circ_pointwise_create(&step, &net.layers[0], NULL, place, false, &err);
    tap_ok(ok && circ_rotation_create(&rotation, &step, 1, 1000, &err) == CIRC_UNSUP && !rotation,
           "nothing to rotate: %s", err.message);
    circ_step_free(step);

    const struct layer fc = {.structure = CIRC_CIRCULANT, .k = 4, .what = "fc"};
    struct circ_step kept = {.place = place};
    ok = build(&net, &fc);
    kept.layer = &net.layers[0]; /* as if a library had the weights */
    struct circ_step *one = &kept;
    tap_ok(ok && circ_rotation_create(&rotation, &one, 1, 1000, &err) == CIRC_UNSUP && !rotation,
           "weights out of reach: %s", err.message);
    circ_rotation_free(NULL);
}

/* Through the contract: a network's answers with cold weights are those with warm ones, launch
 * after launch; who has no sets of weights says so. */
static void test_backend(const struct circ_backend *backend, enum circ_structure structure,
                         const char *variant, int batch)
{
    struct circ_network net;
    struct circ_model model;
    struct circ_session *session = NULL;
    struct circ_error err = {0};
    const struct circ_layer fc = {
        .op = CIRC_OP_FC, .out.c = OUT, .bias = true, .compressible = true};
    bool ok = !circ_network_begin(&net, "two", (struct circ_shape){IN, 1, 1}, NULL);
    for (int i = 0; i < 2 && ok; i++)
        ok = !circ_network_append(&net, &fc, NULL);
    if (!ok || circ_network_compress(&net, structure, 8, 8, NULL) ||
        circ_weights_create(&model, &net, NULL) || backend->open("", &session, &err)) {
        tap_ok(false, "%s %s: set-up %s", backend->name, variant, err.message);
        return;
    }
    circ_weights_random(&model, 1);
    static float x[IN * 17], want[OUT * 17], got[OUT * 17];
    struct circ_random random = circ_random_seed(7, 8);
    circ_random_fill(&random, x, sizeof x / sizeof *x, 1);
    struct circ_request request = {
        .model = &model, .batch = batch, .threads = 1, .precision = "f32", .variant = variant};
    int64_t warm = backend->footprint(&request), ns;
    int launches = 0, differing = 0;
    enum circ_status status = CIRC_OK;
    struct circ_program_info info = {.tuning = ""};
    for (int cold = 0; cold < 2 && !status; cold++) {
        struct circ_program *program = NULL;
        request.cold_bytes = cold ? 100000 : 0;
        status = backend->supports(session, &request, &err);
        if (!status)
            status = backend->prepare(session, &request, &program, &err);
        if (!status)
            status = backend->upload(program, x, NULL, &err);
        for (int i = 0; i < (cold ? 40 : 1) && !status; i++) {
            status = backend->launch(program, &err);
            if (!status)
                status = backend->wait(program, &ns, &err);
            if (!status)
                status = backend->download(program, cold ? got : want, &err);
            for (int at = 0; cold && at < OUT * batch;
                 at++) /* a library may choose another layout */
                differing += !(fabsf(got[at] - want[at]) <= 1e-5f * (1 + fabsf(want[at])));
            launches += cold;
        }
        if (program)
            backend->describe(program, &info);
        backend->release(program);
    }
    if (!strcmp(backend->name, "ref") || backend->predict)
        tap_ok(status == CIRC_UNSUP && err.message[0], "%s: %s", backend->name, err.message);
    else if (status == CIRC_ABSENT)
        tap_skip(err.message, "%s %s", backend->name, variant);
    else
        tap_ok(!status && launches == 40 && !differing && strstr(info.tuning, "sets of weights") &&
                   backend->footprint(&request) > warm + 100000,
               "%s %s batch %d: 40 cold answers are the warm one (%s) %s", backend->name, variant,
               batch, info.tuning, err.message);
    request.pass = CIRC_TRAIN;
    tap_ok(status == CIRC_ABSENT ||
               (backend->supports(session, &request, &err) == CIRC_UNSUP && err.message[0]),
           "%s %s: no cold training: %s", backend->name, variant, err.message);
    backend->close(session);
    circ_weights_free(&model);
}

int main(void)
{
    static const struct layer layers[] = {
        {"columns fc", CIRC_CIRCULANT, 8, false, circ_columns_create},
        {"columns conv", CIRC_CIRCULANT, 4, true, circ_columns_create},
        {"columns k = 1", CIRC_DENSE, 1, false, circ_columns_create},
        {"stream", CIRC_CIRCULANT, 8, false, circ_stream_create},
        {"stream over slots", CIRC_CIRCULANT, 32, false, circ_stream_create},
        {"pruned fc", CIRC_PRUNED, 4, false, circ_pruned_create},
        {"pruned conv", CIRC_PRUNED, 4, true, circ_pruned_create},
#if CIRC_HAVE_OPENBLAS
        {"dense fc", CIRC_DENSE, 1, false, circ_dense_create},
        {"dense conv", CIRC_DENSE, 1, true, circ_dense_create},
#endif
    };
    const struct circ_kernels *tables[8];
    int isas = circ_isa_list(tables), count;
    for (int t = 0; t < isas; t++)
        for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
            test_step(&layers[i], tables[t]);
    test_refused(tables[0]);
    const struct circ_backend *const *backends = circ_registry_list(&count);
    for (int b = 0; b < count; b++) {
        const struct circ_variant *variants;
        int variant_count =
            backends[b]->apart || backends[b]->compiles ? 0 : backends[b]->variants(&variants);
        for (int v = 0; v < variant_count; v++)
            for (int batch = 1; batch <= 17; batch += 16)
                test_backend(backends[b], variants[v].structure, variants[v].name, batch);
    }
    return tap_done();
}
