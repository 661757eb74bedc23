/* Transforms of a layer's blocks by a library, where ours would be: between activations and spectra
 * as the product kernels take them. For inference. */
#ifndef CIRC_TRANSFORMS_H
#define CIRC_TRANSFORMS_H

#include "backends/opencl/planes.h"
#include "backends/opencl/stage.h"

struct circ_transformer; /* a layer's transforms, the library's own */

struct circ_transforms {
    const char *library; /* name and version */

    /* OK, or UNSUP with a sentence for a block size that it does not transform; allocates nothing.
     */
    enum circ_status (*supports)(int block, struct circ_error *err);

    /* Floats of scratch that it needs in each of setting->spectra, beside what spectra need. */
    size_t (*need)(const struct circ_planes *planes);

    /* Plans a layer. bins: spectra have their slots innermost, `width` floats apart (stream.cl).
     * All are borrowed and outlive it. UNSUP, MEMORY, DEVICE. Free with release. */
    enum circ_status (*create)(struct circ_transformer **transformer,
                               const struct circ_planes *planes, bool bins, int width,
                               const struct circ_setting *setting, struct circ_error *err);

    /* Records activations x to the spectra setting->spectra[0]; setting->spectra[1] is scratch. */
    enum circ_status (*forward)(struct circ_transformer *transformer,
                                const struct circ_setting *setting, cl_mem x,
                                struct circ_error *err);

    /* Records the spectra setting->spectra[1] to activations y, bias (NULL: none) added and
     * negatives cut where relu is set; setting->spectra[0] is scratch. */
    enum circ_status (*inverse)(struct circ_transformer *transformer,
                                const struct circ_setting *setting, cl_mem y, cl_mem bias,
                                bool relu, struct circ_error *err);

    void (*release)(struct circ_transformer *transformer); /* NULL allowed */
};

#endif
