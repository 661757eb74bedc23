/* Expansion of axes into points and groups. */
#include "harness/sweep.h"

#include "backends/core/random.h"
#include "workloads/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The axes with defaults filled in, and the sweep that grows from them. */
struct expansion {
    struct circ_sweep *sweep;
    const struct circ_options *options;
    const struct circ_sweep_defaults *defaults;
    struct circ_axes filled; /* owned: what was not given */
    const struct circ_names *workloads, *structures, *backends, *passes;
    const struct circ_numbers *batches;
    const struct circ_blocks *blocks;
    int capacity; /* of sweep->points */
};

static enum circ_status fill_defaults(struct expansion *e, struct circ_error *err)
{
    const struct circ_axes *given = &e->options->axes;
    const struct circ_sweep_defaults *d = e->defaults;
    enum circ_status status = circ_axes_add_names(&e->filled.workloads, "-w", d->workloads, err);
    if (!status)
        status = circ_axes_add_names(&e->filled.structures, "-s", d->structures, err);
    if (!status)
        status = circ_axes_add_blocks(&e->filled.blocks, d->blocks, err);
    if (!status)
        status = circ_axes_add_numbers(&e->filled.batches, "-n", d->batches, err);
    if (!status)
        status = circ_axes_add_names(&e->filled.backends, "-b", d->backends, err);
    if (!status)
        status = circ_axes_add_names(&e->filled.passes, "--pass", d->passes, err);
    e->workloads = given->workloads.count ? &given->workloads : &e->filled.workloads;
    e->structures = given->structures.count ? &given->structures : &e->filled.structures;
    e->blocks = given->blocks.count ? &given->blocks : &e->filled.blocks;
    e->batches = given->batches.count ? &given->batches : &e->filled.batches;
    e->backends = given->backends.count ? &given->backends : &e->filled.backends;
    e->passes = given->passes.count ? &given->passes : &e->filled.passes;
    return status;
}

static bool contains(const struct circ_names *names, const char *word)
{
    for (int i = 0; i < names->count; i++)
        if (!strcmp(names->items[i], word))
            return true;
    return false;
}

/* Results are stored by name: one name may not mean two networks, and one network given twice
 * counts once. */
static enum circ_status add_network(struct expansion *e, const char *spec, struct circ_error *err)
{
    struct circ_sweep *sweep = e->sweep;
    int at = sweep->network_count;
    enum circ_status status = circ_workload_find(spec, &sweep->networks[at], err);
    if (status)
        return status;
    circ_network_digest(&sweep->networks[at], sweep->digests[at]);
    for (int i = 0; i < at; i++) {
        if (strcmp(sweep->networks[i].name, sweep->networks[at].name))
            continue;
        if (!strcmp(sweep->digests[i], sweep->digests[at]))
            return CIRC_OK;
        return circ_status_fail(
            err, CIRC_USAGE,
            "'%s': another workload of this sweep is called '%s' too, and results "
            "are stored by name: rename one of the files",
            spec, sweep->networks[at].name);
    }
    sweep->network_count++;
    return CIRC_OK;
}

static enum circ_status load_networks(struct expansion *e, struct circ_error *err)
{
    struct circ_sweep *sweep = e->sweep;
    size_t count = (size_t)e->workloads->count;
    sweep->networks = calloc(count, sizeof *sweep->networks);
    sweep->digests = calloc(count, sizeof *sweep->digests);
    if (!sweep->networks || !sweep->digests)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for %zu workloads", count);
    enum circ_status status = CIRC_OK;
    for (size_t w = 0; w < count && !status; w++)
        status = add_network(e, e->workloads->items[w], err);
    return status;
}

/* Whether some layer that may be compressed is an FC, or a CONV. */
static void compressible(const struct circ_network *net, bool *fc, bool *conv)
{
    *fc = *conv = false;
    for (int i = 0; i < net->layer_count; i++) {
        bool may = net->layers[i].compressible;
        *fc |= may && net->layers[i].op == CIRC_OP_FC;
        *conv |= may && net->layers[i].op == CIRC_OP_CONV;
    }
}

static bool same_point(const struct circ_point *a, const struct circ_point *b)
{
    return a->block == b->block && a->block_conv == b->block_conv && a->batch == b->batch &&
           a->threads == b->threads && a->cold == b->cold && !strcmp(a->workload, b->workload) &&
           !strcmp(a->backend, b->backend) && !strcmp(a->device, b->device) &&
           !strcmp(a->structure, b->structure) && !strcmp(a->variant, b->variant) &&
           !strcmp(a->isa, b->isa) && !strcmp(a->precision, b->precision) &&
           !strcmp(a->pass, b->pass);
}

/* Adds a point unless the group that began at first has it already (-k 8,8/4 on FC layers). */
static enum circ_status add_point(struct expansion *e, int first,
                                  const struct circ_planned *planned, struct circ_error *err)
{
    struct circ_sweep *sweep = e->sweep;
    for (int i = first; i < sweep->point_count; i++)
        if (same_point(&sweep->points[i].point, &planned->point))
            return CIRC_OK;
    if (sweep->point_count == e->capacity) {
        int capacity = e->capacity ? 2 * e->capacity : 64;
        struct circ_planned *grown = realloc(sweep->points, (size_t)capacity * sizeof *grown);
        if (!grown)
            return circ_status_fail(err, CIRC_MEMORY, "no memory for %d points", capacity);
        sweep->points = grown;
        e->capacity = capacity;
    }
    sweep->points[sweep->point_count++] = *planned;
    return CIRC_OK;
}

/* One structure and block with the variants and ISA rows asked for: all that are named, or the
 * best. A structure none of whose variants is named keeps its best: the first, but of the dense
 * libraries the fastest for the point, which only a trial can tell. */
static enum circ_status add_variants(struct expansion *e, int first, struct circ_planned planned,
                                     struct circ_error *err)
{
    const struct circ_backend *backend = planned.target->backend;
    const struct circ_names *named = &e->options->axes.variants, *isas = &e->options->axes.isas;
    const struct circ_variant *variants;
    const char *rows[CIRC_MAX_VARIANTS];
    int count = backend->variants(&variants), row_count = backend->isas(rows);
    bool any_named = false, done = false;
    for (int v = 0; v < count; v++)
        any_named |=
            variants[v].structure == planned.structure && contains(named, variants[v].name);
    for (int v = 0; v < count; v++) {
        if (variants[v].structure != planned.structure || done ||
            (any_named && !contains(named, variants[v].name)))
            continue;
        planned.point.variant = variants[v].name;
        planned.rival_count = 0;
        for (int r = v; !any_named && !e->defaults->all_variants && r < count; r++)
            if (planned.structure == CIRC_DENSE && variants[r].structure == CIRC_DENSE)
                planned.rivals[planned.rival_count++] = variants[r].name;
        done = !any_named && !e->defaults->all_variants;
        /* the dense library chooses its own instructions: it has no isa axis */
        int choices = planned.structure == CIRC_DENSE || !row_count ? 0
                      : isas->count                                 ? isas->count
                      : e->defaults->all_isas                       ? row_count
                                                                    : 1;
        for (int i = 0; i < (choices ? choices : 1); i++) {
            planned.point.isa = !choices ? "" : isas->count ? isas->items[i] : rows[i];
            for (int cold = 0; cold <= e->options->cold; cold++) {
                planned.point.cold = cold;
                enum circ_status status = add_point(e, first, &planned, err);
                if (status)
                    return status;
            }
        }
    }
    return CIRC_OK;
}

/* Whether the points of two targets are divided by one another: one processor, used alike by
 * default. */
static bool together(const struct circ_target *a, const struct circ_target *b)
{
    const char *first[CIRC_MAX_VARIANTS], *second[CIRC_MAX_VARIANTS];
    if (a == b)
        return true;
    a->backend->precisions(first);
    b->backend->precisions(second);
    return !a->status && !b->status && !strcmp(a->device.name, b->device.name) &&
           a->device.threads == b->device.threads && !strcmp(first[0], second[0]);
}

/* One structure and block in the precisions asked for, or the target's first. */
static enum circ_status add_precisions(struct expansion *e, int first, struct circ_planned planned,
                                       struct circ_error *err)
{
    const struct circ_names *named = &e->options->axes.precisions;
    const char *own[CIRC_MAX_VARIANTS];
    planned.target->backend->precisions(own);
    enum circ_status status = CIRC_OK;
    for (int p = 0; p < (named->count ? named->count : 1) && !status; p++) {
        planned.point.precision = named->count ? named->items[p] : own[0];
        status = add_variants(e, first, planned, err);
    }
    return status;
}

/* One structure and block on planned's target and on those after it that belong to its group. */
static enum circ_status add_targets(struct expansion *e, int first, struct circ_planned planned,
                                    struct circ_error *err)
{
    const struct circ_target *own = planned.target,
                             *end = e->sweep->targets + e->sweep->target_count;
    enum circ_status status = CIRC_OK;
    for (; planned.target < end && !status; planned.target++) {
        if (!together(own, planned.target))
            continue;
        planned.point.backend = planned.target->backend->name;
        planned.point.device = planned.target->device.name;
        status = add_precisions(e, first, planned, err);
    }
    return status;
}

static enum circ_status add_group(struct expansion *e, struct circ_planned planned,
                                  struct circ_error *err)
{
    struct circ_sweep *sweep = e->sweep;
    int first = sweep->point_count;
    bool fc, conv;
    compressible(planned.network, &fc, &conv);
    for (int s = 0; s < e->structures->count; s++) {
        static const char *const names[] = {"dense", "circulant", "pruned"};
        int structure;
        enum circ_status status =
            circ_target_choose("structure", e->structures->items[s], names, 3, &structure, err);
        planned.structure = (enum circ_structure)structure;
        planned.point.structure = names[structure < 3 ? structure : 0];
        bool dense = planned.structure == CIRC_DENSE;
        for (int k = 0; k < (dense ? 1 : e->blocks->count) && !status; k++) {
            struct circ_block block = e->blocks->items[k];
            planned.point.block = dense ? 1 : fc || !conv ? block.fc : block.conv;
            planned.point.block_conv = !conv ? 0 : dense ? 1 : block.conv;
            status = add_targets(e, first, planned, err);
        }
        if (status)
            return status;
    }
    if (sweep->point_count > first)
        sweep->groups[sweep->group_count++] =
            (struct circ_group){first, sweep->point_count - first};
    return CIRC_OK;
}

/* Threads and passes of one workload, batch and device. */
static enum circ_status add_target_groups(struct expansion *e, struct circ_planned planned,
                                          struct circ_error *err)
{
    const struct circ_axes *axes = &e->options->axes;
    int threads = axes->threads.count;
    for (int t = 0; t < (threads ? threads : 1); t++) {
        planned.point.threads = threads ? axes->threads.items[t] : planned.target->device.threads;
        for (int i = 0; i < e->passes->count; i++) {
            const char *const passes[] = {circ_backend_pass_name(CIRC_INFER),
                                          circ_backend_pass_name(CIRC_TRAIN)};
            int pass;
            enum circ_status status =
                circ_target_choose("pass", e->passes->items[i], passes, 2, &pass, err);
            if (!status) {
                planned.pass = pass ? CIRC_TRAIN : CIRC_INFER;
                planned.point.pass = passes[pass];
                status = add_group(e, planned, err);
            }
            if (status)
                return status;
        }
    }
    return CIRC_OK;
}

static enum circ_status expand_groups(struct expansion *e, struct circ_error *err)
{
    struct circ_sweep *sweep = e->sweep;
    const struct circ_axes *axes = &e->options->axes;
    int threads = axes->threads.count ? axes->threads.count : 1;
    size_t most = (size_t)sweep->network_count * (size_t)e->batches->count *
                  (size_t)sweep->target_count * (size_t)threads * (size_t)e->passes->count;
    sweep->groups = calloc(most + 1, sizeof *sweep->groups);
    if (!sweep->groups)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for %zu groups", most);
    for (int w = 0; w < sweep->network_count; w++) {
        for (int b = 0; b < e->batches->count; b++) {
            for (int t = 0; t < sweep->target_count; t++) {
                struct circ_planned planned = {.network = &sweep->networks[w],
                                               .target = &sweep->targets[t]};
                bool taken = false; /* by the group of an earlier target */
                for (int i = 0; i < t && !taken; i++)
                    taken = together(&sweep->targets[i], &sweep->targets[t]);
                if (taken)
                    continue;
                planned.point.workload = sweep->networks[w].name;
                planned.point.network = sweep->digests[w];
                planned.point.batch = e->batches->items[b];
                enum circ_status status = add_target_groups(e, planned, err);
                if (status)
                    return status;
            }
        }
    }
    return CIRC_OK;
}

/* Names that no backend of the sweep knows are a slip of the user's, not an empty result. */
static enum circ_status check_names(struct expansion *e, struct circ_error *err)
{
    const struct circ_axes *axes = &e->options->axes;
    const char *variants[64], *isas[64], *precisions[64];
    int variant_count = 0, isa_count = 0, precision_count = 0;
    for (int t = 0; t < e->sweep->target_count && t < 8; t++) {
        const struct circ_backend *backend = e->sweep->targets[t].backend;
        const struct circ_variant *list;
        int count = backend->variants(&list);
        for (int i = 0; i < count; i++)
            variants[variant_count++] = list[i].name;
        isa_count += backend->isas(isas + isa_count);
        precision_count += backend->precisions(precisions + precision_count);
    }
    enum circ_status status = CIRC_OK;
    int index;
    for (int i = 0; i < axes->variants.count && !status; i++)
        status = circ_target_choose("variant", axes->variants.items[i], variants, variant_count,
                                    &index, err);
    for (int i = 0; i < axes->isas.count && !status; i++)
        status = circ_target_choose("isa", axes->isas.items[i], isas, isa_count, &index, err);
    static const char *const known[] = {"f32", "bf16", "f16", "q16", "q12", "q8"};
    for (int i = 0; i < axes->precisions.count && !status; i++)
        status = circ_target_choose("precision", axes->precisions.items[i], known, 6, &index, err);
    return status;
}

/* Seeded order, and this process's share of the groups. */
static void order_groups(struct circ_sweep *sweep, const struct circ_options *options)
{
    struct circ_random random = circ_random_seed(options->seed, 0x0bde5);
    int kept = 0;
    for (int g = 0; g < sweep->group_count; g++)
        if (options->shards < 2 || g % options->shards == options->shard - 1)
            sweep->groups[kept++] = sweep->groups[g];
    sweep->group_count = kept;
    for (int g = kept - 1; g > 0; g--) {
        int other = (int)circ_random_below(&random, (uint64_t)g + 1);
        struct circ_group t = sweep->groups[g];
        sweep->groups[g] = sweep->groups[other];
        sweep->groups[other] = t;
    }
}

static void print_names(FILE *file, const char *axis, const struct circ_names *names)
{
    fprintf(file, "%s=", axis);
    for (int i = 0; i < names->count; i++)
        fprintf(file, "%s%s", i ? "," : "", names->items[i]);
    fputc(';', file);
}

static void print_numbers(FILE *file, const char *axis, const struct circ_numbers *numbers)
{
    fprintf(file, "%s=", axis);
    for (int i = 0; i < numbers->count; i++)
        fprintf(file, "%s%d", i ? "," : "", numbers->items[i]);
    fputc(';', file);
}

/* Two invocations may share a campaign when this text is the same. */
static enum circ_status write_axes(struct expansion *e, struct circ_error *err)
{
    const struct circ_options *o = e->options;
    size_t size;
    FILE *file = open_memstream(&e->sweep->axes, &size);
    if (!file)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the campaign's axes");
    print_names(file, "workload", e->workloads);
    for (int i = 0; i < e->sweep->network_count; i++) /* an edited file is another sweep */
        fprintf(file, "%s%s", i ? "," : "network=", e->sweep->digests[i]);
    fputc(';', file);
    print_names(file, "structure", e->structures);
    fputs("block=", file);
    for (int i = 0; i < e->blocks->count; i++)
        fprintf(file, "%s%d/%d", i ? "," : "", e->blocks->items[i].fc, e->blocks->items[i].conv);
    fputc(';', file);
    print_numbers(file, "batch", e->batches);
    print_names(file, "backend", e->backends);
    print_names(file, "device", &o->axes.devices);
    print_names(file, "variant", &o->axes.variants);
    print_numbers(file, "threads", &o->axes.threads);
    print_names(file, "precision", &o->axes.precisions);
    print_names(file, "pass", e->passes);
    print_names(file, "isa", &o->axes.isas);
    print_names(file, "meters", &o->meters);
    print_names(file, "events", &o->events);
    fprintf(file,
            "samples=%d;min_time=%g;timeout=%g;max_noise=%g;energy_error=%g;seed=%llu;shard=%d/%d",
            o->samples, o->min_time_s, o->timeout_s, o->max_noise, o->energy_error,
            (unsigned long long)o->seed, o->shard, o->shards);
    if (o->binary)
        fprintf(file, ";binary=%s", o->binary);
    if (o->tuning)
        fprintf(file, ";tuning=%s", o->tuning);
    if (o->model_file)
        fprintf(file, ";model_file=%s", o->model_file);
    if (o->cold) /* as an axis would: without it the text is what it always was */
        fputs(";cold=0,1", file);
    if (fclose(file) || !e->sweep->axes)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the campaign's axes");
    return CIRC_OK;
}

enum circ_status circ_sweep_expand(struct circ_sweep *sweep, const struct circ_options *options,
                                   const struct circ_sweep_defaults *defaults,
                                   struct circ_error *err)
{
    struct expansion e = {.sweep = sweep, .options = options, .defaults = defaults};
    memset(sweep, 0, sizeof *sweep);
    enum circ_status status = fill_defaults(&e, err);
    if (!status)
        status = load_networks(&e, err);
    if (!status)
        status = circ_target_find(e.backends, &options->axes.devices, &sweep->targets,
                                  &sweep->target_count, err);
    if (!status)
        status = check_names(&e, err);
    if (!status)
        status = expand_groups(&e, err);
    if (!status)
        status = write_axes(&e, err);
    if (!status) {
        order_groups(sweep, options);
        if (!sweep->group_count)
            status = circ_status_fail(err, CIRC_NOTHING, "no point to run: the axes leave nothing");
    }
    circ_axes_free(&e.filled);
    if (status)
        circ_sweep_free(sweep);
    return status;
}

void circ_sweep_free(struct circ_sweep *sweep)
{
    free(sweep->networks);
    free(sweep->digests);
    free(sweep->targets);
    free(sweep->points);
    free(sweep->groups);
    free(sweep->axes);
    memset(sweep, 0, sizeof *sweep);
}

enum circ_status circ_sweep_network(const struct circ_planned *planned, struct circ_network *net,
                                    struct circ_error *err)
{
    *net = *planned->network;
    int conv = planned->point.block_conv ? planned->point.block_conv : planned->point.block;
    enum circ_status status =
        circ_network_compress(net, planned->structure, planned->point.block, conv, err);
    if (!status)
        circ_network_set_precision(net, circ_network_precision_find(planned->point.precision));
    return status;
}

double circ_sweep_estimate_s(const struct circ_sweep *sweep, const struct circ_options *options,
                             double energy_s)
{
    double seconds = 0;
    for (int g = 0; g < sweep->group_count; g++) {
        for (int i = 0; i < sweep->groups[g].count; i++) {
            const struct circ_planned *planned = &sweep->points[sweep->groups[g].first + i];
            double work = (double)circ_network_counts(planned->network).flop_dense / 2e9;
            double whole = work * planned->point.batch, one = work > 0.125 ? work : 0.125;
            double measured = energy_s + 1.5 * options->min_time_s;
            if (!planned->skip && !planned->target->status)
                seconds +=
                    (planned->target->backend->predict ? 0 : measured) + (whole < 1 ? whole : one);
        }
    }
    return seconds;
}
