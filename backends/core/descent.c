/* Forward by reference.c, backward by gradient.c and slopes.h, update where the weights lie. The
 * spectra that reference.c keeps are made anew after every update. */
#include "backends/core/descent.h"

#include "backends/core/gradient.h"
#include "backends/core/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CIRC_SLOPES_T       float
#define CIRC_SLOPES_NAME(x) slope_##x
#include "backends/core/slopes.h"

struct circ_descent {
    const struct circ_network *network;
    struct circ_model model; /* owned */
    struct circ_reference *reference;
    float *x[CIRC_MAX_LAYERS + 1]; /* input of each layer, then the output, of one frame */
    float *dw[CIRC_MAX_LAYERS], *db[CIRC_MAX_LAYERS];
    float *slope, *next, *spare; /* of the widest layer */
};

enum circ_status circ_descent_create(struct circ_descent **out, const struct circ_model *model,
                                     struct circ_error *err)
{
    const struct circ_network *net = model->network;
    *out = NULL;
    for (int l = 0; l < net->layer_count; l++)
        if (net->layers[l].structure == CIRC_PRUNED)
            return circ_status_fail(err, CIRC_UNSUP, "training of pruned layers is not offered");
    struct circ_descent *d = calloc(1, sizeof *d);
    if (!d)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory", net->name);
    d->network = net;
    enum circ_status status = circ_weights_create(&d->model, net, err);
    if (!status)
        status = circ_reference_create(&d->reference, model, err);
    size_t widest = 1;
    bool enough = true;
    for (int l = 0; l <= net->layer_count; l++) {
        size_t count = (size_t)circ_network_elements(l ? net->layers[l - 1].out : net->input);
        widest = count > widest ? count : widest;
        enough = (d->x[l] = malloc(count * sizeof(float))) && enough;
    }
    for (int l = 0; l < net->layer_count && !status; l++) {
        const struct circ_weights *from = &model->layers[l];
        if (!from->values)
            continue;
        size_t rows = (size_t)net->layers[l].out.c;
        memcpy(d->model.layers[l].values, from->values, from->count * sizeof(float));
        if (from->bias)
            memcpy(d->model.layers[l].bias, from->bias, rows * sizeof(float));
        d->dw[l] = malloc(from->count * sizeof(float));
        d->db[l] = malloc(rows * sizeof(float));
        enough = enough && d->dw[l] && d->db[l];
    }
    d->slope = malloc(widest * sizeof(float));
    d->next = malloc(widest * sizeof(float));
    d->spare = malloc(widest * sizeof(float));
    if (!status && !(enough && d->slope && d->next && d->spare))
        status = circ_status_fail(err, CIRC_MEMORY, "%s: no memory for gradients", net->name);
    if (status)
        circ_descent_free(d);
    else
        *out = d;
    return status;
}

void circ_descent_free(struct circ_descent *d)
{
    if (!d)
        return;
    circ_weights_free(&d->model);
    circ_reference_free(d->reference);
    for (int l = 0; l <= CIRC_MAX_LAYERS; l++)
        free(d->x[l]);
    for (int l = 0; l < CIRC_MAX_LAYERS; l++) {
        free(d->dw[l]);
        free(d->db[l]);
    }
    free(d->slope);
    free(d->next);
    free(d->spare);
    free(d);
}

/* d->slope holds the gradient of the layer's output and then of its input. */
static enum circ_status back(struct circ_descent *d, int l, struct circ_error *err)
{
    const struct circ_layer *layer = &d->network->layers[l];
    int64_t count = circ_network_elements(layer->in);
    enum circ_status status = CIRC_OK;
    switch (layer->op) {
    case CIRC_OP_FC:
    case CIRC_OP_CONV:
        status = circ_gradient_layer(layer, &d->model.layers[l], d->x[l], d->slope, d->dw[l],
                                     d->db[l], d->next, err);
        break;
    case CIRC_OP_POOL_MAX:
    case CIRC_OP_POOL_AVG:
        slope_pool(layer, d->x[l], d->slope, d->next);
        break;
    case CIRC_OP_RELU:
        slope_relu(count, d->x[l], d->slope, d->next);
        break;
    case CIRC_OP_LRN:
        slope_lrn(layer, d->x[l], d->slope, d->next, d->spare);
        break;
    case CIRC_OP_SOFTMAX:
        slope_softmax(count, d->x[l + 1], d->slope, d->next);
        break;
    case CIRC_OP_FLATTEN:
        memcpy(d->next, d->slope, (size_t)count * sizeof *d->next);
        break;
    }
    float *t = d->slope;
    d->slope = d->next;
    d->next = t;
    return status;
}

static void update(struct circ_descent *d, const float *rate)
{
    for (int l = 0; l < d->network->layer_count; l++) {
        struct circ_weights *w = &d->model.layers[l];
        for (size_t i = 0; i < w->count; i++)
            w->values[i] -= rate[l] * d->dw[l][i];
        for (int i = 0; w->bias && i < d->network->layers[l].out.c; i++)
            w->bias[i] -= rate[l] * d->db[l][i];
    }
}

enum circ_status circ_descent_step(struct circ_descent *d, const float *input, const float *target,
                                   const float *rate, int batch, float *output, float *dx,
                                   struct circ_error *err)
{
    const struct circ_network *net = d->network;
    size_t inputs = (size_t)circ_network_elements(net->input);
    size_t outputs = (size_t)circ_network_elements(circ_network_output(net));
    enum circ_status status = CIRC_OK;
    for (int l = 0; l < net->layer_count; l++) {
        if (!d->dw[l])
            continue;
        memset(d->dw[l], 0, d->model.layers[l].count * sizeof(float));
        memset(d->db[l], 0, (size_t)net->layers[l].out.c * sizeof(float));
    }
    for (int f = 0; f < batch && !status; f++) {
        memcpy(d->x[0], input + (size_t)f * inputs, inputs * sizeof(float));
        for (int l = 0; l < net->layer_count; l++)
            circ_reference_layer(d->reference, l, d->x[l], d->x[l + 1]);
        for (size_t i = 0; i < outputs; i++) {
            float y = d->x[net->layer_count][i];
            output[(size_t)f * outputs + i] = y;
            d->slope[i] = (y - target[(size_t)f * outputs + i]) / (float)batch;
        }
        for (int l = net->layer_count - 1; l >= 0 && !status; l--)
            status = back(d, l, err);
        memcpy(dx + (size_t)f * inputs, d->slope, inputs * sizeof(float));
    }
    if (status)
        return status;
    update(d, rate);
    return circ_reference_refresh(d->reference, &d->model, err);
}

const struct circ_model *circ_descent_model(const struct circ_descent *d)
{
    return &d->model;
}
