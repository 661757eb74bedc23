/* A file of readings that another machine wrote, and how its clock stands to this one's: the energy
 * of a channel between two moments of this machine's clock, now or long after they passed. */
#ifndef CIRC_TRACE_H
#define CIRC_TRACE_H

#include "harness/meters/difference.h"

#include <stddef.h>

struct circ_trace;

/* How the two clocks stand. */
struct circ_trace_clock {
    double offset_s;    /* clock of the trace minus this machine's */
    const char *marker; /* or a channel whose line was written at marker_ns: it says the offset, and
                           of several such lines the one nearest to offset_s counts; NULL: none */
    int64_t marker_ns;  /* since the epoch, by this machine's clock */
};

/* Opens a CSV of lines `t_ns,channel,value` (lines.h) and reads what is there. The marker may be
 * missing so far. file and the marker are borrowed until close. ABSENT: no such file, or no reading
 * in it, MEMORY. */
CIRC_MUST_USE enum circ_status circ_trace_open(struct circ_trace **trace, const char *file,
                                               const struct circ_trace_clock *clock,
                                               struct circ_error *err);
void circ_trace_close(struct circ_trace *trace); /* NULL allowed */

/* Reads what was written since, as another machine may still do. */
void circ_trace_follow(struct circ_trace *trace);

/* Drops readings that are older than any window can be at now_ns, since the epoch by this machine's
 * clock: for a trace that is followed for days. */
void circ_trace_forget(struct circ_trace *trace, int64_t now_ns);

/* Trace minus ours; false while the marker's line has not been seen. */
bool circ_trace_offset(const struct circ_trace *trace, int64_t *offset_ns);

/* The channels with readings at the time of open, at most CIRC_MAX_CHANNELS, into channels; their
 * number. source says the alignment: "trace:wall.csv offset +1.250 s". */
int circ_trace_channels(const struct circ_trace *trace, struct circ_channel *channels);

/* The first and last reading of a channel, since the epoch by this machine's clock; false while the
 * offset is not known. */
bool circ_trace_span(const struct circ_trace *trace, int channel, int64_t *first_ns,
                     int64_t *last_ns);

/* The value of the last reading, in uJ or uW. */
double circ_trace_last(const struct circ_trace *trace, int channel);

/* The energy between two moments since the epoch by this machine's clock. LOST: the trace does not
 * cover them, or its offset is not known. */
struct circ_delta circ_trace_energy(const struct circ_trace *trace, int channel, int64_t from_ns,
                                    int64_t to_ns, double max_error);

/* " (3 lines were skipped, the first: ...)", or nothing. */
void circ_trace_complain(const struct circ_trace *trace, char *text, size_t size);

#endif
