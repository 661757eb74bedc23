/* The oracle's training step: gradients down the network in double, how far each may be off, and
 * what follows from ReLUs and maxima that rounding decides. */
#include "backends/core/training.h"

#include "backends/core/backward.h"
#include "backends/core/geometry.h"
#include "backends/core/oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CIRC_SLOPES_T       double
#define CIRC_SLOPES_NAME(x) slope_##x
#include "backends/core/slopes.h"

#define UNIT         0x1p-24 /* rounding unit of float32 */
#define STEP_SHARE   (1.0 / 64)
#define DEAR_BUDGETS 8.0 /* what two frames may cost before one must do */

/* Gradients that are being summed, as backward.h has them. */
struct sums {
    double *weights[CIRC_MAX_LAYERS], *bias[CIRC_MAX_LAYERS];
};

/* A unit so close to its kink that rounding decides its slope: what the gradient of the layer's
 * input changes by if it decides otherwise. */
struct tie {
    int layer, entries;
    int64_t at[2];
    double change[2];
};

struct work {
    const struct circ_model *model;
    const struct circ_network *net;
    struct circ_training *training;
    double *x[CIRC_MAX_LAYERS + 1]; /* owned: input of each layer, then the output */
    double *dense[CIRC_MAX_LAYERS]; /* owned: expanded CONV weights */
    double *slope, *next, *spare;   /* owned: of the widest layer */
    struct sums sums, change;       /* owned; change is made when there is a tie */
    bool change_made;
    double repeats;   /* frames of the batch that are the one at hand */
    struct tie *ties; /* owned, of one frame */
    size_t tie_count, tie_capacity;
    double roundings[CIRC_MAX_LAYERS + 1]; /* that a layer's input carries, in units of UNIT */
};

int circ_training_distinct(const struct circ_network *net, int batch, double budget)
{
    double frame = 3 * circ_oracle_cost(net);
    double fit = frame > 0 ? floor(budget / frame) : batch;
    if (fit >= batch)
        return batch;
    if (fit < 2)
        return batch > 1 && 2 * frame <= DEAR_BUDGETS * budget ? 2 : 1;
    return (int)fit - !((int)fit % 2);
}

static bool create_sums(const struct work *work, struct sums *sums)
{
    bool enough = true;
    for (int l = 0; l < work->net->layer_count; l++) {
        const struct circ_layer *layer = &work->net->layers[l];
        if (!circ_network_has_weights(layer))
            continue;
        int64_t count = circ_backward_count(layer, &work->model->layers[l]);
        sums->weights[l] = calloc((size_t)count, sizeof(double));
        sums->bias[l] = calloc((size_t)layer->out.c, sizeof(double));
        enough = enough && sums->weights[l] && sums->bias[l];
    }
    return enough;
}

static void free_sums(struct sums *sums)
{
    for (int l = 0; l < CIRC_MAX_LAYERS; l++) {
        free(sums->weights[l]);
        free(sums->bias[l]);
    }
}

/* From work->slope, the gradient of the output of layer `from`, to that of the network's input,
 * which is left in work->slope; sums take the gradients weight times. */
static void propagate(struct work *work, int from, double weight, struct sums *sums,
                      void (*visit)(struct work *work, int layer))
{
    for (int l = from; l >= 0; l--) {
        const struct circ_layer *layer = &work->net->layers[l];
        const double *x = work->x[l];
        int64_t count = circ_network_elements(layer->in);
        if (visit)
            visit(work, l);
        switch (layer->op) {
        case CIRC_OP_FC:
        case CIRC_OP_CONV: {
            int64_t pixels = (int64_t)layer->out.h * layer->out.w;
            for (int64_t i = 0; i < layer->out.c * pixels; i++)
                sums->bias[l][i / pixels] += weight * work->slope[i];
            if (layer->op == CIRC_OP_FC)
                circ_backward_fc(layer, work->model->layers[l].values, x, work->slope, weight,
                                 sums->weights[l], work->next);
            else
                circ_backward_conv(layer, work->dense[l], x, work->slope, weight, sums->weights[l],
                                   work->next, work->spare);
            break;
        }
        case CIRC_OP_POOL_MAX:
        case CIRC_OP_POOL_AVG:
            slope_pool(layer, x, work->slope, work->next);
            break;
        case CIRC_OP_RELU:
            slope_relu(count, x, work->slope, work->next);
            break;
        case CIRC_OP_LRN:
            slope_lrn(layer, x, work->slope, work->next, work->spare);
            break;
        case CIRC_OP_SOFTMAX:
            slope_softmax(count, work->x[l + 1], work->slope, work->next);
            break;
        case CIRC_OP_FLATTEN:
            memcpy(work->next, work->slope, (size_t)count * sizeof *work->next);
            break;
        }
        double *t = work->slope;
        work->slope = work->next;
        work->next = t;
    }
}

static double mean_square(const double *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += values[i] * values[i];
    return count ? sum / (double)count : 0;
}

static double mean_square_f32(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * values[i];
    return count ? sum / (double)count : 0;
}

static void add_tie(struct work *work, struct tie tie)
{
    if (work->tie_count == work->tie_capacity) {
        size_t capacity = work->tie_capacity ? 2 * work->tie_capacity : 16;
        struct tie *ties = realloc(work->ties, capacity * sizeof *ties);
        if (!ties)
            return; /* the judge is then stricter than it need be */
        work->ties = ties;
        work->tie_capacity = capacity;
    }
    work->ties[work->tie_count++] = tie;
}

/* The best input of a window but for the winner, or -1. */
static int64_t runner_up(const struct circ_layer *layer, const double *x, int64_t index,
                         int64_t winner)
{
    struct circ_shape in = layer->in, out = layer->out;
    int64_t plane = index / ((int64_t)out.h * out.w) * in.h, best = -1;
    int pixel = (int)(index % ((int64_t)out.h * out.w));
    for (int t = 0; t < layer->taps_h * layer->taps_w; t++) {
        int iy = pixel / out.w * layer->stride - layer->pad + t / layer->taps_w;
        int ix = pixel % out.w * layer->stride - layer->pad + t % layer->taps_w;
        int64_t at = (plane + iy) * in.w + ix;
        if (iy >= 0 && iy < in.h && ix >= 0 && ix < in.w && at != winner &&
            (best < 0 || x[at] > x[best]))
            best = at;
    }
    return best;
}

/* True when a zero among the layer's inputs is one that a ReLU made: LRN leaves zeros alone. */
static bool comes_from_relu(const struct circ_network *net, int l)
{
    while (l && net->layers[l - 1].op == CIRC_OP_LRN)
        l--;
    return l && net->layers[l - 1].op == CIRC_OP_RELU;
}

/* Notes the layer's ties, with work->slope the gradient of its output. */
static void find_ties(struct work *work, int l)
{
    const struct circ_layer *layer = &work->net->layers[l];
    const double *x = work->x[l], *dy = work->slope;
    if (layer->op != CIRC_OP_RELU && layer->op != CIRC_OP_POOL_MAX)
        return;
    double rms = sqrt(mean_square(x, circ_network_elements(layer->in)));
    double margin = UNIT * work->roundings[l] * rms;
    bool after_relu = comes_from_relu(work->net, l);
    for (int64_t i = 0; i < circ_network_elements(layer->out); i++) {
        if (dy[i] == 0)
            continue;
        if (layer->op == CIRC_OP_RELU) {
            if (fabs(x[i]) <= margin)
                add_tie(work, (struct tie){l, 1, {i}, {x[i] > 0 ? -dy[i] : dy[i]}});
            continue;
        }
        int64_t winner = slope_pool_winner(layer, x, i), second = runner_up(layer, x, i, winner);
        bool dead = after_relu && x[winner] == 0; /* what reaches it goes no further */
        if (second >= 0 && !dead && x[winner] - x[second] <= margin)
            add_tie(work, (struct tie){l, 2, {winner, second}, {-dy[i], dy[i]}});
    }
}

/* What one tie may change, added to the slack of everything below it. */
static bool follow_tie(struct work *work, const struct tie *tie, int frame)
{
    struct circ_training *training = work->training;
    int64_t inputs = circ_network_elements(work->net->input);
    if (!work->change_made && !create_sums(work, &work->change))
        return false;
    work->change_made = true;
    memset(work->slope, 0,
           (size_t)circ_network_elements(work->net->layers[tie->layer].in) * sizeof *work->slope);
    for (int e = 0; e < tie->entries; e++)
        work->slope[tie->at[e]] += tie->change[e];
    propagate(work, tie->layer - 1, work->repeats, &work->change, NULL);
    bool enough = circ_expected_loosen(&training->dx, frame * inputs, work->slope, inputs);
    for (int l = 0; l < tie->layer && enough; l++) {
        const struct circ_layer *layer = &work->net->layers[l];
        if (!circ_network_has_weights(layer))
            continue;
        struct circ_expected *w = &training->weights[l], *b = &training->bias[l];
        double *folded = malloc((size_t)w->count * sizeof *folded);
        enough = folded;
        if (enough)
            circ_backward_fold(layer, work->change.weights[l], w->count, folded);
        enough = enough && circ_expected_loosen(w, 0, folded, w->count) &&
                 circ_expected_loosen(b, 0, work->change.bias[l], layer->out.c);
        free(folded);
        memset(work->change.weights[l], 0,
               (size_t)circ_backward_count(layer, &work->model->layers[l]) * sizeof(double));
        memset(work->change.bias[l], 0, (size_t)layer->out.c * sizeof(double));
    }
    return enough;
}

/* Adds one frame's part to the squares of the scales: see struct circ_expected. */
static void add_scales(struct work *work, int l)
{
    const struct circ_layer *layer = &work->net->layers[l];
    if (!circ_network_has_weights(layer))
        return;
    struct circ_geometry g = circ_geometry_of(layer);
    struct circ_training *training = work->training;
    const struct circ_weights *w = &work->model->layers[l];
    double x2 = mean_square(work->x[l], circ_network_elements(layer->in));
    double dy2 = mean_square(work->slope, circ_network_elements(layer->out));
    double pixels = g.out_pixels * work->repeats;
    training->weights[l].scale += pixels * g.k * dy2 * x2;
    training->bias[l].scale += pixels * dy2;
    if (l == 0)
        training->dx.scale += (double)g.m * g.taps * g.out_pixels / g.in_pixels *
                              mean_square_f32(w->values, w->count) * dy2 / training->distinct;
    if (l == circ_oracle_last_weighted(work->net))
        training->y.scale += circ_oracle_uncancelled(layer, w, work->x[l]) / training->distinct;
}

static void visit(struct work *work, int l)
{
    add_scales(work, l);
    find_ties(work, l);
}

static enum circ_status no_memory(const struct work *work, struct circ_error *err)
{
    return circ_status_fail(err, CIRC_MEMORY, "%s: no memory for the oracle's gradients",
                            work->net->name);
}

static enum circ_status create(struct work *work, struct circ_error *err)
{
    const struct circ_network *net = work->net;
    struct circ_training *training = work->training;
    int64_t inputs = circ_network_elements(net->input), widest = inputs;
    bool enough = create_sums(work, &work->sums);
    for (int l = 0; l <= net->layer_count && enough; l++) {
        int64_t count = l ? circ_network_elements(net->layers[l - 1].out) : inputs;
        widest = count > widest ? count : widest;
        enough = (work->x[l] = malloc((size_t)count * sizeof(double)));
    }
    for (int l = 0; l < net->layer_count && enough; l++) {
        const struct circ_layer *layer = &net->layers[l];
        if (!circ_network_has_weights(layer))
            continue;
        enough =
            circ_expected_create(&training->weights[l], (int64_t)work->model->layers[l].count) &&
            circ_expected_create(&training->bias[l], layer->out.c) &&
            (layer->op != CIRC_OP_CONV ||
             (work->dense[l] = circ_backward_expand(layer, &work->model->layers[l])));
    }
    work->slope = malloc((size_t)widest * sizeof(double));
    work->next = malloc((size_t)widest * sizeof(double));
    work->spare = malloc((size_t)widest * sizeof(double));
    enough =
        enough && work->slope && work->next && work->spare &&
        circ_expected_create(&training->dx, training->distinct * inputs) &&
        circ_expected_create(&training->y,
                             training->distinct * circ_network_elements(circ_network_output(net)));
    return enough ? CIRC_OK : no_memory(work, err);
}

static void release(struct work *work)
{
    for (int l = 0; l <= CIRC_MAX_LAYERS; l++)
        free(work->x[l]);
    for (int l = 0; l < CIRC_MAX_LAYERS; l++)
        free(work->dense[l]);
    free_sums(&work->sums);
    free_sums(&work->change);
    free(work->slope);
    free(work->next);
    free(work->spare);
    free(work->ties);
}

static enum circ_status run_frame(struct work *work, const float *input, const float *target,
                                  int frame, struct circ_error *err)
{
    const struct circ_network *net = work->net;
    struct circ_training *training = work->training;
    int64_t inputs = circ_network_elements(net->input);
    int64_t outputs = circ_network_elements(circ_network_output(net));
    for (int64_t i = 0; i < inputs; i++)
        work->x[0][i] = input[frame * inputs + i];
    for (int l = 0; l < net->layer_count; l++) {
        enum circ_status status = circ_oracle_layer(&net->layers[l], &work->model->layers[l],
                                                    work->x[l], work->x[l + 1], err);
        if (status)
            return status;
    }
    const double *y = work->x[net->layer_count];
    memcpy(training->y.want + frame * outputs, y, (size_t)outputs * sizeof *y);
    for (int64_t i = 0; i < outputs; i++)
        work->slope[i] = (y[i] - target[frame * outputs + i]) / training->batch;
    work->repeats = (training->batch - frame + training->distinct - 1) / training->distinct;
    work->tie_count = 0;
    propagate(work, net->layer_count - 1, work->repeats, &work->sums, visit);
    memcpy(training->dx.want + frame * inputs, work->slope, (size_t)inputs * sizeof *y);
    for (size_t t = 0; t < work->tie_count; t++)
        if (!follow_tie(work, &work->ties[t], frame))
            return no_memory(work, err);
    return CIRC_OK;
}

/* Roundings of a layer's backward pass, in units of UNIT, when its own input carries `carried`. */
static double back_roundings(const struct circ_layer *layer, double carried)
{
    switch (layer->op) {
    case CIRC_OP_FC:
    case CIRC_OP_CONV: {
        struct circ_geometry g = circ_geometry_of(layer);
        double terms = (double)(layer->structure == CIRC_CIRCULANT ? g.p : g.m) * g.taps;
        return 6 + 2 * log2(g.k) + sqrt(terms);
    }
    case CIRC_OP_LRN:
        return 2 * (circ_judge_roundings(layer) + carried);
    case CIRC_OP_POOL_AVG:
        return circ_judge_roundings(layer);
    case CIRC_OP_SOFTMAX:
        return circ_judge_roundings(layer) + carried;
    default:
        return 0;
    }
}

/* The larger of an array's RMS and its scale. */
static double size_of(const struct circ_expected *expected)
{
    double rms = sqrt(mean_square(expected->want, expected->count));
    return rms > expected->scale ? rms : expected->scale;
}

/* Allows errors of UNIT absolute beside those relative to size; where the array is nothing but
 * zeros they are all that there is. */
static void add_rounding(struct circ_expected *expected, double size, double absolute)
{
    if (size > 0)
        expected->bound += UNIT * absolute / size;
    else
        expected->scale = UNIT * absolute / expected->bound;
}

/* Rates and bounds, from the finished sums. An array's bound counts the roundings of the forward
 * pass, which the output's gradient carries, of the backward pass down to its layer, and of its own
 * sum, whose input carries those of the forward pass again; then the rounding of the weights that
 * the difference of two of them shows, as large as the step is small. */
static void conclude(struct work *work)
{
    const struct circ_network *net = work->net;
    struct circ_training *training = work->training;
    double forward = work->roundings[net->layer_count], carried = forward;
    training->y.bound = circ_judge_bound(net);
    for (int l = net->layer_count - 1; l >= 0; l--) {
        const struct circ_layer *layer = &net->layers[l];
        if (circ_network_has_weights(layer)) {
            const struct circ_weights *weights = &work->model->layers[l];
            struct circ_expected *w = &training->weights[l], *b = &training->bias[l];
            struct circ_geometry g = circ_geometry_of(layer);
            double fan_in = (double)g.n * g.taps, k2 = 2 * log2(g.k);
            double terms = (double)g.out_pixels * training->batch;
            double rms = sqrt(mean_square_f32(weights->values, weights->count));
            circ_backward_fold(layer, work->sums.weights[l], w->count, w->want);
            memcpy(b->want, work->sums.bias[l], (size_t)layer->out.c * sizeof *b->want);
            w->scale = sqrt(w->scale);
            b->scale = sqrt(b->scale);
            double size = size_of(w), bias_size = size_of(b);
            training->rate[l] =
                (float)(size > 0 && rms > 0 ? STEP_SHARE * rms / size : STEP_SHARE / fan_in);
            w->bound = UNIT * (carried + work->roundings[l] + 6 + k2 + sqrt(terms));
            b->bound = UNIT * (carried + 2 + sqrt(terms));
            add_rounding(w, size, (2 + k2) * rms / training->rate[l]);
            if (weights->bias)
                add_rounding(b, bias_size,
                             2 * sqrt(mean_square_f32(weights->bias, (size_t)layer->out.c)) /
                                 training->rate[l]);
        }
        carried += back_roundings(layer, work->roundings[l]);
    }
    training->dx.bound = UNIT * carried;
    training->dx.scale = sqrt(training->dx.scale);
    training->y.scale = sqrt(training->y.scale);
}

enum circ_status circ_training_solve(struct circ_training *training, const struct circ_model *model,
                                     const float *input, const float *target, int batch,
                                     int distinct, struct circ_error *err)
{
    memset(training, 0, sizeof *training);
    training->batch = batch;
    training->distinct = distinct;
    struct work work = {.model = model, .net = model->network, .training = training};
    for (int l = 0; l < work.net->layer_count; l++)
        if (work.net->layers[l].structure == CIRC_PRUNED)
            return circ_status_fail(err, CIRC_UNSUP, "gradients of pruned layers are not offered");
    work.roundings[0] = 1;
    for (int l = 0; l < work.net->layer_count; l++)
        work.roundings[l + 1] = work.roundings[l] + circ_judge_roundings(&work.net->layers[l]);
    enum circ_status status = create(&work, err);
    for (int frame = 0; frame < distinct && !status; frame++)
        status = run_frame(&work, input, target, frame, err);
    if (!status)
        conclude(&work);
    release(&work);
    return status;
}

void circ_training_free(struct circ_training *training)
{
    circ_expected_free(&training->y);
    circ_expected_free(&training->dx);
    for (int l = 0; l < CIRC_MAX_LAYERS; l++) {
        circ_expected_free(&training->weights[l]);
        circ_expected_free(&training->bias[l]);
    }
    memset(training, 0, sizeof *training);
}

/* Keeps the worse verdict in *worst, and counts both. */
static void merge(struct circ_verdict *worst, struct circ_verdict other, const char *what,
                  int layer)
{
    int64_t checked = worst->checked + other.checked, total = worst->total + other.total;
    double ratio = worst->checked ? worst->rel_rms_error / worst->bound : -1;
    bool worse = worst->checked == 0 || (worst->right && !other.right) ||
                 (worst->right == other.right && !(other.rel_rms_error / other.bound <= ratio));
    if (worse) {
        *worst = other;
        if (layer >= 0 && !other.right)
            snprintf(worst->reason, sizeof worst->reason, "%s of layer %d: %.180s", what, layer + 1,
                     other.reason);
        else if (!other.right)
            snprintf(worst->reason, sizeof worst->reason, "%s: %.180s", what, other.reason);
    }
    worst->checked = checked;
    worst->total = total;
}

struct circ_verdict circ_training_judge(const struct circ_training *training,
                                        const struct circ_model *before, const float *y,
                                        const float *dx, const struct circ_model *after)
{
    const struct circ_network *net = before->network;
    struct circ_verdict verdict = {0};
    int64_t batch = training->batch;
    struct circ_observed outputs = {.got = y}, inputs = {.got = dx};
    merge(&verdict,
          circ_expected_judge(&training->y, &outputs,
                              batch * circ_network_elements(circ_network_output(net))),
          "outputs", -1);
    merge(&verdict,
          circ_expected_judge(&training->dx, &inputs, batch * circ_network_elements(net->input)),
          "gradient of the input", -1);
    for (int l = 0; l < net->layer_count; l++) {
        const struct circ_weights *was = &before->layers[l], *is = &after->layers[l];
        struct circ_observed weights = {is->values, was->values, training->rate[l]};
        struct circ_observed bias = {is->bias, was->bias, training->rate[l]};
        if (was->values)
            merge(&verdict,
                  circ_expected_judge(&training->weights[l], &weights, (int64_t)was->count),
                  "gradient of the weights", l);
        if (was->bias)
            merge(&verdict, circ_expected_judge(&training->bias[l], &bias, net->layers[l].out.c),
                  "gradient of the biases", l);
    }
    return verdict;
}
