/* Transforms of a layer's blocks, ours or a library's: between activations and spectra as the
 * product kernels take them. Either side of a layer goes either way: inference takes the input
 * forward and the output back, training besides the output's gradient forward and the input's back.
 */
#ifndef CIRC_TRANSFORMS_H
#define CIRC_TRANSFORMS_H

#include "backends/opencl/planes.h"
#include "backends/opencl/stage.h"

struct circ_transformer; /* a layer's transforms, the implementation's own */

/* One transformation of a side: its activations [channel][row][column][sample], and its spectra. */
struct circ_transformation {
    const struct circ_side *side; /* &planes->x or &planes->y of the transformer's planes */
    cl_mem signals, spectra;
    cl_mem scratch; /* need floats, neither of the two above */
};

/* An FC layer's forward pass in panels of samples (kernels/panel.cl), which hold all of it. */
struct circ_panels {
    const struct circ_layer *layer;
    const char *product; /* options of product.cl */
    int vector, columns; /* its V and COLUMNS: samples of a panel */
    cl_mem x, y, weights, taps, starts;
    cl_mem bias; /* NULL: none */
    bool relu;
};

struct circ_transforms {
    const char *library; /* name and version; "" for ours */

    /* OK, or UNSUP with a sentence for a block size that it does not transform; allocates nothing.
     * NULL: create decides. */
    enum circ_status (*supports)(int block, struct circ_error *err);

    /* Floats of scratch. NULL: none. */
    size_t (*need)(const struct circ_planes *planes);

    /* Plans a layer. bins: spectra have their slots innermost, `width` floats apart (stream.cl).
     * All are borrowed and outlive it. UNSUP, MEMORY, DEVICE. Free with release. */
    enum circ_status (*create)(struct circ_transformer **transformer,
                               const struct circ_planes *planes, bool bins, int width,
                               const struct circ_setting *setting, struct circ_error *err);

    /* Records signals to spectra, zeros in the margins of a plane, which products read. */
    enum circ_status (*forward)(struct circ_transformer *transformer,
                                const struct circ_setting *setting, struct circ_transformation at,
                                struct circ_error *err);

    /* Records spectra to signals, bias (NULL: none) added and negatives cut where relu is set. What
     * lies in spectra is lost. */
    enum circ_status (*inverse)(struct circ_transformer *transformer,
                                const struct circ_setting *setting, struct circ_transformation at,
                                cl_mem bias, bool relu, struct circ_error *err);

    /* Records the layer in panels where there are enough of them and the device holds their
     * spectra, and says in *done whether. NULL: never. */
    enum circ_status (*panels)(const struct circ_transformer *transformer,
                               const struct circ_setting *setting, const struct circ_panels *what,
                               bool *done, struct circ_error *err);

    void (*release)(struct circ_transformer *transformer); /* NULL allowed */
};

extern const struct circ_transforms circ_transforms_own; /* our kernels */

#endif
