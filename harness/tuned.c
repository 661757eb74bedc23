/* Choosing among tunings. How they are found is tuner.c's affair. */
#include "harness/tuned.h"

#include "harness/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum circ_status circ_tuned_load(struct circ_tuned *tuned, struct circ_store *store,
                                 struct circ_error *err)
{
    *tuned = (struct circ_tuned){0};
    int count, kept = 0;
    struct circ_tuning_row unread = {0};
    enum circ_status status = circ_store_tunings(store, &tuned->rows, &count, err);
    for (int i = 0; i < count && !status; i++) {
        const struct circ_tuning_row *row = &tuned->rows[i];
        const struct circ_backend *backend = circ_registry_find(row->backend);
        if (backend && backend->tuning_valid && backend->tuning_valid(row->tuning))
            tuned->rows[kept++] = *row;
        else
            unread = *row;
    }
    if (!status && kept < count)
        circ_log_warn(
            "%d of %d tunings are left out, because this program does not read them ('%s' "
            "of %s on %s): `circbench tune` finds others",
            count - kept, count, unread.tuning, unread.backend, unread.device);
    tuned->count = kept;
    return status;
}

void circ_tuned_free(struct circ_tuned *tuned)
{
    free(tuned->rows);
    *tuned = (struct circ_tuned){0};
}

void circ_tuned_place(const struct circ_network *net, const char **op, int *block)
{
    int64_t most = -1;
    *op = "";
    *block = 0;
    for (int i = 0; i < net->layer_count; i++) {
        const struct circ_layer *layer = &net->layers[i];
        int64_t flop = circ_network_layer_counts(layer).flop_dense;
        if (!circ_network_has_weights(layer) || flop <= most)
            continue;
        most = flop;
        *op = circ_network_op_name(layer->op);
        *block = layer->block;
    }
}

/* Whether two rows share the axes that they partition. */
static bool same_axes(const struct circ_tuning_row *a, const struct circ_tuning_row *b)
{
    return !strcmp(a->backend, b->backend) && !strcmp(a->device, b->device) &&
           !strcmp(a->variant, b->variant) && !strcmp(a->op, b->op) && !strcmp(a->pass, b->pass);
}

/* Whether `other` is nearer to value than `own` is, in the logarithm; of two as near the smaller.
 */
static bool nearer(int64_t value, int64_t other, int64_t own)
{
    return other < own ? value * value <= other * own : other > own && value * value > other * own;
}

static const struct circ_tuning_row *find(const struct circ_tuned *tuned,
                                          const struct circ_tuning_row *wanted)
{
    const struct circ_tuning_row *best = NULL;
    for (int i = 0; i < tuned->count; i++) {
        const struct circ_tuning_row *row = &tuned->rows[i];
        if (!same_axes(row, wanted))
            continue;
        if (!best || nearer(wanted->block, row->block, best->block) ||
            (row->block == best->block && nearer(wanted->batch, row->batch, best->batch)))
            best = row;
    }
    return best;
}

void circ_tuned_apply(const struct circ_tuned *tuned, struct circ_planned *planned)
{
    struct circ_network net;
    struct circ_tuning_row wanted = {.batch = planned->point.batch};
    const char *op;
    int block;
    *planned->tuning = '\0';
    if (tuned->given && planned->target->backend->tuning_valid)
        snprintf(planned->tuning, sizeof planned->tuning, "%s", tuned->given);
    if (tuned->given || !planned->target->backend->tunings || !tuned->count ||
        circ_sweep_network(planned, &net, NULL))
        return;
    circ_tuned_place(&net, &op, &block);
    wanted.block = block;
    snprintf(wanted.backend, sizeof wanted.backend, "%s", planned->point.backend);
    snprintf(wanted.device, sizeof wanted.device, "%s", planned->point.device);
    snprintf(wanted.variant, sizeof wanted.variant, "%s", planned->point.variant);
    snprintf(wanted.op, sizeof wanted.op, "%s", op);
    snprintf(wanted.pass, sizeof wanted.pass, "%s", planned->point.pass);
    const struct circ_tuning_row *row = find(tuned, &wanted);
    if (row)
        snprintf(planned->tuning, sizeof planned->tuning, "%s", row->tuning);
}

/* The largest number whose square is at most a * b: where the smaller of two ends. */
static int64_t end_of(int64_t a, int64_t b)
{
    int64_t end = a < b ? a : b;
    while ((end + 1) * (end + 1) <= a * b)
        end++;
    return end;
}

/* below, above: the nearest neighbours of own; 0: none. */
static void print_range(char text[24], int64_t below, int64_t own, int64_t above)
{
    int used = snprintf(text, 24, "%lld-", below ? (long long)end_of(below, own) + 1 : 1LL);
    if (above)
        snprintf(text + used, 24 - (size_t)used, "%lld", (long long)end_of(own, above));
}

static void narrow(int64_t value, int64_t own, int64_t *below, int64_t *above)
{
    if (value < own && value > *below)
        *below = value;
    if (value > own && (!*above || value < *above))
        *above = value;
}

void circ_tuned_ranges(const struct circ_tuned *tuned, const struct circ_tuning_row *row,
                       char blocks[24], char batches[24])
{
    int64_t block[2] = {0, 0}, batch[2] = {0, 0};
    for (int i = 0; i < tuned->count; i++) {
        const struct circ_tuning_row *other = &tuned->rows[i];
        if (!same_axes(row, other))
            continue;
        narrow(other->block, row->block, &block[0], &block[1]);
        if (other->block == row->block)
            narrow(other->batch, row->batch, &batch[0], &batch[1]);
    }
    print_range(blocks, block[0], row->block, block[1]);
    print_range(batches, batch[0], row->batch, batch[1]);
}
