/* Defaults, and the text form of a tuning. */
#include "backends/opencl/tuning.h"

#include <stdio.h>
#include <string.h>

/* Each parameter's letter, place, and least and greatest value; power: of two only. */
static const struct {
    char letter;
    size_t at;
    int least, most;
    bool power;
} fields[] = {
    {'v', offsetof(struct circ_tuning, vector), 1, 16, true},
    {'r', offsetof(struct circ_tuning, rows), 1, 16, false},
    {'c', offsetof(struct circ_tuning, columns), 1, 8, false},
    {'g', offsetof(struct circ_tuning, group), 1, 256, true},
    {'p', offsetof(struct circ_tuning, points), 0, 64, true},
    {'s', offsetof(struct circ_tuning, stream), 0, 16, false},
    {'h', offsetof(struct circ_tuning, share), 1, 64, true},
    {'l', offsetof(struct circ_tuning, lanes), 1, 256, true},
};
enum { FIELDS = sizeof fields / sizeof *fields };

struct circ_tuning circ_tuning_default(const struct circ_accelerator *a)
{
    /* A CPU's work-items are loops: one does a vector's work, and a tile fills its registers (16 of
     * AVX, 32 of AVX-512). A GPU's are lanes: many of them, small tiles, sums shared. */
    if (a->cpu)
        return (struct circ_tuning){.vector = a->vector,
                                    .rows = a->vector > 8 ? 4 : 3,
                                    .columns = 2,
                                    .group = 1,
                                    .points = 0,
                                    .stream = 4,
                                    .share = 1,
                                    .lanes = 1};
    return (struct circ_tuning){.vector = 1,
                                .rows = 4,
                                .columns = 2,
                                .group = a->group >= 32 ? 32 : 1,
                                .points = 8,
                                .stream = 8,
                                .share = a->group >= 256 ? 8 : 1,
                                .lanes = a->group >= 256 ? 32 : 1};
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
