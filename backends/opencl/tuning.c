/* Defaults, the text form of a tuning, and what is worth a trial. */
#include "backends/opencl/tuning.h"

#include <stdio.h>
#include <string.h>

enum { END = -1, BATCH = -2 };

/* Each parameter's letter, place, and least and greatest value; power: of two only; trials: the
 * values that a search tries, to END. BATCH is that of the request: streamed weights are a matter
 * of yes or no. */
static const struct {
    char letter;
    size_t at;
    int least, most;
    bool power;
    int trials[10];
} fields[] = {
    {'v', offsetof(struct circ_tuning, vector), 1, 16, true, {1, 2, 4, 8, 16, END}},
    {'r', offsetof(struct circ_tuning, rows), 1, 16, false, {1, 2, 3, 4, 6, 8, 12, END}},
    {'c', offsetof(struct circ_tuning, columns), 1, 8, false, {1, 2, 3, 4, 8, END}},
    {'g', offsetof(struct circ_tuning, group), 1, 256, true, {1, 8, 16, 32, 64, 128, 256, END}},
    {'p', offsetof(struct circ_tuning, points), 0, 64, true, {0, 2, 4, 8, 16, 32, END}},
    {'s', offsetof(struct circ_tuning, stream), 0, 16, false, {0, BATCH, END}},
    {'h', offsetof(struct circ_tuning, share), 1, 64, true, {1, 2, 4, 8, 16, 32, END}},
    {'l', offsetof(struct circ_tuning, lanes), 1, 256, true, {1, 8, 16, 32, 64, 128, 256, END}},
    {'m', offsetof(struct circ_tuning, multiplies), 3, 4, false, {3, 4, END}},
};
enum { FIELDS = sizeof fields / sizeof *fields };

struct circ_tuning circ_tuning_default(const struct circ_accelerator *a)
{
    /* A CPU's work-items are loops: one does a vector's work, and a tile fills its registers (16 of
     * AVX, 32 of AVX-512; where local memory is a cache, in panels, the last of them too). A GPU's
     * are lanes: many of them, small tiles, sums shared. */
    bool cache = a->local_bytes >= 1 << 20;
    if (a->cpu)
        return (struct circ_tuning){.vector = a->vector,
                                    .rows = (a->vector > 8 ? 3 : 2) + cache,
                                    .columns = 2,
                                    .group = 1,
                                    .points = 0,
                                    .stream = 4,
                                    .share = 1,
                                    .lanes = 1,
                                    .multiplies = 3};
    return (struct circ_tuning){.vector = 1,
                                .rows = 4,
                                .columns = 2,
                                .group = a->group >= 32 ? 32 : 1,
                                .points = 8,
                                .stream = 8,
                                .share = a->group >= 256 ? 8 : 1,
                                .lanes = a->group >= 256 ? 32 : 1,
                                .multiplies = 4};
}

int circ_tuning_below(int most, int value)
{
    int power = 1;
    while (power * 2 <= most && power * 2 <= value)
        power *= 2;
    return power;
}

void circ_tuning_print(const struct circ_tuning *tuning, char text[CIRC_TUNING_SIZE])
{
    int used = 0;
    for (int i = 0; i < FIELDS; i++)
        used += snprintf(text + used, (size_t)(CIRC_TUNING_SIZE - used), "%s%c%d", i ? " " : "",
                         fields[i].letter, *(const int *)((const char *)tuning + fields[i].at));
}

bool circ_tuning_parse(const char *text, struct circ_tuning *tuning)
{
    for (int i = 0; i < FIELDS; i++) {
        int value, used = 0;
        char letter;
        if (sscanf(text, " %c%d%n", &letter, &value, &used) != 2 || letter != fields[i].letter ||
            value < fields[i].least || value > fields[i].most ||
            (fields[i].power && value & (value - 1)))
            return false;
        *(int *)((char *)tuning + fields[i].at) = value;
        text += used;
    }
    return !text[strspn(text, " ")];
}

enum circ_status circ_tuning_check(const struct circ_tuning *tuning,
                                   const struct circ_accelerator *a, struct circ_error *err)
{
    const int groups[] = {tuning->group, tuning->share * tuning->lanes};
    for (int i = 0; i < 2; i++)
        if ((size_t)groups[i] > a->group)
            return circ_status_fail(err, CIRC_UNSUP,
                                    "a tuning with work-groups of %d does not fit %s, which takes "
                                    "%zu: tune this device",
                                    groups[i], a->name, a->group);
    return CIRC_OK;
}

/* What a tuning comes to for a request: parameters that nothing of it reads are 0. */
static struct circ_tuning effect_of(const struct circ_tuning *tuning,
                                    const struct circ_request *request)
{
    const struct circ_network *net = request->model->network;
    struct circ_tuning effect = *tuning;
    bool fits = request->pass == CIRC_INFER && request->batch <= tuning->stream;
    bool streams = false, multiplies = false;
    int half = 1; /* the longest transform: complex numbers */
    for (int i = 0; i < net->layer_count; i++) {
        const struct circ_layer *layer = &net->layers[i];
        if (!circ_network_has_weights(layer))
            continue;
        bool stream = layer->op == CIRC_OP_FC && fits;
        int n = layer->block % 2 ? layer->block : layer->block / 2;
        streams |= stream;
        multiplies |= !stream;
        half = n > half ? n : half;
    }
    if (half <= 2 * effect.points)
        effect.points = 0;
    if (!multiplies)
        effect.rows = effect.columns = effect.group = 0;
    if (!streams)
        effect.share = effect.lanes = 0;
    effect.stream = streams;
    if (!multiplies || request->pass != CIRC_INFER)
        effect.multiplies = 0;
    return effect;
}

int circ_tuning_vary(const struct circ_tuning *from, int field, const struct circ_request *request,
                     const struct circ_accelerator *accelerator,
                     struct circ_tuning varied[CIRC_MAX_TUNINGS])
{
    int count = 0;
    if (field >= FIELDS)
        return -1;
    const struct circ_tuning now = effect_of(from, request);
    for (const int *trial = fields[field].trials; *trial != END; trial++) {
        struct circ_tuning *next = &varied[count];
        int value = *trial == BATCH ? request->batch : *trial;
        if (value > fields[field].most)
            continue;
        *next = *from;
        *(int *)((char *)next + fields[field].at) = value;
        const struct circ_tuning then = effect_of(next, request);
        bool same = !memcmp(&then, &now, sizeof now); /* all of it is int: no padding */
        count += !same && !circ_tuning_check(next, accelerator, NULL);
    }
    return count;
}
