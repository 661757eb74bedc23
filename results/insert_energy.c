/* Writes the rows of the energy pass: windows, traces of power, the meters of a campaign and its
 * marker. It begins and ends no transaction. */
#include "results/insert_energy.h"

#include <math.h>

/* Statements are kept by address, so each is one object. */
static const char window_sql[] =
    "INSERT INTO energy_window (trial, number, source, channel, scope, grade, idle, duration_ns,"
    " frames, raw_start, raw_end, energy_uj, bound_uj, place, chosen, used, reason, pci, start_ns)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
static const char power_sql[] =
    "INSERT OR IGNORE INTO power_sample (trial, source, channel, t_ns, power_uw)"
    " VALUES (?,?,?,?,?)";
static const char forget_sql[] = "DELETE FROM campaign_meter WHERE campaign = ?";
static const char meter_sql[] =
    "INSERT INTO campaign_meter (campaign, meter, state, detail, position) VALUES (?,?,?,?,?)";
static const char marker_sql[] = "UPDATE campaign SET marker_ns = ?2 WHERE key = ?1";

enum circ_status circ_insert_energy_windows(struct circ_connection *connection, const char *key,
                                            const struct circ_trial *trial, int64_t first,
                                            struct circ_error *err)
{
    enum circ_status status = CIRC_OK;

    for (size_t i = 0; i < trial->window_count && !status; i++) {
        const struct circ_energy_window *window = &trial->windows[i];
        struct circ_bind bind;

        status = circ_connection_prepare(connection, window_sql, &bind, err);
        if (status)
            break;
        circ_connection_bind_word(&bind, key);
        circ_connection_bind_number(&bind, first + (int64_t)i);
        circ_connection_bind_word(&bind, window->source);
        circ_connection_bind_word(&bind, window->channel);
        circ_connection_bind_word(&bind, window->scope);
        circ_connection_bind_word(&bind, window->grade);
        circ_connection_bind_number(&bind, window->idle);
        circ_connection_bind_number(&bind, window->duration_ns);
        circ_connection_bind_number(&bind, window->frames);
        circ_connection_bind_number(&bind, window->raw_start);
        circ_connection_bind_number(&bind, window->raw_end);
        circ_connection_bind_real(&bind, window->energy_uj);
        circ_connection_bind_real(&bind, window->bound_uj);
        circ_connection_bind_number(&bind, window->place);
        circ_connection_bind_number(&bind, window->chosen);
        circ_connection_bind_number(&bind, window->used);
        circ_connection_bind_text(&bind, window->reason);
        circ_connection_bind_text(&bind, window->pci);
        circ_connection_bind_number(&bind, window->start_ns);
        status = circ_connection_run(connection, &bind, "storing an energy window", err);
    }
    return status;
}

static enum circ_status insert_powers(struct circ_connection *connection, const char *key,
                                      const struct circ_trial *trial, struct circ_error *err)
{
    enum circ_status status = CIRC_OK;

    for (size_t i = 0; i < trial->power_count && !status; i++) {
        const struct circ_power_sample *sample = &trial->powers[i];
        struct circ_bind bind;

        if (!isfinite(sample->power_uw))
            continue;
        status = circ_connection_prepare(connection, power_sql, &bind, err);
        if (status)
            break;
        circ_connection_bind_word(&bind, key);
        circ_connection_bind_word(&bind, sample->source);
        circ_connection_bind_word(&bind, sample->channel);
        circ_connection_bind_number(&bind, sample->t_ns);
        circ_connection_bind_real(&bind, sample->power_uw);
        status = circ_connection_run(connection, &bind, "storing a power sample", err);
    }
    return status;
}

enum circ_status circ_insert_energy_trial(struct circ_connection *connection, const char *key,
                                          const struct circ_trial *trial, struct circ_error *err)
{
    enum circ_status status = circ_insert_energy_windows(connection, key, trial, 0, err);

    return status ? status : insert_powers(connection, key, trial, err);
}

enum circ_status circ_insert_energy_meters(struct circ_connection *connection, const char *campaign,
                                           const struct circ_meter_row *rows, size_t count,
                                           struct circ_error *err)
{
    struct circ_bind bind;
    enum circ_status status = circ_connection_prepare(connection, forget_sql, &bind, err);

    if (status)
        return status;
    circ_connection_bind_word(&bind, campaign);
    status = circ_connection_run(connection, &bind, "forgetting a campaign's meters", err);
    for (size_t i = 0; i < count && !status; i++) {
        status = circ_connection_prepare(connection, meter_sql, &bind, err);
        if (status)
            break;
        circ_connection_bind_word(&bind, campaign);
        circ_connection_bind_word(&bind, rows[i].meter);
        circ_connection_bind_word(&bind, rows[i].state);
        circ_connection_bind_text(&bind, rows[i].detail);
        circ_connection_bind_number(&bind, (int64_t)i);
        status = circ_connection_run(connection, &bind, "storing a campaign's meters", err);
    }
    return status;
}

enum circ_status circ_insert_energy_marker(struct circ_connection *connection, const char *campaign,
                                           int64_t marker_ns, struct circ_error *err)
{
    struct circ_bind bind;
    enum circ_status status = circ_connection_prepare(connection, marker_sql, &bind, err);

    if (status)
        return status;
    circ_connection_bind_word(&bind, campaign);
    circ_connection_bind_number(&bind, marker_ns);
    return circ_connection_run(connection, &bind, "storing the marker's moment", err);
}
