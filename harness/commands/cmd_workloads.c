/* circbench workloads: the networks and data sets that there are, or one network layer by layer. */
#include "harness/cell.h"
#include "harness/commands/command.h"
#include "harness/commands/listing.h"
#include "harness/log.h"
#include "workloads/dataset.h"
#include "workloads/workload.h"

#include <math.h>
#include <string.h>

enum { SHAPE_SIZE = 40, COLUMN_COUNT = 9, LAYER_COLUMN_COUNT = 7 };

static const char *const columns[COLUMN_COUNT] = {
    "type",         "name",         "status",     "input",       "layers",
    "compressible", "weight_count", "flop_dense", "description",
};

static const char *const layer_columns[LAYER_COLUMN_COUNT] = {
    "op", "input", "output", "window", "compressible", "weight_count", "flop_dense",
};

static const char *shape_text(struct circ_shape shape, char text[SHAPE_SIZE])
{
    if (shape.h == 1 && shape.w == 1) {
        snprintf(text, SHAPE_SIZE, "%d", shape.c);
    } else {
        snprintf(text, SHAPE_SIZE, "%dx%dx%d", shape.c, shape.h, shape.w);
    }
    return text;
}

/* In a table the first column is left out: the status of networks is "built in", and a table has no
 * room. */
static enum circ_status print_cells(struct circ_listing *listing, bool table,
                                    const struct circ_cell cells[COLUMN_COUNT],
                                    struct circ_error *err)
{
    return circ_listing_row(listing, table ? cells + 1 : cells, err);
}

static enum circ_status print_network(struct circ_listing *listing, bool table,
                                      const struct circ_builtin *builtin, struct circ_error *err)
{
    struct circ_network net;
    char input[SHAPE_SIZE];
    int compressible = 0;
    enum circ_status status = circ_workload_find(builtin->name, &net, err);
    if (status != CIRC_OK) {
        return status;
    }
    for (int i = 0; i < net.layer_count; i++) {
        compressible += net.layers[i].compressible;
    }
    struct circ_counts counts = circ_network_counts(&net);
    const struct circ_cell cells[COLUMN_COUNT] = {
        circ_cell_text("network"),
        circ_cell_text(builtin->name),
        circ_cell_text("built in"),
        circ_cell_text(shape_text(net.input, input)),
        circ_cell_integer(net.layer_count),
        circ_cell_integer(compressible),
        circ_cell_integer(counts.weight_count),
        circ_cell_integer(counts.flop_dense),
        circ_cell_text(builtin->description),
    };
    return print_cells(listing, table, cells, err);
}

static enum circ_status print_dataset(struct circ_listing *listing, bool table,
                                      const struct circ_dataset_info *info, const char *folder,
                                      int *exit_code, struct circ_error *err)
{
    struct circ_dataset set = {0};
    struct circ_error why = {0};
    char input[SHAPE_SIZE], sentence[1024];
    enum circ_status found = info->embedded ? CIRC_OK : CIRC_ABSENT;
    snprintf(why.message, sizeof why.message,
             "its folder is given by --data DIR or CIRCBENCH_DATA");
    if (!info->embedded && folder) {
        found = circ_dataset_read(info->name, CIRC_TEST_SPLIT, folder, &set, &why);
        circ_dataset_free(&set);
    }
    if (found != CIRC_OK && found != CIRC_ABSENT) {
        *exit_code = 2; /* a broken file is an input error; what is not there is not */
    }
    snprintf(sentence, sizeof sentence, "%s%s; %s%s%s", table ? "data set: " : "",
             info->description, info->attribution, found == CIRC_OK ? "" : "; ",
             found == CIRC_OK ? "" : why.message);
    const struct circ_cell cells[COLUMN_COUNT] = {
        [0] = circ_cell_text("data set"),
        [1] = circ_cell_text(info->name),
        [2] = circ_cell_text(info->embedded         ? "built in"
                             : found == CIRC_OK     ? "found"
                             : found == CIRC_ABSENT ? "absent"
                                                    : "unreadable"),
        [3] = circ_cell_text(shape_text(info->shape, input)),
        [8] = circ_cell_text(sentence),
    };
    return print_cells(listing, table, cells, err);
}

static enum circ_status list_all(const struct circ_options *options, int *exit_code,
                                 struct circ_error *err)
{
    int network_count, set_count;
    bool table = options->format == CIRC_TABLE;
    const struct circ_builtin *networks = circ_workload_list(&network_count);
    const struct circ_dataset_info *sets = circ_dataset_list(&set_count);
    struct circ_listing *listing;
    enum circ_status status =
        circ_listing_begin(&listing, options->format, "workload", table ? columns + 1 : columns,
                           table ? COLUMN_COUNT - 1 : COLUMN_COUNT, err);
    for (int i = 0; i < network_count && status == CIRC_OK; i++) {
        status = print_network(listing, table, &networks[i], err);
    }
    for (int i = 0; i < set_count && status == CIRC_OK; i++) {
        status = print_dataset(listing, table, &sets[i], options->data, exit_code, err);
    }
    return circ_listing_end(listing, status, err);
}

/* "3x3 s2 p1 g2": taps, then stride, padding and groups where they are not 1, 0 and 1. */
static const char *window_text(const struct circ_layer *layer, char text[64])
{
    bool windowed =
        layer->op == CIRC_OP_CONV || layer->op == CIRC_OP_POOL_MAX || layer->op == CIRC_OP_POOL_AVG;
    if (!windowed) {
        return NULL;
    }
    int used = snprintf(text, 64, "%dx%d", layer->taps_h, layer->taps_w);
    if (layer->stride > 1) {
        used += snprintf(text + used, 64 - (size_t)used, " s%d", layer->stride);
    }
    if (layer->pad > 0) {
        used += snprintf(text + used, 64 - (size_t)used, " p%d", layer->pad);
    }
    if (layer->groups > 1) {
        snprintf(text + used, 64 - (size_t)used, " g%d", layer->groups);
    }
    return text;
}

static enum circ_status print_layers(const struct circ_network *net, enum circ_format format,
                                     struct circ_error *err)
{
    struct circ_writer *writer;
    enum circ_status status =
        circ_format_begin(&writer, stdout, format, "layer", layer_columns, LAYER_COLUMN_COUNT, err);
    if (status != CIRC_OK) {
        return status;
    }
    for (int i = 0; i < net->layer_count && status == CIRC_OK; i++) {
        const struct circ_layer *layer = &net->layers[i];
        struct circ_counts counts = circ_network_layer_counts(layer);
        bool weights = circ_network_has_weights(layer);
        char input[SHAPE_SIZE], output[SHAPE_SIZE], window[64];
        const struct circ_cell cells[LAYER_COLUMN_COUNT] = {
            circ_cell_text(circ_network_op_name(layer->op)),
            circ_cell_text(shape_text(layer->in, input)),
            circ_cell_text(shape_text(layer->out, output)),
            circ_cell_text(window_text(layer, window)),
            circ_cell_text(weights ? layer->compressible ? "yes" : "no" : NULL),
            weights ? circ_cell_integer(counts.weight_count) : circ_cell_null(),
            weights ? circ_cell_integer(counts.flop_dense) : circ_cell_null(),
        };
        status = circ_format_row(writer, cells, err);
    }
    enum circ_status ended = circ_format_end(writer, status == CIRC_OK ? err : NULL);
    return status == CIRC_OK ? ended : status;
}

static enum circ_status show_one(const char *spec, enum circ_format format, struct circ_error *err)
{
    struct circ_network net;
    enum circ_status status = circ_workload_find(spec, &net, err);
    if (status == CIRC_OK) {
        status = print_layers(&net, format, err);
    }
    if (status == CIRC_OK) {
        struct circ_counts counts = circ_network_counts(&net);
        circ_log_note("%s: %lld weights, %lld flop a frame", net.name,
                      (long long)counts.weight_count, (long long)counts.flop_dense);
        circ_log_note(
            "window: s stride, p padding, g groups; compressible layers may be circulant");
    }
    return status;
}

static bool is_dataset(const char *name)
{
    int count;
    const struct circ_dataset_info *sets = circ_dataset_list(&count);
    for (int i = 0; i < count; i++) {
        if (!strcmp(sets[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Reads both splits whole, so that a damaged file is found here and not in the middle of a run. */
static enum circ_status show_dataset(const char *name, const struct circ_options *options,
                                     struct circ_error *err)
{
    static const char *const set_columns[] = {"split", "images", "classes", "input", "mean"};
    static const char *const splits[] = {[CIRC_TRAIN_SPLIT] = "train", [CIRC_TEST_SPLIT] = "test"};
    struct circ_dataset sets[2] = {{.count = 0}, {.count = 0}};
    struct circ_writer *writer = NULL;
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < 2 && status == CIRC_OK; i++) {
        status = circ_dataset_read(name, (enum circ_split)i, options->data, &sets[i], err);
    }
    if (status == CIRC_OK) {
        status = circ_format_begin(&writer, stdout, options->format, "split", set_columns, 5, err);
    }
    for (int i = 0; i < 2 && status == CIRC_OK; i++) {
        char input[SHAPE_SIZE];
        double sum = 0;
        int64_t values = sets[i].count * circ_network_elements(sets[i].shape);
        for (int64_t v = 0; v < values; v++) {
            sum += sets[i].images[v];
        }
        const struct circ_cell cells[] = {
            circ_cell_text(splits[i]), circ_cell_integer(sets[i].count),
            circ_cell_integer(sets[i].classes), circ_cell_text(shape_text(sets[i].shape, input)),
            circ_cell_real(values ? sum / (double)values : NAN)};
        status = circ_format_row(writer, cells, err);
    }
    if (writer) {
        enum circ_status ended = circ_format_end(writer, status == CIRC_OK ? err : NULL);
        status = status == CIRC_OK ? ended : status;
    }
    circ_dataset_free(&sets[0]);
    circ_dataset_free(&sets[1]);
    return status;
}

enum circ_status circ_cmd_workloads_run(const struct circ_options *options, int *exit_code,
                                        struct circ_error *err)
{
    const struct circ_names *named = &options->axes.workloads;
    int count = named->count + options->word_count;
    if (count > 1) {
        return circ_status_fail(err, CIRC_USAGE,
                                "workloads shows one network at a time; for example "
                                "'circbench workloads alexnet'");
    }
    const char *word = named->count ? named->items[0] : count ? options->words[0] : NULL;
    if (word && is_dataset(word)) {
        return show_dataset(word, options, err);
    }
    if (word) {
        return show_one(word, options->format, err);
    }
    return list_all(options, exit_code, err);
}
