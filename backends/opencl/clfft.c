/* clFFT's plans, baked once for each length and number of transforms and kept with the open device,
 * and the commands of a layer: turning in, transforms, turning out. */
#include "backends/opencl/clfft.h"

#include "circ_config.h"

#include <clFFT.h>
#include <stdio.h>
#include <stdlib.h>

#define SOURCES  "sides.cl clfft.cl"
#define MAX_TILE 16

/* clFFT's state is the process's: set up before the first device that uses it, torn down, with all
 * programs, after the last. Devices are opened and closed by one thread at a time. */
static int users;

struct plan {
    struct plan *next;
    int k;
    size_t count; /* of transforms */
    bool inverse;
    clfftPlanHandle handle;
};

/* What clFFT keeps with an open device. */
struct plans {
    struct circ_guest guest;
    struct plan *first;
};

/* One recorded transformation. */
struct step {
    const struct plan *plan; /* of the device's plans */
    cl_mem from, to;         /* borrowed */
};

struct circ_transformer {
    const struct circ_planes *planes; /* borrowed, as all else */
    struct step steps[4];             /* recorded: either side, either way */
    int count;
    int tile;
    bool bins;
    char options[96];
};

static enum circ_status check(const struct circ_accelerator *a, clfftStatus code, const char *what,
                              struct circ_error *err)
{
    if (code == CLFFT_SUCCESS)
        return CIRC_OK;
    if (code == CLFFT_NOTIMPLEMENTED)
        return circ_status_fail_native(err, CIRC_UNSUP, (int)code,
                                       "clFFT has no transform of this length");
    if (code < CLFFT_BUGCHECK)
        return circ_accelerator_check(a, (cl_int)code, what, err);
    return circ_status_fail_native(err, CIRC_DEVICE, (int)code, "%s: %s: clFFT's error %d", a->name,
                                   what, (int)code);
}

static void close_plans(struct circ_guest *guest)
{
    struct plans *plans = (struct plans *)guest;
    while (plans->first) {
        struct plan *next = plans->first->next;
        clfftDestroyPlan(&plans->first->handle);
        free(plans->first);
        plans->first = next;
    }
    free(plans);
    if (--users == 0)
        clfftTeardown();
}

/* The device's plans; sets clFFT up for its first. NULL without memory or when clFFT refuses. */
static struct plans *plans_of(struct circ_accelerator *a)
{
    for (struct circ_guest *guest = a->guests; guest; guest = guest->next)
        if (guest->close == close_plans)
            return (struct plans *)guest;
    /* clfftInitSetupData is inline and has no definition to link where nothing is inlined */
    const clfftSetupData setup = {clfftVersionMajor, clfftVersionMinor, clfftVersionPatch, 0};
    struct plans *plans = calloc(1, sizeof *plans);
    if (!plans || (users == 0 && clfftSetup(&setup))) {
        free(plans);
        return NULL;
    }
    users++;
    plans->guest = (struct circ_guest){a->guests, close_plans};
    a->guests = &plans->guest;
    return plans;
}

static clfftStatus bake(struct circ_accelerator *a, struct plan *plan)
{
    size_t length = (size_t)plan->k, bins = length / 2 + 1, unit = 1;
    clfftPlanHandle h;
    clfftStatus code = clfftCreateDefaultPlan(&h, a->context, CLFFT_1D, &length);
    if (code)
        return code;
    clfftLayout real = CLFFT_REAL, complex = CLFFT_HERMITIAN_INTERLEAVED;
    bool back = plan->inverse;
    code = clfftSetPlanPrecision(h, CLFFT_SINGLE);
    code = code ? code : clfftSetLayout(h, back ? complex : real, back ? real : complex);
    code = code ? code : clfftSetResultLocation(h, CLFFT_OUTOFPLACE);
    code = code ? code : clfftSetPlanBatchSize(h, plan->count);
    code = code ? code : clfftSetPlanInStride(h, CLFFT_1D, &unit);
    code = code ? code : clfftSetPlanOutStride(h, CLFFT_1D, &unit);
    code = code ? code : clfftSetPlanDistance(h, back ? bins : length, back ? length : bins);
    code = code ? code : clfftBakePlan(h, 1, &a->queue, NULL, NULL);
    if (code)
        clfftDestroyPlan(&h);
    else
        plan->handle = h;
    return code;
}

/* A plan of the device, baked when first asked for. */
static enum circ_status find_plan(struct circ_accelerator *a, int k, size_t count, bool inverse,
                                  const struct plan **out, struct circ_error *err)
{
    struct plans *plans = plans_of(a);
    if (!plans)
        return circ_status_fail(err, CIRC_DEVICE, "%s: clFFT could not be set up", a->name);
    for (const struct plan *p = plans->first; p; p = p->next)
        if (p->k == k && p->count == count && p->inverse == inverse) {
            *out = p;
            return CIRC_OK;
        }
    struct plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a plan of clFFT");
    *plan = (struct plan){.k = k, .count = count, .inverse = inverse};
    enum circ_status status = check(a, bake(a, plan), "planning a transform", err);
    if (status) {
        free(plan);
        return status;
    }
    plan->next = plans->first;
    plans->first = plan;
    *out = plan;
    return CIRC_OK;
}

static size_t pixels_of(const struct circ_side *side)
{
    return (size_t)side->height * (size_t)side->width * (size_t)side->batch;
}

static size_t transforms_of(const struct circ_side *side)
{
    return (size_t)side->blocks * pixels_of(side);
}

static enum circ_status supports(int block, struct circ_error *err)
{
    static const int radices[] = {2, 3, 5, 7, 11, 13};
    int rest = block;
    for (size_t i = 0; i < sizeof radices / sizeof *radices; i++)
        while (rest % radices[i] == 0)
            rest /= radices[i];
    if (block < 2)
        return circ_status_fail(err, CIRC_UNSUP,
                                "a block of one number has no transform: clfft takes larger ones");
    if (rest > 1)
        return circ_status_fail(err, CIRC_UNSUP,
                                "clFFT transforms lengths with the factors 2, 3, 5, 7, 11 and 13, "
                                "and %d has %d",
                                block, rest);
    return CIRC_OK;
}

static size_t need(const struct circ_planes *planes)
{
    size_t x = transforms_of(&planes->x), y = transforms_of(&planes->y);
    return (x > y ? x : y) * 2 * (size_t)(planes->g.k / 2 + 1);
}

static enum circ_status create(struct circ_transformer **out, const struct circ_planes *planes,
                               bool bins, int width, const struct circ_setting *setting,
                               struct circ_error *err)
{
    struct circ_accelerator *a = setting->accelerator;
    *out = NULL;
    struct circ_transformer *t = calloc(1, sizeof *t);
    if (!t)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    *t = (struct circ_transformer){.planes = planes, .tile = MAX_TILE, .bins = bins};
    while (t->tile > 1 && (size_t)t->tile * (size_t)t->tile > a->group)
        t->tile /= 2;
    int k = planes->g.k;
    snprintf(t->options, sizeof t->options, "-DK=%d -DTILE=%d -DBINS=%d -DWIDTH=%d", k, t->tile,
             bins, bins ? width : 0);
    *out = t;
    return CIRC_OK;
}

static enum circ_status run(void *context, struct circ_accelerator *a, cl_event *event,
                            struct circ_error *err)
{
    struct step *s = context;
    circ_accelerator_mark(a);
    return check(a,
                 clfftEnqueueTransform(s->plan->handle,
                                       s->plan->inverse ? CLFFT_BACKWARD : CLFFT_FORWARD, 1,
                                       &a->queue, 0, NULL, event, &s->from, &s->to, NULL),
                 "starting a transform", err);
}

static enum circ_status record_step(struct circ_transformer *t, const struct circ_setting *setting,
                                    const struct circ_side *side, bool back, cl_mem from, cl_mem to,
                                    struct circ_error *err)
{
    struct step *s = &t->steps[t->count++];
    *s = (struct step){.from = from, .to = to};
    enum circ_status status =
        find_plan(setting->accelerator, t->planes->g.k, transforms_of(side), back, &s->plan, err);
    return status ? status : circ_recording_call(setting->recording, run, s, err);
}

/* A turning of `across` x `down` numbers of each block of a side; straight: nothing is turned. */
static enum circ_status record_turn(const struct circ_transformer *t,
                                    const struct circ_setting *setting, const char *name,
                                    const struct circ_side *side, size_t across, size_t down,
                                    bool straight, const struct circ_arg *args, int count,
                                    struct circ_error *err)
{
    size_t tile = (size_t)t->tile, blocks = (size_t)side->blocks;
    const size_t tiles[3] = {tile, tile, 1};
    const size_t tiled[3] = {across, down, blocks}, lines[3] = {down, across, blocks};
    return circ_recording_kernel(
        setting->recording, (struct circ_kernel_name){SOURCES, t->options, name},
        straight ? lines : tiled, straight ? NULL : tiles, args, count, err);
}

static enum circ_status forward(struct circ_transformer *t, const struct circ_setting *setting,
                                struct circ_transformation at, struct circ_error *err)
{
    const struct circ_side *side = at.side;
    size_t k = (size_t)t->planes->g.k, pixels = pixels_of(side);
    /* signals fit where the spectra will lie: a plane has a place for every pixel */
    cl_mem signals = at.spectra, bins = at.scratch;
    const struct circ_arg in[] = {CIRC_ARG(at.signals), CIRC_ARG(signals), CIRC_ARG(*side)};
    const struct circ_arg out[] = {CIRC_ARG(bins), CIRC_ARG(at.spectra), CIRC_ARG(*side)};
    enum circ_status status = CIRC_OK;
    if (pixels == 1 && (size_t)side->channels % k == 0)
        signals = at.signals; /* they lie so already */
    else
        status = record_turn(t, setting, "gather", side, pixels, k, false, in, 3, err);
    if (!status)
        status = record_step(t, setting, side, false, signals, bins, err);
    if (!status)
        status = record_turn(t, setting, "spread", side, (size_t)side->plane,
                             (size_t)t->planes->slots, t->bins, out, 3, err);
    return status;
}

static enum circ_status inverse(struct circ_transformer *t, const struct circ_setting *setting,
                                struct circ_transformation at, cl_mem bias, bool relu,
                                struct circ_error *err)
{
    const struct circ_side *side = at.side;
    size_t k = (size_t)t->planes->g.k, pixels = pixels_of(side);
    cl_mem bins = at.scratch, signals = at.spectra;
    cl_int has_bias = bias != NULL, cut = relu;
    cl_mem offset = bias ? bias : bins;
    const struct circ_arg in[] = {CIRC_ARG(at.spectra), CIRC_ARG(bins), CIRC_ARG(*side)};
    const struct circ_arg out[] = {CIRC_ARG(signals), CIRC_ARG(at.signals), CIRC_ARG(*side),
                                   CIRC_ARG(offset),  CIRC_ARG(has_bias),   CIRC_ARG(cut)};
    enum circ_status status =
        record_turn(t, setting, "collect", side, pixels, k / 2 + 1, t->bins, in, 3, err);
    if (!status)
        status = record_step(t, setting, side, true, bins, signals, err);
    if (!status)
        status = record_turn(t, setting, "scatter", side, pixels, k, false, out, 6, err);
    return status;
}

static void release(struct circ_transformer *t)
{
    free(t);
}

const struct circ_transforms circ_clfft_transforms = {
    .library = "clFFT " CIRC_CLFFT_VERSION,
    .supports = supports,
    .need = need,
    .create = create,
    .forward = forward,
    .inverse = inverse,
    .release = release,
};
