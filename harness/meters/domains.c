/* What is known of the energy domains of processors, once for powercap, perf and PAPI. It reads no
 * counter. */
#include "harness/meters/domains.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The ceilings are about twice what the largest parts sold today draw. */
static const struct circ_domain domains[] = {
    {"package-", "energy-pkg", "RAPL_ENERGY_PKG", "PACKAGE_ENERGY", CIRC_SCOPE_PACKAGE, 1000},
    {"core", "energy-cores", "RAPL_ENERGY_CORES", "PP0_ENERGY", CIRC_SCOPE_CORE, 1000},
    {"uncore", "energy-gpu", "RAPL_ENERGY_GPU", "PP1_ENERGY", CIRC_SCOPE_UNCORE, 300},
    {"dram", "energy-ram", "RAPL_ENERGY_DRAM", "DRAM_ENERGY", CIRC_SCOPE_DRAM, 500},
    {"psys", "energy-psys", "RAPL_ENERGY_PSYS", "PSYS_ENERGY", CIRC_SCOPE_PSYS, 8000},
    {NULL, "energy-core", NULL, NULL, CIRC_SCOPE_CORE, 100}, /* one core, on AMD */
};

#define DOMAINS (sizeof domains / sizeof *domains)

int circ_domains_package_of(const char *zone)
{
    static const char prefix[] = "package-";
    char *end;
    if (strncmp(zone, prefix, strlen(prefix)) != 0 || !isdigit((unsigned char)zone[strlen(prefix)]))
        return -1;
    long package = strtol(zone + strlen(prefix), &end, 10);
    return package < CIRC_MAX_PACKAGES && (*end == '\0' || *end == '-') ? (int)package : -1;
}

const struct circ_domain *circ_domains_of_zone(const char *name)
{
    for (size_t i = 0; i < DOMAINS; i++)
        if (domains[i].zone &&
            (domains[i].scope != CIRC_SCOPE_PACKAGE || circ_domains_package_of(name) >= 0) &&
            strncmp(name, domains[i].zone, strlen(domains[i].zone)) == 0)
            return &domains[i];
    return NULL;
}

const struct circ_domain *circ_domains_of_event(const char *name)
{
    for (size_t i = 0; i < DOMAINS; i++)
        if (strcmp(name, domains[i].event) == 0)
            return &domains[i];
    return NULL;
}

const struct circ_domain *circ_domains_of_encoded(const char *name)
{
    for (size_t i = 0; i < DOMAINS; i++)
        if (domains[i].encoded && strcmp(name, domains[i].encoded) == 0)
            return &domains[i];
    return NULL;
}

const struct circ_domain *circ_domains_of_register(const char *name)
{
    for (size_t i = 0; i < DOMAINS; i++) {
        size_t length = domains[i].register_event ? strlen(domains[i].register_event) : 0;
        if (length && strncmp(name, domains[i].register_event, length) == 0 && name[length] == ':')
            return &domains[i];
    }
    return NULL;
}

struct circ_channel circ_domains_channel(const struct circ_domain *domain, int package, int die)
{
    struct circ_channel channel = {.unit = CIRC_UNIT_UJ,
                                   .scope = domain->scope,
                                   .scale = 1,
                                   .update_ns = CIRC_DOMAINS_UPDATE_NS,
                                   .power_ceiling_w = domain->ceiling_w,
                                   .parent = -1,
                                   .package = package};
    char whole[32];
    int used = snprintf(whole, sizeof whole, "package-%d", package);
    if (die >= 0)
        snprintf(whole + used, sizeof whole - (size_t)used, "-die-%d", die);
    if (domain->scope == CIRC_SCOPE_PACKAGE) {
        snprintf(channel.name, sizeof channel.name, "%s", whole);
    } else if (domain->scope == CIRC_SCOPE_PSYS) {
        /* the kernel numbers all but the first */
        snprintf(channel.name, sizeof channel.name, package > 0 ? "psys-%d" : "psys", package);
        channel.package = -1;
    } else {
        snprintf(channel.name, sizeof channel.name, "%s-%s", whole,
                 domain->zone ? domain->zone : "core");
    }
    return channel;
}

double circ_domains_ceiling_w(enum circ_scope scope)
{
    if (scope == CIRC_SCOPE_GPU)
        return 2000;
    for (size_t i = 0; i < DOMAINS; i++)
        if (domains[i].scope == scope)
            return domains[i].ceiling_w;
    return 8000; /* a machine */
}

void circ_domains_nest(struct circ_channel *channels, int first, int count)
{
    int psys = -1, psys_count = 0;
    for (int i = first; i < count; i++)
        if (channels[i].scope == CIRC_SCOPE_PSYS) {
            psys = i;
            psys_count++;
        }
    for (int i = first; i < count; i++) {
        bool inner = channels[i].scope == CIRC_SCOPE_CORE || channels[i].scope == CIRC_SCOPE_UNCORE;
        bool covered =
            channels[i].scope == CIRC_SCOPE_PACKAGE || channels[i].scope == CIRC_SCOPE_DRAM;
        if (covered && psys_count == 1)
            channels[i].parent = psys;
        for (int j = first; j < count && inner; j++) {
            size_t length = strlen(channels[j].name);
            if (channels[j].scope == CIRC_SCOPE_PACKAGE &&
                strncmp(channels[i].name, channels[j].name, length) == 0 &&
                channels[i].name[length] == '-')
                channels[i].parent = j; /* the longest name wins: "package-0-die-1" comes later */
        }
    }
}
