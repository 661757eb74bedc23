/* Tries the meters one by one and keeps what they say of themselves. It reads no counter, and which
 * of them a command shows is the command's to say. */
#include "harness/sources.h"
#include "backends/core/nearest.h"
#include "harness/meters/choice.h"
#include "harness/meters/topology.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_METERS = 32 };

struct circ_meter_request circ_sources_request(const struct circ_options *options)
{
    return (struct circ_meter_request){
        .events = (const char *const *)options->events.items,
        .event_count = options->events.count,
        .command = options->meter_exec,
        .trace = options->meter_trace,
        .trace_offset_s = options->trace_offset_s,
        .trace_marker = options->trace_marker,
    };
}

enum circ_status circ_sources_check(const struct circ_options *options, struct circ_error *err)
{
    const char *names[MOST_METERS + 1] = {"none"};
    int count, known = 1;
    const struct circ_meter *const *meters = circ_meters_list(&count);
    for (int i = 0; i < count && known <= MOST_METERS; i++) {
        names[known++] = meters[i]->name;
    }
    for (int m = 0; m < options->meters.count; m++) {
        const char *word = options->meters.items[m];
        bool found = false;
        for (int i = 0; i < known; i++) {
            found = found || !strcmp(names[i], word);
        }
        if (!found) {
            const char *nearest = circ_nearest_find(word, names, (size_t)known);
            return circ_status_fail(err, CIRC_USAGE,
                                    "unknown meter '%s'%s%s%s: `circbench doctor` lists them, none "
                                    "turns all off",
                                    word, nearest ? ", did you mean '" : "", nearest ? nearest : "",
                                    nearest ? "'?" : "");
        }
        if (!strcmp(word, names[0]) && options->meters.count > 1) {
            return circ_status_fail(err, CIRC_USAGE,
                                    "--meters: none stands alone: leave it out, or the meters "
                                    "beside it");
        }
    }
    return CIRC_OK;
}

/* Fills a source whose meter is set. Being absent is no failure here. */
static enum circ_status try_meter(struct circ_source *source,
                                  const struct circ_meter_request *request, struct circ_error *err)
{
    struct circ_meter_session *session = NULL;
    struct circ_error partly = {0};
    source->status = source->meter->probe(request, &partly);
    source->why = partly;
    if (source->status != CIRC_OK) {
        return CIRC_OK;
    }
    source->channels = calloc(CIRC_MAX_CHANNELS, sizeof *source->channels);
    if (!source->channels) {
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the channels of %s",
                                source->meter->name);
    }
    source->status =
        source->meter->open(&session, source->channels, &source->count, request, &source->why);
    if (source->status == CIRC_OK) {
        source->why = partly; /* open may leave what it likes in an error that is none */
        source->meter->close(session);
    } else {
        source->count = 0;
    }
    return CIRC_OK;
}

enum circ_status circ_sources_find(const struct circ_options *options, struct circ_source **sources,
                                   int *count, struct circ_error *err)
{
    int known;
    const struct circ_meter *const *meters = circ_meters_list(&known);
    const struct circ_meter_request request = circ_sources_request(options);
    const char *const *names = (const char *const *)options->meters.items;
    enum circ_status status = CIRC_OK;
    *count = 0;
    *sources = calloc((size_t)known, sizeof **sources);
    if (!*sources) {
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the list of meters");
    }
    for (int i = 0; i < known && status == CIRC_OK; i++) {
        if (circ_meters_allows(names, options->meters.count, meters[i]->name)) {
            struct circ_source *source = &(*sources)[(*count)++];
            source->meter = meters[i];
            status = try_meter(source, &request, err);
        }
    }
    if (status != CIRC_OK) {
        circ_sources_free(*sources, *count);
        *sources = NULL;
    }
    return status;
}

void circ_sources_free(struct circ_source *sources, int count)
{
    for (int i = 0; sources && i < count; i++) {
        free(sources[i].channels);
    }
    free(sources);
}

int circ_sources_host(const struct circ_source *sources, int count,
                      const struct circ_channel *chosen[CIRC_MAX_PACKAGES], struct circ_error *err)
{
    const struct circ_consumer consumer = {.cpu = true, .packages = circ_topology_read().packages};
    int total = 0, found = 0;
    for (int i = 0; i < count; i++) {
        total += sources[i].meter->energy ? sources[i].count : 0;
    }
    struct circ_channel *all = calloc((size_t)total + 1, sizeof *all);
    const struct circ_channel **origins = calloc((size_t)total + 1, sizeof *origins);
    int *indices = calloc((size_t)total + 1, sizeof *indices);
    if (!all || !origins || !indices) {
        (void)circ_status_fail(err, CIRC_MEMORY, "no memory for the channels");
        goto done;
    }
    total = 0;
    for (int i = 0; i < count; i++) {
        for (int c = 0; c < sources[i].count && sources[i].meter->energy; c++) {
            origins[total] = &sources[i].channels[c];
            all[total++] = sources[i].channels[c];
        }
    }
    if (circ_choice_make(all, total, &consumer, indices, &found, err) != CIRC_OK) {
        found = 0;
    }
    found = found < CIRC_MAX_PACKAGES ? found : CIRC_MAX_PACKAGES;
    for (int i = 0; i < found; i++) {
        chosen[i] = origins[indices[i]];
    }
done:
    free(all);
    free(origins);
    free(indices);
    return found;
}

/* Where the reason ends: at the end of its line, before a hint, or before a line to paste; but not
 * inside quotes, where a shell's command may stand. An apostrophe after a letter is none. */
static size_t reason_length(const char *text)
{
    static const char *const ends[] = {"\n", "; ", ": sudo "};
    char quote = '\0';
    for (size_t at = 0; text[at]; at++) {
        if (quote) {
            quote = text[at] == quote ? '\0' : quote;
        } else if (strchr("'`\"", text[at]) && (!at || strchr(" (", text[at - 1]))) {
            quote = text[at];
        }
        for (size_t i = 0; i < sizeof ends / sizeof *ends && !quote; i++) {
            if (!strncmp(text + at, ends[i], strlen(ends[i]))) {
                return at;
            }
        }
    }
    return strlen(text);
}

void circ_sources_split(const struct circ_source *source, char *reason, size_t reason_size,
                        char *remedy, size_t remedy_size)
{
    const char *text = source->why.message, *name = source->meter->name;
    size_t name_length = strlen(name);
    if (!strncmp(text, name, name_length) && !strncmp(text + name_length, ": ", 2)) {
        text += name_length + 2;
    }
    bool whole = source->status == CIRC_OK && !strchr(text, '\n');
    size_t length = whole ? strlen(text) : reason_length(text);
    snprintf(reason, reason_size, "%.*s", (int)length, text);
    text += length;
    text += strspn(text, ";: "); /* indentation, which marks a line to paste, comes after \n */
    bool lines = strchr(text, '\n');
    text += *text == '\n';
    *remedy = '\0';
    for (size_t used = 0; *text && used < remedy_size;) {
        int line = (int)strcspn(text, "\n");
        bool prose = lines && *text != ' ';
        int indent = (int)strspn(text, " ");
        int printed = snprintf(remedy + used, remedy_size - used, "%s%s%.*s", used ? "\n" : "",
                               prose ? "# " : "", line - indent, text + indent);
        used += printed > 0 ? (size_t)printed : 0;
        text += line + (text[line] == '\n');
    }
}

bool circ_sources_refused(const struct circ_source *source)
{
    /* a meter's native code may be its library's: one that says so has something to paste too */
    return (source->why.native == EACCES || source->why.native == EPERM) &&
           strstr(source->why.message, "sudo ");
}

void circ_sources_quantity(double value, const char *unit, char *text, size_t size)
{
    static const struct {
        double factor;
        const char *prefix;
    } prefixes[] = {{1e6, "M"}, {1e3, "k"}, {1, ""}, {1e-3, "m"}, {1e-6, "u"}, {1e-9, "n"}};
    enum { LAST = sizeof prefixes / sizeof *prefixes - 1 };
    int i = 0;
    /* 999.6 would print as 1e+03 */
    while (i < LAST && fabs(value) < prefixes[i].factor * 0.9995) {
        i++;
    }
    i = value == 0 ? 2 : i;
    snprintf(text, size, "%.3g %s%s", value / prefixes[i].factor, prefixes[i].prefix, unit);
}

double circ_sources_step_uj(const struct circ_channel *channel)
{
    return channel->unit == CIRC_UNIT_UJ ? channel->scale : NAN;
}

void circ_sources_resolution(const struct circ_channel *channel, char *text, size_t size)
{
    static const struct {
        double factor;
        const char *unit;
    } units[] = {[CIRC_UNIT_NS] = {1e-9, "s"},
                 [CIRC_UNIT_UJ] = {1e-6, "J"},
                 [CIRC_UNIT_UW] = {1e-6, "W"},
                 [CIRC_UNIT_COUNT] = {0, ""}};
    char step[32] = "1", update[32];
    if (units[channel->unit].factor > 0) {
        circ_sources_quantity(channel->scale * units[channel->unit].factor,
                              units[channel->unit].unit, step, sizeof step);
    }
    if (channel->update_ns > 0) {
        circ_sources_quantity((double)channel->update_ns / 1e9, "s", update, sizeof update);
        snprintf(text, size, "%s every %s", step, update);
    } else {
        snprintf(text, size, "%s", step);
    }
}
