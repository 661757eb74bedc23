/* Sizes from the network's shape, and the source: definitions, roots, and the embedded kernels. */
#include "backends/fpga/design.h"

#include "backends/core/embed.h"
#include "backends/core/geometry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* P of a network without butterflies: what a memory of 512 bits hands over in a cycle. */
#define MOST_DENSE 16

/* Words on chip: 128 MiB, twice what the largest FPGAs have; the emulator takes it from the host.
 */
#define MOST_ONCHIP (INT64_C(1) << 26)

extern const struct circ_embedded circ_pipeline_embedded[];
extern const int circ_pipeline_embedded_count;

int64_t circ_design_tokens(const struct circ_design *design, const struct circ_layer *layer)
{
    struct circ_geometry g = circ_geometry_of(layer);
    int64_t lanes = 2 * design->pipeline.parallel;
    int64_t width = g.k < lanes ? g.k : lanes;
    int64_t in = (int64_t)g.in_pixels * g.q * (g.k / width);
    int64_t out = (int64_t)g.p * g.out_pixels * (g.k / width);
    if (g.k == 1) { /* pipe.cl */
        in = g.in_pixels * ((g.q + lanes - 1) / lanes);
        out = g.p * ((g.out_pixels + lanes - 1) / lanes);
    }
    return g.groups * (in > out ? in : out);
}

int circ_design_most_parallel(const struct circ_network *network)
{
    int most = circ_pipeline_most_parallel(network);
    return most ? most : MOST_DENSE;
}

static void raise_to(int64_t *most, int64_t value)
{
    *most = value > *most ? value : *most;
}

static void add_step(struct circ_design *design, const struct circ_network *network,
                     const struct circ_pipeline_step *step)
{
    const struct circ_layer *layer = &network->layers[step->layer];
    struct circ_geometry g = circ_geometry_of(layer);
    int64_t weights = circ_pipeline_weight_words(layer), row = (int64_t)g.taps * g.q * g.k;
    raise_to(&design->weights, weights <= design->pipeline.onchip_words ? weights : row);
    raise_to(&design->spectra, circ_pipeline_spectra_words(layer));
    raise_to(&design->tokens, circ_design_tokens(design, layer));
    if (step->pool >= 0)
        raise_to(&design->lines, (int64_t)network->layers[step->pool].taps_h * layer->out.w * g.k);
    if (g.k > design->block)
        design->block = g.k;
}

enum circ_status circ_design_make(struct circ_design *design, const struct circ_network *network,
                                  const struct circ_pipeline *asked, struct circ_error *err)
{
    int most_parallel = circ_design_most_parallel(network);
    int most_depth = circ_pipeline_most_depth(network);
    memset(design, 0, sizeof *design);
    int parallel = asked->parallel ? asked->parallel : 1;
    int usual = circ_pipeline_usual_multiply(parallel);
    design->pipeline = (struct circ_pipeline){.parallel = parallel,
                                              .depth = asked->depth ? asked->depth : 1,
                                              .multiply = asked->multiply ? asked->multiply : usual,
                                              .bits = asked->bits,
                                              .onchip_words = CIRC_DESIGN_ONCHIP};
    int multiply = design->pipeline.multiply;
    enum circ_status status = circ_fixed_supports(network, err);
    if (!status)
        status = circ_pipeline_plan(network, design->steps, &design->step_count, err);
    if (status)
        return status;
    if (parallel > most_parallel || parallel & (parallel - 1))
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s: %d butterflies side by side: with its blocks that is a power "
                                "of two up to %d",
                                network->name, parallel, most_parallel);
    if (design->pipeline.depth > most_depth)
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s: %d stages in flight: its longest transform has %d",
                                network->name, design->pipeline.depth, most_depth);
    if (multiply > CIRC_PIPELINE_MOST_MULTIPLY || multiply & (multiply - 1))
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s: %d products side by side: it is a power of two up to %d",
                                network->name, multiply, CIRC_PIPELINE_MOST_MULTIPLY);
    design->block = design->lines = 1;
    for (int i = 0; i < design->step_count; i++)
        add_step(design, network, &design->steps[i]);
    int64_t onchip = design->weights + design->spectra + design->lines;
    if (onchip > MOST_ONCHIP)
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s: weights and spectra of one frame take %" PRId64
                                " MiB on chip, which no FPGA has: take smaller layers",
                                network->name, onchip >> 19);
    design->stages = 1;
    for (int n = design->block / 2; n > 1; n /= 2)
        design->stages++;
    return CIRC_OK;
}

static void write_text(FILE *to, const char *name)
{
    for (int i = 0; i < circ_pipeline_embedded_count; i++)
        if (!strcmp(circ_pipeline_embedded[i].name, name))
            fwrite(circ_pipeline_embedded[i].data, 1, circ_pipeline_embedded[i].size, to);
}

static void write_sizes(FILE *to, const struct circ_design *design,
                        const struct circ_fixed_fft *plan)
{
    int lanes = design->pipeline.multiply, slots = design->block / 2;
    const struct {
        const char *name;
        int64_t value;
    } sizes[] = {
        {"BLOCK", design->block},
        {"STAGES", design->stages},
        {"PARALLEL", design->pipeline.parallel},
        {"DEPTH", design->pipeline.depth},
        {"LANES", lanes},
        {"BITS", design->pipeline.bits},
        {"WEIGHTS", design->weights},
        {"SPECTRA", design->spectra},
        {"LINES", design->lines},
        {"BANKS", slots > lanes ? slots / lanes : 1},
    };
    fputs("/* A pipeline of circbench for one network. Do not edit: its manifest names this text. "
          "*/\n",
          to);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        fprintf(to, "#define %s %" PRId64 "\n", sizes[i].name, sizes[i].value);
    fprintf(to, "#ifndef CHANNEL\n#define CHANNEL %d\n#endif\n", CIRC_DESIGN_CHANNEL);
    fputs("constant short roots[] = {", to);
    for (int i = 0; i < 2 * (plan->n + 1); i++)
        fprintf(to, "%s%d", i ? i % 16 ? ", " : ",\n    " : "\n    ", (int)plan->roots[i]);
    fputs("};\n", to);
}

/* ring.cl for either direction. */
static void write_ring(FILE *to, bool inverse)
{
    static const char *const settings[][3] = {
        {"RING", "transform", "invert"},
        {"BUTTERFLY", "forward", "inverse"},
        {"FROM", "to_transform", "to_inverse"},
        {"ON_TO", "to_multiply", "to_store"},
        {"RUNS", "(c.in_h * c.in_w * c.groups)", "(c.groups * c.rows)"},
        {"BLOCKS", "c.columns", "(c.out_h * c.out_w)"},
        {"PAIRING", "(stages - 1)", "0"},
        {"TALLY_BUTTERFLIES", "CIRC_CARD_FORWARD", "CIRC_CARD_INVERSE"},
        {"TALLY_WORDS", "CIRC_CARD_WORDS + 1", "CIRC_CARD_WORDS + 3"},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        fprintf(to, "#define %s %s\n", settings[i][0], settings[i][1 + inverse]);
    write_text(to, "ring.cl");
}

enum circ_status circ_design_source(const struct circ_design *design, char **source, size_t *length,
                                    struct circ_error *err)
{
    struct circ_fixed_fft *plan;
    *source = NULL;
    enum circ_status status =
        circ_fixed_fft_create(&plan, design->block, design->pipeline.bits, err);
    FILE *to = status ? NULL : open_memstream(source, length);
    if (to) {
        write_sizes(to, design, plan);
        write_text(to, "card.h");
        write_text(to, "pipe.cl");
        write_text(to, "butterfly.cl");
        write_text(to, "load.cl");
        write_ring(to, false);
        write_text(to, "multiply.cl");
        write_ring(to, true);
        write_text(to, "store.cl");
    }
    circ_fixed_fft_free(plan);
    if (!status && (!to || fclose(to))) {
        free(*source);
        *source = NULL;
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for the source of a pipeline");
    }
    return status;
}
