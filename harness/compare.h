/* Two campaigns: reading their points and samples, and judging what was measured twice. Printing is
 * for cmd_compare.c. */
#ifndef CIRC_COMPARE_H
#define CIRC_COMPARE_H

#include "harness/stats.h"
#include "results/format.h"
#include "results/store.h"

#define CIRC_COMPARE_FLOOR                                                                         \
    0.03 /* a smaller effect is not worth a verdict: other runs differ as much */
#define CIRC_COMPARE_COLUMNS 13   /* workload ... pass, cold: what makes a point */
#define CIRC_COMPARE_ALPHA   0.01 /* level of the Mann-Whitney test */

enum circ_compare_verdict {
    CIRC_COMPARE_NONE, /* one side has no samples */
    CIRC_COMPARE_SAME,
    CIRC_COMPARE_FASTER, /* energy: less */
    CIRC_COMPARE_SLOWER, /* energy: more */
    CIRC_COMPARE_UNCLEAR
};

struct circ_compare_contrast {
    double base, new;              /* medians; NaN without samples */
    double ratio;                  /* new / base; NaN for NONE, as are the two below */
    struct circ_interval interval; /* 95 %, of ratio */
    double p;
    enum circ_compare_verdict verdict;
    char reason[120]; /* why it is unclear; else "" */
};

/* A trial of one side. */
struct circ_compare_entry {
    char key[CIRC_KEY_SIZE];                      /* the point's content: equal in every database */
    struct circ_cell cells[CIRC_COMPARE_COLUMNS]; /* owned text */
    char status[16], kind[16], energy_kind[16];   /* kinds "" where nothing was measured */
    char energy_source[64], energy_scope[32];     /* "" as above */
    double *time_ns, *energy_uj;                  /* owned: of one batch, of one frame */
    size_t time_count, energy_count;
    bool matched; /* for the caller */
};

struct circ_compare_side {
    const char *role; /* "BASE", "NEW" */
    struct circ_store *store;
    char campaign[CIRC_KEY_SIZE];
    struct circ_compare_entry
        *entries; /* owned; by workload, device, batch, ..., structure, block */
    size_t count;
};

struct circ_compare_rule {
    bool energy;  /* else time */
    double floor; /* fraction: 0.03 for 3 % */
};

/* Reads what word names: a campaign of the database db, FILE (its latest campaign), or
 * FILE:CAMPAIGN; a file wins over a campaign of that name. side holds only its role; free it even
 * after a failure. USAGE: no such file or campaign, and as circ_store_open. */
CIRC_MUST_USE enum circ_status circ_compare_read(struct circ_compare_side *side, const char *word,
                                                 const char *db, struct circ_error *err);
void circ_compare_free(struct circ_compare_side *side);

/* The names of an entry's cells. */
extern const char *const circ_compare_columns[CIRC_COMPARE_COLUMNS];

/* Compares samples in which less is better. Slower (faster): the whole interval of the ratio lies
 * beyond the floor (its inverse) and the test agrees. Same: the whole interval lies within. Else,
 * or when so few samples cannot reach CIRC_COMPARE_ALPHA: unclear. */
CIRC_MUST_USE enum circ_status circ_compare_samples(const double *base, size_t base_count,
                                                    const double *new, size_t new_count,
                                                    double floor, uint64_t seed,
                                                    struct circ_compare_contrast *contrast,
                                                    struct circ_error *err);

/* Makes a contrast of two trials unclear, without a ratio, where they must not be divided by one
 * another: times or energies of different kinds, energies of different sources or scopes. Whether
 * it did. */
bool circ_compare_refuse(const struct circ_compare_entry *base,
                         const struct circ_compare_entry *new, bool energy,
                         struct circ_compare_contrast *contrast);

/* Reads "time>3%" or "energy>5%"; NULL stands for the default floor on time. */
CIRC_MUST_USE enum circ_status
circ_compare_rule_parse(const char *text, struct circ_compare_rule *rule, struct circ_error *err);

/* "same", "faster", "slower", "unclear"; of energy "less" and "more"; NULL for NONE. */
const char *circ_compare_verdict_name(enum circ_compare_verdict verdict, bool energy);

#endif
