/* circbench devices: every device of every backend, and why a backend has none. */
#include "backends/registry.h"
#include "harness/cell.h"
#include "harness/commands/command.h"
#include "harness/commands/listing.h"
#include "harness/target.h"

#include <string.h>

enum { COLUMN_COUNT = 11, FIGURE_COUNT = 6, LIST_SIZE = 512, MOST_BACKENDS = 16 };

static const char *const columns[COLUMN_COUNT] = {
    "backend", "device",   "device_kind", "kind",        "threads",    "memory_bytes",
    "status",  "variants", "isa",         "description", "precisions",
};

/* What a table has room for; the sentence takes variants, ISAs and precisions along, and
 * descriptions speak of memory. */
static const int table_cells[] = {0, 1, 2, 3, 4, 6, 9};

enum { TABLE_COUNT = sizeof table_cells / sizeof *table_cells };

static void append(char list[LIST_SIZE], const char *separator, const char *word)
{
    size_t used = strlen(list);
    snprintf(list + used, LIST_SIZE - used, "%s%s", used ? separator : "", word);
}

/* "circulant/fused dense/openblas": structures and the implementations of each, best first. */
static void list_variants(const struct circ_backend *backend, char list[LIST_SIZE])
{
    const struct circ_variant *variants;
    int count = backend->variants(&variants);
    *list = '\0';
    for (int i = 0; i < count; i++) {
        append(list, " ", circ_network_structure_name(variants[i].structure));
        append(list, "/", variants[i].name);
    }
}

/* Names that a backend gives when asked: ISAs, precisions. */
static void list_names(int (*ask)(const char *names[CIRC_MAX_VARIANTS]), char list[LIST_SIZE])
{
    const char *names[CIRC_MAX_VARIANTS];
    int count = ask(names);
    *list = '\0';
    for (int i = 0; i < count; i++) {
        append(list, " ", names[i]);
    }
}

/* device NULL: the backend has none, and description says why. */
static enum circ_status print_row(struct circ_listing *listing, bool table,
                                  const struct circ_backend *backend,
                                  const struct circ_device *device, enum circ_status status,
                                  const char *description, struct circ_error *err)
{
    char variants[LIST_SIZE], isas[LIST_SIZE], precisions[LIST_SIZE], sentence[4 * LIST_SIZE];
    list_variants(backend, variants);
    list_names(backend->isas, isas);
    list_names(backend->precisions, precisions);
    struct circ_cell cells[COLUMN_COUNT] = {
        [0] = circ_cell_text(backend->name), [6] = circ_cell_text(circ_status_name(status)),
        [7] = circ_cell_text(variants),      [8] = circ_cell_text(*isas ? isas : NULL),
        [9] = circ_cell_text(description),   [10] = circ_cell_text(precisions),
    };
    if (device) {
        cells[1] = circ_cell_text(device->name);
        cells[2] = circ_cell_text(circ_backend_device_kind_name(device->device_kind));
        cells[3] = circ_cell_text(circ_backend_kind_name(device->kind));
        cells[4] = circ_cell_integer(device->threads);
        cells[5] = circ_cell_integer(device->memory_bytes);
    }
    if (!table) {
        return circ_listing_row(listing, cells, err);
    }
    struct circ_cell row[TABLE_COUNT];
    snprintf(sentence, sizeof sentence, "%s; %s%s%s; precision %s", description, variants,
             *isas ? "; isa " : "", isas, precisions);
    cells[9] = circ_cell_text(sentence);
    for (int i = 0; i < TABLE_COUNT; i++) {
        row[i] = cells[table_cells[i]];
    }
    return circ_listing_row(listing, row, err);
}

static enum circ_status print_backend(struct circ_listing *listing, bool table,
                                      const struct circ_backend *backend, int *found,
                                      struct circ_error *err)
{
    struct circ_device devices[CIRC_MAX_DEVICES];
    struct circ_error why = {.message = "no device found"};
    int count = 0;
    enum circ_status probed = backend->probe(devices, &count, &why);
    if (probed != CIRC_OK || !count) {
        return print_row(listing, table, backend, NULL, probed == CIRC_OK ? CIRC_ABSENT : probed,
                         why.message, err);
    }
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < count && status == CIRC_OK; i++) {
        bool usable = devices[i].status == CIRC_OK;
        status = print_row(listing, table, backend, &devices[i], devices[i].status,
                           usable ? devices[i].description : devices[i].reason, err);
        *found += usable;
    }
    return status;
}

/* The backends asked for, or all, in the registry's order. A file of figures is given to be seen:
 * it stands for the backend that has some. */
static enum circ_status choose(const struct circ_options *options,
                               const struct circ_backend *chosen[MOST_BACKENDS], int *count,
                               struct circ_error *err)
{
    int known, index;
    const struct circ_backend *const *list = circ_registry_list(&known);
    const char *names[MOST_BACKENDS];
    const struct circ_names *wanted = &options->axes.backends;
    bool take[MOST_BACKENDS] = {false};
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < known && i < MOST_BACKENDS; i++) {
        names[i] = list[i]->name;
        take[i] = !wanted->count && (list[i]->figures || !options->model_file);
    }
    for (int w = 0; w < wanted->count && status == CIRC_OK; w++) {
        status = circ_target_choose("backend", wanted->items[w], names, known, &index, err);
        if (status == CIRC_OK) {
            take[index] = true;
        }
    }
    *count = 0;
    for (int i = 0; i < known && i < MOST_BACKENDS; i++) {
        if (take[i]) {
            chosen[(*count)++] = list[i];
        }
    }
    return status;
}

/* Every number of one modelled device. */
static enum circ_status print_figures(struct circ_listing *listing,
                                      const struct circ_backend *backend, const char *device,
                                      struct circ_error *err)
{
    struct circ_session *session;
    const struct circ_figure *figures;
    enum circ_status status = backend->open(device, &session, err);
    int count = status == CIRC_OK ? backend->figures(session, &figures) : 0;
    for (int i = 0; i < count && status == CIRC_OK; i++) {
        const struct circ_cell cells[FIGURE_COUNT] = {
            circ_cell_text(device),
            circ_cell_text(figures[i].name),
            circ_cell_real(figures[i].value),
            circ_cell_text(figures[i].unit),
            circ_cell_text(figures[i].assumed ? "assumed" : "source"),
            circ_cell_text(figures[i].basis),
        };
        status = circ_listing_row(listing, cells, err);
    }
    if (count) {
        backend->close(session);
    }
    return status;
}

/* What the devices of a backend are made of, number by number. */
static enum circ_status list_figures(const struct circ_options *options,
                                     const struct circ_backend *backend, struct circ_error *err)
{
    static const char *const names[FIGURE_COUNT] = {"device", "figure", "value",
                                                    "unit",   "basis",  "source_or_reasoning"};
    struct circ_device devices[CIRC_MAX_DEVICES];
    struct circ_listing *listing;
    int count;
    enum circ_status status = backend->probe(devices, &count, err);
    if (status != CIRC_OK) {
        return status;
    }
    status = circ_listing_begin(&listing, options->format, "figure", names, FIGURE_COUNT, err);
    for (int i = 0; i < count && status == CIRC_OK; i++) {
        status = print_figures(listing, backend, devices[i].name, err);
    }
    return circ_listing_end(listing, status, err);
}

enum circ_status circ_cmd_devices_run(const struct circ_options *options, int *exit_code,
                                      struct circ_error *err)
{
    int backend_count, found = 0;
    bool table = options->format == CIRC_TABLE;
    const struct circ_backend *backends[MOST_BACKENDS];
    enum circ_status status = choose(options, backends, &backend_count, err);
    if (status != CIRC_OK) {
        return status;
    }
    if (backend_count == 1 && backends[0]->figures) {
        return list_figures(options, backends[0], err);
    }
    const char *names[COLUMN_COUNT];
    struct circ_listing *listing;
    int column_count = table ? TABLE_COUNT : COLUMN_COUNT;
    for (int i = 0; i < column_count; i++) {
        names[i] = columns[table ? table_cells[i] : i];
    }
    status = circ_listing_begin(&listing, options->format, "device", names, column_count, err);
    for (int i = 0; i < backend_count && status == CIRC_OK; i++) {
        status = print_backend(listing, table, backends[i], &found, err);
    }
    *exit_code = found ? 0 : 3;
    return circ_listing_end(listing, status, err);
}
