/* Chooses a step for every layer and runs them all on every thread, with a barrier between two.
 *
 * A batch that is cut into panels goes through in stages: runs of steps that take a panel at a time
 * and steps that take several. A panel goes through a whole stage before the next one starts, so
 * that what lies between its steps is overwritten, in the cache, by the next panel. */
#include "backends/cpu/program.h"

#include "backends/cpu/cost.h"
#include "backends/cpu/fastest.h"
#include "backends/cpu/rotation.h"
#include "backends/cpu/step.h"
#include "backends/cpu/train.h"
#include "backends/core/turn.h"
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
    struct circ_rotation *rotation; /* owned; NULL: one set of weights, warm */
    struct circ_train *train;       /* owned: a training pass is all in there, and no step */
    float *input;    /* owned; launches do not write it, so that they can be repeated */
    float **buffers; /* owned, one for each group of threads that share panels (see groups_of):
                      * two buffers for all its panels between stages, two for one panel within */
    size_t across, within; /* floats of one of either */
    float **scratch;       /* owned, one a thread: what the greediest step needs */
};

static bool is_pool(const struct circ_layer *layer)
{
    return layer->op == CIRC_OP_POOL_MAX || layer->op == CIRC_OP_POOL_AVG;
}

static enum circ_status create_fused(struct circ_step **step, const struct circ_layer *layer,
                                     const struct circ_weights *weights, struct circ_place place,
                                     bool relu, struct circ_error *err)
{
    circ_step_create *create =
        circ_stream_pays(layer, place) ? circ_stream_create : circ_columns_create;
    return create(step, layer, weights, place, relu, err);
}

/* What computes a layer with weights. A dense layer of a compressed network, or of the variant
 * mixed, takes the fastest of the dense ones: of the libraries, and for CONV of blocks of one; with
 * no library it is blocks of one whatever it is. */
static const struct maker {
    const char *variant; /* NULL: nobody's alone */
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
    {NULL, CIRC_DENSE, circ_columns_create},     {"fused", CIRC_CIRCULANT, create_fused},
    {"csr", CIRC_PRUNED, circ_pruned_create},
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
        if (makers[i].structure != layer->structure ||
            (!makers[i].variant && layer->op != CIRC_OP_CONV))
            continue;
        if (makers[i].variant && !strcmp(makers[i].variant, variant))
            return makers[i].create(step, layer, weights, place, relu, err);
        fitting[count++] = &makers[i];
    }
    if (count < 2)
        return (count ? fitting[0]->create : create_fused)(step, layer, weights, place, relu, err);
    struct circ_step *best = NULL, *candidate = NULL;
    double seconds = INFINITY;
    enum circ_status status = CIRC_OK;
    /* one that cannot is out of the race; without memory there is none */
    for (int i = 0; i < count && status != CIRC_MEMORY; i++) {
        status = fitting[i]->create(&candidate, layer, weights, place, relu, err);
        if (!status)
            status = circ_fastest_keep(&best, &seconds, candidate, err);
    }
    if (status == CIRC_MEMORY) {
        circ_step_free(best);
        return status;
    }
    *step = best;
    return best ? CIRC_OK : status;
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
    if (layer->op == CIRC_OP_LRN && i + *taken < net->layer_count && is_pool(layer + 1)) {
        *taken = 2;
        return circ_pointwise_create_lrn_pool(step, layer, weights, program->place, false, err);
    }
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
               circ_network_structure(program->network) == CIRC_CIRCULANT;
    int panels = cut ? program->batch / PANEL : 1;
    place->batch = program->batch / panels;
    place->threads = panels % program->threads ? program->threads : 1;
    place->callers = place->threads == 1 ? program->threads : 1;
    place->panels = place->threads == 1 ? panels / program->threads : panels;
}

/* The step after a stage that begins with this one. */
static int stage_end(const struct circ_program *program, int first)
{
    int end = first + 1;
    if (program->place.panels > 1 && program->steps[first]->panels == 1)
        while (end < program->step_count && program->steps[end]->panels == 1)
            end++;
    return end;
}

static size_t floats_of(const struct circ_program *program, struct circ_shape shape)
{
    return (size_t)circ_network_elements(shape) * (size_t)program->place.batch;
}

/* count blocks of so many floats. */
static float **create_blocks(int count, size_t floats)
{
    float **blocks = calloc((size_t)count, sizeof *blocks);
    for (int i = 0; blocks && i < count; i++) {
        blocks[i] = circ_step_floats(floats);
        if (!blocks[i]) {
            while (i--)
                free(blocks[i]);
            free(blocks);
            return NULL;
        }
    }
    return blocks;
}

static void free_blocks(float **blocks, int count)
{
    for (int i = 0; blocks && i < count; i++)
        free(blocks[i]);
    free(blocks);
}

/* All threads share every panel, or each has panels of its own: then it has buffers of its own too,
 * because nobody waits for it. */
static int groups_of(const struct circ_program *program)
{
    return program->place.threads == 1 ? program->threads : 1;
}

static void measure(struct circ_program *program, size_t *scratch)
{
    for (int i = 0, end; i < program->step_count; i = end) {
        end = stage_end(program, i);
        for (int j = i; j < end; j++) {
            const struct circ_step *step = program->steps[j];
            size_t out = floats_of(program, step->out);
            size_t *most = j + 1 == end ? &program->across : &program->within;
            *most = out > *most ? out : *most;
            *scratch = step->scratch_floats > *scratch ? step->scratch_floats : *scratch;
        }
    }
    program->across = (program->across * (size_t)program->place.panels + CIRC_SLACK + 15) / 16 * 16;
    program->within = (program->within + CIRC_SLACK + 15) / 16 * 16;
}

static enum circ_status create_buffers(struct circ_program *program, struct circ_error *err)
{
    size_t scratch = 0, inputs = (size_t)circ_network_elements(program->network->input);
    measure(program, &scratch);
    program->input = circ_step_floats(inputs * (size_t)program->batch);
    program->buffers = create_blocks(groups_of(program), 2 * (program->across + program->within));
    if (!program->input || !program->buffers)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory for activations of batch %d",
                                program->network->name, program->batch);
    program->scratch = create_blocks(program->threads, scratch);
    if (!program->scratch)
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
    enum circ_status status = create_steps(program, request, err);
    if (!status)
        status = create_buffers(program, err);
    if (!status && request->cold_bytes)
        status = circ_rotation_create(&program->rotation, program->steps, program->step_count,
                                      request->cold_bytes, err);
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
    circ_rotation_free(program->rotation);
    for (int i = 0; i < program->step_count; i++)
        circ_step_free(program->steps[i]);
    circ_train_free(program->train);
    free_blocks(program->scratch, program->threads);
    free_blocks(program->buffers, groups_of(program));
    free(program->input);
    free(program);
}

void circ_program_upload(struct circ_program *program, const float *input)
{
    size_t width = (size_t)program->place.batch;
    size_t elements = (size_t)circ_network_elements(program->network->input);
    for (size_t at = 0; at < (size_t)program->batch; at += width)
        circ_turn(input + at * elements, elements, (int)width, (int)elements,
                  program->input + at * elements, width);
}

/* A group's panels after so many stages: its part of the input, or what the last of them wrote. */
static float *after_stages(const struct circ_program *program, int group, int stages)
{
    size_t in = floats_of(program, program->network->input) * (size_t)program->place.panels;
    return stages ? program->buffers[group] + (size_t)(stages % 2) * program->across
                  : program->input + (size_t)group * in;
}

void circ_program_download(const struct circ_program *program, float *output)
{
    size_t width = (size_t)program->place.batch, panels = (size_t)program->place.panels;
    size_t elements = (size_t)circ_network_elements(circ_network_output(program->network));
    int stages = 0;
    for (int i = 0; i < program->step_count; i = stage_end(program, i))
        stages++;
    for (int group = 0; group < groups_of(program); group++) {
        const float *from = after_stages(program, group, stages);
        for (size_t panel = 0; panel < panels; panel++) {
            circ_turn(from, width, (int)elements, (int)width, output, elements);
            from += elements * width;
            output += elements * width;
        }
    }
}

/* One panel, or as many as its steps take together, through a stage. x and y: all of the group. */
static void run_stage(const struct circ_program *program, int first, int end, int panel,
                      const float *x, float *y, int thread)
{
    bool alone = program->place.threads == 1;
    float *within = program->buffers[alone ? thread : 0] + 2 * program->across;
    x += (size_t)panel * floats_of(program, program->steps[first]->layer->in);
    for (int i = first; i < end; i++) {
        const struct circ_step *step = program->steps[i];
        float *to = i + 1 == end ? y + (size_t)panel * floats_of(program, step->out)
                                 : within + (size_t)(i % 2) * program->within;
        if (!alone && i + panel) /* what it reads is written, what it writes is read */
            circ_team_barrier(program->team);
        step->run(step, x, to, program->scratch[thread], alone ? 0 : thread);
        x = to;
    }
}

static void run_steps(void *context, int thread)
{
    struct circ_program *program = context;
    int group = program->place.threads == 1 ? thread : 0;
    for (int i = 0, stage = 0, end; i < program->step_count; i = end, stage++) {
        const float *x = after_stages(program, group, stage);
        float *y = after_stages(program, group, stage + 1);
        end = stage_end(program, i);
        for (int panel = 0; panel < program->place.panels; panel += program->steps[i]->panels)
            run_stage(program, i, end, panel, x, y, thread);
    }
}

void circ_program_launch(struct circ_program *program)
{
    if (program->rotation)
        circ_rotation_turn(program->rotation);
    if (program->threads == 1)
        circ_team_alone(run_steps, program);
    else
        circ_team_run(program->team, run_steps, program);
}

const char *circ_program_isa(const struct circ_program *program)
{
    bool ours = program->train || circ_program_structure(program) != CIRC_DENSE;
    for (int i = 0; i < program->step_count; i++)
        ours |= circ_network_has_weights(program->steps[i]->layer) && !program->steps[i]->libraries;
    return ours ? program->place.kernels->name : "";
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

enum circ_structure circ_program_structure(const struct circ_program *program)
{
    return circ_network_structure(program->network);
}

int64_t circ_program_copies(const struct circ_program *program)
{
    return program->rotation ? circ_rotation_copies(program->rotation) : 1;
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
