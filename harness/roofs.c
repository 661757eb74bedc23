/* Ceilings before a run, roofs after each part of it. What a roof is, is roof.c's. */
#include "harness/roofs.h"

#include "harness/interrupt.h"
#include "harness/log.h"
#include "harness/meters/clock.h"
#include "harness/meters/meter.h"
#include "harness/roof.h"

/* Whether the point's time can be set beside what the machine could do. */
static bool has_roof(const struct circ_planned *planned)
{
    return planned->target->backend->ceilings && !planned->target->status && !planned->skip &&
           planned->target->device.kind == CIRC_MEASURED &&
           !circ_meters_replayed(); /* recorded caches are not this machine's */
}

/* Finds or measures the ceilings that the point's roof is computed from. */
static enum circ_status know(struct circ_roofs *roofs, const struct circ_planned *planned,
                             bool again, struct circ_error *err)
{
    struct circ_limits_place place = {
        .store = roofs->opened->store, .host = roofs->host, .again = again, .quiet = roofs->quiet};
    int64_t start = circ_clock_now_ns();
    if (!has_roof(planned) || !(place.session = circ_opened_session(roofs->opened, planned)))
        return CIRC_OK;
    enum circ_status status = circ_opened_key(roofs->opened, planned, &place.device_key, err);
    if (!status)
        status = circ_limits_add(&roofs->limits, planned->target, planned->point.isa,
                                 planned->point.threads, &place, err);
    roofs->spent_ns += circ_clock_now_ns() - start;
    return status;
}

enum circ_status circ_roofs_prepare(struct circ_roofs *roofs, const struct circ_sweep *sweep,
                                    struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int g = 0; g < sweep->group_count; g++)
        for (int i = 0; i < sweep->groups[g].count && !status && !circ_interrupt_requested(); i++)
            status = know(roofs, &sweep->points[sweep->groups[g].first + i], false, err);
    return status;
}

/* The roof of a point that has a time; true when that time is below it. */
static bool set(const struct circ_roofs *roofs, struct circ_subject *subject)
{
    const struct circ_planned *planned = subject->planned;
    struct circ_trial *trial = &subject->trial;
    const struct circ_limit *limit = circ_limits_find(&roofs->limits, planned->target,
                                                      planned->point.isa, planned->point.threads);
    if (!limit)
        return false;
    struct circ_roof roof =
        circ_roof_of(&(struct circ_roof_case){.network = &subject->network,
                                              .batch = planned->point.batch,
                                              .threads = planned->point.threads,
                                              .train = planned->pass == CIRC_TRAIN,
                                              .cold = planned->point.cold,
                                              .caches = &roofs->host->caches,
                                              .ceilings = limit->ceilings,
                                              .count = limit->count});
    trial->flop_roof = roof.flop;
    trial->roof_bytes = roof.bytes;
    trial->roof_time_ns = roof.time_ns;
    trial->roof_bound = roof.bound;
    return circ_roof_is_broken(roof.time_ns, (double)trial->time_ns_median);
}

enum circ_status circ_roofs_set(struct circ_roofs *roofs, struct circ_subject *subjects, int count,
                                struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < count && !status; i++) {
        struct circ_subject *subject = &subjects[i];
        struct circ_trial *trial = &subject->trial;
        if (!subject->complete || trial->status || trial->time_ns_median <= 0 ||
            !has_roof(subject->planned) || !set(roofs, subject))
            continue;
        if (!circ_interrupt_requested())
            status = know(roofs, subject->planned, true, err);
        if (status || !set(roofs, subject))
            continue;
        circ_subject_remark(
            subject,
            "%.0f %% faster than its roof: a ceiling was measured too low (`circbench roof` "
            "on an idle machine measures again), or the point does less work than it counts",
            100 * (trial->roof_time_ns / (double)trial->time_ns_median - 1));
        roofs->above++;
    }
    return status;
}

void circ_roofs_end(struct circ_roofs *roofs)
{
    if (roofs->above)
        circ_log_warn("%d point%s faster than the roof: the reasons are in %s row%s", roofs->above,
                      roofs->above == 1 ? " is" : "s are", roofs->above == 1 ? "its" : "their",
                      roofs->above == 1 ? "" : "s");
    circ_limits_free(&roofs->limits);
}
