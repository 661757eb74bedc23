/* Groups of events: what to count together, by which of its names on which processor, and what
 * follows from it. A group is a small text file, described in groups/README.md; some are built in,
 * and users add their own. It counts nothing. */
#ifndef CIRC_GROUPS_H
#define CIRC_GROUPS_H

#include "backends/core/status.h"

#include <stdbool.h>
#include <stdint.h>

#define CIRC_MAX_GROUP_EVENTS  24
#define CIRC_MAX_GROUP_METRICS 24
#define CIRC_MAX_ALTERNATIVES  8
#define CIRC_GROUP_NAME_SIZE   48

/* What formulas know beside the events of their group. Counts and times are those of one batch. */
enum circ_given {
    CIRC_GIVEN_TIME_NS, /* in the windows in which the group was counted */
    CIRC_GIVEN_BATCH,   /* frames */
    CIRC_GIVEN_THREADS,
    CIRC_GIVEN_FLOP_EXECUTED, /* of a batch, not of a frame */
    CIRC_GIVEN_FLOP_DENSE,
    CIRC_GIVEN_COUNT
};

struct circ_group_event {
    const char *name; /* as it is stored: "llc-misses"; formulas write _ for - */
    const char *alternatives[CIRC_MAX_ALTERNATIVES]; /* the meter's names, best first */
    int alternative_count;
};

/* Metrics of one name follow each other: the first whose events all count is the one. */
struct circ_group_metric {
    const char *name, *unit, *formula;
    uint64_t uses; /* bit e: event e; bit event_count + g: enum circ_given */
    int line;
};

struct circ_event_group {
    char name[CIRC_GROUP_NAME_SIZE]; /* "" of events without a group */
    char *place;                     /* owned: the file, or "built-in" */
    const char *about;
    struct circ_group_event events[CIRC_MAX_GROUP_EVENTS];
    struct circ_group_metric metrics[CIRC_MAX_GROUP_METRICS];
    int event_count, metric_count;
    struct circ_formula *formula; /* owned; metric m is its number m. NULL: no metrics */
    char *text;                   /* owned: what the strings above point into */
};

/* The group that a word of --events means: a file where the word has a / or ends in .group, else
 * NAME.group in the folders below, else a built-in one. NOTHING: no group is called so, with the
 * nearest that is. USAGE: what is wrong, with file and line, or that it cannot be opened. IO. */
CIRC_MUST_USE enum circ_status circ_groups_open(struct circ_event_group **group, const char *word,
                                                struct circ_error *err);

/* A group without a name, of events that the user named; words are borrowed. */
CIRC_MUST_USE enum circ_status circ_groups_make(struct circ_event_group **group,
                                                const char *const *words, int count,
                                                struct circ_error *err);
void circ_groups_close(struct circ_event_group *group); /* NULL allowed */

/* The value of a metric; events[e]: its count in a batch, NaN unknown. */
double circ_groups_metric(const struct circ_event_group *group, int metric, const double *events,
                          const double given[CIRC_GIVEN_COUNT]);

/* A line of the list of groups. */
struct circ_group_entry {
    char name[CIRC_GROUP_NAME_SIZE];
    char place[256];   /* the file, or "built-in" */
    char about[256];   /* "" when it has none, or is not sound */
    char problem[512]; /* why --events refuses it; "" */
};

/* All groups that --events knows by name, sorted; one that hides another stands alone. *entries is
 * the caller's to free. The folders are CIRCBENCH_GROUPS, then circbench/groups in XDG_CONFIG_HOME
 * (~/.config). */
CIRC_MUST_USE enum circ_status circ_groups_list(struct circ_group_entry **entries, int *count,
                                                struct circ_error *err);

#endif
