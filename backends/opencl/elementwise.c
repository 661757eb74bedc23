/* Stages without weights: a kernel each, forward and backward. */
#include "backends/opencl/stage.h"

#include <stdio.h>
#include <stdlib.h>

#define SOURCES "lanes.cl elementwise.cl"

/* As in elementwise.cl. */
struct window {
    cl_int height, width, out_height, out_width, batch;
    cl_int taps_h, taps_w, stride, pad;
};

static int share_of(const struct circ_setting *setting)
{
    return setting->accelerator->cpu || setting->accelerator->group < 64 ? 1 : 64;
}

static enum circ_status record(const struct circ_setting *setting, const char *name,
                               const size_t global[3], const struct circ_arg *args, int count,
                               struct circ_error *err)
{
    char options[64];
    int share = share_of(setting);
    const size_t local[3] = {(size_t)share, 1, 1};
    bool shared = name[0] == 's'; /* softmax */
    snprintf(options, sizeof options, "-DV=1 -DSHARE=%d", share);
    return circ_recording_kernel(setting->recording,
                                 (struct circ_kernel_name){SOURCES, options, name}, global,
                                 shared ? local : NULL, args, count, err);
}

static enum circ_status record_relu(const struct circ_layer *layer,
                                    const struct circ_setting *setting, struct circ_passage at,
                                    bool back, struct circ_error *err)
{
    cl_int count = (cl_int)(circ_network_elements(layer->in) * setting->batch);
    const size_t global[3] = {(size_t)count, 1, 1};
    if (back)
        return record(setting, "relu_back", global,
                      (const struct circ_arg[]){CIRC_ARG(at.x), CIRC_ARG(at.dy), CIRC_ARG(at.dx),
                                                CIRC_ARG(count)},
                      4, err);
    return record(setting, "relu", global,
                  (const struct circ_arg[]){CIRC_ARG(at.x), CIRC_ARG(at.y), CIRC_ARG(count)}, 3,
                  err);
}

static enum circ_status record_pool(const struct circ_layer *layer,
                                    const struct circ_setting *setting, struct circ_passage at,
                                    bool back, struct circ_error *err)
{
    const struct window g = {layer->in.h,   layer->in.w,    layer->out.h,
                             layer->out.w,  setting->batch, layer->taps_h,
                             layer->taps_w, layer->stride,  layer->pad};
    struct circ_shape to = back ? layer->in : layer->out;
    cl_int average = layer->op == CIRC_OP_POOL_AVG;
    const size_t global[3] = {(size_t)to.w * (size_t)setting->batch, (size_t)to.h, (size_t)to.c};
    if (back)
        return record(setting, "pool_back", global,
                      (const struct circ_arg[]){CIRC_ARG(at.x), CIRC_ARG(at.dy), CIRC_ARG(at.dx),
                                                CIRC_ARG(g), CIRC_ARG(average)},
                      5, err);
    return record(setting, average ? "pool_avg" : "pool_max", global,
                  (const struct circ_arg[]){CIRC_ARG(at.x), CIRC_ARG(at.y), CIRC_ARG(g)}, 3, err);
}

static enum circ_status record_lrn(const struct circ_layer *layer,
                                   const struct circ_setting *setting, struct circ_passage at,
                                   bool back, struct circ_error *err)
{
    cl_int channels = layer->in.c, columns = layer->in.h * layer->in.w * setting->batch;
    cl_int half = layer->lrn_size / 2;
    cl_float alpha_n = layer->lrn_alpha / (float)layer->lrn_size, beta = layer->lrn_beta,
             bias = layer->lrn_bias;
    const size_t global[3] = {(size_t)columns, (size_t)channels, 1};
    if (back)
        return record(setting, "lrn_back", global,
                      (const struct circ_arg[]){CIRC_ARG(at.x), CIRC_ARG(at.dy), CIRC_ARG(at.dx),
                                                CIRC_ARG(channels), CIRC_ARG(columns),
                                                CIRC_ARG(half), CIRC_ARG(alpha_n), CIRC_ARG(beta),
                                                CIRC_ARG(bias)},
                      9, err);
    return record(setting, "lrn", global,
                  (const struct circ_arg[]){CIRC_ARG(at.x), CIRC_ARG(at.y), CIRC_ARG(channels),
                                            CIRC_ARG(columns), CIRC_ARG(half), CIRC_ARG(alpha_n),
                                            CIRC_ARG(beta), CIRC_ARG(bias)},
                  8, err);
}

static enum circ_status record_softmax(const struct circ_layer *layer,
                                       const struct circ_setting *setting, struct circ_passage at,
                                       bool back, struct circ_error *err)
{
    cl_int count = (cl_int)circ_network_elements(layer->in), batch = setting->batch;
    const size_t global[3] = {(size_t)share_of(setting), (size_t)batch, 1};
    if (back)
        return record(setting, "softmax_back", global,
                      (const struct circ_arg[]){CIRC_ARG(at.y), CIRC_ARG(at.dy), CIRC_ARG(at.dx),
                                                CIRC_ARG(count), CIRC_ARG(batch)},
                      5, err);
    return record(
        setting, "softmax", global,
        (const struct circ_arg[]){CIRC_ARG(at.x), CIRC_ARG(at.y), CIRC_ARG(count), CIRC_ARG(batch)},
        4, err);
}

static enum circ_status record_layer(const struct circ_layer *layer,
                                     const struct circ_setting *setting, struct circ_passage at,
                                     bool back, struct circ_error *err)
{
    switch (layer->op) {
    case CIRC_OP_RELU:
        return record_relu(layer, setting, at, back, err);
    case CIRC_OP_POOL_MAX:
    case CIRC_OP_POOL_AVG:
        return record_pool(layer, setting, at, back, err);
    case CIRC_OP_LRN:
        return record_lrn(layer, setting, at, back, err);
    case CIRC_OP_SOFTMAX:
        return record_softmax(layer, setting, at, back, err);
    default:
        return circ_status_fail(err, CIRC_INTERNAL, "%s is no elementwise layer",
                                circ_network_op_name(layer->op));
    }
}

static enum circ_status backward(struct circ_stage *stage, const struct circ_setting *setting,
                                 struct circ_passage at, struct circ_error *err)
{
    return record_layer(stage->layer, setting, at, true, err);
}

static void release(struct circ_stage *stage)
{
    free(stage);
}

enum circ_status circ_elementwise_create(struct circ_stage **out,
                                         const struct circ_stage_request *request,
                                         const struct circ_setting *setting, struct circ_passage at,
                                         struct circ_error *err)
{
    *out = NULL;
    struct circ_stage *e = calloc(1, sizeof *e);
    if (!e)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    *e = (struct circ_stage){
        .layer = request->layer, .index = request->index, .backward = backward, .release = release};
    enum circ_status status = record_layer(request->layer, setting, at, false, err);
    if (status)
        release(e);
    else
        *out = e;
    return status;
}
