/* NumPy's .npy format, version 1.0 (numpy.lib.format), and the folder of one point. */
#include "harness/dump.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_RANK = 6, HEADER = 128 };

struct array {
    const float *values;
    int rank;
    int64_t shape[MAX_RANK];
};

static enum circ_status write_npy(const char *folder, const char *name, const struct array *array,
                                  struct circ_error *err)
{
    char path[4096], header[HEADER], shape[96] = "";
    size_t count = 1;
    for (int i = 0; i < array->rank; i++) {
        size_t used = strlen(shape);
        snprintf(shape + used, sizeof shape - used, "%lld,", (long long)array->shape[i]);
        count *= (size_t)array->shape[i];
    }
    /* magic, version 1.0, length of the rest of the header, which ends in a newline at a multiple
     * of 64 */
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = HEADER - 10;
    header[9] = 0;
    int length = snprintf(header + 10, sizeof header - 10,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    header[10 + length] = ' ';
    header[HEADER - 1] = '\n';
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(header, 1, sizeof header, file) == sizeof header &&
                   fwrite(array->values, sizeof(float), count, file) == count;
    if (file && fclose(file))
        written = false;
    if (!written)
        return circ_status_fail_native(err, CIRC_IO, errno, "%s: cannot be written: %s", path,
                                       strerror(errno));
    return CIRC_OK;
}

static enum circ_status make_folder(const char *path, struct circ_error *err)
{
    if (mkdir(path, 0777) && errno != EEXIST)
        return circ_status_fail_native(err, CIRC_IO, errno, "%s: cannot be made: %s", path,
                                       strerror(errno));
    return CIRC_OK;
}

enum circ_status circ_dump_prepare(const char *folder, struct circ_error *err)
{
    struct stat status;
    if (!mkdir(folder, 0777) ||
        (errno == EEXIST && !stat(folder, &status) && S_ISDIR(status.st_mode)))
        return CIRC_OK;
    return circ_status_fail_native(
        err, CIRC_USAGE, errno,
        "--dump %s: the folder cannot be made: %s; make it, or name another", folder,
        strerror(errno));
}

/* Appends text with every character that some file system does not take as %XX, so that two names
 * stay two. */
static void append_safe(char *name, size_t size, const char *text)
{
    for (size_t used = strlen(name); *text; text++, used = strlen(name)) {
        bool plain = isalnum((unsigned char)*text) || strchr("-_.@", *text);
        snprintf(name + used, size - used, plain ? "%c" : "%%%02X", (unsigned char)*text);
    }
}

/* A name that says which point it is. The processor that we run on goes without saying. */
static void name_point(const struct circ_planned *planned, char *name, size_t size)
{
    const struct circ_point *p = &planned->point;
    char conv[24] = "", rest[256];
    if (p->block_conv)
        snprintf(conv, sizeof conv, "c%d", p->block_conv);
    snprintf(rest, sizeof rest, "-%s-%s-k%d%s-n%d-t%d-%s-%s-%s%s%s%s", p->backend, p->structure,
             p->block, conv, p->batch, p->threads, p->precision, p->pass, p->variant,
             *p->isa ? "-" : "", p->isa, p->cold ? "-cold" : "");
    *name = 0;
    append_safe(name, size, p->workload);
    append_safe(name, size, rest);
    if (planned->target->device.device_kind != CIRC_DEVICE_CPU) {
        append_safe(name, size, "-");
        append_safe(name, size, p->device);
    }
}

/* [batch][n], or [batch][C][H][W] where there are images. */
static struct array shaped(const float *values, struct circ_shape shape, int64_t batch, bool image)
{
    struct array array = {values, 2, {batch, shape.c}};
    if (image || shape.h > 1 || shape.w > 1)
        array = (struct array){values, 4, {batch, shape.c, shape.h, shape.w}};
    return array;
}

static struct array weights_array(const struct circ_layer *layer, const float *values)
{
    int m, n, p, q, k = layer->block;
    struct array array = {.values = values};
    bool conv = layer->op == CIRC_OP_CONV;
    circ_network_matrix(layer, &m, &n);
    circ_network_blocks(layer, &p, &q);
    int64_t *shape = array.shape;
    if (layer->structure != CIRC_CIRCULANT) {
        shape[array.rank++] = layer->out.c;
        shape[array.rank++] = n;
        if (conv) {
            shape[array.rank++] = layer->taps_h;
            shape[array.rank++] = layer->taps_w;
        }
        return array;
    }
    if (conv && layer->groups > 1)
        shape[array.rank++] = layer->groups;
    if (conv) {
        shape[array.rank++] = layer->taps_h;
        shape[array.rank++] = layer->taps_w;
    }
    shape[array.rank++] = p;
    shape[array.rank++] = q;
    shape[array.rank++] = k;
    return array;
}

static enum circ_status write_layer(const char *folder, const char *prefix,
                                    const struct circ_layer *layer,
                                    const struct circ_weights *weights, struct circ_error *err)
{
    char name[64];
    float *dense = NULL;
    if (layer->structure == CIRC_PRUNED) {
        dense = malloc((size_t)circ_network_layer_counts(layer).weight_count_dense * sizeof *dense);
        if (!dense)
            return circ_status_fail(err, CIRC_MEMORY, "no memory to expand pruned weights");
        circ_weights_expand(layer, weights, dense);
    }
    struct array array = weights_array(layer, dense ? dense : weights->values);
    snprintf(name, sizeof name, "%sweights.npy", prefix);
    enum circ_status status = write_npy(folder, name, &array, err);
    if (!status && weights->bias) {
        snprintf(name, sizeof name, "%sbias.npy", prefix);
        status = write_npy(folder, name, &(struct array){weights->bias, 1, {layer->out.c}}, err);
    }
    free(dense);
    return status;
}

enum circ_status circ_dump_write(const char *folder, const struct circ_subject *subject,
                                 const struct circ_answer *answer, struct circ_error *err)
{
    char name[512], path[2048], prefix[32] = "";
    const struct circ_network *net = &subject->network;
    int weighted = 0, batch = subject->planned->point.batch, last = net->layer_count - 1;
    bool conv_first = last >= 0 && net->layers[0].op == CIRC_OP_CONV;
    bool conv_last = last >= 0 && net->layers[last].op == CIRC_OP_CONV;
    for (int i = 0; i < net->layer_count; i++)
        weighted += circ_network_has_weights(&net->layers[i]);
    name_point(subject->planned, name, sizeof name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    enum circ_status status = make_folder(path, err);
    for (int i = 0; i < net->layer_count && !status; i++) {
        if (weighted > 1)
            snprintf(prefix, sizeof prefix, "layer%02d-", i + 1);
        if (circ_network_has_weights(&net->layers[i]))
            status = write_layer(path, prefix, &net->layers[i], &answer->model.layers[i], err);
    }
    struct array input = shaped(answer->input, net->input, batch, conv_first);
    struct array output = shaped(subject->output, circ_network_output(net), batch, conv_last);
    if (!status)
        status = write_npy(path, "input.npy", &input, err);
    if (!status)
        status = write_npy(path, "output.npy", &output, err);
    return status;
}
