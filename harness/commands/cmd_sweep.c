/* `circbench sweep`: expands the axes, opens the database, runs, prints the rows. */
#include "circ_config.h"
#include "harness/cell.h"
#include "harness/commands/command.h"
#include "harness/countable.h"
#include "harness/interrupt.h"
#include "harness/joules.h"
#include "harness/sources.h"
#include "harness/log.h"
#include "harness/runner.h"
#include "harness/meters/clock.h"
#include "results/query.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool no_axes(const struct circ_axes *a)
{
    return !a->workloads.count && !a->structures.count && !a->backends.count && !a->devices.count &&
           !a->variants.count && !a->precisions.count && !a->passes.count && !a->isas.count &&
           !a->batches.count && !a->threads.count && !a->blocks.count;
}

static enum circ_status print_plan(const struct circ_sweep *sweep,
                                   const struct circ_options *options, struct circ_error *err)
{
    static const char *const columns[] = {
        "workload",   "backend", "device",  "structure", "variant", "isa", "block",
        "block_conv", "batch",   "threads", "precision", "pass",    "cold"};
    enum { COLUMNS = sizeof columns / sizeof *columns };
    struct circ_writer *writer = NULL;
    struct circ_error discard;
    int count = 0;
    enum circ_status status =
        circ_format_begin(&writer, stdout, options->format, "points", columns, COLUMNS, err);
    for (int g = 0; g < sweep->group_count; g++) {
        for (int i = 0; i < sweep->groups[g].count && !status; i++) {
            const struct circ_planned *planned = &sweep->points[sweep->groups[g].first + i];
            const struct circ_point *p = &planned->point;
            char variant[128];
            if (planned->skip)
                continue;
            count++;
            snprintf(variant, sizeof variant, "%s", p->variant);
            for (int r = 1; r < planned->rival_count; r++) { /* a trial will tell */
                size_t used = strlen(variant);
                snprintf(variant + used, sizeof variant - used, " or %s", planned->rivals[r]);
            }
            struct circ_cell cells[COLUMNS] = {
                circ_cell_text(p->workload),
                circ_cell_text(p->backend),
                circ_cell_text(p->device),
                circ_cell_text(p->structure),
                circ_cell_text(variant),
                circ_cell_text(*p->isa ? p->isa : NULL),
                circ_cell_integer(p->block),
                p->block_conv ? circ_cell_integer(p->block_conv) : circ_cell_null(),
                circ_cell_integer(p->batch),
                circ_cell_integer(p->threads),
                circ_cell_text(p->precision),
                circ_cell_text(p->pass),
                circ_cell_integer(p->cold)};
            status = circ_format_row(writer, cells, err);
        }
    }
    if (writer) {
        enum circ_status ended = circ_format_end(writer, status ? &discard : err);
        status = status ? status : ended;
    }
    struct circ_joules joules = {.count = 0};
    if (!status)
        status = circ_joules_open(&joules, options, circ_sources_request(options), true, err);
    if (!status && !options->quiet)
        circ_log_note("%d point%s in %d group%s, about %.0f s; nothing was written", count,
                      count == 1 ? "" : "s", sweep->group_count, sweep->group_count == 1 ? "" : "s",
                      circ_sweep_estimate_s(sweep, options, circ_joules_point_s(&joules)));
    circ_joules_close(&joules);
    return status;
}

static enum circ_status mark_point(struct circ_store *store, const char *campaign,
                                   struct circ_planned *planned, struct circ_error *err)
{
    struct circ_point point = planned->point;
    enum circ_status status = circ_store_has(store, campaign, &point, &planned->skip, err);
    for (int r = 1; r < planned->rival_count && !status && !planned->skip; r++) {
        point.variant = planned->rivals[r]; /* whichever won */
        status = circ_store_has(store, campaign, &point, &planned->skip, err);
    }
    return status;
}

/* Marks what the campaign already holds; *left gets the number of the others. */
static enum circ_status mark_done(struct circ_store *store, const char *campaign,
                                  struct circ_sweep *sweep, int *left, struct circ_error *err)
{
    *left = 0;
    for (int i = 0; i < sweep->point_count; i++) {
        enum circ_status status = mark_point(store, campaign, &sweep->points[i], err);
        if (status)
            return status;
    }
    for (int g = 0; g < sweep->group_count; g++)
        for (int i = 0; i < sweep->groups[g].count; i++)
            *left += !sweep->points[sweep->groups[g].first + i].skip;
    return CIRC_OK;
}

/* The clock is a fact of the host as much as its caches are. */
static void add_clock(struct circ_host *host, char text[2][24])
{
    int64_t step_ns, cost_ns;
    circ_clock_probe(&step_ns, &cost_ns);
    const char *const keys[] = {"clock_step_ns", "clock_cost_ns"};
    const int64_t values[] = {step_ns, cost_ns};
    for (int i = 0; i < 2 && host->fact_count < CIRC_MAX_FACTS; i++) {
        snprintf(text[i], 24, "%lld", (long long)values[i]);
        host->facts[host->fact_count++] = (struct circ_fact){keys[i], text[i], false};
    }
}

static enum circ_status create_campaign(struct circ_store *store,
                                        const struct circ_options *options,
                                        const struct circ_sweep *sweep,
                                        const struct circ_host *host, char key[CIRC_KEY_SIZE],
                                        struct circ_error *err)
{
    char warnings[CIRC_MAX_WARNINGS * 260] = "", build[512], host_key[CIRC_KEY_SIZE];
    for (size_t i = 0; i < host->warning_count; i++) {
        size_t used = strlen(warnings);
        snprintf(warnings + used, sizeof warnings - used, "%s%s", i ? "\n" : "", host->warnings[i]);
    }
    snprintf(build, sizeof build, "%s, %s, flags: %s", circ_host_fact(host, "compiler"),
             circ_host_fact(host, "build"), circ_host_fact(host, "flags"));
    struct circ_campaign campaign = {.name = options->name ? options->name : "",
                                     .command = circ_command_line(),
                                     .axes = sweep->axes,
                                     .version = CIRC_VERSION,
                                     .commit = circ_host_fact(host, "commit"),
                                     .build = build,
                                     .warnings = warnings,
                                     .created_ns = circ_clock_epoch_ns(),
                                     .seed = options->seed};
    enum circ_status status = circ_store_host(store, host->facts, host->fact_count, host_key, err);
    return status ? status : circ_store_campaign(store, host_key, &campaign, key, err);
}

static enum circ_status print_query(struct circ_store *store, const char *name,
                                    const char *campaign, enum circ_format format, FILE *file,
                                    struct circ_error *err)
{
    const struct circ_query *query;
    int64_t rows;
    enum circ_status status = circ_query_find(name, &query, err);
    return status ? status
                  : circ_query_run(store, query->sql, NULL, campaign, format, file, &rows, err);
}

/* The rows, a digest of them for people; and on stderr why some are not ok. */
static enum circ_status print_rows(struct circ_store *store, const struct circ_options *options,
                                   const char *campaign, int64_t refused, struct circ_error *err)
{
    bool for_people = options->format == CIRC_TABLE || options->format == CIRC_MD;
    enum circ_status status =
        print_query(store, for_people ? "summary" : "all", campaign, options->format, stdout, err);
    if (!status && refused && !options->quiet) {
        fflush(stdout);
        status = print_query(store, "reasons", campaign, CIRC_TABLE, stderr, err);
    }
    return status;
}

static double percent(int64_t part, int64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_end(const struct circ_runner *runner)
{
    int64_t rest =
        runner->total_ns - runner->measuring_ns - runner->verifying_ns - runner->preparing_ns;
    circ_log_note("%d point%s in %.1f s: %.1f %% measuring, %.1f %% verifying, %.1f %% preparing, "
                  "%.1f %% elsewhere; %d wrong or broken",
                  runner->points, runner->points == 1 ? "" : "s", (double)runner->total_ns / 1e9,
                  percent(runner->measuring_ns, runner->total_ns),
                  percent(runner->verifying_ns, runner->total_ns),
                  percent(runner->preparing_ns, runner->total_ns), percent(rest, runner->total_ns),
                  runner->failed);
    circ_log_note("kept in %s; `circbench report` draws it, `circbench query --list` reads it",
                  runner->options->db);
}

/* Runs what is left of a campaign and prints its rows. The exit code speaks of the whole campaign,
 * of which a resumed run measures only a part. */
static enum circ_status run(struct circ_runner *runner, int left, int *exit_code,
                            struct circ_error *err)
{
    const struct circ_options *options = runner->options;
    enum circ_status status = CIRC_OK;
    if (left) {
        circ_interrupt_install();
        status = circ_runner_run(runner, err);
    } else if (!options->quiet) {
        circ_log_note("every point of these axes is already in %s", options->db);
    }
    if (status == CIRC_STOPPED)
        return circ_status_fail(err, CIRC_STOPPED,
                                "interrupted: %d point%s kept in %s; to measure the rest: %s%s",
                                runner->points, runner->points == 1 ? " is" : "s are", options->db,
                                circ_command_line(), options->resume ? "" : " --resume");
    int64_t failed = 0, refused = 0, others = 0;
    if (!status)
        status = circ_store_campaign_count(runner->store, runner->campaign, "wrong device", &failed,
                                           err);
    if (!status)
        status = circ_store_campaign_count(runner->store, runner->campaign, "unsup absent",
                                           &refused, err);
    if (!status)
        status =
            circ_store_campaign_count(runner->store, runner->campaign, "ok timeout", &others, err);
    if (!status)
        status = print_rows(runner->store, options, runner->campaign, failed + refused, err);
    if (!status && left && !options->quiet)
        print_end(runner);
    *exit_code = failed ? 1 : others ? 0 : 3;
    return status;
}

/* Finds or creates the campaign, and runs it. */
static enum circ_status sweep_into(const struct circ_options *options, struct circ_sweep *sweep,
                                   const struct circ_countable *countable, int64_t began_ns,
                                   int *exit_code, struct circ_error *err)
{
    struct circ_host host;
    struct circ_store *store;
    char key[CIRC_KEY_SIZE], clock_text[2][24];
    int left = sweep->point_count;
    circ_host_read(&host);
    add_clock(&host, clock_text);
    enum circ_status status = circ_store_open(&store, options->db, CIRC_STORE_WRITE, err);
    if (status)
        return status;
    status = CIRC_NOTHING;
    if (options->resume)
        status = circ_store_campaign_resume(store, sweep->axes, key, err);
    if (!status)
        status = mark_done(store, key, sweep, &left, err);
    else if (status == CIRC_NOTHING)
        status = create_campaign(store, options, sweep, &host, key, err);
    if (!status) {
        for (size_t i = 0; i < host.warning_count && !options->quiet; i++)
            circ_log_warn("%s", host.warnings[i]);
        struct circ_tuned tuned;
        struct circ_runner runner = {.sweep = sweep,
                                     .options = options,
                                     .host = &host,
                                     .store = store,
                                     .campaign = key,
                                     .tuned = &tuned,
                                     .countable = countable,
                                     .began_ns = began_ns};
        status = circ_tuned_load(&tuned, store, err);
        tuned.given = options->tuning;
        if (!status)
            status = run(&runner, left, exit_code, err);
        circ_tuned_free(&tuned);
    }
    circ_store_close(store);
    return status;
}

/* --dry-run --resume lists what is missing, where the file has such a campaign. */
static void mark_for_plan(const struct circ_options *options, struct circ_sweep *sweep)
{
    struct circ_store *store;
    struct circ_error err;
    char key[CIRC_KEY_SIZE];
    int left;
    if (!options->resume || access(options->db, F_OK) ||
        circ_store_open(&store, options->db, CIRC_STORE_READ, &err))
        return;
    if (!circ_store_campaign_resume(store, sweep->axes, key, &err) &&
        mark_done(store, key, sweep, &left, &err))
        for (int i = 0; i < sweep->point_count; i++)
            sweep->points[i].skip = false;
    circ_store_close(store);
}

enum circ_status circ_cmd_sweep_run(const struct circ_options *options, int *exit_code,
                                    struct circ_error *err)
{
    struct circ_sweep_defaults defaults = {.workloads = "alexnet-fc7",
                                           .structures = "dense,circulant,pruned",
                                           .blocks = "4-256*2",
                                           .batches = no_axes(&options->axes) ? "1,64" : "1",
                                           .backends = "cpu",
                                           .passes = "infer"};
    struct circ_sweep sweep;
    struct circ_countable countable;
    int64_t began_ns = circ_clock_now_ns();
    /* names, before any file */
    enum circ_status status = circ_countable_find(&countable, options, err);
    if (status)
        return status;
    status = circ_sweep_expand(&sweep, options, &defaults, err);
    if (status) {
        circ_countable_free(&countable);
        return status;
    }
    if (options->dry_run) {
        mark_for_plan(options, &sweep);
        status = print_plan(&sweep, options, err);
    } else {
        status = sweep_into(options, &sweep, &countable, began_ns, exit_code, err);
    }
    circ_countable_free(&countable);
    circ_sweep_free(&sweep);
    return status;
}
