/* Reading of device files. What the figures mean is estimate.c's. */
#include "backends/model/figures.h"

#include "backends/core/embed.h"
#include "backends/core/nearest.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 1024
#define FILE_SIZE 65536 /* ten times the longest that we have */

extern const struct circ_embedded circ_figures_embedded[];
extern const int circ_figures_embedded_count;

static const struct {
    const char *name, *unit;
    double low, high; /* both allowed */
} keys[CIRC_FIGURES_COUNT] = {
    [CIRC_FIGURE_CLOCK] = {"clock", "MHz", 1, 1e5},
    [CIRC_FIGURE_DSP_BLOCKS] = {"dsp_blocks", "blocks", 1, 1e7},
    [CIRC_FIGURE_MULTIPLIERS_16] = {"multipliers_16", "per block", 0.25, 64},
    [CIRC_FIGURE_MULTIPLIERS_8] = {"multipliers_8", "per block", 0.25, 64},
    [CIRC_FIGURE_ONCHIP_MEMORY] = {"onchip_memory", "bit", 1, 1e13},
    [CIRC_FIGURE_BANDWIDTH] = {"bandwidth", "GB/s", 1e-3, 1e5},
    [CIRC_FIGURE_LATENCY] = {"latency", "cycles", 1, 1e3},
    [CIRC_FIGURE_MULTIPLY_16] = {"multiply_16", "pJ", 0, 1e6},
    [CIRC_FIGURE_MULTIPLY_12] = {"multiply_12", "pJ", 0, 1e6},
    [CIRC_FIGURE_MULTIPLY_8] = {"multiply_8", "pJ", 0, 1e6},
    [CIRC_FIGURE_ADD_16] = {"add_16", "pJ", 0, 1e6},
    [CIRC_FIGURE_ADD_12] = {"add_12", "pJ", 0, 1e6},
    [CIRC_FIGURE_ADD_8] = {"add_8", "pJ", 0, 1e6},
    [CIRC_FIGURE_ADD_32] = {"add_32", "pJ", 0, 1e6},
    [CIRC_FIGURE_ONCHIP_BYTE] = {"onchip_byte", "pJ/byte", 0, 1e6},
    [CIRC_FIGURE_MEMORY_BYTE] = {"memory_byte", "pJ/byte", 0, 1e6},
    [CIRC_FIGURE_OVERHEAD] = {"overhead", "times", 1, 1e3},
    [CIRC_FIGURE_STATIC_POWER] = {"static_power", "W", 0, 1e4},
    [CIRC_FIGURE_POWER_BUDGET] = {"power_budget", "W", 1e-6, 1e4},
};

/* A text under way. */
struct reader {
    const char *origin, *at;
    int line; /* of the logical line's beginning */
    int next; /* of what is read next */
    char text[LINE_SIZE];
};

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    for (size_t n = strlen(text); n && strchr(" \t\r", text[n - 1]); n--)
        text[n - 1] = 0;
    return text;
}

/* The next line that says something, with those that continue it, its comment gone; false at the
 * end. *whole: it fitted. */
static bool next_line(struct reader *reader, bool *whole)
{
    size_t used = 0;
    *whole = true;
    while (*reader->at) {
        bool more = *reader->at == ' ' || *reader->at == '\t';
        size_t length = strcspn(reader->at, "\n"), kept = strcspn(reader->at, "#\n");
        bool blank = strspn(reader->at, " \t\r") >= kept;
        if (used && !more && !blank)
            break;
        if (!blank) {
            if (!used)
                reader->line = reader->next;
            const char *from = reader->at + strspn(reader->at, " \t");
            size_t size = kept - (size_t)(from - reader->at);
            if (used + size + 2 > sizeof reader->text)
                *whole = false;
            else
                used += (size_t)snprintf(reader->text + used, sizeof reader->text - used, "%s%.*s",
                                         used ? " " : "", (int)size, from);
            if (used && reader->text[used - 1] == '\r')
                reader->text[--used] = 0;
        }
        reader->next++;
        reader->at += length + (reader->at[length] == '\n');
    }
    return used > 0 || !*whole;
}

static enum circ_status refuse(const struct reader *reader, const char *key, const char *what,
                               struct circ_error *err)
{
    return circ_status_fail(err, CIRC_USAGE, "%s:%d: %.40s: %s", reader->origin, reader->line, key,
                            what);
}

static enum circ_status read_figure(const struct reader *reader, int k, char *text,
                                    struct circ_figures *device, struct circ_error *err)
{
    struct circ_figure *figure = &device->figures[k];
    char what[192], *end, *basis = strchr(text, '|');
    if (!basis)
        return refuse(reader, keys[k].name,
                      "after the unit comes '| source: where it is published' or '| assumed: why'",
                      err);
    *basis = 0;
    text = trim(text);
    basis = trim(basis + 1);
    bool assumed = !strncmp(basis, "assumed:", 8), source = !strncmp(basis, "source:", 7);
    const char *reason = assumed || source ? trim(basis + (assumed ? 8 : 7)) : "";
    if (!*reason)
        return refuse(reader, keys[k].name,
                      "a figure needs '| source: where it is published' or '| assumed: why'", err);
    if (strlen(reason) >= sizeof figure->basis)
        return refuse(reader, keys[k].name, "its source or reasoning is longer than 255 bytes",
                      err);
    double value = isdigit((unsigned char)*text) ? strtod(text, &end) : NAN;
    if (!isfinite(value) || strcmp(trim(end), keys[k].unit)) {
        snprintf(what, sizeof what, "'%.60s' is not a number and its unit, %s", text, keys[k].unit);
        return refuse(reader, keys[k].name, what, err);
    }
    if (value < keys[k].low || value > keys[k].high) {
        snprintf(what, sizeof what, "%g must be from %g to %g %s", value, keys[k].low, keys[k].high,
                 keys[k].unit);
        return refuse(reader, keys[k].name, what, err);
    }
    figure->value = value;
    figure->assumed = assumed;
    snprintf(figure->basis, sizeof figure->basis, "%s", reason);
    return CIRC_OK;
}

static enum circ_status read_word(const struct reader *reader, const char *key, const char *value,
                                  char *word, size_t size, struct circ_error *err)
{
    if (!*value || strlen(value) >= size)
        return refuse(reader, key, "it is empty or too long", err);
    snprintf(word, size, "%s", value);
    return CIRC_OK;
}

static enum circ_status read_line(const struct reader *reader, const char *key, char *value,
                                  struct circ_figures *device, struct circ_error *err)
{
    const char *names[CIRC_FIGURES_COUNT + 3] = {"device", "kind", "description"};
    char what[160];
    if (!strcmp(key, "description"))
        return read_word(reader, key, value, device->description, sizeof device->description, err);
    if (!strcmp(key, "kind")) {
        if (strcmp(value, "fpga") && strcmp(value, "asic"))
            return refuse(reader, key, "it is fpga or asic", err);
        device->kind = strcmp(value, "asic") ? CIRC_DEVICE_FPGA : CIRC_DEVICE_ASIC;
        return CIRC_OK;
    }
    for (int k = 0; k < CIRC_FIGURES_COUNT; k++) {
        if (!strcmp(key, keys[k].name))
            return read_figure(reader, k, value, device, err);
        names[k + 3] = keys[k].name;
    }
    const char *near = circ_nearest_find(key, names, sizeof names / sizeof *names);
    snprintf(what, sizeof what, "no figure has this name%s%s%s", near ? ", did you mean '" : "",
             near ? near : "", near ? "'?" : "");
    return refuse(reader, key, what, err);
}

/* What a device must have and this one has not; NULL if nothing. */
static const char *missing(const struct circ_figures *device)
{
    if (!*device->description)
        return "description";
    for (int k = 0; k < CIRC_FIGURES_COUNT; k++)
        if (!*device->figures[k].basis)
            return keys[k].name;
    return NULL;
}

/* The first line: which device it is about. */
static enum circ_status begin(const struct reader *reader, const char *key, const char *value,
                              const struct circ_figures *list, int count, int *at,
                              struct circ_figures *device, struct circ_error *err)
{
    if (strcmp(key, "device"))
        return refuse(reader, key, "the first line of a device file is 'device = NAME'", err);
    *device = (struct circ_figures){.kind = CIRC_DEVICE_FPGA};
    for (int k = 0; k < CIRC_FIGURES_COUNT; k++) {
        device->figures[k].name = keys[k].name;
        device->figures[k].unit = keys[k].unit;
    }
    for (*at = 0; *at < count; (*at)++)
        if (!strcmp(list[*at].device, value)) {
            *device = list[*at];
            return CIRC_OK;
        }
    if (*at == CIRC_MAX_DEVICES)
        return refuse(reader, key, "there are too many devices already", err);
    return read_word(reader, key, value, device->device, sizeof device->device, err);
}

enum circ_status circ_figures_read(struct circ_figures *list, int *count, const char *origin,
                                   const char *text, struct circ_error *err)
{
    struct reader reader = {.origin = origin, .at = text, .next = 1};
    struct circ_figures device;
    enum circ_status status = CIRC_OK;
    int at = -1;
    bool whole;
    while (!status && next_line(&reader, &whole)) {
        char *value = strchr(reader.text, '=');
        if (!whole)
            status = refuse(&reader, "this line", "it is longer than 1000 bytes", err);
        else if (!value)
            status = refuse(&reader, reader.text, "a line is 'key = value'", err);
        if (status)
            break;
        *value = 0;
        char *key = trim(reader.text);
        value = trim(value + 1);
        status = at < 0 ? begin(&reader, key, value, list, *count, &at, &device, err)
                        : read_line(&reader, key, value, &device, err);
    }
    if (status)
        return status;
    if (at < 0)
        return circ_status_fail(err, CIRC_USAGE,
                                "%s: it is empty: a device file begins with "
                                "'device = NAME'",
                                origin);
    const char *lacks = missing(&device);
    if (lacks)
        return circ_status_fail(err, CIRC_USAGE, "%s: device %s is new here and has no '%s'",
                                origin, device.device, lacks);
    list[at] = device;
    *count += at == *count;
    return CIRC_OK;
}

static enum circ_status read_file(struct circ_figures *list, int *count, const char *path,
                                  struct circ_error *err)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return circ_status_fail_native(err, CIRC_USAGE, errno, "device file %s: %s", path,
                                       strerror(errno));
    char *text = malloc(FILE_SIZE);
    size_t size = text ? fread(text, 1, FILE_SIZE - 1, file) : 0;
    enum circ_status status = CIRC_OK;
    if (!text)
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for device file %s", path);
    else if (ferror(file))
        status = circ_status_fail(err, CIRC_USAGE, "device file %s: it cannot be read", path);
    else if (size == FILE_SIZE - 1)
        status = circ_status_fail(err, CIRC_USAGE, "device file %s: it is larger than %d bytes",
                                  path, FILE_SIZE - 2);
    fclose(file);
    if (!status) {
        text[size] = 0;
        status = circ_figures_read(list, count, path, text, err);
    }
    free(text);
    return status;
}

enum circ_status circ_figures_load(struct circ_figures *list, int *count, const char *file,
                                   struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    *count = 0;
    for (int i = 0; i < circ_figures_embedded_count && !status; i++)
        status = circ_figures_read(list, count, circ_figures_embedded[i].name,
                                   (const char *)circ_figures_embedded[i].data, err);
    return status || !file ? status : read_file(list, count, file, err);
}
