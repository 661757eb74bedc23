/* `circbench roof`: measures the ceilings of devices, keeps them, and prints the best that is known
 * of each. */
#include "harness/cell.h"
#include "harness/commands/command.h"
#include "harness/interrupt.h"
#include "harness/limits.h"
#include "harness/log.h"
#include "harness/meters/meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const columns[] = {"backend", "device", "isa",   "threads", "metric",
                                      "level",   "bytes",  "value", "unit"};

enum { COLUMNS = sizeof columns / sizeof *columns };

/* What a table shows: the device is named above it, and sizes are in units. */
static const char *const table_columns[] = {"isa",   "threads", "ceiling", "working set",
                                            "level", "value",   "unit"};

enum { TABLE_COLUMNS = sizeof table_columns / sizeof *table_columns };

static const char *describe(const char *metric)
{
    static const struct {
        const char *metric, *words;
    } rows[] = {{"fma_f32", "peak, f32 multiply-add"},
                {"fma_f16", "peak, f16 multiply-add"},
                {"dot_bf16", "peak, bf16 dot product"},
                {"read", "read"},
                {"fork_join", "start of all threads"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(metric, rows[i].metric))
            return rows[i].words;
    return metric;
}

/* "22.6 KiB", "512 MiB". */
static void print_size(char text[16], int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    double size = (double)bytes;
    int unit = 0;
    for (; size >= 1024 && unit < 3; unit++)
        size /= 1024;
    snprintf(text, 16, size < 99.5 ? "%.3g %s" : "%.0f %s", size, units[unit]);
}

static enum circ_status print_limit(struct circ_writer *writer, bool table,
                                    const struct circ_limit *limit, struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < limit->count && !status; i++) {
        const struct circ_ceiling *c = &limit->ceilings[i];
        const struct circ_cell level = circ_cell_text(*c->level ? c->level : NULL);
        char size[16];
        print_size(size, c->bytes);
        if (table)
            status = circ_format_row(
                writer,
                (struct circ_cell[TABLE_COLUMNS]){
                    circ_cell_text(limit->isa), circ_cell_integer(limit->threads),
                    circ_cell_text(describe(c->metric)), circ_cell_text(c->bytes ? size : NULL),
                    level, circ_cell_real(c->value), circ_cell_text(c->unit)},
                err);
        else
            status = circ_format_row(
                writer,
                (struct circ_cell[COLUMNS]){
                    circ_cell_text(limit->target->backend->name),
                    circ_cell_text(limit->target->device.name), circ_cell_text(limit->isa),
                    circ_cell_integer(limit->threads), circ_cell_text(c->metric), level,
                    c->bytes ? circ_cell_integer(c->bytes) : circ_cell_null(),
                    circ_cell_real(c->value), circ_cell_text(c->unit)},
                err);
    }
    return status;
}

static enum circ_status print_limits(const struct circ_limits *limits,
                                     const struct circ_options *options, struct circ_error *err)
{
    bool table = options->format == CIRC_TABLE || options->format == CIRC_MD;
    struct circ_writer *writer = NULL;
    struct circ_error discard;
    enum circ_status status =
        circ_format_begin(&writer, stdout, options->format, "ceilings",
                          table ? table_columns : columns, table ? TABLE_COLUMNS : COLUMNS, err);
    for (int i = 0; i < limits->count && !status; i++)
        status = print_limit(writer, table, &limits->items[i], err);
    if (!writer)
        return status;
    enum circ_status ended = circ_format_end(writer, status ? &discard : err);
    return status ? status : ended;
}

/* All ISA rows and thread counts asked for of one device. */
static enum circ_status measure_target(struct circ_limits *limits, struct circ_target *target,
                                       struct circ_limits_place *place, const char *host_key,
                                       const struct circ_axes *axes, struct circ_error *err)
{
    const char *names[CIRC_MAX_VARIANTS];
    char key[CIRC_KEY_SIZE];
    int index, row_count = target->backend->isas(names);
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < axes->isas.count && !status; i++)
        status = circ_target_choose("isa", axes->isas.items[i], names, row_count, &index, err);
    if (!status)
        status = circ_store_device(
            place->store, host_key,
            &(struct circ_device_row){target->backend->name, target->device.name,
                                      target->device.description,
                                      circ_backend_device_kind_name(target->device.device_kind),
                                      target->device.memory_bytes},
            key, err);
    if (!status)
        status = target->backend->open(target->device.name, &place->session, err);
    place->device_key = key;
    for (int i = 0; i < (axes->isas.count ? axes->isas.count : 1) && !status; i++)
        for (int t = 0; t < (axes->threads.count ? axes->threads.count : 1) && !status; t++)
            status =
                circ_interrupt_requested()
                    ? circ_status_fail(err, CIRC_STOPPED, "interrupted")
                    : circ_limits_add(limits, target, axes->isas.count ? axes->isas.items[i] : NULL,
                                      axes->threads.count ? axes->threads.items[t]
                                                          : target->device.threads,
                                      place, err);
    target->backend->close(place->session);
    place->session = NULL;
    return status;
}

static enum circ_status measure_all(struct circ_limits *limits, struct circ_target *targets,
                                    int count, struct circ_limits_place *place,
                                    const struct circ_axes *axes, struct circ_error *err)
{
    char host_key[CIRC_KEY_SIZE];
    enum circ_status status =
        circ_store_host(place->store, place->host->facts, place->host->fact_count, host_key, err);
    for (int t = 0; t < count && !status; t++)
        if (targets[t].status)
            circ_log_warn("%s", targets[t].error.message);
        else if (!targets[t].backend->ceilings)
            circ_log_warn("the backend %s has no ceilings to measure", targets[t].backend->name);
        else
            status = measure_target(limits, &targets[t], place, host_key, axes, err);
    int measured = 0;
    for (int i = 0; i < limits->count; i++)
        measured += limits->items[i].count > 0;
    if (!status && !measured)
        status = circ_status_fail(err, CIRC_NOTHING, "no ceiling could be measured");
    return status;
}

enum circ_status circ_cmd_roof_run(const struct circ_options *options, int *exit_code,
                                   struct circ_error *err)
{
    (void)exit_code;
    struct circ_host host;
    struct circ_names standard = {0};
    struct circ_limits limits = {0};
    struct circ_target *targets = NULL;
    struct circ_store *store = NULL;
    int count = 0;
    if (circ_meters_replayed())
        return circ_status_fail(err, CIRC_USAGE,
                                "CIRCBENCH_SYSFS is set, and the ceilings of a recorded machine "
                                "cannot be measured on this one: unset it");
    circ_interrupt_install();
    circ_host_read(&host);
    if (host.emulated)
        return circ_status_fail(err, CIRC_NOTHING,
                                "%s plays this processor, and its ceilings say nothing about one: "
                                "run it on the machine itself",
                                circ_host_fact(&host, "hypervisor"));
    enum circ_status status = circ_axes_add_names(&standard, "-b", "cpu", err);
    if (!status)
        status =
            circ_target_find(options->axes.backends.count ? &options->axes.backends : &standard,
                             &options->axes.devices, &targets, &count, err);
    if (!status)
        status = circ_store_open(&store, options->db, CIRC_STORE_WRITE, err);
    if (!status) {
        for (size_t i = 0; i < host.warning_count && !options->quiet; i++)
            circ_log_warn("%s", host.warnings[i]);
        struct circ_limits_place place = {
            .store = store, .host = &host, .again = true, .quiet = options->quiet};
        status = measure_all(&limits, targets, count, &place, &options->axes, err);
    }
    if (!status)
        status = print_limits(&limits, options, err);
    if (!status && !options->quiet)
        circ_log_note("the best ever measured here; kept in %s, where sweep finds it", options->db);
    circ_store_close(store);
    circ_limits_free(&limits);
    free(targets);
    circ_axes_free_names(&standard);
    return status;
}
