/* Which meters are here, what they cover, and why one is not: for doctor and meters. */
#ifndef CIRC_SOURCES_H
#define CIRC_SOURCES_H

#include "harness/meters/meter.h"
#include "harness/options.h"

#include <stddef.h>

/* A meter of the table, tried. */
struct circ_source {
    const struct circ_meter *meter;
    enum circ_status status;       /* OK: channels are there; else why says why not */
    struct circ_error why;         /* of one that is here: empty, or what of it is missing */
    struct circ_channel *channels; /* owned; NULL unless OK */
    int count;
};

/* What the options ask of meters; it borrows from them. */
struct circ_meter_request circ_sources_request(const struct circ_options *options);

/* USAGE, with the nearest, where --meters names one that does not exist. */
CIRC_MUST_USE enum circ_status circ_sources_check(const struct circ_options *options,
                                                  struct circ_error *err);

/* Opens every meter that --meters allows, keeps what it says of its channels, and closes it again.
 * *sources is the caller's: circ_sources_free. MEMORY. */
CIRC_MUST_USE enum circ_status circ_sources_find(const struct circ_options *options,
                                                 struct circ_source **sources, int *count,
                                                 struct circ_error *err);
void circ_sources_free(struct circ_source *sources, int count); /* NULL allowed */

/* The channels whose sum is the host's energy, at most CIRC_MAX_PACKAGES of them; borrowed from
 * sources. 0 where nothing covers it, and err says what is missing. */
int circ_sources_host(const struct circ_source *sources, int count,
                      const struct circ_channel *chosen[CIRC_MAX_PACKAGES], struct circ_error *err);

/* Cuts why in two: the reason without the meter's name, and what follows it: hints and lines to
 * paste, without their indentation, and prose among them as a shell's comments. remedy is empty
 * where the message has none, or where it says what of a meter is missing that no paste brings. */
void circ_sources_split(const struct circ_source *source, char *reason, size_t reason_size,
                        char *remedy, size_t remedy_size);

/* Whether the meter is there and this user may not read it, so that the lines to paste help. */
bool circ_sources_refused(const struct circ_source *source);

/* "61 uJ every 1 ms": the smallest step of a channel and how often it moves. */
void circ_sources_resolution(const struct circ_channel *channel, char *text, size_t size);

/* The smallest step of an energy counter in uJ, NaN for channels of another unit. */
double circ_sources_step_uj(const struct circ_channel *channel);

/* "12.5 mW": a quantity with three digits and the prefix that suits it. unit is "J", "W" or "s". */
void circ_sources_quantity(double value, const char *unit, char *text, size_t size);

#endif
