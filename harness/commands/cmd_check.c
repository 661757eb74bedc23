/* `circbench check`: the verification of a sweep without its measurements, over every ISA row and
 * variant. */
#include "circ_config.h"
#include "harness/commands/command.h"
#include "harness/dump.h"
#include "harness/interrupt.h"
#include "harness/log.h"
#include "harness/runner.h"
#include "harness/meters/clock.h"
#include "results/query.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Small layers with blocks that divide and that do not, vectors full and not, and whole networks.
 */
#define WORKLOADS "fc:100x170,fc:513x260,conv:3x3x24x40@9x11,conv:5x2x7x9@12x6,mnist-mlp-256,lenet"
#define BLOCKS    "1-5,7,8,12,16,31,32,64,128,1024"

static enum circ_status print_named(struct circ_store *store, const char *name,
                                    const char *campaign, enum circ_format format, int64_t *rows,
                                    struct circ_error *err)
{
    const struct circ_query *query;
    enum circ_status status = circ_query_find(name, &query, err);
    return status ? status
                  : circ_query_run(store, query->sql, NULL, campaign, format, stdout, rows, err);
}

static bool in_words(const struct circ_planned *planned)
{
    return circ_network_precision_word(circ_network_precision_find(planned->point.precision)) != 0;
}

/* A row a point when a format is asked for; otherwise the worst errors, the layers' SQNR where
 * there is fixed point, and what failed. */
static enum circ_status print_check(const struct circ_runner *runner, struct circ_error *err)
{
    const struct circ_options *options = runner->options;
    int64_t rows;
    if (options->format_given)
        return print_named(runner->store, "all", runner->campaign, options->format, &rows, err);
    enum circ_status status =
        print_named(runner->store, "errors", runner->campaign, CIRC_TABLE, &rows, err);
    bool answers = runner->points > runner->failed + runner->refused;
    for (int i = 0; i < runner->sweep->point_count && answers && !status; i++)
        if (in_words(&runner->sweep->points[i])) {
            fputc('\n', stdout);
            status =
                print_named(runner->store, "fixed-point", runner->campaign, CIRC_TABLE, &rows, err);
            break;
        }
    if (!status && runner->failed + runner->refused) {
        fputc('\n', stdout);
        status = print_named(runner->store, "reasons", runner->campaign, CIRC_TABLE, &rows, err);
    }
    return status;
}

/* The tunings of --db, where a device of this check has any use for them. What is to be verified is
 * what a sweep would run, so a file that cannot be read is said, and no more: check needs none. */
static void find_tuned(struct circ_tuned *tuned, const struct circ_sweep *sweep,
                       const struct circ_options *options)
{
    struct circ_store *store;
    struct circ_error err = {0};
    bool wanted = false;
    *tuned = (struct circ_tuned){0};
    for (int t = 0; t < sweep->target_count; t++)
        wanted |= sweep->targets[t].backend->tunings && !sweep->targets[t].status;
    if (!wanted || access(options->db, F_OK))
        return;
    enum circ_status status = circ_store_open(&store, options->db, CIRC_STORE_READ, &err);
    if (!status) {
        status = circ_tuned_load(tuned, store, &err);
        circ_store_close(store);
    }
    if (status)
        circ_log_warn("checking without tunings: %s", err.message);
}

static enum circ_status check(const struct circ_options *options, struct circ_sweep *sweep,
                              int *exit_code, struct circ_error *err)
{
    struct circ_host host;
    struct circ_store *store;
    char host_key[CIRC_KEY_SIZE], key[CIRC_KEY_SIZE];
    circ_host_read(&host);
    enum circ_status status = circ_store_open(&store, "", CIRC_STORE_MEMORY, err);
    if (status)
        return status;
    status = circ_store_host(store, host.facts, host.fact_count, host_key, err);
    struct circ_campaign campaign = {.name = "check",
                                     .command = circ_command_line(),
                                     .axes = sweep->axes,
                                     .version = CIRC_VERSION,
                                     .commit = circ_host_fact(&host, "commit"),
                                     .build = "",
                                     .warnings = "",
                                     .created_ns = circ_clock_epoch_ns(),
                                     .seed = options->seed};
    if (!status)
        status = circ_store_campaign(store, host_key, &campaign, key, err);
    if (!status) {
        struct circ_tuned tuned;
        find_tuned(&tuned, sweep, options);
        tuned.given = options->tuning;
        struct circ_runner runner = {.sweep = sweep,
                                     .options = options,
                                     .host = &host,
                                     .store = store,
                                     .campaign = key,
                                     .verify_only = true,
                                     .tuned = &tuned,
                                     .began_ns = circ_clock_now_ns()};
        circ_interrupt_install();
        status = circ_runner_run(&runner, err);
        circ_tuned_free(&tuned);
        bool stopped = status == CIRC_STOPPED; /* what was checked is worth its rows */
        if (!status || stopped)
            status = print_check(&runner, err);
        if (!status && stopped)
            status = circ_status_fail(err, CIRC_STOPPED, "interrupted: %d point%s checked",
                                      runner.points, runner.points == 1 ? "" : "s");
        if (!status && !options->quiet)
            circ_log_note("%d point%s checked in %.1f s, %d wrong or broken%s%s", runner.points,
                          runner.points == 1 ? "" : "s", (double)runner.total_ns / 1e9,
                          runner.failed, options->dump ? "; dumped to " : "",
                          options->dump ? options->dump : "");
        *exit_code = runner.failed ? 1 : runner.refused == runner.points ? 3 : 0;
    }
    circ_store_close(store);
    return status;
}

enum circ_status circ_cmd_check_run(const struct circ_options *options, int *exit_code,
                                    struct circ_error *err)
{
    bool whole = !options->dump, broad = whole && !options->axes.workloads.count;
    struct circ_sweep_defaults defaults = {.workloads = WORKLOADS,
                                           .structures = "dense,circulant,pruned",
                                           .blocks = BLOCKS,
                                           .batches = broad ? "1,3,17" : "1",
                                           .backends = "cpu,ref",
                                           .passes = broad ? "infer,train" : "infer",
                                           .all_isas = whole,
                                           .all_variants = whole};
    struct circ_sweep sweep;
    enum circ_status status = circ_sweep_expand(&sweep, options, &defaults, err);
    if (status)
        return status;
    if (options->dump)
        status = circ_dump_prepare(options->dump, err);
    if (!status)
        status = check(options, &sweep, exit_code, err);
    circ_sweep_free(&sweep);
    return status;
}
