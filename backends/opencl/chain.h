/* A network prepared for a batch on a device: its stages, the buffers between them, and what every
 * launch replays. */
#ifndef CIRC_CHAIN_H
#define CIRC_CHAIN_H

#include "backends/backend.h"
#include "backends/opencl/stage.h"

struct circ_chain;

/* OK, or UNSUP with a sentence where the library of a variant does not take the network's blocks.
 */
CIRC_MUST_USE enum circ_status circ_chain_supports(const struct circ_network *network,
                                                   const char *variant, struct circ_error *err);

/* Records the network of a request on the device; the network is borrowed and outlives the chain.
 * MEMORY says which batch would fit. */
CIRC_MUST_USE enum circ_status circ_chain_create(struct circ_chain **chain,
                                                 struct circ_accelerator *accelerator,
                                                 const struct circ_request *request,
                                                 const struct circ_tuning *tuning,
                                                 struct circ_error *err);
void circ_chain_free(struct circ_chain *chain); /* NULL allowed */

/* input and target [batch][elements], turned to the device's order; lesson NULL: infer. */
CIRC_MUST_USE enum circ_status circ_chain_upload(struct circ_chain *chain, const float *input,
                                                 const struct circ_lesson *lesson,
                                                 struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_chain_launch(struct circ_chain *chain, struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_chain_wait(struct circ_chain *chain, int64_t *device_ns,
                                               struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_chain_download(struct circ_chain *chain, float *output,
                                                   struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_chain_learned(struct circ_chain *chain,
                                                  struct circ_model *model, float *dx,
                                                  struct circ_error *err);

/* The library whose work it is, "" if ours. */
const char *circ_chain_library(const struct circ_chain *chain);

/* Bytes on the device that a request needs, its own weights as they are stored. */
int64_t circ_chain_footprint(const struct circ_request *request);

#endif
