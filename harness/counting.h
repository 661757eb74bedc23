/* The counter pass: what the processor and the kernel count while a point runs, apart from the time
 * pass. */
#ifndef CIRC_COUNTING_H
#define CIRC_COUNTING_H

#include "harness/meters/meter.h"
#include "harness/options.h"
#include "harness/subject.h"

#define CIRC_MAX_METERS 16

/* Meters of the counter pass, opened together. */
struct circ_counting {
    struct {
        const struct circ_meter *meter;
        struct circ_meter_session *session; /* owned */
        struct circ_channel *channels;      /* owned; [CIRC_MAX_CHANNELS] */
        int count;
    } open[CIRC_MAX_METERS];
    int open_count;
};

/* Opens every counting meter that options allow and that is here; absent ones are passed over
 * (doctor says why). Call it after warm-up: counters cover the threads alive now. USAGE names an
 * unknown meter or event. */
CIRC_MUST_USE enum circ_status circ_counting_open(struct circ_counting *counting,
                                                  const struct circ_options *options,
                                                  struct circ_error *err);
void circ_counting_close(struct circ_counting *counting);

/* Counts one window of the subject and stores the counters, per batch, in it. The channels' names
 * are borrowed from counting, which must stay open until the trial is stored. */
void circ_counting_measure(struct circ_counting *counting, struct circ_subject *subject);

#endif
