/* Writes the rows of hosts, devices and trials with kept statements; those of the energy pass are
 * insert_energy.c's. It begins and ends no transaction and reads only to answer whether a row
 * exists. */
#include "results/insert.h"

#include "results/insert_energy.h"
#include "results/keys.h"

/* Statements are kept by address, so each is one object. */
static const char host_sql[] = "INSERT OR IGNORE INTO host (key) VALUES (?)";
static const char stale_sql[] = "DELETE FROM host_fact WHERE host = ? AND NOT identifies";
static const char fact_sql[] =
    "INSERT OR REPLACE INTO host_fact (host, position, key, value, identifies) VALUES (?,?,?,?,?)";
static const char device_sql[] = "INSERT OR IGNORE INTO device (key, host, backend, name, "
                                 "description, device_kind, memory_bytes)"
                                 " VALUES (?,?,?,?,?,?,?)";
static const char point_sql[] =
    "INSERT OR IGNORE INTO point (key, workload, network, backend, device, structure, variant, isa,"
    " precision, pass, block, block_conv, batch, threads, cold) VALUES "
    "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
static const char exists_sql[] = "SELECT 1 FROM trial WHERE campaign = ? AND point = ?";
static const char trial_sql[] =
    "INSERT INTO trial (key, campaign, point, device, status, reason, kind, library, tuning, isa,"
    " prepare_ns, upload_ns, download_ns, verify_ns, flop_dense, flop_executed, weight_count,"
    " weight_count_dense, weight_bytes, energy_reason, time_ns_median, time_ns_min, time_ns_p95,"
    " time_ns_ci_low, time_ns_ci_high, samples, stop_reason, device_time_ns_median, cycles,"
    " instructions, energy_uj_per_frame, energy_uj_ci_low, energy_uj_ci_high, idle_power_uw,"
    " energy_source, energy_scope, energy_kind, energy_quality, flop_roof, roof_bytes, "
    "roof_time_ns,"
    " roof_bound, energy_remark, energy_bound_uj, power_uw, power_uw_ci_low, power_uw_ci_high,"
    " temperature_before_mc, temperature_after_mc, frequency_before_khz, frequency_after_khz)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
    "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
static const char verdict_sql[] =
    "INSERT INTO verdict (trial, rel_rms_error, max_error, error_bound, checked, outputs)"
    " VALUES (?,?,?,?,?,?)";
static const char sample_sql[] =
    "INSERT INTO sample (trial, number, start_ns, time_ns, device_time_ns, iterations, warmup,"
    " outlier) VALUES (?,?,?,?,?,?,?,?)";
static const char counter_sql[] =
    "INSERT INTO counter (trial, source, name, unit, value, running, reason)"
    " VALUES (?,?,?,?,?,?,?)";

static enum circ_status insert_facts(struct circ_connection *connection, const char *host,
                                     const struct circ_fact *facts, size_t count,
                                     struct circ_error *err)
{
    enum circ_status status = CIRC_OK;

    for (size_t i = 0; i < count && !status; i++) {
        struct circ_bind bind;

        status = circ_connection_prepare(connection, fact_sql, &bind, err);
        if (status)
            break;
        circ_connection_bind_word(&bind, host);
        circ_connection_bind_number(&bind, (int64_t)i);
        circ_connection_bind_word(&bind, facts[i].key);
        circ_connection_bind_word(&bind, facts[i].value);
        circ_connection_bind_number(&bind, facts[i].identifies);
        status = circ_connection_run(connection, &bind, "storing a host fact", err);
    }
    return status;
}

enum circ_status circ_insert_host(struct circ_connection *connection, const struct circ_fact *facts,
                                  size_t count, char key[CIRC_KEY_SIZE], struct circ_error *err)
{
    static const char *const statements[] = {host_sql, stale_sql};
    enum circ_status status = circ_keys_host(facts, count, key, err);

    for (size_t i = 0; i < sizeof statements / sizeof *statements && !status; i++) {
        struct circ_bind bind;

        status = circ_connection_prepare(connection, statements[i], &bind, err);
        if (status)
            break;
        circ_connection_bind_word(&bind, key);
        status = circ_connection_run(connection, &bind, "storing the host", err);
    }
    return status ? status : insert_facts(connection, key, facts, count, err);
}

enum circ_status circ_insert_device(struct circ_connection *connection, const char *host,
                                    const struct circ_device_row *device, char key[CIRC_KEY_SIZE],
                                    struct circ_error *err)
{
    struct circ_bind bind;
    enum circ_status status = circ_keys_device(host, device, key, err);

    if (!status)
        status = circ_connection_prepare(connection, device_sql, &bind, err);
    if (status)
        return status;
    circ_connection_bind_word(&bind, key);
    circ_connection_bind_word(&bind, host);
    circ_connection_bind_word(&bind, device->backend);
    circ_connection_bind_word(&bind, device->name);
    circ_connection_bind_text(&bind, device->description);
    circ_connection_bind_word(&bind, device->device_kind);
    circ_connection_bind_count(&bind, device->memory_bytes);
    return circ_connection_run(connection, &bind, "storing a device", err);
}

enum circ_status circ_insert_exists(struct circ_connection *connection, const char *campaign,
                                    const char *point, bool *has, struct circ_error *err)
{
    char found[2];
    struct circ_bind bind;
    enum circ_status status = circ_connection_prepare(connection, exists_sql, &bind, err);

    if (status)
        return status;
    circ_connection_bind_word(&bind, campaign);
    circ_connection_bind_word(&bind, point);
    status =
        circ_connection_text(connection, &bind, found, sizeof found, "looking for a trial", err);
    *has = !status && *found;
    return status;
}

static enum circ_status insert_point(struct circ_connection *connection, const char *key,
                                     const struct circ_point *point, struct circ_error *err)
{
    struct circ_bind bind;
    enum circ_status status = circ_connection_prepare(connection, point_sql, &bind, err);

    if (status)
        return status;
    circ_connection_bind_word(&bind, key);
    circ_connection_bind_word(&bind, point->workload);
    circ_connection_bind_text(&bind, point->network);
    circ_connection_bind_word(&bind, point->backend);
    circ_connection_bind_word(&bind, point->device);
    circ_connection_bind_word(&bind, point->structure);
    circ_connection_bind_text(&bind, point->variant);
    circ_connection_bind_text(&bind, point->isa);
    circ_connection_bind_word(&bind, point->precision);
    circ_connection_bind_word(&bind, point->pass);
    circ_connection_bind_number(&bind, point->block);
    circ_connection_bind_count(&bind, point->block_conv > 0 ? point->block_conv : -1);
    circ_connection_bind_number(&bind, point->batch);
    circ_connection_bind_number(&bind, point->threads);
    circ_connection_bind_number(&bind, point->cold);
    return circ_connection_run(connection, &bind, "storing a point", err);
}

static int64_t count_measured(const struct circ_trial *trial)
{
    int64_t count = 0;

    for (size_t i = 0; i < trial->sample_count; i++)
        count += !trial->samples[i].warmup;
    return count;
}

/* The columns that only an ok row has: a point that failed has no time and no energy, whatever the
 * struct holds, so there they stay unbound, which is NULL. */
static void bind_measured(struct circ_bind *bind, const struct circ_trial *trial)
{
    circ_connection_bind_count(bind, trial->time_ns_median);
    circ_connection_bind_count(bind, trial->time_ns_min);
    circ_connection_bind_count(bind, trial->time_ns_p95);
    circ_connection_bind_count(bind, trial->time_ns_ci_low);
    circ_connection_bind_count(bind, trial->time_ns_ci_high);
    circ_connection_bind_count(bind, trial->sample_count ? count_measured(trial) : -1);
    circ_connection_bind_text(bind, trial->stop_reason);
    circ_connection_bind_count(bind, trial->device_time_ns_median);
    circ_connection_bind_real(bind, trial->cycles);
    circ_connection_bind_real(bind, trial->instructions);
    circ_connection_bind_real(bind, trial->energy_uj_per_frame);
    circ_connection_bind_real(bind, trial->energy_uj_ci_low);
    circ_connection_bind_real(bind, trial->energy_uj_ci_high);
    circ_connection_bind_real(bind, trial->idle_power_uw);
    circ_connection_bind_text(bind, trial->energy_source);
    circ_connection_bind_text(bind, trial->energy_scope);
    circ_connection_bind_text(bind, trial->energy_kind);
    circ_connection_bind_text(bind, trial->energy_quality);
    circ_connection_bind_count(bind, trial->flop_roof);
    circ_connection_bind_count(bind, trial->roof_bytes);
    circ_connection_bind_real(bind, trial->roof_time_ns);
    circ_connection_bind_text(bind, trial->roof_bound);
    circ_connection_bind_text(bind, trial->energy_remark);
    circ_connection_bind_real(bind, trial->energy_bound_uj);
    circ_connection_bind_real(bind, trial->power_uw);
    circ_connection_bind_real(bind, trial->power_uw_ci_low);
    circ_connection_bind_real(bind, trial->power_uw_ci_high);
    circ_connection_bind_real(bind, trial->before.temperature_mc);
    circ_connection_bind_real(bind, trial->after.temperature_mc);
    circ_connection_bind_real(bind, trial->before.frequency_khz);
    circ_connection_bind_real(bind, trial->after.frequency_khz);
}

static enum circ_status insert_row(struct circ_connection *connection, const char *key,
                                   const char *campaign, const char *point, const char *device,
                                   const struct circ_trial *trial, struct circ_error *err)
{
    struct circ_bind bind;
    enum circ_status status = circ_connection_prepare(connection, trial_sql, &bind, err);

    if (status)
        return status;
    circ_connection_bind_word(&bind, key);
    circ_connection_bind_word(&bind, campaign);
    circ_connection_bind_word(&bind, point);
    circ_connection_bind_word(&bind, device);
    circ_connection_bind_word(&bind, circ_status_name(trial->status));
    circ_connection_bind_text(&bind, trial->reason);
    bool timed = trial->status == CIRC_OK && trial->time_ns_median > 0;
    circ_connection_bind_text(&bind, timed ? trial->kind : NULL); /* it speaks of the times */
    circ_connection_bind_text(&bind, trial->library);
    circ_connection_bind_text(&bind, trial->tuning);
    circ_connection_bind_text(&bind, trial->isa);
    circ_connection_bind_count(&bind, trial->prepare_ns);
    circ_connection_bind_count(&bind, trial->upload_ns);
    circ_connection_bind_count(&bind, trial->download_ns);
    circ_connection_bind_count(&bind, trial->verify_ns);
    circ_connection_bind_count(&bind, trial->flop_dense);
    circ_connection_bind_count(&bind, trial->flop_executed);
    circ_connection_bind_count(&bind, trial->weight_count);
    circ_connection_bind_count(&bind, trial->weight_count_dense);
    circ_connection_bind_count(&bind, trial->weight_bytes);
    circ_connection_bind_text(&bind, trial->energy_reason);
    if (trial->status == CIRC_OK)
        bind_measured(&bind, trial);
    return circ_connection_run(connection, &bind, "storing a trial", err);
}

static enum circ_status insert_verdict(struct circ_connection *connection, const char *key,
                                       const struct circ_trial *trial, struct circ_error *err)
{
    struct circ_bind bind;
    enum circ_status status = circ_connection_prepare(connection, verdict_sql, &bind, err);

    if (status)
        return status;
    circ_connection_bind_word(&bind, key);
    circ_connection_bind_real(&bind, trial->rel_rms_error);
    circ_connection_bind_real(&bind, trial->max_error);
    circ_connection_bind_real(&bind, trial->error_bound);
    circ_connection_bind_number(&bind, trial->checked);
    circ_connection_bind_number(&bind, trial->outputs);
    return circ_connection_run(connection, &bind, "storing a verdict", err);
}

static enum circ_status insert_samples(struct circ_connection *connection, const char *key,
                                       const struct circ_trial *trial, struct circ_error *err)
{
    enum circ_status status = CIRC_OK;

    for (size_t i = 0; i < trial->sample_count && !status; i++) {
        const struct circ_sample *sample = &trial->samples[i];
        struct circ_bind bind;

        status = circ_connection_prepare(connection, sample_sql, &bind, err);
        if (status)
            break;
        circ_connection_bind_word(&bind, key);
        circ_connection_bind_number(&bind, (int64_t)i);
        circ_connection_bind_number(&bind, sample->start_ns);
        circ_connection_bind_number(&bind, sample->time_ns);
        circ_connection_bind_count(&bind, sample->device_time_ns);
        circ_connection_bind_number(&bind, sample->iterations);
        circ_connection_bind_number(&bind, sample->warmup);
        circ_connection_bind_number(&bind, sample->outlier);
        status = circ_connection_run(connection, &bind, "storing a sample", err);
    }
    return status;
}

static enum circ_status insert_counters(struct circ_connection *connection, const char *key,
                                        const struct circ_trial *trial, struct circ_error *err)
{
    enum circ_status status = CIRC_OK;

    for (size_t i = 0; i < trial->counter_count && !status; i++) {
        const struct circ_counter *counter = &trial->counters[i];
        struct circ_bind bind;

        status = circ_connection_prepare(connection, counter_sql, &bind, err);
        if (status)
            break;
        circ_connection_bind_word(&bind, key);
        circ_connection_bind_word(&bind, counter->source);
        circ_connection_bind_word(&bind, counter->name);
        circ_connection_bind_word(&bind, counter->unit);
        circ_connection_bind_real(&bind, counter->value);
        circ_connection_bind_real(&bind, counter->running);
        circ_connection_bind_text(&bind, counter->reason);
        status = circ_connection_run(connection, &bind, "storing a counter", err);
    }
    return status;
}

enum circ_status circ_insert_trial(struct circ_connection *connection, const char *campaign,
                                   const char *device, const struct circ_trial *trial,
                                   struct circ_error *err)
{
    char key[CIRC_KEY_SIZE], point[CIRC_KEY_SIZE];
    bool has;
    enum circ_status status;

    if (trial->status > CIRC_TIMEOUT)
        return circ_status_fail(err, CIRC_INTERNAL,
                                "%s on %s: a row's status is ok, unsup, absent, device, wrong or "
                                "timeout, not %s",
                                trial->point.workload, trial->point.device,
                                circ_status_name(trial->status));
    status = circ_keys_point(&trial->point, point, err);
    if (!status)
        status = circ_insert_exists(connection, campaign, point, &has, err);
    if (!status && has)
        status = circ_status_fail(err, CIRC_USAGE,
                                  "%s: the campaign holds a trial of %s, %s block %d, batch %d on "
                                  "%s already: does another "
                                  "process resume it too?",
                                  connection->path, trial->point.workload, trial->point.structure,
                                  trial->point.block, trial->point.batch, trial->point.device);
    circ_keys_random(key);
    if (!status)
        status = insert_point(connection, point, &trial->point, err);
    if (!status)
        status = insert_row(connection, key, campaign, point, device, trial, err);
    if (!status && trial->checked > 0)
        status = insert_verdict(connection, key, trial, err);
    if (status || trial->status != CIRC_OK)
        return status;
    status = insert_samples(connection, key, trial, err);
    if (!status)
        status = insert_counters(connection, key, trial, err);
    if (!status)
        status = circ_insert_energy_trial(connection, key, trial, err);
    return status;
}
