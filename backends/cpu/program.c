/* Chooses a step for every layer, keeps two activation buffers between which the steps go to and
 * fro, and runs them all on every thread with a barrier between two. */
#include "backends/cpu/program.h"

#include "backends/cpu/cost.h"
#include "backends/cpu/step.h"
#include "backends/cpu/fastest.h"
#include "backends/cpu/train.h"
#include "circ_config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct circ_program {
    const struct circ_network *network;
    struct circ_team *team;
    int batch;
    int threads; /* that work: the team's, or one where the network is too small for more */
    struct circ_place place; /* what the steps know of them */
    struct circ_step *steps[CIRC_MAX_LAYERS];
    int step_count;
    unsigned libraries;
    struct circ_train *train; /* owned: a training pass is all in there, and no step */
    float *input;             /* owned; launches do not write it, so that they can be repeated */
    float *buffers[2];        /* owned */
    size_t widest;            /* elements of a sample, of the widest activation */
    float **scratch;          /* owned, one a thread: what the greediest step needs */
};

static enum circ_status create_fused(struct circ_step **step, const struct circ_layer *layer,
                                     const struct circ_weights *weights, struct circ_place place,
                                     bool relu, struct circ_error *err)
{
    circ_step_create *create =
        circ_stream_pays(layer, place) ? circ_stream_create : circ_columns_create;
    return create(step, layer, weights, place, relu, err);
}

/* What computes a layer with weights. A dense layer of a compressed network takes the fastest of
 * the dense ones, whatever the variant; without a library it is a circulant layer of block 1. */
static const struct maker {
    const char *variant;
    enum circ_structure structure;
    circ_step_create *create;
} makers[] = {
#if CIRC_HAVE_OPENBLAS
    {"openblas", CIRC_DENSE, circ_dense_create},
#endif
#if CIRC_HAVE_ONEDNN
    {"onednn", CIRC_DENSE, circ_onednn_create},
#endif
#if CIRC_HAVE_FFTW
    {"fftw", CIRC_CIRCULANT, circ_fftw_create},
#endif
    {"fused", CIRC_CIRCULANT, create_fused},     {"csr", CIRC_PRUNED, circ_pruned_create},
};

/* Creates the step of a layer with weights: by the variant's maker, or by the fastest of those that
 * there are for its structure. */
static enum circ_status create_weighted(struct circ_step **step, const char *variant,
                                        const struct circ_layer *layer,
                                        const struct circ_weights *weights, struct circ_place place,
                                        bool relu, struct circ_error *err)
{
    const struct maker *fitting[sizeof makers / sizeof *makers];
    int count = 0;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        if (makers[i].structure != layer->structure)
            continue;
        if (!strcmp(makers[i].variant, variant))
            return makers[i].create(step, layer, weights, place, relu, err);
        fitting[count++] = &makers[i];
    }
    if (count < 2)
        return (count ? fitting[0]->create : create_fused)(step, layer, weights, place, relu, err);
    struct circ_step *best = NULL, *candidate = NULL;
    double seconds = INFINITY;
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < count && !status; i++) {
        status = fitting[i]->create(&candidate, layer, weights, place, relu, err);
        if (!status)
            status = circ_fastest_keep(&best, &seconds, candidate, err);
    }
    if (status)
        circ_step_free(best);
    else
        *step = best;
    return status;
}

/* The step for the layers from number i on; *taken of them. */
static enum circ_status create_step(struct circ_program *program,
                                    const struct circ_request *request, int i, int *taken,
                                    struct circ_error *err)
{
    const struct circ_network *net = program->network;
    const struct circ_layer *layer = &net->layers[i];
    const struct circ_weights *weights = &request->model->layers[i];
    struct circ_step **step = &program->steps[program->step_count];
    *taken = 1;
#if CIRC_HAVE_ONEDNN
    if (!strcmp(request->variant, "onednn"))
        *taken = circ_onednn_span(layer, net->layer_count - i, program->place);
    int span = *taken;
    *taken = span > 1 ? span : 1;
    layer = &net->layers[i + *taken - 1];
#endif
    bool last = circ_network_has_weights(layer);
    bool relu = last && i + *taken < net->layer_count && net->layers[i + *taken].op == CIRC_OP_RELU;
    *taken += relu;
#if CIRC_HAVE_ONEDNN
    if (span > 1)
        return circ_onednn_create_run(step, &net->layers[i], weights, span, program->place, relu,
                                      err);
#endif
    return last ? create_weighted(step, request->variant, layer, weights, program->place, relu, err)
                : circ_pointwise_create(step, layer, weights, program->place, false, err);
}

static enum circ_status create_steps(struct circ_program *program,
                                     const struct circ_request *request, struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int i = 0, taken = 1; i < program->network->layer_count && !status; i += taken) {
        taken = 1;
        if (program->network->layers[i].op == CIRC_OP_FLATTEN)
            continue;
        status = create_step(program, request, i, &taken, err);
        if (!status)
            program->libraries |= program->steps[program->step_count++]->libraries;
    }
    return status;
}

/* Panels of 16 samples keep what a layer reads next to each other, whatever the batch; a batch that
 * is no multiple of that, and the libraries that know no panels, take it whole. Panels enough for
 * all threads need no barrier: each thread takes its own through the whole network. */
static void cut_batch(struct circ_program *program, const char *variant)
{
    enum { PANEL = 16 };
    struct circ_place *place = &program->place;
    bool cut = program->batch % PANEL == 0 && !strcmp(variant, "fused") &&
               circ_program_structure_of(program->network) == CIRC_CIRCULANT;
    int panels = cut ? program->batch / PANEL : 1;
    place->batch = program->batch / panels;
    place->threads = panels % program->threads ? program->threads : 1;
    place->callers = place->threads == 1 ? program->threads : 1;
    place->panels = place->threads == 1 ? panels / program->threads : panels;
}

static enum circ_status create_scratch(struct circ_program *program, struct circ_error *err)
{
    size_t floats = 0;
    for (int i = 0; i < program->step_count; i++)
        if (program->steps[i]->scratch_floats > floats)
            floats = program->steps[i]->scratch_floats;
    program->scratch = calloc((size_t)program->threads, sizeof *program->scratch);
    for (int t = 0; t < program->threads; t++)
        if (!program->scratch || !(program->scratch[t] = circ_step_floats(floats)))
            return circ_status_fail(err, CIRC_MEMORY,
                                    "%s: no memory for the spectra of batch %d on %d threads: "
                                    "lower the batch or the threads",
                                    program->network->name, program->batch, program->threads);
    return CIRC_OK;
}

enum circ_status circ_program_create(struct circ_program **out, const struct circ_request *request,
                                     const struct circ_kernels *kernels, struct circ_team *team,
                                     struct circ_error *err)
{
    const struct circ_network *net = request->model->network;
    *out = NULL;
    struct circ_program *program = calloc(1, sizeof *program);
    if (!program)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory", net->name);
    program->network = net;
    program->team = team;
    program->batch = request->batch;
    program->place.kernels = kernels;
    if (request->pass == CIRC_TRAIN) {
        enum circ_status created = circ_train_create(&program->train, request, kernels, team, err);
        if (created)
            circ_program_free(program);
        else
            *out = program;
        return created;
    }
    program->threads =
        circ_cost_threads(net, request->batch, kernels->lanes, circ_team_threads(team));
    cut_batch(program, request->variant);
    size_t batch = (size_t)request->batch;
    program->widest = 1;
    for (int i = 0; i < net->layer_count; i++) {
        size_t count = (size_t)circ_network_elements(net->layers[i].out);
        program->widest = count > program->widest ? count : program->widest;
    }
    program->input = circ_step_floats((size_t)circ_network_elements(net->input) * batch);
    program->buffers[0] = circ_step_floats(program->widest * batch);
    program->buffers[1] = circ_step_floats(program->widest * batch);
    enum circ_status status = CIRC_OK;
    if (!program->input || !program->buffers[0] || !program->buffers[1])
        status = circ_status_fail(err, CIRC_MEMORY, "%s: no memory for activations of batch %d",
                                  net->name, request->batch);
    if (!status)
        status = create_steps(program, request, err);
    if (!status)
        status = create_scratch(program, err);
    if (status)
        circ_program_free(program);
    else
        *out = program;
    return status;
}

void circ_program_free(struct circ_program *program)
{
    if (!program)
        return;
    for (int i = 0; i < program->step_count; i++)
        circ_step_free(program->steps[i]);
    for (int t = 0; program->scratch && t < program->threads; t++)
        free(program->scratch[t]);
    free(program->scratch);
    circ_train_free(program->train);
    free(program->input);
    free(program->buffers[0]);
    free(program->buffers[1]);
    free(program);
}

/* to[c][r] = from[r][c], in squares. */
static void transpose(const float *from, size_t rows, size_t columns, float *to)
{
    enum { SIDE = 16 };
    for (size_t r0 = 0; r0 < rows; r0 += SIDE)
        for (size_t c0 = 0; c0 < columns; c0 += SIDE)
            for (size_t r = r0; r < rows && r < r0 + SIDE; r++)
                for (size_t c = c0; c < columns && c < c0 + SIDE; c++)
                    to[c * rows + r] = from[r * columns + c];
}

void circ_program_upload(struct circ_program *program, const float *input)
{
    size_t width = (size_t)program->place.batch;
    size_t elements = (size_t)circ_network_elements(program->network->input);
    for (size_t at = 0; at < (size_t)program->batch; at += width)
        transpose(input + at * elements, width, elements, program->input + at * elements);
}

/* Panels of a layer's input or output, elements a sample, as the thread that owns the panel finds
 * them: its panels lie one after the other from the same place in a buffer whatever the layer, so
 * that a thread ahead of another writes nothing that the other still reads. */
static float *panel_at(const struct circ_program *program, float *buffer, int panel,
                       size_t elements)
{
    const struct circ_place *place = &program->place;
    int first = place->threads == 1 ? panel / place->panels * place->panels : 0;
    return buffer + ((size_t)first * program->widest + (size_t)(panel - first) * elements) *
                        (size_t)place->batch;
}

void circ_program_download(const struct circ_program *program, float *output)
{
    size_t width = (size_t)program->place.batch;
    size_t elements = (size_t)circ_network_elements(circ_network_output(program->network));
    int panels = program->batch / program->place.batch;
    for (int panel = 0; panel < panels; panel++) {
        size_t at = (size_t)panel * width * elements;
        const float *last = program->step_count
                                ? panel_at(program, program->buffers[(program->step_count - 1) % 2],
                                           panel, elements)
                                : program->input + at;
        transpose(last, elements, width, output + at);
    }
}

static void run_steps(void *context, int thread)
{
    struct circ_program *program = context;
    const struct circ_place *place = &program->place;
    bool alone = place->threads == 1; /* with panels of its own */
    int first = alone ? thread * place->panels : 0;
    for (int i = 0; i < program->step_count; i++) {
        const struct circ_step *step = program->steps[i];
        size_t in = (size_t)circ_network_elements(step->layer->in);
        size_t out = (size_t)circ_network_elements(step->layer->out);
        if (i && !alone)
            circ_team_barrier(program->team);
        for (int panel = first; panel < first + place->panels; panel += step->panels) {
            const float *x = i ? panel_at(program, program->buffers[(i - 1) % 2], panel, in)
                               : program->input + (size_t)panel * in * (size_t)place->batch;
            step->run(step, x, panel_at(program, program->buffers[i % 2], panel, out),
                      program->scratch[thread], alone ? 0 : thread);
        }
    }
}

void circ_program_launch(struct circ_program *program)
{
    if (program->threads == 1)
        run_steps(program, 0);
    else
        circ_team_run(program->team, run_steps, program);
}

const char *circ_program_isa(const struct circ_program *program)
{
    return program->place.kernels->name;
}

unsigned circ_program_libraries(const struct circ_program *program)
{
    bool trains_dense = program->train && circ_program_structure(program) == CIRC_DENSE;
    return CIRC_HAVE_OPENBLAS && trains_dense ? CIRC_OPENBLAS : program->libraries;
}

struct circ_train *circ_program_train(const struct circ_program *program)
{
    return program->train;
}

enum circ_structure circ_program_structure_of(const struct circ_network *net)
{
    for (int i = 0; i < net->layer_count; i++)
        if (circ_network_has_weights(&net->layers[i]) && net->layers[i].structure != CIRC_DENSE)
            return net->layers[i].structure;
    return CIRC_DENSE;
}

enum circ_structure circ_program_structure(const struct circ_program *program)
{
    return circ_program_structure_of(program->network);
}

const char *circ_program_tuning(const struct circ_program *program)
{
    if (program->train)
        return circ_train_tuning(program->train);
    const char *tuning = "";
    int weighted = 0;
    if (program->threads < circ_team_threads(program->team))
        return "one thread does it sooner";
    for (int i = 0; i < program->step_count; i++) {
        weighted += circ_network_has_weights(program->steps[i]->layer);
        if (program->steps[i]->tuning)
            tuning = program->steps[i]->tuning;
    }
    return weighted == 1 ? tuning : "";
}
