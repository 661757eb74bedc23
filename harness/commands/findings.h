/* What doctor finds: rows of a writer, or a page for a person. */
#ifndef CIRC_FINDINGS_H
#define CIRC_FINDINGS_H

#include "results/format.h"

#include <stdbool.h>

struct circ_finding {
    const char *item;
    const char *state;  /* ok, info, missing, warning */
    const char *detail; /* what it is, or why it is not there */
    const char *fix;    /* lines to paste; NULL: none is needed, or detail has it */
    const char *covers, *resolution, *permission; /* of a meter; NULL elsewhere */
    const char *brief; /* for the overview's line of what needs none of its own; NULL: it does */
    bool aside;        /* the overview has one line of detail, and no fix: it would not help here */
};

struct circ_findings {
    struct circ_writer *writer; /* owned; NULL: the page */
    bool whole;                 /* the page leaves nothing out */
    int width;
    int open;          /* findings that are neither ok nor a mere fact */
    const char *area;  /* of what is put now; borrowed */
    char state[16];    /* of joined */
    char joined[2048]; /* briefs that wait for the end of their line */
    FILE *lines;       /* those of the area, which follow its briefs; owned, with text */
    char *text;
    size_t size;
};

/* Prints on stdout. whole: an area that was asked for, not the overview. */
CIRC_MUST_USE enum circ_status circ_findings_begin(struct circ_findings *findings,
                                                   enum circ_format format, bool whole,
                                                   struct circ_error *err);
/* What is put from now on belongs to this area. */
CIRC_MUST_USE enum circ_status circ_findings_area(struct circ_findings *findings, const char *area,
                                                  struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_findings_put(struct circ_findings *findings,
                                                 const struct circ_finding *finding,
                                                 struct circ_error *err);

/* Finishes and frees; status is what begin and the findings came to. */
CIRC_MUST_USE enum circ_status circ_findings_end(struct circ_findings *findings,
                                                 enum circ_status status, struct circ_error *err);

#endif
