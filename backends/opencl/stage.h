/* One step of a prepared network on a device: a layer, with a ReLU that follows it where it has
 * weights. A stage records its commands; nothing of it runs itself. Each kind is a file of its own
 * with a create function, which records the forward pass. */
#ifndef CIRC_STAGE_H
#define CIRC_STAGE_H

#include "backends/core/weights.h"
#include "backends/opencl/recording.h"
#include "backends/opencl/tuning.h"

struct circ_transforms; /* transforms.h */

/* What all stages of a network share. */
struct circ_setting {
    struct circ_accelerator *accelerator;
    struct circ_recording *recording;
    struct circ_tuning tuning;
    int batch;
    bool train;
    /* scratch for the spectra of a layer's input and output, as large as the largest need; in
     * training a layer keeps those of its input, and the first is for their gradient */
    cl_mem spectra[2];
    cl_mem rates;            /* train: [layers] */
    const float *host_rates; /* the same here, for libraries that take them by value */
    const struct circ_transforms *transforms; /* who transforms the blocks of circulant layers */
};

/* Activations of a layer and the gradients of the loss with respect to them, all
 * [channel][row][column][sample]. */
struct circ_passage {
    cl_mem x, y, dy, dx; /* the last two NULL but in backward */
};

struct circ_stage {
    const struct circ_layer *layer; /* borrowed from the network */
    int index;                      /* of that layer: its rate */
    bool relu;
    cl_mem bias;      /* the recording's; NULL if none */
    char library[96]; /* name and version of the library that did the work, "" if ours */
    /* Records dx from dy, and then the update of the weights; that of the bias is the chain's. dy
     * stays as it is. */
    enum circ_status (*backward)(struct circ_stage *stage, const struct circ_setting *setting,
                                 struct circ_passage at, struct circ_error *err);
    /* The weights as they are now, in canonical order. NULL where it has none or does not train. */
    enum circ_status (*weights)(const struct circ_stage *stage, const struct circ_setting *setting,
                                float *values, struct circ_error *err);
    void (*release)(struct circ_stage *stage); /* frees the stage itself too */
};

/* What a kind is asked to become a stage. */
struct circ_stage_request {
    const struct circ_layer *layer;
    const struct circ_weights *weights;
    int index;
    bool relu;
};

typedef enum circ_status circ_stage_create(struct circ_stage **stage,
                                           const struct circ_stage_request *request,
                                           const struct circ_setting *setting,
                                           struct circ_passage at, struct circ_error *err);
circ_stage_create circ_spectral_create;    /* FC and CONV, CIRCULANT or DENSE: our kernels */
circ_stage_create circ_clblast_create;     /* FC and CONV, DENSE: CLBlast */
circ_stage_create circ_elementwise_create; /* layers without weights */

/* Floats that a layer of a kind with weights needs in each of setting->spectra. */
typedef enum circ_status circ_stage_need(const struct circ_layer *layer,
                                         const struct circ_setting *setting, size_t floats[2],
                                         struct circ_error *err);
circ_stage_need circ_spectral_need;
circ_stage_need circ_clblast_need;

#endif
