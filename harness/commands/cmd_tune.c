/* `circbench tune`: searches the parameters of devices and keeps the winners; lists, exports and
 * imports them. */
#include "circ_config.h"
#include "harness/cell.h"
#include "harness/meters/clock.h"
#include "harness/commands/command.h"
#include "harness/host.h"
#include "harness/interrupt.h"
#include "harness/log.h"
#include "harness/tuned.h"
#include "harness/tuner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_SHARE 0.35 /* of what is available, for each of two programs that live at once */

/* The keys that an import reads are those of the table; the others are for people. */
static const char *const columns[] = {
    "backend", "device",   "variant",     "op",      "pass",      "block",           "blocks",
    "batch",   "batches",  "tuning",      "kind",    "time_ns",   "default_time_ns", "gain",
    "samples", "workload", "description", "version", "created_ns"};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* What a table shows. */
static const char *const table_columns[] = {"device",          "variant", "op",     "pass",
                                            "blocks",          "batches", "tuning", "time_ns",
                                            "default_time_ns", "gain",    "samples"};
enum { TABLE_COLUMNS = sizeof table_columns / sizeof *table_columns };

/* The rows that were made since, with the ranges that they stand for. */
static enum circ_status print_rows(const struct circ_tuned *tuned, int64_t since_ns, FILE *file,
                                   enum circ_format format, struct circ_error *err)
{
    bool table = format == CIRC_TABLE || format == CIRC_MD;
    struct circ_writer *writer = NULL;
    struct circ_error discard;
    enum circ_status status =
        circ_format_begin(&writer, file, format, "tuning", table ? table_columns : columns,
                          table ? TABLE_COLUMNS : COLUMNS, err);
    for (int i = 0; i < tuned->count && !status; i++) {
        const struct circ_tuning_row *row = &tuned->rows[i];
        char blocks[24], batches[24];
        if (row->created_ns < since_ns)
            continue;
        circ_tuned_ranges(tuned, row, blocks, batches);
        const struct circ_cell gain =
            circ_cell_real((double)row->default_time_ns / (double)row->time_ns);
        const struct circ_cell brief[TABLE_COLUMNS] = {circ_cell_text(row->device),
                                                       circ_cell_text(row->variant),
                                                       circ_cell_text(row->op),
                                                       circ_cell_text(row->pass),
                                                       circ_cell_text(blocks),
                                                       circ_cell_text(batches),
                                                       circ_cell_text(row->tuning),
                                                       circ_cell_integer(row->time_ns),
                                                       circ_cell_integer(row->default_time_ns),
                                                       gain,
                                                       circ_cell_integer(row->samples)};
        const struct circ_cell whole[COLUMNS] = {
            circ_cell_text(row->backend),
            circ_cell_text(row->device),
            circ_cell_text(row->variant),
            circ_cell_text(row->op),
            circ_cell_text(row->pass),
            circ_cell_integer(row->block),
            circ_cell_text(blocks),
            circ_cell_integer(row->batch),
            circ_cell_text(batches),
            circ_cell_text(row->tuning),
            circ_cell_text(row->kind),
            circ_cell_integer(row->time_ns),
            circ_cell_integer(row->default_time_ns),
            gain,
            circ_cell_integer(row->samples),
            circ_cell_text(row->workload),
            circ_cell_text(*row->description ? row->description : NULL),
            circ_cell_text(*row->version ? row->version : NULL),
            circ_cell_integer(row->created_ns)};
        status = circ_format_row(writer, table ? brief : whole, err);
    }
    if (!writer)
        return status;
    enum circ_status ended = circ_format_end(writer, status ? &discard : err);
    return status ? status : ended;
}

/* Prints what the database holds, all of it or what is new. */
static enum circ_status print_stored(struct circ_store *store, int64_t since_ns, FILE *file,
                                     enum circ_format format, int *count, struct circ_error *err)
{
    struct circ_tuned tuned;
    enum circ_status status = circ_tuned_load(&tuned, store, err);
    if (!status)
        status = print_rows(&tuned, since_ns, file, format, err);
    *count = tuned.count;
    circ_tuned_free(&tuned);
    return status;
}

static enum circ_status list(const struct circ_options *options, struct circ_error *err)
{
    struct circ_store *store;
    int count;
    enum circ_status status = circ_store_open(&store, options->db, CIRC_STORE_READ, err);
    if (status)
        return status;
    status = print_stored(store, 0, stdout, options->format, &count, err);
    circ_store_close(store);
    return status;
}

static enum circ_status export_to(const struct circ_options *options, struct circ_error *err)
{
    struct circ_store *store;
    int count = 0;
    enum circ_status status = circ_store_open(&store, options->db, CIRC_STORE_READ, err);
    if (status)
        return status;
    FILE *file = fopen(options->export_to, "w");
    if (!file)
        status = circ_status_fail_native(err, CIRC_USAGE, errno, "%s cannot be written: %s",
                                         options->export_to, strerror(errno));
    if (!status)
        status = print_stored(store, 0, file, CIRC_JSONL, &count, err);
    if (file && fclose(file) && !status)
        status = circ_status_fail_native(err, CIRC_IO, errno, "%s could not be written: %s",
                                         options->export_to, strerror(errno));
    circ_store_close(store);
    if (!status && !options->quiet)
        circ_log_note("%d tuning%s written to %s", count, count == 1 ? "" : "s",
                      options->export_to);
    return status;
}

/* One line of a file; its number is for the message. */
static enum circ_status read_line(struct circ_store *store, const char *path, int number,
                                  const char *line, struct circ_tuning_row *row,
                                  struct circ_error *err)
{
    struct circ_error detail = {0};
    enum circ_status status = circ_store_tuning_parse(store, line, row, &detail);
    const struct circ_backend *backend = status ? NULL : circ_registry_find(row->backend);
    if (!status && !backend)
        status = circ_status_fail(&detail, CIRC_USAGE, "there is no backend \"%s\"", row->backend);
    else if (!status && !backend->tuning_valid)
        status = circ_status_fail(&detail, CIRC_USAGE,
                                  "the backend %s of this program has no parameters", row->backend);
    else if (!status && !backend->tuning_valid(row->tuning))
        status = circ_status_fail(&detail, CIRC_USAGE, "%s does not read the tuning \"%s\"",
                                  row->backend, row->tuning);
    return status ? circ_status_fail(err, status, "%.200s:%d: %.280s; nothing was imported", path,
                                     number, detail.message)
                  : CIRC_OK;
}

static enum circ_status read_lines(struct circ_store *store, const char *path, FILE *file,
                                   struct circ_tuning_row **rows, int *count,
                                   struct circ_error *err)
{
    char *line = NULL;
    size_t size = 0;
    int number = 0;
    enum circ_status status = CIRC_OK;
    while (!status && getline(&line, &size, file) >= 0) {
        number++;
        if (!line[strspn(line, " \t\r\n")])
            continue;
        struct circ_tuning_row *grown = realloc(*rows, (size_t)(*count + 1) * sizeof *grown);
        if (!grown) {
            status = circ_status_fail(err, CIRC_MEMORY, "no memory for %d tunings", *count + 1);
            break;
        }
        *rows = grown;
        status = read_line(store, path, number, line, &grown[(*count)++], err);
    }
    if (!status && ferror(file))
        status = circ_status_fail_native(err, CIRC_USAGE, errno, "%s cannot be read: %s", path,
                                         strerror(errno));
    if (!status && !*count)
        status = circ_status_fail(err, CIRC_USAGE,
                                  "%s holds no tuning: `circbench tune --export` writes such files",
                                  path);
    free(line);
    return status;
}

static enum circ_status import_from(const struct circ_options *options, struct circ_error *err)
{
    const char *path = options->import_from;
    struct circ_store *store = NULL;
    struct circ_tuning_row *rows = NULL;
    int count = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        return circ_status_fail_native(err, CIRC_USAGE, errno, "%s cannot be read: %s", path,
                                       strerror(errno));
    enum circ_status status = circ_store_open(&store, options->db, CIRC_STORE_WRITE, err);
    if (!status)
        status = read_lines(store, path, file, &rows, &count, err);
    if (!status)
        status = circ_store_tunings_add(store, rows, count, err);
    if (!status && !options->quiet)
        circ_log_note("%d tuning%s read from %s into %s; of two for one point the newer stays",
                      count, count == 1 ? "" : "s", path, options->db);
    circ_store_close(store);
    free(rows);
    fclose(file);
    return status;
}

/* What a search needs beside the point. */
struct tune {
    const struct circ_options *options;
    struct circ_sweep *sweep;
    struct circ_store *store;
    struct circ_answer answer;
    struct circ_progress progress;
    const char *commit;
    int64_t room;
    int points, tuned, failed; /* to be tuned; that were; that were wrong or broke */
};

static enum circ_status tune_point(struct tune *t, struct circ_session *session,
                                   const struct circ_planned *planned, struct circ_error *err)
{
    struct circ_tuning_row row;
    struct circ_error reason = {0};
    const struct circ_tuner tuner = {session, &t->answer, &t->progress, t->room,
                                     t->options->search_s};
    enum circ_status status = circ_tuner_search(&tuner, planned, &row, &reason);
    if (status == CIRC_STOPPED || status == CIRC_INTERNAL)
        return circ_status_fail(err, status, "%s", reason.message);
    if (status) {
        circ_log_warn("%s, block %d, batch %d on %s: %s", planned->point.workload,
                      planned->point.block, planned->point.batch, planned->point.device,
                      reason.message);
        t->failed += status == CIRC_WRONG || status == CIRC_DEVICE;
        return CIRC_OK;
    }
    row.created_ns = circ_clock_epoch_ns();
    snprintf(row.version, sizeof row.version, "%s %.40s", CIRC_VERSION, t->commit);
    t->tuned++;
    return circ_store_tunings_add(t->store, &row, 1, err);
}

/* All points of one device. */
static enum circ_status tune_target(struct tune *t, struct circ_target *target,
                                    struct circ_error *err)
{
    struct circ_session *session = NULL;
    enum circ_status status = CIRC_OK;
    if (!target->status && target->backend->tunings)
        target->status = target->backend->open(target->device.name, &session, &target->error);
    if (target->status)
        circ_log_warn("%s", target->error.message);
    else if (!target->backend->tunings)
        circ_log_warn("the backend %s has no parameters to tune: it chooses by itself",
                      target->backend->name);
    for (int i = 0; i < t->sweep->point_count && session && !status; i++)
        if (t->sweep->points[i].target == target)
            status = tune_point(t, session, &t->sweep->points[i], err);
    target->backend->close(session);
    return status;
}

static enum circ_status tune_all(struct tune *t, struct circ_error *err)
{
    int64_t began_ns = circ_clock_epoch_ns();
    int count;
    enum circ_status status = CIRC_OK;
    circ_answer_begin(&t->answer, t->options->seed);
    circ_progress_begin(&t->progress, t->points, 0, t->options->quiet);
    for (int i = 0; i < t->sweep->target_count && !status; i++)
        status = tune_target(t, &t->sweep->targets[i], err);
    circ_progress_end(&t->progress);
    circ_answer_free(&t->answer);
    if (status == CIRC_STOPPED)
        return circ_status_fail(err, CIRC_STOPPED, "interrupted: %d tuning%s kept in %s", t->tuned,
                                t->tuned == 1 ? " is" : "s are", t->options->db);
    if (!status && !t->tuned && !t->failed)
        return circ_status_fail(err, CIRC_NOTHING, "nothing could be tuned");
    if (!status)
        status = print_stored(t->store, began_ns, stdout, t->options->format, &count, err);
    if (!status && !t->options->quiet)
        circ_log_note("%d of %d point%s tuned; kept in %s, where sweep and check find them",
                      t->tuned, t->points, t->points == 1 ? "" : "s", t->options->db);
    return status;
}

static enum circ_status search(const struct circ_options *options, int *exit_code,
                               struct circ_error *err)
{
    const struct circ_sweep_defaults defaults = {.workloads = "alexnet-fc7,conv:3x3x128x128@16x16",
                                                 .structures = "circulant",
                                                 .blocks = "8,32,128,512",
                                                 .batches = "1,64",
                                                 .backends = "opencl",
                                                 .passes = "infer"};
    struct circ_host host;
    struct circ_sweep sweep;
    enum circ_status status = circ_sweep_expand(&sweep, options, &defaults, err);
    if (status)
        return status;
    circ_interrupt_install();
    circ_host_read(&host);
    struct tune t = {.options = options,
                     .sweep = &sweep,
                     .commit = circ_host_fact(&host, "commit"),
                     .room = (int64_t)(MEMORY_SHARE * (double)host.memory_available_bytes)};
    for (int i = 0; i < sweep.point_count; i++)
        t.points += !sweep.points[i].target->status && sweep.points[i].target->backend->tunings;
    for (size_t i = 0; i < host.warning_count && t.points && !options->quiet; i++)
        circ_log_warn("%s", host.warnings[i]);
    status = circ_store_open(&t.store, options->db, CIRC_STORE_WRITE, err);
    if (!status)
        status = tune_all(&t, err);
    *exit_code = t.failed ? 1 : 0;
    circ_store_close(t.store);
    circ_sweep_free(&sweep);
    return status;
}

enum circ_status circ_cmd_tune_run(const struct circ_options *options, int *exit_code,
                                   struct circ_error *err)
{
    if (options->list + !!options->export_to + !!options->import_from > 1)
        return circ_status_fail(err, CIRC_USAGE,
                                "--list, --export and --import are three things to do: give one");
    return options->list          ? list(options, err)
           : options->export_to   ? export_to(options, err)
           : options->import_from ? import_from(options, err)
                                  : search(options, exit_code, err);
}
