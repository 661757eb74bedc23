/* Which tuning a point gets: the nearest block, then the nearest batch, and the ranges that say so.
 */
#include "harness/tuned.h"
#include "tests/tap.h"

#include <stdio.h>
#include <string.h>

static struct circ_tuning_row row(int block, int batch, const char *op, const char *tuning)
{
    struct circ_tuning_row made = {.backend = "b",
                                   .device = "d",
                                   .variant = "v",
                                   .pass = "infer",
                                   .block = block,
                                   .batch = batch};
    snprintf(made.op, sizeof made.op, "%s", op);
    snprintf(made.tuning, sizeof made.tuning, "%s", tuning);
    return made;
}

static bool reads_all(const char *text)
{
    (void)text;
    return true;
}

static int no_tunings(struct circ_session *session, const struct circ_request *request, int axis,
                      char texts[CIRC_MAX_TUNINGS][CIRC_TUNING_TEXT])
{
    (void)session, (void)request, (void)axis, (void)texts;
    return -1;
}

int main(void)
{
    struct circ_tuning_row rows[] = {
        row(8, 1, "fc", "8/1"),     row(8, 64, "fc", "8/64"),   row(128, 1, "fc", "128/1"),
        row(128, 4, "fc", "128/4"), row(32, 1, "conv", "conv"),
    };
    struct circ_tuned tuned = {.rows = rows, .count = sizeof rows / sizeof *rows};
    static const struct {
        int block, batch;
        const char *want;
    } cases[] = {{1, 1, "8/1"},       {8, 8, "8/1"},    {8, 9, "8/64"},
                 {8, 100000, "8/64"}, {32, 1, "8/1"},   {33, 1, "128/1"},
                 {33, 2, "128/1"},    {33, 3, "128/4"}, {1024, 64, "128/4"}};
    struct circ_backend backend = {.name = "b", .tunings = no_tunings};
    const struct circ_target target = {.backend = &backend};
    struct circ_network net;
    struct circ_error err = {.message = ""};
    struct circ_layer fc = {.op = CIRC_OP_FC, .out.c = 2048, .compressible = true};
    if (circ_network_begin(&net, "net", (struct circ_shape){2048, 1, 1}, &err) ||
        circ_network_append(&net, &fc, &err)) {
        tap_ok(false, "set-up: %s", err.message);
        return tap_done();
    }
    struct circ_planned planned = {
        .network = &net,
        .target = &target,
        .structure = CIRC_CIRCULANT,
        .point = {
            .backend = "b", .device = "d", .variant = "v", .pass = "infer", .precision = "f32"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        planned.point.block = cases[i].block;
        planned.point.batch = cases[i].batch;
        circ_tuned_apply(&tuned, &planned);
        tap_ok(!strcmp(planned.tuning, cases[i].want), "block %d batch %d: %s", cases[i].block,
               cases[i].batch, planned.tuning);
    }
    planned.point.variant = "w";
    circ_tuned_apply(&tuned, &planned);
    tap_ok(!*planned.tuning, "another variant has none");
    tuned.given = "given";
    circ_tuned_apply(&tuned, &planned);
    tap_ok(!*planned.tuning, "one that is given is not for a backend that reads none");
    backend.tuning_valid = reads_all;
    planned.point.variant = "v";
    circ_tuned_apply(&tuned, &planned);
    tap_ok(!strcmp(planned.tuning, "given"), "and goes before what is stored elsewhere");
    char blocks[24], batches[24];
    static const char *const want[] = {"1-32 1-8", "1-32 9-", "33- 1-2", "33- 3-", "1- 1-"};
    for (int i = 0; i < tuned.count; i++) {
        char both[64];
        circ_tuned_ranges(&tuned, &rows[i], blocks, batches);
        snprintf(both, sizeof both, "%s %s", blocks, batches);
        tap_ok(!strcmp(both, want[i]), "%s stands for %s", rows[i].tuning, both);
    }
    const char *op;
    int block;
    struct circ_layer conv = {
        .op = CIRC_OP_CONV, .out.c = 4, .taps_h = 3, .taps_w = 3, .pad = 1, .compressible = true};
    fc.out.c = 8;
    bool made = !circ_network_begin(&net, "net", (struct circ_shape){4, 32, 32}, &err) &&
                !circ_network_append(&net, &conv, &err) && !circ_network_append(&net, &fc, &err) &&
                !circ_network_compress(&net, CIRC_CIRCULANT, 8, 2, &err);
    circ_tuned_place(&net, &op, &block);
    tap_ok(made && !strcmp(op, "conv") && block == 2,
           "a network goes by the layer of the most work: %s, block %d", op, block);
    return tap_done();
}
