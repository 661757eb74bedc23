/* Which events of the chosen groups count on this machine, by which of their names, and which of
 * them together: found once, before anything is measured. counting.c counts them. */
#ifndef CIRC_COUNTABLE_H
#define CIRC_COUNTABLE_H

#include "harness/meters/groups.h"
#include "harness/meters/meter.h"
#include "harness/options.h"

#define CIRC_MAX_GROUPS 16

struct circ_countable_event {
    const char *alternative; /* the meter's name; NULL: none counts here */
    char name[64];           /* as it is stored */
    char channel[64];        /* what the meter calls it */
    char source[64]; /* the meter's, "pass 2" behind it from the second pass of a point on */
    enum circ_unit unit;
    int pass;         /* of its group, from 0; -1: not counted */
    bool spare;       /* only formulas mention it that were passed over: no row */
    char reason[320]; /* why none counts, or by which name it does; "" */
};

/* A group as this machine counts it. */
struct circ_countable_group {
    struct circ_event_group *group; /* owned */
    struct circ_countable_event events[CIRC_MAX_GROUP_EVENTS];
    bool chosen[CIRC_MAX_GROUP_METRICS]; /* of the formulas of a metric, the one that is taken */
    char source[64];                     /* of its metrics: "group:cache" */
    int pass_count;
};

/* A meter that counts without being told what. */
struct circ_countable_meter {
    const struct circ_meter *meter;
    struct circ_channel *channels; /* owned */
    int count;
};

struct circ_countable {
    const struct circ_meter *meter;      /* of the groups; NULL: none may count events */
    struct circ_countable_group *groups; /* owned */
    int group_count;
    struct circ_countable_meter *meters; /* owned */
    int meter_count;
};

/* Reads the groups and events of --events, and tries them; and the other counting meters. USAGE: a
 * group file with a mistake, an event or a meter that nobody knows. ABSENT: a single event that
 * cannot be counted here, or a meter that --meters names; an event of a group is missing, and its
 * reason says so. */
CIRC_MUST_USE enum circ_status circ_countable_find(struct circ_countable *countable,
                                                   const struct circ_options *options,
                                                   struct circ_error *err);

/* The part of it that tries: the events of countable->groups, by this meter. */
CIRC_MUST_USE enum circ_status circ_countable_plan(struct circ_countable *countable,
                                                   const struct circ_meter *meter,
                                                   struct circ_error *err);
void circ_countable_free(struct circ_countable *countable); /* harmless on a zeroed one */

#endif
