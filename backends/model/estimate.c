/* From counts to cycles and joules: the arithmetic of estimate.h, and no choice of parameters. */
#include "backends/model/estimate.h"

#include "backends/core/geometry.h"

#include <math.h>
#include <string.h>

/* The case with everything that its steps share. */
struct work {
    const struct circ_estimate_case *about;
    struct circ_pipeline pipeline;
    struct circ_pipeline_step steps[CIRC_MAX_LAYERS];
    int count;
    double bytes;         /* of a word; 12 bits are packed */
    double multiply, add; /* pJ */
};

const char *circ_estimate_term_name(int term)
{
    return term == CIRC_ESTIMATE_MEMORY ? "memory"
                                        : circ_pipeline_stage_name((enum circ_pipeline_stage)term);
}

static double figure(const struct work *work, enum circ_figures_key key)
{
    return work->about->device->figures[key].value;
}

/* What depends on the width of the words. */
static void set_words(struct work *work)
{
    static const struct {
        int bits;
        enum circ_figures_key multiply, add;
    } widths[] = {{16, CIRC_FIGURE_MULTIPLY_16, CIRC_FIGURE_ADD_16},
                  {12, CIRC_FIGURE_MULTIPLY_12, CIRC_FIGURE_ADD_12},
                  {8, CIRC_FIGURE_MULTIPLY_8, CIRC_FIGURE_ADD_8}};
    size_t row = 0;
    while (row < 2 && widths[row].bits != work->about->bits)
        row++;
    work->multiply = figure(work, widths[row].multiply);
    work->add = figure(work, widths[row].add);
    work->bytes = work->about->bits / 8.0;
}

static int stages_of(int k)
{
    int stages = 0;
    for (; k > 1; k /= 2)
        stages++;
    return stages;
}

static const struct circ_layer *layer_of(const struct work *work, int step)
{
    return &work->about->network->layers[work->steps[step].layer];
}

/* Multipliers that P, D and M ask for. */
static void count_multipliers(const struct work *work, struct circ_estimate *e)
{
    bool transforms = false; /* those of k = 2 only add */
    for (int s = 0; s < work->count; s++)
        transforms |= layer_of(work, s)->block > 2;
    const struct circ_pipeline *p = &work->pipeline;
    e->multipliers = 4.0 * (p->multiply + (transforms ? 2.0 * p->parallel * p->depth : 0));
    e->multipliers_there = floor(figure(work, CIRC_FIGURE_DSP_BLOCKS) *
                                 figure(work, work->about->bits > 8 ? CIRC_FIGURE_MULTIPLIERS_16
                                                                    : CIRC_FIGURE_MULTIPLIERS_8));
}

/* Fills the chip: buffers first, then what saves traffic. stay[] says whose weights do. */
static void fill_chip(const struct work *work, bool *stay, struct circ_estimate *e)
{
    const struct circ_network *net = work->about->network;
    int64_t spectra = 0, row = 0, between = 0;
    int largest = 1, bits = work->about->bits;
    for (int s = 0; s < work->count; s++) {
        const struct circ_layer *layer = layer_of(work, s);
        struct circ_geometry g = circ_geometry_of(layer);
        int64_t words = circ_pipeline_spectra_words(layer), one = (int64_t)g.taps * g.q * g.k;
        int64_t out = circ_network_elements(net->layers[work->steps[s].last].out);
        spectra = words > spectra ? words : spectra;
        row = one > row ? one : row;
        between = s + 1 < work->count && out > between ? out : between;
        largest = g.k > largest ? g.k : largest;
    }
    double room = figure(work, CIRC_FIGURE_ONCHIP_MEMORY);
    double roots = 2.0 * work->pipeline.depth * largest;
    double used = bits * (2.0 * (double)spectra + 2.0 * (double)row + roots);
    e->buffer_bits = used;
    double activations = 2.0 * bits * (double)between * work->about->batch;
    e->activations_stay = used + activations <= room;
    used += e->activations_stay ? activations : 0;
    for (int s = 0; s < work->count; s++) {
        double weights = bits * (double)circ_pipeline_weight_words(layer_of(work, s));
        stay[s] = used + weights <= room;
        used += stay[s] ? weights : 0;
        e->resident_steps += stay[s];
    }
    e->onchip_bits = used;
    e->step_count = work->count;
}

static double largest_of(const double *values, int from, int to, int *at)
{
    *at = from;
    for (int i = from + 1; i < to; i++)
        *at = values[i] > values[*at] ? i : *at;
    return values[*at];
}

/* Cycles of the stages of one step and frame; memory's are set apart. */
static void stage_cycles(const struct work *work, const struct circ_geometry *g,
                         const struct circ_pipeline_counts *c, double *cycles)
{
    int p = work->pipeline.parallel, m = work->pipeline.multiply, n = g->k / 2;
    if (g->k == 1) { /* tokens pack channels of a pixel */
        double in = (double)g->groups * g->in_pixels * ceil((double)g->q / m);
        double out = (double)g->groups * g->out_pixels * ceil((double)g->p / m);
        cycles[CIRC_PIPELINE_LOAD] = cycles[CIRC_PIPELINE_TRANSFORM] = in;
        cycles[CIRC_PIPELINE_INVERSE] = cycles[CIRC_PIPELINE_STORE] = out;
        cycles[CIRC_PIPELINE_MULTIPLY] = ceil((double)c->multiplies / (4.0 * m));
        return;
    }
    double tokens = fmax(1, n / (double)p), pass = fmax(1, n / (2.0 * p));
    double trips = ceil((double)stages_of(g->k) / work->pipeline.depth);
    double transform = fmax(tokens, trips * pass);
    double in = (double)c->words[0] / g->k, out = (double)c->words[2] / g->k; /* blocks */
    cycles[CIRC_PIPELINE_LOAD] = in * tokens;
    cycles[CIRC_PIPELINE_TRANSFORM] = in * transform;
    cycles[CIRC_PIPELINE_MULTIPLY] = ceil((double)c->multiplies / m);
    cycles[CIRC_PIPELINE_INVERSE] = out * transform;
    cycles[CIRC_PIPELINE_STORE] = out * tokens;
}

/* Energy of one step and frame, in pJ, memory off chip apart. */
static void step_energy(const struct work *work, const struct circ_geometry *g,
                        const struct circ_pipeline_counts *c, double onchip_activations,
                        double *arithmetic, double *onchip)
{
    double flies = (double)(c->butterflies[0] + c->butterflies[1]);
    double products = (double)c->multiplies, wide = figure(work, CIRC_FIGURE_ADD_32);
    double trips = ceil((double)stages_of(g->k) / work->pipeline.depth);
    double channels = 0, reads = products * (g->k == 1 ? 2 : 4); /* weight and spectrum */
    for (int i = 0; i < CIRC_PIPELINE_STAGES - 1; i++)
        channels += 2 * (double)c->words[i];
    double transforms = 2 * trips * (double)(c->words[0] + c->words[2]) + 2 * flies; /* roots */
    double spectra = (double)c->words[1], rows = (double)c->streamed_words;          /* written */
    *arithmetic = flies * (4 * work->multiply + 6 * work->add) +
                  (g->k == 1 ? products * (work->multiply + wide)
                             : products * (4 * work->multiply + 2 * work->add + 2 * wide));
    *onchip = (channels + reads + transforms + spectra + rows + onchip_activations) * work->bytes *
              figure(work, CIRC_FIGURE_ONCHIP_BYTE);
}

static void add_counts(struct circ_pipeline_counts *sum, const struct circ_pipeline_counts *c)
{
    for (int i = 0; i < 2; i++)
        sum->butterflies[i] += c->butterflies[i];
    for (int i = 0; i < CIRC_PIPELINE_STAGES - 1; i++)
        sum->words[i] += c->words[i];
    sum->multiplies += c->multiplies;
    sum->resident_words += c->resident_words;
    sum->streamed_words += c->streamed_words;
    sum->read_words += c->read_words;
    sum->written_words += c->written_words;
}

static void add_step(const struct work *work, int s, bool stays, double *bound_cycles,
                     struct circ_estimate *e)
{
    struct circ_geometry g = circ_geometry_of(layer_of(work, s));
    struct circ_pipeline pipeline = work->pipeline;
    pipeline.onchip_words = stays ? INT64_MAX : 0;
    struct circ_pipeline_counts c =
        circ_pipeline_count(work->about->network, &work->steps[s], &pipeline);
    double cycles[CIRC_ESTIMATE_TERMS], arithmetic, onchip;
    bool first = s == 0, last = s + 1 == work->count;
    double outside = (double)c.streamed_words, inside = 0; /* words moved */
    *(first || !e->activations_stay ? &outside : &inside) += (double)c.read_words;
    *(last || !e->activations_stay ? &outside : &inside) += (double)c.written_words;
    double bytes = outside * work->bytes;
    stage_cycles(work, &g, &c, cycles);
    cycles[CIRC_ESTIMATE_MEMORY] =
        bytes / (figure(work, CIRC_FIGURE_BANDWIDTH) * 1e9) * figure(work, CIRC_FIGURE_CLOCK) * 1e6;
    int batch = work->about->batch, slowest, unused;
    double most = largest_of(cycles, 0, CIRC_ESTIMATE_TERMS, &slowest);
    double front = largest_of(cycles, CIRC_PIPELINE_LOAD, CIRC_PIPELINE_MULTIPLY, &unused);
    double back = largest_of(cycles, CIRC_PIPELINE_MULTIPLY, CIRC_PIPELINE_STAGES, &unused);
    double registers = figure(work, CIRC_FIGURE_LATENCY) * (3 + 2 * pipeline.depth);
    bound_cycles[slowest] += batch * most;
    e->cycles += batch * most + fmin(front, back) + registers;
    for (int t = 0; t < CIRC_ESTIMATE_TERMS; t++)
        e->term_cycles[t] += batch * cycles[t];
    step_energy(work, &g, &c, inside, &arithmetic, &onchip);
    e->arithmetic_uj += arithmetic * figure(work, CIRC_FIGURE_OVERHEAD) / 1e6;
    e->onchip_uj += onchip * figure(work, CIRC_FIGURE_OVERHEAD) / 1e6;
    e->memory_uj += bytes * figure(work, CIRC_FIGURE_MEMORY_BYTE) / 1e6;
    e->memory_bytes += bytes;
    add_counts(&e->counts, &c);
}

enum circ_status circ_estimate_make(const struct circ_estimate_case *about,
                                    const struct circ_pipeline *pipeline,
                                    struct circ_estimate *estimate, struct circ_error *err)
{
    struct work work = {.about = about, .pipeline = *pipeline};
    bool stay[CIRC_MAX_LAYERS];
    double bound_cycles[CIRC_ESTIMATE_TERMS] = {0};
    memset(estimate, 0, sizeof *estimate);
    enum circ_status status = circ_pipeline_plan(about->network, work.steps, &work.count, err);
    if (status)
        return status;
    work.pipeline.bits = about->bits;
    set_words(&work);
    count_multipliers(&work, estimate);
    fill_chip(&work, stay, estimate);
    for (int s = 0; s < work.count; s++)
        add_step(&work, s, stay[s], bound_cycles, estimate);
    double most = largest_of(bound_cycles, 0, CIRC_ESTIMATE_TERMS, &estimate->bound);
    double seconds = estimate->cycles / (figure(&work, CIRC_FIGURE_CLOCK) * 1e6);
    estimate->bound_share = most / estimate->cycles;
    estimate->time_ns = seconds * 1e9;
    estimate->static_uj = figure(&work, CIRC_FIGURE_STATIC_POWER) * seconds * 1e6 / about->batch;
    estimate->energy_uj =
        estimate->arithmetic_uj + estimate->onchip_uj + estimate->memory_uj + estimate->static_uj;
    estimate->power_w = estimate->energy_uj * about->batch / (seconds * 1e6);
    return CIRC_OK;
}
