/* Attaches a recording. Energies are trace.c's, figures joules.c's, rows the store's. */
#include "harness/attachment.h"

#include "harness/energy.h"
#include "harness/log.h"
#include "harness/meters/choice.h"
#include "harness/meters/trace.h"
#include "results/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct recording {
    const struct circ_options *options;
    struct circ_store *store;
    struct circ_trace *trace;
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    int channel_count;
    int rows, figures, windows, covered; /* trials seen, and with joules of it; windows likewise */
    char reason[512];                    /* why a window has none */
};

/* One window of one channel, as it is kept. */
static struct circ_energy_window keep(const struct circ_laid_window *laid,
                                      const struct circ_channel *channel,
                                      const struct circ_delta *delta)
{
    struct circ_energy_window kept = {
        .source = channel->source,
        .channel = channel->name,
        .scope = circ_meters_scope_name(channel->scope),
        .pci = channel->pci,
        .grade = circ_difference_grade_name(delta->grade),
        .place = laid->place,
        .idle = laid->idle,
        .start_ns = laid->start_ns,
        .duration_ns = laid->duration_ns,
        .frames = laid->frames,
        .raw_start = -1,
        .raw_end = -1,
        .energy_uj = isnan(delta->value) ? -1 : delta->value,
        .bound_uj = isnan(delta->bound) ? -1 : delta->bound,
    };
    snprintf(kept.reason, sizeof kept.reason, "%s", delta->reason);
    return kept;
}

/* The channel whose joules are the row's, -1 if there is none. */
static int choose(const struct recording *recording, const struct circ_laid_window *laid)
{
    const struct circ_consumer consumer = {.cpu = !strcmp(laid->device_kind, "cpu"), .pci = ""};
    int chosen[CIRC_MAX_CHANNELS], count;
    struct circ_error err;
    if (circ_choice_make(recording->channels, recording->channel_count, &consumer, chosen, &count,
                         &err))
        return -1;
    return count == 1 ? *chosen : -1;
}

/* Adds the chosen channel's window to those that the figures come from. */
static void count_window(struct circ_joules_result *result, const struct circ_laid_window *laid,
                         const struct circ_delta *delta)
{
    if (laid->idle || result->count == CIRC_JOULES_MOST)
        return;
    struct circ_window *window = &result->windows[result->count++];
    window->deltas[0] = *delta;
    window->energy_uj = delta->value;
    window->bound_uj = delta->bound;
    window->grade = delta->grade;
    window->reason = window->deltas[0].reason;
    window->frames = laid->frames;
    window->duration_ns = laid->duration_ns;
}

static void fill(struct circ_trial *energy, const struct recording *recording,
                 const struct circ_joules_result *result, const struct circ_laid_window *laid,
                 int channel)
{
    *energy = circ_trial_unknown(&(struct circ_point){0});
    if (!result->used_count) {
        energy->energy_reason = result->reason;
        return;
    }
    circ_energy_set(energy, result, &recording->channels[channel],
                    *laid->kind ? laid->kind : "measured");
    energy->energy_remark = result->reason;
}

/* Mean power of the idle windows of the chosen channel. */
static double idle_power_uw(const struct circ_energy_window *windows, size_t count)
{
    double sum = 0;
    int known = 0;
    for (size_t i = 0; i < count; i++)
        if (windows[i].chosen && windows[i].idle && windows[i].energy_uj >= 0) {
            sum += windows[i].energy_uj / ((double)windows[i].duration_ns / 1e9);
            known++;
        }
    return known ? sum / known : NAN;
}

/* All windows of one trial. */
static enum circ_status attach_trial(struct recording *recording,
                                     const struct circ_laid_window *laid, size_t count,
                                     struct circ_error *err)
{
    struct circ_joules_result result;
    size_t kept = 0, busy = 0;
    bool figure = false;
    int chosen = choose(recording, laid);
    enum circ_status status = circ_joules_begin(&result, recording->options->energy_error, err);
    struct circ_energy_window *windows =
        malloc(count * (size_t)recording->channel_count * sizeof *windows);
    if (!status && !windows)
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for a trial's windows");
    for (size_t w = 0; w < count && !status; w++) {
        bool covered = false;
        for (int c = 0; c < recording->channel_count; c++) {
            struct circ_delta delta = circ_trace_energy(recording->trace, c, laid[w].start_ns,
                                                        laid[w].start_ns + laid[w].duration_ns,
                                                        recording->options->energy_error);
            windows[kept] = keep(&laid[w], &recording->channels[c], &delta);
            windows[kept++].chosen = c == chosen && !laid->has_energy;
            covered |= !isnan(delta.value);
            if (isnan(delta.value))
                snprintf(recording->reason, sizeof recording->reason, "%s", delta.reason);
            if (c == chosen)
                count_window(&result, &laid[w], &delta);
        }
        recording->windows++;
        recording->covered += covered;
    }
    if (!status)
        status = circ_joules_summarise(&result, recording->options->seed, err);
    for (size_t i = 0; i < kept && !status; i++)
        if (windows[i].chosen && !windows[i].idle && busy < CIRC_JOULES_MOST)
            windows[i].used = result.used[busy++];
    if (!status) {
        struct circ_trial energy;
        fill(&energy, recording, &result, laid, chosen);
        energy.idle_power_uw = result.used_count ? idle_power_uw(windows, kept) : NAN;
        energy.windows = windows;
        energy.window_count = kept;
        status = circ_store_attach(recording->store, laid->trial, &energy, &figure, err);
    }
    recording->rows++;
    recording->figures += figure;
    free(windows);
    circ_joules_free(&result);
    return status;
}

static enum circ_status attach_all(struct recording *recording, const char *campaign,
                                   struct circ_error *err)
{
    struct circ_laid_window *laid;
    size_t count;
    enum circ_status status = circ_store_laid(recording->store, campaign, &laid, &count, err);
    if (!status && !count)
        status = circ_status_fail(err, CIRC_NOTHING,
                                  "the campaign laid no energy windows: sweep with --meters trace, "
                                  "or with any meter that is here");
    if (!status)
        status = circ_store_begin(recording->store, err);
    for (size_t first = 0, next; first < count && !status; first = next) {
        for (next = first + 1; next < count && !strcmp(laid[next].trial, laid[first].trial);)
            next++;
        status = attach_trial(recording, laid + first, next - first, err);
    }
    if (!status && !recording->covered)
        status =
            circ_status_fail(err, CIRC_NOTHING, "%s covers none of %d windows: %s",
                             recording->options->attach, recording->windows, recording->reason);
    if (!status)
        status = circ_store_commit(recording->store, err);
    else
        circ_store_rollback(recording->store);
    free(laid);
    return status;
}

enum circ_status circ_attachment_add(const struct circ_options *options, struct circ_error *err)
{
    struct recording recording = {.options = options};
    struct circ_trace_clock clock = {.offset_s = options->trace_offset_s,
                                     .marker = options->trace_marker};
    char campaign[CIRC_KEY_SIZE];
    /* a wrong path is to be refused, not created */
    enum circ_store_mode mode = access(options->db, F_OK) == 0 ? CIRC_STORE_WRITE : CIRC_STORE_READ;
    enum circ_status status = circ_store_open(&recording.store, options->db, mode, err);
    if (!status)
        status = circ_store_campaign_find(recording.store, options->campaign, campaign, err);
    if (!status)
        status = circ_store_marker_read(recording.store, campaign, &clock.marker_ns, err);
    if (!status && clock.marker && !clock.marker_ns)
        status =
            circ_status_fail(err, CIRC_USAGE,
                             "no marker was set in this campaign, so --trace-marker says nothing "
                             "of its clock: give --trace-offset SECONDS instead");
    if (!status)
        status = circ_trace_open(&recording.trace, options->attach, &clock, err);
    if (!status) {
        int64_t offset_ns;
        recording.channel_count = circ_trace_channels(recording.trace, recording.channels);
        if (!circ_trace_offset(recording.trace, &offset_ns))
            status =
                circ_status_fail(err, CIRC_USAGE,
                                 "%s has no line of the marker %s: give --trace-offset SECONDS "
                                 "instead",
                                 options->attach, options->trace_marker);
    }
    if (!status)
        status = attach_all(&recording, campaign, err);
    if (!status)
        circ_log_note("%s: %d of %d windows covered; %d of %d rows have their joules from it",
                      recording.channels[0].source, recording.covered, recording.windows,
                      recording.figures, recording.rows);
    circ_trace_close(recording.trace);
    circ_store_close(recording.store);
    return status;
}
