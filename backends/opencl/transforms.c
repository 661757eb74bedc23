/* Our transforms: what the kernels of transform.cl are built and started with, and the commands
 * that take one side of a layer there and back. */
#include "backends/opencl/transforms.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SOURCES       "lanes.cl sides.cl butterflies.cl transform.cl"
#define PRIVATE_BYTES 65536 /* of a transform that one work-item does: it is on a stack */
#define MAX_RADICES   8

struct circ_transformer {
    const struct circ_planes *planes; /* borrowed */
    int vector;                       /* of lanes */
    int threads, vectors;             /* T and C */
    char options[320];
    cl_mem roots, order;
};

/* Radices of the complex length, from the largest stride on; the number of them, 0 for too many. */
static int factor(int n, int radix[MAX_RADICES], int *largest)
{
    static const int first[] = {8, 4, 2, 5, 3, 7};
    int count = 0;
    *largest = 2;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        for (; n % first[i] == 0; n /= first[i])
            if (count == MAX_RADICES)
                return 0;
            else
                radix[count++] = first[i];
    for (int prime = 11; n > 1; prime += 2)
        for (; n % prime == 0; n /= prime)
            if (count == MAX_RADICES)
                return 0;
            else
                radix[count++] = prime;
    for (int i = 0; i < count; i++)
        *largest = radix[i] > *largest ? radix[i] : *largest;
    return count;
}

/* Where element f lies after the forward passes. */
static int reversed(int f, int n, const int *radix)
{
    int at = 0;
    for (; n > 1; radix++) {
        n /= *radix;
        at += f % *radix * n;
        f /= *radix;
    }
    return at;
}

static enum circ_status make_tables(struct circ_transformer *t, const struct circ_setting *setting,
                                    int n, const int *radix, struct circ_error *err)
{
    int k = t->planes->g.k;
    float *roots = malloc(2 * (size_t)k * sizeof *roots);
    cl_int *order = malloc((size_t)n * sizeof *order);
    enum circ_status status = CIRC_OK;
    if (!roots || !order)
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for the tables of block %d", k);
    for (int e = 0; e < k && !status; e++) {
        roots[2 * e] = (float)cos(6.283185307179586476925286766559 * e / k);
        roots[2 * e + 1] = (float)-sin(6.283185307179586476925286766559 * e / k);
    }
    for (int f = 0; f < n && !status; f++)
        order[f] = reversed(f, n, radix);
    struct circ_recording *r = setting->recording;
    if (!status)
        status = circ_recording_buffer(r, 2 * (size_t)k, roots, &t->roots, err);
    if (!status)
        status = circ_recording_buffer(r, (size_t)n, order, &t->order, err);
    free(roots);
    free(order);
    return status;
}

/* Vector width, sharing and options. */
static enum circ_status plan(struct circ_transformer *t, bool bins, int width,
                             const struct circ_setting *setting, struct circ_error *err)
{
    const struct circ_accelerator *a = setting->accelerator;
    int k = t->planes->g.k, n = k % 2 ? k : k / 2, radix[MAX_RADICES], largest;
    int count = factor(n, radix, &largest);
    if (n > 1 && !count)
        return circ_status_fail(err, CIRC_UNSUP, "blocks of %d have too many factors", k);
    const struct circ_side *x = &t->planes->x, *y = &t->planes->y;
    int columns =
        x->blocks * x->plane < y->blocks * y->plane ? x->blocks * x->plane : y->blocks * y->plane;
    int points = setting->tuning.points, spare = largest > 8 ? 4 * largest : 0;
    t->vector = circ_tuning_below(setting->tuning.vector, columns);
    t->threads = points && n > 2 * points ? circ_tuning_below((int)a->group, n / points) : 1;
    t->vectors = 1;
    if (t->threads > 1) {
        int64_t own = (int64_t)2 * n * t->vector * (int64_t)sizeof(float);
        int most = (int)(a->local_bytes / own);
        t->vectors = circ_tuning_below(most < 16 ? most : 16, (int)a->group / t->threads);
        if (own > a->local_bytes)
            return circ_status_fail(err, CIRC_UNSUP,
                                    "blocks of %d need more than the %lld bytes of local memory "
                                    "that %s has",
                                    k, (long long)a->local_bytes, a->name);
    }
    while (t->threads == 1 && t->vector > 1 &&
           (int64_t)(2 * n + spare) * t->vector * (int64_t)sizeof(float) > PRIVATE_BYTES)
        t->vector /= 2;
    if (t->threads == 1 && (int64_t)(2 * n + spare) * (int64_t)sizeof(float) > PRIVATE_BYTES)
        return circ_status_fail(err, CIRC_UNSUP, "blocks of %d are larger than a work-item holds",
                                k);
    int used = snprintf(t->options, sizeof t->options,
                        "-DK=%d -DN=%d -DV=%d -DT=%d -DC=%d -DLARGEST=%d -DBINS=%d -DSLOTS=%d", k,
                        n, t->vector, t->threads, t->vectors, largest, bins, bins ? width : 0);
    for (int i = 0; i < count; i++)
        used +=
            snprintf(t->options + used, sizeof t->options - (size_t)used, " -DR%d=%d", i, radix[i]);
    return make_tables(t, setting, n, radix, err);
}

/* Whether a work-group is ours to shape. Where nothing is shared a GPU's driver knows better; but
 * on a CPU the arrays of all work-items of a group lie on the stack together, and thousands of
 * them, PoCL's choice, are beyond it: there a group is one transform, which is also the fastest. */
static bool shaped(const struct circ_transformer *t, const struct circ_setting *setting)
{
    return t->threads > 1 || setting->accelerator->cpu;
}

static enum circ_status create(struct circ_transformer **out, const struct circ_planes *planes,
                               bool bins, int width, const struct circ_setting *setting,
                               struct circ_error *err)
{
    *out = NULL;
    struct circ_transformer *t = calloc(1, sizeof *t);
    if (!t)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    t->planes = planes;
    enum circ_status status = plan(t, bins, width, setting, err);
    if (status)
        free(t);
    else
        *out = t;
    return status;
}

/* One kernel over `count` columns. */
static enum circ_status record(const struct circ_transformer *t, const struct circ_setting *setting,
                               const char *name, size_t count, const struct circ_arg *args,
                               int arg_count, struct circ_error *err)
{
    size_t vector = (size_t)t->vector;
    const size_t global[3] = {(count + vector - 1) / vector, (size_t)t->threads, 1};
    const size_t local[3] = {(size_t)t->vectors, (size_t)t->threads, 1};
    return circ_recording_kernel(setting->recording,
                                 (struct circ_kernel_name){SOURCES, t->options, name}, global,
                                 shaped(t, setting) ? local : NULL, args, arg_count, err);
}

static enum circ_status forward(struct circ_transformer *t, const struct circ_setting *setting,
                                struct circ_transformation at, struct circ_error *err)
{
    const struct circ_side *side = at.side;
    const struct circ_arg args[] = {CIRC_ARG(at.signals), CIRC_ARG(at.spectra), CIRC_ARG(t->roots),
                                    CIRC_ARG(t->order), CIRC_ARG(*side)};
    return record(t, setting, "spectra", (size_t)side->blocks * (size_t)side->plane, args, 5, err);
}

static enum circ_status inverse(struct circ_transformer *t, const struct circ_setting *setting,
                                struct circ_transformation at, cl_mem bias, bool relu,
                                struct circ_error *err)
{
    const struct circ_side *side = at.side;
    size_t pixels = (size_t)(side->height * side->width * side->batch);
    cl_int has_bias = bias != NULL, cut = relu;
    cl_mem offset = bias ? bias : t->roots;
    const struct circ_arg args[] = {CIRC_ARG(at.spectra), CIRC_ARG(at.signals), CIRC_ARG(t->roots),
                                    CIRC_ARG(t->order),   CIRC_ARG(*side),      CIRC_ARG(offset),
                                    CIRC_ARG(has_bias),   CIRC_ARG(cut)};
    return record(t, setting, "signals", (size_t)side->blocks * pixels, args, 8, err);
}

/* Whether a layer of `count` panels, whose spectra are so many bytes, goes in panels: as many for
 * each core, near enough, on a device whose local memory is cache. */
static bool suits(const struct circ_transformer *t, const struct circ_accelerator *a,
                  const struct circ_panels *what, int count, size_t bytes)
{
    return a->cpu && t->threads == 1 && t->vector == what->vector &&
           what->layer->structure == CIRC_CIRCULANT && (int64_t)bytes <= a->local_bytes &&
           (count % a->units == 0 || count >= 4 * a->units);
}

static enum circ_status record_panels(const struct circ_transformer *t,
                                      const struct circ_setting *setting,
                                      const struct circ_panels *what, const struct circ_planes *p,
                                      int count, struct circ_error *err)
{
    char options[520];
    cl_int has_bias = what->bias != NULL, relu = what->relu, panels = count;
    cl_mem bias = what->bias ? what->bias : t->roots, board;
    enum circ_status status = circ_recording_buffer(setting->recording, 2, NULL, &board, err);
    if (status)
        return status;
    snprintf(options, sizeof options, "%s %s -DBACKWARD=0 -DSPECTRA=__local", t->options,
             what->product);
    const struct circ_arg args[] = {CIRC_ARG(what->x),
                                    CIRC_ARG(what->y),
                                    CIRC_ARG(what->weights),
                                    {p->x_floats * sizeof(float), NULL},
                                    {p->y_floats * sizeof(float), NULL},
                                    CIRC_ARG(t->roots),
                                    CIRC_ARG(t->order),
                                    CIRC_ARG(what->taps),
                                    CIRC_ARG(what->starts),
                                    CIRC_ARG(p->x),
                                    CIRC_ARG(p->y),
                                    CIRC_ARG(p->forward),
                                    CIRC_ARG(bias),
                                    CIRC_ARG(has_bias),
                                    CIRC_ARG(relu),
                                    CIRC_ARG(board),
                                    CIRC_ARG(panels)};
    /* no more work-groups than cores, which PoCL would give one core */
    const size_t global[3] = {(size_t)setting->accelerator->units, 1, 1}, local[3] = {1, 1, 1};
    return circ_recording_kernel(
        setting->recording,
        (struct circ_kernel_name){SOURCES " product.cl panel.cl", options, "panel"}, global, local,
        args, 17, err);
}

static enum circ_status panels(const struct circ_transformer *t, const struct circ_setting *setting,
                               const struct circ_panels *what, bool *done, struct circ_error *err)
{
    struct circ_planes p;
    int samples = what->vector * what->columns;
    *done = false;
    if (what->layer->op != CIRC_OP_FC || setting->batch % samples)
        return CIRC_OK;
    enum circ_status status = circ_planes_create(&p, what->layer, samples, what->vector, 0, err);
    p.x.step = t->planes->x.step; /* of the whole batch's activations */
    p.y.step = t->planes->y.step;
    size_t bytes = (p.x_floats + p.y_floats) * sizeof(float);
    if (!status && suits(t, setting->accelerator, what, setting->batch / samples, bytes)) {
        *done = true;
        status = record_panels(t, setting, what, &p, setting->batch / samples, err);
    }
    circ_planes_free(&p);
    return status;
}

static void release(struct circ_transformer *t)
{
    free(t);
}

const struct circ_transforms circ_transforms_own = {
    .library = "",
    .create = create,
    .forward = forward,
    .inverse = inverse,
    .panels = panels,
    .release = release,
};
