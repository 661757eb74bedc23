/* Chooses a learner for every layer, keeps every activation, and takes a step: forward through all
 * learners, the gradient of the loss, backward through all of them in reverse. */
#include "backends/cpu/train.h"

#include "backends/cpu/learner.h"
#include "backends/core/turn.h"
#include "circ_config.h"

#include <stdlib.h>
#include <string.h>

struct circ_train {
    const struct circ_network *network;
    struct circ_team *team;
    struct circ_place place;
    struct circ_learner *learners[CIRC_MAX_LAYERS];
    int index[CIRC_MAX_LAYERS]; /* the layer of each */
    int count;
    float *x[CIRC_MAX_LAYERS + 1]; /* owned: input of each learner, then the output */
    float *slopes[2];              /* owned: gradients go to and fro; see slope_of */
    float *target;                 /* owned, in the layout of activations */
    float **scratch;               /* owned, one a thread */
};

/* Gradient of the input of learner i, and for i = count of the network's output. */
static float *slope_of(const struct circ_train *train, int i)
{
    return train->slopes[i % 2];
}

static circ_learner_create *learner_for(const struct circ_layer *layer)
{
    if (!circ_network_has_weights(layer))
        return circ_learn_pointwise_create;
#if CIRC_HAVE_OPENBLAS
    if (layer->structure == CIRC_DENSE)
        return circ_learn_dense_create;
#endif
    return circ_learn_circulant_create;
}

static enum circ_status create_learners(struct circ_train *train, const struct circ_model *model,
                                        struct circ_error *err)
{
    const struct circ_network *net = train->network;
    for (int l = 0; l < net->layer_count; l++) {
        if (net->layers[l].op == CIRC_OP_FLATTEN)
            continue;
        enum circ_status status = learner_for(&net->layers[l])(
            &train->learners[train->count], &net->layers[l], &model->layers[l], train->place, err);
        if (status)
            return status;
        train->index[train->count++] = l;
    }
    return CIRC_OK;
}

static enum circ_status create_buffers(struct circ_train *train, struct circ_error *err)
{
    const struct circ_network *net = train->network;
    size_t batch = (size_t)train->place.batch, scratch = 1;
    size_t outputs = (size_t)circ_network_elements(circ_network_output(net)) * batch;
    size_t widest = (size_t)circ_network_elements(net->input) * batch;
    bool enough = (train->x[0] = circ_step_floats(widest));
    for (int i = 0; i < train->count && enough; i++) {
        const struct circ_learner *learner = train->learners[i];
        size_t count = (size_t)circ_network_elements(learner->layer->out) * batch;
        widest = count > widest ? count : widest;
        scratch = learner->scratch_floats > scratch ? learner->scratch_floats : scratch;
        enough = (train->x[i + 1] = circ_step_floats(count));
    }
    train->slopes[0] = circ_step_floats(widest);
    train->slopes[1] = circ_step_floats(widest);
    train->target = circ_step_floats(outputs);
    train->scratch = calloc((size_t)train->place.threads, sizeof *train->scratch);
    enough = enough && train->slopes[0] && train->slopes[1] && train->target && train->scratch;
    for (int t = 0; t < train->place.threads && enough; t++)
        enough = (train->scratch[t] = circ_step_floats(scratch));
    return enough ? CIRC_OK
                  : circ_status_fail(err, CIRC_MEMORY,
                                     "%s: no memory for the activations of a training step of "
                                     "batch %d: lower the batch",
                                     net->name, train->place.batch);
}

enum circ_status circ_train_create(struct circ_train **out, const struct circ_request *request,
                                   const struct circ_kernels *kernels, struct circ_team *team,
                                   struct circ_error *err)
{
    *out = NULL;
    struct circ_train *train = calloc(1, sizeof *train);
    if (!train)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory", request->model->network->name);
    train->network = request->model->network;
    train->team = team;
    train->place = (struct circ_place){.kernels = kernels,
                                       .batch = request->batch,
                                       .panels = 1,
                                       .threads = circ_team_threads(team)};
    enum circ_status status = create_learners(train, request->model, err);
    if (!status)
        status = create_buffers(train, err);
    if (status)
        circ_train_free(train);
    else
        *out = train;
    return status;
}

void circ_train_free(struct circ_train *train)
{
    if (!train)
        return;
    for (int i = 0; i < train->count; i++)
        circ_learner_free(train->learners[i]);
    for (int i = 0; i <= CIRC_MAX_LAYERS; i++)
        free(train->x[i]);
    for (int t = 0; train->scratch && t < train->place.threads; t++)
        free(train->scratch[t]);
    free(train->scratch);
    free(train->slopes[0]);
    free(train->slopes[1]);
    free(train->target);
    free(train);
}

/* From [batch][elements] to [elements][batch]. */
static void take(const struct circ_train *train, const float *from, struct circ_shape shape,
                 float *to)
{
    int elements = (int)circ_network_elements(shape), batch = train->place.batch;
    circ_turn(from, (size_t)elements, batch, elements, to, (size_t)batch);
}

static void give(const struct circ_train *train, const float *from, struct circ_shape shape,
                 float *to)
{
    int elements = (int)circ_network_elements(shape), batch = train->place.batch;
    circ_turn(from, (size_t)batch, elements, batch, to, (size_t)elements);
}

void circ_train_upload(struct circ_train *train, const float *input,
                       const struct circ_lesson *lesson)
{
    take(train, input, train->network->input, train->x[0]);
    take(train, lesson->target, circ_network_output(train->network), train->target);
    for (int i = 0; i < train->count; i++)
        train->learners[i]->rate = lesson->rate[train->index[i]];
}

/* dL/dy = (y - t) / batch, this thread's part. */
static void differ(const struct circ_train *train, int thread)
{
    int outputs = (int)circ_network_elements(circ_network_output(train->network)), first, last;
    int64_t batch = train->place.batch;
    const float *y = train->x[train->count];
    float *slope = slope_of(train, train->count), share = 1.0f / (float)batch;
    circ_step_share(outputs, train->place.threads, thread, &first, &last);
    for (int64_t i = first * batch; i < last * batch; i++)
        slope[i] = (y[i] - train->target[i]) * share;
}

static void run_step(void *context, int thread)
{
    struct circ_train *train = context;
    float *scratch = train->scratch[thread];
    for (int i = 0; i < train->count; i++) {
        struct circ_learner *learner = train->learners[i];
        for (int phase = 0; phase < learner->forward_phases; phase++) {
            learner->forward(learner, phase, train->x[i], train->x[i + 1], scratch, thread);
            circ_team_barrier(train->team);
        }
    }
    differ(train, thread);
    for (int i = train->count - 1; i >= 0; i--) {
        struct circ_learner *learner = train->learners[i];
        const struct circ_slopes slopes = {train->x[i], train->x[i + 1], slope_of(train, i + 1),
                                           slope_of(train, i)};
        for (int phase = 0; phase < learner->backward_phases; phase++) {
            circ_team_barrier(train->team);
            learner->backward(learner, phase, &slopes, scratch, thread);
        }
    }
}

void circ_train_launch(struct circ_train *train)
{
    circ_team_run(train->team, run_step, train);
}

void circ_train_download(const struct circ_train *train, float *output)
{
    give(train, train->x[train->count], circ_network_output(train->network), output);
}

enum circ_status circ_train_learned(const struct circ_train *train, struct circ_model *model,
                                    float *dx, struct circ_error *err)
{
    give(train, slope_of(train, 0), train->network->input, dx);
    for (int i = 0; i < train->count; i++) {
        const struct circ_learner *learner = train->learners[i];
        struct circ_weights *to = &model->layers[train->index[i]];
        if (!learner->weights)
            continue;
        enum circ_status status = learner->weights(learner, to->values, err);
        if (status)
            return status;
        if (learner->bias)
            memcpy(to->bias, learner->bias, (size_t)learner->layer->out.c * sizeof *to->bias);
    }
    return CIRC_OK;
}

const char *circ_train_tuning(const struct circ_train *train)
{
    const char *tuning = "";
    int weighted = 0;
    for (int i = 0; i < train->count; i++) {
        weighted += train->learners[i]->weights != NULL;
        if (train->learners[i]->tuning)
            tuning = train->learners[i]->tuning;
    }
    return weighted == 1 ? tuning : "";
}

/* Spectra of input, its gradient and output; the planes that a CONV layer pads count whole. */
static int64_t spectra_of(const struct circ_layer *layer, int64_t batch)
{
    int p, q;
    if (!circ_network_has_weights(layer) || layer->structure != CIRC_CIRCULANT)
        return 0;
    circ_network_blocks(layer, &p, &q);
    int64_t in = (int64_t)layer->groups * q * layer->block;
    int64_t out = (int64_t)layer->groups * p * layer->block, columns = (batch + 31) / 32 * 32;
    if (layer->op == CIRC_OP_FC)
        return (2 * in + out) * columns;
    int64_t plane = (int64_t)(layer->in.h + 2 * layer->pad) *
                    (layer->in.w + 2 * layer->pad + layer->stride) * batch;
    int64_t rows = layer->out.h * ((layer->out.w * batch + 31) / 32 * 32);
    return 2 * in * (plane + 32) + out * rows;
}

int64_t circ_train_footprint(const struct circ_request *request)
{
    const struct circ_network *net = request->model->network;
    int64_t widest = circ_network_elements(net->input), batch = request->batch;
    int64_t activations = 2 * widest, floats = 0, scratch = 0;
    for (int l = 0; l < net->layer_count; l++) {
        const struct circ_layer *layer = &net->layers[l];
        int64_t out = circ_network_elements(layer->out), spectra = spectra_of(layer, batch);
        int64_t blocks = layer->block ? circ_network_elements(layer->in) / layer->block + 1 : 1;
        activations += out;
        widest = out > widest ? out : widest;
        floats += spectra;
        scratch = spectra / blocks > scratch ? spectra / blocks : scratch;
        if (layer->structure == CIRC_DENSE && layer->op == CIRC_OP_FC) /* layouts being tried */
            floats += 3 * (circ_network_elements(layer->in) + layer->out.c) * batch;
    }
    return 3 * circ_network_counts(net).weight_bytes +
           4 * (batch * (activations + 2 * widest) + floats + request->threads * scratch) +
           (int64_t)request->threads * (4 << 20);
}
