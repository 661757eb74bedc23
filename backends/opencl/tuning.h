/* The parameters that a device's kernels are built and started with. Data: defaults follow from the
 * device's limits, a file or `circbench tune` may say better. */
#ifndef CIRC_TUNING_H
#define CIRC_TUNING_H

#include "backends/backend.h"
#include "backends/devices/accelerator.h"

struct circ_tuning {
    int vector;     /* floats of a vector: a power of two up to 16 */
    int rows;       /* block rows of a product's tile */
    int columns;    /* vectors of columns of it */
    int group;      /* work-items of a product's work-group, along columns */
    int points;     /* complex numbers of a transform that a work-item holds; 0: all of them */
    int stream;     /* FC layers: most samples for which the weights are streamed */
    int share;      /* work-items that share a sum of the stream */
    int lanes;      /* work-items of the stream's work-group, along lanes */
    int multiplies; /* real products of a complex one, 3 or 4, of a layer that does not train */
};

/* Safe on any device. */
struct circ_tuning circ_tuning_default(const struct circ_accelerator *accelerator);

/* "v16 r6 c2 g1 p0 s4 h1 l1 m3": as rows have it. */
#define CIRC_TUNING_SIZE 64
void circ_tuning_print(const struct circ_tuning *tuning, char text[CIRC_TUNING_SIZE]);

/* The largest power of two that neither exceeds; both at least 1. */
int circ_tuning_below(int most, int value);

/* The reverse; false for what is no such text, or has numbers that no kernel takes. */
bool circ_tuning_parse(const char *text, struct circ_tuning *tuning);

/* UNSUP names the work-group that is larger than the device's. */
CIRC_MUST_USE enum circ_status circ_tuning_check(const struct circ_tuning *tuning,
                                                 const struct circ_accelerator *accelerator,
                                                 struct circ_error *err);

/* For a search: `from` with parameter number `field` set to each other value that is worth a trial,
 * fits the device, and may change what the request runs. Returns their number, -1 past the last
 * parameter. */
int circ_tuning_vary(const struct circ_tuning *from, int field, const struct circ_request *request,
                     const struct circ_accelerator *accelerator,
                     struct circ_tuning varied[CIRC_MAX_TUNINGS]);

#endif
