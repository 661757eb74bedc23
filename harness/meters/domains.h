/* The energy domains of a processor: their names in every source, what they cover, what contains
 * what. */
#ifndef CIRC_DOMAINS_H
#define CIRC_DOMAINS_H

#include "harness/meters/meter.h"

/* RAPL counters move about every millisecond (Intel SDM, volume 3, "RAPL Interfaces"; AMD alike).
 */
#define CIRC_DOMAINS_UPDATE_NS 1000000

struct circ_domain {
    const char *zone;  /* powercap's name, without the package's number; NULL: no zone counts it */
    const char *event; /* of the power PMU in sysfs */
    const char *encoded; /* libpfm4's name of that event; NULL: it has none */
    const char
        *register_event; /* of PAPI's rapl component, before ":PACKAGE0"; NULL: it has none */
    enum circ_scope scope;
    double ceiling_w; /* power above which no such domain is believed */
};

/* The domain that a source calls so; NULL for a name that is none of ours. */
const struct circ_domain *circ_domains_of_zone(const char *name); /* "package-0", "dram" */
const struct circ_domain *circ_domains_of_event(const char *name);
const struct circ_domain *circ_domains_of_encoded(const char *name);
const struct circ_domain *circ_domains_of_register(const char *name); /* "PP0_ENERGY:PACKAGE0" */

/* The number in "package-0" and "package-0-die-1"; -1 for any other name. */
int circ_domains_package_of(const char *zone);

/* Power above which nothing of a scope is believed where its maker states no limit, in watts: a
 * processor's domain, a card's chip, a board or a machine. */
double circ_domains_ceiling_w(enum circ_scope scope);

/* The channel of a domain, named as powercap would name its zone: "package-0", "package-0-dram",
 * "package-0-die-1-core", "psys". die: -1 where a package has one. Unit uJ; scale 1, no wrap, no
 * parent and no source yet. */
struct circ_channel circ_domains_channel(const struct circ_domain *domain, int package, int die);

/* Sets the parents of channels[first] to channels[count - 1], which one source counts: what
 * contains what by the counters and not by the folders. psys covers the packages and their DRAM
 * (where there is one psys), a package its core and uncore. */
void circ_domains_nest(struct circ_channel *channels, int first, int count);

#endif
