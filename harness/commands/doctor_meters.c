/* What doctor says of meters. Which there are, and why one is not here, is theirs to say. */
#include "harness/commands/doctor_meters.h"
#include "harness/sources.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_SIZE = 768 };

/* "package-0, package-0-core, dram": the channels by name, as many as a page has room for. */
static void list_channels(const struct circ_source *source, char text[TEXT_SIZE], int most)
{
    size_t used = 0;
    *text = '\0';
    for (int i = 0; i < source->count && used < TEXT_SIZE; i++) {
        if (i == most && source->count > most + 1) {
            snprintf(text + used, TEXT_SIZE - used, " and %d more", source->count - most);
            return;
        }
        int length = snprintf(text + used, TEXT_SIZE - used, "%s%s", i ? ", " : "",
                              source->channels[i].name);
        used += length > 0 ? (size_t)length : 0;
    }
}

/* The channel that shows least: of the slowest the coarsest. NULL: the meter has no energy. */
static const struct circ_channel *worst_channel(const struct circ_source *source)
{
    const struct circ_channel *worst = NULL;
    for (int i = 0; i < source->count && source->meter->energy; i++) {
        const struct circ_channel *channel = &source->channels[i];
        if (!worst || channel->update_ns > worst->update_ns ||
            (channel->update_ns == worst->update_ns && channel->scale > worst->scale)) {
            worst = channel;
        }
    }
    return worst;
}

static enum circ_status print_present(struct circ_findings *findings,
                                      const struct circ_source *source, struct circ_error *err)
{
    char covers[TEXT_SIZE], shown[TEXT_SIZE], resolution[96] = "", detail[3 * TEXT_SIZE];
    char reason[TEXT_SIZE], remedy[TEXT_SIZE];
    const struct circ_channel *worst = worst_channel(source);
    list_channels(source, covers, CIRC_MAX_CHANNELS);
    list_channels(source, shown, 3);
    circ_sources_split(source, reason, sizeof reason, remedy, sizeof remedy);
    if (worst) {
        circ_sources_resolution(worst, resolution, sizeof resolution);
    }
    if (findings->whole || findings->writer) {
        snprintf(detail, sizeof detail, "%s%s%s", source->meter->description, *reason ? "; " : "",
                 reason);
    } else {
        snprintf(detail, sizeof detail, "%s%s%s%s%.*s", shown, worst ? "; " : "", resolution,
                 *reason ? "; " : "", (int)strcspn(reason, ";"), reason);
    }
    return circ_findings_put(findings,
                             &(struct circ_finding){.item = source->meter->name,
                                                    .state = "ok",
                                                    .detail = detail,
                                                    .fix = *remedy ? remedy : NULL,
                                                    .covers = covers,
                                                    .resolution = worst ? resolution : NULL,
                                                    .permission = "granted"},
                             err);
}

/* needed: no other meter stands in for this one. */
static enum circ_status print_absent(struct circ_findings *findings,
                                     const struct circ_source *source, bool needed,
                                     struct circ_error *err)
{
    char reason[TEXT_SIZE], remedy[TEXT_SIZE];
    bool refused = circ_sources_refused(source);
    bool missed = refused || (needed && !source->meter->optional);
    circ_sources_split(source, reason, sizeof reason, remedy, sizeof remedy);
    return circ_findings_put(findings,
                             &(struct circ_finding){.item = source->meter->name,
                                                    .state = missed ? "missing" : "info",
                                                    .detail = reason,
                                                    .fix = *remedy ? remedy : NULL,
                                                    .covers = source->meter->description,
                                                    .permission = refused ? "denied" : NULL,
                                                    .aside = !refused},
                             err);
}

/* The sum that a CPU's rows will have as their energy. */
static enum circ_status print_host_energy(struct circ_findings *findings,
                                          const struct circ_channel *const *chosen, int count,
                                          const char *why, struct circ_error *err)
{
    static const char prefix[] = "energy: ";
    char detail[TEXT_SIZE];
    size_t used = 0;
    for (int i = 0; i < count && used < sizeof detail; i++) {
        int length =
            snprintf(detail + used, sizeof detail - used, "%s%s", i ? " + " : "", chosen[i]->name);
        used += length > 0 ? (size_t)length : 0;
    }
    if (count && used < sizeof detail) {
        snprintf(detail + used, sizeof detail - used, " of %s", chosen[0]->source);
    } else if (!count) {
        snprintf(detail, sizeof detail, "the CPU's rows get no joules: %.500s",
                 strncmp(why, prefix, strlen(prefix)) ? why : why + strlen(prefix));
    }
    return circ_findings_put(findings,
                             &(struct circ_finding){.item = "CPU energy",
                                                    .state = count ? "ok" : "missing",
                                                    .detail = detail},
                             err);
}

/* The kernel's gate to counters; -1 all, 0 system-wide, 1 own process with kernel, 2 own process, 3
 * and more none. */
static enum circ_status print_paranoid(struct circ_findings *findings, struct circ_error *err)
{
    static const char path[] = "/proc/sys/kernel/perf_event_paranoid";
    char detail[128];
    int level;
    FILE *file = fopen(path, "r");
    int read = file ? fscanf(file, "%d", &level) : 0;
    struct circ_finding finding = {.item = "perf_event", .state = "ok", .detail = detail};
    if (file) {
        fclose(file);
    }
    if (read != 1) {
        finding.state = "missing";
        finding.detail =
            "perf_event_paranoid cannot be read: this kernel or container offers no counters";
        return circ_findings_put(findings, &finding, err);
    }
    snprintf(detail, sizeof detail, "perf_event_paranoid is %d: counters of %s", level,
             level < 1   ? "the whole system are readable"
             : level < 3 ? "our own process are readable, the package's energy through perf is not"
                         : "no process are readable without privilege");
    if (level >= 3) {
        finding.state = "warning";
        finding.fix = "sudo sysctl kernel.perf_event_paranoid=2";
    }
    return circ_findings_put(findings, &finding, err);
}

enum circ_status circ_doctor_meters_print(struct circ_findings *findings,
                                          const struct circ_options *options,
                                          struct circ_error *err)
{
    const struct circ_channel *chosen[CIRC_MAX_PACKAGES];
    struct circ_source *sources;
    struct circ_error why = {0};
    int count, chosen_count;
    enum circ_status status = circ_sources_find(options, &sources, &count, err);
    if (status != CIRC_OK) {
        return status;
    }
    chosen_count = circ_sources_host(sources, count, chosen, &why);
    if (circ_meters_replayed()) {
        status = circ_findings_put(
            findings,
            &(struct circ_finding){
                .item = "replay",
                .state = "warning",
                .detail = "CIRCBENCH_SYSFS replaces /sys: every row made now is marked emulated",
                .fix = "unset CIRCBENCH_SYSFS"},
            err);
    }
    for (int i = 0; i < count && status == CIRC_OK; i++) {
        bool needed = !sources[i].meter->energy || !chosen_count;
        status = sources[i].status == CIRC_OK ? print_present(findings, &sources[i], err)
                                              : print_absent(findings, &sources[i], needed, err);
    }
    if (status == CIRC_OK) {
        status = print_host_energy(findings, chosen, chosen_count, why.message, err);
    }
    if (status == CIRC_OK) {
        status = print_paranoid(findings, err);
    }
    circ_sources_free(sources, count);
    return status;
}
