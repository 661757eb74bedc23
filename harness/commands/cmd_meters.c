/* circbench meters: every channel of every meter, and why a meter has none; with --watch their
 * watts. */
#include "harness/cell.h"
#include "harness/commands/command.h"
#include "harness/commands/listing.h"
#include "harness/commands/live.h"
#include "harness/log.h"
#include "harness/attachment.h"
#include "harness/sources.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COLUMN_COUNT = 17, TABLE_COUNT = 9, TEXT_SIZE = 768 };

static const char *const columns[COLUMN_COUNT] = {
    "meter",   "channel",   "source",      "scope",      "pci",     "unit",
    "step_uj", "update_ns", "range_uj",    "ceiling_uw", "package", "parent",
    "kind",    "state",     "default_for", "fix",        "reason"};

/* What a table has room for, in a person's units. */
static const char *const table_columns[TABLE_COUNT] = {"meter",       "channel", "scope",
                                                       "resolution",  "range",   "ceiling",
                                                       "default_for", "state",   "reason"};

struct rows {
    struct circ_listing *listing;
    bool table;
    const struct circ_channel *const *chosen; /* the host's energy */
    int chosen_count;
};

static bool is_chosen(const struct rows *rows, const struct circ_channel *channel)
{
    for (int i = 0; i < rows->chosen_count; i++) {
        if (rows->chosen[i] == channel) {
            return true;
        }
    }
    return false;
}

/* Energy until the counter starts again; NaN: never, or unknown. */
static double range_uj(const struct circ_channel *channel)
{
    bool known = channel->unit == CIRC_UNIT_UJ && channel->wrap && channel->wrap != UINT64_MAX;
    return known ? (double)channel->wrap * channel->scale : NAN;
}

static enum circ_status print_table_channel(const struct rows *rows, const char *meter,
                                            const struct circ_channel *channel,
                                            struct circ_error *err)
{
    char scope[48], resolution[96], range[32] = "", ceiling[32] = "";
    snprintf(scope, sizeof scope, "%s%s%s", circ_meters_scope_name(channel->scope),
             *channel->pci ? " " : "", channel->pci);
    circ_sources_resolution(channel, resolution, sizeof resolution);
    if (channel->unit == CIRC_UNIT_UJ && channel->wrap == UINT64_MAX) {
        snprintf(range, sizeof range, "unknown");
    } else if (!isnan(range_uj(channel))) {
        circ_sources_quantity(range_uj(channel) / 1e6, "J", range, sizeof range);
    }
    if (channel->power_ceiling_w > 0) {
        circ_sources_quantity(channel->power_ceiling_w, "W", ceiling, sizeof ceiling);
    }
    const struct circ_cell cells[TABLE_COUNT] = {
        circ_cell_text(meter),
        circ_cell_text(channel->name),
        circ_cell_text(scope),
        circ_cell_text(resolution),
        circ_cell_text(*range ? range : NULL),
        circ_cell_text(*ceiling ? ceiling : NULL),
        circ_cell_text(is_chosen(rows, channel) ? "cpu" : NULL),
        circ_cell_text(circ_meters_replayed() ? "emulated" : "ok"),
        circ_cell_null()};
    return circ_listing_row(rows->listing, cells, err);
}

static enum circ_status print_channel(const struct rows *rows, const struct circ_source *source,
                                      const struct circ_channel *channel, struct circ_error *err)
{
    if (rows->table) {
        return print_table_channel(rows, source->meter->name, channel, err);
    }
    double ceiling_uw = channel->power_ceiling_w > 0 ? channel->power_ceiling_w * 1e6 : NAN;
    const struct circ_channel *parent =
        channel->parent >= 0 ? &source->channels[channel->parent] : NULL;
    const struct circ_cell cells[COLUMN_COUNT] = {
        circ_cell_text(source->meter->name),
        circ_cell_text(channel->name),
        circ_cell_text(channel->source),
        circ_cell_text(circ_meters_scope_name(channel->scope)),
        circ_cell_text(*channel->pci ? channel->pci : NULL),
        circ_cell_text(circ_meters_unit_name(channel->unit)),
        circ_cell_real(circ_sources_step_uj(channel)),
        circ_cell_integer(channel->update_ns),
        circ_cell_real(range_uj(channel)),
        circ_cell_real(ceiling_uw),
        channel->package >= 0 ? circ_cell_integer(channel->package) : circ_cell_null(),
        circ_cell_text(parent ? parent->name : NULL),
        circ_cell_text(circ_meters_replayed() ? "emulated" : "measured"),
        circ_cell_text("ok"),
        circ_cell_text(is_chosen(rows, channel) ? "cpu" : NULL),
        circ_cell_null(),
        circ_cell_null()};
    return circ_listing_row(rows->listing, cells, err);
}

/* What is not there: the meter, or a part of one whose channels stand above. */
static enum circ_status print_absent(const struct rows *rows, const struct circ_source *source,
                                     struct circ_error *err)
{
    char reason[TEXT_SIZE], remedy[TEXT_SIZE];
    circ_sources_split(source, reason, sizeof reason, remedy, sizeof remedy);
    const char *state = source->status == CIRC_OK ? "partly" : circ_status_name(source->status);
    if (rows->table) {
        const struct circ_cell cells[TABLE_COUNT] = {[0] = circ_cell_text(source->meter->name),
                                                     [TABLE_COUNT - 2] = circ_cell_text(state),
                                                     [TABLE_COUNT - 1] = circ_cell_text(reason)};
        return circ_listing_row(rows->listing, cells, err);
    }
    const struct circ_cell cells[COLUMN_COUNT] = {
        [0] = circ_cell_text(source->meter->name),
        [13] = circ_cell_text(state),
        [15] = circ_cell_text(*remedy ? remedy : NULL),
        [16] = circ_cell_text(reason),
    };
    return circ_listing_row(rows->listing, cells, err);
}

static enum circ_status print_source(const struct rows *rows, const struct circ_source *source,
                                     struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < source->count && status == CIRC_OK; i++) {
        status = print_channel(rows, source, &source->channels[i], err);
    }
    if (status == CIRC_OK && (source->status != CIRC_OK || *source->why.message)) {
        status = print_absent(rows, source, err);
    }
    return status;
}

static enum circ_status list(const struct circ_options *options, int *exit_code,
                             struct circ_error *err)
{
    const struct circ_channel *chosen[CIRC_MAX_PACKAGES];
    struct rows rows = {.table = options->format == CIRC_TABLE, .chosen = chosen};
    struct circ_source *sources;
    int count;
    enum circ_status status = circ_sources_find(options, &sources, &count, err);
    if (status != CIRC_OK) {
        return status;
    }
    rows.chosen_count = circ_sources_host(sources, count, chosen, NULL);
    status = circ_listing_begin(&rows.listing, options->format, "meter",
                                rows.table ? table_columns : columns,
                                rows.table ? TABLE_COUNT : COLUMN_COUNT, err);
    *exit_code = 3; /* until an energy meter is there */
    for (int i = 0; i < count && status == CIRC_OK; i++) {
        status = print_source(&rows, &sources[i], err);
        if (sources[i].meter->energy && sources[i].count > 0) {
            *exit_code = 0;
        }
    }
    status = circ_listing_end(rows.listing, status, err);
    if (status == CIRC_OK && *exit_code) {
        circ_log_note("no energy meter is here: `circbench doctor meters` says what would help");
    }
    circ_sources_free(sources, count);
    return status;
}

enum circ_status circ_cmd_meters_run(const struct circ_options *options, int *exit_code,
                                     struct circ_error *err)
{
    enum circ_status status = circ_sources_check(options, err);
    if (status != CIRC_OK) {
        return status;
    }
    if (options->attach) {
        return circ_attachment_add(options, err);
    }
    return options->watch ? circ_live_run(options, err) : list(options, exit_code, err);
}
