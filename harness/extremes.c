/* Frames by kind, as many at once as the batch holds. */
#include "harness/extremes.h"

#include "backends/core/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Operations of the reference beyond which no extremes are tried: about two seconds. */
#define BUDGET 2e9
#define SEED   8

static const char *const kinds[] = {
    "zeros",        "the largest word", "the smallest word",    "either of both, drawn",
    "single words", "words of one bit", "words drawn from all", "a few single words",
};
enum { ZEROS, LARGEST, SMALLEST, EITHER, SINGLE, BITS, ANY, FEW, KINDS };

static float value_of(struct circ_random *random, int kind, int64_t i, const struct circ_fixed *f)
{
    const float most = ldexpf(1, f->bits - 1 - f->in_fraction), least = ldexpf(1, -f->in_fraction);
    switch (kind) {
    case ZEROS:
        return 0;
    case LARGEST:
        return 2 * most; /* saturates */
    case SMALLEST:
        return -2 * most;
    case EITHER:
        return circ_random_below(random, 2) ? 2 * most : -2 * most;
    case SINGLE:
        return i == 0 ? 2 * most : 0;
    case BITS:
        return ldexpf(least, (int)circ_random_below(random, (uint64_t)f->bits - 1));
    case ANY:
        return least *
               ((float)circ_random_below(random, (uint64_t)1 << f->bits) - ldexpf(1, f->bits - 1));
    default:
        return i % 37 ? 0 : -2 * most;
    }
}

/* Frames of the kinds from first on, in turns. */
static void fill(float *frames, int batch, int first, const struct circ_fixed *fixed)
{
    int64_t inputs = circ_network_elements(fixed->network->input);
    struct circ_random random = circ_random_seed(SEED, (uint64_t)first);
    for (int frame = 0; frame < batch; frame++)
        for (int64_t i = 0; i < inputs; i++)
            frames[frame * inputs + i] = value_of(&random, (first + frame) % KINDS, i, fixed);
}

static void compare(const float *got, const float *want, int64_t outputs, int batch, int first,
                    struct circ_verdict *verdict)
{
    for (int64_t i = 0; i < outputs * batch && verdict->right; i++) {
        verdict->right = got[i] == want[i];
        if (!verdict->right)
            snprintf(
                verdict->reason, sizeof verdict->reason,
                "output %lld of a frame of %s differs from the reference in fixed point, which "
                "is exact: it is %.9g and must be %.9g",
                (long long)(i % outputs), kinds[(first + i / outputs) % KINDS], (double)got[i],
                (double)want[i]);
    }
}

static enum circ_status run(const struct circ_backend *backend, struct circ_program *program,
                            const float *frames, float *got, struct circ_error *err)
{
    int64_t ns;
    enum circ_status status = backend->upload(program, frames, NULL, err);
    if (!status)
        status = backend->launch(program, err);
    if (!status)
        status = backend->wait(program, &ns, err);
    return status ? status : backend->download(program, got, err);
}

enum circ_status circ_extremes_try(const struct circ_backend *backend, struct circ_program *program,
                                   const struct circ_fixed *fixed, int batch, const float *input,
                                   struct circ_verdict *verdict, struct circ_error *err)
{
    const struct circ_network *net = fixed->network;
    int64_t inputs = circ_network_elements(net->input);
    int64_t outputs = circ_network_elements(circ_network_output(net));
    int rounds = (KINDS + batch - 1) / batch;
    if ((double)circ_network_counts(net).flop_executed * rounds * batch > BUDGET)
        return CIRC_OK;
    float *frames = malloc((size_t)(inputs * batch) * sizeof *frames);
    float *got = malloc((size_t)(outputs * batch) * sizeof *got);
    float *want = malloc((size_t)(outputs * batch) * sizeof *want);
    enum circ_status status = CIRC_OK;
    if (!frames || !got || !want)
        status = circ_status_fail(err, CIRC_MEMORY, "%s: no memory for %d frames of extremes",
                                  net->name, batch);
    for (int round = 0; round < rounds && !status && verdict->right; round++) {
        fill(frames, batch, round * batch, fixed);
        status = run(backend, program, frames, got, err);
        if (!status)
            status = circ_fixed_forward(fixed, frames, batch, want, NULL, err);
        if (!status)
            compare(got, want, outputs, batch, round * batch, verdict);
    }
    if (!status)
        status = backend->upload(program, input, NULL, err);
    free(frames);
    free(got);
    free(want);
    return status;
}
