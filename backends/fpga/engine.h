/* A network in words on a device: its kernels, its memory, and the order in which they run.
 *
 * A step is five kernels joined by channels. On a board each has a queue of its own, so that they
 * run at once. An emulator gives each a thread that spins while it waits, which costs up to a
 * millisecond a token; where its channels hold all that a step sends through them, one queue runs
 * the five one after the other, and nothing ever waits. The answers are the same. */
#ifndef CIRC_ENGINE_H
#define CIRC_ENGINE_H

#include "backends/devices/accelerator.h"
#include "backends/fpga/card.h"
#include "backends/fpga/design.h"

struct circ_engine;

/* What an engine is made of; borrowed for the call, except network and accelerator. */
struct circ_engine_case {
    struct circ_accelerator *accelerator;
    const struct circ_fixed *fixed;
    const struct circ_design *design;
    int batch;
    bool emulated;      /* an emulator: counters are built in, channels as deep as it takes */
    int channel;        /* depth of an emulator's channels; 0: deep enough */
    const char *binary; /* a device binary, or NULL: the driver compiles the source */
    size_t binary_size;
};

/* MEMORY; DEVICE with the compiler's or the driver's first word; UNSUP for more words than 2^31 in
 * a batch. */
CIRC_MUST_USE enum circ_status circ_engine_create(struct circ_engine **engine,
                                                  const struct circ_engine_case *about,
                                                  struct circ_error *err);
void circ_engine_free(struct circ_engine *engine); /* NULL allowed */

/* words [batch][inputs] of the network's input, channels first; [batch][outputs] of the last layer
 * that runs in words. run starts everything, wait waits for it and tells the device's clock as
 * backend.h has it. */
CIRC_MUST_USE enum circ_status circ_engine_write(struct circ_engine *engine, const int16_t *words,
                                                 struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_engine_run(struct circ_engine *engine, struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_engine_wait(struct circ_engine *engine, int64_t *device_ns,
                                                struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_engine_read(struct circ_engine *engine, int16_t *words,
                                                struct circ_error *err);

/* What the kernels counted since the engine was made, by step; all 0 on a device without counters.
 */
CIRC_MUST_USE enum circ_status
circ_engine_counts(struct circ_engine *engine, uint64_t counts[CIRC_MAX_LAYERS][CIRC_CARD_COUNTS],
                   struct circ_error *err);

/* Times that a step's weights were brought on chip by one run: 1 where a launch takes the batch. */
int circ_engine_launches(const struct circ_engine *engine, int step);

/* The program as the device runs it, for a file; the caller frees it. */
CIRC_MUST_USE enum circ_status circ_engine_binary(const struct circ_engine *engine, char **binary,
                                                  size_t *size, struct circ_error *err);

/* Depth of its channels. */
int circ_engine_channel(const struct circ_engine *engine);

/* Bytes on the device. */
int64_t circ_engine_footprint(const struct circ_network *network, int batch);

#endif
