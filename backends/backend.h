/* The contract between the harness and whatever computes. A backend is one `const struct
 * circ_backend` in a file of its own and one line in registry.c.
 *
 * Unit of execution: a network compiled for a batch.
 *     probe -> open -> supports -> prepare -> upload -> { launch x n -> wait } x repetitions ->
 * download
 *     -> release -> close
 * Only launch and wait lie inside a measured window. Activations stay on the device between layers.
 *
 * A program prepared for CIRC_TRAIN takes one step of training a launch: core/training.h says what
 * a step is. It starts from the model's weights, keeps them on the device in whatever form it
 * likes, and computes everything, the gradient of the network's input too: a layer inside a network
 * owes it to the one before. `learned` then gives back what came of it.
 *
 * Outcomes are never confused: UNSUP (valid, not offered), ABSENT (hardware, driver, permission),
 * DEVICE (it broke), MEMORY. A backend never judges its own answers and never prints. */
#ifndef CIRC_BACKEND_H
#define CIRC_BACKEND_H

#include "backends/core/ceiling.h"
#include "backends/core/weights.h"

#define CIRC_MAX_DEVICES  16
#define CIRC_MAX_VARIANTS 8
#define CIRC_MAX_TUNINGS  16
#define CIRC_TUNING_TEXT  96 /* bytes of a tuning's text and its terminator */
#define CIRC_MAX_PARTS    32

enum circ_device_kind { CIRC_DEVICE_CPU, CIRC_DEVICE_GPU, CIRC_DEVICE_FPGA, CIRC_DEVICE_ASIC };
enum circ_kind { CIRC_MEASURED, CIRC_EMULATED, CIRC_MODELLED };
enum circ_pass { CIRC_INFER, CIRC_TRAIN };

struct circ_device {
    char name[96]; /* how --device selects it and rows name it */
    char description[320];
    char platform[96]; /* the driver it comes through, another way to select it; "" if none */
    char pci[16]; /* "0000:65:00.0", how a meter knows it; "" where it is no card or does not tell */
    enum circ_device_kind device_kind; /* what it is */
    enum circ_kind kind;               /* what its times are */
    int threads;             /* largest useful thread count; 1 where the notion does not apply */
    int64_t memory_bytes;    /* what a program may allocate */
    bool own_memory;         /* and it is the device's, not the host's */
    enum circ_status status; /* OK, or ABSENT for what was found and cannot be used */
    char reason[480];        /* why not, and what to do about it */
};

/* One implementation inside a backend: which structures it computes, and whether it can run here.
 */
struct circ_variant {
    const char *name; /* "fused", "openblas", "csr", ... */
    enum circ_structure structure;
    const char *description;
};

/* What is asked of prepare. Everything is borrowed for the call. */
struct circ_request {
    const struct circ_model *model; /* network with structure and blocks set, and its weights */
    int batch;
    int threads;
    enum circ_pass pass;
    const char *precision; /* "f32"; the network says it of each layer */
    const char *variant;   /* one of the backend's names */
    const char *isa;       /* one of the backend's isa names, or NULL for the best here */
    /* Cold weights: launches take turns over copies of the weights that fill more than so many
     * bytes together, so that no cache still holds the next one. 0: one set, which stays warm. */
    int64_t cold_bytes;
    /* Parameters to run with, as a program_info prints them; NULL: the backend's own choice. A text
     * that it does not read, or that does not fit the device, is UNSUP in prepare. */
    const char *tuning;
    /* Of a precision in fixed point: frames [calibration_count][C][H][W] to choose its scales from
     * (core/fixed.h). NULL: seeded ones of the kind that the harness feeds. */
    const float *calibration;
    int calibration_count;
};

/* What a train program learns from. Everything is borrowed for the call. */
struct circ_lesson {
    const float *target; /* [batch][outputs] */
    const float *rate;   /* [layers]: w <- w - rate dL/dw, biases alike; unread where no weights are
                          */
};

/* What really ran, for the row. Strings live as long as the program. */
struct circ_program_info {
    char library[96]; /* name and version of the library that did the work, "" if ours */
    char isa[32];     /* kernel set that runs, "" if not ours to choose */
    char tuning[CIRC_TUNING_TEXT]; /* parameters in force, "" if none */
};

/* One number that a modelled device is made of. */
struct circ_figure {
    const char *name, *unit; /* constants */
    double value;
    bool assumed;    /* its basis is the reasoning, else the public source */
    char basis[256]; /* never empty */
};

/* What a model says of a program, whose times and joules are computed instead of measured. */
struct circ_prediction {
    double time_ns, cycles; /* of a batch */
    double energy_uj_per_frame;
    const char *bound; /* what takes the time: a stage of a pipeline, or "memory"; a constant */
    char remark[480];  /* for the row: why it is not faster */
    struct circ_prediction_part {
        const char *name, *unit; /* constants */
        double value;            /* of a batch */
    } parts[CIRC_MAX_PARTS];     /* what the sums are made of */
    int part_count;
};

struct circ_session; /* an open device, the backend's own */
struct circ_program; /* a prepared network, the backend's own */

struct circ_backend {
    const char *name;
    const char *description;

    /* It computes in another process: counters of ours would tell nothing of its work. */
    bool apart;

    /* It compiles its kernels for each kind of layer when first asked, which may take seconds. */
    bool compiles;

    /* Variants that this build offers, best first for each structure; returns their number. A
     * missing library shows as a variant that supports() answers with ABSENT and the remedy. */
    int (*variants)(const struct circ_variant **variants);

    /* ISA rows that this build offers and this machine runs, best first; returns their number, 0
     * where the notion does not apply. */
    int (*isas)(const char *names[CIRC_MAX_VARIANTS]);

    /* Precision names offered, default first; returns their number. */
    int (*precisions)(const char *names[CIRC_MAX_VARIANTS]);

    /* Lists the devices, or ABSENT with a sentence that tells the user what to do; USAGE for what
     * the user told the backend and it cannot take. */
    enum circ_status (*probe)(struct circ_device devices[CIRC_MAX_DEVICES], int *count,
                              struct circ_error *err);

    enum circ_status (*open)(const char *device, struct circ_session **session,
                             struct circ_error *err);
    void (*close)(struct circ_session *session); /* NULL allowed */

    /* OK, UNSUP or ABSENT with a sentence; allocates nothing. request->model->layers are not read.
     */
    enum circ_status (*supports)(struct circ_session *session, const struct circ_request *request,
                                 struct circ_error *err);

    /* Transforms the weights and allocates everything; the model may be freed afterwards, its
     * network must outlive the program. */
    enum circ_status (*prepare)(struct circ_session *session, const struct circ_request *request,
                                struct circ_program **program, struct circ_error *err);
    void (*release)(struct circ_program *program); /* NULL allowed */

    void (*describe)(const struct circ_program *program, struct circ_program_info *info);

    /* Bytes that a program for this request would hold, for cutting groups to fit in memory. */
    int64_t (*footprint)(const struct circ_request *request);

    /* input [batch][C][H][W]; output [batch][outputs], of the last launch's forward pass. lesson is
     * NULL for an infer program; a train program keeps its weights from one upload to the next. */
    enum circ_status (*upload)(struct circ_program *program, const float *input,
                               const struct circ_lesson *lesson, struct circ_error *err);
    enum circ_status (*launch)(struct circ_program *program, struct circ_error *err);
    /* Waits for all launches; *device_ns gets the device's own clock for them: -1 if it has none, 0
     * if it has one that told nothing of use (no time, or an end before the start). */
    enum circ_status (*wait)(struct circ_program *program, int64_t *device_ns,
                             struct circ_error *err);
    enum circ_status (*download)(struct circ_program *program, float *output,
                                 struct circ_error *err);

    /* What the open device can do at best with an ISA row (NULL or "": the best here) and so many
     * threads, in at most a few seconds; level is left empty. UNSUP, MEMORY. NULL where a backend
     * has no ceilings: its rows have no roof. */
    enum circ_status (*ceilings)(struct circ_session *session, const char *isa, int threads,
                                 struct circ_ceiling ceilings[CIRC_MAX_CEILINGS], int *count,
                                 struct circ_error *err);

    /* Of a train program: the weights and biases as they are now into model, which
     * circ_weights_create made for the same network, and the last launch's gradient of the
     * network's input into dx [batch][C][H][W]. NULL in a backend that does not train. */
    enum circ_status (*learned)(struct circ_program *program, struct circ_model *model, float *dx,
                                struct circ_error *err);

    /* For a search of parameters: request->tuning (NULL: the default) with parameter number `axis`,
     * counted from 0, set to each other value that fits the device and may change what the request
     * runs. Returns the number of texts; -1 past the last parameter, and at once for a request that
     * has none. NULL in a backend that is not searched by trial. */
    int (*tunings)(struct circ_session *session, const struct circ_request *request, int axis,
                   char texts[CIRC_MAX_TUNINGS][CIRC_TUNING_TEXT]);

    /* Whether it reads a text as a tuning, for some device at least. NULL where it reads none. */
    bool (*tuning_valid)(const char *text);

    /* Of a backend whose devices are MODELLED, NULL in all others: what the model says of a
     * program, which is then verified as any other and never timed. */
    void (*predict)(const struct circ_program *program, struct circ_prediction *prediction);

    /* The numbers that an open device is made of; *figures lives as long as the session. Returns
     * how many. NULL as predict. */
    int (*figures)(const struct circ_session *session, const struct circ_figure **figures);

    /* Writes into a folder what an offline compiler needs to make a device binary for the request:
     * source, commands, and a manifest by which the binary is told from others. session: the device
     * for which it is compiled as well, there and then; NULL: none. IO, UNSUP, DEVICE. NULL in a
     * backend whose devices compile for themselves. */
    enum circ_status (*emit)(struct circ_session *session, const struct circ_request *request,
                             const char *folder, struct circ_error *err);
};

/* "cpu", "gpu", ...; "measured", ...; "infer", "train". */
const char *circ_backend_device_kind_name(enum circ_device_kind kind);
const char *circ_backend_kind_name(enum circ_kind kind);
const char *circ_backend_pass_name(enum circ_pass pass);

#endif
