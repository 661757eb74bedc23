/* Every allocation of prepare, and of measuring ceilings, fails once: each failure must be MEMORY
 * with a sentence, leave no program and no leak (the sanitized build looks), and the next attempt
 * must succeed. Linked with
 * --wrap. */
#include "backends/core/random.h"
#include "backends/registry.h"
#include "tests/core/network_fixture.h"
#include "tests/tap.h"

#include <stdlib.h>

static long countdown = -1; /* allocations until one fails; -1: none fails */
static long allocations;

static bool fails(void)
{
    allocations++;
    return countdown >= 0 && countdown-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

static bool build(struct circ_network *net, enum circ_structure structure)
{
    const struct circ_layer layers[] = {
        {.op = CIRC_OP_CONV,
         .out.c = 8,
         .taps_h = 3,
         .taps_w = 3,
         .pad = 1,
         .bias = true,
         .compressible = true},
        {.op = CIRC_OP_RELU},
        {.op = CIRC_OP_POOL_MAX, .taps_h = 2, .taps_w = 2, .stride = 2},
        {.op = CIRC_OP_FC, .out.c = 20, .bias = true, .compressible = true},
        {.op = CIRC_OP_SOFTMAX},
    };
    return !network_fixture_build(net, (struct circ_shape){4, 6, 6}, layers, 5, structure, 4, NULL);
}

static void test(const struct circ_backend *backend, enum circ_structure structure,
                 const char *variant, enum circ_pass pass, int batch, int64_t cold_bytes)
{
    struct circ_network net;
    struct circ_model model;
    struct circ_session *session = NULL;
    struct circ_error err = {0};
    const char *name = circ_network_structure_name(structure);
    if (!build(&net, structure) || circ_weights_create(&model, &net, NULL) ||
        backend->open("", &session, &err)) {
        tap_ok(false, "%s %s: set-up", backend->name, name);
        return;
    }
    circ_weights_random(&model, 1);
    struct circ_request request = {.model = &model,
                                   .batch = batch,
                                   .threads = 1,
                                   .pass = pass,
                                   .precision = "f32",
                                   .variant = variant,
                                   .cold_bytes = cold_bytes};
    if (backend->supports(session, &request, &err)) {
        tap_skip(err.message, "%s %s %s", backend->name, name, circ_backend_pass_name(pass));
    } else {
        int wrong = 0;
        long first = 0;
        for (long n = 0;; n++) {
            struct circ_program *program = NULL;
            countdown = n;
            enum circ_status status = backend->prepare(session, &request, &program, &err);
            bool failed = countdown < 0;
            countdown = -1;
            if (!failed) {
                wrong += status != CIRC_OK;
                backend->release(program);
                first = n;
                break;
            }
            wrong += status != CIRC_MEMORY || program || !err.message[0];
        }
        tap_ok(!wrong && first > 5, "%s %s %s batch %d%s: %ld allocations, each failing once",
               backend->name, name, circ_backend_pass_name(pass), batch, cold_bytes ? ", cold" : "",
               first);
    }
    backend->close(session);
    circ_weights_free(&model);
}

static void test_ceilings(const struct circ_backend *backend)
{
    struct circ_ceiling ceilings[CIRC_MAX_CEILINGS];
    struct circ_session *session = NULL;
    struct circ_error err = {0};
    if (!backend->ceilings)
        return;
    if (backend->open("", &session, &err)) {
        tap_skip(err.message, "%s: ceilings", backend->name);
        return;
    }
    int wrong = 0, count;
    long n = 0;
    for (bool failed = true; failed; n += failed) {
        countdown = n;
        enum circ_status status = backend->ceilings(session, NULL, 1, ceilings, &count, &err);
        failed = countdown < 0;
        countdown = -1;
        wrong += failed ? status != CIRC_MEMORY || !err.message[0] : status != CIRC_OK;
    }
    tap_ok(!wrong && n > 1, "%s: ceilings, %ld allocations, each failing once", backend->name, n);
    backend->close(session);
}

int main(void)
{
    static const struct {
        enum circ_pass pass;
        int batch;
        int64_t cold_bytes;
    } ways[] = {{CIRC_INFER, 1, 0},
                {CIRC_TRAIN, 1, 0},
                {CIRC_INFER, 17, 0},
                {CIRC_TRAIN, 17, 0},
                {CIRC_INFER, 1, 100000}};
    int count;
    const struct circ_backend *const *backends = circ_registry_list(&count);
    for (int b = 0; b < count; b++) {
        const struct circ_variant *variants;
        int variant_count =
            backends[b]->apart || backends[b]->compiles ? 0 : backends[b]->variants(&variants);
        for (int v = 0; v < variant_count; v++)
            for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
                test(backends[b], variants[v].structure, variants[v].name, ways[i].pass,
                     ways[i].batch, ways[i].cold_bytes);
        test_ceilings(backends[b]);
    }
    struct circ_network net;
    struct circ_model model;
    long n = 0;
    if (build(&net, CIRC_PRUNED))
        for (countdown = 0; circ_weights_create(&model, &net, NULL) == CIRC_MEMORY; n++)
            countdown = n + 1;
    countdown = -1;
    circ_weights_free(&model);
    tap_ok(n > 3, "weights: %ld allocations, each failing once", n);
    return tap_done();
}
