/* Readings written as lines of text, one a line: `t_ns channel value`, apart by blanks, commas or
 * semicolons. What exec and trace have in common.
 *
 * The channel's ending says the unit: _uj _mj _j accumulated energy, _uw _mw _w power; it is left
 * off the channel's name. The time is in nanoseconds, or as `2026-05-01T12:00:00.250Z`, or in
 * seconds below a header that begins with t_s; `-` or 0 is the moment at which the line came.
 * A comment may describe a channel before its first line, every pair of words optional; lag_ms is
 * over how long before its reading a power was averaged (meter.h, lag_ns):
 *
 *     # source yokogawa-wt310
 *     # channel wall_w scope board pci 0000:65:00.0 update_ms 100 error 1% ceiling_w 300
 *     # channel cpu_w package 0 update_ms 100 lag_ms 1000
 */
#ifndef CIRC_LINES_H
#define CIRC_LINES_H

#include "harness/meters/series.h"

#define CIRC_LINES_LONGEST 512

struct circ_lines {
    /* Set by the owner, before the first feed. */
    int64_t epoch_shift_ns; /* added to times since the epoch, those above 1e18; may be set anew */
    const char *marker;     /* a channel whose lines are no readings; NULL: none */
    int64_t marker_near_ns; /* of several such lines the one nearest to this time counts */

    /* readings of a channel that follow sooner are thinned, the last one is kept; 0: none are */
    int64_t closest_ns;

    struct circ_lines_channel {
        char written[64]; /* the name with its ending */
        double unit;      /* uJ or uW of one as written */
        bool updates;     /* a description says update_ms */
        struct circ_channel channel;
        struct circ_series series; /* in uJ or uW */
    } channels[CIRC_MAX_CHANNELS];
    int count;
    bool settled; /* no channel is added any more */

    char source[40];   /* what a comment calls the instrument; "": none does */
    int64_t marker_ns; /* when the marker's line says it was set */
    bool marked;
    long rubbish;         /* lines that are none of the above, or out of order */
    char first_wrong[64]; /* the first of them, cut to fit */

    bool seconds;                  /* a header said t_s */
    bool skipping;                 /* within a line that is too long */
    char text[CIRC_LINES_LONGEST]; /* the line that is not whole yet */
    size_t used;
};

/* Takes text in pieces, as it came at now_ns (CLOCK_MONOTONIC, for lines without a time). */
void circ_lines_feed(struct circ_lines *lines, const char *text, size_t length, int64_t now_ns);

/* No more text comes: takes a last line without its newline. */
void circ_lines_finish(struct circ_lines *lines, int64_t now_ns);

/* Drops what is older than the longest window, when it has become most of what is kept. now_ns is
 * in the clock of the readings. */
void circ_lines_forget(struct circ_lines *lines, int64_t now_ns);

/* Keeps the channels that have readings, in the order in which they came, and no others from now
 * on. source is theirs ("exec:ipmitool"). */
void circ_lines_settle(struct circ_lines *lines, const char *source);

/* The channel's, with the interval between its lines and the usual ceiling of its scope where no
 * description says them. */
struct circ_channel circ_lines_channel(const struct circ_lines_channel *from);

/* " (3 lines were skipped, the first: ...)", or nothing. */
void circ_lines_complain(const struct circ_lines *lines, char *text, size_t size);

void circ_lines_free(struct circ_lines *lines); /* what it holds, not itself */

#endif
