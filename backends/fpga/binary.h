/* The offline flow of boards: what `circbench fpga emit` writes for a vendor's compiler, and the
 * check that a binary made from it is the one for what is to run.
 *
 * A folder holds pipeline.cl, pipeline.json (its manifest) and commands.txt. A binary belongs to
 * the manifest beside it that has its name up to the extension: pipeline.aocx to pipeline.json. */
#ifndef CIRC_BINARY_H
#define CIRC_BINARY_H

#include "backends/backend.h"
#include "backends/fpga/design.h"

struct circ_engine;

struct circ_manifest {
    char version[32];                                         /* of circbench */
    char workload[96];                                        /* the network's name */
    char network[CIRC_DIGEST_SIZE], source[CIRC_DIGEST_SIZE]; /* digests */
    char block[24]; /* "K", or "K/C" with C for the CONV layers; "dense" */
    char precision[8];
    int parallel, depth, multiply;
    int channel; /* depth of channels that the binary was compiled with */
};

/* For a design of a network; channel as it will be compiled with. MEMORY. */
CIRC_MUST_USE enum circ_status circ_binary_describe(const struct circ_network *network,
                                                    const char *precision,
                                                    const struct circ_design *design, int channel,
                                                    struct circ_manifest *manifest,
                                                    struct circ_error *err);

/* Writes source, manifest and commands into a folder, which is made. IO names the file. */
CIRC_MUST_USE enum circ_status circ_binary_emit(const char *folder,
                                                const struct circ_design *design,
                                                const struct circ_manifest *manifest,
                                                struct circ_error *err);

/* Writes the program of an engine as pipeline.bin beside them. IO, DEVICE. */
CIRC_MUST_USE enum circ_status
circ_binary_write(const char *folder, const struct circ_engine *engine, struct circ_error *err);

/* What the binary at a path was made for, held against a network, a precision, and P, D and M (0:
 * the binary's own): its design. UNSUP where they differ, each in its own sentence, and where there
 * is no manifest beside it. */
CIRC_MUST_USE enum circ_status
circ_binary_open(const char *path, const struct circ_network *network, const char *precision,
                 const struct circ_pipeline *asked, struct circ_design *design,
                 struct circ_manifest *manifest, struct circ_error *err);

/* A file whole, which the caller frees. IO, MEMORY. */
CIRC_MUST_USE enum circ_status circ_binary_read(const char *path, char **data, size_t *size,
                                                struct circ_error *err);

#endif
