/* Campaign rows: insert, find, rename, delete. It begins and ends no transaction. */
#include "results/campaign.h"

#include "results/keys.h"
#include "backends/core/nearest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_CANDIDATES 64 /* campaigns among which the nearest name is looked for, newest first */

static const char insert_sql[] =
    "INSERT INTO campaign (key, host, name, command, axes, version, commit_id, build, warnings,"
    " created_ns, seed) VALUES (?,?,?,?,?,?,?,?,?,?,?)";
static const char snapshot_sql[] = "INSERT INTO campaign_fact (campaign, key, value, position)"
                                   " SELECT ?, key, value, position FROM host_fact WHERE host = ?";
static const char named_sql[] = "SELECT key FROM campaign WHERE name = ?";
static const char keyed_sql[] = "SELECT key FROM campaign WHERE key = ?";
static const char latest_sql[] =
    "SELECT key FROM campaign ORDER BY created_ns DESC, rowid DESC LIMIT 1";
static const char resume_sql[] =
    "SELECT key FROM campaign WHERE axes = ? ORDER BY created_ns DESC, rowid DESC LIMIT 1";
/* The only key with the prefix, "+" for several, no row for none. */
static const char prefix_sql[] =
    "SELECT CASE count(*) WHEN 1 THEN min(key) ELSE '+' END FROM campaign"
    " WHERE substr(key, 1, length(?1)) = lower(?1) HAVING count(*) > 0";
static const char names_sql[] =
    "SELECT name FROM campaign ORDER BY created_ns DESC, rowid DESC LIMIT ?";
static const char count_sql[] = "SELECT count(*) FROM trial WHERE campaign = ? AND instr(' ' || ? "
                                "|| ' ', ' ' || status || ' ')";
static const char rename_sql[] = "UPDATE campaign SET name = ? WHERE key = ?";
static const char delete_sql[] = "DELETE FROM campaign WHERE key = ?";

/* Looks one word up with a statement of one parameter (none when word is NULL). */
static enum circ_status look_up(struct circ_connection *connection, const char *sql,
                                const char *word, char key[CIRC_KEY_SIZE], struct circ_error *err)
{
    struct circ_bind bind;
    enum circ_status status = circ_connection_prepare(connection, sql, &bind, err);

    if (status)
        return status;
    if (word)
        circ_connection_bind_word(&bind, word);
    return circ_connection_text(connection, &bind, key, CIRC_KEY_SIZE, "looking for a campaign",
                                err);
}

static enum circ_status refuse_reserved(const char *name, struct circ_error *err)
{
    return strcmp(name, "latest")
               ? CIRC_OK
               : circ_status_fail(err, CIRC_USAGE,
                                  "latest: stands for the newest campaign: choose another name");
}

/* The wanted name, or it with the first free suffix: NAME-2, NAME-3, ... *free_name is owned by the
 * caller (sqlite3_free). */
static enum circ_status choose_name(struct circ_connection *connection,
                                    const struct circ_campaign *campaign, char **free_name,
                                    struct circ_error *err)
{
    char generated[32], found[CIRC_KEY_SIZE];
    const char *wanted = campaign->name;
    enum circ_status status = CIRC_OK;

    if (!*wanted) {
        time_t created = (time_t)(campaign->created_ns / 1000000000);
        struct tm parts;

        if (!gmtime_r(&created, &parts) ||
            !strftime(generated, sizeof generated, "%Y%m%d-%H%M%S", &parts))
            return circ_status_fail(err, CIRC_INTERNAL, "campaign: no date for %" PRId64 " ns",
                                    campaign->created_ns);
        wanted = generated;
    }
    status = refuse_reserved(wanted, err);
    *free_name = NULL;
    for (int suffix = 1; !status; suffix++) {
        *free_name =
            suffix == 1 ? sqlite3_mprintf("%s", wanted) : sqlite3_mprintf("%s-%d", wanted, suffix);
        if (!*free_name)
            return circ_status_fail(err, CIRC_MEMORY, "out of memory for a campaign's name");
        status = look_up(connection, named_sql, *free_name, found, err);
        if (!status && !*found)
            break;
        sqlite3_free(*free_name);
        *free_name = NULL;
    }
    return status;
}

static enum circ_status insert_row(struct circ_connection *connection, const char *host,
                                   const struct circ_campaign *campaign, const char *key,
                                   const char *name, struct circ_error *err)
{
    char seed[24];
    struct circ_bind bind;
    enum circ_status status = circ_connection_prepare(connection, insert_sql, &bind, err);

    if (status)
        return status;
    snprintf(seed, sizeof seed, "%" PRIu64, campaign->seed);
    circ_connection_bind_word(&bind, key);
    circ_connection_bind_word(&bind, host);
    circ_connection_bind_word(&bind, name);
    circ_connection_bind_word(&bind, campaign->command);
    circ_connection_bind_word(&bind, campaign->axes);
    circ_connection_bind_text(&bind, campaign->version);
    circ_connection_bind_text(&bind, campaign->commit);
    circ_connection_bind_text(&bind, campaign->build);
    circ_connection_bind_text(&bind, campaign->warnings);
    circ_connection_bind_number(&bind, campaign->created_ns);
    circ_connection_bind_word(&bind, seed);
    return circ_connection_run(connection, &bind, "storing the campaign", err);
}

enum circ_status circ_campaign_insert(struct circ_connection *connection, const char *host,
                                      const struct circ_campaign *campaign, char key[CIRC_KEY_SIZE],
                                      struct circ_error *err)
{
    struct circ_bind bind;
    char *name = NULL;
    enum circ_status status = choose_name(connection, campaign, &name, err);

    circ_keys_random(key);
    if (!status)
        status = insert_row(connection, host, campaign, key, name, err);
    if (!status)
        status = circ_connection_prepare(connection, snapshot_sql, &bind, err);
    if (status)
        goto done;
    circ_connection_bind_word(&bind, key);
    circ_connection_bind_word(&bind, host);
    status = circ_connection_run(connection, &bind, "storing the campaign's facts", err);
done:
    sqlite3_free(name);
    return status;
}

enum circ_status circ_campaign_resume(struct circ_connection *connection, const char *axes,
                                      char key[CIRC_KEY_SIZE], struct circ_error *err)
{
    enum circ_status status = look_up(connection, resume_sql, axes, key, err);

    if (!status && !*key)
        status = circ_status_fail(err, CIRC_NOTHING, "%s: holds no campaign with these axes",
                                  connection->path);
    return status;
}

/* Copies the newest names, at most limit; free each with sqlite3_free. */
static enum circ_status read_names(struct circ_connection *connection, char **names, int limit,
                                   int *count, struct circ_error *err)
{
    struct circ_bind bind;
    enum circ_status status = circ_connection_prepare(connection, names_sql, &bind, err);
    int code;

    *count = 0;
    if (status)
        return status;
    circ_connection_bind_number(&bind, limit);
    while ((code = sqlite3_step(bind.statement)) == SQLITE_ROW && *count < limit)
        if ((names[*count] =
                 sqlite3_mprintf("%s", (const char *)sqlite3_column_text(bind.statement, 0))))
            ++*count;
    sqlite3_reset(bind.statement);
    return code == SQLITE_DONE || code == SQLITE_ROW
               ? CIRC_OK
               : circ_connection_fail(connection, code, "listing campaigns", err);
}

static enum circ_status refuse_unknown(struct circ_connection *connection, const char *which,
                                       struct circ_error *err)
{
    char *names[MAX_CANDIDATES] = {NULL};
    int count;
    enum circ_status status = read_names(connection, names, MAX_CANDIDATES, &count, err);

    if (!status) {
        const char *nearest = circ_nearest_find(which, (const char *const *)names, (size_t)count);
        const char *guess = nearest ? nearest : count ? names[0] : NULL;

        status = guess ? circ_status_fail(err, CIRC_USAGE,
                                          "%s: no campaign '%.100s': %s '%.100s'? `circbench "
                                          "campaigns` lists them",
                                          connection->path, which,
                                          nearest ? "did you mean" : "the newest is", guess)
                       : circ_status_fail(err, CIRC_USAGE,
                                          "%s: no campaign '%.100s', nor any other: run `circbench "
                                          "sweep` first",
                                          connection->path, which);
    }
    for (int i = 0; i < count; i++)
        sqlite3_free(names[i]);
    return status;
}

enum circ_status circ_campaign_find(struct circ_connection *connection, const char *which,
                                    char key[CIRC_KEY_SIZE], struct circ_error *err)
{
    bool latest = !strcmp(which, "latest");
    enum circ_status status =
        look_up(connection, latest ? latest_sql : named_sql, latest ? NULL : which, key, err);

    if (!status && !*key)
        status = look_up(connection, keyed_sql, which, key, err);
    if (!status && !*key && strlen(which) >= 4)
        status = look_up(connection, prefix_sql, which, key, err);
    if (status)
        return status;
    if (!strcmp(key, "+"))
        return circ_status_fail(err, CIRC_USAGE,
                                "%s: several campaigns begin with '%.100s': give more of the key",
                                connection->path, which);
    return *key ? CIRC_OK : refuse_unknown(connection, which, err);
}

enum circ_status circ_campaign_rename(struct circ_connection *connection, const char *key,
                                      const char *name, struct circ_error *err)
{
    char found[CIRC_KEY_SIZE];
    struct circ_bind bind;
    enum circ_status status =
        *name ? refuse_reserved(name, err)
              : circ_status_fail(err, CIRC_USAGE, "campaign: the new name is empty");

    if (!status)
        status = look_up(connection, named_sql, name, found, err);
    if (status)
        return status;
    if (*found && strcmp(found, key))
        return circ_status_fail(err, CIRC_USAGE,
                                "%s: another campaign is called '%.100s': choose another name",
                                connection->path, name);
    status = circ_connection_prepare(connection, rename_sql, &bind, err);
    if (status)
        return status;
    circ_connection_bind_word(&bind, name);
    circ_connection_bind_word(&bind, key);
    status = circ_connection_run(connection, &bind, "renaming a campaign", err);
    if (!status && !sqlite3_changes(connection->db))
        status = refuse_unknown(connection, key, err);
    return status;
}

/* A host goes with its last campaign, its devices with it, unless its ceilings are known, which
 * speak of the machine and of no campaign; points go when no trial is left. A device of a host that
 * stays is kept, for a sweep in another process may be about to refer to it. */
enum circ_status circ_campaign_delete(struct circ_connection *connection, const char *key,
                                      struct circ_error *err)
{
    struct circ_bind bind;
    enum circ_status status = circ_connection_prepare(connection, delete_sql, &bind, err);

    if (status)
        return status;
    circ_connection_bind_word(&bind, key);
    status = circ_connection_run(connection, &bind, "deleting a campaign", err);
    if (!status && !sqlite3_changes(connection->db))
        return refuse_unknown(connection, key, err);
    if (!status)
        status = circ_connection_execute(
            connection,
            "DELETE FROM point WHERE key NOT IN (SELECT point FROM trial);"
            "DELETE FROM host WHERE key NOT IN (SELECT host FROM campaign) AND key NOT IN"
            " (SELECT d.host FROM device AS d JOIN ceiling AS c ON c.device = d.key);",
            "deleting what no campaign uses", err);
    return status;
}

enum circ_status circ_campaign_count(struct circ_connection *connection, const char *key,
                                     const char *statuses, int64_t *count, struct circ_error *err)
{
    struct circ_bind bind;
    char text[24] = "";
    enum circ_status status = circ_connection_prepare(connection, count_sql, &bind, err);

    if (status)
        return status;
    circ_connection_bind_word(&bind, key);
    circ_connection_bind_word(&bind, statuses);
    status = circ_connection_text(connection, &bind, text, sizeof text, "counting trials", err);
    *count = strtoll(text, NULL, 10);
    return status;
}
